#include "core/config_table.h"

#include <string.h>

#include "core/config_text.h"

#define AT(member) .offset = offsetof(struct vfl_config_draft, member)
#define COUNT_AT(member) .count_offset = offsetof(struct vfl_config_draft, member)
#define RULE(...)                                                                                  \
    &(const struct vfl_config_rule)                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static const struct vfl_config_key keys[] = {
    {"aws_access_key_id", "init_config", "text", "none",
     "Access key id of the user that may assume the role. Leave both keys out to use the default "
     "credential chain: environment, shared files, web identity, container, instance profile.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.access_key_id), .max = 128, .is_secret = true,
          .check = vfl_config_check_access_key_id)},
    {"aws_secret_access_key", "init_config", "text", "none",
     "The secret that belongs to aws_access_key_id.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.secret_access_key), .max = 256, .is_secret = true,
          .check = vfl_config_check_secret_access_key)},
    {"external_id", "init_config", "text", "none",
     "External id that the role's trust policy asks for. A role that can be assumed without one "
     "is refused, unless this is " VFL_CONFIG_EXTERNAL_ID_CHECK_DISABLED ".",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.external_id), .max = 1224, .is_secret = true)},
    {"role_arn", "instance", "text", "required",
     "ARN of the role to assume. Its account is the account whose flow logs are read.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.role_arn), .max = 2048,
          .missing = VFL_CONFIG_ROLE_ARN_FORM, .check = vfl_config_check_role_arn)},
    {"regions", "instance", "list of text", "required",
     "Regions whose flow logs are read. The entry global is skipped. Add further ones behind the "
     "first, by which the agent's state is found.",
     RULE(.kind = VFL_CONFIG_LIST, AT(config.regions), COUNT_AT(config.region_count), .max = 63,
          .max_count = 100, .skip_item = "global", .check = vfl_config_check_region,
          .missing = "a list with at least one region, such as [eu-west-1]")},
    {"process_flow_logs", "both", "boolean", "false",
     "Switches the check on. While it is false, nothing is read and nothing is deleted.",
     RULE(.kind = VFL_CONFIG_BOOLEAN, AT(config.process_flow_logs))},
    {"flowlog_bucket_name", "instance", "text", "stackstate-logs-{account}",
     "Bucket that the flow logs are written to.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(flowlog_bucket_name), .max = 2048)},
    {"log_bucket_name", "instance", "text", "none",
     "Used as the bucket when flowlog_bucket_name is not set.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(log_bucket_name), .max = 2048)},
    {"log_prefix", "instance", "text", "none",
     "Folder in the flow log's destination, before AWSLogs. Slashes around it do not matter.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.log_prefix), .max = 512,
          .check = vfl_config_check_log_prefix)},
    {"tags", "instance", "list of text", "none",
     "Tags put on every component and service check; at most 100 of at most 200 bytes.",
     RULE(.kind = VFL_CONFIG_LIST, AT(config.tags), COUNT_AT(config.tag_count), .max = 200,
          .max_count = 100)},
    {"scope", "instance", "private or all", "private",
     "private: only traffic between private addresses. all: public peers become components too.",
     RULE(.kind = VFL_CONFIG_CHOICE, AT(config.is_scope_all), .words = {"private", "all"})},
    {"traffic", "instance", "all or accepted", "all",
     "accepted: leaves out relations that were only ever refused.",
     RULE(.kind = VFL_CONFIG_CHOICE, AT(config.is_accepted_only), .words = {"all", "accepted"})},
    {"max_relations", "instance", "number", "100000",
     "Relations at most, 1 to 1000000. The largest by bytes are kept, the rest is counted.",
     RULE(.kind = VFL_CONFIG_NUMBER, AT(config.max_relations), .min = 1, .max = 1000000)},
    {"topology_instance", "instance", "map", "none",
     "Instance key for this check alone. With it, full snapshots are sent under that key; without "
     "it, the topology shares the key of the account scan.",
     RULE(.kind = VFL_CONFIG_MAP, AT(has_topology_instance))},
    {"type", VFL_CONFIG_TOPOLOGY_INSTANCE, "text", "required",
     "Type of that key, at most 255 bytes; not aws-v2, which is the account scan's.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.topology_instance_type), .max = 255,
          .missing = "text that names the kind of topology, such as aws-flowlogs",
          .check = vfl_config_check_topology_type)},
    {"url", VFL_CONFIG_TOPOLOGY_INSTANCE, "text", "required",
     "URL of that key, at most 255 bytes; tells it from other keys of its type.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.topology_instance_url), .max = 255,
          .missing = "text that tells this key from others of its type, such as an account id")},
    {"collection_interval", "instance", "seconds", "60",
     "Time between two runs, 1 to 86400. A run ends inside it; the rest waits for the next.",
     RULE(.kind = VFL_CONFIG_SECONDS, AT(config.collection_interval_s), .min = 1, .max = 86400)},
    {"expire_after", "both", "seconds", "3600",
     "Time without traffic after which a component or relation is deleted, 60 to 604800.",
     RULE(.kind = VFL_CONFIG_SECONDS, AT(config.expire_after_s), .min = 60, .max = 604800)},
    {"workers", "instance", "number", "cores, up to 4",
     "Objects read at a time, 1 to 32; from S3 twice as many connections. 1 reads on the agent's "
     "own "
     "thread. A container's CPU limit is not seen: set this to it.",
     RULE(.kind = VFL_CONFIG_NUMBER, AT(config.worker_count), .min = 1, .max = 32)},
    {"dry_run", "both", "boolean", "false",
     "Reads and emits as usual, but deletes no object from the bucket.",
     RULE(.kind = VFL_CONFIG_BOOLEAN, AT(config.is_dry_run))},
    {"s3_endpoint_url", "both", "URL", "none",
     "Another S3 endpoint than the region's own, or file:///FOLDER to use a local folder as the "
     "store.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.s3_endpoint_url), .max = 2048,
          .check = vfl_config_check_url_or_folder)},
    {"sts_endpoint_url", "both", "URL", "none", "Another STS endpoint than the region's own.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.sts_endpoint_url), .max = 2048,
          .check = vfl_config_check_url)},
    {"ec2_endpoint_url", "both", "URL", "none", "Another EC2 endpoint than the region's own.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.ec2_endpoint_url), .max = 2048,
          .check = vfl_config_check_url)},
    {"s3_path_style", "both", "boolean", "false",
     "Puts the bucket in the path instead of the host name; most S3-compatible stores need it.",
     RULE(.kind = VFL_CONFIG_BOOLEAN, AT(config.is_s3_path_style))},
    {"interfaces_file", "instance", "text", "none",
     "Reads network interfaces from this file, as printed by aws ec2 describe-network-interfaces, "
     "instead of asking EC2.",
     RULE(.kind = VFL_CONFIG_TEXT, AT(config.interfaces_file), .max = 4095)},
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

