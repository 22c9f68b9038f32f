#include "examples/host/yaml_text.h"

#include <string.h>

#include "core/strbuf.h"

#define MAX_NODES 20000
#define MAX_DEPTH 64
#define MAX_TEXT_BYTES (4u << 20)

static bool is_scalar(const yaml_node_t *node, const char *text)
{
    return node != NULL && node->type == YAML_SCALAR_NODE &&
           node->data.scalar.length == strlen(text) &&
           memcmp(node->data.scalar.value, text, node->data.scalar.length) == 0;
}

static bool is_merge_key(const yaml_node_t *key)
{
    return is_scalar(key, "<<") && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* budget bounds the mappings looked into: merge keys can multiply them. */
static yaml_node_t *find_at(yaml_document_t *document, yaml_node_t *mapping, const char *key,
                            unsigned depth, unsigned *budget)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE || depth > MAX_DEPTH || *budget == 0)
        return NULL;
    --*budget;
    yaml_node_pair_t *first = mapping->data.mapping.pairs.start;
    yaml_node_pair_t *end = mapping->data.mapping.pairs.top;
    for (yaml_node_pair_t *pair = first; pair < end; pair++)
        if (is_scalar(yaml_document_get_node(document, pair->key), key))
            return yaml_document_get_node(document, pair->value);
    yaml_node_t *found = NULL;
    for (yaml_node_pair_t *pair = first; found == NULL && pair < end; pair++) {
        if (!is_merge_key(yaml_document_get_node(document, pair->key)))
            continue;
        yaml_node_t *merged = yaml_document_get_node(document, pair->value);
        found = find_at(document, merged, key, depth + 1, budget);
        if (found != NULL || merged == NULL || merged->type != YAML_SEQUENCE_NODE)
            continue;
        yaml_node_item_t *item = merged->data.sequence.items.start;
        for (; found == NULL && item < merged->data.sequence.items.top; item++)
            found =
                find_at(document, yaml_document_get_node(document, *item), key, depth + 1, budget);
    }
    return found;
}

yaml_node_t *vfl_yaml_find(yaml_document_t *document, yaml_node_t *mapping, const char *key)
{
    unsigned budget = MAX_NODES;
    return find_at(document, mapping, key, 0, &budget);
}

/* Copying a subtree into a document of its own resolves aliases, because nodes are then reached
 * once per use; both bounds stop a document that multiplies or contains itself. */
struct copy {
    yaml_document_t *from;
    yaml_document_t to;
    unsigned node_count;
    const char *replaced_key; /* of the root mapping: left out */
    enum vfl_status status;
};

static int copy_node(struct copy *copy, yaml_node_t *node, unsigned depth);

static int fail(struct copy *copy, enum vfl_status status)
{
    if (copy->status == VFL_OK)
        copy->status = status;
    return 0;
}

static int copy_scalar(struct copy *copy, const yaml_node_t *node)
{
    return yaml_document_add_scalar(&copy->to, node->tag, node->data.scalar.value,
                                    (int)node->data.scalar.length, node->data.scalar.style);
}

static int copy_sequence(struct copy *copy, const yaml_node_t *node, unsigned depth)
{
    int id = yaml_document_add_sequence(&copy->to, node->tag, node->data.sequence.style);
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         id != 0 && item < node->data.sequence.items.top; item++) {
        int member = copy_node(copy, yaml_document_get_node(copy->from, *item), depth + 1);
        if (member == 0 || yaml_document_append_sequence_item(&copy->to, id, member) == 0)
            return 0;
    }
    return id;
}

static bool has_key(struct copy *copy, int mapping, const yaml_node_t *key)
{
    yaml_node_t *node = yaml_document_get_node(&copy->to, mapping);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *other = yaml_document_get_node(&copy->to, pair->key);
        if (other != NULL && key->type == YAML_SCALAR_NODE && other->type == YAML_SCALAR_NODE &&
            other->data.scalar.length == key->data.scalar.length &&
            memcmp(other->data.scalar.value, key->data.scalar.value, key->data.scalar.length) == 0)
            return true;
    }
    return false;
}

static bool add_pairs(struct copy *copy, int to, yaml_node_t *from, bool is_merge, unsigned depth);

/* The YAML merge key: the mapping's own keys win, then the first merged mapping that has the key.
 */
static bool add_merged(struct copy *copy, int to, yaml_node_t *merged, unsigned depth)
{
    if (merged != NULL && merged->type == YAML_MAPPING_NODE)
        return add_pairs(copy, to, merged, true, depth + 1);
    if (merged == NULL || merged->type != YAML_SEQUENCE_NODE)
        return fail(copy, VFL_CONFIG) != 0;
    for (yaml_node_item_t *item = merged->data.sequence.items.start;
         item < merged->data.sequence.items.top; item++) {
        yaml_node_t *one = yaml_document_get_node(copy->from, *item);
        if (one == NULL || one->type != YAML_MAPPING_NODE)
            return fail(copy, VFL_CONFIG) != 0;
        if (!add_pairs(copy, to, one, true, depth + 1))
            return false;
    }
    return true;
}

