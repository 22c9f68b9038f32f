#include "core/aws/session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/aws/credentials_chain.h"
#include "core/aws/session_call.h"
#include "core/aws/sts.h"

#define PROBE_INTERVAL_MS (24LL * 60 * 60 * 1000)
#define RENEWAL_PAUSE_S 60
#define PROBE_SESSION_NAME "sts-agent-id-test"
#define ROLE_SESSION_PREFIX "sts-agent-check-"

struct vfl_aws_session {
    struct vfl_aws_client client; /* of the thread that runs */
    struct vfl_http_options http_options;
    char *access_key_id;
    char *secret_access_key;
    char *session_token;
    char *role_arn;
    char *external_id;
    char *region;
    bool is_external_id_check_disabled;
    bool is_s3_path_style;
    struct vfl_endpoint sts;
    struct vfl_endpoint ec2; /* host "": build it from the region */
    struct vfl_endpoint s3;
    struct vfl_endpoint_variant variant;
    char session_name[96];
    /* Held while credentials are looked at and while they are renewed: who finds them at their end
     * waits for whoever is renewing them already. */
    pthread_mutex_t lock;
    struct vfl_credential_chain base;
    struct vfl_credentials role; /* empty: not assumed yet */
    uint64_t role_number;        /* counts the sessions of the role, to tell them apart */
    int64_t refresh_epoch_s;
    enum vfl_aws_role_state role_state;
    bool is_probed;
    int64_t probed_monotonic_ms;
};

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static enum vfl_status copy_option(char **ret_copy, const char *text, struct vfl_error *err)
{
    if (!is_set(text))
        return VFL_OK;
    *ret_copy = strdup(text);
    return *ret_copy != NULL ? VFL_OK
                             : vfl_error_set(err, VFL_NO_MEMORY, "no memory for an AWS session");
}

static enum vfl_status copy_options(struct vfl_aws_session *session,
                                    const struct vfl_aws_session_options *options,
                                    struct vfl_error *err)
{
    const struct {
        char **copy;
        const char *text;
    } texts[] = {
        {&session->access_key_id, options->access_key_id},
        {&session->secret_access_key, options->secret_access_key},
        {&session->session_token, options->session_token},
        {&session->role_arn, options->role_arn},
        {&session->external_id, options->external_id},
        {&session->region, options->region},
    };
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; st == VFL_OK && i < sizeof texts / sizeof texts[0]; i++)
        st = copy_option(texts[i].copy, texts[i].text, err);
    session->is_external_id_check_disabled = options->is_external_id_check_disabled;
    session->is_s3_path_style = options->is_s3_path_style;
    return st;
}

static enum vfl_status check_role_arn(const char *role_arn, struct vfl_error *err)
{
    struct vfl_span account = vfl_sts_arn_account(role_arn);
    bool is_plain = strlen(role_arn) <= 2048;
    for (const char *c = role_arn; is_plain && *c != '\0'; c++)
        is_plain = *c > ' ' && *c <= '~';
    if (account.ptr == NULL || !is_plain || strstr(role_arn, ":role/") == NULL)
        return vfl_error_set(err, VFL_CONFIG,
                             "role_arn \"%.100s\" is not an IAM role: expected "
                             "arn:aws:iam::123456789012:role/Name",
                             role_arn);
    return VFL_OK;
}

static enum vfl_status check_keys(const struct vfl_aws_session *session, struct vfl_error *err)
{
    struct vfl_credentials checked = {0};
    if (session->access_key_id == NULL && session->secret_access_key == NULL)
        return VFL_OK;
    enum vfl_status st =
        vfl_credentials_set(&checked, "init_config", session->access_key_id,
                            session->secret_access_key, session->session_token, err);
    vfl_credentials_fini(&checked);
    return st;
}

