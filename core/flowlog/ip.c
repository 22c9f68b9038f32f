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

/* Reads one hexadecimal group at *at, or the dotted tail, which is the end of the text. */
static bool parse_group(const char **at, const char *end, struct groups *groups)
{
    const char *first = *at;
    unsigned value = 0;
    int digit = 0;
    while (*at < end && *at - first < 4 && (digit = vfl_hex_value(**at)) >= 0) {
        value = value << 4 | (unsigned)digit;
        (*at)++;
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

static bool parse_v6(const char *text, size_t len, struct vfl_ip *ret_ip)
{
    if (len < 2 || len >= VFL_IP_TEXT_SIZE)
        return false;
    struct groups groups = {.gap = -1};
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
    /* "::" stands for at least one group of zeros. */
    if (groups.gap < 0 ? groups.count != 8 : groups.count == 8)
        return false;
    uint16_t all[8] = {0};
    int head = groups.gap < 0 ? 8 : groups.gap;
    for (int i = 0; i < groups.count; i++)
        all[i < head ? i : i + 8 - groups.count] = groups.value[i];
    struct vfl_ip ip = {0, 0};
    for (int i = 0; i < 4; i++) {
        ip.hi = ip.hi << 16 | all[i];
        ip.lo = ip.lo << 16 | all[i + 4];
    }
    *ret_ip = ip;
    return true;
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
