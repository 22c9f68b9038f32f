/* The state that comes back from the agent. Holds it to: a text that is taken is written again
 * within its limit and read as the same; one that is not leaves an empty ledger. */
#include "core/ledger.h"

#include "tests/fuzz/replay.h"

static void check_counts(const struct vfl_ledger *ledger)
{
    FUZZ_CHECK(ledger->count == ledger->emitted_count + ledger->failed_count);
    FUZZ_CHECK(ledger->emitted_count <= VFL_LEDGER_MAX_EMITTED);
    FUZZ_CHECK(ledger->failed_count <= VFL_LEDGER_MAX_FAILED);
    for (uint32_t i = 0; i < ledger->count; i++)
        FUZZ_CHECK(vfl_ledger_find(ledger, ledger->entries[i].digest) == &ledger->entries[i]);
}

static void check_written_again(const struct vfl_ledger *ledger)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(VFL_LEDGER_MAX_BYTES);
    struct vfl_strbuf again = VFL_STRBUF_INIT(VFL_LEDGER_MAX_BYTES);
    struct vfl_ledger copy = {0};
    bool is_valid = false;
    FUZZ_CHECK(vfl_ledger_format(ledger, &text, NULL) == VFL_OK);
    FUZZ_CHECK(vfl_ledger_parse(&copy, vfl_strbuf_span(&text), &is_valid, NULL) == VFL_OK);
    FUZZ_CHECK(is_valid && copy.count == ledger->count && copy.run == ledger->run);
    FUZZ_CHECK(vfl_ledger_format(&copy, &again, NULL) == VFL_OK);
    FUZZ_CHECK(vfl_span_equal(vfl_strbuf_span(&text), vfl_strbuf_span(&again)));
    vfl_ledger_fini(&copy);
    vfl_strbuf_fini(&text);
    vfl_strbuf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    struct vfl_ledger ledger = {0};
    struct vfl_error err = {0};
    bool is_valid = false;
    enum vfl_status st =
        vfl_ledger_parse(&ledger, (struct vfl_span){(const char *)input, len}, &is_valid, &err);
    FUZZ_CHECK(st == VFL_OK);
    check_counts(&ledger);
    if (is_valid)
        check_written_again(&ledger);
    else
        FUZZ_CHECK(ledger.count == 0 && ledger.run == 0 && ledger.process[0] == '\0');
    vfl_ledger_fini(&ledger);
    return 0;
}