static bool add_pairs(struct copy *copy, int to, yaml_node_t *from, bool is_merge, unsigned depth)
{
    if (depth > MAX_DEPTH || ++copy->node_count > MAX_NODES)
        return fail(copy, VFL_LIMIT) != 0;
    yaml_node_pair_t *first = from->data.mapping.pairs.start;
    yaml_node_pair_t *end = from->data.mapping.pairs.top;
    for (yaml_node_pair_t *pair = first; pair < end; pair++) {
        yaml_node_t *key = yaml_document_get_node(copy->from, pair->key);
        if (is_merge_key(key) || (is_merge && key != NULL && has_key(copy, to, key)) ||
            (depth == 0 && copy->replaced_key != NULL && is_scalar(key, copy->replaced_key)))
            continue;
        int key_id = copy_node(copy, key, depth + 1);
        int value_id = copy_node(copy, yaml_document_get_node(copy->from, pair->value), depth + 1);
        if (key_id == 0 || value_id == 0 ||
            yaml_document_append_mapping_pair(&copy->to, to, key_id, value_id) == 0)
            return false;
    }
    for (yaml_node_pair_t *pair = first; pair < end; pair++)
        if (is_merge_key(yaml_document_get_node(copy->from, pair->key)) &&
            !add_merged(copy, to, yaml_document_get_node(copy->from, pair->value), depth))
            return false;
    return true;
}

static int copy_node(struct copy *copy, yaml_node_t *node, unsigned depth)
{
    if (depth > MAX_DEPTH || ++copy->node_count > MAX_NODES)
        return fail(copy, VFL_LIMIT);
    int id = 0;
    if (node == NULL)
        return fail(copy, VFL_CONFIG);
    if (node->type == YAML_SCALAR_NODE) {
        id = copy_scalar(copy, node);
    } else if (node->type == YAML_SEQUENCE_NODE) {
        id = copy_sequence(copy, node, depth);
    } else if (node->type == YAML_MAPPING_NODE) {
        id = yaml_document_add_mapping(&copy->to, node->tag, node->data.mapping.style);
        if (id != 0 && !add_pairs(copy, id, node, false, depth))
            id = 0;
    }
    return id != 0 ? id : fail(copy, VFL_NO_MEMORY);
}

static int add_text(struct copy *copy, const char *text)
{
    yaml_char_t bytes[16];
    size_t length = strlen(text);
    memcpy(bytes, text, length);
    return yaml_document_add_scalar(&copy->to, NULL, bytes, (int)length, YAML_PLAIN_SCALAR_STYLE);
}

static int write_text(void *ctx, unsigned char *bytes, size_t size)
{
    struct vfl_strbuf *text = ctx;
    vfl_strbuf_append(text, (struct vfl_span){(const char *)bytes, size});
    return text->failure == VFL_OK;
}

/* yaml_emitter_dump frees the document, also when it fails. */
static enum vfl_status emit(yaml_document_t *document, char **ret_text, struct vfl_error *err)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(MAX_TEXT_BYTES);
    yaml_emitter_t emitter;
    enum vfl_status st = VFL_OK;
    if (!yaml_emitter_initialize(&emitter)) {
        yaml_document_delete(document);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration's text");
    }
    yaml_emitter_set_output(&emitter, write_text, &text);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    if (!yaml_emitter_open(&emitter) || !yaml_emitter_dump(&emitter, document) ||
        !yaml_emitter_close(&emitter))
        st = vfl_error_set(err, VFL_LIMIT, "its text cannot be written: %s",
                           emitter.problem == NULL ? "out of memory" : emitter.problem);
    yaml_emitter_delete(&emitter);
    if (st == VFL_OK)
        st = vfl_strbuf_check(&text, "the configuration's text", err);
    if (st == VFL_OK) {
        char *taken = vfl_strbuf_take(&text);
        if (taken == NULL)
            st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration's text");
        else
            *ret_text = taken;
    }
    vfl_strbuf_fini(&text);
    return st;
}

static enum vfl_status copy_failure(const struct copy *copy, struct vfl_error *err)
{
    if (copy->status == VFL_LIMIT)
        return vfl_error_set(err, VFL_LIMIT, "over %d values or %d levels, aliases counted",
                             MAX_NODES, MAX_DEPTH);
    if (copy->status == VFL_CONFIG)
        return vfl_error_set(err, VFL_CONFIG, "a merge key (<<) wants a mapping");
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
}

enum vfl_status vfl_yaml_text(yaml_document_t *document, yaml_node_t *node, bool is_dry_run,
                              char **ret_text, struct vfl_error *err)
{
    struct copy copy = {.from = document, .replaced_key = is_dry_run ? "dry_run" : NULL};
    if (!yaml_document_initialize(&copy.to, NULL, NULL, NULL, 1, 1))
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the configuration");
    int root = node == NULL ? yaml_document_add_mapping(&copy.to, NULL, YAML_FLOW_MAPPING_STYLE)
                            : copy_node(&copy, node, 0);
    if (root != 0 && is_dry_run) {
        int key = add_text(&copy, "dry_run");
        int value = add_text(&copy, "true");
        if (key == 0 || value == 0 ||
            !yaml_document_append_mapping_pair(&copy.to, root, key, value))
            root = 0;
    }
    if (root == 0) {
        yaml_document_delete(&copy.to);
        return copy_failure(&copy, err);
    }
    return emit(&copy.to, ret_text, err);
}
