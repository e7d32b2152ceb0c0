"""Outputs and folders that are not what one expects: the right result, or one line."""

import os
import shutil
import subprocess
import threading

from kinds_kill import outputs_of
from lab import Case, Row, SmallDisk, content, expect, hidden_in, refused, wait_for

SHORT = ["generate", "a red circle", "--seed", 7, "--num-inference-steps", 4, "--num-iters", 2]
LONG = ["generate", "a red circle", "--seed", 7, "--num-inference-steps", 300, "--num-iters", 2]
WRITERS = {
    "video": [*SHORT, "-o", "$.mp4"],
    "frames": [*SHORT, "-o", "$/"],
    "latents": [*SHORT, "-o", "clip.gif", "--save-latents", "$.safetensors"],
    "passes": [*SHORT, "-o", "clip.gif", "--save-passes", "$"],
    "checkpoint": [*SHORT, "-o", "clip.gif", "--checkpoint", "$"],
    "trace": [*SHORT, "-o", "clip.gif", "--trace", "$.json"],
    "mask": ["filter", "--shape", 4, 8, 8, "-o", "$.safetensors"],
    "picture": ["filter", "--shape", 4, 8, 8, "-o", "$.png"],
}
FOLDERS = ("frames", "passes", "checkpoint")


def line(writer, name):
    return [str(part).replace("$", name) for part in WRITERS[writer]]


def right(lab, writer):
    def make(folder):
        lab.succeeds(*line(writer, "x"), cwd=folder)
    return content(lab.once(f"right {writer}", make))


def place_of(writer, name):
    """The path that the command is told, without a slash at its end."""
    return next(part for part in line(writer, name) if name in part).rstrip("/")


def read_only(lab, writer):
    def run(folder):
        with SmallDisk(folder / "disk") as disk:
            disk.make_read_only()
            refused(lab.run(*line(writer, "disk/x"), cwd=folder), 6)
    return run


def gone_before(lab, writer):
    return lambda folder: refused(lab.run(*line(writer, "no folder/x"), cwd=folder), 6)


def gone_in_the_run(lab, option):
    """The folder of an output vanishes while the network runs."""
    def run(folder):
        (folder / "there").mkdir()
        args = {"video": ["-o", "there/x.mp4"], "frames": ["-o", "there/x/"],
                "latents": ["-o", "x.gif", "--save-latents", "there/x.safetensors"],
                "passes": ["-o", "x.gif", "--save-passes", "there/x"],
                "checkpoint": ["-o", "x.gif", "--checkpoint", "there/x", "--checkpoint-every", 1]}[option]
        keep = [] if option == "checkpoint" else ["--checkpoint", "kept"]
        process = lab.start(*LONG, *args, *keep, cwd=folder)
        process.stderr.readline()
        shutil.rmtree(folder / "there")
        out, err = process.communicate(timeout=120)
        done = type("Done", (), {"code": process.returncode, "err": err, "errors": lambda self: [
            text for text in err.splitlines() if text.startswith("error: ")]})()
        if option == "checkpoint":
            expect(done.code == 0 and err.count("goes on without newer checkpoints") == 1, "did not go on", done)
            return
        refused(done, 6)
        lab.succeeds("generate", "--resume", "kept", "-o", "later.gif", cwd=folder)
    return run


def through_a_pipe(lab, writer):
    def run(folder):
        path = folder / place_of(writer, "x")
        os.mkfifo(path)
        seen = []
        reader = threading.Thread(target=lambda: seen.append(path.read_bytes()), daemon=True)
        reader.start()
        done = lab.run(*line(writer, "x"), cwd=folder)
        if writer in FOLDERS:
            refused(done)
            with open(path, "wb"):
                pass  # lets the reader go
            return
        expect(done.code == 0, "failed", done)
        reader.join(10)
        expected = right(lab, writer)[path.name]
        expect(writer == "trace" or seen == [expected], "another content came through the pipe")
        expect(path.is_fifo(), "the pipe was replaced")
    return run


