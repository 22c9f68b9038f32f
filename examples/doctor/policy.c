#include "examples/doctor/policy.h"

#include <jansson.h>
#include <string.h>

#include "core/flowlog/object_key.h"

#define MAX_ARN_BYTES 4096
#define KEPT_DAYS 7

/* Takes document. */
static char *print(json_t *document)
{
    char *text = document == NULL ? NULL : json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(document);
    return text;
}

static json_t *text_of(struct vfl_strbuf *text)
{
    json_t *made = text->failure == VFL_OK ? json_string(vfl_strbuf_string(text)) : NULL;
    vfl_strbuf_fini(text);
    return made;
}

static json_t *bucket_arn(const struct vfl_config *config)
{
    struct vfl_strbuf arn = VFL_STRBUF_INIT(MAX_ARN_BYTES);
    vfl_strbuf_appendf(&arn, "arn:%s:s3:::%s", config->partition, config->bucket);
    return text_of(&arn);
}

/* begin, then where the flow logs of all regions are, in both layouts. */
static json_t *flow_log_places(const struct vfl_config *config, const char *begin)
{
    json_t *places = json_array();
    for (size_t i = 0; i < VFL_KEY_LAYOUT_COUNT; i++) {
        struct vfl_strbuf place = VFL_STRBUF_INIT(MAX_ARN_BYTES);
        vfl_strbuf_append_string(&place, begin);
        if (config->log_prefix[0] != '\0')
            vfl_strbuf_appendf(&place, "%s/", config->log_prefix);
        if (i == VFL_KEY_LAYOUT_DEFAULT)
            vfl_strbuf_appendf(&place, "AWSLogs/%s/vpcflowlogs/*", config->account);
        else
            vfl_strbuf_appendf(&place, "AWSLogs/aws-account-id=%s/aws-service=vpcflowlogs/*",
                               config->account);
        if (json_array_append_new(places, text_of(&place)) != 0) {
            json_decref(places);
            return NULL;
        }
    }
    return places;
}

static char *on_flow_logs(const struct vfl_config *config, const char *sid, const char *action)
{
    struct vfl_strbuf begin = VFL_STRBUF_INIT(MAX_ARN_BYTES);
    vfl_strbuf_appendf(&begin, "arn:%s:s3:::%s/", config->partition, config->bucket);
    char *text =
        print(json_pack("{s:s, s:s, s:s, s:o}", "Sid", sid, "Effect", "Allow", "Action", action,
                        "Resource", flow_log_places(config, vfl_strbuf_string(&begin))));
    vfl_strbuf_fini(&begin);
    return text;
}

char *vfl_policy_interfaces(void)
{
    return print(json_pack("{s:s, s:s, s:s, s:s}", "Sid", "KnowTheInterfaces", "Effect", "Allow",
                           "Action", "ec2:DescribeNetworkInterfaces", "Resource", "*"));
}

char *vfl_policy_versioning(const struct vfl_config *config)
{
    return print(json_pack("{s:s, s:s, s:s, s:o}", "Sid", "SeeThatDeletedObjectsAreKept", "Effect",
                           "Allow", "Action", "s3:GetBucketVersioning", "Resource",
                           bucket_arn(config)));
}

char *vfl_policy_list(const struct vfl_config *config)
{
    return print(json_pack("{s:s, s:s, s:s, s:o, s:{s:{s:o}}}", "Sid", "FindFlowLogs", "Effect",
                           "Allow", "Action", "s3:ListBucket", "Resource", bucket_arn(config),
                           "Condition", "StringLike", "s3:prefix", flow_log_places(config, "")));
}

char *vfl_policy_read(const struct vfl_config *config)
{
    return on_flow_logs(config, "ReadFlowLogs", "s3:GetObject");
}

char *vfl_policy_delete(const struct vfl_config *config)
{
    return on_flow_logs(config, "DeleteFlowLogs", "s3:DeleteObject");
}

