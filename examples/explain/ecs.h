/* A flow-log record as an event of the Elastic Common Schema: the fields and values that the ingest
 * pipeline of Elastic's "aws" integration gives for the same line (data stream vpcflow, as of
 * August 2025). Left out is what its enrichment databases know (source.geo, source.as, ...) and
 * what the collecting agent and its input tell of themselves. */
#ifndef VFL_EXPLAIN_ECS_H
#define VFL_EXPLAIN_ECS_H

#include "core/flowlog/record.h"

/* One JSON object in a line, keys sorted; the caller frees it. line is a record of format, of any
 * kind but header, blank and malformed. region is the object's, for a format that has no such
 * column; absent when not known. VFL_NO_MEMORY, and VFL_UNSUPPORTED as vfl_community_id. */
enum vfl_status vfl_ecs_event(const struct vfl_record_format *format, struct vfl_span line,
                              struct vfl_span region, char **ret_json,
                              struct vfl_error *err) VFL_MUST_CHECK;

#endif
