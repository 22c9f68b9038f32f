/* A push parser that tells elements by their path. The only home of expat.
 *
 * Names lose their namespace prefix. A DOCTYPE is refused, so entities cannot be declared; depth,
 * names and texts are bounded. */
#ifndef VFL_AWS_XML_H
#define VFL_AWS_XML_H

#include <stdbool.h>

#include "core/error.h"
#include "core/span.h"

#define VFL_XML_MAX_DEPTH 32
#define VFL_XML_MAX_TEXT_BYTES 65536
#define VFL_XML_MAX_PATH_BYTES 1024

/* path is below the root and without it: "Contents/Key"; "" is the root itself. Any function may
 * be NULL. A status other than VFL_OK stops the parse, which returns it. */
struct vfl_xml_handler {
    enum vfl_status (*start)(void *ctx, const char *path, struct vfl_error *err);
    /* text is the element's own character data, complete for an element without children. */
    enum vfl_status (*end)(void *ctx, const char *path, struct vfl_span text,
                           struct vfl_error *err);
    void *ctx;
};

/* Parses a whole document. root is the root element's name, NULL for any.
 * VFL_FORMAT: not well-formed, cut short, a DOCTYPE, or another root. VFL_LIMIT, VFL_NO_MEMORY. */
enum vfl_status vfl_xml_parse(struct vfl_span document, const char *root,
                              struct vfl_xml_handler handler, struct vfl_error *err) VFL_MUST_CHECK;

/* What an AWS error document says, whichever of its three envelopes is used. Texts are cut to their
 * room; "" when absent. */
struct vfl_xml_fault {
    char code[96];
    char message[257];
    char region[64];
    bool is_error; /* the document has an element Error with a Code */
};

/* Never fails: takes what a document has before it stops making sense. */
void vfl_xml_read_fault(struct vfl_span document, struct vfl_xml_fault *ret_fault);

#endif
