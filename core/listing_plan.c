#include "core/listing_plan.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S 86400
#define NEVER INT64_MAX /* later than any object */
#define MAX_KEY_BYTES 4096
/* Each with the day before and the day after, or, when it is tomorrow's, with two days before. */
#define MAX_GATHERED (3 * VFL_LISTING_MAX_CURSORS)

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t midnight_of(int64_t epoch_s)
{
    return epoch_s - epoch_s % DAY_S;
}

/* ---- when ---- */

enum vfl_status vfl_listing_plan_init(struct vfl_listing_plan *plan, size_t region_count,
                                      struct vfl_error *err)
{
    struct vfl_listing_region *regions = calloc(region_count, sizeof *regions);
    if (regions == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the plan of listings");
    for (size_t i = 0; i < region_count; i++) {
        regions[i].newest_epoch_s = INT64_MIN;
        regions[i].oldest_open_epoch_s = NEVER;
    }
    *plan = (struct vfl_listing_plan){
        .regions = regions, .region_count = region_count, .is_full_required = true};
    return VFL_OK;
}

void vfl_listing_plan_fini(struct vfl_listing_plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->regions);
    *plan = (struct vfl_listing_plan){0};
}

void vfl_listing_plan_require_full(struct vfl_listing_plan *plan)
{
    plan->is_full_required = true;
}

/* A wall clock that was set makes "2 days ago" another day. */
static bool was_clock_set(const struct vfl_listing_plan *plan, int64_t epoch_s,
                          int64_t monotonic_ms)
{
    int64_t step_s = epoch_s - plan->epoch_s - (monotonic_ms - plan->monotonic_ms) / 1000;
    return step_s > VFL_LISTING_MAX_CLOCK_STEP_S || step_s < -VFL_LISTING_MAX_CLOCK_STEP_S;
}

void vfl_listing_plan_start(struct vfl_listing_plan *plan, int64_t epoch_s, int64_t monotonic_ms)
{
    bool is_full_due = plan->is_full_required || was_clock_set(plan, epoch_s, monotonic_ms) ||
                       monotonic_ms - plan->full_monotonic_ms >= VFL_LISTING_FULL_INTERVAL_MS;
    bool is_days_due =
        is_full_due || monotonic_ms - plan->days_monotonic_ms >= VFL_LISTING_DAYS_INTERVAL_MS;
    /* All regions at once: only then can the ledger forget what no listing shows. */
    for (size_t i = 0; i < plan->region_count; i++) {
        plan->regions[i].is_full_needed |= is_full_due;
        plan->regions[i].is_days_needed |= is_days_due;
    }
    if (is_full_due)
        plan->full_monotonic_ms = monotonic_ms;
    if (is_days_due)
        plan->days_monotonic_ms = monotonic_ms;
    plan->is_full_required = false;
    plan->epoch_s = epoch_s;
    plan->monotonic_ms = monotonic_ms;
}

/* ---- what is known ---- */

static bool is_same_stream(const struct vfl_listing_cursor *a, const struct vfl_listing_cursor *b)
{
    return a->layout == b->layout && a->is_hourly == b->is_hourly &&
           strcmp(a->flow_log_id, b->flow_log_id) == 0;
}

void vfl_listing_region_see(struct vfl_listing_region *region, const struct vfl_object_key *key,
                            bool is_open)
{
    int64_t time_epoch_s = key->is_hourly ? key->folder_epoch_s : key->time_epoch_s;
    struct vfl_listing_cursor seen = {
        .layout = key->layout,
        .is_hourly = key->is_hourly,
        .day_epoch_s = midnight_of(key->folder_epoch_s),
        .newest_epoch_s = later(time_epoch_s, midnight_of(key->folder_epoch_s)),
        .oldest_open_epoch_s = NEVER,
    };
    if (!key->is_hourly)
        memcpy(seen.flow_log_id, key->flow_log_id.ptr, key->flow_log_id.len);
    if (is_open) {
        seen.oldest_open_epoch_s = time_epoch_s;
        region->oldest_open_epoch_s = earlier(region->oldest_open_epoch_s, seen.day_epoch_s);
    }
    if (region->newest_epoch_s < key->time_epoch_s)
        region->newest_epoch_s = key->time_epoch_s;
    for (size_t i = 0; i < region->cursor_count; i++) {
        struct vfl_listing_cursor *known = &region->cursors[i];
        if (known->day_epoch_s != seen.day_epoch_s || !is_same_stream(known, &seen))
            continue;
        if (known->newest_epoch_s < seen.newest_epoch_s)
            known->newest_epoch_s = seen.newest_epoch_s;
        known->oldest_open_epoch_s = earlier(known->oldest_open_epoch_s, seen.oldest_open_epoch_s);
        return;
    }
    if (region->cursor_count < VFL_LISTING_MAX_CURSORS)
        region->cursors[region->cursor_count++] = seen;
    else
        region->is_beyond_seen = true;
}

