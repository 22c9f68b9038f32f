#include "core/ledger.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/run_suite.h"

static struct vfl_ledger ledger;
static struct vfl_error err;

static enum vfl_object_state state_of(uint64_t digest)
{
    const struct vfl_ledger_entry *entry = vfl_ledger_find(&ledger, digest);
    return entry == NULL ? VFL_OBJECT_NEW : entry->state;
}

static void emit(uint64_t digest)
{
    ck_assert_int_eq(vfl_ledger_note_emitted(&ledger, digest, &err), VFL_OK);
}

static void note_failure(uint64_t digest, int64_t now_epoch_s)
{
    ck_assert_int_eq(vfl_ledger_note_failed(&ledger, digest, now_epoch_s, &err), VFL_OK);
}

static bool parse(const char *text)
{
    bool is_valid;
    ck_assert_int_eq(vfl_ledger_parse(&ledger, vfl_span_from_string(text), &is_valid, &err),
                     VFL_OK);
    return is_valid;
}

static uint64_t digest_of(const char *key, const char *etag)
{
    uint64_t digest;
    ck_assert_int_eq(
        vfl_ledger_digest(vfl_span_from_string(key), vfl_span_from_string(etag), &digest, &err),
        VFL_OK);
    return digest;
}

/* First 8 bytes of SHA-256("abc\0def"), by sha256sum. */
START_TEST(digest_is_of_key_and_etag)
{
    ck_assert_uint_eq(digest_of("abc", "def"), UINT64_C(0x516a5e926ce20c5f));
    ck_assert_uint_ne(digest_of("abc", "deg"), UINT64_C(0x516a5e926ce20c5f));
    ck_assert_uint_ne(digest_of("abcd", "ef"), UINT64_C(0x516a5e926ce20c5f));
}
END_TEST

