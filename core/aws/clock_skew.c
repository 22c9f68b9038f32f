#include "core/aws/clock_skew.h"

#include "core/aws/timestamp.h"

#define MIN_REMARKABLE_SKEW_MS (4 * 60 * 1000)
#define MAX_TRUSTED_ROUND_TRIP_MS 60000

bool vfl_clock_skew_read(const struct vfl_clock_sample *sample, int64_t *ret_skew_ms)
{
    int64_t date_epoch_s;
    int64_t round_trip_ms = sample->received_epoch_ms - sample->sent_epoch_ms;
    if (sample->age[0] != '\0' || round_trip_ms < 0 || round_trip_ms > MAX_TRUSTED_ROUND_TRIP_MS)
        return false;
    if (!vfl_timestamp_parse_http(vfl_span_from_string(sample->date), &date_epoch_s))
        return false;
    *ret_skew_ms = date_epoch_s * 1000 - (sample->sent_epoch_ms + round_trip_ms / 2);
    return true;
}

bool vfl_clock_skew_explains(enum vfl_retry_class class, int64_t used_skew_ms, int64_t skew_ms)
{
    int64_t change_ms = skew_ms - used_skew_ms;
    if (class == VFL_RETRY_CLOCK)
        return true;
    /* A wrong secret looks the same: only a clock that is far off excuses it. */
    return class == VFL_RETRY_MAYBE_CLOCK &&
           (change_ms >= MIN_REMARKABLE_SKEW_MS || change_ms <= -MIN_REMARKABLE_SKEW_MS);
}
