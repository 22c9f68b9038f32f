"""The fake's DescribeNetworkInterfaces. Source: Amazon EC2 API Reference."""

import base64
import urllib.parse
from xml.sax.saxutils import escape

from aws_reply import ServiceError, element, xml_reply

NAMESPACE = 'http://ec2.amazonaws.com/doc/2016-11-15/'
# Where the name on the wire is not the command line's with a small first letter.
WIRE_NAMES = {'Groups': 'groupSet', 'PrivateIpAddresses': 'privateIpAddressesSet',
              'Ipv6Addresses': 'ipv6AddressesSet', 'Ipv4Prefixes': 'ipv4PrefixSet',
              'Ipv6Prefixes': 'ipv6PrefixSet', 'AssociatedSubnets': 'associatedSubnetSet'}


def _fields(request):
    pairs = urllib.parse.parse_qsl(request.body.decode('utf-8'), keep_blank_values=True)
    return dict(pairs)


def name_operation(request):
    if request.method != 'POST' or request.path != '/':
        raise ServiceError(400, 'InvalidAction', 'only POST / is known here')
    fields = _fields(request)
    return fields.get('Action', '?'), {'token': fields.get('NextToken')}


def perform(fake, operation, request, caller, region):
    fields = _fields(request)
    if operation != 'DescribeNetworkInterfaces' or fields.get('Version') != '2016-11-15':
        raise ServiceError(400, 'InvalidAction', f'The action {operation} is not valid')
    unknown = set(fields) - {'Action', 'Version', 'MaxResults', 'NextToken'}
    if unknown:
        raise ServiceError(400, 'UnknownParameter',
                           f'The parameter {sorted(unknown)[0]} is not recognized')
    if 'ec2:DescribeNetworkInterfaces' in fake.denied_actions:
        raise ServiceError(403, 'UnauthorizedOperation', 'You are not authorized to perform this '
                           f'operation. User: {caller} is not authorized to perform: '
                           'ec2:DescribeNetworkInterfaces because no identity-based policy allows '
                           'the ec2:DescribeNetworkInterfaces action')
    limit = int(fields.get('MaxResults', 1000))
    if not 5 <= limit <= 1000:
        raise ServiceError(400, 'InvalidParameterValue', f'Value ( {limit} ) for parameter '
                           'maxResults is invalid. Expecting a value between 5 and 1000.')
    start = 0
    if 'NextToken' in fields:
        try:
            start = int(base64.b64decode(fields['NextToken'].encode(), validate=True)[12:])
        except ValueError:
            raise ServiceError(400, 'InvalidNextToken', 'The token is invalid') from None
    interfaces = fake.interfaces.get(region, [])
    end = start + min(limit, fake.interfaces_page_size)
    text = (f'<DescribeNetworkInterfacesResponse xmlns="{NAMESPACE}">'
            '<requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>'
            + _to_xml('networkInterfaceSet', interfaces[start:end]))
    if end < len(interfaces):
        # Such that '+', '/' and '=' occur: the token must come back escaped.
        token = base64.b64encode(b'\xfb\xef\xbe\xff\xff\xfe token' + str(end).encode()).decode()
        text += element('nextToken', token)
    return xml_reply(text + '</DescribeNetworkInterfacesResponse>')


def _to_xml(name, value):
    if isinstance(value, dict):
        return f'<{name}>' + ''.join(
            _to_xml(WIRE_NAMES.get(key, key[0].lower() + key[1:]), inner)
            for key, inner in value.items()) + f'</{name}>'
    if isinstance(value, list):
        if not value:
            return f'<{name}/>'
        return f'<{name}>' + ''.join(_to_xml('item', item) for item in value) + f'</{name}>'
    if isinstance(value, bool):
        value = 'true' if value else 'false'
    return f'<{name}>{escape(str(value))}</{name}>'


def error_reply(error, request):
    del request
    return xml_reply('<Response><Errors><Error>' + element('Code', error.code)
                     + element('Message', error.message) + '</Error></Errors><RequestID>'
                     'ea966190-f9aa-478e-9ede-example</RequestID></Response>',
                     error.status, error.headers)
