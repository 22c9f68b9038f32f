"""The fake's S3: versioned buckets in memory, addressed path-style. Source: Amazon S3 API
Reference; the spelling of listings (space as '+', '/' bare) is as measured on the real service."""

import base64
import hashlib
import secrets
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

from aws_reply import Reply, ServiceError, element, xml_reply

NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'
ACCOUNT = '123456789012'
KEY_ARN = 'arn:aws:kms:eu-west-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab'


class Version:
    """body None is a delete marker."""

    def __init__(self, body, modified):
        self.id = secrets.token_urlsafe(24)
        self.body = body
        self.modified = modified

    @property
    def etag(self):
        return '"' + hashlib.md5(self.body).hexdigest() + '"'


class Bucket:
    def __init__(self, name, region='eu-west-1', owner=ACCOUNT, versioning='Enabled'):
        self.name = name
        self.region = region
        self.owner = owner
        self.versioning = versioning  # 'Enabled', 'Suspended' or None
        self.versions = {}  # key -> list of Version, oldest first
        self.archived_keys = set()
        self.lifecycle = None  # the rules as XML
        self.tokens = {}  # continuation token -> last key
        self.scanned_count = 0  # keys that listings had to look at, deleted ones too

    def put(self, key, body):
        self.versions.setdefault(key, []).append(Version(body, time.time()))

    def current(self, key):
        versions = self.versions.get(key)
        return versions[-1] if versions and versions[-1].body is not None else None

    def keys(self):
        """Keys that a listing shows, in the byte order of UTF-8."""
        live = [key for key in self.versions if self.current(key)]
        return sorted(live, key=lambda key: key.encode('utf-8', 'surrogateescape'))

    def remove(self, key):
        if self.versioning == 'Enabled':  # leaves a marker also of a key that never was
            self.versions.setdefault(key, []).append(Version(None, time.time()))
        else:
            self.versions.pop(key, None)


def split_path(request):
    bucket, _, key = request.path[1:].partition('/')
    return bucket, key


def name_operation(request):
    bucket, key = split_path(request)
    names = {name for name, _ in request.query}
    query = dict(request.query)
    if not bucket:
        return 'ListBuckets', ''
    if key:
        name = {'GET': 'GetObject', 'PUT': 'PutObject', 'DELETE': 'DeleteObject',
                'HEAD': 'HeadObject'}.get(request.method, '?')
        return name, key
    if request.method == 'HEAD':
        return 'HeadBucket', bucket
    if request.method == 'POST' and 'delete' in names:
        return 'DeleteObjects', _keys_of_delete(request)
    if request.method == 'GET' and 'versioning' in names:
        return 'GetBucketVersioning', bucket
    if request.method == 'GET' and 'lifecycle' in names:
        return 'GetBucketLifecycleConfiguration', bucket
    if request.method == 'GET' and 'versions' in names:
        return 'ListObjectVersions', query.get('prefix', '')
    if request.method == 'GET' and query.get('list-type') == '2':
        return 'ListObjectsV2', query.get('prefix', '')
    return '?', f'{request.method} {request.raw_path}?{request.raw_query}'


ACTIONS = {'GetObject': 's3:GetObject', 'HeadObject': 's3:GetObject',
           'PutObject': 's3:PutObject', 'DeleteObject': 's3:DeleteObject',
           'HeadBucket': 's3:ListBucket', 'GetBucketVersioning': 's3:GetBucketVersioning',
           'GetBucketLifecycleConfiguration': 's3:GetLifecycleConfiguration',
           'ListObjectsV2': 's3:ListBucket', 'ListObjectVersions': 's3:ListBucketVersions'}


def perform(fake, operation, request, caller, region):
    name, key = split_path(request)
    bucket = fake.buckets.get(name)
    if bucket is None:
        raise ServiceError(404, 'NoSuchBucket', 'The specified bucket does not exist',
                           BucketName=name)
    _check_region(bucket, region)
    if operation == 'HeadBucket':  # tells the region also to whom it refuses all else
        is_denied = ACTIONS[operation] in fake.denied_actions or not _is_owner(bucket, request)
        return Reply(403 if is_denied else 200, b'', [('x-amz-bucket-region', bucket.region)])
    if not _is_owner(bucket, request):
        raise ServiceError(403, 'AccessDenied', 'Access Denied')
    if operation in ACTIONS:
        fake.authorize(caller, ACTIONS[operation], f'arn:aws:s3:::{name}')
    if operation == 'GetBucketLifecycleConfiguration':
        if bucket.lifecycle is None:
            raise ServiceError(404, 'NoSuchLifecycleConfiguration',
                               'The lifecycle configuration does not exist', BucketName=name)
        return xml_reply(f'<LifecycleConfiguration xmlns="{NAMESPACE}">{bucket.lifecycle}'
                         '</LifecycleConfiguration>')
    if operation == 'GetBucketVersioning':
        status = element('Status', bucket.versioning) if bucket.versioning else ''
        return xml_reply(f'<VersioningConfiguration xmlns="{NAMESPACE}">{status}'
                         '</VersioningConfiguration>')
    if operation == 'ListObjectVersions':
        return xml_reply(_list_versions(bucket, dict(request.query)))
    if operation == 'ListObjectsV2':
        return _list(fake, bucket, dict(request.query))
    if operation == 'GetObject':
        return _get(fake, bucket, key, request)
    if operation == 'DeleteObjects':
        return _delete_many(fake, bucket, request, caller)
    if operation == 'PutObject':
        bucket.put(key, request.body)
        return Reply(200, b'', [('ETag', bucket.current(key).etag)])
    if operation == 'DeleteObject':
        if 'versionId' in dict(request.query):
            fake.violations.append(f'DeleteObject of a version of {key}')
        _check_delete_condition(fake, bucket, key, request)
        bucket.remove(key)
        return Reply(204, b'')
    raise ServiceError(501, 'NotImplemented', f'the fake does not know {operation}')


