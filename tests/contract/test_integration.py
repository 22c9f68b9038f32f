"""The files by which the agent's catalogue knows an integration say what the check sends.
Usage: test_integration.py SOURCE_ROOT HOST LIBRARY

metadata.csv and service_checks.json in examples/agent against the code, against what a run over the
sample submits, and against docs/OPERATIONS.md; the form of all three after the rules that the agent's
integrations are checked by."""
import csv
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import uuid

ROOT, HOST, LIBRARY = sys.argv[1:4]
del sys.argv[1:]
FOLDER = os.path.join(ROOT, "examples", "agent")
DEMO = os.path.join(ROOT, "examples", "demo")
COLUMNS = ["metric_name", "metric_type", "interval", "unit_name", "per_unit_name", "description",
           "orientation", "integration", "short_name"]
STATUSES = ("ok", "warning", "critical")
# OPERATIONS' units as the catalogue names them; it has no name for elements of a topology.
UNITS = {"objects": ("object", ""), "records": ("record", ""), "requests": ("request", ""),
         "seconds": ("second", ""), "bytes": ("byte", ""), "bytes/s": ("byte", "second"),
         "interfaces": ("item", ""), "relations": ("item", ""), "endpoints": ("item", "")}


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


CODE = "".join(read(path) for folder in ("core/*.c", "core/*/*.c", "plugin/*.c")
               for path in sorted(glob.glob(os.path.join(ROOT, folder))))
OPERATIONS = read("docs", "OPERATIONS.md")
NAMES = set(re.findall(r'"(aws(?:_flowlogs\.|\.flowlog\.)[a-z_.]+)"', CODE))
with open(os.path.join(FOLDER, "metadata.csv"), encoding="utf-8", newline="") as metadata:
    READER = csv.DictReader(metadata)
    METRICS = list(READER)
CHECKS = json.loads(read("examples", "agent", "service_checks.json"))
MANIFEST = json.loads(read("examples", "agent", "manifest.json"))


def submitted(bucket):
    """What one run over the sample submits; bucket is the name that the instance has for it."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(os.path.join(DEMO, "bucket-root"), os.path.join(folder, "bucket-root"))
        config = read("examples", "demo", "conf.yaml")
        config = config.replace("@BUCKET_ROOT@", os.path.join(folder, "bucket-root"))
        config = config.replace("@INTERFACES_FILE@", os.path.join(DEMO, "interfaces.json"))
        path = os.path.join(folder, "conf.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config + f"    flowlog_bucket_name: {bucket}\n")
        done = subprocess.run([HOST, "--check", LIBRARY, "--config", path, "--once", "--output",
                               "jsonl"], capture_output=True, text=True, timeout=60, check=False)
        return [json.loads(line) for line in done.stdout.splitlines()]


class Submitted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.good = submitted("stackstate-logs-123456789012")
        cls.bad = submitted("no-such-bucket")

    def of(self, calls, name):
        return [call for call in calls if call["call"] == name]

    def test_metrics_are_those_of_metadata(self):
        sent = {(call["name"], call["metric_type"])
                for call in self.of(self.good, "submit_metric")}
        self.assertEqual(sent, {(row["metric_name"], row["metric_type"]) for row in METRICS})
        self.assertEqual(self.of(self.good + self.bad, "submit_raw_metrics_data"), [])

    def test_service_checks_are_those_of_the_file(self):
        allowed = {one["check"]: one["statuses"] for one in CHECKS}
        for calls, outcome in ((self.good, {"ok"}), (self.bad, {"ok", "critical"})):
            sent = {(call["name"], STATUSES[call["status"]])
                    for call in self.of(calls, "submit_service_check")}
            self.assertEqual({name for name, _ in sent}, set(allowed))
            self.assertEqual({status for _, status in sent}, outcome)
            for name, status in sent:
                self.assertIn(status, allowed[name])

    def test_there_are_events_if_the_manifest_says_so(self):
        self.assertEqual(MANIFEST["creates_events"], "submit_event(" in CODE)
        self.assertEqual(self.of(self.good + self.bad, "submit_event"), [])


class Named(unittest.TestCase):
    def test_every_name_of_the_code_is_in_a_file_and_the_other_way_round(self):
        in_files = {row["metric_name"] for row in METRICS} | {one["check"] for one in CHECKS}
        self.assertEqual(NAMES, in_files)

    def test_units_are_those_of_operations(self):
        told = dict(re.findall(r"^\| `(aws[a-z_.]+)` \| ([^|]+) \|", OPERATIONS, re.MULTILINE))
        told = {name: UNITS[unit.strip()] for name, unit in told.items() if unit.strip() in UNITS}
        self.assertEqual(told, {row["metric_name"]: (row["unit_name"], row["per_unit_name"])
                                for row in METRICS})

    def test_statuses_are_those_of_operations(self):
        rows = re.search(r"^\| service check \|(.*)\n\|[-|]+\n((?:\|.*\n)+)", OPERATIONS, re.MULTILINE)
        columns = [cell.strip().lower() for cell in rows[1].split("|")[:-1]]
        self.assertEqual(tuple(columns), STATUSES)
        told = {}
        for row in rows[2].splitlines():
            name, *cells = [cell.strip() for cell in row.split("|")[1:-1]]
            told[name.strip("`")] = [status for status, cell in zip(columns, cells)
                                     if cell != "never"]
        self.assertEqual(told, {one["check"]: one["statuses"] for one in CHECKS})


class Form(unittest.TestCase):
    def test_metadata(self):
        self.assertEqual(READER.fieldnames, COLUMNS)
        names = [row["metric_name"] for row in METRICS]
        self.assertEqual(len(names), len(set(names)))
        shorts = [row["short_name"] for row in METRICS]
        self.assertEqual(len(shorts), len(set(shorts)))
        for row in METRICS:
            with self.subTest(metric=row["metric_name"]):
                self.assertNotIn(None, list(row) + list(row.values()))
                self.assertIn(row["orientation"], ("-1", "0", "1"))
                self.assertEqual(row["integration"], MANIFEST["name"])
                self.assertTrue(0 < len(row["description"]) <= 400)

    def test_service_checks(self):
        for one in CHECKS:
            self.assertEqual(set(one), {"integration", "check", "statuses", "groups", "name",
                                        "description"})
            self.assertEqual(one["integration"], MANIFEST["name"])

    def test_manifest(self):
        self.assertEqual(set(MANIFEST), {
            "categories", "creates_events", "display_name", "guid", "is_public", "maintainer",
            "manifest_version", "metric_prefix", "metric_to_check", "name", "public_title",
            "short_description", "support", "supported_os", "type"})
        self.assertEqual(str(uuid.UUID(MANIFEST["guid"])), MANIFEST["guid"])
        self.assertLessEqual(len(MANIFEST["short_description"]), 80)
        self.assertIn(MANIFEST["metric_to_check"], NAMES)
        self.assertTrue(MANIFEST["metric_to_check"].startswith(MANIFEST["metric_prefix"]))

    def test_sections(self):
        text = read("examples", "agent", "INTEGRATION.md")
        headings = re.findall(r"^#{2,3} (.*)$", text, re.MULTILINE)
        self.assertEqual(headings, ["Overview", "Setup", "Installation", "Configuration",
                                    "Validation", "Data Collected", "Topology", "Metrics", "Events",
                                    "Service Checks", "Troubleshooting"])
        for text in (text, read("docs", "MIGRATION.md")):
            found = set(re.findall(r"`(aws_flowlogs\.[a-z_.]+)`", text))
            self.assertTrue(found)
            self.assertLessEqual(found, NAMES)


unittest.main()
