/* What some records say about where an address is, for those records of it that do not say.
 *
 * traffic-path and next-hop-vpc-id come with what an interface sends, not with the replies; transit
 * gateway logs name both VPCs, VPC flow logs neither. Kept between runs. Not thread-safe. */
#ifndef VFL_TOPOLOGY_HINTS_H
#define VFL_TOPOLOGY_HINTS_H

#include <stdint.h>

#include "core/flowlog/ip.h"
#include "core/index.h"
#include "core/topology/tokens.h"

#define VFL_HINTS_MAX_COUNT (1u << 16) /* further addresses get no hint */

/* Zeroed is empty. */
struct vfl_hints {
    struct vfl_hint *hints;
    uint32_t count, room;
    struct vfl_index index;
    uint64_t seed;
};

void vfl_hints_fini(struct vfl_hints *hints); /* NULL and zeroed are fine */

/* Seen from vpc_id, ip is in told_vpc_id; VFL_TOKEN_ABSENT: it is outside of vpc_id, nobody says
 * where. Of several, a VPC wins over "outside", then the lowest id. VFL_NO_MEMORY. */
enum vfl_status vfl_hints_add(struct vfl_hints *hints, const struct vfl_tokens *tokens,
                              uint32_t vpc_id, struct vfl_ip ip, uint32_t told_vpc_id,
                              struct vfl_error *err) VFL_MUST_CHECK;

/* False when nothing is known; *ret_vpc_id as above. */
bool vfl_hints_find(const struct vfl_hints *hints, uint32_t vpc_id, struct vfl_ip ip,
                    uint32_t *ret_vpc_id);

#endif
