"""One release, built once for a test program: its files, and libraries it must not meet."""

import glob
import os
import re
import subprocess

NAME = 'stackstate-check-aws-flowlogs'
LIBRARY = 'libstackstate_check_aws_flowlogs.so'
EPOCH = '1700000000'
# The archives linked in, and the names under which an agent may have them.
ARCHIVES = {
    'libcurl.a': ['libcurl.so.4'],
    'libssl.a': ['libssl.so.3', 'libssl.so.1.1'],
    'libcrypto.a': ['libcrypto.so.3', 'libcrypto.so.1.1'],
    'libz.a': ['libz.so.1'],
    'libjansson.a': ['libjansson.so.4'],
    'libexpat.a': ['libexpat.so.1'],
    'libyaml.a': ['libyaml-0.so.2'],
}
ISAL = ['isal_inflate', 'isal_inflate_init', 'isal_inflate_reset', 'isal_inflate_stateless',
        'crc32_gzip_refl']
FAKE_START = """
extern int dprintf(int, const char *, ...);
extern void _exit(int);
static void tell(const char *name) {{ dprintf(2, "FAKE %s of {} was called\\n", name); _exit(98); }}
"""


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors='replace', check=False, timeout=300, **options)
    if done.returncode != 0:
        raise AssertionError(f'{" ".join(command)}: {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout


def clean_environment(**more):
    return {'PATH': '/usr/bin:/bin', 'LD_LIBRARY_PATH': '', **more}


class Release:
    def __init__(self, source, compiler, folder):
        self.source = source
        self.compiler = compiler
        self.folder = folder
        self._fakes = None
        self.out = os.path.join(self.folder, 'out')
        self.build(self.out)
        run('tar', '-C', self.folder, '-xzf', self.product('.tar.gz'))
        self.tree, = glob.glob(os.path.join(self.folder, NAME + '-*'))
        self.library = os.path.join(self.tree, 'lib', 'stackstate-checks', LIBRARY)
        self.host = os.path.join(self.tree, 'bin', 'check-host')
        self.doc = os.path.join(self.tree, 'share', 'doc', NAME)

    def build(self, folder):
        run(os.path.join(self.source, 'packaging', 'build.sh'), folder,
            env={**os.environ, 'SOURCE_DATE_EPOCH': EPOCH, 'KEEP_WORK': ''})

    def product(self, ending):
        path, = glob.glob(os.path.join(self.out, '*' + ending))
        return path

    def fakes(self):
        """Libraries with the names and the symbols of those linked in. What is called in them is
        told, and ends the process."""
        if self._fakes is None:
            folder = os.path.join(self.folder, 'fakes')
            os.mkdir(folder)
            wanted = [(name, self._symbols(archive)) for archive, names in ARCHIVES.items()
                      for name in names]
            self._fakes = [self._make_fake(folder, *one) for one in (*wanted, ('libisal.so.2', ISAL))]
        return self._fakes

    def _symbols(self, archive):
        def find(name):
            return run(*self.compiler, '-print-file-name=' + name).strip()
        libc = set(re.findall(r' (\w+)@', run('nm', '-D', '--defined-only', find('libc.so.6'))))
        found = re.findall(r'^\S+ [A-TV-Z] (\w+)$', run('nm', '-g', '--defined-only', find(archive)),
                           re.M)
        return sorted(set(found) - libc)

    def _make_fake(self, folder, soname, symbols):
        path = os.path.join(folder, soname)
        with open(path + '.c', 'w', encoding='ascii') as out:
            out.write(FAKE_START.format(soname))
            out.writelines(f'void {name}(void) {{ tell("{name}"); }}\n' for name in symbols)
        run(*self.compiler, '-shared', '-fPIC', '-O0', '-w', '-fno-builtin', '-Wl,-soname,' + soname,
            '-o', path, path + '.c')
        return path
