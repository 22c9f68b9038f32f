/* plugin/agent.c and what it is made of: everything that is submitted, read back by jansson, which
 * has no part in writing it. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/agent.h"
#include "plugin/json_text.h"
#include "tests/unit/run_suite.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define TEXT_SIZE 4096

/* Texts as they may come, and as JSON can carry them. */
static const struct {
    const char *in;
    const char *out;
} texts[] = {
    {"", ""},
    {"urn:vpcip:vpc-0123456789abcdef0/10.20.30.40", "urn:vpcip:vpc-0123456789abcdef0/10.20.30.40"},
    {"\"", "\""},
    {"a \"quoted\" word", "a \"quoted\" word"},
    {"\\", "\\"},
    {"seven77\\eight", "seven77\\eight"},
    {"line\nbreak\r\ttab", "line\nbreak\r\ttab"},
    {"\x01", "\x01"},
    {"1234567\x1f", "1234567\x1f"},
    {"</script>\x7f", "</script>\x7f"},
    {"{}[]:,'", "{}[]:,'"},
    {"%s%n${jndi}", "%s%n${jndi}"},
    /* well-formed UTF-8, at the edges of each length */
    {"\xc2\x80 \xdf\xbf", "\xc2\x80 \xdf\xbf"},
    {"\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf",
     "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"},
    {"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"},
    {"Z\xc3\xbcrich", "Z\xc3\xbcrich"},
    /* what is not */
    {"\x80", REPLACEMENT},
    {"vpc-\xff\xfe", "vpc-" REPLACEMENT REPLACEMENT},
    {"\xc0\xaf", REPLACEMENT REPLACEMENT},                                 /* overlong '/' */
    {"\xc1\xbf", REPLACEMENT REPLACEMENT},                                 /* overlong U+007F */
    {"\xe0\x9f\xbf", REPLACEMENT REPLACEMENT REPLACEMENT},                 /* overlong U+07FF */
    {"\xf0\x8f\xbf\xbf", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT}, /* overlong U+FFFF */
    {"\xed\xa0\x80", REPLACEMENT REPLACEMENT REPLACEMENT},                 /* a surrogate */
    {"\xf4\x90\x80\x80", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT}, /* U+110000 */
    {"\xf5\x80", REPLACEMENT REPLACEMENT},
    {"cut \xe2\x82", "cut " REPLACEMENT REPLACEMENT},
    {"cut \xc3", "cut " REPLACEMENT},
    {"\xc3(", REPLACEMENT "("},
    {"\xe2\x82\"", REPLACEMENT REPLACEMENT "\""},
    {"\xf0\x9f\x98X", REPLACEMENT REPLACEMENT REPLACEMENT "X"},
};
#define TEXT_COUNT (sizeof texts / sizeof texts[0])

/* ---- the agent's side: keeps a copy of the last submission ---- */

static struct {
    char first[TEXT_SIZE];
    char second[TEXT_SIZE];
    char instance[TEXT_SIZE];
    char tags[2][TEXT_SIZE];
    const char *data_at; /* where the text was, which is not looked at again */
    json_t *data;
    unsigned count;
    double values[4];
} last;

static void copy(char out[TEXT_SIZE], const char *text)
{
    int length = snprintf(out, TEXT_SIZE, "%s", text);
    ck_assert_int_lt(length, TEXT_SIZE);
}

static void keep_data(const struct stackstate_check_instance_key *key, const char *data)
{
    json_error_t why;
    (void)snprintf(last.instance, sizeof last.instance, "%s %s", key->type_, key->url);
    json_decref(last.data);
    last.data = json_loads(data, JSON_REJECT_DUPLICATES, &why);
    ck_assert_msg(last.data != NULL, "%s: %s", why.text, data);
    last.data_at = data;
    last.count++;
}

static void submit_component(char *check_id, struct stackstate_check_instance_key *key, char *id,
                             char *type, char *data)
{
    ck_assert_str_eq(check_id, "check");
    ck_assert_str_eq(type, "vpc.request");
    copy(last.first, id);
    keep_data(key, data);
}

static void submit_relation(char *check_id, struct stackstate_check_instance_key *key, char *source,
                            char *target, char *type, char *data)
{
    ck_assert_str_eq(check_id, "check");
    ck_assert_str_eq(type, "flowlog");
    copy(last.first, source);
    copy(last.second, target);
    keep_data(key, data);
}

