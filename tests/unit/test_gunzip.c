#include "core/flowlog/gunzip.h"

#include <stdlib.h>

#include <zlib.h>

#include "core/strbuf.h"
#include "tests/unit/inflaters.h"
#include "tests/unit/run_suite.h"

static const struct vfl_inflater *inflater; /* of the suite that runs */
static const struct vfl_gunzip_limits usual = {VFL_GUNZIP_MAX_OUTPUT_BYTES, VFL_GUNZIP_MAX_RATIO};

/* `printf 'hello\n' | gzip -n`; the trailer's CRC is 0x363a3020 and its length 6. */
#define HELLO                                                                                      \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20\x30\x3a\x36"     \
    "\x06\x00\x00\x00"
/* The same with an extra field ("ab"), a name ("n") and a comment ("c") in the header. */
#define HELLO_ALL_FLAGS                                                                            \
    "\x1f\x8b\x08\x1c\x00\x00\x00\x00\x00\x03\x02\x00\x61\x62\x6e\x00\x63\x00\xcb\x48\xcd\xc9\xc9" \
    "\xe7\x02\x00\x20\x30\x3a\x36\x06\x00\x00\x00"
/* The last two bytes of the header are the lower half of the CRC-32 of those before. */
#define HELLO_HEADER_CRC                                                                           \
    "\x1f\x8b\x08\x02\x00\x00\x00\x00\x00\x03\xa7\x77\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20\x30\x3a" \
    "\x36\x06\x00\x00\x00"
/* With all optional parts and the CRC. */
#define HELLO_ALL_PARTS                                                                            \
    "\x1f\x8b\x08\x1e\x00\x00\x00\x00\x00\x03\x02\x00\x61\x62\x6e\x00\x63\x00\x84\x8b\xcb\x48\xcd" \
    "\xc9\xc9\xe7\x02\x00\x20\x30\x3a\x36\x06\x00\x00\x00"
/* An extra field without a byte, and the CRC. */
#define HELLO_EMPTY_EXTRA                                                                          \
    "\x1f\x8b\x08\x06\x00\x00\x00\x00\x00\x03\x00\x00\x1e\x81\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20" \
    "\x30\x3a\x36\x06\x00\x00\x00"
/* `printf '' | gzip -n` */
#define NOTHING "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"
/* What follows it is deflate data. */
#define HEADER "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
#define ZEROS "\0\0\0\0\0\0\0\0"

#define INPUT(text) text, sizeof(text) - 1

/* Receives the output; refuses write number fail_at (from 1). */
struct receiver {
    struct vfl_strbuf output;
    uint64_t output_bytes;
    unsigned write_count;
    unsigned fail_at;
    size_t longest_write;
    bool is_discarding;
};

static enum vfl_status receive(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct receiver *receiver = ctx;
    if (++receiver->write_count == receiver->fail_at)
        return vfl_error_set(err, VFL_CANCELLED, "write refused");
    receiver->output_bytes += chunk.len;
    if (chunk.len > receiver->longest_write)
        receiver->longest_write = chunk.len;
    if (!receiver->is_discarding)
        vfl_strbuf_append(&receiver->output, chunk);
    return VFL_OK;
}

/* A copy that ends where its allocation ends, so that ASan sees a read past the chunk. */
static enum vfl_status feed(struct vfl_gunzip *gunzip, const char *bytes, size_t len,
                            struct vfl_error *err)
{
    char *copy = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, len);
    enum vfl_status st = vfl_gunzip_feed(gunzip, (struct vfl_span){copy, len}, err);
    free(copy);
    return st;
}

/* Runs one object, fed as [0,i) [i,j) [j,len). */
static enum vfl_status run(struct vfl_gunzip *gunzip, struct receiver *receiver, const char *bytes,
                           size_t len, size_t i, size_t j, struct vfl_gunzip_summary *ret_summary,
                           struct vfl_error *err)
{
    vfl_strbuf_reset(&receiver->output);
    vfl_gunzip_start(gunzip, usual, (struct vfl_sink){receive, receiver});
    enum vfl_status st = feed(gunzip, bytes, i, err);
    if (st == VFL_OK)
        st = feed(gunzip, bytes + i, j - i, err);
    if (st == VFL_OK)
        st = feed(gunzip, bytes + j, len - j, err);
    if (st == VFL_OK)
        st = vfl_gunzip_finish(gunzip, ret_summary, err);
    return st;
}

static struct vfl_gunzip *new_gunzip(void)
{
    struct vfl_gunzip *gunzip = NULL;
    ck_assert_int_eq(vfl_gunzip_new_with(inflater, &gunzip, NULL), VFL_OK);
    return gunzip;
}

