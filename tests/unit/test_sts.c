#include "core/aws/sts.h"

#include "tests/unit/run_suite.h"

/* The request and its answers are tested with the session, which is the only caller. */
START_TEST(arn_fields_are_found_or_absent)
{
    static const struct {
        const char *arn, *partition, *account; /* NULL: absent */
    } rows[] = {
        {"arn:aws:iam::123456789012:role/Name", "aws", "123456789012"},
        {"arn:aws-cn:sts::123456789012:assumed-role/R/s", "aws-cn", "123456789012"},
        {"arn:aws:s3:::bucket", "aws", ""},
        {"arn:aws:iam::123456789012", "aws", NULL},
        {"arn:aws", NULL, NULL},
        {"arn:", NULL, NULL},
        {"role/Name", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_span partition = vfl_sts_arn_partition(rows[i].arn);
        struct vfl_span account = vfl_sts_arn_account(rows[i].arn);
        ck_assert_msg(vfl_span_equal_string(partition, rows[i].partition), "%s", rows[i].arn);
        ck_assert_msg(vfl_span_equal_string(account, rows[i].account), "%s", rows[i].arn);
        ck_assert_msg((account.ptr == NULL) == (rows[i].account == NULL), "%s", rows[i].arn);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {arn_fields_are_found_or_absent};
    return RUN_SUITE("sts", cases);
}
