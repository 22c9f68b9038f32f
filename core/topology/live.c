/* The live set as a container: endpoints, pairs and conversations, found or added, and compacted.
 * It decides nothing. */
#include "core/topology/live.h"

#include <stdlib.h>
#include <string.h>

#include "core/array.h"

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the topology");
}

int live_endpoint_compare(const struct vfl_topology *topology, const struct live_endpoint *a,
                          const struct live_endpoint *b)
{
    int order = vfl_ip_compare(a->ip, b->ip);
    if (order != 0 || a->vpc_id == b->vpc_id)
        return order;
    return strcmp(vfl_tokens_text(&topology->interfaces.tokens, a->vpc_id),
                  vfl_tokens_text(&topology->interfaces.tokens, b->vpc_id));
}

static uint64_t hash_endpoint(const struct vfl_topology *topology, uint32_t vpc_id,
                              struct vfl_ip ip)
{
    uint64_t hash = vfl_hash_mix(vfl_hash_mix(topology->seed, ip.hi), ip.lo);
    return vfl_hash_finish(vfl_hash_mix(hash, vpc_id));
}

enum vfl_status live_add_endpoint(struct vfl_topology *topology, const struct vfl_endpoint_ref *ref,
                                  uint32_t *ret_position, struct vfl_error *err)
{
    uint64_t hash = hash_endpoint(topology, ref->vpc_id, ref->ip);
    struct vfl_index_cursor cursor = vfl_index_cursor(&topology->endpoint_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&topology->endpoint_index, &cursor)) != VFL_INDEX_NONE)
        if (topology->endpoints[position].vpc_id == ref->vpc_id &&
            vfl_ip_equal(topology->endpoints[position].ip, ref->ip))
            break;
    if (position == VFL_INDEX_NONE) {
        if (topology->endpoint_count >= 2 * topology->max_pairs) {
            *ret_position = VFL_INDEX_NONE;
            return VFL_OK;
        }
        if (!VFL_ARRAY_RESERVE(topology->endpoints, topology->endpoint_count,
                               topology->endpoint_room) ||
            !vfl_index_add(&topology->endpoint_index, hash, topology->endpoint_count))
            return no_memory(err);
        position = topology->endpoint_count++;
        topology->endpoints[position] = (struct live_endpoint){
            .vpc_id = ref->vpc_id, .ip = ref->ip, .sent_epoch_s = NEVER_EPOCH_S};
    }
    *ret_position = position;
    return VFL_OK;
}

static uint64_t hash_pair(const struct vfl_topology *topology, uint32_t lo, uint32_t hi)
{
    return vfl_hash_finish(vfl_hash_mix(topology->seed, (uint64_t)lo << 32 | hi));
}

enum vfl_status live_add_pair(struct vfl_topology *topology, uint32_t lo, uint32_t hi,
                              uint32_t *ret_position, struct vfl_error *err)
{
    uint64_t hash = hash_pair(topology, lo, hi);
    struct vfl_index_cursor cursor = vfl_index_cursor(&topology->pair_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&topology->pair_index, &cursor)) != VFL_INDEX_NONE)
        if (topology->pairs[position].lo == lo && topology->pairs[position].hi == hi)
            break;
    if (position == VFL_INDEX_NONE && topology->pair_count < topology->max_pairs) {
        if (!VFL_ARRAY_RESERVE(topology->pairs, topology->pair_count, topology->pair_room) ||
            !vfl_index_add(&topology->pair_index, hash, topology->pair_count))
            return no_memory(err);
        position = topology->pair_count++;
        topology->pairs[position] = (struct live_pair){.lo = lo, .hi = hi};
        for (unsigned side = 0; side < 2; side++)
            topology->pairs[position].relations[side].sent_epoch_s = NEVER_EPOCH_S;
    }
    *ret_position = position;
    return VFL_OK;
}

/* First conversation whose key is not below key. */
static uint16_t lower_bound(const struct live_pair *pair, uint64_t key)
{
    uint16_t low = 0;
    uint16_t high = pair->conversation_count;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (pair->conversations[middle].key < key)
            low = (uint16_t)(middle + 1);
        else
            high = middle;
    }
    return low;
}

struct live_conversation *live_pair_find(const struct live_pair *pair, uint64_t key)
{
    uint16_t at = lower_bound(pair, key);
    return at < pair->conversation_count && pair->conversations[at].key == key
               ? &pair->conversations[at]
               : NULL;
}

enum live_side live_pair_client(const struct live_pair *pair,
                                const struct live_conversation *conversation)
{
    if (conversation != NULL && conversation->client != SIDE_NEITHER)
        return (enum live_side)conversation->client;
    if (pair->relations[SIDE_HI].evidence < pair->relations[SIDE_LO].evidence)
        return SIDE_HI;
    return SIDE_LO;
}

