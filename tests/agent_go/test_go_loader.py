"""The agent's loader in Go, in a stand-in of the agent's packages.
Usage: test_go_loader.py SOURCE_ROOT FOLDER PLUGIN STUB NEXT_ABI WITHOUT_RUN

Does in FOLDER what examples/agent/go/README.md tells an agent developer to do: copies the package
and the ABI's header into the agent's tree. Go works offline and keeps its cache there."""
import glob
import os
import shutil
import subprocess
import sys
import unittest

SKIPPED_STATUS = 77
SOURCE, FOLDER = (os.path.abspath(path) for path in sys.argv[1:3])
# Named as an agent would find them.
LIBRARIES = dict(zip(('aws_flowlogs', 'stub', 'next_abi', 'without_run'),
                     (os.path.abspath(path) for path in sys.argv[3:7])))
EXAMPLE = os.path.join(SOURCE, 'examples', 'agent', 'go', 'nativecheck')
STAND_IN = os.path.join(SOURCE, 'tests', 'agent_go', 'agent')
TESTS = sorted(glob.glob(os.path.join(SOURCE, 'tests', 'agent_go', '*_test.go')))
AGENT = os.path.join(FOLDER, 'agent')
CHECKS = os.path.join(FOLDER, 'checks')
PACKAGE = './pkg/collector/nativecheck'

ENVIRONMENT = {
    **os.environ,
    'CGO_ENABLED': '1',
    'DEMO': os.path.join(SOURCE, 'examples', 'demo'),
    'GOCACHE': os.path.join(FOLDER, 'cache'),
    'GOENV': 'off',
    'GOFLAGS': '-mod=mod',
    'GOPATH': os.path.join(FOLDER, 'path'),
    'GOPROXY': 'off',
    'GOTOOLCHAIN': 'local',
    'GOWORK': 'off',
    'NATIVE_CHECKS': CHECKS,
}


def assemble():
    for folder in (AGENT, CHECKS):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(STAND_IN, AGENT)
    package = os.path.join(AGENT, PACKAGE)
    shutil.copytree(EXAMPLE, package)
    shutil.copy(os.path.join(SOURCE, 'abi', 'stackstate_check.h'), package)
    for test in TESTS:
        shutil.copy(test, package)
    os.mkdir(CHECKS)
    for name, path in LIBRARIES.items():
        os.symlink(path, os.path.join(CHECKS, f'libstackstate_check_{name}.so'))
    with open(os.path.join(CHECKS, 'libstackstate_check_text.so'), 'w', encoding='utf-8') as file:
        file.write('not a library\n')


def go(*arguments, **environment):
    return subprocess.run(['go', *arguments], cwd=AGENT, env={**ENVIRONMENT, **environment},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=280,
                          check=False)


class GoLoader(unittest.TestCase):
    def succeeds(self, result):
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_is_formatted(self):
        result = subprocess.run(['gofmt', '-l', EXAMPLE, STAND_IN, *TESTS], capture_output=True,
                                text=True, timeout=60, check=True)
        self.assertEqual(result.stdout, '')

    def test_is_vetted(self):
        self.succeeds(go('vet', './...'))

    # Where the race detector is (not on every architecture), it watches.
    def test_loads_and_runs(self):
        race = ['-race'] if self.has_race() else []
        self.succeeds(go('test', '-count=1', '-timeout=120s', *race, PACKAGE))

    @staticmethod
    def has_race():
        root, system, machine = go('env', 'GOROOT', 'GOOS', 'GOARCH').stdout.split()
        return os.path.exists(os.path.join(root, 'src', 'runtime', 'race',
                                           f'race_{system}_{machine}.syso'))


if __name__ == '__main__':
    if shutil.which('go') is None:
        print('skipped: go is not installed; tests/setup.sh test does it')
        sys.exit(SKIPPED_STATUS)
    assemble()
    unittest.main(argv=sys.argv[:1])
