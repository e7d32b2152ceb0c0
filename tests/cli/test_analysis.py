"""analyze, score, and generate with the noise of a real video."""

import json
import math
import os
import subprocess
import unittest

from support import BUNDLE, COMMAND, CommandTest, read_tensor, write_tensor

SOUND = os.path.join(os.path.dirname(__file__), "../fuzz/corpus/video/sound.wav")


def write_y4m(path, num_frames, width=16, height=16, level=lambda t: 60 + 10 * (t % 16)):
    """An uncompressed video; frame t is gray with a brighter left half."""
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F8:1 Ip A1:1 C420jpeg\n".encode())
        chroma = bytes([128]) * (width * height // 2)
        for t in range(num_frames):
            row = bytes([min(255, level(t) + 60)] * (width // 2) + [level(t)] * (width // 2))
            file.write(b"FRAME\n" + row * height + chroma)


class AnalysisTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.shape = [1, 4, 4, 8, 8]  # latents of the tiny bundle's recommended size
        write_y4m(self.folder / "clip.y4m", 8)

    def json_of(self, *args):
        return json.loads(self.succeeds(*args, "--json").stdout)

    def latents_of(self, *args):
        self.generate("--seed", 5, *args, "--save-latents", "out.safetensors")
        return read_tensor(self.folder / "out.safetensors")[2]


class Score(AnalysisTest):
    def test_of_a_still_video_is_perfect(self):
        write_y4m(self.folder / "still.y4m", 5, level=lambda t: 90)
        (row,) = self.json_of("score", "still.y4m")["scores"]
        self.assertEqual((row["space"], row["num_frames"]), ("pixels", 5))
        for key in ["temporal_consistency", "subject_consistency", "adjacent_consistency",
                    "temporal_flickering"]:
            self.assertAlmostEqual(row[key], 1, places=12)
        self.assertEqual(row["motion_energy"], 0)

    def test_follows_the_formulas_on_frames_from_a_file(self):
        frames = [[0.2] * 12, [0.4] * 12, [0.4] * 6 + [0.1] * 6]
        write_tensor(self.folder / "f.safetensors", [3, 2, 2, 3], sum(frames, []))
        (row,) = self.json_of("score", "f.safetensors")["scores"]
        cosine = 0.5 / math.sqrt(0.5 * (0.16 + 0.01)) / 2
        self.assertAlmostEqual(row["temporal_consistency"], (1 + cosine) / 2, places=6)
        self.assertAlmostEqual(row["temporal_flickering"], 1 - (0.2 + 0.15) / 2, places=6)
        self.assertAlmostEqual(row["motion_energy"], (0.04 + 0.045) / 2, places=6)

    def test_latents_have_no_flicker_and_several_files_a_mean(self):
        write_tensor(self.folder / "z.safetensors", [2, 4, 3, 2, 2], [math.sin(i) for i in range(96)])
        result = self.json_of("score", "z.safetensors", "clip.y4m")
        self.assertEqual([row["clip"] for row in result["scores"]],
                         ["z.safetensors[0]", "z.safetensors[1]", "clip.y4m"])
        self.assertNotIn("temporal_flickering", result["scores"][0])
        (mean,) = result["mean"]
        self.assertEqual(mean["space"], "latents")
        values = [row["motion_energy"] for row in result["scores"][:2]]
        self.assertAlmostEqual(mean["motion_energy"], sum(values) / 2)
        table = self.succeeds("score", "z.safetensors", "clip.y4m").stdout
        self.assertEqual(len(table.splitlines()), 5)

    def test_start_and_stride_choose_frames(self):
        write_y4m(self.folder / "blink.y4m", 9, level=lambda t: 50 + 100 * (t % 2))
        moving = self.json_of("score", "blink.y4m")["scores"][0]
        even = self.json_of("score", "blink.y4m", "--start", 1, "--stride", 2)["scores"][0]
        self.assertGreater(moving["motion_energy"], 0.01)
        self.assertEqual((even["num_frames"], even["motion_energy"]), (4, 0))

    def test_ten_thousand_frames_are_cut_and_never_held(self):
        size = 64
        write_y4m(self.folder / "long.y4m", 10_000, size, size)
        write_y4m(self.folder / "short.y4m", 16, size, size)
        peaks = {}
        for name in ["short", "long"]:
            process = subprocess.Popen(
                [COMMAND, "score", f"{name}.y4m", "--max-frames", "16"], cwd=self.folder,
                env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            table, messages = process.stdout.read(), process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            process.stdout.close(), process.stderr.close()
            self.assertEqual(process.returncode, 0, messages)
            self.assertIn(" 16 ", table)
            self.assertEqual("holds more frames" in messages, name == "long")
            peaks[name] = usage.ru_maxrss / 1024  # MiB
        # All frames would be 117 MiB.
        self.assertLess(peaks["long"] - peaks["short"], 40)

    def test_a_truncated_video_is_scored_with_a_warning(self):
        self.generate("--seed", 5, "-o", "whole.mp4")
        whole = (self.folder / "whole.mp4").read_bytes()
        (self.folder / "cut.mp4").write_bytes(whole[:-8])  # of the last frame
        done = self.succeeds("score", "cut.mp4")
        self.assertIn("'cut.mp4': is truncated or damaged; it gives", done.stderr)
        self.assertNotIn("damaged", self.succeeds("score", "whole.mp4").stderr)

    def test_what_cannot_be_scored(self):
        self.generate("-o", "whole.mp4")
        whole = (self.folder / "whole.mp4").read_bytes()
        (self.folder / "cut.mp4").write_bytes(whole[:len(whole) // 3])
        (self.folder / "empty.mp4").write_bytes(b"")
        self.succeeds("filter", "--shape", 1, 8, 8, "-o", "a.png")
        self.succeeds("filter", "--shape", 1, 8, 4, "-o", "b.png")
        both = (self.folder / "a.png").read_bytes() + (self.folder / "b.png").read_bytes()
        (self.folder / "both.png").write_bytes(both)  # one stream to FFmpeg
        write_y4m(self.folder / "none.y4m", 0)
        write_y4m(self.folder / "one.y4m", 1)
        self.fails(4, "score", "cut.mp4", says="cut.mp4")
        self.fails(4, "score", SOUND, says="no video stream")
        self.fails(4, "score", "empty.mp4", says="empty.mp4")
        self.fails(4, "score", "none.y4m", says="none.y4m")
        self.fails(4, "score", "both.png", says="expected one size")
        self.fails(2, "score", "one.y4m", says="at least two")
        self.fails(3, "score", "absent.mp4", says="absent.mp4")
        self.fails(2, "score", "clip.y4m", "--max-frames", 0, says="1 to")
        self.fails(4, "score", "clip.y4m", "--start", 8, says="holds 8 frames")
        done = self.run_command("score", "clip.y4m", "--features", "clip.y4m")
        self.assertEqual(done.returncode, 4)
        self.assertIn("not a readable TorchScript file", done.stderr)
        self.assertTrue(done.stderr.endswith("failed finding central directory\n"), done.stderr)
        self.fails(2, "score", "clip.y4m", "--save-features", "f.safetensors", says="--features")
        self.fails(2, "score", says="FILE")
        write_tensor(self.folder / "nan.safetensors", [1, 4, 2, 2, 2], [float("nan")] * 32)
        self.fails(4, "score", "nan.safetensors", says="holds NaN or infinite values")
        write_tensor(self.folder / "bytes.safetensors", [2, 2, 2, 3], [255.0] * 24)
        self.fails(2, "score", "bytes.safetensors", says="expected pixels in 0..1")

    def test_features_of_an_encoder(self):
        done = self.succeeds("score", "clip.y4m", "--features", BUNDLE / "image_encoder.pt", "--json",
                             "--save-features", "features.safetensors")
        pixels, features = json.loads(done.stdout)["scores"]
        self.assertEqual((pixels["space"], features["space"]), ("pixels", "features"))
        _, shape, values = read_tensor(self.folder / "features.safetensors")
        self.assertEqual(shape, [8, 3])
        vectors = [values[3 * i:3 * i + 3] for i in range(8)]
        cosines = [sum(a * b for a, b in zip(vectors[0], each, strict=True))
                   / math.hypot(*vectors[0]) / math.hypot(*each) for each in vectors[1:]]
        self.assertLess(min(cosines), 0.99999, "the features change")
        self.assertAlmostEqual(features["temporal_consistency"], sum(cosines) / 7, places=6)
        self.assertNotIn("motion_energy", features)


class Analyze(AnalysisTest):
    def test_low_bands_outlive_high_ones(self):
        result = self.json_of("analyze", "clip.y4m")
        (clip,) = result["clips"]
        last = clip["levels"][-1]
        self.assertEqual(last["timestep"], 999)
        self.assertGreater(last["expected_snr"][0], 10 * last["expected_snr"][-1])
        for level in clip["levels"]:
            alpha = level["alpha_cumprod"]
            for power, snr in zip(clip["power"], level["expected_snr"]):
                self.assertAlmostEqual(snr, alpha * power / (1 - alpha), delta=1e-9 * (1 + snr))
        self.assertEqual(sum(band["bins"] for band in result["bands"]), 4 * 8 * 8)

    def test_latents_of_a_file_and_a_mean(self):
        write_tensor(self.folder / "z.safetensors", self.shape, [math.sin(i) for i in range(1024)])
        result = self.json_of("analyze", "z.safetensors", "clip.y4m", "--timesteps", 10, 999,
                              "--bands", 0.5, "--num-draws", 2)
        self.assertEqual([clip["clip"] for clip in result["clips"]],
                         ["z.safetensors", "clip.y4m", "mean"])
        powers = [clip["power"] for clip in result["clips"]]
        for a, b, mean in zip(*powers):
            self.assertAlmostEqual((a + b) / 2, mean, delta=1e-6 * mean)
        self.assertEqual(len(powers[0]), 3)

    def test_files_agree_with_the_json(self):
        result = self.json_of("analyze", "clip.y4m", "--csv", "a.csv", "--plot", "a.svg")
        rows = [line.split(",") for line in (self.folder / "a.csv").read_text().splitlines()]
        bands, levels = len(result["bands"]), len(result["clips"][0]["levels"])
        self.assertEqual(len(rows), 1 + bands * (levels + 1))
        expected = result["clips"][0]["levels"][-1]["expected_snr"][0]
        column = rows[0].index("expected_snr")
        self.assertAlmostEqual(float(rows[1 + bands * (levels - 1)][column]) / expected, 1, places=6)
        svg = (self.folder / "a.svg").read_text()
        self.assertTrue(svg.startswith("<svg") and svg.endswith("</svg>\n"))
        import xml.dom.minidom
        picture = xml.dom.minidom.parseString(svg)
        self.assertGreaterEqual(len(picture.getElementsByTagName("polyline")), bands)
        self.assertNotIn("nan", svg)

    def test_noise_of_every_pass(self):
        self.generate("--seed", 3, "--num-iters", 3, "--save-passes", "run", "--num-videos", 2)
        result = self.json_of("analyze", "--passes", "run")
        self.assertEqual([one["pass"] for one in result["passes"]], [1, 2, 3])
        self.assertNotIn("share", result["passes"][0])
        self.assertEqual(len(result["passes"][2]["share"]), len(result["bands"]))
        self.succeeds("analyze", "--passes", "run", "--csv", "p.csv", "--plot", "p.svg")
        self.assertEqual(len((self.folder / "p.csv").read_text().splitlines()),
                         1 + 3 * len(result["bands"]))

    def test_what_cannot_be_analysed(self):
        write_y4m(self.folder / "four.y4m", 4)  # as many as are used: no warning
        self.fails(2, "analyze", says="--passes")
        self.assertIn("'four.y4m': has 4 frames of the selection; 5 were asked for",
                      self.succeeds("analyze", "four.y4m", "--num-frames", 5, "--num-draws", 1).stderr)
        self.fails(2, "analyze", "four.y4m", "--passes", "x", says="either")
        self.fails(2, "analyze", "four.y4m", "--plot", "a.png", says=".svg")
        self.fails(2, "analyze", "four.y4m", "--timesteps", 1000, says="timestep '1000'")
        self.fails(2, "analyze", "four.y4m", "--bands", 0.5, 0.2, says="band edge '0.2'")
        self.fails(3, "analyze", "--passes", "nowhere", says="noise_1")
        self.fails(4, "analyze", SOUND, says="no video stream")
        self.fails(6, "analyze", "four.y4m", "--csv", "none/a.csv", says="none")
        self.fails(2, "analyze", "four.y4m", "--height", 15, says="multiples of")
        write_tensor(self.folder / "z.safetensors", [2, 2, 2], [0.0] * 8)
        self.fails(2, "analyze", "z.safetensors", says="latents [B,C,F,h,w]")

    def test_an_altered_autoencoder_is_refused(self):
        bundle = self.copy_of_bundle()
        with open(bundle / "vae_decoder.pt", "r+b") as file:
            file.write(b"\0")
        write_y4m(self.folder / "four.y4m", 4)
        self.fails(4, "analyze", "four.y4m", "--bundle", bundle, says="vae_decoder.pt': SHA-256")


class InitVideo(AnalysisTest):
    def test_sources_and_bands_differ(self):
        runs = {"plain": ()}
        for source in ["diffuse", "invert"]:
            for band in ["full", "low"]:
                runs[source + band] = ("--init-video", "clip.y4m", "--init-source", source,
                                       "--init-band", band)
        results = {name: self.latents_of(*options) for name, options in runs.items()}
        for name, values in results.items():
            others = [other for other in results if other != name and results[other] == values]
            self.assertEqual(others, [])
        self.assertEqual(results["diffusefull"], self.latents_of("--init-video", "clip.y4m"))
        self.assertNotEqual(results["diffusefull"],
                            self.latents_of("--init-video", "clip.y4m", "--init-start", 3))

    def test_a_part_of_the_video_is_taken_with_a_warning(self):
        done = self.succeeds("generate", "x", "-o", "a.gif", "--num-iters", 1, "--init-video", "clip.y4m")
        self.assertIn("'clip.y4m': holds more frames; the first 4", done.stderr)

    def test_inversion_is_counted(self):
        plain = self.generate("--num-iters", 1)
        inverted = self.generate("--num-iters", 1, "--init-video", "clip.y4m",
                                 "--init-source", "invert")
        self.assertEqual(inverted["unet_calls"], plain["unet_calls"] + 2)
        self.assertNotIn("init_video", plain)
        self.assertEqual([inverted[key] for key in ("init_video", "init_source", "init_band")],
                         ["clip.y4m", "invert", "full"])

    def test_the_noise_is_the_diffused_clip(self):
        zeros = [0.0] * 1024
        write_tensor(self.folder / "z.safetensors", self.shape, zeros)
        self.generate("--seed", 5, "--init-latents", "z.safetensors", "--save-passes", "a")
        self.generate("--seed", 5, "--save-passes", "b")
        with_zeros = read_tensor(self.folder / "a/noise_1.safetensors")[2]
        plain = read_tensor(self.folder / "b/noise_1.safetensors")[2]
        ratio = math.sqrt(1 - 0.0397**2)  # sqrt(1 - abar) at the last timestep
        for a, b in zip(with_zeros, plain):
            self.assertAlmostEqual(a, ratio * b, places=4)

    def test_a_strength_starts_from_the_video(self):
        report = self.generate("--num-iters", 3, "--strength", 0.5, "--init-video", "clip.y4m", "-o", "v.webm")
        self.assertEqual((report["strength"], report["calls_per_pass"]), (0.5, [[1, 1, 1]]))
        settings = json.loads(self.succeeds("inspect", "v.webm").stdout)
        self.assertEqual((settings["strength"], settings["init_video"]), (0.5, "clip.y4m"))
        done = self.succeeds("generate", "x", "-o", "v.gif", "--init-video", "clip.y4m", "--strength", 0.5)
        self.assertIn("strength 0.5 starts at timestep", done.stderr)
        self.assertNotIn("strength", self.generate("--init-video", "clip.y4m"))

    def test_toml_names_the_options_too(self):
        (self.folder / "c.toml").write_text('init_video = "clip.y4m"\ninit_band = "low"\n')
        self.assertEqual(self.latents_of("--config", "c.toml"),
                         self.latents_of("--init-video", "clip.y4m", "--init-band", "low"))

    def test_mistakes(self):
        write_tensor(self.folder / "z.safetensors", [1, 4, 4, 8, 4], [0.0] * 512)
        def fails(code, *args, says):
            self.fails(code, "generate", "x", *args, says=says)
        fails(2, "--init-source", "invert", says="--init-video")
        fails(2, "--strength", 0.5, says="--init-video")
        video = ("--init-latents", "good.safetensors")
        write_tensor(self.folder / "good.safetensors", self.shape, [0.0] * 1024)
        for strength in (0, -0.1, 1.01):
            fails(2, *video, "--strength", strength, says="above 0, at most 1")
        fails(2, *video, "--strength", "much", says="strength")
        fails(2, *video, "--strength", 0.1, "--num-inference-steps", 9, says="leaves no step of a pass of 9")
        fails(2, *video, "--strength", 0.5, "--init-source", "invert", says="init_source 'diffuse'")
        fails(2, *video, "--strength", 0.5, "--init-band", "low", says="init_band 'full'")
        fails(2, "--init-start", 2, says="--init-video")
        fails(2, "--init-latents", "clip.y4m", "--init-stride", 2, says="--init-video")
        fails(2, "--init-video", "clip.y4m", "--init-latents", "z.safetensors", says="one of them")
        fails(2, "--init-video", "clip.y4m", "--init-source", "reverse", says="diffuse, invert")
        fails(2, "--init-video", "clip.y4m", "--init-band", "high", says="full, low")
        fails(2, "--init-video", "clip.y4m", "--init-stride", 3, says="gives 3 frames")
        fails(4, "--init-video", SOUND, says="no video stream")
        fails(3, "--init-video", "absent.mp4", says="absent.mp4")
        fails(2, "--init-latents", "z.safetensors", says="[1, 4, 4, 8, 4]")
        height = self.manifest["recommended"]["height"] + 1
        write_y4m(self.folder / "four.y4m", 4)  # none too many, so no warning
        fails(2, "--init-video", "four.y4m", "--height", height,
              says=f"height '{height}': this model needs a multiple")


if __name__ == "__main__":
    unittest.main()
