#include "core/array.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64u

bool vfl_array_double(void *array, size_t element_bytes, uint32_t *room)
{
    if (*room > UINT32_MAX / 2)
        return false;
    uint32_t new_room = *room == 0 ? FIRST_ROOM : *room * 2;
    if (new_room > SIZE_MAX / element_bytes)
        return false;
    void *elements;
    memcpy(&elements, array, sizeof elements); /* a void ** would alias the caller's own type */
    elements = realloc(elements, new_room * element_bytes);
    if (elements == NULL)
        return false;
    memcpy(array, &elements, sizeof elements);
    *room = new_room;
    return true;
}
