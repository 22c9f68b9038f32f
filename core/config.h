/* The agent's two YAML maps -> one validated struct. The only reader of configuration. */
#ifndef VFL_CONFIG_H
#define VFL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"
#include "core/strbuf.h"

#define VFL_CONFIG_MAX_BYTES (1u << 20) /* of one YAML text */
#define VFL_CONFIG_EXTERNAL_ID_CHECK_DISABLED "disable_external_id_this_is_unsafe"

/* Owned texts; unset optional texts are NULL (an empty YAML value is unset). Zeroed is empty.
 * With process_flow_logs false, required keys may be missing: then role_arn, account and partition
 * are NULL, region_count is 0 and a bucket that needs the account is "". */
struct vfl_config {
    char *access_key_id; /* both NULL: the default credential chain */
    char *secret_access_key;
    char *external_id;
    bool is_external_id_check_disabled; /* external_id is the documented magic word */
    char *role_arn;
    char *account;   /* from role_arn, 12 digits */
    char *partition; /* from role_arn: "aws", "aws-cn", ... */
    char **regions;  /* at least one; "global" left out; no duplicates; order as written */
    size_t region_count;
    char *bucket;           /* never NULL */
    bool is_default_bucket; /* stackstate-logs-{account} */
    char *log_prefix;       /* folder before AWSLogs, without outer slashes; "" when none */
    char **tags;
    size_t tag_count;
    bool process_flow_logs;
    unsigned collection_interval_s;
    unsigned expire_after_s;
    bool is_dry_run;
    char *s3_endpoint_url; /* URLs have no slash at the end */
    char *sts_endpoint_url;
    char *ec2_endpoint_url;
    char *store_directory; /* the path of s3_endpoint_url when that is file:///path; else NULL */
    bool is_s3_path_style;
    char *interfaces_file;
    bool is_scope_all;            /* public peers become components too */
    bool is_accepted_only;        /* relations that were only ever refused are left out */
    unsigned worker_count;        /* 0: by the cores */
    unsigned max_relations;       /* the largest by bytes are kept, the rest is counted */
    char *topology_instance_type; /* both NULL: shares the account scan's key, no snapshots */
    char *topology_instance_url;
    char **notices; /* to be logged once, as warnings: unknown keys, which bucket key was taken */
    size_t notice_count;
};

/* Parses both texts (either may be empty or "null"/"{}"). The texts are not kept.
 * VFL_CONFIG: the text names the key's path ("instance.regions[1]"), what was found and what is
 * expected; no secret's value is ever quoted. VFL_NO_MEMORY. On failure *ret_config is untouched.
 */
enum vfl_status vfl_config_parse(struct vfl_span init_config, struct vfl_span instance,
                                 struct vfl_config *ret_config,
                                 struct vfl_error *err) VFL_MUST_CHECK;

/* Wipes secrets, frees, zeroes. NULL and zeroed are fine. */
void vfl_config_fini(struct vfl_config *config);

struct vfl_config_rule;

/* One key: what parsing goes by and what docs/CONFIG.md says, which a test holds against it. */
struct vfl_config_key {
    const char *name;
    /* "init_config", "instance", "both" (the instance's value wins), or the path of the map inside
     * instance that it is a key of. */
    const char *scope;
    const char *type; /* "text", "boolean", "seconds", "number", "list of text", "URL", "map" or
                       * the words to choose from */
    const char *default_text; /* "required" (within its map), "none", or the value */
    const char *help;
    const struct vfl_config_rule *rule; /* how it is read: the parser's own */
};
const struct vfl_config_key *vfl_config_keys(size_t *ret_count);

#endif
