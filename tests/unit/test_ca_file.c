#include "core/aws/ca_file.h"

#include <string.h>

#include "tests/unit/run_suite.h"

static const char *existing;

static bool exists(const char *path)
{
    return strcmp(path, existing) == 0;
}

/* The paths are those of the distributions' packages. */
START_TEST(each_distribution_keeps_its_file_elsewhere)
{
    static const struct {
        const char *name;
        const char *path;
    } rows[] = {
        {"Debian, Ubuntu: ca-certificates", "/etc/ssl/certs/ca-certificates.crt"},
        {"RHEL 7 to 9, Amazon Linux: ca-certificates", "/etc/pki/tls/certs/ca-bundle.crt"},
        {"RHEL 10: ca-certificates", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"},
        {"SLES: ca-certificates", "/etc/ssl/ca-bundle.pem"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        existing = rows[i].path;
        const char *found = vfl_ca_file_choose(NULL, "", exists);
        ck_assert_msg(found != NULL && strcmp(found, rows[i].path) == 0, "%s: %s", rows[i].name,
                      found == NULL ? "none" : found);
    }
    existing = "/etc/nowhere.pem";
    ck_assert_ptr_null(vfl_ca_file_choose(NULL, NULL, exists));
}
END_TEST

START_TEST(variables_come_first_and_are_taken_unseen)
{
    existing = "/etc/ssl/certs/ca-certificates.crt";
    ck_assert_str_eq(vfl_ca_file_choose("/aws.pem", "/ssl.pem", exists), "/aws.pem");
    ck_assert_str_eq(vfl_ca_file_choose("", "/ssl.pem", exists), "/ssl.pem");
    ck_assert_str_eq(vfl_ca_file_choose("", "", exists), existing);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        each_distribution_keeps_its_file_elsewhere,
        variables_come_first_and_are_taken_unseen,
    };
    return RUN_SUITE("ca_file", cases);
}
