#include "core/run.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/fake/collector_fixture.h"
#include "tests/unit/run_suite.h"

/* Objects that may not be read, and such that the run's time is too short for: the others have
 * their turn, and the run's other work is done. */

#define MAX_FAULTS 8

/* A store that is the fixture's, but for the objects that it fails. One worker reads. */
struct faulty_store {
    struct vfl_store base;
    struct vfl_store *whole;
    struct {
        char key[FAKE_KEY_SIZE];
        enum vfl_status status; /* VFL_OK: its bytes, after a while */
        int takes_ms;
    } faults[MAX_FAULTS];
    size_t fault_count;
    unsigned get_count;
};

static struct collector_fixture at;
static struct faulty_store store;
static char newest[FAKE_KEY_SIZE], older[FAKE_KEY_SIZE];

static enum vfl_status get(struct vfl_store *base, const struct vfl_store_object *expected,
                           struct vfl_sink sink, struct vfl_error *err)
{
    (void)base;
    store.get_count++;
    for (size_t i = 0; i < store.fault_count; i++) {
        if (!vfl_span_equal_string(expected->key, store.faults[i].key))
            continue;
        struct timespec link = {.tv_nsec = store.faults[i].takes_ms * 1000000L};
        (void)nanosleep(&link, NULL);
        if (store.faults[i].status != VFL_OK)
            return vfl_error_set(err, store.faults[i].status, "s3:GetObject failed");
    }
    return store.whole->ops->get(store.whole, expected, sink, err);
}

static enum vfl_status check_versioning(struct vfl_store *base, struct vfl_error *err)
{
    (void)base;
    return store.whole->ops->check_versioning(store.whole, err);
}

static enum vfl_status list(struct vfl_store *base, const char *prefix, const char *start_after,
                            struct vfl_object_sink sink, struct vfl_error *err)
{
    (void)base;
    return store.whole->ops->list(store.whole, prefix, start_after, sink, err);
}

static enum vfl_status remove_keys(struct vfl_store *base, const char *const *keys,
                                   size_t key_count, struct vfl_remove_sink sink,
                                   struct vfl_error *err)
{
    (void)base;
    return store.whole->ops->remove(store.whole, keys, key_count, sink, err);
}

static void free_store(struct vfl_store *base)
{
    (void)base;
    store.whole->ops->free(store.whole);
}

static const struct vfl_store_ops faulty_ops = {
    .check_versioning = check_versioning,
    .list = list,
    .get = get,
    .remove = remove_keys,
    .free = free_store,
};

static void replace_store(void)
{
    store = (struct faulty_store){.base = {&faulty_ops}, .whole = at.collector->store};
    at.collector->store = &store.base;
    vfl_workers_free(at.collector->workers);
    at.collector->workers = NULL;
    const struct vfl_workers_options options = {.store = &store.base, .worker_count = 1};
    ck_assert_int_eq(vfl_workers_new(&options, &at.collector->workers, &at.err), VFL_OK);
}

static void open_fixture(void)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "");
    at.ops.is_auto_commit = true;
    replace_store();
    fake_key(2, 2, newest);
    fake_key(1, 1, older);
}

static void put_failing(const char *key, uint64_t bytes, enum vfl_status status, int takes_ms)
{
    fake_bucket_put_flow(&at.bucket, key, bytes);
    ck_assert_uint_lt(store.fault_count, MAX_FAULTS);
    (void)snprintf(store.faults[store.fault_count].key, FAKE_KEY_SIZE, "%s", key);
    store.faults[store.fault_count].takes_ms = takes_ms;
    store.faults[store.fault_count++].status = status;
}

static void expect_run(int64_t after_s)
{
    enum vfl_status st = collector_fixture_run(&at, after_s);
    ck_assert_msg(st == VFL_OK, "%s", at.err.text);
}

