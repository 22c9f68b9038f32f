/* Owned bytes with a required cap and a sticky failure flag: append freely, check once. */
#ifndef VFL_STRBUF_H
#define VFL_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/span.h"

/* Initialise with VFL_STRBUF_INIT(cap) or vfl_strbuf_init. Owns its bytes. Zeroed is a valid buffer
 * that refuses every byte (cap 0). After a failed append the content is unspecified and every later
 * append is ignored until reset. Not thread-safe. */
struct vfl_strbuf {
    char *bytes; /* NUL-terminated once something was appended; NULL before */
    size_t len;
    size_t allocated;
    size_t cap;              /* most bytes it may ever hold, NUL not counted */
    enum vfl_status failure; /* VFL_OK, VFL_LIMIT (cap) or VFL_NO_MEMORY; sticky */
    bool is_secret;          /* wipe bytes before they are freed or moved */
};

#define VFL_STRBUF_INIT(cap_bytes)                                                                 \
    {                                                                                              \
        .cap = (cap_bytes)                                                                         \
    }

void vfl_strbuf_init(struct vfl_strbuf *buf, size_t cap_bytes);
void vfl_strbuf_init_secret(struct vfl_strbuf *buf, size_t cap_bytes);
/* NULL and zeroed are fine; leaves buf empty with the same cap, ready for use. */
void vfl_strbuf_fini(struct vfl_strbuf *buf);
/* Empties and clears the failure; keeps the allocation. */
void vfl_strbuf_reset(struct vfl_strbuf *buf);

void vfl_strbuf_append(struct vfl_strbuf *buf, struct vfl_span bytes);
void vfl_strbuf_append_string(struct vfl_strbuf *buf, const char *text);
void vfl_strbuf_append_char(struct vfl_strbuf *buf, char c);
void vfl_strbuf_appendf(struct vfl_strbuf *buf, const char *format, ...) VFL_PRINTF(2, 3);

/* The verdict on all appends so far; text names `what` ("STS request body"). */
enum vfl_status vfl_strbuf_check(const struct vfl_strbuf *buf, const char *what,
                                 struct vfl_error *err) VFL_MUST_CHECK;
/* Never NULL: "" while empty. Valid until the next append, reset, take or fini. */
const char *vfl_strbuf_string(const struct vfl_strbuf *buf);
struct vfl_span vfl_strbuf_span(const struct vfl_strbuf *buf);
/* Hands the NUL-terminated bytes to the caller, who frees them; buf is empty again. NULL after a
 * failed append or without memory. */
char *vfl_strbuf_take(struct vfl_strbuf *buf);

/* Overwrites memory in a way the compiler may not remove. NULL with size 0 is fine. */
void vfl_wipe(void *bytes, size_t size);
/* Wipes and frees a NUL-terminated heap string. NULL is fine. */
void vfl_wipe_free(char *text);

#endif
