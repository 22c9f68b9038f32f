#include "core/flowlog/record.h"

#include <assert.h>

#include "core/flowlog/values.h"

/* In the order of enum vfl_field. */
static const char *const field_names[] = {
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
    "vpc-id",
    "subnet-id",
    "instance-id",
    "tcp-flags",
    "type",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "region",
    "az-id",
    "sublocation-type",
    "sublocation-id",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "flow-direction",
    "traffic-path",
    "resource-type",
    "tgw-id",
    "tgw-attachment-id",
    "tgw-src-vpc-account-id",
    "tgw-dst-vpc-account-id",
    "tgw-src-vpc-id",
    "tgw-dst-vpc-id",
    "tgw-src-subnet-id",
    "tgw-dst-subnet-id",
    "tgw-src-eni",
    "tgw-dst-eni",
    "tgw-src-az-id",
    "tgw-dst-az-id",
    "tgw-pair-attachment-id",
    "packets-lost-no-route",
    "packets-lost-blackhole",
    "packets-lost-mtu-exceeded",
    "packets-lost-ttl-expired",
    "ecs-cluster-arn",
    "ecs-cluster-name",
    "ecs-container-instance-arn",
    "ecs-container-instance-id",
    "ecs-container-id",
    "ecs-second-container-id",
    "ecs-service-name",
    "ecs-task-definition-arn",
    "ecs-task-arn",
    "ecs-task-id",
    "reject-reason",
    "resource-id",
    "encryption-status",
    "instance-tag",
    "instance-tag-2",
    "interface-tag",
    "interface-tag-2",
    "asg-tag",
    "asg-tag-2",
    "interface-type",
    "next-hop-interface-id",
    "next-hop-subnet-id",
    "next-hop-az-id",
    "next-hop-vpc-id",
    "next-hop-interface-type",
};

static_assert(sizeof field_names / sizeof field_names[0] == VFL_FIELD_COUNT,
              "one name per enum vfl_field");

#define DEFAULT_COLUMN_COUNT 14 /* the default format: version 2, in the order of the enum */

const char *vfl_field_name(enum vfl_field field)
{
    return (unsigned)field < VFL_FIELD_COUNT ? field_names[field] : "unknown";
}

enum vfl_field vfl_field_find(struct vfl_span name)
{
    for (int i = 0; i < VFL_FIELD_COUNT; i++)
        if (vfl_span_equal_string(name, field_names[i]))
            return (enum vfl_field)i;
    return VFL_FIELD_UNKNOWN;
}

enum vfl_field vfl_text_field(enum vfl_text text)
{
    static const uint8_t fields[] = {
        [VFL_TEXT_INTERFACE_ID] = VFL_FIELD_INTERFACE_ID,
        [VFL_TEXT_VPC_ID] = VFL_FIELD_VPC_ID,
        [VFL_TEXT_RESOURCE_ID] = VFL_FIELD_RESOURCE_ID,
        [VFL_TEXT_INTERFACE_TYPE] = VFL_FIELD_INTERFACE_TYPE,
        [VFL_TEXT_NEXT_HOP_INTERFACE_ID] = VFL_FIELD_NEXT_HOP_INTERFACE_ID,
        [VFL_TEXT_NEXT_HOP_INTERFACE_TYPE] = VFL_FIELD_NEXT_HOP_INTERFACE_TYPE,
        [VFL_TEXT_NEXT_HOP_VPC_ID] = VFL_FIELD_NEXT_HOP_VPC_ID,
        [VFL_TEXT_TGW_SRC_VPC_ID] = VFL_FIELD_TGW_SRC_VPC_ID,
        [VFL_TEXT_TGW_DST_VPC_ID] = VFL_FIELD_TGW_DST_VPC_ID,
        [VFL_TEXT_TGW_SRC_ENI] = VFL_FIELD_TGW_SRC_ENI,
        [VFL_TEXT_TGW_DST_ENI] = VFL_FIELD_TGW_DST_ENI,
        [VFL_TEXT_TGW_ATTACHMENT_ID] = VFL_FIELD_TGW_ATTACHMENT_ID,
        [VFL_TEXT_REJECT_REASON] = VFL_FIELD_REJECT_REASON,
    };
    static_assert(sizeof fields == VFL_TEXT_COUNT, "one field per enum vfl_text");
    return (enum vfl_field)fields[text];
}

