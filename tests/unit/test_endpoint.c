#include "core/aws/endpoint.h"

#include "tests/unit/run_suite.h"

START_TEST(services_have_their_partitions_host)
{
    static const struct {
        const char *service, *region, *host, *partition;
    } rows[] = {
        {"sts", "eu-west-1", "sts.eu-west-1.amazonaws.com", "aws"},
        {"ec2", "us-gov-west-1", "ec2.us-gov-west-1.amazonaws.com", "aws-us-gov"},
        {"s3", "cn-north-1", "s3.cn-north-1.amazonaws.com.cn", "aws-cn"},
        {"s3", "us-iso-east-1", "s3.us-iso-east-1.c2s.ic.gov", "aws-iso"},
        {"s3", "us-isob-east-1", "s3.us-isob-east-1.sc2s.sgov.gov", "aws-iso-b"},
        {"s3", "us-isof-south-1", "s3.us-isof-south-1.csp.hci.ic.gov", "aws-iso-f"},
        {"s3", "eu-isoe-west-1", "s3.eu-isoe-west-1.cloud.adc-e.uk", "aws-iso-e"},
        {"s3", "eusc-de-east-1", "s3.eusc-de-east-1.amazonaws.eu", "aws-eusc"},
        {"sts", "xx-mars-1", "sts.xx-mars-1.amazonaws.com", "aws"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_endpoint endpoint;
        ck_assert_int_eq(vfl_endpoint_for_service(rows[i].service, rows[i].region, &endpoint, NULL),
                         VFL_OK);
        ck_assert_str_eq(endpoint.host, rows[i].host);
        ck_assert(endpoint.is_https);
        ck_assert_str_eq(vfl_endpoint_partition_of_region(rows[i].region), rows[i].partition);
    }
}
END_TEST

START_TEST(variants_have_names_of_their_own)
{
    static const struct {
        const char *service, *region;
        struct vfl_endpoint_variant variant;
        const char *host; /* NULL: there is none */
    } rows[] = {
        {"sts", "eu-west-1", {true, false}, "sts.eu-west-1.api.aws"},
        {"sts", "us-east-1", {false, true}, "sts-fips.us-east-1.amazonaws.com"},
        {"ec2", "us-east-1", {true, true}, "ec2-fips.us-east-1.api.aws"},
        {"s3", "eu-west-1", {true, false}, "s3.dualstack.eu-west-1.amazonaws.com"},
        {"s3", "us-east-1", {false, true}, "s3-fips.us-east-1.amazonaws.com"},
        {"s3", "us-east-1", {true, true}, "s3-fips.dualstack.us-east-1.amazonaws.com"},
        {"sts", "us-gov-west-1", {false, true}, "sts.us-gov-west-1.amazonaws.com"},
        {"sts", "us-gov-west-1", {true, true}, "sts-fips.us-gov-west-1.api.aws"},
        {"s3", "us-gov-west-1", {false, true}, "s3-fips.us-gov-west-1.amazonaws.com"},
        {"ec2", "cn-north-1", {true, false}, "ec2.cn-north-1.api.amazonwebservices.com.cn"},
        {"s3", "cn-north-1", {true, false}, "s3.dualstack.cn-north-1.amazonaws.com.cn"},
        {"s3", "cn-north-1", {false, true}, NULL},
        {"sts", "eusc-de-east-1", {true, false}, "sts.eusc-de-east-1.api.amazonwebservices.eu"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_endpoint endpoint;
        enum vfl_status st = vfl_endpoint_for_variant(rows[i].service, rows[i].region,
                                                      rows[i].variant, &endpoint, NULL);
        ck_assert_msg(st == (rows[i].host == NULL ? VFL_CONFIG : VFL_OK), "row %zu", i);
        if (rows[i].host != NULL)
            ck_assert_str_eq(endpoint.host, rows[i].host);
    }
}
END_TEST

START_TEST(variants_are_switched_as_for_the_sdks)
{
    static const struct {
        const char *dual_stack, *fips;
        enum vfl_status status;
        bool is_dual_stack, is_fips;
    } rows[] = {
        {NULL, NULL, VFL_OK, false, false},        {"true", "", VFL_OK, true, false},
        {"false", "TRUE", VFL_OK, false, true},    {"1", NULL, VFL_CONFIG, false, false},
        {"true", "yes", VFL_CONFIG, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_endpoint_variant variant = {false, false};
        (void)unsetenv("AWS_USE_DUALSTACK_ENDPOINT");
        (void)unsetenv("AWS_USE_FIPS_ENDPOINT");
        if (rows[i].dual_stack != NULL)
            ck_assert_int_eq(setenv("AWS_USE_DUALSTACK_ENDPOINT", rows[i].dual_stack, 1), 0);
        if (rows[i].fips != NULL)
            ck_assert_int_eq(setenv("AWS_USE_FIPS_ENDPOINT", rows[i].fips, 1), 0);
        ck_assert_int_eq(vfl_endpoint_variant_from_environment(&variant, NULL), rows[i].status);
        ck_assert_int_eq(variant.is_dual_stack, rows[i].is_dual_stack);
        ck_assert_int_eq(variant.is_fips, rows[i].is_fips);
    }
    (void)unsetenv("AWS_USE_DUALSTACK_ENDPOINT");
    (void)unsetenv("AWS_USE_FIPS_ENDPOINT");
}
END_TEST

START_TEST(a_region_cannot_smuggle_a_host)
{
    static const char *const bad[] = {
        "",
        "evil.com/#",
        "eu west",
        "EU-WEST-1",
        "eu-west.1",
        "-eu",
        "eu\n",
        "eu-",
        "a1234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vfl_endpoint endpoint;
        ck_assert_int_eq(vfl_endpoint_for_service("s3", bad[i], &endpoint, NULL), VFL_CONFIG);
    }
}
END_TEST

START_TEST(configured_urls_are_taken_apart)
{
    static const struct {
        const char *url, *host, *base_path;
        bool is_https, is_ip_literal, is_loopback;
    } rows[] = {
        {"https://s3.example.com", "s3.example.com", "", true, false, false},
        {"https://s3.example.com:443/", "s3.example.com", "", true, false, false},
        {"https://s3.example.com:8443/a/b/", "s3.example.com:8443", "/a/b", true, false, false},
        {"http://127.0.0.1:7480", "127.0.0.1:7480", "", false, true, true},
        {"http://localhost:80", "localhost", "", false, false, true},
        {"http://[::1]:9000/x", "[::1]:9000", "/x", false, true, true},
        {"https://[2001:db8::1]", "[2001:db8::1]", "", true, true, false},
        {"http://10.0.0.1:443", "10.0.0.1:443", "", false, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_endpoint endpoint;
        struct vfl_error err = {0};
        enum vfl_status st = vfl_endpoint_parse(rows[i].url, "s3_endpoint_url", &endpoint, &err);
        ck_assert_msg(st == VFL_OK, "%s: %s", rows[i].url, err.text);
        ck_assert_str_eq(endpoint.host, rows[i].host);
        ck_assert_str_eq(endpoint.base_path, rows[i].base_path);
        ck_assert_int_eq(endpoint.is_https, rows[i].is_https);
        ck_assert_int_eq(endpoint.is_ip_literal, rows[i].is_ip_literal);
        ck_assert_int_eq(endpoint.is_loopback, rows[i].is_loopback);
    }
}
END_TEST

START_TEST(odd_urls_are_refused_without_quoting_them)
{
    static const char *const bad[] = {
        "s3.example.com",     "ftp://x",           "https://",           "https://:80",
        "https://u:secret@x", "https://x?secret",  "https://x#f",        "https://x:0",
        "https://x:65536",    "https://x:8o",      "https://x:",         "https://a b",
        "https://[::1",       "https://[::g]",     "https://a..b",       "https://[::1]x",
        "https://x/%2e%2e",   "https://x\r\nY: z", "https://x/\xc3\xa9", "https://x\\y",
        "file:///etc/passwd",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vfl_endpoint endpoint;
        struct vfl_error err = {0};
        ck_assert_msg(vfl_endpoint_parse(bad[i], "sts_endpoint_url", &endpoint, &err) == VFL_CONFIG,
                      "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(err.text, "sts_endpoint_url"));
        ck_assert_ptr_null(strstr(err.text, "secret"));
    }
}
END_TEST

START_TEST(buckets_are_placed_where_they_fit)
{
    static const struct {
        const char *url, *bucket;
        bool is_forced;
        const char *host; /* NULL: path style */
    } rows[] = {
        {"https://s3.eu-west-1.amazonaws.com", "logs", false, "logs.s3.eu-west-1.amazonaws.com"},
        {"https://s3.eu-west-1.amazonaws.com", "logs", true, NULL},
        {"https://s3.eu-west-1.amazonaws.com", "my.logs", false, NULL},
        {"https://s3.eu-west-1.amazonaws.com", "MyLogs", false, NULL},
        {"https://s3.eu-west-1.amazonaws.com", "my_logs", false, NULL},
        {"https://s3.eu-west-1.amazonaws.com", "logs-", false, NULL},
        {"https://s3.eu-west-1.amazonaws.com", "192.168.0.1", false, NULL},
        {"http://127.0.0.1:7480", "logs", false, NULL},
        {"http://s3.test:7480", "logs", false, "logs.s3.test:7480"},
        {"https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "logs", false,
         "logs.bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com"},
        {"https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "my.logs", false, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_endpoint service, endpoint;
        bool is_path_style;
        ck_assert_int_eq(vfl_endpoint_parse(rows[i].url, "u", &service, NULL), VFL_OK);
        ck_assert_int_eq(vfl_endpoint_check_bucket(rows[i].bucket, NULL), VFL_OK);
        ck_assert_int_eq(vfl_endpoint_for_bucket(&service, rows[i].bucket, rows[i].is_forced,
                                                 &endpoint, &is_path_style, NULL),
                         VFL_OK);
        ck_assert_int_eq(is_path_style, rows[i].host == NULL);
        ck_assert_str_eq(endpoint.host, rows[i].host == NULL ? service.host : rows[i].host);
    }
}
END_TEST

START_TEST(names_that_are_no_bucket_are_refused)
{
    static const char *const bad[] = {
        "",
        "ab",
        "bucket/evil",
        "a b c",
        "..",
        "logs\n",
        "x--x--x-s3x?",
        "zone--usw2--x-s3",
        "arn:aws:s3:::logs",
        "a%2f",
        ".hidden",
        "a..b",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(vfl_endpoint_check_bucket(bad[i], NULL) == VFL_CONFIG, "%s", bad[i]);
    ck_assert_int_eq(vfl_endpoint_check_bucket("stackstate-logs-123456789012", NULL), VFL_OK);
    ck_assert_int_eq(vfl_endpoint_check_bucket("alias-abc-s3alias", NULL), VFL_OK);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        services_have_their_partitions_host,   variants_have_names_of_their_own,
        variants_are_switched_as_for_the_sdks, a_region_cannot_smuggle_a_host,
        configured_urls_are_taken_apart,       odd_urls_are_refused_without_quoting_them,
        buckets_are_placed_where_they_fit,     names_that_are_no_bucket_are_refused,
    };
    return RUN_SUITE("endpoint", cases);
}
