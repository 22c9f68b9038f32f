#include "core/topology/flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/array.h"

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for flows");
}

void vfl_flow_table_fini(struct vfl_flow_table *table)
{
    if (table == NULL)
        return;
    vfl_tokens_fini(&table->tokens);
    vfl_index_fini(&table->flow_index);
    vfl_index_fini(&table->context_index);
    vfl_index_fini(&table->ipv6_index);
    vfl_index_fini(&table->reporter_index);
    free(table->flows);
    free(table->contexts);
    free(table->ipv6);
    free(table->windows);
    free(table->reporters);
    *table = (struct vfl_flow_table){0};
}

void vfl_flow_table_reset(struct vfl_flow_table *table)
{
    vfl_tokens_reset(&table->tokens);
    vfl_index_reset(&table->flow_index);
    vfl_index_reset(&table->context_index);
    vfl_index_reset(&table->ipv6_index);
    vfl_index_reset(&table->reporter_index);
    table->flow_count = table->context_count = table->ipv6_count = 0;
    table->window_count = table->window_free = table->reporter_count = 0;
    table->last_context = 0;
}

static uint64_t seed_of(struct vfl_flow_table *table)
{
    if (table->seed == 0)
        table->seed = vfl_hash_seed() | 1;
    return table->seed;
}

enum vfl_status vfl_flow_table_start_object(struct vfl_flow_table *table, struct vfl_span region,
                                            struct vfl_span flow_log_id,
                                            const struct vfl_record_format *format,
                                            struct vfl_error *err)
{
    table->has_packet_addresses = vfl_record_format_has_packet_addresses(format);
    enum vfl_status st = vfl_tokens_add(&table->tokens, region, &table->region, err);
    if (st == VFL_OK)
        st = vfl_tokens_add(&table->tokens, flow_log_id, &table->flow_log_id, err);
    return st;
}

/* --- contexts --- */

_Static_assert(sizeof(struct vfl_flow_context) == 15 * sizeof(uint32_t) + 4,
               "contexts are hashed and compared as bytes, so they have no padding");

static enum vfl_status add_context(struct vfl_flow_table *table,
                                   const struct vfl_flow_context *context, uint32_t *ret_position,
                                   struct vfl_error *err)
{
    if (table->last_context < table->context_count &&
        memcmp(&table->contexts[table->last_context], context, sizeof *context) == 0) {
        *ret_position = table->last_context;
        return VFL_OK;
    }
    uint64_t hash = vfl_hash_bytes(seed_of(table), context, sizeof *context);
    struct vfl_index_cursor cursor = vfl_index_cursor(&table->context_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&table->context_index, &cursor)) != VFL_INDEX_NONE)
        if (memcmp(&table->contexts[position], context, sizeof *context) == 0)
            break;
    if (position == VFL_INDEX_NONE) {
        if (!VFL_ARRAY_RESERVE(table->contexts, table->context_count, table->context_room) ||
            !vfl_index_add(&table->context_index, hash, table->context_count))
            return no_memory(err);
        position = table->context_count++;
        table->contexts[position] = *context;
    }
    table->last_context = position;
    *ret_position = position;
    return VFL_OK;
}

/* Most records of a file share their interface with the record before, so the text is compared with
 * the last context's first: a comparison is cheaper than a hash. */
static enum vfl_status token_near(struct vfl_flow_table *table, struct vfl_span text,
                                  uint32_t likely, uint32_t *ret_token, struct vfl_error *err)
{
    if (text.len == 0) {
        *ret_token = VFL_TOKEN_ABSENT;
        return VFL_OK;
    }
    if (likely != VFL_TOKEN_ABSENT &&
        vfl_span_equal_string(text, vfl_tokens_text(&table->tokens, likely))) {
        *ret_token = likely;
        return VFL_OK;
    }
    return vfl_tokens_add(&table->tokens, text, ret_token, err);
}

