#include "core/aws/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/aws/clock_skew.h"
#include "core/aws/proxy.h"

#define OWN_HEADER_COUNT 4 /* host, x-amz-date, x-amz-content-sha256, x-amz-security-token */
#define MAX_HEADER_BYTES 32768
#define CALL_SLACK_MS 50 /* a timer may ring early, and in less nothing is answered */

/* Everything that one attempt makes on its way to the wire. */
struct attempt {
    struct vfl_sigv4 signature;
    struct vfl_sigv4_pair headers[VFL_SIGV4_MAX_PAIRS];
    size_t header_count;
    char date[VFL_AMZ_DATE_SIZE];
    char body_hash[VFL_SHA256_HEX_SIZE];
    struct vfl_strbuf path;
    struct vfl_strbuf url;
    struct vfl_strbuf lines[VFL_SIGV4_MAX_PAIRS + 1];
    const char *line_texts[VFL_SIGV4_MAX_PAIRS + 1];
    size_t line_count;
    int64_t sent_epoch_ms;
    int64_t used_skew_ms;
};

/* What has been spent on a call so far. */
struct effort {
    int64_t deadline_ms; /* of the call with its repetitions; INT64_MAX for none */
    unsigned attempt_count;
    int last_cost;
    bool is_once_used;
    bool is_clock_used;
};

void vfl_aws_reply_init(struct vfl_aws_reply *reply)
{
    memset(reply, 0, sizeof *reply);
    vfl_http_response_init(&reply->http);
}

void vfl_aws_reply_fini(struct vfl_aws_reply *reply)
{
    if (reply != NULL)
        vfl_http_response_fini(&reply->http);
}

enum vfl_status vfl_aws_client_init(struct vfl_aws_client *client,
                                    const struct vfl_aws_client_options *options,
                                    struct vfl_error *err)
{
    struct vfl_http *http = NULL;
    enum vfl_status st = vfl_http_new(&options->http, &http, err);
    if (st != VFL_OK)
        return st;
    *client = (struct vfl_aws_client){
        .http = http,
        .clock = options->clock,
        .cancelled = options->http.cancelled,
        .budget = &client->own_budget,
        .own_budget = {.quota = {VFL_RETRY_QUOTA_TOKENS}, .deadline_monotonic_ms = INT64_MAX},
    };
    client->own_budget.chance_state =
        (uint64_t)client->clock.now_epoch_ms(client->clock.ctx) ^ (uint64_t)(uintptr_t)client;
    return VFL_OK;
}

enum vfl_status vfl_aws_client_init_beside(struct vfl_aws_client *client,
                                           const struct vfl_aws_client *origin,
                                           const struct vfl_http_options *http_options,
                                           struct vfl_error *err)
{
    struct vfl_http *http = NULL;
    enum vfl_status st = vfl_http_new(http_options, &http, err);
    if (st != VFL_OK)
        return st;
    *client = (struct vfl_aws_client){
        .http = http,
        .clock = origin->clock,
        .cancelled = http_options->cancelled,
        .budget = origin->budget,
    };
    return VFL_OK;
}

void vfl_aws_client_fini(struct vfl_aws_client *client)
{
    if (client == NULL)
        return;
    vfl_http_free(client->http);
    *client = (struct vfl_aws_client){0};
}

int64_t vfl_aws_client_now_epoch_s(const struct vfl_aws_client *client)
{
    return (client->clock.now_epoch_ms(client->clock.ctx) + client->budget->clock_skew_ms) / 1000;
}

static void add_header(struct attempt *attempt, const char *name, struct vfl_span value)
{
    attempt->headers[attempt->header_count++] =
        (struct vfl_sigv4_pair){vfl_span_from_string(name), value};
}

