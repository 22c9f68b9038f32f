/* Loads and closes the library over and over: it stays (nodelete), works, and costs nothing more.
 * Usage: reload LIBRARY */
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>

enum { ROUNDS = 100 };

static int fail(const char *what)
{
    (void)fprintf(stderr, "reload: %s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fail("usage: reload LIBRARY");
    size_t held_bytes = 0;
    const uint32_t *first = NULL;
    for (int i = 0; i < ROUNDS; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL)
            return fail(dlerror());
        const uint32_t *version = dlsym(library, "stackstate_check_abi_version");
        if (version == NULL || *version != 1)
            return fail("no ABI version");
        if (first != NULL && first != version)
            return fail("the library has moved: it was unmapped");
        first = version;
        if (dlclose(library) != 0)
            return fail(dlerror());
        void *still = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
        if (still == NULL)
            return fail("the library was unmapped");
        (void)dlclose(still);
        size_t bytes = mallinfo2().uordblks;
        if (i > 0 && bytes != held_bytes)
            return fail("memory grows with every load");
        held_bytes = bytes;
    }
    return 0;
}
