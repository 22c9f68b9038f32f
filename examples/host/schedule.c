#include "examples/host/schedule.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "examples/host/callbacks.h"
#include "examples/host/log.h"

#define ERROR_SIZE 1024
#define STOP_LIMIT_MS 3000
/* No host can see the moment in which its call has arrived in run, and a teardown before it would
 * free what run is about to use. A callback proves the arrival; without one, this is long enough.
 */
#define ARRIVAL_MS 100

struct worker {
    struct vfl_schedule *schedule;
    struct vfl_session session;
    struct stackstate_check *check;
    unsigned interval_s;
    pthread_t thread;
    bool is_started;
    /* under the schedule's mutex */
    bool is_running;
    long long run_started_ms;
    bool has_ended;
    bool has_failed;
};

struct vfl_schedule {
    const struct vfl_options *options;
    const struct vfl_library *library;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_stopping;
    bool has_ended;
    bool is_watched;
    pthread_t watch_thread;
    pthread_t main_thread;
    struct worker *workers;
    size_t worker_count;
};

static long long monotonic_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct timespec timespec_of(long long time_ms)
{
    return (struct timespec){.tv_sec = (time_t)(time_ms / 1000),
                             .tv_nsec = (long)(time_ms % 1000) * 1000000};
}

/* SIGUSR1 is how a worker that has ended wakes the main thread. */
static void fill_signals(sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGUSR1);
}

