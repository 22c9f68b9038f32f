/* What whole groups of records share, and who reported them. */
#include <stdlib.h>
#include <string.h>

#include "core/array.h"
#include "core/topology/flow_parts.h"

/* --- reporters --- */

/* By interface alone, so that all flow logs of an interface are found by one walk. */
static uint64_t hash_reporter(uint64_t seed, uint32_t interface_id)
{
    return vfl_hash_finish(vfl_hash_mix(seed, interface_id));
}

bool vfl_flow_table_is_first_reporter(const struct vfl_flow_table *table, uint32_t position,
                                      bool is_skipdata_only)
{
    uint32_t interface_id = table->reporters[position].interface_id;
    struct vfl_index_cursor cursor =
        vfl_index_cursor(&table->reporter_index, hash_reporter(table->seed, interface_id));
    uint32_t other;
    while ((other = vfl_index_next(&table->reporter_index, &cursor)) != VFL_INDEX_NONE)
        if (other < position && table->reporters[other].interface_id == interface_id &&
            (!is_skipdata_only || table->reporters[other].skipdata_count > 0))
            return false;
    return true;
}

/* Nothing for a record that names no interface. */
enum vfl_status flow_add_reporter(struct vfl_flow_table *table,
                                  const struct vfl_flow_reporter *reporter, struct vfl_error *err)
{
    if (reporter->interface_id == VFL_TOKEN_ABSENT)
        return VFL_OK;
    uint64_t hash = hash_reporter(flow_seed(table), reporter->interface_id);
    struct vfl_index_cursor cursor = vfl_index_cursor(&table->reporter_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&table->reporter_index, &cursor)) != VFL_INDEX_NONE)
        if (table->reporters[position].interface_id == reporter->interface_id &&
            table->reporters[position].flow_log_id == reporter->flow_log_id)
            break;
    if (position != VFL_INDEX_NONE) {
        table->reporters[position].skipdata_count += reporter->skipdata_count;
        return VFL_OK;
    }
    if (!VFL_ARRAY_RESERVE(table->reporters, table->reporter_count, table->reporter_room) ||
        !vfl_index_add(&table->reporter_index, hash, table->reporter_count))
        return flow_no_memory(err);
    table->reporters[table->reporter_count++] = *reporter;
    return VFL_OK;
}

/* --- contexts --- */

_Static_assert(sizeof(struct vfl_flow_context) == (2 + VFL_TEXT_COUNT) * sizeof(uint32_t) + 8,
               "contexts are hashed and compared as bytes, so they have no padding");

/* Its reporter is then known too. */
static enum vfl_status append_context(struct vfl_flow_table *table,
                                      const struct vfl_flow_context *context, uint64_t hash,
                                      struct vfl_error *err)
{
    const struct vfl_flow_reporter reporter = {context->interface_id, context->flow_log_id, 0};
    enum vfl_status st = flow_add_reporter(table, &reporter, err);
    if (st != VFL_OK)
        return st;
    if (!VFL_ARRAY_RESERVE(table->contexts, table->context_count, table->context_room) ||
        !vfl_index_add(&table->context_index, hash, table->context_count))
        return flow_no_memory(err);
    table->contexts[table->context_count++] = *context;
    return VFL_OK;
}

enum vfl_status flow_add_context(struct vfl_flow_table *table,
                                 const struct vfl_flow_context *context, uint32_t *ret_position,
                                 struct vfl_error *err)
{
    uint64_t hash = vfl_hash_bytes(flow_seed(table), context, sizeof *context);
    struct vfl_index_cursor cursor = vfl_index_cursor(&table->context_index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&table->context_index, &cursor)) != VFL_INDEX_NONE)
        if (memcmp(&table->contexts[position], context, sizeof *context) == 0)
            break;
    enum vfl_status st = VFL_OK;
    if (position == VFL_INDEX_NONE) {
        position = table->context_count;
        st = append_context(table, context, hash, err);
    }
    if (st == VFL_OK)
        *ret_position = position;
    return st;
}

/* --- the context of a record --- */

/* Nearly every record's context was seen a moment ago. What it is known by is kept in one cache
 * line with its position, so that finding it again takes one look at memory instead of those from
 * texts to tokens, to their bytes, and from tokens to a context. */
struct flow_known_context {
    uint64_t identity[7];
    uint64_t context; /* position + 1; 0: free */
};

#define LEAST_KNOWN_CONTEXTS 256u
#define MOST_KNOWN_CONTEXTS 8192u /* half a megabyte */
#define KNOWN_CONTEXT_TRIES 4u

/* Texts that words_of can tell exactly. */
static inline bool is_short(struct vfl_span text)
{
    return text.len >= 8 && text.len <= 24;
}

/* A text of 8 to 24 bytes as three words, which may overlap; with its length they are the text. */
static inline void words_of(struct vfl_span text, uint64_t *words)
{
    memcpy(&words[0], text.ptr, sizeof words[0]);
    memcpy(&words[1], text.len >= 16 ? text.ptr + 8 : text.ptr, sizeof words[1]);
    memcpy(&words[2], text.ptr + text.len - sizeof words[2], sizeof words[2]);
}

/* All of a record's context but the texts behind the first two. False: a text's length is unusual.
 */
static inline bool identify(const struct vfl_flow_table *table, const struct vfl_record *record,
                            uint8_t era, struct flow_known_context *ret_known)
{
    static const struct vfl_span none = {NULL, 0};
    struct vfl_span second = table->text_count > 0 ? record->texts[table->texts[0]] : none;
    if (!is_short(record->interface_id) || (second.len > 0 && !is_short(second)))
        return false;
    uint64_t *identity = ret_known->identity;
    words_of(record->interface_id, identity);
    if (second.len > 0)
        words_of(second, identity + 3);
    else
        identity[3] = identity[4] = identity[5] = 0;
    identity[6] = (uint64_t)record->interface_id.len | (uint64_t)second.len << 8 |
                  (uint64_t)record->flow_direction << 16 | (uint64_t)record->traffic_path << 24 |
                  (uint64_t)era << 32 | (uint64_t)record->has_times << 40;
    return true;
}

