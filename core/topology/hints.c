#include "core/topology/hints.h"

#include <stdlib.h>
#include <string.h>

#include "core/array.h"

struct vfl_hint {
    struct vfl_ip ip;
    uint32_t vpc_id;
    uint32_t told_vpc_id;
};

void vfl_hints_fini(struct vfl_hints *hints)
{
    if (hints == NULL)
        return;
    free(hints->hints);
    vfl_index_fini(&hints->index);
    *hints = (struct vfl_hints){0};
}

static uint64_t hash_of(const struct vfl_hints *hints, uint32_t vpc_id, struct vfl_ip ip)
{
    uint64_t hash = vfl_hash_mix(vfl_hash_mix(hints->seed, ip.hi), ip.lo);
    return vfl_hash_finish(vfl_hash_mix(hash, vpc_id));
}

static struct vfl_hint *find(const struct vfl_hints *hints, uint64_t hash, uint32_t vpc_id,
                             struct vfl_ip ip)
{
    struct vfl_index_cursor cursor = vfl_index_cursor(&hints->index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&hints->index, &cursor)) != VFL_INDEX_NONE) {
        struct vfl_hint *hint = &hints->hints[position];
        if (hint->vpc_id == vpc_id && vfl_ip_equal(hint->ip, ip))
            return hint;
    }
    return NULL;
}

static bool is_better(const struct vfl_tokens *tokens, uint32_t told, uint32_t known)
{
    if (told == VFL_TOKEN_ABSENT || known == VFL_TOKEN_ABSENT)
        return told != VFL_TOKEN_ABSENT;
    return strcmp(vfl_tokens_text(tokens, told), vfl_tokens_text(tokens, known)) < 0;
}

enum vfl_status vfl_hints_add(struct vfl_hints *hints, const struct vfl_tokens *tokens,
                              uint32_t vpc_id, struct vfl_ip ip, uint32_t told_vpc_id,
                              struct vfl_error *err)
{
    if (hints->seed == 0)
        hints->seed = vfl_hash_seed() | 1;
    uint64_t hash = hash_of(hints, vpc_id, ip);
    struct vfl_hint *hint = find(hints, hash, vpc_id, ip);
    if (hint != NULL) {
        if (is_better(tokens, told_vpc_id, hint->told_vpc_id))
            hint->told_vpc_id = told_vpc_id;
        return VFL_OK;
    }
    if (hints->count == VFL_HINTS_MAX_COUNT)
        return VFL_OK;
    if (!VFL_ARRAY_RESERVE(hints->hints, hints->count, hints->room))
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for addresses of other VPCs");
    if (!vfl_index_add(&hints->index, hash, hints->count))
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for addresses of other VPCs");
    hints->hints[hints->count++] = (struct vfl_hint){ip, vpc_id, told_vpc_id};
    return VFL_OK;
}

bool vfl_hints_find(const struct vfl_hints *hints, uint32_t vpc_id, struct vfl_ip ip,
                    uint32_t *ret_vpc_id)
{
    const struct vfl_hint *hint =
        hints->count == 0 ? NULL : find(hints, hash_of(hints, vpc_id, ip), vpc_id, ip);
    if (hint == NULL)
        return false;
    *ret_vpc_id = hint->told_vpc_id;
    return true;
}
