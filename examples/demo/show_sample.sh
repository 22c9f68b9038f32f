#!/bin/sh
# Runs the check once on a fresh copy of the sample. Usage: show_sample.sh BUILD_DIR [text|dot|jsonl]
#
# A copy, because the check moves the objects that it has processed out of the bucket, and the
# sample is to stay as it is.
set -eu

demo=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
output=${2:-text}
scratch=$build/demo

library=
for candidate in "$build"/plugin/*.so; do
    [ -e "$candidate" ] && library=$candidate
done
if [ -z "$library" ]; then
    echo "show_sample.sh: no check library in $build/plugin: build first" >&2
    exit 2
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
exec "$build"/examples/host/check-host --check "$library" --config "$scratch/conf.yaml" --once \
    --output "$output"
