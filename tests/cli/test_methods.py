"""Mixes, filters per pass, passes that end early and budgets, in generate, filter and reinit."""

import json
import math
import random
import unittest

from support import CommandTest, read_tensor, write_tensor


class Methods(CommandTest):
    """Runs of 4 steps on the tiny bundle."""

    def run_of(self, *args):
        done = self.succeeds("generate", "a red circle", "--num-inference-steps", 4, "--seed", 3,
                             "--json", "--save-latents", "latents.safetensors", *args)
        return json.loads(done.stdout), read_tensor(self.folder / "latents.safetensors")[2]

    def test_without_methods_nothing_is_saved(self):
        report, _ = self.run_of("--num-iters", 3)
        self.assertEqual((report["mix"], report["intermediate"]), ("freeinit", "full"))
        self.assertNotIn("intermediate_steps", report)
        self.assertEqual(report["calls_per_pass"], [[4, 4, 4]])
        self.assertEqual((report["unet_calls"], report["unet_calls_saved"]), (12, 0))

    def test_the_official_profile_says_that_it_takes_other_timesteps(self):
        def said(*args):
            return self.succeeds("generate", "x", "--num-inference-steps", 4, *args).stderr

        says = "--profile official: samples at 'leading' timesteps, and this model asks for 'linspace'"
        self.assertIn(says, said("--profile", "official"))
        self.assertNotIn("asks for", said())

    def test_every_method_changes_the_result(self):
        _, base = self.run_of("--num-iters", 3)
        for change in (["--mix", "variance-preserving"], ["--mix", "freqprior"],
                       ["--mix", "freqprior", "--mix-ratio", 0.2],
                       ["--filter-axes", "temporal"], ["--filter-axes", "spatial"],
                       ["--filter-schedule", "gaussian:0.5,butterworth:0.5:0.5:2"],
                       ["--intermediate", "partial", "--intermediate-steps", 2],
                       ["--intermediate", "prediction", "--intermediate-steps", 3],
                       ["--budget-calls", 8]):
            with self.subTest(change):
                report, latents = self.run_of("--num-iters", 3, *change)
                self.assertNotEqual(latents, base)
                self.assertEqual(report["unet_calls"], sum(report["calls_per_pass"][0]))
                self.assertEqual(report["unet_calls"] + report["unet_calls_saved"], 12)

    def test_every_sampler_makes_its_own_video(self):
        seen = []
        for sampler, calls in (("ddim", 4), ("pndm", 5), ("euler", 4), ("euler-ancestral", 4), ("heun", 7),
                               ("dpmsolver++", 4), ("unipc", 4), ("lcm", 4), ("tcd", 4)):
            with self.subTest(sampler):
                report, latents = self.run_of("--num-iters", 2, "--sampler", sampler, "--eta", 0.3)
                self.assertEqual(report["sampler"], sampler)
                self.assertEqual(report["calls_per_pass"], [[calls, calls]])
                self.assertNotIn(latents, seen)
                seen.append(latents)
        for sigmas in ("karras", "exponential", "beta"):
            report, latents = self.run_of("--num-iters", 2, "--sampler", "unipc", "--sigmas", sigmas)
            self.assertEqual(report["sigmas"], sigmas)
            self.assertNotIn(latents, seen)
            seen.append(latents)

    def test_passes_that_end_early_are_counted(self):
        for name in ("partial", "prediction"):
            report, _ = self.run_of("--num-iters", 3, "--num-videos", 2, "--intermediate", name,
                                    "--intermediate-steps", 1)
            self.assertEqual(report["calls_per_pass"], [[1, 1, 4]] * 2)
            self.assertEqual((report["unet_calls"], report["unet_calls_saved"]), (12, 12))
            self.assertEqual(report["intermediate"], name)
            self.assertEqual(report["intermediate_steps"], 1)

    def test_a_budget_is_never_exceeded(self):
        for calls in (4, 5, 6, 9, 12):
            report, _ = self.run_of("--num-iters", 4, "--intermediate", "prediction",
                                    "--intermediate-steps", 2, "--budget-calls", calls)
            self.assertEqual(report["unet_calls"], min(calls, 10))
        self.fails(2, "generate", "x", "--num-inference-steps", 4, "--budget-calls", 3,
                   says=["'3'", "at least 4"])

    def test_what_one_pass_cannot_use_is_said(self):
        args = ["generate", "x", "--num-inference-steps", 2, "--filter-schedule", "gaussian",
                "--mix", "freqprior"]
        said = self.succeeds(*args, "--num-iters", 1).stderr
        self.assertIn("nothing comes of --mix --filter-schedule", said)
        self.assertNotIn("nothing comes", self.succeeds(*args, "--num-iters", 2).stderr)

    def test_settings_that_change_nothing_are_named_where_they_were_asked_for(self):
        args = ["generate", "x", "--num-inference-steps", 2]
        for options, idle, beside in (
                (("--sampler", "euler", "--eta", 0.5), "--eta", "sampler 'euler'"),
                (("--filter", "gaussian", "--order", 2), "--order", "a filter other than butterworth"),
                (("--filter-axes", "spatial", "--temporal-stop", 0.3), "--temporal-stop", "--filter-axes spatial"),
                (("--filter-axes", "temporal", "--spatial-stop", 0.3), "--spatial-stop", "--filter-axes temporal"),
                (("--vae-tile-size", 8), "--vae-tile-size", "no --vae-tiling"),
                (("--guidance-scale", 1, "--negative-prompt", "blue"), "--negative-prompt", "a guidance scale of 1 or less"),
                (("--num-iters", 1, "--filter", "gaussian", "--fast-sampling"), "--filter --fast-sampling",
                 "--num-iters 1, which is plain sampling")):
            with self.subTest(options):
                said = self.succeeds(*args, "--num-iters", 2, *options).stderr if "--num-iters" not in options else (
                    self.succeeds(*args, *options).stderr)
                self.assertIn(f"warning: nothing comes of {idle} beside {beside}\n", said)
        used = self.succeeds(*args, "--num-iters", 2, "--sampler", "tcd", "--eta", 0.5, "--order", 2, "--spatial-stop", 0.3,
                             "--temporal-stop", 0.3, "--negative-prompt", "blue", "--vae-tiling", "--vae-tile-size", 8)
        self.assertNotIn("nothing comes", used.stderr)
        self.assertNotIn("nothing comes", self.succeeds(*args, "--num-iters", 1, "--filter", "butterworth").stderr)

    def test_a_budget_for_one_pass_alone_is_said(self):
        args = ["generate", "x", "--num-inference-steps", 4, "--num-iters", 3]
        said = self.succeeds(*args, "--budget-calls", 7).stderr
        self.assertIn("warning: --budget-calls 7: leaves 1 of 3 passes, which is plain sampling; passes of", said)
        self.assertNotIn("plain sampling", self.succeeds(*args, "--budget-calls", 8).stderr)
        early = ("--intermediate", "prediction", "--intermediate-steps", 2)
        self.assertNotIn("plain sampling", self.succeeds(*args, "--budget-calls", 5, *early).stderr)

    def test_a_mask_from_a_file_is_the_filter_it_came_from(self):
        shape = self.manifest["recommended"]["num_frames"], *(
            self.manifest["recommended"][side] // self.manifest["vae"]["spatial_scale"]
            for side in ("height", "width"))
        self.succeeds("filter", "--shape", *shape, "--filter", "gaussian", "-o", "m.safetensors")
        report, by_mask = self.run_of("--num-iters", 2, "--filter-mask", "m.safetensors")
        self.assertEqual(report["filter_mask"], "m.safetensors")
        self.assertEqual(by_mask, self.run_of("--num-iters", 2, "--filter", "gaussian")[1])
        write_tensor(self.folder / "small.safetensors", [1, 1, 1], [1.0])
        self.fails(2, "generate", "x", "--filter-mask", "small.safetensors", says="[1, 1, 1]")

    def test_config_file_knows_the_methods(self):
        (self.folder / "c.toml").write_text(
            'prompt = "x"\nnum_inference_steps = 4\nmix = "variance-preserving"\n'
            'filter_schedule = "gaussian:0.3,ideal"\nintermediate = "prediction"\nintermediate_steps = 2\n')
        report = json.loads(self.succeeds("generate", "--config", "c.toml", "--json").stdout)
        self.assertEqual(report["mix"], "variance-preserving")
        self.assertRegex(report["filter_schedule"], "^gaussian:0.3:[^,]*,ideal")

    def test_bad_input(self):
        for args, says in (
                (["--mix", "sum"], "freqprior"),
                (["--sampler", "eular"], "expected one of ddim, pndm, euler, "),
                (["--sigmas", "karras"], "sigma spacing 'karras': not known to sampler 'ddim'"),
                (["--sampler", "unipc", "--sigmas", "even"], "expected one of timesteps, karras"),
                (["--mix-ratio", 0.5], "mix-ratio '0.5'"),
                (["--mix", "freqprior", "--mix-ratio", 2], "'2'"),
                (["--filter-axes", "depth"], "spatial"),
                (["--filter-schedule", "gaussian:wide"], "'wide'"),
                (["--filter-schedule", "gaussian:.1:.1:4:5"], "filter variant '5'"),
                (["--filter-schedule", "gaussian:.1:.1:4:strict:temporal:6"], "too many"),
                (["--filter-schedule", "sharp"], "sharp"),
                (["--filter-schedule", "gaussian,"], "filter method ''"),
                (["--filter-schedule", "gaussian:"], "'' is no number"),
                (["--intermediate", "half"], "prediction"),
                (["--intermediate", "prediction"], "nothing says where"),
                (["--intermediate-steps", 2], "runs to its end"),
                (["--intermediate", "partial", "--intermediate-steps", 9], "'9'"),
                (["--budget-calls", 0], "budget of calls '0'"),
                (["--tolerance", 0.1], "--tolerance")):
            with self.subTest(args):
                self.fails(2, "generate", "x", "--num-inference-steps", 4, *args, says=says)
        self.fails(3, "generate", "x", "--filter-mask", "none.safetensors", says="none.safetensors")


