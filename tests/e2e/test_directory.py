"""The main job on the directory store: everything that does not need a server."""

import os
import random

import harness
import worked_case
from harness import ACCOUNT, PREFIX, DirectoryBucket, HostTestCase, gzipped, object_key

CLIENT, SERVER = worked_case.CLIENT, worked_case.SERVER


def record(size=52, start=1624348073, action='ACCEPT', status='OK'):
    """The client's request as its own interface reports it."""
    return (f'2 {ACCOUNT} eni-0bd4ab7e6ea9e1f4c 10.16.5.72 10.16.133.15 60428 5432 6 1 {size} '
            f'{start} {start + 10} {action} {status}')


class DirectoryTestCase(HostTestCase):
    def setUp(self):
        super().setUp()
        self.bucket = DirectoryBucket(self.path('store'))
        self.instance = {
            'role_arn': f'arn:aws:iam::{ACCOUNT}:role/Reader', 'regions': [harness.REGION],
            'process_flow_logs': True, 'flowlog_bucket_name': self.bucket.name,
            's3_endpoint_url': self.bucket.url,
            'interfaces_file': self.write_json(
                'interfaces.json', {'NetworkInterfaces': worked_case.INTERFACES})}

    def run_once(self, *arguments, expect=0, **changes):
        return self.run_host({}, {**self.instance, **changes},
                             arguments=('--once', '--state', self.state, *arguments),
                             expect=expect)


class WorkedCase(DirectoryTestCase):
    def test_through_a_directory(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        result = self.run_once()
        worked_case.check(self, result.graph)
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'OK')

    def test_same_from_every_layout(self):
        for layout in ('daily', 'hourly', 'hive', 'hive-hourly'):
            for folder in ('', 'some/folder'):
                with self.subTest(layout=layout, folder=folder):
                    name = f'{layout}-{folder.replace("/", "-")}-bucket'
                    bucket = DirectoryBucket(self.path('store'), name)
                    bucket.put(object_key(layout=layout, folder=folder), worked_case.OBJECT)
                    self.state = self.path('state-' + name)
                    changes = {'log_prefix': folder} if folder else {}
                    for _ in range(2):
                        result = self.run_once(flowlog_bucket_name=name, **changes)
                        if bucket.deleted_keys() == []:
                            worked_case.check(self, result.graph)
                    self.assertEqual(bucket.keys(), [])
                    self.assertEqual(len(bucket.deleted_keys()), 1)

    def test_folder_that_is_not_configured_is_not_touched(self):
        self.bucket.put(object_key(folder='other'), worked_case.OBJECT)
        for _ in range(2):
            self.assertTrue(self.run_once().graph.is_empty())
        self.assertEqual(self.bucket.keys(), [object_key(folder='other')])

    def test_plain_text_and_two_members_count_like_one_gzip(self):
        lines = [harness.HEADER, record(10), record(20)]
        text = ('\n'.join(lines) + '\n').encode()
        two_members = gzipped(record(10)) + harness.gzip.compress((record(20) + '\n').encode())
        for number, body in enumerate((text, two_members)):
            with self.subTest(number=number):
                bucket = DirectoryBucket(self.path('store'), f'bucket-{number}')
                bucket.put(object_key(number), body)
                self.state = self.path(f'state-{number}')
                result = self.run_once(flowlog_bucket_name=bucket.name)
                self.assertEqual(result.graph.total('aws.flowlog.bytes_sent'), 30)


class Workers(DirectoryTestCase):
    INTERFACE_COUNT = 30

    def objects(self, seed):
        """Services that are used from everywhere, seen from both sides, in objects of all sizes."""
        chosen = random.Random(seed)
        for number in range(40):
            lines = []
            for _ in range(chosen.choice((1, 20, 600))):
                client, server = (chosen.randrange(self.INTERFACE_COUNT) for _ in range(2))
                start = 1624348000 + 60 * chosen.randrange(30)
                ends = [(client, server, 40000 + chosen.randrange(90), 443),
                        (server, client, 443, 40000 + chosen.randrange(90))]
                source, target, source_port, target_port = chosen.choice(ends)
                lines.append(
                    f'2 {ACCOUNT} eni-{chosen.choice((source, target)):08x} 10.1.0.{source} '
                    f'10.1.0.{target} {source_port} {target_port} 6 1 {chosen.randrange(9999)} '
                    f'{start} {start + 60} {chosen.choice(("ACCEPT", "ACCEPT", "REJECT"))} OK')
            yield object_key(number), gzipped(*lines)

    def test_any_number_gives_the_same(self):
        seed = random.randrange(1 << 32)
        self.instance['interfaces_file'] = self.write_json('many.json', {'NetworkInterfaces': [
            worked_case.interface(f'eni-{i:08x}', f'10.1.0.{i}')
            for i in range(self.INTERFACE_COUNT)]})
        for key, body in self.objects(seed):
            self.bucket.put(key, body)
        expected = None
        for count in (1, 2, 3, 4, 5, 6, 7, 8, 32):
            with self.subTest(workers=count, seed=seed):
                self.state = self.path(f'state-{count}')
                graph = self.run_once(workers=count, dry_run=True).graph
                traffic = {name: sorted((value, sorted(tags.items()))
                                        for value, tags in graph.metrics('aws.flowlog.' + name))
                           for name in ('bytes_sent', 'bytes_received', 'bytes_sent_per_second',
                                        'bytes_received_per_second')}
                order = [call['id'] for call in graph.of('submit_component')]
                if expected is None:
                    expected = graph.topology(), traffic, order
                    self.assertGreater(len(graph.relations), 100)
                self.assertEqual((graph.topology(), traffic, order), expected)


