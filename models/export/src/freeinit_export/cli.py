"""The command `freeinit-export`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from freeinit_export import __version__
from freeinit_export.commands.animatediff import add_animatediff_command
from freeinit_export.commands.backend import add_backend_command
from freeinit_export.commands.diffusers import add_diffusers_command
from freeinit_export.commands.features import add_features_command
from freeinit_export.commands.sections import add_section_commands
from freeinit_export.commands.videocrafter import add_videocrafter_command
from freeinit_export.errors import ExportError, Report, one_line

if TYPE_CHECKING:
    from freeinit_export.networks.component import VideoModel


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(
        prog="freeinit-export",
        description="Turns a text-to-video checkpoint into a bundle for freeinit. Every network"
        " is compared with the original at other shapes before the bundle appears.",
    )
    main.add_argument("--version", action="version", version=f"freeinit-export {__version__}")
    sources = main.add_subparsers(dest="source", required=True, metavar="SOURCE")
    add_diffusers_command(sources)
    add_animatediff_command(sources)
    add_videocrafter_command(sources)
    add_features_command(sources)
    add_backend_command(sources)
    add_section_commands(sources)
    return main


def main(arguments: list[str] | None = None) -> int:
    # Read when LibTorch is loaded, which is later: threads that wait sleep. By default they spin,
    # and beside other programs the ones that have work then get no processor.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler, which measures memory
    options = parser().parse_args(arguments)
    # As Ctrl-C does: unwind, so that the unfinished bundle is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = Report(options.quiet)
    try:
        getattr(options, "run", _export)(options, report)
    except ExportError as error:
        report.clear()
        # Names in damaged files may hold anything.
        line = "".join(c if c.isprintable() else " " for c in str(error))
        print(f"error: {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        report.clear()
        print("error: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


def _export(options: argparse.Namespace, report: Report) -> None:
    # Imported late: --help and usage errors need not wait for LibTorch.
    from transformers.utils import logging as transformers_logging

    # Deprecations inside the libraries concern their authors, not the user of this command.
    warnings.simplefilter("ignore", FutureWarning)
    transformers_logging.set_verbosity_error()  # before diffusers imports what warns
    from diffusers.utils import logging as diffusers_logging

    from freeinit_export.bundle.manifest import recommended_settings
    from freeinit_export.bundle.staging import check_target
    from freeinit_export.bundle.write import write_bundle

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    check_target(options.out, options.overwrite)
    report.step("reading the model")
    model = _loaded(options)
    recommended = recommended_settings(
        model.recommended,
        options.recommended,
        model.unet["max_frames"],
        model.unet["latent_multiple_of"] * model.vae["spatial_scale"],
    )
    limit = model.unet.get("max_guidance_scale")
    if limit is not None and recommended["guidance_scale"] > limit:  # the user knows better
        del model.unet["max_guidance_scale"]
    for note in model.notes:
        report(f"note: {note}")
    about = {
        "name": options.name or _default_name(getattr(options, options.named_after)),
        "description": options.description,
        "license": options.license,
    }
    write_bundle(model, options.out, about, recommended, options.overwrite, report)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    report(f"wrote '{options.out}' ({size / 2**20:.1f} MiB)")


def _loaded(options: argparse.Namespace) -> VideoModel:
    """What the files of strangers hold. Whatever a damaged value in them breaks, the user gets one
    line."""
    try:
        return options.load(options)
    except (ExportError, KeyboardInterrupt):
        raise
    except Exception as error:
        source = getattr(options, options.named_after)
        raise ExportError(
            f"'{source}': cannot be used ({type(error).__name__}: {one_line(error)}); expected"
            " files as their authors publish them"
        ) from error


def _default_name(source: Path) -> str:
    return source.stem if source.is_file() else source.resolve().name
