"""A server on loopback made as far away as S3 is: each answer starts late, on any connection."""

import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'fault'))
from faulty_proxy import LoopbackServer, read_message  # noqa: E402


class FarServer(LoopbackServer):
    """Use as a context manager; url is its address."""

    def __init__(self, upstream_port, delay_s):
        def handle(client):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with socket.create_connection(('127.0.0.1', upstream_port)) as upstream:
                upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                serve(client, upstream, delay_s)

        super().__init__(handle)


def serve(client, upstream, delay_s):
    requests, answers = client.makefile('rb'), upstream.makefile('rb')
    try:
        while (request := read_message(requests)) is not None:
            upstream.sendall(request.wire)
            answer = read_message(answers, request.head.startswith(b'HEAD '))
            if answer is None:
                return
            time.sleep(delay_s)  # the distance itself
            client.sendall(answer.wire)
    except ConnectionError:
        pass  # either side may leave between two requests, or stop reading
