#include "core/aws/digest.h"

#include "tests/unit/run_suite.h"

/* FIPS 180-2 appendix B. */
START_TEST(sha256_matches_the_published_examples)
{
    static const struct {
        const char *input, *expected;
    } rows[] = {
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char hex[VFL_SHA256_HEX_SIZE];
        ck_assert_int_eq(vfl_digest_sha256_hex(vfl_span_from_string(rows[i].input), hex, NULL),
                         VFL_OK);
        ck_assert_str_eq(hex, rows[i].expected);
    }
}
END_TEST

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
START_TEST(hmac_matches_rfc_4231)
{
    char long_key[131];
    memset(long_key, 0xaa, sizeof long_key);
    const struct {
        struct vfl_span key, data;
        const char *expected;
    } rows[] = {
        {VFL_SPAN_LITERAL("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                          "\x0b\x0b"),
         VFL_SPAN_LITERAL("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {VFL_SPAN_LITERAL("Jefe"), VFL_SPAN_LITERAL("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{long_key, sizeof long_key},
         VFL_SPAN_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char mac[VFL_SHA256_BYTES];
        char hex[VFL_SHA256_HEX_SIZE];
        ck_assert_int_eq(vfl_digest_hmac_sha256(rows[i].key, rows[i].data, mac, NULL), VFL_OK);
        vfl_digest_hex(mac, sizeof mac, hex);
        ck_assert_str_eq(hex, rows[i].expected);
    }
}
END_TEST

/* FIPS 180-2 appendix A. */
START_TEST(sha1_matches_the_published_examples)
{
    static const struct {
        const char *input, *expected;
    } rows[] = {
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned char sum[VFL_SHA1_BYTES];
        char hex[2 * VFL_SHA1_BYTES + 1];
        ck_assert_int_eq(vfl_digest_sha1(vfl_span_from_string(rows[i].input), sum, NULL), VFL_OK);
        vfl_digest_hex(sum, sizeof sum, hex);
        ck_assert_str_eq(hex, rows[i].expected);
    }
}
END_TEST

/* RFC 1321 appendix A.5. */
START_TEST(md5_matches_rfc_1321)
{
    unsigned char sum[VFL_MD5_BYTES];
    char hex[2 * VFL_MD5_BYTES + 1];
    ck_assert_int_eq(vfl_digest_md5(VFL_SPAN_LITERAL("message digest"), sum, NULL), VFL_OK);
    vfl_digest_hex(sum, sizeof sum, hex);
    ck_assert_str_eq(hex, "f96b697d7cb7938d525a2f31aaf161d0");
}
END_TEST

/* RFC 4648 section 10. */
START_TEST(base64_matches_rfc_4648)
{
    static const struct {
        const char *input, *expected;
    } rows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[VFL_MD5_BASE64_SIZE];
        vfl_digest_base64((const unsigned char *)rows[i].input, strlen(rows[i].input), text);
        ck_assert_str_eq(text, rows[i].expected);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        sha256_matches_the_published_examples,
        hmac_matches_rfc_4231,
        sha1_matches_the_published_examples,
        md5_matches_rfc_1321,
        base64_matches_rfc_4648,
    };
    return RUN_SUITE("digest", cases);
}
