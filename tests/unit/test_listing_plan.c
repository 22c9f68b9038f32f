#include "core/listing_plan.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/run_suite.h"

/* Dates are worked out by hand from one anchor: 2026-11-20T00:00:00Z is 1795132800. */
#define DAY_20 INT64_C(1795132800)
#define HOUR 3600
#define DAY 86400
#define MINUTE_MS INT64_C(60000)

#define ACCOUNT "123456789012"
#define DAILY "AWSLogs/" ACCOUNT "/vpcflowlogs/eu-west-1/"
#define HIVE "AWSLogs/aws-account-id=" ACCOUNT "/aws-service=vpcflowlogs/aws-region=eu-west-1/"
#define NAME(id) ACCOUNT "_vpcflowlogs_eu-west-1_" id "_"
#define HIVE_DAY_20 HIVE "year=2026/month=11/day=20/"

static struct vfl_listing_plan plan;
static struct vfl_listing_steps steps;
static struct vfl_error err;
static int64_t now_epoch_s;
static int64_t monotonic_ms;

static void open_plan(int64_t epoch_s)
{
    now_epoch_s = epoch_s;
    monotonic_ms = 5000;
    ck_assert_int_eq(vfl_listing_plan_init(&plan, 1, &err), VFL_OK);
}

static void close_plan(void)
{
    vfl_listing_steps_fini(&steps);
    vfl_listing_steps_fini(&steps);
    vfl_listing_plan_fini(&plan);
    vfl_listing_plan_fini(&plan);
}

/* Begins the listing of a run that many seconds after the last one. */
static void begin(int64_t after_s)
{
    const struct vfl_listing_place place = {.account = VFL_SPAN_LITERAL(ACCOUNT),
                                            .region = VFL_SPAN_LITERAL("eu-west-1")};
    now_epoch_s += after_s;
    monotonic_ms += after_s * 1000;
    vfl_listing_steps_fini(&steps);
    vfl_listing_plan_start(&plan, now_epoch_s, monotonic_ms);
    ck_assert_int_eq(vfl_listing_region_plan(&plan.regions[0], &place, now_epoch_s, &steps, &err),
                     VFL_OK);
}

static void finish(void)
{
    vfl_listing_region_finish(&plan.regions[0], steps.kind);
}

static void see(enum vfl_key_layout layout, bool is_hourly, const char *flow_log_id,
                int64_t epoch_s, bool is_open)
{
    struct vfl_object_key key = {
        .layout = layout,
        .is_hourly = is_hourly,
        .flow_log_id = vfl_span_from_string(flow_log_id),
        .time_epoch_s = epoch_s,
        .folder_epoch_s = epoch_s - epoch_s % (is_hourly ? HOUR : DAY),
    };
    vfl_listing_region_see(&plan.regions[0], &key, is_open);
}

static void see_daily(const char *flow_log_id, int64_t epoch_s, bool is_open)
{
    see(VFL_KEY_LAYOUT_DEFAULT, false, flow_log_id, epoch_s, is_open);
}

static void expect_step(size_t i, const char *prefix, const char *start_after)
{
    ck_assert_uint_lt(i, steps.count);
    ck_assert_str_eq(steps.steps[i].prefix, prefix);
    ck_assert_str_eq(steps.steps[i].start_after, start_after);
}

/* ---- which sweep, when ---- */

START_TEST(first_listing_is_of_everything)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    ck_assert_int_eq(steps.kind, VFL_LISTING_FULL);
    ck_assert_uint_eq(steps.count, 2);
    expect_step(0, DAILY, "");
    expect_step(1, HIVE, "");
    close_plan();
}
END_TEST

START_TEST(sweeps_days_every_ten_minutes_and_all_every_six_hours)
{
    open_plan(DAY_20 + 10 * HOUR);
    for (int minute = 0; minute <= 12 * 60; minute++) {
        begin(minute == 0 ? 0 : 60);
        see_daily("fl-1", now_epoch_s, true);
        finish();
        enum vfl_listing_kind expected = minute % 360 == 0  ? VFL_LISTING_FULL
                                         : minute % 10 == 0 ? VFL_LISTING_DAYS
                                                            : VFL_LISTING_CURSORS;
        ck_assert_msg(steps.kind == expected, "minute %d", minute);
    }
    close_plan();
}
END_TEST

