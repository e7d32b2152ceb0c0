"""Reports of runs that lack what shares are taken of, and of runs of other worlds."""

import json

import pytest
from evaluation import csv_file
from evaluation.acceptance import acceptance_table
from evaluation.lines import JUDGE
from evaluation.page import again, report
from evaluation.results import Results, is_of_world
from evaluation.worlds import read_plan
from test_evaluation import made_up_lines, page_of

NEXT = "models/train_next"


def demands_of(results):
    """The last two columns and the figure of each demand."""
    rows = (line.strip("| ").split(" | ") for line in acceptance_table(results).splitlines()[2:])
    return {row[0]: row[1:] for row in rows}


def change_lines(root, name, change):
    """`change` gets each line's dictionary and gives it back."""
    file = root / "lines" / f"{name.replace(' ', '_')}.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(change(row)) + "\n" for row in rows))


def test_a_run_without_the_upper_line_has_no_gap(tmp_path):
    plan = read_plan(NEXT)
    made_up_lines(plan, tmp_path, ["plain", "passes 3"])
    page = page_of(plan, tmp_path)
    assert page.count("**not met**") and "passes 3 | 17.0 |" in page
    results = Results(plan, [tmp_path / "lines"], {})
    for name in ("plain", "passes 3"):
        assert results.summary[name]["count"] == 8 and results.summary[name]["share of the gap"] == {}
        assert results.summary[name]["share of the gain"].keys() == plan["gains"].keys()
    demands = demands_of(results)
    assert demands["3 passes close 40 % of the gap in consistency"] == ["", "at least 40 %", "not run"]
    assert demands["5 passes close more of the gap in consistency"][2] == "not run"
    assert demands["Diffused noise has better consistency"][2] == "not run"
    assert demands["The colour is right with 3 passes"][2] == "met"
    report(plan, [], tmp_path)
    assert (tmp_path / "benchmarks/results/evaluation.md").read_text() == page  # from the CSV alone
    assert results.median_prompt()


@pytest.mark.parametrize("world, names", [(NEXT, ["plain"]), (NEXT, ["plain", "passes 2", "prediction 1, 3 passes"]),
                                          (NEXT, ["plain", "diffused"]), ("models/train", ["plain", "passes 2"])])
def test_a_run_without_the_reference_has_no_shares_of_its_gain(tmp_path, world, names):
    plan = read_plan(world)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/evaluation.md").write_text("<!-- begin evaluation -->\n<!-- end evaluation -->\n")
    made_up_lines(plan, tmp_path, names)
    page = page_of(plan, tmp_path)
    assert "No configuration that costs at most 1.15 times plain sampling was run beside *passes 3*" in page
    results = Results(plan, [tmp_path / "lines"], {})
    assert list(results.summary) == names and not any(row["share of the gain"] for row in results.summary.values())


def test_means_are_of_all_lines_and_shares_of_those_with_their_whole(tmp_path):
    plan = read_plan(NEXT)
    made_up_lines(plan, tmp_path, ["plain", "passes 3"], count=8)
    made_up_lines(plan, tmp_path, ["diffused"], count=4)
    page = page_of(plan, tmp_path)
    _, found, _, _ = csv_file.read(tmp_path / "benchmarks/results/evaluation.csv")
    assert [found[name]["count"] for name in ("plain", "passes 3", "diffused")] == [8, 8, 4]
    row = found["passes 3"]
    for of in ("mean", "change", "relative change", "share of the gain"):
        for field in plan["relative"] if of == "relative change" else plan["gains"]:
            assert row[of][field]["count"] == 8
    assert row["mean"]["colour"]["count"] == row["change"]["motion"]["count"] == 8
    assert row["mean"]["background"]["count"] == 4  # half of the prompts name it
    for field in plan["gains"]:
        assert row["share of the gap"][field]["count"] == 4
        assert row["share of the gap"][field]["sentences"] == 4
    assert ", n 4 | 100 % [100, 100] |" in page  # the share of the gap, then that of the gain


def test_a_line_that_gives_no_clear_change_is_no_whole(tmp_path):
    plan = read_plan(NEXT)
    field = "centred_consistency"
    made_up_lines(plan, tmp_path, ["plain", "passes 3", "diffused"])
    text = "3 passes close 40 % of the gap in consistency"
    # Every figure of passes 3 is 2 above plain sampling; diffused noise 0.1 on average.
    change_lines(tmp_path, "plain", lambda row: {**row, field: 0})
    change_lines(tmp_path, "passes 3", lambda row: {**row, field: 2})
    for clear, spread in ((True, 0), (False, 8)):
        change_lines(tmp_path, "diffused",
                     lambda row, spread=spread: {**row, field: 0.1 + spread * (-1) ** row["index"]})
        results = Results(plan, [tmp_path / "lines"], {})
        assert results.summary["diffused"]["change"][field]["mean"] == pytest.approx(0.1)
        assert results.is_better("diffused", field) == clear
        assert demands_of(results)[text][2] == ("met" if clear else "**not met**")
    change_lines(tmp_path, "diffused", lambda row: {**row, field: -1})
    assert not Results(plan, [tmp_path / "lines"], {}).is_better("diffused", field)  # clear, and the wrong way


