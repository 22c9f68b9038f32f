/* A hash index over somebody else's array: hash -> positions. The array's owner compares keys.
 *
 * A slot holds the hash's upper half beside the position: it both places the slot and rejects
 * nearly every other key, so that probing stays inside this one array. Positions are never removed
 * singly: owners that expire entries reset the index and add what is left. Not thread-safe. */
#ifndef VFL_INDEX_H
#define VFL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define VFL_INDEX_NONE UINT32_MAX

/* Zeroed is an empty index. */
struct vfl_index {
    uint64_t *slots; /* hash tag << 32 | position + 1; 0 is free */
    uint32_t mask;   /* slot count - 1; a power of two minus one */
    uint32_t count;
};

struct vfl_index_cursor {
    uint32_t slot;
    uint32_t tag;
};

void vfl_index_fini(struct vfl_index *index);  /* NULL and zeroed are fine */
void vfl_index_reset(struct vfl_index *index); /* empties, keeps the memory */

/* Adds a position below UINT32_MAX. False: no memory, the index is unchanged. */
bool vfl_index_add(struct vfl_index *index, uint64_t hash, uint32_t position) VFL_MUST_CHECK;

static inline struct vfl_index_cursor vfl_index_cursor(const struct vfl_index *index, uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    return (struct vfl_index_cursor){tag & index->mask, tag};
}

/* Makes room for count positions in all. False as above. */
bool vfl_index_reserve(struct vfl_index *index, uint32_t count) VFL_MUST_CHECK;

/* Brings the line that an address lies in closer, for a use soon after. */
static inline void vfl_prefetch(const void *address)
{
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    (void)address;
#endif
}

/* The next position whose hash may equal the cursor's, or VFL_INDEX_NONE after the last. */
static inline uint32_t vfl_index_next(const struct vfl_index *index,
                                      struct vfl_index_cursor *cursor)
{
    if (index->slots == NULL)
        return VFL_INDEX_NONE;
    for (;;) {
        uint64_t slot = index->slots[cursor->slot];
        if (slot == 0)
            return VFL_INDEX_NONE;
        cursor->slot = (cursor->slot + 1) & index->mask;
        if ((uint32_t)(slot >> 32) == cursor->tag)
            return (uint32_t)slot - 1;
    }
}

/* Mixes one word into a running hash; start from a seed. Every output bit depends on every input
 * bit after vfl_hash_finish. */
static inline uint64_t vfl_hash_mix(uint64_t hash, uint64_t word)
{
    hash ^= word;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 32);
}

static inline uint64_t vfl_hash_finish(uint64_t hash)
{
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ (hash >> 29);
}

/* Mixes two words with one multiplication, so that a key of several words is not a chain of them.
 * Both must hold something that nobody else knows: a factor of 0 swallows the other. */
static inline uint64_t vfl_hash_fold(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 product_type;
    product_type product = (product_type)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    return vfl_hash_mix(vfl_hash_mix(UINT64_C(0x9e3779b97f4a7c15), a), b);
#endif
}

uint64_t vfl_hash_bytes(uint64_t seed, const void *bytes, size_t size);

/* A value that senders of traffic cannot guess, so that they cannot choose colliding keys. */
uint64_t vfl_hash_seed(void);

#endif
