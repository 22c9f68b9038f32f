#include "core/aws/xml.h"

#include <expat.h>
#include <limits.h>
#include <string.h>

#include "core/strbuf.h"

/* Large enough to be quick, small enough that a failing handler stops the parse soon. */
#define CHUNK_BYTES 65536

struct parse {
    XML_Parser parser;
    struct vfl_xml_handler handler;
    const char *root;
    struct vfl_error *err;
    enum vfl_status failure;
    char path[VFL_XML_MAX_PATH_BYTES];
    size_t path_length;
    size_t element_starts[VFL_XML_MAX_DEPTH]; /* path_length before each open element */
    size_t depth;
    struct vfl_strbuf text;
};

static void stop(struct parse *parse, enum vfl_status status)
{
    parse->failure = status;
    (void)XML_StopParser(parse->parser, XML_FALSE);
}

/* Wipes what was used, not all that was ever allocated: this runs twice for each element. */
static void clear_text(struct parse *parse)
{
    vfl_wipe(parse->text.bytes, parse->text.len);
    parse->text.len = 0;
}

static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    /* A prefix alone stays as it is: without a name, what is below it would seem to be above. */
    return colon == NULL || colon[1] == '\0' ? name : colon + 1;
}

/* Enters an element; the root adds nothing to the path. */
static bool push_name(struct parse *parse, const char *name)
{
    size_t length = strlen(name);
    if (parse->depth == VFL_XML_MAX_DEPTH)
        return false;
    parse->element_starts[parse->depth] = parse->path_length;
    if (parse->depth > 0) {
        if (parse->path_length + length + 2 > sizeof parse->path)
            return false;
        if (parse->path_length > 0)
            parse->path[parse->path_length++] = '/';
        memcpy(parse->path + parse->path_length, name, length + 1);
        parse->path_length += length;
    }
    parse->depth++;
    return true;
}

static void XMLCALL on_start(void *ctx, const XML_Char *raw_name, const XML_Char **attributes)
{
    struct parse *parse = ctx;
    const char *name = local_name(raw_name);
    (void)attributes;
    if (parse->failure != VFL_OK)
        return;
    if (parse->depth == 0 && parse->root != NULL && strcmp(name, parse->root) != 0) {
        stop(parse, vfl_error_set(parse->err, VFL_FORMAT,
                                  "expected an XML document <%s>, got <%.60s>", parse->root, name));
        return;
    }
    if (!push_name(parse, name)) {
        stop(parse, vfl_error_set(parse->err, VFL_LIMIT, "XML elements are nested too deeply"));
        return;
    }
    clear_text(parse);
    if (parse->handler.start != NULL) {
        enum vfl_status st = parse->handler.start(parse->handler.ctx, parse->path, parse->err);
        if (st != VFL_OK)
            stop(parse, st);
    }
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    struct parse *parse = ctx;
    (void)name;
    if (parse->failure != VFL_OK)
        return;
    if (parse->handler.end != NULL) {
        enum vfl_status st = parse->handler.end(parse->handler.ctx, parse->path,
                                                vfl_strbuf_span(&parse->text), parse->err);
        if (st != VFL_OK)
            stop(parse, st);
    }
    clear_text(parse);
    parse->path_length = parse->element_starts[--parse->depth];
    parse->path[parse->path_length] = '\0';
}

static void XMLCALL on_text(void *ctx, const XML_Char *bytes, int length)
{
    struct parse *parse = ctx;
    if (parse->failure != VFL_OK)
        return;
    vfl_strbuf_append(&parse->text, (struct vfl_span){bytes, (size_t)length});
    enum vfl_status st = vfl_strbuf_check(&parse->text, "XML element", parse->err);
    if (st != VFL_OK)
        stop(parse, st);
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset)
{
    struct parse *parse = ctx;
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    if (parse->failure == VFL_OK)
        stop(parse, vfl_error_set(parse->err, VFL_FORMAT,
                                  "the answer is not an AWS document: it has a DOCTYPE"));
}

static enum vfl_status feed(struct parse *parse, struct vfl_span document)
{
    size_t at = 0;
    bool is_final = false;
    while (!is_final) {
        size_t length = document.len - at;
        if (length > CHUNK_BYTES)
            length = CHUNK_BYTES;
        is_final = at + length == document.len;
        if (XML_Parse(parse->parser, length == 0 ? "" : document.ptr + at, (int)length, is_final) !=
            XML_STATUS_OK) {
            if (parse->failure != VFL_OK)
                return parse->failure;
            enum XML_Error code = XML_GetErrorCode(parse->parser);
            return vfl_error_set(
                parse->err, code == XML_ERROR_NO_MEMORY ? VFL_NO_MEMORY : VFL_FORMAT,
                "the answer is not proper XML: %s at line %lu", XML_ErrorString(code),
                (unsigned long)XML_GetCurrentLineNumber(parse->parser));
        }
        at += length;
    }
    return VFL_OK;
}

enum vfl_status vfl_xml_parse(struct vfl_span document, const char *root,
                              struct vfl_xml_handler handler, struct vfl_error *err)
{
    struct parse parse = {.handler = handler, .root = root, .err = err};
    parse.parser = XML_ParserCreate(NULL);
    if (parse.parser == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for an XML parser");
    /* Texts include the credentials that STS answers. */
    vfl_strbuf_init_secret(&parse.text, VFL_XML_MAX_TEXT_BYTES);
    XML_SetUserData(parse.parser, &parse);
    XML_SetElementHandler(parse.parser, on_start, on_end);
    XML_SetCharacterDataHandler(parse.parser, on_text);
    XML_SetStartDoctypeDeclHandler(parse.parser, on_doctype);
    enum vfl_status st = feed(&parse, document);
    XML_ParserFree(parse.parser);
    vfl_strbuf_fini(&parse.text);
    return st;
}

/* Whether path is an element of this name whose parent is an Error. */
static bool is_below_error(const char *path, const char *name)
{
    const char *last = strrchr(path, '/');
    const char *own = last == NULL ? path : last + 1;
    if (strcmp(own, name) != 0)
        return false;
    if (last == NULL)
        return true; /* below the root; S3's root is Error itself */
    size_t parent_length = (size_t)(last - path);
    return parent_length >= 5 && memcmp(last - 5, "Error", 5) == 0 &&
           (parent_length == 5 || last[-6] == '/');
}

static void keep_text(char *room, size_t size, struct vfl_span text)
{
    if (room[0] != '\0')
        return;
    size_t length = text.len < size ? text.len : size - 1;
    memcpy(room, text.ptr, length);
    room[length] = '\0';
}

static enum vfl_status read_fault_element(void *ctx, const char *path, struct vfl_span text,
                                          struct vfl_error *err)
{
    struct vfl_xml_fault *fault = ctx;
    (void)err;
    if (is_below_error(path, "Code"))
        keep_text(fault->code, sizeof fault->code, text);
    else if (is_below_error(path, "Message"))
        keep_text(fault->message, sizeof fault->message, text);
    else if (is_below_error(path, "Region"))
        keep_text(fault->region, sizeof fault->region, text);
    return VFL_OK;
}

void vfl_xml_read_fault(struct vfl_span document, struct vfl_xml_fault *ret_fault)
{
    struct vfl_xml_fault fault = {0};
    struct vfl_xml_handler handler = {.end = read_fault_element, .ctx = &fault};
    struct vfl_error ignored = {0};
    enum vfl_status st = vfl_xml_parse(document, NULL, handler, &ignored);
    fault.is_error = fault.code[0] != '\0';
    (void)st; /* a document that breaks off has still said something */
    *ret_fault = fault;
}
