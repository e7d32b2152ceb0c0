"""The command as people type it: odd prompts, files that are there, what is said of outputs."""

import json
import os
import re
import subprocess
import unittest

from support import COMMAND, CommandTest, read_tensor, write_tensor


class Ranges(CommandTest):
    """No number is cut to what its type holds: it is refused with the range."""

    def test_every_option_of_numbers(self):
        for command in ("generate", "filter", "reinit", "analyze", "score"):
            shown = self.succeeds(command, "--help").stdout
            numbers = set(re.findall(r"(--[a-z-]+) (N|X|A B|T|INT|UINT|FLOAT)\b", shown))
            self.assertGreater(len(numbers), 1, command)
            files = {"generate": ["x"], "score": ["x.mp4"], "analyze": ["x.mp4"]}.get(command, [])
            for name, kind in numbers:
                value = "1e999" if kind in ("X", "A B", "FLOAT") else "18446744073709551616"
                with self.subTest(f"{command} {name}"):
                    values = [value] * (2 if kind == "A B" else 3 if name == "--shape" else 1)
                    self.fails(2, command, *files, name, *values, says=["expected ", "umber"])

    def test_the_range_is_named(self):
        for option, value, says in (("--seed", 2**64, "0 to 2^64 - 1"), ("--num-iters", 10**30, "1 to 1000"),
                                    ("--num-videos", 1025, "1 to 1024"), ("--threads", 0, "1 to 1024"),
                                    ("--init-start", 2**64, "0 to 1000000"), ("--num-frames", 2**62, "1 to"),
                                    ("--height", 2**62, "1 to 16384"), ("--eta", "1e999", "0 to 1")):
            with self.subTest(option):
                self.fails(2, "generate", "x", option, value, says=[str(value), says])

    def test_in_a_configuration(self):
        for text in (f'{{"num_iters": {10**30}}}', f'{{"seed": {2**64}}}', '{"num_frames": 1e30}',
                     'num_iters = "99999999999999999999"'):
            (self.folder / "c").write_text(text)
            self.fails(2, "generate", "x", "--config", "c", says="expected a whole number, ")


