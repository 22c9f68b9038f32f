#include "core/object_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/bucket.h"
#include "tests/unit/run_suite.h"

/* ---- a store of one object ---- */

struct one_object {
    struct vfl_store base;
    const unsigned char *bytes;
    size_t size;
    size_t chunk_bytes;
    size_t cut_at; /* the connection breaks there; SIZE_MAX: never */
    unsigned get_count;
};

static enum vfl_status get(struct vfl_store *base, const struct vfl_store_object *expected,
                           struct vfl_sink sink, struct vfl_error *err)
{
    struct one_object *store = (struct one_object *)base;
    (void)expected;
    store->get_count++;
    for (size_t at = 0; at < store->size; at += store->chunk_bytes) {
        size_t left = store->size - at;
        if (at >= store->cut_at)
            return vfl_error_set(err, VFL_RETRY, "the connection broke");
        struct vfl_span chunk = {(const char *)store->bytes + at,
                                 left < store->chunk_bytes ? left : store->chunk_bytes};
        enum vfl_status st = sink.write(sink.ctx, chunk, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

static const struct vfl_store_ops one_object_ops = {.get = get};

#define LINE                                                                                       \
    "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 100 1795168800 1795168860 ACCEPT OK\n"

static struct vfl_object_reader *reader;
static struct vfl_object_summary summary;
static struct vfl_object_key key;
static char key_text[FAKE_KEY_SIZE];
static unsigned char bytes[200000];
static struct vfl_error err;

static void open_fixture(void)
{
    fake_key(0, 1, key_text);
    ck_assert_int_eq(vfl_object_key_parse(vfl_span_from_string(key_text), vfl_span_from_string(""),
                                          (struct vfl_span){0}, (struct vfl_span){0}, &key, &err),
                     VFL_OK);
    ck_assert_int_eq(vfl_object_reader_new(&reader, &err), VFL_OK);
    summary = (struct vfl_object_summary){.overlong_lines = 77};
}

static void close_fixture(void)
{
    vfl_object_reader_free(reader);
    vfl_object_reader_free(NULL);
}

static enum vfl_status read_bytes(struct one_object *store, bool is_archived, bool needs_vpc_id)
{
    store->base.ops = &one_object_ops;
    if (store->chunk_bytes == 0)
        store->chunk_bytes = 1000;
    if (store->cut_at == 0)
        store->cut_at = SIZE_MAX;
    struct vfl_store_object object = {.key = vfl_span_from_string(key_text),
                                      .size_bytes = (int64_t)store->size,
                                      .is_archived = is_archived};
    return vfl_object_read(reader, &store->base, &object, &key, needs_vpc_id,
                           FAKE_START_EPOCH_S + 600, &summary, &err);
}

static enum vfl_status read_text(const char *text)
{
    struct one_object store = {.bytes = bytes, .size = fake_gzip(text, bytes, sizeof bytes)};
    return read_bytes(&store, false, false);
}

START_TEST(same_content_for_any_split_of_the_bytes)
{
    open_fixture();
    size_t size = fake_gzip(FAKE_HEADER LINE LINE, bytes, sizeof bytes);
    for (size_t chunk = 1; chunk <= size; chunk++) {
        struct one_object store = {.bytes = bytes, .size = size, .chunk_bytes = chunk};
        ck_assert_int_eq(read_bytes(&store, false, false), VFL_OK);
        ck_assert_uint_eq(summary.records[VFL_RECORD_FLOW], 2);
        ck_assert_uint_eq(summary.overlong_lines, 0);
        ck_assert_int_eq(summary.last_end_epoch_s, 1795168860);
        ck_assert_uint_eq(summary.content.output_bytes, sizeof FAKE_HEADER LINE LINE - 1);
        const struct vfl_flow_table *table = vfl_object_reader_table(reader);
        ck_assert_uint_eq(table->flow_count, 1);
        ck_assert_uint_eq(vfl_flow_at(table, 0)->bytes, 200);
    }
    close_fixture();
}
END_TEST

START_TEST(counts_each_kind_of_line)
{
    open_fixture();
    ck_assert_int_eq(
        read_text("\n" FAKE_HEADER LINE
                  "2 123456789012 eni-0a - - - - - - - 1795168800 1795168860 - NODATA\n"
                  "2 123456789012 eni-0a - - - - - - - 1795168800 1795168920 - SKIPDATA\n"
                  "three words only\n"),
        VFL_OK);
    ck_assert_uint_eq(summary.records[VFL_RECORD_FLOW], 1);
    ck_assert_uint_eq(summary.records[VFL_RECORD_NODATA], 1);
    ck_assert_uint_eq(summary.records[VFL_RECORD_SKIPDATA], 1);
    ck_assert_uint_eq(summary.records[VFL_RECORD_MALFORMED], 1);
    ck_assert_int_eq(summary.last_end_epoch_s, 1795168860); /* of traffic alone */
    close_fixture();
}
END_TEST

START_TEST(first_line_may_be_a_record_already)
{
    open_fixture();
    ck_assert_int_eq(read_text(LINE), VFL_OK);
    ck_assert_uint_eq(summary.records[VFL_RECORD_FLOW], 1);
    close_fixture();
}
END_TEST

START_TEST(object_without_one_readable_line_is_bad)
{
    open_fixture();
    ck_assert_int_eq(read_text(FAKE_HEADER "three words only\nand three more\n"), VFL_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "none of its 2 lines"));
    ck_assert_uint_eq(summary.overlong_lines, 77); /* untouched */
    ck_assert_int_eq(read_text(FAKE_HEADER "three words only\n" LINE), VFL_OK);
    ck_assert_int_eq(read_text("version account-id interface-id srcaddr dstaddr\r2 1 eni-0a\r"),
                     VFL_UNSUPPORTED);
    close_fixture();
}
END_TEST

START_TEST(records_of_two_eras_are_kept_apart)
{
    open_fixture();
    struct vfl_eras eras = {.starts_epoch_s = {1795168900}, .count = 1};
    const char *text = FAKE_HEADER LINE "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 50 "
                                        "1795168870 1795168900 ACCEPT OK\n";
    ck_assert_int_eq(read_text(text), VFL_OK);
    ck_assert_uint_eq(vfl_object_reader_table(reader)->flow_count, 1);
    vfl_object_reader_set_eras(reader, &eras);
    ck_assert_int_eq(read_text(text), VFL_OK);
    ck_assert_uint_eq(vfl_object_reader_table(reader)->flow_count, 2);
    close_fixture();
}
END_TEST

/* An empty run's table takes the first object's over as it is; the reader goes on with the other.
 */
START_TEST(table_that_was_taken_leaves_the_reader_usable)
{
    struct vfl_flow_table taken = {0};
    struct vfl_eras eras = {.starts_epoch_s = {1795168900}, .count = 1};
    const char *text = FAKE_HEADER LINE "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 50 "
                                        "1795168870 1795168900 ACCEPT OK\n";
    open_fixture();
    vfl_object_reader_set_eras(reader, &eras);
    for (unsigned count = 1; count <= 3; count++) {
        ck_assert_int_eq(read_text(text), VFL_OK);
        ck_assert_uint_eq(vfl_object_reader_table(reader)->flow_count, 2);
        ck_assert_int_eq(vfl_flow_table_take(&taken, vfl_object_reader_table(reader), &err),
                         VFL_OK);
        ck_assert_uint_eq(taken.flow_count, 2);
        ck_assert_uint_eq(vfl_flow_at(&taken, 0)->bytes + vfl_flow_at(&taken, 1)->bytes,
                          150 * count);
    }
    vfl_flow_table_fini(&taken);
    close_fixture();
}
END_TEST

START_TEST(object_without_records_is_whole)
{
    static const char *const texts[] = {"", "\n \r\n", FAKE_HEADER};
    open_fixture();
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(read_text(texts[i]), VFL_OK);
        ck_assert_uint_eq(summary.records[VFL_RECORD_FLOW], 0);
        ck_assert_uint_eq(vfl_object_reader_table(reader)->flow_count, 0);
    }
    close_fixture();
}
END_TEST

START_TEST(nothing_of_the_object_before_is_left)
{
    char long_line[71000];
    open_fixture();
    /* An over-long line without an end, then a cut member. */
    (void)snprintf(long_line, sizeof long_line, FAKE_HEADER LINE "%070000d", 0);
    ck_assert_int_eq(read_text(long_line), VFL_OK);
    ck_assert_uint_eq(summary.overlong_lines, 1);
    struct one_object cut = {.bytes = bytes};
    cut.size = fake_gzip(FAKE_HEADER LINE LINE, bytes, sizeof bytes) - 9;
    ck_assert_int_eq(read_bytes(&cut, false, false), VFL_FORMAT);
    ck_assert_int_eq(read_text(FAKE_HEADER LINE), VFL_OK);
    ck_assert_uint_eq(summary.overlong_lines, 0);
    ck_assert_uint_eq(summary.records[VFL_RECORD_FLOW], 1);
    ck_assert_uint_eq(vfl_flow_at(vfl_object_reader_table(reader), 0)->bytes, 100);
    close_fixture();
}
END_TEST

START_TEST(cut_off_anywhere_is_no_object)
{
    open_fixture();
    size_t size = fake_gzip(FAKE_HEADER LINE LINE, bytes, sizeof bytes);
    /* Two bytes are the magic; fewer are text. */
    for (size_t cut = 2; cut < size; cut++) {
        struct one_object store = {.bytes = bytes, .size = cut};
        ck_assert_msg(read_bytes(&store, false, false) == VFL_FORMAT, "%zu", cut);
        ck_assert_uint_eq(summary.overlong_lines, 77); /* untouched */
    }
    close_fixture();
}
END_TEST

START_TEST(passes_a_broken_connection_on)
{
    open_fixture();
    struct one_object store = {.bytes = bytes, .chunk_bytes = 10, .cut_at = 30};
    store.size = fake_gzip(FAKE_HEADER LINE, bytes, sizeof bytes);
    ck_assert_int_eq(read_bytes(&store, false, false), VFL_RETRY);
    ck_assert_str_eq(err.text, "the connection broke");
    close_fixture();
}
END_TEST

START_TEST(refuses_what_it_cannot_read_without_asking_for_it)
{
    struct one_object store = {.bytes = bytes, .size = 4};
    open_fixture();
    key.form = VFL_KEY_FORM_PARQUET;
    ck_assert_int_eq(read_bytes(&store, false, false), VFL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "Parquet"));
    key.form = VFL_KEY_FORM_TEXT;
    ck_assert_int_eq(read_bytes(&store, true, false), VFL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "archived"));
    ck_assert_uint_eq(store.get_count, 0);
    close_fixture();
}
END_TEST

