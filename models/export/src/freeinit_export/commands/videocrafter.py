"""The subcommand `freeinit-export videocrafter`."""

from __future__ import annotations

import argparse
from pathlib import Path

from freeinit_export.commands.subcommand import (
    add_bundle_options,
    add_out,
    add_seed,
    add_subcommand,
    torch_dtype,
)

EXAMPLE = """\
  freeinit-export videocrafter videocrafter2-bundle --source VideoCrafter \\
      --config VideoCrafter/configs/inference_t2v_512_v2.0.yaml --checkpoint model.ckpt
"""


def add_videocrafter_command(sources) -> None:
    command = add_subcommand(
        sources,
        "videocrafter",
        "a VideoCrafter checkpoint, with your checkout of its code",
        "OUT: the bundle to make. The networks are built by the original code, which"
        " is not part of this package; of that code only the files that define them are imported.",
        EXAMPLE,
    )
    add_out(command)
    command.add_argument(
        "--source", required=True, type=Path, metavar="TREE", help="checkout of VideoCrafter"
    )
    command.add_argument(
        "--config", required=True, type=Path, metavar="YAML", help="config of the model"
    )
    command.add_argument(
        "--checkpoint",
        type=Path,
        metavar="CKPT",
        help="weights (.ckpt, .safetensors); without them they are random, for tests",
    )
    command.add_argument(
        "--unet",
        type=Path,
        metavar="FILE",
        help="weights of the UNet alone, in place of those in CKPT: T2V-Turbo",
    )
    command.add_argument(
        "--embedded-guidance",
        type=float,
        default=7.5,
        metavar="X",
        help="the guidance scale that a T2V-Turbo network is told (default: 7.5)",
    )
    add_seed(command)
    command.add_argument(
        "--fill-zeros",
        action="store_true",
        help="random weights: draw those too that start at zero and would hide a branch",
    )
    add_bundle_options(command)
    command.set_defaults(load=_load, named_after="config")


def _load(options: argparse.Namespace):
    from freeinit_export.sources.videocrafter import load_model

    return load_model(
        options.source,
        options.config,
        options.checkpoint,
        torch_dtype(options),
        options.seed,
        options.fill_zeros,
        options.unet,
        options.embedded_guidance,
    )
