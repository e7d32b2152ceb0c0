"""Clips of more frames than the model does: windows, their noise, prompts that travel."""

import json
import unittest

from support import CommandTest, read_tensor


class LongClips(CommandTest):
    """Runs of 2 steps on the tiny bundle, which does 8 frames and recommends 4."""

    def run_of(self, *args):
        done = self.succeeds("generate", "--num-inference-steps", 2, "--seed", 3, "--json",
                             "--save-latents", "latents.safetensors", *args)
        return json.loads(done.stdout), read_tensor(self.folder / "latents.safetensors")

    def test_windows_are_taken_where_the_model_needs_them(self):
        done = self.succeeds("generate", "a cat", "--num-frames", 9, "--num-inference-steps", 2)
        self.assertIn("9 frames in windows of 4 that share 1", done.stderr)
        report, (_, shape, _) = self.run_of("a cat", "--num-frames", 9)
        self.assertEqual(shape[2], 9)
        self.assertEqual(report["calls_per_pass"], [[2, 2]])

    def test_every_option_changes_the_result(self):
        seen = []
        for change in ([], ["--context-length", 6], ["--context-overlap", 2], ["--context-overlap", 0],
                       ["--context-schedule", "static"], ["--context-stride", 2],
                       ["--context-fuse", "flat", "--context-overlap", 2], ["--closed-loop"],
                       ["--long-noise", "shuffle_context"], ["--long-noise", "repeat_context"],
                       ["--prompt-at", "6:a dog"], ["--prompt-at", "6:a dog", "--prompt-at", "19:a cow"]):
            with self.subTest(change):
                _, (_, _, latents) = self.run_of("a cat", "--num-frames", 20, *change)
                self.assertNotIn(latents, seen)
                seen.append(latents)

    def test_one_window_is_the_run_without(self):
        _, plain = self.run_of("a cat")
        report, windows = self.run_of("a cat", "--context-length", 4, "--long-noise", "shuffle_context")
        self.assertEqual(windows, plain)
        self.assertEqual(report["context_length"], 4)

    def test_prompts_come_from_files_and_go_back_there(self):
        args = ["--num-frames", 12, "--prompt-at", "0:a cat", "--prompt-at", "11:a dog: black"]
        report, wanted = self.run_of(*args)
        self.assertEqual(report["prompt_at"], ["0:a cat", "11:a dog: black"])
        for name, text in (("c.toml", 'prompt_at = ["0:a cat", "11:a dog: black"]\nnum_frames = 12\n'),
                           ("c.json", json.dumps(report))):
            (self.folder / name).write_text(text)
            again, latents = self.run_of("--config", name)
            self.assertEqual(again["prompt_at"], report["prompt_at"])
            self.assertEqual(latents, wanted)
        (self.folder / "c.toml").write_text('prompt_at = "11:a dog"\nprompt = "a cat"\nnum_frames = 12\n')
        report, _ = self.run_of("--config", "c.toml")
        self.assertEqual(report["prompt_at"], ["11:a dog"])

    def test_wrong_uses_are_one_line(self):
        for args, says in ((["--context-length", 9], "this model does 1 to 8"),
                           (["--context-length", 0], "context length '0'"),
                           (["--context-length", 4, "--context-overlap", 4], "expected 0 to 3"),
                           (["--context-overlap", 4, "--num-frames", 9], "expected 0 to 3"),
                           (["--context-schedule", "batched"], "uniform, static"),
                           (["--context-stride", 2, "--context-schedule", "static"], "expected 1"),
                           (["--long-noise", "white"], "shuffle_context"),
                           (["--closed-loop"], "a smaller context length"),
                           (["--prompt-at", "2:a dog"], "a smaller context length"),
                           (["--prompt-at", "a dog"], "FRAME:TEXT"),
                           (["--num-frames", 12, "--prompt-at", "12:a dog"], "expected 0 to 11"),
                           (["--num-frames", 12, "--prompt-at", "1:a", "--prompt-at", "1:b"], "given twice"),
                           (["--num-frames", 12, "--cache-interval", 2], "static context schedule")):
            with self.subTest(args):
                self.fails(2, "generate", "a cat", *args, says=says)


if __name__ == "__main__":
    unittest.main()
