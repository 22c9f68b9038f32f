/* Which live relations are left in: options leave out those that were only ever refused, and all
 * but the ones with the most bytes. */
#include <stdlib.h>

#include "core/topology/live.h"

static uint8_t verdicts_of(const struct live_pair *pair,
                           const struct live_conversation *conversation, enum live_side client)
{
    if (live_pair_client(pair, conversation) != client)
        return 0;
    return live_verdicts(conversation->verdicts[SIDE_LO]) |
           live_verdicts(conversation->verdicts[SIDE_HI]);
}

static bool is_only_refused(const struct live_pair *pair, enum live_side client)
{
    uint8_t verdicts = pair->has_overflow ? verdicts_of(pair, &pair->overflow, client) : 0;
    for (uint16_t i = 0; i < pair->conversation_count; i++)
        verdicts |= verdicts_of(pair, &pair->conversations[i], client);
    return (verdicts & VERDICT_REFUSED) != 0 && (verdicts & VERDICT_ACCEPTED) == 0;
}

struct candidate {
    const struct vfl_topology *topology;
    uint64_t total_bytes;
    uint32_t relation; /* pair * 2 + client side */
};

/* Most bytes first; equal ones by their endpoints, so that the choice is one of content. */
static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->total_bytes != b->total_bytes)
        return a->total_bytes > b->total_bytes ? -1 : 1;
    const struct vfl_topology *topology = a->topology;
    const struct live_pair *a_pair = &topology->pairs[a->relation / 2];
    const struct live_pair *b_pair = &topology->pairs[b->relation / 2];
    int order = live_endpoint_compare(topology, &topology->endpoints[a_pair->lo],
                                      &topology->endpoints[b_pair->lo]);
    if (order == 0)
        order = live_endpoint_compare(topology, &topology->endpoints[a_pair->hi],
                                      &topology->endpoints[b_pair->hi]);
    return order != 0 ? order : (int)(a->relation % 2) - (int)(b->relation % 2);
}

/* With the bytes from before its direction was overturned. */
static uint64_t total_bytes(const struct live_pair *pair, unsigned side)
{
    const struct live_relation *other = &pair->relations[1 - side];
    return vfl_add_bytes(pair->relations[side].total_bytes,
                         other->is_live ? 0 : other->total_bytes);
}

static enum vfl_status keep_largest(struct vfl_topology *topology, uint32_t count,
                                    struct vfl_error *err)
{
    struct candidate *candidates = malloc(count * sizeof *candidates);
    if (candidates == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for choosing relations");
    uint32_t found = 0;
    for (uint32_t i = 0; i < topology->pair_count * 2; i++)
        if (topology->pairs[i / 2].relations[i % 2].is_wanted)
            candidates[found++] =
                (struct candidate){topology, total_bytes(&topology->pairs[i / 2], i % 2), i};
    qsort(candidates, found, sizeof *candidates, compare_candidates);
    for (uint32_t i = topology->max_relations; i < found; i++) {
        uint32_t relation = candidates[i].relation;
        topology->pairs[relation / 2].relations[relation % 2].is_wanted = false;
    }
    free(candidates);
    return VFL_OK;
}

enum vfl_status live_choose_relations(struct vfl_topology *topology, struct vfl_error *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < topology->pair_count; i++) {
        struct live_pair *pair = &topology->pairs[i];
        for (unsigned side = 0; side < 2; side++) {
            struct live_relation *relation = &pair->relations[side];
            relation->is_wanted =
                relation->is_live &&
                !(topology->is_accepted_only && is_only_refused(pair, (enum live_side)side));
            count += relation->is_wanted;
        }
    }
    topology->left_out_count = 0;
    if (topology->max_relations == 0 || count <= topology->max_relations)
        return VFL_OK;
    topology->left_out_count = count - topology->max_relations;
    return keep_largest(topology, count, err);
}
