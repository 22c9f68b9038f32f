#include "core/store/store_s3.h"

#include "core/strbuf.h"
#include "tests/fake/aws_bench.h"
#include "tests/unit/run_suite.h"

/* The store adds no rule of its own to core/aws/s3.h: this only holds the wiring. */
struct seen {
    struct vfl_strbuf keys;
    struct vfl_strbuf body;
    size_t removed_count;
};

static enum vfl_status add_object(void *ctx, const struct vfl_store_object *object,
                                  struct vfl_error *err)
{
    struct seen *seen = ctx;
    vfl_strbuf_appendf(&seen->keys, "%.*s %.*s %lld %lld %d\n", (int)object->key.len,
                       object->key.ptr, (int)object->etag.len, object->etag.ptr,
                       (long long)object->size_bytes, (long long)object->modified_epoch_s,
                       object->is_archived);
    return vfl_strbuf_check(&seen->keys, "keys", err);
}

static enum vfl_status add_bytes(void *ctx, struct vfl_span chunk, struct vfl_error *err)
{
    struct seen *seen = ctx;
    vfl_strbuf_append(&seen->body, chunk);
    return vfl_strbuf_check(&seen->body, "body", err);
}

static void note_removed(void *ctx, size_t index, enum vfl_status status,
                         const struct vfl_error *err)
{
    struct seen *seen = ctx;
    (void)err;
    ck_assert_uint_eq(index, seen->removed_count++);
    ck_assert_int_eq(status, VFL_OK);
}

START_TEST(the_four_operations_reach_the_bucket)
{
    static const char *const keys[] = {"k"};
    struct aws_bench bench = {0};
    struct seen seen = {.keys = VFL_STRBUF_INIT(1000), .body = VFL_STRBUF_INIT(1000)};
    struct vfl_store *store = NULL;
    aws_bench_expect_connect(&bench);
    aws_bench_expect(&bench, "GET /logs?versioning=", 200, "s3_versioning_enabled.xml");
    aws_bench_expect(&bench,
                     "GET /logs?encoding-type=url&list-type=2&max-keys=1000&prefix=AWSLogs%2F", 200,
                     "s3_list_page_2.xml");
    aws_bench_expect(&bench, "GET /logs/k", 200, NULL)->body = "hello";
    aws_bench_expect(&bench, "POST /logs?delete=", 200, "s3_delete_done.xml");
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_store_s3_new(bench.session, "logs", NULL, &store, NULL), VFL_OK);
    ck_assert_int_eq(store->ops->check_versioning(store, NULL), VFL_OK);
    ck_assert_int_eq(
        store->ops->list(store, "AWSLogs/", "", (struct vfl_object_sink){add_object, &seen}, NULL),
        VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&seen.keys),
                     "AWSLogs/c d d41d8cd98f00b204e9800998ecf8427e 0 1624363202 0\n");
    const struct vfl_store_object object = {
        .key = VFL_SPAN_LITERAL("k"), .etag = VFL_SPAN_LITERAL("e"), .size_bytes = 5};
    ck_assert_int_eq(store->ops->get(store, &object, (struct vfl_sink){add_bytes, &seen}, NULL),
                     VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&seen.body), "hello");
    ck_assert_int_eq(
        store->ops->remove(store, keys, 1, (struct vfl_remove_sink){note_removed, &seen}, NULL),
        VFL_OK);
    ck_assert_uint_eq(seen.removed_count, 1);
    const struct vfl_store_ops *ops = store->ops;
    ops->free(store);
    ops->free(NULL);
    vfl_strbuf_fini(&seen.keys);
    vfl_strbuf_fini(&seen.body);
    aws_bench_finish(&bench);
}
END_TEST

START_TEST(a_bucket_that_cannot_be_is_refused)
{
    struct aws_bench bench = {0};
    struct vfl_store *store = NULL;
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_store_s3_new(bench.session, "a/b", NULL, &store, NULL), VFL_CONFIG);
    ck_assert_ptr_null(store);
    aws_bench_finish(&bench);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {the_four_operations_reach_the_bucket,
                                  a_bucket_that_cannot_be_is_refused};
    return RUN_SUITE("store_s3", cases);
}
