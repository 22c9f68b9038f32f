/* The exported entry points; owns the one instance struct. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "abi/stackstate_check.h"
#include "core/collector.h"
#include "core/config.h"
#include "plugin/agent.h"

#define TEARDOWN_WAIT_S 2

const uint32_t stackstate_check_abi_version = STACKSTATE_CHECK_ABI_VERSION;

struct stackstate_check {
    struct vfl_config config;
    struct vfl_agent agent;
    struct vfl_collector *collector; /* NULL when process_flow_logs is off */
    bool has_told_notices;
    pthread_mutex_t mutex;
    pthread_cond_t run_ended;
    /* guarded by mutex */
    bool is_running;
    bool is_abandoned; /* teardown has returned: the run frees the instance */
};

static int fail(char *error, size_t error_size, const char *text)
{
    if (error != NULL && error_size > 0)
        (void)snprintf(error, error_size, "%s", text);
    return 1;
}

static void free_check(struct stackstate_check *check)
{
    vfl_collector_free(check->collector);
    vfl_agent_fini(&check->agent);
    vfl_config_fini(&check->config);
    (void)pthread_cond_destroy(&check->run_ended);
    (void)pthread_mutex_destroy(&check->mutex);
    free(check);
}

/* Teardown waits on the monotonic clock: a step of the wall clock must not lengthen it. */
static struct stackstate_check *new_check(void)
{
    struct stackstate_check *check = calloc(1, sizeof *check);
    pthread_condattr_t attributes;
    if (check == NULL || pthread_condattr_init(&attributes) != 0) {
        free(check);
        return NULL;
    }
    bool is_ready = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                    pthread_mutex_init(&check->mutex, NULL) == 0;
    if (is_ready && pthread_cond_init(&check->run_ended, &attributes) != 0) {
        (void)pthread_mutex_destroy(&check->mutex);
        is_ready = false;
    }
    (void)pthread_condattr_destroy(&attributes);
    if (!is_ready) {
        free(check);
        return NULL;
    }
    return check;
}

int stackstate_check_configure(const struct stackstate_check_callbacks *callbacks,
                               const char *check_id, const char *init_config, const char *instance,
                               struct stackstate_check **ret_check, char *error, size_t error_size)
{
    struct vfl_error err = {0};
    if (ret_check == NULL)
        return fail(error, error_size, "there is no place for the check");
    struct stackstate_check *check = new_check();
    if (check == NULL)
        return fail(error, error_size, "no memory for the check");
    enum vfl_status st = vfl_config_parse(vfl_span_from_string(init_config),
                                          vfl_span_from_string(instance), &check->config, &err);
    if (st == VFL_OK)
        st = vfl_agent_init(&check->agent, callbacks, check_id, &check->config, &err);
    if (st == VFL_OK && check->config.process_flow_logs) {
        struct vfl_collector_ops ops = vfl_agent_ops(&check->agent);
        st = vfl_collector_new(&check->config, &ops, &check->collector, &err);
    }
    if (st != VFL_OK) {
        free_check(check);
        return fail(error, error_size, err.text);
    }
    *ret_check = check;
    return 0;
}

static void tell_notices(struct stackstate_check *check)
{
    if (check->has_told_notices)
        return;
    check->has_told_notices = true;
    vfl_agent_log(&check->agent, VFL_NOTICE_INFO, "version " VFL_VERSION " of the library");
    for (size_t i = 0; i < check->config.notice_count; i++)
        vfl_agent_log(&check->agent, VFL_NOTICE_WARNING, check->config.notices[i]);
    if (check->collector == NULL)
        vfl_agent_log(&check->agent, VFL_NOTICE_INFO,
                      "process_flow_logs is not true: flow logs are not processed");
    if (check->config.is_dry_run)
        vfl_agent_log(&check->agent, VFL_NOTICE_INFO, "dry_run is on: no object is deleted");
}

static bool enter_run(struct stackstate_check *check)
{
    (void)pthread_mutex_lock(&check->mutex);
    bool is_free = !check->is_running && !check->is_abandoned;
    if (is_free)
        check->is_running = true;
    (void)pthread_mutex_unlock(&check->mutex);
    return is_free;
}

static void leave_run(struct stackstate_check *check)
{
    (void)pthread_mutex_lock(&check->mutex);
    check->is_running = false;
    bool is_abandoned = check->is_abandoned;
    if (!is_abandoned)
        (void)pthread_cond_signal(&check->run_ended);
    (void)pthread_mutex_unlock(&check->mutex);
    if (is_abandoned)
        free_check(check);
}

int stackstate_check_run(struct stackstate_check *check, char *error, size_t error_size)
{
    struct vfl_error err = {0};
    enum vfl_status st = VFL_OK;
    if (check == NULL)
        return fail(error, error_size, "there is no check to run");
    if (!enter_run(check))
        return fail(error, error_size, "the check is running already");
    tell_notices(check);
    if (check->collector != NULL) {
        struct timespec wall = {0};
        struct timespec steady = {0};
        (void)clock_gettime(CLOCK_REALTIME, &wall);
        (void)clock_gettime(CLOCK_MONOTONIC, &steady);
        struct vfl_run_time now = {wall.tv_sec,
                                   (int64_t)steady.tv_sec * 1000 + steady.tv_nsec / 1000000};
        st = vfl_collector_run(check->collector, now, &err);
    }
    leave_run(check);
    return st == VFL_OK ? 0 : fail(error, error_size, err.text);
}

void stackstate_check_teardown(struct stackstate_check *check)
{
    if (check == NULL)
        return;
    struct timespec until = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TEARDOWN_WAIT_S;
    vfl_agent_shut_gate(&check->agent);
    if (check->collector != NULL)
        vfl_collector_cancel(check->collector);
    (void)pthread_mutex_lock(&check->mutex);
    while (check->is_running &&
           pthread_cond_timedwait(&check->run_ended, &check->mutex, &until) != ETIMEDOUT)
        continue;
    bool is_running = check->is_running;
    check->is_abandoned = is_running;
    (void)pthread_mutex_unlock(&check->mutex);
    if (!is_running)
        free_check(check);
}
