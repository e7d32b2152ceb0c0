"""The denoiser's networks and its noise.

The clip network is the image network with temporal layers between, as AnimateDiff's: it starts as
exactly the image model, because its temporal blocks begin with a zero output.

Both predict v (Salimans and Ho 2022): at high noise, where motion and layout are decided, that weighs
the clean image, while a prediction of the noise says next to nothing about it.
"""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel, UNetMotionModel
from diffusers.models.attention_processor import AttnProcessor

import world

SIZE = 16  # of the latents
SHAPE = dict(in_channels=4, out_channels=4, sample_size=SIZE, block_out_channels=(64, 128),
             layers_per_block=1, norm_num_groups=8, cross_attention_dim=64)


def scheduler():
    """Stable Diffusion's betas: .07 of the signal is left at the last timestep."""
    return DDIMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        clip_sample=False, set_alpha_to_one=True, steps_offset=1, timestep_spacing="leading",
        prediction_type="v_prediction")


def _with_plain_attention(net):
    """Attention as two matrix products: LibTorch's fused one is slower on sequences as short as ours."""
    net.set_attn_processor(AttnProcessor())
    return net


def image_network():
    return _with_plain_attention(UNet2DConditionModel(
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=4, **SHAPE))


def clip_network(image_weights=None):
    """The video UNet; with the image model's weights its temporal layers do nothing yet."""
    net = _with_plain_attention(UNetMotionModel(
        down_block_types=("DownBlockMotion", "CrossAttnDownBlockMotion"),
        up_block_types=("CrossAttnUpBlockMotion", "UpBlockMotion"), num_attention_heads=4,
        motion_num_attention_heads=8, motion_max_seq_length=world.FRAMES, use_motion_mid_block=True, **SHAPE))
    for name, parameter in net.named_parameters():
        if is_temporal(name) and ".proj_out." in name:
            torch.nn.init.zeros_(parameter)
    if image_weights is not None:
        missing, unexpected = net.load_state_dict(image_weights, strict=False)
        assert not unexpected and all(map(is_temporal, missing))
    return net


def is_temporal(name):
    return "motion_modules" in name
