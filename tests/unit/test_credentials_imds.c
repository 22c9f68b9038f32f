#include "core/aws/credential_source.h"

#include "tests/fake/identity_bench.h"
#include "tests/unit/run_suite.h"

#define TOKEN                                                                                      \
    {                                                                                              \
        .target = "PUT /latest/api/token", .status = 200,                                          \
        .body = "TOKEN==", .contains = {"x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"},        \
        .lacks = {                                                                                 \
            "Authorization",                                                                       \
            "Content-Type"                                                                         \
        }                                                                                          \
    }
#define LIST "GET /latest/meta-data/iam/security-credentials/"
#define ROLE                                                                                       \
    {                                                                                              \
        .target = LIST, .status = 200, .body = "agent-role\n", .contains = {                       \
            "x-aws-ec2-metadata-token: TOKEN==\r\n"                                                \
        }                                                                                          \
    }
#define KEYS(expiration)                                                                           \
    "{\"Code\": \"Success\", \"Type\": \"AWS-HMAC\", \"AccessKeyId\": \"ASIAINSTANCE\","           \
    " \"SecretAccessKey\": \"hush\", \"Token\": \"session\", \"Expiration\": \"" expiration "\"}"

static void start(struct identity_bench *bench, const struct scripted_exchange *script,
                  size_t count)
{
    identity_bench_start(bench, script, count);
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", scripted_server_url(bench->server));
}

static enum vfl_status fetch(struct identity_bench *bench)
{
    return identity_bench_fetch(bench, vfl_credentials_imds(&bench->surroundings));
}

START_TEST(the_instance_role_comes_in_three_requests)
{
    static const struct scripted_exchange script[] = {
        TOKEN,
        ROLE,
        {.target = LIST "agent-role",
         .status = 200,
         .body = KEYS("2013-05-24T06:00:00Z"),
         .contains = {"x-aws-ec2-metadata-token: TOKEN==\r\n"}},
        /* The second fetch still has the token. */
        ROLE,
        {.target = LIST "agent-role", .status = 200, .body = KEYS("2013-05-24T12:00:00Z")},
    };
    struct identity_bench bench = {0};
    start(&bench, script, 5);
    ck_assert_msg(fetch(&bench) == VFL_OK, "%s", bench.err.text);
    ck_assert(bench.is_found);
    ck_assert_str_eq(bench.credentials.access_key_id, "ASIAINSTANCE");
    ck_assert_str_eq(bench.credentials.secret_access_key, "hush");
    ck_assert_str_eq(bench.credentials.session_token, "session");
    ck_assert_int_eq(bench.credentials.expires_epoch_s, BENCH_EPOCH_S + 6 * 3600);
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert_int_eq(bench.credentials.expires_epoch_s, BENCH_EPOCH_S + 12 * 3600);
    identity_bench_finish(&bench);
}
END_TEST

