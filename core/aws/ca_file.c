#include "core/aws/ca_file.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

const char *vfl_ca_file_choose(const char *aws_ca_bundle, const char *ssl_cert_file,
                               bool (*is_readable)(const char *path))
{
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Ubuntu, Alpine, Arch */
        "/etc/pki/tls/certs/ca-bundle.crt",                  /* Red Hat, Amazon Linux */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Red Hat from 10, Fedora */
        "/etc/ssl/ca-bundle.pem",                            /* SUSE */
        "/etc/ssl/cert.pem",                                 /* Alpine without the package */
    };
    if (aws_ca_bundle != NULL && *aws_ca_bundle != '\0')
        return aws_ca_bundle;
    if (ssl_cert_file != NULL && *ssl_cert_file != '\0')
        return ssl_cert_file;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (is_readable(places[i]))
            return places[i];
    return NULL;
}

static bool is_readable(const char *path)
{
    return access(path, R_OK) == 0;
}

const char *vfl_ca_file_find(void)
{
    return vfl_ca_file_choose(getenv("AWS_CA_BUNDLE"), getenv("SSL_CERT_FILE"), is_readable);
}
