/* A check whose run is written in its instance: `script:` holds steps separated by ';', each a verb
 * and its words. It exists to exercise a host: every callback, and every rule broken on purpose. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/stackstate_check.h"

#ifndef STUB_ABI_VERSION
#define STUB_ABI_VERSION STACKSTATE_CHECK_ABI_VERSION
#endif

#define MAX_WORDS 4

struct stackstate_check {
    struct stackstate_check_callbacks agent;
    char check_id[64];
    char *init_config;
    char *instance;
    char *script;
    unsigned run_number;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_running;
    bool is_cancelled;
};

struct step {
    struct stackstate_check *check;
    const char *verb;
    char *words[MAX_WORDS]; /* "" when absent */
    char *rest;             /* everything after the verb */
    char *error;
    size_t error_size;
};

const uint32_t stackstate_check_abi_version = STUB_ABI_VERSION;

static char key_type[] = "stub";
static char key_url[] = "loopback";
static struct stackstate_check_instance_key instance_key = {key_type, key_url};
static char type_name[] = "thing";
static char host_name[] = "stub-host";
static char first_tag[] = "source:a";
static char second_tag[] = "target:b";
static char *tags[] = {first_tag, second_tag, NULL};

static void submit_component(struct stackstate_check *check, char *id)
{
    char data[1024];
    (void)snprintf(data, sizeof data,
                   "{\"externalId\":\"%s\",\"type\":{\"name\":\"thing\"},\"data\":{\"URN\":"
                   "[\"urn:vpcip:vpc-1/10.0.0.1\",\"urn:host:/1.2.3.4\"]}}",
                   id);
    check->agent.submit_component(check->check_id, &instance_key, id, type_name, data);
}

static int do_component(struct step *step)
{
    submit_component(step->check, step->words[0]);
    return 0;
}

/* component-json ID JSON: what a careless check might pass */
static int do_component_json(struct step *step)
{
    char *json = strchr(step->rest, ' ');
    step->check->agent.submit_component(step->check->check_id, &instance_key, step->words[0],
                                        type_name, json == NULL ? NULL : json + 1);
    return 0;
}

static int do_relation(struct step *step)
{
    char data[1024];
    (void)snprintf(data, sizeof data,
                   "{\"sourceId\":\"%s\",\"targetId\":\"%s\",\"type\":{\"name\":\"thing\"},"
                   "\"data\":{\"source\":\"a\",\"target\":\"b\",\"protocols\":[\"tcp\"],"
                   "\"ports\":[443],\"direction\":\"tcp-flags\",\"verdict\":\"%s\"}}",
                   step->words[0], step->words[1],
                   step->words[2][0] == '\0' ? "accepted" : step->words[2]);
    step->check->agent.submit_relation(step->check->check_id, &instance_key, step->words[0],
                                       step->words[1], type_name, data);
    return 0;
}

static int do_many(struct step *step)
{
    unsigned long count = strtoul(step->words[0], NULL, 10);
    for (unsigned long i = 0; i < count; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "many-%lu", i);
        submit_component(step->check, id);
    }
    return 0;
}

static int do_snapshot(struct step *step)
{
    step->check->agent.submit_start_snapshot(step->check->check_id, &instance_key);
    step->check->agent.submit_stop_snapshot(step->check->check_id, &instance_key);
    return 0;
}

static int do_delete(struct step *step)
{
    step->check->agent.submit_delete(step->check->check_id, &instance_key, step->words[0]);
    return 0;
}

static int do_metric(struct step *step)
{
    step->check->agent.submit_metric(step->check->check_id, STACKSTATE_CHECK_METRIC_GAUGE,
                                     step->words[0], strtod(step->words[1], NULL), tags, host_name,
                                     false);
    return 0;
}

static int do_raw_metric(struct step *step)
{
    step->check->agent.submit_raw_metrics_data(step->check->check_id, step->words[0], 1.5f, tags,
                                               host_name, 1700000000);
    return 0;
}

static int do_service(struct step *step)
{
    step->check->agent.submit_service_check(step->check->check_id, step->words[0],
                                            (int)strtoul(step->words[1], NULL, 10), tags, host_name,
                                            step->words[2]);
    return 0;
}

