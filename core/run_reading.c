#include "core/run.h"

#include <inttypes.h>

/* Refused reads in a row before the rest is not even tried. */
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

/* What is wrong with the object alone is noted and gives VFL_OK. */
static enum vfl_status note_failure(struct vfl_run *run, const struct vfl_listed_object *listed,
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
    if (st == VFL_DENIED && run->denied_count++ == 0)
        run->denial = *failure;
    /* Neither a network that fails nor a missing permission says anything about the object: no
     * pause, so that it is read as soon as that is mended. */
    if (st == VFL_RETRY || st == VFL_DENIED)
        return VFL_OK;
    return vfl_ledger_note_failed(&run->collector->confirmation.ledger, listed->digest,
                                  run->now.epoch_s, err);
}

/* The reading of a run: objects are handed out newest first, and taken in as they come back. What
 * comes of it does not depend on who is first: the run's table does not care for order, and nothing
 * that is decided on the way looks at what is still out. */
struct reading_phase {
    struct vfl_run *run;
    size_t next; /* of list.to_read, to be handed out */
    size_t room; /* in the ledger */
    size_t read_count;
    bool is_table_full;
};

static enum vfl_status hand_out(struct reading_phase *phase, struct vfl_listed_object *listed,
                                enum vfl_region_view view, struct vfl_error *err)
{
    struct vfl_collector *collector = phase->run->collector;
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
    return phase->is_table_full || phase->next == run->list.to_read_count ||
           phase->read_count + pending_count >= phase->room ||
           vfl_run_monotonic_ms() >= run->deadline_ms ||
           (phase->read_count == 0 && run->denied_count >= MAX_DENIED_READS);
}

static enum vfl_status hand_out_more(struct reading_phase *phase, struct vfl_error *err)
{
    struct vfl_run *run = phase->run;
    struct vfl_workers *workers = run->collector->workers;
    enum vfl_status st = VFL_OK;
    while (st == VFL_OK && !is_reading_over(phase, vfl_workers_pending_count(workers))) {
        struct vfl_listed_object *listed = &run->list.to_read[phase->next];
        if (!vfl_workers_has_room(workers, listed->size_bytes))
            break;
        st = vfl_run_check_cancelled(run->collector, err);
        if (st != VFL_OK)
            break;
        enum vfl_region_view view = vfl_discovery_view(&run->collector->discovery, listed->region);
        phase->next++;
        if (view == VFL_REGION_NOT_READY)
            run->report.waiting++;
        else
            st = hand_out(phase, listed, view, err);
    }
    return st;
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
        phase->is_table_full = st == VFL_DEADLINE;
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
    };
    vfl_workers_start(workers, run->list.to_read_count, run->now.epoch_s,
                      &vfl_topology_interfaces(collector->topology)->eras);
    enum vfl_status st = hand_out_more(&phase, err);
    while (st == VFL_OK && !phase.is_table_full && vfl_workers_pending_count(workers) > 0) {
        st = take_next(&phase, err);
        if (st == VFL_OK)
            st = hand_out_more(&phase, err);
    }
    run->report.waiting +=
        run->list.to_read_count - phase.next + vfl_workers_pending_count(workers);
    vfl_workers_finish(workers);
    if (st != VFL_OK)
        return st;
    put_read_objects_first(&run->list);
    if (phase.read_count == 0 && run->denied_count > 0) {
        *err = run->denial;
        return VFL_DENIED;
    }
    *ret_read_count = phase.read_count;
    return VFL_OK;
}
