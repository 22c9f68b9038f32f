#include "core/aws/clock_skew.h"

#include "core/aws/client.h"
#include "tests/fake/scripted_server.h"
#include "tests/unit/run_suite.h"

#define EPOCH_S 1767225600 /* 2026-01-01T00:00:00Z */
#define MAX_ATTEMPTS 4
#define REFUSED(code) "<Error><Code>" code "</Code></Error>"

/* One attempt; times are seconds after EPOCH_S, by our clock. */
struct skew_attempt {
    int64_t sent_s, received_s;
    const char *signed_date; /* what x-amz-date must be */
    int status;
    const char *code;
    const char *headers;
};

/* The rules that the AWS SDKs share, one row a rule; attempts of one row are of one client. A new
 * call begins where the attempt before was answered for good. */
struct skew_case {
    const char *name;
    struct skew_attempt attempts[MAX_ATTEMPTS];
    enum vfl_status outcomes[MAX_ATTEMPTS]; /* of the calls */
    size_t call_count;
    int64_t skew_s; /* in the end */
};

static const struct skew_case cases_of_clocks[] = {
    {"clocks agree",
     {{0, 2, "20260101T000000Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:00:01 GMT\r\n"}},
     {VFL_OK},
     1,
     0},
    {"28: a definite refusal is repeated, and the skew kept for the next call",
     {{0, 2, "20260101T000000Z", 403, REFUSED("RequestTimeTooSkewed"),
       "Date: Thu, 01 Jan 2026 00:05:01 GMT\r\n"},
      {2, 4, "20260101T000502Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:05:03 GMT\r\n"},
      {60, 62, "20260101T000600Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:06:01 GMT\r\n"}},
     {VFL_OK, VFL_OK},
     2,
     300},
    {"28: 20 minutes off",
     {{0, 2, "20260101T000000Z", 403, REFUSED("RequestTimeTooSkewed"),
       "Date: Wed, 31 Dec 2025 23:40:01 GMT\r\n"},
      {2, 4, "20251231T234002Z", 200, NULL, "Date: Wed, 31 Dec 2025 23:40:03 GMT\r\n"}},
     {VFL_OK},
     1,
     -1200},
    {"28: a date that jumps is followed once",
     {{0, 2, "20260101T000000Z", 403, REFUSED("RequestTimeTooSkewed"),
       "Date: Thu, 01 Jan 2026 00:20:01 GMT\r\n"},
      {2, 4, "20260101T002002Z", 403, REFUSED("RequestTimeTooSkewed"),
       "Date: Thu, 01 Jan 2026 00:00:03 GMT\r\n"}},
     {VFL_DENIED},
     1,
     0},
    {"an answer too long under way tells nothing",
     {{0, 960, "20260101T000000Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:10:00 GMT\r\n"},
      {1020, 1022, "20260101T001700Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:22:01 GMT\r\n"}},
     {VFL_OK, VFL_OK},
     2,
     300},
    {"an old skew is corrected by any answer",
     {{0, 2, "20260101T000000Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:05:01 GMT\r\n"},
      {2, 4, "20260101T000502Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:00:03 GMT\r\n"}},
     {VFL_OK, VFL_OK},
     2,
     0},
    {"a possible refusal with a small skew stands, and the skew is kept",
     {{0, 2, "20260101T000000Z", 400, REFUSED("InvalidSignatureException"),
       "Date: Thu, 01 Jan 2026 00:02:01 GMT\r\n"}},
     {VFL_DENIED},
     1,
     120},
    {"a possible refusal with a large skew is repeated",
     {{0, 2, "20260101T000000Z", 400, REFUSED("InvalidSignatureException"),
       "Date: Thu, 01 Jan 2026 00:05:01 GMT\r\n"},
      {2, 4, "20260101T000502Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:05:03 GMT\r\n"}},
     {VFL_OK},
     1,
     300},
    {"28: no date",
     {{0, 2, "20260101T000000Z", 403, REFUSED("RequestTimeTooSkewed"), ""}},
     {VFL_DENIED},
     1,
     0},
    {"28: a date that is none",
     {{0, 2, "20260101T000000Z", 403, REFUSED("RequestTimeTooSkewed"), "Date: 2026-01-01\r\n"}},
     {VFL_DENIED},
     1,
     0},
    {"an answer of a cache tells nothing",
     {{0, 2, "20260101T000000Z", 200, NULL,
       "Date: Wed, 31 Dec 2025 19:12:01 GMT\r\nAge: 17280\r\n"},
      {10, 12, "20260101T000010Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:05:11 GMT\r\n"}},
     {VFL_OK, VFL_OK},
     2,
     300},
    {"an answer of a cache does not spoil the next",
     {{0, 2, "20260101T000000Z", 200, NULL,
       "Date: Wed, 31 Dec 2025 19:12:01 GMT\r\nAge: 17280\r\n"},
      {10, 12, "20260101T000010Z", 200, NULL, "Date: Thu, 01 Jan 2026 00:00:11 GMT\r\n"}},
     {VFL_OK, VFL_OK},
     2,
     0},
};

/* A clock that is read when a request is signed and when its answer has come. */
struct scripted_clock {
    const struct skew_case *row;
    size_t read_count; /* the first one is the client's seed */
};

static int64_t epoch_ms(void *ctx)
{
    struct scripted_clock *clock = ctx;
    size_t index = clock->read_count++;
    if (index == 0)
        return 0;
    ck_assert_uint_le(index, 2 * MAX_ATTEMPTS);
    const struct skew_attempt *attempt = &clock->row->attempts[(index - 1) / 2];
    return (EPOCH_S + (index % 2 == 1 ? attempt->sent_s : attempt->received_s)) * 1000;
}

