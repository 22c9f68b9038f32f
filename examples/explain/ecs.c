#include "examples/explain/ecs.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/flowlog/values.h"
#include "examples/explain/community_id.h"

#define VENDOR_PREFIX "aws.vpcflow."
#define MAX_PATH_BYTES 96

enum value_form {
    FORM_TEXT, /* "-" is absent */
    FORM_NUMBER,
    FORM_TIME,
    /* The pipeline takes "-" away below `aws` only, and these are not there. */
    FORM_TEXT_OR_DASH,
};

/* Where a field's value goes. Fields without a row are vendor fields of their own name. */
struct placement {
    enum value_form form;
    const char *paths[2];
};

static const struct placement placements[VFL_FIELD_COUNT] = {
    [VFL_FIELD_ACCOUNT_ID] = {FORM_TEXT, {"aws.vpcflow.account_id", "cloud.account.id"}},
    [VFL_FIELD_SRCADDR] = {FORM_TEXT, {"source.address", "source.ip"}},
    [VFL_FIELD_DSTADDR] = {FORM_TEXT, {"destination.address", "destination.ip"}},
    [VFL_FIELD_SRCPORT] = {FORM_NUMBER, {"source.port"}},
    [VFL_FIELD_DSTPORT] = {FORM_NUMBER, {"destination.port"}},
    [VFL_FIELD_PROTOCOL] = {FORM_TEXT, {"network.iana_number"}},
    [VFL_FIELD_PACKETS] = {FORM_NUMBER, {"source.packets", "network.packets"}},
    [VFL_FIELD_BYTES] = {FORM_NUMBER, {"source.bytes", "network.bytes"}},
    [VFL_FIELD_START] = {FORM_TIME, {"event.start"}},
    [VFL_FIELD_END] = {FORM_TIME, {"event.end", "@timestamp"}},
    [VFL_FIELD_ACTION] = {FORM_TEXT, {"aws.vpcflow.action", "event.action"}},
    [VFL_FIELD_INSTANCE_ID] = {FORM_TEXT, {"aws.vpcflow.instance_id", "cloud.instance.id"}},
    [VFL_FIELD_REGION] = {FORM_TEXT_OR_DASH, {"cloud.region"}},
    [VFL_FIELD_AZ_ID] = {FORM_TEXT_OR_DASH, {"cloud.availability_zone"}},
    [VFL_FIELD_SUBLOCATION_TYPE] = {FORM_TEXT, {"aws.vpcflow.sublocation.type"}},
    [VFL_FIELD_SUBLOCATION_ID] = {FORM_TEXT, {"aws.vpcflow.sublocation.id"}},
    [VFL_FIELD_PKT_SRC_AWS_SERVICE] = {FORM_TEXT, {"aws.vpcflow.pkt_src_service"}},
    [VFL_FIELD_PKT_DST_AWS_SERVICE] = {FORM_TEXT, {"aws.vpcflow.pkt_dst_service"}},
    [VFL_FIELD_FLOW_DIRECTION] = {FORM_TEXT_OR_DASH, {"network.direction"}},
    [VFL_FIELD_PACKETS_LOST_NO_ROUTE] = {FORM_NUMBER, {"aws.vpcflow.packets_lost_no_route"}},
    [VFL_FIELD_PACKETS_LOST_BLACKHOLE] = {FORM_NUMBER, {"aws.vpcflow.packets_lost_blackhole"}},
    [VFL_FIELD_PACKETS_LOST_MTU_EXCEEDED] = {FORM_NUMBER,
                                             {"aws.vpcflow.packets_lost_mtu_exceeded"}},
    [VFL_FIELD_PACKETS_LOST_TTL_EXPIRED] = {FORM_NUMBER, {"aws.vpcflow.packets_lost_ttl_expired"}},
    [VFL_FIELD_ECS_CLUSTER_ARN] = {FORM_TEXT, {"orchestrator.cluster.id"}},
    [VFL_FIELD_ECS_CLUSTER_NAME] = {FORM_TEXT, {"orchestrator.cluster.name"}},
    [VFL_FIELD_ECS_CONTAINER_INSTANCE_ARN] = {FORM_TEXT, {"orchestrator.resource.name"}},
    [VFL_FIELD_ECS_CONTAINER_INSTANCE_ID] = {FORM_TEXT, {"orchestrator.resource.id"}},
    [VFL_FIELD_ECS_SERVICE_NAME] = {FORM_TEXT, {"service.name"}},
    [VFL_FIELD_REJECT_REASON] = {FORM_TEXT, {"event.reason"}},
};

/* --- building JSON --- */

/* An event under way. is_failed is sticky: no memory. */
struct event {
    json_t *root;
    bool is_failed;
};

/* The object at a path of dots, made where it is not there; *ret_name is the path's last name. */
static json_t *parent_of(struct event *event, const char *path, const char **ret_name)
{
    json_t *at = event->root;
    const char *dot;
    while ((dot = strchr(path, '.')) != NULL) {
        char name[MAX_PATH_BYTES];
        (void)snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        json_t *next = json_object_get(at, name);
        if (next == NULL) {
            next = json_object();
            event->is_failed |= json_object_set_new(at, name, next) != 0;
        }
        at = event->is_failed ? NULL : next;
        path = dot + 1;
    }
    *ret_name = path;
    return at;
}

