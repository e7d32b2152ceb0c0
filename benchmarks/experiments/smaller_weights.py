"""What smaller weights gain: one UNet call at mid size, and the memory of a process that makes a video.

    python benchmarks/run.py smaller_weights build/benchmarks/compare_worker --threads 1

`freeinit-int8` is OpenVINO's network quantised by nncf, convolutions too; `freeinit-float16-weights`
keeps weights in float16 and computes in float32. Beside them OpenVINO's network of which nncf
compressed the weights alone to int8. Calls take turns. What they do to a video: fewer_operations.py. Writes
results/smaller_weights.json.
"""

from __future__ import annotations

import time

import torch
from experiments.compare import jobs_of, start, summary
from measuring.models import ensure_backend, prepare, unet_inputs
from measuring.options import conditions, measuring_parser, write_result
from measuring.reference import REFERENCE
from safetensors.torch import load_file, save_file

PROGRAMS = (
    REFERENCE, "freeinit-torchscript", "freeinit-winograd", "freeinit-float16-weights", "freeinit-int8", "freeinit-openvino",
)  # fmt: skip


class CompressedWeights:
    """OpenVINO's network with int8 weights, behind the `ask` of a worker."""

    def __init__(self, model, threads: int):
        import nncf
        import openvino

        core = openvino.Core()
        network = nncf.compress_weights(core.read_model(model.bundle / "openvino" / "unet.xml"))
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        inputs = openvino_inputs(model.size, 500)
        network.reshape(dict(enumerate(list(value.shape) for value in inputs)))
        self.network = core.compile_model(network, "CPU", settings)
        self.size = model.size

    def ask(self, timestep: int, output: str = "", **job) -> dict:
        inputs = openvino_inputs(self.size, timestep)
        clocks = time.perf_counter(), time.process_time()
        found = self.network(inputs)[0]
        seconds, cpu_seconds = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
        if output:
            save_file({"latents": torch.from_numpy(found.copy())}, output)
        return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": 0}

    def close(self) -> None:
        del self.network


def openvino_inputs(size: str, timestep: int) -> list:
    inputs = unet_inputs(size)
    batch = inputs["latents"].shape[0]
    values = [inputs["latents"], torch.full((batch,), float(timestep)), inputs["text"], torch.full((batch,), 8.0)]
    return [value.numpy() for value in values]


def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, steps=1, passes=2, threads=1)
    parser.add_argument("program", help="the built compare_worker")
    parser.add_argument("--size", default="mid")
    options = parser.parse_args()
    options.jobs = ["generate", "unet"]
    torch.set_num_threads(options.threads)
    model = prepare(options.size, options.work, all_bits=True)  # that float16 has to round
    folder = model.pipeline.parent
    ensure_backend(model, "openvino")
    jobs = jobs_of(model, folder, options)
    workers: dict = {}
    peaks = {}
    try:
        for name in PROGRAMS:
            workers[name] = start(name, model, folder, options)
            peaks[name] = workers[name].ask(job="generate", **jobs["generate"])["peak_mib"]
        workers["openvino, int8 weights"] = CompressedWeights(model, options.threads)
        outputs = {name: folder / f"smaller-{index}.safetensors" for index, name in enumerate(workers)}
        for name, worker in workers.items():  # warm-up
            worker.ask(job="unet", **jobs["unet"], output=str(outputs[name]))
        rounds: dict[str, list[dict]] = {name: [] for name in workers}
        for _ in range(options.repeats):
            for name, worker in workers.items():
                rounds[name].append(worker.ask(job="unet", **jobs["unet"]))
                print(f"  {name}: {rounds[name][-1]['cpu_seconds']:.2f} s", flush=True)
    finally:
        for worker in workers.values():
            worker.close()
    exact = load_file(outputs[REFERENCE])["latents"]
    result = {"conditions": conditions(options), "size": options.size, "repeats": options.repeats}
    result["runtimes"] = {}
    for name, samples in rounds.items():
        found = load_file(outputs[name])["latents"]
        result["runtimes"][name] = {
            **summary(samples),
            "peak_mib": round(peaks[name]) if name in peaks else None,
            "difference": float(f"{((found - exact).norm() / exact.norm()).item():.2g}"),
        }
    write_result(options.results / "smaller_weights.json", result)

