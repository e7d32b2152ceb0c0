"""Inputs from strangers, some three hundred mutants a format: no crash, no wait, bounded memory, one line."""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import random
import resource

import fork_server
import mutants
from lab import MOST_KIB, MOST_SECONDS, Case, Row, bounded

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "fuzz/corpus"
TRIES = 300
SETTINGS = {"prompt": "a red circle", "num_inference_steps": 4, "num_iters": 2, "seed": 7, "filter": "gaussian",
            "spatial_stop": 0.25, "guidance_interval": [0.2, 1.0], "prompt_at": ["0:a", "1:b"], "fast_sampling": True,
            "num_frames": 4, "height": 16, "width": 16, "filter_schedule": "gaussian:0.3", "mix": "freeinit",
            "context_length": 2}
GENERATE = ["generate", "--init-noise", "no.safetensors", "-o", "x.gif"]  # ends before a network call


@dataclasses.dataclass
class Format:
    name: str
    seeds: object  # seeds(lab): pairs of a file's name and its bytes
    mutate: object  # mutate(dice, bytes)
    lines: list  # of the command; `$` is the mutant, `<` at the end stands for it as standard input
    place: object = None  # place(lab, folder, name, mutant): puts it where the command finds it
    quick: int = 12


def fixed(files):
    return lambda lab: files


def run_outputs(lab):
    """A small run of everything, for seeds."""
    def make(folder):
        lab.succeeds("generate", "a red circle", "--seed", 7, "-o", "clip.mp4", "--checkpoint", "kept",
                     "--save-latents", "latents.safetensors", cwd=folder)
        for name in ("clip.webm", "clip.gif", "clip/"):
            lab.succeeds("decode", "latents.safetensors", "-o", name, cwd=folder)
        lab.succeeds("generate", "a red circle", "--seed", 7, "-o", "again.gif", "--save-latents", "latents.npy", cwd=folder)
    return lab.once("hostile seeds", make)


def of_run(*names):
    return lambda lab: [(name, (run_outputs(lab) / name).read_bytes()) for name in names]


def of_bundle(*names):
    return lambda lab: [(name, (lab.bundle / name).read_bytes()) for name in names]


def pictures(lab):
    return [("a.png", next((run_outputs(lab) / "clip").glob("*.png")).read_bytes()),
            ("b.png", (CORPUS / "video/picture.png").read_bytes())]


def videos(lab):
    corpus = [(path.name, path.read_bytes()) for path in sorted((CORPUS / "video").glob("*")) if path.suffix != ".png"]
    return corpus + of_run("clip.mp4", "clip.webm", "clip.gif")(lab)


def arrays(lab):
    corpus = [(path.name, path.read_bytes()) for path in sorted((CORPUS / "npy").glob("numpy_*"))]
    return corpus + of_run("latents.npy")(lab)


def of_jobs(dice, data):
    """Not of more than so many jobs: that is work which was asked for, however long it takes."""
    most = 500
    while True:
        mutant = mutants.of_lines(dice, data)
        if sum(map(jobs_of, mutant.splitlines())) <= most:
            return mutant


def jobs_of(line):
    try:
        job = json.loads(line)
    except (ValueError, RecursionError):
        return 1
    lists = job.values() if isinstance(job, dict) else ()
    return math.prod(max(1, len(values)) for values in lists if isinstance(values, list))


def place_in_bundle(lab, folder, name, mutant):
    """A copy of the bundle whose manifest has the mutant's size and hash: a stranger would say them."""
    target = folder / "bundle"
    for path in lab.bundle.rglob("*"):
        copy = target / path.relative_to(lab.bundle)
        if path.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(mutant if str(path.relative_to(lab.bundle)) == name else path.read_bytes())
    if name != "manifest.json":
        manifest = json.loads((target / "manifest.json").read_text())
        manifest["files"][name] = {"bytes": len(mutant), "sha256": hashlib.sha256(mutant).hexdigest()}
        (target / "manifest.json").write_text(json.dumps(manifest))


