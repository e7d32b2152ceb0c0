"""generate: what it writes, what it prints, where its settings come from."""

import json
import os
import random
import subprocess
import unittest

from support import CommandTest, png_size, read_tensor, write_tensor


class Generate(CommandTest):
    def latents(self, *args):
        self.generate("--save-latents", "latents.safetensors", *args)
        return read_tensor(self.folder / "latents.safetensors")

    def recommended(self, key):
        return self.manifest["recommended"][key]

    def latent_shape(self, batch=1):
        scale = self.manifest["vae"]["spatial_scale"]
        return [batch, self.manifest["unet"]["in_channels"], self.recommended("num_frames"),
                self.recommended("height") // scale, self.recommended("width") // scale]

    def test_json_has_what_is_promised(self):
        report = self.generate("-o", "clip.mp4", "--seed", 5, "--num-iters", 2)
        self.assertEqual(report["output"], "clip.mp4")
        self.assertEqual(report["seed"], 5)
        for key in ("num_frames", "height", "width"):
            self.assertEqual(report[key], self.recommended(key))
        self.assertEqual(report["num_iters"], 2)
        self.assertEqual(report["unet_calls"], 4)
        self.assertEqual(report["prompt"], "a red circle")
        self.assertEqual(report["profile"], "diffusers")
        self.assertEqual(list(report["seconds"]),
                         ["load", "encode", "invert", "denoise", "reinit", "decode", "write"])
        self.assertGreater(report["seconds"]["denoise"], 0)
        self.assertEqual(self.files(), ["clip.mp4"])

    def test_without_json_one_line_with_the_file(self):
        done = self.succeeds("generate", "x", "--num-inference-steps", 1, "-o", "clip.mp4")
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertTrue(done.stdout.startswith("clip.mp4 "))

    def test_defaults_come_from_the_manifest(self):
        report = json.loads(self.succeeds("generate", "x", "--json").stdout)
        for key in ("num_inference_steps", "guidance_scale", "eta", "num_iters", "fps",
                    "negative_prompt"):
            self.assertEqual(report[key], self.recommended(key), key)
        self.assertEqual(report["output"], "video.mp4")

    def test_same_seed_same_latents(self):
        first = self.latents("--seed", 3)
        self.assertEqual(first, self.latents("--seed", 3))
        self.assertNotEqual(first, self.latents("--seed", 4))
        self.assertEqual(first[:2], ("latents", self.latent_shape()))

    def test_a_missing_seed_is_drawn_and_printed(self):
        done = self.succeeds("generate", "x", "--num-inference-steps", 1, "--json")
        seed = json.loads(done.stdout)["seed"]
        self.assertIn(f"seed {seed}", done.stderr)
        again = self.succeeds("generate", "x", "--num-inference-steps", 1, "--json")
        self.assertNotEqual(seed, json.loads(again.stdout)["seed"])

    def test_video_k_is_the_single_run_with_seed_s_plus_k(self):
        report = self.generate("--seed", 3, "--num-videos", 2, "-o", "v.gif",
                               "--save-latents", "both.safetensors",
                               "--save-frames", "frames.safetensors")
        self.assertEqual(report["outputs"], ["v_0.gif", "v_1.gif"])
        self.assertEqual(self.files(),
                         ["both.safetensors", "frames.safetensors", "v_0.gif", "v_1.gif"])
        _, shape, both = read_tensor(self.folder / "both.safetensors")
        self.assertEqual(shape, self.latent_shape(batch=2))
        singles = self.latents("--seed", 3)[2] + self.latents("--seed", 4)[2]
        self.assertEqual(both, singles)
        self.assertEqual(read_tensor(self.folder / "frames.safetensors")[1][0], 2)

    def test_frames_of_one_video_have_no_batch_dimension(self):
        self.generate("--save-frames", "frames.safetensors")
        name, shape, values = read_tensor(self.folder / "frames.safetensors")
        self.assertEqual(name, "frames")
        self.assertEqual(shape, [self.recommended("num_frames"), self.recommended("height"),
                                 self.recommended("width"), 3])
        self.assertTrue(all(0 <= value <= 1 for value in values))

    def test_settings_change_the_result(self):
        base = self.latents("--seed", 3, "--num-iters", 2)
        for change in (["--filter", "gaussian"], ["--spatial-stop", 0.5], ["--temporal-stop", 0.6],
                       ["--order", 1], ["--eta", 0.5], ["--guidance-scale", 1],
                       ["--guidance-interval", 0.4, 0.8], ["--cache-interval", 2],
                       ["--negative-prompt", "blue"], ["--num-iters", 1], ["--fast-sampling"],
                       ["--filter", "box", "--filter-variant", "strict"]):
            with self.subTest(change):
                args = ["--seed", 3] + change
                if "--num-iters" not in change:
                    args += ["--num-iters", 2]
                self.assertNotEqual(self.latents(*args), base)

    def test_every_format(self):
        steps = self.recommended("num_frames")
        size = (self.recommended("width"), self.recommended("height"))
        for name, magic in (("a.mp4", b"ftyp"), ("a.webm", b"webm"), ("a.gif", b"GIF89a")):
            self.generate("-o", name)
            self.assertIn(magic, (self.folder / name).read_bytes()[:64])
        self.generate("-o", "frames/")
        frames = sorted((self.folder / "frames").iterdir())
        self.assertEqual([frame.name for frame in frames],
                         [f"frame_{i:05d}.png" for i in range(steps)])
        self.assertEqual(png_size(frames[0]), size)

    def test_passes_are_saved(self):
        self.generate("--seed", 3, "--num-iters", 2, "--save-passes", "passes", "-o", "v.gif",
                      "--save-latents", "last.safetensors")
        self.assertEqual(sorted(p.name for p in (self.folder / "passes").iterdir()),
                         ["noise_1.safetensors", "noise_2.safetensors", "pass_1.gif",
                          "pass_1.safetensors", "pass_2.gif", "pass_2.safetensors"])
        first = read_tensor(self.folder / "passes/pass_1.safetensors")
        self.assertEqual(read_tensor(self.folder / "passes/pass_2.safetensors"),
                         read_tensor(self.folder / "last.safetensors"))
        self.assertEqual(first, self.latents("--seed", 3, "--num-iters", 1))

    def test_passes_of_an_earlier_run_are_gone(self):
        args = ["--seed", 3, "--save-passes", "passes", "-o", "v.gif"]
        self.generate("--num-iters", 3, *args)
        (self.folder / "passes/notes.txt").write_text("mine")
        self.generate("--num-iters", 2, *args)
        self.assertEqual(sorted(p.name for p in (self.folder / "passes").iterdir()),
                         ["noise_1.safetensors", "noise_2.safetensors", "notes.txt", "pass_1.gif",
                          "pass_1.safetensors", "pass_2.gif", "pass_2.safetensors"])

    def test_passes_with_little_memory_are_the_same(self):
        for folder, more in (("a", []), ("b", ["--low-memory"])):
            self.generate("--seed", 3, "--num-iters", 2, "--save-passes", folder, "-o", f"{folder}.gif",
                          *more)
        self.assertEqual((self.folder / "a.gif").read_bytes(), (self.folder / "a/pass_2.gif").read_bytes())
        for name in ("pass_1.safetensors", "pass_2.safetensors"):
            self.assertEqual((self.folder / "a" / name).read_bytes(), (self.folder / "b" / name).read_bytes())

    def test_outputs_may_be_pipes(self):
        os.mkfifo(self.folder / "trace.pipe")
        reader = subprocess.Popen(["cat", "trace.pipe"], cwd=self.folder, stdout=subprocess.PIPE)
        self.generate("--trace", "trace.pipe")
        self.assertIn("traceEvents", json.loads(reader.communicate(timeout=60)[0]))
        self.assertTrue((self.folder / "trace.pipe").is_fifo())

    def test_init_noise_replaces_the_first_draw_only(self):
        shape = self.latent_shape()
        count = 1
        for size in shape:
            count *= size
        generator = random.Random(1)
        write_tensor(self.folder / "noise.safetensors", shape,
                     [generator.gauss(0, 1) for _ in range(count)])
        noise = ["--init-noise", "noise.safetensors"]
        plain = self.latents("--seed", 3, "--num-iters", 1, *noise)
        self.assertEqual(plain, self.latents("--seed", 4, "--num-iters", 1, *noise))
        self.assertNotEqual(self.latents("--seed", 3, "--num-iters", 2, *noise),
                            self.latents("--seed", 4, "--num-iters", 2, *noise))

    def test_too_long_a_prompt_is_cut_with_a_warning(self):
        prompt = "r" * (self.manifest["tokenizer"]["max_length"] - 2) + "zebra"
        done = self.succeeds("generate", prompt, "--num-inference-steps", 1)
        self.assertIn("warning: prompt", done.stderr)
        self.assertIn("the last 5 are cut off, from 'zebra' on", done.stderr)

    def test_no_progress_without_a_terminal(self):
        done = self.succeeds("generate", "x", "--num-inference-steps", 2, "--seed", 1)
        self.assertEqual(done.stderr, "seed 1\nwrote video.mp4\n")

    def test_one_frame(self):
        done = self.succeeds("generate", "x", "--num-inference-steps", 1, "--seed", 1, "--num-frames", 1)
        self.assertIn("  1 frame of 16x16, ", done.stdout)

    def test_progress_on_a_terminal(self):
        shown, printed = self.on_terminal("generate", "x", "--num-iters", 2, "--num-inference-steps", 900)
        self.assertIn("pass 1/2", shown)
        self.assertTrue(printed.startswith("video.mp4 "))


class ConfigFile(CommandTest):
    def config(self, text):
        (self.folder / "c.toml").write_text(text)
        return ["generate", "--config", "c.toml", "--json"]

    def test_the_file_sets_and_the_command_line_has_the_last_word(self):
        args = self.config('# a comment\n[generate]\nprompt = "a # red, circle"  # why\n'
                           "num_inference_steps = 2\nseed = 1_0\nfast-sampling = true\n"
                           "output = 'from file.gif'\nspatial_stop = 0.5\n"
                           "guidance_interval = [0.25, 1]\n")
        report = json.loads(self.succeeds(*args, "--seed", 11).stdout)
        self.assertEqual(report["prompt"], "a # red, circle")
        self.assertEqual(report["num_inference_steps"], 2)
        self.assertEqual(report["seed"], 11)
        self.assertTrue(report["fast_sampling"])
        self.assertEqual(report["output"], "from file.gif")
        self.assertEqual(report["guidance_interval"], [0.25, 1])
        self.assertEqual(report["spatial_stop"], 0.5)

    def test_bad_files(self):
        for text, code, says in (
                ("seed 3", 4, ["c.toml' line 1", "'='"]),
                ("\nprompt = red", 4, "line 2"),
                ('prompt = "red', 4, ["line 1", "expected a closing quotation mark"]),
                ("seed = 1 2", 4, "line 1"),
                ("seed = 1\nseed = 2", 4, "line 2"),
                ("num_frames = 1\nnum-frames = 2", 4, "twice"),
                ("seed = [1]", 4, "'seed'"),
                ("guidance_interval = 0.5", 4, "'guidance_interval' takes an array of 2"),
                ("guidance_interval = [0.5]", 4, "'guidance_interval' takes an array of 2"),
                ("[other]\nseed = 1", 4, "[generate]"),
                ("sede = 1", 2, "'sede'"),
                ("config = 'x'", 2, "'config': only the command line sets it"),
                ("overwrite = true", 2, "'overwrite': only the command line sets it"),
                ("allow_operators = 'aten::digamma'", 2, "'allow_operators': only the command line sets it"),
                ('prompt = "x"\nseed = "many"', 2, "--seed"),
                ('prompt = "x"\nnum_frames = 1.5', 2, "--num-frames")):
            with self.subTest(text):
                args = self.config(text)
                self.fails(code, *args, says=says)

    def test_numbers_that_toml_cannot_hold(self):
        """It has whole numbers of 64 bits with a sign, and reads hexadecimal ones; seeds have none."""
        for number in ("18446744073709551615", "-99999999999999999999", "0xffffffffffffffffff"):
            says = (f"line 1: whole number '{number.strip('-')}': expected -9223372036854775808 to "
                    "9223372036854775807; a larger one is written in quotes")
            self.fails(4, *self.config(f"seed = {number}"), says=says)
        args = self.config('prompt = "x"\nseed = "18446744073709551615"')
        self.assertEqual(json.loads(self.succeeds(*args).stdout)["seed"], 18446744073709551615)

    def test_missing_file(self):
        self.fails(3, "generate", "x", "--config", "none.toml", says="none.toml")


if __name__ == "__main__":
    unittest.main()
