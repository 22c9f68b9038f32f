#include "core/run.h"

#include <inttypes.h>

/* Refused reads of a region before its other objects are not even tried. */
#define MAX_DENIED_READS 3

/* Same flow log, interval, CRC and size: the same object under another key. */
static uint64_t content_of(const struct vfl_object_key *key,
                           const struct vfl_object_summary *summary)
{
    uint64_t content = vfl_hash_bytes(1, key->flow_log_id.ptr, key->flow_log_id.len);
    content = vfl_hash_mix(content, (uint64_t)key->time_epoch_s);
    content = vfl_hash_mix(content, summary->content.crc32);
    return vfl_hash_finish(vfl_hash_mix(content, summary->content.output_bytes));
}

/* VFL_DEADLINE: no room left in this run. */
static enum vfl_status take_in(struct vfl_run *run, const struct vfl_reading *reading,
                               struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_listed_object *listed = reading->task.listed;
    const struct vfl_object_summary *summary = &reading->summary;
    uint64_t content = content_of(&reading->task.key, summary);
    if (summary->content.output_bytes > 0 && vfl_content_set_has(&collector->contents, content)) {
        run->report.duplicates++;
        return VFL_OK;
    }
    /* An object is merged whole or left for the next run. */
    if (!vfl_flow_table_has_room(&collector->table, reading->flows))
        return vfl_error_set(err, VFL_DEADLINE, "this run has no room for more flows");
    enum vfl_status st = vfl_flow_table_take(&collector->table, reading->flows, err);
    if (st == VFL_OK)
        st = vfl_content_set_add(&collector->contents, content, err);
    if (st != VFL_OK)
        return st;
    vfl_run_report_add_object(&run->report, summary);
    uint64_t lost_lines = summary->records[VFL_RECORD_MALFORMED] + summary->overlong_lines;
    if (lost_lines > 0)
        vfl_run_report_warn(&run->report,
                            "object %s: %" PRIu64 " lines could not be read and were left out",
                            listed->key, lost_lines);
    if (summary->content.has_trailing_garbage)
        vfl_run_report_warn(&run->report, "object %s: bytes after its gzip data were ignored",
                            listed->key);
    return VFL_OK;
}

/* With a wrong role, region or interfaces file no record could be placed: deleting such an object
 * would lose it for nothing. */
static enum vfl_status check_interfaces(struct vfl_run *run, const struct vfl_flow_table *flows,
                                        struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    if (!vfl_topology_is_blind_to(collector->topology, flows))
        return VFL_OK;
    enum vfl_status st = vfl_run_refresh_interfaces(run, true, err);
    if (st != VFL_OK || !vfl_topology_is_blind_to(collector->topology, flows))
        return st;
    /* Merged all the same, because its records are counted as what they are. */
    if (vfl_flow_table_has_room(&collector->table, flows))
        st = vfl_flow_table_merge(&collector->table, flows, err);
    if (st != VFL_OK)
        return st;
    return vfl_error_set(err, VFL_UNSUPPORTED,
                         "none of its records names an interface that is known, for example %s: "
                         "check regions, the role's account and interfaces_file",
                         vfl_tokens_text(&flows->tokens, flows->contexts[0].interface_id));
}

/* ---- objects that cannot be read ---- */

static struct vfl_region_access *access_of(const struct vfl_run *run,
                                           const struct vfl_listed_object *listed)
{
    const struct vfl_config *config = run->collector->config;
    size_t i = 0;
    while (i + 1 < config->region_count && config->regions[i] != listed->region)
        i++;
    return &run->collector->access[i];
}

static enum vfl_status pause_object(struct vfl_run *run, const struct vfl_listed_object *listed,
                                    struct vfl_error *err)
{
    run->has_ledger_news = true;
    return vfl_ledger_note_failed(&run->collector->confirmation.ledger, listed->digest,
                                  run->now.epoch_s, err);
}

static bool is_known_bad(const struct vfl_run *run, const struct vfl_listed_object *listed)
{
    return vfl_ledger_find(&run->collector->confirmation.ledger, listed->digest) != NULL;
}

/* What is wrong with the object alone is noted and gives VFL_OK. */
static enum vfl_status note_failure(struct vfl_run *run, struct vfl_listed_object *listed,
                                    enum vfl_status st, const struct vfl_error *failure,
                                    struct vfl_error *err)
{
    if (st == VFL_NOT_FOUND)
        return VFL_OK; /* deleted by a lifecycle rule or by somebody else since the listing */
    if (vfl_run_ends_work(st) || st == VFL_DEADLINE) {
        *err = *failure;
        return st;
    }
    run->report.failed++;
    vfl_run_report_warn(&run->report, "object %s is kept: %s", listed->key, failure->text);
    if (st == VFL_DENIED) {
        if (run->denial.text[0] == '\0')
            run->denial = *failure;
        listed->is_refused = true;
        access_of(run, listed)->refused_count += !is_known_bad(run, listed);
    }
    /* A network that fails says nothing about the object: no pause, so that it is read as soon as
     * that is mended. What a refusal says shows when all are back. */
    if (st == VFL_RETRY || st == VFL_DENIED)
        return VFL_OK;
    return pause_object(run, listed, err);
}

