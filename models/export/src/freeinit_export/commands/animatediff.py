"""The subcommand `freeinit-export animatediff`."""

from __future__ import annotations

import argparse
from pathlib import Path

from freeinit_export.bundle.settings import PRESETS
from freeinit_export.commands.subcommand import (
    add_bundle_options,
    add_few_step,
    add_out,
    add_subcommand,
    add_text_options,
    add_weight_options,
    torch_dtype,
)

EXAMPLE = """\
  freeinit-export animatediff --base stable-diffusion-v1-5 --motion-module mm_sd_v15_v2.ckpt \\
      --checkpoint toonyou_beta6.safetensors --lora add_detail.safetensors:0.7 my-bundle
"""


def add_animatediff_command(sources) -> None:
    command = add_subcommand(
        sources,
        "animatediff",
        "an image model, a motion module and LoRAs, as published",
        "OUT: the bundle to make, of a Stable Diffusion 1.5 model and a motion module"
        " of AnimateDiff v1, v2 or v3, AnimateLCM or AnimateDiff-Lightning. LoRAs become part of"
        " the weights.",
        EXAMPLE,
    )
    add_out(command)
    _add_files(command)
    add_bundle_options(command)
    add_text_options(command)
    add_weight_options(command)
    add_few_step(command)
    command.add_argument(
        "--preset",
        choices=list(PRESETS),
        default="freeinit-official",
        help="schedule: that of the authors (default), or that of diffusers' documentation",
    )
    command.add_argument(
        "--norms",
        choices=["diffusers", "original"],
        default="diffusers",
        help="which values a group norm takes together: as diffusers does (default), or as"
        " AnimateDiff's own code",
    )
    command.set_defaults(load=_load, named_after="base")


def _add_files(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--base",
        required=True,
        type=Path,
        metavar="PATH",
        help="the image model: a folder written by diffusers, or one .safetensors or .ckpt file",
    )
    command.add_argument(
        "--motion-module",
        required=True,
        type=Path,
        metavar="PATH",
        help="a .ckpt or .safetensors file as published, or a diffusers motion adapter folder",
    )
    command.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="a personalised model in one file: its networks replace those of the --base folder",
    )
    for option, what in (("--lora", "LoRA of the image model"), ("--motion-lora", "motion LoRA")):
        command.add_argument(
            option,
            action="append",
            default=[],
            metavar="FILE[:SCALE]",
            help=f"{what} (scale: 1); repeatable",
        )
    command.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FOLDER",
        help="CLIP's tokenizer.json, or vocab.json and merges.txt, where --base is one file",
    )


def _load(options: argparse.Namespace):
    from freeinit_export.sources.animatediff import Files, load_animatediff
    from freeinit_export.sources.embedding import EmbeddingFile
    from freeinit_export.sources.lora import LoraFile

    files = Files(
        options.base,
        options.motion_module,
        options.checkpoint,
        options.tokenizer,
        [LoraFile.parse(text) for text in options.lora],
        [LoraFile.parse(text) for text in options.motion_lora],
        options.vae,
        options.variant,
        [EmbeddingFile.parse(text) for text in options.embedding],
    )
    return load_animatediff(
        files,
        torch_dtype(options),
        options.clip_skip,
        options.preset,
        options.norms,
        options.few_step,
    )
