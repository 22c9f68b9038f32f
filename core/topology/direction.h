/* Who is the client: evidence of a conversation's direction. Pure functions. */
#ifndef VFL_TOPOLOGY_DIRECTION_H
#define VFL_TOPOLOGY_DIRECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/index.h"

/* Strongest first. */
enum vfl_evidence {
    VFL_EVIDENCE_TCP_FLAGS,  /* one side sent SYN, or answered with SYN and ACK */
    VFL_EVIDENCE_PORT_COUNT, /* one port of the server, many ports of its peers */
    VFL_EVIDENCE_PORT,       /* a registered, or else the lower, port is the server's */
    VFL_EVIDENCE_NONE,
};

/* "tcp-flags", "port-count", "port", "unknown". */
const char *vfl_evidence_name(enum vfl_evidence evidence);

/* How much a port number by itself looks like a service: 3 well-known (below 1024, but not one that
 * clients reserve), 2 registered and in common use, 1 below the ephemeral range, 0 ephemeral.
 * Source: IANA Service Name and Port Number Registry. */
unsigned vfl_port_rank(uint16_t port);

/* Counts, for each (endpoint, protocol, port), the distinct ports of its peers, up to
 * VFL_PORT_COUNT_MAX. A client uses one of its ports towards few server ports, a server uses one
 * port towards as many ports as it has connections. Zeroed is empty. */
#define VFL_PORT_COUNT_MAX 8
struct vfl_port_counts {
    struct vfl_port_count *counts;
    uint32_t count, room;
    struct vfl_index index;
    uint64_t seed;
};

void vfl_port_counts_fini(struct vfl_port_counts *counts); /* NULL and zeroed are fine */
void vfl_port_counts_reset(struct vfl_port_counts *counts);
/* False without memory. */
bool vfl_port_counts_add(struct vfl_port_counts *counts, uint32_t endpoint, uint8_t protocol,
                         uint16_t port, uint16_t peer_port) VFL_MUST_CHECK;
unsigned vfl_port_counts_find(const struct vfl_port_counts *counts, uint32_t endpoint,
                              uint8_t protocol, uint16_t port);

/* What two ports, and how often each was seen with different peers' ports, say. */
enum vfl_side { VFL_SIDE_A, VFL_SIDE_B, VFL_SIDE_NEITHER };
struct vfl_port_view {
    uint16_t port;
    unsigned peer_port_count; /* of vfl_port_counts; 0 when not counted */
};
enum vfl_side vfl_direction_server(struct vfl_port_view a, struct vfl_port_view b,
                                   enum vfl_evidence *ret_evidence);

#endif
