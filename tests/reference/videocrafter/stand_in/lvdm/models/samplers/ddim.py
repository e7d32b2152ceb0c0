"""DDIM as VideoCrafter samples: its grid, its last level, dynamic rescale, noise in every step."""

import torch


class DDIMSampler:
    def __init__(self, model):
        self.model = model

    @torch.no_grad()
    def sample(self, S, batch_size, shape, conditioning, unconditional_conditioning=None,
               unconditional_guidance_scale=1.0, eta=0.0, x_T=None, verbose=True, **ignored):
        total = self.model.num_timesteps
        grid = [t + 1 for t in range(0, total, total // S)]
        x = torch.randn(batch_size, *shape) if x_T is None else x_T
        for index in reversed(range(len(grid))):
            t = torch.full((batch_size,), grid[index])
            eps = self.model.apply_model(x, t, conditioning)
            if unconditional_conditioning is not None and unconditional_guidance_scale != 1.0:
                plain = self.model.apply_model(x, t, unconditional_conditioning)
                eps = plain + unconditional_guidance_scale * (eps - plain)
            x = self._step(x, eps, grid[index], grid[index - 1] if index else 0, eta)
        return x, {}

    def _step(self, x, eps, t, previous, eta):
        level, next_level = (self.model.alphas_cumprod[i].double() for i in (t, previous))
        variance = (1 - next_level) / (1 - level) * (1 - level / next_level)
        sigma = eta * variance.sqrt()
        clean = (x - (1 - level).sqrt().float() * eps) / level.sqrt().float()
        kept = next_level.sqrt()
        if self.model.use_scale:
            clean = clean / self.model.scale_arr[t]
            kept = kept * self.model.scale_arr[previous]
        direction = (1 - next_level - sigma**2).sqrt().float() * eps
        noise = torch.randn(x.shape)  # drawn even where sigma is 0
        return kept.float() * clean + direction + sigma.float() * noise
