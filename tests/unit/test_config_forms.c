/* The forms of single values. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/config_texts.h"

START_TEST(role_arns_of_every_partition_tell_account_and_partition)
{
    const struct {
        const char *arn;
        const char *partition; /* NULL: refused */
    } cases[] = {
        {"arn:aws-cn:iam::123456789012:role/a/b/Scan_1+=,.@-", "aws-cn"},
        {"arn:aws-us-gov:iam::123456789012:role/Scan", "aws-us-gov"},
        {"arn:aws-iso-b:iam::123456789012:role/Scan", "aws-iso-b"},
        {"arn:aws-eusc:iam::123456789012:role/Scan", "aws-eusc"},
        {"arn::iam::123456789012:role/Scan", NULL},
        {"arn:aws:sts::123456789012:role/Scan", NULL},
        {"arn:aws:iam:eu-west-1:123456789012:role/Scan", NULL},
        {"arn:aws:iam::12345678901:role/Scan", NULL},
        {"arn:aws:iam::1234567890123:role/Scan", NULL},
        {"arn:aws:iam::12345678901x:role/Scan", NULL},
        {"arn:aws:iam::123456789012x:role/Scan", NULL},
        {"arn:aws:iam::123456789012:user/Scan", NULL},
        {"arn:aws:iam::123456789012:role/", NULL},
        {"arn:aws:iam::123456789012:role/a b", NULL},
        {"arn:aws:iam::123456789012", NULL},
        {"arn", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char instance[200];
        struct vfl_config config = {0};
        struct vfl_error err = {0};
        (void)snprintf(instance, sizeof instance, "role_arn: \"%s\"", cases[i].arn);
        enum vfl_status st = parse("", instance, &config, &err);
        ck_assert_msg(st == (cases[i].partition != NULL ? VFL_OK : VFL_CONFIG), "%s: %s",
                      cases[i].arn, err.text);
        if (st == VFL_OK) {
            ck_assert_str_eq(config.partition, cases[i].partition);
            ck_assert_str_eq(config.account, "123456789012");
        } else {
            ck_assert_ptr_nonnull(strstr(err.text, "instance.role_arn: found '"));
            ck_assert_ptr_nonnull(strstr(err.text, "arn:aws:iam::123456789012:role/NAME"));
        }
        vfl_config_fini(&config);
    }
}
END_TEST

START_TEST(bucket_names_are_checked)
{
    const struct {
        const char *name;
        const char *expected; /* NULL: accepted */
    } cases[] = {
        {"abc", NULL},
        {"a.b-c", NULL},
        {"Old_Bucket", NULL},
        {"name-s3alias", NULL},
        {"ab", "a bucket's name: 3 to 63 of the characters a-z 0-9 . -"},
        {"a b", "a bucket's name: 3 to 63 of the characters a-z 0-9 . -"},
        {"a..b", "a bucket's name: 3 to 63 of the characters a-z 0-9 . -"},
        {".trash", "a bucket's name: 3 to 63 of the characters a-z 0-9 . -"},
        {"b\xc3\xbc"
         "cket",
         "a bucket's name: 3 to 63 of the characters a-z 0-9 . -"},
        {"bucket/folder", "the bucket's name alone (a folder belongs in log_prefix)"},
        {"s3://bucket", "the bucket's name alone (a folder belongs in log_prefix)"},
        {"arn:aws:s3:eu-west-1:123456789012:accesspoint/x",
         "the bucket's name, not an ARN (access points are not supported)"},
        {"logs--euw1-az1--x-s3", "a general purpose bucket (directory buckets of S3 Express, "
                                 "--x-s3, are not supported)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const keys[] = {"flowlog_bucket_name", "log_bucket_name"};
        for (size_t k = 0; k < 2; k++) {
            char instance[200];
            struct vfl_config config = {0};
            struct vfl_error err = {0};
            (void)snprintf(instance, sizeof instance, "%s: \"%s\"", keys[k], cases[i].name);
            enum vfl_status st = parse("", instance, &config, &err);
            ck_assert_msg(st == (cases[i].expected == NULL ? VFL_OK : VFL_CONFIG), "%s: %s",
                          cases[i].name, err.text);
            if (st == VFL_OK) {
                ck_assert_str_eq(config.bucket, cases[i].name);
            } else {
                ck_assert_ptr_nonnull(strstr(err.text, keys[k]));
                ck_assert_str_eq(strstr(err.text, ", expected ") + 11, cases[i].expected);
            }
            vfl_config_fini(&config);
        }
    }
    char longest[320] = "flowlog_bucket_name: ";
    size_t start = strlen(longest);
    memset(longest + start, 'b', 256);
    longest[start + 255] = '\0';
    struct vfl_config config = parsed("", longest);
    vfl_config_fini(&config);
    longest[start + 255] = 'b';
    struct vfl_error err = {0};
    ck_assert_int_eq(parse("", longest, &config, &err), VFL_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "bbb...', expected")); /* the quote is bounded */
    ck_assert_uint_lt(strlen(err.text), 200);
}
END_TEST

