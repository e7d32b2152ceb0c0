"""What the user is told: the one error of the package, and lines on the way."""

import contextlib
import sys
import time
from collections.abc import Iterator

_SECONDS = 10.0  # between lines on one step, where there is no terminal


class Report:
    """Takes lines for the user, and what is being done: on a terminal in one line that changes,
    elsewhere now and then."""

    def __init__(self, quiet: bool = False):
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()
        self._width = 0

    def __call__(self, line: str) -> None:
        self.clear()
        self._last = time.monotonic()
        if not self._quiet:
            print(line, flush=True)

    def step(self, text: str) -> None:
        """What is being done now, "unet.pt: comparing 3 of 8" say."""
        if self._quiet:
            return
        if self._terminal:
            self.clear()
            print(text, end="", file=sys.stderr, flush=True)
            self._width = len(text)
        elif time.monotonic() - self._last >= _SECONDS:
            self._last = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Takes away the line that changes."""
        if self._width:
            print("\r" + " " * self._width + "\r", end="", file=sys.stderr, flush=True)
            self._width = 0


class ExportError(Exception):
    """What cannot be exported: one line that names the thing, its value and what is expected."""


def one_line(error: BaseException, limit: int = 300) -> str:
    """The message of `error` on one line, of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."


@contextlib.contextmanager
def naming(what: str, expected: str) -> Iterator[None]:
    """Whatever a damaged value breaks inside becomes one line that begins with `what`."""
    try:
        yield
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(
            f"{what}: {type(error).__name__}: {one_line(error)}; expected {expected}"
        ) from error