/* The keys of one partition are unknown in all others. */
static enum vfl_status check_partition(const struct vfl_aws_session *session, struct vfl_error *err)
{
    struct vfl_span of_role = vfl_sts_arn_partition(session->role_arn);
    const char *of_region = vfl_endpoint_partition_of_region(session->region);
    if (!vfl_span_equal_string(of_role, of_region))
        return vfl_error_set(
            err, VFL_CONFIG, "role_arn is of partition \"%.*s\", but region %s is of \"%s\"",
            (int)(of_role.len < 32 ? of_role.len : 32), of_role.ptr, session->region, of_region);
    return VFL_OK;
}

static enum vfl_status resolve_endpoints(struct vfl_aws_session *session,
                                         const struct vfl_aws_session_options *options,
                                         struct vfl_error *err)
{
    enum vfl_status st = vfl_endpoint_variant_from_environment(&session->variant, err);
    if (st != VFL_OK)
        return st;
    if (is_set(options->sts_endpoint_url)) {
        st = vfl_endpoint_parse(options->sts_endpoint_url, "sts_endpoint_url", &session->sts, err);
    } else {
        st = check_partition(session, err);
        if (st == VFL_OK)
            st = vfl_endpoint_for_variant("sts", session->region, session->variant, &session->sts,
                                          err);
    }
    if (st == VFL_OK && is_set(options->ec2_endpoint_url))
        st = vfl_endpoint_parse(options->ec2_endpoint_url, "ec2_endpoint_url", &session->ec2, err);
    if (st == VFL_OK && is_set(options->s3_endpoint_url))
        st = vfl_endpoint_parse(options->s3_endpoint_url, "s3_endpoint_url", &session->s3, err);
    return st;
}

enum vfl_status vfl_aws_session_new_with(const struct vfl_aws_session_options *options,
                                         const struct vfl_aws_client_options *client_options,
                                         struct vfl_aws_session **ret_session,
                                         struct vfl_error *err)
{
    if (!is_set(options->role_arn) || !is_set(options->region))
        return vfl_error_set(err, VFL_CONFIG, "%s is missing",
                             is_set(options->role_arn) ? "the region" : "role_arn");
    if (!vfl_endpoint_is_region(options->region))
        return vfl_error_set(err, VFL_CONFIG, "\"%.80s\" is not an AWS region", options->region);
    struct vfl_aws_session *session = calloc(1, sizeof *session);
    if (session == NULL || pthread_mutex_init(&session->lock, NULL) != 0) {
        free(session);
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for an AWS session");
    }
    session->http_options = client_options->http;
    enum vfl_status st = copy_options(session, options, err);
    if (st == VFL_OK)
        st = check_role_arn(session->role_arn, err);
    if (st == VFL_OK)
        st = check_keys(session, err);
    if (st == VFL_OK)
        st = resolve_endpoints(session, options, err);
    if (st == VFL_OK)
        st = vfl_aws_client_init(&session->client, client_options, err);
    if (st != VFL_OK) {
        vfl_aws_session_free(session);
        return st;
    }
    const struct vfl_configured_keys keys = {session->access_key_id, session->secret_access_key,
                                             session->session_token};
    vfl_credential_chain_init(&session->base, &keys, &session->client, session->region,
                              &session->sts);
    struct vfl_strbuf name = VFL_STRBUF_INIT(sizeof session->session_name - 1);
    vfl_strbuf_appendf(&name, "%s%.64s", ROLE_SESSION_PREFIX, session->region);
    /* RoleSessionName has at most 64 characters. */
    memcpy(session->session_name, vfl_strbuf_string(&name), name.len < 64 ? name.len : 64);
    vfl_strbuf_fini(&name);
    *ret_session = session;
    return VFL_OK;
}

enum vfl_status vfl_aws_session_new(const struct vfl_aws_session_options *options,
                                    struct vfl_aws_session **ret_session, struct vfl_error *err)
{
    const struct vfl_aws_client_options client_options = {
        .clock = vfl_clock_system(),
        .http = {.cancelled = options->cancelled},
    };
    return vfl_aws_session_new_with(options, &client_options, ret_session, err);
}

