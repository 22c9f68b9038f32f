#include "core/collector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/collector_fixture.h"
#include "tests/unit/run_suite.h"

/* What a run reads, emits and deletes, and when. test_collector_faults.c has what goes wrong. */

static struct collector_fixture at;
static char key[FAKE_KEY_SIZE];

static void open_fixture(enum vfl_state_support support)
{
    collector_fixture_open(&at, support, "");
    fake_key(0, 1, key);
}

static void expect_run(int64_t after_s)
{
    enum vfl_status st = collector_fixture_run(&at, after_s);
    ck_assert_msg(st == VFL_OK, "%s", at.err.text);
}

static bool has(const char *object_key)
{
    return fake_bucket_has(&at.bucket, object_key);
}

static void expect_nothing_told(void)
{
    ck_assert_uint_eq(at.ops.component_count, 0);
    ck_assert_uint_eq(at.ops.relation_count, 0);
    ck_assert_uint_eq(at.ops.removal_count, 0);
    ck_assert_uint_eq(at.ops.traffic_count, 0);
    ck_assert_uint_eq(at.ops.start_count, 0);
    ck_assert_uint_eq(at.ops.set_state_count, 0);
}

/* ---- one object's way ---- */

START_TEST(emits_the_flow_of_an_object)
{
    open_fixture(VFL_STATE_NONE);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.component_count, 2);
    ck_assert_uint_eq(at.ops.relation_count, 1);
    ck_assert_str_eq(at.ops.last_relation, "urn:vpcip:vpc-1/10.0.0.1 -> urn:vpcip:vpc-1/10.0.0.2");
    ck_assert_uint_eq(at.ops.traffic_count, 1);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    ck_assert_uint_eq(at.ops.bytes_received, 0);
    collector_fixture_close(&at);
}
END_TEST

static const struct {
    const char *name;
    enum vfl_state_support support;
} modes[] = {
    {"memory only", VFL_STATE_NONE},
    {"set_state", VFL_STATE_PLAIN},
    {"transactions", VFL_STATE_TRANSACTIONAL},
};

START_TEST(deletes_in_the_run_after_the_one_that_emitted)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        open_fixture(modes[i].support);
        at.ops.is_auto_commit = true;
        fake_bucket_put_flow(&at.bucket, key, 100);
        expect_run(0);
        ck_assert_msg(has(key), "%s: deleted by the run that emitted", modes[i].name);
        ck_assert_uint_eq(at.ops.outside_count, 0);
        expect_run(60);
        ck_assert_msg(!has(key), "%s: not deleted", modes[i].name);
        ck_assert(fake_bucket_trash_has(&at.bucket, key));
        ck_assert_uint_eq(at.ops.traffic_count, 0);
        ck_assert_double_eq(recording_ops_metric(&at.ops, "aws_flowlogs.objects.deleted", NULL), 1);
        collector_fixture_close(&at);
    }
}
END_TEST

START_TEST(waits_while_the_transaction_is_open)
{
    char later[FAKE_KEY_SIZE];
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.start_count, 1);
    ck_assert_uint_eq(at.ops.stop_count, 1);
    fake_key(1, 2, later);
    fake_bucket_put_flow(&at.bucket, later, 7);
    for (int minute = 1; minute <= 10; minute++) {
        expect_run(60);
        expect_nothing_told();
        ck_assert(has(key));
        ck_assert(has(later));
    }
    recording_ops_commit(&at.ops);
    expect_run(30);
    ck_assert(!has(key));
    ck_assert(has(later));
    ck_assert_uint_eq(at.ops.bytes_sent, 7);
    collector_fixture_close(&at);
}
END_TEST

/* Also: the objects of a failed emission are not taken for copies of themselves. */
START_TEST(sends_again_when_nothing_was_confirmed_for_eleven_minutes)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    expect_run(11 * 60 - 1);
    expect_nothing_told();
    expect_run(46); /* the first run itself may have taken up to 45 seconds */
    ck_assert(has(key));
    ck_assert_uint_eq(at.ops.component_count, 2);
    ck_assert_uint_eq(at.ops.relation_count, 1);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    ck_assert(recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "11 minutes ago"));
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
    recording_ops_commit(&at.ops);
    expect_run(60);
    ck_assert(!has(key));
    collector_fixture_close(&at);
}
END_TEST

