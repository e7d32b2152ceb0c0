"""Many jobs with one model: each is what `generate` makes of it, and none stops another."""

import itertools
import json
import re
import signal
import subprocess
import time
import unittest

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


class Results(Batch):
    def test_the_bytes_of_generate(self):
        self.succeeds("generate", "a start", "--num-inference-steps", 2, "-o", "start.gif")
        jobs = [CIRCLE, SQUARE, {**CIRCLE, "name": "guided", "negative-prompt": "a blue square", "num_videos": 2},
                {**SQUARE, "name": "unguided", "guidance_scale": 1.0, "sampler": "unipc", "num_iters": 3},
                {**CIRCLE, "name": "from video", "init_video": "start.gif", "strength": 0.7},
                {**CIRCLE, "name": "travel", "prompt_at": ["3:a blue square"], "num_frames": 6,
                 "context_length": 4, "guidance_interval": [0.1, 0.9]}]
        results = self.batch(*jobs, args=["--save-latents"])
        self.assertEqual([result["name"] for result in results], [job["name"] for job in jobs])
        self.assertEqual(results, self.kept())
        for job in jobs:
            with self.subTest(job=job["name"]):
                config = {key: value for key, value in job.items() if key != "name"}
                (self.folder / "job.json").write_text(json.dumps(config))
                self.succeeds("generate", "--config", "job.json", "-o", "one.gif", "--save-latents",
                              "one.safetensors", "--overwrite")
                videos = [(f"{job['name']}_{k}", f"one_{k}") for k in range(2)] if "num_videos" in job else \
                    [(job["name"], "one")]
                for ours, theirs in videos:
                    self.assertEqual(self.bytes_of(f"out/{ours}.gif"), self.bytes_of(f"{theirs}.gif"))
                self.assertEqual(self.bytes_of(f"out/{job['name']}.safetensors"), self.bytes_of("one.safetensors"))

    def test_a_result_says_what_generate_does(self):
        (result,) = self.batch(CIRCLE)
        self.assertEqual((result["status"], result["line"], result["outputs"]), ("done", 1, ["out/circle.gif"]))
        config = {key: value for key, value in CIRCLE.items() if key != "name"}
        (self.folder / "job.json").write_text(json.dumps(config))
        done = self.succeeds("generate", "--config", "job.json", "--json", "-o", "one.gif")
        self.assertLessEqual(set(json.loads(done.stdout)), set(result))
        self.assertEqual(result["unet_calls"], 2)

    def test_a_result_is_a_job_again(self):
        """But for what holds for all jobs."""
        self.batch(CIRCLE)
        settings = json.loads(self.succeeds("inspect", "out/circle.gif").stdout)
        self.assertEqual(self.batch(settings)[0]["seed"], 7)
        self.assertEqual(self.bytes_of(self.kept()[-1]["outputs"][0]), self.bytes_of("out/circle.gif"))

    def test_the_model_is_loaded_once_and_not_at_all_for_nothing(self):
        results = self.batch(CIRCLE, SQUARE)
        self.assertGreater(results[0]["seconds"]["load"], 0)
        self.assertEqual(results[1]["seconds"]["load"], 0)
        bundle = self.copy_of_bundle()
        again = self.results("--bundle", bundle)
        self.assertEqual([result["status"] for result in again], ["skipped", "skipped"])
        for network in bundle.glob("*.pt"):
            network.unlink()
        self.assertEqual(len(self.results("--bundle", bundle)), 2)

    def test_equal_prompts_are_encoded_once(self):
        """The second job's text encoder is not asked: encoding is next to nothing."""
        texts = {"negative_prompt": "a blue square"}
        results = self.batch(*({**CIRCLE, **texts, "name": str(k), "seed": k} for k in range(4)),
                             args=["--low-memory"])
        times = [result["seconds"]["encode"] for result in results]
        self.assertLess(min(times[1:]), times[0] / 5, times)  # the least: other programs run too

    def test_other_forms(self):
        self.write_jobs(CIRCLE)
        for form in ("webm", "webp", "mov", "mkv", "png"):
            self.succeeds("batch", "jobs.jsonl", "--out", form, "--format", form)
            made = "circle/frame_00001.png" if form == "png" else f"circle.{form}"
            self.assertTrue((self.folder / form / made).exists(), form)

    def test_a_job_without_a_seed_gets_one_that_stays(self):
        job = {"prompt": "a red circle", **FAST}
        (first,) = self.batch(job)
        (self.folder / "out").rename(self.folder / "former")
        (second,) = self.batch(job)
        self.assertEqual(first["seed"], second["seed"])
        self.assertEqual(first["name"], first["hash"][:16])
        self.assertTrue((self.folder / f"out/{first['name']}.gif").exists())
        (other,) = self.batch({**job, "prompt": "a blue square"})
        self.assertNotEqual(other["seed"], first["seed"])


