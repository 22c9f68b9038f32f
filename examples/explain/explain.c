#include "examples/explain/explain.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/interfaces_file.h"
#include "core/object_reader.h"
#include "examples/explain/ecs.h"
#include "examples/explain/left_out.h"
#include "examples/explain/picture.h"
#include "examples/explain/words.h"

enum { EXIT_BAD_FILE = 1, EXIT_USAGE = 2 };

#define MAX_COMPLAINT_BYTES (256u << 10) /* two paths, however long */

/* Far longer than a run: nothing expires. */
#define EXPIRE_AFTER_S 86400

static const char help_text[] =
    "Usage: check-host explain [options] FILE..\n"
    "Shows what the check makes of flow-log files (.log.gz, or plain text) on this machine: each\n"
    "relation with its evidence, and each record that was left out with the reason.\n"
    "\n"
    "  -i, --interfaces FILE  the network interfaces, as `aws ec2 describe-network-interfaces`\n"
    "                         prints them; without it the records' vpc-id has to tell the VPC\n"
    "  -s, --scope SCOPE      private  relations between private addresses (default)\n"
    "                         all      public addresses too, as with the check's option scope\n"
    "  -f, --format FORM      text  the relations, then the records left out (default)\n"
    "                         ecs   each record as an Elastic Common Schema event, one JSON a "
    "line\n"
    "  -h, --help             this text\n"
    "\n"
    "Exit status: 0 all files were explained, 1 a file could not be read or is no flow log,\n"
    "2 wrong usage, or an interfaces file that cannot be read. With --format ecs, the events of a\n"
    "file that is cut or damaged are printed as far as they could be read, and counted in the\n"
    "message.\n";

struct request {
    const char *interfaces_path; /* NULL: none */
    bool is_ecs;
    bool is_scope_all;
    int64_t now_epoch_s;
    char **paths;
    int path_count;
};

static void complain(const char *name, const struct vfl_error *err)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(MAX_COMPLAINT_BYTES);
    vfl_words_append(&text, vfl_span_from_string(name));
    vfl_strbuf_append_string(&text, name[0] != '\0' ? ": " : "");
    vfl_words_append(&text, vfl_span_from_string(err->text));
    (void)fflush(stdout);
    (void)fprintf(stderr, "check-host explain: %s\n", vfl_strbuf_string(&text));
    vfl_strbuf_fini(&text);
}

/* --- options --- */

static bool parse_choice(const char *option, const char *text, const char *no, const char *yes,
                         bool *ret_is_yes)
{
    if (strcmp(text, no) != 0 && strcmp(text, yes) != 0) {
        (void)fprintf(stderr, "check-host explain: %s wants %s or %s, not \"%s\"\n", option, no,
                      yes, text);
        return false;
    }
    *ret_is_yes = strcmp(text, yes) == 0;
    return true;
}

