"""Thousands of runs of one check instance in one process, on the directory store or on S3, with
faults in between. Resident memory, descriptors and threads must stay where they were after the
first fifth of the runs, every byte must come out once, and nothing may be left.
"""

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import time

import accounts
from accounts import Bench, Broken
from fault_campaign import ACCOUNT, FakeServer
from faulty_proxy import FaultyProxy

import harness

PAIR_COUNT = 200
SERVICE = 443
OBJECTS_PER_RUN = 3
# What the allocator may keep on top of the early figure: a part of it, and a constant.
SLACK_SHARE, SLACK_KIB = 0.01, 256
MAX_DRAIN_RUNS = 20
DIRECTORY_FAULTS = ('bad object', 'no bucket', 'no trash')


def put_objects(bucket, first_number):
    """Objects that all differ, over pairs that come again. Returns their bytes."""
    total = 0
    for number in range(first_number, first_number + OBJECTS_PER_RUN):
        size = 1000 + number
        client, pair = number % accounts.CLIENT_COUNT, number % PAIR_COUNT
        lines = [f'2 {ACCOUNT} eni-{client:08x} 10.1.0.{client + 1} 10.2.0.{pair} 40000 {SERVICE} '
                 f'6 1 {size} {1624348000 + i} {1624348010 + i} ACCEPT OK' for i in range(20)]
        bucket.put(harness.object_key(number, account=ACCOUNT), harness.gzipped(*lines))
        total += 20 * size
    return total


def split_config(bench):
    """The driver takes the two maps as the agent hands them over: as texts of their own."""
    with open(bench.conf, encoding='utf-8') as conf:
        first, second = conf.read().split('\ninstances:\n')
    first = first.removeprefix('init_config:')
    for name, text in (('init', first), ('instance', second.replace('  - ', '    ', 1))):
        with open(bench.path(name), 'w', encoding='utf-8') as out:
            out.write('\n'.join(line.strip() for line in text.splitlines()) + '\n')


class Driver:
    def __init__(self, program, bench):
        self.log = open(bench.path('log'), 'w+b')
        self.process = subprocess.Popen(
            [program, os.environ['CHECK_LIB'], bench.path('init'), bench.path('instance')],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            # With one arena what is resident is what the check keeps: each run has new threads, and
            # which of the allocator's arenas they warm up is chance.
            env={**{k: v for k, v in os.environ.items() if not k.lower().endswith('_proxy')},
                 'MALLOC_ARENA_MAX': '1'})

    def run(self):
        """(exit status, bytes, message)"""
        self.process.stdin.write(b'\n')
        self.process.stdin.flush()
        line = self.process.stdout.readline().decode('utf-8', 'replace')
        if not line:
            raise Broken(f'the driver ended\n{self.end()}')
        status, size, _, _, _, message = line.rstrip('\n').split(' ', 5)
        return int(status), int(size), message

    def figures(self):
        """(resident KiB, descriptors, threads)"""
        proc = f'/proc/{self.process.pid}'
        with open(proc + '/statm', encoding='ascii') as statm:
            resident_kib = int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE') // 1024
        return resident_kib, len(os.listdir(proc + '/fd')), len(os.listdir(proc + '/task'))

    def end(self):
        """Tears the check down; returns what was written to stderr."""
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.seek(0)
        text = self.log.read().decode('utf-8', 'replace')
        self.log.close()
        return text


@contextlib.contextmanager
def directory_fault(bench, bucket, name):
    """One fault around one run."""
    folder = os.path.join(bucket.root, bucket.name)
    trash = os.path.join(bucket.root, '.trash')
    bad_key = harness.object_key(99999999, account=ACCOUNT)
    if name == 'bad object':
        bucket.put(bad_key, harness.gzipped('x' * 100)[:-9])
    elif name == 'no bucket':
        os.rename(folder, bench.path('away'))
    else:
        os.makedirs(trash, exist_ok=True)
        os.rename(trash, bench.path('away'))
        with open(trash, 'wb'):
            pass
    yield
    if name == 'bad object':
        os.remove(os.path.join(folder, bad_key))
    elif name == 'no bucket':
        os.rename(bench.path('away'), folder)
    else:
        os.remove(trash)
        os.rename(bench.path('away'), trash)


