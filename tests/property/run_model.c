/* Whole runs against a bucket and an agent that are a few arrays in memory, under a drawn life:
 * objects on time, late, early, around midnight, in every layout, from many flow logs; processes
 * that end; transactions that are slow or lost; listings, reads, deletions and emissions that fail
 * halfway; clocks that are set. Held to docs/ARCHITECTURE.md after every step:
 *   - committed runs hold every record once; only what they hold is deleted;
 *   - no run lists a key twice, or makes more listings of a region than there are cursors;
 *   - what is on time is listed by the next run, what is two days late within ten minutes, anything
 *     within six hours (and some when listings of everything take too long);
 *   - when all goes well again, everything is read and deleted, and nobody else is blamed for it.
 * Arguments: first seed (0: a fresh one), rounds. A failure prints its seed. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/run.h"
#include "tests/fake/bucket.h"
#include "tests/fake/recording_ops.h"
#include "tests/unit/run_suite.h"

#define DAY_20 INT64_C(1795132800) /* 2026-11-20T00:00:00Z */
#define HOUR 3600
#define DAY 86400
#define TICK_S 300 /* a flow log's objects come so often */
#define MAX_OBJECTS 20000
#define MAX_FLOW_LOGS 80
#define REGION_COUNT 2
#define RUN_COUNT 150
#define NEVER INT64_MAX
#define MODEL_KEY_SIZE 512

static uint64_t random_state;
static uint64_t seed;

/* splitmix64 */
static uint64_t next_random(void)
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned below(unsigned bound)
{
    return (unsigned)(next_random() % bound);
}

static bool is_one_in(unsigned count)
{
    return below(count) == 0;
}

/* --- the world -------------------------------------------------------------------------------- */

static const char *const regions[REGION_COUNT] = {"eu-west-1", "us-east-1"};

struct flow_log {
    unsigned number, region;
    bool is_hive, is_hourly;
    int64_t first_epoch_s, last_epoch_s;
    int64_t newest_shown_epoch_s; /* in this process */
};

struct object {
    char key[MODEL_KEY_SIZE];
    unsigned flow_log, version;
    uint64_t bytes;
    int64_t time_epoch_s;
    int64_t arrival_s; /* of the true clock */
    bool is_odd;       /* its date is not where its flow log is */
    bool is_there, is_bad, is_shown;
    bool is_on_time; /* by what was known when it came */
    unsigned shown_run, read_run, counted;
};

/* What goes wrong in a round: one in so many, 0 for never. */
struct weather {
    unsigned restart, lost, slow, listing, get, removal, emission, bad, odd, versioning;
    bool has_clock_steps;
    bool is_full_endless; /* listings of everything take longer than a run */
};

static struct flow_log flow_logs[MAX_FLOW_LOGS];
static unsigned flow_log_count;
static struct object *objects[MAX_OBJECTS]; /* in the order of their keys */
static unsigned object_count;
static struct weather weather;

static struct vfl_config config;
static struct recording_ops ops;
static struct vfl_collector *collector;
static struct vfl_error err;
static int64_t true_s; /* monotonic, too */
static int64_t wall_skew_s;
static int64_t tick_epoch_s;

static unsigned run_number;
static unsigned pending_run; /* whose objects wait for the agent's word; 0: none */
static unsigned pending_wait;
static int64_t pending_since_s;
static bool is_pending_lost;
static bool has_emission_failed;
static bool was_full_endless; /* earlier in this life */
static unsigned listing_count[REGION_COUNT];
static bool has_listed[REGION_COUNT], has_listing_failed[REGION_COUNT];

static void give_up(const char *what, const struct object *object)
{
    fprintf(stderr, "seed %" PRIu64 ", run %u: %s%s%s\n", seed, run_number, what,
            object == NULL ? "" : ": ", object == NULL ? "" : object->key);
    exit(1);
}

static bool happens(unsigned one_in)
{
    return one_in != 0 && is_one_in(one_in);
}

/* --- objects come ----------------------------------------------------------------------------- */

static void format_key(struct object *object, const struct flow_log *log, int64_t folder_epoch_s)
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
                   regions[log->region], folder, regions[log->region], log->number, name,
                   (unsigned)next_random());
}

static int64_t drawn_delay_s(void)
{
    unsigned kind = below(100);
    if (kind < 85)
        return 60 + below(8 * 60);
    if (kind < 93)
        return below(55 * 60);
    if (kind < 98)
        return below(46 * HOUR);
    return below(6 * DAY);
}