void vfl_listing_region_finish(struct vfl_listing_region *region, enum vfl_listing_kind kind)
{
    /* A flow log without a cursor may just not have had an object there: only a table with room to
     * spare is proof that there is none. */
    bool is_full_table = region->cursor_count == VFL_LISTING_MAX_CURSORS;
    bool is_proved = kind != VFL_LISTING_CURSORS && !is_full_table;
    region->is_beyond = region->is_beyond_seen || (region->is_beyond && !is_proved);
    region->is_full_needed = false;
    if (kind != VFL_LISTING_CURSORS)
        region->is_days_needed = false;
}

static void forget_open(struct vfl_listing_region *region)
{
    for (size_t i = 0; i < region->cursor_count; i++)
        region->cursors[i].oldest_open_epoch_s = NEVER;
    region->oldest_open_epoch_s = NEVER;
}

void vfl_listing_plan_give_up(struct vfl_listing_plan *plan, size_t region_index)
{
    struct vfl_listing_region *region = &plan->regions[region_index];
    /* It showed the oldest: neither how far the bucket reaches, nor what a sweep of days can bear.
     */
    forget_open(region);
    region->newest_epoch_s = INT64_MIN;
    region->is_full_needed = false;
    region->is_days_needed = true;
    plan->full_monotonic_ms =
        plan->monotonic_ms - VFL_LISTING_FULL_INTERVAL_MS + VFL_LISTING_DAYS_INTERVAL_MS;
}

/* A stream's latest day, as far as dates can be believed: a name of next year must not be taken for
 * where its flow log goes on. */
static const struct vfl_listing_cursor *latest_of(const struct vfl_listing_region *region,
                                                  const struct vfl_listing_cursor *stream,
                                                  int64_t now_epoch_s)
{
    const struct vfl_listing_cursor *latest = NULL;
    for (size_t i = 0; i < region->cursor_count; i++) {
        const struct vfl_listing_cursor *other = &region->cursors[i];
        if (is_same_stream(other, stream) && other->day_epoch_s <= now_epoch_s + DAY_S &&
            (latest == NULL || other->day_epoch_s > latest->day_epoch_s))
            latest = other;
    }
    return latest;
}

/* Where "now" is in the bucket: our own clock may be ahead, and so may a name. */
static int64_t reference_of(const struct vfl_listing_region *region, int64_t now_epoch_s)
{
    return region->newest_epoch_s == INT64_MIN ? now_epoch_s
                                               : earlier(region->newest_epoch_s, now_epoch_s);
}

/* A flow log that was silent for a day has ended; if not, a sweep finds it. */
static bool is_live(const struct vfl_listing_region *region,
                    const struct vfl_listing_cursor *latest, int64_t now_epoch_s)
{
    return latest != NULL && latest->newest_epoch_s + DAY_S >= reference_of(region, now_epoch_s);
}

static bool is_needed(const struct vfl_listing_region *region,
                      const struct vfl_listing_cursor *cursor, int64_t now_epoch_s)
{
    if (cursor->oldest_open_epoch_s != NEVER)
        return true;
    const struct vfl_listing_cursor *latest = latest_of(region, cursor, now_epoch_s);
    if (!is_live(region, latest, now_epoch_s))
        return false;
    /* A name of tomorrow must not take the place of what still comes today. */
    int64_t newest_epoch_s = earlier(latest->newest_epoch_s, now_epoch_s);
    return cursor == latest ||
           (cursor->day_epoch_s < latest->day_epoch_s &&
            cursor->day_epoch_s + DAY_S > newest_epoch_s - VFL_LISTING_LOOK_BACK_S);
}

static void drop_cursors(struct vfl_listing_region *region, int64_t now_epoch_s)
{
    bool is_kept[VFL_LISTING_MAX_CURSORS];
    size_t count = 0;
    for (size_t i = 0; i < region->cursor_count; i++)
        is_kept[i] = is_needed(region, &region->cursors[i], now_epoch_s);
    for (size_t i = 0; i < region->cursor_count; i++)
        if (is_kept[i])
            region->cursors[count++] = region->cursors[i];
    region->cursor_count = count;
}

/* ---- the listings ---- */

