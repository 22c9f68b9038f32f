#include "core/flowlog/lines.h"

#include <stdlib.h>

#include "core/strbuf.h"
#include "tests/unit/run_suite.h"

/* Receives blocks as their lines, "<line>|"; refuses the block with line number fail_at (from 1).
 */
struct receiver {
    struct vfl_strbuf text;
    unsigned count;
    unsigned fail_at;
    unsigned block_count;
    bool is_over; /* a block without a final newline came */
    const char *last_ptr;
};

static enum vfl_status receive(void *ctx, struct vfl_span block, struct vfl_error *err)
{
    struct receiver *receiver = ctx;
    struct vfl_span line = {NULL, 0};
    ck_assert_uint_gt(block.len, 0);
    ck_assert(!receiver->is_over);
    receiver->block_count++;
    receiver->last_ptr = block.ptr;
    receiver->is_over = block.ptr[block.len - 1] != '\n';
    while (vfl_lines_next(&block, &line)) {
        ck_assert_uint_le(line.len, VFL_LINE_MAX_BYTES);
        if (++receiver->count == receiver->fail_at)
            return vfl_error_set(err, VFL_LIMIT, "line %u refused", receiver->count);
        vfl_strbuf_append(&receiver->text, line);
        vfl_strbuf_append_char(&receiver->text, '|');
    }
    return VFL_OK;
}

static void reset(struct vfl_lines *lines, struct receiver *receiver)
{
    vfl_lines_reset(lines);
    vfl_strbuf_reset(&receiver->text);
    receiver->is_over = false;
}

static void set_up(struct vfl_lines *lines, struct receiver *receiver)
{
    *receiver = (struct receiver){.text = VFL_STRBUF_INIT(1 << 20)};
    ck_assert_int_eq(vfl_lines_init(lines, (struct vfl_line_sink){receive, receiver}, NULL),
                     VFL_OK);
}

static void feed(struct vfl_lines *lines, const char *bytes, size_t len)
{
    /* A copy that ends where its allocation ends, so that ASan sees a read past the chunk. */
    char *copy = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, len);
    ck_assert_int_eq(vfl_lines_feed(lines, (struct vfl_span){copy, len}, NULL), VFL_OK);
    free(copy);
}

static const struct {
    const char *name;
    const char *input;
    const char *expected;
} rows[] = {
    {"nothing", "", ""},
    {"18 blank lines are lines", "a\n\nb\n\n", "a||b||"},
    {"19 no final newline", "a\nlast", "a|last|"},
    {"20 trailing newline adds no line", "a\nb\n", "a|b|"},
    {"17 CR stays", "a\r\nb\r", "a\r|b\r|"},
    {"only a newline", "\n", "|"},
    {"26 any byte is kept", "\xff\x80\x01\t \n\xef\xbb\xbfx", "\xff\x80\x01\t |\xef\xbb\xbfx|"},
};

START_TEST(every_split_gives_the_same_lines)
{
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        const char *input = rows[row].input;
        size_t len = strlen(input);
        struct vfl_lines lines;
        struct receiver receiver;
        set_up(&lines, &receiver);
        for (size_t i = 0; i <= len; i++) {
            for (size_t j = i; j <= len; j++) {
                reset(&lines, &receiver);
                feed(&lines, input, i);
                feed(&lines, input + i, j - i);
                feed(&lines, input + j, len - j);
                ck_assert_int_eq(vfl_lines_finish(&lines, NULL), VFL_OK);
                ck_assert_msg(strcmp(vfl_strbuf_string(&receiver.text), rows[row].expected) == 0,
                              "%s split at %zu and %zu: %s", rows[row].name, i, j,
                              vfl_strbuf_string(&receiver.text));
            }
        }
        vfl_strbuf_fini(&receiver.text);
        vfl_lines_fini(&lines);
    }
}
END_TEST

START_TEST(case_27_a_nul_byte_is_passed_on)
{
    struct vfl_lines lines;
    struct receiver receiver;
    set_up(&lines, &receiver);
    feed(&lines, "a\0b\nc\0", 6);
    ck_assert_int_eq(vfl_lines_finish(&lines, NULL), VFL_OK);
    ck_assert_uint_eq(receiver.text.len, 7);
    ck_assert_mem_eq(receiver.text.bytes, "a\0b|c\0|", 7);
    vfl_strbuf_fini(&receiver.text);
    vfl_lines_fini(&lines);
}
END_TEST

/* Feeds "first\n" + length bytes + ending + "next\n" in pieces of piece bytes. */
static void feed_long_line(struct vfl_lines *lines, size_t length, const char *ending, size_t piece)
{
    struct vfl_strbuf input = VFL_STRBUF_INIT(1 << 20);
    vfl_strbuf_append_string(&input, "first\n");
    for (size_t i = 0; i < length; i++)
        vfl_strbuf_append_char(&input, 'x');
    vfl_strbuf_append_string(&input, ending);
    ck_assert_int_eq(vfl_strbuf_check(&input, "input", NULL), VFL_OK);
    for (size_t at = 0; at < input.len; at += piece)
        feed(lines, input.bytes + at, input.len - at < piece ? input.len - at : piece);
    ck_assert_int_eq(vfl_lines_finish(lines, NULL), VFL_OK);
    vfl_strbuf_fini(&input);
}

