/* A workbench for the AWS clients: a session against a scripted server, with a clock that does not
 * sleep, and the replies that every session begins with. */
#ifndef VFL_TEST_AWS_BENCH_H
#define VFL_TEST_AWS_BENCH_H

#include <stdatomic.h>

#include "core/aws/session_call.h"
#include "tests/fake/scripted_server.h"

#define BENCH_ROLE_ARN "arn:aws:iam::123456789012:role/FlowLogReader"
#define BENCH_MAX_EXCHANGES 64

/* Zero-initialise; set options that differ; add exchanges; start; ...; finish. */
struct aws_bench {
    struct vfl_aws_session_options options; /* unset texts get defaults */
    struct scripted_exchange script[BENCH_MAX_EXCHANGES];
    size_t script_size;
    const struct tls_identity *identity; /* set: AWS's own host names, by way of https_proxy */
    struct scripted_server *server;
    struct vfl_aws_session *session;
    atomic_bool cancelled;
    int64_t clock_offset_ms; /* of the wall clock */
    int64_t waited_ms;       /* what a real run would have slept */
    unsigned wait_count;
    char *fixtures[BENCH_MAX_EXCHANGES];
    size_t fixture_count;
};

/* Adds an exchange and gives it back for more settings. body_file is below tests/fixtures/aws;
 * NULL is an empty body. */
struct scripted_exchange *aws_bench_expect(struct aws_bench *bench, const char *target, int status,
                                           const char *body_file);
/* The probe that must be denied, then the session of the role. */
void aws_bench_expect_connect(struct aws_bench *bench);
/* The text of a fixture, freed by finish. */
const char *aws_bench_fixture(struct aws_bench *bench, const char *body_file);

void aws_bench_start(struct aws_bench *bench);
void aws_bench_finish(struct aws_bench *bench);

#endif
