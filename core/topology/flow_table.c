#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/array.h"
#include "core/topology/flow_parts.h"

#define LARGE_ROOM (1u << 17)

enum vfl_status flow_no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for flows");
}

void vfl_flow_table_fini(struct vfl_flow_table *table)
{
    if (table == NULL)
        return;
    vfl_tokens_fini(&table->tokens);
    vfl_index_fini(&table->context_index);
    vfl_index_fini(&table->ipv6_index);
    vfl_index_fini(&table->reporter_index);
    flow_free_all(table);
    free(table->contexts);
    free(table->known_contexts);
    free(table->ipv6);
    free(table->windows);
    free(table->reporters);
    *table = (struct vfl_flow_table){0};
}

/* Whether the table has room for far more than it was last used for. Emptying an index costs as
 * much as it has room for, so the largest object there ever was would slow all small ones down, and
 * its memory be held for ever. */
static bool is_oversized(const struct vfl_flow_table *table)
{
    uint32_t used = table->flow_count + table->ipv6_count + table->window_count +
                    table->reporter_count + table->tokens.count;
    uint32_t room = table->flow_room + table->ipv6_room + table->window_room +
                    table->reporter_room + table->tokens.room;
    return room > LARGE_ROOM && used < room / 16;
}

void vfl_flow_table_reset(struct vfl_flow_table *table)
{
    if (is_oversized(table)) {
        struct vfl_eras eras = table->eras;
        vfl_flow_table_fini(table);
        table->eras = eras;
        return;
    }
    vfl_tokens_reset(&table->tokens);
    flow_forget_all(table);
    vfl_index_reset(&table->context_index);
    vfl_index_reset(&table->ipv6_index);
    vfl_index_reset(&table->reporter_index);
    table->context_count = table->ipv6_count = 0;
    table->window_count = table->window_free = table->reporter_count = 0;
    table->pending_count = 0;
    flow_forget_known_contexts(table);
}

uint64_t flow_seed(struct vfl_flow_table *table)
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
    if (!flow_reserve(table, 1))
        return flow_no_memory(err);
    /* They are known by what differs within one object. */
    if (table->context_count > 0)
        flow_forget_known_contexts(table);
    table->has_packet_addresses = vfl_record_format_has_packet_addresses(format);
    table->text_count = 0;
    for (unsigned i = 0; i < VFL_TEXT_COUNT; i++)
        if (i != VFL_TEXT_INTERFACE_ID && format->has_column[vfl_text_field((enum vfl_text)i)])
            table->texts[table->text_count++] = (uint8_t)i;
    enum vfl_status st = vfl_tokens_add(&table->tokens, region, &table->region, err);
    if (st == VFL_OK)
        st = vfl_tokens_add(&table->tokens, flow_log_id, &table->flow_log_id, err);
    return st;
}

/* --- addresses --- */

/* By pointer: an address in two registers was put together in memory, and loaded as a whole before
 * its halves had got there, which took 15 ns. */
enum vfl_status flow_add_ipv6(struct vfl_flow_table *table, const struct vfl_ip *ip,
                              uint32_t *ret_position, struct vfl_error *err)
{
    const uint64_t seed = flow_seed(table);
    const uint64_t hash =
        vfl_hash_fold(ip->hi ^ seed, ip->lo ^ seed ^ UINT64_C(0xa0761d6478bd642f));
    struct vfl_index_cursor cursor = vfl_index_cursor(&table->ipv6_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&table->ipv6_index, &cursor)) != VFL_INDEX_NONE)
        if (table->ipv6[position].hi == ip->hi && table->ipv6[position].lo == ip->lo)
            break;
    if (position == VFL_INDEX_NONE) {
        if (!VFL_ARRAY_RESERVE(table->ipv6, table->ipv6_count, table->ipv6_room) ||
            !vfl_index_add(&table->ipv6_index, hash, table->ipv6_count))
            return flow_no_memory(err);
        position = table->ipv6_count++;
        table->ipv6[position] = *ip;
    }
    *ret_position = position;
    return VFL_OK;
}

static enum vfl_status set_ipv6(struct vfl_flow_table *table, struct vfl_flow_key *key,
                                unsigned which, const struct vfl_ip *ip, struct vfl_error *err)
{
    key->address_flags |= (uint8_t)(1u << which);
    return flow_add_ipv6(table, ip, &key->addresses[which], err);
}

static inline enum vfl_status set_address(struct vfl_flow_table *table, struct vfl_flow_key *key,
                                          unsigned which, const struct vfl_ip *ip,
                                          struct vfl_error *err)
{
    if (vfl_ip_is_absent(*ip))
        return VFL_OK;
    key->address_flags |= (uint8_t)(1u << (4 + which));
    key->addresses[which] = (uint32_t)ip->lo;
    return vfl_ip_is_v4(*ip) ? VFL_OK : set_ipv6(table, key, which, ip, err);
}

