/* The parts of the flow table, for each other: flow_contexts.c, flow_table.c and flow_merge.c;
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

/* When positions of contexts lose their meaning. */
void flow_forget_known_contexts(struct vfl_flow_table *table);

enum vfl_status flow_add_ipv6(struct vfl_flow_table *table, struct vfl_ip ip,
                              uint32_t *ret_position, struct vfl_error *err) VFL_MUST_CHECK;

/* Adds [start, end] to the list that starts with `first`, which is a flow's own window. */
enum vfl_status flow_add_window(struct vfl_flow_table *table, struct vfl_flow_window *first,
                                uint32_t start, uint32_t end, struct vfl_error *err) VFL_MUST_CHECK;

/* The flow of a key; a new one has no records, and no window yet. */
enum vfl_status flow_find_or_add(struct vfl_flow_table *table, const struct vfl_flow_key *key,
                                 uint64_t hash, struct vfl_flow **ret_flow, bool *ret_is_new,
                                 struct vfl_error *err) VFL_MUST_CHECK;

/* Asks for the flows of up to VFL_FLOW_TABLE_MAX_PENDING hashes, whose slots were asked for. */
void flow_prefetch(const struct vfl_flow_table *table, const uint64_t *hashes, uint32_t count);

/* The key as words, put together from the fields: a wide load of what was stored in pieces a moment
 * ago waits until the pieces have reached the cache. */
static inline void flow_key_words(const struct vfl_flow_key *key, uint64_t words[4])
{
    _Static_assert(sizeof *key == 28, "three and a half words");
    words[0] = key->context | (uint64_t)key->addresses[0] << 32;
    words[1] = key->addresses[1] | (uint64_t)key->addresses[2] << 32;
    words[2] = key->addresses[3] | (uint64_t)key->src_port << 32 | (uint64_t)key->dst_port << 48;
    words[3] = (uint64_t)key->protocol | (uint64_t)key->action << 8 |
               (uint64_t)key->port_form << 16 | (uint64_t)key->address_flags << 24;
}

static inline uint64_t flow_hash_key(uint64_t seed, const struct vfl_flow_key *key)
{
    uint64_t words[4];
    flow_key_words(key, words);
    uint64_t hash = vfl_hash_mix(seed, words[0]);
    hash = vfl_hash_mix(hash, words[1]);
    hash = vfl_hash_mix(hash, words[2]);
    return vfl_hash_finish(vfl_hash_mix(hash, words[3]));
}

/* Both have lain in memory for a while, so here wide loads are the fast ones. */
static inline bool flow_is_key(const struct vfl_flow_key *left, const struct vfl_flow_key *right)
{
    uint64_t a[4];
    uint64_t b[4];
    const size_t tail = sizeof *left - sizeof a[0]; /* the last word overlaps the third */
    memcpy(a, left, 3 * sizeof a[0]);
    memcpy(&a[3], (const char *)left + tail, sizeof a[3]);
    memcpy(b, right, 3 * sizeof b[0]);
    memcpy(&b[3], (const char *)right + tail, sizeof b[3]);
    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3])) == 0;
}

#endif