/* echo: an event with init_config as title and the instance as text */
static int do_echo(struct step *step)
{
    static char empty[] = "";
    struct stackstate_check_event event = {
        .title = step->check->init_config,
        .text = step->check->instance,
        .ts = 1700000000,
        .priority = empty,
        .host = host_name,
        .tags = tags,
        .alert_type = empty,
        .aggregation_key = empty,
        .source_type_name = empty,
        .event_type = empty,
    };
    step->check->agent.submit_event(step->check->check_id, &event);
    return 0;
}

static int do_begin(struct step *step)
{
    step->check->agent.start_transaction(step->check->check_id);
    return 0;
}

static int do_end(struct step *step)
{
    step->check->agent.stop_transaction(step->check->check_id);
    return 0;
}

static int do_discard(struct step *step)
{
    step->check->agent.discard_transaction(step->check->check_id, step->rest);
    return 0;
}

static int do_transaction_state(struct step *step)
{
    step->check->agent.set_transaction_state(step->check->check_id, step->words[0], step->words[1]);
    return 0;
}

static int do_state(struct step *step)
{
    step->check->agent.set_state(step->check->check_id, step->words[0], step->words[1]);
    return 0;
}

static int do_get(struct step *step)
{
    char *state = step->check->agent.get_state(step->check->check_id, step->words[0]);
    step->check->agent.cgo_free(state);
    return 0;
}

/* expect KEY VALUE: the run fails unless the agent remembers just that */
static int do_expect(struct step *step)
{
    char *state = step->check->agent.get_state(step->check->check_id, step->words[0]);
    bool is_equal = state != NULL && strcmp(state, step->words[1]) == 0;
    if (!is_equal)
        (void)snprintf(step->error, step->error_size, "%s is %s", step->words[0], state);
    step->check->agent.cgo_free(state);
    return is_equal ? 0 : 1;
}

static int do_leak(struct step *step)
{
    (void)step->check->agent.get_state(step->check->check_id, step->words[0]);
    return 0;
}

static int do_ask(struct step *step)
{
    static char config_key[] = "check_transactionality_enabled";
    char *value = NULL;
    step->check->agent.get_config(config_key, &value);
    step->check->agent.cgo_free(value);
    step->check->agent.get_hostname(&value);
    step->check->agent.cgo_free(value);
    return 0;
}

/* log TEXT: '^' stands for the escape character, which YAML cannot carry */
static int do_log(struct step *step)
{
    for (char *c = step->rest; *c != '\0'; c++)
        if (*c == '^')
            *c = '\033';
    step->check->agent.log(step->rest, STACKSTATE_CHECK_LOG_WARNING);
    return 0;
}

static void *submit_from_thread(void *argument)
{
    static char id[] = "from-another-thread";
    submit_component(argument, id);
    return NULL;
}

static int do_thread(struct step *step)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, submit_from_thread, step->check) != 0)
        return 1;
    return pthread_join(thread, NULL);
}

static int do_wrong_id(struct step *step)
{
    static char wrong[] = "someone-else";
    step->check->agent.start_transaction(wrong);
    return 0;
}

/* Until teardown, like a run that waits for the network. */
static int do_block(struct step *step)
{
    struct stackstate_check *check = step->check;
    (void)pthread_mutex_lock(&check->mutex);
    while (!check->is_cancelled)
        (void)pthread_cond_wait(&check->wake, &check->mutex);
    (void)pthread_mutex_unlock(&check->mutex);
    (void)snprintf(step->error, step->error_size, "cancelled");
    return 1;
}

static int do_fail(struct step *step)
{
    (void)snprintf(step->error, step->error_size, "%s", step->rest);
    return 1;
}

static int run_step(struct step *step)
{
    static const struct {
        const char *verb;
        int (*act)(struct step *step);
    } verbs[] = {
        {"component", do_component},
        {"component-json", do_component_json},
        {"relation", do_relation},
        {"many", do_many},
        {"snapshot", do_snapshot},
        {"delete", do_delete},
        {"metric", do_metric},
        {"raw-metric", do_raw_metric},
        {"service", do_service},
        {"echo", do_echo},
        {"begin", do_begin},
        {"end", do_end},
        {"discard", do_discard},
        {"transaction-state", do_transaction_state},
        {"state", do_state},
        {"get", do_get},
        {"expect", do_expect},
        {"leak", do_leak},
        {"ask", do_ask},
        {"log", do_log},
        {"thread", do_thread},
        {"wrong-id", do_wrong_id},
        {"block", do_block},
        {"fail", do_fail},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(step->verb, verbs[i].verb) == 0)
            return verbs[i].act(step);
    (void)snprintf(step->error, step->error_size, "the stub does not know \"%s\"", step->verb);
    return 1;
}