static inline bool is_identity(const struct flow_known_context *known,
                               const struct flow_known_context *wanted)
{
    const uint64_t *a = known->identity;
    const uint64_t *b = wanted->identity;
    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) |
            (a[5] ^ b[5]) | (a[6] ^ b[6])) == 0 &&
           known->context != 0;
}

/* The texts that the identity leaves out. */
static bool are_further_texts(const struct vfl_flow_table *table, uint32_t position,
                              const struct vfl_record *record)
{
    for (unsigned i = 1; i < table->text_count; i++)
        if (!vfl_tokens_is(&table->tokens, table->contexts[position].texts[table->texts[i]],
                           record->texts[table->texts[i]]))
            return false;
    return true;
}

static inline uint64_t hash_identity(uint64_t seed, const struct flow_known_context *known)
{
    return vfl_hash_fold(known->identity[1] ^ seed, known->identity[2] ^ known->identity[6] ^ seed ^
                                                        UINT64_C(0xa0761d6478bd642f));
}

static struct flow_known_context *find_known(const struct vfl_flow_table *table,
                                             const struct flow_known_context *wanted,
                                             const struct vfl_record *record)
{
    uint32_t slot = (uint32_t)hash_identity(table->seed, wanted);
    for (uint32_t i = 0; i < KNOWN_CONTEXT_TRIES; i++) {
        struct flow_known_context *known =
            &table->known_contexts[(slot + i) & (table->known_room - 1)];
        if (is_identity(known, wanted) &&
            are_further_texts(table, (uint32_t)known->context - 1, record))
            return known;
    }
    return NULL;
}

/* Grows to twice the contexts; what was known is learnt again. Without memory for that the old size
 * does, as long as there is one. */
static bool reserve_known(struct vfl_flow_table *table)
{
    if (table->known_room == MOST_KNOWN_CONTEXTS ||
        (table->known_room > 0 && table->context_count < table->known_room / 2))
        return true;
    uint32_t room = table->known_room == 0 ? LEAST_KNOWN_CONTEXTS : table->known_room * 4;
    if (room > MOST_KNOWN_CONTEXTS)
        room = MOST_KNOWN_CONTEXTS;
    struct flow_known_context *known = calloc(room, sizeof *known);
    if (known == NULL)
        return table->known_room > 0;
    free(table->known_contexts);
    table->known_contexts = known;
    table->known_room = room;
    table->last_known = 0;
    return true;
}

/* Into a free place of the four, else over the first. */
static void remember(struct vfl_flow_table *table, const struct flow_known_context *known)
{
    uint32_t slot = (uint32_t)hash_identity(table->seed, known);
    struct flow_known_context *place = &table->known_contexts[slot & (table->known_room - 1)];
    for (uint32_t i = 1; i < KNOWN_CONTEXT_TRIES && place->context != 0; i++)
        place = &table->known_contexts[(slot + i) & (table->known_room - 1)];
    if (place->context != 0)
        place = &table->known_contexts[slot & (table->known_room - 1)];
    *place = *known;
}

static enum vfl_status add_context_of(struct vfl_flow_table *table, const struct vfl_record *record,
                                      uint8_t era, uint32_t *ret_position, struct vfl_error *err)
{
    struct vfl_flow_context context = {
        .region = table->region,
        .flow_log_id = table->flow_log_id,
        .flow_direction = (uint8_t)record->flow_direction,
        .traffic_path = record->traffic_path,
        .era = era,
        .has_packet_addresses = table->has_packet_addresses,
        .has_times = record->has_times,
    };
    enum vfl_status st =
        vfl_tokens_add(&table->tokens, record->interface_id, &context.interface_id, err);
    for (unsigned i = 0; i < table->text_count && st == VFL_OK; i++)
        st = vfl_tokens_add(&table->tokens, record->texts[table->texts[i]],
                            &context.texts[table->texts[i]], err);
    return st == VFL_OK ? flow_add_context(table, &context, ret_position, err) : st;
}

enum vfl_status flow_context_of_record(struct vfl_flow_table *table,
                                       const struct vfl_record *record, uint32_t *ret_position,
                                       struct vfl_error *err)
{
    uint8_t era = vfl_eras_at(&table->eras, record->has_times ? record->end_epoch_s : INT64_MAX);
    struct flow_known_context wanted;
    bool is_identified = identify(table, record, era, &wanted);
    if (is_identified && table->known_room > 0) {
        const struct flow_known_context *known = &table->known_contexts[table->last_known];
        if (!is_identity(known, &wanted) || table->text_count > 1)
            known = find_known(table, &wanted, record);
        if (known != NULL) {
            table->last_known = (uint32_t)(known - table->known_contexts);
            *ret_position = (uint32_t)known->context - 1;
            return VFL_OK;
        }
    }
    uint32_t position = 0;
    enum vfl_status st = add_context_of(table, record, era, &position, err);
    if (st != VFL_OK)
        return st;
    wanted.context = (uint64_t)position + 1;
    if (is_identified) {
        if (!reserve_known(table))
            return flow_no_memory(err);
        remember(table, &wanted);
    }
    *ret_position = position;
    return VFL_OK;
}

void flow_forget_known_contexts(struct vfl_flow_table *table)
{
    if (table->known_room > 0)
        memset(table->known_contexts, 0, table->known_room * sizeof *table->known_contexts);
}
