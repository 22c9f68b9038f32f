/* One run: S3 objects in, topology out. The only module that knows the order of things.
 *
 * It speaks outward through struct vfl_collector_ops alone, always from the thread that called run.
 */
#ifndef VFL_COLLECTOR_H
#define VFL_COLLECTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/error.h"
#include "core/strbuf.h"
#include "core/topology/topology.h"

enum vfl_notice_level { VFL_NOTICE_DEBUG, VFL_NOTICE_INFO, VFL_NOTICE_WARNING, VFL_NOTICE_ERROR };

enum vfl_check { VFL_CHECK_CAN_CONNECT, VFL_CHECK_CAN_UPDATE };
enum vfl_check_level { VFL_CHECK_OK, VFL_CHECK_WARNING, VFL_CHECK_CRITICAL };

/* What the other side can do with state. */
enum vfl_state_support {
    VFL_STATE_NONE,          /* kept in memory alone */
    VFL_STATE_PLAIN,         /* set_state is durable when it returns */
    VFL_STATE_TRANSACTIONAL, /* set_transaction_state is durable when the transaction is accepted */
};

/* All but the topology sink's functions cannot fail. Texts are lent for the call. */
struct vfl_collector_ops {
    struct vfl_topology_sink topology; /* removal, component, relation, traffic */
    /* detail is a further tag ("outcome:kept") or NULL. */
    void (*metric)(void *ctx, const char *name, double value, const char *detail);
    void (*service_check)(void *ctx, enum vfl_check check, enum vfl_check_level level,
                          const char *message);
    void (*notice)(void *ctx, enum vfl_notice_level level, const char *text);
    enum vfl_state_support (*state_support)(void *ctx); /* asked once per run */
    void (*get_state)(void *ctx, const char *key, struct vfl_strbuf *out);
    void (*set_state)(void *ctx, const char *key, const char *text);
    void (*start_transaction)(void *ctx);
    void (*set_transaction_state)(void *ctx, const char *key, const char *text);
    void (*stop_transaction)(void *ctx);
    void (*start_snapshot)(void *ctx); /* only with a configured instance key */
    void (*stop_snapshot)(void *ctx);
    void *ctx;
};

struct vfl_collector;

struct vfl_aws_session;

/* A session as the configuration wants it, for who looks into a set-up; a collector opens its own.
 * NULL when nothing of it is in AWS. cancelled is borrowed and may be NULL. */
enum vfl_status vfl_collector_open_session(const struct vfl_config *config,
                                           const atomic_bool *cancelled,
                                           struct vfl_aws_session **ret_session,
                                           struct vfl_error *err) VFL_MUST_CHECK;

/* config and ops' ctx are borrowed and outlive the collector; ops is copied. No network.
 * VFL_CONFIG, VFL_NO_MEMORY. */
enum vfl_status vfl_collector_new(const struct vfl_config *config,
                                  const struct vfl_collector_ops *ops,
                                  struct vfl_collector **ret_collector,
                                  struct vfl_error *err) VFL_MUST_CHECK;
/* Not while run is in progress. NULL is fine. */
void vfl_collector_free(struct vfl_collector *collector);

/* Makes a run in progress end with VFL_CANCELLED within about a second. Any thread; for good. */
void vfl_collector_cancel(struct vfl_collector *collector);

/* The run's time, so that tests need not wait. */
struct vfl_run_time {
    int64_t epoch_s;      /* CLOCK_REALTIME */
    int64_t monotonic_ms; /* CLOCK_MONOTONIC */
};

/* One pass; ends within three quarters of the collection interval, waiting objects stay for the
 * next. VFL_OK also when single objects, or some of several regions, failed: can_update is then
 * WARNING. Otherwise can_connect or can_update is CRITICAL with err's text, and nothing was lost.
 */
enum vfl_status vfl_collector_run(struct vfl_collector *collector, struct vfl_run_time now,
                                  struct vfl_error *err) VFL_MUST_CHECK;

#endif
