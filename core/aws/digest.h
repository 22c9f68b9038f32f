/* Hashes and their spellings. The only home of OpenSSL. All functions are thread-safe. */
#ifndef VFL_AWS_DIGEST_H
#define VFL_AWS_DIGEST_H

#include "core/error.h"
#include "core/span.h"

#define VFL_SHA256_BYTES 32
#define VFL_SHA256_HEX_SIZE 65 /* NUL included */
#define VFL_SHA256_BASE64_SIZE 45
#define VFL_SHA1_BYTES 20
#define VFL_SHA1_BASE64_SIZE 29
#define VFL_MD5_BYTES 16
#define VFL_MD5_BASE64_SIZE 25

/* VFL_NO_MEMORY, or VFL_UNSUPPORTED when the library's policy has switched the algorithm off. */
enum vfl_status vfl_digest_sha256(struct vfl_span data, unsigned char ret_sum[VFL_SHA256_BYTES],
                                  struct vfl_error *err) VFL_MUST_CHECK;
enum vfl_status vfl_digest_sha256_hex(struct vfl_span data, char ret_hex[VFL_SHA256_HEX_SIZE],
                                      struct vfl_error *err) VFL_MUST_CHECK;
enum vfl_status vfl_digest_hmac_sha256(struct vfl_span key, struct vfl_span data,
                                       unsigned char ret_mac[VFL_SHA256_BYTES],
                                       struct vfl_error *err) VFL_MUST_CHECK;
/* For identifiers that are defined by it, never for security. */
enum vfl_status vfl_digest_sha1(struct vfl_span data, unsigned char ret_sum[VFL_SHA1_BYTES],
                                struct vfl_error *err) VFL_MUST_CHECK;
/* VFL_UNSUPPORTED is normal in FIPS mode: the caller sends a SHA-256 checksum in its place. */
enum vfl_status vfl_digest_md5(struct vfl_span data, unsigned char ret_sum[VFL_MD5_BYTES],
                               struct vfl_error *err) VFL_MUST_CHECK;

/* Lower case; ret_hex has room for 2 * size + 1. */
void vfl_digest_hex(const unsigned char *bytes, size_t size, char *ret_hex);
/* RFC 4648 with padding; ret_text has room for 4 * ((size + 2) / 3) + 1. */
void vfl_digest_base64(const unsigned char *bytes, size_t size, char *ret_text);

#endif
