/* What vfl_http does with and says of proxies. */
#include "core/aws/http.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/fake/scripted_server.h"
#include "tests/unit/http_requests.h"
#include "tests/unit/run_suite.h"

START_TEST(a_proxys_refusal_is_a_matter_of_configuration)
{
    static const struct {
        int status;
        enum vfl_status expected;
        enum vfl_http_fault fault;
    } rows[] = {
        {407, VFL_CONFIG, VFL_HTTP_FAULT_PERMANENT},
        {503, VFL_RETRY, VFL_HTTP_FAULT_TRANSIENT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct scripted_exchange script[] = {{.target = "CONNECT s3.test:443",
                                                    .status = rows[i].status,
                                                    .lacks = {"x-amz-security-token"},
                                                    .is_closed = true}};
        const char *const lines[] = {"x-amz-security-token: hush"};
        struct vfl_error err = {0};
        struct vfl_http_response response;
        char proxy[128];
        struct scripted_server *server = scripted_server_start(script, 1);
        struct vfl_http *http = open_http(&(struct vfl_http_options){0});
        (void)snprintf(proxy, sizeof proxy, "http://user:hush@%s", scripted_server_url(server) + 7);
        ck_assert_int_eq(setenv("https_proxy", proxy, 1), 0);
        const struct vfl_http_request request = {.method = "GET",
                                                 .url = "https://s3.test/",
                                                 .header_lines = lines,
                                                 .header_count = 1,
                                                 .deadline_monotonic_ms = now_ms() + DEADLINE_MS,
                                                 .max_body_bytes = 1000};
        vfl_http_response_init(&response);
        ck_assert_int_eq(vfl_http_perform(http, &request, &response, &err), rows[i].expected);
        ck_assert_int_eq(response.fault, rows[i].fault);
        ck_assert_ptr_null(strstr(err.text, "hush"));
        (void)snprintf(proxy, sizeof proxy, "the proxy %s of https_proxy",
                       scripted_server_url(server) + 7);
        ck_assert_msg(strstr(err.text, proxy) != NULL, "%s", err.text);
        ck_assert_int_eq(unsetenv("https_proxy"), 0);
        vfl_http_response_fini(&response);
        vfl_http_free(http);
        scripted_server_finish(server);
    }
}
END_TEST

/* Asks a server that is not there, with a proxy in the environment; the caller frees the response.
 */
static enum vfl_status perform_through(const char *variable, const char *proxy,
                                       struct vfl_http_response *response, struct vfl_error *err)
{
    struct vfl_http *http = open_http(&(struct vfl_http_options){0});
    const struct vfl_http_request request = {.method = "GET",
                                             .url = "https://s3.test/",
                                             .deadline_monotonic_ms = now_ms() + DEADLINE_MS,
                                             .max_body_bytes = 1000};
    ck_assert_int_eq(setenv(variable, proxy, 1), 0);
    vfl_http_response_init(response);
    enum vfl_status st = vfl_http_perform(http, &request, response, err);
    ck_assert_int_eq(unsetenv(variable), 0);
    vfl_http_free(http);
    return st;
}

/* Nothing listens on port 1; no label of a name is as long as the other one's. */
START_TEST(a_dead_proxy_is_named_and_not_the_endpoint_blamed)
{
    static const struct {
        const char *proxy;
        const char *text;
    } rows[] = {
        {"http://user:hush@127.0.0.1:1", " (through the proxy 127.0.0.1:1 of HTTPS_PROXY)"},
        {"http://user:hush@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test:1",
         ".test:1 of HTTPS_PROXY)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_error err = {0};
        struct vfl_http_response response;
        ck_assert_int_eq(perform_through("HTTPS_PROXY", rows[i].proxy, &response, &err), VFL_RETRY);
        ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s", err.text);
        ck_assert_ptr_null(strstr(err.text, "hush"));
        vfl_http_response_fini(&response);
    }
}
END_TEST

/* curl's own text quotes it whole. */
START_TEST(a_proxy_that_cannot_be_used_is_told_without_its_password)
{
    static const char *const proxies[] = {
        "ftp://user:hush@127.0.0.1:1",
        "http://user:hush/@127.0.0.1:1",
        "http://user:hush@127.0.0.1:99999999",
        "http://user:hush #@127.0.0.1:1",
        "user:hush?@127.0.0.1:1",
    };
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        struct vfl_error err = {0};
        struct vfl_http_response response;
        enum vfl_status st = perform_through("https_proxy", proxies[i], &response, &err);
        ck_assert_msg(strstr(err.text, "hush") == NULL, "%s", err.text);
        ck_assert_msg(strstr(err.text, "check the https_proxy setting") != NULL, "%s", err.text);
        ck_assert_int_eq(st, VFL_CONFIG);
        ck_assert_int_eq(response.fault, VFL_HTTP_FAULT_PERMANENT);
        vfl_http_response_fini(&response);
    }
}
END_TEST

/* The proxy is a closed port: reaching the server shows that it was not asked. */
START_TEST(loopback_never_goes_through_a_proxy)
{
    static const struct scripted_exchange script[] = {{.target = "GET /x", .status = 200}};
    struct one_request one = {.request = {.method = "GET"}};
    struct scripted_server *server = scripted_server_start(script, 1);
    struct vfl_http *http = open_http(&one.options);
    ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_int_eq(unsetenv("http_proxy"), 0);
    vfl_http_response_fini(&one.response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

/* 17: a web server's HTTP_PROXY is what a client wrote into its "Proxy:" header. */
START_TEST(an_upper_case_http_proxy_is_not_believed)
{
    static const struct scripted_exchange script[] = {{.target = "GET /x", .status = 200}};
    struct scripted_server *server = scripted_server_start(script, 1);
    struct vfl_http *http = open_http(&(struct vfl_http_options){0});
    char url[64];
    struct vfl_error err = {0};
    struct vfl_http_response response;
    (void)snprintf(url, sizeof url, "%s/x", scripted_server_url(server));
    const struct vfl_http_request request = {.method = "GET",
                                             .url = url,
                                             .is_plain_http_allowed = true,
                                             .deadline_monotonic_ms = now_ms() + DEADLINE_MS,
                                             .max_body_bytes = 1000};
    ck_assert_int_eq(setenv("HTTP_PROXY", "http://127.0.0.1:1", 1), 0);
    vfl_http_response_init(&response);
    ck_assert_msg(vfl_http_perform(http, &request, &response, &err) == VFL_OK, "%s", err.text);
    ck_assert_int_eq(unsetenv("HTTP_PROXY"), 0);
    vfl_http_response_fini(&response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        a_proxys_refusal_is_a_matter_of_configuration,
        a_dead_proxy_is_named_and_not_the_endpoint_blamed,
        a_proxy_that_cannot_be_used_is_told_without_its_password,
        loopback_never_goes_through_a_proxy,
        an_upper_case_http_proxy_is_not_believed,
    };
    return RUN_SUITE("http_proxy", cases);
}
