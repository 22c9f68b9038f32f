/* What it takes, what it submits, and its state. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/contract/loaded_plugin.h"

/* ---- configure ---- */

START_TEST(exports_its_abi_version)
{
    ck_assert_uint_eq(*library.abi_version, 1);
}
END_TEST

START_TEST(table_layout_is_pinned)
{
    static const size_t pointers[] = {
        offsetof(struct stackstate_check_callbacks, submit_component),
        offsetof(struct stackstate_check_callbacks, submit_relation),
        offsetof(struct stackstate_check_callbacks, submit_start_snapshot),
        offsetof(struct stackstate_check_callbacks, submit_stop_snapshot),
        offsetof(struct stackstate_check_callbacks, submit_delete),
        offsetof(struct stackstate_check_callbacks, submit_metric),
        offsetof(struct stackstate_check_callbacks, submit_raw_metrics_data),
        offsetof(struct stackstate_check_callbacks, submit_service_check),
        offsetof(struct stackstate_check_callbacks, submit_event),
        offsetof(struct stackstate_check_callbacks, start_transaction),
        offsetof(struct stackstate_check_callbacks, stop_transaction),
        offsetof(struct stackstate_check_callbacks, discard_transaction),
        offsetof(struct stackstate_check_callbacks, set_transaction_state),
        offsetof(struct stackstate_check_callbacks, set_state),
        offsetof(struct stackstate_check_callbacks, get_state),
        offsetof(struct stackstate_check_callbacks, get_config),
        offsetof(struct stackstate_check_callbacks, log),
        offsetof(struct stackstate_check_callbacks, get_hostname),
        offsetof(struct stackstate_check_callbacks, cgo_free),
    };
    ck_assert_uint_eq(offsetof(struct stackstate_check_callbacks, struct_size), 0);
    ck_assert_uint_eq(offsetof(struct stackstate_check_callbacks, abi_version), sizeof(size_t));
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++)
        ck_assert_uint_eq(pointers[i], (i + 2) * sizeof(void *));
    ck_assert_uint_eq(sizeof(struct stackstate_check_callbacks), 21 * sizeof(void *));
    ck_assert_uint_eq(sizeof(struct stackstate_check_instance_key), 2 * sizeof(char *));
    ck_assert_uint_eq(sizeof(struct stackstate_check_event), 10 * sizeof(char *));
}
END_TEST

static void expect_refused(const struct stackstate_check_callbacks *callbacks, const char *part)
{
    struct stackstate_check *check = (struct stackstate_check *)&agent;
    ck_assert_int_ne(
        library.configure(callbacks, CHECK_ID, INIT_CONFIG, instance, &check, error, sizeof error),
        0);
    ck_assert_msg(strstr(error, part) != NULL, "%s", error);
    ck_assert_ptr_eq(check, (struct stackstate_check *)&agent);
    char cut[8];
    ck_assert_int_ne(
        library.configure(callbacks, CHECK_ID, INIT_CONFIG, instance, &check, cut, sizeof cut), 0);
    ck_assert_int_eq(strncmp(cut, error, sizeof cut - 1), 0);
    ck_assert_uint_eq(strlen(cut), sizeof cut - 1);
    ck_assert_int_ne(library.configure(callbacks, CHECK_ID, INIT_CONFIG, instance, &check, NULL, 0),
                     0);
}

START_TEST(refuses_a_table_that_it_cannot_use)
{
    open_fixture("process_flow_logs: true\n");
    expect_refused(NULL, "no callbacks");
    struct stackstate_check_callbacks table = agent.callbacks;
    table.abi_version = 2;
    expect_refused(&table, "the agent speaks version 2");
    table = agent.callbacks;
    table.struct_size = sizeof(size_t);
    expect_refused(&table, "version");
    table.struct_size = offsetof(struct stackstate_check_callbacks, submit_relation);
    expect_refused(&table, "at least 32");
    table = agent.callbacks;
    table.submit_component = NULL;
    expect_refused(&table, "submit_component");
    table = agent.callbacks;
    table.submit_relation = NULL;
    expect_refused(&table, "submit_relation");
    close_fixture();
}
END_TEST

