/* Preloaded into the host: loads the libraries that CROWD lists, as an agent's own have been loaded
 * before it comes to a check. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((constructor)) static void load_crowd(void)
{
    const char *list = getenv("CROWD");
    while (list != NULL && *list != '\0') {
        char path[4096];
        int length = (int)strcspn(list, ":");
        (void)snprintf(path, sizeof path, "%.*s", length, list);
        if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL) {
            (void)fprintf(stderr, "crowd: %s\n", dlerror());
            exit(99);
        }
        list += length + (list[length] == ':');
    }
}
