"""filter, reinit, tokenize and inspect."""

import hashlib
import json
import math
import os
import random
import unittest

from support import BUNDLE, CommandTest, png_size, read_tensor, write_tensor


class Filter(CommandTest):
    def figures(self, *args):
        return json.loads(self.succeeds("filter", "--json", *args).stdout)

    def test_figures_agree_with_the_written_mask(self):
        figures = self.figures("--shape", 5, 6, 8, "--filter", "gaussian", "--spatial-stop", 0.6,
                               "-o", "mask.safetensors")
        name, shape, mask = read_tensor(self.folder / "mask.safetensors")
        self.assertEqual((name, shape), ("mask", [5, 6, 8]))
        self.assertAlmostEqual(figures["kept_share"], sum(mask) / len(mask), places=6)
        self.assertEqual(figures["kept_bins"], sum(value >= 0.5 for value in mask))
        self.assertAlmostEqual(figures["dc"], mask[(2 * 6 + 3) * 8 + 4], places=6)
        self.assertGreater(figures["symmetry_error"], 0)  # the official mask at an odd size
        settings = json.loads(self.succeeds("inspect", "mask.safetensors").stdout)
        self.assertEqual((settings["filter"], settings["spatial_stop"], settings["order"]), ("gaussian", 0.6, 4))

    def test_variance_is_that_of_the_mix(self):
        # Where the mask is m, the mix of two unit variances has m^2 + (1 - m)^2.
        figures = self.figures("--shape", 4, 4, 4, "--filter", "gaussian", "-o", "m.safetensors")
        mask = read_tensor(self.folder / "m.safetensors")[2]
        expected = sum(m * m + (1 - m) ** 2 for m in mask) / len(mask)
        self.assertEqual(figures["symmetry_error"], 0)  # so that m is what is applied
        self.assertAlmostEqual(figures["variance_kept"], expected, places=6)

    def test_known_shares(self):
        # The published figures of the four filters at 16x64x64 and a stop frequency of 1/4.
        for method, share in (("butterworth", 0.0104), ("gaussian", 0.031), ("ideal", 0.185)):
            figures = self.figures("--shape", 16, 64, 64, "--filter", method)
            self.assertAlmostEqual(figures["kept_share"], share, delta=0.0005)
        strict = self.figures("--shape", 16, 64, 64, "--filter", "ideal", "--filter-variant", "strict")
        self.assertAlmostEqual(strict["kept_share"], 0.0075, delta=0.0005)
        self.assertEqual(strict["symmetry_error"], 0)

    def test_table(self):
        shown = self.succeeds("filter", "--shape", 16, 8, 8).stdout
        for name in ("kept share", "kept bins", "variance kept", "symmetry error", "value at DC"):
            self.assertIn(name, shown)

    def test_json_of_a_path_that_is_not_utf_8(self):
        done = self.succeeds("filter", "--shape", 2, 2, 2, "--json",
                             "-o", os.fsdecode(b"m\xff.png"))
        self.assertEqual(json.loads(done.stdout)["output"], "m\ufffd.png")

    def test_picture_is_readable_at_real_size(self):
        self.figures("--shape", 16, 8, 8, "-o", "mask.png")
        width, height = png_size(self.folder / "mask.png")
        self.assertGreaterEqual(width, 16 * 64)  # side by side, each magnified
        self.assertLess(width, 2000)
        self.assertGreaterEqual(height, 64)
        self.figures("--shape", 16, 200, 300, "-o", "large.png")
        self.assertLess(png_size(self.folder / "large.png")[0], 2000)  # several rows

    def test_bad_input(self):
        self.fails(2, "filter", "--shape", 0, 8, 8, says="0")
        self.fails(2, "filter", "--shape", 16, 8, says="--shape")
        self.fails(2, "filter", "--shape", 1000000, 1000000, 1000000, says="10^9")
        self.fails(2, "filter", "--shape", 4, 4, 4, "-o", "m.jpg", says=".jpg")
        self.fails(6, "filter", "--shape", 4, 4, 4, "-o", "none/m.png", says="none")
        self.fails(2, "filter", "--shape", 4, 4, 4, "--spatial-stop", "nan", says="nan")
        self.fails(2, "filter", "--shape", 4, 4, 4, "--filter", "sharp", says="sharp")

    def test_a_mask_and_a_filter_are_one_too_many(self):
        write_tensor(self.folder / "mask.safetensors", [2, 2, 2], [1.0] * 8)
        mask = ["--filter-mask", "mask.safetensors"]
        self.succeeds("filter", *mask)
        for option, value in (("--filter", "gaussian"), ("--order", 2), ("--spatial-stop", 0.5),
                              ("--temporal-stop", 0.5), ("--filter-variant", "strict"),
                              ("--filter-axes", "temporal")):
            self.fails(2, "filter", *mask, option, value, says=["mask.safetensors", "replaces"])
        self.fails(2, "generate", "x", *mask, "--order", 2, says="replaces")
        self.fails(2, "reinit", "--diffused", "d", "--fresh", "f", "-o", "o.safetensors", *mask,
                   "--order", 2, says="replaces")


