"""What docs/ gives for AWS does what docs/OPERATIONS.md says. Usage: test_templates.py SOURCE_ROOT

The CloudFormation template and the Terraform listing in docs/aws must give, for the account and the
names of OPERATIONS, its very policies and its log format; every command of the AWS command line in
docs/ must be one that it knows. Where python3-yaml or botocore is not installed, that part is skipped."""
import glob
import json
import os
import re
import shlex
import sys
import unittest

try:
    import yaml
except ImportError:
    yaml = None
try:
    import botocore
    import botocore.session
    import jmespath  # botocore needs it
except ImportError:
    botocore = None

ROOT = sys.argv.pop(1)
ACCOUNT = "123456789012"
PRINCIPAL = "arn:aws:iam::111122223333:user/stackstate-agent"
EXTERNAL_ID = "your-external-id"
BUCKET = f"stackstate-logs-{ACCOUNT}"
FOLDER = "network/"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def blocks(text, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


OPERATIONS = read("docs/OPERATIONS.md")
LOG_FORMAT = blocks(OPERATIONS, "text")[0].strip()
POLICIES = dict(zip(("role", "trust", "agent", "bucket"),
                    (json.loads(text) for text in blocks(OPERATIONS, "json"))))


def in_folder(policy, folder):
    """The policy for a flow log with a folder, as OPERATIONS tells to write it."""
    return json.loads(json.dumps(policy).replace("AWSLogs/", folder + "AWSLogs/"))


class Provided(unittest.TestCase):
    """What both forms promise."""

    maxDiff = None

    def check_policies(self, make):
        for folder in ("", FOLDER):
            made = make(folder)
            for name in ("role", "trust", "bucket"):
                with self.subTest(policy=name, folder=folder):
                    self.assertEqual(made[name], in_folder(POLICIES[name], folder))


class Template:
    """A CloudFormation template with its intrinsic functions worked out."""

    def __init__(self, text, **parameters):
        class Loader(yaml.SafeLoader):
            pass

        def construct(loader, suffix, node):
            value = loader.construct_sequence(node, deep=True) \
                if isinstance(node, yaml.SequenceNode) else loader.construct_scalar(node)
            return {"Ref" if suffix == "Ref" else "Fn::" + suffix: value}
        Loader.add_multi_constructor("!", construct)
        self.source = yaml.load(text, Loader)
        self.used = set()
        self.values = {"AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}
        for name, parameter in self.source["Parameters"].items():
            self.values[name] = parameters.pop(name, parameter.get("Default"))
            pattern = parameter.get("AllowedPattern")
            if pattern and not re.fullmatch(pattern, self.values[name]):
                raise ValueError(f"{name} may not be {self.values[name]}")
        if parameters:
            raise ValueError(f"no such parameters: {parameters}")
        self.resources = self.source["Resources"]
        self.values.update(Bucket=BUCKET)

    def work_out(self, node):
        if isinstance(node, list):
            return [self.work_out(one) for one in node]
        if not isinstance(node, dict):
            return node
        (name, argument), *rest = node.items() or [(None, None)]
        if rest or name is None or name != "Ref" and not name.startswith("Fn::"):
            return {key: self.work_out(value) for key, value in node.items()}
        return {"Ref": self.ref, "Fn::GetAtt": self.getatt, "Fn::Sub": self.sub,
                "Fn::Equals": self.equals, "Fn::If": self.choose}[name](argument)

    def ref(self, name):
        self.used.add(name)
        return self.values[name]

    def getatt(self, name):
        self.used.add(name.split(".")[0])
        return {"Bucket.Arn": f"arn:aws:s3:::{BUCKET}", "Role.Arn": "arn:aws:iam::role"}[name]

    def sub(self, text):
        return re.sub(r"\$\{([\w:.]+)\}", lambda found: self.getatt(found[1]) if "." in found[1]
                      else self.ref(found[1]), text)

    def equals(self, pair):
        return self.work_out(pair[0]) == self.work_out(pair[1])

    def choose(self, argument):
        condition, then, otherwise = argument
        return self.work_out(then if self.work_out(self.source["Conditions"][condition])
                             else otherwise)

    def properties(self, kind):
        (found,) = [one for one in self.resources.values() if one["Type"] == kind]
        return self.work_out(found["Properties"])


@unittest.skipIf(yaml is None, "python3-yaml is not installed")
class CloudFormation(Provided):
    text = read("docs/aws/flowlogs.yaml")

    def template(self, folder=""):
        return Template(self.text, VpcId="vpc-0123456789abcdef0", AgentPrincipalArn=PRINCIPAL,
                        ExternalId=EXTERNAL_ID, Folder=folder)

    def test_policies_are_those_of_operations(self):
        def make(folder):
            template = self.template(folder)
            role = template.properties("AWS::IAM::Role")
            return {"role": role["Policies"][0]["PolicyDocument"],
                    "trust": role["AssumeRolePolicyDocument"],
                    "bucket": template.properties("AWS::S3::BucketPolicy")["PolicyDocument"]}
        self.check_policies(make)

    def test_every_name_is_defined_and_used(self):
        template = self.template()
        template.work_out(template.source["Resources"])
        template.work_out(template.source["Conditions"])
        template.work_out(template.source["Outputs"])
        names = {name for name in template.used if not name.startswith("AWS::")}
        self.assertEqual(names - set(template.source["Resources"]),
                         set(template.source["Parameters"]))
        for resource in template.resources.values():
            self.assertIn(resource.get("DependsOn", "Bucket"), template.resources)

    def test_deleted_objects_are_kept_and_then_removed(self):
        bucket = self.template().properties("AWS::S3::Bucket")
        self.assertEqual(bucket["BucketName"], BUCKET)
        self.assertEqual(bucket["VersioningConfiguration"]["Status"], "Enabled")
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
        self.assertEqual({rule["Status"] for rule in rules.values()}, {"Enabled"})
        self.assertEqual(rules["remove-deleted-objects"]["NoncurrentVersionExpiration"],
                         {"NoncurrentDays": 7})
        # S3 refuses both in one rule.
        self.assertTrue(rules["remove-delete-markers"]["ExpiredObjectDeleteMarker"])
        self.assertNotIn("ExpirationInDays", rules["remove-delete-markers"])
        self.assertEqual(set(re.findall(r"`(remove-[a-z-]+)`", OPERATIONS)), set(rules))

    def test_the_flow_log_is_one_that_is_read(self):
        for folder in ("", FOLDER):
            flow_log = self.template(folder).properties("AWS::EC2::FlowLog")
            destination = f"arn:aws:s3:::{BUCKET}" + ("/" + folder if folder else "")
            self.assertEqual(
                (flow_log["TrafficType"], flow_log["LogDestinationType"], flow_log["LogDestination"],
                 flow_log["MaxAggregationInterval"], flow_log["LogFormat"]),
                ("ALL", "s3", destination, 60, LOG_FORMAT))
            self.assertEqual(flow_log["DestinationOptions"],
                             {"FileFormat": "plain-text", "HiveCompatiblePartitions": False,
                              "PerHourPartition": "false"})

    def test_a_folder_needs_its_slash(self):
        with self.assertRaises(ValueError):
            self.template("network")


class Terraform(Provided):
    text = re.sub(r"^\s*#.*\n", "", read("docs/aws/flowlogs.tf"), flags=re.MULTILINE)

    def test_policies_are_those_of_operations(self):
        policies = re.findall(r"jsonencode\((\{.*?\n  \})\)", self.text, re.DOTALL)
        self.assertEqual(len(policies), self.text.count("jsonencode("))

        def make(folder):
            values = {"local.account": ACCOUNT, "local.partition": "aws", "var.folder": folder,
                      "var.agent_principal_arn": PRINCIPAL, "var.external_id": EXTERNAL_ID,
                      "aws_s3_bucket.flow_logs.arn": f"arn:aws:s3:::{BUCKET}"}
            filled = [json.loads(re.sub(r"\$\{([\w.]+)\}", lambda found: values[found[1]], policy))
                      for policy in policies]
            return dict(zip(("bucket", "trust", "role"), filled, strict=True))
        self.check_policies(make)

    def test_every_name_is_defined_and_used(self):
        text = re.sub(r"\$\$\{.*?\}", "", self.text)
        self.assertEqual(set(re.findall(r"\bvar\.(\w+)", text)),
                         set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE)))
        body = re.search(r"^locals \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)[1]
        self.assertEqual(set(re.findall(r"\blocal\.(\w+)", text)),
                         set(re.findall(r"^  (\w+) +=", body, re.MULTILINE)))
        made = set(re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE))
        used = set(re.findall(r"\b(aws_\w+)\.(\w+)", re.sub(r"\bdata\.\S+", "", text)))
        self.assertLessEqual(used, made)
        for opened, closed in ("{}", "[]", "()"):
            self.assertEqual(text.count(opened), text.count(closed))

    def block(self, kind):
        (body,) = re.findall(rf'^resource "{kind}" "\w+" \{{\n(.*?)^\}}', self.text,
                             re.MULTILINE | re.DOTALL)
        return re.sub(r" +", " ", body)

    def test_deleted_objects_are_kept_and_then_removed(self):
        self.assertIn('status = "Enabled"', self.block("aws_s3_bucket_versioning"))
        rules = self.block("aws_s3_bucket_lifecycle_configuration")
        self.assertEqual(re.findall(r'id = "([\w-]+)"', rules),
                         ["remove-deleted-objects", "remove-delete-markers", "remove-unread-objects"])
        for setting in ("noncurrent_days = var.days_deleted_objects_are_kept",
                        "expired_object_delete_marker = true",
                        "days = var.days_unread_objects_are_kept"):
            self.assertIn(setting, rules)

    def test_the_flow_log_is_one_that_is_read(self):
        flow_log = self.block("aws_flow_log")
        log_format = re.search(r'log_format = "(.*)"', flow_log)[1].replace("$${", "${")
        self.assertEqual(log_format, LOG_FORMAT)
        for setting in ('traffic_type = "ALL"', 'log_destination_type = "s3"',
                        "max_aggregation_interval = 60", 'file_format = "plain-text"',
                        "hive_compatible_partitions = false"):
            self.assertIn(setting, flow_log)


