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

START_TEST(the_environment_may_state_an_end)
{
    struct vfl_credentials credentials = {0};
    const struct vfl_configured_keys keys = {NULL, NULL, NULL};
    set_environment("eid", "esecret", "etoken");
    ck_assert_int_eq(setenv("AWS_CREDENTIAL_EXPIRATION", "2013-05-24T00:00:00Z", 1), 0);
    ck_assert_int_eq(find(&keys, &credentials, NULL), VFL_OK);
    ck_assert_int_eq(credentials.expires_epoch_s, 1369353600);
    vfl_credentials_fini(&credentials);
    ck_assert_int_eq(setenv("AWS_CREDENTIAL_EXPIRATION", "24 May", 1), 0);
    ck_assert_int_eq(find(&keys, &credentials, NULL), VFL_CONFIG);
    ck_assert_int_eq(unsetenv("AWS_CREDENTIAL_EXPIRATION"), 0);
    set_environment(NULL, NULL, NULL);
}
END_TEST

START_TEST(renewal_is_due_before_the_end)
{
    static const struct {
        int64_t left_s;
        double chance;
        int64_t due_s; /* from now */
    } rows[] = {
        {3600, 0.0, 2700},                       /* a quarter of an hour before */
        {3600, 0.999999, 2611}, {900, 0.0, 675}, /* a quarter of a short session */
        {900, 0.999999, 653},   {4, 0.0, 3},     {21600, 0.0, 3600}, /* looked at once an hour */
        {4000, 0.0, 3100},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_int_eq(
            vfl_credentials_refresh_epoch_s(1000000 + rows[i].left_s, 1000000, rows[i].chance),
            1000000 + rows[i].due_s);
    ck_assert_int_eq(vfl_credentials_refresh_epoch_s(0, 1000000, 0.5), 0);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        configuration_comes_before_the_environment,
        the_environment_may_state_an_end,
        renewal_is_due_before_the_end,
    };
    return RUN_SUITE("credentials", cases);
}
