"""Checks AWS Signature Version 4 on a received request, as strictly as AWS does.

Written from the published description of the protocol and sharing no code with the product, so
that the two can disagree. Source: "Signature Version 4 signing process", AWS General Reference.
"""

import calendar
import hashlib
import hmac
import re
import time
import urllib.parse

WINDOW_SECONDS = 15 * 60
UNRESERVED = '-._~'
AUTHORIZATION = re.compile(
    r'AWS4-HMAC-SHA256 Credential=([^/, ]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9]+)/aws4_request, ?'
    r'SignedHeaders=([a-z0-9;.-]+), ?Signature=([0-9a-f]{64})')


class Refused(Exception):
    """The request is not acceptable: kind says what is wrong, text says it in words."""

    def __init__(self, kind, text, **details):
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.details = details


class Request:
    """One received request: raw target as on the wire, header list in order, whole body."""

    def __init__(self, method, target, headers, body):
        self.method = method
        self.raw_path, _, self.raw_query = target.partition('?')
        self.headers = [(name.lower(), value) for name, value in headers]
        self.body = body

    def header(self, name):
        values = [value for other, value in self.headers if other == name]
        if len(values) > 1 and name in ('authorization', 'x-amz-date', 'host', 'content-length'):
            raise Refused('malformed', f'header {name} was sent {len(values)} times')
        return ','.join(values) if values else None

    @property
    def path(self):
        return urllib.parse.unquote(self.raw_path, errors='surrogateescape')

    @property
    def query(self):
        """Decoded pairs. '+' is not a space here: AWS would read it so and the signature fail."""
        pairs = []
        for part in self.raw_query.split('&') if self.raw_query else []:
            name, _, value = part.partition('=')
            if '+' in part:
                raise Refused('malformed', f"query has a bare '+': {part}")
            pairs.append((urllib.parse.unquote(name, errors='surrogateescape'),
                          urllib.parse.unquote(value, errors='surrogateescape')))
        return pairs


class Verified:
    """What a good signature proves."""

    def __init__(self, access_key, region, token):
        self.access_key = access_key
        self.region = region
        self.token = token


def quote(text, keep=''):
    return urllib.parse.quote(text, safe=UNRESERVED + keep, errors='surrogateescape')


def canonical_request(request, signed_names, payload_hash):
    """S3 form of the path: decoded once and encoded once, nothing normalised. Other services are
    only ever asked at '/', where the forms do not differ."""
    query = sorted((quote(name), quote(value)) for name, value in request.query)
    lines = [request.method, quote(request.path, keep='/'),
             '&'.join(f'{name}={value}' for name, value in query)]
    for name in signed_names:
        values = [' '.join(value.split()) for other, value in request.headers if other == name]
        if not values:
            raise Refused('malformed', f'signed header {name} is not in the request')
        lines.append(f'{name}:{",".join(values)}')
    return '\n'.join(lines + ['', ';'.join(signed_names), payload_hash])


def signing_key(secret, date, region, service):
    key = ('AWS4' + secret).encode()
    for part in (date, region, service, 'aws4_request'):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def verify(request, service, find_secret, now):
    """find_secret(access_key) -> secret or None. Returns Verified, or raises Refused with kind
    missing, malformed, service, unknown-key, skew, signature or body."""
    text = request.header('authorization')
    if text is None:
        raise Refused('missing', 'no Authorization header')
    match = AUTHORIZATION.fullmatch(text)
    if match is None:
        raise Refused('malformed', 'the Authorization header is malformed')
    access_key, date, region, scope_service, names, signature = match.groups()
    if scope_service != service:
        raise Refused('service', f'Credential should be scoped to correct service: {service}.')
    secret = find_secret(access_key)
    if secret is None:
        raise Refused('unknown-key', 'The access key Id you provided does not exist.')
    stamp = _check_date(request, date, now)
    signed_names = names.split(';')
    _check_signed_names(request, signed_names, service)
    payload_hash = hashlib.sha256(request.body).hexdigest()
    claimed_hash = request.header('x-amz-content-sha256')
    if service == 's3' and claimed_hash is None:
        raise Refused('malformed', 'Missing required header for this request: '
                                   'x-amz-content-sha256')
    canonical = canonical_request(request, signed_names, claimed_hash or payload_hash)
    to_sign = '\n'.join(['AWS4-HMAC-SHA256', stamp, f'{date}/{region}/{service}/aws4_request',
                         hashlib.sha256(canonical.encode('utf-8', 'surrogateescape')).hexdigest()])
    expected = hmac.new(signing_key(secret, date, region, service), to_sign.encode(),
                        hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise Refused('signature', 'The request signature we calculated does not match the '
                                   'signature you provided.', canonical=canonical)
    if claimed_hash is not None and claimed_hash != payload_hash:
        raise Refused('body', "The provided 'x-amz-content-sha256' header does not match what was "
                              'computed.')
    return Verified(access_key, region, request.header('x-amz-security-token'))


def _check_date(request, date, now):
    stamp = request.header('x-amz-date') or ''
    if not re.fullmatch(r'\d{8}T\d{6}Z', stamp):
        raise Refused('malformed', 'AWS authentication requires a valid x-amz-date header')
    if not stamp.startswith(date):
        raise Refused('malformed', f'date {date} of the scope is not that of {stamp}')
    if abs(calendar.timegm(time.strptime(stamp, '%Y%m%dT%H%M%SZ')) - now) > WINDOW_SECONDS:
        raise Refused('skew', 'The difference between the request time and the current time is '
                              'too large.')
    return stamp


def _check_signed_names(request, signed_names, service):
    if signed_names != sorted(set(signed_names)):
        raise Refused('malformed', 'SignedHeaders are not sorted')
    present = {name for name, _ in request.headers}
    must_be_signed = {'host'} | {name for name in present if name.startswith('x-amz-')}
    if service == 's3':
        must_be_signed |= present & {'content-md5', 'range', 'if-match'}
    unsigned = sorted(must_be_signed - set(signed_names))
    if unsigned:
        raise Refused('signature', 'There were headers present in the request which were not '
                                   f'signed: {", ".join(unsigned)}')
