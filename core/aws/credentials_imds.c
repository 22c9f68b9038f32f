#include "core/aws/credential_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define SOURCE "instance metadata"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define TOKEN_TTL_TEXT "21600"
#define TOKEN_TTL_MS (21600LL * 1000)
#define TOKEN_MARGIN_MS (60LL * 1000)
#define TIMEOUT_MS 1000
#define READ_TRY_COUNT 3
#define ABSENT_MS (5LL * 60 * 1000)
#define MAX_ROLE_BYTES 64
#define MIN_STABLE_S (17 * 60) /* credentials past their end: asked for again after this */
#define STABLE_SPREAD_S (8 * 60)

/* One fetch in progress. */
struct visit {
    struct vfl_aws_client *client;
    struct vfl_imds_memory *memory;
    struct vfl_endpoint endpoint;
    struct vfl_http_response response;
    char role[MAX_ROLE_BYTES + 1];
};

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

void vfl_imds_memory_fini(struct vfl_imds_memory *memory)
{
    if (memory == NULL)
        return;
    vfl_wipe_free(memory->token);
    *memory = (struct vfl_imds_memory){0};
}

static int64_t monotonic_ms(const struct visit *visit)
{
    return visit->client->clock.now_monotonic_ms(visit->client->clock.ctx);
}

static enum vfl_status find_endpoint(struct vfl_endpoint *ret_endpoint, struct vfl_error *err)
{
    const char *url = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    if (!is_set(url)) {
        url = "http://169.254.169.254";
        if (is_set(mode) && strcasecmp(mode, "IPv6") == 0)
            url = "http://[fd00:ec2::254]";
        else if (is_set(mode) && strcasecmp(mode, "IPv4") != 0)
            return vfl_error_set(err, VFL_CONFIG,
                                 "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is neither IPv4 nor IPv6");
    }
    return vfl_endpoint_parse(url, "AWS_EC2_METADATA_SERVICE_ENDPOINT", ret_endpoint, err);
}

/* Nothing that is a metadata service: not worth asking again soon. */
static enum vfl_status take_as_absent(struct visit *visit, bool *ret_is_absent)
{
    visit->memory->absent_until_monotonic_ms = monotonic_ms(visit) + ABSENT_MS;
    *ret_is_absent = true;
    return VFL_OK;
}

static enum vfl_status judge_silence(struct visit *visit, enum vfl_status status,
                                     bool *ret_is_absent, struct vfl_error *err)
{
    const struct vfl_http_response *response = &visit->response;
    if (status != VFL_RETRY)
        return status;
    if (!response->is_request_sent && !visit->memory->is_seen)
        return take_as_absent(visit, ret_is_absent);
    if (response->is_request_sent && response->status_code == 0 && !visit->memory->is_seen)
        return vfl_error_wrap(
            err, VFL_DENIED,
            SOURCE ": %s takes the connection but does not answer: if the agent runs in a "
                   "container, raise the hop limit of the instance's metadata options to 2; or set "
                   "AWS_EC2_METADATA_DISABLED=true",
            visit->endpoint.host);
    return vfl_error_wrap(err, status, SOURCE);
}

