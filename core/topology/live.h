/* The live set, which the .c files of the topology share; nobody else includes this. */
#ifndef VFL_TOPOLOGY_LIVE_H
#define VFL_TOPOLOGY_LIVE_H

#include "core/topology/topology.h"

/* Lets every element be sent again however early in a test's clock it was sent. */
#define NEVER_EPOCH_S (INT64_MIN / 2)

/* Who told an endpoint's region; the first that did wins. */
enum live_region_source { REGION_OF_DIRECTORY, REGION_OF_OWN_RECORDS, REGION_OF_PEERS_RECORDS };

struct live_endpoint {
    uint32_t vpc_id; /* tokens of the directory; VFL_TOKEN_ABSENT: a public address */
    uint32_t region;
    uint8_t region_source; /* enum live_region_source */
    uint32_t described_in_run;
    struct vfl_ip ip;
    struct vfl_ip primary;       /* of the owner, when this is its IPv6 or secondary address */
    struct vfl_ip public_ips[3]; /* bound to this address */
    bool is_wanted;              /* a relation needs it */
    bool is_sent;
    bool is_removal_open; /* sent since, and not confirmed */
    uint64_t sent_digest; /* of the data sent last */
    int64_t sent_epoch_s;
};

/* A pair is held in canonical order: lo is the lower address (then the lower VPC id), whoever was
 * seen first. Sides and directions are given relative to it. */
enum live_side { SIDE_LO, SIDE_HI, SIDE_NEITHER };

enum live_port_form { PORTS_NONE, PORTS_BOTH, PORTS_LO_SERVICE, PORTS_HI_SERVICE };

/* What became of a sender's packets, and at whose interface; one such set per sender's side. */
enum {
    VERDICT_ACCEPTED_BY_RECEIVER = 1 << 0,
    VERDICT_ACCEPTED_ON_THE_WAY = 1
                                  << 7, /* by the sender or a hop: the receiver may still refuse */
    VERDICT_ACCEPTED = VERDICT_ACCEPTED_BY_RECEIVER | VERDICT_ACCEPTED_ON_THE_WAY,
    VERDICT_REFUSED_BY_SENDER = 1 << 1,
    VERDICT_REFUSED_BY_RECEIVER = 1 << 2,
    VERDICT_REFUSED_BY_HOP = 1 << 3,
    VERDICT_REASON_RULES = 1 << 4, /* a security group or network ACL: no other reason is named */
    VERDICT_REASON_BPA = 1 << 5,
    VERDICT_REASON_EC = 1 << 6,
    VERDICT_REFUSED =
        VERDICT_REFUSED_BY_SENDER | VERDICT_REFUSED_BY_RECEIVER | VERDICT_REFUSED_BY_HOP,
};

enum {
    OBSERVED_BY_LO = 1 << 0,
    OBSERVED_BY_HI = 1 << 1,
    OBSERVED_BY_HOP = 1 << 2,
};

/* All that is known of a pair's traffic on one protocol and one set of ports. */
struct live_conversation {
    uint64_t key; /* both ephemeral << 48 | protocol << 40 | form << 32 | lo_port << 16 | hi_port:
                     sorts the array */
    uint16_t peer_port_min; /* of the port that the form leaves out */
    uint16_t peer_port_max;
    uint8_t openers;     /* bit SIDE_LO, bit SIDE_HI: TCP flags say that this side is the client */
    uint8_t verdicts[2]; /* VERDICT_* by the sender's side */
    uint8_t observers;   /* OBSERVED_BY_* */
    uint8_t client;      /* enum live_side, decided after each run */
    uint8_t evidence;    /* enum vfl_evidence of that */
    int64_t seen_epoch_s;
};

static inline uint8_t conversation_protocol(const struct live_conversation *conversation)
{
    return (uint8_t)(conversation->key >> 40);
}

static inline enum live_port_form conversation_form(const struct live_conversation *conversation)
{
    return (enum live_port_form)(conversation->key >> 32 & 0xff);
}

static inline uint16_t conversation_lo_port(const struct live_conversation *conversation)
{
    return (uint16_t)(conversation->key >> 16);
}

