#include "core/topology/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "core/array.h"

void vfl_tokens_fini(struct vfl_tokens *tokens)
{
    if (tokens == NULL)
        return;
    vfl_index_fini(&tokens->index);
    free(tokens->bytes);
    free(tokens->starts);
    *tokens = (struct vfl_tokens){0};
}

void vfl_tokens_reset(struct vfl_tokens *tokens)
{
    vfl_index_reset(&tokens->index);
    tokens->byte_count = 0;
    tokens->count = 0;
}

static struct vfl_span cut(struct vfl_span text)
{
    if (text.len > VFL_TOKEN_MAX_BYTES)
        text.len = VFL_TOKEN_MAX_BYTES;
    return text;
}

/* The next one's start tells the length. */
static inline struct vfl_span span_at(const struct vfl_tokens *tokens, uint32_t position)
{
    size_t start = tokens->starts[position];
    size_t next = position + 1 < tokens->count ? tokens->starts[position + 1] : tokens->byte_count;
    return (struct vfl_span){tokens->bytes + start, next - start - 1};
}

/* The text is one that cut has seen. */
static inline uint32_t find(const struct vfl_tokens *tokens, struct vfl_span text, uint64_t hash)
{
    struct vfl_index_cursor cursor = vfl_index_cursor(&tokens->index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&tokens->index, &cursor)) != VFL_INDEX_NONE)
        if (vfl_span_equal(span_at(tokens, position), text))
            return position + 1;
    return VFL_TOKEN_ABSENT;
}

/* Doubles both arrays as needed for one more text. */
static bool reserve(struct vfl_tokens *tokens, size_t extra_bytes)
{
    if (tokens->byte_count + extra_bytes > tokens->byte_room) {
        size_t room = tokens->byte_room == 0 ? 4096 : tokens->byte_room * 2;
        char *bytes = realloc(tokens->bytes, room);
        if (bytes == NULL)
            return false;
        tokens->bytes = bytes;
        tokens->byte_room = room;
    }
    return VFL_ARRAY_RESERVE(tokens->starts, tokens->count, tokens->room);
}

enum vfl_status vfl_tokens_add(struct vfl_tokens *tokens, struct vfl_span text, uint32_t *ret_token,
                               struct vfl_error *err)
{
    text = cut(text);
    if (text.len == 0) {
        *ret_token = VFL_TOKEN_ABSENT;
        return VFL_OK;
    }
    if (tokens->seed == 0)
        tokens->seed = vfl_hash_seed() | 1;
    uint64_t hash = vfl_hash_bytes(tokens->seed, text.ptr, text.len);
    uint32_t token = find(tokens, text, hash);
    if (token == VFL_TOKEN_ABSENT) {
        if (tokens->count == VFL_TOKENS_MAX_COUNT)
            return vfl_error_set(err, VFL_LIMIT, "more than %u distinct identifiers",
                                 VFL_TOKENS_MAX_COUNT);
        if (!reserve(tokens, text.len + 1) || !vfl_index_add(&tokens->index, hash, tokens->count))
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for identifiers");
        tokens->starts[tokens->count] = (uint32_t)tokens->byte_count;
        memcpy(tokens->bytes + tokens->byte_count, text.ptr, text.len);
        tokens->bytes[tokens->byte_count + text.len] = '\0';
        tokens->byte_count += text.len + 1;
        token = ++tokens->count;
    }
    *ret_token = token;
    return VFL_OK;
}

uint32_t vfl_tokens_find(const struct vfl_tokens *tokens, struct vfl_span text)
{
    text = cut(text);
    if (text.len == 0 || tokens->count == 0)
        return VFL_TOKEN_ABSENT;
    return find(tokens, text, vfl_hash_bytes(tokens->seed, text.ptr, text.len));
}

bool vfl_tokens_is(const struct vfl_tokens *tokens, uint32_t token, struct vfl_span text)
{
    if (token == VFL_TOKEN_ABSENT || text.len == 0)
        return token == VFL_TOKEN_ABSENT && text.len == 0;
    return vfl_span_equal(span_at(tokens, token - 1), cut(text));
}

const char *vfl_tokens_text(const struct vfl_tokens *tokens, uint32_t token)
{
    return token == VFL_TOKEN_ABSENT ? "" : tokens->bytes + tokens->starts[token - 1];
}

struct vfl_span vfl_tokens_span(const struct vfl_tokens *tokens, uint32_t token)
{
    return token == VFL_TOKEN_ABSENT ? (struct vfl_span){NULL, 0} : span_at(tokens, token - 1);
}