/* What the service can answer to each of the three requests. */
START_TEST(answers_that_give_no_credentials_say_why)
{
    static const struct {
        const char *name;
        struct scripted_exchange script[5];
        size_t count;
        enum vfl_status expected;
        bool is_absent;
        const char *text;
    } rows[] = {
        {"35: no such service",
         {{.target = "PUT /latest/api/token", .status = 404}},
         1,
         VFL_OK,
         true,
         ""},
        {"another cloud",
         {{.target = "PUT /latest/api/token", .status = 405}},
         1,
         VFL_OK,
         true,
         ""},
        {"switched off",
         {{.target = "PUT /latest/api/token", .status = 403}},
         1,
         VFL_DENIED,
         false,
         "switched off for this instance"},
        {"18: redirect",
         {{.target = "PUT /latest/api/token",
           .status = 302,
           .headers = "Location: http://127.0.0.1:1/\r\n"}},
         1,
         VFL_CONFIG,
         false,
         "HTTP 302"},
        {"busy at first",
         {{.target = "PUT /latest/api/token", .status = 503}},
         1,
         VFL_RETRY,
         false,
         "HTTP 503"},
        {"token with a line break",
         {{.target = "PUT /latest/api/token", .status = 200, .body = "a\r\nX-Evil: 1"}},
         1,
         VFL_CONFIG,
         false,
         "no token"},
        {"empty token",
         {{.target = "PUT /latest/api/token", .status = 200}},
         1,
         VFL_CONFIG,
         false,
         "no token"},
        {"35: no role",
         {TOKEN, {.target = LIST, .status = 404}},
         2,
         VFL_DENIED,
         false,
         "this instance has no role: attach an instance profile"},
        {"35: empty list",
         {TOKEN, {.target = LIST, .status = 200}},
         2,
         VFL_DENIED,
         false,
         "this instance has no role"},
        {"role that is a path",
         {TOKEN, {.target = LIST, .status = 200, .body = "../../x"}},
         2,
         VFL_CONFIG,
         false,
         "no role name"},
        {"token refused twice",
         {TOKEN, {.target = LIST, .status = 401}, TOKEN, {.target = LIST, .status = 401}},
         4,
         VFL_DENIED,
         false,
         "HTTP 401"},
        {"a role that cannot be assumed",
         {TOKEN,
          ROLE,
          {.target = LIST "agent-role",
           .status = 200,
           .body = "{\"Code\": \"AssumeRoleUnauthorizedAccess\", \"Message\": \"x\"}"}},
         3,
         VFL_DENIED,
         false,
         "AssumeRoleUnauthorizedAccess"},
        {"not JSON",
         {TOKEN, ROLE, {.target = LIST "agent-role", .status = 200, .body = "<html>"}},
         3,
         VFL_CONFIG,
         false,
         "not a JSON object"},
        {"31: half a pair",
         {TOKEN,
          ROLE,
          {.target = LIST "agent-role", .status = 200, .body = "{\"AccessKeyId\": \"ASIA\"}"}},
         3,
         VFL_CONFIG,
         false,
         "secret access key is missing"},
        {"27: expiration that is no time",
         {TOKEN, ROLE, {.target = LIST "agent-role", .status = 200, .body = KEYS("tomorrow")}},
         3,
         VFL_CONFIG,
         false,
         "not a time"},
        {"32: line break in a key",
         {TOKEN,
          ROLE,
          {.target = LIST "agent-role",
           .status = 200,
           .body = "{\"AccessKeyId\": \"A\\r\\nX\", \"SecretAccessKey\": \"hush\"}"}},
         3,
         VFL_CONFIG,
         false,
         "line break"},
        {"gone between the requests",
         {TOKEN, ROLE, {.target = LIST "agent-role", .status = 404}},
         3,
         VFL_DENIED,
         false,
         "credentials of role agent-role"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        start(&bench, rows[i].script, rows[i].count);
        enum vfl_status st = fetch(&bench);
        ck_assert_msg(st == rows[i].expected, "%s: %d %s", rows[i].name, st, bench.err.text);
        ck_assert_msg(!bench.is_found, "%s", rows[i].name);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        ck_assert_msg(strstr(bench.err.text, "hush") == NULL, "%s", rows[i].name);
        ck_assert_msg((bench.imds.absent_until_monotonic_ms > 0) == rows[i].is_absent, "%s",
                      rows[i].name);
        identity_bench_finish(&bench);
    }
}
END_TEST

START_TEST(an_aged_token_is_replaced_once)
{
    static const struct scripted_exchange script[] = {
        TOKEN,
        {.target = LIST, .status = 401},
        {.target = "PUT /latest/api/token", .status = 200, .body = "SECOND"},
        {.target = LIST,
         .status = 200,
         .body = "agent-role",
         .contains = {"x-aws-ec2-metadata-token: SECOND\r\n"}},
        {.target = LIST "agent-role", .status = 200, .body = KEYS("2013-05-24T06:00:00Z")},
    };
    struct identity_bench bench = {0};
    start(&bench, script, 5);
    ck_assert_msg(fetch(&bench) == VFL_OK, "%s", bench.err.text);
    ck_assert(bench.is_found);
    identity_bench_finish(&bench);
}
END_TEST

START_TEST(a_busy_service_is_asked_three_times)
{
    static const struct scripted_exchange script[] = {
        TOKEN,
        {.target = LIST, .status = 500},
        {.target = LIST, .status = 429},
        ROLE,
        {.target = LIST "agent-role", .status = 503},
        {.target = LIST "agent-role", .status = 503},
        {.target = LIST "agent-role", .status = 503},
    };
    struct identity_bench bench = {0};
    start(&bench, script, 7);
    ck_assert_int_eq(fetch(&bench), VFL_RETRY);
    ck_assert_uint_eq(bench.wait_count, 4);
    identity_bench_finish(&bench);
}
END_TEST

/* 127.0.0.1:1 is closed: like any machine that is not in EC2. */
START_TEST(an_absent_service_is_not_asked_again_for_minutes)
{
    static const struct scripted_exchange script[] = {
        TOKEN,
        ROLE,
        {.target = LIST "agent-role", .status = 200, .body = KEYS("2013-05-24T06:00:00Z")},
    };
    struct identity_bench bench = {0};
    start(&bench, script, 3);
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(!bench.is_found);
    ck_assert_uint_eq(bench.client.own_budget.request_count, 1);
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", scripted_server_url(bench.server));
    bench.offset_ms = 4 * 60 * 1000;
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert_uint_eq(bench.client.own_budget.request_count, 1);
    bench.offset_ms = 6 * 60 * 1000;
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(bench.is_found);
    identity_bench_finish(&bench);
}
END_TEST

/* A container behind a hop limit of 1: the answer to the PUT dies on its way. */
START_TEST(silence_behind_a_connection_names_the_hop_limit)
{
    static const struct scripted_exchange script[] = {
        {.target = "PUT /latest/api/token", .status = 200, .body = "T", .is_stalled = true},
    };
    struct identity_bench bench = {0};
    struct vfl_clock clock = vfl_clock_system();
    start(&bench, script, 1);
    int64_t start_ms = clock.now_monotonic_ms(clock.ctx);
    ck_assert_int_eq(fetch(&bench), VFL_DENIED);
    ck_assert_int_lt(clock.now_monotonic_ms(clock.ctx) - start_ms, 2000);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "hop limit of the instance's metadata options"));
    identity_bench_finish(&bench);
}
END_TEST

