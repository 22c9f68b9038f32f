/* The record scanner exists for several processors, and each has a quick way for lines as AWS
 * writes them. Blocks drawn from ordinary and odd lines must give the same records by every way,
 * and the same as their lines one by one. */
#include "core/flowlog/record_scanners.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/flowlog/lines.h"
#include "core/index.h"
#include "core/strbuf.h"
#include "tests/unit/run_suite.h"

#define NOW_EPOCH_S INT64_C(1714521600)
#define BLOCKS 500
#define MAX_LINE_BYTES 12000
#define VALUE_SIZE 64
#define V2                                                                                         \
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "      \
    "start "                                                                                       \
    "end action log-status"

#define V5                                                                                         \
    V2 " vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id "        \
       "sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction "   \
       "traffic-path"
#define MIXED                                                                                      \
    "vpc-id interface-id end start bytes packets protocol dstport srcport dstaddr srcaddr "        \
    "log-status action unheard-of flow-direction tcp-flags reject-reason traffic-path"

static const char *const headers[] = {V2, V5, MIXED, "srcaddr dstaddr bytes interface-id"};

static const char addresses[] =
    "10.0.0.1 172.31.16.139 255.255.255.255 0.0.0.0 1.2.3 1.2.3.4.5 1..2.3 256.1.1.1 "
    "1.1.1.256 01.2.3.4 1.2.3.00 1.2.3.1000 1.2.3.4a a.2.3.4 .1.2.3 1.2.3. 2001:db8::1 "
    "::ffff:10.0.0.1 fe80:0:0:0:1::ff - srcaddr 10.20.30.400 9.99.199.249 1.2.3.4/5 "
    "10,0,0,1 100.100.100.100 1.1.1.1:1 \xb1.1.1.1 12345678901234567";

static const char numbers[] =
    "0 00 1 6 17 255 256 443 65535 65536 32768 99999999 100000000 1714521000 "
    "1714521000000 1418530010 9999999999999999 10000000000000000 18446744073709551615 "
    "18446744073709551616 - -1 +1 1e3 0x10 1a a1 1.5 \xb1 : / 1714700000 "
    "99999999999999999999999";

static const char texts[] =
    "- eni-1235b8ca123456789 eni-1235b8ca ACCEPT REJECT OK NODATA SKIPDATA ingress "
    "egress vpc-0305206adbbda9918 x accept ACCEPTED 123456789010";

static uint64_t state = 1;

static uint64_t draw(uint64_t below)
{
    state = vfl_hash_finish(vfl_hash_mix(state, 0x5bd1e995));
    return state % below;
}

/* One of a pool's words. */
static const char *draw_word(const char *pool, char *room)
{
    unsigned count = 1;
    for (const char *at = pool; *at != '\0'; at++)
        count += *at == ' ';
    for (uint64_t left = draw(count); left > 0; left--)
        pool = strchr(pool, ' ') + 1;
    size_t len = strcspn(pool, " ");
    memcpy(room, pool, len);
    room[len] = '\0';
    return room;
}

/* Mostly eight groups, of one to four digits in either case. */
static void draw_v6(char *room)
{
    unsigned groups = draw(12) == 0 ? 7 + 2 * (unsigned)draw(2) : 8;
    *room = '\0';
    for (unsigned i = 0; i < groups; i++) {
        char group[8];
        (void)snprintf(group, sizeof group, draw(5) == 0 ? "%04X" : "%x",
                       (unsigned)(draw(0x10000) >> (draw(3) == 0 ? draw(16) : 0)));
        strcat(strcat(room, i > 0 ? ":" : ""), group);
    }
    if (draw(12) == 0)
        room[draw(strlen(room))] = ":g.@`/G0"[draw(8)];
}

