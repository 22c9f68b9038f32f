/* JSON written straight into a buffer that is used again and again: what is told of 100,000
 * relations needs no tree of values and, after the first ones, no allocation. */
#ifndef VFL_PLUGIN_JSON_TEXT_H
#define VFL_PLUGIN_JSON_TEXT_H

#include <stddef.h>

#include "core/span.h"
#include "core/strbuf.h"

/* Appends a punctuation or name that is JSON as it stands. */
#define VFL_JSON_APPEND(buf, literal) vfl_strbuf_append((buf), VFL_SPAN_LITERAL(literal))

/* Appends text as a JSON string (RFC 8259), quotes included. Any bytes will do: quotes, backslashes
 * and control characters are escaped, and each byte that is not part of well-formed UTF-8 (RFC
 * 3629) becomes U+FFFD, so the result is always valid. */
void vfl_json_append_string(struct vfl_strbuf *buf, struct vfl_span text);

/* Appends a JSON array of strings; count 0 makes "[]". */
void vfl_json_append_strings(struct vfl_strbuf *buf, const char *const *texts, size_t count);

void vfl_json_append_number(struct vfl_strbuf *buf, unsigned number);

#endif
