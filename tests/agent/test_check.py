"""examples/agent/aws_flowlogs.py in a stub of the agent: the whole job, each callback, wrong
configurations. Usage: agent_case.py."""
import contextlib
import ctypes
import json
import os
import re
import shutil
import sys
import threading
from unittest import mock

from agent_case import (CHECK, LIBRARY, NEXT_ABI, PRELOADED, ROOT, STUB_CHECK, TOPOLOGY,
                        WITHOUT_RUN, AgentTestCase, main)
import harness
import stub_agent
import worked_case
from harness import ACCOUNT, DirectoryBucket, object_key

import yaml

CLIENT, SERVER = worked_case.CLIENT, worked_case.SERVER


class WholeJob(AgentTestCase):
    """With transactions and state, as today's agents have them."""

    def test_three_runs_emit_then_delete_then_rest(self):
        bucket, check = self.load_bucket()
        self.assertEqual(self.agent.calls, [], 'the constructor submits nothing')

        self.assertEqual(self.agent.run(check), '')
        components = {call.arguments[1]: call for call in self.agent.of('component', check)}
        self.assertEqual(set(components), {CLIENT, SERVER})
        key, _, kind, data = components[CLIENT].arguments
        self.assertEqual((key, kind), ({'type': 'aws-v2', 'url': ACCOUNT}, 'vpc.request'))
        self.assertEqual(data, {
            'URN': [CLIENT, f'urn:host:/{worked_case.CLIENT_PUBLIC_IP}'],
            'Location': {'AwsAccount': ACCOUNT, 'AwsRegion': harness.REGION},
            'tags': ['integration-type:aws-v2', f'integration-url:{ACCOUNT}']})
        relation, = self.agent.of('relation', check)
        self.assertEqual(relation.arguments[:4],
                         ({'type': 'aws-v2', 'url': ACCOUNT}, CLIENT, SERVER, 'flowlog'))
        self.assertEqual(relation.arguments[4]['local_address'], worked_case.CLIENT_IP)
        received = [call for call in self.agent.of('metric', check)
                    if call.arguments[1] == 'aws.flowlog.bytes_received']
        self.assertEqual([call.arguments[2] for call in received], [52.0])
        self.assertEqual({call.arguments[4] for call in self.agent.of('metric')}, {''})
        self.assertEqual(stub_agent.tags_of(received[0]),
                         {'source': CLIENT.replace('.', '_'), 'target': SERVER.replace('.', '_')})
        updates = [call for call in self.agent.of('service_check', check)
                   if call.arguments[0] == 'aws_flowlogs.can_update']
        self.assertEqual([call.arguments[1] for call in updates], [0])
        self.assertIn('integration-type:aws-v2', updates[0].arguments[2])
        self.assertEqual(bucket.keys(), [worked_case.KEY])
        names = [call.name for call in self.agent.calls if call.check_id == check.check_id]
        begin, end = names.index('start_transaction'), names.index('stop_transaction')
        for name in ('component', 'relation', 'set_transaction_state'):
            self.assertLess(begin, names.index(name))
            self.assertLess(names.index(name), end)

        with self.only_new_calls():
            self.assertEqual(self.agent.run(check), '')
        self.assertEqual(self.count(*TOPOLOGY), 0)
        self.assertEqual(bucket.keys(), [])
        self.assertEqual(bucket.deleted_keys(), [worked_case.KEY])

        with self.only_new_calls():
            self.assertEqual(self.agent.run(check), '')
        self.assertEqual(self.count(*TOPOLOGY), 0)
        self.assertEqual(bucket.deleted_keys(), [worked_case.KEY])
        self.assertEqual(check.get_warnings(), [])

    def test_state_outlives_the_process(self):
        bucket, instance = self.bucket_instance()
        bucket.put(worked_case.KEY, worked_case.OBJECT)
        first, = self.load({'library_path': LIBRARY}, instance)
        self.agent.run(first)
        key, state = next(iter(self.agent.committed.items()))
        self.assertRegex(key, '^aws_flowlogs:[0-9a-f]{16}$')
        self.assertEqual(json.loads(state)['run'], 1)
        del first
        with self.only_new_calls():
            second, = self.load({'library_path': LIBRARY}, instance)
            self.assertEqual(self.agent.run(second), '')
        self.assertEqual(self.count(*TOPOLOGY), 0)
        self.assertEqual(bucket.keys(), [])

    def test_nothing_is_deleted_that_the_receiver_did_not_take(self):
        bucket, check = self.load_bucket()
        self.agent.is_receiver_down = True
        for _ in range(3):
            self.agent.run(check)
        self.assertEqual(bucket.keys(), [worked_case.KEY])

    def test_instance_key_before_the_first_run_is_the_library_s(self):
        for changes in ({}, {'topology_instance': {'type': 'aws-flowlogs', 'url': 'x'}}):
            with self.subTest(**changes):
                name = 'bucket-{}'.format(len(changes))
                _, check = self.load_bucket(name=name, **changes)
                before = check._get_instance_key_dict()
                self.agent.calls.clear()
                self.assertEqual(self.agent.run(check), '')
                used = {tuple(call.arguments[0].items()) for call in self.agent.calls
                        if call.name in TOPOLOGY and call.check_id == check.check_id}
                self.assertEqual(used, {tuple(before.items())})
                # The account scan's snapshots are its own; ours only under a key of our own.
                self.assertEqual(self.count('start_snapshot', 'stop_snapshot'),
                                 2 if changes else 0)

    def test_switched_off_needs_no_account(self):
        check, = self.load({'library_path': LIBRARY}, {'process_flow_logs': False})
        self.assertEqual(self.agent.run(check), '')
        self.assertEqual(self.agent.of('component'), [])
        self.assertIn('process_flow_logs is not true', self.agent.log.text())

    def test_tags_reach_the_base_class(self):
        _, check = self.load_bucket(tags=['env:demo', 'stackstate-layer:Network'])
        self.assertEqual(self.agent.run(check), '')
        for call in self.agent.of('component', check):
            self.assertEqual(call.arguments[3]['layer'], 'Network')
            self.assertIn('env:demo', call.arguments[3]['tags'])

    def test_transactions_switched_off_in_the_agent(self):
        self.agent.config['check_transactionality_enabled'] = False
        bucket, check = self.load_bucket()
        for _ in range(2):
            self.assertEqual(self.agent.run(check), '')
        self.assertEqual(self.count('start_transaction'), 0)
        self.assertEqual(self.count('set_state'), 2)
        self.assertEqual(bucket.keys(), [])

    def test_failed_run_is_an_error_with_the_library_s_text(self):
        bucket, check = self.load_bucket()
        shutil.rmtree(self.path('store'))
        self.assertEqual(self.agent.run(check), 'cannot open the store folder {}: No such file or '
                                                'directory'.format(self.path('store')))
        bucket = DirectoryBucket(self.path('store'))
        bucket.put(worked_case.KEY, worked_case.OBJECT)
        self.assertEqual(self.agent.run(check), '', 'and the instance stays usable')
        self.assertEqual(self.count('relation'), 1)

    def test_two_instances_at_once(self):
        buckets, instances = zip(*(self.bucket_instance(name, account) for name, account in (
            ('first-bucket', ACCOUNT), ('second-bucket', '210987654321'))))
        for bucket, account in zip(buckets, (ACCOUNT, '210987654321')):
            bucket.put(object_key(account=account), worked_case.OBJECT)
        checks = self.load({'library_path': LIBRARY}, *instances)
        barrier = threading.Barrier(2, timeout=30)
        both_inside = {'start_transaction': barrier.wait}
        results = []
        for faults in (both_inside, {}, {}):
            self.agent.faults = faults
            workers = [threading.Thread(target=lambda c=c: results.append(self.agent.run(c)))
                       for c in checks]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        self.assertEqual(results, [''] * 6)
        self.assertEqual([bucket.keys() for bucket in buckets], [[], []])
        for check, url in zip(checks, (ACCOUNT, '210987654321')):
            relation, = self.agent.of('relation', check)
            self.assertEqual(relation.arguments[0], {'type': 'aws-v2', 'url': url})


