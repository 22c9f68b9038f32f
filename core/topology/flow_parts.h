/* The parts of the flow table, for each other: flow_contexts.c, flow_lookup.c, flow_merge.c and
 * flow_table.c;
 * nobody else includes this. */
#ifndef VFL_TOPOLOGY_FLOW_PARTS_H
#define VFL_TOPOLOGY_FLOW_PARTS_H

#include "core/topology/flow_table.h"

enum vfl_status flow_no_memory(struct vfl_error *err);

/* Of this table's hashes; chosen at its first use. */
uint64_t flow_seed(struct vfl_flow_table *table);

/* Adds to the reporter's count, or makes it known; nothing without an interface. */
enum vfl_status flow_add_reporter(struct vfl_flow_table *table,
                                  const struct vfl_flow_reporter *reporter,
                                  struct vfl_error *err) VFL_MUST_CHECK;

/* The context's position; a new one makes its reporter known. */
enum vfl_status flow_add_context(struct vfl_flow_table *table,
                                 const struct vfl_flow_context *context, uint32_t *ret_position,
                                 struct vfl_error *err) VFL_MUST_CHECK;

/* The context of a record of traffic. */
enum vfl_status flow_context_of_record(struct vfl_flow_table *table,
                                       const struct vfl_record *record, uint32_t *ret_position,
                                       struct vfl_error *err) VFL_MUST_CHECK;

/* When positions of contexts lose their meaning, or another object begins. */
void flow_forget_known_contexts(struct vfl_flow_table *table);

enum vfl_status flow_add_ipv6(struct vfl_flow_table *table, const struct vfl_ip *ip,
                              uint32_t *ret_position, struct vfl_error *err) VFL_MUST_CHECK;

/* Adds [start, end] to the list that starts with `first`, which is a flow's own window. VFL_LIMIT
 * when its place comes after more than max_passed others. */
enum vfl_status flow_add_window(struct vfl_flow_table *table, struct vfl_flow_window *first,
                                uint32_t start, uint32_t end, uint32_t max_passed,
                                struct vfl_error *err) VFL_MUST_CHECK;

/* --- flow_lookup.c --- */

/* Frees all flows. */
void flow_free_all(struct vfl_flow_table *table);

/* Forgets all flows and keeps their memory. */
void flow_forget_all(struct vfl_flow_table *table);

/* Makes room in the index for count flows in all, at least one, without which there is no index to
 * search. False: no memory. */
bool flow_reserve(struct vfl_flow_table *table, uint32_t count) VFL_MUST_CHECK;

/* Asks for the slot at which the search for hash will start. */
static inline void flow_prefetch_slot(const struct vfl_flow_table *table, uint32_t hash)
{
    vfl_prefetch(&table->slots[hash & (table->slot_count - 1)]);
}

/* Asks for the flows of hashes whose slots were asked for. Returns where each probably is, or
 * VFL_INDEX_NONE. */
void flow_prefetch(const struct vfl_flow_table *table, const uint32_t *hashes, uint32_t count,
                   uint32_t *ret_positions);

/* The flow of a key, or NULL. */
struct vfl_flow *flow_find(const struct vfl_flow_table *table, const struct vfl_flow_key *key,
                           uint32_t hash);

/* A place for the flow of a key that is not in the table, to be filled in whole. VFL_LIMIT,
 * VFL_NO_MEMORY. */
enum vfl_status flow_add(struct vfl_flow_table *table, uint32_t hash, struct vfl_flow **ret_flow,
                         struct vfl_error *err) VFL_MUST_CHECK;

static inline uint32_t flow_hash_key(uint64_t seed, const struct vfl_flow_key *key)
{
    _Static_assert(sizeof *key == 28, "three and a half words");
    uint64_t ends = key->addresses[0] | (uint64_t)key->addresses[1] << 32;
    uint64_t packet_ends = key->addresses[2] | (uint64_t)key->addresses[3] << 32;
    uint64_t ports = key->context | (uint64_t)key->src_port << 32 | (uint64_t)key->dst_port << 48;
    uint64_t rest = (uint64_t)key->protocol | (uint64_t)key->action << 8 |
                    (uint64_t)key->port_form << 16 | (uint64_t)key->address_flags << 24;
    /* A factor of 0 would swallow the other one, so each holds the seed. */
    uint64_t first = vfl_hash_fold(ends ^ seed, ports ^ seed ^ UINT64_C(0xa0761d6478bd642f));
    uint64_t second = vfl_hash_fold(packet_ends ^ seed ^ UINT64_C(0xe7037ed1a0b428db),
                                    rest ^ seed ^ UINT64_C(0x589965cc75374cc3));
    return (uint32_t)vfl_hash_fold(first ^ seed, second ^ seed ^ UINT64_C(0x8ebc6af09c88c6e3));
}

static inline uint64_t flow_load(const struct vfl_flow_key *key, size_t offset)
{
    uint64_t word;
    memcpy(&word, (const char *)key + offset, sizeof word);
    return word;
}

/* Word by word; the last one overlaps the third. */
static inline bool flow_is_key(const struct vfl_flow_key *left, const struct vfl_flow_key *right)
{
    const size_t last = sizeof *left - sizeof(uint64_t);
    return ((flow_load(left, 0) ^ flow_load(right, 0)) |
            (flow_load(left, 8) ^ flow_load(right, 8)) |
            (flow_load(left, 16) ^ flow_load(right, 16)) |
            (flow_load(left, last) ^ flow_load(right, last))) == 0;
}

/* The same; position: of flow_prefetch. */
static inline struct vfl_flow *flow_find_at(const struct vfl_flow_table *table,
                                            const struct vfl_flow_key *key, uint32_t hash,
                                            uint32_t position)
{
    if (position != VFL_INDEX_NONE && flow_is_key(&vfl_flow_at(table, position)->key, key))
        return vfl_flow_at(table, position);
    return flow_find(table, key, hash);
}

#endif
