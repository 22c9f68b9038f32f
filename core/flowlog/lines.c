#include "core/flowlog/lines.h"

#include <stdlib.h>

enum vfl_status vfl_lines_init(struct vfl_lines *lines, struct vfl_line_sink sink,
                               struct vfl_error *err)
{
    char *carry = malloc(VFL_LINE_MAX_BYTES);
    if (carry == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for a line of %d bytes",
                             VFL_LINE_MAX_BYTES);
    *lines = (struct vfl_lines){.sink = sink, .carry = carry};
    return VFL_OK;
}

void vfl_lines_fini(struct vfl_lines *lines)
{
    if (lines == NULL)
        return;
    free(lines->carry);
    *lines = (struct vfl_lines){0};
}

void vfl_lines_reset(struct vfl_lines *lines)
{
    lines->carry_len = 0;
    lines->is_skipping = false;
    lines->overlong_count = 0;
}

/* Adds piece to the unfinished line, or starts skipping that line when it gets too long. */
static void carry_on(struct vfl_lines *lines, struct vfl_span piece)
{
    if (lines->is_skipping || piece.len == 0)
        return;
    if (piece.len > VFL_LINE_MAX_BYTES - lines->carry_len) {
        lines->is_skipping = true;
        lines->overlong_count++;
        return;
    }
    memcpy(lines->carry + lines->carry_len, piece.ptr, piece.len);
    lines->carry_len += piece.len;
}

/* Passes on the line that ends with piece. */
static enum vfl_status end_line(struct vfl_lines *lines, struct vfl_span piece,
                                struct vfl_error *err)
{
    struct vfl_span line = piece;
    if (lines->is_skipping || lines->carry_len > 0 || piece.len > VFL_LINE_MAX_BYTES) {
        carry_on(lines, piece);
        line = (struct vfl_span){lines->carry, lines->carry_len};
    }
    bool is_dropped = lines->is_skipping;
    lines->is_skipping = false;
    lines->carry_len = 0;
    return is_dropped ? VFL_OK : lines->sink.line(lines->sink.ctx, line, err);
}

enum vfl_status vfl_lines_feed(struct vfl_lines *lines, struct vfl_span chunk,
                               struct vfl_error *err)
{
    while (chunk.len > 0) {
        const char *newline = memchr(chunk.ptr, '\n', chunk.len);
        if (newline == NULL) {
            carry_on(lines, chunk);
            break;
        }
        size_t len = (size_t)(newline - chunk.ptr);
        enum vfl_status st = end_line(lines, (struct vfl_span){chunk.ptr, len}, err);
        if (st != VFL_OK)
            return st;
        chunk = (struct vfl_span){newline + 1, chunk.len - len - 1};
    }
    return VFL_OK;
}

enum vfl_status vfl_lines_finish(struct vfl_lines *lines, struct vfl_error *err)
{
    if (!lines->is_skipping && lines->carry_len == 0)
        return VFL_OK;
    return end_line(lines, (struct vfl_span){NULL, 0}, err);
}
