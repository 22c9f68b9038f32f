#include "plugin/agent.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct stackstate_check_instance_key key_of(const struct vfl_config *config)
{
    if (config->topology_instance_type != NULL)
        return (struct stackstate_check_instance_key){config->topology_instance_type,
                                                      config->topology_instance_url};
    return (struct stackstate_check_instance_key){lend(VFL_INTEGRATION_TYPE), config->account};
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
    st = vfl_component_frame_init(&out.component_frame, config, err);
    if (st == VFL_OK &&
        (out.check_id == NULL || out.instance_tags == NULL || pthread_mutex_init(mutex, NULL) != 0))
        st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for the agent's callbacks");
    if (st != VFL_OK) {
        vfl_component_frame_fini(&out.component_frame);
        free(out.check_id);
        free(out.instance_tags);
        return st;
    }
    for (size_t i = 0; i < config->tag_count; i++)
        out.instance_tags[i] = config->tags[i];
    agent->callbacks = out.callbacks;
    agent->check_id = out.check_id;
    agent->config = out.config;
    agent->instance_key = key_of(config);
    agent->instance_tags = out.instance_tags;
    agent->component_frame = out.component_frame;
    vfl_strbuf_init(&agent->text, VFL_TOPOLOGY_JSON_MAX_BYTES);
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
    vfl_component_frame_fini(&agent->component_frame);
    vfl_strbuf_fini(&agent->text);
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

/* --- topology --- */

static enum vfl_status on_component(void *ctx, const struct vfl_component *component,
                                    struct vfl_error *err)
{
    struct vfl_agent *agent = ctx;
    vfl_component_write(&agent->text, &agent->component_frame, component);
    enum vfl_status st = vfl_strbuf_check(&agent->text, "a component's data", err);
    if (st != VFL_OK)
        return st;
    if (!is_open(agent))
        return shut(err);
    agent->callbacks.submit_component(agent->check_id, &agent->instance_key, lend(component->id),
                                      lend(VFL_COMPONENT_TYPE), agent->text.bytes);
    return VFL_OK;
}

static enum vfl_status on_relation(void *ctx, const struct vfl_relation *relation,
                                   struct vfl_error *err)
{
    struct vfl_agent *agent = ctx;
    vfl_relation_write(&agent->text, relation);
    enum vfl_status st = vfl_strbuf_check(&agent->text, "a relation's data", err);
    if (st != VFL_OK)
        return st;
    if (!is_open(agent))
        return shut(err);
    agent->callbacks.submit_relation(agent->check_id, &agent->instance_key,
                                     lend(relation->source_id), lend(relation->target_id),
                                     lend(VFL_RELATION_TYPE), agent->text.bytes);
    return VFL_OK;
}

static enum vfl_status on_removal(void *ctx, const char *element_id, struct vfl_error *err)
{
    struct vfl_agent *agent = ctx;
    if (agent->callbacks.submit_delete == NULL)
        return VFL_OK;
    if (!is_open(agent))
        return shut(err);
    agent->callbacks.submit_delete(agent->check_id, &agent->instance_key, lend(element_id));
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
    char source[VFL_TAG_SIZE];
    char target[VFL_TAG_SIZE];
    enum vfl_status st =
        vfl_endpoint_tag_write(VFL_SPAN_LITERAL("source:"), traffic->source_id, source, err);
    if (st == VFL_OK)
        st = vfl_endpoint_tag_write(VFL_SPAN_LITERAL("target:"), traffic->target_id, target, err);
    if (st != VFL_OK)
        return st;
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
    if (agent->callbacks.submit_start_snapshot != NULL && is_open(agent))
        agent->callbacks.submit_start_snapshot(agent->check_id, &agent->instance_key);
}

static void on_stop_snapshot(void *ctx)
{
    struct vfl_agent *agent = ctx;
    if (agent->callbacks.submit_stop_snapshot != NULL && is_open(agent))
        agent->callbacks.submit_stop_snapshot(agent->check_id, &agent->instance_key);
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
