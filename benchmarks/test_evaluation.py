"""The evaluation: the cluster bootstrap against closed forms, reports of made-up lines, and the worlds."""

import json
import multiprocessing
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec

import numpy
import pytest
from evaluation import csv_file, worlds
from evaluation.intervals import difference, mean, relative_change, share, share_of_gain
from evaluation.lines import JUDGE, TIMES, append_line
from evaluation.page import report
from evaluation.results import FORMS, Results
from evaluation.worlds import read_plan
from experiments.evaluation import claim_work, open_work
from measuring.models import DEMO

QUANTILE = 1.959964  # of the normal distribution, 97.5 %


def normal(count):
    return numpy.random.default_rng(1).normal(size=count)


def width(figure):
    return figure["interval"][1] - figure["interval"][0]


def test_sentences_with_one_row_give_the_standard_error():
    values = normal(200)
    error = values.std() / numpy.sqrt(len(values))
    assert width(mean(values, range(200))) == pytest.approx(2 * QUANTILE * error, rel=0.05)


def test_rows_repeated_within_their_sentence_change_nothing():
    values, plain, sentences = normal(100), normal(200)[100:], numpy.arange(100) // 2
    once = [mean(values, sentences), difference(values, plain, sentences),
            share_of_gain(values, plain, plain - 1, sentences)]
    values, plain, sentences = (numpy.repeat(x, 3) for x in (values, plain, sentences))
    thrice = [mean(values, sentences), difference(values, plain, sentences),
              share_of_gain(values, plain, plain - 1, sentences)]
    for a, b in zip(once, thrice):
        assert [a["mean"], *a["interval"]] == pytest.approx([b["mean"], *b["interval"]])


