#include "core/config.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/run_suite.h"

#define ARN "role_arn: arn:aws:iam::123456789012:role/Scan\n"
#define REGIONS "regions: [eu-west-1]\n"
#define ON "process_flow_logs: true\n"
#define MINIMAL ARN REGIONS ON
#define ID "external_id: secret-id\n"

static enum vfl_status parse(const char *init_config, const char *instance,
                             struct vfl_config *config, struct vfl_error *err)
{
    return vfl_config_parse(vfl_span_from_string(init_config), vfl_span_from_string(instance),
                            config, err);
}

static struct vfl_config parsed(const char *init_config, const char *instance)
{
    struct vfl_config config = {0};
    struct vfl_error err = {0};
    ck_assert_msg(parse(init_config, instance, &config, &err) == VFL_OK, "%s", err.text);
    return config;
}

static void expect_refused(const char *init_config, const char *instance, const char *text)
{
    struct vfl_config config = {.region_count = 77};
    struct vfl_error err = {0};
    ck_assert_msg(parse(init_config, instance, &config, &err) == VFL_CONFIG, "accepted: %s / %s",
                  init_config, instance);
    ck_assert_uint_eq(config.region_count, 77);
    ck_assert_str_eq(err.text, text);
}

START_TEST(minimal_configuration_has_the_documented_defaults)
{
    struct vfl_config config = parsed(ID, MINIMAL);
    ck_assert_str_eq(config.role_arn, "arn:aws:iam::123456789012:role/Scan");
    ck_assert_str_eq(config.account, "123456789012");
    ck_assert_str_eq(config.partition, "aws");
    ck_assert_uint_eq(config.region_count, 1);
    ck_assert_str_eq(config.regions[0], "eu-west-1");
    ck_assert_str_eq(config.bucket, "stackstate-logs-123456789012");
    ck_assert(config.is_default_bucket);
    ck_assert_str_eq(config.log_prefix, "");
    ck_assert_str_eq(config.external_id, "secret-id");
    ck_assert(config.process_flow_logs && !config.is_dry_run && !config.is_s3_path_style);
    ck_assert(!config.is_external_id_check_disabled);
    ck_assert_uint_eq(config.collection_interval_s, 60);
    ck_assert_uint_eq(config.expire_after_s, 3600);
    ck_assert(!config.is_scope_all && !config.is_accepted_only);
    ck_assert_uint_eq(config.max_relations, 100000);
    ck_assert_uint_eq(config.worker_count, 0);
    ck_assert_ptr_null(config.topology_instance_type);
    ck_assert_ptr_null(config.topology_instance_url);
    ck_assert_ptr_null(config.access_key_id);
    ck_assert_ptr_null(config.secret_access_key);
    ck_assert_ptr_null(config.s3_endpoint_url);
    ck_assert_ptr_null(config.store_directory);
    ck_assert_ptr_null(config.interfaces_file);
    ck_assert_uint_eq(config.tag_count, 0);
    ck_assert_uint_eq(config.notice_count, 0);
    vfl_config_fini(&config);
    vfl_config_fini(&config);
    vfl_config_fini(NULL);
}
END_TEST

START_TEST(every_key_reaches_its_field)
{
    struct vfl_config config = parsed(
        "aws_access_key_id: AKIDEXAMPLE\naws_secret_access_key: \"wJalr/K7+EXAMPLE=\"\n" ID,
        ARN "regions:\n  - eu-west-1\n  - global\n  - us-gov-east-1\n  - eu-west-1\n"
            "process_flow_logs: yes\nflowlog_bucket_name: my.bucket-1\nlog_prefix: /team/a/\n"
            "tags: ['env:prod', 7]\ncollection_interval: 120\nexpire_after: 604800\ndry_run: ON\n"
            "s3_endpoint_url: http://127.0.0.1:7480/\nsts_endpoint_url: https://[::1]:8/base/\n"
            "ec2_endpoint_url: https://ec2.example\ns3_path_style: \"True\"\n"
            "interfaces_file: enis.json\nscope: all\ntraffic: accepted\nmax_relations: 20000\n"
            "workers: 32\n"
            "topology_instance: {type: flows, url: '7'}\n");
    ck_assert_str_eq(config.access_key_id, "AKIDEXAMPLE");
    ck_assert_str_eq(config.secret_access_key, "wJalr/K7+EXAMPLE=");
    ck_assert_uint_eq(config.region_count, 2);
    ck_assert_str_eq(config.regions[0], "eu-west-1");
    ck_assert_str_eq(config.regions[1], "us-gov-east-1");
    ck_assert_str_eq(config.bucket, "my.bucket-1");
    ck_assert(!config.is_default_bucket);
    ck_assert_str_eq(config.log_prefix, "team/a");
    ck_assert_uint_eq(config.tag_count, 2);
    ck_assert_str_eq(config.tags[0], "env:prod");
    ck_assert_str_eq(config.tags[1], "7");
    ck_assert_uint_eq(config.collection_interval_s, 120);
    ck_assert_uint_eq(config.expire_after_s, 604800);
    ck_assert(config.process_flow_logs && config.is_dry_run && config.is_s3_path_style);
    ck_assert_str_eq(config.s3_endpoint_url, "http://127.0.0.1:7480");
    ck_assert_str_eq(config.sts_endpoint_url, "https://[::1]:8/base");
    ck_assert_str_eq(config.ec2_endpoint_url, "https://ec2.example");
    ck_assert_str_eq(config.interfaces_file, "enis.json");
    ck_assert(config.is_scope_all && config.is_accepted_only);
    ck_assert_uint_eq(config.max_relations, 20000);
    ck_assert_uint_eq(config.worker_count, 32);
    ck_assert_str_eq(config.topology_instance_type, "flows");
    ck_assert_str_eq(config.topology_instance_url, "7");
    ck_assert_uint_eq(config.notice_count, 0);
    vfl_config_fini(&config);
}
END_TEST

