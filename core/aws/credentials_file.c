#include "core/aws/credential_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ROUNDS 2 /* a file that is being replaced is whole at the second look */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum vfl_status refuse(const char *what, const char *path, enum vfl_status status,
                              const char *why, struct vfl_error *err)
{
    return vfl_error_set(err, status, "%s %.200s %s", what, path, why);
}

static enum vfl_status read_bytes(int fd, const char *what, const char *path, size_t max_bytes,
                                  struct vfl_strbuf *text, struct vfl_error *err)
{
    char chunk[4096];
    enum vfl_status st = VFL_OK;
    vfl_strbuf_reset(text);
    for (;;) {
        ssize_t count = read(fd, chunk, sizeof chunk);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            st = refuse(what, path, VFL_IO, "cannot be read", err);
        if (count <= 0)
            break;
        if ((size_t)count > max_bytes - text->len) {
            st = vfl_error_set(err, VFL_CONFIG, "%s %.200s is larger than %zu bytes", what, path,
                               max_bytes);
            break;
        }
        vfl_strbuf_append(text, (struct vfl_span){chunk, (size_t)count});
    }
    vfl_wipe(chunk, sizeof chunk);
    return st == VFL_OK ? vfl_strbuf_check(text, what, err) : st;
}

/* *ret_is_still: the bytes are those of one state of the file. */
static enum vfl_status read_round(const char *what, const char *path, size_t max_bytes,
                                  struct vfl_strbuf *text, struct stat *ret_before,
                                  bool *ret_is_still, struct vfl_error *err)
{
    struct stat after;
    /* A pipe would block the agent for ever. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        bool is_absent = errno == ENOENT || errno == ENOTDIR;
        return refuse(what, path, is_absent ? VFL_NOT_FOUND : VFL_IO,
                      is_absent ? "does not exist" : "cannot be opened: check its permissions",
                      err);
    }
    enum vfl_status st = VFL_OK;
    if (fstat(fd, ret_before) != 0)
        st = refuse(what, path, VFL_IO, "cannot be examined", err);
    else if (!S_ISREG(ret_before->st_mode) && !S_ISCHR(ret_before->st_mode))
        st = refuse(what, path, VFL_CONFIG, "is not a regular file", err);
    if (st == VFL_OK)
        st = read_bytes(fd, what, path, max_bytes, text, err);
    if (st == VFL_OK && fstat(fd, &after) != 0)
        st = refuse(what, path, VFL_IO, "cannot be examined", err);
    if (st == VFL_OK)
        *ret_is_still = is_same_file(ret_before, &after) && (size_t)after.st_size == text->len;
    (void)close(fd);
    return st;
}

enum vfl_status vfl_credentials_read_file(const char *what, const char *path, size_t max_bytes,
                                          struct vfl_strbuf *text, bool *ret_is_world_readable,
                                          struct vfl_error *err)
{
    for (int round = 0; round < MAX_ROUNDS; round++) {
        struct stat file;
        bool is_still = false;
        enum vfl_status st = read_round(what, path, max_bytes, text, &file, &is_still, err);
        if (st != VFL_OK)
            return st;
        if (!is_still)
            continue;
        if (ret_is_world_readable != NULL)
            *ret_is_world_readable = (file.st_mode & S_IROTH) != 0 && S_ISREG(file.st_mode);
        return VFL_OK;
    }
    return refuse(what, path, VFL_CONFIG, "changed twice while it was read", err);
}

static void drop_trailing_space(struct vfl_strbuf *text)
{
    while (text->len > 0 && strchr(" \t\r\n", text->bytes[text->len - 1]) != NULL)
        text->bytes[--text->len] = '\0';
}

enum vfl_status vfl_credentials_read_token(const char *what, const char *path, size_t max_bytes,
                                           struct vfl_strbuf *token, struct vfl_error *err)
{
    for (int round = 0; round < MAX_ROUNDS; round++) {
        enum vfl_status st = vfl_credentials_read_file(what, path, max_bytes, token, NULL, err);
        if (st != VFL_OK)
            return st == VFL_NOT_FOUND ? VFL_CONFIG : st;
        drop_trailing_space(token);
        if (token->len > 0)
            break;
    }
    if (token->len == 0)
        return refuse(what, path, VFL_CONFIG, "is empty", err);
    for (size_t i = 0; i < token->len; i++)
        if (token->bytes[i] < ' ' || token->bytes[i] > '~')
            return refuse(what, path, VFL_CONFIG,
                          "has a line break or another character that no token has", err);
    return VFL_OK;
}
