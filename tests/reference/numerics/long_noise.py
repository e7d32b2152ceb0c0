"""The first noise of long clips as diffusers' FreeNoise makes it, and the draw after it."""

from types import SimpleNamespace

import torch
from diffusers.pipelines.free_noise_utils import AnimateDiffFreeNoiseMixin

from golden_files import write_json, write_tensors

CASES = [
    {"noise": "shuffle_context", "frames": 20, "length": 8, "overlap": 4, "seed": 1},
    {"noise": "shuffle_context", "frames": 37, "length": 16, "overlap": 4, "seed": 2},
    {"noise": "shuffle_context", "frames": 11, "length": 8, "overlap": 0, "seed": 3},
    {"noise": "random", "frames": 20, "length": 8, "overlap": 4, "seed": 4},
    {"noise": "shuffle_context", "frames": 8, "length": 8, "overlap": 4, "seed": 5},
]
SHAPE = (1, 2, None, 3, 3)


def free_noise(case, generator):
    """diffusers' method on the few attributes that it reads."""
    pipeline = SimpleNamespace(vae_scale_factor=1, _free_noise_context_length=case["length"],
                               _free_noise_context_stride=case["length"] - case["overlap"],
                               _free_noise_noise_type=case["noise"])
    return AnimateDiffFreeNoiseMixin._prepare_latents_free_noise(
        pipeline, SHAPE[0], SHAPE[1], case["frames"], SHAPE[3], SHAPE[4], torch.float32, torch.device("cpu"), generator)


def main():
    tensors = {}
    for number, case in enumerate(CASES):
        generator = torch.Generator().manual_seed(case["seed"])
        tensors[f"{number}_first"] = free_noise(case, generator)
        tensors[f"{number}_next"] = torch.randn(7, generator=generator)
    write_json("long_noise.json", {"cases": CASES})
    write_tensors("long_noise.safetensors", tensors)
    print(f"long noise: {len(CASES)} cases")


if __name__ == "__main__":
    main()
