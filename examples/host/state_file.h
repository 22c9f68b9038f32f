/* What checks ask the agent to remember: a JSON object of key -> text, in a file or in memory. */
#ifndef VFL_HOST_STATE_FILE_H
#define VFL_HOST_STATE_FILE_H

#include <stdbool.h>

#include "core/error.h"

struct vfl_state_file;

/* path is copied; NULL or is_read_only: changes stay in memory. A file that is not there is an
 * empty state; one that does not parse is too, and *ret_is_damaged is then true. */
enum vfl_status vfl_state_file_open(const char *path, bool is_read_only,
                                    struct vfl_state_file **ret_state, bool *ret_is_damaged,
                                    struct vfl_error *err) VFL_MUST_CHECK;
void vfl_state_file_free(struct vfl_state_file *state);

/* Durable when it returns VFL_OK: written beside, fsynced, renamed, folder fsynced. On failure the
 * old value stays. Thread-safe. */
enum vfl_status vfl_state_file_set(struct vfl_state_file *state, const char *key, const char *value,
                                   struct vfl_error *err) VFL_MUST_CHECK;
/* A heap copy for the caller: "{}" when there is none, NULL without memory. Thread-safe. */
char *vfl_state_file_get(struct vfl_state_file *state, const char *key);

#endif
