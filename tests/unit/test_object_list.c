#include "core/object_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/bucket.h"
#include "tests/unit/run_suite.h"

/* ---- a store that lists what it is told ---- */

struct listed_key {
    const char *key;
    const char *etag;
    bool is_archived;
};

struct listing_store {
    struct vfl_store base;
    const struct listed_key *keys;
    size_t count;
    size_t generated_count; /* further objects of ascending time */
    size_t fail_after;      /* SIZE_MAX: never */
    char prefixes[4][300];
    char starts[4][300];
    size_t prefix_count;
    int64_t page_ms; /* how long each listing takes until it shows something */
    int64_t end_ms;  /* and after that */
};

static int64_t clock_ms;

static int64_t read_clock(void)
{
    return clock_ms;
}

static enum vfl_status add(struct listing_store *store, const struct listed_key *listed,
                           const char *prefix, struct vfl_object_sink sink, struct vfl_error *err)
{
    if (strncmp(listed->key, prefix, strlen(prefix)) != 0)
        return VFL_OK;
    if (store->fail_after-- == 0)
        return vfl_error_set(err, VFL_RETRY, "the connection broke");
    struct vfl_store_object object = {
        .key = vfl_span_from_string(listed->key),
        .etag = vfl_span_from_string(listed->etag),
        .size_bytes = 100,
        .is_archived = listed->is_archived,
    };
    return sink.add(sink.ctx, &object, err);
}

static enum vfl_status list(struct vfl_store *base, const char *prefix, const char *start_after,
                            struct vfl_object_sink sink, struct vfl_error *err)
{
    struct listing_store *store = (struct listing_store *)base;
    ck_assert_uint_lt(store->prefix_count, 4);
    (void)snprintf(store->prefixes[store->prefix_count], 300, "%s", prefix);
    (void)snprintf(store->starts[store->prefix_count++], 300, "%s", start_after);
    clock_ms += store->page_ms;
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; i < store->count && st == VFL_OK; i++)
        st = add(store, &store->keys[i], prefix, sink, err);
    for (size_t i = 0; i < store->generated_count && st == VFL_OK; i++) {
        char key[FAKE_KEY_SIZE];
        fake_key((unsigned)(i / 1000), (unsigned)i, key);
        st = add(store, &(struct listed_key){key, "e", false}, prefix, sink, err);
    }
    clock_ms += store->end_ms;
    return st;
}

static const struct vfl_store_ops listing_ops = {.list = list};

static char account[] = FAKE_ACCOUNT;
static char folder[] = "";
static struct vfl_config config = {.account = account, .log_prefix = folder};
static struct vfl_object_list objects;
static struct vfl_listing_plan plan;
static struct vfl_ledger ledger;
static struct vfl_error err;

/* A first run's listing. */
static enum vfl_status fill(struct listing_store *store, int64_t now_epoch_s)
{
    struct vfl_listing_steps steps = {0};
    const struct vfl_listing_place place = {.account = VFL_SPAN_LITERAL(FAKE_ACCOUNT),
                                            .region = VFL_SPAN_LITERAL(FAKE_REGION)};
    vfl_listing_plan_fini(&plan);
    ck_assert_int_eq(vfl_listing_plan_init(&plan, 1, &err), VFL_OK);
    const struct vfl_object_source source = {
        .store = &store->base,
        .config = &config,
        .region = FAKE_REGION,
        .ledger = &ledger,
        .progress = plan.regions,
        .now_epoch_s = now_epoch_s,
        .monotonic_ms = read_clock,
    };
    store->base.ops = &listing_ops;
    vfl_ledger_start_listing(&ledger);
    vfl_listing_plan_start(&plan, now_epoch_s, 0);
    ck_assert_int_eq(vfl_listing_region_plan(plan.regions, &place, now_epoch_s, &steps, &err),
                     VFL_OK);
    enum vfl_status st = vfl_object_list_add(&objects, &source, &steps, &err);
    vfl_listing_steps_fini(&steps);
    vfl_object_list_sort(&objects);
    return st;
}

