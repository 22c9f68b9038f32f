#include "core/confirmation.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/aws/digest.h"

/* Tells this instance's transactions from those of a process before it. */
static void make_process_name(char out[VFL_LEDGER_PROCESS_SIZE])
{
    uint64_t number = 0;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &number, sizeof number) != (ssize_t)sizeof number) {
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_REALTIME, &now);
        number = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 20;
    }
    if (fd >= 0)
        (void)close(fd);
    (void)snprintf(out, VFL_LEDGER_PROCESS_SIZE, "%016llx", (unsigned long long)number);
}

/* The agent's state keys are global, so the key is made of what tells two instances apart. Of the
 * regions only the first counts: one that is added later must not make the state unknown. */
static enum vfl_status make_state_key(const struct vfl_config *config,
                                      char out[VFL_CONFIRMATION_KEY_SIZE], struct vfl_error *err)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(1u << 20);
    vfl_strbuf_appendf(&text, "%s\n%s\n%s\n%s", config->account, config->bucket, config->log_prefix,
                       config->regions[0]);
    char hex[VFL_SHA256_HEX_SIZE];
    enum vfl_status st = vfl_strbuf_check(&text, "the state's key", err);
    if (st == VFL_OK)
        st = vfl_digest_sha256_hex(vfl_strbuf_span(&text), hex, err);
    if (st == VFL_OK)
        (void)snprintf(out, VFL_CONFIRMATION_KEY_SIZE, "aws_flowlogs:%.16s", hex);
    vfl_strbuf_fini(&text);
    return st;
}

enum vfl_status vfl_confirmation_init(struct vfl_confirmation *confirmation,
                                      const struct vfl_config *config, struct vfl_error *err)
{
    struct vfl_confirmation out = {0};
    make_process_name(out.process);
    enum vfl_status st = make_state_key(config, out.state_key, err);
    if (st == VFL_OK)
        *confirmation = out;
    return st;
}

void vfl_confirmation_fini(struct vfl_confirmation *confirmation)
{
    if (confirmation == NULL)
        return;
    vfl_ledger_fini(&confirmation->ledger);
    vfl_ledger_fini(&confirmation->gone);
    vfl_ledger_fini(&confirmation->next);
    vfl_strbuf_fini(&confirmation->next_text);
    *confirmation = (struct vfl_confirmation){0};
}

static enum vfl_status read_state(const struct vfl_confirmation *confirmation,
                                  const struct vfl_collector_ops *ops, struct vfl_ledger *ledger,
                                  struct vfl_error *err)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(1u << 20);
    bool is_valid = true;
    ops->get_state(ops->ctx, confirmation->state_key, &text);
    bool is_too_long = text.failure == VFL_LIMIT; /* no state of ours is */
    if (is_too_long)
        vfl_strbuf_reset(&text);
    enum vfl_status st = vfl_strbuf_check(&text, "the agent's state", err);
    if (st == VFL_OK)
        st = vfl_ledger_parse(ledger, vfl_strbuf_span(&text), &is_valid, err);
    if (st == VFL_OK && (is_too_long || !is_valid))
        ops->notice(ops->ctx, VFL_NOTICE_WARNING,
                    "the agent's state of this check cannot be read and is taken as none: objects "
                    "that were processed but not deleted yet are processed again");
    vfl_strbuf_fini(&text);
    return st;
}

static bool is_committed(const struct vfl_confirmation *confirmation,
                         const struct vfl_ledger *committed)
{
    return committed->run == confirmation->stopped_run &&
           strcmp(committed->process, confirmation->process) == 0;
}

static enum vfl_status begin_transactional(struct vfl_confirmation *confirmation,
                                           const struct vfl_collector_ops *ops,
                                           int64_t monotonic_ms,
                                           enum vfl_confirmation_outcome *ret_outcome,
                                           struct vfl_error *err)
{
    struct vfl_ledger committed = {0};
    /* If transactions end, what the last one left open counts only when the state has it. */
    confirmation->is_loaded = false;
    enum vfl_status st = read_state(confirmation, ops, &committed, err);
    if (st != VFL_OK)
        goto out;
    enum vfl_confirmation_outcome outcome = VFL_CONFIRMATION_GO;
    if (confirmation->stopped_run != 0 && !is_committed(confirmation, &committed)) {
        int64_t waited_ms = monotonic_ms - confirmation->stopped_monotonic_ms;
        outcome = waited_ms < VFL_CONFIRMATION_PATIENCE_MS ? VFL_CONFIRMATION_WAIT
                                                           : VFL_CONFIRMATION_REPEAT;
    }
    if (outcome != VFL_CONFIRMATION_WAIT) {
        /* Failures are noted between commits too; the committed state need not have them yet. */
        st = vfl_ledger_adopt_failed(&committed, &confirmation->ledger, err);
        if (st == VFL_OK)
            st = vfl_ledger_note_gone(&committed, &confirmation->gone, err);
        if (st != VFL_OK)
            goto out; /* the next begin has to find the same outcome */
        confirmation->stopped_run = 0;
        struct vfl_ledger old = confirmation->ledger;
        confirmation->ledger = committed;
        committed = old;
        if (confirmation->run < confirmation->ledger.run)
            confirmation->run = confirmation->ledger.run;
    }
    *ret_outcome = outcome;
out:
    vfl_ledger_fini(&committed);
    return st;
}

