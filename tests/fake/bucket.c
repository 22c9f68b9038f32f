#define _XOPEN_SOURCE 700 /* nftw */

#include "tests/fake/bucket.h"

#include <check.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define INTERFACE(id, ip)                                                                          \
    "{\"NetworkInterfaceId\":\"" id "\",\"VpcId\":\"vpc-1\",\"AvailabilityZone\":\"eu-west-1a\","  \
    "\"PrivateIpAddress\":\"" ip                                                                   \
    "\",\"PrivateIpAddresses\":[{\"Primary\":true,\"PrivateIpAddress\":\"" ip "\"}]}"

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void make_parents(const struct fake_bucket *bucket, char *path)
{
    for (char *slash = strchr(path + strlen(bucket->root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ck_assert_msg(mkdir(path, 0777) == 0 || errno == EEXIST, "%s", path);
        *slash = '/';
    }
}

static void format_path(const struct fake_bucket *bucket, const char *folder, const char *key,
                        char out[1024])
{
    int length = snprintf(out, 1024, "%s/%s/%s", bucket->root, folder, key);
    ck_assert_int_lt(length, 1024);
}

static bool exists(const struct fake_bucket *bucket, const char *folder, const char *key)
{
    char path[1024];
    struct stat info;
    format_path(bucket, folder, key, path);
    return lstat(path, &info) == 0;
}

void fake_bucket_open(struct fake_bucket *bucket)
{
    static const char interfaces[] = "{\"NetworkInterfaces\":[" INTERFACE(
        "eni-0a", "10.0.0.1") "," INTERFACE("eni-0b", "10.0.0.2") "]}";
    const char *tmp = getenv("TMPDIR");
    char path[1024];
    (void)snprintf(bucket->root, sizeof bucket->root, "%s/flow-logs-XXXXXX",
                   tmp != NULL ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(bucket->root));
    format_path(bucket, FAKE_BUCKET_NAME, "", path);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    (void)snprintf(bucket->interfaces_path, sizeof bucket->interfaces_path, "%s/interfaces.json",
                   bucket->root);
    write_file(bucket->interfaces_path, interfaces, sizeof interfaces - 1);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fake_bucket_close(struct fake_bucket *bucket)
{
    ck_assert_int_eq(nftw(bucket->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void fake_key(unsigned minute, unsigned serial, char out[FAKE_KEY_SIZE])
{
    (void)snprintf(out, FAKE_KEY_SIZE,
                   "AWSLogs/" FAKE_ACCOUNT "/vpcflowlogs/" FAKE_REGION "/2026/11/20/" FAKE_ACCOUNT
                   "_vpcflowlogs_" FAKE_REGION "_" FAKE_FLOW_LOG "_20261120T%02u%02uZ_%08x.log.gz",
                   10 + minute / 60, minute % 60, serial);
}

void fake_bucket_put(const struct fake_bucket *bucket, const char *key, const void *bytes,
                     size_t size)
{
    char path[1024];
    format_path(bucket, FAKE_BUCKET_NAME, key, path);
    make_parents(bucket, path);
    write_file(path, bytes, size);
}

size_t fake_gzip(const char *text, unsigned char *out, size_t room)
{
    z_stream stream = {0};
    ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    unsigned char *input = malloc(strlen(text) + 1);
    ck_assert_ptr_nonnull(input);
    memcpy(input, text, strlen(text));
    stream.next_in = input;
    stream.avail_in = (uInt)strlen(text);
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t size = stream.total_out;
    (void)deflateEnd(&stream);
    free(input);
    return size;
}

void fake_bucket_put_gzip(const struct fake_bucket *bucket, const char *key, const char *text)
{
    size_t room = strlen(text) + 1024;
    unsigned char *bytes = malloc(room);
    ck_assert_ptr_nonnull(bytes);
    fake_bucket_put(bucket, key, bytes, fake_gzip(text, bytes, room));
    free(bytes);
}

void fake_bucket_put_flow(const struct fake_bucket *bucket, const char *key, uint64_t bytes)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   FAKE_HEADER "2 " FAKE_ACCOUNT " eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 %" PRIu64
                               " %" PRId64 " %" PRId64 " ACCEPT OK\n",
                   bytes, FAKE_START_EPOCH_S, FAKE_START_EPOCH_S + 60);
    fake_bucket_put_gzip(bucket, key, text);
}

void fake_bucket_remove(const struct fake_bucket *bucket, const char *key)
{
    char path[1024];
    format_path(bucket, FAKE_BUCKET_NAME, key, path);
    ck_assert_int_eq(unlink(path), 0);
}

bool fake_bucket_has(const struct fake_bucket *bucket, const char *key)
{
    return exists(bucket, FAKE_BUCKET_NAME, key);
}

bool fake_bucket_trash_has(const struct fake_bucket *bucket, const char *key)
{
    return exists(bucket, ".trash/" FAKE_BUCKET_NAME, key);
}

void fake_bucket_block_trash(const struct fake_bucket *bucket)
{
    char path[1024];
    format_path(bucket, ".trash/" FAKE_BUCKET_NAME, "AWSLogs", path);
    make_parents(bucket, path);
    write_file(path, "", 0);
}

void fake_bucket_unblock_trash(const struct fake_bucket *bucket)
{
    char path[1024];
    format_path(bucket, ".trash/" FAKE_BUCKET_NAME, "AWSLogs", path);
    ck_assert_int_eq(unlink(path), 0);
}

void fake_bucket_break_versioning(const struct fake_bucket *bucket)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/.trash", bucket->root);
    ck_assert(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT);
    write_file(path, "", 0);
}
