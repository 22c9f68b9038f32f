"""A TCP proxy before an S3 server that breaks a seeded share of the answers.

It knows enough HTTP to tell requests and answers apart. One request of the client is one decision,
so that the same seed and the same requests give the same faults.
"""

import random
import re
import socket
import socketserver
import struct
import threading
import time
import xml.sax.saxutils

MAX_STALL_S = 0.3
SOCKET_SECONDS = 20
ERROR = ('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{0}</Code><Message>{0}</Message>'
         '<RequestId>tx1</RequestId></Error>')
KEY = re.compile(rb'<Key>(.*?)</Key>', re.S)


class Message:
    """A request or an answer as it was on the wire."""

    def __init__(self, head, body):
        self.head = head
        self.body = body

    @property
    def wire(self):
        return self.head + self.body

    @property
    def first_line(self):
        return self.head.split(b'\r\n', 1)[0].decode('latin-1')


def read_message(stream, has_no_body=False):
    """None at an orderly end before the first byte. ConnectionError when it is cut."""
    head = stream.readline()
    if not head:
        return None
    length, is_chunked = 0, False
    while True:
        line = stream.readline()
        if not line.endswith(b'\n'):
            raise ConnectionError('cut in the head')
        head += line
        if line in (b'\r\n', b'\n'):
            break
        name, _, value = line.decode('latin-1').partition(':')
        if name.lower() == 'content-length':
            length = int(value)
        is_chunked |= name.lower() == 'transfer-encoding' and 'chunked' in value.lower()
    if has_no_body:
        return Message(head, b'')
    body = read_chunks(stream) if is_chunked else stream.read(length)
    if not is_chunked and len(body) != length:
        raise ConnectionError('cut in the body')
    return Message(head, body)


def read_chunks(stream):
    body = b''
    while True:
        line = stream.readline()
        size = int(line.split(b';')[0], 16)
        data = stream.read(size + 2)
        if len(data) != size + 2:
            raise ConnectionError('cut in a chunk')
        body += line + data
        if size == 0:
            return body


def name_operation(request):
    method, target, _ = request.first_line.split(' ', 2)
    query = target.partition('?')[2]
    if method == 'POST' and b'Action=AssumeRole' in request.body:
        return 'AssumeRole'
    if method == 'POST' and query.startswith('delete'):
        return 'DeleteObjects'
    if 'list-type=2' in query:
        return 'ListObjectsV2'
    if query.startswith('versioning'):
        return 'GetBucketVersioning'
    return 'GetObject' if method == 'GET' and not query else method


def deleted_keys(request):
    return [xml.sax.saxutils.unescape(key.decode(), {'&quot;': '"', '&apos;': "'"})
            for key in KEY.findall(request.body)]


def answer(status, text):
    body = text.encode()
    return Message(f'HTTP/1.1 {status}\r\nContent-Type: application/xml\r\n'
                   f'Content-Length: {len(body)}\r\n\r\n'.encode(), body)


class Hangup(Exception):
    """The connection ends here; is_reset says how."""

    def __init__(self, is_reset):
        super().__init__()
        self.is_reset = is_reset