START_TEST(case_28_the_cap_is_exact_and_reading_goes_on)
{
    static const struct {
        size_t length;
        const char *ending;
        uint64_t overlong_count;
        size_t received_bytes; /* first| + the long line| + next| */
    } cases[] = {
        {65536, "\nnext\n", 0, 6 + 65537 + 5},
        {65537, "\nnext\n", 1, 6 + 5},
        {200000, "\nnext\n", 1, 6 + 5},
        {65536, "", 0, 6 + 65537},
        {65537, "", 1, 6},
        {65537, "\n", 1, 6},
    };
    static const size_t pieces[] = {13, 4096, 65536, 1 << 20};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t j = 0; j < sizeof pieces / sizeof pieces[0]; j++) {
            struct vfl_lines lines;
            struct receiver receiver;
            set_up(&lines, &receiver);
            feed_long_line(&lines, cases[i].length, cases[i].ending, pieces[j]);
            ck_assert_uint_eq(lines.overlong_count, cases[i].overlong_count);
            ck_assert_uint_eq(receiver.text.len, cases[i].received_bytes);
            vfl_strbuf_fini(&receiver.text);
            vfl_lines_fini(&lines);
        }
    }
}
END_TEST

START_TEST(the_rest_of_an_overlong_line_is_no_line)
{
    static char beginning[VFL_LINE_MAX_BYTES + 1]; /* too long by itself: none of it is carried */
    struct vfl_lines lines;
    struct receiver receiver;
    memset(beginning, 'x', sizeof beginning);
    set_up(&lines, &receiver);
    feed(&lines, beginning, sizeof beginning);
    feed(&lines, "rest", 4);
    feed(&lines, " of it\nnext\n", 12);
    ck_assert_str_eq(vfl_strbuf_string(&receiver.text), "next|");
    ck_assert_uint_eq(lines.overlong_count, 1);
    vfl_strbuf_fini(&receiver.text);
    vfl_lines_fini(&lines);
}
END_TEST

START_TEST(whole_lines_are_passed_on_in_place_and_together)
{
    static const char input[] = "one\ntwo\nthr";
    struct vfl_lines lines;
    struct receiver receiver;
    set_up(&lines, &receiver);
    ck_assert_int_eq(vfl_lines_feed(&lines, VFL_SPAN_LITERAL(input), NULL), VFL_OK);
    ck_assert_ptr_eq(receiver.last_ptr, input);
    ck_assert_uint_eq(receiver.block_count, 1);
    ck_assert_str_eq(vfl_strbuf_string(&receiver.text), "one|two|");
    ck_assert_int_eq(vfl_lines_feed(&lines, VFL_SPAN_LITERAL("ee\nfour\nfive\n"), NULL), VFL_OK);
    ck_assert_uint_eq(receiver.block_count, 3);
    ck_assert_str_eq(vfl_strbuf_string(&receiver.text), "one|two|three|four|five|");
    vfl_strbuf_fini(&receiver.text);
    vfl_lines_fini(&lines);
}
END_TEST

START_TEST(a_sink_failure_comes_back_unchanged)
{
    static const char *const inputs[] = {"a\nb\nc\n", "a\nb"};
    for (size_t i = 0; i < 2; i++) {
        struct vfl_lines lines;
        struct receiver receiver;
        struct vfl_error err = {0};
        set_up(&lines, &receiver);
        receiver.fail_at = 2;
        enum vfl_status st = vfl_lines_feed(&lines, vfl_span_from_string(inputs[i]), &err);
        if (st == VFL_OK)
            st = vfl_lines_finish(&lines, &err);
        ck_assert_int_eq(st, VFL_LIMIT);
        ck_assert_str_eq(err.text, "line 2 refused");
        ck_assert_uint_eq(receiver.count, 2);
        vfl_strbuf_fini(&receiver.text);
        vfl_lines_fini(&lines);
    }
}
END_TEST

START_TEST(reset_forgets_the_object_before)
{
    struct vfl_lines lines;
    struct receiver receiver;
    set_up(&lines, &receiver);
    feed(&lines, "half", 4);
    vfl_lines_reset(&lines);
    feed_long_line(&lines, 70000, "", 999);
    vfl_lines_reset(&lines);
    ck_assert_uint_eq(lines.overlong_count, 0);
    receiver.is_over = false;
    feed(&lines, "whole\n", 6);
    ck_assert_str_eq(vfl_strbuf_string(&receiver.text), "first|whole|");
    vfl_strbuf_fini(&receiver.text);
    vfl_lines_fini(&lines);
    vfl_lines_fini(&lines);
    vfl_lines_fini(NULL);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        every_split_gives_the_same_lines,
        case_27_a_nul_byte_is_passed_on,
        case_28_the_cap_is_exact_and_reading_goes_on,
        the_rest_of_an_overlong_line_is_no_line,
        whole_lines_are_passed_on_in_place_and_together,
        a_sink_failure_comes_back_unchanged,
        reset_forgets_the_object_before,
    };
    return RUN_SUITE("lines", cases);
}
