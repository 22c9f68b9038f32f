/* The relations that the check would send for some files, each with its evidence. */
#ifndef VFL_EXPLAIN_PICTURE_H
#define VFL_EXPLAIN_PICTURE_H

#include <stdio.h>

#include "core/topology/topology.h"

struct vfl_picture_relation;

/* Zeroed is empty. Not thread-safe. */
struct vfl_picture {
    struct vfl_picture_relation *relations; /* as they are sent: by address */
    uint32_t count, room;
    struct vfl_picture_relation **by_id;
};

void vfl_picture_fini(struct vfl_picture *picture); /* NULL and zeroed are fine */

/* Takes the topology's emission, then its evidence, after an apply of table at now_epoch_s.
 * VFL_NO_MEMORY, VFL_LIMIT. */
enum vfl_status vfl_picture_take(struct vfl_picture *picture, struct vfl_topology *topology,
                                 const struct vfl_flow_table *table, int64_t now_epoch_s,
                                 struct vfl_error *err) VFL_MUST_CHECK;

void vfl_picture_print(const struct vfl_picture *picture, FILE *out);

#endif
