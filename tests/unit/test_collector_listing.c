#include "core/collector.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ledger.h"
#include "tests/fake/collector_fixture.h"
#include "tests/unit/run_suite.h"

/* What narrow listings still find, and when. Runs are a minute apart; the first one is at 10:10 of
 * the 20th, and every tenth after it sweeps days: at 10:20, 10:30, ... */

#define REGION_FOLDER "AWSLogs/" FAKE_ACCOUNT "/vpcflowlogs/" FAKE_REGION "/"
#define HIVE_FOLDER                                                                                \
    "AWSLogs/aws-account-id=" FAKE_ACCOUNT "/aws-service=vpcflowlogs/aws-region=" FAKE_REGION "/"

static struct collector_fixture at;

/* stamp: 20261120T1005Z; folders: from after the region to the name. */
static const char *key_in(const char *folders, const char *stamp)
{
    static char key[2 * FAKE_KEY_SIZE];
    (void)snprintf(key, sizeof key,
                   "%s" FAKE_ACCOUNT "_vpcflowlogs_" FAKE_REGION "_" FAKE_FLOW_LOG
                   "_%s_0000000a.log.gz",
                   folders, stamp);
    return key;
}

static const char *key_of(const char *stamp)
{
    char folders[FAKE_KEY_SIZE];
    (void)snprintf(folders, sizeof folders, REGION_FOLDER "%.4s/%.2s/%.2s/", stamp, stamp + 4,
                   stamp + 6);
    return key_in(folders, stamp);
}

static const char *key_of_flow_log(const char *flow_log, const char *stamp)
{
    static char key[FAKE_KEY_SIZE];
    (void)snprintf(key, sizeof key,
                   REGION_FOLDER "%.4s/%.2s/%.2s/" FAKE_ACCOUNT "_vpcflowlogs_" FAKE_REGION
                                 "_%s_%s_0000000a.log.gz",
                   stamp, stamp + 4, stamp + 6, flow_log, stamp);
    return key;
}

static void put(const char *key, uint64_t bytes)
{
    fake_bucket_put_flow(&at.bucket, key, bytes);
}

static bool has(const char *key)
{
    return fake_bucket_has(&at.bucket, key);
}

static void expect_run(int64_t after_s)
{
    enum vfl_status st = collector_fixture_run(&at, after_s);
    ck_assert_msg(st == VFL_OK, "%s", at.err.text);
}

/* A flow log that is under way: its object of 10:05 was read and deleted. Now it is 10:12. */
static void open_fixture(void)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "");
    at.ops.is_auto_commit = true;
    put(key_of("20261120T1005Z"), 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    expect_run(60);
    ck_assert(!has(key_of("20261120T1005Z")));
    expect_run(60);
}

static double metric(const char *name)
{
    return recording_ops_metric(&at.ops, name, NULL);
}

/* The minutes from now until the run that reads so many objects, and not one before. */
static int minutes_until_read(unsigned count, int max_minutes)
{
    for (int minute = 1; minute <= max_minutes; minute++) {
        expect_run(60);
        unsigned read_count = (unsigned)metric("aws_flowlogs.objects.processed");
        if (read_count == count)
            return minute;
        ck_assert_uint_eq(read_count, 0);
    }
    return -1;
}

static const struct {
    const char *name, *flow_log, *stamp;
    int minutes;
} late_objects[] = {
    {"the next object", FAKE_FLOW_LOG, "20261120T1010Z", 1},
    {"late, within the look-back", FAKE_FLOW_LOG, "20261120T0905Z", 1},
    {"later than the look-back", FAKE_FLOW_LOG, "20261120T0904Z", 8},
    {"of yesterday", FAKE_FLOW_LOG, "20261119T2355Z", 8},
    {"of two days ago", FAKE_FLOW_LOG, "20261118T0000Z", 8},
    {"of a flow log that is new", "fl-00000000000000001", "20261120T1010Z", 8},
    {"of three days ago", FAKE_FLOW_LOG, "20261117T2355Z", 358},
};

