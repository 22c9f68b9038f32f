/* The shared files of the AWS tools, as either kind. Holds them to: every value lies inside the
 * file and has neither a line break nor white space around it. */
#include "core/aws/profile_file.h"

#include "tests/fuzz/replay.h"

static void check_value(struct vfl_span value, struct vfl_span text)
{
    if (value.ptr == NULL)
        return;
    FUZZ_CHECK(value.len > 0 && value.ptr >= text.ptr);
    FUZZ_CHECK(value.ptr + value.len <= text.ptr + text.len);
    FUZZ_CHECK(memchr(value.ptr, '\n', value.len) == NULL);
    FUZZ_CHECK(strchr(" \t\r", value.ptr[0]) == NULL);
    FUZZ_CHECK(strchr(" \t\r", value.ptr[value.len - 1]) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    const struct vfl_span text = {(const char *)input, len};
    for (int kind = VFL_PROFILE_KIND_CREDENTIALS; kind <= VFL_PROFILE_KIND_CONFIG; kind++) {
        struct vfl_profile profile = {0};
        struct vfl_error err = {0};
        enum vfl_status st =
            vfl_profile_parse(text, (enum vfl_profile_kind)kind, "default", &profile, &err);
        FUZZ_CHECK(st == VFL_OK || st == VFL_CONFIG);
        for (size_t i = 0; i < VFL_PROFILE_SETTING_COUNT; i++)
            check_value(profile.settings[i], text);
    }
    return 0;
}
