"""What the tests of the command share. Python's standard library only.

The environment names the command (FREEINIT_COMMAND) and the folder of the tiny bundle that
tests/support/tiny_bundle has written (FREEINIT_TINY_BUNDLE). Where FREEINIT_QUICK is set, the command is
loaded once a file of tests, and forked for what needs no environment, terminal or input of its own.
"""

import atexit
import fcntl
import functools
import json
import os
import pathlib
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import forked_command

COMMAND = os.environ["FREEINIT_COMMAND"]
BUNDLE = pathlib.Path(os.environ["FREEINIT_TINY_BUNDLE"])
WRITERS = ("generate", "decode", "filter", "reinit", "analyze", "score")


@functools.cache
def forked():
    """None where each run is a program start."""
    if not os.environ.get("FREEINIT_QUICK"):
        return None
    folder = tempfile.mkdtemp(prefix="freeinit-forked-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    preloaded = forked_command.compiled(folder)
    if not preloaded:
        return None
    command = forked_command.ForkedCommand(COMMAND, preloaded, folder, command_environment())
    atexit.register(command.close)
    return command


def command_environment():
    env = {key: value for key, value in os.environ.items() if key != "FREEINIT_BUNDLE"}
    return {**env, "OMP_NUM_THREADS": "1", "FREEINIT_BUNDLE": str(BUNDLE)}


class CommandTest(unittest.TestCase):
    """Every test gets an empty working folder of its own, whose files may be overwritten."""

    overwrites = True

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="freeinit cli ")  # with spaces on purpose
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.manifest = json.loads((BUNDLE / "manifest.json").read_text())

    def environment(self, **changes):
        return {**command_environment(), **changes}

    def line(self, args):
        overwrite = ["--overwrite"] if self.overwrites and args[:1] and args[0] in WRITERS else []
        return [COMMAND, *map(str, args), *overwrite]

    def run_command(self, *args, env=None, stdin=None):
        line = self.line(args)
        usual = env is None and stdin is None and self.environment() == command_environment()
        if usual and forked() and forked().takes(line):
            code, out, err, _, _ = forked().run(self.folder, line[1:], seconds=300)
            return subprocess.CompletedProcess(line, code, *(text.decode().replace("\r\n", "\n") for text in (out, err)))
        return subprocess.run(
            line, cwd=self.folder, env=env or self.environment(),
            input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300)

    def succeeds(self, *args, **options):
        done = self.run_command(*args, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def fails(self, code, *args, says=(), **options):
        """One line `error: ...` with every text of `says`, nothing on stdout, no file left behind."""
        before = self.files()
        done = self.run_command(*args, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("error: "), done.stderr)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, lines[0])
        self.assertEqual(self.files(), before)

    def on_terminal(self, *args, columns=80):
        """What it shows on a terminal of so many columns (0: the terminal does not say), and stdout."""
        here, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(self.line(args), cwd=self.folder, env=self.environment(),
                                   stdout=subprocess.PIPE, stderr=there)
        os.close(there)
        shown = b""
        while True:
            try:
                part = os.read(here, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        os.close(here)
        printed, _ = process.communicate()
        self.assertEqual(process.returncode, 0, shown)
        return shown.decode(), printed.decode()

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def copy_of_bundle(self):
        copy = self.folder / "bundle copy"
        shutil.copytree(BUNDLE, copy, dirs_exist_ok=True)
        return copy

    def generate(self, *args, **options):
        """A short run; returns what --json printed."""
        done = self.succeeds("generate", "a red circle", "--num-inference-steps", 2, "--json",
                             *args, **options)
        return json.loads(done.stdout)


def read_tensor(path, name=None):
    """The only tensor, or the named one, of a float32 safetensors file: (name, shape, flat list of values)."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    ((name, entry),) = [item for item in header.items() if name in (None, item[0])]
    assert entry["dtype"] == "F32", entry
    begin, end = entry["data_offsets"]
    values = data[8 + length + begin:8 + length + end]
    return name, entry["shape"], list(struct.unpack(f"<{len(values) // 4}f", values))


def write_tensor(path, shape, values, name="x"):
    data = struct.pack(f"<{len(values)}f", *values)
    header = json.dumps({name: {"dtype": "F32", "shape": list(shape),
                                "data_offsets": [0, len(data)]}}).encode()
    header += b" " * (-len(header) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(header)) + header + data)


def png_size(path):
    data = pathlib.Path(path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    return struct.unpack(">II", data[16:24])
