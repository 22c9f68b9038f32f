/* Cuts a stream of bytes where lines end. */
#ifndef VFL_FLOWLOG_LINES_H
#define VFL_FLOWLOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

#define VFL_LINE_MAX_BYTES 65536

/* Receives blocks of whole lines, each with its '\n' (a CR is left in front of it); only the
 * stream's last line may lack it. A block has a line at least. It dies on return. A status other
 * than VFL_OK stops the feed, which returns it unchanged. */
struct vfl_line_sink {
    enum vfl_status (*block)(void *ctx, struct vfl_span block, struct vfl_error *err);
    void *ctx;
};

/* A line over VFL_LINE_MAX_BYTES, its newline not counted, is dropped and counted, and reading goes
 * on behind it; it is in no block, and ends the one before. The lines of a chunk are passed on in
 * place; the one that began in an earlier chunk is a block of its own. Not thread-safe. */
struct vfl_lines {
    struct vfl_line_sink sink;
    char *carry; /* the unfinished line; allocated once, with room for its newline */
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

/* Takes the first line off a block, without its newline; false when nothing is left. */
bool vfl_lines_next(struct vfl_span *block, struct vfl_span *ret_line);

/* Whether the line has spaces, tabs and CRs alone. */
bool vfl_line_is_blank(struct vfl_span line);

#endif
