#include "core/aws/s3.h"

#include <pthread.h>
#include <stdio.h>

#include "core/aws/s3_bucket.h"
#include "tests/fake/aws_bench.h"
#include "tests/unit/run_suite.h"

struct s3_bench {
    struct aws_bench base;
    struct vfl_s3_bucket *bucket;
    struct vfl_error err;
};

static void start(struct s3_bench *bench, const char *owner)
{
    aws_bench_start(&bench->base);
    ck_assert_int_eq(vfl_s3_bucket_new(bench->base.session, "logs", owner, &bench->bucket, NULL),
                     VFL_OK);
}

static void finish(struct s3_bench *bench)
{
    vfl_s3_bucket_free(bench->bucket);
    aws_bench_finish(&bench->base);
}

START_TEST(versioning_must_be_enabled)
{
    static const struct {
        int status;
        const char *body;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {200, "s3_versioning_enabled.xml", VFL_OK, ""},
        {200, "s3_versioning_suspended.xml", VFL_CONFIG,
         "Object versioning must be enabled on the bucket logs (it is Suspended): switch on"},
        {200, "s3_versioning_never.xml", VFL_CONFIG, "(it is not enabled)"},
        {403, "s3_access_denied.xml", VFL_DENIED,
         "bucket logs: s3:GetBucketVersioning denied for role " BENCH_ROLE_ARN
         ": add it to the role's policy, and check that the bucket belongs to account "
         "123456789012"},
        {404, "s3_no_such_bucket.xml", VFL_NOT_FOUND, "bucket logs does not exist"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_bench bench = {0};
        aws_bench_expect_connect(&bench.base);
        struct scripted_exchange *exchange =
            aws_bench_expect(&bench.base, "GET /logs?versioning=", rows[i].status, rows[i].body);
        exchange->contains[0] = "x-amz-expected-bucket-owner: 123456789012\r\n";
        exchange->contains[1] = "x-amz-security-token: role/session+token==\r\n";
        exchange->contains[2] = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
                                "x-amz-expected-bucket-owner;x-amz-security-token,";
        start(&bench, "123456789012");
        ck_assert_int_eq(vfl_s3_check_versioning(bench.bucket, &bench.err), rows[i].expected);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s", bench.err.text);
        finish(&bench);
    }
}
END_TEST

static enum vfl_status record_object(void *ctx, const struct vfl_s3_object *object,
                                     struct vfl_error *err)
{
    struct vfl_strbuf *log = ctx;
    (void)err;
    vfl_strbuf_appendf(log, "%.*s|%.*s|%lld|%lld|%d\n", (int)object->key.len, object->key.ptr,
                       (int)object->etag.len, object->etag.ptr, (long long)object->size_bytes,
                       (long long)object->modified_epoch_s, object->is_archived);
    return VFL_OK;
}

#define LIST_START "GET /logs?"
#define LIST_END "encoding-type=url&list-type=2&max-keys=1000&prefix=AWSLogs%2F"

START_TEST(listing_follows_pages_and_decodes_keys)
{
    struct s3_bench bench = {0};
    struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
    aws_bench_expect_connect(&bench.base);
    aws_bench_expect(&bench.base, LIST_START LIST_END "&start-after=AWSLogs%2FA", 200,
                     "s3_list_page_1.xml");
    aws_bench_expect(&bench.base,
                     LIST_START
                     "continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D"
                     "&" LIST_END,
                     200, "s3_list_page_2.xml");
    start(&bench, NULL);
    enum vfl_status st = vfl_s3_list(bench.bucket, "AWSLogs/", "AWSLogs/A",
                                     (struct vfl_s3_object_sink){record_object, &log}, &bench.err);
    ck_assert_msg(st == VFL_OK, "%s", bench.err.text);
    /* 2021-06-22T12:00:00Z is 1624363200. */
    ck_assert_str_eq(vfl_strbuf_string(&log),
                     "AWSLogs/a b+c|70ee1738b6b21e2c8a43f3a5ab0eee71|11|1624363200|0\n"
                     "AWSLogs/b\x01|e5-2|4294967296|1624363201|1\n"
                     "AWSLogs/c d|d41d8cd98f00b204e9800998ecf8427e|0|1624363202|0\n");
    vfl_strbuf_fini(&log);
    finish(&bench);
}
END_TEST

START_TEST(unsound_listings_pass_nothing_on)
{
    static const struct {
        const char *name;
        int status;
        const char *body;
        unsigned attempts;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {"key outside the prefix", 200, "s3_list_outside_prefix.xml", 2, VFL_RETRY,
         "outside the prefix"},
        {"truncated without token", 200, "s3_list_without_token.xml", 2, VFL_RETRY, "no token"},
        {"captive portal", 200, "portal.html", 2, VFL_RETRY, "captive portal"},
        {"empty body", 200, NULL, 2, VFL_RETRY, "not proper XML"},
        {"error in a 200", 200, "s3_slow_down.xml", 3, VFL_RETRY, "SlowDown"},
        {"slow down", 503, "s3_slow_down.xml", 3, VFL_RETRY, "SlowDown"},
        {"denied", 403, "s3_access_denied.xml", 1, VFL_DENIED, "bucket logs: s3:ListBucket denied"},
        {"denied in a 200", 200, "s3_access_denied.xml", 3, VFL_RETRY, "AccessDenied"},
        {"no bucket", 404, "s3_no_such_bucket.xml", 1, VFL_NOT_FOUND, "does not exist"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_bench bench = {0};
        struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
        aws_bench_expect_connect(&bench.base);
        for (unsigned attempt = 0; attempt < rows[i].attempts; attempt++)
            aws_bench_expect(&bench.base, LIST_START LIST_END, rows[i].status, rows[i].body);
        start(&bench, NULL);
        enum vfl_status st =
            vfl_s3_list(bench.bucket, "AWSLogs/", "",
                        (struct vfl_s3_object_sink){record_object, &log}, &bench.err);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        ck_assert_str_eq(vfl_strbuf_string(&log), "");
        vfl_strbuf_fini(&log);
        finish(&bench);
    }
}
END_TEST

/* An object that breaks a rule must not be fetched or deleted, and neither must its page. */
START_TEST(unsound_objects_fail_their_page)
{
#define OBJECT(key, size)                                                                          \
    "<Contents><Key>" key "</Key><LastModified>2021-06-22T12:00:00Z</LastModified><Size>" size     \
    "</Size></Contents>"
    static const struct {
        const char *name, *objects, *text;
    } rows[] = {
        {"duplicate", OBJECT("AWSLogs/a", "1") OBJECT("AWSLogs/a", "1"), "order"},
        {"out of order", OBJECT("AWSLogs/b", "1") OBJECT("AWSLogs/a", "1"), "order"},
        {"no time", "<Contents><Key>AWSLogs/a</Key><Size>1</Size></Contents>", "LastModified"},
        {"NUL in the key", OBJECT("AWSLogs/a%00b", "1"), "NUL"},
        {"cut escape", OBJECT("AWSLogs/a%4", "1"), "encoded"},
        {"bad escape", OBJECT("AWSLogs/a%zz", "1"), "encoded"},
        {"empty key", OBJECT("", "1"), "empty"},
        {"no key", "<Contents><Size>1</Size></Contents>", "no key"},
    };
#undef OBJECT
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_bench bench = {0};
        struct vfl_strbuf log = VFL_STRBUF_INIT(4096), page = VFL_STRBUF_INIT(4096);
        vfl_strbuf_appendf(&page,
                           "<ListBucketResult>%s<EncodingType>url</EncodingType>"
                           "</ListBucketResult>",
                           rows[i].objects);
        aws_bench_expect_connect(&bench.base);
        for (int attempt = 0; attempt < 2; attempt++)
            aws_bench_expect(&bench.base, LIST_START LIST_END, 200, NULL)->body =
                vfl_strbuf_string(&page);
        start(&bench, NULL);
        enum vfl_status st =
            vfl_s3_list(bench.bucket, "AWSLogs/", "",
                        (struct vfl_s3_object_sink){record_object, &log}, &bench.err);
        ck_assert_msg(st == VFL_RETRY, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        ck_assert_str_eq(vfl_strbuf_string(&log), "");
        finish(&bench);
        vfl_strbuf_fini(&log);
        vfl_strbuf_fini(&page);
    }
}
END_TEST

/* What a server may add, leave out or put elsewhere. */
START_TEST(odd_but_sound_listings_are_read)
{
#define SIZED(name, size)                                                                          \
    "<Contents><Key>AWSLogs/" name "</Key><Size>" size "</Size>"                                   \
    "<LastModified>2021-06-22T12:00:00Z</LastModified></Contents>"
    static const struct {
        const char *name, *page, *log;
    } rows[] = {
        {"other order, unknown elements and classes, prefixed names",
         "<s:ListBucketResult xmlns:s='urn:x'><s:New><s:Contents><s:Key>AWSLogs/n</s:Key>"
         "</s:Contents></s:New><s:Contents><s:StorageClass>WARP</s:StorageClass><s:Size>5</s:Size>"
         "<s:Owner><s:Key>AWSLogs/o</s:Key></s:Owner><s:ETag>\"e\"</s:ETag>"
         "<s:LastModified>2021-06-22T12:00:00Z</s:LastModified><s:Key>AWSLogs/%61</s:Key>"
         "</s:Contents><s:EncodingType>url</s:EncodingType></s:ListBucketResult>",
         "AWSLogs/a|e|5|1624363200|0\n"},
        {"repeated elements: the last counts",
         "<ListBucketResult><Contents><Key>AWSLogs/a</Key><Key>AWSLogs/b</Key><Size>1</Size>"
         "<Size>2</Size><LastModified>2021-06-22T12:00:00Z</LastModified></Contents>"
         "</ListBucketResult>",
         "AWSLogs/b||2|1624363200|0\n"},
        {"empty", "<ListBucketResult/>", ""},
        {"40: sizes that are none cost their objects alone",
         "<ListBucketResult>" SIZED("a", "-1") SIZED("b", "9223372036854775808") SIZED("c", "")
             SIZED("d", "1e3") SIZED("e", "9223372036854775807") "</ListBucketResult>",
         "AWSLogs/a||-1|1624363200|0\nAWSLogs/b||-1|1624363200|0\nAWSLogs/c||-1|1624363200|0\n"
         "AWSLogs/d||-1|1624363200|0\nAWSLogs/e||9223372036854775807|1624363200|0\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_bench bench = {0};
        struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
        aws_bench_expect_connect(&bench.base);
        aws_bench_expect(&bench.base, LIST_START LIST_END, 200, NULL)->body = rows[i].page;
        start(&bench, NULL);
        enum vfl_status st =
            vfl_s3_list(bench.bucket, "AWSLogs/", "",
                        (struct vfl_s3_object_sink){record_object, &log}, &bench.err);
        ck_assert_msg(st == VFL_OK, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strcmp(vfl_strbuf_string(&log), rows[i].log) == 0, "%s: %s", rows[i].name,
                      vfl_strbuf_string(&log));
        vfl_strbuf_fini(&log);
        finish(&bench);
    }
}
END_TEST

static void append_object(struct vfl_strbuf *page, unsigned number, size_t key_bytes)
{
    size_t start = page->len;
    vfl_strbuf_appendf(page, "<Contents><Key>AWSLogs/%04u", number);
    while (page->len - start < key_bytes + strlen("<Contents><Key>"))
        vfl_strbuf_append_char(page, 'k');
    vfl_strbuf_append_string(page, "</Key><LastModified>2021-06-22T12:00:00Z</LastModified>"
                                   "<Size>1</Size></Contents>");
}

static enum vfl_status count_object(void *ctx, const struct vfl_s3_object *object,
                                    struct vfl_error *err)
{
    size_t *count = ctx;
    (void)object;
    (void)err;
    ++*count;
    return VFL_OK;
}

START_TEST(keys_and_pages_are_bounded_exactly)
{
    static const struct {
        unsigned objects;
        size_t key_bytes;
        unsigned attempts;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {1000, 12, 1, VFL_OK, ""},
        {1001, 12, 1, VFL_LIMIT, "more than 1000 objects"},
        {1, 1024, 1, VFL_OK, ""},
        {1, 1025, 2, VFL_RETRY, "too long"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_bench bench = {0};
        struct vfl_strbuf page = VFL_STRBUF_INIT(1u << 20);
        size_t count = 0;
        vfl_strbuf_append_string(&page, "<ListBucketResult>");
        for (unsigned number = 0; number < rows[i].objects; number++)
            append_object(&page, number, rows[i].key_bytes);
        vfl_strbuf_append_string(&page, "</ListBucketResult>");
        aws_bench_expect_connect(&bench.base);
        for (unsigned attempt = 0; attempt < rows[i].attempts; attempt++)
            aws_bench_expect(&bench.base, LIST_START LIST_END, 200, NULL)->body =
                vfl_strbuf_string(&page);
        start(&bench, NULL);
        enum vfl_status st =
            vfl_s3_list(bench.bucket, "AWSLogs/", "",
                        (struct vfl_s3_object_sink){count_object, &count}, &bench.err);
        ck_assert_msg(st == rows[i].expected, "%zu: %s", i, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s", bench.err.text);
        ck_assert_uint_eq(count, st == VFL_OK ? rows[i].objects : 0);
        finish(&bench);
        vfl_strbuf_fini(&page);
    }
}
END_TEST

START_TEST(a_listing_that_does_not_advance_ends)
{
    struct s3_bench bench = {0};
    struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
    aws_bench_expect_connect(&bench.base);
    const char *page_1 = aws_bench_fixture(&bench.base, "s3_list_page_1.xml");
    static const char again[] = "GET /logs?continuation-token="
                                "1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D&" LIST_END;
    static const char empty[] =
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>"
        "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken></ListBucketResult>";
    aws_bench_expect(&bench.base, LIST_START LIST_END, 200, NULL)->body = page_1;
    aws_bench_expect(&bench.base, again, 200, NULL)->body = empty;
    start(&bench, NULL);
    ck_assert_int_eq(vfl_s3_list(bench.bucket, "AWSLogs/", "",
                                 (struct vfl_s3_object_sink){record_object, &log}, &bench.err),
                     VFL_RETRY);
    ck_assert_str_eq(bench.err.text, "bucket logs: the listing does not advance");
    vfl_strbuf_fini(&log);
    finish(&bench);
}
END_TEST

/* 26: between two pages; then the same page is asked for, and no object comes twice. */
START_TEST(an_expired_token_is_renewed_in_mid_listing)
{
    static const char second_page[] = LIST_START
        "continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D&" LIST_END;
    struct s3_bench bench = {0};
    struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
    aws_bench_expect_connect(&bench.base);
    aws_bench_expect(&bench.base, LIST_START LIST_END, 200, "s3_list_page_1.xml");
    aws_bench_expect(&bench.base, second_page, 400, "s3_expired_token.xml");
    aws_bench_expect(&bench.base, "POST /", 200, "sts_assumed.xml");
    aws_bench_expect(&bench.base, second_page, 200, "s3_list_page_2.xml");
    aws_bench_expect(&bench.base, LIST_START LIST_END, 400, "s3_expired_token.xml");
    aws_bench_expect(&bench.base, "POST /", 200, "sts_assumed.xml");
    aws_bench_expect(&bench.base, LIST_START LIST_END, 400, "s3_expired_token.xml");
    start(&bench, NULL);
    struct vfl_s3_object_sink sink = {record_object, &log};
    ck_assert_int_eq(vfl_s3_list(bench.bucket, "AWSLogs/", "", sink, NULL), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&log),
                     "AWSLogs/a b+c|70ee1738b6b21e2c8a43f3a5ab0eee71|11|1624363200|0\n"
                     "AWSLogs/b\x01|e5-2|4294967296|1624363201|1\n"
                     "AWSLogs/c d|d41d8cd98f00b204e9800998ecf8427e|0|1624363202|0\n");
    ck_assert_int_eq(vfl_s3_list(bench.bucket, "AWSLogs/", "", sink, NULL), VFL_DENIED);
    vfl_strbuf_fini(&log);
    finish(&bench);
}
END_TEST

static enum vfl_status collect(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct vfl_strbuf *out = ctx;
    vfl_strbuf_append(out, chunk);
    return vfl_strbuf_check(out, "object", err);
}

/* 38: once more, because it may have been the network; then it is said, and nothing passed on. */
START_TEST(listings_that_are_no_xml_are_asked_for_once_more)
{
    static const struct {
        const char *name, *page, *text;
    } rows[] = {
        {"cut", "<ListBucketResult>" SIZED("a", "1"), "no element found"},
        {"bad UTF-8", "<ListBucketResult>" SIZED("a\xff", "1") "</ListBucketResult>", "not proper"},
        {"a control character", "<ListBucketResult>" SIZED("a&#1;", "1") "</ListBucketResult>",
         "reference to invalid character"},
        {"another encoding",
         "<?xml version='1.0' encoding='utf-16'?><ListBucketResult>" SIZED(
             "a", "1") "</ListBucketResult>",
         "encoding"},
        {"bytes of UTF-16", "\xff\xfe<L/>", "not proper XML"},
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        bool is_mended = i % 2 == 1; /* by the second try */
        struct s3_bench bench = {0};
        struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
        aws_bench_expect_connect(&bench.base);
        aws_bench_expect(&bench.base, LIST_START LIST_END, 200, NULL)->body = rows[i / 2].page;
        aws_bench_expect(&bench.base, LIST_START LIST_END, 200, NULL)->body =
            is_mended ? "<ListBucketResult>" SIZED("b", "1") "</ListBucketResult>"
                      : rows[i / 2].page;
        start(&bench, NULL);
        enum vfl_status st =
            vfl_s3_list(bench.bucket, "AWSLogs/", "",
                        (struct vfl_s3_object_sink){record_object, &log}, &bench.err);
        ck_assert_msg(st == (is_mended ? VFL_OK : VFL_RETRY), "%s: %s", rows[i / 2].name,
                      bench.err.text);
        if (!is_mended)
            ck_assert_msg(strstr(bench.err.text, rows[i / 2].text) != NULL, "%s: %s",
                          rows[i / 2].name, bench.err.text);
        ck_assert_str_eq(vfl_strbuf_string(&log), is_mended ? "AWSLogs/b||1|1624363200|0\n" : "");
        vfl_strbuf_fini(&log);
        finish(&bench);
    }
}
END_TEST
#undef SIZED

START_TEST(an_object_of_unknown_size_is_not_asked_for)
{
    struct s3_bench bench = {0};
    struct vfl_strbuf out = VFL_STRBUF_INIT(100);
    const struct vfl_s3_object expected = {.key = VFL_SPAN_LITERAL("k"),
                                           .size_bytes = VFL_S3_SIZE_UNKNOWN};
    start(&bench, NULL);
    ck_assert_int_eq(
        vfl_s3_get(bench.bucket, &expected, (struct vfl_sink){collect, &out}, &bench.err),
        VFL_FORMAT);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "no proper size"));
    vfl_strbuf_fini(&out);
    finish(&bench);
}
END_TEST

START_TEST(an_object_comes_whole_or_not_at_all)
{
    static const struct {
        const char *name;
        struct scripted_exchange exchange;
        const char *body_file;
        unsigned attempts;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {"whole",
         {.status = 200, .body = "hello", .headers = "ETag: \"e1\"\r\n"},
         NULL,
         1,
         VFL_OK,
         ""},
        {"without an ETag", {.status = 200, .body = "hello"}, NULL, 1, VFL_OK, ""},
        {"longer than listed", {.status = 200, .body = "hello!"}, NULL, 1, VFL_RETRY, "6 bytes"},
        {"longer than its length",
         {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello"},
         NULL,
         1,
         VFL_RETRY,
         "4 bytes, 5 were listed"},
        {"chunked and longer",
         {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n"},
         NULL,
         1,
         VFL_RETRY,
         "longer than the 5 bytes listed"},
        {"chunked and shorter",
         {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\n\r\n"},
         NULL,
         1,
         VFL_RETRY,
         "with 4 bytes, 5 were listed"},
        {"empty", {.status = 200}, NULL, 1, VFL_RETRY, "with 0 bytes"},
        {"another ETag",
         {.status = 200, .body = "hello", .headers = "ETag: \"e2\"\r\n"},
         NULL,
         1,
         VFL_RETRY,
         "replaced"},
        {"cut in the body",
         {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", .is_closed = true},
         NULL,
         1,
         VFL_RETRY,
         ""},
        {"condition failed", {.status = 412}, NULL, 1, VFL_RETRY, "replaced"},
        {"gone", {.status = 404}, "s3_no_such_key.xml", 1, VFL_NOT_FOUND, "gone"},
        {"archived", {.status = 403}, "s3_archived.xml", 1, VFL_UNSUPPORTED, "archived"},
        {"denied",
         {.status = 403},
         "s3_access_denied.xml",
         1,
         VFL_DENIED,
         "s3:GetObject (or kms:Decrypt) denied"},
        {"broken server", {.status = 500}, NULL, 3, VFL_RETRY, "HTTP 500"},
        {"partial content", {.status = 206, .body = "hello"}, NULL, 1, VFL_RETRY, "HTTP 206"},
    };
    const struct vfl_s3_object expected = {
        .key = VFL_SPAN_LITERAL("a b/../+&=?"), .etag = VFL_SPAN_LITERAL("e1"), .size_bytes = 5};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_bench bench = {0};
        struct vfl_strbuf out = VFL_STRBUF_INIT(100);
        aws_bench_expect_connect(&bench.base);
        for (unsigned attempt = 0; attempt < rows[i].attempts; attempt++) {
            struct scripted_exchange *exchange =
                aws_bench_expect(&bench.base, "", rows[i].exchange.status, rows[i].body_file);
            const char *body = exchange->body;
            *exchange = rows[i].exchange;
            exchange->target = "GET /logs/a%20b/../%2B%26%3D%3F";
            exchange->contains[0] = "if-match: \"e1\"\r\n";
            exchange->contains[1] = "SignedHeaders=host;if-match;x-amz-content-sha256;";
            if (body != NULL)
                exchange->body = body;
        }
        start(&bench, NULL);
        enum vfl_status st =
            vfl_s3_get(bench.bucket, &expected, (struct vfl_sink){collect, &out}, &bench.err);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        if (st == VFL_OK)
            ck_assert_str_eq(vfl_strbuf_string(&out), "hello");
        ck_assert_uint_le(out.len, 5);
        vfl_strbuf_fini(&out);
        finish(&bench);
    }
}
END_TEST

static void record_result(void *ctx, size_t index, enum vfl_status status,
                          const struct vfl_error *err)
{
    struct vfl_strbuf *log = ctx;
    (void)err;
    vfl_strbuf_appendf(log, "%zu:%s ", index, vfl_status_name(status));
}

#define DELETE_HEAD "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"

START_TEST(deletion_settles_every_key_by_itself)
{
    static const char *const keys[] = {"a", "b&<>", "c", "d\x01", "e\r\n\t", "f\xff"};
    struct s3_bench bench = {0};
    struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
    aws_bench_expect_connect(&bench.base);
    aws_bench_expect(&bench.base, "DELETE /logs/d%01", 204, NULL)->contains[0] =
        "host;x-amz-content-sha256;x-amz-date;";
    aws_bench_expect(&bench.base, "DELETE /logs/f%FF", 403, "s3_access_denied.xml");
    struct scripted_exchange *batch =
        aws_bench_expect(&bench.base, "POST /logs?delete=", 200, "s3_delete_mixed.xml");
    batch->contains[0] = DELETE_HEAD
        "<Object><Key>a</Key></Object><Object><Key>b&amp;&lt;&gt;</Key></Object>"
        "<Object><Key>c</Key></Object><Object><Key>e&#13;&#10;&#9;</Key></Object></Delete>";
    batch->contains[1] = "SignedHeaders=content-md5;content-type;host;";
    batch->contains[2] = "content-type: application/xml\r\n";
    batch->lacks[0] = "VersionId";
    struct scripted_exchange *again =
        aws_bench_expect(&bench.base, "POST /logs?delete=", 200, "s3_delete_done.xml");
    again->contains[0] = DELETE_HEAD "<Object><Key>c</Key></Object></Delete>";
    start(&bench, NULL);
    enum vfl_status st = vfl_s3_delete(
        bench.bucket, keys, 6, (struct vfl_s3_delete_sink){record_result, &log}, &bench.err);
    ck_assert_msg(st == VFL_OK, "%s", bench.err.text);
    ck_assert_str_eq(vfl_strbuf_string(&log), "3:ok 5:denied 0:ok 1:denied 4:ok 2:ok ");
    vfl_strbuf_fini(&log);
    finish(&bench);
}
END_TEST

START_TEST(unclear_deletions_do_not_count_as_done)
{
    static const char *const keys[] = {"a", "b"};
    static const struct {
        const char *name;
        int status;
        const char *body_file, *body;
        unsigned attempts;
        enum vfl_status expected;
        const char *log;
    } rows[] = {
        {"stray error", 200, "s3_delete_stray.xml", NULL, 1, VFL_OK, "0:retry 1:retry "},
        {"cut document", 200, NULL, "<DeleteResult><Deleted>", 2, VFL_RETRY, ""},
        {"another document", 200, "s3_versioning_enabled.xml", NULL, 2, VFL_RETRY, ""},
        {"denied", 403, "s3_access_denied.xml", NULL, 1, VFL_DENIED, ""},
        {"errors for all", 200, NULL,
         "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error>"
         "<Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>",
         1, VFL_OK, "0:denied 1:denied "},
        {"a word of a key that was not asked", 200, NULL,
         "<DeleteResult><Deleted><Key>z</Key></Deleted>"
         "<Error><Key>a</Key><Code>AccessDenied</Code></Error></DeleteResult>",
         1, VFL_OK, "0:denied 1:ok "},
        {"error without code", 200, NULL,
         "<DeleteResult><Error><Key>a</Key></Error></DeleteResult>", 1, VFL_OK, "0:config 1:ok "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_bench bench = {0};
        struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
        aws_bench_expect_connect(&bench.base);
        for (unsigned attempt = 0; attempt < rows[i].attempts; attempt++) {
            struct scripted_exchange *exchange = aws_bench_expect(
                &bench.base, "POST /logs?delete=", rows[i].status, rows[i].body_file);
            if (rows[i].body != NULL)
                exchange->body = rows[i].body;
        }
        start(&bench, NULL);
        enum vfl_status st = vfl_s3_delete(
            bench.bucket, keys, 2, (struct vfl_s3_delete_sink){record_result, &log}, &bench.err);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strcmp(vfl_strbuf_string(&log), rows[i].log) == 0, "%s: %s", rows[i].name,
                      vfl_strbuf_string(&log));
        vfl_strbuf_fini(&log);
        finish(&bench);
    }
}
END_TEST

START_TEST(more_than_a_thousand_keys_take_several_requests)
{
    enum { KEY_COUNT = 2001 };
    static char names[KEY_COUNT][16];
    static const char *keys[KEY_COUNT];
    struct s3_bench bench = {0};
    struct vfl_strbuf log = VFL_STRBUF_INIT(100000);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        (void)snprintf(names[i], sizeof names[i], "key-%04zu", i);
        keys[i] = names[i];
    }
    aws_bench_expect_connect(&bench.base);
    struct scripted_exchange *first =
        aws_bench_expect(&bench.base, "POST /logs?delete=", 200, "s3_delete_done.xml");
    first->contains[0] = "<Key>key-0999</Key></Object></Delete>";
    struct scripted_exchange *second =
        aws_bench_expect(&bench.base, "POST /logs?delete=", 200, "s3_delete_done.xml");
    second->contains[0] = "<Key>key-1999</Key></Object></Delete>";
    struct scripted_exchange *third =
        aws_bench_expect(&bench.base, "POST /logs?delete=", 200, "s3_delete_done.xml");
    third->contains[0] = "<Quiet>true</Quiet><Object><Key>key-2000</Key></Object></Delete>";
    start(&bench, NULL);
    ck_assert_int_eq(vfl_s3_delete(bench.bucket, keys, KEY_COUNT,
                                   (struct vfl_s3_delete_sink){record_result, &log}, NULL),
                     VFL_OK);
    vfl_strbuf_fini(&log);
    finish(&bench);
}
END_TEST

/* The endpoint is configured here, so a redirect is an answer like any other and never followed. */
START_TEST(redirects_of_a_configured_endpoint_are_refused)
{
    struct s3_bench bench = {0};
    aws_bench_expect_connect(&bench.base);
    struct scripted_exchange *moved =
        aws_bench_expect(&bench.base, "GET /logs?versioning=", 301, "s3_moved.xml");
    moved->headers = "Location: http://127.0.0.1:1/\r\nx-amz-bucket-region: us-east-2\r\n";
    start(&bench, NULL);
    ck_assert_int_eq(vfl_s3_check_versioning(bench.bucket, &bench.err), VFL_CONFIG);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "bucket logs is not in region eu-west-1"));
    finish(&bench);
}
END_TEST

START_TEST(a_region_hint_is_believed_only_as_a_region)
{
    static const struct {
        int status_code;
        const char *code, *header, *body;
        bool is_hint;
        const char *expected;
    } rows[] = {
        {301, "PermanentRedirect", "us-east-2", "eu-west-1", true, "us-east-2"},
        {301, "PermanentRedirect", "", "eu-west-1", true, "eu-west-1"},
        {301, "", "", "", true, ""},
        {307, "TemporaryRedirect", "evil.com/#", "", true, ""},
        {307, "TemporaryRedirect", "", "attacker.example", true, ""},
        {400, "AuthorizationHeaderMalformed", "", "ap-south-1", true, "ap-south-1"},
        {400, "IllegalLocationConstraintException", "", "", true, ""},
        {400, "", "me-south-1", "", true, "me-south-1"},
        {400, "InvalidRequest", "", "", false, ""},
        {403, "AccessDenied", "us-east-2", "", false, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_aws_reply reply;
        char region[64] = "";
        vfl_aws_reply_init(&reply);
        reply.http.status_code = rows[i].status_code;
        memcpy(reply.fault.code, rows[i].code, strlen(rows[i].code) + 1);
        memcpy(reply.http.bucket_region, rows[i].header, strlen(rows[i].header) + 1);
        memcpy(reply.fault.region, rows[i].body, strlen(rows[i].body) + 1);
        ck_assert_msg(vfl_s3_read_region_hint(&reply, region) == rows[i].is_hint, "row %zu", i);
        ck_assert_str_eq(region, rows[i].expected);
        vfl_aws_reply_fini(&reply);
    }
}
END_TEST

/* One thread of several that read from the same bucket. */
struct other_thread {
    struct vfl_s3_bucket *bucket;
    const char *key;
    enum vfl_status status;
    struct vfl_error err;
};

static enum vfl_status ignore(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    (void)ctx;
    (void)chunk;
    (void)err;
    return VFL_OK;
}

static enum vfl_status get_key(struct vfl_s3_bucket *bucket, const char *key, struct vfl_error *err)
{
    const struct vfl_s3_object expected = {.key = vfl_span_from_string(key), .size_bytes = 5};
    return vfl_s3_get(bucket, &expected, (struct vfl_sink){ignore, NULL}, err);
}

static void *get_in_thread(void *ctx)
{
    struct other_thread *thread = ctx;
    thread->status = get_key(thread->bucket, thread->key, &thread->err);
    return NULL;
}

/* 26: both are told that the same token has expired; the second one only after the first one has
 * had it renewed. */
START_TEST(of_two_threads_with_an_expired_token_one_renews_it)
{
    struct s3_bench bench = {0};
    struct other_thread other = {.key = "late"};
    pthread_t thread;
    aws_bench_expect_connect(&bench.base);
    aws_bench_expect(&bench.base, "GET /logs/late", 403, "s3_expired_token.xml")->held_for = 3;
    aws_bench_expect(&bench.base, "GET /logs/first", 403, "s3_expired_token.xml");
    aws_bench_expect(&bench.base, "POST /", 200, "sts_assumed.xml");
    aws_bench_expect(&bench.base, "GET /logs/first", 200, NULL)->body = "first";
    aws_bench_expect(&bench.base, "GET /logs/late", 200, NULL)->body = "later";
    start(&bench, NULL);
    ck_assert_int_eq(vfl_s3_bucket_new_beside(bench.bucket, NULL, &other.bucket, NULL), VFL_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, get_in_thread, &other), 0);
    ck_assert(scripted_server_wait_for_stall(bench.base.server));
    enum vfl_status st = get_key(bench.bucket, "first", &bench.err);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_msg(st == VFL_OK, "%s", bench.err.text);
    ck_assert_msg(other.status == VFL_OK, "%s", other.err.text);
    ck_assert_uint_eq(vfl_aws_session_request_count(bench.base.session), 7);
    vfl_s3_bucket_free(other.bucket);
    finish(&bench);
}
END_TEST

START_TEST(a_bucket_beside_is_cancelled_by_its_own_flag_alone)
{
    struct s3_bench bench = {0};
    struct other_thread other = {.key = "stalls"};
    atomic_bool stopped = false;
    pthread_t thread;
    aws_bench_expect_connect(&bench.base);
    aws_bench_expect(&bench.base, "GET /logs/stalls", 200, NULL)->held_for = 2;
    aws_bench_expect(&bench.base, "GET /logs/k", 200, NULL)->body = "whole";
    aws_bench_expect(&bench.base, "GET /logs/k", 200, NULL)->body = "whole";
    start(&bench, NULL);
    ck_assert_int_eq(vfl_s3_bucket_new_beside(bench.bucket, &stopped, &other.bucket, NULL), VFL_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, get_in_thread, &other), 0);
    ck_assert(scripted_server_wait_for_stall(bench.base.server));
    atomic_store(&stopped, true);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(other.status, VFL_CANCELLED);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(get_key(bench.bucket, "k", &bench.err), VFL_OK);
    vfl_s3_bucket_free(other.bucket);
    finish(&bench);
}
END_TEST

START_TEST(buckets_beside_each_other_spend_one_retry_quota)
{
    struct s3_bench bench = {0};
    struct vfl_s3_bucket *beside = NULL;
    aws_bench_expect_connect(&bench.base);
    for (int i = 0; i < 2; i++)
        aws_bench_expect(&bench.base, "GET /logs/k", 500, NULL);
    start(&bench, NULL);
    ck_assert_int_eq(vfl_s3_bucket_new_beside(bench.bucket, NULL, &beside, NULL), VFL_OK);
    ck_assert_int_eq(vfl_aws_session_connect(bench.base.session, NULL), VFL_OK);
    vfl_aws_session_client(bench.base.session)->budget->quota.tokens = 14;
    ck_assert_int_eq(get_key(beside, "k", &bench.err), VFL_RETRY);
    ck_assert_int_eq(vfl_aws_session_client(bench.base.session)->budget->quota.tokens, 0);
    ck_assert_uint_eq(vfl_aws_session_request_count(bench.base.session), 4);
    vfl_s3_bucket_free(beside);
    finish(&bench);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        versioning_must_be_enabled,
        listing_follows_pages_and_decodes_keys,
        unsound_listings_pass_nothing_on,
        unsound_objects_fail_their_page,
        odd_but_sound_listings_are_read,
        keys_and_pages_are_bounded_exactly,
        a_listing_that_does_not_advance_ends,
        an_expired_token_is_renewed_in_mid_listing,
        listings_that_are_no_xml_are_asked_for_once_more,
        an_object_of_unknown_size_is_not_asked_for,
        an_object_comes_whole_or_not_at_all,
        deletion_settles_every_key_by_itself,
        unclear_deletions_do_not_count_as_done,
        more_than_a_thousand_keys_take_several_requests,
        redirects_of_a_configured_endpoint_are_refused,
        a_region_hint_is_believed_only_as_a_region,
        of_two_threads_with_an_expired_token_one_renews_it,
        a_bucket_beside_is_cancelled_by_its_own_flag_alone,
        buckets_beside_each_other_spend_one_retry_quota,
    };
    return RUN_SUITE("s3", cases);
}
