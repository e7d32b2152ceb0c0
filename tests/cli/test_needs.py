"""What a run needs, known before it runs; and what is said where there is not enough."""

import json
import resource
import subprocess
import unittest

from support import CommandTest, write_tensor

PROMPT = ("generate", "a cat", "--seed", "3")


class DryRunTest(CommandTest):
    def figures(self, *options):
        done = self.succeeds(*PROMPT, "--dry-run", "--json", *options)
        self.assertEqual(self.files(), [])
        return json.loads(done.stdout)

    def test_calls_are_those_of_the_run(self):
        for options in ((), ("--num-videos", 2), ("--fast-sampling",), ("--budget-calls", 6)):
            planned = self.figures(*options)["network_calls"]
            done = self.succeeds(*PROMPT, *options, "-o", self.folder / "v.gif", "--json")
            self.assertEqual(planned, json.loads(done.stdout)["unet_calls"])
            for file in self.folder.iterdir():
                file.unlink()

    def test_memory_is_what_is_then_measured(self):
        # Larger tensors are the reference tests' part: the tiny networks have few of them. Latents of 512x512
        # are as large as those, so that every call after the first scatters the heap: one call alone.
        for options in ((), ("--height", 256, "--width", 256), ("--low-memory",),
                        ("--height", 512, "--width", 512, "--vae-tiling", "--guidance-scale", 1)):
            run = (*options, "--num-inference-steps", 1, "--num-iters", 1)
            planned = self.figures(*run)["memory"]["peak"]
            done = self.succeeds(*PROMPT, *run, "-o", "v.gif", "--json")
            memory = json.loads(done.stdout)["memory"]
            with self.subTest(options=options, planned=planned, measured=memory):
                # How many pages of LibTorch's libraries count is the kernel's choice.
                for estimate in (planned, memory["estimated_peak"]):
                    self.assertLess(abs(memory["peak"] - estimate), 0.15 * estimate + (32 << 20))
            (self.folder / "v.gif").unlink()

    def test_disk_is_the_size_of_the_tensors(self):
        outputs = ("--save-latents", "l.safetensors", "--save-frames", "f.safetensors",
                   "--save-passes", "passes", "--num-videos", 2)
        planned = self.figures(*outputs)["disk"]
        self.succeeds(*PROMPT, *outputs, "-o", "v.gif")
        written = sum(file.stat().st_size for file in self.folder.rglob("*.safetensors"))
        self.assertLess(abs(written / planned["tensors"] - 1), 0.5)  # headers of tiny tensors
        self.assertGreaterEqual(written, planned["tensors"])
        videos = sum(file.stat().st_size for file in self.folder.rglob("*.gif"))
        self.assertLess(videos, planned["videos_at_most"])

    def test_in_words(self):
        done = self.succeeds(*PROMPT, "--dry-run")
        for word in ("network calls", "memory", "denoise", "peak", "disk", "time", "about"):
            self.assertIn(word, done.stdout)

    def test_a_bundle_that_does_not_tell(self):
        bundle = self.copy_of_bundle()
        manifest = json.loads((bundle / "manifest.json").read_text())
        del manifest["memory"]
        (bundle / "manifest.json").write_text(json.dumps(manifest))
        done = self.succeeds(*PROMPT, "--dry-run", "--json", "--bundle", bundle)
        self.assertIsNone(json.loads(done.stdout)["memory"])

    def test_the_report_goes_back_into_config(self):
        done = self.succeeds(*PROMPT, "-o", "v.gif", "--json", "--vae-tiling")
        (self.folder / "report.json").write_text(done.stdout)
        again = self.succeeds("generate", "--config", "report.json", "--json", "-o", "w.gif")
        self.assertTrue(json.loads(again.stdout)["vae_tiling"])


