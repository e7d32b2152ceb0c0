"""What the command says to slips and mistakes of whoever types."""

import unittest

from support import CommandTest


class Slips(CommandTest):
    def test_slips_get_a_hint(self):
        for arguments, says in (
                (("genrate", "a red circle"), "'genrate': no command; did you mean 'generate'?"),
                (("--verison",), "'--verison': no command; did you mean '--version'?"),
                (("help",), "'help': no command; did you mean '--help'?"),
                (("generate", "x", "--num-inference-step", 3),
                 ["'--num-inference-step': no option of 'freeinit generate'",
                  "did you mean '--num-inference-steps'?"]),
                (("generate", "x", "--guidance_scale=3"), "did you mean '--guidance-scale'?"),
                (("score", "a.mp4", "--max-frame", 3), "did you mean '--max-frames'?"),
                (("generate", "a", "red", "circle", "--seed", 1),
                 'stands in quotes: freeinit generate "a red circle"'),
                (("tokenize", "a", "red", "circle"), 'freeinit tokenize "a red circle"'),
                (("inspect", "a", "b"), "--help")):
            with self.subTest(arguments):
                self.fails(2, *arguments, says=says)

    def test_names_of_other_programs_and_parts_of_names_get_one(self):
        for name, meant in (("--steps", "'--num-inference-steps'"), ("--frames", "'--num-frames'"),
                            ("--iters", "'--num-iters'"), ("--guidance", "'--guidance-scale'"),
                            ("--cfg-scale", "'--guidance-scale'"), ("--cfg_scale=7", "'--guidance-scale'"),
                            ("--model", "'--bundle'"), ("--negative", "'--negative-prompt'"),
                            ("--neg-prompt", "'--negative-prompt'"), ("--size", "'--height' or '--width'"),
                            ("--sampler-name", "'--sampler'"), ("--scheduler", "'--sampler'"),
                            ("--use-fast-sampling", "'--fast-sampling'"),
                            ("--spatial-stop-frequency", "'--spatial-stop'"), ("--metadata", "'--no-metadata'"),
                            ("--init", "'--init-band', '--init-fps' or '--init-latents'")):
            with self.subTest(name):
                self.fails(2, "generate", "x", name, 3, says=f"no option of 'freeinit generate'; did you mean {meant}?")
        self.fails(2, "batch", "jobs.jsonl", "--output", "x", says="did you mean '--out'?")
        self.fails(2, "generate", "--prompt", "x", says='the prompt stands alone: freeinit generate "a text"')

    def test_another_word_gets_none(self):
        self.assertNotIn("did you mean", self.run_command("generate", "x", "--xformers").stderr)
        done = self.run_command("dance")
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("did you mean", done.stderr)
        self.assertIn("expected one of generate, batch, decode, filter, reinit, analyze, score, tokenize, inspect, replay",
                      done.stderr)

    def test_keys_of_a_configuration_get_one_too(self):
        (self.folder / "c.toml").write_text("num_inference_step = 3")
        self.fails(2, "generate", "x", "--config", "c.toml",
                   says="key 'num_inference_step' is no option of 'freeinit generate'; did you mean 'num_inference_steps'?")
        (self.folder / "c.toml").write_text("cfg-scale = 3")
        self.fails(2, "generate", "x", "--config", "c.toml",
                   says="key 'cfg-scale' is no option of 'freeinit generate'; did you mean 'guidance-scale'?")
        (self.folder / "c.json").write_text('{"steps": 3}')
        self.fails(2, "generate", "x", "--config", "c.json", says="did you mean 'num_inference_steps'?")
        (self.folder / "c.json").write_text('{"num_frames": null, "foo": null}')
        done = self.run_command("generate", "x", "--config", "c.json")
        self.assertEqual(done.returncode, 2)
        self.assertTrue(done.stderr.endswith("key 'foo' is no option of 'freeinit generate'\n"), done.stderr)

    def test_errors_of_the_command_line_are_sentences_of_ours(self):
        for arguments, says in (
                (["batch"], "JOBS: missing; --help says what it is"),
                (["batch", "jobs.jsonl", "--bundle"], "--bundle: expected DIR behind it"),
                (["generate", "x", "--on-cancel", "never"], "--on-cancel 'never': expected one of save,discard"),
                (["filter", "--shape", 1, 2], "--shape: has 2 of 3 values"),
                (["generate", "x", "--seed", 1, "--seed", 2], "--seed: given 2 times; expected once"),
                (["generate", "x", "--seed", -1], "--seed: '-1': expected a whole number, 0 to 2^64 - 1"),
                (["generate", "x", "--checkpoint", "a", "--resume", "a"], "--checkpoint and --resume: expected one of them"),
                (["generate", "x", "-o", "-"], "output '-': is no file; expected a name"),
                (["generate", "x", "--init-video", "a.safetensors"],
                 "--init-video 'a.safetensors': is a file of tensors; --init-latents takes latents"),
                (["reinit", "--latents", "a", "--fresh", "b", "-o", "c.npy"], "reinit: --noise: missing")):
            with self.subTest(arguments):
                self.fails(2, *arguments, says="error: " + says)
        self.fails(2, "generate", "x", "--on-cancel", "n" * 100_000, says="--on-cancel")
        self.fails(4, "decode", "clip.mp4", says="tensor of 'clip.mp4': is a video; expected a file .safetensors or .npy")

    def test_json_errors_have_no_words_of_the_parser(self):
        (self.folder / "c.json").write_text('{"steps": }')
        done = self.run_command("generate", "x", "--config", "c.json")
        self.assertEqual(done.returncode, 4)
        self.assertIn("'c.json': not valid JSON: parse error at line 1, column 11", done.stderr)

    def test_flags_can_be_switched_off(self):
        self.assertFalse(self.generate("--no-fast-sampling")["fast_sampling"])


if __name__ == "__main__":
    unittest.main()
