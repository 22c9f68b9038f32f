/* Private to the parsers of records: from the values of a line to a record. Whoever includes this
 * defines before
 *
 *   read_number    the number that is all of a value, when it is one and fits 64 bits
 *   read_address   the address that is all of a value
 *
 * Both get the bytes that may be read along with the value: a block it lies in. */
#ifndef VFL_FLOWLOG_RECORD_FIELDS_H
#define VFL_FLOWLOG_RECORD_FIELDS_H

#include <string.h>

#include "core/flowlog/record_scanners.h"

#define EARLIEST_EPOCH_S INT64_C(1388534400) /* 2014-01-01: before flow logs existed */
#define DAY_S 86400
/* No time in seconds is this large before the year 5138; it must be milliseconds. */
#define LEAST_MILLISECONDS UINT64_C(100000000000)

enum log_status {
    LOG_STATUS_ABSENT,
    LOG_STATUS_OK,
    LOG_STATUS_NODATA,
    LOG_STATUS_SKIPDATA,
    LOG_STATUS_OTHER,
};

/* What is known of a line before all its values are. */
struct draft {
    struct vfl_record *record;
    struct vfl_span block; /* has the line in it */
    struct vfl_span src;   /* the text of srcaddr; {NULL, 0} until it was seen */
    struct vfl_span dst;
    enum log_status log_status;
    bool has_bad_address;
    bool is_header; /* srcaddr is the word "srcaddr" */
    bool has_src_port;
    bool has_dst_port;
    bool has_start;
    bool has_end;
    uint64_t start;
    uint64_t end;
};

/* The sizes are constants, so that the comparison is a few instructions and no call. */
#define IS(value, literal)                                                                         \
    ((value).len == sizeof(literal) - 1 && memcmp((value).ptr, literal, sizeof(literal) - 1) == 0)

static inline bool is_dash(struct vfl_span value)
{
    return value.len == 1 && value.ptr[0] == '-';
}

/* Parses digits alone up to max: no sign, exponent or base prefix. False: absent, *ret_number is 0;
 * anything but "-" then leaves flaw. */
static VFL_INLINE bool parse_bounded(struct vfl_span value, uint64_t max, struct draft *draft,
                                     unsigned flaw, uint64_t *ret_number)
{
    uint64_t number;
    if (read_number(value, draft->block, &number) && number <= max) {
        *ret_number = number;
        return true;
    }
    *ret_number = 0;
    if (!is_dash(value))
        draft->record->flaws = (uint8_t)(draft->record->flaws | flaw);
    return false;
}

/* The same, up to 255 and mostly of one digit. */
static VFL_INLINE bool parse_small(struct vfl_span value, uint8_t max, struct draft *draft,
                                   unsigned flaw, uint8_t *ret_number)
{
    uint64_t number = (unsigned char)value.ptr[0] - (uint64_t)'0';
    bool is_there = number <= 9 && number <= max;
    if (value.len != 1)
        is_there = parse_bounded(value, max, draft, flaw, &number);
    else if (!is_there && value.ptr[0] != '-')
        draft->record->flaws = (uint8_t)(draft->record->flaws | flaw);
    *ret_number = (uint8_t)(is_there ? number : 0);
    return is_there;
}

static VFL_INLINE void parse_address(struct vfl_span value, struct draft *draft,
                                     struct vfl_ip *ret_address)
{
    if (read_address(value, draft->block, ret_address))
        return;
    *ret_address = (struct vfl_ip){0, 0};
    if (!is_dash(value))
        draft->has_bad_address = true;
}

/* False also when a and b are the same and too short for it. */
static VFL_INLINE bool are_known_same(struct vfl_span a, struct vfl_span b)
{
    enum { WORD = sizeof(uint64_t) };
    if (a.len != b.len || a.len < WORD)
        return false;
    for (size_t at = 0; at + WORD < a.len; at += WORD)
        if (memcmp(a.ptr + at, b.ptr + at, WORD) != 0)
            return false;
    return memcmp(a.ptr + a.len - WORD, b.ptr + b.len - WORD, WORD) == 0;
}

