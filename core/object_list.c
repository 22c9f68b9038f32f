#include "core/object_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/flowlog/object_key.h"

static void free_objects(struct vfl_listed_object *objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(objects[i].key);
        free(objects[i].etag);
    }
    free(objects);
}

void vfl_object_list_fini(struct vfl_object_list *list)
{
    if (list == NULL)
        return;
    free_objects(list->to_read, list->to_read_count);
    free_objects(list->to_delete, list->to_delete_count);
    *list = (struct vfl_object_list){0};
}

static enum vfl_status append(struct vfl_listed_object **objects, size_t *count, size_t *room,
                              const struct vfl_listed_object *object,
                              const struct vfl_store_object *from, struct vfl_error *err)
{
    if (*count == *room) {
        size_t new_room = *room == 0 ? 64 : *room * 2;
        struct vfl_listed_object *grown = realloc(*objects, new_room * sizeof *grown);
        if (grown == NULL)
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the list of objects");
        *objects = grown;
        *room = new_room;
    }
    struct vfl_listed_object copy = *object;
    copy.key = strndup(from->key.ptr, from->key.len);
    copy.etag = strndup(from->etag.len > 0 ? from->etag.ptr : "", from->etag.len);
    if (copy.key == NULL || copy.etag == NULL) {
        free(copy.key);
        free(copy.etag);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the list of objects");
    }
    (*objects)[(*count)++] = copy;
    return VFL_OK;
}

static int compare_newest_first(const void *left, const void *right)
{
    const struct vfl_listed_object *a = left;
    const struct vfl_listed_object *b = right;
    if (a->time_epoch_s != b->time_epoch_s)
        return a->time_epoch_s > b->time_epoch_s ? -1 : 1;
    return strcmp(a->key, b->key);
}

void vfl_object_list_sort(struct vfl_object_list *list)
{
    if (list->to_read_count > 1)
        qsort(list->to_read, list->to_read_count, sizeof *list->to_read, compare_newest_first);
    for (; list->to_read_count > VFL_OBJECT_LIST_MAX_COUNT; list->beyond_count++) {
        struct vfl_listed_object *oldest = &list->to_read[--list->to_read_count];
        free(oldest->key);
        free(oldest->etag);
    }
}

struct region_listing {
    struct vfl_object_list *list;
    const struct vfl_object_source *source;
    int64_t last_ms; /* when the store was asked, or showed the object before */
};

/* A pause that is longer than any was noted by a clock that has been set since. */
static bool is_paused(const struct vfl_ledger_entry *entry, int64_t now_epoch_s)
{
    return entry != NULL && entry->retry_epoch_s > now_epoch_s &&
           entry->retry_epoch_s <= now_epoch_s + VFL_LEDGER_MAX_PAUSE_S;
}

static enum vfl_status classify(struct region_listing *listing, const struct vfl_store_object *from,
                                const struct vfl_object_key *key, struct vfl_error *err)
{
    struct vfl_object_list *list = listing->list;
    const struct vfl_object_source *source = listing->source;
    struct vfl_listed_object object = {
        .size_bytes = from->size_bytes,
        .time_epoch_s = key->time_epoch_s,
        .region = source->region,
        .is_archived = from->is_archived,
    };
    enum vfl_status st = vfl_ledger_digest(from->key, from->etag, &object.digest, err);
    if (st != VFL_OK)
        return st;
    list->listed_count++;
    struct vfl_ledger_entry *entry = vfl_ledger_find(source->ledger, object.digest);
    if (entry != NULL)
        entry->is_listed = true;
    bool is_emitted = entry != NULL && entry->state == VFL_OBJECT_EMITTED;
    /* With dry_run nothing is ever deleted, so there is nothing to wait for. */
    vfl_listing_region_see(source->progress, key, !is_emitted || !source->config->is_dry_run);
    if (is_emitted)
        return append(&list->to_delete, &list->to_delete_count, &list->to_delete_room, &object,
                      from, err);
    if (is_paused(entry, source->now_epoch_s)) {
        list->paused_count++;
        return VFL_OK;
    }
    /* A listing shows the oldest first. Room for as many again, lest each one costs a sort. */
    if (list->to_read_count == 2 * VFL_OBJECT_LIST_MAX_COUNT)
        vfl_object_list_sort(list);
    return append(&list->to_read, &list->to_read_count, &list->to_read_room, &object, from, err);
}

static void note_wait(struct region_listing *listing)
{
    int64_t now_ms = listing->source->monotonic_ms();
    if (listing->list->slowest_page_ms < now_ms - listing->last_ms)
        listing->list->slowest_page_ms = now_ms - listing->last_ms;
    listing->last_ms = now_ms;
}

static enum vfl_status on_object(void *ctx, const struct vfl_store_object *object,
                                 struct vfl_error *err)
{
    struct region_listing *listing = ctx;
    struct vfl_object_list *list = listing->list;
    const struct vfl_config *config = listing->source->config;
    struct vfl_object_key key;
    struct vfl_error problem = {0};
    note_wait(listing);
    enum vfl_status st =
        vfl_object_key_parse(object->key, vfl_span_from_string(config->log_prefix),
                             vfl_span_from_string(config->account),
                             vfl_span_from_string(listing->source->region), &key, &problem);
    if (st == VFL_OK)
        return classify(listing, object, &key, err);
    if (st == VFL_FORMAT) {
        list->bad_date_count++;
        (void)snprintf(list->bad_date_key, sizeof list->bad_date_key, "%.*s",
                       (int)(object->key.len > 255 ? 255 : object->key.len), object->key.ptr);
    } else {
        list->foreign_count++;
    }
    return VFL_OK;
}

enum vfl_status vfl_object_list_add(struct vfl_object_list *list,
                                    const struct vfl_object_source *source,
                                    const struct vfl_listing_steps *steps, struct vfl_error *err)
{
    struct region_listing listing = {.list = list, .source = source};
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; i < steps->count && st == VFL_OK; i++) {
        const struct vfl_listing_step *step = &steps->steps[i];
        listing.last_ms = source->monotonic_ms();
        st = source->store->ops->list(source->store, step->prefix, step->start_after,
                                      (struct vfl_object_sink){on_object, &listing}, err);
        note_wait(&listing);
    }
    return st;
}
