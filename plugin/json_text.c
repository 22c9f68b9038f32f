#include "plugin/json_text.h"

#include <stdbool.h>
#include <stdint.h>

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* In the result the top bit of each byte below bound (at most 128) is set, and now and then that of
 * a byte above it: no false "none". */
static uint64_t bytes_below(uint64_t word, uint64_t bound)
{
    return (word - EACH_BYTE(bound)) & ~word & EACH_BYTE(0x80u);
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* How many of the first bytes stand in a JSON string as they are. Eight at a time: nearly every
 * text is plain to its end, and looking at each byte was half of the time of writing it. */
static size_t plain_length(const unsigned char *bytes, size_t len)
{
    size_t at = 0;
    for (uint64_t word; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        uint64_t odd = (word & EACH_BYTE(0x80u)) | bytes_below(word, 0x20) |
                       bytes_below(word ^ EACH_BYTE((unsigned char)'"'), 1) |
                       bytes_below(word ^ EACH_BYTE((unsigned char)'\\'), 1);
        if (odd != 0)
            break;
    }
    while (at < len && is_plain(bytes[at]))
        at++;
    return at;
}

/* The length of the well-formed UTF-8 sequence of several bytes at the start; 0: there is none. The
 * second byte's bounds keep out overlong forms, surrogates and what lies above U+10FFFF. Source:
 * RFC 3629 section 4. */
static size_t sequence_length(const unsigned char *bytes, size_t len)
{
    unsigned char first = bytes[0];
    size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                    : first >= 0xe0 && first <= 0xef ? 3
                    : first >= 0xf0 && first <= 0xf4 ? 4
                                                     : 0;
    if (length == 0 || length > len)
        return 0;
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return 0;
    return length;
}

static void append_escaped(struct vfl_strbuf *buf, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char escape[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    if (byte == '"')
        VFL_JSON_APPEND(buf, "\\\"");
    else if (byte == '\\')
        VFL_JSON_APPEND(buf, "\\\\");
    else if (byte == '\n')
        VFL_JSON_APPEND(buf, "\\n");
    else
        vfl_strbuf_append(buf, (struct vfl_span){escape, sizeof escape});
}

void vfl_json_append_string(struct vfl_strbuf *buf, struct vfl_span text)
{
    VFL_JSON_APPEND(buf, "\"");
    while (text.len > 0) {
        const unsigned char *bytes = (const unsigned char *)text.ptr;
        size_t length = plain_length(bytes, text.len);
        if (length == 0 && bytes[0] >= 0x80)
            length = sequence_length(bytes, text.len);
        if (length > 0) {
            vfl_strbuf_append(buf, (struct vfl_span){text.ptr, length});
        } else {
            length = 1;
            if (bytes[0] >= 0x80)
                VFL_JSON_APPEND(buf, "\xef\xbf\xbd");
            else
                append_escaped(buf, bytes[0]);
        }
        text.ptr += length;
        text.len -= length;
    }
    VFL_JSON_APPEND(buf, "\"");
}

void vfl_json_append_strings(struct vfl_strbuf *buf, const char *const *texts, size_t count)
{
    VFL_JSON_APPEND(buf, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            VFL_JSON_APPEND(buf, ",");
        vfl_json_append_string(buf, vfl_span_from_string(texts[i]));
    }
    VFL_JSON_APPEND(buf, "]");
}

void vfl_json_append_number(struct vfl_strbuf *buf, unsigned number)
{
    char digits[3 * sizeof number];
    char *first = digits + sizeof digits;
    do
        *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    vfl_strbuf_append(buf, (struct vfl_span){first, (size_t)(digits + sizeof digits - first)});
}