/* Mostly pkt-srcaddr is srcaddr again: then the text need not be parsed a second time. */
static VFL_INLINE void parse_packet_address(struct vfl_span value, struct draft *draft,
                                            struct vfl_span known_text, struct vfl_ip known,
                                            struct vfl_ip *ret_address)
{
    if (!vfl_ip_is_absent(known) && are_known_same(value, known_text))
        *ret_address = known;
    else
        parse_address(value, draft, ret_address);
}

static enum log_status parse_log_status(struct vfl_span value)
{
    if (IS(value, "OK"))
        return LOG_STATUS_OK;
    if (IS(value, "NODATA"))
        return LOG_STATUS_NODATA;
    if (IS(value, "SKIPDATA"))
        return LOG_STATUS_SKIPDATA;
    return is_dash(value) ? LOG_STATUS_ABSENT : LOG_STATUS_OTHER;
}

static enum vfl_action parse_action(struct vfl_span value)
{
    if (IS(value, "ACCEPT"))
        return VFL_ACTION_ACCEPT;
    if (IS(value, "REJECT"))
        return VFL_ACTION_REJECT;
    return VFL_ACTION_NONE;
}

static enum vfl_flow_direction parse_flow_direction(struct vfl_span value)
{
    if (IS(value, "ingress"))
        return VFL_FLOW_DIRECTION_INGRESS;
    if (IS(value, "egress"))
        return VFL_FLOW_DIRECTION_EGRESS;
    return VFL_FLOW_DIRECTION_NONE;
}

/* Sets what the field is in the record, absent or not. */
static VFL_INLINE void parse_field(enum vfl_field field, struct vfl_span value, struct draft *draft)
{
    struct vfl_record *record = draft->record;
    uint64_t number = 0;
    switch (field) {
    case VFL_FIELD_SRCADDR:
        draft->src = value;
        parse_address(value, draft, &record->src);
        draft->is_header = draft->has_bad_address && IS(value, "srcaddr");
        break;
    case VFL_FIELD_DSTADDR:
        draft->dst = value;
        parse_address(value, draft, &record->dst);
        break;
    case VFL_FIELD_PKT_SRCADDR:
        parse_packet_address(value, draft, draft->src, record->src, &record->pkt_src);
        break;
    case VFL_FIELD_PKT_DSTADDR:
        parse_packet_address(value, draft, draft->dst, record->dst, &record->pkt_dst);
        break;
    case VFL_FIELD_SRCPORT:
        draft->has_src_port = parse_bounded(value, UINT16_MAX, draft, VFL_FLAW_PORT, &number);
        record->src_port = (uint16_t)number;
        break;
    case VFL_FIELD_DSTPORT:
        draft->has_dst_port = parse_bounded(value, UINT16_MAX, draft, VFL_FLAW_PORT, &number);
        record->dst_port = (uint16_t)number;
        break;
    case VFL_FIELD_PROTOCOL:
        record->has_protocol =
            parse_small(value, UINT8_MAX, draft, VFL_FLAW_PROTOCOL, &record->protocol);
        break;
    case VFL_FIELD_PACKETS:
        record->has_packets =
            parse_bounded(value, UINT64_MAX, draft, VFL_FLAW_COUNTER, &record->packets);
        break;
    case VFL_FIELD_BYTES:
        record->has_bytes =
            parse_bounded(value, UINT64_MAX, draft, VFL_FLAW_COUNTER, &record->bytes);
        break;
    case VFL_FIELD_START:
        draft->has_start =
            parse_bounded(value, UINT64_MAX, draft, VFL_FLAW_TIME_RANGE, &draft->start);
        break;
    case VFL_FIELD_END:
        draft->has_end = parse_bounded(value, UINT64_MAX, draft, VFL_FLAW_TIME_RANGE, &draft->end);
        break;
    case VFL_FIELD_ACTION:
        record->action = parse_action(value);
        break;
    case VFL_FIELD_LOG_STATUS:
        draft->log_status = parse_log_status(value);
        break;
    case VFL_FIELD_TCP_FLAGS:
        record->has_tcp_flags = parse_small(value, UINT8_MAX, draft, 0, &record->tcp_flags);
        break;
    case VFL_FIELD_FLOW_DIRECTION:
        record->flow_direction = parse_flow_direction(value);
        break;
    case VFL_FIELD_TRAFFIC_PATH:
        (void)parse_small(value, 8, draft, 0, &record->traffic_path);
        break;
    default:
        break;
    }
}

