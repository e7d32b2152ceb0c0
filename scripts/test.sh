#!/usr/bin/env bash
# The tests: scripts/test.sh [PART...] [--ci] [--all]
#
#   tests    g++: the library, the command and the C++ tests (ctest), tests of threads under
#            ThreadSanitizer too; the Python tests (pytest); what runs if no part is named
#   format   clang-format finds nothing to change
#   docs     the documentation's site builds without a warning (scripts/docs.sh)
#   clang    clang, without a warning: the shared library, the command and the examples, which are
#            installed, moved and run from an empty environment; the C++ tests of the header-only
#            form, and of the layers without LibTorch under ASan and UBSan
#   fuzz     each fuzzer runs on its corpus for 20 s (FREEINIT_FUZZ_SECONDS)
#   tidy     clang-tidy of what changed since FREEINIT_SINCE (main, or the commit before), for at most
#            FREEINIT_TIDY_SECONDS; what was not looked at is listed
#   shared   g++: the whole of ctest against the shared library, and under ASan and UBSan
#   --ci     all but shared: what every change must pass, in some 20 minutes on two processors. So clang builds
#            many files a unit, tests of threads run without ThreadSanitizer, comparisons with diffusers
#            are fewer (tests/reference/conftest.py), of the header-only tests a quarter runs, and clang-tidy
#            stops after 60 s
#   --all    everything, whole; so does each part that is named
#
# Installs what is missing. What does not need another stage runs beside it, on two processors or more;
# its output is shown when it is done. Fails if anything fails; the summary at the end says what.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
jobs=$(nproc 2>/dev/null || echo 2)
with_gcc="$FREEINIT_ROOT/build/release"
with_clang="$FREEINIT_ROOT/build/clang"
by_itself="$FREEINIT_ROOT/build/tidy"
logs="$FREEINIT_ROOT/build/logs"
summary=()
failed=0

# processor_seconds: leaves in `used` what this shell and what it has waited for took.
processor_seconds() {
  local fields
  read -ra fields <"/proc/$BASHPID/stat"
  used=$(((fields[13] + fields[14] + fields[15] + fields[16]) / $(getconf CLK_TCK)))
}

# stage NAME COMMAND...: runs it with a headline; keeps result and times for the summary.
stage() {
  local name=$1 start=$SECONDS result=passed used before
  shift
  processor_seconds
  before=$used
  printf '\n=== %s ===\n' "$name"
  "$@" || { result=FAILED; failed=1; }
  processor_seconds
  summary+=("$(printf '%-34s %-7s %5d s %5d s' "$name" "$result" $((SECONDS - start)) $((used - before)))")
  printf '%s\n' "${summary[-1]}" >&3
  [[ $result == passed ]]
}
exec 3>/dev/null # in a lane: where it is seen at once that a stage is done

# lane NAME FUNCTION...: runs the functions, one after another, beside the other lanes.
lanes=()
lane() {
  local name=$1
  shift
  (
    exec 3>&1 >"$logs/$name.log" 2>&1
    summary=() failed=0
    for function in "$@"; do $function; done
    printf '%s\n' "${summary[@]}" >"$logs/$name.summary"
    exit "$failed"
  ) &
  lanes+=("$name:$!")
}

wait_for_lanes() {
  local each line
  for each in "${lanes[@]}"; do
    wait "${each#*:}" || failed=1
    cat "$logs/${each%:*}.log"
    mapfile -t -O "${#summary[@]}" summary <"$logs/${each%:*}.summary"
  done
  lanes=()
}

# configure BUILD [ARGUMENT...]
configure() {
  local build=$1 launcher=()
  shift
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  cmake -S "$FREEINIT_ROOT" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DFREEINIT_BUILD_TESTS=ON \
    -DFREEINIT_BUILD_EXAMPLES=ON -DPython3_EXECUTABLE="$FREEINIT_PYTHON" "${launcher[@]}" \
    "${FREEINIT_CMAKE_ARGS[@]}" "$@"
}

# --- tests, shared -----------------------------------------------------------------------------------

# build NAME BUILD [ARGUMENT of CMake...]
build() {
  local name=$1 build=$2
  shift 2
  stage "$name: configure" configure "$build" "$@" &&
    stage "$name: build" cmake --build "$build" --parallel "$jobs"
}

# Two at a time beside the other lanes: this lane is the longest.
ctest_in() { CMAKE_BUILD_PARALLEL_LEVEL=1 ctest --test-dir "$1" --output-on-failure -j 2 "${@:2}"; }

# pytest_of SUITE...: one thread a process, since the numbers are then the same everywhere.
pytest_of() {
  (cd "$FREEINIT_ROOT" && OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 FREEINIT_COMMAND="$with_gcc/bin/freeinit" \
    "$FREEINIT_PYTHON" -m pytest -q -rs -p no:cacheprovider "$@")
}

run_ctest() { stage "tests: C++ and command (ctest)" ctest_in "$with_gcc"; }
run_pytest_export() {
  stage "tests: pytest of the exporter" pytest_of models/export/tests
  PYTHONPATH="$FREEINIT_IMAGE_ENCODERS" stage "tests: pytest of image encoders" pytest_of \
    models/export/tests/test_features.py tests/reference/analysis/test_score.py # skipped without it
}
run_pytest_reference() {
  stage "tests: pytest of the command" pytest_of tests/reference
  PYTHONPATH="$FREEINIT_IMAGE_ENCODERS" stage "tests: pytest of benchmarks" pytest_of benchmarks
  stage "tests: pytest of training" pytest_of models/train_next/tests
}

