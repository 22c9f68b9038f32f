#include "core/flowlog/ip.h"

#include <string.h>

/* Parses "a.b.c.d". A leading zero is refused because some readers take it as octal. */
static bool parse_v4(const char *text, size_t len, uint32_t *ret_address)
{
    if (len < 7 || len > 15)
        return false;
    uint32_t address = 0;
    const char *at = text;
    const char *end = text + len;
    for (int octet = 0; octet < 4; octet++) {
        if (octet > 0 && (at == end || *at++ != '.'))
            return false;
        const char *first = at;
        uint32_t value = 0;
        while (at < end && at - first < 3 && (unsigned)(*at - '0') <= 9)
            value = value * 10 + (uint32_t)(*at++ - '0');
        if (at == first || value > 255 || (*first == '0' && at - first > 1))
            return false;
        address = address << 8 | value;
    }
    if (at != end)
        return false;
    *ret_address = address;
    return true;
}

/* The 16-bit groups read so far, and where "::" stood among them (-1: nowhere). */
struct groups {
    uint16_t value[8];
    int count;
    int gap;
};

/* One more than the value of a hexadecimal digit, so that all that is none is 0. */
static const uint8_t hex_digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Four digits, which most groups have, without a loop that ends unforeseen. False: they are fewer.
 */
static inline bool parse_full_group(const char *text, unsigned *ret_value)
{
    unsigned a = hex_digits[(unsigned char)text[0]];
    unsigned b = hex_digits[(unsigned char)text[1]];
    unsigned c = hex_digits[(unsigned char)text[2]];
    unsigned d = hex_digits[(unsigned char)text[3]];
    *ret_value = (a - 1) << 12 | (b - 1) << 8 | (c - 1) << 4 | (d - 1);
    return a != 0 && b != 0 && c != 0 && d != 0;
}

/* Reads one hexadecimal group at *at, or the dotted tail, which is the end of the text. */
static inline bool parse_group(const char **at, const char *end, struct groups *groups)
{
    const char *first = *at;
    unsigned value = 0;
    unsigned digit;
    if (end - first >= 4 && parse_full_group(first, &value)) {
        *at += 4;
    } else {
        value = 0;
        while (*at < end && *at - first < 4 && (digit = hex_digits[(unsigned char)**at]) != 0) {
            value = value << 4 | (digit - 1);
            (*at)++;
        }
    }
    if (*at < end && **at == '.') {
        uint32_t tail;
        if (groups->count > 6 || !parse_v4(first, (size_t)(end - first), &tail))
            return false;
        groups->value[groups->count++] = (uint16_t)(tail >> 16);
        groups->value[groups->count++] = (uint16_t)tail;
        *at = end;
        return true;
    }
    if (*at == first || groups->count == 8)
        return false;
    groups->value[groups->count++] = (uint16_t)value;
    return true;
}

static uint64_t join(const uint16_t *groups)
{
    return (uint64_t)groups[0] << 48 | (uint64_t)groups[1] << 32 | (uint64_t)groups[2] << 16 |
           groups[3];
}

/* "::" stands for at least one group of zeros. */
static bool join_groups(const struct groups *groups, struct vfl_ip *ret_ip)
{
    if (groups->gap < 0 ? groups->count != 8 : groups->count == 8)
        return false;
    if (groups->gap < 0) {
        *ret_ip = (struct vfl_ip){join(groups->value), join(groups->value + 4)};
        return true;
    }
    uint16_t all[8] = {0};
    for (int i = 0; i < groups->gap; i++)
        all[i] = groups->value[i];
    for (int i = groups->gap; i < groups->count; i++)
        all[i + 8 - groups->count] = groups->value[i];
    *ret_ip = (struct vfl_ip){join(all), join(all + 4)};
    return true;
}

static bool parse_v6(const char *text, size_t len, struct vfl_ip *ret_ip)
{
    if (len < 2 || len >= VFL_IP_TEXT_SIZE)
        return false;
    struct groups groups;
    groups.count = 0;
    groups.gap = -1;
    const char *at = text;
    const char *end = text + len;
    if (at[0] == ':') {
        if (at[1] != ':')
            return false;
        groups.gap = 0;
        at += 2;
    }
    while (at < end) {
        if (!parse_group(&at, end, &groups))
            return false;
        if (at == end)
            break;
        if (*at++ != ':' || at == end)
            return false;
        if (*at == ':') {
            if (groups.gap >= 0)
                return false;
            groups.gap = groups.count;
            at++;
        }
    }
    return join_groups(&groups, ret_ip);
}

bool vfl_ip_parse(struct vfl_span text, struct vfl_ip *ret_ip)
{
    uint32_t address;
    if (text.len == 0)
        return false;
    if (parse_v4(text.ptr, text.len, &address)) {
        *ret_ip = vfl_ip_from_v4(address);
        return true;
    }
    return parse_v6(text.ptr, text.len, ret_ip);
}

/* The network mask of bits (0..128) leading ones. */
static struct vfl_ip mask_of(unsigned bits)
{
    struct vfl_ip mask;
    mask.hi = bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : UINT64_MAX << (64 - bits);
    mask.lo = bits <= 64 ? 0 : UINT64_MAX << (128 - bits);
    return mask;
}