void vfl_aws_session_free(struct vfl_aws_session *session)
{
    if (session == NULL)
        return;
    vfl_aws_client_fini(&session->client);
    vfl_credentials_fini(&session->role);
    vfl_credential_chain_fini(&session->base);
    vfl_wipe_free(session->access_key_id);
    vfl_wipe_free(session->secret_access_key);
    vfl_wipe_free(session->session_token);
    vfl_wipe_free(session->external_id);
    free(session->role_arn);
    free(session->region);
    (void)pthread_mutex_destroy(&session->lock);
    free(session);
}

void vfl_aws_session_start_run(struct vfl_aws_session *session, int64_t deadline_monotonic_ms)
{
    session->client.budget->deadline_monotonic_ms = deadline_monotonic_ms;
    session->client.budget->request_count = 0;
}

void vfl_aws_session_limit_calls(struct vfl_aws_session *session, int64_t limit_ms)
{
    session->client.budget->call_limit_ms = limit_ms;
}

const char *vfl_aws_session_sts_host(const struct vfl_aws_session *session)
{
    return session->sts.host;
}

uint64_t vfl_aws_session_request_count(const struct vfl_aws_session *session)
{
    return session->client.budget->request_count;
}

const char *vfl_aws_session_note(const struct vfl_aws_session *session)
{
    return session->base.note.text;
}

const char *vfl_aws_session_credential_source(const struct vfl_aws_session *session)
{
    return session->base.source != NULL ? session->base.source : "";
}

enum vfl_aws_role_state vfl_aws_session_role_state(const struct vfl_aws_session *session)
{
    return session->role_state;
}

int64_t vfl_aws_session_clock_skew_ms(const struct vfl_aws_session *session)
{
    return session->client.budget->clock_skew_ms;
}

struct vfl_aws_client *vfl_aws_session_client(struct vfl_aws_session *session)
{
    return &session->client;
}

const char *vfl_aws_session_region(const struct vfl_aws_session *session)
{
    return session->region;
}

const char *vfl_aws_session_role_arn(const struct vfl_aws_session *session)
{
    return session->role_arn;
}

bool vfl_aws_session_is_path_style(const struct vfl_aws_session *session)
{
    return session->is_s3_path_style;
}

enum vfl_status vfl_aws_session_endpoint(const struct vfl_aws_session *session, const char *service,
                                         const char *region, struct vfl_endpoint *ret_endpoint,
                                         bool *ret_is_configured, struct vfl_error *err)
{
    const struct vfl_endpoint *configured =
        strcmp(service, "s3") == 0 ? &session->s3 : &session->ec2;
    if (!vfl_endpoint_is_region(region))
        return vfl_error_set(err, VFL_CONFIG, "\"%.80s\" is not an AWS region", region);
    *ret_is_configured = configured->host[0] != '\0';
    if (*ret_is_configured) {
        *ret_endpoint = *configured;
        return VFL_OK;
    }
    return vfl_endpoint_for_variant(service, region, session->variant, ret_endpoint, err);
}

/* --- under the lock: the role's credentials --- */

static enum vfl_status assume(struct vfl_aws_session *session, struct vfl_aws_client *client,
                              const char *session_name, const char *external_id,
                              struct vfl_credentials *ret_credentials, bool *ret_is_access_denied,
                              struct vfl_error *err)
{
    const struct vfl_sts_role role = {session->role_arn, session_name, external_id};
    const struct vfl_credentials *base;
    struct vfl_aws_reply reply;
    enum vfl_status st = VFL_OK;
    vfl_aws_reply_init(&reply);
    for (int round = 0; round < 2; round++) {
        st = vfl_credential_chain_get(&session->base, &base, err);
        if (st != VFL_OK)
            break;
        st = vfl_sts_assume_role(client, &session->sts, session->region, base, &role,
                                 ret_credentials, &reply, err);
        if (st == VFL_OK || reply.retry_class != VFL_RETRY_EXPIRED_TOKEN ||
            !vfl_credential_chain_renew(&session->base))
            break;
    }
    *ret_is_access_denied = strcmp(reply.fault.code, "AccessDenied") == 0;
    vfl_aws_reply_fini(&reply);
    return st;
}

