#include "core/collector.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/claims.h"
#include "core/run.h"
#include "core/store/store_dir.h"
#include "core/store/store_s3.h"

#define MIN_RUN_MS 5000
/* Runs in which no delete went through before nothing new is read. */
#define MAX_FAILED_DELETE_RUNS 3

enum vfl_status vfl_run_check_cancelled(const struct vfl_collector *collector,
                                        struct vfl_error *err)
{
    if (atomic_load(&collector->is_cancelled))
        return vfl_error_set(err, VFL_CANCELLED, "the run was cancelled");
    return VFL_OK;
}

/* Whether a status ends the run's work for now, rather than this object's or region's alone. */
bool vfl_run_ends_work(enum vfl_status status)
{
    return status == VFL_CANCELLED || status == VFL_NO_MEMORY;
}

/* --- life --- */

static enum vfl_status open_store(struct vfl_collector *collector, struct vfl_error *err)
{
    const struct vfl_config *config = collector->config;
    if (config->store_directory != NULL)
        return vfl_store_dir_new(config->store_directory, config->bucket, &collector->is_cancelled,
                                 &collector->store, err);
    return vfl_store_s3_new(collector->session, config->bucket,
                            config->is_default_bucket ? config->account : NULL, &collector->store,
                            err);
}

enum vfl_status vfl_collector_open_session(const struct vfl_config *config,
                                           const atomic_bool *cancelled,
                                           struct vfl_aws_session **ret_session,
                                           struct vfl_error *err)
{
    if (config->store_directory != NULL && config->interfaces_file != NULL) {
        *ret_session = NULL;
        return VFL_OK;
    }
    struct vfl_aws_session_options options = {
        .access_key_id = config->access_key_id,
        .secret_access_key = config->secret_access_key,
        .role_arn = config->role_arn,
        .external_id = config->is_external_id_check_disabled ? NULL : config->external_id,
        .is_external_id_check_disabled = config->is_external_id_check_disabled,
        .region = config->regions[0],
        .sts_endpoint_url = config->sts_endpoint_url,
        .ec2_endpoint_url = config->ec2_endpoint_url,
        .s3_endpoint_url = config->store_directory == NULL ? config->s3_endpoint_url : NULL,
        .is_s3_path_style = config->is_s3_path_style,
        .cancelled = cancelled,
    };
    return vfl_aws_session_new(&options, ret_session, err);
}

static enum vfl_status open_workers(struct vfl_collector *collector, struct vfl_error *err)
{
    const struct vfl_workers_options options = {
        .store = collector->store,
        .worker_count = collector->config->worker_count,
        .is_remote = collector->config->store_directory == NULL,
    };
    return vfl_workers_new(&options, &collector->workers, err);
}

