"""Trains the demo model from nothing: python models/train/train.py --out FOLDER

Every stage counts steps, not minutes, seeds each step by its number, saves as it goes and
resumes where it was cut.  A stage that is done is passed over, so the same command may
simply be started again.  Minutes are for one core without AVX-512.

    judge      5 min   the classifier that measures the rest (needs nothing, may run beside)
    vae       14 min   pixels to latents
    latents    3 min   the training clips as latents
    frames    23 min   text encoder and 2-D network on single frames
    clips     65 min   everything on whole clips
    export     0 min   FOLDER/pipeline, a diffusers AnimateDiffPipeline folder
"""

import argparse
import ctypes
import sys
import time
from pathlib import Path

import torch

import diffusion
import export
import judge
import text
import vae

STAGES = ("judge", "vae", "latents", "frames", "clips", "export")


def keep_memory():
    """Tells glibc to keep freed memory: giving big tensors back costs a third of the time."""
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
            mallopt(-2, 2**29)  # M_TOP_PAD
            mallopt(-4, 0)  # M_MMAP_MAX


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints, latents and the pipeline")
    parser.add_argument("--stage", choices=STAGES + ("all",), default="all")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_memory()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)

    def log(line):
        print(time.strftime("%H:%M:%S"), line, flush=True)

    for number, stage in enumerate(STAGES):
        if options.stage not in ("all", stage):
            continue
        log(f"stage {stage}")
        torch.manual_seed(number)
        if stage == "judge":
            judge.train(out, log)
        elif stage == "vae":
            vae.train(out, log)
            log(f"PSNR of new frames {vae.psnr(vae.load(out)):.2f} dB")
        elif stage == "latents":
            for index in range(diffusion.SHARDS):
                diffusion.encode_shard(out, index, log)
        elif stage == "frames":
            diffusion.train_frames(out, text.write_tokenizer(out / "tokenizer"), log)
        elif stage == "clips":
            diffusion.train_clips(out, text.write_tokenizer(out / "tokenizer"), log)
        else:
            export.export(out, out / "pipeline")


if __name__ == "__main__":
    main()
