#include "core/topology/resolve.h"

#include <string.h>

const char *vfl_flow_outcome_name(enum vfl_flow_outcome outcome)
{
    static const char *const names[VFL_FLOW_OUTCOME_COUNT] = {
        [VFL_FLOW_KEPT] = "kept",
        [VFL_FLOW_PUBLIC] = "public",
        [VFL_FLOW_MIDDLEBOX] = "middlebox",
        [VFL_FLOW_NOT_ENDPOINT] = "not_endpoint",
        [VFL_FLOW_SELF] = "self",
        [VFL_FLOW_UNKNOWN_INTERFACE] = "unknown_interface",
        [VFL_FLOW_UNRESOLVED] = "unresolved",
        [VFL_FLOW_UNDETERMINED] = "undetermined",
    };
    return (unsigned)outcome < VFL_FLOW_OUTCOME_COUNT ? names[outcome] : "unknown";
}

/* --- contexts --- */

/* Identifiers that AWS makes are printable ASCII. Anything else could not be passed on as it is, so
 * it names nothing. */
static bool is_identifier(struct vfl_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '!' || text.ptr[i] > '~')
            return false;
    return true;
}

static enum vfl_status carry_token(struct vfl_interfaces *interfaces,
                                   const struct vfl_flow_table *table, uint32_t from,
                                   uint32_t *carried, uint32_t *ret_token, struct vfl_error *err)
{
    if (carried[from] == VFL_TOKEN_ABSENT) {
        struct vfl_span text = vfl_tokens_span(&table->tokens, from);
        if (!is_identifier(text))
            text = (struct vfl_span){NULL, 0};
        enum vfl_status st = vfl_tokens_add(&interfaces->tokens, text, &carried[from], err);
        if (st != VFL_OK)
            return st;
    }
    *ret_token = carried[from];
    return VFL_OK;
}

static bool is_text(const struct vfl_flow_table *table, uint32_t token, const char *text)
{
    return strcmp(vfl_tokens_text(&table->tokens, token), text) == 0;
}

/* Gateways, load balancers and endpoints, by whatever name AWS adds of them. */
static bool passes_on(const char *interface_type)
{
    return strstr(interface_type, "gateway") != NULL ||
           strstr(interface_type, "load_balancer") != NULL ||
           strstr(interface_type, "endpoint") != NULL;
}

/* A regional NAT gateway has no interface of its own: its records carry "-" and its resource id. */
static bool is_nat_reporter(const struct vfl_flow_table *table,
                            const struct vfl_flow_context *context)
{
    struct vfl_span nat = VFL_SPAN_LITERAL("nat-");
    struct vfl_span resource = vfl_tokens_span(&table->tokens, context->resource_id);
    return is_text(table, context->interface_type, "nat_gateway") ||
           is_text(table, context->interface_type, "regional_nat_gateway") ||
           (context->interface_id == VFL_TOKEN_ABSENT && vfl_span_has_prefix(resource, nat));
}

