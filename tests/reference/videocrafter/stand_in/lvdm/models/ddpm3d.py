"""The model around the network: schedule, forward process, and the call with its conditions."""

import numpy as np
import torch
from lvdm.models.utils_diffusion import alphas_cumprod
from utils.utils import instantiate_from_config


class LatentDiffusion(torch.nn.Module):
    def __init__(self, unet_config, timesteps, linear_start, linear_end, use_scale=False, scale_a=1.0,
                 scale_b=0.3, mid_step=400, **others):
        super().__init__()
        self.model = torch.nn.Module()
        self.model.diffusion_model = instantiate_from_config(unet_config)
        self.num_timesteps = timesteps
        levels = alphas_cumprod(timesteps, linear_start, linear_end)
        self.register_buffer("alphas_cumprod", torch.tensor(levels, dtype=torch.float32))
        self.use_scale = use_scale
        if use_scale:
            falling = np.linspace(scale_a, scale_b, mid_step)
            table = np.concatenate([falling, np.full(timesteps - mid_step, scale_b)])
            self.register_buffer("scale_arr", torch.tensor(table, dtype=torch.float32))

    def apply_model(self, x, t, cond, **ignored):
        return self.model.diffusion_model(x, t, context=cond["c_crossattn"][0], fps=cond["fps"])

    def q_sample(self, x_start, t, noise):
        level = self.alphas_cumprod[t].view(-1, 1, 1, 1, 1)
        scale = self.scale_arr[t].view(-1, 1, 1, 1, 1) if self.use_scale else 1.0
        return level.sqrt() * x_start * scale + (1 - level).sqrt() * noise
