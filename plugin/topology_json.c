#include "plugin/topology_json.h"

#include "plugin/json_text.h"

enum vfl_status vfl_component_frame_init(struct vfl_component_frame *frame,
                                         const struct vfl_config *config, struct vfl_error *err)
{
    struct vfl_component_frame out = {
        VFL_STRBUF_INIT(VFL_TOPOLOGY_JSON_MAX_BYTES / 2),
        VFL_STRBUF_INIT(VFL_TOPOLOGY_JSON_MAX_BYTES / 2),
    };
    struct vfl_strbuf url = VFL_STRBUF_INIT(1024);
    VFL_JSON_APPEND(&out.before_region, ",\"Location\":{\"AwsAccount\":");
    vfl_json_append_string(&out.before_region, vfl_span_from_string(config->account));
    VFL_JSON_APPEND(&out.before_region, ",\"AwsRegion\":");
    VFL_JSON_APPEND(&out.after_region,
                    "},\"tags\":[\"integration-type:" VFL_INTEGRATION_TYPE "\",");
    VFL_JSON_APPEND(&url, "integration-url:");
    vfl_strbuf_append_string(&url, config->account);
    vfl_json_append_string(&out.after_region, vfl_strbuf_span(&url));
    for (size_t i = 0; i < config->tag_count; i++) {
        VFL_JSON_APPEND(&out.after_region, ",");
        vfl_json_append_string(&out.after_region, vfl_span_from_string(config->tags[i]));
    }
    VFL_JSON_APPEND(&out.after_region, "]}}");
    enum vfl_status st = vfl_strbuf_check(&url, "the account's tag", err);
    if (st == VFL_OK)
        st = vfl_strbuf_check(&out.before_region, "the account's location", err);
    if (st == VFL_OK)
        st = vfl_strbuf_check(&out.after_region, "the components' tags", err);
    vfl_strbuf_fini(&url);
    if (st != VFL_OK) {
        vfl_component_frame_fini(&out);
        return st;
    }
    *frame = out;
    return VFL_OK;
}

void vfl_component_frame_fini(struct vfl_component_frame *frame)
{
    if (frame == NULL)
        return;
    vfl_strbuf_fini(&frame->before_region);
    vfl_strbuf_fini(&frame->after_region);
}

void vfl_component_write(struct vfl_strbuf *buf, const struct vfl_component_frame *frame,
                         const struct vfl_component *component)
{
    vfl_strbuf_reset(buf);
    VFL_JSON_APPEND(buf, "{\"externalId\":");
    vfl_json_append_string(buf, vfl_span_from_string(component->id));
    VFL_JSON_APPEND(buf, ",\"type\":{\"name\":\"" VFL_COMPONENT_TYPE "\"},\"data\":{\"URN\":");
    vfl_json_append_strings(buf, component->urns, component->urn_count);
    vfl_strbuf_append(buf, vfl_strbuf_span(&frame->before_region));
    vfl_json_append_string(buf, vfl_span_from_string(component->region));
    vfl_strbuf_append(buf, vfl_strbuf_span(&frame->after_region));
}

/* NULL for one that is told by its number. */
static const char *protocol_name(uint8_t protocol)
{
    switch (protocol) {
    case 1:
        return "icmp";
    case 6:
        return "tcp";
    case 17:
        return "udp";
    case 47:
        return "gre";
    case 50:
        return "esp";
    case 58:
        return "icmpv6";
    case 132:
        return "sctp";
    default:
        return NULL;
    }
}

static void append_quoted_number(struct vfl_strbuf *buf, unsigned number)
{
    VFL_JSON_APPEND(buf, "\"");
    vfl_json_append_number(buf, number);
    VFL_JSON_APPEND(buf, "\"");
}

static void append_protocols(struct vfl_strbuf *buf, const struct vfl_relation *relation)
{
    VFL_JSON_APPEND(buf, "[");
    for (size_t i = 0; i < relation->protocol_count; i++) {
        const char *name = protocol_name(relation->protocols[i]);
        if (i > 0)
            VFL_JSON_APPEND(buf, ",");
        if (name != NULL)
            vfl_json_append_string(buf, vfl_span_from_string(name));
        else
            append_quoted_number(buf, relation->protocols[i]);
    }
    VFL_JSON_APPEND(buf, "]");
}

