#include "core/aws/http.h"

#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/aws/ca_file.h"
#include "core/aws/clock.h"
#include "core/aws/proxy.h"

#define POLL_MS 100
#define LOW_SPEED_BYTES_PER_S 1024L
#define TIMER_SLACK_MS 5         /* curl's timer may ring before our clock has got there */
#define MAX_CONNECTION_AGE_S 20L /* S3 closes idle connections early */

/* A multi handle with one easy handle: its loop returns to us often enough to look at the
 * cancellation flag, which curl_easy_perform does once a second only. */
struct vfl_http {
    CURL *easy;
    CURLM *multi;
    struct vfl_clock clock;
    const atomic_bool *cancelled;
    int64_t connect_timeout_ms;
    unsigned low_speed_s;
    unsigned connection_life_s;
    char curl_text[CURL_ERROR_SIZE];
};

/* The state of one exchange, for curl's callbacks. */
struct exchange {
    const struct vfl_http_request *request;
    struct vfl_http_response *response;
    CURL *easy;
    struct vfl_error *err;
    enum vfl_status failure; /* why a callback refused to go on */
    size_t header_byte_count;
    bool is_chunked;
    bool is_head_complete;
};

static pthread_once_t init_once = PTHREAD_ONCE_INIT;
static CURLcode init_result;

static void init_curl(void)
{
    init_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum vfl_status vfl_http_new(const struct vfl_http_options *options, struct vfl_http **ret_http,
                             struct vfl_error *err)
{
    if (pthread_once(&init_once, init_curl) != 0 || init_result != CURLE_OK)
        return vfl_error_set(err, VFL_CONFIG, "libcurl cannot be initialised: %s",
                             curl_easy_strerror(init_result));
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    if ((version->features & CURL_VERSION_SSL) == 0 ||
        (version->features & CURL_VERSION_ASYNCHDNS) == 0)
        return vfl_error_set(err, VFL_CONFIG,
                             "libcurl %s lacks TLS or an asynchronous resolver: install the "
                             "distribution's OpenSSL flavour",
                             version->version);
    struct vfl_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for an HTTP client");
    http->clock = vfl_clock_system();
    http->cancelled = options->cancelled;
    http->connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms : 5000;
    http->low_speed_s = options->low_speed_s > 0 ? options->low_speed_s : 30;
    http->connection_life_s = options->connection_life_s > 0 ? options->connection_life_s : 300;
    http->easy = curl_easy_init();
    http->multi = curl_multi_init();
    if (http->easy == NULL || http->multi == NULL) {
        vfl_http_free(http);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for an HTTP client");
    }
    *ret_http = http;
    return VFL_OK;
}

void vfl_http_free(struct vfl_http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->easy);
    (void)curl_multi_cleanup(http->multi);
    free(http);
}

void vfl_http_response_init(struct vfl_http_response *response)
{
    memset(response, 0, sizeof *response);
    response->content_length_bytes = -1;
    /* Every append checks its own bound first; see on_body. */
    vfl_strbuf_init_secret(&response->body, SIZE_MAX / 4);
}

void vfl_http_response_reset(struct vfl_http_response *response)
{
    struct vfl_strbuf body = response->body;
    vfl_strbuf_reset(&body);
    memset(response, 0, sizeof *response);
    response->content_length_bytes = -1;
    response->body = body;
}

void vfl_http_response_fini(struct vfl_http_response *response)
{
    if (response != NULL)
        vfl_strbuf_fini(&response->body);
}

static size_t refuse(struct exchange *exchange, enum vfl_status status, const char *text)
{
    exchange->failure = vfl_error_set(exchange->err, status, "%s", text);
    return 0;
}

/* True for a decimal number that fits; curl itself accepts overflowing and repeated lengths. */
static bool read_length(struct vfl_span text, int64_t *ret_length)
{
    int64_t length = 0;
    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = text.ptr[i] - '0';
        if (digit < 0 || digit > 9 || length > (INT64_MAX - digit) / 10)
            return false;
        length = length * 10 + digit;
    }
    *ret_length = length;
    return true;
}

static bool is_name(struct vfl_span name, const char *expected)
{
    return name.len == strlen(expected) && strncasecmp(name.ptr, expected, name.len) == 0;
}

static void keep_value(char *room, struct vfl_span value)
{
    if (value.len >= VFL_HTTP_HEADER_VALUE_SIZE)
        return;
    memcpy(room, value.ptr, value.len);
    room[value.len] = '\0';
}

static void keep_header(struct vfl_http_response *response, struct vfl_span name,
                        struct vfl_span value)
{
    const struct {
        const char *name;
        char *room;
    } kept[] = {
        {"date", response->date},
        {"age", response->age},
        {"etag", response->etag},
        {"x-amz-request-id", response->request_id},
        {"x-amzn-requestid", response->request_id},
        {"x-amz-bucket-region", response->bucket_region},
        {"x-amz-retry-after", response->retry_after},
    };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (is_name(name, kept[i].name))
            keep_value(kept[i].room, value);
}

