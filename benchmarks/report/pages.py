"""The pages of all results: benchmarks/results/README.md, and the tables that pages of docs show.

    python benchmarks/run.py report

A page of docs shows a table where it has the lines `<!-- begin NAME -->` and `<!-- end NAME -->`; NAME is
that of a file in benchmarks/results, `demands` or `whole_videos`.
"""

from __future__ import annotations

import json
from pathlib import Path

from report import tables
from report.demands import demands
from report.page_tables import fill_places
from report.real_size import VIDEOS, one_step, times_and_memory, whole_commands, whole_videos

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = [ROOT / "docs" / f"{name}.md" for name in ("performance", "models", "numerics", "long_clips", "samplers")]

INTRODUCTION = """# Results

<!-- Written by `benchmarks/run.py report`; changes by hand are lost. -->

Every table of every measurement. The answers in short: [docs/performance.md](../../docs/performance.md). The evaluation of
the methods has [a page of its own](evaluation.md). Each table is made from the JSON file that it names.

**How it is measured.** Every peer is a process of its own with the model loaded once. All must first compute the same: one
UNet call within 1e-4 and the latents of a generation within 1e-3 of the largest value, or the run ends. Then they take turns,
one call at a time. Figures are medians of the rounds. With one thread the time is CPU time, which a busy machine disturbs
least; with more it is wall time. Memory is the peak resident set of the process, load included.

**Sizes.** `demo` is the demo model. `mid` is an AnimateDiff UNet with the two upper levels of Stable Diffusion 1.5 (widths 320
and 640, 8 frames, 16x16 latents). `modelscope` is a ModelScope UNet of the same widths. The weights of the last two are random
numbers such as float16 holds; every peer gets the same ones and computes in float32.

**Columns.** Ratios are to `diffusers` in the same run; below 1 is faster or smaller. "of the product" is the rate against a
3072x3072 float32 matrix product of LibTorch, measured between the same calls. Rates count the operations of the definition;
Winograd's convolutions do fewer. "first run" is the wall time of the first generation of a process, in which Inductor and
OpenVINO compile. "outside networks" is the share of a generation that is spent outside UNet, text encoder and VAE.

| name | what runs |
|---|---|
| `diffusers` | diffusers' own pipeline with `enable_free_init`; for ModelScope, for which it has no FreeInit, its parts in a plain loop |
| `diffusers-compile` | the same with `unet.compile()` (Inductor); compiling is not counted |
| `openvino` | the bundle's UNet converted by OpenVINO, in a plain Python loop with diffusers' scheduler |
| `onnxruntime` | the same network through ONNX |
| `freeinit-NAME` | this library with `--backend NAME` |

**Again.** `python benchmarks/run.py --list` names the experiments. Each says in its `--help` what it needs.

```sh
python3 -m venv .venv && . .venv/bin/activate
pip install -r benchmarks/requirements.txt && pip install ./models/export
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DFREEINIT_BUILD_BENCHMARKS=ON -DFREEINIT_WITH_OPENVINO=ON \\
    -DOpenVINO_DIR="$(python -c 'import openvino; print(openvino.__path__[0])')/cmake"
cmake --build build
run="python benchmarks/run.py" worker=build/benchmarks/compare_worker
one="--threads 1 --steps 1 --passes 2 --repeats 5"
default="diffusers openvino freeinit-float16-weights"
$run compare $worker $one --sizes mid modelscope
$run compare $worker --threads 1 --repeats 9 --sizes demo
$run compare $worker $one --name default --sizes mid modelscope --jobs generate --only $default
$run compare $worker --threads 2 --steps 1 --passes 2 --name two_threads --sizes mid --only $default
ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 \\
    $run compare $worker --threads 1 --name avx2 --sizes mid --jobs unet \\
    --only diffusers openvino freeinit-torchscript freeinit-winograd freeinit-float16-weights
$run early_passes $worker --threads 1
$run startup build/bin/freeinit --threads 1
$run first_call build/bin/freeinit --threads 1
$run batch build/bin/freeinit --jobs 1000 --threads 1
$run busy_machine build/bin/freeinit
$run memory build/bin/freeinit --threads 1
$run memory build/bin/freeinit --threads 1 --name memory_default --backends float16-weights
$run checkpoints build/bin/freeinit --threads 1
$run operators $worker
$run fewer_operations $worker --judge FOLDER --videos 80 --steps 15
$run samplers build/bin/freeinit
$run smaller_weights $worker
$run narrow_convolutions
$run reinit build/benchmarks/benchmark_reinit
$run long_clips build/bin/freeinit --threads 1
$run cuda $worker                                    # on a CUDA device
$run real_size modelscope --freeinit build/bin/freeinit
$run one_step $worker --threads 1 --size animatediff-512
$run one_step $worker --threads 1 --size videocrafter-320x512 --source VIDEOCRAFTER
$run stable_diffusion_cpp build/bin/freeinit SD_CLI --threads 1 --size animatediff-512
$run report                                          # writes this page
```
"""

