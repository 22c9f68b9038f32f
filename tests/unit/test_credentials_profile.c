#include "core/aws/credential_source.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/fake/identity_bench.h"
#include "tests/unit/run_suite.h"

#define PLAIN "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = hush\n"

static enum vfl_status fetch(struct identity_bench *bench)
{
    return identity_bench_fetch(bench, vfl_credentials_profile(&bench->surroundings));
}

START_TEST(the_profile_is_found_as_aws_tools_find_it)
{
    static const struct {
        const char *name;
        const char *credentials, *config; /* below $HOME/.aws; NULL: no such file */
        const char *profile;              /* AWS_PROFILE */
        enum vfl_status expected;
        const char *id; /* NULL: absent */
    } rows[] = {
        {"no files", NULL, NULL, NULL, VFL_OK, NULL},
        {"no section", "[other]\naws_access_key_id=A\naws_secret_access_key=hush\n", NULL, NULL,
         VFL_OK, NULL},
        {"default", PLAIN, NULL, NULL, VFL_OK, "AKIADEFAULT"},
        {"named", PLAIN "[agent]\naws_access_key_id=AKIAAGENT\naws_secret_access_key=hush\n", NULL,
         "agent", VFL_OK, "AKIAAGENT"},
        {"in the config file", NULL,
         "[profile agent]\naws_access_key_id=AKIAAGENT\naws_secret_access_key=hush\n", "agent",
         VFL_OK, "AKIAAGENT"},
        {"credentials before config", PLAIN,
         "[default]\naws_access_key_id=AKIACONFIG\naws_secret_access_key=hush\n", NULL, VFL_OK,
         "AKIADEFAULT"},
        {"config without keys", PLAIN, "[default]\nregion = eu-west-1\n", NULL, VFL_OK,
         "AKIADEFAULT"},
        {"named, not there", PLAIN, NULL, "agent", VFL_CONFIG, NULL},
        {"half a pair", "[default]\naws_access_key_id = AKIA\n", NULL, NULL, VFL_CONFIG, NULL},
        {"secret alone", "[default]\naws_secret_access_key = hush\n", NULL, NULL, VFL_CONFIG, NULL},
        {"32: a space in a key",
         "[default]\naws_access_key_id = A B\naws_secret_access_key = hush\n", NULL, NULL,
         VFL_CONFIG, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        identity_bench_start(&bench, NULL, 0);
        if (rows[i].credentials != NULL)
            (void)identity_bench_write(&bench, ".aws/credentials", rows[i].credentials, 0600);
        if (rows[i].config != NULL)
            (void)identity_bench_write(&bench, ".aws/config", rows[i].config, 0600);
        identity_bench_set("AWS_PROFILE", rows[i].profile);
        enum vfl_status st = fetch(&bench);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, bench.err.text);
        ck_assert_msg(bench.is_found == (rows[i].id != NULL), "%s", rows[i].name);
        if (rows[i].id != NULL)
            ck_assert_str_eq(bench.credentials.access_key_id, rows[i].id);
        ck_assert_ptr_null(strstr(bench.err.text, "hush"));
        identity_bench_finish(&bench);
    }
}
END_TEST

