#include "core/aws/credential_source.h"

#define PAUSE_MS 1000
#define MAX_DOCUMENT_BYTES 65536

static enum vfl_status perform_once(struct vfl_aws_client *client,
                                    const struct vfl_metadata_request *request, const char *url,
                                    struct vfl_http_response *response, struct vfl_error *err)
{
    int64_t now_ms = client->clock.now_monotonic_ms(client->clock.ctx);
    int64_t deadline_ms = now_ms + request->timeout_ms;
    bool is_run_deadline = deadline_ms >= client->budget->deadline_monotonic_ms;
    const char *const lines[] = {request->header};
    const struct vfl_http_request http_request = {
        .method = request->method,
        .url = url,
        .header_lines = lines,
        .header_count = request->header == NULL ? 0 : 1,
        .is_plain_http_allowed = !request->endpoint->is_https,
        .is_proxy_bypassed = true,
        .deadline_monotonic_ms =
            is_run_deadline ? client->budget->deadline_monotonic_ms : deadline_ms,
        .max_body_bytes = MAX_DOCUMENT_BYTES,
    };
    client->budget->request_count++;
    enum vfl_status st = vfl_http_perform(client->http, &http_request, response, err);
    if (st == VFL_DEADLINE && !is_run_deadline)
        return vfl_error_set(err, VFL_RETRY, "no answer from %s within %lld ms",
                             request->endpoint->host, (long long)request->timeout_ms);
    if (st == VFL_OK && (response->status_code >= 500 || response->status_code == 429))
        return vfl_error_set(err, VFL_RETRY, "HTTP %d from %s", response->status_code,
                             request->endpoint->host);
    return st;
}

enum vfl_status vfl_metadata_perform(struct vfl_aws_client *client,
                                     const struct vfl_metadata_request *request,
                                     struct vfl_http_response *response, struct vfl_error *err)
{
    struct vfl_strbuf url = VFL_STRBUF_INIT(4096);
    vfl_strbuf_appendf(&url, "%s://%s%s%s", request->endpoint->is_https ? "https" : "http",
                       request->endpoint->host, request->endpoint->base_path, request->path);
    enum vfl_status st = vfl_strbuf_check(&url, "metadata URL", err);
    if (st != VFL_OK)
        goto out;
    for (unsigned try_index = 0;; try_index++) {
        st = perform_once(client, request, vfl_strbuf_string(&url), response, err);
        int64_t next_ms = client->clock.now_monotonic_ms(client->clock.ctx) + PAUSE_MS;
        if (st != VFL_RETRY || try_index + 1 >= request->try_count ||
            next_ms >= client->budget->deadline_monotonic_ms)
            break;
        client->clock.wait_ms(client->clock.ctx, PAUSE_MS, client->cancelled);
    }
out:
    vfl_strbuf_fini(&url);
    return st;
}