DEMANDS = """What the project set out to reach. A demand is reached or not by the figure. In brackets stands the 95 % interval that the
rounds give; *within noise* is one that holds 1, so that another run may say the opposite. What is judged is what a user gets who
names no backend."""

STABLE_DIFFUSION_CPP = [f"stable_diffusion_cpp_{size}" for size in ("animatediff-512", "animatediff-256")]
SECTIONS = [  # title, text, results
    ("AnimateDiff, mid size", "Winograd's layers gave their scratch memory back after each call in this run.", ["compare_mid"]),
    ("ModelScope, mid size", "As above.", ["compare_modelscope"]),
    ("The default backend", "Whole generations, with scratch memory kept from call to call. The demands go by these.",
     ["default_mid", "default_modelscope"]),
    ("Demo model", "", ["compare_demo"]),
    ("Two threads", "Wall time on both cores, nothing else running.", ["two_threads_mid"]),
    ("With AVX2 alone", "Every library was held to the instructions of an older processor by its environment variable. The order"
     " of the backends stays.", ["avx2_mid"]),
    ("On a CUDA device", "float16, 3 passes of 25 steps, wall time until the device is done. Memory is the most that LibTorch's"
     " allocator has reserved there. All must agree within 2e-2 for one call and 5e-2 for a generation.",
     ["cuda_mid", "cuda_modelscope", "cuda_demo"]),
    ("From nothing to a file", "", ["startup"]),
    ("The start of a large model", "AnimateDiff at its true size, 1.3 billion random weights, which both map.",
     ["first_call"]),
    ("Many videos", "One load of the model for all of them. The shorter a video, the more of `generate` is its start: these, of one step, are"
     " the shortest. What is left to a batch is to make them, which is most of what diffusers does, too. The programs ran beside"
     " other work of changing amounts, and `generate` went on alone when the others had ended.",
     ["batch", "batch_openvino"]),
    ("Beside other programs", "Threads of LibTorch wait for each other by spinning. The command's launcher makes that short"
     " (`GOMP_SPINCOUNT=1000`).", ["busy_machine"]),
    ("Memory", "Whole processes. Mapped files (weights, libraries) count.", ["memory", "memory_default"]),
    ("Checkpoints", "", ["checkpoints"]),
    ("Passes that end early", "`--intermediate prediction --intermediate-steps 1`. What it does to the video:"
     " [evaluation](evaluation.md).", ["early_passes"]),
    ("Where the time goes", "", ["operators"]),
    ("Options that compute less", "They change the video and are off by default. \"latent difference\" is the root mean square"
     " difference relative to that of the exact latents; two unrelated latents differ by 1.4. \"consistency\" is the correlation"
     " of neighbouring frames, the last columns are shares of clips that the demo model's judge finds right. Changes are paired"
     " by prompt and seed, with 95 % intervals over sentences. `--backend int8` is the former one (see \"Smaller weights\").", ["fewer_operations"]),
    ("Convolutions in bfloat16", "What a call loses where the inputs of products are rounded to bfloat16: root mean square error of the"
     " result, relative to it. An instruction of AVX512-BF16 has twice as many products as one of float32. By that count the definition is"
     " no faster than Winograd's F(4x4, 3x3) in float32, which has a quarter of its products, and F(2x2, 3x3), with 1.8 times those,"
     " hardly. F(4x4, 3x3) would be faster, but loses several times as much as the backend does, also with points that lose half of"
     " what the usual ones do; OpenVINO's bfloat16 loses 1.5 times as much (last column of \"One step and its decoding\"). So"
     " convolutions of `--backend bfloat16` stay in float32.", ["narrow_convolutions"]),
    ("Samplers", "Samplers that draw noise make another video each time and have no such distance. PNDM makes one call more"
     " than it has steps, Heun's method about twice as many.", ["samplers"]),
    ("Smaller weights", "The weights have all bits of float32 here, so that float16 rounds them. `freeinit-int8` is the"
     " former backend of that name, LibTorch's dynamic linear layers: OpenVINO's int8 network, calibrated on noise here, had"
     " the same difference in less time, so it took the name, calibrated with the model's own steps.", ["smaller_weights"]),
    ("One re-initialisation", "", ["reinit"]),
    ("Clips longer than the model", "Seams: the mean change of latents where a static window begins or ends, over that elsewhere;"
     " 1 is no seam. What the columns of windows mean: [docs/long_clips.md](../../docs/long_clips.md).", ["long_clips"]),
    ("Models of true size", "Random weights: time and memory do not depend on them.", ["real_size"]),
    ("One step and its decoding", "Models of true size, random weights, 16 frames with guidance, decoded one at a time. Python's peers run in"
     " a plain loop; `videocrafter` is the original's networks. Each round is a new process.", list(VIDEOS)),
    ("Beside stable-diffusion.cpp", "The same, as whole commands that load the same weights in float16, begin with the same noise and write"
     " 16 pictures. \"difference\" is the root mean square between their pixels, of values from 0 to 1.",
     STABLE_DIFFUSION_CPP),
]  # fmt: skip

