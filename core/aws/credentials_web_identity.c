#include "core/aws/credential_source.h"

#include <stdlib.h>

#include "core/aws/sts.h"

#define SOURCE "web identity"
#define DEFAULT_SESSION_NAME "stackstate-aws-flowlogs"

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

/* RoleSessionName: 2 to 64 of word characters and +=,.@- */
static bool is_session_name(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_+=,.@-";
    size_t length = strlen(text);
    return length >= 2 && length <= 64 && strspn(text, allowed) == length;
}

/* One reading of the file and, if it was readable, one request with it. */
static enum vfl_status try_token(const struct vfl_credential_surroundings *surroundings,
                                 const char *path, struct vfl_sts_web_identity identity,
                                 struct vfl_strbuf *token, struct vfl_credentials *ret_credentials,
                                 struct vfl_aws_reply *reply, struct vfl_error *err)
{
    enum vfl_status st = vfl_credentials_read_token(SOURCE ": token file", path,
                                                    VFL_WEB_IDENTITY_MAX_TOKEN_BYTES, token, err);
    if (st != VFL_OK)
        return st;
    identity.token = vfl_strbuf_string(token);
    st = vfl_sts_assume_role_with_web_identity(surroundings->client, surroundings->sts,
                                               surroundings->region, &identity, ret_credentials,
                                               reply, err);
    if (st != VFL_OK)
        st = vfl_error_wrap(err, st, SOURCE " (role %.200s)", identity.role_arn);
    return st;
}

static bool is_token_refused(const struct vfl_aws_reply *reply)
{
    return reply->retry_class == VFL_RETRY_EXPIRED_TOKEN ||
           strcmp(reply->fault.code, "InvalidIdentityToken") == 0;
}

/* The file is read at every fetch: what runs the container puts a new token there in time. */
static enum vfl_status fetch(const void *ctx, struct vfl_credentials *ret_credentials,
                             bool *ret_is_found, struct vfl_error *err)
{
    const char *path = getenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    const char *session_name = getenv("AWS_ROLE_SESSION_NAME");
    struct vfl_sts_web_identity identity = {
        .role_arn = getenv("AWS_ROLE_ARN"),
        .session_name = is_set(session_name) ? session_name : DEFAULT_SESSION_NAME,
    };
    if (!is_set(path)) {
        *ret_is_found = false;
        return VFL_OK;
    }
    if (!is_set(identity.role_arn) || vfl_sts_arn_account(identity.role_arn).len == 0)
        return vfl_error_set(err, VFL_CONFIG,
                             SOURCE ": AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not "
                                    "the ARN of a role");
    if (!is_session_name(identity.session_name))
        return vfl_error_set(err, VFL_CONFIG,
                             SOURCE ": AWS_ROLE_SESSION_NAME has to be 2 to 64 letters, digits or "
                                    "any of _+=,.@-");
    struct vfl_aws_reply reply;
    struct vfl_strbuf token, renewed;
    vfl_aws_reply_init(&reply);
    vfl_strbuf_init_secret(&token, VFL_WEB_IDENTITY_MAX_TOKEN_BYTES);
    vfl_strbuf_init_secret(&renewed, VFL_WEB_IDENTITY_MAX_TOKEN_BYTES);
    enum vfl_status st = try_token(ctx, path, identity, &token, ret_credentials, &reply, err);
    /* The file may have been renewed between reading and asking. */
    if (st != VFL_OK && is_token_refused(&reply) &&
        vfl_credentials_read_token(SOURCE, path, VFL_WEB_IDENTITY_MAX_TOKEN_BYTES, &renewed,
                                   NULL) == VFL_OK &&
        !vfl_span_equal(vfl_strbuf_span(&token), vfl_strbuf_span(&renewed)))
        st = try_token(ctx, path, identity, &token, ret_credentials, &reply, err);
    if (st == VFL_OK)
        *ret_is_found = true;
    vfl_strbuf_fini(&token);
    vfl_strbuf_fini(&renewed);
    vfl_aws_reply_fini(&reply);
    return st;
}

struct vfl_credential_provider
vfl_credentials_web_identity(const struct vfl_credential_surroundings *surroundings)
{
    return (struct vfl_credential_provider){SOURCE, fetch, surroundings, false};
}
