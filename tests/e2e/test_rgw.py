"""The main job on a real S3 and STS server: the role is assumed, objects become topology, and what
was processed is deleted one run later, with its versions kept."""

import contextlib
import gzip
import json
import os
import re
import unittest

import botocore.exceptions

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

    def use(self, tenant, interfaces, versioning='Enabled', name=None):
        """Points the test at a new, empty bucket of tenant."""
        client = tenant.client()
        self.addCleanup(client.close)
        RgwTestCase.bucket_count += 1
        name = name or f'flow-logs-{RgwTestCase.bucket_count}'
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


class Restored(RgwTestCase):
    def deleted(self):
        """Puts, processes and deletes one object; its marker's and its version's id."""
        self.bucket.put(self.key(), gzipped(request(1000)))
        for _ in range(2):
            self.run_once()
        found = self.bucket.client.list_object_versions(Bucket=self.bucket.name)
        self.assertEqual(self.bucket.keys(), [])
        return found['DeleteMarkers'][0]['VersionId'], found['Versions'][0]['VersionId']

    def restore(self, marker):
        self.bucket.client.delete_object(Bucket=self.bucket.name, Key=self.key(), VersionId=marker)
        self.assertEqual(self.bucket.keys(), [self.key()])

    def test_out_of_the_ledger_it_is_read_and_deleted_again(self):
        marker, _ = self.deleted()
        self.bucket.put(self.key(1), gzipped(request(500, start=1624348060)))
        for _ in range(2):
            self.run_once()
        self.restore(marker)
        self.assertEqual(self.run_once().graph.total('aws.flowlog.bytes_sent'), 1000)
        self.run_once()
        self.assertEqual(self.bucket.keys(), [])

    def test_of_the_last_delivery_it_is_deleted_again_and_not_counted(self):
        marker, _ = self.deleted()
        self.restore(marker)
        self.assertEqual(self.run_once().graph.metrics('aws.flowlog.bytes_sent'), [])
        self.assertEqual(self.bucket.keys(), [])
        self.assertEqual(self.bucket.deleted_keys(), [self.key()])

    def test_its_version_copied_into_another_folder_is_read_there(self):
        _, version = self.deleted()
        target = self.key(folder='network')
        self.bucket.client.copy_object(
            Bucket=self.bucket.name, Key=target,
            CopySource={'Bucket': self.bucket.name, 'Key': self.key(), 'VersionId': version})
        self.assertEqual(self.run_once().graph.metrics('aws.flowlog.bytes_sent'), [])
        self.state = self.path('state-of-the-folder')
        result = self.run_once(log_prefix='network')
        self.assertEqual(result.graph.total('aws.flowlog.bytes_sent'), 1000)
        self.run_once(log_prefix='network')
        self.assertEqual(self.bucket.keys(), [])


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


def actions_of(statement):
    actions = statement['Action']
    return [actions] if isinstance(actions, str) else actions


