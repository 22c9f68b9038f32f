/* The agent's conf.yaml: `init_config:` and a list `instances:`, cut into one YAML text each, as
 * the agent hands them to a check. */
#ifndef VFL_HOST_CONF_H
#define VFL_HOST_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

#define VFL_CONF_MAX_BYTES (4u << 20)
#define VFL_CONF_DEFAULT_INTERVAL_S 60u

struct vfl_conf_instance {
    char *yaml;
    unsigned interval_s; /* collection_interval, else min_collection_interval, else the default */
};

/* Owned; zeroed is empty. */
struct vfl_conf {
    char *init_config;
    struct vfl_conf_instance *instances; /* at least one */
    size_t instance_count;
};

/* Aliases and merge keys are resolved and quoting is kept, so that each text stands alone and means
 * the same. is_dry_run puts `dry_run: true` into every instance. VFL_IO: cannot be read.
 * VFL_CONFIG: not such a file; the text names file and line, and says so when a tab is to blame.
 * VFL_LIMIT: over VFL_CONF_MAX_BYTES, or too large once aliases are resolved. */
enum vfl_status vfl_conf_read(const char *path, bool is_dry_run, struct vfl_conf *ret_conf,
                              struct vfl_error *err) VFL_MUST_CHECK;
void vfl_conf_fini(struct vfl_conf *conf);

#endif
