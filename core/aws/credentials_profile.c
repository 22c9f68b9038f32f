#include "core/aws/credential_source.h"

#include <stdlib.h>

#include "core/aws/profile_file.h"

#define SOURCE "shared profile"
#define MAX_FILE_BYTES (1u << 20)

/* One of the two files. */
struct shared_file {
    const char *variable;
    const char *home_path;
    enum vfl_profile_kind kind;
    struct vfl_strbuf text;
    struct vfl_profile profile; /* into text */
};

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

/* *ret_is_named: by its variable, so that it has to exist. An empty path: there is no home. */
static enum vfl_status find_path(const struct shared_file *file, struct vfl_strbuf *path,
                                 bool *ret_is_named, struct vfl_error *err)
{
    const char *home = getenv("HOME");
    const char *named = getenv(file->variable);
    const char *below_home = file->home_path;
    *ret_is_named = is_set(named);
    if (is_set(named) && strncmp(named, "~/", 2) == 0)
        below_home = named + 1;
    else if (is_set(named))
        below_home = NULL;
    if (below_home == NULL)
        vfl_strbuf_append_string(path, named);
    else if (is_set(home))
        vfl_strbuf_appendf(path, "%s%s", home, below_home);
    return vfl_strbuf_check(path, SOURCE ": path", err);
}

static enum vfl_status load(const struct vfl_credential_surroundings *surroundings,
                            struct shared_file *file, const char *name, struct vfl_error *err)
{
    struct vfl_strbuf path = VFL_STRBUF_INIT(4096);
    bool is_named, is_world_readable = false;
    vfl_strbuf_init_secret(&file->text, MAX_FILE_BYTES);
    enum vfl_status st = find_path(file, &path, &is_named, err);
    if (st != VFL_OK || path.len == 0)
        goto out;
    const char *what = is_named ? file->variable : SOURCE ":";
    st = vfl_credentials_read_file(what, vfl_strbuf_string(&path), MAX_FILE_BYTES, &file->text,
                                   &is_world_readable, err);
    if (st != VFL_OK) {
        /* A file in the home folder that the agent's user may not see was not put there for it. */
        bool is_absent = !is_named && (st == VFL_NOT_FOUND || st == VFL_IO);
        st = is_absent ? VFL_OK : st == VFL_NOT_FOUND ? VFL_CONFIG : st;
        goto out;
    }
    st = vfl_profile_parse(vfl_strbuf_span(&file->text), file->kind, name, &file->profile, err);
    if (st != VFL_OK)
        st = vfl_error_wrap(err, st, "%s %.200s", what, vfl_strbuf_string(&path));
    else if (is_world_readable && file->profile.settings[VFL_PROFILE_SECRET_ACCESS_KEY].ptr != NULL)
        (void)vfl_error_set(surroundings->note, VFL_OK,
                            "everybody on this machine can read the secret access key in %.200s: "
                            "chmod 600",
                            vfl_strbuf_string(&path));
out:
    vfl_strbuf_fini(&path);
    return st;
}

static bool has(const struct shared_file *file, enum vfl_profile_setting setting)
{
    return file->profile.settings[setting].ptr != NULL;
}

static bool has_keys(const struct shared_file *file)
{
    return has(file, VFL_PROFILE_ACCESS_KEY_ID) || has(file, VFL_PROFILE_SECRET_ACCESS_KEY);
}

/* Other tools would take another identity than the plain keys from such a profile: to take the keys
 * would surprise, and to go on to the next source even more. */
