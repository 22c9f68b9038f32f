/* What of the live set the agent has to be told, in an order made of content alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/topology/description.h"
#include "core/topology/live.h"
#include "core/topology/order.h"

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the topology's changes");
}

/* --- order --- */

/* Endpoints or relations (position: pair * 2 + client side) on their way out. Ranks stand for
 * addresses and VPC ids, so that sorting compares one number instead of two endpoints. */
struct ordered_list {
    struct live_ordered *items;
    size_t count;
    struct live_ordered *spare; /* as long as items */
    uint32_t *ranks;            /* by endpoint */
};

static void list_fini(struct ordered_list *list)
{
    free(list->items);
    free(list->spare);
    free(list->ranks);
}

static enum vfl_status list_init(const struct vfl_topology *topology, struct ordered_list *ret_list,
                                 struct vfl_error *err)
{
    size_t room = (size_t)topology->endpoint_count + (size_t)topology->pair_count * 2 + 1;
    struct ordered_list list = {
        .items = malloc(room * sizeof *list.items),
        .spare = malloc(room * sizeof *list.spare),
        .ranks = malloc(((size_t)topology->endpoint_count + 1) * sizeof *list.ranks),
    };
    if (list.items == NULL || list.spare == NULL || list.ranks == NULL) {
        list_fini(&list);
        return no_memory(err);
    }
    live_rank_endpoints(topology, list.items, list.spare, list.ranks);
    *ret_list = list;
    return VFL_OK;
}

static void add_endpoint(struct ordered_list *list, uint32_t position)
{
    list->items[list->count++] =
        (struct live_ordered){.key.number = list->ranks[position], .position = position};
}

/* By source, then by target. */
static void add_relation(const struct vfl_topology *topology, struct ordered_list *list,
                         uint32_t pair, unsigned client)
{
    uint64_t lo = list->ranks[topology->pairs[pair].lo];
    uint64_t hi = list->ranks[topology->pairs[pair].hi];
    list->items[list->count++] = (struct live_ordered){
        .key.number = client == SIDE_LO ? lo << 32 | hi : hi << 32 | lo,
        .position = pair * 2 + client,
    };
}

static void sort_list(struct ordered_list *list)
{
    live_sort_by_number(list->items, list->spare, list->count);
}

/* --- expiry --- */

static bool is_expired(const struct vfl_topology *topology, const struct live_relation *relation,
                       int64_t now_epoch_s)
{
    return relation->is_live &&
           now_epoch_s - relation->seen_epoch_s >= (int64_t)topology->expire_after_s;
}

static void drop_conversations(struct live_pair *pair, enum live_side client)
{
    /* Which conversations join the relation is told before any is taken out. */
    if (pair->has_overflow && live_pair_client(pair, &pair->overflow) == client)
        pair->has_overflow = false;
    bool is_joined[VFL_TOPOLOGY_MAX_CONVERSATIONS];
    for (uint16_t i = 0; i < pair->conversation_count; i++)
        is_joined[i] = live_pair_client(pair, &pair->conversations[i]) == client;
    uint16_t count = 0;
    for (uint16_t i = 0; i < pair->conversation_count; i++)
        if (!is_joined[i])
            pair->conversations[count++] = pair->conversations[i];
    pair->conversation_count = count;
    pair->relations[client].is_live = pair->relations[client].is_wanted = false;
    pair->relations[client].evidence = VFL_EVIDENCE_NONE;
    pair->relations[client].total_bytes = 0;
}

/* A pair that has left the live set stays until its removal is confirmed; if it comes back before,
 * it is as new. */
static void expire(struct vfl_topology *topology, int64_t now_epoch_s)
{
    for (uint32_t i = 0; i < topology->pair_count; i++) {
        struct live_pair *pair = &topology->pairs[i];
        bool is_over[2] = {is_expired(topology, &pair->relations[SIDE_LO], now_epoch_s),
                           is_expired(topology, &pair->relations[SIDE_HI], now_epoch_s)};
        for (unsigned side = 0; side < 2; side++)
            if (is_over[side])
                drop_conversations(pair, (enum live_side)side);
        if (pair->conversation_count > 0)
            continue;
        memset(pair->observers, 0, sizeof pair->observers);
        memset(pair->accepted_observers, 0, sizeof pair->accepted_observers);
        topology->is_compaction_due = true;
    }
}

