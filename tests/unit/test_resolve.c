#include "core/topology/resolve.h"

#include <stdio.h>

#include "tests/recorder/recorder.h"
#include "tests/unit/run_suite.h"

#define NOW INT64_C(1700000100)

/* Each case is one record; the columns of v11 and of transit gateways stand for themselves. */
#define BASE "interface-id srcaddr dstaddr srcport dstport protocol bytes start end action "
#define TAIL " 40000 443 6 100 1700000000 1700000060 ACCEPT "

static const struct recorder_interface interfaces[] = {
    {.id = "eni-a",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.1",
     .public_ip = "52.1.1.1",
     .secondary = "10.0.0.101",
     .ipv6 = "2600:1::a"},
    {.id = "eni-b",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.2",
     .public_ip = "52.1.1.2",
     .secondary = "10.0.0.102",
     .prefix = "10.0.1.16/28",
     .ipv6 = "2600:1::b"},
    {.id = "eni-pub", .vpc_id = "vpc-1", .primary = "54.0.0.9"},
    {.id = "eni-cgn", .vpc_id = "vpc-1", .primary = "100.64.0.9"},
    {.id = "eni-peer", .vpc_id = "vpc-2", .primary = "10.2.0.5", .ipv6 = "2600:2::5"},
    {.id = "eni-same-2", .vpc_id = "vpc-2", .primary = "10.0.0.2"},
    {.id = "eni-twin-2", .vpc_id = "vpc-2", .primary = "10.9.0.9"},
    {.id = "eni-twin-3", .vpc_id = "vpc-3", .primary = "10.9.0.9"},
    {.id = "eni-nat",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.200",
     .public_ip = "52.1.1.200",
     .type = "nat_gateway",
     .description = "Interface for NAT Gateway nat-1",
     .is_requester_managed = true},
    {.id = "eni-old-nat",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.201",
     .type = "interface",
     .description = "Interface for NAT Gateway nat-2",
     .is_requester_managed = true},
    {.id = "eni-false-nat",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.202",
     .type = "interface",
     .description = "Interface for NAT Gateway nat-3"},
    {.id = "eni-alb",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.210",
     .type = "interface",
     .description = "ELB app/shop/0123",
     .requester_id = "amazon-elb",
     .is_requester_managed = true},
    {.id = "eni-false-alb",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.211",
     .type = "interface",
     .description = "ELB app/shop/0123"},
    {.id = "eni-strange-alb",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.213",
     .type = "interface",
     .description = "ELB app/shop/0123",
     .requester_id = "somebody-else",
     .is_requester_managed = true},
    {.id = "eni-nlb",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.212",
     .type = "network_load_balancer",
     .description = "ELB net/shop/0123",
     .requester_id = "amazon-elb",
     .is_requester_managed = true},
};

struct resolve_case {
    const char *name;
    const char *columns; /* after BASE */
    const char *line;
    enum vfl_flow_outcome outcome;
    const char *relation; /* "SOURCE TARGET", when kept */
};

#define ONE(ip) "urn:vpcip:vpc-1/" ip
#define TWO(ip) "urn:vpcip:vpc-2/" ip
#define PKT "pkt-srcaddr pkt-dstaddr"
#define PATH "flow-direction traffic-path"

