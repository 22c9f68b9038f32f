"""`check-host explain`: its picture is the check's, and it says of every record why it is not in it.
Usage: test_explain.py HOST LIBRARY SOURCE_ROOT"""
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

HOST, LIBRARY, ROOT = (os.path.abspath(path) for path in sys.argv[1:4])
FIXTURES = os.path.join(ROOT, "tests", "fixtures")
OWN = os.path.join(FIXTURES, "explain")
NAME = "123456789010_vpcflowlogs_eu-west-1_{}_20241209T0750Z_{:08x}.log{}"
EXAMPLE = ("2 123456789010 eni-1235b8ca123456789 89.160.20.156 89.160.20.156 20641 22 6 20 4249 "
           "1418530010 1418530070 ACCEPT OK\n")

sys.path.insert(0, os.path.join(ROOT, "tests", "topology_cases"))
import run_cases  # noqa: E402  (the cases' own reader of case folders)


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


class ExplainTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return name

    def explain(self, *arguments, piped=""):
        return subprocess.run([HOST, "explain", *arguments], cwd=self.folder, check=False,
                              capture_output=True, text=True, timeout=60, input=piped)

    def write_own(self):
        return [self.write(NAME.format("fl-0a", 1, ".gz"),
                           gzip.compress(read(OWN, "flags.log").encode())),
                self.write(NAME.format("fl-0b", 2, ""), read(OWN, "default.log"))]


class Text(ExplainTest):
    def test_says_what_the_fixture_says_by_hand(self):
        interfaces = os.path.join(OWN, "interfaces.json")
        result = self.explain("--interfaces", interfaces, *self.write_own())
        self.assertEqual(result.stdout, read(OWN, "expected.txt"))
        self.assertEqual((result.stderr, result.returncode), ("", 0))

    def test_without_interfaces_only_the_record_tells_the_vpc(self):
        header = "vpc-id interface-id srcaddr dstaddr srcport dstport protocol bytes action\n"
        known = self.write("known.log", header +
                           "vpc-1 eni-a 10.0.0.1 10.0.0.2 40001 443 6 100 ACCEPT\n")
        unknown = self.write("unknown.log", EXAMPLE)
        result = self.explain(known, unknown)
        self.assertIn("vpc-1/10.0.0.1 (no known interface) -> vpc-1/10.0.0.2", result.stdout)
        self.assertIn("unknown.log:1: eni-1235b8ca123456789: 89.160.20.156:20641 -> "
                      "89.160.20.156:22 tcp, 4249 bytes: unknown_interface: without --interfaces "
                      "only the record could tell", result.stdout)
        self.assertIn("unknown.log: none of its records names an interface that is known",
                      result.stderr)
        self.assertEqual(result.returncode, 0)

    def test_a_file_given_twice_counts_once(self):
        line = "2 123456789010 eni-web 10.0.0.10 10.0.0.20 40001 443 6 2 200 1 2 ACCEPT OK\n"
        first = self.write(NAME.format("fl-0a", 1, ""), line)
        again = self.write(NAME.format("fl-0a", 2, ""), line)
        other = self.write(NAME.format("fl-0b", 3, ""), line)
        interfaces = os.path.join(OWN, "interfaces.json")
        result = self.explain("-i", interfaces, first, again, other)
        self.assertIn(f"{again}: the same as {first}, which counts once", result.stderr)
        self.assertIn("  sent         200 bytes\n", result.stdout)
        self.assertIn("records: 2 kept", result.stdout)

    def test_records_of_before_an_address_was_used_again_are_kept_apart(self):
        def interface(name, kind, address, since):
            return {"NetworkInterfaceId": name, "VpcId": "vpc-1", "InterfaceType": kind,
                    "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True}],
                    "Attachment": {"AttachTime": since}}

        # 1733730600 is 2024-12-09T07:50:00Z.
        self.write("interfaces.json", json.dumps({"NetworkInterfaces": [
            interface("eni-web", "interface", "10.0.0.10", "2024-01-01T00:00:00Z"),
            interface("eni-nat", "nat_gateway", "10.0.0.50", "2024-01-01T00:00:00Z"),
            interface("eni-new", "interface", "10.0.0.50", "2024-12-09T07:55:00Z")]}))
        path = self.write("x.log", "interface-id srcaddr dstaddr srcport dstport protocol bytes "
                          "start end\n"
                          "eni-web 10.0.0.10 10.0.0.50 40001 443 6 100 1733730600 1733730660\n"
                          "eni-web 10.0.0.10 10.0.0.50 40001 443 6 30 1733731200 1733731260\n")
        result = self.explain("-i", "interfaces.json", path)
        self.assertIn("-> vpc-1/10.0.0.50 (eni-new)", result.stdout)
        self.assertIn("  sent         30 bytes\n", result.stdout)
        self.assertIn("x.log:2: eni-web: 10.0.0.10:40001 -> 10.0.0.50:443 tcp, 100 bytes: "
                      "middlebox: 10.0.0.50 is of eni-nat, a NAT gateway", result.stdout)
        self.assertIn("records: 1 kept, 1 middlebox\n", result.stdout)

    def test_overlong_lines_keep_the_numbers_right(self):
        header = "interface-id srcaddr dstaddr\n"
        path = self.write("long.log", "x" * 70000 + "\n" + header + "y" * 70000 + "\n"
                          "eni-web 10.0.0.10 8.8.8.8\n" + "z" * 70000)
        result = self.explain("-i", os.path.join(OWN, "interfaces.json"), path)
        for number in (1, 3, 5):
            self.assertIn(f"long.log:{number}: malformed: the line is longer than 65536 bytes",
                          result.stdout)
        self.assertIn("long.log:4: eni-web: 10.0.0.10 -> 8.8.8.8: public", result.stdout)

    def test_what_could_steer_a_terminal_is_made_harmless(self):
        path = self.write("odd.log", b"interface-id srcaddr dstaddr\n"
                          b"\x1b[2J 10.0.0.1 10.0.0.2\neni-1 \x1b[31m 10.0.0.2\n")
        result = self.explain(path)
        self.assertNotIn("\x1b", result.stdout + result.stderr)
        self.assertIn('odd.log:3: malformed: srcaddr is "?[31m"', result.stdout)
        for form in ("text", "ecs"):
            result = self.explain("--format", form, self.write("\x1b[31m.log", "Once upon a time\n"))
            self.assertNotIn("\x1b", result.stdout + result.stderr)
            self.assertIn("check-host explain: ?[31m.log: ", result.stderr)


