#include "core/topology/flow_table.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/recorder/recorder.h"
#include "tests/unit/flow_lines.h"
#include "tests/unit/run_suite.h"

/* --- keys --------------------------------------------------------------------------------------
 */

struct port_case {
    const char *name;
    const char *line;
    enum vfl_port_form form;
    uint16_t src_port, dst_port, peer_port;
    uint8_t evidence;
};

static const struct port_case port_cases[] = {
    {"client to service", RECORD("40000 443 6", TIMES, "ACCEPT 0"), VFL_PORTS_DST_SERVICE, 0, 443,
     40000, 0},
    {"service to client", RECORD("443 40000 6", TIMES, "ACCEPT 0"), VFL_PORTS_SRC_SERVICE, 443, 0,
     40000, 0},
    {"both low", RECORD("443 32767 6", TIMES, "ACCEPT 0"), VFL_PORTS_BOTH, 443, 32767, 0, 0},
    {"the border", RECORD("443 32768 6", TIMES, "ACCEPT 0"), VFL_PORTS_SRC_SERVICE, 443, 0, 32768,
     0},
    {"both high", RECORD("50000 60000 17", TIMES, "ACCEPT -"), VFL_PORTS_BOTH, 50000, 60000, 0, 0},
    {"SCTP has ports", RECORD("40000 443 132", TIMES, "ACCEPT -"), VFL_PORTS_DST_SERVICE, 0, 443,
     40000, 0},
    {"ICMP has none", RECORD("0 0 1", TIMES, "ACCEPT -"), VFL_PORTS_NONE, 0, 0, 0, 0},
    {"ports of another protocol", RECORD("40000 443 50", TIMES, "ACCEPT -"), VFL_PORTS_NONE, 0, 0,
     0, 0},
    {"ports without protocol", RECORD("40000 443 -", TIMES, "ACCEPT -"), VFL_PORTS_DST_SERVICE, 0,
     443, 40000, 0},
    {"no ports", RECORD("- - 6", TIMES, "ACCEPT 0"), VFL_PORTS_NONE, 0, 0, 0, 0},
    {"SYN", RECORD("40000 443 6", TIMES, "ACCEPT 2"), VFL_PORTS_DST_SERVICE, 0, 443, 40000,
     VFL_FLOW_SYN},
    {"SYN and FIN", RECORD("40000 443 6", TIMES, "ACCEPT 3"), VFL_PORTS_DST_SERVICE, 0, 443, 40000,
     VFL_FLOW_SYN},
    {"SYN-ACK", RECORD("443 40000 6", TIMES, "ACCEPT 18"), VFL_PORTS_SRC_SERVICE, 443, 0, 40000,
     VFL_FLOW_SYN_ACK},
    {"SYN-ACK and FIN", RECORD("443 40000 6", TIMES, "ACCEPT 19"), VFL_PORTS_SRC_SERVICE, 443, 0,
     40000, VFL_FLOW_SYN_ACK},
    {"RST", RECORD("443 40000 6", TIMES, "ACCEPT 4"), VFL_PORTS_SRC_SERVICE, 443, 0, 40000, 0},
    {"flags of UDP mean nothing", RECORD("40000 443 17", TIMES, "ACCEPT 2"), VFL_PORTS_DST_SERVICE,
     0, 443, 40000, 0},
};

START_TEST(leaves_the_peers_port_out_of_the_key_where_the_ports_tell_the_service)
{
    for (size_t i = 0; i < sizeof port_cases / sizeof port_cases[0]; i++) {
        const struct port_case *c = &port_cases[i];
        struct vfl_flow_table table = {0};
        fill(&table, "fl-1", &c->line, 1);
        ck_assert_uint_eq(table.flow_count, 1);
        const struct vfl_flow *flow = vfl_flow_at(&table, 0);
        ck_assert_msg(flow->key.port_form == c->form && flow->key.src_port == c->src_port &&
                          flow->key.dst_port == c->dst_port &&
                          flow->peer_port_min == c->peer_port &&
                          flow->peer_port_max == c->peer_port && flow->evidence == c->evidence,
                      "%s", c->name);
        vfl_flow_table_fini(&table);
    }
}
END_TEST

