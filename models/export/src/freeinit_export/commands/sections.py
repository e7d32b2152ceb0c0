"""The subcommands `freeinit-export memory` and `preview`: sections of the manifest for bundles of
earlier versions."""

from __future__ import annotations

import argparse
from pathlib import Path

from freeinit_export.commands.subcommand import add_quiet, add_subcommand
from freeinit_export.errors import Report


def add_section_commands(sources) -> None:
    _add(
        sources,
        "memory",
        "measure what the networks of a bundle take",
        "freeinit knows beforehand what a run takes",
        _memory,
    )
    _add(
        sources,
        "preview",
        "fit the colours of live previews",
        "freeinit generate --preview-every shows a run while it goes",
        _preview,
    )


def _add(sources, section: str, doing: str, use: str, run) -> None:
    command = add_subcommand(
        sources,
        section,
        f"{doing}, for bundles of earlier versions",
        f"BUNDLE: a bundle, whose manifest gets the section '{section}' that new bundles have. With it"
        f" {use}.",
    )
    command.add_argument("bundle", metavar="BUNDLE", type=Path)
    add_quiet(command)
    command.set_defaults(run=run)


def _memory(options: argparse.Namespace, report: Report) -> None:
    from freeinit_export.bundle.memory import add_memory

    add_memory(options.bundle, report)


def _preview(options: argparse.Namespace, report: Report) -> None:
    from freeinit_export.bundle.preview import add_preview

    add_preview(options.bundle, report)
