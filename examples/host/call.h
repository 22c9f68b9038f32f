/* One callback as a JSON object: the form that `--output jsonl` prints and the other outputs read.
 */
#ifndef VFL_HOST_CALL_H
#define VFL_HOST_CALL_H

#include <jansson.h>

#include "abi/stackstate_check.h"
#include "core/error.h"

enum vfl_call {
    VFL_CALL_COMPONENT,
    VFL_CALL_RELATION,
    VFL_CALL_START_SNAPSHOT,
    VFL_CALL_STOP_SNAPSHOT,
    VFL_CALL_DELETE,
    VFL_CALL_METRIC,
    VFL_CALL_RAW_METRIC,
    VFL_CALL_SERVICE_CHECK,
    VFL_CALL_EVENT,
    VFL_CALL_START_TRANSACTION,
    VFL_CALL_STOP_TRANSACTION,
    VFL_CALL_DISCARD_TRANSACTION,
    VFL_CALL_SET_TRANSACTION_STATE,
    VFL_CALL_SET_STATE,
    VFL_CALL_GET_STATE,
    VFL_CALL_GET_CONFIG,
    VFL_CALL_GET_HOSTNAME,
    VFL_CALL_LOG,
    VFL_CALL_CGO_FREE,
    VFL_CALL_COUNT,
};

/* The name in the "call" member: "submit_component", ... */
const char *vfl_call_name(enum vfl_call call);

/* Each returns a new object, or NULL with err set when the agent would drop what was submitted. */
json_t *vfl_call_component(const char *check_id,
                           const struct stackstate_check_instance_key *instance_key, const char *id,
                           const char *type, const char *data, struct vfl_error *err);
json_t *vfl_call_relation(const char *check_id,
                          const struct stackstate_check_instance_key *instance_key,
                          const char *source_id, const char *target_id, const char *type,
                          const char *data, struct vfl_error *err);
json_t *vfl_call_metric(const char *check_id, enum stackstate_check_metric_type metric_type,
                        const char *name, double value, char *const *tags, const char *hostname,
                        bool is_first_value_flushed, struct vfl_error *err);
json_t *vfl_call_raw_metric(const char *check_id, const char *name, float value, char *const *tags,
                            const char *hostname, long long timestamp, struct vfl_error *err);
json_t *vfl_call_service_check(const char *check_id, const char *name, int status,
                               char *const *tags, const char *hostname, const char *message,
                               struct vfl_error *err);
json_t *vfl_call_event(const char *check_id, const struct stackstate_check_event *event,
                       struct vfl_error *err);
/* A call whose members are texts only: pairs of name and value, then NULL. */
json_t *vfl_call_texts(enum vfl_call call, const char *check_id,
                       const struct stackstate_check_instance_key *instance_key,
                       const char *const *names_and_values, struct vfl_error *err);

#endif
