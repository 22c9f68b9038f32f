"""Runs every case of tests/fixtures/topology through the shipped library in the shipped host.

The format of a case is told in tests/fixtures/topology/README.md. A case passes when what the host
was told comes to exactly the expected graph, and when the same records reversed, in objects of
another order, and one record an object make the very same calls.

CHECK_HOST, CHECK_LIB and CHECK_STEPS in the environment name the host, the library, and what is
preloaded so that a case decides when each of its runs happens. Arguments name single cases.
"""

import concurrent.futures
import gzip
import ipaddress
import itertools
import json
import os
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest

FIXTURES = os.environ.get('TOPOLOGY_CASES') or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), os.pardir, 'fixtures', 'topology')
ACCOUNT = '123456789010'
REGION = 'eu-west-1'
BUCKET = 'flow-logs'
FLOW_LOG = 'fl-0a1b2c3d4e5f60718'
STAMP = '20241209T0750Z'
STEP_SECONDS = 60
BYTE_GAUGES = ('aws.flowlog.bytes_sent', 'aws.flowlog.bytes_received')
RATE_GAUGES = ('aws.flowlog.bytes_sent_per_second', 'aws.flowlog.bytes_received_per_second')
TOPOLOGY_CALLS = ('submit_component', 'submit_relation', 'submit_delete', 'start_snapshot',
                  'stop_snapshot')


def load_json(*path):
    with open(os.path.join(*path), encoding='utf-8') as source:
        return json.load(source)


def full_urn(text):
    """vpc-x/10.0.0.1 -> urn:vpcip:vpc-x/10.0.0.1, 203.0.113.1 -> urn:host:/203.0.113.1."""
    if text.startswith('urn:'):
        return text
    return f'urn:vpcip:{text}' if '/' in text else f'urn:host:/{text}'


def full_pair(text):
    source, target = text.split('>')
    return full_urn(source), full_urn(target)


def element_id(text):
    """Of a component, or source>target of a relation, as it is deleted by."""
    return '-flowlog-'.join(full_pair(text)) if '>' in text else full_urn(text)


def address_of(urn):
    return urn.rsplit('/', 1)[1]


class FlowLogFile:
    """One file of a case: its header, its records, and the objects that they become."""

    def __init__(self, folder, name, placement):
        with open(os.path.join(folder, name), encoding='utf-8') as source:
            lines = source.read().splitlines()
        # The default format may come without a header: then the first value is the version.
        has_header = not lines[0].split()[0].isdigit()
        self.header = lines[:1] if has_header else []
        self.records = lines[1:] if has_header else lines
        self.placement = placement

    def key(self, number):
        region = self.placement.get('region', REGION)
        stamp = self.placement.get('stamp', STAMP)
        flow_log = self.placement.get('flow_log', FLOW_LOG)
        layout = self.placement.get('layout', 'daily')
        end = self.placement.get('end', '.log.gz')
        year, month, day, hour = stamp[0:4], stamp[4:6], stamp[6:8], stamp[9:11]
        if layout.startswith('hive'):
            path = (f'aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region={region}/'
                    f'year={year}/month={month}/day={day}/hour={hour}/')
        else:
            path = f'{ACCOUNT}/vpcflowlogs/{region}/{year}/{month}/{day}/{hour}/'
        if not layout.endswith('hourly'):
            path = path[:path[:-1].rindex('/') + 1]
        return (f'{self.placement.get("folder", "")}AWSLogs/{path}{ACCOUNT}_vpcflowlogs_{region}_'
                f'{flow_log}_{stamp}_{number:08x}{end}')

    def body(self, records):
        return gzip.compress(('\n'.join([*self.header, *records]) + '\n').encode(), mtime=0)


