/* Where flow-log objects live: the interface that the collector uses, and its two kinds. */
#ifndef VFL_STORE_H
#define VFL_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

/* One listed object. Spans die when the call returns. */
struct vfl_store_object {
    struct vfl_span key;
    /* As the store spells it, quotes stripped; changes when the content does. */
    struct vfl_span etag;
    int64_t size_bytes; /* negative: the store does not say; get refuses such an object */
    int64_t modified_epoch_s;
    bool is_archived; /* storage class that GetObject refuses (GLACIER, DEEP_ARCHIVE) */
};

struct vfl_object_sink {
    enum vfl_status (*add)(void *ctx, const struct vfl_store_object *object, struct vfl_error *err);
    void *ctx;
};

/* Told once for each key of a remove call. VFL_OK: gone (absent before counts as gone). Otherwise
 * err says why. */
struct vfl_remove_sink {
    void (*result)(void *ctx, size_t index, enum vfl_status status, const struct vfl_error *err);
    void *ctx;
};

struct vfl_store;

/* All functions: one thread at a time per store, and new_beside gives more threads stores of their
 * own; blocking, on S3 bounded by the run's deadline;
 * retries of transient faults happen inside. Statuses: VFL_RETRY, VFL_DENIED, VFL_CONFIG,
 * VFL_NOT_FOUND, VFL_DEADLINE, VFL_CANCELLED, VFL_LIMIT, VFL_NO_MEMORY, VFL_IO, or what the sink
 * returned. */
struct vfl_store_ops {
    /* VFL_OK only when the bucket exists and keeps deleted objects as versions. VFL_CONFIG:
     * versioning is not Enabled; the text says what to switch on. */
    enum vfl_status (*check_versioning)(struct vfl_store *store, struct vfl_error *err);
    /* Every object whose key starts with prefix, in byte order of keys, after start_after ("" for
     * all). A missing bucket is VFL_NOT_FOUND, an empty prefix is VFL_OK with no call. */
    enum vfl_status (*list)(struct vfl_store *store, const char *prefix, const char *start_after,
                            struct vfl_object_sink sink, struct vfl_error *err);
    /* Streams the object's bytes, whole or not at all: VFL_OK means that expected->size_bytes bytes
     * were passed on and the content is still the one that was listed. VFL_RETRY after bytes were
     * passed on: the caller starts the object afresh. VFL_NOT_FOUND: gone since the listing. */
    enum vfl_status (*get)(struct vfl_store *store, const struct vfl_store_object *expected,
                           struct vfl_sink sink, struct vfl_error *err);
    /* Deletes by key, never by version. Returns VFL_OK when every key has had its result. */
    enum vfl_status (*remove)(struct vfl_store *store, const char *const *keys, size_t key_count,
                              struct vfl_remove_sink sink, struct vfl_error *err);
    void (*free)(struct vfl_store *store); /* NULL is fine */
    /* The same place for one more thread: connections of its own, which *cancelled (borrowed, may
     * be NULL) breaks off; what store has learnt and may spend is shared. store must outlive it.
     * VFL_NO_MEMORY, VFL_CONFIG. */
    enum vfl_status (*new_beside)(struct vfl_store *store, const atomic_bool *cancelled,
                                  struct vfl_store **ret_store, struct vfl_error *err);
};

/* First member of each kind's own struct. */
struct vfl_store {
    const struct vfl_store_ops *ops;
};

#endif
