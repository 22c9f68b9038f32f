#include "core/run_report.h"

#include <inttypes.h>
#include <stdio.h>

void vfl_run_report_init(struct vfl_run_report *report, const struct vfl_collector_ops *ops)
{
    *report = (struct vfl_run_report){.ops = ops};
}

void vfl_run_report_warn(struct vfl_run_report *report, const char *format, ...)
{
    struct vfl_error text = {0};
    char raw[VFL_ERROR_TEXT_SIZE * 2];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    (void)vfl_error_set(&text, VFL_OK, "%s", raw);
    if (report->warning_count < VFL_RUN_REPORT_MAX_NAMED)
        report->ops->notice(report->ops->ctx, VFL_NOTICE_WARNING, text.text);
    vfl_run_report_keep_warning(report, text.text);
}

void vfl_run_report_keep_warning(struct vfl_run_report *report, const char *text)
{
    if (report->warning_count == 0)
        (void)snprintf(report->first_warning, sizeof report->first_warning, "%s", text);
    report->warning_count++;
}

void vfl_run_report_add_object(struct vfl_run_report *report,
                               const struct vfl_object_summary *summary)
{
    report->read++;
    for (size_t i = 0; i < sizeof report->records / sizeof report->records[0]; i++)
        report->records[i] += summary->records[i];
    report->overlong_lines += summary->overlong_lines;
    if (summary->last_end_epoch_s > report->last_end_epoch_s)
        report->last_end_epoch_s = summary->last_end_epoch_s;
}

static uint64_t lines_lost(const struct vfl_run_report *report)
{
    return report->records[VFL_RECORD_MALFORMED] + report->overlong_lines;
}

static void send_metrics(const struct vfl_run_report *report, const struct vfl_topology *live,
                         int64_t now_epoch_s, double run_s, uint64_t request_count)
{
    const struct vfl_collector_ops *ops = report->ops;
    const struct vfl_topology_counts *topology = &report->topology;
    const struct {
        const char *name;
        uint64_t value;
    } gauges[] = {
        {"aws_flowlogs.objects.listed", report->listed},
        {"aws_flowlogs.objects.processed", report->read},
        {"aws_flowlogs.objects.duplicate", report->duplicates},
        {"aws_flowlogs.objects.failed", report->failed + report->paused},
        {"aws_flowlogs.objects.deleted", report->deleted},
        {"aws_flowlogs.objects.delete_failed", report->delete_failed},
        {"aws_flowlogs.objects.waiting", report->waiting},
        {"aws_flowlogs.skipdata.windows", topology->skipdata_records},
        {"aws_flowlogs.skipdata.interfaces", topology->skipdata_interfaces},
        {"aws_flowlogs.interfaces.unknown", topology->unknown_interfaces},
        {"aws_flowlogs.requests", request_count},
        {"aws_flowlogs.relations.live", vfl_topology_relation_count(live)},
        {"aws_flowlogs.relations.left_out", vfl_topology_left_out_count(live)},
        {"aws_flowlogs.endpoints.live", vfl_topology_endpoint_count(live)},
    };
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++)
        ops->metric(ops->ctx, gauges[i].name, (double)gauges[i].value, NULL);
    for (int outcome = 0; outcome < VFL_FLOW_OUTCOME_COUNT; outcome++) {
        char detail[64];
        (void)snprintf(detail, sizeof detail, "outcome:%s",
                       vfl_flow_outcome_name((enum vfl_flow_outcome)outcome));
        ops->metric(ops->ctx, "aws_flowlogs.records", (double)topology->records[outcome], detail);
    }
    const struct {
        const char *detail;
        uint64_t value;
    } other_records[] = {
        {"outcome:malformed", lines_lost(report)},
        {"outcome:no_address", report->records[VFL_RECORD_NO_ADDRESS]},
        {"outcome:nodata", report->records[VFL_RECORD_NODATA]},
        {"outcome:skipdata", report->records[VFL_RECORD_SKIPDATA]},
        {"outcome:over_limit", topology->over_limit},
    };
    for (size_t i = 0; i < sizeof other_records / sizeof other_records[0]; i++)
        ops->metric(ops->ctx, "aws_flowlogs.records", (double)other_records[i].value,
                    other_records[i].detail);
    ops->metric(ops->ctx, "aws_flowlogs.run_seconds", run_s, NULL);
    ops->metric(ops->ctx, "aws_flowlogs.list_page_seconds",
                (double)report->slowest_page_ms / 1000.0, NULL);
    if (report->last_end_epoch_s > 0 && report->last_end_epoch_s <= now_epoch_s)
        ops->metric(ops->ctx, "aws_flowlogs.lag_seconds",
                    (double)(now_epoch_s - report->last_end_epoch_s), NULL);
}

