#include "core/run.h"

#define SNAPSHOT_INTERVAL_S 300

static enum vfl_status prepare(struct vfl_run *run, size_t read_count, struct vfl_error *err)
{
    struct vfl_confirmation *confirmation = &run->collector->confirmation;
    enum vfl_status st = vfl_confirmation_prepare(confirmation, err);
    for (size_t i = 0; i < read_count && st == VFL_OK; i++)
        st = vfl_ledger_note_emitted(&confirmation->next, run->list.to_read[i].digest, err);
    return st;
}

/* Only with an instance key of its own: under the shared one a snapshot would delete the account
 * scan's elements. Before anything is live there is nothing to tell, and after a restart an empty
 * snapshot would delete what the process before this one saw. */
static bool is_snapshot_due(const struct vfl_run *run)
{
    const struct vfl_collector *collector = run->collector;
    if (collector->config->topology_instance_type == NULL)
        return false;
    if (collector->snapshot_steady_s == 0)
        return vfl_topology_relation_count(collector->topology) > 0;
    return run->steady_s - collector->snapshot_steady_s >= SNAPSHOT_INTERVAL_S;
}

static enum vfl_status emit_elements(struct vfl_run *run, bool is_snapshot, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_collector_ops *ops = &collector->ops;
    if (is_snapshot) {
        vfl_topology_forget_sent(collector->topology);
        ops->start_snapshot(ops->ctx);
    }
    enum vfl_status st = vfl_topology_emit(collector->topology, run->steady_s, ops->topology, err);
    /* One that broke off stays open: stopping it would delete what was not sent yet. */
    if (is_snapshot && st == VFL_OK) {
        ops->stop_snapshot(ops->ctx);
        collector->snapshot_steady_s = run->steady_s;
    }
    return st;
}

/* An emission that breaks off closes its transaction all the same, with a ledger that does not name
 * the objects: they are read again, and at worst some elements were sent twice. */
enum vfl_status vfl_run_emit(struct vfl_run *run, size_t read_count, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    struct vfl_confirmation *confirmation = &collector->confirmation;
    bool is_snapshot = is_snapshot_due(run);
    bool has_news = is_snapshot || vfl_topology_has_news(collector->topology, run->steady_s);
    /* A ledger that only forgets deleted objects is not worth a transaction of its own: it goes
     * with the next one. */
    bool is_ledger_due = run->has_ledger_news ||
                         (confirmation->support == VFL_STATE_PLAIN && run->report.deleted > 0);
    if (!has_news && read_count == 0 && !is_ledger_due)
        return VFL_OK;
    enum vfl_status st = prepare(run, read_count, err);
    if (st == VFL_OK)
        st = vfl_confirmation_open(confirmation, &collector->ops, err);
    if (st != VFL_OK)
        return st;
    st = emit_elements(run, is_snapshot, err);
    if (st != VFL_OK)
        vfl_topology_forget_sent(collector->topology);
    /* The caller's clock is the one that begin will look at. */
    int64_t stopped_ms = run->now.monotonic_ms + (vfl_clock_monotonic_ms() - run->start_ms);
    enum vfl_status close_status = vfl_confirmation_close(
        confirmation, &collector->ops, st == VFL_OK, stopped_ms, st == VFL_OK ? err : NULL);
    return st == VFL_OK ? close_status : st;
}