static void close_fixture(void)
{
    vfl_object_list_fini(&objects);
    vfl_object_list_fini(&objects);
    vfl_ledger_fini(&ledger);
    vfl_listing_plan_fini(&plan);
}

static uint64_t digest_of(const char *key, const char *etag)
{
    uint64_t digest;
    ck_assert_int_eq(
        vfl_ledger_digest(vfl_span_from_string(key), vfl_span_from_string(etag), &digest, &err),
        VFL_OK);
    return digest;
}

START_TEST(lists_both_layouts_of_the_region)
{
    struct listing_store store = {.fail_after = SIZE_MAX};
    ck_assert_int_eq(fill(&store, 0), VFL_OK);
    ck_assert_uint_eq(store.prefix_count, 2);
    ck_assert_str_eq(store.starts[0], "");
    ck_assert_str_eq(store.starts[1], "");
    ck_assert_str_eq(store.prefixes[0], "AWSLogs/" FAKE_ACCOUNT "/vpcflowlogs/eu-west-1/");
    ck_assert_str_eq(store.prefixes[1], "AWSLogs/aws-account-id=" FAKE_ACCOUNT
                                        "/aws-service=vpcflowlogs/aws-region=eu-west-1/");
    close_fixture();
}
END_TEST

START_TEST(puts_the_newest_first_then_by_key)
{
    static const unsigned minutes[] = {3, 5, 1, 5};
    static const unsigned serials[] = {1, 9, 1, 2};
    static const size_t expected[] = {3, 1, 0, 2};
    static char keys[4][FAKE_KEY_SIZE];
    struct listed_key listed[4];
    for (size_t i = 0; i < 4; i++) {
        fake_key(minutes[i], serials[i], keys[i]);
        listed[i] = (struct listed_key){keys[i], "e", false};
    }
    struct listing_store store = {.keys = listed, .count = 4, .fail_after = SIZE_MAX};
    ck_assert_int_eq(fill(&store, 0), VFL_OK);
    ck_assert_uint_eq(objects.to_read_count, 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(objects.to_read[i].key, keys[expected[i]]);
    ck_assert_int_eq(objects.to_read[0].time_epoch_s, FAKE_START_EPOCH_S + 300);
    close_fixture();
}
END_TEST

START_TEST(ledger_decides_what_an_object_is_due_for)
{
    static char keys[4][FAKE_KEY_SIZE];
    struct listed_key listed[4];
    for (unsigned i = 0; i < 4; i++) {
        fake_key(i, i, keys[i]);
        listed[i] = (struct listed_key){keys[i], "e", i == 3};
    }
    ck_assert_int_eq(vfl_ledger_note_emitted(&ledger, digest_of(keys[0], "e"), &err), VFL_OK);
    ck_assert_int_eq(vfl_ledger_note_failed(&ledger, digest_of(keys[1], "e"), 1000, &err), VFL_OK);
    ck_assert_int_eq(vfl_ledger_note_emitted(&ledger, digest_of(keys[2], "old"), &err), VFL_OK);
    struct listing_store store = {.keys = listed, .count = 4, .fail_after = SIZE_MAX};
    ck_assert_int_eq(fill(&store, 1059), VFL_OK);
    ck_assert_uint_eq(objects.listed_count, 4);
    ck_assert_uint_eq(objects.to_delete_count, 1);
    ck_assert_str_eq(objects.to_delete[0].key, keys[0]);
    ck_assert_uint_eq(objects.paused_count, 1);
    ck_assert_uint_eq(objects.to_read_count, 2);
    ck_assert_str_eq(objects.to_read[1].key, keys[2]);
    ck_assert(objects.to_read[0].is_archived);
    ck_assert(vfl_ledger_find(&ledger, digest_of(keys[0], "e"))->is_listed);
    ck_assert(vfl_ledger_find(&ledger, digest_of(keys[1], "e"))->is_listed);
    ck_assert(!vfl_ledger_find(&ledger, digest_of(keys[2], "old"))->is_listed);
    vfl_object_list_fini(&objects);
    store.prefix_count = 0;
    ck_assert_int_eq(fill(&store, 1060), VFL_OK); /* the pause is over */
    ck_assert_uint_eq(objects.to_read_count, 3);
    close_fixture();
}
END_TEST

START_TEST(counts_foreign_keys_and_impossible_dates_apart)
{
#define REGION_FOLDER "AWSLogs/" FAKE_ACCOUNT "/vpcflowlogs/" FAKE_REGION "/2026/"
    static const struct listed_key listed[] = {
        {REGION_FOLDER "11/20/readme.txt", "e", false},
        {REGION_FOLDER "02/30/" FAKE_ACCOUNT "_vpcflowlogs_" FAKE_REGION "_" FAKE_FLOW_LOG
                       "_20260230T1000Z_00000001.log.gz",
         "e", false},
    };
    struct listing_store store = {.keys = listed, .count = 2, .fail_after = SIZE_MAX};
    ck_assert_int_eq(fill(&store, 0), VFL_OK);
    ck_assert_uint_eq(objects.listed_count, 0);
    ck_assert_uint_eq(objects.foreign_count, 1);
    ck_assert_uint_eq(objects.bad_date_count, 1);
    ck_assert_str_eq(objects.bad_date_key, listed[1].key);
    ck_assert_uint_eq(objects.to_read_count + objects.to_delete_count, 0);
    close_fixture();
}
END_TEST

START_TEST(keeps_what_was_shown_before_a_failure)
{
    struct listing_store store = {.generated_count = 10, .fail_after = 4};
    ck_assert_int_eq(fill(&store, 0), VFL_RETRY);
    ck_assert_str_eq(err.text, "the connection broke");
    ck_assert_uint_eq(objects.to_read_count, 4);
    close_fixture();
}
END_TEST

/* What is due for deletion is found however much there is to read. */
START_TEST(holds_a_bounded_number_of_objects)
{
    char last[FAKE_KEY_SIZE];
    unsigned count = VFL_OBJECT_LIST_MAX_COUNT + 5;
    fake_key((count - 1) / 1000, count - 1, last);
    ck_assert_int_eq(vfl_ledger_note_emitted(&ledger, digest_of(last, "e"), &err), VFL_OK);
    struct listing_store store = {.generated_count = count, .fail_after = SIZE_MAX};
    ck_assert_int_eq(fill(&store, 0), VFL_OK);
    ck_assert_uint_eq(objects.to_read_count, VFL_OBJECT_LIST_MAX_COUNT);
    ck_assert_uint_eq(objects.to_delete_count, 1);
    ck_assert_uint_eq(objects.listed_count, count);
    ck_assert_uint_eq(objects.beyond_count, 4);
    close_fixture();
}
END_TEST

/* Of a long outage's backlog: a listing shows the oldest first. */
START_TEST(holds_the_newest)
{
    unsigned count = 2 * VFL_OBJECT_LIST_MAX_COUNT + 1007;
    struct listing_store store = {.generated_count = count, .fail_after = SIZE_MAX};
    ck_assert_int_eq(fill(&store, 0), VFL_OK);
    ck_assert_uint_eq(objects.to_read_count, VFL_OBJECT_LIST_MAX_COUNT);
    ck_assert_uint_eq(objects.beyond_count, VFL_OBJECT_LIST_MAX_COUNT + 1007);
    /* A thousand a minute: the last one is of minute 101, the oldest held of minute 51. */
    ck_assert_int_eq(objects.to_read[0].time_epoch_s, FAKE_START_EPOCH_S + INT64_C(60) * 101);
    ck_assert_int_eq(objects.to_read[VFL_OBJECT_LIST_MAX_COUNT - 1].time_epoch_s,
                     FAKE_START_EPOCH_S + INT64_C(60) * 51);
    close_fixture();
}
END_TEST

/* No pause is longer than six hours: the clock was ahead when this one was noted. */
START_TEST(clock_that_is_set_back_does_not_prolong_a_pause)
{
    static const struct {
        int64_t now_epoch_s;
        uint64_t paused;
    } cases[] = {{1000000 + 59, 1}, {1000000 + 60, 0}, {1000060 - 21600, 1}, {1000059 - 21600, 0}};
    static char key[FAKE_KEY_SIZE];
    fake_key(0, 1, key);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct listed_key listed[] = {{key, "e", false}};
        struct listing_store store = {.keys = listed, .count = 1, .fail_after = SIZE_MAX};
        ck_assert_int_eq(vfl_ledger_note_failed(&ledger, digest_of(key, "e"), 1000000, &err),
                         VFL_OK);
        ck_assert_int_eq(fill(&store, cases[i].now_epoch_s), VFL_OK);
        ck_assert_msg(objects.paused_count == cases[i].paused, "case %zu", i);
        ck_assert_uint_eq(objects.to_read_count, 1 - cases[i].paused);
        close_fixture();
    }
}
END_TEST

