"""Pictures to look at in place of the video: --preview."""

import struct
import zlib

from support import CommandTest, png_size, write_tensor

GAP = 2  # pixels around each frame of a picture
WHITE = (255, 255, 255)


def read_png(path):
    """The pixels of an RGB picture of 8 bits: rows of (r, g, b)."""
    data = path.read_bytes()
    width, height = png_size(path)
    assert data[24:26] == b"\x08\x02", data[24:26]
    packed, place = b"", 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place:place + 4])
        if data[place + 4:place + 8] == b"IDAT":
            packed += data[place + 8:place + 8 + length]
        place += length + 12
    raw = zlib.decompress(packed)
    step, above, rows = width * 3 + 1, bytes(width * 3), []
    for y in range(height):
        kind, line = raw[y * step], bytearray(raw[y * step + 1:(y + 1) * step])
        for i, up in enumerate(above):
            left, corner = (line[i - 3], above[i - 3]) if i >= 3 else (0, 0)
            near = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
            line[i] = (line[i] + (0, left, up, (left + up) // 2, near)[kind]) % 256
        above = bytes(line)
        rows.append([tuple(line[i:i + 3]) for i in range(0, len(line), 3)])
    return rows


def part(rows, top, left, height, width):
    return [row[left:left + width] for row in rows[top:top + height]]


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
