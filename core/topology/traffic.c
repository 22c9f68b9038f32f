/* Whose bytes count. A flow inside a VPC is reported by both interfaces, and an interface may have
 * several flow logs; each direction of a pair is counted from exactly one of them. */
#include <stdlib.h>
#include <string.h>

#include "core/array.h"
#include "core/topology/live.h"

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for traffic");
}

static const char *text_of(const struct vfl_topology *topology, uint32_t token)
{
    return vfl_tokens_text(&topology->interfaces.tokens, token);
}

/* --- which flow log counts for an interface --- */

static uint64_t hash_choice(const struct vfl_topology *topology, uint32_t reporter, uint8_t action)
{
    return vfl_hash_finish(vfl_hash_mix(topology->seed, (uint64_t)reporter << 8 | action));
}

static struct flow_log_choice *find_choice(const struct vfl_topology *topology, uint32_t reporter,
                                           uint8_t action)
{
    struct vfl_index_cursor cursor =
        vfl_index_cursor(&topology->choice_index, hash_choice(topology, reporter, action));
    uint32_t position;
    while ((position = vfl_index_next(&topology->choice_index, &cursor)) != VFL_INDEX_NONE) {
        struct flow_log_choice *choice = &topology->choices[position];
        if (choice->reporter == reporter && choice->action == action)
            return choice;
    }
    return NULL;
}

/* The choice that a flow of the run stands or falls by, looked for once for each context instead of
 * four times for each flow. VFL_INDEX_NONE: none is made yet. */
static uint32_t choice_of(const struct vfl_topology *topology, const struct run_flows *flows,
                          const struct run_flow *flow)
{
    const struct vfl_flow_key *key = &flow->flow->key;
    uint32_t *position = &flows->choices[(size_t)key->context * RUN_ACTION_COUNT + key->action];
    if (*position == VFL_INDEX_NONE) {
        const struct flow_log_choice *choice = find_choice(topology, flow->reporter, key->action);
        if (choice != NULL)
            *position = (uint32_t)(choice - topology->choices);
    }
    return *position;
}

static enum vfl_status add_choice(struct vfl_topology *topology, const struct run_flow *flow,
                                  int64_t now_epoch_s, struct vfl_error *err)
{
    uint8_t action = flow->flow->key.action;
    if (!VFL_ARRAY_RESERVE(topology->choices, topology->choice_count, topology->choice_room) ||
        !vfl_index_add(&topology->choice_index, hash_choice(topology, flow->reporter, action),
                       topology->choice_count))
        return no_memory(err);
    topology->choices[topology->choice_count++] = (struct flow_log_choice){
        .reporter = flow->reporter,
        .flow_log_id = flow->flow_log_id,
        .chosen_in_run = topology->run,
        .action = action,
        .seen_epoch_s = now_epoch_s,
    };
    return VFL_OK;
}

/* The lowest flow-log id of the run in which a choice is made; it stays while it reports. */
static enum vfl_status choose_flow_logs(struct vfl_topology *topology,
                                        const struct run_flows *flows, int64_t now_epoch_s,
                                        struct vfl_error *err)
{
    for (uint32_t i = 0; i < flows->count; i++) {
        const struct run_flow *flow = &flows->items[i];
        uint32_t position = choice_of(topology, flows, flow);
        if (position == VFL_INDEX_NONE) {
            enum vfl_status st = add_choice(topology, flow, now_epoch_s, err);
            if (st != VFL_OK)
                return st;
            continue;
        }
        struct flow_log_choice *choice = &topology->choices[position];
        bool is_open = choice->chosen_in_run == topology->run;
        if (!is_open && now_epoch_s - choice->seen_epoch_s <= VFL_TOPOLOGY_FLOW_LOG_SILENT_S)
            continue;
        if (!is_open || strcmp(text_of(topology, flow->flow_log_id),
                               text_of(topology, choice->flow_log_id)) < 0)
            choice->flow_log_id = flow->flow_log_id;
        choice->chosen_in_run = topology->run;
        choice->seen_epoch_s = now_epoch_s;
    }
    return VFL_OK;
}

/* --- who has reported --- */

/* The directory's token for one of the table. */
static uint32_t token_of(const struct vfl_topology *topology, const struct vfl_flow_table *table,
                         const struct run_flows *flows, uint32_t token)
{
    if (flows->carried[token] != VFL_TOKEN_ABSENT)
        return flows->carried[token];
    return vfl_tokens_find(&topology->interfaces.tokens, vfl_tokens_span(&table->tokens, token));
}

