"""Less memory than a run needs: one line, and what was kept goes on."""

import resource

from lab import Case, Row, expect

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


def cases(lab):
    made = [Case(f"generate {i}", limited_run(lab, i)) for i in range(STEPS)]
    return made + [Case(f"{name} {i}", limited_command(lab, name, i)) for i in (1, 3, 6, 12) for name in OTHERS]


ROWS = [
    Row("memory", "`ulimit -v` from what the program takes at its start to what the run needs: loading, sampling, decoding",
        "one line that speaks of memory; what was kept goes on (a control group's limit ends a run by `kill -9`, above)",
        cases, quick=0),
]
