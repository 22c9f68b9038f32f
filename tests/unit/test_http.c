#include "core/aws/http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/fake/scripted_server.h"
#include "tests/unit/http_requests.h"
#include "tests/unit/run_suite.h"

/* Every way in which an answer can be cut, malformed or hostile. */
START_TEST(broken_answers_have_their_status)
{
    static char endless_headers[100000];
    (void)memcpy(endless_headers, "HTTP/1.1 200 OK\r\n", 17);
    for (size_t i = 17; i + 20 < sizeof endless_headers; i += 10)
        (void)memcpy(endless_headers + i, "X-A: bcd\r\n", 11);
    static char long_header[200100] = "HTTP/1.1 200 OK\r\nX-A: ";
    (void)memset(long_header + strlen(long_header), 'a', 200000);
    static char continues[80000];
    for (size_t i = 0; i + 30 < sizeof continues; i += 25)
        (void)memcpy(continues + i, "HTTP/1.1 100 Continue\r\n\r\n", 26);
    const struct {
        const char *name;
        struct scripted_exchange exchange;
        enum vfl_status status;
        enum vfl_http_fault fault;
        const char *text;
    } rows[] = {
        {"body shorter than its length",
         {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", .is_closed = true},
         VFL_RETRY,
         VFL_HTTP_FAULT_TRANSIENT,
         ""},
        {"no length and an early end",
         {.raw = "HTTP/1.1 200 OK\r\n\r\nshort", .is_closed = true},
         VFL_RETRY,
         VFL_HTTP_FAULT_TRANSIENT_ONCE,
         "does not state its length"},
        {"chunked and cut",
         {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", .is_closed = true},
         VFL_RETRY,
         VFL_HTTP_FAULT_TRANSIENT,
         ""},
        {"bad chunk",
         {.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"},
         VFL_RETRY,
         VFL_HTTP_FAULT_TRANSIENT,
         ""},
        {"length that overflows",
         {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nshort",
          .is_closed = true},
         VFL_FORMAT,
         VFL_HTTP_FAULT_PERMANENT,
         "not a number"},
        {"two lengths",
         {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nshort"},
         VFL_FORMAT,
         VFL_HTTP_FAULT_PERMANENT,
         "two different"},
        {"negative length",
         {.raw = "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nshort", .is_closed = true},
         VFL_FORMAT,
         VFL_HTTP_FAULT_PERMANENT,
         "break the rules of HTTP (Invalid Content-Length"},
        {"length against chunks",
         {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"},
         VFL_RETRY,
         VFL_HTTP_FAULT_TRANSIENT,
         "has 2 bytes but states 5"},
        {"junk instead of a status line",
         {.raw = "this is not HTTP\r\n\r\n", .is_closed = true},
         VFL_FORMAT,
         VFL_HTTP_FAULT_PERMANENT,
         "does not speak HTTP"},
        {"HTTP/0.9", /* a body and nothing else */
         {.raw = "<html>hello</html>", .is_closed = true},
         VFL_FORMAT,
         VFL_HTTP_FAULT_PERMANENT,
         "does not speak HTTP"},
        {"status that is no number",
         {.raw = "HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n", .is_closed = true},
         VFL_FORMAT,
         VFL_HTTP_FAULT_PERMANENT,
         "does not speak HTTP"},
        {"no byte at all", {.is_closed = true}, VFL_RETRY, VFL_HTTP_FAULT_TRANSIENT, ""},
        {"reset in the body",
         {.status = 200, .body = "0123456789", .cut_bytes = 50, .is_reset = true},
         VFL_RETRY,
         VFL_HTTP_FAULT_TRANSIENT,
         ""},
        {"endless headers",
         {.raw = endless_headers, .is_closed = true},
         VFL_LIMIT,
         VFL_HTTP_FAULT_PERMANENT,
         "headers"},
        {"NUL in a header",
         {.raw = "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n",
          .raw_size = 47,
          .is_closed = true},
         VFL_FORMAT,
         VFL_HTTP_FAULT_PERMANENT,
         "break the rules of HTTP (Nul byte in header"},
        {"one endless header",
         {.raw = long_header, .is_closed = true},
         VFL_LIMIT,
         VFL_HTTP_FAULT_PERMANENT,
         "over-long header line"},
        {"endless interim answers",
         {.raw = continues, .is_closed = true},
         VFL_LIMIT,
         VFL_HTTP_FAULT_PERMANENT,
         "headers"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scripted_exchange exchange = rows[i].exchange;
        struct one_request one = {.options = {.low_speed_s = 5}};
        exchange.target = "GET /x";
        struct scripted_server *server = scripted_server_start(&exchange, 1);
        struct vfl_http *http = open_http(&one.options);
        enum vfl_status st = perform(http, server, &one);
        ck_assert_msg(st == rows[i].status, "%s: %s: %s", rows[i].name, vfl_status_name(st),
                      one.err.text);
        ck_assert_msg(one.response.fault == rows[i].fault, "%s: fault %d", rows[i].name,
                      one.response.fault);
        ck_assert_msg(strstr(one.err.text, rows[i].text) != NULL, "%s: %s", rows[i].name,
                      one.err.text);
        vfl_http_response_fini(&one.response);
        vfl_http_free(http);
        scripted_server_finish(server);
    }
}
END_TEST

START_TEST(a_kept_connection_serves_the_next_request)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x", .status = 200, .body = "one", .headers = "ETag: \"e\"\r\n"},
        {.target = "POST /x",
         .status = 404,
         .body = "two",
         .headers = "x-amz-request-id: R1\r\nDate: Fri, 24 May 2013 00:00:00 GMT\r\n",
         .contains = {"\r\n\r\nbody", "x-test: v\r\n"},
         .lacks = {"Expect", "Accept-Encoding"}},
    };
    const char *const lines[] = {"x-test: v"};
    struct one_request one = {.request = {.method = "GET"}};
    struct scripted_server *server = scripted_server_start(script, 2);
    struct vfl_http *http = open_http(&one.options);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&one.response.body), "one");
    ck_assert_str_eq(one.response.etag, "\"e\"");
    vfl_http_response_fini(&one.response);
    one.request.method = "POST";
    one.request.body = VFL_SPAN_LITERAL("body");
    one.request.header_lines = lines;
    one.request.header_count = 1;
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_int_eq(one.response.status_code, 404);
    ck_assert_str_eq(one.response.request_id, "R1");
    ck_assert_str_eq(one.response.date, "Fri, 24 May 2013 00:00:00 GMT");
    ck_assert_uint_eq(scripted_server_connection_count(server), 1);
    vfl_http_response_fini(&one.response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

START_TEST(a_kept_connection_that_died_is_replaced)
{
    static const struct scripted_exchange script[] = {
        {.target = "POST /x", .status = 200, .body = "one"},
        {.target = "POST /x", .is_closed = true},
        {.target = "POST /x", .status = 200, .body = "three", .contains = {"\r\n\r\nbody"}},
    };
    struct one_request one = {.request = {.method = "POST", .body = VFL_SPAN_LITERAL("body")}};
    struct scripted_server *server = scripted_server_start(script, 3);
    struct vfl_http *http = open_http(&one.options);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    vfl_http_response_fini(&one.response);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&one.response.body), "three");
    vfl_http_response_fini(&one.response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

/* What follows an answer must not be taken for the next one. */
START_TEST(bytes_beyond_the_length_cost_the_connection)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x",
         .raw = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse"},
        {.target = "GET /x", .status = 200, .body = "two"},
    };
    struct one_request one = {.request = {.method = "GET"}};
    struct scripted_server *server = scripted_server_start(script, 2);
    struct vfl_http *http = open_http(&one.options);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&one.response.body), "one");
    vfl_http_response_fini(&one.response);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&one.response.body), "two");
    ck_assert_uint_eq(scripted_server_connection_count(server), 2);
    vfl_http_response_fini(&one.response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

START_TEST(a_length_that_agrees_with_the_chunks_is_fine)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x",
         .raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                "2\r\nab\r\n0\r\n\r\n"}};
    struct one_request one = {.request = {.method = "GET"}};
    struct scripted_server *server = scripted_server_start(script, 1);
    struct vfl_http *http = open_http(&one.options);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&one.response.body), "ab");
    vfl_http_response_fini(&one.response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

START_TEST(redirects_and_encodings_are_left_alone)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x",
         .status = 302,
         .headers = "Location: http://127.0.0.1:1/elsewhere\r\n"},
        {.target = "GET /x",
         .status = 200,
         .headers = "Content-Encoding: gzip\r\n",
         .body = "raw bytes"},
    };
    struct one_request one = {.request = {.method = "GET"}};
    struct scripted_server *server = scripted_server_start(script, 2);
    struct vfl_http *http = open_http(&one.options);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_int_eq(one.response.status_code, 302);
    vfl_http_response_fini(&one.response);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&one.response.body), "raw bytes");
    vfl_http_response_fini(&one.response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

struct counting_sink {
    size_t byte_count;
    size_t fail_after;
};

static enum vfl_status count_bytes(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct counting_sink *sink = ctx;
    sink->byte_count += chunk.len;
    if (sink->byte_count > sink->fail_after)
        return vfl_error_set(err, VFL_UNSUPPORTED, "the sink's own words");
    return VFL_OK;
}

START_TEST(a_sinks_failure_comes_back_unchanged)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x", .status = 200, .body = "0123456789"}};
    struct counting_sink sink = {.fail_after = 3};
    struct one_request one = {.request = {.sink = {count_bytes, &sink}}};
    struct scripted_server *server = scripted_server_start(script, 1);
    struct vfl_http *http = open_http(&one.options);
    ck_assert_int_eq(perform(http, server, &one), VFL_UNSUPPORTED);
    ck_assert_str_eq(one.err.text, "the sink's own words");
    ck_assert_uint_gt(one.response.sink_byte_count, 0);
    vfl_http_response_fini(&one.response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

START_TEST(error_bodies_stay_out_of_the_sink)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x", .status = 403, .body = "<Error/>"}};
    struct counting_sink sink = {.fail_after = 0};
    struct one_request one = {.request = {.sink = {count_bytes, &sink}}};
    struct scripted_server *server = scripted_server_start(script, 1);
    struct vfl_http *http = open_http(&one.options);
    ck_assert_int_eq(perform(http, server, &one), VFL_OK);
    ck_assert_uint_eq(sink.byte_count, 0);
    ck_assert_str_eq(vfl_strbuf_string(&one.response.body), "<Error/>");
    vfl_http_response_fini(&one.response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

START_TEST(body_cap_counts_bytes_and_not_promises)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x",
         .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n"}};
    for (size_t cap = 15; cap <= 16; cap++) {
        struct one_request one = {.request = {.max_body_bytes = cap}};
        struct scripted_server *server = scripted_server_start(script, 1);
        struct vfl_http *http = open_http(&one.options);
        ck_assert_int_eq(perform(http, server, &one), cap == 16 ? VFL_OK : VFL_LIMIT);
        vfl_http_response_fini(&one.response);
        vfl_http_free(http);
        scripted_server_finish(server);
    }
}
END_TEST

struct background {
    struct vfl_http *http;
    struct scripted_server *server;
    struct one_request one;
    enum vfl_status status;
};

static void *perform_in_background(void *ctx)
{
    struct background *background = ctx;
    background->status = perform(background->http, background->server, &background->one);
    return NULL;
}

START_TEST(cancellation_ends_a_stalled_body_within_a_second)
{
    static const struct scripted_exchange script[] = {{.target = "GET /x",
                                                       .status = 200,
                                                       .body = "0123456789",
                                                       .cut_bytes = 50,
                                                       .is_stalled = true}};
    atomic_bool cancelled = false;
    struct background background = {.one = {.options = {.cancelled = &cancelled}}};
    pthread_t thread;
    background.server = scripted_server_start(script, 1);
    background.http = open_http(&background.one.options);
    ck_assert_int_eq(pthread_create(&thread, NULL, perform_in_background, &background), 0);
    ck_assert(scripted_server_wait_for_stall(background.server));
    int64_t start_ms = now_ms();
    atomic_store(&cancelled, true);
    (void)pthread_join(thread, NULL);
    ck_assert_int_lt(now_ms() - start_ms, 1000);
    ck_assert_int_eq(background.status, VFL_CANCELLED);
    vfl_http_response_fini(&background.one.response);
    vfl_http_free(background.http);
    scripted_server_finish(background.server);
}
END_TEST

/* Silence at once, within the headers and within the body; by either limit. */
START_TEST(a_silent_server_is_given_up)
{
    static const size_t sent_bytes[] = {0, 10, 50};
    const struct {
        unsigned low_speed_s;
        int64_t deadline_ms;
        enum vfl_status expected;
    } rows[] = {{1, DEADLINE_MS, VFL_RETRY}, {30, 200, VFL_DEADLINE}};
    for (size_t i = 0; i < 6; i++) {
        const struct scripted_exchange script[] = {{.target = "GET /x",
                                                    .status = 200,
                                                    .body = "0123456789",
                                                    .cut_bytes = sent_bytes[i / 2],
                                                    .is_stalled = true}};
        struct one_request one = {.options = {.low_speed_s = rows[i % 2].low_speed_s}};
        one.request.deadline_monotonic_ms = now_ms() + rows[i % 2].deadline_ms;
        struct scripted_server *server = scripted_server_start(script, 1);
        struct vfl_http *http = open_http(&one.options);
        enum vfl_status st = perform(http, server, &one);
        ck_assert_msg(st == rows[i % 2].expected, "%zu bytes: %s", sent_bytes[i / 2], one.err.text);
        vfl_http_response_fini(&one.response);
        vfl_http_free(http);
        scripted_server_finish(server);
    }
}
END_TEST

/* Bytes that keep coming, but too few: within the headers and within the body, by either limit. */
START_TEST(a_drip_is_given_up)
{
    static char body[1000];
    (void)memset(body, 'x', sizeof body - 1);
    static const size_t sent_bytes[] = {10, 60};
    const struct {
        unsigned low_speed_s;
        int64_t deadline_ms;
        enum vfl_status expected;
    } rows[] = {{1, DEADLINE_MS, VFL_RETRY}, {30, 300, VFL_DEADLINE}};
    for (size_t i = 0; i < 4; i++) {
        const struct scripted_exchange script[] = {{.target = "GET /x",
                                                    .status = 200,
                                                    .body = body,
                                                    .cut_bytes = sent_bytes[i / 2],
                                                    .is_dripping = true}};
        struct one_request one = {.options = {.low_speed_s = rows[i % 2].low_speed_s}};
        int64_t start_ms = now_ms();
        one.request.deadline_monotonic_ms = start_ms + rows[i % 2].deadline_ms;
        struct scripted_server *server = scripted_server_start(script, 1);
        struct vfl_http *http = open_http(&one.options);
        enum vfl_status st = perform(http, server, &one);
        ck_assert_msg(st == rows[i % 2].expected, "%zu bytes: %s", sent_bytes[i / 2], one.err.text);
        /* The whole answer would take twenty seconds. */
        ck_assert_int_lt(now_ms() - start_ms, 10000);
        vfl_http_response_fini(&one.response);
        vfl_http_free(http);
        scripted_server_finish(server);
    }
}
END_TEST

/* A listener that never accepts: when its queue is full, the kernel leaves further connections
 * unanswered, like an address that nobody has. */
START_TEST(a_connection_that_nobody_answers_is_given_up)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int waiting[8];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < sizeof waiting / sizeof waiting[0]; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(fcntl(waiting[i], F_SETFL, O_NONBLOCK), 0);
        (void)connect(waiting[i], (struct sockaddr *)&address, size);
    }
    struct vfl_error err = {0};
    struct vfl_http_response response;
    struct vfl_http *http = open_http(&(struct vfl_http_options){.connect_timeout_ms = 200});
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    const struct vfl_http_request request = {.method = "GET",
                                             .url = url,
                                             .is_plain_http_allowed = true,
                                             .is_proxy_bypassed = true,
                                             .deadline_monotonic_ms = now_ms() + DEADLINE_MS,
                                             .max_body_bytes = 1000};
    vfl_http_response_init(&response);
    int64_t start_ms = now_ms();
    ck_assert_msg(vfl_http_perform(http, &request, &response, &err) == VFL_RETRY, "%s", err.text);
    ck_assert_int_eq(response.fault, VFL_HTTP_FAULT_TRANSIENT);
    ck_assert(!response.is_request_sent);
    ck_assert_int_lt(now_ms() - start_ms, 5000);
    vfl_http_response_fini(&response);
    vfl_http_free(http);
    for (size_t i = 0; i < sizeof waiting / sizeof waiting[0]; i++)
        (void)close(waiting[i]);
    (void)close(listener);
}
END_TEST

