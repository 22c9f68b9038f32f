#include "core/config_load.h"

#include <yaml.h>

#include "core/config.h"

#define MAX_DEPTH 32
#define MAX_NODES 10000

/* Whether the 0-based line is indented with a tab. */
static bool is_tab_indented(struct vfl_span text, size_t line)
{
    size_t at = 0;
    for (; line > 0; line--) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        if (end == NULL)
            return false;
        at = (size_t)(end - text.ptr) + 1;
    }
    while (at < text.len && text.ptr[at] == ' ')
        at++;
    return at < text.len && text.ptr[at] == '\t';
}

static enum vfl_status refuse_yaml(const yaml_parser_t *parser, const char *scope,
                                   struct vfl_span text, struct vfl_error *err)
{
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    size_t line = parser->problem_mark.line;
    /* Where its loader runs out of memory, libyaml sets no error. */
    if (parser->error == YAML_MEMORY_ERROR || parser->error == YAML_NO_ERROR)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
    if (parser->error == YAML_READER_ERROR)
        return vfl_error_set(err, VFL_CONFIG, "%s: byte %zu is not valid YAML: %s", scope,
                             parser->problem_offset, problem);
    if (is_tab_indented(text, line))
        return vfl_error_set(err, VFL_CONFIG,
                             "%s: line %zu is indented with a tab, which YAML forbids: replace the "
                             "tabs with spaces",
                             scope, line + 1);
    return vfl_error_set(err, VFL_CONFIG, "%s: line %zu column %zu is not valid YAML: %s", scope,
                         line + 1, parser->problem_mark.column + 1, problem);
}

/* The text holds secrets, and libyaml frees its copy as it is. */
static void end_parser(yaml_parser_t *parser)
{
    vfl_wipe(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
    vfl_wipe(parser->raw_buffer.start, (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    yaml_parser_delete(parser);
}

static enum vfl_status start_parser(yaml_parser_t *parser, struct vfl_span text,
                                    struct vfl_error *err)
{
    if (yaml_parser_initialize(parser) == 0)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
    yaml_parser_set_input_string(parser, (const unsigned char *)(text.len > 0 ? text.ptr : ""),
                                 text.len);
    return VFL_OK;
}

struct survey {
    unsigned document_count;
    unsigned node_count;
    unsigned depth;
};

static void survey_event(struct survey *survey, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        survey->document_count++;
        break;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        survey->depth++;
        survey->node_count++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        survey->depth--;
        break;
    case YAML_SCALAR_EVENT:
        survey->node_count++;
        vfl_wipe(event->data.scalar.value, event->data.scalar.length);
        break;
    default:
        break;
    }
}

/* libyaml's time is quadratic in nesting and in anchors: a first pass over the events bounds both
 * before a document is made of them. */
static enum vfl_status survey_text(const char *scope, struct vfl_span text, struct vfl_error *err)
{
    struct survey survey = {0};
    yaml_parser_t parser;
    enum vfl_status st = start_parser(&parser, text, err);
    if (st != VFL_OK)
        return st;
    for (bool is_end = false; st == VFL_OK && !is_end;) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            st = refuse_yaml(&parser, scope, text, err);
            break;
        }
        survey_event(&survey, &event);
        is_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (survey.document_count > 1)
            st = vfl_error_set(err, VFL_CONFIG,
                               "%s: found a second YAML document, expected one map", scope);
        else if (survey.depth > MAX_DEPTH)
            st = vfl_error_set(err, VFL_CONFIG, "%s: line %zu is nested more than %d deep", scope,
                               parser.mark.line + 1, MAX_DEPTH);
        else if (survey.node_count > MAX_NODES)
            st = vfl_error_set(err, VFL_CONFIG, "%s: has more than %d values", scope, MAX_NODES);
    }
    end_parser(&parser);
    return st;
}

enum vfl_status vfl_config_load(const char *scope, struct vfl_span text,
                                struct yaml_document_s *ret_document, struct vfl_error *err)
{
    if (text.len > VFL_CONFIG_MAX_BYTES)
        return vfl_error_set(err, VFL_CONFIG, "%s: is longer than %u bytes", scope,
                             VFL_CONFIG_MAX_BYTES);
    yaml_parser_t parser;
    enum vfl_status st = survey_text(scope, text, err);
    if (st == VFL_OK)
        st = start_parser(&parser, text, err);
    if (st != VFL_OK)
        return st;
    yaml_document_t document;
    if (yaml_parser_load(&parser, &document) != 0)
        *ret_document = document;
    else
        st = refuse_yaml(&parser, scope, text, err);
    end_parser(&parser);
    return st;
}

void vfl_config_unload(struct yaml_document_s *document)
{
    for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++)
        if (node->type == YAML_SCALAR_NODE)
            vfl_wipe(node->data.scalar.value, node->data.scalar.length);
    yaml_document_delete(document);
}
