#include "core/flowlog/gunzip.h"

#include <stdlib.h>

#include <zlib.h>

#define OUTPUT_CHUNK_BYTES 65536
/* Below this the ratio says nothing: a small file of one repeated line is no bomb. */
#define RATIO_CHECK_FROM_BYTES (UINT64_C(16) << 20)

enum stage {
    STAGE_MAGIC,       /* too few bytes yet to tell what the object is */
    STAGE_PLAIN,       /* text as stored */
    STAGE_MEMBER,      /* inside a gzip member */
    STAGE_BETWEEN,     /* after a member, padding included */
    STAGE_NEXT_MEMBER, /* after a member, 1f was seen */
    STAGE_GARBAGE,     /* after a member came something else: the rest is ignored */
};

struct vfl_gunzip {
    enum stage stage;
    z_stream zlib;
    struct vfl_gunzip_limits limits;
    struct vfl_sink sink;
    struct vfl_gunzip_summary summary;
    uint64_t member_output_bytes;
    char magic[4]; /* the first bytes, while they do not decide yet */
    size_t magic_len;
    char output[OUTPUT_CHUNK_BYTES];
};

static const char gzip_magic[] = {'\x1f', '\x8b'};
static const char parquet_magic[] = {'P', 'A', 'R', '1'};

enum vfl_status vfl_gunzip_new(struct vfl_gunzip **ret_gunzip, struct vfl_error *err)
{
    struct vfl_gunzip *gunzip = calloc(1, sizeof *gunzip);
    /* 15 bits of window, 16 for "gzip header only". */
    if (gunzip == NULL || inflateInit2(&gunzip->zlib, 15 + 16) != Z_OK) {
        free(gunzip);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the gzip decoder");
    }
    *ret_gunzip = gunzip;
    return VFL_OK;
}

void vfl_gunzip_free(struct vfl_gunzip *gunzip)
{
    if (gunzip == NULL)
        return;
    (void)inflateEnd(&gunzip->zlib);
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
        size_t len = chunk->len < OUTPUT_CHUNK_BYTES ? chunk->len : OUTPUT_CHUNK_BYTES;
        struct vfl_span piece = {chunk->ptr, len};
        *chunk = (struct vfl_span){chunk->ptr + len, chunk->len - len};
        summary->input_bytes += len;
        summary->crc32 =
            (uint32_t)crc32(summary->crc32, (const unsigned char *)piece.ptr, (uInt)len);
        enum vfl_status st = emit(gunzip, piece, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

static enum vfl_status inflate_failure(const struct vfl_gunzip *gunzip, int result,
                                       struct vfl_error *err)
{
    if (result == Z_MEM_ERROR)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the gzip decoder");
    const char *reason = gunzip->zlib.msg != NULL ? gunzip->zlib.msg : "corrupt data";
    return vfl_error_set(err, VFL_FORMAT, "gzip member %u: %s", gunzip->summary.member_count + 1,
                         reason);
}

/* Inflates until the member ends or chunk is used up. */
static enum vfl_status feed_member(struct vfl_gunzip *gunzip, struct vfl_span *chunk,
                                   struct vfl_error *err)
{
    z_stream *zlib = &gunzip->zlib;
    struct vfl_gunzip_summary *summary = &gunzip->summary;
    int result = Z_OK;
    /* A full output buffer can mean that zlib holds more, even without further input. */
    bool may_hold_more = true;
    while (result != Z_STREAM_END && (chunk->len > 0 || may_hold_more)) {
        uInt offered = chunk->len < UINT32_MAX ? (uInt)chunk->len : UINT32_MAX;
        zlib->next_in = (z_const Bytef *)(uintptr_t)chunk->ptr;
        zlib->avail_in = offered;
        zlib->next_out = (Bytef *)gunzip->output;
        zlib->avail_out = OUTPUT_CHUNK_BYTES;
        result = inflate(zlib, Z_NO_FLUSH);
        /* Z_BUF_ERROR only says that this call could do nothing. */
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return inflate_failure(gunzip, result, err);
        size_t used = offered - zlib->avail_in;
        size_t produced = OUTPUT_CHUNK_BYTES - zlib->avail_out;
        *chunk = (struct vfl_span){chunk->ptr + used, chunk->len - used};
        may_hold_more = zlib->avail_out == 0;
        summary->input_bytes += used;
        gunzip->member_output_bytes += produced;
        enum vfl_status st =
            produced == 0 ? VFL_OK : emit(gunzip, (struct vfl_span){gunzip->output, produced}, err);
        if (st != VFL_OK)
            return st;
    }
    if (result == Z_STREAM_END) {
        /* zlib has compared the member's checksum with its content and leaves it in adler. */
        summary->crc32 = (uint32_t)crc32_combine(summary->crc32, zlib->adler,
                                                 (z_off_t)gunzip->member_output_bytes);
        summary->member_count++;
        gunzip->stage = STAGE_BETWEEN;
    }
    return VFL_OK;
}

/* Enters the first or the next member, whose magic has been read. */
static enum vfl_status begin_member(struct vfl_gunzip *gunzip, struct vfl_error *err)
{
    (void)inflateReset(&gunzip->zlib);
    gunzip->member_output_bytes = 0;
    gunzip->stage = STAGE_MEMBER;
    struct vfl_span magic = {gzip_magic, sizeof gzip_magic};
    return feed_member(gunzip, &magic, err);
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
        if (vfl_span_equal(magic, gzip))
            return begin_member(gunzip, err);
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

static enum vfl_status feed_next_member(struct vfl_gunzip *gunzip, struct vfl_span *chunk,
                                        struct vfl_error *err)
{
    if (*chunk->ptr != gzip_magic[1]) {
        gunzip->summary.input_bytes++; /* the 1f */
        gunzip->stage = STAGE_GARBAGE;
        return VFL_OK;
    }
    chunk->ptr++;
    chunk->len--;
    return begin_member(gunzip, err);
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
        case STAGE_MEMBER:
            st = feed_member(gunzip, &chunk, err);
            break;
        case STAGE_BETWEEN:
            skip_padding(gunzip, &chunk);
            break;
        case STAGE_NEXT_MEMBER:
            st = feed_next_member(gunzip, &chunk, err);
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
    bool is_cut = gunzip->stage == STAGE_MEMBER || gunzip->stage == STAGE_NEXT_MEMBER ||
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
