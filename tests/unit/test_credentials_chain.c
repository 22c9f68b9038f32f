#include "core/aws/credentials_chain.h"

#include <stdio.h>

#include "tests/fake/identity_bench.h"
#include "tests/unit/run_suite.h"

#define DOCUMENT(id, expiration)                                                                   \
    "{\"AccessKeyId\": \"" id "\", \"SecretAccessKey\": \"hush\", \"Token\": \"" id "\","          \
    " \"Expiration\": \"" expiration "\"}"
#define HOUR_MS (60LL * 60 * 1000)

struct chain_bench {
    struct identity_bench base;
    struct vfl_credential_chain chain;
    struct vfl_configured_keys keys;
    const struct vfl_credentials *credentials;
    struct vfl_error err;
};

static void start(struct chain_bench *bench, const struct scripted_exchange *script, size_t count)
{
    identity_bench_start(&bench->base, script, count);
    /* A closed port, so that no test depends on the machine that it runs on. */
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    vfl_credential_chain_init(&bench->chain, &bench->keys, &bench->base.client, "eu-west-1",
                              &bench->base.endpoint);
}

static void finish(struct chain_bench *bench)
{
    vfl_credential_chain_fini(&bench->chain);
    identity_bench_finish(&bench->base);
}

static enum vfl_status get(struct chain_bench *bench)
{
    return vfl_credential_chain_get(&bench->chain, &bench->credentials, &bench->err);
}

static void use_container(const struct chain_bench *bench)
{
    char uri[128];
    (void)snprintf(uri, sizeof uri, "%s/task", scripted_server_url(bench->base.server));
    identity_bench_set("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
}

/* Each row sets up one source more than the row below it. */
START_TEST(sources_are_asked_in_their_order)
{
    static const char profile[] = "[default]\naws_access_key_id = AKIAPROFILE\n"
                                  "aws_secret_access_key = hush\n";
    static const char web_identity[] =
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
        "<AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>2013-05-24T01:00:00Z</Expiration>"
        "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    static const struct {
        const char *expected;
        struct scripted_exchange exchange;
    } rows[] = {
        {"AKIACONFIGURED", {0}},
        {"AKIAENVIRONMENT", {0}},
        {"ASIAWEB", {.target = "POST /", .status = 200, .body = web_identity}},
        {"AKIAPROFILE", {0}},
        {"ASIATASK",
         {.target = "GET /task",
          .status = 200,
          .body = DOCUMENT("ASIATASK", "2013-05-24T01:00:00Z")}},
        {NULL, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain_bench bench = {0};
        if (i == 0)
            bench.keys = (struct vfl_configured_keys){"AKIACONFIGURED", "hush", NULL};
        start(&bench, &rows[i].exchange, rows[i].exchange.target == NULL ? 0 : 1);
        identity_bench_set("AWS_ACCESS_KEY_ID", i <= 1 ? "AKIAENVIRONMENT" : NULL);
        identity_bench_set("AWS_SECRET_ACCESS_KEY", i <= 1 ? "hush" : NULL);
        identity_bench_set("AWS_ROLE_ARN", i <= 2 ? "arn:aws:iam::123456789012:role/x" : NULL);
        if (i <= 2)
            identity_bench_set("AWS_WEB_IDENTITY_TOKEN_FILE",
                               identity_bench_write(&bench.base, "token", "t", 0600));
        if (i <= 3)
            (void)identity_bench_write(&bench.base, ".aws/credentials", profile, 0600);
        if (i <= 4)
            use_container(&bench);
        enum vfl_status st = get(&bench);
        if (rows[i].expected == NULL) {
            ck_assert_int_eq(st, VFL_DENIED);
            ck_assert_ptr_nonnull(strstr(bench.err.text, "no AWS credentials: set"));
        } else {
            ck_assert_msg(st == VFL_OK, "row %zu: %s", i, bench.err.text);
            ck_assert_str_eq(bench.credentials->access_key_id, rows[i].expected);
        }
        finish(&bench);
    }
}
END_TEST

/* To go on would mean to work under an identity that nobody meant. */
START_TEST(a_source_that_fails_stops_the_chain)
{
    static const struct {
        const char *name, *variable, *value;
        const char *text;
    } rows[] = {
        {"half a pair", "AWS_ACCESS_KEY_ID", "AKIA", "secret access key is missing"},
        {"expiration", "AWS_CREDENTIAL_EXPIRATION", "soon", "AWS_CREDENTIAL_EXPIRATION"},
        {"token file", "AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere", "AWS_ROLE_ARN"},
        {"profile", "AWS_PROFILE", "absent", "AWS_PROFILE names \"absent\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain_bench bench = {0};
        start(&bench, NULL, 0);
        use_container(&bench);
        identity_bench_set(rows[i].variable, rows[i].value);
        ck_assert_msg(get(&bench) == VFL_CONFIG, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        finish(&bench);
    }
}
END_TEST

START_TEST(credentials_are_kept_until_they_near_their_end)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /task", .status = 200, .body = DOCUMENT("ONE", "2013-05-24T01:00:00Z")},
        {.target = "GET /task", .status = 200, .body = DOCUMENT("TWO", "2013-05-24T06:00:00Z")},
        {.target = "GET /task", .status = 200, .body = DOCUMENT("TWO", "2013-05-24T06:00:00Z")},
    };
    static const struct {
        int64_t offset_ms;
        const char *expected;
        uint64_t request_count;
    } rows[] = {
        {0, "ONE", 1},
        {43 * 60 * 1000, "ONE", 1},
        {45 * 60 * 1000, "TWO", 2},
        {45 * 60 * 1000 + HOUR_MS - 1000, "TWO", 2},
        {45 * 60 * 1000 + HOUR_MS, "TWO", 3}, /* looked at once an hour */
    };
    struct chain_bench bench = {0};
    start(&bench, script, 3);
    use_container(&bench);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bench.base.offset_ms = rows[i].offset_ms;
        ck_assert_msg(get(&bench) == VFL_OK, "%s", bench.err.text);
        ck_assert_str_eq(bench.credentials->access_key_id, rows[i].expected);
        ck_assert_uint_eq(bench.base.client.own_budget.request_count, rows[i].request_count);
    }
    finish(&bench);
}
END_TEST

