/* The grammar of flow-log object keys. Only a key that this grammar accepts is ever read or
 * deleted. Source: Amazon VPC User Guide, "Flow log files" (publish flow logs to Amazon S3). */
#ifndef VFL_FLOWLOG_OBJECT_KEY_H
#define VFL_FLOWLOG_OBJECT_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"
#include "core/strbuf.h"

enum vfl_key_layout {
    VFL_KEY_LAYOUT_DEFAULT, /* [folder/]AWSLogs/{account}/vpcflowlogs/{region}/YYYY/MM/DD/[HH/] */
    VFL_KEY_LAYOUT_HIVE, /* [folder/]AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/... */
    VFL_KEY_LAYOUT_COUNT,
};

enum vfl_key_form {
    VFL_KEY_FORM_TEXT,    /* .log.gz or .log */
    VFL_KEY_FORM_PARQUET, /* .log.parquet: recognised so that it can be refused by name */
};

struct vfl_object_key {
    enum vfl_key_layout layout;
    enum vfl_key_form form;
    bool is_hourly;
    struct vfl_span account; /* these borrow from the key */
    struct vfl_span region;
    struct vfl_span flow_log_id; /* "fl-0123456789abcdef0" */
    int64_t time_epoch_s;        /* of the name's YYYYMMDDTHHmmZ: a hint, see flow-logs reference */
    int64_t folder_epoch_s;      /* when the folders' day, or with is_hourly their hour, starts */
};

/* A longer flow_log_id is not accepted. */
#define VFL_OBJECT_KEY_MAX_FLOW_LOG_ID 67

/* Parses key under the expected folder ("" for none, no leading or trailing '/'), account and
 * region (each {NULL, 0} accepts any). VFL_NOT_FOUND: not a flow-log object of theirs, leave it
 * alone. VFL_FORMAT: follows the grammar but names an impossible date; leave it alone and count it.
 */
enum vfl_status vfl_object_key_parse(struct vfl_span key, struct vfl_span folder,
                                     struct vfl_span account, struct vfl_span region,
                                     struct vfl_object_key *ret_key,
                                     struct vfl_error *err) VFL_MUST_CHECK;

/* Appends the listing prefix of a layout, up to and including the '/' after the region. */
void vfl_object_key_append_prefix(struct vfl_strbuf *out, enum vfl_key_layout layout,
                                  struct vfl_span folder, struct vfl_span account,
                                  struct vfl_span region);

/* The parts that follow a listing prefix, in this order: the folders of a day, of an hour (hourly
 * keys only), the name up to and including the '_' before its time, and that time. Each is the
 * common beginning of the keys that have it; within one, keys sort by what follows. Times before
 * 1970 count as 1970. */
void vfl_object_key_append_day(struct vfl_strbuf *out, enum vfl_key_layout layout, int64_t epoch_s);
void vfl_object_key_append_hour(struct vfl_strbuf *out, enum vfl_key_layout layout,
                                int64_t epoch_s);
void vfl_object_key_append_name(struct vfl_strbuf *out, struct vfl_span account,
                                struct vfl_span region, struct vfl_span flow_log_id);
void vfl_object_key_append_time(struct vfl_strbuf *out, int64_t epoch_s);

#endif
