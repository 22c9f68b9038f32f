"""Runs check-host on a configuration and reads what it submitted.

The two paths come from the build: CHECK_HOST and CHECK_LIB in the environment.
"""

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ACCOUNT = '120431062118'
REGION = 'eu-west-1'
HEADER = ('version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes '
          'start end action log-status')
RUN_SECONDS = 120
PREFIX = f'AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/'


def gzipped(*lines, header=HEADER):
    """The bytes of one flow-log object."""
    return gzip.compress(('\n'.join([header, *lines]) + '\n').encode(), mtime=0)


def object_key(number=0, account=ACCOUNT, region=REGION, layout='daily', folder='',
               flow_log='fl-0a1b2c3d4e5f60718', stamp='20210622T0745Z', end='.log.gz'):
    """A key as AWS writes it; number makes it unique."""
    day = (stamp[0:4], stamp[4:6], stamp[6:8])
    if layout.startswith('hive'):
        path = (f'AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/'
                'year={}/month={}/day={}/'.format(*day))
        hour = f'hour={stamp[9:11]}/'
    else:
        path = f'AWSLogs/{account}/vpcflowlogs/{region}/' + '/'.join(day) + '/'
        hour = f'{stamp[9:11]}/'
    if layout.endswith('hourly'):
        path += hour
    return (f'{folder}{"/" if folder else ""}{path}{account}_vpcflowlogs_{region}_{flow_log}_'
            f'{stamp}_{number:08x}{end}')


class Graph:
    """What one or more runs submitted, by id. Raises on a line that is not one of the known
    calls, so that stdout is proved to hold nothing else."""

    CALLS = {'submit_component', 'submit_relation', 'submit_metric', 'submit_raw_metrics_data',
             'submit_service_check', 'submit_event', 'submit_delete', 'submit_start_snapshot',
             'submit_stop_snapshot', 'start_transaction', 'stop_transaction',
             'discard_transaction', 'set_transaction_state', 'set_state', 'get_state', 'get_config',
             'get_hostname'}

    def __init__(self, text):
        self.calls = [json.loads(line) for line in text.splitlines()]
        unknown = {call['call'] for call in self.calls} - self.CALLS
        if unknown:
            raise ValueError(f'unknown calls on stdout: {unknown}')
        self.components = {c['id']: c for c in self.of('submit_component')}
        self.relations = {(r['source'], r['target']): r for r in self.of('submit_relation')}
        self.service_checks = {c['name']: c for c in self.of('submit_service_check')}

    def of(self, name):
        return [call for call in self.calls if call['call'] == name]

    def metrics(self, name):
        """[(value, {tag name: tag value})] in the order of submission."""
        return [(m['value'], dict(tag.split(':', 1) for tag in m['tags']))
                for m in self.of('submit_metric') if m['name'] == name]

    def total(self, name):
        return sum(value for value, _ in self.metrics(name))

    def topology(self):
        """Everything about components and relations, comparable between runs."""
        return (self.components, self.relations)

    def is_empty(self):
        """No element and no traffic was submitted (health metrics and checks may have been)."""
        return not (self.components or self.relations or self.of('submit_delete')
                    or self.metrics('aws.flowlog.bytes_sent'))


class HostResult:
    def __init__(self, status, stdout, log):
        self.status = status
        self.log = log
        self.graph = Graph(stdout)


def write_config(path, init_config, *instances):
    """The agent's conf.yaml form. Scalars and lists are written as JSON, which YAML contains."""
    with open(path, 'w', encoding='utf-8') as out:
        out.write('init_config:\n' if init_config else 'init_config: {}\n')
        for name, value in init_config.items():
            out.write(f'  {name}: {json.dumps(value)}\n')
        out.write('\ninstances:\n')
        for instance in instances:
            for i, (name, value) in enumerate(instance.items()):
                out.write(f'{"    " if i else "  - "}{name}: {json.dumps(value)}\n')


