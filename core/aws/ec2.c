#include "core/aws/ec2.h"

#include <stdlib.h>
#include <string.h>

#include "core/aws/session_call.h"

#define MAX_ADDRESSES 1024 /* of one kind, of one interface */
#define MAX_PAGES 1000
#define MAX_TOKEN_BYTES 8192
#define MAX_ITEM_BYTES (1u << 20)
#define ITEM "networkInterfaceSet/item"

/* A text in the item's arena; len 0 with at 0 is absent. */
struct text {
    size_t at, len;
    bool is_set;
};

struct address {
    struct text private_ip, public_ip, carrier_ip, customer_owned_ip;
    bool is_primary;
};

/* One interface being read. A list past MAX_ADDRESSES fails the page. */
struct item {
    struct vfl_strbuf arena;
    struct text id, vpc_id, subnet_id, type, description, requester_id, owner_id;
    struct text attachment_owner_id, attachment_instance_id;
    int64_t attach_epoch_s;
    bool is_requester_managed;
    struct address addresses[MAX_ADDRESSES];
    size_t address_count;
    struct text ipv6_addresses[MAX_ADDRESSES];
    size_t ipv6_address_count;
    struct text prefixes[MAX_ADDRESSES];
    size_t prefix_count;
};

/* What the finished item is turned into. */
struct view {
    struct vfl_interface_address addresses[MAX_ADDRESSES];
    struct vfl_span ipv6_addresses[MAX_ADDRESSES];
    struct vfl_span prefixes[MAX_ADDRESSES];
};

struct reader {
    const char *region;
    struct vfl_interface_sink sink; /* add NULL: only look whether the page is sound */
    struct vfl_strbuf next_token;
    struct item *item;
    struct view *view;
};

static enum vfl_status keep(struct item *item, struct text *out, struct vfl_span text,
                            struct vfl_error *err)
{
    *out = (struct text){item->arena.len, text.len, text.len > 0};
    vfl_strbuf_append(&item->arena, text);
    return vfl_strbuf_check(&item->arena, "description of a network interface", err);
}

static struct vfl_span span_of(const struct item *item, struct text text)
{
    if (!text.is_set)
        return (struct vfl_span){NULL, 0};
    return (struct vfl_span){item->arena.bytes + text.at, text.len};
}

static enum vfl_status add_to_list(struct item *item, struct text *list, size_t *count,
                                   struct vfl_span text, struct vfl_error *err)
{
    if (*count == MAX_ADDRESSES)
        return vfl_error_set(err, VFL_LIMIT, "a network interface has more than %d addresses",
                             MAX_ADDRESSES);
    return keep(item, &list[(*count)++], text, err);
}

static enum vfl_status read_address_element(struct item *item, const char *name,
                                            struct vfl_span text, struct vfl_error *err)
{
    if (item->address_count == 0)
        return VFL_OK;
    struct address *address = &item->addresses[item->address_count - 1];
    if (strcmp(name, "privateIpAddress") == 0)
        return keep(item, &address->private_ip, text, err);
    if (strcmp(name, "primary") == 0)
        address->is_primary = vfl_span_equal_string(text, "true");
    else if (strcmp(name, "association/publicIp") == 0)
        return keep(item, &address->public_ip, text, err);
    else if (strcmp(name, "association/carrierIp") == 0)
        return keep(item, &address->carrier_ip, text, err);
    else if (strcmp(name, "association/customerOwnedIp") == 0)
        return keep(item, &address->customer_owned_ip, text, err);
    return VFL_OK;
}