/* The text that the field is, or VFL_TEXT_COUNT. */
static enum vfl_text text_of(enum vfl_field field)
{
    unsigned text = 0;
    while (text < VFL_TEXT_COUNT && vfl_text_field((enum vfl_text)text) != field)
        text++;
    return (enum vfl_text)text;
}

/* Fields that are parsed, texts aside. */
static bool is_value(enum vfl_field field)
{
    static const bool values[VFL_FIELD_COUNT] = {
        [VFL_FIELD_SRCADDR] = true,
        [VFL_FIELD_DSTADDR] = true,
        [VFL_FIELD_PKT_SRCADDR] = true,
        [VFL_FIELD_PKT_DSTADDR] = true,
        [VFL_FIELD_SRCPORT] = true,
        [VFL_FIELD_DSTPORT] = true,
        [VFL_FIELD_PROTOCOL] = true,
        [VFL_FIELD_PACKETS] = true,
        [VFL_FIELD_BYTES] = true,
        [VFL_FIELD_START] = true,
        [VFL_FIELD_END] = true,
        [VFL_FIELD_ACTION] = true,
        [VFL_FIELD_LOG_STATUS] = true,
        [VFL_FIELD_TCP_FLAGS] = true,
        [VFL_FIELD_FLOW_DIRECTION] = true,
        [VFL_FIELD_TRAFFIC_PATH] = true,
    };
    return field < VFL_FIELD_COUNT && values[field];
}

static void plan_steps(struct vfl_record_format *format)
{
    bool is_default = format->column_count >= DEFAULT_COLUMN_COUNT;
    format->step_count = 0;
    format->default_step_count = 0;
    for (unsigned column = 0; column < format->column_count; column++) {
        enum vfl_field field = (enum vfl_field)format->column_field[column];
        enum vfl_text text = text_of(field);
        if (text != VFL_TEXT_COUNT || is_value(field))
            format->steps[format->step_count++] =
                (struct vfl_record_step){(uint8_t)column, (uint8_t)field, (uint8_t)text};
        /* The default format's columns come in the order of the enum. */
        is_default &= column >= DEFAULT_COLUMN_COUNT || field == column;
        if (is_default && column == DEFAULT_COLUMN_COUNT - 1)
            format->default_step_count = format->step_count;
    }
}

static bool is_digit(char c)
{
    return (unsigned)(c - '0') <= 9;
}

/* "2024-05-01T..." is how a CloudWatch Logs export prefixes each record. */
static bool is_iso_time(struct vfl_span value)
{
    static const char shape[] = "dddd-dd-ddT";
    if (value.len < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == 'd' ? !is_digit(value.ptr[i]) : value.ptr[i] != shape[i])
            return false;
    return true;
}

static enum vfl_status parse_headerless(struct vfl_values values,
                                        struct vfl_record_format *ret_format, struct vfl_error *err)
{
    struct vfl_span value = {NULL, 0};
    if (!vfl_values_next(&values, &value) || is_iso_time(value))
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "the first line starts with a time, as in an export from CloudWatch "
                             "Logs; let the flow log publish to S3 directly");
    unsigned count = 1;
    while (vfl_values_next(&values, &value))
        count++;
    if (count != DEFAULT_COLUMN_COUNT || values.has_nul)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "there is no header line, and the first line has %u values where the "
                             "default flow-log format has %d",
                             count, DEFAULT_COLUMN_COUNT);
    struct vfl_record_format format = {.column_count = DEFAULT_COLUMN_COUNT};
    for (unsigned i = 0; i < DEFAULT_COLUMN_COUNT; i++) {
        format.column_field[i] = (uint8_t)i;
        format.has_column[i] = true;
    }
    *ret_format = format;
    return VFL_OK;
}

