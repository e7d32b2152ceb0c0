"""docs/reliability.md, of what was tried."""

import csv
import json
import pathlib

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks/results"

HEAD = """# Reliability

<!-- Written by tests/faults/run.py; changes by hand are lost. -->

* **No half file.** A final name holds what was there before, or all of what was to come.
* **Nothing is lost.** A run that is kept with `--checkpoint` goes on after a crash, a signal or a full disk, to the bits
  of a run that was never interrupted.
* **One line.** What is wrong is one `error:` line, with an [exit code](command.md#exit-codes) of its own, within 10 s.
* **Nothing is trusted.** Bundles, settings, checkpoints, tensors and clips may come from anybody.

`tests/faults/run.py` breaks the command in each of these ways and looks:

```sh
python tests/faults/run.py --command build/release/bin/freeinit --quick      # some tries of each, as every test run does
python tests/faults/run.py --command build/release/bin/freeinit              # all of them; writes this page
```

"""

FAULTS = "| fault | promised | tries | broken |\n|---|---|---:|---:|\n"
STRANGERS = """
**Files of strangers.** Mutants of bytes, and of the structure behind lengths and hashes that are put right again, are
read or refused in one line: no crash, no wait over 10 s, at most 1 GiB.

| mutants of | tries | broken |
|---|---:|---:|
"""

FUZZING = """
**Fuzzing.** libFuzzer with ASan and UBSan, from the corpora of `tests/fuzz`, all recorded runs of `scripts/fuzz.sh`.
More than 25 s or 2 GB for one input is a finding, too.

| parser | hours of a processor | executions | edges reached | findings |
|---|---:|---:|---:|---:|
"""

BROKEN = """
**What broke.** Each try by its ROW and its NAME, of which its seed is made, and what was seen.

"""

FOOT = """
A try counts as broken, too, if the harness has no answer; a wait does if it comes twice, since the machine may be busy.
`kill -9` comes at a random moment of the run's own time, mutants and flipped bits from seeds, so that each can be made
again: `--only ROW --case NAME`.

**A network that is stuck** is not interrupted: a signal is seen between two network calls, and a second one ends the
program at once.

**Threads.** One pipeline serves eight threads on each backend, each result bit-equal to its single run
(`tests/backends/backends_test.cpp`); what they share of the layers without LibTorch runs under ThreadSanitizer
(`tests/threads/`). [embedding.md](embedding.md#threads) has the guarantee.
"""


def recorded(name):
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def cost():
    checkpoints, between_passes, calls = recorded("checkpoints"), recorded("reinit"), recorded("compare_mid")
    if not (checkpoints and between_passes and calls):
        return ""
    # Of a pass of one network call at mid size, the least there is. The latents that were looked at, 1x4x16x64x64,
    # are 32 times as many as those of mid size, 1x4x8x16x16: the share is rather too high than too low.
    look = between_passes["cpu_ms"]["finite_check"] / 1e3
    share = look / calls["peers"]["freeinit-float16-weights"]["unet"]["cpu_seconds"]
    return (f"\n**Cost.** Checkpoints, as often as they are written by default, take at most {checkpoints['share']:.2%} of a run"
            " at mid size ([measured](../benchmarks/results/README.md#checkpoints)), the look for NaN and infinity after a"
            f" pass {share:.2%} of its shortest, one network call"
            " ([measured](../benchmarks/results/README.md#one-re-initialisation)).\n")


def fuzzing():
    """What the fuzzers did in all their recorded runs; coverage is the best run's."""
    path, targets = RESULTS / "fuzzing.csv", {}
    if not path.exists():
        return ""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            targets.setdefault(row["target"], []).append(row)
    lines = ""
    for target, runs in sorted(targets.items()):
        hours = sum(float(run["seconds"]) for run in runs) / 3600
        executions = sum(int(run["executions"]) for run in runs)
        reached = max(int(run["reached"]) for run in runs)
        findings = sum(int(run["findings"]) for run in runs)
        lines += f"| {target} | {hours:.2f} | {executions:,} | {reached:,} | {findings or 'none'} |\n"
    return FUZZING + lines


def counted(cases, results):
    """The last two columns; what was not tried says so."""
    known = [results[case.name] for case in cases if case.name in results]
    skipped = {result["why"] for result in known if result["outcome"] == "skipped"}
    tried = [result for result in known if result["outcome"] != "skipped"]
    broken = sum(result["outcome"] == "FAILED" for result in tried)
    note = "".join(f" (not tried: {why})" for why in sorted(skipped))
    if len(known) < len(cases):
        note += f" ({len(cases) - len(known)} left out)"
    return f"{len(tried):,}{note} | {broken or 'none'} |\n"


def quoted(text):
    """As code in one line, whatever it says."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in " ".join(text.split()))
    return "`" + plain.replace("`", "'") + "`"


def broken_tries(row, cases, results):
    """A line for each, of what run.py has kept."""
    lines = ""
    for case in cases:
        result = results.get(case.name)
        if not result or result["outcome"] != "FAILED":
            continue
        lines += f"* {quoted(row.key)}, {quoted(case.name)}: {quoted(result['why'] or 'nothing was kept')}"
        details = [f"{result['seconds']:.1f} s"] if "seconds" in result else []
        if "load" in result:  # a machine that is busy with something else makes waits
            details.append(f"load {result['load']:.1f} on {result['processors']} processors")
        lines += f" ({', '.join(details)})\n" if details else "\n"
    return lines


def write(path, rows, lab, memory):
    faults, strangers, broken = "", "", ""
    for row in rows:
        cases, results = row.cases(lab), memory.of(row)
        counts = counted(cases, results)
        broken += broken_tries(row, cases, results)
        if row.promise:
            faults += f"| {row.fault} | {row.promise} | {counts}"
        else:
            strangers += f"| {row.fault} | {counts}"
    broken = BROKEN + broken if broken else ""
    path.write_text(HEAD + FAULTS + faults + STRANGERS + strangers + broken + fuzzing() + FOOT + cost(), encoding="utf-8")
    print(f"written: {path}")
