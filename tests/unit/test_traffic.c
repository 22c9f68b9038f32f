/* core/topology/traffic.c: whose bytes count, and over which time. */
#include "core/topology/topology.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/recorder/recorder.h"
#include "tests/unit/run_suite.h"

#define NOW INT64_C(1700000100)
#define COLUMNS                                                                                    \
    "interface-id srcaddr dstaddr srcport dstport protocol bytes start end action log-status"
#define A "urn:vpcip:vpc-1/10.0.0.1"
#define B "urn:vpcip:vpc-1/10.0.0.2"

static const struct recorder_interface interfaces[] = {
    {.id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1", .region = "eu-west-1"},
    {.id = "eni-b", .vpc_id = "vpc-1", .primary = "10.0.0.2", .region = "eu-west-1"},
    {.id = "eni-hop-1", .vpc_id = "vpc-1", .primary = "10.0.0.8", .region = "eu-west-1"},
    {.id = "eni-hop-2", .vpc_id = "vpc-1", .primary = "10.0.0.9", .region = "eu-west-1"},
};

static void start(struct recorder *recorder)
{
    recorder_init(recorder, 24 * 3600);
    recorder_refresh(recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
}

/* One record of client 10.0.0.1 to server 10.0.0.2, port 443, over 10 s. */
static void add_sent(struct recorder *recorder, const char *flow_log_id, const char *interface_id,
                     uint64_t bytes, const char *action)
{
    char line[200];
    recorder_object(recorder, "eu-west-1", flow_log_id, COLUMNS);
    (void)snprintf(line, sizeof line,
                   "%s 10.0.0.1 10.0.0.2 40000 443 6 %" PRIu64 " 1700000000 1700000010 %s OK",
                   interface_id, bytes, action);
    recorder_line(recorder, line);
}

static void add_nodata(struct recorder *recorder, const char *flow_log_id, const char *interface_id)
{
    char line[200];
    recorder_object(recorder, "eu-west-1", flow_log_id, COLUMNS);
    (void)snprintf(line, sizeof line, "%s - - - - - - 1700000000 1700000010 - NODATA",
                   interface_id);
    recorder_line(recorder, line);
}

/* The bytes that the run's records add from client to server. */
static void expect_sent(struct recorder *recorder, int64_t now_epoch_s, const char *what,
                        uint64_t bytes)
{
    char expected[300];
    (void)recorder_run(recorder, now_epoch_s);
    (void)snprintf(expected, sizeof expected,
                   "traffic " A " " B " sent=%" PRIu64 " received=0 sent/s=%" PRIu64
                   " received/s=0\n",
                   bytes, bytes / 10);
    const char *traffic = recorder_lines(recorder, "traffic");
    ck_assert_msg(strcmp(traffic, expected) == 0, "%s:\n%swanted\n%s", what, traffic, expected);
}

/* --- observers ---------------------------------------------------------------------------------
 */

START_TEST(both_sides_reported_counts_the_sender_only)
{
    for (int order = 0; order < 2; order++) {
        struct recorder recorder;
        start(&recorder);
        add_sent(&recorder, "fl-1", order == 0 ? "eni-a" : "eni-b", order == 0 ? 1000 : 700,
                 "ACCEPT");
        add_sent(&recorder, "fl-1", order == 0 ? "eni-b" : "eni-a", order == 0 ? 700 : 1000,
                 "ACCEPT");
        expect_sent(&recorder, NOW, "both sides", 1000);
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(one_side_reported_counts_in_full)
{
    struct recorder recorder;
    start(&recorder);
    add_sent(&recorder, "fl-1", "eni-b", 700, "ACCEPT");
    expect_sent(&recorder, NOW, "receiver only", 700);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(of_two_hops_the_lowest_id_counts_and_an_end_beats_both)
{
    for (int has_end = 0; has_end < 2; has_end++) {
        struct recorder recorder;
        start(&recorder);
        add_sent(&recorder, "fl-1", "eni-hop-2", 200, "ACCEPT");
        add_sent(&recorder, "fl-1", "eni-hop-1", 100, "ACCEPT");
        if (has_end)
            add_sent(&recorder, "fl-1", "eni-b", 300, "ACCEPT");
        expect_sent(&recorder, NOW, "hops", has_end ? 300 : 100);
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(observer_stays_over_runs_while_it_reports_even_no_data)
{
    struct recorder recorder;
    start(&recorder);
    add_sent(&recorder, "fl-1", "eni-b", 700, "ACCEPT");
    expect_sent(&recorder, NOW, "first run", 700);
    add_sent(&recorder, "fl-1", "eni-a", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 60, "the sender came later: gauges, and nothing counted", 0);
    for (int minute = 10; minute <= 40; minute += 10) {
        add_nodata(&recorder, "fl-1", "eni-b");
        (void)recorder_run(&recorder, NOW + minute * 60);
    }
    add_sent(&recorder, "fl-1", "eni-a", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 50 * 60, "NODATA is a report", 0);
    add_sent(&recorder, "fl-1", "eni-b", 300, "ACCEPT");
    expect_sent(&recorder, NOW + 51 * 60, "still the observer", 300);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(observer_is_replaced_after_15_silent_minutes)
{
    struct recorder recorder;
    start(&recorder);
    add_sent(&recorder, "fl-1", "eni-b", 700, "ACCEPT");
    expect_sent(&recorder, NOW, "first run", 700);
    add_sent(&recorder, "fl-1", "eni-a", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 15 * 60, "15 minutes are not over", 0);
    add_sent(&recorder, "fl-1", "eni-a", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 15 * 60 + 1, "15 silent minutes", 1000);
    add_sent(&recorder, "fl-1", "eni-b", 700, "ACCEPT");
    expect_sent(&recorder, NOW + 17 * 60, "the old one is not taken back", 0);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(each_direction_has_its_own_observer)
{
    struct recorder recorder;
    start(&recorder);
    recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
    recorder_line(&recorder,
                  "eni-a 10.0.0.1 10.0.0.2 40000 443 6 10 1700000000 1700000010 ACCEPT OK");
    recorder_line(&recorder,
                  "eni-b 10.0.0.1 10.0.0.2 40000 443 6 20 1700000000 1700000010 ACCEPT OK");
    recorder_line(&recorder,
                  "eni-a 10.0.0.2 10.0.0.1 443 40000 6 30 1700000000 1700000010 ACCEPT OK");
    recorder_line(&recorder,
                  "eni-b 10.0.0.2 10.0.0.1 443 40000 6 40 1700000000 1700000010 ACCEPT OK");
    (void)recorder_run(&recorder, NOW);
    ck_assert_str_eq(recorder_lines(&recorder, "traffic"),
                     "traffic " A " " B " sent=10 received=40 sent/s=1 received/s=4\n");
    recorder_fini(&recorder);
}
END_TEST

/* --- flow logs ---------------------------------------------------------------------------------
 */

START_TEST(overlapping_flow_logs_count_once_by_the_lowest_id)
{
    for (int order = 0; order < 2; order++) {
        struct recorder recorder;
        start(&recorder);
        add_sent(&recorder, order == 0 ? "fl-1" : "fl-2", "eni-a", order == 0 ? 100 : 200,
                 "ACCEPT");
        add_sent(&recorder, order == 0 ? "fl-2" : "fl-1", "eni-a", order == 0 ? 200 : 100,
                 "ACCEPT");
        expect_sent(&recorder, NOW, "two flow logs", 100);
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(each_action_is_counted_from_its_own_flow_log)
{
    struct recorder recorder;
    start(&recorder);
    add_sent(&recorder, "fl-1", "eni-a", 100, "REJECT"); /* a flow log of refused traffic only */
    add_sent(&recorder, "fl-2", "eni-a", 2000, "ACCEPT");
    add_sent(&recorder, "fl-2", "eni-a", 400, "REJECT");
    expect_sent(&recorder, NOW, "100 refused of fl-1, 2000 accepted of fl-2", 2100);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(flow_log_is_replaced_after_30_silent_minutes)
{
    struct recorder recorder;
    start(&recorder);
    add_sent(&recorder, "fl-2", "eni-a", 100, "ACCEPT");
    expect_sent(&recorder, NOW, "first run", 100);
    add_sent(&recorder, "fl-1", "eni-a", 200, "ACCEPT");
    expect_sent(&recorder, NOW + 60, "a lower id that comes later changes nothing", 0);
    add_nodata(&recorder, "fl-2", "eni-a");
    (void)recorder_run(&recorder, NOW + 120);
    add_sent(&recorder, "fl-3", "eni-a", 300, "ACCEPT");
    add_sent(&recorder, "fl-1", "eni-a", 200, "ACCEPT");
    expect_sent(&recorder, NOW + 120 + 30 * 60, "30 minutes are not over", 0);
    add_sent(&recorder, "fl-3", "eni-a", 300, "ACCEPT");
    add_sent(&recorder, "fl-1", "eni-a", 200, "ACCEPT");
    expect_sent(&recorder, NOW + 120 + 30 * 60 + 1, "the lowest of those that report", 200);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(accepted_bytes_count_elsewhere_when_the_observer_logs_refusals_alone)
{
    struct recorder recorder;
    start(&recorder);
    for (int minute = 0; minute <= 10; minute += 5) {
        add_sent(&recorder, "fl-1", "eni-a", 40, "REJECT");
        add_sent(&recorder, "fl-2", "eni-b", 1000, "ACCEPT");
        expect_sent(&recorder, NOW + minute * 60, "the sender may report accepted ones yet", 40);
    }
    add_sent(&recorder, "fl-1", "eni-a", 40, "REJECT");
    add_sent(&recorder, "fl-2", "eni-b", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 15 * 60 - 1, "15 minutes are not over", 40);
    add_sent(&recorder, "fl-1", "eni-a", 40, "REJECT");
    add_sent(&recorder, "fl-2", "eni-b", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 15 * 60 + 1, "refused of the sender, accepted of the receiver",
                1040);
    add_nodata(&recorder, "fl-1", "eni-a");
    add_sent(&recorder, "fl-2", "eni-b", 1000, "ACCEPT");
    add_sent(&recorder, "fl-2", "eni-hop-1", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 20 * 60, "of those that report accepted ones only the best", 1000);
    add_sent(&recorder, "fl-2", "eni-b", 70, "REJECT");
    add_sent(&recorder, "fl-2", "eni-b", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 21 * 60, "refused ones are still the sender's to report", 1000);
    add_sent(&recorder, "fl-3", "eni-a", 2000, "ACCEPT");
    add_sent(&recorder, "fl-2", "eni-b", 1000, "ACCEPT");
    expect_sent(&recorder, NOW + 22 * 60, "the sender has a flow log of accepted ones now", 2000);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(flow_log_of_an_attachment_stays_while_it_reports)
{
    const char *columns = "tgw-attachment-id tgw-src-vpc-id tgw-dst-vpc-id srcaddr dstaddr srcport "
                          "dstport protocol bytes start end log-status";
    const char *line = "tgw-attach-1 vpc-1 vpc-1 10.0.0.1 10.0.0.2 40000 443 6 1000 1700000000 "
                       "1700000010 OK";
    const struct {
        int minute;
        const char *flow_log_ids[2];
        uint64_t bytes;
    } runs[] = {
        {0, {"fl-1", "fl-2"}, 1000},  {20, {"fl-2", "fl-1"}, 1000}, {31, {"fl-2", NULL}, 0},
        {32, {"fl-1", NULL}, 1000},   {50, {"fl-1", "fl-2"}, 1000}, {81, {"fl-2", NULL}, 1000},
        {82, {"fl-1", "fl-2"}, 1000},
    };
    struct recorder recorder;
    start(&recorder);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        for (size_t f = 0; f < 2 && runs[i].flow_log_ids[f] != NULL; f++) {
            recorder_object(&recorder, "eu-west-1", runs[i].flow_log_ids[f], columns);
            recorder_line(&recorder, line);
        }
        expect_sent(&recorder, NOW + runs[i].minute * 60, "an attachment", runs[i].bytes);
    }
    recorder_fini(&recorder);
}
END_TEST

/* --- sums and rates ----------------------------------------------------------------------------
 */

struct rate_case {
    const char *name;
    const char *lines[3];
    const char *traffic; /* after the two ids */
};

#define SENT(bytes, start, end)                                                                    \
    "eni-a 10.0.0.1 10.0.0.2 40000 443 6 " bytes " " start " " end " ACCEPT OK"
#define SENT_UDP(bytes, start, end)                                                                \
    "eni-a 10.0.0.1 10.0.0.2 40000 53 17 " bytes " " start " " end " ACCEPT OK"

static const struct rate_case rate_cases[] = {
    {"one window",
     {SENT("600", "1700000000", "1700000060")},
     "sent=600 received=0 sent/s=10 received/s=0"},
    {"a gap does not count",
     {SENT("300", "1700000000", "1700000010"), SENT("300", "1700003600", "1700003610")},
     "sent=600 received=0 sent/s=30 received/s=0"},
    {"an overlap counts once",
     {SENT("300", "1700000000", "1700000040"), SENT("300", "1700000020", "1700000060")},
     "sent=600 received=0 sent/s=10 received/s=0"},
    {"a window that bridges two",
     {SENT("100", "1700000000", "1700000020"), SENT("100", "1700000040", "1700000060"),
      SENT("100", "1700000010", "1700000050")},
     "sent=300 received=0 sent/s=5 received/s=0"},
    {"windows that touch",
     {SENT("100", "1700000030", "1700000060"), SENT("200", "1700000000", "1700000030")},
     "sent=300 received=0 sent/s=5 received/s=0"},
    {"a window inside another",
     {SENT("100", "1700000010", "1700000020"), SENT("200", "1700000000", "1700000060")},
     "sent=300 received=0 sent/s=5 received/s=0"},
    {"several flows of a relation overlap",
     {SENT("300", "1700000000", "1700000040"), SENT_UDP("300", "1700000020", "1700000060")},
     "sent=600 received=0 sent/s=10 received/s=0"},
    {"zero length is one second",
     {SENT("52", "1700000000", "1700000000")},
     "sent=52 received=0 sent/s=52 received/s=0"},
    {"a zero-length window beside a long one",
     {SENT("40", "1700000000", "1700000000"), SENT("60", "1700000100", "1700000110")},
     "sent=100 received=0 sent/s=10 received/s=0"},
    {"bytes without times count, and not for rates",
     {SENT("40", "-", "-"), SENT("60", "1700000100", "1700000110")},
     "sent=100 received=0 sent/s=6 received/s=0"},
    {"unknown bytes are zeros",
     {SENT("-", "1700000000", "1700000060")},
     "sent=0 received=0 sent/s=0 received/s=0"},
    {"sums saturate",
     {SENT("9223372036854775807", "-", "-"), SENT("9223372036854775807", "-", "-"),
      SENT("9223372036854775807", "-", "-")},
     "sent=18446744073709551615 received=0 sent/s=0 received/s=0"},
    {"sums of several flows saturate",
     {SENT("9223372036854775807", "-", "-"), SENT_UDP("9223372036854775807", "-", "-"),
      SENT("9223372036854775807", "-", "-")},
     "sent=18446744073709551615 received=0 sent/s=0 received/s=0"},
};

START_TEST(rates_are_over_the_union_of_windows)
{
    for (size_t i = 0; i < sizeof rate_cases / sizeof rate_cases[0]; i++) {
        const struct rate_case *c = &rate_cases[i];
        struct recorder recorder;
        char expected[300];
        start(&recorder);
        recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
        for (size_t l = 0; l < 3 && c->lines[l] != NULL; l++)
            recorder_line(&recorder, c->lines[l]);
        (void)recorder_run(&recorder, NOW);
        (void)snprintf(expected, sizeof expected, "traffic " A " " B " %s\n", c->traffic);
        const char *traffic = recorder_lines(&recorder, "traffic");
        ck_assert_msg(strcmp(traffic, expected) == 0, "%s:\n%s", c->name, traffic);
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(windows_of_the_side_that_does_not_count_do_not_stretch_the_span)
{
    struct recorder recorder;
    start(&recorder);
    recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
    recorder_line(&recorder,
                  "eni-a 10.0.0.1 10.0.0.2 40000 443 6 100 1700000000 1700000010 ACCEPT OK");
    recorder_line(&recorder,
                  "eni-b 10.0.0.1 10.0.0.2 40000 443 6 100 1700000005 1700000015 ACCEPT OK");
    (void)recorder_run(&recorder, NOW);
    ck_assert_str_eq(recorder_lines(&recorder, "traffic"),
                     "traffic " A " " B " sent=100 received=0 sent/s=10 received/s=0\n");
    recorder_fini(&recorder);
}
END_TEST

START_TEST(traffic_is_that_of_the_run_only)
{
    struct recorder recorder;
    start(&recorder);
    add_sent(&recorder, "fl-1", "eni-a", 100, "ACCEPT");
    expect_sent(&recorder, NOW, "first", 100);
    add_sent(&recorder, "fl-1", "eni-a", 50, "ACCEPT");
    expect_sent(&recorder, NOW + 60, "second", 50);
    (void)recorder_run(&recorder, NOW + 120);
    ck_assert_str_eq(recorder_lines(&recorder, "traffic"), "");
    recorder_fini(&recorder);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        both_sides_reported_counts_the_sender_only,
        one_side_reported_counts_in_full,
        of_two_hops_the_lowest_id_counts_and_an_end_beats_both,
        observer_stays_over_runs_while_it_reports_even_no_data,
        observer_is_replaced_after_15_silent_minutes,
        each_direction_has_its_own_observer,
        overlapping_flow_logs_count_once_by_the_lowest_id,
        each_action_is_counted_from_its_own_flow_log,
        flow_log_is_replaced_after_30_silent_minutes,
        accepted_bytes_count_elsewhere_when_the_observer_logs_refusals_alone,
        flow_log_of_an_attachment_stays_while_it_reports,
        rates_are_over_the_union_of_windows,
        windows_of_the_side_that_does_not_count_do_not_stretch_the_span,
        traffic_is_that_of_the_run_only,
    };
    return RUN_SUITE("traffic", cases);
}
