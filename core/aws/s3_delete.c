#include <stdlib.h>
#include <string.h>

#include "core/aws/s3_bucket.h"

#define MAX_BATCH_KEYS 1000
#define MAX_BATCH_BYTES (1u << 20)
#define MAX_BODY_BYTES (MAX_BATCH_BYTES + 16384)
#define MAX_ROUNDS 3

/* What S3 said of one key; "" is nothing, which in quiet mode means deleted. */
struct outcome {
    size_t index; /* in the caller's array */
    bool is_pending;
    char code[64];
};

struct batch {
    const char *const *keys;
    struct outcome *outcomes; /* MAX_BATCH_KEYS of them */
    size_t count;
    struct vfl_strbuf error_key;
    char error_code[64];
    bool has_stray_error; /* about a key that was not asked: then nothing is certain */
};

/* The next code point of UTF-8, or -1 when the bytes are not that. */
static long decode_utf8(const unsigned char *bytes, size_t *ret_size)
{
    static const long least[] = {0, 0x80, 0x800, 0x10000};
    unsigned char first = bytes[0];
    size_t extra = first < 0x80   ? 0
                   : first < 0xc2 ? 9
                   : first < 0xe0 ? 1
                   : first < 0xf0 ? 2
                   : first < 0xf5 ? 3
                                  : 9;
    if (extra == 9)
        return -1;
    long code = extra == 0 ? first : first & (0x3f >> extra);
    for (size_t i = 1; i <= extra; i++) {
        if ((bytes[i] & 0xc0) != 0x80) /* the NUL at the end stops here as well */
            return -1;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    *ret_size = extra + 1;
    return code < least[extra] ? -1 : code;
}

/* Whether XML 1.0 can carry the key ("Characters" production). */
static bool fits_xml(const char *key)
{
    const unsigned char *at = (const unsigned char *)key;
    while (*at != '\0') {
        size_t size;
        long code = decode_utf8(at, &size);
        if (code < 0 || (code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
            (code >= 0xd800 && code < 0xe000) || code == 0xfffe || code == 0xffff ||
            code > 0x10ffff)
            return false;
        at += size;
    }
    return true;
}

static void append_escaped(struct vfl_strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            vfl_strbuf_append_string(out, "&amp;");
            break;
        case '<':
            vfl_strbuf_append_string(out, "&lt;");
            break;
        case '>':
            vfl_strbuf_append_string(out, "&gt;");
            break;
        case '\t':
        case '\n':
        case '\r': /* a parser would make other white space of them */
            vfl_strbuf_appendf(out, "&#%d;", *text);
            break;
        default:
            vfl_strbuf_append_char(out, *text);
        }
    }
}

static enum vfl_status on_delete_start(void *ctx, const char *path, struct vfl_error *err)
{
    struct batch *batch = ctx;
    (void)err;
    if (strcmp(path, "Error") == 0) {
        vfl_strbuf_reset(&batch->error_key);
        batch->error_code[0] = '\0';
    }
    return VFL_OK;
}

static void note_error(struct batch *batch)
{
    struct vfl_span key = vfl_strbuf_span(&batch->error_key);
    bool is_known = false;
    for (size_t i = 0; i < batch->count; i++) {
        struct outcome *outcome = &batch->outcomes[i];
        if (!outcome->is_pending || !vfl_span_equal_string(key, batch->keys[outcome->index]))
            continue;
        memcpy(outcome->code, batch->error_code, sizeof outcome->code);
        is_known = true;
    }
    if (!is_known)
        batch->has_stray_error = true;
}

static enum vfl_status on_delete_end(void *ctx, const char *path, struct vfl_span text,
                                     struct vfl_error *err)
{
    struct batch *batch = ctx;
    if (strcmp(path, "Error/Key") == 0) {
        vfl_strbuf_reset(&batch->error_key);
        vfl_strbuf_append(&batch->error_key, text);
        return vfl_strbuf_check(&batch->error_key, "key in an answer", err);
    }
    if (strcmp(path, "Error/Code") == 0) {
        size_t length =
            text.len < sizeof batch->error_code ? text.len : sizeof batch->error_code - 1;
        memcpy(batch->error_code, text.ptr, length);
        batch->error_code[length] = '\0';
    } else if (strcmp(path, "Error") == 0) {
        if (batch->error_code[0] == '\0')
            memcpy(batch->error_code, "no code", sizeof "no code");
        note_error(batch);
    }
    return VFL_OK;
}

static enum vfl_status parse_delete_result(void *ctx, struct vfl_span body, struct vfl_error *err)
{
    struct batch *batch = ctx;
    for (size_t i = 0; i < batch->count; i++)
        if (batch->outcomes[i].is_pending)
            batch->outcomes[i].code[0] = '\0';
    batch->has_stray_error = false;
    struct vfl_xml_handler handler = {on_delete_start, on_delete_end, batch};
    return vfl_xml_parse(body, "DeleteResult", handler, err);
}