class Case:
    def __init__(self, folder):
        self.folder = folder
        self.name = os.path.basename(folder)
        self.told = load_json(folder, 'case.json')
        self.expected = load_json(folder, 'expected.json')
        self.instance = self.told.get('config', {})
        names = sorted(name for name in os.listdir(folder)
                       if name.startswith('records') and name.endswith('.log'))
        self.steps = [step if isinstance(step, dict) else {'files': step}
                      for step in self.told.get('runs', [names])]
        used = {name for step in self.steps for name in step.get('files', [])}
        if used != set(names):
            raise ValueError(f'{self.name}: files {names}, but its runs name {sorted(used)}')
        placements = self.told.get('objects', {})
        self.files = {name: FlowLogFile(folder, name, placements.get(name, {})) for name in names}
        self.interfaces = self.interfaces_path('interfaces.json')

    def interfaces_path(self, name):
        own = os.path.join(self.folder, name)
        return own if os.path.exists(own) else os.path.join(FIXTURES, name)


# --- arrangements: the same records in other orders and other objects ---------------------------

def objects_of(case, step, arrange):
    """[(file, body of an object)] of one step."""
    files = [case.files[name] for name in step.get('files', [])]
    return [(file, file.body(records)) for file, records in arrange(files)]


def as_written(files):
    return [(file, file.records) for file in files]


def records_reversed(files):
    return [(file, file.records[::-1]) for file in files]


def files_reversed(files):
    return as_written(files)[::-1]


def one_record_an_object(files):
    return [(file, [record]) for file in files for record in file.records][::-1]


ARRANGEMENTS = {'as written': as_written, 'records reversed': records_reversed,
                'files reversed': files_reversed, 'one record an object': one_record_an_object}


def permutations(case):
    """Every order of the records of a case that has one file."""
    count = max(len(file.records) for file in case.files.values())
    return {f'order {order}': lambda files, order=order: [
        (file, [file.records[i] for i in order]) for file in files]
            for order in itertools.permutations(range(count))}


# --- the host -----------------------------------------------------------------------------------

class HostFailure(Exception):
    pass


