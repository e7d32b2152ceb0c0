"""Every shell line of the pages works as pasted: it is run, or its options and files are looked up.

    FREEINIT_COMMAND=build/release/bin/freeinit python3 -m unittest test_commands

A block of shell lines is marked `sh`. A page's lines run one after another in a folder that looks like a
fresh clone, with the built command first in PATH and the demo model. Python's standard library only.
"""

import functools
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = pathlib.Path(os.environ["FREEINIT_COMMAND"]).absolute()
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "findings/README.md",
                ROOT / "models/export/README.md", ROOT / "benchmarks/results/README.md",
                *(ROOT / "tests/reference").glob("*/README.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r" *(freeinit(-export)? [a-z]|scripts/\w|cmake -|pip install|git clone|python3? |pytest)")
SYNOPSIS = re.compile(r"PROMPT|\bFILE\b|\.\.\.|\[options\]|\bT H W\b|\bF\b|\bTEXT\b|\bLATENTS\b|\bBUNDLE\b|\bJOBS\b|\bVIDEO\b|--version$")

# What is not run, and why. Options and files of these lines are looked up all the same.
NOT_RUN = [
    (r"scripts/(demo|test|setup)\.sh", "installs packages and builds: clean_root.sh and CI run it"),
    (r"(cmake|g\+\+|cc) ", "builds for minutes: the tests of packaging do it"),
    (r"python3 -m venv|pip install|\. \.venv/bin/activate|export PYTHONPATH", "the Python of the tests: downloads packages"),
    (r"git clone", "downloads"),
    (r"(\w+=\S+ +)*(pytest|python|python3 tests/\S+) ?", "tests and scripts of their own: scripts/test.sh runs pytest"),
    (r"(run|one|default)=|(\w+=\S+ +)*\$run ", "benchmarks take hours"),
    (r"findings/", "downloads packages"),
    (r"freeinit-export ", "needs downloaded weights: the tests of the exporter use small ones"),
    (r"freeinit .*(my-bundle|videocrafter2|dino\.pt)", "needs a bundle or an encoder of the line before"),
    (r"freeinit analyze bikes\.mp4", "needs clips that are not in the repository"),
]
# Pages that name options of the command and of the exporter in their tables and text.
GUIDES = ["checkpoint_to_video", "choosing", "from_comfyui", "from_diffusers", "how_it_works", "reproducibility"]
# A line that makes a video makes a small one in few steps; a mask has the size of its own line.
FEW, SMALL = "--num-inference-steps 2", "--height 32 --width 32"
STEPS = re.compile(r" --num-inference-steps \d+|(?<= --intermediate-steps )\d+")


def shell_lines(page):
    """Those of the blocks marked `sh`, continued lines joined, comments dropped."""
    for _, kind, text in BLOCK.findall(page.read_text()):
        if kind == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                line = re.sub(r"\s+#\s.*", "", line).strip()
                if line:
                    yield line


def reason_not_to_run(line):
    return next((reason for pattern, reason in NOT_RUN if re.match(pattern, line)), None)


def in_few_steps(line):
    def smaller(match):
        short = STEPS.sub(lambda steps: "" if steps[0][0] == " " else "1", match[0])
        return f"{short} {FEW}" if "--filter-mask" in short else f"{short} {FEW} {SMALL}"
    line = re.sub(r'"num_inference_steps": \d+', '"num_inference_steps": 2', line)
    line = line.replace("--num-frames 64", "--num-frames 24").replace('"63:', '"23:')  # more than one window
    return re.sub(r"freeinit generate [^&]*[^& ]", smaller, line)


@functools.cache
def help_of(subcommand):
    done = subprocess.run([COMMAND, subcommand, "--help"], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


@functools.cache
def exporter_sources():
    return "\n".join(path.read_text() for path in (ROOT / "models/export/src").rglob("*.py"))


def unknown_words(line):
    """Options that the program does not have, and files that are not in the repository."""
    for part in re.split(r"&&|;", line):
        words = part.split()
        options = [word.split("=")[0] for word in words if word.startswith("--")]
        if words[0] == "freeinit":
            known = help_of(words[1])
            yield from (option for option in options if not re.search(rf"{option}\b", known))
        elif words[0] == "freeinit-export":
            yield from (option for option in options if f'"{option}"' not in exporter_sources())
            if f'"{words[1]}"' not in exporter_sources():
                yield words[1]
        elif "$run" in words:
            experiment = words[words.index("$run") + 1]
            if experiment != "report" and not (ROOT / f"benchmarks/experiments/{experiment}.py").exists():
                yield experiment
        for word in words:
            path = re.match(r"'?(?:\./)?((?:scripts|models|tests|benchmarks|findings|examples|cmake|docs)/[^'\[\s)\"]+)", word)
            if path and not (ROOT / path[1]).exists():
                yield path[1]


def options_named_in(page):
    """Those between backticks outside of blocks, as tables of options name them."""
    text = BLOCK.sub("", page.read_text())
    return {option for code in re.findall(r"`([^`\n]+)`", text) for option in re.findall(r"(?:^|\s)(--[a-z][a-z-]+)", code)}


class Commands(unittest.TestCase):
    def test_options_named_in_guides_are_there(self):
        subcommands = re.findall(r"^freeinit ([a-z]+)", (ROOT / "docs/command.md").read_text(), re.MULTILINE)
        known = "\n".join([*map(help_of, sorted(set(subcommands))), exporter_sources()])
        for page in [ROOT / "docs" / f"{name}.md" for name in GUIDES]:
            named = options_named_in(page)
            self.assertTrue(named, page)
            self.assertEqual([option for option in sorted(named) if not re.search(rf"{option}\b", known)], [], page)

    def test_every_shell_block_is_marked(self):
        for page in PAGES:
            for _, kind, text in BLOCK.findall(page.read_text()):
                lines = [line for line in text.splitlines() if SHELL.match(line) and not SYNOPSIS.search(line)]
                if not kind:
                    self.assertEqual(lines, [], f"{page}: mark the block as sh")

    def test_options_and_files_are_there(self):
        for page in PAGES:
            for line in shell_lines(page):
                with self.subTest(page=page.name, line=line):
                    self.assertEqual(list(unknown_words(line)), [])

    def test_every_reason_is_still_needed(self):
        lines = [line for page in PAGES for line in shell_lines(page)]
        for pattern, _ in NOT_RUN:
            self.assertTrue(any(re.match(pattern, line) for line in lines), pattern)

    def test_lines_run(self):
        path = {**os.environ, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}
        path.pop("FREEINIT_BUNDLE", None)
        for page in PAGES:
            with tempfile.TemporaryDirectory(prefix="clone ") as folder:
                for entry in ["models", "scripts", "examples", "docs", "cmake"]:
                    (pathlib.Path(folder) / entry).symlink_to(ROOT / entry)
                for line in shell_lines(page):
                    if reason_not_to_run(line):
                        continue
                    with self.subTest(page=page.name, line=line):
                        done = subprocess.run(["bash", "-euo", "pipefail", "-c", in_few_steps(line)], cwd=folder, env=path,
                                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
                        self.assertEqual(done.returncode, 0, done.stderr)


class TheTestItself(unittest.TestCase):
    def test_finds_what_is_wrong(self):
        wrong = 'freeinit generate "a" --no-such-option && scripts/gone.sh'
        self.assertEqual(list(unknown_words(wrong)), ["--no-such-option", "scripts/gone.sh"])
        self.assertEqual(list(unknown_words("freeinit-export animatediff --gone x")), ["--gone"])
        self.assertEqual(list(unknown_words("A=b $run gone build/x")), ["gone"])

    def test_shortens_every_video(self):
        self.assertEqual(in_few_steps('freeinit filter -o m && freeinit generate "a" --intermediate-steps 30'),
                         f'freeinit filter -o m && freeinit generate "a" --intermediate-steps 1 {FEW} {SMALL}')
        self.assertEqual(in_few_steps('freeinit generate "a" --num-inference-steps 10 -o b'),
                         f'freeinit generate "a" -o b {FEW} {SMALL}')
        self.assertEqual(in_few_steps('freeinit generate "a" --filter-mask m'), f'freeinit generate "a" --filter-mask m {FEW}')
        self.assertEqual(in_few_steps('echo \'{"num_inference_steps": 25}\''), 'echo \'{"num_inference_steps": 2}\'')


if __name__ == "__main__":
    unittest.main()
