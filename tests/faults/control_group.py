"""Control groups with a limit of memory, where this machine lets us make one."""

import contextlib
import itertools
import os
import pathlib
import subprocess
import time

from lab import Skipped

ROOT = pathlib.Path("/sys/fs/cgroup")
_numbers = itertools.count()


def places():
    """Folders that may hold a group of ours: of the group we are in, and of those around it."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = ROOT / "memory" if controllers else ROOT
        own = root / path.lstrip("/")
        # In a container the path is often that of the machine outside.
        yield from (place for place in (own, *own.parents, root)
                    if place.is_relative_to(root) and (place / "cgroup.procs").exists())


class MemoryGroup:
    """A group of processes that may have `most` bytes, for as long as the `with` lasts; Lab.start puts a command in.
    What needs more is ended by the kernel. Nothing is changed in groups that are there already."""

    def __init__(self, most):
        self.most, self.group = most, None

    def __enter__(self):
        name = f"freeinit-faults-{os.getpid()}-{next(_numbers)}"
        for place in places():
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                self.group = place / name
                self.group.mkdir()
                self.limit()
                subprocess.run(["true"], preexec_fn=self.enter, check=True)
                return self
            self.remove()
        raise Skipped("no cgroup could be made here")

    def limit(self):
        """Names of the second version, then of the first; swapping in place of an end would only take long."""
        for limit, swap, most_swap in (("memory.max", "memory.swap.max", 0),
                                       ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", self.most)):
            if not (self.group / limit).exists():
                continue
            (self.group / limit).write_text(str(self.most))
            with contextlib.suppress(OSError):
                (self.group / swap).write_text(str(most_swap))
            return
        raise FileNotFoundError("this group has no limit of memory")

    def enter(self):
        """Called by the process that is to be in it."""
        (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for _ in range(100):  # the kernel takes a moment to forget a process
            try:
                self.group.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.02)

    def __exit__(self, *_):
        self.remove()
