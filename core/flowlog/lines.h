/* Cuts a stream of bytes into lines. */
#ifndef VFL_FLOWLOG_LINES_H
#define VFL_FLOWLOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

#define VFL_LINE_MAX_BYTES 65536

/* Receives each line without its '\n' (a CR is left on). line dies on return. A status other than
 * VFL_OK stops the feed, which returns it unchanged. */
struct vfl_line_sink {
    enum vfl_status (*line)(void *ctx, struct vfl_span line, struct vfl_error *err);
    void *ctx;
};

/* A line over VFL_LINE_MAX_BYTES is dropped and counted, and reading goes on after its newline.
 * Whole lines inside a chunk are passed on in place, without a copy. Not thread-safe. */
struct vfl_lines {
    struct vfl_line_sink sink;
    char *carry; /* the unfinished line; allocated once, VFL_LINE_MAX_BYTES */
    size_t carry_len;
    bool is_skipping; /* inside an over-long line */
    uint64_t overlong_count;
};

enum vfl_status vfl_lines_init(struct vfl_lines *lines, struct vfl_line_sink sink,
                               struct vfl_error *err) VFL_MUST_CHECK;
void vfl_lines_fini(struct vfl_lines *lines); /* NULL and zeroed are fine */
/* Ready for the next object; keeps the carry buffer. */
void vfl_lines_reset(struct vfl_lines *lines);
enum vfl_status vfl_lines_feed(struct vfl_lines *lines, struct vfl_span chunk,
                               struct vfl_error *err) VFL_MUST_CHECK;
/* Passes on a last line that has no newline. */
enum vfl_status vfl_lines_finish(struct vfl_lines *lines, struct vfl_error *err) VFL_MUST_CHECK;

#endif
