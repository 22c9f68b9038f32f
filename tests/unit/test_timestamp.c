#include "core/aws/timestamp.h"

#include "tests/unit/run_suite.h"

START_TEST(amz_date_is_utc_and_clamped)
{
    static const struct {
        int64_t epoch_s;
        const char *expected;
    } rows[] = {
        {0, "19700101T000000Z"},
        {-1, "19700101T000000Z"},
        {951782400, "20000229T000000Z"},
        {1369353600, "20130524T000000Z"},
        {1440938160, "20150830T123600Z"},
        {2147483648, "20380119T031408Z"},
        {253402300799, "99991231T235959Z"},
        {INT64_MAX, "99991231T235959Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[VFL_AMZ_DATE_SIZE];
        vfl_timestamp_format_amz(rows[i].epoch_s, text);
        ck_assert_str_eq(text, rows[i].expected);
    }
}
END_TEST

START_TEST(iso8601_is_read_strictly)
{
    static const struct {
        const char *text;
        int64_t expected; /* -1: refused */
    } rows[] = {
        {"2013-05-24T00:00:00Z", 1369353600},
        {"2013-05-24T00:00:00.000Z", 1369353600},
        {"2013-05-24T00:00:00.999999999Z", 1369353600},
        {"2016-12-31T23:59:60Z", 1483228799},
        {"2000-02-29T00:00:00Z", 951782400},
        {"1900-02-28T00:00:00Z", -1},
        {"2001-02-29T00:00:00Z", -1},
        {"2013-00-24T00:00:00Z", -1},
        {"2013-13-24T00:00:00Z", -1},
        {"2013-05-00T00:00:00Z", -1},
        {"2013-05-24T24:00:00Z", -1},
        {"2013-05-24T00:60:00Z", -1},
        {"2013-05-24T00:00:61Z", -1},
        {"2013-05-24T00:00:00", -1},
        {"2013-05-24T00:00:00.Z", -1},
        {"2013-05-24T00:00:00.1xZ", -1},
        {"2013-05-24 00:00:00Z", -1},
        {"2013-05-24T00:00:00+01:00", -1},
        {"2013-5-24T00:00:00.00Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t epoch_s = -1;
        bool is_read = vfl_timestamp_parse_iso8601(vfl_span_from_string(rows[i].text), &epoch_s);
        ck_assert_msg(is_read == (rows[i].expected >= 0), "%s", rows[i].text);
        ck_assert_msg(epoch_s == rows[i].expected, "%s", rows[i].text);
    }
}
END_TEST

START_TEST(http_date_is_read_strictly)
{
    static const struct {
        const char *text;
        int64_t expected;
    } rows[] = {
        {"Fri, 24 May 2013 00:00:00 GMT", 1369353600},
        {"Sun, 30 Aug 2015 12:36:00 GMT", 1440938160},
        {"Fri, 24 May 2013 00:00:00 UTC", -1},
        {"Fri, 24 Mai 2013 00:00:00 GMT", -1},
        {"Friday, 24-May-13 00:00:00 GMT", -1},
        {"Fri, 32 May 2013 00:00:00 GMT", -1},
        {"yesterday", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t epoch_s = -1;
        bool is_read = vfl_timestamp_parse_http(vfl_span_from_string(rows[i].text), &epoch_s);
        ck_assert_msg(is_read == (rows[i].expected >= 0), "%s", rows[i].text);
        ck_assert_msg(epoch_s == rows[i].expected, "%s", rows[i].text);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        amz_date_is_utc_and_clamped,
        iso8601_is_read_strictly,
        http_date_is_read_strictly,
    };
    return RUN_SUITE("timestamp", cases);
}
