/* Runs every instance at its interval, each in a thread of its own, until done or stopped. */
#ifndef VFL_HOST_SCHEDULE_H
#define VFL_HOST_SCHEDULE_H

#include "examples/host/conf.h"
#include "examples/host/library.h"
#include "examples/host/options.h"
#include "examples/host/session.h"

struct vfl_schedule;

/* Configures one check per instance of conf. Borrows everything. Call vfl_schedule_block_signals
 * before, so that SIGINT and SIGTERM wait until run asks for them. VFL_CONFIG: the check refused an
 * instance; the text is its own. */
enum vfl_status vfl_schedule_new(const struct vfl_options *options,
                                 const struct vfl_library *library, const struct vfl_conf *conf,
                                 struct vfl_agent *agent, struct vfl_schedule **ret_schedule,
                                 struct vfl_error *err) VFL_MUST_CHECK;
void vfl_schedule_block_signals(void);

/* Returns when every instance has had its runs, or a signal came and all checks are torn down. A
 * check that does not end within 3 seconds of the signal takes the process with it. True: every run
 * that was asked for went through. */
bool vfl_schedule_run(struct vfl_schedule *schedule);

/* For the outputs at the end. */
size_t vfl_schedule_session_count(const struct vfl_schedule *schedule);
struct vfl_session *vfl_schedule_session(struct vfl_schedule *schedule, size_t index);

/* Tears down what is not torn down yet. */
void vfl_schedule_free(struct vfl_schedule *schedule);

#endif
