/* The other side of a collector: records what it is told, and keeps state as the agent would.
 *
 * With VFL_STATE_TRANSACTIONAL a stopped transaction's state is only pending; the test says when it
 * is committed. With VFL_STATE_PLAIN set_state counts at once. */
#ifndef VFL_FAKE_RECORDING_OPS_H
#define VFL_FAKE_RECORDING_OPS_H

#include "core/collector.h"

#define RECORDING_MAX_METRICS 128
#define RECORDING_MAX_NOTICES 64

struct recorded_metric {
    char name[64];
    char detail[64]; /* "" for none */
    double value;
};

struct recorded_notice {
    enum vfl_notice_level level;
    char text[VFL_ERROR_TEXT_SIZE];
};

struct recording_ops {
    enum vfl_state_support support;
    bool is_auto_commit;     /* every transaction is accepted when it is stopped */
    bool is_state_too_large; /* for the memory there is: get_state fails */

    /* State. Owned texts; NULL is none. */
    char *state;         /* what get_state returns */
    char *pending_state; /* of the last stopped transaction */
    char *open_state;    /* of the open transaction */
    char state_key[64];  /* the last one used */
    bool is_open;
    unsigned start_count, stop_count, get_state_count, set_state_count;

    /* What was told since recording_ops_forget. */
    unsigned component_count, relation_count, removal_count, traffic_count;
    unsigned outside_count; /* elements told outside a transaction although there are any */
    uint64_t bytes_sent, bytes_received;
    char last_component[300], last_relation[600], last_removal[600];
    struct recorded_metric metrics[RECORDING_MAX_METRICS];
    size_t metric_count;
    struct recorded_notice notices[RECORDING_MAX_NOTICES];
    size_t notice_count;
    struct {
        unsigned count;
        enum vfl_check_level level;
        char message[VFL_ERROR_TEXT_SIZE * 2];
    } checks[2]; /* by enum vfl_check */

    /* Called at every component before it is recorded, when set; its status is the answer. */
    enum vfl_status (*on_component)(void *ctx, struct vfl_error *err);
    void *on_component_ctx;
};

void recording_ops_init(struct recording_ops *recording, enum vfl_state_support support);
void recording_ops_fini(struct recording_ops *recording);
/* The table that speaks to recording, which stays where it is. */
struct vfl_collector_ops recording_ops_table(struct recording_ops *recording);

/* The receiver accepts the stopped transaction. */
void recording_ops_commit(struct recording_ops *recording);
void recording_ops_set_state(struct recording_ops *recording, const char *state);
/* Forgets what was told; state stays. */
void recording_ops_forget(struct recording_ops *recording);

/* NaN when it was not told. detail NULL: none. */
double recording_ops_metric(const struct recording_ops *recording, const char *name,
                            const char *detail);
bool recording_ops_has_notice(const struct recording_ops *recording, enum vfl_notice_level level,
                              const char *part);

#endif
