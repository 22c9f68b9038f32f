#include "core/error.h"

#include <string.h>

#include "tests/unit/run_suite.h"

START_TEST(set_formats_and_returns_the_status)
{
    struct vfl_error err = {0};
    ck_assert_int_eq(vfl_error_set(&err, VFL_FORMAT, "line %d", 7), VFL_FORMAT);
    ck_assert_int_eq(err.status, VFL_FORMAT);
    ck_assert_str_eq(err.text, "line 7");
}
END_TEST

START_TEST(wrap_puts_its_noun_in_front)
{
    struct vfl_error err = {0};
    (void)vfl_error_set(&err, VFL_FORMAT, "bad CRC");
    ck_assert_int_eq(vfl_error_wrap(&err, VFL_FORMAT, "object %s", "a.gz"), VFL_FORMAT);
    ck_assert_str_eq(err.text, "object a.gz: bad CRC");
}
END_TEST

START_TEST(escapes_what_would_break_a_log_line)
{
    struct vfl_error err = {0};
    (void)vfl_error_set(&err, VFL_RETRY, "%s", "a\nb\x1b[31m\xff");
    ck_assert_str_eq(err.text, "a\\x0ab\\x1b[31m\\xff");
}
END_TEST

START_TEST(cuts_a_long_text_visibly)
{
    struct vfl_error err = {0};
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)vfl_error_set(&err, VFL_RETRY, "%s", text);
    ck_assert_uint_lt(strlen(err.text), sizeof err.text);
    ck_assert_str_eq(err.text + strlen(err.text) - 3, "...");
    for (int i = 0; i < 10; i++)
        (void)vfl_error_wrap(&err, VFL_RETRY, "%s", text);
    ck_assert_str_eq(err.text + strlen(err.text) - 3, "...");
}
END_TEST

START_TEST(accepts_null)
{
    ck_assert_int_eq(vfl_error_set(NULL, VFL_LIMIT, "x"), VFL_LIMIT);
    ck_assert_int_eq(vfl_error_wrap(NULL, VFL_LIMIT, "x"), VFL_LIMIT);
}
END_TEST

START_TEST(every_status_has_its_own_name)
{
    for (int a = VFL_OK; a <= VFL_IO; a++) {
        ck_assert_str_ne(vfl_status_name((enum vfl_status)a), "unknown");
        for (int b = VFL_OK; b < a; b++)
            ck_assert_str_ne(vfl_status_name((enum vfl_status)a),
                             vfl_status_name((enum vfl_status)b));
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        set_formats_and_returns_the_status,
        wrap_puts_its_noun_in_front,
        escapes_what_would_break_a_log_line,
        cuts_a_long_text_visibly,
        accepts_null,
        every_status_has_its_own_name,
    };
    return RUN_SUITE("error", cases);
}
