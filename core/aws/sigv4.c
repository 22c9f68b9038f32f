#include "core/aws/sigv4.h"

#include <stdlib.h>
#include <strings.h>

#define MAX_CANONICAL_BYTES (1u << 20)

/* A name and value within an arena: offsets, because the arena moves while it grows. */
struct entry {
    size_t name_at, name_len;
    size_t value_at, value_len;
    size_t order;      /* position in the request */
    const char *arena; /* set once the arena is complete */
};

void vfl_sigv4_init(struct vfl_sigv4 *state)
{
    memset(state, 0, sizeof *state);
    vfl_strbuf_init(&state->path, MAX_CANONICAL_BYTES);
    vfl_strbuf_init(&state->query, MAX_CANONICAL_BYTES);
    vfl_strbuf_init(&state->signed_headers, 8192);
    /* The canonical request holds the session token. */
    vfl_strbuf_init_secret(&state->canonical_request, MAX_CANONICAL_BYTES);
    vfl_strbuf_init(&state->credential_scope, 512);
    vfl_strbuf_init(&state->string_to_sign, 1024);
    vfl_strbuf_init_secret(&state->authorization, 16384);
}

void vfl_sigv4_fini(struct vfl_sigv4 *state)
{
    if (state == NULL)
        return;
    vfl_strbuf_fini(&state->path);
    vfl_strbuf_fini(&state->query);
    vfl_strbuf_fini(&state->signed_headers);
    vfl_strbuf_fini(&state->canonical_request);
    vfl_strbuf_fini(&state->credential_scope);
    vfl_strbuf_fini(&state->string_to_sign);
    vfl_strbuf_fini(&state->authorization);
}

