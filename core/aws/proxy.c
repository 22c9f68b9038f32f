#include "core/aws/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/span.h"

/* What stands between "://", or the beginning, and the path, without user and password. */
static struct vfl_span authority_of(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *start = scheme_end == NULL ? url : scheme_end + 3;
    struct vfl_span authority = {start, strcspn(start, "/?#")};
    for (size_t i = authority.len; i > 0; i--)
        if (authority.ptr[i - 1] == '@')
            return (struct vfl_span){authority.ptr + i, authority.len - i};
    return authority;
}

/* Of a proxy's URL. Of no length when an @ comes later: what looks like the place may then be a
 * part of a password that has a '/'. */
static struct vfl_span place_of(const char *url)
{
    struct vfl_span place = authority_of(url);
    if (strchr(place.ptr + place.len, '@') != NULL)
        place.len = 0;
    return place;
}

static struct vfl_span without_port(struct vfl_span authority)
{
    size_t len = authority.len;
    if (len > 0 && *authority.ptr == '[') {
        const char *end = memchr(authority.ptr, ']', len);
        return end == NULL
                   ? authority
                   : (struct vfl_span){authority.ptr + 1, (size_t)(end - authority.ptr) - 1};
    }
    const char *colon = len == 0 ? NULL : memchr(authority.ptr, ':', len);
    if (colon != NULL)
        len = (size_t)(colon - authority.ptr);
    return (struct vfl_span){authority.ptr, len};
}

/* "example.com" and ".example.com" stand for the name and all names below it. */
static bool covers(struct vfl_span entry, struct vfl_span host)
{
    if (entry.len > 0 && *entry.ptr == '.')
        entry = (struct vfl_span){entry.ptr + 1, entry.len - 1};
    if (entry.len == 0 || entry.len > host.len)
        return false;
    size_t before = host.len - entry.len;
    return strncasecmp(host.ptr + before, entry.ptr, entry.len) == 0 &&
           (before == 0 || host.ptr[before - 1] == '.');
}

/* An entry with a slash is a range of addresses, which is not computed here: it is taken for one
 * that holds, so that nothing wrong is said. */
static bool is_excluded(const char *no_proxy, struct vfl_span host)
{
    static const char separators[] = ", \t";
    const char *at = no_proxy;
    if (strcmp(no_proxy, "*") == 0)
        return true;
    while (*at != '\0') {
        struct vfl_span entry = {at, strcspn(at, separators)};
        bool is_address =
            strspn(host.ptr, "0123456789.") >= host.len || memchr(host.ptr, ':', host.len) != NULL;
        if (covers(entry, host) ||
            (entry.len > 0 && is_address && memchr(entry.ptr, '/', entry.len) != NULL))
            return true;
        at += entry.len;
        at += strspn(at, separators);
    }
    return false;
}

/* An empty variable is no variable. The upper-case name of http_proxy is not one: a web server sets
 * it from what its client says. */
static const char *choose(bool is_https, const char *(*look_up)(const char *name),
                          const char **ret_name)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!is_https && i == 1)
            continue;
        const char *name = !is_https && i == 0 ? "http_proxy" : names[i];
        const char *value = look_up(name);
        if (value != NULL && *value != '\0') {
            *ret_name = name;
            return value;
        }
    }
    return NULL;
}

bool vfl_proxy_find(const char *url, const char *(*look_up)(const char *name),
                    struct vfl_proxy *ret_proxy)
{
    struct vfl_proxy proxy = {.variable = NULL};
    struct vfl_span host = without_port(authority_of(url));
    const char *value = choose(strncasecmp(url, "https:", 6) == 0, look_up, &proxy.variable);
    if (value == NULL || host.len == 0)
        return false;
    const char *no_proxy = look_up("no_proxy");
    if (no_proxy == NULL || *no_proxy == '\0')
        no_proxy = look_up("NO_PROXY");
    struct vfl_span place = place_of(value);
    if ((no_proxy != NULL && is_excluded(no_proxy, host)) || place.len == 0 ||
        place.len >= sizeof proxy.place)
        return false;
    for (size_t i = 0; i < place.len; i++)
        proxy.place[i] = place.ptr[i] > ' ' && place.ptr[i] <= '~' ? place.ptr[i] : '?';
    *ret_proxy = proxy;
    return true;
}

static const char *look_up_here(const char *name)
{
    return getenv(name);
}

void vfl_proxy_describe(const char *url, bool is_bypassed, char ret_text[VFL_PROXY_TEXT_SIZE])
{
    struct vfl_proxy proxy;
    ret_text[0] = '\0';
    if (!is_bypassed && vfl_proxy_find(url, look_up_here, &proxy))
        (void)snprintf(ret_text, VFL_PROXY_TEXT_SIZE, " (through the proxy %s of %s)", proxy.place,
                       proxy.variable);
}
