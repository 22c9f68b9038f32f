/* An agent in miniature: the callbacks, with the real agent's quirks about transactions.
 *
 * - get_state answers a heap copy, "{}" when there is none; every copy must come back by cgo_free.
 * - start_transaction does not wait: while a stopped transaction is unresolved, what is submitted,
 *   state too, is booked on that one. commit accepts it; discard drops it, which the check cannot
 *   see.
 * - With transactions off (check_transactionality_enabled: false) the callbacks have no effect.
 *
 * Callbacks carry no context pointer, so an agent is found by its check id, and only
 * RECORDING_AGENT_MAX_COUNT exist at a time. All functions may be called from any thread. */
#ifndef VFL_FAKE_RECORDING_AGENT_H
#define VFL_FAKE_RECORDING_AGENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "abi/stackstate_check.h"

#define RECORDING_AGENT_MAX_COUNT 8
#define RECORDING_AGENT_MAX_CALLS 2000
#define RECORDING_AGENT_MAX_LENT 16

struct recorded_call {
    char name[24];  /* of the callback, "submit_component" */
    char *first;    /* id, key, metric's or service check's name, log text; owned */
    char *second;   /* data, state, message; owned */
    char *tags;     /* each followed by a space; owned, NULL for none */
    char *instance; /* "type url" of the instance key; owned */
    double value;   /* metric's value, service check's status, log level */
    int metric_type;
    bool is_in_transaction;
};

struct recording_agent {
    char check_id[64];
    struct stackstate_check_callbacks callbacks; /* all present; a test may take some out */
    const char *config_yaml;                     /* check_transactionality_enabled; NULL: unset */
    bool is_auto_commit;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* guarded by mutex */
    struct recorded_call calls[RECORDING_AGENT_MAX_CALLS];
    size_t call_count; /* calls ever made, heap copies given back included */
    char *committed_state;
    char *booked_state;
    bool is_open;
    bool is_unresolved;
    char *lent[RECORDING_AGENT_MAX_LENT]; /* heap copies that were not given back; freed by fini */
    size_t lent_count;
    char block_at[24]; /* name of the callback that blocks; "" for none */
    bool is_blocked;
};

void recording_agent_init(struct recording_agent *agent, const char *check_id);
/* No run may be in progress. */
void recording_agent_fini(struct recording_agent *agent);

/* This thread's log and get_config calls, which carry no check id, belong to agent. */
void recording_agent_enter(struct recording_agent *agent);

void recording_agent_commit(struct recording_agent *agent);
void recording_agent_discard(struct recording_agent *agent);
/* Forgets the calls; state stays. */
void recording_agent_forget(struct recording_agent *agent);

/* The next call of that name blocks inside the callback until it is released. */
void recording_agent_block_at(struct recording_agent *agent, const char *name);
void recording_agent_wait_until_blocked(struct recording_agent *agent);
void recording_agent_release(struct recording_agent *agent);

size_t recording_agent_call_count(struct recording_agent *agent); /* of all */
size_t recording_agent_count(struct recording_agent *agent, const char *name);
/* The nth call (from 0) of that name; NULL when there are fewer. Valid until forget or fini. */
const struct recorded_call *recording_agent_call(struct recording_agent *agent, const char *name,
                                                 size_t nth);
/* Of that name and with that first text. */
const struct recorded_call *recording_agent_find(struct recording_agent *agent, const char *name,
                                                 const char *first);

#endif
