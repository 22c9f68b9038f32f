/* One HTTP request at a time over kept connections. The only home of curl.
 *
 * Redirects are never followed, content is never decoded, TLS is always verified (1.2 or newer).
 * Proxies come from the environment (https_proxy, no_proxy), as curl documents; ca_file.h says
 * which CA certificates are trusted. */
#ifndef VFL_AWS_HTTP_H
#define VFL_AWS_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/strbuf.h"

#define VFL_HTTP_MAX_HEADER_BYTES 65536
#define VFL_HTTP_MAX_ERROR_BODY_BYTES 65536
#define VFL_HTTP_HEADER_VALUE_SIZE 256

struct vfl_http;

/* Zero means the default given here. */
struct vfl_http_options {
    const atomic_bool *cancelled; /* borrowed, may be NULL */
    int64_t connect_timeout_ms;   /* 5000; name look-up included */
    unsigned low_speed_s;         /* 30: slower than 1 KiB/s for so long is a dead connection */
    unsigned connection_life_s;   /* 300: then a new one, so that a changed DNS answer is seen */
};

/* Everything is borrowed for the call. */
struct vfl_http_request {
    const char *method;              /* "GET", "POST", "DELETE", "HEAD" or "PUT" */
    const char *url;                 /* encoded; sent byte for byte */
    const char *const *header_lines; /* "Name: value"; without CR and LF */
    size_t header_count;
    struct vfl_span body;       /* sent with POST; PUT has none */
    bool is_plain_http_allowed; /* only for endpoints that the administrator configured so */
    bool is_proxy_bypassed;     /* loopback and metadata endpoints */
    int64_t deadline_monotonic_ms;
    size_t max_body_bytes; /* of a successful answer */
    /* Gets the body of a 200 answer when write is set; every other body goes to response.body. */
    struct vfl_sink sink;
};

enum vfl_http_fault {
    VFL_HTTP_FAULT_NONE,
    VFL_HTTP_FAULT_TRANSIENT,
    VFL_HTTP_FAULT_TRANSIENT_ONCE, /* worth one more try, not a series */
    VFL_HTTP_FAULT_PERMANENT,
};

/* Values longer than their room are dropped, as if the header were absent. */
struct vfl_http_response {
    int status_code; /* 0: no answer */
    enum vfl_http_fault fault;
    struct vfl_strbuf body;
    uint64_t body_byte_count;     /* passed to the sink or put into body */
    uint64_t sink_byte_count;     /* passed to the sink */
    int64_t content_length_bytes; /* -1: not stated */
    int64_t sent_epoch_ms;        /* wall clock around the exchange */
    int64_t received_epoch_ms;
    char date[VFL_HTTP_HEADER_VALUE_SIZE];
    char age[VFL_HTTP_HEADER_VALUE_SIZE];
    char etag[VFL_HTTP_HEADER_VALUE_SIZE];
    char request_id[VFL_HTTP_HEADER_VALUE_SIZE];    /* x-amz-request-id or x-amzn-RequestId */
    char bucket_region[VFL_HTTP_HEADER_VALUE_SIZE]; /* x-amz-bucket-region */
    char retry_after[VFL_HTTP_HEADER_VALUE_SIZE];   /* x-amz-retry-after, milliseconds */
    bool is_request_sent;                           /* something took the connection */
};

/* Safe from any thread. VFL_NO_MEMORY, or VFL_CONFIG when the libcurl found at run time cannot do
 * what is needed (TLS, a resolver that does not block). */
enum vfl_status vfl_http_new(const struct vfl_http_options *options, struct vfl_http **ret_http,
                             struct vfl_error *err) VFL_MUST_CHECK;
/* NULL is fine. */
void vfl_http_free(struct vfl_http *http);

void vfl_http_response_init(struct vfl_http_response *response);
/* Empties it for the next request; keeps the body's allocation. */
void vfl_http_response_reset(struct vfl_http_response *response);
/* NULL and zeroed are fine. */
void vfl_http_response_fini(struct vfl_http_response *response);

/* A kept connection that had died in the meantime is replaced without a word: curl sends again when
 * not one byte was answered.
 *
 * VFL_OK: a complete answer was received, whatever its status code. The response is filled as far
 * as the exchange came also on failure; response->fault then says whether to repeat.
 * VFL_RETRY: network or server broke off; VFL_FORMAT: not HTTP; VFL_LIMIT: headers or body too
 * large; VFL_CONFIG: address, TLS or proxy set-up; VFL_CANCELLED; VFL_DEADLINE; else what the sink
 * returned, with its text. */
enum vfl_status vfl_http_perform(struct vfl_http *http, const struct vfl_http_request *request,
                                 struct vfl_http_response *response,
                                 struct vfl_error *err) VFL_MUST_CHECK;

#endif
