"""Whether two builds of the command `freeinit` give the same bits.

    python tests/reference/same_bits.py BASE_COMMAND NEW_COMMAND [--only TEXT ...] [--work FOLDER]

Runs both on every case below, one thread unless the case says otherwise, and compares what they
write: tensors value by value in bytes, videos and pictures frame by frame as `ffmpeg` decodes them
(what files say of themselves aside), JSON figure by figure (times, versions and paths aside). A key that only one of them prints is named, and so is other
text. A case whose options one of the commands does not have is skipped and says so. Prints a table;
exits with 1 on a difference. `--work` keeps all files, and what BASE_COMMAND made there is not made
again.

The backends that need a converted UNet are converted with `freeinit-export` where it is installed;
a backend that BASE_COMMAND was not built with is skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "a red circle moving right"
CONVERTED = ("openvino", "int8", "float16-weights")
# Where it ran and how long it took; versions differ by intent.
LEFT_OUT = {"seconds", "version", "bundle", "created_by", "checks", "output"}
FILE_TYPES = {".safetensors", ".gif", ".mp4", ".webm", ".png", ".csv", ".svg", ".pt", ".json"}


@dataclass(frozen=True)
class Case:
    """One call of the command; in its arguments {name} is a file that `make_inputs` makes."""

    name: str
    arguments: list[str]
    threads: int = 1
    may_be_refused: bool = False  # where a part of the build may be missing


@dataclass
class Outcome:
    code: int
    output: str
    error: str
    folder: Path
    files: dict[str, Path] = field(default_factory=dict)


def generate(name: str, *options: str, threads: int = 1, may_be_refused: bool = False) -> Case:
    """Three passes of four steps, unless the options say otherwise."""
    defaults = {"--num-iters": "3", "--num-inference-steps": "4", "--seed": "7", "--num-frames": "6", "-o": "video.gif"}
    arguments = ["generate", PROMPT, "--bundle", "{bundle}", "--json", "--threads", str(threads)]
    arguments += ["--save-latents", "latents.safetensors", "--save-frames", "frames.safetensors"]
    for option, value in defaults.items():
        if option not in options:
            arguments += [option, value]
    return Case(f"generate {name}".strip(), [*arguments, *options], threads, may_be_refused)


def generations() -> list[Case]:
    cases = [generate(""), generate("plain", "--num-iters", "1")]
    cases += [generate(f"seed {seed}", "--seed", seed) for seed in ("0", "18446744073709551615")]
    cases += [generate(f"mix {name}", "--mix", name) for name in ("freeinit", "variance-preserving", "freqprior")]
    cases += [generate(f"filter {name}", "--filter", name) for name in ("butterworth", "gaussian", "ideal", "box")]
    cases += [generate(f"variant strict, {name}", "--filter", name, "--filter-variant", "strict")
              for name in ("butterworth", "gaussian", "box")]  # fmt: skip
    cases += [generate(f"axes {name}", "--filter-axes", name) for name in ("temporal", "spatial")]
    sizes = [("5", "64", "64"), ("7", "48", "80"), ("1", "64", "64"), ("3", "32", "96")]
    cases += [
        generate(f"size {frames}x{height}x{width}", "--num-frames", frames, "--height", height, "--width", width)
        for frames, height, width in sizes
    ]
    return cases + [
        generate("stops and order", "--spatial-stop", "0.4", "--temporal-stop", "0.15", "--order", "2.5"),
        generate("schedule of filters", "--filter-schedule", "gaussian:0.3,butterworth:0.2:0.2"),
        generate("mask", "--filter-mask", "{mask}"),
        generate("freqprior, ratio", "--mix", "freqprior", "--mix-ratio", "0.5", "--filter", "gaussian"),
        generate("eta", "--eta", "0.6"),
        generate("eta 1, plain", "--eta", "1", "--num-iters", "1"),
        generate("fast sampling", "--fast-sampling", "--num-inference-steps", "7"),
        generate("official profile", "--profile", "official"),
        generate("official profile, fast sampling", "--profile", "official", "--fast-sampling"),
        generate("several videos", "--num-videos", "2", "--num-iters", "2", "--eta", "0.3"),
        generate("negative prompt", "--negative-prompt", "a blue square"),
        generate("no guidance", "--guidance-scale", "1"),
        generate("guidance interval", "--guidance-interval", "0.2", "0.8"),
        generate("cache interval", "--cache-interval", "2", "--num-inference-steps", "5"),
        generate("cache and guidance interval", "--cache-interval", "3", "--guidance-interval", "0.2", "1",
                 "--num-inference-steps", "6"),
        generate("prediction after 1", "--intermediate", "prediction", "--intermediate-steps", "1"),
        generate("prediction after 2, eta", "--intermediate", "prediction", "--intermediate-steps", "2", "--eta", "0.5"),
        generate("partial after 2", "--intermediate", "partial", "--intermediate-steps", "2"),
        generate("partial, freqprior", "--intermediate", "partial", "--intermediate-steps", "3", "--mix", "freqprior"),
        generate("first noise", "--init-noise", "{noise}"),
        generate("video, diffused", "--init-video", "{video}"),
        generate("video, inverted", "--init-video", "{video}", "--init-source", "invert"),
        generate("video, low band", "--init-video", "{video}", "--init-band", "low", "--num-iters", "2"),
        generate("video, inverted, low band", "--init-video", "{video}", "--init-source", "invert", "--init-band", "low"),
        generate("video, every second frame", "--init-video", "{video}", "--init-start", "1", "--init-stride", "2",
                 "--num-frames", "4"),
        generate("video to video", "--init-video", "{video}", "--strength", "0.6"),
        generate("latents", "--init-latents", "{latents}", "--num-frames", "16"),
        generate("every pass", "--save-passes", "passes"),
        generate("low memory", "--low-memory"),
        generate("two threads", threads=2),
        generate("mp4", "-o", "video.mp4"),
        generate("webm", "-o", "video.webm"),
        generate("png", "-o", "video/"),
        generate("rates", "--fps", "12", "--output-fps", "10"),
        *(generate(f"backend {name}", "--backend", name, may_be_refused=True)
          for name in ("torchscript", "winograd", *CONVERTED)),
        generate("backend winograd, cache", "--backend", "winograd", "--cache-interval", "2", may_be_refused=True),
    ]  # fmt: skip


def tools() -> list[Case]:
    """The commands beside `generate`."""
    shape = ["--shape", "7", "12", "9"]
    cases = [Case("tokenize", ["tokenize", "--bundle", "{bundle}", "--input", "{texts}"])]
    for name in ("butterworth", "gaussian", "ideal", "box"):
        for variant in ("official", "strict"):
            cases.append(Case(
                f"filter {name}, {variant}",
                ["filter", *shape, "--filter", name, "--filter-variant", variant, "--json", "-o", "mask.safetensors"]))
    cases.append(Case("filter picture", ["filter", "--shape", "16", "16", "16", "-o", "mask.png"]))
    cases.append(Case("filter mix", ["filter", *shape, "--mix", "variance-preserving", "--json"]))
    for name, fresh in (("freeinit", 1), ("variance-preserving", 1), ("freqprior", 4)):
        inputs = ["--latents", "{latents}", "--noise", "{noise16}"]
        fresh_files = ["--fresh", *["{noise16}"] * fresh]
        cases.append(Case(f"reinit {name}", ["reinit", *inputs, *fresh_files, "--mix", name, "-o", "noise.safetensors"]))
        cases.append(Case(
            f"reinit {name}, schedule of the bundle",
            ["reinit", *inputs, *fresh_files, "--mix", name, "--bundle", "{bundle}", "--filter", "gaussian",
             "-o", "noise.safetensors"]))
    analysis = ["analyze", "{video}", "--bundle", "{bundle}", "--num-frames", "6", "--num-draws", "2", "--json"]
    return cases + [
        Case("reinit stopped", ["reinit", "--latents", "{latents}", "--noise", "{noise16}", "--fresh", "{noise16}",
                                "--latents-timestep", "321", "-o", "noise.safetensors"]),
        Case("analyze", [*analysis, "--csv", "figures.csv"]),
        Case("analyze, seed", [*analysis, "--seed", "5", "--timesteps", "100", "700"]),
        Case("analyze latents", ["analyze", "{latents}", "--bundle", "{bundle}", "--num-draws", "2", "--json"]),
        Case("analyze passes", ["analyze", "--passes", "{passes}", "--json", "--csv", "figures.csv"]),
        Case("score", ["score", "{video}", "{latents}", "--json"]),
        Case("score, stride", ["score", "{video}", "--start", "1", "--stride", "2", "--json"]),
        Case("inspect", ["inspect", "{bundle}", "--json"]),
    ]  # fmt: skip


TEXTS = [
    PROMPT, "", "  a  \t b\n", "caf\u00e9 \u4f60\u597d \U0001f600", "don't it's we'll 1234 5.6%", "<|endoftext|> x",
    "A" * 300, "\u0130stanbul \ufb01ne \u01c5", "&amp; &lt;b&gt; &#39;", "na\u0308ive \u0939\u093f\u0928\u094d\u0926\u0940",
]  # fmt: skip


class Command:
    def __init__(self, line: str):
        self.parts = shlex.split(line)
        self.parts[0] = str(Path(shutil.which(self.parts[0]) or self.parts[0]).resolve())
        self.known: dict[str, set[str]] = {}

    def options(self, subcommand: str) -> set[str]:
        """The options that its help names."""
        if subcommand not in self.known:
            done = subprocess.run([*self.parts, subcommand, "--help"], capture_output=True, text=True)
            self.known[subcommand] = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", done.stdout))
        return self.known[subcommand]

    def missing(self, case: Case) -> list[str]:
        given = [argument for argument in case.arguments if re.fullmatch(r"--?[a-z][\w-]*", argument)]
        return [option for option in given if option not in self.options(case.arguments[0])]

    def run(self, arguments: list[str], folder: Path, threads: int = 1) -> Outcome:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
        done = subprocess.run([*self.parts, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        return Outcome(done.returncode, done.stdout, done.stderr, folder, written(folder))

    def stamp(self) -> str:
        status = os.stat(self.parts[0])
        return f"{self.parts} {status.st_mtime_ns} {status.st_size}"


def written(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.suffix in FILE_TYPES}


def remembered(command: Command, arguments: list[str], folder: Path, threads: int) -> Outcome:
    """As `run`, but what stands in `folder` from the same command and arguments is taken."""
    note = folder.with_suffix(".json")
    made_by = [command.stamp(), arguments, threads]
    if note.exists():
        known = json.loads(note.read_text())
        if known["made_by"] == made_by:
            return Outcome(known["code"], known["output"], known["error"], folder, written(folder))
    found = command.run(arguments, folder, threads)
    note.write_text(json.dumps(
        {"made_by": made_by, "code": found.code, "output": found.output, "error": found.error}))  # fmt: skip
    return found


def latent_size(bundle: Path) -> list[str]:
    """Height and width of the latents that the bundle recommends."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    return [str(manifest["recommended"][side] // manifest["vae"]["spatial_scale"]) for side in ("height", "width")]


