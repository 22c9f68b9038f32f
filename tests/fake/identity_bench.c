#include "tests/fake/identity_bench.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void identity_bench_set(const char *name, const char *value)
{
    ck_assert_int_eq(value == NULL ? unsetenv(name) : setenv(name, value, 1), 0);
}

static void clean_environment(void)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
        "AWS_PROFILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
        "no_proxy",
        "NO_PROXY",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        identity_bench_set(names[i], NULL);
    identity_bench_set("http_proxy", "http://127.0.0.1:1");
    identity_bench_set("all_proxy", "http://127.0.0.1:1");
}

static int64_t epoch_ms(void *ctx)
{
    struct identity_bench *bench = ctx;
    return BENCH_EPOCH_S * 1000LL + bench->offset_ms;
}

static int64_t monotonic_ms(void *ctx)
{
    struct identity_bench *bench = ctx;
    struct vfl_clock clock = vfl_clock_system();
    return clock.now_monotonic_ms(clock.ctx) + bench->offset_ms;
}

static void note_wait(void *ctx, int64_t duration_ms, const atomic_bool *cancelled)
{
    struct identity_bench *bench = ctx;
    (void)duration_ms;
    (void)cancelled;
    bench->wait_count++;
}

void identity_bench_start(struct identity_bench *bench, const struct scripted_exchange *script,
                          size_t count)
{
    const struct vfl_aws_client_options options = {
        .clock = {epoch_ms, monotonic_ms, note_wait, bench},
        .http = {.low_speed_s = 1},
    };
    clean_environment();
    (void)snprintf(bench->home, sizeof bench->home, "/tmp/vfl-identity-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(bench->home));
    identity_bench_set("HOME", bench->home);
    bench->server = scripted_server_start(script, count);
    ck_assert_int_eq(vfl_aws_client_init(&bench->client, &options, NULL), VFL_OK);
    ck_assert_int_eq(
        vfl_endpoint_parse(scripted_server_url(bench->server), "url", &bench->endpoint, NULL),
        VFL_OK);
    bench->surroundings = (struct vfl_credential_surroundings){
        .client = &bench->client,
        .region = "eu-west-1",
        .sts = &bench->endpoint,
        .imds = &bench->imds,
        .note = &bench->note,
    };
}

/* Files are at most one folder deep. */
static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char inner[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (unlink(inner) != 0)
            remove_folder(inner);
    }
    (void)closedir(folder);
    ck_assert_int_eq(rmdir(path), 0);
}

void identity_bench_finish(struct identity_bench *bench)
{
    vfl_credentials_fini(&bench->credentials);
    vfl_imds_memory_fini(&bench->imds);
    vfl_aws_client_fini(&bench->client);
    scripted_server_finish(bench->server);
    remove_folder(bench->home);
    clean_environment();
    identity_bench_set("http_proxy", NULL);
    identity_bench_set("all_proxy", NULL);
}

enum vfl_status identity_bench_fetch(struct identity_bench *bench,
                                     struct vfl_credential_provider provider)
{
    vfl_credentials_fini(&bench->credentials);
    bench->err = (struct vfl_error){0};
    bench->is_found = false;
    return provider.fetch(provider.ctx, &bench->credentials, &bench->is_found, &bench->err);
}

const char *identity_bench_write(const struct identity_bench *bench, const char *name,
                                 const char *text, unsigned mode)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", bench->home, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    (void)mkdir(path, 0700);
    *slash = '/';
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, (mode_t)mode), 0);
    (void)close(fd);
    return path;
}
