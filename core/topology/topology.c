#include "core/topology/topology.h"

#include <stdlib.h>
#include <string.h>

#include "core/topology/live.h"

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the topology");
}

static uint32_t pair_limit(uint32_t max_relations)
{
    if (max_relations == 0 || max_relations > VFL_TOPOLOGY_MAX_PAIRS / 2)
        return VFL_TOPOLOGY_MAX_PAIRS;
    uint32_t limit = max_relations * 2;
    return limit < VFL_TOPOLOGY_MIN_PAIRS ? VFL_TOPOLOGY_MIN_PAIRS : limit;
}

enum vfl_status vfl_topology_new(const struct vfl_topology_options *options,
                                 struct vfl_topology **ret_topology, struct vfl_error *err)
{
    struct vfl_topology *topology = calloc(1, sizeof *topology);
    if (topology == NULL)
        return no_memory(err);
    topology->default_region = strdup(options->default_region);
    if (topology->default_region == NULL) {
        vfl_topology_free(topology);
        return no_memory(err);
    }
    topology->expire_after_s = options->expire_after_s;
    topology->is_scope_all = options->is_scope_all;
    topology->is_accepted_only = options->is_accepted_only;
    topology->max_relations = options->max_relations;
    topology->max_pairs = pair_limit(options->max_relations);
    topology->seed = vfl_hash_seed() | 1;
    *ret_topology = topology;
    return VFL_OK;
}

void vfl_topology_free(struct vfl_topology *topology)
{
    if (topology == NULL)
        return;
    for (uint32_t i = 0; i < topology->pair_count; i++)
        free(topology->pairs[i].conversations);
    free(topology->pairs);
    vfl_index_fini(&topology->pair_index);
    free(topology->endpoints);
    vfl_index_fini(&topology->endpoint_index);
    free(topology->choices);
    vfl_index_fini(&topology->choice_index);
    free(topology->reported_epoch_s);
    free(topology->traffic);
    vfl_port_counts_fini(&topology->port_counts);
    vfl_interfaces_fini(&topology->interfaces);
    vfl_hints_fini(&topology->hints);
    free(topology->default_region);
    free(topology);
}

struct vfl_interfaces *vfl_topology_interfaces(struct vfl_topology *topology)
{
    return &topology->interfaces;
}

/* carried: of the run's flows; NULL before there are any. */
static uint32_t count_unknown(const struct vfl_topology *topology,
                              const struct vfl_flow_table *table, const uint32_t *carried)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->reporter_count; i++) {
        uint32_t id = table->reporters[i].interface_id;
        const struct vfl_known_interface *known =
            carried != NULL && carried[id] != VFL_TOKEN_ABSENT
                ? vfl_interfaces_find_token(&topology->interfaces, carried[id])
                : vfl_interfaces_find(&topology->interfaces, vfl_tokens_span(&table->tokens, id));
        if (known == NULL && vfl_flow_table_is_first_reporter(table, i, false))
            count++;
    }
    return count;
}

uint32_t vfl_topology_unknown_interfaces(const struct vfl_topology *topology,
                                         const struct vfl_flow_table *table)
{
    return count_unknown(topology, table, NULL);
}

static bool names_vpc(const struct vfl_topology *topology, const struct vfl_flow_table *table,
                      const struct vfl_flow_context *context)
{
    struct vfl_span id = vfl_tokens_span(&table->tokens, context->interface_id);
    return context->vpc_id != VFL_TOKEN_ABSENT || context->interface_id == VFL_TOKEN_ABSENT ||
           vfl_interfaces_find(&topology->interfaces, id) != NULL;
}

bool vfl_topology_is_blind_to(const struct vfl_topology *topology,
                              const struct vfl_flow_table *table)
{
    for (uint32_t i = 0; i < table->flow_count; i++)
        if (names_vpc(topology, table, &table->contexts[vfl_flow_at(table, i)->key.context]))
            return false;
    return table->flow_count > 0;
}

uint32_t vfl_topology_endpoint_count(const struct vfl_topology *topology)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < topology->endpoint_count; i++)
        count += topology->endpoints[i].is_wanted;
    return count;
}

uint32_t vfl_topology_relation_count(const struct vfl_topology *topology)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < topology->pair_count; i++)
        count += (uint32_t)topology->pairs[i].relations[SIDE_LO].is_wanted +
                 (uint32_t)topology->pairs[i].relations[SIDE_HI].is_wanted;
    return count;
}

uint32_t vfl_topology_left_out_count(const struct vfl_topology *topology)
{
    return topology->left_out_count;
}

