"""What a run needs, known before it runs; and what is said where there is not enough."""

import json
import resource
import signal
import struct
import subprocess
import time
import unittest

from support import COMMAND, CommandTest, write_tensor

PROMPT = ("generate", "a cat", "--seed", "3")
SAMPLERS = ("ddim", "pndm", "euler", "euler-ancestral", "heun", "dpmsolver++", "unipc", "lcm", "tcd")
MOST = 2**63 - 1


class NeedsTest(CommandTest):
    def planned(self, *options, of=PROMPT):
        """What is said of a run, which leaves nothing."""
        before = self.files()
        done = self.succeeds(*of, "--dry-run", "--json", *options)
        self.assertEqual(self.files(), before)
        return json.loads(done.stdout)


class DryRunTest(NeedsTest):
    def figures(self, *options):
        self.assertEqual(self.files(), [])
        return self.planned(*options)

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
        self.assertEqual([line[:15].rstrip() for line in done.stdout.splitlines()],
                         ["network calls", "memory", "disk", "time"])

    def test_what_is_known_is_said_before_networks_load(self):
        bundle = self.copy_of_bundle()
        with open(bundle / "unet.pt", "ab") as file:
            file.write(b"x")
        run = (*PROMPT, "--dry-run", "--bundle", bundle)
        done = self.run_command(*run)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual([line[:15].rstrip() for line in done.stdout.splitlines()],
                         ["network calls", "memory", "disk"])
        self.fails(4, *run, "--json", says="unet.pt")

    def test_a_signal_ends_it(self):
        """While networks load, or are measured: seconds at this size."""
        run = [COMMAND, *PROMPT, "--dry-run", "--height", "1024", "--width", "1024", "--num-frames", "8"]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                process = subprocess.Popen(
                    run, cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True, preexec_fn=lambda number=number: signal.signal(number, signal.SIG_DFL))
                self.addCleanup(process.kill)
                self.assertIn("network calls", process.stdout.readline())
                time.sleep(0.2)
                process.send_signal(number)
                stdout, stderr = process.communicate(timeout=300)
                self.assertEqual(process.returncode, 128 + number, stderr)
                self.assertNotIn("time", stdout)
                self.assertTrue(stderr.splitlines()[-1].startswith("error: "), stderr)

    def test_more_than_a_number_holds(self):
        figures = self.figures("--height", 16384, "--width", 16384, "--num-frames", 1000000, "--num-videos", 1024,
                               "--num-iters", 1000, "--save-passes", "pz", "--save-frames", "f.safetensors",
                               "--checkpoint", "kept", "--decode-chunk-size", 1000000)
        self.assertEqual(figures["disk"], {"tensors": MOST, "videos_at_most": MOST})
        for stage in ("denoise", "decode", "write", "peak"):
            self.assertGreater(figures["memory"][stage], 1 << 30)

    def test_time_is_that_of_each_kind_of_call(self):
        self.assertEqual([(kind["guided"], kind["cached"], kind["share"]) for kind in
                          self.figures()["seconds"]["kinds"]], [(True, False, 1.0)])
        # Half of the steps are guided; features of a step without guidance are none for one with it.
        seconds = self.figures("--num-inference-steps", 8, "--guidance-interval", 0, 0.5,
                               "--cache-interval", 3)["seconds"]
        kinds = {(kind["guided"], kind["cached"]): kind for kind in seconds["kinds"]}
        self.assertEqual({kind: found["share"] for kind, found in kinds.items()},
                         {(guided, cached): 0.25 for guided in (True, False) for cached in (True, False)})
        self.assertTrue(all(kind["network_call"] > 0 for kind in kinds.values()), kinds)
        mean = sum(kind["network_call"] / 4 for kind in kinds.values())
        self.assertAlmostEqual(seconds["network_call"], mean, delta=1e-6 * mean)

    def test_each_pass_begins_with_a_whole_call(self):
        kinds = self.figures("--num-inference-steps", 8, "--num-iters", 2, "--cache-interval", 6)["seconds"]["kinds"]
        self.assertEqual([(kind["guided"], kind["cached"], kind["share"]) for kind in kinds],
                         [(True, False, 4 / 16), (True, True, 12 / 16)])

    def test_passes_that_are_written_are_decoded(self):
        for options, decoded in (((), 2), (("--save-passes", "run", "--num-iters", 3), 6)):
            self.assertEqual(self.figures("--num-videos", 2, *options)["decoded_videos"], decoded)

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


