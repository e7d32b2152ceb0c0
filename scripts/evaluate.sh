#!/usr/bin/env bash
# The whole evaluation: scripts/evaluate.sh [argument of `run.py evaluation run` ...]
# Installs what is missing, builds the driver, trains the judge (once), makes and measures the videos in
# two processes of one thread each, writes tables and plots. Keeps everything in out/evaluation; a stopped run
# goes on where it was.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
build="$FREEINIT_ROOT/build/evaluation"
work="$FREEINIT_ROOT/out/evaluation"
bundle="$FREEINIT_ROOT/models/shapes"
run="$FREEINIT_ROOT/benchmarks/run.py"

build_driver() {
  cmake -S "$FREEINIT_ROOT" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DFREEINIT_BUILD_TESTS=OFF \
    -DFREEINIT_BUILD_EXAMPLES=OFF -DFREEINIT_BUILD_BENCHMARKS=ON "${FREEINIT_CMAKE_ARGS[@]}"
  cmake --build "$build" --target evaluation_driver
}

# A copy, since the demo bundle itself is for every build.
convert_bundle() {
  rm -rf "$work/bundle"
  cp -r "$bundle" "$work/bundle"
  bundle="$work/bundle"
  "$FREEINIT_PYTHON" -m freeinit_export backend openvino "$bundle"
}

# Both shards run to their end, since what one has made is kept.
make_videos() {
  local shard pids=() result=0
  trap 'kill "${pids[@]}" 2>/dev/null' INT TERM
  for shard in 0/2 1/2; do
    "$FREEINIT_PYTHON" "$run" evaluation run --driver "$build/benchmarks/evaluation_driver" --bundle "$bundle" \
      --judge "$work/judge" --work "$work/lines" --shard "$shard" --threads 1 "$@" &
    pids+=($!)
  done
  for shard in "${pids[@]}"; do wait "$shard" || result=1; done
  return "$result"
}

freeinit_setup --tests
mkdir -p "$work"
export OMP_NUM_THREADS=1
build_driver
convert_bundle
[[ -e "$work/judge/judge.pt" ]] ||
  "$FREEINIT_PYTHON" "$FREEINIT_ROOT/models/train/train.py" --stage judge --out "$work/judge"
make_videos "$@"
"$FREEINIT_PYTHON" "$run" evaluation report --work "$work/lines"
