"""A small video UNet with the signature of VideoCrafter's, and with everything that an export has to
deal with: text repeated per frame, a frame rate, relative positions of frames, temporal convolution,
a group norm that insists on float32, sizes that must be divisible, a last layer of zeros."""

import torch
from lvdm.models.utils_diffusion import timestep_embedding
from torch import nn


class Float32GroupNorm(nn.GroupNorm):
    def forward(self, x):
        return super().forward(x.float()).type(x.dtype)


class RelativePosition(nn.Module):
    def __init__(self, width, max_relative_position):
        super().__init__()
        self.max_relative_position = max_relative_position
        self.embeddings_table = nn.Parameter(torch.randn(2 * max_relative_position + 1, width) * 0.2)

    def forward(self, length_q, length_k):
        device = self.embeddings_table.device
        query, key = torch.arange(length_q, device=device), torch.arange(length_k, device=device)
        limit = self.max_relative_position
        return self.embeddings_table[(key[None] - query[:, None]).clamp(-limit, limit) + limit]


class CrossAttention(nn.Module):
    def __init__(self, width, context_width, heads, temporal_length=None):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)
        self.to_out = nn.Linear(width, width)
        self.relative_position = temporal_length is not None
        if self.relative_position:
            self.positions = RelativePosition(width // heads, temporal_length)

    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        q, k, v = (
            part.reshape(part.shape[0], part.shape[1], self.heads, -1).transpose(1, 2)
            for part in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        scores = q @ k.transpose(-1, -2)
        if self.relative_position:
            near = self.positions(q.shape[2], k.shape[2])
            scores = scores + torch.einsum("bhqd,qkd->bhqk", q, near)
        mixed = (scores * q.shape[-1] ** -0.5).softmax(dim=-1) @ v
        return self.to_out(mixed.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, width, embedding, context_width, heads, temporal_length, temporal_conv):
        super().__init__()
        self.norm = Float32GroupNorm(4, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.shift = nn.Linear(embedding, width)
        self.token_norm, self.line_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.text = CrossAttention(width, context_width, heads)
        self.time = CrossAttention(width, width, heads, temporal_length)
        self.temporal_conv = nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0)) if temporal_conv else None

    def forward(self, h, emb, context, batch_size):
        h = h + self.conv(nn.functional.silu(self.norm(h))) + self.shift(emb)[:, :, None, None]
        frames, c, height, width = h.shape
        tokens = h.flatten(2).transpose(1, 2)
        tokens = tokens + self.text(self.token_norm(tokens), context=context)
        video = tokens.reshape(batch_size, -1, height * width, c).transpose(1, 2)
        lines = video.reshape(-1, video.shape[2], c)
        video = video + self.time(self.line_norm(lines)).reshape(video.shape)
        volume = video.permute(0, 3, 2, 1).reshape(batch_size, c, -1, height, width)
        if self.temporal_conv is not None:
            volume = volume + self.temporal_conv(volume)
        return volume.transpose(1, 2).reshape(frames, c, height, width)


class UNetModel(nn.Module):
    def __init__(self, in_channels, model_channels, out_channels, context_dim, num_head_channels=16,
                 temporal_length=None, use_relative_position=False, temporal_conv=False,
                 fps_cond=False, use_fp16=False, time_cond_proj_dim=None, motion_cond_proj_dim=None, **others):
        super().__init__()
        self.in_channels, self.model_channels, self.fps_cond = in_channels, model_channels, fps_cond
        self.dtype = torch.float16 if use_fp16 else torch.float32
        self.time_embed = nn.Sequential(nn.Linear(model_channels, 64), nn.SiLU(), nn.Linear(64, 64))
        if fps_cond:
            self.fps_embedding = nn.Sequential(nn.Linear(model_channels, 64), nn.SiLU(), nn.Linear(64, 64))
        # T2V-Turbo's: what it is told of guidance and of motion.
        if time_cond_proj_dim is not None:
            self.time_cond_proj = nn.Linear(time_cond_proj_dim, model_channels, bias=False)
        if motion_cond_proj_dim is not None:
            self.motion_cond_proj = nn.Linear(motion_cond_proj_dim, model_channels, bias=False)
            self.combine_proj = nn.Linear(2 * model_channels, model_channels, bias=False)
        length = temporal_length if use_relative_position else None
        arguments = (model_channels, 64, context_dim, model_channels // num_head_channels, length, temporal_conv)
        self.first = nn.Conv2d(in_channels, model_channels, 3, padding=1)
        self.fine, self.coarse = Block(*arguments), Block(*arguments)
        self.down = nn.Conv2d(model_channels, model_channels, 3, stride=2, padding=1)
        self.join = nn.Conv2d(2 * model_channels, model_channels, 1)
        self.last_norm = Float32GroupNorm(4, model_channels)
        self.out = nn.Conv2d(model_channels, out_channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x, timesteps, context=None, features_adapter=None, fps=16, timestep_cond=None,
                motion_cond=None, **kwargs):
        emb = timestep_embedding(timesteps, self.model_channels, repeat_only=False)
        if timestep_cond is not None:
            told = self.time_cond_proj(timestep_cond)
            if motion_cond is not None:
                told = self.combine_proj(torch.cat([told, self.motion_cond_proj(motion_cond)], dim=1))
            emb = emb + told
        emb = self.time_embed(emb)
        if self.fps_cond:
            if type(fps) is int:
                fps = torch.full_like(timesteps, fps)
            emb = emb + self.fps_embedding(timestep_embedding(fps, self.model_channels))
        batch, frames = x.shape[0], x.shape[2]
        context = context.repeat_interleave(frames, dim=0)
        emb = emb.repeat_interleave(frames, dim=0)
        h = self.first(x.transpose(1, 2).flatten(0, 1).type(self.dtype))
        fine = self.fine(h, emb, context, batch)
        coarse = self.coarse(self.down(fine), emb, context, batch)
        coarse = nn.functional.interpolate(coarse, scale_factor=2.0, mode="nearest")
        h = self.join(torch.cat([fine, coarse], dim=1))  # odd sizes do not fit
        y = self.out(nn.functional.silu(self.last_norm(h)))
        return y.unflatten(0, (batch, frames)).transpose(1, 2)
