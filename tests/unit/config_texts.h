/* What the tests of the configuration share: the shortest ones that are accepted, and parsing. */
#ifndef VFL_TEST_CONFIG_TEXTS_H
#define VFL_TEST_CONFIG_TEXTS_H

#include "core/config.h"

#include "tests/unit/run_suite.h"

#define ARN "role_arn: arn:aws:iam::123456789012:role/Scan\n"
#define REGIONS "regions: [eu-west-1]\n"
#define ON "process_flow_logs: true\n"
#define MINIMAL ARN REGIONS ON
#define ID "external_id: secret-id\n"

static inline enum vfl_status parse(const char *init_config, const char *instance,
                                    struct vfl_config *config, struct vfl_error *err)
{
    return vfl_config_parse(vfl_span_from_string(init_config), vfl_span_from_string(instance),
                            config, err);
}

static inline struct vfl_config parsed(const char *init_config, const char *instance)
{
    struct vfl_config config = {0};
    struct vfl_error err = {0};
    ck_assert_msg(parse(init_config, instance, &config, &err) == VFL_OK, "%s", err.text);
    return config;
}

static inline void expect_refused(const char *init_config, const char *instance, const char *text)
{
    struct vfl_config config = {.region_count = 77};
    struct vfl_error err = {0};
    ck_assert_msg(parse(init_config, instance, &config, &err) == VFL_CONFIG, "accepted: %s / %s",
                  init_config, instance);
    ck_assert_uint_eq(config.region_count, 77);
    ck_assert_str_eq(err.text, text);
}

#endif