def _is_owner(bucket, request):
    return request.header('x-amz-expected-bucket-owner') in (None, bucket.owner)


def _check_delete_condition(fake, bucket, key, request):
    """Amazon S3 User Guide, "How to perform conditional deletes"."""
    condition = request.header('if-match')
    if condition is None or fake.is_delete_condition_unknown:
        return
    version = bucket.current(key)
    if version is None or condition not in ('*', version.etag):
        raise ServiceError(412, 'PreconditionFailed', 'At least one of the pre-conditions you '
                           'specified did not hold', Condition='If-Match')


def _check_region(bucket, region):
    """Signed for another region: a redirect for us-east-1, else told so in a 400."""
    if region == bucket.region:
        return
    header = [('x-amz-bucket-region', bucket.region)]
    if region == 'us-east-1':
        raise ServiceError(
            301, 'PermanentRedirect', 'The bucket you are attempting to access must be addressed '
            'using the specified endpoint. Please send all future requests to this endpoint.',
            header, Endpoint=f'{bucket.name}.s3.{bucket.region}.amazonaws.com',
            Bucket=bucket.name)
    raise ServiceError(
        400, 'AuthorizationHeaderMalformed', 'The authorization header is malformed; the region '
        f"'{region}' is wrong; expecting '{bucket.region}'", header, Region=bucket.region)


def _list_versions(bucket, query):
    if set(query) - {'versions', 'prefix'}:
        raise ServiceError(400, 'InvalidArgument', f'unknown: {set(query)}')
    text = ''
    for key, versions in sorted(bucket.versions.items()):
        if key.startswith(query.get('prefix', '')):
            for version in reversed(versions):
                kind = 'DeleteMarker' if version.body is None else 'Version'
                text += (f'<{kind}>' + element('Key', key) + element('VersionId', version.id)
                         + f'</{kind}>')
    return (f'<ListVersionsResult xmlns="{NAMESPACE}">' + element('Name', bucket.name) + text
            + '</ListVersionsResult>')


def _list(fake, bucket, query):
    known = {'list-type', 'encoding-type', 'max-keys', 'prefix', 'start-after',
             'continuation-token'}
    if set(query) - known:
        raise ServiceError(400, 'InvalidArgument', f'unknown: {set(query) - known}')
    is_url = query.get('encoding-type') == 'url'

    def spell(text):
        if not is_url:
            return text
        return urllib.parse.quote_plus(text, safe='/*', errors='surrogateescape').replace('~',
                                                                                         '%7E')
    after = query.get('start-after', '')
    token = query.get('continuation-token')
    if token is not None:
        if token not in bucket.tokens:
            raise ServiceError(400, 'InvalidArgument',
                               'The continuation token provided is incorrect')
        after = bucket.tokens[token]
    prefix = query.get('prefix', '')
    wanted = [key for key in bucket.keys() if key.startswith(prefix)
              and key.encode('utf-8', 'surrogateescape') > after.encode('utf-8',
                                                                        'surrogateescape')]
    limit = min(int(query.get('max-keys', 1000)), 1000, fake.list_page_size)
    page = wanted[:limit]
    # A page ends at its last key; one that is the last looks at all deleted keys up to the end.
    end = page[-1] if len(page) < len(wanted) else None
    bucket.scanned_count += sum(key.startswith(prefix) and key > after
                                and (end is None or key <= end) for key in bucket.versions)
    text = (f'<ListBucketResult xmlns="{NAMESPACE}">' + element('Name', bucket.name)
            + element('Prefix', spell(prefix)))
    if len(page) < len(wanted):
        token = '1/+' + base64.b64encode(secrets.token_bytes(31)).decode() + '='
        bucket.tokens[token] = page[-1]
        text += element('NextContinuationToken', token)
    text += (element('KeyCount', len(page)) + element('MaxKeys', query.get('max-keys', 1000))
             + (element('EncodingType', 'url') if is_url else '')
             + element('IsTruncated', 'true' if len(page) < len(wanted) else 'false'))
    for key in page:
        version = bucket.current(key)
        modified = time.strftime('%Y-%m-%dT%H:%M:%S.000Z', time.gmtime(version.modified))
        storage = 'GLACIER' if key in bucket.archived_keys else 'STANDARD'
        text += ('<Contents>' + element('Key', spell(key)) + element('LastModified', modified)
                 + element('ETag', version.etag)
                 + element('Size', fake.listed_sizes.get(key, len(version.body)))
                 + element('StorageClass', storage) + '</Contents>')
    return xml_reply(text + '</ListBucketResult>')


