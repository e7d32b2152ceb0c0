"""Less memory than a run needs: one line, and what was kept goes on."""

import resource
import shutil
import signal

from control_group import MemoryGroup
from lab import Case, Row, expect, hidden_in

# Decoding all frames at once is what needs most; then the network.
RUN = ["generate", "a red circle", "--seed", 7, "--num-inference-steps", 6, "--num-iters", 2, "--num-frames", 8,
       "--height", 512, "--width", 512, "-o", "clip.gif", "--checkpoint", "kept", "--checkpoint-every", 1]
MOST = 1 << 34
STEPS = 30
OTHERS = {
    "inspect": ["inspect"],
    "decode": ["decode", "$/latents.safetensors", "-o", "clip.gif"],
    "score": ["score", "$/clip.gif"],
    "analyze": ["analyze", "$/latents.safetensors"],
    "reinit": ["reinit", "--diffused", "$/latents.safetensors", "--fresh", "$/latents.safetensors", "-o", "n.safetensors"],
}


def peak(lab, line, folder):
    """The least address space, of steps of an eighth, that the command is content with."""
    low, high = 1 << 28, MOST
    while high > low * 1.02:
        middle = (low + high) // 2
        done = lab.run(*line, "--overwrite", cwd=folder, limits=[(resource.RLIMIT_AS, middle)])
        low, high = (low, middle) if done.code == 0 else (middle, high)
    return high


def source(lab):
    return lab.once("memory sources", lambda folder: lab.succeeds(
        *RUN, "--save-latents", "latents.safetensors", cwd=folder))


def start_of(lab):
    """The address space that the program takes before it does anything."""
    def make(folder):
        (folder / "bytes").write_text(str(peak(lab, ["filter", "--shape", 1, 2, 2, "-o", "m.safetensors"], folder)))
    return int((lab.once("memory start", make) / "bytes").read_text())


def whole_of(lab):
    def make(folder):
        (folder / "bytes").write_text(str(peak(lab, RUN, folder)))
    return int((lab.once("memory whole", make) / "bytes").read_text())


def check_line(done):
    expect(done.code > 0, "ended by a signal", done)
    errors = done.errors()
    expect(len(errors) == 1, "not one line", done)
    expect("memory" in errors[0], f"does not speak of memory: {errors[0][:120]}", done)


def limited_run(lab, index):
    def run(folder):
        expected = (source(lab) / "clip.gif").read_bytes()
        begin, end = start_of(lab), whole_of(lab)
        limit = begin + (end - begin) * index // STEPS
        done = lab.run(*RUN, cwd=folder, limits=[(resource.RLIMIT_AS, limit)])
        if done.code == 0:
            expect((folder / "clip.gif").read_bytes() == expected, "other bits")
            return
        check_line(done)
        expect(not (folder / "clip.gif").exists(), "half a file")
        if (folder / "kept/run.safetensors").exists():
            lab.succeeds("generate", "--resume", "kept", cwd=folder)
            expect((folder / "clip.gif").read_bytes() == expected, "what was kept goes on to other bits")
    return run


def limited_command(lab, name, index):
    def run(folder):
        line = [str(part).replace("$", str(source(lab))) for part in OTHERS[name]]
        limit = start_of(lab) + (index << 24)
        done = lab.run(*line, cwd=folder, limits=[(resource.RLIMIT_AS, limit)])
        if done.code:
            check_line(done)
    return run


# In a control group. All frames at once are decoded in far more than what was loaded.
GROUPED = [*RUN, "--decode-chunk-size", 8]
LOADED = ["generate", "a red circle", "--num-inference-steps", 1, "--num-iters", 1, "-o", "clip.gif", "--overwrite",
          "--checkpoint", "kept"]


def group_source(lab):
    return lab.once("group source", lambda folder: lab.succeeds(*GROUPED, cwd=folder))


def in_group(lab, most, line, folder):
    with MemoryGroup(most) as group:
        return lab.run(*line, cwd=folder, group=group)


def enough_to_load(lab):
    """The most that is too little for a run to get as far as its first record, and the least that is not."""
    def make(folder):
        low, high = 1 << 23, MOST
        while high > low * 1.02:
            middle = (low + high) // 2
            shutil.rmtree(folder / "kept", ignore_errors=True)
            in_group(lab, middle, LOADED, folder)
            low, high = (low, middle) if (folder / "kept/run.safetensors").exists() else (middle, high)
        (folder / "bytes").write_text(f"{low} {high}")
    return map(int, (lab.once("group start", make) / "bytes").read_text().split())


def grouped(lab, stage):
    def run(folder):
        too_little, enough = enough_to_load(lab)
        expected = (group_source(lab) / "clip.gif").read_bytes()
        line = GROUPED
        if stage == "decoding":  # alone: all passes are done
            shutil.copytree(group_source(lab) / "kept", folder / "kept")
            line = ["generate", "--resume", "kept"]
        done = in_group(lab, too_little if stage == "loading" else enough * 3 // 2, line, folder)
        expect(done.code != 0, "the limit was not reached", done)
        if done.code != -signal.SIGKILL:
            check_line(done)
        expect(not (folder / "clip.gif").exists(), "half a file")
        if (folder / "kept/run.safetensors").exists():
            lab.succeeds("generate", "--resume", "kept", cwd=folder)
        else:  # ended before there was anything to keep
            expect(stage == "loading" or done.code > 0, "nothing was kept", done)
            lab.succeeds(*GROUPED, "--overwrite", cwd=folder)
        expect((folder / "clip.gif").read_bytes() == expected, "goes on to other bits")
        expect(not hidden_in(folder), "a temporary file is left after the next run")
    return run


def group_cases(lab):
    return [Case(stage, grouped(lab, stage)) for stage in ("loading", "sampling", "decoding")]


def cases(lab):
    made = [Case(f"generate {i}", limited_run(lab, i)) for i in range(STEPS)]
    return made + [Case(f"{name} {i}", limited_command(lab, name, i)) for i in (1, 3, 6, 12) for name in OTHERS]


ROWS = [
    Row("memory", "`ulimit -v` from what the program takes at its start to what the run needs: loading, sampling, decoding",
        "one line that speaks of memory; what was kept goes on", cases, quick=0),
    Row("memory-group", "a control group's limit of memory, less than loading, sampling, decoding needs",
        "one line, or the kernel ends the run by `kill -9`; no half file; what was kept goes on, and without it the same "
        "command makes the same bits", group_cases, quick=0),
]
