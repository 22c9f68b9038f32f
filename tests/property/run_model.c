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
#include "tests/property/run_model.h"

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
#define RUN_COUNT 150

static struct recording_ops ops;
static struct vfl_collector *collector;
static struct vfl_error err;
static int64_t wall_skew_s;

static unsigned pending_run; /* whose objects wait for the agent's word; 0: none */
static unsigned pending_wait;
static int64_t pending_since_s;
static bool is_pending_lost;
static bool has_emission_failed;
static bool was_full_endless; /* earlier in this life */

/* --- the agent -------------------------------------------------------------------------------- */

static enum vfl_status on_component(void *ctx, struct vfl_error *ret_err)
{
    (void)ctx;
    if (!model_happens(model.weather.emission))
        return VFL_OK;
    has_emission_failed = true;
    return vfl_error_set(ret_err, VFL_IO, "drawn");
}

static void count_objects_of(unsigned run)
{
    for (unsigned i = 0; i < model.object_count; i++)
        if (model.objects[i]->read_run == run && ++model.objects[i]->counted > 1)
            model_give_up("counted twice", model.objects[i]);
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
    for (unsigned i = 0; i < model.object_count; i++)
        bytes += model.objects[i]->read_run == run ? model.objects[i]->bytes : 0;
    return bytes;
}

static void hear(enum vfl_status st)
{
    uint64_t told = ops.bytes_sent + ops.bytes_received;
    bool is_whole = told == bytes_read_in(model.run_number);
    if (has_emission_failed || (st != VFL_OK && told == 0)) {
        if (told != 0)
            model_give_up("an emission that broke off told of traffic", NULL);
        /* Its state does not name the objects. */
        for (unsigned i = 0; i < model.object_count; i++)
            model.objects[i]->read_run =
                model.objects[i]->read_run == model.run_number ? 0 : model.objects[i]->read_run;
    } else if (!is_whole) {
        model_give_up("what was told is not what was read", NULL);
    }
    if (ops.support != VFL_STATE_TRANSACTIONAL) {
        count_objects_of(model.run_number);
        return;
    }
    if (ops.stop_count == 0)
        return;
    if (pending_run != 0)
        model_give_up("two transactions at a time", NULL);
    pending_run = model.run_number;
    pending_wait = model_happens(model.weather.slow) ? 1 + model_below(6) : 0;
    is_pending_lost = model_happens(model.weather.lost);
    if (is_pending_lost)
        pending_wait = UINT_MAX;
    pending_since_s = model.true_s;
}

/* Within ten minutes the agent has delivered a transaction or given it up. */
static void advance_agent(void)
{
    if (pending_run != 0 && (pending_wait == 0 || model.true_s - pending_since_s >= 600))
        settle(!is_pending_lost);
    else if (pending_wait > 0)
        pending_wait--;
}

/* --- a run ------------------------------------------------------------------------------------ */

static void start_process(void)
{
    struct vfl_collector_ops table = recording_ops_table(&ops);
    if (pending_run != 0)
        settle(model_is_one_in(2));
    vfl_collector_free(collector);
    collector = NULL;
    if (vfl_collector_new(&model.config, &table, &collector, &err) != VFL_OK)
        model_give_up(err.text, NULL);
    vfl_workers_free(collector->workers);
    collector->workers = NULL;
    collector->store->ops->free(collector->store);
    collector->store = &model_bucket;
    const struct vfl_workers_options options = {.store = &model_bucket, .worker_count = 1};
    if (vfl_workers_new(&options, &collector->workers, &err) != VFL_OK)
        model_give_up(err.text, NULL);
    for (unsigned i = 0; i < model.flow_log_count; i++)
        model.flow_logs[i].newest_shown_epoch_s = INT64_MIN;
}

/* Two days, because that is what the sweeps of days look back. */
static void check_shown(void)
{
    for (unsigned i = 0; i < model.object_count; i++) {
        struct model_object *object = model.objects[i];
        unsigned region = model.flow_logs[object->flow_log].region;
        if (!model_has_come(object) || !object->is_there || object->is_shown ||
            !model.has_listed[region] || model.has_listing_failed[region])
            continue;
        if (object->is_on_time)
            model_give_up("on time, and not listed by the next run", object);
        if (model_age_s(object) >= 600 && !object->is_odd && !model.weather.has_clock_steps &&
            object->time_epoch_s >= model.true_s - 2 * MODEL_DAY)
            model_give_up("not listed within ten minutes", object);
        if (model_age_s(object) >= 6 * MODEL_HOUR && !was_full_endless)
            model_give_up("not listed within six hours", object);
    }
}

