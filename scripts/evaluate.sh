#!/usr/bin/env bash
# The whole evaluation: scripts/evaluate.sh [--world FOLDER] [--bundle FOLDER] [--judge FOLDER]
#                                           [--steps N] [argument of `run.py evaluation run` ...]
# Installs what is missing, builds the driver, trains the judge (once), makes and measures the videos in
# two processes of one thread each, writes tables and plots. Keeps everything in out/evaluation; a stopped run
# goes on where it was.
#   --world    the training code of the model (default: models/train)
#   --bundle   the model (default: models/shapes)
#   --judge    where the judge is, or is put (default: with the rest)
#   --steps    of a full pass (default: the world's, or the model's); such lines have a folder of their own
set -euo pipefail
refuse() { echo "evaluate.sh: $*" >&2; exit 2; }

world=models/train bundle= judge=
while [[ ${1:-} == --world || ${1:-} == --bundle || ${1:-} == --judge ]]; do
  [[ -n ${2:-} ]] || refuse "$1 needs a folder"
  printf -v "${1#--}" %s "$2"
  shift 2
done
steps=() more=()  # --steps is for the videos, the report and the picture
while (($#)); do
  case $1 in
    --world | --bundle | --judge | --world=* | --bundle=* | --judge=*)
      refuse "${1%%=*} FOLDER stands before everything else" ;;
    --driver | --work | --shard | --driver=* | --work=* | --shard=*) refuse "${1%%=*} is given by this script" ;;
    --steps) [[ ${2:-} =~ ^[0-9]+$ ]] || refuse "--steps needs a number"; steps=(--steps "$2"); shift ;;
    --steps=*) set -- --steps "${1#*=}" "${@:2}"; continue ;;
    *) more+=("$1") ;;
  esac
  shift
done

. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
bundle=${bundle:-$FREEINIT_ROOT/models/shapes}
build="$FREEINIT_ROOT/build/evaluation"
work="$FREEINIT_ROOT/out/evaluation/${world##*/}"
judge=${judge:-$work/judge}
lines="$work/lines${steps[1]:+-of-${steps[1]}-steps}"

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
      --driver "$build/benchmarks/evaluation_driver" --judge "$judge" --work "$lines" --shard "$shard" \
      --threads 1 "${steps[@]}" "${more[@]}" &
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
make_videos
for command in report picture; do "${evaluation[@]}" "$command" --world "$world" --work "$lines" "${steps[@]}"; done
