/* The contract between the StackState agent and a check that comes as a shared library.
 *
 * The agent loads the library (RTLD_NOW | RTLD_LOCAL), looks up the four symbols at the end of this
 * file, and passes a table of callbacks. Callback types have exactly the signatures of the agent's
 * rtloader_types.h, so the agent can put its own functions straight in; struct types carry names of
 * their own and are layout-equal, so that both headers can stand in one unit. docs/ABI.md tells how
 * to write a host.
 *
 * Memory: each side frees what it allocated. Strings and structs passed to a callback are lent for
 * the call. Strings that a callback returns are the agent's C heap copies; the check gives them
 * back through cgo_free. Threads: callbacks are made only from the thread that called the entry
 * point. */
#ifndef STACKSTATE_CHECK_H
#define STACKSTATE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised only when something that exists changes its meaning. Additions to the table do not raise
 * it: struct_size tells how much of the table the agent has. */
#define STACKSTATE_CHECK_ABI_VERSION 1u

struct stackstate_check_instance_key {
    char *type_;
    char *url;
};

struct stackstate_check_event {
    char *title;
    char *text;
    long ts; /* seconds since 1970 */
    char *priority;
    char *host;
    char **tags; /* NULL-terminated */
    char *alert_type;
    char *aggregation_key;
    char *source_type_name;
    char *event_type;
};

enum stackstate_check_metric_type {
    STACKSTATE_CHECK_METRIC_GAUGE = 0,
    STACKSTATE_CHECK_METRIC_RATE = 1,
    STACKSTATE_CHECK_METRIC_COUNT = 2,
    STACKSTATE_CHECK_METRIC_MONOTONIC_COUNT = 3,
    STACKSTATE_CHECK_METRIC_COUNTER = 4,
    STACKSTATE_CHECK_METRIC_HISTOGRAM = 5,
    STACKSTATE_CHECK_METRIC_HISTORATE = 6
};

enum stackstate_check_log_level {
    STACKSTATE_CHECK_LOG_TRACE = 7,
    STACKSTATE_CHECK_LOG_DEBUG = 10,
    STACKSTATE_CHECK_LOG_INFO = 20,
    STACKSTATE_CHECK_LOG_WARNING = 30,
    STACKSTATE_CHECK_LOG_ERROR = 40,
    STACKSTATE_CHECK_LOG_CRITICAL = 50
};

enum stackstate_check_service_status {
    STACKSTATE_CHECK_SERVICE_OK = 0,
    STACKSTATE_CHECK_SERVICE_WARNING = 1,
    STACKSTATE_CHECK_SERVICE_CRITICAL = 2,
    STACKSTATE_CHECK_SERVICE_UNKNOWN = 3
};

/* What the agent offers. Fields are only ever appended. A callback that is NULL, or that lies
 * beyond struct_size, is absent: the check does without it (the comment says how) and only
 * submit_component and submit_relation are required. The table is copied by configure and need not
 * outlive it; the functions must stay callable until teardown has returned. */
struct stackstate_check_callbacks {
    size_t struct_size;   /* sizeof(struct stackstate_check_callbacks) in the agent's build */
    uint32_t abi_version; /* STACKSTATE_CHECK_ABI_VERSION in the agent's build */

    /* Topology. data is JSON text and holds the whole element, because the agent reads nothing
     * else:
     * {"externalId":..,"type":{"name":..},"data":{..}} for a component,
     * {"sourceId":..,"targetId":..,"type":{"name":..},"data":{..}} for a relation, which the agent
     * names
     * "{sourceId}-{type}-{targetId}". */
    void (*submit_component)(char *check_id, struct stackstate_check_instance_key *instance_key,
                             char *component_id, char *component_type, char *data);
    void (*submit_relation)(char *check_id, struct stackstate_check_instance_key *instance_key,
                            char *source_id, char *target_id, char *relation_type, char *data);
    /* Absent: no snapshots (they are only used with an instance key of the check's own). */
    void (*submit_start_snapshot)(char *check_id,
                                  struct stackstate_check_instance_key *instance_key);
    void (*submit_stop_snapshot)(char *check_id,
                                 struct stackstate_check_instance_key *instance_key);
    /* Absent: elements that went quiet stay until something else removes them. */
    void (*submit_delete)(char *check_id, struct stackstate_check_instance_key *instance_key,
                          char *topology_element_id);