static void draw_address(enum vfl_field field, char *room)
{
    static char last[2][VALUE_SIZE]; /* srcaddr and dstaddr */
    bool is_dst = field == VFL_FIELD_DSTADDR || field == VFL_FIELD_PKT_DSTADDR;
    bool is_packet = field == VFL_FIELD_PKT_SRCADDR || field == VFL_FIELD_PKT_DSTADDR;
    if (is_packet && draw(2) == 0) {
        memcpy(room, last[is_dst], VALUE_SIZE);
        return;
    }
    if (draw(4) == 0)
        draw_v6(room);
    else
        (void)snprintf(room, VALUE_SIZE, "%u.%u.%u.%u", (unsigned)draw(260), (unsigned)draw(256),
                       (unsigned)draw(110), (unsigned)draw(12));
    if (!is_packet)
        memcpy(last[is_dst], room, VALUE_SIZE);
}

/* Mostly what belongs there, so that most lines are records. */
static const char *draw_value(enum vfl_field field, char *room)
{
    if (draw(12) == 0)
        return draw(2) == 0 ? draw_word(texts, room) : draw_word(numbers, room);
    switch (field) {
    case VFL_FIELD_SRCADDR:
    case VFL_FIELD_DSTADDR:
    case VFL_FIELD_PKT_SRCADDR:
    case VFL_FIELD_PKT_DSTADDR:
        if (draw(6) == 0)
            return draw_word(addresses, room);
        draw_address(field, room);
        return room;
    case VFL_FIELD_ACTION:
        return draw(2) == 0 ? "ACCEPT" : "REJECT";
    case VFL_FIELD_LOG_STATUS:
        return draw(8) == 0 ? draw_word(texts, room) : "OK";
    case VFL_FIELD_START:
    case VFL_FIELD_END:
        (void)snprintf(room, VALUE_SIZE, "%u", 1714520000 + (unsigned)draw(3000));
        return room;
    case VFL_FIELD_INTERFACE_ID:
    case VFL_FIELD_VPC_ID:
    case VFL_FIELD_FLOW_DIRECTION:
        return draw_word(texts, room);
    default:
        if (draw(3) == 0)
            return draw_word(numbers, room);
        (void)snprintf(room, VALUE_SIZE, "%llu",
                       (unsigned long long)(draw(UINT64_MAX) >> draw(64)));
        return room;
    }
}

/* What the quick ways take; of one line in two a value is then replaced by one that they may not.
 */
static const char *draw_usual_value(enum vfl_field field, char *room)
{
    switch (field) {
    case VFL_FIELD_SRCADDR:
    case VFL_FIELD_DSTADDR:
    case VFL_FIELD_PKT_SRCADDR:
    case VFL_FIELD_PKT_DSTADDR:
        draw_address(field, room);
        return room;
    case VFL_FIELD_START:
        return "1714521000";
    case VFL_FIELD_END:
        return "1714521060";
    case VFL_FIELD_ACTION:
        return draw(2) == 0 ? "ACCEPT" : "REJECT";
    case VFL_FIELD_LOG_STATUS:
        return "OK";
    case VFL_FIELD_PROTOCOL:
    case VFL_FIELD_TCP_FLAGS:
    case VFL_FIELD_TRAFFIC_PATH:
        (void)snprintf(room, VALUE_SIZE, "%u", (unsigned)draw(draw(2) == 0 ? 10 : 100));
        return room;
    case VFL_FIELD_SRCPORT:
    case VFL_FIELD_DSTPORT:
    case VFL_FIELD_PACKETS:
    case VFL_FIELD_BYTES:
        (void)snprintf(room, VALUE_SIZE, "%u", (unsigned)(draw(65536) >> draw(16)));
        return room;
    default:
        return draw_word(texts, room);
    }
}

