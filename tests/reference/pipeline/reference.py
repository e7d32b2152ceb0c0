"""The other side: diffusers, on the very pipeline that was exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from freeinit_export import cli

FREE_INIT = (
    "num_iters",
    "use_fast_sampling",
    "method",
    "order",
    "spatial_stop_frequency",
    "temporal_stop_frequency",
)

# Arguments of tiny_pipeline(). Both have linear betas as AnimateDiff has; together they cover both
# predictions, both grids of timesteps, both ends of the noise schedule, and two depths of UNet and
# VAE.
MODELS = {
    "epsilon-leading": {"seed": 1, "levels": 2, "vae_levels": 3},
    "v-linspace": {
        "seed": 2,
        "levels": 3,
        "vae_levels": 4,
        "prediction_type": "v_prediction",
        "timestep_spacing": "linspace",
        "set_alpha_to_one": False,
    },
}


def export_bundle(pipeline, folder: Path, *options: str) -> Path:
    """Saves the pipeline and turns it into a bundle with the command `freeinit-export`, called in this
    process: all that it imports is here already."""
    pipeline.save_pretrained(folder / "pipeline")
    paths = [str(folder / "pipeline"), str(folder / "bundle")]
    assert cli.main(["diffusers", *paths, "--quiet", *options]) == 0
    return folder / "bundle"


def diffusers_run(
    pipeline, prompt: str, seed: int, settings: dict
) -> tuple[torch.Tensor, np.ndarray]:
    """Latents [1,C,F,h,w] and frames [F,H,W,3] of one video."""
    free_init = {key: settings[key] for key in FREE_INIT if key in settings}
    call = {key: value for key, value in settings.items() if key not in FREE_INIT}
    last = {}

    def remember(_, step, timestep, values):
        last["latents"] = values["latents"].clone()
        return {}

    pipeline.enable_free_init(**free_init)
    try:
        with torch.no_grad():
            frames = pipeline(
                prompt,
                generator=torch.Generator().manual_seed(seed),
                output_type="np",
                callback_on_step_end=remember,
                **call,
            ).frames
    finally:
        pipeline.disable_free_init()
    return last["latents"], frames[0]
