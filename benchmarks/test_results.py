"""The pages of results are those of the recorded figures, and every experiment can be named."""

import json
import subprocess
import sys
from pathlib import Path

import run
from report import pages, tables
from report.demands import demands
from report.page_tables import fill_places
from report.real_size import whole_commands, whole_videos


def test_the_page_shows_the_recorded_results():
    results = {path.stem: json.loads(path.read_text()) for path in pages.RESULTS.glob("*.json")}
    made = {name: pages.MADE_BY[name](result) for name, result in results.items()}
    made["demands"] = tables.reached(demands(results))
    assert (pages.RESULTS / "README.md").read_text() == pages.results_page(made)
    shown = {name for _, _, names in pages.SECTIONS for name in names}
    assert shown == set(pages.MADE_BY)


def test_every_experiment_is_listed_with_a_line():
    done = subprocess.run([sys.executable, Path(run.__file__), "--list"], capture_output=True, text=True, check=True)
    listed = {line.split()[0] for line in done.stdout.splitlines() if len(line.split()) > 3}
    assert listed == {*(path.stem for path in (run.HERE / "experiments").glob("*.py")), "report"}


def test_only_the_named_places_of_a_page_change(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin one -->\nold\n<!-- end one -->\n<!-- begin two -->\nkept\n<!-- end two -->\n")
    fill_places(page, {"one": "new", "three": "nowhere"})
    assert page.read_text() == (
        "a\n<!-- begin one -->\nnew\n<!-- end one -->\n<!-- begin two -->\nkept\n<!-- end two -->\n")  # fmt: skip


def test_commands_are_compared_by_the_share_of_the_other():
    programs = {name: {"cpu_seconds": seconds, "seconds": 1, "peak_mib": 2048, "peak_anonymous_mib": 1024, "difference": 0.001}
                for name, seconds in (("freeinit", 100), ("stable-diffusion.cpp", 400))}  # fmt: skip
    where = {"processor": "P", "threads": 1}
    page = whole_commands({"conditions": where, "repeats": 3, "programs": programs})
    assert "| freeinit | 100 s | 1.00 | 2.0 GiB | 1.0 GiB | 1.0e-03 |" in page
    assert "| stable-diffusion.cpp | 400 s | 0.25 | 2.0 GiB | 1.0 GiB | 1.0e-03 |" in page


def test_a_video_is_its_text_its_calls_and_its_decoding():
    peers = {name: {"peak_mib": 1024 * gib, "parts": {"text": 1, "unet": call, "decode": 119}}
             for name, call, gib in (("diffusers", 240, 8), ("freeinit-float16-weights", 120, 4), ("openvino", 1, 1))}  # fmt: skip
    page = whole_videos({"one_step_modelscope-256": {"peers": peers}})
    assert page.splitlines()[2:] == [
        "| ModelScope, 256x256 | diffusers | 8.0 GiB | 1.7 h | 5.0 h |  |",
        "| ModelScope, 256x256 | freeinit | 4.0 GiB | 52 min | 2.5 h | 56 min |",
    ]


def test_a_step_of_true_size_is_judged_by_its_goals():
    peers = {name: {"cpu_seconds": call + 100, "peak_mib": 9 * 1024, "parts": {"unet": call}}
             for name, call in (("diffusers", 400), ("openvino", 300), ("openvino-bfloat16", 200),
                                ("freeinit-float16-weights", 120), ("freeinit-bfloat16", 170))}  # fmt: skip
    result = {"size": "animatediff-512", "conditions": {"threads": 1}, "peers": peers}
    found = demands({"one_step_animatediff-512": result})
    assert [(demand.value, demand.reached) for demand in found] == [
        (220 / 500, True), (9, False), (120 / 300, True), (170 / 400, False), (170 / 200, False)]  # fmt: skip
    assert found[2].what == "animatediff-512: one UNet call, freeinit-float16-weights over openvino"
    programs = {"freeinit": {"cpu_seconds": 1}, "stable-diffusion.cpp": {"cpu_seconds": 2}}
    result = {"size": "animatediff-512", "conditions": {"threads": 1}, "programs": programs}
    assert [demand.reached for demand in demands({"stable_diffusion_cpp_animatediff-512": result})] == [True]
