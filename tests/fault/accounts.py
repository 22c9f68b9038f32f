"""What went into the bucket against what the agent was told: the bookkeeping of the campaigns.

Every object has traffic of its own (a server address that no other object names, all records of one
size), so that the bytes of that relation say how many of its records were counted, and some on a
relation that all objects share. Only committed transactions count: those whose state came back.
"""

import base64
import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))

import harness  # noqa: E402
import worked_case  # noqa: E402

CLIENT_COUNT = 32
SHARED_SERVER = '10.3.0.1'
RUN_SECONDS = 60
SANITIZER_WORDS = ('Sanitizer', 'runtime error:')
SERVER_TAG = re.compile(r'^target:urn:vpcip:[^/]+/10_2_(\d+)_(\d+)$')
SHARED_TAG = re.compile(r'^target:urn:vpcip:[^/]+/' + SHARED_SERVER.replace('.', '_') + '$')


class Broken(Exception):
    """A promise was broken; the text says which."""


class FlowObject:
    """One object of the corpus; number makes it unique."""

    def __init__(self, number, record_count, account, client_count=CLIENT_COUNT):
        self.number = number
        self.client = number % client_count
        self.record_count = record_count
        self.account = account
        self.record_bytes = 100 + number % 50
        self.shared_bytes = 1 + number % 7
        # Names differ in their time too: newest first is the order of reading.
        self.stamp = f'20210622T{number // 60 % 24:02}{number % 60:02}Z'
        self.key = harness.object_key(number, account=account, stamp=self.stamp)

    def body(self):
        server = f'10.2.{self.number >> 8 & 255}.{self.number & 255}'

        def line(address, size, start):
            return (f'2 {self.account} eni-{self.client:08x} 10.1.0.{self.client + 1} {address} '
                    f'40000 443 6 1 {size} {start} {start + 10} ACCEPT OK')
        lines = [line(server, self.record_bytes, 1624348000 + i % 60)
                 for i in range(self.record_count)]
        lines.append(line(SHARED_SERVER, self.shared_bytes, 1624348000))
        return harness.gzipped(*lines)


def interfaces(client_count):
    return [worked_case.interface(f'eni-{i:08x}', f'10.1.0.{i + 1}') for i in range(client_count)]


def write_interfaces(path, client_count=CLIENT_COUNT):
    with open(path, 'w', encoding='utf-8') as out:
        json.dump({'NetworkInterfaces': interfaces(client_count)}, out)


class Transaction:
    """What one transaction of the check's output holds."""

    def __init__(self):
        self.state = None
        self.components = {}
        self.relations = {}
        self.removed = []
        self.records = {}  # object number -> bytes of its own relation
        self.shared_bytes = 0

    def add(self, call):
        kind = call['call']
        if kind == 'submit_component':
            self.components[call['id']] = call
        elif kind == 'submit_relation':
            self.relations[call['source'], call['target']] = call
        elif kind == 'submit_delete':
            self.removed.append(call['id'])
        elif kind == 'set_transaction_state':
            self.state = call['state']
        elif kind == 'submit_metric' and call['name'] == 'aws.flowlog.bytes_sent':
            self._add_bytes(call)

    def _add_bytes(self, call):
        for tag in call['tags']:
            own = SERVER_TAG.match(tag)
            if own:
                number = int(own[1]) << 8 | int(own[2])
                self.records[number] = self.records.get(number, 0) + call['value']
            elif SHARED_TAG.match(tag):
                self.shared_bytes += call['value']

    def is_empty(self):
        return not (self.components or self.relations or self.removed or self.records)


class Output:
    """The standard output of one process of the host, perhaps cut off by its end."""

    def __init__(self, data):
        whole, _, _ = data.rpartition(b'\n')
        self.transactions = []
        self.states_read = []  # (how many transactions came before, state)
        self.has_strays = False  # topology outside of a transaction
        current = None
        for line in whole.splitlines():
            call = json.loads(line)
            kind = call['call']
            if kind == 'start_transaction':
                current = Transaction()
            elif kind == 'stop_transaction':
                self.transactions.append(current)
                current = None
            elif kind == 'get_state':
                self.states_read.append((len(self.transactions), call['state']))
            elif current is not None:
                current.add(call)
            elif kind in ('submit_component', 'submit_relation', 'submit_delete'):
                self.has_strays = True


