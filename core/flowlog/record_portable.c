/* The record parser for any processor: eight bytes in a register stand for the vectors that others
 * have. */
#include "core/flowlog/record_parser.h"

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

/* Bit i is set when byte i of word is at most 0x20. */
static inline uint64_t low_bytes(uint64_t word)
{
    const uint64_t sum = (word & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x5f5f5f5f5f5f5f5f);
    const uint64_t hits = ~(sum | word) & UINT64_C(0x8080808080808080);
    return ((hits >> 7) * UINT64_C(0x0102040810204080)) >> 56;
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

static inline uint64_t breaks_of_block(const char *bytes, bool *ret_has_control)
{
    uint64_t spaces = 0;
    uint64_t low = 0;
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t word = load_8_bytes(bytes + i);
        spaces |= bytes_equal_to(word, ' ') << i;
        low |= low_bytes(word) << i;
    }
    *ret_has_control = low != spaces;
    return spaces;
}

static inline unsigned offsets_of_breaks(uint64_t breaks, uint32_t base, uint32_t *offsets)
{
    unsigned count = 0;
    for (; breaks != 0; breaks &= breaks - 1)
        offsets[count++] = base + lowest_bit(breaks);
    return count;
}

/* The digits in the len (1 to 8) lowest bytes of word, first digit lowest; false when one is none.
 * Eight bytes are one register: no branch per digit, which is where a loop loses its time. */
static inline bool number_of_word(uint64_t word, size_t len, uint64_t *ret_number)
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

static inline bool number_before(const char *end, size_t len, uint64_t *ret_number)
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
static inline uint32_t octet_of(const char *text, size_t len)
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

static inline bool v4_at(const char *text, size_t len, uint32_t *ret_address)
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

static inline bool numbers_before(const char *const ends[2], const size_t lens[2],
                                  uint64_t ret_numbers[2])
{
    return number_before(ends[0], lens[0], &ret_numbers[0]) &&
           number_before(ends[1], lens[1], &ret_numbers[1]);
}

static inline bool v4_pair_at(const char *const texts[2], const size_t lens[2],
                              uint32_t ret_addresses[2])
{
    return v4_at(texts[0], lens[0], &ret_addresses[0]) &&
           v4_at(texts[1], lens[1], &ret_addresses[1]);
}

static inline void clear_record(struct vfl_record *record)
{
    enum { PIECE_BYTES = 64 };
    char *bytes = (char *)record;
    size_t at = 0;
    for (; at + PIECE_BYTES <= sizeof *record; at += PIECE_BYTES)
        memset(bytes + at, 0, PIECE_BYTES);
    memset(bytes + at, 0, sizeof *record % PIECE_BYTES);
}

#include "core/flowlog/record_fields.h"

void vfl_record_parse_portable(const struct vfl_record_format *format, struct vfl_span line,
                               int64_t now_epoch_s, struct vfl_record *ret_record)
{
    parse_record(format, line, now_epoch_s, ret_record);
}