static enum vfl_status check_header_value(const struct vfl_sigv4_pair *header,
                                          struct vfl_error *err)
{
    for (size_t i = 0; i < header->value.len; i++) {
        unsigned char byte = (unsigned char)header->value.ptr[i];
        if (byte < 0x20 || byte == 0x7f)
            return vfl_error_set(err, VFL_CONFIG, "a line break or control character in %.*s",
                                 (int)header->name.len, header->name.ptr);
    }
    return VFL_OK;
}

static enum vfl_status collect_headers(struct attempt *attempt, const struct vfl_aws_call *call,
                                       const struct vfl_credentials *credentials,
                                       struct vfl_error *err)
{
    attempt->header_count = 0;
    if (call->header_count > VFL_SIGV4_MAX_PAIRS - OWN_HEADER_COUNT)
        return vfl_error_set(err, VFL_LIMIT, "too many request headers");
    add_header(attempt, "host", vfl_span_from_string(call->endpoint->host));
    if (credentials != NULL) {
        add_header(attempt, "x-amz-date", vfl_span_from_string(attempt->date));
        add_header(attempt, "x-amz-content-sha256", vfl_span_from_string(attempt->body_hash));
    }
    if (credentials != NULL && credentials->session_token != NULL)
        add_header(attempt, "x-amz-security-token",
                   vfl_span_from_string(credentials->session_token));
    for (size_t i = 0; i < call->header_count; i++)
        attempt->headers[attempt->header_count++] = call->headers[i];
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; st == VFL_OK && i < attempt->header_count; i++)
        st = check_header_value(&attempt->headers[i], err);
    return st;
}

static enum vfl_status make_lines(struct attempt *attempt, struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; st == VFL_OK && i < attempt->header_count; i++) {
        struct vfl_strbuf *line = &attempt->lines[i];
        vfl_strbuf_init_secret(line, MAX_HEADER_BYTES);
        vfl_strbuf_append(line, attempt->headers[i].name);
        /* curl takes "name:" for the wish to remove a header and "name;" for an empty one. */
        vfl_strbuf_append_string(line, attempt->headers[i].value.len == 0 ? ";" : ": ");
        vfl_strbuf_append(line, attempt->headers[i].value);
        attempt->line_texts[i] = vfl_strbuf_string(line);
        st = vfl_strbuf_check(line, "request header", err);
    }
    attempt->line_count = attempt->header_count;
    return st;
}

static enum vfl_status add_authorization(struct attempt *attempt, struct vfl_error *err)
{
    struct vfl_strbuf *line = &attempt->lines[attempt->line_count];
    vfl_strbuf_init_secret(line, MAX_HEADER_BYTES);
    vfl_strbuf_append_string(line, "authorization: ");
    vfl_strbuf_append(line, vfl_strbuf_span(&attempt->signature.authorization));
    attempt->line_texts[attempt->line_count++] = vfl_strbuf_string(line);
    return vfl_strbuf_check(line, "authorization header", err);
}

/* One clock sample makes the date header and the scope, so that midnight cannot fall between. */
static enum vfl_status sign_attempt(struct vfl_aws_client *client, const struct vfl_aws_call *call,
                                    const struct vfl_credentials *credentials,
                                    struct attempt *attempt, struct vfl_error *err)
{
    attempt->sent_epoch_ms = client->clock.now_epoch_ms(client->clock.ctx);
    attempt->used_skew_ms = client->budget->clock_skew_ms;
    const struct vfl_sigv4_scope scope = {(attempt->sent_epoch_ms + attempt->used_skew_ms) / 1000,
                                          call->region, call->service};
    vfl_timestamp_format_amz(scope.epoch_s, attempt->date);
    enum vfl_status st = vfl_digest_sha256_hex(call->body, attempt->body_hash, err);
    if (st == VFL_OK)
        st = collect_headers(attempt, call, credentials, err);
    if (st != VFL_OK)
        return st;
    vfl_strbuf_append_string(&attempt->path, call->endpoint->base_path);
    vfl_strbuf_append(&attempt->path, call->path);
    st = vfl_strbuf_check(&attempt->path, "request path", err);
    if (st != VFL_OK)
        return st;
    const struct vfl_sigv4_request request = {
        .method = call->method,
        .path = vfl_strbuf_span(&attempt->path),
        .path_mode =
            strcmp(call->service, "s3") == 0 ? VFL_SIGV4_PATH_S3 : VFL_SIGV4_PATH_NORMALISED,
        .params = call->params,
        .param_count = call->param_count,
        .headers = attempt->headers,
        .header_count = attempt->header_count,
        .payload_hash = attempt->body_hash,
    };
    st = vfl_sigv4_canonicalise(&attempt->signature, &request, err);
    if (st == VFL_OK)
        st = make_lines(attempt, err);
    if (st != VFL_OK || credentials == NULL)
        return st;
    st = vfl_sigv4_make_string_to_sign(&attempt->signature, &scope, err);
    if (st == VFL_OK)
        st = vfl_sigv4_sign(&attempt->signature, &scope, credentials->access_key_id,
                            credentials->secret_access_key, err);
    if (st == VFL_OK)
        st = add_authorization(attempt, err);
    return st;
}

