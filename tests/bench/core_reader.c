/* The core alone over files, as far as a stage: the CPU time of each stage is a difference.
 *
 *   core_reader STAGE FILE...
 *
 * Stages: inflate, lines, parse, aggregate, merge; each includes those before it, and the last two
 * are what a run does. Prints counts that a broken stage would get wrong, and CPU seconds. A file
 * without gzip's magic passes through inflate as it is, which leaves the inflater out. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/flowlog/gunzip.h"
#include "core/flowlog/lines.h"
#include "core/flowlog/record.h"
#include "core/object_reader.h"
#include "core/topology/flow_table.h"

#define READ_BYTES 65536 /* as the directory store reads */

enum stage { STAGE_INFLATE, STAGE_LINES, STAGE_PARSE, STAGE_AGGREGATE, STAGE_MERGE };

static const char *const stage_names[] = {"inflate", "lines", "parse", "aggregate", "merge"};

/* One file as a store of one object. */
struct file_store {
    struct vfl_store base;
    const char *path;
};

struct reading {
    enum stage stage;
    int64_t now_epoch_s;
    struct vfl_gunzip *gunzip;
    struct vfl_lines lines;
    struct vfl_record_format format;
    bool has_format;
    struct vfl_object_reader *reader;
    struct vfl_flow_table table;
    uint64_t text_bytes;
    uint64_t block_count;
    uint64_t line_count;
    uint64_t record_count;
    uint64_t flow_bytes;
    uint32_t max_object_flows; /* in the largest table of an object */
};

static enum vfl_status read_file(struct vfl_store *store, const struct vfl_store_object *expected,
                                 struct vfl_sink sink, struct vfl_error *err)
{
    (void)expected;
    const char *path = ((struct file_store *)store)->path;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return vfl_error_set(err, VFL_IO, "%s: %s", path, strerror(errno));
    char buffer[READ_BYTES];
    enum vfl_status st = VFL_OK;
    ssize_t got = 0;
    while (st == VFL_OK && (got = read(file, buffer, sizeof buffer)) > 0)
        st = sink.write(sink.ctx, (struct vfl_span){buffer, (size_t)got}, err);
    if (got < 0)
        st = vfl_error_set(err, VFL_IO, "%s: %s", path, strerror(errno));
    close(file);
    return st;
}

static const struct vfl_store_ops file_ops = {.get = read_file};

static enum vfl_status on_record(void *ctx, const struct vfl_record *record, struct vfl_span line,
                                 struct vfl_error *err)
{
    (void)line, (void)err;
    struct reading *reading = ctx;
    reading->line_count++;
    reading->record_count += record->kind == VFL_RECORD_FLOW;
    reading->flow_bytes += record->bytes;
    return VFL_OK;
}

/* Lines are not looked at one by one before they are parsed: of this stage blocks are counted. */
static enum vfl_status on_block(void *ctx, struct vfl_span block, struct vfl_error *err)
{
    struct reading *reading = ctx;
    reading->block_count++;
    if (reading->stage == STAGE_LINES)
        return VFL_OK;
    if (!reading->has_format) {
        struct vfl_span header = {NULL, 0};
        bool is_header;
        (void)vfl_lines_next(&block, &header);
        reading->has_format = true;
        reading->line_count++;
        enum vfl_status st = vfl_record_format_parse(header, &reading->format, &is_header, err);
        if (st != VFL_OK)
            return st;
    }
    return vfl_record_scan(&reading->format, block, reading->now_epoch_s,
                           (struct vfl_record_sink){on_record, reading}, err);
}

static enum vfl_status on_text(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct reading *reading = ctx;
    reading->text_bytes += chunk.len;
    return reading->stage == STAGE_INFLATE ? VFL_OK : vfl_lines_feed(&reading->lines, chunk, err);
}

static enum vfl_status on_bytes(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    return vfl_gunzip_feed(((struct reading *)ctx)->gunzip, chunk, err);
}

/* The first stages with nothing behind them. */
static enum vfl_status read_in_part(struct reading *reading, struct vfl_store *store,
                                    struct vfl_error *err)
{
    static const struct vfl_gunzip_limits limits = {VFL_GUNZIP_MAX_OUTPUT_BYTES,
                                                    VFL_GUNZIP_MAX_RATIO};
    struct vfl_gunzip_summary summary;
    reading->has_format = false;
    vfl_lines_reset(&reading->lines);
    vfl_gunzip_start(reading->gunzip, limits, (struct vfl_sink){on_text, reading});
    enum vfl_status st = read_file(store, NULL, (struct vfl_sink){on_bytes, reading}, err);
    if (st == VFL_OK)
        st = vfl_gunzip_finish(reading->gunzip, &summary, err);
    return st == VFL_OK ? vfl_lines_finish(&reading->lines, err) : st;
}

