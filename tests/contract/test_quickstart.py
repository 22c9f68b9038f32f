"""The demo shows the landscape that its sample describes.
Usage: test_quickstart.py SOURCE_ROOT BUILD_ROOT

Who talks to whom is written down here by hand; the bytes are added up from the sample's own lines,
each connection as its sender's interface saw it."""
import collections
import glob
import gzip
import json
import os
import subprocess
import sys

source, build = sys.argv[1:3]
demo = os.path.join(source, "examples", "demo")

WEB, APP = ("10.20.1.11", "10.20.1.12"), ("10.20.2.21", "10.20.2.22")
BASTION, WORKER, PRIMARY, REPLICA = "10.20.0.30", "10.20.2.31", "10.20.3.41", "10.20.3.42"
REDIS, MONITOR = "10.20.3.51", "10.90.0.15"

EXPECTED = {
    *((web, app, "tcp", 8443, "accepted") for web in WEB for app in APP),
    *((app, PRIMARY, "tcp", 5432, "accepted") for app in APP),
    (APP[0], REPLICA, "tcp", 5432, "accepted"),
    *((app, REDIS, "tcp", 6379, "accepted") for app in APP),
    (WORKER, PRIMARY, "tcp", 5432, "accepted"),
    (WORKER, REDIS, "tcp", 6379, "accepted"),
    (REPLICA, PRIMARY, "tcp", 5432, "accepted"),
    (BASTION, WEB[0], "tcp", 22, "accepted"),
    (BASTION, PRIMARY, "tcp", 5432, "refused"),
    *((MONITOR, host, "tcp", 9100, "accepted") for host in (*WEB, *APP, WORKER, BASTION)),
    *((app, MONITOR, "udp", 8125, "accepted") for app in APP),
}
PORTS = {port for _, _, _, port, _ in EXPECTED}


def show(output):
    result = subprocess.run([os.path.join(demo, "show_sample.sh"), build, output],
                            capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def sent_bytes():
    """(source, destination, server port) -> bytes in the records of the source's own interface."""
    with open(os.path.join(demo, "interfaces.json"), encoding="utf-8") as file:
        address_of = {interface["NetworkInterfaceId"]: interface["PrivateIpAddress"]
                      for interface in json.load(file)["NetworkInterfaces"]}
    sums = collections.Counter()
    for path in glob.glob(os.path.join(demo, "bucket-root", "**", "*.gz"), recursive=True):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            names = next(lines).split()
            for line in lines:
                record = dict(zip(names, line.split()))
                if record["log-status"] == "OK" and \
                        address_of[record["interface-id"]] == record["srcaddr"]:
                    ports = {int(record["srcport"]), int(record["dstport"])} & PORTS
                    sums[record["srcaddr"], record["dstaddr"], *ports] += int(record["bytes"])
    return sums


def tag(call, name):
    return next(tag[len(name) + 1:] for tag in call["tags"] if tag.startswith(name + ":"))


calls = [json.loads(line) for line in show("jsonl").splitlines()]
relations = [call for call in calls if call["call"] == "submit_relation"]
found = {(call["data"]["local_address"], call["data"]["remote_address"],
          *call["data"]["protocols"], *call["data"]["ports"], call["data"]["verdict"])
         for call in relations}
assert found == EXPECTED, (found - EXPECTED, EXPECTED - found)

sums = sent_bytes()
addresses = {call["data"]["source"]: call["data"]["local_address"] for call in relations}
addresses.update({call["data"]["target"]: call["data"]["remote_address"] for call in relations})
metrics = {(call["name"], addresses[tag(call, "source")], addresses[tag(call, "target")]):
           call["value"] for call in calls
           if call["call"] == "submit_metric" and call["name"].startswith("aws.flowlog.")}
for client, server, _, port, _ in EXPECTED:
    for name, way in (("bytes_sent", (client, server, port)),
                      ("bytes_received", (server, client, port))):
        value = metrics["aws.flowlog." + name, client, server]
        assert value == sums[way], (name, way, value, sums[way])

public = [call for call in calls if call["call"] == "submit_component"
          and call["id"].endswith("/" + BASTION)]
assert "urn:host:/203.0.113.30" in public[0]["data"]["URN"], public

text = show("text")
assert "10 endpoints, 22 relations" in text, text
graph = show("dot")
assert graph.count(" -> ") == len(EXPECTED) and graph.count("style=dashed") == 1, graph
