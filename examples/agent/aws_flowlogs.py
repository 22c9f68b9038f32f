"""VPC flow logs as a check of a stock StackState agent (Python 3).

Loads libstackstate_check_aws_flowlogs.so and passes what it submits to the methods of the agent's
own AgentCheck. README.md beside this file tells how to install it, docs/ABI.md what a host has to
keep.

The methods of the base class are used rather than the agent's modules below them (topology,
aggregator, telemetry), because more than passing on happens there: stackstate-layer, -domain,
-environment and -identifiers of the tags become data of the components, max_returned_metrics
counts, and service checks get the tags by which StackState finds them. They take the instance key from
get_instance_key; here that is the key of the callback being served. Transactions and state are the
exception: the base class has no methods for them, and the wrappers of its other base classes change
key and text; they are called where the agent has them.
"""
import ctypes
import filecmp
import functools
import hashlib
import importlib
import json
import os
import re
import threading
import weakref

from stackstate_checks.base import AgentCheck, ConfigurationError, TopologyInstance

__version__ = '0.1.0'

LIBRARY = 'libstackstate_check_aws_flowlogs.so'
# In this order: a package is upgraded by itself, a copy is forgotten.
FOLDERS = ('/usr/lib/stackstate-checks', '/opt/stackstate-agent/lib',
           '/opt/stackstate-agent/embedded/lib', '/etc/stackstate-agent/checks.d',
           os.path.dirname(os.path.abspath(__file__)))
# Texts that may look like numbers.
SHARED_TEXTS = ('aws_access_key_id', 'aws_secret_access_key', 'external_id')
INSTANCE_TEXTS = ('log_bucket_name', 'flowlog_bucket_name', 'log_prefix')
ABI_VERSION = 1
ERROR_SIZE = 4096
LOG_WARNING = 30
# How long a run that was started may take to arrive in the library before teardown is called. It has
# arrived with its first callback, which comes at once (docs/ABI.md, Teardown).
ARRIVAL_SECONDS = 1
WAIT_SECONDS = 0.5

_text_p = ctypes.c_char_p
_libc = ctypes.CDLL(None)
_libc.strdup.argtypes = [_text_p]
_libc.strdup.restype = ctypes.c_void_p


class FlowLogsError(Exception):
    """A run failed; the text is the library's and made for the agent's status page."""


# --- the ABI: abi/stackstate_check.h -------------------------------------------------------------

class _InstanceKey(ctypes.Structure):
    _fields_ = [('type_', _text_p), ('url', _text_p)]


class _Event(ctypes.Structure):
    _fields_ = [('title', _text_p), ('text', _text_p), ('ts', ctypes.c_long),
                ('priority', _text_p), ('host', _text_p), ('tags', ctypes.POINTER(_text_p)),
                ('alert_type', _text_p), ('aggregation_key', _text_p),
                ('source_type_name', _text_p), ('event_type', _text_p)]


_key_p = ctypes.POINTER(_InstanceKey)
_tags_p = ctypes.POINTER(_text_p)
_out_p = ctypes.POINTER(ctypes.c_void_p)

_SIGNATURES = (
    ('submit_component', None, _text_p, _key_p, _text_p, _text_p, _text_p),
    ('submit_relation', None, _text_p, _key_p, _text_p, _text_p, _text_p, _text_p),
    ('submit_start_snapshot', None, _text_p, _key_p),
    ('submit_stop_snapshot', None, _text_p, _key_p),
    ('submit_delete', None, _text_p, _key_p, _text_p),
    ('submit_metric', None, _text_p, ctypes.c_int, _text_p, ctypes.c_double, _tags_p, _text_p,
     ctypes.c_bool),
    ('submit_raw_metrics_data', None, _text_p, _text_p, ctypes.c_float, _tags_p, _text_p,
     ctypes.c_longlong),
    ('submit_service_check', None, _text_p, _text_p, ctypes.c_int, _tags_p, _text_p, _text_p),
    ('submit_event', None, _text_p, ctypes.POINTER(_Event)),
    ('start_transaction', None, _text_p),
    ('stop_transaction', None, _text_p),
    ('discard_transaction', None, _text_p, _text_p),
    ('set_transaction_state', None, _text_p, _text_p, _text_p),
    ('set_state', None, _text_p, _text_p, _text_p),
    ('get_state', ctypes.c_void_p, _text_p, _text_p),
    ('get_config', None, _text_p, _out_p),
    ('log', None, _text_p, ctypes.c_int),
    ('get_hostname', None, _out_p),
    ('cgo_free', None, ctypes.c_void_p),
)
_PROTOTYPES = {name: ctypes.CFUNCTYPE(*signature) for name, *signature in _SIGNATURES}


