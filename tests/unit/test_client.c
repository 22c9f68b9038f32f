#include "core/aws/client.h"

#include <stdio.h>

#include "tests/fake/scripted_server.h"
#include "tests/unit/run_suite.h"

struct client_bench {
    struct scripted_server *server;
    struct vfl_aws_client client;
    struct vfl_endpoint endpoint;
    struct vfl_aws_reply reply;
    struct vfl_error err;
    int64_t waited_ms;
    unsigned wait_count;
};

static int64_t epoch_ms(void *ctx)
{
    (void)ctx;
    return 1369353600000; /* 2013-05-24 */
}

static int64_t monotonic_ms(void *ctx)
{
    struct vfl_clock clock = vfl_clock_system();
    (void)ctx;
    return clock.now_monotonic_ms(clock.ctx);
}

static void note_wait(void *ctx, int64_t duration_ms, const atomic_bool *cancelled)
{
    struct client_bench *bench = ctx;
    (void)cancelled;
    bench->waited_ms += duration_ms;
    bench->wait_count++;
}

static void start(struct client_bench *bench, const struct scripted_exchange *script, size_t count)
{
    bench->server = scripted_server_start(script, count);
    const struct vfl_aws_client_options options = {
        .clock = {epoch_ms, monotonic_ms, note_wait, bench},
        .http = {.low_speed_s = 1},
    };
    ck_assert_int_eq(vfl_aws_client_init(&bench->client, &options, NULL), VFL_OK);
    ck_assert_int_eq(
        vfl_endpoint_parse(scripted_server_url(bench->server), "url", &bench->endpoint, NULL),
        VFL_OK);
    vfl_aws_reply_init(&bench->reply);
}

static void finish(struct client_bench *bench)
{
    vfl_aws_reply_fini(&bench->reply);
    vfl_aws_client_fini(&bench->client);
    scripted_server_finish(bench->server);
}

static enum vfl_status call_with(struct client_bench *bench, struct vfl_aws_call call,
                                 const char *token)
{
    char id[] = "AKIAIOSFODNN7EXAMPLE", secret[] = "secret", token_text[64] = "";
    if (token != NULL)
        memcpy(token_text, token, strlen(token) + 1);
    const struct vfl_credentials credentials = {id, secret, token == NULL ? NULL : token_text, 0};
    call.service = "s3";
    call.region = "eu-west-1";
    call.endpoint = &bench->endpoint;
    call.method = "GET";
    call.path = VFL_SPAN_LITERAL("/k");
    call.max_body_bytes = 1000;
    call.timeout_ms = 10000;
    return vfl_aws_client_call(&bench->client, &call, &credentials, &bench->reply, &bench->err);
}