/* A commit that comes after we gave the transaction up names our process, but not the last run. */
START_TEST(a_late_commit_of_a_given_up_transaction_confirms_nothing_newer)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    char *late = strdup(at.ops.pending_state);
    ck_assert_ptr_nonnull(late);
    expect_run(12 * 60);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    recording_ops_set_state(&at.ops, late);
    expect_run(60);
    expect_nothing_told();
    ck_assert(has(key));
    free(late);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(never_emits_again_what_the_committed_state_names)
{
    static const enum vfl_state_support supports[] = {VFL_STATE_PLAIN, VFL_STATE_TRANSACTIONAL};
    for (size_t i = 0; i < 2; i++) {
        open_fixture(supports[i]);
        at.ops.is_auto_commit = true;
        fake_bucket_put_flow(&at.bucket, key, 100);
        expect_run(0);
        collector_fixture_restart(&at);
        expect_run(60);
        ck_assert_uint_eq(at.ops.traffic_count, 0);
        ck_assert_double_eq(recording_ops_metric(&at.ops, "aws_flowlogs.objects.processed", NULL),
                            0);
        ck_assert(!has(key));
        collector_fixture_close(&at);
    }
}
END_TEST

START_TEST(emits_after_a_restart_what_was_not_committed)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    collector_fixture_restart(&at);
    expect_run(60);
    ck_assert(has(key));
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(without_state_a_restart_reads_again)
{
    open_fixture(VFL_STATE_NONE);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.get_state_count, 0);
    collector_fixture_restart(&at);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    expect_run(60);
    ck_assert(!has(key));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(state_key_is_of_this_check_and_its_bucket)
{
    open_fixture(VFL_STATE_PLAIN);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    ck_assert_uint_eq(strlen(at.ops.state_key), strlen("aws_flowlogs:") + 16);
    ck_assert_int_eq(strncmp(at.ops.state_key, "aws_flowlogs:", 13), 0);
    ck_assert_uint_eq(at.ops.get_state_count, 1);
    ck_assert_uint_eq(at.ops.set_state_count, 1);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(unreadable_state_is_told_of_and_taken_as_none)
{
    static const char *const states[] = {"{\"version\":1,\"run\":3,\"proc", "\x01\xff garbage",
                                         "[]", "{\"version\":2}"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        open_fixture(VFL_STATE_TRANSACTIONAL);
        recording_ops_set_state(&at.ops, states[i]);
        fake_bucket_put_flow(&at.bucket, key, 100);
        expect_run(0);
        ck_assert(recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "cannot be read"));
        ck_assert_uint_eq(at.ops.bytes_sent, 100);
        ck_assert(has(key));
        collector_fixture_close(&at);
    }
}
END_TEST

START_TEST(quiet_run_writes_no_state)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    at.ops.is_auto_commit = true;
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    expect_run(60); /* deletes: the next emission writes that down */
    ck_assert_uint_eq(at.ops.start_count, 0);
    expect_run(60);
    expect_nothing_told();
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_OK);
    collector_fixture_close(&at);
}
END_TEST

/* ---- which objects ---- */

START_TEST(replaced_object_is_new)
{
    open_fixture(VFL_STATE_NONE);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    fake_bucket_put_flow(&at.bucket, key, 123456);
    expect_run(60);
    ck_assert(has(key));
    ck_assert_uint_eq(at.ops.bytes_sent, 123456);
    expect_run(60);
    ck_assert(!has(key));
    collector_fixture_close(&at);
}
END_TEST

