/* Why the live topology is as it is, for a person who asks: nothing of a run needs this. */
#ifndef VFL_TOPOLOGY_EVIDENCE_H
#define VFL_TOPOLOGY_EVIDENCE_H

#include "core/topology/topology.h"

/* Where a flow was placed by what is known now. */
struct vfl_flow_place {
    enum vfl_flow_outcome outcome;
    /* Of the interface that reported it, when the directory has that one; else NULL. */
    const struct vfl_known_interface *reporter;
    uint32_t vpc_id; /* of the reporter, a token of the directory; absent when nothing tells it */
};

/* The outcome of the table's flow at position, after an apply that took it in or one like it.
 * VFL_LIMIT, VFL_NO_MEMORY. */
enum vfl_status vfl_topology_place(struct vfl_topology *topology,
                                   const struct vfl_flow_table *table, uint32_t position,
                                   struct vfl_flow_place *ret_place,
                                   struct vfl_error *err) VFL_MUST_CHECK;

/* One of a relation's conversations, and what told its direction. */
struct vfl_conversation_evidence {
    uint8_t protocol; /* 0: no record named one */
    enum vfl_evidence evidence;
    bool has_ports;           /* else the next six are 0 */
    uint16_t source_port_min; /* a range where ports above 32767 were merged */
    uint16_t source_port_max;
    uint16_t target_port_min;
    uint16_t target_port_max;
    /* Different peers' ports that the end's one port was seen with: VFL_PORT_COUNT_MAX stands for
     * that or more. 0 of an end with a range. */
    unsigned source_port_peers;
    unsigned target_port_peers;
    bool is_flagged_both_ways; /* TCP flags made either end the client, so they tell nothing */
};

enum vfl_report_count {
    VFL_REPORT_COUNTED,
    VFL_REPORT_OTHER_FLOW_LOG, /* the interface's lowest flow log counts */
    VFL_REPORT_OTHER_OBSERVER, /* somebody whose word is better reported the same direction */
};

/* What one flow log of one reporter said of one direction of a relation. Texts are "" when not
 * known. */
struct vfl_traffic_report {
    bool is_reply;        /* from target to source */
    const char *reporter; /* an interface's id, or what stands for one */
    const char *flow_log_id;
    enum vfl_observer_side side;
    enum vfl_action action;
    enum vfl_report_count count;
    uint64_t records;
    uint64_t bytes;
};

/* Everything borrows; it dies when the sink's function returns. */
struct vfl_relation_evidence {
    const char *source_id; /* as in struct vfl_relation */
    const char *target_id;
    const char *source_interface; /* the id of the end's owner, "" when unknown */
    const char *target_interface;
    const struct vfl_conversation_evidence *conversations; /* by protocol and ports */
    size_t conversation_count;
    bool has_more_conversations;              /* beyond VFL_TOPOLOGY_MAX_CONVERSATIONS */
    const struct vfl_traffic_report *reports; /* by direction, whose word is better, and ids */
    size_t report_count;
};

struct vfl_evidence_sink {
    enum vfl_status (*relation)(void *ctx, const struct vfl_relation_evidence *evidence,
                                struct vfl_error *err);
    void *ctx;
};

/* Walks the relations that options leave in, in no particular order, after an apply of this table
 * at this time. A status other than VFL_OK stops the walk, which returns it. */
enum vfl_status vfl_topology_walk_evidence(struct vfl_topology *topology,
                                           const struct vfl_flow_table *table, int64_t now_epoch_s,
                                           struct vfl_evidence_sink sink,
                                           struct vfl_error *err) VFL_MUST_CHECK;

#endif
