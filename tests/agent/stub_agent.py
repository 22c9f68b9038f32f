"""The part of a StackState agent that a Python check sees, as strict as the real one.

Three layers, each after its public source: the modules that the agent's interpreter brings
(rtloader/common/builtins/*.c: argument formats, what raises), the base class of
stackstate_checks.base (checks/base.py: signatures, what it checks and changes), and what the agent
does around a check (pkg/collector/python/{loader,check}.go, rtloader/three/three.cpp: constructor
by keyword, check_id set afterwards, the result of run).

What the real agent swallows without a sound (an element dropped, a submission that would block for
good) is noted in Agent.violations, which a test expects to be empty.
"""
import collections
import copy
import importlib.util
import json
import logging
import re
import sys
import threading
import traceback
import types

import yaml

Call = collections.namedtuple('Call', 'name check_id arguments thread')

MODULES = ('datadog_agent', 'aggregator', 'topology', 'telemetry', 'state', 'transaction')
METRIC_TYPES = ('GAUGE', 'RATE', 'COUNT', 'MONOTONIC_COUNT', 'COUNTER', 'HISTOGRAM', 'HISTORATE')
HOSTNAME = 'stub-host'


def parse(form, arguments):
    """PyArg_ParseTuple for the formats in use."""
    required, _, optional = form.partition('|')
    if not len(required) <= len(arguments) <= len(required + optional):
        raise TypeError(f'function takes {len(required)} arguments ({len(arguments)} given)')
    for kind, value in zip(required + optional, arguments):
        if kind == 's':
            if not isinstance(value, str):
                raise TypeError(f'must be str, not {type(value).__name__}')
            value.encode('utf-8')
            if '\0' in value:
                raise ValueError('embedded null character')
        elif kind in 'ib' and not isinstance(value, int):
            raise TypeError(f'an integer is required (got type {type(value).__name__})')
        elif kind in 'df' and not isinstance(value, (int, float)):
            raise TypeError(f'must be real number, not {type(value).__name__}')
    return arguments


def check_tags(tags):
    if not isinstance(tags, (list, tuple)):
        raise TypeError('tags must be a sequence')
    for tag in tags:
        if not isinstance(tag, str):
            raise TypeError('a tag that is no text would be left out')