START_TEST(refuses_a_wrong_configuration_by_the_keys_path)
{
    open_fixture("process_flow_logs: true\ncollection_interval: soon\n");
    expect_refused(&agent.callbacks, "instance.collection_interval: found 'soon'");
    ck_assert_uint_eq(recording_agent_call_count(&agent), 0);
    close_fixture();
}
END_TEST

START_TEST(configuring_calls_nothing)
{
    open_fixture("process_flow_logs: true\n");
    struct stackstate_check *check = configure();
    ck_assert_uint_eq(recording_agent_call_count(&agent), 0);
    library.teardown(check);
    library.teardown(NULL);
    ck_assert_uint_eq(recording_agent_call_count(&agent), 0);
    close_fixture();
}
END_TEST

START_TEST(switched_off_check_says_so_once)
{
    open_fixture("process_flow_logs: false\n");
    fake_bucket_put_flow(&bucket, key, 100);
    struct stackstate_check *check = configure();
    run(check);
    run(check);
    ck_assert_uint_eq(recording_agent_call_count(&agent), 2);
    const struct recorded_call *said = recording_agent_call(&agent, "log", 0);
    ck_assert_ptr_nonnull(strstr(said->first, " of the library"));
    said = recording_agent_call(&agent, "log", 1);
    ck_assert_ptr_nonnull(said);
    ck_assert_str_eq(said->first, "aws_flowlogs " FAKE_ACCOUNT
                                  ": process_flow_logs is not true: flow logs are not processed");
    ck_assert_double_eq(said->value, STACKSTATE_CHECK_LOG_INFO);
    ck_assert(fake_bucket_has(&bucket, key));
    library.teardown(check);
    close_fixture();
}
END_TEST

/* ---- what it submits ---- */

static void expect_members(const json_t *object, const char *const *names, size_t count)
{
    ck_assert(json_is_object(object));
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(json_object_get(object, names[i]) != NULL, "%s is missing", names[i]);
    ck_assert_uint_eq(json_object_size(object), count);
}

#define EXPECT_MEMBERS(object, ...)                                                                \
    expect_members(object, (const char *const[]){__VA_ARGS__},                                     \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    ck_assert_msg(text != NULL, "%s is no text", name);
    return text;
}

