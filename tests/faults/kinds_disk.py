"""A disk that is full, or fills, at each stage: one line, the former file is kept, and the run goes on elsewhere."""

import os

from lab import Case, Row, SmallDisk, content, expect, hidden_in, refused

# `disk` is the small one. The checkpoint lies on another, but for the stages that are about it.
GENERATE = ["generate", "a red circle", "--seed", 7, "--num-inference-steps", 8, "--num-iters", 2, "--num-frames", 8,
            "--height", 64, "--width", 64, "--overwrite"]
KEPT = [*GENERATE, "--checkpoint", "kept", "--checkpoint-every", 1]
STAGES = {
    "mp4": [*KEPT, "-o", "disk/clip.mp4"],
    "webm": [*KEPT, "-o", "disk/clip.webm"],
    "gif": [*KEPT, "-o", "disk/clip.gif"],
    "frames": [*KEPT, "-o", "disk/clip/"],
    "latents": [*KEPT, "-o", "clip.gif", "--save-latents", "disk/latents.safetensors"],
    "frames as numbers": [*KEPT, "-o", "clip.gif", "--save-frames", "disk/frames.safetensors"],
    "passes": [*KEPT, "-o", "clip.gif", "--save-passes", "disk/passes"],
    "trace": [*KEPT, "-o", "clip.gif", "--trace", "disk/trace.json"],
    "record of the run": [*GENERATE, "-o", "clip.gif", "--checkpoint", "disk/kept"],
    "checkpoints": [*GENERATE, "-o", "clip.gif", "--checkpoint", "disk/kept", "--checkpoint-every", 1],
    "json": [*KEPT, "-o", "clip.gif", "--json"],
    "temporary folder": [*KEPT, "-o", "through.gif"],
    "cache of hashes": [*GENERATE, "-o", "clip.gif"],
    "decode": ["decode", "$", "-o", "disk/clip.webm", "--overwrite"],
    "table": ["analyze", "$", "--csv", "disk/a.csv", "--overwrite"],
    "plot": ["analyze", "$", "--plot", "disk/a.svg", "--overwrite"],
    "mask": ["filter", "--shape", 16, 32, 32, "-o", "disk/mask.safetensors", "--overwrite"],
    "picture": ["filter", "--shape", 16, 32, 32, "-o", "disk/mask.png", "--overwrite"],
    "noise": ["reinit", "--diffused", "$", "--fresh", "$", "-o", "disk/noise.safetensors", "--overwrite"],
    "features": ["score", "$clip", "--features", "$bundle/image_encoder.pt", "--save-features",
                 "disk/features.safetensors", "--overwrite"],
}
PARTS = (0, 0.3, 0.6, 0.99)  # of what the stage writes, free


def line_of(lab, stage):
    source = lab.once("disk sources", lambda folder: lab.succeeds(
        *GENERATE, "-o", "clip.gif", "--save-latents", "latents.safetensors", cwd=folder))
    places = {"$": source / "latents.safetensors", "$clip": source / "clip.gif"}
    return [str(places.get(part, part)).replace("$bundle", str(lab.bundle)) for part in map(str, STAGES[stage])]


def run_stage(lab, stage, folder):
    """The command with the small disk where the stage is about it."""
    disk = folder / "disk"
    options = {}
    if stage == "temporary folder":
        options["env"] = {"TMPDIR": str(disk)}
        if not (folder / "through.gif").exists():
            (folder / "through.gif").symlink_to("/dev/null")
    if stage == "cache of hashes":
        options["env"] = {"XDG_CACHE_HOME": str(disk)}
    if stage == "json":
        with open(disk / "out.json", "w") as out:
            return lab.run(*line_of(lab, stage), cwd=folder, stdout=out)
    return lab.run(*line_of(lab, stage), cwd=folder, **options)


def on_disk(folder):
    found = content(folder / "disk")
    for name in ("filler", "out.json", "trace.json"):  # the last two hold times
        found.pop(name, None)
    return {name: data for name, data in found.items() if not name.startswith("kept/")}


def whole(lab, stage):
    """What lies on a disk with room, and how many bytes of it that takes at most."""
    made = {}

    def make(folder):
        with SmallDisk(folder / "disk") as disk:
            before = os.statvfs(disk.place).f_bavail
            done = run_stage(lab, stage, folder)
            expect(done.code == 0, "failed without a fault", done)
            state = os.statvfs(disk.place)
            made["needs"] = max(4096, (before - state.f_bavail) * state.f_frsize)
            made["files"] = on_disk(folder)
            (folder / "needs").write_text(str(made["needs"]))
            for name, data in made["files"].items():
                (folder / "whole" / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / "whole" / name).write_bytes(data)
    folder = lab.once(f"disk {stage}", make)
    files = content(folder / "whole") if (folder / "whole").exists() else {}
    return files, int((folder / "needs").read_text())


def full_disk(lab, stage, part):
    def run(folder):
        expected, needs = whole(lab, stage)
        former = {name: b"former" for name in expected if "/" not in name} if part in (0, 0.6) else {}
        with SmallDisk(folder / "disk") as disk:
            for name, data in former.items():
                (disk.place / name).write_bytes(data)
            disk.fill(int(needs * part))
            done = run_stage(lab, stage, folder)
            made = on_disk(folder)
            if done.code == 0:
                expect(stage in ("checkpoints", "cache of hashes", "temporary folder") or made == expected,
                       "said to be done, but something is missing", done)
            else:
                refused(done, 6)
            for name, data in made.items():
                expect(data in (former.get(name), expected.get(name)), f"half a file: {name}")
            expect(set(former) <= set(made), "the former file is lost")
            expect(not hidden_in(folder), "a temporary file is left")
            if stage == "checkpoints" and done.code == 0:
                (disk.place / "filler").unlink()
                lab.succeeds("generate", "--resume", "disk/kept", "-o", "again.gif", cwd=folder)
                expect((folder / "again.gif").read_bytes() == (folder / "clip.gif").read_bytes(),
                       "the former checkpoint goes on to other bits")
        if done.code and (folder / "kept/run.safetensors").exists():
            lab.succeeds("generate", "--resume", "kept", "-o", "later.gif", cwd=folder)
            clip = lab.once("disk sources", None) / "clip.gif"
            expect((folder / "later.gif").read_bytes() == clip.read_bytes(), "what was kept goes on to other bits")
    return run


def cases(lab):
    return [Case(f"{stage} {part}", full_disk(lab, stage, part)) for part in PARTS for stage in STAGES]


ROWS = [
    Row("disk", "a full disk, and one that fills, at each stage: videos, frames, latents, passes, record of the run, "
        "checkpoints, JSON, tables, plots, masks, noise, features, traces, the temporary folder, the cache of hashes",
        "one line (exit code 6), or done without what is not needed; the former file stays; what was kept goes on",
        cases, quick=2),
]
