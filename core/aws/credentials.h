/* AWS keys and where they come from. A source is one provider; the chain asks them in order. */
#ifndef VFL_AWS_CREDENTIALS_H
#define VFL_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

/* Owned texts. Zeroed is empty. */
struct vfl_credentials {
    char *access_key_id;
    char *secret_access_key;
    char *session_token;     /* NULL for long-lived keys */
    int64_t expires_epoch_s; /* 0: never, as far as we know */
};

/* Wipes and frees; NULL and zeroed are fine. */
void vfl_credentials_fini(struct vfl_credentials *credentials);

/* Copies three texts (token may be NULL or ""). VFL_CONFIG: one of the pair is missing, or a text
 * cannot stand in a header; source names the place in messages. No value is ever quoted. */
enum vfl_status vfl_credentials_set(struct vfl_credentials *ret_credentials, const char *source,
                                    const char *access_key_id, const char *secret_access_key,
                                    const char *session_token,
                                    struct vfl_error *err) VFL_MUST_CHECK;

/* fetch: VFL_OK with *ret_is_found false when this source is not set up at all; a source that is
 * set up and fails must fail, so that a broken set-up is not papered over by a later source. */
struct vfl_credential_provider {
    const char *name;
    enum vfl_status (*fetch)(const void *ctx, struct vfl_credentials *ret_credentials,
                             bool *ret_is_found, struct vfl_error *err);
    const void *ctx;
    bool is_outlived; /* its credentials are good past their end while it cannot renew them */
};

/* VFL_DENIED: no source has any. */
enum vfl_status vfl_credentials_find(const struct vfl_credential_provider *providers,
                                     size_t provider_count, struct vfl_credentials *ret_credentials,
                                     struct vfl_error *err) VFL_MUST_CHECK;
/* The same; *ret_index is the provider that had them. */
enum vfl_status vfl_credentials_find_in(const struct vfl_credential_provider *providers,
                                        size_t provider_count, size_t *ret_index,
                                        struct vfl_credentials *ret_credentials,
                                        struct vfl_error *err) VFL_MUST_CHECK;

/* When to renew what ends at expires_epoch_s: a quarter of the time left before its end, a quarter
 * of an hour at most, and up to a tenth of that earlier by chance (0 to 1), so that many agents do
 * not come at once. Never more than an hour ahead. 0 for what has no end. */
int64_t vfl_credentials_refresh_epoch_s(int64_t expires_epoch_s, int64_t now_epoch_s,
                                        double chance);

/* The keys of the configuration. Borrowed; NULL and "" are unset. */
struct vfl_configured_keys {
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token;
};
struct vfl_credential_provider vfl_credentials_configured(const struct vfl_configured_keys *keys);

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_CREDENTIAL_EXPIRATION, read
 * at every fetch. */
struct vfl_credential_provider vfl_credentials_environment(void);

#endif
