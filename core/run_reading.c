#include "core/run.h"

#include <inttypes.h>

#define READ_ATTEMPTS 3
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

static enum vfl_status read_attempts(struct vfl_run *run, const struct vfl_store_object *object,
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

/* VFL_DEADLINE: no room left in this run. */
static enum vfl_status take_in(struct vfl_run *run, const struct vfl_listed_object *listed,
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
    /* An object is merged whole or left for the next run. */
    if (!vfl_flow_table_has_room(&collector->table, flows))
        return vfl_error_set(err, VFL_DEADLINE, "this run has no room for more flows");
    enum vfl_status st = vfl_flow_table_merge(&collector->table, flows, err);
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
static enum vfl_status check_interfaces(struct vfl_run *run, struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    const struct vfl_flow_table *flows = vfl_object_reader_table(collector->reader);
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

/* Reads one object. What is wrong with the object alone is noted and gives VFL_OK. *ret_is_read
 * says whether it counts as processed. */
static enum vfl_status read_object(struct vfl_run *run, struct vfl_listed_object *listed,
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
    if (st == VFL_OK)
        st = check_interfaces(run, &failure);
    if (st == VFL_OK) {
        st = take_in(run, listed, &key, &summary, err);
        *ret_is_read = st == VFL_OK;
        return st;
    }
    *ret_is_read = false;
    if (st == VFL_NOT_FOUND)
        return VFL_OK; /* deleted by a lifecycle rule or by somebody else since the listing */
    if (vfl_run_ends_work(st) || st == VFL_DEADLINE) {
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
enum vfl_status vfl_run_read_objects(struct vfl_run *run, size_t *ret_read_count,
                                     struct vfl_error *err)
{
    struct vfl_collector *collector = run->collector;
    struct vfl_object_list *list = &run->list;
    size_t read_count = 0;
    size_t room = vfl_ledger_room(&collector->confirmation.ledger);
    vfl_object_reader_set_eras(collector->reader,
                               &vfl_topology_interfaces(collector->topology)->eras);
    for (size_t i = 0; i < list->to_read_count; i++) {
        struct vfl_listed_object *listed = &list->to_read[i];
        enum vfl_status st = vfl_run_check_cancelled(collector, err);
        if (st != VFL_OK)
            return st;
        bool is_over = read_count == room || vfl_run_monotonic_ms() >= run->deadline_ms ||
                       (read_count == 0 && run->denied_count >= MAX_DENIED_READS);
        bool is_ready =
            vfl_discovery_view(&collector->discovery, listed->region) != VFL_REGION_NOT_READY;
        if (is_over || !is_ready) {
            run->report.waiting++;
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