class Switches(DirectoryTestCase):
    def test_off_by_default_and_says_so(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        del self.instance['process_flow_logs']
        for _ in range(2):
            result = self.run_once()
            self.assertTrue(result.graph.is_empty())
            self.assertIn('process_flow_logs', result.log)
        self.assertEqual(self.bucket.keys(), [worked_case.KEY])

    def test_dry_run_moves_nothing(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        # One process for two runs; then a run that has something confirmed to delete.
        result = self.run_host({}, self.instance,
                               arguments=('--runs', '2', '--interval', '1', '--dry-run'))
        self.assertEqual(result.graph.total('aws.flowlog.bytes_received'), 52)
        self.run_once()
        self.run_once('--dry-run')
        self.assertEqual(self.bucket.keys(), [worked_case.KEY])
        self.assertEqual(self.bucket.deleted_keys(), [])

    def test_configured_tags_are_added(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        graph = self.run_once(tags=['team:blue']).graph
        self.assertIn('team:blue', graph.components[CLIENT]['data']['tags'])
        self.assertIn('integration-type:aws-v2', graph.components[CLIENT]['data']['tags'])

    def test_two_instances_in_one_configuration(self):
        other = DirectoryBucket(self.path('store'), 'second-bucket')
        other_account = '210987654321'
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        other.put(object_key(account=other_account), worked_case.OBJECT)
        second = {**self.instance, 'role_arn': f'arn:aws:iam::{other_account}:role/Reader',
                  'flowlog_bucket_name': other.name}
        result = self.run_host({}, self.instance, second,
                               arguments=('--once', '--state', self.state))
        keys = {(c['check_id'], c['instance']['url']) for c in result.graph.of('submit_component')}
        self.assertEqual({url for _, url in keys}, {ACCOUNT, other_account})
        self.assertEqual(len({check_id for check_id, _ in keys}), 2)
        self.run_host({}, self.instance, second, arguments=('--once', '--state', self.state))
        self.assertEqual((self.bucket.keys(), other.keys()), ([], []))

    def test_wrong_configuration_is_refused_with_the_path(self):
        for key, value in (('process_flow_logs', 'perhaps'), ('regions', []),
                           ('role_arn', 'not-an-arn')):
            with self.subTest(key=key):
                result = self.run_once(expect=2, **{key: value})
                self.assertIn(key, result.log)
                self.assertEqual(result.graph.calls, [])


class Deletion(DirectoryTestCase):
    def test_one_run_later_into_the_trash_folder(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        self.run_once()
        self.assertEqual(self.bucket.keys(), [worked_case.KEY])
        second = self.run_once()
        self.assertEqual(second.graph.metrics('aws.flowlog.bytes_sent'), [])
        self.assertEqual(self.bucket.keys(), [])
        self.assertEqual(self.bucket.deleted_keys(), [worked_case.KEY])
        with open(self.path('store', '.trash', self.bucket.name, worked_case.KEY), 'rb') as kept:
            self.assertEqual(kept.read(), worked_case.OBJECT)

    def test_without_state_the_next_process_counts_again_and_loses_nothing(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        for _ in range(2):
            result = self.run_host({}, self.instance)
            self.assertEqual(result.graph.total('aws.flowlog.bytes_received'), 52)
        self.assertEqual(self.bucket.keys(), [worked_case.KEY])


class DeliveredTwice(DirectoryTestCase):
    def test_same_content_under_another_key_counts_once_and_goes_too(self):
        for number in (1, 2):
            self.bucket.put(object_key(number), gzipped(record(52)))
        self.assertEqual(self.run_once().graph.total('aws.flowlog.bytes_sent'), 52)
        self.run_once()
        self.assertEqual(self.bucket.keys(), [])

    def test_same_content_of_another_interval_is_other_traffic(self):
        for stamp in ('20210622T0745Z', '20210622T0750Z'):
            self.bucket.put(object_key(stamp=stamp), gzipped(record(52)))
        self.assertEqual(self.run_once().graph.total('aws.flowlog.bytes_sent'), 104)


class BadObjects(DirectoryTestCase):
    """Each is kept, named in a warning, and never stops the good object beside it."""

    WHOLE = gzipped(record(1))
    CASES = {
        'truncated gzip': (object_key(1), WHOLE[:-9]),
        'bad CRC': (object_key(2), WHOLE[:-8] + b'\0\0\0\0' + WHOLE[-4:]),
        'bad length': (object_key(3), WHOLE[:-4] + b'\xff\0\0\0'),
        'header without addresses': (object_key(4), gzipped('2 OK', header='version log-status')),
        'parquet by name': (object_key(5, end='.log.parquet'), b'PAR1' + b'\0' * 64 + b'PAR1'),
        'parquet by content': (object_key(6), b'PAR1' + b'\0' * 64 + b'PAR1'),
        'gzip within gzip': (object_key(8), harness.gzip.compress(gzipped(record(1)))),
        'a web page': (object_key(7), b'<html><body>Please log in</body></html>\n'),
    }

    def test_kept_and_named_beside_a_good_one(self):
        for name, (key, body) in self.CASES.items():
            with self.subTest(name=name):
                bucket = DirectoryBucket(self.path('store'), name.replace(' ', '-').lower())
                bucket.put(key, body)
                bucket.put(object_key(99), gzipped(record(52)))
                self.state = self.path('state-' + bucket.name)
                first = self.run_once(flowlog_bucket_name=bucket.name)
                self.assertEqual(first.graph.total('aws.flowlog.bytes_sent'), 52)
                self.assert_service_check(first, 'aws_flowlogs.can_update', 'WARNING')
                self.assertIn(os.path.basename(key), first.log)
                self.run_once(flowlog_bucket_name=bucket.name)
                self.assertEqual(bucket.keys(), [key])

    def test_every_bad_object_at_once(self):
        for key, body in self.CASES.values():
            self.bucket.put(key, body)
        self.bucket.put(object_key(0), gzipped(record(52)))
        result = self.run_once()
        self.assertEqual(result.graph.total('aws.flowlog.bytes_sent'), 52)
        self.run_once()
        self.assertEqual(self.bucket.keys(), sorted(key for key, _ in self.CASES.values()))

    def test_foreign_keys_are_never_touched(self):
        foreign = [
            object_key(1, end='.log.gz.tmp'), object_key(2, stamp='20210632T0745Z'),
            object_key(3, region='eu-west-2'), object_key(4, account='999999999999'),
            PREFIX + 'test_file.log.gz', PREFIX + '2021/06/22/notes.txt',
            f'AWSLogs/{ACCOUNT}/CloudTrail/{harness.REGION}/2021/06/22/'
            f'{ACCOUNT}_CloudTrail_{harness.REGION}_20210622T0745Z_0a.json.gz']
        for key in foreign:
            self.bucket.put(key, gzipped(record(1000)))
        self.bucket.put(object_key(0), gzipped(record(52)))
        for expected in (52, 0):
            graph = self.run_once().graph
            self.assertEqual(graph.total('aws.flowlog.bytes_sent'), expected)
        self.assertEqual(self.bucket.keys(), sorted(foreign))

    def test_records_that_are_not_traffic(self):
        self.bucket.put(object_key(), gzipped(
            f'2 {ACCOUNT} eni-04be3f7132dd24e01 - - - - - - - 1624348073 1624348133 - NODATA',
            f'2 {ACCOUNT} eni-04be3f7132dd24e01 - - - - - - - 1624348073 1624348133 - SKIPDATA',
            'too short a line', '', record(52)))
        graph = self.run_once().graph
        self.assertEqual(graph.total('aws.flowlog.bytes_sent'), 52)
        self.assertEqual(set(graph.components), {CLIENT, SERVER})


class EmptyPlaces(DirectoryTestCase):
    def test_empty_bucket_is_fine(self):
        result = self.run_once()
        self.assertTrue(result.graph.is_empty())
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'OK')

    def test_missing_bucket_is_named(self):
        result = self.run_once(flowlog_bucket_name='no-such-bucket', expect=1)
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'CRITICAL', 'no-such-bucket')

    def test_missing_interfaces_file_is_named(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        result = self.run_once(interfaces_file=self.path('absent.json'), expect=None)
        self.assertIn('absent.json', result.log)
        self.assertEqual(self.bucket.keys(), [worked_case.KEY])


if __name__ == '__main__':
    harness.main()
