#include "tests/fake/recording_agent.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct recording_agent *agents[RECORDING_AGENT_MAX_COUNT];
/* Log, get_config and cgo_free carry no check id: they go to the agent whose thread this is. */
static _Thread_local struct recording_agent *current;

/* Runs on the check's threads, where a Check assertion must not be used. */
static void promise(bool is_kept, const char *what)
{
    if (is_kept)
        return;
    (void)fprintf(stderr, "recording agent: %s\n", what);
    abort();
}

static char *copy(const char *text)
{
    char *out = text == NULL ? NULL : strdup(text);
    promise(text == NULL || out != NULL, "no memory");
    return out;
}

static struct recording_agent *find_agent(const char *check_id)
{
    struct recording_agent *found = NULL;
    (void)pthread_mutex_lock(&list_mutex);
    for (size_t i = 0; i < RECORDING_AGENT_MAX_COUNT; i++)
        if (agents[i] != NULL && strcmp(agents[i]->check_id, check_id) == 0)
            found = agents[i];
    (void)pthread_mutex_unlock(&list_mutex);
    promise(found != NULL, "a callback with an unknown check id");
    current = found;
    return found;
}

/* Log is also called before any callback with a check id: then there is one agent only, or none
 * that cares. */
static struct recording_agent *any_agent(void)
{
    if (current != NULL)
        return current;
    (void)pthread_mutex_lock(&list_mutex);
    struct recording_agent *found = NULL;
    for (size_t i = 0; i < RECORDING_AGENT_MAX_COUNT && found == NULL; i++)
        found = agents[i];
    (void)pthread_mutex_unlock(&list_mutex);
    promise(found != NULL, "a callback after the agent's end");
    return found;
}

static char *join_tags(char **tags)
{
    char text[4096] = "";
    for (size_t i = 0; tags != NULL && tags[i] != NULL; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%s ", tags[i]);
    }
    return tags == NULL ? NULL : copy(text);
}

static char *join_key(const struct stackstate_check_instance_key *key)
{
    char text[256];
    if (key == NULL)
        return NULL;
    (void)snprintf(text, sizeof text, "%s %s", key->type_, key->url);
    return copy(text);
}

/* Takes the call's texts over; blocks when the test wants that. */
static void record(struct recording_agent *agent, const char *name, struct recorded_call call)
{
    (void)pthread_mutex_lock(&agent->mutex);
    promise(agent->call_count < RECORDING_AGENT_MAX_CALLS, "too many calls");
    (void)snprintf(call.name, sizeof call.name, "%s", name);
    call.is_in_transaction = agent->is_open;
    agent->calls[agent->call_count++] = call;
    if (strcmp(agent->block_at, name) == 0) {
        agent->is_blocked = true;
        (void)pthread_cond_broadcast(&agent->changed);
        while (agent->block_at[0] != '\0')
            (void)pthread_cond_wait(&agent->changed, &agent->mutex);
        agent->is_blocked = false;
    }
    (void)pthread_mutex_unlock(&agent->mutex);
}

/* ---- callbacks ---- */

static void submit_component(char *check_id, struct stackstate_check_instance_key *key,
                             char *component_id, char *component_type, char *data)
{
    struct recording_agent *agent = find_agent(check_id);
    promise(strcmp(component_type, "vpc.request") == 0, "another component type");
    record(agent, "submit_component",
           (struct recorded_call){
               .first = copy(component_id), .second = copy(data), .instance = join_key(key)});
}

static void submit_relation(char *check_id, struct stackstate_check_instance_key *key,
                            char *source_id, char *target_id, char *relation_type, char *data)
{
    char id[1024];
    struct recording_agent *agent = find_agent(check_id);
    (void)snprintf(id, sizeof id, "%s-%s-%s", source_id, relation_type, target_id);
    record(
        agent, "submit_relation",
        (struct recorded_call){.first = copy(id), .second = copy(data), .instance = join_key(key)});
}

static void submit_start_snapshot(char *check_id, struct stackstate_check_instance_key *key)
{
    record(find_agent(check_id), "submit_start_snapshot",
           (struct recorded_call){.instance = join_key(key)});
}

static void submit_stop_snapshot(char *check_id, struct stackstate_check_instance_key *key)
{
    record(find_agent(check_id), "submit_stop_snapshot",
           (struct recorded_call){.instance = join_key(key)});
}

static void submit_delete(char *check_id, struct stackstate_check_instance_key *key, char *id)
{
    record(find_agent(check_id), "submit_delete",
           (struct recorded_call){.first = copy(id), .instance = join_key(key)});
}

static void submit_metric(char *check_id, enum stackstate_check_metric_type metric_type, char *name,
                          double value, char **tags, char *hostname, bool flush_first_value)
{
    promise(hostname != NULL && !flush_first_value, "submit_metric with odd arguments");
    record(find_agent(check_id), "submit_metric",
           (struct recorded_call){.first = copy(name),
                                  .tags = join_tags(tags),
                                  .value = value,
                                  .metric_type = (int)metric_type});
}

