"""The C host against a check whose run is scripted. Usage: test_host.py HOST STUB NEXT_ABI WITHOUT_RUN"""
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HOST, STUB, NEXT_ABI, WITHOUT_RUN = sys.argv[1:5]


class HostTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.state = os.path.join(folder.name, "state.json")

    def conf(self, *scripts, text=None):
        path = os.path.join(self.folder, "conf.yaml")
        if text is None:
            text = "init_config:\ninstances:\n" + "".join(f"  - script: '{s}'\n" for s in scripts)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def host(self, *options, check=STUB, conf=None, stdout=subprocess.PIPE):
        arguments = [HOST, "--check", check]
        if conf is not None:
            arguments += ["--config", conf]
        return subprocess.run(arguments + list(options), stdout=stdout, stderr=subprocess.PIPE,
                              text=True, timeout=30, check=False)

    def once(self, *scripts, options=()):
        return self.host("--once", *options, conf=self.conf(*scripts))

    def calls(self, result):
        return [json.loads(line) for line in result.stdout.splitlines()]

    def saved(self):
        with open(self.state, encoding="utf-8") as file:
            return json.load(file)


class Options(HostTest):
    def test_help_and_version_exit_with_0(self):
        for option in ("--help", "--version"):
            result = subprocess.run([HOST, option], capture_output=True, text=True, check=False)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("check-host", result.stdout)

    def test_wrong_usage_exits_with_2_and_says_what(self):
        conf = self.conf("")
        for options, message in (
            (("--once", "--output", "xml"), "text, jsonl, dot or none"),
            (("--runs", "0"), "--runs wants a number from 1"),
            (("--runs", "1x"), "--runs wants"),
            (("--interval", "-1"), "--interval wants"),
            (("--frob",), "frob"),
            (("stray",), "stray"),
        ):
            with self.subTest(options):
                result = self.host(*options, conf=conf)
                self.assertEqual(result.returncode, 2)
                self.assertIn(message, result.stderr)
        result = self.host("--once")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--config is missing", result.stderr)

    def test_a_library_that_is_not_a_check_exits_with_2_and_says_why(self):
        conf = self.conf("")
        for library, message in (
            (os.path.join(self.folder, "none.so"), "No such file"),
            (conf, "cannot load"),
            (NEXT_ABI, "ABI version 2, this host has 1"),
            (WITHOUT_RUN, "does not export stackstate_check_run"),
        ):
            with self.subTest(library):
                result = self.host("--once", check=library, conf=conf)
                self.assertEqual(result.returncode, 2)
                self.assertIn(message, result.stderr)

    def test_a_wrong_configuration_exits_with_2_and_names_the_line(self):
        for text, message in (
            ("instances:\n\t- script: x\n", "conf.yaml:2: the line is indented with a tab"),
            ("init_config:\n\taws_access_key_id: ''\n", "conf.yaml:2: the line is indented with a"),
            ("instances:\n  - role_arn: x\n    regions:\n    \t- eu-west-1\n", "conf.yaml:4: the line"),
            ("init_config: {\ninstances: [\n", "conf.yaml:3: not YAML"),
            ("instances:\n  - a: 'x\n", "not YAML"),
            ("init_config:\n", "`instances:` is missing"),
            ("instances: []\n", "`instances:` is missing"),
            ("instances: [7]\n", "instances[0] is not a mapping"),
            ("init_config: 7\ninstances: [{}]\n", "init_config is not a mapping"),
            ("instances:\n  - a: 1\n    collection_interval: soon\n", "conf.yaml:3: collection_int"),
            ("- a\n", "expected a mapping"),
            ("instances: [{refuse: me}]\n", "the check refused: instance.refuse"),
        ):
            with self.subTest(text):
                result = self.host("--once", conf=self.conf(text=text))
                self.assertEqual(result.returncode, 2)
                self.assertIn(message, result.stderr)
        result = self.host("--once", conf=os.path.join(self.folder, "none.yaml"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("none.yaml: No such file", result.stderr)


class Configuration(HostTest):
    def echo(self, text, *options):
        result = self.host("--once", *options, conf=self.conf(text=text))
        self.assertEqual(result.returncode, 0, result.stderr)
        event = self.calls(result)[0]
        return event["title"], event["text"]

    def test_quoting_survives_so_that_text_stays_text(self):
        init, instance = self.echo(
            "init_config: {key: '007'}\ninstances:\n  - script: echo\n    a: '123'\n    b: \"yes\"\n"
            "    c: 123\n    d: [ 'x', ~ ]\n    e: |\n      two\n      lines\n    f: !!int '5'\n    g: !!str 7\n    h: &x 8\n")
        self.assertEqual(init, "{key: '007'}\n")
        for line in ("a: '123'", 'b: "yes"', "c: 123", "d: ['x', ~]", "e: |\n  two\n  lines",
                     "f: !!int '5'", 'g: "7"', "h: 8"):
            self.assertIn(line + "\n", instance)

    def test_aliases_and_merge_keys_are_resolved(self):
        init, instance = self.echo(
            "base: &base {x: 1, y: 2}\nmore: &more {y: 3, z: 4}\ninit_config:\ninstances:\n"
            "  - script: echo\n    <<: [*base, *more]\n    x: own\n    list: &l [1]\n    again: *l\n")
        self.assertEqual(init, "{}\n")
        self.assertEqual(instance, "script: echo\nx: own\nlist: [1]\nagain: [1]\ny: 2\nz: 4\n")

    def test_a_document_that_multiplies_itself_is_refused(self):
        levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        levels += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 10) + "]" for i in range(1, 9)]
        result = self.host("--once", conf=self.conf(
            text="\n".join(levels) + "\ninstances: [{script: '', bomb: *a8}]\n"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("aliases counted", result.stderr)
        levels = ["a0: &a0 {}"]
        levels += [f"a{i}: &a{i} {{<<: [" + ", ".join([f"*a{i - 1}"] * 10) + "]}" for i in range(1, 30)]
        result = self.host("--once", conf=self.conf(
            text="\n".join(levels) + "\ninstances: [{script: '', <<: *a29}]\n"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("aliases counted", result.stderr)

    def test_dry_run_is_set_whatever_the_instance_says(self):
        for said in ("", "    dry_run: false\n"):
            _, instance = self.echo(
                f"instances:\n  - script: echo\n{said}    regions: [a]\n", "--dry-run")
            self.assertEqual(instance, "script: echo\nregions: [a]\ndry_run: true\n")


class Jsonl(HostTest):
    def test_each_callback_is_one_object_of_the_stated_form(self):
        result = self.once(
            "component c1; relation c1 c2; metric m 2.5; raw-metric r; service s 1 slow; snapshot; "
            "delete c1; begin; transaction-state k v; end; state k2 v2; get k2; discard why not; ask")
        self.assertEqual(result.returncode, 0, result.stderr)
        key = {"type": "stub", "url": "loopback"}
        tags = ["source:a", "target:b"]
        me = {"check_id": "stub_check:0"}
        host = {"hostname": "stub-host"}
        self.assertEqual(self.calls(result), [
            {"call": "submit_component", **me, "instance": key, "id": "c1", "type": "thing",
             "data": {"URN": ["urn:vpcip:vpc-1/10.0.0.1", "urn:host:/1.2.3.4"]}},
            {"call": "submit_relation", **me, "instance": key, "source": "c1", "target": "c2",
             "type": "thing", "data": {"source": "a", "target": "b", "protocols": ["tcp"],
                                       "ports": [443], "direction": "tcp-flags",
                                       "verdict": "accepted"}},
            {"call": "submit_metric", **me, "name": "m", "value": 2.5, "metric_type": "gauge",
             "tags": tags, **host, "flush_first_value": False},
            {"call": "submit_raw_metrics_data", **me, "name": "r", "value": 1.5, "tags": tags,
             **host, "timestamp": 1700000000},
            {"call": "submit_service_check", **me, "name": "s", "status": 1, "message": "slow",
             "tags": tags, **host},
            {"call": "start_snapshot", **me, "instance": key},
            {"call": "stop_snapshot", **me, "instance": key},
            {"call": "submit_delete", **me, "instance": key, "id": "c1"},
            {"call": "start_transaction", **me},
            {"call": "set_transaction_state", **me, "key": "k", "state": "v"},
            {"call": "stop_transaction", **me},
            {"call": "set_state", **me, "key": "k2", "state": "v2"},
            {"call": "get_state", **me, "key": "k2", "state": "v2"},
            {"call": "discard_transaction", **me, "reason": "why not"},
            {"call": "get_config", **me, "key": "check_transactionality_enabled"},
            {"call": "get_hostname", **me},
        ])

    def test_what_the_agent_would_drop_is_dropped_and_reported(self):
        for script, message in (
            ("component-json c {", "does not parse"),
            ('component-json c {"type":{"name":"thing"},"data":{}}', "no externalId"),
            ('component-json c {"externalId":"c","data":{}}', "no type.name"),
            ('component-json c {"externalId":"c","type":"other"}', "as argument"),
            ('component-json c {"externalId":"c","type":{"name":"thing"},"data":[]}', "not an obj"),
            ("component-json c", "does not parse: NULL"),
            ("metric m nan", "not a finite number"),
            ("service s 9 odd", "status"),
        ):
            with self.subTest(script):
                result = self.once(script)
                self.assertEqual((result.returncode, result.stdout), (1, ""))
                self.assertIn(message, result.stderr)

    def test_broken_rules_of_the_abi_are_reported(self):
        for script, message in (
            ("thread", "a thread other than the one that called run"),
            ("wrong-id", "which is not this one"),
            ("leak k", "never given back through cgo_free"),
        ):
            with self.subTest(script):
                result = self.once(script)
                self.assertEqual(result.returncode, 1)
                self.assertIn(message, result.stderr)
        result = self.host("--once", conf=self.conf(text="instances: [{early: x}]\n"))
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("not allowed during configure", result.stderr)

    def test_log_lines_go_to_stderr_with_level_and_time(self):
        result = self.once("log all is^[31m well")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertRegex(result.stderr,
                         r"^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z WARNING  stub_check:0: all is")
        self.assertNotIn("\x1b", result.stderr)

    def test_a_failed_run_exits_with_1_and_its_message(self):
        result = self.once("component a; fail no such bucket")
        self.assertEqual(result.returncode, 1)
        self.assertIn("run 1 failed: no such bucket", result.stderr)
        self.assertEqual(len(self.calls(result)), 1)

    def test_two_instances_run_side_by_side(self):
        result = self.once("component one", "component two")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(sorted((c["check_id"], c["id"]) for c in self.calls(result)),
                         [("stub_check:0", "one"), ("stub_check:1", "two")])

    def test_runs_follow_at_the_interval(self):
        start = time.monotonic()
        result = self.host("--runs", "3", "--interval", "1", conf=self.conf("component a"))
        self.assertEqual(len(self.calls(result)), 3)
        self.assertGreaterEqual(time.monotonic() - start, 2)


class State(HostTest):
    def keep(self, script, *options, **more):
        return self.host("--state", self.state, "--interval", "1", *(options or ("--once",)),
                         conf=self.conf(script), **more)

    def test_a_transaction_commits_its_state_after_the_run(self):
        result = self.keep("get k; begin; transaction-state k v; get k; end; get k")
        self.assertEqual(result.returncode, 0, result.stderr)
        seen = [c["state"] for c in self.calls(result) if c["call"] == "get_state"]
        self.assertEqual(seen, ["{}", "{}", "{}"])
        self.assertEqual(self.saved(), {"k": "v"})
        self.assertEqual(os.listdir(self.folder).count("state.json.new"), 0)
        self.assertEqual(self.keep("expect k v").returncode, 0)

    def test_state_file_must_be_a_regular_file(self):
        for name in ("pipe", "folder"):
            path = os.path.join(self.folder, name)
            os.mkfifo(path) if name == "pipe" else os.mkdir(path)
            result = self.host("--once", "--state", path, conf=self.conf("component a"))
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("not a regular file", result.stderr)
            self.assertEqual(result.stdout, "")

    def test_output_is_flushed_before_state_is_committed(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = self.keep("component a; begin; transaction-state k v; end", stdout=full)
        self.assertEqual(result.returncode, 1)
        self.assertIn("state not committed", result.stderr)
        self.assertFalse(os.path.exists(self.state))

    def test_a_reader_that_went_away_commits_nothing(self):
        reader, writer = os.pipe()
        os.close(reader)
        result = self.keep("component a; begin; transaction-state k v; end", stdout=writer)
        os.close(writer)
        self.assertEqual(result.returncode, 1)
        self.assertFalse(os.path.exists(self.state))

    def test_discarded_and_unstopped_transactions_commit_nothing(self):
        for script in ("begin; transaction-state k v; discard no; end",
                       "begin; transaction-state k v", "transaction-state k v; end"):
            with self.subTest(script):
                self.assertEqual(self.keep(script).returncode, 0)
                self.assertFalse(os.path.exists(self.state))

    def test_a_start_while_one_is_open_books_on_it(self):
        script = "1:begin; 1:transaction-state k first; 2:begin; 2:transaction-state k second; 2:end"
        result = self.keep(script, "--runs", "2")
        self.assertEqual(result.returncode, 0)
        self.assertIn("booked on that one", result.stderr)
        self.assertEqual(self.saved(), {"k": "second"})

    def test_state_outside_transactions_is_written_at_once(self):
        result = self.keep("state k v; expect k v; fail later")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(self.saved(), {"k": "v"})

    def test_a_damaged_file_is_taken_as_none_with_a_warning(self):
        for text in ("{", "[]", ""):
            with self.subTest(text):
                with open(self.state, "w", encoding="utf-8") as file:
                    file.write(text)
                result = self.keep("expect k {}")
                self.assertEqual(result.returncode, 0)
                self.assertIn("WARNING", result.stderr)

    def test_state_that_cannot_be_written_is_an_error_and_not_remembered(self):
        result = self.host("--once", "--state", os.path.join(self.folder, "none", "state.json"),
                           conf=self.conf("state k v; expect k {}"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot create its temporary file", result.stderr)
        self.assertNotIn("failed", result.stderr)

    def test_dry_run_reads_the_state_and_does_not_write_it(self):
        self.keep("state k v")
        result = self.keep("expect k v; state k w; begin; transaction-state k x; end", "--once",
                           "--dry-run")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.saved(), {"k": "v"})


class Stopping(HostTest):
    def stop(self, script, number, *options):
        process = subprocess.Popen(
            [HOST, "--check", STUB, "--config", self.conf(script), "--output", "jsonl", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            line = process.stderr.readline()  # the check's own log line: the run has begun
            start = time.monotonic()
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=20)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.assertLess(time.monotonic() - start, 3.5)
        return process.returncode, stdout, line + stderr

    def test_a_signal_during_a_run_tears_down_and_ends(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            status, _, stderr = self.stop("log begun; block", number)
            self.assertEqual(status, 0, stderr)
            self.assertIn("cancelled", stderr)

    def test_a_signal_between_runs_ends_at_once(self):
        status, stdout, _ = self.stop("component a; log begun", signal.SIGTERM)
        self.assertEqual(status, 0)
        self.assertEqual(len(stdout.splitlines()), 1)

    def test_output_that_nobody_reads_does_not_keep_the_host(self):
        process = subprocess.Popen(
            [HOST, "--check", STUB, "--config", self.conf("log begun; many 100000"), "--once"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with process.stdout, process.stderr:
            process.stderr.readline()
            start = time.monotonic()
            process.terminate()
            self.assertEqual(process.wait(timeout=20), 1)
            self.assertLess(time.monotonic() - start, 3.5)
            self.assertIn("did not end in time", process.stderr.read())

    def test_a_signal_before_the_asked_runs_are_done_exits_with_1(self):
        status, _, _ = self.stop("log begun; block", signal.SIGTERM, "--once")
        self.assertEqual(status, 1)


class People(HostTest):
    SCRIPT = ("component urn:vpcip:vpc-1/10.0.0.1; component urn:vpcip:vpc-1/10.0.0.2; "
              "relation urn:vpcip:vpc-1/10.0.0.1 urn:vpcip:vpc-1/10.0.0.2{}; "
              "metric aws.flowlog.bytes_sent 1536; metric aws.flowlog.bytes_received 3145728; "
              "service aws_flowlogs.can_update 2 broken; delete gone")

    def test_text_says_who_talks_to_whom_and_how_much(self):
        result = self.once(self.SCRIPT.format(""), options=("--output", "text"))
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = [line.split() for line in result.stdout.splitlines()]
        self.assertIn("10.0.0.1 -> 10.0.0.2 tcp 443 1.5 KiB 3.0 MiB accepted".split(), lines)
        self.assertIn("CRITICAL aws_flowlogs.can_update: broken".split(), lines)
        self.assertIn("expired: 1".split(), lines)

    def test_text_is_the_default_on_a_terminal_only(self):
        terminal, side = pty.openpty()
        result = self.host("--once", conf=self.conf("component a"), stdout=side)
        os.close(side)
        shown = os.read(terminal, 65536).decode("utf-8")
        os.close(terminal)
        self.assertEqual(result.returncode, 0)
        self.assertIn("1 endpoints, 0 relations", shown)
        self.assertEqual(self.calls(self.once("component a"))[0]["id"], "a")

    def test_text_shows_what_a_discarded_transaction_held_nowhere(self):
        result = self.once("begin; component x; discard no", options=("--output", "text"))
        self.assertIn("0 endpoints, 0 relations", result.stdout)

    def test_dot_draws_refused_relations_dashed(self):
        for verdict, is_dashed in (("", False), (" refused", True)):
            result = self.once(self.SCRIPT.format(verdict), options=("--output", "dot"))
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn('label="10.0.0.1\\n1.2.3.4"', result.stdout)
            self.assertIn("rankdir=LR", result.stdout)
            self.assertEqual("style=dashed" in result.stdout, is_dashed)

    def test_none_counts_on_stderr(self):
        result = self.once("many 1000; metric m 1", options=("--output", "none"))
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn("submit_component 1000, submit_metric 1", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
