"""Source `videocrafter`: a VideoCrafter checkout, a YAML config and a checkpoint of its format."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import torch

from freeinit_export.bundle.manifest import provenance
from freeinit_export.errors import ExportError, naming, one_line
from freeinit_export.networks.autoencoder import components_of
from freeinit_export.networks.component import Component, VideoModel, check_finite
from freeinit_export.networks.open_clip_text import (
    OpenClipText,
    OpenClipVocabulary,
    is_unneeded,
    text_config,
)
from freeinit_export.networks.text_encoder import token_component
from freeinit_export.networks.videocrafter_unet import in_precision, unet_component
from freeinit_export.sources.checkpoint_file import Tensors, assign_weights, read_tensors
from freeinit_export.sources.t2v_turbo import Turbo, turbo_of
from freeinit_export.sources.videocrafter_config import VideoCrafterConfig, read_config
from freeinit_export.sources.videocrafter_tree import load_classes

_AUTOENCODER = "lvdm.modules.networks.ae_modules"
# Where a checkpoint keeps the networks.
_PREFIXES = {
    "unet": "model.diffusion_model.",
    "autoencoder": "first_stage_model.",
    "text encoder": "cond_stage_model.model.",
}
_DEEPSPEED = "_forward_module."


class Autoencoder(torch.nn.Module):
    """Latent diffusion's per-frame autoencoder: the checkout's encoder and decoder."""

    def __init__(self, encoder_class: Any, decoder_class: Any, params: dict[str, Any]):
        super().__init__()
        details, width = params["ddconfig"], params["embed_dim"]
        self.encoder = encoder_class(**details)
        self.decoder = decoder_class(**details)
        self.quant_conv = torch.nn.Conv2d(2 * details["z_channels"], 2 * width, 1)
        self.post_quant_conv = torch.nn.Conv2d(width, details["z_channels"], 1)


def load_model(
    tree: Path,
    config_file: Path,
    checkpoint: Path | None,
    dtype: torch.dtype,
    seed: int = 0,
    fill_zeros: bool = False,
    unet_file: Path | None = None,
    embedded_guidance: float = 7.5,
) -> VideoModel:
    """Builds the model and prepares everything that is exported. Without `checkpoint` the weights
    are fresh, drawn from `seed`; `fill_zeros` then draws those as well that start at zero.
    `unet_file` replaces the checkpoint's UNet; one of T2V-Turbo is told `embedded_guidance`."""
    config = read_config(config_file)
    if unet_file is not None and checkpoint is None:
        raise ExportError(f"--unet '{unet_file}': expected the other networks as --checkpoint")
    unet_states = read_tensors(unet_file) if unet_file else None
    turbo = turbo_of(unet_states, embedded_guidance) if unet_states else None
    if turbo is not None:
        config = turbo.changed(config)
    text = text_config(config.text["arch"], config_file.parent)
    skip = 1 if config.text["layer"] == "penultimate" else 0
    networks = _build(tree, config, text, skip, seed, fresh=checkpoint is None)
    if checkpoint is not None:
        states = _checkpoint_states(checkpoint)
        if unet_states is not None:
            states = {k: v for k, v in states.items() if not k.startswith(_PREFIXES["unet"])}
            states |= {_PREFIXES["unet"] + key: value for key, value in unet_states.items()}
        _load_weights(checkpoint, states, networks, lambda key: is_unneeded(key, text, skip))
    elif fill_zeros:
        _fill_zeros(networks)
    for role, network in networks.items():
        check_finite(f"'{checkpoint or config_file}', {role}", network.eval().requires_grad_(False))
    with naming(f"'{config_file}'", "the config of networks that run"):
        return _described(config, networks, dtype, checkpoint is not None, turbo)


def _build(
    tree: Path,
    config: VideoCrafterConfig,
    text: dict[str, Any],
    skip: int,
    seed: int,
    fresh: bool,
) -> dict[str, torch.nn.Module]:
    names = [config.unet_target, f"{_AUTOENCODER}.Encoder", f"{_AUTOENCODER}.Decoder"]
    unet, encoder, decoder = load_classes(tree, names)
    # Weights that a checkpoint replaces need no memory before it does.
    with torch.random.fork_rng(devices=[]), torch.device("cpu" if fresh else "meta"):
        torch.manual_seed(seed)
        return {
            "unet": _made("unet_config", unet, **config.unet),
            "autoencoder": _made(
                "first_stage_config", Autoencoder, encoder, decoder, config.first_stage
            ),
            "text encoder": OpenClipText(text, skip),
        }


