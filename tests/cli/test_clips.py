"""Clips, folders of pictures, and latents as other programs write them; docs/files.md names the tests."""

import ast
import json
import math
import pathlib
import re
import struct
import unittest

from support import CommandTest, read_tensor

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARKER = "latent_format_version_0"


def write_tensors(path, tensors):
    """tensors: {name: (dtype, shape, bytes)}."""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def floats(*shape, scale=1.0):
    values = [scale * math.sin(i) for i in range(math.prod(shape))]
    return "F32", list(shape), struct.pack(f"<{len(values)}f", *values)


def write_y4m(path, frames, rate):
    """Frame t is gray with a brighter left half."""
    data = f"YUV4MPEG2 W16 H16 F{rate} Ip A1:1 C444\n".encode()
    for t in range(frames):
        data += b"FRAME\n" + bytes([100 + t] * 8 + [60] * 8) * 16 + bytes([128]) * 512
    pathlib.Path(path).write_bytes(data)


class Clips(CommandTest):
    def test_a_folder_of_frames_is_read_by_every_command(self):
        self.generate("--seed", 1, "--num-iters", 1, "-o", "frames/", "--save-frames", "f.safetensors")
        rows = [json.loads(self.succeeds("score", path, "--json").stdout)["scores"][0]
                for path in ("frames/", "frames", "frames/frame_%05d.png")]
        self.assertEqual(len({json.dumps({**row, "clip": ""}) for row in rows}), 1)
        exact = json.loads(self.succeeds("score", "f.safetensors", "--json").stdout)["scores"][0]
        self.assertAlmostEqual(rows[0]["motion_energy"], exact["motion_energy"], places=4)
        self.succeeds("analyze", "frames/")
        self.generate("--num-iters", 1, "-o", "b.gif", "--init-video", "frames/")
        self.fails(2, "score", "frames/", "--fps", 8, says="have no times")

    def test_another_rate_than_the_model_s_is_noted(self):
        write_y4m(self.folder / "fast.y4m", 40, "60:1")
        start = ("generate", "x", "--num-inference-steps", 1, "--num-iters", 1, "--fps", 8, "-o", "a.gif",
                 "--init-video", "fast.y4m")
        done = self.succeeds(*start)
        self.assertIn("'fast.y4m': has 60 frames per second, the model 8; frames are taken by number, "
                      "with --init-fps 8 by time", done.stderr)
        self.assertNotIn("frames per second", self.succeeds(*start, "--init-fps", 8).stderr)
        self.fails(2, *start, "--init-fps", 0, says="--init-fps")
        self.fails(2, *start, "--init-stream", 1, says="holds 1 video streams")
        self.assertIn("with --fps 8 by time",
                      self.succeeds("analyze", "fast.y4m").stderr.replace(
                          f"--fps {self.manifest['recommended']['fps']:g} by", "--fps 8 by"))


