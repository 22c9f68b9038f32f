/* The files that AWS tools share: sections of "name = value" lines.
 *
 * Source: "Shared config and credentials files" in the AWS SDKs and Tools reference guide. */
#ifndef VFL_AWS_PROFILE_FILE_H
#define VFL_AWS_PROFILE_FILE_H

#include <stdbool.h>

#include "core/error.h"
#include "core/span.h"

enum vfl_profile_setting {
    VFL_PROFILE_ACCESS_KEY_ID,
    VFL_PROFILE_SECRET_ACCESS_KEY,
    VFL_PROFILE_SESSION_TOKEN,
    VFL_PROFILE_CREDENTIAL_PROCESS,
    VFL_PROFILE_SSO, /* any of its settings */
    VFL_PROFILE_LOGIN,
    VFL_PROFILE_WEB_IDENTITY,
    VFL_PROFILE_SOURCE_PROFILE,
    VFL_PROFILE_CREDENTIAL_SOURCE,
    VFL_PROFILE_ROLE_ARN,
    VFL_PROFILE_SETTING_COUNT,
};

/* Spans into the text that was parsed; {NULL, 0} is not set. Zeroed is a profile that was not
 * found. */
struct vfl_profile {
    bool is_found;
    struct vfl_span settings[VFL_PROFILE_SETTING_COUNT];
};

enum vfl_profile_kind {
    VFL_PROFILE_KIND_CREDENTIALS, /* [name] */
    VFL_PROFILE_KIND_CONFIG,      /* [profile name], and [default] */
};

/* Later lines win, as do those of [profile default] over [default]. Lines that make no sense are
 * passed over, as AWS tools do; no text of the file is ever put in a message. VFL_CONFIG: a NUL, so
 * no text at all. */
enum vfl_status vfl_profile_parse(struct vfl_span text, enum vfl_profile_kind kind,
                                  const char *name, struct vfl_profile *ret_profile,
                                  struct vfl_error *err) VFL_MUST_CHECK;

#endif
