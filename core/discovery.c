#include "core/discovery.h"

#include <stdlib.h>
#include <string.h>

#include "core/aws/ec2.h"
#include "core/interfaces_file.h"

enum vfl_status vfl_discovery_init(struct vfl_discovery *discovery, const struct vfl_config *config,
                                   struct vfl_aws_session *session,
                                   struct vfl_interfaces *interfaces, struct vfl_error *err)
{
    bool has_file = config->interfaces_file != NULL;
    size_t count = has_file ? 1 : config->region_count;
    struct vfl_discovery_region *regions = calloc(count, sizeof *regions);
    if (regions == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for regions");
    for (size_t i = 0; i < count; i++)
        regions[i].name = has_file ? config->interfaces_file : config->regions[i];
    *discovery = (struct vfl_discovery){
        .config = config,
        .session = session,
        .interfaces = interfaces,
        .regions = regions,
        .region_count = count,
    };
    return VFL_OK;
}

void vfl_discovery_fini(struct vfl_discovery *discovery)
{
    if (discovery == NULL)
        return;
    free(discovery->regions);
    *discovery = (struct vfl_discovery){0};
}

static enum vfl_status add_interface(void *ctx, const struct vfl_interface *interface,
                                     struct vfl_error *err)
{
    return vfl_interfaces_add(ctx, interface, err);
}

static bool is_due(const struct vfl_discovery_region *region, bool is_unknown_seen,
                   int64_t now_epoch_s)
{
    int64_t age_s = now_epoch_s - region->asked_epoch_s;
    if (region->asked_epoch_s == 0 || age_s < 0)
        return true;
    if (region->is_denied)
        return age_s >= VFL_DISCOVERY_DENIED_S;
    if (!region->is_known) /* in every run, but not for every object of one */
        return age_s > 0;
    return age_s >= (is_unknown_seen ? VFL_DISCOVERY_UNKNOWN_S : VFL_DISCOVERY_STALE_S);
}

static enum vfl_status read_region(struct vfl_discovery *discovery,
                                   const struct vfl_discovery_region *region, struct vfl_error *err)
{
    struct vfl_interface_sink sink = {add_interface, discovery->interfaces};
    if (discovery->config->interfaces_file != NULL)
        return vfl_interfaces_file_read(discovery->config->interfaces_file, sink, err);
    return vfl_ec2_describe_interfaces(discovery->session, region->name, sink, err);
}

static bool stops_refresh(enum vfl_status status)
{
    return status == VFL_CANCELLED || status == VFL_DEADLINE || status == VFL_NO_MEMORY ||
           status == VFL_LIMIT;
}

enum vfl_status vfl_discovery_refresh(struct vfl_discovery *discovery, bool is_unknown_seen,
                                      int64_t now_epoch_s, struct vfl_discovery_sink sink,
                                      struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    bool has_read = false;
    for (size_t i = 0; i < discovery->region_count && st == VFL_OK; i++) {
        struct vfl_discovery_region *region = &discovery->regions[i];
        if (!is_due(region, is_unknown_seen, now_epoch_s))
            continue;
        if (!has_read)
            vfl_interfaces_start_refresh(discovery->interfaces, now_epoch_s);
        has_read = true;
        struct vfl_error failure = {0};
        enum vfl_status region_status = read_region(discovery, region, &failure);
        region->asked_epoch_s = now_epoch_s;
        region->is_denied = region_status == VFL_DENIED;
        region->is_known |= region_status == VFL_OK;
        if (stops_refresh(region_status)) {
            if (err != NULL)
                *err = failure;
            st = region_status;
        } else if (region_status != VFL_OK) {
            sink.failure(sink.ctx, region->name, region_status, &failure);
        }
    }
    if (!has_read)
        return st;
    enum vfl_status finish_status =
        vfl_interfaces_finish_refresh(discovery->interfaces, st == VFL_OK ? err : NULL);
    if (finish_status != VFL_OK) /* the directory may lack addresses until the next refresh */
        for (size_t i = 0; i < discovery->region_count; i++)
            discovery->regions[i].asked_epoch_s = 0;
    return st == VFL_OK ? finish_status : st;
}

enum vfl_region_view vfl_discovery_view(const struct vfl_discovery *discovery, const char *region)
{
    for (size_t i = 0; i < discovery->region_count; i++) {
        const struct vfl_discovery_region *known = &discovery->regions[i];
        if (discovery->config->interfaces_file == NULL && strcmp(known->name, region) != 0)
            continue;
        if (known->is_known)
            return VFL_REGION_KNOWN;
        return known->is_denied ? VFL_REGION_DENIED : VFL_REGION_NOT_READY;
    }
    return VFL_REGION_NOT_READY;
}

bool vfl_discovery_is_blind(const struct vfl_discovery *discovery)
{
    for (size_t i = 0; i < discovery->region_count; i++)
        if (discovery->regions[i].is_known || discovery->regions[i].is_denied)
            return false;
    return true;
}

bool vfl_discovery_is_denied(const struct vfl_discovery *discovery)
{
    for (size_t i = 0; i < discovery->region_count; i++)
        if (discovery->regions[i].is_denied)
            return true;
    return false;
}
