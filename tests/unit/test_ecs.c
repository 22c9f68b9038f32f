#include "examples/explain/ecs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/run_suite.h"

#define DEFAULT_FORMAT                                                                             \
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "      \
    "start end action log-status"
#define VERSION_5_FORMAT                                                                           \
    DEFAULT_FORMAT " vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region "  \
                   "az-id sublocation-type sublocation-id pkt-src-aws-service "                    \
                   "pkt-dst-aws-service flow-direction traffic-path"
#define ECS_FORMAT                                                                                 \
    VERSION_5_FORMAT " ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn "               \
                     "ecs-container-instance-id ecs-container-id ecs-second-container-id "         \
                     "ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id "          \
                     "reject-reason"

/* A value as JSON text, by its path. */
struct leaf {
    const char *path, *value;
};

/* What is told of every event. */
static const struct leaf constants[] = {
    {"cloud.provider", "\"aws\""},
    {"data_stream.dataset", "\"aws.vpcflow\""},
    {"data_stream.namespace", "\"default\""},
    {"data_stream.type", "\"logs\""},
    {"ecs.version", "\"8.11.0\""},
    {"event.category", "[\"network\"]"},
    {"event.dataset", "\"aws.vpcflow\""},
    {"event.kind", "\"event\""},
    {"tags", "[\"preserve_original_event\",\"forwarded\",\"aws-vpcflow\"]"},
};

static struct vfl_record_format format_of(const char *header)
{
    struct vfl_record_format format;
    bool is_header;
    ck_assert_int_eq(
        vfl_record_format_parse(vfl_span_from_string(header), &format, &is_header, NULL), VFL_OK);
    ck_assert(is_header);
    return format;
}

static json_t *event_of(const char *header, const char *line, const char *region)
{
    struct vfl_record_format format = format_of(header);
    char *text = NULL;
    ck_assert_int_eq(vfl_ecs_event(&format, vfl_span_from_string(line),
                                   vfl_span_from_string(region), &text, NULL),
                     VFL_OK);
    ck_assert_ptr_null(strchr(text, '\n'));
    json_t *event = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(event);
    free(text);
    return event;
}

static json_t *at(json_t *event, const char *path)
{
    char name[64];
    const char *dot;
    while (event != NULL && (dot = strchr(path, '.')) != NULL) {
        (void)snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        event = json_object_get(event, name);
        path = dot + 1;
    }
    return json_object_get(event, path);
}

static void check_leaf(json_t *event, const struct leaf *leaf)
{
    char *value = json_dumps(at(event, leaf->path), JSON_COMPACT | JSON_ENCODE_ANY);
    ck_assert_msg(value != NULL, "%s is missing", leaf->path);
    ck_assert_msg(strcmp(value, leaf->value) == 0, "%s is %s, not %s", leaf->path, value,
                  leaf->value);
    free(value);
}

static size_t count_leaves(json_t *value)
{
    size_t count = 0;
    const char *name;
    json_t *member;
    if (!json_is_object(value) || json_object_size(value) == 0)
        return 1;
    json_object_foreach(value, name, member) count += count_leaves(member);
    return count;
}

/* The event has exactly these values, the constants and its line. */
static void check_event(const char *header, const char *line, const char *region,
                        const struct leaf *leaves, size_t leaf_count)
{
    json_t *event = event_of(header, line, region);
    size_t constant_count = sizeof constants / sizeof constants[0];
    for (size_t i = 0; i < leaf_count; i++)
        check_leaf(event, &leaves[i]);
    for (size_t i = 0; i < constant_count; i++)
        check_leaf(event, &constants[i]);
    ck_assert_str_eq(json_string_value(at(event, "event.original")), line);
    ck_assert_uint_eq(count_leaves(event), leaf_count + constant_count + 1);
    json_decref(event);
}
#define CHECK_EVENT(header, line, region, leaves)                                                  \
    check_event(header, line, region, leaves, sizeof(leaves) / sizeof((leaves)[0]))

/* elastic/integrations, packages/aws/data_stream/vpcflow/sample_event.json, August 2025. */
START_TEST(gives_the_integrations_example_event)
{
    static const struct leaf leaves[] = {
        {"@timestamp", "\"2014-12-14T04:07:50.000Z\""},
        {"aws.vpcflow.account_id", "\"123456789010\""},
        {"aws.vpcflow.action", "\"ACCEPT\""},
        {"aws.vpcflow.interface_id", "\"eni-1235b8ca123456789\""},
        {"aws.vpcflow.log_status", "\"OK\""},
        {"aws.vpcflow.version", "\"2\""},
        {"cloud.account.id", "\"123456789010\""},
        {"cloud.region", "\"us-east-1\""},
        {"destination.address", "\"89.160.20.156\""},
        {"destination.ip", "\"89.160.20.156\""},
        {"destination.port", "22"},
        {"event.action", "\"ACCEPT\""},
        {"event.end", "\"2014-12-14T04:07:50.000Z\""},
        {"event.outcome", "\"success\""},
        {"event.start", "\"2014-12-14T04:06:50.000Z\""},
        {"event.type", "[\"connection\",\"allowed\"]"},
        {"network.bytes", "4249"},
        {"network.community_id", "\"1:CEGBlG6oEeW2Y5LLdr9GONITz00=\""},
        {"network.iana_number", "\"6\""},
        {"network.packets", "20"},
        {"network.transport", "\"tcp\""},
        {"network.type", "\"ipv4\""},
        {"related.ip", "[\"89.160.20.156\",\"89.160.20.156\"]"},
        {"source.address", "\"89.160.20.156\""},
        {"source.bytes", "4249"},
        {"source.ip", "\"89.160.20.156\""},
        {"source.packets", "20"},
        {"source.port", "20641"},
    };
    CHECK_EVENT(DEFAULT_FORMAT,
                "2 123456789010 eni-1235b8ca123456789 89.160.20.156 89.160.20.156 20641 22 6 20 "
                "4249 1418530010 1418530070 ACCEPT OK",
                "us-east-1", leaves);
}
END_TEST