class _Table(ctypes.Structure):
    _fields_ = ([('struct_size', ctypes.c_size_t), ('abi_version', ctypes.c_uint32)] +
                [(name, _PROTOTYPES[name]) for name, *_ in _SIGNATURES])


def _text(raw):
    return '' if raw is None else raw.decode('utf-8', 'replace')


def _tags(raw):
    """A list that ends with NULL."""
    tags = []
    while raw and raw[len(tags)] is not None:
        tags.append(_text(raw[len(tags)]))
    return tags


def _copy(text):
    """On the C heap, for the library to give back through cgo_free, which is free itself."""
    return _libc.strdup(text.encode('utf-8'))


# --- the agent's side ----------------------------------------------------------------------------

def _agent_module(name, *functions):
    """A module that the agent's interpreter brings, or None. Elsewhere, something else may have
    that name."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    return module if all(callable(getattr(module, one, None)) for one in functions) else None


class _Agent:
    """What the library calls. It knows the check weakly: the check owns the library's instance,
    which owns the table, which owns this."""

    METRICS = {0: 'gauge', 1: 'rate', 2: 'count', 3: 'monotonic_count', 4: 'increment',
               5: 'histogram', 6: 'historate'}

    def __init__(self, check):
        self._check = weakref.ref(check)
        self._state = _agent_module('state', 'get_state', 'set_state')
        self._transaction = _agent_module('transaction', 'start_transaction', 'stop_transaction',
                                          'discard_transaction', 'set_transaction_state')
        self._is_transaction_open = False
        self._failure = None
        self.has_failed = False
        self.arrived = threading.Event()  # the run is inside the library, or was
        self.wake = threading.Event()  # the run has ended, or should

    def table(self):
        """To be kept as long as the library has it: it owns the functions."""
        table = _Table(struct_size=ctypes.sizeof(_Table), abi_version=ABI_VERSION)
        absent = set()
        if self._state is None:
            absent |= {'set_state', 'get_state'}
        if self._transaction is None:
            absent |= {'start_transaction', 'stop_transaction', 'discard_transaction',
                       'set_transaction_state'}
        if not hasattr(AgentCheck, 'delete'):
            absent.add('submit_delete')
        if not hasattr(AgentCheck, 'raw'):
            absent.add('submit_raw_metrics_data')
        for name, prototype in _PROTOTYPES.items():
            if name == 'cgo_free':
                table.cgo_free = ctypes.cast(_libc.free, prototype)
            elif name not in absent:
                setattr(table, name, prototype(functools.partial(self._serve, name)))
        return table

    def _serve(self, name, *arguments):
        """No exception may leave a callback: C frames lie below. After the first one nothing more
        is passed on, or a state would be committed that names what never arrived."""
        try:
            self.arrived.set()
            check = self._check()
            if check is not None and (not self.has_failed or name == 'log'):
                return getattr(self, name)(check, *arguments)
        except BaseException as error:  # Ctrl-C and SystemExit as well: the run's caller gets them
            self._fail(name, error)
        return None

    def _fail(self, name, error):
        if not self.has_failed:
            self._failure = error
        self.has_failed = True
        self.wake.set()
        try:
            check = self._check()
            if check is not None:
                check.log.error('aws_flowlogs: %s failed, the run is stopped: %s: %s', name,
                                type(error).__name__, error)
        except Exception:  # pylint: disable=broad-except
            pass  # it is the log that fails; the caller of run hears of it

    def take_failure(self):
        """Moves it out: its traceback holds the check."""
        failure, self._failure = self._failure, None
        return failure

    def discard_open_transaction(self, reason):
        """After the run; what was submitted must not be taken for the whole."""
        check = self._check()
        if check is None or not self._is_transaction_open:
            return
        self._is_transaction_open = False
        try:
            self._transaction.discard_transaction(check, check.check_id, reason)
        except Exception as error:  # pylint: disable=broad-except
            check.log.error('aws_flowlogs: the transaction could not be discarded, the agent '
                            'will in 10 minutes: %s', error)

    # Topology. The key is set before each call, so that the base class uses it and no other.

    def submit_component(self, check, _id, key, component_id, component_type, data):
        check.use_instance_key(key.contents)
        check.component(_text(component_id), _text(component_type), json.loads(data)['data'])

    def submit_relation(self, check, _id, key, source, target, relation_type, data):
        check.use_instance_key(key.contents)
        check.relation(_text(source), _text(target), _text(relation_type),
                       json.loads(data)['data'])

    def submit_start_snapshot(self, check, _id, key):
        check.use_instance_key(key.contents)
        check.start_snapshot()

    def submit_stop_snapshot(self, check, _id, key):
        check.use_instance_key(key.contents)
        check.stop_snapshot()

    def submit_delete(self, check, _id, key, element_id):
        check.use_instance_key(key.contents)
        check.delete(_text(element_id))

    # Telemetry

    def submit_metric(self, check, _id, metric_type, name, value, tags, hostname, _flush_first):
        submit = getattr(check, self.METRICS[metric_type])
        submit(_text(name), value, tags=_tags(tags), hostname=_text(hostname))

    def submit_raw_metrics_data(self, check, _id, name, value, tags, hostname, timestamp):
        check.raw(_text(name), value, tags=_tags(tags), hostname=_text(hostname),
                  timestamp=timestamp)

    def submit_service_check(self, check, _id, name, status, tags, hostname, message):
        check.service_check(_text(name), status, tags=_tags(tags), hostname=_text(hostname),
                            message=_text(message))

    def submit_event(self, check, _id, event):
        event = event.contents
        texts = {'msg_title': event.title, 'msg_text': event.text, 'priority': event.priority,
                 'host': event.host, 'alert_type': event.alert_type,
                 'aggregation_key': event.aggregation_key,
                 'source_type_name': event.source_type_name, 'event_type': event.event_type}
        check.event({'timestamp': event.ts, 'tags': _tags(event.tags),
                     **{name: _text(raw) for name, raw in texts.items()}})

    # Transactions and state: the texts as the library has them, under its own keys.

    def start_transaction(self, check, _id):
        self._is_transaction_open = True
        self._transaction.start_transaction(check, check.check_id)

    def stop_transaction(self, check, _id):
        self._transaction.stop_transaction(check, check.check_id)
        self._is_transaction_open = False

    def discard_transaction(self, check, _id, reason):
        self._is_transaction_open = False
        self._transaction.discard_transaction(check, check.check_id, _text(reason))

    def set_transaction_state(self, check, _id, key, state):
        self._transaction.set_transaction_state(check, check.check_id, _text(key), _text(state))

    def set_state(self, check, _id, key, state):
        self._state.set_state(check, check.check_id, _text(key), _text(state))

    def get_state(self, check, _id, key):
        state = self._state.get_state(check, check.check_id, _text(key))
        return _copy(state if isinstance(state, str) else '{}')

    # Questions

    def get_config(self, check, key, ret_yaml):
        value = check.get_config(_text(key))
        if value is not None:
            ret_yaml[0] = _copy(json.dumps(value, default=str))

    def get_hostname(self, check, ret_hostname):
        if check.hostname:
            ret_hostname[0] = _copy(check.hostname)

    def log(self, check, message, level):
        if level == LOG_WARNING:
            check.warning(_text(message))  # the agent's status page shows it as well
        else:
            check.log.log(level, '%s', _text(message))


# --- the library's side --------------------------------------------------------------------------

def _is_same(path, other):
    try:
        return filecmp.cmp(path, other, shallow=False)
    except OSError:  # not for this user's eyes: no matter for the one that is used
        return False


def _find():
    """The library's path, and those of others that are not the same file."""
    paths = [os.path.join(folder, LIBRARY) for folder in FOLDERS]
    path, *more = [*filter(os.path.exists, paths), None]
    if path is None:
        raise ConfigurationError('{} is not there: looked for {}; put it beside this check or '
                                 'set init_config.library_path'.format(LIBRARY, ', '.join(paths)))
    return path, [other for other in more[:-1] if not _is_same(path, other)]


