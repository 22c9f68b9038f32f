#include "core/discovery.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/fake/bucket.h"
#include "tests/unit/run_suite.h"

/* With an interfaces file; the same rules for EC2 regions need a server and are tested with it. */

static struct fake_bucket bucket;
static struct vfl_interfaces interfaces;
static struct vfl_config config;
static struct vfl_discovery discovery;
static struct vfl_error err;

static struct {
    unsigned count;
    char region[300];
    enum vfl_status status;
    char text[VFL_ERROR_TEXT_SIZE];
} failure;

static void on_failure(void *ctx, const char *region, enum vfl_status status,
                       const struct vfl_error *cause)
{
    (void)ctx;
    failure.count++;
    (void)snprintf(failure.region, sizeof failure.region, "%s", region);
    failure.status = status;
    (void)snprintf(failure.text, sizeof failure.text, "%s", cause->text);
}

static void open_fixture(void)
{
    fake_bucket_open(&bucket);
    config.interfaces_file = bucket.interfaces_path;
    memset(&failure, 0, sizeof failure);
    ck_assert_int_eq(vfl_discovery_init(&discovery, &config, NULL, &interfaces, &err), VFL_OK);
}

static void close_fixture(void)
{
    vfl_discovery_fini(&discovery);
    vfl_discovery_fini(&discovery);
    vfl_interfaces_fini(&interfaces);
    fake_bucket_close(&bucket);
}

static void refresh(bool is_unknown_seen, int64_t now_epoch_s)
{
    struct vfl_discovery_sink sink = {on_failure, NULL};
    ck_assert_int_eq(vfl_discovery_refresh(&discovery, is_unknown_seen, now_epoch_s, sink, &err),
                     VFL_OK);
}

static int64_t last_refresh(void)
{
    return interfaces.refresh_epoch_s;
}

START_TEST(is_blind_until_the_file_was_read)
{
    open_fixture();
    ck_assert(vfl_discovery_is_blind(&discovery));
    ck_assert_int_eq(vfl_discovery_view(&discovery, "eu-west-1"), VFL_REGION_NOT_READY);
    refresh(false, 1000000);
    ck_assert(!vfl_discovery_is_blind(&discovery));
    ck_assert_int_eq(vfl_discovery_view(&discovery, "eu-west-1"), VFL_REGION_KNOWN);
    ck_assert_int_eq(vfl_discovery_view(&discovery, "us-east-1"), VFL_REGION_KNOWN);
    ck_assert_ptr_nonnull(vfl_interfaces_find(&interfaces, VFL_SPAN_LITERAL("eni-0a")));
    ck_assert_uint_eq(failure.count, 0);
    close_fixture();
}
END_TEST

START_TEST(reads_again_when_stale)
{
    open_fixture();
    refresh(false, 1000000);
    refresh(false, 1000000 + VFL_DISCOVERY_STALE_S - 1);
    ck_assert_int_eq(last_refresh(), 1000000);
    refresh(false, 1000000 + VFL_DISCOVERY_STALE_S);
    ck_assert_int_eq(last_refresh(), 1000600);
    close_fixture();
}
END_TEST

START_TEST(unknown_interface_makes_it_read_sooner_but_not_at_once)
{
    open_fixture();
    refresh(false, 1000000);
    refresh(true, 1000000 + VFL_DISCOVERY_UNKNOWN_S - 1);
    ck_assert_int_eq(last_refresh(), 1000000);
    refresh(true, 1000000 + VFL_DISCOVERY_UNKNOWN_S);
    ck_assert_int_eq(last_refresh(), 1000180);
    close_fixture();
}
END_TEST

START_TEST(clock_that_was_set_back_does_not_stop_refreshing)
{
    open_fixture();
    refresh(false, 1000000);
    refresh(false, 500000);
    ck_assert_int_eq(last_refresh(), 500000);
    close_fixture();
}
END_TEST

START_TEST(failure_keeps_what_is_known_and_is_told)
{
    open_fixture();
    refresh(false, 1000000);
    ck_assert_int_eq(unlink(bucket.interfaces_path), 0);
    refresh(false, 1000600);
    ck_assert_uint_eq(failure.count, 1);
    ck_assert_str_eq(failure.region, bucket.interfaces_path);
    ck_assert_ptr_nonnull(strstr(failure.text, bucket.interfaces_path));
    ck_assert_int_eq(vfl_discovery_view(&discovery, "eu-west-1"), VFL_REGION_KNOWN);
    ck_assert_ptr_nonnull(vfl_interfaces_find(&interfaces, VFL_SPAN_LITERAL("eni-0a")));
    close_fixture();
}
END_TEST

START_TEST(failed_first_read_is_tried_once_in_every_run)
{
    open_fixture();
    char path[sizeof bucket.interfaces_path + 8];
    (void)snprintf(path, sizeof path, "%s.not-yet", bucket.interfaces_path);
    ck_assert_int_eq(rename(bucket.interfaces_path, path), 0);
    refresh(false, 1000000);
    refresh(true, 1000000); /* the same run, at an object with unknown interfaces */
    ck_assert_uint_eq(failure.count, 1);
    refresh(false, 1000001);
    ck_assert_uint_eq(failure.count, 2);
    ck_assert(vfl_discovery_is_blind(&discovery));
    ck_assert_int_eq(rename(path, bucket.interfaces_path), 0);
    refresh(false, 1000002);
    ck_assert(!vfl_discovery_is_blind(&discovery));
    close_fixture();
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        is_blind_until_the_file_was_read,
        reads_again_when_stale,
        unknown_interface_makes_it_read_sooner_but_not_at_once,
        clock_that_was_set_back_does_not_stop_refreshing,
        failure_keeps_what_is_known_and_is_told,
        failed_first_read_is_tried_once_in_every_run,
    };
    return RUN_SUITE("discovery", cases);
}
