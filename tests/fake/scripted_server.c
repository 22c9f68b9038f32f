#include "tests/fake/scripted_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_REQUEST_BYTES (4u << 20)
#define MAX_CONNECTIONS 16

struct connection {
    int fd;
    struct tls_stream *tls; /* NULL: plain */
    char *bytes;
    size_t used;
    char *held_reply; /* NULL: none */
    size_t held_size;
    size_t held_until; /* the exchange before which it is sent */
};

struct scripted_server {
    const struct scripted_exchange *script;
    size_t count;
    size_t next;
    const struct tls_identity *identity; /* NULL: plain HTTP */
    int listener;
    int wake[2]; /* written by finish */
    char url[64];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t connection_count;
    bool is_stalling;
    bool is_released;
    char problem[2048]; /* the first one */
    struct connection connections[MAX_CONNECTIONS];
};

static void note_problem(struct scripted_server *server, const char *what, const char *detail)
{
    if (server->problem[0] == '\0')
        (void)snprintf(server->problem, sizeof server->problem, "exchange %zu: %s: %.1500s",
                       server->next, what, detail);
}

static void close_connection(struct connection *connection, bool is_reset)
{
    if (is_reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    tls_stream_free(connection->tls);
    (void)close(connection->fd);
    free(connection->bytes);
    free(connection->held_reply);
    *connection = (struct connection){.fd = -1};
}

static bool send_all(struct connection *connection, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = connection->tls != NULL ? tls_stream_write(connection->tls, bytes, size)
                                               : send(connection->fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* The size of the complete request at the start of the buffer; 0 while it is incomplete. */
static size_t request_size(const struct connection *connection)
{
    const char *end = strstr(connection->bytes, "\r\n\r\n");
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - connection->bytes) + 4;
    size_t body = 0;
    for (const char *line = connection->bytes; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "content-length:", 15) == 0)
            for (const char *digit = line + 15; *digit == ' ' || (*digit >= '0' && *digit <= '9');
                 digit++)
                if (*digit != ' ')
                    body = body * 10 + (size_t)(*digit - '0');
    return connection->used >= head + body ? head + body : 0;
}

static bool check_request(struct scripted_server *server, const struct scripted_exchange *exchange,
                          const char *request)
{
    size_t length = strlen(exchange->target);
    if (strncmp(request, exchange->target, length) != 0 ||
        strncmp(request + length, " HTTP/1.1\r\n", 11) != 0) {
        note_problem(server, exchange->target, request);
        return false;
    }
    for (size_t i = 0; i < SCRIPTED_MAX_EXPECTATIONS; i++) {
        if (exchange->contains[i] != NULL && strstr(request, exchange->contains[i]) == NULL) {
            note_problem(server, exchange->contains[i], request);
            return false;
        }
        if (exchange->lacks[i] != NULL && strstr(request, exchange->lacks[i]) != NULL) {
            note_problem(server, "must not have", exchange->lacks[i]);
            return false;
        }
    }
    return true;
}

static void stall(struct scripted_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->is_stalling = true;
    (void)pthread_cond_broadcast(&server->changed);
    while (!server->is_released)
        (void)pthread_cond_wait(&server->changed, &server->mutex);
    server->is_stalling = server->is_released = false;
    (void)pthread_mutex_unlock(&server->mutex);
}

/* Keeps the reply for later; takes it over. */
static void hold_back(struct scripted_server *server, struct connection *connection, char *reply,
                      size_t size, size_t held_for)
{
    connection->held_reply = reply;
    connection->held_size = size;
    connection->held_until = server->next + held_for;
    (void)pthread_mutex_lock(&server->mutex);
    server->is_stalling = true;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->mutex);
}

static void send_held_replies(struct scripted_server *server)
{
    for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
        struct connection *connection = &server->connections[i];
        if (connection->held_reply == NULL || connection->held_until > server->next)
            continue;
        (void)send_all(connection, connection->held_reply, connection->held_size);
        free(connection->held_reply);
        connection->held_reply = NULL;
        (void)pthread_mutex_lock(&server->mutex);
        server->is_stalling = false;
        (void)pthread_mutex_unlock(&server->mutex);
    }
}