class Prompts(CommandTest):
    def warnings(self, prompt, *args, bundle=None):
        options = ["--bundle", bundle] if bundle else []
        done = self.succeeds("generate", prompt, "--num-inference-steps", 1, "--num-iters", 1, "--seed", 1,
                             *options, *args)
        return [line for line in done.stderr.splitlines() if line.startswith("warning: ")]

    def test_bytes_that_are_no_utf8_are_written_as_the_tokenizer_reads_them(self):
        done = subprocess.run(
            [os.fsencode(COMMAND), b"generate", b"caf\xe9", b"--num-inference-steps", b"2", b"--num-iters", b"2",
             b"-o", b"a.mp4", b"--save-latents", b"a.safetensors", b"--save-passes", b"p"],
            cwd=self.folder, env=self.environment(), capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"prompt: bytes that are no UTF-8", done.stderr)
        for name in ("a.mp4", "a.safetensors", "p/pass_1.safetensors"):
            self.assertIn("caf\ufffd".encode(), (self.folder / name).read_bytes(), name)

    def test_names_of_tensors_are_refused_before_the_work(self):
        name = os.fsdecode(b"caf\xe9.safetensors")
        write_tensor(self.folder / name, [4, 8, 8, 3], [0.5] * 768)
        image_encoder = self.environment()["FREEINIT_BUNDLE"] + "/image_encoder.pt"
        self.fails(2, "score", name, "--features", image_encoder, "--save-features", "f.safetensors", says="UTF-8")

    def test_syntax_of_other_programs_is_named(self):
        (warning,) = [line for line in self.warnings("(big:1.3) <lora:b:1> BREAK") if "cut off" not in line]
        for piece in ("prompt: '(big:1.3)', '<lora:b:1>', 'BREAK'", "read as text", "freeinit-export"):
            self.assertIn(piece, warning)
        self.assertIn("negative prompt: 'EasyNegative'",
                      self.warnings("a cat", "--negative-prompt", "EasyNegative")[0])

    def test_words_that_the_model_does_not_know(self):
        bundle = self.copy_of_bundle()
        self.manifest["tokenizer"]["words"] = ["a", "red", "circle"]
        (bundle / "manifest.json").write_text(json.dumps(self.manifest))
        self.assertEqual(self.warnings("A red circle", bundle=bundle), [])
        (warning,) = self.warnings("a dog", bundle=bundle)
        self.assertIn("prompt: 'dog': not among the words that this model knows: a, red, circle", warning)
        self.assertIn("'\u72d7'", self.warnings("\u72d7", bundle=bundle)[0])

    def test_a_long_prompt_is_said_to_be_cut_in_one_short_line(self):
        prompt = "zebra " * 2000
        (warning,) = self.warnings(prompt)
        self.assertLess(len(warning), 200)
        self.assertRegex(warning, r"the last \d{4} are cut off, from '")

    def test_sizes_far_from_the_models_own(self):
        own = self.manifest["recommended"]
        self.assertEqual(self.warnings("x", "--height", own["height"], "--width", own["width"]), [])
        (warning,) = self.warnings("x", "--height", own["height"] * 4)
        self.assertIn(f"recommended is {own['width']}x{own['height']}", warning)
        (warning,) = self.warnings("x", "--num-frames", own["num_frames"] // 2)
        self.assertIn(f"recommended is {own['num_frames']}", warning)

    def test_mended_text(self):
        curly = "\u201ca dog\u2019s \ufb01re\u201d &amp;amp; \uff21"
        straight = "\"a dog's fire\" & A"
        ids = [self.succeeds("tokenize", *args).stdout
               for args in ((straight,), (curly, "--mend-text"), (curly,), (straight, "--mend-text"))]
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(ids[0], ids[3])
        self.assertNotEqual(ids[0], ids[2])
        bundle = self.copy_of_bundle()
        self.manifest["recommended"]["mend_text"] = True  # a bundle whose original did
        (bundle / "manifest.json").write_text(json.dumps(self.manifest))
        self.assertEqual(self.succeeds("tokenize", curly, "--bundle", bundle).stdout, ids[0])
        self.assertEqual(self.succeeds("tokenize", curly, "--no-mend-text", "--bundle", bundle).stdout, ids[2])
        latents = []
        for prompt, option in ((straight, "--no-mend-text"), (curly, "--mend-text"), (curly, "--no-mend-text")):
            self.succeeds("generate", prompt, option, "--seed", 1, "--num-iters", 1, "--num-inference-steps", 1,
                          "--save-latents", "l.safetensors")
            latents.append(read_tensor(self.folder / "l.safetensors"))
        self.assertEqual(latents[0], latents[1])
        self.assertNotEqual(latents[0], latents[2])


class Outputs(CommandTest):
    overwrites = False

    def test_names_that_are_there_are_refused_before_a_network_is_read(self):
        self.generate("-o", "a.gif", "--save-latents", "l.safetensors", "--save-passes", "p", "--trace", "t.json")
        self.generate("-o", "frames/")
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()
        for arguments in (("-o", "a.gif"), ("-o", "frames"), ("-o", "b.gif", "--save-latents", "l.safetensors"),
                          ("-o", "b.gif", "--save-passes", "p"), ("-o", "b.gif", "--trace", "t.json")):
            with self.subTest(arguments):
                self.fails(2, "generate", "x", "--bundle", bundle, *arguments, says=["is there already", "--overwrite"])

    def test_every_command_has_the_rule(self):
        write_tensor(self.folder / "z.safetensors", [1, 4, 4, 8, 8], [(i % 7) / 7 for i in range(1024)])
        write_tensor(self.folder / "f.safetensors", [4, 8, 8, 3], [(i % 7) / 7 for i in range(768)])
        image_encoder = self.environment()["FREEINIT_BUNDLE"] + "/image_encoder.pt"
        for command, name in (
                (("filter", "--shape", 4, 8, 8, "-o"), "m.png"),
                (("filter", "--shape", 4, 8, 8, "-o"), "m.safetensors"),
                (("reinit", "--diffused", "z.safetensors", "--fresh", "z.safetensors", "-o"), "n.safetensors"),
                (("analyze", "z.safetensors", "--csv"), "a.csv"),
                (("analyze", "z.safetensors", "--plot"), "a.svg"),
                (("score", "f.safetensors", "--features", image_encoder, "--save-features"), "s.safetensors"),
                (("generate", "x", "--num-inference-steps", 1, "-o"), "v.gif")):
            with self.subTest(name):
                done = self.succeeds(*command, name)
                self.assertIn(f"wrote {name}\n", done.stderr)
                self.fails(2, *command, name, says="is there already")
                self.succeeds(*command, name, "--overwrite")

    def test_a_name_that_nobody_gave_is_numbered(self):
        short = ("generate", "x", "--num-inference-steps", 1, "--num-iters", 1)
        for name in ("video.mp4", "video_2.mp4", "video_3.mp4"):
            done = self.succeeds(*short)
            self.assertTrue(done.stdout.startswith(name + " "), done.stdout)
            self.assertIn(f"wrote {name}\n", done.stderr)
        self.assertTrue(self.succeeds(*short, "--overwrite").stdout.startswith("video.mp4 "))
        self.assertEqual(self.files(), ["video.mp4", "video_2.mp4", "video_3.mp4"])

    def test_empty_folders_may_be_written_to(self):
        (self.folder / "frames").mkdir()
        (self.folder / "passes").mkdir()
        self.succeeds("generate", "x", "--num-inference-steps", 1, "-o", "frames/", "--save-passes", "passes")


class Metadata(CommandTest):
    PROMPT = "a \"red\" circle, caf\u00e9 \u72d7"

    def make(self, *args):
        self.succeeds("generate", self.PROMPT, "--num-inference-steps", 2, "--num-iters", 2, "--seed", 5, *args)

    def test_every_format_says_what_made_it(self):
        for name in ("a.mp4", "a.webm", "a.gif", "frames/"):
            with self.subTest(name):
                self.make("-o", name, "--filter", "gaussian")
                settings = json.loads(self.succeeds("inspect", name).stdout)
                self.assertEqual(settings["prompt"], self.PROMPT)
                self.assertEqual((settings["seed"], settings["filter"], settings["num_iters"]), (5, "gaussian", 2))
                self.assertEqual(settings["model"], self.manifest["name"])
        self.assertEqual(self.succeeds("inspect", "frames/frame_00001.png").stdout,
                         self.succeeds("inspect", "frames").stdout)

    def test_the_settings_make_the_same_video_again(self):
        for options in ((), ("--num-videos", 2), ("--mix", "freqprior"), ("--filter-schedule", "gaussian:0.3,box")):
            with self.subTest(options):
                self.make("-o", "a.gif", *options)
                name = "a_1.gif" if options[:1] == ("--num-videos",) else "a.gif"
                (self.folder / "s.json").write_text(self.succeeds("inspect", name).stdout)
                self.succeeds("generate", "--config", "s.json", "-o", "b.gif")
                self.assertEqual((self.folder / name).read_bytes(), (self.folder / "b.gif").read_bytes())

    def test_files_are_the_same_from_run_to_run(self):
        for name in ("mp4", "webm", "gif"):
            self.make("-o", f"a.{name}")
            self.make("-o", f"b.{name}")
            self.assertEqual((self.folder / f"a.{name}").read_bytes(), (self.folder / f"b.{name}").read_bytes())

    def test_nothing_where_it_is_not_wanted(self):
        for name in ("a.mp4", "a.webm", "a.gif", "frames/"):
            self.make("-o", name, "--no-metadata", "--save-latents", "l.safetensors")
            self.assertEqual(json.loads(self.succeeds("inspect", name).stdout).get("title"), None)
            path = self.folder / name
            data = (path / "frame_00000.png" if path.is_dir() else path).read_bytes()
            self.assertNotIn(b"circle", data)
        self.assertNotIn(b"circle", (self.folder / "l.safetensors").read_bytes())

    def test_paths_of_this_machine_stay_out(self):
        write_tensor(self.folder / "mask.safetensors", [4, 8, 8], [0.5] * 256)
        self.make("-o", "a.gif", "--filter-mask", self.folder / "mask.safetensors")
        settings = json.loads(self.succeeds("inspect", "a.gif").stdout)
        self.assertEqual(settings["filter_mask"], "mask.safetensors")
        self.assertNotIn("filter", settings)

    def test_tensor_files(self):
        self.make("--save-latents", "l.safetensors")
        self.assertEqual(json.loads(self.succeeds("inspect", "l.safetensors").stdout),
                         {"prompt": self.PROMPT, "seed": "5"})


class Again(CommandTest):
    """What --json prints is what --config takes."""

    def test_every_kind_of_request(self):
        write_tensor(self.folder / "mask.safetensors", [4, 8, 8], [0.5] * 256)
        shape = [1, self.manifest["unet"]["in_channels"], 4, 8, 8]
        count = shape[1] * 256
        write_tensor(self.folder / "z.safetensors", shape, [(i % 7) / 7 for i in range(count)])
        for options in ((), ("--num-iters", 1), ("--mix", "variance-preserving", "--filter-axes", "temporal"),
                        ("--mix", "freqprior", "--mix-ratio", 0.5), ("--filter", "gaussian", "--spatial-stop", 0.2),
                        ("--filter-schedule", "gaussian:0.3,butterworth:0.2:0.2"),
                        ("--intermediate", "prediction", "--intermediate-steps", 1),
                        ("--num-iters", 5, "--budget-calls", 7), ("--fast-sampling",), ("--profile", "official"),
                        ("--filter-mask", "mask.safetensors"), ("--guidance-interval", 0.25, 1),
                        ("--init-noise", "z.safetensors"), ("--init-latents", "z.safetensors", "--init-band", "low"),
                        ("--init-video", "clip.gif", "--init-source", "invert", "--init-start", 1),
                        ("--init-video", "clip.gif", "--strength", 0.6),
                        ("--init-video", "clip.gif", "--init-fps", 8, "--init-stream", 0),
                        ("--num-videos", 2, "--eta", 0.3), ("--mend-text",), ("--output-fps", 10), ("-o", "x.webm"),
                        ("--negative-prompt", ""), ("--seed", 2**64 - 1), ("--low-memory",)):
            with self.subTest(options):
                if "clip.gif" in options:
                    self.generate("--num-frames", 6, "-o", "clip.gif")
                first = self.generate(*options)
                (self.folder / "run.json").write_text(json.dumps(first))
                again = json.loads(self.succeeds("generate", "--config", "run.json", "--json").stdout)
                for report in (first, again):
                    report.pop("seconds")
                    report.pop("memory")
                self.assertEqual(again, first)

    def test_the_start_is_printed(self):
        self.generate("--num-frames", 6, "-o", "clip.gif")
        report = self.generate("--init-video", "clip.gif", "--init-start", 1)
        self.assertEqual([report[key] for key in ("init_video", "init_start", "init_stride")], ["clip.gif", 1, 1])

    def test_a_bad_json_configuration(self):
        for text, code, says in (('{"seed": 1', 4, "JSON"), ('{"sede": 1}', 2, "'sede'"),
                                 ('{"prompt": {"a": 1}}', 4, "'prompt'"), ('{"seed": [1]}', 4, "one value")):
            (self.folder / "c.json").write_text(text)
            self.fails(code, "generate", "x", "--config", "c.json", says=says)


class Progress(CommandTest):
    def test_one_line_of_any_terminal(self):
        for columns, least in ((0, 70), (80, 70), (50, 40), (20, 10)):
            with self.subTest(columns):
                shown, _ = self.on_terminal("generate", "x", "--num-videos", 10, "--num-iters", 10,
                                            "--num-inference-steps", 10, "-o", "v.gif", columns=columns)
                lines = [line.replace("\x1b[K", "") for line in shown.split("\r") if "pass" in line]
                self.assertTrue(lines)
                self.assertLess(max(map(len, lines)), columns or 80)
                self.assertGreater(max(map(len, lines)), least)


if __name__ == "__main__":
    unittest.main()
