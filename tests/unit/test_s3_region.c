#include "core/aws/s3.h"

#include <pthread.h>

#include "tests/fake/aws_bench.h"
#include "tests/unit/run_suite.h"

#define NAMES                                                                                      \
    "DNS:sts.eu-west-1.amazonaws.com,DNS:*.s3.eu-west-1.amazonaws.com,"                            \
    "DNS:s3.eu-west-1.amazonaws.com,DNS:*.s3.us-east-2.amazonaws.com,"                             \
    "DNS:s3.us-east-2.amazonaws.com"
#define OLD "Host: logs.s3.eu-west-1.amazonaws.com\r\n"
#define NEW "Host: logs.s3.us-east-2.amazonaws.com\r\n"
#define OLD_SCOPE "/eu-west-1/s3/aws4_request"
#define NEW_SCOPE "/us-east-2/s3/aws4_request"
#define GET "GET /?versioning="
#define ENABLED "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
#define FAULT(code, rest) "<Error><Code>" code "</Code><Message>m</Message>" rest "</Error>"
#define MAX_STEPS 4

/* Everything goes through a proxy that is all of AWS: what is connected to is what is in the Host
 * header, and its certificate was checked for that name. Nothing else can be reached: a redirect
 * that were followed would be a request beyond the script, or a certificate refused. */
static struct tls_identity *identity;

static void start(struct aws_bench *bench)
{
    static const struct tls_identity_options options = {.names = NAMES};
    identity = tls_identity_new(&options);
    bench->identity = identity;
    aws_bench_start(bench);
}

static void finish(struct aws_bench *bench)
{
    aws_bench_finish(bench);
    tls_identity_free(identity);
}

struct region_case {
    const char *name;
    struct scripted_exchange steps[MAX_STEPS];
    enum vfl_status expected;
    const char *text;
};

static const struct region_case rows[] = {
    {"no redirect",
     {{.target = GET, .status = 200, .body = ENABLED, .contains = {OLD, OLD_SCOPE}}},
     VFL_OK,
     ""},
    {"301 with the header",
     {{.target = GET,
       .status = 301,
       .headers = "x-amz-bucket-region: us-east-2\r\nLocation: https://evil.example/\r\n",
       .body = FAULT("PermanentRedirect", "<Endpoint>evil.example</Endpoint>"),
       .contains = {OLD, OLD_SCOPE}},
      {.target = GET, .status = 200, .body = ENABLED, .contains = {NEW, NEW_SCOPE}}},
     VFL_OK,
     ""},
    {"301 with the region in the body",
     {{.target = GET,
       .status = 301,
       .body = FAULT("PermanentRedirect", "<Region>us-east-2</Region>")},
      {.target = GET, .status = 200, .body = ENABLED, .contains = {NEW, NEW_SCOPE}}},
     VFL_OK,
     ""},
    {"307 of a new bucket",
     {{.target = GET,
       .status = 307,
       .headers = "x-amz-bucket-region: us-east-2\r\n"
                  "Location: https://logs.s3.us-east-2.amazonaws.com/\r\n",
       .body = FAULT("TemporaryRedirect", "")},
      {.target = GET, .status = 200, .body = ENABLED, .contains = {NEW, NEW_SCOPE}}},
     VFL_OK,
     ""},
    {"400 with the region in the body",
     {{.target = GET,
       .status = 400,
       .body = FAULT("AuthorizationHeaderMalformed", "<Region>us-east-2</Region>")},
      {.target = GET, .status = 200, .body = ENABLED, .contains = {NEW, NEW_SCOPE}}},
     VFL_OK,
     ""},
    {"400 of a region that tells by HEAD only",
     {{.target = GET, .status = 400, .body = FAULT("IllegalLocationConstraintException", "")},
      {.target = "HEAD /",
       .status = 403,
       .headers = "x-amz-bucket-region: us-east-2\r\n",
       .contains = {OLD, OLD_SCOPE}},
      {.target = GET, .status = 200, .body = ENABLED, .contains = {NEW, NEW_SCOPE}}},
     VFL_OK,
     ""},
    {"18: 301 to another host, without a region",
     {{.target = GET, .status = 301, .headers = "Location: https://evil.example/\r\n"},
      {.target = "HEAD /", .status = 301, .headers = "Location: http://evil.example/\r\n"}},
     VFL_CONFIG,
     "bucket logs is not in region eu-west-1, and S3 did not say where"},
    {"18: 302 to a file",
     {{.target = GET, .status = 302, .headers = "Location: file:///etc/passwd\r\n"}},
     VFL_CONFIG,
     "HTTP 302"},
    {"19: two regions that name each other",
     {{.target = GET, .status = 301, .headers = "x-amz-bucket-region: us-east-2\r\n"},
      {.target = GET,
       .status = 301,
       .headers = "x-amz-bucket-region: eu-west-1\r\n",
       .contains = {NEW, NEW_SCOPE}}},
     VFL_CONFIG,
     "HTTP 301"},
    {"19: a region that names itself",
     {{.target = GET, .status = 301, .headers = "x-amz-bucket-region: eu-west-1\r\n"}},
     VFL_CONFIG,
     "HTTP 301"},
    {"20: a header that is no region",
     {{.target = GET, .status = 301, .headers = "x-amz-bucket-region: evil.com/#\r\n"},
      {.target = "HEAD /", .status = 301, .headers = "x-amz-bucket-region: evil.com/#\r\n"}},
     VFL_CONFIG,
     "S3 did not say where"},
    {"20: an endpoint of the attacker",
     {{.target = GET,
       .status = 301,
       .body = FAULT("PermanentRedirect", "<Endpoint>attacker.example</Endpoint>")},
      {.target = "HEAD /", .status = 301}},
     VFL_CONFIG,
     "S3 did not say where"},
    {"16: cut without close_notify",
     {{.target = GET,
       .raw = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<Versioning",
       .is_closed = true},
      {.target = GET, .status = 200, .body = ENABLED}},
     VFL_OK,
     ""},
    {"16: without a length, ended without close_notify",
     {{.target = GET, .raw = "HTTP/1.1 200 OK\r\n\r\n" ENABLED, .is_closed = true},
      {.target = GET, .status = 200, .body = ENABLED}},
     VFL_OK,
     ""},
    {"denied in its own region",
     {{.target = GET, .status = 301, .headers = "x-amz-bucket-region: us-east-2\r\n"},
      {.target = GET,
       .status = 403,
       .body = FAULT("AccessDenied", ""),
       .contains = {NEW, NEW_SCOPE}}},
     VFL_DENIED,
     "s3:GetBucketVersioning denied for role"},
};

