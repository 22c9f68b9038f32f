/* A flow-log file on this machine: its bytes as a store's object, its lines with their numbers, and
 * what its name tells. */
#ifndef VFL_EXPLAIN_LOG_FILE_H
#define VFL_EXPLAIN_LOG_FILE_H

#include "core/flowlog/object_key.h"
#include "core/flowlog/record.h"
#include "core/store/store.h"

/* Spans borrow from the path. */
struct vfl_log_file_name {
    enum vfl_key_form form;
    struct vfl_span region;
    struct vfl_span flow_log_id;
    struct vfl_span time;
};

/* Reads a name of AWS's form, ACCOUNT_vpcflowlogs_REGION_FLOWLOG_TIME_HASH.log.gz; of any other
 * name all three are absent. */
struct vfl_log_file_name vfl_log_file_name(const char *path);

/* VFL_UNSUPPORTED: a pipe or a device, which can be read once at most. What is not there, or is a
 * directory, is for the reader to say. */
enum vfl_status vfl_log_file_check_rereadable(const char *path,
                                              struct vfl_error *err) VFL_MUST_CHECK;

/* A store of whose operations there is `get` alone; objects' keys are paths. Static. */
struct vfl_store *vfl_log_file_store(void);

/* Dies when the sink's function returns. */
struct vfl_log_line {
    uint64_t number;  /* from 1, as an editor counts */
    bool is_overlong; /* over VFL_LINE_MAX_BYTES; then nothing of the rest is there */
    struct vfl_span text;
    const struct vfl_record_format *format;
    const struct vfl_record *record;
};

struct vfl_log_line_sink {
    enum vfl_status (*line)(void *ctx, const struct vfl_log_line *line, struct vfl_error *err);
    void *ctx;
};

/* Passes on every line but the header that names the columns and blank ones before it. Statuses and
 * texts are those of vfl_object_read, or the sink's; texts do not name the file. */
enum vfl_status vfl_log_file_read_lines(const char *path, int64_t now_epoch_s,
                                        struct vfl_log_line_sink sink,
                                        struct vfl_error *err) VFL_MUST_CHECK;

#endif