START_TEST(connections_to_a_service_are_one_flow_with_a_range_of_ports)
{
    const char *const lines[] = {
        RECORD("40007 443 6", TIMES, "ACCEPT 0"),
        RECORD("40001 443 6", TIMES, "ACCEPT 2"),
        RECORD("40003 443 6", TIMES, "ACCEPT 0"),
    };
    struct vfl_flow_table table = {0}, merged = {0};
    fill(&table, "fl-1", lines, 3);
    for (unsigned i = 0; i < 3; i++) {
        struct vfl_flow_table part = {0};
        fill(&part, "fl-1", lines + i, 1);
        ck_assert_int_eq(vfl_flow_table_merge(&merged, &part, NULL), VFL_OK);
        vfl_flow_table_fini(&part);
    }
    const struct vfl_flow_table *const tables[] = {&table, &merged};
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(tables[i]->flow_count, 1);
        const struct vfl_flow *flow = vfl_flow_at(tables[i], 0);
        ck_assert_uint_eq(flow->peer_port_min, 40001);
        ck_assert_uint_eq(flow->peer_port_max, 40007);
        ck_assert_uint_eq(flow->bytes, 300);
        ck_assert_uint_eq(flow->record_count, 3);
        ck_assert_uint_eq(flow->evidence, VFL_FLOW_SYN);
    }
    vfl_flow_table_fini(&table);
    vfl_flow_table_fini(&merged);
}
END_TEST

START_TEST(what_differs_makes_another_flow)
{
    const struct {
        const char *name;
        const char *lines[2];
    } table_of_cases[] = {
        {"direction",
         {"eni-a 10.0.0.1 10.0.0.2 0 0 1 1 - - ACCEPT - OK",
          "eni-a 10.0.0.2 10.0.0.1 0 0 1 1 - - ACCEPT - OK"}},
        {"interface",
         {"eni-a 10.0.0.1 10.0.0.2 0 0 1 1 - - ACCEPT - OK",
          "eni-b 10.0.0.1 10.0.0.2 0 0 1 1 - - ACCEPT - OK"}},
        {"verdict",
         {"eni-a 10.0.0.1 10.0.0.2 0 0 1 1 - - ACCEPT - OK",
          "eni-a 10.0.0.1 10.0.0.2 0 0 1 1 - - REJECT - OK"}},
        {"protocol",
         {"eni-a 10.0.0.1 10.0.0.2 0 0 1 1 - - ACCEPT - OK",
          "eni-a 10.0.0.1 10.0.0.2 0 0 58 1 - - ACCEPT - OK"}},
        {"IPv6 address",
         {"eni-a 2600::1 2600::2 0 0 1 1 - - ACCEPT - OK",
          "eni-a 2600::1 2600::3 0 0 1 1 - - ACCEPT - OK"}},
        {"service port",
         {"eni-a 10.0.0.1 10.0.0.2 40000 443 6 1 - - ACCEPT - OK",
          "eni-a 10.0.0.1 10.0.0.2 40000 444 6 1 - - ACCEPT - OK"}},
    };
    for (size_t i = 0; i < sizeof table_of_cases / sizeof table_of_cases[0]; i++) {
        struct vfl_flow_table table = {0};
        fill(&table, "fl-1", table_of_cases[i].lines, 2);
        ck_assert_msg(table.flow_count == 2, "%s", table_of_cases[i].name);
        fill(&table, "fl-1", table_of_cases[i].lines, 2);
        ck_assert_msg(table.flow_count == 2, "%s, again", table_of_cases[i].name);
        fill(&table, "fl-2", table_of_cases[i].lines, 2);
        ck_assert_msg(table.flow_count == 4, "%s, another flow log", table_of_cases[i].name);
        vfl_flow_table_fini(&table);
    }
}
END_TEST

