/* What the credential providers share: what they work with, and small readers of what they find. */
#ifndef VFL_AWS_CREDENTIAL_SOURCE_H
#define VFL_AWS_CREDENTIAL_SOURCE_H

#include "core/aws/client.h"
#include "core/aws/credentials.h"

#define VFL_WEB_IDENTITY_MAX_TOKEN_BYTES 20000

/* What the metadata service told that outlives a fetch. Zeroed is empty. */
struct vfl_imds_memory {
    char *token; /* a secret */
    int64_t token_until_monotonic_ms;
    int64_t absent_until_monotonic_ms; /* not asked again before; 0: it is there, or unknown */
    bool is_seen;                      /* it answered at least once */
};
void vfl_imds_memory_fini(struct vfl_imds_memory *memory);

/* Borrowed by the providers made of it. One thread at a time. */
struct vfl_credential_surroundings {
    struct vfl_aws_client *client;
    const char *region; /* signs nothing: names the region in messages */
    const struct vfl_endpoint *sts;
    struct vfl_imds_memory *imds;
    struct vfl_error *note; /* gets what an operator should know although it works */
};

/* AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN. */
struct vfl_credential_provider
vfl_credentials_web_identity(const struct vfl_credential_surroundings *surroundings);
/* The plain keys of AWS_PROFILE ("default") in the shared files. */
struct vfl_credential_provider
vfl_credentials_profile(const struct vfl_credential_surroundings *surroundings);
/* AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI. */
struct vfl_credential_provider
vfl_credentials_container(const struct vfl_credential_surroundings *surroundings);
/* The role of the EC2 instance. */
struct vfl_credential_provider
vfl_credentials_imds(const struct vfl_credential_surroundings *surroundings);

/* Where the container's credentials are. A host is accepted by its parsed address, never by how it
 * is spelt: whoever can set the URI must not be able to send our requests anywhere. *ret_path is
 * borrowed from the argument. VFL_CONFIG: anything else. */
enum vfl_status vfl_credentials_container_place(const char *relative_uri, const char *full_uri,
                                                struct vfl_endpoint *ret_endpoint,
                                                const char **ret_path,
                                                struct vfl_error *err) VFL_MUST_CHECK;

/* Reads a regular file of at most max_bytes into *text, which is secret and empty; what names it in
 * messages. ret_is_world_readable may be NULL. A file that changes meanwhile is read once more.
 * VFL_NOT_FOUND; VFL_IO: unreadable; VFL_CONFIG: not a regular file, too large, or never still. */
enum vfl_status vfl_credentials_read_file(const char *what, const char *path, size_t max_bytes,
                                          struct vfl_strbuf *text, bool *ret_is_world_readable,
                                          struct vfl_error *err) VFL_MUST_CHECK;
/* A file that holds one token; white space at its end is dropped. An empty file is read once more,
 * as if it were being replaced. VFL_CONFIG also: missing, empty, or with what cannot stand in a
 * header. */
enum vfl_status vfl_credentials_read_token(const char *what, const char *path, size_t max_bytes,
                                           struct vfl_strbuf *token,
                                           struct vfl_error *err) VFL_MUST_CHECK;

/* The document of the metadata services: AccessKeyId, SecretAccessKey, Token, Expiration, and
 * perhaps Code. VFL_DENIED: a Code other than Success; VFL_CONFIG: not such a document. */
enum vfl_status vfl_credentials_parse_document(struct vfl_span document, const char *source,
                                               struct vfl_credentials *ret_credentials,
                                               struct vfl_error *err) VFL_MUST_CHECK;

/* A request to a link-local service: not signed, never through a proxy, redirects not followed. */
struct vfl_metadata_request {
    const char *method;
    const struct vfl_endpoint *endpoint;
    const char *path;
    const char *header; /* a whole line; may be NULL */
    int64_t timeout_ms; /* of one try */
    unsigned try_count; /* a second apart; 0 counts as 1 */
};

/* VFL_OK: an answer that is no server fault. VFL_RETRY: none in all tries; response tells of the
 * last. VFL_DEADLINE (of the run), VFL_CANCELLED, VFL_LIMIT, VFL_NO_MEMORY. */
enum vfl_status vfl_metadata_perform(struct vfl_aws_client *client,
                                     const struct vfl_metadata_request *request,
                                     struct vfl_http_response *response,
                                     struct vfl_error *err) VFL_MUST_CHECK;

#endif
