/* What one run did: counts, the worst that happened, and the words for log, metrics and service
 * check. */
#ifndef VFL_RUN_REPORT_H
#define VFL_RUN_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/collector.h"
#include "core/object_list.h"
#include "core/object_reader.h"

/* Warnings named one by one in a run; further ones are only counted. */
#define VFL_RUN_REPORT_MAX_NAMED 10u

struct vfl_run_report {
    const struct vfl_collector_ops *ops;
    uint64_t listed, read, duplicates, failed, paused, deleted, delete_failed, waiting;
    uint64_t records[VFL_RECORD_MALFORMED + 1];
    uint64_t overlong_lines;
    int64_t last_end_epoch_s; /* latest record read */
    int64_t slowest_page_ms;  /* of the listings */
    struct vfl_topology_counts topology;
    uint32_t warning_count;
    char first_warning[VFL_ERROR_TEXT_SIZE];
};

void vfl_run_report_init(struct vfl_run_report *report, const struct vfl_collector_ops *ops);

/* Tells the operator now (up to VFL_RUN_REPORT_MAX_NAMED) and makes the run's service check
 * WARNING. */
void vfl_run_report_warn(struct vfl_run_report *report, const char *format, ...) VFL_PRINTF(2, 3);

/* The same for what was told in an earlier run and is still so: no new notice. */
void vfl_run_report_keep_warning(struct vfl_run_report *report, const char *text);

void vfl_run_report_add_object(struct vfl_run_report *report,
                               const struct vfl_object_summary *summary);

/* Ends a run that went through: summary log line, health metrics, service check. */
void vfl_run_report_finish(struct vfl_run_report *report, const struct vfl_topology *topology,
                           int64_t now_epoch_s, double run_s, uint64_t request_count);

#endif
