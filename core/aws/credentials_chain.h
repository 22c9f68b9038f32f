/* The agent's own credentials: the whole chain of sources, and what it found until that nears its
 * end. */
#ifndef VFL_AWS_CREDENTIALS_CHAIN_H
#define VFL_AWS_CREDENTIALS_CHAIN_H

#include "core/aws/credential_source.h"

/* One thread at a time; must not be moved after init. Zeroed is fine for fini. */
struct vfl_credential_chain {
    struct vfl_configured_keys keys;
    struct vfl_credential_surroundings surroundings;
    struct vfl_imds_memory imds;
    struct vfl_error note;
    struct vfl_credentials current; /* empty: none yet */
    const char *source;             /* the name of the provider that had them; NULL: none yet */
    bool is_current_outlived;       /* may be used past its end */
    int64_t refresh_epoch_s;
};

/* Borrows everything. Order: keys, environment, web identity, shared profile, container, instance
 * metadata. */
void vfl_credential_chain_init(struct vfl_credential_chain *chain,
                               const struct vfl_configured_keys *keys,
                               struct vfl_aws_client *client, const char *region,
                               const struct vfl_endpoint *sts);
/* Has the requests that follow sent by this client, which stands beside the first one. */
void vfl_credential_chain_use(struct vfl_credential_chain *chain, struct vfl_aws_client *client);
void vfl_credential_chain_fini(struct vfl_credential_chain *chain);

/* Credentials that are in force, borrowed until the next call. Those without an end are looked up
 * again each time, so that a change is seen; others when they near it. What is in force is not
 * given up because it cannot be renewed. */
enum vfl_status vfl_credential_chain_get(struct vfl_credential_chain *chain,
                                         const struct vfl_credentials **ret_credentials,
                                         struct vfl_error *err) VFL_MUST_CHECK;

/* Looks them up again, whatever they say of themselves: AWS says that they have expired. False when
 * that gave the same again, or nothing. */
bool vfl_credential_chain_renew(struct vfl_credential_chain *chain);

#endif
