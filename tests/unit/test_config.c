/* Keys, kinds and defaults. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/config_texts.h"

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
        booleans_are_read_as_yaml_1_1,
        instance_wins_over_init_config,
        switched_off_needs_nothing_but_still_refuses_wrong_values,
    };
    return RUN_SUITE("config", cases);
}
