/* What an answer tells about this machine's clock. Pure.
 *
 * Source: the rules that the AWS SDKs share for correcting a wrong clock. */
#ifndef VFL_AWS_CLOCK_SKEW_H
#define VFL_AWS_CLOCK_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/aws/retry.h"

/* One exchange, by our own clock; date and age are headers of the answer, "" when absent. */
struct vfl_clock_sample {
    int64_t sent_epoch_ms;
    int64_t received_epoch_ms;
    const char *date;
    const char *age;
};

/* *ret_skew_ms is what to add to our clock to have the server's. False, and *ret_skew_ms is
 * untouched, when the answer cannot be trusted with it: no date, from a cache, or too long under
 * way. */
bool vfl_clock_skew_read(const struct vfl_clock_sample *sample, int64_t *ret_skew_ms);

/* Whether a refusal of this class is worth one more attempt with the skew that its answer told;
 * used_skew_ms is what the refused request was signed with. */
bool vfl_clock_skew_explains(enum vfl_retry_class class, int64_t used_skew_ms, int64_t skew_ms);

#endif
