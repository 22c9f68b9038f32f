#include "core/flowlog/object_key.h"

#include <stdlib.h>

#include "tests/unit/run_suite.h"

#define ACCOUNT "123456789012"
#define NAME ACCOUNT "_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe123456"
#define DAY "AWSLogs/" ACCOUNT "/vpcflowlogs/us-east-1/2018/06/20/"
#define HIVE "AWSLogs/aws-account-id=" ACCOUNT "/aws-service=vpcflowlogs/aws-region=us-east-1/"
#define HIVE_DAY HIVE "year=2018/month=06/day=20/"
/* 2018-06-20T16:20:00Z */
#define TIME_EPOCH_S 1529511600

static const struct vfl_span any = {NULL, 0};

/* Parses a copy that ends where its allocation ends, so that ASan sees a read past the span. The
 * texts of ret_key are moved back onto key. */
static enum vfl_status parse(const char *key, const char *folder, struct vfl_span account,
                             struct vfl_span region, struct vfl_object_key *ret_key,
                             struct vfl_error *err)
{
    size_t len = strlen(key);
    char *copy = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, key, len);
    enum vfl_status st = vfl_object_key_parse(
        (struct vfl_span){copy, len}, vfl_span_from_string(folder), account, region, ret_key, err);
    if (st == VFL_OK) {
        ret_key->account.ptr = key + (ret_key->account.ptr - copy);
        ret_key->region.ptr = key + (ret_key->region.ptr - copy);
        ret_key->flow_log_id.ptr = key + (ret_key->flow_log_id.ptr - copy);
    }
    free(copy);
    return st;
}