static int compare_objects(const void *a, const void *b)
{
    return strcmp((*(struct object *const *)a)->key, (*(struct object *const *)b)->key);
}

static void make_object(unsigned flow_log, int64_t time_epoch_s)
{
    struct object *object = calloc(1, sizeof *object);
    if (object == NULL || object_count == MAX_OBJECTS)
        give_up("the world is full", NULL);
    int64_t folder_epoch_s = time_epoch_s;
    *object = (struct object){.flow_log = flow_log,
                              .bytes = 1 + next_random() % 1000000000,
                              .time_epoch_s = time_epoch_s,
                              .arrival_s = time_epoch_s + drawn_delay_s(),
                              .is_bad = happens(weather.bad)};
    if (happens(weather.odd)) {
        static const int64_t shifts_s[] = {-DAY, DAY, 400 * DAY, -400 * DAY, 3 * HOUR};
        int64_t shift_s = shifts_s[below(5)];
        object->is_odd = true;
        object->time_epoch_s += shift_s;
        folder_epoch_s += is_one_in(2) ? shift_s : 0;
    }
    format_key(object, &flow_logs[flow_log], folder_epoch_s);
    objects[object_count++] = object;
}

static void make_objects_until(int64_t epoch_s)
{
    unsigned before = object_count;
    for (; tick_epoch_s <= epoch_s; tick_epoch_s += TICK_S)
        for (unsigned i = 0; i < flow_log_count; i++)
            if (tick_epoch_s >= flow_logs[i].first_epoch_s &&
                tick_epoch_s <= flow_logs[i].last_epoch_s &&
                below(8) < (flow_log_count < 16 ? 7 : 1))
                make_object(i, tick_epoch_s);
    if (object_count > before)
        qsort(objects, object_count, sizeof *objects, compare_objects);
}

/* Keys that sort by the hour first have one cursor for all flow logs. */
static int64_t newest_shown_of(const struct flow_log *log)
{
    int64_t newest = log->newest_shown_epoch_s;
    for (unsigned i = 0; i < flow_log_count && log->is_hourly; i++)
        if (flow_logs[i].is_hourly && flow_logs[i].is_hive == log->is_hive &&
            flow_logs[i].region == log->region && flow_logs[i].newest_shown_epoch_s > newest)
            newest = flow_logs[i].newest_shown_epoch_s;
    return newest;
}

/* On time: within the hour before its flow log's newest, or going on from it. A name that is ahead
 * is taken for one of now. */
static bool is_on_time(const struct object *object)
{
    int64_t newest = newest_shown_of(&flow_logs[object->flow_log]);
    if (weather.odd != 0 && object->time_epoch_s < true_s - HOUR)
        return false;
    return !weather.has_clock_steps && !object->is_odd && flow_log_count < 16 &&
           newest != INT64_MIN && object->time_epoch_s >= newest - HOUR &&
           object->time_epoch_s <= newest + 23 * HOUR && true_s <= newest + 23 * HOUR;
}

static void let_arrive(void)
{
    for (unsigned i = 0; i < object_count; i++) {
        struct object *object = objects[i];
        if (object->arrival_s > true_s)
            continue;
        object->arrival_s = NEVER - true_s; /* has come, and when */
        object->is_there = true;
        object->is_on_time = is_on_time(object);
    }
}

static bool has_come(const struct object *object)
{
    return object->arrival_s > NEVER / 2;
}

static int64_t age_s(const struct object *object)
{
    return true_s - (NEVER - object->arrival_s);
}

/* --- the bucket ------------------------------------------------------------------------------- */

static void format_etag(const struct object *object, char out[32])
{
    (void)snprintf(out, 32, "e%u", object->version);
}

static struct object *find(const char *key, size_t length)
{
    char copy[MODEL_KEY_SIZE] = "";
    struct object wanted, *at = &wanted;
    if (length >= sizeof copy)
        return NULL;
    memcpy(copy, key, length);
    memcpy(wanted.key, copy, sizeof copy);
    struct object **found = bsearch(&at, objects, object_count, sizeof *objects, compare_objects);
    return found == NULL || !(*found)->is_there ? NULL : *found;
}

static unsigned region_of(const char *prefix)
{
    return strstr(prefix, regions[0]) != NULL ? 0 : 1;
}

