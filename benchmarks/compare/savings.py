"""What each exact saving of freeinit is worth: its share of one UNet call or of a whole run.

    python benchmarks/compare/savings.py --threads 2

Times diffusers' own parts at mid size in turns, as that is what the savings are against: the keys
and values of the text, which diffusers computes for every frame and the exported network once a
prompt; guidance and a step with a new tensor for each result, and with the same tensors again; a call
without the negative prompt; encoding the prompts; decoding a pass. The shares of a run are those of
`--passes` passes of `--steps` steps, added up from the parts. Text encoder and VAE of that model are
small. Writes results/savings.json.
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


STEPS = 1000  # timed at once: one takes as long as looking at the clock some hundred times


def seconds(call: Callable) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def guided_steps(latents: torch.Tensor, again: bool) -> None:
    """Classifier-free guidance and DDIM's step of a velocity, each STEPS times."""
    sample, predictions = latents[:1].clone(), latents + 1
    negative, positive = predictions.chunk(2)
    signal, noise = 0.8, 0.6  # roots of the cumulative product of alphas and of what it lacks to 1
    kept = [torch.empty_like(sample) for _ in range(5)] if again else [None] * 5
    for _ in range(STEPS):
        change = torch.sub(positive, negative, out=kept[0])
        guided = torch.add(negative, change, alpha=7.5, out=kept[1])
        scaled = torch.mul(sample, signal, out=kept[2])
        clean = torch.sub(scaled, guided, alpha=noise, out=kept[3])
        scaled = torch.mul(guided, signal, out=kept[2])
        epsilon = torch.add(scaled, sample, alpha=noise, out=kept[4])
        scaled = torch.mul(clean, 0.9, out=kept[2])
        torch.add(scaled, epsilon, alpha=0.4, out=kept[1])


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
        "steps_new": lambda: guided_steps(latents, again=False),
        "steps_again": lambda: guided_steps(latents, again=True),
    }


def shares(part: dict[str, float], steps: int, passes: int) -> list[dict]:
    """Seconds saved. Encoding: against once a pass, as by a loop around a pipeline."""
    whole = {
        "one UNet call": part["unet"],
        "a run": 2 * part["encode"] + passes * steps * part["unet"] + part["decode"],
    }
    saved = [
        ("text projected once a prompt, not once a frame", part["text_per_frame"] - part["text_once"], "one UNet call"),
        ("guidance and step write to the same tensors", (part["steps_new"] - part["steps_again"]) / STEPS, "one UNet call"),
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