class ShortageTest(CommandTest):
    def limited(self, megabytes, *args):
        """With `ulimit -v`."""
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20,) * 2)

        return subprocess.run(self.line(args), cwd=self.folder, env=self.environment(),
                              capture_output=True, text=True, timeout=300, preexec_fn=limit)

    def needs_of(self, *args):
        """The smallest limit of address space, in steps of 64 MiB, with which a small run works."""
        for megabytes in range(640, 4096, 64):
            if self.limited(megabytes, *args).returncode == 0:
                return megabytes
        self.fail("no limit will do")

    def test_memory_that_is_known_not_to_be_there_is_refused_before_loading(self):
        large = (*PROMPT, "-o", "v.gif", "--height", 2048, "--width", 2048,
                 "--num-inference-steps", 1, "--num-iters", 1)
        enough = self.needs_of(*PROMPT, "-o", "v.gif", "--num-inference-steps", 1)
        (self.folder / "v.gif").unlink()
        done = self.limited(enough, *large)
        self.assertEqual(done.returncode, 5, done.stderr)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(errors), 1, done.stderr)
        for word in ("memory: the run takes about", "can be had", "--vae-tiling",
                     "--context-length", "--low-memory"):
            self.assertIn(word, errors[0])
        self.assertEqual(self.files(), [])

    def test_memory_that_runs_out_is_one_line(self):
        """A bundle that does not tell: the allocation itself fails."""
        bundle = self.copy_of_bundle()
        manifest = json.loads((bundle / "manifest.json").read_text())
        del manifest["memory"]
        (bundle / "manifest.json").write_text(json.dumps(manifest))
        run = (*PROMPT, "--bundle", bundle, "-o", "v.gif", "--num-iters", 1)
        enough = self.needs_of(*run)
        (self.folder / "v.gif").unlink()
        done = self.limited(enough, *run, "--height", 4096, "--width", 4096)
        self.assertEqual(done.returncode, 7, done.stderr)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(errors), 1, done.stderr)
        self.assertIn("out of memory", errors[0])
        self.assertIn("--vae-tiling", errors[0])
        self.assertNotIn("v.gif", self.files())


class NumbersTest(CommandTest):
    def test_the_step_that_broke(self):
        shape = [1, 4, 4, 8, 8]
        values = [0.5] * (4 * 4 * 8 * 8)
        values[70] = 3e38
        write_tensor(self.folder / "n.safetensors", shape, values)
        run = ("generate", "x", "--num-inference-steps", 4, "--num-iters", 2, "-o", "v.gif",
               "--init-noise", "n.safetensors")
        for options, where in (((), "pass 1, steps 1 to 4: the latents hold "),
                               (("--check-steps",), "pass 1, step 1: the latents hold ")):
            done = self.run_command(*run, *options)
            self.assertEqual(done.returncode, 7, done.stderr)
            self.assertIn("error: sampling: " + where, done.stderr)
            self.assertIn("first at [0, ", done.stderr)
            self.assertNotIn("v.gif", self.files())

    def test_checking_changes_nothing(self):
        for name, options in (("a.gif", ()), ("b.gif", ("--check-steps",))):
            self.succeeds(*PROMPT, "-o", name, *options)
        self.assertEqual((self.folder / "a.gif").read_bytes(), (self.folder / "b.gif").read_bytes())


class TilingTest(CommandTest):
    def test_decode_makes_the_tiles_of_generate(self):
        run = (*PROMPT, "--height", 64, "--width", 48, "--num-inference-steps", 1)
        tiles = ("--vae-tiling", "--vae-tile-size", 16)
        self.succeeds(*run, *tiles, "-o", "a.gif", "--save-latents", "l.safetensors",
                      "--no-metadata")
        self.succeeds("decode", "l.safetensors", *tiles, "-o", "b.gif", "--no-metadata")
        self.succeeds("decode", "l.safetensors", "-o", "whole.gif", "--no-metadata")
        read = lambda name: (self.folder / name).read_bytes()
        self.assertEqual(read("a.gif"), read("b.gif"))
        self.assertNotEqual(read("a.gif"), read("whole.gif"))

    def test_tiles_that_cannot_be(self):
        says = "vae tile size '9': expected a multiple of 2"
        self.fails(2, *PROMPT, "-o", "a.gif", "--vae-tiling", "--vae-tile-size", 9, says=says)
        write_tensor(self.folder / "l.safetensors", [1, 4, 1, 8, 8], [0.1] * 256)
        self.fails(2, "decode", "l.safetensors", "-o", "a.gif", "--vae-tiling", "--vae-tile-size",
                   9, says=says)
        self.fails(2, *PROMPT, "-o", "a.gif", "--vae-tile-overlap", 1, says="vae tile overlap '1'")

    def test_the_report_says_what_was_chosen(self):
        report = self.generate("-o", "a.gif", "--height", 512, "--width", 512, "--num-frames", 2)
        self.assertEqual(report["decode_chunk_size"], 1)
        self.assertFalse(report["low_memory"])
        self.assertNotIn("vae_tiling", report)
        self.assertEqual(self.generate("-o", "a.gif")["decode_chunk_size"], 16)


if __name__ == "__main__":
    unittest.main()