/* A new status line: an answer after an interim one starts afresh. */
static void start_head(struct exchange *exchange)
{
    struct vfl_http_response *response = exchange->response;
    response->content_length_bytes = -1;
    response->date[0] = response->age[0] = response->etag[0] = '\0';
    exchange->is_chunked = false;
    exchange->is_head_complete = false;
}

static size_t on_header(char *bytes, size_t unit, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    size_t size = unit * count;
    struct vfl_span line = {bytes, size};
    exchange->header_byte_count += size;
    if (exchange->header_byte_count > VFL_HTTP_MAX_HEADER_BYTES)
        return refuse(exchange, VFL_LIMIT, "the answer's headers are larger than 64 KiB");
    while (line.len > 0 && strchr("\r\n \t", line.ptr[line.len - 1]) != NULL)
        line.len--;
    if (vfl_span_has_prefix(line, VFL_SPAN_LITERAL("HTTP/"))) {
        start_head(exchange);
        return size;
    }
    const char *colon = line.len == 0 ? NULL : memchr(line.ptr, ':', line.len);
    if (colon == NULL)
        return size;
    struct vfl_span name = {line.ptr, (size_t)(colon - line.ptr)};
    struct vfl_span value = {colon + 1, line.len - name.len - 1};
    while (value.len > 0 && (*value.ptr == ' ' || *value.ptr == '\t')) {
        value.ptr++;
        value.len--;
    }
    if (is_name(name, "content-length")) {
        int64_t length;
        if (!read_length(value, &length))
            return refuse(exchange, VFL_FORMAT, "the answer's Content-Length is not a number");
        if (exchange->response->content_length_bytes >= 0 &&
            exchange->response->content_length_bytes != length)
            return refuse(exchange, VFL_FORMAT, "the answer has two different Content-Lengths");
        exchange->response->content_length_bytes = length;
    } else if (is_name(name, "transfer-encoding")) {
        exchange->is_chunked = true;
    } else {
        keep_header(exchange->response, name, value);
    }
    return size;
}

static size_t on_body(char *bytes, size_t unit, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;
    struct vfl_http_response *response = exchange->response;
    const struct vfl_http_request *request = exchange->request;
    size_t size = unit * count;
    if (!exchange->is_head_complete) {
        long code = 0;
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &code);
        response->status_code = (int)code;
        exchange->is_head_complete = true;
    }
    bool is_success = response->status_code >= 200 && response->status_code < 300;
    size_t cap = is_success ? request->max_body_bytes : VFL_HTTP_MAX_ERROR_BODY_BYTES;
    if (size > cap || response->body_byte_count > cap - size) {
        exchange->failure =
            vfl_error_set(exchange->err, VFL_LIMIT, "the answer is larger than %zu bytes", cap);
        return 0;
    }
    response->body_byte_count += size;
    if (request->sink.write != NULL && response->status_code == 200) {
        response->sink_byte_count += size;
        exchange->failure =
            request->sink.write(request->sink.ctx, (struct vfl_span){bytes, size}, exchange->err);
    } else {
        vfl_strbuf_append(&response->body, (struct vfl_span){bytes, size});
        exchange->failure = vfl_strbuf_check(&response->body, "answer", exchange->err);
    }
    return exchange->failure == VFL_OK ? size : 0;
}

/* Options that are the same for every request. curl_easy_reset forgets them but keeps the
 * connections. */
static void set_transport_options(struct vfl_http *http, const struct vfl_http_request *request,
                                  int64_t timeout_ms)
{
    CURL *easy = http->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                     request->is_plain_http_allowed ? "http,https" : "https");
    const char *ca_file = vfl_ca_file_find();
    if (ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    if (request->is_proxy_bypassed)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES_PER_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)http->low_speed_s);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, MAX_CONNECTION_AGE_S);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)http->connection_life_s);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->curl_text);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "stackstate-check-aws-flowlogs");
}