/* The same package's pipeline test of the 29 fields of versions 2 to 5. */
START_TEST(places_all_29_fields)
{
    static const struct leaf leaves[] = {
        {"@timestamp", "\"2021-12-20T11:38:17.000Z\""},
        {"aws.vpcflow.account_id", "\"64111117617\""},
        {"aws.vpcflow.action", "\"REJECT\""},
        {"aws.vpcflow.instance_id", "\"i-0axxxxxx1ad77\""},
        {"aws.vpcflow.interface_id", "\"eni-069xxxxxb7a490\""},
        {"aws.vpcflow.log_status", "\"OK\""},
        {"aws.vpcflow.pkt_dst_service", "\"CLOUDFRONT\""},
        {"aws.vpcflow.pkt_dstaddr", "\"10.200.0.80\""},
        {"aws.vpcflow.pkt_src_service", "\"AMAZON\""},
        {"aws.vpcflow.pkt_srcaddr", "\"89.160.20.156\""},
        {"aws.vpcflow.sublocation", "{}"},
        {"aws.vpcflow.subnet_id", "\"subnet-02d645xxxxxxxdbc0\""},
        {"aws.vpcflow.tcp_flags", "\"1\""},
        {"aws.vpcflow.tcp_flags_array", "[\"fin\"]"},
        {"aws.vpcflow.traffic_path", "\"1\""},
        {"aws.vpcflow.type", "\"IPv4\""},
        {"aws.vpcflow.version", "\"5\""},
        {"aws.vpcflow.vpc_id", "\"vpc-09676f97xxxxxb8a7\""},
        {"cloud.account.id", "\"64111117617\""},
        {"cloud.availability_zone", "\"use1-az5\""},
        {"cloud.instance.id", "\"i-0axxxxxx1ad77\""},
        {"cloud.region", "\"us-east-1\""},
        {"destination.address", "\"10.200.0.0\""},
        {"destination.ip", "\"10.200.0.0\""},
        {"destination.port", "33004"},
        {"event.action", "\"REJECT\""},
        {"event.end", "\"2021-12-20T11:38:17.000Z\""},
        {"event.outcome", "\"failure\""},
        {"event.start", "\"1975-03-14T03:34:26.000Z\""},
        {"event.type", "[\"connection\",\"denied\"]"},
        {"network.bytes", "1"},
        {"network.community_id", "\"1:+zLdyx7gcy2L5ERP4Je5AZMgl3A=\""},
        {"network.direction", "\"ingress\""},
        {"network.iana_number", "\"17\""},
        {"network.packets", "52"},
        {"network.transport", "\"udp\""},
        {"network.type", "\"ipv4\""},
        {"related.ip", "[\"89.160.20.156\",\"10.200.0.0\"]"},
        {"source.address", "\"89.160.20.156\""},
        {"source.bytes", "1"},
        {"source.ip", "\"89.160.20.156\""},
        {"source.packets", "52"},
        {"source.port", "50041"},
    };
    /* The object's region is of no interest when the record tells it. */
    CHECK_EVENT(VERSION_5_FORMAT,
                "5 64111117617 eni-069xxxxxb7a490 89.160.20.156 10.200.0.0 50041 33004 17 52 1 "
                "164000066 1640000297 REJECT OK vpc-09676f97xxxxxb8a7 subnet-02d645xxxxxxxdbc0 "
                "i-0axxxxxx1ad77 1 IPv4 89.160.20.156 10.200.0.80 us-east-1 use1-az5 - - AMAZON "
                "CLOUDFRONT ingress 1",
                "eu-west-1", leaves);
}
END_TEST

/* The package's test of an interface without traffic. */
START_TEST(leaves_out_what_a_dash_stands_for)
{
    static const struct leaf leaves[] = {
        {"@timestamp", "\"2015-05-10T18:02:14.000Z\""},
        {"aws.vpcflow.account_id", "\"123456789010\""},
        {"aws.vpcflow.interface_id", "\"eni-1235b8ca123456789\""},
        {"aws.vpcflow.log_status", "\"NODATA\""},
        {"aws.vpcflow.version", "\"2\""},
        {"cloud.account.id", "\"123456789010\""},
        {"event.end", "\"2015-05-10T18:02:14.000Z\""},
        {"event.start", "\"2015-05-10T18:01:16.000Z\""},
        {"event.type", "[\"connection\"]"},
    };
    CHECK_EVENT(DEFAULT_FORMAT,
                "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
                NULL, leaves);
}
END_TEST

