"""What packaging/build.sh makes: one file that needs glibc alone and meets no other library, in a
package and a tarball. Usage: test_release.py SOURCE_ROOT CROWD RELOAD COMPILER...

CHECK_HOST and CHECK_LIB name the ordinary build, which links the distribution's libraries: where it
fails, a test is shown to bite."""

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import unittest

from release import LIBRARY, NAME, Release, clean_environment, run

SOURCE, CROWD, RELOAD = (os.path.abspath(path) for path in sys.argv[1:4])
COMPILER = sys.argv[4:]
sys.path[:0] = [os.path.join(SOURCE, 'tests', 'e2e'), os.path.join(SOURCE, 'tests', 'fake')]

import aws  # noqa: E402
import test_fake_aws  # noqa: E402
import worked_case  # noqa: E402

ORDINARY_LIBRARY = os.environ['CHECK_LIB']
OLDEST_GLIBC = (2, 17)
# All of them are glibc. The first two are empty from glibc 2.34 on.
NEEDED = {'libpthread.so.0', 'libdl.so.2', 'libc.so.6'}
release = None


def setUpModule():
    global release  # pylint: disable=global-statement
    folder = tempfile.mkdtemp(prefix='vfl-packaging-')
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    release = Release(SOURCE, COMPILER, folder)


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, _, names in os.walk(folder) for name in names
                  if '__pycache__' not in where)


def installed():
    with open(os.path.join(SOURCE, 'tests', 'packaging', 'installed.txt'), encoding='utf-8') as text:
        lines = [line.rstrip('\n').partition(' = ') for line in text]
    # A folder stands for the files of a folder of the sources.
    return sorted(path + below for path, _, folder in lines
                  for below in (files_below(os.path.join(SOURCE, folder)) if folder else ['']))


class OneFile(unittest.TestCase):
    def test_needs_glibc_alone(self):
        for path in (release.library, release.host):
            dynamic = run('readelf', '-dW', path)
            self.assertEqual(set(re.findall(r'NEEDED.*\[(.*)\]', dynamic)), NEEDED, path)
            for unwanted in ('RPATH', 'RUNPATH', 'TEXTREL'):
                self.assertNotIn(unwanted, dynamic)
            self.assertRegex(dynamic, r'FLAGS_1.* NOW')

    def test_asks_for_no_symbol_newer_than_the_oldest_glibc(self):
        newest = (0,)
        for path in (release.library, release.host):
            symbols = re.findall(r'GLIBC_([\d.]+)\)?\s+(\w+)', run('objdump', '-T', path))
            self.assertNotEqual(symbols, [])
            for version, symbol in symbols:
                number = tuple(int(part) for part in version.split('.'))
                newest = max(newest, number)
                self.assertLessEqual(number, OLDEST_GLIBC, f'{path} wants {symbol} of glibc '
                                     f'{version}: give packaging/bundle/older_glibc.c a row for it')
        self.assertEqual(newest, OLDEST_GLIBC)
        print('oldest glibc:', '.'.join(map(str, newest)))

    def test_the_documents_state_the_oldest_glibc(self):
        version = '.'.join(map(str, OLDEST_GLIBC))
        for path in (os.path.join(SOURCE, 'README.md'), os.path.join(SOURCE, 'docs/PACKAGING.md'),
                     os.path.join(release.tree, 'INSTALL.txt')):
            with open(path, encoding='utf-8') as text:
                self.assertIn(f'glibc {version} or newer', text.read(), path)
        self.assertEqual(run('dpkg-deb', '-f', release.product('.deb'), 'Depends'),
                         f'libc6 (>= {version})\n')

    def test_exports_the_abi_alone(self):
        run(os.path.join(SOURCE, 'tests', 'contract', 'check_exports.sh'), release.library)

    def test_the_debug_file_belongs_to_it(self):
        ids = {re.search(r'Build ID: (\w+)', run('readelf', '-n', path)).group(1)
               for path in (release.library, release.product('.so'), release.product('.so.debug'))}
        self.assertEqual(len(ids), 1)
        self.assertIn(f'{LIBRARY}.debug',
                      run('readelf', '--string-dump=.gnu_debuglink', release.library))

    def test_names_no_folder_of_the_machine_that_built_it(self):
        for path in (release.library, release.host, release.product('.so.debug')):
            with open(path, 'rb') as file:
                content = file.read()
            for folder in (SOURCE, release.folder):
                self.assertNotIn(folder.encode(), content, path)

    def test_stays_when_it_is_closed_and_costs_nothing_to_load_again(self):
        run(RELOAD, release.library)


