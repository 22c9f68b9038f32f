#include "core/collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ledger.h"
#include "tests/fake/collector_fixture.h"
#include "tests/unit/run_suite.h"

/* Faults of objects, of the bucket, of deletes, and full tables: nothing is lost, and it is said.
 */

static struct collector_fixture at;
static char good_key[FAKE_KEY_SIZE];
static char bad_key[FAKE_KEY_SIZE];

static void open_fixture(enum vfl_state_support support)
{
    collector_fixture_open(&at, support, "");
    at.ops.is_auto_commit = true;
    fake_key(0, 1, good_key);
    fake_key(1, 2, bad_key);
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

static void expect_critical(enum vfl_status status, const char *part)
{
    ck_assert_msg(at.err.status == status, "%s", at.err.text);
    ck_assert_msg(strstr(at.err.text, part) != NULL, "%s", at.err.text);
    ck_assert_uint_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].count, 1);
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_CRITICAL);
    ck_assert_str_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].message, at.err.text);
}

static double metric(const char *name)
{
    return recording_ops_metric(&at.ops, name, NULL);
}

/* ---- bad objects ---- */

static void put_bad_object(const char *name)
{
    char text[4000] = FAKE_HEADER;
    unsigned char bytes[4000];
    for (int i = 0; i < 20; i++)
        (void)strcat(text, "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 100 1795168800 "
                           "1795168860 ACCEPT OK\n");
    size_t size = fake_gzip(text, bytes, sizeof bytes);
    if (strcmp(name, "truncated") == 0)
        size -= 12;
    else if (strcmp(name, "CRC") == 0)
        bytes[size - 8] ^= 1;
    else if (strcmp(name, "Parquet") == 0)
        memcpy(bytes, "PAR1", 4);
    else if (strcmp(name, "not a flow log") == 0)
        size = fake_gzip("eventSource eventName\n", bytes, sizeof bytes);
    fake_bucket_put(&at.bucket, bad_key, bytes, size);
}

START_TEST(keeps_a_bad_object_and_names_it)
{
    static const char *const kinds[] = {"truncated", "CRC", "Parquet", "not a flow log"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        open_fixture(VFL_STATE_TRANSACTIONAL);
        put_bad_object(kinds[i]);
        fake_bucket_put_flow(&at.bucket, good_key, 100);
        expect_run(0);
        ck_assert_msg(at.ops.bytes_sent == 100, "%s", kinds[i]);
        ck_assert_msg(recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, bad_key), "%s",
                      kinds[i]);
        ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
        ck_assert_ptr_nonnull(strstr(at.ops.checks[VFL_CHECK_CAN_UPDATE].message, bad_key));
        expect_run(60);
        expect_run(60);
        ck_assert_msg(has(bad_key) && !has(good_key), "%s", kinds[i]);
        collector_fixture_close(&at);
    }
}
END_TEST

static bool is_tried(int64_t after_s)
{
    expect_run(after_s);
    ck_assert_double_eq(metric("aws_flowlogs.objects.failed"), 1);
    return recording_ops_has_notice(&at.ops, VFL_NOTICE_WARNING, bad_key);
}

/* 60 s, doubled up to 6 hours: 60 120 240 480 960 1920 3840 7680 15360 21600 21600. */
START_TEST(tries_a_bad_object_again_with_growing_pauses)
{
    static const int pauses_s[] = {60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 21600, 21600};
    open_fixture(VFL_STATE_TRANSACTIONAL);
    put_bad_object("truncated");
    ck_assert(is_tried(0));
    for (size_t i = 0; i < sizeof pauses_s / sizeof pauses_s[0]; i++) {
        ck_assert_msg(!is_tried(pauses_s[i] - 1), "before %d s", pauses_s[i]);
        if (i % 2 == 0) /* the state has it */
            collector_fixture_restart(&at);
        ck_assert_msg(is_tried(1), "after %d s", pauses_s[i]);
    }
    collector_fixture_close(&at);
}
END_TEST