def test_rows_alike_within_a_sentence_widen_the_interval():
    values = numpy.repeat(normal(50), 4)
    assert width(mean(values, numpy.arange(200) // 4)) == pytest.approx(2 * width(mean(values, range(200))), rel=0.1)


def test_shares_without_spread_get_the_exact_interval():
    assert share([1] * 20, [0, 1] * 10)["interval"] == pytest.approx([0.025 ** 0.5, 1])
    assert share([0] * 20, range(20))["interval"] == pytest.approx([0, 1 - 0.025 ** 0.05])
    assert share([0, 1], [0, 1])["interval"] == [0, 1]


def test_a_relative_change_is_that_of_the_means():
    plain = 2 + 0.1 * normal(50)
    found = relative_change(0.9 * plain, plain, range(50))
    assert [found["mean"], *found["interval"]] == pytest.approx([-0.1] * 3)


def made_up_lines(plan, root, names, count=8):
    for place in ("lines", "benchmarks/results"):
        (root / place).mkdir(parents=True, exist_ok=True)
    for name in names:
        for index, value in enumerate(normal(count)):
            number = list(plan["requests"]).index(name)
            line = {field: 1 + 0.1 * value + number for field, *_ in plan["metrics"] + FORMS}
            words = ["all", "colour", "shape", "motion"] + ["background"] * (index % 2)
            append_line(root / "lines", name, {
                "index": index, "prompt": f"sentence {index % 4}", "seed": index, "unet_calls": 15 + number,
                **line, **{word: True for word in words}})


def page_of(plan, root):
    report(plan, [root / "lines"], root)
    return (root / "benchmarks/results/evaluation.md").read_text()


def test_report_of_a_few_lines(tmp_path):
    plan = read_plan()
    made_up_lines(plan, tmp_path, plan["core"])
    append_line(tmp_path / "lines", TIMES, {"index": 0, "configurations": plan["core"], "network_calls": 120,
                                            "seconds": 21.0})
    (tmp_path / "lines" / JUDGE).write_text('{"clips": 5, "colour": 1, "shape": 1, "motion": 0.8, "background": 1}')
    page = page_of(plan, tmp_path)
    assert "8 pairs of 4 sentences" in page
    assert "| colour | 1.000 [0.398, 1.000] |" in page  # 0.025 ** (1 / 4)
    assert "| passes 3 | not named | +2.0000 [+2.0000, +2.0000] |" in page
    assert "| passes 2 | +1.0000 [+1.0000, +1.0000] | +1.0000" in page.split("## Other forms of consistency")[1]
    assert "120 calls a prompt and took 21 s" in page
    assert "On 5 newly rendered clips it is right in 100.0 % colour, 100.0 % shape, 80.0 % motion" in page


def test_a_line_of_another_sentence_is_not_taken_for_the_prompts(tmp_path):
    plan = read_plan()
    made_up_lines(plan, tmp_path, plan["core"])
    prompts = [{"index": index, "prompt": f"sentence {index % 4}", "seed": index} for index in range(8)]
    options = Namespace(shard="0/1", work=tmp_path / "lines", wide=0, core=plan["core"])
    assert open_work(plan, options, prompts) == []
    prompts[5]["prompt"] = "sentence 7"
    ((prompt, missing),) = open_work(plan, options, prompts)
    assert prompt["index"] == 5 and missing == plan["core"]

    append_line(tmp_path / "lines", "passes 3", {"index": 5, "prompt": "sentence 7", "seed": 5})
    page_of(plan, tmp_path)
    _, results, _, _ = csv_file.read(tmp_path / "benchmarks/results/evaluation.csv")
    assert results["passes 3"]["count"] == 7 and results["plain"]["count"] == results["passes 2"]["count"] == 8
    share = results["passes 2"]["share of the gain"][next(iter(plan["gains"]))]
    assert share["count"] == 7  # of what passes 3 has, too


def test_rows_of_a_former_run_are_kept_while_plain_sampling_is_the_same(tmp_path):
    plan = read_plan()
    made_up_lines(plan, tmp_path, [*plan["core"], "passes 5"])
    page_of(plan, tmp_path)
    (tmp_path / "lines" / "passes_5.jsonl").unlink()
    page = page_of(plan, tmp_path)
    assert "| passes 5 |" in page and "| passes 3 |" in page
    report(plan, [], tmp_path)
    assert (tmp_path / "benchmarks/results/evaluation.md").read_text() == page  # from the CSV alone
    lines = tmp_path / "lines" / "plain.jsonl"
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    lines.write_text("".join(json.dumps({**row, "flicker": row["flicker"] + 1}) + "\n" for row in rows))
    assert "| passes 5 |" not in page_of(plan, tmp_path)


def test_a_world_with_an_upper_line_has_a_gap_and_demands(tmp_path):
    plan = read_plan("models/train_next")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/evaluation.md").write_text("<!-- begin evaluation -->\n<!-- end evaluation -->\n")
    made_up_lines(plan, tmp_path, plan["core"])
    page = page_of(plan, tmp_path)  # every figure is the configuration's number: 2 for passes 3, 4 for passes 5
    diffused = list(plan["requests"]).index("diffused")
    row = next(line for line in page.splitlines() if line.startswith("| passes 3 | 17.0 |"))
    assert f"| {200 / diffused:.0f} % [{200 / diffused:.0f}, {200 / diffused:.0f}] | 100 % [100, 100] |" in row
    demands = page.split("## What was to be shown")[1].split("##")[0].splitlines()
    found = {line.split(" | ")[0][2:]: line for line in demands if line.startswith("| ")}
    assert found["Diffused noise has better consistency"].endswith("| met |")
    assert found["5 passes close more of the gap in consistency"].endswith("| met |")
    assert found["3 passes close 40 % of the gap in consistency"].endswith("| **not met** |")
    # Where diffused noise is not steadier there is no gap to close.
    assert found["5 passes close more of the gap in background deviation"].endswith("| **not met** |")
    assert found["The colour is right with 1 pass"].endswith("| 1.000 [0.398, 1.000] | at least 0.95 | met |")
    assert found["All words with 3 passes are no worse beyond the interval"].endswith("| met |")
    docs = (tmp_path / "docs/evaluation.md").read_text()
    assert docs.count("\n| ") == 2 + len(plan["docs"]["rows"]) and "| diffused noise | " in docs
    assert (tmp_path / "docs/images/evaluation.svg").read_text().count("<circle") == 2 * (len(plan["core"]) - 1) + 2
    report(plan, [], tmp_path)
    assert (tmp_path / "benchmarks/results/evaluation.md").read_text() == page
    # Figures of one world are no former run of the other.
    with pytest.raises(SystemExit, match="no results"):
        report(read_plan(), [], tmp_path)


def test_the_picture_is_of_the_median_gain(tmp_path):
    plan = read_plan("models/train_next")
    made_up_lines(plan, tmp_path, plan["core"])
    lines = tmp_path / "lines" / "passes_3.jsonl"
    plain = [json.loads(line) for line in (tmp_path / "lines" / "plain.jsonl").read_text().splitlines()]
    gains = [5, 1, 7, 3, 8, 2, 6, 4]
    lines.write_text("".join(json.dumps({**row, **{field: row[field] - gain for field in plan["gains"]}}) + "\n"
                             for row, gain in zip(plain, gains)))
    gain, index = Results(plan, [tmp_path / "lines"], {}).median_prompt()
    assert index == gains.index(4) and gain == pytest.approx(4)


def look_at(name):
    """What a world says of itself, in a process of its own."""
    world = worlds.load(name)
    prompts = world.prompts(200)
    clips = [world.real_clip(prompt) for prompt in (prompts[0], prompts[0], prompts[1])]
    with pytest.raises(RuntimeError, match="has loaded"):
        worlds.load("models/other")
    return prompts, world.tuning_prompts(8), [clip.numpy() for clip in clips]


def apart(call, *values):
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(call, *values).result()


@pytest.mark.parametrize("name", worlds.NAMES)
def test_prompts_and_clips_of_a_world(name):
    prompts, tuning, (clip, again, other) = apart(look_at, name)
    assert [row["seed"] for row in prompts] == [7_000_000 + 1000 * i for i in range(200)]
    assert [row["index"] for row in prompts] == list(range(200))
    assert sum("background" in row["prompt"] for row in prompts) == 100
    assert len(tuning) == 8 and all({"prompt", "seed", "words"} <= row.keys() for row in tuning)
    assert clip.dtype == numpy.uint8 and clip.shape[0] == 16 and clip.shape[3] == 3
    assert (clip == again).all() and (clip != other).any()


@pytest.mark.parametrize("name", worlds.NAMES)
def test_a_plan_names_what_there_is(name):
    plan = read_plan(name)
    requests, metrics = set(plan["requests"]), {field for field, *_ in plan["metrics"]}
    named = {plan["plain"], plan["reference"], plan.get("upper", plan["plain"]), *plan["core"], *plan["split"],
             *plan["docs"]["rows"], *(demand["configuration"] for demand in plan.get("demands", []))}
    assert named | {one for curve in plan["curves"] for one in curve} <= requests
    assert {*plan["gains"], *plan["relative"], plan["steadiness"], *plan["beside_goal"]} <= metrics
    assert plan["goal_group"] in {group["title"] for group in plan["groups"]}


def test_videos_of_two_bundles_are_not_mixed(tmp_path):
    manifest = json.loads((DEMO / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "recommended": {}}))
    claim_work(Namespace(work=tmp_path, bundle=DEMO))
    claim_work(Namespace(work=tmp_path, bundle=DEMO))
    with pytest.raises(SystemExit, match="another bundle"):
        claim_work(Namespace(work=tmp_path, bundle=tmp_path))


def look_at_rendered(folder):
    """Of models/train_next: what an untrained judge and the encoder make of a rendered clip and of noise."""
    import torch

    world = worlds.load("models/train_next")
    import judge

    (folder / "judge").mkdir()
    torch.save({"judge": judge.Judge().state_dict()}, folder / world.JUDGE)
    prompts = world.prompts(4)
    named, silent = (next(row for row in prompts if (row["words"][3] == 4) == free) for free in (False, True))
    noise = torch.randint(0, 256, (16, 128, 128, 3), dtype=torch.uint8)
    measure = world.Measure(folder)
    return measure(torch.stack([world.real_clip(named), noise]), named["words"]), measure(
        world.real_clip(silent)[None], silent["words"])


@pytest.mark.skipif(not find_spec("efficientnet_lite_pytorch"), reason="needs EfficientNet-Lite")
def test_a_rendered_clip_has_a_still_background(tmp_path):
    (clip, noise), (silent,) = apart(look_at_rendered, tmp_path)
    fields = {field for field, *_ in read_plan("models/train_next")["metrics"]}
    assert {"background_deviation", "centred_consistency", "feature_consistency", "early_consistency"} <= fields
    assert clip.keys() == {"background_deviation", "centred_consistency", "feature_consistency", "early_consistency",
                           "colour", "shape", "motion", "background", "all"}
    assert silent.keys() == clip.keys() - {"background"}
    assert clip["background_deviation"] < 1e-6 < 0.1 < noise["background_deviation"]
    assert clip["early_consistency"] > 99 and clip["centred_consistency"] > 80