static enum vfl_status context_of_record(struct vfl_flow_table *table,
                                         const struct vfl_record *record, uint32_t *ret_position,
                                         struct vfl_error *err)
{
    static const struct vfl_flow_context none;
    const struct vfl_flow_context *last =
        table->last_context < table->context_count ? &table->contexts[table->last_context] : &none;
    struct vfl_flow_context context = {
        .region = table->region,
        .flow_log_id = table->flow_log_id,
        .flow_direction = (uint8_t)record->flow_direction,
        .traffic_path = record->traffic_path,
        .has_packet_addresses = table->has_packet_addresses,
        .era = vfl_eras_at(&table->eras, record->has_times ? record->end_epoch_s : INT64_MAX),
    };
    const struct {
        struct vfl_span text;
        uint32_t likely;
        uint32_t *token;
    } texts[] = {
        {record->interface_id, last->interface_id, &context.interface_id},
        {record->vpc_id, last->vpc_id, &context.vpc_id},
        {record->resource_id, last->resource_id, &context.resource_id},
        {record->interface_type, last->interface_type, &context.interface_type},
        {record->next_hop_interface_id, last->next_hop_interface_id,
         &context.next_hop_interface_id},
        {record->next_hop_interface_type, last->next_hop_interface_type,
         &context.next_hop_interface_type},
        {record->next_hop_vpc_id, last->next_hop_vpc_id, &context.next_hop_vpc_id},
        {record->tgw_src_vpc_id, last->tgw_src_vpc_id, &context.tgw_src_vpc_id},
        {record->tgw_dst_vpc_id, last->tgw_dst_vpc_id, &context.tgw_dst_vpc_id},
        {record->tgw_src_eni, last->tgw_src_eni, &context.tgw_src_eni},
        {record->tgw_dst_eni, last->tgw_dst_eni, &context.tgw_dst_eni},
        {record->tgw_attachment_id, last->tgw_attachment_id, &context.tgw_attachment_id},
        {record->reject_reason, last->reject_reason, &context.reject_reason},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        enum vfl_status st = token_near(table, texts[i].text, texts[i].likely, texts[i].token, err);
        if (st != VFL_OK)
            return st;
    }
    return add_context(table, &context, ret_position, err);
}

/* --- addresses --- */

static enum vfl_status add_ipv6(struct vfl_flow_table *table, struct vfl_ip ip,
                                uint32_t *ret_position, struct vfl_error *err)
{
    uint64_t hash = vfl_hash_finish(vfl_hash_mix(vfl_hash_mix(seed_of(table), ip.hi), ip.lo));
    struct vfl_index_cursor cursor = vfl_index_cursor(&table->ipv6_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&table->ipv6_index, &cursor)) != VFL_INDEX_NONE)
        if (vfl_ip_equal(table->ipv6[position], ip))
            break;
    if (position == VFL_INDEX_NONE) {
        if (!VFL_ARRAY_RESERVE(table->ipv6, table->ipv6_count, table->ipv6_room) ||
            !vfl_index_add(&table->ipv6_index, hash, table->ipv6_count))
            return no_memory(err);
        position = table->ipv6_count++;
        table->ipv6[position] = ip;
    }
    *ret_position = position;
    return VFL_OK;
}

static enum vfl_status set_address(struct vfl_flow_table *table, struct vfl_flow_key *key,
                                   unsigned which, struct vfl_ip ip, struct vfl_error *err)
{
    if (vfl_ip_is_absent(ip))
        return VFL_OK;
    key->address_flags |= (uint8_t)(1u << (4 + which));
    if (vfl_ip_is_v4(ip)) {
        key->addresses[which] = (uint32_t)ip.lo;
        return VFL_OK;
    }
    key->address_flags |= (uint8_t)(1u << which);
    return add_ipv6(table, ip, &key->addresses[which], err);
}

struct vfl_ip vfl_flow_address(const struct vfl_flow_table *table, const struct vfl_flow *flow,
                               unsigned which)
{
    if ((flow->key.address_flags & (1u << (4 + which))) == 0)
        return (struct vfl_ip){0};
    if ((flow->key.address_flags & (1u << which)) == 0)
        return vfl_ip_from_v4(flow->key.addresses[which]);
    return table->ipv6[flow->key.addresses[which]];
}

/* --- windows --- */

static enum vfl_status new_window(struct vfl_flow_table *table, struct vfl_flow_window window,
                                  uint32_t *ret_position, struct vfl_error *err)
{
    uint32_t position;
    if (table->window_free != 0) {
        position = table->window_free - 1;
        table->window_free = table->windows[position].next;
    } else {
        if (table->window_count == VFL_FLOW_TABLE_MAX_WINDOWS)
            return vfl_error_set(err, VFL_LIMIT, "more than %u separate capture windows",
                                 VFL_FLOW_TABLE_MAX_WINDOWS);
        if (!VFL_ARRAY_RESERVE(table->windows, table->window_count, table->window_room))
            return no_memory(err);
        position = table->window_count++;
    }
    table->windows[position] = window;
    *ret_position = position;
    return VFL_OK;
}

