/* A check library: loaded, its ABI version checked, its entry points found. */
#ifndef VFL_HOST_LIBRARY_H
#define VFL_HOST_LIBRARY_H

#include "abi/stackstate_check.h"
#include "core/error.h"

/* Zeroed is closed. */
struct vfl_library {
    void *handle;
    char name[64]; /* the file's name without "lib" and ".so": the first part of check ids */
    stackstate_check_configure_fn configure;
    stackstate_check_run_fn run;
    stackstate_check_teardown_fn teardown;
};

/* VFL_NOT_FOUND: no such file. VFL_UNSUPPORTED: not a library with this ABI; the text says which
 * symbol is missing or which version it has. */
enum vfl_status vfl_library_open(const char *path, struct vfl_library *ret_library,
                                 struct vfl_error *err) VFL_MUST_CHECK;
/* Only when no thread can be inside the library any more. */
void vfl_library_close(struct vfl_library *library);

#endif
