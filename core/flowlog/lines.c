#include "core/flowlog/lines.h"

#include <stdlib.h>

enum vfl_status vfl_lines_init(struct vfl_lines *lines, struct vfl_line_sink sink,
                               struct vfl_error *err)
{
    char *carry = malloc(VFL_LINE_MAX_BYTES + 1);
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

/* Passes on the line that was carried, its newline with it if it has one. */
static enum vfl_status end_line(struct vfl_lines *lines, bool has_newline, struct vfl_error *err)
{
    bool is_dropped = lines->is_skipping;
    struct vfl_span line = {lines->carry, lines->carry_len};
    lines->is_skipping = false;
    lines->carry_len = 0;
    if (has_newline)
        lines->carry[line.len++] = '\n';
    return is_dropped || line.len == 0 ? VFL_OK : lines->sink.block(lines->sink.ctx, line, err);
}

/* The bytes up to the last newline in text, which is included; 0 when there is none. */
static size_t whole_lines_len(struct vfl_span text)
{
    size_t len = text.len;
    while (len > 0 && text.ptr[len - 1] != '\n')
        len--;
    return len;
}

/* chunk starts with a line. Returns how much of it was whole lines; 0 when the first is not whole
 * or too long. Looks no further than at what a line may have, so that none in the block is too
 * long. */
static enum vfl_status pass_on_block(struct vfl_lines *lines, struct vfl_span chunk,
                                     size_t *ret_len, struct vfl_error *err)
{
    struct vfl_span block = chunk;
    if (block.len > VFL_LINE_MAX_BYTES + 1)
        block.len = VFL_LINE_MAX_BYTES + 1;
    block.len = whole_lines_len(block);
    *ret_len = block.len;
    return block.len == 0 ? VFL_OK : lines->sink.block(lines->sink.ctx, block, err);
}

/* chunk starts within a line, or with one that pass_on_block would not take. Returns how much of it
 * belongs to that line. */
static enum vfl_status take_in_line(struct vfl_lines *lines, struct vfl_span chunk, size_t *ret_len,
                                    struct vfl_error *err)
{
    const char *newline = memchr(chunk.ptr, '\n', chunk.len);
    size_t len = newline == NULL ? chunk.len : (size_t)(newline - chunk.ptr);
    carry_on(lines, (struct vfl_span){chunk.ptr, len});
    *ret_len = newline == NULL ? len : len + 1;
    return newline == NULL ? VFL_OK : end_line(lines, /* has_newline= */ true, err);
}

enum vfl_status vfl_lines_feed(struct vfl_lines *lines, struct vfl_span chunk,
                               struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    while (st == VFL_OK && chunk.len > 0) {
        size_t len = 0;
        if (!lines->is_skipping && lines->carry_len == 0)
            st = pass_on_block(lines, chunk, &len, err);
        if (st == VFL_OK && len == 0)
            st = take_in_line(lines, chunk, &len, err);
        chunk = (struct vfl_span){chunk.ptr + len, chunk.len - len};
    }
    return st;
}

enum vfl_status vfl_lines_finish(struct vfl_lines *lines, struct vfl_error *err)
{
    return end_line(lines, /* has_newline= */ false, err);
}

bool vfl_lines_next(struct vfl_span *block, struct vfl_span *ret_line)
{
    if (block->len == 0)
        return false;
    const char *newline = memchr(block->ptr, '\n', block->len);
    size_t len = newline == NULL ? block->len : (size_t)(newline - block->ptr);
    size_t taken = newline == NULL ? len : len + 1;
    *ret_line = (struct vfl_span){block->ptr, len};
    *block = (struct vfl_span){block->ptr + taken, block->len - taken};
    return true;
}

bool vfl_line_is_blank(struct vfl_span line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r')
            return false;
    return true;
}
