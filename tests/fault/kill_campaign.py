"""Kills the host with SIGKILL at random moments and starts it again with its state file.

Nothing may be lost, nothing that was sent in a committed run may be sent again, nothing may be
deleted that was not sent and committed before. At the end nothing is left and nothing is sent.
"""

import argparse
import random
import signal
import sys
import time

import accounts
from accounts import Bench, Broken, FlowObject

MAX_DRAIN_RUNS = 10
SECOND_RUN_S = 1.0  # after the first, in a process of two runs: the host's shortest interval
GROWTH = 1.1


class Totals:
    def __init__(self):
        self.kills = self.late_kills = self.runs = 0
        self.objects = self.records = self.lost = self.double = 0


def wave(rng, first_number, account):
    """New objects; a few are big, so that kills meet the middle of one."""
    return [FlowObject(first_number + i, rng.choice((1, 3, 20, 20, 400, 3000)), account)
            for i in range(rng.randint(4, 24))]


def measure(bench, bucket, rng, next_number):
    """(seconds to the first callback, seconds from there to the end) of a usual run."""
    for flow_object in wave(rng, next_number, bench.account):
        bench.accounts.put(bucket, flow_object)
    start = time.monotonic()
    process = bench.start()
    process.stderr.read1(1)
    first = time.monotonic()
    data, log = bench.finish(process)
    end = time.monotonic()
    if process.returncode != 0:
        raise Broken(f'the measured run failed\n{log}')
    bench.accounts.absorb(data)
    return first - start, end - first


def kill_one(bench, rng, times, totals):
    """Starts the host and kills it. It may have ended before: then it is a run like any other, and
    the next kills are spread over its length. Returns the times for the next one."""
    to_first_s, rest_s = times
    has_two_runs = rng.random() < 0.1
    is_late = has_two_runs or rng.random() < 0.8
    process = bench.start(*(('--runs', '2', '--interval', '1') if has_two_runs else ('--once',)))
    if is_late:
        has_called = process.stderr.read1(1) != b''
        first = time.monotonic()
        delay_s = rng.uniform(0, rest_s)
        if has_two_runs:
            delay_s += SECOND_RUN_S
        time.sleep(delay_s)  # the moment is the fault
    else:
        has_called = False
        time.sleep(rng.uniform(0, to_first_s))
    is_over = process.poll() is not None
    process.kill()
    data, log = bench.finish(process)
    totals.runs += 1
    if process.returncode == -signal.SIGKILL:
        totals.kills += 1
        totals.late_kills += has_called
    elif process.returncode != 0:
        raise Broken(f'a run that was not killed failed\n{log}')
    bench.accounts.absorb(data)
    if has_two_runs or not is_late:
        return times
    # What kills left to do makes the next run longer: reach further until one gets to its end.
    return to_first_s, min(rest_s, time.monotonic() - first) if is_over else rest_s * GROWTH


def drain(bench, bucket, totals):
    for _ in range(MAX_DRAIN_RUNS):
        output, _ = bench.run_whole()
        totals.runs += 1
        bench.accounts.check_deleted(accounts.moved_keys(bucket))
        if not bucket.keys():
            break
    else:
        raise Broken(f'objects are left after {MAX_DRAIN_RUNS} runs: {bucket.keys()[:5]}')
    output, _ = bench.run_whole()
    totals.runs += 1
    if not all(t.is_empty() for t in output.transactions):
        raise Broken('the last run sent something')


def campaign(seed, kill_count, totals):
    rng = random.Random(seed)
    with Bench() as bench:
        bucket = bench.use_directory()
        times = measure(bench, bucket, rng, 0)
        last_kill = totals.kills + kill_count
        while totals.kills < last_kill:
            if rng.random() < 0.5:
                for flow_object in wave(rng, len(bench.accounts.objects), bench.account):
                    bench.accounts.put(bucket, flow_object)
            times = kill_one(bench, rng, times, totals)
            bench.accounts.check_deleted(accounts.moved_keys(bucket))
        drain(bench, bucket, totals)
        records, lost, double = bench.accounts.count_records()
        totals.objects += len(bench.accounts.objects)
        totals.records += records
        totals.lost += lost
        totals.double += double
        if lost or double:
            raise Broken(f'{lost} records lost, {double} counted twice')
        bench.accounts.check_against(
            accounts.reference_of(bench.accounts.objects.values(), bench.account))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=1, help='of the first campaign')
    parser.add_argument('--seeds', type=int, default=2, help='campaigns, one a seed')
    parser.add_argument('--kills', type=int, default=30, help='in each campaign')
    options = parser.parse_args()
    accounts.require_build()
    totals = Totals()
    failed = []
    for seed in range(options.seed, options.seed + options.seeds):
        try:
            campaign(seed, options.kills, totals)
        except Broken as broken:
            failed.append(seed)
            print(f'seed {seed}: {broken}', flush=True)
    if totals.late_kills * 2 < totals.kills:
        failed.append('too few kills after the first callback')
    print(f'kill campaign: {totals.kills} kills ({totals.late_kills} after the first callback), '
          f'{totals.runs} runs, {totals.objects} objects, {totals.records} records, '
          f'{totals.lost} lost, {totals.double} counted twice; '
          f'failed: {", ".join(map(str, failed)) or "none"}')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
