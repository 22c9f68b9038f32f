"""The sections of the benchmark that need no server."""

import json
import os
import shutil
import statistics
import subprocess

import instructions as records_under_callgrind
from corpus import Corpus
from measure import in_turns, median_cpu, output_of, seconds_until, taken

STAGES = ('inflate', 'lines', 'parse', 'aggregate', 'merge')
# Of the core against igzip on the same files; the last has no target and shows the worst order.
CORE = (('v2', {'format': 'v2'}, 1.5), ('v5, 29 fields', {'format': 'v5'}, 2.0),
        ('IPv6', {'format': 'ipv6'}, 2.0), ('v2 shuffled', {'order': 'shuffled'}, None))
FIXED_BYTES = 32 << 20
BYTES_PER_KEY = 256
BYTES_PER_WORKER = 512 << 10
AWK = ('$1 != "version" { s = $6 < 32768 ? $6 : 0; d = $7 < 32768 ? $7 : 0; '
       'k = $3 " " $4 " " $5 " " s " " d " " $8 " " $13; b[k] += $10; '
       'if (!(k in f) || $11 < f[k]) f[k] = $11; if ($12 > l[k]) l[k] = $12 } '
       'END { for (k in b) { n++; t += b[k] } printf "%d %.0f\\n", n, t }')


def corpus(bench, name, **options):
    if name not in bench.corpora:
        bench.corpora[name] = Corpus(os.path.join(bench.folder, name.replace(' ', '-')), **options)
    return bench.corpora[name]


def single(bench, name='v2', **options):
    """One object of 600,000 records, 2,000 interfaces, 99,069 pairs."""
    return corpus(bench, name, records=bench.small(600_000), interfaces=2000,
                  pairs=bench.small(99_069), **options)


def twenty(bench):
    return corpus(bench, 'twenty objects', objects=20, records=bench.small(600_000),
                  interfaces=2000, pairs=bench.small(20_000))


def is_installed(program):
    return shutil.which(program) is not None