class Agent:
    """One agent. install puts its modules into the interpreter, remove takes them out."""

    def __init__(self, transactions=True, state=True, delete=True, config=None):
        self.config = config or {}
        self.calls = []
        self.violations = []
        self.faults = {}            # name of a builtin -> what it raises, or a function to call
        self.committed = {}
        self.open = {}              # check id -> state of the open transaction, by key
        self.stopped = {}           # check id -> state to commit when the receiver has taken it all
        self.discarded = {}         # check id -> why; until the run ends
        self.is_receiver_down = False
        self.log = Log()
        self.functions = {
            'datadog_agent': ['get_config', 'get_hostname', 'get_clustername'],
            'aggregator': ['submit_metric', 'submit_service_check', 'submit_event'],
            'topology': ['submit_component', 'submit_relation', 'submit_start_snapshot',
                         'submit_stop_snapshot', 'submit_delete'],
            'telemetry': ['submit_raw_metrics_data'],
            'state': ['get_state', 'set_state'] if state else None,
            'transaction': ['start_transaction', 'stop_transaction', 'discard_transaction',
                            'set_transaction_state'] if transactions else None,
        }
        self.has_delete = delete
        self.saved = {}

    # --- the modules ---

    def install(self):
        names = [*MODULES, 'stackstate_checks', 'stackstate_checks.base', 'aws_flowlogs']
        self.saved = {name: sys.modules.pop(name) for name in names if name in sys.modules}
        for name, functions in self.functions.items():
            if functions is None:
                sys.modules[name] = None  # import raises ImportError
                continue
            module = types.ModuleType(name)
            for function in functions:
                setattr(module, function, self.builtin(function))
            for number, metric_type in enumerate(METRIC_TYPES if name == 'aggregator' else ()):
                setattr(module, metric_type, number)
            sys.modules[name] = module
        sys.modules['stackstate_checks'] = types.ModuleType('stackstate_checks')
        sys.modules['stackstate_checks.base'] = base_package(self)
        logger = logging.getLogger(LOGGER)
        logger.handlers, logger.propagate = [self.log], False
        logger.setLevel(1)

    def remove(self):
        for name in [*MODULES, 'stackstate_checks', 'stackstate_checks.base', 'aws_flowlogs']:
            sys.modules.pop(name, None)
        sys.modules.update(self.saved)
        logging.getLogger(LOGGER).handlers = []

    def builtin(self, name):
        def call(*arguments):
            fault = self.faults.get(name)
            if callable(fault) and not isinstance(fault, type):
                fault()
            elif fault is not None:
                raise fault
            return getattr(self, name)(*arguments)
        return call

    def note(self, name, check_id, *arguments):
        self.calls.append(Call(name, check_id, arguments, threading.get_ident()))

    def submission(self, name, check_id, *arguments):
        if check_id in self.discarded:
            self.violations.append(f'{name} after a discard blocks once the queue is full')
        self.note(name, check_id, *arguments)

    def get_config(self, *arguments):
        return copy.deepcopy(self.config.get(parse('s', arguments)[0]))

    def get_hostname(self):
        return HOSTNAME

    def get_clustername(self):
        return ''

    def submit_component(self, *arguments):
        _, check_id, key, component_id, component_type, data = parse('OsOssO', arguments)
        self.check_element(key, data)
        self.submission('component', check_id, key, component_id, component_type,
                        json.loads(json.dumps(data)))

    def submit_relation(self, *arguments):
        _, check_id, key, source, target, relation_type, data = parse('OsOsssO', arguments)
        self.check_element(key, data)
        self.submission('relation', check_id, key, source, target, relation_type,
                        json.loads(json.dumps(data)))

    @staticmethod
    def check_element(key, data):
        if not isinstance(key, dict):
            raise TypeError('instance key must be a dict')
        if not isinstance(data, dict):
            raise TypeError('data must be a dict')
        if not all(isinstance(key.get(name), str) for name in ('type', 'url')):
            raise TypeError('instance key has no type or url')

    def submit_start_snapshot(self, *arguments):
        _, check_id, key = parse('OsO', arguments)
        self.check_element(key, {})
        self.submission('start_snapshot', check_id, key)

    def submit_stop_snapshot(self, *arguments):
        _, check_id, key = parse('OsO', arguments)
        self.check_element(key, {})
        self.submission('stop_snapshot', check_id, key)

    def submit_delete(self, *arguments):
        _, check_id, key, element_id = parse('OsOs', arguments)
        self.check_element(key, {})
        self.submission('delete', check_id, key, element_id)

    def submit_metric(self, *arguments):
        _, check_id, kind, name, value, tags, hostname = parse('OsisdOs|b', arguments)[:7]
        check_tags(tags)
        self.note('metric', check_id, METRIC_TYPES[kind], name, value, tags, hostname)

    def submit_raw_metrics_data(self, *arguments):
        _, check_id, name, value, tags, hostname, timestamp = parse('OssfOsi', arguments)
        check_tags(tags)
        self.submission('raw', check_id, name, value, tags, hostname, timestamp)

    def submit_service_check(self, *arguments):
        _, check_id, name, status, tags, hostname, message = parse('OssiOss', arguments)
        check_tags(tags)
        self.note('service_check', check_id, name, status, tags, hostname, message)

    def submit_event(self, *arguments):
        _, check_id, event = parse('OsO', arguments)
        if not isinstance(event, dict):
            raise TypeError('event must be a dict')
        check_tags(event.get('tags', []))
        self.submission('event', check_id, event)

    # State and transactions: one transaction per check; its state counts when all has arrived.

    def get_state(self, *arguments):
        _, check_id, key = parse('Oss', arguments)
        self.note('get_state', check_id, key)
        return self.committed.get(key, '{}')

    def set_state(self, *arguments):
        _, check_id, key, state = parse('Osss', arguments)
        self.note('set_state', check_id, key, state)
        self.committed[key] = state

    def start_transaction(self, *arguments):
        _, check_id = parse('Os', arguments)
        self.note('start_transaction', check_id)
        if check_id in self.open or check_id in self.stopped:
            self.violations.append('a transaction begins while another is unresolved')
        self.open[check_id] = {}

    def stop_transaction(self, *arguments):
        _, check_id = parse('Os', arguments)
        self.note('stop_transaction', check_id)
        if check_id in self.open:
            self.stopped[check_id] = self.open.pop(check_id)

    def discard_transaction(self, *arguments):
        _, check_id, reason = parse('Oss', arguments)
        self.note('discard_transaction', check_id, reason)
        self.open.pop(check_id, None)
        self.discarded[check_id] = reason

    def set_transaction_state(self, *arguments):
        _, check_id, key, state = parse('Osss', arguments)
        self.note('set_transaction_state', check_id, key, state)
        if check_id in self.open:
            self.open[check_id][key] = state
        else:
            self.violations.append('state without a transaction')

    # --- around the check ---

    def load(self, path, init_config, *instances):
        """The checks of one conf.yaml, given as YAML texts."""
        spec = importlib.util.spec_from_file_location('aws_flowlogs', path)
        module = importlib.util.module_from_spec(spec)
        sys.modules['aws_flowlogs'] = module
        spec.loader.exec_module(module)
        klass = self.find_class(module)
        return [self.construct(klass, init_config, instance, number)
                for number, instance in enumerate(instances)]

    @staticmethod
    def find_class(module):
        base = sys.modules['stackstate_checks.base'].AgentCheck
        for name in dir(module):
            klass = getattr(module, name)
            if (isinstance(klass, type) and issubclass(klass, base) and klass is not base
                    and not klass.__subclasses__()):
                return klass
        raise LookupError('cannot find a subclass')

    def construct(self, klass, init_config, instance, number):
        instance = klass.load_config(instance)
        if not isinstance(instance, dict):
            raise TypeError('error instance is not a dict')
        instance.setdefault('collection_interval', 15)  # the agent writes its own in
        init_config = klass.load_config(init_config) or {}
        arguments = {'name': 'aws_flowlogs', 'init_config': init_config, 'instances': (instance,)}
        try:
            check = klass(**arguments)
        except Exception:  # pylint: disable=broad-except
            check = klass(**arguments, agentConfig={})
        check.check_id = f'aws_flowlogs:{number:016x}'
        return check

    def run(self, check):
        """The text of the failure, or an empty one. Afterwards the receiver has what was sent."""
        try:
            result = check.run()
        finally:
            self.discarded.pop(check.check_id, None)
            if not self.is_receiver_down:
                self.committed.update(self.stopped.pop(check.check_id, {}))
        if not isinstance(result, str):
            raise TypeError("error invoking 'run' method")
        return json.loads(result)[0]['message'] if result else ''

    def of(self, name, check=None):
        return [call for call in self.calls
                if call.name == name and (check is None or call.check_id == check.check_id)]


