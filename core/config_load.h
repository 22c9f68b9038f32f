/* YAML text -> a document of bounded size and depth. Knows no key. */
#ifndef VFL_CONFIG_LOAD_H
#define VFL_CONFIG_LOAD_H

#include "core/span.h"

struct yaml_document_s; /* libyaml's yaml_document_t */

/* On success *ret_document is the caller's, for vfl_config_unload; its root may be missing.
 * VFL_CONFIG: too long, too deep, too many values, not YAML or not one document; the text begins
 * with scope and quotes nothing of text, which may hold secrets. VFL_NO_MEMORY. */
enum vfl_status vfl_config_load(const char *scope, struct vfl_span text,
                                struct yaml_document_s *ret_document,
                                struct vfl_error *err) VFL_MUST_CHECK;

/* Wipes the values, which may be secrets, and frees. */
void vfl_config_unload(struct yaml_document_s *document);

#endif
