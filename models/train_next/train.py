"""Trains the demo model from nothing: python models/train_next/train.py --work DIR

Every stage counts steps, not minutes, seeds each step by its number, saves every few minutes and
resumes where it was cut.  A stage that is done is passed over, so the same command is simply started
again.  Each stage writes its figures to DIR/figures/STAGE.json.

    judge        the classifier that measures the rest
    autoencoder  pixels to latents
    latents      the training clips as latents
    frames       text encoder and image model on single frames
    motion       the video UNet on clips
    export       DIR/pipeline, a diffusers AnimateDiffPipeline folder
"""

import argparse
import ctypes
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

import stages


@dataclass(frozen=True)
class Run:
    """What the command says of a run, beside the plans of its stages."""

    bfloat16: bool = False
    save_seconds: float = 180.0
    log_every: int = 50
    small: bool = False  # a few steps of everything, for tests
    quiet: bool = False

    def scaled(self, plan):
        return replace(plan, steps=3, batch=min(plan.batch, 2)) if self.small else plan

    def count(self, n, small=2):
        """How many clips (or whatever `small` is meant for) a figure is taken of."""
        return small if self.small else n

    def log(self, line):
        if not self.quiet:
            print(time.strftime("%H:%M:%S"), line, flush=True)


def keep_memory():
    """Tells glibc to keep freed memory: giving big tensors back costs a third of the time."""
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
            mallopt(-2, 2**29)  # M_TOP_PAD
            mallopt(-4, 0)  # M_MMAP_MAX


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/train"),
                        help="folder of checkpoints, latents and figures")
    parser.add_argument("--stage", choices=[*stages.STAGES, "all"], default="all")
    parser.add_argument("--bfloat16", action="store_true", help="for processors with AVX512-BF16")
    options = parser.parse_args()
    keep_memory()
    options.work.mkdir(parents=True, exist_ok=True)
    run = Run(bfloat16=options.bfloat16)
    for name in stages.STAGES:
        if options.stage in ("all", name):
            stages.run_stage(name, options.work, run)


if __name__ == "__main__":
    main()
