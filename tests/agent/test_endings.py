"""examples/agent/aws_flowlogs.py in a stub of the agent: exceptions in callbacks, Ctrl-C, and how a
check ends. Usage: agent_case.py."""
import ast
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import types
import unittest
import unittest.mock
import weakref

from agent_case import CHECK, PRELOADED, STUB_CHECK, AgentTestCase, main
import worked_case


def interrupt(test, act, is_time):
    """Ctrl-C in the main thread amid act; returns the seconds until it is out."""
    moment = []
    over = threading.Event()

    def press():
        while not is_time():
            if over.is_set():
                return
            time.sleep(0.001)
        moment.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    finger = threading.Thread(target=press)
    finger.start()
    try:
        with test.assertRaises(KeyboardInterrupt):
            act()
    finally:
        over.set()
        finger.join()
    return time.monotonic() - moment[0]


class Failures(AgentTestCase):
    SCRIPTS = {
        'submit_component': 'component c', 'submit_relation': 'relation a b',
        'submit_start_snapshot': 'snapshot', 'submit_stop_snapshot': 'snapshot',
        'submit_delete': 'delete d', 'submit_metric': 'metric m 1',
        'submit_raw_metrics_data': 'raw-metric r', 'submit_service_check': 'service s 0 m',
        'submit_event': 'echo', 'start_transaction': 'nothing', 'stop_transaction': 'nothing',
        'discard_transaction': 'discard r', 'set_transaction_state': 'transaction-state k v',
        'set_state': 'state k v', 'get_state': 'get k', 'get_config': 'ask', 'log': 'log l'}

    def fail_in(self, builtin, error):
        if builtin == 'log':
            self.agent.log.fault = error
        else:
            self.agent.faults[builtin] = error

    def test_every_callback_s_exception_is_the_run_s(self):
        covered = set()
        for builtin, script in self.SCRIPTS.items():
            with self.subTest(callback=builtin):
                covered.add(builtin)
                step = '' if script == 'nothing' else f'{script}; '
                check, = self.load_scripts(f'begin; {step}transaction-state k bad; component last; '
                                           'end; state k bad')
                self.fail_in(builtin, ArithmeticError('made up'))
                message = self.agent.run(check)
                self.agent.faults.clear()
                self.agent.log.fault = None
                self.assertEqual(message, 'made up')
                self.assertEqual(self.agent.committed, {}, 'nothing counts as delivered')
                if builtin != 'log':
                    self.assertIn(f'{builtin} failed, the run is stopped: ArithmeticError: made up',
                                  self.agent.log.text())
                if builtin not in ('stop_transaction', 'discard_transaction', 'start_transaction'):
                    self.assertEqual(self.count('component'), 0)
                if builtin not in ('discard_transaction',):
                    self.assertEqual(self.count('discard_transaction'), 1)
                self.agent.calls.clear()
                self.agent.log.lines.clear()
                self.agent.open.clear()
        # get_hostname is answered by what the base class has; cgo_free is the C library's free.
        every = {name for name, *_ in sys.modules['aws_flowlogs']._SIGNATURES}
        self.assertEqual(every - covered, {'get_hostname', 'cgo_free'})

    def test_after_a_failure_the_next_run_does_it_all(self):
        bucket, check = self.load_bucket()
        for builtin in ('submit_component', 'submit_relation', 'set_transaction_state',
                        'submit_service_check'):
            self.agent.faults[builtin] = ValueError(f'no {builtin} today')
            self.assertEqual(self.agent.run(check), f'no {builtin} today')
            self.agent.faults.clear()
            if builtin == 'submit_service_check':
                break
            self.assertEqual((self.agent.committed, bucket.keys()), ({}, [worked_case.KEY]))
        self.agent.calls.clear()
        for _ in range(2):
            self.assertEqual(self.agent.run(check), '')
        self.assertEqual((bucket.keys(), bucket.deleted_keys()), ([], [worked_case.KEY]))

    def test_relation_that_failed_is_sent_again(self):
        bucket, check = self.load_bucket()
        self.agent.faults['submit_relation'] = ValueError('not now')
        self.assertEqual(self.agent.run(check), 'not now')
        self.assertEqual(self.count('relation'), 0)
        self.agent.faults.clear()
        self.assertEqual(self.agent.run(check), '')
        self.assertEqual((self.count('relation'), bucket.keys()), (1, [worked_case.KEY]))
        self.assertEqual(self.agent.run(check), '')
        self.assertEqual(bucket.keys(), [])

    def test_without_transactions_neither(self):
        self.agent.config['check_transactionality_enabled'] = False
        bucket, check = self.load_bucket()
        self.agent.faults['submit_relation'] = ValueError('not now')
        for _ in range(3):
            self.assertEqual(self.agent.run(check), 'not now')
        self.assertEqual((self.agent.committed, bucket.keys()), ({}, [worked_case.KEY]))

    def test_exit_and_interrupt_in_a_callback_pass_through_run(self):
        for error in (SystemExit(3), KeyboardInterrupt()):
            with self.subTest(error=error):
                # The script would never end by itself.
                check, = self.load_scripts('begin; component c; block')
                self.agent.faults['submit_component'] = error
                with self.assertRaises(type(error)):
                    self.agent.run(check)
                self.agent.faults.clear()
                self.assertEqual(self.count('discard_transaction'), 1)
                self.agent.calls.clear()

    def test_ctrl_c_while_the_library_works(self):
        inside = threading.Event()
        check, = self.load_scripts('begin; component c; block')
        self.agent.faults['submit_component'] = inside.set
        self.assertLess(interrupt(self, lambda: self.agent.run(check), inside.is_set), 2)
        self.assertEqual(self.count('discard_transaction'), 1)
        self.assertEqual(self.agent.committed, {})

    def test_ctrl_c_before_the_first_callback(self):
        check, = self.load_scripts('1:block; component c')
        # After the first a new instance is made, whose first run blocks as well.
        for _ in range(2):
            before = threading.enumerate()

            def is_running():
                return any(thread.name == 'aws_flowlogs' and thread not in before
                           for thread in threading.enumerate())
            self.assertLess(interrupt(self, lambda: self.agent.run(check), is_running), 5)
        self.assertEqual(self.agent.of('component', check), [])

    def test_ctrl_c_before_the_thread_has_begun(self):
        check, = self.load_scripts('component c')
        native, runs, late = check._native, [], []
        native._library = types.SimpleNamespace(stackstate_check_run=lambda *_: runs.append(1))

        def interrupted(thread):
            late.append(thread)
            raise KeyboardInterrupt
        with unittest.mock.patch.object(threading.Thread, 'start', interrupted), \
                self.assertRaises(KeyboardInterrupt):
            self.agent.run(check)
        self.assertFalse(native.close.alive)
        late[0].start()
        late[0].join()
        self.assertEqual(runs, [], 'what is torn down is not run')
        self.assertEqual(self.agent.run(check), '')
        self.assertEqual(self.count('component'), 1)

    def test_ctrl_c_while_the_agent_holds_a_callback(self):
        inside, release = threading.Event(), threading.Event()

        def hold():
            inside.set()
            release.wait(30)
        _, check = self.load_bucket()
        self.agent.faults['submit_relation'] = hold
        self.assertLess(interrupt(self, lambda: self.agent.run(check), inside.is_set), 10)
        release.set()
        for thread in threading.enumerate():
            if thread.name == 'aws_flowlogs':
                thread.join()
        self.agent.faults.clear()
        self.agent.open.clear()
        self.agent.violations.clear()  # the stuck one came in at last
        self.assertEqual(self.agent.run(check), '')

    def test_failure_during_configure_is_the_constructor_s(self):
        self.agent.faults['submit_component'] = ArithmeticError('too early')
        with self.assertRaisesRegex(ArithmeticError, 'too early'):
            self.load({'library_path': STUB_CHECK}, {'script': '', 'early': 'yes'})


