/* Growing arrays: the one way in which they double. Not thread-safe. */
#ifndef VFL_ARRAY_H
#define VFL_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* Makes room for one more element after the first `count` of `array`, which is a pointer from
 * malloc or NULL; `room`, a uint32_t, is how many it can hold. Pointers into it are then invalid.
 * False: no memory, array and room are unchanged. Limits are the caller's. */
#define VFL_ARRAY_RESERVE(array, count, room)                                                      \
    ((count) < (room) || vfl_array_double(&(array), sizeof *(array), &(room)))

/* From this size on, tables ask the system for huge pages: with small ones nearly every look at a
 * table of tens of megabytes also has to look up the page. 100,000 flows and more are read in four
 * fifths of the time. */
#define VFL_HUGE_FROM_BYTES (UINT32_C(4) << 20)

/* Zeroed memory for free(), in huge pages from VFL_HUGE_FROM_BYTES on where the system lends them.
 * NULL: no memory. */
void *vfl_table_new(size_t count, size_t element_bytes);

/* Memory for free() of the size of some huge pages (2 MB each), and in such where the system lends
 * them. Not zeroed. NULL: no memory. */
void *vfl_block_new(size_t bytes);

/* What the macro does when there is no room: array is the address of the pointer, of any type. */
bool vfl_array_double(void *array, size_t element_bytes, uint32_t *room) VFL_MUST_CHECK;

#endif
