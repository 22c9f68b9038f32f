"""How fast and how small: ten objects of 100,000 records over 2,000 interfaces, once.

Prints records per CPU second, peak memory, and the CPU time as a multiple of what unpacking the
same files alone takes, each the median of several runs; fails below the thresholds. First one run
proves that every byte comes out, so that speed is never bought with lost records.
"""

import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MIN_RECORDS_PER_CPU_SECOND = 500_000
MAX_PEAK_BYTES = 150 * 1000 * 1000
RUNS = 5

CONF = """\
init_config: {{}}
instances:
  - role_arn: arn:aws:iam::120431062118:role/Reader
    regions: [eu-west-1]
    process_flow_logs: true
    flowlog_bucket_name: flow-logs
    s3_endpoint_url: file://{folder}
    interfaces_file: {folder}/interfaces.json
"""


def measure(command, stdout=subprocess.DEVNULL):
    """CPU seconds (user and system) and peak resident bytes of one program."""
    # A child's peak starts at this process's own, which is small: the corpus is made elsewhere.
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            sys.exit(f'{" ".join(command)}: exit {process.returncode}\n'
                     + log.read().decode('utf-8', 'replace'))
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def host_command(folder, output):
    return [os.environ['CHECK_HOST'], '--check', os.environ['CHECK_LIB'], '--config',
            os.path.join(folder, 'conf.yaml'), '--once', '--output', output]


def check_result(folder, expected):
    """Every sender's byte must be in the metrics of one run."""
    with tempfile.TemporaryFile() as out:
        measure(host_command(folder, 'jsonl'), out)
        out.seek(0)
        total = relations = 0
        for line in out:
            call = json.loads(line)
            relations += call['call'] == 'submit_relation'
            if call.get('name') in ('aws.flowlog.bytes_sent', 'aws.flowlog.bytes_received'):
                total += call['value']
    if total != expected['bytes'] or relations == 0:
        sys.exit(f'wrong result: {total:.0f} bytes on {relations} relations, expected '
                 f'{expected["bytes"]} bytes')
    print(f'{relations} relations, {total:.0f} bytes: every record counted')


def main():
    top = tempfile.mkdtemp(prefix='vfl-bench-')
    try:
        folder = os.path.join(top, 'corpus')
        subprocess.run([sys.executable, os.path.join(HERE, 'make_corpus.py'), folder], check=True)
        with open(os.path.join(folder, 'conf.yaml'), 'w', encoding='utf-8') as out:
            out.write(CONF.format(folder=folder))
        with open(os.path.join(folder, 'expected.json'), encoding='ascii') as text:
            expected = json.load(text)
        check_result(folder, expected)
        ok = report(folder, expected)
    finally:
        shutil.rmtree(top)
    sys.exit(0 if ok else 1)


def report(folder, expected):
    files = sorted(glob.glob(os.path.join(folder, '**', '*.log.gz'), recursive=True))
    unpackers = [command for command in (['igzip', '-dc'], ['zcat']) if shutil.which(command[0])]
    seconds, peaks = [], []
    ratios = {command[0]: [] for command in unpackers}
    for _ in range(RUNS):  # in turns, so that a slow minute of the machine hits all alike
        cpu, peak = measure(host_command(folder, 'none'))
        seconds.append(cpu)
        peaks.append(peak)
        for command in unpackers:
            ratios[command[0]].append(cpu / measure(command + files)[0])
    speed = expected['records'] / statistics.median(seconds)
    peak = max(peaks)
    size = sum(os.path.getsize(name) for name in files)
    print(f'{expected["records"]} records in {len(files)} objects, {size / 1e6:.1f} MB, '
          f'{RUNS} runs')
    print(f'{speed:,.0f} records per CPU second (at least {MIN_RECORDS_PER_CPU_SECOND:,})')
    print(f'{peak / 1e6:.0f} MB peak memory (at most {MAX_PEAK_BYTES / 1e6:.0f} MB)')
    for name, values in ratios.items():
        print(f'{statistics.median(values):.2f} times the CPU time of {name} on the same files')
    return speed >= MIN_RECORDS_PER_CPU_SECOND and peak <= MAX_PEAK_BYTES


if __name__ == '__main__':
    main()