class AwsOverTls(test_fake_aws.FakeAwsTestCase):
    """The whole job of the shipped files on the fake's S3, STS and EC2, all of them behind TLS."""

    def setUp(self):
        saved = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(saved)))
        os.environ.update(CHECK_LIB=release.library, CHECK_HOST=release.host)
        for name in ('SSL_CERT_FILE', 'OPENSSL_CONF'):
            os.environ.pop(name, None)
        folder = tempfile.mkdtemp(dir=release.folder)
        self.certificate, key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
        run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-days', '2', '-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1',
            '-keyout', key, '-out', self.certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        plain = aws.FakeAws
        aws.FakeAws = lambda: plain(context)
        self.addCleanup(setattr, aws, 'FakeAws', plain)
        super().setUp()

    def assert_worked_case(self):
        self.state = os.path.join(tempfile.mkdtemp(dir=self.dir), 'state')
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        worked_case.check(self, self.run_once().graph)
        self.run_once()
        self.assertEqual(self.bucket.keys(), [])


class Crowded(AwsOverTls):
    """Beside libraries with the names and all symbols of those linked in."""

    CROWDS = {
        # as an agent has its own copies: loaded by it, before the check
        'loaded': lambda fakes: {'LD_PRELOAD': CROWD, 'CROWD': ':'.join(fakes)},
        # as an agent brings them along beside its executable
        'in the path': lambda fakes: {'LD_LIBRARY_PATH': os.path.dirname(fakes[0])},
        # first in every search
        'preloaded': lambda fakes: {'LD_PRELOAD': ':'.join(fakes)},
    }

    def test_calls_none_of_them_on_aws(self):
        for name, crowd in self.CROWDS.items():
            with self.subTest(name):
                os.environ.update(crowd(release.fakes()), SSL_CERT_FILE=self.certificate)
                self.assert_worked_case()

    def test_calls_none_of_them_on_a_directory(self):
        for name, crowd in self.CROWDS.items():
            with self.subTest(name):
                done = self.run_sample(release.library, crowd(release.fakes()))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn('10 endpoints, 22 relations', done.stdout)

    def test_the_ordinary_build_would(self):
        for name, crowd in self.CROWDS.items():
            with self.subTest(name):
                done = self.run_sample(ORDINARY_LIBRARY, crowd(release.fakes()))
                self.assertRegex(done.stderr, r'FAKE \w+ of \S+ was called|cannot load the check')

    def run_sample(self, library, crowd):
        """Not by the sample's own script: its shell and sed would be among the fakes as well."""
        demo = os.path.join(release.doc, 'examples', 'demo')
        folder = tempfile.mkdtemp(dir=self.dir)
        bucket, configuration = os.path.join(folder, 'bucket'), os.path.join(folder, 'conf.yaml')
        shutil.copytree(os.path.join(demo, 'bucket-root'), bucket)
        with open(os.path.join(demo, 'conf.yaml'), encoding='utf-8') as text, \
                open(configuration, 'w', encoding='utf-8') as out:
            out.write(text.read().replace('@BUCKET_ROOT@', bucket).replace(
                '@INTERFACES_FILE@', os.path.join(demo, 'interfaces.json')))
        return subprocess.run([release.host, '--check', library, '--config', configuration, '--once',
                               '--output', 'text'], capture_output=True, text=True, check=False,
                              timeout=60, env=clean_environment(**crowd))