static inline uint16_t conversation_hi_port(const struct live_conversation *conversation)
{
    return (uint16_t)conversation->key;
}

struct live_relation {
    bool is_live;   /* has conversations that have not expired */
    bool is_wanted; /* live, and no option leaves it out */
    bool is_sent;
    bool is_removal_open; /* sent since, and not confirmed */
    uint8_t evidence;     /* strongest of its conversations */
    uint64_t sent_digest;
    uint64_t total_bytes; /* counted over its life */
    int64_t sent_epoch_s;
    int64_t seen_epoch_s;
};

/* Who counts the bytes of one direction of a pair. */
struct live_observer {
    uint32_t reporter; /* token; VFL_TOKEN_ABSENT: nobody yet */
    uint32_t chosen_in_run;
    int64_t chosen_epoch_s;
    uint8_t side_rank; /* enum vfl_observer_side: the lower one is preferred */
};

struct live_pair {
    uint32_t lo; /* positions in endpoints */
    uint32_t hi;
    struct live_conversation *conversations; /* sorted by key */
    uint16_t conversation_count, conversation_room;
    /* Stands for the conversations that were left out, see VFL_TOPOLOGY_MAX_CONVERSATIONS: their
     * verdicts, observers and last time count with the relation of the strongest evidence. */
    struct live_conversation overflow;
    bool has_overflow;
    struct live_relation relations[2];          /* by the client's side */
    struct live_observer observers[2];          /* by the sender's side */
    struct live_observer accepted_observers[2]; /* of those that report accepted traffic */
};

/* Bytes of one relation in the run under way; index pair * 2 + client side. */
struct run_traffic {
    uint64_t bytes[2]; /* by the sender's side */
    uint64_t timed_bytes[2];
    uint64_t span_s;
    bool has_records;
};

/* Which flow log counts for one (interface, action). */
struct flow_log_choice {
    uint32_t reporter;
    uint32_t flow_log_id;
    uint32_t chosen_in_run;
    uint8_t action;
    int64_t seen_epoch_s;
};

struct vfl_topology {
    char *default_region;
    unsigned expire_after_s;
    bool is_scope_all;
    bool is_accepted_only;
    uint32_t max_relations;
    uint32_t max_pairs;      /* and twice as many endpoints */
    uint32_t left_out_count; /* relations that max_relations leaves out */
    struct vfl_interfaces interfaces;
    struct vfl_hints hints;
    uint64_t seed;
    uint32_t run;           /* counts apply calls */
    bool is_compaction_due; /* something may have left since the last one */

    struct live_endpoint *endpoints;
    uint32_t endpoint_count, endpoint_room;
    struct vfl_index endpoint_index;
    struct live_pair *pairs;
    uint32_t pair_count, pair_room;
    struct vfl_index pair_index;
    struct vfl_port_counts port_counts;

    struct flow_log_choice *choices;
    uint32_t choice_count, choice_room;
    struct vfl_index choice_index;
    int64_t *reported_epoch_s; /* by token: when that interface last reported anything */
    uint32_t reported_room;

    struct run_traffic *traffic; /* of the last apply; freed by emit */
    uint32_t traffic_pair_count;
};

/* One kept flow of the run under way. */
struct run_flow {
    const struct vfl_flow *flow;
    uint64_t conversation_key;
    uint32_t pair;
    uint32_t reporter;
    uint32_t flow_log_id;
    uint8_t sender;    /* enum live_side */
    uint8_t side_rank; /* enum vfl_observer_side */
};

struct run_flows {
    struct run_flow *items;
    uint32_t count;
    /* By the flow table's tokens: the directory's, once it was looked for. VFL_TOKEN_ABSENT: not
     * yet, or there is none. */
    uint32_t *carried;
    /* By the flow table's context and enum vfl_action: position in choices, VFL_INDEX_NONE before
     * it was looked for. */
    uint32_t *choices;
};
#define RUN_ACTION_COUNT 3

/* Canonical order of endpoints: address, then the VPC id's text. */
int live_endpoint_compare(const struct vfl_topology *topology, const struct live_endpoint *a,
                          const struct live_endpoint *b);
