"""A strict, scripted stand-in for S3, STS and EC2 on loopback, for what a real S3 server cannot
show: the ExternalId rules, AWS's error bodies and codes, region scoping, EC2 paging, faults.

Each service has its own port, so that a request to the wrong one fails. Every request must carry a
correct signature (sigv4_verifier). Faults are scripted per operation and call number; a scripted
fault that was never reached is reported by unused_faults(). Names of operations are the API's:
AssumeRole, DescribeNetworkInterfaces, GetBucketVersioning, ListObjectsV2, GetObject, DeleteObjects,
HeadBucket, PutObject, DeleteObject, GetBucketLifecycleConfiguration, GetCallerIdentity.
"""

import http.server
import os
import socket
import ssl
import struct
import sys
import threading
import time
from email.utils import formatdate

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import aws_ec2  # noqa: E402
import aws_s3  # noqa: E402
import aws_sts  # noqa: E402
from aws_reply import Reply, ServiceError  # noqa: E402
from sigv4_verifier import Refused, Request, verify  # noqa: E402

ACCOUNT = '123456789012'
MAX_BODY_BYTES = 4 << 20


class Fault:
    """What happens instead of, or around, one call of an operation.

    reply or error: answered in place of doing it. cut_bytes: only so much of the body is sent, then
    the connection is reset. hold: the reply waits until the client hangs up or the fake is closed.
    is_lost: done, but the connection is reset without a reply. before: called with the fake first;
    with nothing else set the operation then goes on as usual.
    """

    def __init__(self, reply=None, error=None, cut_bytes=None, hold=False, is_lost=False,
                 before=None):
        self.reply = reply
        self.error = error
        self.cut_bytes = cut_bytes
        self.hold = hold
        self.is_lost = is_lost
        self.before = before


def slow_down():
    return Fault(error=ServiceError(503, 'SlowDown', 'Please reduce your request rate.'))


class FakeAws:
    """Use as a context manager. State may be read and changed between calls of the client."""

    def __init__(self, tls=None):
        """With tls, an ssl.SSLContext of a server, all three speak HTTPS."""
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.clock_offset_seconds = 0  # of the servers' clock against the real one
        self.users = {}  # access key -> (secret, arn)
        self.roles = {}  # arn -> aws_sts.Role
        self.sessions = {}  # access key -> aws_sts.Session
        self.buckets = {}  # name -> aws_s3.Bucket
        self.interfaces = {}  # region -> list in the form of `aws ec2 describe-network-interfaces`
        self.denied_actions = set()  # "s3:GetObject", ...
        self.is_delete_condition_unknown = False  # as of S3 servers that predate it
        self.list_page_size = 1000
        self.interfaces_page_size = 1000
        self.delete_errors = {}  # key -> (code, message)
        self.listed_sizes = {}  # key -> what a listing says in place of the size
        self.calls = []  # (operation, detail, HTTP status or 'lost'/'cut')
        self.violations = []  # what a careful client never does
        self._call_counts = {}
        self._faults = {}  # (operation, call number) -> Fault
        self._servers = {}
        for service in ('s3', 'sts', 'ec2'):
            server = _Server(self, service)
            self._servers[service] = server
            if tls is not None:
                server.socket = tls.wrap_socket(server.socket, server_side=True,
                                                do_handshake_on_connect=False)
            setattr(self, service + '_url',
                    f'http{"s" if tls else ""}://127.0.0.1:{server.server_address[1]}')

    def __enter__(self):
        for server in self._servers.values():
            server.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()
            server.thread.join()

    def now(self):
        return time.time() + self.clock_offset_seconds

    def add_user(self, access_key, secret, name='agent'):
        self.users[access_key] = (secret, f'arn:aws:iam::{ACCOUNT}:user/{name}')

    def add_role(self, arn, **options):
        self.roles[arn] = aws_sts.Role(arn, **options)
        return self.roles[arn]

    def add_bucket(self, name, **options):
        self.buckets[name] = aws_s3.Bucket(name, **options)
        return self.buckets[name]

    def expire_sessions(self):
        with self.lock:
            for session in self.sessions.values():
                session.expires = self.now() - 1

    def fault(self, operation, call_number, fault):
        """Scripts the call_number-th call (from 1, counted from now on) of operation."""
        with self.lock:
            self._faults[operation, self._call_counts.get(operation, 0) + call_number] = fault

    def unused_faults(self):
        with self.lock:
            return sorted(self._faults)

    def clear_faults(self):
        with self.lock:
            self._faults.clear()

    def details(self, operation, status=200):
        """Details of the calls of operation that were answered with status."""
        with self.lock:
            return [detail for name, detail, got in self.calls
                    if name == operation and got == status]

    def take_fault(self, operation):
        with self.lock:
            number = self._call_counts.get(operation, 0) + 1
            self._call_counts[operation] = number
            return self._faults.pop((operation, number), None)

    def find_secret(self, access_key):
        with self.lock:
            if access_key in self.users:
                return self.users[access_key][0]
            session = self.sessions.get(access_key)
            return session.secret if session else None

    def caller(self, verified, service):
        """ARN of who signed; checks the session's token and life."""
        with self.lock:
            if verified.access_key in self.users:
                if verified.token is not None:
                    raise ServiceError(403, 'InvalidClientTokenId' if service == 'sts'
                                       else 'InvalidToken', 'The provided token is malformed.')
                return self.users[verified.access_key][1]
            session = self.sessions[verified.access_key]
            if verified.token != session.token:
                code = {'s3': 'InvalidToken', 'ec2': 'AuthFailure'}.get(service,
                                                                       'InvalidClientTokenId')
                raise ServiceError(400 if service == 's3' else 403, code,
                                   'The provided token is malformed or otherwise invalid.')
            if session.expires <= self.now():
                code, status = {'s3': ('ExpiredToken', 400), 'ec2': ('RequestExpired', 400),
                                'sts': ('ExpiredToken', 403)}[service]
                raise ServiceError(status, code, 'The provided token has expired.')
            return session.arn

    def authorize(self, caller, action, resource):
        if action in self.denied_actions:
            raise ServiceError(403, 'AccessDenied', 'Access Denied', action=action,
                               caller=caller, resource=resource)


