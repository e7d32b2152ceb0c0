"""What the subcommands of `freeinit-export` have in common.

A subcommand adds its options and says with `set_defaults` what to do. One that makes a bundle sets
`load`, a function from the parsed options to a VideoModel, and `named_after`, the option whose file
or folder names the model; another one sets `run`, a function of the options and a Report.
Both import late: --help need not wait for LibTorch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

DTYPES = ("float32", "float16", "bfloat16")


def add_subcommand(
    sources, name: str, help: str, description: str, example: str = ""
) -> argparse.ArgumentParser:
    """A new subcommand; `example` is what a user would type."""
    return sources.add_parser(
        name,
        help=help,
        description=description,
        epilog=f"example:\n{example}" if example else None,
        formatter_class=argparse.RawDescriptionHelpFormatter if example else argparse.HelpFormatter,
    )


def torch_dtype(options: argparse.Namespace):
    import torch

    return getattr(torch, options.dtype)


def add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument("out", metavar="OUT", type=Path)


def add_quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")


def add_seed(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of random weights (default: 0)"
    )


def add_text_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--clip-skip",
        type=int,
        default=0,
        metavar="N",
        help="use the text states N layers before the last (default 0)",
    )


def add_weight_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--vae",
        type=Path,
        metavar="PATH",
        help="the VAE, in place of the model's own: a diffusers folder, or one file",
    )
    command.add_argument(
        "--variant",
        metavar="NAME",
        help="of folders, the weights of this variant (NAME: fp16, non_ema, ...) where there are"
        " such; default: plain ones, or the only ones there are",
    )
    command.add_argument(
        "--embedding",
        action="append",
        default=[],
        metavar="FILE[:NAME]",
        help="a textual inversion: NAME (that of the file) becomes a word of prompts; repeatable",
    )


def add_few_step(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--few-step",
        metavar="KIND[:STEPS]",
        help="what the model was distilled to: lcm, lightning:STEPS, tcd, or none. Sets scheduler,"
        " steps and guidance (default: what the motion module or the saved scheduler says)",
    )


def add_bundle_options(command: argparse.ArgumentParser) -> None:
    """The options of every subcommand that makes a bundle."""
    command.add_argument("--name", help="name of the model (default: that of the source)")
    command.add_argument("--description", default="", help="one line on what the model is")
    command.add_argument(
        "--license", default="unknown", help="licence of the weights (default: unknown)"
    )
    command.add_argument(
        "--dtype",
        choices=DTYPES,
        default="float32",
        help="type of weights and arithmetic (default: float32)",
    )
    command.add_argument(
        "--recommended",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting for users who name none: num_frames, height, width, fps,"
        " num_inference_steps, guidance_scale, eta, num_iters, negative_prompt, filter.method,"
        " filter.order, filter.spatial_stop_frequency, filter.temporal_stop_frequency; repeatable",
    )
    command.add_argument("--overwrite", action="store_true", help="replace OUT if it is a bundle")
    add_quiet(command)
