"""A table of each kind of result, as Markdown."""

from __future__ import annotations

import statistics

from measuring.clocks import CLOCKS, clock_of
from measuring.reference import REFERENCE, reference_of
from report.demands import Demand
from report.page_tables import counted, machine, table


def compared(result: dict) -> str:
    """Peers against diffusers: one UNet call, a whole generation, memory."""
    where, peers = result["conditions"], result["peers"]
    clock = clock_of(where)
    rate = result["matmul"]["gflop"] / result["matmul"][clock]
    text = (
        f"{machine(where)}, {where.get('dtype', 'float32')}, {CLOCKS[clock]}, medians of"
        f" {result['repeats']}. One UNet call of batch 2 is {result['unet_gflop']:g} GFLOP. A large"
        f" matrix product runs at {rate:.1f} GFLOP/s in the same run.\n\n"
    )
    calls = {name: peer["unet"] for name, peer in peers.items() if "unet" in peer}
    runs = {name: peer["generate"] for name, peer in peers.items() if "generate" in peer}
    tables = []
    if calls:
        head = ["one UNet call", "time", "ratio", "GFLOP/s", "of the product", "difference"]
        tables.append(table(head, [_call(name, calls, clock, result["unet_gflop"], rate) for name in calls]))
    if runs:
        head = [_work(where), "time", "ratio"]
        head += ["first run", "outside networks", "peak memory", "ratio", "difference"]
        tables.append(table(head, [_run(name, runs, clock) for name in runs]))
    return text + "\n\n".join(tables)


def _work(where: dict) -> str:
    """What was measured of a run: "2 passes of 1 step"."""
    return f"{counted(where['passes'], 'pass')} of {counted(where['steps'], 'step')}"


def _call(name: str, calls: dict, clock: str, gflop: float, rate: float) -> list[str]:
    speed = gflop / calls[name][clock]
    row = [name, _seconds(calls[name], clock), _ratio(calls[name], calls[reference_of(calls)], clock)]
    return [*row, f"{speed:.1f}", f"{speed / rate:.2f}", f"{calls[name]['difference']:.1e}"]


def _run(name: str, runs: dict, clock: str) -> list[str]:
    run, base = runs[name], runs[reference_of(runs)]
    row = [name, _seconds(run, clock), _ratio(run, base, clock)]
    row += [f"{run['first_seconds']:.1f} s"]
    row += [f"{100 * run['outside_networks']:.2f} %" if "outside_networks" in run else ""]
    row += [f"{run['peak_mib']} MiB", _ratio(run, base, "peak_mib")]
    return [*row, f"{run['difference']:.1e}"]


def _seconds(sample: dict, clock: str = "seconds") -> str:
    value = sample[clock]
    if abs(value) < 1e-3:
        return f"{1e6 * value:.0f} µs"
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.0f} ms"


def _ratio(sample: dict, base: dict, key: str) -> str:
    return f"{sample[key] / base[key]:.2f}"


def fewer_operations(result: dict) -> str:
    """What each option saves and what it does to the video."""
    text = (
        f"{machine(result['conditions'])}, CPU time, {result['videos']} videos of {result['sentences']} sentences,"
        f" {_work(result['conditions'])}.\n\n"
    )
    head = ["", "CPU time, ratio", "latent difference", "consistency", "background deviation", *result["words"]]
    rows, changes = [], []
    for name, found in result["options"].items():
        shown, mean = f"`{name}`" if name.startswith("--") else name, found["mean"]
        rows.append([shown, f"{found['ratio']:.2f}", f"{found['difference']:.3f}", f"{mean['consistency']:.4f}",
                     f"{mean['background_deviation']:.4f}", *(f"{mean[word]:.3f}" for word in result["words"])])
        if found["difference"] > 0:
            changes.append([shown, *map(_changed, found["change"].values())])
    change_head = ["change against exact", *(field.replace("_", " ") for field in result["options"]["exact"]["change"])]
    return text + table(head, rows) + "\n\n" + table(change_head, changes)


def _changed(change: dict) -> str:
    low, high = change["interval"]
    return f"{change['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"


