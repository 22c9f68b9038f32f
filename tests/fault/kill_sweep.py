"""Kills the host at the beginning and at the end of its n-th system call, for every n from the
first callback on or for a sample. Between two system calls nothing changes that outlives a process,
so this is every point at which a crash can be told apart from another.

After each kill, runs that are left alone must bring everything out once.
"""

import argparse
import os
import random
import sys

import accounts
from accounts import Broken

EXIT_KILLED, EXIT_SKIPPED = 128 + 9, 77


class Sweep(accounts.Prepared):
    def __init__(self, program):
        super().__init__()
        self.program = os.path.abspath(program)

    def run(self, at):
        """(exit status, number of stops, number before the first callback) of a traced run."""
        report_path = self.bench.path('report')
        process = self.bench.start(before=(self.program, str(at), report_path))
        data, log = self.bench.finish(process)
        if process.returncode == EXIT_SKIPPED:
            print('this machine does not allow tracing')
            sys.exit(EXIT_SKIPPED)
        if process.returncode not in (0, EXIT_KILLED):
            raise Broken(f'exit status {process.returncode}\n{log}')
        self.runs += 1
        with open(report_path, encoding='ascii') as text:
            stops, before = map(int, text.read().split())
        self.books.absorb(data)
        self.check_deleted()
        return process.returncode, stops, before

    def attempt(self, at):
        """Returns whether the kill came before the end."""
        self.restore()
        status, _, _ = self.run(at)
        self.work_off()
        return status == EXIT_KILLED


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('program', help='kill_at_syscall, as built')
    parser.add_argument('--seed', type=int, default=1, help='of the sample')
    parser.add_argument('--sample', type=int, default=120, help='how many; 0: every one')
    parser.add_argument('--at', type=int, help='this one only')
    options = parser.parse_args()
    accounts.require_build()
    sweep = Sweep(options.program)
    failed, kills = [], 0
    with sweep.bench:
        _, last, before = sweep.run(0)
        numbers = accounts.sample(random.Random(options.seed), before, last, options.sample)
        if options.at:
            numbers = [options.at]
        for at in numbers:
            try:
                kills += sweep.attempt(at)
            except Broken as broken:
                failed.append(at)
                print(f'system call stop {at}: {broken}', flush=True)
    print(f'kill sweep: {kills} kills at stops {before} to {last}, {sweep.runs} runs, '
          f'{len(sweep.books.objects)} objects each, {sweep.lost} lost, {sweep.double} counted twice; '
          f'failed: {", ".join(map(str, failed)) or "none"}')
    sys.exit(1 if failed or kills == 0 else 0)


if __name__ == '__main__':
    main()
