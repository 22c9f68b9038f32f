/* The record parser exists for several processors, and each build has a quick way for lines as AWS
 * writes them and a general one for all others. Lines drawn from ordinary and odd values must give
 * the same record by every way. */
#include "core/flowlog/record_parser.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/index.h"
#include "tests/unit/run_suite.h"

#define NOW_EPOCH_S INT64_C(1714521600)
#define LINES 8000
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

static const char *const addresses[] = {
    "10.0.0.1",        "172.31.16.139", "255.255.255.255", "0.0.0.0",          "1.2.3",
    "1.2.3.4.5",       "1..2.3",        "256.1.1.1",       "1.1.1.256",        "01.2.3.4",
    "1.2.3.00",        "1.2.3.1000",    "1.2.3.4a",        "a.2.3.4",          ".1.2.3",
    "1.2.3.",          "2001:db8::1",   "::ffff:10.0.0.1", "fe80:0:0:0:1::ff", "-",
    "srcaddr",         "10.20.30.400",  "9.99.199.249",    "1.2.3.4/5",        "10,0,0,1",
    "100.100.100.100", "1.1.1.1:1",     "\xb1.1.1.1",      "12345678901234567"};

static const char *const numbers[] = {"0",
                                      "00",
                                      "1",
                                      "6",
                                      "17",
                                      "255",
                                      "256",
                                      "443",
                                      "65535",
                                      "65536",
                                      "32768",
                                      "99999999",
                                      "100000000",
                                      "1714521000",
                                      "1714521000000",
                                      "1418530010",
                                      "9999999999999999",
                                      "10000000000000000",
                                      "18446744073709551615",
                                      "18446744073709551616",
                                      "-",
                                      "-1",
                                      "+1",
                                      "1e3",
                                      "0x10",
                                      "1a",
                                      "a1",
                                      "1.5",
                                      "\xb1",
                                      ":",
                                      "/",
                                      "1714700000",
                                      "99999999999999999999999"};

static const char *const texts[] = {"-",
                                    "eni-1235b8ca123456789",
                                    "eni-1235b8ca",
                                    "ACCEPT",
                                    "REJECT",
                                    "OK",
                                    "NODATA",
                                    "SKIPDATA",
                                    "ingress",
                                    "egress",
                                    "vpc-0305206adbbda9918",
                                    "x",
                                    "accept",
                                    "ACCEPTED",
                                    "123456789010"};

static uint64_t state = 1;

static uint64_t draw(uint64_t below)
{
    state = vfl_hash_finish(vfl_hash_mix(state, 0x5bd1e995));
    return state % below;
}

#define DRAW(pool) (pool)[draw(sizeof(pool) / sizeof((pool)[0]))]

/* Mostly what belongs there, so that most lines are records. */
static const char *draw_value(enum vfl_field field, char *room)
{
    if (draw(12) == 0)
        return draw(2) == 0 ? DRAW(texts) : DRAW(numbers);
    switch (field) {
    case VFL_FIELD_SRCADDR:
    case VFL_FIELD_DSTADDR:
    case VFL_FIELD_PKT_SRCADDR:
    case VFL_FIELD_PKT_DSTADDR:
        if (draw(4) == 0)
            return DRAW(addresses);
        (void)snprintf(room, 32, "%u.%u.%u.%u", (unsigned)draw(260), (unsigned)draw(256),
                       (unsigned)draw(110), (unsigned)draw(12));
        return room;
    case VFL_FIELD_ACTION:
        return draw(2) == 0 ? "ACCEPT" : "REJECT";
    case VFL_FIELD_LOG_STATUS:
        return draw(8) == 0 ? DRAW(texts) : "OK";
    case VFL_FIELD_START:
    case VFL_FIELD_END:
        (void)snprintf(room, 32, "%u", 1714520000 + (unsigned)draw(3000));
        return room;
    case VFL_FIELD_INTERFACE_ID:
    case VFL_FIELD_VPC_ID:
    case VFL_FIELD_FLOW_DIRECTION:
        return DRAW(texts);
    default:
        if (draw(3) == 0)
            return DRAW(numbers);
        (void)snprintf(room, 32, "%llu", (unsigned long long)(draw(UINT64_MAX) >> draw(64)));
        return room;
    }
}

/* odd: double spaces, tabs, control bytes, values too many or too few, an end in CR. */
static size_t draw_line(const struct vfl_record_format *format, char *line, bool is_odd)
{
    size_t len = 0;
    unsigned columns = format->column_count;
    if (is_odd && draw(4) == 0)
        columns += draw(2) == 0 ? 1 : -1u;
    for (unsigned i = 0; i < columns; i++) {
        char room[32];
        enum vfl_field field =
            i < format->column_count ? (enum vfl_field)format->column_field[i] : VFL_FIELD_UNKNOWN;
        if (i > 0)
            line[len++] = ' ';
        if (is_odd && draw(10) == 0)
            line[len++] = "\t \x01\0\r"[draw(5)];
        const char *value = draw_value(field, room);
        memcpy(line + len, value, strlen(value));
        len += strlen(value);
    }
    if (is_odd && draw(4) == 0)
        line[len++] = draw(2) == 0 ? '\r' : ' ';
    return len;
}

