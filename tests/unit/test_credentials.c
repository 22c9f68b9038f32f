#include "core/aws/credentials.h"

#include "tests/unit/run_suite.h"

static enum vfl_status find(const struct vfl_configured_keys *keys,
                            struct vfl_credentials *ret_credentials, struct vfl_error *err)
{
    const struct vfl_credential_provider providers[] = {vfl_credentials_configured(keys),
                                                        vfl_credentials_environment()};
    return vfl_credentials_find(providers, 2, ret_credentials, err);
}

static void set_environment(const char *id, const char *secret, const char *token)
{
    const struct {
        const char *name, *value;
    } rows[] = {
        {"AWS_ACCESS_KEY_ID", id}, {"AWS_SECRET_ACCESS_KEY", secret}, {"AWS_SESSION_TOKEN", token}};
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(rows[i].value == NULL ? unsetenv(rows[i].name)
                                               : setenv(rows[i].name, rows[i].value, 1),
                         0);
}

START_TEST(configuration_comes_before_the_environment)
{
    static const struct {
        struct vfl_configured_keys keys;
        const char *id, *secret, *token; /* environment */
        enum vfl_status status;
        const char *expected_id, *expected_token;
    } rows[] = {
        {{"cid", "csecret", NULL}, "eid", "esecret", "etoken", VFL_OK, "cid", NULL},
        {{"", "", ""}, "eid", "esecret", "etoken", VFL_OK, "eid", "etoken"},
        {{NULL, NULL, NULL}, "eid", "esecret", "", VFL_OK, "eid", NULL},
        {{NULL, NULL, NULL}, NULL, NULL, NULL, VFL_DENIED, NULL, NULL},
        {{"cid", NULL, NULL}, "eid", "esecret", NULL, VFL_CONFIG, NULL, NULL},
        {{NULL, "csecret", NULL}, "eid", "esecret", NULL, VFL_CONFIG, NULL, NULL},
        {{NULL, NULL, NULL}, "eid", "", NULL, VFL_CONFIG, NULL, NULL},
        {{"cid", "csecret\nX-Evil: 1", NULL}, NULL, NULL, NULL, VFL_CONFIG, NULL, NULL},
        {{NULL, NULL, NULL}, "eid", "esecret", "to\rken", VFL_CONFIG, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_credentials credentials = {0};
        struct vfl_error err = {0};
        set_environment(rows[i].id, rows[i].secret, rows[i].token);
        ck_assert_int_eq(find(&rows[i].keys, &credentials, &err), rows[i].status);
        ck_assert_ptr_null(strstr(err.text, "secret\n"));
        ck_assert_ptr_null(strstr(err.text, "esecret"));
        if (rows[i].status == VFL_OK) {
            ck_assert_str_eq(credentials.access_key_id, rows[i].expected_id);
            ck_assert_pstr_eq(credentials.session_token, rows[i].expected_token);
        } else {
            ck_assert_ptr_null(credentials.access_key_id);
        }
        vfl_credentials_fini(&credentials);
    }
    set_environment(NULL, NULL, NULL);
    vfl_credentials_fini(NULL);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {configuration_comes_before_the_environment};
    return RUN_SUITE("credentials", cases);
}
