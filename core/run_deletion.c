#include "core/run.h"

#include <inttypes.h>

#define DELETE_BATCH 1000

struct delete_outcome {
    struct vfl_run *run;
    const struct vfl_listed_object *objects;
    uint64_t deleted;
    uint64_t failed;
    struct vfl_error first_error;
    const char *first_key;
};

static void on_removed(void *ctx, size_t index, enum vfl_status status, const struct vfl_error *err)
{
    struct delete_outcome *outcome = ctx;
    if (status == VFL_OK) {
        outcome->deleted++;
        vfl_ledger_note_deleted(&outcome->run->collector->confirmation.ledger,
                                outcome->objects[index].digest);
        return;
    }
    if (outcome->failed++ == 0) {
        outcome->first_error = *err;
        outcome->first_key = outcome->objects[index].key;
    }
}

enum vfl_status vfl_run_delete_confirmed(struct vfl_run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_object_list *list = &run->list;
    enum vfl_status st = VFL_OK;
    if (list->to_delete_count == 0)
        collector->failed_delete_runs = 0; /* what could not be deleted is gone by itself */
    if (collector->config->is_dry_run || list->to_delete_count == 0)
        return VFL_OK;
    const char *keys[DELETE_BATCH];
    struct delete_outcome total = {.run = run};
    struct vfl_error failure = {0};
    for (size_t start = 0; start < list->to_delete_count && st == VFL_OK; start += DELETE_BATCH) {
        size_t count = list->to_delete_count - start;
        if (count > DELETE_BATCH)
            count = DELETE_BATCH;
        for (size_t i = 0; i < count; i++)
            keys[i] = list->to_delete[start + i].key;
        total.objects = &list->to_delete[start];
        st = collector->store->ops->remove(collector->store, keys, count,
                                           (struct vfl_remove_sink){on_removed, &total}, &failure);
        if (st != VFL_OK && total.failed++ == 0) {
            total.first_error = failure;
            total.first_key = keys[0];
        }
    }
    run->report.deleted = total.deleted;
    run->report.delete_failed = list->to_delete_count - total.deleted;
    collector->failed_delete_runs = total.deleted > 0 ? 0 : collector->failed_delete_runs + 1;
    if (run->report.delete_failed > 0)
        vfl_run_report_warn(&run->report,
                            "%" PRIu64 " processed objects could not be deleted and will be tried "
                            "again, for example %s: %s",
                            run->report.delete_failed, total.first_key, total.first_error.text);
    if (vfl_run_ends_work(st)) {
        collector->has_listed = false; /* what is deleted all the same is not told below */
        *err = failure;                /* a single key may have failed before, for another reason */
        return st;
    }
    return VFL_OK;
}

/* A listing shows every object that was open at the one before. So an emitted one that it does not
 * show was deleted by somebody else: likely another collector, which has counted the same records.
 * In a process's first run it may have been the process before, after a deletion that failed
 * ourselves: the answer may have been lost. A dry run's objects are open to FULL listings alone. */
static void warn_of_others(struct vfl_run *run)
{
    struct vfl_collector *collector = run->collector;
    uint32_t count = vfl_ledger_vanished_count(&collector->confirmation.ledger);
    uint32_t unclear_count = (uint32_t)run->report.delete_failed;
    if (run->has_listing_failed || (collector->config->is_dry_run && !run->is_listing_complete)) {
        collector->vanished_count += unclear_count;
        return;
    }
    if (collector->has_listed && count > collector->vanished_count)
        vfl_run_report_warn(&run->report,
                            "%u processed objects were deleted by somebody else: does another "
                            "agent read bucket %s? Then records count twice; else check that no "
                            "lifecycle rule deletes objects within minutes",
                            count, collector->config->bucket);
    collector->vanished_count = count + unclear_count;
    collector->has_listed = true;
}

/* Objects that are gone make room in the ledger for those that are read in this run. */
enum vfl_status vfl_run_forget_gone(struct vfl_run *run, struct vfl_error *err)
{
    warn_of_others(run);
    return vfl_confirmation_forget_gone(&run->collector->confirmation, run->is_listing_complete,
                                        err);
}