START_TEST(late_object_is_found_by_the_narrowest_listing_that_covers_it)
{
    for (size_t i = 0; i < sizeof late_objects / sizeof late_objects[0]; i++) {
        char key[FAKE_KEY_SIZE];
        open_fixture();
        (void)snprintf(key, sizeof key, "%s",
                       key_of_flow_log(late_objects[i].flow_log, late_objects[i].stamp));
        put(key, 7);
        int minutes = minutes_until_read(1, 370);
        ck_assert_msg(minutes == late_objects[i].minutes, "%s: after %d minutes",
                      late_objects[i].name, minutes);
        ck_assert(has(key));
        expect_run(60);
        ck_assert_msg(!has(key), "%s", late_objects[i].name);
        collector_fixture_close(&at);
    }
}
END_TEST

/* 00:02 of the 21st: the first object of the day, and the last ones of the day before. */
START_TEST(goes_over_midnight_without_a_sweep)
{
    open_fixture();
    expect_run((13 * 60 + 40) * 60); /* 23:52: FULL */
    put(key_of("20261120T2345Z"), 100);
    expect_run(60);
    for (int run = 0; run < 9; run++) /* 00:02, days being swept at 00:02 */
        expect_run(60);
    put(key_of("20261121T0000Z"), 7);
    put(key_of("20261120T2355Z"), 70);
    ck_assert_int_eq(minutes_until_read(2, 3), 1);
    put(key_of("20261121T0005Z"), 8);
    put(key_of("20261120T2305Z"), 80);
    ck_assert_int_eq(minutes_until_read(2, 3), 1);
    expect_run(60);
    ck_assert(!has(key_of("20261121T0005Z")));
    ck_assert(!has(key_of("20261120T2305Z")));
    collector_fixture_close(&at);
}
END_TEST

static const struct {
    const char *name, *first, *next;
} layouts[] = {
    {"hourly", REGION_FOLDER "2026/11/20/10/", REGION_FOLDER "2026/11/20/11/"},
    {"Hive", HIVE_FOLDER "year=2026/month=11/day=20/", HIVE_FOLDER "year=2026/month=11/day=20/"},
    {"hourly Hive", HIVE_FOLDER "year=2026/month=11/day=20/hour=10/",
     HIVE_FOLDER "year=2026/month=11/day=20/hour=11/"},
};

START_TEST(every_layout_has_cursors)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "");
        at.ops.is_auto_commit = true;
        put(key_in(layouts[i].first, "20261120T1005Z"), 100);
        for (int run = 0; run < 3; run++)
            expect_run(60);
        ck_assert(!has(key_in(layouts[i].first, "20261120T1005Z")));
        put(key_in(layouts[i].first, "20261120T1000Z"), 7);
        ck_assert_msg(minutes_until_read(1, 3) == 1, "%s", layouts[i].name);
        put(key_in(layouts[i].next, "20261120T1100Z"), 8);
        ck_assert_msg(minutes_until_read(1, 3) == 1, "%s", layouts[i].name);
        expect_run(60);
        ck_assert(!has(key_in(layouts[i].next, "20261120T1100Z")));
        collector_fixture_close(&at);
    }
}
END_TEST

START_TEST(mixed_layouts_of_one_day_are_read_once)
{
    open_fixture();
    put(key_in(REGION_FOLDER "2026/11/20/10/", "20261120T1006Z"), 3);
    put(key_of("20261120T1007Z"), 4);
    expect_run(8 * 60); /* 10:20: days are swept */
    ck_assert_uint_eq(at.ops.bytes_sent, 7);
    put(key_in(REGION_FOLDER "2026/11/20/10/", "20261120T1010Z"), 30);
    put(key_of("20261120T1011Z"), 40);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 70);
    ck_assert_double_eq(metric("aws_flowlogs.objects.duplicate"), 0);
    expect_run(60);
    ck_assert(!has(key_of("20261120T1011Z")));
    collector_fixture_close(&at);
}
END_TEST

