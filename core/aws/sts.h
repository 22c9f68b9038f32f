/* STS AssumeRole, AssumeRoleWithWebIdentity and GetCallerIdentity. */
#ifndef VFL_AWS_STS_H
#define VFL_AWS_STS_H

#include "core/aws/client.h"

struct vfl_sts_role {
    const char *role_arn;
    const char *session_name;
    const char *external_id; /* NULL or "": none is sent */
};

/* The account (fifth field) of an ARN; {NULL, 0} when it is not an ARN. */
struct vfl_span vfl_sts_arn_account(const char *arn);
/* The partition (second field) likewise. */
struct vfl_span vfl_sts_arn_partition(const char *arn);

/* Asks for a session of the role; ret_credentials.expires_epoch_s is at most an hour ahead.
 * VFL_DENIED: refused; reply->fault.code says whether as AccessDenied or otherwise. VFL_CONFIG: the
 * answer is not one for this role, or is over already. VFL_RETRY: STS is not reachable. */
enum vfl_status
vfl_sts_assume_role(struct vfl_aws_client *client, const struct vfl_endpoint *endpoint,
                    const char *region, const struct vfl_credentials *base,
                    const struct vfl_sts_role *role, struct vfl_credentials *ret_credentials,
                    struct vfl_aws_reply *reply, struct vfl_error *err) VFL_MUST_CHECK;

struct vfl_sts_web_identity {
    const char *role_arn;
    const char *session_name;
    const char *token; /* what an identity provider signed; a secret */
};

/* The same with an identity provider's token in place of keys; the request is not signed. */
enum vfl_status vfl_sts_assume_role_with_web_identity(
    struct vfl_aws_client *client, const struct vfl_endpoint *endpoint, const char *region,
    const struct vfl_sts_web_identity *identity, struct vfl_credentials *ret_credentials,
    struct vfl_aws_reply *reply, struct vfl_error *err) VFL_MUST_CHECK;

/* Replaces arn's content by the ARN of whose keys base are; AWS says it to everybody. */
enum vfl_status vfl_sts_get_caller_identity(struct vfl_aws_client *client,
                                            const struct vfl_endpoint *endpoint, const char *region,
                                            const struct vfl_credentials *base,
                                            struct vfl_strbuf *arn, struct vfl_aws_reply *reply,
                                            struct vfl_error *err) VFL_MUST_CHECK;

#endif
