"""Times and memory of models of true size."""

from __future__ import annotations

from measuring.clocks import CLOCKS, clock_of
from measuring.reference import reference_of
from report.page_tables import machine, table

NAMES = {  # in the order of the page
    "animatediff": "AnimateDiff v2, published files",
    "animatediff-pipeline": "AnimateDiff, saved pipeline",
    "modelscope": "ModelScope 1.7B",
    "videocrafter": "VideoCrafter2, 320x512",
}

VIDEOS = {  # files of one step and its decoding
    "one_step_animatediff-512": "AnimateDiff, 512x512",
    "one_step_animatediff-256": "AnimateDiff, 256x256",
    "one_step_modelscope-256": "ModelScope, 256x256",
    "one_step_videocrafter-320x512": "VideoCrafter2, 320x512",
}
PROGRAMS = {
    "diffusers": "diffusers",
    "videocrafter": "the original",
    "freeinit-float16-weights": "freeinit",
    "freeinit-bfloat16": "freeinit, `--backend bfloat16`",
}
STEPS = 25
CALLS = {"1 pass": STEPS, "3 passes": 3 * STEPS, "3 passes, two of one call": STEPS + 2}


def times_and_memory(figures: dict) -> str:
    shapes = {found["generate"]["shape"] for found in figures.values() if "generate" in found}
    head = ["", "weights (of these the UNet)", "export: CPU time", "wall, shared", "peak memory", "of the weights"]
    head += ["load and run: CPU time", "wall, shared", "peak memory"]
    rows = [_row(title, figures[name]) for name, title in NAMES.items() if name in figures]
    missing = [title for name, title in NAMES.items() if "generate" not in figures.get(name, {})]
    note = f"\n\nNot run to the end yet: {'; '.join(missing)}." if missing else ""
    return f"Run: {', '.join(sorted(shapes))}.\n\n" + table(head, rows) + note


def one_step(result: dict) -> str:
    """A step and the decoding, peers beside each other."""
    where, peers = result["conditions"], result["peers"]
    clock = clock_of(where)
    base = peers[reference_of(peers)]
    has_calls = all("call_difference" in found for found in peers.values())
    head = ["", CLOCKS[clock], "ratio", "text", "UNet", "GFLOP/s", "decoding", "peak memory", "load", "difference"]
    head += ["of a call"] * has_calls
    rows = []
    for name, found in peers.items():
        parts = found["parts"]
        rows.append([name, f"{found[clock]:.0f} s", f"{found[clock] / base[clock]:.2f}",
                     *(f"{parts[part]:.1f} s" for part in ("text", "unet")),
                     f"{result['unet_gflop'] / parts['unet']:.0f}", f"{parts['decode']:.1f} s",
                     _gib(found["peak_mib"]), f"{found['load_seconds']:.0f} s", f"{found['difference']:.1e}",
                     *(f"{found[figure]:.1e}" for figure in ["call_difference"] * has_calls)])  # fmt: skip
    return (
        f"{machine(where)}, medians of {result['repeats']}. One UNet call of batch 2 is"
        f" {result['unet_gflop']:g} GFLOP. The parts are CPU time.\n\n" + table(head, rows)
    )


def whole_videos(results: dict[str, dict]) -> str:
    """How long a video of 25 steps takes: its text, its calls and its decoding, as one step was measured."""
    rows = []
    for name, title in VIDEOS.items():
        peers = results.get(name, {"peers": {}})["peers"]
        for peer, program in PROGRAMS.items():
            if peer in peers:
                parts = peers[peer]["parts"]
                times = [_duration(parts["text"] + calls * parts["unet"] + parts["decode"]) for calls in CALLS.values()]
                times[-1] *= peer.startswith("freeinit")  # the others have no such passes
                rows.append([title, program, _gib(peers[peer]["peak_mib"]), *times])
    return table(["video of 16 frames", "program", "memory", *CALLS], rows)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def whole_commands(result: dict) -> str:
    """A step and the decoding as whole commands, loading included."""
    where, programs = result["conditions"], result["programs"]
    clock = clock_of(where)
    here = programs["freeinit"][clock]
    head = ["", CLOCKS[clock], "freeinit's share", "peak memory", "of it not mapped", "difference"]
    rows = [
        [name, f"{found[clock]:.0f} s", f"{here / found[clock]:.2f}", _gib(found["peak_mib"]),
         _gib(found["peak_anonymous_mib"]), f"{found['difference']:.1e}"]
        for name, found in programs.items()
    ]  # fmt: skip
    return f"{machine(where)}, medians of {result['repeats']}.\n\n" + table(head, rows)


def _row(title: str, found: dict) -> list[str]:
    export, generate, weights = found["export"], found.get("generate"), found["bundle_mib"]
    row = [
        title,
        f"{_gib(weights)} ({_gib(found['unet_mib'])})",
        f"{export['cpu_seconds']:.0f} s",
        f"{export['seconds']:.0f} s",
        _gib(export["peak_mib"]),
        f"{export['peak_mib'] / weights:.2f}",
    ]
    if generate is None:
        return [*row, "", "", ""]
    times = [f"{generate[clock]:.0f} s" for clock in ("cpu_seconds", "seconds")]
    return [*row, *times, _gib(generate["peak_mib"])]


def _gib(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB"
