"""The main job against a strict, scripted AWS: what a real S3 server cannot show."""

import os
import re
import sys
import time

import harness
import worked_case
from harness import ACCOUNT, HostTestCase, gzipped, object_key

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'fake'))

import aws  # noqa: E402
from aws_reply import ServiceError, xml_reply  # noqa: E402

ROLE_ARN = f'arn:aws:iam::{ACCOUNT}:role/Reader'
SECRET = 'fAkE/sEcReT+kEy0123456789abcdefghijklmno'
EXTERNAL_ID = 'the-right-external-id'
BUCKET = 'flow-logs'
FIELDS_WITH_VPC = ('version account-id interface-id srcaddr dstaddr srcport dstport protocol '
                   'packets bytes start end action log-status vpc-id')


def record(size=1000, client='10.16.5.72', server='10.16.133.15', start=1624348000):
    return (f'2 {ACCOUNT} eni-0bd4ab7e6ea9e1f4c {client} {server} 40000 443 6 10 {size} {start} '
            f'{start + 60} ACCEPT OK')


class FakeAwsTestCase(HostTestCase):
    def setUp(self):
        super().setUp()
        self.fake = aws.FakeAws()
        self.fake.__enter__()
        self.addCleanup(self.fake.__exit__)
        self.fake.add_user('AKIAFAKEFAKEFAKE0001', SECRET)
        self.role = self.fake.add_role(ROLE_ARN, external_id=EXTERNAL_ID)
        self.bucket = self.fake.add_bucket(BUCKET, owner=ACCOUNT)
        self.fake.interfaces[harness.REGION] = list(worked_case.INTERFACES)
        self.init_config = {'aws_access_key_id': 'AKIAFAKEFAKEFAKE0001',
                            'aws_secret_access_key': SECRET, 'external_id': EXTERNAL_ID}
        self.instance = {
            'role_arn': ROLE_ARN, 'regions': [harness.REGION], 'process_flow_logs': True,
            'flowlog_bucket_name': BUCKET, 's3_endpoint_url': self.fake.s3_url,
            'sts_endpoint_url': self.fake.sts_url, 'ec2_endpoint_url': self.fake.ec2_url,
            's3_path_style': True}

    def tearDown(self):
        self.assertEqual(self.fake.unused_faults(), [])
        self.assertEqual(self.fake.violations, [])

    def run_once(self, *arguments, expect=0, init_config=None, **changes):
        result = self.run_host(init_config or self.init_config, {**self.instance, **changes},
                               arguments=('--once', '--state', self.state, *arguments),
                               expect=expect)
        for secret in (SECRET, EXTERNAL_ID, *(s.token for s in self.fake.sessions.values()),
                       *(s.secret for s in self.fake.sessions.values())):
            self.assertNotIn(secret, result.log)
        return result

    def put(self, number=0, records=None):
        key = object_key(number)
        # Objects of their own content: the same content under two keys counts once.
        lines = records or (record(start=1624348000 + 60 * number),)
        self.bucket.put(key, gzipped(*lines))
        return key

    def sent(self, result):
        return result.graph.total('aws.flowlog.bytes_sent')

    def assert_counts_once_over(self, *sizes):
        """Runs once per size; each must submit exactly that many bytes and none is left."""
        for size in sizes:
            self.assertEqual(self.sent(self.run_once()), size)
        self.assertEqual(self.bucket.keys(), [])


