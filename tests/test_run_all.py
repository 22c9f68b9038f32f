"""The counting of run_all.py: no failure may get lost in it."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from run_all import count_program  # noqa: E402

CHECK_OK = 'Running suite(s): ip\n100%: Checks: 7, Failures: 0, Errors: 0\n'
CHECK_BAD = 'Running suite(s): ip\n71%: Checks: 7, Failures: 1, Errors: 1\nx.c:1:F:a:b:0: no\n'
UNITTEST_OK = '..s\n-----\nRan 3 tests in 0.004s\n\nOK (skipped=1)\n'
UNITTEST_BAD = 'F.E\n-----\nRan 3 tests in 0.004s\n\nFAILED (failures=1, errors=1)\n'
UNITTEST_SUBTESTS = 'F\n-----\nRan 1 test in 0.004s\n\nFAILED (failures=5)\n'
NO_SERVER = '-----\nRan 0 tests in 0.000s\n\nOK (skipped=1)\n'


class Counting(unittest.TestCase):
    CASES = [
        ('check, all well', CHECK_OK, 'OK', 0, (7, 0, 0)),
        ('check, two bad', CHECK_BAD, 'FAIL', 1, (5, 2, 0)),
        ('unittest, one skipped', UNITTEST_OK, 'OK', 0, (2, 0, 1)),
        ('unittest, two bad', UNITTEST_BAD, 'FAIL', 1, (1, 2, 0)),
        ('unittest, subtests', UNITTEST_SUBTESTS, 'FAIL', 1, (0, 1, 0)),
        ('no server', NO_SERVER, 'SKIP', 77, (0, 0, 1)),
        ('says nothing, well', '', 'OK', 0, (1, 0, 0)),
        ('says nothing, bad', '', 'FAIL', 3, (0, 1, 0)),
        ('crash after good tests', CHECK_OK, 'ERROR', -11, (7, 1, 0)),
        ('leak after good tests', CHECK_OK + 'ERROR: LeakSanitizer', 'FAIL', 1, (7, 1, 0)),
        ('time-out', '', 'TIMEOUT', -15, (0, 1, 0)),
    ]

    def test_every_outcome(self):
        for name, output, result, status, expected in self.CASES:
            with self.subTest(name=name):
                count = count_program(output, result, status)
                self.assertEqual((count.passed, count.failed, count.skipped), expected)


if __name__ == '__main__':
    unittest.main()