START_TEST(gives_back_the_addresses_of_both_families)
{
    struct vfl_flow_table table = {0};
    struct vfl_record_format format;
    char text[VFL_IP_TEXT_SIZE];
    recorder_start_object(&table, &format, "eu-west-1", "fl-1",
                          "interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr");
    recorder_add_line(&table, &format, "eni-a 10.0.0.1 2600::2 - 2600::3");
    (void)vfl_ip_format(vfl_flow_address(&table, vfl_flow_at(&table, 0), 0), text);
    ck_assert_str_eq(text, "10.0.0.1");
    (void)vfl_ip_format(vfl_flow_address(&table, vfl_flow_at(&table, 0), 1), text);
    ck_assert_str_eq(text, "2600::2");
    ck_assert(vfl_ip_is_absent(vfl_flow_address(&table, vfl_flow_at(&table, 0), 2)));
    (void)vfl_ip_format(vfl_flow_address(&table, vfl_flow_at(&table, 0), 3), text);
    ck_assert_str_eq(text, "2600::3");
    ck_assert(table.contexts[0].has_packet_addresses);
    vfl_flow_table_fini(&table);
}
END_TEST

/* --- sums --------------------------------------------------------------------------------------
 */

START_TEST(bytes_saturate_in_one_table_and_through_merges)
{
    const char *const lines[] = {
        RECORD("0 0 1", "9223372036854775807 1700000000 1700000060", "ACCEPT -"),
        RECORD("0 0 1", "9223372036854775807 1700000000 1700000060", "ACCEPT -"),
        RECORD("0 0 1", "5 1700000000 1700000060", "ACCEPT -"),
    };
    struct vfl_flow_table table = {0};
    struct vfl_flow_table merged = {0};
    fill(&table, "fl-1", lines, 3);
    /* 2 * (2^63 - 1) + 5 is over 2^64 - 1; without the last it is not. */
    ck_assert_uint_eq(vfl_flow_at(&table, 0)->bytes, UINT64_MAX);
    ck_assert_int_eq(vfl_flow_table_merge(&merged, &table, NULL), VFL_OK);
    ck_assert_int_eq(vfl_flow_table_merge(&merged, &table, NULL), VFL_OK);
    ck_assert_uint_eq(vfl_flow_at(&merged, 0)->bytes, UINT64_MAX);
    ck_assert_uint_eq(vfl_flow_at(&merged, 0)->record_count, 6);
    vfl_flow_table_fini(&table);
    vfl_flow_table_fini(&merged);
}
END_TEST

START_TEST(records_without_times_are_flows_of_their_own)
{
    const char *const lines[] = {
        RECORD("0 0 1", "7 1700000000 1700000060", "ACCEPT -"),
        RECORD("0 0 1", "5 - -", "ACCEPT -"),
    };
    struct vfl_flow_table table = {0};
    fill(&table, "fl-1", lines, 2);
    ck_assert_uint_eq(table.flow_count, 2);
    ck_assert_uint_eq(vfl_flow_at(&table, 0)->bytes, 7);
    ck_assert_uint_eq(vfl_flow_window(&table, vfl_flow_at(&table, 0))->end_epoch_s, 1700000060);
    ck_assert_uint_eq(vfl_flow_at(&table, 1)->bytes, 5);
    ck_assert_ptr_null(vfl_flow_window(&table, vfl_flow_at(&table, 1)));
    vfl_flow_table_fini(&table);
}
END_TEST