void vfl_listing_steps_fini(struct vfl_listing_steps *steps)
{
    if (steps == NULL)
        return;
    for (size_t i = 0; i < steps->count; i++) {
        free(steps->steps[i].prefix);
        free(steps->steps[i].start_after);
    }
    *steps = (struct vfl_listing_steps){0};
}

static enum vfl_status add_step(struct vfl_listing_steps *steps, struct vfl_strbuf *prefix,
                                struct vfl_strbuf *start_after, struct vfl_error *err)
{
    struct vfl_listing_step step = {0};
    enum vfl_status st = vfl_strbuf_check(prefix, "listing prefix", err);
    if (st == VFL_OK)
        st = vfl_strbuf_check(start_after, "start of a listing", err);
    if (st == VFL_OK) {
        step.prefix = strdup(vfl_strbuf_string(prefix));
        step.start_after = strdup(vfl_strbuf_string(start_after));
        if (step.prefix == NULL || step.start_after == NULL)
            st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for the plan of listings");
    }
    vfl_strbuf_fini(prefix);
    vfl_strbuf_fini(start_after);
    if (st != VFL_OK) {
        free(step.prefix);
        free(step.start_after);
        return st;
    }
    steps->steps[steps->count++] = step;
    return VFL_OK;
}

static void append_prefix(struct vfl_strbuf *out, enum vfl_key_layout layout,
                          const struct vfl_listing_place *place)
{
    vfl_object_key_append_prefix(out, layout, place->folder, place->account, place->region);
}

/* Both layouts; start_epoch_s INT64_MIN: all of them. */
static enum vfl_status add_sweep(struct vfl_listing_steps *steps,
                                 const struct vfl_listing_place *place, int64_t start_epoch_s,
                                 struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    for (int layout = 0; layout < VFL_KEY_LAYOUT_COUNT && st == VFL_OK; layout++) {
        struct vfl_strbuf prefix = VFL_STRBUF_INIT(MAX_KEY_BYTES);
        struct vfl_strbuf start_after = VFL_STRBUF_INIT(MAX_KEY_BYTES);
        append_prefix(&prefix, (enum vfl_key_layout)layout, place);
        if (start_epoch_s != INT64_MIN) {
            append_prefix(&start_after, (enum vfl_key_layout)layout, place);
            vfl_object_key_append_day(&start_after, (enum vfl_key_layout)layout, start_epoch_s);
        }
        st = add_step(steps, &prefix, &start_after, err);
    }
    return st;
}

static int64_t start_of(const struct vfl_listing_cursor *cursor, int64_t now_epoch_s)
{
    return earlier(earlier(cursor->newest_epoch_s, now_epoch_s) - VFL_LISTING_LOOK_BACK_S,
                   cursor->oldest_open_epoch_s);
}

/* A day's folder may hold keys of both kinds. One listing cannot leave the others out by its
 * prefix, so it then has to do for all of them. */
static bool has_hourly(const struct vfl_listing_cursor *cursors, size_t count,
                       const struct vfl_listing_cursor *cursor)
{
    for (size_t i = 0; i < count; i++)
        if (cursors[i].is_hourly && cursors[i].layout == cursor->layout &&
            cursors[i].day_epoch_s == cursor->day_epoch_s)
            return true;
    return false;
}

/* A name's first digits may sort before or after an hour's, so only the whole day is safe. */
static bool has_daily(const struct vfl_listing_cursor *cursors, size_t count,
                      const struct vfl_listing_cursor *cursor)
{
    for (size_t i = 0; i < count; i++)
        if (!cursors[i].is_hourly && cursors[i].layout == cursor->layout &&
            cursors[i].day_epoch_s == cursor->day_epoch_s)
            return true;
    return false;
}

static enum vfl_status add_cursor(struct vfl_listing_steps *steps,
                                  const struct vfl_listing_place *place,
                                  const struct vfl_listing_cursor *cursor, int64_t now_epoch_s,
                                  bool is_whole_day, struct vfl_error *err)
{
    struct vfl_strbuf prefix = VFL_STRBUF_INIT(MAX_KEY_BYTES);
    struct vfl_strbuf start_after = VFL_STRBUF_INIT(MAX_KEY_BYTES);
    int64_t start_epoch_s = start_of(cursor, now_epoch_s);
    append_prefix(&prefix, cursor->layout, place);
    vfl_object_key_append_day(&prefix, cursor->layout, cursor->day_epoch_s);
    if (!cursor->is_hourly)
        vfl_object_key_append_name(&prefix, place->account, place->region,
                                   vfl_span_from_string(cursor->flow_log_id));
    if (!is_whole_day && start_epoch_s > cursor->day_epoch_s) {
        vfl_strbuf_append(&start_after, vfl_strbuf_span(&prefix));
        if (cursor->is_hourly)
            vfl_object_key_append_hour(&start_after, cursor->layout, start_epoch_s);
        else
            vfl_object_key_append_time(&start_after, start_epoch_s);
    }
    return add_step(steps, &prefix, &start_after, err);
}

