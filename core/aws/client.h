/* A signed AWS request with its repetitions: clock correction, retry quota, deadline, and errors in
 * words. Knows no operation; sts, s3 and ec2 do. */
#ifndef VFL_AWS_CLIENT_H
#define VFL_AWS_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/aws/clock.h"
#include "core/aws/credentials.h"
#include "core/aws/endpoint.h"
#include "core/aws/http.h"
#include "core/aws/retry.h"
#include "core/aws/sigv4.h"
#include "core/aws/xml.h"

#define VFL_AWS_MAX_DOCUMENT_BYTES (16u << 20)
#define VFL_AWS_DOCUMENT_TIMEOUT_MS 60000

struct vfl_aws_client_options {
    struct vfl_clock clock;       /* for signing and waiting */
    struct vfl_http_options http; /* with the cancellation flag */
};

/* What clients that work for the same run have together. Any thread, but for the deadline, which
 * is set while there is one thread. */
struct vfl_aws_budget {
    struct vfl_retry_quota quota;
    _Atomic uint64_t chance_state;
    int64_t deadline_monotonic_ms;  /* of the run; INT64_MAX for none */
    int64_t call_limit_ms;          /* of one call with its repetitions; 0 for none */
    _Atomic int64_t clock_skew_ms;  /* add to the wall clock to have the server's */
    _Atomic uint64_t request_count; /* every attempt counts */
};

/* One thread at a time, the cancellation flag excepted; not to be moved after init. Zeroed is fine
 * for fini. */
struct vfl_aws_client {
    struct vfl_http *http;
    struct vfl_clock clock;
    const atomic_bool *cancelled;
    struct vfl_aws_budget *budget; /* its own, or that of the client that it stands beside */
    struct vfl_aws_budget own_budget;
};

/* Everything is borrowed for the call. */
struct vfl_aws_call {
    const char *service; /* "s3": the path is an object's; any other: "/" */
    const char *region;
    const struct vfl_endpoint *endpoint;
    const char *method;
    struct vfl_span path; /* raw, starts with "/" */
    const struct vfl_sigv4_pair *params;
    size_t param_count;
    const struct vfl_sigv4_pair *headers; /* besides host, x-amz-date, -content-sha256, token */
    size_t header_count;
    struct vfl_span body;
    size_t max_body_bytes;
    int64_t timeout_ms;   /* of one attempt; the run's deadline may be nearer */
    struct vfl_sink sink; /* of a 200 answer's body; write NULL: reply->http.body has it */
    /* Looks at the body of a 2xx answer and may be called again with another: S3 can answer 200
     * with an error or a cut document. VFL_FORMAT makes it a server fault that is repeated. May be
     * NULL. */
    enum vfl_status (*parse)(void *ctx, struct vfl_span body, struct vfl_error *err);
    void *parse_ctx;
    const char *withheld; /* a server's text that quotes this is not shown; may be NULL */
};

struct vfl_aws_reply {
    struct vfl_http_response http;
    struct vfl_xml_fault fault; /* of the last attempt, when it failed */
    enum vfl_retry_class retry_class;
};

void vfl_aws_reply_init(struct vfl_aws_reply *reply);
/* NULL and zeroed are fine. */
void vfl_aws_reply_fini(struct vfl_aws_reply *reply);

enum vfl_status vfl_aws_client_init(struct vfl_aws_client *client,
                                    const struct vfl_aws_client_options *options,
                                    struct vfl_error *err) VFL_MUST_CHECK;
/* A client for one more thread: connections of its own, the budget of origin, which must outlive
 * it.
 */
enum vfl_status vfl_aws_client_init_beside(struct vfl_aws_client *client,
                                           const struct vfl_aws_client *origin,
                                           const struct vfl_http_options *http_options,
                                           struct vfl_error *err) VFL_MUST_CHECK;
void vfl_aws_client_fini(struct vfl_aws_client *client);

/* The server's time as far as we know it. */
int64_t vfl_aws_client_now_epoch_s(const struct vfl_aws_client *client);

/* Waits before repetition number retry_index (0, 1, ...), less when cancelled. False, at once, when
 * the wait would outlast the run. retry_after is the header's value or "". */
bool vfl_aws_client_pause(struct vfl_aws_client *client, enum vfl_retry_class class,
                          unsigned retry_index, const char *retry_after);

/* credentials NULL: the request is not signed.
 *
 * VFL_OK: a 2xx answer that parse (if any) took. Else the reply tells status code, fault and retry
 * class to callers that know better, and err has "HTTP 403 AccessDenied: text (request X)".
 * VFL_RETRY: tried in vain, or bytes had been passed to the sink; VFL_DENIED: 401, 403 and
 * credential faults; VFL_NOT_FOUND: 404; VFL_CONFIG: other 4xx, redirects; VFL_CANCELLED;
 * VFL_DEADLINE: of the run; VFL_LIMIT; VFL_NO_MEMORY; or what sink or parse returned. */
enum vfl_status vfl_aws_client_call(struct vfl_aws_client *client, const struct vfl_aws_call *call,
                                    const struct vfl_credentials *credentials,
                                    struct vfl_aws_reply *reply,
                                    struct vfl_error *err) VFL_MUST_CHECK;

#endif
