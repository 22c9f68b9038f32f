/* An object's text, first line included, through the line cutter and the record scanners. Holds
 * them to: no read outside a block, consistent records, the same ones from every scanner, from the
 * lines one by one and for another split into chunks, and addresses that print to what they parse
 * from.
 */
#include "core/flowlog/lines.h"
#include "core/flowlog/record_scanners.h"

#include "tests/fuzz/replay.h"

#define NOW_EPOCH_S INT64_C(1714521600)

struct object {
    struct vfl_record_format format;
    bool has_format;
    struct vfl_span rest; /* of the block under way */
    uint64_t line_count;
    uint64_t line_bytes;
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

static enum vfl_status on_record(void *ctx, const struct vfl_record *record, struct vfl_span line,
                                 struct vfl_error *err)
{
    (void)err;
    struct object *object = ctx;
    struct vfl_span expected_line = {NULL, 0};
    struct vfl_record expected;
    FUZZ_CHECK(vfl_lines_next(&object->rest, &expected_line));
    FUZZ_CHECK(line.ptr == expected_line.ptr && line.len == expected_line.len);
    vfl_record_parse(&object->format, line, NOW_EPOCH_S, &expected);
    FUZZ_CHECK(memcmp(record, &expected, sizeof expected) == 0);
    check_record(record, line);
    return VFL_OK;
}

static enum vfl_status scan(struct object *object, vfl_record_scanner *scanner,
                            struct vfl_span block, struct vfl_error *err)
{
    object->rest = block;
    enum vfl_status st = scanner(&object->format, block, NOW_EPOCH_S,
                                 (struct vfl_record_sink){on_record, object}, err);
    FUZZ_CHECK(st != VFL_OK || object->rest.len == 0);
    return st;
}

static enum vfl_status receive(void *ctx, struct vfl_span block, struct vfl_error *err)
{
    struct object *object = ctx;
    struct vfl_span rest = block;
    struct vfl_span line = {NULL, 0};
    while (vfl_lines_next(&rest, &line)) {
        object->line_count++;
        object->line_bytes += line.len;
        if (object->has_format)
            continue;
        bool is_header;
        struct vfl_record record;
        enum vfl_status st = vfl_record_format_parse(line, &object->format, &is_header, err);
        if (st != VFL_OK)
            return st;
        object->has_format = true;
        vfl_record_parse(&object->format, line, NOW_EPOCH_S, &record);
        if (is_header && record.kind != VFL_RECORD_HEADER) /* a BOM spoils the first name */
            FUZZ_CHECK(record.kind == VFL_RECORD_MALFORMED || line.ptr[0] == '\xef');
    }
    enum vfl_status st = scan(object, vfl_record_scan, block, err);
#ifdef VFL_RECORD_HAS_VECTOR_BUILDS
    if (st == VFL_OK && vfl_record_can_run_avx2())
        st = scan(object, vfl_record_scan_avx2, block, err);
    if (st == VFL_OK && vfl_record_can_run_avx512())
        st = scan(object, vfl_record_scan_avx512, block, err);
#endif
    return st == VFL_OK ? scan(object, vfl_record_scan_portable, block, err) : st;
}

/* Returns whether it was a flow log. */
static bool read_text(struct object *object, struct vfl_span text, size_t split)
{
    struct vfl_lines lines;
    *object = (struct object){.has_format = false};
    if (vfl_lines_init(&lines, (struct vfl_line_sink){receive, object}, NULL) != VFL_OK)
        return false;
    enum vfl_status st = vfl_lines_feed(&lines, (struct vfl_span){text.ptr, split}, NULL);
    if (st == VFL_OK)
        st = vfl_lines_feed(&lines, (struct vfl_span){text.ptr + split, text.len - split}, NULL);
    if (st == VFL_OK)
        st = vfl_lines_finish(&lines, NULL);
    vfl_lines_fini(&lines);
    return st == VFL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    const struct vfl_span text = {(const char *)input, len};
    struct object whole, parted;
    bool is_flow_log = read_text(&whole, text, len);
    FUZZ_CHECK(read_text(&parted, text, len > 0 ? input[len - 1] * len / 256 : 0) == is_flow_log);
    if (is_flow_log)
        FUZZ_CHECK(whole.line_count == parted.line_count && whole.line_bytes == parted.line_bytes);
    return 0;
}
