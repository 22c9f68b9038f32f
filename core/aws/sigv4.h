/* AWS Signature Version 4 with an Authorization header, as pure stages over a state struct.
 *
 * Source: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)" in
 * the Amazon S3 API reference, and "Create a signed AWS API request" in the IAM user guide. */
#ifndef VFL_AWS_SIGV4_H
#define VFL_AWS_SIGV4_H

#include <stdint.h>

#include "core/aws/digest.h"
#include "core/aws/timestamp.h"
#include "core/error.h"
#include "core/span.h"
#include "core/strbuf.h"

#define VFL_SIGV4_MAX_PAIRS 64 /* of parameters, and of headers */
#define VFL_SIGV4_ALGORITHM "AWS4-HMAC-SHA256"

enum vfl_sigv4_path_mode {
    /* path is the raw object key with a leading slash: encoded once, otherwise kept as it is. */
    VFL_SIGV4_PATH_S3,
    /* path is what goes on the wire: dot segments and repeated slashes are removed, then it is
     * encoded (once more). */
    VFL_SIGV4_PATH_NORMALISED,
};

/* A query parameter (not encoded) or a header. */
struct vfl_sigv4_pair {
    struct vfl_span name;
    struct vfl_span value;
};

/* Borrowed. headers must hold host and, in this order of their making, whatever else is to be
 * signed: x-amz-date, x-amz-content-sha256, x-amz-security-token. Headers that proxies may change
 * (user-agent, expect, connection and the like) are left out of the signature if they are given. */
struct vfl_sigv4_request {
    const char *method;
    struct vfl_span path;
    enum vfl_sigv4_path_mode path_mode;
    const struct vfl_sigv4_pair *params;
    size_t param_count;
    const struct vfl_sigv4_pair *headers;
    size_t header_count;
    const char *payload_hash; /* lower-case hex SHA-256 of the body */
};

struct vfl_sigv4_scope {
    int64_t epoch_s; /* the one clock sample that also made the x-amz-date header */
    const char *region;
    const char *service;
};

/* What each stage made; readable after it. Zeroed is fine for fini. */
struct vfl_sigv4 {
    struct vfl_strbuf path;  /* canonical; in S3 mode also the path to send */
    struct vfl_strbuf query; /* canonical; also the query to send */
    struct vfl_strbuf signed_headers;
    struct vfl_strbuf canonical_request;
    struct vfl_strbuf credential_scope;
    struct vfl_strbuf string_to_sign;
    struct vfl_strbuf authorization; /* the header's value */
    char signature[VFL_SHA256_HEX_SIZE];
};

void vfl_sigv4_init(struct vfl_sigv4 *state);
void vfl_sigv4_fini(struct vfl_sigv4 *state);

/* The stages, in order; each needs the one before. VFL_LIMIT: too many pairs or too long. */
enum vfl_status vfl_sigv4_canonicalise(struct vfl_sigv4 *state,
                                       const struct vfl_sigv4_request *request,
                                       struct vfl_error *err) VFL_MUST_CHECK;
enum vfl_status vfl_sigv4_make_string_to_sign(struct vfl_sigv4 *state,
                                              const struct vfl_sigv4_scope *scope,
                                              struct vfl_error *err) VFL_MUST_CHECK;
enum vfl_status vfl_sigv4_sign(struct vfl_sigv4 *state, const struct vfl_sigv4_scope *scope,
                               const char *access_key_id, const char *secret_access_key,
                               struct vfl_error *err) VFL_MUST_CHECK;

/* The signing key of a day, region and service. The caller wipes it. */
enum vfl_status vfl_sigv4_derive_key(const struct vfl_sigv4_scope *scope,
                                     const char *secret_access_key,
                                     unsigned char ret_key[VFL_SHA256_BYTES],
                                     struct vfl_error *err) VFL_MUST_CHECK;

/* Appends text with every byte but A-Z a-z 0-9 - . _ ~ as %XX; is_path keeps "/" as well. */
void vfl_sigv4_encode(struct vfl_strbuf *out, struct vfl_span text, bool is_path);

#endif