static struct curl_slist *make_header_list(const struct vfl_http_request *request)
{
    struct curl_slist *list = NULL;
    for (size_t i = 0; i <= request->header_count; i++) {
        /* curl would add Expect to a large body, and then wait for an answer to it. */
        const char *line = i < request->header_count ? request->header_lines[i] : "Expect:";
        struct curl_slist *longer = curl_slist_append(list, line);
        if (longer == NULL) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/* curl keeps the list, so its lines hold the token and the signature until here. */
static void free_header_list(struct curl_slist *list)
{
    for (struct curl_slist *line = list; line != NULL; line = line->next)
        vfl_wipe(line->data, strlen(line->data));
    curl_slist_free_all(list);
}

static void set_request_options(struct vfl_http *http, struct exchange *exchange,
                                struct curl_slist *headers)
{
    const struct vfl_http_request *request = exchange->request;
    CURL *easy = http->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.len == 0 ? "" : request->body.ptr);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    } else if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

static bool is_cancelled(const struct vfl_http *http)
{
    return http->cancelled != NULL && atomic_load(http->cancelled);
}

/* Runs the transfer to its end. *ret_code is CURLE_ABORTED_BY_CALLBACK after a cancellation. */
static CURLMcode drive(struct vfl_http *http, CURLcode *ret_code)
{
    int running = 1;
    *ret_code = CURLE_ABORTED_BY_CALLBACK;
    while (running > 0) {
        if (is_cancelled(http))
            return CURLM_OK;
        CURLMcode failure = curl_multi_perform(http->multi, &running);
        if (failure == CURLM_OK && running > 0)
            failure = curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL);
        if (failure != CURLM_OK)
            return failure;
    }
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE)
            *ret_code = message->data.result;
    return CURLM_OK;
}

struct curl_fault {
    CURLcode code;
    enum vfl_http_fault fault;
    enum vfl_status status;
};

static struct curl_fault classify(CURLcode code)
{
    static const struct curl_fault known[] = {
        {CURLE_COULDNT_RESOLVE_PROXY, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_COULDNT_RESOLVE_HOST, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_COULDNT_CONNECT, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_HTTP2, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_PARTIAL_FILE, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_OPERATION_TIMEDOUT, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_SSL_CONNECT_ERROR, VFL_HTTP_FAULT_TRANSIENT_ONCE, VFL_RETRY},
        {CURLE_GOT_NOTHING, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_SEND_ERROR, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_RECV_ERROR, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_HTTP2_STREAM, VFL_HTTP_FAULT_TRANSIENT, VFL_RETRY},
        {CURLE_WEIRD_SERVER_REPLY, VFL_HTTP_FAULT_PERMANENT, VFL_FORMAT},
        {CURLE_UNSUPPORTED_PROTOCOL, VFL_HTTP_FAULT_PERMANENT, VFL_FORMAT},
        {CURLE_OUT_OF_MEMORY, VFL_HTTP_FAULT_PERMANENT, VFL_LIMIT},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].code == code)
            return known[i];
    return (struct curl_fault){code, VFL_HTTP_FAULT_PERMANENT, VFL_CONFIG};
}

/* Of a proxy's URL that it cannot use, curl's text has all: the password too. */
static bool quotes_proxy(const char *text)
{
    static const char beginning[] = "Unsupported proxy";
    return strncmp(text, beginning, sizeof beginning - 1) == 0;
}

static enum vfl_status report_curl_failure(struct vfl_http *http, const struct exchange *exchange,
                                           CURLcode code)
{
    struct curl_fault fault = classify(code);
    struct vfl_http_response *response = exchange->response;
    const char *text = http->curl_text[0] != '\0' ? http->curl_text : curl_easy_strerror(code);
    char proxy[VFL_PROXY_TEXT_SIZE];
    long connect_code = 0;
    vfl_proxy_describe(exchange->request->url, exchange->request->is_proxy_bypassed, proxy);
    (void)curl_easy_getinfo(http->easy, CURLINFO_HTTP_CONNECTCODE, &connect_code);
    if (connect_code >= 400 && connect_code < 500) {
        response->fault = VFL_HTTP_FAULT_PERMANENT;
        return vfl_error_set(exchange->err, VFL_CONFIG,
                             "the proxy refused the connection with status %ld: check the "
                             "https_proxy setting and its credentials%s",
                             connect_code, proxy);
    }
    if (quotes_proxy(text)) {
        response->fault = VFL_HTTP_FAULT_PERMANENT;
        return vfl_error_set(exchange->err, VFL_CONFIG,
                             "the proxy's URL cannot be used: check the https_proxy setting, in "
                             "which /, @, # and spaces of a user or password are written %%2F, "
                             "%%40, %%23 and %%20%s",
                             proxy);
    }
    response->fault = fault.fault;
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return vfl_error_set(exchange->err, VFL_CONFIG,
                             "the server's certificate was refused (%s): check the clock, the CA "
                             "certificates and whether a proxy intercepts TLS%s",
                             text, proxy);
    case CURLE_SSL_CACERT_BADFILE:
        return vfl_error_set(exchange->err, VFL_CONFIG,
                             "the CA certificates cannot be read (%s): check AWS_CA_BUNDLE "
                             "and SSL_CERT_FILE, or install ca-certificates",
                             text);
    case CURLE_UNSUPPORTED_PROTOCOL:
        return vfl_error_set(exchange->err, fault.status, "the server does not speak HTTP/1.1%s",
                             proxy);
    case CURLE_WEIRD_SERVER_REPLY:
        return vfl_error_set(exchange->err, fault.status,
                             "the answer's headers break the rules of HTTP (%s): check whether a "
                             "proxy changes them%s",
                             text, proxy);
    case CURLE_OUT_OF_MEMORY: /* what curl 7.88 says about one over-long header line */
        return vfl_error_set(exchange->err, fault.status,
                             "the answer has an over-long header line (or memory is short)");
    case CURLE_COULDNT_RESOLVE_HOST:
        return vfl_error_set(exchange->err, fault.status, "%s: check DNS and the endpoint%s", text,
                             proxy);
    default:
        return vfl_error_set(exchange->err, fault.status, "%s%s", text, proxy);
    }
}

