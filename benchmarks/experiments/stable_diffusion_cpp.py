"""One step and the decoding of its video, beside stable-diffusion.cpp, as whole commands.

    git clone --recursive https://github.com/leejet/stable-diffusion.cpp && cd stable-diffusion.cpp
    cmake -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build --target sd-cli
    python benchmarks/run.py stable_diffusion_cpp build/bin/freeinit .../sd-cli --size animatediff-256 --threads 1

AnimateDiff of true size, random weights that float16 holds, 16 frames with guidance. Both commands read
the same weights, begin with the same noise at the same timestep, and write the frames as pictures, which
are compared: the run ends if they are not the same video. They take turns, every other round backwards.
A row with options of its own is measured for each `--variant` of stable-diffusion.cpp. Writes
results/stable_diffusion_cpp_SIZE.json after every round.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
from pathlib import Path

import numpy
from measuring.models import PROMPT, TRUE_SIZES, Model, ensure_backend, prepare_true_size, shape_of
from measuring.options import conditions, measuring_parser, write_result
from measuring.stable_diffusion_cpp import SCHEDULER, command, first_noise, write_files
from measuring.whole_process import measured
from PIL import Image
from safetensors.torch import save_file

HERE = "freeinit"
PEER = "stable-diffusion.cpp"
BACKEND = "float16-weights"
# Root mean square of the frames' differences, of their values from 0 to 1. stable-diffusion.cpp rounds the
# inputs of its products to float16; two frames of such a video differ by .16.
TOLERANCE = 0.005


def bundle_for_both(model: Model, folder: Path) -> Path:
    """The bundle with the peer's scheduler. Its networks are those of the other one."""
    ensure_backend(model, BACKEND)
    if not folder.exists():
        shutil.copytree(model.bundle, folder, copy_function=os.link)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["scheduler"] |= SCHEDULER
        (folder / "manifest.json").unlink()  # a link to the other one's
        (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def last_alpha(bundle: Path) -> float:
    """The last of the scheduler's cumulated alphas."""
    settings = json.loads((bundle / "manifest.json").read_text())["scheduler"]
    ends = [settings[key] ** 0.5 for key in ("beta_start", "beta_end")]
    return float(numpy.prod(1 - numpy.linspace(*ends, settings["num_train_timesteps"]) ** 2))


def freeinit_command(program: str, bundle: Path, noise: Path, output: Path, job: dict, threads: int) -> list[str]:
    values = {key: value for key, value in job.items() if key != "prompt"}
    options = [word for key, value in values.items() for word in ("--" + key.replace("_", "-"), str(value))]
    return [
        program, "generate", job["prompt"], "--bundle", str(bundle), "--backend", BACKEND, *options,
        "--num-iters", "1", "--init-noise", str(noise), "--threads", str(threads), "--overwrite",
        "-o", str(output),
    ]  # fmt: skip


def frames(folder: Path) -> numpy.ndarray:
    return numpy.stack([numpy.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))]) / 255.0


def difference(found: Path, expected: Path) -> float:
    """Root mean square."""
    a, b = frames(found), frames(expected)
    return float(numpy.sqrt(numpy.mean((a - b) ** 2))) if a.shape == b.shape else float("inf")


def figures(samples: list[dict], off: float) -> dict:
    names = ("seconds", "cpu_seconds", "peak_mib", "peak_anonymous_mib")
    every = {"all_cpu_seconds": [sample["cpu_seconds"] for sample in samples]}
    return {**{name: statistics.median(sample[name] for sample in samples) for name in names}, **every, "difference": off}


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=3)
    parser.add_argument("freeinit", help="the built command")
    parser.add_argument("sd_cli", help="stable-diffusion.cpp's built command")
    parser.add_argument("--size", choices=[size for size in TRUE_SIZES if size.startswith("animatediff")], required=True)
    parser.add_argument("--variant", action="append", default=[], metavar="OPTIONS", help="of stable-diffusion.cpp, as one word")
    options = parser.parse_args()

    model, shape = prepare_true_size(options.size, options.work), shape_of(options.size)
    folder = model.pipeline.parent / "stable-diffusion-cpp"
    if not (folder / "model").exists():
        write_files(model.pipeline, folder)
    bundle = bundle_for_both(model, model.pipeline.parent / "bundle-as-stable-diffusion-cpp")
    job = {"prompt": PROMPT, "seed": 7, "num_inference_steps": 1, "guidance_scale": shape.guidance_scale,
           "num_frames": shape.frames, "height": shape.height, "width": shape.width}  # fmt: skip
    noise = folder / f"noise-{options.size}.safetensors"
    save_file({"noise": first_noise(job["seed"], shape.frames, shape.latent, last_alpha(bundle))}, noise)

    variants = {" ".join([PEER, *extra]).strip(): extra for extra in [[], *(text.split() for text in options.variant)]}
    outputs = {name: folder / name for name in (HERE, *variants)}
    commands = {HERE: freeinit_command(options.freeinit, bundle, noise, outputs[HERE], job, options.threads)}
    for name, extra in variants.items():
        commands[name] = command(options.sd_cli, folder, outputs[name], job, options.threads, extra)

    samples: dict[str, list[dict]] = {name: [] for name in commands}
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    for index in range(options.repeats):
        for name in commands if index % 2 == 0 else reversed(commands):
            shutil.rmtree(outputs[name], ignore_errors=True)
            outputs[name].mkdir(parents=True)
            samples[name].append(measured(commands[name], env=environment).figures())
            print(f"  {name}: {samples[name][-1]['cpu_seconds']:.0f} s, {samples[name][-1]['peak_mib'] / 1024:.1f} GiB", flush=True)
        off = {name: difference(outputs[name], outputs[HERE]) for name in commands}
        for name, value in off.items():
            if value > TOLERANCE:
                raise SystemExit(f"{name} makes another video: its frames are off by {value:.3g}")
        result = {"size": options.size, "conditions": conditions(options), "repeats": index + 1,
                  "programs": {name: figures(found, off[name]) for name, found in samples.items()}}  # fmt: skip
        write_result(options.results / f"stable_diffusion_cpp_{options.size}.json", result)


if __name__ == "__main__":
    main()
