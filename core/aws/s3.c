#include "core/aws/s3.h"

#include <stdlib.h>
#include <string.h>

#include "core/aws/s3_bucket.h"

#define OBJECT_TIMEOUT_MS 300000
#define MAX_CALL_HEADERS 8

static enum vfl_status no_memory(const char *name, struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for bucket %s", name);
}

static enum vfl_status make_bucket(struct vfl_aws_session *session, const char *name,
                                   const char *expected_owner, struct vfl_s3_bucket **ret_bucket,
                                   struct vfl_error *err)
{
    struct vfl_s3_bucket *bucket = calloc(1, sizeof *bucket);
    if (bucket == NULL || pthread_mutex_init(&bucket->own_place.lock, NULL) != 0) {
        free(bucket);
        return no_memory(name, err);
    }
    bucket->session = session;
    bucket->place = &bucket->own_place;
    bucket->name = strdup(name);
    bool has_owner = expected_owner != NULL && *expected_owner != '\0';
    if (has_owner)
        bucket->expected_owner = strdup(expected_owner);
    if (bucket->name == NULL || (has_owner && bucket->expected_owner == NULL)) {
        vfl_s3_bucket_free(bucket);
        return no_memory(name, err);
    }
    *ret_bucket = bucket;
    return VFL_OK;
}

enum vfl_status vfl_s3_bucket_new(struct vfl_aws_session *session, const char *name,
                                  const char *expected_owner, struct vfl_s3_bucket **ret_bucket,
                                  struct vfl_error *err)
{
    enum vfl_status st = vfl_endpoint_check_bucket(name, err);
    if (st == VFL_OK)
        st = make_bucket(session, name, expected_owner, ret_bucket, err);
    if (st != VFL_OK)
        return st;
    const char *region = vfl_aws_session_region(session);
    memcpy((*ret_bucket)->own_place.region, region, strlen(region) + 1);
    return VFL_OK;
}

enum vfl_status vfl_s3_bucket_new_beside(struct vfl_s3_bucket *origin, const atomic_bool *cancelled,
                                         struct vfl_s3_bucket **ret_bucket, struct vfl_error *err)
{
    struct vfl_s3_bucket *bucket = NULL;
    enum vfl_status st =
        make_bucket(origin->session, origin->name, origin->expected_owner, &bucket, err);
    if (st == VFL_OK)
        st = vfl_aws_session_new_client(origin->session, cancelled, &bucket->client, err);
    if (st != VFL_OK) {
        vfl_s3_bucket_free(bucket);
        return st;
    }
    bucket->place = origin->place;
    *ret_bucket = bucket;
    return VFL_OK;
}

void vfl_s3_bucket_free(struct vfl_s3_bucket *bucket)
{
    if (bucket == NULL)
        return;
    vfl_aws_session_free_client(bucket->client);
    (void)pthread_mutex_destroy(&bucket->own_place.lock);
    free(bucket->name);
    free(bucket->expected_owner);
    free(bucket);
}

static struct vfl_aws_client *client_of(const struct vfl_s3_bucket *bucket)
{
    return bucket->client != NULL ? bucket->client : vfl_aws_session_client(bucket->session);
}

static void copy_region(const struct vfl_s3_bucket *bucket, char ret_region[64])
{
    (void)pthread_mutex_lock(&bucket->place->lock);
    memcpy(ret_region, bucket->place->region, sizeof bucket->place->region);
    (void)pthread_mutex_unlock(&bucket->place->lock);
}