static void attempt_init(struct attempt *attempt)
{
    memset(attempt, 0, sizeof *attempt);
    vfl_sigv4_init(&attempt->signature);
    vfl_strbuf_init(&attempt->path, 8192);
    vfl_strbuf_init(&attempt->url, 65536);
}

static void attempt_fini(struct attempt *attempt)
{
    vfl_sigv4_fini(&attempt->signature);
    vfl_strbuf_fini(&attempt->path);
    vfl_strbuf_fini(&attempt->url);
    for (size_t i = 0; i < sizeof attempt->lines / sizeof attempt->lines[0]; i++)
        vfl_strbuf_fini(&attempt->lines[i]);
}

/* Only an answer that nobody on the way can have made up tells the clock's error. */
static bool learn_skew(struct vfl_aws_client *client, const struct vfl_aws_call *call,
                       const struct attempt *attempt, const struct vfl_http_response *response,
                       int64_t *ret_skew_ms)
{
    const struct vfl_clock_sample sample = {
        .sent_epoch_ms = attempt->sent_epoch_ms,
        .received_epoch_ms = client->clock.now_epoch_ms(client->clock.ctx),
        .date = response->date,
        .age = response->age,
    };
    if (!call->endpoint->is_https && !call->endpoint->is_loopback)
        return false;
    if (response->status_code == 0 || !vfl_clock_skew_read(&sample, ret_skew_ms))
        return false;
    client->budget->clock_skew_ms = *ret_skew_ms;
    return true;
}

static enum vfl_status status_of_answer(int status_code, enum vfl_retry_class class)
{
    if (class == VFL_RETRY_TRANSIENT || class == VFL_RETRY_THROTTLED || status_code >= 500)
        return VFL_RETRY;
    if (status_code == 401 || status_code == 403 || class != VFL_RETRY_NEVER)
        return VFL_DENIED;
    if (status_code == 404)
        return VFL_NOT_FOUND;
    if (status_code == 408)
        return VFL_RETRY;
    return VFL_CONFIG;
}

/* AWS answers in XML, with a request id. */
static bool is_web_page(const struct vfl_aws_reply *reply)
{
    static const char *const beginnings[] = {"<!doctype html", "<html"};
    struct vfl_span body = vfl_strbuf_span(&reply->http.body);
    while (body.len > 0 && strchr(" \t\r\n\xef\xbb\xbf", *body.ptr) != NULL && *body.ptr != '\0')
        body = (struct vfl_span){body.ptr + 1, body.len - 1};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        size_t len = strlen(beginnings[i]);
        if (body.len >= len && strncasecmp(body.ptr, beginnings[i], len) == 0)
            return reply->http.request_id[0] == '\0';
    }
    return false;
}