/* Far more than wait in the queue, and than the first sizes of every table. */
START_TEST(many_records_give_the_same_flows_at_once_and_one_by_one)
{
    struct vfl_flow_table at_once = {0};
    struct vfl_flow_table one_by_one = {0};
    struct vfl_record_format format;
    recorder_start_object(&at_once, &format, "eu-west-1", "fl-1", COLUMNS);
    recorder_start_object(&one_by_one, &format, "eu-west-1", "fl-1", COLUMNS);
    for (unsigned i = 0; i < 20000; i++) {
        char line[200];
        struct vfl_record record;
        unsigned n = i * 2654435761u >> 12; /* visits flows in no order, and some again */
        (void)snprintf(line, sizeof line,
                       "eni-%017x 10.0.%u.%u 10.1.0.1 %u 443 6 %u %u %u ACCEPT 0 OK", n % 3000,
                       n / 250 % 40, n % 250, 40000 + n % 7, i, 1700000000 + i % 300,
                       1700000000 + i % 300 + 10);
        vfl_record_parse(&format, vfl_span_from_string(line), 1700000000, &record);
        ck_assert_int_eq(record.kind, VFL_RECORD_FLOW);
        ck_assert_int_eq(vfl_flow_table_add(&at_once, &record, NULL), VFL_OK);
        recorder_add_line(&one_by_one, &format, line);
    }
    ck_assert_int_eq(vfl_flow_table_end_object(&at_once, NULL), VFL_OK);
    ck_assert_uint_eq(at_once.context_count, 3000);
    ck_assert_uint_eq(at_once.reporter_count, 3000);
    ck_assert_uint_eq(at_once.flow_count, one_by_one.flow_count);
    for (uint32_t i = 0; i < at_once.flow_count; i++) {
        const struct vfl_flow *a = vfl_flow_at(&at_once, i);
        const struct vfl_flow *b = vfl_flow_at(&one_by_one, i);
        ck_assert_mem_eq(&a->key, &b->key, sizeof a->key);
        ck_assert_uint_eq(a->bytes, b->bytes);
        ck_assert_uint_eq(a->record_count, b->record_count);
        ck_assert_uint_eq(a->peer_port_min, b->peer_port_min);
        ck_assert_uint_eq(a->peer_port_max, b->peer_port_max);
        const struct vfl_flow_window *of_a = vfl_flow_window(&at_once, a);
        const struct vfl_flow_window *of_b = vfl_flow_window(&one_by_one, b);
        for (; of_a != NULL && of_b != NULL; of_a = vfl_flow_window_after(&at_once, of_a),
                                             of_b = vfl_flow_window_after(&one_by_one, of_b)) {
            ck_assert_uint_eq(of_a->start_epoch_s, of_b->start_epoch_s);
            ck_assert_uint_eq(of_a->end_epoch_s, of_b->end_epoch_s);
        }
        ck_assert_ptr_eq(of_a, of_b);
    }
    vfl_flow_table_fini(&at_once);
    vfl_flow_table_fini(&one_by_one);
}
END_TEST

START_TEST(identifiers_of_every_length_are_told_apart)
{
    /* Lengths around those that are compared as words (8 to 24), and pairs that differ in one byte
     * at the front, in the middle and at the end. */
    struct vfl_flow_table table = {0};
    struct vfl_record_format format;
    recorder_start_object(&table, &format, "eu-west-1", "fl-1",
                          "interface-id vpc-id resource-id srcaddr dstaddr");
    unsigned expected = 0;
    for (unsigned round = 0; round < 2; round++)
        for (unsigned len = 1; len <= 30; len++)
            for (unsigned at = 0; at <= len; at++) {
                static const char *const shapes[] = {"%s vpc-00000001 tgw-00000001",
                                                     "eni-00000001 %s tgw-00000001",
                                                     "eni-00000001 vpc-00000001 %s"};
                char id[40];
                memset(id, 'a', len);
                id[len] = '\0';
                if (at < len)
                    id[at] = 'b';
                for (unsigned shape = 0; shape < 3; shape++) {
                    char front[100];
                    char line[200];
                    const char *place = strstr(shapes[shape], "%s");
                    (void)snprintf(front, sizeof front, "%.*s%s%s", (int)(place - shapes[shape]),
                                   shapes[shape], id, place + 2);
                    (void)snprintf(line, sizeof line, "%s 10.0.0.1 10.0.0.2", front);
                    recorder_add_line(&table, &format, line);
                }
                expected += round == 0 ? 3 : 0;
            }
    ck_assert_uint_eq(table.context_count, expected);
    ck_assert_uint_eq(table.flow_count, expected);
    vfl_flow_table_fini(&table);
}
END_TEST

