"""Many jobs with one model: each is what `generate` makes of it."""

import itertools
import json
import re
import unittest

from batch_support import CIRCLE, ENDLESS, FAST, SOME_FAILED, SQUARE, Batch


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
        self.assertGreater(results[0]["memory"]["available"], 0)
        self.assertIsNone(results[1]["memory"]["available"], "not asked again")
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
        (result,) = self.batch({"prompt": "x" * 2**20, "seed": list(range(1500))}, code=SOME_FAILED)
        self.assertIn("more than 511 jobs of this size", result["error"])
        self.write_jobs({"prompt": "x", "seed": list(range(2_000))})  # no job holds the list itself
        self.assertEqual(self.succeeds(*self.arguments("--expand")).stdout.count("\n"), 2_000)

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


if __name__ == "__main__":
    unittest.main()
