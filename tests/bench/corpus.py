"""Corpora of the benchmark: made once, with the configuration that points the check at them."""

import glob
import json
import os

from measure import output_of, taken

ROLE = 'arn:aws:iam::120431062118:role/Reader'


class Corpus:
    """One bucket of the directory store with its interfaces (make_corpus.c says what is in it)."""

    def __init__(self, folder, **options):
        self.folder = folder
        arguments = [text for name, value in options.items() for text in (f'--{name}', str(value))]
        taken([os.environ['BENCH_MAKE_CORPUS'], folder, *arguments])
        self.files = sorted(glob.glob(os.path.join(folder, '**', '*.log.gz'), recursive=True))
        self.stored_bytes = sum(os.path.getsize(name) for name in self.files)
        with open(os.path.join(folder, 'expected.json'), encoding='ascii') as text:
            self.expected = json.load(text)
        self.records = self.expected['records']
        self._keys = None

    def host_command(self, output='none', **settings):
        """check-host on this bucket, once. settings: further keys of the instance."""
        return host_command(self.folder, output, {
            's3_endpoint_url': f'file://{self.folder}', 'flowlog_bucket_name': 'flow-logs',
            'interfaces_file': os.path.join(self.folder, 'interfaces.json'), **settings})

    def reader_command(self, stage):
        return [os.environ['BENCH_CORE_READER'], stage, *self.files]

    def flow_keys(self):
        """(of all objects, of the object with the most)"""
        if self._keys is None:
            read = json.loads(output_of(self.reader_command('merge')))
            self._keys = read['merged_flows'], read['max_object_flows']
        return self._keys

    def check_result(self):
        """Every sender's byte must come out of one run, so that speed is never bought with lost
        records. Returns the number of callbacks."""
        calls = [json.loads(line) for line in output_of(self.host_command('jsonl')).splitlines()]
        total = sum(call['value'] for call in calls if call.get('name') in
                    ('aws.flowlog.bytes_sent', 'aws.flowlog.bytes_received'))
        relations = sum(call['call'] == 'submit_relation' for call in calls)
        if total != self.expected['bytes'] or relations != self.expected['pairs']:
            raise SystemExit(f'wrong result: {total:.0f} bytes on {relations} relations, expected '
                             f'{self.expected["bytes"]} on {self.expected["pairs"]}')
        return len(calls)


def host_command(folder, output, settings, init_config=None):
    """Writes conf.yaml into folder. Values are written as JSON, which YAML contains."""
    instance = {'role_arn': ROLE, 'regions': ['eu-west-1'], 'process_flow_logs': True,
                'collection_interval': 600, **settings}
    name = '-'.join(['conf', *(f'{key}{value}' for key, value in settings.items()
                               if isinstance(value, int))]) + '.yaml'
    path = os.path.join(folder, name)
    with open(path, 'w', encoding='utf-8') as out:
        out.write(f'init_config: {json.dumps(init_config or {})}\n')
        out.write(f'instances: [{json.dumps(instance)}]\n')
    return [os.environ['CHECK_HOST'], '--check', os.environ['CHECK_LIB'], '--config', path,
            '--once', '--output', output]
