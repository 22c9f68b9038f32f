/* The S3 operations that the store needs, on one bucket, and questions about how it is set up.
 *
 * Source: Amazon S3 API reference (GetBucketVersioning, ListObjectsV2, GetObject, DeleteObjects,
 * DeleteObject, HeadBucket, GetBucketLifecycleConfiguration). Texts name the bucket, the missing
 * permission and the remedy. */
#ifndef VFL_AWS_S3_H
#define VFL_AWS_S3_H

#include "core/aws/session.h"
#include "core/span.h"

#define VFL_S3_MAX_KEY_BYTES 1024
#define VFL_S3_SIZE_UNKNOWN (-1) /* the listing's Size is missing, negative or beyond 63 bits */

struct vfl_s3_bucket;

/* Spans die when the call returns. */
struct vfl_s3_object {
    struct vfl_span key;
    struct vfl_span etag; /* quotes stripped */
    int64_t size_bytes;   /* or VFL_S3_SIZE_UNKNOWN */
    int64_t modified_epoch_s;
    bool is_archived;
};

struct vfl_s3_object_sink {
    enum vfl_status (*add)(void *ctx, const struct vfl_s3_object *object, struct vfl_error *err);
    void *ctx;
};

struct vfl_s3_delete_sink {
    void (*result)(void *ctx, size_t index, enum vfl_status status, const struct vfl_error *err);
    void *ctx;
};

/* Borrows session; copies the texts. expected_owner may be NULL. The bucket's region is found by
 * itself when S3 says that it is another one, unless the endpoint is configured. */
enum vfl_status vfl_s3_bucket_new(struct vfl_aws_session *session, const char *name,
                                  const char *expected_owner, struct vfl_s3_bucket **ret_bucket,
                                  struct vfl_error *err) VFL_MUST_CHECK;
/* The same bucket for one more thread: connections and cancellation flag (borrowed, may be NULL) of
 * its own; credentials, retry quota and region are those of origin, which must outlive it. */
enum vfl_status vfl_s3_bucket_new_beside(struct vfl_s3_bucket *origin, const atomic_bool *cancelled,
                                         struct vfl_s3_bucket **ret_bucket,
                                         struct vfl_error *err) VFL_MUST_CHECK;
void vfl_s3_bucket_free(struct vfl_s3_bucket *bucket);

/* VFL_CONFIG unless the status is Enabled. */
enum vfl_status vfl_s3_check_versioning(struct vfl_s3_bucket *bucket,
                                        struct vfl_error *err) VFL_MUST_CHECK;

/* In byte order of keys. A page is passed on only when all of it is sound; VFL_RETRY: the server
 * sends pages that no S3 would send (keys outside the prefix or out of order, tokens that do not
 * advance). */
enum vfl_status vfl_s3_list(struct vfl_s3_bucket *bucket, const char *prefix,
                            const char *start_after, struct vfl_s3_object_sink sink,
                            struct vfl_error *err) VFL_MUST_CHECK;

/* Passes the content on if it is still the listed one. VFL_UNSUPPORTED: archived. VFL_FORMAT: its
 * size is unknown, so nothing could tell a cut one. VFL_RETRY: cut or changed since the listing;
 * VFL_NOT_FOUND: gone. */
enum vfl_status vfl_s3_get(struct vfl_s3_bucket *bucket, const struct vfl_s3_object *expected,
                           struct vfl_sink sink, struct vfl_error *err) VFL_MUST_CHECK;

/* In requests of up to 1000 keys, never by version. VFL_OK: sink.result was called once for each
 * key. Otherwise it was called for the keys of the requests that were answered, and what became of
 * the others is not known: repeating is harmless. */
enum vfl_status vfl_s3_delete(struct vfl_s3_bucket *bucket, const char *const *keys,
                              size_t key_count, struct vfl_s3_delete_sink sink,
                              struct vfl_error *err) VFL_MUST_CHECK;

/* The bucket's region, "" when the server does not say. S3 says it to everybody, also with a 403.
 * VFL_NOT_FOUND: there is no such bucket. */
enum vfl_status vfl_s3_locate(struct vfl_s3_bucket *bucket, char ret_region[64],
                              struct vfl_error *err) VFL_MUST_CHECK;

/* What the enabled rules do to all keys that start with a prefix. Days are the fewest; 0: never. */
struct vfl_s3_lifecycle {
    unsigned rule_count;      /* of the bucket, of whatever kind */
    unsigned noncurrent_days; /* until a deleted object's content is removed for good */
    unsigned expiration_days; /* until an object is deleted */
    bool removes_markers;     /* that have no content behind them any more */
    bool archives;            /* moves at least some objects to where GetObject cannot read them */
};
/* VFL_OK also when the bucket has no rules. */
enum vfl_status vfl_s3_read_lifecycle(struct vfl_s3_bucket *bucket, const char *prefix,
                                      struct vfl_s3_lifecycle *ret_lifecycle,
                                      struct vfl_error *err) VFL_MUST_CHECK;

/* Shows the keys below prefix of which there is a version or a delete marker, the first 1,000 of
 * them, each as often as there are. The key dies on return. Needs s3:ListBucketVersions, which a
 * run does not: VFL_DENIED is no fault of the set-up. */
enum vfl_status vfl_s3_list_past(struct vfl_s3_bucket *bucket, const char *prefix,
                                 void (*on_key)(void *ctx, struct vfl_span key), void *ctx,
                                 struct vfl_error *err) VFL_MUST_CHECK;

/* Whether an object may be deleted, asked by a deletion that is conditional on the object being
 * there ("How to perform conditional deletes" in the S3 user guide: 412 when it is not). The key
 * must be one that nobody uses. *ret_is_done: the server does not know the condition and took the
 * deletion, which leaves a delete marker. VFL_DENIED: refused; without s3:ListBucket on the whole
 * bucket S3 may say so of any absent key. */
enum vfl_status vfl_s3_probe_delete(struct vfl_s3_bucket *bucket, const char *absent_key,
                                    bool *ret_is_done, struct vfl_error *err) VFL_MUST_CHECK;

#endif
