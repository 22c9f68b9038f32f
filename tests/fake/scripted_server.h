/* An HTTP/1.1 server in a thread of the test: answers the requests of a script, in order, each with
 * its own raw reply, and is strict about it. Loopback, a port of the system's choice. */
#ifndef VFL_TEST_SCRIPTED_SERVER_H
#define VFL_TEST_SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/fake/tls_identity.h"

#define SCRIPTED_MAX_EXPECTATIONS 8

struct scripted_exchange {
    const char *target;                              /* "GET /path?query", exactly */
    const char *contains[SCRIPTED_MAX_EXPECTATIONS]; /* in head or body; case counts */
    const char *lacks[SCRIPTED_MAX_EXPECTATIONS];

    /* The reply: raw bytes as they are (with raw_size when they have a NUL); or status, extra
     * header lines (each with CRLF) and a body with its Content-Length. A status of 0 with no raw:
     * the connection is closed without a byte. */
    const char *raw;
    size_t raw_size;
    int status;
    const char *headers;
    const char *body;
    size_t body_size; /* 0: the length of body */

    size_t cut_bytes; /* when not 0: close after so many bytes of the reply */
    bool is_reset;    /* and close with a reset instead of a proper end */
    bool is_closed;   /* close after the reply */
    bool is_stalled;  /* send cut_bytes only, then wait for scripted_server_release */
    /* Hold the reply back until so many further exchanges are over; other connections go on. */
    size_t held_for;
    bool is_dripping; /* send cut_bytes, then a byte every 20 ms until the client goes away */
};

struct scripted_server;

/* The script is borrowed until finish. Fails the test when it cannot start. */
struct scripted_server *scripted_server_start(const struct scripted_exchange *script, size_t count);

/* The same as an HTTP proxy: grants every CONNECT and then is the asked host itself, over TLS, so
 * that a client can be tested with its real host names. identity is borrowed until finish. */
struct scripted_server *scripted_server_start_tls(const struct scripted_exchange *script,
                                                  size_t count,
                                                  const struct tls_identity *identity);

/* "http://127.0.0.1:PORT", valid until finish. */
const char *scripted_server_url(const struct scripted_server *server);

/* Waits until the server holds a reply, stalled or held back; false after ten seconds. */
bool scripted_server_wait_for_stall(struct scripted_server *server);
/* Lets a stalled reply go on. */
void scripted_server_release(struct scripted_server *server);

/* How many connections were accepted so far. */
size_t scripted_server_connection_count(struct scripted_server *server);

/* Stops the thread and frees. Fails the test when a request was not as the script has it, came
 * beyond its end, or did not come at all. */
void scripted_server_finish(struct scripted_server *server);

#endif
