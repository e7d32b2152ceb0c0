"""Bad input: one clear line, the right exit code, before sampling starts, no file left behind."""

import json
import pathlib
import unittest

from support import BUNDLE, CommandTest, write_tensor


class BadBundle(CommandTest):
    def test_models_that_are_no_bundles(self):
        (self.folder / "pipeline").mkdir()
        (self.folder / "pipeline" / "model_index.json").write_text("{}")
        (self.folder / "model.safetensors").write_text("")
        for name, says in (("pipeline", "is a pipeline of diffusers"), ("model.safetensors", "is a file")):
            self.fails(3, "generate", "x", "--bundle", name, says=f"bundle '{name}': {says}")
        self.fails(3, "inspect", "pipeline", says="is a pipeline of diffusers")
        self.fails(4, "inspect", "model.safetensors", says="shorter than")  # reads files, too

    def test_unknown_bundle(self):
        self.fails(3, "generate", "x", "--bundle", "nowhere", says="nowhere")
        self.fails(3, "inspect", "nowhere", says="'nowhere': no such bundle or file")
        self.fails(3, "tokenize", "x", "--bundle", "nowhere", says="nowhere")
        self.fails(3, "generate", "x", env=self.environment(FREEINIT_BUNDLE="nowhere"),
                   says="nowhere")

    def test_missing_file(self):
        bundle = self.copy_of_bundle()
        for name in (self.manifest["unet"]["file"], self.manifest["tokenizer"]["vocab_file"]):
            moved = bundle / name
            moved.rename(self.folder / "moved")
            self.fails(3, "generate", "x", "--bundle", bundle, says=name)
            self.fails(3, "inspect", bundle, says=name)
            (self.folder / "moved").rename(moved)

    def test_truncated_file(self):
        bundle = self.copy_of_bundle()
        path = bundle / self.manifest["unet"]["file"]
        path.write_bytes(path.read_bytes()[:-100])
        self.fails(4, "generate", "x", "--bundle", bundle, says=self.manifest["unet"]["file"])

    def test_altered_file(self):
        bundle = self.copy_of_bundle()
        path = bundle / self.manifest["unet"]["file"]
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        self.fails(4, "generate", "x", "--bundle", bundle,
                   says=[self.manifest["unet"]["file"], "SHA-256"])
        self.fails(4, "inspect", bundle, says=self.manifest["unet"]["file"])

    def with_manifest(self, **changes):
        bundle = self.copy_of_bundle()
        (bundle / "manifest.json").write_text(json.dumps({**self.manifest, **changes}))
        return bundle

    def test_another_schema(self):
        self.fails(5, "generate", "x", "--bundle", self.with_manifest(schema=99), says="99")

    def test_unknown_key(self):
        self.fails(4, "inspect", self.with_manifest(shema=1), says="shema")

    def test_impossible_schedule(self):
        for changes in ({"beta_schedule": "cubic"}, {"beta_end": 7}, {"timestep_spacing": "none"}):
            scheduler = {**self.manifest["scheduler"], **changes}
            for command in ("inspect", "generate"):
                self.fails(4, command, *(["x", "--bundle"] if command == "generate" else []),
                           self.with_manifest(scheduler=scheduler),
                           says=["manifest.json", *map(str, changes), *map(str, changes.values())])

    def test_manifest_that_is_no_json(self):
        bundle = self.copy_of_bundle()
        (bundle / "manifest.json").write_text("{")
        self.fails(4, "generate", "x", "--bundle", bundle, says="manifest.json")


    def test_a_sampler_that_is_not_known(self):
        scheduler = {**self.manifest["scheduler"], "_class_name": "UnheardOfScheduler"}
        bundle = self.with_manifest(scheduler=scheduler)
        self.fails(2, "inspect", bundle, says=["UnheardOfScheduler", "ddim"])
        self.fails(2, "generate", "x", "--bundle", bundle, says="UnheardOfScheduler")

    def test_guidance_for_a_model_distilled_without(self):
        """Known before a network is read: the one here would not agree with its manifest."""
        bundle = self.with_manifest(unet={**self.manifest["unet"], "max_guidance_scale": 1})
        self.fails(2, "generate", "x", "--bundle", bundle, "--guidance-scale", 7.5,
                   says=["7.5", "distilled", "at most 1"])
        self.assertIn("guidance at most 1", self.succeeds("inspect", bundle).stdout)


