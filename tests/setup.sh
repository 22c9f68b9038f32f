#!/bin/bash
# Installs what is needed, from the distribution, and builds.
#
#   tests/setup.sh build    what the build needs, then builds into build/
#   tests/setup.sh release  the same, then packaging/build.sh: what is shipped, into build-release/
#   tests/setup.sh test     what the tests need as well; builds nothing (tests/run.sh does)
#   tests/setup.sh bench    what the benchmark compares itself with, then builds into build/
#
# Nothing is downloaded when everything is installed already.
set -eu

cd "$(dirname "$0")/.."

build_packages="gcc libc6-dev pkgconf meson ninja-build libcurl4-openssl-dev libssl-dev zlib1g-dev
    libjansson-dev libexpat1-dev libyaml-dev"
# Inflates faster than zlib, on the architectures that have it.
case "$(dpkg --print-architecture)" in
amd64 | arm64) build_packages="$build_packages libisal-dev" ;;
esac
# g++ proves that the ABI header is C++ too; valgrind counts instructions; lintian reads the package,
# openssl makes its certificates; the ceph and radosgw packages are the real S3 server; golang-go
# builds the loader for the agent.
test_packages="$build_packages g++ check golang-go valgrind lintian openssl python3 python3-boto3
    python3-botocore python3-yaml radosgw ceph-mon ceph-osd ceph-base ceph-common"
# isal is the yardstick igzip.
bench_packages="$test_packages isal mawk curl"

say() { printf '%s\n' "$*" >&2; }

is_installed()
{
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install()
{
    local missing="" package log
    for package in "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        say "These packages are missing; install them as root and try again:"
        say "    apt-get install --no-install-recommends$missing"
        exit 1
    fi
    say "Installing$missing"
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # a list of words
    if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } \
        </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "The packages could not be installed; the whole log is in $log"
        exit 1
    fi
    rm -f "$log"
}

# The distribution's own Python: its modules are not seen by another one that comes first in PATH.
with_system_python() { env PATH="/usr/bin:/bin:$PATH" "$@"; }

# The argument is for a folder that is not configured yet, or is without the tests.
build()
{
    local log option=-Dtests=$1
    log=$(mktemp)
    if ! { { if [ ! -f build/build.ninja ]; then with_system_python meson setup build "$option"
        elif [ "$1" = true ]; then with_system_python meson configure build "$option"; fi; } &&
        with_system_python ninja -C build; } </dev/null >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        say "The build failed; the whole log is in $log"
        exit 1
    fi
    rm -f "$log"
    say "Built into $PWD/build"
}

# shellcheck disable=SC2086  # lists of words
case "${1-}" in
build)
    install $build_packages
    build false
    ;;
release)
    install $build_packages
    packaging/build.sh
    ;;
test)
    install $test_packages
    ;;
bench)
    install $bench_packages
    build true
    ;;
*)
    say "usage: tests/setup.sh build|release|test|bench"
    exit 2
    ;;
esac
