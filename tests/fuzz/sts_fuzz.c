/* What STS answers to either operation. Holds it to: credentials are complete, can stand in a
 * header and end within an hour; of an answer that is refused nothing is kept. */
#include "core/aws/sts.h"

#include "tests/fuzz/answers.h"

#define NOW_EPOCH_S INT64_C(1714521600) /* 2024-05-01T00:00:00Z */
#define ROLE_ARN "arn:aws:iam::123456789012:role/FlowLogReader"

int64_t vfl_aws_client_now_epoch_s(const struct vfl_aws_client *client)
{
    (void)client;
    return NOW_EPOCH_S;
}

enum vfl_status vfl_aws_client_call(struct vfl_aws_client *client, const struct vfl_aws_call *call,
                                    const struct vfl_credentials *credentials,
                                    struct vfl_aws_reply *reply, struct vfl_error *err)
{
    (void)client;
    (void)credentials;
    return take_answer(call->parse, call->parse_ctx, reply, err);
}

static void check_text(const char *text)
{
    FUZZ_CHECK(text != NULL && *text != '\0');
    for (; *text != '\0'; text++)
        FUZZ_CHECK(*text > ' ' && *text <= '~');
}

static void check_credentials(enum vfl_status st, struct vfl_credentials *credentials,
                              const struct vfl_error *err)
{
    FUZZ_CHECK(st == VFL_OK || st == VFL_RETRY || st == VFL_CONFIG || st == VFL_LIMIT);
    FUZZ_CHECK((st == VFL_OK) == (credentials->access_key_id != NULL));
    FUZZ_CHECK(st == VFL_OK || err->text[0] != '\0');
    if (st == VFL_OK) {
        check_text(credentials->access_key_id);
        check_text(credentials->secret_access_key);
        check_text(credentials->session_token);
        FUZZ_CHECK(credentials->expires_epoch_s > NOW_EPOCH_S);
        FUZZ_CHECK(credentials->expires_epoch_s <= NOW_EPOCH_S + 3600);
    }
    vfl_credentials_fini(credentials);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    static const struct vfl_endpoint endpoint = {.host = "sts.eu-west-1.amazonaws.com"};
    const struct vfl_credentials base = {0};
    const struct vfl_sts_role role = {ROLE_ARN, "agent", "external-id"};
    const struct vfl_sts_web_identity identity = {ROLE_ARN, "agent", "token"};
    struct vfl_aws_client client = {0};
    for (int is_web_identity = 0; is_web_identity < 2; is_web_identity++) {
        struct vfl_credentials credentials = {0};
        struct vfl_aws_reply reply;
        struct vfl_error err = {0};
        answers = (struct vfl_span){(const char *)input, len};
        vfl_aws_reply_init(&reply);
        enum vfl_status st =
            is_web_identity != 0
                ? vfl_sts_assume_role_with_web_identity(&client, &endpoint, "eu-west-1", &identity,
                                                        &credentials, &reply, &err)
                : vfl_sts_assume_role(&client, &endpoint, "eu-west-1", &base, &role, &credentials,
                                      &reply, &err);
        check_credentials(st, &credentials, &err);
        vfl_aws_reply_fini(&reply);
    }
    return 0;
}
