#include "core/content_set.h"

#include <stdlib.h>

#include "core/array.h"

void vfl_content_set_fini(struct vfl_content_set *set)
{
    if (set == NULL)
        return;
    for (unsigned i = 0; i < 2; i++) {
        free(set->generations[i]);
        vfl_index_fini(&set->indexes[i]);
    }
    free(set->pending);
    *set = (struct vfl_content_set){0};
}

static bool is_in_generation(const struct vfl_content_set *set, unsigned generation,
                             uint64_t content)
{
    struct vfl_index_cursor cursor = vfl_index_cursor(&set->indexes[generation], content);
    uint32_t position;
    while ((position = vfl_index_next(&set->indexes[generation], &cursor)) != VFL_INDEX_NONE)
        if (set->generations[generation][position] == content)
            return true;
    return false;
}

bool vfl_content_set_has(const struct vfl_content_set *set, uint64_t content)
{
    for (uint32_t i = 0; i < set->pending_count; i++)
        if (set->pending[i] == content)
            return true;
    return is_in_generation(set, 0, content) || is_in_generation(set, 1, content);
}

enum vfl_status vfl_content_set_add(struct vfl_content_set *set, uint64_t content,
                                    struct vfl_error *err)
{
    if (!VFL_ARRAY_RESERVE(set->pending, set->pending_count, set->pending_room))
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the contents seen");
    set->pending[set->pending_count++] = content;
    return VFL_OK;
}

/* The filled generation becomes the old one, and the one before it is forgotten. */
static bool start_generation(struct vfl_content_set *set)
{
    uint64_t *contents = malloc(VFL_CONTENT_SET_GENERATION * sizeof *contents);
    if (contents == NULL)
        return false;
    free(set->generations[1]);
    vfl_index_fini(&set->indexes[1]);
    set->generations[1] = set->generations[0];
    set->counts[1] = set->counts[0];
    set->indexes[1] = set->indexes[0];
    set->generations[0] = contents;
    set->counts[0] = 0;
    set->indexes[0] = (struct vfl_index){0};
    return true;
}

enum vfl_status vfl_content_set_keep(struct vfl_content_set *set, struct vfl_error *err)
{
    for (uint32_t i = 0; i < set->pending_count; i++) {
        bool is_full = set->generations[0] == NULL || set->counts[0] == VFL_CONTENT_SET_GENERATION;
        if ((is_full && !start_generation(set)) ||
            !vfl_index_add(&set->indexes[0], set->pending[i], set->counts[0]))
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the contents seen");
        set->generations[0][set->counts[0]++] = set->pending[i];
    }
    set->pending_count = 0;
    return VFL_OK;
}

void vfl_content_set_drop(struct vfl_content_set *set)
{
    set->pending_count = 0;
}