static bool is_unreserved(unsigned char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void vfl_sigv4_encode(struct vfl_strbuf *out, struct vfl_span text, bool is_path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (is_unreserved(byte) || (is_path && byte == '/')) {
            vfl_strbuf_append_char(out, (char)byte);
        } else {
            char escaped[3] = {'%', digits[byte >> 4], digits[byte & 15]};
            vfl_strbuf_append(out, (struct vfl_span){escaped, sizeof escaped});
        }
    }
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t shorter = a_len < b_len ? a_len : b_len;
    int order = shorter == 0 ? 0 : memcmp(a, b, shorter);
    if (order != 0)
        return order;
    return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_names(const struct entry *a, const struct entry *b)
{
    return compare_bytes(a->arena + a->name_at, a->name_len, b->arena + b->name_at, b->name_len);
}

static int compare_params(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = compare_names(a, b);
    if (order != 0)
        return order;
    return compare_bytes(a->arena + a->value_at, a->value_len, b->arena + b->value_at,
                         b->value_len);
}

static int compare_headers(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order = compare_names(a, b);
    if (order != 0)
        return order;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* Removes dot segments and empty segments: each step looks at one segment and either drops it,
 * drops the one before, or appends it. */
static void append_normalised_path(struct vfl_strbuf *out, struct vfl_span path)
{
    bool ends_with_slash = true;
    size_t at = 0;
    while (at < path.len) {
        while (at < path.len && path.ptr[at] == '/')
            at++;
        size_t start = at;
        while (at < path.len && path.ptr[at] != '/')
            at++;
        struct vfl_span segment = {path.ptr + start, at - start};
        ends_with_slash = at < path.len || segment.len == 0 ||
                          vfl_span_equal_string(segment, ".") ||
                          vfl_span_equal_string(segment, "..");
        if (segment.len == 0 || vfl_span_equal_string(segment, "."))
            continue;
        if (vfl_span_equal_string(segment, "..")) {
            while (out->len > 0 && out->bytes[--out->len] != '/')
                continue;
            continue;
        }
        vfl_strbuf_append_char(out, '/');
        vfl_strbuf_append(out, segment);
    }
    if (out->len == 0 || ends_with_slash)
        vfl_strbuf_append_char(out, '/');
}

static void make_path(struct vfl_sigv4 *state, const struct vfl_sigv4_request *request)
{
    vfl_strbuf_reset(&state->path);
    if (request->path_mode == VFL_SIGV4_PATH_S3) {
        if (request->path.len == 0)
            vfl_strbuf_append_char(&state->path, '/');
        vfl_sigv4_encode(&state->path, request->path, true);
        return;
    }
    struct vfl_strbuf normal = VFL_STRBUF_INIT(MAX_CANONICAL_BYTES);
    append_normalised_path(&normal, request->path);
    vfl_sigv4_encode(&state->path, vfl_strbuf_span(&normal), true);
    if (normal.failure != VFL_OK)
        state->path.failure = normal.failure;
    vfl_strbuf_fini(&normal);
}

static void make_query(struct vfl_sigv4 *state, const struct vfl_sigv4_request *request)
{
    struct vfl_strbuf arena = VFL_STRBUF_INIT(MAX_CANONICAL_BYTES);
    struct entry entries[VFL_SIGV4_MAX_PAIRS];
    for (size_t i = 0; i < request->param_count; i++) {
        entries[i].name_at = arena.len;
        vfl_sigv4_encode(&arena, request->params[i].name, false);
        entries[i].name_len = arena.len - entries[i].name_at;
        entries[i].value_at = arena.len;
        vfl_sigv4_encode(&arena, request->params[i].value, false);
        entries[i].value_len = arena.len - entries[i].value_at;
        entries[i].order = i;
    }
    vfl_strbuf_reset(&state->query);
    if (arena.failure != VFL_OK) {
        state->query.failure = arena.failure;
        vfl_strbuf_fini(&arena);
        return;
    }
    for (size_t i = 0; i < request->param_count; i++)
        entries[i].arena = vfl_strbuf_string(&arena);
    /* By encoded name first and then by value: "=" sorts after "-" and ".", so whole pairs would
     * come out in another order. */
    qsort(entries, request->param_count, sizeof entries[0], compare_params);
    for (size_t i = 0; i < request->param_count; i++) {
        const struct entry *entry = &entries[i];
        if (i > 0)
            vfl_strbuf_append_char(&state->query, '&');
        vfl_strbuf_append(&state->query,
                          (struct vfl_span){entry->arena + entry->name_at, entry->name_len});
        vfl_strbuf_append_char(&state->query, '=');
        vfl_strbuf_append(&state->query,
                          (struct vfl_span){entry->arena + entry->value_at, entry->value_len});
    }
    vfl_strbuf_fini(&arena);
}

static bool is_signed_header(struct vfl_span name)
{
    static const char *const unsigned_names[] = {
        "accept",     "authorization",       "connection",
        "expect",     "proxy-connection",    "te",
        "trailer",    "transfer-encoding",   "upgrade",
        "user-agent", "proxy-authorization", "x-amzn-trace-id",
    };
    for (size_t i = 0; i < sizeof unsigned_names / sizeof unsigned_names[0]; i++)
        if (name.len == strlen(unsigned_names[i]) &&
            strncasecmp(name.ptr, unsigned_names[i], name.len) == 0)
            return false;
    return true;
}

static void append_lower(struct vfl_strbuf *out, struct vfl_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        vfl_strbuf_append_char(out, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
    }
}

/* Trims, and makes one space of every run of white space; a folded line is such a run. */
static void append_collapsed(struct vfl_strbuf *out, struct vfl_span text)
{
    bool is_gap = false, is_empty = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            is_gap = true;
            continue;
        }
        if (is_gap && !is_empty)
            vfl_strbuf_append_char(out, ' ');
        vfl_strbuf_append_char(out, c);
        is_gap = is_empty = false;
    }
}

