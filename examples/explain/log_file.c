#include "examples/explain/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/flowlog/gunzip.h"
#include "core/flowlog/lines.h"

/* --- names --- */

static enum vfl_key_form form_of(const char *path)
{
    static const char parquet[] = ".parquet";
    size_t len = strlen(path);
    size_t end_len = sizeof parquet - 1;
    return len >= end_len && strcmp(path + len - end_len, parquet) == 0 ? VFL_KEY_FORM_PARQUET
                                                                        : VFL_KEY_FORM_TEXT;
}

struct vfl_log_file_name vfl_log_file_name(const char *path)
{
    enum { ACCOUNT, SERVICE, REGION, FLOW_LOG, TIME, HASH, PART_COUNT };
    const char *slash = strrchr(path, '/');
    const char *at = slash != NULL ? slash + 1 : path;
    struct vfl_span parts[PART_COUNT] = {{NULL, 0}};
    struct vfl_log_file_name name = {.form = form_of(path)};
    size_t count = 0;
    for (; count < PART_COUNT; count++) {
        size_t len = strcspn(at, "_");
        parts[count] = (struct vfl_span){at, len};
        at += len;
        if (*at == '\0')
            break;
        at++;
    }
    if (count == HASH && vfl_span_equal_string(parts[SERVICE], "vpcflowlogs") &&
        vfl_span_has_prefix(parts[FLOW_LOG], VFL_SPAN_LITERAL("fl-"))) {
        name.region = parts[REGION];
        name.flow_log_id = parts[FLOW_LOG];
        name.time = parts[TIME];
    }
    return name;
}

/* --- bytes --- */

static enum vfl_status fail(struct vfl_error *err)
{
    return vfl_error_set(err, errno == ENOENT ? VFL_NOT_FOUND : VFL_IO, "cannot be read: %s",
                         strerror(errno));
}

enum vfl_status vfl_log_file_check_rereadable(const char *path, struct vfl_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
        return VFL_OK;
    return vfl_error_set(err, VFL_UNSUPPORTED,
                         "is a pipe or device, and would be read twice: copy it to a file");
}

static enum vfl_status stream(const char *path, struct vfl_sink sink, struct vfl_error *err)
{
    enum { CHUNK_BYTES = 65536 };
    char chunk[CHUNK_BYTES];
    enum vfl_status st = VFL_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err);
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            st = fail(err);
        if (got <= 0)
            break;
        st = sink.write(sink.ctx, (struct vfl_span){chunk, (size_t)got}, err);
        if (st != VFL_OK)
            break;
    }
    (void)close(fd);
    return st;
}

static enum vfl_status get_file(struct vfl_store *store, const struct vfl_store_object *expected,
                                struct vfl_sink sink, struct vfl_error *err)
{
    (void)store;
    return stream(expected->key.ptr, sink, err);
}

struct vfl_store *vfl_log_file_store(void)
{
    static const struct vfl_store_ops ops = {.get = get_file};
    static struct vfl_store store = {&ops};
    return &store;
}

/* --- lines --- */

struct line_reader {
    struct vfl_gunzip *gunzip;
    struct vfl_lines lines;
    struct vfl_record_format format;
    bool has_format;
    uint64_t number;
    uint64_t overlong_told;
    int64_t now_epoch_s;
    struct vfl_log_line_sink sink;
};

/* vfl_lines drops them without a word, and counts. */
static enum vfl_status tell_overlong(struct line_reader *reader, struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    while (reader->overlong_told < reader->lines.overlong_count && st == VFL_OK) {
        reader->overlong_told++;
        struct vfl_log_line told = {.number = ++reader->number, .is_overlong = true};
        st = reader->sink.line(reader->sink.ctx, &told, err);
    }
    return st;
}

static enum vfl_status on_record(void *ctx, const struct vfl_record *record, struct vfl_span line,
                                 struct vfl_error *err)
{
    struct line_reader *reader = ctx;
    struct vfl_log_line told = {
        .number = ++reader->number, .text = line, .format = &reader->format, .record = record};
    return reader->sink.line(reader->sink.ctx, &told, err);
}

/* Over-long lines come between blocks. */
static enum vfl_status on_block(void *ctx, struct vfl_span block, struct vfl_error *err)
{
    struct line_reader *reader = ctx;
    struct vfl_span rest = block;
    struct vfl_span line = {NULL, 0};
    enum vfl_status st = tell_overlong(reader, err);
    while (st == VFL_OK && !reader->has_format && vfl_lines_next(&rest, &line)) {
        bool is_header = true;
        if (!vfl_line_is_blank(line)) {
            st = vfl_record_format_parse(line, &reader->format, &is_header, err);
            reader->has_format = st == VFL_OK;
        }
        if (is_header) {
            reader->number++;
            block = rest;
        }
    }
    if (st != VFL_OK || !reader->has_format)
        return st;
    return vfl_record_scan(&reader->format, block, reader->now_epoch_s,
                           (struct vfl_record_sink){on_record, reader}, err);
}

static enum vfl_status on_text(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct line_reader *reader = ctx;
    return vfl_lines_feed(&reader->lines, chunk, err);
}

static enum vfl_status on_bytes(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct line_reader *reader = ctx;
    return vfl_gunzip_feed(reader->gunzip, chunk, err);
}

enum vfl_status vfl_log_file_read_lines(const char *path, int64_t now_epoch_s,
                                        struct vfl_log_line_sink sink, struct vfl_error *err)
{
    static const struct vfl_gunzip_limits limits = {VFL_GUNZIP_MAX_OUTPUT_BYTES,
                                                    VFL_GUNZIP_MAX_RATIO};
    struct line_reader reader = {.now_epoch_s = now_epoch_s, .sink = sink};
    struct vfl_gunzip_summary summary;
    enum vfl_status st = vfl_gunzip_new(&reader.gunzip, err);
    if (st == VFL_OK)
        st = vfl_lines_init(&reader.lines, (struct vfl_line_sink){on_block, &reader}, err);
    if (st != VFL_OK)
        goto out;
    vfl_gunzip_start(reader.gunzip, limits, (struct vfl_sink){on_text, &reader});
    st = stream(path, (struct vfl_sink){on_bytes, &reader}, err);
    if (st == VFL_OK)
        st = vfl_gunzip_finish(reader.gunzip, &summary, err);
    if (st == VFL_OK)
        st = vfl_lines_finish(&reader.lines, err);
    if (st == VFL_OK)
        st = tell_overlong(&reader, err);
out:
    vfl_lines_fini(&reader.lines);
    vfl_gunzip_free(reader.gunzip);
    return st;
}