START_TEST(failed_listing_is_followed_by_a_full_one)
{
    for (int failed = 1; failed <= 10; failed += 9) { /* one of cursors, one of days */
        open_plan(DAY_20 + 10 * HOUR);
        for (int minute = 0; minute <= failed; minute++) {
            begin(60);
            see_daily("fl-1", now_epoch_s, true);
            if (minute < failed)
                finish();
        }
        ck_assert_int_ne(steps.kind, VFL_LISTING_FULL);
        begin(60);
        ck_assert_int_eq(steps.kind, VFL_LISTING_FULL);
        begin(60); /* failed again */
        ck_assert_int_eq(steps.kind, VFL_LISTING_FULL);
        see_daily("fl-1", now_epoch_s, true);
        finish();
        begin(60);
        ck_assert_int_eq(steps.kind, VFL_LISTING_CURSORS);
        close_plan();
    }
}
END_TEST

/* A bucket that takes longer to list than a run has: what is new is read all the same. */
START_TEST(full_listing_that_takes_too_long_makes_way_for_ten_minutes)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_daily("fl-1", DAY_20 - 40 * DAY, true); /* and so on, until the time was over */
    vfl_listing_plan_give_up(&plan, 0);
    for (int minute = 1; minute <= 20; minute++) {
        begin(60);
        enum vfl_listing_kind expected = minute % 10 == 0   ? VFL_LISTING_FULL
                                         : minute % 10 == 1 ? VFL_LISTING_DAYS
                                                            : VFL_LISTING_CURSORS;
        ck_assert_msg(steps.kind == expected, "minute %d", minute);
        if (expected == VFL_LISTING_DAYS)
            expect_step(0, DAILY, DAILY "2026/11/18/");
        if (expected == VFL_LISTING_FULL) {
            vfl_listing_plan_give_up(&plan, 0);
            continue;
        }
        see_daily("fl-1", now_epoch_s, true);
        finish();
    }
    close_plan();
}
END_TEST

/* A region that the failing run never came to has its scheduled sweep in the next one. */
START_TEST(sweep_that_was_not_begun_stays_due)
{
    open_plan(DAY_20 + 10 * HOUR);
    vfl_listing_plan_start(&plan, now_epoch_s, monotonic_ms);
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_FULL);
    close_plan();
}
END_TEST

START_TEST(required_full_listing_is_made_once)
{
    open_plan(DAY_20 + 10 * HOUR);
    for (int run = 0; run < 4; run++) {
        begin(60);
        see_daily("fl-1", now_epoch_s, true);
        finish();
        ck_assert_int_eq(steps.kind, run % 2 == 0 ? VFL_LISTING_FULL : VFL_LISTING_CURSORS);
        if (run == 1)
            vfl_listing_plan_require_full(&plan);
    }
    close_plan();
}
END_TEST

START_TEST(wall_clock_that_is_set_makes_the_next_listing_full)
{
    static const int64_t steps_s[] = {601, -661, 599, -599};
    static const enum vfl_listing_kind expected[] = {VFL_LISTING_FULL, VFL_LISTING_FULL,
                                                     VFL_LISTING_CURSORS, VFL_LISTING_CURSORS};
    for (size_t i = 0; i < sizeof steps_s / sizeof steps_s[0]; i++) {
        open_plan(DAY_20 + 10 * HOUR);
        begin(0);
        see_daily("fl-1", now_epoch_s, true);
        finish();
        now_epoch_s += steps_s[i];
        begin(60);
        ck_assert_msg(steps.kind == expected[i], "%lld s", (long long)steps_s[i]);
        close_plan();
    }
}
END_TEST

/* A bucket without objects has no cursors; its first object need not wait for a sweep. */
START_TEST(nothing_known_is_swept_from_two_days_ago)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    finish();
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_DAYS);
    expect_step(0, DAILY, DAILY "2026/11/18/");
    expect_step(1, HIVE, HIVE "year=2026/month=11/day=18/");
    close_plan();
}
END_TEST

