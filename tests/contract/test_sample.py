"""The committed sample is what its script writes. Usage: test_sample.py SOURCE_ROOT

Contents are compared, not compressed bytes: those depend on the zlib in use."""
import gzip
import os
import subprocess
import sys
import tempfile

demo = os.path.join(sys.argv[1], "examples", "demo")


def contents(folder):
    found = {}
    for top in ("bucket-root", "interfaces.json"):
        path = os.path.join(folder, top)
        files = [path] if os.path.isfile(path) else [
            os.path.join(where, name) for where, _, names in os.walk(path) for name in names]
        for name in files:
            with open(name, "rb") as file:
                data = file.read()
            if name.endswith(".gz"):
                assert data[4:8] == b"\0\0\0\0", f"{name} carries a time"
                data = gzip.decompress(data)
            found[os.path.relpath(name, folder)] = data
    return found


with tempfile.TemporaryDirectory() as made:
    subprocess.run([sys.executable, os.path.join(demo, "make_sample.py"), made], check=True)
    committed, fresh = contents(demo), contents(made)
    assert committed.keys() == fresh.keys(), (sorted(committed), sorted(fresh))
    for name, data in fresh.items():
        assert committed[name] == data, f"{name}: run examples/demo/make_sample.py"
    assert len(fresh) == 3, sorted(fresh)