def committed_of(output, state_now):
    """The transactions whose state came back, to the process itself or into the state file."""
    return [transaction for i, transaction in enumerate(output.transactions)
            if transaction.state is not None and
            (transaction.state == state_now or
             any(count > i and state == transaction.state for count, state in output.states_read))]


def emitted_digests(state):
    """The objects that a state names as emitted."""
    try:
        digests = base64.b64decode(json.loads(state).get('emitted', '') + '==')
    except ValueError as error:
        raise Broken(f'a state that is none: {error}: {state[:200]}') from None
    return {digests[i:i + 8] for i in range(0, len(digests), 8)}


def is_broken_off(transaction, state_before):
    """Memory ran out while topology was sent: the transaction is stopped with a state that names
    none of its objects, and they are sent once more (docs/ARCHITECTURE.md, Confirmation)."""
    return bool(transaction.records) and not (emitted_digests(transaction.state) -
                                              emitted_digests(state_before))


class Accounts:
    """Objects put, and what committed transactions said of them."""

    def __init__(self, state_path):
        self.state_path = state_path
        self.objects = {}  # number -> FlowObject
        self.record_bytes = {}  # number -> bytes counted in committed transactions
        self.shared_bytes = 0
        self.components = {}
        self.relations = {}
        self.committed_state = '{}'
        self.emitted_keys = set()
        self.broken_emission_count = 0

    def put(self, bucket, flow_object):
        bucket.put(flow_object.key, flow_object.body())
        self.objects[flow_object.number] = flow_object

    def read_state(self):
        try:
            with open(self.state_path, encoding='utf-8') as text:
                values = json.load(text)
        except FileNotFoundError:
            return '{}'
        if len(values) > 1:
            raise Broken(f'the state has more than one key: {sorted(values)}')
        return next(iter(values.values()), '{}')

    def absorb(self, data):
        """Takes in what one process wrote and what it committed; the process has ended. Returns
        its output."""
        output = Output(data)
        if output.has_strays:
            raise Broken('topology outside of a transaction')
        if output.states_read and output.states_read[0][1] != self.committed_state:
            raise Broken('get_state did not give what was committed last')
        state_now = self.read_state()
        known = {t.state for t in output.transactions if t.state is not None}
        if state_now not in known | {self.committed_state}:
            raise Broken('a state was committed whose transaction was not written out before')
        for transaction in committed_of(output, state_now):
            if is_broken_off(transaction, self.committed_state):
                self.broken_emission_count += 1
            else:
                self._commit(transaction)
            self.committed_state = transaction.state
        self.committed_state = state_now
        return output

    def _commit(self, transaction):
        self.components.update(transaction.components)
        self.relations.update(transaction.relations)
        for element in transaction.removed:
            self.components.pop(element, None)
        self.shared_bytes += transaction.shared_bytes
        for number, size in transaction.records.items():
            self.record_bytes[number] = self.record_bytes.get(number, 0) + size
            self.emitted_keys.add(self.objects[number].key)

    def check_deleted_now(self, keys, data):
        """The same as check_deleted while a process is running that has written data so far."""
        known = set(self.emitted_keys)
        for transaction in committed_of(Output(data), self.read_state()):
            known |= {self.objects[number].key for number in transaction.records}
        early = set(keys) - known
        if early:
            raise Broken(f'asked to delete but not emitted before: {sorted(early)[:5]}')

    def check_deleted(self, keys):
        """keys: of deleted objects. Each must have been emitted and committed before."""
        early = set(keys) - self.emitted_keys
        if early:
            raise Broken(f'deleted but not emitted before: {sorted(early)[:5]}')

    def count_records(self):
        """(records, lost, counted twice)"""
        records = lost = double = 0
        for number, flow_object in self.objects.items():
            seen, rest = divmod(self.record_bytes.get(number, 0), flow_object.record_bytes)
            if rest:
                raise Broken(f'object {number}: {rest} bytes are of no record')
            records += flow_object.record_count
            lost += max(0, flow_object.record_count - int(seen))
            double += max(0, int(seen) - flow_object.record_count)
        return records, lost, double

    def check_against(self, reference):
        """reference: the accounts of a run without faults over the same objects."""
        expected = sum(o.shared_bytes for o in self.objects.values())
        if not self.shared_bytes == reference.shared_bytes == expected:
            raise Broken(f'the shared relation has {self.shared_bytes} bytes, without faults '
                         f'{reference.shared_bytes}, by the records {expected}')
        for name in ('components', 'relations'):
            mine, other = getattr(self, name), getattr(reference, name)
            if mine != other:
                different = [k for k in mine.keys() | other.keys() if mine.get(k) != other.get(k)]
                raise Broken(f'{name} differ from those without faults: {different[:5]}')


