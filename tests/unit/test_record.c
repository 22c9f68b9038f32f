#include "core/flowlog/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/strbuf.h"
#include "tests/unit/run_suite.h"

/* 2024-05-01T00:00:00Z */
#define NOW INT64_C(1714521600)

#define V2                                                                                         \
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "      \
    "start end action log-status"
#define V2_TAIL " 1714521000 1714521060 ACCEPT OK"

/* A copy that ends where its allocation ends, so that ASan sees a read past the span. */
static struct vfl_span exact_copy(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, len);
    return (struct vfl_span){copy, len};
}

static void free_copy(struct vfl_span copy)
{
    free((char *)(uintptr_t)copy.ptr);
}

static struct vfl_record_format format_of(const char *header)
{
    struct vfl_record_format format = {0};
    struct vfl_error err = {0};
    bool is_header = false;
    struct vfl_span line = exact_copy(header, strlen(header));
    ck_assert_msg(vfl_record_format_parse(line, &format, &is_header, &err) == VFL_OK, "%s: %s",
                  header, err.text);
    ck_assert(is_header);
    free_copy(line);
    return format;
}

static void describe_address(struct vfl_strbuf *out, const char *name, struct vfl_ip ip)
{
    char text[VFL_IP_TEXT_SIZE];
    if (vfl_ip_is_absent(ip))
        return;
    (void)vfl_ip_format(ip, text);
    vfl_strbuf_appendf(out, " %s=%s", name, text);
}

static void describe_text(struct vfl_strbuf *out, const char *name, struct vfl_span text)
{
    if (text.ptr != NULL)
        vfl_strbuf_appendf(out, " %s=%.*s", name, (int)text.len, text.ptr);
}

static void describe_numbers(struct vfl_strbuf *out, const struct vfl_record *record)
{
    if (record->has_ports)
        vfl_strbuf_appendf(out, " ports=%u>%u", record->src_port, record->dst_port);
    if (record->has_protocol)
        vfl_strbuf_appendf(out, " proto=%u", record->protocol);
    if (record->has_packets)
        vfl_strbuf_appendf(out, " packets=%" PRIu64, record->packets);
    if (record->has_bytes)
        vfl_strbuf_appendf(out, " bytes=%" PRIu64, record->bytes);
    if (record->has_times)
        vfl_strbuf_appendf(out, " times=%" PRId64 "..%" PRId64, record->start_epoch_s,
                           record->end_epoch_s);
    if (record->has_tcp_flags)
        vfl_strbuf_appendf(out, " flags=%u", record->tcp_flags);
    if (record->traffic_path != 0)
        vfl_strbuf_appendf(out, " path=%u", record->traffic_path);
}

/* One line of everything that is present in record; absent fields do not appear. */
static void describe(struct vfl_strbuf *out, const struct vfl_record *record)
{
    static const char *const kinds[] = {"flow",  "nodata",    "skipdata", "header",
                                        "blank", "noaddress", "malformed"};
    static const char *const actions[] = {"", " ACCEPT", " REJECT"};
    static const char *const directions[] = {"", " ingress", " egress"};
    static const char *const flaws[] = {"!port", "!protocol", "!counter", "!order", "!range"};
    vfl_strbuf_append_string(out, kinds[record->kind]);
    describe_text(out, "eni", record->interface_id);
    describe_address(out, "src", record->src);
    describe_address(out, "dst", record->dst);
    describe_address(out, "pktsrc", record->pkt_src);
    describe_address(out, "pktdst", record->pkt_dst);
    describe_numbers(out, record);
    vfl_strbuf_append_string(out, actions[record->action]);
    vfl_strbuf_append_string(out, directions[record->flow_direction]);
    describe_text(out, "vpc", record->vpc_id);
    describe_text(out, "resource", record->resource_id);
    describe_text(out, "type", record->interface_type);
    describe_text(out, "hop", record->next_hop_interface_id);
    describe_text(out, "hoptype", record->next_hop_interface_type);
    describe_text(out, "hopvpc", record->next_hop_vpc_id);
    describe_text(out, "srcvpc", record->tgw_src_vpc_id);
    describe_text(out, "dstvpc", record->tgw_dst_vpc_id);
    describe_text(out, "srceni", record->tgw_src_eni);
    describe_text(out, "dsteni", record->tgw_dst_eni);
    for (unsigned i = 0; i < sizeof flaws / sizeof flaws[0]; i++)
        if ((record->flaws >> i & 1) != 0)
            vfl_strbuf_appendf(out, " %s", flaws[i]);
}

struct line_row {
    const char *name;
    const char *header;
    const char *line;
    const char *expected;
};

static enum vfl_status describe_scanned(void *ctx, const struct vfl_record *record,
                                        struct vfl_span line, struct vfl_error *err)
{
    (void)line, (void)err;
    describe(ctx, record);
    return VFL_OK;
}

