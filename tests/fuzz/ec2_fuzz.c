/* The pages of DescribeNetworkInterfaces. Holds the client to: interfaces have an id, and all their
 * texts can be read. */
#include "core/aws/ec2.h"

#include "core/aws/session_call.h"
#include "tests/fuzz/answers.h"
#include "tests/fuzz/interface_check.h"

enum vfl_status vfl_aws_session_endpoint(const struct vfl_aws_session *session, const char *service,
                                         const char *region, struct vfl_endpoint *ret_endpoint,
                                         bool *ret_is_configured, struct vfl_error *err)
{
    (void)session;
    (void)service;
    (void)region;
    (void)err;
    *ret_endpoint = (struct vfl_endpoint){.is_https = true};
    *ret_is_configured = false;
    return VFL_OK;
}

const char *vfl_aws_session_role_arn(const struct vfl_aws_session *session)
{
    (void)session;
    return "arn:aws:iam::123456789012:role/FlowLogReader";
}

enum vfl_status vfl_aws_session_call(struct vfl_aws_session *session,
                                     const struct vfl_aws_call *call, struct vfl_aws_reply *reply,
                                     struct vfl_error *err)
{
    (void)session;
    return take_answer(call->parse, call->parse_ctx, reply, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct vfl_error err = {0};
    answers = (struct vfl_span){(const char *)input, len};
    enum vfl_status st = vfl_ec2_describe_interfaces(
        NULL, "eu-west-1", (struct vfl_interface_sink){check_interface, NULL}, &err);
    FUZZ_CHECK(st == VFL_OK || st == VFL_RETRY || st == VFL_LIMIT);
    FUZZ_CHECK(st == VFL_OK || err.text[0] != '\0');
    return 0;
}
