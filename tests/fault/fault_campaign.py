"""Puts a faulty proxy before radosgw (without radosgw: before the fake) and lets the host run.

Whatever the proxy did: when it stops, everything has come out once, equal to a run without faults
over the same objects, and no object was ever deleted that had not been emitted and committed.
"""

import argparse
import contextlib
import os
import random
import sys
import time

import accounts
from accounts import Bench, Broken, FlowObject
from faulty_proxy import FAULTS, FaultyProxy

import harness
import rgw

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'fake'))

import aws  # noqa: E402

ACCOUNT = '123456789012'
EXTERNAL_ID = 'an-external-id'
# radosgw cannot play the ExternalId rule.
MAGIC_EXTERNAL_ID = 'disable_external_id_this_is_unsafe'
MAX_DRAIN_RUNS = 8
LONGEST_PAUSE_S = 6 * 3600
SHARES = (0.05, 0.1, 0.2, 0.4, 0.8)


class RadosServer:
    """One radosgw for all seeds."""

    name = 'radosgw'

    def __init__(self, stack):
        self.server = stack.enter_context(rgw.Rgw())
        self.tenant = rgw.Tenant(self.server, ACCOUNT)
        self.client = self.tenant.client()
        stack.callback(self.client.close)
        self.port = self.server.rgw_port

    def make_bucket(self, name):
        self.tenant.make_bucket(self.client, name)
        return harness.S3Bucket(self.client, name)

    def configure(self, bench, bucket, url):
        bench.configure({'aws_access_key_id': self.tenant.access_key,
                         'aws_secret_access_key': self.tenant.secret_key,
                         'external_id': MAGIC_EXTERNAL_ID},
                        role_arn=self.tenant.role_arn, flowlog_bucket_name=bucket.name,
                        s3_endpoint_url=url, sts_endpoint_url=url, s3_path_style=True)


class FakeServer:
    """The fake's S3 behind the proxy; its STS has a port of its own and meets no faults."""

    name = 'the fake'
    account = ACCOUNT

    def __init__(self, stack):
        self.fake = stack.enter_context(aws.FakeAws())
        self.fake.add_user('AKIAFAKEFAKEFAKEFAKE', 'a-secret-key')
        self.role_arn = f'arn:aws:iam::{ACCOUNT}:role/Reader'
        self.fake.add_role(self.role_arn, external_id=EXTERNAL_ID)
        self.extra = {}
        self.port = int(self.fake.s3_url.rpartition(':')[2])

    def make_bucket(self, name):
        return self.fake.add_bucket(name)

    def configure(self, bench, bucket, url):
        bench.configure({'aws_access_key_id': 'AKIAFAKEFAKEFAKEFAKE',
                         'aws_secret_access_key': 'a-secret-key', 'external_id': EXTERNAL_ID},
                        role_arn=self.role_arn, flowlog_bucket_name=bucket.name,
                        s3_endpoint_url=url, sts_endpoint_url=self.fake.sts_url,
                        s3_path_style=True, **self.extra)

    def use_ec2(self, client_count):
        """Interfaces come from the fake's EC2, not from a file."""
        self.fake.interfaces[harness.REGION] = accounts.interfaces(client_count)
        self.extra = {'interfaces_file': '', 'ec2_endpoint_url': self.fake.ec2_url}


class Totals:
    def __init__(self):
        self.runs = self.failed_runs = self.requests = 0
        self.objects = self.records = self.lost = self.double = 0
        self.faults = {name: 0 for name in FAULTS}


