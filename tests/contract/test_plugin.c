#include <dlfcn.h>
#include <jansson.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "abi/stackstate_check.h"
#include "tests/fake/bucket.h"
#include "tests/fake/recording_agent.h"
#include "tests/unit/run_suite.h"

/* The library as the agent sees it. */

static struct {
    void *handle;
    stackstate_check_configure_fn configure;
    stackstate_check_run_fn run;
    stackstate_check_teardown_fn teardown;
    const uint32_t *abi_version;
} library;

#define CHECK_ID "aws_flowlogs:1"
#define SECRET "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
#define INIT_CONFIG                                                                                \
    "aws_access_key_id: AKIAIOSFODNN7EXAMPLE\naws_secret_access_key: " SECRET                      \
    "\nexternal_id: some-external-id\n"

static struct fake_bucket bucket;
static struct recording_agent agent;
static char instance[2048];
static char key[FAKE_KEY_SIZE];
static char error[600];

static void open_fixture(const char *instance_extra)
{
    fake_bucket_open(&bucket);
    fake_key(0, 1, key);
    recording_agent_init(&agent, CHECK_ID);
    agent.is_auto_commit = true;
    (void)snprintf(instance, sizeof instance,
                   "role_arn: arn:aws:iam::" FAKE_ACCOUNT ":role/Reader\n"
                   "regions: [" FAKE_REGION "]\n"
                   "flowlog_bucket_name: " FAKE_BUCKET_NAME "\n"
                   "tags: ['env:test', 'team:a.b']\n"
                   "s3_endpoint_url: file://%s\n"
                   "interfaces_file: %s\n%s",
                   bucket.root, bucket.interfaces_path, instance_extra);
    error[0] = '\0';
}

static void close_fixture(void)
{
    recording_agent_fini(&agent);
    fake_bucket_close(&bucket);
}

static struct stackstate_check *configure(void)
{
    struct stackstate_check *check = NULL;
    int result = library.configure(&agent.callbacks, CHECK_ID, INIT_CONFIG, instance, &check, error,
                                   sizeof error);
    ck_assert_msg(result == 0, "%s", error);
    ck_assert_ptr_nonnull(check);
    return check;
}

static void run(struct stackstate_check *check)
{
    int result = library.run(check, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
}

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

/* ---- agents that offer less ---- */

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

/* ---- threads ---- */

struct runner {
    struct stackstate_check *check;
    struct recording_agent *agent;
    int result;
    char error[600];
};

static void *run_in_thread(void *argument)
{
    struct runner *runner = argument;
    recording_agent_enter(runner->agent);
    runner->result = library.run(runner->check, runner->error, sizeof runner->error);
    return NULL;
}

START_TEST(instances_run_at_once)
{
    enum { COUNT = 4 };
    static struct fake_bucket buckets[COUNT];
    static struct recording_agent agents[COUNT];
    struct runner runners[COUNT];
    pthread_t threads[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        char id[64];
        char texts[2048];
        (void)snprintf(id, sizeof id, "aws_flowlogs:%zu", i + 10);
        fake_bucket_open(&buckets[i]);
        recording_agent_init(&agents[i], id);
        agents[i].is_auto_commit = true;
        (void)snprintf(texts, sizeof texts,
                       "role_arn: arn:aws:iam::" FAKE_ACCOUNT ":role/Reader\n"
                       "regions: [" FAKE_REGION "]\nprocess_flow_logs: true\n"
                       "flowlog_bucket_name: " FAKE_BUCKET_NAME "\n"
                       "s3_endpoint_url: file://%s\ninterfaces_file: %s\n",
                       buckets[i].root, buckets[i].interfaces_path);
        for (unsigned minute = 0; minute < 20; minute++) {
            fake_key(minute, minute, key);
            fake_bucket_put_flow(&buckets[i], key, 100);
        }
        runners[i] = (struct runner){.agent = &agents[i]};
        ck_assert_msg(library.configure(&agents[i].callbacks, id, INIT_CONFIG, texts,
                                        &runners[i].check, error, sizeof error) == 0,
                      "%s", error);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, run_in_thread, &runners[i]), 0);
        for (size_t i = 0; i < COUNT; i++) {
            ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
            ck_assert_msg(runners[i].result == 0, "%s", runners[i].error);
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_uint_eq(recording_agent_count(&agents[i], "submit_component"), 2);
        ck_assert_double_eq(
            recording_agent_find(&agents[i], "submit_metric", "aws.flowlog.bytes_sent")->value,
            2000);
        ck_assert(!fake_bucket_has(&buckets[i], key));
        library.teardown(runners[i].check);
        recording_agent_fini(&agents[i]);
        fake_bucket_close(&buckets[i]);
    }
}
END_TEST

