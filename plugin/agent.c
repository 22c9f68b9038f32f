#include "plugin/agent.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCE_TYPE "aws-v2"
#define MAX_TAG_BYTES 1024

/* The agent's types have char * where they only read; the text is lent, not given away. */
static char *lend(const char *text)
{
    union {
        const char *in;
        char *out;
    } lent = {text};
    return lent.out;
}

/* --- the table --- */

static enum vfl_status copy_callbacks(struct stackstate_check_callbacks *out,
                                      const struct stackstate_check_callbacks *from,
                                      struct vfl_error *err)
{
    size_t minimum = offsetof(struct stackstate_check_callbacks, submit_start_snapshot);
    if (from == NULL)
        return vfl_error_set(err, VFL_CONFIG, "the agent passed no callbacks");
    if (from->struct_size < offsetof(struct stackstate_check_callbacks, submit_component) ||
        from->abi_version != STACKSTATE_CHECK_ABI_VERSION)
        return vfl_error_set(err, VFL_CONFIG,
                             "this library speaks version %u of the check ABI, the agent speaks "
                             "version %u: install the library that matches the agent",
                             STACKSTATE_CHECK_ABI_VERSION,
                             from->struct_size < 16 ? 0 : from->abi_version);
    if (from->struct_size < minimum)
        return vfl_error_set(err, VFL_CONFIG,
                             "the agent's callback table has %zu bytes, at least %zu are needed",
                             from->struct_size, minimum);
    size_t size = from->struct_size < sizeof *out ? from->struct_size : sizeof *out;
    size -= size % sizeof(void (*)(void)); /* a pointer that is cut in two is absent */
    memset(out, 0, sizeof *out);
    memcpy(out, from, size);
    out->struct_size = sizeof *out;
    if (out->submit_component == NULL || out->submit_relation == NULL)
        return vfl_error_set(err, VFL_CONFIG,
                             "the agent's callback table lacks submit_component or "
                             "submit_relation, which this check cannot do without");
    return VFL_OK;
}

enum vfl_status vfl_agent_init(struct vfl_agent *agent,
                               const struct stackstate_check_callbacks *callbacks,
                               const char *check_id, const struct vfl_config *config,
                               struct vfl_error *err)
{
    struct vfl_agent out = {.config = config};
    enum vfl_status st = copy_callbacks(&out.callbacks, callbacks, err);
    if (st != VFL_OK)
        return st;
    out.check_id = strdup(check_id == NULL ? "" : check_id);
    out.instance_tags = calloc(config->tag_count + 1, sizeof *out.instance_tags);
    pthread_mutex_t *mutex = &agent->gate_mutex; /* where it stays: a copy of one is none */
    if (out.check_id == NULL || out.instance_tags == NULL || pthread_mutex_init(mutex, NULL) != 0) {
        free(out.check_id);
        free(out.instance_tags);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the agent's callbacks");
    }
    for (size_t i = 0; i < config->tag_count; i++)
        out.instance_tags[i] = config->tags[i];
    agent->callbacks = out.callbacks;
    agent->check_id = out.check_id;
    agent->config = out.config;
    agent->instance_tags = out.instance_tags;
    agent->is_gate_shut = false;
    return VFL_OK;
}

void vfl_agent_fini(struct vfl_agent *agent)
{
    if (agent == NULL || agent->check_id == NULL)
        return;
    (void)pthread_mutex_destroy(&agent->gate_mutex);
    free(agent->check_id);
    free(agent->instance_tags);
    *agent = (struct vfl_agent){0};
}

/* --- the gate --- */

void vfl_agent_shut_gate(struct vfl_agent *agent)
{
    (void)pthread_mutex_lock(&agent->gate_mutex);
    agent->is_gate_shut = true;
    (void)pthread_mutex_unlock(&agent->gate_mutex);
}