class Pipeline(FakeAwsTestCase):
    def test_worked_case(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        worked_case.check(self, self.run_once().graph)
        self.assertEqual(self.bucket.keys(), [worked_case.KEY])
        self.run_once()
        self.assertEqual(self.bucket.keys(), [])
        self.assertIsNotNone(self.bucket.versions[worked_case.KEY][0].body)

    def test_paged_listing_and_interfaces(self):
        self.fake.list_page_size = 3
        self.fake.interfaces_page_size = 5
        noise = [worked_case.interface(f'eni-{i:08x}', f'10.1.0.{i}') for i in range(11)]
        self.fake.interfaces[harness.REGION] = noise + worked_case.INTERFACES
        for number in range(8):
            self.put(number)
        result = self.run_once()
        self.assertEqual(self.sent(result), 8000)
        self.assertEqual(set(result.graph.components), {worked_case.CLIENT, worked_case.SERVER})
        self.assertEqual(len(self.fake.details('DescribeNetworkInterfaces')), 3)
        self.assertGreaterEqual(len(self.fake.details('ListObjectsV2')), 3)
        self.run_once()
        self.assertEqual(self.bucket.keys(), [])

    def test_odd_folder_survives_the_spelling_of_keys(self):
        folder = 'a b+c/%41~é'
        key = object_key(folder=folder)
        self.bucket.put(key, gzipped(record()))
        self.assertEqual(self.sent(self.run_once(log_prefix=folder)), 1000)
        self.run_once(log_prefix=folder)
        self.assertEqual(self.bucket.keys(), [])

    def test_archived_objects_are_left_alone(self):
        self.put(0)
        archived = self.put(1)
        self.bucket.archived_keys.add(archived)
        result = self.run_once()
        self.assertEqual(self.sent(result), 1000)
        self.assertRegex(result.log, f'{re.escape(archived)} is kept: .*archived')
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'WARNING')
        self.run_once()
        self.assertEqual(self.bucket.keys(), [archived])

    def test_keys_of_the_shared_profile_do_as_well(self):
        self.put()
        os.mkdir(self.path('.aws'), 0o700)
        with open(self.path('.aws', 'credentials'), 'w', encoding='utf-8') as out:
            out.write(f'[default]\naws_access_key_id = AKIAFAKEFAKEFAKE0001\n'
                      f'aws_secret_access_key = {SECRET}\n')
        result = self.run_once(init_config={'external_id': EXTERNAL_ID})
        self.assertEqual(self.sent(result), 1000)

    def test_no_credentials_at_all_is_named(self):
        self.put()
        result = self.run_once(init_config={'external_id': EXTERNAL_ID}, expect=1)
        self.assert_service_check(result, 'aws_flowlogs.can_connect', 'CRITICAL', 'credential')
        self.assertEqual(self.fake.calls, [])


class Listing(FakeAwsTestCase):
    """Several runs of one process. Keys are of today, as they are in life."""

    RUNS = 5

    def setUp(self):
        super().setUp()
        # A day that ends under way has one more prefix to look at.
        if time.time() % 86400 > 86400 - 60:
            time.sleep(60)
        self.now = int(time.time())
        self.by_run = []  # [(operation, detail)] of each run

    def key(self, number, age_seconds=0, **options):
        stamp = time.strftime('%Y%m%dT%H%MZ', time.gmtime(self.now - age_seconds))
        return object_key(number, stamp=stamp, **options)

    def run_several(self, before_run):
        """before_run(number) is called, from 0, when a run has just begun."""
        for number in range(self.RUNS):
            self.fake.fault('GetBucketVersioning', number + 1,
                            aws.Fault(before=lambda _, number=number: before_run(number)))
        result = self.run_host(self.init_config, self.instance, arguments=(
            '--runs', str(self.RUNS), '--interval', '1', '--state', self.state))
        for operation, detail, _ in self.fake.calls:
            if operation == 'GetBucketVersioning':
                self.by_run.append([])
            if self.by_run:
                self.by_run[-1].append((operation, detail))
        self.assertEqual(len(self.by_run), self.RUNS)
        return result

    def count(self, run, operation):
        return sum(name == operation for name, _ in self.by_run[run])

    def test_steady_state_makes_one_listing_for_each_flow_log(self):
        flow_logs = ('fl-0a1b2c3d4e5f60718', 'fl-0fedcba9876543210')

        def deliver(run):
            for i, flow_log in enumerate(flow_logs):
                for part in range(3):
                    number = run * 10 + i * 3 + part
                    self.bucket.put(self.key(number, flow_log=flow_log),
                                    gzipped(record(start=self.now - 3600 + 60 * number)))
        self.run_several(deliver)
        for run in range(1, self.RUNS):
            with self.subTest(run=run):
                self.assertEqual(self.count(run, 'ListObjectsV2'), len(flow_logs))
                self.assertEqual(self.count(run, 'GetObject'), 6)
                self.assertEqual(self.count(run, 'DeleteObjects'), 1)
                allowed = 1 + len(flow_logs) + 6 + 1
                interfaces = self.count(run, 'DescribeNetworkInterfaces')
                self.assertEqual(len(self.by_run[run]) - interfaces, allowed)
        self.assertEqual(self.count(0, 'ListObjectsV2'), 2)  # both layouts whole
        self.assertEqual(len(self.bucket.keys()), 6)  # of the last run

    def test_slow_page_names_the_lifecycle_rules_to_add(self):
        self.put()
        self.fake.fault('ListObjectsV2', 1, aws.Fault(before=lambda _: time.sleep(5.2)))
        result = self.run_once()
        self.assertEqual(self.sent(result), 1000)
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'WARNING', BUCKET,
                                  'NoncurrentVersionExpiration', 'ExpiredObjectDeleteMarker')
        (seconds, _), = result.graph.metrics('aws_flowlogs.list_page_seconds')
        self.assertGreater(seconds, 5)

    def test_days_of_delete_markers_are_looked_at_once(self):
        day = [(age, part) for age in range(3 * 3600, 27 * 3600, 300) for part in range(4)]
        for number, (age, _) in enumerate(day):
            key = self.key(number + 1000, age_seconds=age)
            self.bucket.put(key, b'')
            self.bucket.remove(key)
        scanned = []

        def deliver(run):
            scanned.append(self.bucket.scanned_count)
            self.bucket.put(self.key(run), gzipped(record(start=self.now - 3600 + 60 * run)))
        self.run_several(deliver)
        scanned.append(self.bucket.scanned_count)
        costs = [after - before for before, after in zip(scanned, scanned[1:])]
        self.assertGreaterEqual(costs[0], len(day))
        for run in range(1, self.RUNS):
            self.assertLessEqual(costs[run], run + 1)  # what these runs brought themselves


