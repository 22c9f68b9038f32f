/* The JSON that gives what is missing: policy statements and lifecycle rules, with the ARNs of the
 * configuration in hand. The texts are the caller's to free; NULL without memory. */
#ifndef VFL_DOCTOR_POLICY_H
#define VFL_DOCTOR_POLICY_H

#include "core/config.h"

/* Of the role's permissions policy. Actions on interfaces, on the bucket itself, on listing the
 * flow logs, and on the flow logs. */
char *vfl_policy_interfaces(void);
char *vfl_policy_versioning(const struct vfl_config *config);
char *vfl_policy_list(const struct vfl_config *config);
char *vfl_policy_read(const struct vfl_config *config);
char *vfl_policy_delete(const struct vfl_config *config);
/* key_arn NULL: a placeholder. */
char *vfl_policy_decrypt(const struct vfl_config *config, const char *bucket_region,
                         struct vfl_span key_arn);

/* Of the agent's own policy, and of the role's trust policy. caller_arn is whose keys the agent
 * has, as STS says it, "" when that is not known. The external id is a secret and stays out. */
char *vfl_policy_assume(const struct vfl_config *config);
char *vfl_policy_trust(const struct vfl_config *config, const char *caller_arn);

/* Rules that remove what the check has deleted. */
char *vfl_policy_lifecycle(const struct vfl_config *config);

#endif
