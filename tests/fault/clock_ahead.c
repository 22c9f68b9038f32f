/* Preloaded into the host: its wall clock is CLOCK_AHEAD_S seconds ahead. Pauses of bad objects,
 * which last up to hours, are over for such a process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int (*clock_function)(clockid_t, struct timespec *);

static clock_function real;
static time_t ahead_s;

__attribute__((constructor)) static void look_up(void)
{
    void *address = dlsym(RTLD_NEXT, "clock_gettime");
    memcpy(&real, &address, sizeof real);
    const char *text = getenv("CLOCK_AHEAD_S");
    ahead_s = text == NULL ? 0 : (time_t)strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (real == NULL) /* called by another library's constructor */
        look_up();
    int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += ahead_s;
    return result;
}