def test_a_share_of_what_is_not_in_the_results_is_not_run(tmp_path):
    """Its row may be a former run's, while that of what it is taken of is none any more."""
    plan = read_plan(NEXT)
    made_up_lines(plan, tmp_path, ["plain", "passes 3", "passes 5", "diffused"])
    results = Results(plan, [tmp_path / "lines"], {})
    text = "5 passes close more of the gap in consistency"
    assert demands_of(results)[text][2] == "met"
    del results.summary["diffused"]
    assert "share of the gap" in results.summary["passes 5"]
    assert demands_of(results)[text] == ["", "above passes 3", "not run"]


def test_a_gain_that_is_not_clear_has_no_verdict_of_its_share(tmp_path):
    plan = read_plan()
    made_up_lines(plan, tmp_path, ["plain", "passes 3", "prediction 1, 3 passes"])
    change_lines(tmp_path, "prediction 1 3 passes", lambda row: {**row, "unet_calls": 16})
    assert "it meets the goal" in page_of(plan, tmp_path)
    plain = iter([json.loads(line)["latent_consistency"]
                  for line in (tmp_path / "lines/plain.jsonl").read_text().splitlines()])
    change_lines(tmp_path, "passes 3",
                 lambda row: {**row, "latent_consistency": next(plain) + 0.1 + (-1) ** row["index"]})
    assert "The gain of *passes 3* is not told apart from no change" in page_of(plan, tmp_path)


def test_is_of_world():
    train, following = read_plan(), read_plan(NEXT)
    fields = {name: {"plain": {"mean": {field: {} for field, *_ in plan["metrics"]}}}
              for name, plan in (("train", train), ("train_next", following))}
    assert fields["train"]["plain"]["mean"].keys() < fields["train_next"]["plain"]["mean"].keys()
    assert is_of_world("train", fields["train"], train)
    assert is_of_world("train_next", fields["train_next"], following)
    assert not is_of_world("train_next", fields["train_next"], train)  # though it has all of its figures
    assert not is_of_world("train", fields["train"], following)
    assert not is_of_world(None, fields["train"], train)  # a file without a name
    assert not is_of_world("train", {}, train)
    # A world that took another's name, or has a figure more by now.
    assert not is_of_world("train_next", fields["train"], following)


def test_nothing_of_another_world_is_taken_over(tmp_path):
    following, train = read_plan(NEXT), read_plan()
    made_up_lines(following, tmp_path, ["plain", "passes 3", "passes 5"])
    (tmp_path / "lines" / JUDGE).write_text('{"clips": 5, "colour": 1, "shape": 1, "motion": 0.8, "background": 1}')
    assert "newly rendered clips it is right" in page_of(following, tmp_path)
    file = tmp_path / "benchmarks/results/evaluation.csv"
    world, _, _, notes = csv_file.read(file)
    assert world == "train_next" and notes.keys() == {"judge"}
    for old in (tmp_path / "lines").iterdir():
        old.unlink()
    made_up_lines(train, tmp_path, ["plain", "passes 3"])
    page = page_of(train, tmp_path)
    assert "newly rendered clips it is right" not in page and "| passes 5 |" not in page
    world, found, _, notes = csv_file.read(file)
    assert world == "train" and notes == {} and found.keys() == {"plain", "passes 3"}


def test_a_page_names_its_model_and_its_command(tmp_path):
    plan = read_plan(NEXT)
    made_up_lines(plan, tmp_path, ["plain", "passes 3"])
    page = page_of(plan, tmp_path)
    assert "do for the next demo model ([models/train_next](../../models/train_next)): 8 pairs" in page
    assert "models/shapes" not in page
    assert "\nscripts/evaluate.sh --world models/train_next --bundle BUNDLE\n" in page
    assert again(read_plan()) == "scripts/evaluate.sh"
    assert again(read_plan(steps=10)) == "scripts/evaluate.sh --steps 10"
    assert again(read_plan(NEXT, 10)) == "scripts/evaluate.sh --world models/train_next --bundle BUNDLE --steps 10"


@pytest.mark.parametrize("world", [NEXT, "models/train"])
def test_a_run_whose_prompts_name_no_background_asks_for_more(tmp_path, world):
    plan = read_plan(world)
    made_up_lines(plan, tmp_path, ["plain", "passes 3"], count=1)
    with pytest.raises(SystemExit, match="plain: no prompt .* names a background; run more of them"):
        report(plan, [tmp_path / "lines"], tmp_path)
