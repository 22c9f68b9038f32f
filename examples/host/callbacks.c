#include "examples/host/callbacks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "examples/host/log.h"

static struct vfl_agent *the_agent;

static bool is_allowed(enum vfl_call kind, enum vfl_phase phase)
{
    return phase == VFL_PHASE_RUN || kind == VFL_CALL_LOG ||
           (kind == VFL_CALL_CGO_FREE && phase == VFL_PHASE_TEARDOWN);
}

/* The session on whose behalf the call is made, or NULL when the call breaks a rule. */
static struct vfl_session *enter(enum vfl_call kind, const char *check_id)
{
    enum vfl_phase phase;
    struct vfl_error err = {0};
    struct vfl_session *session = vfl_session_current(&phase);
    if (session == NULL)
        (void)vfl_error_set(&err, VFL_UNSUPPORTED,
                            "%s outside a run, or from a thread other than the one that called run",
                            vfl_call_name(kind));
    else if (!is_allowed(kind, phase))
        (void)vfl_error_set(&err, VFL_UNSUPPORTED, "%s is not allowed during %s",
                            vfl_call_name(kind),
                            phase == VFL_PHASE_CONFIGURE ? "configure" : "teardown");
    else if (check_id == NULL || strcmp(check_id, session->check_id) != 0)
        (void)vfl_error_set(&err, VFL_UNSUPPORTED, "%s with check id \"%s\", which is not this one",
                            vfl_call_name(kind), check_id == NULL ? "NULL" : check_id);
    else {
        (void)atomic_fetch_add_explicit(&session->call_counts[kind], 1, memory_order_relaxed);
        atomic_store_explicit(&session->has_called, true, memory_order_relaxed);
        return session;
    }
    vfl_session_fault(the_agent, session == NULL ? check_id : session->check_id, &err);
    return NULL;
}

/* The callbacks that carry no check id. */
static struct vfl_session *enter_current(enum vfl_call kind)
{
    enum vfl_phase phase;
    struct vfl_session *session = vfl_session_current(&phase);
    return enter(kind, session == NULL ? NULL : session->check_id);
}

static bool is_counted_only(const struct vfl_session *session)
{
    return session->agent->output == VFL_OUTPUT_NONE;
}

static void emit(struct vfl_session *session, enum vfl_call kind, json_t *call,
                 const struct vfl_error *err)
{
    if (call == NULL)
        vfl_session_fault(session->agent, session->check_id, err);
    else
        vfl_session_emit(session, kind, call);
}

static void emit_texts(struct vfl_session *session, enum vfl_call kind,
                       const struct stackstate_check_instance_key *instance_key,
                       const char *const *names_and_values)
{
    struct vfl_error err = {0};
    if (!is_counted_only(session))
        emit(session, kind,
             vfl_call_texts(kind, session->check_id, instance_key, names_and_values, &err), &err);
}

static const char *const no_texts[] = {NULL};

static bool has_key(struct vfl_session *session, enum vfl_call kind,
                    const struct stackstate_check_instance_key *instance_key)
{
    if (instance_key != NULL && instance_key->type_ != NULL && instance_key->url != NULL)
        return true;
    struct vfl_error err = {0};
    (void)vfl_error_set(&err, VFL_FORMAT, "%s without an instance key", vfl_call_name(kind));
    vfl_session_fault(session->agent, session->check_id, &err);
    return false;
}

static void submit_component(char *check_id, struct stackstate_check_instance_key *instance_key,
                             char *component_id, char *component_type, char *data)
{
    struct vfl_session *session = enter(VFL_CALL_COMPONENT, check_id);
    struct vfl_error err = {0};
    if (session == NULL || is_counted_only(session) ||
        !has_key(session, VFL_CALL_COMPONENT, instance_key))
        return;
    emit(session, VFL_CALL_COMPONENT,
         vfl_call_component(check_id, instance_key, component_id, component_type, data, &err),
         &err);
}

static void submit_relation(char *check_id, struct stackstate_check_instance_key *instance_key,
                            char *source_id, char *target_id, char *relation_type, char *data)
{
    struct vfl_session *session = enter(VFL_CALL_RELATION, check_id);
    struct vfl_error err = {0};
    if (session == NULL || is_counted_only(session) ||
        !has_key(session, VFL_CALL_RELATION, instance_key))
        return;
    emit(session, VFL_CALL_RELATION,
         vfl_call_relation(check_id, instance_key, source_id, target_id, relation_type, data, &err),
         &err);
}

