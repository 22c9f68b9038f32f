/* Private to the record parser: what its builds for different processors share. Each build is a
 * file that defines
 *
 *   breaks_of_block   where 64 bytes hold a space, and whether any is a control byte
 *   offsets_of_breaks a mask's bits as offsets
 *   number_before     the number whose 1 to 16 digits end at a place, 16 bytes into the line or
 * more v4_at             the IPv4 address of up to 15 characters at a place, 16 bytes before the
 * end numbers_before, v4_pair_at   two of these
 *
 * as fast as its processor can, and includes this file, which makes vfl_record_parse of them. They
 * may refuse anything unusual: the general code then decides, so all builds give the same record.
 */
#ifndef VFL_FLOWLOG_RECORD_FIELDS_H
#define VFL_FLOWLOG_RECORD_FIELDS_H

#include <string.h>

#include "core/flowlog/record.h"
#include "core/flowlog/values.h"

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

static bool parse_long_number(struct vfl_span value, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned)(value.ptr[i] - '0');
        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return value.len > 0;
}

/* A value and the line that it is in, whose bytes around it may be read along with it. */
struct field_value {
    struct vfl_span text;
    size_t before; /* bytes of the line in front of it */
    size_t after;
};

/* Parses digits alone up to max: no sign, exponent or base prefix. False: absent; anything but "-"
 * then leaves flaw. */
static VFL_INLINE bool parse_bounded(struct field_value value, uint64_t max,
                                     struct vfl_record *record, unsigned flaw, uint64_t *ret_number)
{
    uint64_t number;
    bool is_number = value.text.len <= 16 && value.before + value.text.len >= 16
                         ? number_before(value.text.ptr + value.text.len, value.text.len, &number)
                         : parse_long_number(value.text, &number);
    if (is_number && number <= max) {
        *ret_number = number;
        return true;
    }
    if (!is_dash(value.text))
        record->flaws = (uint8_t)(record->flaws | flaw);
    return false;
}

