"""The subcommand `freeinit-export preview`."""

from __future__ import annotations

import argparse
from pathlib import Path

from freeinit_export.commands.subcommand import add_quiet, add_subcommand
from freeinit_export.errors import Report


def add_preview_command(sources) -> None:
    command = add_subcommand(
        sources,
        "preview",
        "fit the colours of live previews, for bundles of earlier versions",
        "BUNDLE: a bundle, whose manifest gets the section 'preview' that new bundles have. With it"
        " freeinit generate --preview-every shows a run while it goes.",
    )
    command.add_argument("bundle", metavar="BUNDLE", type=Path)
    add_quiet(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace, report: Report) -> None:
    from freeinit_export.bundle.preview import add_preview

    add_preview(options.bundle, report)
