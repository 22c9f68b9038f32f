/* A workbench for the credential providers: a clean environment, a home folder of its own, a client
 * against a scripted server, and a clock that does not sleep. */
#ifndef VFL_TEST_IDENTITY_BENCH_H
#define VFL_TEST_IDENTITY_BENCH_H

#include "core/aws/credential_source.h"
#include "tests/fake/scripted_server.h"

#define BENCH_EPOCH_S 1369353600 /* 2013-05-24T00:00:00Z */

/* Zero-initialise; start; ...; finish. */
struct identity_bench {
    struct scripted_server *server;
    struct vfl_aws_client client;
    struct vfl_endpoint endpoint; /* of the server, also as STS */
    struct vfl_imds_memory imds;
    struct vfl_error note;
    struct vfl_credential_surroundings surroundings;
    char home[64];

    int64_t offset_ms; /* added to both clocks */
    unsigned wait_count;

    /* What the last fetch gave. */
    struct vfl_credentials credentials;
    bool is_found;
    struct vfl_error err;
};

/* Unsets every variable that the providers read, and points the proxies at a closed port, which
 * nothing here may notice. */
void identity_bench_start(struct identity_bench *bench, const struct scripted_exchange *script,
                          size_t count);
void identity_bench_finish(struct identity_bench *bench);

enum vfl_status identity_bench_fetch(struct identity_bench *bench,
                                     struct vfl_credential_provider provider);

/* Writes a file below the home folder and gives its path, valid until the next call. */
const char *identity_bench_write(const struct identity_bench *bench, const char *name,
                                 const char *text, unsigned mode);
/* setenv that fails the test; NULL unsets. */
void identity_bench_set(const char *name, const char *value);

#endif
