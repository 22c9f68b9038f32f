/* The record scanner for x86-64 with AVX2 and BMI (2013 and later). Built with those instructions
 * allowed; nothing of it is called on a processor without them. */
#include "core/flowlog/record_vectors.h"

static VFL_INLINE uint64_t mask_of(__m256i low, __m256i high)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 |
           (uint32_t)_mm256_movemask_epi8(low);
}

/* A byte parts values when it is what the table has for its lower half. */
static VFL_INLINE struct piece look_at(const char *bytes)
{
    const __m256i table = _mm256_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, 0, 0, 0,
                                           ' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, 0, 0, 0);
    const __m256i newline = _mm256_set1_epi8('\n');
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
    __m256i is_nul = _mm256_cmpeq_epi8(_mm256_min_epu8(low, high), _mm256_setzero_si256());
    return (struct piece){
        .ends = mask_of(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, low), low),
                        _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, high), high)),
        .newlines = mask_of(_mm256_cmpeq_epi8(low, newline), _mm256_cmpeq_epi8(high, newline)),
        .has_nul = (uint32_t)_mm256_movemask_epi8(is_nul),
    };
}

/* Twelve at once, whether there are so many or not: one branch that is mostly foreseen, where a
 * loop over the bits has one that is not. The rest is overwritten or not looked at. */
static VFL_INLINE unsigned put_offsets(uint64_t bits, unsigned base, int16_t *offsets)
{
    unsigned count = count_bits(bits);
#pragma GCC unroll 12
    for (unsigned i = 0; i < 12; i++) {
        offsets[i] = (int16_t)(base + _tzcnt_u64(bits));
        bits = _blsr_u64(bits);
    }
    for (unsigned i = 12; i < count; i++) {
        offsets[i] = (int16_t)(base + _tzcnt_u64(bits));
        bits = _blsr_u64(bits);
    }
    return count;
}

#include "core/flowlog/record_scan.h"

enum vfl_status vfl_record_scan_avx2(const struct vfl_record_format *format, struct vfl_span block,
                                     int64_t now_epoch_s, struct vfl_record_sink sink,
                                     struct vfl_error *err)
{
    return scan_block(format, block, now_epoch_s, sink, err);
}
