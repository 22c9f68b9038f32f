#include "core/collector.h"

#include <stdio.h>
#include <string.h>

#include "tests/fake/collector_fixture.h"
#include "tests/unit/run_suite.h"

/* Whatever the number of workers, a run says the same: the objects come back in another order each
 * time. */

#define GOOD_COUNT 40u
#define BAD_COUNT 3u

static struct collector_fixture at;

/* Among the good ones, and never deleted in the place of one. */
static void bad_key(unsigned number, char out[FAKE_KEY_SIZE])
{
    fake_key(7 + 7 * number, 100 + number, out);
}

static void expect_bad_ones_left(void)
{
    char key[FAKE_KEY_SIZE];
    for (unsigned i = 0; i < BAD_COUNT; i++) {
        bad_key(i, key);
        ck_assert_msg(fake_bucket_has(&at.bucket, key), "%s", key);
    }
}

static void put_objects(void)
{
    char key[FAKE_KEY_SIZE];
    for (unsigned i = 0; i < GOOD_COUNT; i++) {
        fake_key(i, i, key);
        fake_bucket_put_flow(&at.bucket, key, 1 + i);
    }
    for (unsigned i = 0; i < BAD_COUNT; i++) {
        bad_key(i, key);
        fake_bucket_put(&at.bucket, key, "PAR1", 4);
    }
    /* The same objects under other keys, next to themselves: read at the same time. */
    for (unsigned i = 0; i < GOOD_COUNT; i += 5) {
        fake_key(i, 200 + i, key);
        fake_bucket_put_flow(&at.bucket, key, 1 + i);
    }
}

static double metric(const char *name)
{
    return recording_ops_metric(&at.ops, name, NULL);
}

START_TEST(any_number_of_workers_gives_the_same)
{
    for (unsigned count = 1; count <= 8; count++) {
        char extra[32];
        (void)snprintf(extra, sizeof extra, "workers: %u\n", count);
        collector_fixture_open(&at, VFL_STATE_TRANSACTIONAL, extra);
        at.ops.is_auto_commit = true;
        put_objects();
        ck_assert_msg(collector_fixture_run(&at, 0) == VFL_OK, "%s", at.err.text);
        ck_assert_uint_eq(at.ops.bytes_sent, GOOD_COUNT * (GOOD_COUNT + 1) / 2);
        ck_assert_uint_eq(at.ops.component_count, 2);
        ck_assert_uint_eq(at.ops.relation_count, 1);
        ck_assert_uint_eq(at.ops.traffic_count, 1);
        ck_assert_double_eq(metric("aws_flowlogs.objects.failed"), BAD_COUNT);
        ck_assert_double_eq(metric("aws_flowlogs.objects.waiting"), 0);
        ck_assert_int_eq(at.ops.checks[VFL_CHECK_CAN_UPDATE].level, VFL_CHECK_WARNING);
        ck_assert_msg(collector_fixture_run(&at, 1) == VFL_OK, "%s", at.err.text);
        ck_assert_double_eq(metric("aws_flowlogs.objects.deleted"), GOOD_COUNT + GOOD_COUNT / 5);
        ck_assert_uint_eq(at.ops.bytes_sent, 0);
        expect_bad_ones_left();
        collector_fixture_close(&at);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {any_number_of_workers_gives_the_same};
    return RUN_SUITE("collector_workers", cases);
}
