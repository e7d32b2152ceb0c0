#!/usr/bin/env bash
# Makes passes.png, the strip in the README: every second frame of one prompt and seed, after one pass
# (above, plain sampling) and after three (below). Needs ImageMagick.
#
#   docs/images/make_passes.sh build/release/bin/freeinit [PROMPT] [SEED]
set -euo pipefail
freeinit=$(realpath "$1")
prompt=${2:-a red circle moving right}
seed=${3:-3}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for passes in 1 3; do
  "$freeinit" generate "$prompt" --seed "$seed" --num-iters "$passes" -o "$work/$passes/" >&2
done
montage "$work"/1/frame_000?[02468].png "$work"/3/frame_000?[02468].png \
  -tile 8x2 -geometry 96x96+1+1 -filter Lanczos -depth 8 "$here/passes.png"