START_TEST(an_outage_does_not_end_what_is_in_force)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /task", .status = 200, .body = DOCUMENT("ONE", "2013-05-24T01:00:00Z")},
        {.target = "GET /task", .status = 403},
        {.target = "GET /task", .status = 403},
        {.target = "GET /task", .status = 403},
    };
    struct chain_bench bench = {0};
    start(&bench, script, 4);
    use_container(&bench);
    ck_assert_int_eq(get(&bench), VFL_OK);
    bench.base.offset_ms = 50 * 60 * 1000;
    ck_assert_int_eq(get(&bench), VFL_OK);
    ck_assert_int_eq(get(&bench), VFL_OK);
    ck_assert_uint_eq(bench.base.client.own_budget.request_count,
                      2); /* not again within the minute */
    bench.base.offset_ms = 52 * 60 * 1000;
    ck_assert_int_eq(get(&bench), VFL_OK);
    ck_assert_uint_eq(bench.base.client.own_budget.request_count, 3);
    bench.base.offset_ms = HOUR_MS;
    ck_assert_int_eq(get(&bench), VFL_DENIED);
    finish(&bench);
}
END_TEST

/* The metadata service may be out for hours; AWS takes its credentials as long. */
START_TEST(instance_credentials_outlive_their_end_in_an_outage)
{
    static const struct scripted_exchange script[] = {
        {.target = "PUT /latest/api/token", .status = 200, .body = "T"},
        {.target = "GET /latest/meta-data/iam/security-credentials/", .status = 200, .body = "r"},
        {.target = "GET /latest/meta-data/iam/security-credentials/r",
         .status = 200,
         .body = DOCUMENT("INSTANCE", "2013-05-24T01:00:00Z")},
    };
    struct chain_bench bench = {0};
    start(&bench, script, 3);
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", scripted_server_url(bench.base.server));
    ck_assert_msg(get(&bench) == VFL_OK, "%s", bench.err.text);
    identity_bench_set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1");
    bench.base.offset_ms = 5 * HOUR_MS;
    ck_assert_msg(get(&bench) == VFL_OK, "%s", bench.err.text);
    ck_assert_str_eq(bench.credentials->access_key_id, "INSTANCE");
    uint64_t asked_count = bench.base.client.own_budget.request_count;
    bench.base.offset_ms += 16 * 60 * 1000;
    ck_assert_int_eq(get(&bench), VFL_OK);
    ck_assert_uint_eq(bench.base.client.own_budget.request_count, asked_count);
    bench.base.offset_ms += 10 * 60 * 1000;
    ck_assert_int_eq(get(&bench), VFL_OK);
    ck_assert_uint_gt(bench.base.client.own_budget.request_count, asked_count);
    finish(&bench);
}
END_TEST

START_TEST(credentials_that_come_expired_are_refused)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /task", .status = 200, .body = DOCUMENT("OLD", "2013-05-23T23:59:59Z")}};
    struct chain_bench bench = {0};
    start(&bench, script, 1);
    use_container(&bench);
    ck_assert_int_eq(get(&bench), VFL_DENIED);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "container credentials: the credentials have "
                                                 "expired"));
    finish(&bench);
}
END_TEST

START_TEST(credentials_without_an_end_are_looked_up_each_time)
{
    struct chain_bench bench = {0};
    start(&bench, NULL, 0);
    identity_bench_set("AWS_ACCESS_KEY_ID", "AKIAFIRST");
    identity_bench_set("AWS_SECRET_ACCESS_KEY", "hush");
    ck_assert_int_eq(get(&bench), VFL_OK);
    ck_assert(!vfl_credential_chain_renew(&bench.chain));
    identity_bench_set("AWS_ACCESS_KEY_ID", "AKIASECOND");
    ck_assert(vfl_credential_chain_renew(&bench.chain));
    ck_assert_int_eq(get(&bench), VFL_OK);
    ck_assert_str_eq(bench.credentials->access_key_id, "AKIASECOND");
    identity_bench_set("AWS_ACCESS_KEY_ID", NULL);
    ck_assert(!vfl_credential_chain_renew(&bench.chain));
    ck_assert_int_eq(get(&bench), VFL_CONFIG);
    finish(&bench);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        sources_are_asked_in_their_order,
        a_source_that_fails_stops_the_chain,
        credentials_are_kept_until_they_near_their_end,
        an_outage_does_not_end_what_is_in_force,
        instance_credentials_outlive_their_end_in_an_outage,
        credentials_that_come_expired_are_refused,
        credentials_without_an_end_are_looked_up_each_time,
    };
    return RUN_SUITE("credentials_chain", cases);
}