def _made(section: str, kind: Any, *arguments: Any, **params: Any) -> torch.nn.Module:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # the original prints sizes
            return kind(*arguments, **params)
    except Exception as error:  # whatever the original's constructor raises
        raise ExportError(
            f"config: '{section}.params' do not fit {kind.__name__}: {type(error).__name__}:"
            f" {one_line(error)}"
        )


def _fill_zeros(networks: dict[str, torch.nn.Module]) -> None:
    generator = torch.Generator().manual_seed(0)
    for network in networks.values():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.data.normal_(0.0, 0.05, generator=generator)


def _checkpoint_states(path: Path) -> Tensors:
    return {key.removeprefix(_DEEPSPEED): value for key, value in read_tensors(path).items()}


def _load_weights(
    path: Path, state: Tensors, networks: dict[str, torch.nn.Module], unneeded
) -> None:
    for role, network in networks.items():
        prefix = _PREFIXES[role]
        part = {key[len(prefix) :]: state[key] for key in state if key.startswith(prefix)}
        if not part:
            raise ExportError(
                f"'{path}': has no weights of the {role} (keys '{prefix}...'); expected a"
                " VideoCrafter checkpoint"
            )
        if role == "autoencoder":
            part = {key: value for key, value in part.items() if not key.startswith("loss.")}
        if role == "text encoder":
            part = {key: value for key, value in part.items() if not unneeded(key)}
        assign_weights(f"'{path}', {role}", network, part, "the checkpoint of this config")


def _described(
    config: VideoCrafterConfig,
    networks: dict[str, torch.nn.Module],
    dtype: torch.dtype,
    trained: bool,
    turbo: Turbo | None,
) -> VideoModel:
    unet, unet_section = unet_component(
        in_precision(networks["unet"], dtype),
        dtype,
        config.unet["context_dim"],
        config.uses_fps,
        turbo.conditions if turbo else {},
    )
    details = {"weights": "checkpoint" if trained else "random"}
    if turbo is not None:
        details["embedded_guidance"] = f"{turbo.guidance_scale:g}"
    encoder = networks["text encoder"].to(dtype)
    vocabulary, width = encoder.token_embedding.weight.shape
    max_length = min(config.text["max_length"], encoder.context_length)
    text, text_section = token_component(encoder, vocabulary, width, max_length)
    vae_components, vae_section = _autoencoder_components(
        networks["autoencoder"].to(dtype), config, dtype
    )
    return VideoModel(
        family="videocrafter",
        dtype=dtype,
        components={"unet": unet, "text_encoder": text, **vae_components},
        unet={**unet_section, **(turbo.limits if turbo else {})},
        text_encoder=text_section,
        vae=vae_section,
        tokenizer=OpenClipVocabulary(),
        max_text_length=max_length,
        scheduler=config.scheduler,
        recommended={
            **_recommended(config, vae_section["spatial_scale"]),
            **(turbo.recommended if turbo else {}),
        },
        created_by=provenance("VideoCrafter", details),
        notes=[] if trained else ["no checkpoint: the weights are random"],
    )


def _autoencoder_components(
    vae: Autoencoder, config: VideoCrafterConfig, dtype: torch.dtype
) -> tuple[dict[str, Component], dict[str, Any]]:
    details = config.first_stage["ddconfig"]
    section = {
        "latent_channels": config.first_stage["embed_dim"],
        "spatial_scale": 2 ** (len(details["ch_mult"]) - 1),
        "scaling_factor": config.scale_factor,
    }
    return components_of(
        vae,
        section,
        details["in_channels"],
        dtype,
        lambda z: vae.decoder(vae.post_quant_conv(z)),
        lambda x: vae.quant_conv(vae.encoder(x)),
    )


def _recommended(config: VideoCrafterConfig, scale: int) -> dict[str, Any]:
    """What the original's script for VideoCrafter2 asks for. It tells the model 28 frames a second
    and writes files of 10."""
    height, width = config.size
    settings = {
        "num_frames": config.num_frames,
        "height": height * scale,
        "width": width * scale,
        "fps": 28.0 if config.uses_fps else 10.0,
        "num_inference_steps": 50,
        "guidance_scale": 12.0,
        "eta": 1.0,
        "mend_text": True,  # open_clip's tokenizer does
    }
    return {**settings, "output_fps": 10.0} if config.uses_fps else settings
