/* The pages of a listing. Holds it to: what is passed on is under the prefix, after the key that
 * was asked for, in order, and can be a key. */
#include "tests/fuzz/s3_answers.h"

#define PREFIX "AWSLogs/"
#define START_AFTER "AWSLogs/1"

struct last_key {
    char bytes[VFL_S3_MAX_KEY_BYTES];
    size_t len;
};

static enum vfl_status check_object(void *ctx, const struct vfl_s3_object *object,
                                    struct vfl_error *err)
{
    struct last_key *last = ctx;
    struct vfl_span key = object->key;
    (void)err;
    FUZZ_CHECK(key.len > 0 && key.len <= VFL_S3_MAX_KEY_BYTES);
    FUZZ_CHECK(memchr(key.ptr, '\0', key.len) == NULL);
    FUZZ_CHECK(vfl_span_has_prefix(key, VFL_SPAN_LITERAL(PREFIX)));
    size_t shorter = key.len < last->len ? key.len : last->len;
    int order = memcmp(key.ptr, last->bytes, shorter);
    FUZZ_CHECK(order > 0 || (order == 0 && key.len > last->len));
    FUZZ_CHECK(object->size_bytes >= VFL_S3_SIZE_UNKNOWN);
    FUZZ_CHECK(object->etag.len == 0 || memchr(object->etag.ptr, '\0', object->etag.len) == NULL);
    memcpy(last->bytes, key.ptr, key.len);
    last->len = key.len;
    return VFL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    char name[] = "logs";
    struct vfl_s3_bucket bucket = {.name = name};
    struct last_key last = {.bytes = START_AFTER, .len = sizeof START_AFTER - 1};
    struct vfl_error err = {0};
    answers = (struct vfl_span){(const char *)input, len};
    enum vfl_status st = vfl_s3_list(&bucket, PREFIX, START_AFTER,
                                     (struct vfl_s3_object_sink){check_object, &last}, &err);
    FUZZ_CHECK(st == VFL_OK || st == VFL_RETRY || st == VFL_LIMIT);
    FUZZ_CHECK(st == VFL_OK || err.text[0] != '\0');
    return 0;
}
