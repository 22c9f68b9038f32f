#include <stdlib.h>
#include <string.h>

#include "core/aws/session.h"
#include "examples/doctor/examination.h"
#include "examples/doctor/policy.h"

#define MAX_CALLER_ARN_BYTES 2048
#define MAX_SKEW_MS 60000

/* What the two requests came to: one with the agent's own keys, one for the role. */
struct answers {
    enum vfl_aws_role_state state;
    struct vfl_strbuf caller; /* an ARN, empty when STS did not say it */
    struct vfl_error identify, connect;
};

/* STS refuses the keys, not the role. */
static bool is_refused_itself(const struct answers *answers)
{
    return answers->state == VFL_AWS_ROLE_UNKNOWN && answers->caller.len == 0 &&
           answers->connect.status == VFL_DENIED;
}

static void tell_credentials(struct vfl_examination *examination, const struct answers *answers)
{
    struct vfl_report *report = examination->report;
    const char *source = vfl_aws_session_credential_source(examination->session);
    const char *note = vfl_aws_session_note(examination->session);
    const char *caller = vfl_strbuf_string(&answers->caller);
    if (caller[0] != '\0')
        vfl_report_tell(report, VFL_VERDICT_OK, "credentials", "from the %s: %s", source, caller);
    else if (answers->state == VFL_AWS_ROLE_ASSUMED || answers->state == VFL_AWS_ROLE_UNPROTECTED)
        vfl_report_tell(report, VFL_VERDICT_OK, "credentials",
                        "from the %s (STS does not say whose they are)", source);
    else if (source[0] == '\0')
        vfl_report_tell(report, VFL_VERDICT_MISSING, "credentials", "%s", answers->identify.text);
    else if (is_refused_itself(answers))
        vfl_report_tell(report, VFL_VERDICT_WRONG, "credentials", "from the %s: %s", source,
                        answers->connect.text);
    else
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "credentials", "from the %s: %s", source,
                        answers->identify.text);
    if (note[0] != '\0')
        vfl_report_tell(report, VFL_VERDICT_ADVICE, "credentials", "%s", note);
}

static void tell_clock(struct vfl_examination *examination, const struct answers *answers)
{
    struct vfl_report *report = examination->report;
    int64_t skew_ms = vfl_aws_session_clock_skew_ms(examination->session);
    int64_t size_ms = skew_ms < 0 ? -skew_ms : skew_ms;
    bool is_answered = answers->state != VFL_AWS_ROLE_UNKNOWN || answers->caller.len > 0;
    if (size_ms > MAX_SKEW_MS) {
        vfl_report_tell(report, VFL_VERDICT_WRONG, "clock", "this machine is %lld seconds %s AWS",
                        (long long)(size_ms / 1000), skew_ms > 0 ? "behind" : "ahead of");
        vfl_report_remedy(report, NULL,
                          "Set this machine's clock and keep it right: run NTP (chronyd, "
                          "systemd-timesyncd).\n     AWS refuses requests from more than 5 "
                          "minutes away; the check corrects for that, but what it\n     lists "
                          "and reports goes by this clock.");
    } else if (size_ms == 0 && !is_answered) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "clock", "AWS has not told the time");
    } else {
        vfl_report_tell(report, VFL_VERDICT_OK, "clock", "within %lld s of AWS",
                        (long long)(size_ms / 1000 + 1));
    }
}

static void tell_external_id(struct vfl_examination *examination, const struct answers *answers)
{
    static const char subject[] = "external id";
    struct vfl_report *report = examination->report;
    const struct vfl_config *config = examination->config;
    if (config->is_external_id_check_disabled) {
        vfl_report_tell(report, VFL_VERDICT_ADVICE, subject,
                        "switched off: whoever may use the agent's keys may use the role");
    } else if (answers->state == VFL_AWS_ROLE_UNPROTECTED) {
        vfl_report_tell(report, VFL_VERDICT_WRONG, subject, "%s", answers->connect.text);
        vfl_report_remedy(report, vfl_policy_trust(config, vfl_strbuf_string(&answers->caller)),
                          "sts:ExternalId: replace the statement in the trust policy of role %s "
                          "by this, with the value of external_id:",
                          config->role_arn);
    } else if (config->external_id == NULL) {
        vfl_report_tell(report, VFL_VERDICT_MISSING, subject,
                        "external_id is not set: take the one that the role's trust policy asks "
                        "for");
        vfl_report_remedy(report, NULL,
                          "Set external_id in init_config to the value of sts:ExternalId in the "
                          "role's trust policy.");
    } else if (answers->state == VFL_AWS_ROLE_UNKNOWN) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, subject, "STS gave no clear answer");
    } else {
        vfl_report_tell(report, VFL_VERDICT_OK, subject, "the role cannot be assumed without it");
    }
}

