"""Options that every subcommand that makes a bundle has."""

from __future__ import annotations

import argparse

_DTYPES = ("float32", "float16", "bfloat16")


def torch_dtype(options: argparse.Namespace):
    import torch

    return getattr(torch, options.dtype)


def add_text_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--clip-skip",
        type=int,
        default=0,
        metavar="N",
        help="use the text states N layers before the last (default 0)",
    )


def add_bundle_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", help="name of the model (default: that of the source)")
    command.add_argument("--description", default="", help="one line on what the model is")
    command.add_argument(
        "--license", default="unknown", help="licence of the weights (default: unknown)"
    )
    command.add_argument(
        "--dtype",
        choices=_DTYPES,
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
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
