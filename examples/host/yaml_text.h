/* One subtree of a YAML document as a text of its own. */
#ifndef VFL_HOST_YAML_TEXT_H
#define VFL_HOST_YAML_TEXT_H

#include <stdbool.h>
#include <yaml.h>

#include "core/error.h"

/* The value of a key of a mapping, or NULL. A merge key's (`<<`) members count, unless the mapping
 * itself has the key. */
yaml_node_t *vfl_yaml_find(yaml_document_t *document, yaml_node_t *mapping, const char *key);

/* Writes node (NULL: an empty mapping) as a YAML text with aliases and merge keys resolved and the
 * quoting of scalars kept. is_dry_run: node is a mapping, and gets `dry_run: true` in place of what
 * it says. The caller frees *ret_text. VFL_LIMIT: over 20,000 nodes or 64 levels. */
enum vfl_status vfl_yaml_text(yaml_document_t *document, yaml_node_t *node, bool is_dry_run,
                              char **ret_text, struct vfl_error *err) VFL_MUST_CHECK;

#endif
