#include "core/aws/credential_source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#define SOURCE "container credentials"
#define ECS_URL "http://169.254.170.2"
#define TIMEOUT_MS 2000
#define TRY_COUNT 3
#define MAX_URI_BYTES 2048
#define MAX_TOKEN_BYTES 16384

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static enum vfl_status refuse_uri(const char *why, struct vfl_error *err)
{
    return vfl_error_set(err, VFL_CONFIG, SOURCE ": %s", why);
}

/* The part of a host that inet_pton takes: neither port nor brackets. */
static bool copy_address(const char *host, char *ret_text, size_t size)
{
    const char *end = *host == '[' ? strchr(host, ']') : strchr(host, ':');
    if (*host == '[')
        host++;
    size_t length = end == NULL ? strlen(host) : (size_t)(end - host);
    if (length >= size)
        return false;
    memcpy(ret_text, host, length);
    ret_text[length] = '\0';
    return true;
}

/* The link-local addresses of the container agents of ECS and EKS. */
static bool is_container_agent(const struct vfl_endpoint *endpoint)
{
    static const char *const v4[] = {"169.254.170.2", "169.254.170.23"};
    static const char eks_v6[] = "fd00:ec2::23";
    char text[64];
    struct in_addr asked4, known4;
    struct in6_addr asked6, known6;
    if (!endpoint->is_ip_literal || !copy_address(endpoint->host, text, sizeof text))
        return false;
    if (inet_pton(AF_INET6, text, &asked6) == 1)
        return inet_pton(AF_INET6, eks_v6, &known6) == 1 &&
               memcmp(&asked6, &known6, sizeof asked6) == 0;
    if (inet_pton(AF_INET, text, &asked4) != 1)
        return false;
    for (size_t i = 0; i < sizeof v4 / sizeof v4[0]; i++)
        if (inet_pton(AF_INET, v4[i], &known4) == 1 && asked4.s_addr == known4.s_addr)
            return true;
    return false;
}

static bool is_plain_path(const char *path)
{
    for (; *path != '\0'; path++)
        if (*path <= ' ' || *path > '~' || strchr("#\\\"<>", *path) != NULL)
            return false;
    return true;
}

enum vfl_status vfl_credentials_container_place(const char *relative_uri, const char *full_uri,
                                                struct vfl_endpoint *ret_endpoint,
                                                const char **ret_path, struct vfl_error *err)
{
    char authority[512];
    struct vfl_endpoint endpoint;
    const char *url = is_set(relative_uri) ? ECS_URL : full_uri;
    const char *scheme_end = strstr(url, "://");
    size_t length = scheme_end == NULL ? strlen(url) : (size_t)(scheme_end + 3 - url);
    length += strcspn(url + length, "/?");
    const char *path = is_set(relative_uri) ? relative_uri : url + length;
    if (is_set(relative_uri) && *relative_uri != '/')
        return refuse_uri("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /", err);
    if (length >= sizeof authority || strlen(path) > MAX_URI_BYTES || !is_plain_path(path))
        return refuse_uri("the URI is too long or has a character that no URI has", err);
    memcpy(authority, url, length);
    authority[length] = '\0';
    enum vfl_status st = vfl_endpoint_parse(
        authority, SOURCE ": AWS_CONTAINER_CREDENTIALS_FULL_URI", &endpoint, err);
    if (st != VFL_OK)
        return st;
    if (!endpoint.is_https && !endpoint.is_loopback && !is_container_agent(&endpoint))
        return refuse_uri("AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that may be asked over "
                          "https only: over http the host has to be localhost, 169.254.170.2, "
                          "169.254.170.23 or [fd00:ec2::23]",
                          err);
    *ret_endpoint = endpoint;
    *ret_path = path;
    return VFL_OK;
}

/* Leaves *header empty when no token is set. */
static enum vfl_status make_authorization(struct vfl_strbuf *header, struct vfl_error *err)
{
    const char *path = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *text = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct vfl_strbuf token;
    enum vfl_status st = VFL_OK;
    vfl_strbuf_init_secret(&token, MAX_TOKEN_BYTES);
    if (is_set(path)) {
        st = vfl_credentials_read_token(SOURCE ": authorization token file", path, MAX_TOKEN_BYTES,
                                        &token, err);
    } else if (is_set(text)) {
        vfl_strbuf_append_string(&token, text);
        st = vfl_strbuf_check(&token, SOURCE ": authorization token", err);
        for (size_t i = 0; st == VFL_OK && i < token.len; i++)
            if (token.bytes[i] < ' ' || token.bytes[i] > '~')
                st = refuse_uri("AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break or another "
                                "character that no token has",
                                err);
    }
    if (st == VFL_OK && token.len > 0) {
        vfl_strbuf_append_string(header, "Authorization: ");
        vfl_strbuf_append(header, vfl_strbuf_span(&token));
        st = vfl_strbuf_check(header, SOURCE ": authorization token", err);
    }
    vfl_strbuf_fini(&token);
    return st;
}

static enum vfl_status judge(const struct vfl_http_response *response, const char *host,
                             struct vfl_credentials *ret_credentials, struct vfl_error *err)
{
    if (response->status_code == 200)
        return vfl_credentials_parse_document(vfl_strbuf_span(&response->body), SOURCE,
                                              ret_credentials, err);
    return vfl_error_set(err, VFL_DENIED,
                         SOURCE ": HTTP %d from %s: check that the task or pod has a role, and the "
                                "authorization token",
                         response->status_code, host);
}

static enum vfl_status fetch(const void *ctx, struct vfl_credentials *ret_credentials,
                             bool *ret_is_found, struct vfl_error *err)
{
    const struct vfl_credential_surroundings *surroundings = ctx;
    const char *relative_uri = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full_uri = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *path;
    struct vfl_endpoint endpoint;
    if (!is_set(relative_uri) && !is_set(full_uri)) {
        *ret_is_found = false;
        return VFL_OK;
    }
    enum vfl_status st =
        vfl_credentials_container_place(relative_uri, full_uri, &endpoint, &path, err);
    if (st != VFL_OK)
        return st;
    struct vfl_http_response response;
    struct vfl_strbuf header;
    vfl_http_response_init(&response);
    vfl_strbuf_init_secret(&header, MAX_TOKEN_BYTES + 32);
    st = make_authorization(&header, err);
    if (st != VFL_OK)
        goto out;
    const struct vfl_metadata_request request = {
        .method = "GET",
        .endpoint = &endpoint,
        .path = path,
        .header = header.len > 0 ? vfl_strbuf_string(&header) : NULL,
        .timeout_ms = TIMEOUT_MS,
        .try_count = TRY_COUNT,
    };
    st = vfl_metadata_perform(surroundings->client, &request, &response, err);
    if (st != VFL_OK)
        st = vfl_error_wrap(err, st, SOURCE);
    else
        st = judge(&response, endpoint.host, ret_credentials, err);
    if (st == VFL_OK)
        *ret_is_found = true;
out:
    vfl_strbuf_fini(&header);
    vfl_http_response_fini(&response);
    return st;
}

struct vfl_credential_provider
vfl_credentials_container(const struct vfl_credential_surroundings *surroundings)
{
    return (struct vfl_credential_provider){SOURCE, fetch, surroundings, false};
}