static enum vfl_status check_supported(const struct shared_file files[2], const char *name,
                                       struct vfl_error *err)
{
    static const struct {
        enum vfl_profile_setting setting;
        bool is_outdone_by_keys;
        const char *text;
    } refused[] = {
        {VFL_PROFILE_SOURCE_PROFILE, false, "source_profile"},
        {VFL_PROFILE_CREDENTIAL_SOURCE, false, "credential_source"},
        {VFL_PROFILE_ROLE_ARN, false, "role_arn"},
        {VFL_PROFILE_SSO, true, "IAM Identity Center (sso_...)"},
        {VFL_PROFILE_LOGIN, true, "login_session"},
        {VFL_PROFILE_WEB_IDENTITY, true, "web_identity_token_file"},
        {VFL_PROFILE_CREDENTIAL_PROCESS, true, "credential_process"},
    };
    bool is_keyed = has_keys(&files[0]) || has_keys(&files[1]);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if ((has(&files[0], refused[i].setting) || has(&files[1], refused[i].setting)) &&
            !(is_keyed && refused[i].is_outdone_by_keys))
            return vfl_error_set(err, VFL_CONFIG,
                                 SOURCE " \"%.80s\" uses %s, which the agent cannot: put plain "
                                        "keys in another profile and name it in AWS_PROFILE, or "
                                        "set aws_access_key_id and aws_secret_access_key",
                                 name, refused[i].text);
    return VFL_OK;
}

/* Copies a span into a secret buffer; "" for an absent one. */
static enum vfl_status copy(struct vfl_strbuf *text, struct vfl_span value, struct vfl_error *err)
{
    vfl_strbuf_init_secret(text, MAX_FILE_BYTES);
    vfl_strbuf_append(text, value);
    return vfl_strbuf_check(text, SOURCE, err);
}

static enum vfl_status take_keys(const struct shared_file *file, const char *name,
                                 struct vfl_credentials *ret_credentials, struct vfl_error *err)
{
    const struct vfl_span *settings = file->profile.settings;
    struct vfl_strbuf id = {0}, secret = {0}, token = {0}, source = VFL_STRBUF_INIT(256);
    vfl_strbuf_appendf(&source, SOURCE " \"%.80s\"", name);
    enum vfl_status st = copy(&id, settings[VFL_PROFILE_ACCESS_KEY_ID], err);
    if (st == VFL_OK)
        st = copy(&secret, settings[VFL_PROFILE_SECRET_ACCESS_KEY], err);
    if (st == VFL_OK)
        st = copy(&token, settings[VFL_PROFILE_SESSION_TOKEN], err);
    if (st == VFL_OK)
        st =
            vfl_credentials_set(ret_credentials, vfl_strbuf_string(&source), vfl_strbuf_string(&id),
                                vfl_strbuf_string(&secret), vfl_strbuf_string(&token), err);
    vfl_strbuf_fini(&id);
    vfl_strbuf_fini(&secret);
    vfl_strbuf_fini(&token);
    vfl_strbuf_fini(&source);
    return st;
}

static enum vfl_status fetch(const void *ctx, struct vfl_credentials *ret_credentials,
                             bool *ret_is_found, struct vfl_error *err)
{
    const char *asked = getenv("AWS_PROFILE");
    const char *name = is_set(asked) ? asked : "default";
    struct shared_file files[2] = {
        {.variable = "AWS_SHARED_CREDENTIALS_FILE",
         .home_path = "/.aws/credentials",
         .kind = VFL_PROFILE_KIND_CREDENTIALS},
        {.variable = "AWS_CONFIG_FILE",
         .home_path = "/.aws/config",
         .kind = VFL_PROFILE_KIND_CONFIG},
    };
    *ret_is_found = false;
    enum vfl_status st = load(ctx, &files[0], name, err);
    if (st == VFL_OK)
        st = load(ctx, &files[1], name, err);
    if (st == VFL_OK)
        st = check_supported(files, name, err);
    if (st != VFL_OK)
        goto out;
    const struct shared_file *chosen = has_keys(&files[0]) ? &files[0] : &files[1];
    if (has_keys(chosen)) {
        st = take_keys(chosen, name, ret_credentials, err);
        *ret_is_found = st == VFL_OK;
    } else if (is_set(asked) && !files[0].profile.is_found && !files[1].profile.is_found) {
        st = vfl_error_set(err, VFL_CONFIG,
                           SOURCE ": AWS_PROFILE names \"%.80s\", which is in neither shared file",
                           name);
    }
out:
    vfl_strbuf_fini(&files[0].text);
    vfl_strbuf_fini(&files[1].text);
    return st;
}

struct vfl_credential_provider
vfl_credentials_profile(const struct vfl_credential_surroundings *surroundings)
{
    return (struct vfl_credential_provider){SOURCE, fetch, surroundings, false};
}