/* Takes value over; NULL fails the event. */
static void put(struct event *event, const char *path, json_t *value)
{
    const char *name;
    json_t *parent = parent_of(event, path, &name);
    event->is_failed |= value == NULL;
    if (event->is_failed)
        json_decref(value);
    else
        event->is_failed |= json_object_set_new(parent, name, value) != 0;
}

static void put_string(struct event *event, const char *path, const char *text)
{
    put(event, path, json_string(text));
}

static void append(struct event *event, const char *path, json_t *value)
{
    const char *name;
    json_t *parent = parent_of(event, path, &name);
    json_t *list = json_object_get(parent, name);
    if (list == NULL && !event->is_failed) {
        list = json_array();
        event->is_failed |= json_object_set_new(parent, name, list) != 0;
    }
    event->is_failed |= value == NULL;
    if (event->is_failed)
        json_decref(value);
    else
        event->is_failed |= json_array_append_new(list, value) != 0;
}

/* JSON is UTF-8. What is not shows a '?' for each byte that is no ASCII. */
static json_t *text_of(struct vfl_span text)
{
    json_t *value = json_stringn(text.ptr, text.len);
    if (value != NULL)
        return value;
    char *copy = malloc(text.len + 1);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = (unsigned char)text.ptr[i] < 0x80 ? text.ptr[i] : '?';
    value = json_stringn(copy, text.len);
    free(copy);
    return value;
}

/* --- values --- */

static bool is_dash(struct vfl_span value)
{
    return value.len == 1 && value.ptr[0] == '-';
}

static bool parse_number(struct vfl_span value, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned)(unsigned char)value.ptr[i] - '0';
        if (digit > 9 || number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return value.len > 0;
}

/* "2014-12-14T04:07:50.000Z"; NULL is also for a time that a calendar does not have. */
static json_t *time_text(uint64_t epoch)
{
    const uint64_t least_ms = UINT64_C(100000000000); /* in seconds this is the year 5138 */
    unsigned ms = epoch >= least_ms ? (unsigned)(epoch % 1000) : 0;
    time_t epoch_s = (time_t)(epoch >= least_ms ? epoch / 1000 : epoch);
    struct tm calendar;
    char text[80];
    if (gmtime_r(&epoch_s, &calendar) == NULL)
        return NULL;
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
                   calendar.tm_year + 1900, calendar.tm_mon + 1, calendar.tm_mday, calendar.tm_hour,
                   calendar.tm_min, calendar.tm_sec, ms);
    return json_string(text);
}

static void put_value(struct event *event, const char *path, enum value_form form,
                      struct vfl_span value)
{
    const uint64_t max_time = UINT64_C(253402300799999); /* the year 9999 ends, in milliseconds */
    uint64_t number;
    switch (form) {
    case FORM_TEXT:
    case FORM_TEXT_OR_DASH:
        put(event, path, text_of(value));
        break;
    case FORM_NUMBER:
        if (parse_number(value, INT64_MAX, &number))
            put(event, path, json_integer((json_int_t)number));
        break;
    case FORM_TIME:
        if (parse_number(value, max_time, &number))
            put(event, path, time_text(number));
        break;
    }
}

static void put_vendor_value(struct event *event, enum vfl_field field, struct vfl_span value)
{
    char path[MAX_PATH_BYTES];
    (void)snprintf(path, sizeof path, VENDOR_PREFIX "%s", vfl_field_name(field));
    for (char *at = path; *at != '\0'; at++)
        if (*at == '-')
            *at = '_';
    put(event, path, text_of(value));
}

static void put_field(struct event *event, enum vfl_field field, struct vfl_span value)
{
    const struct placement *placement = &placements[field];
    /* The pipeline empties this object of its "-" and leaves it. */
    if (field == VFL_FIELD_SUBLOCATION_TYPE || field == VFL_FIELD_SUBLOCATION_ID) {
        const char *name;
        (void)parent_of(event, placement->paths[0], &name);
    }
    if (is_dash(value) && placement->form != FORM_TEXT_OR_DASH)
        return;
    if (placement->paths[0] == NULL)
        put_vendor_value(event, field, value);
    for (size_t i = 0; i < 2 && placement->paths[i] != NULL; i++)
        put_value(event, placement->paths[i], placement->form, value);
}

/* --- what several values come to --- */

static void put_transport(struct event *event, unsigned protocol)
{
    static const struct {
        unsigned protocol;
        const char *name;
    } names[] = {
        {0, "hopopt"}, {1, "icmp"}, {2, "igmp"},       {6, "tcp"},    {8, "egp"},    {17, "udp"},
        {47, "gre"},   {50, "esp"}, {58, "ipv6-icmp"}, {112, "vrrp"}, {132, "sctp"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].protocol == protocol)
            put_string(event, "network.transport", names[i].name);
}