/* Anybody who learns the role's name could use it if it did not ask for the external id: AWS calls
 * this the confused deputy. Only AccessDenied proves that it asks. */
static enum vfl_status probe_protection(struct vfl_aws_session *session,
                                        struct vfl_aws_client *client, struct vfl_error *err)
{
    struct vfl_clock *clock = &client->clock;
    int64_t now_ms = clock->now_monotonic_ms(clock->ctx);
    struct vfl_credentials probed = {0};
    bool is_access_denied = false;
    if (session->is_external_id_check_disabled ||
        (session->is_probed && now_ms - session->probed_monotonic_ms < PROBE_INTERVAL_MS))
        return VFL_OK;
    enum vfl_status st =
        assume(session, client, PROBE_SESSION_NAME, NULL, &probed, &is_access_denied, err);
    if (st == VFL_OK) {
        vfl_credentials_fini(&probed);
        session->role_state = VFL_AWS_ROLE_UNPROTECTED;
        return vfl_error_set(err, VFL_CONFIG,
                             "role %s can be assumed without the external id: add the condition "
                             "StringEquals sts:ExternalId to the role's trust policy and set "
                             "external_id to the same value",
                             session->role_arn);
    }
    if (!is_access_denied)
        return vfl_error_wrap(err, st, "role %s", session->role_arn);
    session->is_probed = true;
    session->probed_monotonic_ms = now_ms;
    return VFL_OK;
}

static enum vfl_status renew_role(struct vfl_aws_session *session, struct vfl_aws_client *client,
                                  struct vfl_error *err)
{
    struct vfl_credentials renewed = {0};
    bool is_access_denied = false;
    session->role_state = VFL_AWS_ROLE_UNKNOWN;
    enum vfl_status st = probe_protection(session, client, err);
    if (st != VFL_OK)
        return st;
    st = assume(session, client, session->session_name, session->external_id, &renewed,
                &is_access_denied, err);
    if (st != VFL_OK && is_access_denied)
        session->role_state = VFL_AWS_ROLE_REFUSED;
    if (st != VFL_OK && is_access_denied)
        return vfl_error_wrap(err, VFL_DENIED,
                              "role %s cannot be assumed: check role_arn, that its trust policy "
                              "names the agent's user or role, and that external_id %s",
                              session->role_arn,
                              session->external_id != NULL ? "is the one that it asks for"
                                                           : "is set");
    if (st != VFL_OK)
        return vfl_error_wrap(err, st, "role %s", session->role_arn);
    vfl_credentials_fini(&session->role);
    session->role = renewed;
    session->role_state = VFL_AWS_ROLE_ASSUMED;
    session->role_number++;
    session->refresh_epoch_s =
        vfl_credentials_refresh_epoch_s(renewed.expires_epoch_s, vfl_aws_client_now_epoch_s(client),
                                        vfl_retry_chance(&client->budget->chance_state));
    return VFL_OK;
}

static enum vfl_status ensure_role(struct vfl_aws_session *session, struct vfl_aws_client *client,
                                   struct vfl_error *err)
{
    bool has_role = session->role.access_key_id != NULL;
    int64_t now_s = vfl_aws_client_now_epoch_s(client);
    if (has_role && now_s < session->refresh_epoch_s)
        return VFL_OK;
    struct vfl_error failure = {0};
    vfl_credential_chain_use(&session->base, client);
    enum vfl_status st = renew_role(session, client, &failure);
    vfl_credential_chain_use(&session->base, &session->client);
    /* A session that is still in force is not given up because STS is busy. */
    if (st == VFL_RETRY && has_role && now_s < session->role.expires_epoch_s) {
        session->refresh_epoch_s = now_s + RENEWAL_PAUSE_S;
        return VFL_OK;
    }
    if (st != VFL_OK && err != NULL)
        *err = failure;
    return st;
}