class Events(ExplainTest):
    def test_one_event_a_line_for_every_record(self):
        result = self.explain("--format", "ecs", *self.write_own())
        events = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(events), 15 + 2)
        self.assertEqual([event["event"]["original"].split()[-1] for event in events[11:13]],
                         ["NODATA", "SKIPDATA"])
        self.assertEqual(events[0]["cloud"], {"provider": "aws", "region": "eu-west-1"})
        self.assertIn("log.gz:16: malformed: it has 4 values", result.stderr)
        self.assertEqual(result.returncode, 0)

    def test_the_integrations_example(self):
        result = self.explain("--format", "ecs", self.write("sample.log", EXAMPLE))
        event = json.loads(result.stdout)
        self.assertEqual(event["network"], {
            "bytes": 4249, "community_id": "1:CEGBlG6oEeW2Y5LLdr9GONITz00=", "iana_number": "6",
            "packets": 20, "transport": "tcp", "type": "ipv4"})
        self.assertEqual((event["event"]["start"], event["event"]["end"], event["@timestamp"]),
                         ("2014-12-14T04:06:50.000Z",) + ("2014-12-14T04:07:50.000Z",) * 2)


class Refusals(ExplainTest):
    def test_how_many_events_came_before_the_end_of_a_cut_file_is_told(self):
        lines = [EXAMPLE.replace("20641", str(20000 + i)) for i in range(2000)]
        packed = gzip.compress("".join(lines).encode())
        for size, name in ((len(packed) // 2, "half.log.gz"), (len(packed) - 6, "end.log.gz")):
            with self.subTest(name):
                result = self.explain("--format", "ecs", self.write(name, packed[:size]))
                count = result.stdout.count("\n")
                self.assertGreater(count, 100)
                for line in result.stdout.splitlines():
                    json.loads(line)
                self.assertRegex(result.stderr, f"{name}: gzip.*cut off.*; {count} events of it "
                                 "were printed before\n$")
                self.assertEqual(result.returncode, 1)
        result = self.explain("--format", "ecs", self.write("nothing.log.gz", packed[:5]))
        self.assertNotIn("printed", result.stderr)

    def test_a_bad_file_is_named_and_the_others_are_explained(self):
        good = self.write("good.log", EXAMPLE)
        packed = gzip.compress(EXAMPLE.encode() * 100)
        os.mkdir(os.path.join(self.folder, "folder"))
        for path, message in (
            ("none.log", "cannot be read: No such file or directory"),
            ("folder", "cannot be read: Is a directory"),
            (self.write("prose.log", "Once upon a time\n"), "names no known column"),
            (self.write("cut.log.gz", packed[:-6]), "gzip"),
            (self.write("parquet.log", b"PAR1" + bytes(100)), "Parquet"),
            (self.write("noise.log", "srcaddr dstaddr vpc-id\nall of it is noise\n"),
             "none of its 1 lines is a record"),
        ):
            for form in ("text", "ecs"):
                with self.subTest(path, form=form):
                    result = self.explain("--format", form, path, good)
                    self.assertEqual(result.returncode, 1)
                    self.assertIn(f"check-host explain: {path}: ", result.stderr)
                    self.assertIn(message.replace("its 1 lines", "its lines")
                                  if form == "ecs" else message, result.stderr)
                    self.assertIn("89.160.20.156", result.stdout)

    def test_what_cannot_be_read_twice_is_refused_where_it_would_be(self):
        good = self.write("good.log", EXAMPLE)
        os.mkfifo(os.path.join(self.folder, "pipe"))
        for path in ("pipe", "/dev/stdin"):
            with self.subTest(path):
                result = self.explain(path, good, piped=EXAMPLE)
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"check-host explain: {path}: is a pipe or device, and would be read "
                              "twice: copy it to a file", result.stderr)
                self.assertIn("89.160.20.156", result.stdout)
        result = self.explain("--format", "ecs", "/dev/stdin", piped=EXAMPLE)
        self.assertEqual((result.returncode, result.stdout.count("\n"), result.stderr), (0, 1, ""))

    def test_wrong_usage_exits_with_2_and_says_what(self):
        for arguments, message in (
            ((), "no files are named"),
            (("--format", "xml", "x"), "--format wants text or ecs"),
            (("--scope", "most", "x"), "--scope wants private or all"),
            (("--frob", "x"), "frob"),
            (("-i", "none.json", self.write("x.log", EXAMPLE)), "none.json"),
            (("-i", self.write("list.json", "[]"), "x.log"), "list.json"),
        ):
            with self.subTest(arguments):
                result = self.explain(*arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertIn(message, result.stderr)

    def test_help_exits_with_0(self):
        result = self.explain("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("check-host explain [options] FILE", result.stdout)
        result = subprocess.run([HOST, "--help"], capture_output=True, text=True, check=False)
        self.assertIn("check-host explain", result.stdout)


# What the check tells the agent of a relation's protocols and ports, in explain's words.
def words_of(data):
    ports = ", ".join(str(port) for port in data["ports"])
    more = data.get("more_ports", False)
    return {"direction": data["direction"], "verdict": data["verdict"],
            "observed by": data["observed_by"], "refusal": data.get("refusal"),
            "protocols": ", ".join(data["protocols"]) or "none told",
            "ports": (ports + " and more" if more else ports) if ports
                     else "several" if more else "none told"}


def check_says(calls):
    relations, counts = {}, {}
    for call in calls:
        if call["call"] == "submit_relation":
            data = call["data"]
            relations[data["source"], data["target"]] = words_of(data)
    for call in calls:
        if call.get("name") in run_cases.BYTE_GAUGES:
            side = "sent" if call["name"].endswith("sent") else "received"
            relations[run_cases.gauge_ends(call)][side] = f"{call['value']:.0f} bytes"
        elif call.get("name") == "aws_flowlogs.records" and call["value"] > 0:
            outcome = next(tag for tag in call["tags"] if tag.startswith("outcome:"))
            counts[outcome[8:]] = int(call["value"])
    return relations, counts


def explain_says(text):
    relations, relation = {}, None
    for line in text.split("\nleft out:\n")[0].splitlines():
        title = re.fullmatch(r"(\S+) \(.*\) -> (\S+) \(.*\)", line)
        fact = re.fullmatch(r"  (\S+(?: \S+)*?)  +(.*)", line)
        if title:
            ends = (run_cases.full_urn(end).replace(".", "_") for end in title.groups())
            relation = relations.setdefault(tuple(ends), {"refusal": None})
        elif fact:
            relation[fact[1]] = fact[2]
    summary = re.fullmatch(r"records: (.*)", text.splitlines()[-1])[1]
    counts = {name: int(count) for count, name in (part.split() for part in summary.split(", "))}
    return relations, {name: count for name, count in counts.items() if count > 0}


class SamePicture(ExplainTest):
    """Of every topology case that is one run under options which explain has too."""

    INSTANCES = 32  # of one host: starting one for each case takes most of the time

    def put_objects(self, case):
        paths = []
        for file, body in run_cases.objects_of(case, case.steps[0], run_cases.as_written):
            key = file.key(len(paths) + 1)
            paths.append(self.write(os.path.join(case.name, run_cases.BUCKET, key), body))
        return paths

    def instance(self, case):
        return {
            "role_arn": f"arn:aws:iam::{run_cases.ACCOUNT}:role/Reader",
            "regions": [run_cases.REGION], "process_flow_logs": True, "dry_run": True,
            "flowlog_bucket_name": run_cases.BUCKET, "interfaces_file": case.interfaces,
            "s3_endpoint_url": "file://" + os.path.join(self.folder, case.name), **case.instance}

    def run_checks(self, cases):
        """What each case's instance of the check submits."""
        self.write("conf.yaml", json.dumps({
            "init_config": {}, "instances": [self.instance(case) for case in cases]}))
        result = subprocess.run(
            [HOST, "--check", LIBRARY, "--config", "conf.yaml", "--once", "--output", "jsonl"],
            cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        calls = [[] for _ in cases]
        for line in result.stdout.splitlines():
            call = json.loads(line)
            if "check_id" in call:
                calls[int(call["check_id"].rpartition(":")[2])].append(call)
        return calls

    def compare(self, case, paths, calls):
        relations, counts = check_says(calls)
        scope = case.instance.get("scope", "private")
        result = self.explain("--interfaces", case.interfaces, "--scope", scope, *paths)
        explained, explained_counts = explain_says(result.stdout)
        self.assertEqual(explained, relations)
        self.assertEqual(explained_counts, counts)
        self.assertIn(result.returncode, (0, 1), result.stderr)  # 1: objects that are no flow log

    def test_the_check_sends_what_is_explained(self):
        folders = (os.path.join(run_cases.FIXTURES, name)
                   for name in sorted(os.listdir(run_cases.FIXTURES)))
        cases = [run_cases.Case(folder) for folder in folders
                 if os.path.exists(os.path.join(folder, "case.json"))]
        cases = [case for case in cases
                 if len(case.steps) == 1 and not set(case.instance) - {"scope"}]
        self.assertGreater(len(cases), 50)
        for start in range(0, len(cases), self.INSTANCES):
            batch = cases[start:start + self.INSTANCES]
            paths = [self.put_objects(case) for case in batch]
            for case, own_paths, calls in zip(batch, paths, self.run_checks(batch)):
                with self.subTest(case.name):
                    self.compare(case, own_paths, calls)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