static void describe_proxy(const struct vfl_aws_call *call, char ret_text[VFL_PROXY_TEXT_SIZE])
{
    char url[sizeof call->endpoint->host + sizeof "https://"];
    (void)snprintf(url, sizeof url, "%s://%s", call->endpoint->is_https ? "https" : "http",
                   call->endpoint->host);
    vfl_proxy_describe(url, call->endpoint->is_loopback, ret_text);
}

/* What it says of permissions or absence is not AWS's word; that it is busy holds for anybody. */
static enum vfl_status describe_web_page(const struct vfl_aws_call *call, int status_code,
                                         enum vfl_status status, struct vfl_error *err)
{
    char proxy[VFL_PROXY_TEXT_SIZE];
    describe_proxy(call, proxy);
    return vfl_error_set(err, status == VFL_RETRY ? VFL_RETRY : VFL_CONFIG,
                         "HTTP %d with a web page in place of an answer of %s: something on the "
                         "way answered, such as a proxy or a captive portal%s",
                         status_code, call->endpoint->host, proxy);
}

static enum vfl_status describe_answer(const struct vfl_aws_call *call,
                                       const struct vfl_aws_reply *reply, enum vfl_status status,
                                       struct vfl_error *err)
{
    const struct vfl_xml_fault *fault = &reply->fault;
    const char *message = fault->message;
    if (call->withheld != NULL && *call->withheld != '\0' &&
        strstr(message, call->withheld) != NULL)
        message = "(text withheld: it quotes a secret)";
    const char *id = reply->http.request_id;
    return vfl_error_set(err, status, "HTTP %d%s%s%s%s%s%.80s%s", reply->http.status_code,
                         fault->code[0] != '\0' ? " " : "", fault->code,
                         message[0] != '\0' ? ": " : "", message, id[0] != '\0' ? " (request " : "",
                         id, id[0] != '\0' ? ")" : "");
}

/* Turns a complete HTTP answer into a status, a retry class and a text. */
static enum vfl_status judge_answer(const struct vfl_aws_call *call, struct vfl_aws_reply *reply,
                                    struct vfl_error *err)
{
    struct vfl_span body = vfl_strbuf_span(&reply->http.body);
    int code = reply->http.status_code;
    if (code >= 200 && code < 300) {
        enum vfl_status st = call->parse == NULL ? VFL_OK : call->parse(call->parse_ctx, body, err);
        if (st != VFL_FORMAT)
            return st;
        vfl_xml_read_fault(body, &reply->fault);
        reply->retry_class = vfl_retry_classify(500, reply->fault.code);
        if (!reply->fault.is_error) {
            reply->http.fault = VFL_HTTP_FAULT_TRANSIENT_ONCE;
            if (is_web_page(reply))
                return describe_web_page(call, code, VFL_RETRY, err);
            return vfl_error_wrap(err, VFL_RETRY, "HTTP %d from %s", code, call->endpoint->host);
        }
        return describe_answer(call, reply, status_of_answer(500, reply->retry_class), err);
    }
    vfl_xml_read_fault(body, &reply->fault);
    reply->retry_class = vfl_retry_classify(code, reply->fault.code);
    enum vfl_status status = status_of_answer(code, reply->retry_class);
    if (is_web_page(reply) && !reply->fault.is_error)
        return describe_web_page(call, code, status, err);
    return describe_answer(call, reply, status, err);
}

/* A peer that takes the connection and says nothing is told apart from one that is slow. */
static enum vfl_status describe_silence(const struct vfl_aws_call *call,
                                        const struct vfl_http_response *response, int64_t waited_ms,
                                        struct vfl_error *err)
{
    long long waited_s = (long long)((waited_ms + 500) / 1000);
    char proxy[VFL_PROXY_TEXT_SIZE];
    describe_proxy(call, proxy);
    if (response->status_code == 0)
        return vfl_error_set(err, VFL_RETRY, "no answer from %s within %lld s%s",
                             call->endpoint->host, waited_s, proxy);
    return vfl_error_set(err, VFL_RETRY, "no complete answer from %s within %lld s%s",
                         call->endpoint->host, waited_s, proxy);
}