static VFL_INLINE void parse_step(struct vfl_record_step step, struct vfl_span value,
                                  struct draft *draft)
{
    const struct vfl_span absent = {NULL, 0};
    if (step.text == VFL_TEXT_COUNT)
        parse_field((enum vfl_field)step.field, value, draft);
    else
        draft->record->texts[step.text] = is_dash(value) ? absent : value;
}

static inline bool is_believable(uint64_t epoch_s, int64_t now_epoch_s)
{
    return epoch_s >= (uint64_t)EARLIEST_EPOCH_S && epoch_s <= INT64_MAX &&
           (int64_t)epoch_s - DAY_S <= now_epoch_s;
}

static inline void settle_times(const struct draft *draft, int64_t now_epoch_s)
{
    struct vfl_record *record = draft->record;
    uint64_t start = draft->start > LEAST_MILLISECONDS ? draft->start / 1000 : draft->start;
    uint64_t end = draft->end > LEAST_MILLISECONDS ? draft->end / 1000 : draft->end;
    record->has_times = false;
    record->start_epoch_s = 0;
    record->end_epoch_s = 0;
    if ((draft->has_start && !is_believable(start, now_epoch_s)) ||
        (draft->has_end && !is_believable(end, now_epoch_s))) {
        record->flaws |= VFL_FLAW_TIME_RANGE;
        return;
    }
    if (!draft->has_start || !draft->has_end)
        return;
    record->has_times = true;
    record->start_epoch_s = (int64_t)start;
    record->end_epoch_s = (int64_t)end;
    if (start > end) {
        record->flaws |= VFL_FLAW_TIME_ORDER;
        record->start_epoch_s = (int64_t)end;
        record->end_epoch_s = (int64_t)start;
    }
}

/* The log status decides first: AWS may fill other fields of a line that is no traffic. */
static enum vfl_record_kind kind_of(const struct draft *draft)
{
    if (draft->is_header)
        return VFL_RECORD_HEADER;
    if (draft->log_status == LOG_STATUS_NODATA)
        return VFL_RECORD_NODATA;
    if (draft->log_status == LOG_STATUS_SKIPDATA)
        return VFL_RECORD_SKIPDATA;
    if (draft->log_status == LOG_STATUS_OTHER || draft->has_bad_address)
        return VFL_RECORD_MALFORMED;
    if (vfl_ip_is_absent(draft->record->src) || vfl_ip_is_absent(draft->record->dst))
        return VFL_RECORD_NO_ADDRESS;
    return VFL_RECORD_FLOW;
}

/* Of a line that has its format's columns, when all of them were parsed. */
static inline void finish_record(const struct draft *draft, int64_t now_epoch_s)
{
    struct vfl_record *record = draft->record;
    enum vfl_record_kind kind = kind_of(draft);
    if (kind == VFL_RECORD_HEADER || kind == VFL_RECORD_MALFORMED) {
        memset(record, 0, sizeof *record);
    } else {
        record->has_ports = draft->has_src_port && draft->has_dst_port;
        settle_times(draft, now_epoch_s);
    }
    record->kind = kind;
}

#endif
