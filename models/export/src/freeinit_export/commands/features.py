"""The subcommand `freeinit-export features`."""

from __future__ import annotations

import argparse
from pathlib import Path

from freeinit_export.commands.subcommand import add_out, add_quiet, add_seed, add_subcommand
from freeinit_export.errors import Report

EXAMPLE = """\
  freeinit-export features vit_small_patch16_224.dino dino.pt \\
      --checkpoint dino_deitsmall16_pretrain.pth
"""


def add_features_command(sources) -> None:
    command = add_subcommand(
        sources,
        "features",
        "an image encoder for freeinit score --features",
        "MODEL: a timm model, for example vit_small_patch16_224.dino, torchvision:NAME, or"
        " efficientnet-lite0 to 4. OUT: the TorchScript file to make, with the preparation of images"
        " inside.",
        EXAMPLE,
    )
    command.add_argument("model", metavar="MODEL")
    add_out(command)
    weights = command.add_mutually_exclusive_group()
    weights.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="weights: a state dict (.pth, .safetensors), for example DINO's own"
        " dino_deitsmall16_pretrain.pth",
    )
    weights.add_argument(
        "--pretrained",
        action="store_true",
        help="let timm or torchvision fetch the weights; those of efficientnet-lite0 to 2 are a"
        " package. Without this or --checkpoint they are random",
    )
    command.add_argument(
        "--preprocessing",
        choices=("model", "dino", "whole"),
        default="model",
        help="sizes as the model's configuration says (default), as DINO's authors evaluate"
        " (shorter side 256, middle 224x224), or without a border (all of a square picture)",
    )
    add_seed(command)
    command.add_argument("--overwrite", action="store_true", help="replace OUT")
    add_quiet(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace, report: Report) -> None:
    from freeinit_export.sources.features import export_features

    export_features(options, report)
