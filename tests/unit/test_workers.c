#include "core/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/fake/bucket.h"
#include "tests/unit/run_suite.h"

/* ---- a store whose objects all hold one record, and which sees who reads ---- */

enum behaviour {
    ANSWER,
    WAIT_FOR_CANCEL,  /* a server that never answers */
    FAIL_TWICE,       /* then answer */
    FAIL_ODD_OBJECTS, /* as bad ones */
    FAIL_FOR_EVER,
};

/* What all stores of a test see together. */
struct scene {
    enum behaviour behaviour;
    bool is_doubling_refused;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned get_count, own_thread_count, waiting_count, store_count;
    unsigned at_once, most_at_once;
    pthread_t caller;
    int caller_nice;
    bool is_signal_open, is_fault_blocked, is_priority_kept;
};

struct scene_store {
    struct vfl_store base;
    struct scene *scene;
    const atomic_bool *cancelled;
};

static unsigned char bytes[1000];
static size_t size;

static void look_at_thread(struct scene *scene)
{
    sigset_t blocked;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    scene->is_signal_open |= sigismember(&blocked, SIGTERM) == 0 ||
                             sigismember(&blocked, SIGURG) == 0 ||
                             sigismember(&blocked, SIGPIPE) == 0;
    scene->is_fault_blocked |= sigismember(&blocked, SIGSEGV) == 1;
    scene->is_priority_kept |=
        getpriority(PRIO_PROCESS, 0) <= scene->caller_nice && scene->caller_nice < 19;
}

static void wait_for_cancel(const struct scene_store *store)
{
    struct timespec pause = {.tv_nsec = 1000000};
    while (!atomic_load(store->cancelled))
        (void)nanosleep(&pause, NULL);
}

static enum vfl_status get(struct vfl_store *base, const struct vfl_store_object *expected,
                           struct vfl_sink sink, struct vfl_error *err)
{
    struct scene_store *store = (struct scene_store *)base;
    struct scene *scene = store->scene;
    bool is_odd = expected->size_bytes % 2 == 1;
    (void)pthread_mutex_lock(&scene->lock);
    unsigned get_count = ++scene->get_count;
    if (pthread_equal(pthread_self(), scene->caller))
        scene->own_thread_count++;
    else
        look_at_thread(scene);
    if (++scene->at_once > scene->most_at_once)
        scene->most_at_once = scene->at_once;
    scene->waiting_count += scene->behaviour == WAIT_FOR_CANCEL;
    (void)pthread_cond_broadcast(&scene->changed);
    (void)pthread_mutex_unlock(&scene->lock);
    enum vfl_status st = VFL_OK;
    if (scene->behaviour == WAIT_FOR_CANCEL) {
        wait_for_cancel(store);
        st = vfl_error_set(err, VFL_CANCELLED, "cancelled");
    } else if (scene->behaviour == FAIL_FOR_EVER ||
               (scene->behaviour == FAIL_TWICE && get_count <= 2)) {
        st = vfl_error_set(err, VFL_RETRY, "not now");
    } else if (scene->behaviour == FAIL_ODD_OBJECTS && is_odd) {
        st = vfl_error_set(err, VFL_FORMAT, "odd");
    } else {
        st = sink.write(sink.ctx, (struct vfl_span){(const char *)bytes, size}, err);
    }
    (void)pthread_mutex_lock(&scene->lock);
    scene->at_once--;
    (void)pthread_mutex_unlock(&scene->lock);
    return st;
}

static void free_store(struct vfl_store *store)
{
    free(store);
}

static enum vfl_status new_beside(struct vfl_store *store, const atomic_bool *cancelled,
                                  struct vfl_store **ret_store, struct vfl_error *err)
{
    struct scene *scene = ((struct scene_store *)store)->scene;
    if (scene->is_doubling_refused)
        return vfl_error_set(err, VFL_NO_MEMORY, "no");
    struct scene_store *beside = calloc(1, sizeof *beside);
    ck_assert_ptr_nonnull(beside);
    *beside = (struct scene_store){*store, scene, cancelled};
    scene->store_count++;
    *ret_store = &beside->base;
    return VFL_OK;
}

static const struct vfl_store_ops scene_ops = {
    .get = get, .free = free_store, .new_beside = new_beside};

/* ---- the caller ---- */

static struct scene scene;
static struct scene_store store;
static struct vfl_workers *workers;
static struct vfl_object_key key;
static char key_text[FAKE_KEY_SIZE];
static atomic_bool caller_cancelled;

