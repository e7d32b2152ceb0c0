"""The stages in their order, and the figures that each of them writes."""

import json

import torch

import autoencoder
import diffusion
import evaluate
import export
import judge
import latents
import measures
import sampling
import sheet
import text
import world


def _steps(run):
    return run.count(sampling.STEPS, 2)


def _judge(out, run):
    trained = judge.train(out, run)
    return {"training": trained,
            "accuracy": judge.accuracy(judge.load(out), run.count(600), torch.Generator().manual_seed(41))}


def _autoencoder(out, run):
    """PSNR of new clips, what the judge sees in them again, and the unsteadiness that is the coder's own."""
    trained = autoencoder.train(out, run)
    model, looker = autoencoder.load(out), judge.load(out)
    generator = torch.Generator().manual_seed(77)
    words = world.draw_words(run.count(64), generator, "held_out")
    clips = world.draw_clips(words, generator, two=0.0, panned=0.0)
    pixels, again = [], []
    with torch.no_grad():
        for i in range(0, len(words), 4):
            pixels.append(world.render_clips(clips.pick(slice(i, i + 4))))
            flat = pixels[-1].flatten(0, 1)
            again.append(autoencoder.decode(model, autoencoder.encode(model, flat)).view_as(pixels[-1]))
    pixels, again = torch.cat(pixels), torch.cat(again)
    asked = torch.cat([words[:, :3], clips.texture.kind[:, None]], 1)
    sheet.save(out / "sheets" / "autoencoder.png",
               sheet.grid(torch.stack([pixels[:16, 7], again[:16, 7]], 1).flatten(0, 1), 8))
    return {"training": trained, "psnr": round(autoencoder.psnr(again, pixels), 2),
            "words": judge.score(looker.verdict(again), asked),
            "background_deviation": float(measures.background_deviation(again, words[:, 2]).mean())}


def _frames(out, run):
    """What the judge sees in images that were made from Gaussian noise, and whether shapes are in their lanes."""
    trained = diffusion.train_frames(out, run)
    net, encoder = diffusion.load_frames(out)
    tokenizer, coder = text.write_tokenizer(out / "tokenizer"), autoencoder.load(out)
    factor = latents.scaling_factor(out)
    prompts = evaluate.tuning_prompts(run.count(200))
    words = torch.tensor([p["words"] for p in prompts])
    noise = torch.randn(len(prompts), 4, 16, 16, generator=torch.Generator().manual_seed(78))
    made = []
    for i in range(0, len(prompts), 50):
        asked = [p["prompt"] for p in prompts[i:i + 50]]
        result = sampling.sample(net, encoder, tokenizer, asked, noise[i:i + 50], _steps(run))
        made.append(sampling.pixels(coder, result, factor))
    made = torch.cat(made)
    sheet.save(out / "sheets" / "frames.png", sheet.grid(made[:, 0], 10))
    seen = judge.score(judge.load(out).verdict(made), words)
    del seen["motion"], seen["all"]
    return {"training": trained, "words": {**seen, "in_lane": round(float(measures.in_lane(made, words).mean()), 4)}}


def _motion(out, run):
    trained = diffusion.train_motion(out, run)
    return {"training": trained, **evaluate.report(out, run.count(40), run.count(3, 2), _steps(run))}


STAGES = {"judge": _judge, "autoencoder": _autoencoder, "latents": latents.make, "frames": _frames,
          "motion": _motion, "export": lambda out, run: export.export(out, out / "pipeline")}


def run_stage(name, out, run):
    """Runs a stage unless its figures are there already."""
    figures = out / "figures" / f"{name}.json"
    if figures.exists():
        return
    run.log(f"stage {name}")
    torch.manual_seed(list(STAGES).index(name))
    result = STAGES[name](out, run)
    figures.parent.mkdir(parents=True, exist_ok=True)
    temporary = figures.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=1) + "\n")
    temporary.replace(figures)
    run.log(json.dumps(result))