class Campaign:
    def __init__(self, seed, server, totals, clock_library):
        self.rng = random.Random(seed)
        self.totals = totals
        self.environment = accounts.preload(clock_library)
        self.ahead_s = 0
        self.violations = []
        self.bench = Bench(ACCOUNT)
        self.books = self.bench.accounts
        self.bucket = server.make_bucket(f'flow-logs-{seed}')
        self.proxy = FaultyProxy(server.port, seed, self.on_delete)
        server.configure(self.bench, self.bucket, self.proxy.url)

    def on_delete(self, keys):
        """Called by the proxy before the server hears of it."""
        try:
            with open(self.bench.path('out'), 'rb') as out:
                self.books.check_deleted_now(keys, out.read())
        except Broken as broken:
            self.violations.append(str(broken))

    def run_host(self, runs):
        arguments = ('--once',) if runs == 1 else ('--runs', str(runs), '--interval', '1')
        environment = {**self.environment, 'CLOCK_AHEAD_S': str(self.ahead_s)}
        process = self.bench.start(*arguments, environment=environment)
        data, log = self.bench.finish(process)
        if process.returncode not in (0, 1):
            raise Broken(f'exit status {process.returncode}\n{log}')
        self.totals.runs += runs
        self.totals.failed_runs += process.returncode == 1
        return process.returncode, self.books.absorb(data), log

    def put_some(self):
        for _ in range(self.rng.randint(1, 12)):
            self.books.put(self.bucket, FlowObject(len(self.books.objects),
                                                   self.rng.choice((1, 5, 50, 900)), ACCOUNT))

    def disturb(self, process_count):
        for _ in range(process_count):
            if self.rng.random() < 0.7:
                self.put_some()
            self.proxy.share = self.rng.choice(SHARES)
            self.ahead_s += self.rng.randint(0, 120)
            self.run_host(2 if self.rng.random() < 0.15 else 1)

    def drain(self):
        """Without faults, when every pause is over."""
        self.proxy.share = 0.0
        self.ahead_s += LONGEST_PAUSE_S + 60
        for _ in range(MAX_DRAIN_RUNS):
            status, output, log = self.run_host(1)
            if status != 0:
                raise Broken(f'a run without faults failed\n{log[-3000:]}')
            if not self.bucket.keys():
                break
        else:
            raise Broken(f'objects are left: {self.bucket.keys()[:5]}\n{log[-3000:]}')
        status, output, log = self.run_host(1)
        if status != 0 or not all(t.is_empty() for t in output.transactions):
            raise Broken(f'the last run failed or sent something\n{log[-3000:]}')

    def run(self, process_count):
        with self.bench, self.proxy:
            try:
                self.disturb(process_count)
                self.drain()
                records, lost, double = self.books.count_records()
                self.totals.records += records
                self.totals.lost += lost
                self.totals.double += double
                if lost or double or self.violations:
                    raise Broken(f'{lost} records lost, {double} counted twice; '
                                 f'{"; ".join(self.violations[:3])}')
                self.books.check_against(
                    accounts.reference_of(self.books.objects.values(), ACCOUNT))
            finally:
                self.totals.objects += len(self.books.objects)
                self.totals.requests += self.proxy.request_count
                for name, count in self.proxy.fault_counts.items():
                    self.totals.faults[name] += count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('clock_library', help='clock_ahead, as built')
    parser.add_argument('--seed', type=int, default=1, help='the first one')
    parser.add_argument('--seeds', type=int, default=2)
    parser.add_argument('--processes', type=int, default=12, help='under faults, for each seed')
    parser.add_argument('--server', choices=('radosgw', 'fake'),
                        default='fake' if rgw.missing_programs() else 'radosgw')
    options = parser.parse_args()
    accounts.require_build()
    totals = Totals()
    failed = []
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        server = (RadosServer if options.server == 'radosgw' else FakeServer)(stack)
        for seed in range(options.seed, options.seed + options.seeds):
            try:
                Campaign(seed, server, totals, options.clock_library).run(options.processes)
            except Broken as broken:
                failed.append(seed)
                print(f'seed {seed}: {broken}', flush=True)
    print(', '.join(f'{name} {count}' for name, count in totals.faults.items()))
    print(f'fault campaign before {server.name}: {sum(totals.faults.values())} faults in '
          f'{totals.requests} requests, {totals.runs} runs ({totals.failed_runs} failed), '
          f'{totals.objects} objects, {totals.records} records, {totals.lost} lost, '
          f'{totals.double} counted twice, {time.monotonic() - start:.0f} s; '
          f'failed seeds: {", ".join(map(str, failed)) or "none"}')
    sys.exit(1 if failed or not sum(totals.faults.values()) else 0)


if __name__ == '__main__':
    main()