class ExternalId(FakeAwsTestCase):
    def test_probes_without_the_id_first_then_uses_it(self):
        self.put()
        self.run_once()
        calls = [(detail['external_id'], status) for name, detail, status in self.fake.calls
                 if name == 'AssumeRole']
        self.assertEqual(calls, [(None, 403), (EXTERNAL_ID, 200)])

    def test_role_that_anybody_may_assume_is_refused(self):
        self.role.external_id = None
        key = self.put()
        result = self.run_once(expect=1)
        self.assertTrue(result.graph.is_empty())
        self.assert_service_check(result, 'aws_flowlogs.can_connect', 'CRITICAL', 'external')
        self.assertEqual(self.bucket.keys(), [key])
        self.assertEqual(self.fake.details('GetObject'), [])

    def test_unless_the_magic_word_says_so(self):
        self.role.external_id = None
        self.put()
        magic = {**self.init_config, 'external_id': 'disable_external_id_this_is_unsafe'}
        self.assertEqual(self.sent(self.run_once(init_config=magic)), 1000)

    def test_wrong_external_id_names_role_and_remedy(self):
        self.put()
        self.init_config['external_id'] = 'the-wrong-external-id'
        result = self.run_once(expect=1)
        self.assert_service_check(result, 'aws_flowlogs.can_connect', 'CRITICAL', ROLE_ARN,
                                  'external')
        self.assertTrue(result.graph.is_empty())

    def test_throttled_probe_is_not_taken_for_a_refusal(self):
        self.put()
        self.fake.fault('AssumeRole', 1, aws.Fault(error=ServiceError(
            400, 'Throttling', 'Rate exceeded')))
        self.assertEqual(self.sent(self.run_once()), 1000)
        calls = [(detail['external_id'], status) for name, detail, status in self.fake.calls
                 if name == 'AssumeRole']
        self.assertEqual(calls, [(None, 400), (None, 403), (EXTERNAL_ID, 200)])