/* In memory of its own, so that a sanitizer sees a look past either end. */
static struct vfl_record parse_exactly(bool is_portable, const struct vfl_record_format *format,
                                       const char *line, size_t len, char **ret_copy)
{
    char *copy = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, line, len);
    struct vfl_record record;
    memset(&record, is_portable ? 0xa5 : 0x5a, sizeof record);
    if (is_portable)
        vfl_record_parse_portable(format, (struct vfl_span){copy, len}, NOW_EPOCH_S, &record);
    else
        vfl_record_parse(format, (struct vfl_span){copy, len}, NOW_EPOCH_S, &record);
    *ret_copy = copy;
    return record;
}

static void check_same(const struct vfl_record *a, const struct vfl_record *b, const char *line,
                       size_t len)
{
    ck_assert_msg(memcmp(a, b, offsetof(struct vfl_record, texts)) == 0, "%.*s: kinds %d and %d",
                  (int)len, line, a->kind, b->kind);
    for (unsigned i = 0; i < VFL_TEXT_COUNT; i++)
        ck_assert_msg(vfl_span_equal(a->texts[i], b->texts[i]), "%.*s: text %u", (int)len, line, i);
}

static struct vfl_record_format format_of(const char *header)
{
    struct vfl_record_format format;
    bool is_header;
    ck_assert_int_eq(
        vfl_record_format_parse(vfl_span_from_string(header), &format, &is_header, NULL), VFL_OK);
    return format;
}

START_TEST(every_build_gives_the_same_record)
{
    unsigned flows = 0;
    for (unsigned i = 0; i < LINES; i++) {
        struct vfl_record_format format =
            format_of(headers[i % (sizeof headers / sizeof headers[0])]);
        char line[2048];
        size_t len = draw_line(&format, line, i % 3 == 0);
        char *copies[2];
        struct vfl_record best = parse_exactly(false, &format, line, len, &copies[0]);
        struct vfl_record portable = parse_exactly(true, &format, line, len, &copies[1]);
        check_same(&best, &portable, line, len);
        flows += best.kind == VFL_RECORD_FLOW;
        free(copies[0]);
        free(copies[1]);
    }
    ck_assert_uint_gt(flows, LINES / 20);
}
END_TEST

/* A second space somewhere sends a line the general way. */
START_TEST(the_quick_way_and_the_general_one_give_the_same_record)
{
    unsigned flows = 0;
    for (unsigned i = 0; i < LINES; i++) {
        struct vfl_record_format format =
            format_of(headers[i % (sizeof headers / sizeof headers[0])]);
        char line[2048];
        char spaced[2049];
        size_t len = draw_line(&format, line, false);
        const char *space = memchr(line + draw(len), ' ', len / 2);
        if (space == NULL || space >= line + len)
            continue;
        size_t at = (size_t)(space - line);
        memcpy(spaced, line, at);
        spaced[at] = ' ';
        memcpy(spaced + at + 1, space, len - at);
        for (int is_portable = 0; is_portable < 2; is_portable++) {
            char *copies[2];
            struct vfl_record quick = parse_exactly(is_portable, &format, line, len, &copies[0]);
            struct vfl_record general =
                parse_exactly(is_portable, &format, spaced, len + 1, &copies[1]);
            check_same(&quick, &general, line, len);
            flows += quick.kind == VFL_RECORD_FLOW;
            free(copies[0]);
            free(copies[1]);
        }
    }
    ck_assert_uint_gt(flows, LINES / 20);
}
END_TEST

START_TEST(lines_of_every_length_are_read_whole)
{
    /* The last column grows over the borders of the blocks in which separators are looked for. */
    struct vfl_record_format format = format_of(V2 " unheard-of");
    for (size_t extra = 1; extra < 200; extra++) {
        char line[400];
        int front = snprintf(line, sizeof line,
                             "2 1 eni-1 10.0.0.1 10.0.0.2 5 6 7 8 9 1714521000 1714521001 ACCEPT "
                             "OK ");
        memset(line + front, 'x', extra);
        size_t len = (size_t)front + extra;
        char *copies[2];
        struct vfl_record best = parse_exactly(false, &format, line, len, &copies[0]);
        struct vfl_record portable = parse_exactly(true, &format, line, len, &copies[1]);
        ck_assert_int_eq(best.kind, VFL_RECORD_FLOW);
        ck_assert_uint_eq(best.dst_port, 6);
        ck_assert_uint_eq(best.bytes, 9);
        ck_assert_int_eq(best.end_epoch_s, 1714521001);
        check_same(&best, &portable, line, len);
        free(copies[0]);
        free(copies[1]);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        every_build_gives_the_same_record,
        the_quick_way_and_the_general_one_give_the_same_record,
        lines_of_every_length_are_read_whole,
    };
    return RUN_SUITE("record_builds", cases);
}
