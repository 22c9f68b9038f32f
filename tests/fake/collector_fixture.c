#include "tests/fake/collector_fixture.h"

#include <check.h>
#include <stdio.h>

void collector_fixture_open(struct collector_fixture *fixture, enum vfl_state_support support,
                            const char *instance_extra)
{
    char instance[2048];
    *fixture = (struct collector_fixture){
        /* The monotonic clock is a test's own: it has nothing to do with the machine's. */
        .now = {.epoch_s = FAKE_START_EPOCH_S + 600, .monotonic_ms = 1000},
    };
    fake_bucket_open(&fixture->bucket);
    recording_ops_init(&fixture->ops, support);
    (void)snprintf(instance, sizeof instance,
                   "role_arn: arn:aws:iam::" FAKE_ACCOUNT ":role/Reader\n"
                   "regions: [" FAKE_REGION "]\n"
                   "process_flow_logs: true\n"
                   "flowlog_bucket_name: " FAKE_BUCKET_NAME "\n"
                   "s3_endpoint_url: file://%s\n"
                   "interfaces_file: %s\n%s",
                   fixture->bucket.root, fixture->bucket.interfaces_path, instance_extra);
    enum vfl_status st =
        vfl_config_parse(vfl_span_from_string("external_id: some-id\n"),
                         vfl_span_from_string(instance), &fixture->config, &fixture->err);
    ck_assert_msg(st == VFL_OK, "%s", fixture->err.text);
    collector_fixture_restart(fixture);
}

void collector_fixture_close(struct collector_fixture *fixture)
{
    vfl_collector_free(fixture->collector);
    vfl_config_fini(&fixture->config);
    recording_ops_fini(&fixture->ops);
    fake_bucket_close(&fixture->bucket);
}

void collector_fixture_restart(struct collector_fixture *fixture)
{
    struct vfl_collector_ops table = recording_ops_table(&fixture->ops);
    vfl_collector_free(fixture->collector);
    fixture->collector = NULL;
    enum vfl_status st =
        vfl_collector_new(&fixture->config, &table, &fixture->collector, &fixture->err);
    ck_assert_msg(st == VFL_OK, "%s", fixture->err.text);
}

enum vfl_status collector_fixture_run(struct collector_fixture *fixture, int64_t after_s)
{
    recording_ops_forget(&fixture->ops);
    fixture->err = (struct vfl_error){0};
    fixture->now.epoch_s += after_s;
    fixture->now.monotonic_ms += after_s * 1000;
    return vfl_collector_run(fixture->collector, fixture->now, &fixture->err);
}
