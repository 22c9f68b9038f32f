#include "tests/fake/recording_ops.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void replace(char **text, const char *with)
{
    char *copy = with == NULL ? NULL : strdup(with);
    ck_assert(with == NULL || copy != NULL);
    free(*text);
    *text = copy;
}

static void note_element(struct recording_ops *recording)
{
    recording->outside_count +=
        recording->support == VFL_STATE_TRANSACTIONAL && !recording->is_open;
}

static enum vfl_status on_removal(void *ctx, const char *element_id, struct vfl_error *err)
{
    struct recording_ops *recording = ctx;
    (void)err;
    note_element(recording);
    recording->removal_count++;
    (void)snprintf(recording->last_removal, sizeof recording->last_removal, "%s", element_id);
    return VFL_OK;
}

static enum vfl_status on_component(void *ctx, const struct vfl_component *component,
                                    struct vfl_error *err)
{
    struct recording_ops *recording = ctx;
    if (recording->on_component != NULL) {
        enum vfl_status st = recording->on_component(recording->on_component_ctx, err);
        if (st != VFL_OK)
            return st;
    }
    note_element(recording);
    recording->component_count++;
    (void)snprintf(recording->last_component, sizeof recording->last_component, "%s",
                   component->id);
    return VFL_OK;
}

static enum vfl_status on_relation(void *ctx, const struct vfl_relation *relation,
                                   struct vfl_error *err)
{
    struct recording_ops *recording = ctx;
    (void)err;
    note_element(recording);
    recording->relation_count++;
    (void)snprintf(recording->last_relation, sizeof recording->last_relation, "%s -> %s",
                   relation->source_id, relation->target_id);
    return VFL_OK;
}

static enum vfl_status on_traffic(void *ctx, const struct vfl_relation_traffic *traffic,
                                  struct vfl_error *err)
{
    struct recording_ops *recording = ctx;
    (void)err;
    recording->traffic_count++;
    recording->bytes_sent += traffic->bytes_sent;
    recording->bytes_received += traffic->bytes_received;
    return VFL_OK;
}

static void on_metric(void *ctx, const char *name, double value, const char *detail)
{
    struct recording_ops *recording = ctx;
    ck_assert_uint_lt(recording->metric_count, RECORDING_MAX_METRICS);
    struct recorded_metric *metric = &recording->metrics[recording->metric_count++];
    (void)snprintf(metric->name, sizeof metric->name, "%s", name);
    (void)snprintf(metric->detail, sizeof metric->detail, "%s", detail == NULL ? "" : detail);
    metric->value = value;
}

static void on_service_check(void *ctx, enum vfl_check check, enum vfl_check_level level,
                             const char *message)
{
    struct recording_ops *recording = ctx;
    recording->checks[check].count++;
    recording->checks[check].level = level;
    (void)snprintf(recording->checks[check].message, sizeof recording->checks[check].message, "%s",
                   message);
}

static void on_notice(void *ctx, enum vfl_notice_level level, const char *text)
{
    struct recording_ops *recording = ctx;
    ck_assert_uint_lt(recording->notice_count, RECORDING_MAX_NOTICES);
    struct recorded_notice *notice = &recording->notices[recording->notice_count++];
    notice->level = level;
    (void)snprintf(notice->text, sizeof notice->text, "%s", text);
}

static enum vfl_state_support on_state_support(void *ctx)
{
    const struct recording_ops *recording = ctx;
    return recording->support;
}

static void use_key(struct recording_ops *recording, const char *key)
{
    ck_assert_int_ne(recording->support, VFL_STATE_NONE);
    (void)snprintf(recording->state_key, sizeof recording->state_key, "%s", key);
}

static void on_get_state(void *ctx, const char *key, struct vfl_strbuf *out)
{
    struct recording_ops *recording = ctx;
    use_key(recording, key);
    recording->get_state_count++;
    vfl_strbuf_append_string(out, recording->state == NULL ? "{}" : recording->state);
    if (recording->is_state_too_large)
        out->failure = VFL_NO_MEMORY;
}

static void on_set_state(void *ctx, const char *key, const char *text)
{
    struct recording_ops *recording = ctx;
    ck_assert_int_eq(recording->support, VFL_STATE_PLAIN);
    use_key(recording, key);
    recording->set_state_count++;
    replace(&recording->state, text);
}

static void on_start_transaction(void *ctx)
{
    struct recording_ops *recording = ctx;
    ck_assert_int_eq(recording->support, VFL_STATE_TRANSACTIONAL);
    ck_assert(!recording->is_open);
    recording->is_open = true;
    recording->start_count++;
}

static void on_set_transaction_state(void *ctx, const char *key, const char *text)
{
    struct recording_ops *recording = ctx;
    ck_assert(recording->is_open);
    use_key(recording, key);
    replace(&recording->open_state, text);
}

static void on_stop_transaction(void *ctx)
{
    struct recording_ops *recording = ctx;
    ck_assert(recording->is_open);
    recording->is_open = false;
    recording->stop_count++;
    replace(&recording->pending_state, recording->open_state);
    replace(&recording->open_state, NULL);
    if (recording->is_auto_commit)
        recording_ops_commit(recording);
}

void recording_ops_init(struct recording_ops *recording, enum vfl_state_support support)
{
    *recording = (struct recording_ops){.support = support};
}

void recording_ops_fini(struct recording_ops *recording)
{
    free(recording->state);
    free(recording->pending_state);
    free(recording->open_state);
    *recording = (struct recording_ops){0};
}

struct vfl_collector_ops recording_ops_table(struct recording_ops *recording)
{
    return (struct vfl_collector_ops){
        .topology = {on_removal, on_component, on_relation, on_traffic, recording},
        .metric = on_metric,
        .service_check = on_service_check,
        .notice = on_notice,
        .state_support = on_state_support,
        .get_state = on_get_state,
        .set_state = on_set_state,
        .start_transaction = on_start_transaction,
        .set_transaction_state = on_set_transaction_state,
        .stop_transaction = on_stop_transaction,
        .ctx = recording,
    };
}

void recording_ops_commit(struct recording_ops *recording)
{
    if (recording->pending_state == NULL)
        return;
    replace(&recording->state, recording->pending_state);
    replace(&recording->pending_state, NULL);
}

void recording_ops_set_state(struct recording_ops *recording, const char *state)
{
    replace(&recording->state, state);
}

void recording_ops_forget(struct recording_ops *recording)
{
    recording->component_count = recording->relation_count = recording->removal_count = 0;
    recording->traffic_count = recording->outside_count = 0;
    recording->bytes_sent = recording->bytes_received = 0;
    recording->last_component[0] = recording->last_relation[0] = recording->last_removal[0] = '\0';
    recording->metric_count = recording->notice_count = 0;
    recording->start_count = recording->stop_count = 0;
    recording->get_state_count = recording->set_state_count = 0;
    memset(recording->checks, 0, sizeof recording->checks);
}

double recording_ops_metric(const struct recording_ops *recording, const char *name,
                            const char *detail)
{
    for (size_t i = 0; i < recording->metric_count; i++)
        if (strcmp(recording->metrics[i].name, name) == 0 &&
            strcmp(recording->metrics[i].detail, detail == NULL ? "" : detail) == 0)
            return recording->metrics[i].value;
    return (double)NAN;
}

bool recording_ops_has_notice(const struct recording_ops *recording, enum vfl_notice_level level,
                              const char *part)
{
    for (size_t i = 0; i < recording->notice_count; i++)
        if (recording->notices[i].level == level &&
            strstr(recording->notices[i].text, part) != NULL)
            return true;
    return false;
}
