"""The world of today's demo model: sentences that training never saw, the judge, the background."""

from pathlib import Path

import data
import evaluate as demo
import judge
import torch

# Training never saw the sentences. models/train/evaluate.py, by which the demo model was tuned, takes the
# same ones in another order and with other seeds.
PROMPT_SEED, FIRST_SEED = 250203496, 7_000_000
NAMES = ("colour", "shape", "motion", "background")
ACCURACY_CLIPS, ACCURACY_SEED = 600, 41
JUDGE, JUDGE_OPTIONS = "judge.pt", ["--stage", "judge", "--out"]


def prompts(count):
    """`count` prompts of combinations that training never saw, each with a seed of its own."""
    rows = data.held_out_prompts(count, seed=PROMPT_SEED)
    return [{"index": i, "prompt": row["prompt"], "seed": FIRST_SEED + 1000 * i, "words": row["combo"]}
            for i, row in enumerate(rows)]


def tuning_prompts(count):
    """The first `count` prompts by which the demo model was tuned, with their seeds."""
    return [{"index": i, "prompt": row["prompt"], "seed": row["seed"], "words": row["combo"]}
            for i, row in enumerate(data.held_out_prompts()[:count])]


def real_clip(prompt):
    """A clip of words that the prompt does not ask for."""
    words = [(word + 1) % count for word, count in zip(
        prompt["words"], (len(data.COLOURS), len(data.SHAPES), len(data.MOTIONS), data.FREE + 1))]
    generator = torch.Generator().manual_seed(prompt["seed"] + 1)
    clips = data.draw_clips(1, generator, combos=torch.tensor([words]))
    return (data.render_clips(clips)[0].permute(0, 2, 3, 1) * 255).round().to(torch.uint8).contiguous()


class Measure:
    def __init__(self, folder):
        self.judge = judge.load(Path(folder))

    @torch.no_grad()
    def accuracy(self):
        """How often the judge is right on clips that it has not seen, rendered as those it was trained on."""
        generator = torch.Generator().manual_seed(ACCURACY_SEED)
        found = []
        for _ in range(ACCURACY_CLIPS // 50):
            clips = data.draw_clips(50, generator, "all", lanes=False)
            verdict = self.judge.verdict(data.render_clips(clips))
            found.append(torch.stack([verdict[name] == getattr(clips, name) for name in NAMES], 1))
        return {"clips": ACCURACY_CLIPS, **dict(zip(NAMES, torch.cat(found).float().mean(0).tolist()))}

    @torch.no_grad()
    def __call__(self, clips, words):
        pixels = clips.permute(0, 1, 4, 2, 3).float() / 255
        verdict = self.judge.verdict(pixels)
        deviation = demo.steadiness(pixels)
        rows = []
        for i in range(len(clips)):
            right = {name: int(verdict[name][i]) == word for name, word in zip(NAMES, words)}
            if words[3] == data.FREE:
                del right["background"]  # no word asks for one
            rows.append({"background_deviation": float(deviation[i]), **right, "all": all(right.values())})
        return rows