/* However old it is: what was emitted is listed again, so that it can be deleted. */
START_TEST(backlog_of_old_days_is_read_and_deleted)
{
    static const char *const stamps[] = {"20261001T0100Z", "20261102T1200Z", "20261120T0000Z",
                                         "20261120T1005Z"};
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "");
    for (size_t i = 0; i < 4; i++)
        put(key_of(stamps[i]), UINT64_C(1) << i);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 15);
    for (int run = 0; run < 5; run++) /* the agent takes its time */
        expect_run(60);
    for (size_t i = 0; i < 4; i++)
        ck_assert(has(key_of(stamps[i])));
    recording_ops_commit(&at.ops);
    expect_run(60);
    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(!has(key_of(stamps[i])), "%s", stamps[i]);
    ck_assert_uint_eq(at.ops.bytes_sent, 0);
    collector_fixture_close(&at);
}
END_TEST

/* Deletes that fail are tried again in every run. */
START_TEST(old_object_that_cannot_be_deleted_stays_in_sight)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "");
    at.ops.is_auto_commit = true;
    put(key_of("20261101T0100Z"), 1);
    put(key_of("20261120T1005Z"), 2);
    expect_run(0);
    fake_bucket_block_trash(&at.bucket);
    expect_run(60);
    expect_run(60);
    ck_assert_double_eq(metric("aws_flowlogs.objects.delete_failed"), 2);
    fake_bucket_unblock_trash(&at.bucket);
    expect_run(60);
    ck_assert(!has(key_of("20261101T0100Z")));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(bad_object_before_the_cursor_is_tried_again_after_its_pause)
{
    static const int pauses[] = {1, 2, 4};
    open_fixture();
    fake_bucket_put(&at.bucket, key_of("20261120T0200Z"), "PAR1", 4);
    expect_run(8 * 60); /* 10:20: days are swept */
    ck_assert(recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "20261120T0200Z"));
    for (size_t i = 0; i < 3; i++)
        for (int minute = 1; minute <= pauses[i]; minute++) {
            expect_run(60);
            bool is_tried = recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "20261120T0200Z");
            ck_assert_msg(is_tried == (minute == pauses[i]), "pause %zu, minute %d", i, minute);
            ck_assert_double_eq(metric("aws_flowlogs.objects.failed"), 1);
        }
    collector_fixture_close(&at);
}
END_TEST

/* A folder too deep to be walked makes a sweep fail. An object older than what days show tells a
 * FULL listing from the others. */
START_TEST(failed_listing_is_made_up_for_by_a_full_one)
{
    char deep[1024] = REGION_FOLDER "d/";
    char folder[512], elsewhere[512];
    open_fixture();
    (void)snprintf(folder, sizeof folder, "%s/" FAKE_BUCKET_NAME "/" REGION_FOLDER "d",
                   at.bucket.root);
    (void)snprintf(elsewhere, sizeof elsewhere, "%s/d", at.bucket.root);
    for (int depth = 0; depth < 80; depth++)
        (void)strcat(deep, "d/");
    (void)strcat(deep, "file");
    fake_bucket_put(&at.bucket, deep, "", 0);
    ck_assert_int_eq(collector_fixture_run(&at, 8 * 60), VFL_LIMIT); /* a sweep */
    put(key_of("20261001T0100Z"), 7);
    ck_assert_int_eq(collector_fixture_run(&at, 60), VFL_LIMIT);
    ck_assert_int_eq(rename(folder, elsewhere), 0);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 7);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(restart_lists_everything)
{
    open_fixture();
    put(key_of("20261001T0100Z"), 7);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 0);
    collector_fixture_restart(&at);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 7);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(lost_transaction_is_followed_by_a_full_listing)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "");
    put(key_of("20261120T1005Z"), 1);
    expect_run(0);
    put(key_of("20261001T0100Z"), 2);
    expect_run(12 * 60);
    ck_assert_uint_eq(at.ops.bytes_sent, 3);
    collector_fixture_close(&at);
}
END_TEST

/* The committed state names deleted objects until the next emission. They must not come back with
 * it: narrow listings cannot show that they are gone, and the ledger would fill up. */
