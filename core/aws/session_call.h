/* What the S3 and EC2 clients need of a session beyond session.h. */
#ifndef VFL_AWS_SESSION_CALL_H
#define VFL_AWS_SESSION_CALL_H

#include "core/aws/client.h"
#include "core/aws/session.h"

/* Like vfl_aws_session_new, with clocks and time-outs of the caller's choice (for tests). The clock
 * ctx must outlive the session. */
enum vfl_status vfl_aws_session_new_with(const struct vfl_aws_session_options *options,
                                         const struct vfl_aws_client_options *client_options,
                                         struct vfl_aws_session **ret_session,
                                         struct vfl_error *err) VFL_MUST_CHECK;

/* vfl_aws_client_call with the role's credentials: connects first if need be, and repeats once with
 * new credentials when the service says that they have expired. */
enum vfl_status vfl_aws_session_call(struct vfl_aws_session *session,
                                     const struct vfl_aws_call *call, struct vfl_aws_reply *reply,
                                     struct vfl_error *err) VFL_MUST_CHECK;

/* A client for calls from one more thread, with connections and a cancellation flag (borrowed, may
 * be NULL) of its own; the session must outlive it. Freed with vfl_aws_session_free_client. */
enum vfl_status vfl_aws_session_new_client(struct vfl_aws_session *session,
                                           const atomic_bool *cancelled,
                                           struct vfl_aws_client **ret_client,
                                           struct vfl_error *err) VFL_MUST_CHECK;
void vfl_aws_session_free_client(struct vfl_aws_client *client); /* NULL is fine */

/* vfl_aws_session_call from the thread that such a client belongs to. Credentials are renewed by
 * one thread, while the others wait for them. */
enum vfl_status vfl_aws_session_call_by(struct vfl_aws_session *session,
                                        struct vfl_aws_client *client,
                                        const struct vfl_aws_call *call,
                                        struct vfl_aws_reply *reply,
                                        struct vfl_error *err) VFL_MUST_CHECK;

/* The endpoint of "ec2" or "s3" for a region: the configured one, else the partition's. */
enum vfl_status vfl_aws_session_endpoint(const struct vfl_aws_session *session, const char *service,
                                         const char *region, struct vfl_endpoint *ret_endpoint,
                                         bool *ret_is_configured,
                                         struct vfl_error *err) VFL_MUST_CHECK;

/* Borrowed from the session. */
struct vfl_aws_client *vfl_aws_session_client(struct vfl_aws_session *session);
const char *vfl_aws_session_region(const struct vfl_aws_session *session);
const char *vfl_aws_session_role_arn(const struct vfl_aws_session *session);
bool vfl_aws_session_is_path_style(const struct vfl_aws_session *session);

#endif
