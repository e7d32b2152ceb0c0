"""The page of a batch: what stands in it, and what a browser shows of it."""

import base64
import html.parser
import json
import os
import shutil
import signal
import subprocess
import unittest

from batch_support import CIRCLE, ENDLESS, FAST, SOME_FAILED, SQUARE, Batch

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWEEP = {"prompt": "a red circle", "seed": [1, 2], "num_iters": [1, 3], "num_inference_steps": 2}
LIMIT = 100 << 20


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and the text of those that are looked for."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.figures, self.heads, self.heading = [], [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        self.open.append(tag)
        if tag == "figure":
            self.figures.append((attributes["class"], []))
        if tag == "th":
            self.heads.append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "figure" in self.open:
            self.figures[-1][1].append(data)
        if "th" in self.open:
            self.heads[-1] += data
        if "h1" in self.open:
            self.heading += data

    @property
    def jobs(self):
        return [(status, " ".join("".join(f" {part} " for part in texts).split())) for status, texts in self.figures]

    @property
    def sources(self):
        return [attributes["src"] for tag, attributes in self.elements if "src" in attributes]


class Reports(Batch):
    name, format = "page.html", "gif"

    def arguments(self, *args):
        return ["batch", "jobs.jsonl", "--out", "out", "--report", self.name, "--format", self.format, *args]

    def text(self):
        return (self.folder / self.name).read_text()

    def page(self):
        return Page(self.text())

    def report(self, *jobs, **options):
        self.batch(*jobs, **options)
        return self.page()


