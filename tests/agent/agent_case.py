"""What the tests of the Python check share: the arguments, the sanitizer, a bucket and an agent.

A test is called with SOURCE_ROOT STUB_CHECK NEXT_ABI WITHOUT_RUN and CHECK_LIB in the environment.
STUB_CHECK is a check whose run is scripted (tests/contract/stub_check.c).
"""
import contextlib
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT, STUB_CHECK, NEXT_ABI, WITHOUT_RUN = map(os.path.abspath, sys.argv[1:5])
LIBRARY = os.environ['CHECK_LIB']
CHECK = os.path.join(ROOT, 'examples/agent/aws_flowlogs.py')


def sanitizers(library):
    """What a library with the address sanitizer wants in the process from the start."""
    linked = subprocess.run(['ldd', library], capture_output=True, text=True, check=True).stdout
    return ':'.join(line.split()[2] for line in linked.splitlines() if 'libasan' in line)


PRELOADED = os.environ.pop('LD_PRELOAD', None)  # children are none of its business
if not PRELOADED and sanitizers(LIBRARY):
    # The interpreter leaves memory behind by design.
    os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
    os.environ['LD_PRELOAD'] = sanitizers(LIBRARY)
    os.execv(sys.executable, [sys.executable, *sys.argv])

sys.path.insert(0, os.path.join(ROOT, 'tests/e2e'))
sys.dont_write_bytecode = True
import harness  # noqa: E402
import stub_agent  # noqa: E402
import worked_case  # noqa: E402
from harness import ACCOUNT, DirectoryBucket  # noqa: E402

import yaml  # noqa: E402

TOPOLOGY = ('component', 'relation', 'delete', 'start_snapshot', 'stop_snapshot')


class AgentTestCase(unittest.TestCase):
    maxDiff = None
    options = {}

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='vfl-agent-')
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.agent = stub_agent.Agent(**self.options)
        self.agent.install()
        self.addCleanup(self.agent.remove)
        gc.collect()
        gc.disable()  # what goes has to go by itself
        self.addCleanup(gc.enable)

    def tearDown(self):
        self.assertEqual(self.agent.violations, [])

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def load(self, init_config, *instances):
        return self.agent.load(CHECK, *(yaml.safe_dump(one, allow_unicode=True, width=1 << 20)
                                        for one in (init_config, *instances)))

    def load_scripts(self, *scripts):
        return self.load({'library_path': STUB_CHECK}, *({'script': s} for s in scripts))

    def bucket_instance(self, name='flow-logs', account=ACCOUNT, **changes):
        bucket = DirectoryBucket(self.path('store'), name)
        interfaces = self.path('interfaces.json')
        with open(interfaces, 'w', encoding='utf-8') as out:
            json.dump({'NetworkInterfaces': worked_case.INTERFACES}, out)
        return bucket, {
            'role_arn': f'arn:aws:iam::{account}:role/Reader', 'regions': [harness.REGION],
            'process_flow_logs': True, 'flowlog_bucket_name': name, 's3_endpoint_url': bucket.url,
            'interfaces_file': interfaces, **changes}

    def load_bucket(self, **changes):
        bucket, instance = self.bucket_instance(**changes)
        bucket.put(worked_case.KEY, worked_case.OBJECT)
        check, = self.load({'library_path': LIBRARY}, instance)
        return bucket, check

    def count(self, *names):
        """How many calls of these names there were, the base class's own components left out."""
        return sum(1 for call in self.agent.calls
                   if call.name in names and call.check_id.startswith('aws_flowlogs:'))

    @contextlib.contextmanager
    def only_new_calls(self):
        self.agent.calls.clear()
        yield


def main():
    unittest.main(argv=sys.argv[:1] + sys.argv[5:])
