#include "core/flowlog/gunzip.h"

#include <stdlib.h>

#include "core/flowlog/gzip_header.h"
#include "core/flowlog/inflate.h"

#define TRAILER_BYTES 8 /* CRC and length, RFC 1952 */
/* Below this the ratio says nothing: a small file of one repeated line is no bomb. */
#define RATIO_CHECK_FROM_BYTES (UINT64_C(16) << 20)

enum stage {
    STAGE_MAGIC,  /* too few bytes yet to tell what the object is */
    STAGE_PLAIN,  /* text as stored */
    STAGE_HEADER, /* of a gzip member, as the next two */
    STAGE_DEFLATED,
    STAGE_TRAILER,
    STAGE_BETWEEN,     /* after a member, padding included */
    STAGE_NEXT_MEMBER, /* after a member, 1f was seen */
    STAGE_GARBAGE,     /* after a member came something else: the rest is ignored */
};

struct vfl_gunzip {
    enum stage stage;
    const struct vfl_inflater *inflater;
    void *inflater_state;
    struct vfl_gunzip_limits limits;
    struct vfl_sink sink;
    struct vfl_gunzip_summary summary;
    /* of the member */
    struct vfl_gzip_header header;
    uint64_t member_output_bytes;
    uint32_t member_crc32;
    char trailer[TRAILER_BYTES];
    size_t trailer_len;
    char magic[4]; /* the first bytes, while they do not decide yet */
    size_t magic_len;
    char output[VFL_GUNZIP_CHUNK_BYTES];
};

static const char gzip_magic[] = {'\x1f', '\x8b'};
static const char parquet_magic[] = {'P', 'A', 'R', '1'};

_Static_assert(VFL_INFLATE_MAX_UNUSED_BYTES <= TRAILER_BYTES, "what is read too far is trailer");

enum vfl_status vfl_gunzip_new(struct vfl_gunzip **ret_gunzip, struct vfl_error *err)
{
    return vfl_gunzip_new_with(&VFL_INFLATER, ret_gunzip, err);
}

enum vfl_status vfl_gunzip_new_with(const struct vfl_inflater *inflater,
                                    struct vfl_gunzip **ret_gunzip, struct vfl_error *err)
{
    struct vfl_gunzip *gunzip = calloc(1, sizeof *gunzip);
    void *state = gunzip != NULL ? inflater->create() : NULL;
    if (state == NULL) {
        free(gunzip);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the gzip decoder");
    }
    gunzip->inflater = inflater;
    gunzip->inflater_state = state;
    *ret_gunzip = gunzip;
    return VFL_OK;
}

void vfl_gunzip_free(struct vfl_gunzip *gunzip)
{
    if (gunzip == NULL)
        return;
    gunzip->inflater->destroy(gunzip->inflater_state);
    free(gunzip);
}

void vfl_gunzip_start(struct vfl_gunzip *gunzip, struct vfl_gunzip_limits limits,
                      struct vfl_sink sink)
{
    gunzip->stage = STAGE_MAGIC;
    gunzip->magic_len = 0;
    gunzip->limits = limits;
    gunzip->sink = sink;
    gunzip->summary = (struct vfl_gunzip_summary){0};
}

/* Passes output on, unless it exceeds a limit. */
static enum vfl_status emit(struct vfl_gunzip *gunzip, struct vfl_span output,
                            struct vfl_error *err)
{
    const struct vfl_gunzip_limits *limits = &gunzip->limits;
    struct vfl_gunzip_summary *summary = &gunzip->summary;
    summary->output_bytes += output.len;
    if (summary->output_bytes > limits->max_output_bytes)
        return vfl_error_set(err, VFL_LIMIT, "the object inflates to more than %llu bytes",
                             (unsigned long long)limits->max_output_bytes);
    if (summary->output_bytes > RATIO_CHECK_FROM_BYTES && limits->max_ratio > 0 &&
        summary->output_bytes / limits->max_ratio > summary->input_bytes)
        return vfl_error_set(err, VFL_LIMIT, "the object inflates to more than %llu times its size",
                             (unsigned long long)limits->max_ratio);
    return gunzip->sink.write(gunzip->sink.ctx, output, err);
}

