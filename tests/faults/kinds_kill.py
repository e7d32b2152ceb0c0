"""kill -9 at random moments: no half file under a final name, nothing lost, and the same bits after --resume."""

import json
import random
import shutil
import time
import zlib

from lab import Case, Row, content, expect, hidden_in

RUN = ["generate", "a red circle", "--num-inference-steps", 60, "--num-iters", 3, "--num-frames", 8,
       "--height", 64, "--width", 64]
KEPT = ["--checkpoint", "kept", "--checkpoint-every", 1]

# What one run writes, by name of the kind; `$` is a bundle that knows the colours of latents.
OUTPUTS = {
    "mp4": ["-o", "clip.mp4"],
    "webm": ["-o", "clip.webm"],
    "gif": ["-o", "clip.gif"],
    "webp": ["-o", "clip.webp"],
    "mov": ["-o", "clip.mov"],
    "mkv": ["-o", "clip.mkv"],
    "frames": ["-o", "clip/"],
    "tensors": ["-o", "clip.gif", "--save-latents", "latents.safetensors", "--save-frames", "frames.safetensors"],
    "arrays": ["-o", "clip.gif", "--save-latents", "latents.npy", "--save-frames", "frames.npy"],
    "comfy": ["-o", "clip.gif", "--save-latents", "latents.latent"],
    "pictures": ["-o", "clip.gif", "--save-frames", "frames/frame_%05d.exr"],
    "preview": ["-o", "clip.gif", "--preview", "preview.png"],
    "live preview": ["-o", "clip.gif", "--preview-every", 1, "--bundle", "$"],
    "compare": ["-o", "clip.gif", "--compare", "compare.mp4"],
    "passes": ["-o", "clip.mp4", "--save-passes", "passes"],
    "videos": ["-o", "clip.mp4", "--num-videos", 2, "--save-latents", "latents.safetensors"],
    "trace": ["-o", "clip/", "--trace", "trace.json"],
}
TRIES = 100  # of all kinds together
FOLDERS = ("clip/", "frames/")  # replaced as a whole: between two steps neither stands there
LIVE = "clip.preview.png"  # new after each network call
COMPARISON = "compare.mp4"  # of passes that a resumed run no longer has: --resume takes no --compare

# Commands that are simply run again; `$` is the folder of what they read.
WRITERS = {
    "decode": ["decode", "$/latents.safetensors", "-o", "clip.mp4"],
    "decode frames": ["decode", "$/latents.safetensors", "-o", "clip/"],
    "tables and plots": ["analyze", "$/latents.safetensors", "--csv", "a.csv", "--plot", "a.svg"],
    "passes": ["analyze", "--passes", "$/passes", "--csv", "a.csv"],
    "masks": ["filter", "--shape", 16, 64, 64, "-o", "mask.safetensors"],
    "pictures": ["filter", "--shape", 16, 64, 64, "-o", "mask.png"],
    "noise": ["reinit", "--diffused", "$/latents.safetensors", "--fresh", "$/latents.safetensors", "-o", "noise.safetensors"],
}


def options_of(lab, kind):
    def make(folder):
        shutil.copytree(lab.bundle, folder, dirs_exist_ok=True)
        manifest = json.loads((folder / "manifest.json").read_text())
        colours = [[0.1 * (i + j) for j in range(3)] for i in range(manifest["vae"]["latent_channels"])]
        manifest["preview"] = {"latent_rgb_factors": colours, "latent_rgb_bias": [0.0, 0.1, 0.2]}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    options = OUTPUTS[kind]
    return [str(lab.once("colours", make)) if part == "$" else part for part in options] if "$" in options else options


def is_whole_png(data):
    """Whether all its parts are there, with the sums of what they hold."""
    at, kind = 8, b""
    while kind != b"IEND" and at + 12 <= len(data):
        end, kind = at + 8 + int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        if zlib.crc32(data[at + 4:end]) != int.from_bytes(data[end:end + 4], "big"):
            return False
        at = end + 4
    return kind == b"IEND" and at == len(data)


def outputs_of(folder):
    """All but the checkpoint, and the trace, which holds times."""
    found = content(folder)
    trace = found.pop("trace.json", None)
    if trace is not None:
        json.loads(trace)
    return {name: data for name, data in found.items() if not name.startswith("kept/") and "/.freeinit-" not in "/" + name}


def whole(lab, kind, seed):
    """The outputs of an uninterrupted run, and the seconds from its first message to its end."""
    def make(folder):
        process = lab.start(*RUN, *options_of(lab, kind), *KEPT, "--seed", seed, cwd=folder)
        process.stderr.readline()
        begin = time.monotonic()
        process.communicate()
        (folder / "kept" / "seconds").write_text(str(time.monotonic() - begin))
        expect(process.returncode == 0, "an uninterrupted run failed")
    folder = lab.once(f"{kind} {seed}", make)
    return outputs_of(folder), float((folder / "kept" / "seconds").read_text())


