/* What of the live set the agent has to be told, in an order made of content alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/topology/live.h"

/* "urn:vpcip:" vpc-id "/" address, and with room for "-flowlog-" between two of them. */
#define URN_SIZE (16 + VFL_TOKEN_MAX_BYTES + 1 + VFL_IP_TEXT_SIZE)
#define RELATION_ID_SIZE (2 * URN_SIZE + sizeof "-" VFL_RELATION_TYPE "-")
#define MAX_URNS 6

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the topology's changes");
}

static void format_host_urn(char *out, struct vfl_ip ip)
{
    char address[VFL_IP_TEXT_SIZE];
    (void)vfl_ip_format(ip, address);
    (void)snprintf(out, URN_SIZE, "urn:host:/%s", address);
}

/* An endpoint outside every VPC is a public host. */
static void format_urn(char *out, const char *vpc_id, struct vfl_ip ip)
{
    char address[VFL_IP_TEXT_SIZE];
    if (vpc_id[0] == '\0') {
        format_host_urn(out, ip);
        return;
    }
    (void)vfl_ip_format(ip, address);
    (void)snprintf(out, URN_SIZE, "urn:vpcip:%s/%s", vpc_id, address);
}

static const char *vpc_of(const struct vfl_topology *topology, const struct live_endpoint *endpoint)
{
    return vfl_tokens_text(&topology->interfaces.tokens, endpoint->vpc_id);
}

static void format_endpoint_id(const struct vfl_topology *topology, uint32_t position, char *out)
{
    const struct live_endpoint *endpoint = &topology->endpoints[position];
    format_urn(out, vpc_of(topology, endpoint), endpoint->ip);
}

/* --- order --- */

/* One endpoint (target absent) or relation, with what sorts it. */
struct ordered {
    struct vfl_ip source_ip;
    struct vfl_ip target_ip;
    const char *source_vpc;
    const char *target_vpc;
    uint32_t position; /* of the endpoint, or pair * 2 + client side */
};

struct ordered_list {
    struct ordered *items;
    size_t count;
};

static int compare_ordered(const void *left, const void *right)
{
    const struct ordered *a = left;
    const struct ordered *b = right;
    int order = vfl_ip_compare(a->source_ip, b->source_ip);
    if (order == 0)
        order = strcmp(a->source_vpc, b->source_vpc);
    if (order == 0)
        order = vfl_ip_compare(a->target_ip, b->target_ip);
    if (order == 0)
        order = strcmp(a->target_vpc, b->target_vpc);
    return order;
}

static void add_endpoint(const struct vfl_topology *topology, struct ordered_list *list,
                         uint32_t position)
{
    const struct live_endpoint *endpoint = &topology->endpoints[position];
    list->items[list->count++] = (struct ordered){
        .source_ip = endpoint->ip,
        .source_vpc = vpc_of(topology, endpoint),
        .target_vpc = "",
        .position = position,
    };
}

static void add_relation(const struct vfl_topology *topology, struct ordered_list *list,
                         uint32_t pair, unsigned client)
{
    const struct live_pair *from = &topology->pairs[pair];
    const struct live_endpoint *lo = &topology->endpoints[from->lo];
    const struct live_endpoint *hi = &topology->endpoints[from->hi];
    const struct live_endpoint *source = client == SIDE_LO ? lo : hi;
    const struct live_endpoint *target = client == SIDE_LO ? hi : lo;
    list->items[list->count++] = (struct ordered){
        .source_ip = source->ip,
        .target_ip = target->ip,
        .source_vpc = vpc_of(topology, source),
        .target_vpc = vpc_of(topology, target),
        .position = pair * 2 + client,
    };
}

static void sort_list(struct ordered_list *list)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_ordered);
}

static void format_relation_ends(const struct vfl_topology *topology, uint32_t relation,
                                 char *source, char *target)
{
    const struct live_pair *pair = &topology->pairs[relation / 2];
    bool is_lo_client = relation % 2 == SIDE_LO;
    format_endpoint_id(topology, is_lo_client ? pair->lo : pair->hi, source);
    format_endpoint_id(topology, is_lo_client ? pair->hi : pair->lo, target);
}

/* --- components --- */