static enum vfl_status read_item_element(struct item *item, const char *name, struct vfl_span text,
                                         struct vfl_error *err)
{
    static const char addresses[] = "privateIpAddressesSet/item/";
    const struct {
        const char *name;
        struct text *out;
    } texts[] = {
        {"networkInterfaceId", &item->id},
        {"vpcId", &item->vpc_id},
        {"subnetId", &item->subnet_id},
        {"interfaceType", &item->type},
        {"description", &item->description},
        {"requesterId", &item->requester_id},
        {"ownerId", &item->owner_id},
        {"attachment/instanceOwnerId", &item->attachment_owner_id},
        {"attachment/instanceId", &item->attachment_instance_id},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(name, texts[i].name) == 0)
            return keep(item, texts[i].out, text, err);
    if (strncmp(name, addresses, sizeof addresses - 1) == 0)
        return read_address_element(item, name + sizeof addresses - 1, text, err);
    if (strcmp(name, "requesterManaged") == 0)
        item->is_requester_managed = vfl_span_equal_string(text, "true");
    else if (strcmp(name, "attachment/attachTime") == 0)
        (void)vfl_timestamp_parse_iso8601(text, &item->attach_epoch_s);
    else if (strcmp(name, "ipv6AddressesSet/item/ipv6Address") == 0)
        return add_to_list(item, item->ipv6_addresses, &item->ipv6_address_count, text, err);
    else if (strcmp(name, "ipv4PrefixSet/item/ipv4Prefix") == 0 ||
             strcmp(name, "ipv6PrefixSet/item/ipv6Prefix") == 0)
        return add_to_list(item, item->prefixes, &item->prefix_count, text, err);
    return VFL_OK;
}

static void reset_item(struct item *item)
{
    struct vfl_strbuf arena = item->arena;
    vfl_strbuf_reset(&arena);
    item->id = item->vpc_id = item->subnet_id = item->type = (struct text){0};
    item->description = item->requester_id = item->owner_id = (struct text){0};
    item->attachment_owner_id = item->attachment_instance_id = (struct text){0};
    item->attach_epoch_s = 0;
    item->is_requester_managed = false;
    item->address_count = item->ipv6_address_count = item->prefix_count = 0;
    item->arena = arena;
}

static enum vfl_status pass_item_on(struct reader *reader, struct vfl_error *err)
{
    const struct item *item = reader->item;
    struct view *view = reader->view;
    if (reader->sink.add == NULL || !item->id.is_set)
        return VFL_OK;
    for (size_t i = 0; i < item->address_count; i++) {
        const struct address *address = &item->addresses[i];
        view->addresses[i] = (struct vfl_interface_address){
            .private_ip = span_of(item, address->private_ip),
            .public_ip = span_of(item, address->public_ip),
            .carrier_ip = span_of(item, address->carrier_ip),
            .customer_owned_ip = span_of(item, address->customer_owned_ip),
            .is_primary = address->is_primary,
        };
    }
    for (size_t i = 0; i < item->ipv6_address_count; i++)
        view->ipv6_addresses[i] = span_of(item, item->ipv6_addresses[i]);
    for (size_t i = 0; i < item->prefix_count; i++)
        view->prefixes[i] = span_of(item, item->prefixes[i]);
    const struct vfl_interface interface = {
        .id = span_of(item, item->id),
        .vpc_id = span_of(item, item->vpc_id),
        .subnet_id = span_of(item, item->subnet_id),
        .region = vfl_span_from_string(reader->region),
        .type = span_of(item, item->type),
        .description = span_of(item, item->description),
        .requester_id = span_of(item, item->requester_id),
        .owner_id = span_of(item, item->owner_id),
        .attachment_owner_id = span_of(item, item->attachment_owner_id),
        .attachment_instance_id = span_of(item, item->attachment_instance_id),
        .attach_epoch_s = item->attach_epoch_s,
        .is_requester_managed = item->is_requester_managed,
        .addresses = view->addresses,
        .address_count = item->address_count,
        .ipv6_addresses = view->ipv6_addresses,
        .ipv6_address_count = item->ipv6_address_count,
        .prefixes = view->prefixes,
        .prefix_count = item->prefix_count,
    };
    return reader->sink.add(reader->sink.ctx, &interface, err);
}

static enum vfl_status on_start(void *ctx, const char *path, struct vfl_error *err)
{
    struct reader *reader = ctx;
    struct item *item = reader->item;
    if (strcmp(path, ITEM) == 0)
        reset_item(item);
    if (strcmp(path, ITEM "/privateIpAddressesSet/item") != 0)
        return VFL_OK;
    if (item->address_count == MAX_ADDRESSES)
        return vfl_error_set(err, VFL_LIMIT, "a network interface has more than %d addresses",
                             MAX_ADDRESSES);
    item->addresses[item->address_count++] = (struct address){0};
    return VFL_OK;
}