/* A label of more than 63 bytes cannot be a name: the resolver says so without asking anybody. */
START_TEST(a_name_that_does_not_resolve_may_do_so_later)
{
    char url[128] = "https://";
    struct vfl_error err = {0};
    struct vfl_http_response response;
    struct vfl_http *http = open_http(&(struct vfl_http_options){0});
    (void)memset(url + strlen(url), 'a', 64);
    (void)memcpy(url + strlen(url), ".test/", 7);
    const struct vfl_http_request request = {.method = "GET",
                                             .url = url,
                                             .is_proxy_bypassed = true,
                                             .deadline_monotonic_ms = now_ms() + DEADLINE_MS,
                                             .max_body_bytes = 1000};
    vfl_http_response_init(&response);
    ck_assert_msg(vfl_http_perform(http, &request, &response, &err) == VFL_RETRY, "%s", err.text);
    ck_assert_int_eq(response.fault, VFL_HTTP_FAULT_TRANSIENT);
    ck_assert_msg(strstr(err.text, "resolve") != NULL, "%s", err.text);
    vfl_http_response_fini(&response);
    vfl_http_free(http);
}
END_TEST

/* A DNS answer may have changed since a connection was made, however busy it is. */
START_TEST(a_connection_that_has_lived_long_enough_is_not_used_again)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x", .status = 200, .body = "1"},
        {.target = "GET /x", .status = 200, .body = "2"},
        {.target = "GET /x", .status = 200, .body = "3"},
    };
    struct one_request one = {.options = {.connection_life_s = 1}};
    struct scripted_server *server = scripted_server_start(script, 3);
    struct vfl_http *http = open_http(&one.options);
    for (unsigned i = 0; i < 3; i++) {
        if (i == 2) { /* curl counts whole seconds: more than one is two */
            const struct timespec life = {.tv_sec = 2, .tv_nsec = 100000000};
            ck_assert_int_eq(nanosleep(&life, NULL), 0);
        }
        ck_assert_int_eq(perform(http, server, &one), VFL_OK);
        ck_assert_uint_eq(scripted_server_connection_count(server), i < 2 ? 1 : 2);
        vfl_http_response_fini(&one.response);
    }
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