static bool has_day(const struct vfl_listing_region *region,
                    const struct vfl_listing_cursor *stream, int64_t day_epoch_s)
{
    for (size_t i = 0; i < region->cursor_count; i++)
        if (region->cursors[i].day_epoch_s == day_epoch_s &&
            is_same_stream(&region->cursors[i], stream))
            return true;
    return false;
}

/* The cursors to list: the known ones, the day after where a flow log has to go on, and the days
 * before of one that was first seen after midnight, or with a name of tomorrow. */
static size_t gather_cursors(const struct vfl_listing_region *region, int64_t now_epoch_s,
                             struct vfl_listing_cursor out[MAX_GATHERED])
{
    size_t count = region->cursor_count;
    memcpy(out, region->cursors, count * sizeof *out);
    for (size_t i = 0; i < region->cursor_count; i++) {
        const struct vfl_listing_cursor *cursor = &region->cursors[i];
        if (cursor != latest_of(region, cursor, now_epoch_s) ||
            !is_live(region, cursor, now_epoch_s))
            continue;
        struct vfl_listing_cursor day = *cursor;
        day.oldest_open_epoch_s = NEVER;
        int64_t from_epoch_s =
            earlier(cursor->newest_epoch_s, now_epoch_s) - VFL_LISTING_LOOK_BACK_S;
        for (day.day_epoch_s -= DAY_S; from_epoch_s < day.day_epoch_s + DAY_S;
             day.day_epoch_s -= DAY_S)
            if (!has_day(region, cursor, day.day_epoch_s))
                out[count++] = day;
        day.day_epoch_s = day.newest_epoch_s = cursor->day_epoch_s + DAY_S;
        if (day.day_epoch_s <= now_epoch_s)
            out[count++] = day;
    }
    return count;
}

/* *ret_is_enough false: there are no cursors, or too many. */
static enum vfl_status add_cursors(struct vfl_listing_steps *steps,
                                   const struct vfl_listing_region *region,
                                   const struct vfl_listing_place *place, int64_t now_epoch_s,
                                   bool *ret_is_enough, struct vfl_error *err)
{
    struct vfl_listing_cursor cursors[MAX_GATHERED];
    size_t count = gather_cursors(region, now_epoch_s, cursors);
    *ret_is_enough = count > 0 && count <= VFL_LISTING_MAX_CURSORS;
    if (!*ret_is_enough)
        return VFL_OK;
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; i < count && st == VFL_OK; i++) {
        const struct vfl_listing_cursor *cursor = &cursors[i];
        if (cursor->is_hourly)
            st = add_cursor(steps, place, cursor, now_epoch_s, has_daily(cursors, count, cursor),
                            err);
        else if (!has_hourly(cursors, count, cursor))
            st = add_cursor(steps, place, cursor, now_epoch_s, false, err);
    }
    return st;
}

static int64_t days_start(const struct vfl_listing_region *region, int64_t now_epoch_s)
{
    int64_t start = reference_of(region, now_epoch_s) - VFL_LISTING_LOOK_BACK_DAYS * DAY_S;
    return earlier(start, region->oldest_open_epoch_s);
}

enum vfl_status vfl_listing_region_plan(struct vfl_listing_region *region,
                                        const struct vfl_listing_place *place, int64_t now_epoch_s,
                                        struct vfl_listing_steps *ret_steps, struct vfl_error *err)
{
    struct vfl_listing_steps steps = {.kind = VFL_LISTING_CURSORS};
    enum vfl_status st = VFL_OK;
    bool is_enough = false;
    drop_cursors(region, now_epoch_s);
    if (!region->is_full_needed && !region->is_days_needed && !region->is_beyond)
        st = add_cursors(&steps, region, place, now_epoch_s, &is_enough, err);
    if (st == VFL_OK && !is_enough) {
        steps.kind = region->is_full_needed ? VFL_LISTING_FULL : VFL_LISTING_DAYS;
        int64_t start = region->is_full_needed ? INT64_MIN : days_start(region, now_epoch_s);
        st = add_sweep(&steps, place, start, err);
    }
    /* Until finish says otherwise. */
    region->is_full_needed = true;
    if (st != VFL_OK) {
        vfl_listing_steps_fini(&steps);
        return st;
    }
    forget_open(region);
    region->is_beyond_seen = false;
    *ret_steps = steps;
    return VFL_OK;
}