static uint16_t port_of(struct vfl_span value)
{
    uint64_t port = 0;
    return parse_number(value, UINT16_MAX, &port) ? (uint16_t)port : 0;
}

static enum vfl_status put_network(struct event *event, const struct vfl_span *values,
                                   struct vfl_error *err)
{
    uint64_t protocol = 0;
    struct vfl_flow_tuple tuple = {.protocol = 0};
    struct vfl_span src = values[VFL_FIELD_SRCADDR];
    struct vfl_span dst = values[VFL_FIELD_DSTADDR];
    bool has_src = src.len > 0 && !is_dash(src);
    bool has_dst = dst.len > 0 && !is_dash(dst);
    if (has_src)
        put_string(event, "network.type", memchr(src.ptr, ':', src.len) != NULL ? "ipv6" : "ipv4");
    if (has_src && has_dst) {
        append(event, "related.ip", text_of(src));
        append(event, "related.ip", text_of(dst));
    }
    if (!parse_number(values[VFL_FIELD_PROTOCOL], UINT8_MAX, &protocol))
        return VFL_OK;
    put_transport(event, (unsigned)protocol);
    if (!vfl_ip_parse(src, &tuple.src) || !vfl_ip_parse(dst, &tuple.dst))
        return VFL_OK;
    tuple.protocol = (uint8_t)protocol;
    /* Flow logs write 0 for the ports of ICMP, and neither type nor code: the pipeline takes both
     * for 0 then. */
    tuple.src_port = port_of(values[VFL_FIELD_SRCPORT]);
    tuple.dst_port = port_of(values[VFL_FIELD_DSTPORT]);
    char id[VFL_COMMUNITY_ID_SIZE];
    enum vfl_status st = vfl_community_id(&tuple, id, err);
    if (st == VFL_OK)
        put_string(event, "network.community_id", id);
    return st;
}

static void put_flags(struct event *event, struct vfl_span value)
{
    static const char *const names[] = {"fin", "syn", "rst", "psh", "ack", "urg"};
    uint64_t flags = 0;
    if (!parse_number(value, UINT32_MAX, &flags))
        return;
    put(event, "aws.vpcflow.tcp_flags_array", json_array());
    for (unsigned bit = 0; bit < sizeof names / sizeof names[0]; bit++)
        if (flags >> bit & 1)
            append(event, "aws.vpcflow.tcp_flags_array", json_string(names[bit]));
}

static void put_verdict(struct event *event, struct vfl_span action)
{
    append(event, "event.type", json_string("connection"));
    if (vfl_span_equal_string(action, "ACCEPT")) {
        append(event, "event.type", json_string("allowed"));
        put_string(event, "event.outcome", "success");
    } else if (vfl_span_equal_string(action, "REJECT")) {
        append(event, "event.type", json_string("denied"));
        put_string(event, "event.outcome", "failure");
    }
}

/* What the integration says of every event. */
static void put_constants(struct event *event)
{
    static const char *const tags[] = {"preserve_original_event", "forwarded", "aws-vpcflow"};
    put_string(event, "ecs.version", "8.11.0");
    put_string(event, "cloud.provider", "aws");
    put_string(event, "event.kind", "event");
    put_string(event, "event.dataset", "aws.vpcflow");
    append(event, "event.category", json_string("network"));
    put_string(event, "data_stream.type", "logs");
    put_string(event, "data_stream.dataset", "aws.vpcflow");
    put_string(event, "data_stream.namespace", "default");
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        append(event, "tags", json_string(tags[i]));
}

enum vfl_status vfl_ecs_event(const struct vfl_record_format *format, struct vfl_span line,
                              struct vfl_span region, char **ret_json, struct vfl_error *err)
{
    struct vfl_span by_field[VFL_FIELD_COUNT] = {{NULL, 0}};
    struct vfl_values values = vfl_values_of(line);
    struct vfl_span value = {NULL, 0};
    struct event event = {.root = json_object()};
    event.is_failed = event.root == NULL;
    for (unsigned i = 0; i < format->column_count && vfl_values_next(&values, &value); i++) {
        enum vfl_field field = (enum vfl_field)format->column_field[i];
        if (field == VFL_FIELD_UNKNOWN)
            continue;
        by_field[field] = value;
        put_field(&event, field, value);
    }
    put_constants(&event);
    put(&event, "event.original", text_of((struct vfl_span){values.line, values.len}));
    if (!format->has_column[VFL_FIELD_REGION] && region.len > 0)
        put(&event, "cloud.region", text_of(region));
    put_verdict(&event, by_field[VFL_FIELD_ACTION]);
    put_flags(&event, by_field[VFL_FIELD_TCP_FLAGS]);
    enum vfl_status st = put_network(&event, by_field, err);
    char *json = event.is_failed ? NULL : json_dumps(event.root, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(event.root);
    if (st == VFL_OK && json == NULL)
        st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for an event");
    if (st == VFL_OK)
        *ret_json = json;
    else
        free(json);
    return st;
}
