/* Preloaded into the host, so that a case of several runs decides when each of them happens: the
 * next run begins when a byte comes down the pipe TEST_STEPS_GATE, not after the interval, and both
 * clocks are ahead by as many seconds as the file TEST_STEPS_OFFSET says. An hour's silence takes
 * no hour, and no run sees half of a step. */
#define _DEFAULT_SOURCE /* syscall */

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int64_t offset_s(void)
{
    const char *path = getenv("TEST_STEPS_OFFSET");
    int64_t offset = 0;
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    if (read(fd, &offset, sizeof offset) != (ssize_t)sizeof offset)
        offset = 0;
    (void)close(fd);
    return offset;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ret_time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC))
        ret_time->tv_sec += (time_t)offset_s();
    return result;
}

/* Between two runs the host waits for nothing else. A pipe that is closed ends the wait too. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict due)
{
    static int gate = -1;
    char byte;
    (void)condition;
    (void)due;
    (void)pthread_mutex_unlock(mutex);
    if (gate < 0 && getenv("TEST_STEPS_GATE") != NULL)
        gate = open(getenv("TEST_STEPS_GATE"), O_RDONLY | O_CLOEXEC);
    while (read(gate, &byte, 1) < 0 && errno == EINTR)
        continue;
    (void)pthread_mutex_lock(mutex);
    return ETIMEDOUT;
}
