/* The main function shared by the unit tests: runs one Check suite of one case. Every test program
 * lists its cases once in `const TTest *const cases[]`; a loop adds them, so that a test which
 * is written but not registered is a compiler warning (unused), not silence. */
#ifndef VFL_TEST_RUN_SUITE_H
#define VFL_TEST_RUN_SUITE_H

#include <check.h>
#include <stdlib.h>

static inline int run_suite(const char *name, const TTest *const *cases, size_t case_count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 60);
    for (size_t i = 0; i < case_count; i++)
        tcase_add_test(tcase, cases[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define RUN_SUITE(name, cases) run_suite(name, cases, sizeof(cases) / sizeof((cases)[0]))

#endif