class WithoutTransactions(AgentTestCase):
    options = {'transactions': False}

    def test_state_is_set_outright(self):
        bucket, check = self.load_bucket()
        self.agent.run(check)
        self.assertEqual((self.count('set_state'), bucket.keys()), (1, [worked_case.KEY]))
        self.agent.run(check)
        self.assertEqual(bucket.keys(), [])


class WithoutState(AgentTestCase):
    """An agent before 2.17: no deletion of elements either."""
    options = {'transactions': False, 'state': False, 'delete': False}

    def test_memory_serves_within_one_process(self):
        bucket, check = self.load_bucket()
        self.assertEqual(self.agent.run(check), '')
        self.assertEqual(self.count('component', 'relation'), 3)
        self.assertEqual(self.agent.run(check), '')
        self.assertEqual((bucket.keys(), self.agent.committed), ([], {}))

    def test_something_else_of_that_name_is_not_the_agent(self):
        sys.modules['transaction'] = sys.modules['state'] = contextlib
        _, check = self.load_bucket()
        self.assertEqual(self.agent.run(check), '')


class Callbacks(AgentTestCase):
    """Each callback alone, from a check whose run is scripted."""

    def run_script(self, script):
        check, = self.load_scripts(script)
        self.assertEqual(self.agent.run(check), '')
        return [(call.name, *call.arguments) for call in self.agent.calls
                if call.check_id == check.check_id]

    def test_arguments_arrive(self):
        key = {'type': 'stub', 'url': 'loopback'}
        tags = ['source:a', 'target:b']
        for script, expected in (
                ('relation r1 r2', [('relation', key, 'r1', 'r2', 'thing', {
                    'source': 'a', 'target': 'b', 'protocols': ['tcp'], 'ports': [443],
                    'direction': 'tcp-flags', 'verdict': 'accepted'})]),
                ('snapshot', [('start_snapshot', key), ('stop_snapshot', key)]),
                ('delete r1-thing-r2', [('delete', key, 'r1-thing-r2')]),
                ('metric m 2.5', [('metric', 'GAUGE', 'm', 2.5, tags, 'stub-host')]),
                ('raw-metric r', [('raw', 'r', 1.5, tags, 'stub-host', 1700000000)]),
                ('service s 2 gone', [('service_check', 's', 2, tags + [
                    'integration-type:stub', 'integration-url:loopback'], 'stub-host', 'gone')]),
                ('begin; transaction-state k v; end', [
                    ('start_transaction',), ('set_transaction_state', 'k', 'v'),
                    ('stop_transaction',)]),
                ('begin; discard a reason', [('start_transaction',),
                                             ('discard_transaction', 'a reason')]),
                ('state k v; expect k v', [('set_state', 'k', 'v'), ('get_state', 'k')]),
                ('expect none {}', [('get_state', 'none')]),
                ('ask', [])):
            with self.subTest(script=script):
                self.agent.calls.clear()
                # The key is known from the first callback that carries one.
                before = 'component c; ' if script.startswith('service') else ''
                calls = self.run_script(before + script)
                self.assertEqual(calls[1 if before else 0:], expected)

    def test_component_carries_the_library_s_key(self):
        (name, key, component_id, kind, data), = self.run_script('component c')
        self.assertEqual((name, component_id, kind), ('component', 'c', 'thing'))
        self.assertEqual(key, {'type': 'stub', 'url': 'loopback'})
        self.assertEqual(data, {'URN': ['urn:vpcip:vpc-1/10.0.0.1', 'urn:host:/1.2.3.4'],
                                'tags': ['integration-type:stub', 'integration-url:loopback']})

    def test_event_and_the_configuration_as_text(self):
        # The stub's event has both configurations as title and text.
        instance = {'script': 'echo', 'text': 'p\u00e4\u00df \u2192 \U0001f600 \x7f\x85 "q" \\',
                    'no': 'no', 'number': 12, 'digits': '0123', 'flag': True,
                    'list': ['a: b', {'c': [1.5]}],
                    'nothing': None}
        check, = self.load({'library_path': STUB_CHECK, 'key': 'x: y'}, instance)
        self.assertEqual(self.agent.run(check), '')
        (call,) = self.agent.of('event')
        event, = call.arguments
        self.assertEqual(yaml.safe_load(event['msg_title']), {'key': 'x: y'})
        self.assertEqual(yaml.safe_load(event['msg_text']),
                         {**instance, 'collection_interval': 15})
        self.assertEqual((event['host'], event['tags'], event['timestamp']),
                         ('stub-host', ['source:a', 'target:b'], 1700000000))

    def test_shared_values_are_written_out(self):
        check, = self.agent.load(CHECK, json.dumps({'library_path': STUB_CHECK}),
                                 'script: echo\na: &x [1, 2]\nb: *x\ndate: 2025-11-03\n')
        self.assertEqual(self.agent.run(check), '')
        text = self.agent.of('event')[0].arguments[0]['msg_text']
        self.assertEqual(yaml.safe_load(text), {'script': 'echo', 'a': [1, 2], 'b': [1, 2],
                                                'date': '2025-11-03', 'collection_interval': 15})

    def test_warnings_show_on_the_status_page(self):
        check, = self.load_scripts('log look here')
        self.assertEqual(self.agent.run(check), '')
        self.assertEqual(check.get_warnings(), ['look here'])
        self.assertIn((30, 'look here'), self.agent.log.lines)

    def test_metric_types_are_the_base_class_s_methods(self):
        self.load_scripts('')
        methods = {number: name.lower() for number, name in enumerate(stub_agent.METRIC_TYPES)}
        methods[stub_agent.METRIC_TYPES.index('COUNTER')] = 'increment'
        self.assertEqual(sys.modules['aws_flowlogs']._Agent.METRICS, methods)

    def test_table_is_the_header_s(self):
        with open(os.path.join(ROOT, 'abi/stackstate_check.h'), encoding='utf-8') as file:
            header = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.DOTALL)
        self.load_scripts('')
        module = sys.modules['aws_flowlogs']
        kinds = {'void': None, 'char *': ctypes.c_char_p, 'double': ctypes.c_double,
                 'float': ctypes.c_float, 'int': ctypes.c_int, 'bool': ctypes.c_bool,
                 'long': ctypes.c_long, 'long long': ctypes.c_longlong,
                 'void *': ctypes.c_void_p, 'enum stackstate_check_metric_type': ctypes.c_int,
                 'char **': ctypes.POINTER(ctypes.c_char_p), 'size_t': ctypes.c_size_t,
                 'uint32_t': ctypes.c_uint32,
                 'struct stackstate_check_instance_key *': ctypes.POINTER(module._InstanceKey),
                 'struct stackstate_check_event *': ctypes.POINTER(module._Event)}

        def members(struct):
            body = re.search(rf'struct {struct} \{{(.*?)\n\}};', header, re.DOTALL)[1]
            return [' '.join(line.split()) for line in body.split(';') if line.strip()]

        def typed(declaration):
            kind, name = re.fullmatch(r'(.*?[ *])(\w+)', declaration).groups()
            return name, kinds[kind.strip()]

        for struct, ours in (('stackstate_check_instance_key', module._InstanceKey),
                             ('stackstate_check_event', module._Event)):
            self.assertEqual([typed(one) for one in members(struct)], ours._fields_)
        declared = members('stackstate_check_callbacks')
        self.assertEqual([typed(one) for one in declared[:2]], module._Table._fields_[:2])
        # A text that is returned, or stored through a pointer, keeps its address.
        signatures = []
        for one in declared[2:]:
            returned, name, arguments = re.fullmatch(r'(.*?)\(\*(\w+)\)\((.*)\)', one).groups()
            arguments = [typed(argument) for argument in arguments.split(', ')]
            signatures.append((name, kinds[returned.strip()] and ctypes.c_void_p, *(
                ctypes.POINTER(ctypes.c_void_p) if argument.startswith(('yaml_', 'result'))
                else kind for argument, kind in arguments)))
        self.assertEqual(list(module._SIGNATURES), signatures)
        self.assertEqual([name for name, *_ in module._SIGNATURES],
                         [name for name, _ in module._Table._fields_[2:]])
        self.assertIn(f'#define STACKSTATE_CHECK_ABI_VERSION {module.ABI_VERSION}u', header)

    def test_texts_are_given_back_to_the_heap_they_came_from(self):
        check, = self.load_scripts('many 200; get k; ask')
        resident = []
        self.agent.committed['k'] = 'x' * 4000000
        for _ in range(30):
            self.assertEqual(self.agent.run(check), '')
            with open('/proc/self/statm', encoding='ascii') as file:
                resident.append(int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE'))
            self.agent.calls.clear()
        if not PRELOADED:  # which keeps what is freed for a while
            self.assertLess(resident[-1] - resident[5], 20000000)  # one text a run were 96 MB


class Configuration(AgentTestCase):
    def refused(self, init_config, instance=None):
        with self.assertRaises(Exception) as caught:
            self.load(init_config, instance or {'script': ''})
        self.assertEqual(type(caught.exception).__name__, 'ConfigurationError')
        return str(caught.exception)

    def test_library_s_text(self):
        _, instance = self.bucket_instance()
        for changes, message in (
                ({'regions': ['EU']}, "instance.regions[0]: found 'EU', expected a region's name"),
                ({'role_arn': ''}, 'instance.role_arn: not set, expected'),
                ({'process_flow_logs': 'perhaps'}, 'instance.process_flow_logs'),
                ({'topology_instance': 'x'}, 'instance.topology_instance')):
            with self.subTest(**changes):
                text = self.refused({'library_path': LIBRARY}, {**instance, **changes})
                self.assertIn(message, text)

    def test_texts_that_yaml_has_changed_are_refused(self):
        _, instance = self.bucket_instance()
        key = 'instance.topology_instance.url'
        for written, where in (
                ('external_id: 01234', 'init_config.external_id'),
                ('external_id: 12:30:45', 'init_config.external_id'),
                ('external_id: 1.10', 'init_config.external_id'),
                ('external_id: 2025-11-03', 'init_config.external_id'),
                ('log_prefix: 010', 'instance.log_prefix'),
                ('flowlog_bucket_name: 1_000', 'instance.flowlog_bucket_name'),
                ('topology_instance: {type: x, url: 012345670123}', key)):
            with self.subTest(written):
                changes = yaml.safe_load(written)
                of_all = changes if where.startswith('init_config') else {}
                text = self.refused({'library_path': LIBRARY, **of_all},
                                    instance if of_all else {**instance, **changes})
                self.assertIn(f'{where}: found a value (not shown)', text)
                self.assertIn('put it in quotes', text)

    def test_no_secret_is_shown(self):
        secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
        _, instance = self.bucket_instance()
        keys = {'library_path': LIBRARY, 'aws_access_key_id': 'AKIAIOSFODNN7EXAMPLE',
                'aws_secret_access_key': secret}
        text = self.refused(keys, {**instance, 'regions': []})
        text += self.refused({**keys, 'aws_access_key_id': ''}, instance)
        text += self.refused({**keys, 'aws_secret_access_key': {'x': secret}}, instance)
        check, = self.load(keys, instance)
        self.agent.run(check)
        self.assertNotIn(secret, text + self.agent.log.text() + repr(self.agent.calls))
        self.assertNotIn(secret, repr(check) + repr(vars(check._native)))

    def test_unusable_libraries(self):
        empty = self.path('empty.so')
        with open(empty, 'w', encoding='ascii'):
            pass
        with open('/proc/self/maps', encoding='ascii') as file:
            libc = re.search(r'/\S*/libc\.so\.6', file.read())[0]
        for path, message in (
                (self.path('none.so'), 'No such file'), (empty, 'file too short'),
                (libc, 'stackstate_check_abi_version'), (WITHOUT_RUN, 'stackstate_check_run'),
                (NEXT_ABI, 'speaks version 2 of the check ABI, this check speaks version 1'),
                ('libc.so.6', 'expected the absolute path'), (7, 'expected the absolute path')):
            with self.subTest(path=path):
                text = self.refused({'library_path': path})
                self.assertIn(message, text)
                self.assertIn(str(path), text)

    def test_library_is_found_beside_the_check(self):
        with open(CHECK, encoding='utf-8') as file:
            text = file.read()
        # This machine may have the library where an agent's would be.
        text, count = re.subn(r"'/(etc|opt|usr)/[^']*'(?=[,)])", repr(self.path('nowhere')), text)
        self.assertEqual(count, 4)
        with open(self.path('aws_flowlogs.py'), 'w', encoding='utf-8') as file:
            file.write(text)
        with self.assertRaises(Exception) as caught:
            self.agent.load(self.path('aws_flowlogs.py'), '', 'script: component c')
        self.assertIn('put it beside this check', str(caught.exception))
        shutil.copy(STUB_CHECK, self.path('libstackstate_check_aws_flowlogs.so'))
        check, = self.agent.load(self.path('aws_flowlogs.py'), '', 'script: component c')
        self.assertEqual(self.agent.run(check), '')
        self.assertEqual(self.count('component'), 1)

    def test_a_package_comes_before_a_copy_that_was_forgotten(self):
        with open(CHECK, encoding='utf-8') as file:
            text = file.read()
        for number, folder in enumerate(('/usr/lib/stackstate-checks', '/opt/stackstate-agent/lib',
                                         '/opt/stackstate-agent/embedded/lib',
                                         '/etc/stackstate-agent/checks.d')):
            os.mkdir(self.path(str(number)))
            self.assertEqual(text.count(repr(folder)), 1)
            text = text.replace(repr(folder), repr(self.path(str(number))))
        os.mkdir(self.path('beside'))
        with open(self.path('beside', 'aws_flowlogs.py'), 'w', encoding='utf-8') as file:
            file.write(text)
        places = [self.path(name, 'libstackstate_check_aws_flowlogs.so')
                  for name in ('beside', '3', '2', '1', '0')]
        for before, place in zip((None, *places), places):
            with self.subTest(place):
                shutil.copy(STUB_CHECK, place)
                with open(place, 'ab') as file:
                    file.write(place.encode())  # no two are the same
                self.agent.log.lines.clear()
                check, = self.agent.load(self.path('beside', 'aws_flowlogs.py'), '', 'script: log x')
                self.assertRegex(self.agent.log.text(), rf'aws_flowlogs.py \S+ uses {place}\n?')
                warnings = check.get_warnings()
                self.assertEqual(len(warnings), places.index(place))
                if before:
                    self.assertIn(f'{before} is another library and is not used', warnings[0])
        os.remove(places[0])  # what is mapped is not written over
        shutil.copy(places[-1], places[0])
        check, = self.agent.load(self.path('beside', 'aws_flowlogs.py'), '', 'script: log x')
        self.assertEqual(len(check.get_warnings()), 3, 'a copy of the same is no other library')
        with mock.patch('filecmp.cmp', side_effect=PermissionError(13, 'Permission denied')):
            check, = self.agent.load(self.path('beside', 'aws_flowlogs.py'), '', 'script: log x')
        self.assertEqual(len(check.get_warnings()), 4, 'one that cannot be read is not in the way')
        check, = self.agent.load(self.path('beside', 'aws_flowlogs.py'),
                                 json.dumps({'library_path': places[1]}), 'script: log x')
        self.assertIn(f'uses {places[1]}', self.agent.log.text())
        self.assertEqual(check.get_warnings(), [])

    def test_the_library_tells_its_version(self):
        check, = self.load({'library_path': LIBRARY}, {'process_flow_logs': False})
        for _ in range(2):
            self.assertEqual(self.agent.run(check), '')
        module = sys.modules['aws_flowlogs']
        self.assertEqual(self.agent.log.text().count(f'version {module.__version__} of the library'),
                         1)

    def test_values_that_cannot_be_passed_on(self):
        for text in ('script: &a [*a]', 'script: "\\ud800"'):
            with self.subTest(text=text), self.assertRaises(Exception) as caught:
                self.agent.load(CHECK, json.dumps({'library_path': STUB_CHECK}), text)
                raise ArithmeticError('was accepted')  # a lone surrogate may be
            self.assertIn(type(caught.exception).__name__, ('ConfigurationError',
                                                            'ArithmeticError'))


if __name__ == '__main__':
    main()
