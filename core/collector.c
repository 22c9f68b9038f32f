#include "core/collector.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/aws/session.h"
#include "core/confirmation.h"
#include "core/content_set.h"
#include "core/discovery.h"
#include "core/object_list.h"
#include "core/object_reader.h"
#include "core/run_report.h"
#include "core/store/store_dir.h"
#include "core/store/store_s3.h"

#define READ_ATTEMPTS 3
#define DELETE_BATCH 1000
/* Refused reads in a row before the rest is not even tried. */
#define MAX_DENIED_READS 3
#define MIN_RUN_MS 5000
#define SNAPSHOT_INTERVAL_S 300
/* Runs in which no delete went through before nothing new is read. */
#define MAX_FAILED_DELETE_RUNS 3

struct vfl_collector {
    const struct vfl_config *config;
    struct vfl_collector_ops ops;
    atomic_bool is_cancelled;
    struct vfl_aws_session *session; /* NULL when neither store nor interfaces need AWS */
    struct vfl_store *store;
    struct vfl_topology *topology;
    struct vfl_discovery discovery;
    struct vfl_confirmation confirmation;
    struct vfl_object_reader *reader;
    struct vfl_flow_table table; /* of the run under way */
    struct vfl_content_set contents;
    unsigned failed_delete_runs;
    int64_t snapshot_epoch_s; /* of the last full snapshot; 0: none yet */
    bool was_denied_told;     /* that interfaces cannot be described */
};

/* The run under way. */
struct run {
    struct vfl_collector *collector;
    struct vfl_run_time now;
    int64_t start_ms; /* of the clock that the run looks at itself */
    int64_t deadline_ms;
    struct vfl_run_report report;
    struct vfl_object_list list;
    bool is_listing_complete;
    struct vfl_error region_failure; /* of the region whose interfaces could not be read last */
    unsigned denied_count;           /* objects whose read was refused */
    struct vfl_error denial;         /* the first of them */
};

static int64_t monotonic_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- life ---------------------------------------------------------------------------------------
 */

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

static enum vfl_status open_session(struct vfl_collector *collector, struct vfl_error *err)
{
    const struct vfl_config *config = collector->config;
    if (config->store_directory != NULL && config->interfaces_file != NULL)
        return VFL_OK;
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
        .cancelled = &collector->is_cancelled,
    };
    return vfl_aws_session_new(&options, &collector->session, err);
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
    enum vfl_status st = open_session(collector, err);
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
        st = vfl_object_reader_new(&collector->reader, err);
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
    vfl_object_reader_free(collector->reader);
    vfl_flow_table_fini(&collector->table);
    vfl_content_set_fini(&collector->contents);
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
}

static enum vfl_status check_cancelled(const struct vfl_collector *collector, struct vfl_error *err)
{
    if (atomic_load(&collector->is_cancelled))
        return vfl_error_set(err, VFL_CANCELLED, "the run was cancelled");
    return VFL_OK;
}

/* Whether a status ends the run's work for now, rather than this object's or region's alone. */
static bool ends_work(enum vfl_status status)
{
    return status == VFL_CANCELLED || status == VFL_NO_MEMORY;
}

/* --- interfaces ---------------------------------------------------------------------------------
 */

static void on_region_failure(void *ctx, const char *region, enum vfl_status status,
                              const struct vfl_error *err)
{
    struct run *run = ctx;
    struct vfl_collector *collector = run->collector;
    run->region_failure = *err;
    if (status == VFL_DENIED && collector->was_denied_told)
        return;
    collector->was_denied_told |= status == VFL_DENIED;
    vfl_run_report_warn(
        &run->report, "interfaces of %s: %s%s", region, err->text,
        status == VFL_DENIED ? "; until then only records with a vpc-id column can be used" : "");
}

static enum vfl_status refresh_interfaces(struct run *run, bool is_unknown_seen,
                                          struct vfl_error *err)
{
    struct vfl_discovery_sink sink = {on_region_failure, run};
    enum vfl_status st = vfl_discovery_refresh(&run->collector->discovery, is_unknown_seen,
                                               run->now.epoch_s, sink, err);
    if (st == VFL_OK && vfl_discovery_is_blind(&run->collector->discovery)) {
        *err = run->region_failure;
        st = err->status;
    }
    return st == VFL_OK ? VFL_OK : vfl_error_wrap(err, st, "interfaces");
}

/* --- listing ------------------------------------------------------------------------------------
 */

