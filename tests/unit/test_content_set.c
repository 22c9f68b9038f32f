#include "core/content_set.h"

#include "tests/unit/run_suite.h"

static struct vfl_content_set set;
static struct vfl_error err;

static void add(uint64_t content)
{
    ck_assert_int_eq(vfl_content_set_add(&set, content, &err), VFL_OK);
}

static void keep(void)
{
    ck_assert_int_eq(vfl_content_set_keep(&set, &err), VFL_OK);
}

START_TEST(counts_within_the_run_at_once)
{
    ck_assert(!vfl_content_set_has(&set, 7));
    add(7);
    ck_assert(vfl_content_set_has(&set, 7));
    ck_assert(!vfl_content_set_has(&set, 8));
    vfl_content_set_fini(&set);
}
END_TEST

START_TEST(dropped_content_is_new_again)
{
    add(7);
    keep();
    add(8);
    vfl_content_set_drop(&set);
    ck_assert(vfl_content_set_has(&set, 7));
    ck_assert(!vfl_content_set_has(&set, 8));
    vfl_content_set_drop(&set);
    ck_assert(vfl_content_set_has(&set, 7));
    vfl_content_set_fini(&set);
}
END_TEST

START_TEST(remembers_at_least_a_generation_and_at_most_two)
{
    for (uint64_t i = 0; i < 3 * VFL_CONTENT_SET_GENERATION; i++) {
        add(i);
        if (i % 100 == 99)
            keep();
    }
    keep();
    ck_assert(!vfl_content_set_has(&set, 0));
    ck_assert(!vfl_content_set_has(&set, VFL_CONTENT_SET_GENERATION - 1));
    for (uint64_t i = VFL_CONTENT_SET_GENERATION; i < 3 * VFL_CONTENT_SET_GENERATION; i++)
        ck_assert_msg(vfl_content_set_has(&set, i), "%u", (unsigned)i);
    vfl_content_set_fini(&set);
    vfl_content_set_fini(&set);
    vfl_content_set_fini(NULL);
}
END_TEST

/* Contents that share the part of the hash that places them. */
START_TEST(tells_contents_with_the_same_tag_apart)
{
    for (uint64_t i = 0; i < 50; i++)
        add(UINT64_C(0x1234567800000000) | i);
    keep();
    for (uint64_t i = 0; i < 50; i++)
        ck_assert(vfl_content_set_has(&set, UINT64_C(0x1234567800000000) | i));
    ck_assert(!vfl_content_set_has(&set, UINT64_C(0x1234567800000000) | 50));
    vfl_content_set_fini(&set);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        counts_within_the_run_at_once,
        dropped_content_is_new_again,
        remembers_at_least_a_generation_and_at_most_two,
        tells_contents_with_the_same_tag_apart,
    };
    return RUN_SUITE("content set", cases);
}
