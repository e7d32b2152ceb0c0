#!/usr/bin/env bash
# The whole test suite: installs what is missing, builds everything, runs the C++ tests (ctest) and the
# Python tests (pytest). Fails if anything fails; the summary at the end says what.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
build="$FREEINIT_ROOT/build/release"
jobs=$(nproc 2>/dev/null || echo 2)
summary=()
failed=0

# stage NAME COMMAND...: runs it with a headline; keeps result and time for the summary.
stage() {
  local name=$1 start=$SECONDS result=passed
  shift
  printf '\n=== %s ===\n' "$name"
  "$@" || { result=FAILED; failed=1; }
  summary+=("$(printf '%-34s %-7s %5d s' "$name" "$result" $((SECONDS - start)))")
  [[ $result == passed ]]
}

configure() {
  local launcher=()
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake -S "$FREEINIT_ROOT" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DFREEINIT_BUILD_TESTS=ON -DFREEINIT_BUILD_EXAMPLES=ON -DPython3_EXECUTABLE="$FREEINIT_PYTHON" \
    "${launcher[@]}" "${FREEINIT_CMAKE_ARGS[@]}"
}

# One thread a process: the numbers are the same everywhere. The suites run side by side, each into a
# log of its own that is shown when all are done.
python_tests() {
  local suites=(models/export/tests tests/reference benchmarks
    "models/export/tests/test_features.py tests/reference/analysis/test_score.py")
  local paths=("" "" "" "$FREEINIT_IMAGE_ENCODERS") pids=() result=0 i # the last is skipped without it
  export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1
  export FREEINIT_COMMAND="$build/bin/freeinit"
  for i in "${!suites[@]}"; do
    (cd "$FREEINIT_ROOT" && PYTHONPATH="${paths[i]}" "$FREEINIT_PYTHON" -m pytest -q -rs -p no:cacheprovider \
      ${suites[i]}) >"$build/pytest-$i.log" 2>&1 &
    pids+=($!)
  done
  for i in "${!suites[@]}"; do
    wait "${pids[i]}" || result=1
    printf -- '--- %s ---\n' "${suites[i]}"
    cat "$build/pytest-$i.log"
  done
  return "$result"
}

if stage "setup" freeinit_setup --tests && stage "configure" configure &&
  stage "build" cmake --build "$build" --parallel "$jobs"; then
  stage "C++ and command tests (ctest)" \
    ctest --test-dir "$build" --output-on-failure --parallel 2
  stage "Python tests (pytest)" python_tests
fi

printf '\n=== summary (%d s) ===\n' "$SECONDS"
printf '%s\n' "${summary[@]}"
((failed == 0)) && echo "all tests passed" || echo "something failed"
exit "$failed"