static void submit_start_snapshot(char *check_id,
                                  struct stackstate_check_instance_key *instance_key)
{
    struct vfl_session *session = enter(VFL_CALL_START_SNAPSHOT, check_id);
    if (session != NULL && has_key(session, VFL_CALL_START_SNAPSHOT, instance_key))
        emit_texts(session, VFL_CALL_START_SNAPSHOT, instance_key, no_texts);
}

static void submit_stop_snapshot(char *check_id, struct stackstate_check_instance_key *instance_key)
{
    struct vfl_session *session = enter(VFL_CALL_STOP_SNAPSHOT, check_id);
    if (session != NULL && has_key(session, VFL_CALL_STOP_SNAPSHOT, instance_key))
        emit_texts(session, VFL_CALL_STOP_SNAPSHOT, instance_key, no_texts);
}

static void submit_delete(char *check_id, struct stackstate_check_instance_key *instance_key,
                          char *topology_element_id)
{
    struct vfl_session *session = enter(VFL_CALL_DELETE, check_id);
    if (session != NULL && has_key(session, VFL_CALL_DELETE, instance_key))
        emit_texts(session, VFL_CALL_DELETE, instance_key,
                   (const char *const[]){"id", topology_element_id, NULL});
}

static void submit_metric(char *check_id, enum stackstate_check_metric_type metric_type, char *name,
                          double value, char **tags, char *hostname, bool flush_first_value)
{
    struct vfl_session *session = enter(VFL_CALL_METRIC, check_id);
    struct vfl_error err = {0};
    if (session != NULL && !is_counted_only(session))
        emit(session, VFL_CALL_METRIC,
             vfl_call_metric(check_id, metric_type, name, value, tags, hostname, flush_first_value,
                             &err),
             &err);
}

static void submit_raw_metrics_data(char *check_id, char *name, float value, char **tags,
                                    char *hostname, long long timestamp)
{
    struct vfl_session *session = enter(VFL_CALL_RAW_METRIC, check_id);
    struct vfl_error err = {0};
    if (session != NULL && !is_counted_only(session))
        emit(session, VFL_CALL_RAW_METRIC,
             vfl_call_raw_metric(check_id, name, value, tags, hostname, timestamp, &err), &err);
}

static void submit_service_check(char *check_id, char *name, int status, char **tags,
                                 char *hostname, char *message)
{
    struct vfl_session *session = enter(VFL_CALL_SERVICE_CHECK, check_id);
    struct vfl_error err = {0};
    if (session != NULL && !is_counted_only(session))
        emit(session, VFL_CALL_SERVICE_CHECK,
             vfl_call_service_check(check_id, name, status, tags, hostname, message, &err), &err);
}

static void submit_event(char *check_id, struct stackstate_check_event *event)
{
    struct vfl_session *session = enter(VFL_CALL_EVENT, check_id);
    struct vfl_error err = {0};
    if (session != NULL && !is_counted_only(session))
        emit(session, VFL_CALL_EVENT, vfl_call_event(check_id, event, &err), &err);
}

static void start_transaction(char *check_id)
{
    struct vfl_session *session = enter(VFL_CALL_START_TRANSACTION, check_id);
    if (session == NULL)
        return;
    emit_texts(session, VFL_CALL_START_TRANSACTION, NULL, no_texts);
    vfl_session_start_transaction(session);
}

static void stop_transaction(char *check_id)
{
    struct vfl_session *session = enter(VFL_CALL_STOP_TRANSACTION, check_id);
    if (session == NULL)
        return;
    emit_texts(session, VFL_CALL_STOP_TRANSACTION, NULL, no_texts);
    vfl_session_stop_transaction(session);
}

static void discard_transaction(char *check_id, char *reason)
{
    struct vfl_session *session = enter(VFL_CALL_DISCARD_TRANSACTION, check_id);
    if (session == NULL)
        return;
    emit_texts(session, VFL_CALL_DISCARD_TRANSACTION, NULL,
               (const char *const[]){"reason", reason == NULL ? "" : reason, NULL});
    vfl_session_discard_transaction(session);
}

