/* Private to the scanners: from a block of lines to its records. A scanner is a file that defines,
 * as fast as its processor can,
 *
 *   look_at                     where 64 bytes hold what parts values, and whether one is NUL
 *   count_bits, put_offsets     of such a mask: how many; which ones, as offsets
 *   read_number, read_address   as record_fields.h says
 *   parse_usual_columns         the first columns of a line of the default format, all at once
 *
 * and includes this file, which makes vfl_record_scan of them. The last one may refuse anything
 * unusual: the general code then decides, so all scanners give the same records.
 *
 * A block is walked once, 64 bytes at a time wherever its lines start, and what parts values is
 * written down for a tile of it; then the tile's lines are taken out of that list. No line has a
 * front or a tail of its own, nor a search for its end: 21 ns a record with AVX-512 and 28 with
 * AVX2, where finding lines first and their separators then took 44. */
#ifndef VFL_FLOWLOG_RECORD_SCAN_H
#define VFL_FLOWLOG_RECORD_SCAN_H

#include "core/flowlog/lines.h"
#include "core/flowlog/record_fields.h"

enum {
    TILE_BYTES = 8192, /* text and list stay in the first cache; offsets fit 15 bits */
    /* Two that part values are never side by side in a tile, so that is as many as it has. */
    TILE_MAX_ENDS = TILE_BYTES / 2,
    SLACK = 64, /* offsets are stored in groups, past the last one that counts */
};

/* Offsets count from the tile's first byte, which is a line's first. */
struct tile {
    size_t len;       /* bytes that were looked at; whole pieces but for the last */
    bool is_cut;      /* the next piece is not as AWS writes lines */
    uint64_t has_nul; /* not 0: somewhere */
    unsigned end_count;
    unsigned newline_count;
    int16_t ends[1 + TILE_MAX_ENDS + SLACK];  /* the byte behind each value; in front of all, -1 */
    uint16_t newlines[TILE_MAX_ENDS + SLACK]; /* which of the ends are newlines */
};

static VFL_INLINE uint16_t number_of_lowest(uint64_t newlines, uint64_t ends, unsigned first)
{
    return (uint16_t)(first - 1 + count_bits(ends & (newlines ^ (newlines - 1))));
}

/* Of a piece with several. */
static VFL_NOINLINE unsigned put_many_newlines(struct piece piece, unsigned first,
                                               uint16_t *newlines)
{
    unsigned count = 0;
    for (uint64_t left = piece.newlines; left != 0; left &= left - 1)
        newlines[count++] = number_of_lowest(left, piece.ends, first);
    return count;
}

/* Which of the ends are newlines; the piece's first end is number first. Returns how many. */
static VFL_INLINE unsigned put_newlines(struct piece piece, unsigned first, uint16_t *newlines)
{
    if ((piece.newlines & (piece.newlines - 1)) != 0)
        return put_many_newlines(piece, first, newlines);
    /* One or none, as often as not: what is stored then does not count. */
    newlines[0] = number_of_lowest(piece.newlines, piece.ends, first);
    return piece.newlines != 0;
}

/* Adds the pieces of text, from the tile's len on; nothing of a piece in which two bytes that part
 * values stand side by side: blank lines, runs of spaces, spaces at either end of a line. */
static VFL_NOINLINE void scan_pieces(struct tile *tile, const char *text, size_t piece_count)
{
    unsigned end_count = tile->end_count;
    unsigned newline_count = tile->newline_count;
    uint64_t was_end = (size_t)(tile->ends[end_count - 1] + 1) == tile->len;
    uint64_t has_nul = 0;
    size_t at = tile->len;
    const size_t end = at + piece_count * PIECE_BYTES;
    for (; at < end; at += PIECE_BYTES, text += PIECE_BYTES) {
        struct piece piece = look_at(text);
        if ((piece.ends & (piece.ends << 1 | was_end)) != 0)
            break;
        was_end = piece.ends >> 63;
        has_nul |= piece.has_nul;
        newline_count += put_newlines(piece, end_count, tile->newlines + newline_count);
        end_count += put_offsets(piece.ends, (unsigned)at, tile->ends + end_count);
    }
    tile->is_cut = at < end;
    tile->len = at;
    tile->has_nul |= has_nul;
    tile->end_count = end_count;
    tile->newline_count = newline_count;
}

