"""Files from strangers: one line that is not too long, no crash, no other file touched."""

import json
import os
import unittest

from support import BUNDLE, CommandTest

LONG = "k" * 1_000_000


class ForeignFiles(CommandTest):
    def refused(self, code, *args, says=()):
        self.fails(code, *args, says=says)
        self.assertLess(len(self.run_command(*args).stderr), 1000)

    def config(self, text, says=(), code=4):
        (self.folder / "settings").write_text(text)
        self.refused(code, "generate", "x", "--config", "settings", says=says)

    def test_settings_that_are_too_deep(self):
        self.config("a." * 50_000 + "b = 1", says="more than 64 parts")
        self.config("[" + "a." * 50_000 + "b]", says="more than 64 parts")
        self.config("x = {" + "a . " * 50_000 + "b = 1}", says="more than 64 parts")
        self.config("a = " + "[" * 100_000, says="line 1")
        self.config('{"eta":' + '{"a":' * 100_000 + "1" + "}" * 100_001, says="nested too deep")

    def test_settings_with_long_names(self):
        self.config(f"{LONG} = 1", says="is no option", code=2)
        self.config(f"[{LONG}]", says="unknown section")
        self.config(f"{LONG} = [[1]]", says="no text, number")
        self.config('{"' + LONG + '": 1}', says="expected at most 4096")
        self.config(f"a = {'9' * 5000}", says="line 1")

    def test_flags_are_true_or_false(self):
        for flag, value in (("mend-text", "maybe"), ("no-mend-text", "9" * 30), ("no-metadata", "")):
            self.config(f'{flag} = "{value}"', says=f"line 1: '{flag}' takes true or false")
            self.config(json.dumps({flag: value}), says=f"settings': '{flag}' takes true or false")
            self.refused(2, "generate", "x", f"--{flag}={value}0", says=f"--{flag}: takes no value")
        self.config("no-metadata = 2", says="takes true or false")
        for key, mends in (("mend-text", False), ("no-mend-text", True)):
            (self.folder / "settings.toml").write_text(f"{key} = false\nnum-inference-steps = 1\n")
            done = self.succeeds("generate", "x", "--config", "settings.toml", "-o", "clip.gif", "--json")
            self.assertEqual(json.loads(done.stdout)["mend_text"], mends)

    def test_dots_in_texts_are_no_keys(self):
        (self.folder / "settings.toml").write_text(
            'prompt = "' + "." * 300 + '"\n# ' + "." * 300 + "\nseed = 1\nnum-inference-steps = 1\n")
        self.succeeds("generate", "--config", "settings.toml", "-o", "clip.gif")

    def test_settings_through_a_pipe(self):
        self.succeeds("generate", "x", "--config", "/dev/stdin", "-o", "clip.gif", stdin="num-inference-steps = 1\n")

    def test_devices_and_pipes(self):
        os.mkfifo(self.folder / "pipe.mp4")
        for args in (("score", "pipe.mp4"), ("analyze", "/dev/zero"), ("inspect", "/dev/zero"),
                     ("decode", "pipe.mp4"), ("generate", "x", "--init-video", "pipe.mp4")):
            done = self.run_command(*args)
            self.assertIn(done.returncode, (3, 4, 6), done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for args in (("generate", "x", "--config"), ("tokenize", "--input")):
            self.refused(4, *args, "/dev/zero", says="longer than 16 MiB")

    def test_a_comment_that_is_too_deep(self):
        header = json.dumps({"__metadata__": {"comment": '{"a":' * 100_000 + "1" + "}" * 100_000}}).encode()
        (self.folder / "t.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
        self.succeeds("inspect", "t.safetensors")

    def test_links_out_of_a_bundle(self):
        bundle = self.copy_of_bundle()
        file = bundle / self.manifest["unet"]["file"]
        file.rename(self.folder / "outside.pt")
        file.symlink_to(self.folder / "outside.pt")
        self.refused(4, "inspect", bundle, says="is a link out of the bundle's folder")
        self.refused(4, "generate", "x", "--bundle", bundle, says="is a link out of the bundle's folder")

    def test_names_do_not_reach_the_terminal(self):
        bundle = self.copy_of_bundle()
        (bundle / "manifest.json").write_text(json.dumps({**self.manifest, "name": "\x1b]0;x\x07" + LONG}))
        shown = self.succeeds("inspect", bundle).stdout
        self.assertNotIn("\x1b", shown)
        self.assertLess(len(shown), 10_000)

    def test_code_of_networks(self):
        shown = self.succeeds("inspect", "--code").stdout
        self.assertIn("unet.pt: tensor: ", shown)
        self.assertNotIn("by name", shown)
        listed = json.loads(self.succeeds("inspect", "--code", "--json").stdout)
        self.assertEqual(set(listed), {path.name for path in BUNDLE.glob("*.pt")} & set(self.manifest["files"]))
        self.assertEqual(listed["vae_decoder.pt"]["aten::conv2d"], {"count": 2, "rule": "tensor"})
        for args in (("generate", "x"), ("inspect", "--check")):
            self.succeeds(*args, "--allow-operators", "aten::wait,prim::fork")
            for name in ("aten::save", "mine::add", "x y"):
                self.fails(2, *args, "--allow-operators", name,
                           says=f"--allow-operators '{name}': no operator that a network may use")
        for option in ("--check", "--code"):
            self.fails(2, "inspect", BUNDLE / "unet.pt", option, says="is a file; --check and --code look at the folder")
        self.fails(2, "inspect", "--check", "--code", says="expected one of them")


if __name__ == "__main__":
    unittest.main()