static enum vfl_status on_end(void *ctx, const char *path, struct vfl_span text,
                              struct vfl_error *err)
{
    struct reader *reader = ctx;
    if (strncmp(path, ITEM "/", sizeof ITEM) == 0)
        return read_item_element(reader->item, path + sizeof ITEM, text, err);
    if (strcmp(path, ITEM) == 0)
        return pass_item_on(reader, err);
    if (strcmp(path, "nextToken") == 0) {
        vfl_strbuf_reset(&reader->next_token);
        vfl_strbuf_append(&reader->next_token, text);
        return vfl_strbuf_check(&reader->next_token, "nextToken", err);
    }
    return VFL_OK;
}

static enum vfl_status read_page(struct reader *reader, struct vfl_span body, struct vfl_error *err)
{
    struct vfl_xml_handler handler = {on_start, on_end, reader};
    vfl_strbuf_reset(&reader->next_token);
    return vfl_xml_parse(body, "DescribeNetworkInterfacesResponse", handler, err);
}

/* The whole page is looked at before any of it is passed on: a cut answer is asked for again, and
 * the sink must not see its interfaces twice. */
static enum vfl_status check_page(void *ctx, struct vfl_span body, struct vfl_error *err)
{
    struct reader *reader = ctx;
    struct vfl_interface_sink sink = reader->sink;
    reader->sink.add = NULL;
    enum vfl_status st = read_page(reader, body, err);
    reader->sink = sink;
    return st;
}

static enum vfl_status explain(const struct vfl_aws_session *session,
                               const struct vfl_aws_reply *reply, const char *region,
                               enum vfl_status status, struct vfl_error *err)
{
    const char *code = reply->fault.code;
    if (strcmp(code, "UnauthorizedOperation") == 0 || strcmp(code, "AccessDenied") == 0)
        return vfl_error_wrap(err, VFL_DENIED,
                              "region %s: ec2:DescribeNetworkInterfaces denied for role %s: add it "
                              "to the role's policy",
                              region, vfl_aws_session_role_arn(session));
    if (strcmp(code, "OptInRequired") == 0 || strcmp(code, "AuthFailure") == 0)
        return vfl_error_wrap(err, VFL_DENIED,
                              "region %s: EC2 refuses the account: check that the region is "
                              "switched on for it",
                              region);
    return vfl_error_wrap(err, status, "region %s: ec2:DescribeNetworkInterfaces", region);
}

static enum vfl_status fetch_page(struct vfl_aws_session *session, const char *region,
                                  struct reader *reader, struct vfl_span token,
                                  bool is_managed_included, struct vfl_aws_reply *reply,
                                  struct vfl_error *err)
{
    struct vfl_endpoint endpoint;
    bool is_configured;
    struct vfl_strbuf form = VFL_STRBUF_INIT(4 * MAX_TOKEN_BYTES);
    vfl_strbuf_append_string(&form,
                             "Action=DescribeNetworkInterfaces&Version=2016-11-15&MaxResults=1000");
    if (is_managed_included)
        vfl_strbuf_append_string(&form, "&IncludeManagedResources=true");
    if (token.len > 0) {
        vfl_strbuf_append_string(&form, "&NextToken=");
        vfl_sigv4_encode(&form, token, false);
    }
    enum vfl_status st = vfl_strbuf_check(&form, "DescribeNetworkInterfaces request", err);
    if (st == VFL_OK)
        st = vfl_aws_session_endpoint(session, "ec2", region, &endpoint, &is_configured, err);
    if (st != VFL_OK)
        goto out;
    const struct vfl_sigv4_pair headers[] = {
        {VFL_SPAN_LITERAL("content-type"),
         VFL_SPAN_LITERAL("application/x-www-form-urlencoded; charset=utf-8")},
    };
    const struct vfl_aws_call call = {
        .service = "ec2",
        .region = region,
        .endpoint = &endpoint,
        .method = "POST",
        .path = VFL_SPAN_LITERAL("/"),
        .headers = headers,
        .header_count = 1,
        .body = vfl_strbuf_span(&form),
        .max_body_bytes = VFL_AWS_MAX_DOCUMENT_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
        .parse = check_page,
        .parse_ctx = reader,
    };
    st = vfl_aws_session_call(session, &call, reply, err);
out:
    vfl_strbuf_fini(&form);
    return st;
}