/* By itself, and as the block of one line that it is with and without a newline. */
static void check_line(const char *name, const struct vfl_record_format *format, const char *line,
                       size_t len, const char *expected)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(4096);
    struct vfl_span copy = exact_copy(line, len);
    struct vfl_record record;
    /* Whatever the caller's struct held before must not show through. */
    memset(&record, 0xa5, sizeof record);
    vfl_record_parse(format, copy, NOW, &record);
    describe(&text, &record);
    ck_assert_msg(strcmp(vfl_strbuf_string(&text), expected) == 0,
                  "%s:\n  got      %s\n  expected %s", name, vfl_strbuf_string(&text), expected);
    free_copy(copy);
    for (size_t newline = 0; newline < 2 && len + newline > 0; newline++) {
        vfl_strbuf_reset(&text);
        char *block = malloc(len + newline);
        ck_assert_ptr_nonnull(block);
        memcpy(block, line, len);
        if (newline > 0)
            block[len] = '\n';
        ck_assert_int_eq(vfl_record_scan(format, (struct vfl_span){block, len + newline}, NOW,
                                         (struct vfl_record_sink){describe_scanned, &text}, NULL),
                         VFL_OK);
        free(block);
        ck_assert_msg(strcmp(vfl_strbuf_string(&text), expected) == 0,
                      "%s, in a block:\n  got      %s\n  expected %s", name,
                      vfl_strbuf_string(&text), expected);
    }
    vfl_strbuf_fini(&text);
}

static void check_rows(const struct line_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct vfl_record_format format = format_of(rows[i].header);
        check_line(rows[i].name, &format, rows[i].line, strlen(rows[i].line), rows[i].expected);
    }
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

#define FLOW "flow eni=eni-1 src=10.0.0.1 dst=10.0.0.2"
#define TIMES " times=1714521000..1714521060"