static void add_steps(struct aws_bench *bench, const struct region_case *row)
{
    aws_bench_expect_connect(bench);
    bench->script[0].contains[1] = "Host: sts.eu-west-1.amazonaws.com\r\n";
    for (size_t i = 0; i < MAX_STEPS && row->steps[i].target != NULL; i++)
        bench->script[bench->script_size++] = row->steps[i];
}

START_TEST(the_buckets_region_is_found_and_nothing_else_is_believed)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct aws_bench bench = {0};
        struct vfl_s3_bucket *bucket = NULL;
        struct vfl_error err = {0};
        add_steps(&bench, &rows[i]);
        start(&bench);
        ck_assert_int_eq(vfl_s3_bucket_new(bench.session, "logs", NULL, &bucket, NULL), VFL_OK);
        enum vfl_status st = vfl_s3_check_versioning(bucket, &err);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, err.text);
        ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].name, err.text);
        vfl_s3_bucket_free(bucket);
        finish(&bench);
    }
}
END_TEST

START_TEST(a_region_once_found_is_kept)
{
    struct aws_bench bench = {0};
    struct vfl_s3_bucket *bucket = NULL;
    struct vfl_error err = {0};
    add_steps(&bench, &rows[1]);
    struct scripted_exchange *again = aws_bench_expect(&bench, GET, 200, NULL);
    again->body = ENABLED;
    again->contains[0] = NEW;
    start(&bench);
    ck_assert_int_eq(vfl_s3_bucket_new(bench.session, "logs", NULL, &bucket, NULL), VFL_OK);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(vfl_s3_check_versioning(bucket, &err) == VFL_OK, "%s", err.text);
    vfl_s3_bucket_free(bucket);
    finish(&bench);
}
END_TEST

struct other_thread {
    struct vfl_s3_bucket *bucket;
    enum vfl_status status;
};

static void *check_in_thread(void *ctx)
{
    struct other_thread *other = ctx;
    other->status = vfl_s3_check_versioning(other->bucket, NULL);
    return NULL;
}