class CheckpointsTest(NeedsTest):
    overwrites = False
    SIZE = ("--height", 64, "--width", 64, "--num-frames", 8)
    LATENTS = 8 * 32 * 32 * 4 * 4  # bytes

    def kept_with_files_of(self, most, *run):
        """Whether all checkpoints could be written where no file may take more bytes."""
        line = self.line([*run, "--checkpoint", "kept", "--checkpoint-every", 1, "-o", "v.gif", "--overwrite"])
        done = subprocess.run(
            line, cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=300,
            restore_signals=False,  # Python ignores SIGXFSZ: writing fails
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
        self.assertEqual(done.returncode, 0, done.stderr)
        return "goes on without newer checkpoints" not in done.stderr

    def test_disk_is_two_copies_of_the_largest_state(self):
        partial = ("--intermediate", "partial", "--intermediate-steps", 6)
        kinds = [("--sampler", sampler) for sampler in SAMPLERS]
        kinds += [("--num-iters", 1), ("--sampler", "pndm", *partial)]
        for options in kinds:
            run = (*PROMPT, "--num-inference-steps", 8, "--num-iters", 2, *self.SIZE, *options)
            if "--num-iters" in options:
                run = (*PROMPT, "--num-inference-steps", 8, *self.SIZE, *options)
            with self.subTest(options=options):
                planned = self.planned("--checkpoint", "kept", of=run)["disk"]["tensors"]
                self.assertTrue(self.kept_with_files_of(planned // 2, *run), planned)
                self.assertFalse(self.kept_with_files_of(planned // 4, *run), planned)
                for file in sorted(self.folder.rglob("*"), reverse=True):
                    file.rmdir() if file.is_dir() else file.unlink()

    def test_what_the_run_starts_from_is_kept_too(self):
        write_tensor(self.folder / "n.safetensors", [1, 4, 8, 32, 32], [0.5] * (self.LATENTS // 4))
        bytes_of = lambda *options: self.planned("--checkpoint", "kept", *self.SIZE, *options)["disk"]["tensors"]
        self.assertEqual(bytes_of("--init-noise", "n.safetensors") - bytes_of(), self.LATENTS)

    def test_finished_work_is_not_counted(self):
        resume = ("generate", "--resume", "kept")
        self.succeeds(*PROMPT, "--num-iters", 3, "--checkpoint", "kept", "-o", "a.gif")
        done = self.planned(of=resume)
        self.assertEqual(done["network_calls"], 0)
        self.assertEqual(done["seconds"]["denoise"], 0)
        self.assertEqual(done["decoded_videos"], 0)
        self.assertEqual(done["disk"], {"tensors": 0, "videos_at_most": 0})
        extended = self.planned("--num-iters", 5, "--save-passes", "run", of=resume)
        more = self.planned("--num-iters", 2, "--save-passes", "run")
        self.assertEqual(extended["network_calls"], more["network_calls"])
        self.assertGreater(extended["disk"]["tensors"], more["disk"]["tensors"])  # of checkpoints
        report = json.loads(self.succeeds(*resume, "--num-iters", 5, "--json").stdout)
        self.assertEqual(report["unet_calls"], self.planned("--num-iters", 3)["network_calls"] +
                         extended["network_calls"])

    def calls_of(self, state):
        data = state.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        begin, end = (8 + length + offset for offset in json.loads(data[8:8 + length])["counters"]["data_offsets"])
        return struct.unpack(f"<{(end - begin) // 8}q", data[begin:end])[1]

    def test_a_run_that_was_killed_goes_on_with_less(self):
        run = (*PROMPT, "--num-inference-steps", 500, "--num-iters", 2, "--num-videos", 2)
        process = subprocess.Popen(
            self.line([*run, "--checkpoint", "kept", "--checkpoint-every", 1, "-o", "a.gif"]), cwd=self.folder,
            env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        state = self.folder / "kept/video_0.safetensors"
        while not state.exists():
            self.assertIsNone(process.poll(), "ended by itself")
            time.sleep(0.002)
        process.kill()
        process.wait()
        for unfinished in state.parent.glob(".freeinit-*"):  # --resume removes it
            unfinished.unlink()
        planned = self.planned(of=("generate", "--resume", "kept"))
        made = self.calls_of(state)
        self.assertGreater(made, 0)
        self.assertEqual(planned["network_calls"], 2000 - made)
        self.assertGreater(planned["disk"]["tensors"], 2 * state.stat().st_size)


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
                 "--num-inference-steps", 2, "--num-iters", 1)
        enough = self.needs_of(*PROMPT, "-o", "v.gif", "--num-inference-steps", 1)
        (self.folder / "v.gif").unlink()
        done = self.limited(enough, *large)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, "one line, not what was tried in vain: " + done.stderr)
        self.assertRegex(done.stderr, "^error: memory: the run takes about .* even with --low-memory.* can be had; "
                         "fewer frames, a smaller size or --context-length need less\n$")
        self.assertEqual(self.files(), [])
        of_unet = self.limited(enough, *large, "--vae-tiling", "--decode-chunk-size", 2, "--cache-interval", 2)
        self.assertEqual(of_unet.returncode, 5, of_unet.stderr)
        self.assertIn(" even with --low-memory and ", of_unet.stderr, "a smaller chunk would not help the UNet")

    def test_what_makes_a_run_smaller_is_tried_in_its_order(self):
        """The less memory, the more of it; the frames change last, where the run would be refused."""
        run = (*PROMPT, "-o", "v.gif", "--overwrite", "--height", 1024, "--width", 1024, "--num-frames", 2,
               "--decode-chunk-size", 2, "--num-inference-steps", 1, "--num-iters", 1, "--guidance-scale", 1, "--json")
        steps = [("text encoder and autoencoder are let go", "low_memory", True),
                 ("frames are decoded one at a time", "decode_chunk_size", 1), ("in tiles", "vae_tiling", True)]
        seen, made = [], set()
        for megabytes in range(self.needs_of(*PROMPT, "-o", "v.gif", "--num-inference-steps", 1, "--overwrite"), 4096, 64):
            done = self.limited(megabytes, *run)
            said = [line for line in done.stderr.splitlines() if "memory is short" in line]
            seen.append("refused" if done.returncode == 5 else len(said))
            if done.returncode in (5, 7):  # 7: what is limited is address space, and the run takes more of it than memory
                continue
            self.assertEqual(done.returncode, 0, done.stderr)
            made.add(len(said))
            report = json.loads(done.stdout)
            self.assertGreater(report["memory"]["available"], 0)
            for index, (words, key, value) in enumerate(steps):
                self.assertEqual(report.get(key) == value, index < len(said), report)
                self.assertTrue(index >= len(said) or words in said[index], said)
            if not said:
                break
        order = [state for index, state in enumerate(seen) if index == 0 or state != seen[index - 1]]
        self.assertEqual(order, ["refused", 3, 2, 1, 0])
        self.assertEqual(made, {0, 1, 2, 3})

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
