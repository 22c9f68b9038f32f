/* core/topology/emission.c: what the agent is told, and when. */
#include "core/topology/topology.h"

#include <stdio.h>

#include "tests/recorder/recorder.h"
#include "tests/unit/run_suite.h"

#define NOW INT64_C(1700000100)
#define COLUMNS "interface-id srcaddr dstaddr srcport dstport protocol bytes start end action"
#define WINDOW " 1700000000 1700000010 "
#define A "urn:vpcip:vpc-1/10.0.0.1"
#define B "urn:vpcip:vpc-1/10.0.0.2"
#define C "urn:vpcip:vpc-1/10.0.0.3"
#define COMPONENT_A "component " A " region=eu-west-1 urns=" A "\n"
#define COMPONENT_B "component " B " region=eu-west-1 urns=" B "\n"
#define RELATION_AB "relation " A " " B " v4 port protocols=6 ports=443 accepted by=source\n"
#define TRAFFIC_AB "traffic " A " " B " sent=100 received=0 sent/s=10 received/s=0\n"
#define RECORD_AB "eni-a 10.0.0.1 10.0.0.2 40000 443 6 100" WINDOW "ACCEPT"

static const struct recorder_interface interfaces[] = {
    {.id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1", .region = "eu-west-1"},
    {.id = "eni-b", .vpc_id = "vpc-1", .primary = "10.0.0.2", .region = "eu-west-1"},
    {.id = "eni-c", .vpc_id = "vpc-1", .primary = "10.0.0.3", .region = "eu-west-1"},
};

static void start(struct recorder *recorder)
{
    recorder_init(recorder, 3600);
    recorder_refresh(recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
}

static const char *run_line(struct recorder *recorder, const char *line, int64_t now_epoch_s)
{
    recorder_object(recorder, "eu-west-1", "fl-1", COLUMNS);
    recorder_line(recorder, line);
    return recorder_run(recorder, now_epoch_s);
}

START_TEST(unchanged_data_is_sent_again_after_300_seconds_and_without_traffic)
{
    struct recorder recorder;
    start(&recorder);
    ck_assert_str_eq(run_line(&recorder, RECORD_AB, NOW),
                     COMPONENT_A COMPONENT_B RELATION_AB TRAFFIC_AB);
    ck_assert(!vfl_topology_has_news(recorder.topology, NOW + 60));
    ck_assert_str_eq(run_line(&recorder, RECORD_AB, NOW + 60), TRAFFIC_AB);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 299), "");
    ck_assert(!vfl_topology_has_news(recorder.topology, NOW + 299));
    ck_assert(vfl_topology_has_news(recorder.topology, NOW + 300));
    ck_assert_str_eq(recorder_run(&recorder, NOW + 300), COMPONENT_A COMPONENT_B RELATION_AB);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 599), "");
    ck_assert_str_eq(recorder_run(&recorder, NOW + 600), COMPONENT_A COMPONENT_B RELATION_AB);
    recorder_fini(&recorder);
}
END_TEST

struct change_case {
    const char *name;
    const char *line;
    const char *relation;
};

static const struct change_case change_cases[] = {
    {"verdict", "eni-a 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "REJECT",
     "relation " A " " B " v4 port protocols=6 ports=443 accepted and refused by=source\n"},
    {"protocol", "eni-a 10.0.0.1 10.0.0.2 40000 443 17 1" WINDOW "ACCEPT",
     "relation " A " " B " v4 port protocols=6,17 ports=443 accepted by=source\n"},
    {"port", "eni-a 10.0.0.1 10.0.0.2 40001 8443 6 1" WINDOW "ACCEPT",
     "relation " A " " B " v4 port protocols=6 ports=443,8443 accepted by=source\n"},
    {"observer", "eni-b 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT",
     "relation " A " " B " v4 port protocols=6 ports=443 accepted by=source and target\n"},
    {"evidence", "eni-a 10.0.0.1 10.0.0.2 40001 443 6 1" WINDOW "ACCEPT",
     "relation " A " " B " v4 port-count protocols=6 ports=443 accepted by=source\n"},
    {"nothing but bytes and time",
     "eni-a 10.0.0.1 10.0.0.2 40000 443 6 77 1700000400 1700000500 ACCEPT", ""},
};

