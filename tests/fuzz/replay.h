/* The main function of the fuzz targets when no fuzzer drives them: runs each file named on the
 * command line once. With libFuzzer, build with -DVFL_FUZZER -fsanitize=fuzzer instead. */
#ifndef VFL_FUZZ_REPLAY_H
#define VFL_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

/* A broken property stops the program also in builds without assertions. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#if !defined(VFL_FUZZER)
enum { REPLAY_MAX_BYTES = 1 << 20 };

static int replay(const char *path)
{
    int result = EXIT_FAILURE;
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(REPLAY_MAX_BYTES);
    uint8_t *exact = NULL;
    if (file == NULL || bytes == NULL)
        goto out;
    size_t len = fread(bytes, 1, REPLAY_MAX_BYTES, file);
    if (ferror(file))
        goto out;
    /* Ends where the allocation ends, so that ASan sees a read past the input. */
    exact = realloc(bytes, len > 0 ? len : 1);
    if (exact == NULL)
        goto out;
    bytes = NULL;
    (void)LLVMFuzzerTestOneInput(exact, len);
    result = EXIT_SUCCESS;
out:
    if (result != EXIT_SUCCESS)
        (void)fprintf(stderr, "%s: cannot be read\n", path);
    free(exact);
    free(bytes);
    if (file != NULL)
        (void)fclose(file);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) != EXIT_SUCCESS)
            return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
#endif

#endif