static enum vfl_status check_columns(const struct vfl_record_format *format, struct vfl_error *err)
{
    const bool *has = format->has_column;
    if (format->column_count == format->unknown_count)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "not a flow log: the first line names no known column");
    if (!has[VFL_FIELD_SRCADDR] || !has[VFL_FIELD_DSTADDR])
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "the flow log's format lacks %s%s%s; add the column to the format",
                             has[VFL_FIELD_SRCADDR] ? "" : "srcaddr",
                             has[VFL_FIELD_SRCADDR] || has[VFL_FIELD_DSTADDR] ? "" : " and ",
                             has[VFL_FIELD_DSTADDR] ? "" : "dstaddr");
    if (!has[VFL_FIELD_INTERFACE_ID] && !has[VFL_FIELD_VPC_ID] && !has[VFL_FIELD_TGW_SRC_VPC_ID] &&
        !has[VFL_FIELD_TGW_DST_VPC_ID] && !has[VFL_FIELD_TGW_SRC_ENI] &&
        !has[VFL_FIELD_TGW_DST_ENI])
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "the flow log's format has neither interface-id nor vpc-id (nor a "
                             "transit gateway's tgw-src-vpc-id, tgw-dst-vpc-id, tgw-src-eni or "
                             "tgw-dst-eni); add one of them to the format");
    return VFL_OK;
}

static enum vfl_status parse_header(struct vfl_values values, struct vfl_record_format *ret_format,
                                    struct vfl_error *err)
{
    struct vfl_record_format format = {0};
    struct vfl_span name = {NULL, 0};
    while (vfl_values_next(&values, &name)) {
        if (format.column_count == VFL_RECORD_MAX_COLUMNS)
            return vfl_error_set(err, VFL_UNSUPPORTED, "the header line names more than %d columns",
                                 VFL_RECORD_MAX_COLUMNS);
        enum vfl_field field = vfl_field_find(name);
        if (field == VFL_FIELD_UNKNOWN) {
            format.unknown_count++;
        } else if (format.has_column[field]) {
            return vfl_error_set(err, VFL_UNSUPPORTED, "the header line names %s twice",
                                 vfl_field_name(field));
        } else {
            format.has_column[field] = true;
        }
        format.column_field[format.column_count++] = (uint8_t)field;
    }
    if (values.has_nul)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "not a flow log: the first line contains a NUL byte");
    enum vfl_status st = check_columns(&format, err);
    if (st == VFL_OK)
        *ret_format = format;
    return st;
}

enum vfl_status vfl_record_format_parse(struct vfl_span line, struct vfl_record_format *ret_format,
                                        bool *ret_is_header, struct vfl_error *err)
{
    const struct vfl_span bom = VFL_SPAN_LITERAL("\xef\xbb\xbf");
    if (vfl_span_has_prefix(line, bom))
        line = (struct vfl_span){line.ptr + bom.len, line.len - bom.len};
    if (line.len > 1 && memchr(line.ptr, '\r', line.len - 1) != NULL)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "not a flow log: its lines end in a carriage return alone");
    const struct vfl_values values = vfl_values_of(line);
    struct vfl_values peek = values;
    struct vfl_span first = {NULL, 0};
    if (!vfl_values_next(&peek, &first))
        return vfl_error_set(err, VFL_UNSUPPORTED, "not a flow log: the first line is blank");
    bool is_header = !is_digit(first.ptr[0]);
    enum vfl_status st = is_header ? parse_header(values, ret_format, err)
                                   : parse_headerless(values, ret_format, err);
    if (st == VFL_OK) {
        plan_steps(ret_format);
        *ret_is_header = is_header;
    }
    return st;
}

bool vfl_record_format_has_packet_addresses(const struct vfl_record_format *format)
{
    return format->has_column[VFL_FIELD_PKT_SRCADDR] && format->has_column[VFL_FIELD_PKT_DSTADDR];
}