class Reinit(CommandTest):
    SHAPE = [1, 2, 3, 4, 6]

    def tensor(self, name, seed):
        generator = random.Random(seed)
        values = [generator.gauss(0, 1) for _ in range(math.prod(self.SHAPE))]
        write_tensor(self.folder / name, self.SHAPE, values)
        return read_tensor(self.folder / name)[2]

    def result(self, *args):
        self.succeeds("reinit", "-o", "out.safetensors", *args)
        name, shape, values = read_tensor(self.folder / "out.safetensors")
        self.assertEqual((name, shape), ("noise", self.SHAPE))
        return values

    def assert_close(self, a, b, tolerance):
        self.assertLess(max(abs(x - y) for x, y in zip(a, b, strict=True)), tolerance)

    def test_nothing_is_kept_of_a_stop_frequency_of_zero(self):
        self.tensor("d.safetensors", 1)
        fresh = self.tensor("f.safetensors", 2)
        files = ["--diffused", "d.safetensors", "--fresh", "f.safetensors"]
        # Zero times anything added to fresh: equal to the last bit or two of float32.
        self.assert_close(self.result(*files, "--spatial-stop", 0), fresh, 1e-6)
        self.assertGreater(max(abs(x - y) for x, y in zip(self.result(*files), fresh)), 1e-2)

    def test_diffuses_sampled_latents_to_the_last_timestep(self):
        latents = self.tensor("z.safetensors", 1)
        noise = self.tensor("n.safetensors", 2)
        self.tensor("f.safetensors", 3)
        # diffusers' defaults: 1000 linear betas from .0001 to .02.
        log_alpha = sum(math.log1p(-(1e-4 + (0.02 - 1e-4) * t / 999)) for t in range(1000))
        alpha = math.exp(log_alpha)
        write_tensor(self.folder / "d.safetensors", self.SHAPE,
                     [math.sqrt(alpha) * z + math.sqrt(1 - alpha) * n
                      for z, n in zip(latents, noise)])
        sampled = ["--latents", "z.safetensors", "--noise", "n.safetensors"]
        fresh = ["--fresh", "f.safetensors"]
        expected = self.result("--diffused", "d.safetensors", *fresh)
        # float32 rounding of alpha, of the sum and of the FFTs.
        self.assert_close(self.result(*sampled, *fresh), expected, 1e-5)
        other = self.result(*sampled, *fresh, "--beta-end", 0.002)
        self.assertGreater(max(abs(x - y) for x, y in zip(other, expected)), 1e-3)
        self.result(*sampled, *fresh, "--bundle", BUNDLE)

    def test_bad_input(self):
        self.tensor("a.safetensors", 1)
        write_tensor(self.folder / "b.safetensors", [1, 2, 3], [0.0] * 6)
        a = "a.safetensors"
        out = ["-o", "out.safetensors"]
        self.fails(2, "reinit", "--fresh", a, *out, says="--diffused")
        self.fails(2, "reinit", "--fresh", a, "--latents", a, *out, says="--noise")
        self.fails(2, "reinit", "--fresh", a, "--diffused", a, "--latents", a, "--noise", a, *out,
                   says="either")
        self.fails(2, "reinit", "--fresh", a, "--diffused", a, "--beta-end", 0.1, *out,
                   says="--beta")
        self.fails(2, "reinit", "--fresh", "b.safetensors", "--diffused", a, *out,
                   says=["a.safetensors", "b.safetensors", "one shape"])
        self.fails(3, "reinit", "--fresh", "none.safetensors", "--diffused", a, *out, says="none")
        self.fails(2, "reinit", "--fresh", a, "--diffused", a, "-o", "out.txt", says=".npy")
        self.fails(6, "reinit", "--fresh", a, "--diffused", a, "-o", "none/o.safetensors",
                   says="none")
        self.fails(2, "reinit", "--fresh", a, "--latents", a, "--noise", a, "--beta-end", "nan",
                   *out, says="beta")