/* Keys that a configuration of the agent or of its aws-v2 check may hold and that say nothing about
 * flow logs. */
static const char *const foreign_keys[] = {
    /* the aws-v2 check */
    "apis_to_run",
    "arns",
    "full_run_interval",
    /* the agent and its base checks */
    "collect_default_metrics",
    "disable_generic_tags",
    "domain",
    "empty_default_hostname",
    "environment",
    "identifier_mappings",
    "layer",
    "loader",
    "log_level",
    "min_collection_interval",
    "name",
    "namespace",
    "proxy",
    "service",
    "skip_proxy",
    "stackstate-domain",
    "stackstate-environment",
    "stackstate-identifier",
    "stackstate-labels",
    "stackstate-layer",
    "timeout",
};

const struct vfl_config_key *vfl_config_keys(size_t *ret_count)
{
    *ret_count = KEY_COUNT;
    return keys;
}

const struct vfl_config_key *vfl_config_key_find(struct vfl_span name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (vfl_span_equal_string(name, keys[i].name))
            return &keys[i];
    return NULL;
}

bool vfl_config_key_is_in_scope(const struct vfl_config_key *key, const char *scope)
{
    if (strcmp(key->scope, "both") == 0)
        return strcmp(scope, VFL_CONFIG_TOPOLOGY_INSTANCE) != 0;
    return strcmp(key->scope, scope) == 0;
}

bool vfl_config_key_is_foreign(struct vfl_span name, const char *scope)
{
    if (strcmp(scope, VFL_CONFIG_TOPOLOGY_INSTANCE) == 0)
        return false; /* a map of ours */
    /* aws_flowlogs.py reads it there, and nowhere else. */
    if (vfl_span_equal_string(name, "library_path"))
        return strcmp(scope, "init_config") == 0;
    for (size_t i = 0; i < sizeof foreign_keys / sizeof foreign_keys[0]; i++)
        if (vfl_span_equal_string(name, foreign_keys[i]))
            return true;
    return false;
}

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '-' || c == ' ' ? '_' : c;
}

#define LONGEST_COMPARED 40

/* Levenshtein's distance, with - and _ and upper and lower case taken as equal. */
static size_t edit_distance(struct vfl_span a, struct vfl_span b)
{
    size_t row[LONGEST_COMPARED + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t substitute = diagonal + (fold(a.ptr[i - 1]) != fold(b.ptr[j - 1]) ? 1 : 0);
            size_t shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];
            diagonal = row[j];
            row[j] = substitute < shorter + 1 ? substitute : shorter + 1;
        }
    }
    return row[b.len];
}

const struct vfl_config_key *vfl_config_key_nearest(struct vfl_span name, const char *scope)
{
    const struct vfl_config_key *nearest = NULL;
    size_t nearest_distance = 0;
    if (name.len > LONGEST_COMPARED)
        return NULL;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        struct vfl_span known = vfl_span_from_string(keys[i].name);
        if (known.len > LONGEST_COMPARED || !vfl_config_key_is_in_scope(&keys[i], scope))
            continue;
        size_t distance = edit_distance(name, known);
        if (distance <= known.len / 3 && (nearest == NULL || distance < nearest_distance)) {
            nearest = &keys[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}
