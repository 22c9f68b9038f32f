/* Borrowed bytes and the joint between pipeline stages. */
#ifndef VFL_SPAN_H
#define VFL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/error.h"

/* Bytes that somebody else owns; not NUL-terminated. A span that a function receives is valid until
 * that function returns: a callee that keeps the bytes copies them. {NULL, 0} is "absent". */
struct vfl_span {
    const char *ptr;
    size_t len;
};

#define VFL_SPAN_LITERAL(text) ((struct vfl_span){(text), sizeof(text) - 1})

static inline struct vfl_span vfl_span_from_string(const char *text)
{
    return text == NULL ? (struct vfl_span){NULL, 0} : (struct vfl_span){text, strlen(text)};
}

static inline bool vfl_span_equal(struct vfl_span a, struct vfl_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool vfl_span_equal_string(struct vfl_span a, const char *text)
{
    return vfl_span_equal(a, vfl_span_from_string(text));
}

static inline bool vfl_span_has_prefix(struct vfl_span a, struct vfl_span prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* The value of a hexadecimal digit in either case; -1 for any other character. */
static inline int vfl_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A consumer of a byte stream.
 *
 * write may be called with any split of the stream, zero-length chunks included. A status other
 * than VFL_OK stops the producer, which returns that status unchanged; err then carries the
 * consumer's text. The end of the stream is never signalled here: the consumer's own finish
 * function does that, so that a truncated stream cannot look complete. */
struct vfl_sink {
    enum vfl_status (*write)(void *ctx, struct vfl_span chunk, struct vfl_error *err);
    void *ctx;
};

#endif
