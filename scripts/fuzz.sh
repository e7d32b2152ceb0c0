#!/usr/bin/env bash
# The fuzzers: scripts/fuzz.sh [SECONDS] [NAME...]
#
# Builds and runs each fuzzer, or those named, for SECONDS (20) on its corpus and what earlier runs
# added to it in the build folder, and prints what they did: executions, edges of the code that were
# reached and how many there are, inputs kept, findings. Fails if there is a finding; its input
# stands beside the log. A folder of tests/fuzz/corpus is a fuzzer's. The build folder,
# FREEINIT_FUZZ_BUILD (build/clang), is configured by scripts/test.sh fuzz. FREEINIT_FUZZ_JOBS run
# side by side (as many as there are processors); FREEINIT_FUZZ_SEED repeats a run. With
# FREEINIT_FUZZ_FIGURES=benchmarks/results/fuzzing.csv every run is a line more of that file, which
# docs/reliability.md adds up.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${FREEINIT_FUZZ_BUILD:-$root/build/clang}
jobs=${FREEINIT_FUZZ_JOBS:-$(nproc 2>/dev/null || echo 2)}
seconds=20
if [[ ${1:-} =~ ^[0-9]+$ ]]; then seconds=$1; shift; fi
names=("$@")
((${#names[@]})) || names=($(cd "$root/tests/fuzz/corpus" && echo *))
[[ -f $build/CMakeCache.txt ]] || { echo "fuzz.sh: '$build' is not configured; see scripts/test.sh fuzz" >&2; exit 2; }

# run NAME: into a log, and how many seconds of a processor it took. 25 seconds of one input, or more than
# 2 GB, are findings.
run() {
  local TIMEFORMAT='%U %S'
  { time fuzz "$1" >"$build/fuzz/$1.log" 2>&1; } 2>"$build/fuzz/$1.seconds"
}

fuzz() {
  mkdir -p "$build/fuzz/$1"
  TMPDIR="$build/fuzz" "$build/tests/fuzz/fuzz_$1" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 \
    -seed="${FREEINIT_FUZZ_SEED:-0}" -print_final_stats=1 -print_funcs=0 -artifact_prefix="$build/fuzz/$1-" \
    -dict="$root/tests/fuzz/dictionaries/$1.dict" "$build/fuzz/$1" "$root/tests/fuzz/corpus/$1"
}

# figures NAME: executions, edges reached, edges, inputs, findings; from the last line of the log that tells of
# coverage, and the counts behind it. What the log does not tell is 0: an input may crash before that line.
figures() {
  local log="$build/fuzz/$1.log" executions reached all inputs findings
  executions=$(sed -nE 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  read -r _ reached _ _ _ inputs <<<"$(grep -oE 'cov: [0-9]+ ft: [0-9]+ corp: [0-9]+' "$log" | tail -n 1)"
  all=$(sed -nE 's/.*\(([0-9]+) inline 8-bit counters\).*/\1/p' "$log" | head -n 1)
  findings=$(grep -c '^SUMMARY' "$log")
  echo "${executions:-0} ${reached:-0} ${all:-0} ${inputs:-0} ${findings:-0}"
}

# record NAME FIGURE...: a line of FREEINIT_FUZZ_FIGURES, where it is set. The shell may tell of a signal before the
# seconds.
record() {
  local file=${FREEINIT_FUZZ_FIGURES:-} name=$1 taken
  [[ -n $file ]] || return 0
  shift
  taken=$(awk '/^[0-9.]+ [0-9.]+$/ { sum = $1 + $2 } END { printf "%.1f", sum }' "$build/fuzz/$name.seconds")
  [[ -s $file ]] || echo "target,seconds,executions,reached,edges,inputs,findings" >"$file"
  (IFS=,; echo "$name,${taken:-0},$*") >>"$file"
}

cmake --build "$build" --parallel "$jobs" --target $(printf 'fuzz_%s ' "${names[@]}") >"$build/fuzz-build.log" 2>&1 ||
  { tail -n 40 "$build/fuzz-build.log"; exit 1; }
mkdir -p "$build/fuzz"
result=0
pids=()
for name in "${names[@]}"; do
  while (($(jobs -rp | wc -l) >= jobs)); do sleep 0.5; done
  run "$name" &
  pids+=($!)
done
for i in "${!pids[@]}"; do
  wait "${pids[i]}" || { result=1; echo "fuzz_${names[i]}:"; tail -n 40 "$build/fuzz/${names[i]}.log"; }
done
printf '%-12s %12s %-20s %7s %9s\n' target executions "edges reached" inputs findings
for name in "${names[@]}"; do
  read -r executions reached all inputs findings <<<"$(figures "$name")"
  printf '%-12s %12s %8s of %-8s %7s %9s\n' "$name" "$executions" "$reached" "$all" "$inputs" "$findings"
  record "$name" "$executions" "$reached" "$all" "$inputs" "$findings"
done
exit "$result"
