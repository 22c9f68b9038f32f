#define _DEFAULT_SOURCE 1 /* madvise */
#include "core/array.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_ROOM 64u

/* Not zeroed. NULL also where there are no huge pages to ask for. */
static void *new_huge(size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const size_t page_bytes = (size_t)2 << 20;
    if (bytes > SIZE_MAX - page_bytes)
        return NULL;
    bytes = (bytes + page_bytes - 1) / page_bytes * page_bytes;
    void *memory = aligned_alloc(page_bytes, bytes);
    if (memory != NULL)
        (void)madvise(memory, bytes, MADV_HUGEPAGE); /* refused: small pages then */
    return memory;
#else
    (void)bytes;
    return NULL;
#endif
}

void *vfl_table_new(size_t count, size_t element_bytes)
{
    if (count > SIZE_MAX / element_bytes)
        return NULL;
    void *memory = NULL;
    if (count * element_bytes >= VFL_HUGE_FROM_BYTES)
        memory = new_huge(count * element_bytes);
    if (memory == NULL)
        return calloc(count, element_bytes);
    memset(memory, 0, count * element_bytes);
    return memory;
}

void *vfl_block_new(size_t bytes)
{
    void *memory = new_huge(bytes);
    return memory != NULL ? memory : malloc(bytes);
}

/* As realloc, which keeps small pages small and copies nothing. */
static void *grow(void *elements, size_t used_bytes, size_t bytes)
{
    void *grown = bytes >= VFL_HUGE_FROM_BYTES ? new_huge(bytes) : NULL;
    if (grown == NULL)
        return realloc(elements, bytes);
    if (used_bytes > 0)
        memcpy(grown, elements, used_bytes);
    free(elements);
    return grown;
}

bool vfl_array_double(void *array, size_t element_bytes, uint32_t *room)
{
    if (*room > UINT32_MAX / 2)
        return false;
    const uint32_t new_room = *room == 0 ? FIRST_ROOM : *room * 2;
    if (new_room > SIZE_MAX / element_bytes)
        return false;
    void *elements;
    memcpy(&elements, array, sizeof elements); /* a void ** would alias the caller's own type */
    elements = grow(elements, *room * element_bytes, new_room * element_bytes);
    if (elements == NULL)
        return false;
    memcpy(array, &elements, sizeof elements);
    *room = new_room;
    return true;
}