static json_t *parse(const struct recorded_call *call)
{
    ck_assert_ptr_nonnull(call);
    json_t *json = json_loads(call->second, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(json != NULL, "%s", call->second);
    ck_assert_str_eq(call->instance, "aws-v2 " FAKE_ACCOUNT);
    return json;
}

static void expect_list(const json_t *list, const char *const *texts, size_t count)
{
    ck_assert_uint_eq(json_array_size(list), count);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(json_string_value(json_array_get(list, i)), texts[i]);
}

START_TEST(component_has_the_documented_members)
{
    static const char *const urns[] = {"urn:vpcip:vpc-1/10.0.0.1"};
    static const char *const tags[] = {"integration-type:aws-v2", "integration-url:123456789012",
                                       "env:test", "team:a.b"};
    open_fixture("process_flow_logs: true\n");
    fake_bucket_put_flow(&bucket, key, 100);
    struct stackstate_check *check = configure();
    run(check);
    ck_assert_uint_eq(recording_agent_count(&agent, "submit_component"), 2);
    json_t *json = parse(recording_agent_find(&agent, "submit_component", urns[0]));
    EXPECT_MEMBERS(json, "externalId", "type", "data");
    ck_assert_str_eq(text_at(json, "externalId"), urns[0]);
    EXPECT_MEMBERS(json_object_get(json, "type"), "name");
    ck_assert_str_eq(text_at(json_object_get(json, "type"), "name"), "vpc.request");
    const json_t *data = json_object_get(json, "data");
    EXPECT_MEMBERS(data, "URN", "Location", "tags");
    expect_list(json_object_get(data, "URN"), urns, 1);
    EXPECT_MEMBERS(json_object_get(data, "Location"), "AwsAccount", "AwsRegion");
    ck_assert_str_eq(text_at(json_object_get(data, "Location"), "AwsAccount"), FAKE_ACCOUNT);
    ck_assert_str_eq(text_at(json_object_get(data, "Location"), "AwsRegion"), FAKE_REGION);
    expect_list(json_object_get(data, "tags"), tags, 4);
    json_decref(json);
    library.teardown(check);
    close_fixture();
}
END_TEST

START_TEST(relation_and_its_metrics_go_together)
{
    static const char id[] = "urn:vpcip:vpc-1/10.0.0.1-flowlog-urn:vpcip:vpc-1/10.0.0.2";
    static const char *const names[] = {"aws.flowlog.bytes_sent", "aws.flowlog.bytes_received",
                                        "aws.flowlog.bytes_sent_per_second",
                                        "aws.flowlog.bytes_received_per_second"};
    static const double values[] = {120, 0, 2, 0}; /* 120 bytes in a minute, one way */
    open_fixture("process_flow_logs: true\n");
    fake_bucket_put_flow(&bucket, key, 120);
    struct stackstate_check *check = configure();
    run(check);
    ck_assert_uint_eq(recording_agent_count(&agent, "submit_relation"), 1);
    json_t *json = parse(recording_agent_find(&agent, "submit_relation", id));
    EXPECT_MEMBERS(json, "sourceId", "targetId", "type", "data");
    ck_assert_str_eq(text_at(json, "sourceId"), "urn:vpcip:vpc-1/10.0.0.1");
    ck_assert_str_eq(text_at(json, "targetId"), "urn:vpcip:vpc-1/10.0.0.2");
    EXPECT_MEMBERS(json_object_get(json, "type"), "name");
    ck_assert_str_eq(text_at(json_object_get(json, "type"), "name"), "flowlog");
    const json_t *data = json_object_get(json, "data");
    EXPECT_MEMBERS(data, "source", "target", "local_address", "remote_address", "family",
                   "traffic_type", "direction", "verdict", "observed_by", "protocols", "ports");
    ck_assert_str_eq(text_at(data, "source"), "urn:vpcip:vpc-1/10_0_0_1");
    ck_assert_str_eq(text_at(data, "target"), "urn:vpcip:vpc-1/10_0_0_2");
    ck_assert_str_eq(text_at(data, "local_address"), "10.0.0.1");
    ck_assert_str_eq(text_at(data, "remote_address"), "10.0.0.2");
    ck_assert_str_eq(text_at(data, "family"), "v4");
    ck_assert_str_eq(text_at(data, "traffic_type"), "6");
    ck_assert_str_eq(text_at(data, "direction"), "port");
    ck_assert_str_eq(text_at(data, "verdict"), "accepted");
    ck_assert_str_eq(text_at(data, "observed_by"), "source");
    expect_list(json_object_get(data, "protocols"), (const char *const[]){"tcp"}, 1);
    ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(data, "ports"), 0)), 443);
    char tags[300];
    (void)snprintf(tags, sizeof tags, "source:%s target:%s ", text_at(data, "source"),
                   text_at(data, "target"));
    for (size_t i = 0; i < 4; i++) {
        const struct recorded_call *metric =
            recording_agent_find(&agent, "submit_metric", names[i]);
        ck_assert_msg(metric != NULL, "%s", names[i]);
        ck_assert_str_eq(metric->tags, tags);
        ck_assert_int_eq(metric->metric_type, STACKSTATE_CHECK_METRIC_GAUGE);
        ck_assert_double_eq(metric->value, values[i]);
    }
    json_decref(json);
    library.teardown(check);
    close_fixture();
}
END_TEST