/* One byte less, more or other than usual. */
static const char near_addresses[] =
    "10.0.0.1 10.0.0,1 10.0.0.256 10.0.0.999 10.0.0.01 010.0.0.1 10.0.00.1 1.2.3.4.5 "
    "1.2.3.4. .1.2.3.4 1..2.3 1.2.3 1.2.3.a 1.2.3.1234 1234.1.1.1 1.1.1.1a 1a1.1.1.1 1.1.1 "
    "111.111.111.111 1111.11.111.111 0.0.0.0 0:0:0:0:0:0:0:0 "
    "0000:0000:0000:0000:0000:0000:0000:0000 1:2:3:4:5:6:7:8 1:2:3:4:5:6:7: :2:3:4:5:6:7:8 "
    "1:2:3::5:6:7:8 1:2:3:4:5:6:7:12345 12345:2:3:4:5:6:7:8 1:2:3:12345:5:6:7:8 "
    "1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 1111:2222:3333:4444:5555:6666:7777:8888 "
    "1111:2222:3333:4444:5555:6666:7777:888g 1111:2222:3333:4444:5555:6666:1.2.3.4 "
    "::ffff:10.0.0.1 1111:2222::7777:8888 ::2222:3333:4444:5555:6666:7777 "
    "1111:2222:3333:4444:5555:66667:777:8888 -";
static const char near_numbers[] =
    "65535 65536 99999 00080 8a a8 /8 :8 8/ 8: a / : 6/ 100 255 256 9 8 12345678 123456789 "
    "1234567a a2345678 01234567 10,0,0,1";
static const char near_times[] =
    "1388534399 1388534400 1714608000 1714608001 1714521061 1714520999 9999999999 0000000000 "
    "17145210a0 a714521000 171452100 17145210000 1714521060000 -";
static const char near_actions[] = "ACCEPX BCCEPT SEJECT REJECX ACCEPT REJECT AEJECT -";
static const char near_statuses[] = "OX KO OK 0K O - NODATA";

static const char *draw_near_value(enum vfl_field field, char *room)
{
    static const char *const pools[VFL_FIELD_COUNT + 1] = {
        [VFL_FIELD_SRCADDR] = near_addresses,     [VFL_FIELD_DSTADDR] = near_addresses,
        [VFL_FIELD_PKT_SRCADDR] = near_addresses, [VFL_FIELD_PKT_DSTADDR] = near_addresses,
        [VFL_FIELD_START] = near_times,           [VFL_FIELD_END] = near_times,
        [VFL_FIELD_ACTION] = near_actions,        [VFL_FIELD_LOG_STATUS] = near_statuses,
        [VFL_FIELD_INTERFACE_ID] = texts,
    };
    return draw_word(pools[field] != NULL ? pools[field] : near_numbers, room);
}

static size_t put(char *out, size_t len, const char *text)
{
    memcpy(out + len, text, strlen(text));
    return len + strlen(text);
}

/* Nothing but values of a byte: separators as close as they come. */
static size_t draw_short_line(const struct vfl_record_format *format, char *line)
{
    size_t len = 0;
    for (unsigned i = 0; i < format->column_count; i++) {
        line[len++] = "-6"[draw(2)];
        line[len++] = ' ';
    }
    return len - 1;
}

static size_t draw_usual_line(const struct vfl_record_format *format, char *line)
{
    size_t len = 0;
    unsigned odd_column = (unsigned)draw(2 * format->column_count);
    for (unsigned i = 0; i < format->column_count; i++) {
        char room[VALUE_SIZE];
        enum vfl_field field = (enum vfl_field)format->column_field[i];
        if (i > 0)
            line[len++] = ' ';
        len = put(line, len,
                  i == odd_column ? draw_near_value(field, room) : draw_usual_value(field, room));
    }
    return len;
}

/* odd: runs of spaces, tabs, control bytes, values too many or too few, empty, endless, spaces at
 * either end. */
