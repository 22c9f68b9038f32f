#include "core/topology/tokens.h"

#include <stdio.h>

#include "tests/unit/run_suite.h"

static uint32_t add(struct vfl_tokens *tokens, const char *text)
{
    uint32_t token = UINT32_MAX;
    ck_assert_int_eq(vfl_tokens_add(tokens, vfl_span_from_string(text), &token, NULL), VFL_OK);
    return token;
}

START_TEST(a_text_has_one_token_and_the_token_its_text)
{
    struct vfl_tokens tokens = {0};
    uint32_t a = add(&tokens, "eni-a");
    uint32_t b = add(&tokens, "eni-b");
    ck_assert_uint_ne(a, VFL_TOKEN_ABSENT);
    ck_assert_uint_ne(a, b);
    ck_assert_uint_eq(add(&tokens, "eni-a"), a);
    ck_assert_str_eq(vfl_tokens_text(&tokens, a), "eni-a");
    ck_assert_str_eq(vfl_tokens_text(&tokens, b), "eni-b");
    ck_assert_uint_eq(vfl_tokens_find(&tokens, VFL_SPAN_LITERAL("eni-b")), b);
    ck_assert_uint_eq(vfl_tokens_find(&tokens, VFL_SPAN_LITERAL("eni-")), VFL_TOKEN_ABSENT);
    vfl_tokens_fini(&tokens);
}
END_TEST

START_TEST(an_empty_text_is_absent)
{
    struct vfl_tokens tokens = {0};
    ck_assert_uint_eq(add(&tokens, ""), VFL_TOKEN_ABSENT);
    ck_assert_uint_eq(add(&tokens, NULL), VFL_TOKEN_ABSENT);
    ck_assert_uint_eq(tokens.count, 0);
    ck_assert_str_eq(vfl_tokens_text(&tokens, VFL_TOKEN_ABSENT), "");
    ck_assert_uint_eq(vfl_tokens_find(&tokens, VFL_SPAN_LITERAL("")), VFL_TOKEN_ABSENT);
    ck_assert_uint_eq(vfl_tokens_find(&tokens, VFL_SPAN_LITERAL("x")), VFL_TOKEN_ABSENT);
    vfl_tokens_fini(&tokens);
    vfl_tokens_fini(NULL);
}
END_TEST

START_TEST(a_long_text_is_cut_at_255_bytes)
{
    struct vfl_tokens tokens = {0};
    char text[301];
    memset(text, 'x', 300);
    text[300] = '\0';
    uint32_t token = add(&tokens, text);
    ck_assert_uint_eq(strlen(vfl_tokens_text(&tokens, token)), 255);
    text[255] = 'y';
    ck_assert_uint_eq(add(&tokens, text), token);
    ck_assert_uint_eq(vfl_tokens_find(&tokens, vfl_span_from_string(text)), token);
    text[254] = 'y';
    ck_assert_uint_ne(add(&tokens, text), token);
    vfl_tokens_fini(&tokens);
}
END_TEST

START_TEST(many_tokens_keep_their_texts_through_growth_and_reset)
{
    struct vfl_tokens tokens = {0};
    char text[32];
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            (void)snprintf(text, sizeof text, "eni-%u", i * 7919u);
            ck_assert_uint_eq(add(&tokens, text), i + 1);
        }
        for (uint32_t i = 0; i < 5000; i++) {
            (void)snprintf(text, sizeof text, "eni-%u", i * 7919u);
            ck_assert_str_eq(vfl_tokens_text(&tokens, i + 1), text);
        }
        vfl_tokens_reset(&tokens);
        ck_assert_uint_eq(vfl_tokens_find(&tokens, VFL_SPAN_LITERAL("eni-0")), VFL_TOKEN_ABSENT);
    }
    vfl_tokens_fini(&tokens);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        a_text_has_one_token_and_the_token_its_text,
        an_empty_text_is_absent,
        a_long_text_is_cut_at_255_bytes,
        many_tokens_keep_their_texts_through_growth_and_reset,
    };
    return RUN_SUITE("tokens", cases);
}
