/* Reads past the header of a gzip member (RFC 1952, 2.3). */
#ifndef VFL_FLOWLOG_GZIP_HEADER_H
#define VFL_FLOWLOG_GZIP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/flowlog/inflate.h"

enum vfl_gzip_header_part {
    VFL_GZIP_HEADER_METHOD,
    VFL_GZIP_HEADER_FLAGS,
    VFL_GZIP_HEADER_TIME_AND_SYSTEM,
    VFL_GZIP_HEADER_EXTRA_LEN,
    VFL_GZIP_HEADER_EXTRA,
    VFL_GZIP_HEADER_NAME,
    VFL_GZIP_HEADER_COMMENT,
    VFL_GZIP_HEADER_CRC,
    VFL_GZIP_HEADER_END,
};

struct vfl_gzip_header {
    const struct vfl_inflater *inflater;
    enum vfl_gzip_header_part part;
    size_t left_bytes; /* of a part of known length */
    uint32_t number;   /* of a part that is one: its bytes so far, as 16 bits */
    uint32_t crc32;
    unsigned flags;
};

/* Starts behind the two bytes of the magic. Borrows inflater, for its CRC. */
void vfl_gzip_header_start(struct vfl_gzip_header *header, const struct vfl_inflater *inflater);

/* Takes the header's bytes off chunk; the header is complete when its part is VFL_GZIP_HEADER_END.
 * VFL_FORMAT: another method, reserved flags, a wrong CRC. */
enum vfl_status vfl_gzip_header_feed(struct vfl_gzip_header *header, struct vfl_span *chunk,
                                     struct vfl_error *err) VFL_MUST_CHECK;

#endif
