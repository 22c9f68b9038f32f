#include "core/topology/topology.h"

#include <stdio.h>

#include "tests/recorder/recorder.h"
#include "tests/unit/run_suite.h"

#define NOW INT64_C(1700000100)
#define COLUMNS                                                                                    \
    "interface-id srcaddr dstaddr srcport dstport protocol bytes start end action tcp-flags"
#define WINDOW " 1700000000 1700000060 "
#define URN(ip) "urn:vpcip:vpc-1/" ip
#define A URN("10.0.0.1")
#define B URN("10.0.0.2")

static const struct recorder_interface interfaces[] = {
    {.id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1", .region = "eu-west-1"},
    {.id = "eni-b", .vpc_id = "vpc-1", .primary = "10.0.0.2", .region = "eu-west-1"},
};

static void start(struct recorder *recorder)
{
    recorder_init(recorder, 3600);
    recorder_refresh(recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
    recorder_object(recorder, "eu-west-1", "fl-1", COLUMNS);
}

static const char *run_lines(struct recorder *recorder, const char *const *lines, size_t count,
                             int64_t now_epoch_s)
{
    recorder_object(recorder, "eu-west-1", "fl-1", COLUMNS);
    for (size_t i = 0; i < count && lines[i] != NULL; i++)
        recorder_line(recorder, lines[i]);
    return recorder_run(recorder, now_epoch_s);
}

/* --- worked cases ------------------------------------------------------------------------------
 */

START_TEST(draws_one_relation_from_client_to_server_for_a_servers_record)
{
    const struct recorder_interface known[] = {
        {.id = "eni-04be3f7132dd24e01",
         .vpc_id = "vpc-0305206adbbda9918",
         .primary = "10.16.133.15"},
        {.id = "eni-1",
         .vpc_id = "vpc-0305206adbbda9918",
         .primary = "10.16.5.72",
         .public_ip = "34.254.174.225"},
    };
    struct recorder recorder;
    recorder_init(&recorder, 3600);
    recorder_refresh(&recorder, 1624348100, known, 2);
    recorder_object(&recorder, "eu-west-1", "fl-1",
                    "version account-id interface-id srcaddr dstaddr srcport dstport protocol "
                    "packets bytes start end action log-status");
    recorder_line(&recorder, "2 120431062118 eni-04be3f7132dd24e01 10.16.133.15 10.16.5.72 5432 "
                             "60428 6 1 52 1624348073 1624348074 ACCEPT OK");
    ck_assert_str_eq(recorder_run(&recorder, 1624348100),
                     "component urn:vpcip:vpc-0305206adbbda9918/10.16.5.72 region=eu-west-1 "
                     "urns=urn:vpcip:vpc-0305206adbbda9918/10.16.5.72,urn:host:/34.254.174.225\n"
                     "component urn:vpcip:vpc-0305206adbbda9918/10.16.133.15 region=eu-west-1 "
                     "urns=urn:vpcip:vpc-0305206adbbda9918/10.16.133.15\n"
                     "relation urn:vpcip:vpc-0305206adbbda9918/10.16.5.72 "
                     "urn:vpcip:vpc-0305206adbbda9918/10.16.133.15 v4 port protocols=6 ports=5432 "
                     "accepted by=target\n"
                     "traffic urn:vpcip:vpc-0305206adbbda9918/10.16.5.72 "
                     "urn:vpcip:vpc-0305206adbbda9918/10.16.133.15 sent=0 received=52 sent/s=0 "
                     "received/s=52\n");
    ck_assert_uint_eq(recorder.counts.records[VFL_FLOW_KEPT], 1);
    ck_assert_uint_eq(vfl_topology_endpoint_count(recorder.topology), 2);
    ck_assert_uint_eq(vfl_topology_relation_count(recorder.topology), 1);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(all_orders_of_a_two_sided_exchange_give_the_same_bytes)
{
    const char *const lines[4] = {
        "eni-a 10.0.0.1 10.0.0.2 40000 443 6 200 1700000000 1700000100 ACCEPT 0",
        "eni-b 10.0.0.1 10.0.0.2 40000 443 6 200 1700000000 1700000100 ACCEPT 0",
        "eni-a 10.0.0.2 10.0.0.1 443 40000 6 18000 1700000000 1700000100 ACCEPT 0",
        "eni-b 10.0.0.2 10.0.0.1 443 40000 6 18000 1700000000 1700000100 ACCEPT 0",
    };
    const char *expected = "component " A " region=eu-west-1 urns=" A "\n"
                           "component " B " region=eu-west-1 urns=" B "\n"
                           "relation " A " " B " v4 port protocols=6 ports=443 accepted "
                           "by=source and target\n"
                           "traffic " A " " B " sent=200 received=18000 sent/s=2 received/s=180\n";
    unsigned order_count = 0;
    for (unsigned code = 0; code < 256; code++) {
        unsigned order[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3};
        if ((1u << order[0] | 1u << order[1] | 1u << order[2] | 1u << order[3]) != 15)
            continue;
        order_count++;
        struct recorder recorder;
        start(&recorder);
        for (unsigned i = 0; i < 4; i++)
            recorder_line(&recorder, lines[order[i]]);
        ck_assert_str_eq(recorder_run(&recorder, NOW), expected);
        recorder_fini(&recorder);
    }
    ck_assert_uint_eq(order_count, 24);
}
END_TEST

/* --- direction ---------------------------------------------------------------------------------
 */

struct direction_case {
    const char *name;
    const char *lines[4];
    const char *relations;
};

static const struct direction_case direction_cases[] = {
    {"one service port",
     {"eni-b 10.0.0.2 10.0.0.1 40000 443 6 1" WINDOW "ACCEPT 0"},
     "relation " B " " A " v4 port protocols=6 ports=443 accepted by=source\n"},
    {"a port with several peers is the server's, against the lower number",
     {"eni-a 10.0.0.1 10.0.0.2 50001 60000 6 1" WINDOW "ACCEPT 0",
      "eni-a 10.0.0.1 10.0.0.2 50002 60000 6 1" WINDOW "ACCEPT 0"},
     "relation " A " " B " v4 port-count protocols=6 ports=60000 accepted by=source\n"},
    {"flags beat the count of ports",
     {"eni-a 10.0.0.2 10.0.0.1 60000 50001 6 1" WINDOW "ACCEPT 2",
      "eni-a 10.0.0.1 10.0.0.2 50002 60000 6 1" WINDOW "ACCEPT 18"},
     "relation " B " " A " v4 tcp-flags protocols=6 ports=50001,50002 accepted by=target\n"},
    {"a SYN with FIN is still the client's",
     {"eni-a 10.0.0.1 10.0.0.2 50001 60000 6 1" WINDOW "ACCEPT 3"},
     "relation " A " " B " v4 tcp-flags protocols=6 ports=60000 accepted by=source\n"},
    {"RST proves nothing: the lower port decides",
     {"eni-a 10.0.0.1 10.0.0.2 50001 60000 6 1" WINDOW "ACCEPT 4"},
     "relation " B " " A " v4 port protocols=6 ports=50001 accepted by=target\n"},
    {"both sides sent SYN on one conversation: the ports decide",
     {"eni-a 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT 2",
      "eni-a 10.0.0.2 10.0.0.1 443 40000 6 1" WINDOW "ACCEPT 2"},
     "relation " A " " B " v4 port protocols=6 ports=443 accepted by=source\n"},
    {"equal ports are no evidence: ordered by address",
     {"eni-b 10.0.0.2 10.0.0.1 51820 51820 17 1" WINDOW "ACCEPT -"},
     "relation " A " " B " v4 unknown protocols=17 ports= accepted by=target\n"},
    {"ICMP alone is unknown and ordered by address",
     {"eni-b 10.0.0.2 10.0.0.1 0 0 1 1" WINDOW "ACCEPT -"},
     "relation " A " " B " v4 unknown protocols=1 ports= accepted by=target\n"},
    {"ICMP joins the pair's relation",
     {"eni-b 10.0.0.1 10.0.0.2 0 0 1 1" WINDOW "ACCEPT -",
      "eni-b 10.0.0.2 10.0.0.1 40000 443 6 1" WINDOW "ACCEPT 0"},
     "relation " B " " A " v4 port protocols=1,6 ports=443 accepted by=source\n"},
    {"ICMP joins the relation with the strongest evidence of two",
     {"eni-a 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT 0",
      "eni-a 10.0.0.1 10.0.0.2 0 0 1 1" WINDOW "REJECT -",
      "eni-a 10.0.0.2 10.0.0.1 40001 5432 6 1" WINDOW "ACCEPT 2"},
     "relation " A " " B " v4 port protocols=6 ports=443 accepted by=source\n"
     "relation " B " " A " v4 tcp-flags protocols=1,6 ports=5432 accepted and refused by=target\n"},
    {"a pair that is client both ways has two relations",
     {"eni-a 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT 0",
      "eni-b 10.0.0.2 10.0.0.1 40001 5432 6 1" WINDOW "REJECT 0"},
     "relation " A " " B " v4 port protocols=6 ports=443 accepted by=source\n"
     "relation " B " " A " v4 port protocols=6 ports=5432 refused by=source\n"},
    {"a record without verdict says so",
     {"eni-a 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "- 0"},
     "relation " A " " B " v4 port protocols=6 ports=443 unknown by=source\n"},
    {"the most service-like ports come first",
     {"eni-a 10.0.0.1 10.0.0.2 40000 2000 6 1" WINDOW "ACCEPT 0",
      "eni-a 10.0.0.1 10.0.0.2 40001 8080 6 1" WINDOW "ACCEPT 0",
      "eni-a 10.0.0.1 10.0.0.2 40002 22 6 1" WINDOW "ACCEPT 0"},
     "relation " A " " B " v4 port protocols=6 ports=22,8080,2000 accepted by=source\n"},
};

START_TEST(direction_follows_the_strongest_evidence)
{
    for (size_t i = 0; i < sizeof direction_cases / sizeof direction_cases[0]; i++) {
        const struct direction_case *c = &direction_cases[i];
        struct recorder recorder;
        start(&recorder);
        (void)run_lines(&recorder, c->lines, 4, NOW);
        const char *relations = recorder_lines(&recorder, "relation");
        ck_assert_msg(strcmp(relations, c->relations) == 0, "%s:\n%s", c->name, relations);
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(later_flags_overturn_a_direction_and_replace_the_relation)
{
    struct recorder recorder;
    start(&recorder);
    const char *const guess = "eni-a 10.0.0.1 10.0.0.2 50000 60000 6 7" WINDOW "ACCEPT 0";
    const char *const proof = "eni-a 10.0.0.1 10.0.0.2 50000 60000 6 9" WINDOW "ACCEPT 2";
    (void)run_lines(&recorder, &guess, 1, NOW);
    ck_assert_str_eq(recorder_lines(&recorder, "relation"),
                     "relation " B " " A " v4 port protocols=6 ports=50000 accepted by=target\n");
    ck_assert_str_eq(run_lines(&recorder, &proof, 1, NOW + 60),
                     "gone " B "-flowlog-" A "\n"
                     "relation " A " " B " v4 tcp-flags protocols=6 ports=60000 accepted "
                     "by=source\n"
                     "traffic " A " " B " sent=9 received=0 sent/s=0.15 received/s=0\n");
    ck_assert_uint_eq(vfl_topology_relation_count(recorder.topology), 1);
    recorder_fini(&recorder);
}
END_TEST

/* --- bounds ------------------------------------------------------------------------------------
 */

START_TEST(names_ten_ports_and_says_that_there_are_more)
{
    for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
        struct recorder recorder;
        start(&recorder);
        for (int i = 0; i < 11; i++) {
            char line[160];
            int step = is_reverse ? 10 - i : i;
            (void)snprintf(line, sizeof line, "eni-a 10.0.0.1 10.0.0.2 %d %d 6 1" WINDOW "ACCEPT 0",
                           40000 + step, 100 + step);
            recorder_line(&recorder, line);
        }
        (void)recorder_run(&recorder, NOW);
        ck_assert_str_eq(recorder_lines(&recorder, "relation"),
                         "relation " A " " B " v4 port protocols=6 "
                         "ports=100,101,102,103,104,105,106,107,108,109,+ accepted by=source\n");
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(the_ten_ports_are_the_most_service_like_not_the_lowest)
{
    struct recorder recorder;
    start(&recorder);
    for (int i = 0; i < 11; i++) {
        char line[160];
        (void)snprintf(line, sizeof line, "eni-a 10.0.0.1 10.0.0.2 %d %d 6 1" WINDOW "ACCEPT 0",
                       40000 + i, i == 10 ? 8080 : 2000 + i);
        recorder_line(&recorder, line);
    }
    (void)recorder_run(&recorder, NOW);
    ck_assert_str_eq(recorder_lines(&recorder, "relation"),
                     "relation " A " " B " v4 port protocols=6 "
                     "ports=8080,2000,2001,2002,2003,2004,2005,2006,2007,2008,+ accepted "
                     "by=source\n");
    recorder_fini(&recorder);
}
END_TEST

START_TEST(ten_ports_are_not_more_than_ten)
{
    struct recorder recorder;
    start(&recorder);
    for (int i = 0; i < 10; i++) {
        char line[160];
        (void)snprintf(line, sizeof line, "eni-a 10.0.0.1 10.0.0.2 %d %d 6 1" WINDOW "ACCEPT 0",
                       40000 + i, 100 + i);
        recorder_line(&recorder, line);
    }
    (void)recorder_run(&recorder, NOW);
    ck_assert_str_eq(recorder_lines(&recorder, "relation"),
                     "relation " A " " B " v4 port protocols=6 "
                     "ports=100,101,102,103,104,105,106,107,108,109 accepted by=source\n");
    recorder_fini(&recorder);
}
END_TEST

/* The i-th of 300 conversations between two ephemeral ports, 10 bytes each. */
static void add_conversation(struct recorder *recorder, int i, const char *action)
{
    char line[160];
    (void)snprintf(line, sizeof line, "eni-a 10.0.0.1 10.0.0.2 %d 60000 6 10" WINDOW "%s 0",
                   40000 + i, action);
    recorder_line(recorder, line);
}

START_TEST(bounds_conversations_whatever_their_order_and_counts_all_bytes)
{
    for (int order = 0; order < 3; order++) {
        struct recorder recorder;
        start(&recorder);
        /* 7 and 300 have no common divisor, so the third order is a permutation. */
        for (int i = 0; i < 300; i++) {
            int step = order == 0 ? i : order == 1 ? 299 - i : i * 7 % 300;
            add_conversation(&recorder, step, step == 299 ? "REJECT" : "ACCEPT");
        }
        (void)recorder_run(&recorder, NOW);
        ck_assert_str_eq(recorder_lines(&recorder, "relation"),
                         "relation " A " " B " v4 port-count protocols=6 ports=60000,+ accepted "
                         "and refused by=source\n");
        ck_assert_str_eq(recorder_lines(&recorder, "traffic"),
                         "traffic " A " " B " sent=3000 received=0 sent/s=50 received/s=0\n");
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(the_conversations_kept_are_the_lowest_whatever_their_order)
{
    for (int is_reverse = 0; is_reverse < 2; is_reverse++) {
        struct recorder recorder;
        start(&recorder);
        for (int i = 0; i < 300; i++) {
            char line[160];
            int step = is_reverse ? 299 - i : i;
            (void)snprintf(line, sizeof line,
                           "eni-a 10.0.0.1 10.0.0.2 %d %d 6 10" WINDOW "ACCEPT 0", 40000 + step,
                           1 + step);
            recorder_line(&recorder, line);
        }
        (void)recorder_run(&recorder, NOW);
        ck_assert_str_eq(recorder_lines(&recorder, "relation"),
                         "relation " A " " B " v4 port protocols=6 ports=1,2,3,4,5,6,7,8,9,10,+ "
                         "accepted by=source\n");
        ck_assert_str_eq(recorder_lines(&recorder, "traffic"),
                         "traffic " A " " B " sent=3000 received=0 sent/s=50 received/s=0\n");
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(traffic_of_left_out_conversations_keeps_the_relation)
{
    struct recorder recorder;
    start(&recorder);
    for (int i = 0; i < VFL_TOPOLOGY_MAX_CONVERSATIONS; i++)
        add_conversation(&recorder, i, "ACCEPT");
    (void)recorder_run(&recorder, NOW);
    recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
    add_conversation(&recorder, VFL_TOPOLOGY_MAX_CONVERSATIONS, "ACCEPT");
    (void)recorder_run(&recorder, NOW + 3000);
    (void)recorder_run(&recorder, NOW + 3600);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"), "");
    (void)recorder_run(&recorder, NOW + 3000 + 3600);
    ck_assert_str_eq(recorder_lines(&recorder, "gone"),
                     "gone " A "-flowlog-" B "\ngone " A "\ngone " B "\n");
    recorder_fini(&recorder);
}
END_TEST

/* --- components --------------------------------------------------------------------------------
 */

struct urn_case {
    const char *name;
    struct recorder_interface peer;
    const char *peer_address;
    const char *urns; /* after the component's id */
};

#define PEER .id = "eni-p", .vpc_id = "vpc-1"
static const struct urn_case urn_cases[] = {
    {"RFC 1918 primary", {PEER, .primary = "10.9.0.1"}, "10.9.0.1", ""},
    {"public association",
     {PEER, .primary = "10.9.0.1", .public_ip = "52.1.1.1"},
     "10.9.0.1",
     ",urn:host:/52.1.1.1"},
    {"secondary carries the primary's URN and its own public address",
     {PEER, .primary = "10.9.0.1", .public_ip = "52.1.1.1", .secondary = "10.9.0.2",
      .secondary_public_ip = "52.1.1.2"},
     "10.9.0.2",
     ",urn:vpcip:vpc-1/10.9.0.1,urn:host:/52.1.1.2"},
    {"IPv6 carries the primary's URN and no host",
     {PEER, .primary = "10.9.0.1", .public_ip = "52.1.1.1", .ipv6 = "2600:1f16::5"},
     "2600:1f16::5",
     ",urn:vpcip:vpc-1/10.9.0.1"},
    {"IPv6 without a primary address", {PEER, .ipv6 = "2600:1f16::5"}, "2600:1f16::5", ""},
    {"delegated prefix carries only its own",
     {PEER, .primary = "10.9.0.1", .public_ip = "52.1.1.1", .prefix = "10.9.1.16/28"},
     "10.9.1.31",
     ""},
    {"100.64/10 is a host for the account scan",
     {PEER, .primary = "100.64.0.9"},
     "100.64.0.9",
     ",urn:host:/100.64.0.9"},
    {"public range owned by an interface",
     {PEER, .primary = "54.0.0.9"},
     "54.0.0.9",
     ",urn:host:/54.0.0.9"},
    {"unowned private address", {.id = NULL}, "10.9.0.1", ""},
    {"unowned ULA", {.id = NULL}, "fd00::1", ""},
};

START_TEST(components_carry_the_urns_that_their_address_has)
{
    for (size_t i = 0; i < sizeof urn_cases / sizeof urn_cases[0]; i++) {
        const struct urn_case *c = &urn_cases[i];
        struct recorder_interface known[2] = {
            {.id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1", .ipv6 = "fd00::a"}, c->peer};
        struct recorder recorder;
        recorder_init(&recorder, 3600);
        recorder_refresh(&recorder, NOW, known, c->peer.id == NULL ? 1 : 2);
        recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS " pkt-srcaddr pkt-dstaddr");
        char line[256];
        const char *own = strchr(c->peer_address, ':') == NULL ? "10.0.0.1" : "fd00::a";
        (void)snprintf(line, sizeof line, "eni-a %s %s 40000 443 6 1" WINDOW "ACCEPT 0 %s %s", own,
                       c->peer_address, own, c->peer_address);
        recorder_line(&recorder, line);
        (void)recorder_run(&recorder, NOW);
        char expected[512];
        (void)snprintf(expected, sizeof expected,
                       "component urn:vpcip:vpc-1/%s region=eu-west-1 urns=urn:vpcip:vpc-1/%s%s\n",
                       c->peer_address, c->peer_address, c->urns);
        const char *components = recorder_lines(&recorder, "component");
        ck_assert_msg(strstr(components, expected) != NULL, "%s: %s\nnot in\n%s", c->name, expected,
                      components);
        recorder_fini(&recorder);
    }
}
END_TEST

/* An address that a terminated instance gave back and another one got: one endpoint, described by
 * the later owner whatever record came last. */
START_TEST(a_reused_address_is_described_by_its_latest_owner)
{
    const struct recorder_interface known[] = {
        {.id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1"},
        {.id = "eni-old",
         .vpc_id = "vpc-1",
         .primary = "10.0.0.2",
         .public_ip = "52.1.1.1",
         .attach_epoch_s = 1600000000},
        {.id = "eni-new",
         .vpc_id = "vpc-1",
         .primary = "10.0.0.2",
         .public_ip = "52.1.1.2",
         .attach_epoch_s = 1700000030},
    };
    const char *const lines[2] = {
        "eni-a 10.0.0.1 10.0.0.2 40000 443 6 1 1700000000 1700000010 ACCEPT 0",
        "eni-a 10.0.0.1 10.0.0.2 40001 444 6 1 1700000040 1700000050 ACCEPT 0",
    };
    for (unsigned first = 0; first < 2; first++) {
        struct recorder recorder;
        recorder_init(&recorder, 3600);
        recorder_refresh(&recorder, NOW, known, 3);
        recorder_object(&recorder, "eu-west-1", "fl-1", COLUMNS);
        recorder_line(&recorder, lines[first]);
        recorder_line(&recorder, lines[1 - first]);
        (void)recorder_run(&recorder, NOW);
        ck_assert_str_eq(recorder_lines(&recorder, "component"),
                         "component " A " region=eu-west-1 urns=" A "\n"
                         "component " B " region=eu-west-1 urns=" B ",urn:host:/52.1.1.2\n");
        recorder_fini(&recorder);
    }
}
END_TEST

/* A directory that does not tell regions: an interface is where its own records come from, not
 * where its peer's do. */
START_TEST(a_region_not_in_the_directory_is_that_of_the_interfaces_own_records)
{
    const struct recorder_interface known[] = {
        {.id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1"},
        {.id = "eni-b", .vpc_id = "vpc-2", .primary = "10.0.0.2"},
    };
    for (unsigned first = 0; first < 2; first++) {
        struct recorder recorder;
        recorder_init(&recorder, 3600);
        recorder_refresh(&recorder, NOW, known, 2);
        for (unsigned i = 0; i < 2; i++) {
            bool is_a = i == first;
            recorder_object(&recorder, is_a ? "us-east-1" : "ap-south-1", is_a ? "fl-a" : "fl-b",
                            COLUMNS);
            recorder_line(&recorder,
                          is_a ? "eni-a 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT 0"
                               : "eni-b 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT 0");
        }
        (void)recorder_run(&recorder, NOW);
        ck_assert_str_eq(recorder_lines(&recorder, "component"),
                         "component " A " region=us-east-1 urns=" A "\n"
                         "component urn:vpcip:vpc-2/10.0.0.2 region=ap-south-1 "
                         "urns=urn:vpcip:vpc-2/10.0.0.2\n");
        recorder_fini(&recorder);
    }
}
END_TEST

START_TEST(the_directory_tells_the_region_of_an_interface)
{
    const struct recorder_interface known[] = {
        {.id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1", .region = "us-west-2"},
    };
    struct recorder recorder;
    recorder_init(&recorder, 3600);
    recorder_refresh(&recorder, NOW, known, 1);
    recorder_object(&recorder, "us-east-1", "fl-1", COLUMNS);
    recorder_line(&recorder, "eni-a 10.0.0.1 10.0.0.2 40000 443 6 1" WINDOW "ACCEPT 0");
    (void)recorder_run(&recorder, NOW);
    ck_assert_str_eq(recorder_lines(&recorder, "component"),
                     "component " A " region=us-west-2 urns=" A "\n"
                     "component " B " region=us-east-1 urns=" B "\n");
    recorder_fini(&recorder);
}
END_TEST

/* --- counts ------------------------------------------------------------------------------------
 */

START_TEST(counts_interfaces_once_however_many_flow_logs_they_have)
{
    struct recorder recorder;
    start(&recorder);
    for (int i = 0; i < 2; i++) {
        recorder_object(&recorder, "eu-west-1", i == 0 ? "fl-1" : "fl-2",
                        "interface-id srcaddr dstaddr log-status");
        recorder_line(&recorder, "eni-x - - SKIPDATA");
        recorder_line(&recorder, "eni-x - - SKIPDATA");
        recorder_line(&recorder, "eni-a - - SKIPDATA");
        recorder_line(&recorder, "eni-a 10.0.0.1 10.0.0.2 OK");
        recorder_line(&recorder, "eni-b - - NODATA");
    }
    ck_assert_uint_eq(vfl_topology_unknown_interfaces(recorder.topology, &recorder.table), 1);
    recorder_apply(&recorder, NOW);
    ck_assert_uint_eq(recorder.counts.skipdata_records, 6);
    ck_assert_uint_eq(recorder.counts.skipdata_interfaces, 2);
    ck_assert_uint_eq(recorder.counts.unknown_interfaces, 1);
    ck_assert_uint_eq(recorder.counts.records[VFL_FLOW_KEPT], 2);
    recorder_fini(&recorder);
}
END_TEST

START_TEST(an_empty_run_emits_nothing)
{
    struct recorder recorder;
    start(&recorder);
    ck_assert_str_eq(recorder_run(&recorder, NOW), "");
    ck_assert_uint_eq(vfl_topology_relation_count(recorder.topology), 0);
    recorder_fini(&recorder);
    vfl_topology_free(NULL);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        draws_one_relation_from_client_to_server_for_a_servers_record,
        all_orders_of_a_two_sided_exchange_give_the_same_bytes,
        direction_follows_the_strongest_evidence,
        later_flags_overturn_a_direction_and_replace_the_relation,
        names_ten_ports_and_says_that_there_are_more,
        the_ten_ports_are_the_most_service_like_not_the_lowest,
        ten_ports_are_not_more_than_ten,
        bounds_conversations_whatever_their_order_and_counts_all_bytes,
        the_conversations_kept_are_the_lowest_whatever_their_order,
        traffic_of_left_out_conversations_keeps_the_relation,
        components_carry_the_urns_that_their_address_has,
        a_reused_address_is_described_by_its_latest_owner,
        a_region_not_in_the_directory_is_that_of_the_interfaces_own_records,
        the_directory_tells_the_region_of_an_interface,
        counts_interfaces_once_however_many_flow_logs_they_have,
        an_empty_run_emits_nothing,
    };
    return RUN_SUITE("topology", cases);
}
