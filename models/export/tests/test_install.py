"""`pip install ./models/export` leaves nothing in the tree."""

import importlib.util
import pathlib
import shutil
import subprocess
import sys
import zipfile

PACKAGE = pathlib.Path(__file__).parents[1]


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def test_a_build_leaves_nothing_in_the_tree(tmp_path):
    copy = tmp_path / "export"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    before = files(copy)
    # Without the network where the build backend is there.
    isolation = ["--no-build-isolation"] if importlib.util.find_spec("flit_core") else []
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *isolation,
                    "--wheel-dir", tmp_path, copy], check=True)
    assert files(copy) == before
    (wheel,) = tmp_path.glob("freeinit_export-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for module in (PACKAGE / "src").rglob("*.py"):
        assert module.relative_to(PACKAGE / "src").as_posix() in names