def check_names(folder, *wholes):
    """Each final name holds what was there (the first), or all of what was to come."""
    for name, data in outputs_of(folder).items():
        right = is_whole_png(data) if name == LIVE else data in [whole.get(name) for whole in wholes]
        expect(right, f"half a file: {name}")
    for name in wholes[0]:
        gone = not (folder / name).exists() and not name.startswith("passes/")  # those go when the run begins
        expect(not gone or name.startswith(FOLDERS), f"{name} is lost")


def kill_in_run(start, folder, seconds, dice, begin=0.0):
    """Kills a started run at a random moment; tries earlier ones until one lies in the run."""
    for attempt in range(6):
        process = start()
        process.stderr.readline() if begin == 0.0 else time.sleep(begin)
        time.sleep(dice.random() * seconds / 2 ** attempt)
        process.kill()
        process.communicate()
        if process.returncode < 0:
            return
    expect(False, "every run had ended before it was killed")


def killed_and_resumed(lab, kind, index):
    def run(folder):
        dice = random.Random(f"{kind} {index}")
        expected, seconds = whole(lab, kind, 7)
        former = {}
        if index % 2:  # something of another run stands there
            former, _ = whole(lab, kind, 8)
            for name, data in former.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
        options = options_of(lab, kind)
        line = [*RUN, *options, "--seed", 7, "--overwrite"]
        kill_in_run(lambda: lab.start(*line, *KEPT, cwd=folder), folder, seconds, dice)
        # Latents of several videos: those of the videos that are done.
        first = whole(lab, "tensors", 7)[0] if kind == "videos" else {}
        check_names(folder, former, expected, first)
        if not (folder / "kept/run.safetensors").exists():
            return  # before there was anything to keep
        again = [part for part in options if part not in ("--compare", COMPARISON)]
        lab.succeeds("generate", "--resume", "kept", "--overwrite", *again, cwd=folder)
        check_names(folder, former, expected, first)  # of the comparison, which stays what it is
        made, expected = ({name: data for name, data in files.items() if name != COMPARISON}
                          for files in (outputs_of(folder), expected))
        expect(all(made[name] == expected.get(name) for name in made), "a resumed run has other bits")
        missing = [name for name in expected if name not in made and not name.startswith("passes/")]
        expect(not missing, f"a resumed run has no {missing}")
        expect(not hidden_in(folder), "a temporary file is left after the next run")
    return run


def killed_and_run_again(lab, kind, index):
    def run(folder):
        dice = random.Random(f"{kind} {index}")
        source = lab.once("sources", lambda made: lab.succeeds(
            *RUN, *OUTPUTS["passes"], "--save-latents", "latents.safetensors", "--seed", 7, cwd=made))
        line = [str(part).replace("$", str(source)) for part in WRITERS[kind]]
        made = lab.once(f"writer {kind}", lambda made: lab.succeeds(*line, cwd=made))
        expected = content(made)
        former = {name: b"former " * 1000 for name in expected} if index % 2 and "clip/" not in line else {}
        for name, data in former.items():
            (folder / name).write_bytes(data)
        kill_in_run(lambda: lab.start(*line, "--overwrite", cwd=folder), folder, 0.2, dice, begin=0.15)
        check_names(folder, former, expected)
        lab.succeeds(*line, "--overwrite", cwd=folder)
        found = content(folder)
        left = hidden_in(folder)
        expect(not left, "a temporary file is left after the next run")
        expect(found == expected, "run again it writes other bytes")
    return run


def resumed_cases(lab):
    rounds = -(-TRIES // len(OUTPUTS))
    return [Case(f"{kind} {i}", killed_and_resumed(lab, kind, i)) for i in range(rounds) for kind in OUTPUTS][:TRIES]


def writer_cases(lab):
    return [Case(f"{kind} {i}", killed_and_run_again(lab, kind, i)) for i in range(10) for kind in WRITERS]


ROWS = [
    Row("kill", "`kill -9` at a random moment of `generate`: MP4, WebM, GIF, WebP, MOV, MKV, PNG frames; latents and frames "
        "as `.safetensors` and `.npy`, latents as `.latent`, frames as EXR; previews at the end and while it runs, "
        "a comparison of passes, passes, several videos, a trace; in half of the tries over the files of an earlier run",
        "each name holds the former file or the whole new one; `--resume` gives the bits of a run that was never killed",
        resumed_cases, quick=2),
    Row("kill-writers", "`kill -9` of `decode`, `analyze`, `filter`, `reinit`",
        "each name holds the former file or the whole new one; run again, the same bytes", writer_cases, quick=1),
]