def accepts_workers(one):
    """Whether the check knows the key `workers`; it names keys that it does not know."""
    done = subprocess.run(one.host_command(workers=1, process_flow_logs=False), check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return 'unknown key' not in done.stderr


def yardsticks(bench, one):
    """{name: command} of other programs on the default format; what groups must find the same."""
    commands = {'zlib': [os.environ['BENCH_ZLIB_CAT'], *one.files]}
    grouping = {}
    if is_installed('mawk'):
        grouping['gzip \\| mawk, same grouping'] = [
            'sh', '-c', 'awk=$1; shift; gzip -dc "$@" | mawk "$awk"', 'sh', AWK, *one.files]
    if bench.node_modules is None or not is_installed('node'):
        bench.table.add('DuckDB', 'skipped: @duckdb/node-api is not installed')
    else:
        grouping['DuckDB, 2 threads, same grouping'] = [
            'node', os.path.join(os.path.dirname(__file__), 'duckdb.js'), bench.node_modules, '2',
            *one.files]
    read = json.loads(output_of(one.reader_command('merge')))
    expected = f'{read["merged_flows"]} {read["bytes"]}'
    for name, command in grouping.items():
        if output_of(command).strip() != expected:
            raise SystemExit(f'{name} does not find {expected}, so it is not the same work')
    return {**commands, **grouping}


def core(bench):
    for name, options, limit in CORE:
        one = single(bench, name, **options)
        commands = {'igzip': ['igzip', '-dc', *one.files]}
        if name == 'v2':
            commands.update(yardsticks(bench, one))
        commands.update({stage: one.reader_command(stage) for stage in STAGES})
        takens = in_turns({key: lambda command=command: taken(command)
                           for key, command in commands.items()}, bench.runs)
        seconds = {key: median_cpu(runs) for key, runs in takens.items()}
        add_core_rows(bench.table, name, seconds, limit)


def add_core_rows(table, name, seconds, limit):
    yardstick = seconds['igzip']
    table.add(f'{name}: igzip', f'{yardstick * 1000:.0f} ms of CPU')
    for key in seconds:
        if key not in ('igzip', *STAGES):
            table.add(f'{name}: {key}', f'{seconds[key] / yardstick:.2f} x igzip')
    ratio = seconds['aggregate'] / yardstick
    if limit is None:
        table.add(f'{name}: core, decode to aggregate', f'{ratio:.2f} x igzip')
    else:
        table.at_most(f'{name}: core, decode to aggregate', ratio, limit, ' x igzip')
    steps = [seconds[STAGES[0]], *(seconds[after] - seconds[before]
                                   for before, after in zip(STAGES, STAGES[1:]))]
    table.add(f'{name}: by stage, x igzip', ', '.join(
        f'{stage} {step / yardstick:.2f}' for stage, step in zip(STAGES, steps)))


def whole_run(bench):
    many = twenty(bench)
    callbacks = many.check_result()
    has_workers = accepts_workers(many)
    single_settings = {'workers': 1} if has_workers else {}
    commands = {'igzip': ['igzip', '-dc', *many.files],
                'core': many.reader_command('merge'),
                'run': many.host_command(**single_settings)}
    if has_workers:
        commands['run2'] = many.host_command(workers=2)
    takens = in_turns({key: lambda command=command: taken(command)
                       for key, command in commands.items()}, bench.runs)
    seconds = {key: median_cpu(runs) for key, runs in takens.items()}
    limit = 1.8 * seconds['igzip'] + callbacks * 1e-6 + 0.050
    detail = f'{seconds["run"] / seconds["igzip"]:.2f} x igzip, {callbacks} callbacks'
    table = bench.table
    table.add('20 objects: igzip', f'{seconds["igzip"]:.3f} s of CPU')
    table.add('20 objects: core, decode to merge',
              f'{seconds["core"] / seconds["igzip"]:.2f} x igzip')
    table.at_most('20 objects: whole run', seconds['run'], limit, ' s', '.3f', detail)
    wall = statistics.median(one.wall_s for one in takens['run'])
    table.add('20 objects: whole run, by the clock', f'{wall:.2f} s')
    if not has_workers:
        table.add('20 objects: two workers', 'skipped: this check has no key `workers`')
        return
    table.at_most('20 objects: whole run, two workers', seconds['run2'], limit, ' s', '.3f',
                  f'{seconds["run2"] / seconds["igzip"]:.2f} x igzip')
    add_speedup(bench, many)


def add_speedup(bench, many):
    """Reading ends where the first component is told; what is before it is a few milliseconds."""
    reading = in_turns({workers: lambda workers=workers: seconds_until(
        many.host_command('jsonl', workers=workers), b'"submit_component"')
                        for workers in (1, 2)}, bench.runs)
    one, two = (statistics.median(reading[workers]) for workers in (1, 2))
    bench.table.at_least('20 objects: reading with two workers, by the clock', one / two, 1.8,
                         ' x one', detail=f'{one:.2f} s and {two:.2f} s')


def memory(bench):
    for name, one in (('1 object', single(bench)), ('20 objects', twenty(bench)),
                      ('1 object, 4 times the records', corpus(
                          bench, 'large object', records=bench.small(2_400_000), interfaces=2000,
                          pairs=bench.small(99_069)))):
        for workers in (1, 2) if accepts_workers(one) else (1,):
            settings = {'workers': workers} if accepts_workers(one) else {}
            peak = taken(one.host_command(**settings)).peak_bytes
            merged, largest = one.flow_keys()
            keys = merged + workers * largest
            limit = FIXED_BYTES + BYTES_PER_KEY * keys + BYTES_PER_WORKER * (workers + 1)
            bench.table.at_most(f'{name}: peak memory, {workers} worker{"s"[:workers - 1]}',
                                peak / 1e6, limit / 1e6, ' MB', '.0f', f'{keys} flow keys')


def growth(bench):
    """1, 2, 4 and 8 times as much of one thing and as much as ever of the others."""
    base = {'objects': 1, 'records': bench.small(100_000), 'interfaces': 2000,
            'pairs': bench.small(20_000)}
    by_pairs = {**base, 'records': bench.small(400_000), 'pairs': bench.small(12_480)}
    for name, start in (('objects', base), ('records', base), ('pairs', by_pairs)):
        sizes = [start[name] * factor for factor in (1, 2, 4, 8)]
        made = [corpus(bench, f'{name} {size}', **{**start, name: size}) for size in sizes]
        takens = in_turns({size: lambda one=one: taken(one.host_command())
                           for size, one in zip(sizes, made)}, bench.runs)
        add_slopes(bench.table, name, sizes, [median_cpu(takens[size]) for size in sizes],
                   [max(one.peak_bytes for one in takens[size]) for size in sizes])
        for one in made:
            shutil.rmtree(one.folder)
        bench.corpora = {key: one for key, one in bench.corpora.items() if one not in made}


def slopes_of(sizes, values):
    return [(after - before) / (high - low) for low, high, before, after in
            zip(sizes, sizes[1:], values, values[1:])]


def add_slopes(table, name, sizes, seconds, peaks):
    """Linear: the last doubling costs at most 1.3 times a unit what all before it did."""
    per_unit = slopes_of(sizes, seconds)
    before = (seconds[2] - seconds[0]) / (sizes[2] - sizes[0])
    texts = ', '.join(f'{slope * 1e6:.3g}' for slope in per_unit)
    table.at_most(f'growth in {name}: CPU, slope of the last doubling', per_unit[-1] / before, 1.3,
                  ' x those before', detail=f'{texts} us each')
    texts = ', '.join(f'{slope:.4g}' for slope in slopes_of(sizes, peaks))
    expected = peaks[2] + 1.3 * max(0, peaks[2] - peaks[0]) / (sizes[2] - sizes[0]) * (
        sizes[3] - sizes[2]) + (2 << 20)
    table.at_most(f'growth in {name}: peak memory at the last', peaks[3] / 1e6, expected / 1e6,
                  ' MB', '.1f', f'{texts} bytes each')


def instructions(bench):
    if not is_installed('valgrind'):
        bench.table.add('instructions', 'skipped: valgrind is not installed')
        return
    for record_format, stages in records_under_callgrind.measure().items():
        for stage, count in stages.items():
            bench.table.add(f'{record_format}: {stage}', f'{count} instructions a record')
