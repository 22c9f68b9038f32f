#include "examples/explain/left_out.h"

#include <inttypes.h>

#include "core/flowlog/lines.h"
#include "core/flowlog/values.h"
#include "core/topology/evidence.h"
#include "examples/explain/words.h"

#define MAX_TEXT_BYTES 8192 /* of one record; its texts are 255 bytes each at most */
#define MAX_SHOWN_BYTES 80  /* of a value that could not be read */

struct walk {
    struct vfl_topology *topology;
    const char *path;
    const struct vfl_left_out_options *options;
    struct vfl_left_out_counts *counts;
    FILE *out;
    struct vfl_flow_table table; /* of one record at a time */
};

/* --- lines that are no record --- */

static void append_value(struct vfl_strbuf *text, struct vfl_span value)
{
    bool is_long = value.len > MAX_SHOWN_BYTES;
    vfl_strbuf_append_char(text, '"');
    vfl_words_append(text, (struct vfl_span){value.ptr, is_long ? MAX_SHOWN_BYTES : value.len});
    vfl_strbuf_append_string(text, is_long ? "...\"" : "\"");
}

static bool is_address_field(enum vfl_field field)
{
    return field == VFL_FIELD_SRCADDR || field == VFL_FIELD_DSTADDR ||
           field == VFL_FIELD_PKT_SRCADDR || field == VFL_FIELD_PKT_DSTADDR;
}

/* Appends what is wrong with a value that spoils its record; false when nothing is. */
static bool append_bad_value(struct vfl_strbuf *text, enum vfl_field field, struct vfl_span value)
{
    struct vfl_ip ip;
    bool is_bad_address =
        is_address_field(field) && !vfl_span_equal_string(value, "-") && !vfl_ip_parse(value, &ip);
    if (!is_bad_address && field != VFL_FIELD_LOG_STATUS)
        return false;
    if (!is_bad_address &&
        (vfl_span_equal_string(value, "OK") || vfl_span_equal_string(value, "-")))
        return false;
    vfl_strbuf_appendf(text, "%s is ", vfl_field_name(field));
    append_value(text, value);
    vfl_strbuf_append_string(text, is_bad_address ? ", which is no address"
                                                  : ", which is not OK, NODATA or SKIPDATA");
    return true;
}

static void append_malformed(struct vfl_strbuf *text, const struct vfl_log_line *line)
{
    struct vfl_values values = vfl_values_of(line->text);
    struct vfl_span value = {NULL, 0};
    unsigned count = 0;
    while (vfl_values_next(&values, &value))
        count++;
    vfl_strbuf_append_string(text, "malformed: ");
    if (values.has_nul) {
        vfl_strbuf_append_string(text, "it contains a NUL byte");
        return;
    }
    if (count != line->format->column_count) {
        vfl_strbuf_appendf(text, "it has %u values, the format has %u columns", count,
                           line->format->column_count);
        return;
    }
    values = vfl_values_of(line->text);
    for (unsigned i = 0; i < count && vfl_values_next(&values, &value); i++)
        if (append_bad_value(text, (enum vfl_field)line->format->column_field[i], value))
            return;
    vfl_strbuf_append_string(text, "it is no record");
}

static void print_line(const char *path, uint64_t number, const struct vfl_strbuf *text, FILE *out)
{
    struct vfl_strbuf safe_path = VFL_STRBUF_INIT(MAX_TEXT_BYTES);
    vfl_words_append(&safe_path, vfl_span_from_string(path));
    (void)fprintf(out, "%s:%" PRIu64 ": %s\n", vfl_strbuf_string(&safe_path), number,
                  vfl_strbuf_string(text));
    vfl_strbuf_fini(&safe_path);
}

void vfl_left_out_print_bad_line(const char *path, const struct vfl_log_line *line, FILE *out)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(MAX_TEXT_BYTES);
    if (line->is_overlong)
        vfl_strbuf_appendf(&text, "malformed: the line is longer than %d bytes",
                           VFL_LINE_MAX_BYTES);
    else
        append_malformed(&text, line);
    print_line(path, line->number, &text, out);
    vfl_strbuf_fini(&text);
}

/* --- what a record is about --- */

