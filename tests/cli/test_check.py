"""inspect --check."""

import json
import unittest

from support import BUNDLE, CommandTest


class Check(CommandTest):
    def test_good_bundle(self):
        lines = self.succeeds("inspect", BUNDLE, "--check").stdout.splitlines()
        self.assertTrue(all(line.startswith("ok      ") for line in lines), lines)
        self.assertTrue(any("unet: [1, 4, 1, 8, 8]" in line for line in lines), lines)

    def test_every_broken_part_has_its_line(self):
        bundle = self.copy_of_bundle()
        (bundle / "unet.pt").unlink()
        (bundle / "vae_decoder.pt").write_bytes(b"PK")
        done = self.run_command("inspect", bundle, "--check")
        self.assertEqual(done.returncode, 3)  # the kind of the first: unet.pt is not there
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED  ")]
        self.assertEqual(len(failed), 2, done.stdout)
        for line, name in zip(failed, ("unet.pt", "vae_decoder.pt")):
            self.assertIn(f"file {name}: ", line)
            self.assertIn("; to mend it: copy", line)
        self.assertIn("skipped unet: 'unet.pt' is missing or damaged", done.stdout)
        (error,) = done.stderr.splitlines()
        self.assertIn("2 of 14 parts failed, the first is 'file unet.pt'", error)

    def test_json(self):
        bundle = self.copy_of_bundle()
        self.manifest["recommended"]["width"] = 17
        (bundle / "manifest.json").write_text(json.dumps(self.manifest))
        done = self.run_command("inspect", bundle, "--check", "--json")
        self.assertEqual(done.returncode, 2)
        report = json.loads(done.stdout)
        self.assertFalse(report["ok"])
        (failed,) = [part for part in report["parts"] if part["outcome"] == "FAILED"]
        self.assertEqual((failed["part"], failed["code"]), ("recommended", 2))
        self.assertIn("17", failed["detail"])
        self.assertIn("manifest.json", failed["remedy"])
        self.assertTrue(json.loads(self.succeeds("inspect", BUNDLE, "--check", "--json").stdout)["ok"])


if __name__ == "__main__":
    unittest.main()
