"""The other side of the comparison: model and sampler of a VideoCrafter tree, with FreeInit written
out around the sampler."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import torch
from official_formulas import low_pass_mask, mix

LAST_TIMESTEP = 999


class _Config(dict):
    """The original reads its configuration by attribute as well as by key."""

    __getattr__ = dict.__getitem__


def _config(value):
    return _Config({k: _config(v) for k, v in value.items()}) if isinstance(value, dict) else value


class _LightningModule(torch.nn.Module):
    device = torch.device("cpu")


def _module(name: str, **content) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(content)
    return module


def import_tree(tree: Path):
    """(LatentDiffusion, DDIMSampler) of the tree, on the CPU. What its files import for training,
    images and other models is replaced by empty modules."""
    replaced = {
        "cv2": _module("cv2"),
        "kornia": _module("kornia"),
        "torchvision": _module("torchvision"),
        "torchvision.utils": _module("torchvision.utils", make_grid=None),
        "pytorch_lightning": _module("pytorch_lightning", LightningModule=_LightningModule),
        "xformers": None,  # its attention is for CUDA
    }
    before = {name: sys.modules.get(name) for name in replaced}
    for name in [n for n in sys.modules if n.partition(".")[0] in ("lvdm", "utils")]:
        del sys.modules[name]
    sys.modules.update(replaced)
    sys.path.insert(0, str(tree))
    try:
        from lvdm.models.ddpm3d import LatentDiffusion
        from lvdm.models.samplers.ddim import DDIMSampler
    finally:
        sys.path.remove(str(tree))
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module

    class CpuSampler(DDIMSampler):
        def register_buffer(self, name, value):  # the original moves every table to CUDA
            setattr(self, name, value)

    return LatentDiffusion, CpuSampler


class Original:
    """A model of the tree with the weights of a checkpoint."""

    def __init__(self, tree: Path, params: dict, weights: dict[str, torch.Tensor]):
        latent_diffusion, self._sampler = import_tree(tree)
        nothing = {"target": "torch.nn.Identity"}
        unet = {**params["unet_config"], "params": {**params["unet_config"]["params"], "use_checkpoint": False}}
        kept = {k: v for k, v in params.items() if not k.endswith("_config")}
        self.model = latent_diffusion(
            unet_config=_config(unet),
            first_stage_config=_config(nothing),
            cond_stage_config=_config(nothing),
            use_ema=False,
            **{k: v for k, v in kept.items() if k != "use_ema"},
        ).eval()
        prefix = "model.diffusion_model."
        network = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        self.model.model.diffusion_model.load_state_dict(network)

    @torch.no_grad()
    def generate(self, text, empty_text, shape, seed: int, settings: dict) -> torch.Tensor:
        """Latents [1,C,F,h,w]. Every number is drawn from the global generator, as in the
        original."""
        torch.manual_seed(seed)
        first = torch.randn(shape)
        mask = low_pass_mask(settings["method"], *shape[2:], 0.25, 0.25, 4)
        fps = torch.tensor([settings["fps"]]).long()
        noise = first
        for index in range(settings["num_iters"]):
            if index > 0:
                diffused = self.model.q_sample(latents, torch.tensor([LAST_TIMESTEP]), noise=first)
                noise = mix(diffused, torch.randn(shape), mask)
            latents, _ = self._sampler(self.model).sample(
                S=settings["num_inference_steps"],
                batch_size=1,
                shape=shape[1:],
                conditioning={"c_crossattn": [text], "fps": fps},
                unconditional_conditioning={"c_crossattn": [empty_text], "fps": fps},
                unconditional_guidance_scale=settings["guidance_scale"],
                eta=settings["eta"],
                x_T=noise,
                verbose=False,
            )
        return latents
