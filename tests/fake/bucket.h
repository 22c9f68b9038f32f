/* A directory as the bucket, in a temporary folder of its own, with flow-log objects made here.
 *
 * Set-up that fails fails the test. One account, one region, two interfaces: eni-0a has 10.0.0.1,
 * eni-0b has 10.0.0.2, both in vpc-1. */
#ifndef VFL_FAKE_BUCKET_H
#define VFL_FAKE_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_ACCOUNT "123456789012"
#define FAKE_REGION "eu-west-1"
#define FAKE_BUCKET_NAME "logs"
#define FAKE_FLOW_LOG "fl-0123456789abcdef0"
/* 2026-11-20T10:00:00Z: when the records of fake_bucket_put_flow start. */
#define FAKE_START_EPOCH_S INT64_C(1795168800)
#define FAKE_KEY_SIZE 256

struct fake_bucket {
    char root[200];
    char interfaces_path[256];
};

void fake_bucket_open(struct fake_bucket *bucket);
/* Removes everything. */
void fake_bucket_close(struct fake_bucket *bucket);

/* The key that AWS would give; minute counts from 10:00 of that day, serial tells files apart. */
void fake_key(unsigned minute, unsigned serial, char out[FAKE_KEY_SIZE]);

/* Replaces what is there. */
void fake_bucket_put(const struct fake_bucket *bucket, const char *key, const void *bytes,
                     size_t size);
void fake_bucket_put_gzip(const struct fake_bucket *bucket, const char *key, const char *text);
/* One record of the default format: 10.0.0.1:40000 sends bytes to 10.0.0.2:443, seen by eni-0a. */
void fake_bucket_put_flow(const struct fake_bucket *bucket, const char *key, uint64_t bytes);
/* The object as it is stored: returns its size. */
size_t fake_gzip(const char *text, unsigned char *out, size_t room);
void fake_bucket_remove(const struct fake_bucket *bucket, const char *key);

bool fake_bucket_has(const struct fake_bucket *bucket, const char *key);
bool fake_bucket_trash_has(const struct fake_bucket *bucket, const char *key);
/* A file stands where deleted flow logs would go, so that every delete fails, for root too. */
void fake_bucket_block_trash(const struct fake_bucket *bucket);
void fake_bucket_unblock_trash(const struct fake_bucket *bucket);
/* Takes the whole trash, which is what versioning is here: a file stands in its place. */
void fake_bucket_break_versioning(const struct fake_bucket *bucket);

/* Default format with its header line. */
#define FAKE_HEADER                                                                                \
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "      \
    "start end action log-status\n"

#endif