class BadSettings(CommandTest):
    def test_sizes_the_model_cannot_do(self):
        multiple = (self.manifest["vae"]["spatial_scale"] *
                    self.manifest["unet"]["latent_multiple_of"])
        height = self.manifest["recommended"]["height"] + 1
        self.fails(2, "generate", "x", "--height", height, says=[str(height), str(multiple)])
        self.fails(2, "generate", "x", "--width", 0, says="width")
        self.fails(2, "generate", "x", "--num-frames", 0, says="frames")
        most = self.manifest["unet"]["max_frames"]
        self.fails(2, "generate", "x", "--context-length", most + 1, says=[str(most + 1), str(most)])

    def test_settings_out_of_range(self):
        for option, value in (("--num-iters", 0), ("--num-iters", -1), ("--num-videos", 0),
                              ("--num-inference-steps", 0), ("--num-inference-steps", 100000),
                              ("--guidance-scale", "nan"), ("--eta", "nan"), ("--eta", 2),
                              ("--cache-interval", 0), ("--cache-interval", -2),
                              ("--fps", "nan"), ("--fps", 0), ("--spatial-stop", "nan"),
                              ("--spatial-stop", 1.5), ("--temporal-stop", "nan"),
                              ("--order", "nan"), ("--order", 0), ("--filter", "sharp"),
                              ("--filter-variant", "new"), ("--profile", "mine"),
                              ("--dtype", "int8"), ("--threads", 0), ("--device", "toaster")):
            with self.subTest(f"{option} {value}"):
                self.fails(2, "generate", "x", option, value, says=str(value))

    def test_guidance_intervals(self):
        for start, end in ((0.5, 0.25), (-0.5, 1), (0, 1.5), ("nan", 1)):
            with self.subTest(f"{start} {end}"):
                self.fails(2, "generate", "x", "--guidance-interval", start, end,
                           says="guidance")
        self.fails(2, "generate", "x", "--guidance-interval", 0.5, says="--guidance-interval")

    def test_numbers_that_are_none(self):
        for option, value in (("--seed", "-1"), ("--seed", "x"), ("--num-frames", "1.5"),
                              ("--guidance-scale", "7,5")):
            with self.subTest(option):
                self.fails(2, "generate", "x", option, value, says=option)

    def test_no_prompt(self):
        self.fails(2, "generate", says="PROMPT")
        self.fails(2, "generate", "", says="PROMPT")

    def test_cuda_without_cuda(self):
        if pathlib.Path("/dev/nvidia0").exists():
            self.skipTest("this machine has a GPU")
        self.fails(5, "generate", "x", "--device", "cuda", says="cuda")
        self.fails(5, "generate", "x", "--device", "cuda:3", says="cuda:3")

    def test_another_dtype_than_the_exported(self):
        self.fails(5, "generate", "x", "--dtype", "float16", says="float16")

    def test_noise_of_another_shape(self):
        write_tensor(self.folder / "n.safetensors", [1, 2, 3], [0.0] * 6)
        self.fails(2, "generate", "x", "--init-noise", "n.safetensors", says="[1, 2, 3]")
        self.fails(3, "generate", "x", "--init-noise", "none.safetensors", says="none.safetensors")
        (self.folder / "broken.safetensors").write_bytes(b"\xff" * 20)
        self.fails(4, "generate", "x", "--init-noise", "broken.safetensors", says="broken")

    def test_tensors_of_no_numbers(self):
        shape = [1, 4, 2, 2, 2]
        write_tensor(self.folder / "good.safetensors", shape, [0.5] * 32)
        for value in ("nan", "inf", "-inf"):
            write_tensor(self.folder / "bad.safetensors", shape, [0.5] * 31 + [float(value)])
            write_tensor(self.folder / "mask.safetensors", [2, 2, 2], [0.5] * 7 + [float(value)])
            good, bad, mask = ("good.safetensors", "bad.safetensors", ["--filter-mask", "mask.safetensors"])
            write = ["-o", "o.safetensors"]
            for line, name in ((["generate", "x", "--init-noise", bad], "bad"),
                               (["generate", "x", "--init-latents", bad], "bad"),
                               (["generate", "x", *mask], "mask"),
                               (["filter", *mask], "mask"),
                               (["reinit", "--diffused", bad, "--fresh", good, *write], "bad"),
                               (["reinit", "--diffused", good, "--fresh", bad, *write], "bad"),
                               (["reinit", "--latents", bad, "--noise", good, "--fresh", good, *write], "bad"),
                               (["reinit", "--latents", good, "--noise", bad, "--fresh", good, *write], "bad"),
                               (["reinit", "--diffused", good, "--fresh", good, *mask, *write], "mask")):
                with self.subTest(line=line, value=value):
                    self.fails(4, *line, says=f"tensor of '{name}.safetensors': holds NaN or infinite values")