static size_t draw_line(const struct vfl_record_format *format, char *line, bool is_odd)
{
    size_t len = 0;
    unsigned columns = format->column_count;
    unsigned oddity = is_odd ? (unsigned)draw(9) : 9;
    unsigned long_column = (unsigned)draw(8 * columns);
    if (oddity == 8)
        columns--;
    if (oddity == 0)
        columns = (unsigned)draw(columns + 2);
    if (oddity == 1)
        len = put(line, len, " ");
    for (unsigned i = 0; i < columns; i++) {
        char room[VALUE_SIZE];
        enum vfl_field field =
            i < format->column_count ? (enum vfl_field)format->column_field[i] : VFL_FIELD_UNKNOWN;
        if (i > 0)
            line[len++] = oddity == 2 && draw(3) == 0 ? '\t' : ' ';
        if (oddity == 3 && draw(10) == 0)
            line[len++] = ' ';
        if (oddity == 4 && draw(10) == 0)
            line[len++] = "\x01\0\r\x1f\x80"[draw(5)];
        len = put(line, len, draw_value(field, room));
        if (oddity == 5 && i == long_column)
            for (unsigned more = (unsigned)draw(9000); more > 0; more--)
                line[len++] = 'x';
    }
    if (oddity == 6)
        len = put(line, len, draw(2) == 0 ? " " : "\r\r");
    if (oddity == 8)
        len = put(line, len, draw(2) == 0 ? " " : " \r");
    if (oddity == 7)
        len = 0;
    return len;
}

/* Lines with their newlines; the last may lack it. Of some blocks all lines end in CRLF. */
static void draw_block(const struct vfl_record_format *format, struct vfl_strbuf *block,
                       unsigned line_count)
{
    static char line[MAX_LINE_BYTES];
    bool is_crlf = draw(6) == 0;
    unsigned odd_one_in = (unsigned[]){2, 20, 200, 2000}[draw(4)];
    vfl_strbuf_reset(block);
    for (unsigned i = 0; i < line_count; i++) {
        bool is_odd = draw(odd_one_in) == 0;
        size_t len = is_odd || draw(4) == 0 ? draw_line(format, line, is_odd)
                     : draw(20) == 0        ? draw_short_line(format, line)
                                            : draw_usual_line(format, line);
        vfl_strbuf_append(block, (struct vfl_span){line, len});
        if (is_crlf || draw(300) == 0)
            vfl_strbuf_append_char(block, '\r');
        if (i + 1 < line_count || draw(4) != 0)
            vfl_strbuf_append_char(block, '\n');
    }
    ck_assert_int_eq(vfl_strbuf_check(block, "block", NULL), VFL_OK);
}

struct scanner {
    const char *name;
    vfl_record_scanner *scan;
};

/* Returns their number. */
static unsigned find_scanners(struct scanner *scanners)
{
    unsigned count = 0;
    scanners[count++] = (struct scanner){"the best", vfl_record_scan};
    scanners[count++] = (struct scanner){"portable", vfl_record_scan_portable};
#ifdef VFL_RECORD_HAS_VECTOR_BUILDS
    if (vfl_record_can_run_avx2())
        scanners[count++] = (struct scanner){"AVX2", vfl_record_scan_avx2};
    if (vfl_record_can_run_avx512())
        scanners[count++] = (struct scanner){"AVX-512", vfl_record_scan_avx512};
#endif
    return count;
}

/* Records must be those of the lines one by one. */
struct check {
    const char *name;
    const struct vfl_record_format *format;
    struct vfl_span rest; /* of the block */
    unsigned flow_count;
};

static enum vfl_status check_record(void *ctx, const struct vfl_record *record,
                                    struct vfl_span line, struct vfl_error *err)
{
    (void)err;
    struct check *check = ctx;
    struct vfl_span expected_line = {NULL, 0};
    struct vfl_record expected;
    ck_assert(vfl_lines_next(&check->rest, &expected_line));
    ck_assert_msg(line.ptr == expected_line.ptr && line.len == expected_line.len,
                  "%s: line %.*s\nand not %.*s", check->name, (int)line.len, line.ptr,
                  (int)expected_line.len, expected_line.ptr);
    vfl_record_parse(check->format, line, NOW_EPOCH_S, &expected);
    ck_assert_msg(memcmp(&expected, record, offsetof(struct vfl_record, texts)) == 0,
                  "%s: %.*s: kinds %d and %d", check->name, (int)line.len, line.ptr, record->kind,
                  expected.kind);
    for (unsigned i = 0; i < VFL_TEXT_COUNT; i++)
        ck_assert_msg(record->texts[i].ptr == expected.texts[i].ptr &&
                          record->texts[i].len == expected.texts[i].len,
                      "%s: %.*s: text %u", check->name, (int)line.len, line.ptr, i);
    check->flow_count += record->kind == VFL_RECORD_FLOW;
    return VFL_OK;
}

