/* docs/CONFIG.md against the table. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/config_texts.h"

static char *read_document(void)
{
    char path[1000];
    (void)snprintf(path, sizeof path, "%s", getenv("FIXTURES"));
    char *folder = strstr(path, "/tests/fixtures");
    ck_assert_ptr_nonnull(folder);
    (void)snprintf(folder, sizeof path - (size_t)(folder - path), "/docs/CONFIG.md");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    char *text = calloc(1, 65536);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_gt(fread(text, 1, 65535, file), 0);
    (void)fclose(file);
    return text;
}

static const struct vfl_config_key *key_named(struct vfl_span name)
{
    size_t count;
    const struct vfl_config_key *keys = vfl_config_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (vfl_span_equal_string(name, keys[i].name))
            return &keys[i];
    return NULL;
}

START_TEST(document_has_the_row_of_every_key)
{
    char *document = read_document();
    size_t count;
    const struct vfl_config_key *keys = vfl_config_keys(&count);
    for (size_t i = 0; i < count; i++) {
        char row[600];
        (void)snprintf(row, sizeof row, "\n| `%s` | %s | %s | %s | %s |\n", keys[i].name,
                       keys[i].scope, keys[i].type, keys[i].default_text, keys[i].help);
        ck_assert_msg(strstr(document, row) != NULL, "docs/CONFIG.md lacks this row:%s", row);
    }
    free(document);
}
END_TEST

START_TEST(document_has_no_row_of_an_unknown_key)
{
    char *document = read_document();
    size_t row_count = 0;
    size_t key_count;
    (void)vfl_config_keys(&key_count);
    for (const char *row = strstr(document, "\n| `"); row != NULL; row = strstr(row + 1, "\n| `")) {
        struct vfl_span name = {row + 4, strcspn(row + 4, "`")};
        ck_assert_msg(key_named(name) != NULL, "%.*s", (int)name.len, name.ptr);
        row_count++;
    }
    ck_assert_uint_eq(row_count, key_count);
    free(document);
}
END_TEST

/* Appends the lines from at, without their first columns, while they start with that many spaces
 * (or a list's dash). */
static void copy_block(char *text, const char *at, size_t columns)
{
    static const char spaces[] = "    ";
    while (strncmp(at, spaces, columns) == 0 || (columns == 4 && strncmp(at, "  - ", 4) == 0)) {
        size_t length = strcspn(at, "\n") + 1;
        (void)strncat(text, at + columns, length - columns);
        at += length;
    }
}

/* Keys that are commented out become keys; prose, which starts with a capital, stays. */
static void uncomment(char *text)
{
    char *to = text;
    bool is_line_start = true;
    for (const char *at = text; *at != '\0'; at++) {
        if (is_line_start && at[0] == '#' && at[1] == ' ' && (at[2] < 'A' || at[2] > 'Z'))
            at += 2;
        is_line_start = *at == '\n';
        *to++ = *at;
    }
    *to = '\0';
}

START_TEST(example_in_the_document_is_accepted_without_a_notice)
{
    char *document = read_document();
    const char *init_at = strstr(document, "\ninit_config:\n");
    const char *instance_at = strstr(document, "\ninstances:\n");
    ck_assert_ptr_nonnull(init_at);
    ck_assert_ptr_nonnull(instance_at);
    char init_config[2000] = "";
    char instance[2000] = "";
    copy_block(init_config, init_at + strlen("\ninit_config:\n"), 2);
    copy_block(instance, instance_at + strlen("\ninstances:\n"), 4);
    struct vfl_config config = parsed(init_config, instance);
    ck_assert_uint_eq(config.notice_count, 0);
    ck_assert_uint_eq(config.region_count, 2);
    ck_assert_str_eq(config.bucket, "example-flow-logs");
    ck_assert_str_eq(config.access_key_id, "AKIAIOSFODNN7EXAMPLE");
    ck_assert_str_eq(config.tags[0], "env:production");
    ck_assert_ptr_null(config.topology_instance_type);
    vfl_config_fini(&config);
    uncomment(instance);
    config = parsed(init_config, instance);
    ck_assert_uint_eq(config.notice_count, 0);
    ck_assert_uint_eq(config.collection_interval_s, 60);
    ck_assert(!config.is_dry_run && !config.is_scope_all && !config.is_accepted_only);
    ck_assert_uint_eq(config.max_relations, 100000);
    ck_assert_str_eq(config.topology_instance_type, "aws-flowlogs");
    ck_assert_str_eq(config.topology_instance_url, "123456789012");
    vfl_config_fini(&config);
    free(document);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        document_has_the_row_of_every_key,
        document_has_no_row_of_an_unknown_key,
        example_in_the_document_is_accepted_without_a_notice,
    };
    return RUN_SUITE("config_document", cases);
}
