/* An object's text, first line included, through the line cutter and the record parser. Holds them
 * to: no read outside a line, consistent records, the same ones from every build of the parser, and
 * addresses that print to what they parse from.
 */
#include "core/flowlog/lines.h"
#include "core/flowlog/record_parser.h"

#include "tests/fuzz/replay.h"

#define NOW_EPOCH_S INT64_C(1714521600)

struct object {
    struct vfl_record_format format;
    bool has_format;
};

static void check_address(struct vfl_ip address)
{
    char text[VFL_IP_TEXT_SIZE];
    struct vfl_ip again;
    if (vfl_ip_is_absent(address))
        return;
    unsigned len = vfl_ip_format(address, text);
    FUZZ_CHECK(len < VFL_IP_TEXT_SIZE && text[len] == '\0');
    FUZZ_CHECK(vfl_ip_parse((struct vfl_span){text, len}, &again));
    FUZZ_CHECK(vfl_ip_equal(address, again));
}

static void check_record(const struct vfl_record *record, struct vfl_span line)
{
    if (record->kind == VFL_RECORD_FLOW)
        FUZZ_CHECK(!vfl_ip_is_absent(record->src) && !vfl_ip_is_absent(record->dst));
    if (record->has_times)
        FUZZ_CHECK(record->start_epoch_s <= record->end_epoch_s);
    if (record->interface_id.ptr != NULL)
        FUZZ_CHECK(record->interface_id.ptr >= line.ptr &&
                   record->interface_id.ptr + record->interface_id.len <= line.ptr + line.len);
    check_address(record->src);
    check_address(record->dst);
    check_address(record->pkt_src);
    check_address(record->pkt_dst);
}

static enum vfl_status receive(void *ctx, struct vfl_span line, struct vfl_error *err)
{
    struct object *object = ctx;
    struct vfl_record record;
    if (!object->has_format) {
        bool is_header;
        enum vfl_status st = vfl_record_format_parse(line, &object->format, &is_header, err);
        if (st != VFL_OK)
            return st;
        object->has_format = true;
        vfl_record_parse(&object->format, line, NOW_EPOCH_S, &record);
        if (is_header && record.kind != VFL_RECORD_HEADER) /* a BOM spoils the first name */
            FUZZ_CHECK(record.kind == VFL_RECORD_MALFORMED || line.ptr[0] == '\xef');
        return VFL_OK;
    }
    vfl_record_parse(&object->format, line, NOW_EPOCH_S, &record);
    check_record(&record, line);
    struct vfl_record portable;
    vfl_record_parse_portable(&object->format, line, NOW_EPOCH_S, &portable);
    FUZZ_CHECK(memcmp(&record, &portable, sizeof record) == 0);
    return VFL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct object object = {.has_format = false};
    struct vfl_lines lines;
    if (vfl_lines_init(&lines, (struct vfl_line_sink){receive, &object}, NULL) != VFL_OK)
        return 0;
    struct vfl_span text = {(const char *)input, len};
    if (vfl_lines_feed(&lines, text, NULL) == VFL_OK)
        (void)!vfl_lines_finish(&lines, NULL);
    vfl_lines_fini(&lines);
    return 0;
}
