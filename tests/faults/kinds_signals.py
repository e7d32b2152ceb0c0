"""SIGINT, SIGTERM, SIGHUP: the exit code tells them apart, no half file, and what is kept goes on to the same bits."""

import random
import signal
import time

from kinds_kill import outputs_of
from lab import SIGNALS, Case, Row, content, ended, expect, hidden_in, wait_for

SAMPLING = ["generate", "a red circle", "--seed", 7, "--num-inference-steps", 120, "--num-iters", 4, "-o", "clip.gif",
            "--checkpoint", "kept"]
# One network call; then frames are decoded and written one by one.
WRITING = ["generate", "a red circle", "--seed", 7, "--num-inference-steps", 1, "--num-iters", 1, "--num-frames", 64,
           "--height", 96, "--width", 96, "--decode-chunk-size", 1, "--checkpoint", "kept", "-o"]


def whole_of(lab, *line):
    return lab.once(f"signals {line}", lambda folder: lab.succeeds(*line, cwd=folder))


def check_kept(lab, folder, expected):
    """What was kept goes on to the bits of the whole run."""
    if (folder / "kept/run.safetensors").exists():
        lab.succeeds("generate", "--resume", "kept", "--overwrite", cwd=folder)
        expect(outputs_of(folder) == expected, "what was kept goes on to other bits")
    expect(not hidden_in(folder), "a temporary file is left after the next run")


def passes_of(lab):
    made = whole_of(lab, *SAMPLING, "--save-passes", "passes")
    return [(made / f"passes/pass_{i}.gif").read_bytes() for i in (1, 2, 3, 4)]


def in_sampling(lab, number, choice, index):
    def run(folder):
        dice = random.Random(f"{number} {choice} {index}")
        made = whole_of(lab, *SAMPLING, "--save-passes", "passes")
        passes = passes_of(lab)
        process = lab.start(*SAMPLING, "--on-cancel", choice, "--save-passes", "passes", cwd=folder)
        process.stderr.readline()
        complete = index % 4  # passes before the signal
        wait_for(lambda: complete == 0 or (folder / f"passes/pass_{complete}.gif").exists(), process)
        time.sleep(dice.random() * 0.05)
        process.send_signal(number)
        done = ended(process)
        clip = folder / "clip.gif"
        done_passes = len(list((folder / "passes").glob("*.gif")))
        if done.code == 0:
            expect(done_passes == 4 and clip.read_bytes() == passes[3], "not the whole video")
        else:
            expect(done.code == 128 + number, "another exit code", done)
            if choice == "save" and done_passes:
                expect(clip.exists() and clip.read_bytes() == passes[done_passes - 1],
                       "not the video of the last complete pass")
            else:
                expect(not clip.exists(), "a video though nothing was to be written")
            expect("to go on: freeinit generate --resume kept" in done.err, "does not say how to go on", done)
        for path in (folder / "passes").glob("*"):
            expect(path.read_bytes() == (made / "passes" / path.name).read_bytes(), f"half a file: {path.name}")
        for path in (folder / "passes").glob("*"):
            path.unlink()
        check_kept(lab, folder, {"clip.gif": passes[-1], **content(folder, ["passes/*"])})
    return run


def in_writing(lab, number, choice, name, index):
    def run(folder):
        dice = random.Random(f"{number} {name} {index}")
        expected = outputs_of(whole_of(lab, *WRITING, name))
        process = lab.start(*WRITING, name, "--on-cancel", choice, cwd=folder)
        wait_for(lambda: (folder / "kept/video_0.safetensors").exists(), process)
        time.sleep(dice.random() * 0.1)
        process.send_signal(number)
        done = ended(process)
        if done.code == 0:
            expect(outputs_of(folder) == expected, "not the whole video")
        else:
            expect(choice == "discard" and done.code == 128 + number, "another exit code", done)
            expect(not outputs_of(folder), "a video though nothing was to be written")
        check_kept(lab, folder, expected)
    return run


def in_decode(lab, number, name):
    def run(folder):
        source = whole_of(lab, *WRITING, "clip.gif", "--save-latents", "latents.safetensors") / "latents.safetensors"
        line = ["decode", source, "--decode-chunk-size", 1, "-o", name]
        expected = content(whole_of(lab, *line))
        process = lab.start(*line, cwd=folder)
        time.sleep(0.35)
        process.send_signal(number)
        done = ended(process)
        expect(done.code in (0, 128 + number, -number), "another exit code", done)
        expect(outputs_of(folder) == (expected if done.code == 0 else {}), "half a file")
        lab.succeeds(*line, "--overwrite", cwd=folder)
        expect(content(folder) == expected, "run again it writes other bytes, or left a temporary file")
    return run


def second_signal(lab, number, index):
    def run(folder):
        dice = random.Random(f"{number} second {index}")
        line = SAMPLING if index % 2 else [*WRITING, "clip.webm"]
        expected = outputs_of(whole_of(lab, *line))
        process = lab.start(*line, cwd=folder)
        wait_for(lambda: (folder / "kept/video_0.safetensors").exists(), process)
        process.send_signal(signal.SIGSTOP)  # both arrive in one network call or one frame
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.002)
        second = dice.choice(SIGNALS)
        process.send_signal(second)
        done = ended(process)
        expect(done.code in (0, -second, 128 + number, 128 + second), "another exit code", done)
        made = outputs_of(folder)
        if done.code and made:
            last = [{"clip.gif": data} for data in passes_of(lab)]  # a pass may have been complete
            expect(line == SAMPLING and made in last, "half a file")
        check_kept(lab, folder, expected)
    return run


def cases(lab):
    made = []
    for number in SIGNALS:
        name = number.name
        for index in range(4):
            for choice in ("save", "discard"):
                made.append(Case(f"{name} sampling {choice} {index}", in_sampling(lab, number, choice, index)))
            made.append(Case(f"{name} second {index}", second_signal(lab, number, index)))
        for index, (clip, choice) in enumerate([("clip.mp4", "discard"), ("clip.webm", "discard"), ("clip/", "discard"),
                                                ("clip.gif", "discard"), ("clip.webm", "save")]):
            made.append(Case(f"{name} writing {index}", in_writing(lab, number, choice, clip, index)))
        for clip in ("clip.webm", "clip.mp4", "clip/"):
            made.append(Case(f"{name} decode {clip.replace('/', '')}", in_decode(lab, number, clip)))
    return made


ROWS = [
    Row("signals", "SIGINT, SIGTERM, SIGHUP while `generate` samples, decodes and encodes, and in `decode`; a second one",
        "exit code 130, 143 or 129 with the last complete pass or nothing, or 0 with the whole video; no half file; "
        "`--resume` gives the whole run's bits",
        cases, quick=3),
]
