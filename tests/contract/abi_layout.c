/* The layout of the ABI, pinned: a change here breaks every agent that is already installed. To add
 * a callback, append it to the table and to this list, and leave every line that exists as it is.
 */
#include "abi/stackstate_check.h"

#include <stdio.h>

_Static_assert(STACKSTATE_CHECK_ABI_VERSION == 1u, "the version changes only with a meaning");

#define POINTER 8
#define CALLBACK(index, name)                                                                      \
    _Static_assert(offsetof(struct stackstate_check_callbacks, name) == 16 + POINTER * (index),    \
                   #name " has moved")

#if defined(__LP64__)
_Static_assert(sizeof(struct stackstate_check_instance_key) == 16, "instance key size");
_Static_assert(offsetof(struct stackstate_check_instance_key, type_) == 0, "type_");
_Static_assert(offsetof(struct stackstate_check_instance_key, url) == 8, "url");

_Static_assert(sizeof(struct stackstate_check_event) == 80, "event size");
_Static_assert(offsetof(struct stackstate_check_event, title) == 0, "title");
_Static_assert(offsetof(struct stackstate_check_event, text) == 8, "text");
_Static_assert(offsetof(struct stackstate_check_event, ts) == 16, "ts");
_Static_assert(offsetof(struct stackstate_check_event, priority) == 24, "priority");
_Static_assert(offsetof(struct stackstate_check_event, host) == 32, "host");
_Static_assert(offsetof(struct stackstate_check_event, tags) == 40, "tags");
_Static_assert(offsetof(struct stackstate_check_event, alert_type) == 48, "alert_type");
_Static_assert(offsetof(struct stackstate_check_event, aggregation_key) == 56, "aggregation_key");
_Static_assert(offsetof(struct stackstate_check_event, source_type_name) == 64, "source_type_name");
_Static_assert(offsetof(struct stackstate_check_event, event_type) == 72, "event_type");

_Static_assert(sizeof(struct stackstate_check_callbacks) == 16 + POINTER * 19, "table size");
_Static_assert(offsetof(struct stackstate_check_callbacks, struct_size) == 0, "struct_size");
_Static_assert(offsetof(struct stackstate_check_callbacks, abi_version) == 8, "abi_version");
CALLBACK(0, submit_component);
CALLBACK(1, submit_relation);
CALLBACK(2, submit_start_snapshot);
CALLBACK(3, submit_stop_snapshot);
CALLBACK(4, submit_delete);
CALLBACK(5, submit_metric);
CALLBACK(6, submit_raw_metrics_data);
CALLBACK(7, submit_service_check);
CALLBACK(8, submit_event);
CALLBACK(9, start_transaction);
CALLBACK(10, stop_transaction);
CALLBACK(11, discard_transaction);
CALLBACK(12, set_transaction_state);
CALLBACK(13, set_state);
CALLBACK(14, get_state);
CALLBACK(15, get_config);
CALLBACK(16, log);
CALLBACK(17, get_hostname);
CALLBACK(18, cgo_free);
#endif

/* Enums cross the boundary as int. */
_Static_assert(sizeof(enum stackstate_check_metric_type) == sizeof(int), "metric type");
_Static_assert(STACKSTATE_CHECK_METRIC_GAUGE == 0 && STACKSTATE_CHECK_METRIC_RATE == 1 &&
                   STACKSTATE_CHECK_METRIC_COUNT == 2 &&
                   STACKSTATE_CHECK_METRIC_MONOTONIC_COUNT == 3 &&
                   STACKSTATE_CHECK_METRIC_COUNTER == 4 && STACKSTATE_CHECK_METRIC_HISTOGRAM == 5 &&
                   STACKSTATE_CHECK_METRIC_HISTORATE == 6,
               "metric types are the agent's numbers");
_Static_assert(STACKSTATE_CHECK_LOG_TRACE == 7 && STACKSTATE_CHECK_LOG_DEBUG == 10 &&
                   STACKSTATE_CHECK_LOG_INFO == 20 && STACKSTATE_CHECK_LOG_WARNING == 30 &&
                   STACKSTATE_CHECK_LOG_ERROR == 40 && STACKSTATE_CHECK_LOG_CRITICAL == 50,
               "log levels are the agent's numbers");
_Static_assert(STACKSTATE_CHECK_SERVICE_OK == 0 && STACKSTATE_CHECK_SERVICE_WARNING == 1 &&
                   STACKSTATE_CHECK_SERVICE_CRITICAL == 2 && STACKSTATE_CHECK_SERVICE_UNKNOWN == 3,
               "service states are the agent's numbers");

int main(void)
{
#if defined(__LP64__)
    (void)puts("LP64 layout as pinned");
    return 0;
#else
    (void)puts("the layout is pinned for LP64 only");
    return 77; /* meson: skipped */
#endif
}
