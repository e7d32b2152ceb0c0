"""Options of `generate` that say how it runs and change no result."""

import json
import time
import unittest

from support import BUNDLE, CommandTest

PROMPT = ("generate", "a cat", "--seed", "3")


class RuntimeTest(CommandTest):
    def latents(self, name, *options):
        self.succeeds(*PROMPT, "-o", f"{name}.gif", "--save-latents", f"{name}.safetensors", *options)
        return (self.folder / f"{name}.safetensors").read_bytes()

    def test_the_backend_is_torchscript_where_the_bundle_has_no_other(self):
        done = self.succeeds(*PROMPT, "-o", "a.gif", "--json")
        self.assertEqual(json.loads(done.stdout)["backend"], "torchscript")
        self.assertEqual(self.latents("b"), self.latents("c", "--backend", "torchscript"))

    def test_a_backend_that_is_not_there(self):
        self.fails(2, *PROMPT, "-o", "a.gif", "--backend", "onnx",
                   says="backend 'onnx': unknown; expected one of float16-weights, winograd, openvino, "
                        "torchscript, int8, bfloat16, cuda-graphs")
        self.fails(5, *PROMPT, "-o", "a.gif", "--backend", "openvino",
                   says="backend 'openvino': the bundle has none")

    def test_low_memory_changes_no_bit(self):
        self.assertEqual(self.latents("a"), self.latents("b", "--low-memory"))
        self.assertEqual((self.folder / "a.gif").read_bytes(), (self.folder / "b.gif").read_bytes())

    def test_streamed_frames_are_the_saved_ones(self):
        self.succeeds(*PROMPT, "-o", "streamed.gif")
        self.succeeds(*PROMPT, "-o", "whole.gif", "--save-frames", "frames.safetensors")
        self.assertEqual((self.folder / "streamed.gif").read_bytes(),
                         (self.folder / "whole.gif").read_bytes())

    def test_several_videos_are_streamed_to_their_files(self):
        done = self.succeeds(*PROMPT, "-o", "v.gif", "--num-videos", "2", "--json")
        self.assertEqual(json.loads(done.stdout)["outputs"], ["v_0.gif", "v_1.gif"])
        self.assertEqual(self.files(), ["v_0.gif", "v_1.gif"])

    def test_trace_has_every_phase(self):
        done = self.succeeds(*PROMPT, "-o", "a.gif", "--trace", "trace.json", "--json")
        report = json.loads(done.stdout)
        events = json.loads((self.folder / "trace.json").read_text())["traceEvents"]
        by_category = {}
        for event in events:
            by_category.setdefault(event["cat"], []).append(event)
        self.assertEqual(set(by_category), {"load", "encode", "pass", "step", "unet", "scheduler",
                                            "reinit", "decode", "write"})
        self.assertEqual(len(by_category["unet"]), report["unet_calls"])
        self.assertEqual(len(by_category["pass"]), report["num_iters"])
        self.assertEqual(len(by_category["write"]), report["num_frames"])

    def test_trace_that_cannot_be_written_is_refused_before_sampling(self):
        self.fails(6, *PROMPT, "-o", "a.gif", "--trace", "nowhere/trace.json",
                   says="nowhere")

    def test_altered_files_are_noticed_with_remembered_hashes(self):
        bundle = self.copy_of_bundle()
        cache = self.environment(XDG_CACHE_HOME=str(self.folder / "cache"))
        options = (*PROMPT, "-o", "a.gif", "--bundle", bundle)
        time.sleep(4)  # files that just changed are not remembered
        self.succeeds(*options, env=cache)
        self.assertIn("unet.pt", (self.folder / "cache/freeinit/hashes.json").read_text())
        with open(bundle / "unet.pt", "r+b") as file:
            file.seek(100)
            file.write(b"altered")
        for extra in ((), ("--rehash",)):
            done = self.run_command(*options, *extra, env=cache)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("SHA-256", done.stderr)
        self.assertTrue((BUNDLE / "unet.pt").is_file())


if __name__ == "__main__":
    unittest.main()
