"""Every marked snippet of a page stands word for word in the file that it names, which the build compiles.

    python3 check_snippets.py SOURCE_DIR PAGE.md...
"""

import re
import sys
from pathlib import Path

SNIPPET = re.compile(r"<!-- snippet: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)


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
        for file, text in snippets:
            if words(text) not in words((source / file).read_text()):
                print(f"{page}: this snippet is not in {file}:\n{text}")
                wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
