"""The trainer in small: every stage runs, and a run that was cut and resumed has the same bits.

    python -m pytest models/train_next/tests
"""

import math
import random
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import autoencoder  # noqa: E402
import diffusion  # noqa: E402
import measures  # noqa: E402
import networks  # noqa: E402
import stages  # noqa: E402
import text  # noqa: E402
import textures  # noqa: E402
import train  # noqa: E402
import trainer  # noqa: E402
import words as w  # noqa: E402
import world  # noqa: E402

RUN = train.Run(bfloat16=False, save_seconds=0.0, small=True, quiet=True)


class Cut(Exception):
    pass


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)
    train.keep_memory()


def run_through(out):
    for name in stages.STAGES:
        stages.run_stage(name, out, RUN)


def tensors(out):
    """Every tensor that the stages leave, by file and name."""
    found = {}
    for path in sorted([*out.glob("*/final.pt"), *out.glob("*/standardised.pt"), *out.glob("latents/*.pt")]):
        for name, part in torch.load(path).items():
            parts = part if isinstance(part, dict) else {"": part}
            found |= {(path.relative_to(out).as_posix(), name, key): value for key, value in parts.items()}
    return found


def test_a_run_that_was_cut_has_the_same_bits(tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run_through(whole)

    update = trainer.Trainer.update

    def cut_once(self, loss, **figures):
        if self.step == 1 and not (self.folder / "was-cut").exists():
            (self.folder / "was-cut").touch()
            raise Cut
        update(self, loss, **figures)

    monkeypatch.setattr(trainer.Trainer, "update", cut_once)
    for _ in range(5):  # judge, the autoencoder's two trainings, frames, motion
        with pytest.raises(Cut):
            run_through(cut)
    run_through(cut)

    expected, found = tensors(whole), tensors(cut)
    assert expected.keys() == found.keys() and len({key[0] for key in expected}) == 8
    for key, value in expected.items():
        assert torch.equal(value, found[key]), key
    assert {f.stem for f in (cut / "figures").glob("*.json")} == set(stages.STAGES)
    assert (cut / "pipeline" / "model_index.json").exists()


def test_another_plan_does_not_go_on_from_a_checkpoint(tmp_path):
    model, plan = torch.nn.Linear(1, 1), trainer.Plan(seed=0, steps=3, batch=1, rate=0.1)
    begun = trainer.Trainer(tmp_path, {"m": model}, plan, RUN)
    begun.save()
    with pytest.raises(SystemExit, match="expected"):
        trainer.Trainer(tmp_path, {"m": model}, trainer.Plan(seed=0, steps=4, batch=1, rate=0.1), RUN)


def test_a_training_can_end_before_its_rates_decay(tmp_path):
    model = torch.nn.Linear(1, 1)
    plan = trainer.Plan(seed=0, steps=4, until=2, batch=1, rate=0.1, warm_up=1)
    begun = trainer.Trainer(tmp_path, {"m": model}, plan, RUN)
    rates = []
    for _ in begun.steps():
        begun.update(model(torch.ones(1)).square().sum())
        rates.append(begun.optimiser.param_groups[0]["lr"])
    assert begun.summary()["steps"] == 2 and (tmp_path / "final.pt").exists()
    assert rates == pytest.approx([0.1, 0.1 * 0.5 * (1 + math.cos(math.pi / 4))])


def clips(n, **options):
    generator = torch.Generator().manual_seed(5)
    return world.draw_clips(world.draw_words(n, generator, "all"), generator, **options)


def test_clips_are_their_frames():
    some = clips(12, two=0.5, panned=0.5)
    whole = world.render_clips(some)
    for frame in (0, 7, 15):
        torch.testing.assert_close(whole[:, frame], world.render(some, torch.full((12,), frame)))


def test_no_shape_reaches_the_strip_that_measures_the_background():
    some = clips(64, two=0.0, panned=0.0)
    assert measures.background_deviation(world.render_clips(some), some.words[:, 2]).max() < 1e-6
    # It does see a background that moves (but for a strip of cloudless sky), and a shape in the wrong lane.
    panned = clips(24, two=0.0, panned=1.0)
    assert measures.background_deviation(world.render_clips(panned), panned.words[:, 2]).quantile(0.1) > 1e-3
    opposite = torch.tensor(w.OPPOSITE)[some.words[:, 2]]
    assert measures.background_deviation(world.render_clips(some), opposite).median() > 1e-2


def test_contrast_is_of_the_places_and_not_of_time():
    striped = clips(16, two=0.0, panned=0.0)
    striped.texture.kind[:] = w.BACKGROUNDS.index("striped")
    assert measures.background_contrast(world.render_clips(striped), striped.words[:, 2]).quantile(0.1) > 0.03
    wavering = torch.linspace(0, 1, world.FRAMES).view(1, -1, 1, 1, 1).expand(16, -1, 3, world.SIZE, world.SIZE)
    assert measures.background_contrast(wavering, striped.words[:, 2]).max() < 1e-6


def test_shapes_are_in_the_lanes_of_their_words():
    some = clips(40, two=0.0, panned=0.0)
    pixels, otherwise = world.render_clips(some), some.words.clone()
    otherwise[:, 2] = torch.tensor(w.OPPOSITE)[some.words[:, 2]]
    assert measures.in_lane(pixels, some.words).mean() > 0.95
    assert measures.in_lane(pixels, otherwise).mean() < 0.05


def test_backgrounds_keep_off_the_colours_of_the_shapes():
    some = clips(200)
    rgb = w.COLOUR_RGB[some.words[:, 0]]
    assert (some.texture.tones - rgb[:, None]).norm(dim=-1).min() >= 0.3
    assert set(some.texture.kind.tolist()) == set(range(w.UNNAMED))
    middle = some.texture.tones.mean(1)
    # Differences, not products: those lose half of the digits where two points are near.
    nearest = (middle[:, None] - textures.COLOURS).norm(dim=-1).min(1)
    assert nearest.values.max() < 1e-6 and set(nearest.indices.tolist()) == set(range(len(textures.COLOURS)))
    assert isinstance(some.texture, textures.Texture)


def test_training_never_draws_held_out_words_and_prompts_always_do():
    generator = torch.Generator().manual_seed(1)
    assert not w.held_out(*world.draw_words(500, generator, "train").unbind(1)).any()
    for held in (True, False):
        prompts = w.prompts(100, 1, held)
        assert all(w.held_out(*p["words"]) == held for p in prompts)
        assert sum(p["words"][3] != w.UNNAMED for p in prompts) == 50


def test_standardised_latents_decode_to_the_same_pixels():
    torch.manual_seed(1)
    model = autoencoder.build().eval()
    pixels = torch.rand(8, 3, world.SIZE, world.SIZE)
    with torch.no_grad():
        before = autoencoder.decode(model, autoencoder.encode(model, pixels))
        autoencoder._standardise(model, 64, torch.Generator().manual_seed(2))
        latents = autoencoder.encode(model, autoencoder._frames(64, torch.Generator().manual_seed(2))[0])
        torch.testing.assert_close(autoencoder.decode(model, autoencoder.encode(model, pixels)), before,
                                   rtol=1e-4, atol=1e-4)
    assert latents.mean((0, 2, 3)).abs().max() < 0.2
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), rtol=0.2, atol=0)


