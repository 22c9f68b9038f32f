#include "core/ledger.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/array.h"
#include "core/aws/digest.h"

#define STATE_VERSION 1
#define DIGEST_HEX_LENGTH 16
#define FIRST_PAUSE_S 60

static enum vfl_status no_memory(struct vfl_error *err)
{
    return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the ledger");
}

void vfl_ledger_fini(struct vfl_ledger *ledger)
{
    if (ledger == NULL)
        return;
    free(ledger->entries);
    vfl_index_fini(&ledger->index);
    *ledger = (struct vfl_ledger){0};
}

static void reset(struct vfl_ledger *ledger)
{
    vfl_index_reset(&ledger->index);
    ledger->count = ledger->emitted_count = ledger->failed_count = 0;
    ledger->run = 0;
    ledger->process[0] = '\0';
}

enum vfl_status vfl_ledger_digest(struct vfl_span key, struct vfl_span etag, uint64_t *ret_digest,
                                  struct vfl_error *err)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT(8192);
    unsigned char sum[VFL_SHA256_BYTES];
    vfl_strbuf_append(&text, key);
    vfl_strbuf_append_char(&text, '\0');
    vfl_strbuf_append(&text, etag);
    enum vfl_status st = vfl_strbuf_check(&text, "object key", err);
    if (st == VFL_OK)
        st = vfl_digest_sha256(vfl_strbuf_span(&text), sum, err);
    vfl_strbuf_fini(&text);
    if (st != VFL_OK)
        return st;
    uint64_t digest = 0;
    for (size_t i = 0; i < sizeof digest; i++)
        digest = digest << 8 | sum[i];
    *ret_digest = digest;
    return VFL_OK;
}

struct vfl_ledger_entry *vfl_ledger_find(const struct vfl_ledger *ledger, uint64_t digest)
{
    struct vfl_index_cursor cursor = vfl_index_cursor(&ledger->index, digest);
    uint32_t position;
    while ((position = vfl_index_next(&ledger->index, &cursor)) != VFL_INDEX_NONE)
        if (ledger->entries[position].digest == digest)
            return &ledger->entries[position];
    return NULL;
}

static enum vfl_status add(struct vfl_ledger *ledger, struct vfl_ledger_entry entry,
                           struct vfl_error *err)
{
    if (!VFL_ARRAY_RESERVE(ledger->entries, ledger->count, ledger->room) ||
        !vfl_index_add(&ledger->index, entry.digest, ledger->count))
        return no_memory(err);
    ledger->entries[ledger->count++] = entry;
    if (entry.state == VFL_OBJECT_EMITTED)
        ledger->emitted_count++;
    else
        ledger->failed_count++;
    return VFL_OK;
}

enum vfl_status vfl_ledger_copy(struct vfl_ledger *ledger, const struct vfl_ledger *from,
                                struct vfl_error *err)
{
    reset(ledger);
    for (uint32_t i = 0; i < from->count; i++) {
        enum vfl_status st = add(ledger, from->entries[i], err);
        if (st != VFL_OK)
            return st;
    }
    ledger->run = from->run;
    memcpy(ledger->process, from->process, sizeof ledger->process);
    return VFL_OK;
}

uint32_t vfl_ledger_room(const struct vfl_ledger *ledger)
{
    return VFL_LEDGER_MAX_EMITTED - ledger->emitted_count;
}

enum vfl_status vfl_ledger_note_emitted(struct vfl_ledger *ledger, uint64_t digest,
                                        struct vfl_error *err)
{
    struct vfl_ledger_entry *entry = vfl_ledger_find(ledger, digest);
    if (entry != NULL && entry->state == VFL_OBJECT_EMITTED)
        return VFL_OK;
    if (vfl_ledger_room(ledger) == 0)
        return vfl_error_set(err, VFL_LIMIT, "%u processed objects are waiting to be deleted",
                             VFL_LEDGER_MAX_EMITTED);
    if (entry == NULL)
        return add(ledger,
                   (struct vfl_ledger_entry){
                       .digest = digest, .state = VFL_OBJECT_EMITTED, .is_listed = true},
                   err);
    entry->state = VFL_OBJECT_EMITTED;
    ledger->failed_count--;
    ledger->emitted_count++;
    return VFL_OK;
}

