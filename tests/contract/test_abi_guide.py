"""The host in docs/ABI.md compiles without a warning and runs a check.
Usage: test_abi_guide.py SOURCE_ROOT STUB COMPILER..."""
import os
import re
import subprocess
import sys
import tempfile

root, stub, *compiler = sys.argv[1:]

with open(os.path.join(root, "docs", "ABI.md"), encoding="utf-8") as file:
    programs = re.findall(r"^```c\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
assert len(programs) == 1, f"docs/ABI.md has {len(programs)} C programs"
assert programs[0].count("\n") <= 80, "the minimal host is not minimal any more"

with tempfile.TemporaryDirectory() as folder:
    source, binary = os.path.join(folder, "minimal_host.c"), os.path.join(folder, "minimal_host")
    with open(source, "w", encoding="utf-8") as file:
        file.write(programs[0])
    subprocess.run([*compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", root,
                    source, "-o", binary, "-ldl"], check=True)
    result = subprocess.run([binary, stub, "script: component a; relation a b; log hello"],
                            capture_output=True, text=True, timeout=30, check=True)
    assert "minimal:0: component a of stub/loopback: {" in result.stdout, result.stdout
    assert "minimal:0: relation a -thing-> b\n" in result.stdout, result.stdout
    assert result.stderr == "30 hello\n", result.stderr
    result = subprocess.run([binary, stub, "script: fail on purpose"], capture_output=True,
                            text=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (1, "failed: on purpose\n"), result
