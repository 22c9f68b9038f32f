#include "core/confirmation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/recording_ops.h"
#include "tests/unit/run_suite.h"

/* The protocol by itself: what each answer of the other side lets the next run do. */

static char account[] = "123456789012";
static char bucket_name[] = "logs";
static char no_prefix[] = "";
static char region[] = "eu-west-1";
static char *regions[] = {region};

static struct vfl_config config = {
    .account = account,
    .bucket = bucket_name,
    .log_prefix = no_prefix,
    .regions = regions,
    .region_count = 1,
};
static struct recording_ops recording;
static struct vfl_collector_ops ops;
static struct vfl_error err;

static void start(struct vfl_confirmation *confirmation)
{
    ck_assert_int_eq(vfl_confirmation_init(confirmation, &config, &err), VFL_OK);
}

static void open_fixture(struct vfl_confirmation *confirmation, enum vfl_state_support support)
{
    recording_ops_init(&recording, support);
    ops = recording_ops_table(&recording);
    start(confirmation);
}

static void close_fixture(struct vfl_confirmation *confirmation)
{
    vfl_confirmation_fini(confirmation);
    vfl_confirmation_fini(confirmation);
    recording_ops_fini(&recording);
}

static enum vfl_confirmation_outcome begin(struct vfl_confirmation *confirmation, int64_t at_ms)
{
    enum vfl_confirmation_outcome outcome;
    ck_assert_int_eq(vfl_confirmation_begin(confirmation, &ops, at_ms, &outcome, &err), VFL_OK);
    return outcome;
}

static void emit(struct vfl_confirmation *confirmation, uint64_t digest, int64_t at_ms)
{
    ck_assert_int_eq(vfl_confirmation_prepare(confirmation, &err), VFL_OK);
    ck_assert_int_eq(vfl_ledger_note_emitted(&confirmation->next, digest, &err), VFL_OK);
    ck_assert_int_eq(vfl_confirmation_open(confirmation, &ops, &err), VFL_OK);
    ck_assert_int_eq(vfl_confirmation_close(confirmation, &ops, true, at_ms, &err), VFL_OK);
}

static bool is_emitted(const struct vfl_confirmation *confirmation, uint64_t digest)
{
    const struct vfl_ledger_entry *entry = vfl_ledger_find(&confirmation->ledger, digest);
    return entry != NULL && entry->state == VFL_OBJECT_EMITTED;
}

START_TEST(first_run_goes)
{
    static const enum vfl_state_support supports[] = {VFL_STATE_NONE, VFL_STATE_PLAIN,
                                                      VFL_STATE_TRANSACTIONAL};
    for (size_t i = 0; i < 3; i++) {
        struct vfl_confirmation confirmation;
        open_fixture(&confirmation, supports[i]);
        ck_assert_int_eq(begin(&confirmation, 0), VFL_CONFIRMATION_GO);
        ck_assert_uint_eq(confirmation.ledger.count, 0);
        close_fixture(&confirmation);
    }
}
END_TEST

START_TEST(waits_for_its_own_run_number)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_TRANSACTIONAL);
    (void)begin(&confirmation, 0);
    emit(&confirmation, 1, 1000);
    ck_assert_int_eq(begin(&confirmation, 61000), VFL_CONFIRMATION_WAIT);
    recording_ops_commit(&recording);
    ck_assert_int_eq(begin(&confirmation, 121000), VFL_CONFIRMATION_GO);
    ck_assert(is_emitted(&confirmation, 1));
    /* The second transaction is another one: the first one's state does not confirm it. */
    emit(&confirmation, 2, 122000);
    ck_assert_int_eq(begin(&confirmation, 181000), VFL_CONFIRMATION_WAIT);
    close_fixture(&confirmation);
}
END_TEST

START_TEST(gives_up_after_eleven_minutes_exactly)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_TRANSACTIONAL);
    (void)begin(&confirmation, 0);
    emit(&confirmation, 1, 1000);
    ck_assert_int_eq(begin(&confirmation, 1000 + 660000 - 1), VFL_CONFIRMATION_WAIT);
    ck_assert_int_eq(begin(&confirmation, 1000 + 660000), VFL_CONFIRMATION_REPEAT);
    ck_assert(!is_emitted(&confirmation, 1));
    ck_assert_int_eq(begin(&confirmation, 1000 + 660001), VFL_CONFIRMATION_GO);
    close_fixture(&confirmation);
}
END_TEST

START_TEST(failed_transaction_keeps_what_was_confirmed_before)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_TRANSACTIONAL);
    (void)begin(&confirmation, 0);
    emit(&confirmation, 1, 1000);
    recording_ops_commit(&recording);
    (void)begin(&confirmation, 60000);
    emit(&confirmation, 2, 61000);
    ck_assert_int_eq(begin(&confirmation, 61000 + 660000), VFL_CONFIRMATION_REPEAT);
    ck_assert(is_emitted(&confirmation, 1));
    ck_assert(!is_emitted(&confirmation, 2));
    close_fixture(&confirmation);
}
END_TEST

