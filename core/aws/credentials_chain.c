#include "core/aws/credentials_chain.h"

#include <string.h>

#define RETRY_S 60
#define OUTLIVED_RETRY_S (17 * 60)
#define OUTLIVED_SPREAD_S (8 * 60)

void vfl_credential_chain_init(struct vfl_credential_chain *chain,
                               const struct vfl_configured_keys *keys,
                               struct vfl_aws_client *client, const char *region,
                               const struct vfl_endpoint *sts)
{
    *chain = (struct vfl_credential_chain){.keys = *keys};
    chain->surroundings = (struct vfl_credential_surroundings){
        .client = client,
        .region = region,
        .sts = sts,
        .imds = &chain->imds,
        .note = &chain->note,
    };
}

void vfl_credential_chain_use(struct vfl_credential_chain *chain, struct vfl_aws_client *client)
{
    chain->surroundings.client = client;
}

void vfl_credential_chain_fini(struct vfl_credential_chain *chain)
{
    if (chain == NULL)
        return;
    vfl_credentials_fini(&chain->current);
    vfl_imds_memory_fini(&chain->imds);
    *chain = (struct vfl_credential_chain){0};
}

static enum vfl_status look_up(struct vfl_credential_chain *chain,
                               struct vfl_credentials *ret_credentials, bool *ret_is_outlived,
                               struct vfl_error *err)
{
    const struct vfl_credential_provider providers[] = {
        vfl_credentials_configured(&chain->keys),
        vfl_credentials_environment(),
        vfl_credentials_web_identity(&chain->surroundings),
        vfl_credentials_profile(&chain->surroundings),
        vfl_credentials_container(&chain->surroundings),
        vfl_credentials_imds(&chain->surroundings),
    };
    size_t index = 0;
    struct vfl_credentials found = {0};
    chain->note = (struct vfl_error){0};
    enum vfl_status st = vfl_credentials_find_in(providers, sizeof providers / sizeof providers[0],
                                                 &index, &found, err);
    if (st != VFL_OK)
        return st;
    int64_t now_s = vfl_aws_client_now_epoch_s(chain->surroundings.client);
    if (found.expires_epoch_s != 0 && found.expires_epoch_s <= now_s) {
        vfl_credentials_fini(&found);
        return vfl_error_set(err, VFL_DENIED,
                             "%s: the credentials have expired: check what renews them, and this "
                             "machine's clock",
                             providers[index].name);
    }
    *ret_credentials = found;
    *ret_is_outlived = providers[index].is_outlived;
    chain->source = providers[index].name;
    return VFL_OK;
}

static void take(struct vfl_credential_chain *chain, struct vfl_credentials found, bool is_outlived)
{
    struct vfl_aws_client *client = chain->surroundings.client;
    vfl_credentials_fini(&chain->current);
    chain->current = found;
    chain->is_current_outlived = is_outlived;
    chain->refresh_epoch_s =
        vfl_credentials_refresh_epoch_s(found.expires_epoch_s, vfl_aws_client_now_epoch_s(client),
                                        vfl_retry_chance(&client->budget->chance_state));
}

/* An outage that has outlasted the credentials' time is a long one: ask less often, and not
 * together with everybody else. */
static int64_t retry_pause_s(const struct vfl_credential_chain *chain, int64_t now_s)
{
    if (now_s < chain->current.expires_epoch_s)
        return RETRY_S;
    double chance = vfl_retry_chance(&chain->surroundings.client->budget->chance_state);
    return OUTLIVED_RETRY_S + (int64_t)(chance * OUTLIVED_SPREAD_S);
}

enum vfl_status vfl_credential_chain_get(struct vfl_credential_chain *chain,
                                         const struct vfl_credentials **ret_credentials,
                                         struct vfl_error *err)
{
    struct vfl_credentials found = {0};
    struct vfl_error failure = {0};
    bool is_outlived = false;
    bool has_current = chain->current.access_key_id != NULL;
    int64_t now_s = vfl_aws_client_now_epoch_s(chain->surroundings.client);
    if (has_current && now_s < chain->refresh_epoch_s) {
        *ret_credentials = &chain->current;
        return VFL_OK;
    }
    enum vfl_status st = look_up(chain, &found, &is_outlived, &failure);
    bool is_outage =
        st != VFL_OK && st != VFL_CANCELLED && st != VFL_DEADLINE && st != VFL_NO_MEMORY;
    bool is_usable = has_current && chain->current.expires_epoch_s != 0 &&
                     (now_s < chain->current.expires_epoch_s || chain->is_current_outlived);
    if (st == VFL_OK)
        take(chain, found, is_outlived);
    else if (is_outage && is_usable)
        chain->refresh_epoch_s = now_s + retry_pause_s(chain, now_s);
    else {
        if (err != NULL)
            *err = failure;
        return st;
    }
    *ret_credentials = &chain->current;
    return VFL_OK;
}

static bool is_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool vfl_credential_chain_renew(struct vfl_credential_chain *chain)
{
    struct vfl_credentials found = {0};
    bool is_outlived = false;
    if (look_up(chain, &found, &is_outlived, NULL) != VFL_OK)
        return false;
    bool is_new = !is_equal(found.access_key_id, chain->current.access_key_id) ||
                  !is_equal(found.session_token, chain->current.session_token);
    take(chain, found, is_outlived);
    return is_new;
}
