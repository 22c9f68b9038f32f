#include "core/aws/credential_source.h"

#include <stdio.h>
#include <sys/stat.h>

#include "tests/fake/identity_bench.h"
#include "tests/unit/run_suite.h"

START_TEST(only_small_regular_files_are_read)
{
    struct identity_bench bench = {0};
    struct vfl_strbuf text;
    char pipe_path[128];
    identity_bench_start(&bench, NULL, 0);
    (void)snprintf(pipe_path, sizeof pipe_path, "%s/pipe", bench.home);
    ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
    const struct {
        const char *name, *path;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {"ten bytes", identity_bench_write(&bench, "file", "0123456789", 0600), VFL_OK, ""},
        {"missing", "/nowhere/file", VFL_NOT_FOUND, "thing /nowhere/file does not exist"},
        {"below a file", "/dev/null/file", VFL_NOT_FOUND, "does not exist"},
        {"a folder", bench.home, VFL_CONFIG, "is not a regular file"},
        /* Waiting for a writer would block the agent for ever. */
        {"a pipe", pipe_path, VFL_CONFIG, "is not a regular file"},
        {"an endless device", "/dev/zero", VFL_CONFIG, "is larger than 10 bytes"},
        /* This one states a size of 0 and has a few bytes: like a file that grows while read. */
        {"33: never still", "/proc/self/comm", VFL_CONFIG, "changed twice while it was read"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_error err = {0};
        vfl_strbuf_init_secret(&text, 100);
        enum vfl_status st =
            vfl_credentials_read_file("thing", rows[i].path, i == 6 ? 100 : 10, &text, NULL, &err);
        ck_assert_msg(st == rows[i].expected, "%s: %d %s", rows[i].name, st, err.text);
        ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].name, err.text);
        if (st == VFL_OK)
            ck_assert_str_eq(vfl_strbuf_string(&text), "0123456789");
        vfl_strbuf_fini(&text);
    }
    vfl_strbuf_init_secret(&text, 100);
    ck_assert_int_eq(vfl_credentials_read_file("thing", rows[0].path, 9, &text, NULL, NULL),
                     VFL_CONFIG);
    vfl_strbuf_fini(&text);
    identity_bench_finish(&bench);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {only_small_regular_files_are_read};
    return RUN_SUITE("credentials_file", cases);
}
