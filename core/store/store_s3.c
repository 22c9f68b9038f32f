#include "core/store/store_s3.h"

#include <stdlib.h>

#include "core/aws/s3.h"

struct store_s3 {
    struct vfl_store base;
    struct vfl_s3_bucket *bucket;
};

static struct vfl_s3_bucket *bucket_of(struct vfl_store *store)
{
    return ((struct store_s3 *)store)->bucket;
}

static enum vfl_status check_versioning(struct vfl_store *store, struct vfl_error *err)
{
    return vfl_s3_check_versioning(bucket_of(store), err);
}

static enum vfl_status forward_object(void *ctx, const struct vfl_s3_object *object,
                                      struct vfl_error *err)
{
    const struct vfl_object_sink *sink = ctx;
    const struct vfl_store_object forwarded = {
        .key = object->key,
        .etag = object->etag,
        .size_bytes = object->size_bytes,
        .modified_epoch_s = object->modified_epoch_s,
        .is_archived = object->is_archived,
    };
    return sink->add(sink->ctx, &forwarded, err);
}

static enum vfl_status list(struct vfl_store *store, const char *prefix, const char *start_after,
                            struct vfl_object_sink sink, struct vfl_error *err)
{
    return vfl_s3_list(bucket_of(store), prefix, start_after,
                       (struct vfl_s3_object_sink){forward_object, &sink}, err);
}

static enum vfl_status get(struct vfl_store *store, const struct vfl_store_object *expected,
                           struct vfl_sink sink, struct vfl_error *err)
{
    const struct vfl_s3_object object = {
        .key = expected->key,
        .etag = expected->etag,
        .size_bytes = expected->size_bytes,
    };
    return vfl_s3_get(bucket_of(store), &object, sink, err);
}

static enum vfl_status remove_keys(struct vfl_store *store, const char *const *keys,
                                   size_t key_count, struct vfl_remove_sink sink,
                                   struct vfl_error *err)
{
    return vfl_s3_delete(bucket_of(store), keys, key_count,
                         (struct vfl_s3_delete_sink){sink.result, sink.ctx}, err);
}

static void free_store(struct vfl_store *store)
{
    if (store == NULL)
        return;
    vfl_s3_bucket_free(bucket_of(store));
    free(store);
}

static enum vfl_status new_beside(struct vfl_store *store, const atomic_bool *cancelled,
                                  struct vfl_store **ret_store, struct vfl_error *err)
{
    struct store_s3 *beside = calloc(1, sizeof *beside);
    if (beside == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for another connection");
    beside->base.ops = store->ops;
    enum vfl_status st =
        vfl_s3_bucket_new_beside(bucket_of(store), cancelled, &beside->bucket, err);
    if (st != VFL_OK) {
        free(beside);
        return st;
    }
    *ret_store = &beside->base;
    return VFL_OK;
}

static const struct vfl_store_ops ops = {
    .check_versioning = check_versioning,
    .list = list,
    .get = get,
    .remove = remove_keys,
    .free = free_store,
    .new_beside = new_beside,
};

enum vfl_status vfl_store_s3_new(struct vfl_aws_session *session, const char *bucket,
                                 const char *expected_owner, struct vfl_store **ret_store,
                                 struct vfl_error *err)
{
    struct store_s3 *store = calloc(1, sizeof *store);
    if (store == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for bucket %s", bucket);
    store->base.ops = &ops;
    enum vfl_status st = vfl_s3_bucket_new(session, bucket, expected_owner, &store->bucket, err);
    if (st != VFL_OK) {
        free(store);
        return st;
    }
    *ret_store = &store->base;
    return VFL_OK;
}