class Host:
    """One host process over a directory bucket of its own. Each step is one run of it, which begins
    when the step is in place."""

    def __init__(self, case):
        self.case = case
        self.dir = tempfile.mkdtemp(prefix='vfl-topology-')
        self.staged = 0
        self.buffer = b''
        self.process = None
        os.makedirs(os.path.join(self.dir, 'store', BUCKET))
        self.offset_s = 0
        self.gate = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        if self.gate is not None:
            os.close(self.gate)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write_offset(self):
        with open(self.path('offset.new'), 'wb') as out:
            out.write(struct.pack('=q', self.offset_s))
        os.replace(self.path('offset.new'), self.path('offset'))

    def write_config(self):
        instance = {
            'role_arn': f'arn:aws:iam::{ACCOUNT}:role/Reader', 'regions': [REGION],
            'process_flow_logs': True, 'flowlog_bucket_name': BUCKET,
            's3_endpoint_url': 'file://' + self.path('store'),
            'interfaces_file': self.path('interfaces.json'), **self.case.instance}
        with open(self.path('conf.yaml'), 'w', encoding='utf-8') as out:
            json.dump({'init_config': {}, 'instances': [instance]}, out)

    def release(self, step, objects):
        """Puts a step's objects, interfaces and time in place."""
        interfaces = step.get('interfaces')
        if interfaces is not None or self.process is None:
            source = (self.case.interfaces_path(interfaces) if interfaces else
                      self.case.interfaces)
            shutil.copyfile(source, self.path('interfaces.new'))
            os.replace(self.path('interfaces.new'), self.path('interfaces.json'))
        self.offset_s += step.get('advance_s', 0)
        self.write_offset()
        for file, body in objects:
            self.staged += 1
            path = self.path('store', BUCKET, file.key(self.staged))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as out:
                out.write(body)

    def environment(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.upper().startswith('AWS_')
                       and not name.lower().endswith('_proxy')}
        environment['TZ'] = 'UTC'
        if len(self.case.steps) > 1:
            environment['LD_PRELOAD'] = os.environ['CHECK_STEPS']
            environment['TEST_STEPS_GATE'] = self.path('gate')
            environment['TEST_STEPS_OFFSET'] = self.path('offset')
            environment['ASAN_OPTIONS'] = ':'.join(
                filter(None, [os.environ.get('ASAN_OPTIONS'), 'verify_asan_link_order=0']))
        return environment

    def start(self):
        self.write_config()
        os.mkfifo(self.path('gate'))
        # Open for reading too, so that opening does not wait for the host.
        self.gate = os.open(self.path('gate'), os.O_RDWR | os.O_CLOEXEC)
        command = [os.environ['CHECK_HOST'], '--check', os.environ['CHECK_LIB'], '--config',
                   self.path('conf.yaml'), '--output', 'jsonl', '--state', self.path('state'),
                   '--runs', str(len(self.case.steps))]
        with open(self.path('log'), 'wb') as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                cwd=self.dir, env=self.environment())

    def log(self):
        with open(self.path('log'), encoding='utf-8', errors='replace') as log:
            return log.read()

    def fail(self, reason):
        raise HostFailure(f'{self.case.name}: {reason}\n{self.log()}')

    def calls_of_run(self, deadline):
        """The calls of one run: up to its last service check, with which the host flushes."""
        calls = []
        while True:
            line, separator, rest = self.buffer.partition(b'\n')
            if separator:
                self.buffer = rest
                call = json.loads(line)
                calls.append(call)
                if call.get('name') == 'aws_flowlogs.can_update':
                    return calls
                continue
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, deadline - time.monotonic()))
            if not ready:
                self.fail(f'no end of the run after {STEP_SECONDS} s')
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            if not chunk:
                self.fail('the host ended')
            self.buffer += chunk

    def rest(self):
        deadline = time.monotonic() + STEP_SECONDS
        while True:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, deadline - time.monotonic()))
            if not ready:
                self.fail(f'the host goes on after its last run for {STEP_SECONDS} s')
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            if not chunk:
                return self.buffer
            self.buffer += chunk

    def run(self, arrange):
        """[calls of each step], log."""
        results = []
        for step in self.case.steps:
            self.release(step, objects_of(self.case, step, arrange))
            if self.process is None:
                self.start()
            else:
                os.write(self.gate, b'\n')
            results.append(self.calls_of_run(time.monotonic() + STEP_SECONDS))
        results[-1] += [json.loads(line) for line in self.rest().splitlines()]
        status = self.process.wait(timeout=STEP_SECONDS)
        log = self.log()
        if status != 0 or 'AddressSanitizer' in log or 'runtime error' in log:
            self.fail(f'the host ended with status {status}')
        return results, log


# --- what the calls come to ---------------------------------------------------------------------

def gauge_ends(call):
    tags = dict(tag.split(':', 1) for tag in call['tags'])
    return tags['source'], tags['target']


