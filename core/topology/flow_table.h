/* The aggregate of flow-log records: one flow per distinct key, counters summed.
 *
 * Everything a flow holds is made by operations that do not care for order (sum, minimum, maximum,
 * union), so tables merge to the same content however records were split among objects and workers.
 */
#ifndef VFL_TOPOLOGY_FLOW_TABLE_H
#define VFL_TOPOLOGY_FLOW_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/flowlog/record.h"
#include "core/topology/eras.h"
#include "core/index.h"
#include "core/topology/tokens.h"

#define VFL_FLOW_TABLE_MAX_FLOWS (1u << 22)
#define VFL_FLOW_TABLE_MAX_WINDOWS (1u << 23)
/* That a record's window may have before it in its flow: the walk to its place takes time. AWS's
 * objects hold minutes, in which no flow can have so many apart. */
#define VFL_FLOW_TABLE_MAX_WINDOWS_OF_FLOW 4096u

/* What whole groups of records share. */
struct vfl_flow_context {
    uint32_t region;      /* of the object's key; a token of the table, as all that follow */
    uint32_t flow_log_id; /* of the object's key */
    union {
        struct { /* in the order of enum vfl_text */
            uint32_t interface_id;
            uint32_t vpc_id;
            uint32_t resource_id;
            uint32_t interface_type;
            uint32_t next_hop_interface_id;
            uint32_t next_hop_interface_type;
            uint32_t next_hop_vpc_id;
            uint32_t tgw_src_vpc_id;
            uint32_t tgw_dst_vpc_id;
            uint32_t tgw_src_eni;
            uint32_t tgw_dst_eni;
            uint32_t tgw_attachment_id;
            uint32_t reject_reason;
        };
        uint32_t texts[VFL_TEXT_COUNT];
    };
    uint8_t flow_direction; /* enum vfl_flow_direction */
    uint8_t traffic_path;
    uint8_t era;               /* of vfl_flow_table.eras: by whose time the records are */
    bool has_packet_addresses; /* the format has both pkt-* columns */
    bool has_times;            /* of every record */
    uint8_t zero[3];           /* contexts are hashed and compared as bytes: no padding */
};

/* What is known of a flow's two ports. A service is one port with many peers' ports; keeping every
 * peer port apart would make one flow per connection. So the peer's port is left out of the key
 * where the ports themselves tell the two apart, and only its range is kept. */
enum vfl_port_form {
    VFL_PORTS_NONE,        /* protocol without ports, or not recorded */
    VFL_PORTS_BOTH,        /* both below or both above VFL_EPHEMERAL_PORT: both are in the key */
    VFL_PORTS_SRC_SERVICE, /* src_port below, the other above: dst_port is 0 in the key */
    VFL_PORTS_DST_SERVICE,
};

/* Where the usual ranges of client ports start (Linux 32768, IANA 49152). */
#define VFL_EPHEMERAL_PORT 32768u

struct vfl_flow_key {
    uint32_t context;      /* position in contexts */
    uint32_t addresses[4]; /* src, dst, pkt_src, pkt_dst: IPv4 number, or position in ipv6 */
    uint16_t src_port;
    uint16_t dst_port;
    uint8_t protocol;      /* 0 when absent (and HOPOPT, which nobody uses) */
    uint8_t action;        /* enum vfl_action */
    uint8_t port_form;     /* enum vfl_port_form */
    uint8_t address_flags; /* bit i: addresses[i] is in ipv6; bit 4+i: it is present */
};

enum {
    VFL_FLOW_SYN = 1 << 0,     /* a record with SYN and no ACK: src opened a connection */
    VFL_FLOW_SYN_ACK = 1 << 1, /* a record with SYN and ACK: src accepted one */
};

/* A capture window, [start, end] in epoch seconds; lists are sorted and neither touch nor overlap.
 */
struct vfl_flow_window {
    uint32_t start_epoch_s;
    uint32_t end_epoch_s;
    uint32_t next; /* position in vfl_flow_table.windows, or VFL_INDEX_NONE */
};

/* 64 bytes: what a record changes is one cache line, which matters more than the instructions. */
struct vfl_flow {
    struct vfl_flow_key key;
    uint32_t record_count;         /* saturating */
    uint64_t bytes;                /* saturating */
    struct vfl_flow_window window; /* the first; of no meaning unless the context has times */
    uint16_t peer_port_min;        /* of the port that the key leaves out */
    uint16_t peer_port_max;
    uint32_t hash;    /* of the key, under the table's seed */
    uint8_t evidence; /* VFL_FLOW_* bits */
};

/* Flows lie in blocks of 2 MB, a huge page, that never move: a table that doubled its array would
 * copy every flow once and have three times the memory cleared for it, which took a first object a
 * fifth of its time. Only the first block grows like an array, for the many small objects. */
#define VFL_FLOW_BLOCK_FLOWS 32768u

/* A record's flow before it is looked up: the tables of a large object are far bigger than the
 * caches, so records wait in a short queue while their places come in from memory. */
struct vfl_pending_flow {
    struct vfl_flow_key key;
    uint16_t peer_port;
    uint8_t evidence;
    bool has_times;
    uint32_t start_epoch_s;
    uint32_t end_epoch_s;
    uint64_t bytes;
};

/* Taking in records one by one costs twice as much when there are 400,000 flows; a queue of 16
 * costs 3 % of reading an object more than one of 64, and 128 gain nothing. */
#define VFL_FLOW_TABLE_MAX_PENDING 64

