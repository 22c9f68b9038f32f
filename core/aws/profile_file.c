#include "core/aws/profile_file.h"

#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct vfl_span trim(struct vfl_span text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static struct vfl_span take_line(struct vfl_span *rest)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    struct vfl_span line = {rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr)};
    size_t used = end == NULL ? line.len : line.len + 1;
    rest->ptr += used;
    rest->len -= used;
    return line;
}

static struct vfl_span unquote(struct vfl_span text)
{
    if (text.len >= 2 && (text.ptr[0] == '"' || text.ptr[0] == '\'') &&
        text.ptr[text.len - 1] == text.ptr[0])
        return (struct vfl_span){text.ptr + 1, text.len - 2};
    return text;
}

/* How a section line concerns the profile. */
enum section {
    SECTION_OTHER,
    SECTION_PLAIN,    /* [name] */
    SECTION_PREFIXED, /* [profile name] */
};

static enum section read_section(struct vfl_span line, enum vfl_profile_kind kind, const char *name)
{
    const struct vfl_span prefix = VFL_SPAN_LITERAL("profile");
    const char *end = memchr(line.ptr, ']', line.len);
    if (end == NULL)
        return SECTION_OTHER;
    struct vfl_span title = trim((struct vfl_span){line.ptr + 1, (size_t)(end - line.ptr) - 1});
    bool is_config = kind == VFL_PROFILE_KIND_CONFIG;
    if (is_config && vfl_span_has_prefix(title, prefix) && title.len > prefix.len &&
        is_blank(title.ptr[prefix.len])) {
        struct vfl_span rest = {title.ptr + prefix.len, title.len - prefix.len};
        return vfl_span_equal_string(unquote(trim(rest)), name) ? SECTION_PREFIXED : SECTION_OTHER;
    }
    if (is_config && strcmp(name, "default") != 0)
        return SECTION_OTHER;
    return vfl_span_equal_string(title, name) ? SECTION_PLAIN : SECTION_OTHER;
}

/* A comment behind a value begins with white space. */
static struct vfl_span drop_comment(struct vfl_span value)
{
    for (size_t i = 1; i < value.len; i++)
        if ((value.ptr[i] == '#' || value.ptr[i] == ';') && is_blank(value.ptr[i - 1]))
            value.len = i;
    return trim(value);
}

static void read_setting(struct vfl_span line, struct vfl_profile *profile)
{
    static const struct {
        const char *name;
        enum vfl_profile_setting setting;
    } known[] = {
        {"aws_access_key_id", VFL_PROFILE_ACCESS_KEY_ID},
        {"aws_secret_access_key", VFL_PROFILE_SECRET_ACCESS_KEY},
        {"aws_session_token", VFL_PROFILE_SESSION_TOKEN},
        {"credential_process", VFL_PROFILE_CREDENTIAL_PROCESS},
        {"sso_session", VFL_PROFILE_SSO},
        {"sso_start_url", VFL_PROFILE_SSO},
        {"sso_account_id", VFL_PROFILE_SSO},
        {"login_session", VFL_PROFILE_LOGIN},
        {"web_identity_token_file", VFL_PROFILE_WEB_IDENTITY},
        {"source_profile", VFL_PROFILE_SOURCE_PROFILE},
        {"credential_source", VFL_PROFILE_CREDENTIAL_SOURCE},
        {"role_arn", VFL_PROFILE_ROLE_ARN},
    };
    const char *equals = memchr(line.ptr, '=', line.len);
    if (equals == NULL)
        return;
    struct vfl_span name = trim((struct vfl_span){line.ptr, (size_t)(equals - line.ptr)});
    struct vfl_span value = {equals + 1, line.len - (size_t)(equals - line.ptr) - 1};
    value = drop_comment(trim(value));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (name.len == strlen(known[i].name) &&
            strncasecmp(name.ptr, known[i].name, name.len) == 0)
            profile->settings[known[i].setting] =
                value.len > 0 ? value : (struct vfl_span){NULL, 0};
}

enum vfl_status vfl_profile_parse(struct vfl_span text, enum vfl_profile_kind kind,
                                  const char *name, struct vfl_profile *ret_profile,
                                  struct vfl_error *err)
{
    const struct vfl_span byte_order_mark = VFL_SPAN_LITERAL("\xef\xbb\xbf");
    struct vfl_profile plain = {0}, prefixed = {0};
    struct vfl_profile *current = NULL;
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
        return vfl_error_set(err, VFL_CONFIG, "the file is no text");
    if (vfl_span_has_prefix(text, byte_order_mark))
        text = (struct vfl_span){text.ptr + byte_order_mark.len, text.len - byte_order_mark.len};
    while (text.len > 0) {
        struct vfl_span line = take_line(&text);
        struct vfl_span content = trim(line);
        if (content.len == 0 || content.ptr[0] == '#' || content.ptr[0] == ';')
            continue;
        if (line.ptr[0] == '[') {
            enum section section = read_section(content, kind, name);
            current = section == SECTION_PLAIN      ? &plain
                      : section == SECTION_PREFIXED ? &prefixed
                                                    : NULL;
            if (current != NULL)
                current->is_found = true;
        } else if (current != NULL && !is_blank(line.ptr[0])) {
            /* An indented line belongs to the setting above it. */
            read_setting(content, current);
        }
    }
    *ret_profile = prefixed.is_found ? prefixed : plain;
    return VFL_OK;
}
