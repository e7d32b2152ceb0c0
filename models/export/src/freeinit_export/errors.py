"""The one error of the package."""


class ExportError(Exception):
    """What cannot be exported: one line that names the thing, its value and what is expected."""