static bool is_unknown_parameter(const struct vfl_aws_reply *reply)
{
    return strcmp(reply->fault.code, "UnknownParameter") == 0 ||
           strcmp(reply->fault.code, "InvalidParameter") == 0 ||
           strcmp(reply->fault.code, "InvalidParameterValue") == 0;
}

/* Whether a token is met again, after however many others: the one of page 1, 2, 4, 8 and so on is
 * kept, so that at last one of the circle is (Brent). */
static enum vfl_status check_advance(struct vfl_strbuf *kept, struct vfl_span token,
                                     size_t page_count, const char *region, struct vfl_error *err)
{
    if (page_count > 0 && vfl_span_equal(vfl_strbuf_span(kept), token))
        return vfl_error_set(err, VFL_RETRY, "region %s: the pages of interfaces do not advance",
                             region);
    if ((page_count & (page_count - 1)) != 0)
        return VFL_OK;
    vfl_strbuf_reset(kept);
    vfl_strbuf_append(kept, token);
    return vfl_strbuf_check(kept, "nextToken", err);
}

/* Pages until there is no token. IncludeManagedResources is younger than some partitions and
 * servers: they get the request without it. */
static enum vfl_status read_all(struct vfl_aws_session *session, const char *region,
                                struct reader *reader, struct vfl_error *err)
{
    struct vfl_strbuf token = VFL_STRBUF_INIT(MAX_TOKEN_BYTES);
    struct vfl_strbuf kept = VFL_STRBUF_INIT(MAX_TOKEN_BYTES);
    struct vfl_aws_reply reply;
    bool is_managed_included = true;
    vfl_aws_reply_init(&reply);
    enum vfl_status st = VFL_OK;
    for (size_t page_count = 0; st == VFL_OK; page_count++) {
        if (page_count == MAX_PAGES) {
            st = vfl_error_set(err, VFL_LIMIT, "region %s: more than %d pages of interfaces",
                               region, MAX_PAGES);
            break;
        }
        struct vfl_span span = vfl_strbuf_span(&token);
        st = fetch_page(session, region, reader, span, is_managed_included, &reply, err);
        if (st != VFL_OK && is_managed_included && is_unknown_parameter(&reply)) {
            is_managed_included = false;
            st = fetch_page(session, region, reader, span, is_managed_included, &reply, err);
        }
        if (st != VFL_OK) {
            st = explain(session, &reply, region, st, err);
            break;
        }
        st = read_page(reader, vfl_strbuf_span(&reply.http.body), err);
        if (st != VFL_OK || reader->next_token.len == 0)
            break;
        st = check_advance(&kept, vfl_strbuf_span(&reader->next_token), page_count, region, err);
        vfl_strbuf_reset(&token);
        vfl_strbuf_append(&token, vfl_strbuf_span(&reader->next_token));
        if (st == VFL_OK)
            st = vfl_strbuf_check(&token, "nextToken", err);
    }
    vfl_aws_reply_fini(&reply);
    vfl_strbuf_fini(&token);
    vfl_strbuf_fini(&kept);
    return st;
}

enum vfl_status vfl_ec2_describe_interfaces(struct vfl_aws_session *session, const char *region,
                                            struct vfl_interface_sink sink, struct vfl_error *err)
{
    struct reader reader = {.region = region, .sink = sink};
    enum vfl_status st;
    vfl_strbuf_init(&reader.next_token, MAX_TOKEN_BYTES);
    reader.item = calloc(1, sizeof *reader.item);
    reader.view = calloc(1, sizeof *reader.view);
    if (reader.item == NULL || reader.view == NULL) {
        st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for network interfaces");
        goto out;
    }
    vfl_strbuf_init(&reader.item->arena, MAX_ITEM_BYTES);
    st = read_all(session, region, &reader, err);
    vfl_strbuf_fini(&reader.item->arena);
out:
    free(reader.item);
    free(reader.view);
    vfl_strbuf_fini(&reader.next_token);
    return st;
}
