/* Refused traffic in words that a person reads while debugging. */
#include <stdio.h>

#include "core/topology/live.h"

static const char *place(uint8_t verdicts, bool is_request)
{
    uint8_t at_source = is_request ? VERDICT_REFUSED_BY_SENDER : VERDICT_REFUSED_BY_RECEIVER;
    uint8_t at_target = is_request ? VERDICT_REFUSED_BY_RECEIVER : VERDICT_REFUSED_BY_SENDER;
    if ((verdicts & at_source) != 0 && (verdicts & at_target) != 0)
        return " at the source and at the target";
    if ((verdicts & at_source) != 0)
        return " at the source";
    return (verdicts & at_target) != 0 ? " at the target" : "";
}

/* Security groups are stateful: they let the reply of an accepted request through, so a refused
 * reply points to a network ACL. AWS logs REJECT also for packets that arrive after their
 * connection has closed. Source: Amazon VPC User Guide, "Flow log record examples" and "Flow log
 * records". */
static const char *rules(uint8_t verdicts, bool is_request, bool is_request_accepted)
{
    if (!is_request)
        return is_request_accepted ? "a network ACL (security groups are stateful)"
                                   : "a security group or a network ACL";
    return (verdicts & VERDICT_ACCEPTED) != 0
               ? "a security group or a network ACL, or because the connection had closed"
               : "a security group or a network ACL";
}

static int describe(uint8_t verdicts, bool is_request, bool is_request_accepted, char *out,
                    size_t out_size)
{
    const struct {
        uint8_t bit;
        const char *text;
    } reasons[] = {
        {VERDICT_REASON_RULES, rules(verdicts, is_request, is_request_accepted)},
        {VERDICT_REASON_BPA, "VPC Block Public Access"},
        {VERDICT_REASON_EC, "VPC Encryption Controls"},
    };
    const char *what = is_request ? "request" : "reply";
    if (is_request && (verdicts & VERDICT_ACCEPTED) != 0)
        what = "some requests";
    int length =
        snprintf(out, out_size, "%s refused%s%s", what, place(verdicts, is_request),
                 !is_request && is_request_accepted ? " though the request was accepted" : "");
    const char *joint = ": by ";
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if ((verdicts & reasons[i].bit) == 0)
            continue;
        length += snprintf(out + length, out_size - (size_t)length, "%s%s", joint, reasons[i].text);
        joint = ", by ";
    }
    return length;
}

void live_describe_refusal(uint8_t request, uint8_t reply, char out[VFL_REFUSAL_SIZE])
{
    int length = 0;
    bool is_request_accepted = (request & VERDICT_ACCEPTED) != 0;
    out[0] = '\0';
    if ((request & VERDICT_REFUSED) != 0)
        length = describe(request, true, is_request_accepted, out, VFL_REFUSAL_SIZE);
    if ((reply & VERDICT_REFUSED) == 0)
        return;
    if (length > 0)
        length += snprintf(out + length, VFL_REFUSAL_SIZE - (size_t)length, "; ");
    (void)describe(reply, false, is_request_accepted, out + length,
                   VFL_REFUSAL_SIZE - (size_t)length);
}
