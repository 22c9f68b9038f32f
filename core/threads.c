#ifdef __linux__
#define _GNU_SOURCE /* CPU_COUNT, pthread_setname_np */
#endif
#include "core/threads.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Tried out: a request over TLS runs in 48 KiB and not in 24. The rest is for sanitizers, and for
 * thread-local storage of the host, which is taken from the stack as well. */
#define STACK_BYTES (256u * 1024)
/* About a third of the share of a thread at 0, and everything that nobody else wants. */
#define NICE_STEP 5

struct start {
    void *(*body)(void *ctx);
    void *ctx;
};

unsigned vfl_threads_core_count(void)
{
#ifdef __linux__
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) > 0)
        return (unsigned)CPU_COUNT(&cores);
#endif
    /* More cores than the set has room for, or another system. */
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (unsigned)count;
}

/* On Linux a nice value belongs to the thread, and 0 is the calling one (sched(7)). Elsewhere this
 * would slow the host down. */
static void give_way(void)
{
#ifdef __linux__
    (void)pthread_setname_np(pthread_self(), "flowlogs-reader");
    (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE_STEP);
#endif
}

static void *run(void *ctx)
{
    struct start start = *(struct start *)ctx;
    free(ctx);
    give_way();
    return start.body(start.ctx);
}

/* A signal for the process must not be handled on our stack. Faults stay open: they are of the
 * thread that makes them, and the host may have a handler that reports them. */
static void block_signals(sigset_t *ret_before)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
    sigset_t signals;
    (void)sigfillset(&signals);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        (void)sigdelset(&signals, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &signals, ret_before);
}

bool vfl_threads_start(pthread_t *ret_thread, void *(*body)(void *ctx), void *ctx)
{
    pthread_attr_t attributes;
    sigset_t before;
    struct start *start = malloc(sizeof *start);
    if (start == NULL || pthread_attr_init(&attributes) != 0) {
        free(start);
        return false;
    }
    *start = (struct start){body, ctx};
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    block_signals(&before); /* inherited by the new thread */
    int failure = pthread_create(ret_thread, &attributes, run, start);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (failure != 0)
        free(start);
    return failure == 0;
}
