#include "examples/host/call.h"

#include <math.h>
#include <string.h>

const char *vfl_call_name(enum vfl_call call)
{
    static const char *const names[VFL_CALL_COUNT] = {
        [VFL_CALL_COMPONENT] = "submit_component",
        [VFL_CALL_RELATION] = "submit_relation",
        [VFL_CALL_START_SNAPSHOT] = "start_snapshot",
        [VFL_CALL_STOP_SNAPSHOT] = "stop_snapshot",
        [VFL_CALL_DELETE] = "submit_delete",
        [VFL_CALL_METRIC] = "submit_metric",
        [VFL_CALL_RAW_METRIC] = "submit_raw_metrics_data",
        [VFL_CALL_SERVICE_CHECK] = "submit_service_check",
        [VFL_CALL_EVENT] = "submit_event",
        [VFL_CALL_START_TRANSACTION] = "start_transaction",
        [VFL_CALL_STOP_TRANSACTION] = "stop_transaction",
        [VFL_CALL_DISCARD_TRANSACTION] = "discard_transaction",
        [VFL_CALL_SET_TRANSACTION_STATE] = "set_transaction_state",
        [VFL_CALL_SET_STATE] = "set_state",
        [VFL_CALL_GET_STATE] = "get_state",
        [VFL_CALL_GET_CONFIG] = "get_config",
        [VFL_CALL_GET_HOSTNAME] = "get_hostname",
        [VFL_CALL_LOG] = "log",
        [VFL_CALL_CGO_FREE] = "cgo_free",
    };
    return names[call];
}

/* Members are added one by one; a failure sticks in `ok`, and finish() reports it once. */
struct builder {
    json_t *object;
    const char *bad_member; /* the first that was NULL or not UTF-8 */
};

static void add(struct builder *builder, const char *name, json_t *value)
{
    if (json_object_set_new(builder->object, name, value) != 0 && builder->bad_member == NULL)
        builder->bad_member = name;
}

static void add_text(struct builder *builder, const char *name, const char *value)
{
    add(builder, name, value == NULL ? NULL : json_string(value));
}

static void add_optional_text(struct builder *builder, const char *name, const char *value)
{
    add_text(builder, name, value == NULL ? "" : value);
}

static void add_tags(struct builder *builder, char *const *tags)
{
    json_t *list = json_array();
    for (; tags != NULL && *tags != NULL; tags++)
        if (json_array_append_new(list, json_string(*tags)) != 0 && builder->bad_member == NULL)
            builder->bad_member = "tags";
    add(builder, "tags", list);
}

static struct builder start(enum vfl_call call, const char *check_id,
                            const struct stackstate_check_instance_key *instance_key)
{
    struct builder builder = {.object = json_object()};
    add_text(&builder, "call", vfl_call_name(call));
    add_text(&builder, "check_id", check_id);
    if (instance_key != NULL) {
        struct builder key = {.object = json_object()};
        add_text(&key, "type", instance_key->type_);
        add_text(&key, "url", instance_key->url);
        if (key.bad_member != NULL)
            builder.bad_member = "instance key";
        add(&builder, "instance", key.object);
    }
    return builder;
}

static json_t *finish(struct builder *builder, enum vfl_call call, struct vfl_error *err)
{
    if (builder->bad_member == NULL)
        return builder->object;
    json_decref(builder->object);
    (void)vfl_error_set(err, VFL_FORMAT, "%s: %s is NULL or not UTF-8", vfl_call_name(call),
                        builder->bad_member);
    return NULL;
}

/* The text of member, or of member.name when member is an object. */
static const char *text_of(const json_t *element, const char *member)
{
    json_t *value = json_object_get(element, member);
    return json_string_value(json_is_object(value) ? json_object_get(value, "name") : value);
}

/* The agent reads nothing but the JSON, so what it says must be there and must agree with the
 * arguments. */
static bool is_expected(const json_t *element, const char *member, const char *argument,
                        struct vfl_error *err)
{
    const char *value = text_of(element, member);
    if (value == NULL)
        (void)vfl_error_set(err, VFL_FORMAT, "its JSON has no %s%s", member,
                            strcmp(member, "type") == 0 ? ".name" : "");
    else if (argument == NULL || strcmp(value, argument) != 0)
        (void)vfl_error_set(err, VFL_FORMAT, "%s is \"%s\" in its JSON and \"%s\" as argument",
                            member, value, argument == NULL ? "NULL" : argument);
    else
        return true;
    return false;
}

/* Returns the element's inner data. A borrowed data would die with the element. */
static json_t *unwrap(const char *data, const char *const *members, const char *const *arguments,
                      struct vfl_error *err)
{
    json_error_t problem;
    json_t *element = data == NULL ? NULL : json_loads(data, JSON_REJECT_DUPLICATES, &problem);
    json_t *inner = NULL;
    if (element == NULL) {
        (void)vfl_error_set(err, VFL_FORMAT, "its JSON does not parse: %s",
                            data == NULL ? "NULL" : problem.text);
        return NULL;
    }
    for (; *members != NULL; members++, arguments++)
        if (!is_expected(element, *members, *arguments, err))
            goto out;
    inner = json_object_get(element, "data");
    if (inner == NULL)
        inner = json_object();
    else if (json_is_object(inner))
        (void)json_incref(inner);
    else
        inner = NULL;
    if (inner == NULL)
        (void)vfl_error_set(err, VFL_FORMAT, "its JSON's data is not an object");

out:
    json_decref(element);
    return inner;
}

