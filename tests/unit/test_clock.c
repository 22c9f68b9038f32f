#include "core/aws/clock.h"

#include <pthread.h>
#include <stdbool.h>

#include "tests/unit/run_suite.h"

static void *cancel(void *ctx)
{
    atomic_store((atomic_bool *)ctx, true);
    return NULL;
}

START_TEST(a_wait_lasts_as_long_as_asked)
{
    struct vfl_clock clock = vfl_clock_system();
    int64_t start_ms = clock.now_monotonic_ms(clock.ctx);
    clock.wait_ms(clock.ctx, 120, NULL);
    ck_assert_int_ge(clock.now_monotonic_ms(clock.ctx) - start_ms, 120);
    start_ms = clock.now_monotonic_ms(clock.ctx);
    clock.wait_ms(clock.ctx, 0, NULL);
    clock.wait_ms(clock.ctx, -5, NULL);
    ck_assert_int_lt(clock.now_monotonic_ms(clock.ctx) - start_ms, 1000);
}
END_TEST

START_TEST(cancelling_ends_a_wait)
{
    struct vfl_clock clock = vfl_clock_system();
    atomic_bool cancelled = false;
    pthread_t thread;
    int64_t start_ms = clock.now_monotonic_ms(clock.ctx);
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel, &cancelled), 0);
    clock.wait_ms(clock.ctx, 60000, &cancelled);
    ck_assert_int_lt(clock.now_monotonic_ms(clock.ctx) - start_ms, 10000);
    (void)pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {a_wait_lasts_as_long_as_asked, cancelling_ends_a_wait};
    return RUN_SUITE("clock", cases);
}
