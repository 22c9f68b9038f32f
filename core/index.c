#include "core/index.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/array.h"

#define FIRST_SLOT_COUNT 64u

void vfl_index_fini(struct vfl_index *index)
{
    if (index == NULL)
        return;
    free(index->slots);
    *index = (struct vfl_index){0};
}

void vfl_index_reset(struct vfl_index *index)
{
    if (index->slots != NULL)
        memset(index->slots, 0, ((size_t)index->mask + 1) * sizeof *index->slots);
    index->count = 0;
}

static void place(uint64_t *slots, uint32_t mask, uint64_t slot)
{
    uint32_t start = (uint32_t)(slot >> 32) & mask;
    while (slots[start] != 0)
        start = (start + 1) & mask;
    slots[start] = slot;
}

/* To slot_count, a power of two. */
static bool grow(struct vfl_index *index, uint32_t slot_count)
{
    uint32_t old_count = index->slots == NULL ? 0 : index->mask + 1;
    uint64_t *slots = vfl_table_new(slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < old_count; i++)
        if (index->slots[i] != 0)
            place(slots, slot_count - 1, index->slots[i]);
    free(index->slots);
    index->slots = slots;
    index->mask = slot_count - 1;
    return true;
}

static bool is_room(const struct vfl_index *index, uint32_t count)
{
    return index->slots != NULL && count <= index->mask / 4 * 3;
}

bool vfl_index_reserve(struct vfl_index *index, uint32_t count)
{
    if (is_room(index, count))
        return true;
    uint32_t slot_count = index->slots == NULL ? FIRST_SLOT_COUNT : index->mask + 1;
    while ((slot_count - 1) / 4 * 3 < count) {
        if (slot_count > UINT32_MAX / 2)
            return false;
        slot_count *= 2;
    }
    return grow(index, slot_count);
}

bool vfl_index_add(struct vfl_index *index, uint64_t hash, uint32_t position)
{
    if (!is_room(index, index->count + 1) && !vfl_index_reserve(index, index->count + 1))
        return false;
    place(index->slots, index->mask, (hash >> 32) << 32 | (position + 1));
    index->count++;
    return true;
}

uint64_t vfl_hash_bytes(uint64_t seed, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = vfl_hash_mix(seed, size);
    uint64_t word = 0;
    if (size < sizeof word) {
        memcpy(&word, at, size);
        return vfl_hash_finish(vfl_hash_mix(hash, word));
    }
    /* The last word overlaps the one before: copies of a fixed size are single loads. */
    for (size_t i = 0; i + sizeof word < size; i += sizeof word) {
        memcpy(&word, at + i, sizeof word);
        hash = vfl_hash_mix(hash, word);
    }
    memcpy(&word, at + size - sizeof word, sizeof word);
    return vfl_hash_finish(vfl_hash_mix(hash, word));
}

uint64_t vfl_hash_seed(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t seed = vfl_hash_mix((uint64_t)now.tv_nsec, (uint64_t)now.tv_sec);
    return vfl_hash_finish(vfl_hash_mix(seed, (uint64_t)(uintptr_t)&seed));
}
