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
    };
    return RUN_SUITE("emission", cases);
}