class Graph:
    """The live graph after the calls, and what else a case can be about."""

    def __init__(self, steps):
        self.components = {}
        self.relations = {}
        self.removed = set()
        self.gauges = {name: {} for name in BYTE_GAUGES + RATE_GAUGES}
        self.counts = {}
        self.calls = [{} for _ in steps]
        self.instances = []
        self.in_snapshot = None
        for count, calls in zip(self.calls, steps):
            for call in calls:
                if call['call'] in TOPOLOGY_CALLS:
                    count[call['call']] = count.get(call['call'], 0) + 1
                    self.instances.append(call['instance'])
                self.take(call)

    def take(self, call):
        kind = call['call']
        if kind == 'submit_component':
            self.components[call['id']] = call
            self.mark(call['id'])
        elif kind == 'submit_relation':
            self.relations[call['source'], call['target']] = call
            self.mark((call['source'], call['target']))
        elif kind == 'submit_delete':
            self.remove(call['id'])
        elif kind == 'start_snapshot':
            self.in_snapshot = set()
        elif kind == 'stop_snapshot':
            self.end_snapshot()
        elif kind == 'submit_metric' and call['name'] in self.gauges:
            values = self.gauges[call['name']]
            values.setdefault(gauge_ends(call), []).append(call['value'])
        elif kind == 'submit_metric':
            details = [tag for tag in call['tags'] if not tag.startswith('account:')]
            name = ' '.join([call['name'], *details])
            self.counts[name] = self.counts.get(name, 0) + call['value']

    def mark(self, element):
        if self.in_snapshot is not None:
            self.in_snapshot.add(element)

    def remove(self, removed_id):
        self.removed.add(removed_id)
        self.components.pop(removed_id, None)
        for pair in [pair for pair in self.relations if '-flowlog-'.join(pair) == removed_id]:
            del self.relations[pair]

    def end_snapshot(self):
        for pair in [pair for pair in self.relations if pair not in self.in_snapshot]:
            self.remove('-flowlog-'.join(pair))
        for name in [name for name in self.components if name not in self.in_snapshot]:
            self.remove(name)
        self.in_snapshot = None


def comparable(steps):
    """Per step: the topology calls in their order, and what the gauges sum up to."""
    return [([call for call in calls if call['call'] in TOPOLOGY_CALLS],
             [(call['name'], call['tags'], call['value']) for call in calls
              if call.get('name') in BYTE_GAUGES + RATE_GAUGES]) for calls in steps]