def parts_of(data):
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8:8 + length]), data[8 + length:]


def checkpoint_hash(header, tensors):
    """As passes/checkpoint: texts by name, then tensors, each text with its length in front."""
    texts = {name: text for name, text in header["__metadata__"].items() if name != "sha256"}
    types = {"F32": "Float", "I64": "Long", "U8": "Byte", "F64": "Double"}
    digest = hashlib.sha256()

    def add(text):
        digest.update(f"{len(text.encode())}:".encode() + text.encode())
    for name in sorted(texts):
        add(name)
        add(texts[name])
    for name in sorted(set(header) - {"__metadata__"}):
        entry = header[name]
        add(name)
        add(f"{types[entry['dtype']]} {entry['shape']}")
        digest.update(tensors[entry["data_offsets"][0]:entry["data_offsets"][1]])
    return digest.hexdigest()


def of_checkpoint(dice, data):
    """With the hash put right where that can be done: what is checked behind it must hold, too."""
    header, tensors = parts_of(data)
    assert checkpoint_hash(header, tensors) == header["__metadata__"]["sha256"]
    kind = dice.choice((0, 1, 2, 3) if tensors else (0, 3))
    if kind == 0:
        return mutants.of_safetensors(dice, data)
    if kind == 1:
        tensors = bytearray(tensors)
        for _ in range(dice.choice((1, 8))):
            tensors[dice.randrange(len(tensors))] = dice.choice((0, 1, 127, 128, 255))
    elif kind == 2:
        name = dice.choice(sorted(set(header) - {"__metadata__"}))
        shape = header[name]["shape"]
        header[name]["shape"] = dice.choice((shape[::-1], [1, *shape], shape + [1], shape[:-1] or [1]))
        if dice.randrange(3) == 0:
            header[dice.choice(("x", "history_9", "video", "counters"))] = header.pop(name)
    else:
        texts = header["__metadata__"]
        name = dice.choice(sorted(texts))
        texts[name] = mutants.of_json(dice, texts[name].encode()).decode(errors="replace") if name == "request" \
            else dice.choice(mutants.TEXTS)
    header["__metadata__"]["sha256"] = checkpoint_hash(header, bytes(tensors))
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(tensors)


def place_in_checkpoint(lab, folder, name, mutant):
    (folder / "kept").mkdir()
    for path in (run_outputs(lab) / "kept").iterdir():
        (folder / "kept" / path.name).write_bytes(path.read_bytes())
    (folder / name).write_bytes(mutant)


TOML = "\n".join(f"{name} = {json.dumps(value)}" for name, value in SETTINGS.items()).encode()
PROMPTS = b"\n".join(json.dumps(text).encode() for text in ("a red circle", "\u6771\u4eac", "<|endoftext|> (a:1.3)", "")) + b"\n"
# Jobs of the file are expanded alone, those of standard input end before a network call.
SWEEPS = ({"prompt": ["a red circle", "a blue square"], "seed": [1, 2, 3], "num_iters": [1, 3]},
          {"prompt": "a", "guidance_interval": [[0, 1], [0.2, 0.8]], "prompt_at": [["0:a"], ["1:b", "2:c"]],
           "context_length": 2})
JOBS = b"\n".join(json.dumps(job).encode() for job in ({**SETTINGS, "name": "one"}, *SWEEPS)) + b"\n"
ENDING = {"init_noise": "no.safetensors", "num_inference_steps": 1, "num_iters": 1}
STREAM = b"\n".join(json.dumps({**job, **ENDING}).encode() for job in (
    {"prompt": "a red circle", "name": "one", "seed": 7}, {"prompt": "\u6771\u4eac", "seed": [1, 2]})) + b"\n"
