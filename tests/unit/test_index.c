#include "core/index.h"

#include "tests/unit/run_suite.h"

static bool holds(const struct vfl_index *index, uint64_t hash, uint32_t wanted)
{
    struct vfl_index_cursor cursor = vfl_index_cursor(index, hash);
    uint32_t position;
    while ((position = vfl_index_next(index, &cursor)) != VFL_INDEX_NONE)
        if (position == wanted)
            return true;
    return false;
}

START_TEST(empty_index_holds_nothing)
{
    struct vfl_index index = {0};
    struct vfl_index_cursor cursor = vfl_index_cursor(&index, 7);
    ck_assert_uint_eq(vfl_index_next(&index, &cursor), VFL_INDEX_NONE);
    vfl_index_reset(&index);
    vfl_index_fini(&index);
    vfl_index_fini(NULL);
}
END_TEST

START_TEST(finds_every_position_through_growth)
{
    struct vfl_index index = {0};
    for (uint32_t i = 0; i < 10000; i++)
        ck_assert(vfl_index_add(&index, vfl_hash_finish(vfl_hash_mix(1, i)), i));
    ck_assert_uint_eq(index.count, 10000);
    for (uint32_t i = 0; i < 10000; i++)
        ck_assert(holds(&index, vfl_hash_finish(vfl_hash_mix(1, i)), i));
    vfl_index_fini(&index);
}
END_TEST

START_TEST(room_made_beforehand_is_enough_and_keeps_what_is_there)
{
    struct vfl_index index = {0};
    ck_assert(vfl_index_reserve(&index, 0));
    ck_assert(vfl_index_add(&index, 42, 7));
    ck_assert(vfl_index_reserve(&index, 5000));
    const uint64_t *slots = index.slots;
    for (uint32_t i = 1; i < 5000; i++)
        ck_assert(vfl_index_add(&index, vfl_hash_finish(vfl_hash_mix(1, i)), i));
    ck_assert_ptr_eq(index.slots, slots);
    ck_assert(holds(&index, 42, 7));
    ck_assert(holds(&index, vfl_hash_finish(vfl_hash_mix(1, 4999)), 4999));
    vfl_index_fini(&index);
}
END_TEST

START_TEST(colliding_hashes_are_all_walked_and_the_walk_ends)
{
    struct vfl_index index = {0};
    const uint64_t hash = UINT64_C(0xffffffff00000000); /* its slot is the last: the walk wraps */
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert(vfl_index_add(&index, hash, i));
    struct vfl_index_cursor cursor = vfl_index_cursor(&index, hash);
    uint64_t sum = 0;
    unsigned count = 0;
    uint32_t position;
    while ((position = vfl_index_next(&index, &cursor)) != VFL_INDEX_NONE) {
        sum += position;
        count++;
    }
    ck_assert_uint_eq(count, 1000);
    ck_assert_uint_eq(sum, 499500); /* 0 + ... + 999 */
    vfl_index_fini(&index);
}
END_TEST

START_TEST(reset_empties_and_the_index_can_be_used_again)
{
    struct vfl_index index = {0};
    ck_assert(vfl_index_add(&index, 42, 1));
    vfl_index_reset(&index);
    ck_assert_uint_eq(index.count, 0);
    ck_assert(!holds(&index, 42, 1));
    ck_assert(vfl_index_add(&index, 42, 2));
    ck_assert(holds(&index, 42, 2));
    vfl_index_fini(&index);
}
END_TEST

START_TEST(byte_hash_depends_on_every_byte_the_length_and_the_seed)
{
    char bytes[20] = {0};
    uint64_t plain = vfl_hash_bytes(1, bytes, sizeof bytes);
    ck_assert_uint_eq(plain, vfl_hash_bytes(1, bytes, sizeof bytes));
    ck_assert_uint_ne(plain, vfl_hash_bytes(2, bytes, sizeof bytes));
    ck_assert_uint_ne(plain, vfl_hash_bytes(1, bytes, sizeof bytes - 1));
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 1;
        ck_assert_uint_ne(plain, vfl_hash_bytes(1, bytes, sizeof bytes));
        bytes[i] = 0;
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        empty_index_holds_nothing,
        finds_every_position_through_growth,
        room_made_beforehand_is_enough_and_keeps_what_is_there,
        colliding_hashes_are_all_walked_and_the_walk_ends,
        reset_empties_and_the_index_can_be_used_again,
        byte_hash_depends_on_every_byte_the_length_and_the_seed,
    };
    return RUN_SUITE("index", cases);
}