static void open_scene(unsigned worker_count, bool is_remote)
{
    struct vfl_error err = {0};
    scene = (struct scene){
        .caller = pthread_self(),
        .caller_nice = getpriority(PRIO_PROCESS, 0),
    };
    ck_assert_int_eq(pthread_mutex_init(&scene.lock, NULL), 0);
    ck_assert_int_eq(pthread_cond_init(&scene.changed, NULL), 0);
    store = (struct scene_store){{&scene_ops}, &scene, &caller_cancelled};
    fake_key(0, 1, key_text);
    ck_assert_int_eq(vfl_object_key_parse(vfl_span_from_string(key_text), vfl_span_from_string(""),
                                          (struct vfl_span){0}, (struct vfl_span){0}, &key, &err),
                     VFL_OK);
    size = fake_gzip(FAKE_HEADER "2 123456789012 eni-0a 10.0.0.1 10.0.0.2 40000 443 6 1 100 "
                                 "1795168800 1795168860 ACCEPT OK\n",
                     bytes, sizeof bytes);
    const struct vfl_workers_options options = {&store.base, worker_count, is_remote};
    ck_assert_int_eq(vfl_workers_new(&options, &workers, &err), VFL_OK);
}

static void close_scene(void)
{
    vfl_workers_free(workers);
    vfl_workers_free(NULL);
    (void)pthread_mutex_destroy(&scene.lock);
    (void)pthread_cond_destroy(&scene.changed);
}

static void start(size_t object_count)
{
    static const struct vfl_eras none;
    vfl_workers_start(workers, object_count, FAKE_START_EPOCH_S + 600, &none);
}

static void hand_out(size_t number, bool *is_back)
{
    const struct vfl_reading_task task = {
        .object = {.key = vfl_span_from_string(key_text), .size_bytes = (int64_t)number},
        .key = key,
        .listed = is_back,
    };
    vfl_workers_hand_out(workers, &task);
}

struct tally {
    size_t ok_count, bad_count, retry_count, cancelled_count;
    uint64_t bytes;
};

static void collect_one(struct tally *tally)
{
    struct vfl_reading *reading = vfl_workers_collect(workers);
    bool *is_back = reading->task.listed;
    ck_assert_msg(!*is_back, "object %lld twice", (long long)reading->task.object.size_bytes);
    *is_back = true;
    tally->ok_count += reading->status == VFL_OK;
    tally->bad_count += reading->status == VFL_FORMAT;
    tally->retry_count += reading->status == VFL_RETRY;
    tally->cancelled_count += reading->status == VFL_CANCELLED;
    if (reading->status == VFL_OK) {
        ck_assert_uint_eq(reading->flows->flow_count, 1);
        tally->bytes += vfl_flow_at(reading->flows, 0)->bytes;
    } else {
        ck_assert_int_eq(reading->failure.status, reading->status);
    }
    vfl_workers_release(workers, reading);
}

/* As the run does it: as many out as there is room for. */
static struct tally read_all(size_t object_count)
{
    struct tally tally = {0};
    bool are_back[64] = {false};
    ck_assert_uint_le(object_count, sizeof are_back / sizeof are_back[0]);
    start(object_count);
    size_t next = 0;
    do {
        while (next < object_count && vfl_workers_has_room(workers, (int64_t)next)) {
            hand_out(next, &are_back[next]);
            next++;
        }
        collect_one(&tally);
    } while (next < object_count || vfl_workers_pending_count(workers) > 0);
    vfl_workers_finish(workers);
    for (size_t i = 0; i < object_count; i++)
        ck_assert(are_back[i]);
    return tally;
}

/* ---- tests ---- */

START_TEST(every_object_comes_back_once_with_any_number_of_workers)
{
    for (unsigned count = 0; count <= VFL_WORKERS_MAX_COUNT; count += count < 8 ? 1 : 8) {
        open_scene(count, count % 2 == 0);
        for (int run = 0; run < 3; run++) {
            struct tally tally = read_all(64);
            ck_assert_uint_eq(tally.ok_count, 64);
            ck_assert_uint_eq(tally.bytes, 6400);
        }
        ck_assert_uint_eq(scene.get_count, 3 * 64);
        close_scene();
    }
}
END_TEST

START_TEST(a_bad_object_is_no_matter_of_the_others)
{
    open_scene(4, false);
    scene.behaviour = FAIL_ODD_OBJECTS;
    struct tally tally = read_all(64);
    ck_assert_uint_eq(tally.ok_count, 32);
    ck_assert_uint_eq(tally.bad_count, 32);
    close_scene();
}
END_TEST

/* No threads for what one thread does as well. */
START_TEST(one_worker_or_one_object_is_the_callers_own)
{
    open_scene(1, true);
    ck_assert_uint_eq(read_all(5).ok_count, 5);
    ck_assert_uint_eq(scene.own_thread_count, 5);
    close_scene();
    open_scene(4, true);
    ck_assert_uint_eq(read_all(1).ok_count, 1);
    ck_assert_uint_eq(scene.own_thread_count, 1);
    ck_assert_uint_eq(scene.store_count, 0);
    ck_assert_uint_eq(read_all(3).ok_count, 3);
    ck_assert_uint_eq(scene.own_thread_count, 1);
    ck_assert_uint_eq(scene.store_count, 3);
    ck_assert_uint_eq(read_all(3).ok_count, 3);
    ck_assert_uint_eq(scene.store_count, 3); /* connections are kept */
    close_scene();
}
END_TEST