def _load(path, log, warn):
    others = []
    if path is None:
        path, others = _find()
    elif not isinstance(path, str) or not os.path.isabs(path):
        raise ConfigurationError('init_config.library_path: found {!r}, expected the absolute path '
                                 'of {}'.format(path, LIBRARY))
    try:
        library = ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL)
        version = ctypes.c_uint32.in_dll(library, 'stackstate_check_abi_version').value
        if version != ABI_VERSION:
            raise ConfigurationError(
                '{} speaks version {} of the check ABI, this check speaks version {}: install the '
                'aws_flowlogs.py that came with the library'.format(path, version, ABI_VERSION))
        text_p, check_p = ctypes.c_char_p, ctypes.c_void_p
        library.stackstate_check_configure.argtypes = [
            ctypes.POINTER(_Table), text_p, text_p, text_p, ctypes.POINTER(check_p), text_p,
            ctypes.c_size_t]
        library.stackstate_check_run.argtypes = [check_p, text_p, ctypes.c_size_t]
        library.stackstate_check_teardown.argtypes = [check_p]
        library.stackstate_check_teardown.restype = None
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigurationError('{} cannot be used as a check library: {}'.format(
            path, error)) from None
    log('aws_flowlogs.py %s uses %s', __version__, path)  # its version comes with the first run
    for other in others:
        warn('aws_flowlogs: {} is another library and is not used, {} comes first: remove it, or '
             'name one in init_config.library_path'.format(other, path))
    return library


