"""The world of the next demo model, measured as models/train_next/README.md laid down before its training."""

from pathlib import Path

import features
import judge
import measures
import torch
import words as w
import world

PROMPT_SEED, FIRST_SEED = 250203496, 7_000_000
TUNING_SEED = 2312  # as in evaluate.py of the training
NAMES = ("colour", "shape", "motion", "background")
ACCURACY_CLIPS, ACCURACY_SEED = 600, 41
JUDGE, JUDGE_OPTIONS = "judge/final.pt", ["--stage", "judge", "--work"]


def prompts(count):
    """`count` prompts of combinations that training never saw, each with a seed of its own."""
    return [{"index": i, "seed": FIRST_SEED + 1000 * i, **row} for i, row in enumerate(w.prompts(count, PROMPT_SEED))]


def tuning_prompts(count):
    """`count` prompts of combinations that training did see."""
    return [{"index": i, "seed": i, **row} for i, row in enumerate(w.prompts(count, TUNING_SEED, held=False))]


def real_clip(prompt):
    """A clip of the prompt's own words, newly drawn: one shape, a still background."""
    generator = torch.Generator().manual_seed(prompt["seed"] + 1)
    clips = world.draw_clips(torch.tensor([prompt["words"]]), generator, two=0.0, panned=0.0)
    return (world.render_clips(clips)[0].permute(0, 2, 3, 1) * 255).round().to(torch.uint8).contiguous()


class Measure:
    def __init__(self, folder):
        self.judge = judge.load(Path(folder))
        self.consistency = features.Consistency()

    def accuracy(self):
        """How often the judge is right on clips that it has not seen, rendered as those it was trained on."""
        return judge.accuracy(self.judge, ACCURACY_CLIPS, torch.Generator().manual_seed(ACCURACY_SEED))

    @torch.no_grad()
    def __call__(self, clips, words):
        pixels = clips.permute(0, 1, 4, 2, 3).float() / 255
        found = {"background_deviation": measures.background_deviation(pixels, torch.tensor([words[2]] * len(clips))),
                 **self.consistency(pixels)}
        rows = []
        for i, verdict in enumerate(self.judge.verdict(pixels).tolist()):
            right = {name: seen == word for name, seen, word in zip(NAMES, verdict, words)}
            if words[3] == w.UNNAMED:
                del right["background"]  # no word asks for one
            rows.append({name: float(values[i]) for name, values in found.items()}
                        | right | {"all": all(right.values())})  # fmt: skip
        return rows