class HostTestCase(unittest.TestCase):
    """Gives each test a directory of its own, removed afterwards."""

    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='vfl-e2e-')
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.state = os.path.join(self.dir, 'state')

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write_json(self, name, value):
        with open(self.path(name), 'w', encoding='utf-8') as out:
            json.dump(value, out)
        return self.path(name)

    def start_host(self, init_config, *instances, arguments=('--once',)):
        """Starts the host in a clean environment; the caller waits for its end."""
        config = self.path('conf.yaml')
        write_config(config, init_config, *instances)
        environment = {name: value for name, value in os.environ.items()
                       if not name.upper().startswith('AWS_')
                       and not name.lower().endswith('_proxy')}
        # The machine may have an identity of its own, which is none of the tests' business.
        environment.update(AWS_EC2_METADATA_DISABLED='true', HOME=self.dir)
        command = [os.environ['CHECK_HOST'], '--check', os.environ['CHECK_LIB'], '--config',
                   config, '--output', 'jsonl', *arguments]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=environment, cwd=self.dir)

    def run_host(self, init_config, *instances, arguments=('--once',), expect=0):
        """Runs the host and checks its exit status (None: any)."""
        with self.start_host(init_config, *instances, arguments=arguments) as process:
            return self.finish_host(process, expect)

    def finish_host(self, process, expect=0):
        """Waits for a started host and checks its exit status (None: any)."""
        try:
            stdout, stderr = process.communicate(timeout=RUN_SECONDS)
        except BaseException:
            process.kill()
            raise
        log = stderr.decode('utf-8', 'replace')
        if expect is not None:
            self.assertEqual(process.returncode, expect, f'{" ".join(process.args)}\n{log}')
        self.assertNotIn('AddressSanitizer', log)
        self.assertNotIn('runtime error', log)
        return HostResult(process.returncode, stdout.decode('utf-8'), log)

    def assert_service_check(self, result, name, status, *words):
        """status: OK, WARNING or CRITICAL; each word must be in the message."""
        checks = result.graph.service_checks
        self.assertIn(name, checks, result.log)
        check = checks[name]
        expected = {'OK': 0, 'WARNING': 1, 'CRITICAL': 2}[status]
        self.assertEqual(check['status'], expected, (check, result.log))
        for word in words:
            self.assertIn(word.lower(), check['message'].lower())


class DirectoryBucket:
    """A bucket of the directory store."""

    def __init__(self, root, name='flow-logs'):
        self.root = root
        self.name = name
        os.makedirs(os.path.join(root, name))

    @property
    def url(self):
        return 'file://' + self.root

    def put(self, key, body):
        path = os.path.join(self.root, self.name, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as out:
            out.write(body)

    def _files(self, *parts):
        top = os.path.join(self.root, *parts, self.name)
        return sorted(os.path.relpath(os.path.join(folder, name), top)
                      for folder, _, names in os.walk(top) for name in names)

    def keys(self):
        return self._files()

    def deleted_keys(self):
        return self._files('.trash')


class S3Bucket:
    """A bucket of a real S3 server, through the owner's boto3 client."""

    def __init__(self, client, name):
        self.client = client
        self.name = name

    def put(self, key, body):
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def keys(self):
        pages = self.client.get_paginator('list_objects_v2').paginate(Bucket=self.name)
        return sorted(item['Key'] for page in pages for item in page.get('Contents', []))

    def deleted_keys(self):
        """Keys whose latest version is a delete marker above a version that is still there."""
        versions, markers = set(), set()
        pages = self.client.get_paginator('list_object_versions').paginate(Bucket=self.name)
        for page in pages:
            versions |= {v['Key'] for v in page.get('Versions', []) if not v['IsLatest']}
            markers |= {m['Key'] for m in page.get('DeleteMarkers', []) if m['IsLatest']}
        return sorted(versions & markers)

    def body_of_deleted(self, key):
        for version in self.client.list_object_versions(Bucket=self.name,
                                                        Prefix=key)['Versions']:
            got = self.client.get_object(Bucket=self.name, Key=key,
                                         VersionId=version['VersionId'])
            with contextlib.closing(got['Body']) as body:
                return body.read()
        return None


def main():
    """unittest's main; exit status 77 tells the build that everything was skipped."""
    for name in ('CHECK_HOST', 'CHECK_LIB'):
        if not os.path.isfile(os.environ.get(name, '')):
            sys.exit(f'{name} must name what the build made (docs/TESTING.md), '
                     f'not "{os.environ.get(name, "")}"')
    program = unittest.main(verbosity=2, exit=False)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.skipped and result.testsRun <= len(result.skipped) else 0)
