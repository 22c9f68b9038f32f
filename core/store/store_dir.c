#include "core/store/store_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store/folder.h"

#define TRASH ".trash"
#define MAX_DEPTH 64 /* folders below the bucket; each holds a descriptor while listed */
#define MAX_FOLDER_ENTRIES 1000000
#define MAX_VISITED 10000000 /* entries of one listing */
#define MAX_TRASH_SUFFIX 9999
#define CHUNK_BYTES (64u * 1024)

struct store_dir {
    struct vfl_store base;
    char *root;
    char *bucket;
    const atomic_bool *cancelled;
};

static enum vfl_status check_cancelled(const struct store_dir *store, struct vfl_error *err)
{
    if (store->cancelled != NULL && atomic_load(store->cancelled))
        return vfl_error_set(err, VFL_CANCELLED, "cancelled");
    return VFL_OK;
}

static enum vfl_status open_root(const struct store_dir *store, int *ret_fd, struct vfl_error *err)
{
    /* The root is the operator's word, so it may be a link; what is below it may not. */
    int fd = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return vfl_folder_fail(err, errno, "open the store folder", store->root);
    *ret_fd = fd;
    return VFL_OK;
}

static enum vfl_status open_bucket(const struct store_dir *store, int *ret_root_fd, int *ret_fd,
                                   struct vfl_error *err)
{
    int root_fd = -1;
    enum vfl_status st = open_root(store, &root_fd, err);
    if (st != VFL_OK)
        return st;
    int fd = vfl_folder_open(root_fd, store->bucket);
    int code = errno;
    if (fd < 0) {
        vfl_folder_close(root_fd);
        if (code == ENOENT)
            return vfl_error_set(err, VFL_NOT_FOUND,
                                 "the bucket's folder %.200s/%.200s does not exist: create it, or "
                                 "correct the bucket's name",
                                 store->root, store->bucket);
        if (code == ENOTDIR || code == ELOOP)
            return vfl_error_set(err, VFL_CONFIG,
                                 "%.200s/%.200s is not a folder (links are not followed): a bucket "
                                 "is a folder with objects",
                                 store->root, store->bucket);
        return vfl_folder_fail(err, code, "open the bucket's folder", store->bucket);
    }
    *ret_root_fd = root_fd;
    *ret_fd = fd;
    return VFL_OK;
}

/* ---- list ---- */

struct entry {
    char *name; /* a folder's with a slash at the end: then sorting names sorts full keys */
    struct stat info;
};

struct folder {
    struct entry *entries;
    size_t count;
    size_t allocated;
};

struct walk {
    const struct store_dir *store;
    struct vfl_span prefix;
    const char *start_after;
    struct vfl_object_sink sink;
    /* Of the folder being listed, slash at the end; "" for the bucket. */
    char key[VFL_FOLDER_MAX_KEY_BYTES + 1];
    size_t key_bytes;
    size_t visited_count;
};