class BadOutput(CommandTest):
    def test_unknown_extension(self):
        self.fails(2, "generate", "x", "-o", "clip.avi", says=[".avi", ".mp4"])
        self.fails(2, "generate", "x", "--save-latents", "l.pt", says=".pt")
        self.fails(2, "generate", "x", "--save-frames", "l", says=".safetensors")

    def test_unwritable(self):
        (self.folder / "file").write_text("")
        for path in ("none/clip.mp4", "file/clip.mp4", "/proc/clip.mp4"):
            with self.subTest(path):
                self.fails(6, "generate", "x", "-o", path, says=path)
        self.fails(6, "generate", "x", "--save-latents", "none/l.safetensors", says="none")
        self.fails(6, "generate", "x", "--save-frames", "/proc/l.safetensors", says="/proc")
        self.fails(6, "generate", "x", "--save-passes", "none/passes", says="none")
        self.fails(6, "generate", "x", "--save-passes", "file", says="file")

    def test_two_outputs_in_one_file(self):
        (self.folder / "here").symlink_to(".")
        (self.folder / "frames").mkdir()
        for outputs in (("--save-latents", "a.safetensors", "--save-frames", "./a.safetensors"),
                        ("--save-latents", "a.safetensors", "--trace", "here/a.safetensors"),
                        ("-o", "a.gif", "--trace", "a.gif"),
                        ("-o", "a.gif", "--num-videos", "2", "--trace", "a_1.gif"),
                        ("-o", "frames/", "--save-passes", "frames"),
                        ("-o", "frames", "--save-latents", "frames/l.safetensors"),
                        ("-o", "frames/", "--save-passes", "frames/passes")):
            with self.subTest(outputs):
                self.fails(2, "generate", "x", *outputs, says="two outputs")
        for files in (("--csv", "a.svg", "--plot", "a.svg"), ("--csv", "here/a.svg", "--plot", "a.svg")):
            with self.subTest(files):
                self.fails(2, "analyze", "clip.mp4", *files, says="two outputs")
        self.assertFalse((self.folder / "a.svg").exists())

    def test_settings_are_refused_before_a_network_is_read(self):
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()
        for settings, says in ((("--cache-interval", "0"), "cache interval '0'"),
                               (("--guidance-interval", "0.8", "0.2"), "guidance interval '0.8 to 0.2'"),
                               (("--num-inference-steps", "5000"), "5000"), (("--eta", "2"), "eta")):
            with self.subTest(settings):
                self.fails(2, "generate", "x", "--bundle", bundle, *settings, says=says)

    def test_a_file_that_cannot_hold_the_video_is_refused_before_a_network_is_read(self):
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()
        for settings, says in ((("--fps", 60, "-o", "x.gif"), "60"), (("--output-fps", 2000), "2000"),
                               (("--width", 16388), "16388")):
            with self.subTest(settings):
                self.fails(2, "generate", "x", "--bundle", bundle, *settings, says=says)

    def test_a_budget_counts_the_steps_of_the_grid(self):
        bundle = self.copy_of_bundle()
        self.manifest["scheduler"]["timestep_spacing"] = "uniform"
        (bundle / "manifest.json").write_text(json.dumps(self.manifest))
        for calls, passes in ((30, False), (31, True)):
            args = ["generate", "x", "--bundle", bundle, "--num-inference-steps", 30, "--num-iters", 1,
                    "--budget-calls", calls]
            if passes:
                self.succeeds(*args)
            else:
                self.fails(2, *args, says="expected at least 31")

    def test_outputs_inside_the_folder_of_passes(self):
        (self.folder / "passes").mkdir()
        for name in ("passes/pass_1.gif", "passes/noise_2.safetensors"):
            option = "-o" if name.endswith(".gif") else "--save-latents"
            self.fails(2, "generate", "x", "--save-passes", "passes", option, name, says="two outputs")

    def test_a_failure_before_sampling_leaves_no_folder_for_passes(self):
        self.fails(2, "generate", "x", "--save-passes", "passes", "--num-iters", 0)


class CommandLine(CommandTest):
    def test_mistakes_are_one_line(self):
        self.fails(2, says="no command")
        self.fails(2, "dance", says="dance")
        self.fails(2, "generate", "x", "--sede", 3, says="--sede")
        self.fails(2, "generate", "x", "y", says="y")
        self.fails(2, "filter", says="--shape")

    def test_an_empty_name_is_none(self):
        folders = ("--bundle", "--save-passes", "--checkpoint", "--resume")
        files = ("--output", "--save-latents", "--save-frames", "--preview", "--compare", "--trace", "--config",
                 "--init-video", "--init-latents", "--init-noise", "--filter-mask")
        for options, kind in ((folders, "folder"), (files, "file")):
            for option in options:
                with self.subTest(option):
                    self.fails(2, "generate", "x", option, "", says=f"{option}: is empty; expected a {kind}")
        self.fails(2, "inspect", "", says="BUNDLE: is empty; expected a folder")
        self.fails(2, "filter", "--shape", 4, 4, 4, "-o", "", says="--output: is empty; expected a file")
        (self.folder / "settings.toml").write_text('init_noise = ""\n')
        self.fails(2, "generate", "x", "--config", "settings.toml", says="--init-noise: is empty; expected a file")

    def test_help_and_version(self):
        self.assertRegex(self.succeeds("--version").stdout, r"^freeinit \d+\.\d+\.\d+\n$")
        for command in ("generate", "decode", "filter", "reinit", "tokenize", "inspect"):
            shown = self.succeeds(command, "--help").stdout
            self.assertIn(f"Examples:\n  freeinit {command} ", shown)

    def test_no_demo_bundle(self):
        env = self.environment()
        env.pop("FREEINIT_BUNDLE")
        done = self.run_command("inspect", env=env)
        self.assertIn(done.returncode, (0, 3))  # 0 where the demo bundle stands beside the command
        if done.returncode == 3:
            self.assertIn("FREEINIT_BUNDLE", done.stderr)


if __name__ == "__main__":
    unittest.main()