START_TEST(bad_object_that_was_repaired_is_read)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    put_bad_object("truncated");
    expect_run(0);
    fake_bucket_put_flow(&at.bucket, bad_key, 31);
    expect_run(1);
    ck_assert_uint_eq(at.ops.bytes_sent, 31);
    expect_run(60);
    ck_assert(!has(bad_key));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(names_ten_bad_objects_and_counts_the_rest)
{
    open_fixture(VFL_STATE_NONE);
    for (unsigned i = 0; i < 14; i++) {
        fake_key(i, i, bad_key);
        fake_bucket_put(&at.bucket, bad_key, "PAR1", 4);
    }
    expect_run(0);
    size_t warnings = 0;
    for (size_t i = 0; i < at.ops.notice_count; i++)
        warnings += at.ops.notices[i].level == VFL_NOTICE_WARNING;
    ck_assert_uint_eq(warnings, 10);
    ck_assert_double_eq(metric("aws_flowlogs.objects.failed"), 14);
    ck_assert_ptr_nonnull(
        strstr(at.ops.checks[VFL_CHECK_CAN_UPDATE].message, "(and 13 more warnings: see the log)"));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(lines_that_are_bad_do_not_spoil_their_object)
{
    char *text = malloc(100000);
    ck_assert_ptr_nonnull(text);
    open_fixture(VFL_STATE_NONE);
    (void)snprintf(text, 100000,
                   FAKE_HEADER "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 100 "
                               "1795168800 1795168860 ACCEPT OK\n%070000d\n\n",
                   0);
    fake_bucket_put_gzip(&at.bucket, good_key, text);
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    /* The over-long line; a blank one is no record. */
    ck_assert_double_eq(recording_ops_metric(&at.ops, "aws_flowlogs.records", "outcome:malformed"),
                        1);
    free(text);
    collector_fixture_close(&at);
}
END_TEST

/* ---- the bucket and the interfaces ---- */

START_TEST(without_versioning_nothing_is_read_or_deleted)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, good_key, 100);
    expect_run(0);
    fake_bucket_put_flow(&at.bucket, bad_key, 7);
    fake_bucket_break_versioning(&at.bucket);
    ck_assert_int_eq(collector_fixture_run(&at, 60), VFL_CONFIG);
    expect_critical(VFL_CONFIG, ".trash");
    ck_assert_uint_eq(at.ops.traffic_count, 0);
    ck_assert_uint_eq(at.ops.start_count, 0);
    ck_assert(has(good_key));
    ck_assert(has(bad_key));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(missing_bucket_is_critical)
{
    char path[256];
    open_fixture(VFL_STATE_TRANSACTIONAL);
    (void)snprintf(path, sizeof path, "%s/" FAKE_BUCKET_NAME, at.bucket.root);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(collector_fixture_run(&at, 0), VFL_NOT_FOUND);
    expect_critical(VFL_NOT_FOUND, path);
    collector_fixture_close(&at);
}
END_TEST

START_TEST(missing_interfaces_file_fails_the_run_and_is_named)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, good_key, 100);
    ck_assert_int_eq(unlink(at.bucket.interfaces_path), 0);
    ck_assert_int_ne(collector_fixture_run(&at, 0), VFL_OK);
    expect_critical(at.err.status, at.bucket.interfaces_path);
    ck_assert_uint_eq(at.ops.traffic_count, 0);
    ck_assert(has(good_key));
    collector_fixture_close(&at);
}
END_TEST

START_TEST(interfaces_once_read_are_used_when_their_file_is_gone)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    expect_run(0);
    ck_assert_int_eq(unlink(at.bucket.interfaces_path), 0);
    fake_bucket_put_flow(&at.bucket, good_key, 100);
    expect_run(600);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
    collector_fixture_close(&at);
}
END_TEST

