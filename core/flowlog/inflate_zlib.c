#include <stdlib.h>

#include <zlib.h>

#include "core/flowlog/inflate.h"

static void *create(void)
{
    z_stream *zlib = calloc(1, sizeof *zlib);
    /* Negative: no zlib header around the data. */
    if (zlib == NULL || inflateInit2(zlib, -15) != Z_OK) {
        free(zlib);
        return NULL;
    }
    return zlib;
}

static void destroy(void *state)
{
    if (state == NULL)
        return;
    (void)inflateEnd(state);
    free(state);
}

static void reset(void *state)
{
    (void)inflateReset(state);
}

static enum vfl_inflate_result inflate_some(void *state, struct vfl_span *input, char *output,
                                            size_t size, size_t *ret_len)
{
    z_stream *zlib = state;
    uInt offered = input->len < UINT32_MAX ? (uInt)input->len : UINT32_MAX;
    uInt room = size < UINT32_MAX ? (uInt)size : UINT32_MAX;
    zlib->next_in = (z_const Bytef *)(uintptr_t)input->ptr;
    zlib->avail_in = offered;
    zlib->next_out = (Bytef *)output;
    zlib->avail_out = room;
    int result = inflate(zlib, Z_NO_FLUSH);
    size_t used = offered - zlib->avail_in;
    *input = (struct vfl_span){input->ptr + used, input->len - used};
    *ret_len = room - zlib->avail_out;
    switch (result) {
    case Z_STREAM_END:
        return VFL_INFLATE_END;
    case Z_OK:
    case Z_BUF_ERROR: /* only says that this call could do nothing */
        return VFL_INFLATE_MORE;
    case Z_MEM_ERROR:
        return VFL_INFLATE_NO_MEMORY;
    default:
        return VFL_INFLATE_CORRUPT;
    }
}

/* zlib gives back what it has read too far. */
static size_t take_unused(void *state, char ret_bytes[VFL_INFLATE_MAX_UNUSED_BYTES])
{
    (void)state;
    (void)ret_bytes;
    return 0;
}

static uint32_t continue_crc32(uint32_t crc, struct vfl_span bytes)
{
    return (uint32_t)crc32_z(crc, (const unsigned char *)bytes.ptr, bytes.len);
}

const struct vfl_inflater vfl_inflater_zlib = {
    .name = "zlib",
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .inflate = inflate_some,
    .take_unused = take_unused,
    .crc32 = continue_crc32,
};
