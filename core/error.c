#include "core/error.h"

#include <stdio.h>
#include <string.h>

/* Copies text into out as printable ASCII, so that a log line stays one line whatever a server or a
 * key contains. Cuts with "..." when it does not fit. */
static void copy_printable(char *out, size_t out_size, const char *text)
{
    size_t used = 0;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        char piece[5];
        if (byte >= 0x20 && byte < 0x7f)
            (void)snprintf(piece, sizeof piece, "%c", byte);
        else
            (void)snprintf(piece, sizeof piece, "\\x%02x", byte);
        size_t length = strlen(piece);
        if (used + length + 1 > out_size) {
            size_t cut = used < out_size - 4 ? used : out_size - 4;
            memcpy(out + cut, "...", 4);
            return;
        }
        memcpy(out + used, piece, length);
        used += length;
    }
    out[used] = '\0';
}

enum vfl_status vfl_error_set(struct vfl_error *err, enum vfl_status status, const char *format,
                              ...)
{
    if (err == NULL)
        return status;
    char raw[VFL_ERROR_TEXT_SIZE * 2];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    err->status = status;
    copy_printable(err->text, sizeof err->text, raw);
    return status;
}

enum vfl_status vfl_error_wrap(struct vfl_error *err, enum vfl_status status, const char *format,
                               ...)
{
    if (err == NULL)
        return status;
    char raw[VFL_ERROR_TEXT_SIZE * 3];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(raw, VFL_ERROR_TEXT_SIZE, format, args);
    va_end(args);
    size_t length = strlen(raw);
    (void)snprintf(raw + length, sizeof raw - length, ": %s", err->text);
    err->status = status;
    copy_printable(err->text, sizeof err->text, raw);
    return status;
}

const char *vfl_status_name(enum vfl_status status)
{
    switch (status) {
    case VFL_OK:
        return "ok";
    case VFL_RETRY:
        return "retry";
    case VFL_FORMAT:
        return "format";
    case VFL_UNSUPPORTED:
        return "unsupported";
    case VFL_LIMIT:
        return "limit";
    case VFL_NOT_FOUND:
        return "not-found";
    case VFL_DENIED:
        return "denied";
    case VFL_CONFIG:
        return "config";
    case VFL_CANCELLED:
        return "cancelled";
    case VFL_DEADLINE:
        return "deadline";
    case VFL_NO_MEMORY:
        return "no-memory";
    case VFL_IO:
        return "io";
    }
    return "unknown";
}