/* The record before is what a record's context is looked for in first. */
START_TEST(records_that_differ_from_the_one_before_in_one_thing_are_told_apart)
{
    static const char *const lines[] = {
        "eni-00000001 vpc-00000001 tgw-00000001 10.0.0.1 10.0.0.2 1700000000 1700000060 ingress 1",
        "eni-00000001 vpc-00000001 tgw-00000002 10.0.0.1 10.0.0.2 1700000000 1700000060 ingress 1",
        "eni-00000001 vpc-00000001 tgw-00000002 10.0.0.1 10.0.0.2 1700000060 1700000120 ingress 1",
        "eni-00000001 vpc-00000001 tgw-00000002 10.0.0.1 10.0.0.2 - - ingress 1",
        "eni-00000001 vpc-00000001 tgw-00000002 10.0.0.1 10.0.0.2 - - egress 1",
        "eni-00000001 vpc-00000001 tgw-00000002 10.0.0.1 10.0.0.2 - - egress 2",
        "eni-00000001 vpc-00000001 - 10.0.0.1 10.0.0.2 - - egress 2",
        "eni-00000001 - - 10.0.0.1 10.0.0.2 - - egress 2",
    };
    const unsigned line_count = sizeof lines / sizeof lines[0];
    struct vfl_flow_table table = {.eras = {.starts_epoch_s = {1700000100}, .count = 1}};
    struct vfl_record_format format;
    recorder_start_object(&table, &format, "eu-west-1", "fl-1",
                          "interface-id vpc-id resource-id srcaddr dstaddr start end "
                          "flow-direction traffic-path");
    for (unsigned i = 0; i < 2 * line_count; i++)
        recorder_add_line(&table, &format, lines[i % line_count]);
    ck_assert_uint_eq(table.context_count, line_count);
    ck_assert_uint_eq(table.flow_count, line_count);
    for (unsigned i = 0; i < line_count; i++)
        ck_assert_uint_eq(vfl_flow_at(&table, i)->record_count, 2);
    vfl_flow_table_fini(&table);
}
END_TEST

START_TEST(one_table_keeps_the_objects_added_to_it_apart)
{
    static const struct {
        const char *region, *flow_log_id, *header, *line;
    } objects[] = {
        {"eu-west-1", "fl-1", "interface-id srcaddr dstaddr vpc-id",
         "eni-00000001 10.0.0.1 10.0.0.2 vpc-00000001"},
        {"eu-west-1", "fl-2", "interface-id srcaddr dstaddr vpc-id",
         "eni-00000001 10.0.0.1 10.0.0.2 vpc-00000001"},
        {"us-east-1", "fl-1", "interface-id srcaddr dstaddr vpc-id",
         "eni-00000001 10.0.0.1 10.0.0.2 vpc-00000001"},
        {"eu-west-1", "fl-1", "interface-id srcaddr dstaddr tgw-src-vpc-id",
         "eni-00000001 10.0.0.1 10.0.0.2 vpc-00000001"},
        {"eu-west-1", "fl-1", "interface-id srcaddr dstaddr vpc-id pkt-srcaddr pkt-dstaddr",
         "eni-00000001 10.0.0.1 10.0.0.2 vpc-00000001 - -"},
    };
    enum { OBJECT_COUNT = sizeof objects / sizeof objects[0] };
    struct vfl_flow_table table = {0};
    struct vfl_record_format format;
    for (unsigned i = 0; i < 2 * OBJECT_COUNT; i++) {
        unsigned object = i % OBJECT_COUNT;
        recorder_start_object(&table, &format, objects[object].region, objects[object].flow_log_id,
                              objects[object].header);
        recorder_add_line(&table, &format, objects[object].line);
    }
    ck_assert_uint_eq(table.context_count, OBJECT_COUNT);
    ck_assert_uint_eq(table.flow_count, OBJECT_COUNT);
    ck_assert_uint_eq(table.reporter_count, 2);
    vfl_flow_table_fini(&table);
}
END_TEST

