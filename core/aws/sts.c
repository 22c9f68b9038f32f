#include "core/aws/sts.h"

#include <string.h>

#define MAX_ANSWER_BYTES (256u << 10)
#define MAX_SESSION_S 3600

#define WEB_IDENTITY_FORM_BYTES (3u * 20000 + 16384) /* a token may be all percent signs */

struct remedy {
    const char *code, *text;
};

static const struct remedy role_remedies[] = {
    {"InvalidClientTokenId", "AWS does not know the access key id: check aws_access_key_id, "
                             "and that it belongs to the role's partition"},
    {"SignatureDoesNotMatch", "the secret access key is wrong: check aws_secret_access_key"},
    {"ExpiredToken", "the session token of the agent's own credentials has expired: renew it"},
    {"ExpiredTokenException",
     "the session token of the agent's own credentials has expired: renew it"},
    {"ValidationError", "check the form of role_arn and external_id"},
    {NULL, NULL},
};

static const struct remedy web_identity_remedies[] = {
    {"AccessDenied", "check AWS_ROLE_ARN, and that the role's trust policy admits this service "
                     "account by its issuer, subject and audience"},
    {"InvalidIdentityToken", "the token is not accepted: check that its issuer is an identity "
                             "provider of the role's account, with the audience of the token"},
    {"ExpiredTokenException", "the token has expired: check what renews the token file"},
    {"ExpiredToken", "the token has expired: check what renews the token file"},
    {"IDPRejectedClaim", "the identity provider rejects the token: check what makes the file"},
    {"ValidationError", "check AWS_ROLE_ARN and AWS_ROLE_SESSION_NAME"},
    {NULL, NULL},
};

/* What tells the two operations apart. */
struct operation {
    const char *root;
    const char *result; /* the path before what we want of an answer */
    const struct remedy *remedies;
};

static const struct operation assume_role = {"AssumeRoleResponse", "AssumeRoleResult/",
                                             role_remedies};
static const struct operation assume_role_with_web_identity = {
    "AssumeRoleWithWebIdentityResponse", "AssumeRoleWithWebIdentityResult/", web_identity_remedies};
static const struct operation get_caller_identity = {"GetCallerIdentityResponse",
                                                     "GetCallerIdentityResult/", role_remedies};

/* Owned copies of what an answer says. */
struct answer {
    const struct operation *operation;
    struct vfl_strbuf access_key_id;
    struct vfl_strbuf secret_access_key;
    struct vfl_strbuf session_token;
    struct vfl_strbuf expiration;
    struct vfl_strbuf arn; /* of the role's session, or of the caller */
};

static struct vfl_span arn_field(const char *arn, int index)
{
    const char *start = arn;
    if (strncmp(arn, "arn:", 4) != 0)
        return (struct vfl_span){NULL, 0};
    for (; index > 0; index--) {
        start = strchr(start, ':');
        if (start == NULL)
            return (struct vfl_span){NULL, 0};
        start++;
    }
    const char *end = strchr(start, ':');
    if (end == NULL)
        return (struct vfl_span){NULL, 0};
    return (struct vfl_span){start, (size_t)(end - start)};
}

struct vfl_span vfl_sts_arn_account(const char *arn)
{
    return arn_field(arn, 4);
}

struct vfl_span vfl_sts_arn_partition(const char *arn)
{
    return arn_field(arn, 1);
}

static void answer_init(struct answer *answer, const struct operation *operation)
{
    answer->operation = operation;
    vfl_strbuf_init_secret(&answer->access_key_id, 256);
    vfl_strbuf_init_secret(&answer->secret_access_key, 4096);
    vfl_strbuf_init_secret(&answer->session_token, 32768);
    vfl_strbuf_init(&answer->expiration, 64);
    vfl_strbuf_init(&answer->arn, 2048);
}

static void answer_fini(struct answer *answer)
{
    vfl_strbuf_fini(&answer->access_key_id);
    vfl_strbuf_fini(&answer->secret_access_key);
    vfl_strbuf_fini(&answer->session_token);
    vfl_strbuf_fini(&answer->expiration);
    vfl_strbuf_fini(&answer->arn);
}

static enum vfl_status on_element(void *ctx, const char *path, struct vfl_span text,
                                  struct vfl_error *err)
{
    struct answer *answer = ctx;
    const struct {
        const char *path;
        struct vfl_strbuf *out;
    } wanted[] = {
        {"Credentials/AccessKeyId", &answer->access_key_id},
        {"Credentials/SecretAccessKey", &answer->secret_access_key},
        {"Credentials/SessionToken", &answer->session_token},
        {"Credentials/Expiration", &answer->expiration},
        {"AssumedRoleUser/Arn", &answer->arn},
        {"Arn", &answer->arn},
    };
    size_t prefix_length = strlen(answer->operation->result);
    if (strncmp(path, answer->operation->result, prefix_length) != 0)
        return VFL_OK;
    path += prefix_length;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strcmp(path, wanted[i].path) != 0)
            continue;
        vfl_strbuf_reset(wanted[i].out);
        vfl_strbuf_append(wanted[i].out, text);
        return vfl_strbuf_check(wanted[i].out, path, err);
    }
    return VFL_OK;
}