/* In one run and across runs. */
START_TEST(object_delivered_again_counts_once_and_goes_with_the_first)
{
    char copies[3][FAKE_KEY_SIZE];
    open_fixture(VFL_STATE_TRANSACTIONAL);
    at.ops.is_auto_commit = true;
    for (unsigned i = 0; i < 3; i++)
        fake_key(0, i, copies[i]);
    fake_bucket_put_flow(&at.bucket, copies[0], 100);
    fake_bucket_put_flow(&at.bucket, copies[1], 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    ck_assert_double_eq(recording_ops_metric(&at.ops, "aws_flowlogs.objects.duplicate", NULL), 1);
    ck_assert_double_eq(recording_ops_metric(&at.ops, "aws_flowlogs.objects.processed", NULL), 1);
    fake_bucket_put_flow(&at.bucket, copies[2], 100);
    expect_run(60);
    ck_assert(!has(copies[0]));
    ck_assert(!has(copies[1]));
    ck_assert(has(copies[2]));
    ck_assert_uint_eq(at.ops.bytes_sent, 0);
    expect_run(60);
    ck_assert(!has(copies[2]));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(same_content_of_another_interval_counts)
{
    char other[FAKE_KEY_SIZE];
    open_fixture(VFL_STATE_NONE);
    fake_key(5, 1, other);
    fake_bucket_put_flow(&at.bucket, key, 100);
    fake_bucket_put_flow(&at.bucket, other, 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 200);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(never_touches_what_is_no_flow_log)
{
#define FOLDER "AWSLogs/" FAKE_ACCOUNT "/vpcflowlogs/" FAKE_REGION "/2026/"
#define NAME FAKE_ACCOUNT "_vpcflowlogs_" FAKE_REGION "_" FAKE_FLOW_LOG
    static const char *const foreign[] = {
        FOLDER "11/20/notes.txt",
        FOLDER "11/20/" NAME "_20261120T1000Z_00000001.log.gz.bak",
        FOLDER "11/20/999999999999_vpcflowlogs_" FAKE_REGION "_" FAKE_FLOW_LOG
               "_20261120T1000Z_00000001.log.gz",
        "other/20261120T1000Z.log.gz",
    };
    static const char bad_date[] = FOLDER "02/30/" NAME "_20260230T1000Z_00000001.log.gz";
    open_fixture(VFL_STATE_NONE);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        fake_bucket_put_flow(&at.bucket, foreign[i], 100);
    fake_bucket_put_flow(&at.bucket, bad_date, 100);
    for (int run = 0; run < 3; run++) {
        expect_run(60);
        expect_nothing_told();
        ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
        ck_assert_ptr_nonnull(strstr(at.ops.checks[VFL_CHECK_CAN_UPDATE].message, bad_date));
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        ck_assert_msg(has(foreign[i]), "%s", foreign[i]);
    ck_assert(has(bad_date));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(region_added_later_finds_the_state)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    at.ops.is_auto_commit = true;
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    char ireland[] = FAKE_REGION;
    char virginia[] = "us-east-1";
    char *regions[] = {ireland, virginia};
    char **configured = at.config.regions;
    at.config.regions = regions;
    at.config.region_count = 2;
    collector_fixture_restart(&at);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 0);
    ck_assert(!has(key));
    at.config.regions = configured;
    at.config.region_count = 1;
    collector_fixture_close(&at);
}
END_TEST

/* A wrong role, region or interfaces file must not cost the flow logs. */
START_TEST(object_of_unknown_interfaces_alone_is_kept)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    at.ops.is_auto_commit = true;
    fake_bucket_put_gzip(&at.bucket, key,
                         FAKE_HEADER "2 123456789012 eni-0f 10.0.0.1 10.0.0.2 40000 443 6 1 100 "
                                     "1795168800 1795168860 ACCEPT OK\n");
    for (int run = 0; run < 5; run++) {
        expect_run(run == 0 ? 0 : 60);
        ck_assert(has(key));
        ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
    }
    ck_assert_uint_eq(at.ops.bytes_sent, 0);
    collector_fixture_close(&at);
}
END_TEST

static void put_at(unsigned minute, uint64_t bytes)
{
    char at_minute[FAKE_KEY_SIZE];
    fake_key(minute, 1, at_minute);
    fake_bucket_put_flow(&at.bucket, at_minute, bytes);
}

static void remove_at(unsigned minute)
{
    char at_minute[FAKE_KEY_SIZE];
    fake_key(minute, 1, at_minute);
    fake_bucket_remove(&at.bucket, at_minute);
}

START_TEST(objects_that_somebody_else_deletes_are_told_of)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    at.ops.is_auto_commit = true;
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    fake_bucket_remove(&at.bucket, key);
    expect_run(60);
    ck_assert(recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "by somebody else"));
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
    for (int run = 0; run < 12; run++) {
        expect_run(60);
        ck_assert(!recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "by somebody else"));
    }
    /* What we delete ourselves is not told of, nor after a restart what the process before did. */
    fake_bucket_put_flow(&at.bucket, key, 200);
    for (int run = 0; run < 12; run++) {
        expect_run(60);
        if (run % 3 == 1)
            collector_fixture_restart(&at);
        ck_assert(!recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "by somebody else"));
    }
    ck_assert(!has(key));
    collector_fixture_close(&at);
}
END_TEST

