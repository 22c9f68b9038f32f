#define _XOPEN_SOURCE 700 /* nftw */

#include "core/store/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/run_suite.h"

/* Each test has a folder of its own, removed by close_folder. */
static char root[200];
static struct vfl_store *store;
static atomic_bool cancelled;
static struct vfl_error err;

static void make_parents(char *path)
{
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ck_assert(mkdir(path, 0777) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

static const char *path_of(const char *relative)
{
    static char path[2000];
    (void)snprintf(path, sizeof path, "%s/%s", root, relative);
    return path;
}

static void write_file(const char *relative, const char *content)
{
    char path[2000];
    (void)snprintf(path, sizeof path, "%s", path_of(relative));
    make_parents(path);
    FILE *file = fopen(path, "w");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_int_ge(fputs(content, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static bool exists(const char *relative)
{
    struct stat info;
    return lstat(path_of(relative), &info) == 0;
}

static void expect_content(const char *relative, const char *content)
{
    char text[100] = "";
    FILE *file = fopen(path_of(relative), "r");
    ck_assert_msg(file != NULL, "%s is missing", relative);
    (void)fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    ck_assert_str_eq(text, content);
}

static void open_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(root, sizeof root, "%s/store-dir-XXXXXX", tmp != NULL ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(root));
    atomic_store(&cancelled, false);
    err = (struct vfl_error){0};
    ck_assert_int_eq(vfl_store_dir_new(root, "logs", &cancelled, &store, &err), VFL_OK);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void close_folder(void)
{
    store->ops->free(store);
    ck_assert_int_eq(nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- recording sinks ---- */

struct listing {
    char keys[2000]; /* each followed by a space */
    size_t count;
    struct vfl_store_object last;
    char last_key[1100];
    char last_etag[100];
    size_t stop_at;
};

static enum vfl_status record_object(void *ctx, const struct vfl_store_object *object,
                                     struct vfl_error *sink_err)
{
    struct listing *listing = ctx;
    (void)strncat(listing->keys, object->key.ptr, object->key.len);
    (void)strcat(listing->keys, " ");
    (void)snprintf(listing->last_key, sizeof listing->last_key, "%.*s", (int)object->key.len,
                   object->key.ptr);
    (void)snprintf(listing->last_etag, sizeof listing->last_etag, "%.*s", (int)object->etag.len,
                   object->etag.ptr);
    listing->last = *object;
    listing->last.key = vfl_span_from_string(listing->last_key);
    listing->last.etag = vfl_span_from_string(listing->last_etag);
    if (++listing->count == listing->stop_at)
        return vfl_error_set(sink_err, VFL_LIMIT, "enough");
    return VFL_OK;
}

static enum vfl_status list(const char *prefix, const char *start_after, struct listing *listing)
{
    size_t stop_at = listing->stop_at;
    memset(listing, 0, sizeof *listing);
    listing->stop_at = stop_at;
    return store->ops->list(store, prefix, start_after,
                            (struct vfl_object_sink){record_object, listing}, &err);
}

static void expect_list(const char *prefix, const char *start_after, const char *keys)
{
    struct listing listing = {0};
    enum vfl_status st = list(prefix, start_after, &listing);
    ck_assert_msg(st == VFL_OK, "%s", err.text);
    ck_assert_str_eq(listing.keys, keys);
}

struct content {
    size_t size;
    size_t largest_chunk;
    char head[64];
    const char *grow_path; /* append to this file at the first chunk */
    bool is_cancelling;
    enum vfl_status status;
};

static enum vfl_status record_chunk(void *ctx, struct vfl_span chunk, struct vfl_error *sink_err)
{
    struct content *content = ctx;
    if (content->size == 0)
        (void)snprintf(content->head, sizeof content->head, "%.*s", (int)chunk.len, chunk.ptr);
    if (content->size == 0 && content->grow_path != NULL) {
        FILE *file = fopen(content->grow_path, "a");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fputc('x', file), 'x');
        ck_assert_int_eq(fclose(file), 0);
    }
    if (content->is_cancelling)
        atomic_store(&cancelled, true);
    content->size += chunk.len;
    if (chunk.len > content->largest_chunk)
        content->largest_chunk = chunk.len;
    return content->status == VFL_OK ? VFL_OK
                                     : vfl_error_set(sink_err, content->status, "sink says no");
}

static enum vfl_status get(const struct vfl_store_object *expected, struct content *content)
{
    return store->ops->get(store, expected, (struct vfl_sink){record_chunk, content}, &err);
}

struct removals {
    enum vfl_status statuses[10];
    char text[VFL_ERROR_TEXT_SIZE]; /* of the last failure */
    size_t count;
};

static void record_result(void *ctx, size_t index, enum vfl_status status,
                          const struct vfl_error *key_err)
{
    struct removals *removals = ctx;
    ck_assert_uint_eq(index, removals->count);
    removals->statuses[removals->count++] = status;
    if (status != VFL_OK)
        (void)snprintf(removals->text, sizeof removals->text, "%s", key_err->text);
}

static enum vfl_status remove_keys(const char *const *keys, size_t count, struct removals *removals)
{
    return store->ops->remove(store, keys, count, (struct vfl_remove_sink){record_result, removals},
                              &err);
}

static void expect_removed(const char *key)
{
    struct removals removals = {0};
    ck_assert_int_eq(remove_keys(&key, 1, &removals), VFL_OK);
    ck_assert_uint_eq(removals.count, 1);
    ck_assert_msg(removals.statuses[0] == VFL_OK, "%s", removals.text);
}

/* ---- tests ---- */

START_TEST(lists_in_byte_order_of_full_keys)
{
    open_folder();
    /* '-' < '.' < '/' < '0' < 'Z' < 'a': a folder's place among files is that of "name/". */
    const char *const keys[] = {"a0", "a/z", "a/b/c", "a.x", "a-x", "a", "Z", "b/1", "a/b.c", "ab"};
    for (size_t i = 1; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], "a") != 0) {
            char path[100];
            (void)snprintf(path, sizeof path, "logs/%s", keys[i]);
            write_file(path, "x");
        }
    write_file("logs/a0", "x");
    expect_list("", "", "Z a-x a.x a/b.c a/b/c a/z a0 ab b/1 ");
    expect_list("a", "", "a-x a.x a/b.c a/b/c a/z a0 ab ");
    expect_list("a/", "", "a/b.c a/b/c a/z ");
    expect_list("a/b", "", "a/b.c a/b/c ");
    expect_list("a/b/c", "", "a/b/c ");
    expect_list("a/b/c/", "", "");
    expect_list("nothing", "", "");
    expect_list("", "a/b.c", "a/b/c a/z a0 ab b/1 ");
    expect_list("", "a/b/c", "a/z a0 ab b/1 ");
    expect_list("a/", "a/c", "a/z ");
    expect_list("", "a/", "a/b.c a/b/c a/z a0 ab b/1 ");
    expect_list("", "zz", "");
    close_folder();
}
END_TEST

START_TEST(listing_tells_size_time_and_a_tag_that_changes_with_the_content)
{
    open_folder();
    write_file("logs/k", "hello");
    const struct timespec times[2] = {{1700000000, 5}, {1700000000, 5}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path_of("logs/k"), times, 0), 0);
    struct listing first = {0};
    ck_assert_int_eq(list("", "", &first), VFL_OK);
    ck_assert_int_eq(first.last.size_bytes, 5);
    ck_assert_int_eq(first.last.modified_epoch_s, 1700000000);
    ck_assert(!first.last.is_archived);
    const struct timespec later[2] = {{1700000000, 6}, {1700000000, 6}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path_of("logs/k"), later, 0), 0);
    struct listing second = {0};
    ck_assert_int_eq(list("", "", &second), VFL_OK);
    ck_assert_str_ne(first.last_etag, second.last_etag);
    close_folder();
}
END_TEST

START_TEST(lists_regular_files_only)
{
    open_folder();
    write_file("logs/file", "x");
    write_file("outside/secret", "x");
    ck_assert_int_eq(mkdir(path_of("logs/empty"), 0777), 0);
    ck_assert_int_eq(mkfifo(path_of("logs/filex"), 0600), 0);
    ck_assert_int_eq(symlink("file", path_of("logs/link")), 0);
    ck_assert_int_eq(symlink("../outside", path_of("logs/folder_link")), 0);
    ck_assert_int_eq(symlink(".", path_of("logs/loop")), 0);
    expect_list("", "", "file ");
    close_folder();
}
END_TEST

START_TEST(missing_bucket_is_not_found_and_names_the_remedy)
{
    open_folder();
    struct listing listing = {0};
    ck_assert_int_eq(list("", "", &listing), VFL_NOT_FOUND);
    ck_assert_ptr_nonnull(
        strstr(err.text, "/logs does not exist: create it, or correct the bucket's name"));
    ck_assert_int_eq(store->ops->check_versioning(store, &err), VFL_NOT_FOUND);
    struct removals removals = {0};
    const char *key = "k";
    ck_assert_int_eq(remove_keys(&key, 1, &removals), VFL_NOT_FOUND);
    ck_assert_uint_eq(removals.count, 0);
    ck_assert_int_eq(symlink("/", path_of("logs")), 0);
    ck_assert_int_eq(list("", "", &listing), VFL_CONFIG);
    close_folder();
}
END_TEST

START_TEST(sink_and_cancelling_stop_a_listing)
{
    open_folder();
    write_file("logs/a", "x");
    write_file("logs/b", "x");
    struct listing listing = {.stop_at = 1};
    ck_assert_int_eq(list("", "", &listing), VFL_LIMIT);
    ck_assert_str_eq(err.text, "enough");
    ck_assert_uint_eq(listing.count, 1);
    atomic_store(&cancelled, true);
    ck_assert_int_eq(list("", "", &listing), VFL_CANCELLED);
    ck_assert_uint_eq(listing.count, 0);
    close_folder();
}
END_TEST

START_TEST(depth_is_bounded)
{
    open_folder();
    char path[400] = "logs";
    for (int i = 0; i < 64; i++)
        (void)strcat(path, "/d");
    (void)strcat(path, "/f");
    write_file(path, "x");
    expect_list("", "", strcat(path + 5, " "));
    path[strlen(path) - 3] = '\0'; /* ".../d/f " -> ".../d" */
    (void)strcat(path, "/d/f");
    write_file(path, "x");
    struct listing listing = {0};
    ck_assert_int_eq(list("", "", &listing), VFL_LIMIT);
    ck_assert_ptr_nonnull(strstr(err.text, "is more than 64 folders deep"));
    close_folder();
}
END_TEST

START_TEST(gets_a_large_object_in_chunks)
{
    open_folder();
    write_file("logs/d/k", "");
    ck_assert_int_eq(truncate(path_of("logs/d/k"), 200000), 0);
    struct listing listing = {0};
    ck_assert_int_eq(list("", "", &listing), VFL_OK);
    struct content content = {0};
    ck_assert_int_eq(get(&listing.last, &content), VFL_OK);
    ck_assert_uint_eq(content.size, 200000);
    ck_assert_uint_eq(content.largest_chunk, 65536);
    content = (struct content){.is_cancelling = true};
    ck_assert_int_eq(get(&listing.last, &content), VFL_CANCELLED);
    ck_assert_uint_eq(content.size, 65536);
    atomic_store(&cancelled, false);
    content = (struct content){.status = VFL_FORMAT};
    ck_assert_int_eq(get(&listing.last, &content), VFL_FORMAT);
    ck_assert_str_eq(err.text, "sink says no");
    close_folder();
}
END_TEST

START_TEST(a_store_beside_reads_the_same_and_is_cancelled_by_its_own_flag)
{
    open_folder();
    write_file("logs/d/k", "text");
    struct listing listing = {0};
    atomic_bool stopped = false;
    struct vfl_store *beside = NULL;
    ck_assert_int_eq(list("", "", &listing), VFL_OK);
    ck_assert_int_eq(store->ops->new_beside(store, &stopped, &beside, &err), VFL_OK);
    struct content content = {0};
    const struct vfl_sink sink = {record_chunk, &content};
    ck_assert_int_eq(beside->ops->get(beside, &listing.last, sink, &err), VFL_OK);
    ck_assert_uint_eq(content.size, 4);
    atomic_store(&stopped, true);
    ck_assert_int_eq(beside->ops->get(beside, &listing.last, sink, &err), VFL_CANCELLED);
    ck_assert_int_eq(get(&listing.last, &content), VFL_OK);
    beside->ops->free(beside);
    close_folder();
}
END_TEST

START_TEST(empty_object_is_fine)
{
    open_folder();
    write_file("logs/k", "");
    struct listing listing = {0};
    struct content content = {0};
    ck_assert_int_eq(list("", "", &listing), VFL_OK);
    ck_assert_int_eq(get(&listing.last, &content), VFL_OK);
    ck_assert_uint_eq(content.size, 0);
    close_folder();
}
END_TEST

START_TEST(object_that_changed_is_to_be_retried)
{
    open_folder();
    write_file("logs/k", "hello");
    struct listing listing = {0};
    ck_assert_int_eq(list("", "", &listing), VFL_OK);
    struct content content = {.grow_path = path_of("logs/k")};
    ck_assert_int_eq(get(&listing.last, &content), VFL_RETRY); /* while it was read */
    ck_assert_str_eq(content.head, "hello");
    content = (struct content){0};
    ck_assert_int_eq(get(&listing.last, &content), VFL_RETRY); /* before it was read */
    ck_assert_uint_eq(content.size, 0);
    ck_assert_str_eq(err.text, "object k has changed since it was listed");
    ck_assert_int_eq(unlink(path_of("logs/k")), 0);
    ck_assert_int_eq(get(&listing.last, &content), VFL_NOT_FOUND);
    close_folder();
}
END_TEST

START_TEST(keys_cannot_lead_out_of_the_bucket)
{
    open_folder();
    write_file("outside/secret", "x");
    write_file("logs/file", "x");
    ck_assert_int_eq(symlink("../outside", path_of("logs/link")), 0);
    ck_assert_int_eq(symlink("../outside/secret", path_of("logs/secret")), 0);
    ck_assert_int_eq(mkfifo(path_of("logs/pipe"), 0600), 0);
    const struct {
        const char *key;
        enum vfl_status get_status;
        enum vfl_status remove_status;
    } cases[] = {
        {"../outside/secret", VFL_IO, VFL_IO},
        {"a/../../outside/secret", VFL_IO, VFL_IO},
        {"..", VFL_IO, VFL_IO},
        {"./file", VFL_IO, VFL_IO},
        {"/etc/passwd", VFL_IO, VFL_IO},
        {"a//b", VFL_IO, VFL_IO},
        {"file/", VFL_IO, VFL_IO},
        {"", VFL_IO, VFL_IO},
        {"link/secret", VFL_NOT_FOUND, VFL_OK},
        {"secret", VFL_NOT_FOUND, VFL_OK},
        {"file/x", VFL_NOT_FOUND, VFL_OK},
        {"pipe", VFL_NOT_FOUND, VFL_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct content content = {0};
        struct vfl_store_object object = {.key = vfl_span_from_string(cases[i].key),
                                          .size_bytes = 1};
        ck_assert_msg(get(&object, &content) == cases[i].get_status, "%s: %s", cases[i].key,
                      err.text);
        ck_assert_uint_eq(content.size, 0);
        struct removals removals = {0};
        ck_assert_int_eq(remove_keys(&cases[i].key, 1, &removals), VFL_OK);
        ck_assert_msg(removals.statuses[0] == cases[i].remove_status, "%s", cases[i].key);
    }
    ck_assert(exists("outside/secret") && exists("logs/secret") && exists("logs/link"));
    ck_assert(exists("logs/file"));
    char nul[] = "fi\0e";
    struct content content = {0};
    struct vfl_store_object object = {.key = {nul, 4}, .size_bytes = 1};
    ck_assert_int_eq(get(&object, &content), VFL_IO);
    close_folder();
}
END_TEST

START_TEST(removing_moves_to_the_trash_and_keeps_every_copy)
{
    open_folder();
    write_file("logs/d/e/k", "one");
    write_file("logs/d/e/stays", "x");
    expect_removed("d/e/k");
    expect_content(".trash/logs/d/e/k", "one");
    ck_assert(!exists("logs/d/e/k"));
    write_file("logs/d/e/k", "two");
    expect_removed("d/e/k");
    write_file("logs/d/e/k", "three");
    expect_removed("d/e/k");
    expect_content(".trash/logs/d/e/k", "one");
    expect_content(".trash/logs/d/e/k.1", "two");
    expect_content(".trash/logs/d/e/k.2", "three");
    expect_list("", "", "d/e/stays ");
    expect_removed("d/e/k"); /* gone already */
    expect_removed("no/such/folder/k");
    ck_assert(!exists(".trash/logs/no"));
    close_folder();
}
END_TEST

START_TEST(one_key_that_fails_does_not_stop_the_others)
{
    open_folder();
    write_file("logs/a", "x");
    write_file("logs/b/c", "x");
    write_file("logs/d", "x");
    write_file(".trash/logs/b", "in the way");
    const char *const keys[] = {"a", "b/c", "d"};
    struct removals removals = {0};
    ck_assert_int_eq(remove_keys(keys, 3, &removals), VFL_OK);
    ck_assert_uint_eq(removals.count, 3);
    ck_assert_int_eq(removals.statuses[0], VFL_OK);
    ck_assert_int_eq(removals.statuses[1], VFL_IO);
    ck_assert_int_eq(removals.statuses[2], VFL_OK);
    ck_assert_str_eq(removals.text,
                     "cannot make a folder in the trash for object b/c: Not a directory");
    ck_assert(exists("logs/b/c"));
    atomic_store(&cancelled, true);
    ck_assert_int_eq(remove_keys(keys, 3, &removals), VFL_CANCELLED);
    close_folder();
}
END_TEST

START_TEST(check_versioning_wants_a_trash_that_can_be_written)
{
    open_folder();
    ck_assert_int_eq(mkdir(path_of("logs"), 0777), 0);
    ck_assert_int_eq(store->ops->check_versioning(store, &err), VFL_OK);
    ck_assert_int_eq(store->ops->check_versioning(store, &err), VFL_OK);
    ck_assert_int_eq(rmdir(path_of(".trash/logs")), 0);
    ck_assert_int_eq(rmdir(path_of(".trash")), 0);
    write_file(".trash", "not a folder");
    ck_assert_int_eq(store->ops->check_versioning(store, &err), VFL_CONFIG);
    ck_assert_ptr_nonnull(
        strstr(err.text, "the trash folder (.trash) must be a folder that we may write to"));
    write_file("logs/k", "x");
    const char *key = "k";
    struct removals removals = {0};
    ck_assert_int_eq(remove_keys(&key, 1, &removals), VFL_CONFIG);
    ck_assert(exists("logs/k"));
    if (geteuid() != 0) { /* root may write anywhere */
        ck_assert_int_eq(unlink(path_of(".trash")), 0);
        ck_assert_int_eq(chmod(root, 0500), 0);
        ck_assert_int_eq(store->ops->check_versioning(store, &err), VFL_DENIED);
        ck_assert_int_eq(chmod(root, 0700), 0);
    }
    close_folder();
}
END_TEST

START_TEST(refuses_names_that_are_no_buckets)
{
    const char *const names[] = {"", ".", "..", ".trash", "a/b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct vfl_store *unmade = NULL;
        ck_assert_int_eq(vfl_store_dir_new("/tmp", names[i], NULL, &unmade, NULL), VFL_CONFIG);
        ck_assert_ptr_null(unmade);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        lists_in_byte_order_of_full_keys,
        listing_tells_size_time_and_a_tag_that_changes_with_the_content,
        lists_regular_files_only,
        missing_bucket_is_not_found_and_names_the_remedy,
        sink_and_cancelling_stop_a_listing,
        depth_is_bounded,
        gets_a_large_object_in_chunks,
        a_store_beside_reads_the_same_and_is_cancelled_by_its_own_flag,
        empty_object_is_fine,
        object_that_changed_is_to_be_retried,
        keys_cannot_lead_out_of_the_bucket,
        removing_moves_to_the_trash_and_keeps_every_copy,
        one_key_that_fails_does_not_stop_the_others,
        check_versioning_wants_a_trash_that_can_be_written,
        refuses_names_that_are_no_buckets,
    };
    return RUN_SUITE("store_dir", cases);
}
