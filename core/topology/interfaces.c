#include "core/topology/interfaces.h"

#include <stdlib.h>
#include <string.h>

#include "core/array.h"

void vfl_interfaces_fini(struct vfl_interfaces *interfaces)
{
    if (interfaces == NULL)
        return;
    vfl_tokens_fini(&interfaces->tokens);
    vfl_index_fini(&interfaces->id_index);
    vfl_index_fini(&interfaces->address_index);
    vfl_index_fini(&interfaces->public_index);
    free(interfaces->interfaces);
    free(interfaces->addresses);
    *interfaces = (struct vfl_interfaces){0};
}

void vfl_interfaces_start_refresh(struct vfl_interfaces *interfaces, int64_t now_epoch_s)
{
    if (interfaces->seed == 0)
        interfaces->seed = vfl_hash_seed() | 1;
    interfaces->refresh_epoch_s = now_epoch_s;
}

static bool contains(struct vfl_span text, const char *needle)
{
    size_t len = strlen(needle);
    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.ptr + i, needle, len) == 0)
            return true;
    return false;
}

/* Anybody who may create an interface chooses its description, so that alone proves nothing:
 * RequesterManaged, which only AWS services set, must go with it. */
static enum vfl_interface_kind kind_of(const struct vfl_interface *interface)
{
    struct vfl_span nat_description = VFL_SPAN_LITERAL("Interface for NAT Gateway");
    struct vfl_span alb_description = VFL_SPAN_LITERAL("ELB app/");
    if (vfl_span_equal_string(interface->type, "nat_gateway") ||
        vfl_span_equal_string(interface->type, "natGateway") ||
        vfl_span_equal_string(interface->type, "regional_nat_gateway"))
        return VFL_INTERFACE_NAT_GATEWAY;
    if (!interface->is_requester_managed)
        return VFL_INTERFACE_ORDINARY;
    if (vfl_span_has_prefix(interface->description, nat_description))
        return VFL_INTERFACE_NAT_GATEWAY;
    bool is_elb_owned = interface->requester_id.len == 0 ||
                        contains(interface->requester_id, "amazon-elb") ||
                        vfl_span_equal_string(interface->attachment_owner_id, "amazon-elb");
    if (is_elb_owned && (vfl_span_has_prefix(interface->description, alb_description) ||
                         vfl_span_equal_string(interface->type, "load_balancer")))
        return VFL_INTERFACE_APPLICATION_LOAD_BALANCER;
    return VFL_INTERFACE_ORDINARY;
}

static uint64_t hash_token(const struct vfl_interfaces *interfaces, uint32_t token)
{
    return vfl_hash_finish(vfl_hash_mix(interfaces->seed, token));
}

static uint32_t find_position(const struct vfl_interfaces *interfaces, uint32_t id)
{
    struct vfl_index_cursor cursor =
        vfl_index_cursor(&interfaces->id_index, hash_token(interfaces, id));
    uint32_t position;
    while ((position = vfl_index_next(&interfaces->id_index, &cursor)) != VFL_INDEX_NONE)
        if (interfaces->interfaces[position].id == id)
            break;
    return position;
}

static enum vfl_status add_position(struct vfl_interfaces *interfaces, uint32_t id,
                                    uint32_t *ret_position, struct vfl_error *err)
{
    uint32_t position = find_position(interfaces, id);
    if (position == VFL_INDEX_NONE) {
        if (interfaces->count == VFL_INTERFACES_MAX_COUNT)
            return vfl_error_set(err, VFL_LIMIT, "more than %u network interfaces",
                                 VFL_INTERFACES_MAX_COUNT);
        if (!VFL_ARRAY_RESERVE(interfaces->interfaces, interfaces->count, interfaces->room) ||
            !vfl_index_add(&interfaces->id_index, hash_token(interfaces, id), interfaces->count))
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for network interfaces");
        position = interfaces->count++;
    }
    *ret_position = position;
    return VFL_OK;
}