START_TEST(empty_texts_are_empty_maps)
{
    const char *const texts[] = {"", "null", "{}", "---\n", "~", "# nothing\n", "\"\""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct vfl_config config = parsed(texts[i], texts[i]);
        ck_assert(!config.process_flow_logs);
        ck_assert_str_eq(config.bucket, "");
        ck_assert_uint_eq(config.notice_count, 0);
        vfl_config_fini(&config);
    }
    struct vfl_config config = {0};
    ck_assert_int_eq(
        vfl_config_parse((struct vfl_span){NULL, 0}, (struct vfl_span){NULL, 0}, &config, NULL),
        VFL_OK);
    vfl_config_fini(&config);
}
END_TEST

START_TEST(empty_values_are_unset)
{
    struct vfl_config config =
        parsed("aws_access_key_id:\naws_secret_access_key: ''\nexternal_id: ~\n",
               MINIMAL "flowlog_bucket_name: \"\"\nlog_bucket_name: trail\ntags:\nlog_prefix: /\n"
                       "collection_interval: null\nscope:\ntraffic: ''\nmax_relations: ~\n"
                       "topology_instance:\n");
    ck_assert(!config.is_scope_all && !config.is_accepted_only);
    ck_assert_uint_eq(config.max_relations, 100000);
    ck_assert_uint_eq(config.worker_count, 0);
    ck_assert_ptr_null(config.topology_instance_type);
    ck_assert_ptr_null(config.access_key_id);
    ck_assert_ptr_null(config.external_id);
    ck_assert_str_eq(config.bucket, "trail");
    ck_assert_str_eq(config.log_prefix, "");
    ck_assert_uint_eq(config.collection_interval_s, 60);
    vfl_config_fini(&config);
}
END_TEST

