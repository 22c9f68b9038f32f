/* Private to the scanners for x86-64 with AVX2 and BMI: what they have in common, values in
 * vectors. */
#ifndef VFL_FLOWLOG_RECORD_VECTORS_H
#define VFL_FLOWLOG_RECORD_VECTORS_H

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#include "core/flowlog/record_scanners.h"

static VFL_INLINE unsigned count_bits(uint64_t bits)
{
    return (unsigned)_mm_popcnt_u64(bits);
}

static VFL_INLINE __m256i load_two(const void *first, const void *second)
{
    __m128i low = _mm_loadu_si128((const __m128i *)first);
    __m128i high = _mm_loadu_si128((const __m128i *)second);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* Where the digits of an IPv4 address lie follows from where its octets end, of which there are 81
 * ways; the four bits that say so are hashed, by a factor found by trial, to a place of their own.
 */
#define ENDS(a, b, c, d)                                                                           \
    (1u << (a) | 1u << ((a) + (b) + 1) | 1u << ((a) + (b) + (c) + 2) |                             \
     1u << ((a) + (b) + (c) + (d) + 3))
#define HASH(ends) ((ends)*UINT32_C(0x06482821) >> 24)
/* An octet's hundreds, tens and ones, absent ones as 0, and then its first digit when that may not
 * be zero, else the byte behind it, which is none. */
#define OCTET(end, len)                                                                            \
    (len) > 2 ? (end)-3 : -1, (len) > 1 ? (end)-2 : -1, (end)-1, (len) > 1 ? (end) - (len) : (end)
#define PLACES(a, b, c, d)                                                                         \
    [HASH(ENDS(a, b, c, d))] = {OCTET(a, a), OCTET((a) + (b) + 1, b),                              \
                                OCTET((a) + (b) + (c) + 2, c),                                     \
                                OCTET((a) + (b) + (c) + (d) + 3, d)}
#define KEY(a, b, c, d) [HASH(ENDS(a, b, c, d))] = ENDS(a, b, c, d)
#define FOR_D(what, a, b, c) what(a, b, c, 1), what(a, b, c, 2), what(a, b, c, 3)
#define FOR_C(what, a, b) FOR_D(what, a, b, 1), FOR_D(what, a, b, 2), FOR_D(what, a, b, 3)
#define FOR_B(what, a) FOR_C(what, a, 1), FOR_C(what, a, 2), FOR_C(what, a, 3)
#define FOR_EACH_SHAPE(what) FOR_B(what, 1), FOR_B(what, 2), FOR_B(what, 3)

static const uint16_t shape_keys[256] = {FOR_EACH_SHAPE(KEY)};
static const int8_t shape_places[256][16] = {FOR_EACH_SHAPE(PLACES)};

/* Two addresses at once, of up to 15 characters each and 16 readable bytes, as struct vfl_ip holds
 * them. The octets come to lie side by side, each in a lane of hundreds, tens and ones; leading
 * zeros and values over 255 are refused. */
static VFL_INLINE bool v4_pair_at(struct vfl_span a, struct vfl_span b, __m256i *ret_addresses)
{
    __m256i text = load_two(a.ptr, b.ptr);
    uint32_t dots = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8('.')));
    uint32_t first = _bzhi_u32(dots, (unsigned)a.len) | 1u << a.len;
    uint32_t second = _bzhi_u32(dots >> 16, (unsigned)b.len) | 1u << b.len;
    if (shape_keys[HASH(first)] != first || shape_keys[HASH(second)] != second)
        return false;
    __m256i places = load_two(shape_places[HASH(first)], shape_places[HASH(second)]);
    __m256i digits = _mm256_shuffle_epi8(_mm256_xor_si256(text, _mm256_set1_epi8('0')), places);
    __m256i over = _mm256_subs_epu8(digits, _mm256_set1_epi32((int)UINT32_C(0xff090909)));
    __m256i is_leading_zero = _mm256_cmpeq_epi8(digits, _mm256_set1_epi32(0x007f7f7f));
    __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi32(1 << 16 | 10 << 8 | 100));
    __m256i octets = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    __m256i is_over = _mm256_srli_epi32(octets, 8);
    __m256i is_bad = _mm256_or_si256(_mm256_or_si256(over, is_over), is_leading_zero);
    if (!_mm256_testz_si256(is_bad, is_bad))
        return false;
    /* The IPv4-mapped form: hi is 0, lo 0xffff and the octets, the last one first. */
    const __m256i last_first = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 12, 8, 4, 0, -1, -1, -1, -1));
    const __m256i mapped = _mm256_setr_epi32(0, 0, 0, 0xffff, 0, 0, 0, 0xffff);
    *ret_addresses = _mm256_or_si256(_mm256_shuffle_epi8(octets, last_first), mapped);
    return true;
}

