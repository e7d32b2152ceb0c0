"""Which features tell a steady video from an unsteady one: measured on rendered clips alone.

    python models/train_next/choose_features.py

Every clip is rendered as it is and spoilt in four ways, each as a weak model spoils it.  For each layer
of the encoder and for features as they are or centred (minus their mean over other rendered frames),
the table says what consistency is, how alike frames of different clips are, and how far consistency
falls for each way, in brackets in standard deviations of what it is over the steady clips.
"""

import argparse

import torch

import features
import measures
import world


def _tone(clips, frame, generator):
    """The background's colours waver."""
    shift = 0.05 * torch.randn(len(clips), 1, 3, generator=generator)
    clips.texture.tones = (clips.texture.tones + shift).clamp(0, 1)


def _pattern(clips, frame, generator):
    """The background's pattern trembles."""
    clips.texture.phase = clips.texture.phase + 2.5 * torch.randn(len(clips), 2, generator=generator)
    change = torch.rand(clips.texture.lattice.shape, generator=generator)
    clips.texture.lattice = clips.texture.lattice * 0.75 + change * 0.25


def _drift(clips, frame, generator):
    """The background turns slowly into another of its kind."""
    share = frame / (world.FRAMES - 1)
    other = torch.rand(clips.texture.lattice.shape, generator=torch.Generator().manual_seed(1))
    clips.texture.lattice = clips.texture.lattice * (1 - share) + other * share
    clips.texture.tones = clips.texture.tones * (1 - share) + clips.texture.tones.roll(1, -1) * share
    clips.texture.phase = clips.texture.phase + 12 * share


def _shape(clips, frame, generator):
    """The shape's size wavers."""
    clips.radius = clips.radius * (1 + 0.15 * torch.randn(len(clips), generator=generator)).clamp(0.6, 1.4)


WAYS = {"tone": _tone, "pattern": _pattern, "drift": _drift, "shape": _shape}


def _clips(seed, count):
    generator = torch.Generator().manual_seed(seed)
    return world.draw_clips(world.draw_words(count, generator, "all"), generator, two=0.0, panned=0.0)


def _spoilt(clips, way, seed):
    generator, everything, frames = torch.Generator().manual_seed(seed), torch.arange(len(clips)), []
    for frame in range(world.FRAMES):
        copy = clips.pick(everything)
        way(copy, frame, generator)
        frames.append(world.render(copy, torch.full((len(clips),), frame)))
    return torch.stack(frames, 1)


def _layers(encoder, clips):
    """{layer: [n, F, D]}"""
    found = [encoder.layers(clip) for clip in clips]
    return {name: torch.stack([f[name] for f in found]) for name in found[0]}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    options = parser.parse_args()
    encoder, clips = features.Encoder(), _clips(1, options.clips)
    steady = _layers(encoder, world.render_clips(clips))
    spoilt = {name: _layers(encoder, _spoilt(clips, way, 2)) for name, way in WAYS.items()}
    others = _clips(3, options.clips * 4)
    others = encoder.layers(world.render(others, torch.arange(len(others)) % world.FRAMES))
    print("| layer | features | unlike clips | steady | " + " | ".join(WAYS) + " |")
    print("|---" * (4 + len(WAYS)) + "|")
    for layer in steady:
        for kind, mean in (("as they are", 0.0), ("centred", others[layer].mean(0))):
            base = measures.consistency(steady[layer] - mean)
            unlike = measures.consistency((others[layer] - mean).view(-1, 16, others[layer].shape[1]))
            falls = [(measures.consistency(s[layer] - mean) - base) for s in spoilt.values()]
            cells = [f"{float(f.mean()):.2f} ({float(f.mean() / base.std()):.1f})" for f in falls]
            print(f"| {layer} | {kind} | {float(unlike.mean()):.1f} | {float(base.mean()):.2f} | "
                  + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
