#include "core/run.h"

#include <inttypes.h>

/* A page takes a fraction of a second, unless S3 has to look at heaps of delete markers for it. */
#define SLOW_PAGE_MS 5000

static enum vfl_status list_region(struct vfl_run *run, size_t index,
                                   enum vfl_listing_kind *ret_kind, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_config *config = collector->config;
    struct vfl_listing_region *progress = &collector->listing.regions[index];
    struct vfl_listing_steps steps = {0};
    const struct vfl_listing_place place = {
        .folder = vfl_span_from_string(config->log_prefix),
        .account = vfl_span_from_string(config->account),
        .region = vfl_span_from_string(config->regions[index]),
    };
    const struct vfl_object_source source = {
        .store = collector->store,
        .config = config,
        .region = config->regions[index],
        .ledger = &collector->confirmation.ledger,
        .progress = progress,
        .now_epoch_s = run->now.epoch_s,
        .monotonic_ms = vfl_clock_monotonic_ms,
    };
    enum vfl_status st = vfl_listing_region_plan(progress, &place, run->now.epoch_s, &steps, err);
    if (st == VFL_OK)
        st = vfl_object_list_add(&run->list, &source, &steps, err);
    if (st == VFL_OK) {
        vfl_listing_region_finish(progress, steps.kind);
        *ret_kind = steps.kind;
    } else if (st == VFL_DEADLINE && steps.kind == VFL_LISTING_FULL) {
        /* Else no run would ever come to read what is new. */
        vfl_listing_plan_give_up(&collector->listing, index);
        collector->has_listed = false; /* what is out of sight now is not deleted */
    }
    vfl_listing_steps_fini(&steps);
    return st;
}

/* Only FULL listings show all such objects, so what they showed stands until the next one. */
static void tell_bad_dates(struct vfl_run *run)
{
    struct vfl_error *told = &run->collector->bad_date_told;
    if (run->list.bad_date_count > 0) {
        (void)vfl_error_set(told, VFL_FORMAT,
                            "%" PRIu64 " objects have an impossible date in their name and are "
                            "left alone, for example %s",
                            run->list.bad_date_count, run->list.bad_date_key);
        vfl_run_report_warn(&run->report, "%s", told->text);
    } else if (run->is_listing_complete) {
        *told = (struct vfl_error){0};
    } else if (told->text[0] != '\0') {
        vfl_run_report_keep_warning(&run->report, told->text);
    }
}

static void report_listing(struct vfl_run *run)
{
    const struct vfl_object_list *list = &run->list;
    run->report.listed = list->listed_count;
    run->report.paused = list->paused_count;
    run->report.waiting = list->beyond_count;
    run->report.slowest_page_ms = list->slowest_page_ms;
    tell_bad_dates(run);
    if (list->paused_count > 0)
        vfl_run_report_warn(&run->report,
                            "%" PRIu64 " bad objects are kept and will be tried again later",
                            list->paused_count);
    if (list->slowest_page_ms > SLOW_PAGE_MS)
        vfl_run_report_warn(&run->report,
                            "a page of the listing of bucket %s took %" PRId64 " seconds: add "
                            "lifecycle rules that remove noncurrent versions "
                            "(NoncurrentVersionExpiration) and expired object delete markers "
                            "(ExpiredObjectDeleteMarker)",
                            run->collector->config->bucket, list->slowest_page_ms / 1000);
}

/* Entries of objects that somebody else took away keep the ledger full, and only a FULL listing
 * shows that they are gone. */
static void sweep_for_room(struct vfl_run *run)
{
    struct vfl_collector *collector = run->collector;
    bool is_recent =
        collector->full_ledger_sweep_ms != 0 &&
        run->now.monotonic_ms - collector->full_ledger_sweep_ms < VFL_LISTING_DAYS_INTERVAL_MS;
    if (vfl_ledger_room(&collector->confirmation.ledger) > 0 || is_recent)
        return;
    collector->full_ledger_sweep_ms = run->now.monotonic_ms;
    vfl_listing_plan_require_full(&collector->listing);
}

enum vfl_status vfl_run_list_objects(struct vfl_run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_config *config = collector->config;
    size_t failed_count = 0;
    size_t full_count = 0;
    sweep_for_room(run);
    vfl_listing_plan_start(&collector->listing, run->now.epoch_s, run->now.monotonic_ms);
    vfl_ledger_start_listing(&collector->confirmation.ledger);
    for (size_t i = 0; i < config->region_count; i++) {
        struct vfl_error failure = {0};
        enum vfl_listing_kind kind = VFL_LISTING_CURSORS;
        enum vfl_status st = list_region(run, i, &kind, &failure);
        full_count += st == VFL_OK && kind == VFL_LISTING_FULL;
        if (st == VFL_OK)
            continue;
        if (vfl_run_ends_work(st) || ++failed_count == config->region_count) {
            *err = failure;
            return st;
        }
        (void)vfl_error_wrap(&failure, st, "listing region %s", config->regions[i]);
        vfl_run_report_warn(&run->report, "%s", failure.text);
        collector->listing_failure = failure;
    }
    run->has_listing_failed = failed_count > 0;
    run->is_listing_complete = full_count == config->region_count;
    if (run->is_listing_complete)
        collector->listing_failure = (struct vfl_error){0};
    vfl_object_list_sort(&run->list);
    report_listing(run);
    return VFL_OK;
}
