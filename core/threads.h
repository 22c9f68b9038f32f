/* Threads as the check makes them, and how many cores it may use. The only home of what is not
 * POSIX about them. */
#ifndef VFL_THREADS_H
#define VFL_THREADS_H

#include <pthread.h>
#include <stdbool.h>

/* Cores that this process may run on: its cpuset counts, a container's quota of time does not. At
 * least 1. */
unsigned vfl_threads_core_count(void);

/* Starts a thread that gives way to the host: a small stack, a lower priority than the caller's
 * where threads have one of their own, and none of the host's signals. Joined by the caller. False:
 * there can be no more threads. */
bool vfl_threads_start(pthread_t *ret_thread, void *(*body)(void *ctx), void *ctx);

#endif
