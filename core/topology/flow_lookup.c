/* Where a table's flows are: blocks of them, and an index from hash to position.
 *
 * A slot of the index is 32 bits: the position + 1, and above it bits of the hash that reject
 * nearly every other key before its flow is looked at. The hashes themselves lie in the flows, for
 * when the index grows. That is half of a struct vfl_index's size. The index is half full at most
 * and grows fourfold: with slots so small that costs little memory, and a large object's index is
 * made anew four times instead of ten, which took 17 ns a record. */
#include <stdlib.h>
#include <string.h>

#include "core/array.h"
#include "core/topology/flow_parts.h"

#define POSITION_MASK ((VFL_FLOW_TABLE_MAX_FLOWS << 1) - 1) /* of position + 1 */
#define FIRST_SLOT_COUNT 1024u
#define SLOT_GROWTH 4u

void flow_free_all(struct vfl_flow_table *table)
{
    for (size_t i = 0; i < sizeof table->flow_blocks / sizeof table->flow_blocks[0]; i++)
        free(table->flow_blocks[i]);
    free(table->slots);
}

void flow_forget_all(struct vfl_flow_table *table)
{
    if (table->slots != NULL)
        memset(table->slots, 0, table->slot_count * sizeof *table->slots);
    table->flow_count = 0;
}

/* --- the index --- */

/* From slot *at on: where the next key that may have this hash is, or VFL_INDEX_NONE. */
static inline uint32_t next_position(const struct vfl_flow_table *table, uint32_t hash,
                                     uint32_t *at)
{
    const uint32_t mask = table->slot_count - 1;
    for (;;) {
        uint32_t slot = table->slots[*at & mask];
        if (slot == 0)
            return VFL_INDEX_NONE;
        ++*at;
        if (((slot ^ hash) & ~POSITION_MASK) == 0)
            return (slot & POSITION_MASK) - 1;
    }
}

static inline void place(uint32_t *slots, uint32_t slot_count, uint32_t hash, uint32_t position)
{
    const uint32_t mask = slot_count - 1;
    uint32_t at = hash & mask;
    while (slots[at] != 0)
        at = (at + 1) & mask;
    slots[at] = (hash & ~POSITION_MASK) | (position + 1);
}

bool flow_reserve(struct vfl_flow_table *table, uint32_t count)
{
    uint32_t slot_count = table->slot_count == 0 ? FIRST_SLOT_COUNT : table->slot_count;
    while (slot_count / 2 < count)
        slot_count *= SLOT_GROWTH;
    if (slot_count == table->slot_count)
        return true;
    uint32_t *slots = vfl_table_new(slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < table->flow_count; i++)
        place(slots, slot_count, vfl_flow_at(table, i)->hash, i);
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    return true;
}

/* --- the blocks --- */

static bool reserve_flow(struct vfl_flow_table *table)
{
    if (table->flow_count < table->flow_room)
        return true;
    if (table->flow_room < VFL_FLOW_BLOCK_FLOWS)
        return VFL_ARRAY_RESERVE(table->flow_blocks[0], table->flow_count, table->flow_room);
    struct vfl_flow *block = vfl_block_new(VFL_FLOW_BLOCK_FLOWS * sizeof *block);
    if (block == NULL)
        return false;
    table->flow_blocks[table->flow_room / VFL_FLOW_BLOCK_FLOWS] = block;
    table->flow_room += VFL_FLOW_BLOCK_FLOWS;
    return true;
}

/* --- finding --- */

/* All at once, so that none has to wait for its memory alone. */
void flow_prefetch(const struct vfl_flow_table *table, const uint32_t *hashes, uint32_t count,
                   uint32_t *ret_positions)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = hashes[i];
        ret_positions[i] = next_position(table, hashes[i], &at);
        if (ret_positions[i] != VFL_INDEX_NONE)
            vfl_prefetch(vfl_flow_at(table, ret_positions[i]));
    }
}

struct vfl_flow *flow_find(const struct vfl_flow_table *table, const struct vfl_flow_key *key,
                           uint32_t hash)
{
    uint32_t at = hash;
    uint32_t position;
    while ((position = next_position(table, hash, &at)) != VFL_INDEX_NONE)
        if (flow_is_key(&vfl_flow_at(table, position)->key, key))
            return vfl_flow_at(table, position);
    return NULL;
}

enum vfl_status flow_add(struct vfl_flow_table *table, uint32_t hash, struct vfl_flow **ret_flow,
                         struct vfl_error *err)
{
    if (table->flow_count == VFL_FLOW_TABLE_MAX_FLOWS)
        return vfl_error_set(err, VFL_LIMIT, "more than %u distinct flows",
                             VFL_FLOW_TABLE_MAX_FLOWS);
    if (!reserve_flow(table) || !flow_reserve(table, table->flow_count + 1))
        return flow_no_memory(err);
    place(table->slots, table->slot_count, hash, table->flow_count);
    *ret_flow = vfl_flow_at(table, table->flow_count++);
    return VFL_OK;
}