static int64_t pause_s(uint32_t failure_count)
{
    int64_t pause = FIRST_PAUSE_S;
    for (uint32_t i = 1; i < failure_count && pause < VFL_LEDGER_MAX_PAUSE_S; i++)
        pause *= 2;
    return pause < VFL_LEDGER_MAX_PAUSE_S ? pause : VFL_LEDGER_MAX_PAUSE_S;
}

enum vfl_status vfl_ledger_note_failed(struct vfl_ledger *ledger, uint64_t digest,
                                       int64_t now_epoch_s, struct vfl_error *err)
{
    struct vfl_ledger_entry *entry = vfl_ledger_find(ledger, digest);
    if (entry == NULL) {
        if (ledger->failed_count >= VFL_LEDGER_MAX_FAILED)
            return VFL_OK;
        return add(ledger,
                   (struct vfl_ledger_entry){.digest = digest,
                                             .state = VFL_OBJECT_FAILED,
                                             .failure_count = 1,
                                             .retry_epoch_s = now_epoch_s + pause_s(1),
                                             .is_listed = true},
                   err);
    }
    if (entry->failure_count < UINT32_MAX)
        entry->failure_count++;
    entry->retry_epoch_s = now_epoch_s + pause_s(entry->failure_count);
    return VFL_OK;
}

void vfl_ledger_start_listing(struct vfl_ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->count; i++)
        ledger->entries[i].is_listed = false;
}

void vfl_ledger_note_deleted(struct vfl_ledger *ledger, uint64_t digest)
{
    struct vfl_ledger_entry *entry = vfl_ledger_find(ledger, digest);
    if (entry != NULL)
        entry->is_deleted = true;
}

uint32_t vfl_ledger_vanished_count(const struct vfl_ledger *ledger)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ledger->count; i++) {
        const struct vfl_ledger_entry *entry = &ledger->entries[i];
        count += entry->state == VFL_OBJECT_EMITTED && !entry->is_listed && !entry->is_deleted;
    }
    return count;
}

static bool is_gone(const struct vfl_ledger_entry *entry, bool is_unlisted_gone)
{
    return entry->is_deleted || (is_unlisted_gone && !entry->is_listed);
}