static void mark_wanted_endpoints(struct vfl_topology *topology)
{
    for (uint32_t i = 0; i < topology->endpoint_count; i++)
        topology->endpoints[i].is_wanted = false;
    for (uint32_t i = 0; i < topology->pair_count; i++) {
        const struct live_pair *pair = &topology->pairs[i];
        if (pair->relations[SIDE_LO].is_wanted || pair->relations[SIDE_HI].is_wanted) {
            topology->endpoints[pair->lo].is_wanted = true;
            topology->endpoints[pair->hi].is_wanted = true;
        }
    }
}

/* --- sending --- */

static enum vfl_status send_removals(struct vfl_topology *topology, struct ordered_list *list,
                                     struct vfl_topology_sink sink, struct vfl_error *err)
{
    list->count = 0;
    for (uint32_t i = 0; i < topology->pair_count; i++)
        for (unsigned side = 0; side < 2; side++)
            if (topology->pairs[i].relations[side].is_sent &&
                !topology->pairs[i].relations[side].is_wanted)
                add_relation(topology, list, i, side);
    sort_list(list);
    for (size_t i = 0; i < list->count; i++) {
        uint32_t position = list->items[i].position;
        char source[URN_SIZE];
        char target[URN_SIZE];
        char id[RELATION_ID_SIZE];
        live_format_relation_ends(topology, position, source, target);
        (void)snprintf(id, sizeof id, "%s-" VFL_RELATION_TYPE "-%s", source, target);
        enum vfl_status st = sink.removal(sink.ctx, id, err);
        if (st != VFL_OK)
            return st;
        struct live_relation *relation = &topology->pairs[position / 2].relations[position % 2];
        relation->is_sent = false;
        relation->is_removal_open = topology->is_compaction_due = true;
    }
    list->count = 0;
    for (uint32_t i = 0; i < topology->endpoint_count; i++)
        if (topology->endpoints[i].is_sent && !topology->endpoints[i].is_wanted)
            add_endpoint(list, i);
    sort_list(list);
    for (size_t i = 0; i < list->count; i++) {
        char id[URN_SIZE];
        struct live_endpoint *endpoint = &topology->endpoints[list->items[i].position];
        live_format_endpoint_id(topology, list->items[i].position, id);
        enum vfl_status st = sink.removal(sink.ctx, id, err);
        if (st != VFL_OK)
            return st;
        endpoint->is_sent = false;
        endpoint->is_removal_open = topology->is_compaction_due = true;
    }
    return VFL_OK;
}

static bool is_stale(int64_t sent_epoch_s, int64_t now_epoch_s)
{
    return now_epoch_s - sent_epoch_s >= VFL_TOPOLOGY_RESEND_S;
}

static enum vfl_status send_components(struct vfl_topology *topology, int64_t now_epoch_s,
                                       struct ordered_list *list, struct vfl_topology_sink sink,
                                       struct vfl_error *err)
{
    struct component_content content = {0};
    list->count = 0;
    for (uint32_t i = 0; i < topology->endpoint_count; i++) {
        const struct live_endpoint *endpoint = &topology->endpoints[i];
        if (!endpoint->is_wanted)
            continue;
        bool is_due = !endpoint->is_sent || is_stale(endpoint->sent_epoch_s, now_epoch_s);
        if (!is_due) {
            live_describe_component(topology, i, &content);
            is_due = content.digest != endpoint->sent_digest;
        }
        if (is_due)
            add_endpoint(list, i);
    }
    sort_list(list);
    for (size_t i = 0; i < list->count; i++) {
        struct live_endpoint *endpoint = &topology->endpoints[list->items[i].position];
        live_describe_component(topology, list->items[i].position, &content);
        live_name_component(topology, list->items[i].position, &content);
        enum vfl_status st = sink.component(sink.ctx, &content.component, err);
        if (st != VFL_OK)
            return st;
        endpoint->is_sent = true;
        endpoint->sent_digest = content.digest;
        endpoint->sent_epoch_s = now_epoch_s;
    }
    return VFL_OK;
}