START_TEST(faults_are_repeated_by_their_class)
{
    static const struct {
        const char *name;
        struct scripted_exchange exchange;
        unsigned attempts;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {"internal error", {.status = 500}, 3, VFL_RETRY, "HTTP 500"},
        {"23: slow down",
         {.status = 503, .body = "<Error><Code>SlowDown</Code><Message>m</Message></Error>"},
         3,
         VFL_RETRY,
         "HTTP 503 SlowDown: m"},
        {"24: throttled with 400",
         {.status = 400, .body = "<E><Error><Code>Throttling</Code></Error></E>"},
         3,
         VFL_RETRY,
         "HTTP 400 Throttling"},
        {"not implemented", {.status = 501}, 1, VFL_RETRY, "HTTP 501"},
        {"denied",
         {.status = 403,
          .body = "<Error><Code>AccessDenied</Code></Error>",
          .headers = "x-amz-request-id: R1\r\n"},
         1,
         VFL_DENIED,
         "HTTP 403 AccessDenied (request R1)"},
        {"signature refused, clock right",
         {.status = 403,
          .body = "<Error><Code>SignatureDoesNotMatch</Code></Error>",
          .headers = "Date: Fri, 24 May 2013 00:03:59 GMT\r\n"},
         1,
         VFL_DENIED,
         "SignatureDoesNotMatch"},
        {"a captive portal's redirection",
         {.status = 302, .body = "\r\n<!DOCTYPE HTML><title>Guests</title>"},
         1,
         VFL_CONFIG,
         "HTTP 302 with a web page in place of an answer of 127.0.0.1"},
        {"a proxy forbids, which is no word of AWS",
         {.status = 403, .body = "<html>blocked</html>"},
         1,
         VFL_CONFIG,
         "a proxy or a captive portal"},
        {"a proxy does not find, which is no absence",
         {.status = 404, .body = "<HTML>"},
         1,
         VFL_CONFIG,
         "a proxy or a captive portal"},
        {"a gateway that will be back", {.status = 502, .body = "<html>"}, 3, VFL_RETRY, "portal"},
        {"a gateway that is busy", {.status = 429, .body = "<html>"}, 3, VFL_RETRY, "portal"},
        {"a gateway that lost patience", {.status = 408, .body = "<html>"}, 1, VFL_RETRY, "portal"},
        {"a web page of AWS itself",
         {.status = 403, .body = "<html>", .headers = "x-amzn-RequestId: R1\r\n"},
         1,
         VFL_DENIED,
         "HTTP 403 (request R1)"},
        {"not found", {.status = 404}, 1, VFL_NOT_FOUND, "HTTP 404"},
        {"bad request", {.status = 400}, 1, VFL_CONFIG, "HTTP 400"},
        {"18: redirect", {.status = 302}, 1, VFL_CONFIG, "HTTP 302"},
        {"no length twice",
         {.raw = "HTTP/1.1 200 OK\r\n\r\nx", .is_closed = true},
         2,
         VFL_RETRY,
         "length"},
        {"6: negative length",
         {.raw = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", .is_closed = true},
         1,
         VFL_FORMAT,
         "Invalid Content-Length"},
        {"8: NUL in a header",
         {.raw = "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n",
          .raw_size = 47,
          .is_closed = true},
         1,
         VFL_FORMAT,
         "Nul byte"},
        {"8: not HTTP", {.raw = "hello\r\n\r\n", .is_closed = true}, 1, VFL_FORMAT, "HTTP/1.1"},
        {"56: text with control characters",
         {.status = 403, .body = "<Error><Code>X</Code><Message>a&#10;\xc2\x9b</Message></Error>"},
         1,
         VFL_DENIED,
         "HTTP 403 X: a\\x0a\\xc2\\x9b"},
        {"56: elements that quote the signature",
         {.status = 403,
          .body = "<Error><Code>SignatureDoesNotMatch</Code><Message>m</Message>"
                  "<AWSAccessKeyId>AKIAQUOTED</AWSAccessKeyId><StringToSign>AWS4</StringToSign>"
                  "<CanonicalRequest>x-amz-security-token:hush</CanonicalRequest></Error>"},
         1,
         VFL_DENIED,
         "HTTP 403 SignatureDoesNotMatch: m"},
        {"56: quotes the secret",
         {.status = 400, .body = "<Error><Code>V</Code><Message>bad 'hush'</Message></Error>"},
         1,
         VFL_CONFIG,
         "HTTP 400 V: (text withheld: it quotes a secret)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client_bench bench = {0};
        struct scripted_exchange script[3];
        for (unsigned attempt = 0; attempt < rows[i].attempts; attempt++) {
            script[attempt] = rows[i].exchange;
            script[attempt].target = "GET /k";
            script[attempt].contains[0] = "x-amz-date: 20130524T000";
        }
        start(&bench, script, rows[i].attempts);
        enum vfl_status st = call_with(&bench, (struct vfl_aws_call){.withheld = "hush"}, NULL);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        ck_assert_ptr_null(strstr(bench.err.text, "AKIAQUOTED"));
        ck_assert_ptr_null(strstr(bench.err.text, "hush"));
        ck_assert_uint_eq(bench.wait_count, rows[i].attempts - 1);
        ck_assert_uint_eq(bench.client.own_budget.request_count, rows[i].attempts);
        finish(&bench);
    }
}
END_TEST

/* 15: the pauses, the last word with a remedy, and a look-up that works again. */
START_TEST(a_name_that_does_not_resolve_is_asked_for_again)
{
    struct client_bench bench = {0};
    const struct scripted_exchange script[] = {{.target = "GET /k", .status = 200}};
    start(&bench, script, 1);
    const struct vfl_endpoint working = bench.endpoint;
    (void)memset(bench.endpoint.host, 'a', 64); /* no label is that long */
    (void)memcpy(bench.endpoint.host + 64, ".test", 6);
    bench.endpoint.is_loopback = false;
    ck_assert_int_eq(setenv("no_proxy", "*", 1), 0);
    ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){0}, NULL), VFL_RETRY);
    ck_assert_msg(strstr(bench.err.text, "check DNS and the endpoint") != NULL, "%s",
                  bench.err.text);
    ck_assert_uint_eq(bench.client.own_budget.request_count, 3);
    ck_assert_uint_eq(bench.wait_count, 2);
    bench.endpoint = working;
    ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){0}, NULL), VFL_OK);
    ck_assert_int_eq(unsetenv("no_proxy"), 0);
    finish(&bench);
}
END_TEST

/* Who asks for a diagnosis waits for one answer, not for three times the longest wait. */
START_TEST(a_limit_of_the_call_holds_for_all_its_attempts)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /k", .status = 500},
        {.target = "GET /k", .raw = "HTTP/1.1 200 OK\r\n", .is_stalled = true},
    };
    struct client_bench bench = {0};
    start(&bench, script, 2);
    bench.client.own_budget.call_limit_ms = 600;
    ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){0}, NULL), VFL_RETRY);
    char expected[400];
    (void)snprintf(expected, sizeof expected, "no answer from %s within 1 s", bench.endpoint.host);
    ck_assert_str_eq(bench.err.text, expected);
    ck_assert_uint_eq(bench.client.own_budget.request_count, 2);
    ck_assert_uint_eq(bench.wait_count, 1);
    scripted_server_release(bench.server);
    finish(&bench);
}
END_TEST