START_TEST(deleted_objects_do_not_return_to_the_ledger)
{
    open_fixture();
    for (int i = 0; i < 5; i++) {
        char stamp[32];
        (void)snprintf(stamp, sizeof stamp, "20261120T10%02dZ", 10 + i);
        put(key_of(stamp), 1000 + (uint64_t)i);
        expect_run(60); /* reads */
        expect_run(60); /* deletes, writes nothing */
        ck_assert(!has(key_of(stamp)));
        expect_run(60);
    }
    const char *emitted = strstr(at.ops.state, "\"emitted\":\"");
    ck_assert_ptr_nonnull(emitted);
    /* 8 bytes in base64: the last object alone. */
    ck_assert_uint_eq(strcspn(emitted + strlen("\"emitted\":\""), "\""), 12);
    collector_fixture_close(&at);
}
END_TEST

/* The same without a restart: somebody emptied the bucket. */
START_TEST(full_ledger_of_objects_that_are_gone_is_swept_for_room)
{
    static const char record[] =
        FAKE_HEADER "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 1000000 1795168800 "
                    "1795168860 ACCEPT OK\n";
    char key[FAKE_KEY_SIZE];
    open_fixture();
    for (unsigned i = 0; i < VFL_LEDGER_MAX_EMITTED; i++) {
        fake_key(6, i, key);
        fake_bucket_put(&at.bucket, key, record, sizeof record - 1);
    }
    expect_run(60);
    for (unsigned i = 0; i < VFL_LEDGER_MAX_EMITTED; i++) {
        fake_key(6, i, key);
        fake_bucket_remove(&at.bucket, key);
    }
    put(key_of("20261120T1012Z"), 7);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 7);
    collector_fixture_close(&at);
}
END_TEST

/* A dry run's objects stay, and out of sight of narrow listings: that is no reason to forget them,
 * because the next FULL listing would have them read again. */
START_TEST(narrow_listing_forgets_nothing_that_it_does_not_show)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "dry_run: true\n");
    at.ops.is_auto_commit = true;
    put(key_of("20261001T0100Z"), 1);
    put(key_of("20261120T1005Z"), 2);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 3);
    for (int minute = 1; minute <= 361; minute++) {
        if (minute == 30)
            put(key_of("20261120T1035Z"), 4); /* its emission writes the ledger anew */
        expect_run(60);
        ck_assert_uint_eq(at.ops.bytes_sent, minute == 30 ? 4 : 0);
        ck_assert_double_eq(metric("aws_flowlogs.objects.processed"), minute == 30 ? 1 : 0);
        ck_assert_double_eq(metric("aws_flowlogs.objects.duplicate"), 0);
    }
    collector_fixture_close(&at);
}
END_TEST

/* Only sweeps see such a name; the service check says so until one does not. */
START_TEST(impossible_date_is_told_once_and_stays_in_the_service_check)
{
    static const char key[] = REGION_FOLDER "2026/02/30/" FAKE_ACCOUNT "_vpcflowlogs_" FAKE_REGION
                                            "_" FAKE_FLOW_LOG "_20260230T1000Z_00000001.log.gz";
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "");
    at.ops.is_auto_commit = true;
    put(key, 1);
    put(key_of("20261120T1005Z"), 1);
    expect_run(0);
    ck_assert(recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "impossible date"));
    fake_bucket_remove(&at.bucket, key);
    expect_run(60);
    ck_assert(!recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "impossible date"));
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
    expect_run(6 * 3600);
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_OK);
    collector_fixture_close(&at);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        late_object_is_found_by_the_narrowest_listing_that_covers_it,
        goes_over_midnight_without_a_sweep,
        every_layout_has_cursors,
        mixed_layouts_of_one_day_are_read_once,
        backlog_of_old_days_is_read_and_deleted,
        old_object_that_cannot_be_deleted_stays_in_sight,
        bad_object_before_the_cursor_is_tried_again_after_its_pause,
        failed_listing_is_made_up_for_by_a_full_one,
        restart_lists_everything,
        lost_transaction_is_followed_by_a_full_listing,
        deleted_objects_do_not_return_to_the_ledger,
        full_ledger_of_objects_that_are_gone_is_swept_for_room,
        narrow_listing_forgets_nothing_that_it_does_not_show,
        impossible_date_is_told_once_and_stays_in_the_service_check,
    };
    return RUN_SUITE("collector listing", cases);
}
