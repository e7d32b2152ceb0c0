"""The subcommand `freeinit-export memory`."""

from __future__ import annotations

import argparse
from pathlib import Path

from freeinit_export.commands.subcommand import add_quiet, add_subcommand
from freeinit_export.errors import Report


def add_memory_command(sources) -> None:
    command = add_subcommand(
        sources,
        "memory",
        "measure what the networks of a bundle take, for bundles of earlier versions",
        "BUNDLE: a bundle, whose manifest gets the section 'memory' that new bundles have. With it"
        " freeinit knows beforehand what a run takes.",
    )
    command.add_argument("bundle", metavar="BUNDLE", type=Path)
    add_quiet(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace, report: Report) -> None:
    from freeinit_export.bundle.memory import add_memory

    add_memory(options.bundle, report)
