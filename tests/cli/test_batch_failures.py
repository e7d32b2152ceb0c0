"""What goes wrong in a batch stops no other job; signals, jobs that arrive, progress."""

import json
import re
import signal
import subprocess
import time
import unittest

from batch_support import CIRCLE, ENDLESS, SOME_FAILED, SQUARE, Batch
from support import COMMAND


class Failures(Batch):
    def test_bad_jobs_stop_no_other(self):
        bad = [({**SQUARE, "seed": -1, "name": "a"}, 2, "seed"), ({**SQUARE, "num_iters": 0, "name": "b"}, 2, "num_iters"),
               ({**SQUARE, "device": "cpu", "name": "c"}, 2, "--device of 'freeinit batch'"),
               ({**SQUARE, "output": "x.gif", "name": "d"}, 2, "expected 'name'"),
               ({**SQUARE, "checkpoint": "x", "name": "e"}, 2, "'freeinit generate' has it"),
               ({**SQUARE, "sed": 1, "name": "f"}, 2, "key 'sed' is no option of 'freeinit generate'; did you mean 'seed'?"), ({**SQUARE, "name": "../g"}, 2, "../g"),
               ({**SQUARE, "name": 5}, 2, "expected a text"), ({"seed": 1, "name": "h"}, 2, "PROMPT"),
               ({**SQUARE, "num_iter": 1, "name": "k"}, 2, "key 'num_iter' is no option of 'freeinit generate'; did you mean 'num_iters'?"),
               ({**SQUARE, "init_video": "gone.mp4", "name": "i"}, 3, "gone.mp4"), ('{"prompt": ', 4, "job"),
               ("[1]", 4, "not a JSON object"), ({**SQUARE, "height": 17, "name": "j"}, 2, "height")]
        results = self.batch(*(job for job, _, _ in bad), "", CIRCLE, code=SOME_FAILED)
        self.assertEqual(len(results), len(bad) + 1)
        lines = [result["line"] for result in results]
        self.assertEqual(lines, sorted(lines))  # lines that are no job, too
        by_line = {result["line"]: result for result in results}
        for line, (_, code, text) in enumerate(bad, 1):
            with self.subTest(line=line):
                self.assertEqual((by_line[line]["status"], by_line[line]["code"]), ("failed", code))
                self.assertIn(text, by_line[line]["error"])
                self.assertIn(f"line {line}", self.stderr)
        self.assertEqual(by_line[len(bad) + 2]["status"], "done")
        last = self.stderr.splitlines()[-1]
        self.assertTrue(last.startswith(f"error: {len(bad)} of {len(results)} jobs failed"), last)

    def test_bad_jobs_are_known_before_the_model_is_loaded(self):
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").write_bytes(b"damaged")
        self.write_jobs(CIRCLE, {**SQUARE, "num_iters": 0})
        done = self.run_command(*self.arguments("--bundle", bundle))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual([json.loads(line)["name"] for line in done.stdout.splitlines()], [None])

    def test_numbers_that_are_none(self):
        self.generate("-o", "x.gif", "--save-latents", "noise.safetensors")
        data = bytearray(self.bytes_of("noise.safetensors"))
        data[-4:] = b"\xff\xff\x7f\x7f"  # the largest number: the network makes infinity of it
        (self.folder / "noise.safetensors").write_bytes(data)
        results = self.batch({**CIRCLE, "name": "broken", "init_noise": "noise.safetensors"}, CIRCLE, code=SOME_FAILED)
        self.assertEqual([result["status"] for result in results], ["failed", "done"])
        self.assertEqual(results[0]["code"], 7)
        self.assertNotIn("out/broken.gif", self.files())

    def test_two_jobs_of_one_name(self):
        self.write_jobs(CIRCLE, {**SQUARE, "name": "circle"})
        self.fails(2, *self.arguments(), says=["'circle'", "line 1", "line 2"])
        for shard in ("0/2", "1/2"):
            self.fails(2, *self.arguments("--shard", shard), says=["'circle'", "line 1", "line 2"])

    def test_two_jobs_of_one_file(self):
        self.write_jobs({**CIRCLE, "num_videos": 2}, {**SQUARE, "name": "circle_1"})
        done = self.run_command(*self.arguments())
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("named for two outputs", done.stderr)

    def test_options(self):
        self.write_jobs(CIRCLE)
        for shard in ("3/3", "-1/3", "1", "1/", "/3", "a/3", "1/3/4", "0/0"):
            self.fails(2, *self.arguments("--shard", shard), says="--shard")
        self.fails(2, *self.arguments("--trace", "x.json"), says="--trace")  # of one run
        self.fails(2, "batch", "jobs.jsonl", says="--out")
        self.fails(2, "batch", "--out", "out", says="JOBS")
        self.fails(3, "batch", "gone.jsonl", "--out", "out", says="gone.jsonl")
        self.fails(2, *self.arguments("--format", "avi"), says="--format")
        self.fails(2, "batch", "-", "--out", "out", "--shard", "0/2", says="standard input")
        self.fails(6, "batch", "jobs.jsonl", "--out", "jobs.jsonl/x", says="jobs.jsonl/x")

    def test_an_output_of_somebody_else(self):
        (self.folder / "out").mkdir()
        (self.folder / "out/circle.gif").write_text("mine")
        results = self.batch(CIRCLE, SQUARE, code=SOME_FAILED)
        self.assertEqual([result["status"] for result in results], ["failed", "done"])
        self.assertEqual((self.folder / "out/circle.gif").read_text(), "mine")


