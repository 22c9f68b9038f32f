#include <string.h>

#include "core/aws/s3_bucket.h"

#define MAX_LIFECYCLE_BYTES (4u << 20) /* S3 takes 1,000 rules */
#define MAX_DAYS 1000000u

enum vfl_status vfl_s3_locate(struct vfl_s3_bucket *bucket, char ret_region[64],
                              struct vfl_error *err)
{
    struct vfl_aws_reply reply;
    const struct vfl_s3_call call = {.method = "HEAD", .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS};
    vfl_aws_reply_init(&reply);
    enum vfl_status st = vfl_s3_perform(bucket, &call, &reply, err);
    if (reply.http.status_code == 404) {
        st = vfl_s3_explain_absence(bucket, err);
    } else if (vfl_endpoint_is_region(reply.http.bucket_region)) {
        memcpy(ret_region, reply.http.bucket_region, strlen(reply.http.bucket_region) + 1);
        st = VFL_OK;
    } else if (st == VFL_OK) {
        ret_region[0] = '\0';
    } else {
        st = vfl_s3_explain(bucket, &reply, "s3:ListBucket", st, err);
    }
    vfl_aws_reply_fini(&reply);
    return st;
}

/* --- lifecycle --- */

struct rule {
    bool is_enabled;
    bool is_wanted;    /* its prefix covers what is asked about */
    bool is_selective; /* by tag or size: some objects stay */
    bool removes_markers;
    bool archives;
    unsigned noncurrent_days;
    unsigned expiration_days;
};

struct lifecycle_reader {
    struct vfl_span prefix;
    struct rule rule;
    struct vfl_s3_lifecycle found;
};

static enum vfl_status read_days(struct vfl_span text, unsigned *ret_days, struct vfl_error *err)
{
    unsigned days = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
        if (digit > 9 || days > MAX_DAYS)
            return vfl_error_set(err, VFL_FORMAT, "a lifecycle rule's days are no number");
        days = days * 10 + digit;
    }
    if (days == 0)
        return vfl_error_set(err, VFL_FORMAT, "a lifecycle rule's days are no number");
    *ret_days = days;
    return VFL_OK;
}

static void take_smaller(unsigned *days, unsigned candidate)
{
    if (candidate != 0 && (*days == 0 || candidate < *days))
        *days = candidate;
}

static void take_rule(struct lifecycle_reader *reader)
{
    const struct rule *rule = &reader->rule;
    struct vfl_s3_lifecycle *found = &reader->found;
    found->rule_count++;
    if (!rule->is_enabled || !rule->is_wanted)
        return;
    found->archives |= rule->archives; /* one archived object is one that cannot be read */
    if (rule->is_selective)
        return;
    take_smaller(&found->noncurrent_days, rule->noncurrent_days);
    take_smaller(&found->expiration_days, rule->expiration_days);
    /* Expiration by days takes the markers that have reached them too. */
    found->removes_markers |= rule->removes_markers || rule->expiration_days != 0;
}

static enum vfl_status on_lifecycle_start(void *ctx, const char *path, struct vfl_error *err)
{
    struct lifecycle_reader *reader = ctx;
    (void)err;
    if (strcmp(path, "Rule") == 0)
        reader->rule = (struct rule){.is_wanted = true};
    return VFL_OK;
}

static bool is_archive(struct vfl_span storage_class)
{
    return vfl_span_equal_string(storage_class, "GLACIER") ||
           vfl_span_equal_string(storage_class, "DEEP_ARCHIVE");
}

static enum vfl_status on_lifecycle_end(void *ctx, const char *path, struct vfl_span text,
                                        struct vfl_error *err)
{
    struct lifecycle_reader *reader = ctx;
    struct rule *rule = &reader->rule;
    if (strcmp(path, "Rule") == 0)
        take_rule(reader);
    else if (strcmp(path, "Rule/Status") == 0)
        rule->is_enabled = vfl_span_equal_string(text, "Enabled");
    else if (strcmp(path, "Rule/Prefix") == 0 || strcmp(path, "Rule/Filter/Prefix") == 0 ||
             strcmp(path, "Rule/Filter/And/Prefix") == 0)
        rule->is_wanted = vfl_span_has_prefix(reader->prefix, text);
    else if (strncmp(path, "Rule/Filter/", 12) == 0 && strcmp(path, "Rule/Filter/And") != 0)
        rule->is_selective = true;
    else if (strcmp(path, "Rule/NoncurrentVersionExpiration/NoncurrentDays") == 0)
        return read_days(text, &rule->noncurrent_days, err);
    else if (strcmp(path, "Rule/Expiration/Days") == 0)
        return read_days(text, &rule->expiration_days, err);
    else if (strcmp(path, "Rule/Expiration/ExpiredObjectDeleteMarker") == 0)
        rule->removes_markers = vfl_span_equal_string(text, "true");
    else if (strcmp(path, "Rule/Transition/StorageClass") == 0)
        rule->archives |= is_archive(text);
    return VFL_OK;
}

