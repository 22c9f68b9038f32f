/* Cuts a line into its values at runs of spaces and tabs: for the record parser, its format, and
 * who shows every column. In a header because the walk has to be inlined to be fast. */
#ifndef VFL_FLOWLOG_VALUES_H
#define VFL_FLOWLOG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

/* Written out, because compilers make one load of this form and not of a loop. */
static inline uint32_t vfl_load_4_bytes(const char *bytes)
{
    const unsigned char *byte = (const unsigned char *)bytes;
    return (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 |
           (uint32_t)byte[3] << 24;
}

static inline uint64_t vfl_load_8_bytes(const char *bytes)
{
    const unsigned char *byte = (const unsigned char *)bytes;
    return (uint64_t)byte[0] | (uint64_t)byte[1] << 8 | (uint64_t)byte[2] << 16 |
           (uint64_t)byte[3] << 24 | (uint64_t)byte[4] << 32 | (uint64_t)byte[5] << 40 |
           (uint64_t)byte[6] << 48 | (uint64_t)byte[7] << 56;
}

/* Bit i is set when byte i of word is at most 0x20. */
static inline uint64_t vfl_low_bytes(uint64_t word)
{
    const uint64_t sum = (word & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x5f5f5f5f5f5f5f5f);
    const uint64_t hits = ~(sum | word) & UINT64_C(0x8080808080808080);
    return ((hits >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

/* Bit i is set when byte i of word is c. */
static inline uint64_t vfl_bytes_equal_to(uint64_t word, unsigned char c)
{
    const uint64_t rest = word ^ c * UINT64_C(0x0101010101010101);
    const uint64_t sum = (rest & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x7f7f7f7f7f7f7f7f);
    const uint64_t hits = ~(sum | rest) & UINT64_C(0x8080808080808080);
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

/* Bit i is set when byte i of 64 is at most 0x20. */
static inline uint64_t vfl_low_bytes_of_block(const char *bytes)
{
    uint64_t breaks = 0;
#if defined(__SSE2__)
    const __m128i space = _mm_set1_epi8(0x20);
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i piece = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        __m128i is_low = _mm_cmpeq_epi8(_mm_max_epu8(piece, space), space);
        breaks |= (uint64_t)(unsigned)_mm_movemask_epi8(is_low) << i;
    }
#else
    for (unsigned i = 0; i < 64; i += 8)
        breaks |= vfl_low_bytes(vfl_load_8_bytes(bytes + i)) << i;
#endif
    return breaks;
}

/* The same of len bytes, fewer than 64. */
static inline uint64_t vfl_low_bytes_of_short(const char *bytes, size_t len)
{
    uint64_t breaks = 0;
    size_t at = 0;
    for (; at + 8 <= len; at += 8)
        breaks |= vfl_low_bytes(vfl_load_8_bytes(bytes + at)) << at;
    for (; at < len; at++)
        breaks |= (uint64_t)((unsigned char)bytes[at] <= 0x20) << at;
    return breaks;
}

static inline void vfl_values_load_block(struct vfl_values *values)
{
    size_t start = values->next_block;
    size_t rest = values->len - start;
    const char *bytes = values->line + start;
    if (rest >= 64)
        values->breaks = vfl_low_bytes_of_block(bytes);
    else if (start > 0) /* once more over bytes already passed, rather than past the end */
        values->breaks = vfl_low_bytes_of_block(bytes - (64 - rest)) >> (64 - rest);
    else
        values->breaks = vfl_low_bytes_of_short(bytes, rest);
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
