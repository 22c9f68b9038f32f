#include "native.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "_cgo_export.h"

/* The agent's functions, in the order of the table. They stay for the life of the process. */
static const struct stackstate_check_callbacks callbacks = {
    .struct_size = sizeof callbacks,
    .abi_version = STACKSTATE_CHECK_ABI_VERSION,
    .submit_component = nativeSubmitComponent,
    .submit_relation = nativeSubmitRelation,
    .submit_start_snapshot = nativeSubmitStartSnapshot,
    .submit_stop_snapshot = nativeSubmitStopSnapshot,
    .submit_delete = nativeSubmitDelete,
    .submit_metric = nativeSubmitMetric,
    .submit_raw_metrics_data = nativeSubmitRawMetricsData,
    .submit_service_check = nativeSubmitServiceCheck,
    .submit_event = nativeSubmitEvent,
    .start_transaction = nativeStartTransaction,
    .stop_transaction = nativeStopTransaction,
    .discard_transaction = nativeDiscardTransaction,
    .set_transaction_state = nativeSetTransactionState,
    .set_state = nativeSetState,
    .get_state = nativeGetState,
    .get_config = nativeGetConfig,
    .log = nativeLogMessage,
    .get_hostname = nativeGetHostname,
    .cgo_free = nativeFree,
};

/* Callbacks come from the thread that is in the entry point, and most of them name only the check:
 * this tells the call itself. Entry points are not nested. */
static _Thread_local uintptr_t current_call;

/* ISO C has no cast from an object pointer to a function; for POSIX the bytes are the same. */
static int find(void *handle, const char *path, const char *symbol, void *target, char *error,
                size_t error_size)
{
    void *address = dlsym(handle, symbol);
    if (address == NULL) {
        (void)snprintf(error, error_size, "%s does not export %s: not a StackState check library",
                       path, symbol);
        return 1;
    }
    memcpy(target, &address, sizeof address);
    return 0;
}

static int find_all(struct nativecheck_library *library, const char *path, char *error,
                    size_t error_size)
{
    const uint32_t *version = NULL;
    if (find(library->handle, path, "stackstate_check_abi_version", &version, error, error_size))
        return 1;
    if (*version != STACKSTATE_CHECK_ABI_VERSION) {
        (void)snprintf(error, error_size,
                       "%s has check ABI version %u, this agent has %u: install the library that "
                       "matches the agent",
                       path, (unsigned)*version, STACKSTATE_CHECK_ABI_VERSION);
        return 1;
    }
    return find(library->handle, path, "stackstate_check_configure", &library->configure, error,
                error_size) ||
           find(library->handle, path, "stackstate_check_run", &library->run, error, error_size) ||
           find(library->handle, path, "stackstate_check_teardown", &library->teardown, error,
                error_size);
}

/* One function, because dlerror is the thread's and Go may change threads between two calls. */
int nativecheck_open(const char *path, struct nativecheck_library *ret_library, char *error,
                     size_t error_size)
{
    struct nativecheck_library library = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (library.handle == NULL) {
        const char *reason = dlerror();
        (void)snprintf(error, error_size, "cannot load the check library: %s",
                       reason == NULL ? path : reason);
        return 1;
    }
    if (find_all(&library, path, error, error_size)) {
        (void)dlclose(library.handle);
        return 1;
    }
    *ret_library = library;
    return 0;
}

int nativecheck_configure(const struct nativecheck_library *library, uintptr_t call,
                          const char *check_id, const char *init_config, const char *instance,
                          struct stackstate_check **ret_check, char *error, size_t error_size)
{
    current_call = call;
    int failed = library->configure(&callbacks, check_id, init_config, instance, ret_check, error,
                                    error_size);
    current_call = 0;
    return failed;
}

int nativecheck_run(const struct nativecheck_library *library, uintptr_t call,
                    struct stackstate_check *check, char *error, size_t error_size)
{
    current_call = call;
    int failed = library->run(check, error, error_size);
    current_call = 0;
    return failed;
}

void nativecheck_teardown(const struct nativecheck_library *library, uintptr_t call,
                          struct stackstate_check *check)
{
    current_call = call;
    library->teardown(check);
    current_call = 0;
}

uintptr_t nativecheck_call(void)
{
    return current_call;
}
