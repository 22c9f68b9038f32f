/* Where the CA certificates are that servers are checked against. The library may run on another
 * distribution than it was built on, so the place that curl was built with need not exist. */
#ifndef VFL_AWS_CA_FILE_H
#define VFL_AWS_CA_FILE_H

#include <stdbool.h>

/* The first that there is: AWS_CA_BUNDLE, as for the AWS SDKs, SSL_CERT_FILE, as for OpenSSL, the
 * first readable place in which a distribution keeps its file. What a variable names is taken
 * unseen, so that a wrong one is told and not passed over. NULL: none, leave it to curl.
 * Borrows the variables' values; NULL and "" are unset. */
const char *vfl_ca_file_choose(const char *aws_ca_bundle, const char *ssl_cert_file,
                               bool (*is_readable)(const char *path));

/* The same of this process and this machine. Lives until the environment is changed. */
const char *vfl_ca_file_find(void);

#endif
