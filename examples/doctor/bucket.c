#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/aws/endpoint.h"
#include "core/flowlog/object_key.h"
#include "examples/doctor/examination.h"
#include "examples/doctor/policy.h"

/* --- where it is --- */

static void tell_other_region(struct vfl_examination *examination)
{
    const struct vfl_config *config = examination->config;
    struct vfl_report *report = examination->report;
    const char *region = examination->bucket_region;
    if (config->s3_endpoint_url == NULL) {
        vfl_report_tell(report, VFL_VERDICT_OK, "bucket",
                        "%s is in %s, and is found there although regions begins with %s",
                        config->bucket, region, config->regions[0]);
        return;
    }
    vfl_report_tell(report, VFL_VERDICT_WRONG, "bucket",
                    "%s is in %s, but regions begins with %s, and s3_endpoint_url is asked as if "
                    "it were there",
                    config->bucket, region, config->regions[0]);
    vfl_report_remedy(report, NULL,
                      "Put %s first in regions, and have s3_endpoint_url be an endpoint of that "
                      "region, or leave it out.",
                      region);
}

/* False: nothing can be asked of it. */
static bool locate(struct vfl_examination *examination)
{
    struct vfl_error err = {0};
    const struct vfl_config *config = examination->config;
    struct vfl_report *report = examination->report;
    enum vfl_status st = vfl_s3_locate(examination->bucket, examination->bucket_region, &err);
    if (st == VFL_NOT_FOUND) {
        vfl_report_tell(report, VFL_VERDICT_MISSING, "bucket", "%s", err.text);
        vfl_report_remedy(report, NULL,
                          "Create bucket %s (docs/aws has templates), or set "
                          "flowlog_bucket_name to the one that the flow logs go to.",
                          config->bucket);
        return false;
    }
    if (st == VFL_OK && strcmp(examination->bucket_region, config->regions[0]) == 0) {
        vfl_report_tell(report, VFL_VERDICT_OK, "bucket", "%s is in %s", config->bucket,
                        examination->bucket_region);
        return true;
    }
    if (st == VFL_OK && examination->bucket_region[0] != '\0') {
        tell_other_region(examination);
        return config->s3_endpoint_url == NULL;
    }
    (void)snprintf(examination->bucket_region, sizeof examination->bucket_region, "%s",
                   config->regions[0]);
    if (st != VFL_OK && st != VFL_DENIED) {
        vfl_report_tell(report, VFL_VERDICT_WRONG, "bucket", "%s", err.text);
        return false;
    }
    vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "bucket", "%s: the server names no region",
                    config->bucket);
    return true;
}

/* --- how it is set up --- */

static void examine_versioning(struct vfl_examination *examination)
{
    struct vfl_error err = {0};
    struct vfl_report *report = examination->report;
    const struct vfl_config *config = examination->config;
    enum vfl_status st = vfl_s3_check_versioning(examination->bucket, &err);
    if (st == VFL_OK) {
        vfl_report_tell(report, VFL_VERDICT_OK, "s3:GetBucketVersioning", "versioning is Enabled");
    } else if (st == VFL_CONFIG) {
        vfl_report_tell(report, VFL_VERDICT_WRONG, "versioning", "%s", err.text);
        vfl_report_remedy(report, NULL,
                          "Switch on versioning:\n     aws s3api put-bucket-versioning --bucket %s "
                          "--versioning-configuration Status=Enabled",
                          config->bucket);
    } else {
        char *statement = st == VFL_DENIED ? vfl_policy_versioning(config) : NULL;
        vfl_examination_fail(examination, "s3:GetBucketVersioning", statement, &err);
    }
}

static void advise_lifecycle(struct vfl_examination *examination,
                             const struct vfl_s3_lifecycle *lifecycle)
{
    struct vfl_report *report = examination->report;
    const char *keeps = lifecycle->noncurrent_days != 0 ? "delete markers"
                        : lifecycle->removes_markers    ? "deleted objects"
                                                        : "deleted objects and delete markers";
    vfl_report_tell(report, VFL_VERDICT_ADVICE, "lifecycle",
                    "%s are kept for ever: listings get slower by the day", keeps);
    vfl_report_remedy(report, vfl_policy_lifecycle(examination->config),
                      "Have S3 remove what was deleted. put-bucket-lifecycle-configuration "
                      "replaces all rules of the\n     bucket, %u now: keep those that are wanted.",
                      lifecycle->rule_count);
}

static void examine_lifecycle(struct vfl_examination *examination)
{
    struct vfl_error err = {0};
    struct vfl_s3_lifecycle lifecycle = {0};
    struct vfl_report *report = examination->report;
    const struct vfl_config *config = examination->config;
    struct vfl_strbuf prefix = VFL_STRBUF_INIT(VFL_S3_MAX_KEY_BYTES);
    vfl_object_key_append_prefix(
        &prefix, VFL_KEY_LAYOUT_DEFAULT, vfl_span_from_string(config->log_prefix),
        vfl_span_from_string(config->account), vfl_span_from_string(config->regions[0]));
    enum vfl_status st = vfl_strbuf_check(&prefix, "prefix", &err);
    if (st == VFL_OK)
        st = vfl_s3_read_lifecycle(examination->bucket, vfl_strbuf_string(&prefix), &lifecycle,
                                   &err);
    vfl_strbuf_fini(&prefix);
    if (st != VFL_OK) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "lifecycle", "%s%s",
                        st == VFL_DENIED ? "the check itself does not need it: " : "", err.text);
        return;
    }
    if (lifecycle.archives)
        vfl_report_tell(report, VFL_VERDICT_ADVICE, "lifecycle",
                        "a rule moves flow logs to an archive class, where they cannot be read");
    if (lifecycle.noncurrent_days == 0 || !lifecycle.removes_markers)
        advise_lifecycle(examination, &lifecycle);
    else
        vfl_report_tell(report, VFL_VERDICT_OK, "lifecycle",
                        "what was deleted can be restored for %u days, then it is removed",
                        lifecycle.noncurrent_days);
}

