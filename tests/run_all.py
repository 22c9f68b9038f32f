"""Builds each configuration, runs its tests and counts them one by one; called by run.sh.

A meson test is a program with many tests in it. Check's programs and unittest's say how many; any
other program counts as one test.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SANITIZER_OPTIONS = {
    'ASAN_OPTIONS': 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
}
# What runs in more than one thread: several instances at once, the end of one amid its run, a
# request that is cancelled, gets side by side, the workers of a run.
THREADED_UNITS = ['http', 'session', 's3', 's3_region', 'workers', 'collector_workers']
THREADED_PLUGIN = ['plugin', 'plugin_tables', 'plugin_threads']
THREADED_TARGETS = ['plugin/libstackstate_check_aws_flowlogs.so', 'examples/host/check-host',
                    *(f'tests/contract/test_{name}' for name in THREADED_PLUGIN),
                    *(f'tests/unit/test_{name}' for name in THREADED_UNITS)]
THREADED_TESTS = [*THREADED_PLUGIN, 'e2e_fake_aws_workers', *THREADED_UNITS]
# name, build folder, meson options, environment, targets (none: all), arguments of meson test
CONFIGURATIONS = [
    ('normal', 'build', ['-Dwerror=true', '-Db_sanitize=none'], {}, [], []),
    # The tests of the harness itself run no C: once is enough.
    ('sanitized', 'build-asan', ['-Dwerror=true', '-Db_sanitize=address,undefined'],
     SANITIZER_OPTIONS, [], ['--no-suite', 'harness']),
    ('threads', 'build-tsan', ['-Dwerror=true', '-Db_sanitize=thread'],
     {'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1'}, THREADED_TARGETS,
     THREADED_TESTS),
]
CHECK = re.compile(r'^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$', re.M)
UNITTEST = re.compile(r'^Ran (\d+) tests? in [\d.]+s\n\n(OK|FAILED)(?: \((.*)\))?$', re.M)
SKIPPED_STATUS = 77


class Count:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed = passed
        self.failed = failed
        self.skipped = skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        text = f'{self.passed} passed, {self.failed} failed'
        return text + (f', {self.skipped} skipped' if self.skipped else '')


def count_program(output, result, status):
    """Counts the tests of one program from what it printed; result is meson's word for it."""
    count = Count()
    for checks, failures, errors in CHECK.findall(output):
        bad = int(failures) + int(errors)
        count.add(Count(int(checks) - bad, bad))
    for ran, _, details in UNITTEST.findall(output):
        numbers = {name: int(value) for name, value in re.findall(r'(\w+)=(\d+)', details)}
        # A test with several failed subtests is counted once for each.
        bad = min(int(ran), numbers.get('failures', 0) + numbers.get('errors', 0))
        skipped = numbers.get('skipped', 0)
        count.add(Count(max(0, int(ran) - bad - skipped), bad, skipped))
    if result == 'OK':
        # Whatever a program says, meson's word decides: failures it printed were expected.
        count.failed = 0
        if count.passed + count.skipped == 0:
            count.passed = 1
    elif result == 'SKIP' or status == SKIPPED_STATUS:
        count = Count(skipped=max(1, count.skipped))
    elif count.failed == 0:
        count.failed = 1  # crashed, timed out, or a sanitizer spoke at the end
    return count


def run(command, environment, log):
    with open(log, 'wb') as out:
        return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, check=False,
                              env={**os.environ, **environment}).returncode


def show_end(log, lines=40):
    with open(log, encoding='utf-8', errors='replace') as text:
        sys.stdout.write(''.join(text.readlines()[-lines:]))


def read_results(folder):
    """meson's own record: one JSON object a line, one line per program."""
    try:
        with open(os.path.join(ROOT, folder, 'meson-logs', 'testlog.json'),
                  encoding='utf-8') as log:
            return [json.loads(line) for line in log if line.strip()]
    except FileNotFoundError:
        return []


def report_program(program, count):
    print(f'  {program["result"]:8} {program["name"]}: {count}', flush=True)
    if count.failed or program['result'] == 'SKIP':
        text = program.get('stdout', '') + program.get('stderr', '')
        print('\n'.join('    | ' + line for line in text.splitlines()[-60:]))


def run_configuration(log, name, folder, options, environment, targets, arguments):
    started = time.monotonic()
    print(f'== {name}: building', flush=True)
    is_configured = os.path.isfile(os.path.join(ROOT, folder, 'build.ninja'))
    setup = ['meson', 'setup', folder, '-Dtests=true', *options]
    if is_configured:
        setup.insert(2, '--reconfigure')
    if run(setup, {}, log) != 0 or run(['ninja', '-C', folder, *targets], {}, log) != 0:
        show_end(log)
        print(f'  FAIL     {name}: does not build')
        return Count(failed=1)
    print(f'== {name}: testing', flush=True)
    stale = os.path.join(ROOT, folder, 'meson-logs', 'testlog.json')
    if os.path.exists(stale):
        os.remove(stale)
    status = run(['meson', 'test', '-C', folder, '--no-rebuild', *arguments], environment, log)
    total = Count()
    programs = read_results(folder)
    for program in programs:
        count = count_program(program.get('stdout', '') + '\n' + program.get('stderr', ''),
                              program['result'], program.get('returncode'))
        report_program(program, count)
        total.add(count)
    # The caller's own arguments may leave nothing of a configuration; main sees to the whole.
    if not programs and not sys.argv[1:] or status != 0 and total.failed == 0:
        show_end(log)
        total.add(Count(failed=1))
    print(f'== {name}: {total} in {time.monotonic() - started:.0f} s', flush=True)
    return total


def main():
    total = Count()
    with tempfile.NamedTemporaryFile(prefix='vfl-tests-') as log:
        for *configuration, arguments in CONFIGURATIONS:
            total.add(run_configuration(log.name, *configuration, arguments + sys.argv[1:]))
    print(total)
    sys.exit(1 if total.failed or total.passed + total.skipped == 0 else 0)


if __name__ == '__main__':
    main()