static enum vfl_status parse_lifecycle(void *ctx, struct vfl_span body, struct vfl_error *err)
{
    struct lifecycle_reader *reader = ctx;
    reader->found = (struct vfl_s3_lifecycle){0};
    struct vfl_xml_handler handler = {on_lifecycle_start, on_lifecycle_end, reader};
    return vfl_xml_parse(body, "LifecycleConfiguration", handler, err);
}

enum vfl_status vfl_s3_read_lifecycle(struct vfl_s3_bucket *bucket, const char *prefix,
                                      struct vfl_s3_lifecycle *ret_lifecycle, struct vfl_error *err)
{
    struct lifecycle_reader reader = {.prefix = vfl_span_from_string(prefix)};
    struct vfl_aws_reply reply;
    const struct vfl_sigv4_pair params[] = {{VFL_SPAN_LITERAL("lifecycle"), {"", 0}}};
    const struct vfl_s3_call call = {
        .method = "GET",
        .params = params,
        .param_count = 1,
        .max_body_bytes = MAX_LIFECYCLE_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
        .parse = parse_lifecycle,
        .parse_ctx = &reader,
    };
    vfl_aws_reply_init(&reply);
    enum vfl_status st = vfl_s3_perform(bucket, &call, &reply, err);
    if (st != VFL_OK && strcmp(reply.fault.code, "NoSuchLifecycleConfiguration") == 0) {
        reader.found = (struct vfl_s3_lifecycle){0};
        st = VFL_OK;
    } else if (st != VFL_OK) {
        st = vfl_s3_explain(bucket, &reply, "s3:GetLifecycleConfiguration", st, err);
    }
    vfl_aws_reply_fini(&reply);
    if (st == VFL_OK)
        *ret_lifecycle = reader.found;
    return st;
}

/* --- what was there --- */

struct past_reader {
    void (*on_key)(void *ctx, struct vfl_span key);
    void *ctx;
};

static enum vfl_status on_past_end(void *ctx, const char *path, struct vfl_span text,
                                   struct vfl_error *err)
{
    const struct past_reader *reader = ctx;
    (void)err;
    if (strcmp(path, "Version/Key") == 0 || strcmp(path, "DeleteMarker/Key") == 0)
        reader->on_key(reader->ctx, text);
    return VFL_OK;
}

static enum vfl_status parse_past(void *ctx, struct vfl_span body, struct vfl_error *err)
{
    struct vfl_xml_handler handler = {.end = on_past_end, .ctx = ctx};
    return vfl_xml_parse(body, "ListVersionsResult", handler, err);
}

enum vfl_status vfl_s3_list_past(struct vfl_s3_bucket *bucket, const char *prefix,
                                 void (*on_key)(void *ctx, struct vfl_span key), void *ctx,
                                 struct vfl_error *err)
{
    struct past_reader reader = {on_key, ctx};
    struct vfl_aws_reply reply;
    const struct vfl_sigv4_pair params[] = {
        {VFL_SPAN_LITERAL("prefix"), vfl_span_from_string(prefix)},
        {VFL_SPAN_LITERAL("versions"), {"", 0}},
    };
    const struct vfl_s3_call call = {
        .method = "GET",
        .params = params,
        .param_count = sizeof params / sizeof params[0],
        .max_body_bytes = VFL_AWS_MAX_DOCUMENT_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
        .parse = parse_past,
        .parse_ctx = &reader,
    };
    vfl_aws_reply_init(&reply);
    enum vfl_status st = vfl_s3_perform(bucket, &call, &reply, err);
    if (st != VFL_OK)
        st = vfl_s3_explain(bucket, &reply, "s3:ListBucketVersions", st, err);
    vfl_aws_reply_fini(&reply);
    return st;
}

/* --- a delete that deletes nothing --- */

enum vfl_status vfl_s3_probe_delete(struct vfl_s3_bucket *bucket, const char *absent_key,
                                    bool *ret_is_done, struct vfl_error *err)
{
    const struct vfl_sigv4_pair headers[] = {{VFL_SPAN_LITERAL("if-match"), VFL_SPAN_LITERAL("*")}};
    struct vfl_aws_reply reply;
    const struct vfl_s3_call call = {
        .method = "DELETE",
        .key = vfl_span_from_string(absent_key),
        .headers = headers,
        .header_count = 1,
        .max_body_bytes = VFL_HTTP_MAX_ERROR_BODY_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
    };
    vfl_aws_reply_init(&reply);
    enum vfl_status st = vfl_s3_perform(bucket, &call, &reply, err);
    bool is_done = st == VFL_OK;
    if (reply.http.status_code == 412 || strcmp(reply.fault.code, "NoSuchKey") == 0)
        st = VFL_OK;
    else if (st != VFL_OK)
        st = vfl_s3_explain(bucket, &reply, "s3:DeleteObject", st, err);
    vfl_aws_reply_fini(&reply);
    if (st == VFL_OK)
        *ret_is_done = is_done;
    return st;
}