FORMATS = [
    Format("TOML settings", fixed([("settings.toml", TOML)]), mutants.of_text, [[*GENERATE, "--config", "$"]]),
    Format("JSON settings", fixed([("settings.json", json.dumps(SETTINGS).encode())]), mutants.of_json,
           [[*GENERATE, "--config", "$"]]),
    Format("manifests", of_bundle("manifest.json"), mutants.of_json, [["inspect", "bundle"]], place_in_bundle),
    Format("vocabularies", of_bundle("tokenizer/vocab.json"), mutants.of_json,
           [["tokenize", "a red circle", "--bundle", "bundle"]], place_in_bundle),
    Format("merges", lambda lab: [("tokenizer/merges.txt", b"#version: 0.2\nr e\nre d\n\xc3\xa4 b\n")], mutants.of_text,
           [["tokenize", "a red circle", "--bundle", "bundle"]], place_in_bundle),
    Format("prompts", fixed([("prompts.jsonl", PROMPTS)]), mutants.of_text, [["tokenize", "--input", "$"]]),
    Format("jobs", fixed([("jobs.jsonl", JOBS)]), of_jobs, [["batch", "$", "--out", "out", "--expand"]]),
    Format("jobs on standard input", fixed([("jobs.jsonl", STREAM)]), of_jobs, [["batch", "-", "--out", "out", "<"]], quick=3),
    Format("tensors", of_run("latents.safetensors"), mutants.of_safetensors,
           [["inspect", "$"], ["reinit", "--diffused", "$", "--fresh", "$", "-o", "n.safetensors", "--overwrite"]]),
    Format("arrays", arrays, mutants.of_npy,
           [["inspect", "$"], ["score", "$"], ["reinit", "--diffused", "$", "--fresh", "$", "-o", "n.npy", "--overwrite"]]),
    Format("checkpoints", of_run("kept/run.safetensors", "kept/video_0.safetensors"), of_checkpoint,
           [["generate", "--resume", "kept", "-o", "no folder/x.gif"]], place_in_checkpoint),
    Format("videos", videos, mutants.of_bytes, [["inspect", "$"], ["score", "$"]]),
    Format("pictures", pictures, mutants.of_bytes, [["inspect", "$"], ["score", "$"]]),
    Format("networks", of_bundle("unet.pt", "vae_decoder.pt", "text_encoder.pt"), mutants.of_bytes,
           [["inspect", "bundle", "--check"]], place_in_bundle),
]


def mutant_case(lab, form, index):
    def run(folder):
        dice = random.Random(f"{form.name} {index}")
        seeds = lab.once(f"seeds {form.name}", lambda made: _write_seeds(made, form.seeds(lab)))
        names = json.loads((seeds / "names").read_text())
        number = dice.randrange(len(names))
        name = names[number]
        mutant = form.mutate(dice, (seeds / str(number)).read_bytes())
        if form.place:
            form.place(lab, folder, name, mutant)
        else:
            (folder / name).write_bytes(mutant)
        keep = os.environ.get("FAULTS_KEEP")
        if keep:
            pathlib.Path(keep).write_bytes(mutant)
        for line in form.lines:
            if line[-1] == "<":
                bounded(run_reading(lab, folder, line[:-1], name))
            else:
                bounded(fork_server.run(lab, folder, *(name if part == "$" else part for part in line)))
    return run


def run_reading(lab, folder, line, name):
    """A program start a try, whose standard input is the mutant. What it allocates is limited, and not looked at after."""
    with open(folder / name, "rb") as mutant:
        return lab.run(*line, cwd=folder, stdin=mutant, seconds=MOST_SECONDS, limits=[(resource.RLIMIT_DATA, MOST_KIB << 10)])


def _write_seeds(folder, seeds):
    for number, (_, data) in enumerate(seeds):
        (folder / str(number)).write_bytes(data)
    (folder / "names").write_text(json.dumps([name for name, _ in seeds]))


def cases_of(form):
    return lambda lab: [Case(f"{form.name} {index}", mutant_case(lab, form, index)) for index in range(TRIES)]


ROWS = [Row(f"hostile-{form.name.replace(' ', '-').lower()}", form.name, "", cases_of(form), quick=form.quick)
        for form in FORMATS]
