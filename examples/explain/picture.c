#include "examples/explain/picture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/array.h"
#include "examples/explain/words.h"

/* Of one relation: VFL_TOPOLOGY_MAX_CONVERSATIONS lines, and a line for each reporter. */
#define MAX_TEXT_BYTES (64u << 20)

struct vfl_picture_relation {
    char *source_id;
    char *target_id;
    char *told;     /* these are words already */
    char *evidence; /* NULL until it came */
    char *source_interface;
    char *target_interface;
    char *sent;
    char *received;
    uint64_t bytes_sent;
    uint64_t bytes_received;
};

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the relations");
}

void vfl_picture_fini(struct vfl_picture *picture)
{
    if (picture == NULL)
        return;
    for (uint32_t i = 0; i < picture->count; i++) {
        struct vfl_picture_relation *relation = &picture->relations[i];
        free(relation->source_id);
        free(relation->target_id);
        free(relation->told);
        free(relation->evidence);
        free(relation->source_interface);
        free(relation->target_interface);
        free(relation->sent);
        free(relation->received);
    }
    free(picture->relations);
    free(picture->by_id);
    *picture = (struct vfl_picture){0};
}

/* --- what is sent --- */

static enum vfl_status on_removal(void *ctx, const char *element_id, struct vfl_error *err)
{
    (void)ctx, (void)element_id, (void)err;
    return VFL_OK;
}

static enum vfl_status on_component(void *ctx, const struct vfl_component *component,
                                    struct vfl_error *err)
{
    (void)ctx, (void)component, (void)err;
    return VFL_OK;
}

static enum vfl_status on_relation(void *ctx, const struct vfl_relation *relation,
                                   struct vfl_error *err)
{
    struct vfl_picture *picture = ctx;
    struct vfl_strbuf told = VFL_STRBUF_INIT(MAX_TEXT_BYTES);
    if (!VFL_ARRAY_RESERVE(picture->relations, picture->count, picture->room))
        return no_memory(err);
    vfl_words_append_relation(&told, relation);
    struct vfl_picture_relation *out = &picture->relations[picture->count++];
    *out = (struct vfl_picture_relation){
        .source_id = strdup(relation->source_id),
        .target_id = strdup(relation->target_id),
        .told = vfl_strbuf_take(&told),
    };
    vfl_strbuf_fini(&told);
    if (out->source_id == NULL || out->target_id == NULL || out->told == NULL)
        return no_memory(err);
    return VFL_OK;
}

static int compare_ids(const char *a_source, const char *a_target, const char *b_source,
                       const char *b_target)
{
    int order = strcmp(a_source, b_source);
    return order != 0 ? order : strcmp(a_target, b_target);
}

static int compare_relations(const void *left, const void *right)
{
    const struct vfl_picture_relation *a = *(struct vfl_picture_relation *const *)left;
    const struct vfl_picture_relation *b = *(struct vfl_picture_relation *const *)right;
    return compare_ids(a->source_id, a->target_id, b->source_id, b->target_id);
}

/* All relations come before the first traffic. */
static enum vfl_status index_relations(struct vfl_picture *picture, struct vfl_error *err)
{
    picture->by_id = calloc((size_t)picture->count + 1, sizeof(struct vfl_picture_relation *));
    if (picture->by_id == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < picture->count; i++)
        picture->by_id[i] = &picture->relations[i];
    qsort(picture->by_id, picture->count, sizeof(struct vfl_picture_relation *), compare_relations);
    return VFL_OK;
}