/* What curl accepts but must not count as a complete answer. */
static enum vfl_status check_complete(const struct exchange *exchange)
{
    struct vfl_http_response *response = exchange->response;
    int64_t stated = response->content_length_bytes;
    if (strcmp(exchange->request->method, "HEAD") == 0 || response->status_code == 204 ||
        response->status_code == 304)
        return VFL_OK;
    if (stated < 0 && !exchange->is_chunked) {
        response->fault = VFL_HTTP_FAULT_TRANSIENT_ONCE;
        return vfl_error_set(exchange->err, VFL_RETRY,
                             "the answer does not state its length: it may be cut");
    }
    if (stated >= 0 && (uint64_t)stated != response->body_byte_count) {
        response->fault = VFL_HTTP_FAULT_TRANSIENT;
        return vfl_error_set(exchange->err, VFL_RETRY, "the answer has %llu bytes but states %lld",
                             (unsigned long long)response->body_byte_count, (long long)stated);
    }
    return VFL_OK;
}

static enum vfl_status finish(struct vfl_http *http, struct exchange *exchange, CURLMcode failure,
                              CURLcode code)
{
    const struct vfl_http_request *request = exchange->request;
    struct vfl_http_response *response = exchange->response;
    long status_code = 0, sent_byte_count = 0;
    (void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status_code);
    (void)curl_easy_getinfo(http->easy, CURLINFO_REQUEST_SIZE, &sent_byte_count);
    response->status_code = (int)status_code;
    response->is_request_sent = sent_byte_count > 0;
    response->fault = VFL_HTTP_FAULT_PERMANENT;
    if (exchange->failure != VFL_OK)
        return exchange->failure;
    if (failure != CURLM_OK)
        return vfl_error_set(exchange->err, VFL_NO_MEMORY, "libcurl: %s",
                             curl_multi_strerror(failure));
    if (is_cancelled(http) && code != CURLE_OK)
        return vfl_error_set(exchange->err, VFL_CANCELLED, "cancelled");
    if (code == CURLE_OPERATION_TIMEDOUT && http->clock.now_monotonic_ms(http->clock.ctx) >=
                                                request->deadline_monotonic_ms - TIMER_SLACK_MS)
        return vfl_error_set(exchange->err, VFL_DEADLINE,
                             "no complete answer within the time left");
    if (code != CURLE_OK)
        return report_curl_failure(http, exchange, code);
    response->fault = VFL_HTTP_FAULT_NONE;
    return check_complete(exchange);
}

enum vfl_status vfl_http_perform(struct vfl_http *http, const struct vfl_http_request *request,
                                 struct vfl_http_response *response, struct vfl_error *err)
{
    vfl_http_response_reset(response);
    response->fault = VFL_HTTP_FAULT_PERMANENT;
    int64_t now_ms = http->clock.now_monotonic_ms(http->clock.ctx);
    int64_t timeout_ms = request->deadline_monotonic_ms - now_ms;
    if (is_cancelled(http))
        return vfl_error_set(err, VFL_CANCELLED, "cancelled");
    if (timeout_ms <= 0)
        return vfl_error_set(err, VFL_DEADLINE, "no time left");
    if (timeout_ms > INT_MAX)
        timeout_ms = INT_MAX;
    struct curl_slist *headers = make_header_list(request);
    if (headers == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for request headers");
    struct exchange exchange = {
        .request = request, .response = response, .easy = http->easy, .err = err};
    http->curl_text[0] = '\0';
    set_transport_options(http, request, timeout_ms);
    set_request_options(http, &exchange, headers);

    CURLcode code = CURLE_OK;
    response->sent_epoch_ms = http->clock.now_epoch_ms(http->clock.ctx);
    CURLMcode failure = curl_multi_add_handle(http->multi, http->easy);
    if (failure == CURLM_OK) {
        failure = drive(http, &code);
        response->received_epoch_ms = http->clock.now_epoch_ms(http->clock.ctx);
    }
    enum vfl_status st = finish(http, &exchange, failure, code);
    (void)curl_multi_remove_handle(http->multi, http->easy);
    curl_easy_reset(http->easy);
    free_header_list(headers);
    return st;
}