/* In memory of its own, so that a sanitizer sees a look past either end. Returns the number of
 * records of traffic. */
static unsigned check_block(const struct scanner *scanner, const struct vfl_record_format *format,
                            struct vfl_span block)
{
    char *copy = malloc(block.len > 0 ? block.len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, block.ptr, block.len);
    struct check check = {scanner->name, format, {copy, block.len}, 0};
    ck_assert_int_eq(scanner->scan(format, (struct vfl_span){copy, block.len}, NOW_EPOCH_S,
                                   (struct vfl_record_sink){check_record, &check}, NULL),
                     VFL_OK);
    ck_assert_uint_eq(check.rest.len, 0);
    free(copy);
    return check.flow_count;
}

static struct vfl_record_format format_of(const char *header)
{
    struct vfl_record_format format;
    bool is_header;
    ck_assert_int_eq(
        vfl_record_format_parse(vfl_span_from_string(header), &format, &is_header, NULL), VFL_OK);
    return format;
}

START_TEST(every_scanner_gives_the_records_of_the_lines_one_by_one)
{
    struct scanner scanners[4];
    const unsigned scanner_count = find_scanners(scanners);
    struct vfl_strbuf block = VFL_STRBUF_INIT(1 << 22);
    unsigned flow_count = 0;
    unsigned line_count = 0;
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct vfl_record_format format =
            format_of(headers[i % (sizeof headers / sizeof headers[0])]);
        unsigned lines = 1 + (unsigned)(draw(200) >> draw(8));
        draw_block(&format, &block, lines);
        line_count += lines;
        for (unsigned j = 0; j < scanner_count; j++)
            flow_count += check_block(&scanners[j], &format, vfl_strbuf_span(&block));
    }
    ck_assert_uint_gt(flow_count, scanner_count * line_count / 10);
    vfl_strbuf_fini(&block);
}
END_TEST

#define USUAL "2 1 eni-1 10.0.0.1 10.0.0.2 5 6 7 8 9 1714521000 1714521001 ACCEPT OK"

START_TEST(lines_of_every_length_are_read_whole)
{
    /* The last column grows over the borders of the pieces and tiles in which it is looked for. */
    struct scanner scanners[4];
    const unsigned scanner_count = find_scanners(scanners);
    struct vfl_record_format format = format_of(V2 " unheard-of");
    struct vfl_strbuf block = VFL_STRBUF_INIT(1 << 20);
    for (size_t extra = 1; extra < 20000; extra += extra < 200 || extra % 64 < 2 ? 1 : 61) {
        vfl_strbuf_reset(&block);
        for (unsigned i = 0; i < 3; i++) {
            vfl_strbuf_append_string(&block, USUAL " ");
            for (size_t j = 0; j < extra; j++)
                vfl_strbuf_append_char(&block, 'x');
            vfl_strbuf_append_char(&block, '\n');
        }
        for (unsigned j = 0; j < scanner_count; j++)
            ck_assert_uint_eq(check_block(&scanners[j], &format, vfl_strbuf_span(&block)), 3);
    }
    vfl_strbuf_fini(&block);
}
END_TEST