START_TEST(credentials_past_their_end_are_kept_for_a_while)
{
    static const struct scripted_exchange script[] = {
        TOKEN,
        ROLE,
        {.target = LIST "agent-role", .status = 200, .body = KEYS("2013-05-23T23:00:00Z")},
    };
    struct identity_bench bench = {0};
    start(&bench, script, 3);
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(bench.is_found);
    ck_assert_int_ge(bench.credentials.expires_epoch_s, BENCH_EPOCH_S + 17 * 60);
    ck_assert_int_le(bench.credentials.expires_epoch_s, BENCH_EPOCH_S + 25 * 60);
    identity_bench_finish(&bench);
}
END_TEST

START_TEST(the_sdks_switches_are_obeyed)
{
    struct identity_bench bench = {0};
    start(&bench, NULL, 0);
    identity_bench_set("AWS_EC2_METADATA_DISABLED", "True");
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(!bench.is_found);
    identity_bench_set("AWS_EC2_METADATA_DISABLED", "false");
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254");
    ck_assert_int_eq(fetch(&bench), VFL_CONFIG);
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", NULL);
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5");
    ck_assert_int_eq(fetch(&bench), VFL_CONFIG);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "neither IPv4 nor IPv6"));
    ck_assert_uint_eq(bench.client.own_budget.request_count, 0);
    identity_bench_finish(&bench);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        the_instance_role_comes_in_three_requests,
        answers_that_give_no_credentials_say_why,
        an_aged_token_is_replaced_once,
        a_busy_service_is_asked_three_times,
        an_absent_service_is_not_asked_again_for_minutes,
        silence_behind_a_connection_names_the_hop_limit,
        credentials_past_their_end_are_kept_for_a_while,
        the_sdks_switches_are_obeyed,
    };
    return RUN_SUITE("credentials_imds", cases);
}