START_TEST(days_start_at_the_oldest_open_object)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_daily("fl-1", now_epoch_s, true);
    see_daily("fl-1", DAY_20 - 20 * DAY, true); /* the last of October */
    see_daily("fl-1", DAY_20 - 30 * DAY, false);
    finish();
    begin(600);
    ck_assert_int_eq(steps.kind, VFL_LISTING_DAYS);
    expect_step(0, DAILY, DAILY "2026/10/31/");
    close_plan();
}
END_TEST

/* Our clock is three days ahead: what is two days old to us has not happened yet. */
START_TEST(days_start_where_the_bucket_is)
{
    open_plan(DAY_20 + 3 * DAY);
    begin(0);
    see_daily("fl-1", DAY_20 + HOUR, true);
    finish();
    begin(600);
    expect_step(0, DAILY, DAILY "2026/11/18/");
    close_plan();
}
END_TEST

/* ---- cursors ---- */

START_TEST(cursor_starts_an_hour_before_the_newest)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_daily("fl-1", DAY_20 + 9 * HOUR + 55 * 60, true);
    see_daily("fl-1", DAY_20 + 9 * HOUR + 30 * 60, true);
    see_daily("fl-2", DAY_20 + 9 * HOUR + 50 * 60, true);
    see_daily("fl-0", DAY_20 + 20 * 60, true);
    finish();
    begin(60);
    ck_assert_uint_eq(steps.count, 4);
    expect_step(0, DAILY "2026/11/20/" NAME("fl-1"),
                DAILY "2026/11/20/" NAME("fl-1") "20261120T0855Z");
    expect_step(1, DAILY "2026/11/20/" NAME("fl-2"),
                DAILY "2026/11/20/" NAME("fl-2") "20261120T0850Z");
    expect_step(2, DAILY "2026/11/20/" NAME("fl-0"), ""); /* an hour before is yesterday: */
    expect_step(3, DAILY "2026/11/19/" NAME("fl-0"),
                DAILY "2026/11/19/" NAME("fl-0") "20261119T2320Z");
    close_plan();
}
END_TEST

START_TEST(cursor_starts_at_its_oldest_open_object)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_daily("fl-1", DAY_20 + 9 * HOUR + 55 * 60, true);
    see_daily("fl-1", DAY_20 + 2 * HOUR, true);
    see_daily("fl-1", DAY_20 + 1 * HOUR, false);
    finish();
    begin(60);
    expect_step(0, DAILY "2026/11/20/" NAME("fl-1"),
                DAILY "2026/11/20/" NAME("fl-1") "20261120T0200Z");
    /* It is gone now, and so is everything else: the newest is remembered. */
    finish();
    begin(60);
    ck_assert_uint_eq(steps.count, 1);
    expect_step(0, DAILY "2026/11/20/" NAME("fl-1"),
                DAILY "2026/11/20/" NAME("fl-1") "20261120T0855Z");
    close_plan();
}
END_TEST

START_TEST(old_day_is_listed_while_it_has_open_objects)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_daily("fl-1", DAY_20 + 9 * HOUR, true);
    see_daily("fl-1", DAY_20 - 9 * DAY + 5 * HOUR, true);
    see_daily("fl-old", DAY_20 - 9 * DAY + 5 * HOUR, true);
    finish();
    for (int run = 0; run < 3; run++) {
        begin(60);
        ck_assert_uint_eq(steps.count, 3);
        expect_step(1, DAILY "2026/11/11/" NAME("fl-1"),
                    DAILY "2026/11/11/" NAME("fl-1") "20261111T0400Z");
        expect_step(2, DAILY "2026/11/11/" NAME("fl-old"),
                    DAILY "2026/11/11/" NAME("fl-old") "20261111T0400Z");
        see_daily("fl-1", DAY_20 + 9 * HOUR, true);
        see_daily("fl-1", DAY_20 - 9 * DAY + 5 * HOUR, true);
        see_daily("fl-old", DAY_20 - 9 * DAY + 5 * HOUR, true);
        finish();
    }
    begin(60);
    finish(); /* showed nothing any more */
    begin(60);
    ck_assert_uint_eq(steps.count, 1);
    close_plan();
}
END_TEST

