/* Flow -> the two endpoints it runs between, or the reason why there are none.
 *
 * An endpoint is (VPC, private address). The rules are those of docs/ARCHITECTURE.md, "Who is who";
 * they look only at the flow and the interface directory, so the order of records cannot matter. */
#ifndef VFL_TOPOLOGY_RESOLVE_H
#define VFL_TOPOLOGY_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/topology/flow_table.h"
#include "core/topology/hints.h"
#include "core/topology/interfaces.h"

/* What became of a flow. All but KEPT leave it out of the topology, and each is counted. */
enum vfl_flow_outcome {
    VFL_FLOW_KEPT,
    VFL_FLOW_PUBLIC,            /* one end is not private */
    VFL_FLOW_MIDDLEBOX,         /* one end, or the reporter, is a NAT gateway or an ALB */
    VFL_FLOW_NOT_ENDPOINT,      /* multicast, link-local and the like */
    VFL_FLOW_SELF,              /* both ends are the same endpoint */
    VFL_FLOW_UNKNOWN_INTERFACE, /* the reporter is not known and the record names no VPC */
    VFL_FLOW_UNRESOLVED,   /* the remote VPC cannot be told: several, or outside what is known */
    VFL_FLOW_UNDETERMINED, /* forwarded between two addresses of which none is known */
    VFL_FLOW_OUTCOME_COUNT,
};

/* A fixed name for metrics and logs: "public", "unknown_interface", ... */
const char *vfl_flow_outcome_name(enum vfl_flow_outcome outcome);

/* Tokens are those of the directory's `tokens`. */
struct vfl_endpoint_ref {
    uint32_t vpc_id; /* VFL_TOKEN_ABSENT for a public address */
    struct vfl_ip ip;
    struct vfl_address_owner owner; /* {NULL, NULL} when no known interface owns the address */
};

/* Which end the reporting interface is; in the order in which their bytes are trusted. */
enum vfl_observer_side {
    VFL_OBSERVER_SRC,
    VFL_OBSERVER_DST,
    VFL_OBSERVER_HOP, /* neither, or not known: a middlebox, a transit gateway */
};

struct vfl_resolved_flow {
    struct vfl_endpoint_ref src;
    struct vfl_endpoint_ref dst;
    uint32_t reporter; /* token: interface, else resource, else attachment, else flow log */
    enum vfl_observer_side observer_side;
};

/* What is the same for all flows of one context; computed once per context and run. */
struct vfl_resolve_context {
    const struct vfl_known_interface *reporter_interface; /* NULL when unknown */
    uint32_t reporter;                                    /* directory tokens from here on */
    uint32_t vpc_id;     /* of the reporter; absent when it cannot be told */
    uint32_t src_vpc_id; /* what the record itself says of either side; absent when it does not */
    uint32_t dst_vpc_id;
    bool has_both_vpc_ids; /* as transit gateways' records do: then nothing else counts */
    bool has_interface_id; /* the record names the interface that reports */
    uint32_t region;
    uint32_t flow_log_id;
    bool is_refused_by_bpa; /* VPC Block Public Access, else a security group or ACL */
    bool is_refused_by_ec;  /* VPC Encryption Controls */
    uint8_t flow_direction;
    uint8_t traffic_path;
    bool has_packet_addresses;
    bool is_middlebox;             /* the record says that its reporter is a NAT gateway */
    bool is_scope_all;             /* set by the caller: public peers are endpoints too */
    const struct vfl_hints *hints; /* set by the caller, borrowed; NULL: none */
};

/* Adds the context's identifiers to the directory's tokens. carried has a place for each token of
 * the table and for VFL_TOKEN_ABSENT, zeroed before the first context; it keeps what was added, for
 * contexts that share it. VFL_LIMIT, VFL_NO_MEMORY. */
enum vfl_status vfl_resolve_context_init(struct vfl_interfaces *interfaces,
                                         const struct vfl_flow_table *table,
                                         const struct vfl_flow_context *context, uint32_t *carried,
                                         struct vfl_resolve_context *ret_context,
                                         struct vfl_error *err) VFL_MUST_CHECK;

/* Adds to hints what the flow says about where its far end is. All of a run's flows are learnt
 * before any is resolved. VFL_NO_MEMORY. */
enum vfl_status vfl_resolve_learn(const struct vfl_interfaces *interfaces,
                                  const struct vfl_resolve_context *context,
                                  const struct vfl_flow_table *table, const struct vfl_flow *flow,
                                  struct vfl_hints *hints, struct vfl_error *err) VFL_MUST_CHECK;

/* Fills *ret_resolved when the outcome is VFL_FLOW_KEPT. */
enum vfl_flow_outcome vfl_resolve_flow(const struct vfl_interfaces *interfaces,
                                       const struct vfl_resolve_context *context,
                                       const struct vfl_flow_table *table,
                                       const struct vfl_flow *flow,
                                       struct vfl_resolved_flow *ret_resolved);

#endif