enum vfl_status vfl_collector_new(const struct vfl_config *config,
                                  const struct vfl_collector_ops *ops,
                                  struct vfl_collector **ret_collector, struct vfl_error *err)
{
    struct vfl_collector *collector = calloc(1, sizeof *collector);
    if (collector == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the collector");
    collector->config = config;
    collector->ops = *ops;
    atomic_init(&collector->is_cancelled, false);
    struct vfl_topology_options options = {
        .default_region = config->regions[0],
        .expire_after_s = config->expire_after_s,
        .is_scope_all = config->is_scope_all,
        .is_accepted_only = config->is_accepted_only,
        .max_relations = config->max_relations,
    };
    enum vfl_status st =
        vfl_collector_open_session(config, &collector->is_cancelled, &collector->session, err);
    if (st == VFL_OK)
        st = open_store(collector, err);
    if (st == VFL_OK)
        st = vfl_topology_new(&options, &collector->topology, err);
    if (st == VFL_OK)
        st = vfl_discovery_init(&collector->discovery, config, collector->session,
                                vfl_topology_interfaces(collector->topology), err);
    if (st == VFL_OK)
        st = vfl_confirmation_init(&collector->confirmation, config, err);
    if (st == VFL_OK)
        st = vfl_listing_plan_init(&collector->listing, config->region_count, err);
    if (st == VFL_OK) {
        collector->access = calloc(config->region_count, sizeof *collector->access);
        if (collector->access == NULL)
            st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for the collector");
    }
    if (st == VFL_OK)
        st = open_workers(collector, err);
    if (st != VFL_OK) {
        vfl_collector_free(collector);
        return st;
    }
    *ret_collector = collector;
    return VFL_OK;
}

void vfl_collector_free(struct vfl_collector *collector)
{
    if (collector == NULL)
        return;
    vfl_claims_release(collector);
    vfl_workers_free(collector->workers);
    vfl_flow_table_fini(&collector->table);
    vfl_content_set_fini(&collector->contents);
    vfl_listing_plan_fini(&collector->listing);
    free(collector->access);
    vfl_confirmation_fini(&collector->confirmation);
    vfl_discovery_fini(&collector->discovery);
    vfl_topology_free(collector->topology);
    if (collector->store != NULL)
        collector->store->ops->free(collector->store);
    vfl_aws_session_free(collector->session);
    free(collector);
}

void vfl_collector_cancel(struct vfl_collector *collector)
{
    atomic_store(&collector->is_cancelled, true);
    vfl_workers_cancel(collector->workers);
}

/* --- interfaces --- */

/* A missing permission is told once, and stays in the service check while it is missing. */
static void on_region_failure(void *ctx, const char *region, enum vfl_status status,
                              const struct vfl_error *err)
{
    struct vfl_run *run = ctx;
    struct vfl_collector *collector = run->collector;
    collector->region_failure = *err;
    if (status != VFL_DENIED) {
        vfl_run_report_warn(&run->report, "interfaces of %s: %s", region, err->text);
        return;
    }
    (void)vfl_error_set(&collector->interfaces_denial, VFL_DENIED,
                        "interfaces of %s: %s; until then only records with a vpc-id column can "
                        "be used",
                        region, err->text);
    if (!collector->was_denied_told)
        collector->ops.notice(collector->ops.ctx, VFL_NOTICE_WARNING,
                              collector->interfaces_denial.text);
    collector->was_denied_told = true;
}

enum vfl_status vfl_run_refresh_interfaces(struct vfl_run *run, bool is_unknown_seen,
                                           struct vfl_error *err)
{
    struct vfl_discovery_sink sink = {on_region_failure, run};
    enum vfl_status st = vfl_discovery_refresh(&run->collector->discovery, is_unknown_seen,
                                               run->steady_s, sink, err);
    if (vfl_discovery_is_denied(&run->collector->discovery) && !is_unknown_seen)
        vfl_run_report_keep_warning(&run->report, run->collector->interfaces_denial.text);
    if (st == VFL_OK && vfl_discovery_is_blind(&run->collector->discovery)) {
        *err = run->collector->region_failure;
        st = err->status;
    }
    return st == VFL_OK ? VFL_OK : vfl_error_wrap(err, st, "interfaces");
}

/* --- one run --- */

/* A limit is no error, but whoever trusts the picture has to know that it is not the whole. */
static void warn_of_limits(struct vfl_run *run)
{
    uint32_t left_out = vfl_topology_left_out_count(run->collector->topology);
    if (left_out > 0)
        vfl_run_report_warn(&run->report,
                            "%u relations are left out: those with the most bytes are kept, up to "
                            "max_relations (%u)",
                            left_out, run->collector->config->max_relations);
    if (run->report.topology.over_limit > 0)
        vfl_run_report_warn(&run->report,
                            "%" PRIu64 " records are left out: there are more pairs of addresses "
                            "than can be kept; a scan? raise max_relations if they are wanted",
                            run->report.topology.over_limit);
}

static enum vfl_status apply_flows(struct vfl_run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    if (vfl_topology_unknown_interfaces(collector->topology, &collector->table) > 0) {
        enum vfl_status st = vfl_run_refresh_interfaces(run, true, err);
        if (st != VFL_OK && st != VFL_DEADLINE)
            return st;
    }
    enum vfl_status st = vfl_topology_apply(collector->topology, &collector->table, run->steady_s,
                                            &run->report.topology, err);
    if (st == VFL_OK)
        warn_of_limits(run);
    return st;
}

/* Only when every region is listed whole does the ledger forget what no listing shows. */
static enum vfl_status explain_full_ledger(const struct vfl_run *run, struct vfl_error *err)
{
    const struct vfl_collector *collector = run->collector;
    uint32_t vanished_count = vfl_ledger_vanished_count(&collector->confirmation.ledger);
    if (vanished_count > run->report.delete_failed && collector->listing_failure.text[0] != '\0')
        return vfl_error_set(err, VFL_LIMIT,
                             "%u processed objects are remembered, so no new ones are read: %u of "
                             "them were not listed, and are forgotten only when every region can "
                             "be listed whole: %s",
                             VFL_LEDGER_MAX_EMITTED, vanished_count,
                             collector->listing_failure.text);
    return vfl_error_set(err, VFL_LIMIT,
                         "%u processed objects could not be deleted yet, so no new ones are read: "
                         "check s3:DeleteObject on bucket %s",
                         VFL_LEDGER_MAX_EMITTED, collector->config->bucket);
}

static enum vfl_status check_backlog(struct vfl_run *run, struct vfl_error *err)
{
    const struct vfl_collector *collector = run->collector;
    if (collector->config->is_dry_run) {
        if (vfl_ledger_room(&collector->confirmation.ledger) == 0)
            vfl_run_report_warn(&run->report,
                                "dry_run keeps every object, and %u processed ones are as many as "
                                "can be remembered: further ones are not read",
                                VFL_LEDGER_MAX_EMITTED);
        return VFL_OK;
    }
    if (vfl_ledger_room(&collector->confirmation.ledger) == 0)
        return explain_full_ledger(run, err);
    if (collector->failed_delete_runs >= MAX_FAILED_DELETE_RUNS)
        return vfl_error_set(err, VFL_DENIED,
                             "no processed object could be deleted in the last %u runs, so no new "
                             "ones are read: check s3:DeleteObject on bucket %s",
                             collector->failed_delete_runs, collector->config->bucket);
    return VFL_OK;
}

/* Once: it is as true in every run. */
static void tell_session_note(struct vfl_collector *collector)
{
    const char *note = vfl_aws_session_note(collector->session);
    if (note[0] != '\0' && !collector->was_note_told)
        collector->ops.notice(collector->ops.ctx, VFL_NOTICE_WARNING, note);
    collector->was_note_told |= note[0] != '\0';
}

static enum vfl_status connect(struct vfl_collector *collector, struct vfl_error *err)
{
    const struct vfl_collector_ops *ops = &collector->ops;
    enum vfl_status st = VFL_OK;
    if (collector->session != NULL) {
        st = vfl_aws_session_connect(collector->session, err);
        tell_session_note(collector);
    }
    if (st == VFL_CANCELLED)
        return st;
    ops->service_check(ops->ctx, VFL_CHECK_CAN_CONNECT,
                       st == VFL_OK ? VFL_CHECK_OK : VFL_CHECK_CRITICAL,
                       st == VFL_OK ? "" : err->text);
    return st;
}

/* The run's order, from the confirmed past to the new ledger. */
static enum vfl_status work(struct vfl_run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    size_t read_count = 0;
    enum vfl_status backlog_status = VFL_OK;
    enum vfl_status st = connect(collector, err);
    if (st == VFL_OK)
        st = collector->store->ops->check_versioning(collector->store, err);
    if (st == VFL_OK)
        st = vfl_run_refresh_interfaces(run, false, err);
    if (st == VFL_OK)
        st = vfl_run_list_objects(run, err);
    if (st == VFL_OK)
        st = vfl_run_delete_confirmed(run, err);
    if (st == VFL_OK)
        st = vfl_run_forget_gone(run, err);
    if (st != VFL_OK)
        return st;
    backlog_status = check_backlog(run, err);
    if (backlog_status == VFL_OK)
        st = vfl_run_read_objects(run, &read_count, err);
    if (st == VFL_OK)
        st = apply_flows(run, err);
    if (st == VFL_OK)
        st = vfl_run_emit(run, read_count, err);
    if (st == VFL_OK && run->is_reading_denied) {
        *err = run->denial;
        return VFL_DENIED;
    }
    return st == VFL_OK ? backlog_status : st;
}

/* What a run that fails has read is read again, so its contents are new again. Those that wait for
 * the confirmation of an earlier run are not its own to drop. */
static enum vfl_status work_or_drop(struct vfl_run *run, struct vfl_error *err)
{
    enum vfl_status st = work(run, err);
    if (st != VFL_OK)
        vfl_content_set_drop(&run->collector->contents);
    return st;
}

static enum vfl_status begin(struct vfl_run *run, enum vfl_confirmation_outcome *ret_outcome,
                             struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    enum vfl_status st = vfl_confirmation_begin(&collector->confirmation, &collector->ops,
                                                run->now.monotonic_ms, ret_outcome, err);
    if (st != VFL_OK)
        return st;
    if (*ret_outcome == VFL_CONFIRMATION_WAIT)
        return VFL_OK;
    if (*ret_outcome == VFL_CONFIRMATION_GO)
        st = vfl_content_set_keep(&collector->contents, err);
    if (*ret_outcome == VFL_CONFIRMATION_REPEAT) {
        vfl_content_set_drop(&collector->contents);
        vfl_topology_forget_sent(collector->topology);
        vfl_listing_plan_require_full(&collector->listing); /* the ledger went back */
        vfl_run_report_warn(&run->report, "the agent did not confirm what was sent 11 minutes ago: "
                                          "its objects are processed again");
    }
    return st == VFL_OK ? vfl_topology_confirm_sent(collector->topology, err) : st;
}

static void fail(struct vfl_run *run, enum vfl_status status, const struct vfl_error *err)
{
    const struct vfl_collector_ops *ops = &run->collector->ops;
    if (status != VFL_CANCELLED)
        ops->service_check(ops->ctx, VFL_CHECK_CAN_UPDATE, VFL_CHECK_CRITICAL, err->text);
}

static int64_t run_budget_ms(const struct vfl_config *config)
{
    int64_t budget_ms = (int64_t)config->collection_interval_s * 750;
    return budget_ms > MIN_RUN_MS ? budget_ms : MIN_RUN_MS;
}

/* What the topology remembers it by must neither expire all at once nor stay for days because
 * somebody set the clock. */
static int64_t steady_s_of(struct vfl_collector *collector, struct vfl_run_time now)
{
    if (collector->steady_base_s == 0)
        collector->steady_base_s = now.epoch_s - now.monotonic_ms / 1000;
    return collector->steady_base_s + now.monotonic_ms / 1000;
}

enum vfl_status vfl_collector_run(struct vfl_collector *collector, struct vfl_run_time now,
                                  struct vfl_error *err)
{
    struct vfl_error local = {0};
    if (err == NULL)
        err = &local;
    int64_t start_ms = vfl_clock_monotonic_ms();
    struct vfl_run run = {
        .collector = collector,
        .now = now,
        .steady_s = steady_s_of(collector, now),
        .start_ms = start_ms,
        .deadline_ms = start_ms + run_budget_ms(collector->config),
    };
    vfl_run_report_init(&run.report, &collector->ops);
    vfl_flow_table_reset(&collector->table);
    if (collector->session != NULL)
        vfl_aws_session_start_run(collector->session, run.deadline_ms);
    enum vfl_confirmation_outcome outcome = VFL_CONFIRMATION_GO;
    enum vfl_status st = vfl_run_check_cancelled(collector, err);
    if (st == VFL_OK)
        st = vfl_claims_take(collector->config, collector, err);
    if (st == VFL_OK)
        st = begin(&run, &outcome, err);
    if (st == VFL_OK && outcome == VFL_CONFIRMATION_WAIT)
        collector->ops.notice(collector->ops.ctx, VFL_NOTICE_INFO,
                              "waiting for the agent to confirm what was sent last");
    else if (st == VFL_OK)
        st = work_or_drop(&run, err);
    if (st == VFL_OK)
        vfl_run_report_finish(
            &run.report, collector->topology, now.epoch_s,
            (double)(vfl_clock_monotonic_ms() - start_ms) / 1000.0,
            collector->session == NULL ? 0 : vfl_aws_session_request_count(collector->session));
    else
        fail(&run, st, err);
    vfl_object_list_fini(&run.list);
    return st;
}