static enum vfl_status keep_token(struct visit *visit, struct vfl_error *err)
{
    struct vfl_span body = vfl_strbuf_span(&visit->response.body);
    bool is_plain = body.len > 0 && body.len <= 4096;
    for (size_t i = 0; is_plain && i < body.len; i++)
        is_plain = body.ptr[i] > ' ' && body.ptr[i] <= '~';
    if (!is_plain)
        return vfl_error_set(err, VFL_CONFIG, SOURCE ": %s gives something that is no token",
                             visit->endpoint.host);
    char *token = strdup(vfl_strbuf_string(&visit->response.body));
    if (token == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for credentials");
    vfl_wipe_free(visit->memory->token);
    visit->memory->token = token;
    visit->memory->token_until_monotonic_ms = monotonic_ms(visit) + TOKEN_TTL_MS - TOKEN_MARGIN_MS;
    visit->memory->is_seen = true;
    return VFL_OK;
}

/* Never falls back to version 1 of the service, which answers anybody who can make the instance
 * send a request. */
static enum vfl_status renew_token(struct visit *visit, bool *ret_is_absent, struct vfl_error *err)
{
    const struct vfl_metadata_request request = {
        .method = "PUT",
        .endpoint = &visit->endpoint,
        .path = "/latest/api/token",
        .header = "x-aws-ec2-metadata-token-ttl-seconds: " TOKEN_TTL_TEXT,
        .timeout_ms = TIMEOUT_MS,
        .try_count = visit->memory->is_seen ? READ_TRY_COUNT : 1,
    };
    enum vfl_status st = vfl_metadata_perform(visit->client, &request, &visit->response, err);
    if (st != VFL_OK)
        return judge_silence(visit, st, ret_is_absent, err);
    switch (visit->response.status_code) {
    case 200:
        return keep_token(visit, err);
    case 403:
        return vfl_error_set(
            err, VFL_DENIED,
            SOURCE ": no credentials: switched off for this instance (HTTP 403): enable its "
                   "metadata endpoint, or set aws_access_key_id and "
                   "aws_secret_access_key");
    case 404:
    case 405: /* some other cloud's service at the same address */
        if (!visit->memory->is_seen)
            return take_as_absent(visit, ret_is_absent);
        break;
    default:
        break;
    }
    return vfl_error_set(err, VFL_CONFIG, SOURCE ": HTTP %d from %s to a request for a token",
                         visit->response.status_code, visit->endpoint.host);
}

/* Reads a path; a token that is not accepted (any more) is replaced once. */
static enum vfl_status read_path(struct visit *visit, const char *path, bool *ret_is_absent,
                                 struct vfl_error *err)
{
    struct vfl_imds_memory *memory = visit->memory;
    for (int round = 0;; round++) {
        enum vfl_status st = VFL_OK;
        if (memory->token == NULL || monotonic_ms(visit) >= memory->token_until_monotonic_ms)
            st = renew_token(visit, ret_is_absent, err);
        if (st != VFL_OK || *ret_is_absent)
            return st;
        struct vfl_strbuf header;
        vfl_strbuf_init_secret(&header, 8192);
        vfl_strbuf_appendf(&header, "x-aws-ec2-metadata-token: %s", memory->token);
        const struct vfl_metadata_request request = {
            .method = "GET",
            .endpoint = &visit->endpoint,
            .path = path,
            .header = vfl_strbuf_string(&header),
            .timeout_ms = TIMEOUT_MS,
            .try_count = READ_TRY_COUNT,
        };
        st = vfl_strbuf_check(&header, "metadata token", err);
        if (st == VFL_OK)
            st = vfl_metadata_perform(visit->client, &request, &visit->response, err);
        vfl_strbuf_fini(&header);
        if (st != VFL_OK)
            return vfl_error_wrap(err, st, SOURCE);
        if (visit->response.status_code != 401 || round > 0)
            return VFL_OK;
        vfl_wipe_free(memory->token);
        memory->token = NULL;
    }
}

static enum vfl_status read_role(struct visit *visit, bool *ret_is_absent, struct vfl_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_+=,.@-";
    enum vfl_status st = read_path(visit, ROLE_PATH, ret_is_absent, err);
    if (st != VFL_OK || *ret_is_absent)
        return st;
    const char *text = vfl_strbuf_string(&visit->response.body);
    size_t length = strcspn(text, "\r\n");
    if (visit->response.status_code == 404 || (visit->response.status_code == 200 && length == 0))
        return vfl_error_set(
            err, VFL_DENIED,
            SOURCE ": no credentials: this instance has no role: attach an instance profile, or "
                   "set aws_access_key_id and aws_secret_access_key");
    if (visit->response.status_code != 200)
        return vfl_error_set(err, VFL_DENIED, SOURCE ": HTTP %d from %s to a request for the role",
                             visit->response.status_code, visit->endpoint.host);
    if (length > MAX_ROLE_BYTES || strspn(text, allowed) < length)
        return vfl_error_set(err, VFL_CONFIG, SOURCE ": the answer of %s is no role name",
                             visit->endpoint.host);
    memcpy(visit->role, text, length);
    visit->role[length] = '\0';
    return VFL_OK;
}

/* When the service cannot renew credentials in time, it goes on giving the old ones, and AWS goes
 * on taking them: "static stability". */
static void outlive(struct visit *visit, struct vfl_credentials *credentials)
{
    int64_t now_s = vfl_aws_client_now_epoch_s(visit->client);
    if (credentials->expires_epoch_s == 0 || credentials->expires_epoch_s > now_s)
        return;
    double chance = vfl_retry_chance(&visit->client->budget->chance_state);
    credentials->expires_epoch_s = now_s + MIN_STABLE_S + (int64_t)(chance * STABLE_SPREAD_S);
}

static enum vfl_status read_credentials(struct visit *visit,
                                        struct vfl_credentials *ret_credentials,
                                        bool *ret_is_absent, struct vfl_error *err)
{
    char path[sizeof ROLE_PATH + MAX_ROLE_BYTES];
    (void)snprintf(path, sizeof path, ROLE_PATH "%s", visit->role);
    enum vfl_status st = read_path(visit, path, ret_is_absent, err);
    if (st != VFL_OK)
        return st;
    if (visit->response.status_code != 200)
        return vfl_error_set(err, VFL_DENIED,
                             SOURCE ": HTTP %d from %s for the credentials of role %s",
                             visit->response.status_code, visit->endpoint.host, visit->role);
    st = vfl_credentials_parse_document(vfl_strbuf_span(&visit->response.body), SOURCE,
                                        ret_credentials, err);
    if (st == VFL_OK)
        outlive(visit, ret_credentials);
    return st;
}

static enum vfl_status fetch(const void *ctx, struct vfl_credentials *ret_credentials,
                             bool *ret_is_found, struct vfl_error *err)
{
    const struct vfl_credential_surroundings *surroundings = ctx;
    const char *disabled = getenv("AWS_EC2_METADATA_DISABLED");
    bool is_absent = is_set(disabled) && strcasecmp(disabled, "true") == 0;
    struct visit visit = {.client = surroundings->client, .memory = surroundings->imds};
    if (!is_absent)
        is_absent = monotonic_ms(&visit) < visit.memory->absent_until_monotonic_ms;
    *ret_is_found = false;
    if (is_absent)
        return VFL_OK;
    enum vfl_status st = find_endpoint(&visit.endpoint, err);
    if (st != VFL_OK)
        return st;
    vfl_http_response_init(&visit.response);
    st = read_role(&visit, &is_absent, err);
    if (st == VFL_OK && !is_absent)
        st = read_credentials(&visit, ret_credentials, &is_absent, err);
    if (st == VFL_OK)
        *ret_is_found = !is_absent;
    vfl_http_response_fini(&visit.response);
    return st;
}

struct vfl_credential_provider
vfl_credentials_imds(const struct vfl_credential_surroundings *surroundings)
{
    return (struct vfl_credential_provider){SOURCE, fetch, surroundings, true};
}
