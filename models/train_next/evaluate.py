"""A look at the clip model: the gap, and what FreeInit's passes close of it.

    python models/train_next/evaluate.py --work DIR --count 40 --passes 3 [--guidance 4]

Three ways to begin, each with the same prompts and the same noise: Gaussian noise (and FreeInit's
passes upon it), the same noise with a rendered clip of the prompt's own words under it, diffused to
the last timestep, and the low band of that alone, the best that FreeInit can restore.  The prompts' words
are among those of training: the held-out ones are kept for the evaluation of the finished model (see
README.md).  The answer is one JSON object; DIR/sheets/motion.png shows the first clips, three rows each:
one pass, the last pass, diffused.
"""

import argparse
import json
from pathlib import Path

import torch

import autoencoder
import diffusion
import judge
import latents
import measures
import sampling
import sheet
import text
import words as w
import world

PROMPTS = 2312  # the seed of these prompts
BATCH = 4


def tuning_prompts(count):
    return w.prompts(count, PROMPTS, held=False)


def generate(out, prompts, passes, steps=sampling.STEPS, guidance=sampling.GUIDANCE):
    """Clips [n, F, 3, h, w] by the way they were begun: "diffused", "low band", "passes 1", "passes 2", ..."""
    net, (_, encoder) = diffusion.load_motion(out), diffusion.load_frames(out)
    tokenizer, coder = text.write_tokenizer(out / "tokenizer"), autoencoder.load(out)
    factor = latents.scaling_factor(out)
    made = {}
    for start in range(0, len(prompts), BATCH):
        part = prompts[start:start + BATCH]
        asked, words = [p["prompt"] for p in part], torch.tensor([p["words"] for p in part])
        generator = torch.Generator().manual_seed(80_000 + start)
        noise = torch.randn(len(part), 4, world.FRAMES, 16, 16, generator=generator)
        real = world.render_clips(world.draw_clips(words, generator, two=0.0, panned=0.0))
        diffused = sampling.diffused(coder, real, factor, noise)
        begun = {"diffused": diffused,
                 "low band": sampling.low_band(diffused, torch.randn(noise.shape, generator=generator))}
        results = {name: sampling.sample(net, encoder, tokenizer, asked, x, steps, guidance)
                   for name, x in begun.items()}
        passed = sampling.free_init(net, encoder, tokenizer, asked, noise, passes, generator, steps, guidance)
        results |= {f"passes {i + 1}": result for i, result in enumerate(passed)}
        for name, result in results.items():
            made.setdefault(name, []).append(sampling.pixels(coder, result, factor))
    return {name: torch.cat(parts) for name, parts in made.items()}


def _consistency():
    """None where the encoder's packages are missing: training does without."""
    try:
        import features

        return features.Consistency()
    except ImportError:
        return None


def figures(made, prompts, looker):
    """For every way the words, and for every measure its values, one a clip."""
    words = torch.tensor([p["words"] for p in prompts])
    consistency = _consistency()
    shares, values = {}, {}
    for name, clips in made.items():
        shares[name] = judge.score(looker.verdict(clips), words)
        values[name] = {"background_deviation": measures.background_deviation(clips, words[:, 2]),
                        "motion_energy": measures.motion_energy(clips), "flicker": measures.flicker(clips),
                        "background_contrast": measures.background_contrast(clips, words[:, 2])}
        if consistency is not None:
            values[name] |= consistency(clips)
    return shares, values


def report(out, count, passes=3, steps=sampling.STEPS, guidance=sampling.GUIDANCE):
    prompts = tuning_prompts(count)
    made = generate(out, prompts, passes, steps, guidance)
    shares, values = figures(made, prompts, judge.load(out))
    rows = [made[name][:8, ::2] for name in ("passes 1", f"passes {passes}", "diffused")]
    sheet.save(out / "sheets" / "motion.png", torch.stack(rows, 1).flatten(0, 1))
    plain, answer = values["passes 1"], {"count": count}
    for name in made:
        answer[name] = {"words": shares[name]}
        for measure, v in values[name].items():
            change = v - plain[measure]
            found = {"mean": v.mean(), "change": change.mean(), "error": change.std() / count**0.5}
            answer[name][measure] = {key: round(float(value), 5) for key, value in found.items()}
    return answer


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("out/train"))
    parser.add_argument("--count", type=int, default=40, help="how many prompts")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--guidance", type=float, default=sampling.GUIDANCE)
    options = parser.parse_args()
    print(json.dumps(report(options.work, options.count, options.passes, guidance=options.guidance), indent=1))


if __name__ == "__main__":
    main()
