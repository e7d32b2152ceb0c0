"""The subcommand `freeinit-export backend`."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from freeinit_export.errors import Report
from freeinit_export.subcommand import add_quiet, add_subcommand

BACKENDS = ("openvino", "aotinductor", "int8", "float16-weights")


def add_backend_command(sources) -> None:
    command = add_subcommand(
        sources,
        "backend",
        "add a faster or smaller form of the UNet to a bundle",
        "NAME: openvino (CPU, every shape), aotinductor (native code for this kind"
        " of CPU and one shape), int8 (CPU, every shape; smaller, not quite the same"
        " video) or float16-weights (CPU, every shape; weights of half the size). BUNDLE: a"
        " bundle, to which it is added.",
    )
    command.add_argument("backend", metavar="NAME", choices=BACKENDS, help=", ".join(BACKENDS))
    command.add_argument("bundle", metavar="BUNDLE", type=Path)
    command.add_argument(
        "--shape",
        nargs=5,
        type=int,
        metavar=("B", "F", "H", "W", "L"),
        help="for aotinductor: batch (2 with guidance), frames, latent height and width, text"
        " length",
    )
    add_quiet(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace, report: Report) -> None:
    # Deprecations inside the libraries concern their authors, not the user of this command.
    warnings.simplefilter("ignore", FutureWarning)
    from freeinit_export.backend import add_backend

    add_backend(options.backend, options.bundle, options.shape, report)
