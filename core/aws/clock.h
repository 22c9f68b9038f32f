/* The two clocks and the wait between attempts, replaceable so that tests need not sleep. */
#ifndef VFL_AWS_CLOCK_H
#define VFL_AWS_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct vfl_clock {
    int64_t (*now_epoch_ms)(void *ctx);
    int64_t (*now_monotonic_ms)(void *ctx);
    /* Ends early, within 100 ms, when *cancelled (may be NULL) becomes true. */
    void (*wait_ms)(void *ctx, int64_t duration_ms, const atomic_bool *cancelled);
    void *ctx;
};

/* The machine's own clocks. */
struct vfl_clock vfl_clock_system(void);

/* The second of them, for who has no other. */
int64_t vfl_clock_monotonic_ms(void);

#endif