static enum vfl_status send_attempt(struct vfl_aws_client *client, const struct vfl_aws_call *call,
                                    struct attempt *attempt, int64_t call_deadline_ms,
                                    struct vfl_aws_reply *reply, struct vfl_error *err)
{
    vfl_strbuf_appendf(&attempt->url, "%s://%s", call->endpoint->is_https ? "https" : "http",
                       call->endpoint->host);
    vfl_strbuf_append(&attempt->url, vfl_strbuf_span(&attempt->signature.path));
    if (call->param_count > 0)
        vfl_strbuf_append_char(&attempt->url, '?');
    vfl_strbuf_append(&attempt->url, vfl_strbuf_span(&attempt->signature.query));
    enum vfl_status st = vfl_strbuf_check(&attempt->url, "request URL", err);
    if (st != VFL_OK)
        return st;
    int64_t now_ms = client->clock.now_monotonic_ms(client->clock.ctx);
    int64_t deadline_ms = now_ms + call->timeout_ms;
    if (deadline_ms > call_deadline_ms)
        deadline_ms = call_deadline_ms;
    bool is_run_deadline = deadline_ms >= client->budget->deadline_monotonic_ms;
    const struct vfl_http_request request = {
        .method = call->method,
        .url = vfl_strbuf_string(&attempt->url),
        .header_lines = attempt->line_texts,
        .header_count = attempt->line_count,
        .body = call->body,
        .is_plain_http_allowed = !call->endpoint->is_https,
        .is_proxy_bypassed = call->endpoint->is_loopback,
        .deadline_monotonic_ms =
            is_run_deadline ? client->budget->deadline_monotonic_ms : deadline_ms,
        .max_body_bytes = call->max_body_bytes,
        .sink = call->sink,
    };
    client->budget->request_count++;
    st = vfl_http_perform(client->http, &request, &reply->http, err);
    if (st == VFL_DEADLINE && !is_run_deadline && reply->http.fault != VFL_HTTP_FAULT_NONE) {
        reply->http.fault = VFL_HTTP_FAULT_TRANSIENT;
        return describe_silence(call, &reply->http, deadline_ms - now_ms, err);
    }
    return st;
}

static enum vfl_status perform_attempt(struct vfl_aws_client *client,
                                       const struct vfl_aws_call *call,
                                       const struct vfl_credentials *credentials,
                                       int64_t call_deadline_ms, struct vfl_aws_reply *reply,
                                       bool *ret_is_clock_blamed, struct vfl_error *err)
{
    struct attempt attempt;
    *ret_is_clock_blamed = false;
    reply->retry_class = VFL_RETRY_NEVER;
    reply->fault = (struct vfl_xml_fault){.code = ""};
    vfl_http_response_reset(&reply->http);
    reply->http.fault = VFL_HTTP_FAULT_PERMANENT;
    attempt_init(&attempt);
    enum vfl_status st = sign_attempt(client, call, credentials, &attempt, err);
    if (st != VFL_OK)
        goto out;
    st = send_attempt(client, call, &attempt, call_deadline_ms, reply, err);
    int64_t skew_ms = 0;
    bool is_skew_known = learn_skew(client, call, &attempt, &reply->http, &skew_ms);
    if (st == VFL_OK)
        st = judge_answer(call, reply, err);
    *ret_is_clock_blamed =
        is_skew_known && vfl_clock_skew_explains(reply->retry_class, attempt.used_skew_ms, skew_ms);
out:
    attempt_fini(&attempt);
    return st;
}

/* Whether the failed attempt is worth another one; charges the quota and gives the class that
 * decides the pause. A pause of none is VFL_RETRY_CLOCK. */
