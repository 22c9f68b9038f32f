/* Both YAML texts: init_config, a NUL, instance; without a NUL all of it is the instance. Holds
 * them to: a configuration that is taken is complete, one that is refused leaves nothing. */
#include "core/config.h"

#include "tests/fuzz/replay.h"

static void check_config(const struct vfl_config *config)
{
    FUZZ_CHECK(config->bucket != NULL && config->log_prefix != NULL);
    FUZZ_CHECK((config->access_key_id == NULL) == (config->secret_access_key == NULL));
    FUZZ_CHECK((config->topology_instance_type == NULL) == (config->topology_instance_url == NULL));
    if (config->process_flow_logs) {
        FUZZ_CHECK(config->region_count > 0 && config->bucket[0] != '\0');
        FUZZ_CHECK(config->role_arn != NULL && config->partition != NULL);
        FUZZ_CHECK(config->account != NULL && strlen(config->account) == 12);
    }
    for (size_t i = 0; i < config->region_count; i++)
        FUZZ_CHECK(config->regions[i][0] != '\0');
    for (size_t i = 0; i < config->tag_count; i++)
        FUZZ_CHECK(config->tags[i] != NULL);
    for (size_t i = 0; i < config->notice_count; i++)
        for (const char *at = config->notices[i]; *at != '\0'; at++)
            FUZZ_CHECK(*at >= ' ' && *at <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct vfl_span instance = {(const char *)input, len};
    struct vfl_span init_config = {"", 0};
    const char *end = len > 0 ? memchr(input, '\0', len) : NULL;
    if (end != NULL) {
        init_config = (struct vfl_span){instance.ptr, (size_t)(end - instance.ptr)};
        instance = (struct vfl_span){end + 1, len - init_config.len - 1};
    }
    struct vfl_config config = {0};
    struct vfl_error err = {0};
    enum vfl_status st = vfl_config_parse(init_config, instance, &config, &err);
    FUZZ_CHECK(st == VFL_OK || st == VFL_CONFIG);
    if (st == VFL_OK)
        check_config(&config);
    else
        FUZZ_CHECK(err.text[0] != '\0' && config.bucket == NULL && config.notices == NULL);
    vfl_config_fini(&config);
    return 0;
}