/* Swallows the windows after `position` that it now reaches. */
static void absorb_following(struct vfl_flow_table *table, uint32_t position)
{
    struct vfl_flow_window *window = &table->windows[position];
    while (window->next != VFL_INDEX_NONE) {
        uint32_t following = window->next;
        struct vfl_flow_window *other = &table->windows[following];
        if (other->start_epoch_s > window->end_epoch_s)
            break;
        if (other->end_epoch_s > window->end_epoch_s)
            window->end_epoch_s = other->end_epoch_s;
        window->next = other->next;
        other->next = table->window_free;
        table->window_free = following + 1;
    }
}

static enum vfl_status add_window(struct vfl_flow_table *table, uint32_t *head, uint32_t start,
                                  uint32_t end, struct vfl_error *err)
{
    uint32_t before = VFL_INDEX_NONE;
    uint32_t at = *head;
    while (at != VFL_INDEX_NONE && table->windows[at].end_epoch_s < start) {
        before = at;
        at = table->windows[at].next;
    }
    if (at != VFL_INDEX_NONE && table->windows[at].start_epoch_s <= end) {
        struct vfl_flow_window *window = &table->windows[at];
        if (start < window->start_epoch_s)
            window->start_epoch_s = start;
        if (end > window->end_epoch_s) {
            window->end_epoch_s = end;
            absorb_following(table, at);
        }
        return VFL_OK;
    }
    uint32_t position = VFL_INDEX_NONE;
    enum vfl_status st =
        new_window(table, (struct vfl_flow_window){start, end, at}, &position, err);
    if (st != VFL_OK)
        return st;
    if (before == VFL_INDEX_NONE)
        *head = position;
    else
        table->windows[before].next = position;
    return VFL_OK;
}

/* --- flows --- */

static uint64_t hash_key(uint64_t seed, const struct vfl_flow_key *key)
{
    uint64_t words[sizeof *key / sizeof(uint64_t)];
    _Static_assert(sizeof words == sizeof *key - 4, "the key is seven 32-bit words");
    memcpy(words, key, sizeof words);
    uint32_t tail;
    memcpy(&tail, (const char *)key + sizeof words, sizeof tail);
    uint64_t hash = seed;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        hash = vfl_hash_mix(hash, words[i]);
    return vfl_hash_finish(vfl_hash_mix(hash, tail));
}

static enum vfl_status find_or_add_flow(struct vfl_flow_table *table,
                                        const struct vfl_flow_key *key, struct vfl_flow **ret_flow,
                                        struct vfl_error *err)
{
    uint64_t hash = hash_key(seed_of(table), key);
    struct vfl_index_cursor cursor = vfl_index_cursor(&table->flow_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&table->flow_index, &cursor)) != VFL_INDEX_NONE)
        if (memcmp(&table->flows[position].key, key, sizeof *key) == 0)
            break;
    if (position == VFL_INDEX_NONE) {
        if (table->flow_count == VFL_FLOW_TABLE_MAX_FLOWS)
            return vfl_error_set(err, VFL_LIMIT, "more than %u distinct flows",
                                 VFL_FLOW_TABLE_MAX_FLOWS);
        if (!VFL_ARRAY_RESERVE(table->flows, table->flow_count, table->flow_room) ||
            !vfl_index_add(&table->flow_index, hash, table->flow_count))
            return no_memory(err);
        position = table->flow_count++;
        table->flows[position] =
            (struct vfl_flow){.key = *key, .windows = VFL_INDEX_NONE, .peer_port_min = UINT16_MAX};
    }
    *ret_flow = &table->flows[position];
    return VFL_OK;
}

/* Fills in the key's ports; returns the port that the key leaves out. */
static uint16_t set_ports(struct vfl_flow_key *key, const struct vfl_record *record)
{
    bool has_service_ports =
        record->has_ports && (!record->has_protocol || record->protocol == 6 ||
                              record->protocol == 17 || record->protocol == 132);
    if (!has_service_ports)
        return 0;
    bool is_src_low = record->src_port < VFL_EPHEMERAL_PORT;
    bool is_dst_low = record->dst_port < VFL_EPHEMERAL_PORT;
    if (is_src_low == is_dst_low) {
        key->port_form = VFL_PORTS_BOTH;
        key->src_port = record->src_port;
        key->dst_port = record->dst_port;
        return 0;
    }
    if (is_src_low) {
        key->port_form = VFL_PORTS_SRC_SERVICE;
        key->src_port = record->src_port;
        return record->dst_port;
    }
    key->port_form = VFL_PORTS_DST_SERVICE;
    key->dst_port = record->dst_port;
    return record->src_port;
}

