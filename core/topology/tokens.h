/* Opaque identifiers (interface, VPC, flow log, region, ...) as small numbers. */
#ifndef VFL_TOPOLOGY_TOKENS_H
#define VFL_TOPOLOGY_TOKENS_H

#include <stdint.h>

#include "core/span.h"
#include "core/index.h"

#define VFL_TOKEN_ABSENT 0u
#define VFL_TOKEN_MAX_BYTES 255u
#define VFL_TOKENS_MAX_COUNT (1u << 22)

/* Owns copies of the texts. Token 0 is "absent"; tokens stay valid until reset or fini. Zeroed is
 * empty. Not thread-safe. */
struct vfl_tokens {
    struct vfl_index index;
    uint64_t seed;
    char *bytes; /* each text NUL-terminated */
    size_t byte_count;
    size_t byte_room;
    uint32_t *starts; /* offset in bytes of token i + 1 */
    uint32_t count;
    uint32_t room;
};

void vfl_tokens_fini(struct vfl_tokens *tokens);  /* NULL and zeroed are fine */
void vfl_tokens_reset(struct vfl_tokens *tokens); /* forgets every token, keeps the memory */

/* The token of text, added when new; an empty text is VFL_TOKEN_ABSENT, one over
 * VFL_TOKEN_MAX_BYTES is cut there. VFL_LIMIT: VFL_TOKENS_MAX_COUNT. VFL_NO_MEMORY. */
enum vfl_status vfl_tokens_add(struct vfl_tokens *tokens, struct vfl_span text, uint32_t *ret_token,
                               struct vfl_error *err) VFL_MUST_CHECK;
/* The token of text, or VFL_TOKEN_ABSENT when it was never added. */
uint32_t vfl_tokens_find(const struct vfl_tokens *tokens, struct vfl_span text);
/* Whether text is the token's, an empty text that of VFL_TOKEN_ABSENT. */
bool vfl_tokens_is(const struct vfl_tokens *tokens, uint32_t token, struct vfl_span text);
/* "" for VFL_TOKEN_ABSENT. Valid until the next add. */
const char *vfl_tokens_text(const struct vfl_tokens *tokens, uint32_t token);
/* The same, {NULL, 0} for VFL_TOKEN_ABSENT: the length is known, which saves a look at the bytes.
 */
struct vfl_span vfl_tokens_span(const struct vfl_tokens *tokens, uint32_t token);

#endif