/* A process before us committed after we looked, or another agent shares the state. */
START_TEST(state_of_another_process_is_taken_over_but_confirms_nothing_of_ours)
{
    struct vfl_confirmation first;
    struct vfl_confirmation second;
    open_fixture(&first, VFL_STATE_TRANSACTIONAL);
    (void)begin(&first, 0);
    emit(&first, 1, 1000);
    recording_ops_commit(&recording);
    start(&second);
    ck_assert_int_eq(begin(&second, 5000), VFL_CONFIRMATION_GO);
    ck_assert(is_emitted(&second, 1));
    /* Both now write run number 2. */
    (void)begin(&first, 6000);
    emit(&first, 3, 7000);
    char *of_first = recording.pending_state;
    recording.pending_state = NULL;
    emit(&second, 2, 8000);
    recording_ops_set_state(&recording, of_first);
    free(of_first);
    ck_assert_int_eq(begin(&second, 60000), VFL_CONFIRMATION_WAIT);
    recording_ops_commit(&recording);
    ck_assert_int_eq(begin(&second, 120000), VFL_CONFIRMATION_GO);
    ck_assert(is_emitted(&second, 2));
    vfl_confirmation_fini(&second);
    close_fixture(&first);
}
END_TEST

START_TEST(run_number_goes_on_after_a_restart)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_TRANSACTIONAL);
    recording.is_auto_commit = true;
    for (int run = 0; run < 5; run++) {
        (void)begin(&confirmation, run * 60000);
        emit(&confirmation, (uint64_t)run, run * 60000 + 1000);
    }
    vfl_confirmation_fini(&confirmation);
    start(&confirmation);
    (void)begin(&confirmation, 0);
    emit(&confirmation, 9, 1000);
    ck_assert_uint_eq(confirmation.run, 6);
    ck_assert_ptr_nonnull(strstr(recording.state, "\"run\":6,"));
    close_fixture(&confirmation);
}
END_TEST

START_TEST(failures_noted_since_the_commit_stay)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_TRANSACTIONAL);
    recording.is_auto_commit = true;
    (void)begin(&confirmation, 0);
    emit(&confirmation, 1, 1000);
    (void)begin(&confirmation, 60000);
    ck_assert_int_eq(vfl_ledger_note_failed(&confirmation.ledger, 2, 5000, &err), VFL_OK);
    (void)begin(&confirmation, 120000);
    const struct vfl_ledger_entry *entry = vfl_ledger_find(&confirmation.ledger, 2);
    ck_assert_ptr_nonnull(entry);
    ck_assert_int_eq(entry->state, VFL_OBJECT_FAILED);
    close_fixture(&confirmation);
}
END_TEST

/* What goes to the state is made before anything is sent. */
START_TEST(an_emission_that_breaks_off_names_none_of_its_objects)
{
    static const enum vfl_state_support supports[] = {VFL_STATE_NONE, VFL_STATE_PLAIN,
                                                      VFL_STATE_TRANSACTIONAL};
    for (size_t i = 0; i < 3; i++) {
        struct vfl_confirmation confirmation;
        open_fixture(&confirmation, supports[i]);
        recording.is_auto_commit = true;
        (void)begin(&confirmation, 0);
        emit(&confirmation, 1, 1000);
        (void)begin(&confirmation, 60000);
        ck_assert_int_eq(vfl_confirmation_prepare(&confirmation, &err), VFL_OK);
        ck_assert_int_eq(vfl_ledger_note_emitted(&confirmation.next, 2, &err), VFL_OK);
        ck_assert_int_eq(vfl_confirmation_open(&confirmation, &ops, &err), VFL_OK);
        ck_assert(!is_emitted(&confirmation, 2));
        ck_assert_int_eq(vfl_confirmation_close(&confirmation, &ops, false, 61000, &err), VFL_OK);
        ck_assert_int_eq(begin(&confirmation, 120000), VFL_CONFIRMATION_GO);
        ck_assert(is_emitted(&confirmation, 1));
        ck_assert(!is_emitted(&confirmation, 2));
        close_fixture(&confirmation);
    }
}
END_TEST

/* Nothing is sent, and the run before stays what it was. */
START_TEST(a_state_that_cannot_be_made_starts_no_transaction)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_TRANSACTIONAL);
    recording.is_auto_commit = true;
    (void)begin(&confirmation, 0);
    emit(&confirmation, 1, 1000);
    (void)begin(&confirmation, 60000);
    ck_assert_int_eq(vfl_confirmation_prepare(&confirmation, &err), VFL_OK);
    confirmation.process[0] = (char)0xff; /* no UTF-8, so no JSON */
    ck_assert_int_ne(vfl_confirmation_open(&confirmation, &ops, &err), VFL_OK);
    ck_assert_uint_eq(recording.start_count, 1);
    ck_assert(!recording.is_open);
    ck_assert(is_emitted(&confirmation, 1));
    close_fixture(&confirmation);
}
END_TEST