/* VPC flow logs record an ACK only together with a SYN: the two are a SYN-ACK. Transit gateway flow
 * logs record every ACK, so there a client's own SYN and later ACKs look the same, and only a SYN
 * alone tells. Source: Amazon VPC User Guide and Transit Gateways Guide, "tcp-flags". */
static uint8_t evidence_of(const struct vfl_record *record)
{
    if (!record->has_tcp_flags || !record->has_protocol || record->protocol != 6 ||
        (record->tcp_flags & VFL_TCP_SYN) == 0)
        return 0;
    if ((record->tcp_flags & VFL_TCP_ACK) == 0)
        return VFL_FLOW_SYN;
    return record->tgw_attachment_id.len > 0 ? 0 : VFL_FLOW_SYN_ACK;
}

static enum vfl_status add_flow(struct vfl_flow_table *table, const struct vfl_record *record,
                                uint32_t context, struct vfl_error *err)
{
    struct vfl_flow_key key = {
        .context = context,
        .protocol = record->has_protocol ? record->protocol : 0,
        .action = (uint8_t)record->action,
    };
    const struct vfl_ip addresses[] = {record->src, record->dst, record->pkt_src, record->pkt_dst};
    for (unsigned i = 0; i < 4; i++) {
        enum vfl_status st = set_address(table, &key, i, addresses[i], err);
        if (st != VFL_OK)
            return st;
    }
    uint16_t peer_port = set_ports(&key, record);
    struct vfl_flow *flow = NULL;
    enum vfl_status st = find_or_add_flow(table, &key, &flow, err);
    if (st != VFL_OK)
        return st;
    if (peer_port < flow->peer_port_min)
        flow->peer_port_min = peer_port;
    if (peer_port > flow->peer_port_max)
        flow->peer_port_max = peer_port;
    flow->evidence |= evidence_of(record);
    if (flow->record_count < UINT32_MAX)
        flow->record_count++;
    uint64_t bytes = record->has_bytes ? record->bytes : 0;
    flow->bytes = vfl_add_bytes(flow->bytes, bytes);
    if (!record->has_times)
        return VFL_OK;
    flow->timed_bytes = vfl_add_bytes(flow->timed_bytes, bytes);
    return add_window(table, &flow->windows, (uint32_t)record->start_epoch_s,
                      (uint32_t)record->end_epoch_s, err);
}

/* By interface alone, so that all flow logs of an interface are found by one walk. */
static uint64_t hash_reporter(uint64_t seed, uint32_t interface_id)
{
    return vfl_hash_finish(vfl_hash_mix(seed, interface_id));
}

bool vfl_flow_table_is_first_reporter(const struct vfl_flow_table *table, uint32_t position,
                                      bool is_skipdata_only)
{
    uint32_t interface_id = table->reporters[position].interface_id;
    struct vfl_index_cursor cursor =
        vfl_index_cursor(&table->reporter_index, hash_reporter(table->seed, interface_id));
    uint32_t other;
    while ((other = vfl_index_next(&table->reporter_index, &cursor)) != VFL_INDEX_NONE)
        if (other < position && table->reporters[other].interface_id == interface_id &&
            (!is_skipdata_only || table->reporters[other].skipdata_count > 0))
            return false;
    return true;
}

/* Nothing for a record that names no interface. */
static enum vfl_status add_reporter(struct vfl_flow_table *table,
                                    const struct vfl_flow_reporter *reporter, struct vfl_error *err)
{
    if (reporter->interface_id == VFL_TOKEN_ABSENT)
        return VFL_OK;
    uint64_t hash = hash_reporter(seed_of(table), reporter->interface_id);
    struct vfl_index_cursor cursor = vfl_index_cursor(&table->reporter_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&table->reporter_index, &cursor)) != VFL_INDEX_NONE)
        if (table->reporters[position].interface_id == reporter->interface_id &&
            table->reporters[position].flow_log_id == reporter->flow_log_id)
            break;
    if (position == VFL_INDEX_NONE) {
        if (!VFL_ARRAY_RESERVE(table->reporters, table->reporter_count, table->reporter_room) ||
            !vfl_index_add(&table->reporter_index, hash, table->reporter_count))
            return no_memory(err);
        position = table->reporter_count++;
        table->reporters[position] = *reporter;
        return VFL_OK;
    }
    table->reporters[position].record_count += reporter->record_count;
    table->reporters[position].skipdata_count += reporter->skipdata_count;
    return VFL_OK;
}

