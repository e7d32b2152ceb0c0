"""bin/freeinit is a launcher: it sets how LibTorch's threads wait, then becomes the program in libexec."""

import os
import pathlib
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
            [command, "generate", "x", "-o", "clip.gif", "--num-inference-steps", "1000", "--num-videos", "1000"], cwd=self.folder,
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

    def test_it_does_not_load_libtorch(self):
        listed = subprocess.run([COMMAND], env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"}, check=True,
                                capture_output=True, text=True).stdout
        self.assertIn("libc.so", listed)
        self.assertNotIn("torch", listed)

    def test_without_the_program(self):
        (self.folder / "bin").mkdir()
        alone = shutil.copy(COMMAND, self.folder / "bin")
        done = subprocess.run([alone, "--version"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^error: .*/freeinit: No such file or directory\n$")


if __name__ == "__main__":
    unittest.main()
