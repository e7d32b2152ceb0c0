"""Does int8 pay on this CPU? One UNet call at mid size, float32 against int8 linear layers.

    python benchmarks/compare/int8.py --threads 1

`torch` quantises the linear layers dynamically (weights int8 per tensor, activations int8 at run
time), `openvino` compresses weights to int8 (nncf, if it is installed) and lets its CPU plugin
choose. Convolutions stay float32 in both. Calls take turns. Writes results/int8.json.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from measuring import conditions, measuring_parser, write_result
from models import ensure_backend, prepare, unet_inputs

TIMESTEP = 500


def accept_keyword() -> None:
    """diffusers calls some linear layers as layer(input=...), which the quantised one refuses."""
    layer = torch.ao.nn.quantized.dynamic.Linear
    forward = layer.forward
    layer.forward = lambda self, input: forward(self, input)


def torch_calls(model):
    from diffusers import AnimateDiffPipeline

    def load():
        return AnimateDiffPipeline.from_pretrained(model.pipeline).unet.eval()

    exact = load()
    accept_keyword()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        int8 = torch.ao.quantization.quantize_dynamic(load(), {torch.nn.Linear}, torch.qint8)
    inputs = unet_inputs(model.size)
    text = inputs["text"].repeat_interleave(inputs["latents"].shape[2], dim=0)

    def call(unet):
        return lambda: unet(inputs["latents"], TIMESTEP, encoder_hidden_states=text, return_dict=False)[0]

    return {"torch float32": call(exact), "torch int8 linear": call(int8)}


def openvino_calls(model, threads: int):
    try:
        import nncf
    except ImportError:
        return {}
    import openvino

    core = openvino.Core()
    inputs = unet_inputs(model.size)
    batch = inputs["latents"].shape[0]
    given = [inputs["latents"], torch.full((batch,), float(TIMESTEP)), inputs["text"], torch.full((batch,), 8.0)]
    given = [value.numpy() for value in given]
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}

    def call(network):
        compiled = core.compile_model(network, "CPU", settings)
        return lambda: torch.from_numpy(compiled(given)[0])

    def read():
        return core.read_model(model.bundle / "openvino" / "unet.xml")

    return {
        "openvino float32": call(read()),
        "openvino int8 weights": call(nncf.compress_weights(read())),
    }


@torch.no_grad()
def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, threads=1)
    parser.add_argument("--size", default="mid")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = prepare(options.size, options.work)
    ensure_backend(model, "openvino")
    calls = {**torch_calls(model), **openvino_calls(model, options.threads)}
    outputs = {name: call() for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    exact = outputs["torch float32"]
    result = {"conditions": conditions(options), "size": options.size, "repeats": options.repeats}
    result["runtimes"] = {}
    for name in calls:
        difference = ((outputs[name] - exact).norm() / exact.norm()).item()
        result["runtimes"][name] = {
            "cpu_seconds": round(statistics.median(seconds[name]), 3),
            "difference": float(f"{difference:.2g}"),
        }
        print(name, result["runtimes"][name], flush=True)
    write_result(options.results / "int8.json", result)


if __name__ == "__main__":
    main()