START_TEST(service_checks_and_health_carry_the_instances_tags)
{
    open_fixture("process_flow_logs: true\n");
    struct stackstate_check *check = configure();
    run(check);
    static const char *const checks[] = {"aws_flowlogs.can_connect", "aws_flowlogs.can_update"};
    for (size_t i = 0; i < 2; i++) {
        const struct recorded_call *call =
            recording_agent_find(&agent, "submit_service_check", checks[i]);
        ck_assert_msg(call != NULL, "%s", checks[i]);
        ck_assert_double_eq(call->value, STACKSTATE_CHECK_SERVICE_OK);
        ck_assert_str_eq(call->second, "");
        ck_assert_str_eq(call->tags, "env:test team:a.b ");
    }
    ck_assert_str_eq(
        recording_agent_find(&agent, "submit_metric", "aws_flowlogs.objects.listed")->tags,
        "account:" FAKE_ACCOUNT " env:test team:a.b ");
    ck_assert_str_eq(recording_agent_find(&agent, "submit_metric", "aws_flowlogs.records")->tags,
                     "account:" FAKE_ACCOUNT " outcome:kept env:test team:a.b ");
    library.teardown(check);
    close_fixture();
}
END_TEST

START_TEST(failed_run_tells_why)
{
    open_fixture("process_flow_logs: true\n");
    ck_assert_int_eq(unlink(bucket.interfaces_path), 0);
    struct stackstate_check *check = configure();
    ck_assert_int_ne(library.run(check, error, sizeof error), 0);
    ck_assert_msg(strstr(error, bucket.interfaces_path) != NULL, "%s", error);
    const struct recorded_call *call =
        recording_agent_find(&agent, "submit_service_check", "aws_flowlogs.can_update");
    ck_assert_ptr_nonnull(call);
    ck_assert_double_eq(call->value, STACKSTATE_CHECK_SERVICE_CRITICAL);
    ck_assert_str_eq(call->second, error);
    ck_assert_int_ne(library.run(check, NULL, 0), 0);
    for (size_t i = 0; i < agent.call_count; i++) {
        ck_assert(agent.calls[i].first == NULL || strstr(agent.calls[i].first, SECRET) == NULL);
        ck_assert(agent.calls[i].second == NULL || strstr(agent.calls[i].second, SECRET) == NULL);
    }
    library.teardown(check);
    close_fixture();
}
END_TEST

/* A record's text may hold any byte; one that no JSON can carry must not stop the run for good. */
START_TEST(identifier_that_is_no_text_does_not_stop_the_run)
{
    char other[FAKE_KEY_SIZE];
    open_fixture("process_flow_logs: true\n");
    fake_key(1, 2, other);
    fake_bucket_put_gzip(&bucket, key,
                         "version account-id interface-id vpc-id srcaddr dstaddr srcport dstport "
                         "protocol bytes start end action log-status\n"
                         "5 123456789012 eni-0f vpc-\xff\xfe 10.9.0.1 10.9.0.2 40000 443 6 100 "
                         "1795168800 1795168860 ACCEPT OK\n");
    fake_bucket_put_flow(&bucket, other, 120);
    struct stackstate_check *check = configure();
    run(check);
    ck_assert_ptr_nonnull(
        recording_agent_find(&agent, "submit_component", "urn:vpcip:vpc-1/10.0.0.1"));
    run(check);
    ck_assert(!fake_bucket_has(&bucket, other));
    library.teardown(check);
    close_fixture();
}
END_TEST

/* ---- state ---- */

