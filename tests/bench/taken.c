/* Runs a program and writes down what it took: "cpu_seconds wall_seconds peak_kib status".
 *
 *   taken FILE PROGRAM [ARGUMENT...]
 *
 * Linux gives a process the peak memory of the one that it was forked from. This one is small,
 * where the Python that asks is not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int fail(const char *what)
{
    fprintf(stderr, "taken: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: taken FILE PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    double started_s = now_s();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(fail(argv[2]));
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return fail("fork");
    double wall_s = now_s() - started_s;
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    FILE *out = fopen(argv[1], "w");
    if (out == NULL)
        return fail(argv[1]);
    fprintf(out, "%.6f %.6f %ld %d\n", seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
            wall_s, usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128);
    return fclose(out) == 0 ? 0 : fail(argv[1]);
}
