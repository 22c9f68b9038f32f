/* The host's log: one line per message on stderr, with time and level, as the agent's log has. */
#ifndef VFL_HOST_LOG_H
#define VFL_HOST_LOG_H

#include "abi/stackstate_check.h"
#include "core/error.h"

/* origin is a check id or NULL for the host itself. Control characters are shown as '?'. Cut at
 * 8 KiB. Thread-safe. */
void vfl_log(int level, const char *origin, const char *format, ...) VFL_PRINTF(3, 4);

/* Shows text in place on the terminal until the next log line or a NULL takes it away. */
void vfl_log_progress(const char *text);

#endif