class LoopbackServer:
    """Hands each connection to serve, in a thread of its own. Use as a context manager; url is its
    address."""

    def __init__(self, serve):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server.server_address[1]}'
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={'poll_interval': 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class FaultyProxy(LoopbackServer):
    """Use as a context manager; url is its address. share is the part of requests that meet a
    fault, 0 to stop; without names faults to leave out. on_delete(keys) is called before a
    DeleteObjects is passed on."""

    def __init__(self, upstream_port, seed, on_delete, without=()):
        self.upstream_port = upstream_port
        self.rng = random.Random(seed)
        self.on_delete = on_delete
        self.names = [name for name in FAULTS if name not in without]
        self.share = 0.0
        self.lock = threading.Lock()
        self.fault_counts = {}
        self.request_count = 0
        super().__init__(self.serve)

    def serve(self, client):
        client.settimeout(SOCKET_SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with client.makefile('rb') as stream:
                while True:
                    request = read_message(stream)
                    if request is None:
                        return
                    self.serve_one(client, request)
        except Hangup as hangup:
            if hangup.is_reset:  # a reset, not an orderly end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        except OSError:
            pass  # the client hung up, or was killed

    def serve_one(self, client, request):
        operation = name_operation(request)
        with self.lock:
            self.request_count += 1
            chance = random.Random(self.rng.random())
            name = chance.choice(self.names) if chance.random() < self.share else None
            if name is not None:
                self.fault_counts[name] = self.fault_counts.get(name, 0) + 1
        if operation == 'DeleteObjects':
            self.on_delete(deleted_keys(request))
        exchange = Exchange(self, client, request, operation, chance)
        if name is None:
            client.sendall(exchange.forward().wire)
        else:
            FAULTS[name](exchange)

    def forward(self, request):
        with socket.create_connection(('127.0.0.1', self.upstream_port),
                                      timeout=SOCKET_SECONDS) as server:
            server.sendall(request.wire)
            with server.makefile('rb') as stream:
                got = read_message(stream, request.head.startswith(b'HEAD'))
                while got is not None and got.first_line.split(' ')[1] == '100':
                    got = read_message(stream, request.head.startswith(b'HEAD'))
        if got is None:
            raise ConnectionError('the server did not answer')
        return got


class Exchange:
    """One request under a fault."""

    def __init__(self, proxy, client, request, operation, chance):
        self.proxy = proxy
        self.client = client
        self.request = request
        self.operation = operation
        self.chance = chance

    def forward(self):
        return self.proxy.forward(self.request)

    def reset_before(self):
        raise Hangup(True)

    def reset_after(self):
        self.forward()
        raise Hangup(True)

    def cut(self):
        wire = self.forward().wire
        self.client.sendall(wire[:self.chance.randrange(len(wire))])
        raise Hangup(self.chance.random() < 0.5)

    def stall(self):
        wire = self.forward().wire
        at = self.chance.randrange(len(wire))
        self.client.sendall(wire[:at])
        time.sleep(self.chance.uniform(0, MAX_STALL_S))
        self.client.sendall(wire[at:])

    def late(self):
        wire = self.forward().wire
        time.sleep(self.chance.uniform(0, MAX_STALL_S))
        self.client.sendall(wire)

    def status_500(self):
        self.client.sendall(answer('500 Internal Server Error', ERROR.format('InternalError')).wire)

    def status_503(self):
        self.client.sendall(answer('503 Slow Down', ERROR.format('SlowDown')).wire)

    def done_but_500(self):
        self.forward()
        self.status_500()

    def error_in_200(self):
        if self.chance.random() < 0.5:
            self.forward()
        self.client.sendall(answer('200 OK', ERROR.format('InternalError')).wire)

    def corrupt(self):
        """An object may have any byte changed. A document gets a byte that XML forbids: a change
        that leaves it well-formed is what TLS is for."""
        got = self.forward()
        if got.body:
            body = bytearray(got.body)
            at = self.chance.randrange(len(body))
            is_object = self.operation == 'GetObject' and ' 200' in got.first_line
            body[at] = body[at] ^ self.chance.randrange(1, 256) if is_object else 0
            got.body = bytes(body)
        self.client.sendall(got.wire)

    def twice(self):
        wire = self.forward().wire
        self.client.sendall(wire + wire)

    def asked_twice(self):
        """As a proxy on the way does that repeats a request by itself."""
        self.forward()
        self.client.sendall(self.forward().wire)


FAULTS = {name: getattr(Exchange, name) for name in (
    'reset_before', 'reset_after', 'cut', 'stall', 'late', 'status_500', 'status_503',
    'done_but_500', 'error_in_200', 'corrupt', 'twice', 'asked_twice')}