LOGGER = 'stackstate_checks.base.checks.base'


class Log(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []
        self.fault = None

    def handle(self, record):
        if self.fault is not None:
            raise self.fault
        self.lines.append((record.levelno, record.getMessage()))

    def text(self):
        return '\n'.join(message for _, message in self.lines)


def base_package(agent):
    """stackstate_checks.base: what the check imports, and what it inherits."""
    import aggregator   # pylint: disable=import-error,import-outside-toplevel
    import telemetry    # pylint: disable=import-error,import-outside-toplevel
    import topology     # pylint: disable=import-error,import-outside-toplevel
    import datadog_agent  # pylint: disable=import-error,import-outside-toplevel

    class ConfigurationError(Exception):
        pass

    class TopologyInstanceBase:
        def __init__(self, type, url, with_snapshots=False):
            self.type, self.url, self.with_snapshots = type, url, with_snapshots

        def to_dict(self):
            return {'type': self.type, 'url': self.url}

        def tags(self):
            return [f'integration-type:{self.type}', f'integration-url:{self.url}']

    class NoIntegrationInstance(TopologyInstanceBase):
        def __init__(self):
            super().__init__('agent', 'integrations')

        def tags(self):
            return []

    class TopologyInstance(TopologyInstanceBase):
        pass

    class AgentCheck:
        OK, WARNING, CRITICAL, UNKNOWN = range(4)

        def __init__(self, *args, **kwargs):
            values = dict(zip(('name', 'init_config', 'instances'), args), **kwargs)
            self.check_id = ''
            self.name = values.get('name', '')
            self.init_config = values.get('init_config', {})
            self.instances = values.get('instances', [])
            self.agentConfig = values.get('agentConfig', {})
            self.instance = self.instances[0] if self.instances else {}
            self.warnings = []
            self.hostname = datadog_agent.get_hostname()
            self.log = logging.getLogger(f'{LOGGER}.{self.name}')

        def run(self):
            try:
                if self._get_instance_key().with_snapshots:
                    topology.submit_start_snapshot(self, self.check_id,
                                                   self._get_instance_key_dict())
                self.create_integration_instance()
                self.check(copy.deepcopy(self.instances[0]))
                if self._get_instance_key().with_snapshots:
                    topology.submit_stop_snapshot(self, self.check_id,
                                                  self._get_instance_key_dict())
                return ''
            except Exception as e:  # pylint: disable=broad-except
                return json.dumps([{'message': str(e), 'traceback': traceback.format_exc()}])

        def create_integration_instance(self):
            key = self._get_instance_key()
            if isinstance(key, TopologyInstance):
                topology.submit_component(
                    self, f'{key.type}:{key.url}', {'type': 'agent', 'url': 'integrations'},
                    f'urn:agent-integration-instance:/{HOSTNAME}:{key.type}:{key.url}',
                    'agent-integration-instance', {'tags': [f'hostname:{HOSTNAME}']})

        @staticmethod
        def load_config(yaml_str):
            return yaml.safe_load(yaml_str)

        @staticmethod
        def get_config(key):
            return datadog_agent.get_config(key)

        def check(self, instance):
            raise NotImplementedError

        def get_instance_key(self, instance):
            return NoIntegrationInstance()

        def _get_instance_key(self):
            value = self.get_instance_key(self.instance)
            if not isinstance(value, (TopologyInstance, NoIntegrationInstance)):
                raise ValueError(f'Got unexpected {type(value)} for argument get_instance_key()')
            if not isinstance(value.type, str) or not isinstance(value.url, str):
                raise ValueError("Instance requires a 'type' and a 'url' of type 'string'")
            return value

        def _get_instance_key_dict(self):
            return self._get_instance_key().to_dict()

        def _check_is_string(self, name, value):
            if not isinstance(value, str):
                raise ValueError(f'Got unexpected {type(value)} for argument {name}')

        def _check_struct(self, name, value):
            if isinstance(value, dict):
                for key in value:
                    self._check_value(f'{name}.{key}', value[key])
            else:
                raise ValueError(f'Got unexpected {type(value)} for argument {name}')

        def _check_value(self, name, value):
            if isinstance(value, dict):
                self._check_struct(name, value)
            elif isinstance(value, list):
                for number, one in enumerate(value):
                    self._check_value(f'{name}[{number}]', one)
            elif value is not None and not isinstance(value, (str, int, float)):
                raise ValueError(f'Got unexpected {type(value)} for argument {name}')

        def _sanitize(self, field):
            """Leaves out what is empty. Raises TypeError on a mixed list or a key that is no text;
            the element is then dropped without a word."""
            if isinstance(field, dict):
                if not all(isinstance(key, str) for key in field):
                    raise TypeError('a key that is no text')
                return {k: self._sanitize(v) for k, v in field.items() if v is not None and v != ''}
            if isinstance(field, list):
                if len({type(one) for one in field}) > 1:
                    raise TypeError('a list of mixed types')
                return [self._sanitize(one) for one in field if one is not None and one != '']
            return field

        def _sanitize_or_note(self, what, data):
            try:
                return self._sanitize(data)
            except (UnicodeError, TypeError) as error:
                agent.violations.append(f'{what} is dropped: {error}')
                return None

        def component(self, id, type, data, streams=None, checks=None):
            data = self._sanitize_or_note(f'component {id}', data)
            if data is None:
                return None
            self._check_is_string('id', id)
            self._check_is_string('type', type)
            self._check_struct('data', data)
            key = self._get_instance_key()
            tags = data.get('tags', [])
            for tag, origin in (('stackstate-layer', 'layer'), ('stackstate-domain', 'domain')):
                found = next((one for one in tags if one.startswith(tag + ':')), None)
                if found is not None:
                    tags.remove(found)
                    data[origin] = found.split(':', 1)[1]
            data['tags'] = sorted(set(tags + key.tags()))
            topology.submit_component(self, self.check_id, self._get_instance_key_dict(), id, type,
                                      data)
            return {'id': id, 'type': type, 'data': data}

        def relation(self, source, target, type, data, streams=None, checks=None):
            data = self._sanitize_or_note(f'relation {source} {target}', data)
            if data is None:
                return None
            for name, value in (('source', source), ('target', target), ('type', type)):
                self._check_is_string(name, value)
            self._check_struct('data', data)
            topology.submit_relation(self, self.check_id, self._get_instance_key_dict(), source,
                                     target, type, data)
            return {'source_id': source, 'target_id': target, 'type': type, 'data': data}

        def delete(self, identifier):
            self._check_is_string('identifier', identifier)
            topology.submit_delete(self, self.check_id, self._get_instance_key_dict(), identifier)
            return identifier

        def start_snapshot(self):
            topology.submit_start_snapshot(self, self.check_id, self._get_instance_key_dict())

        def stop_snapshot(self):
            topology.submit_stop_snapshot(self, self.check_id, self._get_instance_key_dict())

        def _submit_metric(self, mtype, name, value, tags=None, hostname=None, device_name=None):
            if value is None:
                return
            aggregator.submit_metric(self, self.check_id, mtype, name, float(value),
                                     list(tags or []), '' if hostname is None else hostname)

        def gauge(self, name, value, tags=None, hostname=None, device_name=None):
            self._submit_metric(aggregator.GAUGE, name, value, tags, hostname, device_name)

        def raw(self, name, value, tags=None, hostname=None, device_name=None, timestamp=None):
            if timestamp is None:
                agent.violations.append('a raw metric without a timestamp is ignored')
                return
            telemetry.submit_raw_metrics_data(self, self.check_id, name, value, list(tags or []),
                                              '' if hostname is None else hostname, timestamp)

        def service_check(self, name, status, tags=None, hostname=None, message=None):
            aggregator.submit_service_check(
                self, self.check_id, name, status,
                list(tags or []) + self._get_instance_key().tags(),
                '' if hostname is None else hostname, '' if message is None else message)

        def event(self, event):
            if not isinstance(event, dict):
                raise ValueError('expected Dictionary or Event')
            for name, kind in (('msg_title', str), ('msg_text', str), ('timestamp', int)):
                if not isinstance(event.get(name), kind):
                    raise ValueError(f'event.{name}: this field is required')
            event = self._sanitize_or_note('event', event)
            if event is not None:
                aggregator.submit_event(self, self.check_id, event)
            return event

        def warning(self, warning_message):
            self.log.warning(warning_message)
            self.warnings.append(warning_message)

        def get_warnings(self):
            warnings, self.warnings = self.warnings, []
            return warnings

    if not agent.has_delete:
        del AgentCheck.delete
    package = types.ModuleType('stackstate_checks.base')
    package.AgentCheck = AgentCheck
    package.ConfigurationError = ConfigurationError
    package.TopologyInstance = TopologyInstance
    return package


def tags_of(call):
    """{name: value} of a metric's or service check's tags."""
    tags = next(one for one in call.arguments if isinstance(one, list))
    return dict(re.split(':', tag, maxsplit=1) for tag in tags)
