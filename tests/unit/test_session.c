#include "core/aws/session.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fake/aws_bench.h"
#include "tests/unit/run_suite.h"

START_TEST(options_that_cannot_work_are_refused)
{
    static const struct {
        const char *name;
        struct vfl_aws_session_options options;
        const char *text;
    } rows[] = {
        {"no role", {.region = "eu-west-1"}, "role_arn is missing"},
        {"no region", {.role_arn = BENCH_ROLE_ARN}, "region is missing"},
        {"bad region", {.role_arn = BENCH_ROLE_ARN, .region = "eu/west"}, "not an AWS region"},
        {"user arn",
         {.role_arn = "arn:aws:iam::123456789012:user/x", .region = "eu-west-1"},
         "not an IAM role"},
        {"line break",
         {.role_arn = BENCH_ROLE_ARN "\r\nX: y", .region = "eu-west-1"},
         "not an IAM role"},
        {"half a pair",
         {.role_arn = BENCH_ROLE_ARN, .region = "eu-west-1", .access_key_id = "AKIA"},
         "secret access key is missing"},
        {"another partition",
         {.role_arn = "arn:aws-cn:iam::123456789012:role/x", .region = "eu-west-1"},
         "role_arn is of partition \"aws-cn\", but region eu-west-1 is of \"aws\""},
        {"bad endpoint",
         {.role_arn = BENCH_ROLE_ARN, .region = "eu-west-1", .ec2_endpoint_url = "x"},
         "ec2_endpoint_url"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_aws_session *session = NULL;
        struct vfl_error err = {0};
        ck_assert_msg(vfl_aws_session_new(&rows[i].options, &session, &err) == VFL_CONFIG, "%s",
                      rows[i].name);
        ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].name, err.text);
        ck_assert_ptr_null(session);
    }
    vfl_aws_session_free(NULL);
}
END_TEST

START_TEST(one_probe_and_one_session_serve_many_calls)
{
    struct aws_bench bench = {0};
    aws_bench_expect_connect(&bench);
    aws_bench_start(&bench);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    ck_assert_int_eq(vfl_aws_session_role_state(bench.session), VFL_AWS_ROLE_ASSUMED);
    ck_assert_uint_eq(vfl_aws_session_request_count(bench.session), 2);
    vfl_aws_session_start_run(bench.session, INT64_MAX);
    ck_assert_uint_eq(vfl_aws_session_request_count(bench.session), 0);
    aws_bench_finish(&bench);
}
END_TEST

/* A session lasts an hour at most and is renewed a quarter of an hour before, or by chance up to 90
 * seconds earlier; the probe is daily. The answer's own Expiration is in 2099. */
START_TEST(the_session_is_renewed_before_its_hour_is_over)
{
    struct aws_bench bench = {0};
    aws_bench_expect_connect(&bench);
    aws_bench_expect(&bench, "POST /", 200, "sts_assumed.xml")->contains[0] = "ExternalId";
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    bench.clock_offset_ms = 43 * 60 * 1000;
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    ck_assert_uint_eq(vfl_aws_session_request_count(bench.session), 2);
    bench.clock_offset_ms = 46 * 60 * 1000;
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    ck_assert_uint_eq(vfl_aws_session_request_count(bench.session), 3);
    aws_bench_finish(&bench);
}
END_TEST

START_TEST(a_session_in_force_outlives_a_busy_sts)
{
    struct aws_bench bench = {0};
    aws_bench_expect_connect(&bench);
    for (int i = 0; i < 6; i++)
        aws_bench_expect(&bench, "POST /", 400, "sts_throttled.xml");
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    bench.clock_offset_ms = 50 * 60 * 1000;
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    ck_assert_uint_eq(bench.wait_count, 2);
    bench.clock_offset_ms = 61 * 60 * 1000;
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_RETRY);
    aws_bench_finish(&bench);
}
END_TEST

