"""check-host doctor: each single fault of a set-up is named with the right remedy, and asking
changes nothing."""

import json
import os
import re
import socket
import subprocess
import time
import unittest

import harness
import rgw
from harness import ACCOUNT, gzipped, object_key
from test_fake_aws import (BUCKET, EXTERNAL_ID, FakeAwsTestCase, ROLE_ARN, SECRET, aws)
from test_rgw import INTERFACES, RgwTestCase, request, setUpModule as start_rgw
import test_rgw

RECOMMENDED = ('version account-id interface-id srcaddr dstaddr srcport dstport protocol packets '
               'bytes start end action log-status vpc-id tcp-flags pkt-srcaddr pkt-dstaddr '
               'flow-direction')
BUCKET_ARN = f'arn:aws:s3:::{BUCKET}'
PLACES = [f'AWSLogs/{ACCOUNT}/vpcflowlogs/*',
          f'AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/*']
CALLER = 'arn:aws:iam::123456789012:user/agent'
LIFECYCLE = ('<Rule><ID>a</ID><Filter/><Status>Enabled</Status><NoncurrentVersionExpiration>'
             '<NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration></Rule>'
             '<Rule><ID>b</ID><Filter/><Status>Enabled</Status><Expiration>'
             '<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>')


def statement(action, resource, sid=None, **more):
    made = {'Effect': 'Allow', 'Action': action, 'Resource': resource, **more}
    return {'Sid': sid, **made} if sid else made


ASSUME = statement('sts:AssumeRole', ROLE_ARN)
TRUST = {'Effect': 'Allow', 'Principal': {'AWS': CALLER}, 'Action': 'sts:AssumeRole',
         'Condition': {'StringEquals': {'sts:ExternalId': 'THE-EXTERNAL-ID-OF-CONF-YAML'}}}


class Diagnosis:
    """What doctor printed: lines by their subject, and the JSON among what is to be done."""

    LINE = re.compile(r'  (ok|advice|MISSING|WRONG|not checked) +(.{29,}?)  (.*)')

    def __init__(self, status, text):
        self.status = status
        self.text = text
        findings, _, self.to_do = text.partition('\nTo do:\n')
        self.found = []  # [(verdict, subject, words)]
        for line in findings.splitlines():
            match = self.LINE.fullmatch(line)
            if match:
                self.found.append(tuple(part.strip() for part in match.groups()))
        blocks = re.findall(r'^     \{\n(?:     .*\n)*?     \}$', self.to_do, re.MULTILINE)
        self.documents = [json.loads(block) for block in blocks]

    def faults(self):
        return [(verdict, subject) for verdict, subject, _ in self.found
                if verdict in ('MISSING', 'WRONG')]

    def words(self, subject):
        return ' | '.join(words for _, about, words in self.found if about == subject)

    def verdicts(self, subject):
        return [verdict for verdict, about, _ in self.found if about == subject]


