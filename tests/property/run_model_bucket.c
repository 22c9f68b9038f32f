#include "tests/property/run_model.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/listing_plan.h"
#include "tests/fake/bucket.h"
#include "tests/random.h"

struct model model;
const char *const model_regions[MODEL_REGION_COUNT] = {"eu-west-1", "us-east-1"};

static uint64_t random_state;

void model_start_random(uint64_t seed)
{
    random_state = seed;
}

unsigned model_below(unsigned bound)
{
    return random_below(&random_state, bound);
}

bool model_is_one_in(unsigned count)
{
    return model_below(count) == 0;
}

void model_give_up(const char *what, const struct model_object *object)
{
    fprintf(stderr, "seed %" PRIu64 ", run %u: %s%s%s\n", model.seed, model.run_number, what,
            object == NULL ? "" : ": ", object == NULL ? "" : object->key);
    exit(1);
}

bool model_happens(unsigned one_in)
{
    return one_in != 0 && model_is_one_in(one_in);
}

/* --- objects come ----------------------------------------------------------------------------- */

static void format_key(struct model_object *object, const struct model_flow_log *log,
                       int64_t folder_epoch_s)
{
    char folder[96], name[96];
    time_t folder_time = (time_t)folder_epoch_s, name_time = (time_t)object->time_epoch_s;
    struct tm tm;
    (void)gmtime_r(&folder_time, &tm);
    (void)strftime(folder, sizeof folder,
                   log->is_hive     ? log->is_hourly ? "year=%Y/month=%m/day=%d/hour=%H/"
                                                     : "year=%Y/month=%m/day=%d/"
                   : log->is_hourly ? "%Y/%m/%d/%H/"
                                    : "%Y/%m/%d/",
                   &tm);
    (void)gmtime_r(&name_time, &tm);
    (void)strftime(name, sizeof name, "%Y%m%dT%H%MZ", &tm);
    (void)snprintf(object->key, sizeof object->key,
                   "AWSLogs/%s" FAKE_ACCOUNT "%s%s/%s" FAKE_ACCOUNT
                   "_vpcflowlogs_%s_fl-%04u_%s_%08x.log.gz",
                   log->is_hive ? "aws-account-id=" : "",
                   log->is_hive ? "/aws-service=vpcflowlogs/aws-region=" : "/vpcflowlogs/",
                   model_regions[log->region], folder, model_regions[log->region], log->number,
                   name, (unsigned)random_next(&random_state));
}

static int64_t drawn_delay_s(void)
{
    unsigned kind = model_below(100);
    if (kind < 85)
        return 60 + model_below(8 * 60);
    if (kind < 93)
        return model_below(55 * 60);
    if (kind < 98)
        return model_below(46 * MODEL_HOUR);
    return model_below(6 * MODEL_DAY);
}

static int compare_objects(const void *a, const void *b)
{
    return strcmp((*(struct model_object *const *)a)->key, (*(struct model_object *const *)b)->key);
}

static void make_object(unsigned flow_log, int64_t time_epoch_s)
{
    struct model_object *object = calloc(1, sizeof *object);
    if (object == NULL || model.object_count == MODEL_MAX_OBJECTS)
        model_give_up("the world is full", NULL);
    int64_t folder_epoch_s = time_epoch_s;
    *object = (struct model_object){.flow_log = flow_log,
                                    .bytes = 1 + random_next(&random_state) % 1000000000,
                                    .time_epoch_s = time_epoch_s,
                                    .arrival_s = time_epoch_s + drawn_delay_s(),
                                    .is_bad = model_happens(model.weather.bad)};
    if (model_happens(model.weather.odd)) {
        static const int64_t shifts_s[] = {-MODEL_DAY, MODEL_DAY, 400 * MODEL_DAY, -400 * MODEL_DAY,
                                           3 * MODEL_HOUR};
        int64_t shift_s = shifts_s[model_below(5)];
        object->is_odd = true;
        object->time_epoch_s += shift_s;
        folder_epoch_s += model_is_one_in(2) ? shift_s : 0;
    }
    format_key(object, &model.flow_logs[flow_log], folder_epoch_s);
    model.objects[model.object_count++] = object;
}