# The command first; all that runs it, side by side.
part_tests() {
  local forms="compiled;tsan"
  [[ -z ${FREEINIT_QUICK:-} ]] || forms=compiled
  build tests "$with_gcc" "-DFREEINIT_TEST_FORMS=$forms" || return
  lane ctest run_ctest
  lane reference run_pytest_reference
  lane export run_pytest_export
}

part_shared() {
  local build="$FREEINIT_ROOT/build/shared"
  build shared "$build" -DBUILD_SHARED_LIBS=ON "-DFREEINIT_TEST_FORMS=compiled;sanitized" &&
    stage "shared: C++ and command (ctest)" ctest_in "$build"
}

# --- format, docs, clang, fuzz, tidy -----------------------------------------------------------------

check_format() {
  git -C "$FREEINIT_ROOT" ls-files -z '*.hpp' '*.cpp' '*.h' '*.c' |
    (cd "$FREEINIT_ROOT" && xargs -0 -P "$jobs" -n 32 clang-format-14 --dry-run -Werror) && return 0
  echo "to format everything: git ls-files -z '*.hpp' '*.cpp' '*.h' '*.c' | xargs -0 clang-format-14 -i"
  return 1
}

part_format() { stage "format" check_format; }

part_docs() { stage "docs" "$FREEINIT_ROOT/scripts/docs.sh"; }

# clang_in BUILD [ARGUMENT of CMake...]: not optimised, that is for g++.
clang_in() {
  configure "$1" -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DBUILD_SHARED_LIBS=ON \
    "-DFREEINIT_TEST_FORMS=header_only;sanitized" "${@:2}" >"$1.log" 2>&1 || { cat "$1.log"; return 1; }
}

# One folder for all that clang builds. One file a unit, whose own includes must do, but in --ci.
configure_clang() {
  local units=()
  [[ -n ${FREEINIT_QUICK:-} ]] || units=(-DCMAKE_UNITY_BUILD=OFF)
  clang_in "$with_clang" -DFREEINIT_BUILD_FUZZERS=ON -DCMAKE_COMPILE_WARNING_AS_ERROR=ON "${units[@]}"
}

part_clang() {
  stage "clang: configure" configure_clang &&
    stage "clang: build" cmake --build "$with_clang" --parallel "$jobs" &&
    stage "clang: ctest" clang_tests
}

# Of the header-only form the build counts most, since g++ runs the same tests of the compiled one: --ci runs
# a quarter of them.
clang_tests() {
  local of=1 failed=0
  [[ -z ${FREEINIT_QUICK:-} ]] || of=4
  GTEST_TOTAL_SHARDS=$of GTEST_SHARD_INDEX=0 ctest_in "$with_clang" -R '^header_only$' || failed=1
  ctest_in "$with_clang" -R 'sanitized|packaging_installed' && ((failed == 0))
}

# The same inputs every time: a change must not fail for what another run would have found.
check_fuzzers() { configure_clang && FREEINIT_FUZZ_SEED=1 "$FREEINIT_ROOT/scripts/fuzz.sh" "${FREEINIT_FUZZ_SECONDS:-20}"; }

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

# tidy_one UNTIL UNIT: in a process of its own.
tidy_one() {
  if (($(date +%s) > $1)); then
    echo "not looked at, since FREEINIT_TIDY_SECONDS are over: $2"
  else
    clang-tidy-14 -p "$by_itself" --quiet --warnings-as-errors='*' "$2"
  fi
}

# Each file by itself: what it does not include is missed here.
check_tidy() {
  local pattern unit units until=$(($(date +%s) + ${FREEINIT_TIDY_SECONDS:-1000000}))
  clang_in "$by_itself" -DCMAKE_UNITY_BUILD=OFF -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON ||
    return 1
  units=$(for pattern in $(changed_units); do
    sed -nE "s#^  \"file\": \"($FREEINIT_ROOT/src/$pattern)\",?\$#\\1#p" "$by_itself/compile_commands.json"
  done | sort -u)
  [[ -n $units ]] || { echo "no unit to look at has changed"; return 0; }
  export -f tidy_one
  export by_itself
  xargs -P "$jobs" -I {} bash -c 'tidy_one "$0" "$1"' "$until" {} <<<"$units"
}

part_tidy() { stage "clang-tidy" check_tidy; }

# -----------------------------------------------------------------------------------------------------

parts=()
for argument in "$@"; do
  case $argument in
    --ci)
      parts=(format docs tests fuzz clang tidy) # the fuzzers' seconds pass while the other lanes work
      export FREEINIT_QUICK=1 FREEINIT_TIDY_SECONDS=${FREEINIT_TIDY_SECONDS:-60}
      ;;
    --all) parts=(format docs tests clang fuzz tidy shared) ;;
    tests | format | docs | clang | fuzz | tidy | shared) parts+=("$argument") ;;
    *) echo "test.sh: unknown part '$argument'; $(sed -n 2p "${BASH_SOURCE[0]}")" >&2; exit 2 ;;
  esac
done
((${#parts[@]})) || parts=(tests)
mode=--tests
[[ ${parts[*]} == tests || ${parts[*]} == shared ]] || mode=--ci

# What follows tests is a lane beside those of tests. docs.sh installs its own.
if [[ ${parts[*]} == docs ]] || stage "setup" freeinit_setup "$mode"; then
  mkdir -p "$logs"
  functions=()
  for part in "${parts[@]}"; do
    case $part in
      format | docs | tests) "part_$part" ;;
      *) functions+=("part_$part") ;;
    esac
  done
  ((${#functions[@]} == 0)) || lane others "${functions[@]}"
  wait_for_lanes
fi

printf '\n=== summary (%d s; of each stage: its time, and that of its processors) ===\n' "$SECONDS"
printf '%s\n' "${summary[@]}"
((failed == 0)) && echo "all tests passed" || echo "something failed"
exit "$failed"