enum vfl_status vfl_resolve_context_init(struct vfl_interfaces *interfaces,
                                         const struct vfl_flow_table *table,
                                         const struct vfl_flow_context *context, uint32_t *carried,
                                         struct vfl_resolve_context *ret_context,
                                         struct vfl_error *err)
{
    struct vfl_resolve_context out = {
        .flow_direction = context->flow_direction,
        .traffic_path = context->traffic_path,
        .has_packet_addresses = context->has_packet_addresses,
        .is_middlebox = is_nat_reporter(table, context),
        .is_refused_by_bpa = is_text(table, context->reject_reason, "BPA"),
        .is_refused_by_ec = is_text(table, context->reject_reason, "EC"),
        .has_interface_id = context->interface_id != VFL_TOKEN_ABSENT,
        .has_both_vpc_ids = context->tgw_src_vpc_id != VFL_TOKEN_ABSENT &&
                            context->tgw_dst_vpc_id != VFL_TOKEN_ABSENT,
    };
    uint32_t vpc_id = VFL_TOKEN_ABSENT;
    uint32_t next_hop_vpc_id = VFL_TOKEN_ABSENT;
    uint32_t reporter = context->interface_id;
    if (reporter == VFL_TOKEN_ABSENT)
        reporter = context->resource_id;
    if (reporter == VFL_TOKEN_ABSENT)
        reporter = context->tgw_attachment_id;
    const struct {
        uint32_t from;
        uint32_t *to;
    } needed[] = {
        {reporter, &out.reporter},
        {context->vpc_id, &vpc_id},
        {context->next_hop_vpc_id, &next_hop_vpc_id},
        {context->tgw_src_vpc_id, &out.src_vpc_id},
        {context->tgw_dst_vpc_id, &out.dst_vpc_id},
        {context->region, &out.region},
        {context->flow_log_id, &out.flow_log_id},
    };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        enum vfl_status st =
            carry_token(interfaces, table, needed[i].from, carried, needed[i].to, err);
        if (st != VFL_OK)
            return st;
    }
    if (out.reporter == VFL_TOKEN_ABSENT)
        out.reporter = out.flow_log_id;
    out.reporter_interface =
        carried[context->interface_id] != VFL_TOKEN_ABSENT
            ? vfl_interfaces_find_token(interfaces, carried[context->interface_id])
            : vfl_interfaces_find(interfaces,
                                  vfl_tokens_span(&table->tokens, context->interface_id));
    out.vpc_id = out.reporter_interface != NULL ? out.reporter_interface->vpc_id : vpc_id;
    /* The next hop's VPC tells the destination's only when the hop is the destination, not when it
     * is a box that passes traffic on. */
    if (out.dst_vpc_id == VFL_TOKEN_ABSENT && next_hop_vpc_id != VFL_TOKEN_ABSENT &&
        context->flow_direction == VFL_FLOW_DIRECTION_EGRESS &&
        !passes_on(vfl_tokens_text(&table->tokens, context->next_hop_interface_type)))
        out.dst_vpc_id = next_hop_vpc_id;
    *ret_context = out;
    return VFL_OK;
}

/* --- flows --- */

static int64_t time_of(const struct vfl_flow_table *table, const struct vfl_flow *flow)
{
    int64_t latest = 0;
    const struct vfl_flow_window *window = vfl_flow_window(table, flow);
    for (; window != NULL; window = vfl_flow_window_after(table, window))
        latest = window->end_epoch_s;
    return latest;
}

/* A flow's addresses, and who owns them in the reporter's VPC. That is asked once for "is it a
 * middlebox?" and once for "whose is it?": each look costs three cache misses, and looking twice
 * was a tenth of taking in a run. */
struct flow_ends {
    int64_t at_epoch_s;
    struct vfl_ip addresses[4]; /* as in vfl_flow_address */
    bool is_looked_up[4];
    bool is_near[4];
    struct vfl_address_owner near[4];
};

static bool find_near(const struct vfl_interfaces *interfaces, uint32_t vpc_id,
                      struct flow_ends *ends, unsigned which, struct vfl_address_owner *ret_owner)
{
    if (!ends->is_looked_up[which])
        ends->is_near[which] = vfl_interfaces_find_owner(interfaces, vpc_id, ends->addresses[which],
                                                         ends->at_epoch_s, &ends->near[which]);
    ends->is_looked_up[which] = true;
    if (ends->is_near[which])
        *ret_owner = ends->near[which];
    return ends->is_near[which];
}

/* By the owner as seen from the reporter's VPC: there first, else in the only other VPC that has
 * the address. */
static bool is_middlebox_address(const struct vfl_interfaces *interfaces, uint32_t vpc_id,
                                 struct flow_ends *ends, unsigned which)
{
    struct vfl_address_owner owner;
    struct vfl_ip ip = ends->addresses[which];
    if (vfl_ip_is_absent(ip))
        return false;
    if (!find_near(interfaces, vpc_id, ends, which, &owner)) {
        uint32_t other_vpc_id = VFL_TOKEN_ABSENT;
        if (vfl_interfaces_find_vpcs(interfaces, ip, ends->at_epoch_s, &other_vpc_id) != 1 ||
            !vfl_interfaces_find_owner(interfaces, other_vpc_id, ip, ends->at_epoch_s, &owner))
            return false;
    }
    return owner.interface->kind != VFL_INTERFACE_ORDINARY;
}

