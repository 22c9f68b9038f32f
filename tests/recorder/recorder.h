/* A topology driven by flow-log lines, and the text of everything that it emits. */
#ifndef VFL_TEST_RECORDER_H
#define VFL_TEST_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/flowlog/record.h"
#include "core/strbuf.h"
#include "core/topology/flow_table.h"
#include "core/topology/interfaces.h"
#include "core/topology/topology.h"

/* An interface in short; what is NULL, false or 0 is absent. */
struct recorder_interface {
    const char *id;
    const char *vpc_id;
    const char *primary;
    const char *public_ip; /* of the primary address */
    const char *secondary;
    const char *secondary_public_ip;
    const char *ipv6;
    const char *prefix;
    const char *region;
    const char *type;
    const char *description;
    const char *requester_id;
    const char *attachment_owner_id;
    bool is_requester_managed;
    int64_t attach_epoch_s;
};

/* One line each, in the order received:
 *   gone ID
 *   component ID region=R urns=URN,URN
 *   relation SOURCE TARGET v4 tcp-flags protocols=6 ports=443,+ accepted by=source
 *   traffic SOURCE TARGET sent=BYTES received=BYTES sent/s=RATE received/s=RATE
 * ports ends in "+" when there are more; addresses that are not part of the ids are an error. */
struct recorder {
    struct vfl_topology *topology;
    struct vfl_flow_table table; /* of the run being built */
    struct vfl_record_format format;
    struct vfl_strbuf text; /* of the last run */
    struct vfl_strbuf picked;
    struct vfl_topology_counts counts;
};

/* Whatever fails ends the program with a message: a test's set-up that fails is a failed test. */
void recorder_init(struct recorder *recorder, unsigned expire_after_s);
void recorder_fini(struct recorder *recorder);

void recorder_fill_directory(struct vfl_interfaces *directory, int64_t now_epoch_s,
                             const struct recorder_interface *interfaces, size_t count);
void recorder_refresh(struct recorder *recorder, int64_t now_epoch_s,
                      const struct recorder_interface *interfaces, size_t count);

/* header: the columns' names. */
void recorder_start_object(struct vfl_flow_table *table, struct vfl_record_format *ret_format,
                           const char *region, const char *flow_log_id, const char *header);
void recorder_add_line(struct vfl_flow_table *table, const struct vfl_record_format *format,
                       const char *line);

/* The same for the recorder's own table. */
void recorder_object(struct recorder *recorder, const char *region, const char *flow_log_id,
                     const char *header);
void recorder_line(struct recorder *recorder, const char *line);

/* Confirms what was emitted last (unless it was forgotten), applies the table, empties it and
 * emits; returns the text, valid until the next run. */
const char *recorder_run(struct recorder *recorder, int64_t now_epoch_s);
void recorder_apply(struct recorder *recorder, int64_t now_epoch_s);
const char *recorder_emit(struct recorder *recorder, int64_t now_epoch_s);
/* The last run's lines of one kind ("relation"), valid until the next call. */
const char *recorder_lines(struct recorder *recorder, const char *kind);
struct vfl_topology_sink recorder_sink(struct recorder *recorder);

#endif
