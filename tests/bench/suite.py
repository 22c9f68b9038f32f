"""The benchmark: how much more than unpacking alone does it take to turn flow logs into topology?

Prints one table of ratios taken in one run, each a median, beside the targets of
docs/PERFORMANCE.md. Exit 0 whether they are met or not, because a busy machine can miss one by
chance; --strict fails for each that is missed. A wrong result always fails.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile

import measure
import rows
import rows_s3

SECTIONS = {
    'core': rows.core,
    'run': rows.whole_run,
    'memory': rows.memory,
    'growth': rows.growth,
    'instructions': rows.instructions,
    's3': rows_s3.s3,
}


class Bench:
    """What the sections share."""

    def __init__(self, options, folder):
        self.runs = options.runs
        self.connections = options.connections
        self.s3_settings = {key: int(value) for key, value in
                            (text.split('=', 1) for text in options.s3_set)}
        self.shrink = 10 if options.quick else 1
        self.folder = folder
        self.table = measure.Table()
        self.corpora = {}
        modules = options.node_modules or os.path.join(os.environ['BENCH_BUILD'], 'bench-node',
                                                       'node_modules')
        self.node_modules = modules if os.path.isdir(os.path.join(modules, '@duckdb')) else None

    def small(self, number):
        """A number of records or pairs, less with --quick."""
        return number // self.shrink // 4 * 4


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--strict', action='store_true', help='fail for a target that is missed')
    parser.add_argument('--runs', type=int, default=5, help='of each program; at least 5 to quote')
    parser.add_argument('--quick', action='store_true',
                        help='a tenth of everything: to try the benchmark, not to quote')
    parser.add_argument('--only', default=','.join(SECTIONS),
                        help='sections, by comma: %(default)s')
    # core/workers.c: as many workers as cores, up to 4, with two connections each.
    parser.add_argument('--connections', type=int, default=2 * min(4, os.cpu_count() or 1),
                        help='parallel downloads, for curl to do as many as the check makes: '
                             '%(default)s')
    parser.add_argument('--s3-set', action='append', default=[], metavar='KEY=NUMBER',
                        help='a further key of the instance that reads from S3')
    parser.add_argument('--node-modules', help='folder with @duckdb/node-api')
    parser.add_argument('--folder', default=None, help='where the corpus goes (1 GB)')
    options = parser.parse_args()
    unknown = set(options.only.split(',')) - set(SECTIONS)
    if unknown:
        parser.error(f'no such section: {", ".join(sorted(unknown))}')
    return options


def main():
    options = parse_arguments()
    top = tempfile.mkdtemp(prefix='vfl-bench-', dir=options.folder)
    try:
        bench = Bench(options, top)
        for name in options.only.split(','):
            print(f'{name}:', file=sys.stderr, flush=True)
            SECTIONS[name](bench)
    finally:
        shutil.rmtree(top)
    print(f'{len(os.sched_getaffinity(0))} processors, {platform.machine()}, medians of '
          f'{options.runs} runs{", QUICK: not to be quoted" if options.quick else ""}\n')
    print(bench.table.markdown())
    missed = bench.table.missed()
    print(f'\n{len(missed)} targets missed' + ''.join(f'\n  {name}' for name in missed))
    sys.exit(1 if options.strict and missed else 0)


if __name__ == '__main__':
    main()
