/* A yardstick: inflates gzip files with zlib and throws the bytes away. */
#include <stdio.h>

#include <zlib.h>

int main(int argc, char **argv)
{
    static char buffer[65536];
    for (int i = 1; i < argc; i++) {
        gzFile file = gzopen(argv[i], "rb");
        int got = file == NULL ? -1 : 1;
        while (got > 0)
            got = gzread(file, buffer, sizeof buffer);
        if (file == NULL || gzclose(file) != Z_OK || got < 0) {
            fprintf(stderr, "zlib_cat: %s cannot be read\n", argv[i]);
            return 1;
        }
    }
    return 0;
}