/* Setting the clock neither empties the topology nor keeps it from being sent again, or expiring.
 */
START_TEST(clock_that_is_set_leaves_the_topology_alone)
{
    static const int64_t steps_s[] = {86400, -86400};
    for (size_t i = 0; i < 2; i++) {
        open_fixture(VFL_STATE_TRANSACTIONAL);
        at.ops.is_auto_commit = true;
        fake_bucket_put_flow(&at.bucket, key, 100);
        expect_run(0);
        ck_assert_uint_eq(at.ops.relation_count, 1);
        at.now.epoch_s += steps_s[i];
        expect_run(60);
        ck_assert_uint_eq(at.ops.removal_count + at.ops.relation_count, 0);
        expect_run(240);
        ck_assert_uint_eq(at.ops.relation_count, 1); /* sent again after 5 minutes */
        expect_run(3299);
        ck_assert_uint_eq(at.ops.removal_count, 0);
        expect_run(1);
        ck_assert_uint_eq(at.ops.removal_count, 3); /* an hour without traffic */
        collector_fixture_close(&at);
    }
}
END_TEST

START_TEST(second_instance_over_the_same_objects_does_not_run)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    struct vfl_collector_ops ops = recording_ops_table(&at.ops);
    struct vfl_collector *second = NULL;
    struct vfl_error err = {0};
    expect_run(0);
    ck_assert_int_eq(vfl_collector_new(&at.config, &ops, &second, &err), VFL_OK);
    fake_bucket_put_flow(&at.bucket, key, 100);
    ck_assert_int_eq(vfl_collector_run(second, at.now, &err), VFL_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "another instance"));
    vfl_collector_free(second);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    collector_fixture_close(&at);
}
END_TEST

/* Its objects stay out of sight of narrow listings, by our own will. */
START_TEST(dry_run_blames_nobody_for_what_it_does_not_list)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "dry_run: true\n");
    at.ops.is_auto_commit = true;
    put_at(0, 1);
    put_at(125, 2);
    expect_run(130 * 60);
    for (int run = 0; run < 15; run++) {
        expect_run(60);
        ck_assert(!recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "by somebody else"));
    }
    collector_fixture_close(&at);
}
END_TEST

/* The deletion was done, and its answer was lost. */
START_TEST(own_deletion_without_an_answer_is_not_somebody_elses)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "");
    at.ops.is_auto_commit = true;
    put_at(0, 1);
    put_at(1, 2);
    expect_run(0);
    fake_bucket_block_trash(&at.bucket);
    expect_run(60);
    remove_at(0);
    expect_run(60);
    ck_assert(!recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "by somebody else"));
    fake_bucket_unblock_trash(&at.bucket);
    expect_run(60);
    put_at(2, 3);
    expect_run(60);
    remove_at(2); /* this one really is */
    expect_run(60);
    ck_assert(recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, "by somebody else"));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(dry_run_reads_once_and_deletes_never)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "dry_run: true\n");
    at.ops.is_auto_commit = true;
    fake_key(0, 1, key);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    for (int run = 0; run < 5; run++) {
        expect_run(60);
        ck_assert(has(key));
        ck_assert_uint_eq(at.ops.traffic_count, 0);
        ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_OK);
    }
    collector_fixture_close(&at);
}
END_TEST

/* ---- what it says of itself ---- */