/* traffic-path 3, 4, 5: virtual private gateway, intra- and inter-region peering. */
static bool has_left_vpc(const struct vfl_resolve_context *context, bool is_dst)
{
    return is_dst && context->flow_direction != VFL_FLOW_DIRECTION_INGRESS &&
           context->traffic_path >= 3 && context->traffic_path <= 5;
}

/* Private space that no known interface owns. */
static enum vfl_flow_outcome resolve_unowned(const struct vfl_resolve_context *context,
                                             uint32_t told_vpc_id, bool is_dst, struct vfl_ip ip,
                                             struct vfl_endpoint_ref *ret_ref)
{
    switch (vfl_ip_classify(ip)) {
    case VFL_IP_NOT_ENDPOINT:
        return VFL_FLOW_NOT_ENDPOINT;
    case VFL_IP_PUBLIC:
        if (!context->is_scope_all)
            return VFL_FLOW_PUBLIC;
        *ret_ref = (struct vfl_endpoint_ref){.ip = ip};
        return VFL_FLOW_KEPT;
    case VFL_IP_PRIVATE:
    case VFL_IP_RFC1918:
        break;
    }
    uint32_t vpc_id = told_vpc_id;
    bool is_hinted = vpc_id == VFL_TOKEN_ABSENT && context->hints != NULL &&
                     vfl_hints_find(context->hints, context->vpc_id, ip, &vpc_id);
    if (vpc_id == VFL_TOKEN_ABSENT && !is_hinted && !has_left_vpc(context, is_dst))
        vpc_id = context->vpc_id;
    if (vpc_id == VFL_TOKEN_ABSENT)
        return VFL_FLOW_UNRESOLVED;
    *ret_ref = (struct vfl_endpoint_ref){.vpc_id = vpc_id, .ip = ip};
    return VFL_FLOW_KEPT;
}

/* Finds the interface that owns an address, where there is one. VFL_FLOW_UNRESOLVED: several might.
 */
static enum vfl_flow_outcome find_owner(const struct vfl_interfaces *interfaces,
                                        const struct vfl_resolve_context *context,
                                        uint32_t told_vpc_id, struct flow_ends *ends,
                                        unsigned which, struct vfl_address_owner *ret_owner)
{
    struct vfl_ip ip = ends->addresses[which];
    int64_t at_epoch_s = ends->at_epoch_s;
    if (context->has_both_vpc_ids) {
        (void)vfl_interfaces_find_owner(interfaces, told_vpc_id, ip, at_epoch_s, ret_owner);
        return VFL_FLOW_KEPT;
    }
    if (find_near(interfaces, context->vpc_id, ends, which, ret_owner) ||
        vfl_interfaces_find_owner(interfaces, told_vpc_id, ip, at_epoch_s, ret_owner))
        return VFL_FLOW_KEPT;
    uint32_t other_vpc_id = VFL_TOKEN_ABSENT;
    unsigned vpc_count = vfl_interfaces_find_vpcs(interfaces, ip, at_epoch_s, &other_vpc_id);
    if (vpc_count > 1 && told_vpc_id == VFL_TOKEN_ABSENT)
        return VFL_FLOW_UNRESOLVED;
    if (vpc_count == 1)
        (void)vfl_interfaces_find_owner(interfaces, other_vpc_id, ip, at_epoch_s, ret_owner);
    else if (vpc_count == 0 && context->is_scope_all)
        (void)vfl_interfaces_find_public(interfaces, ip, at_epoch_s, ret_owner);
    return VFL_FLOW_KEPT;
}

