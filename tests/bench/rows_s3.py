"""Reading from a real S3 server on loopback, against curl with as many connections.

Near: the server has to share the processors with whoever reads from it, so what is left for
unpacking bounds the rate; igzip behind curl shows that bound. Far: each answer starts late and
nobody is busy, so the rate is that of requests under way at a time.
"""

import os
import statistics
import sys

import rows
from corpus import host_command
from measure import in_turns, seconds_until, taken

# In front, because Ceph's own module is called rgw too.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'e2e'))
ACCOUNT = '120431062118'
MAGIC_EXTERNAL_ID = 'disable_external_id_this_is_unsafe'  # radosgw cannot play the ExternalId rule
FIRST_BYTE_S = 0.030
AT_LEAST = 0.8


def s3(bench):
    try:
        import rgw
        missing = rgw.missing_programs()
    except ImportError as failure:
        missing = [failure.name]
    missing += [name for name in ('curl', 'igzip', 'xargs') if not rows.is_installed(name)]
    if missing:
        bench.table.add('S3', f'skipped: {", ".join(missing)} is not installed')
        return
    from far_server import FarServer
    with rgw.Rgw() as server:
        tenant = rgw.Tenant(server, ACCOUNT)
        near(bench, Bucket(bench, tenant, 'near', rows.twenty(bench), server.endpoint))
        with FarServer(server.rgw_port, FIRST_BYTE_S) as distant:
            small = rows.corpus(bench, 'small objects', objects=bench.small(400), records=4000,
                                interfaces=2000, pairs=bench.small(20_000))
            far(bench, Bucket(bench, tenant, 'far', small, distant.url))


class Bucket:
    """A corpus in a bucket of the server, and the programs that read all of it."""

    def __init__(self, bench, tenant, name, corpus, endpoint):
        self.bench, self.tenant, self.name, self.endpoint = bench, tenant, name, endpoint
        self.folder, self.size_mb = corpus.folder, corpus.stored_bytes / 1e6
        self.interfaces = os.path.join(corpus.folder, 'interfaces.json')
        top = os.path.join(corpus.folder, 'flow-logs')
        self.urls = []
        client = tenant.client()
        try:
            tenant.make_bucket(client, name)
            for path in corpus.files:
                key = os.path.relpath(path, top)
                client.upload_file(path, name, key)
                self.urls.append(self.sign(client, key))
        finally:
            client.close()

    def sign(self, client, key):
        """The signature of version 2 that boto3 makes here leaves the host out."""
        url = client.generate_presigned_url(
            'get_object', Params={'Bucket': self.name, 'Key': key}, ExpiresIn=3600)
        return url.replace(self.tenant.rgw.endpoint, self.endpoint, 1)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='ascii') as out:
            out.write(text)
        return path

    def curl(self, connections):
        path = self.write(f'curl-{connections}.conf', ''.join(
            f'url = "{url}"\noutput = "/dev/null"\n' for url in self.urls))
        return ['curl', '--silent', '--show-error', '--fail', '--noproxy', '*', '--parallel',
                '--parallel-immediate', '--parallel-max', str(connections), '--config', path]

    def curl_and_igzip(self, connections):
        path = self.write('urls', '\n'.join(self.urls) + '\n')
        return ['xargs', '-a', path, '-P', str(connections), '-n', '1', 'sh', '-c',
                'curl --silent --fail --noproxy "*" "$1" | igzip -dc >/dev/null', 'sh']

    def host(self):
        settings = {'role_arn': self.tenant.role_arn, 'flowlog_bucket_name': self.name,
                    's3_endpoint_url': self.endpoint, 's3_path_style': True,
                    'sts_endpoint_url': self.tenant.rgw.endpoint,
                    'interfaces_file': self.interfaces, **self.bench.s3_settings}
        return host_command(self.folder, 'jsonl', settings, {
            'aws_access_key_id': self.tenant.access_key,
            'aws_secret_access_key': self.tenant.secret_key, 'external_id': MAGIC_EXTERNAL_ID})

    def seconds(self, commands):
        """{name: median seconds of the clock}; the check's until it tells the first component."""
        functions = {name: lambda command=command: taken(command).wall_s
                     for name, command in commands.items()}
        host = self.host()
        functions['host'] = lambda: seconds_until(host, b'"submit_component"')
        return {name: statistics.median(values) for name, values in
                in_turns(functions, self.bench.runs).items()}


def near(bench, bucket):
    count = bench.connections
    seconds = bucket.seconds({'curl': bucket.curl(count), 'igzip': bucket.curl_and_igzip(count)})
    rates = {name: f'{bucket.size_mb / value:.0f} MB/s' for name, value in seconds.items()}
    table = bench.table
    table.add(f'S3: curl, {count} connections', rates['curl'])
    table.add(f'S3: {count} times curl \\| igzip', rates['igzip'])
    table.at_least('S3: download, parse and aggregate', seconds['curl'] / seconds['host'],
                   AT_LEAST, ' x curl', detail=rates['host'])
    table.at_least('S3: the same, beside curl and igzip', seconds['igzip'] / seconds['host'],
                   AT_LEAST, ' x curl \\| igzip')


def far(bench, bucket):
    count = bench.connections
    seconds = bucket.seconds({'curl': bucket.curl(count)})
    rates = {name: f'{len(bucket.urls) / value:.0f} objects/s' for name, value in seconds.items()}
    bench.table.add(f'S3, {FIRST_BYTE_S * 1000:.0f} ms away: curl, {count} connections',
                    rates['curl'])
    bench.table.at_least(f'S3, {FIRST_BYTE_S * 1000:.0f} ms away: download, parse and aggregate',
                         seconds['curl'] / seconds['host'], AT_LEAST, ' x curl',
                         detail=rates['host'])
