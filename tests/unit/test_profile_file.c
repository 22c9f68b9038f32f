#include "core/aws/profile_file.h"

#include "tests/unit/run_suite.h"

START_TEST(settings_are_read_as_aws_tools_read_them)
{
    static const struct {
        const char *name;
        const char *text;
        enum vfl_profile_kind kind;
        const char *profile;
        bool is_found;
        const char *id; /* NULL: not set */
    } rows[] = {
        {"empty file", "", VFL_PROFILE_KIND_CREDENTIALS, "default", false, NULL},
        {"no end of line", "[default]\naws_access_key_id=A", VFL_PROFILE_KIND_CREDENTIALS,
         "default", true, "A"},
        {"spaces and capitals", "[ default ]\nAWS_Access_Key_ID \t=  A  \n",
         VFL_PROFILE_KIND_CREDENTIALS, "default", true, "A"},
        {"CRLF and a byte order mark", "\xef\xbb\xbf[default]\r\naws_access_key_id = A\r\n",
         VFL_PROFILE_KIND_CREDENTIALS, "default", true, "A"},
        {"comments", "# x\n[default] ; y\n; aws_access_key_id = B\naws_access_key_id = A # c\n",
         VFL_PROFILE_KIND_CREDENTIALS, "default", true, "A"},
        {"a sign that is no comment", "[default]\naws_access_key_id = A#c;d\n",
         VFL_PROFILE_KIND_CREDENTIALS, "default", true, "A#c;d"},
        {"an equals sign in the value", "[default]\naws_access_key_id = A==\n",
         VFL_PROFILE_KIND_CREDENTIALS, "default", true, "A=="},
        {"the last one wins",
         "[default]\naws_access_key_id=A\n[x]\n[default]\n"
         "aws_access_key_id=B\n",
         VFL_PROFILE_KIND_CREDENTIALS, "default", true, "B"},
        {"no value", "[default]\naws_access_key_id =\n", VFL_PROFILE_KIND_CREDENTIALS, "default",
         true, NULL},
        {"nested settings", "[default]\ns3 =\n  aws_access_key_id = A\n",
         VFL_PROFILE_KIND_CREDENTIALS, "default", true, NULL},
        {"another section", "[other]\naws_access_key_id=A\n", VFL_PROFILE_KIND_CREDENTIALS,
         "default", false, NULL},
        {"before any section", "aws_access_key_id=A\n", VFL_PROFILE_KIND_CREDENTIALS, "default",
         false, NULL},
        {"section that does not end", "[default\naws_access_key_id=A\n",
         VFL_PROFILE_KIND_CREDENTIALS, "default", false, NULL},
        {"config, plain name", "[agent]\naws_access_key_id=A\n", VFL_PROFILE_KIND_CONFIG, "agent",
         false, NULL},
        {"config, prefix", "[profile agent]\naws_access_key_id=A\n", VFL_PROFILE_KIND_CONFIG,
         "agent", true, "A"},
        {"config, quotes", "[profile \"my agent\"]\naws_access_key_id=A\n", VFL_PROFILE_KIND_CONFIG,
         "my agent", true, "A"},
        {"config, no space", "[profileagent]\naws_access_key_id=A\n", VFL_PROFILE_KIND_CONFIG,
         "agent", false, NULL},
        {"config, default", "[default]\naws_access_key_id=A\n", VFL_PROFILE_KIND_CONFIG, "default",
         true, "A"},
        {"config, prefixed default wins",
         "[profile default]\naws_access_key_id=B\n[default]\naws_access_key_id=A\n",
         VFL_PROFILE_KIND_CONFIG, "default", true, "B"},
        {"credentials, prefix", "[profile agent]\naws_access_key_id=A\n",
         VFL_PROFILE_KIND_CREDENTIALS, "agent", false, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_profile profile = {0};
        enum vfl_status st = vfl_profile_parse(vfl_span_from_string(rows[i].text), rows[i].kind,
                                               rows[i].profile, &profile, NULL);
        struct vfl_span id = profile.settings[VFL_PROFILE_ACCESS_KEY_ID];
        ck_assert_int_eq(st, VFL_OK);
        ck_assert_msg(profile.is_found == rows[i].is_found, "%s", rows[i].name);
        ck_assert_msg((id.ptr == NULL) == (rows[i].id == NULL), "%s", rows[i].name);
        ck_assert_msg(vfl_span_equal_string(id, rows[i].id), "%s: %.*s", rows[i].name, (int)id.len,
                      id.ptr);
    }
}
END_TEST

START_TEST(a_file_with_a_nul_is_no_text)
{
    struct vfl_profile profile = {0};
    ck_assert_int_eq(vfl_profile_parse(VFL_SPAN_LITERAL("[default]\naws_access_key_id=A\0B\n"),
                                       VFL_PROFILE_KIND_CREDENTIALS, "default", &profile, NULL),
                     VFL_CONFIG);
    ck_assert(!profile.is_found);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        settings_are_read_as_aws_tools_read_them,
        a_file_with_a_nul_is_no_text,
    };
    return RUN_SUITE("profile_file", cases);
}