static bool is_open(struct vfl_agent *agent)
{
    (void)pthread_mutex_lock(&agent->gate_mutex);
    bool is_open = !agent->is_gate_shut;
    (void)pthread_mutex_unlock(&agent->gate_mutex);
    return is_open;
}

static enum vfl_status shut(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_CANCELLED, "the run was cancelled");
}

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for topology data");
}

/* --- topology --- */

static json_t *string_list(const char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && list != NULL; i++) {
        if (json_array_append_new(list, json_string(texts[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *component_tags(const struct vfl_config *config)
{
    json_t *list = json_array();
    if (list == NULL)
        return NULL;
    int failed = json_array_append_new(list, json_string("integration-type:" INSTANCE_TYPE));
    failed |= json_array_append_new(list, json_sprintf("integration-url:%s", config->account));
    for (size_t i = 0; i < config->tag_count; i++)
        failed |= json_array_append_new(list, json_string(config->tags[i]));
    if (failed != 0) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static struct stackstate_check_instance_key instance_key(const struct vfl_agent *agent)
{
    const struct vfl_config *config = agent->config;
    if (config->topology_instance_type != NULL)
        return (struct stackstate_check_instance_key){config->topology_instance_type,
                                                      config->topology_instance_url};
    return (struct stackstate_check_instance_key){lend(INSTANCE_TYPE), config->account};
}

/* The compact text, to be freed; NULL without memory. Not json_dumps: when its buffer cannot grow
 * within a key, jansson 2.14 goes on without that key and reports nothing. */
static char *dump(const json_t *json)
{
    size_t size = json == NULL ? 0 : json_dumpb(json, NULL, 0, JSON_COMPACT);
    char *text = size == 0 ? NULL : malloc(size + 1);
    if (text == NULL)
        return NULL;
    if (json_dumpb(json, text, size, JSON_COMPACT) != size) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static enum vfl_status on_component(void *ctx, const struct vfl_component *component,
                                    struct vfl_error *err)
{
    struct vfl_agent *agent = ctx;
    struct stackstate_check_instance_key key = instance_key(agent);
    json_t *json = json_pack("{s:s,s:{s:s},s:{s:o,s:{s:s,s:s},s:o}}", "externalId", component->id,
                             "type", "name", VFL_COMPONENT_TYPE, "data", "URN",
                             string_list(component->urns, component->urn_count), "Location",
                             "AwsAccount", agent->config->account, "AwsRegion", component->region,
                             "tags", component_tags(agent->config));
    char *text = dump(json);
    json_decref(json);
    if (text == NULL)
        return no_memory(err);
    bool is_sent = is_open(agent);
    if (is_sent)
        agent->callbacks.submit_component(agent->check_id, &key, lend(component->id),
                                          lend(VFL_COMPONENT_TYPE), text);
    free(text);
    return is_sent ? VFL_OK : shut(err);
}

static const char *protocol_name(uint8_t protocol, char out[8])
{
    switch (protocol) {
    case 1:
        return "icmp";
    case 6:
        return "tcp";
    case 17:
        return "udp";
    case 47:
        return "gre";
    case 50:
        return "esp";
    case 58:
        return "icmpv6";
    case 132:
        return "sctp";
    default:
        (void)snprintf(out, 8, "%u", protocol);
        return out;
    }
}

static json_t *protocol_list(const struct vfl_relation *relation)
{
    json_t *list = json_array();
    for (size_t i = 0; i < relation->protocol_count && list != NULL; i++) {
        char number[8];
        const char *name = protocol_name(relation->protocols[i], number);
        if (json_array_append_new(list, json_string(name)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *port_list(const struct vfl_relation *relation)
{
    json_t *list = json_array();
    for (size_t i = 0; i < relation->port_count && list != NULL; i++) {
        if (json_array_append_new(list, json_integer(relation->ports[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* The StackPack matches the relation with its metrics by these two texts, in which it has
 * underscores for dots. Returns false when out is too small. */
static bool copy_underscored(const char *id, char *out, size_t out_size)
{
    size_t length = strlen(id);
    if (length >= out_size)
        return false;
    for (size_t i = 0; i <= length; i++)
        out[i] = id[i] == '.' ? '_' : id[i];
    return true;
}

static json_t *relation_data(const struct vfl_relation *relation)
{
    char source[MAX_TAG_BYTES];
    char target[MAX_TAG_BYTES];
    char traffic_type[8] = "unknown";
    if (!copy_underscored(relation->source_id, source, sizeof source) ||
        !copy_underscored(relation->target_id, target, sizeof target))
        return NULL;
    if (relation->protocol_count == 1)
        (void)snprintf(traffic_type, sizeof traffic_type, "%u", relation->protocols[0]);
    json_t *data = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "source", source, "target", target,
        "local_address", relation->source_address, "remote_address", relation->target_address,
        "family", relation->is_ipv6 ? "v6" : "v4", "traffic_type", traffic_type, "direction",
        vfl_evidence_name(relation->evidence), "verdict", relation->verdict, "observed_by",
        relation->observed_by, "protocols", protocol_list(relation), "ports", port_list(relation));
    int failed = 0;
    if (data != NULL && relation->has_more_ports)
        failed |= json_object_set_new(data, "more_ports", json_true());
    if (data != NULL && relation->refusal != NULL)
        failed |= json_object_set_new(data, "refusal", json_string(relation->refusal));
    if (failed != 0) {
        json_decref(data);
        return NULL;
    }
    return data;
}

static enum vfl_status on_relation(void *ctx, const struct vfl_relation *relation,
                                   struct vfl_error *err)
{
    struct vfl_agent *agent = ctx;
    struct stackstate_check_instance_key key = instance_key(agent);
    json_t *json = json_pack("{s:s,s:s,s:{s:s},s:o}", "sourceId", relation->source_id, "targetId",
                             relation->target_id, "type", "name", VFL_RELATION_TYPE, "data",
                             relation_data(relation));
    char *text = dump(json);
    json_decref(json);
    if (text == NULL)
        return no_memory(err);
    bool is_sent = is_open(agent);
    if (is_sent)
        agent->callbacks.submit_relation(agent->check_id, &key, lend(relation->source_id),
                                         lend(relation->target_id), lend(VFL_RELATION_TYPE), text);
    free(text);
    return is_sent ? VFL_OK : shut(err);
}

static enum vfl_status on_removal(void *ctx, const char *element_id, struct vfl_error *err)
{
    struct vfl_agent *agent = ctx;
    struct stackstate_check_instance_key key = instance_key(agent);
    if (agent->callbacks.submit_delete == NULL)
        return VFL_OK;
    if (!is_open(agent))
        return shut(err);
    agent->callbacks.submit_delete(agent->check_id, &key, lend(element_id));
    return VFL_OK;
}

/* --- metrics and service checks --- */

static bool send_gauge(struct vfl_agent *agent, const char *name, double value, char **tags)
{
    if (agent->callbacks.submit_metric == NULL)
        return true;
    if (!is_open(agent))
        return false;
    agent->callbacks.submit_metric(agent->check_id, STACKSTATE_CHECK_METRIC_GAUGE, lend(name),
                                   value, tags, lend(""), false);
    return true;
}

static enum vfl_status on_traffic(void *ctx, const struct vfl_relation_traffic *traffic,
                                  struct vfl_error *err)
{
    struct vfl_agent *agent = ctx;
    char source[MAX_TAG_BYTES] = "source:";
    char target[MAX_TAG_BYTES] = "target:";
    size_t prefix = sizeof "source:" - 1;
    if (!copy_underscored(traffic->source_id, source + prefix, sizeof source - prefix) ||
        !copy_underscored(traffic->target_id, target + prefix, sizeof target - prefix))
        return vfl_error_set(err, VFL_LIMIT, "an endpoint's id is too long for a tag");
    char *tags[] = {source, target, NULL};
    bool is_sent =
        send_gauge(agent, "aws.flowlog.bytes_sent", (double)traffic->bytes_sent, tags) &&
        send_gauge(agent, "aws.flowlog.bytes_received", (double)traffic->bytes_received, tags) &&
        send_gauge(agent, "aws.flowlog.bytes_sent_per_second", traffic->bytes_sent_per_second,
                   tags) &&
        send_gauge(agent, "aws.flowlog.bytes_received_per_second",
                   traffic->bytes_received_per_second, tags);
    return is_sent ? VFL_OK : shut(err);
}

static void on_metric(void *ctx, const char *name, double value, const char *detail)
{
    struct vfl_agent *agent = ctx;
    const struct vfl_config *config = agent->config;
    char account[64];
    char **tags = calloc(config->tag_count + 3, sizeof *tags);
    if (tags == NULL)
        return; /* a health metric is not worth failing a run for */
    (void)snprintf(account, sizeof account, "account:%s", config->account);
    size_t count = 0;
    tags[count++] = account;
    if (detail != NULL)
        tags[count++] = lend(detail);
    for (size_t i = 0; i < config->tag_count; i++)
        tags[count++] = config->tags[i];
    (void)send_gauge(agent, name, value, tags);
    free(tags);
}

static void on_service_check(void *ctx, enum vfl_check check, enum vfl_check_level level,
                             const char *message)
{
    static const int statuses[] = {
        [VFL_CHECK_OK] = STACKSTATE_CHECK_SERVICE_OK,
        [VFL_CHECK_WARNING] = STACKSTATE_CHECK_SERVICE_WARNING,
        [VFL_CHECK_CRITICAL] = STACKSTATE_CHECK_SERVICE_CRITICAL,
    };
    struct vfl_agent *agent = ctx;
    const char *name =
        check == VFL_CHECK_CAN_CONNECT ? "aws_flowlogs.can_connect" : "aws_flowlogs.can_update";
    if (agent->callbacks.submit_service_check != NULL && is_open(agent))
        agent->callbacks.submit_service_check(agent->check_id, lend(name), statuses[level],
                                              agent->instance_tags, lend(""), lend(message));
}

void vfl_agent_log(struct vfl_agent *agent, enum vfl_notice_level level, const char *text)
{
    static const int levels[] = {
        [VFL_NOTICE_DEBUG] = STACKSTATE_CHECK_LOG_DEBUG,
        [VFL_NOTICE_INFO] = STACKSTATE_CHECK_LOG_INFO,
        [VFL_NOTICE_WARNING] = STACKSTATE_CHECK_LOG_WARNING,
        [VFL_NOTICE_ERROR] = STACKSTATE_CHECK_LOG_ERROR,
    };
    char line[VFL_ERROR_TEXT_SIZE + 64];
    const char *account = agent->config->account;
    (void)snprintf(line, sizeof line, "aws_flowlogs%s%s: %s", account == NULL ? "" : " ",
                   account == NULL ? "" : account, text);
    if (agent->callbacks.log != NULL && is_open(agent))
        agent->callbacks.log(line, levels[level]);
}

static void on_notice(void *ctx, enum vfl_notice_level level, const char *text)
{
    vfl_agent_log(ctx, level, text);
}

/* --- state --- */

/* Once teardown has returned the agent may be gone: its text is then left behind rather than given
 * back through a function that need not exist any more. */
static void give_back(struct vfl_agent *agent, char *text)
{
    if (is_open(agent))
        agent->callbacks.cgo_free(text);
}

/* The value comes as a YAML scalar, in quotes when it was set through the environment. */
static bool is_false(const char *yaml)
{
    static const char word[] = "false";
    if (*yaml == '"' || *yaml == '\'')
        yaml++;
    for (size_t i = 0; i < sizeof word - 1; i++)
        if (yaml[i] != word[i] && yaml[i] != word[i] - 'a' + 'A')
            return false;
    return strchr("\"' \t\r\n", yaml[sizeof word - 1]) != NULL;
}

/* The agent has an option that leaves the transaction callbacks in place but without effect. */
static bool are_transactions_off(struct vfl_agent *agent)
{
    char *yaml = NULL;
    if (agent->callbacks.get_config == NULL || !is_open(agent))
        return false;
    agent->callbacks.get_config(lend("check_transactionality_enabled"), &yaml);
    if (yaml == NULL)
        return false;
    bool is_off = is_false(yaml);
    give_back(agent, yaml);
    return is_off;
}

static enum vfl_state_support on_state_support(void *ctx)
{
    struct vfl_agent *agent = ctx;
    const struct stackstate_check_callbacks *callbacks = &agent->callbacks;
    if (callbacks->get_state == NULL || callbacks->cgo_free == NULL)
        return VFL_STATE_NONE;
    if (callbacks->start_transaction != NULL && callbacks->stop_transaction != NULL &&
        callbacks->set_transaction_state != NULL && !are_transactions_off(agent))
        return VFL_STATE_TRANSACTIONAL;
    return callbacks->set_state != NULL ? VFL_STATE_PLAIN : VFL_STATE_NONE;
}

static void on_get_state(void *ctx, const char *key, struct vfl_strbuf *out)
{
    struct vfl_agent *agent = ctx;
    if (!is_open(agent))
        return;
    char *text = agent->callbacks.get_state(agent->check_id, lend(key));
    if (text == NULL)
        return;
    vfl_strbuf_append_string(out, text);
    give_back(agent, text);
}

static void on_set_state(void *ctx, const char *key, const char *text)
{
    struct vfl_agent *agent = ctx;
    if (is_open(agent))
        agent->callbacks.set_state(agent->check_id, lend(key), lend(text));
}

static void on_start_transaction(void *ctx)
{
    struct vfl_agent *agent = ctx;
    if (is_open(agent))
        agent->callbacks.start_transaction(agent->check_id);
}

static void on_set_transaction_state(void *ctx, const char *key, const char *text)
{
    struct vfl_agent *agent = ctx;
    if (is_open(agent))
        agent->callbacks.set_transaction_state(agent->check_id, lend(key), lend(text));
}

static void on_stop_transaction(void *ctx)
{
    struct vfl_agent *agent = ctx;
    if (is_open(agent))
        agent->callbacks.stop_transaction(agent->check_id);
}

static void on_start_snapshot(void *ctx)
{
    struct vfl_agent *agent = ctx;
    struct stackstate_check_instance_key key = instance_key(agent);
    if (agent->callbacks.submit_start_snapshot != NULL && is_open(agent))
        agent->callbacks.submit_start_snapshot(agent->check_id, &key);
}

static void on_stop_snapshot(void *ctx)
{
    struct vfl_agent *agent = ctx;
    struct stackstate_check_instance_key key = instance_key(agent);
    if (agent->callbacks.submit_stop_snapshot != NULL && is_open(agent))
        agent->callbacks.submit_stop_snapshot(agent->check_id, &key);
}

struct vfl_collector_ops vfl_agent_ops(struct vfl_agent *agent)
{
    return (struct vfl_collector_ops){
        .topology = {on_removal, on_component, on_relation, on_traffic, agent},
        .metric = on_metric,
        .service_check = on_service_check,
        .notice = on_notice,
        .state_support = on_state_support,
        .get_state = on_get_state,
        .set_state = on_set_state,
        .start_transaction = on_start_transaction,
        .set_transaction_state = on_set_transaction_state,
        .stop_transaction = on_stop_transaction,
        .start_snapshot = on_start_snapshot,
        .stop_snapshot = on_stop_snapshot,
        .ctx = agent,
    };
}