/* Sixteen places at once, those in front of the number as zeros: digits to pairs, pairs to fours,
 * fours to eights. */
static VFL_INLINE bool read_number(struct vfl_span value, struct vfl_span block,
                                   uint64_t *ret_number)
{
    static const uint8_t masks[32] = {0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
                                      0,   0,   0,   0,   0,   255, 255, 255, 255, 255, 255,
                                      255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    const char *end = value.ptr + value.len;
    if (value.len > 16 || end - block.ptr < 16)
        return vfl_record_read_number(value, ret_number);
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
    __m128i mask = _mm_loadu_si128((const __m128i *)(const void *)(masks + value.len));
    __m128i digits = _mm_and_si128(_mm_xor_si128(text, _mm_set1_epi8('0')), mask);
    __m128i over = _mm_subs_epu8(digits, _mm_set1_epi8(9));
    if (!_mm_testz_si128(over, over))
        return false;
    __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(1 << 8 | 10));
    __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(1 << 16 | 100));
    __m128i eights =
        _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(1 << 16 | 10000));
    uint64_t halves = (uint64_t)_mm_cvtsi128_si64(eights);
    *ret_number = (halves & UINT32_MAX) * 100000000 + (halves >> 32);
    return true;
}

/* 32 hexadecimal digits; a place that has none is NUL. What a byte is worth, and whether it may be,
 * follows from its two halves: 0 is alone in its row, 0 to 9 are in another, a to f in two. */
static VFL_INLINE bool read_hex_places(__m256i places, struct vfl_ip *ret_address)
{
    enum { NONE = 1, DIGIT = 2, LETTER = 4 };
    const __m256i rows = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(NONE, 0, 0, DIGIT, LETTER, 0, LETTER, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i columns = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(NONE | DIGIT, DIGIT | LETTER, DIGIT | LETTER, DIGIT | LETTER, DIGIT | LETTER,
                      DIGIT | LETTER, DIGIT | LETTER, DIGIT, DIGIT, DIGIT, 0, 0, 0, 0, 0, 0));
    const __m256i row_worth =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i half = _mm256_set1_epi8(15);
    __m256i column = _mm256_and_si256(places, half);
    __m256i row = _mm256_and_si256(_mm256_srli_epi16(places, 4), half);
    __m256i is_digit =
        _mm256_and_si256(_mm256_shuffle_epi8(rows, row), _mm256_shuffle_epi8(columns, column));
    if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(is_digit, _mm256_setzero_si256())) != 0)
        return false;
    __m256i worth = _mm256_add_epi8(column, _mm256_shuffle_epi8(row_worth, row));
    __m256i bytes = _mm256_maddubs_epi16(worth, _mm256_set1_epi16(1 << 8 | 16));
    bytes = _mm256_packus_epi16(bytes, bytes);
    ret_address->hi = __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(_mm256_castsi256_si128(bytes)));
    ret_address->lo =
        __builtin_bswap64((uint64_t)_mm_cvtsi128_si64(_mm256_extracti128_si256(bytes, 1)));
    return true;
}

