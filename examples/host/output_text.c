#include "examples/host/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_ROWS 40
#define MAX_DELETED 10
#define MAX_HOME_CANDIDATES 8
#define MAX_HEALTH 24
#define MIN_WIDTH 72
#define USUAL_WIDTH 120
#define MAX_WIDTH 160
#define MIN_CELL_WIDTH 15

enum column { CLIENT, ARROW, SERVER, SERVICE, SENT, RECEIVED, VERDICT, COLUMN_COUNT };

struct row {
    char cells[COLUMN_COUNT][160];
};

void vfl_format_bytes(double bytes, char *text, size_t text_size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    while (bytes >= 1023.5 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(text, text_size, unit > 0 && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes,
                   units[unit]);
}

static size_t terminal_width(FILE *out)
{
    struct winsize size = {0};
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return USUAL_WIDTH;
    if (size.ws_col < MIN_WIDTH)
        return MIN_WIDTH;
    return size.ws_col > MAX_WIDTH ? MAX_WIDTH : size.ws_col;
}

/* Characters on the screen, not bytes. */
static size_t display_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Cuts text to width characters, the last one then being an ellipsis. */
static void cut(char *text, size_t text_size, size_t width)
{
    if (display_width(text) <= width || width == 0)
        return;
    size_t at = 0;
    for (size_t shown = 0; text[at] != '\0'; at++) {
        if (((unsigned char)text[at] & 0xc0) != 0x80 && ++shown == width)
            break;
    }
    (void)snprintf(text + at, text_size - at, "…");
}

static void print_cell(FILE *out, const char *text, size_t width, bool is_right)
{
    size_t shown = display_width(text);
    int padding = (int)(shown < width ? width - shown : 0);
    if (is_right)
        (void)fprintf(out, "  %*s%s", padding, "", text);
    else
        (void)fprintf(out, "  %s%*s", text, padding, "");
}

static size_t count_vpc(const struct vfl_landscape *landscape, const char *vpc)
{
    size_t count = 0;
    const char *id;
    const json_t *call;
    json_object_foreach(vfl_landscape_components(landscape), id, call)
    {
        struct vfl_endpoint endpoint;
        vfl_landscape_endpoint(landscape, id, &endpoint);
        count += strcmp(endpoint.vpc, vpc) == 0;
    }
    return count;
}

/* The VPC that most of the first endpoints are in: its name on every line would be noise. */
static void find_home_vpc(const struct vfl_landscape *landscape, char *home, size_t home_size)
{
    size_t most = 0;
    size_t looked_at = 0;
    const char *id;
    const json_t *call;
    home[0] = '\0';
    json_object_foreach(vfl_landscape_components(landscape), id, call)
    {
        struct vfl_endpoint endpoint;
        if (looked_at++ == MAX_HOME_CANDIDATES)
            break;
        vfl_landscape_endpoint(landscape, id, &endpoint);
        if (endpoint.vpc[0] == '\0' || strcmp(endpoint.vpc, home) == 0)
            continue;
        size_t count = count_vpc(landscape, endpoint.vpc);
        if (count > most) {
            most = count;
            (void)snprintf(home, home_size, "%s", endpoint.vpc);
        }
    }
}

static void endpoint_cell(const struct vfl_landscape *landscape, const char *id,
                          const char *home_vpc, char *cell, size_t cell_size)
{
    struct vfl_endpoint endpoint;
    vfl_landscape_endpoint(landscape, id, &endpoint);
    bool is_away = endpoint.vpc[0] != '\0' && strcmp(endpoint.vpc, home_vpc) != 0;
    (void)snprintf(cell, cell_size, "%s%s%s", endpoint.address, is_away ? " " : "",
                   is_away ? endpoint.vpc : "");
}

static void fill_row(const struct vfl_landscape *landscape, const struct vfl_relation *relation,
                     const char *home_vpc, struct row *row)
{
    endpoint_cell(landscape, relation->source_id, home_vpc, row->cells[CLIENT], sizeof *row->cells);
    endpoint_cell(landscape, relation->target_id, home_vpc, row->cells[SERVER], sizeof *row->cells);
    (void)snprintf(row->cells[ARROW], sizeof *row->cells, "%s",
                   relation->is_direction_known ? "->" : "--");
    vfl_relation_service(relation, row->cells[SERVICE], sizeof *row->cells);
    vfl_format_bytes(relation->run_sent_bytes, row->cells[SENT], sizeof *row->cells);
    vfl_format_bytes(relation->run_received_bytes, row->cells[RECEIVED], sizeof *row->cells);
    (void)snprintf(row->cells[VERDICT], sizeof *row->cells, "%.60s", relation->verdict);
}

/* Widths that hold every cell; when the line would be too long, the widest of the three columns
 * that can be cut gives way, down to what an IPv4 address needs. */
static void measure(struct row *rows, size_t row_count, size_t line_width,
                    size_t widths[COLUMN_COUNT])
{
    size_t total = 0;
    for (size_t column = 0; column < COLUMN_COUNT; column++) {
        widths[column] = 0;
        for (size_t i = 0; i < row_count; i++) {
            size_t width = display_width(rows[i].cells[column]);
            if (width > widths[column])
                widths[column] = width;
        }
        total += widths[column] + 2;
    }
    for (; total > line_width; total--) {
        size_t widest = widths[CLIENT] >= widths[SERVER] ? CLIENT : SERVER;
        if (widths[SERVICE] > widths[widest])
            widest = SERVICE;
        if (widths[widest] <= MIN_CELL_WIDTH)
            break;
        widths[widest]--;
    }
    for (size_t i = 0; i < row_count; i++)
        for (size_t column = 0; column < COLUMN_COUNT; column++)
            cut(rows[i].cells[column], sizeof *rows->cells, widths[column]);
}

static void print_rows(FILE *out, struct row *rows, size_t row_count)
{
    size_t widths[COLUMN_COUNT];
    measure(rows, row_count, terminal_width(out), widths);
    for (size_t i = 0; i < row_count; i++) {
        for (size_t column = 0; column < VERDICT; column++)
            print_cell(out, rows[i].cells[column], widths[column],
                       column == SENT || column == RECEIVED);
        (void)fprintf(out, "  %s\n", rows[i].cells[VERDICT]);
    }
}

static void print_relations(FILE *out, const struct vfl_landscape *landscape)
{
    struct vfl_relation *relations = NULL;
    size_t count = vfl_landscape_relations(landscape, &relations);
    size_t active_count = 0;
    double rest_bytes = 0;
    char home_vpc[80];
    struct row *rows = calloc(MAX_ROWS + 1, sizeof *rows);
    if (rows == NULL)
        goto out;
    static const struct row heading = {
        {"CLIENT", "", "SERVER", "SERVICE", "SENT", "RECEIVED", "VERDICT"}};
    rows[0] = heading;
    find_home_vpc(landscape, home_vpc, sizeof home_vpc);
    for (size_t i = 0; i < count; i++) {
        if (!relations[i].is_active)
            continue;
        if (active_count++ < MAX_ROWS)
            fill_row(landscape, &relations[i], home_vpc, &rows[active_count]);
        else
            rest_bytes += relations[i].run_sent_bytes + relations[i].run_received_bytes;
    }
    size_t shown_count = active_count < MAX_ROWS ? active_count : MAX_ROWS;
    if (active_count > 0) {
        (void)putc('\n', out);
        print_rows(out, rows, shown_count + 1);
    }
    if (active_count > shown_count) {
        char bytes[32];
        vfl_format_bytes(rest_bytes, bytes, sizeof bytes);
        (void)fprintf(out, "  … and %zu more, %s\n", active_count - shown_count, bytes);
    }
    if (active_count > 0 && home_vpc[0] != '\0')
        (void)fprintf(out, "  in %s where no VPC is named\n", home_vpc);
    if (count > active_count && active_count > 0)
        (void)fprintf(out, "  %zu more without traffic in this run\n", count - active_count);

out:
    free(rows);
    free(relations);
}

/* A copy that cannot steer a terminal. */
static void print_plain(FILE *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        (void)putc((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text, out);
}

static void print_service_checks(FILE *out, const json_t *checks)
{
    static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    size_t index;
    const json_t *call;
    if (json_array_size(checks) > 0)
        (void)putc('\n', out);
    json_array_foreach(checks, index, call)
    {
        json_int_t status = json_integer_value(json_object_get(call, "status"));
        (void)fprintf(out, "  %-8s  ", names[status & 3]);
        print_plain(out, json_string_value(json_object_get(call, "name")));
        const char *message = json_string_value(json_object_get(call, "message"));
        if (message != NULL && message[0] != '\0')
            (void)fputs(": ", out);
        print_plain(out, message);
        (void)putc('\n', out);
    }
}

static void print_deleted(FILE *out, const json_t *deleted)
{
    size_t count = json_array_size(deleted);
    if (count == 0)
        return;
    (void)fprintf(out, "\n  expired: %zu\n", count);
    for (size_t i = 0; i < count && i < MAX_DELETED; i++) {
        (void)fputs("    ", out);
        print_plain(out, json_string_value(json_array_get(deleted, i)));
        (void)putc('\n', out);
    }
    if (count > MAX_DELETED)
        (void)fprintf(out, "    … and %zu more\n", count - MAX_DELETED);
}

static bool has_tag(const json_t *call, const char *text)
{
    size_t index;
    const json_t *tag;
    json_array_foreach(json_object_get(call, "tags"), index,
                       tag) if (strcmp(json_string_value(tag), text) == 0) return true;
    return false;
}

/* Tags that every counter has tell nothing. */
static void print_own_tags(FILE *out, const json_t *health, const json_t *call)
{
    size_t index;
    const json_t *tag;
    json_array_foreach(json_object_get(call, "tags"), index, tag)
    {
        size_t have_count = 0;
        size_t other_index;
        const json_t *other;
        json_array_foreach(health, other_index, other) have_count +=
            has_tag(other, json_string_value(tag));
        if (have_count == json_array_size(health))
            continue;
        (void)fputs("  ", out);
        print_plain(out, json_string_value(tag));
    }
}

/* The check's own counters: name, value and the tags that tell them apart; zeros say nothing. */
static void print_health(FILE *out, const json_t *health)
{
    size_t index;
    size_t shown_count = 0;
    const json_t *call;
    json_array_foreach(health, index, call)
    {
        double value = json_number_value(json_object_get(call, "value"));
        if (value == 0 || shown_count == MAX_HEALTH)
            continue;
        if (shown_count++ == 0)
            (void)putc('\n', out);
        const char *name = json_string_value(json_object_get(call, "name"));
        size_t length = strlen(name);
        (void)fputs("  ", out);
        print_plain(out, name);
        (void)fprintf(out, "%*s  %12.10g", (int)(length < 40 ? 40 - length : 0), "", value);
        print_own_tags(out, health, call);
        (void)putc('\n', out);
    }
}

void vfl_output_text(FILE *out, const struct vfl_landscape *landscape,
                     const struct vfl_run_report *report)
{
    struct vfl_relation *relations = NULL;
    size_t relation_count = vfl_landscape_relations(landscape, &relations);
    free(relations);
    (void)fprintf(out, "%s  run %lu, %.2f s: %zu endpoints, %zu relations\n", report->check_id,
                  report->run_number, report->duration_s,
                  json_object_size(vfl_landscape_components(landscape)), relation_count);
    if (report->failure != NULL) {
        (void)fputs("  FAILED    ", out);
        print_plain(out, report->failure);
        (void)putc('\n', out);
    }
    if (report->is_transaction_open)
        (void)fputs("  the run left its transaction open: what it submitted is pending\n", out);
    print_relations(out, landscape);
    print_service_checks(out, vfl_landscape_service_checks(landscape));
    print_deleted(out, vfl_landscape_deleted(landscape));
    print_health(out, vfl_landscape_health(landscape));
    (void)putc('\n', out);
}