static void submit_metric(char *check_id, enum stackstate_check_metric_type type, char *name,
                          double value, char **tags, char *hostname, bool flush_first_value)
{
    static const char *const names[] = {"aws.flowlog.bytes_sent", "aws.flowlog.bytes_received",
                                        "aws.flowlog.bytes_sent_per_second",
                                        "aws.flowlog.bytes_received_per_second"};
    ck_assert_str_eq(check_id, "check");
    ck_assert_int_eq(type, STACKSTATE_CHECK_METRIC_GAUGE);
    ck_assert_str_eq(name, names[last.count % 4]);
    ck_assert_str_eq(hostname, "");
    ck_assert(!flush_first_value);
    copy(last.tags[0], tags[0]);
    copy(last.tags[1], tags[1]);
    ck_assert_ptr_null(tags[2]);
    last.values[last.count++ % 4] = value;
}

static struct vfl_config config;
static struct vfl_agent agent;
static char account[] = "123456789012";

static struct vfl_topology_sink open_agent(char **tags, size_t tag_count)
{
    static const struct stackstate_check_callbacks callbacks = {
        .struct_size = sizeof callbacks,
        .abi_version = STACKSTATE_CHECK_ABI_VERSION,
        .submit_component = submit_component,
        .submit_relation = submit_relation,
        .submit_metric = submit_metric,
    };
    struct vfl_error err = {0};
    config = (struct vfl_config){.account = account, .tags = tags, .tag_count = tag_count};
    ck_assert_int_eq(vfl_agent_init(&agent, &callbacks, "check", &config, &err), VFL_OK);
    last.count = 0;
    return vfl_agent_ops(&agent).topology;
}

static void close_agent(void)
{
    vfl_agent_fini(&agent);
    json_decref(last.data);
    last.data = NULL;
}

/* ---- reading back ---- */

static const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    ck_assert_msg(value != NULL, "%s is missing", name);
    return value;
}

static void expect_text(const json_t *value, const char *text)
{
    ck_assert(json_is_string(value));
    ck_assert_uint_eq(json_string_length(value), strlen(text));
    ck_assert_str_eq(json_string_value(value), text);
}

static void underscore(const char *text, char out[TEXT_SIZE])
{
    copy(out, text);
    for (char *at = out; *at != '\0'; at++)
        if (*at == '.')
            *at = '_';
}

/* ---- the tests ---- */

START_TEST(component_comes_back_field_by_field)
{
    char tag[] = "a \"tag\"\n\xff";
    char *tags[] = {tag};
    struct vfl_error err = {0};
    struct vfl_topology_sink sink = open_agent(tags, 1);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        const size_t other = (i + 1) % TEXT_COUNT;
        const char *const urns[] = {texts[i].in, texts[other].in, "urn:host:/1.2.3.4"};
        struct vfl_component component = {texts[i].in, urns, 1 + i % 3, texts[other].in};
        ck_assert_int_eq(sink.component(sink.ctx, &component, &err), VFL_OK);
        ck_assert_str_eq(last.first, texts[i].in);
        ck_assert_str_eq(last.instance, "aws-v2 123456789012");
        ck_assert_uint_eq(json_object_size(last.data), 3);
        expect_text(member(last.data, "externalId"), texts[i].out);
        ck_assert_uint_eq(json_object_size(member(last.data, "type")), 1);
        expect_text(member(member(last.data, "type"), "name"), "vpc.request");
        const json_t *data = member(last.data, "data");
        ck_assert_uint_eq(json_object_size(data), 3);
        const json_t *list = member(data, "URN");
        ck_assert_uint_eq(json_array_size(list), component.urn_count);
        const char *const expected[] = {texts[i].out, texts[other].out, "urn:host:/1.2.3.4"};
        for (size_t urn = 0; urn < component.urn_count; urn++)
            expect_text(json_array_get(list, urn), expected[urn]);
        ck_assert_uint_eq(json_object_size(member(data, "Location")), 2);
        expect_text(member(member(data, "Location"), "AwsAccount"), account);
        expect_text(member(member(data, "Location"), "AwsRegion"), texts[other].out);
        ck_assert_uint_eq(json_array_size(member(data, "tags")), 3);
        expect_text(json_array_get(member(data, "tags"), 0), "integration-type:aws-v2");
        expect_text(json_array_get(member(data, "tags"), 1), "integration-url:123456789012");
        expect_text(json_array_get(member(data, "tags"), 2), "a \"tag\"\n" REPLACEMENT);
    }
    close_agent();
}
END_TEST

