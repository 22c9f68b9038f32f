"""Counts the instructions and allocations that a record costs, and holds them to what is committed.

    instructions.py             compares with instructions.json; exit 1 beyond 10 %
    instructions.py --update    writes instructions.json

Instructions hardly depend on the machine, unlike seconds, so that a commit which makes parsing or
aggregating slower is seen on a busy machine too. The records come as plain text, which gunzip
passes on, so the inflater has no part. What a stage costs is the difference of two programs that
differ in nothing else. valgrind shows programs a processor with at most AVX2: libraries choose
their code by that, whatever the machine has beyond it.
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
COMMITTED = os.path.join(HERE, 'instructions.json')
FORMATS = ('v2', 'v5', 'ipv6')
STAGES = ('inflate', 'parse', 'aggregate')
RECORDS = 20_000
TOLERANCE = 0.10
SKIPPED_STATUS = 77


def run(command):
    # What tunes the allocator (meson test has it fill every block) would be counted too.
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(('MALLOC_', 'GLIBC_'))}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, env=environment)
    if done.returncode != 0:
        sys.exit(f'{" ".join(command)}: exit {done.returncode}\n{done.stderr[-3000:]}')
    return done


def find_one(pattern, text):
    found = re.search(pattern, text, re.M)
    if found is None:
        sys.exit(f'valgrind said nothing like {pattern}:\n{text[-3000:]}')
    return int(found.group(1).replace(',', ''))


def make_plain(folder, record_format, records):
    """One object as text, with the share of new pairs that the large corpus has."""
    run([os.environ['BENCH_MAKE_CORPUS'], folder, '--format', record_format, '--records',
         str(records), '--interfaces', '400', '--pairs', str(RECORDS // 6), '--stored', 'plain'])
    return glob.glob(os.path.join(folder, '**', '*.log.gz'), recursive=True)


def count_instructions(stage, files):
    text = run(['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null',
                os.environ['BENCH_CORE_READER'], stage, *files]).stderr
    return find_one(r'Collected *: *(\d+)', text)


def count_allocations(files):
    text = run(['valgrind', '--tool=memcheck', '--leak-check=no',
                os.environ['BENCH_CORE_READER'], 'aggregate', *files]).stderr
    return find_one(r'total heap usage: ([\d,]+) allocs', text)


def measure_format(top, record_format):
    """{stage: instructions a record}; parse includes cutting the text into lines."""
    files = make_plain(os.path.join(top, record_format), record_format, RECORDS)
    totals = [count_instructions(stage, files) for stage in STAGES]
    return {stage: round((after - before) / RECORDS)
            for stage, before, after in zip(STAGES[1:], totals, totals[1:])}


def measure():
    with tempfile.TemporaryDirectory(prefix='vfl-instructions-') as top:
        return {record_format: measure_format(top, record_format) for record_format in FORMATS}


def extra_allocations():
    """How many more allocations three times the records of the same pairs take."""
    with tempfile.TemporaryDirectory(prefix='vfl-instructions-') as top:
        few, many = (count_allocations(make_plain(os.path.join(top, str(records)), 'v2', records))
                     for records in (RECORDS, 3 * RECORDS))
    return many - few


def compare(measured, committed):
    is_good = True
    for record_format, stages in measured.items():
        for stage, value in stages.items():
            expected = committed[record_format][stage]
            change = value / expected - 1
            is_close = abs(change) <= TOLERANCE
            is_good = is_good and is_close
            print(f'{record_format:5} {stage:10} {value:6} instructions a record, committed '
                  f'{expected:6}, {change:+6.1%}  {"ok" if is_close else "MISSED"}')
    if not is_good:
        print('More: find out why. Fewer, or for a good reason: instructions.py --update, by '
              '`ninja -C build update-instructions`, and commit instructions.json with the change.')
    return is_good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--update', action='store_true')
    options = parser.parse_args()
    if shutil.which('valgrind') is None:
        print('skipped: valgrind is not installed; tests/setup.sh test does it')
        sys.exit(SKIPPED_STATUS)
    measured = measure()
    if options.update:
        with open(COMMITTED, 'w', encoding='ascii') as out:
            json.dump(measured, out, indent=2)
            out.write('\n')
        print(json.dumps(measured, indent=2))
        return
    with open(COMMITTED, encoding='ascii') as text:
        is_good = compare(measured, json.load(text))
    extra = extra_allocations()
    # The array of an object's windows may still double.
    is_flat = extra <= 8
    print(f'{extra} more allocations for {2 * RECORDS} more records of the same pairs  '
          f'{"ok" if is_flat else "MISSED"}')
    sys.exit(0 if is_good and is_flat else 1)


if __name__ == '__main__':
    main()
