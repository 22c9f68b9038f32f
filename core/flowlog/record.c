#include "core/flowlog/record.h"

#include <string.h>

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

/* The digits in the len (1 to 8) lowest bytes of word, first digit lowest; false when one is none.
 * Eight bytes are one register: no branch per digit, which is where a loop loses its time. */
static inline bool number_of_word(uint64_t word, size_t len, uint64_t *ret_number)
{
    uint64_t digits = (word ^ UINT64_C(0x3030303030303030)) << (64 - 8 * len);
    if (((digits + UINT64_C(0x7676767676767676)) & UINT64_C(0x8080808080808080)) != 0 ||
        (digits & UINT64_C(0x8080808080808080)) != 0)
        return false;
    /* Pairs, then fours, then all eight. */
    digits = digits * 10 + (digits >> 8);
    const uint64_t pairs = UINT64_C(0x000000ff000000ff);
    *ret_number = ((digits & pairs) * UINT64_C(0x000f424000000064) +
                   (digits >> 16 & pairs) * UINT64_C(0x0000271000000001)) >>
                  32;
    return true;
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
    return true;
}

/* Digits only: no sign, exponent or base prefix. room: bytes readable from value on. */
static inline bool parse_number(struct vfl_span value, size_t room, uint64_t *ret_number)
{
    if (value.len <= 8 && room >= 8)
        return number_of_word(vfl_load_8_bytes(value.ptr), value.len, ret_number);
    uint64_t high, low;
    if (value.len > 16 || value.len <= 8)
        return parse_long_number(value, ret_number);
    if (!number_of_word(vfl_load_8_bytes(value.ptr), value.len - 8, &high) ||
        !number_of_word(vfl_load_8_bytes(value.ptr + value.len - 8), 8, &low))
        return false;
    *ret_number = high * 100000000 + low;
    return true;
}

/* Parses a number up to max. False: absent; anything but "-" then leaves flaw. */
static inline bool parse_bounded(struct vfl_span value, size_t room, uint64_t max,
                                 struct vfl_record *record, unsigned flaw, uint64_t *ret_number)
{
    uint64_t number;
    if (parse_number(value, room, &number) && number <= max) {
        *ret_number = number;
        return true;
    }
    if (!is_dash(value))
        record->flaws = (uint8_t)(record->flaws | flaw);
    return false;
}

/* One octet: the len bytes at text, where four are readable. Returns over 255 for anything but its
 * canonical decimal form. */
static inline uint32_t octet_of(const char *text, size_t len)
{
    static const uint32_t least[] = {1, 0, 10, 100}; /* of a number of so many digits */
    if (len - 1 > 2)
        return 256;
    uint32_t digits = (vfl_load_4_bytes(text) ^ UINT32_C(0x30303030)) << (32 - 8 * len);
    uint32_t bad = ((digits + UINT32_C(0x76767676)) | digits) & UINT32_C(0x80808080);
    uint32_t value = (digits >> 24) + (digits >> 16 & 255) * 10 + (digits >> 8 & 255) * 100;
    bad |= value - least[len] > 255 - least[len];
    return bad != 0 ? 256 : value;
}

/* The usual case of vfl_ip_parse, without a branch per byte. False: let vfl_ip_parse decide. */
static inline bool parse_v4_fast(struct vfl_span value, size_t room, struct vfl_ip *ret_address)
{
    if (room < 16 || value.len > 15)
        return false;
    const char *text = value.ptr;
    uint64_t dots = vfl_bytes_equal_to(vfl_load_8_bytes(text), '.') |
                    vfl_bytes_equal_to(vfl_load_8_bytes(text + 8), '.') << 8;
    dots &= (UINT64_C(1) << value.len) - 1;
    size_t at[3];
    for (int i = 0; i < 3; i++) {
        if (dots == 0)
            return false;
        at[i] = vfl_lowest_bit(dots);
        dots &= dots - 1;
    }
    if (at[2] > 11)
        return false;
    uint32_t a = octet_of(text, at[0]);
    uint32_t b = octet_of(text + at[0] + 1, at[1] - at[0] - 1);
    uint32_t c = octet_of(text + at[1] + 1, at[2] - at[1] - 1);
    uint32_t d = octet_of(text + at[2] + 1, value.len - at[2] - 1);
    if ((a | b | c | d) > 255)
        return false;
    *ret_address = vfl_ip_from_v4(a << 24 | b << 16 | c << 8 | d);
    return true;
}

