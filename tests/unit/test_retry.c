#include "core/aws/retry.h"

#include "tests/unit/run_suite.h"

START_TEST(answers_have_their_class)
{
    static const struct {
        int status_code;
        const char *code;
        enum vfl_retry_class expected;
    } rows[] = {
        {503, "SlowDown", VFL_RETRY_THROTTLED},
        {503, "RequestLimitExceeded", VFL_RETRY_THROTTLED},
        {400, "Throttling", VFL_RETRY_THROTTLED},
        {429, "", VFL_RETRY_THROTTLED},
        {500, "", VFL_RETRY_TRANSIENT},
        {502, "", VFL_RETRY_TRANSIENT},
        {503, "ServiceUnavailable", VFL_RETRY_TRANSIENT},
        {504, "", VFL_RETRY_TRANSIENT},
        {400, "RequestTimeout", VFL_RETRY_TRANSIENT},
        {400, "IDPCommunicationError", VFL_RETRY_TRANSIENT},
        {400, "ExpiredToken", VFL_RETRY_EXPIRED_TOKEN},
        {403, "RequestTimeTooSkewed", VFL_RETRY_CLOCK},
        {403, "SignatureDoesNotMatch", VFL_RETRY_MAYBE_CLOCK},
        {403, "AccessDenied", VFL_RETRY_NEVER},
        {404, "NoSuchBucket", VFL_RETRY_NEVER},
        {403, "UnauthorizedOperation", VFL_RETRY_NEVER},
        {400, "", VFL_RETRY_NEVER},
        {501, "", VFL_RETRY_NEVER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(vfl_retry_classify(rows[i].status_code, rows[i].code) == rows[i].expected,
                      "%d %s", rows[i].status_code, rows[i].code);
}
END_TEST

START_TEST(delays_grow_with_full_jitter_and_a_ceiling)
{
    static const struct {
        enum vfl_retry_class class;
        unsigned retry_index;
        double chance;
        const char *retry_after;
        int64_t expected_ms;
    } rows[] = {
        {VFL_RETRY_TRANSIENT, 0, 0.0, "", 0},
        {VFL_RETRY_TRANSIENT, 0, 1.0, "", 50},
        {VFL_RETRY_TRANSIENT, 2, 0.5, "", 100},
        {VFL_RETRY_THROTTLED, 0, 1.0, "", 1000},
        {VFL_RETRY_THROTTLED, 1, 1.0, "", 2000},
        {VFL_RETRY_THROTTLED, 60, 1.0, "", 20000},
        {VFL_RETRY_THROTTLED, 0, 0.0, "1500", 1500},
        {VFL_RETRY_THROTTLED, 0, 1.0, "999999999", 6000},
        {VFL_RETRY_THROTTLED, 0, 1.0, "99999999999999999999999999", 6000},
        {VFL_RETRY_THROTTLED, 0, 1.0, "10", 1000},
        {VFL_RETRY_THROTTLED, 0, 1.0, "-5", 1000},
        {VFL_RETRY_THROTTLED, 0, 1.0, "soon", 1000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(vfl_retry_delay_ms(rows[i].class, rows[i].retry_index, rows[i].chance,
                                         rows[i].retry_after) == rows[i].expected_ms,
                      "row %zu", i);
}
END_TEST

START_TEST(quota_runs_out_and_is_given_back)
{
    struct vfl_retry_quota quota = {VFL_RETRY_QUOTA_TOKENS};
    int cost = 0, count = 0;
    while (vfl_retry_quota_take(&quota, VFL_RETRY_TRANSIENT, &cost))
        count++;
    ck_assert_int_eq(count, 35); /* 500 / 14 */
    ck_assert_int_eq(quota.tokens, 10);
    ck_assert(vfl_retry_quota_take(&quota, VFL_RETRY_THROTTLED, &cost));
    ck_assert_int_eq(cost, 5);
    vfl_retry_quota_return(&quota, cost);
    ck_assert_int_eq(quota.tokens, 10);
    vfl_retry_quota_return(&quota, 0);
    ck_assert_int_eq(quota.tokens, 11);
    quota.tokens = VFL_RETRY_QUOTA_TOKENS;
    vfl_retry_quota_return(&quota, 14);
    ck_assert_int_eq(quota.tokens, VFL_RETRY_QUOTA_TOKENS);
}
END_TEST

START_TEST(chance_stays_below_one_and_varies)
{
    _Atomic uint64_t state = 1;
    double sum = 0;
    for (int i = 0; i < 1000; i++) {
        double chance = vfl_retry_chance(&state);
        ck_assert(chance >= 0.0 && chance < 1.0);
        sum += chance;
    }
    ck_assert(sum > 450 && sum < 550);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        answers_have_their_class,
        delays_grow_with_full_jitter_and_a_ceiling,
        quota_runs_out_and_is_given_back,
        chance_stays_below_one_and_varies,
    };
    return RUN_SUITE("retry", cases);
}
