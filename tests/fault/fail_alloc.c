/* Preloaded into the host: lets chosen allocations of the check fail, and finds what it leaks.
 *
 * Counted are the allocations inside the check's entry points, those of the libraries that it calls
 * included, in its threads too. Not counted are those inside the agent's callbacks: they are the
 * host's own.
 *
 *   FAIL_ALLOC_AT=N       the N-th counted allocation fails, from 1; 0: none
 *   FAIL_ALLOC_LENGTH=N   and the N-1 after it (default 1)
 *   FAIL_ALLOC_REPORT=F   at the end "COUNTED LIVE FAILED" goes to file F: how many were counted,
 * how many of them were never given back, how many failed
 *
 * Needs glibc, whose own functions have second names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/stackstate_check.h"

#define SLOT_COUNT (1u << 18)
#define FREED ((void *)1)

typedef int (*configure_function)(const struct stackstate_check_callbacks *, const char *,
                                  const char *, const char *, struct stackstate_check **, char *,
                                  size_t);
typedef int (*run_function)(struct stackstate_check *, char *, size_t);
typedef void (*teardown_function)(struct stackstate_check *);

/* glibc's own, which its headers do not declare */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static struct {
    configure_function configure;
    run_function run;
    teardown_function teardown;
    struct stackstate_check_callbacks callbacks;
} real;

static unsigned long fail_at;
static unsigned long fail_length = 1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* under the mutex */
static unsigned long counted;
static unsigned long counted_before_run;
static unsigned long failed;
static struct {
    void *memory;
    void *caller; /* a return address */
} slots[SLOT_COUNT];

/* Static, so that looking at it allocates nothing. */
static __thread bool is_counting __attribute__((tls_model("initial-exec")));

static bool set_counting(bool value)
{
    bool before = is_counting;
    is_counting = value;
    return before;
}

/* --- the allocations ----------------------------------------------------------------------------
 */

static size_t slot_of(const void *memory)
{
    return ((uintptr_t)memory >> 4) * 0x9e3779b97f4a7c15u >> 46;
}

static bool must_fail(void)
{
    if (!is_counting)
        return false;
    (void)pthread_mutex_lock(&mutex);
    counted++;
    bool is_due = fail_at > 0 && counted >= fail_at && counted - fail_at < fail_length;
    failed += is_due;
    (void)pthread_mutex_unlock(&mutex);
    if (is_due)
        errno = ENOMEM;
    return is_due;
}

static void *note(void *memory, void *caller)
{
    if (!is_counting || memory == NULL)
        return memory;
    (void)pthread_mutex_lock(&mutex);
    size_t slot = slot_of(memory);
    while (slots[slot].memory != NULL && slots[slot].memory != FREED)
        slot = (slot + 1) % SLOT_COUNT;
    slots[slot].memory = memory;
    slots[slot].caller = caller;
    (void)pthread_mutex_unlock(&mutex);
    return memory;
}

/* Returns whether it was a noted one. */
static bool forget(const void *memory)
{
    if (memory == NULL)
        return false;
    (void)pthread_mutex_lock(&mutex);
    size_t slot = slot_of(memory);
    while (slots[slot].memory != NULL && slots[slot].memory != memory)
        slot = (slot + 1) % SLOT_COUNT;
    bool is_known = slots[slot].memory == memory;
    if (is_known)
        slots[slot].memory = FREED;
    (void)pthread_mutex_unlock(&mutex);
    return is_known;
}

void *malloc(size_t size)
{
    return must_fail() ? NULL : note(__libc_malloc(size), __builtin_return_address(0));
}

void *calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : note(__libc_calloc(count, size), __builtin_return_address(0));
}

void *realloc(void *memory, size_t size)
{
    if (must_fail())
        return NULL;
    /* Forgotten first: once it is freed, another thread may be given the same address. */
    bool was_known = forget(memory);
    void *moved = __libc_realloc(memory, size);
    bool before = set_counting(is_counting || was_known);
    (void)note(moved == NULL && size > 0 && was_known ? memory : moved,
               __builtin_return_address(0));
    (void)set_counting(before);
    return moved;
}

