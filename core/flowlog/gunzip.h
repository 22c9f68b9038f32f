/* Inflates one object as a stream; plain text passes through. */
#ifndef VFL_FLOWLOG_GUNZIP_H
#define VFL_FLOWLOG_GUNZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

/* A flow-log file is at most 75 MB; these leave room and still stop a bomb. */
#define VFL_GUNZIP_MAX_OUTPUT_BYTES (UINT64_C(4) << 30)
#define VFL_GUNZIP_MAX_RATIO 1100 /* deflate itself cannot exceed 1032:1 */

/* Inflating and parsing take turns over one chunk: it should stay in a core's own cache. */
#define VFL_GUNZIP_CHUNK_BYTES 262144

struct vfl_gunzip_limits {
    uint64_t max_output_bytes;
    uint64_t max_ratio; /* output/input, checked once output passes 16 MiB */
};

/* What finish reports of a complete object. */
struct vfl_gunzip_summary {
    uint64_t input_bytes;
    uint64_t output_bytes;
    uint32_t crc32;            /* of the whole output, however many members */
    uint32_t member_count;     /* 0: the object was plain text or empty */
    bool has_trailing_garbage; /* bytes that are no gzip member after a complete one: ignored */
};

struct vfl_inflater;
struct vfl_gunzip; /* one object at a time; not thread-safe */

enum vfl_status vfl_gunzip_new(struct vfl_gunzip **ret_gunzip,
                               struct vfl_error *err) VFL_MUST_CHECK;
/* The same with another decoder than the build's. */
enum vfl_status vfl_gunzip_new_with(const struct vfl_inflater *inflater,
                                    struct vfl_gunzip **ret_gunzip,
                                    struct vfl_error *err) VFL_MUST_CHECK;
void vfl_gunzip_free(struct vfl_gunzip *gunzip); /* NULL is fine */

/* Starts the next object. Output goes to sink in chunks of at most VFL_GUNZIP_CHUNK_BYTES. Keeps
 * allocations. */
void vfl_gunzip_start(struct vfl_gunzip *gunzip, struct vfl_gunzip_limits limits,
                      struct vfl_sink sink);

/* Feeds bytes of the object as stored; any split, zero bytes too. The first bytes decide by magic:
 * gzip (1f 8b), Parquet (PAR1: VFL_UNSUPPORTED), else plain text. Concatenated members and zero
 * padding after the last are accepted.
 * VFL_FORMAT: corrupt deflate data, bad CRC or length. VFL_LIMIT: output or ratio limit.
 * After a failure only start or free is allowed. */
enum vfl_status vfl_gunzip_feed(struct vfl_gunzip *gunzip, struct vfl_span chunk,
                                struct vfl_error *err) VFL_MUST_CHECK;

/* Declares the end. VFL_FORMAT: the last member is cut off. */
enum vfl_status vfl_gunzip_finish(struct vfl_gunzip *gunzip, struct vfl_gunzip_summary *ret_summary,
                                  struct vfl_error *err) VFL_MUST_CHECK;

#endif
