/* Agents that offer less, or more. */
#include <string.h>

#include "tests/contract/loaded_plugin.h"

/* Two runs, which read an object and delete it. */
static void expect_two_runs(const struct stackstate_check_callbacks *table, size_t case_number)
{
    struct stackstate_check *check = NULL;
    fake_bucket_put_flow(&bucket, key, 100);
    ck_assert_msg(
        library.configure(table, CHECK_ID, INIT_CONFIG, instance, &check, error, sizeof error) == 0,
        "%zu: %s", case_number, error);
    run(check);
    ck_assert_msg(recording_agent_count(&agent, "submit_component") == 2, "%zu", case_number);
    run(check);
    ck_assert_msg(!fake_bucket_has(&bucket, key), "%zu", case_number);
    library.teardown(check);
}

START_TEST(does_without_any_one_callback)
{
    size_t first = offsetof(struct stackstate_check_callbacks, submit_start_snapshot);
    for (size_t at = first; at < sizeof(struct stackstate_check_callbacks); at += sizeof(void *)) {
        open_fixture("process_flow_logs: true\n");
        struct stackstate_check_callbacks table = agent.callbacks;
        memset((char *)&table + at, 0, sizeof(void *));
        expect_two_runs(&table, at);
        close_fixture();
    }
}
END_TEST

/* What lies past struct_size is no pointer, and neither is one that is cut in two. */
START_TEST(reads_no_further_than_the_tables_size)
{
    size_t least = offsetof(struct stackstate_check_callbacks, submit_start_snapshot);
    for (size_t size = least; size <= sizeof(struct stackstate_check_callbacks); size += 4) {
        open_fixture("process_flow_logs: true\n");
        struct stackstate_check_callbacks table = agent.callbacks;
        table.struct_size = size;
        size_t whole = size / sizeof(void *) * sizeof(void *);
        memset((char *)&table + whole, 0x5a, sizeof table - whole);
        expect_two_runs(&table, size);
        close_fixture();
    }
}
END_TEST

START_TEST(longer_table_of_a_later_agent_is_fine)
{
    struct {
        struct stackstate_check_callbacks table;
        void *later[4];
    } longer;
    open_fixture("process_flow_logs: true\n");
    memset(&longer, 0x5a, sizeof longer);
    longer.table = agent.callbacks;
    longer.table.struct_size = sizeof longer;
    expect_two_runs(&longer.table, sizeof longer);
    close_fixture();
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const cases[] = {
        does_without_any_one_callback,
        reads_no_further_than_the_tables_size,
        longer_table_of_a_later_agent_is_fine,
    };
    return RUN_PLUGIN_SUITE("plugin_tables", cases, argc, argv);
}