/* What is unread or waits for its deletion has to be listed again; what was left alone has not. */
START_TEST(tells_the_plan_what_has_to_be_listed_again)
{
    static const struct {
        const char *name;
        bool is_emitted, is_dry_run, is_open;
    } cases[] = {
        {"new", false, false, true},
        {"emitted", true, false, true},
        {"emitted in a dry run", true, true, false},
        {"new in a dry run", false, true, true},
    };
    static char key[FAKE_KEY_SIZE];
    fake_key(0, 1, key);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct listed_key listed[] = {{key, "e", false}, {"AWSLogs/other", "e", false}};
        struct listing_store store = {.keys = listed, .count = 2, .fail_after = SIZE_MAX};
        if (cases[i].is_emitted)
            ck_assert_int_eq(vfl_ledger_note_emitted(&ledger, digest_of(key, "e"), &err), VFL_OK);
        config.is_dry_run = cases[i].is_dry_run;
        ck_assert_int_eq(fill(&store, FAKE_START_EPOCH_S), VFL_OK);
        ck_assert_uint_eq(plan.regions[0].cursor_count, 1);
        bool is_open = plan.regions[0].cursors[0].oldest_open_epoch_s == FAKE_START_EPOCH_S;
        ck_assert_msg(is_open == cases[i].is_open, "%s", cases[i].name);
        close_fixture();
    }
    config.is_dry_run = false;
}
END_TEST

