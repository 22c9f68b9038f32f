#include <stdlib.h>
#include <string.h>

#include "core/aws/s3_bucket.h"

#define MAX_PAGE_KEYS 1000
#define MAX_PAGES 100000 /* a hundred million keys: longer than any run lasts */

/* Texts lie in the page's arena; offsets, because it moves while it grows. */
struct entry {
    size_t key_at, key_len;
    size_t etag_at, etag_len;
    int64_t size_bytes;
    int64_t modified_epoch_s;
    bool is_archived;
    bool has_time;
};

struct page {
    const char *prefix;
    struct vfl_strbuf arena;
    struct vfl_strbuf token;
    struct vfl_strbuf *last_key; /* of the pages before */
    struct entry *entries;       /* MAX_PAGE_KEYS of them */
    size_t entry_count;
    struct entry current;
    bool is_truncated;
    bool is_url_encoded;
};

/* VFL_S3_SIZE_UNKNOWN for what is no size. */
static int64_t parse_size(struct vfl_span text)
{
    int64_t size = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = text.ptr[i] - '0';
        if (digit < 0 || digit > 9 || size > (INT64_MAX - digit) / 10)
            return VFL_S3_SIZE_UNKNOWN;
        size = size * 10 + digit;
    }
    return text.len > 0 ? size : VFL_S3_SIZE_UNKNOWN;
}

static enum vfl_status store_text(struct page *page, struct vfl_span text, size_t *ret_at,
                                  size_t *ret_len, struct vfl_error *err)
{
    *ret_at = page->arena.len;
    *ret_len = text.len;
    vfl_strbuf_append(&page->arena, text);
    return vfl_strbuf_check(&page->arena, "listing page", err);
}

static enum vfl_status on_object_element(struct page *page, const char *name, struct vfl_span text,
                                         struct vfl_error *err)
{
    struct entry *entry = &page->current;
    if (strcmp(name, "Key") == 0)
        return store_text(page, text, &entry->key_at, &entry->key_len, err);
    if (strcmp(name, "ETag") == 0) {
        if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
            text = (struct vfl_span){text.ptr + 1, text.len - 2};
        return store_text(page, text, &entry->etag_at, &entry->etag_len, err);
    }
    if (strcmp(name, "Size") == 0)
        entry->size_bytes = parse_size(text);
    else if (strcmp(name, "LastModified") == 0)
        entry->has_time = vfl_timestamp_parse_iso8601(text, &entry->modified_epoch_s);
    else if (strcmp(name, "StorageClass") == 0)
        /* GLACIER_IR is read at once, in spite of its name. */
        entry->is_archived =
            vfl_span_equal_string(text, "GLACIER") || vfl_span_equal_string(text, "DEEP_ARCHIVE");
    return VFL_OK;
}

static enum vfl_status on_list_start(void *ctx, const char *path, struct vfl_error *err)
{
    struct page *page = ctx;
    (void)err;
    if (strcmp(path, "Contents") == 0)
        page->current = (struct entry){.size_bytes = VFL_S3_SIZE_UNKNOWN};
    return VFL_OK;
}

static enum vfl_status on_list_end(void *ctx, const char *path, struct vfl_span text,
                                   struct vfl_error *err)
{
    struct page *page = ctx;
    if (strncmp(path, "Contents/", 9) == 0)
        return on_object_element(page, path + 9, text, err);
    if (strcmp(path, "Contents") == 0) {
        if (page->entry_count == MAX_PAGE_KEYS)
            return vfl_error_set(err, VFL_LIMIT, "a listing page has more than %d objects",
                                 MAX_PAGE_KEYS);
        page->entries[page->entry_count++] = page->current;
    } else if (strcmp(path, "IsTruncated") == 0) {
        page->is_truncated = vfl_span_equal_string(text, "true");
    } else if (strcmp(path, "EncodingType") == 0) {
        page->is_url_encoded = vfl_span_equal_string(text, "url");
    } else if (strcmp(path, "NextContinuationToken") == 0) {
        vfl_strbuf_reset(&page->token);
        vfl_strbuf_append(&page->token, text);
        return vfl_strbuf_check(&page->token, "continuation token", err);
    }
    return VFL_OK;
}