enum vfl_status vfl_topology_confirm_sent(struct vfl_topology *topology, struct vfl_error *err)
{
    if (!topology->is_compaction_due)
        return VFL_OK;
    for (uint32_t i = 0; i < topology->endpoint_count; i++)
        topology->endpoints[i].is_removal_open = false;
    for (uint32_t i = 0; i < topology->pair_count; i++)
        for (unsigned side = 0; side < 2; side++)
            topology->pairs[i].relations[side].is_removal_open = false;
    enum vfl_status st = live_compact(topology, err);
    topology->is_compaction_due = st != VFL_OK;
    return st;
}

/* What a lost removal named counts as sent once more: it is wanted again by now, or it is removed
 * by the next emission. */
void vfl_topology_forget_sent(struct vfl_topology *topology)
{
    for (uint32_t i = 0; i < topology->endpoint_count; i++) {
        struct live_endpoint *endpoint = &topology->endpoints[i];
        endpoint->sent_epoch_s = NEVER_EPOCH_S;
        endpoint->is_sent |= endpoint->is_removal_open;
        endpoint->is_removal_open = false;
    }
    for (uint32_t i = 0; i < topology->pair_count * 2; i++) {
        struct live_relation *relation = &topology->pairs[i / 2].relations[i % 2];
        relation->sent_epoch_s = NEVER_EPOCH_S;
        relation->is_sent |= relation->is_removal_open;
        relation->is_removal_open = false;
    }
}

/* Of several regions told by the same source, the first in the alphabet stays, so that the order of
 * records does not matter. The directory may change its mind. */
static void update_region(const struct vfl_topology *topology, struct live_endpoint *endpoint,
                          uint32_t region, enum live_region_source source)
{
    const struct vfl_tokens *tokens = &topology->interfaces.tokens;
    if (region == VFL_TOKEN_ABSENT)
        return;
    bool is_better =
        endpoint->region == VFL_TOKEN_ABSENT || source < endpoint->region_source ||
        (source == endpoint->region_source &&
         (source == REGION_OF_DIRECTORY ||
          strcmp(vfl_tokens_text(tokens, region), vfl_tokens_text(tokens, endpoint->region)) < 0));
    if (!is_better)
        return;
    endpoint->region = region;
    endpoint->region_source = (uint8_t)source;
}

/* Describes the address by who owns it now, not by who did at the time of a record: of an address
 * that was used again, the records of both owners may come in any order. */
static void update_owner(struct vfl_topology *topology, struct live_endpoint *endpoint)
{
    if (endpoint->described_in_run == topology->run)
        return;
    endpoint->described_in_run = topology->run;
    struct vfl_address_owner owner;
    if (!vfl_interfaces_find_owner(&topology->interfaces, endpoint->vpc_id, endpoint->ip, INT64_MAX,
                                   &owner))
        return;
    const struct vfl_known_address *address = owner.address;
    memcpy(endpoint->public_ips, address->public_ips, sizeof endpoint->public_ips);
    bool is_alias = address->kind == VFL_ADDRESS_SECONDARY || address->kind == VFL_ADDRESS_IPV6;
    endpoint->primary = is_alias ? owner.interface->primary : (struct vfl_ip){0};
    update_region(topology, endpoint, owner.interface->region, REGION_OF_DIRECTORY);
}

uint64_t live_conversation_key(const struct vfl_flow_key *key, enum live_side sender)
{
    static const enum live_port_form forms[4][2] = {
        [VFL_PORTS_NONE] = {PORTS_NONE, PORTS_NONE},
        [VFL_PORTS_BOTH] = {PORTS_BOTH, PORTS_BOTH},
        [VFL_PORTS_SRC_SERVICE] = {PORTS_LO_SERVICE, PORTS_HI_SERVICE},
        [VFL_PORTS_DST_SERVICE] = {PORTS_HI_SERVICE, PORTS_LO_SERVICE},
    };
    uint16_t lo_port = sender == SIDE_LO ? key->src_port : key->dst_port;
    uint16_t hi_port = sender == SIDE_LO ? key->dst_port : key->src_port;
    /* Of a pair with too many, pairs of ephemeral ports are left out first: a service keeps its
     * place. */
    uint64_t is_last = key->port_form == VFL_PORTS_BOTH && key->src_port >= VFL_EPHEMERAL_PORT;
    return is_last << 48 | (uint64_t)key->protocol << 40 |
           (uint64_t)forms[key->port_form][sender] << 32 | (uint64_t)lo_port << 16 | hi_port;
}

