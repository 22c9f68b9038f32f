/* Contents seen lately, so that an object which AWS delivers again under another key counts once.
 * Bounded: remembers at least the last VFL_CONTENT_SET_GENERATION contents. Not thread-safe. */
#ifndef VFL_CONTENT_SET_H
#define VFL_CONTENT_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/index.h"

#define VFL_CONTENT_SET_GENERATION 8192u

/* Zeroed is empty. Contents are added as pending: they count within the run at once, and beyond it
 * only after keep, because a run whose emission is not taken is read again. */
struct vfl_content_set {
    uint64_t *generations[2]; /* [0] is being filled */
    uint32_t counts[2];
    struct vfl_index indexes[2];
    uint64_t *pending;
    uint32_t pending_count, pending_room;
};

void vfl_content_set_fini(struct vfl_content_set *set); /* NULL and zeroed are fine */
bool vfl_content_set_has(const struct vfl_content_set *set, uint64_t content); /* or pending */
/* Adds as pending. VFL_NO_MEMORY: not added. */
enum vfl_status vfl_content_set_add(struct vfl_content_set *set, uint64_t content,
                                    struct vfl_error *err) VFL_MUST_CHECK;
/* The run is confirmed: what is pending stays. VFL_NO_MEMORY: all of it is still pending. */
enum vfl_status vfl_content_set_keep(struct vfl_content_set *set,
                                     struct vfl_error *err) VFL_MUST_CHECK;
/* The run is read again: forgets what is pending. */
void vfl_content_set_drop(struct vfl_content_set *set);

#endif