char *vfl_policy_decrypt(const struct vfl_config *config, const char *bucket_region,
                         struct vfl_span key_arn)
{
    struct vfl_strbuf key = VFL_STRBUF_INIT(MAX_ARN_BYTES);
    struct vfl_strbuf service = VFL_STRBUF_INIT(MAX_ARN_BYTES);
    if (key_arn.ptr != NULL)
        vfl_strbuf_append(&key, key_arn);
    else
        vfl_strbuf_appendf(&key, "arn:%s:kms:%s:%s:key/THE-KEY-OF-THE-BUCKET", config->partition,
                           bucket_region, config->account);
    vfl_strbuf_appendf(&service, "s3.%s.amazonaws.com%s", bucket_region,
                       strcmp(config->partition, "aws-cn") == 0 ? ".cn" : "");
    json_t *resource = text_of(&key);
    json_t *via = text_of(&service);
    return print(json_pack("{s:s, s:s, s:s, s:o, s:{s:{s:o}}}", "Sid", "DecryptFlowLogs", "Effect",
                           "Allow", "Action", "kms:Decrypt", "Resource", resource, "Condition",
                           "StringEquals", "kms:ViaService", via));
}

char *vfl_policy_assume(const struct vfl_config *config)
{
    return print(json_pack("{s:s, s:s, s:s}", "Effect", "Allow", "Action", "sts:AssumeRole",
                           "Resource", config->role_arn));
}

/* A policy names a role, not one session of it. */
static json_t *principal_of(const struct vfl_config *config, const char *caller_arn)
{
    static const char assumed[] = ":assumed-role/";
    struct vfl_strbuf arn = VFL_STRBUF_INIT(MAX_ARN_BYTES);
    const char *role = strstr(caller_arn, assumed);
    const char *sts = strstr(caller_arn, ":sts::");
    if (caller_arn[0] == '\0') {
        vfl_strbuf_appendf(&arn, "arn:%s:iam::THE-AGENT-S-ACCOUNT:user/THE-AGENT",
                           config->partition);
    } else if (role != NULL && sts != NULL && sts < role) {
        role += sizeof assumed - 1;
        vfl_strbuf_append(&arn, (struct vfl_span){caller_arn, (size_t)(sts - caller_arn)});
        vfl_strbuf_appendf(&arn, ":iam::%.12s:role/%.*s", sts + 6, (int)strcspn(role, "/"), role);
    } else {
        vfl_strbuf_append_string(&arn, caller_arn);
    }
    return text_of(&arn);
}

char *vfl_policy_trust(const struct vfl_config *config, const char *caller_arn)
{
    return print(json_pack("{s:s, s:{s:o}, s:s, s:{s:{s:s}}}", "Effect", "Allow", "Principal",
                           "AWS", principal_of(config, caller_arn), "Action", "sts:AssumeRole",
                           "Condition", "StringEquals", "sts:ExternalId",
                           "THE-EXTERNAL-ID-OF-CONF-YAML"));
}

char *vfl_policy_lifecycle(const struct vfl_config *config)
{
    struct vfl_strbuf prefix = VFL_STRBUF_INIT(MAX_ARN_BYTES);
    vfl_strbuf_appendf(&prefix, "%s%sAWSLogs/", config->log_prefix,
                       config->log_prefix[0] != '\0' ? "/" : "");
    const char *start = vfl_strbuf_string(&prefix);
    char *text =
        print(json_pack("{s:[{s:s, s:s, s:{s:s}, s:{s:i}}, {s:s, s:s, s:{s:s}, s:{s:b}}]}", "Rules",
                        "ID", "remove-deleted-objects", "Status", "Enabled", "Filter", "Prefix",
                        start, "NoncurrentVersionExpiration", "NoncurrentDays", KEPT_DAYS, "ID",
                        "remove-delete-markers", "Status", "Enabled", "Filter", "Prefix", start,
                        "Expiration", "ExpiredObjectDeleteMarker", 1));
    vfl_strbuf_fini(&prefix);
    return text;
}
