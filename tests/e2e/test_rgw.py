"""The main job on a real S3 and STS server: the role is assumed, objects become topology, and what
was processed is deleted one run later, with its versions kept."""

import gzip
import unittest

import harness
import rgw
import worked_case
from harness import HostTestCase, S3Bucket, gzipped, object_key

ACCOUNT = '123456789012'
MAGIC_EXTERNAL_ID = 'disable_external_id_this_is_unsafe'  # radosgw cannot play the ExternalId rule
CLIENT, SERVER = 'urn:vpcip:vpc-1/10.0.0.1', 'urn:vpcip:vpc-1/10.0.0.2'
INTERFACES = {'NetworkInterfaces': [
    worked_case.interface('eni-00000001', '10.0.0.1', vpc='vpc-1'),
    worked_case.interface('eni-00000002', '10.0.0.2', vpc='vpc-1')]}


def request(size, start=1624348000):
    """A client's HTTPS request as its own interface reports it, within one minute."""
    return (f'2 {ACCOUNT} eni-00000001 10.0.0.1 10.0.0.2 40000 443 6 10 {size} {start} '
            f'{start + 60} ACCEPT OK')


def setUpModule():
    missing = rgw.missing_programs()
    if missing:
        raise unittest.SkipTest(f'not installed: {", ".join(missing)}; tests/setup.sh test does it')
    global SERVER_PROCESS, TENANTS
    SERVER_PROCESS = rgw.Rgw()
    unittest.addModuleCleanup(SERVER_PROCESS.stop)
    SERVER_PROCESS.start()
    TENANTS = {account: rgw.Tenant(SERVER_PROCESS, account)
               for account in (ACCOUNT, harness.ACCOUNT)}


class RgwTestCase(HostTestCase):
    bucket_count = 0

    def setUp(self):
        super().setUp()
        self.use(TENANTS[ACCOUNT], INTERFACES)

    def use(self, tenant, interfaces, versioning='Enabled'):
        """Points the test at a new, empty bucket of tenant."""
        client = tenant.client()
        self.addCleanup(client.close)
        RgwTestCase.bucket_count += 1
        name = f'flow-logs-{RgwTestCase.bucket_count}'
        tenant.make_bucket(client, name, versioning)
        self.tenant = tenant
        self.bucket = S3Bucket(client, name)
        self.init_config = {'aws_access_key_id': tenant.access_key,
                            'aws_secret_access_key': tenant.secret_key,
                            'external_id': MAGIC_EXTERNAL_ID}
        self.instance = {'role_arn': tenant.role_arn, 'regions': [harness.REGION],
                         'process_flow_logs': True, 'flowlog_bucket_name': name,
                         's3_endpoint_url': SERVER_PROCESS.endpoint,
                         'sts_endpoint_url': SERVER_PROCESS.endpoint, 's3_path_style': True,
                         'interfaces_file': self.write_json('interfaces.json', interfaces)}

    def key(self, number=0, **options):
        return object_key(number, account=ACCOUNT, **options)

    def run_once(self, *arguments, expect=0, with_state=True, **changes):
        state = ['--state', self.state] if with_state else []
        return self.run_host(self.init_config, {**self.instance, **changes},
                             arguments=('--once', *state, *arguments), expect=expect)


class WorkedCase(RgwTestCase):
    def test_through_a_real_s3_server(self):
        self.use(TENANTS[harness.ACCOUNT], {'NetworkInterfaces': worked_case.INTERFACES})
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        worked_case.check(self, self.run_once().graph)


