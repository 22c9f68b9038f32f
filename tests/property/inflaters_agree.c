/* ISA-L and zlib beneath gunzip: the same of any object, cut into any pieces.
 *
 * Of a sound object the same output and summary; of a damaged one the same verdict, and the output
 * of one is the beginning of the other's. One thing may differ (core/flowlog/inflate.h), in one
 * way: ISA-L may go on where zlib calls the data corrupt. Arguments: first seed (0: a fresh one),
 * rounds. A failure prints its seed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include "core/flowlog/gunzip.h"
#include "tests/random.h"
#include "tests/unit/inflaters.h"

enum {
    MAX_TEXT_BYTES = 3 * VFL_GUNZIP_CHUNK_BYTES,
    MAX_MEMBERS = 3,
    MAX_PACKED_BYTES = MAX_MEMBERS * (MAX_TEXT_BYTES + MAX_TEXT_BYTES / 2),
};

struct bytes {
    unsigned char *ptr;
    size_t len;
    size_t size;
};

struct outcome {
    enum vfl_status status;
    struct vfl_gunzip_summary summary;
    struct vfl_error err;
    struct bytes output;
};

static uint64_t random_state;

static unsigned below(unsigned bound)
{
    return random_below(&random_state, bound);
}

/* Up to bound - 1, small ones as likely as large ones. */
static size_t any_size(unsigned bound)
{
    return below(1U + below(1U + (bound >> below(18))));
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

static struct bytes new_bytes(size_t size)
{
    struct bytes bytes = {malloc(size), 0, size};
    if (bytes.ptr == NULL)
        fail("no memory");
    return bytes;
}

/* Runs of one byte, bytes of a small or large alphabet, and copies from anywhere before. */
static void fill_text(struct bytes *text)
{
    size_t wanted = below(8) == 0 ? below(MAX_TEXT_BYTES) : any_size(MAX_TEXT_BYTES);
    unsigned alphabet = 1 + below(256);
    text->len = 0;
    while (text->len < wanted) {
        size_t len = 1 + any_size(below(4) == 0 ? 66000 : 300);
        if (len > wanted - text->len)
            len = wanted - text->len;
        unsigned char *to = text->ptr + text->len;
        unsigned kind = below(4);
        if (kind == 0) {
            memset(to, (int)below(256), len);
        } else if (kind == 1 || text->len == 0) {
            for (size_t i = 0; i < len; i++)
                to[i] = (unsigned char)below(alphabet);
        } else {
            size_t distance =
                1 + below((unsigned)(text->len < 32768 || kind == 3 ? text->len : 32768));
            for (size_t i = 0; i < len; i++)
                to[i] = to[i - distance];
        }
        text->len += len;
    }
}

static void pack_with_zlib(const struct bytes *text, struct bytes *packed)
{
    static const int flushes[] = {Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH};
    z_stream zlib = {0};
    if (deflateInit2(&zlib, (int)below(10), Z_DEFLATED, 16 + 9 + (int)below(7), 1 + (int)below(9),
                     (int)below(Z_FIXED + 1)) != Z_OK)
        fail("zlib cannot pack");
    zlib.next_in = text->ptr;
    zlib.next_out = packed->ptr + packed->len;
    zlib.avail_out = (uInt)(packed->size - packed->len);
    bool has_flushes = below(2) == 0;
    int result = Z_OK;
    while (result != Z_STREAM_END) {
        size_t left = text->len - (size_t)(zlib.next_in - text->ptr);
        size_t len = has_flushes ? 1 + any_size(60000) : left;
        zlib.avail_in = (uInt)(len < left ? len : left);
        result = deflate(&zlib, len < left ? flushes[below(4)] : Z_FINISH);
        if ((result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) ||
            zlib.avail_out == 0)
            fail("zlib cannot pack");
    }
    packed->len = packed->size - zlib.avail_out;
    (void)deflateEnd(&zlib);
}

static void pack_with_isal(const struct bytes *text, struct bytes *packed)
{
    static unsigned char level_buffer[ISAL_DEF_LVL3_DEFAULT];
    static struct isal_zstream isal;
    isal_deflate_init(&isal);
    isal.level = below(4);
    isal.level_buf = level_buffer;
    isal.level_buf_size = sizeof level_buffer;
    isal.gzip_flag = IGZIP_GZIP;
    isal.end_of_stream = 1;
    isal.next_in = text->ptr;
    isal.avail_in = (uint32_t)text->len;
    isal.next_out = packed->ptr + packed->len;
    isal.avail_out = (uint32_t)(packed->size - packed->len);
    if (isal_deflate(&isal) != COMP_OK || isal.internal_state.state != ZSTATE_END)
        fail("ISA-L cannot pack");
    packed->len = packed->size - isal.avail_out;
}

/* Members, with padding and garbage now and then. */
static void fill_object(struct bytes *text, struct bytes *object)
{
    unsigned members = 1 + below(MAX_MEMBERS);
    object->len = 0;
    while (members-- > 0) {
        fill_text(text);
        if (below(3) == 0)
            pack_with_isal(text, object);
        else
            pack_with_zlib(text, object);
        for (unsigned padding = below(4) == 0 ? below(20) : 0; padding > 0; padding--)
            object->ptr[object->len++] = below(200) == 0 ? 1 : 0;
    }
}

/* A few bits turned over, mostly in the headers of blocks at the start; or the end cut off. */
static void damage(struct bytes *object)
{
    if (below(8) == 0) {
        object->len = below((unsigned)object->len + 1);
        return;
    }
    for (unsigned count = 1 + below(3); count > 0; count--) {
        unsigned end = (unsigned)object->len;
        if (below(2) == 0 && end > 150)
            end = 150;
        object->ptr[below(end)] ^= (unsigned char)(1U << below(8));
    }
}

static enum vfl_status receive(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct outcome *outcome = ctx;
    if (chunk.len > VFL_GUNZIP_CHUNK_BYTES)
        fail("a chunk is too long");
    if (chunk.len > outcome->output.size - outcome->output.len)
        return vfl_error_set(err, VFL_LIMIT, "more than was packed");
    memcpy(outcome->output.ptr + outcome->output.len, chunk.ptr, chunk.len);
    outcome->output.len += chunk.len;
    return VFL_OK;
}

static void run(const struct vfl_inflater *inflater, const struct bytes *object,
                struct outcome *outcome)
{
    const struct vfl_gunzip_limits limits = {VFL_GUNZIP_MAX_OUTPUT_BYTES, VFL_GUNZIP_MAX_RATIO};
    unsigned longest = 1U << below(22);
    if (longest < object->len / 1000) /* tiny pieces are for small objects */
        longest = (unsigned)(object->len / 1000);
    struct vfl_gunzip *gunzip = NULL;
    outcome->output.len = 0;
    outcome->err.text[0] = '\0';
    outcome->status = vfl_gunzip_new_with(inflater, &gunzip, &outcome->err);
    if (outcome->status != VFL_OK)
        fail(outcome->err.text);
    vfl_gunzip_start(gunzip, limits, (struct vfl_sink){receive, outcome});
    size_t len = 0;
    for (size_t at = 0; at < object->len && outcome->status == VFL_OK; at += len) {
        len = below(longest + 1);
        if (len > object->len - at)
            len = object->len - at;
        /* A copy of its own, so that ASan sees what reads past it. */
        char *piece = malloc(len > 0 ? len : 1);
        if (piece == NULL)
            fail("no memory");
        memcpy(piece, object->ptr + at, len);
        outcome->status = vfl_gunzip_feed(gunzip, (struct vfl_span){piece, len}, &outcome->err);
        free(piece);
    }
    if (outcome->status == VFL_OK)
        outcome->status = vfl_gunzip_finish(gunzip, &outcome->summary, &outcome->err);
    vfl_gunzip_free(gunzip);
}

static const char *compare(const struct outcome *zlib, const struct outcome *isal)
{
    size_t shared = zlib->output.len < isal->output.len ? zlib->output.len : isal->output.len;
    if (memcmp(zlib->output.ptr, isal->output.ptr, shared) != 0)
        return "the output differs";
    /* Bits turned over can make a bomb; the receiver stops it at this or that chunk. */
    if (zlib->status == VFL_LIMIT || isal->status == VFL_LIMIT)
        return NULL;
    bool may_go_on = strstr(zlib->err.text, "corrupt data") != NULL;
    if (zlib->status != VFL_OK && may_go_on)
        return zlib->status == VFL_FORMAT ? NULL : "corrupt data is of another status";
    if (zlib->status != isal->status)
        return "the status differs";
    if (zlib->status != VFL_OK)
        return strcmp(zlib->err.text, isal->err.text) == 0 ||
                       strstr(zlib->err.text, "is cut off") != NULL
                   ? NULL
                   : "the text differs";
    const struct vfl_gunzip_summary *a = &zlib->summary;
    const struct vfl_gunzip_summary *b = &isal->summary;
    bool is_same = zlib->output.len == isal->output.len && a->crc32 == b->crc32 &&
                   a->input_bytes == b->input_bytes && a->output_bytes == b->output_bytes &&
                   a->member_count == b->member_count &&
                   a->has_trailing_garbage == b->has_trailing_garbage;
    if (!is_same)
        return "the summary differs";
    /* The CRCs of members are joined; here is that of the whole. */
    return a->crc32 == crc32_z(0, zlib->output.ptr, zlib->output.len) ? NULL : "the CRC is wrong";
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    if (seed == 0) {
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_REALTIME, &now);
        seed = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    }
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
    struct bytes text = new_bytes(MAX_TEXT_BYTES);
    struct bytes object = new_bytes(MAX_PACKED_BYTES);
    struct outcome zlib = {.output = new_bytes(2 * MAX_MEMBERS * MAX_TEXT_BYTES)};
    struct outcome isal = {.output = new_bytes(2 * MAX_MEMBERS * MAX_TEXT_BYTES)};
    const char *problem = NULL;
    uint64_t sound = 0;
    uint64_t agreed = 0; /* on the very same text of the failure */
    for (uint64_t i = 0; i < rounds && problem == NULL; i++) {
        random_state = seed + i;
        fill_object(&text, &object);
        bool is_damaged = below(2) == 0;
        if (is_damaged)
            damage(&object);
        run(&vfl_inflater_zlib, &object, &zlib);
        run(&vfl_inflater_isal, &object, &isal);
        sound += zlib.status == VFL_OK;
        agreed += zlib.status != VFL_OK && strcmp(zlib.err.text, isal.err.text) == 0;
        problem = compare(&zlib, &isal);
        if (problem == NULL && !is_damaged && zlib.status != VFL_OK)
            problem = "a sound object is refused";
        if (problem != NULL)
            (void)fprintf(stderr, "seed %" PRIu64 ": %s; zlib: %s %s; ISA-L: %s %s\n", seed + i,
                          problem, vfl_status_name(zlib.status), zlib.err.text,
                          vfl_status_name(isal.status), isal.err.text);
    }
    free(text.ptr);
    free(object.ptr);
    free(zlib.output.ptr);
    free(isal.output.ptr);
    (void)printf("seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " objects sound, %" PRIu64
                 " refused in the same words: %s\n",
                 seed, seed + rounds - 1, sound, agreed, problem == NULL ? "same" : "DIFFERENT");
    return problem == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}