static size_t collect_headers(struct vfl_strbuf *arena, struct entry *entries,
                              const struct vfl_sigv4_request *request)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!is_signed_header(request->headers[i].name))
            continue;
        struct entry *entry = &entries[count++];
        entry->name_at = arena->len;
        append_lower(arena, request->headers[i].name);
        entry->name_len = arena->len - entry->name_at;
        entry->value_at = arena->len;
        append_collapsed(arena, request->headers[i].value);
        entry->value_len = arena->len - entry->value_at;
        entry->order = i;
    }
    return count;
}

/* Appends the header block to the canonical request and fills signed_headers. */
static void append_headers(struct vfl_sigv4 *state, const struct vfl_sigv4_request *request)
{
    struct vfl_strbuf arena;
    vfl_strbuf_init_secret(&arena, MAX_CANONICAL_BYTES);
    struct entry entries[VFL_SIGV4_MAX_PAIRS];
    struct vfl_strbuf *out = &state->canonical_request;
    size_t count = collect_headers(&arena, entries, request);
    vfl_strbuf_reset(&state->signed_headers);
    if (arena.failure != VFL_OK) {
        out->failure = arena.failure;
        vfl_strbuf_fini(&arena);
        return;
    }
    for (size_t i = 0; i < count; i++)
        entries[i].arena = vfl_strbuf_string(&arena);
    qsort(entries, count, sizeof entries[0], compare_headers);
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[i];
        struct vfl_span name = {entry->arena + entry->name_at, entry->name_len};
        if (i > 0 && compare_names(&entries[i - 1], entry) == 0) {
            vfl_strbuf_append_char(out, ',');
        } else {
            if (i > 0) {
                vfl_strbuf_append_char(out, '\n');
                vfl_strbuf_append_char(&state->signed_headers, ';');
            }
            vfl_strbuf_append(&state->signed_headers, name);
            vfl_strbuf_append(out, name);
            vfl_strbuf_append_char(out, ':');
        }
        vfl_strbuf_append(out, (struct vfl_span){entry->arena + entry->value_at, entry->value_len});
    }
    vfl_strbuf_fini(&arena);
}

enum vfl_status vfl_sigv4_canonicalise(struct vfl_sigv4 *state,
                                       const struct vfl_sigv4_request *request,
                                       struct vfl_error *err)
{
    if (request->param_count > VFL_SIGV4_MAX_PAIRS || request->header_count > VFL_SIGV4_MAX_PAIRS)
        return vfl_error_set(err, VFL_LIMIT, "request has more than %d parameters or headers",
                             VFL_SIGV4_MAX_PAIRS);
    make_path(state, request);
    make_query(state, request);
    struct vfl_strbuf *out = &state->canonical_request;
    vfl_strbuf_reset(out);
    vfl_strbuf_append_string(out, request->method);
    vfl_strbuf_append_char(out, '\n');
    vfl_strbuf_append(out, vfl_strbuf_span(&state->path));
    vfl_strbuf_append_char(out, '\n');
    vfl_strbuf_append(out, vfl_strbuf_span(&state->query));
    vfl_strbuf_append_char(out, '\n');
    append_headers(state, request);
    vfl_strbuf_append_string(out, "\n\n");
    vfl_strbuf_append(out, vfl_strbuf_span(&state->signed_headers));
    vfl_strbuf_append_char(out, '\n');
    vfl_strbuf_append_string(out, request->payload_hash);

    enum vfl_status st = vfl_strbuf_check(&state->path, "request path", err);
    if (st == VFL_OK)
        st = vfl_strbuf_check(&state->query, "request query", err);
    if (st == VFL_OK)
        st = vfl_strbuf_check(&state->signed_headers, "list of signed headers", err);
    if (st == VFL_OK)
        st = vfl_strbuf_check(out, "canonical request", err);
    return st;
}