static inline void parse_address(struct vfl_span value, size_t room, struct draft *draft,
                                 struct vfl_ip *ret_address)
{
    if (!parse_v4_fast(value, room, ret_address) && !vfl_ip_parse(value, ret_address) &&
        !is_dash(value))
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

static void set_text(struct vfl_span value, struct vfl_span *ret_text)
{
    if (!is_dash(value))
        *ret_text = value;
}

/* The fields that are text, apart from the walk over the frequent ones. */
static void parse_text_field(enum vfl_field field, struct vfl_span value, struct vfl_record *record)
{
    switch (field) {
    case VFL_FIELD_VPC_ID:
        set_text(value, &record->vpc_id);
        break;
    case VFL_FIELD_RESOURCE_ID:
        set_text(value, &record->resource_id);
        break;
    case VFL_FIELD_INTERFACE_TYPE:
        set_text(value, &record->interface_type);
        break;
    case VFL_FIELD_NEXT_HOP_INTERFACE_ID:
        set_text(value, &record->next_hop_interface_id);
        break;
    case VFL_FIELD_NEXT_HOP_INTERFACE_TYPE:
        set_text(value, &record->next_hop_interface_type);
        break;
    case VFL_FIELD_NEXT_HOP_VPC_ID:
        set_text(value, &record->next_hop_vpc_id);
        break;
    case VFL_FIELD_TGW_SRC_VPC_ID:
        set_text(value, &record->tgw_src_vpc_id);
        break;
    case VFL_FIELD_TGW_DST_VPC_ID:
        set_text(value, &record->tgw_dst_vpc_id);
        break;
    case VFL_FIELD_REJECT_REASON:
        set_text(value, &record->reject_reason);
        break;
    case VFL_FIELD_TGW_ATTACHMENT_ID:
        set_text(value, &record->tgw_attachment_id);
        break;
    case VFL_FIELD_TGW_SRC_ENI:
        set_text(value, &record->tgw_src_eni);
        break;
    case VFL_FIELD_TGW_DST_ENI:
        set_text(value, &record->tgw_dst_eni);
        break;
    default:
        break;
    }
}

static inline void parse_field(enum vfl_field field, struct vfl_span value, size_t room,
                               struct draft *draft)
{
    struct vfl_record *record = draft->record;
    uint64_t number = 0;
    switch (field) {
    case VFL_FIELD_INTERFACE_ID:
        set_text(value, &record->interface_id);
        break;
    case VFL_FIELD_SRCADDR:
        parse_address(value, room, draft, &record->src);
        if (draft->has_bad_address)
            draft->is_header = IS(value, "srcaddr");
        break;
    case VFL_FIELD_DSTADDR:
        parse_address(value, room, draft, &record->dst);
        break;
    case VFL_FIELD_PKT_SRCADDR:
        parse_address(value, room, draft, &record->pkt_src);
        break;
    case VFL_FIELD_PKT_DSTADDR:
        parse_address(value, room, draft, &record->pkt_dst);
        break;
    case VFL_FIELD_SRCPORT:
        draft->has_src_port =
            parse_bounded(value, room, UINT16_MAX, record, VFL_FLAW_PORT, &number);
        record->src_port = (uint16_t)number;
        break;
    case VFL_FIELD_DSTPORT:
        draft->has_dst_port =
            parse_bounded(value, room, UINT16_MAX, record, VFL_FLAW_PORT, &number);
        record->dst_port = (uint16_t)number;
        break;
    case VFL_FIELD_PROTOCOL:
        record->has_protocol =
            parse_bounded(value, room, UINT8_MAX, record, VFL_FLAW_PROTOCOL, &number);
        record->protocol = (uint8_t)number;
        break;
    case VFL_FIELD_PACKETS:
        record->has_packets =
            parse_bounded(value, room, UINT64_MAX, record, VFL_FLAW_COUNTER, &record->packets);
        break;
    case VFL_FIELD_BYTES:
        record->has_bytes =
            parse_bounded(value, room, UINT64_MAX, record, VFL_FLAW_COUNTER, &record->bytes);
        break;
    case VFL_FIELD_START:
        draft->has_start =
            parse_bounded(value, room, UINT64_MAX, record, VFL_FLAW_TIME_RANGE, &draft->start);
        break;
    case VFL_FIELD_END:
        draft->has_end =
            parse_bounded(value, room, UINT64_MAX, record, VFL_FLAW_TIME_RANGE, &draft->end);
        break;
    case VFL_FIELD_ACTION:
        record->action = parse_action(value);
        break;
    case VFL_FIELD_LOG_STATUS:
        draft->log_status = parse_log_status(value);
        break;
    case VFL_FIELD_TCP_FLAGS:
        record->has_tcp_flags = parse_bounded(value, room, UINT8_MAX, record, 0, &number);
        record->tcp_flags = (uint8_t)number;
        break;
    case VFL_FIELD_FLOW_DIRECTION:
        record->flow_direction = parse_flow_direction(value);
        break;
    case VFL_FIELD_TRAFFIC_PATH:
        if (parse_bounded(value, room, 8, record, 0, &number))
            record->traffic_path = (uint8_t)number;
        break;
    default:
        parse_text_field(field, value, record);
        break;
    }
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

/* In pieces that compilers turn into a few vector stores; of the whole they make a `rep stos`,
 * which costs as much as parsing two addresses. */
static inline void clear(struct vfl_record *record)
{
    enum { PIECE_BYTES = 64 };
    char *bytes = (char *)record;
    size_t at = 0;
    for (; at + PIECE_BYTES <= sizeof *record; at += PIECE_BYTES)
        memset(bytes + at, 0, PIECE_BYTES);
    memset(bytes + at, 0, sizeof *record % PIECE_BYTES);
}

void vfl_record_parse(const struct vfl_record_format *format, struct vfl_span line,
                      int64_t now_epoch_s, struct vfl_record *ret_record)
{
    clear(ret_record);
    struct vfl_values values = vfl_values_of(line);
    struct draft draft = {.record = ret_record};
    struct vfl_span value = {NULL, 0};
    unsigned column = 0;
    bool has_extra = false;
    while (vfl_values_next(&values, &value)) {
        has_extra = column == format->column_count;
        if (has_extra)
            break;
        size_t room = (size_t)(values.line + values.len - value.ptr);
        parse_field((enum vfl_field)format->column_field[column++], value, room, &draft);
    }
    bool is_exact = column == format->column_count && !has_extra;
    enum vfl_record_kind kind = is_exact && !values.has_nul      ? kind_of(&draft)
                                : column == 0 && !values.has_nul ? VFL_RECORD_BLANK
                                                                 : VFL_RECORD_MALFORMED;
    if (kind == VFL_RECORD_BLANK || kind == VFL_RECORD_HEADER || kind == VFL_RECORD_MALFORMED)
        clear(ret_record);
    else {
        ret_record->has_ports = draft.has_src_port && draft.has_dst_port;
        settle_times(&draft, now_epoch_s);
    }
    ret_record->kind = kind;
}