static enum vfl_status perform_in_region(struct vfl_s3_bucket *bucket, const char *region,
                                         const struct vfl_s3_call *call,
                                         struct vfl_aws_reply *reply, struct vfl_error *err)
{
    struct vfl_endpoint service, endpoint;
    bool is_configured, is_path_style;
    struct vfl_strbuf path = VFL_STRBUF_INIT(4096);
    struct vfl_sigv4_pair headers[MAX_CALL_HEADERS + 1];
    size_t header_count = call->header_count;
    enum vfl_status st =
        vfl_aws_session_endpoint(bucket->session, "s3", region, &service, &is_configured, err);
    if (st == VFL_OK)
        st = vfl_endpoint_for_bucket(&service, bucket->name,
                                     vfl_aws_session_is_path_style(bucket->session), &endpoint,
                                     &is_path_style, err);
    if (st != VFL_OK)
        return st;
    vfl_strbuf_append_char(&path, '/');
    if (is_path_style)
        vfl_strbuf_append_string(&path, bucket->name);
    if (call->key.ptr != NULL) {
        if (is_path_style)
            vfl_strbuf_append_char(&path, '/');
        vfl_strbuf_append(&path, call->key);
    }
    st = vfl_strbuf_check(&path, "object key", err);
    if (st != VFL_OK)
        goto out;
    for (size_t i = 0; i < header_count; i++)
        headers[i] = call->headers[i];
    if (bucket->expected_owner != NULL)
        headers[header_count++] =
            (struct vfl_sigv4_pair){VFL_SPAN_LITERAL("x-amz-expected-bucket-owner"),
                                    vfl_span_from_string(bucket->expected_owner)};
    const struct vfl_aws_call signed_call = {
        .service = "s3",
        .region = region,
        .endpoint = &endpoint,
        .method = call->method,
        .path = vfl_strbuf_span(&path),
        .params = call->params,
        .param_count = call->param_count,
        .headers = headers,
        .header_count = header_count,
        .body = call->body,
        .max_body_bytes = call->max_body_bytes < SIZE_MAX ? (size_t)call->max_body_bytes : SIZE_MAX,
        .timeout_ms = call->timeout_ms,
        .sink = call->sink,
        .parse = call->parse,
        .parse_ctx = call->parse_ctx,
    };
    st = vfl_aws_session_call_by(bucket->session, client_of(bucket), &signed_call, reply, err);
out:
    vfl_strbuf_fini(&path);
    return st;
}

static bool is_region_hint(const struct vfl_aws_reply *reply)
{
    static const char *const codes[] = {"PermanentRedirect", "TemporaryRedirect", "Redirect",
                                        "AuthorizationHeaderMalformed",
                                        "IllegalLocationConstraintException"};
    int status_code = reply->http.status_code;
    if (status_code == 301 || status_code == 307 || status_code == 308)
        return true;
    /* Regions launched after March 2019 answer so to a request that was meant for another one. */
    if (status_code == 400 && reply->http.bucket_region[0] != '\0')
        return true;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(reply->fault.code, codes[i]) == 0)
            return true;
    return false;
}

bool vfl_s3_read_region_hint(const struct vfl_aws_reply *reply, char ret_region[64])
{
    if (!is_region_hint(reply))
        return false;
    const char *told =
        reply->http.bucket_region[0] != '\0' ? reply->http.bucket_region : reply->fault.region;
    ret_region[0] = '\0';
    if (vfl_endpoint_is_region(told))
        memcpy(ret_region, told, strlen(told) + 1);
    return true;
}

/* HeadBucket tells the region whatever it answers otherwise. */
static void ask_region(struct vfl_s3_bucket *bucket, const char *region, char ret_region[64])
{
    struct vfl_aws_reply reply;
    vfl_aws_reply_init(&reply);
    const struct vfl_s3_call call = {.method = "HEAD", .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS};
    enum vfl_status st = perform_in_region(bucket, region, &call, &reply, NULL);
    (void)st;
    if (strlen(reply.http.bucket_region) < 64)
        memcpy(ret_region, reply.http.bucket_region, strlen(reply.http.bucket_region) + 1);
    vfl_aws_reply_fini(&reply);
}

/* What another thread has learnt meanwhile is not asked for again. */
static bool learn_region(struct vfl_s3_bucket *bucket, const char *asked,
                         const struct vfl_aws_reply *reply, char ret_region[64])
{
    struct vfl_endpoint ignored;
    bool is_configured = false;
    char region[64] = "";
    if (vfl_aws_session_endpoint(bucket->session, "s3", asked, &ignored, &is_configured, NULL) !=
            VFL_OK ||
        is_configured || !vfl_s3_read_region_hint(reply, region))
        return false;
    copy_region(bucket, ret_region);
    if (strcmp(ret_region, asked) != 0)
        return true;
    if (region[0] == '\0')
        ask_region(bucket, asked, region);
    if (!vfl_endpoint_is_region(region) || strcmp(region, asked) == 0)
        return false;
    (void)pthread_mutex_lock(&bucket->place->lock);
    memcpy(bucket->place->region, region, strlen(region) + 1);
    (void)pthread_mutex_unlock(&bucket->place->lock);
    memcpy(ret_region, region, strlen(region) + 1);
    return true;
}

enum vfl_status vfl_s3_perform(struct vfl_s3_bucket *bucket, const struct vfl_s3_call *call,
                               struct vfl_aws_reply *reply, struct vfl_error *err)
{
    char region[64], learnt[64];
    copy_region(bucket, region);
    enum vfl_status st = perform_in_region(bucket, region, call, reply, err);
    if (st != VFL_OK && learn_region(bucket, region, reply, learnt))
        st = perform_in_region(bucket, learnt, call, reply, err);
    return st;
}