/* Cuts `text` into the verb, the rest and words. "2:verb ..." happens in run 2 only. */
static int run_text(struct stackstate_check *check, char *text, char *error, size_t error_size)
{
    static char empty[] = "";
    char copy[1024];
    text += strspn(text, " ");
    if (text[0] >= '1' && text[0] <= '9' && text[1] == ':') {
        if ((unsigned)(text[0] - '0') != check->run_number)
            return 0;
        text += 2;
    }
    size_t verb_length = strcspn(text, " ");
    char *rest = text[verb_length] == '\0' ? empty : text + verb_length + 1;
    text[verb_length] = '\0';
    struct step step = {
        .check = check, .verb = text, .rest = rest, .error = error, .error_size = error_size};
    (void)snprintf(copy, sizeof copy, "%s", rest);
    char *next = copy;
    for (size_t i = 0; i < MAX_WORDS; i++) {
        next += strspn(next, " ");
        step.words[i] = next;
        next += strcspn(next, " ");
        if (*next != '\0')
            *next++ = '\0';
    }
    return text[0] == '\0' ? 0 : run_step(&step);
}

/* The value of `script:`, a plain or quoted scalar on one line. */
static char *find_script(const char *instance)
{
    const char *start = strstr(instance, "script: ");
    if (start == NULL)
        return strdup("");
    start += strlen("script: ");
    size_t length = strcspn(start, "\n");
    if (length >= 2 && (start[0] == '\'' || start[0] == '"')) {
        start++;
        length -= 2;
    }
    return strndup(start, length);
}

int stackstate_check_configure(const struct stackstate_check_callbacks *callbacks,
                               const char *check_id, const char *init_config, const char *instance,
                               struct stackstate_check **ret_check, char *error, size_t error_size)
{
    if (strstr(instance, "refuse: ") != NULL) {
        (void)snprintf(error, error_size, "instance.refuse: expected nothing");
        return 1;
    }
    struct stackstate_check *check = calloc(1, sizeof *check);
    if (check == NULL)
        return 1;
    size_t size =
        callbacks->struct_size < sizeof check->agent ? callbacks->struct_size : sizeof check->agent;
    memcpy(&check->agent, callbacks, size);
    (void)snprintf(check->check_id, sizeof check->check_id, "%s", check_id);
    check->init_config = strdup(init_config);
    check->instance = strdup(instance);
    check->script = find_script(instance);
    (void)pthread_mutex_init(&check->mutex, NULL);
    (void)pthread_cond_init(&check->wake, NULL);
    if (strstr(instance, "early: ") != NULL) {
        static char id[] = "too-early";
        submit_component(check, id);
    }
    *ret_check = check;
    return 0;
}

int stackstate_check_run(struct stackstate_check *check, char *error, size_t error_size)
{
    (void)pthread_mutex_lock(&check->mutex);
    check->is_running = true;
    check->run_number++;
    (void)pthread_mutex_unlock(&check->mutex);
    int result = 0;
    char *script = strdup(check->script);
    for (char *text = script; text != NULL && result == 0;) {
        char *end = strchr(text, ';');
        if (end != NULL)
            *end = '\0';
        result = run_text(check, text, error, error_size);
        text = end == NULL ? NULL : end + 1;
    }
    free(script);
    (void)pthread_mutex_lock(&check->mutex);
    check->is_running = false;
    (void)pthread_cond_broadcast(&check->wake);
    (void)pthread_mutex_unlock(&check->mutex);
    return result;
}

void stackstate_check_teardown(struct stackstate_check *check)
{
    if (check == NULL)
        return;
    (void)pthread_mutex_lock(&check->mutex);
    check->is_cancelled = true;
    (void)pthread_cond_broadcast(&check->wake);
    while (check->is_running)
        (void)pthread_cond_wait(&check->wake, &check->mutex);
    (void)pthread_mutex_unlock(&check->mutex);
    (void)pthread_cond_destroy(&check->wake);
    (void)pthread_mutex_destroy(&check->mutex);
    free(check->init_config);
    free(check->instance);
    free(check->script);
    free(check);
}
