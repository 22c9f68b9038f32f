/* What the readers of interfaces are held to: every text that they pass on can be read to its end.
 */
#ifndef VFL_FUZZ_INTERFACE_CHECK_H
#define VFL_FUZZ_INTERFACE_CHECK_H

#include "core/interface.h"

#include "tests/fuzz/replay.h"

static void read_all_of(struct vfl_span text)
{
    FUZZ_CHECK(text.len == 0 || text.ptr != NULL);
    for (size_t i = 0; i < text.len; i++)
        (void)*(const volatile char *)(text.ptr + i);
}

static enum vfl_status check_interface(void *ctx, const struct vfl_interface *interface,
                                       struct vfl_error *err)
{
    const struct vfl_span texts[] = {
        interface->id,
        interface->vpc_id,
        interface->subnet_id,
        interface->region,
        interface->type,
        interface->description,
        interface->requester_id,
        interface->owner_id,
        interface->attachment_owner_id,
        interface->attachment_instance_id,
    };
    (void)ctx;
    (void)err;
    FUZZ_CHECK(interface->id.len > 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        read_all_of(texts[i]);
    for (size_t i = 0; i < interface->address_count; i++) {
        read_all_of(interface->addresses[i].private_ip);
        read_all_of(interface->addresses[i].public_ip);
        read_all_of(interface->addresses[i].carrier_ip);
        read_all_of(interface->addresses[i].customer_owned_ip);
    }
    for (size_t i = 0; i < interface->ipv6_address_count; i++)
        read_all_of(interface->ipv6_addresses[i]);
    for (size_t i = 0; i < interface->prefix_count; i++)
        read_all_of(interface->prefixes[i]);
    return VFL_OK;
}

#endif
