#!/bin/sh
# Runs the check once on a fresh copy of the sample. Usage: show_sample.sh FOLDER [text|dot|jsonl]
# FOLDER is a build, the unpacked tarball, or the prefix of an installation (/usr).
#
# A copy, because the check moves the objects that it has processed out of the bucket, and the
# sample is to stay as it is.
set -eu

demo=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$1" && pwd)
output=${2:-text}

library=
for candidate in "$root"/plugin/*.so "$root"/lib/stackstate-checks/libstackstate_check_aws_flowlogs.so; do
    [ -e "$candidate" ] && library=$candidate
done
if [ -z "$library" ]; then
    echo "show_sample.sh: no check library in $root/plugin or $root/lib/stackstate-checks: build or" \
        "unpack first" >&2
    exit 2
fi
if [ -e "$root/bin/check-host" ]; then
    host=$root/bin/check-host
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
else
    host=$root/examples/host/check-host
    scratch=$root/demo
fi

rm -rf "$scratch/bucket-root"
mkdir -p "$scratch"
cp -R "$demo/bucket-root" "$scratch/"
# In a quoted YAML text an apostrophe is written twice; '\', '&' and '|' mean something to sed.
quoted() {
    printf '%s' "$1" | sed -e "s/'/''/g" -e 's/[\\&|]/\\&/g'
}
sed -e "s|@BUCKET_ROOT@|$(quoted "$scratch/bucket-root")|" \
    -e "s|@INTERFACES_FILE@|$(quoted "$demo/interfaces.json")|" \
    "$demo/conf.yaml" > "$scratch/conf.yaml"
"$host" --check "$library" --config "$scratch/conf.yaml" --once \
    --output "$output"
