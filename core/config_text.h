/* The form of single configuration values. Knows no YAML.
 *
 * Each check returns NULL when text is fine, else what is expected instead, in words that follow
 * "expected". A check may shorten text in place; text has no control characters. */
#ifndef VFL_CONFIG_TEXT_H
#define VFL_CONFIG_TEXT_H

#include <stdbool.h>

#include "core/span.h"

#define VFL_CONFIG_ROLE_ARN_FORM "the role's ARN, arn:aws:iam::123456789012:role/NAME"

const char *vfl_config_check_role_arn(char *text);
const char *vfl_config_check_region(char *text);
const char *vfl_config_check_bucket(char *text);
const char *vfl_config_check_log_prefix(char *text);    /* trims outer slashes */
const char *vfl_config_check_url(char *text);           /* trims slashes at the end */
const char *vfl_config_check_url_or_folder(char *text); /* file:///path as well */
const char *vfl_config_check_topology_type(char *text);
const char *vfl_config_check_access_key_id(char *text);
const char *vfl_config_check_secret_access_key(char *text);

/* Whether STS takes it: [\w+=,.@:/-]{2,1224}. API Reference, AssumeRole, ExternalId. */
bool vfl_config_is_external_id(const char *text);
/* The folder of a file:///folder that was checked; NULL for another URL. */
const char *vfl_config_url_folder(const char *url);
/* Borrowed from a role ARN that was checked. */
struct vfl_span vfl_config_arn_partition(const char *role_arn);
struct vfl_span vfl_config_arn_account(const char *role_arn);

/* YAML 1.1 as the agent reads it: true/yes/on/y and their opposites in lower case, upper case or
 * with one capital. False: not a boolean; *ret_value is then untouched. */
bool vfl_config_parse_boolean(struct vfl_span text, bool *ret_value);
/* Whether some reader of YAML 1.1 or 1.2 takes the text, without quotes, for a number, a date or a
 * time: decimal, octal, hexadecimal, binary, 1_000, 12:30:45, 1.10, 1e5, .inf, 2025-11-03. */
bool vfl_config_is_like_number(struct vfl_span text);
/* Decimal digits without a sign or leading zeros, within [min, max]. */
bool vfl_config_parse_number(struct vfl_span text, unsigned min, unsigned max, unsigned *ret_value);

#endif