/* text starts with a line. */
static void scan_tile(struct tile *tile, const char *text, size_t len)
{
    if (len > TILE_BYTES)
        len = TILE_BYTES;
    size_t rest_len = len % PIECE_BYTES;
    tile->len = 0;
    tile->has_nul = 0;
    tile->end_count = 1;
    tile->newline_count = 0;
    scan_pieces(tile, text, len / PIECE_BYTES);
    if (rest_len > 0 && !tile->is_cut) {
        char rest[PIECE_BYTES];
        memset(rest, '0', sizeof rest);
        memcpy(rest, text + tile->len, rest_len);
        scan_pieces(tile, rest, 1);
    }
    /* The last line's ends are loaded sixteen at a time. */
    tile->ends[tile->end_count] = tile->ends[tile->end_count + 1] = 0;
    /* A value may not have a NUL; which one has is found out line by line. */
    if (tile->has_nul != 0)
        tile->newline_count = 0;
}

/* Of a line whose values' ends are given; ends[-1] is the byte in front of it. */
static VFL_INLINE struct vfl_span value_of_column(const char *tile, const int16_t *ends,
                                                  unsigned column)
{
    const int16_t *end = ends + column;
    return (struct vfl_span){tile + (end[-1] + 1), (size_t)(end[0] - end[-1] - 1)};
}

/* The columns of the default format, which most others start with, known beforehand: there is no
 * choice to make for each value. */
static VFL_INLINE void parse_default_columns(const char *tile, const int16_t *ends,
                                             struct draft *draft)
{
    struct vfl_span interface_id = value_of_column(tile, ends, VFL_FIELD_INTERFACE_ID);
    parse_step((struct vfl_record_step){VFL_FIELD_INTERFACE_ID, VFL_FIELD_INTERFACE_ID,
                                        VFL_TEXT_INTERFACE_ID},
               interface_id, draft);
#define PARSE(field) parse_field(field, value_of_column(tile, ends, field), draft)
    PARSE(VFL_FIELD_SRCADDR);
    PARSE(VFL_FIELD_DSTADDR);
    PARSE(VFL_FIELD_SRCPORT);
    PARSE(VFL_FIELD_DSTPORT);
    PARSE(VFL_FIELD_PROTOCOL);
    PARSE(VFL_FIELD_PACKETS);
    PARSE(VFL_FIELD_BYTES);
    PARSE(VFL_FIELD_START);
    PARSE(VFL_FIELD_END);
    PARSE(VFL_FIELD_ACTION);
    PARSE(VFL_FIELD_LOG_STATUS);
#undef PARSE
}

/* The columns in use from a step of the format's on. */
static VFL_INLINE void parse_steps(const struct vfl_record_format *format, unsigned first,
                                   const char *tile, const int16_t *ends, struct draft *draft)
{
    const struct vfl_record_step *end = format->steps + format->step_count;
    for (const struct vfl_record_step *step = format->steps + first; step < end; step++)
        parse_step(*step, value_of_column(tile, ends, step->column), draft);
}

/* Columns behind those that parse_usual_columns took. A call of its own, like the next, so that the
 * usual line has the registers to itself. */
static VFL_NOINLINE void parse_further_columns(const struct vfl_record_format *format,
                                               struct vfl_span block, const char *tile,
                                               const int16_t *ends, struct vfl_record *record)
{
    struct draft draft = {
        .record = record,
        .block = block,
        .src = value_of_column(tile, ends, VFL_FIELD_SRCADDR),
        .dst = value_of_column(tile, ends, VFL_FIELD_DSTADDR),
    };
    parse_steps(format, format->default_step_count, tile, ends, &draft);
    if (draft.has_bad_address) {
        memset(record, 0, sizeof *record);
        record->kind = VFL_RECORD_MALFORMED;
    }
}

static VFL_NOINLINE void parse_every_column(const struct vfl_record_format *format,
                                            struct vfl_span block, const char *tile,
                                            const int16_t *ends, int64_t now_epoch_s,
                                            struct vfl_record *record)
{
    struct draft draft = {.record = record, .block = block};
    record->flaws = 0;
    if (format->default_step_count > 0)
        parse_default_columns(tile, ends, &draft);
    parse_steps(format, format->default_step_count, tile, ends, &draft);
    finish_record(&draft, now_epoch_s);
}