static enum vfl_flow_outcome resolve_address(const struct vfl_interfaces *interfaces,
                                             const struct vfl_resolve_context *context, bool is_dst,
                                             struct flow_ends *ends, unsigned which,
                                             struct vfl_endpoint_ref *ret_ref)
{
    struct vfl_ip ip = ends->addresses[which];
    uint32_t told_vpc_id = is_dst ? context->dst_vpc_id : context->src_vpc_id;
    struct vfl_endpoint_ref ref = {.ip = ip};
    enum vfl_flow_outcome outcome =
        find_owner(interfaces, context, told_vpc_id, ends, which, &ref.owner);
    if (outcome != VFL_FLOW_KEPT)
        return outcome;
    if (ref.owner.interface == NULL)
        return resolve_unowned(context, told_vpc_id, is_dst, ip, ret_ref);
    ref.vpc_id = ref.owner.interface->vpc_id;
    /* A public address that is bound to a private one names the same endpoint. */
    if (ref.owner.address->kind != VFL_ADDRESS_PREFIX)
        ref.ip = ref.owner.address->ip;
    /* Without pkt-* columns AWS writes the primary address for an interface's own side whatever
     * address was used, so the remote side is folded likewise: one flow, one relation. */
    if (!context->has_packet_addresses && context->has_interface_id && vfl_ip_is_v4(ip) &&
        ref.owner.address->kind != VFL_ADDRESS_PRIMARY &&
        !vfl_ip_is_absent(ref.owner.interface->primary)) {
        ref.ip = ref.owner.interface->primary;
        struct vfl_address_owner primary;
        if (vfl_interfaces_find_owner(interfaces, ref.vpc_id, ref.ip, ends->at_epoch_s, &primary))
            ref.owner = primary;
    }
    *ret_ref = ref;
    return VFL_FLOW_KEPT;
}

/* NAT gateways and ALBs at either end, by address, so that it does not matter whose file came
 * first. With scope "all" a NAT gateway's own records are kept where they name both true ends: in
 * pkt-* columns, or, from a regional one, which has no interface, in any case. */
static bool is_at_middlebox(const struct vfl_interfaces *interfaces,
                            const struct vfl_resolve_context *context, struct flow_ends *ends)
{
    unsigned first = 0;
    if (context->has_both_vpc_ids)
        return false; /* told by the owners of its ends, which are looked up in their own VPCs */
    bool has_packet_ends =
        !vfl_ip_is_absent(ends->addresses[2]) && !vfl_ip_is_absent(ends->addresses[3]);
    bool is_regional_nat = context->is_middlebox && !context->has_interface_id;
    if (context->is_scope_all && has_packet_ends)
        first = 2;
    else if (context->is_scope_all && is_regional_nat)
        first = 0;
    else if (context->is_middlebox || (context->reporter_interface != NULL &&
                                       context->reporter_interface->kind != VFL_INTERFACE_ORDINARY))
        return true;
    for (unsigned i = first; i < 4; i++)
        if (is_middlebox_address(interfaces, context->vpc_id, ends, i))
            return true;
    return false;
}

static enum vfl_observer_side side_of(const struct vfl_resolve_context *context,
                                      const struct vfl_resolved_flow *resolved)
{
    const struct vfl_known_interface *reporter = context->reporter_interface;
    if (!context->has_interface_id)
        return VFL_OBSERVER_HOP;
    if (reporter != NULL && resolved->src.owner.interface == reporter)
        return VFL_OBSERVER_SRC;
    if (reporter != NULL && resolved->dst.owner.interface == reporter)
        return VFL_OBSERVER_DST;
    if (reporter == NULL && context->flow_direction == VFL_FLOW_DIRECTION_EGRESS)
        return VFL_OBSERVER_SRC;
    if (reporter == NULL && context->flow_direction == VFL_FLOW_DIRECTION_INGRESS)
        return VFL_OBSERVER_DST;
    return VFL_OBSERVER_HOP;
}

static bool is_middlebox_owner(const struct vfl_endpoint_ref *ref)
{
    return ref->owner.interface != NULL && ref->owner.interface->kind != VFL_INTERFACE_ORDINARY;
}