class Signals(Batch):
    def test_between_calls(self):
        self.write_jobs(CIRCLE, ENDLESS)
        for number, wait in ((signal.SIGINT, 0.2), (signal.SIGTERM, 0.2), (signal.SIGTERM, 0)):
            with self.subTest(signal=number.name, wait=wait):
                process = self.start()
                self.wait_for(lambda: "endless" in process.stderr.readline())
                time.sleep(wait)  # at once: the process loads the bundle, as circle is done
                process.send_signal(number)
                _, stderr = process.communicate(timeout=120)
                self.assertEqual(process.returncode, 128 + number, stderr)
                self.assertIn("stopped: 1 jobs are done", stderr)
                self.assertEqual([result["name"] for result in self.kept()], ["circle"])
                self.assertEqual(self.files(), ["jobs.jsonl", "out", "out/circle.gif", "out/results.jsonl"])

    def test_while_it_waits_for_a_job(self):
        process = subprocess.Popen([COMMAND, "batch", "-", "--out", "out"], cwd=self.folder, stdin=subprocess.PIPE,
                                   env=self.environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        process.stdin.write(json.dumps(CIRCLE) + "\n")
        process.stdin.flush()
        self.assertEqual(json.loads(process.stdout.readline())["status"], "done")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=60), 143)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


class Stream(Batch):
    def test_each_line_runs_as_it_arrives(self):
        process = subprocess.Popen([COMMAND, "batch", "-", "--out", "out", "--format", "gif"], cwd=self.folder,
                                   env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.kill)

        def answer(line):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        self.assertEqual(answer(json.dumps(CIRCLE))["status"], "done")
        self.assertEqual(answer("no job")["code"], 4)
        self.assertEqual(answer(json.dumps({**SQUARE, "num_iters": 0}))["code"], 2)
        self.assertEqual(answer(json.dumps(SQUARE))["seconds"]["load"], 0)
        self.assertEqual(answer(json.dumps(CIRCLE))["status"], "skipped")
        self.assertIn("is there already", answer(json.dumps({**SQUARE, "name": "circle"}))["error"])
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), SOME_FAILED)
        process.stdout.close()
        self.assertEqual(len(self.kept()), 5)

    def test_the_last_line_needs_no_end(self):
        done = self.run_command("batch", "-", "--out", "out", stdin=json.dumps(CIRCLE))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "out/circle.mp4").exists())


class Progress(Batch):
    def test_over_all_jobs(self):
        self.write_jobs(CIRCLE, SQUARE, {**CIRCLE, "name": "bad", "num_iters": 0})
        here = self.run_command(*self.arguments())
        self.assertIn("job 1/2, circle", here.stderr)
        self.assertIn("job 2/2, square", here.stderr)
        self.assertIn("2 jobs done, 0 were done before, 1 failed", here.stderr)
        long = {"num_inference_steps": 300}  # the line is drawn anew every 80 ms
        self.write_jobs({**CIRCLE, **long, "name": "a"}, {**SQUARE, **long, "name": "b"})
        shown, printed = self.on_terminal(*self.arguments(), columns=120)
        self.assertEqual(len(printed.splitlines()), 2)
        shares = [int(share) for share in re.findall(r"(\d+)%", shown)]
        self.assertEqual(shares, sorted(shares))
        # On a fast machine a part of the job may be over before its line is drawn.
        self.assertRegex(shown, r"job 2/2, (encode|pass|decode|write) ")


if __name__ == "__main__":
    unittest.main()