START_TEST(threads_leave_the_host_its_signals_and_its_cores)
{
    open_scene(4, false);
    ck_assert_uint_eq(read_all(64).ok_count, 64);
    ck_assert_uint_eq(scene.own_thread_count, 0);
    ck_assert(!scene.is_signal_open);
    ck_assert(!scene.is_fault_blocked);
#ifdef __linux__
    ck_assert(!scene.is_priority_kept);
#endif
    ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), scene.caller_nice);
    sigset_t blocked;
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    ck_assert_int_eq(sigismember(&blocked, SIGTERM), 0);
    close_scene();
}
END_TEST

START_TEST(without_further_connections_the_caller_reads)
{
    open_scene(4, true);
    scene.is_doubling_refused = true;
    ck_assert_uint_eq(read_all(10).ok_count, 10);
    ck_assert_uint_eq(scene.own_thread_count, 10);
    close_scene();
}
END_TEST

START_TEST(an_object_is_tried_three_times)
{
    for (unsigned count = 1; count <= 4; count += 3) {
        open_scene(count, false);
        scene.behaviour = FAIL_TWICE;
        ck_assert_uint_eq(read_all(1).ok_count, 1);
        ck_assert_uint_eq(scene.get_count, 3);
        scene.behaviour = FAIL_FOR_EVER;
        ck_assert_uint_eq(read_all(2).retry_count, 2);
        ck_assert_uint_eq(scene.get_count, 3 + 2 * 3);
        close_scene();
    }
}
END_TEST

static void wait_until_waiting(unsigned count)
{
    (void)pthread_mutex_lock(&scene.lock);
    while (scene.waiting_count < count)
        (void)pthread_cond_wait(&scene.changed, &scene.lock);
    (void)pthread_mutex_unlock(&scene.lock);
}

static void *cancel_when_all_wait(void *ctx)
{
    (void)ctx;
    wait_until_waiting(4);
    vfl_workers_cancel(workers);
    return NULL;
}

START_TEST(cancelling_ends_all_that_is_under_way_and_what_comes_later)
{
    struct tally tally = {0};
    bool are_back[5] = {false};
    pthread_t thread;
    open_scene(4, false);
    scene.behaviour = WAIT_FOR_CANCEL;
    start(5);
    for (size_t i = 0; i < 4; i++)
        hand_out(i, &are_back[i]);
    ck_assert(!vfl_workers_has_room(workers, 1));
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_when_all_wait, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        collect_one(&tally);
    ck_assert_uint_eq(tally.cancelled_count, 4);
    ck_assert_uint_eq(scene.most_at_once, 4);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    vfl_workers_finish(workers);
    ck_assert_uint_eq(read_all(5).cancelled_count, 5);
    close_scene();
}
END_TEST

/* The run is over for another reason: nobody waits for the server. */
START_TEST(finishing_breaks_off_what_was_not_collected)
{
    bool are_back[4] = {false};
    open_scene(4, false);
    scene.behaviour = WAIT_FOR_CANCEL;
    start(4);
    for (size_t i = 0; i < 4; i++)
        hand_out(i, &are_back[i]);
    wait_until_waiting(4);
    vfl_workers_finish(workers);
    scene.behaviour = ANSWER;
    ck_assert_uint_eq(read_all(20).ok_count, 20);
    close_scene();
}
END_TEST

START_TEST(large_objects_are_not_read_at_once)
{
    const int64_t mib = 1 << 20;
    bool are_back[4] = {false};
    open_scene(4, false);
    start(4);
    ck_assert(vfl_workers_has_room(workers, INT64_MAX));
    hand_out((size_t)(200 * mib), &are_back[0]);
    ck_assert(vfl_workers_has_room(workers, -1));
    ck_assert(vfl_workers_has_room(workers, 56 * mib));
    ck_assert(!vfl_workers_has_room(workers, 56 * mib + 1));
    hand_out((size_t)(56 * mib), &are_back[1]);
    ck_assert(!vfl_workers_has_room(workers, 1));
    struct tally tally = {0};
    collect_one(&tally);
    collect_one(&tally);
    ck_assert(vfl_workers_has_room(workers, INT64_MAX));
    hand_out((size_t)INT64_MAX, &are_back[2]);
    ck_assert(!vfl_workers_has_room(workers, 1));
    collect_one(&tally);
    ck_assert_uint_eq(tally.ok_count, 3);
    vfl_workers_finish(workers);
    close_scene();
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        every_object_comes_back_once_with_any_number_of_workers,
        a_bad_object_is_no_matter_of_the_others,
        one_worker_or_one_object_is_the_callers_own,
        threads_leave_the_host_its_signals_and_its_cores,
        without_further_connections_the_caller_reads,
        an_object_is_tried_three_times,
        cancelling_ends_all_that_is_under_way_and_what_comes_later,
        finishing_breaks_off_what_was_not_collected,
        large_objects_are_not_read_at_once,
    };
    return RUN_SUITE("workers", cases);
}
