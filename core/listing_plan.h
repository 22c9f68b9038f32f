/* What a run has to list so that nothing is missed, without walking through what is long deleted.
 *
 * A deleted object leaves a delete marker behind, and S3 looks at every one that lies in the range
 * of a listing. So the ranges are kept small, in three steps:
 *   FULL     both layouts from their first key. At the start, every 6 hours, after a failure; again
 *            after 10 minutes when it takes longer than a run.
 *   DAYS     both layouts, from 2 days ago on or the oldest open object's day. Every 10 minutes.
 *   CURSORS  otherwise: each flow log's keys of its current day, from an hour before the newest on.
 * "Open" is what was listed last time: unread, paused or waiting for its deletion. Every listing
 * covers it, however old it is. Times of day come from the keys, intervals from the monotonic
 * clock. Not thread-safe. */
#ifndef VFL_LISTING_PLAN_H
#define VFL_LISTING_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flowlog/object_key.h"

/* Per region; more flow logs, or days with open objects, make every listing one of DAYS. */
#define VFL_LISTING_MAX_CURSORS 64u
#define VFL_LISTING_LOOK_BACK_S 3600
#define VFL_LISTING_LOOK_BACK_DAYS 2
#define VFL_LISTING_FULL_INTERVAL_MS (6 * 3600 * 1000)
#define VFL_LISTING_DAYS_INTERVAL_MS (10 * 60 * 1000)
/* The two clocks may part by so much between two runs before the wall clock counts as set. */
#define VFL_LISTING_MAX_CLOCK_STEP_S 600

enum vfl_listing_kind { VFL_LISTING_FULL, VFL_LISTING_DAYS, VFL_LISTING_CURSORS };

/* The keys of one flow log under one day's folder; of an hourly key all flow logs of the day,
 * because their keys sort by the hour first. */
struct vfl_listing_cursor {
    enum vfl_key_layout layout;
    bool is_hourly;
    char flow_log_id[VFL_OBJECT_KEY_MAX_FLOW_LOG_ID + 1]; /* "" when hourly */
    int64_t day_epoch_s;                                  /* midnight */
    int64_t newest_epoch_s;                               /* of the names; hourly: of the folders */
    int64_t oldest_open_epoch_s;                          /* INT64_MAX: none */
};

struct vfl_listing_region {
    struct vfl_listing_cursor cursors[VFL_LISTING_MAX_CURSORS];
    size_t cursor_count;
    int64_t newest_epoch_s;      /* ever seen; INT64_MIN: none */
    int64_t oldest_open_epoch_s; /* its day's midnight; INT64_MAX: none */
    bool is_full_needed, is_days_needed;
    bool is_beyond, is_beyond_seen; /* there is more than the cursors cover; in this listing */
};

struct vfl_listing_plan {
    struct vfl_listing_region *regions; /* in the order of the configuration */
    size_t region_count;
    bool is_full_required;
    int64_t full_monotonic_ms, days_monotonic_ms; /* of the last ones that were due */
    int64_t epoch_s, monotonic_ms;                /* of the last run */
};

enum vfl_status vfl_listing_plan_init(struct vfl_listing_plan *plan, size_t region_count,
                                      struct vfl_error *err) VFL_MUST_CHECK;
void vfl_listing_plan_fini(struct vfl_listing_plan *plan); /* NULL and zeroed are fine */

/* Makes the next run's listings FULL: what is known no longer describes the bucket. */
void vfl_listing_plan_require_full(struct vfl_listing_plan *plan);
/* Starts a run: decides which sweeps are due. */
void vfl_listing_plan_start(struct vfl_listing_plan *plan, int64_t epoch_s, int64_t monotonic_ms);

/* Whose keys: spans are borrowed. */
struct vfl_listing_place {
    struct vfl_span folder, account, region;
};

struct vfl_listing_step {
    char *prefix;
    char *start_after; /* "" for none */
};

/* One region's listings in one run; no key belongs to two of them. Zeroed is empty. */
struct vfl_listing_steps {
    enum vfl_listing_kind kind;
    struct vfl_listing_step steps[VFL_LISTING_MAX_CURSORS];
    size_t count;
};

void vfl_listing_steps_fini(struct vfl_listing_steps *steps); /* NULL and zeroed are fine */

/* Between plan and finish every listed object is shown to see. Without finish, which is for
 * listings that went through, the region's next one is FULL. VFL_NO_MEMORY, VFL_LIMIT (names). */
enum vfl_status vfl_listing_region_plan(struct vfl_listing_region *region,
                                        const struct vfl_listing_place *place, int64_t now_epoch_s,
                                        struct vfl_listing_steps *ret_steps,
                                        struct vfl_error *err) VFL_MUST_CHECK;
/* is_open false: it need not be listed again. */
void vfl_listing_region_see(struct vfl_listing_region *region, const struct vfl_object_key *key,
                            bool is_open);
void vfl_listing_region_finish(struct vfl_listing_region *region, enum vfl_listing_kind kind);
/* In place of finish for a FULL listing that takes longer than a run: the region's next one is of
 * the last 2 days alone, whatever is open, and FULL ones wait for 10 minutes. */
void vfl_listing_plan_give_up(struct vfl_listing_plan *plan, size_t region_index);

#endif
