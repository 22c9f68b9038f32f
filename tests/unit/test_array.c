#include "core/array.h"

#include <stdlib.h>

#include "tests/unit/run_suite.h"

START_TEST(keeps_its_elements_while_it_doubles)
{
    uint16_t *items = NULL;
    uint32_t room = 0;
    for (uint32_t count = 0; count < 1000; count++) {
        ck_assert(VFL_ARRAY_RESERVE(items, count, room));
        ck_assert_uint_gt(room, count);
        items[count] = (uint16_t)(count * 3);
    }
    ck_assert_uint_eq(room, 1024); /* 64, 128, 256, 512, 1024 */
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(items[i], i * 3);
    free(items);
}
END_TEST

/* From 4 MB on the array moves to memory of another kind. */
START_TEST(keeps_its_elements_when_it_gets_huge_pages)
{
    enum { COUNT = 3 << 20 };
    uint32_t *items = NULL;
    uint32_t room = 0;
    uint32_t count = 0;
    while (count < COUNT && VFL_ARRAY_RESERVE(items, count, room)) {
        items[count] = count;
        count++;
    }
    ck_assert_uint_eq(count, COUNT);
    ck_assert_uint_ge((size_t)room * sizeof *items, 2 * (size_t)VFL_HUGE_FROM_BYTES);
    uint32_t kept = 0;
    while (kept < COUNT && items[kept] == kept)
        kept++;
    ck_assert_uint_eq(kept, COUNT);
    free(items);
}
END_TEST

START_TEST(room_that_is_there_is_left_alone)
{
    char *items = NULL;
    uint32_t room = 0;
    ck_assert(VFL_ARRAY_RESERVE(items, 0, room));
    const char *before = items;
    ck_assert(VFL_ARRAY_RESERVE(items, room - 1, room));
    ck_assert_ptr_eq(items, before);
    ck_assert_uint_eq(room, 64);
    free(items);
}
END_TEST

START_TEST(refuses_to_overflow_and_changes_nothing)
{
    char *items = NULL;
    uint32_t room = UINT32_MAX / 2 + 1;
    ck_assert(!VFL_ARRAY_RESERVE(items, room, room));
    ck_assert_ptr_null(items);
    ck_assert_uint_eq(room, UINT32_MAX / 2 + 1);
    room = 64;
    ck_assert(!vfl_array_double(&items, SIZE_MAX / 64, &room));
    ck_assert_ptr_null(items);
    ck_assert_uint_eq(room, 64);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        keeps_its_elements_while_it_doubles,
        keeps_its_elements_when_it_gets_huge_pages,
        room_that_is_there_is_left_alone,
        refuses_to_overflow_and_changes_nothing,
    };
    return RUN_SUITE("array", cases);
}