static void append_ip(struct vfl_strbuf *text, struct vfl_ip ip)
{
    char address[VFL_IP_TEXT_SIZE];
    (void)vfl_ip_format(ip, address);
    vfl_strbuf_append_string(text, address);
}

static void append_end(struct vfl_strbuf *text, struct vfl_ip ip, bool has_port, uint16_t port)
{
    bool is_bracketed = has_port && !vfl_ip_is_v4(ip);
    vfl_strbuf_append_string(text, is_bracketed ? "[" : "");
    append_ip(text, ip);
    vfl_strbuf_append_string(text, is_bracketed ? "]" : "");
    if (has_port)
        vfl_strbuf_appendf(text, ":%u", port);
}

static struct vfl_span reporter_of(const struct vfl_record *record)
{
    if (record->interface_id.len > 0)
        return record->interface_id;
    return record->resource_id.len > 0 ? record->resource_id : record->tgw_attachment_id;
}

/* "eni-1: 10.0.0.1:40001 -> 10.0.0.2:443 tcp, 200 bytes: " */
static void append_subject(struct vfl_strbuf *text, const struct vfl_record *record)
{
    struct vfl_span reporter = reporter_of(record);
    vfl_words_append(text, reporter.len > 0 ? reporter : VFL_SPAN_LITERAL("no interface named"));
    vfl_strbuf_append_string(text, ": ");
    if (record->kind == VFL_RECORD_FLOW) {
        bool has_ports = record->has_ports && (record->src_port != 0 || record->dst_port != 0);
        append_end(text, record->src, has_ports, record->src_port);
        vfl_strbuf_append_string(text, " -> ");
        append_end(text, record->dst, has_ports, record->dst_port);
        if (record->has_protocol) {
            vfl_strbuf_append_char(text, ' ');
            vfl_words_append_protocol(text, record->protocol);
        }
        if (record->has_bytes)
            vfl_strbuf_appendf(text, ", %" PRIu64 " bytes", record->bytes);
        vfl_strbuf_append_string(text, ": ");
    }
}

/* The ends that count: those of the packet where they are told. */
static struct vfl_ip end_of(const struct vfl_record *record, bool is_dst)
{
    struct vfl_ip packet = is_dst ? record->pkt_dst : record->pkt_src;
    if (!vfl_ip_is_absent(packet))
        return packet;
    return is_dst ? record->dst : record->src;
}

/* --- reasons --- */

static void append_ends_of_class(struct vfl_strbuf *text, const struct vfl_record *record,
                                 enum vfl_ip_class class)
{
    bool is_first = true;
    for (int is_dst = 0; is_dst < 2; is_dst++) {
        struct vfl_ip ip = end_of(record, is_dst == 1);
        if (vfl_ip_classify(ip) != class)
            continue;
        vfl_strbuf_append_string(text, is_first ? "" : " and ");
        append_ip(text, ip);
        is_first = false;
    }
    vfl_strbuf_append_string(text, is_first ? "an end" : "");
}

static const char *kind_words(enum vfl_interface_kind kind)
{
    return kind == VFL_INTERFACE_NAT_GATEWAY ? "a NAT gateway" : "an application load balancer";
}

/* The middlebox's interface that has one of the record's addresses, as resolve.c looks for it. */
static bool append_middlebox_address(struct vfl_strbuf *text, const struct walk *walk,
                                     const struct vfl_record *record, uint32_t vpc_id)
{
    const struct vfl_interfaces *interfaces = vfl_topology_interfaces(walk->topology);
    const struct vfl_ip addresses[] = {record->src, record->dst, record->pkt_src, record->pkt_dst};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct vfl_address_owner owner;
        uint32_t other_vpc_id = VFL_TOKEN_ABSENT;
        int64_t at = record->has_times ? record->end_epoch_s : 0;
        bool is_owned =
            !vfl_ip_is_absent(addresses[i]) &&
            (vfl_interfaces_find_owner(interfaces, vpc_id, addresses[i], at, &owner) ||
             (vfl_interfaces_find_vpcs(interfaces, addresses[i], at, &other_vpc_id) == 1 &&
              vfl_interfaces_find_owner(interfaces, other_vpc_id, addresses[i], at, &owner)));
        if (!is_owned || owner.interface->kind == VFL_INTERFACE_ORDINARY)
            continue;
        append_ip(text, addresses[i]);
        vfl_strbuf_append_string(text, " is of ");
        vfl_words_append(
            text, vfl_span_from_string(vfl_tokens_text(&interfaces->tokens, owner.interface->id)));
        vfl_strbuf_appendf(text, ", %s", kind_words(owner.interface->kind));
        return true;
    }
    return false;
}

