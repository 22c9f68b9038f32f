/* The order in which everything leaves: by content, never by where it lies in memory. */
#ifndef VFL_TOPOLOGY_ORDER_H
#define VFL_TOPOLOGY_ORDER_H

#include "core/topology/live.h"

/* Something with a place in an order. */
struct live_ordered {
    union {
        uint64_t number;
        const char *text;
    } key;
    uint32_t position; /* of what it stands for */
};

/* Sorts by key.number; equal ones stay as they came. spare has room for as many. */
void live_sort_by_number(struct live_ordered *items, struct live_ordered *spare, size_t count);

/* Fills ranks[i] with how many endpoints come before endpoint i in live_endpoint_compare's order.
 * items and spare each have room for all endpoints. */
void live_rank_endpoints(const struct vfl_topology *topology, struct live_ordered *items,
                         struct live_ordered *spare, uint32_t *ranks);

#endif
