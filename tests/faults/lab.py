"""What the kinds of faults share: how the command is run and watched, and what is right after a fault."""

import dataclasses
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time

MOST_SECONDS = 10  # the longest that a refusal may take
MOST_KIB = 1 << 20  # resident; the command has a tenth of it when it starts
MOST_LINE = 1000  # bytes of an error: foreign text is quoted in part
KNOWN_CODES = (2, 3, 4, 5, 6, 7, 8)  # docs/command.md; 1 is what nobody foresaw
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Failed(Exception):
    """What was promised did not hold."""


class TookLong(Failed):
    """An answer came late or never. The machine may be busy with something else: it counts if it comes twice."""


class Skipped(Exception):
    """This machine cannot make the fault."""


@dataclasses.dataclass
class Case:
    """`run(folder)` breaks one thing in an empty folder; it raises Failed or Skipped."""
    name: str
    run: object


@dataclasses.dataclass
class Row:
    """A line of docs/reliability.md: `cases(lab)` makes its tries, of which `quick` belong to each test run. Without a
    promise of its own it stands among the files of strangers."""
    key: str
    fault: str
    promise: str
    cases: object
    quick: int = 1


@dataclasses.dataclass
class Done:
    code: int  # of the command; below zero the signal that ended it
    out: str
    err: str
    seconds: float = 0.0
    kib: int = 0

    def errors(self):
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


def expect(holds, what, done=None, kind=Failed):
    if holds:
        return
    if done:
        lines = done.err.strip().splitlines()
        what += f" (code {done.code}; {lines[-1][:160] if lines else 'nothing said'})"
    raise kind(what)


def bounded(done):
    """No crash, no wait, bounded memory, and one line where it is refused."""
    expect(done.code != -signal.SIGALRM and done.seconds < MOST_SECONDS, f"took {done.seconds:.0f} s", done, TookLong)
    expect(done.code >= 0, "crashed", done)
    expect(done.kib < MOST_KIB, f"took {done.kib >> 10} MiB", done)
    if done.code:
        refused(done)


def refused(done, *codes, says=""):
    expect(done.code in (codes or KNOWN_CODES), "not refused by a code of its own", done)
    errors = done.errors()
    expect(len(errors) == 1 and done.err.endswith(errors[0] + "\n"), "not one line at the end", done)
    expect(len(errors[0].encode()) <= MOST_LINE, f"a line of {len(errors[0])} characters", done)
    expect(says in errors[0], f"does not say '{says}'", done)


def default_signals():
    """Whoever runs this may ignore some, and children inherit that."""
    for number in (*SIGNALS, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def hidden_in(folder):
    return [path for path in pathlib.Path(folder).rglob(".*") if path.name.startswith(".freeinit-")]


def content(folder, names=("*",)):
    """The bytes of each file whose name fits, by its path in the folder."""
    folder = pathlib.Path(folder)
    found = (path for name in names for path in folder.rglob(name))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


class Lab:
    def __init__(self, command, bundle, scratch=None):
        self.command = pathlib.Path(command).resolve()
        self.bundle = pathlib.Path(bundle).resolve()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="freeinit-faults-", dir=scratch))
        self.made = {}
        self.lock = threading.RLock()

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def environment(self, **changes):
        base = {key: value for key, value in os.environ.items() if not key.startswith("FREEINIT_")}
        return {**base, "OMP_NUM_THREADS": "1", "FREEINIT_BUNDLE": str(self.bundle),
                "XDG_CACHE_HOME": str(self.root / "cache"), **changes}

    def start(self, *args, cwd, env=None, limits=(), group=None, stdout=subprocess.PIPE, **options):
        """A running command; `limits`: pairs of a resource and bytes; `group`: a MemoryGroup."""
        def prepare():
            default_signals()
            if group:
                group.enter()
            for what, most in limits:
                resource.setrlimit(what, (most, most))
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([self.command, *map(str, args)], cwd=cwd, env=self.environment(**(env or {})),
                                stdout=stdout, stderr=subprocess.PIPE, text=True, errors="replace",
                                preexec_fn=prepare, **options)

    def run(self, *args, seconds=120, **options):
        begin = time.monotonic()
        with self.start(*args, **options) as process:
            try:
                out, err = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                return Done(-signal.SIGALRM, out or "", err, seconds)
        return Done(process.returncode, out or "", err, time.monotonic() - begin)

    def succeeds(self, *args, **options):
        done = self.run(*args, **options)
        expect(done.code == 0, "failed without a fault", done)
        return done

    def once(self, key, make):
        """A folder that make(folder) fills, once for all cases."""
        with self.lock:
            if key not in self.made:
                self.made[key] = self.root / f"made-{len(self.made)}"  # no space: LD_PRELOAD ends there
                self.made[key].mkdir()
                make(self.made[key])
            return self.made[key]


def ended(process):
    """What a started command said and did."""
    out, err = process.communicate()
    return Done(process.returncode, out or "", err)


def wait_for(happens, process, pause=0.002):
    """Until happens() or the process has ended; whether it still runs."""
    while process.poll() is None:
        if happens():
            return True
        time.sleep(pause)
    return False


class SmallDisk:
    """A file system in memory at `place`, for as long as the `with` lasts."""

    def __init__(self, place, size=1 << 26):
        self.place, self.size = pathlib.Path(place), size

    def __enter__(self):
        self.place.mkdir(exist_ok=True)
        line = ["mount", "-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", self.place]
        if subprocess.run(line, capture_output=True).returncode:
            raise Skipped("nothing can be mounted here: it takes root, or a user namespace")
        return self

    def fill(self, free):
        """Leaves `free` bytes, in pages."""
        state = os.statvfs(self.place)
        with open(self.place / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, max(1, state.f_bavail * state.f_frsize - free))

    def make_read_only(self):
        subprocess.run(["mount", "-o", "remount,ro", self.place], check=True)

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", self.place], check=False)