static char *make_reply(const struct scripted_exchange *exchange, size_t *ret_size)
{
    const char *body = exchange->body == NULL ? "" : exchange->body;
    size_t body_size = exchange->body_size > 0 ? exchange->body_size : strlen(body);
    const char *extra = exchange->headers == NULL ? "" : exchange->headers;
    size_t room = body_size + strlen(extra) + 256;
    char *reply;
    if (exchange->raw != NULL) {
        *ret_size = exchange->raw_size > 0 ? exchange->raw_size : strlen(exchange->raw);
        reply = malloc(*ret_size + 1);
        if (reply != NULL)
            memcpy(reply, exchange->raw, *ret_size);
        return reply;
    }
    reply = malloc(room);
    if (reply == NULL)
        return NULL;
    int head = snprintf(reply, room, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s\r\n",
                        exchange->status, body_size, extra);
    memcpy(reply + head, body, body_size);
    *ret_size = (size_t)head + body_size;
    return reply;
}

/* 50 bytes a second. The pause is the pace of the script; nothing waits for it. */
static bool drip(struct connection *connection, const char *bytes, size_t size)
{
    struct pollfd client = {.fd = connection->fd, .events = POLLIN};
    for (size_t i = 0; i < size; i++)
        if (poll(&client, 1, 20) != 0 || !send_all(connection, bytes + i, 1))
            return false;
    return true;
}

static void answer(struct scripted_server *server, struct connection *connection,
                   const struct scripted_exchange *exchange)
{
    size_t size = 0;
    char *reply = make_reply(exchange, &size);
    if (reply == NULL || (exchange->raw == NULL && exchange->status == 0)) {
        free(reply);
        close_connection(connection, exchange->is_reset);
        return;
    }
    if (exchange->held_for > 0) {
        hold_back(server, connection, reply, size, exchange->held_for);
        return;
    }
    bool is_held_up = exchange->is_stalled || exchange->is_dripping;
    size_t first = exchange->cut_bytes > 0 || is_held_up ? exchange->cut_bytes : size;
    bool is_sent = send_all(connection, reply, first);
    if (exchange->is_stalled) {
        stall(server);
        is_sent = is_sent && send_all(connection, reply + first, size - first);
    }
    if (exchange->is_dripping)
        is_sent = is_sent && drip(connection, reply + first, size - first);
    free(reply);
    if (!is_sent || exchange->is_closed || exchange->is_reset ||
        (exchange->cut_bytes > 0 && !is_held_up))
        close_connection(connection, exchange->is_reset);
}

static void serve_request(struct scripted_server *server, struct connection *connection)
{
    size_t size = request_size(connection);
    if (size == 0)
        return;
    if (server->next == server->count) {
        note_problem(server, "a request beyond the end of the script", connection->bytes);
        close_connection(connection, false);
        return;
    }
    const struct scripted_exchange *exchange = &server->script[server->next];
    bool is_expected = check_request(server, exchange, connection->bytes);
    server->next++;
    connection->used -= size;
    memmove(connection->bytes, connection->bytes + size, connection->used + 1);
    if (is_expected)
        answer(server, connection, exchange);
    else
        close_connection(connection, false);
    send_held_replies(server);
}

/* Plays the proxy and the host behind it in one. A client that does not trust the certificate goes
 * away, which is for the test to judge. */