void vfl_schedule_block_signals(void)
{
    sigset_t signals;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    fill_signals(&signals);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    /* A reader that goes away must be an error to report, not a silent end. */
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static enum vfl_status add_worker(struct vfl_schedule *schedule, struct vfl_agent *agent,
                                  const char *init_config, const struct vfl_conf_instance *instance,
                                  struct vfl_error *err)
{
    struct worker *worker = &schedule->workers[schedule->worker_count];
    const struct vfl_options *options = schedule->options;
    worker->schedule = schedule;
    worker->interval_s = options->interval_s > 0 ? options->interval_s : instance->interval_s;
    worker->session.agent = agent;
    (void)snprintf(worker->session.check_id, sizeof worker->session.check_id, "%s:%zu",
                   schedule->library->name, schedule->worker_count);
    if (options->output == VFL_OUTPUT_TEXT || options->output == VFL_OUTPUT_DOT) {
        worker->session.landscape = vfl_landscape_new();
        if (worker->session.landscape == NULL)
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for an instance");
    }
    schedule->worker_count++;
    char message[ERROR_SIZE] = "";
    vfl_session_set_phase(&worker->session, VFL_PHASE_CONFIGURE);
    int result = schedule->library->configure(vfl_callbacks_table(agent), worker->session.check_id,
                                              init_config, instance->yaml, &worker->check, message,
                                              sizeof message);
    vfl_session_set_phase(NULL, VFL_PHASE_IDLE);
    if (result != 0)
        return vfl_error_set(err, VFL_CONFIG, "%s: instances[%zu]: the check refused: %s",
                             options->conf_path, schedule->worker_count - 1,
                             message[0] == '\0' ? "without a message" : message);
    return VFL_OK;
}

enum vfl_status vfl_schedule_new(const struct vfl_options *options,
                                 const struct vfl_library *library, const struct vfl_conf *conf,
                                 struct vfl_agent *agent, struct vfl_schedule **ret_schedule,
                                 struct vfl_error *err)
{
    struct vfl_schedule *schedule = calloc(1, sizeof *schedule);
    struct worker *workers = calloc(conf->instance_count, sizeof *workers);
    pthread_condattr_t attributes;
    if (schedule == NULL || workers == NULL) {
        free(schedule);
        free(workers);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the schedule");
    }
    schedule->options = options;
    schedule->library = library;
    schedule->workers = workers;
    schedule->main_thread = pthread_self();
    (void)pthread_mutex_init(&schedule->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&schedule->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < conf->instance_count; i++) {
        enum vfl_status st =
            add_worker(schedule, agent, conf->init_config, &conf->instances[i], err);
        if (st != VFL_OK) {
            vfl_schedule_free(schedule);
            return st;
        }
    }
    *ret_schedule = schedule;
    return VFL_OK;
}

static bool begin_run(struct worker *worker)
{
    struct vfl_schedule *schedule = worker->schedule;
    (void)pthread_mutex_lock(&schedule->mutex);
    bool may_run = !schedule->is_stopping;
    worker->is_running = may_run;
    worker->run_started_ms = monotonic_ms();
    atomic_store(&worker->session.has_called, false);
    (void)pthread_mutex_unlock(&schedule->mutex);
    return may_run;
}

/* Returns true when the run was interrupted by a stop. */
static bool end_run(struct worker *worker)
{
    struct vfl_schedule *schedule = worker->schedule;
    (void)pthread_mutex_lock(&schedule->mutex);
    worker->is_running = false;
    bool is_stopping = schedule->is_stopping;
    (void)pthread_cond_broadcast(&schedule->wake);
    (void)pthread_mutex_unlock(&schedule->mutex);
    return is_stopping;
}

static void run_once(struct worker *worker)
{
    struct vfl_session *session = &worker->session;
    char message[ERROR_SIZE] = "";
    struct vfl_error err = {0};
    if (session->landscape != NULL)
        vfl_landscape_begin_run(session->landscape);
    session->run_count++;
    vfl_session_set_phase(session, VFL_PHASE_RUN);
    int result = worker->schedule->library->run(worker->check, message, sizeof message);
    vfl_session_set_phase(NULL, VFL_PHASE_IDLE);
    double duration_s = (double)(monotonic_ms() - worker->run_started_ms) / 1000;
    bool is_interrupted = end_run(worker);

    if (result != 0 && message[0] == '\0')
        (void)snprintf(message, sizeof message, "without a message");
    if (result != 0)
        vfl_log(is_interrupted ? STACKSTATE_CHECK_LOG_INFO : STACKSTATE_CHECK_LOG_ERROR,
                session->check_id, "run %lu failed: %s", session->run_count, message);
    if (result != 0 && (!is_interrupted || worker->schedule->options->run_limit > 0))
        worker->has_failed = true;
    struct vfl_run_report report = {
        .check_id = session->check_id,
        .run_number = session->run_count,
        .duration_s = duration_s,
        .failure = result == 0 ? NULL : message,
    };
    if (vfl_session_end_run(session, &report, &err) != VFL_OK)
        vfl_session_fault(session->agent, session->check_id, &err);
}

/* False: a stop came. */
static bool wait_until(struct vfl_schedule *schedule, long long due_ms)
{
    struct timespec due = timespec_of(due_ms);
    (void)pthread_mutex_lock(&schedule->mutex);
    int result = 0;
    while (!schedule->is_stopping && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&schedule->wake, &schedule->mutex, &due);
    bool may_go_on = !schedule->is_stopping;
    (void)pthread_mutex_unlock(&schedule->mutex);
    return may_go_on;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct vfl_schedule *schedule = worker->schedule;
    unsigned long run_limit = schedule->options->run_limit;
    while (begin_run(worker)) {
        run_once(worker);
        if (run_limit > 0 && worker->session.run_count == run_limit)
            break;
        /* A run that took longer than the interval is followed at once, never overlapped. */
        if (!wait_until(schedule, worker->run_started_ms + (long long)worker->interval_s * 1000))
            break;
    }
    if (run_limit > 0 && worker->session.run_count < run_limit)
        worker->has_failed = true;
    (void)pthread_mutex_lock(&schedule->mutex);
    worker->has_ended = true;
    (void)pthread_mutex_unlock(&schedule->mutex);
    (void)pthread_kill(schedule->main_thread, SIGUSR1);
    return NULL;
}

static bool have_all_ended(struct vfl_schedule *schedule)
{
    bool have_ended = true;
    (void)pthread_mutex_lock(&schedule->mutex);
    for (size_t i = 0; i < schedule->worker_count; i++)
        have_ended =
            have_ended && (schedule->workers[i].has_ended || !schedule->workers[i].is_started);
    (void)pthread_mutex_unlock(&schedule->mutex);
    return have_ended;
}

/* One line about the run that has been going on for longest, if that is a while. */
static void show_progress(struct vfl_schedule *schedule)
{
    long long now_ms = monotonic_ms();
    struct worker *longest = NULL;
    (void)pthread_mutex_lock(&schedule->mutex);
    for (size_t i = 0; i < schedule->worker_count; i++) {
        struct worker *worker = &schedule->workers[i];
        if (worker->is_running && now_ms - worker->run_started_ms >= 1000 &&
            (longest == NULL || worker->run_started_ms < longest->run_started_ms))
            longest = worker;
    }
    char text[200] = "";
    if (longest != NULL)
        (void)snprintf(text, sizeof text, "%s: running for %lld s, %lu components, %lu relations",
                       longest->session.check_id, (now_ms - longest->run_started_ms) / 1000,
                       atomic_load(&longest->session.call_counts[VFL_CALL_COMPONENT]),
                       atomic_load(&longest->session.call_counts[VFL_CALL_RELATION]));
    (void)pthread_mutex_unlock(&schedule->mutex);
    vfl_log_progress(longest == NULL ? NULL : text);
}

/* Returns the signal that asks for the end, or 0 when all workers have ended. */
static int wait_for_end(struct vfl_schedule *schedule)
{
    sigset_t signals;
    bool is_terminal = isatty(STDERR_FILENO) != 0;
    const struct timespec second = {.tv_sec = 1};
    fill_signals(&signals);
    int number = 0;
    while (!have_all_ended(schedule)) {
        number = is_terminal ? sigtimedwait(&signals, NULL, &second) : sigwaitinfo(&signals, NULL);
        if (number == SIGINT || number == SIGTERM)
            break;
        if (is_terminal)
            show_progress(schedule);
        number = 0;
    }
    if (is_terminal)
        vfl_log_progress(NULL);
    return number;
}

/* Ends the process when the end takes too long: a run may hang in a callback, on output that nobody
 * reads. */
static void *watch_the_end(void *argument)
{
    static const char text[] = "check-host: the check did not end in time\n";
    struct vfl_schedule *schedule = argument;
    (void)pthread_mutex_lock(&schedule->mutex);
    struct timespec due = timespec_of(monotonic_ms() + STOP_LIMIT_MS);
    int result = 0;
    while (!schedule->has_ended && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&schedule->wake, &schedule->mutex, &due);
    bool has_ended = schedule->has_ended;
    (void)pthread_mutex_unlock(&schedule->mutex);
    if (has_ended)
        return NULL;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written; /* when this fails, nobody is left to tell */
    _exit(1);
}

/* Waits until a run that is in progress has certainly arrived, or has ended. */
static void await_arrival(struct worker *worker)
{
    struct vfl_schedule *schedule = worker->schedule;
    (void)pthread_mutex_lock(&schedule->mutex);
    struct timespec due = timespec_of(worker->run_started_ms + ARRIVAL_MS);
    int result = 0;
    while (worker->is_running && !atomic_load(&worker->session.has_called) && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&schedule->wake, &schedule->mutex, &due);
    (void)pthread_mutex_unlock(&schedule->mutex);
}

static void tear_down(struct worker *worker)
{
    if (worker->check == NULL)
        return;
    await_arrival(worker);
    vfl_session_set_phase(&worker->session, VFL_PHASE_TEARDOWN);
    worker->schedule->library->teardown(worker->check);
    vfl_session_set_phase(NULL, VFL_PHASE_IDLE);
    worker->check = NULL;
}

static void stop(struct vfl_schedule *schedule, int number)
{
    vfl_log(STACKSTATE_CHECK_LOG_INFO, NULL, "%s: ending the check",
            number == SIGINT ? "interrupted" : "terminated");
    schedule->is_watched =
        pthread_create(&schedule->watch_thread, NULL, watch_the_end, schedule) == 0;
    (void)pthread_mutex_lock(&schedule->mutex);
    schedule->is_stopping = true;
    (void)pthread_cond_broadcast(&schedule->wake);
    (void)pthread_mutex_unlock(&schedule->mutex);
    for (size_t i = 0; i < schedule->worker_count; i++)
        tear_down(&schedule->workers[i]);
}

static void end_watch(struct vfl_schedule *schedule)
{
    if (!schedule->is_watched)
        return;
    (void)pthread_mutex_lock(&schedule->mutex);
    schedule->has_ended = true;
    (void)pthread_cond_broadcast(&schedule->wake);
    (void)pthread_mutex_unlock(&schedule->mutex);
    (void)pthread_join(schedule->watch_thread, NULL);
}

bool vfl_schedule_run(struct vfl_schedule *schedule)
{
    bool is_good = true;
    for (size_t i = 0; i < schedule->worker_count; i++) {
        struct worker *worker = &schedule->workers[i];
        worker->is_started = pthread_create(&worker->thread, NULL, work, worker) == 0;
        if (!worker->is_started) {
            vfl_log(STACKSTATE_CHECK_LOG_ERROR, worker->session.check_id, "cannot start a thread");
            is_good = false;
        }
    }
    int number = wait_for_end(schedule);
    if (number != 0)
        stop(schedule, number);
    for (size_t i = 0; i < schedule->worker_count; i++) {
        struct worker *worker = &schedule->workers[i];
        if (worker->is_started && pthread_join(worker->thread, NULL) != 0)
            is_good = false;
        is_good = is_good && !worker->has_failed;
        tear_down(worker);
    }
    end_watch(schedule);
    return is_good;
}

size_t vfl_schedule_session_count(const struct vfl_schedule *schedule)
{
    return schedule->worker_count;
}

struct vfl_session *vfl_schedule_session(struct vfl_schedule *schedule, size_t index)
{
    return &schedule->workers[index].session;
}

void vfl_schedule_free(struct vfl_schedule *schedule)
{
    if (schedule == NULL)
        return;
    for (size_t i = 0; i < schedule->worker_count; i++) {
        tear_down(&schedule->workers[i]);
        vfl_session_fini(&schedule->workers[i].session);
    }
    (void)pthread_cond_destroy(&schedule->wake);
    (void)pthread_mutex_destroy(&schedule->mutex);
    free(schedule->workers);
    free(schedule);
}
