#ifdef __linux__
#define _GNU_SOURCE /* sched_setaffinity */
#endif
#include "core/threads.h"

#include <sched.h>

#include "tests/unit/run_suite.h"

START_TEST(cores_are_those_of_the_cpuset)
{
    ck_assert_uint_ge(vfl_threads_core_count(), 1);
#ifdef __linux__
    cpu_set_t before, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof before, &before), 0);
    ck_assert_uint_eq(vfl_threads_core_count(), CPU_COUNT(&before));
    int core = 0;
    while (!CPU_ISSET(core, &before))
        core++;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    ck_assert_uint_eq(vfl_threads_core_count(), 1);
    ck_assert_int_eq(sched_setaffinity(0, sizeof before, &before), 0);
#endif
}
END_TEST

static void *answer(void *ctx)
{
    *(int *)ctx = 42;
    return ctx;
}

START_TEST(a_thread_runs_its_body)
{
    pthread_t thread;
    int value = 0;
    void *result = NULL;
    ck_assert(vfl_threads_start(&thread, answer, &value));
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_int_eq(value, 42);
    ck_assert_ptr_eq(result, &value);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {cores_are_those_of_the_cpuset, a_thread_runs_its_body};
    return RUN_SUITE("threads", cases);
}
