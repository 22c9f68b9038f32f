#include "core/topology/description.h"

#include <string.h>

static const char *vpc_of(const struct vfl_topology *topology, const struct live_endpoint *endpoint)
{
    return vfl_tokens_text(&topology->interfaces.tokens, endpoint->vpc_id);
}

/* --- names --- */

/* Returns where the address starts in out. */
static char *format_host_urn(char out[URN_SIZE], struct vfl_ip ip)
{
    static const char prefix[] = "urn:host:/";
    char *at = out + sizeof prefix - 1;
    memcpy(out, prefix, sizeof prefix);
    (void)vfl_ip_format(ip, at);
    return at;
}

/* An endpoint outside every VPC is a public host. A token is at most VFL_TOKEN_MAX_BYTES long. */
static char *format_urn(char out[URN_SIZE], const char *vpc_id, struct vfl_ip ip)
{
    static const char prefix[] = "urn:vpcip:";
    if (vpc_id[0] == '\0')
        return format_host_urn(out, ip);
    size_t length = strlen(vpc_id);
    char *at = out + sizeof prefix - 1;
    memcpy(out, prefix, sizeof prefix);
    memcpy(at, vpc_id, length);
    at += length;
    *at++ = '/';
    (void)vfl_ip_format(ip, at);
    return at;
}

static char *format_endpoint(const struct vfl_topology *topology, uint32_t position,
                             char out[URN_SIZE])
{
    const struct live_endpoint *endpoint = &topology->endpoints[position];
    return format_urn(out, vpc_of(topology, endpoint), endpoint->ip);
}

void live_format_endpoint_id(const struct vfl_topology *topology, uint32_t position,
                             char out[URN_SIZE])
{
    (void)format_endpoint(topology, position, out);
}

void live_format_relation_ends(const struct vfl_topology *topology, uint32_t relation,
                               char source[URN_SIZE], char target[URN_SIZE])
{
    const struct live_pair *pair = &topology->pairs[relation / 2];
    bool is_lo_client = relation % 2 == SIDE_LO;
    (void)format_endpoint(topology, is_lo_client ? pair->lo : pair->hi, source);
    (void)format_endpoint(topology, is_lo_client ? pair->hi : pair->lo, target);
}

/* --- components --- */

static void add_urn(struct component_content *content, bool is_host, struct vfl_ip ip)
{
    for (size_t i = 0; i < content->urn_count; i++)
        if (content->urns[i].is_host == is_host && vfl_ip_equal(content->urns[i].ip, ip))
            return;
    content->urns[content->urn_count++] = (struct live_urn){ip, is_host};
}

void live_describe_component(const struct vfl_topology *topology, uint32_t position,
                             struct component_content *content)
{
    const struct live_endpoint *endpoint = &topology->endpoints[position];
    bool is_public = endpoint->vpc_id == VFL_TOKEN_ABSENT;
    content->urn_count = 0;
    add_urn(content, is_public, endpoint->ip);
    /* EC2 components of the account scan carry only the primary IPv4's URN, and name an address
     * outside RFC 1918 as a host: without these an element would not merge with its instance. */
    if (!vfl_ip_is_absent(endpoint->primary))
        add_urn(content, is_public, endpoint->primary);
    if (vfl_ip_is_v4(endpoint->ip) && vfl_ip_classify(endpoint->ip) != VFL_IP_RFC1918)
        add_urn(content, true, endpoint->ip);
    for (size_t i = 0; i < 3; i++)
        if (!vfl_ip_is_absent(endpoint->public_ips[i]))
            add_urn(content, true, endpoint->public_ips[i]);
    content->region = endpoint->region != VFL_TOKEN_ABSENT
                          ? vfl_tokens_text(&topology->interfaces.tokens, endpoint->region)
                          : topology->default_region;
    uint64_t digest = vfl_hash_mix(1, content->urn_count);
    for (size_t i = 0; i < content->urn_count; i++) {
        digest = vfl_hash_mix(digest, content->urns[i].is_host);
        digest = vfl_hash_mix(digest, content->urns[i].ip.hi);
        digest = vfl_hash_mix(digest, content->urns[i].ip.lo);
    }
    content->digest = vfl_hash_bytes(digest, content->region, strlen(content->region));
}

void live_name_component(const struct vfl_topology *topology, uint32_t position,
                         struct component_content *content)
{
    const char *vpc_id = vpc_of(topology, &topology->endpoints[position]);
    for (size_t i = 0; i < content->urn_count; i++) {
        const struct live_urn *urn = &content->urns[i];
        (void)format_urn(content->texts[i], urn->is_host ? "" : vpc_id, urn->ip);
        content->text_pointers[i] = content->texts[i];
    }
    content->component = (struct vfl_component){
        .id = content->texts[0],
        .urns = content->text_pointers,
        .urn_count = content->urn_count,
        .region = content->region,
    };
}

/* --- relations --- */

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

/* In ascending order; 0 is a protocol that no record named. */
static void add_protocol(struct relation_content *content, uint8_t protocol)
{
    size_t count = content->relation.protocol_count;
    size_t at = count;
    while (at > 0 && content->protocols[at - 1] > protocol)
        at--;
    if (protocol == 0 || (at > 0 && content->protocols[at - 1] == protocol))
        return;
    memmove(&content->protocols[at + 1], &content->protocols[at], count - at);
    content->protocols[at] = protocol;
    content->relation.protocol_count = count + 1;
}

enum verdict { VERDICT_IS_UNKNOWN, VERDICT_IS_ACCEPTED, VERDICT_IS_REFUSED, VERDICT_IS_BOTH };