START_TEST(an_empty_table_takes_another_over_and_a_used_one_adds_it)
{
    const char *const lines[] = {RECORD("40000 443 6", TIMES, "ACCEPT 2"),
                                 RECORD("443 40000 6", TIMES, "ACCEPT 18")};
    struct vfl_flow_table table = {0};
    struct vfl_flow_table from = {.eras = {.starts_epoch_s = {1700000000}, .count = 1}};
    fill(&from, "fl-1", lines, 2);
    const struct vfl_flow *flow = vfl_flow_at(&from, 0);
    ck_assert_int_eq(vfl_flow_table_take(&table, &from, NULL), VFL_OK);
    ck_assert_ptr_eq(vfl_flow_at(&table, 0), flow);
    ck_assert_uint_eq(from.flow_count, 0);
    ck_assert_uint_eq(from.eras.count, 1);
    ck_assert_uint_eq(table.eras.count, 0);
    fill(&from, "fl-1", lines, 1);
    ck_assert_int_eq(vfl_flow_table_take(&table, &from, NULL), VFL_OK);
    ck_assert_uint_eq(table.flow_count, 2);
    ck_assert_uint_eq(vfl_flow_at(&table, 0)->bytes, 200);
    ck_assert_uint_eq(vfl_flow_at(&table, 1)->bytes, 100);
    vfl_flow_table_fini(&table);
    vfl_flow_table_fini(&from);
}
END_TEST

START_TEST(counts_reports_of_each_interface_and_flow_log)
{
    struct vfl_flow_table parts[2] = {0};
    struct vfl_flow_table table = {0};
    const char *const lines[] = {"eni-a - - - - - - - - - - NODATA",
                                 "eni-a - - - - - - - - - - SKIPDATA",
                                 "eni-b 10.0.0.1 10.0.0.2 0 0 1 1 - - ACCEPT - OK"};
    fill(&parts[0], "fl-1", lines, 3);
    fill(&parts[1], "fl-2", lines, 2);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(vfl_flow_table_merge(&table, &parts[i % 2], NULL), VFL_OK);
    ck_assert_uint_eq(table.reporter_count, 3);
    ck_assert_uint_eq(table.flow_count, 1);
    ck_assert_uint_eq(table.context_count, 1);
    ck_assert_uint_eq(parts[1].context_count, 0);
    unsigned firsts = 0;
    unsigned skipdata_firsts = 0;
    for (uint32_t i = 0; i < table.reporter_count; i++) {
        const struct vfl_flow_reporter *reporter = &table.reporters[i];
        bool is_a = strcmp(vfl_tokens_text(&table.tokens, reporter->interface_id), "eni-a") == 0;
        ck_assert_uint_eq(reporter->skipdata_count, is_a ? 2 : 0);
        firsts += vfl_flow_table_is_first_reporter(&table, i, false);
        skipdata_firsts += is_a && vfl_flow_table_is_first_reporter(&table, i, true);
    }
    ck_assert_uint_eq(firsts, 2);
    ck_assert_uint_eq(skipdata_firsts, 1);
    for (int i = 0; i < 2; i++)
        vfl_flow_table_fini(&parts[i]);
    vfl_flow_table_fini(&table);
}
END_TEST

START_TEST(other_kinds_of_lines_are_ignored)
{
    struct vfl_flow_table table = {0};
    struct vfl_record record = {.kind = VFL_RECORD_MALFORMED,
                                .interface_id = VFL_SPAN_LITERAL("eni-a")};
    ck_assert_int_eq(vfl_flow_table_add(&table, &record, NULL), VFL_OK);
    ck_assert_uint_eq(table.reporter_count, 0);
    ck_assert_uint_eq(table.flow_count, 0);
    vfl_flow_table_fini(&table);
    vfl_flow_table_fini(NULL);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        leaves_the_peers_port_out_of_the_key_where_the_ports_tell_the_service,
        connections_to_a_service_are_one_flow_with_a_range_of_ports,
        what_differs_makes_another_flow,
        gives_back_the_addresses_of_both_families,
        bytes_saturate_in_one_table_and_through_merges,
        records_without_times_are_flows_of_their_own,
        many_records_give_the_same_flows_at_once_and_one_by_one,
        identifiers_of_every_length_are_told_apart,
        records_that_differ_from_the_one_before_in_one_thing_are_told_apart,
        one_table_keeps_the_objects_added_to_it_apart,
        an_empty_table_takes_another_over_and_a_used_one_adds_it,
        counts_reports_of_each_interface_and_flow_log,
        other_kinds_of_lines_are_ignored,
    };
    return RUN_SUITE("flow_table", cases);
}