/* What an interface reported through one flow log. */
struct vfl_flow_reporter {
    uint32_t interface_id; /* tokens */
    uint32_t flow_log_id;
    uint64_t skipdata_count;
};

/* Saturates: a sum of counters from outside may not wrap round to a small one. */
static inline uint64_t vfl_add_bytes(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Owns everything; tokens are its own. Zeroed is empty. Not thread-safe: one per worker. */
struct vfl_flow_table {
    struct vfl_tokens tokens;
    uint64_t seed;
    struct vfl_flow *flow_blocks[VFL_FLOW_TABLE_MAX_FLOWS / VFL_FLOW_BLOCK_FLOWS];
    uint32_t flow_count, flow_room;
    uint32_t *slots; /* the index over flows: flow_lookup.c */
    uint32_t slot_count;
    struct vfl_flow_context *contexts;
    uint32_t context_count, context_room;
    struct vfl_index context_index;
    struct flow_known_context *known_contexts; /* flow_contexts.c */
    uint32_t known_room;
    uint32_t last_known; /* of these: records of an interface mostly come together */
    struct vfl_ip *ipv6;
    uint32_t ipv6_count, ipv6_room;
    struct vfl_index ipv6_index;
    struct vfl_flow_window *windows;
    uint32_t window_count, window_room;
    uint32_t window_free; /* first of the list of windows that were merged into others, + 1 */
    struct vfl_flow_reporter *reporters;
    uint32_t reporter_count, reporter_room;
    struct vfl_index reporter_index;
    struct vfl_pending_flow pending[VFL_FLOW_TABLE_MAX_PENDING];
    uint32_t pending_count;
    struct vfl_eras eras; /* set by the caller before records are added; none by default */
    /* of the object being read */
    uint32_t region;
    uint32_t flow_log_id;
    bool has_packet_addresses;
    uint8_t text_count; /* identifiers that the format has besides the interface */
    uint8_t texts[VFL_TEXT_COUNT];
};

void vfl_flow_table_fini(struct vfl_flow_table *table); /* NULL and zeroed are fine */
/* Empties; keeps the memory, unless it is large and nearly all of it was not needed last. */
void vfl_flow_table_reset(struct vfl_flow_table *table);

/* Says where the records that follow come from. */
enum vfl_status vfl_flow_table_start_object(struct vfl_flow_table *table, struct vfl_span region,
                                            struct vfl_span flow_log_id,
                                            const struct vfl_record_format *format,
                                            struct vfl_error *err) VFL_MUST_CHECK;

/* Adds one record of kind FLOW, NODATA or SKIPDATA (others are ignored). The record's flow may not
 * be in the table before vfl_flow_table_end_object.
 * VFL_LIMIT: one of the limits above. VFL_NO_MEMORY. */
enum vfl_status vfl_flow_table_add(struct vfl_flow_table *table, const struct vfl_record *record,
                                   struct vfl_error *err) VFL_MUST_CHECK;

/* After the last record: only now the table is whole. Fails as vfl_flow_table_add does. */
enum vfl_status vfl_flow_table_end_object(struct vfl_flow_table *table,
                                          struct vfl_error *err) VFL_MUST_CHECK;

/* Whether a merge of from surely stays within table's limits. Flows, windows and identifiers that
 * both have count twice here; an empty table has room for any that kept to the limits itself. */
bool vfl_flow_table_has_room(const struct vfl_flow_table *table, const struct vfl_flow_table *from);

/* Adds all of from, which is whole and unchanged after it, to table. After a failure table holds a
 * part of it. */
enum vfl_status vfl_flow_table_merge(struct vfl_flow_table *table,
                                     const struct vfl_flow_table *from,
                                     struct vfl_error *err) VFL_MUST_CHECK;

/* The same, and from may be emptied: an empty table takes all of it over as it is. Only the eras
 * stay where they are set. */
enum vfl_status vfl_flow_table_take(struct vfl_flow_table *table, struct vfl_flow_table *from,
                                    struct vfl_error *err) VFL_MUST_CHECK;

/* position is below flow_count. The pointer holds until the next record. */
static inline struct vfl_flow *vfl_flow_at(const struct vfl_flow_table *table, uint32_t position)
{
    return &table->flow_blocks[position / VFL_FLOW_BLOCK_FLOWS][position % VFL_FLOW_BLOCK_FLOWS];
}

/* The flow's addresses; absent ones are absent. which: 0 src, 1 dst, 2 pkt_src, 3 pkt_dst. */
struct vfl_ip vfl_flow_address(const struct vfl_flow_table *table, const struct vfl_flow *flow,
                               unsigned which);

/* The flow's windows in ascending order: NULL when its records have no times, and after the last.
 */
static inline const struct vfl_flow_window *vfl_flow_window(const struct vfl_flow_table *table,
                                                            const struct vfl_flow *flow)
{
    return table->contexts[flow->key.context].has_times ? &flow->window : NULL;
}

static inline const struct vfl_flow_window *
vfl_flow_window_after(const struct vfl_flow_table *table, const struct vfl_flow_window *window)
{
    return window->next == VFL_INDEX_NONE ? NULL : &table->windows[window->next];
}

/* Whether reporter `position` is the first of its interface; is_skipdata_only: the first that lost
 * records. An interface has one reporter for each of its flow logs. */
bool vfl_flow_table_is_first_reporter(const struct vfl_flow_table *table, uint32_t position,
                                      bool is_skipdata_only);

#endif