static void expect_level(enum vfl_check_level level, const char *part)
{
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, level);
    ck_assert_msg(strstr(at.ops.checks[VFL_CHECK_CAN_UPDATE].message, part) != NULL, "%s",
                  at.ops.checks[VFL_CHECK_CAN_UPDATE].message);
}

/* ---- the run's time ---- */

START_TEST(object_that_outlasts_the_run_makes_way)
{
    open_fixture();
    put_failing(newest, 7, VFL_DEADLINE, 0);
    fake_bucket_put_flow(&at.bucket, older, 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 0);
    expect_level(VFL_CHECK_WARNING, newest);
    expect_level(VFL_CHECK_WARNING, "collection_interval");
    expect_run(59);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    store.fault_count = 0;
    expect_run(1); /* its pause is over */
    ck_assert_uint_eq(at.ops.bytes_sent, 7);
    collector_fixture_close(&at);
}
END_TEST

/* Reads what is new in a run of half a second. */
static size_t read_in_half_a_second(struct vfl_run *run)
{
    size_t read_count = 0;
    int64_t now_ms = vfl_clock_monotonic_ms();
    *run = (struct vfl_run){
        .collector = at.collector,
        .now = at.now,
        .start_ms = now_ms,
        .deadline_ms = now_ms + 500,
    };
    vfl_run_report_init(&run->report, &at.collector->ops);
    ck_assert_int_eq(vfl_run_list_objects(run, &at.err), VFL_OK);
    ck_assert_int_eq(vfl_run_read_objects(run, &read_count, &at.err), VFL_OK);
    return read_count;
}

static const struct {
    const char *name;
    int newest_takes_ms, older_takes_ms;
    unsigned failed, waiting;
} shares[] = {
    {"had most of the time", 0, 300, 1, 1},
    {"came when the time was nearly over", 300, 0, 0, 2},
};

/* The second of three is being read when the time is over. */
START_TEST(only_an_object_that_had_its_time_is_noted)
{
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        char oldest[FAKE_KEY_SIZE];
        struct vfl_run run;
        open_fixture();
        expect_run(0);
        fake_key(0, 0, oldest);
        put_failing(newest, 1, VFL_OK, shares[i].newest_takes_ms);
        put_failing(older, 2, VFL_DEADLINE, shares[i].older_takes_ms);
        fake_bucket_put_flow(&at.bucket, oldest, 4);
        ck_assert_uint_eq(read_in_half_a_second(&run), 1);
        ck_assert_msg(run.report.failed == shares[i].failed, "%s", shares[i].name);
        ck_assert_msg(run.report.waiting == shares[i].waiting, "%s", shares[i].name);
        const struct vfl_ledger_entry *entry =
            vfl_ledger_find(&at.collector->confirmation.ledger, run.list.to_read[1].digest);
        ck_assert_msg((entry != NULL) == (shares[i].failed == 1), "%s", shares[i].name);
        if (entry != NULL)
            ck_assert_int_eq(entry->retry_epoch_s, at.now.epoch_s + 60);
        vfl_object_list_fini(&run.list);
        collector_fixture_close(&at);
    }
}
END_TEST

/* ---- refused objects ---- */

/* Of a bucket where nothing else comes any more: what is live is told again after 5 minutes. */
START_TEST(refused_object_does_not_hold_up_the_emission)
{
    char another[FAKE_KEY_SIZE];
    open_fixture();
    fake_bucket_put_flow(&at.bucket, older, 100);
    expect_run(0);
    put_failing(newest, 7, VFL_DENIED, 0);
    expect_run(60); /* the object's own affair, as far as one can tell */
    expect_level(VFL_CHECK_WARNING, newest);
    fake_key(3, 3, another);
    put_failing(another, 8, VFL_DENIED, 0); /* not the only one */
    ck_assert_int_eq(collector_fixture_run(&at, 301), VFL_DENIED);
    expect_level(VFL_CHECK_CRITICAL, "s3:GetObject failed");
    ck_assert_uint_eq(at.ops.component_count, 2);
    ck_assert_uint_eq(at.ops.relation_count, 1);
    ck_assert_int_eq(collector_fixture_run(&at, 24 * 3600), VFL_DENIED);
    ck_assert_uint_eq(at.ops.removal_count, 3);
    collector_fixture_close(&at);
}
END_TEST