static void append_ports(struct vfl_strbuf *buf, const struct vfl_relation *relation)
{
    VFL_JSON_APPEND(buf, "[");
    for (size_t i = 0; i < relation->port_count; i++) {
        if (i > 0)
            VFL_JSON_APPEND(buf, ",");
        vfl_json_append_number(buf, relation->ports[i]);
    }
    VFL_JSON_APPEND(buf, "]");
}

enum vfl_status vfl_endpoint_tag_write(struct vfl_span prefix, const char *id,
                                       char out[VFL_TAG_SIZE], struct vfl_error *err)
{
    size_t length = strlen(id);
    if (length >= VFL_TAG_SIZE - prefix.len)
        return vfl_error_set(err, VFL_LIMIT, "an endpoint's id is too long for a tag");
    memcpy(out, prefix.ptr, prefix.len);
    memcpy(out + prefix.len, id, length + 1);
    char *end = out + prefix.len + length;
    for (char *dot = out + prefix.len; (dot = memchr(dot, '.', (size_t)(end - dot))) != NULL;)
        *dot++ = '_';
    return VFL_OK;
}

static void append_underscored(struct vfl_strbuf *buf, const char *id)
{
    char text[VFL_TAG_SIZE];
    struct vfl_error err = {0};
    if (vfl_endpoint_tag_write(VFL_SPAN_LITERAL(""), id, text, &err) != VFL_OK)
        buf->failure = VFL_LIMIT;
    else
        vfl_json_append_string(buf, vfl_span_from_string(text));
}

static void append_field(struct vfl_strbuf *buf, struct vfl_span name, const char *text)
{
    vfl_strbuf_append(buf, name);
    vfl_json_append_string(buf, vfl_span_from_string(text));
}

#define APPEND_FIELD(buf, name, text)                                                              \
    append_field((buf), VFL_SPAN_LITERAL(",\"" name "\":"), (text))

static void append_relation_data(struct vfl_strbuf *buf, const struct vfl_relation *relation)
{
    VFL_JSON_APPEND(buf, "{\"source\":");
    append_underscored(buf, relation->source_id);
    VFL_JSON_APPEND(buf, ",\"target\":");
    append_underscored(buf, relation->target_id);
    APPEND_FIELD(buf, "local_address", relation->source_address);
    APPEND_FIELD(buf, "remote_address", relation->target_address);
    APPEND_FIELD(buf, "family", relation->is_ipv6 ? "v6" : "v4");
    VFL_JSON_APPEND(buf, ",\"traffic_type\":");
    if (relation->protocol_count == 1)
        append_quoted_number(buf, relation->protocols[0]);
    else
        VFL_JSON_APPEND(buf, "\"unknown\"");
    APPEND_FIELD(buf, "direction", vfl_evidence_name(relation->evidence));
    APPEND_FIELD(buf, "verdict", relation->verdict);
    APPEND_FIELD(buf, "observed_by", relation->observed_by);
    VFL_JSON_APPEND(buf, ",\"protocols\":");
    append_protocols(buf, relation);
    VFL_JSON_APPEND(buf, ",\"ports\":");
    append_ports(buf, relation);
    if (relation->has_more_ports)
        VFL_JSON_APPEND(buf, ",\"more_ports\":true");
    if (relation->refusal != NULL)
        APPEND_FIELD(buf, "refusal", relation->refusal);
    VFL_JSON_APPEND(buf, "}");
}

void vfl_relation_write(struct vfl_strbuf *buf, const struct vfl_relation *relation)
{
    vfl_strbuf_reset(buf);
    VFL_JSON_APPEND(buf, "{\"sourceId\":");
    vfl_json_append_string(buf, vfl_span_from_string(relation->source_id));
    APPEND_FIELD(buf, "targetId", relation->target_id);
    VFL_JSON_APPEND(buf, ",\"type\":{\"name\":\"" VFL_RELATION_TYPE "\"},\"data\":");
    append_relation_data(buf, relation);
    VFL_JSON_APPEND(buf, "}");
}
