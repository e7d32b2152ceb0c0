"""freeinit against diffusers on a CUDA device, in half precision. Has not been run: no such device so far.

    python benchmarks/cuda/compare_cuda.py build/freeinit PIPELINE BUNDLE [--device cuda] [--repeats 5]

PIPELINE is a folder of AnimateDiffPipeline.save_pretrained, BUNDLE what `freeinit-export diffusers
PIPELINE BUNDLE --dtype float16` made of it. Peers take turns; a run is FreeInit with guidance, decoded.
Prints the table of docs/performance.md: seconds of a run and ratio to diffusers.
freeinit with CUDA graphs needs a build with FREEINIT_WITH_CUDA_GRAPHS=ON; give both builds
with a comma between them to see what they save.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time

PROMPT = "a corgi walking in the park"


class Diffusers:
    """diffusers, eager or compiled, in this process."""

    def __init__(self, folder: str, device: str, dtype: str, compiled: bool):
        import torch
        from diffusers import AnimateDiffPipeline

        self.torch, self.device = torch, device
        self.pipeline = AnimateDiffPipeline.from_pretrained(folder, torch_dtype=getattr(torch, dtype))
        self.pipeline.to(device).set_progress_bar_config(disable=True)
        if compiled:
            self.pipeline.unet.compile(mode="reduce-overhead")

    def run(self, steps: int, passes: int) -> float:
        self.pipeline.enable_free_init(num_iters=passes)
        start = time.perf_counter()
        self.pipeline(
            PROMPT, num_inference_steps=steps, generator=self.torch.Generator().manual_seed(7)
        )
        if self.device != "cpu":
            self.torch.cuda.synchronize()
        return time.perf_counter() - start


class Freeinit:
    """The command; loading and writing are not counted, as they are not for diffusers."""

    def __init__(self, command: str, bundle: str, device: str):
        self.command = [command, "generate", PROMPT, "--bundle", bundle, "--device", device]

    def run(self, steps: int, passes: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            options = ["--num-inference-steps", str(steps), "--num-iters", str(passes)]
            options += ["--seed", "7", "--json", "-o", f"{folder}/v.gif"]
            done = subprocess.run(
                [*self.command, *options], check=True, capture_output=True, text=True
            )
        seconds = json.loads(done.stdout)["seconds"]
        return sum(seconds[phase] for phase in ("encode", "denoise", "reinit", "decode"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("freeinit", help="the built command, or several with commas")
    parser.add_argument("pipeline")
    parser.add_argument("bundle")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="float16")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    peers = {
        "diffusers": Diffusers(options.pipeline, options.device, options.dtype, False),
        "diffusers-compile": Diffusers(options.pipeline, options.device, options.dtype, True),
    }
    for command in options.freeinit.split(","):
        peers[f"freeinit {command}"] = Freeinit(command, options.bundle, options.device)
    samples: dict[str, list[float]] = {name: [] for name in peers}
    for index in range(options.repeats + 1):  # the first compiles and fills caches
        for name, peer in peers.items():
            seconds = peer.run(options.steps, options.passes)
            if index:
                samples[name].append(seconds)
    base = statistics.median(samples["diffusers"])
    print("| | generation | ratio |\n| --- | ---: | ---: |")
    for name, found in samples.items():
        median = statistics.median(found)
        print(f"| {name} | {median:.2f} s | {median / base:.2f} |")


if __name__ == "__main__":
    main()
