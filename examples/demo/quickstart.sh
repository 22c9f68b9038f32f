#!/bin/sh
# Builds everything and shows the sample landscape. Nothing leaves this machine.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
"$root"/tests/setup.sh build
"$root"/examples/demo/show_sample.sh "$root/build" text
cat <<TEXT
To draw it (Graphviz: apt-get install graphviz):
  examples/demo/show_sample.sh build dot | dot -Tsvg > build/demo/flows.svg
To see each callback:
  examples/demo/show_sample.sh build jsonl
TEXT