static void put_three_refused(unsigned first_minute)
{
    char key[FAKE_KEY_SIZE];
    for (unsigned i = 0; i < 3; i++) {
        fake_key(first_minute + i, first_minute + i, key);
        put_failing(key, UINT64_C(1000) << i, VFL_DENIED, 0);
    }
}

START_TEST(three_refused_objects_do_not_keep_older_ones_from_being_tried)
{
    open_fixture();
    put_three_refused(3);
    fake_bucket_put_flow(&at.bucket, older, 100);
    ck_assert_int_eq(collector_fixture_run(&at, 0), VFL_DENIED);
    ck_assert_uint_eq(store.get_count, 3);
    expect_run(1);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    ck_assert_uint_eq(store.get_count, 3 + 4);
    expect_run(59); /* now they have a pause: nothing is tried */
    ck_assert_uint_eq(store.get_count, 3 + 4);
    expect_run(1); /* and then a longer one */
    ck_assert_uint_eq(store.get_count, 3 + 4 + 3);
    expect_level(VFL_CHECK_WARNING, "s3:GetObject failed");
    expect_run(119);
    ck_assert_uint_eq(store.get_count, 3 + 4 + 3);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(missing_permission_is_over_when_it_is_mended)
{
    open_fixture();
    fake_bucket_put_flow(&at.bucket, older, 100);
    expect_run(0);
    put_three_refused(3);
    for (int run = 0; run < 5; run++)
        ck_assert_int_eq(collector_fixture_run(&at, 60), VFL_DENIED);
    store.fault_count = 0;
    expect_run(1);
    ck_assert_uint_eq(at.ops.bytes_sent, 7000);
    expect_level(VFL_CHECK_OK, "");
    collector_fixture_close(&at);
}
END_TEST

/* Nor does it get pauses because another one is readable. */
START_TEST(refused_region_does_not_hold_up_another)
{
    static const char format[] =
        "AWSLogs/" FAKE_ACCOUNT "/vpcflowlogs/us-east-1/2026/11/20/" FAKE_ACCOUNT
        "_vpcflowlogs_us-east-1_" FAKE_FLOW_LOG "_20261120T100%uZ_0000000a.log.gz";
    char refused[] = "us-east-1", readable[] = FAKE_REGION;
    char *regions[] = {refused, readable};
    open_fixture();
    char **configured = at.config.regions;
    at.config.regions = regions;
    at.config.region_count = 2;
    collector_fixture_restart(&at);
    replace_store();
    for (unsigned i = 0; i < 4; i++) {
        char key[FAKE_KEY_SIZE];
        (void)snprintf(key, sizeof key, format, 5 + i);
        put_failing(key, 1000 + i, VFL_DENIED, 0);
    }
    fake_bucket_put_flow(&at.bucket, older, 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    ck_assert_uint_eq(store.get_count, 3 + 1);
    ck_assert_double_eq(recording_ops_metric(&at.ops, "aws_flowlogs.objects.waiting", NULL), 1);
    store.fault_count = 0;
    expect_run(1);
    ck_assert_uint_eq(at.ops.bytes_sent, 4006);
    at.config.regions = configured;
    at.config.region_count = 1;
    collector_fixture_close(&at);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        object_that_outlasts_the_run_makes_way,
        only_an_object_that_had_its_time_is_noted,
        refused_object_does_not_hold_up_the_emission,
        three_refused_objects_do_not_keep_older_ones_from_being_tried,
        missing_permission_is_over_when_it_is_mended,
        refused_region_does_not_hold_up_another,
    };
    return RUN_SUITE("run reading", cases);
}
