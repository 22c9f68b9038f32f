/* One run's state, shared by the steps of collector.c's list: collector.c, run_listing.c,
 * run_deletion.c, run_reading.c and run_emission.c; of others only tests that put a store of
 * their own in place. */
#ifndef VFL_RUN_H
#define VFL_RUN_H

#include <stdatomic.h>
#include <stddef.h>

#include "core/aws/clock.h"
#include "core/aws/session.h"
#include "core/collector.h"
#include "core/confirmation.h"
#include "core/content_set.h"
#include "core/discovery.h"
#include "core/listing_plan.h"
#include "core/object_list.h"
#include "core/run_report.h"
#include "core/workers.h"

/* What tells a region whose permission is missing from one that has single objects which we may not
 * read, for example those encrypted with a foreign key. */
struct vfl_region_access {
    bool is_readable;                 /* the last run that tried objects here read one */
    size_t read_count, refused_count; /* in the run under way; of objects not known as bad */
};

/* More refused objects are tried in no particular turn. */
#define VFL_RUN_MAX_REFUSED 200u

struct vfl_collector {
    const struct vfl_config *config;
    struct vfl_collector_ops ops;
    atomic_bool is_cancelled;
    struct vfl_aws_session *session; /* NULL when neither store nor interfaces need AWS */
    struct vfl_store *store;
    struct vfl_topology *topology;
    struct vfl_discovery discovery;
    struct vfl_confirmation confirmation;
    struct vfl_listing_plan listing;
    struct vfl_error listing_failure;      /* since every region was listed whole; or empty */
    struct vfl_region_access *access;      /* in the order of the configuration */
    uint64_t refused[VFL_RUN_MAX_REFUSED]; /* digests of objects that have no pause for it */
    size_t refused_count;                  /* ever: the latest are kept, in a ring */
    int64_t full_ledger_sweep_ms;   /* when its being full last made a listing FULL; 0: never */
    struct vfl_error bad_date_told; /* of the last sweep that showed such an object; or empty */
    struct vfl_workers *workers;
    struct vfl_flow_table table; /* of the run under way */
    struct vfl_content_set contents;
    unsigned failed_delete_runs;
    int64_t steady_base_s;              /* the wall clock of the first run, less the other one */
    int64_t snapshot_steady_s;          /* of the last full snapshot; 0: none yet */
    bool has_listed;                    /* in an earlier run of this process */
    uint32_t vanished_count;            /* told of, see warn_of_others */
    bool was_note_told;                 /* what the session has to say of its credentials */
    bool was_denied_told;               /* that interfaces cannot be described */
    struct vfl_error interfaces_denial; /* of the region concerned last */
    struct vfl_error region_failure;    /* of the region whose interfaces could not be read last */
};

/* One run under way; lives on vfl_collector_run's stack. */
struct vfl_run {
    struct vfl_collector *collector;
    struct vfl_run_time now;
    int64_t steady_s; /* as now.epoch_s, but setting the clock does not move it: for intervals */
    int64_t start_ms; /* of the clock that the run looks at itself */
    int64_t deadline_ms;
    struct vfl_run_report report;
    struct vfl_object_list list;
    bool has_listing_failed;  /* of some region */
    bool is_listing_complete; /* every region's was FULL and went through */
    bool has_ledger_news;     /* an object's failure was noted */
    bool is_reading_denied;   /* nothing was read, because of what denial says */
    struct vfl_error denial;  /* of the first object whose read was refused */
};

/* VFL_CANCELLED after vfl_collector_cancel. */
enum vfl_status vfl_run_check_cancelled(const struct vfl_collector *collector,
                                        struct vfl_error *err) VFL_MUST_CHECK;

/* Whether a status ends the run's work for now, rather than this object's or region's alone. */
bool vfl_run_ends_work(enum vfl_status status);

/* Reads interfaces that are stale, or, with is_unknown_seen, not quite fresh. VFL_RETRY and the
 * like: no region's interfaces are known, so nothing can be read. */
enum vfl_status vfl_run_refresh_interfaces(struct vfl_run *run, bool is_unknown_seen,
                                           struct vfl_error *err) VFL_MUST_CHECK;

/* Lists what is due to be listed in each region. One that fails is told, and the others go on; all
 * of them failing is an error. */
enum vfl_status vfl_run_list_objects(struct vfl_run *run, struct vfl_error *err) VFL_MUST_CHECK;

/* Deletes the listed objects whose emission is confirmed. What cannot be deleted is told, and
 * stays. */
enum vfl_status vfl_run_delete_confirmed(struct vfl_run *run, struct vfl_error *err) VFL_MUST_CHECK;

/* Has the ledger forget objects that are gone: that makes room for those of this run. */
enum vfl_status vfl_run_forget_gone(struct vfl_run *run, struct vfl_error *err) VFL_MUST_CHECK;

/* Reads new objects into the run's table, newest first, as far as time, table and ledger allow.
 * Those that were read stand first in list.to_read afterwards, *ret_read_count of them. That all
 * were refused is told by is_reading_denied: what the run knows is emitted all the same. */
enum vfl_status vfl_run_read_objects(struct vfl_run *run, size_t *ret_read_count,
                                     struct vfl_error *err) VFL_MUST_CHECK;

/* Sends what changed, and writes the ledger that names the objects read. */
enum vfl_status vfl_run_emit(struct vfl_run *run, size_t read_count,
                             struct vfl_error *err) VFL_MUST_CHECK;

#endif
