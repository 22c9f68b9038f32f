#include "core/topology/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "core/array.h"
#include "core/topology/description.h"

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the evidence");
}

enum vfl_status vfl_topology_place(struct vfl_topology *topology,
                                   const struct vfl_flow_table *table, uint32_t position,
                                   struct vfl_flow_place *ret_place, struct vfl_error *err)
{
    const struct vfl_flow *flow = vfl_flow_at(table, position);
    struct vfl_resolve_context *contexts = NULL;
    struct run_flows flows = {0};
    enum vfl_status st = live_run_flows_init(table, &flows, err);
    if (st == VFL_OK)
        st = live_resolve_contexts(topology, table, &flows, &contexts, err);
    live_run_flows_fini(&flows);
    if (st != VFL_OK)
        return st;
    const struct vfl_resolve_context *context = &contexts[flow->key.context];
    struct vfl_resolved_flow resolved;
    *ret_place = (struct vfl_flow_place){
        .outcome = vfl_resolve_flow(&topology->interfaces, context, table, flow, &resolved),
        .reporter = context->reporter_interface,
        .vpc_id = context->vpc_id,
    };
    free(contexts);
    return VFL_OK;
}

/* --- reports --- */

struct report {
    uint32_t relation; /* pair * 2 + client side */
    struct vfl_traffic_report told;
};

struct report_list {
    struct report *items;
    uint32_t count, room;
};

static int compare_reports(const void *left, const void *right)
{
    const struct report *a = left;
    const struct report *b = right;
    if (a->relation != b->relation)
        return a->relation < b->relation ? -1 : 1;
    if (a->told.is_reply != b->told.is_reply)
        return a->told.is_reply ? 1 : -1;
    if (a->told.side != b->told.side)
        return a->told.side < b->told.side ? -1 : 1;
    int order = strcmp(a->told.reporter, b->told.reporter);
    if (order == 0)
        order = strcmp(a->told.flow_log_id, b->told.flow_log_id);
    return order != 0 ? order : (int)a->told.action - (int)b->told.action;
}

static enum vfl_report_count count_of(enum live_count count)
{
    static const enum vfl_report_count counts[] = {
        [LIVE_COUNTED] = VFL_REPORT_COUNTED,
        [LIVE_OTHER_FLOW_LOG_COUNTS] = VFL_REPORT_OTHER_FLOW_LOG,
        [LIVE_OTHER_OBSERVER_COUNTS] = VFL_REPORT_OTHER_OBSERVER,
    };
    return counts[count];
}

/* Finds the flow as apply took it in: whatever it needs is there already, so nothing is added. */
static enum vfl_status find_run_flow(struct vfl_topology *topology,
                                     const struct vfl_resolve_context *context,
                                     const struct vfl_resolved_flow *resolved,
                                     const struct vfl_flow *flow, struct run_flow *ret_flow,
                                     struct vfl_error *err)
{
    uint32_t src = VFL_INDEX_NONE;
    uint32_t dst = VFL_INDEX_NONE;
    uint32_t pair = VFL_INDEX_NONE;
    enum live_side sender = SIDE_LO;
    enum vfl_status st = live_add_endpoint(topology, &resolved->src, &src, err);
    if (st == VFL_OK)
        st = live_add_endpoint(topology, &resolved->dst, &dst, err);
    if (st == VFL_OK && src != VFL_INDEX_NONE && dst != VFL_INDEX_NONE) {
        if (live_endpoint_compare(topology, &topology->endpoints[src], &topology->endpoints[dst]) >
            0)
            sender = SIDE_HI;
        st = live_add_pair(topology, sender == SIDE_LO ? src : dst, sender == SIDE_LO ? dst : src,
                           &pair, err);
    }
    if (st != VFL_OK)
        return st;
    *ret_flow = (struct run_flow){
        .flow = flow,
        .conversation_key = live_conversation_key(&flow->key, sender),
        .pair = pair,
        .reporter = resolved->reporter,
        .flow_log_id = context->flow_log_id,
        .sender = (uint8_t)sender,
        .side_rank = (uint8_t)resolved->observer_side,
    };
    return VFL_OK;
}

