/* Reads several objects at once: hands them to threads and gives back what was read, one by one.
 *
 * One thread, the run's, makes all calls but cancel. The threads do nothing but read objects, each
 * into a reader and over a connection of its own; they know neither the agent nor the run. They
 * exist between start and finish alone; connections are kept. Without threads (one object, one
 * worker, or no thread to be had) collect reads on the calling thread: the same order of calls. */
#ifndef VFL_WORKERS_H
#define VFL_WORKERS_H

#include "core/object_reader.h"

#define VFL_WORKERS_MAX_COUNT 32u
/* Without a number of workers: a core each, up to so many. */
#define VFL_WORKERS_DEFAULT_COUNT 4u

struct vfl_workers;

struct vfl_workers_options {
    struct vfl_store *store; /* borrowed */
    unsigned worker_count;   /* up to VFL_WORKERS_MAX_COUNT; 0: by the cores */
    bool is_remote;          /* objects come over a network */
};

/* What to read; borrowed until the reading is released or the workers are finished. */
struct vfl_reading_task {
    struct vfl_store_object object;
    struct vfl_object_key key;
    bool needs_vpc_id;
    void *listed; /* the caller's own */
};

/* One object, read or not. */
struct vfl_reading {
    struct vfl_reading_task task;
    enum vfl_status status;
    struct vfl_error failure;          /* when status is not VFL_OK */
    struct vfl_object_summary summary; /* when it is, as is flows */
    struct vfl_flow_table *flows;      /* may be emptied */
    int64_t took_ms;                   /* from its read's begin, all attempts */
};

enum vfl_status vfl_workers_new(const struct vfl_workers_options *options,
                                struct vfl_workers **ret_workers,
                                struct vfl_error *err) VFL_MUST_CHECK;
void vfl_workers_free(struct vfl_workers *workers); /* NULL is fine */

/* Makes ready for so many objects. Too little memory or too few threads make it slower, not fail.
 */
void vfl_workers_start(struct vfl_workers *workers, size_t object_count, int64_t now_epoch_s,
                       const struct vfl_eras *eras);
/* Whether an object of that size can be handed out: always when none is pending. */
bool vfl_workers_has_room(const struct vfl_workers *workers, int64_t size_bytes);
/* Objects handed out and not collected. */
size_t vfl_workers_pending_count(const struct vfl_workers *workers);
/* Only with room. Copies the task. */
void vfl_workers_hand_out(struct vfl_workers *workers, const struct vfl_reading_task *task);
/* Only with objects pending. Waits for the next one to be done, in no particular order; its flows
 * stay until it is released. */
struct vfl_reading *vfl_workers_collect(struct vfl_workers *workers);
void vfl_workers_release(struct vfl_workers *workers, struct vfl_reading *reading);
/* Breaks off what is under way, within a second, and ends the threads. After start only; once. */
void vfl_workers_finish(struct vfl_workers *workers);

/* Any thread, for good: what is being read ends with VFL_CANCELLED within a second. Reading on the
 * calling thread ends by the flag of options.store. */
void vfl_workers_cancel(struct vfl_workers *workers);

#endif