/* What STS can answer to the probe (first) and to the real request (second). */
START_TEST(refusals_say_what_to_change)
{
    static const struct {
        const char *name;
        int first_status;
        const char *first;
        int second_status;
        const char *second;
        enum vfl_status expected;
        const char *text;
        enum vfl_aws_role_state state;
    } rows[] = {
        {"unprotected role", 200, "sts_assumed.xml", 0, NULL, VFL_CONFIG,
         "can be assumed without the external id: add the condition", VFL_AWS_ROLE_UNPROTECTED},
        {"unknown key", 403, "sts_unknown_key.xml", 0, NULL, VFL_DENIED, "check aws_access_key_id",
         VFL_AWS_ROLE_UNKNOWN},
        {"denied twice", 403, "sts_access_denied.xml", 403, "sts_access_denied.xml", VFL_DENIED,
         "cannot be assumed: check role_arn", VFL_AWS_ROLE_REFUSED},
        {"bad external id", 403, "sts_access_denied.xml", 400, "sts_validation_error.xml",
         VFL_CONFIG, "check the form of role_arn and external_id", VFL_AWS_ROLE_UNKNOWN},
        {"another account", 403, "sts_access_denied.xml", 200, "sts_assumed_other_account.xml",
         VFL_CONFIG, "the answer is for account 999999999999", VFL_AWS_ROLE_UNKNOWN},
        {"expired on arrival", 403, "sts_access_denied.xml", 200, "sts_assumed_expired.xml",
         VFL_CONFIG, "expired on arrival", VFL_AWS_ROLE_UNKNOWN},
        {"no token", 403, "sts_access_denied.xml", 200, "sts_assumed_without_token.xml", VFL_CONFIG,
         "lacks a key or the session token", VFL_AWS_ROLE_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct aws_bench bench = {0};
        struct vfl_error err = {0};
        aws_bench_expect(&bench, "POST /", rows[i].first_status, rows[i].first);
        if (rows[i].second != NULL)
            aws_bench_expect(&bench, "POST /", rows[i].second_status, rows[i].second);
        aws_bench_start(&bench);
        enum vfl_status st = vfl_aws_session_connect(bench.session, &err);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, err.text);
        ck_assert_int_eq(vfl_aws_session_role_state(bench.session), rows[i].state);
        ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].name, err.text);
        ck_assert_msg(strstr(err.text, "ext/id 1") == NULL, "%s: %s", rows[i].name, err.text);
        ck_assert_msg(strstr(err.text, "EXAMPLEKEY") == NULL, "%s: %s", rows[i].name, err.text);
        aws_bench_finish(&bench);
    }
}
END_TEST

START_TEST(a_busy_sts_proves_nothing_about_the_role)
{
    struct aws_bench bench = {0};
    for (int i = 0; i < 3; i++)
        aws_bench_expect(&bench, "POST /", 503, NULL)->contains[0] = "sts-agent-id-test";
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_RETRY);
    aws_bench_finish(&bench);
}
END_TEST

START_TEST(the_probe_can_be_switched_off)
{
    struct aws_bench bench = {.options = {.is_external_id_check_disabled = true}};
    aws_bench_expect(&bench, "POST /", 200, "sts_assumed.xml")->contains[0] = "sts-agent-check-";
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    aws_bench_finish(&bench);
}
END_TEST

START_TEST(a_wrong_clock_is_corrected_once)
{
    struct aws_bench bench = {.options = {.is_external_id_check_disabled = true}};
    struct scripted_exchange *skewed = aws_bench_expect(&bench, "POST /", 403, "s3_skewed.xml");
    skewed->headers = "Date: Sun, 30 Aug 2015 12:36:00 GMT\r\n";
    struct scripted_exchange *assumed = aws_bench_expect(&bench, "POST /", 200, "sts_assumed.xml");
    assumed->contains[0] = "x-amz-date: 20150830T1236";
    assumed->headers = "Date: Sun, 30 Aug 2015 12:36:01 GMT\r\n";
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    ck_assert_uint_eq(bench.wait_count, 0);
    /* The answers are of 2015. */
    ck_assert(vfl_aws_session_clock_skew_ms(bench.session) < -INT64_C(86400000));
    aws_bench_finish(&bench);
}
END_TEST

