/* What of a check library Go cannot do alone: look up symbols, call through pointers, and know in a
 * callback whose call it belongs to. */
#ifndef NATIVECHECK_NATIVE_H
#define NATIVECHECK_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#include "stackstate_check.h"

struct nativecheck_library {
    void *handle;
    stackstate_check_configure_fn configure;
    stackstate_check_run_fn run;
    stackstate_check_teardown_fn teardown;
};

/* Returns 0, or non-zero with a message in error. Nothing stays open after a failure. */
int nativecheck_open(const char *path, struct nativecheck_library *ret_library, char *error,
                     size_t error_size);

/* The entry points. call is what nativecheck_call answers, in this thread, until they return. */
int nativecheck_configure(const struct nativecheck_library *library, uintptr_t call,
                          const char *check_id, const char *init_config, const char *instance,
                          struct stackstate_check **ret_check, char *error, size_t error_size);
int nativecheck_run(const struct nativecheck_library *library, uintptr_t call,
                    struct stackstate_check *check, char *error, size_t error_size);
void nativecheck_teardown(const struct nativecheck_library *library, uintptr_t call,
                          struct stackstate_check *check);

/* 0 in a thread that is in no entry point. */
uintptr_t nativecheck_call(void);

#endif