static enum vfl_status list_objects(struct run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_config *config = collector->config;
    struct vfl_ledger *ledger = &collector->confirmation.ledger;
    size_t failed_count = 0;
    enum vfl_status last_status = VFL_OK;
    struct vfl_error failure = {0};
    vfl_ledger_start_listing(ledger);
    for (size_t i = 0; i < config->region_count; i++) {
        enum vfl_status st =
            vfl_object_list_add_region(&run->list, collector->store, config, config->regions[i],
                                       ledger, run->now.epoch_s, &failure);
        if (st == VFL_OK)
            continue;
        if (ends_work(st) || ++failed_count == config->region_count) {
            *err = failure;
            return st;
        }
        last_status = st;
        vfl_run_report_warn(&run->report, "listing region %s: %s", config->regions[i],
                            failure.text);
    }
    run->is_listing_complete = last_status == VFL_OK;
    vfl_object_list_sort(&run->list);
    run->report.listed = run->list.listed_count;
    run->report.paused = run->list.paused_count;
    run->report.waiting = run->list.beyond_count;
    if (run->list.bad_date_count > 0)
        vfl_run_report_warn(&run->report,
                            "%" PRIu64 " objects have an impossible date in their name and are "
                            "left alone, for example %s",
                            run->list.bad_date_count, run->list.bad_date_key);
    if (run->list.paused_count > 0)
        vfl_run_report_warn(&run->report,
                            "%" PRIu64 " bad objects are kept and will be tried again later",
                            run->list.paused_count);
    return VFL_OK;
}

/* --- deleting -----------------------------------------------------------------------------------
 */