def _get(fake, bucket, key, request):
    version = bucket.current(key)
    if version is None:
        marker = [('x-amz-delete-marker', 'true')] if key in bucket.versions else []
        raise ServiceError(404, 'NoSuchKey', 'The specified key does not exist.', marker, Key=key)
    if request.query and dict(request.query).keys() - {'versionId'}:
        fake.violations.append(f'GetObject with {request.raw_query}')
    if 'kms:Decrypt' in fake.denied_actions:
        raise ServiceError(403, 'AccessDenied', 'User: arn:aws:sts::123456789012:assumed-role/R/s '
                           f'is not authorized to perform: kms:Decrypt on resource: {KEY_ARN} '
                           'because no identity-based policy allows the kms:Decrypt action')
    if key in bucket.archived_keys:
        raise ServiceError(403, 'InvalidObjectState', 'The operation is not valid for the '
                           "object's storage class", StorageClass='GLACIER')
    condition = request.header('if-match')
    if condition is not None and condition.strip('"') != version.etag.strip('"'):
        raise ServiceError(412, 'PreconditionFailed', 'At least one of the pre-conditions you '
                           'specified did not hold', Condition='If-Match')
    return Reply(200, version.body, [('ETag', version.etag), ('x-amz-version-id', version.id),
                                     ('Content-Type', 'application/octet-stream'),
                                     ('Accept-Ranges', 'bytes')])


def _parse_delete(request):
    try:
        root = ElementTree.fromstring(request.body)
    except ElementTree.ParseError as error:
        raise ServiceError(400, 'MalformedXML', str(error)) from None
    prefix = root.tag[:-len('Delete')]
    if not root.tag.endswith('Delete') or prefix not in ('', '{' + NAMESPACE + '}'):
        raise ServiceError(400, 'MalformedXML', f'root element {root.tag}')
    objects = root.findall(prefix + 'Object')
    keys = [item.findtext(prefix + 'Key') for item in objects]
    versions = [item.findtext(prefix + 'VersionId') for item in objects]
    is_quiet = root.findtext(prefix + 'Quiet') == 'true'
    return keys, versions, is_quiet


def _keys_of_delete(request):
    try:
        return tuple(_parse_delete(request)[0])
    except ServiceError:
        return ()


def _delete_many(fake, bucket, request, caller):
    claimed = request.header('content-md5')
    if claimed is None:
        raise ServiceError(400, 'InvalidRequest', 'Missing required header for this request: '
                           'Content-MD5 OR x-amz-checksum-*')
    if claimed != base64.b64encode(hashlib.md5(request.body).digest()).decode():
        raise ServiceError(400, 'BadDigest', 'The Content-MD5 you specified did not match what we '
                           'received.')
    keys, versions, is_quiet = _parse_delete(request)
    if not 1 <= len(keys) <= 1000 or None in keys:
        raise ServiceError(400, 'MalformedXML', 'The XML you provided was not well-formed or did '
                           'not validate against our published schema')
    text = f'<DeleteResult xmlns="{NAMESPACE}">'
    for key, version in zip(keys, versions):
        if version is not None:
            fake.violations.append(f'DeleteObjects of a version of {key}')
        refused = fake.delete_errors.get(key)
        if 's3:DeleteObject' in fake.denied_actions:
            refused = ('AccessDenied', 'Access Denied')
        if refused is not None:
            text += ('<Error>' + element('Key', key) + element('Code', refused[0])
                     + element('Message', refused[1]) + '</Error>')
            continue
        bucket.remove(key)
        if not is_quiet:
            text += ('<Deleted>' + element('Key', key) + element('DeleteMarker', 'true')
                     + '</Deleted>')
    del caller
    return xml_reply(text + '</DeleteResult>')


def error_reply(error, request):
    details = ''.join(element(name, value) for name, value in error.details.items()
                      if name[0].isupper())
    reply = xml_reply('<Error>' + element('Code', error.code) + element('Message', error.message)
                      + details + element('Resource', request.raw_path)
                      + element('RequestId', 'FAKE0000REQUEST1')
                      + element('HostId', 'fakehostid=') + '</Error>',
                      error.status, error.headers)
    return reply