json_t *vfl_call_component(const char *check_id,
                           const struct stackstate_check_instance_key *instance_key, const char *id,
                           const char *type, const char *data, struct vfl_error *err)
{
    json_t *inner = unwrap(data, (const char *const[]){"externalId", "type", NULL},
                           (const char *const[]){id, type, NULL}, err);
    if (inner == NULL) {
        (void)vfl_error_wrap(err, VFL_FORMAT, "component %s dropped", id == NULL ? "NULL" : id);
        return NULL;
    }
    struct builder builder = start(VFL_CALL_COMPONENT, check_id, instance_key);
    add_text(&builder, "id", id);
    add_text(&builder, "type", type);
    add(&builder, "data", inner);
    return finish(&builder, VFL_CALL_COMPONENT, err);
}

json_t *vfl_call_relation(const char *check_id,
                          const struct stackstate_check_instance_key *instance_key,
                          const char *source_id, const char *target_id, const char *type,
                          const char *data, struct vfl_error *err)
{
    json_t *inner = unwrap(data, (const char *const[]){"sourceId", "targetId", "type", NULL},
                           (const char *const[]){source_id, target_id, type, NULL}, err);
    if (inner == NULL) {
        (void)vfl_error_wrap(err, VFL_FORMAT, "relation %s -> %s dropped",
                             source_id == NULL ? "NULL" : source_id,
                             target_id == NULL ? "NULL" : target_id);
        return NULL;
    }
    struct builder builder = start(VFL_CALL_RELATION, check_id, instance_key);
    add_text(&builder, "source", source_id);
    add_text(&builder, "target", target_id);
    add_text(&builder, "type", type);
    add(&builder, "data", inner);
    return finish(&builder, VFL_CALL_RELATION, err);
}

static const char *metric_type_name(enum stackstate_check_metric_type type)
{
    static const char *const names[] = {"gauge",   "rate",      "count",    "monotonic_count",
                                        "counter", "histogram", "historate"};
    return (size_t)type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

json_t *vfl_call_metric(const char *check_id, enum stackstate_check_metric_type metric_type,
                        const char *name, double value, char *const *tags, const char *hostname,
                        bool is_first_value_flushed, struct vfl_error *err)
{
    struct builder builder = start(VFL_CALL_METRIC, check_id, NULL);
    add_text(&builder, "name", name);
    if (!isfinite(value))
        builder.bad_member = "value (not a finite number)";
    else
        add(&builder, "value", json_real(value));
    add_text(&builder, "metric_type", metric_type_name(metric_type));
    add_tags(&builder, tags);
    add_optional_text(&builder, "hostname", hostname);
    add(&builder, "flush_first_value", json_boolean(is_first_value_flushed));
    return finish(&builder, VFL_CALL_METRIC, err);
}

json_t *vfl_call_raw_metric(const char *check_id, const char *name, float value, char *const *tags,
                            const char *hostname, long long timestamp, struct vfl_error *err)
{
    struct builder builder = start(VFL_CALL_RAW_METRIC, check_id, NULL);
    add_text(&builder, "name", name);
    if (!isfinite(value))
        builder.bad_member = "value (not a finite number)";
    else
        add(&builder, "value", json_real((double)value));
    add_tags(&builder, tags);
    add_optional_text(&builder, "hostname", hostname);
    add(&builder, "timestamp", json_integer(timestamp));
    return finish(&builder, VFL_CALL_RAW_METRIC, err);
}

json_t *vfl_call_service_check(const char *check_id, const char *name, int status,
                               char *const *tags, const char *hostname, const char *message,
                               struct vfl_error *err)
{
    struct builder builder = start(VFL_CALL_SERVICE_CHECK, check_id, NULL);
    add_text(&builder, "name", name);
    if (status < STACKSTATE_CHECK_SERVICE_OK || status > STACKSTATE_CHECK_SERVICE_UNKNOWN)
        builder.bad_member = "status (not from 0 to 3)";
    else
        add(&builder, "status", json_integer(status));
    add_optional_text(&builder, "message", message);
    add_tags(&builder, tags);
    add_optional_text(&builder, "hostname", hostname);
    return finish(&builder, VFL_CALL_SERVICE_CHECK, err);
}

json_t *vfl_call_event(const char *check_id, const struct stackstate_check_event *event,
                       struct vfl_error *err)
{
    if (event == NULL) {
        (void)vfl_error_set(err, VFL_FORMAT, "submit_event: the event is NULL");
        return NULL;
    }
    struct builder builder = start(VFL_CALL_EVENT, check_id, NULL);
    add_optional_text(&builder, "title", event->title);
    add_optional_text(&builder, "text", event->text);
    add(&builder, "ts", json_integer(event->ts));
    add_optional_text(&builder, "priority", event->priority);
    add_optional_text(&builder, "host", event->host);
    add_tags(&builder, event->tags);
    add_optional_text(&builder, "alert_type", event->alert_type);
    add_optional_text(&builder, "aggregation_key", event->aggregation_key);
    add_optional_text(&builder, "source_type_name", event->source_type_name);
    add_optional_text(&builder, "event_type", event->event_type);
    return finish(&builder, VFL_CALL_EVENT, err);
}

json_t *vfl_call_texts(enum vfl_call call, const char *check_id,
                       const struct stackstate_check_instance_key *instance_key,
                       const char *const *names_and_values, struct vfl_error *err)
{
    struct builder builder = start(call, check_id, instance_key);
    for (; names_and_values[0] != NULL; names_and_values += 2)
        add_text(&builder, names_and_values[0], names_and_values[1]);
    return finish(&builder, call, err);
}