class Tools(CommandTest):
    SHAPE = [1, 2, 3, 4, 6]

    def tensor(self, name, seed):
        generator = random.Random(seed)
        write_tensor(self.folder / name, self.SHAPE,
                     [generator.gauss(0, 1) for _ in range(math.prod(self.SHAPE))])
        return name

    def reinit(self, *args):
        self.succeeds("reinit", "-o", "out.safetensors", *args)
        return read_tensor(self.folder / "out.safetensors")[2]

    def figures(self, *args):
        return json.loads(self.succeeds("filter", "--json", *args).stdout)

    def test_filter_says_what_each_mix_keeps(self):
        args = ["--shape", 15, 16, 16, "--filter", "gaussian", "--spatial-stop", 0.5]
        kept = {mix: self.figures(*args, "--mix", mix)["variance_kept"]
                for mix in ("freeinit", "variance-preserving", "freqprior")}
        self.assertLess(kept["freeinit"], 0.97)
        self.assertEqual(kept["variance-preserving"], 1)
        self.assertLess(kept["freqprior"], 1)  # an official mask of an odd size is not symmetric
        strict = self.figures(*args, "--mix", "freqprior", "--filter-variant", "strict")
        self.assertEqual(strict["variance_kept"], 1)

    def test_filter_reads_a_mask(self):
        made = self.figures("--shape", 4, 6, 8, "-o", "mask.safetensors")
        read = self.figures("--filter-mask", "mask.safetensors")
        for key in ("shape", "kept_share", "variance_kept", "dc"):
            self.assertEqual(read[key], made[key], key)
        self.fails(2, "filter", "--shape", 4, 6, 8, "--filter-mask", "mask.safetensors",
                   says="either")

    def test_filters_of_one_axis_ignore_the_other(self):
        base = ["--shape", 8, 8, 8, "--filter-axes", "temporal", "--temporal-stop", 0.3]
        self.assertEqual(self.figures(*base)["kept_share"],
                         self.figures(*base, "--spatial-stop", 0.9)["kept_share"])

    def test_reinit_mixes(self):
        diffused = ["--diffused", self.tensor("d.safetensors", 1)]
        fresh = [self.tensor(f"f{i}.safetensors", 2 + i) for i in range(4)]
        base = self.reinit(*diffused, "--fresh", fresh[0])
        self.assertNotEqual(
            self.reinit(*diffused, "--fresh", fresh[0], "--mix", "variance-preserving"), base)
        self.assertNotEqual(self.reinit(*diffused, "--mix", "freqprior", "--fresh", *fresh), base)
        self.fails(2, "reinit", *diffused, "--mix", "freqprior", "--fresh", fresh[0], "-o",
                   "n.safetensors", says=["names 1 file;", "expects 4"])
        self.fails(2, "reinit", *diffused, "--fresh", *fresh, "-o", "n.safetensors",
                   says="expects 1")

    def test_reinit_bridges_from_a_timestep(self):
        files = ["--latents", self.tensor("z.safetensors", 1), "--noise",
                 self.tensor("n.safetensors", 2), "--fresh", self.tensor("f.safetensors", 3)]
        clean = self.reinit(*files)
        noisy = self.reinit(*files, "--latents-timestep", 500)
        self.assertNotEqual(noisy, clean)
        # From the last timestep there is nothing to add: the latents are diffused already.
        last = self.reinit(*files, "--latents-timestep", 999)
        diffused = self.reinit("--diffused", "z.safetensors", "--fresh", "f.safetensors")
        self.assertLess(max(abs(a - b) for a, b in zip(last, diffused, strict=True)), 1e-6)
        self.fails(2, "reinit", *files, "--latents-timestep", 1000, "-o", "x.safetensors",
                   says="'1000'")


if __name__ == "__main__":
    unittest.main()
