"""docs/OPERATIONS.md says what the code says. Usage: test_operations.py SOURCE_ROOT

Names of metrics, outcomes and service checks, messages, permissions and policies are held against the
code. The templates of docs/aws are held to the same policies by test_templates.py."""
import glob
import json
import os
import re
import sys
import unittest

ROOT = sys.argv.pop(1)

# What these files say, the operator reads; "no memory" is one row for all.
EXPLAINED = ("core/collector.c core/confirmation.c core/object_reader.c core/run_listing.c "
             "core/aws/session.c "
             "core/aws/credentials.c core/aws/sts.c core/aws/s3.c core/aws/s3_delete.c "
             "core/aws/ec2.c core/flowlog/record_format.c core/flowlog/gunzip.c").split()
# Cannot reach an operator of this check: caught by the configuration, or ends a stopped run.
INTERNAL = {"the run was cancelled", "is missing", "this run has no room for more flows",
            "the object is gone since it was listed"}
SPECIFIER = re.compile(r'%(?:[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z)?[a-zA-Z]|%)')
LITERALS = r'"(?:[^"\\]|\\.)*"(?:\s*(?:PRI\w+\s*)?"(?:[^"\\]|\\.)*")*'


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def join(literals):
    """Adjacent C literals as one text; a PRI macro stands for a specifier's letters."""
    text = re.sub(r'"\s*PRI\w+\s*"', "u", literals)
    return re.sub(r'"\s*"', "", text)[1:-1].replace('\\"', '"')


def without_comments(source):
    """And without character constants, which may hold a quote."""
    return re.sub(r"""("(?:[^"\\\n]|\\.)*")|/\*.*?\*/|'(?:[^'\\]|\\.)+'""",
                  lambda found: found[1] or " ", source, flags=re.DOTALL)


def literals_of(source):
    return [join(found) for found in re.findall(LITERALS, source)]


def fragments(text, separator):
    return [part for part in (part.strip() for part in re.split(separator, text)) if part]


DOC = read("docs/OPERATIONS.md")
CODE = {path: without_comments(read(path)) for path in (
    os.path.relpath(name, ROOT) for folder in ("core/*", "core/*/*", "plugin/*")
    for name in glob.glob(os.path.join(ROOT, folder + ".[ch]")))}
PROSE = re.sub(r"^```.*?^```$", "", DOC, flags=re.MULTILINE | re.DOTALL)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)


class Names(unittest.TestCase):
    def both_ways(self, pattern, code, doc=PROSE):
        in_code, in_doc = set(re.findall(pattern, code)), set(re.findall(pattern, doc))
        self.assertTrue(in_code)
        self.assertEqual(in_code - in_doc, set(), "in the code, not documented")
        self.assertEqual(in_doc - in_code, set(), "documented, not in the code")

    def test_health_metrics_and_service_checks(self):
        self.both_ways(r"\baws_flowlogs\.[a-z_]+(?:\.[a-z_]+)*",
                       CODE["core/run_report.c"] + CODE["plugin/agent.c"])

    def test_traffic_metrics(self):
        self.both_ways(r"\baws\.flowlog\.[a-z_]+", CODE["plugin/agent.c"])

    def test_outcomes(self):
        names = re.findall(r'\[VFL_FLOW_\w+\] = "(\w+)"', CODE["core/topology/resolve.c"])
        self.assertGreater(len(names), 5)
        code = " ".join("outcome:" + name for name in names) + CODE["core/run_report.c"]
        self.both_ways(r"\boutcome:(\w+)", code)

    def table(self, header):
        rows = re.search(rf"^\| {re.escape(header)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", DOC, re.MULTILINE)
        self.assertIsNotNone(rows, header)
        return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows[1].splitlines()]

    def test_members_of_a_relation(self):
        body = re.search(r"static void append_relation_data.*?^}", CODE["plugin/topology_json.c"],
                         re.MULTILINE | re.DOTALL)[0]
        members = set(re.findall(r'APPEND_FIELD\(buf, "(\w+)"', body))
        members |= set(re.findall(r'\\"(\w+)\\":', body))
        told = {name for row in self.table("member of `data`")
                for name in re.findall(r"`(\w+)`", row[0])}
        self.assertEqual(told, members)

    def test_words_for_evidence_verdict_and_observer(self):
        words = {row[0].strip("`") for row in self.table("`direction`")}
        evidence = re.search(r"\*vfl_evidence_name\([^;]*?\)\n{.*?^}", "".join(CODE.values()),
                             re.MULTILINE | re.DOTALL)[0]
        self.assertEqual(words, set(re.findall(r'"([\w-]+)"', evidence)))
        values = {row[0]: set(re.findall(r"`([a-z ]+)`", row[1]))
                  for row in self.table("member of `data`")}
        for member, words in (("verdict", "verdict_words"), ("observed_by", "observed_words")):
            body = re.search(rf"\*const {words}\[\] = {{(.*?)}};",
                             CODE["core/topology/description.c"], re.DOTALL)[1]
            self.assertEqual(values[f"`{member}`"], set(re.findall(r'"([a-z ]+)"', body)))


