/* Cuts a line into its values at runs of spaces and tabs. Private to the record parser and its
 * format; in a header because the walk has to be inlined to be fast. */
#ifndef VFL_FLOWLOG_VALUES_H
#define VFL_FLOWLOG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

/* Finding the separators of 64 bytes at once into a bit mask keeps the walk over the values free of
 * a data-dependent branch per byte; it is what makes the parser fast. */
struct vfl_values {
    const char *line;
    size_t len;
    size_t at;         /* where the next value may start */
    size_t block;      /* offset of the bytes that breaks is about */
    size_t next_block; /* the first offset not looked at yet */
    uint64_t breaks;   /* bit i: byte block + i is a space or a control byte, not yet passed */
    bool has_nul;
};

static inline uint64_t vfl_load_8_bytes(const char *bytes)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    return word;
}

/* Bit i is set when byte i of word is at most 0x20. */
static inline uint64_t vfl_low_bytes(uint64_t word)
{
    const uint64_t sum = (word & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x5f5f5f5f5f5f5f5f);
    const uint64_t hits = ~(sum | word) & UINT64_C(0x8080808080808080);
    return ((hits >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

static inline unsigned vfl_lowest_bit(uint64_t mask)
{
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(mask);
#else
    unsigned bit = 0;
    while ((mask >> bit & 1) == 0)
        bit++;
    return bit;
#endif
}

/* The 1 to 7 last bytes of a line, from byte `from` on. */
static inline uint64_t vfl_low_bytes_of_tail(const char *line, size_t len, size_t from)
{
    size_t rest = len - from;
    uint64_t word = 0;
    for (size_t i = 0; i < rest; i++)
        word |= (uint64_t)(unsigned char)line[from + i] << (8 * i);
    return vfl_low_bytes(word) & ((UINT64_C(1) << rest) - 1);
}

static inline void vfl_values_load_block(struct vfl_values *values)
{
    const char *line = values->line;
    size_t start = values->next_block;
    size_t rest = values->len - start;
    size_t words = rest >= 64 ? 8 : rest / 8;
    uint64_t breaks = 0;
    for (size_t i = 0; i < words; i++)
        breaks |= vfl_low_bytes(vfl_load_8_bytes(line + start + 8 * i)) << (8 * i);
    if (words < 8 && rest % 8 != 0)
        breaks |= vfl_low_bytes_of_tail(line, values->len, start + 8 * words) << (8 * words);
    values->breaks = breaks;
    values->block = start;
    values->next_block = start + (rest >= 64 ? 64 : rest);
}

/* line without its newline; a trailing CR is not part of the last value. */
static inline struct vfl_values vfl_values_of(struct vfl_span line)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return (struct vfl_values){.line = line.ptr, .len = line.len};
}

/* The next value; false at the end of the line. */
static inline bool vfl_values_next(struct vfl_values *values, struct vfl_span *ret_value)
{
    size_t start = values->at;
    size_t end;
    for (;;) {
        while (values->breaks == 0 && values->next_block < values->len)
            vfl_values_load_block(values);
        if (values->breaks == 0) {
            end = values->len;
            break;
        }
        end = values->block + vfl_lowest_bit(values->breaks);
        values->breaks &= values->breaks - 1;
        char c = values->line[end];
        if (c != ' ' && c != '\t') {
            values->has_nul |= c == '\0';
            continue;
        }
        if (end > start)
            break;
        start++;
    }
    if (start >= end)
        return false;
    values->at = end < values->len ? end + 1 : end;
    *ret_value = (struct vfl_span){values->line + start, end - start};
    return true;
}

#endif