static enum vfl_status draw_status(struct vfl_error *ret_err)
{
    static const enum vfl_status statuses[] = {VFL_RETRY, VFL_DENIED, VFL_DEADLINE, VFL_IO};
    return vfl_error_set(ret_err, statuses[below(4)], "drawn");
}

static void note_shown(struct object *object)
{
    struct flow_log *log = &flow_logs[object->flow_log];
    if (object->shown_run == run_number)
        give_up("listed twice in a run", object);
    object->shown_run = run_number;
    object->is_shown = true;
    if (!object->is_odd && object->time_epoch_s > log->newest_shown_epoch_s)
        log->newest_shown_epoch_s = object->time_epoch_s;
}

static enum vfl_status list(struct vfl_store *store, const char *prefix, const char *start_after,
                            struct vfl_object_sink sink, struct vfl_error *ret_err)
{
    unsigned region = region_of(prefix);
    bool is_endless = weather.is_full_endless && start_after[0] == '\0' &&
                      prefix[strlen(prefix) - 1] == '/' && strstr(prefix, "/20") == NULL &&
                      strstr(prefix, "year=") == NULL;
    bool is_broken = is_endless || happens(weather.listing);
    unsigned left = is_broken ? below(20) : UINT_MAX;
    (void)store;
    has_listed[region] = true;
    if (++listing_count[region] > VFL_LISTING_MAX_CURSORS)
        give_up("more listings than cursors", NULL);
    for (unsigned i = 0; i < object_count; i++) {
        struct object *object = objects[i];
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
    has_listing_failed[region] = true;
    return vfl_error_set(ret_err, is_endless ? VFL_DEADLINE : VFL_RETRY, "drawn");
}

static enum vfl_status get(struct vfl_store *store, const struct vfl_store_object *expected,
                           struct vfl_sink sink, struct vfl_error *ret_err)
{
    char text[512];
    struct object *object = find(expected->key.ptr, expected->key.len);
    (void)store;
    if (object == NULL)
        give_up("reads what is not there", NULL);
    unsigned number = flow_logs[object->flow_log].number;
    int length = snprintf(text, sizeof text,
                          FAKE_HEADER "2 " FAKE_ACCOUNT " eni-a%u 10.%u.0.1 10.%u.0.2 40000 443 6 "
                                      "1 %" PRIu64 " %" PRId64 " %" PRId64 " ACCEPT OK\n",
                          number, number, number, object->bytes, object->time_epoch_s,
                          object->time_epoch_s + 60);
    struct vfl_span bytes = {text, (size_t)length};
    if (object->is_bad)
        bytes = VFL_SPAN_LITERAL("<html>not a flow log</html>\n");
    if (happens(weather.get)) {
        bytes.len = below((unsigned)bytes.len);
        enum vfl_status st = sink.write(sink.ctx, bytes, ret_err);
        return st != VFL_OK ? st : draw_status(ret_err);
    }
    if (object->counted > 0)
        give_up("reads again what a committed run holds", object);
    object->read_run = object->is_bad ? 0 : run_number;
    return sink.write(sink.ctx, bytes, ret_err);
}

static enum vfl_status remove_keys(struct vfl_store *store, const char *const *keys,
                                   size_t key_count, struct vfl_remove_sink sink,
                                   struct vfl_error *ret_err)
{
    size_t left = happens(weather.removal) ? below((unsigned)key_count + 1) : SIZE_MAX;
    (void)store;
    for (size_t i = 0; i < key_count; i++) {
        struct object *object = find(keys[i], strlen(keys[i]));
        struct vfl_error failure = {0};
        enum vfl_status st = VFL_OK;
        if (object == NULL)
            give_up("deletes what is not there", NULL);
        if (object->counted != 1 || config.is_dry_run)
            give_up("deletes what no committed run holds", object);
        if (left-- == 0)
            return draw_status(ret_err);
        bool is_denied = happens(weather.removal);
        /* An answer that is lost may be one of a deletion that was done. */
        object->is_there = is_denied && is_one_in(2);
        if (is_denied)
            st = vfl_error_set(&failure, VFL_RETRY, "drawn");
        sink.result(sink.ctx, i, st, &failure);
    }
    return VFL_OK;
}

static enum vfl_status check_versioning(struct vfl_store *store, struct vfl_error *ret_err)
{
    (void)store;
    return happens(weather.versioning) ? draw_status(ret_err) : VFL_OK;
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
static struct vfl_store bucket = {&store_ops};

/* --- the agent -------------------------------------------------------------------------------- */

static enum vfl_status on_component(void *ctx, struct vfl_error *ret_err)
{
    (void)ctx;
    if (!happens(weather.emission))
        return VFL_OK;
    has_emission_failed = true;
    return vfl_error_set(ret_err, VFL_IO, "drawn");
}

static void count_objects_of(unsigned run)
{
    for (unsigned i = 0; i < object_count; i++)
        if (objects[i]->read_run == run && ++objects[i]->counted > 1)
            give_up("counted twice", objects[i]);
}

static void settle(bool is_taken)
{
    if (is_taken && pending_run != 0)
        count_objects_of(pending_run);
    if (is_taken)
        recording_ops_commit(&ops);
    pending_run = 0;
    is_pending_lost = false;
}

/* The sum over the run must be that of the objects that it read. */
static uint64_t bytes_read_in(unsigned run)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < object_count; i++)
        bytes += objects[i]->read_run == run ? objects[i]->bytes : 0;
    return bytes;
}

