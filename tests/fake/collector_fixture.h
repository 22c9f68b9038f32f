/* A collector between a bucket in a folder and a recording other side, with a clock of its own. */
#ifndef VFL_FAKE_COLLECTOR_FIXTURE_H
#define VFL_FAKE_COLLECTOR_FIXTURE_H

#include "core/collector.h"
#include "tests/fake/bucket.h"
#include "tests/fake/recording_ops.h"

struct collector_fixture {
    struct fake_bucket bucket;
    struct recording_ops ops;
    struct vfl_config config;
    struct vfl_collector *collector;
    struct vfl_run_time now;
    struct vfl_error err; /* of the last run */
};

/* instance_extra: further lines of the instance's YAML, "" for none. */
void collector_fixture_open(struct collector_fixture *fixture, enum vfl_state_support support,
                            const char *instance_extra);
void collector_fixture_close(struct collector_fixture *fixture);
/* A new process: a new collector, with the state that the other side holds. */
void collector_fixture_restart(struct collector_fixture *fixture);
/* One run that many seconds after the last one; what was told before is forgotten. */
enum vfl_status collector_fixture_run(struct collector_fixture *fixture, int64_t after_s);

#endif
