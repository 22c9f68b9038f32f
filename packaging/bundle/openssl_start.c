/* This OpenSSL is the check's own, while the configuration files and variables on the machine are
 * meant for others: an openssl.cnf may load providers and engines that were built against another
 * libcrypto, and OPENSSL_CONF names the agent's. So none is read. Its cleanup at exit is left out,
 * because threads of the agent may still be in a run then. The first call decides, hence a
 * constructor. */
#include <openssl/crypto.h>

__attribute__((constructor)) static void start_openssl(void)
{
    /* Without memory the calls of core/aws/digest.c fail in their turn and say so. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
}
