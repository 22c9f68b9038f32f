"""The fake's AssumeRole and GetCallerIdentity. Source: AWS Security Token Service API Reference."""

import base64
import secrets
import time
import urllib.parse

from aws_reply import ServiceError, element, xml_reply

NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/'
KNOWN_PARAMETERS = {'Action', 'Version', 'RoleArn', 'RoleSessionName', 'ExternalId',
                    'DurationSeconds'}


class Role:
    """external_id: what the trust policy demands, or None for no condition."""

    def __init__(self, arn, external_id=None, session_seconds=3600, is_assumable=True):
        self.arn = arn
        self.external_id = external_id
        self.session_seconds = session_seconds
        self.is_assumable = is_assumable


class Session:
    def __init__(self, role, name, expires):
        account, role_name = role.arn.split(':')[4], role.arn.split('/')[-1]
        self.access_key = 'ASIA' + secrets.token_hex(8).upper()
        self.secret = base64.b64encode(secrets.token_bytes(30)).decode()
        # As long as AWS's, with the characters that must be escaped in a form and not in a header.
        self.token = 'IQoJb3JpZ2luX2VjE+/' + base64.b64encode(secrets.token_bytes(700)).decode()
        self.expires = expires
        self.arn = f'arn:aws:sts::{account}:assumed-role/{role_name}/{name}'


def name_operation(request):
    fields = _fields(request)
    return fields.get('Action', '?'), {'external_id': fields.get('ExternalId'),
                                       'role': fields.get('RoleArn'),
                                       'session_name': fields.get('RoleSessionName')}


def _fields(request):
    if request.method != 'POST' or request.path != '/':
        raise ServiceError(400, 'InvalidAction', 'only POST / is known here')
    kind = (request.header('content-type') or '').partition(';')[0].strip()
    if kind != 'application/x-www-form-urlencoded':
        raise ServiceError(400, 'MalformedInput', f'content type {kind!r}')
    pairs = urllib.parse.parse_qsl(request.body.decode('utf-8'), keep_blank_values=True,
                                   strict_parsing=True)
    if len(dict(pairs)) != len(pairs):
        raise ServiceError(400, 'MalformedInput', 'a parameter was given twice')
    return dict(pairs)


def perform(fake, operation, request, caller, region):
    del region
    fields = _fields(request)
    if operation == 'GetCallerIdentity' and set(fields) == {'Action', 'Version'}:
        return xml_reply(
            f'<GetCallerIdentityResponse xmlns="{NAMESPACE}"><GetCallerIdentityResult>'
            + element('Arn', caller) + element('UserId', 'AIDAFAKEFAKEFAKEFAKE1')
            + element('Account', caller.split(':')[4]) + '</GetCallerIdentityResult>'
            '<ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>'
            '</ResponseMetadata></GetCallerIdentityResponse>')
    if operation != 'AssumeRole' or fields.get('Version') != '2011-06-15':
        raise ServiceError(400, 'InvalidAction', f'Could not find operation {operation} for '
                                                 f'version {fields.get("Version")}')
    unknown = set(fields) - KNOWN_PARAMETERS
    name = fields.get('RoleSessionName', '')
    external_id = fields.get('ExternalId')
    if unknown or not 2 <= len(name) <= 64 or external_id is not None and len(external_id) < 2:
        raise ServiceError(400, 'ValidationError', f'validation error: {unknown or name!r}')
    refusal = (f'User: {caller} is not authorized to perform: sts:AssumeRole on resource: '
               f'{fields.get("RoleArn")}')
    if 'sts:AssumeRole' in fake.denied_actions:
        raise ServiceError(403, 'AccessDenied', refusal + ' because no identity-based policy '
                           'allows the sts:AssumeRole action')
    role = fake.roles.get(fields.get('RoleArn'))
    if role is None or not role.is_assumable or (
            role.external_id is not None and external_id != role.external_id):
        raise ServiceError(403, 'AccessDenied', refusal)
    seconds = int(fields.get('DurationSeconds', role.session_seconds))
    if not 900 <= int(fields.get('DurationSeconds', 3600)) <= 43200:
        raise ServiceError(400, 'ValidationError', 'durationSeconds out of range')
    session = Session(role, name, fake.now() + seconds)
    fake.sessions[session.access_key] = session
    expiration = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(session.expires))
    return xml_reply(
        f'<AssumeRoleResponse xmlns="{NAMESPACE}"><AssumeRoleResult><AssumedRoleUser>'
        + element('AssumedRoleId', 'AROAFAKEFAKEFAKEFAKE1:' + name) + element('Arn', session.arn)
        + '</AssumedRoleUser><Credentials>' + element('AccessKeyId', session.access_key)
        + element('SecretAccessKey', session.secret) + element('SessionToken', session.token)
        + element('Expiration', expiration) + '</Credentials></AssumeRoleResult>'
        '<ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>'
        '</ResponseMetadata></AssumeRoleResponse>')


def error_reply(error, request):
    del request
    return xml_reply(
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type>'
        + element('Code', error.code) + element('Message', error.message)
        + '</Error><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>',
        error.status, error.headers)