enum vfl_status vfl_sigv4_make_string_to_sign(struct vfl_sigv4 *state,
                                              const struct vfl_sigv4_scope *scope,
                                              struct vfl_error *err)
{
    char date[VFL_AMZ_DATE_SIZE];
    char hash[VFL_SHA256_HEX_SIZE];
    vfl_timestamp_format_amz(scope->epoch_s, date);
    enum vfl_status st =
        vfl_digest_sha256_hex(vfl_strbuf_span(&state->canonical_request), hash, err);
    if (st != VFL_OK)
        return st;
    vfl_strbuf_reset(&state->credential_scope);
    vfl_strbuf_appendf(&state->credential_scope, "%.8s/%s/%s/aws4_request", date, scope->region,
                       scope->service);
    vfl_strbuf_reset(&state->string_to_sign);
    vfl_strbuf_appendf(&state->string_to_sign, "%s\n%s\n%s\n%s", VFL_SIGV4_ALGORITHM, date,
                       vfl_strbuf_string(&state->credential_scope), hash);
    st = vfl_strbuf_check(&state->credential_scope, "credential scope", err);
    if (st == VFL_OK)
        st = vfl_strbuf_check(&state->string_to_sign, "string to sign", err);
    return st;
}

enum vfl_status vfl_sigv4_derive_key(const struct vfl_sigv4_scope *scope,
                                     const char *secret_access_key,
                                     unsigned char ret_key[VFL_SHA256_BYTES], struct vfl_error *err)
{
    char date[VFL_AMZ_DATE_SIZE];
    vfl_timestamp_format_amz(scope->epoch_s, date);
    date[8] = '\0';
    struct vfl_strbuf first;
    vfl_strbuf_init_secret(&first, 4096);
    vfl_strbuf_append_string(&first, "AWS4");
    vfl_strbuf_append_string(&first, secret_access_key);
    enum vfl_status st = vfl_strbuf_check(&first, "secret access key", err);

    const char *const steps[] = {date, scope->region, scope->service, "aws4_request"};
    unsigned char key[VFL_SHA256_BYTES];
    struct vfl_span key_span = vfl_strbuf_span(&first);
    for (size_t i = 0; st == VFL_OK && i < sizeof steps / sizeof steps[0]; i++) {
        unsigned char next[VFL_SHA256_BYTES];
        st = vfl_digest_hmac_sha256(key_span, vfl_span_from_string(steps[i]), next, err);
        if (st == VFL_OK)
            memcpy(key, next, sizeof key);
        vfl_wipe(next, sizeof next);
        key_span = (struct vfl_span){(const char *)key, sizeof key};
    }
    if (st == VFL_OK)
        memcpy(ret_key, key, sizeof key);
    vfl_wipe(key, sizeof key);
    vfl_strbuf_fini(&first);
    return st;
}

enum vfl_status vfl_sigv4_sign(struct vfl_sigv4 *state, const struct vfl_sigv4_scope *scope,
                               const char *access_key_id, const char *secret_access_key,
                               struct vfl_error *err)
{
    unsigned char key[VFL_SHA256_BYTES];
    unsigned char mac[VFL_SHA256_BYTES];
    enum vfl_status st = vfl_sigv4_derive_key(scope, secret_access_key, key, err);
    if (st != VFL_OK)
        return st;
    st = vfl_digest_hmac_sha256((struct vfl_span){(const char *)key, sizeof key},
                                vfl_strbuf_span(&state->string_to_sign), mac, err);
    vfl_wipe(key, sizeof key);
    if (st != VFL_OK)
        return st;
    vfl_digest_hex(mac, sizeof mac, state->signature);
    vfl_strbuf_reset(&state->authorization);
    vfl_strbuf_appendf(&state->authorization, "%s Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                       VFL_SIGV4_ALGORITHM, access_key_id,
                       vfl_strbuf_string(&state->credential_scope),
                       vfl_strbuf_string(&state->signed_headers), state->signature);
    return vfl_strbuf_check(&state->authorization, "authorization header", err);
}