START_TEST(profiles_that_need_another_tool_are_refused)
{
    static const struct {
        const char *name;
        const char *credentials, *config;
        const char *text; /* NULL: the plain keys are taken */
    } rows[] = {
        {"process", NULL, "[default]\ncredential_process = /bin/sh -c hush\n",
         "uses credential_process, which the agent cannot"},
        {"sso", NULL, "[default]\nsso_session = corp\n", "IAM Identity Center"},
        {"old sso", NULL, "[default]\nsso_start_url = https://hush\n", "IAM Identity Center"},
        {"login", NULL, "[default]\nlogin_session = x\n", "login_session"},
        {"web identity", NULL, "[default]\nweb_identity_token_file = /x\n",
         "web_identity_token_file"},
        {"role", PLAIN, "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n",
         "uses source_profile"},
        {"role of the instance", NULL, "[default]\ncredential_source = Ec2InstanceMetadata\n",
         "uses credential_source"},
        {"role beside keys", PLAIN "role_arn = x\n", NULL, "uses role_arn"},
        {"process beside keys", PLAIN, "[default]\ncredential_process = /bin/false\n", NULL},
        {"sso beside keys", PLAIN, "[default]\nsso_session = corp\n", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        identity_bench_start(&bench, NULL, 0);
        if (rows[i].credentials != NULL)
            (void)identity_bench_write(&bench, ".aws/credentials", rows[i].credentials, 0600);
        if (rows[i].config != NULL)
            (void)identity_bench_write(&bench, ".aws/config", rows[i].config, 0600);
        enum vfl_status st = fetch(&bench);
        ck_assert_msg(st == (rows[i].text == NULL ? VFL_OK : VFL_CONFIG), "%s: %s", rows[i].name,
                      bench.err.text);
        ck_assert_msg(rows[i].text == NULL || strstr(bench.err.text, rows[i].text) != NULL,
                      "%s: %s", rows[i].name, bench.err.text);
        ck_assert_ptr_null(strstr(bench.err.text, "hush"));
        identity_bench_finish(&bench);
    }
}
END_TEST

START_TEST(named_files_have_to_be_there)
{
    struct identity_bench bench = {0};
    identity_bench_start(&bench, NULL, 0);
    identity_bench_set("AWS_SHARED_CREDENTIALS_FILE",
                       identity_bench_write(&bench, "mine", PLAIN, 0600));
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(bench.is_found);
    identity_bench_set("AWS_SHARED_CREDENTIALS_FILE", "~/mine");
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(bench.is_found);
    identity_bench_set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(!bench.is_found);
    identity_bench_set("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials");
    ck_assert_int_eq(fetch(&bench), VFL_CONFIG);
    ck_assert_str_eq(bench.err.text,
                     "AWS_SHARED_CREDENTIALS_FILE /nowhere/credentials does not exist");
    identity_bench_set("AWS_SHARED_CREDENTIALS_FILE", NULL);
    identity_bench_set("AWS_CONFIG_FILE", "/nowhere/config");
    ck_assert_int_eq(fetch(&bench), VFL_CONFIG);
    identity_bench_set("AWS_CONFIG_FILE", NULL);
    identity_bench_set("HOME", NULL);
    ck_assert_int_eq(fetch(&bench), VFL_OK);
    ck_assert(!bench.is_found);
    identity_bench_finish(&bench);
}
END_TEST

/* 32: it works all the same, but an operator should know. */
START_TEST(a_secret_that_everybody_can_read_is_noted)
{
    static const struct {
        unsigned mode;
        const char *text;
        bool is_noted;
    } rows[] = {
        {0600, PLAIN, false},
        {0640, PLAIN, false},
        {0644, PLAIN, true},
        {0644, "[default]\nregion = eu-west-1\n", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct identity_bench bench = {0};
        identity_bench_start(&bench, NULL, 0);
        (void)identity_bench_write(&bench, ".aws/credentials", rows[i].text, rows[i].mode);
        ck_assert_int_eq(fetch(&bench), VFL_OK);
        ck_assert_msg((strstr(bench.note.text, "/.aws/credentials: chmod 600") != NULL) ==
                          rows[i].is_noted,
                      "row %zu: %s", i, bench.note.text);
        ck_assert_ptr_null(strstr(bench.note.text, "hush"));
        identity_bench_finish(&bench);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        the_profile_is_found_as_aws_tools_find_it,
        profiles_that_need_another_tool_are_refused,
        named_files_have_to_be_there,
        a_secret_that_everybody_can_read_is_noted,
    };
    return RUN_SUITE("credentials_profile", cases);
}