SERVICES = {'s3': aws_s3, 'sts': aws_sts, 'ec2': aws_ec2}
REFUSED_CODES = {
    's3': {'missing': (403, 'AccessDenied'), 'malformed': (400, 'AuthorizationHeaderMalformed'),
           'service': (400, 'AuthorizationHeaderMalformed'),
           'unknown-key': (403, 'InvalidAccessKeyId'), 'skew': (403, 'RequestTimeTooSkewed'),
           'signature': (403, 'SignatureDoesNotMatch'), 'body': (400, 'XAmzContentSHA256Mismatch')},
    'sts': {'missing': (403, 'MissingAuthenticationToken'), 'malformed':
            (400, 'IncompleteSignature'), 'service': (403, 'SignatureDoesNotMatch'),
            'unknown-key': (403, 'InvalidClientTokenId'), 'skew': (403, 'SignatureDoesNotMatch'),
            'signature': (403, 'SignatureDoesNotMatch'), 'body': (403, 'SignatureDoesNotMatch')},
    'ec2': {'missing': (401, 'AuthFailure'), 'malformed': (400, 'MalformedQueryString'),
            'service': (401, 'AuthFailure'), 'unknown-key': (401, 'AuthFailure'),
            'skew': (400, 'RequestExpired'), 'signature': (401, 'AuthFailure'),
            'body': (401, 'AuthFailure')},
}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, fake, service):
        super().__init__(('127.0.0.1', 0), _Handler)
        self.fake = fake
        self.service = service
        self.thread = threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.05})

    def handle_error(self, request, client_address):
        # A client that hangs up is normal here; anything else is a defect of the fake.
        if not isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout, ssl.SSLError)):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def do_any(self):
        fake, service = self.server.fake, SERVICES[self.server.service]
        length = int(self.headers.get('Content-Length') or 0)
        if length > MAX_BODY_BYTES or self.headers.get('Transfer-Encoding'):
            self.close_connection = True
            self._send(Reply(400, b''))
            return
        request = Request(self.command, self.path, self.headers.items(), self.rfile.read(length))
        operation, detail = '?', ''
        try:
            operation, detail = service.name_operation(request)
            fault = fake.take_fault(operation)
            reply = self._answer(fake, service, operation, request, fault)
        except ServiceError as error:
            fault = None
            reply = service.error_reply(error, request)
        except Refused as refused:
            fault = None
            status, code = REFUSED_CODES[self.server.service][refused.kind]
            reply = service.error_reply(ServiceError(status, code, refused.text), request)
        outcome = 'lost' if fault and fault.is_lost else reply.status
        with fake.lock:
            fake.calls.append((operation, detail, outcome))
        self._deliver(fake, reply, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any

    def _answer(self, fake, service, operation, request, fault):
        verified = verify(request, self.server.service, fake.find_secret, fake.now())
        if fault is not None:
            if fault.before is not None:
                fault.before(fake)
            if fault.error is not None:
                return service.error_reply(fault.error, request)
            if fault.reply is not None:
                return fault.reply
        caller = fake.caller(verified, self.server.service)
        with fake.lock:
            return service.perform(fake, operation, request, caller, verified.region)

    def _deliver(self, fake, reply, fault):
        if fault is not None and fault.hold:
            # Ends when the client hangs up (readable, nothing to read) or the test is over.
            self.connection.settimeout(0.05)
            while not fake.closing.is_set():
                try:
                    self.connection.recv(1)
                    break
                except socket.timeout:
                    continue
            self.close_connection = True
            return
        if fault is not None and (fault.is_lost or fault.cut_bytes is not None):
            if not fault.is_lost:
                self._send(reply, fault.cut_bytes)
            self.close_connection = True
            if fault.is_lost:  # a reset, not an orderly end
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                           struct.pack('ii', 1, 0))
            return
        self._send(reply)

    def _send(self, reply, cut_bytes=None):
        self.send_response_only(reply.status)
        self.send_header('Date', formatdate(self.server.fake.now(), usegmt=True))
        self.send_header('Server', 'AmazonS3' if self.server.service == 's3' else 'AmazonEC2')
        self.send_header('x-amz-request-id', 'FAKE0000REQUEST1')
        self.send_header('x-amz-id-2', 'fakehostid=')
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(reply.body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(reply.body if cut_bytes is None else reply.body[:cut_bytes])