static void free_folder(struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        free(folder->entries[i].name);
    free(folder->entries);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Whether walk->key, now the full key of an object or a folder, can matter to this listing. */
static bool is_wanted(const struct walk *walk)
{
    struct vfl_span key = {walk->key, walk->key_bytes};
    struct vfl_span after = vfl_span_from_string(walk->start_after);
    if (walk->key[walk->key_bytes - 1] != '/')
        return vfl_span_has_prefix(key, walk->prefix) && strcmp(walk->key, walk->start_after) > 0;
    return (vfl_span_has_prefix(key, walk->prefix) || vfl_span_has_prefix(walk->prefix, key)) &&
           (vfl_span_has_prefix(after, key) || strcmp(walk->key, walk->start_after) > 0);
}

static enum vfl_status add_entry(struct walk *walk, struct folder *folder, const char *name,
                                 const struct stat *info, struct vfl_error *err)
{
    size_t length = strlen(name);
    size_t slash = S_ISDIR(info->st_mode) ? 1 : 0;
    size_t outer_bytes = walk->key_bytes;
    if (outer_bytes + length + slash > VFL_FOLDER_MAX_KEY_BYTES)
        return VFL_OK;
    (void)snprintf(walk->key + outer_bytes, sizeof walk->key - outer_bytes, "%s%s", name,
                   slash != 0 ? "/" : "");
    walk->key_bytes = outer_bytes + length + slash;
    bool is_left_out = !is_wanted(walk);
    walk->key_bytes = outer_bytes;
    if (is_left_out) {
        walk->key[outer_bytes] = '\0';
        return VFL_OK;
    }
    if (folder->count == MAX_FOLDER_ENTRIES)
        return vfl_error_set(err, VFL_LIMIT, "folder %.*s holds more than %d objects",
                             (int)outer_bytes, walk->key, MAX_FOLDER_ENTRIES);
    if (folder->count == folder->allocated) {
        size_t allocated = folder->allocated == 0 ? 64 : folder->allocated * 2;
        struct entry *entries = realloc(folder->entries, allocated * sizeof *entries);
        if (entries == NULL)
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the list of objects");
        folder->entries = entries;
        folder->allocated = allocated;
    }
    char *copy = strdup(walk->key + outer_bytes);
    walk->key[outer_bytes] = '\0';
    if (copy == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the list of objects");
    folder->entries[folder->count++] = (struct entry){copy, *info};
    return VFL_OK;
}

static enum vfl_status read_folder(struct walk *walk, DIR *dir, struct folder *folder,
                                   struct vfl_error *err)
{
    for (;;) {
        enum vfl_status st = check_cancelled(walk->store, err);
        if (st != VFL_OK)
            return st;
        errno = 0;
        const struct dirent *found = readdir(dir);
        if (found == NULL && errno != 0)
            return vfl_folder_fail(err, errno, "list folder", walk->key);
        if (found == NULL)
            return VFL_OK;
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        if (++walk->visited_count > MAX_VISITED)
            return vfl_error_set(err, VFL_LIMIT, "bucket %.200s holds more than %d files",
                                 walk->store->bucket, MAX_VISITED);
        struct stat info;
        if (fstatat(dirfd(dir), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) /* gone since readdir */
                continue;
            return vfl_folder_fail(err, errno, "look at an entry of folder", walk->key);
        }
        if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
            continue;
        st = add_entry(walk, folder, found->d_name, &info, err);
        if (st != VFL_OK)
            return st;
    }
}

static enum vfl_status list_folder(struct walk *walk, int fd, int depth, struct vfl_error *err);

static enum vfl_status list_entry(struct walk *walk, DIR *dir, const struct entry *entry, int depth,
                                  struct vfl_error *err)
{
    if (S_ISREG(entry->info.st_mode)) {
        char etag[VFL_FOLDER_ETAG_SIZE];
        vfl_folder_format_etag(&entry->info, etag);
        struct vfl_store_object object = {
            .key = {walk->key, walk->key_bytes},
            .etag = vfl_span_from_string(etag),
            .size_bytes = entry->info.st_size,
            .modified_epoch_s = entry->info.st_mtim.tv_sec,
        };
        return walk->sink.add(walk->sink.ctx, &object, err);
    }
    if (depth == MAX_DEPTH)
        return vfl_error_set(err, VFL_LIMIT, "folder %.300s is more than %d folders deep",
                             walk->key, MAX_DEPTH);
    char name[VFL_FOLDER_MAX_KEY_BYTES + 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)strlen(entry->name) - 1, entry->name);
    int fd = vfl_folder_open(dirfd(dir), name);
    if (fd < 0)
        return errno == ENOENT ? VFL_OK : vfl_folder_fail(err, errno, "list folder", walk->key);
    return list_folder(walk, fd, depth + 1, err);
}

/* Takes fd over. */
static enum vfl_status list_folder(struct walk *walk, int fd, int depth, struct vfl_error *err)
{
    struct folder folder = {0};
    size_t outer_bytes = walk->key_bytes;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        int code = errno;
        vfl_folder_close(fd);
        return vfl_folder_fail(err, code, "list folder", walk->key);
    }
    enum vfl_status st = read_folder(walk, dir, &folder, err);
    if (st == VFL_OK && folder.count > 0)
        qsort(folder.entries, folder.count, sizeof *folder.entries, compare_entries);
    for (size_t i = 0; st == VFL_OK && i < folder.count; i++) {
        st = check_cancelled(walk->store, err);
        if (st != VFL_OK)
            break;
        size_t length = strlen(folder.entries[i].name);
        memcpy(walk->key + outer_bytes, folder.entries[i].name, length + 1);
        walk->key_bytes = outer_bytes + length;
        st = list_entry(walk, dir, &folder.entries[i], depth, err);
        walk->key_bytes = outer_bytes;
        walk->key[outer_bytes] = '\0';
    }
    (void)closedir(dir);
    free_folder(&folder);
    return st;
}

