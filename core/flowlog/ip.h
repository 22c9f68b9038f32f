/* IP addresses as values: parse, canonical text, order and the address classes of the design. */
#ifndef VFL_FLOWLOG_IP_H
#define VFL_FLOWLOG_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

/* An IPv4 address is held as its IPv4-mapped form (::ffff:a.b.c.d), so both notations of one
 * address are equal. All-zero means "absent"; the IPv6 unspecified address is never an endpoint, so
 * nothing is lost. Host byte order; (hi, lo) orders addresses numerically, every IPv4 before
 * 2000::/3. */
struct vfl_ip {
    uint64_t hi;
    uint64_t lo;
};

#define VFL_IP_TEXT_SIZE 46

static inline bool vfl_ip_is_absent(struct vfl_ip ip)
{
    return (ip.hi | ip.lo) == 0;
}

static inline bool vfl_ip_is_v4(struct vfl_ip ip)
{
    return ip.hi == 0 && (ip.lo >> 32) == 0xffff;
}

static inline struct vfl_ip vfl_ip_from_v4(uint32_t address)
{
    return (struct vfl_ip){0, 0xffff00000000u | address};
}

static inline bool vfl_ip_equal(struct vfl_ip a, struct vfl_ip b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

static inline int vfl_ip_compare(struct vfl_ip a, struct vfl_ip b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

/* Accepts dotted-quad without leading zeros, and every RFC 4291 text form of IPv6 (upper case,
 * compressed, with a dotted tail); no port, mask, zone or brackets. Returns false and leaves ret_ip
 * alone otherwise. */
bool vfl_ip_parse(struct vfl_span text, struct vfl_ip *ret_ip);

/* Parses "address/bits" (a delegated prefix). For IPv4, ret_bits is 0..32 as written. The host bits
 * must be zero. */
bool vfl_ip_prefix_parse(struct vfl_span text, struct vfl_ip *ret_ip, unsigned *ret_bits);

/* True when ip lies in prefix/bits; bits counts as written for the prefix's own family. */
bool vfl_ip_in_prefix(struct vfl_ip ip, struct vfl_ip prefix, unsigned bits);

/* Canonical text (RFC 5952; IPv4 dotted), NUL-terminated, into out[VFL_IP_TEXT_SIZE]; returns its
 * length. An absent address prints as "-". */
unsigned vfl_ip_format(struct vfl_ip ip, char *out);

/* What an address can be when no interface owns it (design section 5). */
enum vfl_ip_class {
    VFL_IP_NOT_ENDPOINT, /* unspecified, 0/8, loopback, link-local, multicast, broadcast, 240/4 */
    VFL_IP_PRIVATE,      /* RFC 6598 (100.64/10), ULA fc00::/7 */
    VFL_IP_RFC1918,      /* private too; the only range the account scan names as private */
    VFL_IP_PUBLIC,       /* everything else, documentation ranges included */
};
enum vfl_ip_class vfl_ip_classify(struct vfl_ip ip);

#endif