/* A folder too deep to be walked makes the listing of one region fail. */
static void break_region(const char *region)
{
    char key[1024];
    (void)snprintf(key, sizeof key, "AWSLogs/" FAKE_ACCOUNT "/vpcflowlogs/%s/", region);
    for (int depth = 0; depth < 80; depth++)
        (void)strcat(key, "d/");
    (void)strcat(key, "file");
    fake_bucket_put(&at.bucket, key, "", 0);
}

START_TEST(region_that_cannot_be_listed_does_not_stop_the_others)
{
    collector_fixture_open(&at, VFL_STATE_PLAIN, "");
    char broken[] = "us-east-1";
    char whole[] = FAKE_REGION;
    char *regions[] = {broken, whole};
    char **configured = at.config.regions;
    at.config.regions = regions;
    at.config.region_count = 2;
    collector_fixture_restart(&at);
    fake_key(0, 1, good_key);
    fake_bucket_put_flow(&at.bucket, good_key, 100);
    break_region("us-east-1");
    expect_run(0);
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
    ck_assert_ptr_nonnull(strstr(at.ops.checks[VFL_CHECK_CAN_UPDATE].message, "us-east-1"));
    expect_run(60);
    ck_assert(!has(good_key));
    /* Deleted objects leave the ledger although the listing was not complete. */
    ck_assert_ptr_nonnull(strstr(at.ops.state, "\"emitted\":\"\""));
    at.config.regions = configured;
    at.config.region_count = 1;
    collector_fixture_close(&at);
}
END_TEST

/* ---- deletes that fail ---- */

START_TEST(stops_reading_after_three_runs_without_a_delete)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, good_key, 100);
    expect_run(0);
    fake_bucket_block_trash(&at.bucket);
    for (int run = 0; run < 2; run++) {
        expect_run(60);
        ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
        ck_assert_ptr_nonnull(strstr(at.ops.checks[VFL_CHECK_CAN_UPDATE].message, good_key));
        ck_assert_double_eq(metric("aws_flowlogs.objects.delete_failed"), 1);
    }
    fake_bucket_put_flow(&at.bucket, bad_key, 7);
    ck_assert_int_eq(collector_fixture_run(&at, 60), VFL_DENIED);
    expect_critical(VFL_DENIED, "s3:DeleteObject on bucket " FAKE_BUCKET_NAME);
    ck_assert_uint_eq(at.ops.traffic_count, 0);
    ck_assert(has(good_key));
    fake_bucket_unblock_trash(&at.bucket);
    expect_run(60);
    ck_assert(!has(good_key));
    ck_assert_uint_eq(at.ops.bytes_sent, 7);
    collector_fixture_close(&at);
}
END_TEST

/* The operator, or the bucket's lifecycle, may take the objects away that we could not. */
START_TEST(reads_again_when_there_is_nothing_left_to_delete)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, good_key, 100);
    expect_run(0);
    fake_bucket_block_trash(&at.bucket);
    expect_run(60);
    expect_run(60);
    ck_assert_int_eq(collector_fixture_run(&at, 60), VFL_DENIED);
    fake_bucket_remove(&at.bucket, good_key);
    fake_bucket_put_flow(&at.bucket, bad_key, 7);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 7);
    collector_fixture_close(&at);
}
END_TEST

/* ---- a full ledger ---- */

/* Objects of the given minute, as many as leave that much room in the ledger; all are emitted, and
 * none can be deleted. */
static void fill_ledger(unsigned room_left)
{
    static const char record[] =
        FAKE_HEADER "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 1000000 1795168800 "
                    "1795168860 ACCEPT OK\n";
    for (unsigned i = 0; i < VFL_LEDGER_MAX_EMITTED - room_left; i++) {
        char key[FAKE_KEY_SIZE];
        fake_key(0, i, key);
        fake_bucket_put(&at.bucket, key, record, sizeof record - 1);
    }
    expect_run(0);
    ck_assert_double_eq(metric("aws_flowlogs.objects.processed"), 1);
    ck_assert_double_eq(metric("aws_flowlogs.objects.duplicate"),
                        VFL_LEDGER_MAX_EMITTED - room_left - 1);
    fake_bucket_block_trash(&at.bucket);
}