enum vfl_status vfl_confirmation_begin(struct vfl_confirmation *confirmation,
                                       const struct vfl_collector_ops *ops, int64_t monotonic_ms,
                                       enum vfl_confirmation_outcome *ret_outcome,
                                       struct vfl_error *err)
{
    confirmation->support = ops->state_support(ops->ctx);
    if (confirmation->support == VFL_STATE_TRANSACTIONAL)
        return begin_transactional(confirmation, ops, monotonic_ms, ret_outcome, err);
    if (confirmation->support == VFL_STATE_PLAIN && !confirmation->is_loaded) {
        enum vfl_status st = read_state(confirmation, ops, &confirmation->ledger, err);
        if (st != VFL_OK)
            return st;
        confirmation->is_loaded = true;
        if (confirmation->run < confirmation->ledger.run)
            confirmation->run = confirmation->ledger.run;
    }
    *ret_outcome = VFL_CONFIRMATION_GO;
    return VFL_OK;
}

enum vfl_status vfl_confirmation_forget_gone(struct vfl_confirmation *confirmation,
                                             bool is_listing_complete, struct vfl_error *err)
{
    struct vfl_ledger *ledger = &confirmation->ledger;
    enum vfl_status st = VFL_OK;
    if (confirmation->support == VFL_STATE_TRANSACTIONAL)
        st = vfl_ledger_collect_gone(ledger, is_listing_complete, &confirmation->gone, err);
    if (st != VFL_OK)
        return st;
    return is_listing_complete ? vfl_ledger_forget_unlisted(ledger, err)
                               : vfl_ledger_forget_deleted(ledger, err);
}

enum vfl_status vfl_confirmation_prepare(struct vfl_confirmation *confirmation,
                                         struct vfl_error *err)
{
    return vfl_ledger_copy(&confirmation->next, &confirmation->ledger, err);
}

static enum vfl_status format_state(const struct vfl_confirmation *confirmation,
                                    struct vfl_ledger *ledger, struct vfl_strbuf *text,
                                    struct vfl_error *err)
{
    if (confirmation->support == VFL_STATE_NONE)
        return VFL_OK;
    vfl_strbuf_reset(text);
    ledger->run = confirmation->run + 1;
    memcpy(ledger->process, confirmation->process, sizeof confirmation->process);
    return vfl_ledger_format(ledger, text, err);
}

enum vfl_status vfl_confirmation_open(struct vfl_confirmation *confirmation,
                                      const struct vfl_collector_ops *ops, struct vfl_error *err)
{
    confirmation->next_text.cap = VFL_LEDGER_MAX_BYTES;
    enum vfl_status st =
        format_state(confirmation, &confirmation->next, &confirmation->next_text, err);
    if (st == VFL_OK && confirmation->support == VFL_STATE_TRANSACTIONAL)
        ops->start_transaction(ops->ctx);
    return st;
}

enum vfl_status vfl_confirmation_close(struct vfl_confirmation *confirmation,
                                       const struct vfl_collector_ops *ops, bool is_emitted,
                                       int64_t monotonic_ms, struct vfl_error *err)
{
    struct vfl_strbuf *text = &confirmation->next_text;
    enum vfl_status st = VFL_OK;
    if (is_emitted) {
        struct vfl_ledger old = confirmation->ledger;
        confirmation->ledger = confirmation->next;
        confirmation->next = old;
    } else {
        st = format_state(confirmation, &confirmation->ledger, text, err);
    }
    confirmation->run++;
    if (confirmation->support == VFL_STATE_TRANSACTIONAL) {
        /* Stopped in any case: without its state the transaction can never count as committed. */
        if (st == VFL_OK)
            ops->set_transaction_state(ops->ctx, confirmation->state_key, vfl_strbuf_string(text));
        ops->stop_transaction(ops->ctx);
        confirmation->stopped_run = confirmation->run;
        confirmation->stopped_monotonic_ms = monotonic_ms;
    } else if (confirmation->support == VFL_STATE_PLAIN && st == VFL_OK) {
        ops->set_state(ops->ctx, confirmation->state_key, vfl_strbuf_string(text));
    }
    vfl_strbuf_fini(text);
    return st;
}
