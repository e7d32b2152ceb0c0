"""--preview-every: the picture of --preview while the run goes, from the manifest's map to colours."""

import ctypes
import json
import os
import struct
import subprocess
import time

from pictures import GAP, part, read_png
from support import CommandTest, png_size, read_tensor

FACTORS = [[0.3, 0.1, -0.2], [0.0, 0.25, 0.1], [-0.15, 0.2, 0.3], [0.1, -0.3, 0.05]]
BIAS = [0.1, -0.05, 0.2]
APPEARS = 0x100 | 0x80  # IN_CREATE, IN_MOVED_TO


class Appearances:
    """Which files of a folder appear or are replaced, in their order."""

    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self._queue = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._queue, os.fsencode(folder), APPEARS) > 0

    def names(self):
        data = os.read(self._queue, 1 << 20)
        names = []
        while data:
            *_, length = struct.unpack("iIII", data[:16])
            names.append(os.fsdecode(data[16:16 + length].rstrip(b"\0")))
            data = data[16 + length:]
        return [name for name in names if name[0] != "."]

    def close(self):
        os.close(self._queue)


class LivePreview(CommandTest):
    RUN = ("generate", "a red circle", "--seed", 3, "--num-inference-steps", 5)
    TWICE = (*RUN, "--num-iters", 2)

    def setUp(self):
        super().setUp()
        self.bundle = self.copy_of_bundle()
        self.put_preview({"latent_rgb_factors": FACTORS, "latent_rgb_bias": BIAS})

    def put_preview(self, preview):
        self.manifest["preview"] = preview
        (self.bundle / "manifest.json").write_text(json.dumps(self.manifest))

    def environment(self, **changes):
        return super().environment(FREEINIT_BUNDLE=str(self.folder / "bundle copy"), **changes)

    def start(self, *args):
        process = subprocess.Popen(self.line(args), cwd=self.folder, env=self.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def wait_for(self, process, *names):
        while not all((self.folder / name).exists() for name in names):
            self.assertIsNone(process.poll(), "ended by itself")
            time.sleep(0.002)

    def seen(self, *args):
        """The names that appeared in the folder, in their order."""
        watch = Appearances(self.folder)
        self.addCleanup(watch.close)
        self.done = self.succeeds(*args)
        return watch.names()

    def bytes_of(self, name):
        return (self.folder / name).read_bytes()

    def test_as_often_as_asked_and_the_last_one_is_the_video(self):
        self.succeeds(*self.TWICE, "-o", "plain.gif", "--preview", "sheet.png", "--no-metadata")
        for every, times in ((1, 10), (3, 3), (10, 1), (11, 0)):
            names = self.seen(*self.TWICE, "-o", "live.gif", "--preview-every", every, "--no-metadata")
            self.assertEqual(names, ["live.preview.png"] * times + ["live.gif", "live.preview.png"], every)
            self.assertIn("preview while it runs: live.preview.png\n", self.done.stderr)
            self.assertEqual(self.bytes_of("live.gif"), self.bytes_of("plain.gif"))
            self.assertEqual(self.bytes_of("live.preview.png"), self.bytes_of("sheet.png"))
        self.assertEqual(self.seen(*self.TWICE, "-o", "live/", "--preview", "p.png", "--preview-every", 5),
                         ["p.png", "p.png", "live", "p.png"])

    def picture_before_the_video(self, *options):
        """The last preview of the run: a pipe takes no video until somebody reads it."""
        os.mkfifo(self.folder / "pipe.gif")
        process = self.start(*self.RUN, "-o", "pipe.gif", "--num-iters", 1, "--preview-every", 5, *options)
        self.wait_for(process, "pipe.preview.png")
        picture = read_png(self.folder / "pipe.preview.png")
        self.assertIsNone(process.poll())
        self.bytes_of("pipe.gif")
        _, stderr = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, stderr)
        return picture

    def test_shows_the_prediction_by_the_map(self):
        picture = self.picture_before_the_video("--save-latents", "z.safetensors")
        _, (_, channels, frames, height, width), z = read_tensor(self.folder / "z.safetensors")
        scale, area = self.manifest["vae"]["spatial_scale"], height * width
        columns = next(side for side in range(1, 99) if side * side >= frames)
        for f in range(frames):
            top, left = (GAP + place * (side * scale + GAP)
                         for place, side in zip(divmod(f, columns), (height, width)))
            tile = sum(part(picture, top, left, height * scale, width * scale), [])
            for colour in range(3):
                means = [BIAS[colour] + sum(FACTORS[c][colour] * z[(c * frames + f) * area + i] for c in range(channels))
                         for i in range(area)]
                expected = sum(min(max((mean + 1) / 2, 0), 1) for mean in means) / area * 255
                self.assertAlmostEqual(sum(pixel[colour] for pixel in tile) / len(tile), expected, delta=1.5)

    def test_large_frames_are_shrunk_more_than_in_the_last_one(self):
        for side, live, last in ((32, 70, 70), (1024, 768, 2048)):
            picture = self.picture_before_the_video("--width", side, "--num-frames", 4)
            self.assertEqual(len(picture[0]), live)
            self.assertEqual(png_size(self.folder / "pipe.preview.png")[0], last)
            (self.folder / "pipe.gif").unlink()
            (self.folder / "pipe.preview.png").unlink()

    def test_videos_have_previews_of_their_own(self):
        names = self.seen(*self.TWICE, "-o", "a.gif", "--num-videos", 2, "--preview-every", 5)
        self.assertEqual(names, [name for i in range(2) for name in
                                 [f"a_{i}.preview.png"] * 2 + [f"a_{i}.gif", f"a_{i}.preview.png"]])

    def test_runs_that_go_on(self):
        self.overwrites = False
        self.succeeds(*self.RUN, "-o", "whole.gif", "--num-iters", 4)
        run = ("-o", "a.gif", "--preview-every", 4)
        self.succeeds(*self.TWICE, *run, "--checkpoint", "kept")
        (self.folder / "a.gif").unlink()  # as if it had been killed before: the preview stays
        names = self.seen("generate", "--resume", "kept", "--num-iters", 4, *run)
        self.assertEqual([name for name in names if name[0] == "a"],
                         ["a.preview.png"] * 3 + ["a.gif", "a.preview.png"])  # calls 12, 16 and 20
        self.assertEqual(self.bytes_of("a.gif"), self.bytes_of("whole.gif"))

    def test_what_cannot_be_written_is_a_warning(self):
        shown, away = self.folder / "shown", self.folder / "away"
        shown.mkdir()
        process = self.start("generate", "x", "--num-inference-steps", 100, "--num-iters", 50, "-o", "a.gif",
                             "--save-passes", "passes", "--preview", "shown/p.png", "--preview-every", 1)
        self.wait_for(process, "shown/p.png", "passes/pass_1.safetensors")
        shown.rename(away)
        lines = iter(process.stderr.readline, "")
        warning = next(line for line in lines if "warning" in line)
        time.sleep(0.1)  # for more of them
        away.rename(shown)
        process.terminate()
        rest = process.stderr.read()
        self.assertEqual(process.wait(), 143, rest)
        self.assertIn("the preview stays as it is", warning)
        self.assertNotIn("the preview stays", rest)
        self.assertIn("wrote shown/p.png\n", rest)

    def test_refused_before_a_network_is_read(self):
        (self.bundle / "unet.pt").unlink()
        run = ("generate", "x", "-o", "a.gif")
        for wrong in ("0", "-1", "1.5", "x"):
            self.fails(2, *run, f"--preview-every={wrong}", says="a whole number from 1 to 1000000")
        self.fails(6, *run, "--preview-every", 1, "--preview", "none/p.png", says="none")
        self.fails(6, "generate", "x", "-o", "/proc/a.gif", "--preview-every", 1, says="/proc")
        self.fails(2, *run, "--preview-every", 1, "--save-frames", "a.preview.png", says="expected .safetensors")
        self.fails(2, "generate", "x", "-o", "a/", "--preview-every", 1, "--trace", "a.preview.png", says="two outputs")
        (self.folder / "p.png").touch()
        self.overwrites = False
        self.fails(2, *run, "--preview-every", 1, "--preview", "p.png", says=["p.png", "--overwrite"])
        del self.manifest["preview"]
        (self.bundle / "manifest.json").write_text(json.dumps(self.manifest))
        self.fails(5, *run, "--preview-every", 1, says=["'preview'", "freeinit-export preview"])
