"""Where outputs go: what is refused first, what is replaced, what stays after a failure."""

import json
import subprocess
import time
import unittest

from support import COMMAND, CommandTest, read_tensor, write_tensor


class RefusedBeforeTheBundleLoads(CommandTest):
    def test_what_no_video_file_can_have(self):
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()
        wide = 16384 + self.manifest["vae"]["spatial_scale"] * self.manifest["unet"]["latent_multiple_of"]
        for options, says in ((("--fps", "60", "-o", "x.gif"), "50"),
                              (("--output-fps", "2000"), "2000"),
                              (("--width", str(wide)), "16384"),
                              (("--height", str(wide)), "16384")):
            with self.subTest(options):
                self.fails(2, "generate", "x", "--bundle", bundle, *options, says=says)


class FramesAsPictures(CommandTest):
    def test_of_sixteen_bits_and_in_linear_light(self):
        for names in ("deep/frame_%05d.png", "light/frame_%05d.exr"):
            self.generate("--num-frames", 4, "-o", "a.gif", "--save-frames", names)
            folder, name = names.split("/")
            self.assertEqual(sorted(path.name for path in (self.folder / folder).iterdir()),
                             [name.replace("%05d", f"{i:05}") for i in range(4)])
        png = (self.folder / "deep/frame_00000.png").read_bytes()
        self.assertEqual(png[24], 16)  # bits
        self.succeeds("score", "deep")

    def test_of_several_videos(self):
        self.generate("--num-videos", 2, "-o", "a.gif", "--save-frames", "deep/frame_%05d.png")
        for folder in ("deep_0", "deep_1"):
            self.assertEqual(len(list((self.folder / folder).iterdir())), self.manifest["recommended"]["num_frames"])

    def test_refused(self):
        self.fails(2, "generate", "x", "--save-frames", "frame_%05d.png", says="DIR/frame_%05d.exr")
        self.fails(2, "generate", "x", "-o", "same/", "--save-frames", "same/frame_%05d.png", says="named for two outputs")
        self.fails(2, "generate", "x", "--save-frames", "same/f%05d.png",
                   says="unknown extension '.png'; expected .safetensors, .npy, DIR/frame_%05d.png or DIR/frame_%05d.exr")
        (self.folder / "there").mkdir()
        (self.folder / "there/x").touch()
        self.fails(6, "generate", "x", "--save-frames", "there/frame_%05d.exr", says="holds other files")
        self.generate("-o", "a.gif", "--save-frames", "old/frame_%05d.exr")
        self.overwrites = False
        self.fails(2, "generate", "x", "--save-frames", "old/frame_%05d.png", says="--overwrite replaces it")