/* False: *ret_status is what to exit with. */
static bool parse_options(int argc, char **argv, struct request *ret_request, int *ret_status)
{
    static const struct option long_options[] = {
        {"interfaces", required_argument, NULL, 'i'},
        {"scope", required_argument, NULL, 's'},
        {"format", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct request request = {.now_epoch_s = (int64_t)time(NULL)};
    bool is_good = true;
    int option;
    *ret_status = EXIT_USAGE;
    while (is_good && (option = getopt_long(argc, argv, "i:s:f:h", long_options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(help_text, stdout);
            *ret_status = EXIT_SUCCESS;
            return false;
        }
        if (option == 'i')
            request.interfaces_path = optarg;
        else if (option == 's')
            is_good = parse_choice("--scope", optarg, "private", "all", &request.is_scope_all);
        else if (option == 'f')
            is_good = parse_choice("--format", optarg, "text", "ecs", &request.is_ecs);
        else
            is_good = false; /* getopt_long has said what is wrong */
    }
    if (is_good && optind == argc) {
        (void)fprintf(stderr, "check-host explain: no files are named\n");
        is_good = false;
    }
    if (!is_good) {
        (void)fprintf(stderr, "Try: check-host explain --help\n");
        return false;
    }
    request.paths = argv + optind;
    request.path_count = argc - optind;
    *ret_request = request;
    return true;
}

/* --- events --- */

struct ecs_walk {
    const char *path;
    struct vfl_span region;
    uint64_t event_count;
    uint64_t bad_count;
};

static enum vfl_status print_event(void *ctx, const struct vfl_log_line *line,
                                   struct vfl_error *err)
{
    struct ecs_walk *walk = ctx;
    char *json = NULL;
    if (line->is_overlong || line->record->kind == VFL_RECORD_MALFORMED) {
        walk->bad_count++;
        vfl_left_out_print_bad_line(walk->path, line, stderr);
        return VFL_OK;
    }
    if (line->record->kind == VFL_RECORD_HEADER || line->record->kind == VFL_RECORD_BLANK)
        return VFL_OK;
    enum vfl_status st = vfl_ecs_event(line->format, line->text, walk->region, &json, err);
    if (st != VFL_OK)
        return st;
    walk->event_count++;
    (void)puts(json);
    free(json);
    return VFL_OK;
}

/* A stream cannot be taken back: who stores the events has to know what is there. */
static void complain_of_part(const struct ecs_walk *walk, const struct vfl_error *failure)
{
    struct vfl_error err = *failure;
    if (walk->event_count > 0)
        (void)vfl_error_set(&err, failure->status,
                            "%.400s; %" PRIu64 " events of it were printed before", failure->text,
                            walk->event_count);
    complain(walk->path, &err);
}

static int print_events(const struct request *request)
{
    int status = EXIT_SUCCESS;
    for (int i = 0; i < request->path_count; i++) {
        struct vfl_error err = {0};
        struct ecs_walk walk = {
            .path = request->paths[i],
            .region = vfl_log_file_name(request->paths[i]).region,
        };
        struct vfl_log_line_sink sink = {print_event, &walk};
        enum vfl_status st = vfl_log_file_read_lines(walk.path, request->now_epoch_s, sink, &err);
        if (st == VFL_OK && walk.bad_count > 0 && walk.event_count == 0)
            st = vfl_error_set(&err, VFL_FORMAT,
                               "none of its lines is a record of the format that "
                               "its first line names");
        if (st != VFL_OK) {
            complain_of_part(&walk, &err);
            status = EXIT_BAD_FILE;
        }
    }
    return status;
}

/* --- text --- */

struct content {
    struct vfl_span flow_log_id;
    struct vfl_span time;
    uint32_t crc32;
    uint64_t bytes;
};

struct explanation {
    const struct request *request;
    struct vfl_topology *topology;
    struct vfl_object_reader *reader;
    struct vfl_flow_table table;
    struct content *contents; /* of the files that were taken in */
    bool *is_taken;           /* by position in the request */
    int status;
};

static enum vfl_status add_interface(void *ctx, const struct vfl_interface *interface,
                                     struct vfl_error *err)
{
    return vfl_interfaces_add(ctx, interface, err);
}

static enum vfl_status read_interfaces(const struct explanation *explanation, struct vfl_error *err)
{
    struct vfl_interfaces *interfaces = vfl_topology_interfaces(explanation->topology);
    if (explanation->request->interfaces_path == NULL)
        return VFL_OK;
    vfl_interfaces_start_refresh(interfaces, explanation->request->now_epoch_s);
    enum vfl_status st =
        vfl_interfaces_file_read(explanation->request->interfaces_path,
                                 (struct vfl_interface_sink){add_interface, interfaces}, err);
    return st == VFL_OK ? vfl_interfaces_finish_refresh(interfaces, err) : st;
}

/* AWS may deliver an object twice, under another name: the check counts it once. */
static int find_same(const struct explanation *explanation, int position)
{
    const struct content *content = &explanation->contents[position];
    for (int i = 0; i < position; i++) {
        const struct content *other = &explanation->contents[i];
        if (explanation->is_taken[i] && content->bytes > 0 && other->bytes == content->bytes &&
            other->crc32 == content->crc32 && vfl_span_equal(other->time, content->time) &&
            vfl_span_equal(other->flow_log_id, content->flow_log_id))
            return i;
    }
    return -1;
}

/* What the check would keep, unread in effect, rather than delete for nothing. */
static void warn_of_blindness(struct explanation *explanation, const char *path)
{
    struct vfl_error err = {0};
    if (!vfl_topology_is_blind_to(explanation->topology,
                                  vfl_object_reader_table(explanation->reader)))
        return;
    (void)vfl_error_set(&err, VFL_UNSUPPORTED,
                        "none of its records names an interface that is known, nor its VPC: the "
                        "check would keep it; %s",
                        explanation->request->interfaces_path == NULL
                            ? "give --interfaces"
                            : "are these the interfaces of its account and region?");
    complain(path, &err);
}

static enum vfl_status take_file(struct explanation *explanation, int position,
                                 struct vfl_error *err)
{
    const char *path = explanation->request->paths[position];
    struct vfl_log_file_name name = vfl_log_file_name(path);
    struct vfl_store_object object = {.key = vfl_span_from_string(path)};
    struct vfl_object_key key = {
        .form = name.form, .region = name.region, .flow_log_id = name.flow_log_id};
    struct vfl_object_summary summary;
    enum vfl_status st = vfl_log_file_check_rereadable(path, err);
    if (st == VFL_OK)
        st = vfl_object_read(explanation->reader, vfl_log_file_store(), &object, &key, false,
                             explanation->request->now_epoch_s, &summary, err);
    if (st != VFL_OK)
        return st;
    explanation->contents[position] = (struct content){
        name.flow_log_id, name.time, summary.content.crc32, summary.content.output_bytes};
    int same = find_same(explanation, position);
    if (same >= 0) {
        (void)vfl_error_set(err, VFL_OK, "the same as %s, which counts once",
                            explanation->request->paths[same]);
        complain(path, err);
        return VFL_OK;
    }
    warn_of_blindness(explanation, path);
    if (summary.content.has_trailing_garbage) {
        (void)vfl_error_set(err, VFL_OK, "bytes after its gzip data were ignored");
        complain(path, err);
    }
    st = vfl_flow_table_merge(&explanation->table, vfl_object_reader_table(explanation->reader),
                              err);
    explanation->is_taken[position] = st == VFL_OK;
    return st;
}

static bool is_of_file(enum vfl_status status)
{
    return status == VFL_FORMAT || status == VFL_UNSUPPORTED || status == VFL_IO ||
           status == VFL_NOT_FOUND || status == VFL_LIMIT;
}

static enum vfl_status take_files(struct explanation *explanation, struct vfl_error *err)
{
    vfl_object_reader_set_eras(explanation->reader,
                               &vfl_topology_interfaces(explanation->topology)->eras);
    for (int i = 0; i < explanation->request->path_count; i++) {
        enum vfl_status st = take_file(explanation, i, err);
        if (st != VFL_OK && !is_of_file(st))
            return st;
        if (st == VFL_OK)
            continue;
        complain(explanation->request->paths[i], err);
        explanation->status = EXIT_BAD_FILE;
    }
    return VFL_OK;
}

static enum vfl_status print_relations(struct explanation *explanation, struct vfl_error *err)
{
    struct vfl_topology_counts counts;
    struct vfl_picture picture = {0};
    int64_t now_epoch_s = explanation->request->now_epoch_s;
    enum vfl_status st =
        vfl_topology_apply(explanation->topology, &explanation->table, now_epoch_s, &counts, err);
    if (st == VFL_OK)
        st = vfl_picture_take(&picture, explanation->topology, &explanation->table, now_epoch_s,
                              err);
    if (st == VFL_OK) {
        (void)printf("relations: %" PRIu32 "\n\n", picture.count);
        vfl_picture_print(&picture, stdout);
    }
    if (st == VFL_OK && counts.over_limit > 0)
        (void)printf("over_limit: %" PRIu64
                     " records are of pairs beyond the most that are kept\n\n",
                     counts.over_limit);
    vfl_picture_fini(&picture);
    return st;
}

static void print_count(const char *name, uint64_t count)
{
    if (count > 0)
        (void)printf(", %" PRIu64 " %s", count, name);
}

static void print_summary(const struct vfl_left_out_counts *counts)
{
    (void)printf("records: %" PRIu64 " kept", counts->outcomes[VFL_FLOW_KEPT]);
    for (int outcome = VFL_FLOW_KEPT + 1; outcome < VFL_FLOW_OUTCOME_COUNT; outcome++)
        print_count(vfl_flow_outcome_name((enum vfl_flow_outcome)outcome),
                    counts->outcomes[outcome]);
    print_count("malformed", counts->kinds[VFL_RECORD_MALFORMED] + counts->overlong_lines);
    print_count("no_address", counts->kinds[VFL_RECORD_NO_ADDRESS]);
    print_count("nodata", counts->kinds[VFL_RECORD_NODATA]);
    print_count("skipdata", counts->kinds[VFL_RECORD_SKIPDATA]);
    (void)putchar('\n');
}

static enum vfl_status print_left_out(struct explanation *explanation, struct vfl_error *err)
{
    struct vfl_left_out_options options = {
        .has_interfaces_file = explanation->request->interfaces_path != NULL,
        .now_epoch_s = explanation->request->now_epoch_s,
    };
    struct vfl_left_out_counts counts = {{0}, {0}, 0};
    (void)printf("left out:\n");
    for (int i = 0; i < explanation->request->path_count; i++) {
        if (!explanation->is_taken[i])
            continue;
        enum vfl_status st = vfl_left_out_print(
            explanation->topology, explanation->request->paths[i], &options, &counts, stdout, err);
        if (st != VFL_OK)
            return vfl_error_wrap(err, st, "%s", explanation->request->paths[i]);
    }
    (void)putchar('\n');
    print_summary(&counts);
    return VFL_OK;
}

static enum vfl_status start(struct explanation *explanation, struct vfl_error *err)
{
    struct vfl_topology_options options = {
        .default_region = "",
        .expire_after_s = EXPIRE_AFTER_S,
        .is_scope_all = explanation->request->is_scope_all,
    };
    size_t count = (size_t)explanation->request->path_count;
    explanation->contents = calloc(count, sizeof *explanation->contents);
    explanation->is_taken = calloc(count, sizeof *explanation->is_taken);
    if (explanation->contents == NULL || explanation->is_taken == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the list of files");
    enum vfl_status st = vfl_topology_new(&options, &explanation->topology, err);
    return st == VFL_OK ? vfl_object_reader_new(&explanation->reader, err) : st;
}

static int print_text(const struct request *request)
{
    struct vfl_error err = {0};
    struct explanation explanation = {.request = request, .status = EXIT_SUCCESS};
    enum vfl_status st = start(&explanation, &err);
    if (st == VFL_OK && read_interfaces(&explanation, &err) != VFL_OK) {
        complain("", &err);
        explanation.status = EXIT_USAGE;
        goto out;
    }
    if (st == VFL_OK)
        st = take_files(&explanation, &err);
    if (st == VFL_OK)
        st = print_relations(&explanation, &err);
    if (st == VFL_OK)
        st = print_left_out(&explanation, &err);
    if (st != VFL_OK) {
        complain("", &err);
        explanation.status = EXIT_BAD_FILE;
    }
out:
    vfl_flow_table_fini(&explanation.table);
    vfl_object_reader_free(explanation.reader);
    vfl_topology_free(explanation.topology);
    free(explanation.contents);
    free(explanation.is_taken);
    return explanation.status;
}

int vfl_explain_main(int argc, char **argv)
{
    struct request request;
    int status;
    if (!parse_options(argc, argv, &request, &status))
        return status;
    status = request.is_ecs ? print_events(&request) : print_text(&request);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "check-host explain: cannot write to standard output\n");
        return EXIT_BAD_FILE;
    }
    return status;
}
