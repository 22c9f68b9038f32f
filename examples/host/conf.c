#include "examples/host/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/strbuf.h"
#include "examples/host/yaml_text.h"

#define MAX_INSTANCES 256
#define MAX_INTERVAL_S 604800ul

static enum vfl_status read_file(const char *path, struct vfl_strbuf *text, struct vfl_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vfl_error_set(err, VFL_IO, "configuration %s: %s", path, strerror(errno));
    char chunk[16384];
    size_t count;
    errno = 0;
    /* Beyond the cap nothing is kept, and the file may have no end. */
    while (text->failure == VFL_OK && (count = fread(chunk, 1, sizeof chunk, file)) > 0)
        vfl_strbuf_append(text, (struct vfl_span){chunk, count});
    enum vfl_status st = VFL_OK;
    if (ferror(file))
        st = vfl_error_set(err, VFL_IO, "configuration %s: %s", path, strerror(errno));
    (void)fclose(file);
    return st == VFL_OK ? vfl_strbuf_check(text, path, err) : st;
}

/* True when the blanks that a line starts with hold a tab. line counts from 0. */
static bool is_tab_indented(const char *text, size_t line)
{
    for (; line > 0 && text != NULL; line--) {
        text = strchr(text, '\n');
        if (text != NULL)
            text++;
    }
    if (text == NULL)
        return false;
    size_t blank_count = strspn(text, " \t-");
    return memchr(text, '\t', blank_count) != NULL;
}

static enum vfl_status syntax_error(const char *path, const char *text, const yaml_parser_t *parser,
                                    struct vfl_error *err)
{
    size_t line = parser->problem_mark.line;
    /* libyaml may notice only at the token after the blanks, or name where the mapping began. */
    size_t lines[] = {line, line + 1, parser->context_mark.line, parser->context_mark.line + 1};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (is_tab_indented(text, lines[i]))
            return vfl_error_set(err, VFL_CONFIG,
                                 "%s:%zu: the line is indented with a tab, which YAML forbids: "
                                 "indent with spaces",
                                 path, lines[i] + 1);
    return vfl_error_set(err, VFL_CONFIG, "%s:%zu: not YAML: %s", path, line + 1,
                         parser->problem == NULL ? "out of memory" : parser->problem);
}

static enum vfl_status load(const char *path, const char *text, size_t size,
                            yaml_document_t *ret_document, struct vfl_error *err)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory to parse %s", path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    enum vfl_status st = VFL_OK;
    if (!yaml_parser_load(&parser, ret_document))
        st = syntax_error(path, text, &parser, err);
    yaml_parser_delete(&parser);
    return st;
}

/* The document does not tell `!!str 7` from `7`: quoting the former keeps it a text. Its scalars
 * come in the order of the events. Only called on a text that has been parsed without an error. */
