/* One check instance as the agent sees it: its transaction, its counters, what it may do now. */
#ifndef VFL_HOST_SESSION_H
#define VFL_HOST_SESSION_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "examples/host/call.h"
#include "examples/host/landscape.h"
#include "examples/host/options.h"
#include "examples/host/output.h"
#include "examples/host/state_file.h"

/* What all instances share. */
struct vfl_agent {
    enum vfl_output output;
    struct vfl_state_file *state;
    atomic_ulong fault_count; /* rules that a check broke, and output or state that got lost */
    atomic_long lent_count;   /* texts handed to checks and not given back yet */
};

enum vfl_phase {
    VFL_PHASE_IDLE,
    VFL_PHASE_CONFIGURE, /* log only */
    VFL_PHASE_RUN,
    VFL_PHASE_TEARDOWN, /* log and cgo_free only */
};

enum vfl_transaction_phase {
    VFL_TRANSACTION_NONE,
    VFL_TRANSACTION_OPEN,
    VFL_TRANSACTION_STOPPED, /* resolved when the run has returned and its output is flushed */
};

/* As in the agent, starting one while another is unresolved books everything on the other. */
struct vfl_transaction {
    enum vfl_transaction_phase phase;
    long long started_s; /* monotonic */
    char *key;           /* the one state that goes with it; NULL: none */
    char *value;
    json_t *calls; /* topology of an unresolved transaction, for the landscape; may be NULL */
};

/* Touched by the thread that runs the instance; the atomics by any. */
struct vfl_session {
    struct vfl_agent *agent;
    char check_id[96];
    struct vfl_transaction transaction;
    struct vfl_landscape *landscape; /* NULL: the output does not need one */
    unsigned long run_count;
    atomic_ulong call_counts[VFL_CALL_COUNT]; /* since the start */
    atomic_bool has_called;                   /* in this run */
};

/* Marks the calling thread as inside session's entry point; IDLE ends that. Callbacks from a thread
 * that is in no entry point are faults. */
void vfl_session_set_phase(struct vfl_session *session, enum vfl_phase phase);
/* The calling thread's session and phase, or NULL. */
struct vfl_session *vfl_session_current(enum vfl_phase *ret_phase);

/* Logs an error against the check and counts it: the exit status becomes 1. */
void vfl_session_fault(struct vfl_agent *agent, const char *check_id, const struct vfl_error *err);

/* Takes over call and passes it to the output. */
void vfl_session_emit(struct vfl_session *session, enum vfl_call kind, json_t *call);

void vfl_session_start_transaction(struct vfl_session *session);
void vfl_session_stop_transaction(struct vfl_session *session);
void vfl_session_discard_transaction(struct vfl_session *session);
void vfl_session_set_transaction_state(struct vfl_session *session, const char *key,
                                       const char *value);

/* After run has returned: prints what is printed per run, flushes stdout, then commits the stopped
 * transaction's state. What could not be written is not committed. */
enum vfl_status vfl_session_end_run(struct vfl_session *session, struct vfl_run_report *report,
                                    struct vfl_error *err) VFL_MUST_CHECK;
void vfl_session_fini(struct vfl_session *session);

#endif
