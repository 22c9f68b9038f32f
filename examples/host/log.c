#include "examples/host/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_progress_shown;

static const char *level_name(int level)
{
    switch (level) {
    case STACKSTATE_CHECK_LOG_TRACE:
        return "TRACE";
    case STACKSTATE_CHECK_LOG_DEBUG:
        return "DEBUG";
    case STACKSTATE_CHECK_LOG_INFO:
        return "INFO";
    case STACKSTATE_CHECK_LOG_WARNING:
        return "WARNING";
    case STACKSTATE_CHECK_LOG_ERROR:
        return "ERROR";
    case STACKSTATE_CHECK_LOG_CRITICAL:
        return "CRITICAL";
    default:
        return "LOG";
    }
}

static void clear_progress(void)
{
    if (is_progress_shown)
        (void)fputs("\r\033[K", stderr);
    is_progress_shown = false;
}

void vfl_log(int level, const char *origin, const char *format, ...)
{
    char message[8192];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    for (char *c = message; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';

    struct timespec now;
    struct tm utc;
    char stamp[32] = "";
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &utc) != NULL)
        (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)pthread_mutex_lock(&log_mutex);
    clear_progress();
    (void)fprintf(stderr, "%s.%03ldZ %-8s %s: %s\n", stamp, now.tv_nsec / 1000000,
                  level_name(level), origin == NULL ? "host" : origin, message);
    (void)pthread_mutex_unlock(&log_mutex);
}

void vfl_log_progress(const char *text)
{
    (void)pthread_mutex_lock(&log_mutex);
    clear_progress();
    if (text != NULL) {
        (void)fputs(text, stderr);
        is_progress_shown = true;
    }
    (void)fflush(stderr);
    (void)pthread_mutex_unlock(&log_mutex);
}
