#include "core/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void vfl_wipe(void *bytes, size_t size)
{
    volatile unsigned char *byte = bytes;
    while (size-- > 0)
        *byte++ = 0;
}

void vfl_wipe_free(char *text)
{
    if (text == NULL)
        return;
    vfl_wipe(text, strlen(text));
    free(text);
}

void vfl_strbuf_init(struct vfl_strbuf *buf, size_t cap_bytes)
{
    *buf = (struct vfl_strbuf)VFL_STRBUF_INIT(cap_bytes);
}

void vfl_strbuf_init_secret(struct vfl_strbuf *buf, size_t cap_bytes)
{
    vfl_strbuf_init(buf, cap_bytes);
    buf->is_secret = true;
}

void vfl_strbuf_fini(struct vfl_strbuf *buf)
{
    if (buf == NULL)
        return;
    if (buf->is_secret)
        vfl_wipe(buf->bytes, buf->allocated);
    free(buf->bytes);
    buf->bytes = NULL;
    buf->len = buf->allocated = 0;
    buf->failure = VFL_OK;
}

void vfl_strbuf_reset(struct vfl_strbuf *buf)
{
    if (buf->is_secret)
        vfl_wipe(buf->bytes, buf->allocated);
    buf->len = 0;
    buf->failure = VFL_OK;
    if (buf->bytes != NULL)
        buf->bytes[0] = '\0';
}

/* Makes room for extra bytes and a NUL. realloc could leave a secret behind in freed memory, so
 * growth is always allocate, copy, wipe, free. */
static bool reserve(struct vfl_strbuf *buf, size_t extra)
{
    if (buf->failure != VFL_OK)
        return false;
    if (extra > buf->cap || buf->len > buf->cap - extra) {
        buf->failure = VFL_LIMIT;
        return false;
    }
    size_t needed = buf->len + extra + 1;
    if (needed <= buf->allocated)
        return true;
    size_t size = buf->allocated < 64 ? 64 : buf->allocated * 2;
    if (size < needed)
        size = needed;
    char *bytes = malloc(size);
    if (bytes == NULL) {
        buf->failure = VFL_NO_MEMORY;
        return false;
    }
    if (buf->len > 0)
        memcpy(bytes, buf->bytes, buf->len);
    if (buf->is_secret)
        vfl_wipe(buf->bytes, buf->allocated);
    free(buf->bytes);
    buf->bytes = bytes;
    buf->allocated = size;
    buf->bytes[buf->len] = '\0';
    return true;
}

void vfl_strbuf_append(struct vfl_strbuf *buf, struct vfl_span bytes)
{
    if (!reserve(buf, bytes.len))
        return;
    if (bytes.len > 0)
        memcpy(buf->bytes + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
    buf->bytes[buf->len] = '\0';
}

void vfl_strbuf_append_string(struct vfl_strbuf *buf, const char *text)
{
    vfl_strbuf_append(buf, vfl_span_from_string(text));
}

void vfl_strbuf_append_char(struct vfl_strbuf *buf, char c)
{
    vfl_strbuf_append(buf, (struct vfl_span){&c, 1});
}

void vfl_strbuf_appendf(struct vfl_strbuf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        buf->failure = VFL_LIMIT;
        return;
    }
    if (!reserve(buf, (size_t)length))
        return;
    va_start(args, format);
    (void)vsnprintf(buf->bytes + buf->len, (size_t)length + 1, format, args);
    va_end(args);
    buf->len += (size_t)length;
}

enum vfl_status vfl_strbuf_check(const struct vfl_strbuf *buf, const char *what,
                                 struct vfl_error *err)
{
    if (buf->failure == VFL_LIMIT)
        return vfl_error_set(err, VFL_LIMIT, "%s is longer than %zu bytes", what, buf->cap);
    if (buf->failure != VFL_OK)
        return vfl_error_set(err, buf->failure, "no memory for %s", what);
    return VFL_OK;
}

const char *vfl_strbuf_string(const struct vfl_strbuf *buf)
{
    return buf->bytes == NULL ? "" : buf->bytes;
}

struct vfl_span vfl_strbuf_span(const struct vfl_strbuf *buf)
{
    return (struct vfl_span){vfl_strbuf_string(buf), buf->len};
}

char *vfl_strbuf_take(struct vfl_strbuf *buf)
{
    if (!reserve(buf, 0)) {
        vfl_strbuf_fini(buf);
        return NULL;
    }
    char *bytes = buf->bytes;
    buf->bytes = NULL;
    buf->len = buf->allocated = 0;
    return bytes;
}