static void make_body(const struct batch *batch, struct vfl_strbuf *body)
{
    vfl_strbuf_append_string(
        body, "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->outcomes[i].is_pending)
            continue;
        vfl_strbuf_append_string(body, "<Object><Key>");
        append_escaped(body, batch->keys[batch->outcomes[i].index]);
        vfl_strbuf_append_string(body, "</Key></Object>");
    }
    vfl_strbuf_append_string(body, "</Delete>");
}

/* S3 demands Content-MD5 or a checksum; compatible servers often know the first only, and OpenSSL
 * in FIPS mode can make the second only. */
static enum vfl_status make_integrity_headers(struct vfl_span body, char ret_sum[64],
                                              struct vfl_sigv4_pair *headers, size_t *header_count,
                                              struct vfl_error *err)
{
    unsigned char sum[VFL_SHA256_BYTES];
    if (vfl_digest_md5(body, sum, NULL) == VFL_OK) {
        vfl_digest_base64(sum, VFL_MD5_BYTES, ret_sum);
        headers[(*header_count)++] =
            (struct vfl_sigv4_pair){VFL_SPAN_LITERAL("content-md5"), vfl_span_from_string(ret_sum)};
        return VFL_OK;
    }
    enum vfl_status st = vfl_digest_sha256(body, sum, err);
    if (st != VFL_OK)
        return st;
    vfl_digest_base64(sum, VFL_SHA256_BYTES, ret_sum);
    headers[(*header_count)++] = (struct vfl_sigv4_pair){VFL_SPAN_LITERAL("x-amz-checksum-sha256"),
                                                         vfl_span_from_string(ret_sum)};
    headers[(*header_count)++] = (struct vfl_sigv4_pair){
        VFL_SPAN_LITERAL("x-amz-sdk-checksum-algorithm"), VFL_SPAN_LITERAL("SHA256")};
    return VFL_OK;
}

static enum vfl_status send_batch(struct vfl_s3_bucket *bucket, struct batch *batch,
                                  struct vfl_error *err)
{
    struct vfl_strbuf body = VFL_STRBUF_INIT(MAX_BODY_BYTES);
    struct vfl_aws_reply reply;
    char sum[64];
    struct vfl_sigv4_pair headers[3] = {
        {VFL_SPAN_LITERAL("content-type"), VFL_SPAN_LITERAL("application/xml")}};
    size_t header_count = 1;
    const struct vfl_sigv4_pair params[] = {{VFL_SPAN_LITERAL("delete"), {"", 0}}};
    vfl_aws_reply_init(&reply);
    make_body(batch, &body);
    enum vfl_status st = vfl_strbuf_check(&body, "DeleteObjects request", err);
    if (st == VFL_OK)
        st = make_integrity_headers(vfl_strbuf_span(&body), sum, headers, &header_count, err);
    if (st != VFL_OK)
        goto out;
    const struct vfl_s3_call call = {
        .method = "POST",
        .params = params,
        .param_count = 1,
        .headers = headers,
        .header_count = header_count,
        .body = vfl_strbuf_span(&body),
        .max_body_bytes = VFL_AWS_MAX_DOCUMENT_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
        .parse = parse_delete_result,
        .parse_ctx = batch,
    };
    st = vfl_s3_perform(bucket, &call, &reply, err);
    if (st != VFL_OK)
        st = vfl_s3_explain(bucket, &reply, "s3:DeleteObject", st, err);
out:
    vfl_aws_reply_fini(&reply);
    vfl_strbuf_fini(&body);
    return st;
}

static bool is_repeatable(const struct outcome *outcome)
{
    enum vfl_retry_class class = vfl_retry_classify(200, outcome->code);
    return class == VFL_RETRY_TRANSIENT || class == VFL_RETRY_THROTTLED;
}

static enum vfl_status describe_outcome(const struct vfl_s3_bucket *bucket, const char *key,
                                        const char *code, struct vfl_error *err)
{
    if (code[0] == '\0' || strcmp(code, "NoSuchKey") == 0)
        return VFL_OK;
    if (strcmp(code, "AccessDenied") == 0)
        return vfl_error_set(err, VFL_DENIED,
                             "bucket %s: s3:DeleteObject denied for role %s: add it to the role's "
                             "policy (object %.120s)",
                             bucket->name, vfl_aws_session_role_arn(bucket->session), key);
    enum vfl_retry_class class = vfl_retry_classify(200, code);
    return vfl_error_set(
        err, class == VFL_RETRY_TRANSIENT || class == VFL_RETRY_THROTTLED ? VFL_RETRY : VFL_CONFIG,
        "bucket %s: object %.200s was not deleted: %.64s", bucket->name, key, code);
}