class Soak:
    def __init__(self, program, bench, bucket, rng):
        self.bench = bench
        self.bucket = bucket
        self.rng = rng
        self.driver = Driver(program, bench)
        self.fault_count = self.failed_runs = self.objects = 0
        self.expected_bytes = self.seen_bytes = 0
        self.figures = []

    def one_run(self):
        status, size, message = self.driver.run()
        self.failed_runs += status != 0
        self.seen_bytes += size
        return status, message

    def work(self, runs, proxy):
        for number in range(runs):
            self.expected_bytes += put_objects(self.bucket, self.objects)
            self.objects += OBJECTS_PER_RUN
            if proxy is not None:
                proxy.share = 0.2 if number % 10 == 9 else 0.0
                self.one_run()
            elif self.rng.random() < 0.1:
                self.fault_count += 1
                with directory_fault(self.bench, self.bucket, self.rng.choice(DIRECTORY_FAULTS)):
                    self.one_run()
            else:
                self.one_run()
            self.figures.append(self.driver.figures())
        if proxy is not None:
            proxy.share = 0.0
            self.fault_count = sum(proxy.fault_counts.values())

    def drain(self):
        for _ in range(MAX_DRAIN_RUNS):
            status, message = self.one_run()
            if status == 0 and not self.bucket.keys():
                break
        else:
            raise Broken(f'objects are left: {self.bucket.keys()[:5]} {message}')
        if self.seen_bytes != self.expected_bytes:
            raise Broken(f'{self.seen_bytes} bytes came out, {self.expected_bytes} went in')

    def check_figures(self):
        """Early: the second fifth of the runs, late: the last. Returns both, as text."""
        fifth = max(1, len(self.figures) // 5)
        early, late = self.figures[fifth:2 * fifth], self.figures[-fifth:]
        rows = []
        for i, name in enumerate(('resident KiB', 'descriptors', 'threads')):
            before = statistics.median(row[i] for row in early)
            after = statistics.median(row[i] for row in late)
            rows.append(f'{name} {before:.0f} -> {after:.0f}')
            slack = before * SLACK_SHARE + SLACK_KIB if i == 0 else 0
            # A sanitizer keeps what is freed for a while, which is not the check's.
            if after > before + slack and not (i == 0 and accounts.sanitizer_libraries()):
                raise Broken(f'{name} grew from {before:.0f} to {after:.0f}')
        return ', '.join(rows)


def soak(program, store, runs, seed):
    with contextlib.ExitStack() as stack:
        bench = stack.enter_context(Bench(ACCOUNT))
        proxy = None
        if store == 'directory':
            bucket = bench.use_directory()
        else:
            server = FakeServer(stack)
            bucket = server.make_bucket('flow-logs')
            proxy = stack.enter_context(FaultyProxy(server.port, seed, lambda keys: None,
                                                    without=('corrupt', 'stall', 'late')))
            server.configure(bench, bucket, proxy.url)
        split_config(bench)
        start = time.monotonic()
        run = Soak(program, bench, bucket, random.Random(seed))
        try:
            run.work(runs, proxy)
            run.drain()
            figures = run.check_figures()
        finally:
            log = run.driver.end()
        if run.driver.process.returncode != 0:
            raise Broken(f'the driver ended with {run.driver.process.returncode}\n{log}')
        print(f'soak on {store}: {run.fault_count} faults, {len(run.figures)} runs '
              f'({run.failed_runs} failed), {run.objects} objects, {run.objects * 20} records, '
              f'0 lost, 0 counted twice, {time.monotonic() - start:.0f} s; {figures}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program', help='soak_driver, as built')
    parser.add_argument('--rounds', type=int, default=1500, help='runs on the directory store')
    parser.add_argument('--s3-rounds', type=int, default=150, help='runs on the fake S3')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    accounts.require_build()
    failed = []
    for store, runs in (('directory', options.rounds), ('s3', options.s3_rounds)):
        try:
            soak(options.program, store, runs, options.seed)
        except Broken as broken:
            failed.append(store)
            print(f'soak on {store}, seed {options.seed}: {broken}', flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
