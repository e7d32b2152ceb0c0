#!/usr/bin/env bash
# The whole evaluation: scripts/evaluate.sh [--world FOLDER] [--bundle FOLDER] [--judge FOLDER]
#                                           [argument of `run.py evaluation run` ...]
# Installs what is missing, builds the driver, trains the judge (once), makes and measures the videos in
# two processes of one thread each, writes tables and plots. Keeps everything in out/evaluation; a stopped run
# goes on where it was.
#   --world    the training code of the model (default: models/train)
#   --bundle   the model (default: models/shapes)
#   --judge    where the judge is, or is put (default: with the rest)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
world=models/train bundle="$FREEINIT_ROOT/models/shapes" judge=
while [[ ${1:-} == --world || ${1:-} == --bundle || ${1:-} == --judge ]]; do
  printf -v "${1#--}" %s "${2:?"$1 needs a folder"}"
  shift 2
done
build="$FREEINIT_ROOT/build/evaluation"
work="$FREEINIT_ROOT/out/evaluation/${world##*/}"
judge=${judge:-$work/judge}

build_driver() {
  cmake -S "$FREEINIT_ROOT" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DFREEINIT_BUILD_TESTS=OFF \
    -DFREEINIT_BUILD_EXAMPLES=OFF -DFREEINIT_BUILD_BENCHMARKS=ON "${FREEINIT_CMAKE_ARGS[@]}"
  cmake --build "$build" --target evaluation_driver
}

# A copy, since the demo bundle itself is for every build.
convert_bundle() {
  rm -rf "$work/bundle"
  cp -r "$bundle" "$work/bundle"
  "$FREEINIT_PYTHON" -m freeinit_export backend openvino "$work/bundle"
}

# Both shards run to their end, since what one has made is kept. The encoders' folder is for measuring
# alone: training imports diffusers, which its torchvision may not fit.
make_videos() {
  local shard pids=() result=0
  trap 'kill "${pids[@]}" 2>/dev/null' INT TERM
  for shard in 0/2 1/2; do
    PYTHONPATH="$FREEINIT_IMAGE_ENCODERS" "${evaluation[@]}" run --world "$world" --bundle "$work/bundle" \
      --driver "$build/benchmarks/evaluation_driver" --judge "$judge" --work "$work/lines" --shard "$shard" \
      --threads 1 "$@" &
    pids+=($!)
  done
  for shard in "${pids[@]}"; do wait "$shard" || result=1; done
  return "$result"
}

freeinit_setup --tests
mkdir -p "$work"
export OMP_NUM_THREADS=1
evaluation=("$FREEINIT_PYTHON" "$FREEINIT_ROOT/benchmarks/run.py" evaluation)
build_driver
convert_bundle
"${evaluation[@]}" judge --world "$world" --judge "$judge"
make_videos "$@"
"${evaluation[@]}" report --world "$world" --work "$work/lines"
"${evaluation[@]}" picture --world "$world" --work "$work/lines"