class WrittenThrough(CommandTest):
    """Links are followed, devices and pipes stay what they are."""

    def setUp(self):
        super().setUp()
        write_tensor(self.folder / "z.safetensors", [1, 4, 4, 8, 8],
                     [(i % 7) / 7 for i in range(1024)])

    def test_links(self):
        for option, name in (("--csv", "a.csv"), ("--plot", "a.svg")):
            (self.folder / "target").write_text("old")
            (self.folder / name).symlink_to("target")
            self.succeeds("analyze", "z.safetensors", option, name)
            self.assertTrue((self.folder / name).is_symlink())
            self.assertGreater((self.folder / "target").stat().st_size, 100)
        (self.folder / "trace.json").symlink_to("target")
        self.generate("-o", "a.gif", "--trace", "trace.json")
        self.assertTrue((self.folder / "trace.json").is_symlink())
        self.assertIn("traceEvents", json.loads((self.folder / "target").read_text()))

    def test_standard_output(self):
        out = self.folder / "out"
        out.symlink_to("/proc/self/fd/1")  # as /dev/stdout is
        shown = self.succeeds("analyze", "z.safetensors", "--csv", "out").stdout
        self.assertTrue(shown.startswith("clip,timestep,"), shown[:80])
        self.assertTrue(out.is_symlink())
        traced = self.succeeds("generate", "x", "-o", "a.gif", "--trace", "out", "--json").stdout
        self.assertIn('"traceEvents"', traced)


    def test_a_full_standard_output(self):
        for line in (["inspect"], ["filter", "--shape", "4", "8", "8"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([COMMAND, *line], cwd=self.folder, env=self.environment(), stdout=full,
                                      stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 6, done.stderr)
            self.assertTrue(done.stderr.startswith("error: standard output: cannot be written to"), done.stderr)


class Decode(CommandTest):
    def test_the_bytes_are_those_of_the_run(self):
        for profile in ("diffusers", "official"):
            self.generate("-o", "run/", "--num-videos", 2, "--profile", profile, "--seed", 5,
                          "--save-latents", "z.safetensors", "--decode-chunk-size", 3)
            self.succeeds("decode", "z.safetensors:latents", "-o", "later/", "--profile", profile,
                          "--decode-chunk-size", 2, "--no-metadata")
            self.generate("-o", "bare/", "--num-videos", 2, "--profile", profile, "--seed", 5,
                          "--no-metadata")
            names = [name for name in self.files() if name.startswith("bare") and name.endswith("png")]
            self.assertEqual(len(names), 2 * self.manifest["recommended"]["num_frames"])
            for name in names:
                later = name.replace("bare", "later")
                self.assertEqual((self.folder / later).read_bytes(), (self.folder / name).read_bytes())

    def test_the_video_has_the_prompt_and_the_rate(self):
        self.generate("-o", "a.mp4", "--save-latents", "z.safetensors", "--seed", 3)
        done = self.succeeds("decode", "z.safetensors", "-o", "b.mp4", "--fps", 12)
        self.assertEqual((done.stdout, done.stderr), ("", "wrote b.mp4\n"))
        self.assertIn("a red circle", self.succeeds("inspect", "b.mp4").stdout)
        self.succeeds("decode", "z.safetensors", "-o", "b.mp4", "--no-metadata")
        self.assertNotIn("a red circle", self.run_command("inspect", "b.mp4").stdout)

    def test_a_signal_ends_it(self):
        count = 4 * 512 * 32 * 32
        write_tensor(self.folder / "z.safetensors", [1, 4, 512, 32, 32], [0.1] * count)
        process = subprocess.Popen([COMMAND, "decode", "z.safetensors", "-o", "a/", "--decode-chunk-size", "1"],
                                   cwd=self.folder, env=self.environment(), stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close)
        while process.poll() is None and self.files() == ["z.safetensors"]:
            time.sleep(0.01)
        process.terminate()
        self.assertRegex(process.stderr.read(), r"^stopping after the current step; .*\nerror: ")
        self.assertEqual(process.wait(), 143)
        self.assertEqual(self.files(), ["z.safetensors"])

    def test_needs_no_other_network(self):
        self.generate("-o", "a.gif", "--save-latents", "z.safetensors")
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()
        (bundle / self.manifest["text_encoder"]["file"]).unlink()
        self.succeeds("decode", "z.safetensors", "-o", "b.gif", "--bundle", bundle)
        decoder = bundle / self.manifest["vae"]["decoder_file"]
        decoder.write_bytes(decoder.read_bytes()[:-1])
        self.fails(4, "decode", "z.safetensors", "-o", "c.gif", "--bundle", bundle, says=decoder.name)

    def test_mistakes_are_one_line(self):
        write_tensor(self.folder / "flat.safetensors", [2, 3], [0] * 6)
        write_tensor(self.folder / "z.safetensors", [1, 4, 4, 8, 8], [0] * 1024)
        self.fails(2, "decode", says="LATENTS")
        self.fails(3, "decode", "none.safetensors", says="none.safetensors")
        self.fails(2, "decode", "flat.safetensors", says="[2,3]")
        self.fails(2, "decode", "z.safetensors", "-o", "x.avi", says="x.avi")
        self.fails(2, "decode", "z.safetensors", "-o", "x.gif", "--fps", 60, says="50")
        self.fails(2, "decode", "z.safetensors", "--profile", "best", says="official")


class Passes(CommandTest):
    def test_every_pass_is_decoded_once(self):
        for options in ((), ("--low-memory",), ("--save-frames", "f.safetensors")):
            report = self.generate("-o", "a.gif", "--num-iters", 2, "--save-passes", "run",
                                   "--trace", "trace.json", *options)
            events = json.loads((self.folder / "trace.json").read_text())["traceEvents"]
            decoded = [event for event in events if event["cat"] == "decode"]
            chunk = report["decode_chunk_size"]
            calls = 2 * -(-report["num_frames"] // chunk)
            self.assertEqual(len(decoded), calls, options)
            self.assertEqual((self.folder / "a.gif").read_bytes(),
                             (self.folder / "run/pass_2.gif").read_bytes())

    def test_the_decoder_is_let_go_between_passes(self):
        bundle = self.copy_of_bundle()
        process = subprocess.Popen(
            [COMMAND, "generate", "x", "-o", "a.gif", "--bundle", bundle, "--low-memory",
             "--num-inference-steps", "500", "--num-iters", "100", "--save-passes", "run"],
            cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        while not (self.folder / "run/pass_1.gif").exists():
            self.assertIsNone(process.poll(), "ended by itself")
            time.sleep(0.01)
        (bundle / "vae_decoder.pt").unlink()  # what is read again is missed now
        _, stderr = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 3, stderr)
        self.assertIn("vae_decoder.pt", stderr)


class Videos(CommandTest):
    def test_a_video_that_fails_takes_none_before_it_along(self):
        shape = [3, 4, 4, 8, 8]
        count = 4 * 4 * 8 * 8
        values = [0.5] * count * 2 + [3e38] * count  # the third becomes infinite
        write_tensor(self.folder / "n.safetensors", shape, values)
        done = self.run_command("generate", "x", "--num-inference-steps", 2, "--num-videos", 3,
                                "-o", "v.gif", "--init-noise", "n.safetensors",
                                "--save-latents", "l.safetensors")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("failed in video 3 of 3; those before it are written", done.stderr)
        self.assertIn("error: sampling: pass 1, steps 1 to 2: the latents hold ", done.stderr)
        self.assertEqual(self.files(), ["l.safetensors", "n.safetensors", "v_0.gif", "v_1.gif"])
        self.assertEqual(read_tensor(self.folder / "l.safetensors")[1][0], 2)


if __name__ == "__main__":
    unittest.main()
