/* One network interface (ENI) as EC2 DescribeNetworkInterfaces tells it: what the EC2 client and
 * the interfaces file produce, and what the interface directory takes in. Plain borrowed values. */
#ifndef VFL_INTERFACE_H
#define VFL_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

struct vfl_interface_address {
    struct vfl_span private_ip;
    struct vfl_span public_ip;         /* association; absent when none */
    struct vfl_span carrier_ip;        /* Wavelength */
    struct vfl_span customer_owned_ip; /* Outposts */
    bool is_primary;
};

/* Texts are as AWS spells them; absent ones are {NULL, 0}. All spans die when the call that passes
 * the struct returns. Arrays may be NULL when their count is 0. */
struct vfl_interface {
    struct vfl_span id; /* "eni-...": opaque */
    struct vfl_span vpc_id;
    struct vfl_span subnet_id;
    struct vfl_span region; /* of the request that found it; absent in a file that does not tell */
    struct vfl_span type;   /* interfaceType: an open string */
    struct vfl_span description;
    struct vfl_span requester_id;
    struct vfl_span owner_id;
    struct vfl_span attachment_owner_id; /* attachment.instanceOwnerId */
    struct vfl_span attachment_instance_id;
    int64_t attach_epoch_s; /* attachment.attachTime; 0 when unknown */
    bool is_requester_managed;
    const struct vfl_interface_address *addresses; /* private IPv4, primary included */
    size_t address_count;
    const struct vfl_span *ipv6_addresses;
    size_t ipv6_address_count;
    const struct vfl_span *prefixes; /* delegated IPv4 /28 and IPv6 /80, "10.0.1.16/28" */
    size_t prefix_count;
};

/* Receives one interface at a time. A status other than VFL_OK stops the producer, which returns
 * it. */
struct vfl_interface_sink {
    enum vfl_status (*add)(void *ctx, const struct vfl_interface *interface, struct vfl_error *err);
    void *ctx;
};

#endif
