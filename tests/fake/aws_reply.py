"""What the services of the fake answer with."""

from xml.sax.saxutils import escape


class Reply:
    def __init__(self, status, body=b'', headers=()):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = list(headers)


class ServiceError(Exception):
    """An error of the service itself; each service knows how its error body looks."""

    def __init__(self, status, code, message, headers=(), **details):
        super().__init__(f'{status} {code}: {message}')
        self.status = status
        self.code = code
        self.message = message
        self.headers = list(headers)
        self.details = details


def xml_reply(text, status=200, headers=()):
    return Reply(status, '<?xml version="1.0" encoding="UTF-8"?>\n' + text,
                 [('Content-Type', 'application/xml')] + list(headers))


def element(name, value):
    return f'<{name}>{escape(str(value))}</{name}>'
