/* The one error type: a status that says what to do, a text that says what happened. */
#ifndef VFL_ERROR_H
#define VFL_ERROR_H

#include <stdarg.h>

#if defined(__GNUC__)
#define VFL_MUST_CHECK __attribute__((warn_unused_result))
#define VFL_PRINTF(format_index, args_index)                                                       \
    __attribute__((format(printf, format_index, args_index)))
#else
#define VFL_MUST_CHECK
#define VFL_PRINTF(format_index, args_index)
#endif

/* What the caller should do about a failure. */
enum vfl_status {
    VFL_OK = 0,
    VFL_RETRY,       /* transient (network, throttling, 5xx): the next run tries again */
    VFL_FORMAT,      /* bytes are not what they claim to be: keep this object, go on with others */
    VFL_UNSUPPORTED, /* understood, but not supported (Parquet, missing columns): keep, go on */
    VFL_LIMIT,       /* a stated bound was reached */
    VFL_NOT_FOUND,   /* the thing asked for is not there (any more) */
    VFL_DENIED,      /* credentials or permission: an operator has to act */
    VFL_CONFIG,    /* the configuration or the account's set-up is wrong: an operator has to act */
    VFL_CANCELLED, /* teardown asked us to stop */
    VFL_DEADLINE,  /* the run's time is over: the rest waits for the next run */
    VFL_NO_MEMORY,
    VFL_IO, /* local file system */
};

#define VFL_ERROR_TEXT_SIZE 512

/* Caller-owned, usually on the stack; zero-initialise. Every function takes NULL as well. Texts are
 * printable ASCII: bytes from outside are escaped on the way in, and what does not fit is cut with
 * "...". Never put a secret in one: they reach logs and service checks. */
struct vfl_error {
    enum vfl_status status;
    char text[VFL_ERROR_TEXT_SIZE];
};

/* Replaces err's content and returns status, so that `return vfl_error_set(...)` is one line. */
enum vfl_status vfl_error_set(struct vfl_error *err, enum vfl_status status, const char *format,
                              ...) VFL_PRINTF(3, 4);

/* Puts "<formatted>: " before err's text, once per layer that adds its own noun; returns status. */
enum vfl_status vfl_error_wrap(struct vfl_error *err, enum vfl_status status, const char *format,
                               ...) VFL_PRINTF(3, 4);

/* A fixed lower-case name of the status, e.g. "format", for logs and metrics tags. */
const char *vfl_status_name(enum vfl_status status);

#endif