def make_inputs(base: Command, bundle: Path, work: Path) -> dict[str, str]:
    """The files that cases read, made by the base command."""
    folder = work / "inputs"
    copy = folder / "bundle"
    if not copy.exists():
        shutil.copytree(bundle, copy)
        for name in CONVERTED:
            subprocess.run([sys.executable, "-m", "freeinit_export", "backend", name, str(copy), "--quiet"],
                           capture_output=True, check=False)  # fmt: skip
    run = ["generate", "a blue square moving up", "--bundle", str(copy), "--seed", "3", "--num-iters", "2",
           "--num-inference-steps", "4", "--threads", "1"]  # fmt: skip
    made = {
        "clip": [*run, "-o", "clip.mp4", "--save-latents", "latents.safetensors", "--save-passes", "passes"],
        "short": [*run, "--num-frames", "6", "-o", "clip.gif", "--save-passes", "passes"],
        "mask": ["filter", "--shape", "6", *latent_size(copy), "--spatial-stop", "0.3", "-o", "mask.safetensors"],
    }
    for name, arguments in made.items():
        found = remembered(base, arguments, folder / name, 1)
        if found.code:
            raise SystemExit(f"the base command cannot make the input {name}: {found.error.strip()}")
    (folder / "texts").write_text("".join(json.dumps(text) + "\n" for text in TEXTS))
    files = {
        "bundle": copy, "video": folder / "clip/clip.mp4", "latents": folder / "clip/latents.safetensors",
        "passes": folder / "clip/passes", "noise16": folder / "clip/passes/noise_1.safetensors",
        "noise": folder / "short/passes/noise_1.safetensors", "mask": folder / "mask/mask.safetensors",
        "texts": folder / "texts",
    }  # fmt: skip
    return {name: str(path) for name, path in files.items()}