/* The late thread's answer names no region, so it would have to ask, were it not known by then. */
START_TEST(a_region_found_by_one_thread_serves_the_others)
{
    struct aws_bench bench = {0};
    struct vfl_s3_bucket *bucket = NULL;
    struct other_thread other = {.status = VFL_RETRY};
    struct vfl_error err = {0};
    pthread_t thread;
    aws_bench_expect_connect(&bench);
    struct scripted_exchange *late = aws_bench_expect(&bench, GET, 400, NULL);
    late->body = FAULT("IllegalLocationConstraintException", "");
    late->contains[0] = OLD;
    late->held_for = 2;
    struct scripted_exchange *moved = aws_bench_expect(&bench, GET, 301, NULL);
    moved->headers = "x-amz-bucket-region: us-east-2\r\n";
    moved->contains[0] = OLD;
    for (int i = 0; i < 2; i++) {
        struct scripted_exchange *found = aws_bench_expect(&bench, GET, 200, NULL);
        found->body = ENABLED;
        found->contains[0] = NEW;
    }
    start(&bench);
    ck_assert_int_eq(vfl_s3_bucket_new(bench.session, "logs", NULL, &bucket, NULL), VFL_OK);
    ck_assert_int_eq(vfl_s3_bucket_new_beside(bucket, NULL, &other.bucket, NULL), VFL_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, check_in_thread, &other), 0);
    ck_assert(scripted_server_wait_for_stall(bench.server));
    enum vfl_status st = vfl_s3_check_versioning(bucket, &err);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_msg(st == VFL_OK, "%s", err.text);
    ck_assert_int_eq(other.status, VFL_OK);
    vfl_s3_bucket_free(other.bucket);
    vfl_s3_bucket_free(bucket);
    finish(&bench);
}
END_TEST

START_TEST(a_dotted_bucket_moves_in_the_path)
{
    struct aws_bench bench = {0};
    struct vfl_s3_bucket *bucket = NULL;
    struct vfl_error err = {0};
    aws_bench_expect_connect(&bench);
    struct scripted_exchange *moved =
        aws_bench_expect(&bench, "GET /my.logs?versioning=", 301, NULL);
    moved->headers = "x-amz-bucket-region: us-east-2\r\n";
    moved->contains[0] = "Host: s3.eu-west-1.amazonaws.com\r\n";
    struct scripted_exchange *found =
        aws_bench_expect(&bench, "GET /my.logs?versioning=", 200, NULL);
    found->contains[0] = "Host: s3.us-east-2.amazonaws.com\r\n";
    found->body = ENABLED;
    start(&bench);
    ck_assert_int_eq(vfl_s3_bucket_new(bench.session, "my.logs", NULL, &bucket, NULL), VFL_OK);
    ck_assert_msg(vfl_s3_check_versioning(bucket, &err) == VFL_OK, "%s", err.text);
    vfl_s3_bucket_free(bucket);
    finish(&bench);
}
END_TEST

/* 16: each is final, says what to check, and sends not one byte of a request. */
START_TEST(a_server_that_cannot_prove_its_name_gets_nothing)
{
    static const struct {
        const char *name;
        struct tls_identity_options options;
        bool is_unknown;
        enum vfl_status expected;
        const char *text;
    } servers[] = {
        {"16: expired",
         {.names = NAMES, .is_expired = true},
         false,
         VFL_CONFIG,
         "the server's certificate was refused"},
        {"16: another name",
         {.names = "DNS:evil.example"},
         false,
         VFL_CONFIG,
         "the server's certificate was refused"},
        {"15: an address is no name",
         {.names = "IP:127.0.0.1"},
         false,
         VFL_CONFIG,
         "the server's certificate was refused"},
        {"16: unknown authority",
         {.names = NAMES},
         true,
         VFL_CONFIG,
         "check the clock, the CA certificates and whether a proxy intercepts TLS"},
        {"16: TLS 1.1", {.names = NAMES, .is_old_protocol = true}, false, VFL_RETRY, "sts."},
    };
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        struct aws_bench bench = {0};
        struct vfl_error err = {0};
        static const struct tls_identity_options other = {.names = NAMES};
        struct tls_identity *stranger = tls_identity_new(&other);
        struct tls_identity *server = tls_identity_new(&servers[i].options);
        bench.identity = server;
        aws_bench_start(&bench);
        if (servers[i].is_unknown)
            ck_assert_int_eq(setenv("AWS_CA_BUNDLE", tls_identity_ca_path(stranger), 1), 0);
        enum vfl_status st = vfl_aws_session_connect(bench.session, &err);
        ck_assert_msg(st == servers[i].expected, "%s: %d %s", servers[i].name, st, err.text);
        ck_assert_msg(strstr(err.text, servers[i].text) != NULL, "%s: %s", servers[i].name,
                      err.text);
        aws_bench_finish(&bench);
        tls_identity_free(server);
        tls_identity_free(stranger);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        the_buckets_region_is_found_and_nothing_else_is_believed, a_region_once_found_is_kept,
        a_region_found_by_one_thread_serves_the_others,           a_dotted_bucket_moves_in_the_path,
        a_server_that_cannot_prove_its_name_gets_nothing,
    };
    return RUN_SUITE("s3_region", cases);
}