START_TEST(a_state_that_cannot_be_read_leaves_the_outcome_open)
{
    struct vfl_confirmation confirmation;
    enum vfl_confirmation_outcome outcome;
    open_fixture(&confirmation, VFL_STATE_TRANSACTIONAL);
    (void)begin(&confirmation, 0);
    emit(&confirmation, 1, 1000);
    recording.is_state_too_large = true;
    ck_assert_int_eq(vfl_confirmation_begin(&confirmation, &ops, 1000 + 660000, &outcome, &err),
                     VFL_NO_MEMORY);
    recording.is_state_too_large = false;
    ck_assert_int_eq(begin(&confirmation, 1000 + 660001), VFL_CONFIRMATION_REPEAT);
    close_fixture(&confirmation);
}
END_TEST

START_TEST(plain_state_is_read_once_and_written_at_every_close)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_PLAIN);
    for (int run = 0; run < 3; run++) {
        ck_assert_int_eq(begin(&confirmation, run * 60000), VFL_CONFIRMATION_GO);
        emit(&confirmation, (uint64_t)run, run * 60000 + 1000);
    }
    ck_assert_uint_eq(recording.get_state_count, 1);
    ck_assert_uint_eq(recording.set_state_count, 3);
    ck_assert_uint_eq(recording.start_count, 0);
    ck_assert(is_emitted(&confirmation, 0));
    close_fixture(&confirmation);
}
END_TEST

/* Whether there are transactions is asked at every run. What they left open is not confirmed by
 * their end. */
START_TEST(switch_from_transactions_to_plain_state_confirms_nothing)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_PLAIN);
    (void)begin(&confirmation, 0);
    recording.support = VFL_STATE_TRANSACTIONAL;
    (void)begin(&confirmation, 60000);
    emit(&confirmation, 1, 61000);
    recording.support = VFL_STATE_PLAIN;
    (void)begin(&confirmation, 120000);
    ck_assert(!is_emitted(&confirmation, 1));
    close_fixture(&confirmation);
}
END_TEST

START_TEST(without_state_memory_alone_counts)
{
    struct vfl_confirmation confirmation;
    open_fixture(&confirmation, VFL_STATE_NONE);
    (void)begin(&confirmation, 0);
    emit(&confirmation, 1, 1000);
    ck_assert_int_eq(begin(&confirmation, 60000), VFL_CONFIRMATION_GO);
    ck_assert(is_emitted(&confirmation, 1));
    ck_assert_uint_eq(recording.get_state_count + recording.set_state_count, 0);
    close_fixture(&confirmation);
}
END_TEST

/* printf '123456789012\nlogs\n\neu-west-1' | sha256sum */
START_TEST(state_that_is_no_ledger_is_told_and_taken_as_none)
{
    char *too_long = malloc((1u << 20) + 2);
    ck_assert_ptr_nonnull(too_long);
    memset(too_long, 'x', (1u << 20) + 1);
    too_long[(1u << 20) + 1] = '\0';
    const char *const states[] = {"[]", "{\"version\":2}", too_long};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct vfl_confirmation confirmation;
        open_fixture(&confirmation, VFL_STATE_TRANSACTIONAL);
        recording_ops_set_state(&recording, states[i]);
        ck_assert_int_eq(begin(&confirmation, 0), VFL_CONFIRMATION_GO);
        ck_assert_msg(recording_ops_has_notice(&recording, VFL_NOTICE_WARNING, "cannot be read"),
                      "%zu", i);
        ck_assert_uint_eq(confirmation.ledger.count, 0);
        close_fixture(&confirmation);
    }
    free(too_long);
}
END_TEST

START_TEST(state_key_tells_instances_apart)
{
    struct vfl_confirmation confirmation;
    char other_bucket[] = "other";
    start(&confirmation);
    ck_assert_str_eq(confirmation.state_key, "aws_flowlogs:5258e0a23e804aed");
    vfl_confirmation_fini(&confirmation);
    config.bucket = other_bucket;
    start(&confirmation);
    ck_assert_str_ne(confirmation.state_key, "aws_flowlogs:5258e0a23e804aed");
    vfl_confirmation_fini(&confirmation);
    config.bucket = bucket_name;
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        first_run_goes,
        waits_for_its_own_run_number,
        gives_up_after_eleven_minutes_exactly,
        failed_transaction_keeps_what_was_confirmed_before,
        state_of_another_process_is_taken_over_but_confirms_nothing_of_ours,
        run_number_goes_on_after_a_restart,
        failures_noted_since_the_commit_stay,
        an_emission_that_breaks_off_names_none_of_its_objects,
        a_state_that_cannot_be_made_starts_no_transaction,
        a_state_that_cannot_be_read_leaves_the_outcome_open,
        plain_state_is_read_once_and_written_at_every_close,
        switch_from_transactions_to_plain_state_confirms_nothing,
        without_state_memory_alone_counts,
        state_that_is_no_ledger_is_told_and_taken_as_none,
        state_key_tells_instances_apart,
    };
    return RUN_SUITE("confirmation", cases);
}
