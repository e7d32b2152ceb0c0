"""A run that was killed, stopped or finished goes on from its folder of checkpoints to the same bytes."""

import hashlib
import json
import re
import resource
import shutil
import signal
import subprocess
import time

from support import COMMAND, CommandTest

STEPS = 200


def run_of(steps=STEPS, passes=3):
    return ["generate", "a red circle", "--seed", "7", "--num-inference-steps", str(steps), "--num-iters", str(passes)]


RUN = run_of()


def take_signals():
    """Whoever runs the tests may ignore some, and children inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Resume(CommandTest):
    overwrites = False

    def start(self, *args, run=RUN):
        process = subprocess.Popen([COMMAND, *run, *args], cwd=self.folder, env=self.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=take_signals)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close)
        return process

    def wait_for(self, process, *names):
        while not all((self.folder / name).exists() for name in names):
            if process.poll() is not None:
                return
            time.sleep(0.002)

    def killed(self, process, *names, after=0.0):
        self.wait_for(process, *names)
        time.sleep(after)
        process.kill()
        process.wait()

    def bytes_of(self, name):
        return (self.folder / name).read_bytes()

    def assert_same(self, one, other):
        self.assertTrue(self.bytes_of(one) == self.bytes_of(other), f"{one} and {other} differ")

    def whole_run(self, *args):
        self.succeeds(*RUN, *args, "-o", "whole.gif", "--save-latents", "whole.safetensors")

    def test_killed_at_any_moment(self):
        kinds = {"eta": ["--eta", "0.5"], "unipc": ["--sampler", "unipc"],
                 "prior": ["--mix", "freqprior", "--intermediate", "partial", "--intermediate-steps", "120"]}
        for kind, options in kinds.items():
            self.succeeds(*RUN, *options, "-o", f"{kind}.gif", "--save-latents", f"{kind}.safetensors")
            for after in (0.0, 0.05):
                with self.subTest(kind=kind, after=after):
                    shutil.rmtree(self.folder / "kept", ignore_errors=True)
                    process = self.start(*options, "--checkpoint", "kept", "--checkpoint-every", "1", "-o", "a.gif")
                    self.killed(process, "kept/video_0.safetensors", after=after)
                    self.succeeds("generate", "--resume", "kept", "-o", "b.gif", "--save-latents", "b.safetensors")
                    self.assert_same("b.gif", f"{kind}.gif")
                    self.assert_same("b.safetensors", f"{kind}.safetensors")
                    for name in ("a.gif", "b.gif", "b.safetensors"):
                        (self.folder / name).unlink(missing_ok=True)

    def test_videos_that_are_done_stay(self):
        self.whole_run("--num-videos", "2")
        process = self.start("--num-videos", "2", "--checkpoint", "kept", "-o", "clip.gif")
        self.killed(process, "clip_0.gif", "kept/video_1.safetensors")
        first = (self.folder / "clip_0.gif").stat()
        done = self.succeeds("generate", "--resume", "kept", "--save-latents", "clip.safetensors")
        self.assertIn("kept clip_0.gif", done.stderr)
        self.assertEqual((self.folder / "clip_0.gif").stat().st_mtime_ns, first.st_mtime_ns)
        self.assert_same("clip_0.gif", "whole_0.gif")
        self.assert_same("clip_1.gif", "whole_1.gif")
        self.assert_same("clip.safetensors", "whole.safetensors")

    def test_extends_a_finished_run(self):
        self.succeeds(*run_of(passes=5), "-o", "whole.gif")
        self.succeeds(*RUN, "--checkpoint", "kept", "-o", "clip.gif")
        done = self.succeeds("generate", "--resume", "kept", "--num-iters", "5")
        self.assertTrue(done.stdout.startswith("clip_2.gif "), done.stdout)
        self.assertIn("model calls 1000", done.stdout)
        self.assert_same("clip_2.gif", "whole.gif")
        self.succeeds("generate", "--resume", "kept", "-o", "again.gif")
        self.assert_same("again.gif", "whole.gif")

    def test_what_the_run_started_from_is_kept(self):
        self.succeeds(*run_of(2, 1), "-o", "start.gif")
        for options in (["--init-video", "start.gif", "--strength", "0.7"],
                        ["--init-video", "start.gif", "--init-source", "invert", "--init-band", "low"]):
            with self.subTest(options=options):
                self.succeeds(*RUN, *options, "-o", "whole.gif", "--overwrite")
                process = self.start(*options, "--checkpoint", "kept", "--overwrite", "-o", "clip.gif")
                self.killed(process, "kept/video_0.safetensors", after=0.02)
                (self.folder / "start.gif").rename(self.folder / "gone.gif")
                self.succeeds("generate", "--resume", "kept", "-o", "clip.gif", "--overwrite")
                (self.folder / "gone.gif").rename(self.folder / "start.gif")
                self.assert_same("clip.gif", "whole.gif")
                shutil.rmtree(self.folder / "kept")

    def test_refuses_what_would_change_the_bits(self):
        self.succeeds(*RUN, "--checkpoint", "kept", "-o", "clip.gif")
        resume = ["generate", "--resume", "kept", "-o", "other.gif"]
        self.fails(2, *resume, "--seed", "8", says=["seed '8'", "kept with '7'"])
        self.fails(2, *resume, "--num-iters", "2", says="3 passes")
        self.fails(2, "generate", "a blue square", *resume[1:], says="prompt 'a blue square'")
        self.fails(2, *resume, "--init-noise", "x.safetensors", says="holds what the run starts from")
        self.fails(2, *RUN, "--checkpoint", "kept", "-o", "other.gif", says="holds a run already")
        self.fails(2, *resume, "--checkpoint", "other", says="--checkpoint")
        self.fails(3, "generate", "--resume", "gone", says="checkpoint 'gone': no run in it")
        bundle = self.copy_of_bundle()
        manifest = bundle / "manifest.json"
        manifest.write_text(manifest.read_text() + "\n")
        self.fails(2, *resume, "--bundle", bundle, says=["another bundle", "manifest.json"])
        # The same line again, with --resume in place of --checkpoint, is one that fits.
        self.succeeds(*RUN, *resume[1:])

    def kill_after_its_first_line(self, line):
        process = self.start(run=line)
        self.assertIn("seed", process.stderr.readline())
        process.kill()
        process.wait()

    def test_what_is_added_can_be_taken_back(self):
        """Until there is a checkpoint of it, all; then what was not begun."""
        self.succeeds(*run_of(400, 1), "--checkpoint", "kept", "-o", "clip.gif")
        record, state = self.bytes_of("kept/run.safetensors"), self.bytes_of("kept/video_0.safetensors")
        resume = ["generate", "--resume", "kept", "-o"]
        for name, more in (("long", ["--num-iters", "500"]), ("two", ["--num-videos", "2"])):
            self.kill_after_its_first_line([*resume, f"{name}.gif", *more, "--checkpoint-every", "0"])
            self.assertEqual(self.bytes_of("kept/run.safetensors"), record)
        process = self.start(run=[*resume, "long.gif", "--num-iters", "500", "--checkpoint-every", "1"])
        while process.poll() is None and self.bytes_of("kept/video_0.safetensors") == state:
            time.sleep(0.002)
        process.kill()
        process.wait()
        self.assertNotEqual(self.bytes_of("kept/run.safetensors"), record)
        self.succeeds(*run_of(400, 2), "-o", "whole.gif")
        self.succeeds(*resume, "again.gif", "--num-iters", "2")
        self.assert_same("again.gif", "whole.gif")
        self.fails(2, *resume, "one.gif", "--num-iters", "1", says="none that was begun is taken back")
        self.succeeds(*resume, "later.gif")
        self.assert_same("later.gif", "whole.gif")

    def change_texts(self, name, changes):
        """Of a file without tensors, with its SHA-256 put right: texts by name, each with its length in front."""
        data = self.bytes_of(name)
        header = json.loads(data[8:])
        texts = {**header["__metadata__"], **changes}
        del texts["sha256"]
        digest = hashlib.sha256()
        for entry in sorted(texts.items()):
            for text in entry:
                digest.update(f"{len(text.encode())}:{text}".encode())
        header["__metadata__"] = {**texts, "sha256": digest.hexdigest()}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        (self.folder / name).write_bytes(len(text).to_bytes(8, "little") + text)

    def test_other_versions_are_said(self):
        self.succeeds(*run_of(2), "--checkpoint", "kept", "-o", "clip.gif")
        resume = ["generate", "--resume", "kept", "-o", "other.gif", "--overwrite"]
        self.assertNotIn("last digits", self.succeeds(*resume).stderr)
        self.change_texts("kept/run.safetensors", {"note.libtorch": "1.0.0", "note.instructions": "ABACUS"})
        stderr = self.succeeds(*resume).stderr
        for kept in (r"LibTorch 1\.0\.0, this is \d+\.\d+\.\d+\S*", r"the instruction set ABACUS, this is \S+"):
            self.assertRegex(stderr, f"the run was kept with {kept}; the last digits may differ")

    def test_numbers_that_are_none_are_not_kept(self):
        self.succeeds(*run_of(2, 1), "-o", "x.gif", "--save-latents", "noise.safetensors")
        noise = self.bytes_of("noise.safetensors")
        line = [*RUN, "--init-noise", "noise.safetensors", "--checkpoint", "kept", "-o", "clip.gif"]
        (self.folder / "noise.safetensors").write_bytes(noise[:-4] + b"\x00\x00\xc0\x7f")  # NaN
        self.fails(4, *line, says="holds NaN")
        # The largest number: the network makes infinity of it.
        (self.folder / "noise.safetensors").write_bytes(noise[:-4] + b"\xff\xff\x7f\x7f")
        done = self.run_command(*line, "--checkpoint-every", "1")
        self.assertEqual(done.returncode, 7, done.stderr)
        found = re.search(r"sampling: pass 1, steps 1 to (\d+): the latents hold ", done.stderr)
        self.assertTrue(found, done.stderr)
        self.assertLess(int(found[1]), STEPS)

    def test_folders_that_are_none(self):
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()  # known before it is read
        (self.folder / "base.gif").write_bytes(b"a video")
        (self.folder / "link").symlink_to("gone")
        for name, says in (("base.gif", "a file"), ("link", "a link to nothing")):
            for spelt in (name, f"{name}/"):
                self.fails(2, *RUN, "--bundle", bundle, "--checkpoint", spelt, "-o", "clip.gif",
                           says=f"checkpoint '{name}': is {says}; expected a folder")

    def test_decode_names_the_latents_of_a_folder(self):
        self.succeeds(*run_of(2, 1), "--checkpoint", "kept", "-o", "clip.gif")
        for folder in ("kept", "kept/"):
            self.fails(2, "decode", folder, says=["is the folder of a run", "'kept/video_0.safetensors:latents'"])
        self.fails(3, "decode", "kept/run.safetensors", says="'kept/run.safetensors': the file holds no tensor")
        self.succeeds("decode", "kept/video_0.safetensors:latents", "-o", "again.gif")

    def test_refuses_damage(self):
        self.succeeds(*run_of(2), "--checkpoint", "kept", "-o", "clip.gif")
        for name in ("run", "video_0"):
            path = self.folder / "kept" / f"{name}.safetensors"
            whole = path.read_bytes()
            for damaged in (whole[:len(whole) // 2], whole[:-1], b"", whole[:40] + b"x" + whole[41:],
                            whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]):
                path.write_bytes(damaged)
                self.fails(4, "generate", "--resume", "kept", "-o", "other.gif", says=f"{name}.safetensors")
            path.write_bytes(whole)

    def test_a_full_disk_keeps_the_former_checkpoint(self):
        self.whole_run()
        process = self.start("--checkpoint", "kept", "-o", "clip.gif")
        self.killed(process, "kept/video_0.safetensors")
        former = self.bytes_of("kept/video_0.safetensors")
        size = len(former) - 1
        done = subprocess.run(
            [COMMAND, "generate", "--resume", "kept", "-o", "clip.gif"], cwd=self.folder, env=self.environment(),
            capture_output=True, text=True, restore_signals=False,  # Python ignores SIGXFSZ: writing fails
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("goes on without newer checkpoints"), 1, done.stderr)
        self.assertEqual(self.bytes_of("kept/video_0.safetensors"), former)
        self.assertEqual(sorted(path.name for path in (self.folder / "kept").iterdir()),
                         ["run.safetensors", "video_0.safetensors"])
        self.assert_same("clip.gif", "whole.gif")

    def test_signals(self):
        """Before a pass is complete: a code for each; what is kept goes on."""
        self.whole_run()
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with self.subTest(signal=number.name):
                process = self.start("--checkpoint", "kept", "--overwrite", "-o", "clip.gif",
                                     "--on-cancel", "discard")
                self.assertIn("seed", process.stderr.readline())
                time.sleep(0.05)
                process.send_signal(number)
                stderr = process.stderr.read()
                self.assertEqual(process.wait(), code, stderr)
                self.assertIn("to go on: freeinit generate --resume kept", stderr)
                self.assertFalse((self.folder / "clip.gif").exists())
                self.succeeds("generate", "--resume", "kept", "-o", "clip.gif")
                self.assert_same("clip.gif", "whole.gif")
                (self.folder / "clip.gif").unlink()

    def test_a_signal_while_frames_are_decoded(self):
        process = self.start("--num-frames", "96", "--height", "128", "--width", "128", "--decode-chunk-size", "1",
                             "--checkpoint", "kept", "-o", "clip.webm", "--on-cancel", "discard", run=run_of(1, 1))
        self.wait_for(process, "kept/video_0.safetensors")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), signal.SIGTERM + 128, process.stderr.read())
        self.assertEqual(self.files(), ["kept", "kept/run.safetensors", "kept/video_0.safetensors"])
        done = self.succeeds("generate", "--resume", "kept")
        self.assertTrue(done.stdout.startswith("clip.webm "), done.stdout)

    def test_a_second_signal_ends_at_once(self):
        process = self.start("-o", "clip.gif", run=run_of(1000))
        self.assertIn("seed", process.stderr.readline())
        process.send_signal(signal.SIGSTOP)  # both arrive in one network call
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        self.assertIn(process.wait(), (-signal.SIGTERM, 130))
        self.assertFalse((self.folder / "clip.gif").exists())

    def test_save_and_discard(self):
        for choice in ("save", "discard"):
            with self.subTest(choice=choice):
                passes = f"{choice} passes"
                process = self.start("--save-passes", passes, "-o", f"{choice}.gif", "--on-cancel", choice,
                                     run=run_of(passes=500))
                self.wait_for(process, f"{passes}/pass_2.gif")
                process.send_signal(signal.SIGINT)
                stderr = process.stderr.read()
                self.assertEqual(process.wait(), 130, stderr)
                self.assertEqual((self.folder / f"{choice}.gif").exists(), choice == "save")
        self.fails(2, *RUN, "--on-cancel", "ask", says="--on-cancel")