bool vfl_examine_bucket(struct vfl_examination *examination)
{
    struct vfl_error err = {0};
    const struct vfl_config *config = examination->config;
    enum vfl_status st = vfl_s3_bucket_new(examination->session, config->bucket,
                                           config->is_default_bucket ? config->account : NULL,
                                           &examination->bucket, &err);
    if (st != VFL_OK) {
        vfl_report_tell(examination->report, VFL_VERDICT_WRONG, "bucket", "%s", err.text);
        return false;
    }
    vfl_report_ask("bucket", "%s", config->bucket);
    if (!locate(examination))
        return false;
    examine_versioning(examination);
    examine_lifecycle(examination);
    return true;
}

/* --- deletion --- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Other servers may not know a conditional deletion and take it for a plain one. */
static bool is_aws(const struct vfl_config *config)
{
    struct vfl_endpoint endpoint;
    return config->s3_endpoint_url == NULL ||
           (vfl_endpoint_parse(config->s3_endpoint_url, "s3_endpoint_url", &endpoint, NULL) ==
                VFL_OK &&
            (ends_with(endpoint.host, ".amazonaws.com") ||
             ends_with(endpoint.host, ".amazonaws.com.cn")));
}

/* Below the policies' prefix, and no key that the grammar of flow logs accepts. */
static enum vfl_status make_absent_key(const struct vfl_config *config, struct vfl_strbuf *key,
                                       struct vfl_error *err)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    vfl_object_key_append_prefix(
        key, VFL_KEY_LAYOUT_DEFAULT, vfl_span_from_string(config->log_prefix),
        vfl_span_from_string(config->account), vfl_span_from_string(config->regions[0]));
    vfl_strbuf_appendf(key, "check-host-doctor-%lld-%09ld-%ld", (long long)now.tv_sec, now.tv_nsec,
                       (long)getpid());
    return vfl_strbuf_check(key, "object key", err);
}

static enum vfl_status drop(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    (void)ctx;
    (void)chunk;
    (void)err;
    return VFL_OK;
}

/* Who may not list the whole bucket is refused everything about keys that are not there. */
static bool is_absence_hidden(struct vfl_examination *examination, const char *key)
{
    const struct vfl_s3_object absent = {.key = vfl_span_from_string(key), .size_bytes = 0};
    return vfl_s3_get(examination->bucket, &absent, (struct vfl_sink){drop, NULL}, NULL) !=
           VFL_NOT_FOUND;
}

static void ask_deletion(struct vfl_examination *examination, const char *key)
{
    static const char permission[] = "s3:DeleteObject";
    struct vfl_error err = {0};
    struct vfl_report *report = examination->report;
    const struct vfl_config *config = examination->config;
    bool is_done = false;
    enum vfl_status st = vfl_s3_probe_delete(examination->bucket, key, &is_done, &err);
    /* AWS's own words settle it; a bare refusal does only if it would not also hide an absence. */
    bool is_named = strstr(err.text, "perform: s3:DeleteObject") != NULL;
    if (st == VFL_OK && is_done) {
        vfl_report_tell(report, VFL_VERDICT_OK, permission,
                        "granted; this server does not know conditional deletions, and may have "
                        "left a delete marker of %s",
                        key);
    } else if (st == VFL_OK) {
        vfl_report_tell(report, VFL_VERDICT_OK, permission, "granted; nothing was deleted");
    } else if (st == VFL_DENIED && !is_named && is_absence_hidden(examination, key)) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, permission,
                        "S3 hides from this role whether an object that is not there could be "
                        "deleted");
        vfl_report_remedy(report, vfl_policy_delete(config),
                          "%s: see that the policy of role %s has this statement:", permission,
                          config->role_arn);
    } else {
        vfl_examination_fail(examination, permission,
                             st == VFL_DENIED ? vfl_policy_delete(config) : NULL, &err);
    }
}

void vfl_examine_deletion(struct vfl_examination *examination)
{
    struct vfl_error err = {0};
    struct vfl_report *report = examination->report;
    const struct vfl_config *config = examination->config;
    struct vfl_strbuf key = VFL_STRBUF_INIT(VFL_S3_MAX_KEY_BYTES);
    if (config->is_dry_run) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "s3:DeleteObject",
                        "dry_run deletes nothing");
    } else if (!is_aws(config) && !examination->is_delete_forced) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "s3:DeleteObject",
                        "on a server other than AWS, asking may leave a delete marker; "
                        "--check-delete asks all the same");
        vfl_report_remedy(report, vfl_policy_delete(config),
                          "s3:DeleteObject: see that the policy of role %s has this statement:",
                          config->role_arn);
    } else if (make_absent_key(config, &key, &err) == VFL_OK) {
        vfl_report_ask("s3:DeleteObject", "for a name that nobody uses");
        ask_deletion(examination, vfl_strbuf_string(&key));
    } else {
        vfl_report_tell(report, VFL_VERDICT_WRONG, "s3:DeleteObject", "%s", err.text);
    }
    vfl_strbuf_fini(&key);
}
