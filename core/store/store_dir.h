/* A local directory as the bucket: the demo, replay and offline work.
 *
 * root/<bucket>/<key> is an object; its etag is made of size and modification time. Removing moves
 * the file to root/.trash/<bucket>/<key> (with ".1", ".2", ... when that name is taken), as
 * versioning would keep it. Symbolic links are not followed and not listed. */
#ifndef VFL_STORE_DIR_H
#define VFL_STORE_DIR_H

#include <stdatomic.h>

#include "core/store/store.h"

/* Copies both texts. Nothing is opened until the first call. cancelled (borrowed, may be NULL)
 * makes calls return VFL_CANCELLED soon after it turns true. */
enum vfl_status vfl_store_dir_new(const char *root, const char *bucket,
                                  const atomic_bool *cancelled, struct vfl_store **ret_store,
                                  struct vfl_error *err) VFL_MUST_CHECK;

#endif