static void add_to_overflow(struct live_pair *pair, const struct live_conversation *left_out)
{
    pair->overflow.verdicts[SIDE_LO] |= left_out->verdicts[SIDE_LO];
    pair->overflow.verdicts[SIDE_HI] |= left_out->verdicts[SIDE_HI];
    pair->overflow.observers |= left_out->observers;
    if (left_out->seen_epoch_s > pair->overflow.seen_epoch_s)
        pair->overflow.seen_epoch_s = left_out->seen_epoch_s;
}

/* Keeps the VFL_TOPOLOGY_MAX_CONVERSATIONS lowest keys ever seen: what is left out then does not
 * depend on the order in which they came. Those are one conversation together, pair->overflow. */
enum vfl_status live_add_conversation(struct live_pair *pair, uint64_t key,
                                      struct live_conversation **ret_conversation,
                                      struct vfl_error *err)
{
    uint16_t at = lower_bound(pair, key);
    if (at < pair->conversation_count && pair->conversations[at].key == key) {
        *ret_conversation = &pair->conversations[at];
        return VFL_OK;
    }
    if (pair->conversation_count == VFL_TOPOLOGY_MAX_CONVERSATIONS) {
        if (!pair->has_overflow)
            pair->overflow = (struct live_conversation){.client = SIDE_NEITHER,
                                                        .evidence = VFL_EVIDENCE_NONE,
                                                        .seen_epoch_s = NEVER_EPOCH_S};
        pair->has_overflow = true;
        if (at == pair->conversation_count) {
            *ret_conversation = &pair->overflow;
            return VFL_OK;
        }
        add_to_overflow(pair, &pair->conversations[--pair->conversation_count]);
    }
    if (pair->conversation_count == pair->conversation_room) {
        uint16_t room = pair->conversation_room == 0 ? 1 : (uint16_t)(pair->conversation_room * 2);
        struct live_conversation *grown = realloc(pair->conversations, room * sizeof *grown);
        if (grown == NULL)
            return no_memory(err);
        pair->conversations = grown;
        pair->conversation_room = room;
    }
    memmove(&pair->conversations[at + 1], &pair->conversations[at],
            (size_t)(pair->conversation_count - at) * sizeof *pair->conversations);
    pair->conversation_count++;
    pair->conversations[at] = (struct live_conversation){.key = key, .peer_port_min = UINT16_MAX};
    *ret_conversation = &pair->conversations[at];
    return VFL_OK;
}

/* What was sent, or whose removal is not confirmed yet, may have to be removed (again). */
static bool may_be_known(const struct live_pair *pair)
{
    bool may_be = false;
    for (unsigned side = 0; side < 2; side++)
        may_be |= pair->relations[side].is_sent || pair->relations[side].is_removal_open;
    return may_be;
}

static bool is_kept(const struct live_pair *pair)
{
    return pair->conversation_count > 0 || may_be_known(pair);
}

/* Keeps the endpoints that a live pair uses, whether or not an option leaves their relation out. */
static uint32_t *compact_endpoints(struct vfl_topology *topology)
{
    uint32_t *moved = calloc((size_t)topology->endpoint_count + 1, sizeof *moved);
    if (moved == NULL)
        return NULL;
    for (uint32_t i = 0; i < topology->pair_count; i++)
        if (is_kept(&topology->pairs[i]))
            moved[topology->pairs[i].lo] = moved[topology->pairs[i].hi] = 1;
    uint32_t count = 0;
    for (uint32_t i = 0; i < topology->endpoint_count; i++) {
        const struct live_endpoint *endpoint = &topology->endpoints[i];
        bool is_used = moved[i] != 0 || endpoint->is_sent || endpoint->is_removal_open;
        moved[i] = count;
        if (is_used)
            topology->endpoints[count++] = *endpoint;
    }
    topology->endpoint_count = count;
    return moved;
}

enum vfl_status live_compact(struct vfl_topology *topology, struct vfl_error *err)
{
    uint32_t *moved = compact_endpoints(topology);
    if (moved == NULL)
        return no_memory(err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < topology->pair_count; i++) {
        struct live_pair pair = topology->pairs[i];
        if (!is_kept(&pair)) {
            free(pair.conversations);
            continue;
        }
        pair.lo = moved[pair.lo];
        pair.hi = moved[pair.hi];
        topology->pairs[count++] = pair;
    }
    topology->pair_count = count;
    free(moved);
    vfl_index_reset(&topology->endpoint_index);
    vfl_index_reset(&topology->pair_index);
    bool is_indexed = true;
    for (uint32_t i = 0; i < topology->endpoint_count && is_indexed; i++)
        is_indexed = vfl_index_add(
            &topology->endpoint_index,
            hash_endpoint(topology, topology->endpoints[i].vpc_id, topology->endpoints[i].ip), i);
    for (uint32_t i = 0; i < topology->pair_count && is_indexed; i++)
        is_indexed =
            vfl_index_add(&topology->pair_index,
                          hash_pair(topology, topology->pairs[i].lo, topology->pairs[i].hi), i);
    return is_indexed ? VFL_OK : no_memory(err);
}
