/* The decoder of raw deflate data beneath gunzip, and the CRC that goes with it: ISA-L or zlib. The
 * core has one of them (meson option inflater), the tests compare both. */
#ifndef VFL_FLOWLOG_INFLATE_H
#define VFL_FLOWLOG_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "core/span.h"

#define VFL_INFLATE_MAX_UNUSED_BYTES 8

enum vfl_inflate_result {
    VFL_INFLATE_MORE, /* the input is used up, or the output is full */
    VFL_INFLATE_END,  /* the stream is complete and all of it was put out */
    VFL_INFLATE_CORRUPT,
    VFL_INFLATE_NO_MEMORY,
};

/* Both differ in one thing: of a Huffman code that leaves bit patterns unused, which no compressor
 * writes, zlib refuses all, ISA-L those where such a pattern occurs. */
struct vfl_inflater {
    const char *name;

    void *(*create)(void); /* NULL: no memory */
    void (*destroy)(void *state);
    void (*reset)(void *state); /* to the start of a stream; keeps allocations */

    /* Takes bytes off input and puts at most size bytes out. When all of size was put out there may
     * be more to come without further input. Only reset and destroy may follow a failure. */
    enum vfl_inflate_result (*inflate)(void *state, struct vfl_span *input, char *output,
                                       size_t size, size_t *ret_len);

    /* After VFL_INFLATE_END: moves out what was taken off the input beyond the stream's end, also
     * in earlier calls, and returns its length. */
    size_t (*take_unused)(void *state, char ret_bytes[VFL_INFLATE_MAX_UNUSED_BYTES]);

    /* Continues the CRC-32 of RFC 1952 over bytes; it starts with 0. */
    uint32_t (*crc32)(uint32_t crc, struct vfl_span bytes);
};

extern const struct vfl_inflater vfl_inflater_isal;
extern const struct vfl_inflater vfl_inflater_zlib;

#endif