enum vfl_status vfl_flow_table_add(struct vfl_flow_table *table, const struct vfl_record *record,
                                   struct vfl_error *err)
{
    if (record->kind != VFL_RECORD_FLOW && record->kind != VFL_RECORD_NODATA &&
        record->kind != VFL_RECORD_SKIPDATA)
        return VFL_OK;
    struct vfl_flow_reporter reporter = {
        .flow_log_id = table->flow_log_id,
        .record_count = 1,
        .skipdata_count = record->kind == VFL_RECORD_SKIPDATA,
    };
    /* Only flows have a context: the limit on flows then bounds the contexts as well. */
    if (record->kind != VFL_RECORD_FLOW) {
        enum vfl_status st =
            vfl_tokens_add(&table->tokens, record->interface_id, &reporter.interface_id, err);
        return st == VFL_OK ? add_reporter(table, &reporter, err) : st;
    }
    uint32_t context = 0;
    enum vfl_status st = context_of_record(table, record, &context, err);
    if (st != VFL_OK)
        return st;
    reporter.interface_id = table->contexts[context].interface_id;
    st = add_reporter(table, &reporter, err);
    return st == VFL_OK ? add_flow(table, record, context, err) : st;
}

/* --- merge --- */

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
        struct vfl_span text = vfl_span_from_string(vfl_tokens_text(&from->tokens, token));
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
        uint32_t *const tokens[] = {
            &context.region,
            &context.flow_log_id,
            &context.interface_id,
            &context.vpc_id,
            &context.resource_id,
            &context.interface_type,
            &context.next_hop_interface_id,
            &context.next_hop_interface_type,
            &context.next_hop_vpc_id,
            &context.tgw_src_vpc_id,
            &context.tgw_dst_vpc_id,
            &context.tgw_src_eni,
            &context.tgw_dst_eni,
            &context.tgw_attachment_id,
            &context.reject_reason,
        };
        for (size_t t = 0; t < sizeof tokens / sizeof tokens[0]; t++)
            *tokens[t] = map->tokens[*tokens[t]];
        enum vfl_status st = add_context(table, &context, &map->contexts[i], err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

static enum vfl_status merge_flow(struct vfl_flow_table *table, const struct vfl_flow_table *from,
                                  const struct vfl_flow *source, const struct mapping *map,
                                  struct vfl_error *err)
{
    struct vfl_flow_key key = source->key;
    key.context = map->contexts[key.context];
    for (unsigned i = 0; i < 4; i++)
        if (key.address_flags & (1u << i))
            key.addresses[i] = map->ipv6[key.addresses[i]];
    struct vfl_flow *flow = NULL;
    enum vfl_status st = find_or_add_flow(table, &key, &flow, err);
    if (st != VFL_OK)
        return st;
    flow->bytes = vfl_add_bytes(flow->bytes, source->bytes);
    flow->timed_bytes = vfl_add_bytes(flow->timed_bytes, source->timed_bytes);
    flow->evidence |= source->evidence;
    flow->record_count = flow->record_count > UINT32_MAX - source->record_count
                             ? UINT32_MAX
                             : flow->record_count + source->record_count;
    if (source->peer_port_min < flow->peer_port_min)
        flow->peer_port_min = source->peer_port_min;
    if (source->peer_port_max > flow->peer_port_max)
        flow->peer_port_max = source->peer_port_max;
    uint32_t at = source->windows;
    while (at != VFL_INDEX_NONE && st == VFL_OK) {
        const struct vfl_flow_window *window = &from->windows[at];
        st = add_window(table, &flow->windows, window->start_epoch_s, window->end_epoch_s, err);
        at = window->next;
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
        st = add_ipv6(table, from->ipv6[i], &map->ipv6[i], err);
    for (uint32_t i = 0; i < from->flow_count && st == VFL_OK; i++)
        st = merge_flow(table, from, &from->flows[i], map, err);
    for (uint32_t i = 0; i < from->reporter_count && st == VFL_OK; i++) {
        struct vfl_flow_reporter reporter = from->reporters[i];
        reporter.interface_id = map->tokens[reporter.interface_id];
        reporter.flow_log_id = map->tokens[reporter.flow_log_id];
        st = add_reporter(table, &reporter, err);
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
                             ? no_memory(err)
                             : merge_mapped(table, from, &map, err);
    free(map.tokens);
    free(map.contexts);
    free(map.ipv6);
    return st;
}
