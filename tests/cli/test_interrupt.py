"""Ctrl-C: the last complete pass is written; before the first there is nothing to write."""

import json
import signal
import subprocess
import time
import unittest

from support import COMMAND, CommandTest

# Far more work than fits between two looks at the folder; it is cut short every time.
LONG = ["--num-inference-steps", "1000", "--num-videos", "1"]


class Interrupt(CommandTest):
    def start(self, *args):
        process = subprocess.Popen(
            [COMMAND, "generate", "x", "-o", "clip.gif", *LONG, *args], cwd=self.folder,
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def test_before_the_first_pass_is_complete(self):
        process = self.start("--num-iters", "1")
        self.assertIn("seed", process.stderr.readline())  # printed just before sampling
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 130, stderr)
        self.assertEqual(stdout, "")
        self.assertTrue(stderr.startswith("error: "), stderr)
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
        self.assertIn("\nerror: stopped: written as it was after pass", stderr)
        self.assertIn("to go on: freeinit generate --resume kept --overwrite\n", stderr)
        self.assertTrue(stdout.startswith("clip.gif "), stdout)
        self.assertIn("clip.gif", self.files())

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