/* Yesterday is listed until today's newest is an hour old; today is, before it has any object. */
START_TEST(goes_over_midnight)
{
    open_plan(DAY_20 + 23 * HOUR + 50 * 60);
    begin(0);
    see_daily("fl-1", DAY_20 + 23 * HOUR + 45 * 60, false);
    finish();
    begin(9 * 60); /* 23:59 */
    ck_assert_uint_eq(steps.count, 1);
    finish();
    begin(59); /* 23:59:59 */
    finish();
    begin(1); /* 00:00, days are due: at 23:50 was the last */
    finish();
    begin(60); /* 00:01 */
    ck_assert_int_eq(steps.kind, VFL_LISTING_CURSORS);
    ck_assert_uint_eq(steps.count, 2);
    expect_step(0, DAILY "2026/11/20/" NAME("fl-1"),
                DAILY "2026/11/20/" NAME("fl-1") "20261120T2245Z");
    expect_step(1, DAILY "2026/11/21/" NAME("fl-1"), "");
    finish();
    begin(3600); /* 01:01, a sweep */
    see_daily("fl-1", DAY_20 + DAY + 59 * 60, false);
    finish();
    begin(60);
    ck_assert_uint_eq(steps.count, 2);
    expect_step(1, DAILY "2026/11/21/" NAME("fl-1"), "");
    see_daily("fl-1", DAY_20 + DAY + 60 * 60, false);
    finish();
    begin(60);
    ck_assert_uint_eq(steps.count, 1);
    expect_step(0, DAILY "2026/11/21/" NAME("fl-1"), "");
    close_plan();
}
END_TEST

START_TEST(hourly_keys_are_listed_by_the_hour)
{
    static const struct {
        enum vfl_key_layout layout;
        const char *prefix, *start;
    } cases[] = {
        {VFL_KEY_LAYOUT_DEFAULT, DAILY "2026/11/20/", DAILY "2026/11/20/08/"},
        {VFL_KEY_LAYOUT_HIVE, HIVE_DAY_20, HIVE_DAY_20 "hour=08/"},
    };
    for (size_t i = 0; i < 2; i++) {
        open_plan(DAY_20 + 10 * HOUR);
        begin(0);
        see(cases[i].layout, true, "fl-1", DAY_20 + 9 * HOUR + 55 * 60, true);
        see(cases[i].layout, true, "fl-2", DAY_20 + 9 * HOUR + 50 * 60, true);
        finish();
        begin(60);
        ck_assert_uint_eq(steps.count, 1);
        expect_step(0, cases[i].prefix, cases[i].start);
        see(cases[i].layout, true, "fl-2", DAY_20 + 3 * HOUR + 50 * 60, true);
        finish();
        begin(60);
        ck_assert_ptr_nonnull(strstr(steps.steps[0].start_after, "03/"));
        close_plan();
    }
}
END_TEST

START_TEST(hive_names_its_folders)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see(VFL_KEY_LAYOUT_HIVE, false, "fl-1", DAY_20 + 9 * HOUR, true);
    finish();
    begin(60);
    ck_assert_uint_eq(steps.count, 1); /* the other layout waits for a sweep */
    expect_step(0, HIVE_DAY_20 NAME("fl-1"), HIVE_DAY_20 NAME("fl-1") "20261120T0800Z");
    close_plan();
}
END_TEST

/* Nothing is listed twice, because it would be read twice. */
START_TEST(day_with_hourly_and_other_keys_is_listed_once_and_whole)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_daily("fl-1", DAY_20 + 9 * HOUR, true);
    see(VFL_KEY_LAYOUT_DEFAULT, true, "fl-2", DAY_20 + 9 * HOUR, true);
    see(VFL_KEY_LAYOUT_HIVE, false, "fl-1", DAY_20 + 9 * HOUR, true);
    finish();
    begin(60);
    ck_assert_uint_eq(steps.count, 2);
    expect_step(0, DAILY "2026/11/20/", "");
    ck_assert_int_eq(strncmp(steps.steps[1].prefix, HIVE, strlen(HIVE)), 0);
    close_plan();
}
END_TEST

