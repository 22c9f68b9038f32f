#include "core/workers.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "core/aws/clock.h"
#include "core/threads.h"

#define READ_ATTEMPTS 3
/* A thread that waits for S3's first byte uses no core. Measured with workers: 2 on two cores and
 * small objects on a loopback radosgw: 626 objects a second with one thread for each worker, 761
 * with two; with 20 ms on the way to it 79 and 132. */
#define THREADS_PER_REMOTE_WORKER 2u
/* As stored, of all objects under way: what their flow tables take depends on it, and AWS's largest
 * object has 75 MB. */
#define MAX_BYTES_AT_ONCE (INT64_C(256) << 20)

struct slot {
    struct vfl_reading reading; /* first: a reading is found in its slot */
    struct vfl_object_reader *reader;
    struct slot *next; /* in the list that it is in */
};

struct slot_list {
    struct slot *first, *last;
};

struct worker {
    struct vfl_workers *workers;
    struct vfl_store *store; /* its own; kept from run to run */
    pthread_t thread;
};

struct vfl_workers {
    struct vfl_store *store;
    atomic_bool is_cancelled; /* for good */
    atomic_bool is_stopped;   /* breaks off the workers' transfers */
    unsigned max_thread_count;
    struct worker *workers;
    /* One for each worker: a second one, to read on while the first is taken in, gained nothing on
     * two cores, where the caller's thread needs one of them to take it in. */
    struct slot *slots; /* the first one always has a reader */
    /* of one run's reading; idle and pending are the caller's alone */
    unsigned thread_count;
    unsigned slot_count;
    int64_t now_epoch_s;
    struct slot_list idle;
    size_t pending_count;
    int64_t bytes_at_once; /* of the objects that are not released yet */
    pthread_mutex_t lock;
    pthread_cond_t is_handed_out, is_done;
    struct slot_list handed_out, done; /* under the lock, as is is_over */
    bool is_over;
};

static void push(struct slot_list *list, struct slot *slot)
{
    slot->next = NULL;
    if (list->first == NULL)
        list->first = slot;
    else
        list->last->next = slot;
    list->last = slot;
}

static struct slot *pop(struct slot_list *list)
{
    struct slot *slot = list->first;
    if (slot != NULL)
        list->first = slot->next;
    return slot;
}

/* --- in a worker's thread, or in the caller's when there is none --- */

static void read_slot(struct vfl_workers *workers, struct slot *slot, struct vfl_store *store)
{
    struct vfl_reading *reading = &slot->reading;
    const struct vfl_reading_task *task = &reading->task;
    enum vfl_status st = VFL_RETRY;
    int64_t start_ms = vfl_clock_monotonic_ms();
    for (unsigned i = 0; i < READ_ATTEMPTS && st == VFL_RETRY; i++)
        st = vfl_object_read(slot->reader, store, &task->object, &task->key, task->needs_vpc_id,
                             workers->now_epoch_s, &reading->summary, &reading->failure);
    reading->status = st;
    reading->took_ms = vfl_clock_monotonic_ms() - start_ms;
}

static void *work(void *ctx)
{
    struct worker *worker = ctx;
    struct vfl_workers *workers = worker->workers;
    (void)pthread_mutex_lock(&workers->lock);
    for (;;) {
        struct slot *slot = NULL;
        while (!workers->is_over && (slot = pop(&workers->handed_out)) == NULL)
            (void)pthread_cond_wait(&workers->is_handed_out, &workers->lock);
        if (slot == NULL)
            break;
        (void)pthread_mutex_unlock(&workers->lock);
        read_slot(workers, slot, worker->store);
        (void)pthread_mutex_lock(&workers->lock);
        push(&workers->done, slot);
        (void)pthread_cond_signal(&workers->is_done);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return NULL;
}

/* --- life --- */

static bool init_locks(struct vfl_workers *workers)
{
    if (pthread_mutex_init(&workers->lock, NULL) != 0)
        return false;
    if (pthread_cond_init(&workers->is_handed_out, NULL) != 0)
        goto no_handed_out;
    if (pthread_cond_init(&workers->is_done, NULL) == 0)
        return true;
    (void)pthread_cond_destroy(&workers->is_handed_out);
no_handed_out:
    (void)pthread_mutex_destroy(&workers->lock);
    return false;
}

static unsigned thread_count_of(const struct vfl_workers_options *options)
{
    unsigned count = options->worker_count;
    if (count == 0)
        count = vfl_threads_core_count();
    if (options->worker_count == 0 && count > VFL_WORKERS_DEFAULT_COUNT)
        count = VFL_WORKERS_DEFAULT_COUNT;
    assert(count <= VFL_WORKERS_MAX_COUNT);
    return options->is_remote && count > 1 ? count * THREADS_PER_REMOTE_WORKER : count;
}

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for reading objects");
}

enum vfl_status vfl_workers_new(const struct vfl_workers_options *options,
                                struct vfl_workers **ret_workers, struct vfl_error *err)
{
    struct vfl_workers *workers = calloc(1, sizeof *workers);
    if (workers == NULL || !init_locks(workers)) {
        free(workers);
        return no_memory(err);
    }
    atomic_init(&workers->is_cancelled, false);
    atomic_init(&workers->is_stopped, false);
    workers->store = options->store;
    workers->max_thread_count = thread_count_of(options);
    workers->workers = calloc(workers->max_thread_count, sizeof *workers->workers);
    workers->slots = calloc(workers->max_thread_count, sizeof *workers->slots);
    enum vfl_status st = workers->workers == NULL || workers->slots == NULL
                             ? no_memory(err)
                             : vfl_object_reader_new(&workers->slots[0].reader, err);
    if (st != VFL_OK) {
        vfl_workers_free(workers);
        return st;
    }
    *ret_workers = workers;
    return VFL_OK;
}

