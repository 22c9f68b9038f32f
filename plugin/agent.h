/* The agent's callbacks as the collector's ops: levels, tags, and the gate that teardown shuts. The
 * only place that calls the agent; what it passes on is written in topology_json.c. */
#ifndef VFL_PLUGIN_AGENT_H
#define VFL_PLUGIN_AGENT_H

#include <pthread.h>
#include <stdbool.h>

#include "abi/stackstate_check.h"
#include "core/collector.h"
#include "core/config.h"
#include "core/error.h"
#include "core/strbuf.h"
#include "plugin/topology_json.h"

/* One per check instance. Owns its texts; borrows config. */
struct vfl_agent {
    struct stackstate_check_callbacks callbacks; /* absent ones are NULL */
    char *check_id;
    const struct vfl_config *config;
    struct stackstate_check_instance_key instance_key; /* borrows from config */
    char **instance_tags;                              /* NULL-ended: the configured tags */
    struct vfl_component_frame component_frame;
    struct vfl_strbuf text; /* of the element under way; its memory serves for the next one */
    pthread_mutex_t gate_mutex;
    bool is_gate_shut; /* guarded by gate_mutex: no callback starts any more */
};

/* Copies the table as far as it reaches. VFL_CONFIG: wrong abi_version, or a required callback is
 * missing. config must outlive the agent. */
enum vfl_status vfl_agent_init(struct vfl_agent *agent,
                               const struct stackstate_check_callbacks *callbacks,
                               const char *check_id, const struct vfl_config *config,
                               struct vfl_error *err) VFL_MUST_CHECK;
void vfl_agent_fini(struct vfl_agent *agent); /* NULL and zeroed are fine */

/* The ops that speak through agent, which must outlive their use. */
struct vfl_collector_ops vfl_agent_ops(struct vfl_agent *agent);

/* Any thread: from now on no callback starts; one that is under way is not waited for. */
void vfl_agent_shut_gate(struct vfl_agent *agent);

/* To the agent's log, if it has one, with the account's id in front; shut off by the gate too. */
void vfl_agent_log(struct vfl_agent *agent, enum vfl_notice_level level, const char *text);

#endif
