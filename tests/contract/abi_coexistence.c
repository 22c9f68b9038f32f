/* The agent's rtloader_types.h and our header in one unit. The agent's header is restated here,
 * from its documented signatures, because the agent builds its table of callbacks in a unit that
 * has both: its function pointers must go into the table as they are. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The agent's names. */
typedef struct instance_key_s {
    char *type_;
    char *url;
} instance_key_t;

typedef struct event_s {
    char *title;
    char *text;
    long ts;
    char *priority;
    char *host;
    char **tags;
    char *alert_type;
    char *aggregation_key;
    char *source_type_name;
    char *event_type;
} event_t;

typedef enum {
    DATADOG_AGENT_RTLOADER_GAUGE = 0,
    DATADOG_AGENT_RTLOADER_RATE,
    DATADOG_AGENT_RTLOADER_COUNT,
    DATADOG_AGENT_RTLOADER_MONOTONIC_COUNT,
    DATADOG_AGENT_RTLOADER_COUNTER,
    DATADOG_AGENT_RTLOADER_HISTOGRAM,
    DATADOG_AGENT_RTLOADER_HISTORATE
} metric_type_t;

typedef void (*cb_submit_component_t)(char *, instance_key_t *, char *, char *, char *);
typedef void (*cb_submit_relation_t)(char *, instance_key_t *, char *, char *, char *, char *);
typedef void (*cb_submit_start_snapshot_t)(char *, instance_key_t *);
typedef void (*cb_submit_stop_snapshot_t)(char *, instance_key_t *);
typedef void (*cb_submit_delete_t)(char *, instance_key_t *, char *);
typedef void (*cb_submit_metric_t)(char *, metric_type_t, char *, double, char **, char *, bool);
typedef void (*cb_submit_raw_metrics_data_t)(char *, char *, float, char **, char *, long long);
typedef void (*cb_submit_service_check_t)(char *, char *, int, char **, char *, char *);
typedef void (*cb_submit_event_t)(char *, event_t *);
typedef void (*cb_start_transaction_t)(char *);
typedef void (*cb_stop_transaction_t)(char *);
typedef void (*cb_discard_transaction_t)(char *, char *);
typedef void (*cb_set_transaction_state_t)(char *, char *, char *);
typedef void (*cb_set_state_t)(char *, char *, char *);
typedef char *(*cb_get_state_t)(char *, char *);
typedef void (*cb_get_config_t)(char *, char **);
typedef void (*cb_log_t)(char *, int);
typedef void (*cb_get_hostname_t)(char **);
typedef void (*cb_cgo_free_t)(void *);

#include "abi/stackstate_check.h"