class Pages(Reports):
    def test_every_job_in_the_order_of_the_file(self):
        page = self.report(CIRCLE, {**SQUARE, "num_iters": 0}, "no job", {**SQUARE, "name": "last"}, code=SOME_FAILED)
        self.assertEqual([status for status, _ in page.jobs], ["done", "failed", "failed", "done"])
        for (_, text), says in zip(page.jobs, (["prompt a red circle", "seed 7", "done", " s ", "circle"],
                                               ["num_iters", "line 2", "square"], ["not valid JSON", "no job", "line 3"],
                                               ["prompt a blue square", "seed 8", "last"])):
            for part in says:
                self.assertIn(part, text)
        self.assertNotIn("num_inference_steps", page.jobs[0][1])  # the same for all

    def test_a_sweep_of_two_settings_is_rows_and_columns(self):
        page = self.report(SWEEP)
        self.assertEqual(page.heads, ["num_iters 1", "num_iters 3", "seed 1", "seed 2"])
        self.assertEqual(page.heading, "a red circle")
        table = [tag for tag, _ in page.elements if tag in ("tr", "td", "figure")]
        row = ["td", "figure"] * 2
        self.assertEqual(table, ["tr", "td", "tr", *row, "tr", *row])
        in_order = [f"data:image/gif;base64,{base64.b64encode(self.bytes_of(result['outputs'][0])).decode()}"
                    for result in self.kept()]
        self.assertEqual(page.sources, in_order)

    def test_no_grid_of_holes(self):
        page = self.report(CIRCLE, {**SQUARE, "name": "b"}, {**SQUARE, "name": "c", "seed": 9, "prompt": "a star"})
        self.assertEqual((page.heads, len(page.jobs)), ([], 3))

    def test_seeds_that_jobs_do_not_give(self):
        job = {**FAST, "prompt": ["a red circle", "a blue square"]}
        for (_, text), result in zip(self.report(job).jobs, self.kept()):
            self.assertIn(f"seed {result['seed']}", text)

    def test_foreign_text_is_text(self):
        evil = "</script><script>alert(1)</script>{{jobs}}<!-- \"'&amp;"
        name = "<img src=x onerror=alert(1)>\"'&"
        page = self.report({**CIRCLE, "prompt": evil, "name": name}, {**SQUARE, "name": "b"}, f'{{"{evil}', code=SOME_FAILED)
        self.assertEqual([tag for tag, _ in page.elements].count("script"), 1)
        self.assertEqual([tag for tag, _ in page.elements].count("img"), 2)
        self.assertFalse([attributes for _, attributes in page.elements if any(key.startswith("on") for key in attributes)])
        self.assertIn(evil, page.jobs[0][1])
        self.assertIn(name, page.jobs[0][1])
        self.assertIn(evil, page.jobs[2][1])

    def test_nothing_from_outside(self):
        page = self.report({**CIRCLE, "num_videos": 2})
        self.assertEqual(len(page.sources), 2)
        self.assertTrue(all(source.startswith("data:") for source in page.sources))
        policy = [attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes]
        self.assertEqual(policy, ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                                  "img-src data:; media-src data:"])
        self.assertNotRegex(self.text(), r"https?://|@import|url\(")

    def test_of_what_is_there_without_the_model(self):
        """Also a part of it, and in another place; the videos of a page may be gone."""
        bundle = self.copy_of_bundle()
        whole = self.report(SWEEP, args=["--bundle", bundle])
        for network in bundle.glob("*.pt"):
            network.unlink()
        again = self.report(SWEEP, args=["--bundle", bundle])
        self.assertEqual(again.elements, whole.elements)
        part = self.report({**SWEEP, "seed": 2}, {**SQUARE, "num_iters": 0}, args=["--bundle", bundle], code=SOME_FAILED)
        self.assertEqual([status for status, _ in part.jobs], ["done", "done", "failed"])

    def test_whose_file_is_replaced(self):
        (self.folder / "page.html").write_text("mine")
        self.write_jobs(CIRCLE)
        (self.folder / "out").mkdir()
        (self.folder / "out/results.jsonl").touch()
        self.fails(2, *self.arguments(), says="is there already")
        self.results("--overwrite")
        self.results()
        for self.name, code, says in (("page.txt", 2, ".html"), ("gone/page.html", 6, "gone")):
            self.fails(code, *self.arguments(), says=says)

    def test_many_are_links(self):
        self.report({**CIRCLE, "name": "a b#c%d"}, SQUARE)
        os.truncate(self.folder / "out/square.gif", LIMIT)
        self.name = "out/page.html"
        page = self.report({**CIRCLE, "name": "a b#c%d"}, SQUARE)
        self.assertEqual(page.sources, ["a%20b%23c%25d.gif", "square.gif"])

    def test_stopped(self):
        self.write_jobs(CIRCLE, {**ENDLESS, "seed": [1, 2]})
        process = self.start()
        self.wait_for(lambda: "endless" in process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        self.assertEqual([status for status, _ in self.page().jobs], ["done", "open", "open"])


@unittest.skipIf(BROWSER is None, "no Chromium")
class Shown(Reports):
    """In a browser, whose videos are held at their first frame."""

    def look(self, *args):
        shown = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1000,1400",
                                f"--user-data-dir={self.folder / 'browser'}", *args, (self.folder / "held.html").as_uri()],
                               cwd=self.folder, capture_output=True, text=True, timeout=300)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return shown.stdout

    def photograph(self):
        """Counts of the page's script, and where the videos are: x, y, width, height."""
        (self.folder / "held.html").write_text(self.text().replace("'use strict';", """'use strict';
            HTMLMediaElement.prototype.play = async () => {};
            addEventListener('load', () => setTimeout(() => {
              document.documentElement.dataset.places = JSON.stringify([...document.querySelectorAll('.media > *')].map(
                element => (r => [r.x, r.y, r.width, r.height])(element.getBoundingClientRect())));
            }, 500));"""))
        dom = self.look("--dump-dom", "--virtual-time-budget=3000")
        self.look("--screenshot=shot.png")
        root = Page(dom).elements[0][1]
        return int(root["data-shown"]), int(root["data-unplayable"]), json.loads(root["data-places"])

    def colours(self, file, *cut):
        """Of the first frame, or of a part of it: 4x4 means of red, green and blue."""
        filters = ",".join([*cut, "scale=4:4:flags=area"])
        return subprocess.run(["ffmpeg", "-v", "error", "-i", file, "-vf", filters, "-frames:v", "1", "-f", "rawvideo",
                               "-pix_fmt", "rgb24", "-"], cwd=self.folder, check=True, capture_output=True).stdout

    def difference(self, place, video):
        x, y, width, height = map(round, place)
        seen = self.colours("shot.png", f"crop={width}:{height}:{x}:{y}")
        return max(abs(a - b) for a, b in zip(seen, self.colours(video)))

    def test_each_video_in_its_place(self):
        for kind in ("mp4", "webm"):
            with self.subTest(kind):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                self.format = kind
                self.batch(SWEEP)
                shown, unplayable, places = self.photograph()
                self.assertEqual((shown, unplayable), (4, 0))
                videos = [result["outputs"][0] for result in self.kept()]
                for number, place in enumerate(places):
                    differences = [self.difference(place, video) for video in videos]
                    self.assertEqual(differences.index(min(differences)), number, differences)
                    self.assertLess(differences[number], 20)  # of 255: the browser scales and converts in its own way

    def test_what_no_browser_plays_has_a_picture_that_moves(self):
        for self.format in ("mov", "png"):
            with self.subTest(self.format):
                shutil.rmtree(self.folder / "out", ignore_errors=True)
                page = self.report(SWEEP)
                self.assertTrue(all(source.startswith("data:image/webp;") for source in page.sources))
                self.assertEqual(self.photograph()[:2], (4, 0))


if __name__ == "__main__":
    unittest.main()