def tensors(path: Path) -> dict[str, tuple]:
    """Name to type, shape and bytes; the file's notes are left out."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items()}  # fmt: skip


def frames(path: Path) -> list[str]:
    """Time and hash of every frame."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


READERS = {".safetensors": tensors, **dict.fromkeys((".mp4", ".webm", ".gif", ".png"), frames)}


def compare_json(base: object, new: object, where: str, notes: list[str]) -> list[str]:
    """The places where two values differ; keys that only one has go to `notes`."""
    if isinstance(base, dict) and isinstance(new, dict):
        keys = (set(base) | set(new)) - LEFT_OUT
        notes += [f"{where}.{key} is in one alone" for key in sorted(keys) if (key in base) != (key in new)]
        shared = [key for key in base if key in new and key not in LEFT_OUT]
        return [text for key in shared for text in compare_json(base[key], new[key], f"{where}.{key}", notes)]
    if isinstance(base, list) and isinstance(new, list) and len(base) == len(new):
        pairs = enumerate(zip(base, new))
        return [text for i, (a, b) in pairs for text in compare_json(a, b, f"{where}[{i}]", notes)]
    same = base == new and type(base) is type(new)
    return [] if same else [f"{where}: {str(base)[:40]} and {str(new)[:40]}"]


def compare(base: Outcome, new: Outcome) -> tuple[list[str], list[str]]:
    """Differences, and what is no difference but worth a note."""
    notes: list[str] = []
    if new.code != base.code:
        return [f"exit code {base.code} and {new.code}: {new.error.strip()[-200:]}"], notes
    found = [f"{name}: is in one alone" for name in sorted(set(base.files) ^ set(new.files))]
    for name in sorted(set(base.files) & set(new.files)):
        read = READERS.get(Path(name).suffix, Path.read_bytes)
        if read(base.files[name]) != read(new.files[name]):
            found.append(f"{name}: differs")
    expected, printed = values(base.output), values(new.output)
    if expected is None or printed is None:
        notes += ["other text on stdout"] if base.output != new.output else []
        return found, notes
    return found + compare_json(expected, printed, "stdout", notes), notes


