"""Holds core/aws/sigv4.c against botocore's signer: canonical request, string to sign, signature.

usage: sigv4_oracle.py SIGN_LINES_PROGRAM
"""
import datetime
import hashlib
import random
import subprocess
import sys

try:
    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    print("SKIP: botocore is not installed (python3-botocore); nothing was compared")
    sys.exit(77)

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
NOW = datetime.datetime(2013, 5, 24)
ODD_KEYS = [
    "test.txt", "test$file.text", "a b", "a+b", "a%41b", "a//b", "a/./b", "a/../b", "/lead",
    "trail/", "q?x=1", "h#x", "amp&<>\"'", "tab\there", "new\nline", "cr\rx", "\x01",
    "emoji\U0001f600",
    "\u1234", "~-._", "!*'()", "=,;:@", "[]{}|\\^`", "a" * 1000, "%", "%2F", "..", ".",
]
ODD_QUERIES = [
    [], [("delete", "")], [("versioning", "")],
    [("prefix", "AWSLogs/1/"), ("list-type", "2"), ("encoding-type", "url"), ("max-keys", "1000")],
    [("continuation-token", "1+/=abc=="), ("list-type", "2"), ("prefix", "")],
    [("a", "b"), ("a-b", "c"), ("a.b", "d"), ("A", "e"), ("a", "a"), ("~", "~"), ("_", " ")],
    [("\u00e9", "\u1234"), ("k", "%41+&="), ("start-after", "x y/z?#")],
]


class FixedTime(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW


class Recorder:
    """Keeps what the signer made on its way."""

    def canonical_request(self, request):
        self.canonical = super().canonical_request(request)
        return self.canonical

    def string_to_sign(self, request, canonical_request):
        self.to_sign = super().string_to_sign(request, canonical_request)
        return self.to_sign

    def signature(self, string_to_sign, request):
        self.made = super().signature(string_to_sign, request)
        return self.made


class RecordingS3(Recorder, botocore.auth.S3SigV4Auth):
    def payload(self, request):
        return sha256(request.body or b"")


class RecordingPlain(Recorder, botocore.auth.SigV4Auth):
    pass


def quote(text, safe):
    return botocore.auth.quote(text, safe=safe)


def oracle(case):
    service, region, method, path, query, headers, body, token = case
    is_s3 = service == "s3"
    wire_path = quote(path, "/~") if is_s3 else path
    url = f"https://host.example{wire_path}"
    if query:
        url += "?" + "&".join(f"{quote(k, '-_.~')}={quote(v, '-_.~')}" for k, v in query)
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    signer = (RecordingS3 if is_s3 else RecordingPlain)(
        Credentials(KEY_ID, SECRET, token), service, region)
    signer.add_auth(request)
    return signer.canonical, signer.to_sign, signer.made


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def print_request(case):
    service, region, method, path, query, headers, body, token = case
    lines = [("method", method), ("path", path), ("hash", sha256(body)), ("region", region),
             ("service", service), ("id", KEY_ID), ("secret", SECRET)]
    if service != "s3":
        lines.append(("normalise", "1"))
    for name, value in query:
        lines += [("pname", name), ("pvalue", value)]
    lines += [("hname", "host"), ("hvalue", "host.example"),
              ("hname", "X-Amz-Date"), ("hvalue", NOW.strftime("%Y%m%dT%H%M%SZ"))]
    for name, value in headers:
        lines += [("hname", name), ("hvalue", value)]
    if service == "s3":
        lines += [("hname", "x-amz-content-sha256"), ("hvalue", sha256(body))]
    if token:
        lines += [("hname", "X-Amz-Security-Token"), ("hvalue", token)]
    return "".join(f"{word} {text.encode().hex()}\n" for word, text in lines) + "\n"


def cases():
    rng = random.Random(20130524)
    alphabet = "aZ09-._~ /+%&=?#:;,'\"<>\u00e9\u1234\n\t*()!"
    for key in ODD_KEYS:
        yield "s3", "us-east-1", "GET", "/" + key, [], [], b"", None
    for query in ODD_QUERIES:
        yield "s3", "eu-west-1", "GET", "/", query, [("Range", "bytes=0-9")], b"", "tok/en+=="
    yield ("s3", "eu-west-1", "POST", "/bucket", [("delete", "")],
           [("Content-MD5", "Zm9v"), ("Content-Type", "application/xml"),
            ("x-amz-expected-bucket-owner", "123456789012")], b"<Delete/>", None)
    for service in ("sts", "ec2"):
        yield (service, "ap-south-1", "POST", "/", [],
               [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
               b"Action=X&Version=2011-06-15", "token")
    for _ in range(300):
        text = lambda most: "".join(rng.choice(alphabet) for _ in range(rng.randrange(most)))
        query = [("p" + text(6), text(12)) for _ in range(rng.randrange(6))]
        headers = [(f"x-amz-meta-{i}", "v" + text(9).replace("\n", " ").replace("\u1234", "")
                    .replace("\u00e9", "")) for i in range(rng.randrange(4))]
        yield ("s3", "us-gov-west-1", "GET", "/" + text(40), query, headers,
               text(20).encode(), rng.choice([None, "t+/="]))


def main():
    botocore.auth.datetime = type("clock", (), {"datetime": FixedTime})
    everything = list(cases())
    answers = [oracle(case) for case in everything]
    stdin = "".join(print_request(case) for case in everything)
    output = subprocess.run([sys.argv[1]], input=stdin.encode(), stdout=subprocess.PIPE,
                            check=True).stdout.decode()
    ours = output.split("\n==\n")[:-1]
    if len(ours) != len(everything):
        sys.exit(f"{len(everything)} requests, {len(ours)} answers")
    wrong = 0
    for case, answer, text in zip(everything, answers, ours):
        for stage, theirs, mine in zip(("canonical request", "string to sign", "signature"),
                                       answer, text.split("\n--\n")):
            if theirs != mine:
                print(f"FAIL {stage}: {case!r}\n botocore: {theirs!r}\n ours:     {mine!r}")
                wrong += 1
                break
    print(f"{len(everything)} requests compared, {wrong} differ")
    sys.exit(1 if wrong else 0)


main()
