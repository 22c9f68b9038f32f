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

/* When positions of contexts lose their meaning, or another object begins. */
void flow_forget_known_contexts(struct vfl_flow_table *table);

enum vfl_status flow_add_ipv6(struct vfl_flow_table *table, struct vfl_ip ip,
                              uint32_t *ret_position, struct vfl_error *err) VFL_MUST_CHECK;

/* Adds [start, end] to the list that starts with `first`, which is a flow's own window. VFL_LIMIT
 * when its place comes after more than max_passed others. */
enum vfl_status flow_add_window(struct vfl_flow_table *table, struct vfl_flow_window *first,
                                uint32_t start, uint32_t end, uint32_t max_passed,
                                struct vfl_error *err) VFL_MUST_CHECK;

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
    /* A factor of 0 would swallow the other one, so each holds the seed. */
    uint64_t first = vfl_hash_fold(words[0] ^ seed, words[1] ^ seed ^ UINT64_C(0xa0761d6478bd642f));
    uint64_t second = vfl_hash_fold(words[2] ^ seed ^ UINT64_C(0xe7037ed1a0b428db),
                                    words[3] ^ seed ^ UINT64_C(0x589965cc75374cc3));
    return vfl_hash_fold(first ^ seed, second ^ seed ^ UINT64_C(0x8ebc6af09c88c6e3));
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

#endif