static void start_blocked_run(const char *callback, pthread_t *thread, struct runner *runner)
{
    *runner = (struct runner){.check = configure(), .agent = &agent};
    recording_agent_block_at(&agent, callback);
    ck_assert_int_eq(pthread_create(thread, NULL, run_in_thread, runner), 0);
    recording_agent_wait_until_blocked(&agent);
}

static double seconds_now(void)
{
    struct timespec now;
    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(second_run_at_once_is_refused)
{
    struct runner runner;
    pthread_t thread;
    open_fixture("process_flow_logs: true\n");
    fake_bucket_put_flow(&bucket, key, 100);
    start_blocked_run("submit_component", &thread, &runner);
    ck_assert_int_ne(library.run(runner.check, error, sizeof error), 0);
    ck_assert_str_eq(error, "the check is running already");
    recording_agent_release(&agent);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_msg(runner.result == 0, "%s", runner.error);
    library.teardown(runner.check);
    close_fixture();
}
END_TEST

/* Wherever the agent blocks: teardown comes back, the run frees the instance when it leaves, and
 * calls nothing any more (the sanitizers watch the rest). */
START_TEST(teardown_leaves_a_blocked_run_behind)
{
    static const char *const callbacks[] = {
        "get_config",       "get_state",     "submit_service_check",  "start_transaction",
        "submit_component", "submit_metric", "set_transaction_state", "stop_transaction",
    };
    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++) {
        struct runner runner;
        pthread_t thread;
        open_fixture("process_flow_logs: true\n");
        agent.config_yaml = "true\n";
        fake_bucket_put_flow(&bucket, key, 100);
        start_blocked_run(callbacks[i], &thread, &runner);
        double start_s = seconds_now();
        library.teardown(runner.check);
        double waited_s = seconds_now() - start_s;
        ck_assert_msg(waited_s >= 1.9 && waited_s < 4, "%s: %g s", callbacks[i], waited_s);
        size_t call_count = recording_agent_call_count(&agent);
        recording_agent_release(&agent);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_msg(recording_agent_call_count(&agent) == call_count, "%s: then %s", callbacks[i],
                      agent.calls[call_count].name);
        ck_assert_msg(fake_bucket_has(&bucket, key), "%s", callbacks[i]);
        close_fixture();
    }
}
END_TEST

struct ending {
    struct stackstate_check *check;
    double waited_s;
};

static void *end_in_thread(void *argument)
{
    struct ending *ending = argument;
    double start_s = seconds_now();
    library.teardown(ending->check);
    ending->waited_s = seconds_now() - start_s;
    return NULL;
}

/* Teardown and the rest of a run race: whoever wins, both come back and nothing is freed twice. */
START_TEST(teardown_during_a_run_ends_it)
{
    for (int round = 0; round < 20; round++) {
        struct runner runner;
        pthread_t thread;
        pthread_t ender;
        open_fixture("process_flow_logs: true\n");
        for (unsigned minute = 0; minute < 5; minute++) {
            fake_key(minute, minute, key);
            fake_bucket_put_flow(&bucket, key, 100);
        }
        start_blocked_run(round % 2 == 0 ? "get_state" : "submit_component", &thread, &runner);
        struct ending ending = {.check = runner.check};
        ck_assert_int_eq(pthread_create(&ender, NULL, end_in_thread, &ending), 0);
        recording_agent_release(&agent);
        ck_assert_int_eq(pthread_join(ender, NULL), 0);
        size_t call_count = recording_agent_call_count(&agent);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_uint_eq(recording_agent_call_count(&agent), call_count);
        ck_assert_msg(ending.waited_s < 1.9, "%g s", ending.waited_s);
        ck_assert(fake_bucket_has(&bucket, key));
        close_fixture();
    }
}
END_TEST

static void load(const char *path)
{
    library.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library.handle == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    /* POSIX has a function pointer read through a void * lvalue. */
    *(void **)&library.configure = dlsym(library.handle, "stackstate_check_configure");
    *(void **)&library.run = dlsym(library.handle, "stackstate_check_run");
    *(void **)&library.teardown = dlsym(library.handle, "stackstate_check_teardown");
    library.abi_version = dlsym(library.handle, "stackstate_check_abi_version");
    if (library.configure == NULL || library.run == NULL || library.teardown == NULL ||
        library.abi_version == NULL) {
        (void)fprintf(stderr, "%s lacks an export\n", path);
        exit(EXIT_FAILURE);
    }
}

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
        does_without_any_one_callback,
        reads_no_further_than_the_tables_size,
        longer_table_of_a_later_agent_is_fine,
        instances_run_at_once,
        second_run_at_once_is_refused,
        teardown_leaves_a_blocked_run_behind,
        teardown_during_a_run_ends_it,
    };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s PLUGIN\n", argv[0]);
        return EXIT_FAILURE;
    }
    load(argv[1]);
    return RUN_SUITE("plugin", cases);
}