def samplers(result: dict) -> str:
    """How far each sampler is from the video of many steps, and what FreeInit gains with it."""
    calls = result["calls"]
    text = (
        f"The demo model, {result['videos']} prompts, model's settings but for the sampler. Left, by network calls: how far the"
        f" latents are from those of {result['reference']} (root mean square, relative, the median). Right: the cosine of"
        " neighbouring latent frames with one pass and with three.\n\n"
    )
    rows = [
        [name, *(f"{row['distance'][str(count)]:.2f}" if "distance" in row else "" for count in calls),
         f"{row['passes']['one']:.4f}", f"{row['passes']['three']:.4f}", _changed(row["passes"]["change"])]
        for name, row in result["samplers"].items()
    ]  # fmt: skip
    return text + table(["sampler", *map(str, calls), "1 pass", "3 passes", "change"], rows)


FIRST_CALL = {
    "process": "process start (LibTorch), options, manifest",
    "load 1": "hashes, as remembered",
    "load 2": "tokenizer",
    "load 3": "text encoder",
    "load 4": "UNet",
    "load 5": "VAE",
    "encode 1": "prompt",
    "encode 2": "negative prompt",
}


def first_call(result: dict) -> str:
    programs = result["programs"]
    rows = [
        [name, f"{found['first_call']:.2f} s", _ratio(found, programs[REFERENCE], "first_call"), f"{found['peak_mib']:.0f} MiB"]
        for name, found in programs.items()
    ]
    text = (
        f"{machine(result['conditions'])}: from process start to the first UNet call, files in the page cache, medians of"
        f" {result['repeats']}. freeinit's peak is of a whole run.\n\n"
    )
    text += table(["", "wall", "ratio", "peak memory"], rows)
    return text + "\n\n" + parts_of_first_call(programs["freeinit generate"])


def parts_of_first_call(found: dict) -> str:
    return table(["part", "time"], [[words, f"{1e3 * found[name]:.0f} ms"] for name, words in FIRST_CALL.items() if name in found])


def startup(result: dict) -> str:
    where = result["conditions"]
    rows = [
        [name, _seconds(found), _ratio(found, result["programs"][REFERENCE], "seconds"),
         f"{found['cpu_seconds']:.2f} s", f"{found['peak_mib']:.0f} MiB"]
        for name, found in result["programs"].items()
    ]
    text = (
        f"{machine(where)}: whole processes, import and load"
        f" included, {_work(where)} of the demo model, medians of {result['repeats']}.\n\n"
    )
    text += table(["", "wall", "ratio", "CPU time", "peak memory"], rows)
    found = result["first_call"]
    text += (
        "\n\nFrom process start to its first UNet call `freeinit generate` takes"
        f" {found['first_call']:.2f} s; medians of the parts:\n\n"
    )
    return text + parts_of_first_call(found)


def batch(result: dict) -> str:
    where, jobs, programs = result["conditions"], result["jobs"], result["programs"]
    ours = programs["freeinit batch"]
    rows = [
        [name, f"{found['seconds']:.1f} s", f"{found['seconds'] / jobs:.3f} s", f"{found['cpu_seconds']:.1f} s",
         f"{found['seconds'] / ours['seconds']:.2f}", f"{found['cpu_seconds'] / ours['cpu_seconds']:.2f}",
         f"{found['peak_mib']:.0f} MiB"]
        for name, found in programs.items()
    ]  # fmt: skip
    text = (
        f"{machine(where)}: whole processes, {jobs} videos of {_work(where)} of the demo model, in turns of some"
        " seconds. The last ratio is of CPU time, which a busy machine disturbs least.\n\n"
    )
    header = ["", "wall", "a video", "CPU time", "wall / batch", "CPU / batch", "peak memory"]
    return text + table(header, rows)


def busy_machine(result: dict) -> str:
    where, machines = result["conditions"], result["machines"]
    text = (
        f"{machine(where)}: whole processes, wall time, {_work(where)} of the demo model, medians of"
        f" {result['repeats']}; in brackets all of them.\n\n"
    )
    rows = [[name, *(_with_all(machine[name]) for machine in machines.values())] for name in machines["idle"]]
    return text + table(["", "nothing else runs", "a loop on every core"], rows)