class MissingPermissions(FakeAwsTestCase):
    def test_each_is_named_and_nothing_is_lost(self):
        for action in ('s3:GetBucketVersioning', 's3:ListBucket', 's3:GetObject'):
            with self.subTest(action=action):
                self.state = self.path('state-' + action.partition(':')[2])
                self.bucket.versions.clear()
                self.fake.denied_actions = {action}
                key = self.put()
                result = self.run_once(expect=1)
                self.assertTrue(result.graph.is_empty())
                self.assert_service_check(result, 'aws_flowlogs.can_update', 'CRITICAL', action)
                self.assertEqual(self.bucket.keys(), [key])
                self.fake.denied_actions = set()
                self.assert_counts_once_over(1000, 0)

    def test_delete_is_named_and_nothing_is_counted_twice(self):
        key = self.put()
        self.assertEqual(self.sent(self.run_once()), 1000)
        self.fake.denied_actions = {'s3:DeleteObject'}
        for _ in range(2):
            result = self.run_once(expect=None)
            self.assertEqual(result.graph.metrics('aws.flowlog.bytes_sent'), [])
            check = result.graph.service_checks['aws_flowlogs.can_update']
            self.assertNotEqual(check['status'], 0)
            self.assertIn('s3:DeleteObject', check['message'])
            self.assertEqual(self.bucket.keys(), [key])
        self.fake.denied_actions = set()
        self.assert_counts_once_over(0)

    def test_without_ec2_the_records_own_vpc_is_used(self):
        self.fake.denied_actions = {'ec2:DescribeNetworkInterfaces'}
        self.bucket.put(object_key(), gzipped(record() + ' vpc-0305206adbbda9918',
                                              header=FIELDS_WITH_VPC))
        result = self.run_once()
        self.assertIn('ec2:DescribeNetworkInterfaces', result.log)
        self.assertEqual(set(result.graph.components), {worked_case.CLIENT, worked_case.SERVER})
        self.assertEqual(self.sent(result), 1000)

    def test_bucket_of_another_owner_is_refused_under_the_default_name(self):
        self.fake.add_bucket(f'stackstate-logs-{ACCOUNT}', owner='999999999999').put(
            object_key(), gzipped(record()))
        del self.instance['flowlog_bucket_name']
        result = self.run_once(expect=1)
        self.assertTrue(result.graph.is_empty())
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'CRITICAL',
                                  f'belongs to account {ACCOUNT}', 'can be taken by anybody')
        self.assertEqual(self.fake.details('GetObject'), [])


class Faults(FakeAwsTestCase):
    def test_transient_faults_are_retried_within_the_run(self):
        faults = {
            'slow down': aws.slow_down(), 'cut body': aws.Fault(cut_bytes=20),
            'lost reply': aws.Fault(is_lost=True),
            'internal error': aws.Fault(error=ServiceError(500, 'InternalError', 'oops')),
            'error under 200': aws.Fault(reply=xml_reply(
                '<Error><Code>InternalError</Code><Message>We encountered an internal error.'
                '</Message></Error>')),
            'throttled': aws.Fault(error=ServiceError(503, 'RequestLimitExceeded',
                                                      'Request limit exceeded.'))}
        operations = {
            'AssumeRole': ('lost reply', 'cut body', 'internal error'),
            'GetBucketVersioning': ('slow down', 'error under 200', 'cut body'),
            'ListObjectsV2': ('slow down', 'cut body', 'lost reply', 'internal error',
                              'error under 200'),
            'GetObject': ('slow down', 'cut body', 'lost reply', 'internal error'),
            'DescribeNetworkInterfaces': ('throttled', 'cut body', 'lost reply')}
        for operation, names in operations.items():
            for name in names:
                with self.subTest(operation=operation, fault=name):
                    self.state = self.path(f'state-{operation}-{name}')
                    self.bucket.versions.clear()
                    self.fake.clear_faults()
                    self.put()
                    self.fake.fault(operation, 1, faults[name])
                    self.assert_counts_once_over(1000, 0)

    def test_endless_slow_down_ends_the_run_and_loses_nothing(self):
        key = self.put()
        for call in range(1, 40):
            self.fake.fault('ListObjectsV2', call, aws.slow_down())
        result = self.run_once(expect=None)
        self.assertTrue(result.graph.is_empty())
        self.assertNotEqual(
            result.graph.service_checks['aws_flowlogs.can_update']['status'], 0)
        self.assertLess(len(self.fake.details('ListObjectsV2', 503)), 20)
        self.assertEqual(self.bucket.keys(), [key])
        self.fake.clear_faults()
        self.assert_counts_once_over(1000, 0)

    def test_one_object_that_cannot_be_fetched_does_not_stop_the_others(self):
        keys = [self.put(number) for number in range(3)]
        self.fake.fault('GetObject', 2, aws.Fault(error=ServiceError(
            403, 'AccessDenied', 'User is not authorized to perform: kms:Decrypt')))
        result = self.run_once()
        self.assertEqual(self.sent(result), 2000)
        # Which of them is asked for second is the threads' affair.
        kept = '|'.join(re.escape(key) for key in keys)
        self.assertEqual(len(re.findall(f'({kept}) is kept: .*kms:Decrypt denied', result.log)), 1)
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'WARNING')
        self.assertIn('kms:Decrypt', result.log)

    def test_object_that_vanished_since_the_listing_is_no_error(self):
        self.put(0)
        vanishing = self.put(1)
        self.fake.fault('GetObject', 1, aws.Fault(
            before=lambda fake: fake.buckets[BUCKET].remove(vanishing)))
        result = self.run_once()
        self.assertIn(self.sent(result), (1000, 2000))
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'OK')

    def test_web_page_in_place_of_an_object_is_not_an_object(self):
        page = b'<html><body>Please log in to the guest network</body></html>\n'
        whole = page.ljust(len(gzipped(record(start=1624348000))))  # as long as what was listed
        for body, reason in ((page, 'bytes'), (whole, 'not a flow log')):
            with self.subTest(reason):
                key = self.put()
                for call in range(1, 20):
                    self.fake.fault('GetObject', call, aws.Fault(reply=aws.Reply(200, body)))
                result = self.run_once(expect=None)
                self.assertTrue(result.graph.is_empty())
                self.assertEqual(self.bucket.keys(), [key])
                self.assertRegex(result.log, f'{re.escape(key)} is kept: .*{reason}')
                self.fake.clear_faults()

    def test_size_that_is_none_costs_its_object_alone(self):
        keys = [self.put(number) for number in range(4)]
        self.fake.listed_sizes = {keys[0]: '-1', keys[1]: str(1 << 63), keys[2]: '5'}
        result = self.run_once(expect=None)
        self.assertEqual(self.sent(result), 1000)
        for key in keys[:3]:
            self.assertIn(f'{key} is kept', result.log)
        self.run_once(expect=None)
        self.assertEqual(self.bucket.keys(), keys[:3])

    def test_expired_session_is_refreshed_once_and_the_run_goes_on(self):
        for number in range(3):
            self.put(number)
        self.fake.fault('GetObject', 2, aws.Fault(before=aws.FakeAws.expire_sessions))
        self.assertEqual(self.sent(self.run_once()), 3000)
        self.run_once()
        self.assertEqual(self.bucket.keys(), [])

    def test_wrong_clock_is_named_or_corrected(self):
        key = self.put()
        self.fake.clock_offset_seconds = 20 * 60
        result = self.run_once(expect=None)
        if result.status == 0:
            self.assertEqual(self.sent(result), 1000)
        else:
            self.assertTrue(result.graph.is_empty())
            self.assertIn('clock', result.log)
        self.assertEqual(self.bucket.keys(), [key])

    def test_bucket_in_another_region_is_found_or_named(self):
        key = self.put()
        self.bucket.region = 'eu-central-1'
        result = self.run_once(expect=None)
        if result.status == 0:
            self.assertEqual(self.sent(result), 1000)
        else:
            self.assertIn('eu-central-1', result.log)
        self.assertEqual(self.bucket.keys(), [key])

    def test_redirect_to_another_host_is_not_followed(self):
        self.put()
        with aws.FakeAws() as trap:
            for call in range(1, 10):
                self.fake.fault('GetBucketVersioning', call, aws.Fault(reply=aws.Reply(
                    307, b'', [('Location', trap.s3_url + '/steal')])))
            self.assertTrue(self.run_once(expect=1).graph.is_empty())
            self.fake.clear_faults()
            self.assertEqual(trap.calls, [])


