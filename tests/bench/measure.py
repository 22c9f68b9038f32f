"""Runs programs and says what they took; collects the rows of the table."""

import os
import statistics
import subprocess
import sys
import tempfile
import time


class Taken:
    """What one program took: seconds of processor time (its children's too) and of the clock, and
    its peak resident bytes."""

    def __init__(self, cpu_s, wall_s, peak_bytes):
        self.cpu_s = cpu_s
        self.wall_s = wall_s
        self.peak_bytes = peak_bytes


def clean_environment():
    """The machine's own identity and proxies are none of the benchmark's business."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.upper().startswith('AWS_') and not name.lower().endswith('_proxy')}
    environment['AWS_EC2_METADATA_DISABLED'] = 'true'
    return environment


def taken(command, stdout=subprocess.DEVNULL):
    """Runs command to its end. A failure ends the benchmark with the program's own words."""
    with tempfile.TemporaryFile() as log, tempfile.NamedTemporaryFile('r') as result:
        done = subprocess.run([os.environ['BENCH_TAKEN'], result.name, *command], check=False,
                              stdin=subprocess.DEVNULL, stdout=stdout, stderr=log,
                              env=clean_environment())
        cpu_s, wall_s, peak_kib, status = (float(word) for word in result.read().split() or '0001')
        if done.returncode != 0 or status != 0:
            log.seek(0)
            sys.exit(f'{" ".join(command)[:2000]}: exit {status:.0f}\n'
                     + log.read().decode('utf-8', 'replace')[-4000:])
    return Taken(cpu_s, wall_s, int(peak_kib) * 1024)


def output_of(command):
    with tempfile.TemporaryFile() as out:
        taken(command, out)
        out.seek(0)
        return out.read().decode('utf-8')


def seconds_until(command, word):
    """Seconds of the clock from the start of command until it writes word; it may run on, and its
    further output is thrown away."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as log, \
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                             env=clean_environment()) as process:
        seconds, tail = None, b''
        while chunk := os.read(process.stdout.fileno(), 1 << 16):
            if seconds is None:
                tail = tail[-len(word):] + chunk
                if word in tail:
                    seconds = time.monotonic() - started
        if process.wait() != 0 or seconds is None:
            log.seek(0)
            sys.exit(f'{" ".join(command)}: exit {process.returncode}\n'
                     + log.read().decode('utf-8', 'replace')[-4000:])
    return seconds


def in_turns(functions, runs):
    """{name: [result of each run]}: one after the other in each round, so that a slow minute of
    the machine hits all alike."""
    results = {name: [] for name in functions}
    for _ in range(runs):
        for name, function in functions.items():
            results[name].append(function())
    return results


def median_cpu(takens):
    return statistics.median(one.cpu_s for one in takens)


class Table:
    """Rows of name, value, target and whether it is met (None: no target). Printed as they come
    on stderr, so that a long benchmark shows that it lives; all at the end as Markdown."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, target='', is_met=None):
        verdict = '' if is_met is None else 'ok' if is_met else 'MISSED'
        self.rows.append((name, value, target, verdict))
        print(f'  {name}: {value}  {target}  {verdict}', file=sys.stderr, flush=True)

    def at_most(self, name, value, limit, unit='', form='.2f', detail=''):
        text = f'{value:{form}}{unit}' + (f' ({detail})' if detail else '')
        self.add(name, text, f'at most {limit:{form}}{unit}', value <= limit)

    def at_least(self, name, value, limit, unit='', form='.2f', detail=''):
        text = f'{value:{form}}{unit}' + (f' ({detail})' if detail else '')
        self.add(name, text, f'at least {limit:{form}}{unit}', value >= limit)

    def missed(self):
        return [row[0] for row in self.rows if row[3] == 'MISSED']

    def markdown(self):
        rows = [('what', 'measured', 'target', ''), *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ['| ' + ' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) + ' |'
                 for row in rows]
        lines.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
        return '\n'.join(lines)
