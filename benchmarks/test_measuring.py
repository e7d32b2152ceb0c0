"""A program that fails while it is measured says why."""

import sys

import pytest
from measuring.child import LAST, run_to_end
from measuring.first_call import first_call


def python(text):
    return [sys.executable, "-c", text]


def test_what_fails_shows_its_last_errors():
    text = f"import sys\nfor line in range({2 * LAST}): print('line', line, file=sys.stderr)\nsys.exit(3)"
    with pytest.raises(SystemExit) as found:
        run_to_end(python(text))
    said = str(found.value).splitlines()
    assert said[0] == f"{sys.executable}: ended with code 3"
    assert said[1:] == [f"line {line}" for line in range(LAST, 2 * LAST)]


def test_a_signal_is_a_failure():
    with pytest.raises(SystemExit, match="ended with code -9"):
        run_to_end(python("import os\nos.kill(os.getpid(), 9)"))


def test_what_succeeds_gives_its_usage():
    usage = run_to_end(python("import sys\nprint('x' * 1_000_000, file=sys.stderr)"))
    assert usage.ru_utime + usage.ru_stime > 0 and usage.ru_maxrss > 0


def test_a_first_call_that_fails_says_why(tmp_path):
    command = tmp_path / "freeinit"
    command.write_text("#!/bin/sh\necho 'error: no such bundle' >&2\nexit 4\n")
    command.chmod(0o755)
    with pytest.raises(SystemExit, match="ended with code 4\nerror: no such bundle"):
        first_call(str(command), [])