class TopologyCase(unittest.TestCase):
    """One instance for each case; see load_tests."""

    maxDiff = None
    longMessage = True

    def __init__(self, folder):
        super().__init__('run_case')
        self.case = Case(folder)

    def id(self):
        return f'topology.{self.case.name}'

    def shortDescription(self):
        return None

    def __str__(self):
        return self.case.name

    def run_case(self):
        for member in ('why', 'source'):
            self.assertTrue(self.case.told.get(member), f'case.json says no {member}')
        self.check_records()
        arrangements = dict(ARRANGEMENTS)
        if self.case.told.get('all_orders'):
            arrangements.update(permutations(self.case))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            runs = {name: pool.submit(self.run_arrangement, arrange)
                    for name, arrange in arrangements.items()}
        results = {name: run.result() for name, run in runs.items()}
        first, log = results['as written']
        self.check_graph(Graph(first), log)
        for name, (steps, _) in results.items():
            with self.subTest(arrangement=name):
                self.assertEqual(comparable(steps), comparable(first))

    def run_arrangement(self, arrange):
        with Host(self.case) as host:
            return host.run(arrange)

    def check_records(self):
        """One record an object must not make two equal objects, which count as delivered again."""
        for name, file in self.case.files.items():
            self.assertEqual(len(set(file.records)), len(file.records), f'{name}: equal records')

    def check_graph(self, graph, log):
        expected = self.case.expected
        known = {'components', 'regions', 'relations', 'bytes', 'rates', 'removed', 'counts',
                 'calls', 'log', 'instance'}
        self.assertEqual(set(expected) - known, set(), 'expected.json')
        with self.subTest(part='components'):
            self.assertEqual({name: sorted(call['data']['URN'])
                              for name, call in graph.components.items()},
                             {full_urn(name): sorted(full_urn(urn) for urn in urns)
                              for name, urns in expected['components'].items()}, log)
        self.check_relations(graph, expected['relations'], log)
        self.check_gauges(graph, BYTE_GAUGES, expected['bytes'])
        if 'rates' in expected:
            self.check_gauges(graph, RATE_GAUGES, expected['rates'])
        with self.subTest(part='removed'):
            self.assertEqual(graph.removed,
                             {element_id(text) for text in expected.get('removed', [])})
        for name, value in expected.get('counts', {}).items():
            with self.subTest(part=name):
                self.assertEqual(graph.counts.get(name), value, log)
        if 'calls' in expected:
            with self.subTest(part='calls'):
                self.assertEqual(graph.calls, expected['calls'])
        for words in expected.get('log', []):
            self.assertIn(words.lower(), log.lower())
        self.check_conventions(graph)

    def check_relations(self, graph, expected, log):
        wanted = {(full_urn(told['source']), full_urn(told['target'])): told for told in expected}
        with self.subTest(part='relations'):
            self.assertEqual(set(graph.relations), set(wanted), log)
        for pair in set(wanted) & set(graph.relations):
            with self.subTest(part='relation', relation=pair):
                self.check_relation(graph.relations[pair]['data'], wanted[pair])

    def check_relation(self, data, told):
        members = {name: value for name, value in told.items() if name not in
                   ('source', 'target', 'refusal_words', 'no_refusal', 'port_count')}
        self.assertEqual({name: data.get(name) for name in members}, members)
        for words in told.get('refusal_words', []):
            self.assertIn(words.lower(), data.get('refusal', '').lower())
        if 'port_count' in told:
            self.assertEqual(len(data['ports']), told['port_count'])
        if told.get('no_refusal'):
            self.assertNotIn('refusal', data)

    def check_gauges(self, graph, names, expected):
        tagged = {tuple(urn.replace('.', '_') for urn in full_pair(pair)): values
                  for pair, values in expected.items()}
        told = {}
        for i, name in enumerate(names):
            for ends, values in graph.gauges[name].items():
                told.setdefault(ends, [None, None])[i] = round(sum(values), 6)
        with self.subTest(part=names[0]):
            self.assertEqual(told, {ends: [round(value, 6) for value in values]
                                    for ends, values in tagged.items()})

    def check_conventions(self, graph):
        """What holds for every element, whatever the case is about."""
        expected = self.case.expected
        instance = expected.get('instance', {'type': 'aws-v2', 'url': ACCOUNT})
        for told in graph.instances:
            self.assertEqual(told, instance)
        regions = {full_urn(name): region for name, region in expected.get('regions', {}).items()}
        for name, call in graph.components.items():
            self.assertEqual(call['data']['URN'][0], name)
            self.assertEqual(call['type'], 'vpc.request')
            location = call['data']['Location']
            self.assertEqual(location['AwsAccount'], ACCOUNT)
            if name in regions or name.startswith('urn:vpcip:'):
                self.assertEqual(location['AwsRegion'], regions.get(name, REGION), name)
            self.assertEqual(call['data']['tags'], ['integration-type:aws-v2',
                                                    f'integration-url:{ACCOUNT}'])
        for (source, target), call in graph.relations.items():
            data = call['data']
            self.assertIn(source, graph.components)
            self.assertIn(target, graph.components)
            self.assertEqual(call['type'], 'flowlog')
            self.assertEqual((data['source'], data['target']),
                             (source.replace('.', '_'), target.replace('.', '_')))
            self.assertEqual((data['local_address'], data['remote_address']),
                             (address_of(source), address_of(target)))
            version = ipaddress.ip_address(address_of(source)).version
            self.assertEqual(data['family'], f'v{version}')
        if instance['type'] == 'aws-v2':
            # A snapshot under the account scan's key would delete everything that the scan found.
            for calls in graph.calls:
                self.assertFalse({'start_snapshot', 'stop_snapshot'} & set(calls))
        connected = {end for pair in graph.relations for end in pair}
        self.assertEqual(set(graph.components), connected, 'components without a relation')


def load_tests(*_):
    names = sys.argv[1:] or sorted(name for name in os.listdir(FIXTURES)
                                   if os.path.isdir(os.path.join(FIXTURES, name)))
    return unittest.TestSuite(TopologyCase(os.path.join(FIXTURES, name)) for name in names)


if __name__ == '__main__':
    outcome = unittest.TextTestRunner(verbosity=2).run(load_tests())
    sys.exit(0 if outcome.wasSuccessful() and outcome.testsRun > 0 else 1)
