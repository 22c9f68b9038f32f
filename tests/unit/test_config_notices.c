/* What is accepted and told. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/config_texts.h"

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
        {"0X1f", true},
        {"0o17", true},
        {"0b101", true},
        {"0B101", true},
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

int main(void)
{
    const TTest *const cases[] = {
        says_which_bucket_key_was_taken,
        offline_use_needs_no_external_id,
        external_id_outside_the_sts_pattern_is_only_noticed,
        texts_that_look_like_numbers_are_kept_and_noticed,
        unknown_keys_are_noticed_with_the_nearest,
        notices_and_keys_are_bounded,
    };
    return RUN_SUITE("config_notices", cases);
}