static enum verdict verdict_of(const uint8_t verdicts[2])
{
    bool is_accepted = ((verdicts[0] | verdicts[1]) & VERDICT_ACCEPTED) != 0;
    bool is_refused = ((verdicts[0] | verdicts[1]) & VERDICT_REFUSED) != 0;
    if (is_accepted && is_refused)
        return VERDICT_IS_BOTH;
    if (is_accepted)
        return VERDICT_IS_ACCEPTED;
    return is_refused ? VERDICT_IS_REFUSED : VERDICT_IS_UNKNOWN;
}

enum observed { OBSERVED_BY_OTHERS, OBSERVED_BY_SOURCE, OBSERVED_BY_TARGET, OBSERVED_BY_BOTH };

static enum observed observed_of(uint8_t observers, enum live_side client)
{
    bool is_by_source = (observers & (client == SIDE_LO ? OBSERVED_BY_LO : OBSERVED_BY_HI)) != 0;
    bool is_by_target = (observers & (client == SIDE_LO ? OBSERVED_BY_HI : OBSERVED_BY_LO)) != 0;
    if (is_by_source && is_by_target)
        return OBSERVED_BY_BOTH;
    if (is_by_source)
        return OBSERVED_BY_SOURCE;
    return is_by_target ? OBSERVED_BY_TARGET : OBSERVED_BY_OTHERS;
}

static void describe_refusal(struct relation_content *content, uint8_t request, uint8_t reply)
{
    bool is_as_before = content->refusal[0] != '\0' && content->refusal_verdicts[0] == request &&
                        content->refusal_verdicts[1] == reply;
    if (!is_as_before) {
        live_describe_refusal(request, reply, content->refusal);
        content->refusal_verdicts[0] = request;
        content->refusal_verdicts[1] = reply;
        content->refusal_digest = vfl_hash_bytes(1, content->refusal, strlen(content->refusal));
    }
    content->relation.refusal = content->refusal;
}

/* Adds what the conversations say. */
static void describe_conversations(const struct live_pair *pair, enum live_side client,
                                   struct relation_content *content, uint8_t verdicts[2],
                                   uint8_t *observers)
{
    for (uint16_t i = 0; i < pair->conversation_count; i++) {
        const struct live_conversation *conversation = &pair->conversations[i];
        if (live_pair_client(pair, conversation) != client)
            continue;
        add_protocol(content, conversation_protocol(conversation));
        verdicts[SIDE_LO] |= live_verdicts(conversation->verdicts[SIDE_LO]);
        verdicts[SIDE_HI] |= live_verdicts(conversation->verdicts[SIDE_HI]);
        *observers |= conversation->observers;
        add_server_port(content, conversation, client);
    }
    if (!pair->has_overflow)
        return;
    content->relation.has_more_ports = true;
    if (live_pair_client(pair, &pair->overflow) == client) {
        verdicts[SIDE_LO] |= live_verdicts(pair->overflow.verdicts[SIDE_LO]);
        verdicts[SIDE_HI] |= live_verdicts(pair->overflow.verdicts[SIDE_HI]);
        *observers |= pair->overflow.observers;
    }
}

void live_describe_relation(const struct vfl_topology *topology, uint32_t position,
                            struct relation_content *content)
{
    static const char *const verdict_words[] = {"unknown", "accepted", "refused",
                                                "accepted and refused"};
    static const char *const observed_words[] = {"hop", "source", "target", "source and target"};
    const struct live_pair *pair = &topology->pairs[position / 2];
    enum live_side client = (enum live_side)(position % 2);
    struct vfl_relation *relation = &content->relation;
    uint8_t verdicts[2] = {0};
    uint8_t observers = 0;
    *relation = (struct vfl_relation){
        .evidence = (enum vfl_evidence)pair->relations[client].evidence,
        .protocols = content->protocols,
        .ports = content->ports,
    };
    describe_conversations(pair, client, content, verdicts, &observers);
    enum verdict verdict = verdict_of(verdicts);
    enum observed observed = observed_of(observers, client);
    relation->verdict = verdict_words[verdict];
    relation->observed_by = observed_words[observed];
    uint64_t digest =
        vfl_hash_mix(1, (uint64_t)verdict << 24 | (uint64_t)observed << 16 |
                            (uint64_t)relation->evidence << 8 | relation->has_more_ports);
    digest = vfl_hash_bytes(digest, relation->protocols, relation->protocol_count);
    digest = vfl_hash_bytes(digest, relation->ports, relation->port_count * sizeof(uint16_t));
    if ((verdicts[0] | verdicts[1]) & VERDICT_REFUSED) {
        describe_refusal(content, verdicts[client], verdicts[1 - client]);
        digest = vfl_hash_mix(digest, content->refusal_digest);
    }
    content->digest = vfl_hash_finish(digest);
}

void live_name_relation(const struct vfl_topology *topology, uint32_t position,
                        struct relation_content *content)
{
    const struct live_pair *pair = &topology->pairs[position / 2];
    bool is_lo_client = position % 2 == SIDE_LO;
    uint32_t source = is_lo_client ? pair->lo : pair->hi;
    uint32_t target = is_lo_client ? pair->hi : pair->lo;
    struct vfl_relation *relation = &content->relation;
    relation->source_address = format_endpoint(topology, source, content->source_id);
    relation->target_address = format_endpoint(topology, target, content->target_id);
    relation->source_id = content->source_id;
    relation->target_id = content->target_id;
    relation->is_ipv6 = !vfl_ip_is_v4(topology->endpoints[source].ip);
}
