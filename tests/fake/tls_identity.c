#include "tests/fake/tls_identity.h"

#include <check.h>
#include <limits.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_S (24L * 60 * 60)

struct tls_identity {
    SSL_CTX *context;
    char ca_path[64];
};

struct tls_stream {
    SSL *ssl;
};

static void add_names(X509 *certificate, const char *names)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *make_certificate(const struct tls_identity_options *options, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    ck_assert_ptr_nonnull(certificate);
    ck_assert_int_eq(X509_set_version(certificate, X509_VERSION_3), 1);
    ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(certificate), -2 * DAY_S));
    ck_assert_ptr_nonnull(
        X509_gmtime_adj(X509_getm_notAfter(certificate), options->is_expired ? -DAY_S : DAY_S));
    ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
    X509_NAME *name = X509_get_subject_name(certificate);
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)"test", -1, -1, 0),
                     1);
    ck_assert_int_eq(X509_set_issuer_name(certificate, name), 1);
    add_names(certificate, options->names);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    return certificate;
}

static void write_certificate(struct tls_identity *identity, X509 *certificate)
{
    (void)snprintf(identity->ca_path, sizeof identity->ca_path, "/tmp/vfl-ca-XXXXXX");
    int fd = mkstemp(identity->ca_path);
    ck_assert_int_ge(fd, 0);
    FILE *file = fdopen(fd, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
    ck_assert_int_eq(fclose(file), 0);
}

struct tls_identity *tls_identity_new(const struct tls_identity_options *options)
{
    struct tls_identity *identity = calloc(1, sizeof *identity);
    ck_assert_ptr_nonnull(identity);
    /* A client that refuses us closes the socket that we write to. */
    (void)signal(SIGPIPE, SIG_IGN);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    ck_assert_ptr_nonnull(key);
    X509 *certificate = make_certificate(options, key);
    write_certificate(identity, certificate);
    identity->context = SSL_CTX_new(TLS_server_method());
    ck_assert_ptr_nonnull(identity->context);
    if (options->is_old_protocol) {
        SSL_CTX_set_security_level(identity->context, 0);
        ck_assert_int_eq(SSL_CTX_set_min_proto_version(identity->context, TLS1_VERSION), 1);
        ck_assert_int_eq(SSL_CTX_set_max_proto_version(identity->context, TLS1_1_VERSION), 1);
    }
    ck_assert_int_eq(SSL_CTX_use_certificate(identity->context, certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(identity->context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

void tls_identity_free(struct tls_identity *identity)
{
    SSL_CTX_free(identity->context);
    (void)unlink(identity->ca_path);
    free(identity);
}

const char *tls_identity_ca_path(const struct tls_identity *identity)
{
    return identity->ca_path;
}

struct tls_stream *tls_stream_accept(const struct tls_identity *identity, int fd)
{
    struct tls_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->ssl = SSL_new(identity->context);
    if (stream->ssl == NULL || SSL_set_fd(stream->ssl, fd) != 1 || SSL_accept(stream->ssl) != 1) {
        tls_stream_free(stream);
        return NULL;
    }
    return stream;
}

long tls_stream_read(struct tls_stream *stream, char *bytes, unsigned long size)
{
    return SSL_read(stream->ssl, bytes, size > INT_MAX ? INT_MAX : (int)size);
}

long tls_stream_write(struct tls_stream *stream, const char *bytes, unsigned long size)
{
    return SSL_write(stream->ssl, bytes, size > INT_MAX ? INT_MAX : (int)size);
}

bool tls_stream_has_more(const struct tls_stream *stream)
{
    return SSL_pending(stream->ssl) > 0;
}

void tls_stream_free(struct tls_stream *stream)
{
    if (stream == NULL)
        return;
    SSL_free(stream->ssl);
    free(stream);
}