START_TEST(flow_log_silent_for_a_day_is_left_to_the_sweeps)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_daily("fl-dead", DAY_20 - DAY + 9 * HOUR, false);
    see_daily("fl-1", DAY_20 + 9 * HOUR + 60, false);
    finish();
    begin(60);
    ck_assert_uint_eq(steps.count, 1);
    expect_step(0, DAILY "2026/11/20/" NAME("fl-1"),
                DAILY "2026/11/20/" NAME("fl-1") "20261120T0801Z");
    close_plan();
}
END_TEST

/* A name of next year is not where its flow log goes on. */
START_TEST(date_far_ahead_does_not_lead_astray)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_daily("fl-1", DAY_20 + 365 * DAY, true);
    see_daily("fl-1", DAY_20 + 9 * HOUR, false);
    finish();
    begin(60);
    ck_assert_uint_eq(steps.count, 2);
    expect_step(1, DAILY "2026/11/20/" NAME("fl-1"),
                DAILY "2026/11/20/" NAME("fl-1") "20261120T0800Z");
    close_plan();
}
END_TEST

static const struct {
    const char *name;
    int64_t folder_epoch_s, name_epoch_s;
} odd_keys[] = {
    {"of tomorrow", DAY_20 + DAY, DAY_20 + DAY + 9 * HOUR},
    {"of next year", DAY_20 + 365 * DAY, DAY_20 + 365 * DAY},
    {"named for tonight", DAY_20, DAY_20 + 23 * HOUR},
    {"named for next year", DAY_20, DAY_20 + 365 * DAY},
    {"named for last year", DAY_20, DAY_20 - 365 * DAY},
};

/* Whatever date a key has: what is on time is found by the next run. */
START_TEST(odd_date_does_not_hide_what_is_on_time)
{
    for (size_t i = 0; i < sizeof odd_keys / sizeof odd_keys[0]; i++) {
        struct vfl_object_key key = {.layout = VFL_KEY_LAYOUT_DEFAULT,
                                     .flow_log_id = VFL_SPAN_LITERAL("fl-1"),
                                     .time_epoch_s = odd_keys[i].name_epoch_s,
                                     .folder_epoch_s = odd_keys[i].folder_epoch_s};
        open_plan(DAY_20 + 10 * HOUR);
        begin(0);
        see_daily("fl-1", DAY_20 + 9 * HOUR + 55 * 60, false);
        vfl_listing_region_see(&plan.regions[0], &key, false);
        finish();
        begin(60);
        bool is_covered = false;
        for (size_t k = 0; k < steps.count; k++)
            is_covered |= strcmp(steps.steps[k].prefix, DAILY "2026/11/20/" NAME("fl-1")) == 0 &&
                          strcmp(steps.steps[k].start_after,
                                 DAILY "2026/11/20/" NAME("fl-1") "20261120T0905Z") < 0;
        ck_assert_msg(is_covered, "%s", odd_keys[i].name);
        close_plan();
    }
}
END_TEST

/* All that is left of the flow log after a restart: its object of today is still to come, and that
 * of yesterday a little late. */
START_TEST(name_of_tomorrow_alone_does_not_hide_today)
{
    open_plan(DAY_20 + 10 * 60);
    begin(0);
    see_daily("fl-1", DAY_20 + DAY + 9 * HOUR, false);
    finish();
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_CURSORS);
    ck_assert_uint_eq(steps.count, 3);
    expect_step(0, DAILY "2026/11/21/" NAME("fl-1"), "");
    expect_step(1, DAILY "2026/11/20/" NAME("fl-1"), "");
    expect_step(2, DAILY "2026/11/19/" NAME("fl-1"),
                DAILY "2026/11/19/" NAME("fl-1") "20261119T2311Z");
    close_plan();
}
END_TEST