/* The doctor says how long it waits at most; a server's wish to wait longer ends the call. */
START_TEST(no_pause_outlasts_the_limit_of_the_call)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /k", .status = 503, .headers = "x-amz-retry-after: 5000\r\n"},
    };
    struct client_bench bench = {0};
    start(&bench, script, 1);
    bench.client.own_budget.call_limit_ms = 2000;
    ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){0}, NULL), VFL_RETRY);
    ck_assert_uint_eq(bench.client.own_budget.request_count, 1);
    ck_assert_int_eq(bench.waited_ms, 0);
    finish(&bench);
}
END_TEST

START_TEST(an_empty_quota_stops_repeating)
{
    static const struct scripted_exchange script[] = {{.target = "GET /k", .status = 500},
                                                      {.target = "GET /k", .status = 500},
                                                      {.target = "GET /k", .status = 200}};
    struct client_bench bench = {0};
    start(&bench, script, 3);
    bench.client.own_budget.quota.tokens = 14;
    ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){0}, NULL), VFL_RETRY);
    ck_assert_int_eq(bench.client.own_budget.quota.tokens, 0);
    ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){0}, NULL), VFL_OK);
    ck_assert_int_eq(bench.client.own_budget.quota.tokens, 1);
    finish(&bench);
}
END_TEST

static enum vfl_status swallow(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    size_t *byte_count = ctx;
    (void)err;
    *byte_count += chunk.len;
    return VFL_OK;
}

START_TEST(nothing_is_repeated_once_bytes_were_passed_on)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /k",
         .raw = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
         .is_closed = true},
    };
    struct client_bench bench = {0};
    size_t byte_count = 0;
    start(&bench, script, 1);
    ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){.sink = {swallow, &byte_count}}, NULL),
                     VFL_RETRY);
    ck_assert_uint_eq(byte_count, 4);
    finish(&bench);
}
END_TEST

START_TEST(a_line_break_never_reaches_a_header)
{
    static const struct vfl_sigv4_pair header[] = {
        {{"x-amz-meta", 10}, {"a\r\nX-Evil: 1", 12}},
    };
    struct client_bench bench = {0};
    start(&bench, NULL, 0);
    ck_assert_int_eq(
        call_with(&bench, (struct vfl_aws_call){.headers = header, .header_count = 1}, NULL),
        VFL_CONFIG);
    ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){0}, "tok\nen"), VFL_CONFIG);
    ck_assert_ptr_nonnull(strstr(bench.err.text, "x-amz-security-token"));
    ck_assert_ptr_null(strstr(bench.err.text, "tok\\x0a"));
    finish(&bench);
}
END_TEST

START_TEST(the_clock_is_learnt_from_fresh_answers_only)
{
    static const struct {
        const char *headers;
        int64_t expected_ms;
    } rows[] = {
        {"Date: Fri, 24 May 2013 00:10:00 GMT\r\n", 600000},
        {"Date: Thu, 23 May 2013 23:50:00 GMT\r\n", -600000},
        {"Date: Fri, 24 May 2013 00:10:00 GMT\r\nAge: 600\r\n", 0},
        {"Date: garbage\r\n", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct scripted_exchange script[] = {
            {.target = "GET /k", .status = 200, .headers = rows[i].headers}};
        struct client_bench bench = {0};
        start(&bench, script, 1);
        ck_assert_int_eq(call_with(&bench, (struct vfl_aws_call){0}, NULL), VFL_OK);
        /* The midpoint of the exchange is some milliseconds before its end. */
        ck_assert_int_ge(bench.client.own_budget.clock_skew_ms, rows[i].expected_ms);
        ck_assert_int_lt(bench.client.own_budget.clock_skew_ms, rows[i].expected_ms + 5000);
        finish(&bench);
    }
}
END_TEST

static int64_t around_midnight_ms(void *ctx)
{
    static int64_t reading;
    (void)ctx;
    return INT64_C(1369439999000) + 1000 * reading++; /* 2013-05-24T23:59:59Z */
}

/* The date's day and the scope's are of one reading, or the signature is refused once a day. */
START_TEST(midnight_cannot_fall_between_date_and_scope)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /k",
         .status = 200,
         .contains = {"x-amz-date: 20130524T235959Z\r\n",
                      "Credential=AKIAIOSFODNN7EXAMPLE/20130524/eu-west-1/s3/"}}};
    struct client_bench bench = {0};
    start(&bench, script, 1);
    bench.client.clock.now_epoch_ms = around_midnight_ms;
    ck_assert_msg(call_with(&bench, (struct vfl_aws_call){0}, NULL) == VFL_OK, "%s",
                  bench.err.text);
    finish(&bench);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        faults_are_repeated_by_their_class,
        a_name_that_does_not_resolve_is_asked_for_again,
        a_limit_of_the_call_holds_for_all_its_attempts,
        no_pause_outlasts_the_limit_of_the_call,
        an_empty_quota_stops_repeating,
        nothing_is_repeated_once_bytes_were_passed_on,
        a_line_break_never_reaches_a_header,
        the_clock_is_learnt_from_fresh_answers_only,
        midnight_cannot_fall_between_date_and_scope,
    };
    return RUN_SUITE("client", cases);
}