START_TEST(a_clock_fault_without_a_date_stands)
{
    struct aws_bench bench = {.options = {.is_external_id_check_disabled = true}};
    struct vfl_error err = {0};
    aws_bench_expect(&bench, "POST /", 403, "s3_skewed.xml")->headers = "Date: today\r\n";
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, &err), VFL_DENIED);
    aws_bench_finish(&bench);
}
END_TEST

START_TEST(the_runs_deadline_ends_the_waiting)
{
    struct aws_bench bench = {.options = {.is_external_id_check_disabled = true}};
    struct vfl_clock clock = vfl_clock_system();
    struct scripted_exchange *busy = aws_bench_expect(&bench, "POST /", 503, NULL);
    busy->headers = "x-amz-retry-after: 5000\r\n";
    aws_bench_start(&bench);
    vfl_aws_session_start_run(bench.session, clock.now_monotonic_ms(NULL) + 2000);
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_RETRY);
    ck_assert_uint_eq(bench.wait_count, 0);
    vfl_aws_session_start_run(bench.session, clock.now_monotonic_ms(NULL));
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_DEADLINE);
    aws_bench_finish(&bench);
}
END_TEST

struct canceller {
    struct aws_bench *bench;
};

static void *cancel_at_stall(void *ctx)
{
    struct canceller *canceller = ctx;
    if (scripted_server_wait_for_stall(canceller->bench->server))
        atomic_store(&canceller->bench->cancelled, true);
    return NULL;
}

START_TEST(cancelling_ends_a_stalled_answer)
{
    struct aws_bench bench = {0};
    struct canceller canceller = {&bench};
    pthread_t thread;
    aws_bench_expect(&bench, "POST /", 200, "sts_assumed.xml")->is_stalled = true;
    aws_bench_start(&bench);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_at_stall, &canceller), 0);
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_CANCELLED);
    (void)pthread_join(thread, NULL);
    aws_bench_finish(&bench);
}
END_TEST

#define TASK_KEYS(id)                                                                              \
    "{\"AccessKeyId\": \"" id "\", \"SecretAccessKey\": \"hush\", \"Token\": \"" id "\","          \
    " \"Expiration\": \"2099-01-01T00:00:00Z\"}"

static void expect_task_keys(struct aws_bench *bench, const char *keys)
{
    aws_bench_expect(bench, "GET /task", 200, NULL)->body = keys;
}

static void start_in_container(struct aws_bench *bench)
{
    char uri[128];
    bench->options.access_key_id = bench->options.secret_access_key = "";
    aws_bench_start(bench);
    (void)snprintf(uri, sizeof uri, "%s/task", scripted_server_url(bench->server));
    ck_assert_int_eq(setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1), 0);
    ck_assert_int_eq(setenv("HOME", "/nowhere", 1), 0);
}

static void finish_in_container(struct aws_bench *bench)
{
    ck_assert_int_eq(unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"), 0);
    aws_bench_finish(bench);
}

/* 26: the agent's own credentials this time. */
START_TEST(own_credentials_that_expired_early_are_renewed_once)
{
    struct aws_bench bench = {0};
    expect_task_keys(&bench, TASK_KEYS("ASIAONE"));
    aws_bench_expect(&bench, "POST /", 403, "s3_expired_token.xml")->contains[0] =
        "Credential=ASIAONE/";
    expect_task_keys(&bench, TASK_KEYS("ASIATWO"));
    aws_bench_expect_connect(&bench);
    bench.script[3].contains[3] = "Credential=ASIATWO/";
    bench.script[4].contains[2] = "x-amz-security-token: ASIATWO";
    bench.script[4].lacks[0] = "DurationSeconds";
    start_in_container(&bench);
    struct vfl_error err = {0};
    ck_assert_msg(vfl_aws_session_connect(bench.session, &err) == VFL_OK, "%s", err.text);
    finish_in_container(&bench);
}
END_TEST

START_TEST(own_credentials_that_stay_expired_are_reported)
{
    struct aws_bench bench = {0};
    expect_task_keys(&bench, TASK_KEYS("ASIAONE"));
    aws_bench_expect(&bench, "POST /", 403, "s3_expired_token.xml");
    expect_task_keys(&bench, TASK_KEYS("ASIAONE"));
    start_in_container(&bench);
    struct vfl_error err = {0};
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, &err), VFL_DENIED);
    ck_assert_ptr_nonnull(strstr(err.text, "the agent's own credentials has expired"));
    ck_assert_ptr_null(strstr(err.text, "hush"));
    finish_in_container(&bench);
}
END_TEST

