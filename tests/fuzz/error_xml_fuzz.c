/* Any XML, as an error document and by its elements. Holds the parser to: its bounds, balanced
 * elements, and texts of a fault that end within their room. */
#include "core/aws/retry.h"
#include "core/aws/xml.h"

#include "tests/fuzz/replay.h"

static enum vfl_status open_element(void *ctx, const char *path, struct vfl_error *err)
{
    int *depth = ctx;
    (void)err;
    FUZZ_CHECK(strlen(path) < VFL_XML_MAX_PATH_BYTES);
    FUZZ_CHECK((*depth == 0) == (path[0] == '\0'));
    FUZZ_CHECK(++*depth <= VFL_XML_MAX_DEPTH);
    return VFL_OK;
}

static enum vfl_status close_element(void *ctx, const char *path, struct vfl_span text,
                                     struct vfl_error *err)
{
    int *depth = ctx;
    (void)err;
    FUZZ_CHECK(--*depth >= 0);
    FUZZ_CHECK((*depth == 0) == (path[0] == '\0'));
    FUZZ_CHECK(text.len <= VFL_XML_MAX_TEXT_BYTES);
    FUZZ_CHECK(text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL);
    return VFL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    const struct vfl_span document = {(const char *)input, len};
    int depth = 0;
    const struct vfl_xml_handler handler = {open_element, close_element, &depth};
    struct vfl_error err = {0};
    enum vfl_status st = vfl_xml_parse(document, NULL, handler, &err);
    FUZZ_CHECK(st == VFL_OK || st == VFL_FORMAT || st == VFL_LIMIT);
    FUZZ_CHECK(st != VFL_OK || depth == 0);
    struct vfl_xml_fault fault;
    vfl_xml_read_fault(document, &fault);
    FUZZ_CHECK(memchr(fault.code, '\0', sizeof fault.code) != NULL);
    FUZZ_CHECK(memchr(fault.message, '\0', sizeof fault.message) != NULL);
    FUZZ_CHECK(memchr(fault.region, '\0', sizeof fault.region) != NULL);
    FUZZ_CHECK(fault.is_error == (fault.code[0] != '\0'));
    (void)vfl_retry_classify(400, fault.code);
    return 0;
}