START_TEST(a_changed_fact_is_sent_at_once_and_alone)
{
    for (size_t i = 0; i < sizeof change_cases / sizeof change_cases[0]; i++) {
        const struct change_case *c = &change_cases[i];
        struct recorder recorder;
        start(&recorder);
        (void)run_line(&recorder, RECORD_AB, NOW);
        recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
        recorder_line(&recorder, c->line);
        recorder_apply(&recorder, NOW + 60);
        ck_assert_msg(vfl_topology_has_news(recorder.topology, NOW + 60) ==
                          (c->relation[0] != '\0'),
                      "%s", c->name);
        (void)recorder_emit(&recorder, NOW + 60);
        const char *relation = recorder_lines(&recorder, "relation");
        ck_assert_msg(strcmp(relation, c->relation) == 0, "%s: %s", c->name, relation);
        ck_assert_str_eq(recorder_lines(&recorder, "component"), "");
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(a_changed_component_is_news_and_sent_alone)
{
    struct recorder recorder;
    start(&recorder);
    (void)run_line(&recorder, RECORD_AB, NOW);
    struct recorder_interface known[2] = {interfaces[0], interfaces[1]};
    known[0].public_ip = "52.1.1.1";
    recorder_refresh(&recorder, NOW + 60, known, 2);
    recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
    recorder_line(&recorder, RECORD_AB);
    recorder_apply(&recorder, NOW + 60);
    ck_assert(vfl_topology_has_news(recorder.topology, NOW + 60));
    ck_assert_str_eq(recorder_emit(&recorder, NOW + 60),
                     "component " A " region=eu-west-1 urns=" A ",urn:host:/52.1.1.1\n" TRAFFIC_AB);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(expiry_removes_the_relation_then_its_endpoints)
{
    struct recorder recorder;
    start(&recorder);
    (void)run_line(&recorder, RECORD_AB, NOW);
    (void)run_line(&recorder, "eni-b 10.0.0.2 10.0.0.3 40000 5432 6 100" WINDOW "ACCEPT",
                   NOW + 1800);
    (void)recorder_run(&recorder, NOW + 3599);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"), "");
    ck_assert(vfl_topology_has_news(recorder.topology, NOW + 3600));
    (void)recorder_run(&recorder, NOW + 3600);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"), "gone " A "-flowlog-" B "\ngone " A "\n");
    ck_assert_uint_eq(vfl_topology_endpoint_count(recorder.topology), 2);
    ck_assert_uint_eq(vfl_topology_relation_count(recorder.topology), 1);
    (void)recorder_run(&recorder, NOW + 1800 + 3600);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"),
                     "gone " B "-flowlog-" C "\ngone " B "\ngone " C "\n");
    ck_assert_uint_eq(vfl_topology_endpoint_count(recorder.topology), 0);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 9000), "");
    ck_assert(!vfl_topology_has_news(recorder.topology, NOW + 9000));
    ck_assert_str_eq(run_line(&recorder, RECORD_AB, NOW + 9060),
                     COMPONENT_A COMPONENT_B RELATION_AB TRAFFIC_AB);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(traffic_keeps_a_relation_by_run_time_not_record_time)
{
    struct recorder recorder;
    start(&recorder);
    for (int hour = 0; hour < 5; hour++) {
        (void)run_line(&recorder, RECORD_AB, NOW + hour * 3500);
        ck_assert_str_eq(recorder_lines(&recorder, "gone"), "");
    }
    recorder_fini(&recorder);
}
END_TEST

START_TEST(one_of_two_relations_of_a_pair_expires_alone)
{
    struct recorder recorder;
    start(&recorder);
    (void)run_line(&recorder, "eni-b 10.0.0.2 10.0.0.1 40000 5432 6 100" WINDOW "ACCEPT", NOW);
    (void)run_line(&recorder, RECORD_AB, NOW + 1000);
    (void)recorder_run(&recorder, NOW + 3600);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"), "gone " B "-flowlog-" A "\n");
    (void)recorder_run(&recorder, NOW + 3660);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"), "");
    ck_assert_uint_eq(vfl_topology_relation_count(recorder.topology), 1);
    ck_assert_str_eq(run_line(&recorder, RECORD_AB, NOW + 3661), TRAFFIC_AB);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(what_expires_makes_room_in_the_same_run)
{
    const struct vfl_topology_options options = {
        .default_region = "eu-west-1", .expire_after_s = 3600, .max_relations = 1};
    const char *small = "eni-c 10.0.0.3 10.0.0.2 40000 443 6 100" WINDOW "ACCEPT";
    struct recorder recorder;
    recorder_init(&recorder, 3600);
    vfl_topology_free(recorder.topology);
    ck_assert_int_eq(vfl_topology_new(&options, &recorder.topology, NULL), VFL_OK);
    recorder_refresh(&recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
    recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
    recorder_line(&recorder, "eni-a 10.0.0.1 10.0.0.2 40000 443 6 9000" WINDOW "ACCEPT");
    recorder_line(&recorder, small);
    (void)recorder_run(&recorder, NOW);
    ck_assert_str_eq(recorder_lines(&recorder, "relation"), RELATION_AB);
    ck_assert_uint_eq(vfl_topology_left_out_count(recorder.topology), 1);
    (void)run_line(&recorder, small, NOW + 3500);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"), "");
    ck_assert_str_eq(recorder_lines(&recorder, "relation"), RELATION_AB);
    ck_assert(vfl_topology_has_news(recorder.topology, NOW + 3600));
    /* B is the target of both: it neither goes nor is sent again. */
    ck_assert_str_eq(recorder_run(&recorder, NOW + 3600),
                     "gone " A "-flowlog-" B "\ngone " A "\n"
                     "component " C " region=eu-west-1 urns=" C "\n"
                     "relation " C " " B " v4 port protocols=6 ports=443 accepted by=source\n");
    ck_assert_uint_eq(vfl_topology_left_out_count(recorder.topology), 0);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 3601), "");
    recorder_fini(&recorder);
}
END_TEST

START_TEST(forget_sent_sends_every_element_again)
{
    struct recorder recorder;
    start(&recorder);
    (void)run_line(&recorder, RECORD_AB, NOW);
    vfl_topology_forget_sent(recorder.topology);
    ck_assert(vfl_topology_has_news(recorder.topology, NOW + 1));
    ck_assert_str_eq(recorder_run(&recorder, NOW + 1), COMPONENT_A COMPONENT_B RELATION_AB);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 2), "");
    recorder_fini(&recorder);
}
END_TEST

