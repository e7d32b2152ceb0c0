"""The evaluation: the cluster bootstrap against closed forms, and a report of made-up lines."""

import json
from argparse import Namespace

import numpy
import pytest
from evaluation import csv_file
from evaluation.intervals import difference, mean, share, share_of_gain
from evaluation.lines import JUDGE, TIMES, append_line
from evaluation.page import report
from evaluation.results import FORMS, METRICS
from experiments.evaluation import open_work, read_plan

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


def made_up_lines(plan, root, names, count=8):
    for place in ("lines", "benchmarks/results"):
        (root / place).mkdir(parents=True, exist_ok=True)
    for name in names:
        for index, value in enumerate(normal(count)):
            number = list(plan["requests"]).index(name)
            line = {field: 0.1 * value + number for field, *_ in METRICS + FORMS}
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
    results, _, _ = csv_file.read(tmp_path / "benchmarks/results/evaluation.csv")
    assert results["passes 2"]["count"] == results["passes 3"]["count"] == 7 and results["plain"]["count"] == 7


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