void model_make_objects_until(int64_t epoch_s)
{
    unsigned before = model.object_count;
    for (; model.tick_epoch_s <= epoch_s; model.tick_epoch_s += MODEL_TICK_S)
        for (unsigned i = 0; i < model.flow_log_count; i++)
            if (model.tick_epoch_s >= model.flow_logs[i].first_epoch_s &&
                model.tick_epoch_s <= model.flow_logs[i].last_epoch_s &&
                model_below(8) < (model.flow_log_count < 16 ? 7 : 1))
                make_object(i, model.tick_epoch_s);
    if (model.object_count > before)
        qsort(model.objects, model.object_count, sizeof *model.objects, compare_objects);
}

/* Keys that sort by the hour first have one cursor for all flow logs. */
static int64_t newest_shown_of(const struct model_flow_log *log)
{
    int64_t newest = log->newest_shown_epoch_s;
    for (unsigned i = 0; i < model.flow_log_count && log->is_hourly; i++)
        if (model.flow_logs[i].is_hourly && model.flow_logs[i].is_hive == log->is_hive &&
            model.flow_logs[i].region == log->region &&
            model.flow_logs[i].newest_shown_epoch_s > newest)
            newest = model.flow_logs[i].newest_shown_epoch_s;
    return newest;
}

/* On time: within the hour before its flow log's newest, or going on from it. A name that is ahead
 * is taken for one of now. */
static bool is_on_time(const struct model_object *object)
{
    int64_t newest = newest_shown_of(&model.flow_logs[object->flow_log]);
    if (model.had_odd_names && object->time_epoch_s < model.true_s - MODEL_HOUR)
        return false;
    return !model.weather.has_clock_steps && !object->is_odd && model.flow_log_count < 16 &&
           newest != INT64_MIN && object->time_epoch_s >= newest - MODEL_HOUR &&
           object->time_epoch_s <= newest + 23 * MODEL_HOUR &&
           model.true_s <= newest + 23 * MODEL_HOUR;
}

void model_let_arrive(void)
{
    for (unsigned i = 0; i < model.object_count; i++) {
        struct model_object *object = model.objects[i];
        if (object->arrival_s > model.true_s)
            continue;
        object->arrival_s = MODEL_NEVER - model.true_s; /* has come, and when */
        object->arrival_run = model.run_number;
        object->is_there = true;
        object->is_on_time = is_on_time(object);
    }
}

bool model_has_come(const struct model_object *object)
{
    return object->arrival_s > MODEL_NEVER / 2;
}

int64_t model_age_s(const struct model_object *object)
{
    return model.true_s - (MODEL_NEVER - object->arrival_s);
}

/* --- the bucket ------------------------------------------------------------------------------- */

static void format_etag(const struct model_object *object, char out[32])
{
    (void)snprintf(out, 32, "e%u", object->version);
}

static struct model_object *find(const char *key, size_t length)
{
    char copy[MODEL_KEY_SIZE] = "";
    struct model_object wanted, *at = &wanted;
    if (length >= sizeof copy)
        return NULL;
    memcpy(copy, key, length);
    memcpy(wanted.key, copy, sizeof copy);
    struct model_object **found =
        bsearch(&at, model.objects, model.object_count, sizeof *model.objects, compare_objects);
    return found == NULL || !(*found)->is_there ? NULL : *found;
}

static unsigned region_of(const char *prefix)
{
    return strstr(prefix, model_regions[0]) != NULL ? 0 : 1;
}

enum vfl_status model_draw_status(struct vfl_error *ret_err)
{
    static const enum vfl_status statuses[] = {VFL_RETRY, VFL_DENIED, VFL_DEADLINE, VFL_IO};
    return vfl_error_set(ret_err, statuses[model_below(4)], "drawn");
}

static void note_shown(struct model_object *object)
{
    struct model_flow_log *log = &model.flow_logs[object->flow_log];
    if (object->shown_run == model.run_number)
        model_give_up("listed twice in a run", object);
    object->shown_run = model.run_number;
    object->is_shown = true;
    if (!object->is_odd && object->time_epoch_s > log->newest_shown_epoch_s)
        log->newest_shown_epoch_s = object->time_epoch_s;
}