static enum vfl_status feed_plain(struct vfl_gunzip *gunzip, struct vfl_span *chunk,
                                  struct vfl_error *err)
{
    struct vfl_gunzip_summary *summary = &gunzip->summary;
    while (chunk->len > 0) {
        size_t len = chunk->len < VFL_GUNZIP_CHUNK_BYTES ? chunk->len : VFL_GUNZIP_CHUNK_BYTES;
        struct vfl_span piece = {chunk->ptr, len};
        *chunk = (struct vfl_span){chunk->ptr + len, chunk->len - len};
        summary->input_bytes += len;
        summary->crc32 = gunzip->inflater->crc32(summary->crc32, piece);
        enum vfl_status st = emit(gunzip, piece, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

/* The product of two polynomials over GF(2) modulo that of the CRC; the highest bit is x^0. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        if ((a & 0x80000000U) != 0)
            product ^= b;
        b = (b & 1) != 0 ? b >> 1 ^ 0xedb88320U : b >> 1;
    }
    return product;
}

/* The CRC of a text, from the CRC of its beginning and that of the other len bytes: those shift the
 * beginning by x^(8 len). */
static uint32_t join_crc32(uint32_t beginning, uint32_t other, uint64_t len)
{
    for (uint32_t power = 0x00800000U; len != 0; len >>= 1) {
        if ((len & 1) != 0)
            beginning = multiply(beginning, power);
        power = multiply(power, power);
    }
    return beginning ^ other;
}

static uint32_t read_u32(const char *bytes)
{
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--)
        value = value << 8 | (unsigned char)bytes[i];
    return value;
}

static enum vfl_status fail_member(const struct vfl_gunzip *gunzip, enum vfl_status status,
                                   const char *reason, struct vfl_error *err)
{
    return vfl_error_set(err, status, "gzip member %u: %s", gunzip->summary.member_count + 1,
                         reason);
}

static enum vfl_status feed_trailer(struct vfl_gunzip *gunzip, struct vfl_span *chunk,
                                    struct vfl_error *err)
{
    struct vfl_gunzip_summary *summary = &gunzip->summary;
    while (gunzip->trailer_len < TRAILER_BYTES && chunk->len > 0) {
        gunzip->trailer[gunzip->trailer_len++] = *chunk->ptr++;
        chunk->len--;
        summary->input_bytes++;
    }
    if (gunzip->trailer_len < TRAILER_BYTES)
        return VFL_OK;
    if (read_u32(gunzip->trailer) != gunzip->member_crc32)
        return fail_member(gunzip, VFL_FORMAT, "incorrect data check", err);
    if (read_u32(gunzip->trailer + 4) != (uint32_t)gunzip->member_output_bytes)
        return fail_member(gunzip, VFL_FORMAT, "incorrect length check", err);
    summary->crc32 = join_crc32(summary->crc32, gunzip->member_crc32, gunzip->member_output_bytes);
    summary->member_count++;
    gunzip->stage = STAGE_BETWEEN;
    return VFL_OK;
}

/* Inflates until the member ends or chunk is used up. */
static enum vfl_status feed_deflated(struct vfl_gunzip *gunzip, struct vfl_span *chunk,
                                     struct vfl_error *err)
{
    /* A full output buffer can mean that there is more, even without further input. */
    bool may_hold_more = true;
    while (chunk->len > 0 || may_hold_more) {
        size_t offered = chunk->len;
        struct vfl_span output = {gunzip->output, 0};
        enum vfl_inflate_result result = gunzip->inflater->inflate(
            gunzip->inflater_state, chunk, gunzip->output, sizeof gunzip->output, &output.len);
        if (result == VFL_INFLATE_NO_MEMORY)
            return fail_member(gunzip, VFL_NO_MEMORY, "no memory for the decoder", err);
        if (result == VFL_INFLATE_CORRUPT)
            return fail_member(gunzip, VFL_FORMAT, "corrupt data", err);
        gunzip->summary.input_bytes += offered - chunk->len;
        gunzip->member_output_bytes += output.len;
        gunzip->member_crc32 = gunzip->inflater->crc32(gunzip->member_crc32, output);
        enum vfl_status st = output.len == 0 ? VFL_OK : emit(gunzip, output, err);
        if (st != VFL_OK)
            return st;
        if (result == VFL_INFLATE_END) {
            gunzip->stage = STAGE_TRAILER;
            gunzip->trailer_len =
                gunzip->inflater->take_unused(gunzip->inflater_state, gunzip->trailer);
            /* All of it may have been taken already, and chunk be empty. */
            return feed_trailer(gunzip, chunk, err);
        }
        may_hold_more = output.len == sizeof gunzip->output;
    }
    return VFL_OK;
}

static enum vfl_status feed_header(struct vfl_gunzip *gunzip, struct vfl_span *chunk,
                                   struct vfl_error *err)
{
    size_t offered = chunk->len;
    enum vfl_status st = vfl_gzip_header_feed(&gunzip->header, chunk, err);
    if (st != VFL_OK)
        return vfl_error_wrap(err, st, "gzip member %u", gunzip->summary.member_count + 1);
    gunzip->summary.input_bytes += offered - chunk->len;
    if (gunzip->header.part == VFL_GZIP_HEADER_END)
        gunzip->stage = STAGE_DEFLATED;
    return VFL_OK;
}

/* Enters the first or the next member, whose magic has been read. */
static void begin_member(struct vfl_gunzip *gunzip)
{
    gunzip->inflater->reset(gunzip->inflater_state);
    vfl_gzip_header_start(&gunzip->header, gunzip->inflater);
    gunzip->member_output_bytes = 0;
    gunzip->member_crc32 = 0;
    gunzip->summary.input_bytes += sizeof gzip_magic;
    gunzip->stage = STAGE_HEADER;
}

/* Decides what the object is by its first bytes; they may come one at a time. */
static enum vfl_status feed_magic(struct vfl_gunzip *gunzip, struct vfl_span *chunk,
                                  struct vfl_error *err)
{
    while (chunk->len > 0) {
        gunzip->magic[gunzip->magic_len++] = *chunk->ptr++;
        chunk->len--;
        struct vfl_span magic = {gunzip->magic, gunzip->magic_len};
        const struct vfl_span gzip = {gzip_magic, sizeof gzip_magic};
        const struct vfl_span parquet = {parquet_magic, sizeof parquet_magic};
        if (vfl_span_equal(magic, gzip)) {
            begin_member(gunzip);
            return VFL_OK;
        }
        if (vfl_span_equal(magic, parquet))
            return vfl_error_set(err, VFL_UNSUPPORTED,
                                 "the object is Parquet; set the flow log's file format to text");
        if (!vfl_span_has_prefix(gzip, magic) && !vfl_span_has_prefix(parquet, magic)) {
            gunzip->stage = STAGE_PLAIN;
            return feed_plain(gunzip, &magic, err);
        }
    }
    return VFL_OK;
}

static void skip_padding(struct vfl_gunzip *gunzip, struct vfl_span *chunk)
{
    while (chunk->len > 0 && gunzip->stage == STAGE_BETWEEN) {
        if (*chunk->ptr != '\0' && *chunk->ptr != gzip_magic[0]) {
            gunzip->stage = STAGE_GARBAGE;
            return;
        }
        if (*chunk->ptr == gzip_magic[0])
            gunzip->stage = STAGE_NEXT_MEMBER;
        else
            gunzip->summary.input_bytes++;
        chunk->ptr++;
        chunk->len--;
    }
}

static void feed_next_member(struct vfl_gunzip *gunzip, struct vfl_span *chunk)
{
    if (*chunk->ptr != gzip_magic[1]) {
        gunzip->summary.input_bytes++; /* the 1f */
        gunzip->stage = STAGE_GARBAGE;
        return;
    }
    chunk->ptr++;
    chunk->len--;
    begin_member(gunzip);
}

enum vfl_status vfl_gunzip_feed(struct vfl_gunzip *gunzip, struct vfl_span chunk,
                                struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    while (chunk.len > 0 && st == VFL_OK) {
        switch (gunzip->stage) {
        case STAGE_MAGIC:
            st = feed_magic(gunzip, &chunk, err);
            break;
        case STAGE_PLAIN:
            st = feed_plain(gunzip, &chunk, err);
            break;
        case STAGE_HEADER:
            st = feed_header(gunzip, &chunk, err);
            break;
        case STAGE_DEFLATED:
            st = feed_deflated(gunzip, &chunk, err);
            break;
        case STAGE_TRAILER:
            st = feed_trailer(gunzip, &chunk, err);
            break;
        case STAGE_BETWEEN:
            skip_padding(gunzip, &chunk);
            break;
        case STAGE_NEXT_MEMBER:
            feed_next_member(gunzip, &chunk);
            break;
        case STAGE_GARBAGE:
            gunzip->summary.has_trailing_garbage = true;
            gunzip->summary.input_bytes += chunk.len;
            chunk.len = 0;
            break;
        }
    }
    return st;
}

enum vfl_status vfl_gunzip_finish(struct vfl_gunzip *gunzip, struct vfl_gunzip_summary *ret_summary,
                                  struct vfl_error *err)
{
    /* The first byte of the magic alone is a cut too, not text or garbage. */
    bool is_cut = gunzip->stage == STAGE_HEADER || gunzip->stage == STAGE_DEFLATED ||
                  gunzip->stage == STAGE_TRAILER || gunzip->stage == STAGE_NEXT_MEMBER ||
                  (gunzip->stage == STAGE_MAGIC && gunzip->magic_len > 0 &&
                   gunzip->magic[0] == gzip_magic[0]);
    if (is_cut)
        return vfl_error_set(err, VFL_FORMAT, "gzip member %u is cut off",
                             gunzip->summary.member_count + 1);
    if (gunzip->stage == STAGE_MAGIC && gunzip->magic_len > 0) {
        struct vfl_span text = {gunzip->magic, gunzip->magic_len};
        gunzip->stage = STAGE_PLAIN;
        enum vfl_status st = feed_plain(gunzip, &text, err);
        if (st != VFL_OK)
            return st;
    }
    *ret_summary = gunzip->summary;
    return VFL_OK;
}
