/* Whether and when to repeat a request. Pure: time and chance are arguments. Any thread may use the
 * quota and the chance.
 *
 * Source: "Retry behavior" in the AWS SDKs and Tools reference guide (standard mode). */
#ifndef VFL_AWS_RETRY_H
#define VFL_AWS_RETRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define VFL_RETRY_MAX_ATTEMPTS 3 /* the first one included */
#define VFL_RETRY_QUOTA_TOKENS 500

enum vfl_retry_class {
    VFL_RETRY_NEVER,
    VFL_RETRY_TRANSIENT,
    VFL_RETRY_THROTTLED,
    VFL_RETRY_EXPIRED_TOKEN, /* once, after new credentials */
    VFL_RETRY_CLOCK,         /* once, with the corrected clock */
    VFL_RETRY_MAYBE_CLOCK,   /* the same, but only if the clock is known to be wrong */
};

/* Of an answer; code is its error code, "" when it has none. */
enum vfl_retry_class vfl_retry_classify(int status_code, const char *code);

/* What repeating may cost in all, shared by every request of one client, so that a broken service
 * is not hammered. */
struct vfl_retry_quota {
    atomic_int tokens;
};

/* False, with nothing taken, when the quota is used up. *ret_cost is for vfl_retry_quota_return. */
bool vfl_retry_quota_take(struct vfl_retry_quota *quota, enum vfl_retry_class class, int *ret_cost);
/* After a success; cost of the last repetition, 0 when there was none. */
void vfl_retry_quota_return(struct vfl_retry_quota *quota, int cost);

/* Full jitter: chance (0 to 1) of the exponential delay before repetition number retry_index
 * (0, 1, ...). retry_after is the x-amz-retry-after header ("" when absent, milliseconds): it can
 * make the delay longer, by 5 seconds at most. */
int64_t vfl_retry_delay_ms(enum vfl_retry_class class, unsigned retry_index, double chance,
                           const char *retry_after);

/* The next number from 0 to below 1; state is any seed. Not for secrets. */
double vfl_retry_chance(_Atomic uint64_t *state);

#endif
