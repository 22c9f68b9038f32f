#include "core/aws/s3.h"
#include "tests/fake/aws_bench.h"
#include "tests/unit/run_suite.h"

struct inspect_bench {
    struct aws_bench base;
    struct vfl_s3_bucket *bucket;
    struct vfl_error err;
};

static void start(struct inspect_bench *bench)
{
    aws_bench_start(&bench->base);
    ck_assert_int_eq(vfl_s3_bucket_new(bench->base.session, "logs", NULL, &bench->bucket, NULL),
                     VFL_OK);
}

static void finish(struct inspect_bench *bench)
{
    vfl_s3_bucket_free(bench->bucket);
    aws_bench_finish(&bench->base);
}

/* S3 API reference, HeadBucket: the header is there whatever the status. */
START_TEST(the_region_is_told_with_every_status)
{
    static const struct {
        int status;
        const char *headers;
        enum vfl_status expected;
        const char *region, *text;
    } rows[] = {
        {200, "x-amz-bucket-region: eu-west-1\r\n", VFL_OK, "eu-west-1", ""},
        {403, "x-amz-bucket-region: us-east-2\r\n", VFL_OK, "us-east-2", ""},
        {400, "x-amz-bucket-region: eu-south-1\r\n", VFL_OK, "eu-south-1", ""},
        {301, "x-amz-bucket-region: us-west-2\r\n", VFL_OK, "us-west-2", ""},
        {200, "", VFL_OK, "", ""},
        {200, "x-amz-bucket-region: evil.example/\r\n", VFL_OK, "", ""},
        {403, "", VFL_DENIED, "untouched", "bucket logs"},
        {404, "", VFL_NOT_FOUND, "untouched",
         "bucket logs does not exist: create it or correct flowlog_bucket_name"},
        {404, "x-amz-bucket-region: eu-west-1\r\n", VFL_NOT_FOUND, "untouched", "does not exist"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct inspect_bench bench = {0};
        char region[64] = "untouched";
        aws_bench_expect_connect(&bench.base);
        aws_bench_expect(&bench.base, "HEAD /logs", rows[i].status, NULL)->headers =
            rows[i].headers;
        start(&bench);
        ck_assert_int_eq(vfl_s3_locate(bench.bucket, region, &bench.err), rows[i].expected);
        ck_assert_str_eq(region, rows[i].region);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s", bench.err.text);
        finish(&bench);
    }
}
END_TEST

#define RULES(text) "<LifecycleConfiguration>" text "</LifecycleConfiguration>"
#define RULE(filter, action) "<Rule><Status>Enabled</Status>" filter action "</Rule>"
#define WHOLE "<Filter/>"
#define NONCURRENT(days)                                                                           \
    "<NoncurrentVersionExpiration><NoncurrentDays>" days                                           \
    "</NoncurrentDays></NoncurrentVersionExpiration>"
#define MARKERS                                                                                    \
    "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
#define EXPIRE(days) "<Expiration><Days>" days "</Days></Expiration>"
#define MOVE(class) "<Transition><Days>1</Days><StorageClass>" class "</StorageClass></Transition>"

struct lifecycle_row {
    const char *name, *body;
    struct vfl_s3_lifecycle expected; /* asked for the prefix AWSLogs/1/ */
};

static void check_lifecycle(const struct lifecycle_row *row)
{
    struct inspect_bench bench = {0};
    struct vfl_s3_lifecycle got = {0};
    aws_bench_expect_connect(&bench.base);
    aws_bench_expect(&bench.base, "GET /logs?lifecycle=", 200, NULL)->body = row->body;
    start(&bench);
    ck_assert_msg(vfl_s3_read_lifecycle(bench.bucket, "AWSLogs/1/", &got, &bench.err) == VFL_OK,
                  "%s: %s", row->name, bench.err.text);
    ck_assert_msg(got.rule_count == row->expected.rule_count &&
                      got.noncurrent_days == row->expected.noncurrent_days &&
                      got.expiration_days == row->expected.expiration_days &&
                      got.removes_markers == row->expected.removes_markers &&
                      got.archives == row->expected.archives,
                  "%s", row->name);
    finish(&bench);
}

START_TEST(only_rules_that_hold_for_all_keys_count)
{
    static const struct lifecycle_row rows[] = {
        {"none", RULES(""), {.rule_count = 0}},
        {"whole bucket",
         RULES(RULE(WHOLE, NONCURRENT("7")) RULE(WHOLE, MARKERS)),
         {.rule_count = 2, .noncurrent_days = 7, .removes_markers = true}},
        {"the fewest days",
         RULES(RULE(WHOLE, NONCURRENT("30")) RULE(WHOLE, NONCURRENT("3"))
                   RULE(WHOLE, NONCURRENT("9"))),
         {.rule_count = 3, .noncurrent_days = 3}},
        {"expiration removes markers too",
         RULES(RULE(WHOLE, EXPIRE("30"))),
         {.rule_count = 1, .expiration_days = 30, .removes_markers = true}},
        {"a shorter prefix",
         RULES(RULE("<Filter><Prefix>AWSLogs/</Prefix></Filter>", NONCURRENT("7"))),
         {.rule_count = 1, .noncurrent_days = 7}},
        {"the old place of a prefix",
         RULES(RULE("<Prefix>AWSLogs/1</Prefix>", NONCURRENT("7"))),
         {.rule_count = 1, .noncurrent_days = 7}},
        {"another prefix",
         RULES(RULE("<Filter><Prefix>AWSLogs/2/</Prefix></Filter>", NONCURRENT("7"))),
         {.rule_count = 1}},
        {"a longer prefix",
         RULES(RULE("<Filter><Prefix>AWSLogs/1/x</Prefix></Filter>", NONCURRENT("7"))),
         {.rule_count = 1}},
        {"by tag",
         RULES(RULE("<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>", NONCURRENT("7"))),
         {.rule_count = 1}},
        {"by prefix and size",
         RULES(RULE("<Filter><And><Prefix>AWSLogs/</Prefix><ObjectSizeGreaterThan>9"
                    "</ObjectSizeGreaterThan></And></Filter>",
                    NONCURRENT("7"))),
         {.rule_count = 1}},
        {"switched off",
         RULES("<Rule><Status>Disabled</Status>" NONCURRENT("7") MARKERS "</Rule>"),
         {.rule_count = 1}},
        {"archive", RULES(RULE(WHOLE, MOVE("DEEP_ARCHIVE"))), {.rule_count = 1, .archives = true}},
        {"archive of some",
         RULES(RULE("<Filter><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></Filter>",
                    MOVE("STANDARD_IA") MOVE("GLACIER"))),
         {.rule_count = 1, .archives = true}},
        {"instant archive", RULES(RULE(WHOLE, MOVE("GLACIER_IR"))), {.rule_count = 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_lifecycle(&rows[i]);
}
END_TEST

START_TEST(lifecycles_that_cannot_be_read_say_why)
{
    static const struct {
        const char *name;
        int status;
        unsigned attempts;
        const char *body;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {"no rules", 404, 1,
         "<Error><Code>NoSuchLifecycleConfiguration</Code><Message>none</Message></Error>", VFL_OK,
         ""},
        {"denied", 403, 1, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>",
         VFL_DENIED, "bucket logs: s3:GetLifecycleConfiguration denied for role " BENCH_ROLE_ARN},
        {"no bucket", 404, 1, "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>",
         VFL_NOT_FOUND, "does not exist"},
        {"days that are none", 200, 2, RULES(RULE(WHOLE, NONCURRENT("soon"))), VFL_RETRY, "days"},
        {"no days", 200, 2, RULES(RULE(WHOLE, NONCURRENT("0"))), VFL_RETRY, "days"},
        {"days beyond all measure", 200, 2, RULES(RULE(WHOLE, EXPIRE("99999999999"))), VFL_RETRY,
         "days"},
        {"another document", 200, 2, "<Hello/>", VFL_RETRY, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct inspect_bench bench = {0};
        struct vfl_s3_lifecycle got = {.rule_count = 77};
        aws_bench_expect_connect(&bench.base);
        for (unsigned attempt = 0; attempt < rows[i].attempts; attempt++)
            aws_bench_expect(&bench.base, "GET /logs?lifecycle=", rows[i].status, NULL)->body =
                rows[i].body;
        start(&bench);
        enum vfl_status st = vfl_s3_read_lifecycle(bench.bucket, "AWSLogs/", &got, &bench.err);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        ck_assert_uint_eq(got.rule_count, st == VFL_OK ? 0 : 77);
        finish(&bench);
    }
}
END_TEST

static void note_key(void *ctx, struct vfl_span key)
{
    struct vfl_strbuf *keys = ctx;
    vfl_strbuf_append(keys, key);
    vfl_strbuf_append_char(keys, ' ');
}

/* S3 API reference, ListObjectVersions. */
START_TEST(versions_and_delete_markers_tell_what_was_there)
{
    static const struct {
        int status;
        const char *body;
        enum vfl_status expected;
        const char *keys, *text;
    } rows[] = {
        {200,
         "<ListVersionsResult><Prefix>a/</Prefix><DeleteMarker><Key>a/1</Key></DeleteMarker>"
         "<Version><Key>a/1</Key><Owner><Key>x</Key></Owner></Version></ListVersionsResult>",
         VFL_OK, "a/1 a/1 ", ""},
        {200, "<ListVersionsResult><Prefix>a/</Prefix></ListVersionsResult>", VFL_OK, "", ""},
        {403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>", VFL_DENIED, "",
         "s3:ListBucketVersions denied for role " BENCH_ROLE_ARN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct inspect_bench bench = {0};
        struct vfl_strbuf keys = VFL_STRBUF_INIT(100);
        aws_bench_expect_connect(&bench.base);
        aws_bench_expect(&bench.base, "GET /logs?prefix=a%2F&versions=", rows[i].status, NULL)
            ->body = rows[i].body;
        start(&bench);
        enum vfl_status st = vfl_s3_list_past(bench.bucket, "a/", note_key, &keys, &bench.err);
        ck_assert_msg(st == rows[i].expected, "%s", bench.err.text);
        ck_assert_str_eq(vfl_strbuf_string(&keys), rows[i].keys);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s", bench.err.text);
        vfl_strbuf_fini(&keys);
        finish(&bench);
    }
}
END_TEST

/* S3 user guide, "How to perform conditional deletes". */
START_TEST(a_deletion_is_asked_for_under_a_condition)
{
    static const struct {
        int status;
        const char *body;
        enum vfl_status expected;
        bool is_done;
        const char *text;
    } rows[] = {
        {412, "<Error><Code>PreconditionFailed</Code><Message>x</Message></Error>", VFL_OK, false,
         ""},
        {404, "<Error><Code>NoSuchKey</Code><Message>x</Message></Error>", VFL_OK, false, ""},
        {204, NULL, VFL_OK, true, ""},
        {403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
         VFL_DENIED, false, "bucket logs: s3:DeleteObject denied for role " BENCH_ROLE_ARN},
        {404, "<Error><Code>NoSuchBucket</Code><Message>x</Message></Error>", VFL_NOT_FOUND, false,
         "does not exist"},
        {400, "<Error><Code>NotImplemented</Code><Message>x</Message></Error>", VFL_CONFIG, false,
         "bucket logs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct inspect_bench bench = {0};
        bool is_done = false;
        aws_bench_expect_connect(&bench.base);
        struct scripted_exchange *exchange =
            aws_bench_expect(&bench.base, "DELETE /logs/a/b", rows[i].status, NULL);
        exchange->body = rows[i].body;
        exchange->contains[0] = "if-match: *\r\n";
        exchange->contains[1] = "SignedHeaders=host;if-match;";
        start(&bench);
        enum vfl_status st = vfl_s3_probe_delete(bench.bucket, "a/b", &is_done, &bench.err);
        ck_assert_msg(st == rows[i].expected, "%d: %s", rows[i].status, bench.err.text);
        ck_assert_int_eq(is_done, rows[i].is_done);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s", bench.err.text);
        finish(&bench);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        the_region_is_told_with_every_status,      only_rules_that_hold_for_all_keys_count,
        lifecycles_that_cannot_be_read_say_why,    versions_and_delete_markers_tell_what_was_there,
        a_deletion_is_asked_for_under_a_condition,
    };
    return RUN_SUITE("s3_inspect", cases);
}