    /* Absent: no metrics, no service checks, no events, no log. tags are NULL-terminated. */
    void (*submit_metric)(char *check_id, enum stackstate_check_metric_type metric_type, char *name,
                          double value, char **tags, char *hostname, bool flush_first_value);
    void (*submit_raw_metrics_data)(char *check_id, char *name, float value, char **tags,
                                    char *hostname, long long timestamp);
    void (*submit_service_check)(char *check_id, char *name, int status, char **tags,
                                 char *hostname, char *message);
    void (*submit_event)(char *check_id, struct stackstate_check_event *event);

    /* Transactions. They count as absent unless start, stop, set_transaction_state, get_state and
     * cgo_free are all present: then set_state is used, and without that memory alone. */
    void (*start_transaction)(char *check_id);
    void (*stop_transaction)(char *check_id);
    void (*discard_transaction)(char *check_id, char *reason);
    void (*set_transaction_state)(char *check_id, char *key, char *state);
    void (*set_state)(char *check_id, char *key, char *state);
    char *(*get_state)(char *check_id, char *key); /* "{}" or "" when there is none */

    /* *yaml_result is the YAML of one value of the agent's configuration, or NULL. */
    void (*get_config)(char *key, char **yaml_result);
    void (*log)(char *message, int level); /* enum stackstate_check_log_level */
    void (*get_hostname)(char **result);
    void (*cgo_free)(void *memory);
};

struct stackstate_check;

/* What a library exports, and nothing else. */

/* Creates one instance from the YAML texts of init_config and of one element of instances. Quick:
 * no network, no threads; callbacks other than log are not used yet. Returns 0 and sets *ret_check,
 * or returns non-zero, leaves *ret_check alone and writes a message to error (NUL-terminated, cut
 * to error_size; NULL with 0 is fine). check_id is copied. May be called from several threads. */
typedef int (*stackstate_check_configure_fn)(const struct stackstate_check_callbacks *callbacks,
                                             const char *check_id, const char *init_config,
                                             const char *instance,
                                             struct stackstate_check **ret_check, char *error,
                                             size_t error_size);
/* One pass. Returns 0, or non-zero with a message in error; the instance stays usable either way.
 * One run at a time per instance; different instances may run at once. */
typedef int (*stackstate_check_run_fn)(struct stackstate_check *check, char *error,
                                       size_t error_size);
/* Ends the instance. May be called from another thread while run is in progress: run then returns
 * within 2 seconds, time spent inside the agent's callbacks not counted, and teardown returns when
 * it has; if a callback blocks, teardown returns after 2 seconds and the run frees the instance
 * when it leaves. After teardown the instance must not be used. NULL is fine. */
typedef void (*stackstate_check_teardown_fn)(struct stackstate_check *check);

#if defined(__GNUC__)
#define STACKSTATE_CHECK_EXPORT __attribute__((visibility("default")))
#else
#define STACKSTATE_CHECK_EXPORT
#endif

STACKSTATE_CHECK_EXPORT extern const uint32_t stackstate_check_abi_version;
STACKSTATE_CHECK_EXPORT int
stackstate_check_configure(const struct stackstate_check_callbacks *callbacks, const char *check_id,
                           const char *init_config, const char *instance,
                           struct stackstate_check **ret_check, char *error, size_t error_size);
STACKSTATE_CHECK_EXPORT int stackstate_check_run(struct stackstate_check *check, char *error,
                                                 size_t error_size);
STACKSTATE_CHECK_EXPORT void stackstate_check_teardown(struct stackstate_check *check);

#ifdef __cplusplus
}
#endif

#endif
