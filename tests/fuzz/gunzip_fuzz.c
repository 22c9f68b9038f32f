/* An object's bytes through the inflater, whole and in pieces; the first byte is the size of the
 * pieces. Holds it to: the same verdict, output length and checksum both ways. */
#include "core/flowlog/gunzip.h"

#include "tests/fuzz/replay.h"

struct outcome {
    enum vfl_status status;
    uint64_t output_bytes;
    struct vfl_gunzip_summary summary;
};

static enum vfl_status receive(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct outcome *outcome = ctx;
    (void)err;
    FUZZ_CHECK(chunk.len > 0 && chunk.len <= 65536);
    outcome->output_bytes += chunk.len;
    return VFL_OK;
}

static struct outcome run(struct vfl_gunzip *gunzip, struct vfl_span input, size_t piece)
{
    /* A small limit keeps a run short. */
    const struct vfl_gunzip_limits limits = {UINT64_C(8) << 20, VFL_GUNZIP_MAX_RATIO};
    struct outcome outcome = {.status = VFL_OK};
    vfl_gunzip_start(gunzip, limits, (struct vfl_sink){receive, &outcome});
    while (input.len > 0 && outcome.status == VFL_OK) {
        size_t len = input.len < piece ? input.len : piece;
        outcome.status = vfl_gunzip_feed(gunzip, (struct vfl_span){input.ptr, len}, NULL);
        input = (struct vfl_span){input.ptr + len, input.len - len};
    }
    if (outcome.status == VFL_OK)
        outcome.status = vfl_gunzip_finish(gunzip, &outcome.summary, NULL);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct vfl_gunzip *gunzip = NULL;
    if (len == 0 || vfl_gunzip_new(&gunzip, NULL) != VFL_OK)
        return 0;
    struct vfl_span object = {(const char *)input + 1, len - 1};
    struct outcome whole = run(gunzip, object, SIZE_MAX);
    struct outcome pieces = run(gunzip, object, (size_t)input[0] + 1);
    /* Which of two failures comes first may depend on the pieces. */
    FUZZ_CHECK((whole.status == VFL_OK) == (pieces.status == VFL_OK));
    if (whole.status == VFL_OK) {
        FUZZ_CHECK(whole.output_bytes == whole.summary.output_bytes);
        FUZZ_CHECK(whole.summary.input_bytes == object.len);
        FUZZ_CHECK(whole.output_bytes == pieces.output_bytes);
        FUZZ_CHECK(whole.summary.crc32 == pieces.summary.crc32);
        FUZZ_CHECK(whole.summary.member_count == pieces.summary.member_count);
    }
    vfl_gunzip_free(gunzip);
    return 0;
}