/* All eight groups written out, as nearly all addresses of interfaces are; 48 bytes from text on
 * may be read. Each group's digits are shifted to the end of four places, and all 32 places are
 * read at once: 95 instructions, where a walk over the text takes 300. */
static VFL_INLINE bool full_v6_at(const char *text, size_t len, struct vfl_ip *ret_address)
{
    const __m256i colon = _mm256_set1_epi8(':');
    __m256i front = _mm256_loadu_si256((const __m256i *)(const void *)text);
    __m128i back = _mm_loadu_si128((const __m128i *)(const void *)(text + 32));
    uint64_t ends = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(front, colon));
    ends |= (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(back, _mm256_castsi256_si128(colon))) << 32;
    ends = _bzhi_u64(ends, (unsigned)len) | UINT64_C(1) << len;
    /* No group is empty, and none has five digits: an end is always among the next five bytes. */
    uint64_t next_five = ends | ends >> 1;
    next_five |= next_five >> 2 | ends >> 4;
    if (count_bits(ends) != 8 || (ends & (ends << 1 | 1)) != 0 ||
        (next_five & (next_five + 1)) != 0)
        return false;
    uint32_t groups[8];
    const char *at = text;
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) {
        const char *end = text + _tzcnt_u64(ends);
        uint32_t word;
        memcpy(&word, at, sizeof word);
        groups[i] = word << (8 * (at + 4 - end));
        at = end + 1;
        ends = _blsr_u64(ends);
    }
    __m256i places =
        _mm256_setr_epi32((int)groups[0], (int)groups[1], (int)groups[2], (int)groups[3],
                          (int)groups[4], (int)groups[5], (int)groups[6], (int)groups[7]);
    return read_hex_places(places, ret_address);
}

static VFL_INLINE bool read_address(struct vfl_span value, struct vfl_span block,
                                    struct vfl_ip *ret_address)
{
    __m256i v4;
    const size_t room = (size_t)(block.ptr + block.len - value.ptr);
    if (value.len <= 15 && room >= 16 && v4_pair_at(value, value, &v4)) {
        _mm_storeu_si128((__m128i *)(void *)ret_address, _mm256_castsi256_si128(v4));
        return true;
    }
    if (value.len >= 15 && value.len <= 39 && room >= 48 &&
        full_v6_at(value.ptr, value.len, ret_address))
        return true;
    return vfl_ip_parse(value, ret_address);
}

#include "core/flowlog/record_fields.h"

/* --- a usual line of the default format ------------------------------------------------------- */