START_TEST(wrong_values_are_named_with_what_was_found_and_expected)
{
    const struct {
        const char *init_config;
        const char *instance;
        const char *text;
    } cases[] = {
        {ID, ON REGIONS,
         "instance.role_arn: not set, expected the role's ARN, "
         "arn:aws:iam::123456789012:role/NAME"},
        {ID, ON ARN,
         "instance.regions: not set (global does not count), expected a list with at least one "
         "region, such as [eu-west-1]"},
        {ID, ON ARN "regions: [global]",
         "instance.regions: not set (global does not count), expected a list with at least one "
         "region, such as [eu-west-1]"},
        {ID, ON ARN "regions: []",
         "instance.regions: not set (global does not count), expected a list with at least one "
         "region, such as [eu-west-1]"},
        {"", "regions: [eu-west-1, EU]",
         "instance.regions[1]: found 'EU', expected a region's name such as eu-west-1"},
        {"", "regions: [a/b]",
         "instance.regions[0]: found 'a/b', expected a region's name such as eu-west-1"},
        {"", "regions: eu-west-1",
         "instance.regions: found 'eu-west-1', expected a list, such as [one, two]"},
        {"", "regions: {a: b}",
         "instance.regions: found a map, expected a list, such as [one, two]"},
        {"", "regions: [[a]]", "instance.regions[0]: found a list, expected text"},
        {"", "regions: [eu-west-1, ]\ntags: [a, ~]",
         "instance.tags[1]: found nothing, expected text"},
        {"", "regions: [no]",
         "instance.regions[0]: found 'no', expected text (which needs quotes when it looks like a "
         "boolean)"},
        {"", "tags:\n  - env: prod",
         "instance.tags[0]: found a map, expected text (name:value without a space after the "
         "colon)"},
        {"", "role_arn: [a]", "instance.role_arn: found a list, expected text"},
        {"", "role_arn: !secret x",
         "instance.role_arn: found a value with a YAML tag, expected text"},
        {"", "collection_interval: 0",
         "instance.collection_interval: found '0', expected a whole number of seconds from 1 to "
         "86400"},
        {"", "collection_interval: 86401",
         "instance.collection_interval: found '86401', expected a whole number of seconds from 1 "
         "to 86400"},
        {"", "collection_interval: 60s",
         "instance.collection_interval: found '60s', expected a whole number of seconds from 1 to "
         "86400"},
        {"", "collection_interval: 060",
         "instance.collection_interval: found '060', expected a whole number of seconds from 1 to "
         "86400"},
        {"", "collection_interval: 99999999999999999999",
         "instance.collection_interval: found '99999999999999999999', expected a whole number of "
         "seconds from 1 to 86400"},
        {"", "collection_interval: [60]",
         "instance.collection_interval: found a list, expected a whole number of seconds from 1 "
         "to 86400"},
        {"expire_after: 59", "",
         "init_config.expire_after: found '59', expected a whole number of seconds from 60 to "
         "604800"},
        {"process_flow_logs: maybe", "",
         "init_config.process_flow_logs: found 'maybe', expected true or false"},
        {"", "dry_run: 1", "instance.dry_run: found '1', expected true or false"},
        {"", "dry_run: {}", "instance.dry_run: found a map, expected true or false"},
        {"", "tags: [\"a\\nb\"]",
         "instance.tags[0]: found a line break or control character, expected plain text on one "
         "line"},
        {"", "interfaces_file: \"a\\0b\"",
         "instance.interfaces_file: found a line break or control character, expected plain text "
         "on one line"},
        {"[1]", "", "init_config: found a list, expected a map of keys and values"},
        {"", "just words", "instance: found text, expected a map of keys and values"},
        {"", "a: 1\n---\nb: 2", "instance: found a second YAML document, expected one map"},
        {"", "[a]: 1", "instance: line 1: found a list as a key, expected text"},
        {"", "x: &x {a: 1}\n<<: *x",
         "instance: line 2: merge keys (<<) are not supported: write the keys out"},
        {"", ARN REGIONS "regions: [us-east-1]\n",
         "instance.regions: found twice, on lines 2 and 3: remove one"},
        {"", "nonsense: 1\nother: 2\nnonsense: 3\n",
         "instance.nonsense: found twice, on lines 1 and 3: remove one"},
        {"", "regions: &a [*a]", "instance.regions[0]: found a list, expected text"},
        {"", "role_arn: *nowhere",
         "instance: line 1 column 11 is not valid YAML: found undefined alias"},
        {"", "a: 1\nb: [1, 2\nc: 3",
         "instance: line 3 column 2 is not valid YAML: did not find expected ',' or ']'"},
        {"", "a: \"\xff\"", "instance: byte 4 is not valid YAML: invalid leading UTF-8 octet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused(cases[i].init_config, cases[i].instance, cases[i].text);
}
END_TEST

START_TEST(choices_take_exactly_their_words)
{
    const struct {
        const char *instance;
        const char *refusal; /* NULL: accepted */
        bool is_scope_all;
        bool is_accepted_only;
    } cases[] = {
        {"scope: private", NULL, false, false},
        {"scope: all", NULL, true, false},
        {"scope: 'all'", NULL, true, false},
        {"traffic: all", NULL, false, false},
        {"traffic: accepted", NULL, false, true},
        {"scope: accepted", "instance.scope: found 'accepted', expected private or all", false,
         false},
        {"scope: All", "instance.scope: found 'All', expected private or all", false, false},
        {"scope: al", "instance.scope: found 'al', expected private or all", false, false},
        {"scope: true", "instance.scope: found 'true', expected private or all", false, false},
        {"scope: [all]", "instance.scope: found a list, expected private or all", false, false},
        {"scope: !x all", "instance.scope: found a value with a YAML tag, expected private or all",
         false, false},
        {"traffic: private", "instance.traffic: found 'private', expected all or accepted", false,
         false},
        {"traffic: {}", "instance.traffic: found a map, expected all or accepted", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].refusal != NULL) {
            expect_refused("", cases[i].instance, cases[i].refusal);
            continue;
        }
        struct vfl_config config = parsed("", cases[i].instance);
        ck_assert_msg(config.is_scope_all == cases[i].is_scope_all, "%s", cases[i].instance);
        ck_assert_msg(config.is_accepted_only == cases[i].is_accepted_only, "%s",
                      cases[i].instance);
        vfl_config_fini(&config);
    }
}
END_TEST

START_TEST(max_relations_is_bounded_exactly)
{
    const struct {
        const char *written;
        unsigned expected; /* 0: refused */
    } cases[] = {
        {"1", 1},   {"1000000", 1000000}, {"0", 0},          {"1000001", 0}, {"-1", 0},
        {"1e5", 0}, {"1.0", 0},           {"4294967297", 0}, {"010", 0},     {"1_000", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char instance[60];
        char refusal[120];
        (void)snprintf(instance, sizeof instance, "max_relations: %s", cases[i].written);
        (void)snprintf(refusal, sizeof refusal,
                       "instance.max_relations: found '%s', expected a whole number from 1 to "
                       "1000000",
                       cases[i].written);
        if (cases[i].expected == 0) {
            expect_refused("", instance, refusal);
            continue;
        }
        struct vfl_config config = parsed("", instance);
        ck_assert_uint_eq(config.max_relations, cases[i].expected);
        vfl_config_fini(&config);
    }
}
END_TEST

#define TYPE_MISSING                                                                               \
    "instance.topology_instance.type: not set, expected text that names the kind of topology, "    \
    "such as aws-flowlogs"
#define URL_MISSING                                                                                \
    "instance.topology_instance.url: not set, expected text that tells this key from others of "   \
    "its type, such as an account id"
#define MAP_EXPECTED "expected a map, such as {type: aws-flowlogs, url: \"123456789012\"}"

START_TEST(topology_instance_is_a_whole_key_of_another_type)
{
    const struct {
        const char *map;
        const char *refusal; /* NULL: accepted, with type t and url u */
    } cases[] = {
        {"{type: t, url: u}", NULL},
        {"\n  url: u\n  type: 't'", NULL},
        {"{url: u}", TYPE_MISSING},
        {"{type: t}", URL_MISSING},
        {"{}", TYPE_MISSING},
        {"{type: t, url: ''}", URL_MISSING},
        {"{type: ~, url: u}", TYPE_MISSING},
        {"{type: aws-v2, url: u}",
         "instance.topology_instance.type: found 'aws-v2', expected another type: snapshots of "
         "aws-v2 belong to the account scan, and ours would delete its components"},
        {"{type: t, url: \"a\\tb\"}",
         "instance.topology_instance.url: found a line break or control character, expected plain "
         "text on one line"},
        {"{type: \"a\\x7f\", url: u}",
         "instance.topology_instance.type: found a line break or control character, expected plain "
         "text on one line"},
        {"{type: t, url: [u]}", "instance.topology_instance.url: found a list, expected text"},
        {"{type: {type: t}, url: u}",
         "instance.topology_instance.type: found a map, expected text"},
        {"{type: t, url: u, url: v}",
         "instance.topology_instance.url: found twice, on lines 1 and 1: remove one"},
        {"\n  type: t\n  other: 1\n  url: u\n  other: 2",
         "instance.topology_instance.other: found twice, on lines 3 and 5: remove one"},
        {"{<<: {type: t}, url: u}",
         "instance.topology_instance: line 1: merge keys (<<) are not supported: write the keys "
         "out"},
        {"{[a]: b}", "instance.topology_instance: line 1: found a list as a key, expected text"},
        {"aws/1", "instance.topology_instance: found 'aws/1', " MAP_EXPECTED},
        {"[{type: t, url: u}]", "instance.topology_instance: found a list, " MAP_EXPECTED},
        {"!key {type: t, url: u}",
         "instance.topology_instance: found a value with a YAML tag, " MAP_EXPECTED},
        {"&a {type: *a, url: u}", "instance.topology_instance.type: found a map, expected text"},
    };
    const char *const switches[] = {"", MINIMAL};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t s = 0; s < 2; s++) {
            char instance[300];
            (void)snprintf(instance, sizeof instance, "topology_instance: %s\n%s", cases[i].map,
                           switches[s]);
            if (cases[i].refusal != NULL) {
                expect_refused(ID, instance, cases[i].refusal);
                continue;
            }
            struct vfl_config config = parsed(ID, instance);
            ck_assert_str_eq(config.topology_instance_type, "t");
            ck_assert_str_eq(config.topology_instance_url, "u");
            ck_assert_uint_eq(config.notice_count, 0);
            vfl_config_fini(&config);
        }
    }
}
END_TEST