static enum vfl_status add_address(struct vfl_interfaces *interfaces,
                                   const struct vfl_known_address *address, struct vfl_error *err)
{
    if (interfaces->address_count == VFL_INTERFACES_MAX_ADDRESSES)
        return vfl_error_set(err, VFL_LIMIT, "more than %u addresses of network interfaces",
                             VFL_INTERFACES_MAX_ADDRESSES);
    if (!VFL_ARRAY_RESERVE(interfaces->addresses, interfaces->address_count,
                           interfaces->address_room))
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for interface addresses");
    interfaces->addresses[interfaces->address_count++] = *address;
    return VFL_OK;
}

static enum vfl_status add_ipv4_addresses(struct vfl_interfaces *interfaces,
                                          const struct vfl_interface *interface, uint32_t position,
                                          struct vfl_ip *ret_primary, struct vfl_error *err)
{
    for (size_t i = 0; i < interface->address_count; i++) {
        const struct vfl_interface_address *from = &interface->addresses[i];
        struct vfl_known_address address = {.interface = position};
        if (!vfl_ip_parse(from->private_ip, &address.ip))
            continue;
        address.kind = from->is_primary ? VFL_ADDRESS_PRIMARY : VFL_ADDRESS_SECONDARY;
        if (from->is_primary)
            *ret_primary = address.ip;
        const struct vfl_span texts[] = {from->public_ip, from->carrier_ip,
                                         from->customer_owned_ip};
        for (size_t t = 0; t < 3; t++)
            if (!vfl_ip_parse(texts[t], &address.public_ips[t]))
                address.public_ips[t] = (struct vfl_ip){0};
        enum vfl_status st = add_address(interfaces, &address, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

static enum vfl_status add_other_addresses(struct vfl_interfaces *interfaces,
                                           const struct vfl_interface *interface, uint32_t position,
                                           struct vfl_error *err)
{
    for (size_t i = 0; i < interface->ipv6_address_count; i++) {
        struct vfl_known_address address = {.interface = position, .kind = VFL_ADDRESS_IPV6};
        if (!vfl_ip_parse(interface->ipv6_addresses[i], &address.ip))
            continue;
        enum vfl_status st = add_address(interfaces, &address, err);
        if (st != VFL_OK)
            return st;
    }
    for (size_t i = 0; i < interface->prefix_count; i++) {
        struct vfl_known_address address = {.interface = position, .kind = VFL_ADDRESS_PREFIX};
        if (!vfl_ip_prefix_parse(interface->prefixes[i], &address.ip, &address.prefix_bits))
            continue;
        if (vfl_ip_is_v4(address.ip))
            address.prefix_bits += 96;
        enum vfl_status st = add_address(interfaces, &address, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

enum vfl_status vfl_interfaces_add(struct vfl_interfaces *interfaces,
                                   const struct vfl_interface *interface, struct vfl_error *err)
{
    if (interface->id.len == 0 || interface->vpc_id.len == 0)
        return VFL_OK;
    struct vfl_known_interface known = {
        .kind = kind_of(interface),
        .attach_epoch_s = interface->attach_epoch_s,
        .last_seen_epoch_s = interfaces->refresh_epoch_s,
        .first_address = interfaces->address_count,
    };
    enum vfl_status st = vfl_tokens_add(&interfaces->tokens, interface->id, &known.id, err);
    if (st == VFL_OK)
        st = vfl_tokens_add(&interfaces->tokens, interface->vpc_id, &known.vpc_id, err);
    if (st == VFL_OK)
        st = vfl_tokens_add(&interfaces->tokens, interface->region, &known.region, err);
    uint32_t position = 0;
    if (st == VFL_OK)
        st = add_position(interfaces, known.id, &position, err);
    if (st == VFL_OK)
        interfaces->interfaces[position] = known;
    if (st == VFL_OK)
        st = add_ipv4_addresses(interfaces, interface, position, &known.primary, err);
    if (st == VFL_OK)
        st = add_other_addresses(interfaces, interface, position, err);
    if (st == VFL_OK) {
        known.address_count = interfaces->address_count - known.first_address;
        interfaces->interfaces[position] = known;
    }
    return st;
}

/* --- after a refresh: forget, compact, index --- */

static uint64_t hash_address(const struct vfl_interfaces *interfaces, struct vfl_ip ip,
                             unsigned bits)
{
    uint64_t hash = vfl_hash_mix(vfl_hash_mix(interfaces->seed, ip.hi), ip.lo);
    return vfl_hash_finish(vfl_hash_mix(hash, bits));
}

/* bits counts from the top of the mapped 128-bit form. */
static struct vfl_ip masked(struct vfl_ip ip, unsigned bits)
{
    if (bits <= 64)
        return (struct vfl_ip){bits == 0 ? 0 : ip.hi & (UINT64_MAX << (64 - bits)), 0};
    return (struct vfl_ip){ip.hi, ip.lo & (UINT64_MAX << (128 - bits))};
}

/* Keeps the latest VFL_ERAS_MAX_COUNT times, ascending. */
static void add_era(struct vfl_eras *eras, int64_t start_epoch_s)
{
    uint8_t at = vfl_eras_at(eras, start_epoch_s);
    if (at > 0 && eras->starts_epoch_s[at - 1] == start_epoch_s)
        return;
    if (eras->count == VFL_ERAS_MAX_COUNT) {
        if (at == 0)
            return;
        at--;
        memmove(&eras->starts_epoch_s[0], &eras->starts_epoch_s[1],
                at * sizeof eras->starts_epoch_s[0]);
    } else {
        memmove(&eras->starts_epoch_s[at + 1], &eras->starts_epoch_s[at],
                (size_t)(eras->count - at) * sizeof eras->starts_epoch_s[0]);
        eras->count++;
    }
    eras->starts_epoch_s[at] = start_epoch_s;
}

/* Notes the time when an address of two interfaces of one VPC passed to the later of them. Called
 * for each address before it is indexed itself. */
static void note_used_again(struct vfl_interfaces *interfaces,
                            const struct vfl_known_address *address, uint64_t hash)
{
    const struct vfl_known_interface *owner = &interfaces->interfaces[address->interface];
    struct vfl_index_cursor cursor = vfl_index_cursor(&interfaces->address_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&interfaces->address_index, &cursor)) != VFL_INDEX_NONE) {
        const struct vfl_known_address *other = &interfaces->addresses[position];
        const struct vfl_known_interface *other_owner = &interfaces->interfaces[other->interface];
        if (other->interface == address->interface || !vfl_ip_equal(other->ip, address->ip) ||
            other_owner->vpc_id != owner->vpc_id)
            continue;
        add_era(&interfaces->eras, owner->attach_epoch_s > other_owner->attach_epoch_s
                                       ? owner->attach_epoch_s
                                       : other_owner->attach_epoch_s);
    }
}

static enum vfl_status index_addresses(struct vfl_interfaces *interfaces, struct vfl_error *err)
{
    vfl_index_reset(&interfaces->address_index);
    vfl_index_reset(&interfaces->public_index);
    interfaces->prefix_length_count = 0;
    interfaces->eras.count = 0;
    for (uint32_t i = 0; i < interfaces->address_count; i++) {
        const struct vfl_known_address *address = &interfaces->addresses[i];
        unsigned bits = 128;
        if (address->kind == VFL_ADDRESS_PREFIX) {
            bits = address->prefix_bits;
            unsigned known = 0;
            while (known < interfaces->prefix_length_count &&
                   interfaces->prefix_lengths[known] != bits)
                known++;
            if (known == sizeof interfaces->prefix_lengths / sizeof interfaces->prefix_lengths[0])
                continue;
            if (known == interfaces->prefix_length_count)
                interfaces->prefix_lengths[interfaces->prefix_length_count++] = bits;
        }
        uint64_t hash = hash_address(interfaces, address->ip, bits);
        note_used_again(interfaces, address, hash);
        bool is_indexed = vfl_index_add(&interfaces->address_index, hash, i);
        for (size_t p = 0; p < 3 && is_indexed; p++)
            if (!vfl_ip_is_absent(address->public_ips[p]))
                is_indexed =
                    vfl_index_add(&interfaces->public_index,
                                  hash_address(interfaces, address->public_ips[p], 128), i);
        if (!is_indexed)
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for interface addresses");
    }
    return VFL_OK;
}

enum vfl_status vfl_interfaces_finish_refresh(struct vfl_interfaces *interfaces,
                                              struct vfl_error *err)
{
    struct vfl_known_address *kept = malloc(((size_t)interfaces->address_count + 1) * sizeof *kept);
    if (kept == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for interface addresses");
    uint32_t kept_count = 0;
    uint32_t count = 0;
    vfl_index_reset(&interfaces->id_index);
    enum vfl_status st = VFL_OK;
    for (uint32_t i = 0; i < interfaces->count && st == VFL_OK; i++) {
        struct vfl_known_interface known = interfaces->interfaces[i];
        if (known.last_seen_epoch_s + VFL_INTERFACES_KEEP_S < interfaces->refresh_epoch_s)
            continue;
        for (uint32_t a = 0; a < known.address_count; a++) {
            kept[kept_count + a] = interfaces->addresses[known.first_address + a];
            kept[kept_count + a].interface = count;
        }
        known.first_address = kept_count;
        kept_count += known.address_count;
        if (!vfl_index_add(&interfaces->id_index, hash_token(interfaces, known.id), count))
            st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for network interfaces");
        interfaces->interfaces[count++] = known;
    }
    interfaces->count = count;
    free(interfaces->addresses);
    interfaces->addresses = kept;
    interfaces->address_room = interfaces->address_count + 1;
    interfaces->address_count = kept_count;
    return st == VFL_OK ? index_addresses(interfaces, err) : st;
}

/* --- look-ups --- */

const struct vfl_known_interface *vfl_interfaces_find(const struct vfl_interfaces *interfaces,
                                                      struct vfl_span id)
{
    return vfl_interfaces_find_token(interfaces, vfl_tokens_find(&interfaces->tokens, id));
}

const struct vfl_known_interface *vfl_interfaces_find_token(const struct vfl_interfaces *interfaces,
                                                            uint32_t id)
{
    if (id == VFL_TOKEN_ABSENT)
        return NULL;
    uint32_t position = find_position(interfaces, id);
    return position == VFL_INDEX_NONE ? NULL : &interfaces->interfaces[position];
}

/* Walks all owners of ip: exact addresses first, then delegated prefixes. */
struct owner_walk {
    struct vfl_ip ip; /* masked to the length under way */
    unsigned bits;
    unsigned next_length;
    struct vfl_index_cursor cursor;
};

static struct owner_walk walk_start(const struct vfl_interfaces *interfaces, struct vfl_ip ip)
{
    return (struct owner_walk){
        ip, 128, 0,
        vfl_index_cursor(&interfaces->address_index, hash_address(interfaces, ip, 128))};
}

static const struct vfl_known_address *walk_next(const struct vfl_interfaces *interfaces,
                                                 struct vfl_ip ip, struct owner_walk *walk)
{
    for (;;) {
        uint32_t position;
        while ((position = vfl_index_next(&interfaces->address_index, &walk->cursor)) !=
               VFL_INDEX_NONE) {
            const struct vfl_known_address *address = &interfaces->addresses[position];
            unsigned bits = address->kind == VFL_ADDRESS_PREFIX ? address->prefix_bits : 128;
            if (bits == walk->bits && vfl_ip_equal(address->ip, walk->ip))
                return address;
        }
        if (walk->next_length == interfaces->prefix_length_count)
            return NULL;
        walk->bits = interfaces->prefix_lengths[walk->next_length++];
        walk->ip = masked(ip, walk->bits);
        walk->cursor = vfl_index_cursor(&interfaces->address_index,
                                        hash_address(interfaces, walk->ip, walk->bits));
    }
}

/* Whether `a` is the better owner at a time. A total order, so the outcome does not depend on the
 * order in which EC2 lists interfaces. */
static bool is_better_owner(const struct vfl_interfaces *interfaces,
                            const struct vfl_known_interface *a,
                            const struct vfl_known_interface *b, int64_t at_epoch_s)
{
    bool is_a_attached = at_epoch_s == 0 || a->attach_epoch_s <= at_epoch_s;
    bool is_b_attached = at_epoch_s == 0 || b->attach_epoch_s <= at_epoch_s;
    if (is_a_attached != is_b_attached)
        return is_a_attached;
    if (at_epoch_s != 0 && a->attach_epoch_s != b->attach_epoch_s)
        return is_a_attached ? a->attach_epoch_s > b->attach_epoch_s
                             : a->attach_epoch_s < b->attach_epoch_s;
    if (a->last_seen_epoch_s != b->last_seen_epoch_s)
        return a->last_seen_epoch_s > b->last_seen_epoch_s;
    return strcmp(vfl_tokens_text(&interfaces->tokens, a->id),
                  vfl_tokens_text(&interfaces->tokens, b->id)) < 0;
}

bool vfl_interfaces_find_owner(const struct vfl_interfaces *interfaces, uint32_t vpc_id,
                               struct vfl_ip ip, int64_t at_epoch_s,
                               struct vfl_address_owner *ret_owner)
{
    if (vpc_id == VFL_TOKEN_ABSENT)
        return false;
    struct owner_walk walk = walk_start(interfaces, ip);
    struct vfl_address_owner best = {0};
    const struct vfl_known_address *address;
    while ((address = walk_next(interfaces, ip, &walk)) != NULL) {
        const struct vfl_known_interface *owner = &interfaces->interfaces[address->interface];
        if (owner->vpc_id != vpc_id)
            continue;
        if (best.interface == NULL ||
            is_better_owner(interfaces, owner, best.interface, at_epoch_s))
            best = (struct vfl_address_owner){owner, address};
    }
    if (best.interface == NULL)
        return false;
    *ret_owner = best;
    return true;
}

static bool has_public_ip(const struct vfl_known_address *address, struct vfl_ip ip)
{
    return vfl_ip_equal(address->public_ips[0], ip) || vfl_ip_equal(address->public_ips[1], ip) ||
           vfl_ip_equal(address->public_ips[2], ip);
}

bool vfl_interfaces_find_public(const struct vfl_interfaces *interfaces, struct vfl_ip ip,
                                int64_t at_epoch_s, struct vfl_address_owner *ret_owner)
{
    struct vfl_index_cursor cursor =
        vfl_index_cursor(&interfaces->public_index, hash_address(interfaces, ip, 128));
    struct vfl_address_owner best = {0};
    uint32_t position;
    while ((position = vfl_index_next(&interfaces->public_index, &cursor)) != VFL_INDEX_NONE) {
        const struct vfl_known_address *address = &interfaces->addresses[position];
        const struct vfl_known_interface *owner = &interfaces->interfaces[address->interface];
        if (has_public_ip(address, ip) &&
            (best.interface == NULL ||
             is_better_owner(interfaces, owner, best.interface, at_epoch_s)))
            best = (struct vfl_address_owner){owner, address};
    }
    if (best.interface == NULL)
        return false;
    *ret_owner = best;
    return true;
}

/* The distinct VPCs among ip's owners, up to 2; only those that are there and were attached in
 * time, or all of them. */
static unsigned count_vpcs(const struct vfl_interfaces *interfaces, struct vfl_ip ip,
                           int64_t at_epoch_s, bool is_present_only, uint32_t *ret_vpc_id)
{
    struct owner_walk walk = walk_start(interfaces, ip);
    uint32_t vpc_id = VFL_TOKEN_ABSENT;
    const struct vfl_known_address *address;
    while ((address = walk_next(interfaces, ip, &walk)) != NULL) {
        const struct vfl_known_interface *owner = &interfaces->interfaces[address->interface];
        bool is_gone =
            owner->last_seen_epoch_s + VFL_INTERFACES_GONE_S < interfaces->refresh_epoch_s;
        bool is_late = at_epoch_s != 0 && owner->attach_epoch_s > at_epoch_s;
        if (is_present_only && (is_gone || is_late))
            continue;
        if (vpc_id != VFL_TOKEN_ABSENT && owner->vpc_id != vpc_id)
            return 2;
        vpc_id = owner->vpc_id;
    }
    if (vpc_id == VFL_TOKEN_ABSENT)
        return 0;
    *ret_vpc_id = vpc_id;
    return 1;
}

unsigned vfl_interfaces_find_vpcs(const struct vfl_interfaces *interfaces, struct vfl_ip ip,
                                  int64_t at_epoch_s, uint32_t *ret_vpc_id)
{
    unsigned count = count_vpcs(interfaces, ip, at_epoch_s, true, ret_vpc_id);
    return count > 0 ? count : count_vpcs(interfaces, ip, at_epoch_s, false, ret_vpc_id);
}