static inline enum vfl_status set_addresses(struct vfl_flow_table *table, struct vfl_flow_key *key,
                                            const struct vfl_record *record, struct vfl_error *err)
{
    enum vfl_status st = set_address(table, key, 0, &record->src, err);
    if (st == VFL_OK)
        st = set_address(table, key, 1, &record->dst, err);
    if (st == VFL_OK)
        st = set_address(table, key, 2, &record->pkt_src, err);
    return st == VFL_OK ? set_address(table, key, 3, &record->pkt_dst, err) : st;
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
            return flow_no_memory(err);
        position = table->window_count++;
    }
    table->windows[position] = window;
    *ret_position = position;
    return VFL_OK;
}

/* Swallows the windows after `window` that it now reaches. */
static void absorb_following(struct vfl_flow_table *table, struct vfl_flow_window *window)
{
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

/* first is the flow's own; one before it is put in its place, and it moves behind. */
enum vfl_status flow_add_window(struct vfl_flow_table *table, struct vfl_flow_window *first,
                                uint32_t start, uint32_t end, uint32_t max_passed,
                                struct vfl_error *err)
{
    struct vfl_flow_window *before = NULL;
    struct vfl_flow_window *at = first;
    uint32_t passed = 0;
    while (at != NULL && at->end_epoch_s < start) {
        if (passed++ == max_passed)
            return vfl_error_set(err, VFL_LIMIT,
                                 "more than %" PRIu32 " separate capture windows of one flow",
                                 max_passed);
        before = at;
        at = at->next == VFL_INDEX_NONE ? NULL : &table->windows[at->next];
    }
    if (at != NULL && at->start_epoch_s <= end) {
        if (start < at->start_epoch_s)
            at->start_epoch_s = start;
        if (end > at->end_epoch_s) {
            at->end_epoch_s = end;
            absorb_following(table, at);
        }
        return VFL_OK;
    }
    struct vfl_flow_window added = {start, end, before == NULL ? VFL_INDEX_NONE : before->next};
    if (before == NULL)
        added = *first;
    /* The array may move; what is left to change is found again by its place in it. */
    uint32_t before_position =
        before == NULL || before == first ? VFL_INDEX_NONE : (uint32_t)(before - table->windows);
    uint32_t position = VFL_INDEX_NONE;
    enum vfl_status st = new_window(table, added, &position, err);
    if (st != VFL_OK)
        return st;
    if (before == NULL)
        *first = (struct vfl_flow_window){start, end, position};
    else if (before == first)
        first->next = position;
    else
        table->windows[before_position].next = position;
    return VFL_OK;
}

/* --- flows --- */

static bool has_service_ports(const struct vfl_record *record)
{
    return record->has_ports && (!record->has_protocol || record->protocol == 6 ||
                                 record->protocol == 17 || record->protocol == 132);
}

/* Fills in the key's ports; returns the port that the key leaves out. Without branches, because
 * which side is the service is as good as random from one record to the next. */
static inline uint16_t set_ports(struct vfl_flow_key *key, const struct vfl_record *record)
{
    static const struct {
        uint16_t src_kept, dst_kept; /* masks */
        uint8_t form;
    } rules[4] = {
        {UINT16_MAX, UINT16_MAX, VFL_PORTS_BOTH},
        {UINT16_MAX, 0, VFL_PORTS_SRC_SERVICE},
        {0, UINT16_MAX, VFL_PORTS_DST_SERVICE},
        {UINT16_MAX, UINT16_MAX, VFL_PORTS_BOTH},
    };
    if (!has_service_ports(record))
        return 0;
    unsigned is_src_low = record->src_port < VFL_EPHEMERAL_PORT;
    unsigned is_dst_low = record->dst_port < VFL_EPHEMERAL_PORT;
    unsigned rule = is_src_low | is_dst_low << 1;
    key->port_form = rules[rule].form;
    key->src_port = record->src_port & rules[rule].src_kept;
    key->dst_port = record->dst_port & rules[rule].dst_kept;
    return (record->src_port ^ key->src_port) | (record->dst_port ^ key->dst_port);
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

static enum vfl_status add_new(struct vfl_flow_table *table, const struct vfl_pending_flow *pending,
                               uint32_t hash, struct vfl_error *err)
{
    struct vfl_flow *flow = NULL;
    enum vfl_status st = flow_add(table, hash, &flow, err);
    if (st != VFL_OK)
        return st;
    *flow = (struct vfl_flow){
        .key = pending->key,
        .record_count = 1,
        .bytes = pending->bytes,
        .window = {pending->start_epoch_s, pending->end_epoch_s, VFL_INDEX_NONE},
        .peer_port_min = pending->peer_port,
        .peer_port_max = pending->peer_port,
        .hash = hash,
        .evidence = pending->evidence,
    };
    return VFL_OK;
}

static enum vfl_status add_pending(struct vfl_flow_table *table,
                                   const struct vfl_pending_flow *pending, uint32_t hash,
                                   uint32_t position, struct vfl_error *err)
{
    struct vfl_flow *flow = flow_find_at(table, &pending->key, hash, position);
    if (flow == NULL)
        return add_new(table, pending, hash, err);
    uint16_t min = flow->peer_port_min;
    uint16_t max = flow->peer_port_max;
    flow->peer_port_min = pending->peer_port < min ? pending->peer_port : min;
    flow->peer_port_max = pending->peer_port > max ? pending->peer_port : max;
    flow->evidence |= pending->evidence;
    if (flow->record_count < UINT32_MAX)
        flow->record_count++;
    flow->bytes = vfl_add_bytes(flow->bytes, pending->bytes);
    if (!pending->has_times)
        return VFL_OK;
    return flow_add_window(table, &flow->window, pending->start_epoch_s, pending->end_epoch_s,
                           VFL_FLOW_TABLE_MAX_WINDOWS_OF_FLOW, err);
}

/* In rounds over all of them: the keys are hashed and their slots asked for, then their flows, then
 * each is added to its own. So the hashes are made side by side, and none waits for its memory
 * alone. */
static enum vfl_status add_all_pending(struct vfl_flow_table *table, struct vfl_error *err)
{
    uint32_t count = table->pending_count;
    table->pending_count = 0;
    uint32_t hashes[VFL_FLOW_TABLE_MAX_PENDING];
    uint32_t positions[VFL_FLOW_TABLE_MAX_PENDING];
    const uint64_t seed = flow_seed(table);
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = flow_hash_key(seed, &table->pending[i].key);
        flow_prefetch_slot(table, hashes[i]);
    }
    flow_prefetch(table, hashes, count, positions);
    enum vfl_status st = VFL_OK;
    for (uint32_t i = 0; i < count && st == VFL_OK; i++)
        st = add_pending(table, &table->pending[i], hashes[i], positions[i], err);
    return st;
}

static enum vfl_status add_flow(struct vfl_flow_table *table, const struct vfl_record *record,
                                uint32_t context, struct vfl_error *err)
{
    struct vfl_flow_key key = {
        .context = context,
        .protocol = record->has_protocol ? record->protocol : 0,
        .action = (uint8_t)record->action,
    };
    enum vfl_status st = set_addresses(table, &key, record, err);
    if (st != VFL_OK)
        return st;
    const uint16_t peer_port = set_ports(&key, record);
    table->pending[table->pending_count++] = (struct vfl_pending_flow){
        .key = key,
        .peer_port = peer_port,
        .evidence = evidence_of(record),
        .has_times = record->has_times,
        .start_epoch_s = (uint32_t)record->start_epoch_s,
        .end_epoch_s = (uint32_t)record->end_epoch_s,
        .bytes = record->has_bytes ? record->bytes : 0,
    };
    return table->pending_count == VFL_FLOW_TABLE_MAX_PENDING ? add_all_pending(table, err)
                                                              : VFL_OK;
}

enum vfl_status vfl_flow_table_add(struct vfl_flow_table *table, const struct vfl_record *record,
                                   struct vfl_error *err)
{
    if (record->kind == VFL_RECORD_FLOW) {
        uint32_t context = 0;
        enum vfl_status st = flow_context_of_record(table, record, &context, err);
        return st == VFL_OK ? add_flow(table, record, context, err) : st;
    }
    if (record->kind != VFL_RECORD_NODATA && record->kind != VFL_RECORD_SKIPDATA)
        return VFL_OK;
    /* Only flows have a context: the limit on flows then bounds the contexts as well. */
    struct vfl_flow_reporter reporter = {
        .flow_log_id = table->flow_log_id,
        .skipdata_count = record->kind == VFL_RECORD_SKIPDATA,
    };
    enum vfl_status st =
        vfl_tokens_add(&table->tokens, record->interface_id, &reporter.interface_id, err);
    return st == VFL_OK ? flow_add_reporter(table, &reporter, err) : st;
}

enum vfl_status vfl_flow_table_end_object(struct vfl_flow_table *table, struct vfl_error *err)
{
    return add_all_pending(table, err);
}

bool vfl_flow_table_has_room(const struct vfl_flow_table *table, const struct vfl_flow_table *from)
{
    /* The first window of a flow that both have may need a place in the list. */
    uint32_t first_windows =
        from->flow_count < table->flow_count ? from->flow_count : table->flow_count;
    return from->flow_count <= VFL_FLOW_TABLE_MAX_FLOWS - table->flow_count &&
           from->window_count + first_windows <= VFL_FLOW_TABLE_MAX_WINDOWS - table->window_count &&
           from->tokens.count <= VFL_TOKENS_MAX_COUNT - table->tokens.count;
}
