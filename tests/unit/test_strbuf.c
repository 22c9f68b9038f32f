#include "core/strbuf.h"

#include "tests/unit/run_suite.h"

START_TEST(appends_grow_and_stay_terminated)
{
    struct vfl_strbuf buf = VFL_STRBUF_INIT(1000);
    ck_assert_str_eq(vfl_strbuf_string(&buf), "");
    for (int i = 0; i < 100; i++)
        vfl_strbuf_appendf(&buf, "%02d,", i);
    ck_assert_int_eq(vfl_strbuf_check(&buf, "list", NULL), VFL_OK);
    ck_assert_uint_eq(buf.len, 300);
    ck_assert_str_eq(vfl_strbuf_string(&buf) + 294, "98,99,");
    vfl_strbuf_fini(&buf);
}
END_TEST

START_TEST(cap_is_exact_and_failure_sticks)
{
    struct vfl_strbuf buf = VFL_STRBUF_INIT(4);
    struct vfl_error err = {0};
    vfl_strbuf_append_string(&buf, "abcd");
    ck_assert_int_eq(vfl_strbuf_check(&buf, "name", &err), VFL_OK);
    vfl_strbuf_append_char(&buf, 'e');
    ck_assert_int_eq(vfl_strbuf_check(&buf, "name", &err), VFL_LIMIT);
    ck_assert_str_eq(err.text, "name is longer than 4 bytes");
    vfl_strbuf_append_string(&buf, "");
    ck_assert_int_eq(buf.failure, VFL_LIMIT);
    ck_assert_ptr_null(vfl_strbuf_take(&buf));
    vfl_strbuf_append_string(&buf, "ok");
    ck_assert_str_eq(vfl_strbuf_string(&buf), "ok");
    vfl_strbuf_fini(&buf);
}
END_TEST

START_TEST(zeroed_buffer_refuses_and_frees)
{
    struct vfl_strbuf buf = {0};
    vfl_strbuf_append_char(&buf, 'x');
    ck_assert_int_eq(buf.failure, VFL_LIMIT);
    vfl_strbuf_fini(&buf);
    vfl_strbuf_fini(NULL);
}
END_TEST

START_TEST(take_moves_the_bytes_out)
{
    struct vfl_strbuf buf = VFL_STRBUF_INIT(10);
    vfl_strbuf_append_string(&buf, "moved");
    char *text = vfl_strbuf_take(&buf);
    ck_assert_str_eq(text, "moved");
    ck_assert_ptr_null(buf.bytes);
    free(text);
    text = vfl_strbuf_take(&buf);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

START_TEST(reset_of_a_secret_wipes_it)
{
    struct vfl_strbuf buf;
    vfl_strbuf_init_secret(&buf, 100);
    vfl_strbuf_append_string(&buf, "hunter2");
    vfl_strbuf_reset(&buf);
    for (size_t i = 0; i < buf.allocated; i++)
        ck_assert_int_eq(buf.bytes[i], 0);
    vfl_strbuf_fini(&buf);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        appends_grow_and_stay_terminated, cap_is_exact_and_failure_sticks,
        zeroed_buffer_refuses_and_frees,  take_moves_the_bytes_out,
        reset_of_a_secret_wipes_it,
    };
    return RUN_SUITE("strbuf", cases);
}
