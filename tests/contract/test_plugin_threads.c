/* Runs and teardown in several threads. */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "tests/contract/loaded_plugin.h"

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

int main(int argc, char **argv)
{
    const TTest *const cases[] = {
        instances_run_at_once,
        second_run_at_once_is_refused,
        teardown_leaves_a_blocked_run_behind,
        teardown_during_a_run_ends_it,
    };
    return RUN_PLUGIN_SUITE("plugin_threads", cases, argc, argv);
}