#define NO_SUCH_BUCKET "bucket %s does not exist: create it or correct flowlog_bucket_name"

enum vfl_status vfl_s3_explain_absence(const struct vfl_s3_bucket *bucket, struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NOT_FOUND, NO_SUCH_BUCKET, bucket->name);
}

enum vfl_status vfl_s3_explain(const struct vfl_s3_bucket *bucket,
                               const struct vfl_aws_reply *reply, const char *permission,
                               enum vfl_status status, struct vfl_error *err)
{
    const char *code = reply->fault.code;
    char region[64];
    copy_region(bucket, region);
    if (strcmp(code, "NoSuchBucket") == 0)
        return vfl_error_wrap(err, VFL_NOT_FOUND, NO_SUCH_BUCKET, bucket->name);
    if (status == VFL_DENIED && strcmp(code, "AccessDenied") == 0)
        return vfl_error_wrap(
            err, status, "bucket %s: %s denied for role %s: add it to the role's policy%s%s%s",
            bucket->name, permission, vfl_aws_session_role_arn(bucket->session),
            bucket->expected_owner != NULL ? ", and check that the bucket belongs to account " : "",
            bucket->expected_owner != NULL ? bucket->expected_owner : "",
            bucket->expected_owner != NULL ? " (its default name can be taken by anybody)" : "");
    if (is_region_hint(reply))
        return vfl_error_wrap(err, status,
                              "bucket %s is not in region %s, and S3 did not say where",
                              bucket->name, region);
    return vfl_error_wrap(err, status, "bucket %s", bucket->name);
}

struct versioning {
    char status[32];
};

static enum vfl_status on_versioning_element(void *ctx, const char *path, struct vfl_span text,
                                             struct vfl_error *err)
{
    struct versioning *versioning = ctx;
    (void)err;
    if (strcmp(path, "Status") == 0 && text.len < sizeof versioning->status) {
        memcpy(versioning->status, text.ptr, text.len);
        versioning->status[text.len] = '\0';
    }
    return VFL_OK;
}

static enum vfl_status parse_versioning(void *ctx, struct vfl_span body, struct vfl_error *err)
{
    *(struct versioning *)ctx = (struct versioning){.status = ""};
    struct vfl_xml_handler handler = {.end = on_versioning_element, .ctx = ctx};
    return vfl_xml_parse(body, "VersioningConfiguration", handler, err);
}

enum vfl_status vfl_s3_check_versioning(struct vfl_s3_bucket *bucket, struct vfl_error *err)
{
    struct versioning versioning = {.status = ""};
    struct vfl_aws_reply reply;
    const struct vfl_sigv4_pair params[] = {{VFL_SPAN_LITERAL("versioning"), {"", 0}}};
    const struct vfl_s3_call call = {
        .method = "GET",
        .params = params,
        .param_count = 1,
        .max_body_bytes = VFL_HTTP_MAX_ERROR_BODY_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
        .parse = parse_versioning,
        .parse_ctx = &versioning,
    };
    vfl_aws_reply_init(&reply);
    enum vfl_status st = vfl_s3_perform(bucket, &call, &reply, err);
    if (st != VFL_OK)
        st = vfl_s3_explain(bucket, &reply, "s3:GetBucketVersioning", st, err);
    else if (strcmp(versioning.status, "Enabled") != 0)
        st = vfl_error_set(err, VFL_CONFIG,
                           "Object versioning must be enabled on the bucket %s (it is %.20s): "
                           "switch on Bucket Versioning in the bucket's properties, so that "
                           "processed flow logs can be restored",
                           bucket->name,
                           versioning.status[0] != '\0' ? versioning.status : "not enabled");
    vfl_aws_reply_fini(&reply);
    return st;
}

/* Between the HTTP body and the caller's sink: lets nothing through that is not the listed object.
 */
struct get_check {
    const struct vfl_s3_object *expected;
    struct vfl_sink sink;
    const struct vfl_http_response *response;
    uint64_t passed_byte_count;
};

static struct vfl_span strip_quotes(struct vfl_span etag)
{
    if (etag.len >= 2 && etag.ptr[0] == '"' && etag.ptr[etag.len - 1] == '"')
        return (struct vfl_span){etag.ptr + 1, etag.len - 2};
    return etag;
}

