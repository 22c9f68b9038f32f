#include "core/aws/credential_source.h"

#include <jansson.h>

#include "core/aws/timestamp.h"

/* jansson frees its texts without wiping them. Only we have this document, so that its texts may be
 * overwritten in place. */
static void wipe_texts(json_t *root)
{
    const char *name;
    json_t *value;
    json_object_foreach(root, name, value) if (json_is_string(value))
    {
        union {
            const char *borrowed;
            char *own;
        } text = {.borrowed = json_string_value(value)};
        vfl_wipe(text.own, json_string_length(value));
    }
}

/* Texts with a NUL inside would be cut; they are taken as absent. */
static const char *text_of(const json_t *root, const char *name)
{
    const json_t *value = json_object_get(root, name);
    const char *text = json_string_value(value);
    return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}

static enum vfl_status take_document(const json_t *root, const char *source,
                                     struct vfl_credentials *ret_credentials, struct vfl_error *err)
{
    struct vfl_credentials made = {0};
    const char *code = text_of(root, "Code");
    const char *expiration = text_of(root, "Expiration");
    if (code != NULL && strcmp(code, "Success") != 0)
        return vfl_error_set(err, VFL_DENIED,
                             "%s: the role gives no credentials (%.80s): check its trust policy",
                             source, code);
    enum vfl_status st =
        vfl_credentials_set(&made, source, text_of(root, "AccessKeyId"),
                            text_of(root, "SecretAccessKey"), text_of(root, "Token"), err);
    if (st != VFL_OK)
        return st;
    if (expiration != NULL &&
        !vfl_timestamp_parse_iso8601(vfl_span_from_string(expiration), &made.expires_epoch_s)) {
        vfl_credentials_fini(&made);
        return vfl_error_set(err, VFL_CONFIG, "%s: the expiration \"%.40s\" is not a time", source,
                             expiration);
    }
    *ret_credentials = made;
    return VFL_OK;
}

enum vfl_status vfl_credentials_parse_document(struct vfl_span document, const char *source,
                                               struct vfl_credentials *ret_credentials,
                                               struct vfl_error *err)
{
    json_t *root = document.len == 0
                       ? NULL
                       : json_loadb(document.ptr, document.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return vfl_error_set(err, VFL_CONFIG, "%s: the answer is not a JSON object", source);
    }
    enum vfl_status st = take_document(root, source, ret_credentials, err);
    wipe_texts(root);
    json_decref(root);
    return st;
}
