"""The fake itself: it must accept a foreign client (boto3) and refuse what AWS refuses."""

import http.client
import os
import sys
import unittest

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import aws  # noqa: E402
from sigv4_verifier import Refused, Request, verify  # noqa: E402

ROLE = 'arn:aws:iam::123456789012:role/Reader'
ODD_KEYS = ['plain', 'with space', 'a+b', '%41', 'a//b', 'x/../y', '~*()!$', 'ü', '&<>"\'', '=?#']


class FakeAcceptsBoto3(unittest.TestCase):
    def setUp(self):
        self.fake = aws.FakeAws()
        self.fake.__enter__()
        self.addCleanup(self.fake.__exit__)
        self.fake.add_user('AKIAFAKEFAKEFAKE0001', 'secret')
        self.bucket = self.fake.add_bucket('logs-bucket')

    def client(self, service, region='eu-west-1', secret='secret', session=None):
        keys = {'aws_access_key_id': 'AKIAFAKEFAKEFAKE0001', 'aws_secret_access_key': secret}
        if session:
            keys = {'aws_access_key_id': session['AccessKeyId'],
                    'aws_secret_access_key': session['SecretAccessKey'],
                    'aws_session_token': session['SessionToken']}
        client = boto3.client(service, region_name=region,
                              endpoint_url=getattr(self.fake, service + '_url'),
                              config=botocore.config.Config(
                                  s3={'addressing_style': 'path'},
                                  retries={'total_max_attempts': 1}), **keys)
        self.addCleanup(client.close)
        return client

    def refusal(self, function, *args, **kwargs):
        with self.assertRaises(ClientError) as caught:
            function(*args, **kwargs)
        return caught.exception.response['Error']['Code']

    def test_odd_keys_survive_put_list_get_delete(self):
        s3 = self.client('s3')
        for key in ODD_KEYS:
            s3.put_object(Bucket='logs-bucket', Key=key, Body=key.encode())
        self.fake.list_page_size = 3
        pages = s3.get_paginator('list_objects_v2').paginate(Bucket='logs-bucket')
        keys = [item['Key'] for page in pages for item in page['Contents']]
        self.assertEqual(keys, sorted(ODD_KEYS, key=str.encode))
        for key in keys:
            body = s3.get_object(Bucket='logs-bucket', Key=key)['Body'].read()
            self.assertEqual(body, key.encode())
        done = s3.delete_objects(Bucket='logs-bucket',
                                 Delete={'Objects': [{'Key': key} for key in keys]})
        self.assertEqual(len(done['Deleted']), len(keys))
        self.assertEqual(self.bucket.keys(), [])
        self.assertIsNotNone(self.bucket.versions['a+b'][0].body)

    def test_refuses_wrong_secret_and_clock(self):
        self.assertEqual(self.refusal(self.client('s3', secret='wrong').list_objects_v2,
                                      Bucket='logs-bucket'), 'SignatureDoesNotMatch')
        self.assertEqual(self.refusal(self.client('sts', secret='wrong').assume_role,
                                      RoleArn=ROLE, RoleSessionName='me'), 'SignatureDoesNotMatch')
        for offset, expected in ((-16 * 60, 'RequestTimeTooSkewed'),
                                 (16 * 60, 'RequestTimeTooSkewed'), (14 * 60, None)):
            self.fake.clock_offset_seconds = offset
            if expected:
                self.assertEqual(self.refusal(self.client('s3').list_objects_v2,
                                              Bucket='logs-bucket'), expected)
            else:
                self.client('s3').list_objects_v2(Bucket='logs-bucket')

    def test_boto3_follows_the_region_that_it_is_told(self):
        self.bucket.region = 'eu-central-1'
        self.client('s3').list_objects_v2(Bucket='logs-bucket')
        self.assertIn(400, [status for _, _, status in self.fake.calls])

    def test_external_id_rules(self):
        self.fake.add_role(ROLE, external_id='right-one')
        sts = self.client('sts')
        for external_id in (None, 'wrong-one'):
            options = {'ExternalId': external_id} if external_id else {}
            self.assertEqual(self.refusal(sts.assume_role, RoleArn=ROLE, RoleSessionName='me',
                                          **options), 'AccessDenied')
        session = sts.assume_role(RoleArn=ROLE, RoleSessionName='me',
                                  ExternalId='right-one')['Credentials']
        self.client('s3', session=session).list_objects_v2(Bucket='logs-bucket')
        self.fake.expire_sessions()
        self.assertEqual(self.refusal(self.client('s3', session=session).list_objects_v2,
                                      Bucket='logs-bucket'), 'ExpiredToken')
        session['SessionToken'] += 'x'
        self.assertEqual(self.refusal(self.client('s3', session=session).list_objects_v2,
                                      Bucket='logs-bucket'), 'InvalidToken')

    def test_interfaces_come_back_as_the_command_line_prints_them(self):
        interfaces = [{'NetworkInterfaceId': f'eni-{i:04}', 'VpcId': 'vpc-1', 'Description': '<&>',
                       'RequesterManaged': False, 'TagSet': [], 'Groups': [],
                       'Association': {'PublicIp': '198.51.100.7'},
                       'PrivateIpAddresses': [{'PrivateIpAddress': f'10.0.0.{i}', 'Primary': True}],
                       'Ipv4Prefixes': [{'Ipv4Prefix': '10.0.1.0/28'}]} for i in range(12)]
        self.fake.interfaces['eu-west-1'] = interfaces
        self.fake.interfaces_page_size = 5
        ec2 = self.client('ec2')
        pages = list(ec2.get_paginator('describe_network_interfaces').paginate())
        self.assertEqual(len(pages), 3)
        self.assertEqual([item for page in pages for item in page['NetworkInterfaces']],
                         interfaces)
        self.fake.denied_actions.add('ec2:DescribeNetworkInterfaces')
        self.assertEqual(self.refusal(ec2.describe_network_interfaces), 'UnauthorizedOperation')

    def test_caller_region_lifecycle_and_conditional_delete(self):
        s3 = self.client('s3')
        self.assertEqual(self.client('sts').get_caller_identity()['Arn'],
                         'arn:aws:iam::123456789012:user/agent')
        headers = s3.head_bucket(Bucket='logs-bucket')['ResponseMetadata']['HTTPHeaders']
        self.assertEqual(headers['x-amz-bucket-region'], 'eu-west-1')
        self.assertEqual(self.refusal(s3.get_bucket_lifecycle_configuration, Bucket='logs-bucket'),
                         'NoSuchLifecycleConfiguration')
        self.bucket.lifecycle = ('<Rule><ID>x</ID><Filter><Prefix>a/</Prefix></Filter><Status>'
                                 'Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>7'
                                 '</NoncurrentDays></NoncurrentVersionExpiration></Rule>')
        rule, = s3.get_bucket_lifecycle_configuration(Bucket='logs-bucket')['Rules']
        self.assertEqual(rule['NoncurrentVersionExpiration'], {'NoncurrentDays': 7})
        self.assertEqual(self.conditional_delete('never'), 412)
        self.assertEqual(self.bucket.versions, {})
        self.bucket.put('there', b'')
        self.assertEqual([self.conditional_delete('there') for _ in range(2)], [204, 412])

    def conditional_delete(self, key):
        self.raw('DELETE', '/logs-bucket/' + key, b'', {'If-Match': '*'})
        return self.fake.calls[-1][2]

    def test_faults_hit_the_call_they_name_and_leave_no_rest(self):
        self.bucket.put('key', b'x' * 1000)
        self.fake.fault('GetObject', 2, aws.slow_down())
        self.fake.fault('GetObject', 3, aws.Fault(cut_bytes=10))
        self.fake.fault('GetObject', 9, aws.slow_down())
        s3 = self.client('s3')
        s3.get_object(Bucket='logs-bucket', Key='key')['Body'].read()
        self.assertEqual(self.refusal(s3.get_object, Bucket='logs-bucket', Key='key'), 'SlowDown')
        with self.assertRaises(Exception):
            s3.get_object(Bucket='logs-bucket', Key='key')['Body'].read()
        self.assertEqual(self.fake.unused_faults(), [('GetObject', 9)])

    def test_delete_needs_the_digest_of_its_body(self):
        body = b'<Delete><Object><Key>k</Key></Object></Delete>'
        for digest, expected in ((None, b'InvalidRequest'),
                                 ('AAAAAAAAAAAAAAAAAAAAAA==', b'BadDigest')):
            headers = {'Content-MD5': digest} if digest else {}
            self.assertIn(expected, self.raw('POST', '/logs-bucket?delete=', body, headers))

    def raw(self, method, target, body, headers, tamper=lambda headers: None):
        """Signs with botocore and sends without it."""
        request = botocore.awsrequest.AWSRequest(method, self.fake.s3_url + target, data=body,
                                                 headers=headers)
        keys = botocore.credentials.Credentials('AKIAFAKEFAKEFAKE0001', 'secret')
        botocore.auth.S3SigV4Auth(keys, 's3', 'eu-west-1').add_auth(request)
        final = dict(request.headers.items())
        tamper(final)
        connection = http.client.HTTPConnection(self.fake.s3_url.partition('//')[2], timeout=10)
        connection.request(method, target, body, final)
        text = connection.getresponse().read()
        connection.close()
        return text

    def test_refuses_what_was_changed_after_signing(self):
        self.assertIn(b'ListBucketResult', self.raw('GET', '/logs-bucket?list-type=2', b'', {}))

        def add(name, value):
            return lambda headers: headers.__setitem__(name, value)
        for tamper, expected in (
                (add('x-amz-expected-bucket-owner', '123456789012'), b'not signed'),
                (add('X-Amz-Content-SHA256', '0' * 64), b'SignatureDoesNotMatch'),
                (add('X-Amz-Date', '20200101T000000Z'), b'AuthorizationHeaderMalformed'),
                (lambda headers: headers.pop('Authorization'), b'AccessDenied')):
            self.assertIn(expected, self.raw('GET', '/logs-bucket?list-type=2', b'', {}, tamper))


class VerifierKnowsThePublishedExamples(unittest.TestCase):
    """Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header"."""

    KEY = 'AKIAIOSFODNN7EXAMPLE'
    SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
    EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    NOW = 1369353600

    def request(self, signature, target='/?max-keys=2&prefix=J'):
        return Request('GET', target, [
            ('Host', 'examplebucket.s3.amazonaws.com'), ('x-amz-date', '20130524T000000Z'),
            ('x-amz-content-sha256', self.EMPTY),
            ('Authorization', f'AWS4-HMAC-SHA256 Credential={self.KEY}/20130524/us-east-1/s3/'
             'aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,'
             f'Signature={signature}')], b'')

    def test_list_example(self):
        good = '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'
        self.assertEqual(verify(self.request(good), 's3', {self.KEY: self.SECRET}.get,
                                self.NOW).region, 'us-east-1')
        for request in (self.request(good[:-1] + '8'),
                        self.request(good, '/?max-keys=2&prefix=K')):
            with self.assertRaises(Refused) as caught:
                verify(request, 's3', {self.KEY: self.SECRET}.get, self.NOW)
            self.assertEqual(caught.exception.kind, 'signature')


if __name__ == '__main__':
    unittest.main()