@unittest.skipIf(botocore is None, "botocore is not installed")
class Commands(unittest.TestCase):
    """Commands of the AWS command line: "aws SERVICE OPERATION --option ..."."""

    EVERYWHERE = {"query", "output", "region"}
    # The command line's own, of no operation's name.
    CUSTOM = {("cloudformation", "deploy"), ("s3", "ls")}

    def commands(self, text):
        for block in blocks(text, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.shlex(line, posix=True, punctuation_chars=True)
                words.whitespace_split = True
                command = []
                for word in [*words, ";"]:
                    if set(word) <= set("();<>|&"):
                        if command[:1] == ["aws"]:
                            yield command
                        command = []
                    elif word not in ("do", "then", "if", "while"):
                        command.append(word)

    def queries(self, name):
        return [command[command.index("--query") + 1] for command in self.commands(read(name))
                if "--query" in command]

    def test_queries_find_what_can_be_restored(self):
        listed = {"DeleteMarkers": [{"Key": "a", "VersionId": "m2", "IsLatest": True},
                                    {"Key": "a", "VersionId": "m1", "IsLatest": False}],
                  "Versions": [{"Key": "a", "VersionId": "v1", "IsLatest": False},
                               {"Key": "b", "VersionId": "v2", "IsLatest": True}]}
        queries = [one for one in self.queries("docs/MIGRATION.md") if "VersionId" in one]
        self.assertEqual([jmespath.search(one, listed) for one in queries],
                         [[["a", "m2"]], [["a", "v1"]]])
        # The command line writes None for nothing, which a loop would take for a key.
        self.assertEqual([jmespath.search(one, {}) for one in queries], [[], []])
        for name in glob.glob(os.path.join(ROOT, "docs", "*.md")):
            for query in self.queries(name):
                jmespath.compile(query)

    def test_every_option_is_one_of_the_operation(self):
        session = botocore.session.get_session()
        count = 0
        for path in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md"))):
            for _, service, operation, *arguments in self.commands(read(path)):
                if (service, operation) in self.CUSTOM:
                    continue
                model = session.get_service_model({"s3api": "s3"}.get(service, service))
                names = {botocore.xform_name(name, "-"): name for name in model.operation_names}
                with self.subTest(file=os.path.basename(path), command=f"{service} {operation}"):
                    self.assertIn(operation, names)
                    shape = model.operation_model(names[operation]).input_shape
                    known = {botocore.xform_name(name, "-"): name for name in shape.members}
                    given = {one[2:] for one in arguments if one.startswith("--")}
                    self.assertLessEqual(given, set(known) | self.EVERYWHERE)
                    self.assertLessEqual(
                        set(shape.required_members),
                        {known[name] for name in given & set(known)})
                    count += 1
        self.assertGreater(count, 5)


if yaml is None or botocore is None:
    print("python3-yaml or botocore is not installed: not all is tested", file=sys.stderr)
unittest.main()