START_TEST(emitted_object_is_no_longer_new)
{
    ck_assert_int_eq(state_of(7), VFL_OBJECT_NEW);
    emit(7);
    emit(7);
    ck_assert_int_eq(state_of(7), VFL_OBJECT_EMITTED);
    ck_assert_uint_eq(vfl_ledger_room(&ledger), VFL_LEDGER_MAX_EMITTED - 1);
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(failed_object_that_is_read_at_last_is_emitted)
{
    note_failure(7, 1000);
    ck_assert_int_eq(state_of(7), VFL_OBJECT_FAILED);
    emit(7);
    ck_assert_int_eq(state_of(7), VFL_OBJECT_EMITTED);
    ck_assert_uint_eq(ledger.failed_count, 0);
    ck_assert_uint_eq(ledger.emitted_count, 1);
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(pause_doubles_up_to_six_hours)
{
    static const int pauses_s[] = {60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 21600, 21600};
    for (size_t i = 0; i < sizeof pauses_s / sizeof pauses_s[0]; i++) {
        note_failure(7, 1000);
        ck_assert_int_eq(vfl_ledger_find(&ledger, 7)->retry_epoch_s, 1000 + pauses_s[i]);
    }
    ck_assert_uint_eq(ledger.failed_count, 1);
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(refuses_more_than_its_limit_of_emitted_objects)
{
    for (uint64_t i = 0; i < VFL_LEDGER_MAX_EMITTED; i++)
        emit(i);
    ck_assert_uint_eq(vfl_ledger_room(&ledger), 0);
    ck_assert_int_eq(vfl_ledger_note_emitted(&ledger, 99999, &err), VFL_LIMIT);
    emit(17); /* is there already */
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(failed_object_beyond_the_limit_is_not_noted)
{
    for (uint64_t i = 0; i < VFL_LEDGER_MAX_FAILED; i++)
        note_failure(i, 1000);
    note_failure(99999, 1000);
    ck_assert_int_eq(state_of(99999), VFL_OBJECT_NEW);
    note_failure(17, 2000);
    ck_assert_int_eq(vfl_ledger_find(&ledger, 17)->retry_epoch_s, 2120);
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(forgets_what_a_listing_no_longer_shows)
{
    emit(1);
    emit(2);
    note_failure(3, 1000);
    note_failure(4, 1000);
    vfl_ledger_start_listing(&ledger);
    vfl_ledger_find(&ledger, 2)->is_listed = true;
    vfl_ledger_find(&ledger, 3)->is_listed = true;
    ck_assert_int_eq(vfl_ledger_forget_unlisted(&ledger, &err), VFL_OK);
    ck_assert_int_eq(state_of(1), VFL_OBJECT_NEW);
    ck_assert_int_eq(state_of(2), VFL_OBJECT_EMITTED);
    ck_assert_int_eq(state_of(3), VFL_OBJECT_FAILED);
    ck_assert_int_eq(state_of(4), VFL_OBJECT_NEW);
    ck_assert_uint_eq(ledger.emitted_count, 1);
    ck_assert_uint_eq(ledger.failed_count, 1);
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(forgets_deleted_objects_whatever_was_listed)
{
    emit(1);
    emit(2);
    vfl_ledger_start_listing(&ledger);
    vfl_ledger_find(&ledger, 2)->is_listed = true;
    vfl_ledger_note_deleted(&ledger, 2);
    vfl_ledger_note_deleted(&ledger, 99999);
    ck_assert_int_eq(vfl_ledger_forget_deleted(&ledger, &err), VFL_OK);
    ck_assert_int_eq(state_of(1), VFL_OBJECT_EMITTED);
    ck_assert_int_eq(state_of(2), VFL_OBJECT_NEW);
    ck_assert_uint_eq(vfl_ledger_room(&ledger), VFL_LEDGER_MAX_EMITTED - 1);
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(adopts_failures_but_never_over_what_is_known)
{
    struct vfl_ledger other = {0};
    ck_assert_int_eq(vfl_ledger_note_failed(&other, 1, 1000, &err), VFL_OK);
    ck_assert_int_eq(vfl_ledger_note_failed(&other, 2, 1000, &err), VFL_OK);
    ck_assert_int_eq(vfl_ledger_note_emitted(&other, 3, &err), VFL_OK);
    emit(1);
    ck_assert_int_eq(vfl_ledger_adopt_failed(&ledger, &other, &err), VFL_OK);
    ck_assert_int_eq(state_of(1), VFL_OBJECT_EMITTED);
    ck_assert_int_eq(state_of(2), VFL_OBJECT_FAILED);
    ck_assert_int_eq(state_of(3), VFL_OBJECT_NEW);
    vfl_ledger_fini(&other);
    vfl_ledger_fini(&ledger);
}
END_TEST

/* ---- text ---- */

START_TEST(text_gives_the_same_ledger_back)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(VFL_LEDGER_MAX_BYTES);
    emit(UINT64_C(0x0102030405060708));
    emit(UINT64_MAX);
    emit(0);
    for (int i = 0; i < 3; i++)
        note_failure(UINT64_C(0xfedcba9876543210), 1795168800);
    ledger.run = 42;
    (void)snprintf(ledger.process, sizeof ledger.process, "0123456789abcdef");
    ck_assert_int_eq(vfl_ledger_format(&ledger, &text, &err), VFL_OK);
    vfl_ledger_fini(&ledger);
    ck_assert(parse(vfl_strbuf_string(&text)));
    ck_assert_uint_eq(ledger.run, 42);
    ck_assert_str_eq(ledger.process, "0123456789abcdef");
    ck_assert_uint_eq(ledger.count, 4);
    ck_assert_int_eq(state_of(UINT64_C(0x0102030405060708)), VFL_OBJECT_EMITTED);
    ck_assert_int_eq(state_of(UINT64_MAX), VFL_OBJECT_EMITTED);
    ck_assert_int_eq(state_of(0), VFL_OBJECT_EMITTED);
    const struct vfl_ledger_entry *failed = vfl_ledger_find(&ledger, UINT64_C(0xfedcba9876543210));
    ck_assert_ptr_nonnull(failed);
    ck_assert_uint_eq(failed->failure_count, 3);
    ck_assert_int_eq(failed->retry_epoch_s, 1795168800 + 240);
    vfl_strbuf_fini(&text);
    vfl_ledger_fini(&ledger);
}
END_TEST

/* AQIDBAUGBwg= is the base64 of the bytes 1 to 8. */
START_TEST(text_is_the_documented_one)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(VFL_LEDGER_MAX_BYTES);
    emit(UINT64_C(0x0102030405060708));
    note_failure(UINT64_C(0xff), 1000);
    ledger.run = 3;
    (void)snprintf(ledger.process, sizeof ledger.process, "p");
    ck_assert_int_eq(vfl_ledger_format(&ledger, &text, &err), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&text),
                     "{\"version\":1,\"run\":3,\"process\":\"p\",\"emitted\":\"AQIDBAUGBwg=\","
                     "\"failed\":[\"00000000000000ff 1 1060\"]}");
    vfl_strbuf_fini(&text);
    vfl_ledger_fini(&ledger);
}
END_TEST

/* The worst that can be: every number at its longest. */
START_TEST(fullest_text_stays_under_64_kib)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(1u << 20);
    for (uint64_t i = 0; i < VFL_LEDGER_MAX_EMITTED; i++)
        emit(UINT64_MAX - i);
    for (uint64_t i = 0; i < VFL_LEDGER_MAX_FAILED; i++) {
        note_failure(i, 1000);
        vfl_ledger_find(&ledger, i)->failure_count = UINT32_MAX;
        vfl_ledger_find(&ledger, i)->retry_epoch_s = INT64_MAX;
    }
    ledger.run = INT64_MAX;
    (void)snprintf(ledger.process, sizeof ledger.process, "0123456789abcdef");
    ck_assert_int_eq(vfl_ledger_format(&ledger, &text, &err), VFL_OK);
    ck_assert_uint_lt(text.len, 64 * 1024);
    vfl_ledger_fini(&ledger);
    ck_assert(parse(vfl_strbuf_string(&text)));
    ck_assert_uint_eq(ledger.emitted_count, VFL_LEDGER_MAX_EMITTED);
    ck_assert_uint_eq(ledger.failed_count, VFL_LEDGER_MAX_FAILED);
    vfl_strbuf_fini(&text);
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(no_state_is_an_empty_ledger)
{
    emit(1);
    ck_assert(parse(""));
    ck_assert_uint_eq(ledger.count, 0);
    emit(1);
    ck_assert(parse("{}"));
    ck_assert_uint_eq(ledger.count, 0);
    vfl_ledger_fini(&ledger);
}
END_TEST

#define REST "\"run\":3,\"process\":\"p\",\"emitted\":\"AQIDBAUGBwg=\",\"failed\":[]}"

START_TEST(other_text_is_no_ledger)
{
    static const struct {
        const char *name;
        const char *text;
    } texts[] = {
        {"garbage", "\x01\xff"},
        {"list", "[]"},
        {"null", "null"},
        {"another version", "{\"version\":2," REST},
        {"version as text", "{\"version\":\"1\"," REST},
        {"no version", "{" REST},
        {"twice the same", "{\"version\":1,\"version\":1," REST},
        {"trailing bytes", "{\"version\":1," REST "x"},
        {"negative run",
         "{\"version\":1,\"run\":-1,\"process\":\"p\",\"emitted\":\"\",\"failed\":[]}"},
        {"long process", "{\"version\":1,\"run\":1,\"process\":\"0123456789abcdef0\","
                         "\"emitted\":\"\",\"failed\":[]}"},
        {"not base64",
         "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"AQ!DBAUGBwg=\",\"failed\":[]}"},
        {"seven bytes",
         "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"AQIDBAUGBw==\",\"failed\":[]}"},
        {"emitted is a list",
         "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":[],\"failed\":[]}"},
        {"no failed", "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"\"}"},
        {"failed is a number",
         "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"\",\"failed\":[1]}"},
        {"short digest", "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"\","
                         "\"failed\":[\"00ff 1 1060\"]}"},
        {"count too large", "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"\","
                            "\"failed\":[\"00000000000000ff 4294967296 1060\"]}"},
        {"time too large", "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"\","
                           "\"failed\":[\"00000000000000ff 1 9223372036854775808\"]}"},
        {"more after the time", "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"\","
                                "\"failed\":[\"00000000000000ff 1 1060 \"]}"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        emit(1);
        ck_assert_msg(!parse(texts[i].text), "%s", texts[i].name);
        ck_assert_msg(ledger.count == 0 && ledger.emitted_count == 0, "%s", texts[i].name);
        ck_assert_msg(ledger.run == 0 && ledger.process[0] == '\0', "%s", texts[i].name);
    }
    ck_assert(parse("{\"version\":1," REST));
    vfl_ledger_fini(&ledger);
}
END_TEST

/* The agent's state file is not written atomically. */
START_TEST(text_torn_anywhere_is_no_ledger)
{
    static const char whole[] = "{\"version\":1," REST;
    for (size_t length = 1; length < sizeof whole - 1; length++) {
        bool is_valid = true;
        ck_assert_int_eq(
            vfl_ledger_parse(&ledger, (struct vfl_span){whole, length}, &is_valid, &err), VFL_OK);
        ck_assert_msg(!is_valid, "%zu", length);
    }
    vfl_ledger_fini(&ledger);
}
END_TEST

START_TEST(text_beyond_its_limits_is_no_ledger)
{
    size_t count = VFL_LEDGER_MAX_EMITTED + 1; /* divides by three: no padding */
    char *text = malloc(count * 11 + 200);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(count % 3, 0);
    int used = snprintf(text, 100, "{\"version\":1,\"run\":1,\"process\":\"p\",\"emitted\":\"");
    size_t at = (size_t)used;
    for (size_t i = 0; i < count / 3; i++) { /* 24 bytes are 32 digits */
        (void)snprintf(text + at, 100, "%08zuAAA%08zuAAA%08zuAA", i, i + 30000, i + 60000);
        at += 32;
    }
    (void)snprintf(text + at, 100, "\",\"failed\":[]}");
    ck_assert(!parse(text));
    ck_assert_uint_eq(ledger.count, 0);
    free(text);
    vfl_ledger_fini(&ledger);
}
END_TEST

/* jansson's allocations alone: those of the whole check are the sweep's. */
static long allocations_left;

static void *allocate(size_t size)
{
    return allocations_left-- == 0 ? NULL : malloc(size);
}

START_TEST(a_state_is_whole_or_not_made_at_all)
{
    struct vfl_ledger full = {.run = 7, .process = "0123456789abcdef"};
    struct vfl_ledger again = {0};
    for (uint64_t digest = 1; digest <= 20; digest++)
        ck_assert_int_eq(vfl_ledger_note_emitted(&full, digest, NULL), VFL_OK);
    ck_assert_int_eq(vfl_ledger_note_failed(&full, 21, 1000000, NULL), VFL_OK);
    unsigned failed_count = 0;
    for (bool is_done = false; !is_done; failed_count++) {
        struct vfl_strbuf text = VFL_STRBUF_INIT(VFL_LEDGER_MAX_BYTES);
        bool is_valid = false;
        allocations_left = failed_count;
        json_set_alloc_funcs(allocate, free);
        enum vfl_status st = vfl_ledger_format(&full, &text, NULL);
        is_done = allocations_left >= 0;
        json_set_alloc_funcs(malloc, free);
        ck_assert(st == VFL_OK || !is_done);
        if (st == VFL_OK) {
            ck_assert_int_eq(vfl_ledger_parse(&again, vfl_strbuf_span(&text), &is_valid, NULL),
                             VFL_OK);
            ck_assert_msg(is_valid, "allocation %u: %s", failed_count, vfl_strbuf_string(&text));
            ck_assert_uint_eq(again.emitted_count, 20);
            ck_assert_uint_eq(again.failed_count, 1);
        }
        vfl_strbuf_fini(&text);
    }
    ck_assert_uint_gt(failed_count, 5);
    vfl_ledger_fini(&full);
    vfl_ledger_fini(&again);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        digest_is_of_key_and_etag,
        emitted_object_is_no_longer_new,
        failed_object_that_is_read_at_last_is_emitted,
        pause_doubles_up_to_six_hours,
        refuses_more_than_its_limit_of_emitted_objects,
        failed_object_beyond_the_limit_is_not_noted,
        forgets_what_a_listing_no_longer_shows,
        forgets_deleted_objects_whatever_was_listed,
        adopts_failures_but_never_over_what_is_known,
        text_gives_the_same_ledger_back,
        text_is_the_documented_one,
        fullest_text_stays_under_64_kib,
        no_state_is_an_empty_ledger,
        other_text_is_no_ledger,
        text_torn_anywhere_is_no_ledger,
        text_beyond_its_limits_is_no_ledger,
        a_state_is_whole_or_not_made_at_all,
    };
    return RUN_SUITE("ledger", cases);
}
