/* Single requests to a scripted server, for the tests of vfl_http. */
#ifndef VFL_TEST_HTTP_REQUESTS_H
#define VFL_TEST_HTTP_REQUESTS_H

#include <stdio.h>

#include "core/aws/clock.h"
#include "core/aws/http.h"
#include "tests/fake/scripted_server.h"
#include "tests/unit/run_suite.h"

#define DEADLINE_MS 20000

static inline int64_t now_ms(void)
{
    struct vfl_clock clock = vfl_clock_system();
    return clock.now_monotonic_ms(clock.ctx);
}

struct one_request {
    struct vfl_http_options options;
    struct vfl_http_request request;
    struct vfl_http_response response;
    struct vfl_error err;
};

/* Performs request /x of the server; the caller looks at one->response and frees it. */
static inline enum vfl_status perform(struct vfl_http *http, struct scripted_server *server,
                                      struct one_request *one)
{
    char url[128];
    (void)snprintf(url, sizeof url, "%s/x", scripted_server_url(server));
    one->request.url = url;
    if (one->request.method == NULL)
        one->request.method = "GET";
    if (one->request.max_body_bytes == 0)
        one->request.max_body_bytes = 1000;
    if (one->request.deadline_monotonic_ms == 0)
        one->request.deadline_monotonic_ms = now_ms() + DEADLINE_MS;
    one->request.is_plain_http_allowed = true;
    one->request.is_proxy_bypassed = true;
    vfl_http_response_init(&one->response);
    enum vfl_status st = vfl_http_perform(http, &one->request, &one->response, &one->err);
    one->request.url = NULL;
    return st;
}

static inline struct vfl_http *open_http(const struct vfl_http_options *options)
{
    struct vfl_http *http = NULL;
    ck_assert_int_eq(vfl_http_new(options, &http, NULL), VFL_OK);
    return http;
}

#endif
