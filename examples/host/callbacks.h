/* The table of callbacks that the host hands to a check: each imitates the agent's own. */
#ifndef VFL_HOST_CALLBACKS_H
#define VFL_HOST_CALLBACKS_H

#include "examples/host/session.h"

/* agent must outlive every check that got the table. One agent per process, because the agent's
 * callbacks carry no context: a thread-local (see session.h) and this one pointer stand in. */
const struct stackstate_check_callbacks *vfl_callbacks_table(struct vfl_agent *agent);

#endif
