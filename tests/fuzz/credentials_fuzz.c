/* The document of the metadata services. Holds it to: what is accepted can stand in a header, and
 * nothing is left behind by what is not. */
#include "core/aws/credential_source.h"

#include "tests/fuzz/replay.h"

static void check_text(const char *text)
{
    FUZZ_CHECK(text != NULL && *text != '\0');
    for (; *text != '\0'; text++)
        FUZZ_CHECK(*text > ' ' && *text <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct vfl_credentials credentials = {0};
    struct vfl_error err = {0};
    enum vfl_status st = vfl_credentials_parse_document((struct vfl_span){(const char *)input, len},
                                                        "fuzz", &credentials, &err);
    FUZZ_CHECK(st == VFL_OK || st == VFL_CONFIG || st == VFL_DENIED);
    FUZZ_CHECK((st == VFL_OK) == (credentials.access_key_id != NULL));
    if (st == VFL_OK) {
        check_text(credentials.access_key_id);
        check_text(credentials.secret_access_key);
        if (credentials.session_token != NULL)
            check_text(credentials.session_token);
    }
    vfl_credentials_fini(&credentials);
    return 0;
}
