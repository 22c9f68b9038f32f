/* Flow tables that are used again, large ones, and their limits. */
#include "core/topology/flow_table.h"

#include "tests/recorder/recorder.h"
#include "tests/unit/flow_lines.h"
#include "tests/unit/run_suite.h"

START_TEST(a_reset_table_holds_nothing_of_before)
{
    const char *const lines[] = {
        RECORD("40000 443 6", TIMES, "ACCEPT 2"),
        "eni-a 2600::1 2600::2 0 0 58 1 1700000000 1700000060 ACCEPT - OK"};
    struct vfl_flow_table table = {0};
    fill(&table, "fl-1", lines, 2);
    vfl_flow_table_reset(&table);
    ck_assert_uint_eq(table.flow_count + table.context_count + table.ipv6_count +
                          table.window_count + table.reporter_count + table.tokens.count,
                      0);
    fill(&table, "fl-2", lines, 1);
    ck_assert_uint_eq(table.flow_count, 1);
    ck_assert_uint_eq(vfl_flow_at(&table, 0)->bytes, 100);
    ck_assert_str_eq(vfl_tokens_text(&table.tokens, table.contexts[0].flow_log_id), "fl-2");
    vfl_flow_table_fini(&table);
}
END_TEST

/* Contexts are known by interfaces with names of AWS's length. */
START_TEST(a_reset_table_does_not_know_an_interface_of_before)
{
    static const char *const line =
        "eni-1235b8ca123456789 10.0.0.1 10.0.0.2 40000 443 6 " TIMES " ACCEPT 0 OK";
    struct vfl_flow_table table = {0};
    fill(&table, "fl-1", &line, 1);
    vfl_flow_table_reset(&table);
    fill(&table, "fl-2", &line, 1);
    ck_assert_uint_eq(table.context_count, 1);
    ck_assert_uint_eq(table.reporter_count, 1);
    ck_assert_str_eq(vfl_tokens_text(&table.tokens, table.contexts[0].flow_log_id), "fl-2");
    vfl_flow_table_fini(&table);
}
END_TEST

/* So many flows of one interface. */
static void add_flows(struct vfl_flow_table *table, uint32_t count)
{
    struct vfl_record_format format;
    recorder_start_object(table, &format, "eu-west-1", "fl-1", COLUMNS);
    struct vfl_record record = {.kind = VFL_RECORD_FLOW,
                                .interface_id = VFL_SPAN_LITERAL("eni-a"),
                                .dst = vfl_ip_from_v4(1)};
    for (uint32_t i = 0; i < count; i++) {
        record.src = vfl_ip_from_v4(0x0a000000u + i);
        ck_assert_int_eq(vfl_flow_table_add(table, &record, NULL), VFL_OK);
    }
    ck_assert_int_eq(vfl_flow_table_end_object(table, NULL), VFL_OK);
    ck_assert_uint_eq(table->flow_count, count);
}

/* Over three blocks of flows and four sizes of the index. */
START_TEST(every_flow_is_found_again_however_many_there_are)
{
    enum { COUNT = 80000 };
    struct vfl_flow_table table = {0};
    struct vfl_flow_table merged = {0};
    struct vfl_record_format format;
    recorder_start_object(&table, &format, "eu-west-1", "fl-1", COLUMNS);
    struct vfl_record record = {.kind = VFL_RECORD_FLOW,
                                .interface_id = VFL_SPAN_LITERAL("eni-a"),
                                .dst = vfl_ip_from_v4(1),
                                .has_bytes = true};
    for (unsigned round = 0; round < 2; round++)
        for (uint32_t i = 0; i < COUNT; i++) {
            record.src = vfl_ip_from_v4(0x0a000000u + i);
            record.bytes = i + round;
            if (vfl_flow_table_add(&table, &record, NULL) != VFL_OK)
                ck_abort_msg("flow %u is refused", i);
        }
    ck_assert_int_eq(vfl_flow_table_end_object(&table, NULL), VFL_OK);
    for (unsigned round = 0; round < 2; round++)
        ck_assert_int_eq(vfl_flow_table_merge(&merged, &table, NULL), VFL_OK);
    ck_assert_uint_eq(table.flow_count, COUNT);
    ck_assert_uint_eq(merged.flow_count, COUNT);
    uint32_t wrong = 0; /* an assertion for each would take most of the time */
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct vfl_flow *flow = vfl_flow_at(&table, i);
        const struct vfl_flow *twice = vfl_flow_at(&merged, i);
        wrong += flow->key.addresses[0] != 0x0a000000u + i || flow->record_count != 2 ||
                 flow->bytes != 2 * i + 1 || twice->key.addresses[0] != 0x0a000000u + i ||
                 twice->bytes != 2 * (2 * i + 1);
    }
    ck_assert_uint_eq(wrong, 0);
    vfl_flow_table_fini(&table);
    vfl_flow_table_fini(&merged);
}
END_TEST

