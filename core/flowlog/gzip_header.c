#include "core/flowlog/gzip_header.h"

#define METHOD_DEFLATE 8
#define FLAG_HEADER_CRC 0x02U
#define FLAG_EXTRA 0x04U
#define FLAG_NAME 0x08U
#define FLAG_COMMENT 0x10U
#define FLAGS_RESERVED 0xe0U

/* flag: without it the part is absent; 0: always there. */
static const struct {
    unsigned flag;
    size_t bytes;
} parts[] = {
    [VFL_GZIP_HEADER_METHOD] = {0, 1},
    [VFL_GZIP_HEADER_FLAGS] = {0, 1},
    [VFL_GZIP_HEADER_TIME_AND_SYSTEM] = {0, 6},
    [VFL_GZIP_HEADER_EXTRA_LEN] = {FLAG_EXTRA, 2},
    [VFL_GZIP_HEADER_EXTRA] = {FLAG_EXTRA, 0},
    [VFL_GZIP_HEADER_NAME] = {FLAG_NAME, 0},
    [VFL_GZIP_HEADER_COMMENT] = {FLAG_COMMENT, 0},
    [VFL_GZIP_HEADER_CRC] = {FLAG_HEADER_CRC, 2},
    [VFL_GZIP_HEADER_END] = {0, 0},
};

void vfl_gzip_header_start(struct vfl_gzip_header *header, const struct vfl_inflater *inflater)
{
    *header = (struct vfl_gzip_header){
        .inflater = inflater,
        .left_bytes = parts[VFL_GZIP_HEADER_METHOD].bytes,
        .crc32 = inflater->crc32(0, VFL_SPAN_LITERAL("\x1f\x8b")),
    };
}

static void enter_next_part(struct vfl_gzip_header *header)
{
    uint32_t extra_bytes = header->part == VFL_GZIP_HEADER_EXTRA_LEN ? header->number : 0;
    do
        header->part++;
    while (parts[header->part].flag != 0 && (header->flags & parts[header->part].flag) == 0);
    header->left_bytes =
        header->part == VFL_GZIP_HEADER_EXTRA ? extra_bytes : parts[header->part].bytes;
    header->number = 0;
}

/* Looks at one byte of a part that has a meaning here. */
static enum vfl_status read_byte(struct vfl_gzip_header *header, unsigned byte,
                                 struct vfl_error *err)
{
    header->number = header->number >> 8 | byte << 8;
    switch (header->part) {
    case VFL_GZIP_HEADER_METHOD:
        if (byte != METHOD_DEFLATE)
            return vfl_error_set(err, VFL_FORMAT, "unknown compression method");
        break;
    case VFL_GZIP_HEADER_FLAGS:
        if ((byte & FLAGS_RESERVED) != 0)
            return vfl_error_set(err, VFL_FORMAT, "unknown header flags set");
        header->flags = byte;
        break;
    case VFL_GZIP_HEADER_CRC:
        if (header->left_bytes == 1 && header->number != (header->crc32 & 0xffff))
            return vfl_error_set(err, VFL_FORMAT, "header crc mismatch");
        break;
    default:
        break;
    }
    return VFL_OK;
}

/* How much of chunk belongs to the current part. */
static size_t find_end(const struct vfl_gzip_header *header, struct vfl_span chunk,
                       bool *ret_is_complete)
{
    if (header->part == VFL_GZIP_HEADER_NAME || header->part == VFL_GZIP_HEADER_COMMENT) {
        const char *nul = memchr(chunk.ptr, '\0', chunk.len);
        *ret_is_complete = nul != NULL;
        return nul != NULL ? (size_t)(nul - chunk.ptr) + 1 : chunk.len;
    }
    *ret_is_complete = header->left_bytes <= chunk.len;
    return *ret_is_complete ? header->left_bytes : chunk.len;
}

enum vfl_status vfl_gzip_header_feed(struct vfl_gzip_header *header, struct vfl_span *chunk,
                                     struct vfl_error *err)
{
    while (chunk->len > 0 && header->part != VFL_GZIP_HEADER_END) {
        bool is_complete;
        struct vfl_span piece = {chunk->ptr, find_end(header, *chunk, &is_complete)};
        if (header->part != VFL_GZIP_HEADER_CRC)
            header->crc32 = header->inflater->crc32(header->crc32, piece);
        if (parts[header->part].bytes > 0) {
            for (size_t i = 0; i < piece.len; i++, header->left_bytes--) {
                enum vfl_status st = read_byte(header, (unsigned char)piece.ptr[i], err);
                if (st != VFL_OK)
                    return st;
            }
        } else if (header->part == VFL_GZIP_HEADER_EXTRA) {
            header->left_bytes -= piece.len;
        }
        *chunk = (struct vfl_span){chunk->ptr + piece.len, chunk->len - piece.len};
        if (is_complete)
            enter_next_part(header);
    }
    return VFL_OK;
}