/* A transaction that the agent loses takes its removals with it. */
START_TEST(removals_that_were_lost_are_sent_again)
{
    static const char gone[] = "gone " A "-flowlog-" B "\ngone " A "\ngone " B "\n";
    struct recorder recorder;
    start(&recorder);
    (void)run_line(&recorder, RECORD_AB, NOW);
    for (int attempt = 0; attempt < 3; attempt++) {
        ck_assert_str_eq(recorder_run(&recorder, NOW + 3600 + attempt), gone);
        ck_assert(!vfl_topology_has_news(recorder.topology, NOW + 3600 + attempt));
        vfl_topology_forget_sent(recorder.topology);
        ck_assert(vfl_topology_has_news(recorder.topology, NOW + 3600 + attempt));
    }
    ck_assert_str_eq(recorder_run(&recorder, NOW + 3700), gone);
    ck_assert_int_eq(vfl_topology_confirm_sent(recorder.topology, NULL), VFL_OK);
    vfl_topology_forget_sent(recorder.topology);
    ck_assert(!vfl_topology_has_news(recorder.topology, NOW + 3701));
    ck_assert_str_eq(recorder_run(&recorder, NOW + 3701), "");
    recorder_fini(&recorder);
}
END_TEST

START_TEST(what_came_back_is_sent_and_not_removed_again)
{
    struct recorder recorder;
    start(&recorder);
    (void)run_line(&recorder, RECORD_AB, NOW);
    (void)recorder_run(&recorder, NOW + 3600);
    vfl_topology_forget_sent(recorder.topology);
    ck_assert_str_eq(run_line(&recorder, RECORD_AB, NOW + 3660),
                     COMPONENT_A COMPONENT_B RELATION_AB TRAFFIC_AB);
    vfl_topology_forget_sent(recorder.topology);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 3661), COMPONENT_A COMPONENT_B RELATION_AB);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 3662), "");
    recorder_fini(&recorder);
}
END_TEST

