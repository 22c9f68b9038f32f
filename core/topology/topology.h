/* The live topology: endpoints, relations and their traffic, and what of it the agent has to be
 * told.
 *
 * One instance per check. apply takes in one run's flows; emit walks what has changed, in an order
 * that depends on nothing but the content. What is kept between runs is made by unions and sums
 * only, so any split of the same records into runs ends in the same graph. Memory is bounded by the
 * limits below. Not thread-safe. docs/ARCHITECTURE.md, "Topology", has the rules in words. */
#ifndef VFL_TOPOLOGY_TOPOLOGY_H
#define VFL_TOPOLOGY_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/topology/direction.h"
#include "core/topology/resolve.h"

/* Pairs kept, and half of the endpoints: twice the configured relations, within these. About 1 KB
 * of memory each, so that a scan of the address space cannot take the agent's. */
#define VFL_TOPOLOGY_MIN_PAIRS (1u << 16)
#define VFL_TOPOLOGY_MAX_PAIRS (1u << 20)
/* Conversations (protocol and ports) kept apart within a pair; further ones count with the relation
 * of the strongest evidence. */
#define VFL_TOPOLOGY_MAX_CONVERSATIONS 256
#define VFL_TOPOLOGY_MAX_PORTS 10 /* server ports named on a relation */
#define VFL_TOPOLOGY_RESEND_S 300
#define VFL_TOPOLOGY_OBSERVER_SILENT_S (15 * 60)
#define VFL_TOPOLOGY_FLOW_LOG_SILENT_S (30 * 60)

struct vfl_topology;

/* Texts are copied. */
struct vfl_topology_options {
    const char *default_region; /* of endpoints of which nothing tells it */
    unsigned expire_after_s;    /* without traffic */
    bool is_scope_all;          /* public peers become endpoints too */
    bool is_accepted_only;      /* leaves out relations that were only ever refused */
    uint32_t max_relations;     /* keeps those with the most bytes; 0: no limit */
};

enum vfl_status vfl_topology_new(const struct vfl_topology_options *options,
                                 struct vfl_topology **ret_topology,
                                 struct vfl_error *err) VFL_MUST_CHECK;
void vfl_topology_free(struct vfl_topology *topology); /* NULL is fine */

/* The interface directory that resolves addresses: owned by the topology, fed by the caller. */
struct vfl_interfaces *vfl_topology_interfaces(struct vfl_topology *topology);

/* True when the table has flows and not one of them can be placed in a VPC: every interface that
 * reported them is unknown, and no record names its VPC. */
bool vfl_topology_is_blind_to(const struct vfl_topology *topology,
                              const struct vfl_flow_table *table);

/* What became of one run's records. */
struct vfl_topology_counts {
    uint64_t records[VFL_FLOW_OUTCOME_COUNT]; /* traffic records, by outcome */
    uint64_t skipdata_records;                /* windows in which AWS lost records */
    uint32_t skipdata_interfaces;             /* interfaces concerned */
    uint32_t unknown_interfaces;              /* reporters that the directory does not have */
    uint64_t over_limit; /* records left out because a MAX_* above was reached */
};

/* How many reporters of the table the directory does not have: when it is not 0, a refresh of the
 * directory before apply may help. */
uint32_t vfl_topology_unknown_interfaces(const struct vfl_topology *topology,
                                         const struct vfl_flow_table *table);

/* Takes in one run's flows (an empty table too: it starts the run). Of now_epoch_s, here and below,
 * only differences count. VFL_NO_MEMORY, VFL_LIMIT: part of it may be in; the caller emits nothing
 * of this run and has its objects read again. */
enum vfl_status vfl_topology_apply(struct vfl_topology *topology,
                                   const struct vfl_flow_table *table, int64_t now_epoch_s,
                                   struct vfl_topology_counts *ret_counts,
                                   struct vfl_error *err) VFL_MUST_CHECK;

/* Everything below borrows; it dies when the sink's function returns. */
struct vfl_component {
    const char *id; /* the endpoint's own URN */
    const char *const *urns;
    size_t urn_count;
    const char *region;
};

struct vfl_relation {
    const char *source_id; /* the client */
    const char *target_id; /* the server */
    const char *source_address;
    const char *target_address;
    bool is_ipv6;
    enum vfl_evidence evidence;
    const uint8_t *protocols; /* ascending; a protocol that no record named is left out */
    size_t protocol_count;
    const uint16_t *ports; /* the server's, most service-like first */
    size_t port_count;
    bool has_more_ports;
    const char *verdict;     /* "accepted", "refused", "accepted and refused" or "unknown" */
    const char *refusal;     /* what was refused where, and by what kind of rule; NULL: nothing */
    const char *observed_by; /* "source", "target", "source and target" or "hop" */
};

/* What this run's records add to one relation. */
struct vfl_relation_traffic {
    const char *source_id;
    const char *target_id;
    uint64_t bytes_sent;          /* source to target */
    uint64_t bytes_received;      /* target to source */
    double bytes_sent_per_second; /* over the union of the records' windows, at least 1 s */
    double bytes_received_per_second;
};

/* Receives what changed: removals first (relations, then endpoints), then components, relations and
 * traffic, each sorted. A status other than VFL_OK stops emit, which returns it. */
struct vfl_topology_sink {
    enum vfl_status (*removal)(void *ctx, const char *element_id, struct vfl_error *err);
    enum vfl_status (*component)(void *ctx, const struct vfl_component *component,
                                 struct vfl_error *err);
    enum vfl_status (*relation)(void *ctx, const struct vfl_relation *relation,
                                struct vfl_error *err);
    enum vfl_status (*traffic)(void *ctx, const struct vfl_relation_traffic *traffic,
                               struct vfl_error *err);
    void *ctx;
};

/* Sends what is new, changed, gone, or has not been sent for VFL_TOPOLOGY_RESEND_S; traffic once.
 */
enum vfl_status vfl_topology_emit(struct vfl_topology *topology, int64_t now_epoch_s,
                                  struct vfl_topology_sink sink,
                                  struct vfl_error *err) VFL_MUST_CHECK;

/* True when emit would send an element, or forget one that has expired; traffic is no news. */
bool vfl_topology_has_news(const struct vfl_topology *topology, int64_t now_epoch_s);

/* What emit has sent is kept until the agent has taken it. forget_sent: it has lost it, or may
 * have, so the next emit sends every element and every removal again. confirm_sent: it has taken
 * all that was not forgotten, so what is gone makes room; call it before the next apply in any
 * case. VFL_NO_MEMORY: nothing was given up. */
enum vfl_status vfl_topology_confirm_sent(struct vfl_topology *topology,
                                          struct vfl_error *err) VFL_MUST_CHECK;
void vfl_topology_forget_sent(struct vfl_topology *topology);

/* For the summary: what the agent has been told of, and relations that max_relations leaves out. */
uint32_t vfl_topology_relation_count(const struct vfl_topology *topology);
uint32_t vfl_topology_endpoint_count(const struct vfl_topology *topology);
uint32_t vfl_topology_left_out_count(const struct vfl_topology *topology);

/* The agent names a relation "{source}-flowlog-{target}", which removals go by. */
#define VFL_RELATION_TYPE "flowlog"
#define VFL_COMPONENT_TYPE "vpc.request"

#endif