static enum vfl_status check_head(const struct get_check *check, struct vfl_error *err)
{
    const struct vfl_s3_object *expected = check->expected;
    int64_t length = check->response->content_length_bytes;
    struct vfl_span etag = strip_quotes(vfl_span_from_string(check->response->etag));
    if (expected->etag.len > 0 && etag.len > 0 && !vfl_span_equal(etag, expected->etag))
        return vfl_error_set(err, VFL_RETRY, "the object was replaced after it was listed");
    if (length >= 0 && length != expected->size_bytes)
        return vfl_error_set(err, VFL_RETRY, "the object has %lld bytes, %lld were listed",
                             (long long)length, (long long)expected->size_bytes);
    return VFL_OK;
}

static enum vfl_status pass_on(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct get_check *check = ctx;
    if (check->passed_byte_count == 0) {
        enum vfl_status st = check_head(check, err);
        if (st != VFL_OK)
            return st;
    }
    uint64_t left_byte_count = (uint64_t)check->expected->size_bytes - check->passed_byte_count;
    if (chunk.len > left_byte_count)
        return vfl_error_set(err, VFL_RETRY, "the object is longer than the %lld bytes listed",
                             (long long)check->expected->size_bytes);
    check->passed_byte_count += chunk.len;
    return check->sink.write(check->sink.ctx, chunk, err);
}

static enum vfl_status explain_get(const struct vfl_s3_bucket *bucket,
                                   const struct vfl_aws_reply *reply, enum vfl_status status,
                                   struct vfl_error *err)
{
    if (strcmp(reply->fault.code, "NoSuchKey") == 0)
        return vfl_error_set(err, VFL_NOT_FOUND, "the object is gone since it was listed");
    if (reply->http.status_code == 412)
        return vfl_error_set(err, VFL_RETRY, "the object was replaced after it was listed");
    if (strcmp(reply->fault.code, "InvalidObjectState") == 0)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "the object is archived: restore it, or keep the lifecycle rule from "
                             "moving flow logs to an archive class");
    if (strstr(reply->fault.message, "kms:Decrypt") != NULL)
        return vfl_error_wrap(err, VFL_DENIED,
                              "bucket %s: kms:Decrypt denied for role %s: add it for the bucket's "
                              "key to the role's policy and to the key's",
                              bucket->name, vfl_aws_session_role_arn(bucket->session));
    if (reply->http.status_code == 0 || reply->http.status_code == 200)
        return status; /* the network's or the sink's own words */
    return vfl_s3_explain(bucket, reply, "s3:GetObject (or kms:Decrypt)", status, err);
}

enum vfl_status vfl_s3_get(struct vfl_s3_bucket *bucket, const struct vfl_s3_object *expected,
                           struct vfl_sink sink, struct vfl_error *err)
{
    struct vfl_aws_reply reply;
    struct vfl_strbuf condition = VFL_STRBUF_INIT(VFL_HTTP_HEADER_VALUE_SIZE);
    struct get_check check = {.expected = expected, .sink = sink, .response = &reply.http};
    vfl_aws_reply_init(&reply);
    enum vfl_status st = VFL_OK;
    if (expected->size_bytes < 0)
        st = vfl_error_set(err, VFL_FORMAT,
                           "the bucket's listing gives no proper size for the object");
    vfl_strbuf_append_char(&condition, '"');
    vfl_strbuf_append(&condition, expected->etag);
    vfl_strbuf_append_char(&condition, '"');
    if (st == VFL_OK)
        st = vfl_strbuf_check(&condition, "object's ETag", err);
    if (st != VFL_OK)
        goto out;
    const struct vfl_sigv4_pair headers[] = {
        {VFL_SPAN_LITERAL("if-match"), vfl_strbuf_span(&condition)}};
    const struct vfl_s3_call call = {
        .method = "GET",
        .key = expected->key,
        .headers = headers,
        .header_count = expected->etag.len > 0 ? 1 : 0,
        /* pass_on is the real bound; one byte more lets it say so in its own words. */
        .max_body_bytes = (uint64_t)expected->size_bytes + VFL_HTTP_MAX_ERROR_BODY_BYTES,
        .timeout_ms = OBJECT_TIMEOUT_MS,
        .sink = {pass_on, &check},
    };
    st = vfl_s3_perform(bucket, &call, &reply, err);
    if (st != VFL_OK)
        st = explain_get(bucket, &reply, st, err);
    else if (reply.http.status_code != 200 ||
             check.passed_byte_count != (uint64_t)expected->size_bytes)
        st = vfl_error_set(err, VFL_RETRY, "HTTP %d with %llu bytes, %lld were listed",
                           reply.http.status_code, (unsigned long long)check.passed_byte_count,
                           (long long)expected->size_bytes);
out:
    vfl_aws_reply_fini(&reply);
    vfl_strbuf_fini(&condition);
    return st;
}