def _with_all(sample: dict) -> str:
    return f"{_seconds(sample)} ({', '.join(f'{value:.1f}' for value in sorted(sample['all_seconds']))})"


def memory(result: dict) -> str:
    where, programs = result["conditions"], result["programs"]
    base = programs[REFERENCE]
    text = (
        f"{machine(where)}, {result['size']} size with weights that float16 holds, whole processes that make a video of"
        f" {_work(where)}, medians of {result['repeats']}.\n\n"
    )
    rows = [
        [f"`{name}`" if name.startswith("--") else name, f"{found['peak_mib']:.0f} MiB", _ratio(found, base, "peak_mib"),
         _seconds(found, "cpu_seconds"), _ratio(found, base, "cpu_seconds")]
        for name, found in programs.items()
    ]  # fmt: skip
    return text + table(["", "peak memory", "ratio", "CPU time", "ratio"], rows)


def checkpoints(result: dict) -> str:
    where, programs = result["conditions"], result["programs"]
    low, high = result["ratio_interval"]
    text = (
        f"{machine(where)}, CPU time of whole processes, {result['size']} size, {_work(where)}, medians of"
        f" {result['repeats']}. One checkpoint takes at most {1e3 * result['write_seconds']:.1f} ms, measured where"
        f" there is one a call; the {result['writes']} of this run are at most {result['share']:.2%} of it.\n\n"
    )
    rows = [["without", _seconds(programs["without"], "cpu_seconds"), ""],
            ["with `--checkpoint`", _seconds(programs["with"], "cpu_seconds"),
             _ratio(programs["with"], programs["without"], "cpu_seconds") + f" [{low:.3f}, {high:.3f}]"]]  # fmt: skip
    return text + table(["", "CPU time", "ratio"], rows)


def early_passes(result: dict) -> str:
    where, peers = result["conditions"], result["peers"]
    clock = clock_of(where)
    text = (
        f"{machine(where)}, {CLOCKS[clock]}, {result['size']} size, {_work(where)},"
        f" medians of {result['repeats']}. In freeinit every pass but the last ends after"
        f" {counted(result['intermediate_steps'], 'step')} with the clean sample predicted"
        f" there; the latents then differ by {result['difference']:g} of their root mean square.\n\n"
    )
    base = peers[REFERENCE][clock]
    rows = [
        [name, str(run["unet_calls"]), _seconds(run, clock), f"{base / run[clock]:.2f}", f"{run['peak_mib']} MiB"]
        for name, run in peers.items()
    ]
    return text + table(["", "UNet calls", "time", "times faster", "peak memory"], rows)


def reached(found: list[Demand]) -> str:
    rows = [[d.what, d.limit, _measured(d), d.verdict] for d in found]
    return table(["figure", "demand", "measured", "reached"], rows)


def _measured(demand: Demand) -> str:
    interval = "" if demand.interval is None else " [{:.2f}, {:.2f}]".format(*demand.interval)
    return f"{demand.value:.2f}{demand.unit}{interval}"


def operators(result: dict) -> str:
    where, backends, gflop = result["conditions"], result["seconds"], result["gflop"]
    text = (
        f"One UNet call at {result['size']} size, {machine(where)}, medians of {result['repeats']}."
        f" A large matrix product runs at {result['matmul_gflops']:.1f} GFLOP/s.\n\n"
    )
    first = next(iter(backends.values()))
    rows = []
    for kind in sorted(first, key=lambda kind: -first[kind]):
        row = [kind, f"{gflop[kind]:g}" if kind in gflop else ""]
        for seconds in backends.values():
            share = seconds[kind] / sum(seconds.values())
            rate = f"{gflop[kind] / seconds[kind]:.0f}" if kind in gflop else ""
            row += [f"{seconds[kind]:.2f} s", f"{100 * share:.1f} %", rate]
        rows.append(row)
    totals = ["all", f"{sum(gflop.values()):g}"]
    for seconds in backends.values():
        total = sum(seconds.values())
        totals += [f"{total:.2f} s", "", f"{sum(gflop.values()) / total:.0f}"]
    head = ["operators", "GFLOP"] + [cell for name in backends for cell in (name, "share", "GFLOP/s")]
    return text + table(head, [*rows, totals])


