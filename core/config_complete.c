#include "core/config_complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config_text.h"

#define MAX_NOTICES 32

enum vfl_status vfl_config_add_notice(struct vfl_config *config, const struct vfl_error *notice,
                                      struct vfl_error *err)
{
    if (config->notice_count == MAX_NOTICES)
        return VFL_OK;
    if (config->notices == NULL) {
        config->notices = calloc(MAX_NOTICES, sizeof *config->notices);
        if (config->notices == NULL)
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
    }
    bool is_last = config->notice_count + 1 == MAX_NOTICES;
    char *text =
        strdup(is_last ? "more notices about the configuration are left out" : notice->text);
    if (text == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
    config->notices[config->notice_count++] = text;
    return VFL_OK;
}

static bool is_set(const struct vfl_config_draft *draft, const struct vfl_config_rule *rule)
{
    const char *base = (const char *)draft;
    if (rule->kind == VFL_CONFIG_LIST)
        return *(const size_t *)(const void *)(base + rule->count_offset) > 0;
    return *(char *const *)(const void *)(base + rule->offset) != NULL;
}

static enum vfl_status check_required(const struct vfl_config_draft *draft, const char *scope,
                                      struct vfl_error *err)
{
    size_t count;
    const struct vfl_config_key *keys = vfl_config_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].rule->missing != NULL && vfl_config_key_is_in_scope(&keys[i], scope) &&
            !is_set(draft, keys[i].rule))
            return vfl_error_set(err, VFL_CONFIG, "%s.%s: not set%s, expected %s", scope,
                                 keys[i].name,
                                 keys[i].rule->skip_item != NULL ? " (global does not count)" : "",
                                 keys[i].rule->missing);
    return VFL_OK;
}

static enum vfl_status check_credentials(struct vfl_config *config, struct vfl_error *err)
{
    struct vfl_error notice = {0};
    if ((config->access_key_id == NULL) != (config->secret_access_key == NULL))
        return vfl_error_set(
            err, VFL_CONFIG,
            "init_config.%s: not set although init_config.%s is: set both, or "
            "neither for the default credential chain",
            config->access_key_id == NULL ? "aws_access_key_id" : "aws_secret_access_key",
            config->access_key_id == NULL ? "aws_secret_access_key" : "aws_access_key_id");
    bool asks_aws = config->store_directory == NULL || config->interfaces_file == NULL;
    if (config->external_id == NULL) {
        if (!config->process_flow_logs || !asks_aws)
            return VFL_OK;
        (void)vfl_error_set(&notice, VFL_CONFIG,
                            "init_config.external_id is not set: a role that can be assumed "
                            "without one is refused, and a role that asks for one will refuse us");
        return vfl_config_add_notice(config, &notice, err);
    }
    config->is_external_id_check_disabled =
        strcmp(config->external_id, VFL_CONFIG_EXTERNAL_ID_CHECK_DISABLED) == 0;
    if (vfl_config_is_external_id(config->external_id))
        return VFL_OK;
    (void)vfl_error_set(&notice, VFL_CONFIG,
                        "init_config.external_id is not of the form that AWS documents: 2 to 1224 "
                        "of the characters A-Z a-z 0-9 _ + = , . @ : / -");
    return vfl_config_add_notice(config, &notice, err);
}

static enum vfl_status copy_span(struct vfl_span span, char **ret_text, struct vfl_error *err)
{
    char *text = strndup(span.ptr, span.len);
    if (text == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
    *ret_text = text;
    return VFL_OK;
}

static enum vfl_status derive_bucket(struct vfl_config_draft *draft, struct vfl_error *err)
{
    struct vfl_config *config = &draft->config;
    const char *path = draft->flowlog_bucket_name != NULL ? "instance.flowlog_bucket_name"
                                                          : "instance.log_bucket_name";
    char **taken =
        draft->flowlog_bucket_name != NULL ? &draft->flowlog_bucket_name : &draft->log_bucket_name;
    if (*taken == NULL) {
        char name[64] = "";
        config->is_default_bucket = true;
        if (config->account != NULL)
            (void)snprintf(name, sizeof name, "stackstate-logs-%.12s", config->account);
        return copy_span(vfl_span_from_string(name), &config->bucket, err);
    }
    const char *expected = vfl_config_check_bucket(*taken);
    struct vfl_span text = vfl_span_from_string(*taken);
    if (expected != NULL)
        return vfl_error_set(err, VFL_CONFIG, "%s: found '%.*s%s, expected %s", path,
                             vfl_config_quoted_bytes(text), text.ptr, vfl_config_quote_end(text),
                             expected);
    config->bucket = *taken;
    *taken = NULL;
    if (draft->log_bucket_name == NULL || strcmp(config->bucket, draft->log_bucket_name) == 0)
        return VFL_OK;
    struct vfl_error notice = {0};
    (void)vfl_error_set(&notice, VFL_CONFIG,
                        "flow logs are read from instance.flowlog_bucket_name (%s); "
                        "instance.log_bucket_name is not used",
                        config->bucket);
    return vfl_config_add_notice(config, &notice, err);
}

enum vfl_status vfl_config_complete(struct vfl_config_draft *draft, struct vfl_error *err)
{
    struct vfl_config *config = &draft->config;
    enum vfl_status st = VFL_OK;
    if (config->process_flow_logs)
        st = check_required(draft, "instance", err);
    if (st == VFL_OK && draft->has_topology_instance)
        st = check_required(draft, VFL_CONFIG_TOPOLOGY_INSTANCE, err);
    const char *folder =
        config->s3_endpoint_url != NULL ? vfl_config_url_folder(config->s3_endpoint_url) : NULL;
    if (st == VFL_OK && folder != NULL)
        st = copy_span(vfl_span_from_string(folder), &config->store_directory, err);
    if (st == VFL_OK)
        st = check_credentials(config, err);
    if (st == VFL_OK && config->role_arn != NULL)
        st = copy_span(vfl_config_arn_account(config->role_arn), &config->account, err);
    if (st == VFL_OK && config->role_arn != NULL)
        st = copy_span(vfl_config_arn_partition(config->role_arn), &config->partition, err);
    if (st == VFL_OK)
        st = derive_bucket(draft, err);
    if (st == VFL_OK && config->log_prefix == NULL)
        st = copy_span(VFL_SPAN_LITERAL(""), &config->log_prefix, err);
    return st;
}