static enum vfl_status add_report(const struct vfl_topology *topology,
                                  const struct run_flows *flows, const struct run_flow *flow,
                                  int64_t now_epoch_s, struct report_list *list,
                                  struct vfl_error *err)
{
    const struct vfl_tokens *tokens = &topology->interfaces.tokens;
    const struct live_pair *pair = &topology->pairs[flow->pair];
    enum live_side client = live_pair_client(pair, live_pair_find(pair, flow->conversation_key));
    if (!VFL_ARRAY_RESERVE(list->items, list->count, list->room))
        return no_memory(err);
    list->items[list->count++] = (struct report){
        .relation = flow->pair * 2 + (uint32_t)client,
        .told = {.is_reply = flow->sender != (uint8_t)client,
                 .reporter = vfl_tokens_text(tokens, flow->reporter),
                 .flow_log_id = vfl_tokens_text(tokens, flow->flow_log_id),
                 .side = (enum vfl_observer_side)flow->side_rank,
                 .action = (enum vfl_action)flow->flow->key.action,
                 .count = count_of(live_count_of(topology, flows, flow, now_epoch_s)),
                 .records = flow->flow->record_count,
                 .bytes = flow->flow->bytes},
    };
    return VFL_OK;
}

/* Sums what differs in nothing that is told. */
static void merge_reports(struct report_list *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_reports);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        struct report *last = kept > 0 ? &list->items[kept - 1] : NULL;
        if (last != NULL && compare_reports(last, &list->items[i]) == 0) {
            last->told.records = vfl_add_bytes(last->told.records, list->items[i].told.records);
            last->told.bytes = vfl_add_bytes(last->told.bytes, list->items[i].told.bytes);
        } else {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

static enum vfl_status collect_reports(struct vfl_topology *topology,
                                       const struct vfl_flow_table *table, int64_t now_epoch_s,
                                       struct report_list *list, struct vfl_error *err)
{
    struct vfl_resolve_context *contexts = NULL;
    struct run_flows flows = {0};
    enum vfl_status st = live_run_flows_init(table, &flows, err);
    if (st == VFL_OK)
        st = live_resolve_contexts(topology, table, &flows, &contexts, err);
    for (uint32_t i = 0; i < table->flow_count && st == VFL_OK; i++) {
        const struct vfl_flow *flow = vfl_flow_at(table, i);
        const struct vfl_resolve_context *context = &contexts[flow->key.context];
        struct vfl_resolved_flow resolved;
        if (vfl_resolve_flow(&topology->interfaces, context, table, flow, &resolved) !=
            VFL_FLOW_KEPT)
            continue;
        struct run_flow found;
        st = find_run_flow(topology, context, &resolved, flow, &found, err);
        if (st == VFL_OK && found.pair != VFL_INDEX_NONE)
            st = add_report(topology, &flows, &found, now_epoch_s, list, err);
    }
    free(contexts);
    live_run_flows_fini(&flows);
    if (st == VFL_OK)
        merge_reports(list);
    return st;
}

/* --- conversations --- */

static void describe_ports(const struct vfl_topology *topology, const struct live_pair *pair,
                           const struct live_conversation *conversation, bool is_lo_client,
                           struct vfl_conversation_evidence *evidence)
{
    enum live_port_form form = conversation_form(conversation);
    uint8_t protocol = conversation_protocol(conversation);
    uint16_t min[2] = {conversation_lo_port(conversation), conversation_hi_port(conversation)};
    uint16_t max[2] = {min[SIDE_LO], min[SIDE_HI]};
    unsigned peers[2];
    if (form == PORTS_NONE)
        return;
    if (form == PORTS_LO_SERVICE || form == PORTS_HI_SERVICE) {
        enum live_side other = form == PORTS_LO_SERVICE ? SIDE_HI : SIDE_LO;
        min[other] = conversation->peer_port_min;
        max[other] = conversation->peer_port_max;
    }
    for (unsigned side = 0; side < 2; side++)
        peers[side] =
            min[side] != max[side]
                ? 0
                : vfl_port_counts_find(&topology->port_counts,
                                       side == SIDE_LO ? pair->lo : pair->hi, protocol, min[side]);
    unsigned source = is_lo_client ? SIDE_LO : SIDE_HI;
    unsigned target = is_lo_client ? SIDE_HI : SIDE_LO;
    evidence->has_ports = true;
    evidence->source_port_min = min[source];
    evidence->source_port_max = max[source];
    evidence->target_port_min = min[target];
    evidence->target_port_max = max[target];
    evidence->source_port_peers = peers[source];
    evidence->target_port_peers = peers[target];
}

static size_t describe_conversations(const struct vfl_topology *topology,
                                     const struct live_pair *pair, enum live_side client,
                                     struct vfl_conversation_evidence *out)
{
    const uint8_t both = 1u << SIDE_LO | 1u << SIDE_HI;
    size_t count = 0;
    for (uint16_t i = 0; i < pair->conversation_count; i++) {
        const struct live_conversation *conversation = &pair->conversations[i];
        if (live_pair_client(pair, conversation) != client)
            continue;
        out[count] = (struct vfl_conversation_evidence){
            .protocol = conversation_protocol(conversation),
            .evidence = (enum vfl_evidence)conversation->evidence,
            .is_flagged_both_ways = conversation->openers == both,
        };
        describe_ports(topology, pair, conversation, client == SIDE_LO, &out[count]);
        count++;
    }
    return count;
}

/* --- relations --- */

static const char *owner_of(const struct vfl_topology *topology, uint32_t position)
{
    const struct live_endpoint *endpoint = &topology->endpoints[position];
    struct vfl_address_owner owner;
    if (!vfl_interfaces_find_owner(&topology->interfaces, endpoint->vpc_id, endpoint->ip, INT64_MAX,
                                   &owner))
        return "";
    return vfl_tokens_text(&topology->interfaces.tokens, owner.interface->id);
}

static enum vfl_status send_evidence(const struct vfl_topology *topology, uint32_t relation,
                                     const struct vfl_traffic_report *reports, size_t report_count,
                                     struct vfl_evidence_sink sink, struct vfl_error *err)
{
    const struct live_pair *pair = &topology->pairs[relation / 2];
    enum live_side client = (enum live_side)(relation % 2);
    struct vfl_conversation_evidence conversations[VFL_TOPOLOGY_MAX_CONVERSATIONS];
    char source_id[URN_SIZE];
    char target_id[URN_SIZE];
    live_format_relation_ends(topology, relation, source_id, target_id);
    struct vfl_relation_evidence evidence = {
        .source_id = source_id,
        .target_id = target_id,
        .source_interface = owner_of(topology, client == SIDE_LO ? pair->lo : pair->hi),
        .target_interface = owner_of(topology, client == SIDE_LO ? pair->hi : pair->lo),
        .conversations = conversations,
        .conversation_count = describe_conversations(topology, pair, client, conversations),
        .has_more_conversations =
            pair->has_overflow && live_pair_client(pair, &pair->overflow) == client,
        .reports = reports,
        .report_count = report_count,
    };
    return sink.relation(sink.ctx, &evidence, err);
}

static enum vfl_status walk(const struct vfl_topology *topology, const struct report_list *list,
                            struct vfl_traffic_report *told, struct vfl_evidence_sink sink,
                            struct vfl_error *err)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < list->count; i++)
        told[i] = list->items[i].told;
    for (uint32_t relation = 0; relation < topology->pair_count * 2; relation++) {
        uint32_t first = at;
        while (at < list->count && list->items[at].relation == relation)
            at++;
        if (!topology->pairs[relation / 2].relations[relation % 2].is_wanted)
            continue;
        enum vfl_status st = send_evidence(topology, relation, told + first, at - first, sink, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

enum vfl_status vfl_topology_walk_evidence(struct vfl_topology *topology,
                                           const struct vfl_flow_table *table, int64_t now_epoch_s,
                                           struct vfl_evidence_sink sink, struct vfl_error *err)
{
    struct report_list list = {0};
    struct vfl_traffic_report *told = NULL;
    enum vfl_status st = collect_reports(topology, table, now_epoch_s, &list, err);
    if (st != VFL_OK)
        goto out;
    told = malloc(((size_t)list.count + 1) * sizeof *told);
    st = told == NULL ? no_memory(err) : walk(topology, &list, told, sink, err);
out:
    free(told);
    free(list.items);
    return st;
}
