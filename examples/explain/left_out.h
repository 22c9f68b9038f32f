/* The records that become no traffic of a relation, each with file, line and the reason in words.
 */
#ifndef VFL_EXPLAIN_LEFT_OUT_H
#define VFL_EXPLAIN_LEFT_OUT_H

#include <stdio.h>

#include "core/flowlog/record.h"
#include "core/topology/topology.h"
#include "examples/explain/log_file.h"

struct vfl_left_out_options {
    bool has_interfaces_file;
    int64_t now_epoch_s;
};

/* What became of the records that were gone through. */
struct vfl_left_out_counts {
    uint64_t
        outcomes[VFL_FLOW_OUTCOME_COUNT]; /* of those of kind FLOW; KEPT ones are not printed */
    uint64_t kinds[VFL_RECORD_MALFORMED + 1];
    uint64_t overlong_lines;
};

/* Goes through one file that topology took in whole, prints what was left out in the order of its
 * lines, and adds to *counts. As vfl_log_file_read_lines and vfl_topology_place. */
enum vfl_status vfl_left_out_print(struct vfl_topology *topology, const char *path,
                                   const struct vfl_left_out_options *options,
                                   struct vfl_left_out_counts *counts, FILE *out,
                                   struct vfl_error *err) VFL_MUST_CHECK;

/* In words, and as vfl_left_out_print prints it: "PATH:NUMBER: reason". For a line that is no
 * record (malformed, overlong). */
void vfl_left_out_print_bad_line(const char *path, const struct vfl_log_line *line, FILE *out);

#endif
