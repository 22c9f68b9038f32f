"""Lets the n-th allocation of the check fail, for every n or for a sample, through whole runs of
the host on the directory store.

The run must end by itself with an exit status, without a crash, without a leak; nothing may be
deleted that was not emitted before; and runs with enough memory afterwards must bring everything
out.
"""

import argparse
import random
import sys

import accounts
from accounts import Broken

EXIT_CONFIGURE = 2  # what the host says when the check refuses its configuration
ALL_FURTHER = 1 << 40


class Report:
    def __init__(self, text):
        self.counted, self.before_run, self.live, self.failed = map(int, text.split())


class Sweep(accounts.Prepared):
    def __init__(self, library):
        super().__init__()
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
        self.bench.restore()
        status, report, log = self.run(at, length)
        if report.failed == 0:
            raise Broken('the allocation was not reached')
        if report.live > usual_live:
            raise Broken(f'{report.live - usual_live} allocations were not given back\n{log}')
        if status == 0 and self.books.count_records()[1] > 0:
            raise Broken(f'exit status 0, but not everything came out\n{log}')
        self.work_off()
        self.broken_emissions += self.books.broken_emission_count
        return status


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('library', help='fail_alloc, as built')
    parser.add_argument('--seed', type=int, default=1, help='of the sample')
    parser.add_argument('--sample', type=int, default=120, help='how many; 0: every one')
    parser.add_argument('--at', type=int, help='this one only')
    options = parser.parse_args()
    accounts.require_build()
    sweep = Sweep(options.library)
    failed, statuses = [], {}
    with sweep.bench:
        _, usual, _ = sweep.run(0, 1)
        rng = random.Random(options.seed)
        numbers = accounts.sample(rng, 1, usual.before_run, options.sample // 3)
        numbers += accounts.sample(rng, usual.before_run + 1, usual.counted,
                                   options.sample - options.sample // 3)
        if options.at:
            numbers = [options.at]
        for at in numbers:
            # One failure alone is met by other code than memory that is used up for good.
            for length in (1, ALL_FURTHER):
                try:
                    status = sweep.attempt(at, length, usual.live)
                    statuses[status] = statuses.get(status, 0) + 1
                except Broken as broken:
                    failed.append(f'{at}{"" if length == 1 else "+"}')
                    print(f'allocation {failed[-1]}: {broken}', flush=True)
    exits = ', '.join(f'{count} with {status}' for status, count in sorted(statuses.items()))
    print(f'allocation sweep: {len(numbers)} of {usual.counted} allocations failed alone and with '
          f'all further ones, {sweep.runs} runs (exit status: {exits}), '
          f'{sweep.broken_emissions} emissions broken off, '
          f'{len(sweep.books.objects)} objects each, 0 lost, 0 counted twice; '
          f'failed: {", ".join(failed) or "none"}')
    sys.exit(1 if failed or not statuses else 0)


if __name__ == '__main__':
    main()