static VFL_INLINE __m256i load_four_words(const char *a, const char *b, const char *c,
                                          const char *d)
{
    __m128i low = _mm_castpd_si128(
        _mm_loadh_pd(_mm_castsi128_pd(_mm_loadl_epi64((const __m128i *)(const void *)a)),
                     (const double *)(const void *)b));
    __m128i high = _mm_castpd_si128(
        _mm_loadh_pd(_mm_castsi128_pd(_mm_loadl_epi64((const __m128i *)(const void *)c)),
                     (const double *)(const void *)d));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

static VFL_INLINE uint64_t load_8(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* One more than each length of the default columns: 14 of 16 lanes. False when one is not what it
 * is in a line of traffic: ports of up to five digits, protocols of two, counters of eight, times
 * of ten, and the words. */
static VFL_INLINE bool are_usual_lengths(const int16_t *ends, __m256i *ret_lengths)
{
    const __m256i least = _mm256_setr_epi16(1, 1, 3, 3, 3, 2, 2, 2, 2, 2, 11, 11, 7, 3, 0, 0);
    const __m256i range =
        _mm256_setr_epi16(-1, -1, 0x7fff, 43, 43, 4, 4, 1, 7, 7, 0, 0, 0, 0, -1, -1);
    __m256i end = _mm256_loadu_si256((const __m256i *)(const void *)ends);
    __m256i start = _mm256_loadu_si256((const __m256i *)(const void *)(ends - 1));
    *ret_lengths = _mm256_sub_epi16(end, start);
    __m256i over = _mm256_subs_epu16(_mm256_sub_epi16(*ret_lengths, least), range);
    return _mm256_testz_si256(over, over);
}

struct usual_numbers {
    uint64_t ports;   /* src, dst: 32 bits each */
    __m128i counters; /* packets, bytes: 64 bits each */
    int64_t start;
    int64_t end;
};

static VFL_INLINE bool parse_usual_numbers(const char *tile, const int16_t *starts, __m256i lengths,
                                           struct usual_numbers *ret_numbers)
{
    const __m256i zero = _mm256_set1_epi8('0');
    const __m256i nine = _mm256_set1_epi8(9);
    /* Ports and counters, eight places each, the last digit shifted to the last one. */
    const __m256i length_places =
        _mm256_setr_epi8(10, -1, -1, -1, -1, -1, -1, -1, 12, -1, -1, -1, -1, -1, -1, -1, 0, -1, -1,
                         -1, -1, -1, -1, -1, 2, -1, -1, -1, -1, -1, -1, -1);
    __m256i eights =
        load_four_words(tile + starts[VFL_FIELD_SRCPORT] + 1, tile + starts[VFL_FIELD_DSTPORT] + 1,
                        tile + starts[VFL_FIELD_PACKETS] + 1, tile + starts[VFL_FIELD_BYTES] + 1);
    __m256i bits = _mm256_slli_epi64(_mm256_shuffle_epi8(lengths, length_places), 3);
    eights = _mm256_sllv_epi64(_mm256_xor_si256(eights, zero),
                               _mm256_sub_epi64(_mm256_set1_epi64x(72), bits));
    /* Times: the first two of ten digits, then the other eight. */
    const __m256i time_places =
        _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, -1, -1, -1, -1,
                         -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    __m256i times = load_two(tile + starts[VFL_FIELD_START] + 1, tile + starts[VFL_FIELD_END] + 1);
    times = _mm256_shuffle_epi8(_mm256_xor_si256(times, zero), time_places);
    __m256i over = _mm256_subs_epu8(_mm256_max_epu8(eights, times), nine);
    if (!_mm256_testz_si256(over, over))
        return false;
    const __m256i tens = _mm256_set1_epi16(1 << 8 | 10);
    const __m256i hundreds = _mm256_set1_epi32(1 << 16 | 100);
    eights = _mm256_madd_epi16(_mm256_maddubs_epi16(eights, tens), hundreds);
    times = _mm256_madd_epi16(_mm256_maddubs_epi16(times, tens), hundreds);
    __m256i all =
        _mm256_madd_epi16(_mm256_packus_epi32(eights, times), _mm256_set1_epi32(1 << 16 | 10000));
    __m128i low = _mm256_castsi256_si128(all);
    __m128i high = _mm256_extracti128_si256(all, 1);
    uint64_t start = (uint64_t)_mm_extract_epi64(low, 1);
    uint64_t end = (uint64_t)_mm_extract_epi64(high, 1);
    ret_numbers->ports = (uint64_t)_mm_cvtsi128_si64(low);
    ret_numbers->counters = _mm_cvtepu32_epi64(high);
    ret_numbers->start = (int64_t)((start & UINT32_MAX) * 100000000 + (start >> 32));
    ret_numbers->end = (int64_t)((end & UINT32_MAX) * 100000000 + (end >> 32));
    return true;
}

static VFL_INLINE struct vfl_span usual_value(const char *tile, const int16_t *starts,
                                              enum vfl_field field)
{
    return (struct vfl_span){tile + starts[field] + 1, starts[field + 1] - starts[field] - 1u};
}

/* At least one of them longer than an IPv4 address. */
static VFL_NOINLINE bool parse_v6_pair(struct vfl_span block, struct vfl_span src,
                                       struct vfl_span dst, struct vfl_record *record)
{
    return read_address(src, block, &record->src) && read_address(dst, block, &record->dst) &&
           !vfl_ip_is_absent(record->src) && !vfl_ip_is_absent(record->dst);
}

static VFL_INLINE bool parse_usual_addresses(struct vfl_span block, const char *tile,
                                             const int16_t *starts, struct vfl_record *record)
{
    struct vfl_span src = usual_value(tile, starts, VFL_FIELD_SRCADDR);
    struct vfl_span dst = usual_value(tile, starts, VFL_FIELD_DSTADDR);
    __m256i v4;
    if ((src.len | dst.len) > 15)
        return parse_v6_pair(block, src, dst, record);
    if (!v4_pair_at(src, dst, &v4))
        return false;
    _Static_assert(offsetof(struct vfl_record, dst) ==
                       offsetof(struct vfl_record, src) + sizeof(struct vfl_ip),
                   "stored as one");
    _mm256_storeu_si256((__m256i *)(void *)&record->src, v4);
    return true;
}

/* A line of traffic as nearly all are: every value there, ports of 16 bits, counters of up to eight
 * digits, believable times in seconds, ACCEPT or REJECT, OK. */
static VFL_INLINE bool parse_usual_columns(struct vfl_span block, const char *tile,
                                           const int16_t *ends, int64_t now_epoch_s,
                                           struct vfl_record *record)
{
    const int16_t *starts = ends - 1; /* but for the byte that parts them */
    __m256i lengths;
    struct usual_numbers numbers;
    if (!are_usual_lengths(ends, &lengths) || !parse_usual_addresses(block, tile, starts, record) ||
        !parse_usual_numbers(tile, starts, lengths, &numbers))
        return false;
    const char *action = tile + starts[VFL_FIELD_ACTION] + 1;
    const uint64_t word = load_8(action);
    /* A bit of the first letter says which: of two comparisons one is often foreseen wrong. */
    const unsigned is_reject = (unsigned)(word >> 4) & 1;
    const uint64_t expected = load_8("ACCEPT O") ^ ((load_8("ACCEPT O") ^ load_8("REJECT O")) &
                                                    (0 - (uint64_t)is_reject));
    const struct vfl_span protocol = usual_value(tile, starts, VFL_FIELD_PROTOCOL);
    const unsigned tens = (unsigned)(protocol.ptr[0] - '0');
    const unsigned ones = (unsigned)(protocol.ptr[protocol.len - 1] - '0');
    /* Ten digits and a time are far from the ends of an int64_t, so what is wrong is negative. */
    const int64_t order = numbers.end - numbers.start;
    const int64_t age = numbers.start - EARLIEST_EPOCH_S;
    if (word != expected || action[8] != 'K' || tens > 9 || ones > 9 ||
        (numbers.ports & UINT64_C(0xffff0000ffff0000)) != 0 || (order | age) < 0 ||
        numbers.end - DAY_S > now_epoch_s)
        return false;
    record->interface_id = usual_value(tile, starts, VFL_FIELD_INTERFACE_ID);
    record->kind = VFL_RECORD_FLOW;
    record->action = (enum vfl_action)(VFL_ACTION_ACCEPT + is_reject);
    record->flaws = 0;
    record->has_protocol = record->has_ports = record->has_bytes = record->has_packets =
        record->has_times = true;
    /* Of one digit as often as of two: no branch. */
    record->protocol = (uint8_t)(ones + (tens * 10 & (0u - (unsigned)(protocol.len - 1))));
    record->src_port = (uint16_t)numbers.ports;
    record->dst_port = (uint16_t)(numbers.ports >> 32);
    _Static_assert(offsetof(struct vfl_record, bytes) ==
                       offsetof(struct vfl_record, packets) + sizeof(uint64_t),
                   "stored as one");
    _mm_storeu_si128((__m128i *)(void *)&record->packets, numbers.counters);
    record->start_epoch_s = numbers.start;
    record->end_epoch_s = numbers.end;
    return true;
}

#endif