START_TEST(topology_and_state_are_one_transaction)
{
    open_fixture("process_flow_logs: true\n");
    agent.is_auto_commit = false;
    fake_bucket_put_flow(&bucket, key, 100);
    struct stackstate_check *check = configure();
    run(check);
    ck_assert_uint_eq(recording_agent_count(&agent, "start_transaction"), 1);
    ck_assert_uint_eq(recording_agent_count(&agent, "set_transaction_state"), 1);
    ck_assert_uint_eq(recording_agent_count(&agent, "stop_transaction"), 1);
    ck_assert_uint_eq(recording_agent_count(&agent, "set_state"), 0);
    ck_assert(recording_agent_call(&agent, "submit_component", 0)->is_in_transaction);
    ck_assert(recording_agent_call(&agent, "submit_relation", 0)->is_in_transaction);
    ck_assert(recording_agent_call(&agent, "set_transaction_state", 0)->is_in_transaction);
    ck_assert_str_eq(recording_agent_call(&agent, "set_transaction_state", 0)->first,
                     recording_agent_call(&agent, "get_state", 0)->first);
    recording_agent_discard(&agent); /* which the check cannot see */
    recording_agent_forget(&agent);
    run(check);
    ck_assert_uint_eq(recording_agent_count(&agent, "start_transaction"), 0);
    ck_assert_uint_eq(recording_agent_count(&agent, "submit_component"), 0);
    ck_assert(fake_bucket_has(&bucket, key));
    ck_assert_uint_eq(agent.lent_count, 0);
    library.teardown(check);
    close_fixture();
}
END_TEST

START_TEST(committed_transaction_deletes_its_objects)
{
    open_fixture("process_flow_logs: true\n");
    agent.is_auto_commit = false;
    fake_bucket_put_flow(&bucket, key, 100);
    struct stackstate_check *check = configure();
    run(check);
    run(check);
    ck_assert(fake_bucket_has(&bucket, key));
    recording_agent_commit(&agent);
    run(check);
    ck_assert(!fake_bucket_has(&bucket, key));
    ck_assert(fake_bucket_trash_has(&bucket, key));
    library.teardown(check);
    close_fixture();
}
END_TEST

START_TEST(transactions_without_effect_are_not_used)
{
    static const struct {
        const char *yaml; /* as the agent's configuration gives it */
        bool has_transactions;
    } settings[] = {
        {NULL, true},         {"true\n", true},      {"\"true\"\n", true}, {"{}\n", true},
        {"false\n", false},   {"False\n", false},    {"FALSE\n", false},   {"\"false\"\n", false},
        {"'false'\n", false}, {"falsehood\n", true},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        open_fixture("process_flow_logs: true\n");
        agent.config_yaml = settings[i].yaml;
        fake_bucket_put_flow(&bucket, key, 100);
        struct stackstate_check *check = configure();
        run(check);
        ck_assert_msg((recording_agent_count(&agent, "start_transaction") == 1) ==
                          settings[i].has_transactions,
                      "%s", settings[i].yaml);
        ck_assert_msg((recording_agent_count(&agent, "set_state") == 0) ==
                          settings[i].has_transactions,
                      "%s", settings[i].yaml);
        const struct recorded_call *asked = recording_agent_call(&agent, "get_config", 0);
        ck_assert_str_eq(asked->first, "check_transactionality_enabled");
        ck_assert_uint_eq(agent.lent_count, 0);
        library.teardown(check);
        close_fixture();
    }
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const cases[] = {
        exports_its_abi_version,
        table_layout_is_pinned,
        refuses_a_table_that_it_cannot_use,
        refuses_a_wrong_configuration_by_the_keys_path,
        configuring_calls_nothing,
        switched_off_check_says_so_once,
        component_has_the_documented_members,
        relation_and_its_metrics_go_together,
        service_checks_and_health_carry_the_instances_tags,
        failed_run_tells_why,
        identifier_that_is_no_text_does_not_stop_the_run,
        topology_and_state_are_one_transaction,
        committed_transaction_deletes_its_objects,
        transactions_without_effect_are_not_used,
    };
    return RUN_PLUGIN_SUITE("plugin", cases, argc, argv);
}