static struct vfl_picture_relation *find(const struct vfl_picture *picture, const char *source_id,
                                         const char *target_id)
{
    uint32_t low = 0;
    uint32_t high = picture->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct vfl_picture_relation *at = picture->by_id[middle];
        int order = compare_ids(at->source_id, at->target_id, source_id, target_id);
        if (order == 0)
            return at;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static enum vfl_status on_traffic(void *ctx, const struct vfl_relation_traffic *traffic,
                                  struct vfl_error *err)
{
    struct vfl_picture *picture = ctx;
    enum vfl_status st = picture->by_id == NULL ? index_relations(picture, err) : VFL_OK;
    if (st != VFL_OK)
        return st;
    struct vfl_picture_relation *relation = find(picture, traffic->source_id, traffic->target_id);
    if (relation != NULL) {
        relation->bytes_sent = traffic->bytes_sent;
        relation->bytes_received = traffic->bytes_received;
    }
    return VFL_OK;
}

/* --- evidence --- */

static char *report_words(const struct vfl_relation_evidence *evidence, bool is_reply)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(MAX_TEXT_BYTES);
    vfl_strbuf_append_char(&text, '\n');
    vfl_words_append_reports(&text, evidence, is_reply);
    char *words = vfl_strbuf_take(&text);
    vfl_strbuf_fini(&text);
    return words;
}

static enum vfl_status on_evidence(void *ctx, const struct vfl_relation_evidence *evidence,
                                   struct vfl_error *err)
{
    struct vfl_picture *picture = ctx;
    struct vfl_picture_relation *relation = find(picture, evidence->source_id, evidence->target_id);
    if (relation == NULL)
        return VFL_OK;
    struct vfl_strbuf text = VFL_STRBUF_INIT(MAX_TEXT_BYTES);
    vfl_words_append_conversations(&text, evidence);
    relation->evidence = vfl_strbuf_take(&text);
    vfl_strbuf_fini(&text);
    relation->sent = report_words(evidence, false);
    relation->received = report_words(evidence, true);
    relation->source_interface = strdup(evidence->source_interface);
    relation->target_interface = strdup(evidence->target_interface);
    if (relation->evidence == NULL || relation->sent == NULL || relation->received == NULL ||
        relation->source_interface == NULL || relation->target_interface == NULL)
        return no_memory(err);
    return VFL_OK;
}

enum vfl_status vfl_picture_take(struct vfl_picture *picture, struct vfl_topology *topology,
                                 const struct vfl_flow_table *table, int64_t now_epoch_s,
                                 struct vfl_error *err)
{
    struct vfl_topology_sink sink = {on_removal, on_component, on_relation, on_traffic, picture};
    enum vfl_status st = vfl_topology_emit(topology, now_epoch_s, sink, err);
    if (st == VFL_OK && picture->by_id == NULL)
        st = index_relations(picture, err);
    if (st != VFL_OK)
        return st;
    return vfl_topology_walk_evidence(topology, table, now_epoch_s,
                                      (struct vfl_evidence_sink){on_evidence, picture}, err);
}

/* --- printing --- */

static void append_end(struct vfl_strbuf *out, const char *id, const char *interface_id)
{
    vfl_words_append(out, vfl_span_from_string(vfl_words_of_id(id)));
    vfl_strbuf_append_string(out, " (");
    vfl_words_append(
        out, vfl_span_from_string(interface_id[0] != '\0' ? interface_id : "no known interface"));
    vfl_strbuf_append_char(out, ')');
}

void vfl_picture_print(const struct vfl_picture *picture, FILE *out)
{
    for (uint32_t i = 0; i < picture->count; i++) {
        const struct vfl_picture_relation *relation = &picture->relations[i];
        if (relation->evidence == NULL) /* what is sent has evidence */
            continue;
        struct vfl_strbuf title = VFL_STRBUF_INIT(8192);
        append_end(&title, relation->source_id, relation->source_interface);
        vfl_strbuf_append_string(&title, " -> ");
        append_end(&title, relation->target_id, relation->target_interface);
        (void)fprintf(
            out, "%s\n%s%s  sent         %" PRIu64 " bytes%s  received     %" PRIu64 " bytes%s\n",
            vfl_strbuf_string(&title), relation->told, relation->evidence, relation->bytes_sent,
            relation->sent, relation->bytes_received, relation->received);
        vfl_strbuf_fini(&title);
    }
}