static bool has_state(struct vfl_session *session, enum vfl_call kind, const char *key,
                      const char *state)
{
    if (key != NULL && state != NULL)
        return true;
    struct vfl_error err = {0};
    (void)vfl_error_set(&err, VFL_FORMAT, "%s: key or state is NULL", vfl_call_name(kind));
    vfl_session_fault(session->agent, session->check_id, &err);
    return false;
}

static void set_transaction_state(char *check_id, char *key, char *state)
{
    struct vfl_session *session = enter(VFL_CALL_SET_TRANSACTION_STATE, check_id);
    if (session == NULL || !has_state(session, VFL_CALL_SET_TRANSACTION_STATE, key, state))
        return;
    emit_texts(session, VFL_CALL_SET_TRANSACTION_STATE, NULL,
               (const char *const[]){"key", key, "state", state, NULL});
    vfl_session_set_transaction_state(session, key, state);
}

static void set_state(char *check_id, char *key, char *state)
{
    struct vfl_session *session = enter(VFL_CALL_SET_STATE, check_id);
    struct vfl_error err = {0};
    if (session == NULL || !has_state(session, VFL_CALL_SET_STATE, key, state))
        return;
    emit_texts(session, VFL_CALL_SET_STATE, NULL,
               (const char *const[]){"key", key, "state", state, NULL});
    if (vfl_state_file_set(session->agent->state, key, state, &err) != VFL_OK)
        vfl_session_fault(session->agent, session->check_id, &err);
}

static char *lend(char *text)
{
    if (text != NULL)
        (void)atomic_fetch_add(&the_agent->lent_count, 1);
    return text;
}

static char *get_state(char *check_id, char *key)
{
    struct vfl_session *session = enter(VFL_CALL_GET_STATE, check_id);
    if (session == NULL || !has_state(session, VFL_CALL_GET_STATE, key, ""))
        return lend(strdup("{}"));
    char *state = vfl_state_file_get(session->agent->state, key);
    emit_texts(session, VFL_CALL_GET_STATE, NULL,
               (const char *const[]){"key", key, "state", state == NULL ? "" : state, NULL});
    return lend(state);
}

static void get_config(char *key, char **yaml_result)
{
    struct vfl_session *session = enter_current(VFL_CALL_GET_CONFIG);
    if (yaml_result != NULL)
        *yaml_result = NULL; /* the host has no configuration of its own */
    if (session != NULL)
        emit_texts(session, VFL_CALL_GET_CONFIG, NULL, (const char *const[]){"key", key, NULL});
}

static void log_message(char *message, int level)
{
    struct vfl_session *session = enter_current(VFL_CALL_LOG);
    vfl_log(level, session == NULL ? "?" : session->check_id, "%s",
            message == NULL ? "(NULL)" : message);
}

static void get_hostname(char **result)
{
    struct vfl_session *session = enter_current(VFL_CALL_GET_HOSTNAME);
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0)
        name[0] = '\0';
    if (result != NULL)
        *result = lend(strdup(name));
    if (session != NULL)
        emit_texts(session, VFL_CALL_GET_HOSTNAME, NULL, no_texts);
}

static void cgo_free(void *memory)
{
    (void)enter_current(VFL_CALL_CGO_FREE);
    if (memory != NULL)
        (void)atomic_fetch_sub(&the_agent->lent_count, 1);
    free(memory);
}

const struct stackstate_check_callbacks *vfl_callbacks_table(struct vfl_agent *agent)
{
    static const struct stackstate_check_callbacks table = {
        .struct_size = sizeof table,
        .abi_version = STACKSTATE_CHECK_ABI_VERSION,
        .submit_component = submit_component,
        .submit_relation = submit_relation,
        .submit_start_snapshot = submit_start_snapshot,
        .submit_stop_snapshot = submit_stop_snapshot,
        .submit_delete = submit_delete,
        .submit_metric = submit_metric,
        .submit_raw_metrics_data = submit_raw_metrics_data,
        .submit_service_check = submit_service_check,
        .submit_event = submit_event,
        .start_transaction = start_transaction,
        .stop_transaction = stop_transaction,
        .discard_transaction = discard_transaction,
        .set_transaction_state = set_transaction_state,
        .set_state = set_state,
        .get_state = get_state,
        .get_config = get_config,
        .log = log_message,
        .get_hostname = get_hostname,
        .cgo_free = cgo_free,
    };
    the_agent = agent;
    return &table;
}