static void hear(enum vfl_status st)
{
    uint64_t told = ops.bytes_sent + ops.bytes_received;
    bool is_whole = told == bytes_read_in(run_number);
    if (has_emission_failed || (st != VFL_OK && told == 0)) {
        if (told != 0)
            give_up("an emission that broke off told of traffic", NULL);
        /* Its state does not name the objects. */
        for (unsigned i = 0; i < object_count; i++)
            objects[i]->read_run = objects[i]->read_run == run_number ? 0 : objects[i]->read_run;
    } else if (!is_whole) {
        give_up("what was told is not what was read", NULL);
    }
    if (ops.support != VFL_STATE_TRANSACTIONAL) {
        count_objects_of(run_number);
        return;
    }
    if (ops.stop_count == 0)
        return;
    if (pending_run != 0)
        give_up("two transactions at a time", NULL);
    pending_run = run_number;
    pending_wait = happens(weather.slow) ? 1 + below(6) : 0;
    is_pending_lost = happens(weather.lost);
    if (is_pending_lost)
        pending_wait = UINT_MAX;
    pending_since_s = true_s;
}

/* Within ten minutes the agent has delivered a transaction or given it up. */
static void advance_agent(void)
{
    if (pending_run != 0 && (pending_wait == 0 || true_s - pending_since_s >= 600))
        settle(!is_pending_lost);
    else if (pending_wait > 0)
        pending_wait--;
}

/* --- a run ------------------------------------------------------------------------------------ */

static void start_process(void)
{
    struct vfl_collector_ops table = recording_ops_table(&ops);
    if (pending_run != 0)
        settle(is_one_in(2));
    vfl_collector_free(collector);
    collector = NULL;
    if (vfl_collector_new(&config, &table, &collector, &err) != VFL_OK)
        give_up(err.text, NULL);
    vfl_workers_free(collector->workers);
    collector->workers = NULL;
    collector->store->ops->free(collector->store);
    collector->store = &bucket;
    const struct vfl_workers_options options = {.store = &bucket, .worker_count = 1};
    if (vfl_workers_new(&options, &collector->workers, &err) != VFL_OK)
        give_up(err.text, NULL);
    for (unsigned i = 0; i < flow_log_count; i++)
        flow_logs[i].newest_shown_epoch_s = INT64_MIN;
}

/* Two days, because that is what the sweeps of days look back. */
static void check_shown(void)
{
    for (unsigned i = 0; i < object_count; i++) {
        struct object *object = objects[i];
        unsigned region = flow_logs[object->flow_log].region;
        if (!has_come(object) || !object->is_there || object->is_shown || !has_listed[region] ||
            has_listing_failed[region])
            continue;
        if (object->is_on_time)
            give_up("on time, and not listed by the next run", object);
        if (age_s(object) >= 600 && !object->is_odd && !weather.has_clock_steps &&
            object->time_epoch_s >= true_s - 2 * DAY)
            give_up("not listed within ten minutes", object);
        if (age_s(object) >= 6 * HOUR && !was_full_endless)
            give_up("not listed within six hours", object);
    }
}

static void check_words(void)
{
    for (size_t i = 0; i < ops.notice_count; i++)
        if (strstr(ops.notices[i].text, "somebody else") != NULL)
            give_up(ops.notices[i].text, NULL);
}