/* AWS says which policy is at fault, but not across accounts ("Troubleshoot access denied error
 * messages" in the IAM user guide). */
static void add_role_remedies(struct vfl_examination *examination, const struct answers *answers)
{
    struct vfl_report *report = examination->report;
    const struct vfl_config *config = examination->config;
    const char *caller = vfl_strbuf_string(&answers->caller);
    const char *text = answers->connect.text;
    if (strstr(text, "no identity-based policy") != NULL) {
        vfl_report_remedy(report, vfl_policy_assume(config),
                          "sts:AssumeRole: add this statement to the policy of %s:",
                          caller[0] != '\0' ? caller : "the agent's own user or role");
        return;
    }
    if (strstr(text, "role trust policy") != NULL || strstr(text, "resource-based") != NULL) {
        vfl_report_remedy(report, vfl_policy_trust(config, caller),
                          "sts:AssumeRole: the trust policy of role %s must have this statement, "
                          "with the value of external_id:",
                          config->role_arn);
        return;
    }
    vfl_report_remedy(report, NULL,
                      "sts:AssumeRole: AWS does not say which of these it is.\n"
                      "     a. role_arn: a role of this name must exist, %s",
                      config->role_arn);
    vfl_report_remedy_more(report, vfl_policy_trust(config, caller),
                           "b. the role's trust policy must have this statement, and external_id "
                           "in init_config\n        must be the same as in it:");
    vfl_report_remedy_more(report, vfl_policy_assume(config),
                           "c. the policy of %s must have this statement:",
                           caller[0] != '\0' ? caller : "the agent's own user or role");
    if (caller[0] == '\0')
        vfl_report_remedy_more(report, NULL,
                               "d. the credentials (from the %s) must be that user's or role's",
                               vfl_aws_session_credential_source(examination->session));
}

static void tell_role(struct vfl_examination *examination, const struct answers *answers)
{
    static const char subject[] = "sts:AssumeRole";
    struct vfl_report *report = examination->report;
    switch (answers->state) {
    case VFL_AWS_ROLE_ASSUMED:
        vfl_report_tell(report, VFL_VERDICT_OK, subject, "%s", examination->config->role_arn);
        break;
    case VFL_AWS_ROLE_REFUSED:
        vfl_report_tell(report, VFL_VERDICT_MISSING, subject, "%s", answers->connect.text);
        add_role_remedies(examination, answers);
        break;
    case VFL_AWS_ROLE_UNPROTECTED:
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, subject,
                        "the role is not used as long as it is not protected");
        break;
    default:
        if (is_refused_itself(answers))
            vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, subject,
                            "needs credentials that AWS knows");
        else
            vfl_report_tell(report, VFL_VERDICT_WRONG, subject, "%s", answers->connect.text);
    }
}

/* The text is the server's, and goes into what is to be done. */
static void make_plain(struct vfl_strbuf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->bytes[i] < ' ' || text->bytes[i] == 0x7f)
            text->bytes[i] = '?';
}

bool vfl_examine_role(struct vfl_examination *examination)
{
    struct answers answers = {.state = VFL_AWS_ROLE_UNKNOWN};
    const char *host = vfl_aws_session_sts_host(examination->session);
    vfl_strbuf_init(&answers.caller, MAX_CALLER_ARN_BYTES);
    vfl_report_ask("sts:GetCallerIdentity", "%s, for %u s at most", host, examination->wait_s);
    int64_t asked_ms = vfl_examination_now_ms();
    enum vfl_status st =
        vfl_aws_session_identify(examination->session, &answers.caller, &answers.identify);
    make_plain(&answers.caller);
    /* Not every server knows GetCallerIdentity: only the role decides. But who said nothing in all
     * that time is not asked once more. */
    if (st == VFL_RETRY &&
        vfl_examination_now_ms() - asked_ms > (int64_t)examination->wait_s * 1000 - 100) {
        answers.connect = answers.identify;
    } else {
        vfl_report_ask("sts:AssumeRole", "%s, for %u s at most", host, 2 * examination->wait_s);
        st = vfl_aws_session_connect(examination->session, &answers.connect);
    }
    answers.state = vfl_aws_session_role_state(examination->session);
    tell_credentials(examination, &answers);
    tell_clock(examination, &answers);
    tell_external_id(examination, &answers);
    tell_role(examination, &answers);
    vfl_strbuf_fini(&answers.caller);
    return st == VFL_OK;
}