/* It would be the first one of every run, and what is older would wait for ever. */
static enum vfl_status note_overlong(struct vfl_run *run, const struct vfl_reading *reading,
                                     struct vfl_error *err)
{
    const struct vfl_listed_object *listed = reading->task.listed;
    run->report.failed++;
    vfl_run_report_warn(&run->report,
                        "object %s is kept: the run's time ended after %.1f seconds in which its "
                        "%.1f MB were not read whole: set a longer collection_interval or fewer "
                        "workers, or use a faster link",
                        listed->key, (double)reading->took_ms / 1000.0,
                        (double)listed->size_bytes / 1e6);
    return pause_object(run, listed, err);
}

static bool is_region_refused(const struct vfl_region_access *access)
{
    return access->refused_count >= MAX_DENIED_READS && access->read_count == 0;
}

static bool was_refused(const struct vfl_collector *collector, uint64_t digest)
{
    for (size_t i = 0; i < collector->refused_count && i < VFL_RUN_MAX_REFUSED; i++)
        if (collector->refused[i] == digest)
            return true;
    return false;
}

/* What was refused without a pause comes last: among the others may be some that can be read. */
static void start_accesses(struct vfl_run *run)
{
    struct vfl_collector *collector = run->collector;
    struct vfl_object_list *list = &run->list;
    for (size_t i = 0; i < collector->config->region_count; i++)
        collector->access[i].read_count = collector->access[i].refused_count = 0;
    for (size_t i = 0; i < list->to_read_count; i++)
        list->to_read[i].is_deferred = was_refused(collector, list->to_read[i].digest);
}

/* Where others can be read, a refusal is the object's own affair, and it gets a pause as bad ones
 * do. Else a permission is missing: no pause, so that all are read at once when it is mended. */
static bool is_refused_alone(const struct vfl_region_access *access)
{
    return access->read_count > 0 || (access->is_readable && !is_region_refused(access));
}

static enum vfl_status settle_refusals(struct vfl_run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; i < run->list.to_read_count && st == VFL_OK; i++) {
        const struct vfl_listed_object *listed = &run->list.to_read[i];
        if (!listed->is_refused)
            continue;
        if (is_refused_alone(access_of(run, listed)))
            st = pause_object(run, listed, err);
        else if (!listed->is_deferred)
            collector->refused[collector->refused_count++ % VFL_RUN_MAX_REFUSED] = listed->digest;
    }
    return st;
}

/* Gives whether a permission seems to be missing in a region. */
static bool finish_accesses(struct vfl_run *run)
{
    const struct vfl_collector *collector = run->collector;
    bool is_missing = false;
    for (size_t i = 0; i < collector->config->region_count; i++) {
        struct vfl_region_access *access = &collector->access[i];
        is_missing |= access->refused_count > 0 && !is_refused_alone(access);
        if (access->read_count + access->refused_count > 0)
            access->is_readable = access->read_count > 0;
    }
    return is_missing;
}

/* ---- the reading of a run ---- */

/* Objects are handed out newest first, and taken in as they come back. What
 * comes of it does not depend on who is first: the run's table does not care for order, and nothing
 * that is decided on the way looks at what is still out. */
struct reading_phase {
    struct vfl_run *run;
    size_t next; /* of list.to_read, gone through twice: the second time for the deferred ones */
    size_t room; /* in the ledger */
    int64_t budget_ms; /* of the whole run */
    size_t begun_count;
    size_t read_count;
    bool is_table_full;
};

static enum vfl_status hand_out(struct reading_phase *phase, struct vfl_listed_object *listed,
                                struct vfl_error *err)
{
    struct vfl_collector *collector = phase->run->collector;
    enum vfl_region_view view = vfl_discovery_view(&collector->discovery, listed->region);
    struct vfl_error failure = {0};
    struct vfl_reading_task task = {
        .object = {.key = vfl_span_from_string(listed->key),
                   .etag = vfl_span_from_string(listed->etag),
                   .size_bytes = listed->size_bytes,
                   .is_archived = listed->is_archived},
        .needs_vpc_id = view == VFL_REGION_DENIED,
        .listed = listed,
    };
    enum vfl_status st =
        vfl_object_key_parse(task.object.key, vfl_span_from_string(collector->config->log_prefix),
                             (struct vfl_span){0}, (struct vfl_span){0}, &task.key, &failure);
    phase->begun_count++;
    if (st != VFL_OK)
        return note_failure(phase->run, listed, st, &failure, err);
    vfl_workers_hand_out(collector->workers, &task);
    return VFL_OK;
}