struct component_content {
    char urns[MAX_URNS][URN_SIZE];
    const char *urn_pointers[MAX_URNS];
    struct vfl_component component;
    uint64_t digest;
};

static void add_urn(struct component_content *content, const char *urn)
{
    size_t count = content->component.urn_count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(content->urns[i], urn) == 0)
            return;
    (void)snprintf(content->urns[count], URN_SIZE, "%s", urn);
    content->urn_pointers[count] = content->urns[count];
    content->component.urn_count = count + 1;
}

static void describe_component(const struct vfl_topology *topology, uint32_t position,
                               struct component_content *content)
{
    const struct live_endpoint *endpoint = &topology->endpoints[position];
    char urn[URN_SIZE];
    memset(content, 0, sizeof *content);
    format_urn(urn, vpc_of(topology, endpoint), endpoint->ip);
    add_urn(content, urn);
    /* EC2 components of the account scan carry only the primary IPv4's URN, and name an address
     * outside RFC 1918 as a host: without these an element would not merge with its instance. */
    if (!vfl_ip_is_absent(endpoint->primary)) {
        format_urn(urn, vpc_of(topology, endpoint), endpoint->primary);
        add_urn(content, urn);
    }
    if (vfl_ip_is_v4(endpoint->ip) && vfl_ip_classify(endpoint->ip) != VFL_IP_RFC1918) {
        format_host_urn(urn, endpoint->ip);
        add_urn(content, urn);
    }
    for (size_t i = 0; i < 3; i++) {
        if (vfl_ip_is_absent(endpoint->public_ips[i]))
            continue;
        format_host_urn(urn, endpoint->public_ips[i]);
        add_urn(content, urn);
    }
    const char *region = vfl_tokens_text(&topology->interfaces.tokens, endpoint->region);
    content->component.id = content->urns[0];
    content->component.urns = content->urn_pointers;
    content->component.region = region[0] != '\0' ? region : topology->default_region;
    content->digest = vfl_hash_bytes(1, content->urns, sizeof content->urns);
    content->digest = vfl_hash_bytes(content->digest, content->component.region,
                                     strlen(content->component.region));
}

/* --- relations --- */

struct relation_content {
    char source_id[URN_SIZE];
    char target_id[URN_SIZE];
    char source_address[VFL_IP_TEXT_SIZE];
    char target_address[VFL_IP_TEXT_SIZE];
    bool has_protocol[256];
    uint8_t protocols[256];
    uint16_t ports[VFL_TOPOLOGY_MAX_PORTS];
    char refusal[VFL_REFUSAL_SIZE];
    struct vfl_relation relation;
    uint64_t digest;
};

static bool is_port_before(uint16_t a, uint16_t b)
{
    unsigned a_rank = vfl_port_rank(a);
    unsigned b_rank = vfl_port_rank(b);
    return a_rank != b_rank ? a_rank > b_rank : a < b;
}

/* Keeps the most service-like ports, in order; the choice is the same whatever came first. */
static void add_port(struct relation_content *content, uint16_t port)
{
    size_t count = content->relation.port_count;
    size_t at = 0;
    while (at < count && is_port_before(content->ports[at], port))
        at++;
    if (at < count && content->ports[at] == port)
        return;
    if (count == VFL_TOPOLOGY_MAX_PORTS) {
        content->relation.has_more_ports = true;
        if (at == count)
            return;
        count--;
    }
    memmove(&content->ports[at + 1], &content->ports[at], (count - at) * sizeof content->ports[0]);
    content->ports[at] = port;
    content->relation.port_count = count + 1;
}

static void add_server_port(struct relation_content *content,
                            const struct live_conversation *conversation, enum live_side client)
{
    if (conversation->client == SIDE_NEITHER)
        return;
    enum live_port_form form = conversation_form(conversation);
    bool is_in_key =
        form == PORTS_BOTH || form == (client == SIDE_LO ? PORTS_HI_SERVICE : PORTS_LO_SERVICE);
    if (is_in_key)
        add_port(content, client == SIDE_LO ? conversation_hi_port(conversation)
                                            : conversation_lo_port(conversation));
    else if (conversation->peer_port_min == conversation->peer_port_max)
        add_port(content, conversation->peer_port_min);
    else
        content->relation.has_more_ports = true;
}