static enum vfl_status store_dir_list(struct vfl_store *base, const char *prefix,
                                      const char *start_after, struct vfl_object_sink sink,
                                      struct vfl_error *err)
{
    const struct store_dir *store = (const struct store_dir *)base;
    struct walk walk = {
        .store = store,
        .prefix = vfl_span_from_string(prefix),
        .start_after = start_after == NULL ? "" : start_after,
        .sink = sink,
    };
    int root_fd = -1;
    int bucket_fd = -1;
    enum vfl_status st = check_cancelled(store, err);
    if (st == VFL_OK)
        st = open_bucket(store, &root_fd, &bucket_fd, err);
    if (st == VFL_OK)
        st = list_folder(&walk, bucket_fd, 0, err);
    vfl_folder_close(root_fd);
    return st;
}

/* ---- get ---- */

static enum vfl_status check_same(int fd, const char *key, const struct vfl_store_object *expected,
                                  struct vfl_error *err)
{
    struct stat info;
    char etag[VFL_FOLDER_ETAG_SIZE];
    if (fstat(fd, &info) != 0)
        return vfl_folder_fail(err, errno, "look at object", key);
    if (!S_ISREG(info.st_mode))
        return vfl_error_set(err, VFL_NOT_FOUND, "object %.300s is not a regular file", key);
    vfl_folder_format_etag(&info, etag);
    if (info.st_size != expected->size_bytes ||
        (expected->etag.len > 0 && !vfl_span_equal_string(expected->etag, etag)))
        return vfl_error_set(err, VFL_RETRY, "object %.300s has changed since it was listed", key);
    return VFL_OK;
}