enum vfl_flow_outcome vfl_resolve_flow(const struct vfl_interfaces *interfaces,
                                       const struct vfl_resolve_context *context,
                                       const struct vfl_flow_table *table,
                                       const struct vfl_flow *flow,
                                       struct vfl_resolved_flow *ret_resolved)
{
    if (!context->is_middlebox && context->vpc_id == VFL_TOKEN_ABSENT &&
        (context->src_vpc_id == VFL_TOKEN_ABSENT || context->dst_vpc_id == VFL_TOKEN_ABSENT))
        return VFL_FLOW_UNKNOWN_INTERFACE;
    struct flow_ends ends = {.at_epoch_s = time_of(table, flow)};
    for (unsigned i = 0; i < 4; i++)
        ends.addresses[i] = vfl_flow_address(table, flow, i);
    if (is_at_middlebox(interfaces, context, &ends))
        return VFL_FLOW_MIDDLEBOX;
    struct vfl_resolved_flow resolved = {.reporter = context->reporter};
    unsigned src = vfl_ip_is_absent(ends.addresses[2]) ? 0 : 2;
    unsigned dst = vfl_ip_is_absent(ends.addresses[3]) ? 1 : 3;
    enum vfl_flow_outcome outcome =
        resolve_address(interfaces, context, false, &ends, src, &resolved.src);
    enum vfl_flow_outcome dst_outcome =
        resolve_address(interfaces, context, true, &ends, dst, &resolved.dst);
    if (outcome == VFL_FLOW_KEPT || dst_outcome == VFL_FLOW_NOT_ENDPOINT)
        outcome = dst_outcome != VFL_FLOW_KEPT ? dst_outcome : outcome;
    if (outcome != VFL_FLOW_KEPT)
        return outcome;
    if (is_middlebox_owner(&resolved.src) || is_middlebox_owner(&resolved.dst))
        return VFL_FLOW_MIDDLEBOX;
    if (resolved.src.vpc_id == resolved.dst.vpc_id &&
        vfl_ip_equal(resolved.src.ip, resolved.dst.ip))
        return VFL_FLOW_SELF;
    if (context->reporter_interface != NULL && resolved.src.owner.interface == NULL &&
        resolved.dst.owner.interface == NULL)
        return VFL_FLOW_UNDETERMINED;
    resolved.observer_side = side_of(context, &resolved);
    *ret_resolved = resolved;
    return VFL_FLOW_KEPT;
}

static bool is_private(struct vfl_ip ip)
{
    enum vfl_ip_class class = vfl_ip_classify(ip);
    return class == VFL_IP_PRIVATE || class == VFL_IP_RFC1918;
}

enum vfl_status vfl_resolve_learn(const struct vfl_interfaces *interfaces,
                                  const struct vfl_resolve_context *context,
                                  const struct vfl_flow_table *table, const struct vfl_flow *flow,
                                  struct vfl_hints *hints, struct vfl_error *err)
{
    struct vfl_ip src = vfl_flow_address(table, flow, 2);
    struct vfl_ip dst = vfl_flow_address(table, flow, 3);
    if (vfl_ip_is_absent(src))
        src = vfl_flow_address(table, flow, 0);
    if (vfl_ip_is_absent(dst))
        dst = vfl_flow_address(table, flow, 1);
    enum vfl_status st = VFL_OK;
    if (context->has_both_vpc_ids) {
        if (is_private(dst))
            st = vfl_hints_add(hints, &interfaces->tokens, context->src_vpc_id, dst,
                               context->dst_vpc_id, err);
        if (st == VFL_OK && is_private(src))
            st = vfl_hints_add(hints, &interfaces->tokens, context->dst_vpc_id, src,
                               context->src_vpc_id, err);
        return st;
    }
    bool is_told = context->dst_vpc_id != VFL_TOKEN_ABSENT || has_left_vpc(context, true);
    if (!is_told || context->vpc_id == VFL_TOKEN_ABSENT || !is_private(dst))
        return VFL_OK;
    return vfl_hints_add(hints, &interfaces->tokens, context->vpc_id, dst, context->dst_vpc_id,
                         err);
}
