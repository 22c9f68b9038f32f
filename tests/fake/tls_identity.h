/* A certificate made on the spot, so that a test can be any host over TLS. */
#ifndef VFL_TEST_TLS_IDENTITY_H
#define VFL_TEST_TLS_IDENTITY_H

#include <stdbool.h>

struct tls_identity;

struct tls_identity_options {
    const char *names; /* "DNS:*.s3.eu-west-1.amazonaws.com,DNS:..." */
    bool is_expired;
    bool is_old_protocol; /* TLS 1.1 at most */
};

/* Fails the test when it cannot. */
struct tls_identity *tls_identity_new(const struct tls_identity_options *options);
void tls_identity_free(struct tls_identity *identity);

/* A PEM file with the certificate, for AWS_CA_BUNDLE; gone after free. */
const char *tls_identity_ca_path(const struct tls_identity *identity);

/* For the server: a stream over a connected socket, NULL when the peer would not have us. */
struct tls_stream;
struct tls_stream *tls_stream_accept(const struct tls_identity *identity, int fd);
/* Like recv and send: 0 at the end, below 0 on failure. */
long tls_stream_read(struct tls_stream *stream, char *bytes, unsigned long size);
long tls_stream_write(struct tls_stream *stream, const char *bytes, unsigned long size);
/* Whether read would give bytes although none are on the socket. */
bool tls_stream_has_more(const struct tls_stream *stream);
/* Leaves the socket open. NULL is fine. */
void tls_stream_free(struct tls_stream *stream);

#endif