/* One object a minute, of 1, 2, 4, ... bytes. */
static void put_flows(unsigned first_minute, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[FAKE_KEY_SIZE];
        fake_key(first_minute + i, i, key);
        fake_bucket_put_flow(&at.bucket, key, UINT64_C(1) << i);
    }
}

START_TEST(full_ledger_reads_no_new_object)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fill_ledger(0);
    ck_assert_uint_le(strlen(at.ops.state), 65535);
    put_flows(1, 1);
    ck_assert_int_eq(collector_fixture_run(&at, 60), VFL_LIMIT);
    expect_critical(VFL_LIMIT, "s3:DeleteObject on bucket " FAKE_BUCKET_NAME);
    ck_assert_uint_eq(at.ops.traffic_count, 0);
    fake_bucket_unblock_trash(&at.bucket);
    expect_run(60);
    ck_assert_double_eq(metric("aws_flowlogs.objects.deleted"), VFL_LEDGER_MAX_EMITTED);
    ck_assert_uint_eq(at.ops.bytes_sent, 1);
    collector_fixture_close(&at);
}
END_TEST

/* Of five objects, the newest last, two have room, also when more workers would take more; deleting
 * makes room within the run. */
START_TEST(reads_the_newest_first)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "workers: 8\n");
    at.ops.is_auto_commit = true;
    fill_ledger(2);
    put_flows(1, 5);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 16 + 8);
    ck_assert_double_eq(metric("aws_flowlogs.objects.waiting"), 3);
    fake_bucket_unblock_trash(&at.bucket);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 4 + 2 + 1);
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_OK);
    collector_fixture_close(&at);
}
END_TEST

/* Objects that somebody else took away need no room. */
START_TEST(full_ledger_of_objects_that_are_gone_is_empty)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fill_ledger(0);
    collector_fixture_restart(&at);
    for (unsigned i = 0; i < VFL_LEDGER_MAX_EMITTED; i++) {
        char key[FAKE_KEY_SIZE];
        fake_key(0, i, key);
        fake_bucket_remove(&at.bucket, key);
    }
    put_flows(1, 1);
    expect_run(60);
    ck_assert_uint_eq(at.ops.bytes_sent, 1);
    collector_fixture_close(&at);
}
END_TEST

/* They cannot be forgotten: what a region that was not listed holds is not known. */
START_TEST(full_ledger_names_the_region_that_cannot_be_listed)
{
    char broken[] = "us-east-1", whole[] = FAKE_REGION;
    char *regions[] = {broken, whole};
    struct vfl_ledger ledger = {0};
    struct vfl_strbuf text = VFL_STRBUF_INIT(VFL_LEDGER_MAX_BYTES);
    open_fixture(VFL_STATE_TRANSACTIONAL);
    char **configured = at.config.regions;
    at.config.regions = regions;
    at.config.region_count = 2;
    for (uint64_t digest = 1; digest <= VFL_LEDGER_MAX_EMITTED; digest++)
        ck_assert_int_eq(vfl_ledger_note_emitted(&ledger, digest, &at.err), VFL_OK);
    ck_assert_int_eq(vfl_ledger_format(&ledger, &text, &at.err), VFL_OK);
    recording_ops_set_state(&at.ops, vfl_strbuf_string(&text));
    collector_fixture_restart(&at);
    break_region("us-east-1");
    fake_bucket_put_flow(&at.bucket, good_key, 100);
    ck_assert_int_eq(collector_fixture_run(&at, 0), VFL_LIMIT);
    expect_critical(VFL_LIMIT, "listing region us-east-1: ");
    ck_assert_ptr_null(strstr(at.err.text, "DeleteObject"));
    ck_assert_uint_eq(at.ops.traffic_count, 0);
    vfl_ledger_fini(&ledger);
    vfl_strbuf_fini(&text);
    at.config.regions = configured;
    at.config.region_count = 1;
    collector_fixture_close(&at);
}
END_TEST