static enum vfl_status stream_file(const struct store_dir *store, int fd, const char *key,
                                   int64_t size_bytes, struct vfl_sink sink, struct vfl_error *err)
{
    char *chunk = malloc(CHUNK_BYTES);
    if (chunk == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory to read an object");
    enum vfl_status st = VFL_OK;
    int64_t passed_bytes = 0;
    while (st == VFL_OK && passed_bytes < size_bytes) {
        st = check_cancelled(store, err);
        if (st != VFL_OK)
            break;
        int64_t left_bytes = size_bytes - passed_bytes;
        size_t wanted = left_bytes < CHUNK_BYTES ? (size_t)left_bytes : CHUNK_BYTES;
        ssize_t got = read(fd, chunk, wanted);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            st = vfl_folder_fail(err, errno, "read object", key);
        else if (got == 0)
            st = vfl_error_set(err, VFL_RETRY, "object %.300s became shorter while it was read",
                               key);
        else
            st = sink.write(sink.ctx, (struct vfl_span){chunk, (size_t)got}, err);
        passed_bytes += got > 0 ? got : 0;
    }
    free(chunk);
    return st;
}

static enum vfl_status open_object(int bucket_fd, const char *key, int *ret_fd,
                                   struct vfl_error *err)
{
    const char *name = NULL;
    int folder_fd = vfl_folder_open_parent(bucket_fd, key, false, &name);
    int fd = -1;
    if (folder_fd >= 0) /* O_NONBLOCK: a pipe of that name must not hold us up */
        fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int code = errno;
    vfl_folder_close(folder_fd);
    if (fd < 0 && (code == ENOENT || code == ENOTDIR || code == ELOOP))
        return vfl_error_set(err, VFL_NOT_FOUND, "object %.300s is not there", key);
    if (fd < 0)
        return vfl_folder_fail(err, code, "open object", key);
    *ret_fd = fd;
    return VFL_OK;
}

static enum vfl_status refuse_key(const char *key, struct vfl_error *err)
{
    return vfl_error_set(err, VFL_IO, "key '%.300s' cannot be a file of this store", key);
}

static enum vfl_status store_dir_get(struct vfl_store *base,
                                     const struct vfl_store_object *expected, struct vfl_sink sink,
                                     struct vfl_error *err)
{
    const struct store_dir *store = (const struct store_dir *)base;
    char key[VFL_FOLDER_MAX_KEY_BYTES + 1] = "";
    int root_fd = -1;
    int bucket_fd = -1;
    int fd = -1;
    enum vfl_status st = check_cancelled(store, err);
    if (st != VFL_OK)
        goto out;
    if (expected->key.len <= VFL_FOLDER_MAX_KEY_BYTES && expected->key.len > 0)
        memcpy(key, expected->key.ptr, expected->key.len);
    if (strlen(key) != expected->key.len || !vfl_folder_is_key(key)) {
        st = refuse_key(key, err);
        goto out;
    }
    st = open_bucket(store, &root_fd, &bucket_fd, err);
    if (st == VFL_OK)
        st = open_object(bucket_fd, key, &fd, err);
    if (st == VFL_OK)
        st = check_same(fd, key, expected, err);
    if (st == VFL_OK)
        st = stream_file(store, fd, key, expected->size_bytes, sink, err);
    if (st == VFL_OK) /* written to in the meantime? */
        st = check_same(fd, key, expected, err);
out:
    vfl_folder_close(fd);
    vfl_folder_close(bucket_fd);
    vfl_folder_close(root_fd);
    return st;
}

/* ---- remove ---- */

/* Opens root/.trash/<bucket>, making both. Returns a descriptor or -1 with errno. */
static int open_trash(const struct store_dir *store, int root_fd)
{
    int trash_fd = -1;
    int fd = -1;
    if (mkdirat(root_fd, TRASH, 0777) == 0 || errno == EEXIST)
        trash_fd = vfl_folder_open(root_fd, TRASH);
    if (trash_fd >= 0 && (mkdirat(trash_fd, store->bucket, 0777) == 0 || errno == EEXIST))
        fd = vfl_folder_open(trash_fd, store->bucket);
    int code = errno;
    vfl_folder_close(trash_fd);
    errno = code;
    return fd;
}

static enum vfl_status fail_trash(const struct store_dir *store, int code, struct vfl_error *err)
{
    enum vfl_status st = vfl_folder_fail(err, code, "keep deleted objects in", store->root);
    return vfl_error_wrap(err, st == VFL_IO || st == VFL_NOT_FOUND ? VFL_CONFIG : st,
                          "the trash folder (" TRASH ") must be a folder that we may write to");
}

/* Moves the file into the trash under a free name. The name is reserved first, because rename
 * replaces. */
static enum vfl_status move_file(int folder_fd, const char *name, int trash_fd, const char *key,
                                 struct vfl_error *err)
{
    char free_name[VFL_FOLDER_MAX_KEY_BYTES + 8];
    for (int suffix = 0; suffix <= MAX_TRASH_SUFFIX; suffix++) {
        if (suffix == 0)
            (void)snprintf(free_name, sizeof free_name, "%s", name);
        else
            (void)snprintf(free_name, sizeof free_name, "%s.%d", name, suffix);
        int fd = openat(trash_fd, free_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            return vfl_folder_fail(err, errno, "make room in the trash for object", key);
        vfl_folder_close(fd);
        if (renameat(folder_fd, name, trash_fd, free_name) == 0)
            return VFL_OK;
        int code = errno;
        (void)unlinkat(trash_fd, free_name, 0);
        return code == ENOENT ? VFL_OK
                              : vfl_folder_fail(err, code, "move into the trash object", key);
    }
    return vfl_error_set(err, VFL_LIMIT, "the trash holds %d copies of object %.300s: empty it",
                         MAX_TRASH_SUFFIX + 1, key);
}

static enum vfl_status remove_key(int bucket_fd, int bucket_trash_fd, const char *key,
                                  struct vfl_error *err)
{
    if (!vfl_folder_is_key(key))
        return refuse_key(key, err);
    const char *name = NULL;
    struct stat info;
    int trash_fd = -1;
    enum vfl_status st = VFL_OK;
    int folder_fd = vfl_folder_open_parent(bucket_fd, key, false, &name);
    if (folder_fd < 0 || fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
            st = vfl_folder_fail(err, errno, "delete object", key);
        goto out;
    }
    if (!S_ISREG(info.st_mode)) /* was never an object */
        goto out;
    trash_fd = vfl_folder_open_parent(bucket_trash_fd, key, true, &name);
    if (trash_fd < 0)
        st = vfl_folder_fail(err, errno, "make a folder in the trash for object", key);
    else
        st = move_file(folder_fd, name, trash_fd, key, err);
out:
    vfl_folder_close(trash_fd);
    vfl_folder_close(folder_fd);
    return st;
}

static enum vfl_status store_dir_remove(struct vfl_store *base, const char *const *keys,
                                        size_t key_count, struct vfl_remove_sink sink,
                                        struct vfl_error *err)
{
    const struct store_dir *store = (const struct store_dir *)base;
    int root_fd = -1;
    int bucket_fd = -1;
    int trash_fd = -1;
    enum vfl_status st = open_bucket(store, &root_fd, &bucket_fd, err);
    if (st != VFL_OK)
        goto out;
    trash_fd = open_trash(store, root_fd);
    if (trash_fd < 0) {
        st = fail_trash(store, errno, err);
        goto out;
    }
    for (size_t i = 0; i < key_count; i++) {
        st = check_cancelled(store, err);
        if (st != VFL_OK)
            goto out;
        struct vfl_error key_err = {0};
        enum vfl_status key_status = remove_key(bucket_fd, trash_fd, keys[i], &key_err);
        sink.result(sink.ctx, i, key_status, &key_err);
    }
out:
    vfl_folder_close(trash_fd);
    vfl_folder_close(bucket_fd);
    vfl_folder_close(root_fd);
    return st;
}

/* ---- the store ---- */

/* The trash is what versioning is in S3: there has to be one before anything is deleted. */
static enum vfl_status store_dir_check_versioning(struct vfl_store *base, struct vfl_error *err)
{
    const struct store_dir *store = (const struct store_dir *)base;
    int root_fd = -1;
    int bucket_fd = -1;
    int trash_fd = -1;
    enum vfl_status st = check_cancelled(store, err);
    if (st == VFL_OK)
        st = open_bucket(store, &root_fd, &bucket_fd, err);
    if (st != VFL_OK)
        goto out;
    trash_fd = open_trash(store, root_fd);
    if (trash_fd < 0 || faccessat(trash_fd, ".", W_OK | X_OK, 0) != 0)
        st = fail_trash(store, errno, err);
out:
    vfl_folder_close(trash_fd);
    vfl_folder_close(bucket_fd);
    vfl_folder_close(root_fd);
    return st;
}

static void store_dir_free(struct vfl_store *base)
{
    struct store_dir *store = (struct store_dir *)base;
    if (store == NULL)
        return;
    free(store->root);
    free(store->bucket);
    free(store);
}

/* Nothing is kept between calls, so the paths are all that there is to share. */
static enum vfl_status store_dir_new_beside(struct vfl_store *base, const atomic_bool *cancelled,
                                            struct vfl_store **ret_store, struct vfl_error *err)
{
    const struct store_dir *store = (const struct store_dir *)base;
    return vfl_store_dir_new(store->root, store->bucket, cancelled, ret_store, err);
}

static const struct vfl_store_ops store_dir_ops = {
    .check_versioning = store_dir_check_versioning,
    .list = store_dir_list,
    .get = store_dir_get,
    .remove = store_dir_remove,
    .free = store_dir_free,
    .new_beside = store_dir_new_beside,
};

enum vfl_status vfl_store_dir_new(const char *root, const char *bucket,
                                  const atomic_bool *cancelled, struct vfl_store **ret_store,
                                  struct vfl_error *err)
{
    if (root[0] == '\0')
        return vfl_error_set(err, VFL_CONFIG, "the store folder has no name");
    /* A leading dot would let the trash be taken for a bucket. */
    if (bucket[0] == '\0' || bucket[0] == '.' || strchr(bucket, '/') != NULL)
        return vfl_error_set(err, VFL_CONFIG, "'%.100s' cannot be the name of a bucket's folder",
                             bucket);
    struct store_dir *store = calloc(1, sizeof *store);
    if (store != NULL) {
        *store = (struct store_dir){
            {&store_dir_ops},
            strdup(root),
            strdup(bucket),
            cancelled,
        };
        if (store->root != NULL && store->bucket != NULL) {
            *ret_store = &store->base;
            return VFL_OK;
        }
    }
    store_dir_free(store == NULL ? NULL : &store->base);
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the store");
}
