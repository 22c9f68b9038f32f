#include "core/aws/retry.h"

#include <stddef.h>
#include <string.h>

#define MAX_DELAY_MS 20000
#define MAX_SERVER_EXTRA_MS 5000
#define TRANSIENT_BASE_MS 50
#define THROTTLED_BASE_MS 1000
#define TRANSIENT_COST 14
#define THROTTLED_COST 5

enum vfl_retry_class vfl_retry_classify(int status_code, const char *code)
{
    static const struct {
        const char *code;
        enum vfl_retry_class class;
    } known[] = {
        {"Throttling", VFL_RETRY_THROTTLED},
        {"ThrottlingException", VFL_RETRY_THROTTLED},
        {"ThrottledException", VFL_RETRY_THROTTLED},
        {"RequestThrottledException", VFL_RETRY_THROTTLED},
        {"RequestThrottled", VFL_RETRY_THROTTLED},
        {"TooManyRequestsException", VFL_RETRY_THROTTLED},
        {"RequestLimitExceeded", VFL_RETRY_THROTTLED},
        {"EC2ThrottledException", VFL_RETRY_THROTTLED},
        {"SlowDown", VFL_RETRY_THROTTLED},
        {"BandwidthLimitExceeded", VFL_RETRY_THROTTLED},
        {"LimitExceededException", VFL_RETRY_THROTTLED},
        {"ProvisionedThroughputExceededException", VFL_RETRY_THROTTLED},
        {"TransactionInProgressException", VFL_RETRY_THROTTLED},
        {"PriorRequestNotComplete", VFL_RETRY_THROTTLED},
        {"RequestTimeout", VFL_RETRY_TRANSIENT},
        {"RequestTimeoutException", VFL_RETRY_TRANSIENT},
        {"InternalError", VFL_RETRY_TRANSIENT},
        {"InternalFailure", VFL_RETRY_TRANSIENT},
        {"ServiceUnavailable", VFL_RETRY_TRANSIENT},
        {"IDPCommunicationError", VFL_RETRY_TRANSIENT},
        {"BadDigest", VFL_RETRY_TRANSIENT},
        {"ExpiredToken", VFL_RETRY_EXPIRED_TOKEN},
        {"ExpiredTokenException", VFL_RETRY_EXPIRED_TOKEN},
        {"InvalidToken", VFL_RETRY_EXPIRED_TOKEN},
        {"RequestTimeTooSkewed", VFL_RETRY_CLOCK},
        {"RequestExpired", VFL_RETRY_CLOCK},
        {"RequestInTheFuture", VFL_RETRY_CLOCK},
        {"SignatureDoesNotMatch", VFL_RETRY_MAYBE_CLOCK},
        {"InvalidSignatureException", VFL_RETRY_MAYBE_CLOCK},
        {"AuthFailure", VFL_RETRY_MAYBE_CLOCK},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(code, known[i].code) == 0)
            return known[i].class;
    switch (status_code) {
    case 429:
        return VFL_RETRY_THROTTLED;
    case 500:
    case 502:
    case 503:
    case 504:
    case 509:
        return VFL_RETRY_TRANSIENT;
    default:
        return VFL_RETRY_NEVER;
    }
}

bool vfl_retry_quota_take(struct vfl_retry_quota *quota, enum vfl_retry_class class, int *ret_cost)
{
    int cost = class == VFL_RETRY_THROTTLED ? THROTTLED_COST : TRANSIENT_COST;
    int tokens = atomic_load(&quota->tokens);
    do {
        if (tokens < cost)
            return false;
    } while (!atomic_compare_exchange_weak(&quota->tokens, &tokens, tokens - cost));
    *ret_cost = cost;
    return true;
}

void vfl_retry_quota_return(struct vfl_retry_quota *quota, int cost)
{
    int tokens = atomic_load(&quota->tokens);
    int more;
    do {
        more = tokens + (cost > 0 ? cost : 1);
        if (more > VFL_RETRY_QUOTA_TOKENS)
            more = VFL_RETRY_QUOTA_TOKENS;
    } while (!atomic_compare_exchange_weak(&quota->tokens, &tokens, more));
}

/* -1 for anything but a plain number; a number too large to matter is cut. */
static int64_t read_milliseconds(const char *text)
{
    int64_t value = 0;
    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        if (value < 1000000000)
            value = value * 10 + (*text - '0');
    }
    return value;
}

int64_t vfl_retry_delay_ms(enum vfl_retry_class class, unsigned retry_index, double chance,
                           const char *retry_after)
{
    int64_t ceiling_ms = class == VFL_RETRY_THROTTLED ? THROTTLED_BASE_MS : TRANSIENT_BASE_MS;
    for (unsigned i = 0; i < retry_index && ceiling_ms < MAX_DELAY_MS; i++)
        ceiling_ms *= 2;
    if (ceiling_ms > MAX_DELAY_MS)
        ceiling_ms = MAX_DELAY_MS;
    int64_t delay_ms = (int64_t)(chance * (double)ceiling_ms);
    int64_t wanted_ms = read_milliseconds(retry_after);
    if (wanted_ms > delay_ms + MAX_SERVER_EXTRA_MS)
        wanted_ms = delay_ms + MAX_SERVER_EXTRA_MS;
    return wanted_ms > delay_ms ? wanted_ms : delay_ms;
}

/* The SplitMix64 generator. */
double vfl_retry_chance(_Atomic uint64_t *state)
{
    const uint64_t step = 0x9e3779b97f4a7c15u;
    uint64_t z = atomic_fetch_add(state, step) + step;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) / 9007199254740992.0;
}
