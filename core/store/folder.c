#include "core/store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum vfl_status status_of(int code)
{
    switch (code) {
    case EACCES:
    case EPERM:
    case EROFS:
        return VFL_DENIED;
    case ENOENT:
        return VFL_NOT_FOUND;
    case ENOMEM:
        return VFL_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return VFL_RETRY;
    default:
        return VFL_IO;
    }
}

enum vfl_status vfl_folder_fail(struct vfl_error *err, int code, const char *action,
                                const char *name)
{
    char reason[128] = "";
    if (strerror_r(code, reason, sizeof reason) != 0)
        (void)snprintf(reason, sizeof reason, "error %d", code);
    return vfl_error_set(err, status_of(code), "cannot %s %.300s: %s", action, name, reason);
}

void vfl_folder_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

int vfl_folder_open(int fd, const char *name)
{
    return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A key is followed one name at a time, so that no part of it can lead out of the bucket. Absent at
 * the end of the key, and for names that could. */
static struct vfl_span next_name(const char **key)
{
    struct vfl_span name = {*key, strcspn(*key, "/")};
    *key += name.len;
    if (name.len == 0 || vfl_span_equal_string(name, ".") || vfl_span_equal_string(name, ".."))
        return (struct vfl_span){NULL, 0};
    return name;
}

bool vfl_folder_is_key(const char *key)
{
    size_t length = strlen(key);
    if (length == 0 || length > VFL_FOLDER_MAX_KEY_BYTES)
        return false;
    for (;;) {
        if (next_name(&key).len == 0)
            return false;
        if (*key == '\0')
            return true;
        key++;
    }
}

int vfl_folder_open_parent(int bucket_fd, const char *key, bool is_made, const char **ret_name)
{
    int fd = fcntl(bucket_fd, F_DUPFD_CLOEXEC, 0);
    const char *at = key;
    while (fd >= 0) {
        char name[VFL_FOLDER_MAX_KEY_BYTES + 1];
        struct vfl_span span = next_name(&at);
        if (*at == '\0') {
            *ret_name = span.ptr;
            return fd;
        }
        at++;
        memcpy(name, span.ptr, span.len);
        name[span.len] = '\0';
        int below = -1;
        if (!is_made || mkdirat(fd, name, 0777) == 0 || errno == EEXIST)
            below = vfl_folder_open(fd, name);
        int code = errno;
        vfl_folder_close(fd);
        fd = below;
        errno = code;
    }
    return -1;
}

void vfl_folder_format_etag(const struct stat *info, char etag[VFL_FOLDER_ETAG_SIZE])
{
    (void)snprintf(etag, VFL_FOLDER_ETAG_SIZE, "%jx-%jx-%lx", (uintmax_t)info->st_size,
                   (uintmax_t)info->st_mtim.tv_sec, (unsigned long)info->st_mtim.tv_nsec);
}