class Bench:
    """A directory with the host's configuration, its state and its accounts. workers: several, so
    that the campaigns meet threads whatever the machine has."""

    def __init__(self, account=harness.ACCOUNT, workers=4):
        self.dir = tempfile.mkdtemp(prefix='vfl-fault-')
        self.account = account
        self.workers = workers
        self.accounts = Accounts(self.path('state'))
        self.conf = self.path('conf.yaml')
        self.kept = None
        write_interfaces(self.path('interfaces.json'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def configure(self, init_config=None, **instance):
        # The unknown key is told in the first callback of a process: the campaigns wait for it.
        harness.write_config(self.conf, init_config or {}, {
            'role_arn': f'arn:aws:iam::{self.account}:role/Reader', 'regions': [harness.REGION],
            'process_flow_logs': True, 'expire_after': 604800, 'first_callback': 1,
            'workers': self.workers,
            'interfaces_file': self.path('interfaces.json'), **instance})

    def use_directory(self, name='flow-logs'):
        bucket = harness.DirectoryBucket(self.path('store'), name)
        self.configure(flowlog_bucket_name=name, s3_endpoint_url=bucket.url)
        return bucket

    def keep(self):
        """Keeps the store, the state and the accounts as they are for restore."""
        if os.path.isdir(self.path('store')):
            shutil.copytree(self.path('store'), self.path('kept-store'))
        shutil.copy2(self.path('state'), self.path('kept-state'))
        self.kept = copy.deepcopy(self.accounts.__dict__)

    def restore(self):
        if os.path.isdir(self.path('store')):
            shutil.rmtree(self.path('store'))
            shutil.copytree(self.path('kept-store'), self.path('store'))
        shutil.copy2(self.path('kept-state'), self.path('state'))
        self.accounts.__dict__.update(copy.deepcopy(self.kept))

    def start(self, *arguments, environment=None, before=()):
        """Starts the host, behind the words in before; its output goes to a file."""
        clean = {name: value for name, value in os.environ.items()
                 if not name.upper().startswith('AWS_') and not name.lower().endswith('_proxy')}
        command = [*before, os.environ['CHECK_HOST'], '--check', os.environ['CHECK_LIB'],
                   '--config', self.conf, '--output', 'jsonl', '--state', self.accounts.state_path,
                   *(arguments or ('--once',))]
        with open(self.path('out'), 'wb') as out:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=subprocess.PIPE, cwd=self.dir,
                                    env={**clean, **(environment or {})})

    def finish(self, process):
        """Waits for the end. Returns (output, log); the log has no sanitizer's word."""
        try:
            log = process.communicate(timeout=RUN_SECONDS)[1].decode('utf-8', 'replace')
        except subprocess.TimeoutExpired:
            process.kill()
            log = process.communicate()[1].decode('utf-8', 'replace')
            raise Broken(f'the host hangs; its log ends:\n{log[-2000:]}') from None
        if any(word in log for word in SANITIZER_WORDS):
            raise Broken(log[-8000:])
        if process.returncode < 0 and process.returncode != -signal.SIGKILL:
            raise Broken(f'the host crashed: {signal.Signals(-process.returncode).name}\n{log}')
        with open(self.path('out'), 'rb') as out:
            return out.read(), log

    def run_whole(self, *arguments, expect=0, environment=None):
        """One process to its own end, absorbed. Returns (output, log)."""
        process = self.start(*arguments, environment=environment)
        data, log = self.finish(process)
        if expect is not None and process.returncode != expect:
            raise Broken(f'exit status {process.returncode}, not {expect}\n{log[-4000:]}')
        return self.accounts.absorb(data), log


def sanitizer_libraries():
    """Paths of the sanitizer's library that the host is linked with; none in a usual build."""
    linked = subprocess.run(['ldd', os.environ['CHECK_HOST']], capture_output=True, text=True,
                            check=True).stdout
    return [line.split()[2] for line in linked.splitlines() if 'libasan' in line]


def preload(library):
    """The environment that puts library into the host, behind the sanitizer's own."""
    return {'LD_PRELOAD': ':'.join([*sanitizer_libraries(), os.path.abspath(library)])}


class Prepared:
    """A bucket to start each attempt of a sweep from: objects that a run before has committed, so
    that there is something to delete, new ones, and a bad one."""

    MAX_CLEAN_RUNS = 4

    def __init__(self, server=None, workers=1):
        """server: of fault_campaign, the bucket is there; without one, on the directory store."""
        self.server = server
        self.bench = Bench(server.account if server else harness.ACCOUNT, workers)
        self.bucket = None
        self.books = self.bench.accounts
        self.runs = self.lost = self.double = 0
        self.clean_environment = {}  # of runs without faults
        write_interfaces(self.bench.path('interfaces.json'), 4)
        self.make_bucket()
        for number in range(3):
            self.books.put(self.bucket, FlowObject(number, 3, self.bench.account, 4))
        self.bench.run_whole()
        self.bad = FlowObject(100, 1, self.bench.account)
        self.bucket.put(self.bad.key, self.bad.body()[:-9])
        for number in range(3, 8):
            self.books.put(self.bucket, FlowObject(number, 20, self.bench.account, 4))
        self.bench.keep()

    def make_bucket(self):
        if self.server is None:
            self.bucket = self.bench.use_directory()
            return
        self.bucket = self.server.make_bucket('flow-logs')
        self.server.configure(self.bench, self.bucket, f'http://127.0.0.1:{self.server.port}')

    def restore(self):
        self.bench.restore()
        if self.server is not None:
            self.make_bucket()
            self.bucket.put(self.bad.key, self.bad.body()[:-9])
            for flow_object in self.books.objects.values():
                self.bucket.put(flow_object.key, flow_object.body())

    def check_deleted(self):
        if self.server is None:
            self.books.check_deleted(moved_keys(self.bucket))
        else:
            put = {self.bad.key, *(o.key for o in self.books.objects.values())}
            self.books.check_deleted(put - set(self.bucket.keys()))

    def work_off(self):
        """Runs without faults until only the bad object is left, each record counted once."""
        for _ in range(self.MAX_CLEAN_RUNS):
            self.bench.run_whole(environment=self.clean_environment)
            self.runs += 1
            self.check_deleted()
            if self.bucket.keys() == [self.bad.key]:
                break
        else:
            raise Broken(f'not complete after {self.MAX_CLEAN_RUNS} runs: {self.bucket.keys()}')
        _, lost, double = self.books.count_records()
        self.lost += lost
        self.double += double
        if lost or double:
            raise Broken(f'{lost} records lost, {double} counted twice')


def moved_keys(bucket):
    """Keys of the directory store's deleted objects. A name that a process took in the trash before
    it was killed is empty, and the file later has a number behind its name."""
    return {re.sub(r'\.\d+$', '', key) for key in bucket.deleted_keys()
            if os.path.getsize(os.path.join(bucket.root, '.trash', bucket.name, key)) > 0}


def sample(rng, first, last, wanted):
    """wanted numbers from first to last, one of each stretch; 0: all."""
    count = last - first + 1
    if wanted == 0 or wanted >= count:
        return list(range(first, last + 1))
    return [first + rng.randrange(i * count // wanted, (i + 1) * count // wanted)
            for i in range(wanted)]


def reference_of(objects, account=harness.ACCOUNT):
    """The accounts of one run without faults over these objects."""
    with Bench(account) as bench:
        bucket = bench.use_directory()
        for flow_object in objects:
            bench.accounts.put(bucket, flow_object)
        bench.run_whole()
        _, lost, double = bench.accounts.count_records()
        if lost or double:
            raise Broken(f'without faults: {lost} records lost, {double} counted twice')
        return bench.accounts


def require_build():
    for name in ('CHECK_HOST', 'CHECK_LIB'):
        if not os.path.isfile(os.environ.get(name, '')):
            sys.exit(f'{name} must name what the build made (docs/TESTING.md), '
                     f'not "{os.environ.get(name, "")}"')
