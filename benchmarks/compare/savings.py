"""What each exact saving of freeinit is worth: its share of one UNet call or of a whole run.

    python benchmarks/compare/savings.py --threads 2

Times diffusers' own parts at mid size in turns, as that is what the savings are against: the keys
and values of the text, which diffusers computes for every frame and the exported network once a
prompt; a call without the negative prompt; encoding the prompts; decoding a pass. The shares of a
run are those of `--passes` passes of `--steps` steps, added up from the parts. Text encoder and VAE
of that model are small. Writes results/savings.json.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from measuring import conditions, measuring_parser, write_result
from models import PROMPT, SIZES, prepare, unet_inputs


def seconds(call: Callable) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def text_layers(unet) -> list[torch.nn.Module]:
    """The layers that see nothing but the text."""
    return [
        layer
        for name, layer in unet.named_modules()
        if "motion_modules" not in name and name.endswith(("attn2.to_k", "attn2.to_v"))
    ]


def parts_of(pipeline, size: str) -> dict[str, Callable]:
    given, frames = unet_inputs(size), SIZES[size].frames
    latents, text = given["latents"], given["text"]
    per_frame = text.repeat_interleave(frames, dim=0)
    layers = text_layers(pipeline.unet)
    ids = pipeline.tokenizer(PROMPT, padding="max_length", return_tensors="pt").input_ids

    def unet(batch: int):
        return pipeline.unet(latents[:batch], 500, encoder_hidden_states=per_frame[: batch * frames])

    return {
        "unet": lambda: unet(2),
        "unet_unguided": lambda: unet(1),
        "text_per_frame": lambda: [layer(per_frame) for layer in layers],
        "text_once": lambda: [layer(text) for layer in layers],
        "encode": lambda: pipeline.text_encoder(ids),
        "decode": lambda: pipeline.vae.decode(latents[0].transpose(0, 1)),
    }


def shares(part: dict[str, float], steps: int, passes: int) -> list[dict]:
    """Seconds saved. Encoding: against once a pass, as by a loop around a pipeline."""
    whole = {
        "one UNet call": part["unet"],
        "a run": 2 * part["encode"] + passes * steps * part["unet"] + part["decode"],
    }
    saved = [
        ("text projected once a prompt, not once a frame", part["text_per_frame"] - part["text_once"], "one UNet call"),
        ("no negative prompt at guidance scale 1", part["unet"] - part["unet_unguided"], "one UNet call"),
        ("prompts encoded once a run, not once a pass", 2 * (passes - 1) * part["encode"], "a run"),
        ("only the last pass decoded", (passes - 1) * part["decode"], "a run"),
    ]
    return [
        {"saving": name, "seconds": value, "share": value / whole[of], "of": of} for name, value, of in saved
    ]


@torch.no_grad()
def main() -> None:
    parser = measuring_parser(__doc__.splitlines()[0], repeats=5, steps=25, passes=3)
    parser.add_argument("--size", default="mid")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    from diffusers import AnimateDiffPipeline

    model = prepare(options.size, options.work)
    parts = parts_of(AnimateDiffPipeline.from_pretrained(model.pipeline), options.size)
    samples: dict[str, list[float]] = {name: [] for name in parts}
    for index in range(options.repeats + 1):
        for name, call in parts.items():
            spent = seconds(call)
            if index:  # the first is the warm-up
                samples[name].append(spent)
    medians = {name: statistics.median(values) for name, values in samples.items()}
    result = {
        "size": options.size,
        "conditions": conditions(options),
        "repeats": options.repeats,
        "parts": {name: round(value, 5) for name, value in medians.items()},
        "shares": shares(medians, options.steps, options.passes),
    }
    write_result(options.results / "savings.json", result)


if __name__ == "__main__":
    main()
