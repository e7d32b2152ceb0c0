"""Contracts, figures and recommended settings."""

import pytest

from freeinit_export.bundle.manifest import RECOMMENDED, canonical, recommended_settings, rounded_up
from freeinit_export.errors import ExportError


def test_contracts_are_canonical():
    assert (
        canonical({"b": None, "a": [1, 2.5, True], "c": "x"})
        == '{"a":[1,2.5,true],"b":null,"c":"x"}'
    )
    with pytest.raises(ValueError):
        canonical({"a": float("nan")})


@pytest.mark.parametrize(
    "value, expected", [(0.0, 0.0), (1.234e-6, 1.3e-6), (9.99e-7, 1e-6), (2e-6, 2e-6), (0.5, 0.5)]
)
def test_figures_are_rounded_up(value, expected):
    assert rounded_up(value) == pytest.approx(expected, rel=1e-12)
    assert rounded_up(value) >= value * (1 - 1e-8)


def test_a_recommended_flag():
    defaults = {"mend_text": True}
    assert recommended_settings(defaults, ["mend_text=false"])["mend_text"] is False
    with pytest.raises(ExportError, match="true or false"):
        recommended_settings(defaults, ["mend_text=0"])


def test_recommended_settings():
    found = recommended_settings(
        {"height": 64}, ["num_iters=5", "filter.method=gaussian", "negative_prompt=a=b"]
    )
    assert found["height"] == 64 and found["width"] == 512 and found["num_iters"] == 5
    assert found["filter"]["method"] == "gaussian" and found["negative_prompt"] == "a=b"
    assert RECOMMENDED["filter"]["method"] == "butterworth" and RECOMMENDED["num_iters"] == 3


@pytest.mark.parametrize(
    "change",
    [
        "num_frames",
        "frames=3",
        "num_frames=x",
        "num_frames=0",
        "eta=nan",
        "filter=1",
        "filter.method=sharp",
    ],
)
def test_bad_recommended_settings_are_refused(change):
    with pytest.raises(ExportError, match="recommended"):
        recommended_settings({}, [change])
