/* The record parser for x86-64 with AVX2 and BMI (2013 and later). Built with those instructions
 * allowed; nothing of it is called on a processor without them. */
#include "core/flowlog/record_parser.h"

#include <immintrin.h>

static inline uint64_t breaks_of_block(const char *bytes, bool *ret_has_control)
{
    const __m256i space = _mm256_set1_epi8(' ');
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
    uint32_t spaces_low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, space));
    uint32_t spaces_high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, space));
    __m256i least = _mm256_min_epu8(low, high);
    __m256i is_control = _mm256_cmpeq_epi8(_mm256_max_epu8(least, space), least);
    *ret_has_control = _mm256_movemask_epi8(is_control) != -1;
    return (uint64_t)spaces_high << 32 | spaces_low;
}

/* Eight at a time, whether there are so many or not: one branch that is mostly foreseen, where a
 * loop over the bits has one that is not. The rest is overwritten or not looked at. */
static inline unsigned offsets_of_breaks(uint64_t breaks, uint32_t base, uint32_t *offsets)
{
    unsigned count = (unsigned)_mm_popcnt_u64(breaks);
    for (unsigned done = 0; done < count; done += 8) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++) {
            offsets[done + i] = base + (uint32_t)_tzcnt_u64(breaks);
            breaks = _blsr_u64(breaks);
        }
    }
    return count;
}

static VFL_INLINE __m256i load_two(const void *first, const void *second)
{
    __m128i low = _mm_loadu_si128((const __m128i *)first);
    __m128i high = _mm_loadu_si128((const __m128i *)second);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* Two numbers of up to sixteen digits at once, the places in front of them as zeros: digits to
 * pairs, pairs to fours, fours to eights. */
static VFL_INLINE bool numbers_before(const char *const ends[2], const size_t lens[2],
                                      uint64_t ret_numbers[2])
{
    static const unsigned char masks[32] = {0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
                                            0,   0,   0,   0,   0,   255, 255, 255, 255, 255, 255,
                                            255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    const __m256i nine = _mm256_set1_epi8(9);
    __m256i text = load_two(ends[0] - 16, ends[1] - 16);
    __m256i mask = load_two(masks + lens[0], masks + lens[1]);
    __m256i digits = _mm256_and_si256(_mm256_sub_epi8(text, _mm256_set1_epi8('0')), mask);
    if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(digits, nine), nine)) != -1)
        return false;
    __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(1 << 8 | 10));
    __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(1 << 16 | 100));
    fours = _mm256_packus_epi32(fours, fours);
    __m256i eights = _mm256_madd_epi16(fours, _mm256_set1_epi32(1 << 16 | 10000));
    uint64_t first = (uint64_t)_mm_cvtsi128_si64(_mm256_castsi256_si128(eights));
    uint64_t second = (uint64_t)_mm_cvtsi128_si64(_mm256_extracti128_si256(eights, 1));
    ret_numbers[0] = (first & UINT32_MAX) * 100000000 + (first >> 32);
    ret_numbers[1] = (second & UINT32_MAX) * 100000000 + (second >> 32);
    return true;
}

/* Of each octet one byte: where it ends, and its length. False: they are not four of one to three
 * characters. */
static VFL_INLINE bool find_octets(uint32_t dots, size_t len, uint32_t *ret_ends,
                                   uint32_t *ret_lens)
{
    dots = _bzhi_u32(dots, (unsigned)len);
    uint32_t first = _tzcnt_u32(dots);
    dots = _blsr_u32(dots);
    uint32_t second = _tzcnt_u32(dots);
    dots = _blsr_u32(dots);
    uint32_t third = _tzcnt_u32(dots);
    uint32_t ends = first | second << 8 | third << 16 | (uint32_t)len << 24;
    uint32_t lens = ends - ((ends << 8) + UINT32_C(0x01010100));
    *ret_ends = ends;
    *ret_lens = lens;
    return (((lens - UINT32_C(0x01010101)) & UINT32_C(0xfcfcfcfc)) |
            ((lens + UINT32_C(0x7c7c7c7c)) & UINT32_C(0x80808080)) | _blsr_u32(dots)) == 0;
}

/* Two addresses at once. The octets come to lie side by side, each in a lane of hundreds, tens and
 * ones; leading zeros and values over 255 are refused. */