static void submit_service_check(char *check_id, char *name, int status, char **tags,
                                 char *hostname, char *message)
{
    promise(hostname != NULL && message != NULL, "submit_service_check without its texts");
    record(find_agent(check_id), "submit_service_check",
           (struct recorded_call){.first = copy(name),
                                  .second = copy(message),
                                  .tags = join_tags(tags),
                                  .value = status});
}

static bool has_effect(const struct recording_agent *agent)
{
    return agent->config_yaml == NULL || strstr(agent->config_yaml, "false") == NULL;
}

static void start_transaction(char *check_id)
{
    struct recording_agent *agent = find_agent(check_id);
    (void)pthread_mutex_lock(&agent->mutex);
    agent->is_open = has_effect(agent);
    (void)pthread_mutex_unlock(&agent->mutex);
    record(agent, "start_transaction", (struct recorded_call){0});
}

static void stop_transaction(char *check_id)
{
    struct recording_agent *agent = find_agent(check_id);
    record(agent, "stop_transaction", (struct recorded_call){0});
    (void)pthread_mutex_lock(&agent->mutex);
    agent->is_unresolved = agent->is_open;
    agent->is_open = false;
    (void)pthread_mutex_unlock(&agent->mutex);
    if (agent->is_auto_commit)
        recording_agent_commit(agent);
}

static void discard_transaction(char *check_id, char *reason)
{
    record(find_agent(check_id), "discard_transaction",
           (struct recorded_call){.first = copy(reason)});
}

static void set_transaction_state(char *check_id, char *key, char *state)
{
    struct recording_agent *agent = find_agent(check_id);
    record(agent, "set_transaction_state",
           (struct recorded_call){.first = copy(key), .second = copy(state)});
    (void)pthread_mutex_lock(&agent->mutex);
    if (agent->is_open) {
        free(agent->booked_state);
        agent->booked_state = copy(state);
    }
    (void)pthread_mutex_unlock(&agent->mutex);
}

static void set_state(char *check_id, char *key, char *state)
{
    struct recording_agent *agent = find_agent(check_id);
    record(agent, "set_state", (struct recorded_call){.first = copy(key), .second = copy(state)});
    (void)pthread_mutex_lock(&agent->mutex);
    free(agent->committed_state);
    agent->committed_state = copy(state);
    (void)pthread_mutex_unlock(&agent->mutex);
}

/* Under the agent's mutex. */
static char *lend_copy(struct recording_agent *agent, const char *text)
{
    promise(agent->lent_count < RECORDING_AGENT_MAX_LENT, "too many texts were not given back");
    agent->lent[agent->lent_count] = copy(text);
    return agent->lent[agent->lent_count++];
}

static char *get_state(char *check_id, char *key)
{
    struct recording_agent *agent = find_agent(check_id);
    record(agent, "get_state", (struct recorded_call){.first = copy(key)});
    (void)pthread_mutex_lock(&agent->mutex);
    char *state = lend_copy(agent, agent->committed_state == NULL ? "{}" : agent->committed_state);
    (void)pthread_mutex_unlock(&agent->mutex);
    return state;
}

static void get_config(char *key, char **yaml_result)
{
    struct recording_agent *agent = any_agent();
    record(agent, "get_config", (struct recorded_call){.first = copy(key)});
    (void)pthread_mutex_lock(&agent->mutex);
    *yaml_result = agent->config_yaml == NULL ? NULL : lend_copy(agent, agent->config_yaml);
    (void)pthread_mutex_unlock(&agent->mutex);
}

static void log_message(char *message, int level)
{
    record(any_agent(), "log", (struct recorded_call){.first = copy(message), .value = level});
}

static void cgo_free(void *memory)
{
    struct recording_agent *agent = any_agent();
    record(agent, "cgo_free", (struct recorded_call){0});
    (void)pthread_mutex_lock(&agent->mutex);
    size_t at = 0;
    while (at < agent->lent_count && agent->lent[at] != memory)
        at++;
    promise(at < agent->lent_count, "cgo_free of memory that is not the agent's");
    agent->lent[at] = agent->lent[--agent->lent_count];
    (void)pthread_mutex_unlock(&agent->mutex);
    free(memory);
}

/* ---- the test's side ---- */

void recording_agent_init(struct recording_agent *agent, const char *check_id)
{
    memset(agent, 0, sizeof *agent);
    (void)snprintf(agent->check_id, sizeof agent->check_id, "%s", check_id);
    agent->callbacks = (struct stackstate_check_callbacks){
        .struct_size = sizeof agent->callbacks,
        .abi_version = STACKSTATE_CHECK_ABI_VERSION,
        .submit_component = submit_component,
        .submit_relation = submit_relation,
        .submit_start_snapshot = submit_start_snapshot,
        .submit_stop_snapshot = submit_stop_snapshot,
        .submit_delete = submit_delete,
        .submit_metric = submit_metric,
        .submit_service_check = submit_service_check,
        .start_transaction = start_transaction,
        .stop_transaction = stop_transaction,
        .discard_transaction = discard_transaction,
        .set_transaction_state = set_transaction_state,
        .set_state = set_state,
        .get_state = get_state,
        .get_config = get_config,
        .log = log_message,
        .cgo_free = cgo_free,
    };
    ck_assert_int_eq(pthread_mutex_init(&agent->mutex, NULL), 0);
    ck_assert_int_eq(pthread_cond_init(&agent->changed, NULL), 0);
    (void)pthread_mutex_lock(&list_mutex);
    size_t at = 0;
    while (at < RECORDING_AGENT_MAX_COUNT && agents[at] != NULL)
        at++;
    ck_assert_uint_lt(at, RECORDING_AGENT_MAX_COUNT);
    agents[at] = agent;
    (void)pthread_mutex_unlock(&list_mutex);
}