def _yaml_text(mapping):
    """One line a key; the values as JSON, which YAML contains and in which a text stays a text.
    Written anew, since the agent passes what it parsed."""

    def scalar(value):
        # ensure_ascii would write pairs of surrogates, which YAML has not.
        text = json.dumps(value, ensure_ascii=False, default=str)
        return re.sub('[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]',
                      lambda found: '\\u{:04x}'.format(ord(found[0])), text)

    def name(key):
        is_plain = re.fullmatch('[a-z][a-z0-9_-]{3,}', key) and key not in ('true', 'false', 'null')
        return key if is_plain else scalar(key)

    try:
        lines = ['{}: {}\n'.format(name(str(key)), scalar(value)) for key, value in mapping.items()]
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError('the configuration cannot be passed on: {}'.format(
            error)) from None
    return ''.join(lines) or '{}\n'


def _require_texts(where, mapping, names):
    """For a text without quotes that looks like something else: 01234 has come as 668, and nothing
    tells that from a 668 of the file. The value may be a secret."""
    for name in names:
        value = mapping.get(name)
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(
                '{}.{}: found a value (not shown) that YAML takes for another kind ({}) and may '
                'have changed, expected text: put it in quotes'.format(
                    where, name, type(value).__name__))


def _tear_down(library, pointer, _table):
    library.stackstate_check_teardown(pointer)