def values(output: str) -> list | None:
    """What was printed as JSON, one value or one a line; None for text that people read."""
    for parts in ([output], output.splitlines()):
        try:
            return [json.loads(part) for part in parts]
        except ValueError:
            continue
    return None


def check(case: Case, base: Command, new: Command, inputs: dict[str, str], work: Path) -> tuple[str, str]:
    """Verdict and detail."""
    missing = [f"{who} has no {', '.join(options)}"
               for who, options in (("base", base.missing(case)), ("new", new.missing(case))) if options]  # fmt: skip
    if missing:
        return "skipped", "; ".join(missing)
    arguments = [argument.format(**inputs) if argument.startswith("{") else argument for argument in case.arguments]
    folder = re.sub(r"\W+", "_", case.name)
    expected = remembered(base, arguments, work / "base" / folder, case.threads)
    if expected.code:
        error = expected.error.strip()[-200:]
        return ("skipped" if case.may_be_refused else "FAILED"), f"base refuses: {error}"
    found = new.run(arguments, work / "new" / folder, case.threads)
    differences, notes = compare(expected, found)
    if differences:
        return "DIFFERS", "; ".join(differences[:4])
    return "same", "; ".join([f"{len(expected.files)} files", *notes])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", metavar="BASE_COMMAND")
    parser.add_argument("new", metavar="NEW_COMMAND")
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT", help="cases whose name has one of these")
    parser.add_argument("--bundle", type=Path, default=ROOT / "models" / "shapes")
    parser.add_argument("--work", type=Path, help="folder to keep (default: a temporary one)")
    options = parser.parse_args()
    base, new = Command(options.base), Command(options.new)
    cases = [case for case in (*generations(), *tools()) if any(text in case.name for text in options.only)]
    verdicts = []
    with tempfile.TemporaryDirectory() as temporary:
        work = (options.work or Path(temporary)).resolve()
        inputs = make_inputs(base, options.bundle.resolve(), work)
        for case in cases:
            verdict, detail = check(case, base, new, inputs, work)
            verdicts.append(verdict)
            print(f"{verdict:8} {case.name:42} {detail}", flush=True)
    counts = {verdict: verdicts.count(verdict) for verdict in ("same", "skipped", "DIFFERS", "FAILED")}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["DIFFERS"] or counts["FAILED"] or not counts["same"] else 0


if __name__ == "__main__":
    sys.exit(main())
