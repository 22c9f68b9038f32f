/* The transport under the fuzz targets of the S3 client. */
#ifndef VFL_FUZZ_S3_ANSWERS_H
#define VFL_FUZZ_S3_ANSWERS_H

#include "core/aws/s3_bucket.h"

#include "tests/fuzz/answers.h"

enum vfl_status vfl_s3_perform(struct vfl_s3_bucket *bucket, const struct vfl_s3_call *call,
                               struct vfl_aws_reply *reply, struct vfl_error *err)
{
    (void)bucket;
    return take_answer(call->parse, call->parse_ctx, reply, err);
}

enum vfl_status vfl_s3_explain(const struct vfl_s3_bucket *bucket,
                               const struct vfl_aws_reply *reply, const char *permission,
                               enum vfl_status status, struct vfl_error *err)
{
    (void)reply;
    return vfl_error_wrap(err, status, "bucket %s: %s", bucket->name, permission);
}

#endif