static VFL_INLINE void parse_address(struct field_value value, struct draft *draft,
                                     struct vfl_ip *ret_address)
{
    uint32_t v4;
    if (value.text.len <= 15 && value.text.len + value.after >= 16 &&
        v4_at(value.text.ptr, value.text.len, &v4))
        *ret_address = vfl_ip_from_v4(v4);
    else if (!vfl_ip_parse(value.text, ret_address) && !is_dash(value.text))
        draft->has_bad_address = true;
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

static VFL_INLINE void parse_field(enum vfl_field field, struct field_value value,
                                   struct draft *draft)
{
    struct vfl_record *record = draft->record;
    uint64_t number = 0;
    switch (field) {
    case VFL_FIELD_SRCADDR:
        parse_address(value, draft, &record->src);
        if (draft->has_bad_address)
            draft->is_header = IS(value.text, "srcaddr");
        break;
    case VFL_FIELD_DSTADDR:
        parse_address(value, draft, &record->dst);
        break;
    case VFL_FIELD_PKT_SRCADDR:
        parse_address(value, draft, &record->pkt_src);
        break;
    case VFL_FIELD_PKT_DSTADDR:
        parse_address(value, draft, &record->pkt_dst);
        break;
    case VFL_FIELD_SRCPORT:
        draft->has_src_port = parse_bounded(value, UINT16_MAX, record, VFL_FLAW_PORT, &number);
        record->src_port = (uint16_t)number;
        break;
    case VFL_FIELD_DSTPORT:
        draft->has_dst_port = parse_bounded(value, UINT16_MAX, record, VFL_FLAW_PORT, &number);
        record->dst_port = (uint16_t)number;
        break;
    case VFL_FIELD_PROTOCOL:
        record->has_protocol = parse_bounded(value, UINT8_MAX, record, VFL_FLAW_PROTOCOL, &number);
        record->protocol = (uint8_t)number;
        break;
    case VFL_FIELD_PACKETS:
        record->has_packets =
            parse_bounded(value, UINT64_MAX, record, VFL_FLAW_COUNTER, &record->packets);
        break;
    case VFL_FIELD_BYTES:
        record->has_bytes =
            parse_bounded(value, UINT64_MAX, record, VFL_FLAW_COUNTER, &record->bytes);
        break;
    case VFL_FIELD_START:
        draft->has_start =
            parse_bounded(value, UINT64_MAX, record, VFL_FLAW_TIME_RANGE, &draft->start);
        break;
    case VFL_FIELD_END:
        draft->has_end = parse_bounded(value, UINT64_MAX, record, VFL_FLAW_TIME_RANGE, &draft->end);
        break;
    case VFL_FIELD_ACTION:
        record->action = parse_action(value.text);
        break;
    case VFL_FIELD_LOG_STATUS:
        draft->log_status = parse_log_status(value.text);
        break;
    case VFL_FIELD_TCP_FLAGS:
        record->has_tcp_flags = parse_bounded(value, UINT8_MAX, record, 0, &number);
        record->tcp_flags = (uint8_t)number;
        break;
    case VFL_FIELD_FLOW_DIRECTION:
        record->flow_direction = parse_flow_direction(value.text);
        break;
    case VFL_FIELD_TRAFFIC_PATH:
        if (parse_bounded(value, 8, record, 0, &number))
            record->traffic_path = (uint8_t)number;
        break;
    default:
        break;
    }
}

static VFL_INLINE void parse_step(struct vfl_record_step step, struct field_value value,
                                  struct draft *draft)
{
    if (step.text == VFL_TEXT_COUNT)
        parse_field((enum vfl_field)step.field, value, draft);
    else if (!is_dash(value.text))
        draft->record->texts[step.text] = value.text;
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

enum { BLOCK_BYTES = 64 };

/* The offsets behind each value of a line whose values are parted by single spaces, as AWS writes
 * them. False: it is another, or has not column_count values. All separators are found before the
 * first value is looked at, so columns that nobody needs cost nothing. */
static VFL_INLINE bool split(struct vfl_span line, unsigned column_count, uint32_t *ends)
{
    if (line.len < BLOCK_BYTES || line.ptr[line.len - 1] == ' ')
        return false;
    uint64_t odd = 0;
    uint64_t was_space = 1; /* at the block's front, of the byte before it */
    unsigned count = 0;
    for (size_t at = 0; at < line.len; at += BLOCK_BYTES) {
        size_t rest = line.len - at;
        size_t again = rest < BLOCK_BYTES ? BLOCK_BYTES - rest : 0; /* bytes looked at once more */
        bool has_control;
        uint64_t spaces = breaks_of_block(line.ptr + at - again, &has_control) >> again;
        odd |= (spaces & (spaces << 1 | was_space)) | has_control;
        was_space = spaces >> 63;
        count += offsets_of_breaks(spaces, (uint32_t)at, ends + count);
        if (count >= column_count)
            return false;
    }
    ends[count] = (uint32_t)line.len;
    return odd == 0 && count + 1 == column_count;
}

/* Any line, its CR taken off already: values parted by runs of spaces and tabs. Returns false
 * unless there are column_count of them and no NUL byte; *ret_is_blank when there is none. */
static VFL_NOINLINE bool parse_any_line(const struct vfl_record_format *format,
                                        struct vfl_span line, struct draft *draft,
                                        bool *ret_is_blank)
{
    struct vfl_values values = {.line = line.ptr, .len = line.len};
    struct vfl_span value = {NULL, 0};
    unsigned column = 0;
    unsigned step = 0;
    while (vfl_values_next(&values, &value)) {
        if (column == format->column_count)
            return false;
        if (step < format->step_count && format->steps[step].column == column) {
            size_t before = (size_t)(value.ptr - line.ptr);
            struct field_value field = {value, before, line.len - before - value.len};
            parse_step(format->steps[step++], field, draft);
        }
        column++;
    }
    *ret_is_blank = column == 0 && !values.has_nul;
    return column == format->column_count && !values.has_nul;
}

static VFL_INLINE struct field_value value_of_column(struct vfl_span line, const uint32_t *ends,
                                                     unsigned column)
{
    uint32_t start = column == 0 ? 0 : ends[column - 1] + 1;
    uint32_t end = ends[column];
    return (struct field_value){{line.ptr + start, end - start}, start, line.len - end};
}

static VFL_INLINE void parse_address_pair(struct vfl_span line, const uint32_t *ends,
                                          struct draft *draft)
{
    const struct field_value src = value_of_column(line, ends, VFL_FIELD_SRCADDR);
    const struct field_value dst = value_of_column(line, ends, VFL_FIELD_DSTADDR);
    uint32_t v4[2];
    if (src.text.len <= 15 && dst.text.len <= 15 && dst.text.len + dst.after >= 16 &&
        v4_pair_at((const char *const[2]){src.text.ptr, dst.text.ptr},
                   (const size_t[2]){src.text.len, dst.text.len}, v4)) {
        draft->record->src = vfl_ip_from_v4(v4[0]);
        draft->record->dst = vfl_ip_from_v4(v4[1]);
        return;
    }
    parse_field(VFL_FIELD_SRCADDR, src, draft);
    parse_field(VFL_FIELD_DSTADDR, dst, draft);
}

/* Of two neighbouring columns. */
static VFL_INLINE bool parse_number_pair(struct vfl_span line, const uint32_t *ends,
                                         enum vfl_field first_field, uint64_t ret_numbers[2])
{
    const struct field_value first = value_of_column(line, ends, first_field);
    const struct field_value second = value_of_column(line, ends, first_field + 1);
    return first.text.len <= 16 && second.text.len <= 16 && first.before + first.text.len >= 16 &&
           numbers_before((const char *const[2]){first.text.ptr + first.text.len,
                                                 second.text.ptr + second.text.len},
                          (const size_t[2]){first.text.len, second.text.len}, ret_numbers);
}

/* The columns of the default format, which most others start with: known beforehand, so there is no
 * choice to make for each value, and neighbours can be taken in pairs. What is not as usual is left
 * to parse_field. */
static VFL_INLINE void parse_default_columns(struct vfl_span line, const uint32_t *ends,
                                             struct draft *draft)
{
    struct vfl_record *record = draft->record;
    uint64_t numbers[2];
#define PARSE(field) parse_field(field, value_of_column(line, ends, field), draft)
    struct vfl_span interface_id = value_of_column(line, ends, VFL_FIELD_INTERFACE_ID).text;
    if (!is_dash(interface_id))
        record->interface_id = interface_id;
    parse_address_pair(line, ends, draft);
    if (parse_number_pair(line, ends, VFL_FIELD_SRCPORT, numbers) &&
        (numbers[0] | numbers[1]) <= UINT16_MAX) {
        draft->has_src_port = draft->has_dst_port = true;
        record->src_port = (uint16_t)numbers[0];
        record->dst_port = (uint16_t)numbers[1];
    } else {
        PARSE(VFL_FIELD_SRCPORT);
        PARSE(VFL_FIELD_DSTPORT);
    }
    struct vfl_span protocol = value_of_column(line, ends, VFL_FIELD_PROTOCOL).text;
    unsigned tens = (unsigned)(protocol.ptr[0] - '0');
    unsigned ones = (unsigned)(protocol.ptr[protocol.len - 1] - '0');
    if (protocol.len <= 2 && tens <= 9 && ones <= 9) {
        record->has_protocol = true;
        record->protocol = (uint8_t)(protocol.len == 1 ? ones : tens * 10 + ones);
    } else {
        PARSE(VFL_FIELD_PROTOCOL);
    }
    if (parse_number_pair(line, ends, VFL_FIELD_PACKETS, numbers)) {
        record->has_packets = record->has_bytes = true;
        record->packets = numbers[0];
        record->bytes = numbers[1];
    } else {
        PARSE(VFL_FIELD_PACKETS);
        PARSE(VFL_FIELD_BYTES);
    }
    if (parse_number_pair(line, ends, VFL_FIELD_START, numbers)) {
        draft->has_start = draft->has_end = true;
        draft->start = numbers[0];
        draft->end = numbers[1];
    } else {
        PARSE(VFL_FIELD_START);
        PARSE(VFL_FIELD_END);
    }
    PARSE(VFL_FIELD_ACTION);
    PARSE(VFL_FIELD_LOG_STATUS);
#undef PARSE
}

static VFL_INLINE void parse_columns(const struct vfl_record_format *format, struct vfl_span line,
                                     const uint32_t *ends, struct draft *draft)
{
    unsigned step = 0;
    if (format->default_step_count > 0) {
        parse_default_columns(line, ends, draft);
        step = format->default_step_count;
    }
    for (; step < format->step_count; step++)
        parse_step(format->steps[step], value_of_column(line, ends, format->steps[step].column),
                   draft);
}

static VFL_INLINE void parse_record(const struct vfl_record_format *format, struct vfl_span line,
                                    int64_t now_epoch_s, struct vfl_record *ret_record)
{
    /* A block's offsets are stored eight at a time, past the last one that counts. */
    uint32_t ends[VFL_RECORD_MAX_COLUMNS + BLOCK_BYTES + 8];
    struct draft draft = {.record = ret_record};
    bool is_blank = false;
    bool is_whole;
    clear_record(ret_record);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (split(line, format->column_count, ends)) {
        parse_columns(format, line, ends, &draft);
        is_whole = true;
    } else {
        is_whole = parse_any_line(format, line, &draft, &is_blank);
    }
    enum vfl_record_kind kind = is_whole   ? kind_of(&draft)
                                : is_blank ? VFL_RECORD_BLANK
                                           : VFL_RECORD_MALFORMED;
    if (kind == VFL_RECORD_BLANK || kind == VFL_RECORD_HEADER || kind == VFL_RECORD_MALFORMED) {
        clear_record(ret_record);
    } else {
        ret_record->has_ports = draft.has_src_port && draft.has_dst_port;
        settle_times(&draft, now_epoch_s);
    }
    ret_record->kind = kind;
}

#endif
