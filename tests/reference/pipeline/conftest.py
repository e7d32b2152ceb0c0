"""Options, the pipelines under test with their bundles, and the record of the largest
differences."""

import functools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads sum in another order: about 1e-6

import pytest
import torch

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "models" / "export" / "tests"))  # tiny_pipeline.py
sys.path.insert(0, str(ROOT / "tests" / "reference" / "numerics"))  # official_formulas.py
sys.path.insert(0, str(ROOT / "tests" / "support"))  # forked_command.py

import forked_command
from command import Freeinit
from reference import MODELS, export_bundle
from tiny_modelscope import tiny_modelscope
from tiny_pipeline import tiny_pipeline

torch.set_num_threads(1)


def pytest_addoption(parser):
    parser.addoption("--freeinit", help="the built command (default: the environment's FREEINIT_COMMAND)")
    parser.addoption("--figures", help="write the largest differences to this JSON file")


@pytest.fixture(scope="session")
def freeinit(request, tmp_path_factory) -> Iterator[Freeinit]:
    path = request.config.getoption("--freeinit") or os.environ.get("FREEINIT_COMMAND")
    if not path:
        pytest.skip("no command: give --freeinit PATH or set FREEINIT")
    path = Path(path).resolve()
    folder = tmp_path_factory.mktemp("forked")
    preloaded = os.environ.get("FREEINIT_QUICK") and forked_command.compiled(folder)
    if not preloaded:
        yield Freeinit(path)
        return
    forked = forked_command.ForkedCommand(path, preloaded, folder, os.environ)
    yield Freeinit(path, forked)
    forked.close()


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A pipeline of a model of MODELS, and the bundle that was exported once from it: a second
    pipeline might have other merges, whose training does not say which of two equals comes first."""

    @functools.cache
    def export(name: str):
        pipeline = tiny_pipeline(**MODELS[name])
        return pipeline, export_bundle(pipeline, tmp_path_factory.mktemp(name))

    def copied(name: str):
        pipeline, bundle = export(name)
        return type(pipeline)(**pipeline.components), bundle  # tests exchange the scheduler

    return copied


@pytest.fixture(scope="session", params=list(MODELS))
def model(request, exported):
    """(name, pipeline, bundle)."""
    return request.param, *exported(request.param)


@pytest.fixture(scope="session")
def modelscope(tmp_path_factory):
    pipeline = tiny_modelscope(seed=3, levels=3, vae_levels=3)
    return pipeline, export_bundle(pipeline, tmp_path_factory.mktemp("modelscope"))


class Figures:
    """The largest difference of every kind, and the run that showed it."""

    def __init__(self):
        self.worst = {}

    def add(self, kind: str, run: str, value: float, limit: float):
        print(f"{run}: {kind} {value:.2e} (limit {limit:g})")
        if value >= self.worst.get(kind, {"value": -1.0})["value"]:
            self.worst[kind] = {"value": float(f"{value:.2e}"), "limit": limit, "run": run}
        assert value <= limit


@pytest.fixture(scope="session")
def figures(request):
    found = Figures()
    yield found
    path = request.config.getoption("--figures")
    if path and found.worst:
        Path(path).write_text(json.dumps(found.worst, indent=2) + "\n")