START_TEST(tells_its_health)
{
    static const struct {
        const char *name;
        const char *detail;
        double value;
    } expected[] = {
        {"aws_flowlogs.objects.listed", NULL, 3},
        {"aws_flowlogs.objects.processed", NULL, 1},
        {"aws_flowlogs.objects.duplicate", NULL, 1},
        {"aws_flowlogs.objects.failed", NULL, 1},
        {"aws_flowlogs.objects.deleted", NULL, 0},
        {"aws_flowlogs.objects.delete_failed", NULL, 0},
        {"aws_flowlogs.objects.waiting", NULL, 0},
        {"aws_flowlogs.skipdata.windows", NULL, 1},
        {"aws_flowlogs.skipdata.interfaces", NULL, 1},
        {"aws_flowlogs.interfaces.unknown", NULL, 1},
        {"aws_flowlogs.requests", NULL, 0},
        {"aws_flowlogs.records", "outcome:kept", 1},
        {"aws_flowlogs.records", "outcome:public", 1},
        {"aws_flowlogs.records", "outcome:middlebox", 0},
        {"aws_flowlogs.records", "outcome:not_endpoint", 0},
        {"aws_flowlogs.records", "outcome:self", 0},
        {"aws_flowlogs.records", "outcome:unknown_interface", 1},
        {"aws_flowlogs.records", "outcome:unresolved", 0},
        {"aws_flowlogs.relations.live", NULL, 1},
        {"aws_flowlogs.relations.left_out", NULL, 0},
        {"aws_flowlogs.endpoints.live", NULL, 2},
        {"aws_flowlogs.records", "outcome:undetermined", 0},
        {"aws_flowlogs.records", "outcome:malformed", 1},
        {"aws_flowlogs.records", "outcome:no_address", 1},
        {"aws_flowlogs.records", "outcome:nodata", 1},
        {"aws_flowlogs.records", "outcome:skipdata", 1},
        {"aws_flowlogs.records", "outcome:over_limit", 0},
        /* The last record ends at 10:01, the run is at 10:10. */
        {"aws_flowlogs.lag_seconds", NULL, 540},
    };
#define TIMES " 1795168800 1795168860 "
    static const char text[] =
        FAKE_HEADER "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 100" TIMES "ACCEPT OK\n"
                    "2 123456789012 eni-0a 10.0.0.1 8.8.8.8 40000 443 6 1 100" TIMES "ACCEPT OK\n"
                    "2 123456789012 eni-0f 10.0.0.1 10.0.0.2 40000 443 6 1 100" TIMES "ACCEPT OK\n"
                    "2 123456789012 eni-0a - - - - - - -" TIMES "- NODATA\n"
                    "2 123456789012 eni-0b - - - - - - -" TIMES "- SKIPDATA\n"
                    "2 123456789012 eni-0a - 10.0.0.2 40000 443 6 1 100" TIMES "ACCEPT OK\n"
                    "only three fields\n";
    char other[FAKE_KEY_SIZE];
    open_fixture(VFL_STATE_NONE);
    fake_bucket_put_gzip(&at.bucket, key, text);
    fake_key(0, 2, other);
    fake_bucket_put_gzip(&at.bucket, other, text);
    fake_key(1, 3, other);
    fake_bucket_put(&at.bucket, other, "PAR1", 4);
    expect_run(0);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        double value = recording_ops_metric(&at.ops, expected[i].name, expected[i].detail);
        ck_assert_msg(value >= expected[i].value && value <= expected[i].value, "%s %s: %g",
                      expected[i].name, expected[i].detail == NULL ? "" : expected[i].detail,
                      value);
    }
    double run_s = recording_ops_metric(&at.ops, "aws_flowlogs.run_seconds", NULL);
    ck_assert(run_s >= 0 && run_s < 45);
    double page_s = recording_ops_metric(&at.ops, "aws_flowlogs.list_page_seconds", NULL);
    ck_assert(page_s >= 0 && page_s <= run_s);
    ck_assert_uint_eq(at.ops.metric_count, sizeof expected / sizeof expected[0] + 2);
    ck_assert_uint_eq(at.ops.checks[VFL_CHECK_CAN_CONNECT].count, 1);
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_CONNECT].level, VFL_CHECK_OK);
    ck_assert_uint_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].count, 1);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(service_checks_of_a_good_run_are_ok)
{
    open_fixture(VFL_STATE_NONE);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    for (int check = 0; check < 2; check++) {
        ck_assert_uint_eq(at.ops.checks[check].count, 1);
        ck_assert_int_eq(at.ops.checks[check].level, VFL_CHECK_OK);
        ck_assert_str_eq(at.ops.checks[check].message, "");
    }
    collector_fixture_close(&at);
}
END_TEST