/* Ends the keys that are settled; the others stay pending for another round. */
static size_t report_batch(struct vfl_s3_bucket *bucket, struct batch *batch, bool is_last_round,
                           struct vfl_s3_delete_sink sink)
{
    size_t pending_count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct outcome *outcome = &batch->outcomes[i];
        const char *key = batch->keys[outcome->index];
        struct vfl_error err = {0};
        if (!outcome->is_pending)
            continue;
        if (!is_last_round && is_repeatable(outcome)) {
            pending_count++;
            continue;
        }
        enum vfl_status st = describe_outcome(bucket, key, outcome->code, &err);
        if (st == VFL_OK && batch->has_stray_error)
            st = vfl_error_set(&err, VFL_RETRY,
                               "bucket %s: the deletion of %.200s is not certain: S3 reports "
                               "errors for keys that were not asked",
                               bucket->name, key);
        outcome->is_pending = false;
        sink.result(sink.ctx, outcome->index, st, &err);
    }
    return pending_count;
}

static enum vfl_status delete_batch(struct vfl_s3_bucket *bucket, struct batch *batch,
                                    struct vfl_s3_delete_sink sink, struct vfl_error *err)
{
    struct vfl_aws_client *client =
        bucket->client != NULL ? bucket->client : vfl_aws_session_client(bucket->session);
    for (unsigned round = 0; round < MAX_ROUNDS; round++) {
        enum vfl_status st = send_batch(bucket, batch, err);
        if (st != VFL_OK)
            return st;
        bool is_last_round = round + 1 == MAX_ROUNDS;
        if (report_batch(bucket, batch, is_last_round, sink) == 0)
            return VFL_OK;
        if (!vfl_aws_client_pause(client, VFL_RETRY_THROTTLED, round, "")) {
            (void)report_batch(bucket, batch, true, sink);
            return VFL_OK;
        }
    }
    return VFL_OK;
}

static enum vfl_status delete_single(struct vfl_s3_bucket *bucket, const char *key, size_t index,
                                     struct vfl_s3_delete_sink sink, struct vfl_error *err)
{
    struct vfl_aws_reply reply;
    struct vfl_error failure = {0};
    const struct vfl_s3_call call = {
        .method = "DELETE",
        .key = vfl_span_from_string(key),
        .max_body_bytes = VFL_HTTP_MAX_ERROR_BODY_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
    };
    vfl_aws_reply_init(&reply);
    enum vfl_status st = vfl_s3_perform(bucket, &call, &reply, &failure);
    bool is_about_key = reply.fault.code[0] != '\0' && st != VFL_RETRY &&
                        strcmp(reply.fault.code, "NoSuchBucket") != 0;
    if (st == VFL_OK || is_about_key) {
        st = st == VFL_OK ? VFL_OK : describe_outcome(bucket, key, reply.fault.code, &failure);
        sink.result(sink.ctx, index, st, &failure);
        st = VFL_OK;
    } else {
        st = vfl_s3_explain(bucket, &reply, "s3:DeleteObject", st, &failure);
        if (err != NULL)
            *err = failure;
    }
    vfl_aws_reply_fini(&reply);
    return st;
}

enum vfl_status vfl_s3_delete(struct vfl_s3_bucket *bucket, const char *const *keys,
                              size_t key_count, struct vfl_s3_delete_sink sink,
                              struct vfl_error *err)
{
    struct batch batch = {.keys = keys};
    vfl_strbuf_init(&batch.error_key, VFL_XML_MAX_TEXT_BYTES);
    batch.outcomes = calloc(MAX_BATCH_KEYS, sizeof batch.outcomes[0]);
    enum vfl_status st = VFL_OK;
    if (batch.outcomes == NULL)
        st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for DeleteObjects");
    size_t at = 0;
    while (st == VFL_OK && at < key_count) {
        size_t byte_count = 0;
        batch.count = 0;
        while (at < key_count && batch.count < MAX_BATCH_KEYS && st == VFL_OK) {
            if (!fits_xml(keys[at])) {
                st = delete_single(bucket, keys[at], at, sink, err);
                at++;
                continue;
            }
            /* An escaped byte takes six at most. */
            size_t key_bytes = 6 * strlen(keys[at]) + 64;
            if (batch.count > 0 && byte_count + key_bytes > MAX_BATCH_BYTES)
                break;
            byte_count += key_bytes;
            batch.outcomes[batch.count++] = (struct outcome){.index = at++, .is_pending = true};
        }
        if (st == VFL_OK && batch.count > 0)
            st = delete_batch(bucket, &batch, sink, err);
    }
    free(batch.outcomes);
    vfl_strbuf_fini(&batch.error_key);
    return st;
}