def smaller_weights(result: dict) -> str:
    where = result["conditions"]
    clock = clock_of(where)
    text = (
        f"{machine(where)}, {CLOCKS[clock]}, one UNet call at {result['size']} size,"
        f" medians of {result['repeats']}.\n\n"
    )
    base = result["runtimes"][REFERENCE]
    rows = []
    for name, found in result["runtimes"].items():
        memory = [f"{found['peak_mib']} MiB", _ratio(found, base, "peak_mib")] if found["peak_mib"] else ["", ""]
        rows.append(
            [name, _seconds(found, clock), _ratio(found, base, clock), f"{found['difference']:.1e}", *memory]
        )
    return text + table(["", "time", "ratio", "difference", "peak memory", "ratio"], rows)


def reinit(result: dict) -> str:
    """One re-initialisation here and in diffusers."""
    ms = result["cpu_ms"]
    shape = "x".join(map(str, result["shape"]))
    text = (
        f"{result['processor']}, 1 thread, latents of {shape}, CPU time, medians of {result['rounds']} rounds; diffusers"
        f" {result['diffusers']}.\n\n"
    )
    rows = [
        [what, f"{ms[pair['diffusers']]:.2f} ms", f"{ms[pair['here']]:.2f} ms", f"{pair['ratio']:g}"]
        for what, pair in result["ratios"].items()
    ]
    rows += [["a bare pair of FFTs", "", f"{ms['fft_pair']:.2f} ms", ""], ["the mask", "", f"{ms['mask']:.2f} ms", ""]]
    rows.append(["the look for NaN and infinity", "", f"{ms['finite_check']:.2f} ms", ""])
    return text + table(["", "diffusers", "here", "times faster"], rows)


def long_clips(result: dict) -> str:
    where, base = result["conditions"], result["costs"][0]
    text = (
        f"{machine(where)}, windows of {result['length']} frames, {where['steps']} steps. Time and memory with an overlap of"
        f" {result['overlap']}, medians of runs on a busy machine; \"ratio\" is the time of a step for each frame that the network"
        f" sees, against a clip of one window.\n\n"
    )
    costs = [
        [str(row["frames"]), str(row["frames_seen"]), f"{row['seconds_per_step']:.3f} s",
         f"{row['seconds_per_step'] / row['frames_seen'] / base['seconds_per_step'] * base['frames_seen']:.2f}",
         f"{row['peak_mib']} MiB", str(row["runs"])]
        for row in result["costs"]
    ]  # fmt: skip
    passes = list(result["seams"][0]["seams"])
    seams = [
        [str(row["frames"]), str(row["overlap"]), row["schedule"], row["noise"],
         *(f"{statistics.mean(row['seams'][number]):.2f}" for number in passes)]
        for row in result["seams"]
    ]  # fmt: skip
    return "\n\n".join([
        text + table(["frames", "seen by the network", "time of a step", "ratio", "peak memory", "runs"], costs),
        table(["frames", "overlap", "windows", "noise", *(f"seam, pass {number}" for number in passes)], seams),
    ])  # fmt: skip


def narrow_convolutions(result: dict) -> str:
    found = result["convolutions"]
    base = found["float32"]["linear"]["rms"]
    rows = [["float32, linear layers in bfloat16: `--backend bfloat16`", "", *_errors(found["float32"]["linear"], base)]]
    for name, errors in found.items():
        if "both" in errors:
            rows.append([name, f"{errors['convolutions']['rms']:.2%}", *_errors(errors["both"], base)])
    head = ["3x3 convolutions", "alone", "with linear layers", "largest", "against float32's"]
    return f"AnimateDiff, mid size, {result['frames']} frames, one call.\n\n" + table(head, rows)


def _errors(found: dict, base: float) -> list[str]:
    return [f"{found['rms']:.2%}", f"{found['largest']:.2%}", f"{found['rms'] / base:.1f}"]