static enum vfl_status note_reporters(struct vfl_topology *topology,
                                      const struct vfl_flow_table *table,
                                      const struct run_flows *flows, int64_t now_epoch_s,
                                      struct vfl_error *err)
{
    uint32_t token_count = topology->interfaces.tokens.count + 1;
    if (token_count > topology->reported_room) {
        int64_t *grown = realloc(topology->reported_epoch_s, token_count * sizeof *grown);
        if (grown == NULL)
            return no_memory(err);
        for (uint32_t i = topology->reported_room; i < token_count; i++)
            grown[i] = NEVER_EPOCH_S;
        topology->reported_epoch_s = grown;
        topology->reported_room = token_count;
    }
    for (uint32_t i = 0; i < flows->count; i++) {
        const struct run_flow *flow = &flows->items[i];
        uint32_t position = choice_of(topology, flows, flow);
        topology->reported_epoch_s[flow->reporter] = now_epoch_s;
        if (position != VFL_INDEX_NONE &&
            topology->choices[position].flow_log_id == flow->flow_log_id)
            topology->choices[position].seen_epoch_s = now_epoch_s;
    }
    for (uint32_t i = 0; i < table->reporter_count; i++) {
        const struct vfl_flow_reporter *reporter = &table->reporters[i];
        uint32_t token = token_of(topology, table, flows, reporter->interface_id);
        uint32_t flow_log_id = token_of(topology, table, flows, reporter->flow_log_id);
        if (token == VFL_TOKEN_ABSENT)
            continue;
        topology->reported_epoch_s[token] = now_epoch_s;
        for (uint8_t action = VFL_ACTION_NONE; action <= VFL_ACTION_REJECT; action++) {
            struct flow_log_choice *choice = find_choice(topology, token, action);
            if (choice != NULL && choice->flow_log_id == flow_log_id)
                choice->seen_epoch_s = now_epoch_s;
        }
    }
    return VFL_OK;
}

/* --- which observer counts for a direction of a pair --- */

static bool is_counted_flow_log(const struct vfl_topology *topology, const struct run_flows *flows,
                                const struct run_flow *flow)
{
    uint32_t position = choice_of(topology, flows, flow);
    return position != VFL_INDEX_NONE &&
           topology->choices[position].flow_log_id == flow->flow_log_id;
}

static void choose(const struct vfl_topology *topology, const struct run_flow *flow,
                   int64_t now_epoch_s, struct live_observer *observer)
{
    bool is_open =
        observer->reporter == VFL_TOKEN_ABSENT || observer->chosen_in_run == topology->run;
    if (!is_open) {
        int64_t silent_s = now_epoch_s - topology->reported_epoch_s[observer->reporter];
        if (silent_s <= VFL_TOPOLOGY_OBSERVER_SILENT_S)
            return;
        observer->reporter = VFL_TOKEN_ABSENT;
    }
    bool is_better =
        observer->reporter == VFL_TOKEN_ABSENT || flow->side_rank < observer->side_rank ||
        (flow->side_rank == observer->side_rank &&
         strcmp(text_of(topology, flow->reporter), text_of(topology, observer->reporter)) < 0);
    if (is_better)
        *observer =
            (struct live_observer){flow->reporter, topology->run, now_epoch_s, flow->side_rank};
}

static void choose_observers(struct vfl_topology *topology, const struct run_flow *flow,
                             int64_t now_epoch_s)
{
    struct live_pair *pair = &topology->pairs[flow->pair];
    choose(topology, flow, now_epoch_s, &pair->observers[flow->sender]);
    if (flow->flow->key.action != VFL_ACTION_REJECT)
        choose(topology, flow, now_epoch_s, &pair->accepted_observers[flow->sender]);
}

/* The observer counts. One that has not reported any accepted traffic for as long as makes an
 * observer silent has a flow log of refused traffic alone: then the best of those that do report it
 * counts it. */
static bool is_counted_observer(const struct vfl_topology *topology, const struct run_flow *flow,
                                int64_t now_epoch_s)
{
    const struct live_pair *pair = &topology->pairs[flow->pair];
    const struct live_observer *observer = &pair->observers[flow->sender];
    uint8_t action = flow->flow->key.action;
    if (observer->reporter == flow->reporter)
        return true;
    return action != VFL_ACTION_REJECT &&
           now_epoch_s - observer->chosen_epoch_s >= VFL_TOPOLOGY_OBSERVER_SILENT_S &&
           find_choice(topology, observer->reporter, action) == NULL &&
           pair->accepted_observers[flow->sender].reporter == flow->reporter;
}

enum live_count live_count_of(const struct vfl_topology *topology, const struct run_flows *flows,
                              const struct run_flow *flow, int64_t now_epoch_s)
{
    if (!is_counted_observer(topology, flow, now_epoch_s))
        return LIVE_OTHER_OBSERVER_COUNTS;
    return is_counted_flow_log(topology, flows, flow) ? LIVE_COUNTED : LIVE_OTHER_FLOW_LOG_COUNTS;
}

