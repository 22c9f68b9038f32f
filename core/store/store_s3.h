/* The store on Amazon S3. */
#ifndef VFL_STORE_S3_H
#define VFL_STORE_S3_H

#include "core/aws/session.h"
#include "core/store/store.h"

/* Borrows session, which must outlive the store; copies bucket. expected_owner is the account id
 * that must own the bucket, or NULL: set for the default bucket name, which anybody could have
 * taken. */
enum vfl_status vfl_store_s3_new(struct vfl_aws_session *session, const char *bucket,
                                 const char *expected_owner, struct vfl_store **ret_store,
                                 struct vfl_error *err) VFL_MUST_CHECK;

#endif