START_TEST(live_elements_are_sent_again_without_traffic)
{
    open_fixture(VFL_STATE_NONE);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    expect_run(299);
    ck_assert_uint_eq(at.ops.component_count, 0);
    expect_run(1);
    ck_assert_uint_eq(at.ops.component_count, 2);
    ck_assert_uint_eq(at.ops.relation_count, 1);
    ck_assert_uint_eq(at.ops.traffic_count, 0);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(quiet_elements_are_removed_after_expire_after)
{
    collector_fixture_open(&at, VFL_STATE_NONE, "expire_after: 600\n");
    fake_key(0, 1, key);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    expect_run(599);
    ck_assert_uint_eq(at.ops.removal_count, 0);
    expect_run(1);
    ck_assert_uint_eq(at.ops.removal_count, 3);
    collector_fixture_close(&at);
}
END_TEST

/* The agent's receiver never accepts the transaction that has the removals. */
START_TEST(removals_of_a_lost_transaction_are_sent_again)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "expire_after: 600\n");
    fake_key(0, 1, key);
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    recording_ops_commit(&at.ops);
    expect_run(600);
    ck_assert_uint_eq(at.ops.removal_count, 3);
    expect_run(60);
    expect_nothing_told();
    expect_run(11 * 60);
    ck_assert_uint_eq(at.ops.removal_count, 3);
    ck_assert_str_eq(at.ops.last_removal, "urn:vpcip:vpc-1/10.0.0.2");
    recording_ops_commit(&at.ops);
    expect_run(60);
    expect_nothing_told();
    expect_run(600);
    expect_nothing_told();
    collector_fixture_close(&at);
}
END_TEST

/* The run that cannot look at the state knows nothing of the one before it. */
START_TEST(a_run_without_memory_for_the_state_forgets_nothing_that_waits)
{
    char copy[FAKE_KEY_SIZE];
    open_fixture(VFL_STATE_TRANSACTIONAL);
    at.ops.is_auto_commit = true;
    fake_bucket_put_flow(&at.bucket, key, 100);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    fake_key(0, 2, copy);
    fake_bucket_put_flow(&at.bucket, copy, 100);
    at.ops.is_state_too_large = true;
    ck_assert_int_eq(collector_fixture_run(&at, 60), VFL_NO_MEMORY);
    at.ops.is_state_too_large = false;
    expect_run(60);
    ck_assert_uint_eq(at.ops.traffic_count, 0);
    ck_assert_double_eq(recording_ops_metric(&at.ops, "aws_flowlogs.objects.duplicate", NULL), 1);
    collector_fixture_close(&at);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        emits_the_flow_of_an_object,
        deletes_in_the_run_after_the_one_that_emitted,
        waits_while_the_transaction_is_open,
        sends_again_when_nothing_was_confirmed_for_eleven_minutes,
        a_late_commit_of_a_given_up_transaction_confirms_nothing_newer,
        never_emits_again_what_the_committed_state_names,
        emits_after_a_restart_what_was_not_committed,
        without_state_a_restart_reads_again,
        state_key_is_of_this_check_and_its_bucket,
        unreadable_state_is_told_of_and_taken_as_none,
        quiet_run_writes_no_state,
        replaced_object_is_new,
        object_delivered_again_counts_once_and_goes_with_the_first,
        same_content_of_another_interval_counts,
        never_touches_what_is_no_flow_log,
        region_added_later_finds_the_state,
        object_of_unknown_interfaces_alone_is_kept,
        objects_that_somebody_else_deletes_are_told_of,
        dry_run_blames_nobody_for_what_it_does_not_list,
        own_deletion_without_an_answer_is_not_somebody_elses,
        second_instance_over_the_same_objects_does_not_run,
        clock_that_is_set_leaves_the_topology_alone,
        dry_run_reads_once_and_deletes_never,
        tells_its_health,
        service_checks_of_a_good_run_are_ok,
        live_elements_are_sent_again_without_traffic,
        quiet_elements_are_removed_after_expire_after,
        removals_of_a_lost_transaction_are_sent_again,
        a_run_without_memory_for_the_state_forgets_nothing_that_waits,
    };
    return RUN_SUITE("collector", cases);
}
