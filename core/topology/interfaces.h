/* The interface directory: which interface an id names, and which interface owns an address.
 *
 * Fed from EC2 or a file, kept for hours after an interface is gone, so that late records still
 * find it. Not thread-safe. */
#ifndef VFL_TOPOLOGY_INTERFACES_H
#define VFL_TOPOLOGY_INTERFACES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/flowlog/ip.h"
#include "core/interface.h"
#include "core/topology/eras.h"
#include "core/index.h"
#include "core/topology/tokens.h"

#define VFL_INTERFACES_MAX_COUNT 500000u
#define VFL_INTERFACES_MAX_ADDRESSES (1u << 22)
#define VFL_INTERFACES_KEEP_S (6 * 3600)
/* Not listed for longer than this: gone. Above the time between two refreshes of a region. */
#define VFL_INTERFACES_GONE_S 1200

/* Middleboxes whose traffic shows only a hop, not who depends on whom: left out of the topology. */
enum vfl_interface_kind {
    VFL_INTERFACE_ORDINARY,
    VFL_INTERFACE_NAT_GATEWAY,
    VFL_INTERFACE_APPLICATION_LOAD_BALANCER,
};

/* Tokens are those of the directory's `tokens`. */
struct vfl_known_interface {
    uint32_t id;
    uint32_t vpc_id;
    uint32_t region;
    enum vfl_interface_kind kind;
    struct vfl_ip primary; /* primary private IPv4; absent for IPv6-only interfaces */
    int64_t attach_epoch_s;
    int64_t last_seen_epoch_s; /* of the last refresh that listed it */
    uint32_t first_address;    /* its own range of `addresses` */
    uint32_t address_count;
};

enum vfl_address_kind {
    VFL_ADDRESS_PRIMARY,
    VFL_ADDRESS_SECONDARY,
    VFL_ADDRESS_IPV6,
    VFL_ADDRESS_PREFIX, /* a delegated prefix: addresses of pods */
};

struct vfl_known_address {
    uint32_t interface; /* position in `interfaces` */
    enum vfl_address_kind kind;
    unsigned prefix_bits; /* of a VFL_ADDRESS_PREFIX */
    struct vfl_ip ip;
    /* Public, carrier and customer-owned addresses bound to this private one; absent ones are
     * absent. */
    struct vfl_ip public_ips[3];
};

struct vfl_interfaces {
    struct vfl_tokens tokens;
    uint64_t seed;
    struct vfl_known_interface *interfaces;
    uint32_t count, room;
    struct vfl_index id_index;
    struct vfl_known_address *addresses;
    uint32_t address_count, address_room;
    struct vfl_index address_index; /* by (ip) or (prefix base, bits) */
    struct vfl_index public_index;  /* by public address */
    unsigned prefix_lengths[8];     /* distinct lengths of delegated prefixes, in mapped bits */
    unsigned prefix_length_count;
    struct vfl_eras eras;    /* when addresses passed from one interface to another */
    int64_t refresh_epoch_s; /* of the refresh under way */
};

void vfl_interfaces_fini(struct vfl_interfaces *interfaces); /* NULL and zeroed are fine */

/* A refresh: start, then add every interface, then finish. An interface that was there before gets
 * its new addresses; one that is not added keeps its old ones until VFL_INTERFACES_KEEP_S after it
 * was last seen. A refresh that broke off half-way is finished all the same: what was added counts.
 */
void vfl_interfaces_start_refresh(struct vfl_interfaces *interfaces, int64_t now_epoch_s);
/* Skips an interface without id or VPC, and addresses that do not parse. VFL_LIMIT, VFL_NO_MEMORY.
 */
enum vfl_status vfl_interfaces_add(struct vfl_interfaces *interfaces,
                                   const struct vfl_interface *interface,
                                   struct vfl_error *err) VFL_MUST_CHECK;
/* VFL_NO_MEMORY: part of the addresses is not found until a refresh succeeds. */
enum vfl_status vfl_interfaces_finish_refresh(struct vfl_interfaces *interfaces,
                                              struct vfl_error *err) VFL_MUST_CHECK;

/* NULL when unknown. Pointers live until the next refresh. */
const struct vfl_known_interface *vfl_interfaces_find(const struct vfl_interfaces *interfaces,
                                                      struct vfl_span id);
/* The same by the id's token in the directory. */
const struct vfl_known_interface *vfl_interfaces_find_token(const struct vfl_interfaces *interfaces,
                                                            uint32_t id);

/* Who owns a private address. */
struct vfl_address_owner {
    const struct vfl_known_interface *interface;
    const struct vfl_known_address *address;
};

/* The owner of ip inside vpc_id at a time: of several (an address that was used again) the one
 * attached last before at_epoch_s, else the one seen last. at_epoch_s 0: now. False when nobody
 * owns it. */
bool vfl_interfaces_find_owner(const struct vfl_interfaces *interfaces, uint32_t vpc_id,
                               struct vfl_ip ip, int64_t at_epoch_s,
                               struct vfl_address_owner *ret_owner);

/* The owner of the private address to which a public one is bound; of several as above. */
bool vfl_interfaces_find_public(const struct vfl_interfaces *interfaces, struct vfl_ip ip,
                                int64_t at_epoch_s, struct vfl_address_owner *ret_owner);

/* The VPCs in which somebody owns ip: 0, 1 (then *ret_vpc_id is it) or 2 for "several". Interfaces
 * that are gone count only when none is there that was attached by at_epoch_s (0: now). */
unsigned vfl_interfaces_find_vpcs(const struct vfl_interfaces *interfaces, struct vfl_ip ip,
                                  int64_t at_epoch_s, uint32_t *ret_vpc_id);

#endif