START_TEST(a_table_keeps_memory_for_the_next_object_but_not_that_of_a_large_one_for_ever)
{
    enum { LARGE = 150000, SMALL = 100 };
    struct vfl_flow_table table = {.eras = {.starts_epoch_s = {1700000000}, .count = 1}};
    add_flows(&table, LARGE);
    const uint32_t room = table.flow_room;
    vfl_flow_table_reset(&table);
    ck_assert_uint_eq(table.flow_room, room);
    add_flows(&table, LARGE);
    ck_assert_uint_eq(table.flow_room, room);
    vfl_flow_table_reset(&table);
    add_flows(&table, SMALL);
    vfl_flow_table_reset(&table);
    ck_assert_uint_eq(table.flow_room, 0);
    ck_assert_ptr_null(table.slots);
    ck_assert_uint_eq(table.eras.count, 1);
    add_flows(&table, SMALL);
    vfl_flow_table_reset(&table);
    ck_assert_uint_ge(table.flow_room, SMALL);
    vfl_flow_table_fini(&table);
}
END_TEST

START_TEST(merge_leaves_its_source_as_it_was_and_keeps_addresses)
{
    struct vfl_flow_table table = {0};
    struct vfl_flow_table from = {0};
    const char *const first[] = {"eni-z 2600::9 2600::8 0 0 58 1 - - ACCEPT - OK"};
    const char *const second[] = {"eni-a 2600::1 2600::2 0 0 58 7 - - ACCEPT - OK"};
    fill(&table, "fl-9", first, 1);
    fill(&from, "fl-1", second, 1);
    ck_assert_int_eq(vfl_flow_table_merge(&table, &from, NULL), VFL_OK);
    ck_assert_uint_eq(from.flow_count, 1);
    ck_assert_uint_eq(vfl_flow_at(&from, 0)->bytes, 7);
    ck_assert_uint_eq(table.flow_count, 2);
    for (unsigned which = 0; which < 2; which++)
        ck_assert(vfl_ip_equal(vfl_flow_address(&table, vfl_flow_at(&table, 1), which),
                               vfl_flow_address(&from, vfl_flow_at(&from, 0), which)));
    const struct vfl_flow_context *context = &table.contexts[vfl_flow_at(&table, 1)->key.context];
    ck_assert_str_eq(vfl_tokens_text(&table.tokens, context->interface_id), "eni-a");
    ck_assert_str_eq(vfl_tokens_text(&table.tokens, context->flow_log_id), "fl-1");
    vfl_flow_table_fini(&table);
    vfl_flow_table_fini(&from);
}
END_TEST

/* Only the counts are looked at, so that no test has to make millions. */
/* The table is told that it is full, which saves the 250 MB. */
START_TEST(a_full_table_takes_known_flows_and_no_new_one)
{
    struct vfl_error err = {0};
    struct vfl_flow_table table = {0};
    add_flows(&table, 1);
    table.flow_count = VFL_FLOW_TABLE_MAX_FLOWS;
    struct vfl_record record = {.kind = VFL_RECORD_FLOW,
                                .interface_id = VFL_SPAN_LITERAL("eni-a"),
                                .src = vfl_ip_from_v4(0x0a000000u),
                                .dst = vfl_ip_from_v4(1)};
    ck_assert_int_eq(vfl_flow_table_add(&table, &record, NULL), VFL_OK);
    ck_assert_int_eq(vfl_flow_table_end_object(&table, NULL), VFL_OK);
    ck_assert_uint_eq(vfl_flow_at(&table, 0)->record_count, 2);
    record.src = vfl_ip_from_v4(0x0a000001u);
    ck_assert_int_eq(vfl_flow_table_add(&table, &record, NULL), VFL_OK);
    ck_assert_int_eq(vfl_flow_table_end_object(&table, &err), VFL_LIMIT);
    ck_assert_str_eq(err.text, "more than 4194304 distinct flows");
    table.flow_count = 1;
    vfl_flow_table_fini(&table);
}
END_TEST

START_TEST(has_room_for_what_stays_within_every_limit)
{
    static const struct {
        const char *name;
        uint32_t flows, windows, tokens; /* of the table; the other has one of each */
        bool expected;
    } room_cases[] = {
        {"empty", 0, 0, 0, true},
        {"just enough of each", 4194303, 8388606, 4194303, true},
        {"no window for the first of a flow that both have", 1, 8388607, 0, false},
        {"no flow that both can have", 0, 8388607, 0, true},
        {"no flow left", 4194304, 0, 0, false},
        {"no window left", 0, 8388608, 0, false},
        {"no identifier left", 0, 0, 4194304, false},
    };
    const struct vfl_flow_table from = {.flow_count = 1, .window_count = 1, .tokens = {.count = 1}};
    for (size_t i = 0; i < sizeof room_cases / sizeof room_cases[0]; i++) {
        const struct vfl_flow_table table = {.flow_count = room_cases[i].flows,
                                             .window_count = room_cases[i].windows,
                                             .tokens = {.count = room_cases[i].tokens}};
        ck_assert_msg(vfl_flow_table_has_room(&table, &from) == room_cases[i].expected, "%s",
                      room_cases[i].name);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        a_reset_table_holds_nothing_of_before,
        a_reset_table_does_not_know_an_interface_of_before,
        every_flow_is_found_again_however_many_there_are,
        a_table_keeps_memory_for_the_next_object_but_not_that_of_a_large_one_for_ever,
        merge_leaves_its_source_as_it_was_and_keeps_addresses,
        a_full_table_takes_known_flows_and_no_new_one,
        has_room_for_what_stays_within_every_limit,
    };
    return RUN_SUITE("flow_room", cases);
}
