#include "tests/recorder/recorder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Later than every timestamp in tests, so that none is refused. */
#define PARSE_NOW_EPOCH_S INT64_C(2000000000)

static void check(enum vfl_status st, const char *what, const struct vfl_error *err)
{
    if (st == VFL_OK)
        return;
    (void)fprintf(stderr, "recorder: %s: %s\n", what, err->text);
    abort();
}

void recorder_init(struct recorder *recorder, unsigned expire_after_s)
{
    struct vfl_error err = {0};
    struct vfl_topology_options options = {.default_region = "eu-west-1",
                                           .expire_after_s = expire_after_s};
    memset(recorder, 0, sizeof *recorder);
    vfl_strbuf_init(&recorder->text, (size_t)1 << 28);
    vfl_strbuf_init(&recorder->picked, (size_t)1 << 28);
    check(vfl_topology_new(&options, &recorder->topology, &err), "new", &err);
}

void recorder_fini(struct recorder *recorder)
{
    vfl_topology_free(recorder->topology);
    vfl_flow_table_fini(&recorder->table);
    vfl_strbuf_fini(&recorder->text);
    vfl_strbuf_fini(&recorder->picked);
}

static void add_interface(struct vfl_interfaces *directory, const struct recorder_interface *from)
{
    struct vfl_error err = {0};
    struct vfl_interface_address addresses[2] = {
        {.private_ip = vfl_span_from_string(from->primary),
         .public_ip = vfl_span_from_string(from->public_ip),
         .is_primary = true},
        {.private_ip = vfl_span_from_string(from->secondary),
         .public_ip = vfl_span_from_string(from->secondary_public_ip)},
    };
    struct vfl_span ipv6 = vfl_span_from_string(from->ipv6);
    struct vfl_span prefix = vfl_span_from_string(from->prefix);
    struct vfl_interface interface = {
        .id = vfl_span_from_string(from->id),
        .vpc_id = vfl_span_from_string(from->vpc_id),
        .region = vfl_span_from_string(from->region),
        .type = vfl_span_from_string(from->type),
        .description = vfl_span_from_string(from->description),
        .requester_id = vfl_span_from_string(from->requester_id),
        .attachment_owner_id = vfl_span_from_string(from->attachment_owner_id),
        .attach_epoch_s = from->attach_epoch_s,
        .is_requester_managed = from->is_requester_managed,
        .addresses = addresses,
        .address_count = 2,
        .ipv6_addresses = &ipv6,
        .ipv6_address_count = ipv6.len > 0,
        .prefixes = &prefix,
        .prefix_count = prefix.len > 0,
    };
    check(vfl_interfaces_add(directory, &interface, &err), from->id, &err);
}

void recorder_fill_directory(struct vfl_interfaces *directory, int64_t now_epoch_s,
                             const struct recorder_interface *interfaces, size_t count)
{
    struct vfl_error err = {0};
    vfl_interfaces_start_refresh(directory, now_epoch_s);
    for (size_t i = 0; i < count; i++)
        add_interface(directory, &interfaces[i]);
    check(vfl_interfaces_finish_refresh(directory, &err), "refresh", &err);
}

void recorder_refresh(struct recorder *recorder, int64_t now_epoch_s,
                      const struct recorder_interface *interfaces, size_t count)
{
    recorder_fill_directory(vfl_topology_interfaces(recorder->topology), now_epoch_s, interfaces,
                            count);
}

void recorder_start_object(struct vfl_flow_table *table, struct vfl_record_format *ret_format,
                           const char *region, const char *flow_log_id, const char *header)
{
    struct vfl_error err = {0};
    bool is_header = false;
    check(vfl_record_format_parse(vfl_span_from_string(header), ret_format, &is_header, &err),
          header, &err);
    check(vfl_flow_table_start_object(table, vfl_span_from_string(region),
                                      vfl_span_from_string(flow_log_id), ret_format, &err),
          "start object", &err);
}

void recorder_add_line(struct vfl_flow_table *table, const struct vfl_record_format *format,
                       const char *line)
{
    struct vfl_error err = {0};
    struct vfl_record record;
    vfl_record_parse(format, vfl_span_from_string(line), PARSE_NOW_EPOCH_S, &record);
    if (record.kind != VFL_RECORD_FLOW && record.kind != VFL_RECORD_NODATA &&
        record.kind != VFL_RECORD_SKIPDATA) {
        (void)fprintf(stderr, "recorder: not a record: %s\n", line);
        abort();
    }
    check(vfl_flow_table_add(table, &record, &err), line, &err);
    check(vfl_flow_table_end_object(table, &err), line, &err);
}

void recorder_object(struct recorder *recorder, const char *region, const char *flow_log_id,
                     const char *header)
{
    recorder_start_object(&recorder->table, &recorder->format, region, flow_log_id, header);
}

