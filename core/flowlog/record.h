/* Flow-log records: the header line names the columns, each further line is one record.
 * Source of the fields: Amazon VPC User Guide, "Flow log records". */
#ifndef VFL_FLOWLOG_RECORD_H
#define VFL_FLOWLOG_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/flowlog/ip.h"
#include "core/span.h"

/* Every documented field through version 11, in the order of the User Guide. */
enum vfl_field {
    /* version 2, the default format */
    VFL_FIELD_VERSION,
    VFL_FIELD_ACCOUNT_ID,
    VFL_FIELD_INTERFACE_ID,
    VFL_FIELD_SRCADDR,
    VFL_FIELD_DSTADDR,
    VFL_FIELD_SRCPORT,
    VFL_FIELD_DSTPORT,
    VFL_FIELD_PROTOCOL,
    VFL_FIELD_PACKETS,
    VFL_FIELD_BYTES,
    VFL_FIELD_START,
    VFL_FIELD_END,
    VFL_FIELD_ACTION,
    VFL_FIELD_LOG_STATUS,
    /* version 3 */
    VFL_FIELD_VPC_ID,
    VFL_FIELD_SUBNET_ID,
    VFL_FIELD_INSTANCE_ID,
    VFL_FIELD_TCP_FLAGS,
    VFL_FIELD_TYPE,
    VFL_FIELD_PKT_SRCADDR,
    VFL_FIELD_PKT_DSTADDR,
    /* version 4 */
    VFL_FIELD_REGION,
    VFL_FIELD_AZ_ID,
    VFL_FIELD_SUBLOCATION_TYPE,
    VFL_FIELD_SUBLOCATION_ID,
    /* version 5 */
    VFL_FIELD_PKT_SRC_AWS_SERVICE,
    VFL_FIELD_PKT_DST_AWS_SERVICE,
    VFL_FIELD_FLOW_DIRECTION,
    VFL_FIELD_TRAFFIC_PATH,
    /* version 6, transit gateway */
    VFL_FIELD_RESOURCE_TYPE,
    VFL_FIELD_TGW_ID,
    VFL_FIELD_TGW_ATTACHMENT_ID,
    VFL_FIELD_TGW_SRC_VPC_ACCOUNT_ID,
    VFL_FIELD_TGW_DST_VPC_ACCOUNT_ID,
    VFL_FIELD_TGW_SRC_VPC_ID,
    VFL_FIELD_TGW_DST_VPC_ID,
    VFL_FIELD_TGW_SRC_SUBNET_ID,
    VFL_FIELD_TGW_DST_SUBNET_ID,
    VFL_FIELD_TGW_SRC_ENI,
    VFL_FIELD_TGW_DST_ENI,
    VFL_FIELD_TGW_SRC_AZ_ID,
    VFL_FIELD_TGW_DST_AZ_ID,
    VFL_FIELD_TGW_PAIR_ATTACHMENT_ID,
    VFL_FIELD_PACKETS_LOST_NO_ROUTE,
    VFL_FIELD_PACKETS_LOST_BLACKHOLE,
    VFL_FIELD_PACKETS_LOST_MTU_EXCEEDED,
    VFL_FIELD_PACKETS_LOST_TTL_EXPIRED,
    /* version 7 */
    VFL_FIELD_ECS_CLUSTER_ARN,
    VFL_FIELD_ECS_CLUSTER_NAME,
    VFL_FIELD_ECS_CONTAINER_INSTANCE_ARN,
    VFL_FIELD_ECS_CONTAINER_INSTANCE_ID,
    VFL_FIELD_ECS_CONTAINER_ID,
    VFL_FIELD_ECS_SECOND_CONTAINER_ID,
    VFL_FIELD_ECS_SERVICE_NAME,
    VFL_FIELD_ECS_TASK_DEFINITION_ARN,
    VFL_FIELD_ECS_TASK_ARN,
    VFL_FIELD_ECS_TASK_ID,
    /* versions 8, 9, 10 */
    VFL_FIELD_REJECT_REASON,
    VFL_FIELD_RESOURCE_ID,
    VFL_FIELD_ENCRYPTION_STATUS,
    /* version 11 */
    VFL_FIELD_INSTANCE_TAG,
    VFL_FIELD_INSTANCE_TAG_2,
    VFL_FIELD_INTERFACE_TAG,
    VFL_FIELD_INTERFACE_TAG_2,
    VFL_FIELD_ASG_TAG,
    VFL_FIELD_ASG_TAG_2,
    VFL_FIELD_INTERFACE_TYPE,
    VFL_FIELD_NEXT_HOP_INTERFACE_ID,
    VFL_FIELD_NEXT_HOP_SUBNET_ID,
    VFL_FIELD_NEXT_HOP_AZ_ID,
    VFL_FIELD_NEXT_HOP_VPC_ID,
    VFL_FIELD_NEXT_HOP_INTERFACE_TYPE,
    VFL_FIELD_COUNT,
    VFL_FIELD_UNKNOWN = VFL_FIELD_COUNT, /* a column that this version does not know */
};