static void append_middlebox(struct vfl_strbuf *text, const struct walk *walk,
                             const struct vfl_record *record, const struct vfl_flow_place *place)
{
    if (place->reporter != NULL && place->reporter->kind != VFL_INTERFACE_ORDINARY)
        vfl_strbuf_appendf(text, "the reporting interface is %s's",
                           kind_words(place->reporter->kind));
    else if (!append_middlebox_address(text, walk, record, place->vpc_id))
        vfl_strbuf_append_string(text, "the record says that its reporter is a NAT gateway");
    vfl_strbuf_append_string(text, ", where traffic only passes");
}

/* The end that so many other VPCs have as its owner. */
static bool append_stray_end(struct vfl_strbuf *text, const struct walk *walk,
                             const struct vfl_record *record, uint32_t vpc_id, unsigned vpc_count,
                             const char *words)
{
    const struct vfl_interfaces *interfaces = vfl_topology_interfaces(walk->topology);
    int64_t at = record->has_times ? record->end_epoch_s : 0;
    for (int is_dst = 0; is_dst < 2; is_dst++) {
        struct vfl_ip ip = end_of(record, is_dst == 1);
        struct vfl_address_owner owner;
        uint32_t any_vpc_id;
        if (vfl_interfaces_find_owner(interfaces, vpc_id, ip, at, &owner) ||
            vfl_interfaces_find_vpcs(interfaces, ip, at, &any_vpc_id) != vpc_count)
            continue;
        append_ip(text, ip);
        vfl_strbuf_append_string(text, words);
        return true;
    }
    return false;
}

static void append_unresolved(struct vfl_strbuf *text, const struct walk *walk,
                              const struct vfl_record *record, uint32_t vpc_id)
{
    if (!append_stray_end(text, walk, record, vpc_id, 2,
                          " is in several known VPCs and not in the reporter's: which one is meant "
                          "cannot be told") &&
        !append_stray_end(text, walk, record, vpc_id, 0,
                          " is outside the reporter's VPC, and nothing tells in which one it is"))
        vfl_strbuf_append_string(text, "the VPC of an end cannot be told");
}

static void append_unknown_interface(struct vfl_strbuf *text, const struct walk *walk)
{
    vfl_strbuf_append_string(text, walk->options->has_interfaces_file
                                       ? "the interfaces file does not have the interface, and the "
                                         "record names no vpc-id: nothing tells the VPC"
                                       : "without --interfaces only the record could tell the VPC, "
                                         "and it names no vpc-id");
}

static void append_reason(struct vfl_strbuf *text, const struct walk *walk,
                          const struct vfl_record *record, const struct vfl_flow_place *place)
{
    vfl_strbuf_appendf(text, "%s: ", vfl_flow_outcome_name(place->outcome));
    switch (place->outcome) {
    case VFL_FLOW_PUBLIC:
        vfl_strbuf_append_string(text, "not a private address, and scope is private: ");
        append_ends_of_class(text, record, VFL_IP_PUBLIC);
        break;
    case VFL_FLOW_MIDDLEBOX:
        append_middlebox(text, walk, record, place);
        break;
    case VFL_FLOW_NOT_ENDPOINT:
        vfl_strbuf_append_string(text, "not a host's address, but multicast, link-local or the "
                                       "like: ");
        append_ends_of_class(text, record, VFL_IP_NOT_ENDPOINT);
        break;
    case VFL_FLOW_SELF:
        vfl_strbuf_append_string(text, "both ends are the same endpoint");
        break;
    case VFL_FLOW_UNKNOWN_INTERFACE:
        append_unknown_interface(text, walk);
        break;
    case VFL_FLOW_UNRESOLVED:
        append_unresolved(text, walk, record, place->vpc_id);
        break;
    case VFL_FLOW_UNDETERMINED:
        vfl_strbuf_append_string(text, "the interface passed it on between two addresses of which "
                                       "no known interface has either");
        break;
    case VFL_FLOW_KEPT:
    case VFL_FLOW_OUTCOME_COUNT:
        break;
    }
}