static enum vfl_status parse_answer(void *ctx, struct vfl_span body, struct vfl_error *err)
{
    struct answer *answer = ctx;
    answer_fini(answer);
    struct vfl_xml_handler handler = {.end = on_element, .ctx = answer};
    return vfl_xml_parse(body, answer->operation->root, handler, err);
}

static void append_field(struct vfl_strbuf *form, const char *name, const char *value)
{
    vfl_strbuf_appendf(form, "&%s=", name);
    /* A space as %20: some servers take "+" as it is. */
    vfl_sigv4_encode(form, vfl_span_from_string(value), false);
}

/* Believes the answer only if it is complete, for the account that was asked for, and in force. */
static enum vfl_status take_answer(struct vfl_aws_client *client, const char *role_arn,
                                   const struct answer *answer,
                                   struct vfl_credentials *ret_credentials, struct vfl_error *err)
{
    int64_t now_s = vfl_aws_client_now_epoch_s(client);
    int64_t expires_s;
    if (answer->access_key_id.len == 0 || answer->secret_access_key.len == 0 ||
        answer->session_token.len == 0)
        return vfl_error_set(err, VFL_CONFIG, "the answer lacks a key or the session token");
    struct vfl_span wanted = vfl_sts_arn_account(role_arn);
    struct vfl_span given = vfl_sts_arn_account(vfl_strbuf_string(&answer->arn));
    if (answer->arn.len > 0 && !vfl_span_equal(wanted, given))
        return vfl_error_set(err, VFL_CONFIG,
                             "the answer is for account %.*s, the role is of account %.*s",
                             (int)(given.len < 20 ? given.len : 20), given.len > 0 ? given.ptr : "",
                             (int)wanted.len, wanted.ptr);
    if (!vfl_timestamp_parse_iso8601(vfl_strbuf_span(&answer->expiration), &expires_s))
        return vfl_error_set(err, VFL_CONFIG, "the session's expiration \"%.40s\" is not a time",
                             vfl_strbuf_string(&answer->expiration));
    if (expires_s <= now_s)
        return vfl_error_set(err, VFL_CONFIG,
                             "the session expired on arrival (%.40s): check this machine's clock",
                             vfl_strbuf_string(&answer->expiration));
    struct vfl_credentials made = {0};
    enum vfl_status st =
        vfl_credentials_set(&made, "STS answer", vfl_strbuf_string(&answer->access_key_id),
                            vfl_strbuf_string(&answer->secret_access_key),
                            vfl_strbuf_string(&answer->session_token), err);
    if (st != VFL_OK)
        return st;
    made.expires_epoch_s = expires_s < now_s + MAX_SESSION_S ? expires_s : now_s + MAX_SESSION_S;
    *ret_credentials = made;
    return VFL_OK;
}

/* Says what to change for the refusals that have one cause. */
static enum vfl_status explain(const struct operation *operation, const struct vfl_aws_reply *reply,
                               const char *region, enum vfl_status status, struct vfl_error *err)
{
    const char *code = reply->fault.code;
    if (strcmp(code, "RegionDisabledException") == 0)
        return vfl_error_wrap(err, VFL_DENIED,
                              "STS is switched off in region %s: switch it on in the account "
                              "settings of IAM, or name another region first",
                              region);
    for (const struct remedy *remedy = operation->remedies; remedy->code != NULL; remedy++)
        if (strcmp(code, remedy->code) == 0)
            return vfl_error_wrap(err, status, "%s", remedy->text);
    return status;
}

/* base NULL: not signed. withheld is the secret that the form has. */
static enum vfl_status post(struct vfl_aws_client *client, const struct vfl_endpoint *endpoint,
                            const char *region, const struct vfl_credentials *base,
                            const struct vfl_strbuf *form, const char *withheld,
                            struct answer *answer, struct vfl_aws_reply *reply,
                            struct vfl_error *err)
{
    const struct vfl_sigv4_pair headers[] = {
        {VFL_SPAN_LITERAL("content-type"),
         VFL_SPAN_LITERAL("application/x-www-form-urlencoded; charset=utf-8")},
    };
    const struct vfl_aws_call call = {
        .service = "sts",
        .region = region,
        .endpoint = endpoint,
        .method = "POST",
        .path = VFL_SPAN_LITERAL("/"),
        .headers = headers,
        .header_count = 1,
        .body = vfl_strbuf_span(form),
        .max_body_bytes = MAX_ANSWER_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
        .parse = parse_answer,
        .parse_ctx = answer,
        .withheld = withheld,
    };
    enum vfl_status st = vfl_aws_client_call(client, &call, base, reply, err);
    return st == VFL_OK ? VFL_OK : explain(answer->operation, reply, region, st, err);
}

