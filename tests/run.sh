#!/bin/bash
# Installs what the tests need, then builds and runs all of them: as they are shipped, and again
# under the address and undefined-behaviour sanitizers. The last line sums up.
set -eu

cd "$(dirname "$0")/.."
tests/setup.sh test
# The distribution's own Python: its modules are not seen by another one that comes first in PATH.
export PATH="/usr/bin:/bin:$PATH"
exec python3 tests/run_all.py "$@"
