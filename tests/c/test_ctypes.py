"""The C interface from Python: frames and latents as NumPy arrays, equal to those of the command.

The environment names the library (FREEINIT_C), the command (FREEINIT_COMMAND) and a bundle
(FREEINIT_TINY_BUNDLE). Skipped without NumPy, which scripts/setup.sh --tests installs.
"""

import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

if importlib.util.find_spec("numpy") is None:
    raise unittest.SkipTest("NumPy is missing: pip install numpy")

import numpy

from freeinit_ctypes import FreeInitError, Library

HERE = pathlib.Path(__file__).resolve().parent
BUNDLE = os.environ["FREEINIT_TINY_BUNDLE"]
REQUEST = {"prompt": "a red cat", "seed": 5, "num_frames": 6, "width": 24}


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    ((_, entry),) = header.items()
    begin, end = entry["data_offsets"]
    values = numpy.frombuffer(data[8 + length + begin:8 + length + end], numpy.float32)
    return values.reshape(entry["shape"])


def video_of_command(**settings):
    """The bytes of the PNG frames and the latents that the command writes, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        options = [text for key, value in settings.items() if key != "prompt"
                   for text in ("--" + key.replace("_", "-"), str(value))]
        done = subprocess.run(
            [os.environ["FREEINIT_COMMAND"], "generate", settings["prompt"], *options, "--bundle", BUNDLE,
             "--json", "-o", "frames/", "--save-latents", "latents.safetensors"],
            cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        frames = subprocess.run(
            ["ffmpeg", "-v", "error", "-pattern_type", "glob", "-i", "frames/*.png", "-f", "rawvideo",
             "-pix_fmt", "rgb24", "-"], cwd=folder, capture_output=True, check=True, timeout=300).stdout
        shape = (report["num_frames"], report["height"], report["width"], 3)
        latents = read_safetensors(pathlib.Path(folder) / "latents.safetensors")
        return numpy.frombuffer(frames, numpy.uint8).reshape(shape), latents, report


class FromPython(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.freeinit = Library(os.environ["FREEINIT_C"])
        cls.pipeline = cls.freeinit.load(BUNDLE)

    def fails(self, status, says, request, **options):
        with self.assertRaises(FreeInitError) as caught:
            self.pipeline.generate(request, **options)
        self.assertEqual(caught.exception.status, status)
        self.assertIn(says, str(caught.exception))

    def test_frames_of_the_command(self):
        frames, latents, report = self.pipeline.generate(REQUEST)
        of_command, latents_of_command, its_report = video_of_command(**REQUEST)
        self.assertEqual(frames.shape, (6, 16, 24, 3))
        self.assertEqual(frames.dtype, numpy.uint8)
        self.assertGreater(frames.std(), 1)
        numpy.testing.assert_array_equal(frames, of_command)
        numpy.testing.assert_array_equal(latents, latents_of_command[0])
        for key in ("prompt", "seed", "num_iters", "filter", "unet_calls", "completed_passes", "backend"):
            self.assertEqual(report[key], its_report[key], key)
        self.assertGreater(report["seconds"]["decode"], 0)

    def test_the_report_of_the_command_is_a_request(self):
        settings = {"num_iters": 3, "filter": "gaussian", "guidance_interval": [0.1, 0.9], "profile": "official"}
        frames, _, report = self.pipeline.generate({**REQUEST, **settings})
        known = self.freeinit.bundle_info(BUNDLE)["recommended"]
        again = {key: value for key, value in report.items() if key in known or key in settings}
        numpy.testing.assert_array_equal(self.pipeline.generate(again)[0], frames)

    def test_latents_come_back_as_noise(self):
        noise = numpy.random.default_rng(0).standard_normal((4, 6, 8, 12), dtype=numpy.float32)
        one = self.pipeline.generate(REQUEST, initial_noise=noise)
        other = self.pipeline.generate(REQUEST)
        self.assertFalse(numpy.array_equal(one[1], other[1]))

    def test_a_clip(self):
        pixels = numpy.arange(6 * 30 * 40 * 3, dtype=numpy.uint8).reshape(6, 30, 40, 3)
        frames, _, report = self.pipeline.generate({**REQUEST, "strength": 0.5}, clip=pixels)
        self.assertEqual(frames.shape, (6, 16, 24, 3))
        self.assertEqual(report["calls_per_pass"], [[2, 2]])
        for wrong in (pixels[0], pixels / 255, pixels[..., :2]):
            with self.assertRaisesRegex(ValueError, r"expected uint8 \[frames,height,width,3\]"):
                self.pipeline.generate(REQUEST, clip=wrong)

    def test_what_is_seen_on_the_way(self):
        steps, passes = [], []
        self.pipeline.generate(
            REQUEST,
            on_progress=lambda at: steps.append((at.phase, at.step)),
            on_pass=lambda latents: passes.append(latents.array()))
        self.assertEqual([step for phase, step in steps if phase == "denoise"], [0, 1, 2, 3, 4] * 2)
        self.assertEqual(len(passes), 2)
        self.assertFalse(numpy.array_equal(*passes))

    def test_cancelling_from_a_callback(self):
        _, _, report = self.pipeline.generate(REQUEST, on_pass=lambda _: True)
        self.assertTrue(report["cancelled"])
        self.assertEqual(report["completed_passes"], 1)
        self.fails(130, "on_frame", REQUEST, on_frame=lambda _: True)

    def test_exceptions_of_callbacks_come_out(self):
        def fail(*_):
            raise KeyError("mine")

        for name in ("on_progress", "on_pass", "on_frame", "on_log"):
            with self.subTest(name), self.assertRaisesRegex(KeyError, "mine"):
                self.pipeline.generate({**REQUEST, "num_frames": 12}, **{name: fail})  # a size that is warned of
        with self.assertRaisesRegex(KeyError, "mine"):
            self.freeinit.load(BUNDLE, on_progress=fail)
        self.pipeline.generate(REQUEST, on_frame=lambda frame: frame.index)  # True alone ends a run

    def test_ctrl_c(self):
        """It comes while a network is called, where no line of Python runs."""
        handler = signal.getsignal(signal.SIGINT)
        timer = threading.Timer(0.001, os.kill, (os.getpid(), signal.SIGINT))
        with self.assertRaises(KeyboardInterrupt):
            self.pipeline.generate({**REQUEST, "num_frames": 64, "num_inference_steps": 200},
                                   on_log=lambda *_: timer.start() if timer.ident is None else None)
        self.assertIs(signal.getsignal(signal.SIGINT), handler)

    def test_text_and_paths_of_options(self):
        pipeline = self.freeinit.load(pathlib.Path(BUNDLE), device="cpu", backend="torchscript", dtype=None)
        self.assertEqual(pipeline.info()["backend"], "torchscript")

    def test_the_first_of_several_videos(self):
        seen = []
        frames, latents, _ = self.pipeline.generate({**REQUEST, "num_videos": 2})
        alone = self.pipeline.generate(REQUEST)
        numpy.testing.assert_array_equal(frames, alone[0])
        numpy.testing.assert_array_equal(latents, alone[1])
        self.pipeline.generate({**REQUEST, "num_videos": 2}, on_frame=lambda frame: seen.append(frame.video))
        self.assertEqual(seen, [0] * 6 + [1] * 6)

    def test_the_program_of_the_page(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "build/prefix").mkdir(parents=True)
            (pathlib.Path(folder) / "build/prefix/lib").symlink_to(pathlib.Path(os.environ["FREEINIT_C"]).parent)
            (pathlib.Path(folder) / "models").symlink_to(HERE.parents[1] / "models")
            subprocess.run([sys.executable, HERE / "shortest.py"], cwd=folder, check=True, timeout=300)
            frames = numpy.load(pathlib.Path(folder) / "circle.npy")
        size = json.loads((HERE.parents[1] / "models/shapes/manifest.json").read_text())["recommended"]
        shape = (size["num_frames"], size["height"], size["width"], 3)
        self.assertEqual((frames.shape, frames.dtype), (shape, numpy.uint8))

    def test_threads_wait_briefly(self):
        """Of a program that sets nothing. OpenMP itself says what it has read."""
        environment = {**os.environ, "OMP_DISPLAY_ENV": "VERBOSE"}
        for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS"):
            environment.pop(name, None)
        done = subprocess.run([sys.executable, "-c", "import os, freeinit_ctypes\n"
                               "freeinit_ctypes.Library(os.environ['FREEINIT_C'])"],
                              env=environment, capture_output=True, text=True, timeout=300)
        self.assertIn("GOMP_SPINCOUNT = '1000'", done.stderr)

    def test_misspelt_options(self):
        with self.assertRaisesRegex(TypeError, "'devic': unknown option; expected one of user_data, .*device"):
            self.freeinit.load(BUNDLE, devic="cpu")

    def test_options_that_are_none(self):
        frames, _, _ = self.pipeline.generate(REQUEST, on_frame=None, on_pass=None, clip=None)
        self.assertIsNone(frames)

    def test_errors(self):
        self.fails(2, "number of frames '0'", {**REQUEST, "num_frames": 0})
        self.fails(2, "did you mean 'prompt'?", {"promt": "a cat"})
        self.fails(2, "'prompt' is missing", {})
        with self.assertRaises(FreeInitError) as caught:
            self.freeinit.load("/nowhere")
        self.assertEqual(caught.exception.status, 3)

    def test_two_threads(self):
        alone = {seed: self.pipeline.generate({**REQUEST, "seed": seed})[0] for seed in (1, 2)}
        together = {}

        def make(seed):
            together[seed] = self.pipeline.generate({**REQUEST, "seed": seed})[0]

        threads = [threading.Thread(target=make, args=(seed,)) for seed in alone]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for seed, frames in alone.items():
            numpy.testing.assert_array_equal(together[seed], frames)

    def test_info(self):
        info = self.pipeline.info()
        self.assertEqual(info["device"], "cpu")
        self.assertEqual(info["manifest"], json.loads((pathlib.Path(BUNDLE) / "manifest.json").read_text()))


if __name__ == "__main__":
    unittest.main()
