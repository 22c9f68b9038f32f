#include "core/aws/credential_source.h"

#include <stdio.h>

#include "tests/fake/identity_bench.h"
#include "tests/unit/run_suite.h"

#define ROLE_ARN "arn:aws:iam::123456789012:role/AgentPod"
#define FAULT(code)                                                                                \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code>"                               \
    "<Message>no good: first.token</Message></Error></ErrorResponse>"
#define GRANTED                                                                                    \
    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><AssumedRoleUser>"        \
    "<Arn>arn:aws:sts::123456789012:assumed-role/AgentPod/x</Arn></AssumedRoleUser><Credentials>"  \
    "<AccessKeyId>ASIAWEBIDENTITY</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>"            \
    "<SessionToken>web+session==</SessionToken><Expiration>2013-05-24T00:30:00Z</Expiration>"      \
    "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"

static void start(struct identity_bench *bench, const struct scripted_exchange *script,
                  size_t count)
{
    identity_bench_start(bench, script, count);
    identity_bench_set("AWS_ROLE_ARN", ROLE_ARN);
    identity_bench_set("AWS_WEB_IDENTITY_TOKEN_FILE",
                       identity_bench_write(bench, "token", "first.token\n", 0600));
}

static enum vfl_status fetch(struct identity_bench *bench)
{
    return identity_bench_fetch(bench, vfl_credentials_web_identity(&bench->surroundings));
}

START_TEST(a_token_becomes_a_session_without_a_signature)
{
    static const struct scripted_exchange script[] = {
        {.target = "POST /",
         .status = 200,
         .body = GRANTED,
         .contains = {"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3A"
                      "iam%3A%3A123456789012%3Arole%2FAgentPod&RoleSessionName="
                      "stackstate-aws-flowlogs&WebIdentityToken=first.token",
                      "content-type: application/x-www-form-urlencoded; charset=utf-8"},
         .lacks = {"uthorization", "x-amz-", "DurationSeconds", "%0A"}},
        {.target = "POST /",
         .status = 200,
         .body = GRANTED,
         .contains = {"&RoleSessionName=pod-7&WebIdentityToken=second%20token"}},
    };
    struct identity_bench bench = {0};
    start(&bench, script, 2);
    ck_assert_msg(fetch(&bench) == VFL_OK, "%s", bench.err.text);
    ck_assert(bench.is_found);
    ck_assert_str_eq(bench.credentials.access_key_id, "ASIAWEBIDENTITY");
    ck_assert_str_eq(bench.credentials.session_token, "web+session==");
    ck_assert_int_eq(bench.credentials.expires_epoch_s, BENCH_EPOCH_S + 1800);
    /* What runs the container has written a new token. */
    (void)identity_bench_write(&bench, "token", "second token", 0600);
    identity_bench_set("AWS_ROLE_SESSION_NAME", "pod-7");
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    identity_bench_finish(&bench);
}
END_TEST

START_TEST(only_the_file_makes_it_a_source)
{
    struct identity_bench bench = {0};
    start(&bench, NULL, 0);
    identity_bench_set("AWS_WEB_IDENTITY_TOKEN_FILE", NULL);
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(!bench.is_found);
    identity_bench_finish(&bench);
}
END_TEST

START_TEST(a_broken_set_up_stops_the_chain)
{
    static const struct {
        const char *name;
        const char *role_arn, *session_name;
        const char *token; /* NULL: no file; "folder": a folder */
        const char *text;
    } rows[] = {
        {"no role", NULL, NULL, "t", "AWS_ROLE_ARN is not the ARN of a role"},
        {"not an ARN", "AgentPod", NULL, "t", "AWS_ROLE_ARN is not the ARN of a role"},
        {"session name", ROLE_ARN, "a b", "t", "AWS_ROLE_SESSION_NAME has to be"},
        {"short session name", ROLE_ARN, "a", "t", "AWS_ROLE_SESSION_NAME has to be"},
        {"33: no file", ROLE_ARN, NULL, NULL, "does not exist"},
        {"33: empty", ROLE_ARN, NULL, "", "is empty"},
        {"33: a line break only", ROLE_ARN, NULL, "\r\n", "is empty"},
        {"33: two lines", ROLE_ARN, NULL, "a\nb", "has a line break"},
        {"33: a folder", ROLE_ARN, NULL, "folder", "is not a regular file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        start(&bench, NULL, 0);
        identity_bench_set("AWS_ROLE_ARN", rows[i].role_arn);
        identity_bench_set("AWS_ROLE_SESSION_NAME", rows[i].session_name);
        if (rows[i].token == NULL)
            identity_bench_set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
        else if (strcmp(rows[i].token, "folder") == 0)
            identity_bench_set("AWS_WEB_IDENTITY_TOKEN_FILE", bench.home);
        else
            (void)identity_bench_write(&bench, "token", rows[i].token, 0600);
        enum vfl_status st = fetch(&bench);
        ck_assert_msg(st == VFL_CONFIG, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        identity_bench_finish(&bench);
    }
}
END_TEST

START_TEST(a_token_may_have_twenty_thousand_bytes)
{
    static char token[VFL_WEB_IDENTITY_MAX_TOKEN_BYTES + 2];
    static const struct scripted_exchange script[] = {
        {.target = "POST /", .status = 200, .body = GRANTED}};
    struct identity_bench bench = {0};
    memset(token, '%', sizeof token - 1);
    token[VFL_WEB_IDENTITY_MAX_TOKEN_BYTES] = '\0';
    start(&bench, script, 1);
    (void)identity_bench_write(&bench, "token", token, 0600);
    ck_assert_msg(fetch(&bench) == VFL_OK, "%s", bench.err.text);
    token[VFL_WEB_IDENTITY_MAX_TOKEN_BYTES] = '%';
    (void)identity_bench_write(&bench, "token", token, 0600);
    ck_assert_int_eq(fetch(&bench), VFL_CONFIG);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "is larger than 20000 bytes"));
    identity_bench_finish(&bench);
}
END_TEST

