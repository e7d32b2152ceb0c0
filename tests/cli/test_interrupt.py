"""Ctrl-C: the last complete pass is written; before the first there is nothing to write."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import time
import unittest

from support import COMMAND, CommandTest

# Far more work than fits between two looks at the folder; it is cut short every time.
LONG = ["--num-inference-steps", "1000", "--num-videos", "1"]
STOPPING = "stopping after the current step; once more to stop at once\n"


class Interrupt(CommandTest):
    def start(self, *args, stderr=subprocess.PIPE):
        process = subprocess.Popen(
            [COMMAND, "generate", "x", "-o", "clip.gif", *LONG, *args], cwd=self.folder,
            env=self.environment(), stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.addCleanup(process.kill)
        return process

    def test_before_the_first_pass_is_complete(self):
        process = self.start("--num-iters", "1")
        self.assertIn("seed", process.stderr.readline())  # printed just before sampling
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 130, stderr)
        self.assertEqual(stdout, "")
        self.assertTrue(stderr.startswith(STOPPING + "error: "), stderr)
        self.assertEqual(self.files(), [])

    def test_the_trace_of_what_was_done_is_written(self):
        process = self.start("--num-iters", "1", "--trace", "trace.json")
        self.assertIn("seed", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
        self.assertEqual(process.returncode, 130)
        events = json.loads((self.folder / "trace.json").read_text())["traceEvents"]
        self.assertIn("load", {event["cat"] for event in events})

    def test_after_a_pass(self):
        process = self.start("--num-iters", "500", "--fast-sampling", "--save-passes", "passes", "--checkpoint", "kept")
        while not (self.folder / "passes/pass_2.gif").exists():
            self.assertIsNone(process.poll(), "ended by itself")
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 130, stderr)
        self.assertEqual(stderr.count(STOPPING), 1, stderr)
        self.assertIn("\nerror: stopped: written as it was after pass", stderr)
        self.assertIn("to go on: freeinit generate --resume kept --overwrite\n", stderr)
        self.assertTrue(stdout.startswith("clip.gif "), stdout)
        self.assertIn("clip.gif", self.files())

    def test_a_bar_on_a_terminal_goes_first(self):
        here, there = pty.openpty()
        self.addCleanup(os.close, here)
        process = self.start("--num-iters", "1", stderr=there)
        os.close(there)
        shown = b""
        while b"pass 1/1, step" not in shown:
            shown += os.read(here, 4096)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(here, 4096):
                shown += part
        process.communicate(timeout=300)
        self.assertEqual(process.returncode, 130, shown)
        self.assertIn("\r\x1b[K" + STOPPING.replace("\n", "\r\n"), shown.decode())

    def test_nobody_reads_any_more(self):
        """Ctrl-C of `freeinit generate 2>&1 | tee log` ends `tee`, too."""
        here, there = os.pipe()
        process = self.start("--num-iters", "500", "--fast-sampling", "--checkpoint", "kept", stderr=there)
        os.close(there)
        while not (self.folder / "kept/video_0.safetensors").exists():
            self.assertIsNone(process.poll(), "ended by itself")
            time.sleep(0.01)
        os.close(here)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=300)
        self.assertIn("clip.gif", self.files())

    def test_nobody_reads_for_now(self):
        """The second signal still ends it at once."""
        here, there = os.pipe()
        self.addCleanup(os.close, here)
        process = self.start("--num-iters", "1", stderr=there)
        self.assertIn(b"seed", os.read(here, 4096))  # printed just before sampling
        os.set_blocking(there, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(there, b"x" * 4096)
        os.set_blocking(there, True)
        os.close(there)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, -signal.SIGINT)

    def test_a_video_of_a_stopped_run_is_made_again(self):
        process = subprocess.Popen(
            [COMMAND, "generate", "x", "-o", "clip.gif", "--seed", "3", "--num-inference-steps", "40", "--num-iters",
             "500", "--save-passes", "passes"], cwd=self.folder, env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        while not (self.folder / "passes/pass_2.gif").exists():
            self.assertIsNone(process.poll(), "ended by itself")
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 143, stderr)
        said = json.loads(self.succeeds("inspect", "clip.gif").stdout)
        self.assertIn(f"after pass {said['completed_passes']} of 500", stderr)
        self.assertEqual(self.succeeds("replay", "clip.gif").stdout, "clip.gif: the same file, byte for byte\n")

    def test_a_pipe_gets_a_line_every_half_minute(self):
        process = self.start("--num-iters", "1")
        self.assertIn("seed", process.stderr.readline())
        process.send_signal(signal.SIGSTOP)
        time.sleep(31)
        process.send_signal(signal.SIGCONT)
        self.assertRegex(process.stderr.readline(), r"^(encode \d/\d|pass 1/1, step \d+/1000, denoise .*)\n$")
        time.sleep(0.5)  # many steps
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=300)
        self.assertNotIn("pass 1/1", stderr)


if __name__ == "__main__":
    unittest.main()