static enum vfl_status run(int64_t after_s)
{
    true_s += after_s;
    advance_agent();
    run_number++;
    make_objects_until(true_s);
    let_arrive();
    recording_ops_forget(&ops);
    has_emission_failed = false;
    for (unsigned i = 0; i < REGION_COUNT; i++) {
        listing_count[i] = 0;
        has_listed[i] = has_listing_failed[i] = false;
    }
    err = (struct vfl_error){0};
    const struct vfl_run_time now = {true_s + wall_skew_s, true_s * 1000};
    enum vfl_status st = vfl_collector_run(collector, now, &err);
    hear(st);
    check_shown();
    check_words();
    return st;
}

/* --- a life ----------------------------------------------------------------------------------- */

static void make_flow_logs(void)
{
    unsigned layouts = below(4); /* which kinds there are */
    bool is_crowd = is_one_in(10);
    flow_log_count = is_crowd ? 20 + below(MAX_FLOW_LOGS - 20) : 1 + below(6);
    for (unsigned i = 0; i < flow_log_count; i++) {
        struct flow_log *log = &flow_logs[i];
        *log = (struct flow_log){.number = i + 1,
                                 .region = is_crowd ? 0 : below(REGION_COUNT),
                                 .is_hive = layouts & 1 && is_one_in(2),
                                 .is_hourly = layouts & 2 && is_one_in(2),
                                 .first_epoch_s = true_s - below(2 * DAY),
                                 .last_epoch_s = NEVER};
        if (is_crowd)
            log->first_epoch_s = true_s - HOUR;
        if (is_one_in(3))
            log->last_epoch_s = true_s + below(DAY);
        if (is_one_in(4))
            log->first_epoch_s = true_s + below(6 * HOUR);
    }
}

static unsigned drawn_rate(unsigned one_in)
{
    return is_one_in(2) ? 0 : one_in;
}

static void draw_weather(enum vfl_state_support support)
{
    weather = (struct weather){
        .restart = support == VFL_STATE_NONE ? 0 : drawn_rate(30),
        .lost = drawn_rate(20),
        .slow = drawn_rate(5),
        .listing = drawn_rate(20),
        .get = drawn_rate(20),
        .removal = drawn_rate(10),
        .emission = drawn_rate(60),
        .bad = drawn_rate(50),
        .odd = drawn_rate(50),
        .versioning = drawn_rate(30),
        .has_clock_steps = is_one_in(4),
        .is_full_endless = is_one_in(8),
    };
}

static void write_interfaces(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        give_up(path, NULL);
    fprintf(file, "{\"NetworkInterfaces\":[");
    for (unsigned i = 0; i < 2 * MAX_FLOW_LOGS; i++)
        fprintf(file,
                "%s{\"NetworkInterfaceId\":\"eni-%c%u\",\"VpcId\":\"vpc-1\",\"AvailabilityZone\":"
                "\"eu-west-1a\",\"PrivateIpAddress\":\"10.%u.0.%u\",\"PrivateIpAddresses\":"
                "[{\"Primary\":true,\"PrivateIpAddress\":\"10.%u.0.%u\"}]}",
                i == 0 ? "" : ",", i % 2 == 0 ? 'a' : 'b', i / 2 + 1, i / 2 + 1, i % 2 + 1,
                i / 2 + 1, i % 2 + 1);
    fprintf(file, "]}");
    if (fclose(file) != 0)
        give_up(path, NULL);
}

static void open_config(const struct fake_bucket *folder)
{
    char instance[1024];
    (void)snprintf(instance, sizeof instance,
                   "role_arn: arn:aws:iam::" FAKE_ACCOUNT ":role/Reader\n"
                   "regions: [%s, %s]\n"
                   "process_flow_logs: true\n"
                   "workers: 1\n"
                   "flowlog_bucket_name: " FAKE_BUCKET_NAME "\n"
                   "s3_endpoint_url: file://%s\n"
                   "interfaces_file: %s\n",
                   regions[0], regions[1], folder->root, folder->interfaces_path);
    if (vfl_config_parse(vfl_span_from_string("external_id: some-id\n"),
                         vfl_span_from_string(instance), &config, &err) != VFL_OK)
        give_up(err.text, NULL);
}