ANSWERED = """## Answered, and no longer measured

One thread of an AMD EPYC with AVX-512, as above. The scripts and tables stand in the history of the repository, version 0.1.0.

* **AOTInductor** took 0.91 of diffusers' time for a call at mid size, OpenVINO 0.83 in the same run, Winograd's 0.72. It was
  machine code for one shape and one kind of CPU, so it went.
* **OpenVINO here and in a Python loop**: 6.57 s and 6.65 s a call, 13.13 s and 13.32 s a generation. The same kernels, the same time.
* **Savings that change nothing**, at mid size: the text projected once a prompt and not once a frame saves 2.5 % of a call; no
  negative prompt at guidance scale 1 half a call; prompts encoded once a run 0.03 % and decoding the last pass alone 0.04 % of a run.
* **Freed memory**: kept in the process and not handed back to the system, a call takes 0.90 of its time for the demo model and
  0.97 at mid size, diffusers' 0.91 and 0.99. `generate` keeps it (`keep_freed_memory`), `--low-memory` does not.
* **Memory format**: kernels of convolutions in `channels_last` took 1.04 of the time for the demo model, 1.00 at mid size.
"""

MADE_BY = {
    **dict.fromkeys(
        ("compare_demo", "compare_mid", "compare_modelscope", "default_mid", "default_modelscope", "avx2_mid",
         "two_threads_mid", "cuda_demo", "cuda_mid", "cuda_modelscope"), tables.compared),
    "fewer_operations": tables.fewer_operations,
    "narrow_convolutions": tables.narrow_convolutions,
    "samplers": tables.samplers,
    "startup": tables.startup,
    "first_call": tables.first_call,
    "batch": tables.batch,
    "batch_openvino": tables.batch,
    "busy_machine": tables.busy_machine,
    "checkpoints": tables.checkpoints,
    "early_passes": tables.early_passes,
    "memory": tables.memory,
    "memory_default": tables.memory,
    "smaller_weights": tables.smaller_weights,
    "operators": tables.operators,
    "reinit": tables.reinit,
    "real_size": times_and_memory,
    **dict.fromkeys(VIDEOS, one_step),
    **dict.fromkeys(STABLE_DIFFUSION_CPP, whole_commands),
    "long_clips": tables.long_clips,
}  # fmt: skip


def results_page(made: dict[str, str]) -> str:
    parts = [INTRODUCTION, f"## What was to be reached\n\n{DEMANDS}\n\n{made['demands']}\n"]
    for title, text, names in SECTIONS:
        shown = [f"[{name}.json]({name}.json). {made[name]}" for name in names if name in made]
        parts.append("\n\n".join(filter(None, [f"## {title}", text, *(shown or ["Not measured yet."])])) + "\n")
    return "\n".join([*parts, ANSWERED])


def main() -> None:
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    if unknown := set(results) - set(MADE_BY):
        raise SystemExit(f"no table is made of {', '.join(sorted(unknown))}.json")
    made = {name: MADE_BY[name](result) for name, result in results.items()}
    made["demands"] = tables.reached(demands(results))
    made["whole_videos"] = whole_videos(results)
    (RESULTS / "README.md").write_text(results_page(made), encoding="utf-8")
    for page in PAGES:
        fill_places(page, made)


if __name__ == "__main__":
    main()