struct delete_outcome {
    struct run *run;
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

static enum vfl_status delete_confirmed(struct run *run, struct vfl_error *err)
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
    for (size_t start = 0; start < list->to_delete_count && st == VFL_OK; start += DELETE_BATCH) {
        size_t count = list->to_delete_count - start;
        if (count > DELETE_BATCH)
            count = DELETE_BATCH;
        for (size_t i = 0; i < count; i++)
            keys[i] = list->to_delete[start + i].key;
        total.objects = &list->to_delete[start];
        struct vfl_error failure = {0};
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
    if (ends_work(st)) {
        *err = total.first_error;
        return st;
    }
    return VFL_OK;
}

/* Objects that are gone make room in the ledger for those that are read in this run. */
static enum vfl_status forget_gone(struct run *run, struct vfl_error *err)
{
    struct vfl_ledger *ledger = &run->collector->confirmation.ledger;
    return run->is_listing_complete ? vfl_ledger_forget_unlisted(ledger, err)
                                    : vfl_ledger_forget_deleted(ledger, err);
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* Same flow log, interval, CRC and size: the same object under another key. */
static uint64_t content_of(const struct vfl_object_key *key,
                           const struct vfl_object_summary *summary)
{
    uint64_t content = vfl_hash_bytes(1, key->flow_log_id.ptr, key->flow_log_id.len);
    content = vfl_hash_mix(content, (uint64_t)key->time_epoch_s);
    content = vfl_hash_mix(content, summary->content.crc32);
    return vfl_hash_finish(vfl_hash_mix(content, summary->content.output_bytes));
}

static enum vfl_status read_attempts(struct run *run, const struct vfl_store_object *object,
                                     const struct vfl_object_key *key, bool needs_vpc_id,
                                     struct vfl_object_summary *ret_summary, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    enum vfl_status st = VFL_RETRY;
    for (unsigned i = 0; i < READ_ATTEMPTS && st == VFL_RETRY; i++)
        st = vfl_object_read(collector->reader, collector->store, object, key, needs_vpc_id,
                             run->now.epoch_s, ret_summary, err);
    return st;
}

/* An object is merged whole or left for the next run. */
static bool fits(const struct vfl_flow_table *table, const struct vfl_flow_table *object)
{
    return object->flow_count <= VFL_FLOW_TABLE_MAX_FLOWS - table->flow_count &&
           object->window_count <= VFL_FLOW_TABLE_MAX_WINDOWS - table->window_count;
}

/* VFL_DEADLINE: no room left in this run. */
static enum vfl_status take_in(struct run *run, const struct vfl_listed_object *listed,
                               const struct vfl_object_key *key,
                               const struct vfl_object_summary *summary, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_flow_table *flows = vfl_object_reader_table(collector->reader);
    uint64_t content = content_of(key, summary);
    if (summary->content.output_bytes > 0 && vfl_content_set_has(&collector->contents, content)) {
        run->report.duplicates++;
        return VFL_OK;
    }
    if (!fits(&collector->table, flows))
        return vfl_error_set(err, VFL_DEADLINE, "this run has no room for more flows");
    enum vfl_status st = vfl_flow_table_merge(&collector->table, flows, err);
    if (st == VFL_OK)
        st = vfl_content_set_add(&collector->contents, content, err);
    if (st != VFL_OK)
        return st;
    vfl_run_report_add_object(&run->report, summary);
    if (summary->content.has_trailing_garbage)
        vfl_run_report_warn(&run->report, "object %s: bytes after its gzip data were ignored",
                            listed->key);
    return VFL_OK;
}

/* Reads one object. What is wrong with the object alone is noted and gives VFL_OK. *ret_is_read
 * says whether it counts as processed. */
static enum vfl_status read_object(struct run *run, struct vfl_listed_object *listed,
                                   bool *ret_is_read, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    struct vfl_object_key key;
    struct vfl_object_summary summary = {0};
    struct vfl_error failure = {0};
    struct vfl_store_object object = {
        .key = vfl_span_from_string(listed->key),
        .etag = vfl_span_from_string(listed->etag),
        .size_bytes = listed->size_bytes,
        .is_archived = listed->is_archived,
    };
    enum vfl_status st =
        vfl_object_key_parse(object.key, vfl_span_from_string(collector->config->log_prefix),
                             (struct vfl_span){0}, (struct vfl_span){0}, &key, &failure);
    enum vfl_region_view view = vfl_discovery_view(&collector->discovery, listed->region);
    if (st == VFL_OK)
        st = read_attempts(run, &object, &key, view == VFL_REGION_DENIED, &summary, &failure);
    if (st == VFL_OK) {
        st = take_in(run, listed, &key, &summary, err);
        *ret_is_read = st == VFL_OK;
        return st;
    }
    *ret_is_read = false;
    if (st == VFL_NOT_FOUND)
        return VFL_OK; /* deleted by a lifecycle rule or by somebody else since the listing */
    if (ends_work(st) || st == VFL_DEADLINE) {
        *err = failure;
        return st;
    }
    run->report.failed++;
    vfl_run_report_warn(&run->report, "object %s is kept: %s", listed->key, failure.text);
    if (st == VFL_DENIED && run->denied_count++ == 0)
        run->denial = failure;
    /* Neither a network that fails nor a missing permission says anything about the object: no
     * pause, so that it is read as soon as that is mended. */
    if (st == VFL_RETRY || st == VFL_DENIED)
        return VFL_OK;
    return vfl_ledger_note_failed(&collector->confirmation.ledger, listed->digest, run->now.epoch_s,
                                  err);
}

/* Keeps the objects that were read at the front of to_read; returns how many. */
static enum vfl_status read_objects(struct run *run, size_t *ret_read_count, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    struct vfl_object_list *list = &run->list;
    size_t read_count = 0;
    size_t room = vfl_ledger_room(&collector->confirmation.ledger);
    vfl_object_reader_set_eras(collector->reader,
                               &vfl_topology_interfaces(collector->topology)->eras);
    for (size_t i = 0; i < list->to_read_count; i++) {
        struct vfl_listed_object *listed = &list->to_read[i];
        enum vfl_status st = check_cancelled(collector, err);
        if (st != VFL_OK)
            return st;
        bool is_over = read_count == room || monotonic_ms() >= run->deadline_ms ||
                       (read_count == 0 && run->denied_count >= MAX_DENIED_READS);
        bool is_ready =
            vfl_discovery_view(&collector->discovery, listed->region) != VFL_REGION_NOT_READY;
        if (is_over || !is_ready) {
            run->report.waiting++;
            run->report.oldest_waiting_epoch_s = listed->time_epoch_s;
            continue;
        }
        bool is_read = false;
        st = read_object(run, listed, &is_read, err);
        if (st == VFL_DEADLINE) {
            /* The time is over, or the run's table is full: this one and the rest wait. */
            run->deadline_ms = INT64_MIN;
            run->report.waiting++;
            continue;
        }
        if (st != VFL_OK)
            return st;
        if (is_read) {
            struct vfl_listed_object read = *listed;
            *listed = list->to_read[read_count];
            list->to_read[read_count++] = read;
        }
    }
    if (read_count == 0 && run->denied_count > 0) {
        *err = run->denial;
        return VFL_DENIED;
    }
    *ret_read_count = read_count;
    return VFL_OK;
}

/* --- emitting -----------------------------------------------------------------------------------
 */

static enum vfl_status apply_flows(struct run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    if (vfl_topology_unknown_interfaces(collector->topology, &collector->table) > 0) {
        enum vfl_status st = refresh_interfaces(run, true, err);
        if (st != VFL_OK && st != VFL_DEADLINE)
            return st;
    }
    return vfl_topology_apply(collector->topology, &collector->table, run->now.epoch_s,
                              &run->report.topology, err);
}

static enum vfl_status note_emitted(struct run *run, size_t read_count, struct vfl_error *err)
{
    struct vfl_ledger *ledger = &run->collector->confirmation.ledger;
    for (size_t i = 0; i < read_count; i++) {
        enum vfl_status st = vfl_ledger_note_emitted(ledger, run->list.to_read[i].digest, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

/* Only with an instance key of its own: under the shared one a snapshot would delete the account
 * scan's elements. Before anything is live there is nothing to tell, and after a restart an empty
 * snapshot would delete what the process before this one saw. */
static bool is_snapshot_due(const struct run *run)
{
    const struct vfl_collector *collector = run->collector;
    if (collector->config->topology_instance_type == NULL)
        return false;
    if (collector->snapshot_epoch_s == 0)
        return vfl_topology_relation_count(collector->topology) > 0;
    return run->now.epoch_s - collector->snapshot_epoch_s >= SNAPSHOT_INTERVAL_S;
}

static enum vfl_status emit_elements(struct run *run, bool is_snapshot, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_collector_ops *ops = &collector->ops;
    if (is_snapshot) {
        vfl_topology_forget_sent(collector->topology);
        ops->start_snapshot(ops->ctx);
    }
    enum vfl_status st =
        vfl_topology_emit(collector->topology, run->now.epoch_s, ops->topology, err);
    /* One that broke off stays open: stopping it would delete what was not sent yet. */
    if (is_snapshot && st == VFL_OK) {
        ops->stop_snapshot(ops->ctx);
        collector->snapshot_epoch_s = run->now.epoch_s;
    }
    return st;
}

/* An emission that breaks off closes its transaction all the same, with a ledger that does not name
 * the objects: they are read again, and at worst some elements were sent twice. */
static enum vfl_status emit_topology(struct run *run, size_t read_count, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    struct vfl_confirmation *confirmation = &collector->confirmation;
    bool is_snapshot = is_snapshot_due(run);
    bool has_news = is_snapshot || vfl_topology_has_news(collector->topology, run->now.epoch_s);
    /* A ledger that only forgets deleted objects is not worth a transaction of its own: it goes
     * with the next one. */
    bool is_ledger_due = run->report.failed > 0 ||
                         (confirmation->support == VFL_STATE_PLAIN && run->report.deleted > 0);
    if (!has_news && read_count == 0 && !is_ledger_due)
        return VFL_OK;
    vfl_confirmation_open(confirmation, &collector->ops);
    enum vfl_status st = emit_elements(run, is_snapshot, err);
    if (st == VFL_OK)
        st = note_emitted(run, read_count, err);
    else
        vfl_topology_forget_sent(collector->topology);
    /* The caller's clock is the one that begin will look at. */
    int64_t stopped_ms = run->now.monotonic_ms + (monotonic_ms() - run->start_ms);
    enum vfl_status close_status = vfl_confirmation_close(confirmation, &collector->ops, stopped_ms,
                                                          st == VFL_OK ? err : NULL);
    return st == VFL_OK ? close_status : st;
}

/* --- one run ------------------------------------------------------------------------------------
 */

static enum vfl_status check_backlog(const struct vfl_collector *collector, struct vfl_error *err)
{
    if (vfl_ledger_room(&collector->confirmation.ledger) == 0 && collector->config->is_dry_run)
        return vfl_error_set(err, VFL_LIMIT,
                             "dry_run keeps every object, and %u processed ones are as many as can "
                             "be remembered: switch dry_run off to go on",
                             VFL_LEDGER_MAX_EMITTED);
    if (vfl_ledger_room(&collector->confirmation.ledger) == 0)
        return vfl_error_set(err, VFL_LIMIT,
                             "%u processed objects could not be deleted yet, so no new ones are "
                             "read: check s3:DeleteObject on bucket %s",
                             VFL_LEDGER_MAX_EMITTED, collector->config->bucket);
    if (collector->failed_delete_runs >= MAX_FAILED_DELETE_RUNS && !collector->config->is_dry_run)
        return vfl_error_set(err, VFL_DENIED,
                             "no processed object could be deleted in the last %u runs, so no new "
                             "ones are read: check s3:DeleteObject on bucket %s",
                             collector->failed_delete_runs, collector->config->bucket);
    return VFL_OK;
}

static enum vfl_status connect(struct vfl_collector *collector, struct vfl_error *err)
{
    const struct vfl_collector_ops *ops = &collector->ops;
    enum vfl_status st = VFL_OK;
    if (collector->session != NULL)
        st = vfl_aws_session_connect(collector->session, err);
    if (st == VFL_CANCELLED)
        return st;
    ops->service_check(ops->ctx, VFL_CHECK_CAN_CONNECT,
                       st == VFL_OK ? VFL_CHECK_OK : VFL_CHECK_CRITICAL,
                       st == VFL_OK ? "" : err->text);
    return st;
}

/* The run's order, from the confirmed past to the new ledger. */
static enum vfl_status work(struct run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    size_t read_count = 0;
    enum vfl_status backlog_status = VFL_OK;
    enum vfl_status st = connect(collector, err);
    if (st == VFL_OK)
        st = collector->store->ops->check_versioning(collector->store, err);
    if (st == VFL_OK)
        st = refresh_interfaces(run, false, err);
    if (st == VFL_OK)
        st = list_objects(run, err);
    if (st == VFL_OK)
        st = delete_confirmed(run, err);
    if (st == VFL_OK)
        st = forget_gone(run, err);
    if (st != VFL_OK)
        return st;
    backlog_status = check_backlog(collector, err);
    if (backlog_status == VFL_OK)
        st = read_objects(run, &read_count, err);
    if (st == VFL_OK)
        st = apply_flows(run, err);
    if (st == VFL_OK)
        st = emit_topology(run, read_count, err);
    return st == VFL_OK ? backlog_status : st;
}

static enum vfl_status begin(struct run *run, enum vfl_confirmation_outcome *ret_outcome,
                             struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    enum vfl_status st = vfl_confirmation_begin(&collector->confirmation, &collector->ops,
                                                run->now.monotonic_ms, ret_outcome, err);
    if (st != VFL_OK)
        return st;
    if (*ret_outcome == VFL_CONFIRMATION_GO)
        return vfl_content_set_keep(&collector->contents, err);
    if (*ret_outcome == VFL_CONFIRMATION_REPEAT) {
        vfl_content_set_drop(&collector->contents);
        vfl_topology_forget_sent(collector->topology);
        vfl_run_report_warn(&run->report, "the agent did not confirm what was sent 11 minutes ago: "
                                          "its objects are processed again");
    }
    return VFL_OK;
}

static void fail(struct run *run, enum vfl_status status, const struct vfl_error *err)
{
    const struct vfl_collector_ops *ops = &run->collector->ops;
    /* What was read in this run is read again, so its contents are new again. */
    vfl_content_set_drop(&run->collector->contents);
    if (status != VFL_CANCELLED)
        ops->service_check(ops->ctx, VFL_CHECK_CAN_UPDATE, VFL_CHECK_CRITICAL, err->text);
}

static int64_t run_budget_ms(const struct vfl_config *config)
{
    int64_t budget_ms = (int64_t)config->collection_interval_s * 750;
    return budget_ms > MIN_RUN_MS ? budget_ms : MIN_RUN_MS;
}

enum vfl_status vfl_collector_run(struct vfl_collector *collector, struct vfl_run_time now,
                                  struct vfl_error *err)
{
    struct vfl_error local = {0};
    if (err == NULL)
        err = &local;
    int64_t start_ms = monotonic_ms();
    struct run run = {
        .collector = collector,
        .now = now,
        .start_ms = start_ms,
        .deadline_ms = start_ms + run_budget_ms(collector->config),
    };
    vfl_run_report_init(&run.report, &collector->ops);
    vfl_flow_table_reset(&collector->table);
    if (collector->session != NULL)
        vfl_aws_session_start_run(collector->session, run.deadline_ms);
    enum vfl_confirmation_outcome outcome = VFL_CONFIRMATION_GO;
    enum vfl_status st = check_cancelled(collector, err);
    if (st == VFL_OK)
        st = begin(&run, &outcome, err);
    if (st == VFL_OK && outcome == VFL_CONFIRMATION_WAIT)
        collector->ops.notice(collector->ops.ctx, VFL_NOTICE_INFO,
                              "waiting for the agent to confirm what was sent last");
    else if (st == VFL_OK)
        st = work(&run, err);
    if (st == VFL_OK)
        vfl_run_report_finish(
            &run.report, collector->topology, now.epoch_s,
            (double)(monotonic_ms() - start_ms) / 1000.0,
            collector->session == NULL ? 0 : vfl_aws_session_request_count(collector->session));
    else
        fail(&run, st, err);
    vfl_object_list_fini(&run.list);
    return st;
}