/* Appends "N what", with a separator, unless N is 0. */
static void add_count(struct vfl_strbuf *text, uint64_t count, const char *what)
{
    if (count == 0)
        return;
    vfl_strbuf_appendf(text, ", %" PRIu64 " ", count);
    for (; *what != '\0'; what++)
        vfl_strbuf_append_char(text, *what == '_' ? ' ' : *what);
}

static void send_summary(const struct vfl_run_report *report, const struct vfl_topology *topology,
                         double run_s)
{
    const struct vfl_topology_counts *counts = &report->topology;
    struct vfl_strbuf text = VFL_STRBUF_INIT(VFL_ERROR_TEXT_SIZE - 1);
    vfl_strbuf_appendf(&text, "objects: %" PRIu64 " read", report->read);
    add_count(&text, report->duplicates, "delivered again");
    add_count(&text, report->failed + report->paused, "bad");
    add_count(&text, report->deleted, "deleted");
    add_count(&text, report->waiting, "waiting");
    vfl_strbuf_appendf(&text, "; records: %" PRIu64 " kept", counts->records[VFL_FLOW_KEPT]);
    for (int outcome = VFL_FLOW_KEPT + 1; outcome < VFL_FLOW_OUTCOME_COUNT; outcome++)
        add_count(&text, counts->records[outcome],
                  vfl_flow_outcome_name((enum vfl_flow_outcome)outcome));
    add_count(&text, counts->over_limit, "over limit");
    add_count(&text, lines_lost(report), "malformed");
    add_count(&text, report->records[VFL_RECORD_NO_ADDRESS], "no address");
    add_count(&text, counts->skipdata_records, "skipdata");
    vfl_strbuf_appendf(&text, "; live: %u relations, %u endpoints; %.2f s",
                       vfl_topology_relation_count(topology), vfl_topology_endpoint_count(topology),
                       run_s);
    bool did_something =
        report->read + report->duplicates + report->deleted + report->warning_count > 0;
    report->ops->notice(report->ops->ctx, did_something ? VFL_NOTICE_INFO : VFL_NOTICE_DEBUG,
                        vfl_strbuf_string(&text));
    vfl_strbuf_fini(&text);
}

void vfl_run_report_finish(struct vfl_run_report *report, const struct vfl_topology *topology,
                           int64_t now_epoch_s, double run_s, uint64_t request_count)
{
    const struct vfl_collector_ops *ops = report->ops;
    send_metrics(report, topology, now_epoch_s, run_s, request_count);
    send_summary(report, topology, run_s);
    if (report->warning_count == 0) {
        ops->service_check(ops->ctx, VFL_CHECK_CAN_UPDATE, VFL_CHECK_OK, "");
        return;
    }
    char message[VFL_ERROR_TEXT_SIZE + 64];
    (void)snprintf(message, sizeof message, "%s", report->first_warning);
    if (report->warning_count > 1)
        (void)snprintf(message, sizeof message, "%s (and %u more warnings: see the log)",
                       report->first_warning, report->warning_count - 1);
    ops->service_check(ops->ctx, VFL_CHECK_CAN_UPDATE, VFL_CHECK_WARNING, message);
}
