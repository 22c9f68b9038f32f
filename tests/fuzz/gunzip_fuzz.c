/* An object's bytes through each decoder, whole and in pieces; the first byte is the size of the
 * pieces. Holds it to: the same verdict, output length and checksum both ways, and with both
 * decoders, but that ISA-L may take what zlib refuses (core/flowlog/inflate.h). */
#include "core/flowlog/gunzip.h"

#include "tests/fuzz/replay.h"
#include "tests/unit/inflaters.h"

struct outcome {
    enum vfl_status status;
    uint64_t output_bytes;
    struct vfl_gunzip_summary summary;
};

static enum vfl_status receive(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct outcome *outcome = ctx;
    (void)err;
    FUZZ_CHECK(chunk.len > 0 && chunk.len <= VFL_GUNZIP_CHUNK_BYTES);
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

static void check_same(const struct outcome *a, const struct outcome *b)
{
    FUZZ_CHECK(a->output_bytes == b->output_bytes);
    FUZZ_CHECK(a->summary.crc32 == b->summary.crc32);
    FUZZ_CHECK(a->summary.member_count == b->summary.member_count);
    FUZZ_CHECK(a->summary.has_trailing_garbage == b->summary.has_trailing_garbage);
}

static bool run_twice(const struct vfl_inflater *inflater, struct vfl_span object, size_t piece,
                      struct outcome *ret_outcome)
{
    struct vfl_gunzip *gunzip = NULL;
    if (vfl_gunzip_new_with(inflater, &gunzip, NULL) != VFL_OK)
        return false;
    struct outcome whole = run(gunzip, object, SIZE_MAX);
    struct outcome pieces = run(gunzip, object, piece);
    vfl_gunzip_free(gunzip);
    /* Which of two failures comes first may depend on the pieces. */
    FUZZ_CHECK((whole.status == VFL_OK) == (pieces.status == VFL_OK));
    if (whole.status == VFL_OK) {
        FUZZ_CHECK(whole.output_bytes == whole.summary.output_bytes);
        FUZZ_CHECK(whole.summary.input_bytes == object.len);
        check_same(&whole, &pieces);
    }
    *ret_outcome = whole;
    return true;
}

enum { RAW_OUTPUT_BYTES = 1 << 18 };

struct raw_outcome {
    enum vfl_inflate_result result;
    size_t used; /* by the stream itself */
    size_t output_len;
    char output[RAW_OUTPUT_BYTES];
};

/* The bytes as deflate data without a gzip member around it, whose CRC would stop nearly all. */
static bool run_raw(const struct vfl_inflater *inflater, struct vfl_span input, size_t piece,
                    struct raw_outcome *outcome)
{
    char unused[VFL_INFLATE_MAX_UNUSED_BYTES];
    void *state = inflater->create();
    if (state == NULL)
        return false;
    outcome->result = VFL_INFLATE_MORE;
    outcome->used = 0;
    outcome->output_len = 0;
    bool is_full = false;
    while (outcome->result == VFL_INFLATE_MORE && !is_full && outcome->used < input.len) {
        size_t left = input.len - outcome->used;
        struct vfl_span offer = {input.ptr + outcome->used, left < piece ? left : piece};
        size_t offered = offer.len;
        size_t len = 0;
        outcome->result = inflater->inflate(state, &offer, outcome->output + outcome->output_len,
                                            RAW_OUTPUT_BYTES - outcome->output_len, &len);
        outcome->used += offered - offer.len;
        outcome->output_len += len;
        is_full = outcome->output_len == RAW_OUTPUT_BYTES;
    }
    if (outcome->result == VFL_INFLATE_END) {
        size_t unused_len = inflater->take_unused(state, unused);
        FUZZ_CHECK(unused_len <= outcome->used);
        outcome->used -= unused_len;
        FUZZ_CHECK(memcmp(unused, input.ptr + outcome->used, unused_len) == 0);
    }
    inflater->destroy(state);
    return true;
}

static void check_raw(struct vfl_span input, size_t piece)
{
    static struct raw_outcome zlib;
    static struct raw_outcome other;
    if (!run_raw(inflaters[0], input, piece, &zlib))
        return;
    for (size_t i = 1; i < INFLATER_COUNT; i++) {
        if (!run_raw(inflaters[i], input, piece, &other))
            return;
        size_t shared = zlib.output_len < other.output_len ? zlib.output_len : other.output_len;
        FUZZ_CHECK(memcmp(zlib.output, other.output, shared) == 0);
        if (zlib.result == VFL_INFLATE_END) {
            FUZZ_CHECK(other.result == VFL_INFLATE_END);
            FUZZ_CHECK(other.used == zlib.used && other.output_len == zlib.output_len);
        }
        if (zlib.result == VFL_INFLATE_MORE && zlib.output_len < RAW_OUTPUT_BYTES)
            FUZZ_CHECK(other.result != VFL_INFLATE_END);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct outcome outcomes[INFLATER_COUNT] = {{.status = VFL_OK}};
    if (len == 0)
        return 0;
    struct vfl_span object = {(const char *)input + 1, len - 1};
    for (size_t i = 0; i < INFLATER_COUNT; i++)
        if (!run_twice(inflaters[i], object, (size_t)input[0] + 1, &outcomes[i]))
            return 0;
    check_raw(object, SIZE_MAX);
    check_raw(object, (size_t)input[0] + 1);
    /* zlib is the first one. */
    for (size_t i = 1; i < INFLATER_COUNT; i++) {
        FUZZ_CHECK(outcomes[0].status != VFL_OK || outcomes[i].status == VFL_OK);
        FUZZ_CHECK(outcomes[i].status != VFL_OK || outcomes[0].status == VFL_OK ||
                   outcomes[0].status == VFL_FORMAT);
        if (outcomes[0].status == VFL_OK)
            check_same(&outcomes[0], &outcomes[i]);
    }
    return 0;
}