class _Instance:
    """One instance of the library. Torn down once: by close, when nobody has it any more, or when
    the interpreter ends."""

    def __init__(self, library, agent, name, init_config, instance):
        self._library = library
        self._agent = agent
        self._table = agent.table()
        self._pointer = ctypes.c_void_p()
        self._gate = threading.Lock()
        self._has_entered = False   # guarded by the gate: run is about to be called
        self.is_stopped = False     # the same: it must not be called any more
        error = ctypes.create_string_buffer(ERROR_SIZE)
        failed = library.stackstate_check_configure(
            ctypes.byref(self._table), name.encode('utf-8'), init_config.encode('utf-8'),
            instance.encode('utf-8'), ctypes.byref(self._pointer), error, ERROR_SIZE)
        if failed:
            raise ConfigurationError(_text(error.value))
        self.close = weakref.finalize(self, _tear_down, library, self._pointer, self._table)
        self._raise_failure()

    def _raise_failure(self):
        failure = self._agent.take_failure()
        if failure is None:
            return
        self.is_stopped = True
        self.close()
        try:
            raise failure
        finally:
            failure = None  # its traceback holds this frame

    def _work(self, result):
        error = ctypes.create_string_buffer(ERROR_SIZE)
        with self._gate:
            if self.is_stopped:
                return
            self._has_entered = True
        try:
            if self._library.stackstate_check_run(self._pointer, error, ERROR_SIZE):
                result.append(_text(error.value))
        finally:
            self._agent.arrived.set()
            self._agent.wake.set()

    def _stop(self, worker, reason):
        self._agent.has_failed = True  # nothing more is passed on
        # Ctrl-C may come before the thread has begun, and no run may start once it is torn down.
        with self._gate:
            self.is_stopped = True
        if self._has_entered:
            self._agent.arrived.wait(ARRIVAL_SECONDS)
        self.close()
        if worker.is_alive():
            worker.join(1)  # it has left the library, or a callback holds it
        self._agent.discard_open_transaction(reason)

    def run(self):
        """One pass. Returns the library's message when it failed, else None. Raises what a callback
        raised, or what came here meanwhile (Ctrl-C); the instance is closed then.

        The library works in a thread of its own, because a run can be stopped from another thread
        only, and because Python delivers Ctrl-C to the main thread wherever it is: entering a
        callback it would be lost."""
        self._has_entered = False
        self._agent.arrived.clear()
        self._agent.wake.clear()
        result = []
        worker = threading.Thread(target=self._work, args=(result,), name='aws_flowlogs',
                                  daemon=True)
        try:
            worker.start()
            # In short waits: a signal that comes just before a wait begins does not end it.
            while not self._agent.wake.wait(WAIT_SECONDS):
                pass
            if self._agent.has_failed:
                self._stop(worker, 'a callback failed')
            else:
                while worker.is_alive():
                    worker.join(WAIT_SECONDS)
        except BaseException:
            self._stop(worker, 'the run was interrupted')
            self._agent.take_failure()
            raise
        self._raise_failure()
        return result[0] if result else None


# --- the check -----------------------------------------------------------------------------------

class AwsFlowLogsCheck(AgentCheck):
    """One instance of the configuration."""

    _instance_key = None
    _native = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Here and not at the first run, so that a mistake shows as a loading error.
        self._native = self._configure()

    def _configure(self):
        init_config = dict(self.init_config or {})
        library = _load(init_config.pop('library_path', None), self.log.info, self.warning)
        if not self.instances:
            raise ConfigurationError('there is no instance')
        _require_texts('init_config', init_config, SHARED_TEXTS)
        _require_texts('instance', self.instances[0], INSTANCE_TEXTS)
        key = self.instances[0].get('topology_instance')
        if isinstance(key, dict):
            _require_texts('instance.topology_instance', key, ('type', 'url'))
        instance = _yaml_text(self.instances[0])
        # The agent sets check_id after the constructor; callbacks get that one. This one only has
        # to differ between instances.
        name = '{}:{}'.format(self.name, hashlib.sha256(instance.encode('utf-8')).hexdigest()[:16])
        return _Instance(library, _Agent(self), name, _yaml_text(init_config), instance)

    def use_instance_key(self, key):
        """key: the library's, of the callback being served."""
        key_type, url = _text(key.type_), _text(key.url)
        known = self._instance_key
        if known is None or (known.type, known.url) != (key_type, url):
            # Without snapshots of the base class: they would delete the account scan's components.
            self._instance_key = TopologyInstance(key_type, url, with_snapshots=False)

    def get_instance_key(self, instance):
        """The library's key; until it has used it, the same from the configuration."""
        if self._instance_key is not None:
            return self._instance_key
        configured = instance.get('topology_instance') or {}
        account = re.match('arn:[^:]+:iam::([0-9]{12}):', str(instance.get('role_arn')))
        if 'type' in configured and 'url' in configured:
            return TopologyInstance(str(configured['type']), str(configured['url']),
                                    with_snapshots=False)
        if account:
            return TopologyInstance('aws-v2', account[1], with_snapshots=False)
        return super().get_instance_key(instance)

    def check(self, instance):
        """One run; the agent calls it at each interval, for one instance never twice at once."""
        if self._native.is_stopped:
            self._native = self._configure()
        error = self._native.run()
        if error is not None:
            raise FlowLogsError(error)
