#include "core/object_reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/flowlog/lines.h"

struct vfl_object_reader {
    struct vfl_gunzip *gunzip;
    struct vfl_lines lines;
    struct vfl_flow_table table;
    /* of the object under way */
    struct vfl_record_format format;
    const struct vfl_object_key *key;
    bool has_format;
    bool needs_vpc_id;
    int64_t now_epoch_s;
    struct vfl_object_summary summary;
};

static enum vfl_status on_record(void *ctx, const struct vfl_record *record, struct vfl_span line,
                                 struct vfl_error *err)
{
    (void)line;
    struct vfl_object_reader *reader = ctx;
    struct vfl_object_summary *summary = &reader->summary;
    summary->records[record->kind]++;
    summary->flawed_records += record->flaws != 0;
    if (record->kind == VFL_RECORD_FLOW && record->has_times &&
        record->end_epoch_s > summary->last_end_epoch_s)
        summary->last_end_epoch_s = record->end_epoch_s;
    return vfl_flow_table_add(&reader->table, record, err);
}

static bool names_vpc(const struct vfl_record_format *format)
{
    return format->has_column[VFL_FIELD_VPC_ID] || (format->has_column[VFL_FIELD_TGW_SRC_VPC_ID] &&
                                                    format->has_column[VFL_FIELD_TGW_DST_VPC_ID]);
}

static enum vfl_status use_first_line(struct vfl_object_reader *reader, struct vfl_span line,
                                      bool *ret_is_header, struct vfl_error *err)
{
    enum vfl_status st = vfl_record_format_parse(line, &reader->format, ret_is_header, err);
    if (st != VFL_OK)
        return st;
    if (reader->needs_vpc_id && !names_vpc(&reader->format))
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "its format has no vpc-id column, and without the permission "
                             "ec2:DescribeNetworkInterfaces its interfaces are unknown");
    reader->has_format = true;
    reader->summary.unknown_columns = reader->format.unknown_count;
    return vfl_flow_table_start_object(&reader->table, reader->key->region,
                                       reader->key->flow_log_id, &reader->format, err);
}

static enum vfl_status on_block(void *ctx, struct vfl_span block, struct vfl_error *err)
{
    struct vfl_object_reader *reader = ctx;
    struct vfl_span rest = block;
    struct vfl_span line = {NULL, 0};
    while (!reader->has_format && vfl_lines_next(&rest, &line)) {
        bool is_header = true;
        enum vfl_status st =
            vfl_line_is_blank(line) ? VFL_OK : use_first_line(reader, line, &is_header, err);
        if (st != VFL_OK)
            return st;
        if (is_header)
            block = rest;
    }
    if (!reader->has_format)
        return VFL_OK;
    return vfl_record_scan(&reader->format, block, reader->now_epoch_s,
                           (struct vfl_record_sink){on_record, reader}, err);
}

static enum vfl_status on_text(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct vfl_object_reader *reader = ctx;
    return vfl_lines_feed(&reader->lines, chunk, err);
}

static enum vfl_status on_bytes(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct vfl_object_reader *reader = ctx;
    return vfl_gunzip_feed(reader->gunzip, chunk, err);
}

enum vfl_status vfl_object_reader_new(struct vfl_object_reader **ret_reader, struct vfl_error *err)
{
    struct vfl_object_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for reading objects");
    enum vfl_status st = vfl_gunzip_new(&reader->gunzip, err);
    if (st == VFL_OK)
        st = vfl_lines_init(&reader->lines, (struct vfl_line_sink){on_block, reader}, err);
    if (st != VFL_OK) {
        vfl_object_reader_free(reader);
        return st;
    }
    *ret_reader = reader;
    return VFL_OK;
}

void vfl_object_reader_free(struct vfl_object_reader *reader)
{
    if (reader == NULL)
        return;
    vfl_gunzip_free(reader->gunzip);
    vfl_lines_fini(&reader->lines);
    vfl_flow_table_fini(&reader->table);
    free(reader);
}

/* A few damaged lines are lost and counted. An object of which no line at all makes sense is not
 * what it claims to be: it must not be deleted for having been "read". */
static enum vfl_status check_usable(const struct vfl_object_summary *summary, struct vfl_error *err)
{
    uint64_t unusable = summary->records[VFL_RECORD_MALFORMED] + summary->overlong_lines;
    uint64_t usable = summary->records[VFL_RECORD_FLOW] + summary->records[VFL_RECORD_NODATA] +
                      summary->records[VFL_RECORD_SKIPDATA] +
                      summary->records[VFL_RECORD_NO_ADDRESS];
    if (unusable == 0 || usable > 0)
        return VFL_OK;
    return vfl_error_set(err, VFL_FORMAT,
                         "none of its %" PRIu64 " lines is a record of the format that its first "
                         "line names",
                         unusable);
}

enum vfl_status vfl_object_read(struct vfl_object_reader *reader, struct vfl_store *store,
                                const struct vfl_store_object *object,
                                const struct vfl_object_key *key, bool needs_vpc_id,
                                int64_t now_epoch_s, struct vfl_object_summary *ret_summary,
                                struct vfl_error *err)
{
    static const struct vfl_gunzip_limits limits = {VFL_GUNZIP_MAX_OUTPUT_BYTES,
                                                    VFL_GUNZIP_MAX_RATIO};
    if (key->form == VFL_KEY_FORM_PARQUET)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "Parquet is not supported: set the flow log's file format to text");
    if (object->is_archived)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "it is archived: restore it, or keep flow logs out of archive rules");
    vfl_flow_table_reset(&reader->table);
    vfl_lines_reset(&reader->lines);
    vfl_gunzip_start(reader->gunzip, limits, (struct vfl_sink){on_text, reader});
    reader->key = key;
    reader->has_format = false;
    reader->needs_vpc_id = needs_vpc_id;
    reader->now_epoch_s = now_epoch_s;
    reader->summary = (struct vfl_object_summary){0};
    enum vfl_status st = store->ops->get(store, object, (struct vfl_sink){on_bytes, reader}, err);
    if (st == VFL_OK)
        st = vfl_gunzip_finish(reader->gunzip, &reader->summary.content, err);
    if (st == VFL_OK)
        st = vfl_lines_finish(&reader->lines, err);
    if (st == VFL_OK)
        st = vfl_flow_table_end_object(&reader->table, err);
    if (st != VFL_OK)
        return st;
    reader->summary.overlong_lines = reader->lines.overlong_count;
    st = check_usable(&reader->summary, err);
    if (st == VFL_OK)
        *ret_summary = reader->summary;
    return st;
}

struct vfl_flow_table *vfl_object_reader_table(struct vfl_object_reader *reader)
{
    return &reader->table;
}

void vfl_object_reader_set_eras(struct vfl_object_reader *reader, const struct vfl_eras *eras)
{
    reader->table.eras = *eras;
}