/* The field's documented name ("srcaddr"), and the reverse; unknown names give VFL_FIELD_UNKNOWN.
 */
const char *vfl_field_name(enum vfl_field field);
enum vfl_field vfl_field_find(struct vfl_span name);

enum vfl_action {
    VFL_ACTION_NONE, /* column absent, "-" or unknown (transit gateway records have none) */
    VFL_ACTION_ACCEPT,
    VFL_ACTION_REJECT,
};

enum vfl_flow_direction {
    VFL_FLOW_DIRECTION_NONE,
    VFL_FLOW_DIRECTION_INGRESS,
    VFL_FLOW_DIRECTION_EGRESS,
};

/* What a line turned out to be. */
enum vfl_record_kind {
    VFL_RECORD_FLOW,     /* traffic; both addresses are present */
    VFL_RECORD_NODATA,   /* the interface reported, and had no traffic; interface_id is set */
    VFL_RECORD_SKIPDATA, /* AWS lost records of interface_id in this window */
    VFL_RECORD_HEADER,   /* the header line again */
    VFL_RECORD_BLANK,
    VFL_RECORD_NO_ADDRESS, /* log-status OK, but srcaddr or dstaddr is "-" */
    VFL_RECORD_MALFORMED,  /* wrong number of values, NUL byte, unparsable address */
};

/* Field problems that do not spoil the record; bits of vfl_record.flaws, counted by the caller. */
enum {
    VFL_FLAW_PORT = 1 << 0,       /* port over 65535: taken as absent */
    VFL_FLAW_PROTOCOL = 1 << 1,   /* protocol over 255: taken as absent */
    VFL_FLAW_COUNTER = 1 << 2,    /* bytes or packets not a plain number: taken as absent */
    VFL_FLAW_TIME_ORDER = 1 << 3, /* start after end: swapped */
    VFL_FLAW_TIME_RANGE =
        1 << 4, /* unparsable, before 2014 or over a day ahead: no use for rates */
};

/* The fields that are kept as text; they index vfl_record.texts, which holds them by name too. */
enum vfl_text {
    VFL_TEXT_INTERFACE_ID,
    VFL_TEXT_VPC_ID,
    VFL_TEXT_RESOURCE_ID,
    VFL_TEXT_INTERFACE_TYPE,
    VFL_TEXT_NEXT_HOP_INTERFACE_ID,
    VFL_TEXT_NEXT_HOP_INTERFACE_TYPE,
    VFL_TEXT_NEXT_HOP_VPC_ID,
    VFL_TEXT_TGW_SRC_VPC_ID,
    VFL_TEXT_TGW_DST_VPC_ID,
    VFL_TEXT_TGW_SRC_ENI,
    VFL_TEXT_TGW_DST_ENI,
    VFL_TEXT_TGW_ATTACHMENT_ID,
    VFL_TEXT_REJECT_REASON,
    VFL_TEXT_COUNT,
};

/* The field that text is the value of. */
enum vfl_field vfl_text_field(enum vfl_text text);

/* One record: plain values and spans into the line it was parsed from (valid while the line is).
 * Absent numeric fields have their `has_` false; absent texts are {NULL, 0}; "-" is absent. */