/* --- any thread --- */

enum vfl_status vfl_aws_session_connect(struct vfl_aws_session *session, struct vfl_error *err)
{
    (void)pthread_mutex_lock(&session->lock);
    enum vfl_status st = ensure_role(session, &session->client, err);
    (void)pthread_mutex_unlock(&session->lock);
    return st;
}

enum vfl_status vfl_aws_session_identify(struct vfl_aws_session *session, struct vfl_strbuf *arn,
                                         struct vfl_error *err)
{
    const struct vfl_credentials *base;
    struct vfl_aws_reply reply;
    vfl_aws_reply_init(&reply);
    (void)pthread_mutex_lock(&session->lock);
    enum vfl_status st = vfl_credential_chain_get(&session->base, &base, err);
    if (st == VFL_OK)
        st = vfl_sts_get_caller_identity(&session->client, &session->sts, session->region, base,
                                         arn, &reply, err);
    (void)pthread_mutex_unlock(&session->lock);
    vfl_aws_reply_fini(&reply);
    return st;
}

/* A copy, because another thread may renew them while a call is under way. */
static enum vfl_status copy_role(struct vfl_aws_session *session, struct vfl_aws_client *client,
                                 struct vfl_credentials *ret_role, uint64_t *ret_number,
                                 struct vfl_error *err)
{
    (void)pthread_mutex_lock(&session->lock);
    enum vfl_status st = ensure_role(session, client, err);
    if (st == VFL_OK)
        st = vfl_credentials_set(ret_role, "role", session->role.access_key_id,
                                 session->role.secret_access_key, session->role.session_token, err);
    *ret_number = session->role_number;
    (void)pthread_mutex_unlock(&session->lock);
    return st;
}

/* Of several threads that are told so of the same credentials, one has them renewed. */
static void drop_role(struct vfl_aws_session *session, uint64_t number)
{
    (void)pthread_mutex_lock(&session->lock);
    if (session->role_number == number)
        vfl_credentials_fini(&session->role);
    (void)pthread_mutex_unlock(&session->lock);
}

enum vfl_status vfl_aws_session_call_by(struct vfl_aws_session *session,
                                        struct vfl_aws_client *client,
                                        const struct vfl_aws_call *call,
                                        struct vfl_aws_reply *reply, struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    for (int round = 0; round < 2; round++) {
        struct vfl_credentials role = {0};
        uint64_t number = 0;
        st = copy_role(session, client, &role, &number, err);
        if (st != VFL_OK)
            return st;
        st = vfl_aws_client_call(client, call, &role, reply, err);
        vfl_credentials_fini(&role);
        if (st == VFL_OK || reply->retry_class != VFL_RETRY_EXPIRED_TOKEN)
            return st;
        drop_role(session, number);
    }
    return st;
}

enum vfl_status vfl_aws_session_call(struct vfl_aws_session *session,
                                     const struct vfl_aws_call *call, struct vfl_aws_reply *reply,
                                     struct vfl_error *err)
{
    return vfl_aws_session_call_by(session, &session->client, call, reply, err);
}

enum vfl_status vfl_aws_session_new_client(struct vfl_aws_session *session,
                                           const atomic_bool *cancelled,
                                           struct vfl_aws_client **ret_client,
                                           struct vfl_error *err)
{
    struct vfl_http_options options = session->http_options;
    struct vfl_aws_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for another connection");
    options.cancelled = cancelled;
    enum vfl_status st = vfl_aws_client_init_beside(client, &session->client, &options, err);
    if (st != VFL_OK) {
        free(client);
        return st;
    }
    *ret_client = client;
    return VFL_OK;
}

void vfl_aws_session_free_client(struct vfl_aws_client *client)
{
    vfl_aws_client_fini(client);
    free(client);
}
