"""docs/from_diffusers.md names every argument that diffusers' functions have, and none that they lack."""

import inspect
import re
from pathlib import Path

import pytest
from diffusers import AnimateDiffPipeline, TextToVideoSDPipeline

PAGE = (Path(__file__).resolve().parents[3] / "docs/from_diffusers.md").read_text()


def section(heading):
    return PAGE.split(f"## `{heading}`", 1)[1].split("\n## ", 1)[0]


def first_column(text):
    """The names before `=` in what stands between backticks in the first cell of each row."""
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)(?==|`)", cell)}


def arguments(function):
    known = inspect.signature(function).parameters
    return {name for name in known if name not in ("self", "kwargs")}


@pytest.mark.parametrize(("heading", "function"), [
    ("enable_free_init", AnimateDiffPipeline.enable_free_init),
    ("AnimateDiffPipeline.__call__", AnimateDiffPipeline.__call__),
])
def test_every_argument_is_on_the_page(heading, function):
    assert first_column(section(heading)) == arguments(function)


def test_every_argument_of_modelscope_is_there_or_above():
    own = first_column(section("TextToVideoSDPipeline.__call__"))
    above = first_column(section("AnimateDiffPipeline.__call__"))
    wanted = arguments(TextToVideoSDPipeline.__call__)
    assert own <= wanted <= own | above