/* curl has two addresses for this name, and nobody listens at the first, [::1]. */
START_TEST(an_address_that_refuses_is_followed_by_the_next)
{
    static const struct scripted_exchange script[] = {
        {.target = "GET /x", .status = 200, .body = "one"}};
    struct scripted_server *server = scripted_server_start(script, 1);
    struct vfl_http *http = open_http(&(struct vfl_http_options){0});
    char url[64];
    struct vfl_error err = {0};
    struct vfl_http_response response;
    (void)snprintf(url, sizeof url, "http://localhost%s/x",
                   strrchr(scripted_server_url(server), ':'));
    const struct vfl_http_request request = {.method = "GET",
                                             .url = url,
                                             .is_plain_http_allowed = true,
                                             .is_proxy_bypassed = true,
                                             .deadline_monotonic_ms = now_ms() + DEADLINE_MS,
                                             .max_body_bytes = 1000};
    vfl_http_response_init(&response);
    ck_assert_msg(vfl_http_perform(http, &request, &response, &err) == VFL_OK, "%s", err.text);
    vfl_http_response_fini(&response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

START_TEST(plain_http_needs_permission)
{
    struct vfl_http *http = open_http(&(struct vfl_http_options){0});
    const struct {
        const char *url;
        bool is_plain_http_allowed;
    } rows[] = {{"http://127.0.0.1:1/", false}, {"file:///etc/passwd", true}};
    for (size_t i = 0; i < 2; i++) {
        struct vfl_http_response response;
        const struct vfl_http_request request = {.method = "GET",
                                                 .url = rows[i].url,
                                                 .is_plain_http_allowed =
                                                     rows[i].is_plain_http_allowed,
                                                 .deadline_monotonic_ms = now_ms() + DEADLINE_MS,
                                                 .max_body_bytes = 1000};
        vfl_http_response_init(&response);
        ck_assert_int_eq(vfl_http_perform(http, &request, &response, NULL), VFL_FORMAT);
        ck_assert_int_eq(response.fault, VFL_HTTP_FAULT_PERMANENT);
        vfl_http_response_fini(&response);
    }
    vfl_http_free(http);
    vfl_http_free(NULL);
}
END_TEST

START_TEST(a_missing_ca_file_is_named)
{
    struct vfl_error err = {0};
    struct vfl_http_response response;
    /* Never answered: the certificates are read before the handshake. */
    static const struct scripted_exchange script[] = {{.target = ""}};
    struct scripted_server *server = scripted_server_start(script, 0);
    struct vfl_http *http = open_http(&(struct vfl_http_options){0});
    char url[128];
    (void)snprintf(url, sizeof url, "https://%s/", scripted_server_url(server) + 7);
    ck_assert_int_eq(setenv("AWS_CA_BUNDLE", "/nonexistent/ca.pem", 1), 0);
    const struct vfl_http_request request = {.method = "GET",
                                             .url = url,
                                             .is_proxy_bypassed = true,
                                             .deadline_monotonic_ms = now_ms() + DEADLINE_MS,
                                             .max_body_bytes = 1000};
    vfl_http_response_init(&response);
    ck_assert_int_eq(vfl_http_perform(http, &request, &response, &err), VFL_CONFIG);
    ck_assert_int_eq(response.fault, VFL_HTTP_FAULT_PERMANENT);
    ck_assert_ptr_nonnull(strstr(err.text, "AWS_CA_BUNDLE"));
    ck_assert_int_eq(unsetenv("AWS_CA_BUNDLE"), 0);
    vfl_http_response_fini(&response);
    vfl_http_free(http);
    scripted_server_finish(server);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        broken_answers_have_their_status,
        a_kept_connection_serves_the_next_request,
        a_kept_connection_that_died_is_replaced,
        bytes_beyond_the_length_cost_the_connection,
        a_length_that_agrees_with_the_chunks_is_fine,
        redirects_and_encodings_are_left_alone,
        a_sinks_failure_comes_back_unchanged,
        error_bodies_stay_out_of_the_sink,
        body_cap_counts_bytes_and_not_promises,
        cancellation_ends_a_stalled_body_within_a_second,
        a_silent_server_is_given_up,
        a_drip_is_given_up,
        a_connection_that_nobody_answers_is_given_up,
        a_name_that_does_not_resolve_may_do_so_later,
        a_connection_that_has_lived_long_enough_is_not_used_again,
        an_address_that_refuses_is_followed_by_the_next,
        plain_http_needs_permission,
        a_missing_ca_file_is_named,
    };
    return RUN_SUITE("http", cases);
}