/* Each line lacks a value, so an empty one between two separators would make a record of it. */
START_TEST(separators_side_by_side_are_one_wherever_they_lie)
{
    static const struct {
        const char *header, *line;
    } rows[] = {
        {"srcaddr dstaddr interface-id vpc-id bytes", "10.0.0.1 10.0.0.2  vpc-1 5"},
        {"srcaddr dstaddr interface-id vpc-id bytes", "10.0.0.1 10.0.0.2 eni-1 vpc-1 "},
        {"interface-id srcaddr dstaddr", " 10.0.0.1 10.0.0.2"},
    };
    struct scanner scanners[4];
    const unsigned scanner_count = find_scanners(scanners);
    struct vfl_strbuf block = VFL_STRBUF_INIT(1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_record_format format = format_of(rows[i].header);
        for (unsigned pad = 0; pad < 130; pad++) {
            vfl_strbuf_reset(&block);
            for (unsigned j = 0; j < pad; j++)
                vfl_strbuf_append_char(&block, 'x');
            vfl_strbuf_append_string(&block, pad > 0 ? "\n" : "");
            vfl_strbuf_append_string(&block, rows[i].line);
            vfl_strbuf_append_string(&block, "\n");
            /* The block goes on, or ends in a piece that is not whole. */
            for (unsigned j = 0; j < pad; j++)
                vfl_strbuf_append_char(&block, 'x');
            for (unsigned j = 0; j < scanner_count; j++)
                ck_assert_uint_eq(check_block(&scanners[j], &format, vfl_strbuf_span(&block)), 0);
        }
    }
    vfl_strbuf_fini(&block);
}
END_TEST

/* For a sanitizer: how much may be read behind an address depends on what the block still has. */
START_TEST(addresses_near_the_end_of_a_block_are_read_within_it)
{
    static const char *const addresses_at_end[] = {"10.0.0.1", "255.255.255.255", "1:2:3:4:5:6:7:8",
                                                   "1111:2222:3333:4444:5555:6666:7777:8888"};
    struct scanner scanners[4];
    const unsigned scanner_count = find_scanners(scanners);
    struct vfl_record_format format = format_of("interface-id srcaddr dstaddr unheard-of");
    struct vfl_strbuf block = VFL_STRBUF_INIT(1 << 20);
    for (size_t i = 0; i < sizeof addresses_at_end / sizeof addresses_at_end[0]; i++) {
        for (unsigned more = 1; more < 50; more++) {
            vfl_strbuf_reset(&block);
            vfl_strbuf_appendf(&block, "eni-1 10.0.0.2 %s ", addresses_at_end[i]);
            for (unsigned j = 0; j < more; j++)
                vfl_strbuf_append_char(&block, 'x');
            vfl_strbuf_append_string(&block, "\n");
            for (unsigned j = 0; j < scanner_count; j++)
                ck_assert_uint_eq(check_block(&scanners[j], &format, vfl_strbuf_span(&block)), 1);
        }
    }
    vfl_strbuf_fini(&block);
}
END_TEST

/* What a block's records are, texts and all. */
static enum vfl_status write_down(void *ctx, const struct vfl_record *record, struct vfl_span line,
                                  struct vfl_error *err)
{
    (void)err;
    struct vfl_strbuf *out = ctx;
    vfl_strbuf_append(out,
                      (struct vfl_span){(const char *)record, offsetof(struct vfl_record, texts)});
    for (unsigned i = 0; i < VFL_TEXT_COUNT; i++)
        vfl_strbuf_append(out, record->texts[i]);
    vfl_strbuf_append(out, line);
    return VFL_OK;
}

struct reading {
    const struct scanner *scanner;
    const struct vfl_record_format *format;
    struct vfl_strbuf written;
};

static enum vfl_status on_block(void *ctx, struct vfl_span block, struct vfl_error *err)
{
    struct reading *reading = ctx;
    return reading->scanner->scan(reading->format, block, NOW_EPOCH_S,
                                  (struct vfl_record_sink){write_down, &reading->written}, err);
}