static VFL_INLINE bool v4_pair_at(const char *const texts[2], const size_t lens[2],
                                  uint32_t ret_addresses[2])
{
    __m256i bytes = load_two(texts[0], texts[1]);
    uint32_t dots = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('.')));
    uint32_t octet_ends[2];
    uint32_t octet_lens[2];
    if (!find_octets(dots & 0xffff, lens[0], &octet_ends[0], &octet_lens[0]) ||
        !find_octets(dots >> 16, lens[1], &octet_ends[1], &octet_lens[1]))
        return false;
    const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 0, 0, 0,
                                            0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    __m256i lane_ends = _mm256_set_m128i(_mm_cvtsi32_si128((int)octet_ends[1]),
                                         _mm_cvtsi32_si128((int)octet_ends[0]));
    __m256i lane_lens = _mm256_set_m128i(_mm_cvtsi32_si128((int)octet_lens[1]),
                                         _mm_cvtsi32_si128((int)octet_lens[0]));
    lane_ends = _mm256_shuffle_epi8(lane_ends, spread);
    lane_lens = _mm256_shuffle_epi8(lane_lens, spread);
    /* A place of a lane is a digit when the octet is long enough to reach it from the ones. */
    __m256i is_none = _mm256_cmpgt_epi8(_mm256_set1_epi32(0x7f010203), lane_lens);
    __m256i from = _mm256_add_epi8(lane_ends, _mm256_set1_epi32((int)UINT32_C(0x80fffefd)));
    __m256i digits = _mm256_shuffle_epi8(_mm256_sub_epi8(bytes, _mm256_set1_epi8('0')),
                                         _mm256_or_si256(from, is_none));
    __m256i is_leading = _mm256_cmpeq_epi8(lane_lens, _mm256_set1_epi32(0x7f7f0203));
    __m256i is_leading_zero =
        _mm256_and_si256(is_leading, _mm256_cmpeq_epi8(digits, _mm256_setzero_si256()));
    __m256i is_no_digit = _mm256_cmpgt_epi8(digits, _mm256_set1_epi8(9));
    __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi32(1 << 16 | 10 << 8 | 100));
    __m256i octets = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    __m256i is_over = _mm256_cmpgt_epi32(octets, _mm256_set1_epi32(255));
    /* digits itself: below '0' is negative, and its sign bit is what movemask takes. */
    __m256i is_bad = _mm256_or_si256(_mm256_or_si256(is_no_digit, is_over),
                                     _mm256_or_si256(is_leading_zero, digits));
    if (_mm256_movemask_epi8(is_bad) != 0)
        return false;
    octets = _mm256_packus_epi32(octets, octets);
    octets = _mm256_packus_epi16(octets, octets);
    ret_addresses[0] =
        __builtin_bswap32((uint32_t)_mm_cvtsi128_si32(_mm256_castsi256_si128(octets)));
    ret_addresses[1] =
        __builtin_bswap32((uint32_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(octets, 1)));
    return true;
}

/* One costs as much as two. */
static VFL_INLINE bool number_before(const char *end, size_t len, uint64_t *ret_number)
{
    uint64_t numbers[2];
    if (!numbers_before((const char *const[2]){end, end}, (const size_t[2]){len, len}, numbers))
        return false;
    *ret_number = numbers[0];
    return true;
}

static VFL_INLINE bool v4_at(const char *text, size_t len, uint32_t *ret_address)
{
    uint32_t addresses[2];
    if (!v4_pair_at((const char *const[2]){text, text}, (const size_t[2]){len, len}, addresses))
        return false;
    *ret_address = addresses[0];
    return true;
}

static VFL_INLINE void clear_record(struct vfl_record *record)
{
    enum { PIECE_BYTES = sizeof(__m256i) };
    _Static_assert(sizeof *record >= PIECE_BYTES, "the last piece may overlap the one before");
    char *bytes = (char *)record;
#pragma GCC unroll 16
    for (size_t at = 0; at < sizeof *record - PIECE_BYTES; at += PIECE_BYTES)
        _mm256_storeu_si256((__m256i *)(void *)(bytes + at), _mm256_setzero_si256());
    _mm256_storeu_si256((__m256i *)(void *)(bytes + sizeof *record - PIECE_BYTES),
                        _mm256_setzero_si256());
}

#include "core/flowlog/record_fields.h"

void vfl_record_parse_avx2(const struct vfl_record_format *format, struct vfl_span line,
                           int64_t now_epoch_s, struct vfl_record *ret_record)
{
    parse_record(format, line, now_epoch_s, ret_record);
}
