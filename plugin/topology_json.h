/* Components and relations as the JSON that the agent passes on, and as the tags of metrics. */
#ifndef VFL_PLUGIN_TOPOLOGY_JSON_H
#define VFL_PLUGIN_TOPOLOGY_JSON_H

#include "core/config.h"
#include "core/error.h"
#include "core/strbuf.h"
#include "core/topology/topology.h"

/* The type of the instance key under which elements are sent, and their integration. */
#define VFL_INTEGRATION_TYPE "aws-v2"
/* Of one element: above what the configuration's tags can come to, each byte escaped. */
#define VFL_TOPOLOGY_JSON_MAX_BYTES (8u << 20)
#define VFL_TAG_SIZE 1024

/* What all components of an instance have in common, as JSON. Owns its texts. */
struct vfl_component_frame {
    struct vfl_strbuf before_region; /* from the end of the URNs on */
    struct vfl_strbuf after_region;
};

/* VFL_NO_MEMORY. */
enum vfl_status vfl_component_frame_init(struct vfl_component_frame *frame,
                                         const struct vfl_config *config,
                                         struct vfl_error *err) VFL_MUST_CHECK;
void vfl_component_frame_fini(struct vfl_component_frame *frame); /* NULL and zeroed are fine */

/* These two put the whole text in the place of what buf holds; the verdict is vfl_strbuf_check's.
 */
void vfl_component_write(struct vfl_strbuf *buf, const struct vfl_component_frame *frame,
                         const struct vfl_component *component);
void vfl_relation_write(struct vfl_strbuf *buf, const struct vfl_relation *relation);

/* "prefix" and an element's id as the StackPack compares it: it matches a relation with its metrics
 * by these texts, in which it has underscores for dots. VFL_LIMIT: longer than the tag may be. */
enum vfl_status vfl_endpoint_tag_write(struct vfl_span prefix, const char *id,
                                       char out[VFL_TAG_SIZE],
                                       struct vfl_error *err) VFL_MUST_CHECK;

#endif