void recorder_line(struct recorder *recorder, const char *line)
{
    recorder_add_line(&recorder->table, &recorder->format, line);
}

/* --- the sink ------------------------------------------------------------------------------------
 */

static enum vfl_status write_removal(void *ctx, const char *element_id, struct vfl_error *err)
{
    struct recorder *recorder = ctx;
    (void)err;
    vfl_strbuf_appendf(&recorder->text, "gone %s\n", element_id);
    return VFL_OK;
}

static enum vfl_status write_component(void *ctx, const struct vfl_component *component,
                                       struct vfl_error *err)
{
    struct recorder *recorder = ctx;
    (void)err;
    vfl_strbuf_appendf(&recorder->text, "component %s region=%s urns=", component->id,
                       component->region);
    for (size_t i = 0; i < component->urn_count; i++)
        vfl_strbuf_appendf(&recorder->text, "%s%s", i > 0 ? "," : "", component->urns[i]);
    vfl_strbuf_append_char(&recorder->text, '\n');
    return VFL_OK;
}

static bool ends_in_address(const char *id, const char *address)
{
    const char *slash = strrchr(id, '/');
    return slash != NULL && strcmp(slash + 1, address) == 0;
}

static enum vfl_status write_relation(void *ctx, const struct vfl_relation *relation,
                                      struct vfl_error *err)
{
    struct recorder *recorder = ctx;
    if (!ends_in_address(relation->source_id, relation->source_address) ||
        !ends_in_address(relation->target_id, relation->target_address))
        return vfl_error_set(err, VFL_FORMAT, "addresses of %s", relation->source_id);
    vfl_strbuf_appendf(&recorder->text, "relation %s %s %s %s protocols=", relation->source_id,
                       relation->target_id, relation->is_ipv6 ? "v6" : "v4",
                       vfl_evidence_name(relation->evidence));
    for (size_t i = 0; i < relation->protocol_count; i++)
        vfl_strbuf_appendf(&recorder->text, "%s%u", i > 0 ? "," : "", relation->protocols[i]);
    vfl_strbuf_append_string(&recorder->text, " ports=");
    for (size_t i = 0; i < relation->port_count; i++)
        vfl_strbuf_appendf(&recorder->text, "%s%u", i > 0 ? "," : "", relation->ports[i]);
    vfl_strbuf_appendf(&recorder->text, "%s %s by=%s\n", relation->has_more_ports ? ",+" : "",
                       relation->verdict, relation->observed_by);
    return VFL_OK;
}

static enum vfl_status write_traffic(void *ctx, const struct vfl_relation_traffic *traffic,
                                     struct vfl_error *err)
{
    struct recorder *recorder = ctx;
    (void)err;
    vfl_strbuf_appendf(
        &recorder->text,
        "traffic %s %s sent=%" PRIu64 " received=%" PRIu64 " sent/s=%.15g received/s=%.15g\n",
        traffic->source_id, traffic->target_id, traffic->bytes_sent, traffic->bytes_received,
        traffic->bytes_sent_per_second, traffic->bytes_received_per_second);
    return VFL_OK;
}

struct vfl_topology_sink recorder_sink(struct recorder *recorder)
{
    return (struct vfl_topology_sink){write_removal, write_component, write_relation, write_traffic,
                                      recorder};
}

void recorder_apply(struct recorder *recorder, int64_t now_epoch_s)
{
    struct vfl_error err = {0};
    check(vfl_topology_confirm_sent(recorder->topology, &err), "confirm", &err);
    check(vfl_topology_apply(recorder->topology, &recorder->table, now_epoch_s, &recorder->counts,
                             &err),
          "apply", &err);
    vfl_flow_table_reset(&recorder->table);
}

const char *recorder_emit(struct recorder *recorder, int64_t now_epoch_s)
{
    struct vfl_error err = {0};
    vfl_strbuf_reset(&recorder->text);
    check(vfl_topology_emit(recorder->topology, now_epoch_s, recorder_sink(recorder), &err), "emit",
          &err);
    check(vfl_strbuf_check(&recorder->text, "the emitted text", &err), "emit", &err);
    return vfl_strbuf_string(&recorder->text);
}

const char *recorder_run(struct recorder *recorder, int64_t now_epoch_s)
{
    recorder_apply(recorder, now_epoch_s);
    return recorder_emit(recorder, now_epoch_s);
}

const char *recorder_lines(struct recorder *recorder, const char *kind)
{
    vfl_strbuf_reset(&recorder->picked);
    size_t kind_len = strlen(kind);
    const char *at = vfl_strbuf_string(&recorder->text);
    while (*at != '\0') {
        size_t len = strcspn(at, "\n") + 1;
        if (strncmp(at, kind, kind_len) == 0 && at[kind_len] == ' ')
            vfl_strbuf_append(&recorder->picked, (struct vfl_span){at, len});
        at += len;
    }
    return vfl_strbuf_string(&recorder->picked);
}