class Deletion(FakeAwsTestCase):
    def test_refused_keys_are_tried_again_and_not_counted_again(self):
        keys = [self.put(number) for number in range(3)]
        self.assertEqual(self.sent(self.run_once()), 3000)
        self.fake.delete_errors = {keys[1]: ('InternalError', 'We encountered an internal error.')}
        second = self.run_once(expect=None)
        self.assertEqual(second.graph.metrics('aws.flowlog.bytes_sent'), [])
        self.assertEqual(self.bucket.keys(), [keys[1]])
        self.fake.delete_errors = {}
        self.assert_counts_once_over(0)

    def test_lost_reply_is_harmless(self):
        self.put()
        self.assertEqual(self.sent(self.run_once()), 1000)
        for call in (1, 2):
            self.fake.fault('DeleteObjects', call, aws.Fault(is_lost=True))
        self.assert_counts_once_over(0)

    def test_nothing_is_deleted_when_versioning_was_switched_off_in_between(self):
        key = self.put()
        self.run_once()
        for versioning in ('Suspended', None):
            self.bucket.versioning = versioning
            result = self.run_once(expect=1)
            self.assert_service_check(result, 'aws_flowlogs.can_update', 'CRITICAL', 'versioning')
            self.assertEqual(self.bucket.keys(), [key])
        self.assertEqual(self.fake.details('DeleteObjects'), [])


if __name__ == '__main__':
    harness.main()
