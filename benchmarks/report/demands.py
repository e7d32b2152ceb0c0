"""Which speed and memory demands of the project the recorded figures meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from measuring.clocks import clock_of
from measuring.rounds import ratio_interval

OTHERS = ("diffusers", "diffusers-compile", "openvino")
# What a user who names no backend gets, of those that ran (default_unet_backend). Wide networks take winograd; where
# float16 holds the weights it computes what float16-weights does, under whose name it was measured.
DEFAULTS = {
    "mid": ("freeinit-float16-weights", "freeinit-winograd"),
    "modelscope": ("freeinit-float16-weights", "freeinit-winograd"),
    "demo": ("freeinit-openvino", "freeinit-torchscript"),
}


@dataclass(frozen=True)
class Demand:
    what: str
    limit: str
    value: float
    reached: bool
    unit: str = ""
    interval: tuple[float, float] | None = None  # of 95 %, of a ratio that may be at most 1

    @property
    def verdict(self) -> str:
        """By the figure alone; beside it whether the rounds could have given the other answer."""
        unsure = self.interval is not None and self.interval[0] <= 1 <= self.interval[1]
        return ("yes" if self.reached else "**no**") + ", within noise" * unsure


def _fastest_other(peers: dict, job: str, clock: str) -> str:
    chosen = [name for name, peer in peers.items() if name in OTHERS and job in peer]
    return min(chosen, key=lambda name: peers[name][job][clock])


def _at_most_as_long(what: str, ours: dict, theirs: dict, clock: str) -> Demand:
    ratio = ours[clock] / theirs[clock]
    return Demand(what, "at most 1", ratio, ratio <= 1, interval=ratio_interval(ours, theirs, clock))


def _judged(result: dict) -> tuple[str, str]:
    """How a run is called, and the peer in it that is what a user gets who names no backend."""
    threads, size = result["conditions"]["threads"], result["size"]
    where = size if threads == 1 else f"{size}, {threads} threads"
    name = next((name for name in DEFAULTS[size] if name in result["peers"]), None)
    if name is None:
        raise SystemExit(f"{where}: expected {' or '.join(DEFAULTS[size])} among what was measured")
    return where, name


def _calls(result: dict) -> Iterator[Demand]:
    peers, clock = result["peers"], clock_of(result["conditions"])
    where, name = _judged(result)
    other = _fastest_other(peers, "unet", clock)
    call = peers[name]["unet"]
    what = f"{where}: one UNet call, {name} over the fastest other ({other})"
    yield _at_most_as_long(what, call, peers[other]["unet"], clock)
    if where == "mid":
        product = result["matmul"]["gflop"] / result["matmul"][clock]
        rate = result["unet_gflop"] / call[clock] / product
        yield Demand("mid: GFLOP/s of that call over those of a large matrix product", "at least 0.85", rate, rate >= 0.85)


def _generations(result: dict) -> Iterator[Demand]:
    peers, clock = result["peers"], clock_of(result["conditions"])
    where, name = _judged(result)
    run, base = peers[name]["generate"], peers["diffusers"]["generate"]
    yield _at_most_as_long(f"{where}: whole generation, {name} over diffusers", run, base, clock)
    other = _fastest_other(peers, "generate", clock)
    if other != "diffusers":
        what = f"{where}: the same over the fastest other ({other})"
        yield _at_most_as_long(what, run, peers[other]["generate"], clock)
    if result["conditions"]["threads"] > 1:
        return  # memory and shares are those of one thread
    ratio = run["peak_mib"] / base["peak_mib"]
    yield Demand(f"{where}: peak memory of that, over diffusers", "at most 0.6", ratio, ratio <= 0.6)
    if where == "mid":
        share = 100 * run["outside_networks"]
        yield Demand("mid: share of that outside the networks", "at most 1 %", share, share <= 1, " %")


def _one_step(result: dict) -> Iterator[Demand]:
    """Of what a user gets with weights that float16 holds, and of the bfloat16 that he asks for."""
    peers, clock, where = result["peers"], clock_of(result["conditions"]), result["size"]

    def ratio(what: str, most: float, ours: str, theirs: str, of) -> Demand:
        found = of(peers[ours]) / of(peers[theirs])
        return Demand(f"{where}: {what}, {ours} over {theirs}", f"at most {most:g}", found, found <= most)

    def call(peer: dict) -> float:
        return peer["parts"]["unet"]

    def fastest(names: tuple[str, ...]) -> str:
        return min((name for name in names if name in peers), key=lambda name: call(peers[name]))

    ours, narrow, narrow_others = "freeinit-float16-weights", "freeinit-bfloat16", ("openvino-bfloat16",)
    yield ratio("one step and its decoding", 0.45, ours, "diffusers", lambda peer: peer[clock])
    gib = peers[ours]["peak_mib"] / 1024
    yield Demand(f"{where}: peak memory of that", "at most 8 GiB", gib, gib <= 8, " GiB")
    yield ratio("one UNet call", 0.75, ours, fastest(OTHERS), call)
    if narrow in peers:
        yield ratio("one UNet call", 0.38, narrow, "diffusers", call)
        yield ratio("one UNet call", 0.8, narrow, fastest((*OTHERS, *narrow_others)), call)


def _whole_command(result: dict) -> Iterator[Demand]:
    programs, clock = result["programs"], clock_of(result["conditions"])
    found = programs["freeinit"][clock] / programs["stable-diffusion.cpp"][clock]
    what = f"{result['size']}: the same as a whole command, over stable-diffusion.cpp"
    yield Demand(what, "at most 0.5", found, found <= 0.5)


def _early_passes(result: dict) -> Iterator[Demand]:
    clock = clock_of(result["conditions"])
    times = {name: peer[clock] for name, peer in result["peers"].items()}
    theirs = times.pop("diffusers")
    ratio = theirs / min(times.values())
    yield Demand("mid: FreeInit with passes that end early, times faster than diffusers", "at least 2", ratio, ratio >= 2)


def _memory(result: dict) -> Iterator[Demand]:
    programs = result["programs"]
    for name in ("--backend float16-weights", "--backend float16-weights --low-memory"):
        ratio = programs[name]["peak_mib"] / programs["diffusers"]["peak_mib"]
        what = f"{result['size']}: peak memory of a process with `{name}`, over diffusers"
        yield Demand(what, "at most 0.6", ratio, ratio <= 0.6)


def _startup(result: dict) -> Iterator[Demand]:
    programs = result["programs"]
    ratio = programs["freeinit generate"]["seconds"] / programs["diffusers"]["seconds"]
    where = result["conditions"]
    what = f"demo: `generate`, {where['passes']} passes of {where['steps']} steps, over diffusers from import to file"
    yield Demand(what, "below 1", ratio, ratio < 1)
    first = result["first_call"]["first_call"]
    yield Demand("demo: process start to the first UNet call", "below 1 s", first, first < 1, " s")


def _first_call(result: dict) -> Iterator[Demand]:
    seconds = result["programs"]["freeinit generate"]["first_call"]
    yield Demand("1.3 billion parameters: process start to the first UNet call", "at most 2 s", seconds, seconds <= 2, " s")


def _busy_machine(result: dict) -> Iterator[Demand]:
    one, threads, spinning = ("one thread", "a thread a core", "the same, waiting as LibTorch does by default")
    busy, idle = (result["machines"][machine] for machine in ("busy", "idle"))
    ratio = busy[threads]["seconds"] / busy[one]["seconds"]
    yield Demand("demo: beside other programs, `generate` over one thread", "at most 1.5", ratio, ratio <= 1.5)
    yield _at_most_as_long("demo: alone, `generate` over LibTorch's own way to wait", idle[threads], idle[spinning], "seconds")


def _reinit(result: dict) -> Iterator[Demand]:
    over = result["cpu_ms"]["mix_cached"] / result["cpu_ms"]["fft_pair"]
    yield Demand("one re-initialisation over the bare pair of FFTs", "at most 1.2", over, over <= 1.2)


MADE_FROM = {
    "compare_mid": (_calls,),
    "default_mid": (_generations,),
    "two_threads_mid": (_calls, _generations),
    "compare_modelscope": (_calls,),
    "default_modelscope": (_generations,),
    "compare_demo": (_calls, _generations),
    "memory_default": (_memory,),
    "early_passes": (_early_passes,),
    "startup": (_startup,),
    "first_call": (_first_call,),
    "busy_machine": (_busy_machine,),
    "reinit": (_reinit,),
    "one_step_animatediff-512": (_one_step,),
    "stable_diffusion_cpp_animatediff-512": (_whole_command,),
}


def demands(results: dict[str, dict]) -> list[Demand]:
    """Of all results there are, in the order of the table above."""
    made = ((make, results[name]) for name, makes in MADE_FROM.items() if name in results for make in makes)
    return [demand for make, result in made for demand in make(result)]