START_TEST(refusals_of_sts_say_what_to_change)
{
    static const struct {
        const char *name;
        struct scripted_exchange exchange;
        size_t count;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {"29: trust policy",
         {.status = 403, .body = FAULT("AccessDenied")},
         1,
         VFL_DENIED,
         "the role's trust policy admits this service account"},
        {"33: expired token",
         {.status = 400, .body = FAULT("ExpiredTokenException")},
         1,
         VFL_DENIED,
         "check what renews the token file"},
        {"33: unknown issuer",
         {.status = 400, .body = FAULT("InvalidIdentityToken")},
         1,
         VFL_CONFIG,
         "identity provider of the role's account"},
        {"rejected",
         {.status = 403, .body = FAULT("IDPRejectedClaim")},
         1,
         VFL_DENIED,
         "the identity provider rejects the token"},
        {"provider not reachable",
         {.status = 400, .body = FAULT("IDPCommunicationError")},
         3,
         VFL_RETRY,
         "IDPCommunicationError"},
        {"24: throttled", {.status = 400, .body = FAULT("Throttling")}, 3, VFL_RETRY, "Throttling"},
        {"STS switched off",
         {.status = 403, .body = FAULT("RegionDisabledException")},
         1,
         VFL_DENIED,
         "STS is switched off in region eu-west-1"},
        {"18: redirect",
         {.status = 301, .headers = "Location: http://127.0.0.1:1/\r\n"},
         1,
         VFL_CONFIG,
         "HTTP 301"},
        {"21: portal", {.status = 200, .body = "<html></html>"}, 2, VFL_RETRY, "HTTP 200"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        struct scripted_exchange script[3];
        for (size_t k = 0; k < 3; k++) {
            script[k] = rows[i].exchange;
            script[k].target = "POST /";
        }
        start(&bench, script, rows[i].count);
        enum vfl_status st = fetch(&bench);
        ck_assert_msg(st == rows[i].expected, "%s: %d %s", rows[i].name, st, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        ck_assert_msg(strstr(bench.err.text, "first.token") == NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        identity_bench_finish(&bench);
    }
}
END_TEST

/* 27, 30, 31: answers with status 200 that must not be believed. */
START_TEST(a_grant_is_checked)
{
    static const struct {
        const char *name, *arn, *secret, *token, *expiration;
        enum vfl_status expected;
        int64_t expires_epoch_s;
    } rows[] = {
        {"good", "arn:aws:sts::123456789012:assumed-role/x/y", "s", "t", "2013-05-24T00:30:00Z",
         VFL_OK, BENCH_EPOCH_S + 1800},
        {"27: year 9999", "arn:aws:sts::123456789012:assumed-role/x/y", "s", "t",
         "9999-12-31T23:59:59Z", VFL_OK, BENCH_EPOCH_S + 3600},
        {"27: over already", "arn:aws:sts::123456789012:assumed-role/x/y", "s", "t",
         "2013-05-23T23:59:59Z", VFL_CONFIG, 0},
        {"27: no time", "arn:aws:sts::123456789012:assumed-role/x/y", "s", "t", "soon", VFL_CONFIG,
         0},
        {"30: another account", "arn:aws:sts::999999999999:assumed-role/x/y", "s", "t",
         "2013-05-24T00:30:00Z", VFL_CONFIG, 0},
        {"31: empty secret", "arn:aws:sts::123456789012:assumed-role/x/y", "", "t",
         "2013-05-24T00:30:00Z", VFL_CONFIG, 0},
        {"31: no session token", "arn:aws:sts::123456789012:assumed-role/x/y", "s", "",
         "2013-05-24T00:30:00Z", VFL_CONFIG, 0},
        {"32: line break in the token", "arn:aws:sts::123456789012:assumed-role/x/y", "s",
         "t&#13;&#10;X-Evil: 1", "2013-05-24T00:30:00Z", VFL_CONFIG, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        char body[2048];
        (void)snprintf(body, sizeof body,
                       "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
                       "<AssumedRoleUser><Arn>%s</Arn></AssumedRoleUser><Credentials>"
                       "<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>%s</SecretAccessKey>"
                       "<SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>"
                       "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
                       rows[i].arn, rows[i].secret, rows[i].token, rows[i].expiration);
        const struct scripted_exchange script[] = {
            {.target = "POST /", .status = 200, .body = body}};
        start(&bench, script, 1);
        enum vfl_status st = fetch(&bench);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(bench.credentials.expires_epoch_s == rows[i].expires_epoch_s, "%s",
                      rows[i].name);
        identity_bench_finish(&bench);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        a_token_becomes_a_session_without_a_signature,
        only_the_file_makes_it_a_source,
        a_broken_set_up_stops_the_chain,
        a_token_may_have_twenty_thousand_bytes,
        refusals_of_sts_say_what_to_change,
        a_grant_is_checked,
    };
    return RUN_SUITE("credentials_web_identity", cases);
}