static void check_words(void)
{
    for (size_t i = 0; i < ops.notice_count; i++)
        if (strstr(ops.notices[i].text, "somebody else") != NULL)
            model_give_up(ops.notices[i].text, NULL);
}

static enum vfl_status run(int64_t after_s)
{
    model.true_s += after_s;
    advance_agent();
    model.run_number++;
    model_make_objects_until(model.true_s);
    model_let_arrive();
    recording_ops_forget(&ops);
    has_emission_failed = false;
    for (unsigned i = 0; i < MODEL_REGION_COUNT; i++) {
        model.listing_count[i] = 0;
        model.has_listed[i] = model.has_listing_failed[i] = false;
    }
    err = (struct vfl_error){0};
    const struct vfl_run_time now = {model.true_s + wall_skew_s, model.true_s * 1000};
    enum vfl_status st = vfl_collector_run(collector, now, &err);
    hear(st);
    check_shown();
    check_words();
    return st;
}

/* --- a life ----------------------------------------------------------------------------------- */

static void make_flow_logs(void)
{
    unsigned layouts = model_below(4); /* which kinds there are */
    bool is_crowd = model_is_one_in(10);
    model.flow_log_count =
        is_crowd ? 20 + model_below(MODEL_MAX_FLOW_LOGS - 20) : 1 + model_below(6);
    for (unsigned i = 0; i < model.flow_log_count; i++) {
        struct model_flow_log *log = &model.flow_logs[i];
        *log = (struct model_flow_log){.number = i + 1,
                                       .region = is_crowd ? 0 : model_below(MODEL_REGION_COUNT),
                                       .is_hive = layouts & 1 && model_is_one_in(2),
                                       .is_hourly = layouts & 2 && model_is_one_in(2),
                                       .first_epoch_s = model.true_s - model_below(2 * MODEL_DAY),
                                       .last_epoch_s = MODEL_NEVER};
        if (is_crowd)
            log->first_epoch_s = model.true_s - MODEL_HOUR;
        if (model_is_one_in(3))
            log->last_epoch_s = model.true_s + model_below(MODEL_DAY);
        if (model_is_one_in(4))
            log->first_epoch_s = model.true_s + model_below(6 * MODEL_HOUR);
    }
}

static unsigned drawn_rate(unsigned one_in)
{
    return model_is_one_in(2) ? 0 : one_in;
}

static void draw_weather(enum vfl_state_support support)
{
    model.weather = (struct model_weather){
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
        .has_clock_steps = model_is_one_in(4),
        .is_full_endless = model_is_one_in(8),
    };
}

static void write_interfaces(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        model_give_up(path, NULL);
    fprintf(file, "{\"NetworkInterfaces\":[");
    for (unsigned i = 0; i < 2 * MODEL_MAX_FLOW_LOGS; i++)
        fprintf(file,
                "%s{\"NetworkInterfaceId\":\"eni-%c%u\",\"VpcId\":\"vpc-1\",\"AvailabilityZone\":"
                "\"eu-west-1a\",\"PrivateIpAddress\":\"10.%u.0.%u\",\"PrivateIpAddresses\":"
                "[{\"Primary\":true,\"PrivateIpAddress\":\"10.%u.0.%u\"}]}",
                i == 0 ? "" : ",", i % 2 == 0 ? 'a' : 'b', i / 2 + 1, i / 2 + 1, i % 2 + 1,
                i / 2 + 1, i % 2 + 1);
    fprintf(file, "]}");
    if (fclose(file) != 0)
        model_give_up(path, NULL);
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
                   model_regions[0], model_regions[1], folder->root, folder->interfaces_path);
    if (vfl_config_parse(vfl_span_from_string("external_id: some-id\n"),
                         vfl_span_from_string(instance), &model.config, &err) != VFL_OK)
        model_give_up(err.text, NULL);
}

/* What could not be read is mended: a new object under its key. */
static void mend(struct model_object *object)
{
    object->is_bad = false;
    object->version++;
    object->is_shown = object->is_on_time = false;
    object->arrival_s = MODEL_NEVER - model.true_s;
}

