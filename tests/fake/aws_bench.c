#include "tests/fake/aws_bench.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_FIXTURE_BYTES (1u << 20)

const char *aws_bench_fixture(struct aws_bench *bench, const char *body_file)
{
    char path[1024];
    const char *folder = getenv("FIXTURES");
    ck_assert_msg(folder != NULL, "FIXTURES is not set: run the tests through meson");
    (void)snprintf(path, sizeof path, "%s/aws/%s", folder, body_file);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    char *text = malloc(MAX_FIXTURE_BYTES);
    ck_assert_ptr_nonnull(text);
    size_t size = fread(text, 1, MAX_FIXTURE_BYTES - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    ck_assert_uint_lt(bench->fixture_count, BENCH_MAX_EXCHANGES);
    bench->fixtures[bench->fixture_count++] = text;
    return text;
}

struct scripted_exchange *aws_bench_expect(struct aws_bench *bench, const char *target, int status,
                                           const char *body_file)
{
    ck_assert_uint_lt(bench->script_size, BENCH_MAX_EXCHANGES);
    struct scripted_exchange *exchange = &bench->script[bench->script_size++];
    *exchange = (struct scripted_exchange){.target = target, .status = status};
    if (body_file != NULL)
        exchange->body = aws_bench_fixture(bench, body_file);
    return exchange;
}

void aws_bench_expect_connect(struct aws_bench *bench)
{
    struct scripted_exchange *probe =
        aws_bench_expect(bench, "POST /", 403, "sts_access_denied.xml");
    probe->contains[0] = "&RoleSessionName=sts-agent-id-test";
    probe->lacks[0] = "ExternalId";
    struct scripted_exchange *assume = aws_bench_expect(bench, "POST /", 200, "sts_assumed.xml");
    assume->contains[0] = "&RoleSessionName=sts-agent-check-eu-west-1";
    assume->contains[1] = "&ExternalId=ext%2Fid%201";
    assume->contains[2] = "/eu-west-1/sts/aws4_request, SignedHeaders=content-type;host;"
                          "x-amz-content-sha256;x-amz-date, Signature=";
    assume->contains[3] = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"
                          "123456789012%3Arole%2FFlowLogReader&";
}

static int64_t bench_epoch_ms(void *ctx)
{
    struct aws_bench *bench = ctx;
    struct vfl_clock clock = vfl_clock_system();
    return clock.now_epoch_ms(clock.ctx) + bench->clock_offset_ms;
}

static int64_t bench_monotonic_ms(void *ctx)
{
    struct vfl_clock clock = vfl_clock_system();
    (void)ctx;
    return clock.now_monotonic_ms(clock.ctx);
}

static void bench_wait_ms(void *ctx, int64_t duration_ms, const atomic_bool *cancelled)
{
    struct aws_bench *bench = ctx;
    (void)cancelled;
    bench->waited_ms += duration_ms;
    bench->wait_count++;
}

void aws_bench_start(struct aws_bench *bench)
{
    struct vfl_error err = {0};
    struct vfl_aws_session_options *options = &bench->options;
    bench->server = scripted_server_start_tls(bench->script, bench->script_size, bench->identity);
    if (options->access_key_id == NULL) {
        options->access_key_id = "AKIAIOSFODNN7EXAMPLE";
        options->secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    }
    if (options->role_arn == NULL)
        options->role_arn = BENCH_ROLE_ARN;
    if (options->region == NULL)
        options->region = "eu-west-1";
    if (options->external_id == NULL)
        options->external_id = "ext/id 1";
    if (bench->identity == NULL) {
        options->sts_endpoint_url = options->ec2_endpoint_url = options->s3_endpoint_url =
            scripted_server_url(bench->server);
    } else {
        ck_assert_int_eq(setenv("https_proxy", scripted_server_url(bench->server), 1), 0);
        ck_assert_int_eq(setenv("AWS_CA_BUNDLE", tls_identity_ca_path(bench->identity), 1), 0);
        ck_assert_int_eq(unsetenv("no_proxy") + unsetenv("NO_PROXY"), 0);
    }
    const struct vfl_aws_client_options client_options = {
        .clock = {bench_epoch_ms, bench_monotonic_ms, bench_wait_ms, bench},
        .http = {.cancelled = &bench->cancelled, .low_speed_s = 1},
    };
    enum vfl_status st = vfl_aws_session_new_with(options, &client_options, &bench->session, &err);
    ck_assert_msg(st == VFL_OK, "%s", err.text);
}

void aws_bench_finish(struct aws_bench *bench)
{
    vfl_aws_session_free(bench->session);
    scripted_server_finish(bench->server);
    if (bench->identity != NULL)
        ck_assert_int_eq(unsetenv("https_proxy") + unsetenv("AWS_CA_BUNDLE"), 0);
    for (size_t i = 0; i < bench->fixture_count; i++)
        free(bench->fixtures[i]);
}