START_TEST(log_prefix_is_trimmed_and_checked)
{
    const struct {
        const char *written;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"a", "a"},
        {"/a/", "a"},
        {"//a/b//", "a/b"},
        {"a//b", "a//b"},
        {"...", "..."},
        {"/", ""},
        {"..", NULL},
        {"a/../b", NULL},
        {"./a", NULL},
        {"a/.", NULL},
        {"AWSLogs", NULL},
        {"x/AWSLogs/1", NULL},
        {"MyAWSLogs", "MyAWSLogs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char instance[60];
        struct vfl_config config = {0};
        (void)snprintf(instance, sizeof instance, "log_prefix: \"%s\"", cases[i].written);
        enum vfl_status st = parse("", instance, &config, NULL);
        ck_assert_msg(st == (cases[i].expected != NULL ? VFL_OK : VFL_CONFIG), "%s",
                      cases[i].written);
        if (st == VFL_OK)
            ck_assert_str_eq(config.log_prefix, cases[i].expected);
        vfl_config_fini(&config);
    }
}
END_TEST

START_TEST(endpoint_urls_are_checked)
{
    const struct {
        const char *url;
        const char *s3; /* what s3_endpoint_url becomes; NULL: refused */
        bool is_fine_for_sts;
    } cases[] = {
        {"https://s3.example:443/base/", "https://s3.example:443/base", true},
        {"http://[::1]:7480", "http://[::1]:7480", true},
        {"file:///srv/logs/", "file:///srv/logs", false},
        {"file://srv/logs", NULL, false},
        {"file:///", NULL, false},
        {"ftp://host", NULL, false},
        {"s3.example", NULL, false},
        {"https://", NULL, false},
        {"https:///path", NULL, false},
        {"https://host:0", NULL, false},
        {"https://host:65536", NULL, false},
        {"https://host:x", NULL, false},
        {"https://[::1", NULL, false},
        {"https://user:hunter2@host", NULL, false},
        {"https://host/?x=hunter2", NULL, false},
        {"https://host/#hunter2", NULL, false},
        {"https://ho st", NULL, false},
        {"https://host\\\\@evil", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[100];
        struct vfl_config config = {0};
        struct vfl_error err = {0};
        (void)snprintf(text, sizeof text, "s3_endpoint_url: \"%s\"", cases[i].url);
        enum vfl_status st = parse(text, "", &config, &err);
        ck_assert_msg(st == (cases[i].s3 != NULL ? VFL_OK : VFL_CONFIG), "%s", cases[i].url);
        if (st == VFL_OK)
            ck_assert_str_eq(config.s3_endpoint_url, cases[i].s3);
        ck_assert_ptr_null(strstr(err.text, "hunter2"));
        vfl_config_fini(&config);
        (void)snprintf(text, sizeof text, "sts_endpoint_url: \"%s\"", cases[i].url);
        st = parse("", text, &config, &err);
        ck_assert_msg(st == (cases[i].is_fine_for_sts ? VFL_OK : VFL_CONFIG), "%s", cases[i].url);
        vfl_config_fini(&config);
    }
    struct vfl_config config = parsed("s3_endpoint_url: file:///srv/flow%20logs/", "");
    ck_assert_str_eq(config.store_directory, "/srv/flow%20logs");
    vfl_config_fini(&config);
}
END_TEST

START_TEST(url_with_a_password_is_refused_with_the_reason)
{
    expect_refused("s3_endpoint_url: https://user:hunter2@host", "",
                   "init_config.s3_endpoint_url: found a value (not shown), expected a URL without "
                   "user name and password (credentials are keys of init_config)");
}
END_TEST

START_TEST(half_a_key_pair_is_refused)
{
    expect_refused("aws_access_key_id: AKIDEXAMPLE", "",
                   "init_config.aws_secret_access_key: not set although "
                   "init_config.aws_access_key_id is: set both, or neither for the default "
                   "credential chain");
    expect_refused("aws_secret_access_key: x", "",
                   "init_config.aws_access_key_id: not set although "
                   "init_config.aws_secret_access_key is: set both, or neither for the default "
                   "credential chain");
}
END_TEST

START_TEST(secrets_are_never_quoted)
{
    const char *const texts[] = {
        "aws_secret_access_key: hunter2 hunter2",
        "aws_secret_access_key: [hunter2]",
        "aws_secret_access_key: \"hunter2\\r\\nX-Evil: 1\"",
        "aws_access_key_id: hunter2/x",
        "external_id: \"hunter2\\n\"",
        "external_id: {hunter2: 1}",
        "external_id: !x hunter2",
        "aws_secret_access_key hunter2",
        "aws_secret_access_key: 'hunter2",
        "aws_secret_access_key: hunter2\n\tx: y",
        "aws_secret_access_key: %hunter2",
        "aws_secret_access_key: *hunter2",
        "aws_secret_access_key: \"\\xhunter2\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct vfl_config config = {0};
        struct vfl_error err = {0};
        ck_assert_msg(parse(texts[i], "", &config, &err) == VFL_CONFIG, "%s", texts[i]);
        ck_assert_msg(strstr(err.text, "hunter2") == NULL, "%s", err.text);
    }
    struct vfl_config config = parsed("external_id: hunter2!", MINIMAL);
    ck_assert_uint_eq(config.notice_count, 1);
    ck_assert_ptr_null(strstr(config.notices[0], "hunter2"));
    vfl_config_fini(&config);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        role_arns_of_every_partition_tell_account_and_partition,
        bucket_names_are_checked,
        log_prefix_is_trimmed_and_checked,
        endpoint_urls_are_checked,
        url_with_a_password_is_refused_with_the_reason,
        half_a_key_pair_is_refused,
        secrets_are_never_quoted,
    };
    return RUN_SUITE("config_forms", cases);
}
