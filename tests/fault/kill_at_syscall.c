/* Runs a program and kills it with SIGKILL when it, in any of its threads, begins or ends its N-th
 * system call: between two of them nothing changes that outlives the process.
 *
 *   kill_at_syscall N REPORT PROGRAM [ARGUMENT...]
 *
 * N counts beginnings and ends from 1; 0 kills nothing. At the end two numbers go to file REPORT:
 * how many there were, and how many before the first write to standard error. Exit status: the
 * program's own, 128 + 9 when it was killed, 77 when tracing is not allowed here. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_SKIPPED 77
#define EXIT_KILLED (128 + SIGKILL)
#define SYSCALL_STOP (SIGTRAP | 0x80) /* with PTRACE_O_TRACESYSGOOD */

static unsigned long stop_count;
static unsigned long count_before_log;

static void look_at(pid_t thread)
{
    struct __ptrace_syscall_info info;
    stop_count++;
    if (count_before_log == 0 && ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) > 0 &&
        info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_write &&
        info.entry.args[0] == STDERR_FILENO)
        count_before_log = stop_count;
}

/* Returns the exit status to end with. */
static int trace(pid_t child, unsigned long kill_at)
{
    int status = 0;
    for (;;) {
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0 && errno == EINTR)
            continue;
        if (thread < 0)
            return EXIT_FAILURE;
        if (thread == child && WIFEXITED(status))
            return WEXITSTATUS(status);
        if (thread == child && WIFSIGNALED(status))
            return 128 + WTERMSIG(status);
        if (!WIFSTOPPED(status))
            continue;
        int number = WSTOPSIG(status);
        if (number == SYSCALL_STOP) {
            look_at(thread);
            if (stop_count == kill_at)
                (void)kill(child, SIGKILL);
        }
        /* Stops of the tracer's own making are not passed on. */
        bool is_own = number == SYSCALL_STOP || number == SIGTRAP || number == SIGSTOP;
        (void)ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(long)(is_own ? 0 : number));
    }
}

static bool write_report(const char *path)
{
    FILE *report = fopen(path, "w");
    if (report == NULL)
        return false;
    bool is_written = fprintf(report, "%lu %lu\n", stop_count, count_before_log) > 0;
    return fclose(report) == 0 && is_written;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        (void)fprintf(stderr, "usage: kill_at_syscall N REPORT PROGRAM [ARGUMENT...]\n");
        return EXIT_FAILURE;
    }
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(EXIT_SKIPPED);
        (void)raise(SIGSTOP);
        (void)execv(argv[3], &argv[3]);
        _exit(EXIT_FAILURE);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return EXIT_FAILURE;
    if (!WIFSTOPPED(status))
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options) != 0 ||
        ptrace(PTRACE_SYSCALL, child, NULL, NULL) != 0) {
        (void)kill(child, SIGKILL);
        return EXIT_SKIPPED;
    }
    int result = trace(child, strtoul(argv[1], NULL, 10));
    return write_report(argv[2]) ? result : EXIT_FAILURE;
}
