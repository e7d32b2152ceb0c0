"""What the user is told: the one error of the package, and lines on the way."""

from collections.abc import Callable

Report = Callable[[str], None]  # takes a line for the user


class ExportError(Exception):
    """What cannot be exported: one line that names the thing, its value and what is expected."""


def one_line(error: BaseException, limit: int = 300) -> str:
    """The message of `error` on one line, of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."