START_TEST(maps_values_by_the_header)
{
    static const struct line_row rows[] = {
        {"1 any order",
         "dstport log-status dstaddr end bytes srcaddr interface-id srcport protocol "
         "start action packets",
         "443 OK 10.0.0.2 1714521060 840 10.0.0.1 eni-1 40000 6 1714521000 REJECT 20",
         FLOW " ports=40000>443 proto=6 packets=20 bytes=840" TIMES " REJECT"},
        {"3 unknown column", "interface-id colour srcaddr dstaddr", "eni-1 blue 10.0.0.1 10.0.0.2",
         FLOW},
        {"4 missing optional columns are absent, not 0", "interface-id srcaddr dstaddr bytes",
         "eni-1 10.0.0.1 10.0.0.2 0", FLOW " bytes=0"},
        {"vpc-id alone finds the VPC", "vpc-id srcaddr dstaddr", "vpc-1 10.0.0.1 10.0.0.2",
         "flow src=10.0.0.1 dst=10.0.0.2 vpc=vpc-1"},
        {"User Guide: accepted SSH", V2,
         "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 "
         "1418530010 1418530070 ACCEPT OK",
         "flow eni=eni-1235b8ca123456789 src=172.31.16.139 dst=172.31.16.21 ports=20641>22 proto=6 "
         "packets=20 bytes=4249 times=1418530010..1418530070 ACCEPT"},
        {"User Guide: IPv6", V2,
         "2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105 "
         "2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 ACCEPT "
         "OK",
         "flow eni=eni-1235b8ca123456789 src=2001:db8:1234:a100:8d6e:3477:df66:f105 "
         "dst=2001:db8:1234:a102:3304:8879:34cf:4071 ports=34892>22 proto=6 packets=54 bytes=8855 "
         "times=1477913708..1477913820 ACCEPT"},
        {"User Guide: TCP flags, through version 3",
         "version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr "
         "srcport "
         "dstport pkt-srcaddr pkt-dstaddr protocol bytes packets start end action tcp-flags "
         "log-status",
         "3 vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 "
         "eni-1235b8ca123456789 123456789010 IPv4 52.213.180.42 10.0.0.62 43416 5001 52.213.180.42 "
         "10.0.0.62 6 568 8 1566848875 1566848933 ACCEPT 2 OK",
         "flow eni=eni-1235b8ca123456789 src=52.213.180.42 dst=10.0.0.62 pktsrc=52.213.180.42 "
         "pktdst=10.0.0.62 ports=43416>5001 proto=6 packets=8 bytes=568 "
         "times=1566848875..1566848933 flags=2 ACCEPT vpc=vpc-abcdefab012345678"},
        {"User Guide: NAT gateway",
         "instance-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr",
         "- eni-1235b8ca123456789 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5",
         "flow eni=eni-1235b8ca123456789 src=10.0.1.5 dst=10.0.0.220 pktsrc=10.0.1.5 "
         "pktdst=203.0.113.5"},
        {"versions 5, 9 and 11",
         "interface-id srcaddr dstaddr flow-direction traffic-path resource-id interface-type "
         "next-hop-interface-id next-hop-vpc-id next-hop-interface-type instance-tag",
         "eni-1 10.0.0.1 10.0.0.2 egress 8 nat-1 nat_gateway eni-9 vpc-9 transit_gateway web",
         FLOW " path=8 egress resource=nat-1 type=nat_gateway hop=eni-9 hoptype=transit_gateway "
              "hopvpc=vpc-9"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(log_status_decides_what_a_line_is)
{
    static const struct line_row rows[] = {
        {"6 no log-status column", "interface-id srcaddr dstaddr", "eni-1 10.0.0.1 10.0.0.2", FLOW},
        {"6 no log-status column, no addresses", "interface-id srcaddr dstaddr", "eni-1 - -",
         "noaddress eni=eni-1"},
        {"7 SKIPDATA with fields filled", V2,
         "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 1714521000 1714521060 ACCEPT SKIPDATA",
         "skipdata eni=eni-1 src=10.0.0.1 dst=10.0.0.2 ports=1>2 proto=6 packets=3 bytes=4" TIMES
         " ACCEPT"},
        {"7 unheard-of status", V2, "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT LOST",
         "malformed"},
        {"7 status is case-sensitive", V2, "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT ok",
         "malformed"},
        {"7 status - could not be computed", "interface-id srcaddr dstaddr log-status",
         "eni-1 10.0.0.1 10.0.0.2 -", FLOW},
        {"7 status comes first", "log-status interface-id srcaddr dstaddr",
         "NODATA eni-1 10.0.0.1 bogus", "nodata eni=eni-1 src=10.0.0.1"},
        {"8 User Guide: SKIPDATA", V2,
         "2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA",
         "skipdata eni=eni-11111111aaaaaaaaa times=1431280876..1431280934"},
        {"9 User Guide: NODATA", V2,
         "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
         "nodata eni=eni-1235b8ca123456789 times=1431280876..1431280934"},
        {"10 - in every numeric", V2, "- - eni-1 10.0.0.1 10.0.0.2 - - - - - - - - OK", FLOW},
        {"10 - in one address", V2, "2 1 eni-1 - 10.0.0.2 1 2 6 3 4" V2_TAIL,
         "noaddress eni=eni-1 dst=10.0.0.2 ports=1>2 proto=6 packets=3 bytes=4" TIMES " ACCEPT"},
        {"10 one port", V2, "2 1 eni-1 10.0.0.1 10.0.0.2 - 2 6 3 4" V2_TAIL,
         FLOW " proto=6 packets=3 bytes=4" TIMES " ACCEPT"},
        {"10 one time", V2, "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 - 1714521060 ACCEPT OK",
         FLOW " ports=1>2 proto=6 packets=3 bytes=4 ACCEPT"},
        {"11 - in bytes", V2, "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 -" V2_TAIL,
         FLOW " ports=1>2 proto=6 packets=3" TIMES " ACCEPT"},
        {"12 - interface of a regional NAT gateway", "interface-id resource-id srcaddr dstaddr",
         "- nat-0123 10.0.0.1 10.0.0.2", "flow src=10.0.0.1 dst=10.0.0.2 resource=nat-0123"},
        {"13 account-id unknown", V2, "2 unknown eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4" V2_TAIL,
         FLOW " ports=1>2 proto=6 packets=3 bytes=4" TIMES " ACCEPT"},
        {"the unspecified IPv6 address is no address", "interface-id srcaddr dstaddr",
         "eni-1 :: ff02::1", "noaddress eni=eni-1 dst=ff02::1"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(a_line_needs_exactly_its_columns)
{
    static const struct line_row rows[] = {
        {"14 fewer values", V2, "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 OK", "malformed"},
        {"15 more values", V2, "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT OK x",
         "malformed"},
        {"15 a tag with a space", "interface-id interface-tag srcaddr dstaddr",
         "eni-1 web tier 10.0.0.1 10.0.0.2", "malformed"},
        {"16 runs of spaces and tabs", "interface-id  srcaddr\tdstaddr",
         "  eni-1 \t 10.0.0.1\t\t10.0.0.2  ", FLOW},
        {"17 CRLF", "interface-id srcaddr dstaddr\r", "eni-1 10.0.0.1 10.0.0.2\r", FLOW},
        {"17 CR and CRLF", "interface-id srcaddr dstaddr log-status",
         "eni-1 10.0.0.1 10.0.0.2 OK\r\r", "malformed"},
        {"17 CRLF after a space", "interface-id srcaddr dstaddr", "eni-1 10.0.0.1 10.0.0.2 \r",
         FLOW},
        {"17 CR inside is a byte like others", "interface-id srcaddr dstaddr",
         "eni\r1 10.0.0.1 10.0.0.2", "flow eni=eni\r1 src=10.0.0.1 dst=10.0.0.2"},
        {"18 empty", V2, "", "blank"},
        {"18 CR", V2, "\r", "blank"},
        {"18 spaces", V2, " \t  ", "blank"},
        {"18 many spaces", V2,
         "                                                                                       ",
         "blank"},
        {"21 header again", V2, V2, "header"},
        {"21 header again with CR", V2, V2 "\r", "header"},
        {"21 header again, other order", "dstaddr srcaddr vpc-id", "dstaddr srcaddr vpc-id",
         "header"},
        {"21 another header", V2, "dstaddr srcaddr vpc-id", "malformed"},
        {"26 non-ASCII", "interface-id srcaddr dstaddr vpc-id",
         "eni-\xc3\xa9\xff 10.0.0.1 10.0.0.2 \x80\xa0",
         "flow eni=eni-\xc3\xa9\xff src=10.0.0.1 dst=10.0.0.2 vpc=\x80\xa0"},
        {"not a record", V2, "<html><body>Access denied</body></html>", "malformed"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(reads_numbers_exactly)
{
    static const struct line_row rows[] = {
        {"29 2^63-1", "vpc-id srcaddr dstaddr bytes packets",
         "- 1.1.1.1 2.2.2.2 9223372036854775807 1",
         "flow src=1.1.1.1 dst=2.2.2.2 packets=1 bytes=9223372036854775807"},
        {"29 2^64-1", "vpc-id srcaddr dstaddr bytes", "- 1.1.1.1 2.2.2.2 18446744073709551615",
         "flow src=1.1.1.1 dst=2.2.2.2 bytes=18446744073709551615"},
        {"29 2^64", "vpc-id srcaddr dstaddr bytes", "- 1.1.1.1 2.2.2.2 18446744073709551616",
         "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"29 10^20", "vpc-id srcaddr dstaddr bytes", "- 1.1.1.1 2.2.2.2 100000000000000000000",
         "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"29 zeros in front", "vpc-id srcaddr dstaddr bytes",
         "- 1.1.1.1 2.2.2.2 00000000000000000000000000042",
         "flow src=1.1.1.1 dst=2.2.2.2 bytes=42"},
        {"29 negative", "vpc-id srcaddr dstaddr bytes", "- 1.1.1.1 2.2.2.2 -5",
         "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"29 plus", "vpc-id srcaddr dstaddr bytes", "- 1.1.1.1 2.2.2.2 +5",
         "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"29 exponent", "vpc-id srcaddr dstaddr packets", "- 1.1.1.1 2.2.2.2 1e3",
         "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"29 hexadecimal", "vpc-id srcaddr dstaddr packets", "- 1.1.1.1 2.2.2.2 0x10",
         "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"29 byte after 9", "vpc-id srcaddr dstaddr packets",
         "- 1.1.1.1 2.2.2.2 1:", "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"29 byte before 0", "vpc-id srcaddr dstaddr packets", "- 1.1.1.1 2.2.2.2 1/",
         "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"29 high byte", "vpc-id srcaddr dstaddr packets", "- 1.1.1.1 2.2.2.2 1\xb0",
         "flow src=1.1.1.1 dst=2.2.2.2 !counter"},
        {"30 highest port and protocol", "vpc-id srcaddr dstaddr srcport dstport protocol",
         "- 1.1.1.1 2.2.2.2 65535 65535 255",
         "flow src=1.1.1.1 dst=2.2.2.2 ports=65535>65535 proto=255"},
        {"30 port and protocol too high", "vpc-id srcaddr dstaddr srcport dstport protocol",
         "- 1.1.1.1 2.2.2.2 65536 443 256", "flow src=1.1.1.1 dst=2.2.2.2 !port !protocol"},
        {"30 2^32 is no port", "vpc-id srcaddr dstaddr srcport dstport",
         "- 1.1.1.1 2.2.2.2 443 4294967296", "flow src=1.1.1.1 dst=2.2.2.2 !port"},
        {"31 ICMP with ports 0", "vpc-id srcaddr dstaddr srcport dstport protocol",
         "- 1.1.1.1 2.2.2.2 0 0 1", "flow src=1.1.1.1 dst=2.2.2.2 ports=0>0 proto=1"},
        {"31 protocol 0", "vpc-id srcaddr dstaddr srcport dstport protocol",
         "- 1.1.1.1 2.2.2.2 0 0 0", "flow src=1.1.1.1 dst=2.2.2.2 ports=0>0 proto=0"},
        {"31 ICMPv6", "vpc-id srcaddr dstaddr srcport dstport protocol", "- fd00::1 fd00::2 0 0 58",
         "flow src=fd00::1 dst=fd00::2 ports=0>0 proto=58"},
        {"47 flags", "vpc-id srcaddr dstaddr tcp-flags", "- 1.1.1.1 2.2.2.2 19",
         "flow src=1.1.1.1 dst=2.2.2.2 flags=19"},
        {"flags 0 are known flags", "vpc-id srcaddr dstaddr tcp-flags", "- 1.1.1.1 2.2.2.2 0",
         "flow src=1.1.1.1 dst=2.2.2.2 flags=0"},
        {"flags that do not fit", "vpc-id srcaddr dstaddr tcp-flags", "- 1.1.1.1 2.2.2.2 256",
         "flow src=1.1.1.1 dst=2.2.2.2"},
        {"traffic-path out of range", "vpc-id srcaddr dstaddr traffic-path", "- 1.1.1.1 2.2.2.2 9",
         "flow src=1.1.1.1 dst=2.2.2.2"},
    };
    CHECK_ROWS(rows);
}
END_TEST

/* NOW is 1714521600; the borders below are counted by hand from it and from 2014-01-01. */
START_TEST(believes_only_possible_times)
{
#define TIMED "vpc-id srcaddr dstaddr start end"
#define PAIR "flow src=1.1.1.1 dst=2.2.2.2"
    static const struct line_row rows[] = {
        {"32 start after end", TIMED, "- 1.1.1.1 2.2.2.2 1714521060 1714521000",
         PAIR TIMES " !order"},
        {"33 start equals end", TIMED, "- 1.1.1.1 2.2.2.2 1714521000 1714521000",
         PAIR " times=1714521000..1714521000"},
        {"34 milliseconds", TIMED, "- 1.1.1.1 2.2.2.2 1714521000999 1714521060001", PAIR TIMES},
        {"34 10^11 is still seconds", TIMED, "- 1.1.1.1 2.2.2.2 100000000000 1714521000",
         PAIR " !range"},
        {"35 the first second of 2014", TIMED, "- 1.1.1.1 2.2.2.2 1388534400 1388534400",
         PAIR " times=1388534400..1388534400"},
        {"35 before 2014", TIMED, "- 1.1.1.1 2.2.2.2 1388534399 1388534400", PAIR " !range"},
        {"35 a day ahead", TIMED, "- 1.1.1.1 2.2.2.2 1714608000 1714608000",
         PAIR " times=1714608000..1714608000"},
        {"35 over a day ahead", TIMED, "- 1.1.1.1 2.2.2.2 1714608000 1714608001", PAIR " !range"},
        {"35 zero", TIMED, "- 1.1.1.1 2.2.2.2 0 1714521000", PAIR " !range"},
        {"35 zero beside -", TIMED, "- 1.1.1.1 2.2.2.2 0 -", PAIR " !range"},
        {"35 2^64-1", TIMED, "- 1.1.1.1 2.2.2.2 1714521000 18446744073709551615", PAIR " !range"},
        {"35 words", TIMED, "- 1.1.1.1 2.2.2.2 yesterday 1714521000", PAIR " !range"},
        {"35 negative", TIMED, "- 1.1.1.1 2.2.2.2 -1714521000 1714521000", PAIR " !range"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(canonicalises_and_refuses_addresses)
{
    static const struct line_row rows[] = {
        {"36 upper case", "vpc-id srcaddr dstaddr", "- 2001:DB8:0:0:0:0:0:1 FD00::A",
         "flow src=2001:db8::1 dst=fd00::a"},
        {"36 mapped", "vpc-id srcaddr dstaddr", "- ::ffff:10.0.0.1 ::FFFF:a00:2",
         "flow src=10.0.0.1 dst=10.0.0.2"},
        {"37 leading zero", "vpc-id srcaddr dstaddr", "- 10.0.0.01 10.0.0.2", "malformed"},
        {"37 port", "vpc-id srcaddr dstaddr", "- 10.0.0.1:80 10.0.0.2", "malformed"},
        {"37 mask", "vpc-id srcaddr dstaddr", "- 10.0.0.1 10.0.0.2/32", "malformed"},
        {"37 four digits, sixteen bytes before the end", "dstaddr srcaddr vpc-id",
         "10.0.0.1 255.255.2555.1 -", "malformed"},
        {"37 packet address", "vpc-id srcaddr dstaddr pkt-srcaddr", "- 10.0.0.1 10.0.0.2 1.2.3.256",
         "malformed"},
        {"37 malformed beside absent", "vpc-id srcaddr dstaddr", "- - 10.0.0.256", "malformed"},
        {"38 not endpoints, but addresses", "vpc-id srcaddr dstaddr", "- 0.0.0.0 255.255.255.255",
         "flow src=0.0.0.0 dst=255.255.255.255"},
        {"a packet address that ends as the other one does", "vpc-id srcaddr dstaddr pkt-srcaddr",
         "- 110.0.0.1 10.0.0.2 10.0.0.1", "flow src=110.0.0.1 dst=10.0.0.2 pktsrc=10.0.0.1"},
        {"packet addresses -", "vpc-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr",
         "- 10.0.0.1 10.0.0.2 - -", "flow src=10.0.0.1 dst=10.0.0.2"},
        {"packet addresses like the others but for a digit",
         "vpc-id srcaddr dstaddr pkt-srcaddr "
         "pkt-dstaddr",
         "- 100.64.0.100 100.64.0.200 100.64.0.101 110.64.0.200",
         "flow src=100.64.0.100 dst=100.64.0.200 pktsrc=100.64.0.101 pktdst=110.64.0.200"},
        {"packet addresses that are the others, crossed",
         "vpc-id srcaddr dstaddr pkt-srcaddr "
         "pkt-dstaddr",
         "- 100.64.0.100 100.64.0.200 100.64.0.200 100.64.0.100",
         "flow src=100.64.0.100 dst=100.64.0.200 pktsrc=100.64.0.200 pktdst=100.64.0.100"},
        {"50 type is ignored", "vpc-id srcaddr dstaddr type", "- 10.0.0.1 10.0.0.2 EFA",
         "flow src=10.0.0.1 dst=10.0.0.2"},
        {"51 odd direction is ignored", "vpc-id srcaddr dstaddr flow-direction action",
         "- 10.0.0.1 10.0.0.2 sideways MAYBE", "flow src=10.0.0.1 dst=10.0.0.2"},
        {"51 ingress", "vpc-id srcaddr dstaddr flow-direction", "- 10.0.0.1 10.0.0.2 ingress",
         "flow src=10.0.0.1 dst=10.0.0.2 ingress"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(case_27_a_nul_byte_spoils_only_its_line)
{
    static const char base[] = "eni-1 10.0.0.1 10.0.0.2";
    struct vfl_record_format format = format_of("interface-id srcaddr dstaddr");
    for (size_t i = 0; i < sizeof base - 1; i++) {
        char line[sizeof base];
        memcpy(line, base, sizeof base);
        line[i] = '\0';
        check_line("27 NUL", &format, line, sizeof base - 1, "malformed");
    }
    check_line("27 only NUL", &format, "\0\0\0", 3, "malformed");
    check_line("27 none", &format, base, sizeof base - 1, FLOW);
}
END_TEST

START_TEST(case_59_reads_transit_gateway_records)
{
    struct vfl_record_format format = format_of(
        "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id "
        "tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id "
        "tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id srcaddr "
        "dstaddr "
        "srcport dstport protocol packets bytes start end log-status type packets-lost-no-route "
        "packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags "
        "region "
        "flow-direction pkt-src-aws-service pkt-dst-aws-service");
    ck_assert_uint_eq(format.column_count, 36);
    ck_assert_uint_eq(format.unknown_count, 0);
    static const char line[] =
        "6 TransitGateway 123456789012 tgw-1 tgw-attach-1 123456789012 210987654321 vpc-a vpc-b "
        "subnet-a subnet-b eni-a eni-b use1-az1 use1-az2 tgw-attach-2 10.1.0.5 10.2.0.9 40000 443 "
        "6 "
        "12 3456 1714521000 1714521060 OK IPv4 0 0 0 0 3 us-east-1 ingress - -";
    check_line("transit gateway", &format, line, sizeof line - 1,
               "flow src=10.1.0.5 dst=10.2.0.9 ports=40000>443 proto=6 packets=12 bytes=3456" TIMES
               " flags=3 ingress srcvpc=vpc-a dstvpc=vpc-b srceni=eni-a dsteni=eni-b");
}
END_TEST

START_TEST(a_long_line_is_read_across_every_block_border)
{
    /* A tag of every length up to 200 moves the later values over all offsets. */
    struct vfl_record_format format =
        format_of("instance-tag interface-id srcaddr dstaddr bytes packets");
    static const char tail[] = " eni-1 10.0.0.1 10.0.0.2 12345678901 7";
    char line[256];
    for (size_t tag = 1; tag <= 200; tag++) {
        memset(line, 'x', tag);
        memcpy(line + tag, tail, sizeof tail);
        check_line("block border", &format, line, tag + sizeof tail - 1,
                   FLOW " packets=7 bytes=12345678901");
        memset(line, ' ', tag - 1);
        check_line("block border, spaces", &format, line, tag + sizeof tail - 1,
                   FLOW " packets=7 bytes=12345678901");
    }
}
END_TEST

START_TEST(takes_a_first_line_for_what_it_is)
{
    static const struct {
        const char *name;
        const char *line;
        const char *error; /* NULL: accepted */
        bool is_header;
        unsigned column_count;
        unsigned unknown_count;
    } rows[] = {
        {"1 console order", "account-id action bytes dstaddr interface-id srcaddr", NULL, true, 6,
         0},
        {"3 unknown columns", "vpc-id srcaddr dstaddr colour colour", NULL, true, 5, 2},
        {"17 CR", V2 "\r", NULL, true, 14, 0},
        {"23 no header, default format", "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT OK",
         NULL, false, 14, 0},
        {"23 no header, NODATA", "2 1 eni-1 - - - - - - - 5 6 - NODATA", NULL, false, 14, 0},
        {"23 no header, 13 values", "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 OK",
         "there is no header line, and the first line has 13 values where the default flow-log "
         "format has 14",
         false, 0, 0},
        {"23 no header, 15 values", "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT OK 7",
         "there is no header line, and the first line has 15 values where the default flow-log "
         "format has 14",
         false, 0, 0},
        {"24 CloudWatch export",
         "2024-05-01T00:00:00.000Z 2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT OK",
         "the first line starts with a time, as in an export from CloudWatch Logs; let the flow "
         "log "
         "publish to S3 directly",
         false, 0, 0},
        {"24 CloudWatch export of 13 columns",
         "2024-05-01T00:00:00.000Z 2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 OK",
         "the first line starts with a time, as in an export from CloudWatch Logs; let the flow "
         "log "
         "publish to S3 directly",
         false, 0, 0},
        {"25 BOM before a header", "\xef\xbb\xbf" V2, NULL, true, 14, 0},
        {"25 BOM before a record",
         "\xef\xbb\xbf"
         "2 1 eni-1 - - - - - - - 5 6 - NODATA",
         NULL, false, 14, 0},
        {"5 no dstaddr", "interface-id srcaddr bytes",
         "the flow log's format lacks dstaddr; add the column to the format", false, 0, 0},
        {"5 no addresses", "interface-id bytes",
         "the flow log's format lacks srcaddr and dstaddr; add the column to the format", false, 0,
         0},
        {"nothing leads to the VPC", "srcaddr dstaddr bytes",
         "the flow log's format has neither interface-id nor vpc-id (nor a transit gateway's "
         "tgw-src-vpc-id, tgw-dst-vpc-id, tgw-src-eni or tgw-dst-eni); add one of them to the "
         "format",
         false, 0, 0},
        {"transit gateway", "tgw-src-eni srcaddr dstaddr", NULL, true, 3, 0},
        {"named twice", "vpc-id srcaddr dstaddr srcaddr", "the header line names srcaddr twice",
         false, 0, 0},
        {"names are case-sensitive", "VPC-ID SRCADDR DSTADDR",
         "not a flow log: the first line names no known column", false, 0, 0},
        {"JSON", "{\"Records\":[]}", "not a flow log: the first line names no known column", false,
         0, 0},
        {"blank", " \t", "not a flow log: the first line is blank", false, 0, 0},
        {"only a BOM", "\xef\xbb\xbf", "not a flow log: the first line is blank", false, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_record_format format = {.column_count = 99};
        bool is_header = !rows[i].is_header;
        struct vfl_error err = {0};
        struct vfl_span line = exact_copy(rows[i].line, strlen(rows[i].line));
        enum vfl_status st = vfl_record_format_parse(line, &format, &is_header, &err);
        free_copy(line);
        if (rows[i].error != NULL) {
            ck_assert_msg(st == VFL_UNSUPPORTED, "%s: %s", rows[i].name, vfl_status_name(st));
            ck_assert_msg(strcmp(err.text, rows[i].error) == 0, "%s: %s", rows[i].name, err.text);
            ck_assert_uint_eq(format.column_count, 99);
            continue;
        }
        ck_assert_msg(st == VFL_OK, "%s: %s", rows[i].name, err.text);
        ck_assert_msg(is_header == rows[i].is_header, "%s", rows[i].name);
        ck_assert_msg(format.column_count == rows[i].column_count, "%s", rows[i].name);
        ck_assert_msg(format.unknown_count == rows[i].unknown_count, "%s", rows[i].name);
    }
}
END_TEST

START_TEST(case_23_a_headerless_object_reads_as_version_2)
{
    static const char line[] = "\xef\xbb\xbf"
                               "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4" V2_TAIL;
    struct vfl_record_format format;
    bool is_header = true;
    ck_assert_int_eq(vfl_record_format_parse(VFL_SPAN_LITERAL(line), &format, &is_header, NULL),
                     VFL_OK);
    ck_assert(!is_header);
    check_line("first line", &format, line, sizeof line - 1,
               FLOW " ports=1>2 proto=6 packets=3 bytes=4" TIMES " ACCEPT");
    check_line("header later", &format, V2, sizeof V2 - 1, "header");
}
END_TEST

START_TEST(column_count_has_an_exact_limit)
{
    struct vfl_strbuf header = VFL_STRBUF_INIT(10000);
    struct vfl_record_format format;
    bool is_header;
    struct vfl_error err = {0};
    vfl_strbuf_append_string(&header, "vpc-id srcaddr dstaddr");
    for (int i = 3; i < VFL_RECORD_MAX_COLUMNS; i++)
        vfl_strbuf_append_string(&header, " x");
    ck_assert_int_eq(vfl_record_format_parse(vfl_strbuf_span(&header), &format, &is_header, NULL),
                     VFL_OK);
    ck_assert_uint_eq(format.column_count, VFL_RECORD_MAX_COLUMNS);
    vfl_strbuf_append_string(&header, " x");
    ck_assert_int_eq(vfl_record_format_parse(vfl_strbuf_span(&header), &format, &is_header, &err),
                     VFL_UNSUPPORTED);
    ck_assert_str_eq(err.text, "the header line names more than 128 columns");
    vfl_strbuf_fini(&header);
}
END_TEST

START_TEST(knows_every_documented_field_by_name)
{
    /* The User Guide's count of fields per version, 2 to 11. */
    ck_assert_int_eq(VFL_FIELD_COUNT, 14 + 7 + 4 + 4 + 18 + 10 + 1 + 1 + 1 + 12);
    for (int i = 0; i < VFL_FIELD_COUNT; i++) {
        const char *name = vfl_field_name((enum vfl_field)i);
        ck_assert_int_eq(vfl_field_find(vfl_span_from_string(name)), i);
    }
    /* One at the start and end of each version holds the two orders together. */
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_LOG_STATUS), "log-status");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_VPC_ID), "vpc-id");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_PKT_DSTADDR), "pkt-dstaddr");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_SUBLOCATION_ID), "sublocation-id");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_TRAFFIC_PATH), "traffic-path");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_PACKETS_LOST_TTL_EXPIRED),
                     "packets-lost-ttl-expired");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_ECS_TASK_ID), "ecs-task-id");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_ENCRYPTION_STATUS), "encryption-status");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_NEXT_HOP_INTERFACE_TYPE), "next-hop-interface-type");
    ck_assert_str_eq(vfl_field_name(VFL_FIELD_UNKNOWN), "unknown");
    ck_assert_int_eq(vfl_field_find(VFL_SPAN_LITERAL("pkt_srcaddr")), VFL_FIELD_UNKNOWN);
    ck_assert_int_eq(vfl_field_find((struct vfl_span){NULL, 0}), VFL_FIELD_UNKNOWN);
}
END_TEST

