#!/usr/bin/env bash
# The tests: scripts/test.sh [PART...] [--ci] [--all]
#
#   tests    g++: the library, the command and the C++ tests (ctest), under ASan and UBSan too those of
#            the layers without LibTorch; the Python tests (pytest); what runs if no part is named
#   format   clang-format finds nothing to change
#   clang    clang, without a warning: the shared library, the command and the examples, which are
#            installed, moved and run from an empty environment; the C++ tests of the header-only
#            form, and under clang's sanitizers
#   fuzz     each fuzzer runs on its corpus for 20 s (FREEINIT_FUZZ_SECONDS)
#   tidy     clang-tidy of what changed since FREEINIT_SINCE (main, or the commit before)
#   shared   g++: the whole of ctest against the shared library
#   --ci     tests and format: what every change must pass
#   --all    everything
#
# Installs what is missing. Fails if anything fails; the summary at the end says what.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
jobs=$(nproc 2>/dev/null || echo 2)
with_clang="$FREEINIT_ROOT/build/clang"
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

# configure BUILD [ARGUMENT...]
configure() {
  local build=$1 launcher=()
  shift
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake -S "$FREEINIT_ROOT" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DFREEINIT_BUILD_TESTS=ON \
    -DPython3_EXECUTABLE="$FREEINIT_PYTHON" "${launcher[@]}" "${FREEINIT_CMAKE_ARGS[@]}" "$@"
}

# --- tests, shared -----------------------------------------------------------------------------------

# build_and_ctest NAME BUILD [ARGUMENT of CMake...]
build_and_ctest() {
  local name=$1 build=$2
  shift 2
  stage "$name: configure" configure "$build" "$@" &&
    stage "$name: build" cmake --build "$build" --parallel "$jobs" &&
    stage "$name: C++ and command (ctest)" ctest --test-dir "$build" --output-on-failure --parallel 2
}

# One thread a process: the numbers are the same everywhere. The suites run side by side, each into a
# log of its own that is shown when all are done.
python_tests() {
  local build=$1
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

part_tests() {
  local build="$FREEINIT_ROOT/build/release"
  build_and_ctest tests "$build" "-DFREEINIT_TEST_FORMS=compiled;sanitized"
  [[ -x $build/bin/freeinit ]] && stage "tests: Python (pytest)" python_tests "$build"
}

part_shared() { build_and_ctest shared "$FREEINIT_ROOT/build/shared" -DBUILD_SHARED_LIBS=ON; }

# --- format, clang, fuzz, tidy -----------------------------------------------------------------------

check_format() {
  git -C "$FREEINIT_ROOT" ls-files -z '*.hpp' '*.cpp' |
    (cd "$FREEINIT_ROOT" && xargs -0 -P "$jobs" -n 32 clang-format-14 --dry-run -Werror) && return 0
  echo "to format everything: git ls-files -z '*.hpp' '*.cpp' | xargs -0 clang-format-14 -i"
  return 1
}

part_format() { stage "format" check_format; }

# Not optimised: that is for g++. One folder for all that needs clang.
configure_clang() {
  configure "$with_clang" -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DBUILD_SHARED_LIBS=ON \
    "-DFREEINIT_TEST_FORMS=header_only;sanitized" -DFREEINIT_BUILD_FUZZERS=ON \
    -DCMAKE_COMPILE_WARNING_AS_ERROR=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >"$FREEINIT_ROOT/build/clang.log" 2>&1 ||
    { cat "$FREEINIT_ROOT/build/clang.log"; return 1; }
}

part_clang() {
  stage "clang: configure" configure_clang &&
    stage "clang: build" cmake --build "$with_clang" --parallel "$jobs" &&
    stage "clang: ctest" ctest --test-dir "$with_clang" --output-on-failure --parallel 2 \
      -R 'header_only|sanitized|packaging_installed'
}

fuzz() {
  local name=$1 log="$with_clang/fuzz-$1.log"
  mkdir -p "$with_clang/corpus/$name"
  "$with_clang/tests/fuzz/fuzz_$name" -max_total_time="${FREEINIT_FUZZ_SECONDS:-20}" -timeout=25 \
    -artifact_prefix="$with_clang/fuzz-$name-" "$with_clang/corpus/$name" \
    "$FREEINIT_ROOT/tests/fuzz/corpus/$name" >"$log" 2>&1 || { tail -n 40 "$log"; return 1; }
  echo "$name: $(tail -n 1 "$log")"
}

check_fuzzers() {
  local name names result=0 pids=()  # one folder of the corpus a fuzzer
  names=$(cd "$FREEINIT_ROOT/tests/fuzz/corpus" && echo *)
  configure_clang && cmake --build "$with_clang" --parallel "$jobs" --target $(printf 'fuzz_%s ' $names) || return 1
  for name in $names; do
    fuzz "$name" &
    pids+=($!)
  done
  for name in "${pids[@]}"; do wait "$name" || result=1; done
  return "$result"
}

part_fuzz() { stage "fuzzers" check_fuzzers; }

# What differs from FREEINIT_SINCE, as patterns of units below src: that of the layer, the command's own
# files, and where a header of the command differs those of its folder.
changed_units() {
  local since=${FREEINIT_SINCE:-}
  [[ -n $since ]] || since=$(git -C "$FREEINIT_ROOT" merge-base HEAD origin/main 2>/dev/null)
  [[ -n $since && $since != "$(git -C "$FREEINIT_ROOT" rev-parse HEAD)" ]] || since=HEAD~1
  git -C "$FREEINIT_ROOT" diff --name-only "$since" -- include src | sed -E '
    s#^include/freeinit/(impl/)?networks/backends/.*#backends/[a-z0-9_]+.cpp#
    s#^include/freeinit/(impl/)?([a-z]+)/.*#\2.cpp#
    s#^src/(cli/.*/)[a-z_]+\.hpp$#\1[a-z_]+.cpp#
    s#^src/##' | sort -u
}

check_tidy() {
  local pattern units=() unit
  configure_clang || return 1
  for pattern in $(changed_units); do
    while read -r unit; do units+=("$unit"); done < <(
      sed -nE "s#^  \"file\": \"($FREEINIT_ROOT/src/$pattern)\",?\$#\\1#p" "$with_clang/compile_commands.json")
  done
  ((${#units[@]})) || { echo "no unit to look at has changed"; return 0; }
  printf '%s\n' "${units[@]}" | sort -u | xargs -P "$jobs" -n 1 clang-tidy-14 -p "$with_clang" --quiet --warnings-as-errors='*'
}

part_tidy() { stage "clang-tidy" check_tidy; }

# -----------------------------------------------------------------------------------------------------

parts=()
for argument in "$@"; do
  case $argument in
    --ci) parts=(format tests) ;;
    --all) parts=(format tests clang fuzz tidy shared) ;;
    tests | format | clang | fuzz | tidy | shared) parts+=("$argument") ;;
    *) echo "test.sh: unknown part '$argument'; $(sed -n 2p "${BASH_SOURCE[0]}")" >&2; exit 2 ;;
  esac
done
((${#parts[@]})) || parts=(tests)
mode=--tests
[[ ${parts[*]} == tests || ${parts[*]} == shared ]] || mode=--ci

if stage "setup" freeinit_setup "$mode"; then
  mkdir -p "$FREEINIT_ROOT/build"
  for part in "${parts[@]}"; do "part_$part"; done
fi

printf '\n=== summary (%d s) ===\n' "$SECONDS"
printf '%s\n' "${summary[@]}"
((failed == 0)) && echo "all tests passed" || echo "something failed"
exit "$failed"