class Lifetime(AgentTestCase):
    def teardowns(self, check):
        """Counts those of the library from here on."""
        module, count = sys.modules['aws_flowlogs'], []
        original = module._tear_down
        native = check._native
        finalizer = native.close
        weak, func, args, _ = finalizer.peek()[0], finalizer.peek()[1], finalizer.peek()[2], None
        self.assertIs(weak, native)
        self.assertIs(func, original)
        finalizer.detach()

        def counted(*arguments):
            count.append(arguments)
            original(*arguments)
        native.close = weakref.finalize(native, counted, *args)
        return count

    def test_check_dies_with_its_last_reference(self):
        for script in ('component c', 'fail on purpose', 'component c; metric m 1'):
            for error in (None, ValueError, KeyboardInterrupt):
                with self.subTest(script=script, error=error):
                    check, = self.load_scripts(script)
                    # A class: an exception that the test holds would hold its traceback.
                    self.agent.faults = {'submit_component': error} if error else {}
                    count = self.teardowns(check)
                    with contextlib.suppress(KeyboardInterrupt):
                        self.agent.run(check)
                    gone = weakref.ref(check)
                    del check
                    self.assertIsNone(gone())
                    self.assertEqual(len(count), 1)

    def test_interrupted_check_dies_as_well(self):
        check, = self.load_scripts('component c; block')
        inside = threading.Event()
        self.agent.faults['submit_component'] = inside.set
        interrupt(self, lambda: self.agent.run(check), inside.is_set)
        gone = weakref.ref(check)
        del check
        self.assertIsNone(gone())

    def test_refused_configuration_leaves_no_check_behind(self):
        made = []
        base = sys.modules['stackstate_checks.base'].AgentCheck
        original = base.__init__

        def remember(check, *args, **kwargs):
            made.append(weakref.ref(check))
            original(check, *args, **kwargs)
        base.__init__ = remember
        with self.assertRaises(Exception):
            self.load({'library_path': STUB_CHECK}, {'script': '', 'refuse': 'me'})
        self.assertEqual([one() for one in made], [None, None])  # the agent tries twice

    def test_closed_twice_is_torn_down_once(self):
        check, = self.load_scripts('component c')
        count = self.teardowns(check)
        check._native.close()
        check._native.close()
        del check
        self.assertEqual(len(count), 1)

    def test_teardown_at_the_end_of_the_interpreter(self):
        program = (
            'import sys, ctypes, json; sys.argv = ["x"]\n'
            f'sys.path[:0] = [{os.path.dirname(os.path.abspath(__file__))!r}]\n'
            'import stub_agent\n'
            'agent = stub_agent.Agent(); agent.install()\n'
            f'check, = agent.load({CHECK!r}, json.dumps({{"library_path": {STUB_CHECK!r}}}), '
            '"script: component c")\n'
            'print(repr(agent.run(check)), len(agent.of("component", check)))\n'
            'import aws_flowlogs\n'
            'tear_down = check._native.close.peek()[1]\n'
            'import weakref; args = check._native.close.detach()[2]\n'
            'check._native.close = weakref.finalize(check._native, lambda *a: (print("torn down"),'
            ' tear_down(*a)), *args)\n')
        environment = {**os.environ}
        if PRELOADED:
            environment['LD_PRELOAD'] = PRELOADED
        done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                              env=environment, timeout=60, check=False)
        self.assertEqual((done.stdout, done.returncode), ("'' 1\ntorn down\n", 0), done.stderr)

    def test_source_is_of_the_agent_s_oldest_python_3(self):
        with open(CHECK, encoding='utf-8') as file:
            ast.parse(file.read(), feature_version=(3, 7))

    def test_callbacks_come_from_one_thread_a_run(self):
        check, = self.load_scripts('component c; metric m 1; relation a b')
        self.agent.run(check)
        threads = {call.thread for call in self.agent.calls if call.check_id == check.check_id}
        self.assertEqual(len(threads), 1)
        self.assertEqual([t.name for t in threading.enumerate() if t.name == 'aws_flowlogs'], [])


if __name__ == '__main__':
    main()