/* One direction of two, and an endpoint that another relation still needs. */
START_TEST(of_a_pair_that_lives_on_the_lost_removal_alone_is_sent_again)
{
    struct recorder recorder;
    start(&recorder);
    (void)run_line(&recorder, "eni-b 10.0.0.2 10.0.0.1 40000 5432 6 100" WINDOW "ACCEPT", NOW);
    (void)run_line(&recorder, RECORD_AB, NOW + 1000);
    (void)recorder_run(&recorder, NOW + 3600);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"), "gone " B "-flowlog-" A "\n");
    vfl_topology_forget_sent(recorder.topology);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 3660),
                     "gone " B "-flowlog-" A "\n" COMPONENT_A COMPONENT_B RELATION_AB);
    ck_assert_str_eq(recorder_run(&recorder, NOW + 3661), "");
    recorder_fini(&recorder);
}
END_TEST

static void add_pairs(struct recorder *recorder, unsigned first)
{
    recorder_object(recorder, "eu-west-1", "fl-1", COLUMNS);
    for (unsigned i = first; i < first + VFL_TOPOLOGY_MIN_PAIRS; i++) {
        char line[160];
        (void)snprintf(line, sizeof line,
                       "eni-a 10.0.0.1 10.%u.%u.%u 40000 443 6 100" WINDOW "ACCEPT", 1 + (i >> 16),
                       i >> 8 & 255, i & 255);
        recorder_line(recorder, line);
    }
}

/* Memory stays bounded however often the agent loses what it was told. */
START_TEST(what_was_removed_takes_room_until_it_is_confirmed)
{
    const struct vfl_topology_options options = {
        .default_region = "eu-west-1", .expire_after_s = 3600, .max_relations = 1};
    struct recorder recorder;
    recorder_init(&recorder, 3600);
    vfl_topology_free(recorder.topology);
    ck_assert_int_eq(vfl_topology_new(&options, &recorder.topology, NULL), VFL_OK);
    recorder_refresh(&recorder, NOW, interfaces, 1);
    add_pairs(&recorder, 0);
    recorder_apply(&recorder, NOW);
    ck_assert_uint_eq(recorder.counts.over_limit, 0);
    (void)recorder_emit(&recorder, NOW);
    (void)recorder_run(&recorder, NOW + 3600);
    vfl_topology_forget_sent(recorder.topology);
    add_pairs(&recorder, VFL_TOPOLOGY_MIN_PAIRS);
    recorder_apply(&recorder, NOW + 3601);
    /* One pair was told, and stays for its removal. The others have left. */
    ck_assert_uint_eq(recorder.counts.over_limit, 1);
    (void)recorder_emit(&recorder, NOW + 3601);
    recorder_fini(&recorder);
}
END_TEST

/* --- a sink that fails -------------------------------------------------------------------------
 */

