/* What the S3 source files share: a bucket, one request to it, and its failures in words. */
#ifndef VFL_AWS_S3_BUCKET_H
#define VFL_AWS_S3_BUCKET_H

#include <pthread.h>

#include "core/aws/s3.h"
#include "core/aws/session_call.h"

/* Where a bucket is: what one thread has learnt serves all. */
struct vfl_s3_place {
    pthread_mutex_t lock;
    char region[64]; /* the session's, until S3 tells another */
};

struct vfl_s3_bucket {
    struct vfl_aws_session *session;
    struct vfl_aws_client *client; /* of its own; NULL: the session's */
    char *name;
    char *expected_owner;       /* NULL: not checked */
    struct vfl_s3_place *place; /* its own, or that of the bucket that it stands beside */
    struct vfl_s3_place own_place;
};

/* Members are those of vfl_aws_call; an absent key is the bucket itself. */
struct vfl_s3_call {
    const char *method;
    struct vfl_span key;
    const struct vfl_sigv4_pair *params;
    size_t param_count;
    const struct vfl_sigv4_pair *headers;
    size_t header_count;
    struct vfl_span body;
    uint64_t max_body_bytes;
    int64_t timeout_ms;
    struct vfl_sink sink;
    enum vfl_status (*parse)(void *ctx, struct vfl_span body, struct vfl_error *err);
    void *parse_ctx;
};

/* Sends to the bucket's region; follows one hint at another region. */
enum vfl_status vfl_s3_perform(struct vfl_s3_bucket *bucket, const struct vfl_s3_call *call,
                               struct vfl_aws_reply *reply, struct vfl_error *err) VFL_MUST_CHECK;

/* True for an answer that means "not in this region". ret_region is the one that it names, or ""
 * when it names none that can be believed: a host is built from the region, so it is never taken
 * from Location or Endpoint. */
bool vfl_s3_read_region_hint(const struct vfl_aws_reply *reply, char ret_region[64]);

/* Adds bucket, permission ("s3:ListBucket") and remedy to the failure of a perform. */
enum vfl_status vfl_s3_explain(const struct vfl_s3_bucket *bucket,
                               const struct vfl_aws_reply *reply, const char *permission,
                               enum vfl_status status, struct vfl_error *err);
/* For an answer without a body: VFL_NOT_FOUND, with what to do about it. */
enum vfl_status vfl_s3_explain_absence(const struct vfl_s3_bucket *bucket, struct vfl_error *err);

#endif
