"""The subcommand `freeinit-export backend`."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from freeinit_export.backends.table import BACKENDS
from freeinit_export.commands.subcommand import add_quiet, add_subcommand
from freeinit_export.errors import Report


def add_backend_command(sources) -> None:
    names = "; ".join(f"{name} ({text})" for name, text in BACKENDS.items())
    command = add_subcommand(
        sources,
        "backend",
        "add a faster or smaller form of the UNet to a bundle",
        f"NAME: {names}. BUNDLE: a bundle, to which it is added. Every form takes every shape.",
    )
    command.add_argument("backend", metavar="NAME", choices=BACKENDS, help=", ".join(BACKENDS))
    command.add_argument("bundle", metavar="BUNDLE", type=Path)
    add_quiet(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace, report: Report) -> None:
    # Deprecations inside the libraries concern their authors, not the user of this command.
    warnings.simplefilter("ignore", FutureWarning)
    from freeinit_export.backends.conversion import add_backend

    add_backend(options.backend, options.bundle, report)
