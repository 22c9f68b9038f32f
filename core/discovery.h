/* Keeps the interface directory fresh, from EC2 or from a file. Not thread-safe. */
#ifndef VFL_DISCOVERY_H
#define VFL_DISCOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/aws/session.h"
#include "core/config.h"
#include "core/topology/interfaces.h"

#define VFL_DISCOVERY_STALE_S 600   /* asked again after this long */
#define VFL_DISCOVERY_UNKNOWN_S 180 /* at the earliest, when an unknown interface shows up */
#define VFL_DISCOVERY_DENIED_S 1800 /* after the permission was refused */

struct vfl_discovery_region {
    const char *name;      /* borrowed from the configuration; of the file, if there is one */
    bool is_known;         /* its interfaces were read at least once */
    bool is_denied;        /* the last answer was VFL_DENIED */
    int64_t asked_epoch_s; /* 0: never */
};

/* Zeroed is empty; init borrows its arguments. */
struct vfl_discovery {
    const struct vfl_config *config;
    struct vfl_aws_session *session; /* NULL with an interfaces file */
    struct vfl_interfaces *interfaces;
    struct vfl_discovery_region *regions; /* the file alone, with an interfaces file */
    size_t region_count;
};

enum vfl_status vfl_discovery_init(struct vfl_discovery *discovery, const struct vfl_config *config,
                                   struct vfl_aws_session *session,
                                   struct vfl_interfaces *interfaces,
                                   struct vfl_error *err) VFL_MUST_CHECK;
void vfl_discovery_fini(struct vfl_discovery *discovery); /* NULL and zeroed are fine */

/* Told of each region that could not be read. */
struct vfl_discovery_sink {
    void (*failure)(void *ctx, const char *region, enum vfl_status status,
                    const struct vfl_error *err);
    void *ctx;
};

/* Reads what is stale; with is_unknown_seen, what is older than VFL_DISCOVERY_UNKNOWN_S too. A
 * region that fails keeps what is known of it and does not stop the others. VFL_CANCELLED,
 * VFL_DEADLINE, VFL_NO_MEMORY, VFL_LIMIT: stopped. */
enum vfl_status vfl_discovery_refresh(struct vfl_discovery *discovery, bool is_unknown_seen,
                                      int64_t now_epoch_s, struct vfl_discovery_sink sink,
                                      struct vfl_error *err) VFL_MUST_CHECK;

/* What reading a region's objects would give. */
enum vfl_region_view {
    VFL_REGION_KNOWN,     /* interfaces are known */
    VFL_REGION_DENIED,    /* not permitted: records must name their VPC */
    VFL_REGION_NOT_READY, /* not read yet: its objects wait */
};
enum vfl_region_view vfl_discovery_view(const struct vfl_discovery *discovery, const char *region);
/* True when every region is VFL_REGION_NOT_READY: no object can be read. */
bool vfl_discovery_is_blind(const struct vfl_discovery *discovery);
/* True when the permission is missing in some region. */
bool vfl_discovery_is_denied(const struct vfl_discovery *discovery);

#endif