static bool may_repeat(struct vfl_aws_client *client, const struct vfl_aws_reply *reply,
                       struct effort *effort, bool is_clock_blamed, enum vfl_retry_class *ret_class)
{
    enum vfl_retry_class class = reply->retry_class;
    enum vfl_http_fault fault = reply->http.fault;
    if (reply->http.sink_byte_count > 0)
        return false;
    if (class == VFL_RETRY_CLOCK || class == VFL_RETRY_MAYBE_CLOCK) {
        bool is_wanted = is_clock_blamed && !effort->is_clock_used;
        effort->is_clock_used = true;
        *ret_class = VFL_RETRY_CLOCK;
        return is_wanted;
    }
    if (fault == VFL_HTTP_FAULT_TRANSIENT_ONCE) {
        if (effort->is_once_used)
            return false;
        effort->is_once_used = true;
        class = VFL_RETRY_TRANSIENT;
    } else if (fault == VFL_HTTP_FAULT_TRANSIENT) {
        class = VFL_RETRY_TRANSIENT;
    } else if (fault == VFL_HTTP_FAULT_PERMANENT) {
        return false;
    }
    if (class != VFL_RETRY_TRANSIENT && class != VFL_RETRY_THROTTLED)
        return false;
    if (effort->attempt_count >= VFL_RETRY_MAX_ATTEMPTS)
        return false;
    *ret_class = class;
    return vfl_retry_quota_take(&client->budget->quota, class, &effort->last_cost);
}

/* False, at once, when the wait would outlast the run or the call. */
static bool pause_before(struct vfl_aws_client *client, enum vfl_retry_class class,
                         unsigned retry_index, const char *retry_after, int64_t deadline_ms)
{
    int64_t delay_ms = vfl_retry_delay_ms(
        class, retry_index, vfl_retry_chance(&client->budget->chance_state), retry_after);
    int64_t now_ms = client->clock.now_monotonic_ms(client->clock.ctx);
    if (deadline_ms > client->budget->deadline_monotonic_ms)
        deadline_ms = client->budget->deadline_monotonic_ms;
    if (now_ms + delay_ms >= deadline_ms)
        return false;
    client->clock.wait_ms(client->clock.ctx, delay_ms, client->cancelled);
    return true;
}

bool vfl_aws_client_pause(struct vfl_aws_client *client, enum vfl_retry_class class,
                          unsigned retry_index, const char *retry_after)
{
    return pause_before(client, class, retry_index, retry_after, INT64_MAX);
}

static bool is_within_call(struct vfl_aws_client *client, const struct effort *effort)
{
    return client->clock.now_monotonic_ms(client->clock.ctx) < effort->deadline_ms - CALL_SLACK_MS;
}

enum vfl_status vfl_aws_client_call(struct vfl_aws_client *client, const struct vfl_aws_call *call,
                                    const struct vfl_credentials *credentials,
                                    struct vfl_aws_reply *reply, struct vfl_error *err)
{
    int64_t limit_ms = client->budget->call_limit_ms;
    struct effort effort = {.deadline_ms = INT64_MAX};
    if (limit_ms > 0)
        effort.deadline_ms = client->clock.now_monotonic_ms(client->clock.ctx) + limit_ms;
    for (;;) {
        bool is_clock_blamed;
        enum vfl_retry_class class;
        effort.attempt_count++;
        enum vfl_status st = perform_attempt(client, call, credentials, effort.deadline_ms, reply,
                                             &is_clock_blamed, err);
        if (st == VFL_OK) {
            vfl_retry_quota_return(&client->budget->quota, effort.last_cost);
            return VFL_OK;
        }
        if (st == VFL_CANCELLED || st == VFL_DEADLINE || st == VFL_NO_MEMORY)
            return st;
        if (!is_within_call(client, &effort) ||
            !may_repeat(client, reply, &effort, is_clock_blamed, &class))
            return st;
        if (class != VFL_RETRY_CLOCK &&
            (!pause_before(client, class, effort.attempt_count - 1, reply->http.retry_after,
                           effort.deadline_ms) ||
             !is_within_call(client, &effort)))
            return st;
    }
}
