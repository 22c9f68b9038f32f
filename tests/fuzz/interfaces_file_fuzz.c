/* The interfaces file. Holds it to: interfaces have an id, and all their texts can be read. */
#include "core/interfaces_file.h"

#include <unistd.h>

#include "tests/fuzz/interface_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    /* One nameless file for all inputs; the reader opens it by way of the descriptor. */
    static FILE *file;
    char path[64];
    struct vfl_error err = {0};
    if (file == NULL)
        file = tmpfile();
    FUZZ_CHECK(file != NULL);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    FUZZ_CHECK(ftruncate(fileno(file), 0) == 0);
    FUZZ_CHECK(pwrite(fileno(file), input, len, 0) == (ssize_t)len);
    enum vfl_status st =
        vfl_interfaces_file_read(path, (struct vfl_interface_sink){check_interface, NULL}, &err);
    FUZZ_CHECK(st == VFL_OK || st == VFL_FORMAT);
    FUZZ_CHECK(st == VFL_OK || err.text[0] != '\0');
    return 0;
}
