/* What the tests of the built library share: the library as the agent sees it, an agent, and one
 * bucket. */
#ifndef VFL_TEST_LOADED_PLUGIN_H
#define VFL_TEST_LOADED_PLUGIN_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

#include "abi/stackstate_check.h"
#include "tests/fake/bucket.h"
#include "tests/fake/recording_agent.h"
#include "tests/unit/run_suite.h"

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

static inline void open_fixture(const char *instance_extra)
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

static inline void close_fixture(void)
{
    recording_agent_fini(&agent);
    fake_bucket_close(&bucket);
}

static inline struct stackstate_check *configure(void)
{
    struct stackstate_check *check = NULL;
    int result = library.configure(&agent.callbacks, CHECK_ID, INIT_CONFIG, instance, &check, error,
                                   sizeof error);
    ck_assert_msg(result == 0, "%s", error);
    ck_assert_ptr_nonnull(check);
    return check;
}

static inline void run(struct stackstate_check *check)
{
    int result = library.run(check, error, sizeof error);
    ck_assert_msg(result == 0, "%s", error);
}

static inline void load(const char *path)
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

/* The only argument is the library's path. */
static inline int run_plugin_suite(const char *name, const TTest *const *cases, size_t case_count,
                                   int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s PLUGIN\n", argv[0]);
        return EXIT_FAILURE;
    }
    load(argv[1]);
    return run_suite(name, cases, case_count);
}

#define RUN_PLUGIN_SUITE(name, cases, argc, argv)                                                  \
    run_plugin_suite(name, cases, sizeof(cases) / sizeof((cases)[0]), argc, argv)

#endif
