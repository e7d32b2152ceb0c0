#!/usr/bin/env bash
# Builds for CUDA on a machine without a GPU, and runs the result on one that has little else.
#
#   scripts/cuda.sh build              library, command, CUDA graphs, tests and benchmarks: build/cuda
#   scripts/cuda.sh pack [BUNDLE...]   build/freeinit-cuda.tar.xz: those, the demo bundle and the BUNDLEs, and the
#                                      shared libraries that a bare machine lacks
#   scripts/cuda.sh run ARCHIVE [OUT]  unpacks it, runs the tests, then the command and benchmarks/cuda with each
#                                      backend on the device; results in OUT. Needs the `torch` of the active
#                                      python3, of the same version
#
# No CUDA toolkit is needed. LibTorch is that of FREEINIT_CUDA_TORCH (a folder with include/ and lib/), else
# torch 2.11.0 of the package index, which is built for CUDA 13.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/cuda
tests=(test_cuda test_sampling test_passes test_networks test_pipeline)

torch_folder() {
  if [[ -n ${FREEINIT_CUDA_TORCH:-} ]]; then
    echo "$FREEINIT_CUDA_TORCH"
    return
  fi
  local venv=$root/build/cuda-torch
  [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0 >&2
  "$venv/bin/python" -c 'import torch; print(torch.__path__[0])'
}

build() {
  . "$root/scripts/setup.sh"
  freeinit_setup --tests
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLibTorch_ROOT="$(torch_folder)" \
    -DFREEINIT_WITH_CUDA_GRAPHS=ON -DFREEINIT_BUILD_TESTS=ON -DFREEINIT_BUILD_BENCHMARKS=ON
  cmake --build "$build" --target freeinit_cli freeinit_launcher compare_worker "${tests[@]}"
}

# What the programs load, but for LibTorch, CUDA and what every Linux has.
libraries() {
  ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -vE '/(libtorch|libc10|libcu|libnv|libgomp|libc\.|libm\.|libdl|librt|libpthread|libstdc|libgcc_s)[^/]*$'
}

pack() {
  local folder=$build/pack/freeinit-cuda programs
  rm -rf "$build/pack"
  mkdir -p "$folder"/{tests,lib,share/freeinit,bundles,benchmarks/cuda}
  cp -rL "$build/bin" "$build/libexec" "$folder/"
  cp "$build/benchmarks/compare_worker" "$root/benchmarks/cuda/measure.py" "$folder/benchmarks/cuda/"
  for test in "${tests[@]}"; do cp "$build/tests/${test#test_}/$test" "$folder/tests/"; done
  cp -rL "$root/models/shapes" "$folder/share/freeinit/shapes"
  cp -r "$root/tests/golden" "$folder/golden"
  for bundle in "$@"; do cp -rL "$bundle" "$folder/bundles/"; done
  programs=("$folder"/libexec/freeinit/freeinit "$folder"/tests/* "$folder"/benchmarks/cuda/compare_worker)
  libraries "${programs[@]}" | xargs -I{} cp -L {} "$folder/lib/"
  strip "${programs[@]}"
  XZ_OPT=-T0 tar -C "$build/pack" -cJf "$root/build/freeinit-cuda.tar.xz" freeinit-cuda
  du -h "$root/build/freeinit-cuda.tar.xz"
}

run() {
  local archive=$1 out=${2:-cuda-results} folder torch bundle backend name failed=0 bundles=()
  mkdir -p "$out"
  out=$(cd "$out" && pwd)
  folder=$(mktemp -d)
  tar -C "$folder" -xf "$archive"
  cd "$folder/freeinit-cuda"
  torch=$(python3 -c 'import torch; print(torch.__path__[0])')
  export LD_LIBRARY_PATH=$PWD/lib:$torch/lib FREEINIT_TEST_DATA=$PWD/golden
  nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | tee "$out/device.txt"
  for test in tests/test_*; do
    name=${test##*/}
    timeout 200 "$test" --gtest_brief=1 --gtest_output="xml:$out/$name.xml" >"$out/$name.log" 2>&1 || failed=1
    tail -n 2 "$out/$name.log"
  done
  for bundle in share/freeinit/shapes bundles/*; do
    [[ -d $bundle ]] || continue
    bundles+=("$bundle")
    for backend in torchscript cuda-graphs; do
      name=$(basename "$bundle")-$backend
      timeout 200 bin/freeinit generate "a red circle moving right" --bundle "$bundle" --device cuda \
        --backend "$backend" --seed 1 -o "$out/$name.gif" --overwrite --json >"$out/$name.json" || failed=1
      python3 -c 'import json, sys; print(sys.argv[2], json.load(open(sys.argv[1]))["seconds"])' "$out/$name.json" "$name" || true
    done
  done
  timeout 400 python3 benchmarks/cuda/measure.py benchmarks/cuda/compare_worker "${bundles[@]}" |
    tee "$out/benchmark.jsonl" || failed=1
  return "$failed"
}

case ${1:-} in
  build | pack | run) "$@" ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