/* Whether no further object is to be begun. What is out counts as if it came back read: the ledger
 * must have room for all of it. */
static bool is_reading_over(const struct reading_phase *phase, size_t pending_count)
{
    const struct vfl_run *run = phase->run;
    return phase->is_table_full || phase->next == 2 * run->list.to_read_count ||
           phase->read_count + pending_count >= phase->room ||
           vfl_clock_monotonic_ms() >= run->deadline_ms;
}

static bool is_to_be_tried(const struct vfl_run *run, const struct vfl_listed_object *listed)
{
    return !is_region_refused(access_of(run, listed)) &&
           vfl_discovery_view(&run->collector->discovery, listed->region) != VFL_REGION_NOT_READY;
}

static enum vfl_status hand_out_more(struct reading_phase *phase, struct vfl_error *err)
{
    struct vfl_run *run = phase->run;
    struct vfl_workers *workers = run->collector->workers;
    enum vfl_status st = VFL_OK;
    while (st == VFL_OK && !is_reading_over(phase, vfl_workers_pending_count(workers))) {
        size_t count = run->list.to_read_count;
        struct vfl_listed_object *listed = &run->list.to_read[phase->next % count];
        bool is_turn = listed->is_deferred == (phase->next >= count);
        if (is_turn && is_to_be_tried(run, listed)) {
            if (!vfl_workers_has_room(workers, listed->size_bytes))
                break;
            st = vfl_run_check_cancelled(run->collector, err);
            if (st == VFL_OK)
                st = hand_out(phase, listed, err);
        }
        phase->next++;
    }
    return st;
}

/* Whether the end of the run's time says that the object needs more of it than others. */
static bool is_overlong(const struct reading_phase *phase, const struct vfl_reading *reading)
{
    return reading->status == VFL_DEADLINE &&
           (phase->begun_count == 1 || reading->took_ms >= phase->budget_ms / 2);
}

static enum vfl_status take_next(struct reading_phase *phase, struct vfl_error *err)
{
    struct vfl_run *run = phase->run;
    struct vfl_workers *workers = run->collector->workers;
    struct vfl_reading *reading = vfl_workers_collect(workers);
    struct vfl_listed_object *listed = reading->task.listed;
    enum vfl_status st = reading->status;
    if (st == VFL_OK)
        st = check_interfaces(run, reading->flows, &reading->failure);
    if (st == VFL_OK) {
        st = take_in(run, reading, err);
        listed->is_read = st == VFL_OK;
        phase->read_count += listed->is_read;
        access_of(run, listed)->read_count += listed->is_read;
        phase->is_table_full = st == VFL_DEADLINE;
    } else if (is_overlong(phase, reading)) {
        run->deadline_ms = INT64_MIN;
        st = note_overlong(run, reading, err);
    } else {
        st = note_failure(run, listed, st, &reading->failure, err);
    }
    vfl_workers_release(workers, reading);
    if (st != VFL_DEADLINE)
        return st;
    /* The time is over, or the run's table is full: this one and the rest wait. */
    run->deadline_ms = INT64_MIN;
    run->report.waiting++;
    return VFL_OK;
}

static void put_read_objects_first(struct vfl_object_list *list)
{
    size_t read_count = 0;
    for (size_t i = 0; i < list->to_read_count; i++) {
        if (!list->to_read[i].is_read)
            continue;
        struct vfl_listed_object read = list->to_read[i];
        list->to_read[i] = list->to_read[read_count];
        list->to_read[read_count++] = read;
    }
}

enum vfl_status vfl_run_read_objects(struct vfl_run *run, size_t *ret_read_count,
                                     struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    struct vfl_workers *workers = collector->workers;
    struct reading_phase phase = {
        .run = run,
        .room = vfl_ledger_room(&collector->confirmation.ledger),
        .budget_ms = run->deadline_ms - run->start_ms,
    };
    start_accesses(run);
    vfl_workers_start(workers, run->list.to_read_count, run->now.epoch_s,
                      &vfl_topology_interfaces(collector->topology)->eras);
    enum vfl_status st = hand_out_more(&phase, err);
    while (st == VFL_OK && !phase.is_table_full && vfl_workers_pending_count(workers) > 0) {
        st = take_next(&phase, err);
        if (st == VFL_OK)
            st = hand_out_more(&phase, err);
    }
    run->report.waiting +=
        run->list.to_read_count - phase.begun_count + vfl_workers_pending_count(workers);
    vfl_workers_finish(workers);
    if (st == VFL_OK)
        st = settle_refusals(run, err);
    if (st != VFL_OK)
        return st;
    run->is_reading_denied = finish_accesses(run) && phase.read_count == 0;
    put_read_objects_first(&run->list);
    *ret_read_count = phase.read_count;
    return VFL_OK;
}
