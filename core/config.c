#include "core/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "core/config_complete.h"
#include "core/config_load.h"
#include "core/config_table.h"
#include "core/config_text.h"

#define MAX_KEYS 1000 /* of one map; finding duplicates is quadratic */
#define PATH_SIZE 160

/* One of the two maps, or a map inside one. Nodes are only looked at where a key's rule expects
 * them and never deeper than a list's items or an inner map's values, so aliases cost nothing and a
 * recursive one is just a value of a wrong type.
 */
struct source {
    const char *scope;
    yaml_document_t document;
    bool is_loaded;
    const yaml_node_t *map; /* NULL: empty */
};

/* A value on its way into the draft. */
struct value {
    const yaml_node_t *node;
    const struct vfl_config_rule *rule;
    char path[PATH_SIZE];
};

static struct vfl_span scalar_text(const yaml_node_t *node)
{
    return (struct vfl_span){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static bool is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const yaml_node_t *node)
{
    static const char *const words[] = {"~", "null", "Null", "NULL"};
    if (node->type != YAML_SCALAR_NODE)
        return false;
    if (node->data.scalar.length == 0)
        return true;
    for (size_t i = 0; is_plain(node) && i < sizeof words / sizeof words[0]; i++)
        if (vfl_span_equal_string(scalar_text(node), words[i]))
            return true;
    return false;
}

static const char *type_name(const yaml_node_t *node)
{
    if (node->type == YAML_SEQUENCE_NODE)
        return "a list";
    if (node->type == YAML_MAPPING_NODE)
        return "a map";
    return is_null(node) ? "nothing" : "text";
}

/* ---- loading ---- */

static enum vfl_status load(struct source *source, struct vfl_span text, struct vfl_error *err)
{
    enum vfl_status st = vfl_config_load(source->scope, text, &source->document, err);
    if (st != VFL_OK)
        return st;
    source->is_loaded = true;
    const yaml_node_t *root = yaml_document_get_root_node(&source->document);
    if (root == NULL || is_null(root))
        return VFL_OK;
    if (root->type != YAML_MAPPING_NODE)
        return vfl_error_set(err, VFL_CONFIG, "%s: found %s, expected a map of keys and values",
                             source->scope, type_name(root));
    source->map = root;
    return VFL_OK;
}

static void unload(struct source *source)
{
    if (source->is_loaded)
        vfl_config_unload(&source->document);
}

/* ---- keys ---- */

static size_t pair_count(const struct source *source)
{
    return source->map == NULL ? 0
                               : (size_t)(source->map->data.mapping.pairs.top -
                                          source->map->data.mapping.pairs.start);
}

static const yaml_node_t *pair_key(struct source *source, size_t index)
{
    return yaml_document_get_node(&source->document,
                                  source->map->data.mapping.pairs.start[index].key);
}

static const yaml_node_t *pair_value(struct source *source, size_t index)
{
    return yaml_document_get_node(&source->document,
                                  source->map->data.mapping.pairs.start[index].value);
}

static enum vfl_status check_key_form(struct source *source, size_t index, struct vfl_error *err)
{
    const yaml_node_t *key = pair_key(source, index);
    if (key->type != YAML_SCALAR_NODE)
        return vfl_error_set(err, VFL_CONFIG, "%s: line %zu: found %s as a key, expected text",
                             source->scope, key->start_mark.line + 1, type_name(key));
    struct vfl_span name = scalar_text(key);
    if (is_plain(key) && vfl_span_equal_string(name, "<<"))
        return vfl_error_set(err, VFL_CONFIG,
                             "%s: line %zu: merge keys (<<) are not supported: write the keys out",
                             source->scope, key->start_mark.line + 1);
    for (size_t i = 0; i < index; i++) {
        const yaml_node_t *earlier = pair_key(source, i);
        if (vfl_span_equal(scalar_text(earlier), name))
            return vfl_error_set(err, VFL_CONFIG,
                                 "%s.%.*s: found twice, on lines %zu and %zu: remove one",
                                 source->scope, vfl_config_quoted_bytes(name), name.ptr,
                                 earlier->start_mark.line + 1, key->start_mark.line + 1);
    }
    return VFL_OK;
}

static enum vfl_status notice_key(struct source *source, const yaml_node_t *node,
                                  struct vfl_config *config, struct vfl_error *err)
{
    struct vfl_error notice = {0};
    struct vfl_span name = scalar_text(node);
    const struct vfl_config_key *key = vfl_config_key_find(name);
    if (key != NULL && !vfl_config_key_is_in_scope(key, source->scope)) {
        (void)vfl_error_set(&notice, VFL_CONFIG, "%s.%s is ignored: it is a key of %s",
                            source->scope, key->name,
                            strcmp(key->scope, "both") == 0 ? "instance" : key->scope);
        return vfl_config_add_notice(config, &notice, err);
    }
    if (key != NULL || vfl_config_key_is_foreign(name, source->scope))
        return VFL_OK;
    const struct vfl_config_key *nearest = vfl_config_key_nearest(name, source->scope);
    (void)vfl_error_set(&notice, VFL_CONFIG, "unknown key %s.%.*s%s%s%s%s", source->scope,
                        vfl_config_quoted_bytes(name), name.ptr,
                        name.len > VFL_CONFIG_QUOTE_BYTES ? "..." : "",
                        nearest != NULL ? ": did you mean " : " is ignored",
                        nearest != NULL ? nearest->name : "", nearest != NULL ? "?" : "");
    return vfl_config_add_notice(config, &notice, err);
}

static enum vfl_status check_keys(struct source *source, struct vfl_config *config,
                                  struct vfl_error *err)
{
    if (pair_count(source) > MAX_KEYS)
        return vfl_error_set(err, VFL_CONFIG, "%s: has more than %d keys", source->scope, MAX_KEYS);
    for (size_t i = 0; i < pair_count(source); i++) {
        enum vfl_status st = check_key_form(source, i, err);
        if (st == VFL_OK)
            st = notice_key(source, pair_key(source, i), config, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

/* NULL: absent or empty. */
static const yaml_node_t *find_value(struct source *source, const char *name)
{
    for (size_t i = 0; i < pair_count(source); i++)
        if (vfl_span_equal_string(scalar_text(pair_key(source, i)), name))
            return is_null(pair_value(source, i)) ? NULL : pair_value(source, i);
    return NULL;
}

/* ---- values ---- */

/* Quotes what was found unless it is, or may hold, a secret. */
static enum vfl_status refuse_value(const struct value *value, const char *expected,
                                    struct vfl_error *err)
{
    if (value->node->type != YAML_SCALAR_NODE)
        return vfl_error_set(err, VFL_CONFIG, "%s: found %s, expected %s", value->path,
                             type_name(value->node), expected);
    struct vfl_span text = scalar_text(value->node);
    if (value->rule->is_secret || memchr(text.ptr, '@', text.len) != NULL ||
        memchr(text.ptr, '?', text.len) != NULL || memchr(text.ptr, '#', text.len) != NULL)
        return vfl_error_set(err, VFL_CONFIG, "%s: found a value (not shown), expected %s",
                             value->path, expected);
    return vfl_error_set(err, VFL_CONFIG, "%s: found '%.*s%s, expected %s", value->path,
                         vfl_config_quoted_bytes(text), text.ptr, vfl_config_quote_end(text),
                         expected);
}

static enum vfl_status check_tag(const struct value *value, const char *expected,
                                 struct vfl_error *err)
{
    static const char core_tag[] = "tag:yaml.org,2002:";
    if (value->node->tag != NULL &&
        strncmp((const char *)value->node->tag, core_tag, sizeof core_tag - 1) != 0)
        return vfl_error_set(err, VFL_CONFIG, "%s: found a value with a YAML tag, expected %s",
                             value->path, expected);
    return VFL_OK;
}

static enum vfl_status check_scalar(const struct value *value, const char *expected,
                                    struct vfl_error *err)
{
    if (value->node->type != YAML_SCALAR_NODE || is_null(value->node))
        return vfl_error_set(err, VFL_CONFIG, "%s: found %s, expected %s", value->path,
                             type_name(value->node), expected);
    return check_tag(value, expected, err);
}

static enum vfl_status read_text(const struct value *value, char **ret_text, struct vfl_error *err)
{
    enum vfl_status st = check_scalar(value, "text", err);
    if (st != VFL_OK)
        return st;
    struct vfl_span text = scalar_text(value->node);
    bool boolean;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return vfl_error_set(err, VFL_CONFIG,
                                 "%s: found a line break or control character, expected plain "
                                 "text on one line",
                                 value->path);
    if (text.len > value->rule->max)
        return vfl_error_set(err, VFL_CONFIG, "%s: found %zu bytes, expected at most %u",
                             value->path, text.len, value->rule->max);
    if (is_plain(value->node) && vfl_config_parse_boolean(text, &boolean))
        return refuse_value(value, "text (which needs quotes when it looks like a boolean)", err);
    char *copy = strdup((const char *)value->node->data.scalar.value);
    if (copy == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
    const char *expected = value->rule->check != NULL ? value->rule->check(copy) : NULL;
    if (expected != NULL) {
        vfl_wipe_free(copy);
        return refuse_value(value, expected, err);
    }
    vfl_wipe_free(*ret_text);
    *ret_text = copy;
    return VFL_OK;
}

static bool contains(char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

static enum vfl_status read_list(struct source *source, const struct value *value, char ***ret_list,
                                 size_t *ret_count, struct vfl_error *err)
{
    if (value->node->type != YAML_SEQUENCE_NODE)
        return refuse_value(value, "a list, such as [one, two]", err);
    const yaml_node_item_t *items = value->node->data.sequence.items.start;
    size_t item_count = (size_t)(value->node->data.sequence.items.top - items);
    if (item_count > value->rule->max_count)
        return vfl_error_set(err, VFL_CONFIG, "%s: found %zu items, expected at most %zu",
                             value->path, item_count, value->rule->max_count);
    *ret_list = calloc(item_count + 1, sizeof **ret_list);
    if (*ret_list == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
    for (size_t i = 0; i < item_count; i++) {
        struct value item = {yaml_document_get_node(&source->document, items[i]), value->rule, ""};
        (void)snprintf(item.path, sizeof item.path, "%.100s[%zu]", value->path, i);
        if (item.node->type == YAML_MAPPING_NODE)
            return refuse_value(&item, "text (name:value without a space after the colon)", err);
        char *text = NULL;
        enum vfl_status st = read_text(&item, &text, err);
        if (st != VFL_OK)
            return st;
        bool is_skipped =
            value->rule->skip_item != NULL && strcmp(text, value->rule->skip_item) == 0;
        if (is_skipped || contains(*ret_list, *ret_count, text))
            free(text);
        else
            (*ret_list)[(*ret_count)++] = text;
    }
    return VFL_OK;
}

static enum vfl_status read_number(const struct value *value, unsigned *ret_number,
                                   struct vfl_error *err)
{
    char expected[80];
    (void)snprintf(expected, sizeof expected, "a whole number%s from %u to %u",
                   value->rule->kind == VFL_CONFIG_SECONDS ? " of seconds" : "", value->rule->min,
                   value->rule->max);
    enum vfl_status st = check_scalar(value, expected, err);
    if (st != VFL_OK)
        return st;
    if (!vfl_config_parse_number(scalar_text(value->node), value->rule->min, value->rule->max,
                                 ret_number))
        return refuse_value(value, expected, err);
    return VFL_OK;
}

static enum vfl_status read_boolean(const struct value *value, bool *ret_boolean,
                                    struct vfl_error *err)
{
    enum vfl_status st = check_scalar(value, "true or false", err);
    if (st == VFL_OK && !vfl_config_parse_boolean(scalar_text(value->node), ret_boolean))
        st = refuse_value(value, "true or false", err);
    return st;
}

static bool parse_choice(struct vfl_span text, const struct vfl_config_rule *rule, bool *ret_choice)
{
    for (size_t i = 0; i < sizeof rule->words / sizeof rule->words[0]; i++) {
        if (vfl_span_equal_string(text, rule->words[i])) {
            *ret_choice = i == 1;
            return true;
        }
    }
    return false;
}

static enum vfl_status read_choice(const struct value *value, bool *ret_choice,
                                   struct vfl_error *err)
{
    char expected[80];
    (void)snprintf(expected, sizeof expected, "%s or %s", value->rule->words[0],
                   value->rule->words[1]);
    enum vfl_status st = check_scalar(value, expected, err);
    if (st == VFL_OK && !parse_choice(scalar_text(value->node), value->rule, ret_choice))
        st = refuse_value(value, expected, err);
    return st;
}

/* Its keys are read on their own, once the map around it is. */
static enum vfl_status check_map(const struct value *value, bool *ret_is_there,
                                 struct vfl_error *err)
{
    static const char expected[] = "a map, such as {type: aws-flowlogs, url: \"123456789012\"}";
    if (value->node->type != YAML_MAPPING_NODE)
        return refuse_value(value, expected, err);
    enum vfl_status st = check_tag(value, expected, err);
    if (st == VFL_OK)
        *ret_is_there = true;
    return st;
}

/* The text is taken as it is written. But a host that passes on what its own reader made of it has
 * lost the zeros in front, and nobody can tell. */
static enum vfl_status notice_number(const struct value *value, struct vfl_config *config,
                                     struct vfl_error *err)
{
    struct vfl_error notice = {0};
    if (!is_plain(value->node) || !vfl_config_is_like_number(scalar_text(value->node)))
        return VFL_OK;
    (void)vfl_error_set(&notice, VFL_CONFIG,
                        "%s is taken for a number or a date by other readers of YAML, which may "
                        "change it: put it in quotes",
                        value->path);
    return vfl_config_add_notice(config, &notice, err);
}

static enum vfl_status read_value(struct source *source, const struct value *value,
                                  struct vfl_config_draft *draft, struct vfl_error *err)
{
    void *at = (char *)draft + value->rule->offset;
    enum vfl_status st;
    switch (value->rule->kind) {
    case VFL_CONFIG_TEXT:
        st = read_text(value, at, err);
        return st == VFL_OK ? notice_number(value, &draft->config, err) : st;
    case VFL_CONFIG_BOOLEAN:
        return read_boolean(value, at, err);
    case VFL_CONFIG_SECONDS:
    case VFL_CONFIG_NUMBER:
        return read_number(value, at, err);
    case VFL_CONFIG_CHOICE:
        return read_choice(value, at, err);
    case VFL_CONFIG_LIST:
        return read_list(source, value, at, (void *)((char *)draft + value->rule->count_offset),
                         err);
    case VFL_CONFIG_MAP:
        return check_map(value, at, err);
    }
    return VFL_OK;
}

static enum vfl_status read_key(struct source *source, const struct vfl_config_key *key,
                                struct vfl_config_draft *draft, struct vfl_error *err)
{
    struct value value = {find_value(source, key->name), key->rule, ""};
    if (value.node == NULL || !vfl_config_key_is_in_scope(key, source->scope))
        return VFL_OK;
    (void)snprintf(value.path, sizeof value.path, "%s.%s", source->scope, key->name);
    return read_value(source, &value, draft, err);
}

/* ---- the whole ---- */

static void set_defaults(struct vfl_config_draft *draft)
{
    size_t count;
    const struct vfl_config_key *keys = vfl_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        void *at = (char *)draft + keys[i].rule->offset;
        struct vfl_span text = vfl_span_from_string(keys[i].default_text);
        if (keys[i].rule->kind == VFL_CONFIG_SECONDS || keys[i].rule->kind == VFL_CONFIG_NUMBER)
            (void)vfl_config_parse_number(text, keys[i].rule->min, keys[i].rule->max, at);
        else if (keys[i].rule->kind == VFL_CONFIG_BOOLEAN)
            (void)vfl_config_parse_boolean(text, at);
        else if (keys[i].rule->kind == VFL_CONFIG_CHOICE)
            (void)parse_choice(text, keys[i].rule, at);
    }
}

static enum vfl_status read_keys(struct source *source, struct vfl_config_draft *draft,
                                 struct vfl_error *err)
{
    size_t count;
    const struct vfl_config_key *keys = vfl_config_keys(&count);
    enum vfl_status st = check_keys(source, &draft->config, err);
    for (size_t i = 0; st == VFL_OK && i < count; i++)
        st = read_key(source, &keys[i], draft, err);
    return st;
}

static enum vfl_status read_inner_maps(struct source *source, struct vfl_config_draft *draft,
                                       struct vfl_error *err)
{
    size_t count;
    const struct vfl_config_key *keys = vfl_config_keys(&count);
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; st == VFL_OK && i < count; i++) {
        if (keys[i].rule->kind != VFL_CONFIG_MAP ||
            !vfl_config_key_is_in_scope(&keys[i], source->scope))
            continue;
        char path[PATH_SIZE];
        struct source inner = *source; /* borrows the document */
        (void)snprintf(path, sizeof path, "%s.%s", source->scope, keys[i].name);
        inner.scope = path;
        inner.map = find_value(source, keys[i].name);
        st = read_keys(&inner, draft, err);
    }
    return st;
}

static enum vfl_status read_source(struct source *source, struct vfl_span text,
                                   struct vfl_config_draft *draft, struct vfl_error *err)
{
    enum vfl_status st = load(source, text, err);
    if (st == VFL_OK)
        st = read_keys(source, draft, err);
    if (st == VFL_OK)
        st = read_inner_maps(source, draft, err);
    return st;
}

enum vfl_status vfl_config_parse(struct vfl_span init_config, struct vfl_span instance,
                                 struct vfl_config *ret_config, struct vfl_error *err)
{
    struct source shared = {.scope = "init_config"};
    struct source own = {.scope = "instance"};
    struct vfl_config_draft draft = {0};
    set_defaults(&draft);
    enum vfl_status st = read_source(&shared, init_config, &draft, err);
    if (st == VFL_OK)
        st = read_source(&own, instance, &draft, err);
    if (st == VFL_OK)
        st = vfl_config_complete(&draft, err);
    if (st == VFL_OK)
        *ret_config = draft.config;
    else
        vfl_config_fini(&draft.config);
    free(draft.flowlog_bucket_name);
    free(draft.log_bucket_name);
    unload(&own);
    unload(&shared);
    return st;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

void vfl_config_fini(struct vfl_config *config)
{
    if (config == NULL)
        return;
    vfl_wipe_free(config->access_key_id);
    vfl_wipe_free(config->secret_access_key);
    vfl_wipe_free(config->external_id);
    free(config->role_arn);
    free(config->account);
    free(config->partition);
    free_texts(config->regions, config->region_count);
    free(config->bucket);
    free(config->log_prefix);
    free_texts(config->tags, config->tag_count);
    free(config->s3_endpoint_url);
    free(config->sts_endpoint_url);
    free(config->ec2_endpoint_url);
    free(config->store_directory);
    free(config->interfaces_file);
    free(config->topology_instance_type);
    free(config->topology_instance_url);
    free_texts(config->notices, config->notice_count);
    *config = (struct vfl_config){0};
}