START_TEST(full_ledger_of_a_dry_run_says_so)
{
    collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, "dry_run: true\n");
    at.ops.is_auto_commit = true;
    fill_ledger(0);
    put_flows(1, 1);
    expect_run(60);
    ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
    ck_assert_ptr_nonnull(strstr(at.ops.checks[VFL_CHECK_CAN_UPDATE].message, "dry_run"));
    ck_assert_uint_eq(at.ops.bytes_sent, 0);
    collector_fixture_close(&at);
}
END_TEST

/* ---- cancelling ---- */

static enum vfl_status cancel_run(void *ctx, struct vfl_error *err)
{
    vfl_collector_cancel(ctx);
    return vfl_error_set(err, VFL_CANCELLED, "cancelled");
}

START_TEST(cancelled_emission_names_no_object_in_its_state)
{
    open_fixture(VFL_STATE_TRANSACTIONAL);
    fake_bucket_put_flow(&at.bucket, good_key, 100);
    at.ops.on_component = cancel_run;
    at.ops.on_component_ctx = at.collector;
    ck_assert_int_eq(collector_fixture_run(&at, 0), VFL_CANCELLED);
    ck_assert_uint_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].count, 0);
    ck_assert_uint_eq(at.ops.start_count, at.ops.stop_count);
    ck_assert_int_eq(collector_fixture_run(&at, 60), VFL_CANCELLED);
    at.ops.on_component = NULL;
    collector_fixture_restart(&at);
    expect_run(60);
    ck_assert(has(good_key));
    ck_assert_uint_eq(at.ops.bytes_sent, 100);
    collector_fixture_close(&at);
}
END_TEST

static enum vfl_status refuse(void *ctx, struct vfl_error *err)
{
    (void)ctx;
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for this element");
}

/* Nor is the object taken for a copy of itself when it is read again. */
START_TEST(broken_emission_is_repeated_whole)
{
    static const enum vfl_state_support supports[] = {VFL_STATE_NONE, VFL_STATE_PLAIN,
                                                      VFL_STATE_TRANSACTIONAL};
    for (size_t i = 0; i < 3; i++) {
        open_fixture(supports[i]);
        fake_bucket_put_flow(&at.bucket, good_key, 100);
        at.ops.on_component = refuse;
        ck_assert_int_eq(collector_fixture_run(&at, 0), VFL_NO_MEMORY);
        expect_critical(VFL_NO_MEMORY, "no memory for this element");
        at.ops.on_component = NULL;
        expect_run(60);
        ck_assert(has(good_key));
        ck_assert_uint_eq(at.ops.component_count, 2);
        ck_assert_uint_eq(at.ops.relation_count, 1);
        ck_assert_uint_eq(at.ops.bytes_sent, 100);
        expect_run(60);
        ck_assert(!has(good_key));
        collector_fixture_close(&at);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        keeps_a_bad_object_and_names_it,
        tries_a_bad_object_again_with_growing_pauses,
        bad_object_that_was_repaired_is_read,
        names_ten_bad_objects_and_counts_the_rest,
        lines_that_are_bad_do_not_spoil_their_object,
        without_versioning_nothing_is_read_or_deleted,
        missing_bucket_is_critical,
        missing_interfaces_file_fails_the_run_and_is_named,
        interfaces_once_read_are_used_when_their_file_is_gone,
        region_that_cannot_be_listed_does_not_stop_the_others,
        stops_reading_after_three_runs_without_a_delete,
        reads_again_when_there_is_nothing_left_to_delete,
        full_ledger_reads_no_new_object,
        reads_the_newest_first,
        full_ledger_of_objects_that_are_gone_is_empty,
        full_ledger_names_the_region_that_cannot_be_listed,
        full_ledger_of_a_dry_run_says_so,
        cancelled_emission_names_no_object_in_its_state,
        broken_emission_is_repeated_whole,
    };
    return RUN_SUITE("collector faults", cases);
}