static enum vfl_status forget(struct vfl_ledger *ledger, bool is_unlisted_gone,
                              struct vfl_error *err)
{
    uint32_t old_count = ledger->count;
    vfl_index_reset(&ledger->index);
    ledger->count = ledger->emitted_count = ledger->failed_count = 0;
    for (uint32_t i = 0; i < old_count; i++) {
        const struct vfl_ledger_entry *entry = &ledger->entries[i];
        if (is_gone(entry, is_unlisted_gone))
            continue;
        enum vfl_status st = add(ledger, *entry, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

enum vfl_status vfl_ledger_forget_unlisted(struct vfl_ledger *ledger, struct vfl_error *err)
{
    return forget(ledger, true, err);
}

enum vfl_status vfl_ledger_forget_deleted(struct vfl_ledger *ledger, struct vfl_error *err)
{
    return forget(ledger, false, err);
}

enum vfl_status vfl_ledger_collect_gone(const struct vfl_ledger *ledger, bool is_unlisted_gone,
                                        struct vfl_ledger *gone, struct vfl_error *err)
{
    for (uint32_t i = 0; i < ledger->count; i++) {
        const struct vfl_ledger_entry *entry = &ledger->entries[i];
        if (!is_gone(entry, is_unlisted_gone) || vfl_ledger_find(gone, entry->digest) != NULL ||
            gone->count >= VFL_LEDGER_MAX_EMITTED + VFL_LEDGER_MAX_FAILED)
            continue;
        enum vfl_status st = add(gone, *entry, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

enum vfl_status vfl_ledger_note_gone(struct vfl_ledger *ledger, struct vfl_ledger *gone,
                                     struct vfl_error *err)
{
    for (uint32_t i = 0; i < gone->count; i++) {
        struct vfl_ledger_entry *entry = vfl_ledger_find(ledger, gone->entries[i].digest);
        gone->entries[i].is_deleted = entry == NULL;
        if (entry != NULL)
            entry->is_deleted = true;
    }
    return vfl_ledger_forget_deleted(gone, err);
}

enum vfl_status vfl_ledger_adopt_failed(struct vfl_ledger *ledger, const struct vfl_ledger *from,
                                        struct vfl_error *err)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct vfl_ledger_entry *entry = &from->entries[i];
        if (entry->state != VFL_OBJECT_FAILED)
            continue;
        struct vfl_ledger_entry *known = vfl_ledger_find(ledger, entry->digest);
        if (known != NULL && known->state == VFL_OBJECT_FAILED &&
            known->failure_count < entry->failure_count)
            *known = *entry;
        if (known != NULL || ledger->failed_count >= VFL_LEDGER_MAX_FAILED)
            continue;
        enum vfl_status st = add(ledger, *entry, err);
        if (st != VFL_OK)
            return st;
    }
    return VFL_OK;
}

/* --- text ---------------------------------------------------------------------------------------
 * {"version":1,"run":N,"process":"..","emitted":"<base64 of 8-byte digests>",
 *  "failed":["<hex digest> <failures> <retry time>", ..]} */

enum {
    EMITTED_BYTES = VFL_LEDGER_MAX_EMITTED * 8,
    EMITTED_TEXT_SIZE = (EMITTED_BYTES + 2) / 3 * 4 + 1
};

static json_t *emitted_json(const struct vfl_ledger *ledger)
{
    unsigned char *bytes = malloc(EMITTED_BYTES);
    char *text = malloc(EMITTED_TEXT_SIZE);
    json_t *json = NULL;
    if (bytes != NULL && text != NULL) {
        size_t size = 0;
        for (uint32_t i = 0; i < ledger->count; i++)
            if (ledger->entries[i].state == VFL_OBJECT_EMITTED)
                for (unsigned shift = 64; shift > 0; shift -= 8)
                    bytes[size++] = (unsigned char)(ledger->entries[i].digest >> (shift - 8));
        vfl_digest_base64(bytes, size, text);
        json = json_string(text);
    }
    free(bytes);
    free(text);
    return json;
}

static json_t *failed_json(const struct vfl_ledger *ledger)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < ledger->count && list != NULL; i++) {
        const struct vfl_ledger_entry *entry = &ledger->entries[i];
        if (entry->state != VFL_OBJECT_FAILED)
            continue;
        char text[64];
        (void)snprintf(text, sizeof text, "%016" PRIx64 " %" PRIu32 " %" PRId64, entry->digest,
                       entry->failure_count, entry->retry_epoch_s);
        if (json_array_append_new(list, json_string(text)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

/* The compact text, to be freed; NULL without memory. Not json_dumps: when its buffer cannot grow
 * within a key, jansson 2.14 goes on without that key and reports nothing. */
static char *dump(const json_t *json)
{
    size_t size = json == NULL ? 0 : json_dumpb(json, NULL, 0, JSON_COMPACT);
    char *text = size == 0 ? NULL : malloc(size + 1);
    if (text == NULL)
        return NULL;
    if (json_dumpb(json, text, size, JSON_COMPACT) != size) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

enum vfl_status vfl_ledger_format(const struct vfl_ledger *ledger, struct vfl_strbuf *out,
                                  struct vfl_error *err)
{
    json_t *json = json_pack("{s:i,s:I,s:s,s:o,s:o}", "version", STATE_VERSION, "run",
                             (json_int_t)ledger->run, "process", ledger->process, "emitted",
                             emitted_json(ledger), "failed", failed_json(ledger));
    char *text = dump(json);
    json_decref(json);
    if (text == NULL)
        return no_memory(err);
    vfl_strbuf_append_string(out, text);
    free(text);
    return vfl_strbuf_check(out, "the ledger's state", err);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Digests straight from the base64 text: the bits run on across its four-character groups. */
static bool parse_emitted(struct vfl_ledger *ledger, const char *text, enum vfl_status *ret_status,
                          struct vfl_error *err)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    uint64_t digest = 0;
    unsigned byte_count = 0;
    for (; *text != '\0' && *text != '='; text++) {
        int value = base64_value(*text);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count < 8)
            continue;
        bit_count -= 8;
        digest = digest << 8 | (bits >> bit_count & 0xff);
        if (++byte_count < 8)
            continue;
        byte_count = 0;
        if (vfl_ledger_find(ledger, digest) == NULL)
            *ret_status = vfl_ledger_note_emitted(ledger, digest, err);
        if (*ret_status != VFL_OK)
            return *ret_status != VFL_LIMIT;
    }
    return byte_count == 0;
}

static bool parse_number(const char **at, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *start = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        unsigned digit = (unsigned)(**at - '0');
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return *at != start;
}

static bool parse_failed_entry(const char *text, struct vfl_ledger_entry *ret_entry)
{
    uint64_t digest = 0;
    for (unsigned i = 0; i < DIGEST_HEX_LENGTH; i++, text++) {
        if (*text >= '0' && *text <= '9')
            digest = digest << 4 | (uint64_t)(*text - '0');
        else if (*text >= 'a' && *text <= 'f')
            digest = digest << 4 | (uint64_t)(*text - 'a' + 10);
        else
            return false;
    }
    uint64_t failure_count;
    uint64_t retry_epoch_s;
    if (*text++ != ' ' || !parse_number(&text, UINT32_MAX, &failure_count) || *text++ != ' ' ||
        !parse_number(&text, INT64_MAX, &retry_epoch_s) || *text != '\0')
        return false;
    *ret_entry = (struct vfl_ledger_entry){.digest = digest,
                                           .state = VFL_OBJECT_FAILED,
                                           .failure_count = (uint32_t)failure_count,
                                           .retry_epoch_s = (int64_t)retry_epoch_s};
    return true;
}

static bool parse_failed(struct vfl_ledger *ledger, const json_t *list, enum vfl_status *ret_status,
                         struct vfl_error *err)
{
    if (!json_is_array(list) || json_array_size(list) > VFL_LEDGER_MAX_FAILED)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        struct vfl_ledger_entry entry;
        if (text == NULL || !parse_failed_entry(text, &entry))
            return false;
        if (vfl_ledger_find(ledger, entry.digest) == NULL)
            *ret_status = add(ledger, entry, err);
        if (*ret_status != VFL_OK)
            return true;
    }
    return true;
}

static bool parse_json(struct vfl_ledger *ledger, const json_t *json, enum vfl_status *ret_status,
                       struct vfl_error *err)
{
    const json_t *run = json_object_get(json, "run");
    const char *process = json_string_value(json_object_get(json, "process"));
    const char *emitted = json_string_value(json_object_get(json, "emitted"));
    if (json_integer_value(json_object_get(json, "version")) != STATE_VERSION ||
        !json_is_integer(run) || json_integer_value(run) < 0 || process == NULL ||
        strlen(process) >= VFL_LEDGER_PROCESS_SIZE || emitted == NULL)
        return false;
    if (!parse_emitted(ledger, emitted, ret_status, err) || *ret_status != VFL_OK)
        return *ret_status != VFL_OK && *ret_status != VFL_LIMIT;
    if (!parse_failed(ledger, json_object_get(json, "failed"), ret_status, err))
        return false;
    ledger->run = (uint64_t)json_integer_value(run);
    memcpy(ledger->process, process, strlen(process) + 1);
    return true;
}

static json_t *load_once(struct vfl_span text)
{
    return json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
}

/* Without memory, jansson reports a syntax error or, worse, gives strings that lack their ends. A
 * state that is misread for that would count its objects again. So what is not as long as the text
 * is read once more, with memory to spare. *ret_json NULL: not JSON. */
static enum vfl_status load(struct vfl_span text, json_t **ret_json, struct vfl_error *err)
{
    json_t *json = load_once(text);
    if (json == NULL || json_dumpb(json, NULL, 0, JSON_COMPACT) != text.len) {
        json_decref(json);
        void *spare = malloc(text.len * 4 + 4096);
        if (spare == NULL)
            return vfl_error_set(err, VFL_NO_MEMORY, "no memory for the agent's state");
        free(spare);
        json = load_once(text);
    }
    *ret_json = json;
    return VFL_OK;
}

enum vfl_status vfl_ledger_parse(struct vfl_ledger *ledger, struct vfl_span text,
                                 bool *ret_is_valid, struct vfl_error *err)
{
    reset(ledger);
    *ret_is_valid = true;
    if (text.len == 0 || vfl_span_equal_string(text, "{}"))
        return VFL_OK;
    json_t *json = NULL;
    enum vfl_status st = VFL_OK;
    if (text.len <= VFL_LEDGER_MAX_BYTES)
        st = load(text, &json, err);
    if (st != VFL_OK)
        return st;
    bool is_valid = json != NULL && parse_json(ledger, json, &st, err);
    json_decref(json);
    if (!is_valid) {
        reset(ledger);
        *ret_is_valid = false;
        return VFL_OK;
    }
    for (uint32_t i = 0; i < ledger->count; i++)
        ledger->entries[i].is_listed = true;
    return st;
}