/* What could not be read is mended: a new object under its key. */
static void mend(struct object *object)
{
    object->is_bad = false;
    object->version++;
    object->is_shown = object->is_on_time = false;
    object->arrival_s = NEVER - true_s;
}

static void step(void)
{
    static const int64_t gaps_s[] = {300, 599, 660, HOUR, 5 * HOUR, 26 * HOUR};
    if (happens(weather.restart))
        start_process();
    if (weather.has_clock_steps && is_one_in(25))
        wall_skew_s = (int64_t)below(6 * DAY) - 3 * DAY;
    for (unsigned i = 0; i < object_count; i++)
        if (objects[i]->is_bad && objects[i]->is_there && is_one_in(100))
            mend(objects[i]);
    (void)run(is_one_in(30) ? gaps_s[below(6)] : 60);
}

static void check_progress(void)
{
    unsigned come_count = 0, counted_count = 0;
    for (unsigned i = 0; i < object_count; i++) {
        come_count += has_come(objects[i]) && !objects[i]->is_bad;
        counted_count += objects[i]->counted;
    }
    if (come_count >= 50 && counted_count == 0)
        give_up("nothing was read in all these runs", NULL);
}

/* All is well again: pauses end, sweeps come round. */
static void bring_out_the_rest(void)
{
    weather = (struct weather){.has_clock_steps = weather.has_clock_steps};
    wall_skew_s = 0;
    pending_wait = 0;
    if (config.is_dry_run) {
        config.is_dry_run = false;
        start_process();
    }
    for (unsigned i = 0; i < flow_log_count; i++)
        flow_logs[i].last_epoch_s = true_s;
    for (unsigned i = 0; i < object_count; i++)
        if (objects[i]->is_bad && has_come(objects[i]))
            mend(objects[i]);
    for (unsigned i = 0; i < 30; i++)
        (void)run(60);
    true_s += 6 * DAY; /* the latest of the late ones */
    for (unsigned i = 0; i < 4; i++)
        if (run(6 * HOUR) != VFL_OK)
            give_up(err.text, NULL);
    for (unsigned i = 0; i < object_count; i++) {
        if (objects[i]->is_bad && objects[i]->is_there)
            continue; /* came at the end */
        if (objects[i]->counted != 1)
            give_up("lost", objects[i]);
        if (objects[i]->is_there)
            give_up("not deleted", objects[i]);
    }
}

static void play(void)
{
    static const enum vfl_state_support supports[] = {
        VFL_STATE_TRANSACTIONAL, VFL_STATE_TRANSACTIONAL, VFL_STATE_PLAIN, VFL_STATE_NONE};
    random_state = seed;
    enum vfl_state_support support = supports[below(4)];
    true_s = DAY_20 + (is_one_in(2) ? 23 * HOUR + 30 * 60 : below(DAY));
    wall_skew_s = 0;
    run_number = pending_run = pending_wait = object_count = 0;
    is_pending_lost = false;
    recording_ops_init(&ops, support);
    ops.on_component = on_component;
    draw_weather(support);
    was_full_endless = weather.is_full_endless;
    make_flow_logs();
    config.is_dry_run = support != VFL_STATE_NONE && is_one_in(10);
    tick_epoch_s = true_s - 2 * DAY + is_one_in(2) * (2 * DAY - HOUR);
    tick_epoch_s -= tick_epoch_s % TICK_S;
    start_process();
    for (unsigned i = 0; i < RUN_COUNT; i++)
        step();
    check_progress();
    bring_out_the_rest();
    vfl_collector_free(collector);
    collector = NULL;
    recording_ops_fini(&ops);
    for (unsigned i = 0; i < object_count; i++)
        free(objects[i]);
}

static uint64_t first_seed, round_count;

START_TEST(every_life_keeps_the_promises)
{
    struct fake_bucket folder;
    fake_bucket_open(&folder);
    write_interfaces(folder.interfaces_path);
    open_config(&folder);
    for (seed = first_seed; seed < first_seed + round_count; seed++)
        play();
    vfl_config_fini(&config);
    fake_bucket_close(&folder);
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const cases[] = {every_life_keeps_the_promises};
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    round_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
    if (first_seed == 0)
        first_seed = (uint64_t)time(NULL) * 1000;
    printf("%" PRIu64 " rounds from seed %" PRIu64 "\n", round_count, first_seed);
    return RUN_SUITE("run model", cases);
}