/* Named for last year in today's folder, and nothing else: the flow log is alive all the same. */
START_TEST(odd_name_does_not_end_a_flow_log)
{
    struct vfl_object_key key = {.layout = VFL_KEY_LAYOUT_DEFAULT,
                                 .flow_log_id = VFL_SPAN_LITERAL("fl-1"),
                                 .time_epoch_s = DAY_20 - 365 * DAY,
                                 .folder_epoch_s = DAY_20};
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    vfl_listing_region_see(&plan.regions[0], &key, false);
    see_daily("fl-2", DAY_20 + 9 * HOUR, false);
    finish();
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_CURSORS);
    expect_step(0, DAILY "2026/11/20/" NAME("fl-1"), "");
    close_plan();
}
END_TEST

/* ---- bounds ---- */

static void see_flow_logs(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "fl-%u", i);
        see_daily(id, DAY_20 + 9 * HOUR, true);
    }
}

START_TEST(too_many_flow_logs_are_swept_instead)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    see_flow_logs(VFL_LISTING_MAX_CURSORS);
    finish();
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_CURSORS);
    ck_assert_uint_eq(steps.count, VFL_LISTING_MAX_CURSORS);
    vfl_listing_plan_require_full(&plan);
    finish();
    begin(60);
    see_flow_logs(VFL_LISTING_MAX_CURSORS + 1);
    finish();
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_DAYS);
    see_flow_logs(VFL_LISTING_MAX_CURSORS);
    finish(); /* the one beyond has just no object now */
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_DAYS);
    see_flow_logs(1);
    finish();
    begin(26 * HOUR); /* 36 hours into the test; the last objects were of 9 */
    see_daily("fl-0", DAY_20 + 36 * HOUR, true);
    finish();
    begin(60); /* all but one flow log have ended, but only a sweep proves it */
    ck_assert_int_eq(steps.kind, VFL_LISTING_DAYS);
    see_daily("fl-0", DAY_20 + 36 * HOUR, true);
    finish();
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_CURSORS);
    close_plan();
}
END_TEST

/* Objects without a cursor of their own are open all the same. */
START_TEST(sweep_instead_of_too_many_cursors_covers_their_days)
{
    open_plan(DAY_20 + 10 * HOUR);
    begin(0);
    for (unsigned i = 0; i < 90; i++)
        see_daily("fl-1", DAY_20 - i * DAY, true);
    finish();
    begin(60);
    ck_assert_int_eq(steps.kind, VFL_LISTING_DAYS);
    expect_step(0, DAILY, DAILY "2026/08/23/"); /* 19 + 31 + 30 + 8 + 1 days before */
    close_plan();
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        first_listing_is_of_everything,
        sweeps_days_every_ten_minutes_and_all_every_six_hours,
        failed_listing_is_followed_by_a_full_one,
        full_listing_that_takes_too_long_makes_way_for_ten_minutes,
        sweep_that_was_not_begun_stays_due,
        required_full_listing_is_made_once,
        wall_clock_that_is_set_makes_the_next_listing_full,
        nothing_known_is_swept_from_two_days_ago,
        days_start_at_the_oldest_open_object,
        days_start_where_the_bucket_is,
        cursor_starts_an_hour_before_the_newest,
        cursor_starts_at_its_oldest_open_object,
        old_day_is_listed_while_it_has_open_objects,
        goes_over_midnight,
        hourly_keys_are_listed_by_the_hour,
        hive_names_its_folders,
        day_with_hourly_and_other_keys_is_listed_once_and_whole,
        flow_log_silent_for_a_day_is_left_to_the_sweeps,
        date_far_ahead_does_not_lead_astray,
        odd_date_does_not_hide_what_is_on_time,
        name_of_tomorrow_alone_does_not_hide_today,
        odd_name_does_not_end_a_flow_log,
        too_many_flow_logs_are_swept_instead,
        sweep_instead_of_too_many_cursors_covers_their_days,
    };
    return RUN_SUITE("listing plan", cases);
}
