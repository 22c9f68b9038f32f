"""Lets the n-th allocation of the check fail, for every n or for a sample, through whole runs of
the host on the directory store, or on the fake's S3, STS and EC2.

The run must end by itself with an exit status, without a crash, without a leak; nothing may be
deleted that was not emitted before; and runs with enough memory afterwards must bring everything
out.

With several workers, which allocation is the n-th differs from run to run: any failure is one, and what
must hold is the same.
"""

import argparse
import concurrent.futures
import contextlib
import random
import sys
from itertools import repeat

import accounts
from accounts import Broken
from fault_campaign import FakeServer

EXIT_CONFIGURE = 2  # what the host says when the check refuses its configuration
ALL_FURTHER = 1 << 40
# A run begins with the state of the one before, where a mistake makes objects count twice.
DENSE_COUNT = 30
SHARE_COUNT = 100  # of a job at a time, from one bench


class Report:
    def __init__(self, text):
        self.counted, self.before_run, self.live, self.failed = map(int, text.split())


class Sweep(accounts.Prepared):
    def __init__(self, library, clock_library, server, workers):
        super().__init__(server, workers)
        # curl says the same of a header line that is too long and of lack of memory, so such an
        # object is taken for a bad one at first: its pause is over for the runs that follow.
        self.clean_environment = {**accounts.preload(clock_library), 'CLOCK_AHEAD_S': '120'}
        self.environment = accounts.preload(library)
        self.broken_emissions = 0

    def run(self, at, length):
        """Returns (exit status, report) of the run under test."""
        report_path = self.bench.path('report')
        process = self.bench.start('--once', environment={
            **self.environment, 'FAIL_ALLOC_AT': str(at), 'FAIL_ALLOC_LENGTH': str(length),
            'FAIL_ALLOC_REPORT': report_path})
        data, log = self.bench.finish(process)
        self.runs += 1
        with open(report_path, encoding='ascii') as text:
            report = Report(text.read())
        self.books.absorb(data)
        self.check_deleted()
        if process.returncode not in (0, 1, EXIT_CONFIGURE):
            raise Broken(f'exit status {process.returncode}\n{log}')
        if process.returncode != 0 and not log.strip():
            raise Broken('failed without a word')
        return process.returncode, report, log

    def attempt(self, at, length, usual_live):
        self.restore()
        status, report, log = self.run(at, length)
        if report.failed == 0 and self.bench.workers == 1:
            raise Broken('the allocation was not reached')
        if report.live > usual_live:
            raise Broken(f'{report.live - usual_live} allocations were not given back\n{log}')
        for number, flow_object in self.books.objects.items():
            if status == 0 and number not in self.books.record_bytes and \
                    f'{flow_object.key} is kept' not in log:
                raise Broken(f'exit status 0, but nothing is said of {flow_object.key}\n{log}')
        self.work_off()
        self.broken_emissions += self.books.broken_emission_count
        return status


class Part:
    """What a share of the sweep came to."""

    def __init__(self):
        self.failed, self.statuses = [], {}
        self.runs = self.broken_emissions = self.lost = self.double = 0

    def attempt_all(self, sweep, numbers, usual_live):
        for at in numbers:
            # One failure alone is met by other code than memory that is used up for good.
            for length in (1, ALL_FURTHER):
                try:
                    status = sweep.attempt(at, length, usual_live)
                    self.statuses[status] = self.statuses.get(status, 0) + 1
                except Broken as broken:
                    self.failed.append(f'{at}{"" if length == 1 else "+"}')
                    print(f'allocation {self.failed[-1]}: {broken}', flush=True)
        for name in ('runs', 'broken_emissions', 'lost', 'double'):
            setattr(self, name, getattr(sweep, name))

    def add(self, other):
        self.failed += other.failed
        for status, count in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count
        for name in ('runs', 'broken_emissions', 'lost', 'double'):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@contextlib.contextmanager
def make_sweep(options):
    with contextlib.ExitStack() as stack:
        server = None
        if options.store == 's3':
            server = FakeServer(stack)
            server.use_ec2(4)
        sweep = Sweep(options.library, options.clock_library, server, options.workers)
        stack.enter_context(sweep.bench)
        yield sweep


def attempt_share(options, numbers, usual_live):
    """One job's share, with a bucket, and a server, of its own."""
    part = Part()
    with make_sweep(options) as sweep:
        part.attempt_all(sweep, numbers, usual_live)
    return part


def choose_numbers(options, usual):
    if options.at:
        return [options.at]
    rng = random.Random(options.seed)
    numbers = accounts.sample(rng, 1, usual.before_run, options.sample // 3)
    run_start = usual.before_run + 1
    if options.sample > 0 and options.workers == 1:
        numbers += range(run_start, run_start + DENSE_COUNT)
        run_start += DENSE_COUNT
    numbers += accounts.sample(rng, run_start, usual.counted,
                               options.sample - options.sample // 3)
    return [number for number in numbers if number >= options.first]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('library', help='fail_alloc, as built')
    parser.add_argument('clock_library', help='clock_ahead, as built')
    parser.add_argument('--seed', type=int, default=1, help='of the sample')
    parser.add_argument('--sample', type=int, default=80, help='how many; 0: every one')
    parser.add_argument('--at', type=int, help='this one only')
    parser.add_argument('--first', type=int, default=1, help='leave out those before this one')
    parser.add_argument('--store', choices=('directory', 's3'), default='directory')
    parser.add_argument('--jobs', type=int, default=1, help='how many at a time')
    parser.add_argument('--workers', type=int, default=1, help='threads that read')
    options = parser.parse_args()
    accounts.require_build()
    with make_sweep(options) as sweep:
        _, usual, _ = sweep.run(0, 1)
        objects = len(sweep.books.objects)
    numbers = choose_numbers(options, usual)
    total = Part()
    shares = [numbers[i:i + SHARE_COUNT] for i in range(0, len(numbers), SHARE_COUNT)]
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        parts = pool.map(attempt_share, repeat(options), shares, repeat(usual.live))
        for part, share in zip(parts, shares):
            total.add(part)
            print(f'up to allocation {share[-1]}: {len(total.failed)} failed', file=sys.stderr,
                  flush=True)
    exits = ', '.join(f'{count} with {status}' for status, count in sorted(total.statuses.items()))
    print(f'allocation sweep on {options.store}, {options.workers} workers: '
          f'{len(numbers)} of {usual.counted} allocations '
          f'failed alone and with all further ones, {total.runs} runs (exit status: {exits}), '
          f'{total.broken_emissions} emissions broken off, {objects} objects each, '
          f'{total.lost} lost, {total.double} counted twice; '
          f'failed: {", ".join(total.failed) or "none"}')
    sys.exit(1 if total.failed or not total.statuses else 0)


if __name__ == '__main__':
    main()