/* A run without news opens no transaction, and that is most runs of a quiet network. */
START_TEST(what_an_option_leaves_out_is_no_news)
{
    const struct vfl_topology_options options = {
        .default_region = "eu-west-1", .expire_after_s = 3600, .is_accepted_only = true};
    struct recorder recorder;
    recorder_init(&recorder, 3600);
    vfl_topology_free(recorder.topology);
    ck_assert_int_eq(vfl_topology_new(&options, &recorder.topology, NULL), VFL_OK);
    recorder_refresh(&recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
    const char *refused = "eni-a 10.0.0.1 10.0.0.2 40000 443 6 100" WINDOW "REJECT";
    ck_assert_str_eq(run_line(&recorder, refused, NOW), "");
    ck_assert(!vfl_topology_has_news(recorder.topology, NOW + 60));
    recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
    recorder_line(&recorder, RECORD_AB);
    recorder_apply(&recorder, NOW + 60);
    ck_assert(vfl_topology_has_news(recorder.topology, NOW + 60));
    recorder_fini(&recorder);
}
END_TEST

struct failing_sink {
    struct vfl_topology_sink inner;
    int calls_left;
};

static bool is_failing(struct failing_sink *sink)
{
    return sink->calls_left-- == 0;
}

static enum vfl_status fail_removal(void *ctx, const char *element_id, struct vfl_error *err)
{
    struct failing_sink *sink = ctx;
    return is_failing(sink) ? vfl_error_set(err, VFL_CANCELLED, "stopped")
                            : sink->inner.removal(sink->inner.ctx, element_id, err);
}

static enum vfl_status fail_component(void *ctx, const struct vfl_component *component,
                                      struct vfl_error *err)
{
    struct failing_sink *sink = ctx;
    return is_failing(sink) ? vfl_error_set(err, VFL_CANCELLED, "stopped")
                            : sink->inner.component(sink->inner.ctx, component, err);
}

static enum vfl_status fail_relation(void *ctx, const struct vfl_relation *relation,
                                     struct vfl_error *err)
{
    struct failing_sink *sink = ctx;
    return is_failing(sink) ? vfl_error_set(err, VFL_CANCELLED, "stopped")
                            : sink->inner.relation(sink->inner.ctx, relation, err);
}

static enum vfl_status fail_traffic(void *ctx, const struct vfl_relation_traffic *traffic,
                                    struct vfl_error *err)
{
    struct failing_sink *sink = ctx;
    return is_failing(sink) ? vfl_error_set(err, VFL_CANCELLED, "stopped")
                            : sink->inner.traffic(sink->inner.ctx, traffic, err);
}

/* Whatever call breaks off, the next emissions bring the agent to the same elements. */
START_TEST(a_failing_sink_stops_emit_and_loses_no_element)
{
    /* gone A-B, gone B, A, C, A -> C, traffic: six calls, and one more for none that fails. */
    for (int calls = 0; calls <= 6; calls++) {
        struct recorder recorder;
        start(&recorder);
        (void)run_line(&recorder, RECORD_AB, NOW);
        recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
        recorder_line(&recorder, "eni-a 10.0.0.1 10.0.0.3 40000 443 6 100" WINDOW "ACCEPT");
        recorder_apply(&recorder, NOW + 3600);
        vfl_strbuf_reset(&recorder.text);
        struct failing_sink failing = {recorder_sink(&recorder), calls};
        struct vfl_topology_sink sink = {fail_removal, fail_component, fail_relation, fail_traffic,
                                         &failing};
        struct vfl_error err = {0};
        enum vfl_status st = vfl_topology_emit(recorder.topology, NOW + 3600, sink, &err);
        ck_assert_int_eq(st, calls < 6 ? VFL_CANCELLED : VFL_OK);
        vfl_topology_forget_sent(recorder.topology);
        (void)recorder_emit(&recorder, NOW + 3660);
        ck_assert_str_eq(recorder_lines(&recorder, "component"),
                         COMPONENT_A "component " C " region=eu-west-1 urns=" C "\n");
        ck_assert_str_eq(recorder_lines(&recorder, "relation"),
                         "relation " A " " C " v4 port protocols=6 ports=443 accepted by=source\n");
        ck_assert_str_eq(recorder_lines(&recorder, "gone"),
                         "gone " A "-flowlog-" B "\ngone " B "\n");
        ck_assert_uint_eq(vfl_topology_endpoint_count(recorder.topology), 2);
        recorder_fini(&recorder);
    }
}
END_TEST

#define IN_1(address) "urn:vpcip:vpc-1/" address
#define IN_9(address) "urn:vpcip:vpc-9/" address
#define IN_10(address) "urn:vpcip:vpc-10/" address
#define COMPONENT(id) "component " id " region=eu-west-1 urns=" id "\n"
#define RELATION(source, target, family)                                                           \
    "relation " source " " target " " family " port protocols=6 ports=443 accepted by=source\n"
#define GONE(source, target) "gone " source "-flowlog-" target "\n"

/* By address as a number, then by the VPC's id as text; relations by source, then by target. */
START_TEST(everything_leaves_in_the_order_of_its_content)
{
    static const struct recorder_interface several[] = {
        {.id = "eni-9", .vpc_id = "vpc-9", .primary = "10.0.0.1", .region = "eu-west-1"},
        {.id = "eni-10", .vpc_id = "vpc-10", .primary = "10.0.0.1", .region = "eu-west-1"},
        {.id = "eni-1",
         .vpc_id = "vpc-1",
         .primary = "10.0.0.1",
         .ipv6 = "fd00::5",
         .region = "eu-west-1"},
    };
    static const char *const lines[] = {
        "eni-9 10.0.0.1 192.168.0.1 40000 443 6 1" WINDOW "ACCEPT",
        "eni-1 fd00::5 fd00::1 40000 443 6 1" WINDOW "ACCEPT",
        "eni-9 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT",
        "eni-1 10.0.0.1 10.0.200.0 40000 443 6 1" WINDOW "ACCEPT",
        "eni-10 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT",
        "eni-1 10.0.0.1 10.0.100.255 40000 443 6 1" WINDOW "ACCEPT",
    };
    struct recorder recorder;
    recorder_init(&recorder, 3600);
    recorder_refresh(&recorder, NOW, several, sizeof several / sizeof several[0]);
    recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        recorder_line(&recorder, lines[i]);
    recorder_run(&recorder, NOW);
    /* An IPv6 interface's address carries its primary's URN as well. */
    ck_assert_str_eq(
        recorder_lines(&recorder, "component"),
        COMPONENT(IN_1("10.0.0.1")) COMPONENT(IN_10("10.0.0.1")) COMPONENT(IN_9("10.0.0.1"))
            COMPONENT(IN_10("10.0.0.2")) COMPONENT(IN_9("10.0.0.2")) COMPONENT(
                IN_1("10.0.100.255")) COMPONENT(IN_1("10.0.200.0")) COMPONENT(IN_9("192.168.0.1"))
                COMPONENT(IN_1("fd00::1")) "component " IN_1(
                    "fd00::5") " region=eu-west-1 urns=" IN_1("fd00::5") "," IN_1("10.0.0.1") "\n");
    ck_assert_str_eq(recorder_lines(&recorder, "relation"),
                     RELATION(IN_1("10.0.0.1"), IN_1("10.0.100.255"), "v4")
                         RELATION(IN_1("10.0.0.1"), IN_1("10.0.200.0"), "v4")
                             RELATION(IN_10("10.0.0.1"), IN_10("10.0.0.2"), "v4")
                                 RELATION(IN_9("10.0.0.1"), IN_9("10.0.0.2"), "v4")
                                     RELATION(IN_9("10.0.0.1"), IN_9("192.168.0.1"), "v4")
                                         RELATION(IN_1("fd00::5"), IN_1("fd00::1"), "v6"));
    ck_assert_str_eq(
        recorder_run(&recorder, NOW + 3600),
        GONE(IN_1("10.0.0.1"), IN_1("10.0.100.255")) GONE(
            IN_1("10.0.0.1"),
            IN_1("10.0.200.0")) GONE(IN_10("10.0.0.1"),
                                     IN_10(
                                         "10.0.0.2")) GONE(IN_9("10.0.0.1"),
                                                           IN_9(
                                                               "10.0.0.2")) GONE(IN_9("10.0.0.1"),
                                                                                 IN_9(
                                                                                     "192.168.0.1"))
            GONE(IN_1("fd00::5"), IN_1("fd00::1")) "gone " IN_1("10.0.0.1") "\ngone " IN_10(
                "10"
                ".0"
                ".0"
                "."
                "1") "\ngone " IN_9("10.0.0.1") "\ngone " IN_10("10.0.0.2") "\ngone " IN_9("10.0.0."
                                                                                           "2") "\n"
                                                                                                "go"
                                                                                                "ne"
                                                                                                " " IN_1("10.0.100.255") "\ngone " IN_1(
                                                                                                    "10.0.200.0") "\ngone"
                                                                                                                  " " IN_9(
                                                                                                                      "1"
                                                                                                                      "9"
                                                                                                                      "2"
                                                                                                                      "."
                                                                                                                      "1"
                                                                                                                      "6"
                                                                                                                      "8"
                                                                                                                      "."
                                                                                                                      "0"
                                                                                                                      "."
                                                                                                                      "1") "\ngone " IN_1("fd00::1") "\ngone " IN_1("fd00::5") "\n");
    recorder_fini(&recorder);
}
END_TEST

static enum vfl_status ignore_component(void *ctx, const struct vfl_component *component,
                                        struct vfl_error *err)
{
    (void)ctx, (void)component, (void)err;
    return VFL_OK;
}

static enum vfl_status ignore_traffic(void *ctx, const struct vfl_relation_traffic *traffic,
                                      struct vfl_error *err)
{
    (void)ctx, (void)traffic, (void)err;
    return VFL_OK;
}

static enum vfl_status note_refusal(void *ctx, const struct vfl_relation *relation,
                                    struct vfl_error *err)
{
    struct vfl_strbuf *text = ctx;
    (void)err;
    vfl_strbuf_appendf(text, "%s: %s\n", relation->target_address,
                       relation->refusal == NULL ? "none" : relation->refusal);
    return VFL_OK;
}

/* The words are written once for neighbours that are refused alike, and for no others. */
START_TEST(refusals_are_told_of_their_own_relation)
{
    static const char *const lines[] = {
        "eni-a 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "REJECT",
        "eni-b 10.0.0.2 10.0.0.1 443 40000 6 1" WINDOW "REJECT",
        "eni-a 10.0.0.1 10.0.0.3 40000 443 6 1" WINDOW "REJECT",
        "eni-a 10.0.0.1 10.0.0.4 40000 443 6 1" WINDOW "REJECT",
        "eni-a 10.0.0.1 10.0.0.5 40000 443 6 1" WINDOW "ACCEPT",
        "eni-c 10.0.0.1 10.0.0.6 40000 443 6 1" WINDOW "REJECT",
    };
    static const char by_rules[] = "by a security group or a network ACL";
    char expected[1024];
    struct vfl_error err = {0};
    struct vfl_strbuf text = VFL_STRBUF_INIT(4096);
    struct recorder recorder;
    start(&recorder);
    recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        recorder_line(&recorder, lines[i]);
    recorder_apply(&recorder, NOW);
    struct vfl_topology_sink picking = {NULL, ignore_component, note_refusal, ignore_traffic,
                                        &text};
    ck_assert_int_eq(vfl_topology_emit(recorder.topology, NOW, picking, &err), VFL_OK);
    (void)snprintf(expected, sizeof expected,
                   "10.0.0.2: request refused at the source: %s; reply refused at the target: %s\n"
                   "10.0.0.3: request refused at the source: %s\n"
                   "10.0.0.4: request refused at the source: %s\n"
                   "10.0.0.5: none\n"
                   "10.0.0.6: request refused: %s\n",
                   by_rules, by_rules, by_rules, by_rules, by_rules);
    ck_assert_str_eq(vfl_strbuf_string(&text), expected);
    vfl_strbuf_fini(&text);
    recorder_fini(&recorder);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        unchanged_data_is_sent_again_after_300_seconds_and_without_traffic,
        a_changed_fact_is_sent_at_once_and_alone,
        a_changed_component_is_news_and_sent_alone,
        expiry_removes_the_relation_then_its_endpoints,
        traffic_keeps_a_relation_by_run_time_not_record_time,
        one_of_two_relations_of_a_pair_expires_alone,
        what_expires_makes_room_in_the_same_run,
        forget_sent_sends_every_element_again,
        removals_that_were_lost_are_sent_again,
        what_came_back_is_sent_and_not_removed_again,
        of_a_pair_that_lives_on_the_lost_removal_alone_is_sent_again,
        what_was_removed_takes_room_until_it_is_confirmed,
        what_an_option_leaves_out_is_no_news,
        a_failing_sink_stops_emit_and_loses_no_element,
        everything_leaves_in_the_order_of_its_content,
        refusals_are_told_of_their_own_relation,
    };
    return RUN_SUITE("emission", cases);
}