class Messages(unittest.TestCase):
    def test_each_message_in_a_table_is_one_of_the_code(self):
        said = "\0".join(text for source in CODE.values() for text in literals_of(source))
        said = SPECIFIER.sub("\0", said)
        tables = PROSE[PROSE.index("### can_connect"):PROSE.index("### Nothing is red")]
        rows = re.findall(r"^\| .*$", tables, re.MULTILINE)
        count = 0
        for row in rows:
            for message in re.findall(r"`([^`]+)`", row.split(" | ")[0]):
                for part in fragments(re.sub(r"HTTP \d+|\.trash", "…", message), "…| {2}"):
                    # a part may span a wrapped error's ": "
                    for piece in [part] if part in said else fragments(part, r": |^: ?|:$"):
                        if re.search(r"[a-zA-Z]{4}", piece) and not piece.startswith("aws_flowlogs."):
                            count += 1
                            self.assertTrue(piece.strip(" :;,()") in said,
                                            f"not in the code: {piece} (of {message})")
        self.assertGreater(count, 60)

    def test_each_message_of_the_code_is_in_a_table(self):
        calls = re.compile(r"vfl_(?:error_set|error_wrap|run_report_warn)\((?:[^\"();]|\([^()]*\))*"
                           rf"({LITERALS})")
        count = 0
        for path in EXPLAINED:
            for found in calls.findall(CODE[path]):
                text = join(found)
                parts = [part.strip(" :;,()") for part in SPECIFIER.split(text)]
                longest = max(parts, key=len)
                if len(longest) < 8 or longest.startswith("no memory") or longest in INTERNAL:
                    continue
                count += 1
                self.assertTrue(longest in PROSE, f"not documented: {path}: {text}")
        self.assertGreater(count, 40)

    def test_links_lead_somewhere(self):
        for doc in (DOC, read("docs/MIGRATION.md")):
            self.check_links(doc)

    def check_links(self, doc):
        for target in re.findall(r"\]\(([^)]+)\)", doc):
            path, _, anchor = target.partition("#")
            text = read(os.path.join("docs", path)) if path else doc
            headings = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
                        for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
            if anchor:
                self.assertIn(anchor, headings, target)


def statements(document):
    return document["Statement"] if "Statement" in document else [document]


def actions(document):
    found = set()
    for statement in statements(document):
        action = statement["Action"]
        found.update([action] if isinstance(action, str) else action)
    return found


class Policies(unittest.TestCase):
    def setUp(self):
        self.policies = [json.loads(text) for text in blocks("json")]
        self.assertEqual(len(self.policies), 6)

    def test_a_role_may_do_what_the_code_asks_for_and_no_more(self):
        named = set(re.findall(r"\b(?:s3|ec2):[A-Z]\w+", " ".join(
            text for path, source in CODE.items()
            if path.startswith("core/") and path != "core/aws/s3_inspect.c"  # doctor's alone
            for text in literals_of(source))))
        self.assertEqual(actions(self.policies[0]), named)

    def test_no_policy_lets_a_version_be_deleted(self):
        for policy in self.policies:
            self.assertNotIn("s3:DeleteObjectVersion", actions(policy))

    def test_statements_are_complete(self):
        for policy in self.policies:
            for statement in statements(policy):
                self.assertIn(statement["Effect"], ("Allow", "Deny"))
                self.assertTrue("Resource" in statement or "Principal" in statement, statement)

    def test_one_format_everywhere_and_only_known_columns(self):
        formats = set(re.findall(r"(?:\$\{[a-z-]+\} ?){5,}", DOC))
        self.assertEqual(len(formats), 1, formats)
        self.assertEqual(DOC.count(formats.copy().pop()), 2)
        self.assertIn(formats.copy().pop().strip(),
                      literals_of(without_comments(read("examples/doctor/flow_logs.c"))))
        known = set(literals_of(CODE["core/flowlog/record_format.c"]))
        self.assertLessEqual(set(re.findall(r"\$\{([a-z-]+)\}", formats.pop())), known)


unittest.main()