/* The CRCs are those of Python's binascii.crc32 over the whole expected output. */
static const struct {
    const char *name;
    const char *input;
    size_t len;
    enum vfl_status status;
    const char *expected; /* the output, or the error's text */
    uint32_t crc32;
    uint32_t member_count;
    bool has_trailing_garbage;
} rows[] = {
    {"58 empty object", "", 0, VFL_OK, "", 0, 0, false},
    {"one member", INPUT(HELLO), VFL_OK, "hello\n", 0x363a3020, 1, false},
    {"header with all parts", INPUT(HELLO_ALL_FLAGS), VFL_OK, "hello\n", 0x363a3020, 1, false},
    {"header with a CRC", INPUT(HELLO_HEADER_CRC), VFL_OK, "hello\n", 0x363a3020, 1, false},
    {"header with all parts and a CRC", INPUT(HELLO_ALL_PARTS), VFL_OK, "hello\n", 0x363a3020, 1,
     false},
    {"header with an empty extra field", INPUT(HELLO_EMPTY_EXTRA), VFL_OK, "hello\n", 0x363a3020, 1,
     false},
    {"member of nothing", INPUT(NOTHING), VFL_OK, "", 0, 1, false},
    {"63 two members", INPUT(HELLO HELLO), VFL_OK, "hello\nhello\n", 0x2fc70c77, 2, false},
    {"63 empty member between", INPUT(HELLO NOTHING HELLO), VFL_OK, "hello\nhello\n", 0x2fc70c77, 3,
     false},
    {"63 zero padding", INPUT(HELLO ZEROS), VFL_OK, "hello\n", 0x363a3020, 1, false},
    {"63 member after padding", INPUT(HELLO ZEROS HELLO), VFL_OK, "hello\nhello\n", 0x2fc70c77, 2,
     false},
    {"63 trailing garbage", INPUT(HELLO "junk"), VFL_OK, "hello\n", 0x363a3020, 1, true},
    {"63 garbage after padding", INPUT(HELLO ZEROS "\x01\x1f\x8b"), VFL_OK, "hello\n", 0x363a3020,
     1, true},
    {"63 garbage that starts like a member", INPUT(HELLO "\x1f\x1f\x8b"), VFL_OK, "hello\n",
     0x363a3020, 1, true},
    {"63 next member is only a start", INPUT(HELLO "\x1f"), VFL_FORMAT, "gzip member 2 is cut off",
     0, 0, false},
    {"63 next member is corrupt", INPUT(HELLO "\x1f\x8bjunk"), VFL_FORMAT,
     "gzip member 2: unknown compression method", 0, 0, false},
    {"64 wrong CRC",
     INPUT("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x21\x30\x3a"
           "\x36\x06\x00\x00\x00"),
     VFL_FORMAT, "gzip member 1: incorrect data check", 0, 0, false},
    {"64 wrong length",
     INPUT("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20\x30\x3a"
           "\x36\x07\x00\x00\x00"),
     VFL_FORMAT, "gzip member 1: incorrect length check", 0, 0, false},
    {"64 reserved block type", INPUT(HEADER "\x07"), VFL_FORMAT, "gzip member 1: corrupt data", 0,
     0, false},
    {"64 stored block whose lengths differ", INPUT(HEADER "\x01\x05\x00\x05\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 distance before the start", INPUT(HEADER "\x03\x02\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 fixed code of no length", INPUT(HEADER "\x1b\x03\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 fixed code of no distance", INPUT(HEADER "\x03\x3e\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 too many lengths", INPUT(HEADER "\xf5\x00\x80\x04\x00\x00\x00\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 too many distances", INPUT(HEADER "\x05\x1e\x80\x04\x00\x00\x00\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 over-subscribed code lengths", INPUT(HEADER "\x05\x00\x92\x04\x00\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 over-subscribed literals",
     INPUT(HEADER "\x05\xc0\x81\x00\x00\x00\x00\x00\x10\xfc\x47\x03\x00\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 over-subscribed distances",
     INPUT(HEADER "\x05\xc2\x81\x00\x00\x00\x00\x00\x10\xff\xd5\x00\x00\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 repetition of nothing", INPUT(HEADER "\x05\x00\x02\x24\x00\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 repetition beyond the last code", INPUT(HEADER "\x05\x00\x80\xe4\xff\x1f\x00\x00"),
     VFL_FORMAT, "gzip member 1: corrupt data", 0, 0, false},
    {"64 no code for the end", INPUT(HEADER "\x05\x00\x80\xe4\x7f\x1b\x00\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 code that was not given",
     INPUT(HEADER "\x0d\xc0\x81\x00\x00\x00\x00\x00\x90\xff\x6b\x0c\x00\x00\x00"), VFL_FORMAT,
     "gzip member 1: corrupt data", 0, 0, false},
    {"64 wrong CRC of the header",
     INPUT("\x1f\x8b\x08\x02\x00\x00\x00\x00\x00\x03\xa7\x76\xcb\x48\xcd"), VFL_FORMAT,
     "gzip member 1: header crc mismatch", 0, 0, false},
    {"64 reserved flag", INPUT("\x1f\x8b\x08\x20"), VFL_FORMAT,
     "gzip member 1: unknown header flags set", 0, 0, false},
    {"61 text", INPUT("version account-id\n"), VFL_OK, "version account-id\n", 0xcb651942, 0,
     false},
    {"61 text like Parquet", INPUT("PAR2"), VFL_OK, "PAR2", 0xdb4b591f, 0, false},
    {"61 text that stops like Parquet", INPUT("PAR"), VFL_OK, "PAR", 0xfffab93e, 0, false},
    {"61 one byte", INPUT("P"), VFL_OK, "P", 0xb969be79, 0, false},
    {"60 Parquet", INPUT("PAR1\x15\x04"), VFL_UNSUPPORTED,
     "the object is Parquet; set the flow log's file format to text", 0, 0, false},
    {"half a magic, then text", INPUT("\x1fx"), VFL_OK, "\x1fx", 0xd25de56f, 0, false},
};

START_TEST(every_split_gives_the_same_result)
{
    struct vfl_gunzip *gunzip = new_gunzip();
    struct receiver receiver = {.output = VFL_STRBUF_INIT(1000)};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (size_t i = 0; i <= rows[row].len; i++) {
            for (size_t j = i; j <= rows[row].len; j++) {
                struct vfl_gunzip_summary summary = {.output_bytes = 77};
                struct vfl_error err = {0};
                enum vfl_status st =
                    run(gunzip, &receiver, rows[row].input, rows[row].len, i, j, &summary, &err);
                ck_assert_msg(st == rows[row].status, "%s split at %zu and %zu: %s: %s",
                              rows[row].name, i, j, vfl_status_name(st), err.text);
                if (st != VFL_OK) {
                    ck_assert_str_eq(err.text, rows[row].expected);
                    ck_assert_uint_eq(summary.output_bytes, 77);
                    continue;
                }
                ck_assert_msg(strcmp(vfl_strbuf_string(&receiver.output), rows[row].expected) == 0,
                              "%s split at %zu and %zu", rows[row].name, i, j);
                ck_assert_msg(summary.crc32 == rows[row].crc32, "%s: CRC %08x", rows[row].name,
                              summary.crc32);
                ck_assert_uint_eq(summary.member_count, rows[row].member_count);
                ck_assert_int_eq(summary.has_trailing_garbage, rows[row].has_trailing_garbage);
                ck_assert_uint_eq(summary.input_bytes, rows[row].len);
                ck_assert_uint_eq(summary.output_bytes, strlen(rows[row].expected));
            }
        }
    }
    vfl_strbuf_fini(&receiver.output);
    vfl_gunzip_free(gunzip);
}
END_TEST

START_TEST(case_64_every_truncation_is_refused)
{
    static const char two[] = HELLO_ALL_PARTS HELLO;
    struct vfl_gunzip *gunzip = new_gunzip();
    struct receiver receiver = {.output = VFL_STRBUF_INIT(1000)};
    for (size_t len = 1; len < sizeof two - 1; len++) {
        struct vfl_gunzip_summary summary;
        struct vfl_error err = {0};
        enum vfl_status st = run(gunzip, &receiver, two, len, 0, 0, &summary, &err);
        bool is_whole = len == sizeof HELLO_ALL_PARTS - 1;
        ck_assert_msg(st == (is_whole ? VFL_OK : VFL_FORMAT), "%zu bytes: %s", len,
                      vfl_status_name(st));
        if (!is_whole)
            ck_assert_str_eq(err.text, len < sizeof HELLO_ALL_PARTS ? "gzip member 1 is cut off"
                                                                    : "gzip member 2 is cut off");
    }
    vfl_strbuf_fini(&receiver.output);
    vfl_gunzip_free(gunzip);
}
END_TEST

/* Compresses len bytes: zeros, or bytes that do not compress. */
static void make_member(struct vfl_strbuf *out, size_t len, bool is_random)
{
    z_stream zlib = {0};
    unsigned char *content = malloc(len);
    ck_assert_ptr_nonnull(content);
    uint32_t state = 1;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        content[i] = is_random ? (unsigned char)(state >> 24) : 0;
    }
    ck_assert_int_eq(deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    uLong bound = deflateBound(&zlib, len);
    unsigned char *packed = malloc(bound);
    ck_assert_ptr_nonnull(packed);
    zlib.next_in = content;
    zlib.avail_in = (uInt)len;
    zlib.next_out = packed;
    zlib.avail_out = (uInt)bound;
    ck_assert_int_eq(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    vfl_strbuf_append(out, (struct vfl_span){(const char *)packed, zlib.total_out});
    ck_assert_int_eq(vfl_strbuf_check(out, "packed", NULL), VFL_OK);
    ck_assert_int_eq(deflateEnd(&zlib), Z_OK);
    free(content);
    free(packed);
}

static enum vfl_status run_limited(struct vfl_span input, struct vfl_gunzip_limits limits,
                                   struct receiver *receiver, struct vfl_error *err)
{
    struct vfl_gunzip *gunzip = new_gunzip();
    struct vfl_gunzip_summary summary;
    vfl_gunzip_start(gunzip, limits, (struct vfl_sink){receive, receiver});
    enum vfl_status st = VFL_OK;
    for (size_t at = 0; at < input.len && st == VFL_OK; at += 10000)
        st = feed(gunzip, input.ptr + at, input.len - at < 10000 ? input.len - at : 10000, err);
    if (st == VFL_OK)
        st = vfl_gunzip_finish(gunzip, &summary, err);
    if (st == VFL_OK)
        ck_assert_uint_eq(summary.output_bytes, receiver->output_bytes);
    vfl_gunzip_free(gunzip);
    return st;
}

START_TEST(case_65_limits_are_exact)
{
    enum { MIB = 1 << 20 };
    static const struct {
        const char *name;
        size_t content_bytes;
        bool is_random;
        struct vfl_gunzip_limits limits;
        const char *error; /* NULL: fine */
    } cases[] = {
        {"as much as allowed", 300000, false, {300000, 1100}, NULL},
        {"a byte more",
         300001,
         false,
         {300000, 1100},
         "the object inflates to more than 300000 bytes"},
        {"nothing allowed", 1, true, {0, 1100}, "the object inflates to more than 0 bytes"},
        {"ratio not looked at up to 16 MiB", 16 * MIB, false, {UINT64_MAX, 2}, NULL},
        {"ratio past 16 MiB",
         16 * MIB + 1,
         false,
         {UINT64_MAX, 2},
         "the object inflates to more than 2 times its size"},
        {"zeros stay under the usual ratio",
         64 * MIB,
         false,
         {UINT64_MAX, VFL_GUNZIP_MAX_RATIO},
         NULL},
        {"content that does not compress", 17 * MIB, true, {UINT64_MAX, 2}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vfl_strbuf packed = VFL_STRBUF_INIT(32 << 20);
        struct receiver receiver = {.is_discarding = true};
        struct vfl_error err = {0};
        make_member(&packed, cases[i].content_bytes, cases[i].is_random);
        enum vfl_status st =
            run_limited(vfl_strbuf_span(&packed), cases[i].limits, &receiver, &err);
        ck_assert_msg(st == (cases[i].error == NULL ? VFL_OK : VFL_LIMIT), "%s: %s", cases[i].name,
                      err.text);
        ck_assert_uint_le(receiver.output_bytes, cases[i].limits.max_output_bytes);
        ck_assert_uint_le(receiver.longest_write, VFL_GUNZIP_CHUNK_BYTES);
        if (cases[i].error != NULL)
            ck_assert_str_eq(err.text, cases[i].error);
        else
            ck_assert_uint_eq(receiver.output_bytes, cases[i].content_bytes);
        vfl_strbuf_fini(&packed);
    }
}
END_TEST

START_TEST(case_65_text_obeys_the_output_limit)
{
    for (uint64_t limit = 6; limit <= 7; limit++) {
        struct receiver receiver = {.is_discarding = true};
        enum vfl_status st = run_limited(VFL_SPAN_LITERAL("version"),
                                         (struct vfl_gunzip_limits){limit, 1100}, &receiver, NULL);
        ck_assert_int_eq(st, limit == 6 ? VFL_LIMIT : VFL_OK);
        ck_assert_uint_le(receiver.output_bytes, limit);
    }
}
END_TEST

START_TEST(no_chunk_is_too_long)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(1000000);
    struct vfl_gunzip *gunzip = new_gunzip();
    struct vfl_gunzip_summary summary;
    struct receiver receiver = {.output = VFL_STRBUF_INIT(1000000)};
    for (int i = 0; i < 100000; i++)
        vfl_strbuf_append_string(&text, "some text\n");
    vfl_gunzip_start(gunzip, usual, (struct vfl_sink){receive, &receiver});
    ck_assert_int_eq(vfl_gunzip_feed(gunzip, vfl_strbuf_span(&text), NULL), VFL_OK);
    ck_assert_int_eq(vfl_gunzip_finish(gunzip, &summary, NULL), VFL_OK);
    ck_assert_uint_le(receiver.longest_write, VFL_GUNZIP_CHUNK_BYTES);
    ck_assert(vfl_span_equal(vfl_strbuf_span(&text), vfl_strbuf_span(&receiver.output)));
    vfl_strbuf_fini(&text);
    vfl_strbuf_fini(&receiver.output);
    vfl_gunzip_free(gunzip);
}
END_TEST

START_TEST(a_sink_failure_comes_back_unchanged)
{
    static const struct {
        const char *input;
        size_t len;
        unsigned fail_at;
    } cases[] = {{INPUT(HELLO), 1}, {INPUT(HELLO HELLO), 2}, {INPUT("text"), 1}, {INPUT("PAR"), 1}};
    struct vfl_gunzip *gunzip = new_gunzip();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct receiver receiver = {.output = VFL_STRBUF_INIT(100), .fail_at = cases[i].fail_at};
        struct vfl_gunzip_summary summary;
        struct vfl_error err = {0};
        ck_assert_int_eq(run(gunzip, &receiver, cases[i].input, cases[i].len, 0, 0, &summary, &err),
                         VFL_CANCELLED);
        ck_assert_str_eq(err.text, "write refused");
        ck_assert_uint_eq(receiver.write_count, cases[i].fail_at);
        vfl_strbuf_fini(&receiver.output);
    }
    vfl_gunzip_free(gunzip);
}
END_TEST

START_TEST(start_forgets_the_object_before)
{
    struct vfl_gunzip *gunzip = new_gunzip();
    struct receiver receiver = {.output = VFL_STRBUF_INIT(1000)};
    struct vfl_gunzip_summary summary;
    for (size_t before = 0; before < sizeof rows / sizeof rows[0]; before++) {
        for (size_t cut = 0; cut <= rows[before].len; cut++) {
            (void)run(gunzip, &receiver, rows[before].input, cut, 0, 0, &summary, NULL);
            ck_assert_int_eq(run(gunzip, &receiver, INPUT(HELLO), 0, 0, &summary, NULL), VFL_OK);
            ck_assert_str_eq(vfl_strbuf_string(&receiver.output), "hello\n");
            ck_assert_uint_eq(summary.crc32, 0x363a3020);
            ck_assert_uint_eq(summary.member_count, 1);
            ck_assert_uint_eq(summary.input_bytes, sizeof HELLO - 1);
            ck_assert(!summary.has_trailing_garbage);
        }
    }
    vfl_strbuf_fini(&receiver.output);
    vfl_gunzip_free(gunzip);
    vfl_gunzip_free(NULL);
}
END_TEST

START_TEST(the_builds_own_decoder_is_there)
{
    struct vfl_gunzip *gunzip = NULL;
    struct vfl_gunzip_summary summary;
    struct receiver receiver = {.output = VFL_STRBUF_INIT(100)};
    ck_assert_int_eq(vfl_gunzip_new(&gunzip, NULL), VFL_OK);
    ck_assert_int_eq(run(gunzip, &receiver, INPUT(HELLO), 0, 0, &summary, NULL), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&receiver.output), "hello\n");
    vfl_strbuf_fini(&receiver.output);
    vfl_gunzip_free(gunzip);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        every_split_gives_the_same_result,
        case_64_every_truncation_is_refused,
        case_65_limits_are_exact,
        case_65_text_obeys_the_output_limit,
        no_chunk_is_too_long,
        a_sink_failure_comes_back_unchanged,
        start_forgets_the_object_before,
        the_builds_own_decoder_is_there,
    };
    int result = EXIT_SUCCESS;
    for (size_t i = 0; i < INFLATER_COUNT; i++) {
        inflater = inflaters[i];
        if (RUN_SUITE(inflater->name, cases) != EXIT_SUCCESS)
            result = EXIT_FAILURE;
    }
    return result;
}