static const char *verdict_words(const uint8_t verdicts[2])
{
    bool is_accepted = ((verdicts[0] | verdicts[1]) & VERDICT_ACCEPTED) != 0;
    bool is_refused = ((verdicts[0] | verdicts[1]) & VERDICT_REFUSED) != 0;
    if (is_accepted && is_refused)
        return "accepted and refused";
    if (is_accepted)
        return "accepted";
    return is_refused ? "refused" : "unknown";
}

static const char *observer_words(uint8_t observers, enum live_side client)
{
    bool is_by_source = (observers & (client == SIDE_LO ? OBSERVED_BY_LO : OBSERVED_BY_HI)) != 0;
    bool is_by_target = (observers & (client == SIDE_LO ? OBSERVED_BY_HI : OBSERVED_BY_LO)) != 0;
    if (is_by_source && is_by_target)
        return "source and target";
    if (is_by_source)
        return "source";
    return is_by_target ? "target" : "hop";
}

static void digest_relation(struct relation_content *content)
{
    const struct vfl_relation *relation = &content->relation;
    uint64_t digest = vfl_hash_bytes(1, relation->protocols, relation->protocol_count);
    digest = vfl_hash_bytes(digest, relation->ports, relation->port_count * sizeof(uint16_t));
    digest = vfl_hash_bytes(digest, relation->verdict, strlen(relation->verdict));
    digest = vfl_hash_bytes(digest, content->refusal, sizeof content->refusal);
    digest = vfl_hash_bytes(digest, relation->observed_by, strlen(relation->observed_by));
    digest = vfl_hash_mix(digest, (uint64_t)relation->evidence << 1 | relation->has_more_ports);
    content->digest = vfl_hash_finish(digest);
}

