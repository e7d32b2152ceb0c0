"""A video is made again from what it says of itself."""

import json
import shutil
import unittest

from support import CommandTest

DIFFERS = 9


class Replay(CommandTest):
    overwrites = False

    def make(self, *args):
        self.succeeds("generate", "a red circle", "--num-inference-steps", 2, "--seed", 7, *args)

    def replay(self, *args, code=0):
        done = self.run_command("replay", *args, "--json")
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def test_the_same(self):
        for name in ("clip.gif", "clip.mp4", "clip.webm", "clip/"):
            with self.subTest(name=name):
                self.make("-o", name)
                before = self.files()
                found = self.replay(name)
                self.assertTrue(found["same_frames"])
                self.assertEqual((found["largest_difference"], found["mean_difference"]), (0, 0))
                self.assertEqual(self.files(), before)
        self.assertTrue(self.replay("clip.gif")["same_file"])
        self.assertEqual(self.succeeds("replay", "clip/").stdout, "clip/: the same frames\n")
        self.assertEqual(self.succeeds("replay", "clip.gif").stdout, "clip.gif: the same file, byte for byte\n")

    def test_nothing_is_said_of_settings_that_nobody_chose(self):
        self.make("-o", "clip.gif", "--num-iters", 1, "--filter", "gaussian")
        said = self.succeeds("replay", "clip.gif").stderr
        self.assertNotIn("warning", said)
        self.assertNotIn("wrote", said)  # a file that is gone with the command

    def test_every_frame_of_a_long_clip_counts(self):
        self.make("-o", "clip/", "--num-frames", 20, "--num-iters", 1)
        self.assertTrue(self.replay("clip/")["same_frames"])
        shutil.copy(self.folder / "clip/frame_00000.png", self.folder / "clip/frame_00019.png")
        self.assertFalse(self.replay("clip/", code=DIFFERS)["same_frames"])

    def test_one_of_several_videos(self):
        self.make("-o", "clip.gif", "--num-videos", 2, "--sampler", "unipc", "--eta", 0, "--num-iters", 2)
        self.succeeds("replay", "clip_1.gif", "-o", "again.gif")
        self.assertEqual((self.folder / "again.gif").read_bytes(), (self.folder / "clip_1.gif").read_bytes())
        self.fails(2, "replay", "clip_1.gif", "-o", "again.gif", says="is there already")

    def test_what_it_started_from_lies_beside_it(self):
        self.make("-o", "start.gif")
        self.make("--init-video", "start.gif", "--strength", 0.7, "-o", "clip.gif")
        (self.folder / "else").mkdir()
        for name in ("start.gif", "clip.gif"):
            shutil.move(self.folder / name, self.folder / "else" / name)
        self.assertTrue(self.replay("else/clip.gif")["same_frames"])
        self.make("-o", "frames/")
        self.make("--init-video", "frames/", "--strength", 0.7, "-o", "of_folder.gif")
        self.assertTrue(self.replay("of_folder.gif")["same_frames"])
        (self.folder / "else/start.gif").unlink()
        self.fails(3, "replay", "else/clip.gif", says="start.gif")

    def test_not_the_same(self):
        """Other weights under the same name."""
        self.make("-o", "clip.gif")
        said = json.loads(self.succeeds("inspect", "clip.gif").stdout)
        self.assertEqual(said["seed"], 7)
        data = (self.folder / "clip.gif").read_bytes()
        self.assertEqual(data.count(b'"seed":7,'), 1)
        (self.folder / "clip.gif").write_bytes(data.replace(b'"seed":7,', b'"seed":8,'))
        found = self.replay("clip.gif", code=DIFFERS)
        self.assertFalse(found["same_frames"] or found["same_file"])
        self.assertGreater(found["largest_difference"], 0)
        done = self.run_command("replay", "clip.gif")
        self.assertIn("clip.gif: other frames: of 255 they differ by at most", done.stdout)
        self.assertEqual(done.stderr.splitlines()[-1], "error: video 'clip.gif': made again it differs")

    def test_a_video_after_fewer_passes_than_asked_for(self):
        """A file of --save-passes says what that of a stopped run says."""
        self.make("-o", "clip.gif", "--num-iters", 3, "--save-passes", "passes")
        said = json.loads(self.succeeds("inspect", "passes/pass_2.gif").stdout)
        self.assertEqual((said["num_iters"], said["completed_passes"]), (3, 2))
        self.assertNotIn("completed_passes", json.loads(self.succeeds("inspect", "clip.gif").stdout))
        for number in (1, 2, 3):
            self.assertTrue(self.replay(f"passes/pass_{number}.gif")["same_file"], number)
        (self.folder / "said.json").write_text(json.dumps(said))
        done = self.succeeds("generate", "--config", "said.json", "-o", "whole.gif")
        self.assertIn("warning: config file 'said.json': its video is that after pass 2; this run makes 3 passes", done.stderr)
        self.assertEqual((self.folder / "whole.gif").read_bytes(), (self.folder / "clip.gif").read_bytes())
        self.assertNotIn("warning: config", self.succeeds(
            "generate", "--config", "said.json", "--num-iters", 2, "-o", "two.gif").stderr)

    def test_refuses(self):
        for command in ("replay", "inspect"):
            (self.folder / "README.md").write_text("# No video\n")
            self.fails(4, command, "README.md", says="error: file 'README.md': not a readable video, picture or .safetensors file")
        self.make("-o", "silent.gif", "--no-metadata")
        self.fails(4, "replay", "silent.gif", says="says nothing of how it was made")
        self.fails(3, "replay", "gone.gif", says="gone.gif")
        self.make("-o", "clip.gif")
        bundle = self.copy_of_bundle()
        manifest = json.loads((bundle / "manifest.json").read_text())
        manifest["name"] = "another"
        (bundle / "manifest.json").write_text(json.dumps(manifest))
        self.fails(2, "replay", "clip.gif", "--bundle", bundle, says="'another'")
        data = (self.folder / "clip.gif").read_bytes()
        (self.folder / "clip.gif").write_bytes(data.replace(b'"num_frames":', b'"checkpoint":'))
        self.fails(2, "replay", "clip.gif", says="checkpoint")


if __name__ == "__main__":
    unittest.main()