/* What became of the sender's packets, at whose interface, and by what rule. */
static uint8_t verdicts_of(const struct vfl_flow *flow, const struct vfl_resolve_context *context,
                           enum vfl_observer_side observer)
{
    static const uint8_t refused_by[] = {
        [VFL_OBSERVER_SRC] = VERDICT_REFUSED_BY_SENDER,
        [VFL_OBSERVER_DST] = VERDICT_REFUSED_BY_RECEIVER,
        [VFL_OBSERVER_HOP] = VERDICT_REFUSED_BY_HOP,
    };
    if (flow->key.action == VFL_ACTION_ACCEPT)
        return observer == VFL_OBSERVER_DST ? VERDICT_ACCEPTED_BY_RECEIVER
                                            : VERDICT_ACCEPTED_ON_THE_WAY;
    if (flow->key.action != VFL_ACTION_REJECT)
        return 0;
    uint8_t reason = context->is_refused_by_bpa  ? VERDICT_REASON_BPA
                     : context->is_refused_by_ec ? VERDICT_REASON_EC
                                                 : VERDICT_REASON_RULES;
    return refused_by[observer] | reason;
}

static void update_conversation(struct live_conversation *conversation, const struct vfl_flow *flow,
                                enum live_side sender, enum vfl_observer_side observer,
                                int64_t now_epoch_s)
{
    enum live_side receiver = sender == SIDE_LO ? SIDE_HI : SIDE_LO;
    if (flow->peer_port_min < conversation->peer_port_min)
        conversation->peer_port_min = flow->peer_port_min;
    if (flow->peer_port_max > conversation->peer_port_max)
        conversation->peer_port_max = flow->peer_port_max;
    if (flow->evidence & VFL_FLOW_SYN)
        conversation->openers |= (uint8_t)(1u << sender);
    if (flow->evidence & VFL_FLOW_SYN_ACK)
        conversation->openers |= (uint8_t)(1u << receiver);
    enum live_side at = observer == VFL_OBSERVER_SRC   ? sender
                        : observer == VFL_OBSERVER_DST ? receiver
                                                       : SIDE_NEITHER;
    conversation->observers |= at == SIDE_LO   ? OBSERVED_BY_LO
                               : at == SIDE_HI ? OBSERVED_BY_HI
                                               : OBSERVED_BY_HOP;
    conversation->seen_epoch_s = now_epoch_s;
}

static void update_endpoints(struct vfl_topology *topology,
                             const struct vfl_resolve_context *context,
                             enum vfl_observer_side observer, uint32_t src, uint32_t dst)
{
    const uint32_t positions[] = {src, dst};
    const enum vfl_observer_side sides[] = {VFL_OBSERVER_SRC, VFL_OBSERVER_DST};
    for (unsigned i = 0; i < 2; i++) {
        struct live_endpoint *endpoint = &topology->endpoints[positions[i]];
        update_owner(topology, endpoint);
        update_region(topology, endpoint, context->region,
                      observer == sides[i] ? REGION_OF_OWN_RECORDS : REGION_OF_PEERS_RECORDS);
    }
}

/* Adds one resolved flow to the live set and to the run's list. */
static enum vfl_status
add_flow(struct vfl_topology *topology, const struct vfl_resolve_context *context,
         const struct vfl_resolved_flow *resolved, const struct vfl_flow *flow, int64_t now_epoch_s,
         struct run_flows *flows, struct vfl_topology_counts *counts, struct vfl_error *err)
{
    uint32_t src = VFL_INDEX_NONE;
    uint32_t dst = VFL_INDEX_NONE;
    enum vfl_status st = live_add_endpoint(topology, &resolved->src, &src, err);
    if (st == VFL_OK)
        st = live_add_endpoint(topology, &resolved->dst, &dst, err);
    if (st != VFL_OK)
        return st;
    uint32_t pair = VFL_INDEX_NONE;
    enum live_side sender = SIDE_LO;
    if (src != VFL_INDEX_NONE && dst != VFL_INDEX_NONE) {
        if (live_endpoint_compare(topology, &topology->endpoints[src], &topology->endpoints[dst]) >
            0)
            sender = SIDE_HI;
        st = live_add_pair(topology, sender == SIDE_LO ? src : dst, sender == SIDE_LO ? dst : src,
                           &pair, err);
    }
    if (st != VFL_OK)
        return st;
    if (pair == VFL_INDEX_NONE) {
        counts->over_limit += flow->record_count;
        return VFL_OK;
    }
    update_endpoints(topology, context, resolved->observer_side, src, dst);
    uint64_t key = live_conversation_key(&flow->key, sender);
    struct live_conversation *conversation = NULL;
    st = live_add_conversation(&topology->pairs[pair], key, &conversation, err);
    if (st != VFL_OK)
        return st;
    update_conversation(conversation, flow, sender, resolved->observer_side, now_epoch_s);
    conversation->verdicts[sender] |= verdicts_of(flow, context, resolved->observer_side);
    flows->items[flows->count++] = (struct run_flow){
        .flow = flow,
        .conversation_key = key,
        .pair = pair,
        .reporter = resolved->reporter,
        .flow_log_id = context->flow_log_id,
        .sender = (uint8_t)sender,
        .side_rank = (uint8_t)resolved->observer_side,
    };
    return VFL_OK;
}