/* Finds or adds; *ret_position is VFL_INDEX_NONE when the limit is reached. lo comes before hi. */
enum vfl_status live_add_endpoint(struct vfl_topology *topology, const struct vfl_endpoint_ref *ref,
                                  uint32_t *ret_position, struct vfl_error *err) VFL_MUST_CHECK;
enum vfl_status live_add_pair(struct vfl_topology *topology, uint32_t lo, uint32_t hi,
                              uint32_t *ret_position, struct vfl_error *err) VFL_MUST_CHECK;
/* The conversation may be pair->overflow; it lives until the next one is added to the pair. */
enum vfl_status live_add_conversation(struct live_pair *pair, uint64_t key,
                                      struct live_conversation **ret_conversation,
                                      struct vfl_error *err) VFL_MUST_CHECK;
/* The pair's conversation of that key; NULL when it was left out. */
struct live_conversation *live_pair_find(const struct live_pair *pair, uint64_t key);
/* The side that is the client of the relation which a conversation (NULL: one left out) belongs to.
 */
enum live_side live_pair_client(const struct live_pair *pair,
                                const struct live_conversation *conversation);
/* Forgets pairs without conversations, and endpoints without pairs, unless the agent may still have
 * them. Positions change. VFL_NO_MEMORY: nothing has. */
enum vfl_status live_compact(struct vfl_topology *topology, struct vfl_error *err) VFL_MUST_CHECK;

/* relations.c: decides every conversation's direction, and from those the relations of each pair.
 */
enum vfl_status live_decide_relations(struct vfl_topology *topology,
                                      struct vfl_error *err) VFL_MUST_CHECK;

/* topology.c: room for what a run over the table needs; nothing is in it yet. */
enum vfl_status live_run_flows_init(const struct vfl_flow_table *table, struct run_flows *ret_flows,
                                    struct vfl_error *err) VFL_MUST_CHECK;
void live_run_flows_fini(struct run_flows *flows); /* zeroed is fine */

/* topology.c: what the table's contexts come to, one element each; the caller frees. */
enum vfl_status live_resolve_contexts(struct vfl_topology *topology,
                                      const struct vfl_flow_table *table,
                                      const struct run_flows *flows,
                                      struct vfl_resolve_context **ret_contexts,
                                      struct vfl_error *err) VFL_MUST_CHECK;

/* topology.c: the key of the conversation that a flow of that sender belongs to. */
uint64_t live_conversation_key(const struct vfl_flow_key *key, enum live_side sender);

/* traffic.c: whether a flow's bytes count, once choices are made. */
enum live_count { LIVE_COUNTED, LIVE_OTHER_FLOW_LOG_COUNTS, LIVE_OTHER_OBSERVER_COUNTS };
enum live_count live_count_of(const struct vfl_topology *topology, const struct run_flows *flows,
                              const struct run_flow *flow, int64_t now_epoch_s);

/* traffic.c: chooses flow logs and observers and sums the run's bytes into topology->traffic. */
enum vfl_status live_account_traffic(struct vfl_topology *topology,
                                     const struct vfl_flow_table *table,
                                     const struct run_flows *flows, int64_t now_epoch_s,
                                     struct vfl_error *err) VFL_MUST_CHECK;

/* One conversation's verdicts with what they come to: what the sender let out and the receiver
 * refused was not accepted. */
static inline uint8_t live_verdicts(uint8_t verdicts)
{
    if ((verdicts & VERDICT_REFUSED_BY_RECEIVER) != 0 &&
        (verdicts & VERDICT_ACCEPTED_BY_RECEIVER) == 0)
        return verdicts & (uint8_t)~VERDICT_ACCEPTED_ON_THE_WAY;
    return verdicts;
}

/* refusal.c: tells in words what was refused, where and by what, of a relation's VERDICT_* bits; ""
 * for nothing. The longest text fits. */
#define VFL_REFUSAL_SIZE 512
void live_describe_refusal(uint8_t request, uint8_t reply, char out[VFL_REFUSAL_SIZE]);

/* guard.c: chooses the relations that options leave in. */
enum vfl_status live_choose_relations(struct vfl_topology *topology,
                                      struct vfl_error *err) VFL_MUST_CHECK;

#endif