START_TEST(without_interfaces_a_format_must_name_the_vpc)
{
    static const struct {
        const char *text;
        enum vfl_status expected;
    } formats[] = {
        {FAKE_HEADER LINE, VFL_UNSUPPORTED},
        {"interface-id vpc-id srcaddr dstaddr bytes\neni-0a vpc-1 10.0.0.1 10.0.0.2 5\n", VFL_OK},
        {"tgw-src-vpc-id tgw-dst-vpc-id srcaddr dstaddr\nvpc-1 vpc-2 10.0.0.1 10.0.0.2\n", VFL_OK},
        {"interface-id tgw-src-vpc-id srcaddr dstaddr\neni-0a vpc-1 10.0.0.1 10.0.0.2\n",
         VFL_UNSUPPORTED},
    };
    open_fixture();
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct one_object store = {.bytes = bytes};
        store.size = fake_gzip(formats[i].text, bytes, sizeof bytes);
        ck_assert_msg(read_bytes(&store, false, true) == formats[i].expected, "%zu: %s", i,
                      err.text);
    }
    ck_assert_ptr_nonnull(strstr(err.text, "ec2:DescribeNetworkInterfaces"));
    close_fixture();
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        same_content_for_any_split_of_the_bytes,
        counts_each_kind_of_line,
        first_line_may_be_a_record_already,
        object_without_one_readable_line_is_bad,
        records_of_two_eras_are_kept_apart,
        table_that_was_taken_leaves_the_reader_usable,
        object_without_records_is_whole,
        nothing_of_the_object_before_is_left,
        cut_off_anywhere_is_no_object,
        passes_a_broken_connection_on,
        refuses_what_it_cannot_read_without_asking_for_it,
        without_interfaces_a_format_must_name_the_vpc,
    };
    return RUN_SUITE("object reader", cases);
}
