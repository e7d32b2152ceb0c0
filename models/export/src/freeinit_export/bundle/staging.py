"""All or nothing: a bundle is made beside its place and moved there when it is complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from freeinit_export.errors import ExportError


@contextlib.contextmanager
def staged(out: Path, overwrite: bool) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` if the block succeeds and vanishes if it does
    not."""
    check_target(out, overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise ExportError(f"'{out}': cannot be written: {error.strerror}")
    try:
        folder.chmod(0o777 & ~_umask())  # mkdtemp's folders are for their owner alone
        yield folder
        _publish(folder, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_target(out: Path, overwrite: bool) -> None:
    if not os.path.lexists(out):
        return
    if not overwrite:
        raise ExportError(f"'{out}': exists already; expected a new name, or --overwrite")
    is_bundle = out.is_dir() and ((out / "manifest.json").is_file() or not any(out.iterdir()))
    if not is_bundle:
        raise ExportError(
            f"'{out}': is not a bundle and will not be overwritten; expected another name"
        )


def _publish(folder: Path, out: Path) -> None:
    if not out.exists():
        folder.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    out.rename(old / out.name)
    try:
        folder.rename(out)
    except OSError:
        (old / out.name).rename(out)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
