"""The subcommand `freeinit-export backend`."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from freeinit_export.backends.table import BACKENDS, CALIBRATED
from freeinit_export.commands.subcommand import add_quiet, add_subcommand
from freeinit_export.errors import ExportError, Report, naming


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
    command.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE",
        help="prompts of the videos that int8 is calibrated with, one a line (default: some that suit"
        " most models)",
    )
    add_quiet(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace, report: Report) -> None:
    prompts = _prompts(options.backend, options.prompts) if options.prompts else []
    # Deprecations inside the libraries concern their authors, not the user of this command.
    warnings.simplefilter("ignore", FutureWarning)
    from freeinit_export.backends.conversion import add_backend

    add_backend(options.backend, options.bundle, report, prompts)


def _prompts(backend: str, file: Path) -> list[str]:
    """The lines of `file` that say something."""
    if backend not in CALIBRATED:
        calibrated = ", ".join(CALIBRATED)
        raise ExportError(f"--prompts '{file}': {backend} takes none; expected {calibrated}")
    with naming(f"--prompts '{file}'", "a text file with a prompt in each line"):
        lines = file.read_text(encoding="utf-8").splitlines()
    prompts = [line for line in lines if line.strip()]
    if not prompts:
        raise ExportError(f"--prompts '{file}': is empty; expected a prompt in each line")
    return prompts