class Sweeps(Batch):
    def test_lists_make_the_product(self):
        results = self.batch({**FAST, "prompt": ["a red circle", "a blue square"], "seed": [1, 2, 3], "num_iters": 1})
        got = [(result["prompt"], result["seed"]) for result in results]
        self.assertEqual(got, list(itertools.product(["a red circle", "a blue square"], [1, 2, 3])))
        self.assertEqual(len({result["name"] for result in results}), 6)
        self.assertEqual({result["line"] for result in results}, {1})

    def test_what_is_a_list_already(self):
        """An interval of two numbers is one value, a list of such is a sweep."""
        results = self.batch({**CIRCLE, "guidance_interval": [0.1, 0.9]})
        self.assertEqual(len(results), 1)
        results = self.batch({**CIRCLE, "guidance_interval": [[0.1, 0.9], [0.0, 0.5]]})
        self.assertEqual([result["guidance_interval"] for result in results], [[0.1, 0.9], [0.0, 0.5]])
        self.assertTrue(all(re.fullmatch("circle_[0-9a-f]{8}", result["name"]) for result in results))

    def test_taken_apart_for_other_programs(self):
        self.write_jobs({**FAST, "prompt": "a red circle", "seed": [1, 2], "name": "c"}, SQUARE)
        done = self.succeeds(*self.arguments("--expand"))
        self.assertEqual(self.files(), ["jobs.jsonl"])
        jobs = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([job["seed"] for job in jobs], [1, 2, 8])
        whole = self.results()
        self.assertEqual([job["name"] for job in jobs], [result["name"] for result in whole])
        self.assertEqual([result["status"] for result in self.batch(*jobs)], ["skipped"] * 3)
        self.write_jobs(CIRCLE, {**SQUARE, "num_iters": 0})
        self.assertIn("line 2: num_iters", self.run_command(*self.arguments("--expand")).stderr)
        self.fails(2, "batch", "-", "--out", "out", "--expand", says="--expand")

    def test_too_many(self):
        hundred = list(range(200))
        (result,) = self.batch({**FAST, "prompt": "x", "seed": hundred, "num_frames": hundred, "height": hundred,
                                "width": hundred}, code=SOME_FAILED)
        self.assertIn("more than 1000000 jobs", result["error"])
        (result,) = self.batch({**CIRCLE, "seed": []}, code=SOME_FAILED)
        self.assertIn("an empty list", result["error"])

    def test_shards_share_the_jobs(self):
        jobs = {**FAST, "prompt": "a red circle", "seed": list(range(5))}
        whole = [result["seed"] for result in self.batch(jobs)]
        (self.folder / "out").rename(self.folder / "whole")
        seeds = []
        for index in range(3):
            seeds.append([result["seed"] for result in self.batch(jobs, args=["--shard", f"{index}/3"])])
            self.assertTrue((self.folder / f"out/results.{index}_3.jsonl").exists())
        self.assertEqual(seeds, [[0, 3], [1, 4], [2]])
        for path in (self.folder / "whole").glob("*.gif"):
            self.assertEqual(path.read_bytes(), self.bytes_of(f"out/{path.name}"))
        # Whoever runs all of them finds what each of the shards has done.
        self.assertEqual([result["status"] for result in self.batch(jobs)], ["skipped"] * len(whole))


class Again(Batch):
    def test_done_jobs_are_skipped(self):
        self.batch(CIRCLE)
        before = (self.folder / "out/circle.gif").stat().st_mtime_ns
        results = self.batch(CIRCLE, SQUARE)
        self.assertEqual([result["status"] for result in results], ["skipped", "done"])
        self.assertEqual((self.folder / "out/circle.gif").stat().st_mtime_ns, before)
        self.assertEqual([result["name"] for result in self.kept()], ["circle", "square"])

    def test_what_counts_as_another_job(self):
        self.generate("-o", "x.gif", "--save-latents", "noise.safetensors")
        job = {**CIRCLE, "init_noise": "noise.safetensors"}
        self.batch(job)
        self.assertEqual(self.results()[0]["status"], "skipped")
        self.generate("-o", "x.gif", "--save-latents", "noise.safetensors", "--seed", "5", "--overwrite")
        self.assertIn("is there already", self.results(code=SOME_FAILED)[0]["error"])
        self.assertEqual(self.results("--overwrite")[0]["status"], "done")
        bundle = self.copy_of_bundle()
        manifest = bundle / "manifest.json"
        manifest.write_text(manifest.read_text() + "\n")
        self.assertEqual(self.results("--overwrite", "--bundle", bundle)[0]["status"], "done")

    def test_a_name_that_was_given_away(self):
        """Its file is of the job that had the name last."""
        self.batch(CIRCLE)
        other = {**SQUARE, "name": "circle"}
        self.assertEqual(self.batch(other, args=["--overwrite"])[0]["status"], "done")
        self.assertEqual(self.batch(other)[0]["status"], "skipped")
        self.assertIn("is there already", self.batch(CIRCLE, code=SOME_FAILED)[0]["error"])

    def test_a_file_that_is_gone_is_made_again(self):
        self.batch(CIRCLE)
        (self.folder / "out/circle.gif").unlink()
        self.assertEqual(self.results()[0]["status"], "done")

    def test_killed(self):
        """Results of what was done stay, a line that was cut off is no result, and the rest is done."""
        self.write_jobs(CIRCLE, ENDLESS)
        process = self.start()
        self.wait_for(lambda: "endless" in process.stderr.readline())
        process.kill()
        process.wait()
        self.assertEqual([result["name"] for result in self.kept()], ["circle"])
        with open(self.folder / "out/results.jsonl", "a") as file:
            file.write('{"name": "square", "status": "do')
        results = self.batch(CIRCLE, SQUARE)
        self.assertEqual([result["status"] for result in results], ["skipped", "done"])
        lines = (self.folder / "out/results.jsonl").read_text().splitlines()
        self.assertEqual(json.loads(lines[-1])["name"], "square")
        self.assertEqual([result["status"] for result in self.results()], ["skipped", "skipped"])


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