static void step(void)
{
    static const int64_t gaps_s[] = {300, 599, 660, MODEL_HOUR, 5 * MODEL_HOUR, 26 * MODEL_HOUR};
    if (model_happens(model.weather.restart))
        start_process();
    if (model.weather.has_clock_steps && model_is_one_in(25))
        wall_skew_s = (int64_t)model_below(6 * MODEL_DAY) - 3 * MODEL_DAY;
    for (unsigned i = 0; i < model.object_count; i++)
        if (model.objects[i]->is_bad && model.objects[i]->is_there && model_is_one_in(100))
            mend(model.objects[i]);
    (void)run(model_is_one_in(30) ? gaps_s[model_below(6)] : 60);
}

/* Not of what came last: a single run may fail, and so may the ten after it. */
static void check_progress(void)
{
    unsigned come_count = 0, counted_count = 0;
    for (unsigned i = 0; i < model.object_count; i++) {
        come_count += model_has_come(model.objects[i]) && !model.objects[i]->is_bad &&
                      model.objects[i]->arrival_run + 50 <= model.run_number;
        counted_count += model.objects[i]->counted;
    }
    if (come_count >= 50 && counted_count == 0)
        model_give_up("nothing was read in all these runs", NULL);
}

/* All is well again: pauses end, sweeps come round. */
static void bring_out_the_rest(void)
{
    model.weather = (struct model_weather){.has_clock_steps = model.weather.has_clock_steps};
    wall_skew_s = 0;
    pending_wait = 0;
    if (model.config.is_dry_run) {
        model.config.is_dry_run = false;
        start_process();
    }
    for (unsigned i = 0; i < model.flow_log_count; i++)
        model.flow_logs[i].last_epoch_s = model.true_s;
    for (unsigned i = 0; i < model.object_count; i++)
        if (model.objects[i]->is_bad && model_has_come(model.objects[i]))
            mend(model.objects[i]);
    for (unsigned i = 0; i < 30; i++)
        (void)run(60);
    model.true_s += 6 * MODEL_DAY; /* the latest of the late ones */
    for (unsigned i = 0; i < 4; i++)
        if (run(6 * MODEL_HOUR) != VFL_OK)
            model_give_up(err.text, NULL);
    for (unsigned i = 0; i < model.object_count; i++) {
        if (model.objects[i]->is_bad && model.objects[i]->is_there)
            continue; /* came at the end */
        if (model.objects[i]->counted != 1)
            model_give_up("lost", model.objects[i]);
        if (model.objects[i]->is_there)
            model_give_up("not deleted", model.objects[i]);
    }
}

static void play(void)
{
    static const enum vfl_state_support supports[] = {
        VFL_STATE_TRANSACTIONAL, VFL_STATE_TRANSACTIONAL, VFL_STATE_PLAIN, VFL_STATE_NONE};
    model_start_random(model.seed);
    enum vfl_state_support support = supports[model_below(4)];
    model.true_s =
        DAY_20 + (model_is_one_in(2) ? 23 * MODEL_HOUR + 30 * 60 : model_below(MODEL_DAY));
    wall_skew_s = 0;
    model.run_number = pending_run = pending_wait = model.object_count = 0;
    is_pending_lost = false;
    recording_ops_init(&ops, support);
    ops.on_component = on_component;
    draw_weather(support);
    was_full_endless = model.weather.is_full_endless;
    model.had_odd_names = model.weather.odd != 0;
    make_flow_logs();
    model.config.is_dry_run = support != VFL_STATE_NONE && model_is_one_in(10);
    model.tick_epoch_s =
        model.true_s - 2 * MODEL_DAY + model_is_one_in(2) * (2 * MODEL_DAY - MODEL_HOUR);
    model.tick_epoch_s -= model.tick_epoch_s % MODEL_TICK_S;
    start_process();
    for (unsigned i = 0; i < RUN_COUNT; i++)
        step();
    check_progress();
    bring_out_the_rest();
    vfl_collector_free(collector);
    collector = NULL;
    recording_ops_fini(&ops);
    for (unsigned i = 0; i < model.object_count; i++)
        free(model.objects[i]);
}

static uint64_t first_seed, round_count;

START_TEST(every_life_keeps_the_promises)
{
    struct fake_bucket folder;
    fake_bucket_open(&folder);
    write_interfaces(folder.interfaces_path);
    open_config(&folder);
    for (model.seed = first_seed; model.seed < first_seed + round_count; model.seed++)
        play();
    vfl_config_fini(&model.config);
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