static enum vfl_status list(struct vfl_store *store, const char *prefix, const char *start_after,
                            struct vfl_object_sink sink, struct vfl_error *ret_err)
{
    unsigned region = region_of(prefix);
    bool is_endless = model.weather.is_full_endless && start_after[0] == '\0' &&
                      prefix[strlen(prefix) - 1] == '/' && strstr(prefix, "/20") == NULL &&
                      strstr(prefix, "year=") == NULL;
    bool is_broken = is_endless || model_happens(model.weather.listing);
    unsigned left = is_broken ? model_below(20) : UINT_MAX;
    (void)store;
    model.has_listed[region] = true;
    if (++model.listing_count[region] > VFL_LISTING_MAX_CURSORS)
        model_give_up("more listings than cursors", NULL);
    for (unsigned i = 0; i < model.object_count; i++) {
        struct model_object *object = model.objects[i];
        if (!object->is_there || strncmp(object->key, prefix, strlen(prefix)) != 0 ||
            strcmp(object->key, start_after) <= 0)
            continue;
        if (left-- == 0)
            break;
        char etag[32];
        format_etag(object, etag);
        note_shown(object);
        const struct vfl_store_object shown = {.key = vfl_span_from_string(object->key),
                                               .etag = vfl_span_from_string(etag),
                                               .size_bytes = 1};
        enum vfl_status st = sink.add(sink.ctx, &shown, ret_err);
        if (st != VFL_OK)
            return st;
    }
    if (!is_broken)
        return VFL_OK;
    model.has_listing_failed[region] = true;
    return vfl_error_set(ret_err, is_endless ? VFL_DEADLINE : VFL_RETRY, "drawn");
}

static enum vfl_status get(struct vfl_store *store, const struct vfl_store_object *expected,
                           struct vfl_sink sink, struct vfl_error *ret_err)
{
    char text[512];
    struct model_object *object = find(expected->key.ptr, expected->key.len);
    (void)store;
    if (object == NULL)
        model_give_up("reads what is not there", NULL);
    unsigned number = model.flow_logs[object->flow_log].number;
    int length = snprintf(text, sizeof text,
                          FAKE_HEADER "2 " FAKE_ACCOUNT " eni-a%u 10.%u.0.1 10.%u.0.2 40000 443 6 "
                                      "1 %" PRIu64 " %" PRId64 " %" PRId64 " ACCEPT OK\n",
                          number, number, number, object->bytes, object->time_epoch_s,
                          object->time_epoch_s + 60);
    struct vfl_span bytes = {text, (size_t)length};
    if (object->is_bad)
        bytes = VFL_SPAN_LITERAL("<html>not a flow log</html>\n");
    if (model_happens(model.weather.get)) {
        bytes.len = model_below((unsigned)bytes.len);
        enum vfl_status st = sink.write(sink.ctx, bytes, ret_err);
        return st != VFL_OK ? st : model_draw_status(ret_err);
    }
    if (object->counted > 0)
        model_give_up("reads again what a committed run holds", object);
    object->read_run = object->is_bad ? 0 : model.run_number;
    return sink.write(sink.ctx, bytes, ret_err);
}

static enum vfl_status remove_keys(struct vfl_store *store, const char *const *keys,
                                   size_t key_count, struct vfl_remove_sink sink,
                                   struct vfl_error *ret_err)
{
    size_t left =
        model_happens(model.weather.removal) ? model_below((unsigned)key_count + 1) : SIZE_MAX;
    (void)store;
    for (size_t i = 0; i < key_count; i++) {
        struct model_object *object = find(keys[i], strlen(keys[i]));
        struct vfl_error failure = {0};
        enum vfl_status st = VFL_OK;
        if (object == NULL)
            model_give_up("deletes what is not there", NULL);
        if (object->counted != 1 || model.config.is_dry_run)
            model_give_up("deletes what no committed run holds", object);
        if (left-- == 0)
            return model_draw_status(ret_err);
        bool is_denied = model_happens(model.weather.removal);
        /* An answer that is lost may be one of a deletion that was done. */
        object->is_there = is_denied && model_is_one_in(2);
        if (is_denied)
            st = vfl_error_set(&failure, VFL_RETRY, "drawn");
        sink.result(sink.ctx, i, st, &failure);
    }
    return VFL_OK;
}

static enum vfl_status check_versioning(struct vfl_store *store, struct vfl_error *ret_err)
{
    (void)store;
    return model_happens(model.weather.versioning) ? model_draw_status(ret_err) : VFL_OK;
}

static void free_store(struct vfl_store *store)
{
    (void)store;
}

/* One worker reads, so nothing has to be lent to another thread. */
static const struct vfl_store_ops store_ops = {
    .check_versioning = check_versioning,
    .list = list,
    .get = get,
    .remove = remove_keys,
    .free = free_store,
};
struct vfl_store model_bucket = {&store_ops};