/* A page that shows nothing may have been as slow: there is no object of the second layout. */
START_TEST(measures_the_slowest_page)
{
    static const struct {
        int64_t page_ms, end_ms, expected_ms;
        size_t object_count;
    } cases[] = {{7000, 0, 7000, 3}, {10, 6000, 6010, 3}, {4000, 0, 4000, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct listing_store store = {.generated_count = cases[i].object_count,
                                      .fail_after = SIZE_MAX,
                                      .page_ms = cases[i].page_ms,
                                      .end_ms = cases[i].end_ms};
        ck_assert_int_eq(fill(&store, FAKE_START_EPOCH_S), VFL_OK);
        ck_assert_int_eq(objects.slowest_page_ms, cases[i].expected_ms);
        close_fixture();
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        lists_both_layouts_of_the_region,
        puts_the_newest_first_then_by_key,
        ledger_decides_what_an_object_is_due_for,
        counts_foreign_keys_and_impossible_dates_apart,
        keeps_what_was_shown_before_a_failure,
        holds_a_bounded_number_of_objects,
        holds_the_newest,
        clock_that_is_set_back_does_not_prolong_a_pause,
        tells_the_plan_what_has_to_be_listed_again,
        measures_the_slowest_page,
    };
    return RUN_SUITE("object list", cases);
}