START_TEST(case_55_accepts_every_layout)
{
    static const struct {
        const char *key;
        const char *folder;
        enum vfl_key_layout layout;
        enum vfl_key_form form;
        bool is_hourly;
    } rows[] = {
        {DAY NAME ".log.gz", "", VFL_KEY_LAYOUT_DEFAULT, VFL_KEY_FORM_TEXT, false},
        {DAY "16/" NAME ".log.gz", "", VFL_KEY_LAYOUT_DEFAULT, VFL_KEY_FORM_TEXT, true},
        {HIVE_DAY NAME ".log.gz", "", VFL_KEY_LAYOUT_HIVE, VFL_KEY_FORM_TEXT, false},
        {HIVE_DAY "hour=16/" NAME ".log.gz", "", VFL_KEY_LAYOUT_HIVE, VFL_KEY_FORM_TEXT, true},
        {"logs/" DAY NAME ".log.gz", "logs", VFL_KEY_LAYOUT_DEFAULT, VFL_KEY_FORM_TEXT, false},
        {"a/b c/" HIVE_DAY NAME ".log.gz", "a/b c", VFL_KEY_LAYOUT_HIVE, VFL_KEY_FORM_TEXT, false},
        {"AWSLogs/" DAY NAME ".log.gz", "AWSLogs", VFL_KEY_LAYOUT_DEFAULT, VFL_KEY_FORM_TEXT,
         false},
        {DAY NAME ".log", "", VFL_KEY_LAYOUT_DEFAULT, VFL_KEY_FORM_TEXT, false},
        {DAY NAME ".log.parquet", "", VFL_KEY_LAYOUT_DEFAULT, VFL_KEY_FORM_PARQUET, false},
        {HIVE_DAY "hour=00/" NAME ".log.parquet", "", VFL_KEY_LAYOUT_HIVE, VFL_KEY_FORM_PARQUET,
         true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_object_key key = {.layout = VFL_KEY_LAYOUT_COUNT};
        struct vfl_error err = {0};
        ck_assert_msg(parse(rows[i].key, rows[i].folder, any, any, &key, &err) == VFL_OK, "%s",
                      err.text);
        ck_assert_int_eq(key.layout, rows[i].layout);
        ck_assert_int_eq(key.form, rows[i].form);
        ck_assert_int_eq(key.is_hourly, rows[i].is_hourly);
        ck_assert_int_eq(key.time_epoch_s, TIME_EPOCH_S);
        ck_assert(vfl_span_equal_string(key.account, ACCOUNT));
        ck_assert(vfl_span_equal_string(key.region, "us-east-1"));
        ck_assert(vfl_span_equal_string(key.flow_log_id, "fl-1234abcd"));
    }
}
END_TEST

START_TEST(case_56_leaves_foreign_objects_alone)
{
    static const char *const rows[] = {
        "",
        "/",
        "index.html",
        "AWSLogs",
        "AWSLogs/",
        "AWSLogs/" ACCOUNT "/",
        DAY,
        HIVE_DAY,
        DAY "test_file.log.gz",
        DAY NAME,
        DAY NAME ".log.gz.tmp",
        DAY NAME ".tmp",
        DAY NAME ".gz",
        DAY NAME ".log.",
        DAY NAME ".log.gz/",
        DAY NAME ".log.GZ",
        DAY NAME ".log.parquet.gz",
        DAY NAME ".json.gz",
        "/" DAY NAME ".log.gz",
        "logs/" DAY NAME ".log.gz",
        "AWSLogs/" ACCOUNT "/CloudTrail/us-east-1/2018/06/20/" ACCOUNT
        "_CloudTrail_us-east-1_20180620T1620Z_fe123456.json.gz",
        "AWSLogs/" ACCOUNT "/elasticloadbalancing/us-east-1/2018/06/20/" NAME ".log.gz",
        "AWSLogs/12345678901/vpcflowlogs/us-east-1/2018/06/20/" NAME ".log.gz",
        "AWSLogs/1234567890123/vpcflowlogs/us-east-1/2018/06/20/" NAME ".log.gz",
        "awslogs/" ACCOUNT "/vpcflowlogs/us-east-1/2018/06/20/" NAME ".log.gz",
        /* path and name disagree */
        "AWSLogs/210987654321/vpcflowlogs/us-east-1/2018/06/20/" NAME ".log.gz",
        "AWSLogs/" ACCOUNT "/vpcflowlogs/us-east-2/2018/06/20/" NAME ".log.gz",
        /* path shapes */
        "AWSLogs/" ACCOUNT "/vpcflowlogs/us-east-1/2018/6/20/" NAME ".log.gz",
        "AWSLogs/" ACCOUNT "/vpcflowlogs/us-east-1/2018/06/" NAME ".log.gz",
        "AWSLogs/" ACCOUNT "/vpcflowlogs/us-east-1/2018-06-20/" NAME ".log.gz",
        "AWSLogs/" ACCOUNT "/vpcflowlogs/us-east-1/18/06/20/" NAME ".log.gz",
        DAY "1/" NAME ".log.gz",
        DAY "016/" NAME ".log.gz",
        DAY "16/20/" NAME ".log.gz",
        DAY "hour=16/" NAME ".log.gz",
        HIVE_DAY "16/" NAME ".log.gz",
        HIVE "2018/06/20/" NAME ".log.gz",
        HIVE "year=2018/month=6/day=20/" NAME ".log.gz",
        "AWSLogs/aws-account-id=" ACCOUNT "/vpcflowlogs/us-east-1/2018/06/20/" NAME ".log.gz",
        /* name shapes */
        DAY ACCOUNT "_vpcflowlogs_us-east-1_fl-_20180620T1620Z_fe123456.log.gz",
        DAY ACCOUNT "_vpcflowlogs_us-east-1_1234abcd_20180620T1620Z_fe123456.log.gz",
        DAY ACCOUNT "_vpcflowlogs_us-east-1_fl-12-34_20180620T1620Z_fe123456.log.gz",
        DAY ACCOUNT "_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620_fe123456.log.gz",
        DAY ACCOUNT "_vpcflowlogs_us-east-1_fl-1234abcd_20180620T162000Z_fe123456.log.gz",
        DAY ACCOUNT "_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_.log.gz",
        DAY ACCOUNT "_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z.log.gz",
        DAY ACCOUNT "_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_fe_12.log.gz",
        DAY ACCOUNT "_vpcflowlogs__fl-1234abcd_20180620T1620Z_fe123456.log.gz",
        DAY "copy of " NAME ".log.gz",
        DAY "../" NAME ".log.gz",
        /* an opaque token is bounded */
        DAY ACCOUNT "_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z_"
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.log.gz",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_object_key key = {.layout = VFL_KEY_LAYOUT_COUNT};
        enum vfl_status st = parse(rows[i], "", any, any, &key, NULL);
        ck_assert_msg(st == VFL_NOT_FOUND, "%s: %s", rows[i], vfl_status_name(st));
        ck_assert_int_eq(key.layout, VFL_KEY_LAYOUT_COUNT);
    }
    struct vfl_object_key key;
    ck_assert_int_eq(vfl_object_key_parse(any, any, any, any, &key, NULL), VFL_NOT_FOUND);
}
END_TEST

START_TEST(folder_account_and_region_have_to_match)
{
    static const char key_text[] = "team/" DAY NAME ".log.gz";
    static const struct {
        const char *folder;
        const char *account; /* NULL: any */
        const char *region;
        const char *error; /* after the key; NULL: accepted */
    } rows[] = {
        {"team", NULL, NULL, NULL},
        {"team", ACCOUNT, "us-east-1", NULL},
        {"team", "210987654321", "us-east-1", " belongs to another account"},
        {"team", ACCOUNT, "us-east-2", " belongs to another region"},
        {"team", ACCOUNT, "us-east-", " belongs to another region"},
        {"team", "", NULL, " belongs to another account"},
        {"", NULL, NULL, " is no flow-log file"},
        {"tea", NULL, NULL, " is outside the flow log's folder"},
        {"teams", NULL, NULL, " is outside the flow log's folder"},
        {"team/AWSLogs", NULL, NULL, " is no flow-log file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_object_key key;
        struct vfl_error err = {0};
        enum vfl_status st = parse(key_text, rows[i].folder, vfl_span_from_string(rows[i].account),
                                   vfl_span_from_string(rows[i].region), &key, &err);
        ck_assert_int_eq(st, rows[i].error == NULL ? VFL_OK : VFL_NOT_FOUND);
        if (rows[i].error != NULL) {
            ck_assert_int_eq(strncmp(err.text, key_text, sizeof key_text - 1), 0);
            ck_assert_str_eq(err.text + sizeof key_text - 1, rows[i].error);
        }
    }
}
END_TEST

START_TEST(knows_the_regions_of_every_partition)
{
    static const struct {
        const char *region;
        bool is_region;
    } rows[] = {
        {"us-east-1", true},      {"eu-central-2", true},   {"us-gov-west-1", true},
        {"cn-northwest-1", true}, {"us-iso-east-1", true},  {"us-isob-east-1", true},
        {"eusc-de-east-1", true}, {"ap-southeast-7", true}, {"il-central-1", true},
        {"us-east-12", true},     {"us-east-123", false},   {"us-east-1a", false},
        {"us-east", false},       {"east-1", false},        {"us--east-1", false},
        {"-us-east-1", false},    {"US-EAST-1", false},     {"us-east-", false},
        {"global", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_strbuf key_text = VFL_STRBUF_INIT(1000);
        struct vfl_object_key key;
        vfl_object_key_append_prefix(&key_text, VFL_KEY_LAYOUT_DEFAULT, any,
                                     VFL_SPAN_LITERAL(ACCOUNT),
                                     vfl_span_from_string(rows[i].region));
        vfl_strbuf_appendf(&key_text,
                           "2018/06/20/" ACCOUNT
                           "_vpcflowlogs_%s_fl-1234abcd_20180620T1620Z_fe123456.log.gz",
                           rows[i].region);
        enum vfl_status st = parse(vfl_strbuf_string(&key_text), "", any, any, &key, NULL);
        ck_assert_msg(st == (rows[i].is_region ? VFL_OK : VFL_NOT_FOUND), "%s", rows[i].region);
        if (st == VFL_OK)
            ck_assert(vfl_span_equal_string(key.region, rows[i].region));
        vfl_strbuf_fini(&key_text);
    }
}
END_TEST

START_TEST(case_57_impossible_dates_are_told_apart)
{
    /* Seconds by `date -u -d ... +%s`. */
    static const struct {
        const char *path_date;
        const char *name_time;
        enum vfl_status status;
        int64_t time_epoch_s;
    } rows[] = {
        {"2018/06/20", "20180620T1620Z", VFL_OK, 1529511600},
        {"1970/01/01", "19700101T0000Z", VFL_OK, 0},
        {"2024/02/29", "20240229T2359Z", VFL_OK, 1709251140},
        {"2000/02/29", "20000229T0000Z", VFL_OK, 951782400},
        {"2024/12/31", "20241231T2359Z", VFL_OK, 1735689540},
        {"2024/03/01", "20240301T0000Z", VFL_OK, 1709251200},
        {"2023/03/01", "20230301T0000Z", VFL_OK, 1677628800},
        {"9999/12/31", "99991231T2359Z", VFL_OK, 253402300740},
        /* delivered past midnight: the path need not say the name's day */
        {"2018/06/21", "20180620T2355Z", VFL_OK, 1529538900},
        {"2018/06/20", "20180631T1620Z", VFL_FORMAT, 0},
        {"2018/06/20", "20180600T1620Z", VFL_FORMAT, 0},
        {"2018/06/20", "20180020T1620Z", VFL_FORMAT, 0},
        {"2018/06/20", "20181320T1620Z", VFL_FORMAT, 0},
        {"2018/06/20", "20180620T2400Z", VFL_FORMAT, 0},
        {"2018/06/20", "20180620T1660Z", VFL_FORMAT, 0},
        {"2018/06/20", "20230229T1620Z", VFL_FORMAT, 0},
        {"2018/06/20", "21000229T1620Z", VFL_FORMAT, 0},
        {"2018/06/20", "00000620T1620Z", VFL_FORMAT, 0},
        {"2018/06/20", "19691231T2359Z", VFL_FORMAT, 0},
        {"2018/13/20", "20180620T1620Z", VFL_FORMAT, 0},
        {"2018/06/31", "20180620T1620Z", VFL_FORMAT, 0},
        {"2018/06/20/24", "20180620T1620Z", VFL_FORMAT, 0},
        {"2018/06/20/23", "20180620T2320Z", VFL_OK, 1529536800},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_strbuf text = VFL_STRBUF_INIT(1000);
        struct vfl_object_key key = {.time_epoch_s = -1};
        struct vfl_error err = {0};
        vfl_strbuf_appendf(&text,
                           "AWSLogs/" ACCOUNT "/vpcflowlogs/us-east-1/%s/" ACCOUNT
                           "_vpcflowlogs_us-east-1_fl-1234abcd_%s_fe123456.log.gz",
                           rows[i].path_date, rows[i].name_time);
        enum vfl_status st = parse(vfl_strbuf_string(&text), "", any, any, &key, &err);
        ck_assert_msg(st == rows[i].status, "%s %s: %s", rows[i].path_date, rows[i].name_time,
                      vfl_status_name(st));
        ck_assert_int_eq(key.time_epoch_s, st == VFL_OK ? rows[i].time_epoch_s : -1);
        if (st == VFL_FORMAT)
            ck_assert_ptr_nonnull(strstr(err.text, "names an impossible date"));
        vfl_strbuf_fini(&text);
    }
}
END_TEST

START_TEST(every_cut_of_a_key_is_refused)
{
    static const char full[] = HIVE_DAY "hour=16/" NAME ".log.gz";
    for (size_t len = 0; len < sizeof full; len++) {
        char cut[sizeof full];
        memcpy(cut, full, len);
        cut[len] = '\0';
        struct vfl_object_key key;
        bool is_whole = len == sizeof full - 1 || len == sizeof full - 1 - strlen(".gz");
        ck_assert_int_eq(parse(cut, "", any, any, &key, NULL), is_whole ? VFL_OK : VFL_NOT_FOUND);
    }
}
END_TEST

START_TEST(listing_prefixes_lead_to_the_keys)
{
    static const struct {
        enum vfl_key_layout layout;
        const char *folder;
        const char *expected;
    } rows[] = {
        {VFL_KEY_LAYOUT_DEFAULT, "", "AWSLogs/123456789012/vpcflowlogs/us-east-1/"},
        {VFL_KEY_LAYOUT_DEFAULT, "a/b", "a/b/AWSLogs/123456789012/vpcflowlogs/us-east-1/"},
        {VFL_KEY_LAYOUT_HIVE, "",
         "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/"},
        {VFL_KEY_LAYOUT_HIVE, "a",
         "a/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_strbuf prefix = VFL_STRBUF_INIT(1000);
        vfl_object_key_append_prefix(&prefix, rows[i].layout, vfl_span_from_string(rows[i].folder),
                                     VFL_SPAN_LITERAL(ACCOUNT), VFL_SPAN_LITERAL("us-east-1"));
        ck_assert_str_eq(vfl_strbuf_string(&prefix), rows[i].expected);
        vfl_strbuf_fini(&prefix);
    }
}
END_TEST

START_TEST(folders_give_the_start_of_their_day_or_hour)
{
    /* The name's time is 16:20; the folders speak for themselves. */
    static const struct {
        const char *key;
        int64_t folder_epoch_s;
    } rows[] = {
        {DAY NAME ".log.gz", 1529452800},
        {DAY "16/" NAME ".log.gz", 1529510400},
        {DAY "00/" NAME ".log.gz", 1529452800},
        {HIVE_DAY NAME ".log.gz", 1529452800},
        {HIVE_DAY "hour=17/" NAME ".log.gz", 1529514000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_object_key key;
        struct vfl_error err = {0};
        ck_assert_int_eq(parse(rows[i].key, "", any, any, &key, &err), VFL_OK);
        ck_assert_int_eq(key.time_epoch_s, TIME_EPOCH_S);
        ck_assert_int_eq(key.folder_epoch_s, rows[i].folder_epoch_s);
    }
}
END_TEST

static void append_parts(struct vfl_strbuf *out, enum vfl_key_layout layout, bool is_hourly,
                         int64_t epoch_s)
{
    vfl_object_key_append_day(out, layout, epoch_s);
    if (is_hourly)
        vfl_object_key_append_hour(out, layout, epoch_s);
    vfl_object_key_append_name(out, VFL_SPAN_LITERAL(ACCOUNT), VFL_SPAN_LITERAL("us-east-1"),
                               VFL_SPAN_LITERAL("fl-1"));
    vfl_object_key_append_time(out, epoch_s);
}

START_TEST(parts_of_a_key_name_their_time)
{
#define STEM ACCOUNT "_vpcflowlogs_us-east-1_fl-1_"
    static const struct {
        enum vfl_key_layout layout;
        bool is_hourly;
        int64_t epoch_s;
        const char *text;
    } rows[] = {
        {VFL_KEY_LAYOUT_DEFAULT, false, TIME_EPOCH_S, "2018/06/20/" STEM "20180620T1620Z"},
        {VFL_KEY_LAYOUT_DEFAULT, true, TIME_EPOCH_S + 59, "2018/06/20/16/" STEM "20180620T1620Z"},
        {VFL_KEY_LAYOUT_HIVE, true, TIME_EPOCH_S,
         "year=2018/month=06/day=20/hour=16/" STEM "20180620T1620Z"},
        {VFL_KEY_LAYOUT_DEFAULT, false, 0, "1970/01/01/" STEM "19700101T0000Z"},
        {VFL_KEY_LAYOUT_DEFAULT, false, -1, "1970/01/01/" STEM "19700101T0000Z"},
        /* `date -u -d @...`: around leap days, the turn of a year, a century without one */
        {VFL_KEY_LAYOUT_DEFAULT, false, 951782399, "2000/02/28/" STEM "20000228T2359Z"},
        {VFL_KEY_LAYOUT_DEFAULT, false, 951782400, "2000/02/29/" STEM "20000229T0000Z"},
        {VFL_KEY_LAYOUT_DEFAULT, false, 1735689599, "2024/12/31/" STEM "20241231T2359Z"},
        {VFL_KEY_LAYOUT_DEFAULT, false, 1735689600, "2025/01/01/" STEM "20250101T0000Z"},
        {VFL_KEY_LAYOUT_DEFAULT, false, 4107542400, "2100/03/01/" STEM "21000301T0000Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_strbuf out = VFL_STRBUF_INIT(512);
        append_parts(&out, rows[i].layout, rows[i].is_hourly, rows[i].epoch_s);
        ck_assert_str_eq(vfl_strbuf_string(&out), rows[i].text);
        vfl_strbuf_fini(&out);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        case_55_accepts_every_layout,
        case_56_leaves_foreign_objects_alone,
        folder_account_and_region_have_to_match,
        knows_the_regions_of_every_partition,
        case_57_impossible_dates_are_told_apart,
        every_cut_of_a_key_is_refused,
        listing_prefixes_lead_to_the_keys,
        folders_give_the_start_of_their_day_or_hour,
        parts_of_a_key_name_their_time,
    };
    return RUN_SUITE("object_key", cases);
}
