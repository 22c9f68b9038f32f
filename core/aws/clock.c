#include "core/aws/clock.h"

#include <stddef.h>
#include <time.h>

#define SLICE_MS 50

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0)
        return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_epoch_ms(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

int64_t vfl_clock_monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_monotonic_ms(void *ctx)
{
    (void)ctx;
    return vfl_clock_monotonic_ms();
}

static void system_wait_ms(void *ctx, int64_t duration_ms, const atomic_bool *cancelled)
{
    int64_t end_ms = system_monotonic_ms(ctx) + duration_ms;
    while (cancelled == NULL || !atomic_load(cancelled)) {
        int64_t left_ms = end_ms - system_monotonic_ms(ctx);
        if (left_ms <= 0)
            return;
        if (left_ms > SLICE_MS)
            left_ms = SLICE_MS;
        struct timespec slice = {.tv_nsec = left_ms * 1000000};
        (void)nanosleep(&slice, NULL);
    }
}

struct vfl_clock vfl_clock_system(void)
{
    return (struct vfl_clock){system_epoch_ms, system_monotonic_ms, system_wait_ms, NULL};
}
