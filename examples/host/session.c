#include "examples/host/session.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "examples/host/log.h"

#define EVICTION_S 600 /* the agent gives up an unresolved transaction after 10 minutes */

static _Thread_local struct vfl_session *current_session;
static _Thread_local enum vfl_phase current_phase;

static pthread_mutex_t output_mutex = PTHREAD_MUTEX_INITIALIZER;

void vfl_session_set_phase(struct vfl_session *session, enum vfl_phase phase)
{
    current_session = phase == VFL_PHASE_IDLE ? NULL : session;
    current_phase = phase;
}

struct vfl_session *vfl_session_current(enum vfl_phase *ret_phase)
{
    *ret_phase = current_phase;
    return current_session;
}

void vfl_session_fault(struct vfl_agent *agent, const char *check_id, const struct vfl_error *err)
{
    (void)atomic_fetch_add(&agent->fault_count, 1);
    vfl_log(STACKSTATE_CHECK_LOG_ERROR, check_id, "%s", err->text);
}

/* What belongs to a transaction in the agent: gauges and service checks do not. */
static bool is_topology(enum vfl_call kind)
{
    return kind <= VFL_CALL_DELETE;
}

void vfl_session_emit(struct vfl_session *session, enum vfl_call kind, json_t *call)
{
    if (session->agent->output == VFL_OUTPUT_JSONL) {
        (void)pthread_mutex_lock(&output_mutex);
        (void)json_dumpf(call, stdout, JSON_COMPACT);
        (void)putc('\n', stdout);
        (void)pthread_mutex_unlock(&output_mutex);
    } else if (session->landscape != NULL) {
        if (is_topology(kind) && session->transaction.phase != VFL_TRANSACTION_NONE)
            (void)json_array_append(session->transaction.calls, call);
        else
            vfl_landscape_apply(session->landscape, call);
    }
    json_decref(call);
}

static long long monotonic_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec;
}

static void forget(struct vfl_transaction *transaction)
{
    free(transaction->key);
    free(transaction->value);
    json_decref(transaction->calls);
    *transaction = (struct vfl_transaction){0};
}

void vfl_session_start_transaction(struct vfl_session *session)
{
    struct vfl_transaction *transaction = &session->transaction;
    if (transaction->phase == VFL_TRANSACTION_OPEN &&
        monotonic_s() - transaction->started_s > EVICTION_S) {
        vfl_log(STACKSTATE_CHECK_LOG_WARNING, session->check_id,
                "a transaction was open for over %d s: evicted, as the agent does", EVICTION_S);
        forget(transaction);
    }
    if (transaction->phase != VFL_TRANSACTION_NONE) {
        vfl_log(STACKSTATE_CHECK_LOG_WARNING, session->check_id,
                "start_transaction while one is unresolved: all is booked on that one");
        return;
    }
    *transaction = (struct vfl_transaction){
        .phase = VFL_TRANSACTION_OPEN,
        .started_s = monotonic_s(),
        .calls = session->landscape == NULL ? NULL : json_array(),
    };
}

void vfl_session_stop_transaction(struct vfl_session *session)
{
    if (session->transaction.phase == VFL_TRANSACTION_OPEN)
        session->transaction.phase = VFL_TRANSACTION_STOPPED;
    else if (session->transaction.phase == VFL_TRANSACTION_NONE)
        vfl_log(STACKSTATE_CHECK_LOG_WARNING, session->check_id,
                "stop_transaction without a transaction: ignored");
}

void vfl_session_discard_transaction(struct vfl_session *session)
{
    forget(&session->transaction);
}

void vfl_session_set_transaction_state(struct vfl_session *session, const char *key,
                                       const char *value)
{
    struct vfl_transaction *transaction = &session->transaction;
    if (transaction->phase == VFL_TRANSACTION_NONE) {
        vfl_log(STACKSTATE_CHECK_LOG_WARNING, session->check_id,
                "set_transaction_state without a transaction: ignored");
        return;
    }
    char *new_key = strdup(key);
    char *new_value = strdup(value);
    if (new_key == NULL || new_value == NULL) {
        struct vfl_error err = {0};
        (void)vfl_error_set(&err, VFL_NO_MEMORY, "no memory for the transaction's state");
        vfl_session_fault(session->agent, session->check_id, &err);
        free(new_key);
        free(new_value);
        return;
    }
    free(transaction->key);
    free(transaction->value);
    transaction->key = new_key;
    transaction->value = new_value;
}

/* What the stopped transaction holds becomes visible; its state is not committed yet. */
static void show_transaction(struct vfl_session *session)
{
    size_t index;
    json_t *call;
    if (session->transaction.phase != VFL_TRANSACTION_STOPPED || session->landscape == NULL)
        return;
    json_array_foreach(session->transaction.calls, index, call)
        vfl_landscape_apply(session->landscape, call);
}

static enum vfl_status flush(const struct vfl_session *session, const struct vfl_run_report *report,
                             struct vfl_error *err)
{
    (void)pthread_mutex_lock(&output_mutex);
    errno = 0;
    if (session->agent->output == VFL_OUTPUT_TEXT)
        vfl_output_text(stdout, session->landscape, report);
    bool is_written = fflush(stdout) == 0 && !ferror(stdout);
    int problem = errno;
    (void)pthread_mutex_unlock(&output_mutex);
    if (is_written)
        return VFL_OK;
    return vfl_error_set(err, VFL_IO, "cannot write to standard output: %s; state not committed",
                         problem == 0 ? "an earlier write failed" : strerror(problem));
}

enum vfl_status vfl_session_end_run(struct vfl_session *session, struct vfl_run_report *report,
                                    struct vfl_error *err)
{
    struct vfl_transaction *transaction = &session->transaction;
    report->is_transaction_open = transaction->phase == VFL_TRANSACTION_OPEN;
    show_transaction(session);
    enum vfl_status st = flush(session, report, err);
    if (transaction->phase != VFL_TRANSACTION_STOPPED)
        return st;
    if (st == VFL_OK && transaction->key != NULL)
        st = vfl_state_file_set(session->agent->state, transaction->key, transaction->value, err);
    forget(transaction);
    return st;
}

void vfl_session_fini(struct vfl_session *session)
{
    if (session == NULL)
        return;
    forget(&session->transaction);
    vfl_landscape_free(session->landscape);
    session->landscape = NULL;
}
