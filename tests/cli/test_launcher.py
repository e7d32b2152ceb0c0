"""bin/freeinit is a launcher: it finds LibTorch, sets how LibTorch's threads wait, then becomes the program in libexec."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import unittest

from support import COMMAND, CommandTest

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


class Launcher(CommandTest):
    def running(self, command=COMMAND, **settings):
        """A run that is sampling and goes on for long."""
        environment = {key: value for key, value in self.environment().items() if key not in WAITING}
        process = subprocess.Popen(
            [command, "generate", "x", "-o", "clip.gif", "--overwrite", "--num-inference-steps", "1000",
             "--num-videos", "1000"], cwd=self.folder,
            env={**environment, **settings}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertIn("seed", process.stderr.readline())
        return process

    def waiting(self, process):
        """What the environment of the program says of waiting."""
        block = pathlib.Path(f"/proc/{process.pid}/environ").read_text()
        return dict(entry.split("=", 1) for entry in block.split("\0") if entry.startswith(WAITING))

    def test_threads_wait_briefly(self):
        process = self.running()
        self.assertEqual(self.waiting(process), {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"})
        self.assertEqual(pathlib.Path(f"/proc/{process.pid}/comm").read_text(), "freeinit\n")

    def test_a_wish_of_the_user_stays(self):
        for wish in [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}]:
            self.assertEqual(self.waiting(self.running(**wish)), wish)

    def test_a_signal_ends_the_program(self):
        process = self.running()
        process.send_signal(signal.SIGKILL)
        self.assertEqual(process.wait(timeout=60), -signal.SIGKILL)

    def test_started_by_another_name_from_elsewhere(self):
        (self.folder / "other name").symlink_to(COMMAND)
        done = subprocess.run(["./other name", "--version"], cwd=self.folder, env={}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith("freeinit "), done.stdout)

    def test_the_version_is_that_of_the_program(self):
        program = pathlib.Path(COMMAND).parents[1] / "libexec/freeinit/freeinit"
        said = [subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
                for command in (COMMAND, program)]
        self.assertEqual(said[0], said[1])

    def test_it_does_not_load_libtorch(self):
        listed = subprocess.run([COMMAND], env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"}, check=True,
                                capture_output=True, text=True).stdout
        self.assertIn("libc.so", listed)
        self.assertNotIn("torch", listed)

    def test_without_the_program(self):
        (self.folder / "bin").mkdir()
        alone = shutil.copy(COMMAND, self.folder / "bin")
        done = subprocess.run([alone, "--help"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^error: .*/freeinit: No such file or directory\n$")


class WithoutLibTorch(CommandTest):
    """The launcher of a package, whose LibTorch is to be found. Its program says what it is told."""

    def setUp(self):
        super().setUp()
        (self.folder / "bin").mkdir()
        (self.folder / "libexec/freeinit").mkdir(parents=True)
        self.launcher = shutil.copy(os.environ["FREEINIT_LAUNCHER_WITHOUT_LIBTORCH"], self.folder / "bin/freeinit")
        self.script("libexec/freeinit/freeinit", 'echo "$LD_LIBRARY_PATH"')

    def script(self, name, body):
        (self.folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.folder / name).chmod(0o755)

    def libtorch(self, name, version):
        folder = self.folder / name
        header = folder / "include/torch/headeronly/version.h"
        header.parent.mkdir(parents=True)
        names = ("MAJOR", "MINOR", "PATCH")
        header.write_text("".join(f"#define TORCH_VERSION_{name} {value}\n" for name, value in zip(names, version)))
        (folder / "lib").mkdir()
        (folder / "lib/libtorch_cpu.so").touch()
        return folder

    def run_it(self, **environment):
        done = subprocess.run([self.launcher], env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout.strip(), done.stderr

    def wanted_version(self):
        return re.search(r"LibTorch (\d+)\.(\d+) is not found", self.run_it(PATH="/nowhere")[2]).groups()

    def test_the_version_needs_none(self):
        done = subprocess.run([self.launcher, "--version"], env={"PATH": "/nowhere"}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^freeinit \d+\.\d+\.\d+\n$")

    def test_nowhere(self):
        code, _, error = self.run_it(PATH="/nowhere")
        self.assertEqual(code, 1)
        self.assertRegex(error, r"^error: LibTorch (\S+) is not found: pip install 'torch==\1\.\*', or name its folder "
                                r"in FREEINIT_LIBTORCH\n$")

    def test_named(self):
        folder = self.libtorch("any", (1, 0, 0))  # whoever names one gets it
        self.assertEqual(self.run_it(FREEINIT_LIBTORCH=str(folder)), (0, f"{folder}/lib", ""))
        self.assertEqual(self.run_it(FREEINIT_LIBTORCH=str(folder), LD_LIBRARY_PATH="/other"),
                         (0, f"{folder}/lib:/other", ""))

    def test_named_in_vain(self):
        self.assertEqual(self.run_it(FREEINIT_LIBTORCH="/nowhere"),
                         (1, "", "error: FREEINIT_LIBTORCH '/nowhere': there is no lib/libtorch_cpu.so in it\n"))

    def test_of_python(self):
        folder = self.libtorch("torch", (*self.wanted_version(), 7))
        self.script("bin/python3", f"echo '{folder}'")
        self.assertEqual(self.run_it(PATH=f"{self.folder}/bin"), (0, f"{folder}/lib", ""))

    def test_another_version_is_passed_over(self):
        folder = self.libtorch("torch", (1, 13, 1))
        self.script("bin/python3", f"echo '{folder}'")
        code, _, error = self.run_it(PATH=f"{self.folder}/bin")
        self.assertEqual(code, 1)
        self.assertIn(f"; passed over {folder}, which is 1.13\n", error)


if __name__ == "__main__":
    unittest.main()