/* The lines of one block. */
struct scan {
    const struct vfl_record_format *format;
    struct vfl_span block;
    size_t at; /* where the next line starts */
    int64_t now_epoch_s;
    struct vfl_record_sink sink;
    struct vfl_record record;
    struct tile tile;
};

/* One line, whatever it is like. */
static VFL_NOINLINE enum vfl_status scan_odd_line(struct scan *scan, struct vfl_error *err)
{
    struct vfl_span rest = {scan->block.ptr + scan->at, scan->block.len - scan->at};
    struct vfl_span line = {NULL, 0};
    (void)vfl_lines_next(&rest, &line);
    scan->at = scan->block.len - rest.len;
    vfl_record_parse(scan->format, line, scan->now_epoch_s, &scan->record);
    return scan->sink.record(scan->sink.ctx, &scan->record, line, err);
}

/* A line that has its format's columns. Every field that the format has is set for every line, so
 * nothing needs clearing between lines: it is 350 bytes. */
static VFL_INLINE void parse_line(struct scan *scan, const char *tile, const int16_t *ends,
                                  bool is_default, bool has_further_columns)
{
    if (!is_default ||
        !parse_usual_columns(scan->block, tile, ends, scan->now_epoch_s, &scan->record))
        parse_every_column(scan->format, scan->block, tile, ends, scan->now_epoch_s, &scan->record);
    else if (has_further_columns)
        parse_further_columns(scan->format, scan->block, tile, ends, &scan->record);
}

/* The lines that end in the tile. */
static VFL_NOINLINE enum vfl_status scan_lines(struct scan *scan, struct vfl_error *err)
{
    const char *text = scan->block.ptr + scan->at;
    int16_t *ends = scan->tile.ends;
    const unsigned column_count = scan->format->column_count;
    const bool is_default = scan->format->default_step_count > 0;
    const bool has_further_columns = scan->format->step_count > scan->format->default_step_count;
    const uint16_t *newline = scan->tile.newlines;
    const uint16_t *newlines_end = newline + scan->tile.newline_count;
    unsigned before = 0; /* which of the ends is in front of the line */
    const char *line = text;
    enum vfl_status st = VFL_OK;
    while (st == VFL_OK && newline < newlines_end) {
        const unsigned last = *newline++;
        const char *line_end = text + ends[last];
        const struct vfl_span whole = {line, (size_t)(line_end - line)};
        bool has_columns = last - before == column_count;
        /* A CR in front of the newline is not part of the last value, nor one by itself. Never a
         * store for nothing: the load of all ends would have to wait for it. */
        if (line_end[-1] == '\r') {
            has_columns &= ends[last] - ends[last - 1] > 2;
            ends[last]--;
        }
        if (has_columns)
            parse_line(scan, text, ends + before + 1, is_default, has_further_columns);
        else
            vfl_record_parse(scan->format, whole, scan->now_epoch_s, &scan->record);
        if (text + ends[last] != line_end)
            ends[last]++;
        before = last;
        line = line_end + 1;
        st = scan->sink.record(scan->sink.ctx, &scan->record, whole, err);
    }
    scan->at += (size_t)(line - text);
    return st;
}

static VFL_INLINE enum vfl_status scan_block(const struct vfl_record_format *format,
                                             struct vfl_span block, int64_t now_epoch_s,
                                             struct vfl_record_sink sink, struct vfl_error *err)
{
    struct scan scan; /* the tile's lists stay as they are: 17 KB */
    scan.format = format;
    scan.block = block;
    scan.at = 0;
    scan.now_epoch_s = now_epoch_s;
    scan.sink = sink;
    memset(&scan.record, 0, sizeof scan.record);
    scan.tile.ends[0] = -1;
    size_t odd_end = 0;
    enum vfl_status st = VFL_OK;
    while (st == VFL_OK && scan.at < block.len) {
        if (scan.at < odd_end) {
            st = scan_odd_line(&scan, err);
            continue;
        }
        size_t tile_at = scan.at;
        scan_tile(&scan.tile, block.ptr + tile_at, block.len - tile_at);
        st = scan_lines(&scan, err);
        if (scan.tile.is_cut)
            odd_end = tile_at + scan.tile.len + PIECE_BYTES;
        else if (scan.tile.newline_count == 0)
            odd_end = tile_at + scan.tile.len;
    }
    return st;
}

#endif