static void open_tunnel(struct scripted_server *server, struct connection *connection)
{
    static const char granted[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    if (send_all(connection, granted, sizeof granted - 1))
        connection->tls = tls_stream_accept(server->identity, connection->fd);
    connection->used = 0;
    connection->bytes[0] = '\0';
    if (connection->tls == NULL)
        close_connection(connection, false);
}

static void read_once(struct scripted_server *server, struct connection *connection)
{
    char *room = connection->bytes + connection->used;
    size_t size = MAX_REQUEST_BYTES - connection->used - 1;
    ssize_t count = connection->tls != NULL ? tls_stream_read(connection->tls, room, size)
                                            : recv(connection->fd, room, size, 0);
    if (count <= 0) {
        close_connection(connection, false);
        return;
    }
    connection->used += (size_t)count;
    connection->bytes[connection->used] = '\0';
    if (server->identity != NULL && connection->tls == NULL &&
        strncmp(connection->bytes, "CONNECT ", 8) == 0) {
        if (request_size(connection) > 0)
            open_tunnel(server, connection);
        return;
    }
    serve_request(server, connection);
}

static void read_connection(struct scripted_server *server, struct connection *connection)
{
    do
        read_once(server, connection);
    while (connection->tls != NULL && tls_stream_has_more(connection->tls));
}

static void accept_connection(struct scripted_server *server)
{
    int fd = accept(server->listener, NULL, NULL);
    if (fd < 0)
        return;
    (void)pthread_mutex_lock(&server->mutex);
    server->connection_count++;
    (void)pthread_mutex_unlock(&server->mutex);
    for (size_t i = 0; i < MAX_CONNECTIONS; i++) {
        if (server->connections[i].fd >= 0)
            continue;
        char *bytes = malloc(MAX_REQUEST_BYTES);
        if (bytes == NULL)
            break;
        bytes[0] = '\0';
        server->connections[i] = (struct connection){.fd = fd, .bytes = bytes};
        return;
    }
    (void)close(fd);
}

static void *serve(void *ctx)
{
    struct scripted_server *server = ctx;
    for (;;) {
        struct pollfd fds[MAX_CONNECTIONS + 2];
        fds[0] = (struct pollfd){.fd = server->wake[0], .events = POLLIN};
        fds[1] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        for (size_t i = 0; i < MAX_CONNECTIONS; i++)
            fds[i + 2] = (struct pollfd){.fd = server->connections[i].fd, .events = POLLIN};
        if (poll(fds, MAX_CONNECTIONS + 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents != 0)
            break;
        for (size_t i = 0; i < MAX_CONNECTIONS; i++)
            if (fds[i + 2].revents != 0)
                read_connection(server, &server->connections[i]);
        if (fds[1].revents != 0)
            accept_connection(server);
    }
    for (size_t i = 0; i < MAX_CONNECTIONS; i++)
        if (server->connections[i].fd >= 0)
            close_connection(&server->connections[i], false);
    return NULL;
}

struct scripted_server *scripted_server_start(const struct scripted_exchange *script, size_t count)
{
    return scripted_server_start_tls(script, count, NULL);
}

struct scripted_server *scripted_server_start_tls(const struct scripted_exchange *script,
                                                  size_t count, const struct tls_identity *identity)
{
    struct scripted_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    ck_assert_ptr_nonnull(server);
    server->script = script;
    server->count = count;
    server->identity = identity;
    for (size_t i = 0; i < MAX_CONNECTIONS; i++)
        server->connections[i].fd = -1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(server->listener, 0);
    ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(server->listener, MAX_CONNECTIONS), 0);
    ck_assert_int_eq(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u",
                   (unsigned)ntohs(address.sin_port));
    ck_assert_int_eq(pipe(server->wake), 0);
    ck_assert_int_eq(pthread_mutex_init(&server->mutex, NULL), 0);
    ck_assert_int_eq(pthread_cond_init(&server->changed, NULL), 0);
    ck_assert_int_eq(pthread_create(&server->thread, NULL, serve, server), 0);
    return server;
}

const char *scripted_server_url(const struct scripted_server *server)
{
    return server->url;
}

bool scripted_server_wait_for_stall(struct scripted_server *server)
{
    struct timespec end;
    int failure = 0;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    (void)pthread_mutex_lock(&server->mutex);
    while (!server->is_stalling && failure == 0)
        failure = pthread_cond_timedwait(&server->changed, &server->mutex, &end);
    bool is_stalling = server->is_stalling;
    (void)pthread_mutex_unlock(&server->mutex);
    return is_stalling;
}

void scripted_server_release(struct scripted_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->is_released = true;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->mutex);
}

size_t scripted_server_connection_count(struct scripted_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    size_t count = server->connection_count;
    (void)pthread_mutex_unlock(&server->mutex);
    return count;
}

void scripted_server_finish(struct scripted_server *server)
{
    char problem[sizeof server->problem];
    ck_assert_int_eq(write(server->wake[1], "x", 1), 1);
    scripted_server_release(server);
    (void)pthread_join(server->thread, NULL);
    if (server->next < server->count)
        note_problem(server, "was never asked for", server->script[server->next].target);
    memcpy(problem, server->problem, sizeof problem);
    (void)close(server->listener);
    (void)close(server->wake[0]);
    (void)close(server->wake[1]);
    (void)pthread_mutex_destroy(&server->mutex);
    (void)pthread_cond_destroy(&server->changed);
    free(server);
    ck_assert_msg(problem[0] == '\0', "scripted server: %s", problem);
}