void vfl_workers_free(struct vfl_workers *workers)
{
    if (workers == NULL)
        return;
    for (unsigned i = 0; workers->workers != NULL && i < workers->max_thread_count; i++)
        if (workers->workers[i].store != NULL)
            workers->workers[i].store->ops->free(workers->workers[i].store);
    if (workers->slots != NULL)
        vfl_object_reader_free(workers->slots[0].reader);
    free(workers->workers);
    free(workers->slots);
    (void)pthread_cond_destroy(&workers->is_handed_out);
    (void)pthread_cond_destroy(&workers->is_done);
    (void)pthread_mutex_destroy(&workers->lock);
    free(workers);
}

void vfl_workers_cancel(struct vfl_workers *workers)
{
    atomic_store(&workers->is_cancelled, true);
    atomic_store(&workers->is_stopped, true);
}

/* --- the reading of one run --- */

static unsigned make_slots(struct vfl_workers *workers, size_t wanted, const struct vfl_eras *eras)
{
    unsigned count = 0;
    while (count < wanted) {
        struct slot *slot = &workers->slots[count];
        if (slot->reader == NULL && vfl_object_reader_new(&slot->reader, NULL) != VFL_OK)
            break;
        vfl_object_reader_set_eras(slot->reader, eras);
        slot->reading.flows = vfl_object_reader_table(slot->reader);
        push(&workers->idle, slot);
        count++;
    }
    return count;
}

static bool start_worker(struct vfl_workers *workers, struct worker *worker)
{
    struct vfl_store *store = workers->store;
    worker->workers = workers;
    if (worker->store == NULL &&
        store->ops->new_beside(store, &workers->is_stopped, &worker->store, NULL) != VFL_OK)
        return false;
    return vfl_threads_start(&worker->thread, work, worker);
}

void vfl_workers_start(struct vfl_workers *workers, size_t object_count, int64_t now_epoch_s,
                       const struct vfl_eras *eras)
{
    size_t thread_count =
        object_count < workers->max_thread_count ? object_count : workers->max_thread_count;
    workers->now_epoch_s = now_epoch_s;
    workers->idle = workers->handed_out = workers->done = (struct slot_list){0};
    workers->pending_count = 0;
    workers->bytes_at_once = 0;
    workers->is_over = false;
    /* In this order: vfl_workers_cancel sets the two in the other one, so it cannot get lost. */
    atomic_store(&workers->is_stopped, false);
    if (atomic_load(&workers->is_cancelled))
        atomic_store(&workers->is_stopped, true);
    workers->slot_count = make_slots(workers, thread_count > 0 ? thread_count : 1, eras);
    workers->thread_count = 0;
    while (workers->slot_count > 1 && workers->thread_count < workers->slot_count &&
           start_worker(workers, &workers->workers[workers->thread_count]))
        workers->thread_count++;
}

/* A listed size is only what somebody says. */
static int64_t counted_bytes(int64_t size_bytes)
{
    if (size_bytes < 0)
        return 0;
    return size_bytes < MAX_BYTES_AT_ONCE ? size_bytes : MAX_BYTES_AT_ONCE;
}

bool vfl_workers_has_room(const struct vfl_workers *workers, int64_t size_bytes)
{
    if (workers->pending_count == 0)
        return true;
    return workers->idle.first != NULL && workers->thread_count > 0 &&
           workers->bytes_at_once + counted_bytes(size_bytes) <= MAX_BYTES_AT_ONCE;
}

size_t vfl_workers_pending_count(const struct vfl_workers *workers)
{
    return workers->pending_count;
}

void vfl_workers_hand_out(struct vfl_workers *workers, const struct vfl_reading_task *task)
{
    struct slot *slot = pop(&workers->idle);
    assert(slot != NULL);
    slot->reading.task = *task;
    slot->reading.failure = (struct vfl_error){0};
    workers->pending_count++;
    workers->bytes_at_once += counted_bytes(task->object.size_bytes);
    (void)pthread_mutex_lock(&workers->lock);
    push(&workers->handed_out, slot);
    (void)pthread_cond_signal(&workers->is_handed_out);
    (void)pthread_mutex_unlock(&workers->lock);
}

struct vfl_reading *vfl_workers_collect(struct vfl_workers *workers)
{
    struct slot *slot;
    assert(workers->pending_count > 0);
    if (workers->thread_count == 0) {
        slot = pop(&workers->handed_out);
        read_slot(workers, slot, workers->store);
    } else {
        (void)pthread_mutex_lock(&workers->lock);
        while ((slot = pop(&workers->done)) == NULL)
            (void)pthread_cond_wait(&workers->is_done, &workers->lock);
        (void)pthread_mutex_unlock(&workers->lock);
    }
    workers->pending_count--;
    return &slot->reading;
}

void vfl_workers_release(struct vfl_workers *workers, struct vfl_reading *reading)
{
    workers->bytes_at_once -= counted_bytes(reading->task.object.size_bytes);
    push(&workers->idle, (struct slot *)reading);
}

void vfl_workers_finish(struct vfl_workers *workers)
{
    atomic_store(&workers->is_stopped, true);
    (void)pthread_mutex_lock(&workers->lock);
    workers->is_over = true;
    (void)pthread_cond_broadcast(&workers->is_handed_out);
    (void)pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->thread_count; i++)
        (void)pthread_join(workers->workers[i].thread, NULL);
    workers->thread_count = 0;
    /* The first one serves the many runs that have one object; the tables of all of them would be
     * as many times the largest object. */
    for (unsigned i = 1; i < workers->slot_count; i++) {
        vfl_object_reader_free(workers->slots[i].reader);
        workers->slots[i].reader = NULL;
    }
}
