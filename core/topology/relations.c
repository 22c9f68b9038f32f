/* Which relations each pair has, and who is the client of each. */
#include "core/topology/live.h"

static bool has_both_ports(const struct live_conversation *conversation, uint16_t *ret_lo_port,
                           uint16_t *ret_hi_port)
{
    *ret_lo_port = conversation_lo_port(conversation);
    *ret_hi_port = conversation_hi_port(conversation);
    switch (conversation_form(conversation)) {
    case PORTS_BOTH:
        return true;
    case PORTS_LO_SERVICE:
        *ret_hi_port = conversation->peer_port_min;
        return conversation->peer_port_min == conversation->peer_port_max;
    case PORTS_HI_SERVICE:
        *ret_lo_port = conversation->peer_port_min;
        return conversation->peer_port_min == conversation->peer_port_max;
    case PORTS_NONE:
        break;
    }
    return false;
}

/* A conversation with a range of peer ports counts with both ends of the range: two different ports
 * are all that a majority needs, and a union of ranges has the same ends in any order. */
static bool count_ports(struct vfl_topology *topology, const struct live_pair *pair,
                        const struct live_conversation *conversation)
{
    struct vfl_port_counts *counts = &topology->port_counts;
    uint8_t protocol = conversation_protocol(conversation);
    uint16_t lo_port;
    uint16_t hi_port;
    if (has_both_ports(conversation, &lo_port, &hi_port))
        return vfl_port_counts_add(counts, pair->lo, protocol, lo_port, hi_port) &&
               vfl_port_counts_add(counts, pair->hi, protocol, hi_port, lo_port);
    enum live_port_form form = conversation_form(conversation);
    if (form == PORTS_NONE)
        return true;
    uint32_t server = form == PORTS_LO_SERVICE ? pair->lo : pair->hi;
    uint16_t port = form == PORTS_LO_SERVICE ? lo_port : hi_port;
    return vfl_port_counts_add(counts, server, protocol, port, conversation->peer_port_min) &&
           vfl_port_counts_add(counts, server, protocol, port, conversation->peer_port_max);
}

static void decide_conversation(const struct vfl_topology *topology, const struct live_pair *pair,
                                struct live_conversation *conversation)
{
    conversation->client = SIDE_NEITHER;
    conversation->evidence = VFL_EVIDENCE_NONE;
    /* Both bits set is a contradiction (a port used in both roles): the ports have to tell. */
    if (conversation->openers == 1u << SIDE_LO || conversation->openers == 1u << SIDE_HI) {
        conversation->client = conversation->openers == 1u << SIDE_LO ? SIDE_LO : SIDE_HI;
        conversation->evidence = VFL_EVIDENCE_TCP_FLAGS;
        return;
    }
    uint8_t protocol = conversation_protocol(conversation);
    uint16_t lo_port;
    uint16_t hi_port;
    if (has_both_ports(conversation, &lo_port, &hi_port)) {
        struct vfl_port_view lo = {
            lo_port, vfl_port_counts_find(&topology->port_counts, pair->lo, protocol, lo_port)};
        struct vfl_port_view hi = {
            hi_port, vfl_port_counts_find(&topology->port_counts, pair->hi, protocol, hi_port)};
        enum vfl_evidence evidence;
        enum vfl_side server = vfl_direction_server(lo, hi, &evidence);
        if (server != VFL_SIDE_NEITHER) {
            conversation->client = server == VFL_SIDE_A ? SIDE_HI : SIDE_LO;
            conversation->evidence = (uint8_t)evidence;
        }
    } else if (conversation_form(conversation) != PORTS_NONE) {
        conversation->client =
            conversation_form(conversation) == PORTS_LO_SERVICE ? SIDE_HI : SIDE_LO;
        conversation->evidence = VFL_EVIDENCE_PORT_COUNT;
    }
}

static void note_relation_seen(struct live_pair *pair, const struct live_conversation *conversation)
{
    struct live_relation *relation = &pair->relations[live_pair_client(pair, conversation)];
    relation->is_live = true;
    if (conversation->seen_epoch_s > relation->seen_epoch_s)
        relation->seen_epoch_s = conversation->seen_epoch_s;
}

/* Which relations the pair has: one per client side that a conversation names; conversations that
 * name none join the one with the strongest evidence, and make "lower address first" only when
 * alone. */
static void decide_relations(struct live_pair *pair)
{
    for (unsigned side = 0; side < 2; side++) {
        pair->relations[side].is_live = false;
        pair->relations[side].evidence = VFL_EVIDENCE_NONE;
        pair->relations[side].seen_epoch_s = NEVER_EPOCH_S;
    }
    for (uint16_t i = 0; i < pair->conversation_count; i++) {
        const struct live_conversation *conversation = &pair->conversations[i];
        if (conversation->client == SIDE_NEITHER)
            continue;
        struct live_relation *relation = &pair->relations[conversation->client];
        if (conversation->evidence < relation->evidence)
            relation->evidence = conversation->evidence;
    }
    for (uint16_t i = 0; i < pair->conversation_count; i++)
        note_relation_seen(pair, &pair->conversations[i]);
    if (pair->has_overflow)
        note_relation_seen(pair, &pair->overflow);
}

enum vfl_status live_decide_relations(struct vfl_topology *topology, struct vfl_error *err)
{
    vfl_port_counts_reset(&topology->port_counts);
    for (uint32_t i = 0; i < topology->pair_count; i++) {
        const struct live_pair *pair = &topology->pairs[i];
        for (uint16_t c = 0; c < pair->conversation_count; c++)
            if (!count_ports(topology, pair, &pair->conversations[c]))
                return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the topology");
    }
    for (uint32_t i = 0; i < topology->pair_count; i++) {
        struct live_pair *pair = &topology->pairs[i];
        for (uint16_t c = 0; c < pair->conversation_count; c++)
            decide_conversation(topology, pair, &pair->conversations[c]);
        decide_relations(pair);
    }
    return VFL_OK;
}
