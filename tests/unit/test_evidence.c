#include "core/topology/evidence.h"

#include <inttypes.h>
#include <string.h>

#include "tests/recorder/recorder.h"
#include "tests/unit/run_suite.h"

#define NOW INT64_C(1700000100)
#define FORMAT "interface-id srcaddr dstaddr srcport dstport protocol bytes action tcp-flags"

static const struct recorder_interface interfaces[] = {
    {.id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1"},
    {.id = "eni-b", .vpc_id = "vpc-1", .primary = "10.0.0.2"},
    {.id = "eni-c", .vpc_id = "vpc-1", .primary = "10.0.0.3"},
};

struct line {
    const char *flow_log_id, *text;
};

static void append_conversation(struct vfl_strbuf *out,
                                const struct vfl_conversation_evidence *conversation)
{
    vfl_strbuf_appendf(out, "  %u %s", conversation->protocol,
                       vfl_evidence_name(conversation->evidence));
    if (conversation->has_ports)
        vfl_strbuf_appendf(out, " %u-%u/%u > %u-%u/%u", conversation->source_port_min,
                           conversation->source_port_max, conversation->source_port_peers,
                           conversation->target_port_min, conversation->target_port_max,
                           conversation->target_port_peers);
    vfl_strbuf_append_string(out, conversation->is_flagged_both_ways ? " both\n" : "\n");
}

static void append_report(struct vfl_strbuf *out, const struct vfl_traffic_report *report)
{
    static const char *const sides[] = {"src", "dst", "hop"};
    static const char *const actions[] = {"none", "accept", "reject"};
    static const char *const counts[] = {"counted", "flow log", "observer"};
    vfl_strbuf_appendf(out, "  %s %s %s %s %s %" PRIu64 "x %" PRIu64 " %s\n",
                       report->is_reply ? "<" : ">", report->reporter, report->flow_log_id,
                       sides[report->side], actions[report->action], report->records, report->bytes,
                       counts[report->count]);
}

/* SOURCE(INTERFACE) TARGET(INTERFACE), its conversations, its reports; addresses for ids. */
static enum vfl_status on_relation(void *ctx, const struct vfl_relation_evidence *evidence,
                                   struct vfl_error *err)
{
    struct vfl_strbuf *out = ctx;
    (void)err;
    vfl_strbuf_appendf(out, "%s(%s) %s(%s)%s\n", strrchr(evidence->source_id, '/') + 1,
                       evidence->source_interface, strrchr(evidence->target_id, '/') + 1,
                       evidence->target_interface,
                       evidence->has_more_conversations ? " and more" : "");
    for (size_t i = 0; i < evidence->conversation_count; i++)
        append_conversation(out, &evidence->conversations[i]);
    for (size_t i = 0; i < evidence->report_count; i++)
        append_report(out, &evidence->reports[i]);
    return VFL_OK;
}

static void take_lines(struct recorder *recorder, const struct line *lines, size_t count)
{
    recorder_init(recorder, 3600);
    recorder_refresh(recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
    for (size_t i = 0; i < count; i++) {
        recorder_object(recorder, "eu-west-1", lines[i].flow_log_id, FORMAT);
        recorder_line(recorder, lines[i].text);
    }
    ck_assert_int_eq(vfl_flow_table_end_object(&recorder->table, NULL), VFL_OK);
    ck_assert_int_eq(
        vfl_topology_apply(recorder->topology, &recorder->table, NOW, &recorder->counts, NULL),
        VFL_OK);
}

static void check(const struct line *lines, size_t count, const char *expected)
{
    struct recorder recorder;
    struct vfl_strbuf text = VFL_STRBUF_INIT(65536);
    take_lines(&recorder, lines, count);
    ck_assert_int_eq(vfl_topology_walk_evidence(recorder.topology, &recorder.table, NOW,
                                                (struct vfl_evidence_sink){on_relation, &text},
                                                NULL),
                     VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&text), expected);
    vfl_strbuf_fini(&text);
    recorder_fini(&recorder);
}
#define CHECK(lines, expected) check(lines, sizeof(lines) / sizeof((lines)[0]), expected)

START_TEST(tells_which_report_counts)
{
    /* One exchange, told by both interfaces; the sender's through two flow logs. */
    static const struct line lines[] = {
        {"fl-1", "eni-a 10.0.0.1 10.0.0.2 40000 443 6 100 ACCEPT 2"},
        {"fl-2", "eni-a 10.0.0.1 10.0.0.2 40000 443 6 100 ACCEPT 2"},
        {"fl-1", "eni-b 10.0.0.1 10.0.0.2 40000 443 6 100 ACCEPT 2"},
        {"fl-1", "eni-b 10.0.0.1 10.0.0.2 40001 443 6 50 ACCEPT 2"},
        {"fl-1", "eni-b 10.0.0.2 10.0.0.1 443 40000 6 900 ACCEPT 18"},
    };
    CHECK(lines, "10.0.0.1(eni-a) 10.0.0.2(eni-b)\n"
                 "  6 tcp-flags 40000-40001/0 > 443-443/2\n"
                 "  > eni-a fl-1 src accept 1x 100 counted\n"
                 "  > eni-a fl-2 src accept 1x 100 flow log\n"
                 "  > eni-b fl-1 dst accept 2x 150 observer\n"
                 "  < eni-b fl-1 src accept 1x 900 counted\n");
}
END_TEST

START_TEST(tells_request_from_reply_where_the_source_has_the_higher_address)
{
    static const struct line lines[] = {
        {"fl-1", "eni-a 10.0.0.2 10.0.0.1 40000 443 6 100 ACCEPT 2"},
        {"fl-1", "eni-a 10.0.0.1 10.0.0.2 443 40000 6 900 ACCEPT 18"},
    };
    CHECK(lines, "10.0.0.2(eni-b) 10.0.0.1(eni-a)\n"
                 "  6 tcp-flags 40000-40000/1 > 443-443/1\n"
                 "  > eni-a fl-1 dst accept 1x 100 counted\n"
                 "  < eni-a fl-1 src accept 1x 900 counted\n");
}
END_TEST

START_TEST(tells_accepted_and_refused_apart)
{
    static const struct line lines[] = {
        {"fl-1", "eni-a 10.0.0.1 10.0.0.2 40000 443 6 100 ACCEPT 2"},
        {"fl-1", "eni-a 10.0.0.1 10.0.0.2 40000 443 6 40 REJECT 2"},
    };
    CHECK(lines, "10.0.0.1(eni-a) 10.0.0.2(eni-b)\n"
                 "  6 tcp-flags 40000-40000/1 > 443-443/1\n"
                 "  > eni-a fl-1 src accept 1x 100 counted\n"
                 "  > eni-a fl-1 src reject 1x 40 counted\n");
}
END_TEST

START_TEST(tells_what_was_counted)
{
    /* Of ports of one rank, 20000 met two others, and those met it alone. */
    static const struct line lines[] = {
        {"fl-1", "eni-a 10.0.0.1 10.0.0.2 10001 20000 6 100 ACCEPT -"},
        {"fl-1", "eni-c 10.0.0.3 10.0.0.2 10002 20000 6 100 ACCEPT -"},
    };
    CHECK(lines, "10.0.0.1(eni-a) 10.0.0.2(eni-b)\n"
                 "  6 port-count 10001-10001/1 > 20000-20000/2\n"
                 "  > eni-a fl-1 src accept 1x 100 counted\n"
                 "10.0.0.3(eni-c) 10.0.0.2(eni-b)\n"
                 "  6 port-count 10002-10002/1 > 20000-20000/2\n"
                 "  > eni-c fl-1 src accept 1x 100 counted\n");
}
END_TEST

START_TEST(tells_contradicting_flags_and_missing_ports)
{
    static const struct line lines[] = {
        {"fl-1", "eni-a 10.0.0.1 10.0.0.2 40000 443 6 100 ACCEPT 2"},
        {"fl-1", "eni-a 10.0.0.2 10.0.0.1 443 40000 6 100 ACCEPT 2"},
        {"fl-1", "eni-a 10.0.0.1 10.0.0.2 0 0 1 10 ACCEPT -"},
    };
    CHECK(lines, "10.0.0.1(eni-a) 10.0.0.2(eni-b)\n"
                 "  1 unknown\n"
                 "  6 port 40000-40000/1 > 443-443/1 both\n"
                 "  > eni-a fl-1 src accept 2x 110 counted\n"
                 "  < eni-a fl-1 dst accept 1x 100 counted\n");
}
END_TEST

START_TEST(places_a_flow_that_was_left_out)
{
    static const struct {
        const char *text;
        enum vfl_flow_outcome outcome;
        bool is_known;
    } rows[] = {
        {"eni-a 10.0.0.1 10.0.0.2 40000 443 6 100 ACCEPT 2", VFL_FLOW_KEPT, true},
        {"eni-a 10.0.0.1 8.8.8.8 40000 53 17 100 ACCEPT -", VFL_FLOW_PUBLIC, true},
        {"eni-x 10.0.0.1 10.0.0.2 40000 443 6 100 ACCEPT 2", VFL_FLOW_UNKNOWN_INTERFACE, false},
        {"eni-a 10.0.0.1 10.0.0.1 40000 443 6 100 ACCEPT 2", VFL_FLOW_SELF, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct recorder recorder;
        struct line line = {"fl-1", rows[i].text};
        struct vfl_flow_place place;
        take_lines(&recorder, &line, 1);
        ck_assert_int_eq(vfl_topology_place(recorder.topology, &recorder.table, 0, &place, NULL),
                         VFL_OK);
        ck_assert_int_eq(place.outcome, rows[i].outcome);
        ck_assert_int_eq(place.reporter != NULL, rows[i].is_known);
        ck_assert_int_eq(place.vpc_id != VFL_TOKEN_ABSENT, rows[i].is_known);
        recorder_fini(&recorder);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        tells_which_report_counts,
        tells_request_from_reply_where_the_source_has_the_higher_address,
        tells_accepted_and_refused_apart,
        tells_what_was_counted,
        tells_contradicting_flags_and_missing_ports,
        places_a_flow_that_was_left_out,
    };
    return RUN_SUITE("evidence", cases);
}
