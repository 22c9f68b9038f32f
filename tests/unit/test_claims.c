#include "core/claims.h"

#include <string.h>

#include "tests/unit/run_suite.h"

static char account[] = "123456789012";
static char bucket[] = "logs";
static char folder[] = "";
static char ireland[] = "eu-west-1";
static char virginia[] = "us-east-1";
static int first, second;

static struct vfl_config config_of(char **regions, size_t region_count)
{
    return (struct vfl_config){.account = account,
                               .bucket = bucket,
                               .log_prefix = folder,
                               .regions = regions,
                               .region_count = region_count};
}

START_TEST(second_owner_of_a_region_is_refused_by_name)
{
    char *both[] = {virginia, ireland};
    struct vfl_config one = config_of(&both[1], 1);
    struct vfl_config two = config_of(both, 2);
    struct vfl_error err = {0};
    ck_assert_int_eq(vfl_claims_take(&one, &first, &err), VFL_OK);
    ck_assert_int_eq(vfl_claims_take(&one, &first, &err), VFL_OK);
    ck_assert_int_eq(vfl_claims_take(&two, &second, &err), VFL_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "eu-west-1"));
    ck_assert_ptr_nonnull(strstr(err.text, "bucket logs"));
    vfl_claims_release(&first);
    vfl_claims_release(&second);
}
END_TEST

START_TEST(refused_owner_keeps_no_part)
{
    char *both[] = {virginia, ireland};
    struct vfl_config one = config_of(&both[1], 1);
    struct vfl_config other = config_of(&both[0], 1);
    struct vfl_config two = config_of(both, 2);
    ck_assert_int_eq(vfl_claims_take(&one, &first, NULL), VFL_OK);
    ck_assert_int_eq(vfl_claims_take(&two, &second, NULL), VFL_CONFIG);
    ck_assert_int_eq(vfl_claims_take(&other, &first, NULL), VFL_OK);
    vfl_claims_release(&first);
}
END_TEST

START_TEST(released_region_is_free_again)
{
    char *regions[] = {ireland};
    struct vfl_config one = config_of(regions, 1);
    ck_assert_int_eq(vfl_claims_take(&one, &first, NULL), VFL_OK);
    vfl_claims_release(&first);
    ck_assert_int_eq(vfl_claims_take(&one, &second, NULL), VFL_OK);
    vfl_claims_release(&second);
    vfl_claims_release(&second);
}
END_TEST

START_TEST(folders_and_endpoints_tell_instances_apart)
{
    char *regions[] = {ireland};
    char other_folder[] = "team-b";
    char endpoint[] = "https://s3.example.com";
    struct vfl_config one = config_of(regions, 1);
    struct vfl_config two = config_of(regions, 1);
    struct vfl_config three = config_of(regions, 1);
    two.log_prefix = other_folder;
    three.s3_endpoint_url = endpoint;
    ck_assert_int_eq(vfl_claims_take(&one, &first, NULL), VFL_OK);
    ck_assert_int_eq(vfl_claims_take(&two, &second, NULL), VFL_OK);
    ck_assert_int_eq(vfl_claims_take(&three, &second, NULL), VFL_OK);
    vfl_claims_release(&first);
    vfl_claims_release(&second);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        second_owner_of_a_region_is_refused_by_name,
        refused_owner_keeps_no_part,
        released_region_is_free_again,
        folders_and_endpoints_tell_instances_apart,
    };
    return RUN_SUITE("claims", cases);
}