/* Every protocol number, up to all ports, with the members that are there only sometimes. */
static struct vfl_relation relation_of(size_t i, const uint8_t *protocols, const uint16_t *ports)
{
    return (struct vfl_relation){
        .source_id = texts[i].in,
        .target_id = texts[(i + 1) % TEXT_COUNT].in,
        .source_address = texts[(i + 2) % TEXT_COUNT].in,
        .target_address = texts[(i + 3) % TEXT_COUNT].in,
        .is_ipv6 = i % 2 == 1,
        .evidence = (enum vfl_evidence)(i % 4),
        .protocols = protocols,
        .protocol_count = i % 5,
        .ports = ports,
        .port_count = i % (VFL_TOPOLOGY_MAX_PORTS + 1),
        .has_more_ports = i % 3 == 0,
        .verdict = texts[(i + 4) % TEXT_COUNT].in,
        .refusal = i % 4 == 0 ? NULL : texts[(i + 5) % TEXT_COUNT].in,
        .observed_by = texts[(i + 6) % TEXT_COUNT].in,
    };
}

START_TEST(relation_comes_back_field_by_field)
{
    static const uint8_t protocols[] = {6, 17, 58, 255};
    static const char *const protocol_names[] = {"tcp", "udp", "icmpv6", "255"};
    static const char *const evidence_names[] = {"tcp-flags", "port-count", "port", "unknown"};
    static const uint16_t ports[VFL_TOPOLOGY_MAX_PORTS] = {0,    1,     9,     10,    443,
                                                           8080, 32767, 32768, 65534, 65535};
    struct vfl_error err = {0};
    struct vfl_topology_sink sink = open_agent(NULL, 0);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        struct vfl_relation relation = relation_of(i, protocols, ports);
        char underscored[TEXT_SIZE];
        ck_assert_int_eq(sink.relation(sink.ctx, &relation, &err), VFL_OK);
        ck_assert_str_eq(last.first, relation.source_id);
        ck_assert_str_eq(last.second, relation.target_id);
        ck_assert_uint_eq(json_object_size(last.data), 4);
        expect_text(member(last.data, "sourceId"), texts[i].out);
        expect_text(member(last.data, "targetId"), texts[(i + 1) % TEXT_COUNT].out);
        expect_text(member(member(last.data, "type"), "name"), "flowlog");
        const json_t *data = member(last.data, "data");
        ck_assert_uint_eq(json_object_size(data), 11 + (size_t)relation.has_more_ports +
                                                      (size_t)(relation.refusal != NULL));
        underscore(texts[i].out, underscored);
        expect_text(member(data, "source"), underscored);
        underscore(texts[(i + 1) % TEXT_COUNT].out, underscored);
        expect_text(member(data, "target"), underscored);
        expect_text(member(data, "local_address"), texts[(i + 2) % TEXT_COUNT].out);
        expect_text(member(data, "remote_address"), texts[(i + 3) % TEXT_COUNT].out);
        expect_text(member(data, "family"), i % 2 == 1 ? "v6" : "v4");
        expect_text(member(data, "traffic_type"), relation.protocol_count == 1 ? "6" : "unknown");
        expect_text(member(data, "direction"), evidence_names[i % 4]);
        expect_text(member(data, "verdict"), texts[(i + 4) % TEXT_COUNT].out);
        expect_text(member(data, "observed_by"), texts[(i + 6) % TEXT_COUNT].out);
        ck_assert_uint_eq(json_array_size(member(data, "protocols")), relation.protocol_count);
        for (size_t p = 0; p < relation.protocol_count; p++)
            expect_text(json_array_get(member(data, "protocols"), p), protocol_names[p]);
        ck_assert_uint_eq(json_array_size(member(data, "ports")), relation.port_count);
        for (size_t p = 0; p < relation.port_count; p++)
            ck_assert_int_eq(json_integer_value(json_array_get(member(data, "ports"), p)),
                             ports[p]);
        if (relation.has_more_ports)
            ck_assert(json_is_true(member(data, "more_ports")));
        if (relation.refusal != NULL)
            expect_text(member(data, "refusal"), texts[(i + 5) % TEXT_COUNT].out);
    }
    close_agent();
}
END_TEST