class Pipeline(RgwTestCase):
    def test_emits_then_deletes_one_run_later_and_keeps_the_versions(self):
        keys = [self.key(number) for number in range(3)]
        for number, key in enumerate(keys):
            self.bucket.put(key, gzipped(request(1000 + number)))
        first = self.run_once()
        self.assertEqual(set(first.graph.components), {CLIENT, SERVER})
        self.assertEqual(set(first.graph.relations), {(CLIENT, SERVER)})
        self.assertEqual(first.graph.total('aws.flowlog.bytes_sent'), 3003)
        self.assertEqual(first.graph.total('aws.flowlog.bytes_received'), 0)
        self.assert_service_check(first, 'aws_flowlogs.can_connect', 'OK')
        self.assert_service_check(first, 'aws_flowlogs.can_update', 'OK')
        self.assertEqual(self.bucket.keys(), keys)

        second = self.run_once()
        self.assertEqual(second.graph.metrics('aws.flowlog.bytes_sent'), [])
        self.assertEqual(self.bucket.keys(), [])
        self.assertEqual(self.bucket.deleted_keys(), keys)
        self.assertEqual(gzip.decompress(self.bucket.body_of_deleted(keys[0])),
                         gzip.decompress(gzipped(request(1000))))

        for with_state in (True, False):
            again = self.run_once(with_state=with_state)
            self.assertEqual(again.graph.metrics('aws.flowlog.bytes_sent'), [])

    def test_two_runs_of_one_process_emit_once(self):
        self.bucket.put(self.key(), gzipped(request(1000)))
        result = self.run_host(self.init_config, self.instance,
                               arguments=('--runs', '2', '--interval', '1'))
        self.assertEqual(result.graph.total('aws.flowlog.bytes_sent'), 1000)
        self.assertEqual(self.bucket.keys(), [])

    def test_an_object_that_arrives_later_is_counted_once(self):
        self.bucket.put(self.key(1), gzipped(request(1000)))
        self.run_once()
        self.bucket.put(self.key(2), gzipped(request(500, start=1624348060)))
        second = self.run_once()
        self.assertEqual(second.graph.total('aws.flowlog.bytes_sent'), 500)
        self.assertEqual(self.bucket.keys(), [self.key(2)])

    def test_lost_state_before_deletion_counts_again_rather_than_losing(self):
        self.bucket.put(self.key(), gzipped(request(1000)))
        self.run_once(with_state=False)
        self.assertEqual(self.bucket.keys(), [self.key()])
        self.assertEqual(self.run_once().graph.total('aws.flowlog.bytes_sent'), 1000)

    def test_dry_run_deletes_nothing(self):
        self.bucket.put(self.key(), gzipped(request(1000)))
        # One process for two runs; then a run that has something confirmed to delete.
        result = self.run_host(self.init_config, self.instance,
                               arguments=('--runs', '2', '--interval', '1', '--dry-run'))
        self.assertEqual(result.graph.total('aws.flowlog.bytes_sent'), 1000)
        self.run_once()
        self.run_once('--dry-run')
        self.assertEqual(self.bucket.keys(), [self.key()])
        self.assertEqual(self.bucket.deleted_keys(), [])

    def test_only_flow_log_keys_are_touched(self):
        odd = self.key(7).replace('_00000007', '_a b+c%41~&')
        foreign = ['AWSLogs/123456789012/CloudTrail/eu-west-1/2021/06/22/'
                   '123456789012_CloudTrail_eu-west-1_20210622T0745Z_abc.json.gz',
                   self.key(1, end='.log.gz.tmp'), self.key(2, region='eu-west-2'), odd,
                   harness.PREFIX.replace(harness.ACCOUNT, ACCOUNT) + 'test_file.log.gz']
        for key in [self.key(), *foreign]:
            self.bucket.put(key, gzipped(request(1000)))
        first = self.run_once()
        self.assertEqual(first.graph.total('aws.flowlog.bytes_sent'), 1000)
        self.run_once()
        self.assertEqual(self.bucket.keys(), sorted(foreign))

    def test_more_objects_than_one_page_and_one_batch(self):
        count = 1100
        for number in range(count):
            self.bucket.put(self.key(number),
                            gzipped(request(1 + number % 7, start=1624348000 + number)))
        expected = sum(1 + number % 7 for number in range(count))
        total = 0
        for _ in range(5):
            total += self.run_once().graph.total('aws.flowlog.bytes_sent')
            if not self.bucket.keys():
                break
        self.assertEqual(total, expected)
        self.assertEqual(self.bucket.keys(), [])
        self.assertEqual(len(self.bucket.deleted_keys()), count)


