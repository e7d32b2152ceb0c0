"""Measures the demo model with the judge, on prompts whose words training never saw together.

    python models/train/evaluate.py --judge FOLDER --pipeline FOLDER/pipeline --passes 3
    python models/train/evaluate.py --judge FOLDER --frames CLIPS --prompts prompts.json

The first form runs diffusers' FreeInit and gives the figures after each pass (a run's first
pass is plain sampling).  The second judges ready-made clips: CLIPS holds 0.safetensors,
1.safetensors ... (or zero-padded names) with a tensor `frames` [F, H, W, 3], float32 in 0..1,
for the prompts of a JSON list.  --write-prompts writes the held-out prompts and seeds.
The answer is one JSON object; `steadiness` is how much the corners of the picture change over
time (the mean standard deviation of a pixel; lower is calmer).
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import data
import judge

BACKGROUND_CORNER = 4  # pixels the shape (almost) never reaches


def combo(prompt):
    """The four words' indices of a prompt of the plain grammar."""
    words = prompt.split()
    background = data.FREE
    if "background" in words:
        background = data.BACKGROUND_NAMES.index(words[words.index("background") - 1])
    return [next(i for i, c in enumerate(names) if c in words)
            for names in (data.COLOUR_NAMES, data.SHAPES, data.MOTION_NAMES)] + [background]


def steadiness(clips):
    """Per clip: the standard deviation over time of the four corners' pixels."""
    b = BACKGROUND_CORNER
    corners = torch.cat([clips[..., :b, :b], clips[..., :b, -b:], clips[..., -b:, :b], clips[..., -b:, -b:]], -1)
    return corners.std(1).mean((1, 2, 3))


def report(judge_model, clips, combos):
    result = judge.score(judge_model, clips, torch.tensor(combos))
    calm = steadiness(clips)
    result["steadiness"] = round(float(calm.mean()), 5)
    return result, calm


@torch.no_grad()
def generate(folder, prompts, steps, guidance, passes, batch=4):
    """For every pass the clips [n, FRAMES, 3, H, W] of all prompts."""
    from diffusers import AnimateDiffPipeline
    pipeline = AnimateDiffPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    if passes > 1:
        pipeline.enable_free_init(method="butterworth", order=4, spatial_stop_frequency=0.25,
                                  temporal_stop_frequency=0.25, num_iters=passes, use_fast_sampling=False)
    clips = [[] for _ in range(passes)]
    for start in range(0, len(prompts), batch):
        part = prompts[start:start + batch]
        ends = []

        def keep(_, step, timestep, tensors):
            if step == steps - 1:
                ends.append(tensors["latents"].clone())
            return {}

        pipeline([p["prompt"] for p in part], num_frames=data.FRAMES, height=data.SIZE, width=data.SIZE,
                 num_inference_steps=steps, guidance_scale=guidance, output_type="latent",
                 generator=[torch.Generator().manual_seed(p["seed"]) for p in part],
                 callback_on_step_end=keep)
        for i, latents in enumerate(ends):
            pixels = pipeline.decode_latents(latents)  # [n, 3, FRAMES, H, W] in -1..1
            clips[i].append((pixels / 2 + 0.5).clamp(0, 1).transpose(1, 2))
    return [torch.cat(c) for c in clips]


def read_frames(folder, count):
    files = sorted(Path(folder).glob("*.safetensors"), key=lambda f: int(f.stem))
    assert len(files) == count, f"{len(files)} clips for {count} prompts"
    return torch.stack([load_file(f)["frames"].permute(0, 3, 1, 2) for f in files])


def sheet(path, clips, rows, every=3):
    """A picture with some frames of the first clips, one clip a row."""
    from PIL import Image
    chosen = clips[:rows, ::every]
    picture = chosen.permute(0, 3, 1, 4, 2).reshape(len(chosen) * data.SIZE, -1, 3)
    Image.fromarray((picture * 255).round().byte().numpy()).resize(
        (picture.shape[1] * 2, picture.shape[0] * 2)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", type=Path, help="the folder that holds judge.pt")
    parser.add_argument("--pipeline", type=Path, help="a diffusers AnimateDiffPipeline folder")
    parser.add_argument("--frames", type=Path, help="a folder of ready-made clips")
    parser.add_argument("--prompts", type=Path, help="a JSON list of prompts for --frames")
    parser.add_argument("--write-prompts", type=Path)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="start at this held-out prompt")
    parser.add_argument("--count", type=int, default=200, help="how many held-out prompts")
    parser.add_argument("--save", type=Path, help="keep the last pass's clips in this folder")
    parser.add_argument("--sheet", type=Path, help="write a PNG of the first clips")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    prompts = data.held_out_prompts()[options.first:options.first + options.count]
    if options.write_prompts:
        options.write_prompts.write_text(json.dumps(prompts, indent=1) + "\n")
        return
    model = judge.load(options.judge)
    if options.frames:
        texts = json.loads(options.prompts.read_text())
        texts = [t["prompt"] if isinstance(t, dict) else t for t in texts]
        clips = read_frames(options.frames, len(texts))
        result, _ = report(model, clips, [combo(t) for t in texts])
        print(json.dumps({"count": len(texts), "frames": result}))
        return
    passes = generate(options.pipeline, prompts, options.steps, options.guidance, options.passes)
    answer = {"first": options.first, "count": len(prompts), "steps": options.steps, "guidance": options.guidance}
    calm = []
    for i, clips in enumerate(passes):
        answer[f"pass_{i + 1}"], c = report(model, clips, [p["combo"] for p in prompts])
        calm.append(c)
    if len(passes) > 1:
        change = calm[-1] - calm[0]
        answer["steadiness_change"] = [round(float(change.mean()), 5),
                                       round(float(change.std() / len(change) ** 0.5), 5)]
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        for i, clip in enumerate(passes[-1]):
            save_file({"frames": clip.permute(0, 2, 3, 1).contiguous()}, options.save / f"{i:03d}.safetensors")
    if options.sheet:
        sheet(options.sheet, passes[-1], 10)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
