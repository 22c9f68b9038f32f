/* The flow-log objects that a listing shows, and what each one is due for. Not thread-safe. */
#ifndef VFL_OBJECT_LIST_H
#define VFL_OBJECT_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/ledger.h"
#include "core/listing_plan.h"
#include "core/store/store.h"

/* Objects to read in a run: the newest. What a listing shows beyond waits for a later run. */
#define VFL_OBJECT_LIST_MAX_COUNT 50000u

struct vfl_listed_object {
    char *key; /* owned by the list, as is etag */
    char *etag;
    uint64_t digest; /* of vfl_ledger_digest */
    int64_t size_bytes;
    int64_t time_epoch_s; /* of the key's name */
    const char *region;   /* borrowed from the configuration */
    bool is_archived;
    bool is_read;     /* in this run, as those that follow */
    bool is_refused;  /* it exists, and we may not read it */
    bool is_deferred; /* tried after those that are not */
};

/* Zeroed is empty. */
struct vfl_object_list {
    struct vfl_listed_object *to_read; /* newest first, then by key */
    size_t to_read_count, to_read_room;
    struct vfl_listed_object *to_delete; /* their emission is confirmed */
    size_t to_delete_count, to_delete_room;
    uint64_t listed_count;   /* flow-log objects */
    uint64_t foreign_count;  /* other keys under the prefixes: never touched */
    uint64_t bad_date_count; /* flow-log names with an impossible date: never touched */
    uint64_t paused_count;   /* bad objects whose pause is not over */
    uint64_t beyond_count;   /* objects to read that VFL_OBJECT_LIST_MAX_COUNT left out */
    char bad_date_key[256];  /* one of them, for the message */
    int64_t slowest_page_ms; /* the longest that the store took until it showed the next object */
};

/* One region's listing; all borrowed. */
struct vfl_object_source {
    struct vfl_store *store;
    const struct vfl_config *config;
    const char *region;
    struct vfl_ledger *ledger;
    struct vfl_listing_region *progress; /* is told of every flow-log object */
    int64_t now_epoch_s;
    int64_t (*monotonic_ms)(void);
};

void vfl_object_list_fini(struct vfl_object_list *list); /* NULL and zeroed are fine */

/* Adds what the listings of steps show. Marks ledger entries as listed. After a failure list holds
 * what was shown until then. Statuses of the store's list. */
enum vfl_status vfl_object_list_add(struct vfl_object_list *list,
                                    const struct vfl_object_source *source,
                                    const struct vfl_listing_steps *steps,
                                    struct vfl_error *err) VFL_MUST_CHECK;

/* Puts to_read in its order and leaves out what is beyond VFL_OBJECT_LIST_MAX_COUNT; until then
 * there may be twice as many. */
void vfl_object_list_sort(struct vfl_object_list *list);

#endif
