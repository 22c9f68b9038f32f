"""examples/agent/conf.yaml.example. Usage: agent_case.py."""
import json
import os
import re
import unittest

from agent_case import CHECK, LIBRARY, ROOT, main
import stub_agent

import yaml

EXAMPLE = os.path.join(ROOT, 'examples/agent/conf.yaml.example')


class Example(unittest.TestCase):
    """conf.yaml.example against the table in core/config_table.c, by way of docs/CONFIG.md, which
    the unit test config holds to it."""

    @classmethod
    def setUpClass(cls):
        with open(EXAMPLE, encoding='utf-8') as file:
            cls.text = file.read()
        with open(os.path.join(ROOT, 'docs/CONFIG.md'), encoding='utf-8') as file:
            rows = re.findall(r'^\| `(\w+)` \| (\S+) \| ([^|]+) \| ([^|]+) \| (.+) \|$',
                              file.read(), re.M)
        cls.rows = {name: (scope, kind, default, help_text)
                    for name, scope, kind, default, help_text in rows}

    def uncommented(self):
        """The file with every key switched on; what is said of them begins with ##."""
        return re.sub(r'^( *)# ', r'\1', self.text, flags=re.M)

    def test_loads_as_it_stands_and_with_every_key(self):
        for text in (self.text, self.uncommented()):
            config = yaml.safe_load(text)
            self.assertEqual(set(config), {'init_config', 'instances'})
            self.assertEqual(len(config['instances']), 1)

    def test_has_every_key_in_its_map_and_no_other(self):
        config = yaml.safe_load(self.uncommented())
        found = {('init_config', name) for name in config['init_config']}
        found |= {('instance', name) for name in config['instances'][0]}
        found |= {('instance.topology_instance', name)
                  for name in config['instances'][0]['topology_instance']}
        found.remove(('init_config', 'library_path'))
        expected = {('instance' if scope == 'both' else scope, name)
                    for name, (scope, *_) in self.rows.items()}
        self.assertGreater(len(expected), 20)
        self.assertEqual(found, expected)

    def test_says_of_each_key_what_the_manual_says(self):
        for name, (_, _, _, help_text) in self.rows.items():
            with self.subTest(key=name):
                block = re.search(rf'((?:^[ #-]*## .*\n)+)[ #-]*\b{name}:', self.text, re.M)
                self.assertIsNotNone(block)
                said = ' '.join(re.sub('^[ #-]*## ', '', line) for line in block[1].splitlines())
                self.assertIn(help_text, said)

    def test_shows_the_defaults(self):
        config = yaml.safe_load(self.uncommented())
        for name, (scope, kind, default, _) in self.rows.items():
            if kind in ('boolean', 'number', 'seconds', 'private or all', 'all or accepted') and \
                    name not in ('process_flow_logs', 'workers'):  # set; depends on the machine
                with self.subTest(key=name):
                    value = config['init_config' if scope == 'init_config' else 'instances']
                    value = value[0] if isinstance(value, list) else value
                    self.assertEqual(json.dumps(value[name]).strip('"'), default)

    def test_example_is_accepted_once_filled_in(self):
        agent = stub_agent.Agent()
        agent.install()
        self.addCleanup(agent.remove)
        for text in (self.text, self.uncommented()):
            config = yaml.safe_load(text)
            init_config = {**(config['init_config'] or {}), 'library_path': LIBRARY}
            check, = agent.load(CHECK, json.dumps(init_config),
                                json.dumps(config['instances'][0]))
            self.assertEqual(check.get_warnings(), [])


if __name__ == '__main__':
    main()
