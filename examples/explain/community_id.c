#include "examples/explain/community_id.h"

#include <string.h>

enum { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58, SCTP = 132 };

static bool has_ports(uint8_t protocol)
{
    return protocol == ICMP || protocol == TCP || protocol == UDP || protocol == ICMPV6 ||
           protocol == SCTP;
}

/* The message that answers one of this type, or that it answers; -1: there is none. */
static int counterpart_of(uint8_t protocol, unsigned type)
{
    static const struct {
        uint8_t protocol, request, reply;
    } pairs[] = {
        {ICMP, 8, 0},       /* echo */
        {ICMP, 10, 9},      /* router solicitation, advertisement */
        {ICMP, 13, 14},     /* timestamp */
        {ICMP, 15, 16},     /* information */
        {ICMP, 17, 18},     /* address mask */
        {ICMPV6, 128, 129}, /* echo */
        {ICMPV6, 130, 131}, /* multicast listener query, report */
        {ICMPV6, 133, 134}, /* router solicitation, advertisement */
        {ICMPV6, 135, 136}, /* neighbor solicitation, advertisement */
        {ICMPV6, 139, 140}, /* node information */
        {ICMPV6, 144, 145}, /* home agent address discovery */
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i].protocol != protocol)
            continue;
        if (pairs[i].request == type)
            return pairs[i].reply;
        if (pairs[i].reply == type)
            return pairs[i].request;
    }
    return -1;
}

struct packed {
    unsigned char bytes[40]; /* seed, two addresses, protocol, padding, two ports */
    size_t len;
};

static void put_number(struct packed *packed, uint64_t number, unsigned byte_count)
{
    while (byte_count-- > 0)
        packed->bytes[packed->len++] = (unsigned char)(number >> 8 * byte_count);
}

static void put_address(struct packed *packed, struct vfl_ip ip)
{
    if (!vfl_ip_is_v4(ip)) {
        put_number(packed, ip.hi, 8);
        put_number(packed, ip.lo, 8);
    } else {
        put_number(packed, ip.lo, 4);
    }
}

enum vfl_status vfl_community_id(const struct vfl_flow_tuple *tuple,
                                 char ret_text[VFL_COMMUNITY_ID_SIZE], struct vfl_error *err)
{
    struct vfl_flow_tuple ends = *tuple;
    bool is_one_way = false;
    if (ends.protocol == ICMP || ends.protocol == ICMPV6) {
        int counterpart = counterpart_of(ends.protocol, ends.src_port);
        is_one_way = counterpart < 0;
        if (!is_one_way)
            ends.dst_port = (uint16_t)counterpart;
    }
    int order = vfl_ip_compare(ends.src, ends.dst);
    bool is_swapped = order > 0 || (order == 0 && ends.src_port > ends.dst_port);
    if (is_swapped && !is_one_way)
        ends = (struct vfl_flow_tuple){ends.dst, ends.src, ends.protocol, ends.dst_port,
                                       ends.src_port};
    struct packed packed = {.len = 0};
    put_number(&packed, 0, 2);
    put_address(&packed, ends.src);
    put_address(&packed, ends.dst);
    put_number(&packed, ends.protocol, 1);
    put_number(&packed, 0, 1);
    if (has_ports(ends.protocol)) {
        put_number(&packed, ends.src_port, 2);
        put_number(&packed, ends.dst_port, 2);
    }
    unsigned char sum[VFL_SHA1_BYTES];
    enum vfl_status st =
        vfl_digest_sha1((struct vfl_span){(const char *)packed.bytes, packed.len}, sum, err);
    if (st != VFL_OK)
        return st;
    memcpy(ret_text, "1:", 2);
    vfl_digest_base64(sum, sizeof sum, ret_text + 2);
    return VFL_OK;
}