class Versioning(RgwTestCase):
    def test_nothing_is_read_or_deleted_without_versioning(self):
        for versioning in (None, 'Suspended'):
            with self.subTest(versioning=versioning):
                self.use(TENANTS[ACCOUNT], INTERFACES, versioning)
                self.bucket.put(self.key(), gzipped(request(1000)))
                for _ in range(2):
                    result = self.run_once(expect=1)
                    self.assertTrue(result.graph.is_empty())
                    self.assert_service_check(result, 'aws_flowlogs.can_update', 'CRITICAL',
                                              'versioning', self.bucket.name)
                self.assertEqual(self.bucket.keys(), [self.key()])

    def test_deletion_stops_when_versioning_is_suspended_between_runs(self):
        self.bucket.put(self.key(), gzipped(request(1000)))
        self.run_once()
        self.bucket.client.put_bucket_versioning(
            Bucket=self.bucket.name, VersioningConfiguration={'Status': 'Suspended'})
        self.run_once(expect=1)
        self.assertEqual(self.bucket.keys(), [self.key()])


class Failures(RgwTestCase):
    def assert_keeps_all_and_recovers(self, result):
        """Nothing was emitted or deleted, no secret is shown, and a good run still counts."""
        self.assertTrue(result.graph.is_empty())
        self.assertNotIn(self.tenant.secret_key, result.log)
        self.assertEqual(self.bucket.keys(), [self.key()])
        self.assertEqual(self.run_once().graph.total('aws.flowlog.bytes_sent'), 1000)

    def setUp(self):
        super().setUp()
        self.bucket.put(self.key(), gzipped(request(1000)))

    def test_wrong_secret_key(self):
        right = self.init_config
        self.init_config = {**right, 'aws_secret_access_key': 'not-the-secret-key'}
        result = self.run_once(expect=1)
        self.assert_service_check(result, 'aws_flowlogs.can_connect', 'CRITICAL')
        self.assertNotIn('not-the-secret-key', result.log)
        self.init_config = right
        self.assert_keeps_all_and_recovers(result)

    def test_missing_bucket(self):
        result = self.run_once(expect=1, flowlog_bucket_name='no-such-bucket')
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'CRITICAL', 'no-such-bucket')
        self.assert_keeps_all_and_recovers(result)

    def test_stopped_server(self):
        url = f'http://127.0.0.1:{rgw.free_port()}'
        result = self.run_once(expect=1, s3_endpoint_url=url, sts_endpoint_url=url)
        self.assertIn(url.partition('//')[2], result.log)
        self.assert_keeps_all_and_recovers(result)

    def test_unreachable_server_leaves_the_state_unharmed(self):
        self.run_once()
        url = f'http://127.0.0.1:{rgw.free_port()}'
        self.run_once(expect=1, s3_endpoint_url=url, sts_endpoint_url=url)
        last = self.run_once()
        self.assertEqual(last.graph.metrics('aws.flowlog.bytes_sent'), [])
        self.assertEqual(self.bucket.keys(), [])

    def test_bad_objects_stay_and_good_ones_beside_them_count(self):
        whole = gzipped(request(77))
        bad = {self.key(1): whole[:-9], self.key(2): whole[:-8] + b'\0\0\0\0' + whole[-4:],
               self.key(3, end='.log.parquet'): b'PAR1' + b'\0' * 100 + b'PAR1'}
        for key, body in bad.items():
            self.bucket.put(key, body)
        result = self.run_once()
        self.assertEqual(result.graph.total('aws.flowlog.bytes_sent'), 1000)
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'WARNING')
        self.run_once()
        self.assertEqual(self.bucket.keys(), sorted(bad))


if __name__ == '__main__':
    harness.main()