START_TEST(texts_of_the_topology_instance_are_bounded_exactly)
{
    const char *const names[] = {"type", "url"};
    for (size_t i = 0; i < 2; i++) {
        char text[257] = "";
        char instance[400];
        char refusal[120];
        memset(text, 'x', 255);
        (void)snprintf(instance, sizeof instance, "topology_instance: {%s: %s, %s: o}", names[i],
                       text, names[1 - i]);
        struct vfl_config config = parsed("", instance);
        ck_assert_str_eq(i == 0 ? config.topology_instance_type : config.topology_instance_url,
                         text);
        vfl_config_fini(&config);
        text[255] = 'x';
        (void)snprintf(instance, sizeof instance, "topology_instance: {%s: %s, %s: o}", names[i],
                       text, names[1 - i]);
        (void)snprintf(refusal, sizeof refusal,
                       "instance.topology_instance.%s: found 256 bytes, expected at most 255",
                       names[i]);
        expect_refused("", instance, refusal);
    }
}
END_TEST

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

START_TEST(booleans_are_read_as_yaml_1_1)
{
    const char *const words[][2] = {{"true", "false"}, {"True", "False"},      {"TRUE", "FALSE"},
                                    {"yes", "no"},     {"Yes", "No"},          {"YES", "NO"},
                                    {"on", "off"},     {"On", "Off"},          {"ON", "OFF"},
                                    {"y", "n"},        {"\"true\"", "'false'"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (int side = 0; side < 2; side++) {
            char init_config[60];
            (void)snprintf(init_config, sizeof init_config, "dry_run: %s", words[i][side]);
            struct vfl_config config = parsed(init_config, "");
            ck_assert_int_eq(config.is_dry_run, side == 0);
            vfl_config_fini(&config);
        }
    }
}
END_TEST

START_TEST(instance_wins_over_init_config)
{
    struct vfl_config config =
        parsed("process_flow_logs: true\nexpire_after: 100\ns3_endpoint_url: http://a\n" ID,
               ARN REGIONS "process_flow_logs: false\ns3_endpoint_url: http://b\n");
    ck_assert(!config.process_flow_logs);
    ck_assert_uint_eq(config.expire_after_s, 100);
    ck_assert_str_eq(config.s3_endpoint_url, "http://b");
    vfl_config_fini(&config);
    config = parsed("process_flow_logs: true\n" ID, ARN REGIONS);
    ck_assert(config.process_flow_logs);
    vfl_config_fini(&config);
}
END_TEST

START_TEST(switched_off_needs_nothing_but_still_refuses_wrong_values)
{
    struct vfl_config config = parsed("", "process_flow_logs: false\n");
    ck_assert_ptr_null(config.account);
    ck_assert_uint_eq(config.notice_count, 0);
    vfl_config_fini(&config);
    expect_refused("", "role_arn: x",
                   "instance.role_arn: found 'x', expected the role's ARN, "
                   "arn:aws:iam::123456789012:role/NAME");
}
END_TEST

START_TEST(says_which_bucket_key_was_taken)
{
    struct vfl_config config =
        parsed(ID, MINIMAL "log_bucket_name: trail/x\nflowlog_bucket_name: flow\n");
    ck_assert_str_eq(config.bucket, "flow");
    ck_assert_uint_eq(config.notice_count, 1);
    ck_assert_str_eq(config.notices[0],
                     "flow logs are read from instance.flowlog_bucket_name (flow); "
                     "instance.log_bucket_name is not used");
    vfl_config_fini(&config);
    config = parsed(ID, MINIMAL "log_bucket_name: trail\n");
    ck_assert_str_eq(config.bucket, "trail");
    ck_assert_uint_eq(config.notice_count, 0);
    vfl_config_fini(&config);
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

START_TEST(offline_use_needs_no_external_id)
{
    struct vfl_config config =
        parsed("", MINIMAL "s3_endpoint_url: file:///replay\ninterfaces_file: i.json\n");
    ck_assert_uint_eq(config.notice_count, 0);
    vfl_config_fini(&config);
    config = parsed("", MINIMAL "s3_endpoint_url: file:///replay\n");
    ck_assert_uint_eq(config.notice_count, 1);
    vfl_config_fini(&config);
}
END_TEST

START_TEST(external_id_outside_the_sts_pattern_is_only_noticed)
{
    const struct {
        const char *init_config;
        bool is_disabled;
        const char *notice; /* start of the only one; NULL: none */
    } cases[] = {
        {"external_id: abc_1+=,.@:/-", false, NULL},
        {"external_id: 'uniquesecret!1'", false,
         "init_config.external_id is not of the form that AWS documents"},
        {"external_id: x", false, "init_config.external_id is not of the form that AWS documents"},
        {"external_id: disable_external_id_this_is_unsafe", true, NULL},
        {"", false, "init_config.external_id is not set"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vfl_config config = parsed(cases[i].init_config, MINIMAL);
        ck_assert_int_eq(config.is_external_id_check_disabled, cases[i].is_disabled);
        ck_assert_uint_eq(config.notice_count, cases[i].notice != NULL ? 1 : 0);
        if (cases[i].notice != NULL)
            ck_assert_ptr_eq(strstr(config.notices[0], cases[i].notice), config.notices[0]);
        vfl_config_fini(&config);
    }
}
END_TEST

/* Other kinds of scalars: YAML 1.1, types int, float and timestamp; YAML 1.2, 10.3.2. */
START_TEST(texts_that_look_like_numbers_are_kept_and_noticed)
{
    static const struct {
        const char *text;
        bool is_noticed;
    } rows[] = {
        {"0123456789", true},
        {"089", true},
        {"1_000", true},
        {"-12", true},
        {"+12", true},
        {"1.10", true},
        {"1.", true},
        {".5", true},
        {"1e5", true},
        {"1.5E-3", true},
        {"0x1F", true},
        {"0o17", true},
        {"0b101", true},
        {"12:30:45", true},
        {"190:20:30.15", true},
        {".inf", true},
        {"-.INF", true},
        {".NaN", true},
        {"2025-11-03", true},
        {"2025-11-03T10:00:00Z", true},
        {"\"0123456789\"", false},
        {"'0123456789'", false},
        {"4f1b8a1c-stackstate", false},
        {"12345678-1234-1234-1234-123456789012", false},
        {"1.2.3", false},
        {"0x", false},
        {"12e", false},
        {"e5", false},
        {"..", false},
        {"2025-11", false},
        {"2025-11-03x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char init_config[80], expected[80];
        (void)snprintf(init_config, sizeof init_config, "external_id: %s", rows[i].text);
        (void)snprintf(expected, sizeof expected, "%s", rows[i].text + strspn(rows[i].text, "'\""));
        expected[strcspn(expected, "'\"")] = '\0';
        struct vfl_config config = parsed(init_config, MINIMAL);
        ck_assert_str_eq(config.external_id, expected);
        ck_assert_msg(config.notice_count == rows[i].is_noticed, "%s", rows[i].text);
        if (rows[i].is_noticed)
            ck_assert_str_eq(config.notices[0],
                             "init_config.external_id is taken for a number or a date by other "
                             "readers of YAML, which may change it: put it in quotes");
        vfl_config_fini(&config);
    }
    struct vfl_config config = parsed(ID, MINIMAL "log_prefix: 010\n");
    ck_assert_uint_eq(config.notice_count, 1);
    ck_assert_str_eq(config.log_prefix, "010");
    vfl_config_fini(&config);
}
END_TEST

START_TEST(unknown_keys_are_noticed_with_the_nearest)
{
    const struct {
        const char *init_config;
        const char *instance;
        const char *notice; /* NULL: none */
    } cases[] = {
        {"", "flowlog_bucket: x",
         "unknown key instance.flowlog_bucket: did you mean flowlog_bucket_name?"},
        {"", "region: [x]", "unknown key instance.region: did you mean regions?"},
        {"", "Role-ARN: x", "unknown key instance.Role-ARN: did you mean role_arn?"},
        {"aws_acess_key_id: x", "",
         "unknown key init_config.aws_acess_key_id: did you mean aws_access_key_id?"},
        {"", "zebra: {a: [b]}", "unknown key instance.zebra is ignored"},
        {"", "\"a\\nb\": 1", "unknown key instance.a\\x0ab is ignored"},
        {"role_arn: x", "", "init_config.role_arn is ignored: it is a key of instance"},
        {"", "external_id: x", "instance.external_id is ignored: it is a key of init_config"},
        {"", "topology_instance: {type: t, url: u, uri: x}",
         "unknown key instance.topology_instance.uri: did you mean url?"},
        {"", "topology_instance: {type: t, url: u, Types: x}",
         "unknown key instance.topology_instance.Types: did you mean type?"},
        {"", "topology_instance: {type: t, url: u, name: x}",
         "unknown key instance.topology_instance.name is ignored"},
        {"", "topology_instance: {type: t, url: u, regions: [EU]}",
         "instance.topology_instance.regions is ignored: it is a key of instance"},
        {"", "topology_instance: {type: t, url: u, dry_run: maybe}",
         "instance.topology_instance.dry_run is ignored: it is a key of instance"},
        {"", "url: x", "instance.url is ignored: it is a key of instance.topology_instance"},
        {"", "topology_instanc: {x: y}",
         "unknown key instance.topology_instanc: did you mean topology_instance?"},
        {"topology_instance: {x: y}", "",
         "init_config.topology_instance is ignored: it is a key of instance"},
        {"scope: nonsense", "", "init_config.scope is ignored: it is a key of instance"},
        {"", "library_path: /x.so", "unknown key instance.library_path is ignored"},
        {"library_path: /x.so", "", NULL},
        {"full_run_interval: 3600\nservice: x\n",
         "apis_to_run: [ec2]\narns: []\nmin_collection_interval: 60\nname: n\nservice: s\n"
         "empty_default_hostname: true\nfull_run_interval: 1\nlog_bucket_name: abc\n",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vfl_config config = parsed(cases[i].init_config, cases[i].instance);
        ck_assert_uint_eq(config.notice_count, cases[i].notice != NULL ? 1 : 0);
        if (cases[i].notice != NULL)
            ck_assert_str_eq(config.notices[0], cases[i].notice);
        vfl_config_fini(&config);
    }
}
END_TEST

START_TEST(notices_and_keys_are_bounded)
{
    char *text = malloc(20000);
    ck_assert_ptr_nonnull(text);
    size_t used = 0;
    for (int i = 0; i < 1000; i++)
        used += (size_t)snprintf(text + used, 20000 - used, "zebra%d: 1\n", i);
    struct vfl_config config = parsed("", text);
    ck_assert_uint_eq(config.notice_count, 32);
    ck_assert_str_eq(config.notices[31], "more notices about the configuration are left out");
    vfl_config_fini(&config);
    (void)snprintf(text + used, 20000 - used, "one_more: 1\n");
    expect_refused("", text, "instance: has more than 1000 keys");
    free(text);
}
END_TEST

START_TEST(lists_and_items_are_bounded)
{
    char text[1000] = "tags: [";
    for (int i = 0; i < 100; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "t%d,", i);
    }
    struct vfl_config config = parsed("", strcat(text, "]"));
    ck_assert_uint_eq(config.tag_count, 100);
    vfl_config_fini(&config);
    text[strlen(text) - 1] = '\0';
    expect_refused("", strcat(text, "x]"), "instance.tags: found 101 items, expected at most 100");

    char item[220] = "tags: [";
    memset(item + 7, 'x', 200);
    config = parsed("", strcat(item, "]"));
    vfl_config_fini(&config);
    item[207] = 'x';
    expect_refused("", strcat(item, "]"),
                   "instance.tags[0]: found 201 bytes, expected at most 200");
}
END_TEST

START_TEST(oversized_and_deeply_nested_texts_end_soon)
{
    size_t size = VFL_CONFIG_MAX_BYTES;
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    struct vfl_config config = {0};
    struct vfl_error err = {0};
    memset(text, '#', size + 1);
    ck_assert_int_eq(
        vfl_config_parse((struct vfl_span){text, size}, (struct vfl_span){NULL, 0}, &config, &err),
        VFL_OK);
    vfl_config_fini(&config);
    ck_assert_int_eq(vfl_config_parse((struct vfl_span){text, size + 1}, (struct vfl_span){NULL, 0},
                                      &config, &err),
                     VFL_CONFIG);
    ck_assert_str_eq(err.text, "init_config: is longer than 1048576 bytes");
    memset(text, '[', size);
    ck_assert_int_eq(
        vfl_config_parse((struct vfl_span){text, size}, (struct vfl_span){NULL, 0}, &config, &err),
        VFL_CONFIG);
    free(text);
}
END_TEST

START_TEST(nesting_is_bounded_exactly)
{
    char text[100] = "zebra: ";
    memset(text + 7, '[', 31); /* and the map around them: 32 */
    memset(text + 38, ']', 31);
    struct vfl_config config = parsed("", text);
    vfl_config_fini(&config);
    memset(text + 7, '[', 32);
    memset(text + 39, ']', 32);
    expect_refused("", text, "instance: line 1 is nested more than 32 deep");
}
END_TEST

START_TEST(aliases_are_looked_at_but_never_expanded)
{
    struct vfl_config config =
        parsed("", "a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]\n"
                   "log_prefix: &p team\ninterfaces_file: *p\n");
    ck_assert_str_eq(config.interfaces_file, "team");
    vfl_config_fini(&config);
    expect_refused("", "a: &a [x]\nb: &b [*a]\ntags: [*b]\n",
                   "instance.tags[0]: found a list, expected text");
}
END_TEST

/* The example of the public documentation is indented with tabs: a copy of it meets this. */
START_TEST(tab_indentation_is_called_by_its_name)
{
    const struct {
        const char *text;
        size_t line;
    } cases[] = {
        {"\trole_arn: x\n", 1},
        {"role_arn: x\nregions:\n\t- eu-west-1\n", 3},
        {"role_arn: x\n\tregions: y\n", 2},
        {"role_arn: x\nregions:\n  - a\n\t- b\n", 4},
        {"regions:\n  \t- a\n", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text,
                       "instance: line %zu is indented with a tab, which YAML forbids: replace the "
                       "tabs with spaces",
                       cases[i].line);
        expect_refused("", cases[i].text, text);
    }
}
END_TEST

/* ---- docs/CONFIG.md against the table ---- */

static char *read_document(void)
{
    char path[1000];
    (void)snprintf(path, sizeof path, "%s", getenv("FIXTURES"));
    char *folder = strstr(path, "/tests/fixtures");
    ck_assert_ptr_nonnull(folder);
    (void)snprintf(folder, sizeof path - (size_t)(folder - path), "/docs/CONFIG.md");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    char *text = calloc(1, 65536);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_gt(fread(text, 1, 65535, file), 0);
    (void)fclose(file);
    return text;
}

static const struct vfl_config_key *key_named(struct vfl_span name)
{
    size_t count;
    const struct vfl_config_key *keys = vfl_config_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (vfl_span_equal_string(name, keys[i].name))
            return &keys[i];
    return NULL;
}

START_TEST(document_has_the_row_of_every_key)
{
    char *document = read_document();
    size_t count;
    const struct vfl_config_key *keys = vfl_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char row[600];
        (void)snprintf(row, sizeof row, "\n| `%s` | %s | %s | %s | %s |\n", keys[i].name,
                       keys[i].scope, keys[i].type, keys[i].default_text, keys[i].help);
        ck_assert_msg(strstr(document, row) != NULL, "docs/CONFIG.md lacks this row:%s", row);
    }
    free(document);
}
END_TEST

START_TEST(document_has_no_row_of_an_unknown_key)
{
    char *document = read_document();
    size_t row_count = 0;
    size_t key_count;
    (void)vfl_config_keys(&key_count);
    for (const char *row = strstr(document, "\n| `"); row != NULL; row = strstr(row + 1, "\n| `")) {
        struct vfl_span name = {row + 4, strcspn(row + 4, "`")};
        ck_assert_msg(key_named(name) != NULL, "%.*s", (int)name.len, name.ptr);
        row_count++;
    }
    ck_assert_uint_eq(row_count, key_count);
    free(document);
}
END_TEST

/* Appends the lines from at, without their first columns, while they start with that many spaces
 * (or a list's dash). */
static void copy_block(char *text, const char *at, size_t columns)
{
    static const char spaces[] = "    ";
    while (strncmp(at, spaces, columns) == 0 || (columns == 4 && strncmp(at, "  - ", 4) == 0)) {
        size_t length = strcspn(at, "\n") + 1;
        (void)strncat(text, at + columns, length - columns);
        at += length;
    }
}

/* Keys that are commented out become keys; prose, which starts with a capital, stays. */
static void uncomment(char *text)
{
    char *to = text;
    bool is_line_start = true;
    for (const char *at = text; *at != '\0'; at++) {
        if (is_line_start && at[0] == '#' && at[1] == ' ' && (at[2] < 'A' || at[2] > 'Z'))
            at += 2;
        is_line_start = *at == '\n';
        *to++ = *at;
    }
    *to = '\0';
}

START_TEST(example_in_the_document_is_accepted_without_a_notice)
{
    char *document = read_document();
    const char *init_at = strstr(document, "\ninit_config:\n");
    const char *instance_at = strstr(document, "\ninstances:\n");
    ck_assert_ptr_nonnull(init_at);
    ck_assert_ptr_nonnull(instance_at);
    char init_config[2000] = "";
    char instance[2000] = "";
    copy_block(init_config, init_at + strlen("\ninit_config:\n"), 2);
    copy_block(instance, instance_at + strlen("\ninstances:\n"), 4);
    struct vfl_config config = parsed(init_config, instance);
    ck_assert_uint_eq(config.notice_count, 0);
    ck_assert_uint_eq(config.region_count, 2);
    ck_assert_str_eq(config.bucket, "example-flow-logs");
    ck_assert_str_eq(config.access_key_id, "AKIAIOSFODNN7EXAMPLE");
    ck_assert_str_eq(config.tags[0], "env:production");
    ck_assert_ptr_null(config.topology_instance_type);
    vfl_config_fini(&config);
    uncomment(instance);
    config = parsed(init_config, instance);
    ck_assert_uint_eq(config.notice_count, 0);
    ck_assert_uint_eq(config.collection_interval_s, 60);
    ck_assert(!config.is_dry_run && !config.is_scope_all && !config.is_accepted_only);
    ck_assert_uint_eq(config.max_relations, 100000);
    ck_assert_str_eq(config.topology_instance_type, "aws-flowlogs");
    ck_assert_str_eq(config.topology_instance_url, "123456789012");
    vfl_config_fini(&config);
    free(document);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        minimal_configuration_has_the_documented_defaults,
        every_key_reaches_its_field,
        empty_texts_are_empty_maps,
        empty_values_are_unset,
        wrong_values_are_named_with_what_was_found_and_expected,
        choices_take_exactly_their_words,
        max_relations_is_bounded_exactly,
        topology_instance_is_a_whole_key_of_another_type,
        texts_of_the_topology_instance_are_bounded_exactly,
        role_arns_of_every_partition_tell_account_and_partition,
        booleans_are_read_as_yaml_1_1,
        instance_wins_over_init_config,
        switched_off_needs_nothing_but_still_refuses_wrong_values,
        says_which_bucket_key_was_taken,
        bucket_names_are_checked,
        log_prefix_is_trimmed_and_checked,
        endpoint_urls_are_checked,
        url_with_a_password_is_refused_with_the_reason,
        half_a_key_pair_is_refused,
        secrets_are_never_quoted,
        external_id_outside_the_sts_pattern_is_only_noticed,
        offline_use_needs_no_external_id,
        texts_that_look_like_numbers_are_kept_and_noticed,
        unknown_keys_are_noticed_with_the_nearest,
        notices_and_keys_are_bounded,
        lists_and_items_are_bounded,
        oversized_and_deeply_nested_texts_end_soon,
        nesting_is_bounded_exactly,
        aliases_are_looked_at_but_never_expanded,
        tab_indentation_is_called_by_its_name,
        document_has_the_row_of_every_key,
        document_has_no_row_of_an_unknown_key,
        example_in_the_document_is_accepted_without_a_notice,
    };
    return RUN_SUITE("config", cases);
}
