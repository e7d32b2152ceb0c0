"""Every marked snippet of a page stands word for word in the file that it names, which the build compiles.
What is marked as a program is the whole of its file.

    python3 check_snippets.py SOURCE_DIR PAGE.md...
"""

import re
import sys
from pathlib import Path

SNIPPET = re.compile(r"<!-- (snippet|program): (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)


def words(text: str) -> str:
    """Line breaks and indentation are free: the formatter may move them."""
    return " ".join(text.split())


def main() -> int:
    source = Path(sys.argv[1])
    wrong = 0
    for page in map(Path, sys.argv[2:]):
        snippets = SNIPPET.findall(page.read_text())
        if not snippets:
            print(f"{page}: no marked snippet")
            wrong += 1
        for kind, file, text in snippets:
            there = words((source / file).read_text())
            if words(text) != there if kind == "program" else words(text) not in there:
                print(f"{page}: this {kind} is not that of {file}:\n{text}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