def documented_policy():
    """The role's permissions policy of docs/OPERATIONS.md, which is written for ACCOUNT and its
    default bucket. The templates give the same (tests/contract/test_templates.py)."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/OPERATIONS.md')
    with open(path, encoding='utf-8') as file:
        section = file.read().partition('### The role: permissions policy')[2]
    return json.loads(section.partition('```json\n')[2].partition('```')[0])


class LeastPrivilege(RgwTestCase):
    """The documented policy is enough, and no action of it is too much."""

    BUCKET = f'stackstate-logs-{ACCOUNT}'

    def setUp(self):
        super().setUp()
        self.use(TENANTS[ACCOUNT], INTERFACES, name=self.BUCKET)
        self.addCleanup(self.tenant.allow, *rgw.ACTIONS)
        self.addCleanup(self.remove_bucket)
        # The default name: the policy is for the configuration that names no bucket.
        del self.instance['flowlog_bucket_name']

    def remove_bucket(self):
        """For the next test, which needs the name again."""
        found = self.bucket.client.list_object_versions(Bucket=self.BUCKET)
        for kind in ('Versions', 'DeleteMarkers'):
            for one in found.get(kind, []):
                self.bucket.client.delete_object(Bucket=self.BUCKET, Key=one['Key'],
                                                 VersionId=one['VersionId'])
        self.bucket.client.delete_bucket(Bucket=self.BUCKET)

    def allow_but(self, missing=None, folder=''):
        """Gives the role the documented policy, without one of its actions."""
        text = json.dumps(documented_policy())
        policy = json.loads(text.replace('AWSLogs/', folder + 'AWSLogs/'))
        for statement in policy['Statement']:
            # radosgw has no EC2 and refuses a policy that names it.
            statement['Action'] = [action for action in actions_of(statement)
                                   if action.startswith('s3:') and action != missing]
        policy['Statement'] = [one for one in policy['Statement'] if one['Action']]
        # As in Tenant.allow. It is the bucket's ARN, which no object has.
        policy['Statement'].append({'Effect': 'Allow', 'Action': 's3:DeleteObject',
                                    'Resource': f'arn:aws:s3:::{self.BUCKET}'})
        self.tenant.put_role_policy(policy)

    def test_it_is_enough_for_both_layouts_and_their_deletion(self):
        for folder in ('', 'network'):
            with self.subTest(folder=folder):
                self.allow_but(folder=folder and folder + '/')
                keys = [self.key(folder=folder), self.key(1, layout='hive-hourly', folder=folder)]
                for number, key in enumerate(keys):
                    self.bucket.put(key, gzipped(request(1000 + number)))
                first, second = self.run_once(log_prefix=folder), self.run_once(log_prefix=folder)
                for result in (first, second):
                    for name in ('aws_flowlogs.can_connect', 'aws_flowlogs.can_update'):
                        self.assert_service_check(result, name, 'OK')
                self.assertEqual(first.graph.total('aws.flowlog.bytes_sent'), 2001)
                self.assertEqual(self.bucket.keys(), [])
                self.assertLessEqual(set(keys), set(self.bucket.deleted_keys()))

    def test_each_action_is_needed_and_named(self):
        actions = {action for statement in documented_policy()['Statement']
                   for action in actions_of(statement)}
        # tests/e2e/test_fake_aws.py does this one.
        actions.remove('ec2:DescribeNetworkInterfaces')
        self.assertEqual(actions, set(rgw.ACTIONS))
        self.bucket.put(self.key(), gzipped(request(1000)))
        for action in sorted(actions - {'s3:DeleteObject'}) + ['s3:DeleteObject']:
            with self.subTest(missing=action):
                self.allow_but(action)
                emits = action == 's3:DeleteObject'
                if emits:
                    first = self.run_once()
                    self.assertEqual(first.graph.total('aws.flowlog.bytes_sent'), 1000)
                result = self.run_once(expect=0 if emits else 1)
                self.assert_service_check(result, 'aws_flowlogs.can_update',
                                          'WARNING' if emits else 'CRITICAL', self.BUCKET)
                self.assertEqual(result.graph.metrics('aws.flowlog.bytes_sent'), [])
                message = result.graph.service_checks['aws_flowlogs.can_update']['message']
                self.assertEqual(set(re.findall(r'\b(?:s3|ec2|sts):[A-Z]\w+', message)), {action})
                self.assertEqual(self.bucket.keys(), [self.key()])
        self.allow_but()
        self.run_once()
        self.assertEqual(self.bucket.keys(), [])

    def test_it_reaches_nothing_else_and_no_version(self):
        self.allow_but()
        foreign = f'AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/trail.json.gz'
        for key in (self.key(), foreign):
            self.bucket.put(key, b'x')
        version = self.bucket.client.list_object_versions(Bucket=self.BUCKET)['Versions'][0]
        there = {'Bucket': self.BUCKET}
        with contextlib.closing(self.tenant.role_client()) as role:
            prefix = self.key().partition('eu-west-1')[0]
            self.assertEqual(role.list_objects_v2(**there, Prefix=prefix)['KeyCount'], 1)
            for refused in (
                    lambda: role.list_objects_v2(**there),
                    lambda: role.list_objects_v2(**there, Prefix='AWSLogs/'),
                    lambda: role.get_object(**there, Key=foreign),
                    lambda: role.delete_object(**there, Key=foreign),
                    lambda: role.put_object(**there, Key=self.key(), Body=b'y'),
                    lambda: role.list_object_versions(**there),
                    lambda: role.delete_object(**there, Key=version['Key'],
                                               VersionId=version['VersionId']),
                    lambda: role.put_bucket_versioning(
                        **there, VersioningConfiguration={'Status': 'Suspended'})):
                with self.assertRaises(botocore.exceptions.ClientError) as caught:
                    refused()
                self.assertEqual(caught.exception.response['Error']['Code'], 'AccessDenied')
        self.assertEqual(self.bucket.keys(), sorted([self.key(), foreign]))


if __name__ == '__main__':
    harness.main()
