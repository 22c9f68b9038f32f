#!/bin/sh
# The library exports the ABI and nothing else. Usage: check_exports.sh LIBRARY
set -eu
library=$1
expected='stackstate_check_abi_version
stackstate_check_configure
stackstate_check_run
stackstate_check_teardown'
# Version nodes are absolute symbols (A) of the version script, not exports.
found=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort)
if [ "$found" != "$expected" ]; then
    printf 'exports of %s are\n%s\nand should be\n%s\n' "$library" "$found" "$expected"
    exit 1
fi
if ! nm -D --defined-only "$library" | grep -q ' R stackstate_check_abi_version'; then
    printf 'stackstate_check_abi_version of %s is not read-only data\n' "$library"
    exit 1
fi
