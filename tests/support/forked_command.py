"""The command, loaded once and forked for each run (forked_command.c): most of a short run is LibTorch's start."""

import os
import pathlib
import shutil
import subprocess


def compiled(folder):
    """What is preloaded, made in `folder`, whose path has no space; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        return None
    made = pathlib.Path(folder) / "forked_command.so"
    source = pathlib.Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", made, source], check=True)
    return made


class ForkedCommand:
    """`command`: the launcher, which itself is not run; `folder`: where the runs put their output."""

    def __init__(self, command, preloaded, folder, environment):
        program = pathlib.Path(command).resolve().parents[1] / "libexec/freeinit/freeinit"
        self.folder = pathlib.Path(folder)
        orders, self.orders = os.pipe()
        answers_here, answers = os.pipe()
        env = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000", **environment,  # as the launcher does
               "LD_PRELOAD": str(preloaded), "FORKED_ORDERS": str(orders), "FORKED_ANSWERS": str(answers)}
        self.process = subprocess.Popen([program], env=env, pass_fds=(orders, answers), stdin=subprocess.DEVNULL)
        os.close(orders)
        os.close(answers)
        self.answers = os.fdopen(answers_here)

    @staticmethod
    def takes(args):
        """Not more than one read of the child."""
        return len(args) < 200 and sum(len(os.fsencode(text)) + 1 for text in args) < 60000

    def run(self, folder, args, seconds):
        """In `folder`, for at most so many seconds: exit code, output, errors, seconds, largest resident KiB."""
        texts = (folder, seconds, "freeinit", *args)
        (self.folder / "args").write_bytes(b"".join(os.fsencode(str(text)) + b"\0" for text in texts))
        os.write(self.orders, os.fsencode(str(self.folder)) + b"\n")
        status, took, kib = self.answers.readline().split()
        out, err = ((self.folder / name).read_bytes() for name in ("out", "err"))
        return os.waitstatus_to_exitcode(int(status)), out, err, float(took), int(kib)

    def close(self):
        os.close(self.orders)
        self.process.wait()
