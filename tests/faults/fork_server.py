"""The command, loaded once and forked for each try (fork_server.c): ten times as many tries in the same time."""

import os
import shutil
import signal
import subprocess
import threading

from lab import Done

_local = threading.local()


def run(lab, folder, *args):
    """As Lab.run in `folder`; a program start a try where there is no C compiler."""
    library = lab.once("fork server", _compile) / "fork_server.so"
    if not library.exists():
        return lab.run(*args, cwd=folder)
    if getattr(_local, "lab", None) is not lab:
        _local.server, _local.lab = _Server(lab, library), lab
    return _local.server.run(folder, args)


def _compile(folder):
    source = os.path.join(os.path.dirname(__file__), "fork_server.c")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler:
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", folder / "fork_server.so", source], check=True)


class _Server:
    def __init__(self, lab, library):
        program = lab.command.parents[1] / "libexec/freeinit/freeinit"  # behind the launcher
        orders, self.orders = os.pipe()
        self.answers, answers = os.pipe()
        env = lab.environment(LD_PRELOAD=str(library), FAULTS_ORDERS=str(orders), FAULTS_ANSWERS=str(answers))
        self.process = subprocess.Popen([program], env=env, pass_fds=(orders, answers), stdin=subprocess.DEVNULL)
        os.close(orders)
        os.close(answers)
        self.answer = os.fdopen(self.answers)

    def run(self, folder, args):
        (folder / "args").write_bytes(b"".join(os.fsencode(str(text)) + b"\0" for text in ("freeinit", *args)))
        os.write(self.orders, os.fsencode(str(folder)) + b"\n")
        status, seconds, kib = self.answer.readline().split()
        out, err = ((folder / name).read_text(errors="replace") for name in ("out", "err"))
        for name in ("args", "out", "err"):
            (folder / name).unlink()
        code = os.waitstatus_to_exitcode(int(status))
        return Done(-signal.SIGALRM if code == -signal.SIGALRM else code, out, err, float(seconds), int(kib))
