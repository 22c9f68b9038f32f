#!/bin/sh
# Fuzzes each target, or the named ones, for so many seconds. What is found interesting stays in
# build-fuzz/corpus/NAME for the next time; what crashes is written to build-fuzz/NAME-crash-*.
set -eu
usage='usage: tests/fuzz/run.sh SECONDS [TARGET...]'
seconds=${1:?$usage}
shift
cd "$(dirname "$0")/../.."
if [ ! -f build-fuzz/build.ninja ]; then
    CC=clang meson setup build-fuzz -Dfuzzer=true -Db_sanitize=address,undefined -Db_lundef=false
fi
ninja -C build-fuzz fuzzers
if [ $# -eq 0 ]; then
    for seeds in tests/fuzz/seeds/*; do
        set -- "$@" "${seeds##*/}"
    done
fi
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
failed=
for name in "$@"; do
    echo "== $name"
    mkdir -p "build-fuzz/corpus/$name"
    "build-fuzz/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -max_len=16384 -use_value_profile=1 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="build-fuzz/$name-" "build-fuzz/corpus/$name" "tests/fuzz/seeds/$name" ||
        failed="$failed $name"
done
if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
echo "nothing found"
