#include "core/aws/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct partition {
    const char *name;
    const char *region_prefix;
    const char *dns_suffix;
    const char *dual_stack_suffix; /* of all services but S3 */
};

/* The longer prefix stands before the shorter one that it begins with. */
static const struct partition partitions[] = {
    {"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"aws", "", "amazonaws.com", "api.aws"},
};

static const struct partition *find_partition(const char *region)
{
    size_t last = sizeof partitions / sizeof partitions[0] - 1;
    for (size_t i = 0; i < last; i++)
        if (strncmp(region, partitions[i].region_prefix, strlen(partitions[i].region_prefix)) == 0)
            return &partitions[i];
    return &partitions[last];
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool vfl_endpoint_is_region(const char *region)
{
    size_t length = strlen(region);
    if (length < 1 || length > 63 || region[0] == '-' || region[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_lower_or_digit(region[i]) && region[i] != '-')
            return false;
    return true;
}

const char *vfl_endpoint_partition_of_region(const char *region)
{
    return find_partition(region)->name;
}

static enum vfl_status read_switch(const char *name, bool *ret_is_on, struct vfl_error *err)
{
    const char *text = getenv(name);
    bool is_on = text != NULL && strcasecmp(text, "true") == 0;
    if (text != NULL && *text != '\0' && !is_on && strcasecmp(text, "false") != 0)
        return vfl_error_set(err, VFL_CONFIG, "%s is neither true nor false", name);
    *ret_is_on = is_on;
    return VFL_OK;
}

enum vfl_status vfl_endpoint_variant_from_environment(struct vfl_endpoint_variant *ret_variant,
                                                      struct vfl_error *err)
{
    struct vfl_endpoint_variant variant = {false, false};
    enum vfl_status st = read_switch("AWS_USE_DUALSTACK_ENDPOINT", &variant.is_dual_stack, err);
    if (st == VFL_OK)
        st = read_switch("AWS_USE_FIPS_ENDPOINT", &variant.is_fips, err);
    if (st == VFL_OK)
        *ret_variant = variant;
    return st;
}

enum vfl_status vfl_endpoint_for_variant(const char *service, const char *region,
                                         struct vfl_endpoint_variant variant,
                                         struct vfl_endpoint *ret_endpoint, struct vfl_error *err)
{
    const struct partition *partition = find_partition(region);
    bool is_s3 = strcmp(service, "s3") == 0;
    bool is_gov = strcmp(partition->name, "aws-us-gov") == 0;
    struct vfl_endpoint endpoint = {.is_https = true};
    if (!vfl_endpoint_is_region(region))
        return vfl_error_set(err, VFL_CONFIG, "\"%.80s\" is not an AWS region", region);
    if (is_s3 && variant.is_fips && strcmp(partition->name, "aws-cn") == 0)
        return vfl_error_set(err, VFL_CONFIG,
                             "S3 has no FIPS endpoint in region %s: unset AWS_USE_FIPS_ENDPOINT",
                             region);
    /* GovCloud's plain names are FIPS endpoints already; S3 has both. */
    bool has_fips_name = variant.is_fips && (is_s3 || variant.is_dual_stack || !is_gov);
    bool has_own_suffix = variant.is_dual_stack && !is_s3;
    (void)snprintf(endpoint.host, sizeof endpoint.host, "%s%s%s.%s.%s", service,
                   has_fips_name ? "-fips" : "", variant.is_dual_stack && is_s3 ? ".dualstack" : "",
                   region, has_own_suffix ? partition->dual_stack_suffix : partition->dns_suffix);
    *ret_endpoint = endpoint;
    return VFL_OK;
}

enum vfl_status vfl_endpoint_for_service(const char *service, const char *region,
                                         struct vfl_endpoint *ret_endpoint, struct vfl_error *err)
{
    const struct vfl_endpoint_variant plain = {false, false};
    return vfl_endpoint_for_variant(service, region, plain, ret_endpoint, err);
}

static enum vfl_status refuse_url(const char *setting, const char *why, struct vfl_error *err)
{
    /* The URL is not quoted: it may hold a password. */
    return vfl_error_set(err, VFL_CONFIG,
                         "%s %s: expected https://host[:port][/path] (or http:// for a local S3 "
                         "server)",
                         setting, why);
}

static bool is_port(struct vfl_span text, unsigned *ret_port)
{
    unsigned port = 0;
    if (text.len < 1 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *ret_port = port;
    return port >= 1 && port <= 65535;
}

static bool is_host_name(const char *host)
{
    size_t label_length = 0;
    if (*host == '\0' || strlen(host) > 253)
        return false;
    for (; *host != '\0'; host++) {
        char lower = (char)(*host >= 'A' && *host <= 'Z' ? *host - 'A' + 'a' : *host);
        if (*host == '.') {
            if (label_length == 0)
                return false;
            label_length = 0;
        } else if (is_lower_or_digit(lower) || *host == '-' || *host == '_') {
            if (++label_length > 63)
                return false;
        } else {
            return false;
        }
    }
    return true;
}

/* Fills the is_ flags; false when host is neither an address nor a name. brackets: it stood in
 * [...]. */
static bool describe_host(const char *host, bool has_brackets, struct vfl_endpoint *endpoint)
{
    struct in6_addr v6;
    struct in_addr v4;
    if (has_brackets) {
        endpoint->is_ip_literal = true;
        if (inet_pton(AF_INET6, host, &v6) != 1)
            return false;
        endpoint->is_loopback = memcmp(&v6, &in6addr_loopback, sizeof v6) == 0;
        return true;
    }
    if (inet_pton(AF_INET, host, &v4) == 1) {
        endpoint->is_ip_literal = true;
        endpoint->is_loopback = (ntohl(v4.s_addr) >> 24) == 127;
        return true;
    }
    endpoint->is_loopback = strcmp(host, "localhost") == 0;
    return is_host_name(host);
}

/* Splits "host[:port]" or "[v6][:port]". */
static bool parse_authority(struct vfl_span authority, struct vfl_endpoint *endpoint)
{
    char host[256];
    unsigned port = 0;
    struct vfl_span name = authority;
    struct vfl_span rest = {NULL, 0};
    bool has_brackets = authority.len > 0 && authority.ptr[0] == '[';
    const char *end = NULL;
    if (authority.len > 0)
        end = memchr(authority.ptr, has_brackets ? ']' : ':', authority.len);
    if (has_brackets) {
        if (end == NULL)
            return false;
        name = (struct vfl_span){authority.ptr + 1, (size_t)(end - authority.ptr) - 1};
        end++;
        if (end == authority.ptr + authority.len)
            end = NULL;
        else if (*end != ':')
            return false;
    } else if (end != NULL) {
        name.len = (size_t)(end - authority.ptr);
    }
    if (end != NULL) {
        rest = (struct vfl_span){end + 1, (size_t)(authority.ptr + authority.len - end) - 1};
        if (!is_port(rest, &port))
            return false;
    }
    if (name.len == 0 || name.len >= sizeof host)
        return false;
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    if (strlen(host) != name.len || !describe_host(host, has_brackets, endpoint))
        return false;
    int used = snprintf(endpoint->host, sizeof endpoint->host, "%s%s%s", has_brackets ? "[" : "",
                        host, has_brackets ? "]" : "");
    if (port != 0 && port != (endpoint->is_https ? 443u : 80u))
        (void)snprintf(endpoint->host + used, sizeof endpoint->host - (size_t)used, ":%u", port);
    return true;
}

enum vfl_status vfl_endpoint_parse(const char *url, const char *setting,
                                   struct vfl_endpoint *ret_endpoint, struct vfl_error *err)
{
    struct vfl_endpoint endpoint = {.is_https = true};
    struct vfl_span rest = vfl_span_from_string(url);
    if (vfl_span_has_prefix(rest, VFL_SPAN_LITERAL("https://"))) {
        rest = vfl_span_from_string(url + 8);
    } else if (vfl_span_has_prefix(rest, VFL_SPAN_LITERAL("http://"))) {
        endpoint.is_https = false;
        rest = vfl_span_from_string(url + 7);
    } else {
        return refuse_url(setting, "has no usable scheme", err);
    }
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i] <= ' ' || rest.ptr[i] > '~' || strchr("@?#\\\"<>", rest.ptr[i]) != NULL)
            return refuse_url(setting, "has user info, a query, a fragment or an odd character",
                              err);
    size_t authority_length = strcspn(rest.ptr, "/");
    struct vfl_span path = {rest.ptr + authority_length, rest.len - authority_length};
    rest.len = authority_length;
    if (!parse_authority(rest, &endpoint))
        return refuse_url(setting, "has a host or port that cannot be", err);
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (path.len >= sizeof endpoint.base_path || memchr(url, '%', strlen(url)) != NULL)
        return refuse_url(setting, "has a path that is too long or percent-encoded", err);
    memcpy(endpoint.base_path, path.ptr, path.len);
    *ret_endpoint = endpoint;
    return VFL_OK;
}

enum vfl_status vfl_endpoint_check_bucket(const char *bucket, struct vfl_error *err)
{
    size_t length = strlen(bucket);
    if (strncmp(bucket, "arn:", 4) == 0)
        return vfl_error_set(err, VFL_CONFIG,
                             "bucket \"%.80s\" is an ARN: give the bucket's name instead", bucket);
    if (length > 6 && strcmp(bucket + length - 6, "--x-s3") == 0)
        return vfl_error_set(err, VFL_CONFIG,
                             "bucket \"%.80s\" is an S3 Express directory bucket, which flow logs "
                             "cannot be written to",
                             bucket);
    bool is_fine = length >= 3 && length <= 255 && bucket[0] != '.' && strstr(bucket, "..") == NULL;
    for (size_t i = 0; is_fine && i < length; i++) {
        char c = bucket[i];
        is_fine =
            is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
    }
    if (!is_fine)
        return vfl_error_set(err, VFL_CONFIG, "\"%.80s\" cannot be the name of an S3 bucket",
                             bucket);
    return VFL_OK;
}

/* A dot would leave the certificate's one wildcard label; the rest cannot be a DNS label. */
static bool fits_host_label(const char *bucket)
{
    size_t length = strlen(bucket);
    if (length < 3 || length > 63 || !is_lower_or_digit(bucket[0]) ||
        !is_lower_or_digit(bucket[length - 1]))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_lower_or_digit(bucket[i]) && bucket[i] != '-')
            return false;
    return true;
}

enum vfl_status vfl_endpoint_for_bucket(const struct vfl_endpoint *service, const char *bucket,
                                        bool is_path_style_forced,
                                        struct vfl_endpoint *ret_endpoint, bool *ret_is_path_style,
                                        struct vfl_error *err)
{
    struct vfl_endpoint endpoint = *service;
    bool is_path_style = is_path_style_forced || service->is_ip_literal || !fits_host_label(bucket);
    if (!is_path_style) {
        int length = snprintf(endpoint.host, sizeof endpoint.host, "%s.%s", bucket, service->host);
        if (length < 0 || (size_t)length >= sizeof endpoint.host)
            return vfl_error_set(err, VFL_CONFIG, "bucket %s: the endpoint's host is too long",
                                 bucket);
    }
    *ret_endpoint = endpoint;
    *ret_is_path_style = is_path_style;
    return VFL_OK;
}
