/* A bucket's lifecycle rules. Holds them to: days are sound, and what is done is done by a rule. */
#include "tests/fuzz/s3_answers.h"

enum vfl_status vfl_s3_explain_absence(const struct vfl_s3_bucket *bucket, struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NOT_FOUND, "bucket %s", bucket->name);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    char name[] = "logs";
    struct vfl_s3_bucket bucket = {.name = name};
    struct vfl_s3_lifecycle found = {.rule_count = 0};
    struct vfl_error err = {0};
    answers = (struct vfl_span){(const char *)input, len};
    enum vfl_status st = vfl_s3_read_lifecycle(&bucket, "AWSLogs/", &found, &err);
    FUZZ_CHECK(st == VFL_OK || st == VFL_RETRY || st == VFL_LIMIT);
    FUZZ_CHECK(st == VFL_OK || err.text[0] != '\0');
    FUZZ_CHECK(found.noncurrent_days <= 10000009 && found.expiration_days <= 10000009);
    FUZZ_CHECK(found.rule_count > 0 || (found.noncurrent_days == 0 && found.expiration_days == 0 &&
                                        !found.removes_markers && !found.archives));
    FUZZ_CHECK(found.expiration_days == 0 || found.removes_markers);
    return 0;
}
