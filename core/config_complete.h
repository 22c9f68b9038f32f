/* The last step of reading the configuration: what depends on more than one key. Knows no YAML. */
#ifndef VFL_CONFIG_COMPLETE_H
#define VFL_CONFIG_COMPLETE_H

#include "core/config_table.h"

#define VFL_CONFIG_QUOTE_BYTES 64 /* of a configured text in a message */

/* For quoting with "'%.*s%s": at most VFL_CONFIG_QUOTE_BYTES, and the closing quote. */
static inline int vfl_config_quoted_bytes(struct vfl_span text)
{
    return (int)(text.len < VFL_CONFIG_QUOTE_BYTES ? text.len : VFL_CONFIG_QUOTE_BYTES);
}

static inline const char *vfl_config_quote_end(struct vfl_span text)
{
    return text.len > VFL_CONFIG_QUOTE_BYTES ? "...'" : "'";
}

/* Adds notice's text, which reaches the log and is escaped and bounded as error texts are. Notices
 * over a fixed number are left out, which the last one says. */
enum vfl_status vfl_config_add_notice(struct vfl_config *config, const struct vfl_error *notice,
                                      struct vfl_error *err) VFL_MUST_CHECK;

/* Checks what is required and what belongs together, and derives account, partition, bucket and
 * store_directory. */
enum vfl_status vfl_config_complete(struct vfl_config_draft *draft,
                                    struct vfl_error *err) VFL_MUST_CHECK;

#endif