class Latents(CommandTest):
    def init(self, file):
        self.generate("--seed", 3, "--num-iters", 1, "-o", "a.gif", "--save-latents", "z.safetensors",
                      "--init-latents", file)
        return read_tensor(self.folder / "z.safetensors")[2]

    def setUp(self):
        super().setUp()
        self.generate("--seed", 3, "--num-iters", 1, "-o", "a.gif", "--save-latents", "shape.safetensors")
        _, (_, self.channels, self.frames, self.h, self.w), _ = read_tensor(self.folder / "shape.safetensors")

    def write(self, name, frames_first=False, scale=1.0, **others):
        """The same numbers in each form."""
        c, f, h, w = self.channels, self.frames, self.h, self.w
        value = lambda k, t, p: scale * math.sin(k * 31 + t * 7 + p)
        outer = [(k, t) for t in range(f) for k in range(c)] if frames_first else [
            (k, t) for k in range(c) for t in range(f)]
        values = [value(k, t, p) for k, t in outer for p in range(h * w)]
        shape = [f, c, h, w] if frames_first else [c, f, h, w]
        others = {key: ("F32", [0], b"") if other is None else other for key, other in others.items()}
        write_tensors(self.folder / name.split(":")[0],
                      {**others, (name.split(":") + ["x"])[1]:
                       ("F32", shape, struct.pack(f"<{len(values)}f", *values))})

    def five(self, name):
        path = self.folder / name
        data = path.read_bytes()
        text = data[8:8 + struct.unpack("<Q", data[:8])[0]].replace(b'"shape": [', b'"shape": [1, ')
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + len(text) - 3:])

    def test_latents_of_four_dimensions(self):
        self.write("c.safetensors")
        self.write("f.safetensors", frames_first=True)
        self.write("five.safetensors")
        self.five("five.safetensors")
        expected = self.init("five.safetensors")
        if self.channels != self.frames:
            for name in ("c.safetensors", "f.safetensors"):
                self.assertEqual(self.init(name), expected, name)
        write_tensors(self.folder / "both.safetensors", {"x": floats(4, 4, 2, 2)})
        write_tensors(self.folder / "none.safetensors", {"x": floats(5, 6, 2, 2)})
        write_tensors(self.folder / "three.safetensors", {"x": floats(5, 6, 2)})
        for name in ("both", "none", "three"):
            self.fails(2, "score", f"{name}.safetensors", says=["has the shape [", "[B,C,F,h,w]"])
        write_tensors(self.folder / "g.safetensors", {"x": floats(6, 4, 2, 2)})
        (row,) = json.loads(self.succeeds("score", "g.safetensors", "--json").stdout)["scores"]
        self.assertEqual(row["num_frames"], 6)

    def test_latents_of_comfyui(self):
        factor = self.manifest["vae"]["scaling_factor"]
        self.write("five.safetensors")
        self.five("five.safetensors")
        expected = self.init("five.safetensors")
        self.write("a.latent:latent_tensor", frames_first=True, scale=1 / factor, **{MARKER: None})
        self.write("b.latent:latent_tensor", frames_first=True, scale=0.18215 / factor)
        for name in ("a.latent", "b.latent", "a.latent:latent_tensor"):
            for got, wanted in zip(self.init(name), expected):
                self.assertAlmostEqual(got, wanted, places=3)
        self.succeeds("score", "a.latent")

    def saved(self, name):
        self.generate("--num-iters", 1, "--seed", 3, "--no-metadata", "--save-latents", name)
        self.succeeds("decode", name, "-o", "frames/")
        return [path.read_bytes() for path in sorted((self.folder / "frames").iterdir())]

    def test_numpy_files_go_round(self):
        self.assertEqual(self.saved("a.npy"), self.saved("a.safetensors"))
        _, shape, numbers = read_tensor(self.folder / "a.safetensors")
        header, _, data = (self.folder / "a.npy").read_bytes()[10:].partition(b"\n")
        self.assertEqual(ast.literal_eval(header.decode()), {"descr": "<f4", "fortran_order": False, "shape": tuple(shape)})
        self.assertEqual(struct.unpack(f"<{len(numbers)}f", data), tuple(numbers))
        self.fails(2, "generate", "x", "--save-frames", "a.latent", says="expected .safetensors, .npy, DIR/")

    def test_latents_for_comfyui(self):
        self.saved("a.safetensors")
        self.saved("a.latent")
        _, (_, channels, frames, height, width), numbers = read_tensor(self.folder / "a.safetensors")
        _, shape, stored = read_tensor(self.folder / "a.latent", "latent_tensor")
        self.assertEqual(list(shape), [frames, channels, height, width])
        factor, size = self.manifest["vae"]["scaling_factor"], height * width
        for frame in range(frames):
            for channel in range(channels):
                ours = numbers[(channel * frames + frame) * size:][:size]
                theirs = stored[(frame * channels + channel) * size:][:size]
                for one, other in zip(ours, theirs):
                    self.assertAlmostEqual(one / factor, other, places=4)
        self.assertEqual(read_tensor(self.folder / "a.latent", MARKER)[1:], ([0], []))
        self.fails(2, "generate", "x", "--num-videos", 2, "--save-latents", "b.latent", says="the latents of one video")

    def test_one_of_several_tensors(self):
        write_tensors(self.folder / "two.safetensors",
                      {"a": floats(1, 4, 3, 2, 2), "b": floats(1, 4, 5, 2, 2), "empty": ("F32", [0], b"")})
        for name, frames in (("a", 3), ("b", 5)):
            (row,) = json.loads(self.succeeds("score", f"two.safetensors:{name}", "--json").stdout)["scores"]
            self.assertEqual(row["num_frames"], frames)
        self.fails(2, "score", "two.safetensors", says=["holds 2 tensors", "two.safetensors:NAME", "a, b"])
        self.fails(3, "score", "two.safetensors:c", says="the file holds: a, b")
        self.fails(2, "generate", "x", "--init-noise", "two.safetensors", says="two.safetensors:NAME")

    def test_dtypes_that_are_not_read(self):
        for dtype, size in (("I64", 8), ("F8_E4M3", 1), ("F4", 0.5), ("C64", 8)):
            write_tensors(self.folder / "t.safetensors",
                          {"x": (dtype, [1, 4, 2, 2, 2], bytes(int(32 * size)))})
            for command in (("score",), ("generate", "x", "-o", "a.gif", "--init-latents")):
                self.fails(5, *command, "t.safetensors", says="is not read")


class Table(unittest.TestCase):
    def test_every_row_of_the_table_of_files_is_tested(self):
        page = (ROOT / "docs/files.md").read_text()
        tests = "".join((ROOT / "tests" / name).read_text() for name in (
            "io/ffmpeg_clip_test.cpp", "io/foreign_file_test.cpp", "cli/test_clips.py", "cli/test_analysis.py"))
        rows = [line for line in page.splitlines() if line.startswith("| ") and not line.endswith("| test |")]
        self.assertGreater(len(rows), 20)
        for row in rows:
            names = re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])
            self.assertTrue(names, row)
            for name in names:
                self.assertTrue(re.search(rf'"{name}"|, {name}\)|def {name}\(', tests), name)
