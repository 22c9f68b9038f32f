#include "core/aws/proxy.h"

#include <string.h>

#include "tests/unit/run_suite.h"

/* The environment: names and values in turn, ended by NULL. */
static const char *const *environment;

static const char *look_up(const char *name)
{
    for (const char *const *pair = environment; *pair != NULL; pair += 2)
        if (strcmp(pair[0], name) == 0)
            return pair[1];
    return NULL;
}

/* By curl's manual, "Environment". */
START_TEST(names_the_proxy_that_curl_takes)
{
    static const struct {
        const char *name;
        const char *url;
        const char *environment[7];
        const char *variable, *place; /* NULL: none */
    } rows[] = {
        {"none set", "https://sts.test/", {NULL}, NULL, NULL},
        {"https",
         "https://sts.test/",
         {"https_proxy", "http://p.test:3128", NULL},
         "https_proxy",
         "p.test:3128"},
        {"the upper-case name",
         "https://sts.test/",
         {"HTTPS_PROXY", "http://p.test:3128/", NULL},
         "HTTPS_PROXY",
         "p.test:3128"},
        {"the lower-case name first",
         "https://sts.test/",
         {"HTTPS_PROXY", "http://b.test:1", "https_proxy", "a.test:2", NULL},
         "https_proxy",
         "a.test:2"},
        {"an empty one is none",
         "https://sts.test/",
         {"https_proxy", "", "ALL_PROXY", "a.test:2", NULL},
         "ALL_PROXY",
         "a.test:2"},
        {"plain HTTP has its own",
         "http://sts.test/",
         {"https_proxy", "http://p.test:3128", "http_proxy", "q.test:1", NULL},
         "http_proxy",
         "q.test:1"},
        {"a web server's HTTP_PROXY",
         "http://sts.test/",
         {"HTTP_PROXY", "http://p.test:3128", NULL},
         NULL,
         NULL},
        {"user and password are left out, an @ in it too",
         "https://sts.test/",
         {"https_proxy", "http://user:hu@sh@p.test:3128/x", NULL},
         "https_proxy",
         "p.test:3128"},
        {"a password that looks like the end of the place",
         "https://sts.test/",
         {"https_proxy", "http://user:hu/sh@p.test:3128", NULL},
         NULL,
         NULL},
        {"the same with an @ in front",
         "https://sts.test/",
         {"https_proxy", "user:h@u?sh@p.test:3128", NULL},
         NULL,
         NULL},
        {"a password that looks like a scheme",
         "https://sts.test/",
         {"https_proxy", "http://user:hu://sh@p.test:3128", NULL},
         NULL,
         NULL},
        {"an @ in the request's path is no matter",
         "https://s3.test/a@b",
         {"https_proxy", "p.test:3128", NULL},
         "https_proxy",
         "p.test:3128"},
        {"without a scheme",
         "https://sts.test/",
         {"https_proxy", "user:hush@[::1]:3128", NULL},
         "https_proxy",
         "[::1]:3128"},
        {"what would steer a terminal",
         "https://sts.test/",
         {"https_proxy", "p\x1b.test", NULL},
         "https_proxy",
         "p?.test"},
        {"for all",
         "https://a.test/",
         {"all_proxy", "socks5://p.test:1080", NULL},
         "all_proxy",
         "p.test:1080"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_proxy proxy = {.variable = NULL};
        environment = rows[i].environment;
        bool is_found = vfl_proxy_find(rows[i].url, look_up, &proxy);
        ck_assert_msg(is_found == (rows[i].place != NULL), "%s", rows[i].name);
        if (!is_found)
            continue;
        ck_assert_msg(strcmp(proxy.place, rows[i].place) == 0, "%s: %s", rows[i].name, proxy.place);
        ck_assert_msg(strcmp(proxy.variable, rows[i].variable) == 0, "%s: %s", rows[i].name,
                      proxy.variable);
    }
}
END_TEST

START_TEST(a_host_that_goes_round_the_proxy_has_none)
{
    static const struct {
        const char *no_proxy;
        const char *url;
        bool expected; /* the proxy is named */
    } rows[] = {
        {"", "https://sts.test/", true},
        {"*", "https://sts.test/", false},
        {"sts.test", "https://sts.test/", false},
        {"sts.test", "https://STS.test:8443/", false},
        {"a.test, .amazonaws.com", "https://sts.eu-west-1.amazonaws.com/", false},
        {"amazonaws.com", "https://sts.eu-west-1.amazonaws.com/", false},
        {"amazonaws.com", "https://xamazonaws.com/", true},
        {"eu-west-1", "https://sts.eu-west-1.amazonaws.com/", true},
        {"192.0.2.1", "https://192.0.2.1/", false},
        {"192.0.2.0/24", "https://192.0.2.1/", false},
        {"192.0.2.0/24", "https://sts.test/", true},
        {"2001:db8::1", "https://[2001:db8::1]:443/", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static const char *pairs[5] = {"https_proxy", "p.test:1"};
        struct vfl_proxy proxy;
        /* The upper-case name counts too. */
        pairs[2] = i % 2 == 0 ? "no_proxy" : "NO_PROXY";
        pairs[3] = rows[i].no_proxy;
        environment = pairs;
        ck_assert_msg(vfl_proxy_find(rows[i].url, look_up, &proxy) == rows[i].expected,
                      "\"%s\", %s", rows[i].no_proxy, rows[i].url);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        names_the_proxy_that_curl_takes,
        a_host_that_goes_round_the_proxy_has_none,
    };
    return RUN_SUITE("proxy", cases);
}