void *reallocarray(void *memory, size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(memory, count * size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
    return must_fail() ? NULL : note(__libc_memalign(alignment, size), __builtin_return_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    void *memory = memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}

void free(void *memory)
{
    (void)forget(memory);
    __libc_free(memory);
}

/* --- the check's threads ------------------------------------------------------------------------
 */

struct beginning {
    void *(*body)(void *);
    void *ctx;
};

static void *begin_counting(void *memory)
{
    struct beginning beginning = *(struct beginning *)memory;
    __libc_free(memory);
    (void)set_counting(true);
    return beginning.body(beginning.ctx);
}

static void *look_up(void *handle, const char *name);

int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *ctx)
{
    static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (create == NULL) {
        void *address = look_up(RTLD_NEXT, "pthread_create");
        memcpy(&create, &address, sizeof create);
    }
    if (!is_counting)
        return create(ret_thread, attributes, body, ctx);
    struct beginning *beginning = must_fail() ? NULL : __libc_malloc(sizeof *beginning);
    if (beginning == NULL)
        return EAGAIN;
    *beginning = (struct beginning){body, ctx};
    /* What libc keeps of a thread for the next one is not the check's to give back. */
    (void)set_counting(false);
    int failure = create(ret_thread, attributes, begin_counting, beginning);
    (void)set_counting(true);
    if (failure != 0)
        __libc_free(beginning);
    return failure;
}

/* --- the agent's callbacks ----------------------------------------------------------------------
 */

#define PAUSED(call)                                                                               \
    do {                                                                                           \
        bool before = set_counting(false);                                                         \
        real.callbacks.call;                                                                       \
        (void)set_counting(before);                                                                \
    } while (false)

static void component(char *id, struct stackstate_check_instance_key *key, char *component_id,
                      char *type, char *text)
{
    PAUSED(submit_component(id, key, component_id, type, text));
}

static void relation(char *id, struct stackstate_check_instance_key *key, char *source,
                     char *target, char *type, char *text)
{
    PAUSED(submit_relation(id, key, source, target, type, text));
}

static void removal(char *id, struct stackstate_check_instance_key *key, char *element)
{
    PAUSED(submit_delete(id, key, element));
}

static void metric(char *id, enum stackstate_check_metric_type type, char *name, double value,
                   char **tags, char *hostname, bool flush_first_value)
{
    PAUSED(submit_metric(id, type, name, value, tags, hostname, flush_first_value));
}

static void service_check(char *id, char *name, int status, char **tags, char *hostname,
                          char *message)
{
    PAUSED(submit_service_check(id, name, status, tags, hostname, message));
}

static void start_transaction(char *id)
{
    PAUSED(start_transaction(id));
}

static void stop_transaction(char *id)
{
    PAUSED(stop_transaction(id));
}

static void set_transaction_state(char *id, char *key, char *state)
{
    PAUSED(set_transaction_state(id, key, state));
}

static char *get_state(char *id, char *key)
{
    bool before = set_counting(false);
    char *state = real.callbacks.get_state(id, key);
    (void)set_counting(before);
    return state;
}

static void get_config(char *key, char **yaml)
{
    PAUSED(get_config(key, yaml));
}

static void log_line(char *message, int level)
{
    PAUSED(log(message, level));
}

static void give_back(void *memory)
{
    PAUSED(cgo_free(memory));
}

/* --- the check's entry points
 * -------------------------------------------------------------------
 */

static int configure(const struct stackstate_check_callbacks *callbacks, const char *check_id,
                     const char *init_config, const char *instance,
                     struct stackstate_check **ret_check, char *error, size_t error_size)
{
    real.callbacks = *callbacks;
    static struct stackstate_check_callbacks table;
    table = (struct stackstate_check_callbacks){
        .struct_size = sizeof table,
        .abi_version = callbacks->abi_version,
        .submit_component = component,
        .submit_relation = relation,
        .submit_delete = removal,
        .submit_metric = metric,
        .submit_service_check = service_check,
        .start_transaction = start_transaction,
        .stop_transaction = stop_transaction,
        .set_transaction_state = set_transaction_state,
        .get_state = get_state,
        .get_config = get_config,
        .log = log_line,
        .cgo_free = give_back,
    };
    (void)set_counting(true);
    int result =
        real.configure(&table, check_id, init_config, instance, ret_check, error, error_size);
    (void)set_counting(false);
    return result;
}

static int run(struct stackstate_check *check, char *error, size_t error_size)
{
    if (counted_before_run == 0)
        counted_before_run = counted;
    (void)set_counting(true);
    int result = real.run(check, error, error_size);
    (void)set_counting(false);
    return result;
}

static void teardown(struct stackstate_check *check)
{
    (void)set_counting(true);
    real.teardown(check);
    (void)set_counting(false);
}

/* libc's own dlsym. */
static void *look_up(void *handle, const char *name)
{
    static void *(*own)(void *, const char *);
    if (own == NULL) {
        void *address = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
        if (address == NULL)
            address = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
        memcpy(&own, &address, sizeof own);
    }
    return own(handle, name);
}

/* The host finds the entry points by this, and is given ours. */
void *dlsym(void *handle, const char *name)
{
    void *found = look_up(handle, name);
    union {
        configure_function configure;
        run_function run;
        teardown_function teardown;
        void *address;
    } ours = {.address = found};
    if (found != NULL && strcmp(name, "stackstate_check_configure") == 0) {
        memcpy(&real.configure, &found, sizeof found);
        ours.configure = configure;
    } else if (found != NULL && strcmp(name, "stackstate_check_run") == 0) {
        memcpy(&real.run, &found, sizeof found);
        ours.run = run;
    } else if (found != NULL && strcmp(name, "stackstate_check_teardown") == 0) {
        memcpy(&real.teardown, &found, sizeof found);
        ours.teardown = teardown;
    }
    return ours.address;
}

/* What OpenSSL takes while it starts, and the dynamic loader at any time, is their own, and they
 * lose some of it when memory fails then. */
static bool is_known_to_lose(const char *library)
{
    const char *slash = strrchr(library, '/');
    return strstr(library, "libcrypto") != NULL ||
           strncmp(slash == NULL ? library : slash + 1, "ld-linux", 8) == 0;
}

static unsigned long count_live(void)
{
    unsigned long live = 0;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        Dl_info info;
        if (slots[i].memory == NULL || slots[i].memory == FREED)
            continue;
        live += dladdr(slots[i].caller, &info) == 0 || !is_known_to_lose(info.dli_fname);
    }
    return live;
}

static unsigned long number_of(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

__attribute__((constructor)) static void begin(void)
{
    fail_at = number_of("FAIL_ALLOC_AT", 0);
    fail_length = number_of("FAIL_ALLOC_LENGTH", 1);
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAIL_ALLOC_REPORT");
    char text[100];
    int length = snprintf(text, sizeof text, "%lu %lu %lu %lu\n", counted, counted_before_run,
                          count_live(), failed);
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, text, (size_t)length) != length)
        (void)unlink(path);
    if (fd >= 0)
        (void)close(fd);
}
