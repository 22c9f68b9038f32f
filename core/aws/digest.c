#include "core/aws/digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define SPARE_BYTES 65536

/* When memory fails while OpenSSL 3.0 sets up its default context, it does not try again, and its
 * functions then use the empty context and crash. This asks, and is cheap afterwards. */
static enum vfl_status start_openssl(struct vfl_error *err)
{
    if (OSSL_LIB_CTX_get0_global_default() == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY,
                             "OpenSSL had no memory to start, and starts only once in a process: "
                             "restart the agent");
    return VFL_OK;
}

/* OpenSSL calls an algorithm unsupported also when it had no memory to look for it. So its word
 * holds only with memory to spare: VFL_OK means to try once more. */
static enum vfl_status check_memory(const char *algorithm, struct vfl_error *err)
{
    void *spare = malloc(SPARE_BYTES);
    if (spare == NULL)
        return vfl_error_set(err, VFL_NO_MEMORY, "no memory for %s", algorithm);
    free(spare);
    return VFL_OK;
}

static enum vfl_status unsupported(const char *algorithm, struct vfl_error *err)
{
    return vfl_error_set(err, VFL_UNSUPPORTED,
                         "%s is not available: the OpenSSL configuration has switched it off",
                         algorithm);
}

static enum vfl_status digest(const char *algorithm, struct vfl_span data, unsigned char *ret_sum,
                              struct vfl_error *err)
{
    size_t length = 0;
    enum vfl_status st = start_openssl(err);
    if (st != VFL_OK)
        return st;
    (void)ERR_set_mark(); /* the thread's error queue is the host's too */
    int is_done = EVP_Q_digest(NULL, algorithm, NULL, data.ptr, data.len, ret_sum, &length);
    if (is_done != 1)
        st = check_memory(algorithm, err);
    if (is_done != 1 && st == VFL_OK &&
        EVP_Q_digest(NULL, algorithm, NULL, data.ptr, data.len, ret_sum, &length) != 1)
        st = unsupported(algorithm, err);
    (void)ERR_pop_to_mark();
    return st;
}

enum vfl_status vfl_digest_sha256(struct vfl_span data, unsigned char ret_sum[VFL_SHA256_BYTES],
                                  struct vfl_error *err)
{
    return digest("SHA256", data, ret_sum, err);
}

enum vfl_status vfl_digest_sha256_hex(struct vfl_span data, char ret_hex[VFL_SHA256_HEX_SIZE],
                                      struct vfl_error *err)
{
    unsigned char sum[VFL_SHA256_BYTES];
    enum vfl_status st = vfl_digest_sha256(data, sum, err);
    if (st == VFL_OK)
        vfl_digest_hex(sum, sizeof sum, ret_hex);
    return st;
}

static bool hmac(struct vfl_span key, struct vfl_span data, unsigned char *ret_mac)
{
    size_t length = 0;
    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.ptr, key.len,
                     (const unsigned char *)data.ptr, data.len, ret_mac, VFL_SHA256_BYTES,
                     &length) != NULL;
}

enum vfl_status vfl_digest_hmac_sha256(struct vfl_span key, struct vfl_span data,
                                       unsigned char ret_mac[VFL_SHA256_BYTES],
                                       struct vfl_error *err)
{
    enum vfl_status st = start_openssl(err);
    if (st != VFL_OK)
        return st;
    (void)ERR_set_mark();
    bool is_done = hmac(key, data, ret_mac);
    if (!is_done)
        st = check_memory("HMAC-SHA256", err);
    if (!is_done && st == VFL_OK && !hmac(key, data, ret_mac))
        st = unsupported("HMAC-SHA256", err);
    (void)ERR_pop_to_mark();
    return st;
}

enum vfl_status vfl_digest_sha1(struct vfl_span data, unsigned char ret_sum[VFL_SHA1_BYTES],
                                struct vfl_error *err)
{
    return digest("SHA1", data, ret_sum, err);
}

enum vfl_status vfl_digest_md5(struct vfl_span data, unsigned char ret_sum[VFL_MD5_BYTES],
                               struct vfl_error *err)
{
    return digest("MD5", data, ret_sum, err);
}

void vfl_digest_hex(const unsigned char *bytes, size_t size, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        ret_hex[2 * i] = digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_hex[2 * size] = '\0';
}

void vfl_digest_base64(const unsigned char *bytes, size_t size, char *ret_text)
{
    (void)EVP_EncodeBlock((unsigned char *)ret_text, bytes, (int)size);
}