class Tokenize(CommandTest):
    TEXTS = ["a red circle", "", " \n\t", "naïve café", "红色的圆", "\U0001f980 crab", "a" * 500]

    def test_lines_are_as_single_texts(self):
        lines = "".join(json.dumps(text) + "\n" for text in self.TEXTS)
        (self.folder / "in.jsonl").write_text(lines)
        shown = self.succeeds("tokenize", "--input", "in.jsonl").stdout.splitlines()
        self.assertEqual(len(shown), len(self.TEXTS))
        spec = self.manifest["tokenizer"]
        for text, line in zip(self.TEXTS, shown):
            ids = json.loads(line)
            self.assertEqual(len(ids), spec["max_length"])
            self.assertEqual(ids[0], spec["bos_token_id"])
            self.assertIn(spec["eos_token_id"], ids)
            self.assertEqual(self.succeeds("tokenize", "--", text).stdout.strip(), line)
        self.assertEqual(self.succeeds("tokenize", "--input", "-", stdin=lines).stdout.splitlines(),
                         shown)

    def test_bad_input(self):
        self.fails(2, "tokenize", says="TEXT")
        self.fails(2, "tokenize", "x", "--input", "y", says="either")
        self.fails(3, "tokenize", "--input", "none.jsonl", says="none.jsonl")
        (self.folder / "in.jsonl").write_text("red\n")
        self.fails(4, "tokenize", "--input", "in.jsonl", says=["in.jsonl", "line 1"])

    def test_altered_vocabulary(self):
        bundle = self.copy_of_bundle()
        path = bundle / self.manifest["tokenizer"]["merges_file"]
        path.write_text(path.read_text().replace("e", "E", 1))
        self.fails(4, "tokenize", "x", "--bundle", bundle, says=["merges", "SHA-256"])


class Inspect(CommandTest):
    def test_a_stranger_does_not_steer_the_terminal(self):
        bundle = self.copy_of_bundle()
        path = bundle / "manifest.json"
        path.write_text(path.read_text().replace("closed-form", "\\u001b[2Jclosed-form \u6771"))
        shown = self.succeeds("inspect", bundle).stdout
        self.assertIn(" [2Jclosed-form \u6771", shown)
        done = self.run_command("inspect", self.folder / "\x1b[2J")
        self.assertNotIn("\x1b", shown + done.stderr)

    def test_json(self):
        shown = json.loads(self.succeeds("inspect", BUNDLE, "--json").stdout)
        self.assertEqual(shown["manifest"], self.manifest)
        self.assertTrue(all(shown["checks"].values()))
        for entry in shown["files"]:
            data = (BUNDLE / entry["path"]).read_bytes()
            self.assertEqual(entry["sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual(entry["bytes"], len(data))

    def test_table(self):
        shown = self.succeeds("inspect", BUNDLE).stdout
        self.assertIn(self.manifest["name"], shown)
        for name, record in self.manifest["files"].items():
            self.assertIn(record["sha256"], shown)
            self.assertIn(name, shown)


if __name__ == "__main__":
    unittest.main()
