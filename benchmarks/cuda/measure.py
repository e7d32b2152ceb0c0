#!/usr/bin/env python3
"""What a network call and a whole run take on a device, for each backend: one JSON line each.

    python3 benchmarks/cuda/measure.py WORKER BUNDLE... [--device cuda] [--backends NAME...]

WORKER is compare_worker. Each bundle makes a video of its recommended size. Needs nothing but Python's standard library:
scripts/cuda.sh packs it for machines that have little else.
"""

import argparse
import array
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

WARM_UP = 3  # TorchScript compiles in the first calls; graphs are recorded in the first one of a shape


class Ended(Exception):
    """The worker has no answer; why stands on its standard error."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worker", type=pathlib.Path)
    parser.add_argument("bundles", nargs="+", type=pathlib.Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--backends", nargs="+", default=["torchscript", "cuda-graphs"])
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def write_inputs(path, shapes):
    """Normal numbers of these shapes, as `.safetensors`."""
    dice, header, data = random.Random(7), {}, array.array("f")
    for name, shape in shapes.items():
        begin, count = 4 * len(data), 1
        for size in shape:
            count *= size
        data.extend(dice.gauss(0, 1) for _ in range(count))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, 4 * len(data)]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data.tobytes())


def jobs_of(manifest, inputs):
    """The jobs of a bundle as compare_worker reads them: a call with guidance, and a video."""
    unet, size, scale = manifest["unet"], manifest["recommended"], manifest["vae"]["spatial_scale"]
    latents = [2, unet["in_channels"], size["num_frames"], size["height"] // scale, size["width"] // scale]
    text = [2, manifest["text_encoder"]["max_length"], unet["context_dim"]]
    write_inputs(inputs, {"latents": latents, "text": text})
    wanted = ("num_frames", "height", "width", "num_inference_steps", "guidance_scale", "num_iters")
    run = {"job": "generate", "prompt": "a red circle moving right", "seed": 7, **{name: size[name] for name in wanted}}
    return {"job": "unet", "input": str(inputs), "timestep": 500}, run


class Worker:
    def __init__(self, *line):
        self.process = subprocess.Popen([*map(str, line)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.load_seconds = self.answer()["load_seconds"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise Ended
        return json.loads(line)

    def ask(self, job):
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Ended from None
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()  # it ends with its input


def summary(answers):
    seconds = [answer["seconds"] for answer in answers]
    return {"seconds": statistics.median(seconds), "least": min(seconds), "most": max(seconds), "repeats": len(seconds),
            "peak_mib": max(answer["peak_mib"] for answer in answers)}


def measured(given, bundle, backend, call, run):
    """The two lines of a backend."""
    about = {"bundle": bundle.name, "backend": backend, "device": given.device}
    with Worker(given.worker, bundle, 1, backend, given.device) as worker:
        calls = [worker.ask(call) for _ in range(WARM_UP + given.calls)][WARM_UP:]
        yield {**about, "measured": "network call", **summary(calls)}
        runs = [worker.ask(run) for _ in range(1 + given.runs)][1:]
        networks = statistics.median(answer["network_seconds"] for answer in runs)
        yield {**about, "measured": "run", **summary(runs), "network_seconds": networks,
               "network_calls": runs[0]["unet_calls"], "load_seconds": worker.load_seconds}


def main():
    given = arguments()
    failed = False
    for bundle in given.bundles:
        manifest = json.loads((bundle / "manifest.json").read_text())
        with tempfile.TemporaryDirectory() as folder:
            call, run = jobs_of(manifest, pathlib.Path(folder) / "inputs.safetensors")
            for backend in given.backends:
                try:
                    for line in measured(given, bundle, backend, call, run):
                        print(json.dumps(line), flush=True)
                except Ended:
                    failed = True
                    print(json.dumps({"bundle": bundle.name, "backend": backend, "error": "no answer"}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
