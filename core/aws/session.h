/* One account's access to AWS: endpoints, credentials, the assumed role, and the run's budget.
 *
 * The session owns the connections and caches; S3 and EC2 calls borrow it. One thread at a time,
 * except vfl_aws_session_options.cancelled, which any thread may set, and what buckets made beside
 * another one do (s3.h): they share credentials, retry quota, clock and request count. */
#ifndef VFL_AWS_SESSION_H
#define VFL_AWS_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/strbuf.h"

struct vfl_aws_session;

/* Copied by vfl_aws_session_new. NULL and "" mean the default. */
struct vfl_aws_session_options {
    const char *access_key_id; /* empty with secret_access_key: the default credential chain */
    const char *secret_access_key;
    const char *session_token;
    const char *role_arn;               /* required */
    const char *external_id;            /* may be empty */
    bool is_external_id_check_disabled; /* skip the probe of an unprotected role */
    const char *region;                 /* signs STS and the first S3 request; required */
    const char *sts_endpoint_url;       /* default: built from partition and region */
    const char *ec2_endpoint_url;
    const char *s3_endpoint_url;
    bool is_s3_path_style; /* else decided by the bucket's name and the endpoint */
    const atomic_bool
        *cancelled; /* borrowed, may be NULL; true ends any transfer within a second */
};

/* No network, no threads. VFL_CONFIG: an endpoint, region or key cannot be used; the text says why.
 */
enum vfl_status vfl_aws_session_new(const struct vfl_aws_session_options *options,
                                    struct vfl_aws_session **ret_session,
                                    struct vfl_error *err) VFL_MUST_CHECK;
/* Wipes every secret. NULL is fine. */
void vfl_aws_session_free(struct vfl_aws_session *session);

/* Gives the run its deadline (CLOCK_MONOTONIC, milliseconds) and clears the request count. */
void vfl_aws_session_start_run(struct vfl_aws_session *session, int64_t deadline_monotonic_ms);

/* Makes sure that the role can be used: the check that it cannot be assumed without the external id
 * (once per session, then daily), AssumeRole, cached until it nears its expiry. Other calls do this
 * themselves; calling it first gives the failure its own place.
 * VFL_DENIED: credentials or role refused; the text says which and what to change.
 * VFL_CONFIG: the role can be assumed without the external id. VFL_RETRY: STS not reachable. */
enum vfl_status vfl_aws_session_connect(struct vfl_aws_session *session,
                                        struct vfl_error *err) VFL_MUST_CHECK;

/* What an operator should know although it works ("everybody can read the secret ..."), "" when
 * there is nothing. Borrowed until the next call. */
const char *vfl_aws_session_note(const struct vfl_aws_session *session);

/* HTTP requests made since start_run, retries included. */
uint64_t vfl_aws_session_request_count(const struct vfl_aws_session *session);

/* The rest is for who looks into a set-up; no run needs it. */

/* What one call may take with all its repetitions, 0 for no limit but each attempt's own. For who
 * waits for the answer; a run has its deadline. Not while buckets beside another one are at work.
 */
void vfl_aws_session_limit_calls(struct vfl_aws_session *session, int64_t limit_ms);

/* Where STS is asked: "sts.eu-west-1.amazonaws.com". */
const char *vfl_aws_session_sts_host(const struct vfl_aws_session *session);

/* Replaces arn's content by the ARN of the agent's own user or role: its credentials are found, and
 * STS knows them. Asks nothing of the role. VFL_DENIED: there are none, or they are refused. */
enum vfl_status vfl_aws_session_identify(struct vfl_aws_session *session, struct vfl_strbuf *arn,
                                         struct vfl_error *err) VFL_MUST_CHECK;

/* Where the agent's credentials came from ("environment"), "" before they were asked for. */
const char *vfl_aws_session_credential_source(const struct vfl_aws_session *session);

/* What the last attempt to assume the role came to. */
enum vfl_aws_role_state {
    VFL_AWS_ROLE_UNKNOWN,     /* none, or one that failed for another reason */
    VFL_AWS_ROLE_UNPROTECTED, /* it was given away without the external id */
    VFL_AWS_ROLE_REFUSED,     /* AccessDenied with the external id */
    VFL_AWS_ROLE_ASSUMED,
};
enum vfl_aws_role_state vfl_aws_session_role_state(const struct vfl_aws_session *session);

/* What to add to this machine's clock to have AWS's, as the last answer told it; 0 before one. */
int64_t vfl_aws_session_clock_skew_ms(const struct vfl_aws_session *session);

#endif