void recording_agent_enter(struct recording_agent *agent)
{
    current = agent;
}

void recording_agent_forget(struct recording_agent *agent)
{
    (void)pthread_mutex_lock(&agent->mutex);
    for (size_t i = 0; i < agent->call_count; i++) {
        free(agent->calls[i].first);
        free(agent->calls[i].second);
        free(agent->calls[i].tags);
        free(agent->calls[i].instance);
    }
    agent->call_count = 0;
    (void)pthread_mutex_unlock(&agent->mutex);
}

void recording_agent_fini(struct recording_agent *agent)
{
    (void)pthread_mutex_lock(&list_mutex);
    for (size_t i = 0; i < RECORDING_AGENT_MAX_COUNT; i++)
        if (agents[i] == agent)
            agents[i] = NULL;
    (void)pthread_mutex_unlock(&list_mutex);
    if (current == agent)
        current = NULL;
    recording_agent_forget(agent);
    for (size_t i = 0; i < agent->lent_count; i++)
        free(agent->lent[i]);
    free(agent->committed_state);
    free(agent->booked_state);
    (void)pthread_cond_destroy(&agent->changed);
    (void)pthread_mutex_destroy(&agent->mutex);
}

void recording_agent_commit(struct recording_agent *agent)
{
    (void)pthread_mutex_lock(&agent->mutex);
    if (agent->is_unresolved && agent->booked_state != NULL) {
        free(agent->committed_state);
        agent->committed_state = agent->booked_state;
        agent->booked_state = NULL;
    }
    agent->is_unresolved = false;
    (void)pthread_mutex_unlock(&agent->mutex);
}

void recording_agent_discard(struct recording_agent *agent)
{
    (void)pthread_mutex_lock(&agent->mutex);
    free(agent->booked_state);
    agent->booked_state = NULL;
    agent->is_unresolved = false;
    (void)pthread_mutex_unlock(&agent->mutex);
}

void recording_agent_block_at(struct recording_agent *agent, const char *name)
{
    (void)pthread_mutex_lock(&agent->mutex);
    (void)snprintf(agent->block_at, sizeof agent->block_at, "%s", name);
    (void)pthread_mutex_unlock(&agent->mutex);
}

void recording_agent_wait_until_blocked(struct recording_agent *agent)
{
    (void)pthread_mutex_lock(&agent->mutex);
    while (!agent->is_blocked)
        (void)pthread_cond_wait(&agent->changed, &agent->mutex);
    (void)pthread_mutex_unlock(&agent->mutex);
}

void recording_agent_release(struct recording_agent *agent)
{
    (void)pthread_mutex_lock(&agent->mutex);
    agent->block_at[0] = '\0';
    (void)pthread_cond_broadcast(&agent->changed);
    (void)pthread_mutex_unlock(&agent->mutex);
}

size_t recording_agent_call_count(struct recording_agent *agent)
{
    (void)pthread_mutex_lock(&agent->mutex);
    size_t count = agent->call_count;
    (void)pthread_mutex_unlock(&agent->mutex);
    return count;
}

static const struct recorded_call *find_call(struct recording_agent *agent, const char *name,
                                             const char *first, size_t nth, size_t *count)
{
    const struct recorded_call *found = NULL;
    *count = 0;
    (void)pthread_mutex_lock(&agent->mutex);
    for (size_t i = 0; i < agent->call_count; i++) {
        const struct recorded_call *call = &agent->calls[i];
        if (strcmp(call->name, name) != 0 ||
            (first != NULL && (call->first == NULL || strcmp(call->first, first) != 0)))
            continue;
        if ((*count)++ == nth)
            found = call;
    }
    (void)pthread_mutex_unlock(&agent->mutex);
    return found;
}

size_t recording_agent_count(struct recording_agent *agent, const char *name)
{
    size_t count;
    (void)find_call(agent, name, NULL, 0, &count);
    return count;
}

const struct recorded_call *recording_agent_call(struct recording_agent *agent, const char *name,
                                                 size_t nth)
{
    size_t count;
    return find_call(agent, name, NULL, nth, &count);
}

const struct recorded_call *recording_agent_find(struct recording_agent *agent, const char *name,
                                                 const char *first)
{
    size_t count;
    return find_call(agent, name, first, 0, &count);
}