struct vfl_record {
    enum vfl_record_kind kind;
    enum vfl_action action;
    enum vfl_flow_direction flow_direction;
    uint8_t protocol;     /* IANA number; meaningful when has_protocol */
    uint8_t traffic_path; /* 0 absent, 1..8 as documented */
    bool has_protocol;
    bool has_ports; /* both ports present (real zeros for ICMP) */
    bool has_bytes;
    bool has_packets;
    bool has_times; /* both present and believable (no VFL_FLAW_TIME_RANGE) */
    bool has_tcp_flags;
    uint8_t tcp_flags; /* FIN 1, SYN 2, RST 4, PSH 8, ACK 16, OR-ed over the window */
    uint8_t flaws;     /* VFL_FLAW_* bits */
    uint16_t src_port;
    uint16_t dst_port;
    uint64_t packets;
    uint64_t bytes;
    int64_t start_epoch_s; /* start <= end when has_times; milliseconds are already divided */
    int64_t end_epoch_s;
    struct vfl_ip src;
    struct vfl_ip dst;
    struct vfl_ip pkt_src; /* absent when the format has no such column or the value is "-" */
    struct vfl_ip pkt_dst;
    union {
        struct {
            struct vfl_span interface_id; /* absent for transit gateway and regional NAT records */
            struct vfl_span vpc_id;
            struct vfl_span resource_id;
            struct vfl_span interface_type;
            struct vfl_span next_hop_interface_id;
            struct vfl_span next_hop_interface_type;
            struct vfl_span next_hop_vpc_id;
            struct vfl_span tgw_src_vpc_id;
            struct vfl_span tgw_dst_vpc_id;
            struct vfl_span tgw_src_eni;
            struct vfl_span tgw_dst_eni;
            struct vfl_span tgw_attachment_id; /* which side of the transit gateway reports */
            struct vfl_span reject_reason; /* "BPA", "EC"; absent for security groups and ACLs */
        };
        struct vfl_span texts[VFL_TEXT_COUNT];
    };
};

/* A TCP connection's opener sends SYN without ACK; the server answers SYN|ACK (18). */
enum { VFL_TCP_FIN = 1, VFL_TCP_SYN = 2, VFL_TCP_RST = 4, VFL_TCP_PSH = 8, VFL_TCP_ACK = 16 };

#define VFL_RECORD_MAX_COLUMNS 128

/* A column that records are made from. */
struct vfl_record_step {
    uint8_t column;
    uint8_t field; /* enum vfl_field */
    uint8_t text;  /* enum vfl_text, or VFL_TEXT_COUNT when the value is no text */
};

/* The columns of one object, made from its header line. A plain value; no ownership. */
struct vfl_record_format {
    uint16_t column_count;
    uint16_t unknown_count; /* columns that this version does not know: ignored */
    bool has_column[VFL_FIELD_COUNT];
    uint8_t column_field[VFL_RECORD_MAX_COLUMNS]; /* enum vfl_field per column */
    uint8_t default_step_count; /* of these, when the columns start as the default format's do */
    uint8_t step_count;
    struct vfl_record_step steps[VFL_FIELD_COUNT]; /* the columns in use, in their order */
};

/* Reads an object's first line. A header names the columns. A first line that starts with a digit
 * is taken as the default version 2 format when it has exactly 14 values; *ret_is_header is then
 * false and the line is itself a record. VFL_UNSUPPORTED: no srcaddr/dstaddr column, neither
 * interface-id nor vpc-id nor transit gateway columns, more than VFL_RECORD_MAX_COLUMNS columns, a
 * column named twice, or not a flow log at all; the text names what is missing. A leading UTF-8 BOM
 * is skipped. */
enum vfl_status vfl_record_format_parse(struct vfl_span line, struct vfl_record_format *ret_format,
                                        bool *ret_is_header, struct vfl_error *err) VFL_MUST_CHECK;

/* True when the format has pkt-srcaddr and pkt-dstaddr. */
bool vfl_record_format_has_packet_addresses(const struct vfl_record_format *format);

/* Parses one line (without its newline; a trailing CR is ignored) into *ret_record, whose kind says
 * what it is. Never fails and allocates nothing: a line that cannot be used is a kind, not an
 * error. now_epoch_s bounds believable timestamps. Thread-safe. Slow: for a line by itself. */
void vfl_record_parse(const struct vfl_record_format *format, struct vfl_span line,
                      int64_t now_epoch_s, struct vfl_record *ret_record);

/* Receives each record, and its line without the newline (a CR is left on). Both die on return. A
 * status other than VFL_OK stops the scan, which returns it unchanged. */
struct vfl_record_sink {
    enum vfl_status (*record)(void *ctx, const struct vfl_record *record, struct vfl_span line,
                              struct vfl_error *err);
    void *ctx;
};

/* Parses the lines of a block (vfl_lines) one after the other: the same records as vfl_record_parse
 * makes of them, in a fraction of the time. No byte outside the block is read. */
enum vfl_status vfl_record_scan(const struct vfl_record_format *format, struct vfl_span block,
                                int64_t now_epoch_s, struct vfl_record_sink sink,
                                struct vfl_error *err) VFL_MUST_CHECK;

#endif