static const struct resolve_case cases_of_folding[] = {
    {"a secondary address is folded into the primary", "", "eni-a 10.0.0.1 10.0.0.102" TAIL,
     VFL_FLOW_KEPT, ONE("10.0.0.1") " " ONE("10.0.0.2")},
    {"an address of a delegated prefix is folded", "", "eni-a 10.0.0.1 10.0.1.17" TAIL,
     VFL_FLOW_KEPT, ONE("10.0.0.1") " " ONE("10.0.0.2")},
    {"an address beside the prefix is not", "", "eni-a 10.0.0.1 10.0.1.32" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.0.1.32")},
    {"a folded source too", "", "eni-b 10.0.0.101 10.0.0.2" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.0.0.2")},
    {"with pkt-* a secondary address stands for itself", PKT,
     "eni-a 10.0.0.1 10.0.0.2" TAIL "10.0.0.1 10.0.0.102", VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.0.0.102")},
    {"with pkt-* a pod stands for itself", PKT,
     "eni-a 10.0.0.1 10.0.1.17" TAIL "10.0.0.1 10.0.1.17", VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.0.1.17")},
    {"absent pkt-* values fall back to the columns before", PKT,
     "eni-a 10.0.0.1 10.0.0.102" TAIL "- -", VFL_FLOW_KEPT, ONE("10.0.0.1") " " ONE("10.0.0.102")},
    {"IPv6 is never folded", "", "eni-a 2600:1::a 2600:1::b" TAIL, VFL_FLOW_KEPT,
     ONE("2600:1::a") " " ONE("2600:1::b")},
    {"IPv6 in another spelling is the same", "", "eni-a 2600:0001:0::A 2600:1:0::000b" TAIL,
     VFL_FLOW_KEPT, ONE("2600:1::a") " " ONE("2600:1::b")},
    {"secondary to primary of one interface is a self flow", "", "eni-a 10.0.0.1 10.0.0.101" TAIL,
     VFL_FLOW_SELF, NULL},
    {"with pkt-* they are two endpoints", PKT, "eni-a 10.0.0.1 10.0.0.1" TAIL "10.0.0.1 10.0.0.101",
     VFL_FLOW_KEPT, ONE("10.0.0.1") " " ONE("10.0.0.101")},
    {"an address to itself is a self flow", "", "eni-a 10.0.0.1 10.0.0.1" TAIL, VFL_FLOW_SELF,
     NULL},
};

static const struct resolve_case cases_of_vpcs[] = {
    {"an owner in the reporter's VPC comes before one elsewhere", "",
     "eni-a 10.0.0.1 10.0.0.2" TAIL, VFL_FLOW_KEPT, ONE("10.0.0.1") " " ONE("10.0.0.2")},
    {"the same address seen from the other VPC", "", "eni-peer 10.2.0.5 10.0.0.2" TAIL,
     VFL_FLOW_KEPT, TWO("10.2.0.5") " " TWO("10.0.0.2")},
    {"a unique owner in another VPC", "", "eni-a 10.0.0.1 10.2.0.5" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " TWO("10.2.0.5")},
    {"the same flow from the other side", "", "eni-peer 10.0.0.1 10.2.0.5" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " TWO("10.2.0.5")},
    {"a unique IPv6 owner in another VPC", "", "eni-a 2600:1::a 2600:2::5" TAIL, VFL_FLOW_KEPT,
     ONE("2600:1::a") " " TWO("2600:2::5")},
    {"several owners elsewhere and none here", "", "eni-a 10.0.0.1 10.9.0.9" TAIL,
     VFL_FLOW_UNRESOLVED, NULL},
    {"several owners elsewhere, as the source", "", "eni-a 10.9.0.9 10.0.0.1" TAIL,
     VFL_FLOW_UNRESOLVED, NULL},
    {"several owners and a next hop that tells which", "flow-direction next-hop-vpc-id",
     "eni-a 10.0.0.1 10.9.0.9" TAIL "egress vpc-2", VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " TWO("10.9.0.9")},
    {"a transit gateway as the next hop tells nothing",
     "flow-direction next-hop-vpc-id next-hop-interface-type",
     "eni-a 10.0.0.1 10.9.0.9" TAIL "egress vpc-2 transit_gateway", VFL_FLOW_UNRESOLVED, NULL},
    {"unowned private space is the reporter's VPC", "", "eni-a 10.0.0.1 10.77.0.1" TAIL,
     VFL_FLOW_KEPT, ONE("10.0.0.1") " " ONE("10.77.0.1")},
    {"unowned 100.64/10", "", "eni-a 10.0.0.1 100.64.0.1" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("100.64.0.1")},
    {"unowned ULA", "", "eni-a 2600:1::a fd00::1" TAIL, VFL_FLOW_KEPT,
     ONE("2600:1::a") " " ONE("fd00::1")},
    {"traffic path 1 stays", PATH, "eni-a 10.0.0.1 10.77.0.1" TAIL "egress 1", VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.77.0.1")},
    {"traffic path 2 stays", PATH, "eni-a 10.0.0.1 10.77.0.1" TAIL "egress 2", VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.77.0.1")},
    {"traffic path 3 left the VPC", PATH, "eni-a 10.0.0.1 10.77.0.1" TAIL "egress 3",
     VFL_FLOW_UNRESOLVED, NULL},
    {"traffic path 4 left the VPC", PATH, "eni-a 10.0.0.1 10.77.0.1" TAIL "egress 4",
     VFL_FLOW_UNRESOLVED, NULL},
    {"traffic path 5 left the VPC", PATH, "eni-a 10.0.0.1 10.77.0.1" TAIL "egress 5",
     VFL_FLOW_UNRESOLVED, NULL},
    {"traffic path 6 stays", PATH, "eni-a 10.0.0.1 10.77.0.1" TAIL "egress 6", VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.77.0.1")},
    {"traffic path 4 to a known peer", PATH, "eni-a 10.0.0.1 10.2.0.5" TAIL "egress 4",
     VFL_FLOW_KEPT, ONE("10.0.0.1") " " TWO("10.2.0.5")},
    {"without interface knowledge the record's VPC counts", "vpc-id",
     "eni-x 10.50.0.1 10.50.0.2" TAIL "vpc-9", VFL_FLOW_KEPT,
     "urn:vpcip:vpc-9/10.50.0.1 urn:vpcip:vpc-9/10.50.0.2"},
    {"the directory knows better than the record", "vpc-id",
     "eni-a 10.0.0.1 10.77.0.1" TAIL "vpc-9", VFL_FLOW_KEPT, ONE("10.0.0.1") " " ONE("10.77.0.1")},
    {"an unknown interface without VPC", "", "eni-x 10.50.0.1 10.50.0.2" TAIL,
     VFL_FLOW_UNKNOWN_INTERFACE, NULL},
    {"a VPC that the record does not tell", "vpc-id", "eni-x 10.50.0.1 10.50.0.2" TAIL "-",
     VFL_FLOW_UNKNOWN_INTERFACE, NULL},
    {"a transit gateway's record names both VPCs", "tgw-src-vpc-id tgw-dst-vpc-id",
     "- 10.0.0.1 10.2.0.77" TAIL "vpc-1 vpc-2", VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " TWO("10.2.0.77")},
    {"forwarded between two unknown addresses", "", "eni-a 10.60.0.1 10.60.0.2" TAIL,
     VFL_FLOW_UNDETERMINED, NULL},
};

static const struct resolve_case cases_of_privacy[] = {
    {"a public peer", "", "eni-a 10.0.0.1 8.8.8.8" TAIL, VFL_FLOW_PUBLIC, NULL},
    {"a public client", "", "eni-a 8.8.8.8 10.0.0.1" TAIL, VFL_FLOW_PUBLIC, NULL},
    {"a public association does not make traffic private", "", "eni-a 10.0.0.1 52.1.1.2" TAIL,
     VFL_FLOW_PUBLIC, NULL},
    {"documentation ranges are ordinary public addresses", "", "eni-a 10.0.0.1 192.0.2.1" TAIL,
     VFL_FLOW_PUBLIC, NULL},
    {"unowned global IPv6", "", "eni-a 2600:1::a 2600:9::1" TAIL, VFL_FLOW_PUBLIC, NULL},
    {"global IPv6 that an interface owns", "", "eni-a 2600:1::a 2600:1::b" TAIL, VFL_FLOW_KEPT,
     ONE("2600:1::a") " " ONE("2600:1::b")},
    {"public range that an interface owns", "", "eni-a 10.0.0.1 54.0.0.9" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("54.0.0.9")},
    {"100.64/10 that an interface owns", "", "eni-a 10.0.0.1 100.64.0.9" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("100.64.0.9")},
    {"loopback", "", "eni-a 10.0.0.1 127.0.0.1" TAIL, VFL_FLOW_NOT_ENDPOINT, NULL},
    {"link-local", "", "eni-a 10.0.0.1 169.254.169.254" TAIL, VFL_FLOW_NOT_ENDPOINT, NULL},
    {"multicast", "", "eni-a 10.0.0.1 224.0.0.1" TAIL, VFL_FLOW_NOT_ENDPOINT, NULL},
    {"broadcast", "", "eni-a 10.0.0.1 255.255.255.255" TAIL, VFL_FLOW_NOT_ENDPOINT, NULL},
    {"0/8", "", "eni-a 0.0.0.1 10.0.0.1" TAIL, VFL_FLOW_NOT_ENDPOINT, NULL},
    {"IPv6 link-local", "", "eni-a fe80::1 2600:1::a" TAIL, VFL_FLOW_NOT_ENDPOINT, NULL},
    {"IPv6 multicast", "", "eni-a 2600:1::a ff02::1" TAIL, VFL_FLOW_NOT_ENDPOINT, NULL},
};

static const struct resolve_case cases_of_middleboxes[] = {
    {"a NAT gateway's own record", "", "eni-nat 10.0.0.200 10.0.0.2" TAIL, VFL_FLOW_MIDDLEBOX,
     NULL},
    {"a NAT gateway in somebody else's record", "", "eni-b 10.0.0.200 10.0.0.2" TAIL,
     VFL_FLOW_MIDDLEBOX, NULL},
    {"a NAT gateway as the destination", "", "eni-b 10.0.0.2 10.0.0.200" TAIL, VFL_FLOW_MIDDLEBOX,
     NULL},
    {"a NAT gateway that only the description tells, set by AWS", "",
     "eni-b 10.0.0.201 10.0.0.2" TAIL, VFL_FLOW_MIDDLEBOX, NULL},
    {"a description that anybody may have written", "", "eni-b 10.0.0.202 10.0.0.2" TAIL,
     VFL_FLOW_KEPT, ONE("10.0.0.202") " " ONE("10.0.0.2")},
    {"a NAT gateway in front of pkt-* addresses", PKT,
     "eni-b 10.0.0.200 10.0.0.2" TAIL "10.0.0.1 10.0.0.2", VFL_FLOW_MIDDLEBOX, NULL},
    {"a load balancer's own record", "", "eni-alb 10.0.0.210 10.0.0.2" TAIL, VFL_FLOW_MIDDLEBOX,
     NULL},
    {"a load balancer in its client's record", "", "eni-a 10.0.0.1 10.0.0.210" TAIL,
     VFL_FLOW_MIDDLEBOX, NULL},
    {"a load balancer in its target's record", "", "eni-b 10.0.0.210 10.0.0.2" TAIL,
     VFL_FLOW_MIDDLEBOX, NULL},
    {"a load balancer by description alone", "", "eni-a 10.0.0.1 10.0.0.211" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.0.0.211")},
    {"a load balancer of an unknown requester", "", "eni-a 10.0.0.1 10.0.0.213" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.0.0.213")},
    {"a network load balancer stays", "", "eni-a 10.0.0.1 10.0.0.212" TAIL, VFL_FLOW_KEPT,
     ONE("10.0.0.1") " " ONE("10.0.0.212")},
    {"a NAT gateway by the record's interface-type", "vpc-id interface-type",
     "eni-x 10.0.0.1 10.0.0.2" TAIL "vpc-1 nat_gateway", VFL_FLOW_MIDDLEBOX, NULL},
    {"a regional NAT gateway has no interface", "vpc-id resource-id",
     "- 10.0.0.1 10.0.0.2" TAIL "vpc-1 nat-0123", VFL_FLOW_MIDDLEBOX, NULL},
};

static void check_cases(const struct resolve_case *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct resolve_case *c = &table[i];
        struct recorder recorder;
        char columns[300];
        char expected[300] = "";
        recorder_init(&recorder, 3600);
        recorder_refresh(&recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
        (void)snprintf(columns, sizeof columns, BASE "%s", c->columns);
        recorder_object(&recorder, "eu-west-1", "fl-1", columns);
        recorder_line(&recorder, c->line);
        (void)recorder_run(&recorder, NOW);
        ck_assert_msg(recorder.counts.records[c->outcome] == 1, "%s: not %s", c->name,
                      vfl_flow_outcome_name(c->outcome));
        if (c->relation != NULL)
            (void)snprintf(expected, sizeof expected, "relation %s v", c->relation);
        const char *relations = recorder_lines(&recorder, "relation");
        ck_assert_msg(strncmp(relations, expected, strlen(expected)) == 0, "%s: %s", c->name,
                      relations);
        if (c->relation == NULL)
            ck_assert_msg(vfl_strbuf_string(&recorder.text)[0] == '\0', "%s: %s", c->name,
                          vfl_strbuf_string(&recorder.text));
        recorder_fini(&recorder);
    }
}

#define CHECK_CASES(table) check_cases(table, sizeof(table) / sizeof((table)[0]))

START_TEST(folds_other_addresses_of_an_interface_without_packet_columns)
{
    CHECK_CASES(cases_of_folding);
}
END_TEST

START_TEST(finds_the_vpc_of_either_end)
{
    CHECK_CASES(cases_of_vpcs);
}
END_TEST

START_TEST(keeps_private_traffic_only)
{
    CHECK_CASES(cases_of_privacy);
}
END_TEST

START_TEST(ignores_middleboxes_whichever_side_reported)
{
    CHECK_CASES(cases_of_middleboxes);
}
END_TEST

struct observer_case {
    const char *name;
    const char *columns;
    const char *line; /* 10.0.0.1 is the client */
    const char *observed_by;
};

static const struct observer_case observer_cases[] = {
    {"source", "", "eni-a 10.0.0.1 10.0.0.2" TAIL, "source"},
    {"target", "", "eni-b 10.0.0.1 10.0.0.2" TAIL, "target"},
    {"target by a folded address", "", "eni-b 10.0.0.1 10.0.0.102" TAIL, "target"},
    {"a third interface", "", "eni-pub 10.0.0.1 10.0.0.2" TAIL, "hop"},
    {"unknown interface", "vpc-id", "eni-x 10.0.0.1 10.0.0.2" TAIL "vpc-1", "hop"},
    {"unknown interface, egress", "vpc-id flow-direction",
     "eni-x 10.0.0.1 10.0.0.2" TAIL "vpc-1 egress", "source"},
    {"unknown interface, ingress", "vpc-id flow-direction",
     "eni-x 10.0.0.1 10.0.0.2" TAIL "vpc-1 ingress", "target"},
};

START_TEST(tells_which_end_the_reporter_is)
{
    for (size_t i = 0; i < sizeof observer_cases / sizeof observer_cases[0]; i++) {
        const struct observer_case *c = &observer_cases[i];
        struct recorder recorder;
        char text[300];
        recorder_init(&recorder, 3600);
        recorder_refresh(&recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
        (void)snprintf(text, sizeof text, BASE "%s", c->columns);
        recorder_object(&recorder, "eu-west-1", "fl-1", text);
        recorder_line(&recorder, c->line);
        (void)recorder_run(&recorder, NOW);
        (void)snprintf(text, sizeof text,
                       "relation " ONE("10.0.0.1") " " ONE(
                           "10.0.0.2") " v4 port protocols=6 ports=443 accepted by=%s\n",
                       c->observed_by);
        const char *relations = recorder_lines(&recorder, "relation");
        ck_assert_msg(strcmp(relations, text) == 0, "%s: %s", c->name, relations);
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(every_outcome_has_its_own_name)
{
    for (unsigned i = 0; i < VFL_FLOW_OUTCOME_COUNT; i++)
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(vfl_flow_outcome_name(i), vfl_flow_outcome_name(j));
    ck_assert_str_eq(vfl_flow_outcome_name(VFL_FLOW_UNKNOWN_INTERFACE), "unknown_interface");
    ck_assert_str_eq(vfl_flow_outcome_name(VFL_FLOW_OUTCOME_COUNT), "unknown");
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        folds_other_addresses_of_an_interface_without_packet_columns,
        finds_the_vpc_of_either_end,
        keeps_private_traffic_only,
        ignores_middleboxes_whichever_side_reported,
        tells_which_end_the_reporter_is,
        every_outcome_has_its_own_name,
    };
    return RUN_SUITE("resolve", cases);
}