static void count_object(struct reading *reading, const struct vfl_object_summary *summary,
                         const struct vfl_flow_table *flows)
{
    reading->text_bytes += summary->content.output_bytes;
    reading->record_count += summary->records[VFL_RECORD_FLOW];
    for (uint32_t i = 0; i < flows->flow_count; i++)
        reading->flow_bytes += vfl_flow_at(flows, i)->bytes;
    if (flows->flow_count > reading->max_object_flows)
        reading->max_object_flows = flows->flow_count;
}

/* By the functions of a run. */
static enum vfl_status read_object(struct reading *reading, struct vfl_store *store,
                                   struct vfl_error *err)
{
    const struct vfl_object_key key = {
        .region = VFL_SPAN_LITERAL("eu-west-1"),
        .flow_log_id = VFL_SPAN_LITERAL("fl-0a1b2c3d4e5f60718"),
    };
    const struct vfl_store_object object = {.size_bytes = 0};
    struct vfl_object_summary summary;
    enum vfl_status st = vfl_object_read(reading->reader, store, &object, &key, false,
                                         reading->now_epoch_s, &summary, err);
    if (st != VFL_OK)
        return st;
    const struct vfl_flow_table *flows = vfl_object_reader_table(reading->reader);
    count_object(reading, &summary, flows);
    return reading->stage == STAGE_MERGE ? vfl_flow_table_merge(&reading->table, flows, err)
                                         : VFL_OK;
}

static enum vfl_status read_files(struct reading *reading, char *const *paths,
                                  struct vfl_error *err)
{
    enum vfl_status st = vfl_gunzip_new(&reading->gunzip, err);
    if (st == VFL_OK)
        st = vfl_lines_init(&reading->lines, (struct vfl_line_sink){on_block, reading}, err);
    if (st == VFL_OK)
        st = vfl_object_reader_new(&reading->reader, err);
    for (; st == VFL_OK && *paths != NULL; paths++) {
        struct file_store store = {{&file_ops}, *paths};
        st = reading->stage < STAGE_AGGREGATE ? read_in_part(reading, &store.base, err)
                                              : read_object(reading, &store.base, err);
        if (st != VFL_OK)
            return vfl_error_wrap(err, st, "%s", *paths);
    }
    return st;
}

static void print_result(const struct reading *reading)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"stage\": \"%s\", \"text_bytes\": %" PRIu64 ", \"blocks\": %" PRIu64
           ", \"lines\": %" PRIu64 ", \"records\": %" PRIu64 ", \"bytes\": %" PRIu64
           ", \"max_object_flows\": %" PRIu32 ", \"merged_flows\": %" PRIu32
           ", \"cpu_s\": %.6f, \"peak_kib\": %ld}\n",
           stage_names[reading->stage], reading->text_bytes, reading->block_count,
           reading->line_count, reading->record_count, reading->flow_bytes,
           reading->max_object_flows, reading->table.flow_count, seconds, usage.ru_maxrss);
}

static bool find_stage(const char *name, enum stage *ret_stage)
{
    for (int i = STAGE_INFLATE; i <= STAGE_MERGE; i++)
        if (strcmp(name, stage_names[i]) == 0) {
            *ret_stage = (enum stage)i;
            return true;
        }
    return false;
}

int main(int argc, char **argv)
{
    struct reading reading = {.now_epoch_s = (int64_t)time(NULL)};
    struct vfl_error err = {0};
    if (argc < 3 || !find_stage(argv[1], &reading.stage)) {
        fprintf(stderr, "usage: core_reader inflate|lines|parse|aggregate|merge FILE...\n");
        return 2;
    }
    enum vfl_status st = read_files(&reading, argv + 2, &err);
    if (st == VFL_OK)
        print_result(&reading);
    else
        fprintf(stderr, "core_reader: %s\n", err.text);
    vfl_gunzip_free(reading.gunzip);
    vfl_lines_fini(&reading.lines);
    vfl_object_reader_free(reading.reader);
    vfl_flow_table_fini(&reading.table);
    return st == VFL_OK ? 0 : 1;
}
