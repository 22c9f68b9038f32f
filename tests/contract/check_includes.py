"""Who may include whom. Usage: check_includes.py SOURCE_ROOT

One table says which of our headers a folder or file may see, one where each third-party header is
at home. What is in neither table is refused, so a new dependency has to be written down here."""
import fnmatch
import os
import re
import sys

FOUNDATION = ["core/error.h", "core/span.h", "core/strbuf.h", "core/index.h", "core/array.h"]

# First match wins. Patterns match whole paths; '*' does not cross a '/'.
OURS = [
    ("abi/*", []),
    ("core/error.[ch]", ["core/error.h"]),
    ("core/span.h", ["core/error.h"]),
    ("core/strbuf.[ch]", FOUNDATION),
    ("core/index.[ch]", ["core/array.h", "core/error.h", "core/index.h"]),
    ("core/array.[ch]", ["core/error.h", "core/array.h"]),
    # the AWS client knows nothing of flow logs, topology, configuration or the agent
    ("core/aws/*", FOUNDATION + ["core/interface.h", "core/aws/*.h"]),
    ("core/store/*", FOUNDATION + ["core/store/*.h", "core/aws/*.h"]),
    ("core/flowlog/*", FOUNDATION + ["core/flowlog/*.h"]),
    ("core/topology/*", FOUNDATION + ["core/interface.h", "core/topology/*.h",
                                      "core/flowlog/record.h", "core/flowlog/ip.h"]),
    ("core/config*.[ch]", FOUNDATION + ["core/config*.h"]),
    ("core/interface.h", FOUNDATION),
    ("core/interfaces_file.[ch]", FOUNDATION + ["core/interface.h", "core/interfaces_file.h"]),
    ("core/ledger.[ch]", FOUNDATION + ["core/ledger.h", "core/aws/digest.h",
                                       "core/index.h"]),
    ("core/*.[ch]", ["core/*.h", "core/aws/*.h", "core/store/*.h", "core/flowlog/*.h",
                                  "core/topology/*.h"]),
    ("plugin/*", FOUNDATION + ["abi/stackstate_check.h", "plugin/*.h", "core/collector.h",
                               "core/config.h", "core/topology/topology.h"]),
    # explains by the core's own stages, so that its picture is the check's; it needs no agent, and
    # of AWS only SHA-1, because OpenSSL has one home
    ("examples/explain/*", FOUNDATION + ["examples/explain/*.h", "core/interfaces_file.h",
                                         "core/object_reader.h", "core/store/store.h",
                                         "core/flowlog/*.h", "core/topology/topology.h",
                                         "core/topology/evidence.h", "core/aws/digest.h"]),
    # asks AWS through the core's clients, or looks at the files in its place, as the configuration
    # says; the host reads that file
    ("examples/doctor/*", FOUNDATION + ["examples/doctor/*.h", "examples/host/conf.h",
                                        "core/config.h", "core/claims.h", "core/collector.h",
                                        "core/interface.h", "core/interfaces_file.h",
                                        "core/store/store_dir.h", "core/aws/*.h",
                                        "core/flowlog/*.h"]),
    # the host knows the ABI; of explain and doctor only that it takes the command line
    ("examples/host/*", FOUNDATION + ["abi/stackstate_check.h", "examples/host/*.h",
                                      "examples/explain/explain.h",
                                      "examples/doctor/doctor.h"]),
]

# header -> the files that may include it
HOMES = {
    "curl/*": ["core/aws/http*.c"],
    "openssl/*": ["core/aws/digest.c", "packaging/bundle/openssl_start.c"],
    "zlib.h": ["core/flowlog/inflate_zlib.c"],
    "isa-l/*": ["core/flowlog/inflate_isal.c"],
    "expat.h": ["core/aws/xml.c"],
    "yaml.h": ["core/config*.c", "examples/host/yaml_text.[ch]", "examples/host/conf.c"],
    "jansson.h": ["core/aws/credentials*.c", "core/interfaces_file.c", "core/ledger.c",
                  "examples/host/*.[ch]", "examples/explain/ecs.c",
                  "examples/doctor/policy.c"],
}

# Written to lie in the agent's tree: nothing there is a path from the top of ours.
ELSEWHERE = ("examples/agent/go",)

LIBC = re.compile(r"^(sys/|netinet/|arpa/)?[a-z0-9_]+\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def matches(path, pattern):
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def home_of(header):
    for pattern, homes in HOMES.items():
        if fnmatch.fnmatchcase(header, pattern):
            return homes
    return None


def check_ours(path, header, problems):
    for pattern, allowed in OURS:
        if matches(path, pattern):
            if not any(matches(header, one) for one in allowed):
                problems.append(f"{path} includes {header}; it may include {allowed}")
            return
    problems.append(f"{path} is in no row of the table of {os.path.basename(__file__)}")


def check_file(root, path, problems):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    for quote, header in INCLUDE.findall(text):
        if header.endswith(".c"):
            problems.append(f"{path} includes the source file {header}")
        elif quote == '"':
            if not os.path.exists(os.path.join(root, header)):
                problems.append(f'{path} includes "{header}", which is no path from the top')
            elif not path.startswith("tests/"):
                check_ours(path, header, problems)
        elif path.startswith("tests/"):
            continue
        elif home_of(header) is not None:
            if not any(matches(path, home) for home in home_of(header)):
                problems.append(f"{path} includes <{header}>, at home in {home_of(header)}")
        elif not LIBC.match(header):
            problems.append(f"{path} includes <{header}>, which is neither libc nor in the table")
        elif header in ("unistd.h",) and path.startswith("abi/"):
            problems.append(f"{path} includes <{header}>: the ABI header takes ISO C only")


def sources(root):
    for top in ("abi", "core", "plugin", "examples", "packaging", "tests"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            if os.path.relpath(folder, root).startswith(ELSEWHERE):
                continue
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def main():
    root = sys.argv[1]
    problems = []
    paths = list(sources(root))
    for path in paths:
        check_file(root, path, problems)
    for problem in problems:
        print(problem)
    print(f"{len(paths)} files, {len(problems)} problems")
    return 1 if problems or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
