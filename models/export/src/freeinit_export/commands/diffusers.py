"""The subcommand `freeinit-export diffusers`."""

from __future__ import annotations

import argparse
from pathlib import Path

from freeinit_export.bundle.settings import PRESETS
from freeinit_export.commands.subcommand import (
    add_bundle_options,
    add_few_step,
    add_out,
    add_subcommand,
    add_text_options,
    add_weight_options,
    torch_dtype,
)

EXAMPLE = """\
  freeinit-export diffusers my-animatediff-pipeline my-bundle \\
      --license "CreativeML Open RAIL-M" \\
      --recommended num_frames=16 --recommended filter.method=gaussian
"""


def add_diffusers_command(sources) -> None:
    command = add_subcommand(
        sources,
        "diffusers",
        "a saved AnimateDiffPipeline or TextToVideoSDPipeline",
        "SRC: a folder written by save_pretrained of an AnimateDiffPipeline or a"
        " TextToVideoSDPipeline (ModelScope). OUT: the bundle to make.",
        EXAMPLE,
    )
    command.add_argument("src", metavar="SRC", type=Path)
    add_out(command)
    add_bundle_options(command)
    add_text_options(command)
    add_weight_options(command)
    add_few_step(command)
    command.add_argument(
        "--preset",
        choices=list(PRESETS),
        help="schedule of an AnimateDiff model: that of the authors, or that of diffusers'"
        " documentation (default: as saved)",
    )
    command.set_defaults(load=_load, named_after="src")


def _load(options: argparse.Namespace):
    from freeinit_export.sources.diffusers_pipeline import Changes, load_model
    from freeinit_export.sources.embedding import EmbeddingFile

    changes = Changes(
        options.clip_skip,
        options.preset,
        options.variant,
        options.vae,
        [EmbeddingFile.parse(text) for text in options.embedding],
        options.few_step,
    )
    return load_model(options.src, torch_dtype(options), changes)