static void feed_copy(struct vfl_lines *lines, const char *bytes, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, len);
    ck_assert_int_eq(vfl_lines_feed(lines, (struct vfl_span){copy, len}, NULL), VFL_OK);
    free(copy);
}

START_TEST(every_split_into_chunks_gives_the_same_records)
{
    struct scanner scanners[4];
    const unsigned scanner_count = find_scanners(scanners);
    struct vfl_strbuf block = VFL_STRBUF_INIT(1 << 20);
    struct vfl_strbuf expected = VFL_STRBUF_INIT(1 << 22);
    struct vfl_lines lines;
    struct reading reading = {.written = VFL_STRBUF_INIT(1 << 22)};
    ck_assert_int_eq(vfl_lines_init(&lines, (struct vfl_line_sink){on_block, &reading}, NULL),
                     VFL_OK);
    for (unsigned i = 0; i < 12; i++) {
        struct vfl_record_format format =
            format_of(headers[i % (sizeof headers / sizeof headers[0])]);
        reading.format = &format;
        do
            draw_block(&format, &block, 6);
        while (block.len > 1500);
        struct vfl_span rest = vfl_strbuf_span(&block);
        struct vfl_span line = {NULL, 0};
        vfl_strbuf_reset(&expected);
        while (vfl_lines_next(&rest, &line)) {
            struct vfl_record record;
            vfl_record_parse(&format, line, NOW_EPOCH_S, &record);
            ck_assert_int_eq(write_down(&expected, &record, line, NULL), VFL_OK);
        }
        for (size_t at = 0; at <= block.len; at++) {
            reading.scanner = &scanners[at % scanner_count];
            vfl_strbuf_reset(&reading.written);
            vfl_lines_reset(&lines);
            feed_copy(&lines, block.bytes, at);
            feed_copy(&lines, block.bytes + at, block.len - at);
            ck_assert_int_eq(vfl_lines_finish(&lines, NULL), VFL_OK);
            ck_assert_msg(
                vfl_span_equal(vfl_strbuf_span(&expected), vfl_strbuf_span(&reading.written)),
                "%s: split at %zu:\n%.*s", reading.scanner->name, at, (int)block.len, block.bytes);
        }
    }
    vfl_lines_fini(&lines);
    vfl_strbuf_fini(&reading.written);
    vfl_strbuf_fini(&expected);
    vfl_strbuf_fini(&block);
}
END_TEST

static enum vfl_status refuse_third(void *ctx, const struct vfl_record *record,
                                    struct vfl_span line, struct vfl_error *err)
{
    (void)record, (void)line;
    return ++*(unsigned *)ctx == 3 ? vfl_error_set(err, VFL_LIMIT, "three are enough") : VFL_OK;
}

START_TEST(a_sink_failure_comes_back_unchanged)
{
    static const char *const blocks[] = {USUAL "\n" USUAL "\n" USUAL "\n" USUAL "\n",
                                         "\n" USUAL "\n\n" USUAL "\n"};
    struct scanner scanners[4];
    const unsigned scanner_count = find_scanners(scanners);
    struct vfl_record_format format = format_of(V2);
    for (unsigned i = 0; i < 2 * scanner_count; i++) {
        struct vfl_error err = {0};
        unsigned count = 0;
        ck_assert_int_eq(scanners[i / 2].scan(&format, vfl_span_from_string(blocks[i % 2]),
                                              NOW_EPOCH_S,
                                              (struct vfl_record_sink){refuse_third, &count}, &err),
                         VFL_LIMIT);
        ck_assert_str_eq(err.text, "three are enough");
        ck_assert_uint_eq(count, 3);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        every_scanner_gives_the_records_of_the_lines_one_by_one,
        lines_of_every_length_are_read_whole,
        separators_side_by_side_are_one_wherever_they_lie,
        addresses_near_the_end_of_a_block_are_read_within_it,
        every_split_into_chunks_gives_the_same_records,
        a_sink_failure_comes_back_unchanged,
    };
    return RUN_SUITE("record_builds", cases);
}
