/* Any bytes as a JSON string. Holds it to: jansson reads it back; bytes that jansson itself would
 * write come back as they were; what is written of what was read is the same again. */
#include "plugin/json_text.h"

#include <jansson.h>

#include "tests/fuzz/replay.h"

static json_t *read_back(struct vfl_strbuf *buf, struct vfl_span text)
{
    vfl_strbuf_reset(buf);
    vfl_json_append_string(buf, text);
    FUZZ_CHECK(buf->failure == VFL_OK);
    json_t *value = json_loadb(buf->bytes, buf->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    FUZZ_CHECK(value != NULL);
    return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct vfl_span text = {(const char *)input, len};
    struct vfl_strbuf buf = VFL_STRBUF_INIT(6 * len + 2);
    json_t *value = read_back(&buf, text);
    struct vfl_span read = {json_string_value(value), json_string_length(value)};
    json_t *own = json_stringn(len > 0 ? text.ptr : "", len); /* NULL for what is no UTF-8 */
    if (own != NULL)
        FUZZ_CHECK(vfl_span_equal(read, text));
    struct vfl_strbuf again = VFL_STRBUF_INIT(6 * read.len + 2);
    json_t *same = read_back(&again, read);
    FUZZ_CHECK(json_equal(value, same));
    json_decref(same);
    json_decref(own);
    json_decref(value);
    vfl_strbuf_fini(&again);
    vfl_strbuf_fini(&buf);
    return 0;
}
