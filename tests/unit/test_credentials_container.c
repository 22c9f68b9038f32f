#include "core/aws/credential_source.h"

#include <stdio.h>

#include "tests/fake/identity_bench.h"
#include "tests/unit/run_suite.h"

#define KEYS                                                                                       \
    "{\"AccessKeyId\": \"ASIATASK\", \"SecretAccessKey\": \"hush\", \"Token\": \"session\","       \
    " \"Expiration\": \"2013-05-24T06:00:00Z\", \"RoleArn\": \"arn:aws:iam::1:role/x\"}"

static void start(struct identity_bench *bench, const struct scripted_exchange *script,
                  size_t count)
{
    char uri[128];
    identity_bench_start(bench, script, count);
    (void)snprintf(uri, sizeof uri, "%s/v1/credentials?id=7", scripted_server_url(bench->server));
    identity_bench_set("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
}

static enum vfl_status fetch(struct identity_bench *bench)
{
    return identity_bench_fetch(bench, vfl_credentials_container(&bench->surroundings));
}

/* 34: whoever sets the URI must not be able to send the token to a host of his. */
START_TEST(only_link_local_hosts_are_asked_over_http)
{
    static const struct {
        const char *relative, *full;
        const char *host, *path; /* NULL: refused */
        bool is_https;
    } rows[] = {
        {"/v2/credentials/7", NULL, "169.254.170.2", "/v2/credentials/7", false},
        {"/v2/credentials/7", "http://evil.example/", "169.254.170.2", "/v2/credentials/7", false},
        {"/credentials?id=7", NULL, "169.254.170.2", "/credentials?id=7", false},
        {"", "http://169.254.170.23/v1/credentials", "169.254.170.23", "/v1/credentials", false},
        {NULL, "http://169.254.170.2:8080/x", "169.254.170.2:8080", "/x", false},
        {NULL, "http://[fd00:ec2::23]/v1/credentials", "[fd00:ec2::23]", "/v1/credentials", false},
        {NULL, "http://[fd00:ec2:0:0:0:0:0:23]/x", "[fd00:ec2:0:0:0:0:0:23]", "/x", false},
        {NULL, "http://127.8.9.1:8080/x", "127.8.9.1:8080", "/x", false},
        {NULL, "http://[::1]:1338/x", "[::1]:1338", "/x", false},
        {NULL, "http://localhost:1338/x", "localhost:1338", "/x", false},
        {NULL, "https://agent.example/x", "agent.example", "/x", true},
        {NULL, "https://agent.example?x", "agent.example", "?x", true},
        {NULL, "http://agent.example/x", NULL, NULL, false},
        {NULL, "http://169.254.169.254/latest/meta-data", NULL, NULL, false},
        {NULL, "http://10.0.0.1/x", NULL, NULL, false},
        {NULL, "http://127.0.0.1@evil.example/x", NULL, NULL, false},
        {NULL, "http://127.0.0.1.evil.example/x", NULL, NULL, false},
        {NULL, "http://169.254.170.2.evil.example/x", NULL, NULL, false},
        {NULL, "http://localhost.evil.example/x", NULL, NULL, false},
        {NULL, "http://2852039170/x", NULL, NULL, false},
        {NULL, "http://127.1/x", NULL, NULL, false},
        {NULL, "http://[::ffff:10.0.0.1]/x", NULL, NULL, false},
        {NULL, "http://[fd00:ec2::254]/x", NULL, NULL, false},
        {NULL, "http://127.0.0.1/x#@evil", NULL, NULL, false},
        {NULL, "http://127.0.0.1/x y", NULL, NULL, false},
        {NULL, "http://127.0.0.1/x\r\nHost: evil", NULL, NULL, false},
        {NULL, "http://127.0.0.1\\@evil.example/", NULL, NULL, false},
        {NULL, "http://evil%2eexample/", NULL, NULL, false},
        {NULL, "file:///etc/passwd", NULL, NULL, false},
        {NULL, "/x", NULL, NULL, false},
        {"x", NULL, NULL, NULL, false},
        {"@evil.example/x", NULL, NULL, NULL, false},
        {"/x\r\ny", NULL, NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_endpoint endpoint;
        const char *path = NULL;
        const char *uri = rows[i].full != NULL ? rows[i].full : rows[i].relative;
        enum vfl_status st =
            vfl_credentials_container_place(rows[i].relative, rows[i].full, &endpoint, &path, NULL);
        ck_assert_msg(st == (rows[i].host == NULL ? VFL_CONFIG : VFL_OK), "%s", uri);
        if (rows[i].host == NULL)
            continue;
        ck_assert_str_eq(endpoint.host, rows[i].host);
        ck_assert_str_eq(path, rows[i].path);
        ck_assert_msg(endpoint.is_https == rows[i].is_https, "%s", uri);
    }
}
END_TEST

START_TEST(the_tasks_role_comes_in_one_request)
{
    static const struct scripted_exchange script[] = {{.target = "GET /v1/credentials?id=7",
                                                       .status = 200,
                                                       .body = KEYS,
                                                       .lacks = {"Authorization", "x-amz-"}}};
    struct identity_bench bench = {0};
    start(&bench, script, 1);
    ck_assert_msg(fetch(&bench) == VFL_OK, "%s", bench.err.text);
    ck_assert(bench.is_found);
    ck_assert_str_eq(bench.credentials.access_key_id, "ASIATASK");
    ck_assert_str_eq(bench.credentials.session_token, "session");
    ck_assert_int_eq(bench.credentials.expires_epoch_s, BENCH_EPOCH_S + 6 * 3600);
    identity_bench_set("AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL);
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(!bench.is_found);
    identity_bench_finish(&bench);
}
END_TEST

/* The file comes before the variable, is read each time, and may end in a line break. */
START_TEST(the_authorization_token_is_fresh)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /v1/credentials?id=7",
         .status = 200,
         .body = KEYS,
         .contains = {"Authorization: Basic variable\r\n"}},
        {.target = "GET /v1/credentials?id=7",
         .status = 200,
         .body = KEYS,
         .contains = {"Authorization: first\r\n"}},
        {.target = "GET /v1/credentials?id=7",
         .status = 200,
         .body = KEYS,
         .contains = {"Authorization: second\r\n"}},
    };
    struct identity_bench bench = {0};
    start(&bench, script, 3);
    identity_bench_set("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic variable");
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    identity_bench_set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                       identity_bench_write(&bench, "token", "first\n", 0600));
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    (void)identity_bench_write(&bench, "token", "second\r\n", 0600);
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    identity_bench_finish(&bench);
}
END_TEST