/* 32: the note is the session's to show. */
START_TEST(a_session_passes_the_note_on)
{
    struct aws_bench bench = {.options = {.access_key_id = "", .secret_access_key = ""}};
    char path[] = "/tmp/vfl-session-XXXXXX";
    static const char text[] = "[default]\naws_access_key_id=A\naws_secret_access_key=hush\n";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    ck_assert_int_eq(fchmod(fd, 0644), 0);
    (void)close(fd);
    ck_assert_int_eq(setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1), 0);
    aws_bench_expect_connect(&bench);
    aws_bench_start(&bench);
    ck_assert_str_eq(vfl_aws_session_note(bench.session), "");
    ck_assert_int_eq(vfl_aws_session_connect(bench.session, NULL), VFL_OK);
    ck_assert_ptr_nonnull(strstr(vfl_aws_session_note(bench.session), "everybody on this machine"));
    aws_bench_finish(&bench);
    ck_assert_int_eq(unsetenv("AWS_SHARED_CREDENTIALS_FILE"), 0);
    (void)unlink(path);
}
END_TEST

/* "GetCallerIdentity" in the STS API reference. */
#define IDENTITY(arn)                                                                              \
    "<GetCallerIdentityResponse><GetCallerIdentityResult>" arn                                     \
    "<Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"

START_TEST(whose_keys_they_are_is_asked_without_the_role)
{
    static const struct {
        int status;
        const char *body;
        enum vfl_status expected;
        const char *arn, *text;
    } rows[] = {
        {200, IDENTITY("<Arn>arn:aws:iam::111111111111:user/agent</Arn>"), VFL_OK,
         "arn:aws:iam::111111111111:user/agent", ""},
        {200, IDENTITY(""), VFL_CONFIG, "before", "sts:GetCallerIdentity at 127.0.0.1"},
        {200, IDENTITY("<Arn>somebody</Arn>"), VFL_CONFIG, "before", "names no caller"},
        {403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>",
         VFL_DENIED, "before", "the secret access key is wrong"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct aws_bench bench = {0};
        struct vfl_error err = {0};
        struct vfl_strbuf arn = VFL_STRBUF_INIT(2048);
        vfl_strbuf_append_string(&arn, "before");
        struct scripted_exchange *exchange =
            aws_bench_expect(&bench, "POST /", rows[i].status, NULL);
        exchange->body = rows[i].body;
        exchange->contains[0] = "\r\n\r\nAction=GetCallerIdentity&Version=2011-06-15";
        exchange->lacks[0] = "RoleArn";
        aws_bench_start(&bench);
        ck_assert_str_eq(vfl_aws_session_credential_source(bench.session), "");
        ck_assert_int_eq(vfl_aws_session_identify(bench.session, &arn, &err), rows[i].expected);
        ck_assert_str_eq(vfl_strbuf_string(&arn), rows[i].arn);
        ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s", err.text);
        ck_assert_str_eq(vfl_aws_session_credential_source(bench.session), "configuration");
        vfl_strbuf_fini(&arn);
        aws_bench_finish(&bench);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        options_that_cannot_work_are_refused,
        one_probe_and_one_session_serve_many_calls,
        the_session_is_renewed_before_its_hour_is_over,
        a_session_in_force_outlives_a_busy_sts,
        refusals_say_what_to_change,
        a_busy_sts_proves_nothing_about_the_role,
        the_probe_can_be_switched_off,
        a_wrong_clock_is_corrected_once,
        a_clock_fault_without_a_date_stands,
        the_runs_deadline_ends_the_waiting,
        cancelling_ends_a_stalled_answer,
        own_credentials_that_expired_early_are_renewed_once,
        own_credentials_that_stay_expired_are_reported,
        a_session_passes_the_note_on,
        whose_keys_they_are_is_asked_without_the_role,
    };
    return RUN_SUITE("session", cases);
}
