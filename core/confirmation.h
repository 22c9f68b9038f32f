/* When an emission counts as taken: the ledger's life between runs, by what the agent can do.
 *
 * The rule (docs/ARCHITECTURE.md, "Confirmation"): with transactions, only what the agent's
 * committed state names is confirmed, and only one transaction is ever open; without, what a
 * completed run emitted. Not thread-safe. */
#ifndef VFL_CONFIRMATION_H
#define VFL_CONFIRMATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/collector.h"
#include "core/ledger.h"

/* The agent evicts a transaction after 10 minutes; one more to be sure. */
#define VFL_CONFIRMATION_PATIENCE_MS (11 * 60 * 1000)
#define VFL_CONFIRMATION_KEY_SIZE 40

struct vfl_confirmation {
    struct vfl_ledger ledger; /* what is known now; entries EMITTED at begin are confirmed */
    enum vfl_state_support support;
    char state_key[VFL_CONFIRMATION_KEY_SIZE];
    char process[VFL_LEDGER_PROCESS_SIZE];
    uint64_t run;         /* number of the last run that wrote state */
    uint64_t stopped_run; /* of the transaction whose fate is not known yet; 0: none */
    int64_t stopped_monotonic_ms;
    bool is_loaded;         /* plain state was read */
    struct vfl_ledger gone; /* forgotten, while the committed state still names it */
    struct vfl_ledger next; /* the ledger once the emission under way has gone through */
    struct vfl_strbuf next_text;
};

enum vfl_status vfl_confirmation_init(struct vfl_confirmation *confirmation,
                                      const struct vfl_config *config,
                                      struct vfl_error *err) VFL_MUST_CHECK;
void vfl_confirmation_fini(struct vfl_confirmation *confirmation); /* NULL and zeroed are fine */

enum vfl_confirmation_outcome {
    VFL_CONFIRMATION_GO,     /* what was emitted before is confirmed: delete, read, emit */
    VFL_CONFIRMATION_WAIT,   /* the last transaction is still open: do nothing in this run */
    VFL_CONFIRMATION_REPEAT, /* it failed: go, and send everything again */
};

/* Starts a run: asks for the state. A state that is no ledger is told of and taken as none. */
enum vfl_status vfl_confirmation_begin(struct vfl_confirmation *confirmation,
                                       const struct vfl_collector_ops *ops, int64_t monotonic_ms,
                                       enum vfl_confirmation_outcome *ret_outcome,
                                       struct vfl_error *err) VFL_MUST_CHECK;

/* Has the ledger forget what was deleted, and after a complete listing also what it did not show.
 * Only an emission writes that down: until then begin has to be told again. */
enum vfl_status vfl_confirmation_forget_gone(struct vfl_confirmation *confirmation,
                                             bool is_listing_complete,
                                             struct vfl_error *err) VFL_MUST_CHECK;

/* Around an emission. prepare copies the ledger to next, where the caller notes the objects that
 * are about to be emitted; open makes the state's text of next and starts the transaction, if there
 * are any. So once something is sent, nothing that its confirmation needs can fail for lack of
 * memory. When either fails nothing was started. close must follow an open that went through: after
 * a whole emission next is the ledger, and it cannot fail; after one that broke off it writes the
 * ledger as it was. */
enum vfl_status vfl_confirmation_prepare(struct vfl_confirmation *confirmation,
                                         struct vfl_error *err) VFL_MUST_CHECK;
enum vfl_status vfl_confirmation_open(struct vfl_confirmation *confirmation,
                                      const struct vfl_collector_ops *ops,
                                      struct vfl_error *err) VFL_MUST_CHECK;
enum vfl_status vfl_confirmation_close(struct vfl_confirmation *confirmation,
                                       const struct vfl_collector_ops *ops, bool is_emitted,
                                       int64_t monotonic_ms, struct vfl_error *err) VFL_MUST_CHECK;

#endif