enum vfl_status live_resolve_contexts(struct vfl_topology *topology,
                                      const struct vfl_flow_table *table,
                                      const struct run_flows *flows,
                                      struct vfl_resolve_context **ret_contexts,
                                      struct vfl_error *err)
{
    struct vfl_resolve_context *contexts =
        calloc((size_t)table->context_count + 1, sizeof *contexts);
    if (contexts == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < table->context_count; i++) {
        enum vfl_status st = vfl_resolve_context_init(
            &topology->interfaces, table, &table->contexts[i], flows->carried, &contexts[i], err);
        if (st != VFL_OK) {
            free(contexts);
            return st;
        }
        contexts[i].is_scope_all = topology->is_scope_all;
        contexts[i].hints = &topology->hints;
    }
    *ret_contexts = contexts;
    return VFL_OK;
}

static enum vfl_status resolve_flows(struct vfl_topology *topology,
                                     const struct vfl_flow_table *table, int64_t now_epoch_s,
                                     struct run_flows *flows, struct vfl_topology_counts *counts,
                                     struct vfl_error *err)
{
    struct vfl_resolve_context *contexts = NULL;
    enum vfl_status st = live_resolve_contexts(topology, table, flows, &contexts, err);
    for (uint32_t i = 0; i < table->flow_count && st == VFL_OK; i++)
        st = vfl_resolve_learn(&topology->interfaces, &contexts[vfl_flow_at(table, i)->key.context],
                               table, vfl_flow_at(table, i), &topology->hints, err);
    for (uint32_t i = 0; i < table->flow_count && st == VFL_OK; i++) {
        const struct vfl_flow *flow = vfl_flow_at(table, i);
        const struct vfl_resolve_context *context = &contexts[flow->key.context];
        struct vfl_resolved_flow resolved;
        enum vfl_flow_outcome outcome =
            vfl_resolve_flow(&topology->interfaces, context, table, flow, &resolved);
        counts->records[outcome] += flow->record_count;
        if (outcome == VFL_FLOW_KEPT)
            st = add_flow(topology, context, &resolved, flow, now_epoch_s, flows, counts, err);
    }
    free(contexts);
    return st;
}

/* --- one run --- */

static void count_reporters(const struct vfl_topology *topology, const struct vfl_flow_table *table,
                            const struct run_flows *flows, struct vfl_topology_counts *counts)
{
    for (uint32_t i = 0; i < table->reporter_count; i++) {
        counts->skipdata_records += table->reporters[i].skipdata_count;
        if (table->reporters[i].skipdata_count > 0 &&
            vfl_flow_table_is_first_reporter(table, i, true))
            counts->skipdata_interfaces++;
    }
    counts->unknown_interfaces = count_unknown(topology, table, flows->carried);
}

void live_run_flows_fini(struct run_flows *flows)
{
    free(flows->items);
    free(flows->carried);
    free(flows->choices);
}

enum vfl_status live_run_flows_init(const struct vfl_flow_table *table, struct run_flows *ret_flows,
                                    struct vfl_error *err)
{
    size_t choice_count = (size_t)table->context_count * RUN_ACTION_COUNT;
    struct run_flows flows = {
        .items = malloc(((size_t)table->flow_count + 1) * sizeof *flows.items),
        .carried = calloc((size_t)table->tokens.count + 1, sizeof *flows.carried),
        .choices = malloc((choice_count + 1) * sizeof *flows.choices),
    };
    if (flows.items == NULL || flows.carried == NULL || flows.choices == NULL) {
        live_run_flows_fini(&flows);
        return no_memory(err);
    }
    for (size_t i = 0; i < choice_count; i++)
        flows.choices[i] = VFL_INDEX_NONE;
    *ret_flows = flows;
    return VFL_OK;
}

enum vfl_status vfl_topology_apply(struct vfl_topology *topology,
                                   const struct vfl_flow_table *table, int64_t now_epoch_s,
                                   struct vfl_topology_counts *ret_counts, struct vfl_error *err)
{
    struct vfl_topology_counts counts = {0};
    struct run_flows flows = {0};
    enum vfl_status st = live_run_flows_init(table, &flows, err);
    if (st != VFL_OK)
        return st;
    topology->run++;
    st = resolve_flows(topology, table, now_epoch_s, &flows, &counts, err);
    count_reporters(topology, table, &flows, &counts);
    if (st == VFL_OK)
        st = live_decide_relations(topology, err);
    if (st == VFL_OK)
        st = live_account_traffic(topology, table, &flows, now_epoch_s, err);
    if (st == VFL_OK)
        st = live_choose_relations(topology, err);
    live_run_flows_fini(&flows);
    if (st == VFL_OK)
        *ret_counts = counts;
    return st;
}
