#include "examples/host/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct vfl_state_file {
    char *path; /* NULL: in memory only */
    json_t *values;
    pthread_mutex_t mutex;
};

enum vfl_status vfl_state_file_open(const char *path, bool is_read_only,
                                    struct vfl_state_file **ret_state, bool *ret_is_damaged,
                                    struct vfl_error *err)
{
    struct vfl_state_file *state = calloc(1, sizeof *state);
    if (state == NULL || pthread_mutex_init(&state->mutex, NULL) != 0) {
        free(state);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the state");
    }
    bool is_damaged = false;
    struct stat what;
    if (path != NULL && lstat(path, &what) == 0 && !S_ISREG(what.st_mode)) {
        vfl_state_file_free(state);
        return vfl_error_set(
            err, VFL_IO, "state file %s: not a regular file: leave the option out to keep no state",
            path);
    }
    if (path != NULL && access(path, F_OK) == 0) {
        json_error_t problem;
        state->values = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
        if (state->values == NULL && json_error_code(&problem) == json_error_cannot_open_file) {
            vfl_state_file_free(state);
            return vfl_error_set(err, VFL_IO, "state file %s: %s", path, problem.text);
        }
        is_damaged = !json_is_object(state->values);
    }
    if (!json_is_object(state->values)) {
        json_decref(state->values);
        state->values = json_object();
    }
    if (path != NULL && !is_read_only)
        state->path = strdup(path);
    if (state->values == NULL || (path != NULL && !is_read_only && state->path == NULL)) {
        vfl_state_file_free(state);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the state");
    }
    *ret_state = state;
    *ret_is_damaged = is_damaged;
    return VFL_OK;
}

void vfl_state_file_free(struct vfl_state_file *state)
{
    if (state == NULL)
        return;
    (void)pthread_mutex_destroy(&state->mutex);
    json_decref(state->values);
    free(state->path);
    free(state);
}

static enum vfl_status io_error(const char *path, const char *what, struct vfl_error *err)
{
    return vfl_error_set(err, VFL_IO, "state file %s: cannot %s: %s", path, what, strerror(errno));
}

/* A rename is durable only when the folder has reached the disk too. */
static enum vfl_status sync_folder(const char *path, struct vfl_error *err)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the state");
    enum vfl_status st = VFL_OK;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        st = io_error(path, "sync its folder", err);
    if (fd >= 0)
        (void)close(fd);
    free(copy);
    return st;
}

static enum vfl_status write_file(const char *path, const char *temporary, const json_t *values,
                                  struct vfl_error *err)
{
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return io_error(path, "create its temporary file", err);
    enum vfl_status st = VFL_OK;
    if (json_dumpfd(values, fd, JSON_COMPACT) != 0)
        st = io_error(path, "write", err);
    else if (fsync(fd) != 0)
        st = io_error(path, "sync", err);
    if (close(fd) != 0 && st == VFL_OK)
        st = io_error(path, "write", err);
    if (st == VFL_OK && rename(temporary, path) != 0)
        st = io_error(path, "rename", err);
    if (st != VFL_OK) {
        (void)unlink(temporary);
        return st;
    }
    return sync_folder(path, err);
}

static enum vfl_status save(const struct vfl_state_file *state, const json_t *values,
                            struct vfl_error *err)
{
    if (state->path == NULL)
        return VFL_OK;
    size_t size = strlen(state->path) + sizeof ".new";
    char *temporary = malloc(size);
    if (temporary == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the state");
    (void)snprintf(temporary, size, "%s.new", state->path);
    enum vfl_status st = write_file(state->path, temporary, values, err);
    free(temporary);
    return st;
}

enum vfl_status vfl_state_file_set(struct vfl_state_file *state, const char *key, const char *value,
                                   struct vfl_error *err)
{
    (void)pthread_mutex_lock(&state->mutex);
    enum vfl_status st = VFL_OK;
    json_t *values = json_copy(state->values);
    if (values == NULL || json_object_set_new(values, key, json_string(value)) != 0)
        st = vfl_error_set(err, VFL_FORMAT, "state of key %s: not UTF-8, or no memory", key);
    if (st == VFL_OK)
        st = save(state, values, err);
    if (st == VFL_OK) {
        json_t *old = state->values;
        state->values = values;
        values = old;
    }
    json_decref(values);
    (void)pthread_mutex_unlock(&state->mutex);
    return st;
}

char *vfl_state_file_get(struct vfl_state_file *state, const char *key)
{
    (void)pthread_mutex_lock(&state->mutex);
    const char *value = json_string_value(json_object_get(state->values, key));
    char *copy = strdup(value == NULL ? "{}" : value);
    (void)pthread_mutex_unlock(&state->mutex);
    return copy;
}