/* The form encoding: "+" is a space. AWS escapes less than other servers do; this reads both. */
static bool decode_in_place(char *text, size_t *len)
{
    size_t used = 0;
    for (size_t i = 0; i < *len; i++) {
        char c = text[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (*len - i < 3)
                return false;
            int high = vfl_hex_value(text[i + 1]), low = vfl_hex_value(text[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        text[used++] = c;
    }
    *len = used;
    return true;
}

static int compare(struct vfl_span a, struct vfl_span b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

/* A key that breaks these rules must never be fetched, and above all never be deleted. */
static enum vfl_status check_entry(struct page *page, struct entry *entry, struct vfl_span last_key,
                                   struct vfl_error *err)
{
    char *key = page->arena.bytes + entry->key_at;
    if (page->is_url_encoded && !decode_in_place(key, &entry->key_len))
        return vfl_error_set(err, VFL_FORMAT, "a listed key is not properly encoded");
    struct vfl_span span = {key, entry->key_len};
    if (span.len == 0 || span.len > VFL_S3_MAX_KEY_BYTES || memchr(key, '\0', span.len) != NULL)
        return vfl_error_set(err, VFL_FORMAT, "a listed key is empty, too long or has a NUL");
    if (!vfl_span_has_prefix(span, vfl_span_from_string(page->prefix)))
        return vfl_error_set(err, VFL_FORMAT, "the listing has a key outside the prefix: %.100s",
                             page->prefix);
    if (!entry->has_time)
        return vfl_error_set(err, VFL_FORMAT, "a listed object's LastModified is bad");
    if (last_key.len > 0 && compare(last_key, span) >= 0)
        return vfl_error_set(err, VFL_FORMAT, "the listing is not in the order of its keys");
    return VFL_OK;
}

static enum vfl_status parse_page(void *ctx, struct vfl_span body, struct vfl_error *err)
{
    struct page *page = ctx;
    vfl_strbuf_reset(&page->arena);
    vfl_strbuf_reset(&page->token);
    page->entry_count = 0;
    page->is_truncated = page->is_url_encoded = false;
    struct vfl_xml_handler handler = {on_list_start, on_list_end, page};
    enum vfl_status st = vfl_xml_parse(body, "ListBucketResult", handler, err);
    struct vfl_span last_key = vfl_strbuf_span(page->last_key);
    for (size_t i = 0; st == VFL_OK && i < page->entry_count; i++) {
        struct entry *entry = &page->entries[i];
        if (page->arena.bytes == NULL)
            return vfl_error_set(err, VFL_FORMAT, "a listed object has no key");
        st = check_entry(page, entry, last_key, err);
        last_key = (struct vfl_span){page->arena.bytes + entry->key_at, entry->key_len};
    }
    if (st == VFL_OK && page->is_truncated && page->token.len == 0)
        st = vfl_error_set(err, VFL_FORMAT, "the listing goes on but has no token for that");
    return st;
}

static enum vfl_status fetch_page(struct vfl_s3_bucket *bucket, struct page *page,
                                  const char *start_after, struct vfl_span token,
                                  struct vfl_error *err)
{
    struct vfl_aws_reply reply;
    struct vfl_sigv4_pair params[5] = {
        {VFL_SPAN_LITERAL("list-type"), VFL_SPAN_LITERAL("2")},
        {VFL_SPAN_LITERAL("encoding-type"), VFL_SPAN_LITERAL("url")},
        {VFL_SPAN_LITERAL("max-keys"), VFL_SPAN_LITERAL("1000")},
        {VFL_SPAN_LITERAL("prefix"), vfl_span_from_string(page->prefix)},
    };
    size_t param_count = 4;
    if (token.len > 0)
        params[param_count++] =
            (struct vfl_sigv4_pair){VFL_SPAN_LITERAL("continuation-token"), token};
    else if (*start_after != '\0')
        params[param_count++] = (struct vfl_sigv4_pair){VFL_SPAN_LITERAL("start-after"),
                                                        vfl_span_from_string(start_after)};
    const struct vfl_s3_call call = {
        .method = "GET",
        .params = params,
        .param_count = param_count,
        .max_body_bytes = VFL_AWS_MAX_DOCUMENT_BYTES,
        .timeout_ms = VFL_AWS_DOCUMENT_TIMEOUT_MS,
        .parse = parse_page,
        .parse_ctx = page,
    };
    vfl_aws_reply_init(&reply);
    enum vfl_status st = vfl_s3_perform(bucket, &call, &reply, err);
    if (st != VFL_OK)
        st = vfl_s3_explain(bucket, &reply, "s3:ListBucket", st, err);
    vfl_aws_reply_fini(&reply);
    return st;
}

static enum vfl_status emit_page(struct page *page, const char *start_after,
                                 struct vfl_s3_object_sink sink, struct vfl_error *err)
{
    enum vfl_status st = VFL_OK;
    for (size_t i = 0; st == VFL_OK && i < page->entry_count; i++) {
        const struct entry *entry = &page->entries[i];
        const char *bytes = page->arena.bytes;
        const struct vfl_s3_object object = {
            .key = {bytes + entry->key_at, entry->key_len},
            .etag = {bytes + entry->etag_at, entry->etag_len},
            .size_bytes = entry->size_bytes,
            .modified_epoch_s = entry->modified_epoch_s,
            .is_archived = entry->is_archived,
        };
        /* Not every S3-compatible server knows start-after. */
        if (compare(object.key, vfl_span_from_string(start_after)) > 0)
            st = sink.add(sink.ctx, &object, err);
    }
    if (st == VFL_OK && page->entry_count > 0) {
        const struct entry *last = &page->entries[page->entry_count - 1];
        vfl_strbuf_reset(page->last_key);
        vfl_strbuf_append(page->last_key,
                          (struct vfl_span){page->arena.bytes + last->key_at, last->key_len});
        st = vfl_strbuf_check(page->last_key, "object key", err);
    }
    return st;
}

enum vfl_status vfl_s3_list(struct vfl_s3_bucket *bucket, const char *prefix,
                            const char *start_after, struct vfl_s3_object_sink sink,
                            struct vfl_error *err)
{
    struct vfl_strbuf token = VFL_STRBUF_INIT(4096);
    struct vfl_strbuf last_key = VFL_STRBUF_INIT(VFL_S3_MAX_KEY_BYTES);
    struct page page = {.prefix = prefix, .last_key = &last_key};
    vfl_strbuf_init(&page.arena, VFL_AWS_MAX_DOCUMENT_BYTES);
    vfl_strbuf_init(&page.token, 4096);
    page.entries = calloc(MAX_PAGE_KEYS, sizeof page.entries[0]);
    enum vfl_status st = VFL_OK;
    if (page.entries == NULL)
        st = vfl_error_set(err, VFL_NO_MEMORY, "no memory for a listing page");
    for (size_t i = 0; st == VFL_OK; i++) {
        if (i == MAX_PAGES) {
            st = vfl_error_set(err, VFL_LIMIT, "bucket %s: the listing has more than %d pages",
                               bucket->name, MAX_PAGES);
            break;
        }
        st = fetch_page(bucket, &page, start_after, vfl_strbuf_span(&token), err);
        if (st == VFL_OK)
            st = emit_page(&page, start_after, sink, err);
        if (st != VFL_OK || !page.is_truncated)
            break;
        if (vfl_span_equal(vfl_strbuf_span(&token), vfl_strbuf_span(&page.token))) {
            st = vfl_error_set(err, VFL_RETRY, "bucket %s: the listing does not advance",
                               bucket->name);
            break;
        }
        vfl_strbuf_reset(&token);
        vfl_strbuf_append(&token, vfl_strbuf_span(&page.token));
        st = vfl_strbuf_check(&token, "continuation token", err);
    }
    free(page.entries);
    vfl_strbuf_fini(&page.arena);
    vfl_strbuf_fini(&page.token);
    vfl_strbuf_fini(&token);
    vfl_strbuf_fini(&last_key);
    return st;
}
