"""Several workers against the strict, scripted AWS: faults that hit one of them, or all at once."""

import threading
import time

import harness
from harness import gzipped, object_key
from test_fake_aws import FakeAwsTestCase, ServiceError, aws, record


class Workers(FakeAwsTestCase):
    """Several objects at once, eight connections: what happens to one is no matter of the others."""

    def setUp(self):
        super().setUp()
        self.instance['workers'] = 4

    def test_faults_among_many_objects_lose_none_and_count_none_twice(self):
        for number in range(30):
            self.put(number)
        poison = object_key(99)
        self.bucket.put(poison, gzipped(record())[:-9])
        for call, fault in enumerate((
                aws.slow_down(), aws.Fault(cut_bytes=20), aws.Fault(is_lost=True),
                aws.Fault(error=ServiceError(500, 'InternalError', 'oops')),
                aws.Fault(cut_bytes=0), aws.slow_down())):
            self.fake.fault('GetObject', 2 + 4 * call, fault)
        result = self.run_once()
        self.assertEqual(self.sent(result), 30000)
        self.assertIn(poison, result.log)
        self.assert_service_check(result, 'aws_flowlogs.can_update', 'WARNING', poison)
        self.assertEqual(self.sent(self.run_once()), 0)
        self.assertEqual(self.bucket.keys(), [poison])

    def test_session_that_expires_for_all_at_once_is_renewed_once(self):
        for number in range(24):
            self.put(number)
        self.fake.fault('GetObject', 9, aws.Fault(before=aws.FakeAws.expire_sessions))
        self.assertEqual(self.sent(self.run_once()), 24000)
        self.assertEqual(len(self.fake.details('AssumeRole')), 2)

    def test_permission_that_is_missing_is_named_and_soon_given_up(self):
        for number in range(40):
            self.put(number)
        self.fake.denied_actions = {'s3:GetObject'}
        result = self.run_once(expect=None)
        self.assertNotEqual(result.status, 0)
        self.assertIn('s3:GetObject', result.log)
        self.assertLessEqual(len(self.fake.details('GetObject', 403)), 3 + 8)
        self.fake.denied_actions = set()
        self.assert_counts_once_over(40000, 0)

    def test_ending_amid_stalled_downloads_is_prompt_and_loses_nothing(self):
        for number in range(20):
            self.put(number)
        arrived = threading.Semaphore(0)
        for call in range(1, 9):
            self.fake.fault('GetObject', call,
                            aws.Fault(before=lambda fake: arrived.release(), hold=True))
        process = self.start_host(self.init_config, self.instance,
                                  arguments=('--once', '--state', self.state))
        with process:
            for _ in range(8):
                self.assertTrue(arrived.acquire(timeout=30))
            started = time.monotonic()
            process.terminate()
            result = self.finish_host(process, expect=None)
            self.assertLess(time.monotonic() - started, 2)
        self.assertNotEqual(result.status, 0)
        self.assertEqual(result.graph.of('submit_relation'), [])
        self.assert_counts_once_over(20000, 0)


if __name__ == '__main__':
    harness.main()