def to_what_stands_there(lab, writer, kind):
    def run(folder):
        name = place_of(writer, "x")
        path = folder / name
        target = folder / "target"
        if kind == "link":
            path.symlink_to("target")
            target.write_bytes(b"former")
        elif kind == "dangling link":
            path.symlink_to("target")
        elif kind == "loop":
            path.symlink_to(name)
        elif kind == "device":
            path.symlink_to("/dev/null")
        elif kind == "full device":
            path.symlink_to("/dev/full")
        elif kind == "wrong kind":
            path.write_bytes(b"former") if writer in FOLDERS else path.mkdir()
        elif kind == "foreign folder":
            path.mkdir()
            (path / "letter.txt").write_bytes(b"former")
        done = lab.run(*line(writer, "x"), "--overwrite", cwd=folder)
        if done.code:
            refused(done)
            for place in (target, path, path / "letter.txt"):
                if place.is_file() and place.stat().st_mode & 0o170000 == 0o100000:
                    expect(place.read_bytes() == b"former", "the former file is lost")
        elif kind == "link" and writer not in FOLDERS:
            expect(path.is_symlink(), "the link was replaced")
            expect(writer == "trace" or target.read_bytes() == right(lab, writer)[name], "another content")
        elif kind == "foreign folder":
            expect((path / "letter.txt").read_bytes() == b"former", "a file of somebody else is lost")
        # In place of a folder of checkpoints no device is tried.
        expect(kind != "full device" or done.code == (2 if writer == "checkpoint" else 6), "a full device is not said", done)
        expect(os.path.exists("/dev/null") and not os.path.isfile("/dev/null"), "the device was replaced")
        expect(not hidden_in(folder), "a temporary file is left")
    return run


def closed(lab, stream):
    def run(folder):
        descriptor = {"stdin": 0, "stdout": 1, "stderr": 2}[stream]
        shell = f'exec "$0" "$@" {descriptor}>&-'
        done = subprocess.run(["sh", "-c", shell, lab.command, *map(str, SHORT), "-o", "x.gif", "--json"], cwd=folder,
                              env=lab.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        expect(done.returncode in ((0, 6) if stream == "stdout" else (0,)), f"code {done.returncode}")
        expect((folder / "x.gif").read_bytes() == right(lab, "closed")["x.gif"] if done.returncode == 0 else True,
               "the video holds other bytes")
    return run


def broken_pipe(lab):
    """Whoever read the result is gone: the video is whole, or not there."""
    def run(folder):
        process = lab.start(*SHORT, "-o", "x.gif", "--json", cwd=folder)
        process.stdout.close()
        process.stderr.read()
        expect(process.wait() in (0, 6, -13), f"code {process.returncode}")
        expect(outputs_of(folder) in ({}, right(lab, "closed")), "half a file")
    return run


def with_environment(lab, **changes):
    def run(folder):
        lab.succeeds(*SHORT, "-o", "x.gif", cwd=folder, env=changes)
        expect((folder / "x.gif").read_bytes() == right(lab, "closed")["x.gif"], "other bytes")
    return run


WRITERS["closed"] = [*SHORT, "-o", "$.gif"]
KINDS = ("link", "dangling link", "loop", "device", "full device", "wrong kind", "foreign folder")
NAMES = ("n" * 300 + ".gif", ".", "..", "/", "", "a\nb.gif", "\x1b[31m.gif", "-x.gif", "no.such/..//x.gif", "x.gif/y.gif")


def odd_name(lab, name):
    def run(folder):
        (folder / "x.gif").write_bytes(b"former")
        done = lab.run(*SHORT, f"--output={name}", cwd=folder)
        if done.code:
            refused(done)
        else:
            expect((folder / name).is_file(), "not where it was to be")
        expect((folder / "x.gif").read_bytes() == b"former", "the former file is lost")
        expect("\x1b" not in done.err, "control characters reach the terminal")
    return run


def cases(lab):
    made = []
    for writer in WRITERS:
        made.append(Case(f"read-only {writer}", read_only(lab, writer)))
        made.append(Case(f"no folder {writer}", gone_before(lab, writer)))
        made.append(Case(f"pipe {writer}", through_a_pipe(lab, writer)))
        made += [Case(f"{kind} {writer}", to_what_stands_there(lab, writer, kind)) for kind in KINDS]
    made += [Case(f"vanishing {option}", gone_in_the_run(lab, option))
             for option in ("video", "frames", "latents", "passes", "checkpoint")]
    made += [Case(f"name {i}", odd_name(lab, name)) for i, name in enumerate(NAMES)]
    made += [Case(f"closed {stream}", closed(lab, stream)) for stream in ("stdin", "stdout", "stderr")]
    made.append(Case("broken pipe", broken_pipe(lab)))
    made.append(Case("no temporary folder", with_environment(lab, TMPDIR="/no such folder")))
    made.append(Case("no cache", with_environment(lab, XDG_CACHE_HOME="/proc/no such folder")))
    made.append(Case("no home", with_environment(lab, XDG_CACHE_HOME="", HOME="")))
    return made


ROWS = [
    Row("outputs", "outputs in read-only and missing folders, in folders that vanish in the run; pipes, devices, links, "
        "folders, odd names in their place; closed streams, no temporary folder, no home",
        "the right result, or one line; what stood there stays what it was", cases, quick=3),
]
