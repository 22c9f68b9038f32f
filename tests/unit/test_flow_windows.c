/* When the records of a flow were. */
#include "core/topology/flow_table.h"

#include <stdio.h>

#include "tests/recorder/recorder.h"
#include "tests/unit/flow_lines.h"
#include "tests/unit/run_suite.h"

struct window_case {
    const char *name;
    unsigned windows[5][2]; /* seconds after 1700000000; {0, 0} ends the list */
    const char *expected;
};

static const struct window_case window_cases[] = {
    {"one", {{10, 20}}, "10-20"},
    {"apart", {{30, 40}, {10, 20}}, "10-20 30-40"},
    {"touching", {{20, 30}, {10, 20}}, "10-30"},
    {"a second apart", {{21, 30}, {10, 20}}, "10-20 21-30"},
    {"overlapping", {{10, 20}, {15, 30}}, "10-30"},
    {"inside", {{10, 40}, {20, 30}}, "10-40"},
    {"around", {{20, 30}, {10, 40}}, "10-40"},
    {"bridging several", {{10, 20}, {30, 40}, {50, 60}, {15, 55}}, "10-60"},
    {"bridging to the touch", {{10, 20}, {30, 40}, {50, 60}, {20, 30}}, "10-40 50-60"},
    {"growing to the front", {{30, 40}, {50, 60}, {10, 35}}, "10-40 50-60"},
    {"zero length", {{10, 10}, {20, 20}}, "10-10 20-20"},
    {"zero length inside", {{10, 30}, {20, 20}}, "10-30"},
    {"the same again", {{10, 20}, {10, 20}}, "10-20"},
    {"reuse of a merged one", {{10, 20}, {30, 40}, {15, 35}, {50, 60}}, "10-40 50-60"},
};

static void format_windows(const struct vfl_flow_table *table, struct vfl_strbuf *out)
{
    vfl_strbuf_reset(out);
    const struct vfl_flow_window *window = vfl_flow_window(table, vfl_flow_at(table, 0));
    for (; window != NULL; window = vfl_flow_window_after(table, window))
        vfl_strbuf_appendf(out, "%s%u-%u", out->len > 0 ? " " : "",
                           window->start_epoch_s - 1700000000u, window->end_epoch_s - 1700000000u);
}

static void add_window(struct vfl_flow_table *table, const unsigned *window)
{
    char line[200];
    const char *const lines[] = {line};
    (void)snprintf(line, sizeof line, "eni-a 10.0.0.1 10.0.0.2 0 0 1 1 %u %u ACCEPT - OK",
                   1700000000u + window[0], 1700000000u + window[1]);
    fill(table, "fl-1", lines, 1);
}

START_TEST(windows_are_a_union_in_one_table_and_through_merges)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(1000);
    for (size_t i = 0; i < sizeof window_cases / sizeof window_cases[0]; i++) {
        const struct window_case *c = &window_cases[i];
        struct vfl_flow_table one = {0};
        struct vfl_flow_table merged = {0};
        struct vfl_flow_table copy = {0};
        for (size_t w = 0; w < 5 && c->windows[w][1] != 0; w++) {
            struct vfl_flow_table part = {0};
            add_window(&one, c->windows[w]);
            add_window(&part, c->windows[w]);
            ck_assert_int_eq(vfl_flow_table_merge(&merged, &part, NULL), VFL_OK);
            vfl_flow_table_fini(&part);
        }
        format_windows(&one, &text);
        ck_assert_msg(strcmp(vfl_strbuf_string(&text), c->expected) == 0, "%s: %s", c->name,
                      vfl_strbuf_string(&text));
        format_windows(&merged, &text);
        ck_assert_msg(strcmp(vfl_strbuf_string(&text), c->expected) == 0, "%s, merged: %s", c->name,
                      vfl_strbuf_string(&text));
        ck_assert_int_eq(vfl_flow_table_merge(&copy, &one, NULL), VFL_OK);
        format_windows(&copy, &text);
        ck_assert_msg(strcmp(vfl_strbuf_string(&text), c->expected) == 0, "%s, at once: %s",
                      c->name, vfl_strbuf_string(&text));
        vfl_flow_table_fini(&copy);
        vfl_flow_table_fini(&one);
        vfl_flow_table_fini(&merged);
    }
    vfl_strbuf_fini(&text);
}
END_TEST

START_TEST(separate_windows_of_one_flow_have_a_limit_in_an_object)
{
    struct vfl_flow_table table = {0};
    struct vfl_flow_table from = {0};
    struct vfl_record_format format;
    recorder_start_object(&table, &format, "eu-west-1", "fl-1", COLUMNS);
    recorder_start_object(&from, &format, "eu-west-1", "fl-1", COLUMNS);
    enum vfl_status st = VFL_OK;
    unsigned count = 0;
    for (; st == VFL_OK && count < 10000; count++) {
        char line[200];
        struct vfl_record record;
        (void)snprintf(line, sizeof line, "eni-a 10.0.0.1 10.0.0.2 0 0 1 1 %u %u ACCEPT - OK",
                       1600000000u + count * 10, 1600000000u + count * 10 + 5);
        vfl_record_parse(&format, vfl_span_from_string(line), 1700000000, &record);
        st = vfl_flow_table_add(&table, &record, NULL);
        if (st == VFL_OK)
            st = vfl_flow_table_end_object(&table, NULL);
        if (count == 4096) /* the window before is the last that has a place */
            ck_assert_int_eq(st, VFL_OK);
    }
    ck_assert_int_eq(st, VFL_LIMIT);
    ck_assert_uint_eq(count, 4098);
    /* What objects within the limit add up to in a run has none. */
    recorder_add_line(&from, &format,
                      "eni-a 10.0.0.1 10.0.0.2 0 0 1 1 1650000000 1650000001 ACCEPT - OK");
    ck_assert_int_eq(vfl_flow_table_merge(&table, &from, NULL), VFL_OK);
    vfl_flow_table_fini(&table);
    vfl_flow_table_fini(&from);
}
END_TEST

START_TEST(merged_windows_are_used_again)
{
    struct vfl_flow_table table = {0};
    for (unsigned i = 0; i < 1000; i++) {
        const unsigned windows[3][2] = {
            {i * 100 + 10, i * 100 + 20}, {i * 100 + 30, i * 100 + 40}, {i * 100, i * 100 + 100}};
        for (unsigned w = 0; w < 3; w++)
            add_window(&table, windows[w]);
    }
    ck_assert_uint_le(table.window_count, 4);
    vfl_flow_table_fini(&table);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        windows_are_a_union_in_one_table_and_through_merges,
        separate_windows_of_one_flow_have_a_limit_in_an_object,
        merged_windows_are_used_again,
    };
    return RUN_SUITE("flow_windows", cases);
}