enum vfl_status vfl_sts_assume_role(struct vfl_aws_client *client,
                                    const struct vfl_endpoint *endpoint, const char *region,
                                    const struct vfl_credentials *base,
                                    const struct vfl_sts_role *role,
                                    struct vfl_credentials *ret_credentials,
                                    struct vfl_aws_reply *reply, struct vfl_error *err)
{
    struct vfl_strbuf form;
    struct answer answer;
    vfl_strbuf_init_secret(&form, 16384);
    answer_init(&answer, &assume_role);
    /* No DurationSeconds: the default of an hour is also the most that a role's own session may ask
     * for, and most agents have one. */
    vfl_strbuf_append_string(&form, "Action=AssumeRole&Version=2011-06-15");
    append_field(&form, "RoleArn", role->role_arn);
    append_field(&form, "RoleSessionName", role->session_name);
    if (role->external_id != NULL && *role->external_id != '\0')
        append_field(&form, "ExternalId", role->external_id);
    enum vfl_status st = vfl_strbuf_check(&form, "AssumeRole request", err);
    if (st == VFL_OK)
        st = post(client, endpoint, region, base, &form, role->external_id, &answer, reply, err);
    if (st == VFL_OK)
        st = take_answer(client, role->role_arn, &answer, ret_credentials, err);
    if (st != VFL_OK)
        st = vfl_error_wrap(err, st, "sts:AssumeRole at %s", endpoint->host);
    answer_fini(&answer);
    vfl_strbuf_fini(&form);
    vfl_http_response_reset(&reply->http);
    return st;
}

enum vfl_status vfl_sts_assume_role_with_web_identity(
    struct vfl_aws_client *client, const struct vfl_endpoint *endpoint, const char *region,
    const struct vfl_sts_web_identity *identity, struct vfl_credentials *ret_credentials,
    struct vfl_aws_reply *reply, struct vfl_error *err)
{
    struct vfl_strbuf form;
    struct answer answer;
    vfl_strbuf_init_secret(&form, WEB_IDENTITY_FORM_BYTES);
    answer_init(&answer, &assume_role_with_web_identity);
    vfl_strbuf_append_string(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
    append_field(&form, "RoleArn", identity->role_arn);
    append_field(&form, "RoleSessionName", identity->session_name);
    append_field(&form, "WebIdentityToken", identity->token);
    enum vfl_status st = vfl_strbuf_check(&form, "AssumeRoleWithWebIdentity request", err);
    if (st == VFL_OK)
        st = post(client, endpoint, region, NULL, &form, identity->token, &answer, reply, err);
    if (st == VFL_OK)
        st = take_answer(client, identity->role_arn, &answer, ret_credentials, err);
    if (st != VFL_OK)
        st = vfl_error_wrap(err, st, "sts:AssumeRoleWithWebIdentity at %s", endpoint->host);
    answer_fini(&answer);
    vfl_strbuf_fini(&form);
    vfl_http_response_reset(&reply->http);
    return st;
}

enum vfl_status vfl_sts_get_caller_identity(struct vfl_aws_client *client,
                                            const struct vfl_endpoint *endpoint, const char *region,
                                            const struct vfl_credentials *base,
                                            struct vfl_strbuf *arn, struct vfl_aws_reply *reply,
                                            struct vfl_error *err)
{
    struct vfl_strbuf form = VFL_STRBUF_INIT(256);
    struct answer answer;
    answer_init(&answer, &get_caller_identity);
    vfl_strbuf_append_string(&form, "Action=GetCallerIdentity&Version=2011-06-15");
    enum vfl_status st = vfl_strbuf_check(&form, "GetCallerIdentity request", err);
    if (st == VFL_OK)
        st = post(client, endpoint, region, base, &form, NULL, &answer, reply, err);
    if (st == VFL_OK && vfl_sts_arn_account(vfl_strbuf_string(&answer.arn)).ptr == NULL)
        st = vfl_error_set(err, VFL_CONFIG, "the answer names no caller");
    if (st == VFL_OK) {
        vfl_strbuf_reset(arn);
        vfl_strbuf_append(arn, vfl_strbuf_span(&answer.arn));
        st = vfl_strbuf_check(arn, "caller's ARN", err);
    }
    if (st != VFL_OK)
        st = vfl_error_wrap(err, st, "sts:GetCallerIdentity at %s", endpoint->host);
    answer_fini(&answer);
    vfl_strbuf_fini(&form);
    vfl_http_response_reset(&reply->http);
    return st;
}