START_TEST(every_byte_comes_back_wherever_it_stands)
{
    struct vfl_strbuf buf = VFL_STRBUF_INIT(1024);
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t before = 0; before < 18; before++) {
            char text[32];
            char expected[32];
            memset(text, 'x', sizeof text);
            text[before] = (char)byte;
            size_t length = before + 1 + byte % 9;
            int expected_length =
                snprintf(expected, sizeof expected, "%.*s%s%.*s", (int)before, text,
                         byte < 0x80 ? (char[]){(char)byte, '\0'} : REPLACEMENT, (int)(byte % 9),
                         text + before + 1);
            vfl_strbuf_reset(&buf);
            vfl_json_append_string(&buf, (struct vfl_span){text, length});
            json_t *value = json_loadb(buf.bytes, buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            ck_assert_msg(value != NULL, "byte %u after %zu: %s", byte, before, buf.bytes);
            if (byte == 0)
                ck_assert_mem_eq(json_string_value(value), text, length);
            else
                ck_assert_str_eq(json_string_value(value), expected);
            ck_assert_uint_eq(json_string_length(value),
                              byte == 0 ? length : (size_t)expected_length);
            json_decref(value);
        }
    }
    vfl_strbuf_fini(&buf);
}
END_TEST

START_TEST(metrics_have_the_relations_own_texts_as_tags)
{
    struct vfl_error err = {0};
    struct vfl_topology_sink sink = open_agent(NULL, 0);
    struct vfl_relation_traffic traffic = {
        "urn:vpcip:vpc-1/10.0.0.1", "urn:host:/2600:1::a", 1, 2, 0.5, 0.25};
    ck_assert_int_eq(sink.traffic(sink.ctx, &traffic, &err), VFL_OK);
    ck_assert_uint_eq(last.count, 4);
    ck_assert_str_eq(last.tags[0], "source:urn:vpcip:vpc-1/10_0_0_1");
    ck_assert_str_eq(last.tags[1], "target:urn:host:/2600:1::a");
    ck_assert_double_eq(last.values[0], 1);
    ck_assert_double_eq(last.values[1], 2);
    ck_assert_double_eq(last.values[2], 0.5);
    ck_assert_double_eq(last.values[3], 0.25);
    close_agent();
}
END_TEST

START_TEST(long_texts_are_sent_whole_or_refused)
{
    static const struct {
        size_t length; /* of the id; with "source:" before it a tag has 1,023 bytes */
        enum vfl_status metric;
        enum vfl_status relation;
    } cases[] = {
        {1016, VFL_OK, VFL_OK},
        {1017, VFL_LIMIT, VFL_OK},
        {1023, VFL_LIMIT, VFL_OK},
        {1024, VFL_LIMIT, VFL_LIMIT},
    };
    static char tag[200001];
    char *tags[] = {tag};
    memset(tag, '\x02', sizeof tag - 1);
    struct vfl_topology_sink sink = open_agent(tags, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vfl_error err = {0};
        char id[TEXT_SIZE];
        memset(id, '.', cases[i].length);
        id[cases[i].length] = '\0';
        struct vfl_relation_traffic traffic = {.source_id = id, .target_id = id};
        ck_assert_int_eq(sink.traffic(sink.ctx, &traffic, &err), cases[i].metric);
        struct vfl_relation relation = relation_of(0, NULL, NULL);
        relation.source_id = relation.target_id = id;
        ck_assert_int_eq(sink.relation(sink.ctx, &relation, &err), cases[i].relation);
        const char *const urns[] = {id};
        struct vfl_component component = {id, urns, 1, "r"};
        ck_assert_int_eq(sink.component(sink.ctx, &component, &err), VFL_OK);
        expect_text(member(last.data, "externalId"), id);
        expect_text(json_array_get(member(member(last.data, "data"), "tags"), 2), tag);
    }
    close_agent();
}
END_TEST

/* The buffer grows to the longest text and then stays where it is. */
START_TEST(texts_are_written_in_the_same_place)
{
    struct vfl_error err = {0};
    struct vfl_topology_sink sink = open_agent(NULL, 0);
    const char *place = NULL;
    for (size_t i = 0; i < 3 * TEXT_COUNT; i++) {
        struct vfl_relation relation = relation_of(i % TEXT_COUNT, NULL, NULL);
        relation.protocol_count = relation.port_count = 0;
        ck_assert_int_eq(sink.relation(sink.ctx, &relation, &err), VFL_OK);
        if (i >= TEXT_COUNT)
            ck_assert_ptr_eq(last.data_at, place);
        place = last.data_at;
    }
    close_agent();
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        component_comes_back_field_by_field,      relation_comes_back_field_by_field,
        every_byte_comes_back_wherever_it_stands, metrics_have_the_relations_own_texts_as_tags,
        long_texts_are_sent_whole_or_refused,     texts_are_written_in_the_same_place,
    };
    return RUN_SUITE("agent", cases);
}