/* The mask for a prefix of ip's family; an IPv4 prefix counts from the start of the mapped part. */
static struct vfl_ip family_mask(struct vfl_ip ip, unsigned bits)
{
    return mask_of(vfl_ip_is_v4(ip) ? 96 + bits : bits);
}

bool vfl_ip_prefix_parse(struct vfl_span text, struct vfl_ip *ret_ip, unsigned *ret_bits)
{
    const char *slash = text.len == 0 ? NULL : memchr(text.ptr, '/', text.len);
    if (slash == NULL)
        return false;
    struct vfl_ip ip;
    if (!vfl_ip_parse((struct vfl_span){text.ptr, (size_t)(slash - text.ptr)}, &ip))
        return false;
    const char *end = text.ptr + text.len;
    const char *first = slash + 1;
    unsigned bits = 0;
    const char *at = first;
    while (at < end && at - first < 3 && (unsigned)(*at - '0') <= 9)
        bits = bits * 10 + (unsigned)(*at++ - '0');
    if (at == first || at != end || (*first == '0' && at - first > 1))
        return false;
    if (bits > (vfl_ip_is_v4(ip) ? 32u : 128u))
        return false;
    struct vfl_ip mask = family_mask(ip, bits);
    if ((ip.hi & ~mask.hi) != 0 || (ip.lo & ~mask.lo) != 0)
        return false;
    *ret_ip = ip;
    *ret_bits = bits;
    return true;
}

bool vfl_ip_in_prefix(struct vfl_ip ip, struct vfl_ip prefix, unsigned bits)
{
    if (vfl_ip_is_v4(ip) != vfl_ip_is_v4(prefix) || bits > (vfl_ip_is_v4(prefix) ? 32u : 128u))
        return false;
    struct vfl_ip mask = family_mask(prefix, bits);
    return ((ip.hi ^ prefix.hi) & mask.hi) == 0 && ((ip.lo ^ prefix.lo) & mask.lo) == 0;
}

static char *put_decimal(char *at, unsigned octet)
{
    if (octet >= 100)
        *at++ = (char)('0' + octet / 100);
    if (octet >= 10)
        *at++ = (char)('0' + octet / 10 % 10);
    *at++ = (char)('0' + octet % 10);
    return at;
}

static char *put_hex(char *at, unsigned group)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = group >= 0x1000  ? 12
                     : group >= 0x100 ? 8
                     : group >= 0x10  ? 4
                                      : 0;
         shift >= 0; shift -= 4)
        *at++ = digits[group >> shift & 15];
    return at;
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952 section 4.2). */
static void find_gap(const unsigned group[8], int *ret_start, int *ret_length)
{
    *ret_start = -1;
    *ret_length = 1;
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && group[i + length] == 0)
            length++;
        if (length > *ret_length) {
            *ret_start = i;
            *ret_length = length;
        }
        i += length;
    }
}

unsigned vfl_ip_format(struct vfl_ip ip, char *out)
{
    char *at = out;
    if (vfl_ip_is_absent(ip)) {
        *at++ = '-';
    } else if (vfl_ip_is_v4(ip)) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            at = put_decimal(at, (unsigned)(ip.lo >> shift) & 255);
            if (shift > 0)
                *at++ = '.';
        }
    } else {
        unsigned group[8];
        for (int i = 0; i < 4; i++) {
            group[i] = (unsigned)(ip.hi >> (48 - 16 * i)) & 0xffff;
            group[i + 4] = (unsigned)(ip.lo >> (48 - 16 * i)) & 0xffff;
        }
        int gap, gap_length;
        find_gap(group, &gap, &gap_length);
        for (int i = 0; i < 8; i++) {
            if (i == gap) {
                *at++ = ':';
                *at++ = ':';
                i += gap_length - 1;
                continue;
            }
            if (i > 0 && at[-1] != ':')
                *at++ = ':';
            at = put_hex(at, group[i]);
        }
    }
    *at = '\0';
    return (unsigned)(at - out);
}

static enum vfl_ip_class classify_v4(uint32_t address)
{
    uint32_t first = address >> 24;
    if (first == 0 || first == 127 || first >= 224 || address >> 16 == 0xa9fe)
        return VFL_IP_NOT_ENDPOINT;
    if (first == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8)
        return VFL_IP_RFC1918;
    if (address >> 22 == 0x6440 >> 6)
        return VFL_IP_PRIVATE;
    return VFL_IP_PUBLIC;
}

enum vfl_ip_class vfl_ip_classify(struct vfl_ip ip)
{
    if (vfl_ip_is_v4(ip))
        return classify_v4((uint32_t)ip.lo);
    if (ip.hi == 0 && ip.lo <= 1)
        return VFL_IP_NOT_ENDPOINT;
    if (ip.hi >> 56 == 0xff || ip.hi >> 54 == 0xfe80 >> 6)
        return VFL_IP_NOT_ENDPOINT;
    if (ip.hi >> 57 == 0xfc >> 1)
        return VFL_IP_PRIVATE;
    return VFL_IP_PUBLIC;
}
