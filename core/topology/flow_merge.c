#include <stdlib.h>

#include "core/array.h"
#include "core/topology/flow_parts.h"

/* Positions in `from` -> positions in the table merged into. */
struct mapping {
    uint32_t *tokens; /* by token */
    uint32_t *contexts;
    uint32_t *ipv6;
};

static enum vfl_status map_tokens(struct vfl_flow_table *table, const struct vfl_flow_table *from,
                                  struct mapping *map, struct vfl_error *err)
{
    map->tokens[VFL_TOKEN_ABSENT] = VFL_TOKEN_ABSENT;
    for (uint32_t token = 1; token <= from->tokens.count; token++) {
        struct vfl_span text = vfl_tokens_span(&from->tokens, token);
        enum vfl_status st = vfl_tokens_add(&table->tokens, text, &map->tokens[token], err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

static enum vfl_status map_contexts(struct vfl_flow_table *table, const struct vfl_flow_table *from,
                                    struct mapping *map, struct vfl_error *err)
{
    for (uint32_t i = 0; i < from->context_count; i++) {
        struct vfl_flow_context context = from->contexts[i];
        context.region = map->tokens[context.region];
        context.flow_log_id = map->tokens[context.flow_log_id];
        for (size_t t = 0; t < VFL_TEXT_COUNT; t++)
            context.texts[t] = map->tokens[context.texts[t]];
        enum vfl_status st = flow_add_context(table, &context, &map->contexts[i], err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

/* Of a source's windows from the first of them on. */
static enum vfl_status merge_windows(struct vfl_flow_table *table, struct vfl_flow *flow,
                                     const struct vfl_flow_table *from,
                                     const struct vfl_flow_window *window, struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    for (; window != NULL && st == VFL_OK; window = vfl_flow_window_after(from, window))
        st = flow_add_window(table, &flow->window, window->start_epoch_s, window->end_epoch_s,
                             UINT32_MAX, err);
    return st;
}

static enum vfl_status add_new_flow(struct vfl_flow_table *table, const struct vfl_flow_table *from,
                                    const struct vfl_flow *source, const struct vfl_flow_key *key,
                                    uint32_t hash, struct vfl_error *err)
{
    struct vfl_flow *flow = NULL;
    enum vfl_status st = flow_add(table, hash, &flow, err);
    if (st != VFL_OK)
        return st;
    *flow = *source;
    flow->key = *key;
    flow->hash = hash;
    flow->window.next = VFL_INDEX_NONE;
    const struct vfl_flow_window *window = vfl_flow_window(from, source);
    return window == NULL
               ? VFL_OK
               : merge_windows(table, flow, from, vfl_flow_window_after(from, window), err);
}

static enum vfl_status merge_flow(struct vfl_flow_table *table, const struct vfl_flow_table *from,
                                  const struct vfl_flow *source, const struct vfl_flow_key *key,
                                  uint32_t hash, uint32_t position, struct vfl_error *err)
{
    struct vfl_flow *flow = flow_find_at(table, key, hash, position);
    if (flow == NULL)
        return add_new_flow(table, from, source, key, hash, err);
    flow->bytes = vfl_add_bytes(flow->bytes, source->bytes);
    flow->evidence |= source->evidence;
    flow->record_count = flow->record_count > UINT32_MAX - source->record_count
                             ? UINT32_MAX
                             : flow->record_count + source->record_count;
    if (source->peer_port_min < flow->peer_port_min)
        flow->peer_port_min = source->peer_port_min;
    if (source->peer_port_max > flow->peer_port_max)
        flow->peer_port_max = source->peer_port_max;
    return merge_windows(table, flow, from, vfl_flow_window(from, source), err);
}

/* In blocks, for the reason that records wait in a queue. */
static enum vfl_status merge_flows(struct vfl_flow_table *table, const struct vfl_flow_table *from,
                                   const struct mapping *map, struct vfl_error *err)
{
    /* All of them may be new; growing on the way would make the index several times. */
    uint32_t needed = table->flow_count + from->flow_count;
    if (needed > VFL_FLOW_TABLE_MAX_FLOWS)
        needed = VFL_FLOW_TABLE_MAX_FLOWS;
    if (!flow_reserve(table, needed))
        return flow_no_memory(err);
    struct vfl_flow_key keys[VFL_FLOW_TABLE_MAX_PENDING];
    uint32_t hashes[VFL_FLOW_TABLE_MAX_PENDING];
    uint32_t positions[VFL_FLOW_TABLE_MAX_PENDING];
    enum vfl_status st = VFL_OK;
    uint32_t count = 0;
    for (uint32_t first = 0; first < from->flow_count && st == VFL_OK; first += count) {
        count = from->flow_count - first;
        if (count > VFL_FLOW_TABLE_MAX_PENDING)
            count = VFL_FLOW_TABLE_MAX_PENDING;
        for (uint32_t i = 0; i < count; i++) {
            keys[i] = vfl_flow_at(from, first + i)->key;
            keys[i].context = map->contexts[keys[i].context];
            for (unsigned a = 0; a < 4; a++)
                if (keys[i].address_flags & (1u << a))
                    keys[i].addresses[a] = map->ipv6[keys[i].addresses[a]];
            hashes[i] = flow_hash_key(flow_seed(table), &keys[i]);
            flow_prefetch_slot(table, hashes[i]);
        }
        flow_prefetch(table, hashes, count, positions);
        for (uint32_t i = 0; i < count && st == VFL_OK; i++)
            st = merge_flow(table, from, vfl_flow_at(from, first + i), &keys[i], hashes[i],
                            positions[i], err);
    }
    return st;
}

static enum vfl_status merge_mapped(struct vfl_flow_table *table, const struct vfl_flow_table *from,
                                    struct mapping *map, struct vfl_error *err)
{
    enum vfl_status st = map_tokens(table, from, map, err);
    if (st == VFL_OK)
        st = map_contexts(table, from, map, err);
    for (uint32_t i = 0; i < from->ipv6_count && st == VFL_OK; i++)
        st = flow_add_ipv6(table, &from->ipv6[i], &map->ipv6[i], err);
    if (st == VFL_OK)
        st = merge_flows(table, from, map, err);
    for (uint32_t i = 0; i < from->reporter_count && st == VFL_OK; i++) {
        struct vfl_flow_reporter reporter = from->reporters[i];
        reporter.interface_id = map->tokens[reporter.interface_id];
        reporter.flow_log_id = map->tokens[reporter.flow_log_id];
        st = flow_add_reporter(table, &reporter, err);
    }
    return st;
}

enum vfl_status vfl_flow_table_merge(struct vfl_flow_table *table,
                                     const struct vfl_flow_table *from, struct vfl_error *err)
{
    struct mapping map = {
        .tokens = calloc((size_t)from->tokens.count + 1, sizeof *map.tokens),
        .contexts = calloc((size_t)from->context_count + 1, sizeof *map.contexts),
        .ipv6 = calloc((size_t)from->ipv6_count + 1, sizeof *map.ipv6),
    };
    enum vfl_status st = map.tokens == NULL || map.contexts == NULL || map.ipv6 == NULL
                             ? flow_no_memory(err)
                             : merge_mapped(table, from, &map, err);
    free(map.tokens);
    free(map.contexts);
    free(map.ipv6);
    return st;
}

enum vfl_status vfl_flow_table_take(struct vfl_flow_table *table, struct vfl_flow_table *from,
                                    struct vfl_error *err)
{
    if (table->tokens.count > 0)
        return vfl_flow_table_merge(table, from, err);
    const struct vfl_flow_table taken = *from;
    const struct vfl_eras eras = table->eras;
    *from = *table;
    from->eras = taken.eras;
    *table = taken;
    table->eras = eras;
    return VFL_OK;
}
