"""Pictures to look at in place of the video: --preview and --compare."""

import json
import struct
import subprocess
import time

from pictures import GAP, WHITE, part, read_png
from support import COMMAND, CommandTest, png_size, write_tensor


class PictureTest(CommandTest):
    def setUp(self):
        super().setUp()
        own = self.manifest["recommended"]
        self.count, self.height, self.width = own["num_frames"], own["height"], own["width"]

    def frames(self, folder):
        return [read_png(path) for path in sorted((self.folder / folder).iterdir())]

    def frame_of(self, picture, row, column, above=0, cell=None):
        """`above`: pixels over the frames of a row; `cell`: how wide a place is."""
        top = GAP + row * (above + self.height + GAP) + above
        return part(picture, top, GAP + column * ((cell or self.width) + GAP), self.height, self.width)


class Preview(PictureTest):
    def assert_shows(self, picture, frames):
        columns = next(side for side in range(1, 99) if side * side >= len(frames))
        rows = -(-len(frames) // columns)
        self.assertEqual((len(picture), len(picture[0])),
                         (GAP + rows * (self.height + GAP), GAP + columns * (self.width + GAP)))
        for i, frame in enumerate(frames):
            self.assertEqual(self.frame_of(picture, i // columns, i % columns), frame, i)
        self.assertEqual(set(picture[0]) | set(picture[-1]), {WHITE})

    def test_shows_every_frame(self):
        for options in ((), ("--save-passes", "passes"), ("--save-frames", "f.safetensors"),
                        ("--decode-chunk-size", 3)):
            with self.subTest(options):
                done = self.succeeds("generate", "x", "--num-inference-steps", 2, "--seed", 3, "-o", "frames/",
                                     "--preview", "sheet.png", *options)
                self.assertIn("wrote sheet.png\n", done.stderr)
                self.assert_shows(read_png(self.folder / "sheet.png"), self.frames("frames"))

    def test_a_last_row_may_be_short(self):
        self.generate("--num-frames", 5, "-o", "frames/", "--preview", "sheet.png")
        picture = read_png(self.folder / "sheet.png")
        self.assert_shows(picture, self.frames("frames"))
        self.assertEqual(set(sum(self.frame_of(picture, 1, 2), [])), {WHITE})

    def test_of_several_videos(self):
        self.generate("--num-videos", 2, "--seed", 5, "-o", "frames/", "--save-latents", "z.safetensors",
                      "--preview", "sheet.png")
        self.succeeds("decode", "z.safetensors", "-o", "later/", "--preview", "decoded.png")
        for i in range(2):
            self.assert_shows(read_png(self.folder / f"sheet_{i}.png"), self.frames(f"frames_{i}"))
            self.assertEqual((self.folder / f"decoded_{i}.png").read_bytes(),
                             (self.folder / f"sheet_{i}.png").read_bytes())

    def test_large_frames_are_shrunk(self):
        self.generate("--width", 1024, "-o", "frames/", "--preview", "sheet.png")
        self.assertEqual(png_size(self.folder / "sheet.png"), (2 + 2 * 1023, 2 + 2 * 18))
        for frame in self.frames("frames"):
            self.assertEqual(len(frame[0]), 1024)

    def test_long_clips_show_some_frames(self):
        scale = self.manifest["vae"]["spatial_scale"]
        shape = [1, self.manifest["vae"]["latent_channels"], 402, 4, 4]
        count = shape[1] * shape[2] * 16
        write_tensor(self.folder / "z.safetensors", shape, [i % 1013 / 506 - 1 for i in range(count)])
        self.succeeds("decode", "z.safetensors", "-o", "frames/", "--preview", "sheet.png")
        self.height = self.width = 4 * scale
        picture = read_png(self.folder / "sheet.png")
        self.assertEqual(len(picture), GAP + 20 * (self.height + GAP))
        frames = self.frames("frames")
        for place, number in ((0, 0), (399, 401)):
            self.assertEqual(self.frame_of(picture, place // 20, place % 20), frames[number])

    def test_a_video_that_is_done_stays(self):
        run = ["--seed", 5, "--num-iters", 1, "-o", "frames/"]
        self.generate(*run, "--checkpoint", "kept")
        self.overwrites = False
        done = self.succeeds("generate", "--resume", "kept", "--preview", "sheet.png")
        self.assertIn("kept frames/\nwrote sheet.png\n", done.stderr)
        self.assert_shows(read_png(self.folder / "sheet.png"), self.frames("frames"))

    def test_refused_before_a_network_is_read(self):
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()
        run = ("generate", "x", "--bundle", bundle)
        self.fails(2, *run, "--preview", "sheet.jpg", says=["'sheet.jpg'", "expected .png"])
        self.fails(2, *run, "-o", "frames/", "--preview", "frames/sheet.png", says="two outputs")
        self.fails(2, *run, "--save-passes", "p", "--preview", "p/pass_1.png", says="two outputs")
        self.fails(6, *run, "--preview", "none/sheet.png", says="none")
        (self.folder / "sheet_1.png").touch()
        self.overwrites = False
        self.fails(2, *run, "--num-videos", 2, "--preview", "sheet.png", says=["sheet_1.png", "--overwrite"])


class Compare(PictureTest):
    RUN = ("generate", "a red circle", "--num-inference-steps", 2, "--seed", 3)
    CAPTION = 15  # pixels above each frame
    CELL = 35  # small frames have room for "pass 1"
    MARGIN = 4  # above the caption
    INK = (40, 40, 40)

    def frames_of_pass(self, picture, row):
        return [self.frame_of(picture, row, i, self.CAPTION, self.CELL) for i in range(self.count)]

    def label(self, picture, row):
        return part(picture, GAP + row * (self.CAPTION + self.height + GAP) + self.MARGIN, GAP, 9, self.CELL)

    def score(self, name):
        return json.loads(self.succeeds("score", name, "--json").stdout)["scores"][0]

    def test_a_row_for_each_pass(self):
        self.succeeds(*self.RUN, "--num-iters", 1, "-o", "plain/")
        for options in ((), ("--save-passes", "passes"), ("--save-frames", "f.safetensors"), ("--preview", "p.png")):
            with self.subTest(options):
                done = self.succeeds(*self.RUN, "--num-iters", 2, "-o", "frames/", "--compare", "c.png", *options)
                self.assertIn("wrote c.png\n", done.stderr)
                picture = read_png(self.folder / "c.png")
                self.assertEqual((len(picture), len(picture[0])),
                                 (GAP + 2 * (self.CAPTION + self.height + GAP), GAP + self.count * (self.CELL + GAP)))
                self.assertEqual(self.frames_of_pass(picture, 0), self.frames("plain"))
                self.assertEqual(self.frames_of_pass(picture, 1), self.frames("frames"))
                self.assertNotEqual(self.frames("plain"), self.frames("frames"))

    def test_labels(self):
        self.succeeds(*self.RUN, "--num-iters", 2, "-o", "frames/", "--compare", "c.png")
        picture = read_png(self.folder / "c.png")
        one, two = (self.label(picture, row) for row in range(2))
        self.assertEqual(set(sum(one + two, [])), {self.INK, WHITE})
        shown = ["".join("#" if pixel == self.INK else "." for pixel in row) for row in one]
        self.assertEqual(shown[2][:23], "####...###...####..####")  # of "pass"
        self.assertEqual([row[30:] for row in shown],
                         ["..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###.", ".....", "....."])
        self.assertEqual([row[:30] for row in one], [row[:30] for row in two])
        self.assertNotEqual(one, two)

    def test_some_frames_of_many(self):
        self.count = 8
        self.succeeds(*self.RUN, "--num-iters", 1, "--num-frames", 12, "-o", "frames/", "--compare", "c.png")
        frames = self.frames("frames")
        self.assertEqual(self.frames_of_pass(read_png(self.folder / "c.png"), 0),
                         [frames[i * 11 // 7] for i in range(8)])

    def test_as_a_video(self):
        for passes in (1, 3):
            self.succeeds(*self.RUN, "--num-iters", passes, "-o", "a.mp4", "--compare", "c.gif")
            gif = (self.folder / "c.gif").read_bytes()
            self.assertEqual(struct.unpack("<HH", gif[6:10]),
                             (GAP + passes * (self.CELL + GAP), 2 * GAP + self.CAPTION + self.height))
            self.assertEqual(gif.count(b"\x21\xf9\x04"), self.count)  # headers of frames
        for name in ("c.mp4", "c.webm", "c.mkv"):
            self.succeeds(*self.RUN, "--num-iters", 2, "-o", "a.mp4", "--compare", name)
            self.assertEqual(self.score(name)["num_frames"], self.count)
            self.assertIn(b"a red circle", (self.folder / name).read_bytes())
        self.fails(4, "replay", "c.mp4", says="says nothing of how it was made")
        self.succeeds(*self.RUN, "--num-iters", 2, "-o", "a.mp4", "--compare", "c.mp4", "--no-metadata")
        self.assertNotIn(b"a red circle", (self.folder / "c.mp4").read_bytes())

    def test_the_video_shows_what_the_picture_does(self):
        self.succeeds(*self.RUN, "--num-iters", 2, "-o", "a.mp4", "--compare", "c.png")
        self.succeeds(*self.RUN, "--num-iters", 2, "-o", "a.mp4", "--compare", "c.mkv")  # to the bit
        picture = read_png(self.folder / "c.png")
        values = []
        for i in range(self.count):
            shown = [[WHITE] * (GAP + 2 * (self.CELL + GAP)) for _ in range(2 * GAP + self.CAPTION + self.height)]
            for row in range(2):
                for top, piece in ((GAP + self.MARGIN, self.label(picture, row)),
                                   (GAP + self.CAPTION, self.frames_of_pass(picture, row)[i])):
                    for y, line in enumerate(piece):
                        left = GAP + row * (self.CELL + GAP)
                        shown[top + y][left:left + len(line)] = line
            values += [number / 255 for line in shown for pixel in line for number in pixel]
        write_tensor(self.folder / "c.safetensors", [self.count, len(shown), len(shown[0]), 3], values)
        video, expected = self.score("c.mkv"), self.score("c.safetensors")
        for figure in ("motion_energy", "temporal_consistency", "adjacent_consistency"):
            self.assertAlmostEqual(video[figure], expected[figure], places=6)

    def test_of_several_videos(self):
        self.succeeds(*self.RUN, "--num-iters", 2, "--num-videos", 2, "-o", "frames/", "--compare", "c.png")
        for i in range(2):
            picture = read_png(self.folder / f"c_{i}.png")
            self.assertEqual(len(picture), GAP + 2 * (self.CAPTION + self.height + GAP))
            self.assertEqual(self.frames_of_pass(picture, 1), self.frames(f"frames_{i}"))

    def test_every_pass_is_decoded_once(self):
        for options in ((), ("--save-passes", "run"), ("--preview", "p.png")):
            report = self.generate("-o", "a.gif", "--num-iters", 2, "--compare", "c.png", "--trace", "t.json", *options)
            events = json.loads((self.folder / "t.json").read_text())["traceEvents"]
            chunks = -(-report["num_frames"] // report["decode_chunk_size"])
            self.assertEqual(len([event for event in events if event["cat"] == "decode"]), 2 * chunks, options)

    def test_the_passes_of_a_run_that_was_stopped(self):
        process = subprocess.Popen(
            [COMMAND, "generate", "x", "--num-inference-steps", "200", "--num-iters", "50", "-o", "frames/",
             "--compare", "c.png", "--save-passes", "passes", "--json"],
            cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        while not (self.folder / "passes/pass_2.safetensors").exists():
            self.assertIsNone(process.poll(), "ended by itself")
            time.sleep(0.002)
        process.terminate()
        stdout, stderr = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 143, stderr)
        done = json.loads(stdout)["completed_passes"]
        self.assertLess(done, 50)
        self.CELL += 6  # room for "pass 50"
        picture = read_png(self.folder / "c.png")
        self.assertEqual(len(picture), GAP + done * (self.CAPTION + self.height + GAP))
        self.assertEqual(self.frames_of_pass(picture, done - 1), self.frames("frames"))

    def test_refused_before_a_network_is_read(self):
        self.succeeds(*self.RUN, "--num-iters", 1, "-o", "a.gif", "--checkpoint", "kept")
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()
        run = ("generate", "x", "--bundle", bundle, "-o", "v.gif")
        for options, says in ((("--compare", "c.avi"), ["'c.avi'", "expected .png, .mp4, .webm, .gif, .webp, .mov or .mkv"]),
                              (("--compare", "c/"), "expected .png, .mp4"),
                              (("--compare", "v.gif"), "two outputs"),
                              (("--compare", "c.png", "--preview", "./c.png"), "two outputs"),
                              (("--compare", "c.png", "--num-iters", 65), ["65 passes", "at most 64"])):
            with self.subTest(options):
                self.fails(2, *run, *options, says=says)
        self.fails(2, *run[:-1], "v.mp4", "--compare", "c.gif", "--fps", 60, says="frames per second of a GIF")
        self.fails(2, "generate", "--resume", "kept", "--compare", "c.png", says="passes that were complete before")
        (self.folder / "c_1.mp4").touch()
        self.overwrites = False
        self.fails(2, *run, "--num-videos", 2, "--compare", "c.mp4", says=["c_1.mp4", "--overwrite"])

    def test_memory_is_reckoned_with(self):
        """The frames of all passes are kept while the next one runs."""
        side, passes = 512, 4
        run = ("generate", "x", "--num-iters", passes, "--height", side, "--width", side, "--dry-run", "--json")
        before, after = (json.loads(self.succeeds(*run, *options).stdout)["memory"]["denoise"]
                         for options in ((), ("--compare", "c.mkv")))
        self.assertGreater(after - before, 0.9 * passes * self.count * side * side * 3)
