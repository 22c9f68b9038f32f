/* The record scanner for any processor: eight bytes in a register stand for the vectors that others
 * have. What parts values is found by SSE2 where there is that, as on every x86-64. */
#include "core/flowlog/record_scanners.h"

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Written out, because compilers make one load of this form and not of a loop. */
static inline uint32_t load_4_bytes(const char *bytes)
{
    const unsigned char *byte = (const unsigned char *)bytes;
    return (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 |
           (uint32_t)byte[3] << 24;
}

static inline uint64_t load_8_bytes(const char *bytes)
{
    const unsigned char *byte = (const unsigned char *)bytes;
    return (uint64_t)byte[0] | (uint64_t)byte[1] << 8 | (uint64_t)byte[2] << 16 |
           (uint64_t)byte[3] << 24 | (uint64_t)byte[4] << 32 | (uint64_t)byte[5] << 40 |
           (uint64_t)byte[6] << 48 | (uint64_t)byte[7] << 56;
}

/* Bit i is set when byte i of word is c. */
static inline uint64_t bytes_equal_to(uint64_t word, unsigned char c)
{
    const uint64_t rest = word ^ c * UINT64_C(0x0101010101010101);
    const uint64_t sum = (rest & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x7f7f7f7f7f7f7f7f);
    const uint64_t hits = ~(sum | rest) & UINT64_C(0x8080808080808080);
    return ((hits >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

static inline unsigned lowest_bit(uint64_t mask)
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

/* By pairs, fours and eights: without popcnt, the compiler's own is a call. */
static inline unsigned count_bits(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(bits * UINT64_C(0x0101010101010101) >> 56);
}

#if defined(__SSE2__)
static inline uint64_t equal_16(__m128i bytes, char c)
{
    return (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

/* Written out: compilers would make a loop of it. */
static inline uint64_t equal_to(const __m128i bytes[4], char c)
{
    return equal_16(bytes[0], c) | equal_16(bytes[1], c) << 16 | equal_16(bytes[2], c) << 32 |
           equal_16(bytes[3], c) << 48;
}

static inline struct piece look_at(const char *bytes)
{
    const __m128i text[4] = {
        _mm_loadu_si128((const __m128i *)(const void *)bytes),
        _mm_loadu_si128((const __m128i *)(const void *)(bytes + 16)),
        _mm_loadu_si128((const __m128i *)(const void *)(bytes + 32)),
        _mm_loadu_si128((const __m128i *)(const void *)(bytes + 48)),
    };
    __m128i least = _mm_min_epu8(_mm_min_epu8(text[0], text[1]), _mm_min_epu8(text[2], text[3]));
    uint64_t newlines = equal_to(text, '\n');
    return (struct piece){
        .ends = equal_to(text, ' ') | equal_to(text, '\t') | newlines,
        .newlines = newlines,
        .has_nul = (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())),
    };
}
#else
static inline struct piece look_at(const char *bytes)
{
    struct piece piece = {0, 0, 0};
    for (unsigned i = 0; i < PIECE_BYTES; i += 8) {
        uint64_t word = load_8_bytes(bytes + i);
        uint64_t newlines = bytes_equal_to(word, '\n');
        piece.ends |= (bytes_equal_to(word, ' ') | bytes_equal_to(word, '\t') | newlines) << i;
        piece.newlines |= newlines << i;
        piece.has_nul |= bytes_equal_to(word, '\0');
    }
    return piece;
}
#endif

static inline unsigned put_offsets(uint64_t bits, unsigned base, int16_t *offsets)
{
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1)
        offsets[count++] = (int16_t)(base + lowest_bit(bits));
    return count;
}

/* The digits in the len (1 to 8) lowest bytes of word, first digit lowest; false when one is none.
 * Eight bytes are one register: no branch per digit, which is where a loop loses its time. */
static VFL_INLINE bool number_of_word(uint64_t word, size_t len, uint64_t *ret_number)
{
    uint64_t digits = (word ^ UINT64_C(0x3030303030303030)) << (64 - 8 * len);
    if (((digits + UINT64_C(0x7676767676767676)) & UINT64_C(0x8080808080808080)) != 0 ||
        (digits & UINT64_C(0x8080808080808080)) != 0)
        return false;
    /* Pairs, then fours, then all eight. */
    digits = digits * 10 + (digits >> 8);
    const uint64_t pairs = UINT64_C(0x000000ff000000ff);
    *ret_number = ((digits & pairs) * UINT64_C(0x000f424000000064) +
                   (digits >> 16 & pairs) * UINT64_C(0x0000271000000001)) >>
                  32;
    return true;
}

static VFL_INLINE bool number_before(const char *end, size_t len, uint64_t *ret_number)
{
    if (len <= 8)
        return number_of_word(load_8_bytes(end - 8) >> (64 - 8 * len), len, ret_number);
    uint64_t high, low;
    if (!number_of_word(load_8_bytes(end - len), len - 8, &high) ||
        !number_of_word(load_8_bytes(end - 8), 8, &low))
        return false;
    *ret_number = high * 100000000 + low;
    return true;
}

/* One octet: the len bytes at text, where four are readable. Returns over 255 for anything but its
 * canonical decimal form. */
static VFL_INLINE uint32_t octet_of(const char *text, size_t len)
{
    static const uint32_t least[] = {1, 0, 10, 100}; /* of a number of so many digits */
    if (len - 1 > 2)
        return 256;
    uint32_t digits = (load_4_bytes(text) ^ UINT32_C(0x30303030)) << (32 - 8 * len);
    uint32_t bad = ((digits + UINT32_C(0x76767676)) | digits) & UINT32_C(0x80808080);
    uint32_t value = (digits >> 24) + (digits >> 16 & 255) * 10 + (digits >> 8 & 255) * 100;
    bad |= value - least[len] > 255 - least[len];
    return bad != 0 ? 256 : value;
}

static VFL_INLINE bool v4_at(const char *text, size_t len, uint32_t *ret_address)
{
    uint64_t dots =
        bytes_equal_to(load_8_bytes(text), '.') | bytes_equal_to(load_8_bytes(text + 8), '.') << 8;
    dots &= (UINT64_C(1) << len) - 1;
    size_t at[3];
    for (int i = 0; i < 3; i++) {
        if (dots == 0)
            return false;
        at[i] = lowest_bit(dots);
        dots &= dots - 1;
    }
    if (at[2] > 11)
        return false;
    uint32_t a = octet_of(text, at[0]);
    uint32_t b = octet_of(text + at[0] + 1, at[1] - at[0] - 1);
    uint32_t c = octet_of(text + at[1] + 1, at[2] - at[1] - 1);
    uint32_t d = octet_of(text + at[2] + 1, len - at[2] - 1);
    if ((a | b | c | d) > 255)
        return false;
    *ret_address = a << 24 | b << 16 | c << 8 | d;
    return true;
}

static VFL_INLINE bool read_number(struct vfl_span value, struct vfl_span block,
                                   uint64_t *ret_number)
{
    const char *end = value.ptr + value.len;
    if (value.len == 0 || value.len > 16 || end - block.ptr < 8)
        return vfl_record_read_number(value, ret_number);
    return number_before(end, value.len, ret_number);
}

static VFL_INLINE bool read_address(struct vfl_span value, struct vfl_span block,
                                    struct vfl_ip *ret_address)
{
    uint32_t v4;
    if (value.len <= 15 && block.ptr + block.len - value.ptr >= 16 &&
        v4_at(value.ptr, value.len, &v4)) {
        *ret_address = vfl_ip_from_v4(v4);
        return true;
    }
    return vfl_ip_parse(value, ret_address);
}

#include "core/flowlog/record_fields.h"

static inline bool parse_usual_columns(struct vfl_span block, const char *tile, const int16_t *ends,
                                       int64_t now_epoch_s, struct vfl_record *record)
{
    (void)block, (void)tile, (void)ends, (void)now_epoch_s, (void)record;
    return false;
}

#include "core/flowlog/record_scan.h"

enum vfl_status vfl_record_scan_portable(const struct vfl_record_format *format,
                                         struct vfl_span block, int64_t now_epoch_s,
                                         struct vfl_record_sink sink, struct vfl_error *err)
{
    return scan_block(format, block, now_epoch_s, sink, err);
}
