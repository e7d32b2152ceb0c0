"""What tests of `freeinit batch` share: their jobs, and what a run prints."""

import json
import subprocess
import time

from support import COMMAND, CommandTest

FAST = {"num_inference_steps": 2, "num_iters": 1}
CIRCLE = {"prompt": "a red circle", "seed": 7, "name": "circle", **FAST}
SQUARE = {"prompt": "a blue square", "seed": 8, "name": "square", **FAST}
SOME_FAILED = 8
# Far more work than fits between two looks at the folder.
ENDLESS = {"prompt": "x", "seed": 1, "name": "endless", "num_inference_steps": 1000, "num_iters": 500}


class Batch(CommandTest):
    overwrites = False

    def write_jobs(self, *jobs):
        lines = [job if isinstance(job, str) else json.dumps(job) for job in jobs]
        (self.folder / "jobs.jsonl").write_text("\n".join(lines) + "\n")

    def arguments(self, *args):
        return ["batch", "jobs.jsonl", "--out", "out", "--format", "gif", *args]

    def results(self, *args, code=0, **options):
        """What a run prints: a result for each of its jobs."""
        done = self.run_command(*self.arguments(*args), **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.stderr = done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def batch(self, *jobs, args=(), code=0, **options):
        self.write_jobs(*jobs)
        return self.results(*args, code=code, **options)

    def kept(self, name="results.jsonl"):
        return [json.loads(line) for line in (self.folder / "out" / name).read_text().splitlines()]

    def bytes_of(self, name):
        return (self.folder / name).read_bytes()

    def start(self, *args, **options):
        process = subprocess.Popen(
            [COMMAND, *self.arguments(*args)], cwd=self.folder, env=self.environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def wait_for(self, condition):
        end = time.monotonic() + 120
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
