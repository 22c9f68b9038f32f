#include "core/aws/credentials.h"

#include <stdlib.h>

#include "core/aws/timestamp.h"
#include "core/strbuf.h"

#define MAX_REFRESH_LEAD_S (15 * 60)
#define MAX_UNCHECKED_S 3600

void vfl_credentials_fini(struct vfl_credentials *credentials)
{
    if (credentials == NULL)
        return;
    vfl_wipe_free(credentials->access_key_id);
    vfl_wipe_free(credentials->secret_access_key);
    vfl_wipe_free(credentials->session_token);
    *credentials = (struct vfl_credentials){0};
}

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

/* Keys and tokens enter header lines: a line break in one would make a header of its own. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static enum vfl_status copy_text(char **ret_copy, const char *source, const char *what,
                                 const char *text, struct vfl_error *err)
{
    if (!is_plain(text))
        return vfl_error_set(err, VFL_CONFIG,
                             "%s: the %s has a space, a line break or a character that is not "
                             "ASCII: copy it again",
                             source, what);
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for credentials");
    memcpy(copy, text, size);
    *ret_copy = copy;
    return VFL_OK;
}

enum vfl_status vfl_credentials_set(struct vfl_credentials *ret_credentials, const char *source,
                                    const char *access_key_id, const char *secret_access_key,
                                    const char *session_token, struct vfl_error *err)
{
    struct vfl_credentials made = {0};
    if (!is_set(access_key_id) || !is_set(secret_access_key))
        return vfl_error_set(err, VFL_CONFIG,
                             "%s: the %s is missing: set both the access key id and the secret "
                             "access key, or neither",
                             source, is_set(access_key_id) ? "secret access key" : "access key id");
    enum vfl_status st =
        copy_text(&made.access_key_id, source, "access key id", access_key_id, err);
    if (st == VFL_OK)
        st =
            copy_text(&made.secret_access_key, source, "secret access key", secret_access_key, err);
    if (st == VFL_OK && is_set(session_token))
        st = copy_text(&made.session_token, source, "session token", session_token, err);
    if (st != VFL_OK) {
        vfl_credentials_fini(&made);
        return st;
    }
    *ret_credentials = made;
    return VFL_OK;
}

enum vfl_status vfl_credentials_find_in(const struct vfl_credential_provider *providers,
                                        size_t provider_count, size_t *ret_index,
                                        struct vfl_credentials *ret_credentials,
                                        struct vfl_error *err)
{
    for (size_t i = 0; i < provider_count; i++) {
        bool is_found = false;
        enum vfl_status st = providers[i].fetch(providers[i].ctx, ret_credentials, &is_found, err);
        if (st != VFL_OK)
            return st;
        if (is_found) {
            *ret_index = i;
            return VFL_OK;
        }
    }
    return vfl_error_set(err, VFL_DENIED,
                         "no AWS credentials: set aws_access_key_id and aws_secret_access_key in "
                         "init_config, or give the agent an identity (environment, web identity, "
                         "shared profile, container or instance role)");
}

enum vfl_status vfl_credentials_find(const struct vfl_credential_provider *providers,
                                     size_t provider_count, struct vfl_credentials *ret_credentials,
                                     struct vfl_error *err)
{
    size_t ignored;
    return vfl_credentials_find_in(providers, provider_count, &ignored, ret_credentials, err);
}

int64_t vfl_credentials_refresh_epoch_s(int64_t expires_epoch_s, int64_t now_epoch_s, double chance)
{
    if (expires_epoch_s == 0)
        return 0;
    int64_t lead_s = (expires_epoch_s - now_epoch_s) / 4;
    if (lead_s > MAX_REFRESH_LEAD_S)
        lead_s = MAX_REFRESH_LEAD_S;
    int64_t refresh_s = expires_epoch_s - lead_s - (int64_t)(chance * (double)lead_s / 10);
    int64_t latest_s = now_epoch_s + MAX_UNCHECKED_S;
    return refresh_s < latest_s ? refresh_s : latest_s;
}

static enum vfl_status fetch_texts(const char *source, const char *id, const char *secret,
                                   const char *token, struct vfl_credentials *ret_credentials,
                                   bool *ret_is_found, struct vfl_error *err)
{
    if (!is_set(id) && !is_set(secret)) {
        *ret_is_found = false;
        return VFL_OK;
    }
    enum vfl_status st = vfl_credentials_set(ret_credentials, source, id, secret, token, err);
    if (st == VFL_OK)
        *ret_is_found = true;
    return st;
}

static enum vfl_status fetch_configured(const void *ctx, struct vfl_credentials *ret_credentials,
                                        bool *ret_is_found, struct vfl_error *err)
{
    const struct vfl_configured_keys *keys = ctx;
    return fetch_texts("init_config", keys->access_key_id, keys->secret_access_key,
                       keys->session_token, ret_credentials, ret_is_found, err);
}

static enum vfl_status fetch_environment(const void *ctx, struct vfl_credentials *ret_credentials,
                                         bool *ret_is_found, struct vfl_error *err)
{
    const char *expiration = getenv("AWS_CREDENTIAL_EXPIRATION");
    int64_t expires_epoch_s = 0;
    (void)ctx;
    if (is_set(expiration) &&
        !vfl_timestamp_parse_iso8601(vfl_span_from_string(expiration), &expires_epoch_s))
        return vfl_error_set(err, VFL_CONFIG,
                             "environment: AWS_CREDENTIAL_EXPIRATION is not a time such as "
                             "2030-01-01T00:00:00Z");
    enum vfl_status st = fetch_texts("environment (AWS_*)", getenv("AWS_ACCESS_KEY_ID"),
                                     getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN"),
                                     ret_credentials, ret_is_found, err);
    if (st == VFL_OK && *ret_is_found)
        ret_credentials->expires_epoch_s = expires_epoch_s;
    return st;
}

struct vfl_credential_provider vfl_credentials_configured(const struct vfl_configured_keys *keys)
{
    return (struct vfl_credential_provider){"configuration", fetch_configured, keys, false};
}

struct vfl_credential_provider vfl_credentials_environment(void)
{
    return (struct vfl_credential_provider){"environment", fetch_environment, NULL, false};
}