/* --- bytes --- */

struct window_piece {
    uint32_t relation;
    uint32_t start_epoch_s;
    uint32_t end_epoch_s;
};

/* At most one for each of the flow table's windows. */
struct window_pieces {
    struct window_piece *items;
    uint32_t count, room;
};

static bool add_piece(struct window_pieces *pieces, struct window_piece piece)
{
    if (!VFL_ARRAY_RESERVE(pieces->items, pieces->count, pieces->room))
        return false;
    pieces->items[pieces->count++] = piece;
    return true;
}

static int compare_pieces(const void *left, const void *right)
{
    const struct window_piece *a = left;
    const struct window_piece *b = right;
    if (a->relation != b->relation)
        return a->relation < b->relation ? -1 : 1;
    if (a->start_epoch_s != b->start_epoch_s)
        return a->start_epoch_s < b->start_epoch_s ? -1 : 1;
    return 0;
}

/* Adds up the union of each relation's windows. */
static void measure_spans(struct run_traffic *traffic, struct window_pieces *pieces)
{
    if (pieces->count > 1)
        qsort(pieces->items, pieces->count, sizeof *pieces->items, compare_pieces);
    uint32_t relation = UINT32_MAX;
    uint32_t covered_to = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        const struct window_piece *piece = &pieces->items[i];
        if (piece->relation != relation) {
            relation = piece->relation;
            covered_to = piece->start_epoch_s;
        }
        uint32_t from = piece->start_epoch_s > covered_to ? piece->start_epoch_s : covered_to;
        if (piece->end_epoch_s > from)
            traffic[relation].span_s += piece->end_epoch_s - from;
        if (piece->end_epoch_s > covered_to)
            covered_to = piece->end_epoch_s;
    }
}

static enum vfl_status sum_bytes(struct vfl_topology *topology, const struct vfl_flow_table *table,
                                 const struct run_flows *flows, int64_t now_epoch_s,
                                 struct window_pieces *pieces, struct vfl_error *err)
{
    for (uint32_t i = 0; i < flows->count; i++) {
        const struct run_flow *flow = &flows->items[i];
        struct live_pair *pair = &topology->pairs[flow->pair];
        enum live_side client =
            live_pair_client(pair, live_pair_find(pair, flow->conversation_key));
        uint32_t relation = flow->pair * 2 + (uint32_t)client;
        struct run_traffic *traffic = &topology->traffic[relation];
        /* Every relation seen in this run gets its gauges, also where another run counts. */
        traffic->has_records = true;
        if (live_count_of(topology, flows, flow, now_epoch_s) != LIVE_COUNTED)
            continue;
        traffic->bytes[flow->sender] =
            vfl_add_bytes(traffic->bytes[flow->sender], flow->flow->bytes);
        struct live_relation *totals = &pair->relations[client];
        totals->total_bytes = vfl_add_bytes(totals->total_bytes, flow->flow->bytes);
        const struct vfl_flow_window *window = vfl_flow_window(table, flow->flow);
        if (window != NULL)
            traffic->timed_bytes[flow->sender] =
                vfl_add_bytes(traffic->timed_bytes[flow->sender], flow->flow->bytes);
        for (; window != NULL; window = vfl_flow_window_after(table, window)) {
            struct window_piece piece = {relation, window->start_epoch_s, window->end_epoch_s};
            if (!add_piece(pieces, piece))
                return no_memory(err);
        }
    }
    return VFL_OK;
}

enum vfl_status live_account_traffic(struct vfl_topology *topology,
                                     const struct vfl_flow_table *table,
                                     const struct run_flows *flows, int64_t now_epoch_s,
                                     struct vfl_error *err)
{
    struct window_pieces pieces = {0};
    free(topology->traffic);
    topology->traffic_pair_count = 0;
    topology->traffic = calloc((size_t)topology->pair_count * 2 + 1, sizeof *topology->traffic);
    if (topology->traffic == NULL)
        return no_memory(err);
    enum vfl_status st = note_reporters(topology, table, flows, now_epoch_s, err);
    if (st == VFL_OK)
        st = choose_flow_logs(topology, flows, now_epoch_s, err);
    for (uint32_t i = 0; i < flows->count && st == VFL_OK; i++)
        if (is_counted_flow_log(topology, flows, &flows->items[i]))
            choose_observers(topology, &flows->items[i], now_epoch_s);
    if (st == VFL_OK)
        st = sum_bytes(topology, table, flows, now_epoch_s, &pieces, err);
    if (st == VFL_OK) {
        measure_spans(topology->traffic, &pieces);
        topology->traffic_pair_count = topology->pair_count;
    }
    free(pieces.items);
    return st;
}
