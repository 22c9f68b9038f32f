/* core/topology/hints.c: what is known of where an address is. */
#include "core/topology/hints.h"

#include "tests/unit/run_suite.h"

struct known {
    struct vfl_tokens tokens;
    struct vfl_hints hints;
};

static void known_fini(struct known *known)
{
    vfl_hints_fini(&known->hints);
    vfl_tokens_fini(&known->tokens);
}

static uint32_t token_of(struct known *known, const char *text)
{
    uint32_t token = UINT32_MAX;
    ck_assert_int_eq(vfl_tokens_add(&known->tokens, vfl_span_from_string(text), &token, NULL),
                     VFL_OK);
    return token;
}

/* told "": outside. */
static void add(struct known *known, const char *vpc_id, struct vfl_ip ip, const char *told)
{
    ck_assert_int_eq(vfl_hints_add(&known->hints, &known->tokens, token_of(known, vpc_id), ip,
                                   token_of(known, told), NULL),
                     VFL_OK);
}

/* NULL: nothing is known. */
static const char *find(struct known *known, const char *vpc_id, struct vfl_ip ip)
{
    uint32_t told_vpc_id = UINT32_MAX;
    if (vfl_hints_find(&known->hints, token_of(known, vpc_id), ip, &told_vpc_id))
        return vfl_tokens_text(&known->tokens, told_vpc_id);
    ck_assert_uint_eq(told_vpc_id, UINT32_MAX);
    return NULL;
}

static const struct vfl_ip ip_1 = {.hi = 0, .lo = UINT64_C(0xffff0a000001)};
static const struct vfl_ip ip_2 = {.hi = 0, .lo = UINT64_C(0xffff0a000002)};
static const struct vfl_ip ip_6 = {.hi = UINT64_C(0xfd00000000000000),
                                   .lo = UINT64_C(0xffff0a000001)};

struct choice_case {
    const char *name;
    const char *told[3];
    const char *expected;
};

/* The token of a VPC is of its first appearance, which must not decide: vpc-c comes first. */
static const struct choice_case choice_cases[] = {
    {"outside alone", {""}, ""},
    {"a VPC alone", {"vpc-b"}, "vpc-b"},
    {"a VPC, then outside", {"vpc-b", ""}, "vpc-b"},
    {"outside, then a VPC", {"", "vpc-b"}, "vpc-b"},
    {"outside twice", {"", ""}, ""},
    {"the lowest of two", {"vpc-c", "vpc-b"}, "vpc-b"},
    {"the lowest of two, seen first", {"vpc-b", "vpc-c"}, "vpc-b"},
    {"outside between two", {"vpc-c", "", "vpc-b"}, "vpc-b"},
    {"the same again", {"vpc-b", "vpc-b"}, "vpc-b"},
};

START_TEST(a_vpc_wins_over_outside_then_the_lowest_id)
{
    for (size_t i = 0; i < sizeof choice_cases / sizeof choice_cases[0]; i++) {
        const struct choice_case *c = &choice_cases[i];
        struct known known = {0};
        (void)token_of(&known, "vpc-c");
        for (size_t t = 0; t < 3 && c->told[t] != NULL; t++)
            add(&known, "vpc-a", ip_1, c->told[t]);
        const char *found = find(&known, "vpc-a", ip_1);
        ck_assert_msg(found != NULL && strcmp(found, c->expected) == 0, "%s: %s", c->name,
                      found == NULL ? "nothing" : found);
        ck_assert_uint_eq(known.hints.count, 1);
        known_fini(&known);
    }
}
END_TEST

START_TEST(a_hint_is_of_one_address_seen_from_one_vpc)
{
    struct known known = {0};
    ck_assert_ptr_null(find(&known, "vpc-a", ip_1));
    add(&known, "vpc-a", ip_1, "vpc-b");
    add(&known, "vpc-c", ip_1, "vpc-d");
    ck_assert_str_eq(find(&known, "vpc-a", ip_1), "vpc-b");
    ck_assert_str_eq(find(&known, "vpc-c", ip_1), "vpc-d");
    ck_assert_ptr_null(find(&known, "vpc-b", ip_1));
    ck_assert_ptr_null(find(&known, "vpc-a", ip_2));
    ck_assert_ptr_null(find(&known, "vpc-a", ip_6));
    known_fini(&known);
}
END_TEST

START_TEST(over_the_limit_new_addresses_get_no_hint_and_known_ones_learn_on)
{
    struct known known = {0};
    for (uint32_t i = 0; i < VFL_HINTS_MAX_COUNT; i++)
        add(&known, "vpc-a", vfl_ip_from_v4(0x0a000000u + i), "vpc-c");
    add(&known, "vpc-a", vfl_ip_from_v4(0x0b000000u), "vpc-c");
    ck_assert_uint_eq(known.hints.count, VFL_HINTS_MAX_COUNT);
    ck_assert_ptr_null(find(&known, "vpc-a", vfl_ip_from_v4(0x0b000000u)));
    ck_assert_str_eq(find(&known, "vpc-a", vfl_ip_from_v4(0x0a000000u)), "vpc-c");
    add(&known, "vpc-a", vfl_ip_from_v4(0x0a00ffffu), "vpc-b");
    ck_assert_str_eq(find(&known, "vpc-a", vfl_ip_from_v4(0x0a00ffffu)), "vpc-b");
    known_fini(&known);
}
END_TEST

START_TEST(fini_takes_null_and_zeroed_and_leaves_an_empty_one)
{
    struct known known = {0};
    vfl_hints_fini(NULL);
    vfl_hints_fini(&known.hints);
    add(&known, "vpc-a", ip_1, "vpc-b");
    vfl_hints_fini(&known.hints);
    ck_assert_ptr_null(find(&known, "vpc-a", ip_1));
    add(&known, "vpc-a", ip_1, "vpc-c");
    ck_assert_str_eq(find(&known, "vpc-a", ip_1), "vpc-c");
    known_fini(&known);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        a_vpc_wins_over_outside_then_the_lowest_id,
        a_hint_is_of_one_address_seen_from_one_vpc,
        over_the_limit_new_addresses_get_no_hint_and_known_ones_learn_on,
        fini_takes_null_and_zeroed_and_leaves_an_empty_one,
    };
    return RUN_SUITE("hints", cases);
}
