"""One tiny pipeline and one bundle made from it, shared by all tests."""

import os
import subprocess
import sys
from importlib.util import find_spec

os.environ.setdefault("OMP_NUM_THREADS", "1")  # equal bits in every process

import pytest
import torch

from freeinit_export.sources.torchvision_import import import_torchvision

if find_spec("torchvision") is not None:
    import_torchvision()  # before diffusers, which imports it where there is one
from freeinit_export.bundle import write  # noqa: E402
from tiny_pipeline import tiny_pipeline  # noqa: E402

torch.set_num_threads(1)
OPTIONS = ("--license", "CC0-1.0", "--recommended", "eta=0.5")


def run_command(saved, out, *options):
    """The command in its own process, as users start it."""
    command = [sys.executable, "-m", "freeinit_export", "diffusers", str(saved), str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def pipeline():
    return tiny_pipeline()


@pytest.fixture(scope="session")
def saved(pipeline, tmp_path_factory):
    """The folder that `save_pretrained` writes."""
    folder = tmp_path_factory.mktemp("saved") / "tiny"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bundle(saved, tmp_path_factory):
    """The folder that the command writes."""
    out = tmp_path_factory.mktemp("out") / "bundle"
    run_command(saved, out, *OPTIONS)
    return out


@pytest.fixture
def only_networks(monkeypatch):
    """only_networks(ROLES): bundles are written with the networks whose roles ROLES() gives, not
    read again by a fresh process, and without the colours of latents."""
    write_networks = write._write_networks

    def only(roles):
        def write_some(model, *others):
            wanted = roles()
            model.components = {role: one for role, one in model.components.items() if role in wanted}
            sections, worst = write_networks(model, *others)
            return sections, {"": 0.0, **worst}

        monkeypatch.setattr(write, "_write_networks", write_some)
        monkeypatch.setattr(write, "_check_in_fresh_process", lambda *arguments: ({"": 0.0}, {}))
        monkeypatch.setattr(write, "preview_of", lambda *arguments: None)

    return only