static void describe_relation(const struct vfl_topology *topology, uint32_t position,
                              struct relation_content *content)
{
    const struct live_pair *pair = &topology->pairs[position / 2];
    enum live_side client = (enum live_side)(position % 2);
    uint8_t verdicts[2] = {0};
    uint8_t observers = 0;
    memset(content, 0, sizeof *content);
    struct vfl_relation *relation = &content->relation;
    for (uint16_t i = 0; i < pair->conversation_count; i++) {
        const struct live_conversation *conversation = &pair->conversations[i];
        if (live_pair_client(pair, conversation) != client)
            continue;
        content->has_protocol[conversation_protocol(conversation)] = true;
        verdicts[SIDE_LO] |= live_verdicts(conversation->verdicts[SIDE_LO]);
        verdicts[SIDE_HI] |= live_verdicts(conversation->verdicts[SIDE_HI]);
        observers |= conversation->observers;
        add_server_port(content, conversation, client);
    }
    for (unsigned protocol = 1; protocol < 256; protocol++)
        if (content->has_protocol[protocol])
            content->protocols[relation->protocol_count++] = (uint8_t)protocol;
    if (pair->has_overflow) {
        relation->has_more_ports = true;
        if (live_pair_client(pair, &pair->overflow) == client) {
            verdicts[SIDE_LO] |= live_verdicts(pair->overflow.verdicts[SIDE_LO]);
            verdicts[SIDE_HI] |= live_verdicts(pair->overflow.verdicts[SIDE_HI]);
            observers |= pair->overflow.observers;
        }
    }
    const struct live_endpoint *source =
        &topology->endpoints[client == SIDE_LO ? pair->lo : pair->hi];
    const struct live_endpoint *target =
        &topology->endpoints[client == SIDE_LO ? pair->hi : pair->lo];
    format_relation_ends(topology, position, content->source_id, content->target_id);
    (void)vfl_ip_format(source->ip, content->source_address);
    (void)vfl_ip_format(target->ip, content->target_address);
    relation->source_id = content->source_id;
    relation->target_id = content->target_id;
    relation->source_address = content->source_address;
    relation->target_address = content->target_address;
    relation->is_ipv6 = !vfl_ip_is_v4(source->ip);
    relation->evidence = (enum vfl_evidence)pair->relations[client].evidence;
    relation->protocols = content->protocols;
    relation->ports = content->ports;
    relation->verdict = verdict_words(verdicts);
    live_describe_refusal(verdicts[client], verdicts[1 - client], content->refusal);
    if (content->refusal[0] != '\0')
        relation->refusal = content->refusal;
    relation->observed_by = observer_words(observers, client);
    digest_relation(content);
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
        format_relation_ends(topology, position, source, target);
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
            add_endpoint(topology, list, i);
    sort_list(list);
    for (size_t i = 0; i < list->count; i++) {
        char id[URN_SIZE];
        struct live_endpoint *endpoint = &topology->endpoints[list->items[i].position];
        format_endpoint_id(topology, list->items[i].position, id);
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
    struct component_content content;
    list->count = 0;
    for (uint32_t i = 0; i < topology->endpoint_count; i++) {
        const struct live_endpoint *endpoint = &topology->endpoints[i];
        if (!endpoint->is_wanted)
            continue;
        bool is_due = !endpoint->is_sent || is_stale(endpoint->sent_epoch_s, now_epoch_s);
        if (!is_due) {
            describe_component(topology, i, &content);
            is_due = content.digest != endpoint->sent_digest;
        }
        if (is_due)
            add_endpoint(topology, list, i);
    }
    sort_list(list);
    for (size_t i = 0; i < list->count; i++) {
        struct live_endpoint *endpoint = &topology->endpoints[list->items[i].position];
        describe_component(topology, list->items[i].position, &content);
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
    struct relation_content content;
    list->count = 0;
    for (uint32_t i = 0; i < topology->pair_count * 2; i++) {
        const struct live_relation *relation = &topology->pairs[i / 2].relations[i % 2];
        if (!relation->is_wanted)
            continue;
        bool is_due = !relation->is_sent || is_stale(relation->sent_epoch_s, now_epoch_s);
        if (!is_due) {
            describe_relation(topology, i, &content);
            is_due = content.digest != relation->sent_digest;
        }
        if (is_due)
            add_relation(topology, list, i / 2, i % 2);
    }
    sort_list(list);
    for (size_t i = 0; i < list->count; i++) {
        uint32_t position = list->items[i].position;
        struct live_relation *relation = &topology->pairs[position / 2].relations[position % 2];
        describe_relation(topology, position, &content);
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
        format_relation_ends(topology, position, source, target);
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
    struct component_content component;
    for (uint32_t i = 0; i < topology->endpoint_count; i++) {
        const struct live_endpoint *endpoint = &topology->endpoints[i];
        if (!endpoint->is_sent) /* news only through a relation, which may be left out */
            continue;
        if (is_stale(endpoint->sent_epoch_s, now_epoch_s))
            return true;
        describe_component(topology, i, &component);
        if (component.digest != endpoint->sent_digest)
            return true;
    }
    struct relation_content content;
    for (uint32_t i = 0; i < topology->pair_count * 2; i++) {
        const struct live_relation *relation = &topology->pairs[i / 2].relations[i % 2];
        if (relation->is_sent != relation->is_wanted ||
            is_expired(topology, relation, now_epoch_s) ||
            (relation->is_wanted && is_stale(relation->sent_epoch_s, now_epoch_s)))
            return true;
        if (!relation->is_wanted)
            continue;
        describe_relation(topology, i, &content);
        if (content.digest != relation->sent_digest)
            return true;
    }
    return false;
}

enum vfl_status vfl_topology_emit(struct vfl_topology *topology, int64_t now_epoch_s,
                                  struct vfl_topology_sink sink, struct vfl_error *err)
{
    size_t room = (size_t)topology->endpoint_count + (size_t)topology->pair_count * 2 + 1;
    struct ordered_list list = {.items = malloc(room * sizeof *list.items)};
    if (list.items == NULL)
        return no_memory(err);
    /* What expired makes room for what max_relations left out, before anything is sent. */
    expire(topology, now_epoch_s);
    enum vfl_status st = live_choose_relations(topology, err);
    mark_wanted_endpoints(topology);
    if (st == VFL_OK)
        st = send_removals(topology, &list, sink, err);
    if (st == VFL_OK)
        st = send_components(topology, now_epoch_s, &list, sink, err);
    if (st == VFL_OK)
        st = send_relations(topology, now_epoch_s, &list, sink, err);
    if (st == VFL_OK)
        st = send_traffic(topology, &list, sink, err);
    free(list.items);
    free(topology->traffic);
    topology->traffic = NULL;
    topology->traffic_pair_count = 0;
    return st;
}