def test_every_word_is_one_token(tmp_path):
    tokenizer = text.write_tokenizer(tmp_path / "tokenizer")
    rng = random.Random(1)
    for _ in range(50):
        said = w.training_caption((rng.randrange(6), rng.randrange(3), rng.randrange(4), rng.randrange(5)),
                                  (1, 2) if rng.random() < 0.5 else None, rng.choice([0, 1, None]), rng)
        ids = text.tokens(tokenizer, [said])[0].tolist()
        assert ids.index(tokenizer.eos_token_id) - 1 == len(said.replace(",", " ,").split()), said


def test_v_leads_to_the_clean_latents_whatever_the_noise_shows():
    generator = torch.Generator().manual_seed(1)
    clean, alphas = torch.randn(2, 4, 3, 5, 5, generator=generator), networks.scheduler().alphas_cumprod
    timesteps = torch.tensor([999, 120])
    for shown in (clean, clean.mean(2, keepdim=True), torch.zeros(())):
        noisy, v = diffusion._noised(clean, shown, alphas, timesteps, generator)
        alpha = alphas[timesteps].view(-1, 1, 1, 1, 1)
        torch.testing.assert_close(alpha.sqrt() * noisy - (1 - alpha).sqrt() * v, clean, atol=1e-5, rtol=0)


def test_all_but_the_mean_colour_is_hidden_in_some_of_the_first_clips():
    generator = torch.Generator().manual_seed(1)
    clean, timesteps = torch.randn(400, 4, 3, 2, 2, generator=generator), torch.arange(400)
    mean = clean.mean((2, 3, 4), keepdim=True).expand_as(clean)
    for progress, share in ((0.0, diffusion.HIDDEN), (diffusion.HIDDEN_UNTIL, 0.0)):
        shown, moved = diffusion._hidden(progress, clean, timesteps, generator)
        hidden = (shown != clean).flatten(1).any(1)
        assert abs(hidden.float().mean() - share) < 0.1 * bool(share) + 1e-6
        assert torch.equal(shown[hidden], mean[hidden]) and (moved[hidden] >= diffusion.HIDDEN_FROM).all()
        assert torch.equal(moved[~hidden], timesteps[~hidden])
    # At least four times as many ordinary examples follow.
    end = diffusion.MOTION.last / diffusion.MOTION.steps
    assert end - diffusion.HIDDEN_UNTIL >= 4 * diffusion.HIDDEN_UNTIL * diffusion.HIDDEN
