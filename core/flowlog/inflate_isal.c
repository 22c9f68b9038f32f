#include <stdlib.h>

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include "core/flowlog/inflate.h"

static void *create(void)
{
    /* Zeroed: ISA-L leaves the entries of its tables alone that a damaged code does not name. */
    struct inflate_state *isal = calloc(1, sizeof *isal);
    if (isal != NULL)
        isal_inflate_init(isal);
    return isal;
}

static void destroy(void *state)
{
    free(state);
}

static void reset(void *state)
{
    isal_inflate_reset(state);
}

static enum vfl_inflate_result inflate_some(void *state, struct vfl_span *input, char *output,
                                            size_t size, size_t *ret_len)
{
    struct inflate_state *isal = state;
    uint32_t offered = input->len < UINT32_MAX ? (uint32_t)input->len : UINT32_MAX;
    uint32_t room = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    isal->next_in = (uint8_t *)(uintptr_t)input->ptr;
    isal->avail_in = offered;
    isal->next_out = (uint8_t *)output;
    isal->avail_out = room;
    int result = isal_inflate(isal);
    size_t used = offered - isal->avail_in;
    *input = (struct vfl_span){input->ptr + used, input->len - used};
    *ret_len = room - isal->avail_out;
    if (result < 0)
        return VFL_INFLATE_CORRUPT;
    return isal->block_state == ISAL_BLOCK_FINISH ? VFL_INFLATE_END : VFL_INFLATE_MORE;
}

static size_t take_unused(void *state, char ret_bytes[VFL_INFLATE_MAX_UNUSED_BYTES])
{
    struct inflate_state *isal = state;
    size_t len = (size_t)isal->read_in_length / 8;
    /* The stream ended within a byte, whose other bits say nothing. */
    uint64_t bits = isal->read_in >> (isal->read_in_length % 8);
    for (size_t i = 0; i < len; i++)
        ret_bytes[i] = (char)(unsigned char)(bits >> (8 * i));
    isal->read_in = 0;
    isal->read_in_length = 0;
    return len;
}

static uint32_t continue_crc32(uint32_t crc, struct vfl_span bytes)
{
    return crc32_gzip_refl(crc, (const unsigned char *)bytes.ptr, bytes.len);
}

const struct vfl_inflater vfl_inflater_isal = {
    .name = "isal",
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .inflate = inflate_some,
    .take_unused = take_unused,
    .crc32 = continue_crc32,
};