class Machine(AwsOverTls):
    """What the library takes from the machine it runs on, and what not."""

    def host_elsewhere(self, place):
        """A host for which /etc holds the certificate at place, and nothing else."""
        script, copy = self.path('elsewhere'), self.path('ca.pem')
        shutil.copy(self.certificate, copy)
        with open(script, 'w', encoding='utf-8') as out:
            out.write('#!/bin/sh\n[ "$INSIDE" ] || INSIDE=1 exec unshare -m "$0" "$@"\n'
                      'mount -t tmpfs none /etc || exit 99\n'
                      f'mkdir -p {os.path.dirname(place)} && cp {copy} {place} || exit 99\n'
                      f'exec {release.host} "$@"\n')
        os.chmod(script, 0o755)
        return script

    def test_certificates_are_found_where_the_distribution_keeps_them(self):
        if subprocess.run(['unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/etc'], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest('no mounts of its own are allowed here')
        for place in ('/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'):
            with self.subTest(place):
                os.environ['CHECK_HOST'] = self.host_elsewhere(place)
                self.assert_worked_case()

    def test_an_authority_that_the_machine_does_not_know_is_refused(self):
        self.bucket.put(worked_case.KEY, worked_case.OBJECT)
        result = self.run_once(expect=1)
        self.assertIn("the server's certificate was refused", result.log)
        self.assertEqual(self.bucket.keys(), [worked_case.KEY])

    def test_the_configuration_of_openssl_is_not_read(self):
        configuration = self.path('openssl.cnf')
        with open(configuration, 'w', encoding='utf-8') as out:
            out.write('openssl_conf = init\n[init]\nproviders = providers\n[providers]\n'
                      'null = null\n[null]\nactivate = 1\n')
        os.environ.update(SSL_CERT_FILE=self.certificate, OPENSSL_CONF=configuration)
        self.assert_worked_case()
        os.environ['CHECK_LIB'] = ORDINARY_LIBRARY
        self.assertIn('the OpenSSL configuration', self.run_once(expect=2).log)


class Package(unittest.TestCase):
    maxDiff = None

    def test_the_tarball_holds_what_is_installed(self):
        self.assertEqual(files_below(release.tree), sorted([
            *installed(), 'INSTALL.txt', 'LICENSE', f'share/doc/{NAME}/copyright']))

    def test_an_ordinary_build_installs_the_same(self):
        folder = os.path.join(release.folder, 'destdir')
        run('meson', 'install', '-C', os.path.dirname(os.path.dirname(ORDINARY_LIBRARY)), '--no-rebuild',
            '--destdir', folder, env={**os.environ, 'PATH': '/usr/bin:/bin:' + os.environ['PATH']})
        self.assertEqual(files_below(os.path.join(folder, 'usr', 'local')), installed())

    def test_the_package_holds_what_is_installed(self):
        root = os.path.join(release.folder, 'extracted')
        run('dpkg-deb', '-x', release.product('.deb'), root)
        manual = [path + '.gz' if path.startswith('share/man/') else path for path in installed()]
        self.assertEqual(files_below(os.path.join(root, 'usr')), sorted([
            *manual, f'share/doc/{NAME}/changelog.gz', f'share/doc/{NAME}/copyright',
            f'share/lintian/overrides/{NAME}']))
        self.assertEqual(os.listdir(root), ['usr'])

    def test_links_of_the_documents_lead_to_what_is_installed(self):
        dead, count = [], 0
        for path in files_below(release.doc):
            if not path.endswith('.md'):
                continue
            with open(os.path.join(release.doc, path), encoding='utf-8') as text:
                links = re.findall(r'\]\(([^)\s]+)\)', text.read())
            for target in links:
                file = target.partition('#')[0]
                if file and not re.match('[a-z]+:', target):
                    count += 1
                    if not os.path.exists(os.path.join(release.doc, os.path.dirname(path), file)):
                        dead.append(f'{path}: {target}')
        self.assertEqual(dead, [])
        self.assertGreater(count, 30)

    def test_lintian_has_nothing_to_say(self):
        if shutil.which('lintian') is None:
            self.skipTest('lintian is not installed')
        self.assertEqual(run('lintian', '--allow-root', '--display-info', '--pedantic', '--fail-on',
                             'error,warning,info,pedantic', release.product('.deb')), '')

    def test_what_is_linked_in_is_named_and_its_notices_are_kept(self):
        built_using = run('dpkg-deb', '-f', release.product('.deb'), 'Built-Using')
        for source in ('curl', 'openssl', 'zlib', 'jansson', 'expat', 'libyaml'):
            self.assertRegex(built_using, rf'(^|, ){source} \(= \S+\)')
        with open(os.path.join(release.doc, 'copyright'), encoding='utf-8') as text:
            notices = text.read()
        for owner in ('Daniel Stenberg', 'The OpenSSL Project', 'Mark Adler', 'Petri Lehtinen',
                      'Expat maintainers', 'Kirill Simonov'):
            self.assertIn(owner, notices)

    def test_the_sums_are_those_of_all_files(self):
        with open(os.path.join(release.out, 'SHA256SUMS'), encoding='ascii') as text:
            sums = dict(reversed(line.split()) for line in text)
        found = {}
        for name in os.listdir(release.out):
            if name != 'SHA256SUMS':
                with open(os.path.join(release.out, name), 'rb') as file:
                    found[name] = hashlib.sha256(file.read()).hexdigest()
        self.assertEqual(sums, found)

    def test_the_same_sources_give_the_same_bytes_in_another_folder(self):
        again = os.path.join(release.folder, 'another', 'place')
        release.build(again)
        with open(os.path.join(release.out, 'SHA256SUMS'), encoding='ascii') as one, \
                open(os.path.join(again, 'SHA256SUMS'), encoding='ascii') as other:
            self.assertEqual(one.read(), other.read())

    def test_a_folder_with_something_in_it_is_left_alone(self):
        folder = tempfile.mkdtemp(dir=release.folder)
        with open(os.path.join(folder, 'precious'), 'w', encoding='ascii'):
            pass
        with self.assertRaisesRegex(AssertionError, 'is not empty'):
            release.build(folder)
        self.assertEqual(os.listdir(folder), ['precious'])

    def test_the_package_installs_and_its_sample_runs(self):
        root = os.path.join(release.folder, 'root')
        administration = os.path.join(root, 'var', 'lib', 'dpkg')
        for folder in ('info', 'updates', 'triggers'):
            os.makedirs(os.path.join(administration, folder))
        for name in ('status', 'available'):
            with open(os.path.join(administration, name), 'w', encoding='ascii'):
                pass
        run('dpkg', '--root=' + root, '--log=/dev/null', '--force-not-root', '--force-depends', '-i',
            release.product('.deb'))
        self.assert_sample_runs(os.path.join(root, 'usr'))

    def test_the_sample_runs_from_the_tarball(self):
        self.assert_sample_runs(release.tree)

    def assert_sample_runs(self, prefix):
        sample = os.path.join(prefix, 'share', 'doc', NAME, 'examples', 'demo', 'show_sample.sh')
        self.assertIn('10 endpoints, 22 relations', run(sample, prefix, env=clean_environment()))

    def test_the_shown_configuration_is_taken(self):
        done = subprocess.run(
            [release.host, '--check', release.library, '--config',
             os.path.join(release.doc, 'examples', 'agent', 'conf.yaml.example'), '--once'],
            capture_output=True, text=True, check=False, timeout=60,
            env=clean_environment(AWS_EC2_METADATA_DISABLED='true', HOME=release.folder))
        # It leaves the last step, switching on, to its reader.
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('process_flow_logs is not true', done.stderr)

    def test_a_host_compiles_with_the_installed_header(self):
        flags = run('pkg-config', '--cflags', 'stackstate-check-abi', env=clean_environment(
            PKG_CONFIG_PATH=os.path.join(release.tree, 'share', 'pkgconfig'))).split()
        source = os.path.join(release.folder, 'host.c')
        with open(source, 'w', encoding='ascii') as out:
            out.write('#include <stackstate_check.h>\n'
                      'unsigned version = STACKSTATE_CHECK_ABI_VERSION;\n')
        run(*COMPILER, *flags, '-std=c11', '-Wall', '-Werror', '-fsyntax-only', source)

    def test_the_manual_has_every_command_and_option(self):
        said = run(release.host, '--help')
        commands = re.findall(r'^       (check-host \w+) ', said, re.M)
        self.assertGreater(len(commands), 1)
        options = re.findall(r'^  (-\w), (--[\w-]+)', said, re.M)
        self.assertGreater(len(options), 8)
        with open(os.path.join(release.tree, 'share', 'man', 'man1', 'check-host.1'),
                  encoding='utf-8') as text:
            manual = text.read().replace('\\-', '-')
        for command in commands:
            self.assertRegex(manual, rf'(?m)^\.B {command}$')
        for short, long in options:
            self.assertRegex(manual, rf'\.BR {short} ", " "?{long}\b')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