/* --- the walk --- */

static enum vfl_status place_record(struct walk *walk, const struct vfl_log_line *line,
                                    struct vfl_flow_place *ret_place, struct vfl_error *err)
{
    struct vfl_log_file_name name = vfl_log_file_name(walk->path);
    vfl_flow_table_reset(&walk->table);
    enum vfl_status st =
        vfl_flow_table_start_object(&walk->table, name.region, name.flow_log_id, line->format, err);
    if (st == VFL_OK)
        st = vfl_flow_table_add(&walk->table, line->record, err);
    if (st == VFL_OK)
        st = vfl_flow_table_end_object(&walk->table, err);
    return st == VFL_OK ? vfl_topology_place(walk->topology, &walk->table, 0, ret_place, err) : st;
}

/* NULL: the kind is no record of its own, or has a longer story. */
static const char *kind_reason(enum vfl_record_kind kind)
{
    switch (kind) {
    case VFL_RECORD_NODATA:
        return "nodata: the interface had no traffic in this time";
    case VFL_RECORD_SKIPDATA:
        return "skipdata: AWS lost records of this interface in this time";
    case VFL_RECORD_NO_ADDRESS:
        return "no_address: the source or the destination address is \"-\"";
    case VFL_RECORD_FLOW:
    case VFL_RECORD_HEADER:
    case VFL_RECORD_BLANK:
    case VFL_RECORD_MALFORMED:
        break;
    }
    return NULL;
}

static enum vfl_status on_flow(struct walk *walk, const struct vfl_log_line *line,
                               struct vfl_error *err)
{
    struct vfl_flow_place place;
    enum vfl_status st = place_record(walk, line, &place, err);
    if (st != VFL_OK)
        return st;
    walk->counts->outcomes[place.outcome]++;
    if (place.outcome == VFL_FLOW_KEPT)
        return VFL_OK;
    struct vfl_strbuf text = VFL_STRBUF_INIT(MAX_TEXT_BYTES);
    append_subject(&text, line->record);
    append_reason(&text, walk, line->record, &place);
    print_line(walk->path, line->number, &text, walk->out);
    vfl_strbuf_fini(&text);
    return VFL_OK;
}

static enum vfl_status on_line(void *ctx, const struct vfl_log_line *line, struct vfl_error *err)
{
    struct walk *walk = ctx;
    if (line->is_overlong) {
        walk->counts->overlong_lines++;
        vfl_left_out_print_bad_line(walk->path, line, walk->out);
        return VFL_OK;
    }
    walk->counts->kinds[line->record->kind]++;
    if (line->record->kind == VFL_RECORD_FLOW)
        return on_flow(walk, line, err);
    const char *reason = kind_reason(line->record->kind);
    if (line->record->kind == VFL_RECORD_MALFORMED)
        vfl_left_out_print_bad_line(walk->path, line, walk->out);
    if (reason == NULL)
        return VFL_OK;
    struct vfl_strbuf text = VFL_STRBUF_INIT(MAX_TEXT_BYTES);
    append_subject(&text, line->record);
    vfl_strbuf_append_string(&text, reason);
    print_line(walk->path, line->number, &text, walk->out);
    vfl_strbuf_fini(&text);
    return VFL_OK;
}

enum vfl_status vfl_left_out_print(struct vfl_topology *topology, const char *path,
                                   const struct vfl_left_out_options *options,
                                   struct vfl_left_out_counts *counts, FILE *out,
                                   struct vfl_error *err)
{
    struct walk walk = {
        .topology = topology,
        .path = path,
        .options = options,
        .counts = counts,
        .out = out,
    };
    enum vfl_status st = vfl_log_file_read_lines(path, options->now_epoch_s,
                                                 (struct vfl_log_line_sink){on_line, &walk}, err);
    vfl_flow_table_fini(&walk.table);
    return st;
}