static enum vfl_status send_relations(struct vfl_topology *topology, int64_t now_epoch_s,
                                      struct ordered_list *list, struct vfl_topology_sink sink,
                                      struct vfl_error *err)
{
    struct relation_content content = {0};
    list->count = 0;
    for (uint32_t i = 0; i < topology->pair_count * 2; i++) {
        const struct live_relation *relation = &topology->pairs[i / 2].relations[i % 2];
        if (!relation->is_wanted)
            continue;
        bool is_due = !relation->is_sent || is_stale(relation->sent_epoch_s, now_epoch_s);
        if (!is_due) {
            live_describe_relation(topology, i, &content);
            is_due = content.digest != relation->sent_digest;
        }
        if (is_due)
            add_relation(topology, list, i / 2, i % 2);
    }
    sort_list(list);
    for (size_t i = 0; i < list->count; i++) {
        uint32_t position = list->items[i].position;
        struct live_relation *relation = &topology->pairs[position / 2].relations[position % 2];
        live_describe_relation(topology, position, &content);
        live_name_relation(topology, position, &content);
        enum vfl_status st = sink.relation(sink.ctx, &content.relation, err);
        if (st != VFL_OK)
            return st;
        relation->is_sent = true;
        relation->sent_digest = content.digest;
        relation->sent_epoch_s = now_epoch_s;
    }
    return VFL_OK;
}

static enum vfl_status send_traffic(struct vfl_topology *topology, struct ordered_list *list,
                                    struct vfl_topology_sink sink, struct vfl_error *err)
{
    list->count = 0;
    for (uint32_t i = 0; i < topology->traffic_pair_count * 2; i++)
        if (topology->traffic[i].has_records && topology->pairs[i / 2].relations[i % 2].is_wanted)
            add_relation(topology, list, i / 2, i % 2);
    sort_list(list);
    for (size_t i = 0; i < list->count; i++) {
        uint32_t position = list->items[i].position;
        const struct run_traffic *traffic = &topology->traffic[position];
        unsigned client = position % 2;
        double span_s = traffic->span_s > 1 ? (double)traffic->span_s : 1.0;
        char source[URN_SIZE];
        char target[URN_SIZE];
        live_format_relation_ends(topology, position, source, target);
        struct vfl_relation_traffic out = {
            .source_id = source,
            .target_id = target,
            .bytes_sent = traffic->bytes[client],
            .bytes_received = traffic->bytes[1 - client],
            .bytes_sent_per_second = (double)traffic->timed_bytes[client] / span_s,
            .bytes_received_per_second = (double)traffic->timed_bytes[1 - client] / span_s,
        };
        enum vfl_status st = sink.traffic(sink.ctx, &out, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

bool vfl_topology_has_news(const struct vfl_topology *topology, int64_t now_epoch_s)
{
    struct component_content component = {0};
    for (uint32_t i = 0; i < topology->endpoint_count; i++) {
        const struct live_endpoint *endpoint = &topology->endpoints[i];
        if (!endpoint->is_sent) /* news only through a relation, which may be left out */
            continue;
        if (is_stale(endpoint->sent_epoch_s, now_epoch_s))
            return true;
        live_describe_component(topology, i, &component);
        if (component.digest != endpoint->sent_digest)
            return true;
    }
    struct relation_content content = {0};
    for (uint32_t i = 0; i < topology->pair_count * 2; i++) {
        const struct live_relation *relation = &topology->pairs[i / 2].relations[i % 2];
        if (relation->is_sent != relation->is_wanted ||
            is_expired(topology, relation, now_epoch_s) ||
            (relation->is_wanted && is_stale(relation->sent_epoch_s, now_epoch_s)))
            return true;
        if (!relation->is_wanted)
            continue;
        live_describe_relation(topology, i, &content);
        if (content.digest != relation->sent_digest)
            return true;
    }
    return false;
}

enum vfl_status vfl_topology_emit(struct vfl_topology *topology, int64_t now_epoch_s,
                                  struct vfl_topology_sink sink, struct vfl_error *err)
{
    struct ordered_list list = {0};
    enum vfl_status st = list_init(topology, &list, err);
    if (st != VFL_OK)
        return st;
    /* What expired makes room for what max_relations left out, before anything is sent. */
    expire(topology, now_epoch_s);
    st = live_choose_relations(topology, err);
    mark_wanted_endpoints(topology);
    if (st == VFL_OK)
        st = send_removals(topology, &list, sink, err);
    if (st == VFL_OK)
        st = send_components(topology, now_epoch_s, &list, sink, err);
    if (st == VFL_OK)
        st = send_relations(topology, now_epoch_s, &list, sink, err);
    if (st == VFL_OK)
        st = send_traffic(topology, &list, sink, err);
    list_fini(&list);
    free(topology->traffic);
    topology->traffic = NULL;
    topology->traffic_pair_count = 0;
    return st;
}