static void quote_tagged_texts(const char *text, size_t size, yaml_document_t *document)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool is_end = false;
    yaml_node_t *node = document->nodes.start;
    if (!yaml_parser_initialize(&parser))
        return;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    while (!is_end && yaml_parser_parse(&parser, &event)) {
        is_end = event.type == YAML_DOCUMENT_END_EVENT || event.type == YAML_STREAM_END_EVENT;
        if (event.type == YAML_SCALAR_EVENT) {
            while (node < document->nodes.top && node->type != YAML_SCALAR_NODE)
                node++;
            const char *tag = (const char *)event.data.scalar.tag;
            if (node < document->nodes.top && tag != NULL && strcmp(tag, YAML_STR_TAG) == 0 &&
                node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
                node->data.scalar.style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
            if (node < document->nodes.top)
                node++;
        }
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
}

static bool is_null(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *value = (const char *)node->data.scalar.value;
    return value[0] == '\0' || strcmp(value, "~") == 0 || strcmp(value, "null") == 0;
}

static enum vfl_status read_interval(const char *path, yaml_document_t *document,
                                     yaml_node_t *instance, unsigned *ret_interval_s,
                                     struct vfl_error *err)
{
    static const char *const keys[] = {"collection_interval", "min_collection_interval"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const yaml_node_t *node = vfl_yaml_find(document, instance, keys[i]);
        if (node == NULL || is_null(node))
            continue;
        const char *text =
            node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
        char *end = NULL;
        errno = 0;
        unsigned long value = strtoul(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value == 0 ||
            value > MAX_INTERVAL_S)
            return vfl_error_set(err, VFL_CONFIG,
                                 "%s:%zu: %s wants a number of seconds from 1 to %lu", path,
                                 node->start_mark.line + 1, keys[i], MAX_INTERVAL_S);
        *ret_interval_s = (unsigned)value;
        return VFL_OK;
    }
    *ret_interval_s = VFL_CONF_DEFAULT_INTERVAL_S;
    return VFL_OK;
}

static enum vfl_status read_instance(const char *path, yaml_document_t *document, yaml_node_t *node,
                                     bool is_dry_run, struct vfl_conf *conf, struct vfl_error *err)
{
    size_t index = conf->instance_count;
    if (node == NULL || node->type != YAML_MAPPING_NODE)
        return vfl_error_set(err, VFL_CONFIG, "%s:%zu: instances[%zu] is not a mapping", path,
                             node == NULL ? 0 : node->start_mark.line + 1, index);
    struct vfl_conf_instance *instance = &conf->instances[index];
    enum vfl_status st = read_interval(path, document, node, &instance->interval_s, err);
    if (st != VFL_OK)
        return st;
    st = vfl_yaml_text(document, node, is_dry_run, &instance->yaml, err);
    if (st != VFL_OK)
        return vfl_error_wrap(err, st, "%s:%zu: instances[%zu]", path, node->start_mark.line + 1,
                              index);
    conf->instance_count++;
    return VFL_OK;
}

static enum vfl_status read_instances(const char *path, yaml_document_t *document, bool is_dry_run,
                                      struct vfl_conf *conf, struct vfl_error *err)
{
    yaml_node_t *root = yaml_document_get_root_node(document);
    yaml_node_t *list = vfl_yaml_find(document, root, "instances");
    if (list == NULL || list->type != YAML_SEQUENCE_NODE ||
        list->data.sequence.items.start == list->data.sequence.items.top)
        return vfl_error_set(
            err, VFL_CONFIG,
            "%s: `instances:` is missing or is not a list of at least one instance", path);
    size_t count = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
    if (count > MAX_INSTANCES)
        return vfl_error_set(err, VFL_LIMIT, "%s: more than %d instances", path, MAX_INSTANCES);
    conf->instances = calloc(count, sizeof *conf->instances);
    if (conf->instances == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for %zu instances", count);
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *node = yaml_document_get_node(document, list->data.sequence.items.start[i]);
        enum vfl_status st = read_instance(path, document, node, is_dry_run, conf, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

static enum vfl_status read_maps(const char *path, yaml_document_t *document, bool is_dry_run,
                                 struct vfl_conf *conf, struct vfl_error *err)
{
    yaml_node_t *root = yaml_document_get_root_node(document);
    if (root == NULL || root->type != YAML_MAPPING_NODE)
        return vfl_error_set(err, VFL_CONFIG,
                             "%s: expected a mapping with `init_config:` and `instances:`", path);
    yaml_node_t *init_config = vfl_yaml_find(document, root, "init_config");
    if (init_config != NULL && is_null(init_config))
        init_config = NULL;
    if (init_config != NULL && init_config->type != YAML_MAPPING_NODE)
        return vfl_error_set(err, VFL_CONFIG, "%s:%zu: init_config is not a mapping", path,
                             init_config->start_mark.line + 1);
    enum vfl_status st = vfl_yaml_text(document, init_config, false, &conf->init_config, err);
    if (st != VFL_OK)
        return vfl_error_wrap(err, st, "%s: init_config", path);
    return read_instances(path, document, is_dry_run, conf, err);
}

enum vfl_status vfl_conf_read(const char *path, bool is_dry_run, struct vfl_conf *ret_conf,
                              struct vfl_error *err)
{
    struct vfl_strbuf text;
    struct vfl_conf conf = {0};
    yaml_document_t document;
    bool has_document = false;
    vfl_strbuf_init_secret(&text, VFL_CONF_MAX_BYTES);

    enum vfl_status st = read_file(path, &text, err);
    if (st == VFL_OK && memchr(vfl_strbuf_string(&text), '\0', text.len) != NULL)
        st = vfl_error_set(err, VFL_CONFIG, "%s: not a text file", path);
    if (st == VFL_OK)
        st = load(path, vfl_strbuf_string(&text), text.len, &document, err);
    if (st != VFL_OK)
        goto out;
    has_document = true;
    quote_tagged_texts(vfl_strbuf_string(&text), text.len, &document);
    st = read_maps(path, &document, is_dry_run, &conf, err);
    if (st != VFL_OK)
        goto out;
    *ret_conf = conf;
    conf = (struct vfl_conf){0};

out:
    if (has_document)
        yaml_document_delete(&document);
    vfl_conf_fini(&conf);
    vfl_strbuf_fini(&text);
    return st;
}

void vfl_conf_fini(struct vfl_conf *conf)
{
    if (conf == NULL)
        return;
    vfl_wipe_free(conf->init_config);
    for (size_t i = 0; i < conf->instance_count; i++)
        vfl_wipe_free(conf->instances[i].yaml);
    free(conf->instances);
    *conf = (struct vfl_conf){0};
}