START_TEST(a_token_that_cannot_be_sent_stops_the_chain)
{
    static const struct {
        const char *variable, *file; /* file "-": missing */
        const char *text;
    } rows[] = {
        {"a\r\nX-Evil: 1", NULL, "AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break"},
        {"a\n", NULL, "AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break"},
        {"good", "a\r\nX-Evil: 1", "has a line break"},
        {"good", " \n", "is empty"},
        {"good", "-", "does not exist"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        start(&bench, NULL, 0);
        identity_bench_set("AWS_CONTAINER_AUTHORIZATION_TOKEN", rows[i].variable);
        if (rows[i].file != NULL && strcmp(rows[i].file, "-") == 0)
            identity_bench_set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token");
        else if (rows[i].file != NULL)
            identity_bench_set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                               identity_bench_write(&bench, "token", rows[i].file, 0600));
        ck_assert_int_eq(fetch(&bench), VFL_CONFIG);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "row %zu: %s", i,
                      bench.err.text);
        ck_assert_ptr_null(strstr(bench.err.text, "Evil"));
        identity_bench_finish(&bench);
    }
}
END_TEST

START_TEST(a_service_that_refuses_stops_the_chain)
{
    static const struct {
        const char *name;
        struct scripted_exchange exchange;
        size_t count;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {"denied", {.status = 403, .body = "{\"code\": \"hush\"}"}, 1, VFL_DENIED, "HTTP 403"},
        {"18: redirect",
         {.status = 307, .headers = "Location: http://127.0.0.1:1/\r\n"},
         1,
         VFL_DENIED,
         "HTTP 307"},
        {"not JSON", {.status = 200, .body = "<html>"}, 1, VFL_CONFIG, "not a JSON object"},
        {"a list", {.status = 200, .body = "[]"}, 1, VFL_CONFIG, "not a JSON object"},
        {"31: no secret",
         {.status = 200, .body = "{\"AccessKeyId\": \"A\"}"},
         1,
         VFL_CONFIG,
         "secret access key is missing"},
        {"14: broken off", {.status = 0}, 3, VFL_RETRY, "container credentials"},
        {"busy", {.status = 500}, 3, VFL_RETRY, "HTTP 500"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        struct scripted_exchange script[3];
        for (size_t k = 0; k < 3; k++) {
            script[k] = rows[i].exchange;
            script[k].target = "GET /v1/credentials?id=7";
        }
        start(&bench, script, rows[i].count);
        enum vfl_status st = fetch(&bench);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(strstr(bench.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      bench.err.text);
        ck_assert_ptr_null(strstr(bench.err.text, "hush"));
        ck_assert_uint_eq(bench.wait_count, rows[i].count - 1);
        identity_bench_finish(&bench);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        only_link_local_hosts_are_asked_over_http, the_tasks_role_comes_in_one_request,
        the_authorization_token_is_fresh,          a_token_that_cannot_be_sent_stops_the_chain,
        a_service_that_refuses_stops_the_chain,
    };
    return RUN_SUITE("credentials_container", cases);
}