static int64_t monotonic_ms(void *ctx)
{
    struct vfl_clock clock = vfl_clock_system();
    (void)ctx;
    return clock.now_monotonic_ms(clock.ctx);
}

static void no_wait(void *ctx, int64_t duration_ms, const atomic_bool *cancelled)
{
    (void)ctx;
    (void)duration_ms;
    (void)cancelled;
    ck_abort_msg("a wrong clock is no reason to wait");
}

static enum vfl_status call_once(struct vfl_aws_client *client, const struct vfl_endpoint *endpoint)
{
    char id[] = "AKIAIOSFODNN7EXAMPLE", secret[] = "secret";
    const struct vfl_credentials credentials = {.access_key_id = id, .secret_access_key = secret};
    struct vfl_aws_reply reply;
    const struct vfl_aws_call call = {
        .service = "s3",
        .region = "eu-west-1",
        .endpoint = endpoint,
        .method = "GET",
        .path = VFL_SPAN_LITERAL("/k"),
        .max_body_bytes = 1000,
        .timeout_ms = 10000,
    };
    vfl_aws_reply_init(&reply);
    enum vfl_status st = vfl_aws_client_call(client, &call, &credentials, &reply, NULL);
    vfl_aws_reply_fini(&reply);
    return st;
}

static void run_case(const struct skew_case *row)
{
    struct scripted_clock clock = {.row = row};
    struct scripted_exchange script[MAX_ATTEMPTS];
    size_t attempt_count = 0;
    struct vfl_aws_client client;
    struct vfl_endpoint endpoint;
    for (; attempt_count < MAX_ATTEMPTS && row->attempts[attempt_count].status != 0;
         attempt_count++) {
        const struct skew_attempt *attempt = &row->attempts[attempt_count];
        script[attempt_count] = (struct scripted_exchange){.target = "GET /k",
                                                           .status = attempt->status,
                                                           .body = attempt->code,
                                                           .headers = attempt->headers,
                                                           .contains = {attempt->signed_date}};
    }
    struct scripted_server *server = scripted_server_start(script, attempt_count);
    const struct vfl_aws_client_options options = {
        .clock = {epoch_ms, monotonic_ms, no_wait, &clock}};
    ck_assert_int_eq(vfl_aws_client_init(&client, &options, NULL), VFL_OK);
    ck_assert_int_eq(vfl_endpoint_parse(scripted_server_url(server), "url", &endpoint, NULL),
                     VFL_OK);
    for (size_t i = 0; i < row->call_count; i++)
        ck_assert_msg(call_once(&client, &endpoint) == row->outcomes[i], "%s: call %zu", row->name,
                      i);
    ck_assert_msg(client.own_budget.clock_skew_ms == row->skew_s * 1000, "%s: %lld ms", row->name,
                  (long long)client.own_budget.clock_skew_ms);
    vfl_aws_client_fini(&client);
    scripted_server_finish(server);
}

START_TEST(wrong_clocks_are_corrected_by_the_shared_rules)
{
    for (size_t i = 0; i < sizeof cases_of_clocks / sizeof cases_of_clocks[0]; i++)
        run_case(&cases_of_clocks[i]);
}
END_TEST

START_TEST(a_refusal_is_blamed_on_the_clock_by_its_kind)
{
    static const struct {
        enum vfl_retry_class class;
        int64_t used_ms, told_ms;
        bool expected;
    } rows[] = {
        {VFL_RETRY_CLOCK, 0, 1000, true},
        {VFL_RETRY_MAYBE_CLOCK, 0, 239999, false},
        {VFL_RETRY_MAYBE_CLOCK, 0, 240000, true},
        {VFL_RETRY_MAYBE_CLOCK, 0, -240000, true},
        {VFL_RETRY_MAYBE_CLOCK, 600000, 600000, false}, /* it was signed with that already */
        {VFL_RETRY_TRANSIENT, 0, 600000, false},
        {VFL_RETRY_NEVER, 0, 600000, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(vfl_clock_skew_explains(rows[i].class, rows[i].used_ms, rows[i].told_ms) ==
                          rows[i].expected,
                      "row %zu", i);
}
END_TEST

START_TEST(a_sample_that_cannot_be_trusted_leaves_the_skew_alone)
{
    static const char date[] = "Thu, 01 Jan 2026 00:05:00 GMT";
    static const struct {
        struct vfl_clock_sample sample;
        int64_t expected_ms; /* 7: untouched */
    } rows[] = {
        {{EPOCH_S * 1000LL, EPOCH_S * 1000LL, date, ""}, 300000},
        {{EPOCH_S * 1000LL, EPOCH_S * 1000LL + 60000, date, ""}, 270000},
        {{EPOCH_S * 1000LL, EPOCH_S * 1000LL + 60001, date, ""}, 7},
        {{EPOCH_S * 1000LL, EPOCH_S * 1000LL - 1, date, ""}, 7},
        {{EPOCH_S * 1000LL, EPOCH_S * 1000LL, date, "0"}, 7},
        {{EPOCH_S * 1000LL, EPOCH_S * 1000LL, "", ""}, 7},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t skew_ms = 7;
        ck_assert(vfl_clock_skew_read(&rows[i].sample, &skew_ms) == (rows[i].expected_ms != 7));
        ck_assert_int_eq(skew_ms, rows[i].expected_ms);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        wrong_clocks_are_corrected_by_the_shared_rules,
        a_refusal_is_blamed_on_the_clock_by_its_kind,
        a_sample_that_cannot_be_trusted_leaves_the_skew_alone,
    };
    return RUN_SUITE("clock_skew", cases);
}
