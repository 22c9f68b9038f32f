#include "core/aws/sigv4.h"

#include "tests/unit/run_suite.h"

#define PAIR(name, value)                                                                          \
    {                                                                                              \
        {(name), sizeof(name) - 1},                                                                \
        {                                                                                          \
            (value), sizeof(value) - 1                                                             \
        }                                                                                          \
    }
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define WELCOME_HASH "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
#define S3_HOST PAIR("Host", "examplebucket.s3.amazonaws.com")
#define S3_DATE PAIR("x-amz-date", "20130524T000000Z")

static void sign(struct vfl_sigv4 *state, const struct vfl_sigv4_request *request,
                 const struct vfl_sigv4_scope *scope, const char *id, const char *secret)
{
    ck_assert_int_eq(vfl_sigv4_canonicalise(state, request, NULL), VFL_OK);
    ck_assert_int_eq(vfl_sigv4_make_string_to_sign(state, scope, NULL), VFL_OK);
    ck_assert_int_eq(vfl_sigv4_sign(state, scope, id, secret, NULL), VFL_OK);
}

/* The four examples of "Signature Calculations for the Authorization Header" in the S3 API
 * reference. */
START_TEST(signs_the_documented_s3_examples)
{
    static const struct vfl_sigv4_pair get_headers[] = {
        S3_HOST, PAIR("Range", "bytes=0-9"), PAIR("x-amz-content-sha256", EMPTY_HASH), S3_DATE};
    static const struct vfl_sigv4_pair put_headers[] = {
        PAIR("Date", "Fri, 24 May 2013 00:00:00 GMT"), S3_HOST, S3_DATE,
        PAIR("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        PAIR("x-amz-content-sha256", WELCOME_HASH)};
    static const struct vfl_sigv4_pair plain_headers[] = {S3_HOST, S3_DATE,
                                                          PAIR("x-amz-content-sha256", EMPTY_HASH)};
    static const struct vfl_sigv4_pair lifecycle[] = {PAIR("lifecycle", "")};
    static const struct vfl_sigv4_pair list[] = {PAIR("prefix", "J"), PAIR("max-keys", "2")};
    const struct {
        struct vfl_sigv4_request request;
        const char *expected;
    } rows[] = {
        {{"GET", VFL_SPAN_LITERAL("/test.txt"), VFL_SIGV4_PATH_S3, NULL, 0, get_headers, 4,
          EMPTY_HASH},
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {{"PUT", VFL_SPAN_LITERAL("/test$file.text"), VFL_SIGV4_PATH_S3, NULL, 0, put_headers, 5,
          WELCOME_HASH},
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {{"GET", VFL_SPAN_LITERAL("/"), VFL_SIGV4_PATH_S3, lifecycle, 1, plain_headers, 3,
          EMPTY_HASH},
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {{"GET", VFL_SPAN_LITERAL("/"), VFL_SIGV4_PATH_S3, list, 2, plain_headers, 3, EMPTY_HASH},
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    const struct vfl_sigv4_scope scope = {1369353600, "us-east-1", "s3"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_sigv4 state;
        vfl_sigv4_init(&state);
        sign(&state, &rows[i].request, &scope, "AKIAIOSFODNN7EXAMPLE",
             "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        ck_assert_str_eq(state.signature, rows[i].expected);
        vfl_sigv4_fini(&state);
    }
}
END_TEST

START_TEST(authorization_is_spelled_as_documented)
{
    static const struct vfl_sigv4_pair headers[] = {
        S3_HOST, PAIR("Range", "bytes=0-9"), PAIR("x-amz-content-sha256", EMPTY_HASH), S3_DATE};
    const struct vfl_sigv4_request request = {
        "GET", VFL_SPAN_LITERAL("/test.txt"), VFL_SIGV4_PATH_S3, NULL, 0, headers, 4, EMPTY_HASH};
    const struct vfl_sigv4_scope scope = {1369353600, "us-east-1", "s3"};
    struct vfl_sigv4 state;
    vfl_sigv4_init(&state);
    sign(&state, &request, &scope, "AKIAIOSFODNN7EXAMPLE",
         "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    ck_assert_str_eq(vfl_strbuf_string(&state.canonical_request),
                     "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n"
                     "x-amz-content-sha256:" EMPTY_HASH "\nx-amz-date:20130524T000000Z\n\n"
                     "host;range;x-amz-content-sha256;x-amz-date\n" EMPTY_HASH);
    ck_assert_str_eq(vfl_strbuf_string(&state.string_to_sign),
                     "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n"
                     "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
    ck_assert_str_eq(
        vfl_strbuf_string(&state.authorization),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    vfl_sigv4_fini(&state);
}
END_TEST

/* The IAM example of "Examples of how to derive a signing key" in the AWS general reference. */
START_TEST(derives_the_documented_signing_key)
{
    const struct vfl_sigv4_scope scope = {1440938160, "us-east-1", "iam"};
    unsigned char key[VFL_SHA256_BYTES];
    char hex[VFL_SHA256_HEX_SIZE];
    ck_assert_int_eq(
        vfl_sigv4_derive_key(&scope, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", key, NULL),
        VFL_OK);
    vfl_digest_hex(key, sizeof key, hex);
    ck_assert_str_eq(hex, "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}
END_TEST

START_TEST(paths_follow_their_mode)
{
    static const struct {
        enum vfl_sigv4_path_mode mode;
        const char *path, *expected;
    } rows[] = {
        {VFL_SIGV4_PATH_S3, "", "/"},
        {VFL_SIGV4_PATH_S3, "/a//b/./c/../d", "/a//b/./c/../d"},
        {VFL_SIGV4_PATH_S3, "/a b+c%41=&?#\n", "/a%20b%2Bc%2541%3D%26%3F%23%0A"},
        {VFL_SIGV4_PATH_S3, "/\xe1\x88\xb4\xff~-._", "/%E1%88%B4%FF~-._"},
        {VFL_SIGV4_PATH_NORMALISED, "", "/"},
        {VFL_SIGV4_PATH_NORMALISED, "/", "/"},
        {VFL_SIGV4_PATH_NORMALISED, "//", "/"},
        {VFL_SIGV4_PATH_NORMALISED, "/./example", "/example"},
        {VFL_SIGV4_PATH_NORMALISED, "/example/..", "/"},
        {VFL_SIGV4_PATH_NORMALISED, "/example1/example2/../..", "/"},
        {VFL_SIGV4_PATH_NORMALISED, "/../../a", "/a"},
        {VFL_SIGV4_PATH_NORMALISED, "//example//", "/example/"},
        {VFL_SIGV4_PATH_NORMALISED, "/a/b/../c", "/a/c"},
        {VFL_SIGV4_PATH_NORMALISED, "/a%20b", "/a%2520b"},
        {VFL_SIGV4_PATH_NORMALISED, "/example space/", "/example%20space/"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct vfl_sigv4_request request = {
            .method = "GET",
            .path = vfl_span_from_string(rows[i].path),
            .path_mode = rows[i].mode,
            .payload_hash = EMPTY_HASH,
        };
        struct vfl_sigv4 state;
        vfl_sigv4_init(&state);
        ck_assert_int_eq(vfl_sigv4_canonicalise(&state, &request, NULL), VFL_OK);
        ck_assert_str_eq(vfl_strbuf_string(&state.path), rows[i].expected);
        vfl_sigv4_fini(&state);
    }
}
END_TEST

START_TEST(query_is_sorted_by_encoded_name_and_then_value)
{
    static const struct vfl_sigv4_pair params[] = {
        PAIR("prefix", "AWSLogs/1 2+3/"),
        PAIR("list-type", "2"),
        PAIR("list", "b"),
        PAIR("list", "a"),
        PAIR("delete", ""),
        PAIR("\xc3\xa9", "="),
    };
    const struct vfl_sigv4_request request = {
        .method = "GET",
        .path = VFL_SPAN_LITERAL("/"),
        .params = params,
        .param_count = 6,
        .payload_hash = EMPTY_HASH,
    };
    struct vfl_sigv4 state;
    vfl_sigv4_init(&state);
    ck_assert_int_eq(vfl_sigv4_canonicalise(&state, &request, NULL), VFL_OK);
    /* "list=b" sorts before "list-type": the name "list" is a prefix of it. */
    ck_assert_str_eq(vfl_strbuf_string(&state.query),
                     "%C3%A9=%3D&delete=&list=a&list=b&list-type=2&"
                     "prefix=AWSLogs%2F1%202%2B3%2F");
    vfl_sigv4_fini(&state);
}
END_TEST

START_TEST(headers_are_folded_joined_and_sorted_without_the_colon)
{
    static const struct vfl_sigv4_pair headers[] = {
        PAIR("X-Amz-Date", "20150830T123600Z"),
        PAIR("My-Header1", "  value4  "),
        PAIR("my-header1", "value1\r\n   value2\t \"a   b\""),
        PAIR("Host", "example.amazonaws.com"),
        PAIR("User-Agent", "left out"),
        PAIR("X-Amz", "shorter"),
        PAIR("My-Empty", ""),
    };
    const struct vfl_sigv4_request request = {
        .method = "GET",
        .path = VFL_SPAN_LITERAL("/"),
        .headers = headers,
        .header_count = 7,
        .payload_hash = EMPTY_HASH,
    };
    struct vfl_sigv4 state;
    vfl_sigv4_init(&state);
    ck_assert_int_eq(vfl_sigv4_canonicalise(&state, &request, NULL), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&state.canonical_request),
                     "GET\n/\n\nhost:example.amazonaws.com\nmy-empty:\n"
                     "my-header1:value4,value1 value2 \"a b\"\nx-amz:shorter\n"
                     "x-amz-date:20150830T123600Z\n\n"
                     "host;my-empty;my-header1;x-amz;x-amz-date\n" EMPTY_HASH);
    vfl_sigv4_fini(&state);
}
END_TEST

START_TEST(refuses_more_pairs_than_its_bound)
{
    struct vfl_sigv4_pair params[VFL_SIGV4_MAX_PAIRS + 1] = {{{0}, {0}}};
    struct vfl_sigv4_request request = {.method = "GET",
                                        .params = params,
                                        .param_count = VFL_SIGV4_MAX_PAIRS,
                                        .payload_hash = EMPTY_HASH};
    struct vfl_sigv4 state;
    vfl_sigv4_init(&state);
    ck_assert_int_eq(vfl_sigv4_canonicalise(&state, &request, NULL), VFL_OK);
    request.param_count++;
    ck_assert_int_eq(vfl_sigv4_canonicalise(&state, &request, NULL), VFL_LIMIT);
    vfl_sigv4_fini(&state);
    vfl_sigv4_fini(&(struct vfl_sigv4){0});
    vfl_sigv4_fini(NULL);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        signs_the_documented_s3_examples,
        authorization_is_spelled_as_documented,
        derives_the_documented_signing_key,
        paths_follow_their_mode,
        query_is_sorted_by_encoded_name_and_then_value,
        headers_are_folded_joined_and_sorted_without_the_colon,
        refuses_more_pairs_than_its_bound,
    };
    return RUN_SUITE("sigv4", cases);
}