/* The structs may differ in name only. */
#define SAME_SIZE(theirs, ours) _Static_assert(sizeof(theirs) == sizeof(struct ours), #theirs)
#define SAME_FIELD(theirs, ours, field)                                                            \
    _Static_assert(offsetof(theirs, field) == offsetof(struct ours, field) &&                      \
                       sizeof(((theirs *)0)->field) == sizeof(((struct ours *)0)->field),          \
                   #theirs "." #field)

SAME_SIZE(instance_key_t, stackstate_check_instance_key);
SAME_FIELD(instance_key_t, stackstate_check_instance_key, type_);
SAME_FIELD(instance_key_t, stackstate_check_instance_key, url);
SAME_SIZE(event_t, stackstate_check_event);
SAME_FIELD(event_t, stackstate_check_event, title);
SAME_FIELD(event_t, stackstate_check_event, text);
SAME_FIELD(event_t, stackstate_check_event, ts);
SAME_FIELD(event_t, stackstate_check_event, priority);
SAME_FIELD(event_t, stackstate_check_event, host);
SAME_FIELD(event_t, stackstate_check_event, tags);
SAME_FIELD(event_t, stackstate_check_event, alert_type);
SAME_FIELD(event_t, stackstate_check_event, aggregation_key);
SAME_FIELD(event_t, stackstate_check_event, source_type_name);
SAME_FIELD(event_t, stackstate_check_event, event_type);
_Static_assert(sizeof(metric_type_t) == sizeof(enum stackstate_check_metric_type), "metric type");
_Static_assert((int)DATADOG_AGENT_RTLOADER_HISTORATE == (int)STACKSTATE_CHECK_METRIC_HISTORATE,
               "the last metric type");

/* One function of each signature that names an agent struct, as the agent's cgo exports have it. */
static unsigned call_count;

static void agent_component(char *check_id, instance_key_t *key, char *id, char *type, char *data)
{
    (void)id, (void)type, (void)data;
    call_count += check_id[0] == 'c' && key->type_[0] == 't' && key->url[0] == 'u';
}

static void agent_relation(char *check_id, instance_key_t *key, char *source, char *target,
                           char *type, char *data)
{
    (void)check_id, (void)key, (void)source, (void)target, (void)type, (void)data;
}

static void agent_snapshot(char *check_id, instance_key_t *key)
{
    (void)check_id, (void)key;
}

static void agent_delete(char *check_id, instance_key_t *key, char *id)
{
    (void)check_id, (void)key, (void)id;
}

static void agent_metric(char *check_id, metric_type_t type, char *name, double value, char **tags,
                         char *hostname, bool flush_first_value)
{
    (void)check_id, (void)name, (void)tags, (void)hostname, (void)flush_first_value;
    call_count += type == DATADOG_AGENT_RTLOADER_COUNT && value == 1.5;
}

static void agent_event(char *check_id, event_t *event)
{
    (void)check_id;
    call_count += event->ts == 7 && event->event_type[0] == 'e';
}

/* What the agent has for the rest: no struct of its own in them, so no cast at all. */
struct agent_exports {
    cb_submit_raw_metrics_data_t submit_raw_metrics_data;
    cb_submit_service_check_t submit_service_check;
    cb_start_transaction_t start_transaction;
    cb_stop_transaction_t stop_transaction;
    cb_discard_transaction_t discard_transaction;
    cb_set_transaction_state_t set_transaction_state;
    cb_set_state_t set_state;
    cb_get_state_t get_state;
    cb_get_config_t get_config;
    cb_log_t log;
    cb_get_hostname_t get_hostname;
    cb_cgo_free_t cgo_free;
};

/* Each cast changes nothing but the name of a struct or enum. It also holds the signature: where
 * the field's type is not the cast's, or where -Wcast-function-type finds another shape, this unit
 * does not compile. */
static struct stackstate_check_callbacks table_of(const struct agent_exports *agent)
{
    cb_submit_component_t component = agent_component;
    cb_submit_relation_t relation = agent_relation;
    cb_submit_start_snapshot_t start_snapshot = agent_snapshot;
    cb_submit_stop_snapshot_t stop_snapshot = agent_snapshot;
    cb_submit_delete_t element_delete = agent_delete;
    cb_submit_metric_t metric = agent_metric;
    cb_submit_event_t event = agent_event;
    return (struct stackstate_check_callbacks){
        .struct_size = sizeof(struct stackstate_check_callbacks),
        .abi_version = STACKSTATE_CHECK_ABI_VERSION,
        .submit_component = (void (*)(char *, struct stackstate_check_instance_key *, char *,
                                      char *, char *))component,
        .submit_relation = (void (*)(char *, struct stackstate_check_instance_key *, char *, char *,
                                     char *, char *))relation,
        .submit_start_snapshot =
            (void (*)(char *, struct stackstate_check_instance_key *))start_snapshot,
        .submit_stop_snapshot =
            (void (*)(char *, struct stackstate_check_instance_key *))stop_snapshot,
        .submit_delete =
            (void (*)(char *, struct stackstate_check_instance_key *, char *))element_delete,
        .submit_metric = (void (*)(char *, enum stackstate_check_metric_type, char *, double,
                                   char **, char *, bool))metric,
        .submit_event = (void (*)(char *, struct stackstate_check_event *))event,
        .submit_raw_metrics_data = agent->submit_raw_metrics_data,
        .submit_service_check = agent->submit_service_check,
        .start_transaction = agent->start_transaction,
        .stop_transaction = agent->stop_transaction,
        .discard_transaction = agent->discard_transaction,
        .set_transaction_state = agent->set_transaction_state,
        .set_state = agent->set_state,
        .get_state = agent->get_state,
        .get_config = agent->get_config,
        .log = agent->log,
        .get_hostname = agent->get_hostname,
        .cgo_free = agent->cgo_free,
    };
}

int main(void)
{
    static char check_id[] = "check", type[] = "type", url[] = "url", text[] = "event";
    struct stackstate_check_instance_key key = {type, url};
    struct stackstate_check_event event = {.ts = 7, .event_type = text};
    struct agent_exports agent = {0};
    struct stackstate_check_callbacks table = table_of(&agent);
    table.submit_component(check_id, &key, text, text, text);
    table.submit_metric(check_id, STACKSTATE_CHECK_METRIC_COUNT, text, 1.5, NULL, text, false);
    table.submit_event(check_id, &event);
    if (call_count != 3) {
        (void)printf("%u of 3 calls arrived as they were made\n", call_count);
        return 1;
    }
    return 0;
}
