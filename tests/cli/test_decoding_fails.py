"""Latents are on disk before they are decoded: hours of sampling are not lost with a decoder that fails."""

import signal
import subprocess
import unittest

from support import CommandTest, read_tensor

# Many steps: the decoder is gone before its turn comes.
RUN = ("generate", "a cat", "--seed", 3, "--low-memory", "--num-inference-steps", 1000, "--num-iters", 1)


def take_signals():
    """Whoever runs the tests may ignore some, and children inherit that."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class DecodingFails(CommandTest):
    overwrites = False

    def start(self, *args):
        process = subprocess.Popen(self.line(args), cwd=self.folder, env=self.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=take_signals)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close)
        return process

    def without_decoder(self, *options):
        """With low memory it is read when its turn comes, and then it is gone. Returns what was said, and the new
        files beside those of the bundle."""
        bundle = self.copy_of_bundle()
        before = set(self.files())
        process = self.start(*RUN, "--bundle", bundle, "-o", "clip.gif", *options)
        for line in process.stderr:  # what is said just before sampling
            if line.startswith("seed "):
                break
        decoder = bundle / "vae_decoder.pt"
        decoder.unlink()
        said = process.stderr.read()
        self.assertEqual(process.wait(), 3, said)
        self.assertTrue(said.splitlines()[-1].startswith("error: "), said)
        self.assertIn("vae_decoder.pt", said.splitlines()[-1])
        return said, sorted(set(self.files()) - before)

    def way_on(self, said):
        """The command that is named, as words."""
        (line,) = [line for line in said.splitlines() if line.startswith("to go on: freeinit ")]
        return line.removeprefix("to go on: freeinit ").split()

    def whole_run(self):
        self.succeeds(*RUN, "-o", "whole.gif", "--save-latents", "whole.safetensors")

    def assert_decodes(self, name):
        """With a bundle that has its decoder, to the video of a run that was not disturbed."""
        self.succeeds("decode", "whole.safetensors", "-o", "expected.gif", "--overwrite")
        self.succeeds("decode", name, "-o", "made.gif", "--overwrite")
        self.assertEqual(read_tensor(self.folder / name), read_tensor(self.folder / "whole.safetensors"))
        self.assertEqual((self.folder / "made.gif").read_bytes(), (self.folder / "expected.gif").read_bytes())

    def test_latents_that_were_asked_for(self):
        self.whole_run()
        said, files = self.without_decoder("--save-latents", "l.safetensors")
        self.assertEqual(files, ["l.safetensors"])
        self.assertEqual(self.way_on(said)[:2], ["decode", "l.safetensors"])
        self.assert_decodes("l.safetensors")

    def test_latents_that_nobody_asked_for(self):
        self.whole_run()
        said, files = self.without_decoder()
        self.assertEqual(files, ["clip.latents.safetensors"])
        self.assertEqual(self.way_on(said)[:3], ["decode", "clip.latents.safetensors", "--bundle"])
        self.assert_decodes("clip.latents.safetensors")
        first = (self.folder / "clip.latents.safetensors").read_bytes()
        said, files = self.without_decoder()
        self.assertEqual(files, ["clip.latents_2.safetensors"])
        self.assertEqual((self.folder / "clip.latents.safetensors").read_bytes(), first)

    def test_passes_that_are_decoded_when_they_are_complete(self):
        self.whole_run()
        said, files = self.without_decoder("--compare", "passes.png")
        self.assertEqual(files, ["clip.latents.safetensors"])
        self.assert_decodes("clip.latents.safetensors")
        said, files = self.without_decoder("--save-passes", "run")
        self.assertEqual(files, ["run", "run/noise_1.safetensors", "run/pass_1.safetensors"])
        self.assertEqual(self.way_on(said)[:2], ["decode", "run/pass_1.safetensors"])
        self.assert_decodes("run/pass_1.safetensors")

    def test_a_run_that_is_kept_has_them(self):
        said, files = self.without_decoder("--checkpoint", "kept")
        self.assertEqual(files, ["kept", "kept/run.safetensors", "kept/video_0.safetensors"])
        self.assertEqual(self.way_on(said), ["generate", "--resume", "kept"])
        self.whole_run()
        for latents, video in (("kept/video_0.safetensors:latents", "made.gif"), ("whole.safetensors", "expected.gif")):
            self.succeeds("decode", latents, "-o", video, "--no-metadata")
        self.assertEqual((self.folder / "made.gif").read_bytes(), (self.folder / "expected.gif").read_bytes())

    def test_a_stop_that_discards_takes_them_along(self):
        process = self.start("generate", "x", "--num-frames", 96, "--height", 128, "--width", 128,
                             "--num-inference-steps", 1, "--num-iters", 1, "--decode-chunk-size", 1,
                             "--save-latents", "l.safetensors", "-o", "clip.webm", "--on-cancel", "discard")
        for line in process.stderr:
            if line == "wrote l.safetensors\n":
                break
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        self.assertEqual(process.wait(), 128 + signal.SIGTERM, said)
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
