#include "examples/host/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A function cannot be cast from void * in ISO C; POSIX says that the representation is the same,
 * so the bytes are copied. */
static enum vfl_status find(void *handle, const char *path, const char *symbol, void *target,
                            struct vfl_error *err)
{
    void *address = dlsym(handle, symbol);
    if (address == NULL)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "%s does not export %s: not a StackState check library", path, symbol);
    memcpy(target, &address, sizeof address);
    return VFL_OK;
}

static enum vfl_status check_version(void *handle, const char *path, struct vfl_error *err)
{
    const uint32_t *version = NULL;
    enum vfl_status st = find(handle, path, "stackstate_check_abi_version", &version, err);
    if (st != VFL_OK)
        return st;
    if (*version != STACKSTATE_CHECK_ABI_VERSION)
        return vfl_error_set(err, VFL_UNSUPPORTED,
                             "%s has check ABI version %u, this host has %u: use a host and a "
                             "library of one release",
                             path, (unsigned)*version, STACKSTATE_CHECK_ABI_VERSION);
    return VFL_OK;
}

static void name_from_path(const char *path, char *name, size_t name_size)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    if (strncmp(base, "lib", 3) == 0)
        base += 3;
    (void)snprintf(name, name_size, "%s", base);
    char *dot = strchr(name, '.');
    if (dot != NULL && dot != name)
        *dot = '\0';
}

enum vfl_status vfl_library_open(const char *path, struct vfl_library *ret_library,
                                 struct vfl_error *err)
{
    if (access(path, R_OK) != 0)
        return vfl_error_set(err, VFL_NOT_FOUND, "check library %s: %s", path, strerror(errno));

    struct vfl_library library = {0};
    char with_folder[4096];
    /* Without a slash dlopen would search the system's library path instead. */
    int length = snprintf(with_folder, sizeof with_folder, "%s%s",
                          strchr(path, '/') == NULL ? "./" : "", path);
    if (length < 0 || (size_t)length >= sizeof with_folder)
        return vfl_error_set(err, VFL_LIMIT, "the path of the check library is too long");
    library.handle = dlopen(with_folder, RTLD_NOW | RTLD_LOCAL);
    if (library.handle == NULL)
        return vfl_error_set(err, VFL_UNSUPPORTED, "cannot load the check library: %s", dlerror());

    enum vfl_status st = check_version(library.handle, path, err);
    if (st == VFL_OK)
        st = find(library.handle, path, "stackstate_check_configure", &library.configure, err);
    if (st == VFL_OK)
        st = find(library.handle, path, "stackstate_check_run", &library.run, err);
    if (st == VFL_OK)
        st = find(library.handle, path, "stackstate_check_teardown", &library.teardown, err);
    if (st != VFL_OK) {
        vfl_library_close(&library);
        return st;
    }
    name_from_path(path, library.name, sizeof library.name);
    *ret_library = library;
    return VFL_OK;
}

void vfl_library_close(struct vfl_library *library)
{
    if (library != NULL && library->handle != NULL) {
        (void)dlclose(library->handle);
        *library = (struct vfl_library){0};
    }
}
