"""A program that is measured: what it writes is thrown away, unless it fails."""

from __future__ import annotations

import os
import subprocess
import tempfile

LAST = 20  # lines of its errors that are shown


def last_lines(errors: str | bytes) -> str:
    text = errors.decode(errors="replace") if isinstance(errors, bytes) else errors
    return "\n".join(text.rstrip().splitlines()[-LAST:])


def run_to_end(command: list, **options):
    """Runs it and returns what the system counted (os.wait4). Where it fails, ends this program with its last errors."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as errors:  # a file never fills up, as a pipe does that nobody reads
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors, **options)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{words[0]}: ended with code {process.returncode}\n{last_lines(errors.read())}")
    return usage