/* The package's test of versions 7 and 8: ECS has places of its own for some, the others keep their
 * names; a "-" below cloud and network stays. */
START_TEST(places_later_fields)
{
    static const struct leaf leaves[] = {
        {"aws.vpcflow.ecs_container_id", "\"601a6500-efa\""},
        {"aws.vpcflow.ecs_second_container_id", "\"dea79277-480\""},
        {"aws.vpcflow.ecs_task_arn", "\"arn:task\""},
        {"aws.vpcflow.ecs_task_definition_arn", "\"arn:definition\""},
        {"aws.vpcflow.ecs_task_id", "\"e504f037-35c\""},
        {"cloud.availability_zone", "\"-\""},
        {"cloud.region", "\"-\""},
        {"event.reason", "\"BPA\""},
        {"network.type", "\"ipv6\""},
        {"orchestrator.cluster.id", "\"arn:cluster\""},
        {"orchestrator.cluster.name", "\"backend-cluster\""},
        {"orchestrator.resource.id", "\"i-18de3682c033431da\""},
        {"orchestrator.resource.name", "\"arn:instance\""},
        {"service.name", "\"payments-service\""},
    };
    json_t *event = event_of(
        ECS_FORMAT,
        "3 000000000000 - 2a02:cf40:: 2a02:cf41:: 42910 80 17 51 33615 1755678754 1755678775 "
        "REJECT NODATA - - - - - - - - - - - - - ingress - arn:cluster backend-cluster "
        "arn:instance i-18de3682c033431da 601a6500-efa dea79277-480 payments-service "
        "arn:definition arn:task e504f037-35c BPA",
        "eu-west-1");
    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        check_leaf(event, &leaves[i]);
    ck_assert_ptr_null(at(event, "aws.vpcflow.reject_reason"));
    ck_assert_ptr_null(at(event, "aws.vpcflow.ecs_cluster_arn"));
    json_decref(event);
}
END_TEST

START_TEST(keeps_fields_without_a_place_under_the_vendors_prefix)
{
    static const struct leaf leaves[] = {
        {"aws.vpcflow.tgw_id", "\"tgw-1\""},        {"aws.vpcflow.tgw_src_vpc_id", "\"vpc-1\""},
        {"aws.vpcflow.packets_lost_no_route", "7"}, {"aws.vpcflow.encryption_status", "\"1\""},
        {"aws.vpcflow.instance_tag_2", "\"b\""},    {"aws.vpcflow.next_hop_vpc_id", "\"vpc-2\""},
    };
    json_t *event = event_of("srcaddr dstaddr tgw-id tgw-src-vpc-id packets-lost-no-route "
                             "packets-lost-blackhole encryption-status instance-tag-2 "
                             "next-hop-vpc-id mystery",
                             "10.0.0.1 10.0.0.2 tgw-1 vpc-1 7 many 1 b vpc-2 x", NULL);
    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        check_leaf(event, &leaves[i]);
    ck_assert_ptr_null(at(event, "aws.vpcflow.packets_lost_blackhole"));
    ck_assert_uint_eq(json_object_size(at(event, "aws.vpcflow")), 6);
    json_decref(event);
}
END_TEST

START_TEST(names_every_tcp_flag)
{
    static const struct {
        const char *flags, *expected;
    } rows[] = {
        {"0", "[]"},
        {"18", "[\"syn\",\"ack\"]"},
        {"63", "[\"fin\",\"syn\",\"rst\",\"psh\",\"ack\",\"urg\"]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "10.0.0.1 10.0.0.2 eni-1 %s", rows[i].flags);
        json_t *event = event_of("srcaddr dstaddr interface-id tcp-flags", line, NULL);
        struct leaf leaf = {"aws.vpcflow.tcp_flags_array", rows[i].expected};
        check_leaf(event, &leaf);
        json_decref(event);
    }
}
END_TEST

START_TEST(survives_values_that_are_none)
{
    json_t *event =
        event_of("srcaddr dstaddr interface-id srcport bytes start protocol instance-tag",
                 "10.0.0.x 10.0.0.2 eni-1 99999999999999999999 -5 soon 300 caf\xe9", NULL);
    static const char *const absent[] = {"source.port", "source.bytes", "event.start",
                                         "network.transport", "network.community_id"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        ck_assert_msg(at(event, absent[i]) == NULL, "%s is there", absent[i]);
    struct leaf leaf = {"aws.vpcflow.instance_tag", "\"caf?\""};
    check_leaf(event, &leaf);
    json_decref(event);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        gives_the_integrations_example_event,
        places_all_29_fields,
        leaves_out_what_a_dash_stands_for,
        places_later_fields,
        keeps_fields_without_a_place_under_the_vendors_prefix,
        names_every_tcp_flag,
        survives_values_that_are_none,
    };
    return RUN_SUITE("ecs", cases);
}