START_TEST(packet_addresses_need_both_columns)
{
    struct vfl_record_format both = format_of("vpc-id srcaddr dstaddr pkt-dstaddr pkt-srcaddr");
    struct vfl_record_format one = format_of("vpc-id srcaddr dstaddr pkt-dstaddr");
    ck_assert(vfl_record_format_has_packet_addresses(&both));
    ck_assert(!vfl_record_format_has_packet_addresses(&one));
}
END_TEST

START_TEST(every_cut_of_a_line_is_survived)
{
    static const char line[] =
        "2 123456789010 eni-1235b8ca123456789 172.31.16.139 2001:db8::1 20641 22 6 20 4249 "
        "1418530010 1418530070 ACCEPT OK";
    struct vfl_record_format format = format_of(V2);
    for (size_t len = 0; len < sizeof line; len++) {
        struct vfl_span copy = exact_copy(line, len);
        struct vfl_record record;
        vfl_record_parse(&format, copy, NOW, &record);
        enum vfl_record_kind expected = len == 0                 ? VFL_RECORD_BLANK
                                        : len == sizeof line - 1 ? VFL_RECORD_FLOW
                                                                 : VFL_RECORD_MALFORMED;
        ck_assert_int_eq(record.kind, expected);
        free_copy(copy);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        maps_values_by_the_header,
        log_status_decides_what_a_line_is,
        a_line_needs_exactly_its_columns,
        reads_numbers_exactly,
        believes_only_possible_times,
        canonicalises_and_refuses_addresses,
        case_27_a_nul_byte_spoils_only_its_line,
        case_59_reads_transit_gateway_records,
        a_long_line_is_read_across_every_block_border,
        takes_a_first_line_for_what_it_is,
        case_23_a_headerless_object_reads_as_version_2,
        column_count_has_an_exact_limit,
        knows_every_documented_field_by_name,
        packet_addresses_need_both_columns,
        every_cut_of_a_line_is_survived,
    };
    return RUN_SUITE("record", cases);
}