def diagnose(test, *arguments, instance=None, init_config=None, expect=None):
    config = test.path('conf.yaml')
    harness.write_config(config, init_config or test.init_config, instance or test.instance)
    environment = {name: value for name, value in os.environ.items()
                   if not name.upper().startswith('AWS_') and not name.lower().endswith('_proxy')}
    environment.update(AWS_EC2_METADATA_DISABLED='true', HOME=test.dir)
    done = subprocess.run([os.environ['CHECK_HOST'], 'doctor', '--config', config, *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment, timeout=60, check=False)
    text = done.stdout.decode('ascii') + done.stderr.decode('ascii')
    test.assertNotIn('Sanitizer', text)
    test.assertNotIn('runtime error', text)
    for secret in (test.init_config['aws_secret_access_key'],
                   test.init_config.get('external_id', SECRET)):
        test.assertNotIn(secret, text)
    if expect is not None:
        test.assertEqual(done.returncode, expect, text)
    return Diagnosis(done.returncode, text)


class DoctorTestCase(FakeAwsTestCase):
    def setUp(self):
        super().setUp()
        self.bucket.lifecycle = LIFECYCLE
        # A day that ends under way would not matter: three days are looked at.
        self.now = int(time.time())
        self.put_object()
        self.before = {key: len(versions) for key, versions in self.bucket.versions.items()}

    def key(self, **options):
        stamp = time.strftime('%Y%m%dT%H%MZ', time.gmtime(self.now - 600))
        return object_key(stamp=stamp, **options)

    def put_object(self, seconds=60, header=RECOMMENDED, **options):
        line = (f'2 {ACCOUNT} eni-1 10.0.0.1 10.0.0.2 40000 443 6 10 1000 {self.now - 900} '
                f'{self.now - 900 + seconds} ACCEPT OK vpc-1 2 10.0.0.1 10.0.0.2 egress')
        line = ' '.join(line.split()[:len(header.split())])
        self.bucket.put(self.key(**options), gzipped(line, header=header))

    def doctor(self, *arguments, expect=1, **changes):
        """Changes are of the instance. Nothing may be changed by asking."""
        diagnosis = diagnose(self, '--check-delete', *arguments,
                             instance={**self.instance, **changes}, expect=expect)
        after = {key: len(versions) for key, versions in self.bucket.versions.items()}
        self.assertEqual(after, self.before)
        return diagnosis

    def assert_single_fault(self, diagnosis, verdict, subject, *documents):
        self.assertEqual(diagnosis.faults(), [(verdict, subject)], diagnosis.text)
        self.assertEqual(diagnosis.documents, list(documents), diagnosis.text)


class Good(DoctorTestCase):
    def test_all_is_well(self):
        diagnosis = self.doctor(expect=0)
        self.assertEqual({verdict for verdict, _, _ in diagnosis.found}, {'ok'}, diagnosis.text)
        self.assertEqual([subject for _, subject, _ in diagnosis.found],
                         ['configuration', 'credentials', 'clock', 'external id', 'sts:AssumeRole',
                          'bucket', 's3:GetBucketVersioning', 'lifecycle', 's3:ListBucket',
                          's3:GetObject', 'columns', 'aggregation interval', 's3:DeleteObject',
                          'ec2:DescribeNetworkInterfaces'])
        self.assertEqual(diagnosis.words('credentials'), f'from the configuration: {CALLER}')
        self.assertIn('1 flow-log objects', diagnosis.words('s3:ListBucket'))
        self.assertEqual(diagnosis.to_do, '')
        self.assertIn('14 ok, 0 advice, 0 MISSING, 0 WRONG, 0 not checked', diagnosis.text)
        changing = {name for name, _, _ in self.fake.calls} & {'DeleteObjects', 'PutObject'}
        self.assertEqual(changing, set())

    def test_other_servers_are_not_asked_to_delete_unless_told_so(self):
        self.fake.is_delete_condition_unknown = True
        diagnosis = diagnose(self, expect=0)
        self.assertEqual(diagnosis.verdicts('s3:DeleteObject'), ['not checked'])
        self.assertEqual([name for name, _, _ in self.fake.calls if name.startswith('Delete')], [])
        self.assertEqual(diagnosis.documents[0]['Action'], 's3:DeleteObject')
        told = diagnose(self, '--check-delete', expect=0)
        marker, = set(self.bucket.versions) - set(self.before)
        self.assertIn(marker, told.words('s3:DeleteObject'))
        self.assertIn('/check-host-doctor-', marker)

    def test_dry_run_needs_no_delete(self):
        diagnosis = self.doctor(expect=0, dry_run=True)
        self.assertEqual(diagnosis.verdicts('s3:DeleteObject'), ['not checked'])

    def test_nothing_but_what_the_policies_allow_is_asked(self):
        self.doctor(expect=0)
        for prefix in self.fake.details('ListObjectsV2'):
            self.assertRegex(prefix, f'^AWSLogs/(aws-account-id=)?{ACCOUNT}/')


class Silence(DoctorTestCase):
    def test_who_is_waited_for_is_said_before_the_wait(self):
        with socket.create_server(('127.0.0.1', 0)) as silent:
            host = '127.0.0.1:%d' % silent.getsockname()[1]
            config = self.path('silent.yaml')
            harness.write_config(config, self.init_config,
                                 {**self.instance, 'sts_endpoint_url': f'http://{host}'})
            with subprocess.Popen([os.environ['CHECK_HOST'], 'doctor', '--config', config,
                                   '--wait', '2'], stdout=subprocess.PIPE, text=True) as process:
                lines = []
                while not lines or not lines[-1].startswith('  asking'):
                    lines.append(process.stdout.readline())
                    self.assertNotEqual(lines[-1], '', lines)
                self.assertIn('sts:GetCallerIdentity', lines[-1])
                self.assertIn(host, lines[-1])
                self.assertIsNone(process.poll(), 'said after the wait')
                started = time.monotonic()
                rest = process.communicate(timeout=30)[0]
        self.assertLess(time.monotonic() - started, 10)
        diagnosis = Diagnosis(process.returncode, ''.join(lines) + rest)
        self.assertEqual(diagnosis.status, 1)
        self.assertEqual(diagnosis.faults(), [('WRONG', 'sts:AssumeRole')], diagnosis.text)
        self.assertIn(f'no answer from {host} within 2 s', diagnosis.words('sts:AssumeRole'))

    def test_each_question_is_announced(self):
        asked = re.findall(r'^  asking +(.*?)  ', self.doctor(expect=0).text, re.MULTILINE)
        self.assertEqual(asked, ['sts:GetCallerIdentity', 'sts:AssumeRole', 'bucket', 'flow logs',
                                 's3:DeleteObject', 'ec2:DescribeNetworkInterfaces'])

    def test_the_wait_is_a_number_of_seconds(self):
        for wait in ('0', '-1', '1s', '', '601', '99999999999999999999'):
            with self.subTest(wait):
                done = subprocess.run([os.environ['CHECK_HOST'], 'doctor', '--config', 'x',
                                       '--wait', wait], capture_output=True, text=True,
                                      timeout=20, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn('--wait wants a number from 1 to 600', done.stderr)


class MissingPermissions(DoctorTestCase):
    def test_each_is_named_with_its_statement(self):
        on_logs = [f'{BUCKET_ARN}/{place}' for place in PLACES]
        rows = {
            'sts:AssumeRole': ASSUME,
            's3:GetBucketVersioning': statement('s3:GetBucketVersioning', BUCKET_ARN,
                                                'SeeThatDeletedObjectsAreKept'),
            's3:ListBucket': statement('s3:ListBucket', BUCKET_ARN, 'FindFlowLogs',
                                       Condition={'StringLike': {'s3:prefix': PLACES}}),
            's3:GetObject': statement('s3:GetObject', on_logs, 'ReadFlowLogs'),
            's3:DeleteObject': statement('s3:DeleteObject', on_logs, 'DeleteFlowLogs'),
            'kms:Decrypt': statement(
                'kms:Decrypt',
                'arn:aws:kms:eu-west-1:123456789012:key/0123abcd-0123-0123-0123-0123456789ab',
                'DecryptFlowLogs',
                Condition={'StringEquals': {'kms:ViaService': 's3.eu-west-1.amazonaws.com'}}),
            'ec2:DescribeNetworkInterfaces': statement('ec2:DescribeNetworkInterfaces', '*',
                                                       'KnowTheInterfaces'),
        }
        for action, expected in rows.items():
            with self.subTest(action):
                self.fake.denied_actions = {action}
                diagnosis = self.doctor()
                self.assert_single_fault(diagnosis, 'MISSING', action, expected)
                whose = CALLER if action == 'sts:AssumeRole' else ROLE_ARN
                self.assertRegex(diagnosis.to_do,
                                 rf' 1\. {action}: add this statement to the .*{whose}:\n')

    def test_the_statements_are_the_documented_policy(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs',
                            'OPERATIONS.md')
        with open(path, encoding='utf-8') as file:
            text = file.read().partition('### The role: permissions policy')[2]
        policy = json.loads(text.partition('```json\n')[2].partition('```')[0].replace(
            'stackstate-logs-123456789012', BUCKET).replace('123456789012', ACCOUNT))
        documented = {}
        for one in policy['Statement']:
            actions = one['Action'] if isinstance(one['Action'], list) else [one['Action']]
            for action in actions:
                documented[action] = (one['Resource'], one.get('Condition'))
        for action, expected in documented.items():
            with self.subTest(action):
                self.fake.denied_actions = {action}
                got, = self.doctor().documents
                self.assertEqual((got['Resource'], got.get('Condition')), expected)

    def test_a_folder_is_part_of_the_statements(self):
        self.fake.denied_actions = {'s3:ListBucket'}
        diagnosis = self.doctor(log_prefix='a "b"/é')
        self.assertEqual(diagnosis.documents[0]['Condition']['StringLike']['s3:prefix'],
                         [f'a "b"/é/{place}' for place in PLACES])

    def test_the_lifecycle_is_optional(self):
        self.fake.denied_actions = {'s3:GetLifecycleConfiguration'}
        diagnosis = self.doctor(expect=0)
        self.assertEqual(diagnosis.verdicts('lifecycle'), ['not checked'])
        self.assertIn('s3:GetLifecycleConfiguration', diagnosis.words('lifecycle'))

    def test_a_bare_refusal_that_may_hide_an_absence_is_no_verdict(self):
        self.fake.denied_actions = {'s3:DeleteObject'}
        self.fake.fault('GetObject', 2, aws.Fault(error=aws.ServiceError(403, 'AccessDenied',
                                                                         'Access Denied')))
        diagnosis = self.doctor(expect=0)
        self.assertEqual(diagnosis.verdicts('s3:DeleteObject'), ['not checked'])
        self.assertEqual([d['Action'] for d in diagnosis.documents], ['s3:DeleteObject'])

    def test_awss_own_words_are_one(self):
        self.fake.fault('DeleteObject', 1, aws.Fault(error=aws.ServiceError(
            403, 'AccessDenied', 'User: arn:aws:sts::1:assumed-role/R/s is not authorized to '
            'perform: s3:DeleteObject on resource: "arn:aws:s3:::b/k" because no identity-based '
            'policy allows the s3:DeleteObject action')))
        self.fake.fault('GetObject', 2, aws.Fault(error=aws.ServiceError(403, 'AccessDenied',
                                                                         'Access Denied')))
        diagnosis = self.doctor()
        self.fake.clear_faults()  # who is told does not ask again
        self.assertEqual(diagnosis.faults(), [('MISSING', 's3:DeleteObject')])


class WrongSetUp(DoctorTestCase):
    def test_versioning_off(self):
        for versioning, words in ((None, 'not enabled'), ('Suspended', 'Suspended')):
            with self.subTest(versioning):
                self.bucket.versioning = versioning
                diagnosis = self.doctor()
                self.assert_single_fault(diagnosis, 'WRONG', 'versioning')
                self.assertIn(words, diagnosis.words('versioning'))
                self.assertIn(f'aws s3api put-bucket-versioning --bucket {BUCKET} '
                              '--versioning-configuration Status=Enabled', diagnosis.to_do)

    def test_wrong_role_or_external_id(self):
        for name in ('role', 'external id'):
            with self.subTest(name):
                role, init_config = ROLE_ARN, dict(self.init_config)
                if name == 'role':
                    role = ROLE_ARN.replace('Reader', 'Raeder')
                else:
                    init_config['external_id'] = 'another-external-id'
                diagnosis = diagnose(self, instance={**self.instance, 'role_arn': role},
                                     init_config=init_config, expect=1)
                self.assertNotIn('another-external-id', diagnosis.text)
                self.assert_single_fault(diagnosis, 'MISSING', 'sts:AssumeRole', TRUST,
                                         {**ASSUME, 'Resource': role})
                self.assertIn(f'a. role_arn: a role of this name must exist, {role}',
                              diagnosis.to_do)
                self.assertIn('external_id in init_config', diagnosis.to_do)

    def test_an_instances_role_is_named_as_a_principal(self):
        self.fake.users['AKIAFAKEFAKEFAKE0001'] = (
            SECRET, 'arn:aws:sts::123456789012:assumed-role/AgentRole/i-0abc')
        self.role.external_id = None
        trust, = self.doctor().documents
        self.assertEqual(trust['Principal'], {'AWS': 'arn:aws:iam::123456789012:role/AgentRole'})

    def test_what_aws_says_of_the_trust_policy_is_believed(self):
        self.fake.fault('AssumeRole', 2, aws.Fault(error=aws.ServiceError(
            403, 'AccessDenied', f'User: {CALLER} is not authorized to perform: sts:AssumeRole on '
            f'resource: {ROLE_ARN} because no role trust policy allows the sts:AssumeRole action')))
        self.assert_single_fault(self.doctor(), 'MISSING', 'sts:AssumeRole', TRUST)

    def test_external_id_that_is_not_set(self):
        init_config = dict(self.init_config)
        del init_config['external_id']
        diagnosis = diagnose(self, init_config=init_config, expect=1)
        self.assertEqual(diagnosis.verdicts('external id'), ['MISSING'])
        self.assertIn('Set external_id in init_config', diagnosis.to_do)

    def test_role_that_anybody_may_assume(self):
        self.role.external_id = None
        diagnosis = self.doctor()
        self.assert_single_fault(diagnosis, 'WRONG', 'external id', TRUST)
        self.assertIn(f'the trust policy of role {ROLE_ARN}', diagnosis.to_do)
        self.assertEqual(self.fake.details('ListObjectsV2'), [])

    def test_clock(self):
        for offset, words in ((1200, 'seconds behind AWS'), (-1200, 'seconds ahead of AWS')):
            with self.subTest(offset):
                self.fake.clock_offset_seconds = offset
                diagnosis = self.doctor()
                self.assert_single_fault(diagnosis, 'WRONG', 'clock')
                self.assertRegex(diagnosis.words('clock'), rf'(1199|1200|1201) {words}')
                self.assertIn('run NTP', diagnosis.to_do)

    def test_wrong_region(self):
        self.bucket.region = 'eu-central-1'
        diagnosis = self.doctor()
        self.assert_single_fault(diagnosis, 'WRONG', 'bucket')
        self.assertIn('Put eu-central-1 first in regions', diagnosis.to_do)

    def test_no_bucket(self):
        diagnosis = self.doctor(flowlog_bucket_name='no-such-bucket')
        self.assert_single_fault(diagnosis, 'MISSING', 'bucket')
        self.assertIn('Create bucket no-such-bucket', diagnosis.to_do)

    def test_no_credentials(self):
        diagnosis = diagnose(self, init_config={'external_id': EXTERNAL_ID}, expect=1)
        self.assert_single_fault(diagnosis, 'MISSING', 'credentials')
        self.assertEqual(self.fake.calls, [])

    def test_wrong_secret_key(self):
        init_config = {**self.init_config, 'aws_secret_access_key': 'not-the-secret-key'}
        diagnosis = diagnose(self, init_config=init_config, expect=1)
        self.assert_single_fault(diagnosis, 'WRONG', 'credentials')
        self.assertIn('the secret access key is wrong', diagnosis.words('credentials'))
        self.assertNotIn('not-the-secret-key', diagnosis.text)

    def test_switched_off(self):
        diagnosis = self.doctor(process_flow_logs=False)
        self.assert_single_fault(diagnosis, 'WRONG', 'process_flow_logs')
        self.assertIn('Set process_flow_logs: true', diagnosis.to_do)

    def test_one_of_several_switched_off_is_a_choice(self):
        off = {**self.instance, 'process_flow_logs': False}
        on = dict(self.instance)
        unset = {key: value for key, value in on.items() if key != 'process_flow_logs'}
        for instances, verdicts in (([off, on], ['not checked']), ([on, unset], ['not checked']),
                                    ([off, unset], ['WRONG', 'WRONG'])):
            with self.subTest(verdicts):
                config = self.path('several.yaml')
                with open(config, 'w', encoding='utf-8') as out:
                    json.dump({'init_config': self.init_config, 'instances': instances}, out)
                done = subprocess.run([os.environ['CHECK_HOST'], 'doctor', '--config', config],
                                      capture_output=True, text=True, timeout=60, check=False)
                found = re.findall(r'^  (WRONG|not checked) +process_flow_logs  +(.*)', done.stdout,
                                   re.MULTILINE)
                self.assertEqual([verdict for verdict, _ in found], verdicts, done.stdout)
                self.assertEqual('switched off here' in found[0][1], 'WRONG' not in verdicts)
                self.assertEqual(done.returncode, 1 if 'WRONG' in verdicts else 0, done.stdout)

    def test_a_number_for_a_text_is_told_once_with_the_remedy(self):
        config = self.path('number.yaml')
        self.role.external_id = '0123456789'
        keys = {**self.init_config, 'external_id': '0123456789'}
        for quoted in (False, True):
            with self.subTest(quoted):
                with open(config, 'w', encoding='utf-8') as out:
                    text = json.dumps({'init_config': keys, 'instances': [self.instance]})
                    out.write(text if quoted else text.replace('"0123456789"', '0123456789'))
                done = subprocess.run([os.environ['CHECK_HOST'], 'doctor', '--config', config],
                                      capture_output=True, text=True, timeout=60, check=False)
                told = re.findall(r'advice +configuration +(.*)', done.stdout)
                self.assertEqual(['external_id' in one and 'put it in quotes' in one
                                  for one in told], [] if quoted else [True], done.stdout)
                self.assertEqual(done.returncode, 0)

    def test_configuration_as_the_check_reads_it(self):
        diagnosis = self.doctor(s3_path_style='often')
        self.assert_single_fault(diagnosis, 'WRONG', 'configuration')
        self.assertIn('instance.s3_path_style', diagnosis.words('configuration'))

    def test_a_file_without_end(self):
        done = subprocess.run([os.environ['CHECK_HOST'], 'doctor', '--config', '/dev/zero'],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b'/dev/zero', done.stderr)

    def test_what_a_server_says_of_the_caller_adds_no_line(self):
        self.fake.users['AKIAFAKEFAKEFAKE0001'] = (SECRET, CALLER + '\n  ok  forged')
        self.fake.denied_actions = {'sts:AssumeRole'}
        text = diagnose(self, expect=1).text
        self.assertIn('?  ok  forged', text)
        self.assertNotIn('\n  ok  forged', text)

    def test_usage(self):
        for arguments in ([], ['--config'], ['--config', 'x', 'y'], ['--config', '/no/such/file']):
            with self.subTest(arguments):
                done = subprocess.run([os.environ['CHECK_HOST'], 'doctor', *arguments],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertNotEqual(done.stderr, b'')


class FlowLogs(DoctorTestCase):
    def test_none_are_missing(self):
        self.bucket.versions.clear()
        self.before = {}
        diagnosis = self.doctor()
        self.assert_single_fault(diagnosis, 'MISSING', 'flow logs')
        self.assertIn('now or before', diagnosis.words('flow logs'))
        self.assertIn(f"--log-destination 'arn:aws:s3:::{BUCKET}/'", diagnosis.to_do)
        for column in RECOMMENDED.split():
            self.assertIn('${' + column + '}', diagnosis.to_do)

    def test_an_agent_that_has_read_all_is_no_fault(self):
        self.bucket.remove(self.key())
        self.before[self.key()] = 2
        diagnosis = self.doctor(expect=0)
        self.assertEqual(diagnosis.verdicts('flow logs'), ['advice'])
        self.assertIn('an agent has read all', diagnosis.words('flow logs'))
        self.assertEqual(diagnosis.to_do, '')

    def test_a_region_without_flow_logs_is_no_fault_while_another_has_some(self):
        self.fake.interfaces['us-east-2'] = []
        diagnosis = self.doctor(expect=0, regions=[harness.REGION, 'us-east-2'])
        self.assertEqual(diagnosis.verdicts('flow logs'), ['advice'])
        self.assertIn('us-east-2: none now', diagnosis.words('flow logs'))
        self.assertEqual(self.fake.details('ListObjectVersions'), [], 'not needed then')

    def test_what_is_no_flow_log_was_none_before_either(self):
        self.bucket.versions.clear()
        odd = self.key().rpartition('/')[0] + '/check-host-doctor-1-2'
        self.bucket.remove(odd)
        self.before = {odd: 1}
        self.assert_single_fault(self.doctor(), 'MISSING', 'flow logs')

    def test_who_may_not_look_back_is_told_so(self):
        self.bucket.remove(self.key())
        self.before[self.key()] = 2
        self.fake.denied_actions = {'s3:ListBucketVersions'}
        diagnosis = self.doctor(expect=0)
        self.assertEqual(diagnosis.verdicts('flow logs'), ['not checked'])
        self.assertIn('s3:ListBucketVersions', diagnosis.words('flow logs'))
        self.assertIn('If no agent runs yet', diagnosis.to_do)

    def test_parquet(self):
        self.bucket.put(self.key(end='.log.parquet'), b'PAR1')
        self.before[self.key(end='.log.parquet')] = 1
        diagnosis = self.doctor()
        self.assert_single_fault(diagnosis, 'WRONG', 'Parquet')
        self.assertIn('FileFormat=plain-text', diagnosis.to_do)

    def test_default_format_and_long_interval_are_told(self):
        self.bucket.versions.clear()
        self.put_object(seconds=599, header=harness.HEADER, layout='hive-hourly')
        self.before = {key: 1 for key in self.bucket.versions}
        diagnosis = self.doctor(expect=0)
        self.assertEqual(diagnosis.verdicts('columns'), ['advice'])
        self.assertEqual(diagnosis.words('columns'),
                         'without vpc-id tcp-flags pkt-srcaddr pkt-dstaddr flow-direction')
        self.assertEqual(diagnosis.verdicts('aggregation interval'), ['advice'])
        self.assertIn('599', diagnosis.words('aggregation interval'))
        self.assertIn('1 with folders per hour, 1 Hive', diagnosis.words('s3:ListBucket'))

    def test_older_than_three_days_is_found_too(self):
        self.bucket.versions.clear()
        self.bucket.put(object_key(), gzipped('x'))
        self.before = {object_key(): 1}
        self.assertIn('1 flow-log objects', self.doctor(expect=None).words('s3:ListBucket'))

    def test_no_flow_log_at_all(self):
        self.bucket.versions.clear()
        self.bucket.put(self.key(), b'<html></html>')
        self.before = {self.key(): 1}
        diagnosis = self.doctor()
        self.assert_single_fault(diagnosis, 'WRONG', 'newest object')
        self.assertIn('not a flow log', diagnosis.words('newest object'))

    def test_lifecycle_rules_to_add(self):
        self.bucket.lifecycle = None
        diagnosis = self.doctor(expect=0)
        self.assertEqual(diagnosis.verdicts('lifecycle'), ['advice'])
        rules, = diagnosis.documents
        self.assertEqual(rules, {'Rules': [
            {'ID': 'remove-deleted-objects', 'Status': 'Enabled', 'Filter': {'Prefix': 'AWSLogs/'},
             'NoncurrentVersionExpiration': {'NoncurrentDays': 7}},
            {'ID': 'remove-delete-markers', 'Status': 'Enabled', 'Filter': {'Prefix': 'AWSLogs/'},
             'Expiration': {'ExpiredObjectDeleteMarker': True}}]})


class LocalFiles(harness.HostTestCase):
    """A folder in place of the bucket and a file in place of EC2: looked at, and not touched."""

    init_config = {'aws_access_key_id': 'AKIAFAKEFAKEFAKE0001', 'aws_secret_access_key': SECRET,
                   'external_id': EXTERNAL_ID}

    def setUp(self):
        super().setUp()
        self.store = self.path('store')
        os.makedirs(os.path.join(self.store, BUCKET))
        self.instance = {
            'role_arn': ROLE_ARN, 'regions': [harness.REGION], 'process_flow_logs': True,
            'flowlog_bucket_name': BUCKET, 's3_endpoint_url': f'file://{self.store}',
            'interfaces_file': self.path('interfaces.json')}
        with open(self.instance['interfaces_file'], 'w', encoding='utf-8') as file:
            file.write('{"NetworkInterfaces": []}')

    def test_those_that_are_there(self):
        diagnosis = diagnose(self, expect=0)
        self.assertEqual(diagnosis.verdicts('bucket'), ['ok'], diagnosis.text)
        self.assertEqual(diagnosis.verdicts('interfaces_file'), ['ok'], diagnosis.text)
        self.assertIn('0 interfaces', diagnosis.words('interfaces_file'))
        self.assertEqual(os.listdir(self.store), [BUCKET])

    def test_those_that_are_not(self):
        os.rmdir(os.path.join(self.store, BUCKET))
        os.remove(self.instance['interfaces_file'])
        diagnosis = diagnose(self, expect=1)
        self.assertEqual(diagnosis.faults(), [('WRONG', 'bucket'), ('WRONG', 'interfaces_file')])
        self.assertIn('interfaces.json', diagnosis.words('interfaces_file'))
        self.assertEqual(os.listdir(self.store), [])


    def test_two_instances_over_the_same_objects(self):
        other = {**self.instance, 'log_prefix': 'other'}
        for second, faults in ((self.instance, [('WRONG', 'configuration')]), (other, [])):
            with self.subTest(second=second):
                config = self.path('two.yaml')
                with open(config, 'w', encoding='utf-8') as out:
                    json.dump({'init_config': self.init_config,
                               'instances': [self.instance, second]}, out)
                done = subprocess.run([os.environ['CHECK_HOST'], 'doctor', '--config', config],
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(Diagnosis(done.returncode, done.stdout).faults(), faults)
                self.assertEqual(done.returncode, 1 if faults else 0, done.stdout)
                self.assertEqual('another instance of this check' in done.stdout, bool(faults))


class RealServer(RgwTestCase):
    """What radosgw can show; it plays neither external ids nor EC2."""

    def setUp(self):
        super().setUp()
        self.bucket.put(self.key(), gzipped(request(1000)))

    def test_all_is_well(self):
        diagnosis = diagnose(self, expect=0)
        self.assertEqual(diagnosis.faults(), [], diagnosis.text)
        for subject in ('credentials', 'sts:AssumeRole', 's3:GetBucketVersioning', 's3:ListBucket',
                        's3:GetObject'):
            self.assertEqual(diagnosis.verdicts(subject), ['ok'], diagnosis.text)
        self.assertEqual(self.bucket.keys(), [self.key()])

    def test_what_was_read_and_deleted_is_no_fault(self):
        self.bucket.client.delete_object(Bucket=self.bucket.name, Key=self.key())
        diagnosis = diagnose(self, expect=0)
        # The documented policy does not let it look back.
        self.assertEqual(diagnosis.verdicts('flow logs'), ['not checked'], diagnosis.text)

    def test_versioning_off(self):
        self.use(test_rgw.TENANTS[test_rgw.ACCOUNT], INTERFACES, 'Suspended')
        self.bucket.put(self.key(), gzipped(request(1000)))
        diagnosis = diagnose(self, expect=1)
        self.assertEqual(diagnosis.faults(), [('WRONG', 'versioning')], diagnosis.text)

    def test_wrong_secret_key(self):
        self.init_config['aws_secret_access_key'] = 'not-the-secret-key'
        diagnosis = diagnose(self, expect=1)
        # Unlike AWS, radosgw answers as if the role were refused.
        self.assertEqual(diagnosis.faults(), [('MISSING', 'sts:AssumeRole')], diagnosis.text)
        self.assertEqual(diagnosis.verdicts('credentials'), ['not checked'])
        self.assertIn('d. the credentials (from the configuration) must be', diagnosis.to_do)


def setUpModule():
    if not rgw.missing_programs():
        start_rgw()


if rgw.missing_programs():
    RealServer = unittest.skip('radosgw is not installed')(RealServer)


if __name__ == '__main__':
    harness.main()
