/* YAML: how much of it, and what of it. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/config_texts.h"

START_TEST(lists_and_items_are_bounded)
{
    char text[1000] = "tags: [";
    for (int i = 0; i < 100; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "t%d,", i);
    }
    struct vfl_config config = parsed("", strcat(text, "]"));
    ck_assert_uint_eq(config.tag_count, 100);
    vfl_config_fini(&config);
    text[strlen(text) - 1] = '\0';
    expect_refused("", strcat(text, "x]"), "instance.tags: found 101 items, expected at most 100");

    char item[220] = "tags: [";
    memset(item + 7, 'x', 200);
    config = parsed("", strcat(item, "]"));
    vfl_config_fini(&config);
    item[207] = 'x';
    expect_refused("", strcat(item, "]"),
                   "instance.tags[0]: found 201 bytes, expected at most 200");
}
END_TEST

START_TEST(oversized_and_deeply_nested_texts_end_soon)
{
    size_t size = VFL_CONFIG_MAX_BYTES;
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    struct vfl_config config = {0};
    struct vfl_error err = {0};
    memset(text, '#', size + 1);
    ck_assert_int_eq(
        vfl_config_parse((struct vfl_span){text, size}, (struct vfl_span){NULL, 0}, &config, &err),
        VFL_OK);
    vfl_config_fini(&config);
    ck_assert_int_eq(vfl_config_parse((struct vfl_span){text, size + 1}, (struct vfl_span){NULL, 0},
                                      &config, &err),
                     VFL_CONFIG);
    ck_assert_str_eq(err.text, "init_config: is longer than 1048576 bytes");
    memset(text, '[', size);
    ck_assert_int_eq(
        vfl_config_parse((struct vfl_span){text, size}, (struct vfl_span){NULL, 0}, &config, &err),
        VFL_CONFIG);
    free(text);
}
END_TEST

START_TEST(nesting_is_bounded_exactly)
{
    char text[100] = "zebra: ";
    memset(text + 7, '[', 31); /* and the map around them: 32 */
    memset(text + 38, ']', 31);
    struct vfl_config config = parsed("", text);
    vfl_config_fini(&config);
    memset(text + 7, '[', 32);
    memset(text + 39, ']', 32);
    expect_refused("", text, "instance: line 1 is nested more than 32 deep");
}
END_TEST

START_TEST(aliases_are_looked_at_but_never_expanded)
{
    struct vfl_config config =
        parsed("", "a: &a [x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]\n"
                   "log_prefix: &p team\ninterfaces_file: *p\n");
    ck_assert_str_eq(config.interfaces_file, "team");
    vfl_config_fini(&config);
    expect_refused("", "a: &a [x]\nb: &b [*a]\ntags: [*b]\n",
                   "instance.tags[0]: found a list, expected text");
}
END_TEST

/* The example of the public documentation is indented with tabs: a copy of it meets this. */
START_TEST(tab_indentation_is_called_by_its_name)
{
    const struct {
        const char *text;
        size_t line;
    } cases[] = {
        {"\trole_arn: x\n", 1},
        {"role_arn: x\nregions:\n\t- eu-west-1\n", 3},
        {"role_arn: x\n\tregions: y\n", 2},
        {"role_arn: x\nregions:\n  - a\n\t- b\n", 4},
        {"regions:\n  \t- a\n", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text,
                       "instance: line %zu is indented with a tab, which YAML forbids: replace the "
                       "tabs with spaces",
                       cases[i].line);
        expect_refused("", cases[i].text, text);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        lists_and_items_are_bounded,
        oversized_and_deeply_nested_texts_end_soon,
        nesting_is_bounded_exactly,
        aliases_are_looked_at_but_never_expanded,
        tab_indentation_is_called_by_its_name,
    };
    return RUN_SUITE("config_load", cases);
}
