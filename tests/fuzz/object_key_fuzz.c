/* A key through the grammar, under no folder, any account and region. Holds it to: what is accepted
 * lies under the prefix that would be listed for it, and its texts lie inside the key. */
#include "core/flowlog/object_key.h"

#include "tests/fuzz/replay.h"

static void check_inside(struct vfl_span part, struct vfl_span key)
{
    FUZZ_CHECK(part.len > 0 && part.ptr >= key.ptr && part.ptr + part.len <= key.ptr + key.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    const struct vfl_span none = {NULL, 0};
    struct vfl_span text = {(const char *)input, len};
    struct vfl_object_key key;
    struct vfl_error err = {0};
    enum vfl_status st = vfl_object_key_parse(text, none, none, none, &key, &err);
    FUZZ_CHECK(st == VFL_OK || st == VFL_NOT_FOUND || st == VFL_FORMAT);
    if (st != VFL_OK)
        return 0;
    check_inside(key.account, text);
    check_inside(key.region, text);
    check_inside(key.flow_log_id, text);
    FUZZ_CHECK(key.time_epoch_s >= 0);
    struct vfl_strbuf prefix = VFL_STRBUF_INIT(4096);
    vfl_object_key_append_prefix(&prefix, key.layout, none, key.account, key.region);
    FUZZ_CHECK(vfl_span_has_prefix(text, vfl_strbuf_span(&prefix)));
    vfl_strbuf_fini(&prefix);
    return 0;
}
