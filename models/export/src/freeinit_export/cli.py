"""The command `freeinit-export`."""

from __future__ import annotations

import argparse
import signal
import sys
import warnings
from pathlib import Path

from freeinit_export import __version__
from freeinit_export.animatediff_command import add_animatediff_command
from freeinit_export.backend_command import add_backend_command
from freeinit_export.bundle_options import add_bundle_options, add_text_options, torch_dtype
from freeinit_export.errors import ExportError
from freeinit_export.settings import PRESETS

EXAMPLE = """example:
  freeinit-export diffusers my-animatediff-pipeline my-bundle \\
      --license "CreativeML Open RAIL-M" \\
      --recommended num_frames=16 --recommended filter.method=gaussian
"""
VIDEOCRAFTER_EXAMPLE = """example:
  freeinit-export videocrafter videocrafter2-bundle --source VideoCrafter \\
      --config VideoCrafter/configs/inference_t2v_512_v2.0.yaml --checkpoint model.ckpt
"""
FEATURES_EXAMPLE = """example:
  freeinit-export features vit_small_patch16_224.dino dino.pt \\
      --checkpoint dino_deitsmall16_pretrain.pth
"""


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(
        prog="freeinit-export",
        description="Turns a text-to-video checkpoint into a bundle for freeinit. Every network"
        " is compared with the original at other shapes before the bundle appears.",
    )
    main.add_argument("--version", action="version", version=f"freeinit-export {__version__}")
    sources = main.add_subparsers(dest="source", required=True, metavar="SOURCE")
    _add_diffusers(sources)
    add_animatediff_command(sources)
    _add_videocrafter(sources)
    _add_features(sources)
    add_backend_command(sources)
    return main


# A subcommand adds its options and says with `set_defaults` what to do: `load`, a function from the
# parsed options to a VideoModel, and `named_after`, the option whose file or folder names the model.
# Loaders import late: --help need not wait for LibTorch.


def _add_diffusers(sources) -> None:
    command = sources.add_parser(
        "diffusers",
        help="a saved AnimateDiffPipeline or TextToVideoSDPipeline",
        description="SRC: a folder written by save_pretrained of an AnimateDiffPipeline or a"
        " TextToVideoSDPipeline (ModelScope). OUT: the bundle to make.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("src", metavar="SRC", type=Path)
    command.add_argument("out", metavar="OUT", type=Path)
    add_bundle_options(command)
    add_text_options(command)
    command.add_argument(
        "--preset",
        choices=list(PRESETS),
        help="schedule of an AnimateDiff model: that of the authors, or that of diffusers'"
        " documentation (default: as saved)",
    )
    command.set_defaults(load=_load_diffusers, named_after="src")


def _load_diffusers(options: argparse.Namespace):
    from freeinit_export.diffusers_pipeline import load_model

    return load_model(options.src, torch_dtype(options), options.clip_skip, options.preset)


def _add_videocrafter(sources) -> None:
    command = sources.add_parser(
        "videocrafter",
        help="a VideoCrafter checkpoint, with your checkout of its code",
        description="OUT: the bundle to make. The networks are built by the original code, which"
        " is not part of this package; of that code only the files that define them are imported.",
        epilog=VIDEOCRAFTER_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("out", metavar="OUT", type=Path)
    command.add_argument(
        "--source", required=True, type=Path, metavar="TREE", help="checkout of VideoCrafter"
    )
    command.add_argument(
        "--config", required=True, type=Path, metavar="YAML", help="config of the model"
    )
    command.add_argument(
        "--checkpoint",
        type=Path,
        metavar="CKPT",
        help="weights (.ckpt, .safetensors); without them they are random, for tests",
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of random weights (default: 0)"
    )
    command.add_argument(
        "--fill-zeros",
        action="store_true",
        help="random weights: draw those too that start at zero and would hide a branch",
    )
    add_bundle_options(command)
    command.set_defaults(load=_load_videocrafter, named_after="config")


def _load_videocrafter(options: argparse.Namespace):
    from freeinit_export.videocrafter import load_model

    return load_model(
        options.source,
        options.config,
        options.checkpoint,
        torch_dtype(options),
        options.seed,
        options.fill_zeros,
    )


def _add_features(sources) -> None:
    command = sources.add_parser(
        "features",
        help="an image encoder for freeinit score --features",
        description="MODEL: a timm model, for example vit_small_patch16_224.dino, or"
        " torchvision:NAME. OUT: the TorchScript file to make, with the preparation of images inside.",
        epilog=FEATURES_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("model", metavar="MODEL")
    command.add_argument("out", metavar="OUT", type=Path)
    command.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="weights: a state dict (.pth, .safetensors), for example DINO's own"
        " dino_deitsmall16_pretrain.pth; without it they are random",
    )
    command.add_argument(
        "--pretrained", action="store_true", help="let timm or torchvision fetch the weights"
    )
    command.add_argument(
        "--preprocessing",
        choices=("model", "dino"),
        default="model",
        help="as the model's configuration says (default), or as DINO's authors evaluate (shorter"
        " side 256, middle 224x224)",
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of random weights (default: 0)"
    )
    command.add_argument("--overwrite", action="store_true", help="replace OUT")
    command.add_argument("--quiet", action="store_true", help="print nothing but errors")
    command.set_defaults(run=_export_features)


def _export_features(options: argparse.Namespace, report) -> None:
    from freeinit_export.features import export_features

    export_features(options, report)


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    # As Ctrl-C does: unwind, so that the unfinished bundle is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = (lambda line: None) if options.quiet else (lambda line: print(line, flush=True))
    try:
        getattr(options, "run", _export)(options, report)
    except ExportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


def _export(options: argparse.Namespace, report) -> None:
    # Imported late: --help and usage errors need not wait for LibTorch.
    from transformers.utils import logging as transformers_logging

    # Deprecations inside the libraries concern their authors, not the user of this command.
    warnings.simplefilter("ignore", FutureWarning)
    transformers_logging.set_verbosity_error()  # before diffusers imports what warns
    from diffusers.utils import logging as diffusers_logging

    from freeinit_export.bundle import write_bundle
    from freeinit_export.manifest import recommended_settings
    from freeinit_export.staging import check_target

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    check_target(options.out, options.overwrite)
    model = options.load(options)
    recommended = recommended_settings(model.recommended, options.recommended)
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


def _default_name(source: Path) -> str:
    return source.stem if source.is_file() else source.resolve().name
